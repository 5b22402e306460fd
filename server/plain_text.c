/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/plain_text.h"

void plain_text(struct http_res *res, int status, const char *body)
{
    res->status = status;
    http_res_set(res, "Content-Type", "text/plain; charset=utf-8");
    http_res_copy(res, body, strlen(body));
}

void plain_text_error(void *ctx, const struct http_req *req, const struct sw_err *err,
                      struct http_res *res)
{
    (void)ctx;
    (void)req;
    plain_text(res, err->code == SW_ELIMIT ? 413 : 400, "slipway: bad request\n");
}
