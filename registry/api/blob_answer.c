/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/blob_answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/range.h"
#include "registry/api/oci_internal.h"

struct source {
    struct registry *reg;
    struct repo *repo;
    const struct digest *digest;
    const struct blob_link *link;
};

static int choose_range(const struct http_req *req, uint64_t size, uint64_t *ret_first,
                        uint64_t *ret_n, bool *ret_partial, struct http_res *res,
                        struct sw_err *err)
{
    uint64_t last = 0;
    *ret_first = 0;
    *ret_n = size;
    switch (http_range_parse(http_req_header(req, "Range"), size, ret_first, &last)) {
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
static int set_content(const struct source *s, uint64_t first, uint64_t n, struct http_res *res,
                       struct sw_err *err)
{
    struct blob_bytes *bytes = NULL;
    int fd = -1;
    int r = blob_link_bytes(s->reg, s->repo, s->digest, s->link, &bytes, err);
    if (r == 0 && !bytes)
        r = blob_link_open(s->reg, s->digest, s->link, &fd, err);
    if (r < 0)
        return r;
    if (bytes)
        http_res_borrow(res, bytes->p + first, n, release, bytes);
    else
        http_res_file(res, fd, first, n);
    return 0;
}

/* The headers of a part come last: the answer to a failure has none. */
static int answer_content(const struct source *s, const struct http_req *req, struct http_res *res,
                          struct sw_err *err)
{
    uint64_t first = 0, n = s->link->size;
    bool partial = false;
    int r = choose_range(req, s->link->size, &first, &n, &partial, res, err);
    if (r == 0)
        r = set_content(s, first, n, res, err);
    if (r < 0 || !partial)
        return r;
    res->status = 206;
    http_res_set(res, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                 first + n - 1, s->link->size);
    return 0;
}

int blob_answer(struct registry *reg, const struct http_req *req, struct repo *repo,
                const struct digest *d, const struct blob_link *link, struct http_res *res,
                struct sw_err *err)
{
    struct source s = {reg, repo, d, link};
    char digest[DIGEST_STRING_MAX], etag[DIGEST_STRING_MAX + 2];
    digest_format(d, digest);
    snprintf(etag, sizeof(etag), "\"%s\"", digest);
    bool head = req->method == HTTP_HEAD;
    bool unchanged = oci_not_modified(req, etag);
    if (!head && !unchanged && answer_content(&s, req, res, err) < 0)
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
