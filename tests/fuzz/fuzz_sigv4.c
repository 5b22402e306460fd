/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: auth storage/meta base */
/* Input: a request as text, "METHOD TARGET\nName:value\n...\n\nbody".
 * Properties: verification of anything ends, without a principal unless it succeeds; what we sign we verify; and one
 * changed byte of the body makes the signature wrong. */
#include <assert.h>
#include <stdlib.h>

#include "auth/sigv4.h"
#include "base/clock.h"
#include "base/macros.h"

#define HEADERS_MAX 32
#define DATE        "20150830T123600Z"
#define NOW_US      (1440938160LL * 1000000)
#define SECRET      "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int any_secret(void *ctx SW_UNUSED, const struct sigv4_key *key SW_UNUSED,
                      struct principal *ret, char ret_secret[129], struct sw_err *err SW_UNUSED)
{
    *ret = (struct principal){.kind = PRINCIPAL_USER};
    (void)snprintf(ret_secret, 129, "%s", SECRET);
    return 0;
}

static void parse(struct sw_str text, struct sigv4_header *headers, struct sigv4_request *ret)
{
    struct sw_str line, target;

    *ret = (struct sigv4_request){.headers = headers};
    if (!sw_str_split(&text, '\n', &line))
        return;
    target = line;
    sw_str_split(&target, ' ', &ret->method);
    if (sw_str_split(&target, '?', &ret->path) && target.p)
        ret->query = target;
    while (ret->headers_n < HEADERS_MAX && sw_str_split(&text, '\n', &line) && line.n > 0) {
        struct sigv4_header *h = &headers[ret->headers_n++];
        h->value = line;
        sw_str_split(&h->value, ':', &h->name);
    }
    ret->body = text;
}

/* Names that a signer may take: not ours to add, and of letters only. */
static bool is_free_name(struct sw_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
            return false;
    }
    return name.n > 0 && name.n <= 32 && !sw_str_eq_nocase(name, SW_STR("authorization")) &&
           !sw_str_eq_nocase(name, SW_STR("host"));
}

static void check_signed(const struct sigv4_request *from)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf authorization = SW_BUF_INIT(8192);
    struct sigv4_header headers[HEADERS_MAX + 3];
    struct sigv4_request req = *from;
    struct sw_err err = SW_ERR_INIT;
    struct sigv4_result res;
    sw_autofree char *body = malloc(from->body.n + 1);

    assert(body);
    req.headers = headers;
    req.headers_n = 0;
    for (size_t i = 0; i < from->headers_n; i++) {
        if (is_free_name(from->headers[i].name))
            headers[req.headers_n++] = from->headers[i];
    }
    headers[req.headers_n++] =
        (struct sigv4_header){SW_STR("Host"), SW_STR("registry.example:5000")};
    headers[req.headers_n++] = (struct sigv4_header){SW_STR("X-Amz-Date"), SW_STR(DATE)};
    if (sigv4_sign(&req, "AKIDEXAMPLE", SECRET, "us-east-1", "ecr", DATE, &authorization, &err) < 0)
        return; /* too many parameters */
    headers[req.headers_n++] =
        (struct sigv4_header){SW_STR("Authorization"), sw_buf_str(&authorization)};
    int r = sigv4_verify(&req, NOW_US, any_secret, NULL, &res, &err);
    assert(r == 0 && res.principal.kind == PRINCIPAL_USER && sw_streq(res.service, "ecr"));
    if (req.body.n == 0)
        return;
    memcpy(body, req.body.p, req.body.n);
    body[req.body.n / 2] = (char)(body[req.body.n / 2] ^ 1);
    req.body.p = body;
    r = sigv4_verify(&req, NOW_US, any_secret, NULL, &res, &err);
    assert(r == SW_EDENIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request req;
    struct sigv4_result res = {.region = "untouched"};
    struct sw_err err = SW_ERR_INIT;

    parse(sw_str_n((const char *)data, size), headers, &req);
    int r = sigv4_verify(&req, NOW_US, any_secret, NULL, &res, &err);
    assert(r == 0 ||
           (r == SW_EDENIED && err.reason && err.msg[0] && sw_streq(res.region, "untouched")));
    for (int normalize = 0; normalize < 2; normalize++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(65536);
        sw_err_clear(&err);
        r = sigv4_canonical_request(&req, req.headers_n ? headers[0].name : SW_STR("host"),
                                    SW_STR("h"), normalize, &out, &err);
        assert(r == 0 || r == SW_EDENIED);
    }
    check_signed(&req);
    return 0;
}
