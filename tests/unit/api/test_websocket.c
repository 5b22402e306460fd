/* SPDX-License-Identifier: Apache-2.0 */
#include "api/websocket.h"

#include "base/macros.h"
#include "tests/lib/test.h"

static void upgraded(void *ctx, struct http_upgraded *u, int fd, const void *early, size_t early_n)
{
    (void)ctx, (void)u, (void)fd, (void)early, (void)early_n;
}

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* The status for a request with these headers, ended by a NULL name. */
static int ask(enum http_method method, const struct http_header *headers, char *ret_accept,
               size_t cap)
{
    struct http_req q = {.method = method, .headers = headers};
    struct http_res res;
    while (headers[q.headers_n].name)
        q.headers_n++;
    http_res_init(&res);
    bool ok = websocket_accept(&q, &res, upgraded, NULL);
    CHECK(ok == (res.status == 101) && ok == (res.kind == HTTP_RES_UPGRADE));
    const char *accept = http_res_get(&res, ok ? "Sec-WebSocket-Accept" : "Sec-WebSocket-Version");
    (void)snprintf(ret_accept, cap, "%s", accept ? accept : "");
    int status = res.status;
    http_res_done(&res);
    return status;
}

TEST(accepts)
{
    char accept[64];
    const struct http_header headers[] = {
        {"Connection", "keep-alive"},  {"connection", "foo, UPGRADE"},
        {"Upgrade", "h2c, WebSocket"}, {"Sec-WebSocket-Version", "13"},
        {"Sec-WebSocket-Key", KEY},    {NULL, NULL}};
    CHECK_EQ_INT(ask(HTTP_GET, headers, accept, sizeof accept), 101);
    CHECK_EQ_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CHECK_EQ_INT(ask(HTTP_POST, headers, accept, sizeof accept), 400);
}

TEST(refuses)
{
    char accept[64];
    struct http_header good[] = {{"Connection", "Upgrade"},
                                 {"Upgrade", "websocket"},
                                 {"Sec-WebSocket-Version", "13"},
                                 {"Sec-WebSocket-Key", KEY},
                                 {"X", "y"},
                                 {NULL, NULL}};
    static const struct {
        int at;
        struct http_header header;
        int status;
    } rows[] = {{0, {"Connection", "close"}, 400},           {1, {"Upgrade", "websockets"}, 400},
                {2, {"Sec-WebSocket-Version", "12"}, 426},   {2, {"Y", "z"}, 426},
                {3, {"Sec-WebSocket-Key", "c2hvcnQ="}, 400}, {3, {"Y", "z"}, 400},
                {4, {"Sec-WebSocket-Key", KEY}, 400}};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct http_header headers[6];
        memcpy(headers, good, sizeof headers);
        headers[rows[i].at] = rows[i].header;
        CHECK_EQ_INT(ask(HTTP_GET, headers, accept, sizeof accept), rows[i].status);
        CHECK_EQ_STR(accept, rows[i].status == 426 ? "13" : "");
    }
}
