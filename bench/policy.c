/* SPDX-License-Identifier: Apache-2.0 */
/* Policy decisions per second of processor time, by the number of statements. By hand:
 *   cc -std=gnu17 -O2 -D_GNU_SOURCE -I. -include base/banned.h -o /tmp/policy bench/policy.c auth/policy_{condition,document,eval}.c \
 *      auth/policy_{index,json,match,principal,statement}.c base/{arena,alloc,buf,encode,err,str}.c && /tmp/policy
 * Three shapes: `spread` - each statement names an action of its own; `wide` - every statement is about the action that is asked for, on
 * another team's repositories, and the last one matches; `denied` - as wide, and the answer is a deny with a condition at the end. */
#include <inttypes.h>
#include <time.h>

#include "auth/policy_eval.h"
#include "base/buf.h"
#include "base/err.h"

#define ARN "arn:aws:ecr:us-east-1:111111111111:repository/"

static const struct policy_key *user_name(void *ctx, const char *name)
{
    static const char *const values[] = {"ann"};
    static const struct policy_key key = {.name = "aws:username", .values = values, .values_n = 1};
    (void)ctx;
    return sw_streq(name, key.name) ? &key : NULL;
}

enum shape { SPREAD, WIDE, DENIED };
static const char *const shape_names[] = {"spread", "wide", "denied"};

static void write_document(struct sw_buf *b, enum shape shape, int n)
{
    sw_buf_add_z(b, "{\"Version\":\"2012-10-17\",\"Statement\":[");
    for (int i = 0; i < n; i++) {
        bool last = i == n - 1;
        sw_buf_addf(
            b, "%s{\"Effect\":\"%s\",\"Action\":[\"ecr:%s\",\"ecr:Get%dX\"],\"Resource\":\"" ARN,
            i ? "," : "", shape == DENIED && last ? "Deny" : "Allow",
            shape == SPREAD && !last ? "ListImages" : "PutImage", i);
        sw_buf_addf(b, "%s%d/*\"", last ? "team/" : "other-team-", i);
        if (last)
            sw_buf_add_z(b, ",\"Condition\":{\"StringEquals\":{\"aws:username\":\"ann\"}}");
        sw_buf_add_char(b, '}');
    }
    sw_buf_add_z(b, "]}");
}

/* Of this process, so that other work on the machine does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int measure(enum shape shape, int n)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(64 << 20);
    struct policy_document *d = NULL;
    struct policy_verdict v;
    char resource[128];
    write_document(&b, shape, n);
    int64_t start = cpu_us();
    if (policy_document_parse(sw_buf_str(&b), POLICY_TYPE_IDENTITY, &d, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    int64_t parse_us = cpu_us() - start, rounds = 0, spent;
    struct policy_attached a = {.doc = d, .name = "bench"};
    snprintf(resource, sizeof(resource), ARN "team/%d/app", n - 1);
    struct policy_question q = {.action = "ecr:PutImage",
                                .resource = resource,
                                .principal_arn = "arn:aws:iam::111111111111:user/ann",
                                .principal_account = "111111111111",
                                .identity = &a,
                                .identity_n = 1,
                                .key = user_name};
    start = cpu_us();
    do {
        for (int i = 0; i < 1000; i++)
            policy_evaluate(&q, &v);
        rounds += 1000;
        spent = cpu_us() - start;
    } while (spent < 500000);
    printf("%-7s %6d statements  %10" PRId64 " decisions/s  %8.0f ns each  parse %7" PRId64
           " us  %s\n",
           shape_names[shape], n, rounds * 1000000 / spent, (double)spent * 1000 / (double)rounds,
           parse_us, policy_decision_to_string(v.decision));
    policy_document_unref(d);
    sw_buf_done(&b);
    return 0;
}

int main(void)
{
    static const int sizes[] = {10, 100, 1000, 10000};
    int failed = 0;
    for (enum shape shape = SPREAD; shape <= DENIED; shape++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            failed |= measure(shape, sizes[i]);
    }
    return failed;
}
