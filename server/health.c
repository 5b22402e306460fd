/* SPDX-License-Identifier: Apache-2.0 */
/* server/health.c - answered on the network thread, without any look at the disk. */
#include "server/health.h"

#include "base/json.h"
#include "server/plain_text.h"

static bool match(void *ctx, const struct http_req *req)
{
    (void)ctx;
    (void)req;
    return true;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    const struct health *h = ctx;
    (void)plan;
    bool get = req->method == HTTP_GET || req->method == HTTP_HEAD;
    if (sw_streq(req->path, "/healthz") && get) {
        req->route = "healthz";
        plain_text(res, 200, "ok\n");
    } else if (sw_streq(req->path, "/readyz") && get) {
        req->route = "readyz";
        bool ready = atomic_load(&h->ready);
        plain_text(res, ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
    } else {
        req->route = "unknown";
        plain_text(res, 404,
                   "slipway: nothing here. The registry is at /v2/, the AWS APIs at POST /.\n");
    }
    return HTTP_ANSWER;
}

struct http_service health_service(struct health *h)
{
    return (struct http_service){
        .name = "health", .match = match, .begin = begin, .error = plain_text_error, .ctx = h};
}
