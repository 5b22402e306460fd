/* SPDX-License-Identifier: Apache-2.0 */
#include "api/websocket.h"

#include <string.h>

#include "base/err.h"
#include "base/lazy.h"
#include "base/websocket.h"

/* Whether one of the comma-separated words of a header, which may come several times, is this one. */
static bool has_word(const struct http_req *req, const char *header, const char *word)
{
    const char *values[8];
    size_t n = http_req_headers(req, header, values, 8);
    for (size_t i = 0; i < n && i < 8; i++) {
        struct sw_str rest = sw_str(values[i]), part;
        while (sw_str_split(&rest, ',', &part))
            if (sw_str_eq_nocase(sw_str_trim(part), sw_str(word)))
                return true;
    }
    return false;
}

static bool refuse(struct http_res *res, int status, const char *text)
{
    res->status = status;
    http_res_set(res, "Content-Type", "text/plain; charset=utf-8");
    http_res_copy(res, text, strlen(text));
    return false;
}

bool websocket_accept(const struct http_req *req, struct http_res *res, http_upgrade_fn fn,
                      void *ctx)
{
    const char *keys[2];
    char accept[WS_ACCEPT_LEN + 1];
    if (req->method != HTTP_GET || req->has_body || !has_word(req, "Upgrade", "websocket") ||
        !has_word(req, "Connection", "upgrade"))
        return refuse(res, 400, "a WebSocket handshake was expected\n");
    if (!sw_streq(http_req_header(req, "Sec-WebSocket-Version"), "13")) {
        http_res_set(res, "Sec-WebSocket-Version", "13");
        return refuse(res, 426, "only WebSocket version 13 is spoken\n");
    }
    if (http_req_headers(req, "Sec-WebSocket-Key", keys, 2) != 1 || !ws_key_valid(keys[0]))
        return refuse(res, 400, "Sec-WebSocket-Key is not valid\n");
    struct sw_err err = SW_ERR_INIT;
    if (sw_crypto_load(&err) < 0) {
        sw_err_clear(&err);
        return refuse(res, 503, "libcrypto cannot be loaded\n");
    }
    ws_accept_of(keys[0], accept);
    http_res_set(res, "Upgrade", "websocket");
    http_res_set(res, "Sec-WebSocket-Accept", "%s", accept);
    http_res_upgrade(res, fn, ctx);
    return true;
}
