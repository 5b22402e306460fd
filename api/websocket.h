/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/websocket.h - the server's side of the opening handshake of RFC 6455 (section 4.2). Frames are base/websocket.h's, the
 * connection is whoever's http_upgrade_fn it is. */
#include "api/http.h"

/* Fills res with the 101: true. False: res has the refusal, 400, or 426 with the version that is spoken for another one. */
bool websocket_accept(const struct http_req *req, struct http_res *res, http_upgrade_fn fn,
                      void *ctx);
