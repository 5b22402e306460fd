/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_blob.c - HEAD, GET and DELETE of blobs. A blob whose link is in memory is answered on the network thread: one
 * open(2), then sendfile; nothing but memory when the blob is small. */
#include "base/macros.h"
#include "registry/api/blob_answer.h"
#include "registry/api/oci_internal.h"

static int parse_digest(struct oci_call *call, struct sw_err *err)
{
    if (digest_parse(sw_str(call->route.reference), &call->digest))
        return 0;
    sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest");
    return sw_detail(err, "%.150s", call->route.reference);
}

static int get_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    struct blob_link link;
    int r = blob_link_find(call->api->o.registry, call->repo, &call->digest, &link, err);
    return r < 0 ? r
                 : blob_answer(call->api->o.registry, call->req, call->repo, &call->digest, &link,
                               res, err);
}

enum http_begin oci_blob_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                             struct sw_err *err)
{
    struct blob_link link;
    if (parse_digest(c, err) < 0 || oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    if (!blob_link_cached(c->api->o.registry, c->repo, &c->digest, &link))
        return oci_go(c, p, HTTP_BODY_NONE, 0, get_run);
    (void)blob_answer(c->api->o.registry, c->req, c->repo, &c->digest, &link, res, err);
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
