/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_blob.c - HEAD, GET and DELETE of blobs. A blob whose link is in memory is answered on the network thread: one
 * open(2), then sendfile; nothing but memory when the blob is small. */
#include "api/range.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"

#include <inttypes.h>

static int parse_digest(struct oci_call *call, struct sw_err *err)
{
    if (digest_parse(sw_str(call->route.reference), &call->digest))
        return 0;
    sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest");
    return sw_detail(err, "%.150s", call->route.reference);
}

static int choose_range(const struct oci_call *call, uint64_t size, uint64_t *ret_first,
                        uint64_t *ret_n, bool *ret_partial, struct http_res *res,
                        struct sw_err *err)
{
    uint64_t last = 0;
    *ret_first = 0;
    *ret_n = size;
    switch (http_range_parse(http_req_header(call->req, "Range"), size, ret_first, &last)) {
    case HTTP_RANGE_FULL: *ret_first = 0; return 0;
    case HTTP_RANGE_PARTIAL: break;
    case HTTP_RANGE_UNSATISFIABLE:
        http_res_set(res, "Content-Range", "bytes */%" PRIu64, size);
        return sw_fail(err, SW_EINVALID, "RANGE_INVALID",
                       "the range is outside the blob's %" PRIu64 " bytes", size);
    }
    *ret_n = last - *ret_first + 1;
    *ret_partial = true;
    return 0;
}

static void release(void *ctx)
{
    blob_bytes_unref(ctx);
}

/* The asked part of the blob: small ones from memory, others from their file. */
static int set_content(struct oci_call *call, const struct blob_link *link, uint64_t first,
                       uint64_t n, struct http_res *res, struct sw_err *err)
{
    struct blob_bytes *bytes = NULL;
    int fd = -1;
    int r = blob_link_bytes(call->api->o.registry, call->repo, &call->digest, link, &bytes, err);
    if (r == 0 && !bytes)
        r = blob_link_open(call->api->o.registry, &call->digest, link, &fd, err);
    if (r < 0)
        return r;
    if (bytes)
        http_res_borrow(res, bytes->p + first, n, release, bytes);
    else
        http_res_file(res, fd, first, n);
    return 0;
}

/* The headers of a part come last: the answer to a failure has none. */
static int answer_content(struct oci_call *call, const struct blob_link *link, struct http_res *res,
                          struct sw_err *err)
{
    uint64_t first = 0, n = link->size;
    bool partial = false;
    int r = choose_range(call, link->size, &first, &n, &partial, res, err);
    if (r == 0)
        r = set_content(call, link, first, n, res, err);
    if (r < 0 || !partial)
        return r;
    res->status = 206;
    http_res_set(res, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                 first + n - 1, link->size);
    return 0;
}

static int answer(struct oci_call *call, const struct blob_link *link, struct http_res *res,
                  struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX], etag[DIGEST_STRING_MAX + 2];
    digest_format(&call->digest, digest);
    snprintf(etag, sizeof(etag), "\"%s\"", digest);
    bool head = call->req->method == HTTP_HEAD;
    bool unchanged = oci_not_modified(call->req, etag);
    if (!head && !unchanged && answer_content(call, link, res, err) < 0)
        return err->code;
    http_res_set(res, "Docker-Content-Digest", "%s", digest);
    http_res_set(res, "ETag", "%s", etag);
    http_res_set(res, "Accept-Ranges", "bytes");
    if (unchanged) {
        res->status = 304;
        return 0;
    }
    http_res_set(res, "Content-Type", "application/octet-stream");
    if (head)
        res->head_length = (int64_t)link->size;
    return 0;
}

static int get_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    struct blob_link link;
    int r = blob_link_find(call->api->o.registry, call->repo, &call->digest, &link, err);
    return r < 0 ? r : answer(call, &link, res, err);
}

enum http_begin oci_blob_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                             struct sw_err *err)
{
    struct blob_link link;
    if (parse_digest(c, err) < 0 || oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    if (!blob_link_cached(c->api->o.registry, c->repo, &c->digest, &link))
        return oci_go(c, p, HTTP_BODY_NONE, 0, get_run);
    (void)answer(c, &link, res, err);
    return HTTP_ANSWER;
}

static int delete_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    int r = blob_link_remove(call->api->o.registry, call->repo, &call->digest, err);
    if (r < 0)
        return r;
    res->status = 202;
    return 0;
}

enum http_begin oci_blob_delete(struct oci_call *c, struct http_plan *p,
                                struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (parse_digest(c, err) < 0 || oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    return oci_go(c, p, HTTP_BODY_NONE, 0, delete_run);
}
