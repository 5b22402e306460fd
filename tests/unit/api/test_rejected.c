/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rejected.h"

#include "base/macros.h"
#include "tests/lib/test.h"

#define DATE "20261121T140709Z"
#define AUTHORIZATION                                                               \
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/sts/aws4_request, " \
    "SignedHeaders=host;x-amz-date, Signature=00"

static void note(struct rejected_log *l, const char *id, const char *path)
{
    const struct sigv4_header headers[] = {{SW_STR("Host"), SW_STR("a")},
                                           {SW_STR("X-Amz-Date"), SW_STR(DATE)},
                                           {SW_STR("Authorization"), SW_STR(AUTHORIZATION)}};
    const struct sigv4_request signed_request = {.method = SW_STR("POST"),
                                                 .path = sw_str(path),
                                                 .query = SW_STR(""),
                                                 .headers = headers,
                                                 .headers_n = SW_ARRAY_LEN(headers),
                                                 .body = SW_STR("x")};
    struct http_req req = {.peer_ip = "10.0.0.1"};
    struct sw_err why = SW_ERR_INIT;

    (void)sw_fail(&why, SW_EDENIED, "InvalidSignatureException", "wrong");
    (void)snprintf(req.id, sizeof(req.id), "%s", id);
    rejected_note(l, &req, &signed_request, 7, &why);
}

struct seen {
    size_t n;
    char first[37], last[37];
};

static void see(void *ctx, const struct rejected *r)
{
    struct seen *s = ctx;

    CHECK_EQ_STR(r->access_key_id, "AKIDEXAMPLE");
    CHECK_EQ_STR(r->peer_ip, "10.0.0.1");
    CHECK_EQ_STR(r->message, "wrong");
    CHECK_EQ_INT(r->at_us, 7);
    CHECK_CONTAINS(r->canonical, "POST\n/\n\nhost:a\nx-amz-date:" DATE "\n\nhost;x-amz-date\n");
    CHECK_CONTAINS(r->string_to_sign, "20261121/us-east-1/sts/aws4_request");
    (void)snprintf(s->n++ ? s->last : s->first, 37, "%s", r->request_id);
}

TEST(the_latest_are_kept_newest_first)
{
    struct rejected_log *l = rejected_new();
    struct seen s = {0};
    char id[37];

    rejected_each(l, see, &s);
    CHECK_EQ_UINT(s.n, 0);
    for (int i = 0; i < REJECTED_MAX + 10; i++) {
        (void)snprintf(id, sizeof(id), "id-%d", i);
        note(l, id, "/");
    }
    rejected_each(l, see, &s);
    CHECK_EQ_UINT(s.n, REJECTED_MAX);
    CHECK_EQ_STR(s.first, "id-73");
    CHECK_EQ_STR(s.last, "id-10");
    rejected_free(l);
}

TEST(what_is_too_long_is_not_kept)
{
    static char path[REJECTED_TEXT_MAX + 10];
    struct rejected_log *l = rejected_new();
    struct seen s = {0};

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    note(l, "x", path);
    rejected_each(l, see, &s);
    CHECK_EQ_UINT(s.n, 0);
    rejected_free(l);
}
