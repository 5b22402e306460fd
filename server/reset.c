/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reset.h"
#include "server/plain_text.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"

static bool match(void *ctx, const struct http_req *req)
{
    const struct reset *r = ctx;
    return r->run && sw_streq(req->path, "/_slipway/reset");
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    const struct reset *r = state;
    (void)req;
    if (err->code == 0 && r->run(r->ctx, err) == 0) {
        sw_log(SW_LOG_INFO, "reset", NULL);
        plain_text(res, 200, "reset\n");
    } else {
        sw_log_err(SW_LOG_ERROR, "reset-failed", err, NULL);
        plain_text(res, 500, "slipway: the reset failed; the log says why\n");
    }
    return HTTP_DONE;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    req->route = "reset";
    if (req->method != HTTP_POST) {
        http_res_set(res, "Allow", "POST");
        plain_text(res, 405, "slipway: POST resets\n");
        return HTTP_ANSWER;
    }
    if (http_req_header(req, "Origin")) {
        plain_text(res, 403, "slipway: not for pages of a browser\n");
        return HTTP_ANSWER;
    }
    *plan =
        (struct http_plan){.mode = HTTP_BODY_BUFFERED, .body_max = 1024, .run = run, .state = ctx};
    return HTTP_GO;
}

struct http_service reset_service(struct reset *r)
{
    return (struct http_service){
        .name = "reset", .match = match, .begin = begin, .error = plain_text_error, .ctx = r};
}
