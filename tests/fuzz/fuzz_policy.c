/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: auth base */
/* Input: a line with action, resource and one context value, separated by tabs; then a policy document.
 * Properties: a document parses or is refused with a place and a reason; a document that parsed decides the same twice, agrees with the
 * plain look at every statement, and lints; adding it as a boundary to itself changes nothing that it allows. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/policy_eval.h"
#include "auth/policy_lint.h"
#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct request {
    char action[128], resource[512], value[256];
    const char *values[1];
    struct policy_key key;
};

static const struct policy_key *any_key(void *ctx, const char *name)
{
    struct request *r = ctx;
    r->key.multi = name[0] && name[1] == 'w' && strlen(name) % 2 == 0;
    return strlen(name) % 7 ? &r->key : NULL;
}

static void read_request(struct sw_str line, struct request *r)
{
    struct sw_str part = {0};
    memset(r, 0, sizeof(*r));
    r->values[0] = r->value;
    r->key = (struct policy_key){.name = "any", .values = r->values, .values_n = 1};
    if (sw_str_split(&line, '\t', &part))
        (void)sw_str_copy(part, r->action, sizeof(r->action));
    if (sw_str_split(&line, '\t', &part))
        (void)sw_str_copy(part, r->resource, sizeof(r->resource));
    if (sw_str_split(&line, '\t', &part))
        (void)sw_str_copy(part, r->value, sizeof(r->value));
}

static void note_match(void *ctx, const struct policy_attached *policy, size_t statement)
{
    bool *found = ctx;
    found[policy_document_statement(policy->doc, statement).deny] = true;
}

static void note_finding(void *ctx, const struct policy_finding *f)
{
    assert(f->code && f->message && f->where.line);
    ++*(size_t *)ctx;
}

static void decide(struct policy_document *d, struct request *r)
{
    struct policy_attached a = {.doc = d, .name = "p"};
    bool resource = policy_document_type(d) == POLICY_TYPE_RESOURCE;
    bool found[2] = {false, false};
    struct policy_verdict v, again;
    struct policy_question q = {.action = r->action,
                                .resource = r->resource,
                                .principal_arn = "arn:aws:iam::111111111111:user/ann",
                                .principal_account = "111111111111",
                                .identity = &a,
                                .identity_n = !resource,
                                .resource_policies = &a,
                                .resource_policies_n = resource,
                                .key = any_key,
                                .key_ctx = r};
    policy_evaluate(&q, &v);
    policy_evaluate(&q, &again);
    assert(v.decision == again.decision && v.by == again.by && v.statement == again.statement);
    policy_matches(&q, note_match, found);
    assert(found[1] == (v.decision == POLICY_EXPLICIT_DENY));
    if (!resource) {
        assert(found[1] || found[0] == (v.decision == POLICY_ALLOW));
        q.boundary = &a;
        policy_evaluate(&q, &again);
        assert(v.decision == again.decision);
    }
    struct sw_buf b = SW_BUF_INIT(65536);
    policy_verdict_sentence(&q, &v, &b);
    policy_verdict_explain(&q, &v, &b);
    sw_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    struct sw_str text = sw_str_n((const char *)data, size), line = {0};
    (void)sw_str_split(&text, '\n', &line);
    read_request(line, &request);
    for (enum policy_type type = 0; type < POLICY_TYPE_MAX_; type++) {
        struct sw_err err = SW_ERR_INIT;
        struct policy_position where = {0, 0};
        struct policy_document *d = NULL;
        size_t findings = 0;
        if (policy_document_parse(text.p ? text : sw_str_n("", 0), type, &d, &where, &err) < 0) {
            assert(!d && err.msg[0] && where.line && where.column);
            continue;
        }
        decide(d, &request);
        assert(policy_lint(d, note_finding, &findings) == findings);
        policy_document_unref(d);
    }
    return 0;
}
