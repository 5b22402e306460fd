/* SPDX-License-Identifier: Apache-2.0 */
/* server/health.c - answered on the network thread, without any look at the disk. */
#include "server/health.h"

#include "base/json.h"

static bool match(void *ctx, const struct http_req *req)
{
    (void)ctx;
    (void)req;
    return true;
}

static void text(struct http_res *res, int status, const char *body)
{
    res->status = status;
    http_res_set(res, "Content-Type", "text/plain; charset=utf-8");
    http_res_copy(res, body, strlen(body));
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    const struct health *h = ctx;
    (void)plan;
    bool get = req->method == HTTP_GET || req->method == HTTP_HEAD;
    if (sw_streq(req->path, "/healthz") && get) {
        req->route = "healthz";
        text(res, 200, "ok\n");
    } else if (sw_streq(req->path, "/readyz") && get) {
        req->route = "readyz";
        bool ready = atomic_load(&h->ready);
        text(res, ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
    } else {
        req->route = "unknown";
        text(res, 404, "slipway: nothing here. The registry is at /v2/, the AWS APIs at POST /.\n");
    }
    return HTTP_ANSWER;
}

static void error(void *ctx, const struct http_req *req, const struct sw_err *err,
                  struct http_res *res)
{
    (void)ctx;
    (void)req;
    text(res, err->code == SW_ELIMIT ? 413 : 400, "slipway: bad request\n");
}

struct http_service health_service(struct health *h)
{
    return (struct http_service){
        .name = "health", .match = match, .begin = begin, .error = error, .ctx = h};
}
