/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_upload.c - pushing blobs (distribution-spec "Pushing blobs"): one POST, POST and PUT, chunks, a stream, a mount.
 * A refusal for the order of chunks or for a wrong digest leaves the session as it was before the request. */
#include <inttypes.h>

#include "api/range.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"
#include "registry/core/quota.h"
#include "registry/core/registry_setting.h"

static void set_location(const struct oci_call *call, const struct upload *u, struct http_res *res)
{
    http_res_set(res, "Location", "/v2/%s/blobs/uploads/%s", call->route.name, upload_token(u));
    http_res_set(res, "Docker-Upload-UUID", "%.32s", upload_token(u));
}

/* Nothing received yet is 0-0: old docker clients refuse an end before the start. */
static void set_range(uint64_t size, struct http_res *res)
{
    http_res_set(res, "Range", "0-%" PRIu64, size ? size - 1 : 0);
}

/* 1 found, 0 absent. */
static int query_digest(const struct http_req *req, const char *name, struct digest *ret,
                        struct sw_err *err)
{
    char text[200];
    int r = http_req_query(req, name, text, sizeof(text), err);
    if (r < 0) { /* too long, or escaped wrongly: no digest either way */
        sw_err_clear(err);
        return sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest in the parameter '%s'",
                       name);
    }
    if (r == 0)
        return 0;
    if (!digest_parse(sw_str(text), ret)) {
        sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest in the parameter '%s'", name);
        return sw_detail(err, "%.150s", text);
    }
    return 1;
}

static uint64_t announced(const struct oci_call *call)
{
    return call->req->content_length > 0 ? (uint64_t)call->req->content_length : 0;
}

static int check_length(const struct oci_call *call, struct sw_err *err)
{
    uint64_t max = registry_blob_max(call->api->o.registry);
    if (announced(call) > max)
        return sw_fail(err, SW_ELIMIT, "RequestEntityTooLarge", "a blob may have %" PRIu64 " bytes",
                       max);
    return 0;
}

static void answer_created(const struct oci_call *call, const struct digest *d,
                           struct http_res *res)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    res->status = 201;
    http_res_set(res, "Location", "/v2/%s/blobs/%s", call->route.name, digest);
    http_res_set(res, "Docker-Content-Digest", "%s", digest);
}

void oci_warn(const struct oci_call *call, struct http_res *res)
{
    char text[REPO_NAME_MAX + 200];
    struct sw_err ignored = SW_ERR_INIT;
    if (quota_warning(call->api->o.registry, call->repo, text, sizeof(text), &ignored) == 0 &&
        text[0])
        http_res_set(res, "Warning", "299 - \"%s\"", text);
}

static int finish_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    struct blob_info info;
    int r = oci_need_repo(call, err);
    if (r == 0)
        r = upload_commit(call->upload, call->repo, &call->digest, &info, err);
    if (r < 0) {
        upload_rollback(call->upload, call->size_before);
        return r;
    }
    answer_created(call, &call->digest, res);
    oci_warn(call, res);
    return 0;
}

static int start_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    char text[32];
    enum digest_algorithm hint = DIGEST_SHA256;
    int r = http_req_query(call->req, "digest-algorithm", text, sizeof(text), err);
    if (r > 0 && !digest_algorithm_from_string(sw_str(text), &hint))
        r = sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "digest algorithm '%s' is not supported",
                    text);
    if (r >= 0)
        r = oci_need_repo(call, err);
    if (r >= 0)
        r = upload_begin(call->api->o.registry, call->repo, call->req->principal.user_id, hint,
                         false, &call->upload, err);
    if (r < 0)
        return r;
    res->status = 202;
    set_location(call, call->upload, res);
    set_range(0, res);
    if (call->api->o.chunk_min)
        http_res_set(res, "OCI-Chunk-Min-Length", "%" PRIu64, call->api->o.chunk_min);
    return 0;
}

/* The account setting BLOB_MOUNTING: DISABLED makes every mount an upload. */
static bool mounts_blobs(const struct oci_call *call)
{
    struct registry_key key = {call->account, call->region};
    sw_autofree char *value = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    return registry_setting_get(call->api->o.registry, &key, REGISTRY_SETTING_BLOB_MOUNTING, &value,
                                &ignored) < 0 ||
           !sw_streq(value, "DISABLED");
}

static bool may_read(void *ctx, const char *repository)
{
    return oci_allows(ctx, "ecr:GetDownloadUrlForLayer", repository);
}

/* A blob that cannot be mounted is no error: the client uploads it (202). But a token that only lacks the source is answered with
 * the challenge for both, since clients keep tokens that they got for one repository. */
static int mount_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    char from[REPO_NAME_MAX + 2];
    bool mounted = false;
    int r = http_req_query(call->req, "from", from, sizeof(from), err);
    bool named = r != 0;
    if (r < 0)
        sw_err_clear(err);
    bool usable = !named || (r > 0 && repo_name_valid(sw_str(from)));
    if (usable && !mounts_blobs(call))
        return start_run(call, res, err);
    bool narrow = named && usable && oci_needs_token(call, "ecr:GetDownloadUrlForLayer", from);
    r = narrow ? oci_may(call, "ecr:GetDownloadUrlForLayer", from, err) : oci_need_repo(call, err);
    if (r == 0 && usable)
        r = blob_link_mount(call->api->o.registry, call->repo, named ? from : NULL, &call->digest,
                            may_read, call, &mounted, err);
    if (r < 0)
        return r;
    if (!mounted)
        return start_run(call, res, err);
    answer_created(call, &call->digest, res);
    oci_warn(call, res);
    return 0;
}

enum http_begin oci_upload_post(struct oci_call *c, struct http_plan *p,
                                struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, true, err) < 0)
        return HTTP_ANSWER;
    int r = query_digest(c->req, "mount", &c->digest, err);
    if (r < 0)
        return HTTP_ANSWER;
    if (r > 0)
        return oci_go(c, p, HTTP_BODY_NONE, 0, mount_run);
    r = query_digest(c->req, "digest", &c->digest, err);
    if (r < 0)
        return HTTP_ANSWER;
    if (r == 0 && quota_room_beside(c->api->o.registry, c->repo, NULL, NULL, 0, err) < 0)
        return HTTP_ANSWER;
    if (r == 0)
        return oci_go(c, p, HTTP_BODY_NONE, 0, start_run);
    if (check_length(c, err) < 0 ||
        quota_room_beside(c->api->o.registry, c->repo, NULL, &c->digest, announced(c), err) < 0 ||
        oci_may(c, "ecr:CompleteLayerUpload", c->route.name, err) < 0)
        return HTTP_ANSWER;
    if (upload_begin(c->api->o.registry, c->repo, c->req->principal.user_id, c->digest.algorithm,
                     true, &c->upload, err) < 0)
        return HTTP_ANSWER;
    enum http_begin b =
        oci_go(c, p, c->req->has_body ? HTTP_BODY_STREAM : HTTP_BODY_NONE, UINT64_MAX, finish_run);
    p->free_may_wait = true; /* its bytes are removed then */
    return b;
}

/* Holds the session and checks where the body's bytes belong. */
static int take_session(struct oci_call *c, const struct digest *d, struct http_res *res,
                        struct sw_err *err)
{
    int r = oci_open_repo(c, false, err);
    if (r == 0)
        r = check_length(c, err);
    if (r == 0)
        r = upload_acquire(c->api->o.registry, c->repo, c->req->principal.user_id,
                           c->route.reference, &c->upload, err);
    if (r < 0)
        return r;
    c->size_before = upload_size(c->upload);
    r = d && announced(c) == 0 ? quota_room(c->api->o.registry, c->repo, d, c->size_before, err)
                               : quota_room_beside(c->api->o.registry, c->repo, c->upload, d,
                                                   c->size_before + announced(c), err);
    if (r < 0)
        return r;
    const char *range = http_req_header(c->req, "Content-Range");
    if (!range)
        return 0;
    c->has_range = true;
    if (!http_chunk_range_parse(range, &c->range_first, &c->range_last)) {
        sw_fail(err, SW_EINVALID, "BLOB_UPLOAD_INVALID", "Content-Range must be first-last");
        return sw_detail(err, "%.100s", range);
    }
    if (c->range_first != c->size_before) {
        set_location(c, c->upload, res);
        set_range(c->size_before, res);
        return sw_fail(err, SW_EINVALID, "RANGE_INVALID",
                       "the chunk begins at %" PRIu64 ", but %" PRIu64 " bytes were received",
                       c->range_first, c->size_before);
    }
    uint64_t n = c->range_last - c->range_first + 1;
    if (c->req->content_length >= 0 && (uint64_t)c->req->content_length != n)
        return sw_fail(err, SW_EINVALID, "SIZE_INVALID",
                       "Content-Range says %" PRIu64 " bytes, Content-Length %" PRId64, n,
                       c->req->content_length);
    return 0;
}

/* The bytes that came are those that were announced. */
static int check_received(struct oci_call *c, struct sw_err *err)
{
    uint64_t n = upload_size(c->upload) - c->size_before;
    if (!c->has_range || n == c->range_last - c->range_first + 1)
        return 0;
    upload_rollback(c->upload, c->size_before);
    return sw_fail(err, SW_EINVALID, "SIZE_INVALID",
                   "Content-Range says %" PRIu64 " bytes, %" PRIu64 " came",
                   c->range_last - c->range_first + 1, n);
}

static int patch_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    int r = check_received(c, err);
    if (r == 0)
        r = upload_flush(c->upload, err);
    if (r < 0)
        return r;
    res->status = 202;
    set_location(c, c->upload, res);
    set_range(upload_size(c->upload), res);
    return 0;
}

enum http_begin oci_upload_patch(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                 struct sw_err *err)
{
    if (take_session(c, NULL, res, err) < 0)
        return HTTP_ANSWER;
    c->keep_partial = !c->has_range;
    if (c->keep_partial)
        upload_keep_partial(c->upload);
    p->free_may_wait = true; /* what arrived is written then */
    return oci_go(c, p, c->req->has_body ? HTTP_BODY_STREAM : HTTP_BODY_NONE, UINT64_MAX,
                  patch_run);
}

static int put_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    int r = check_received(c, err);
    return r < 0 ? r : finish_run(c, res, err);
}

enum http_begin oci_upload_put(struct oci_call *c, struct http_plan *p, struct http_res *res,
                               struct sw_err *err)
{
    int r = query_digest(c->req, "digest", &c->digest, err);
    if (r == 0)
        sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "the parameter 'digest' is missing");
    if (r <= 0 || take_session(c, &c->digest, res, err) < 0)
        return HTTP_ANSWER;
    p->free_may_wait = true;
    return oci_go(c, p, c->req->has_body ? HTTP_BODY_STREAM : HTTP_BODY_NONE, UINT64_MAX, put_run);
}

static int status_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    uint64_t size = 0;
    int r = upload_status(c->api->o.registry, c->repo, c->req->principal.user_id,
                          c->route.reference, &size, err);
    if (r < 0)
        return r;
    res->status = 204;
    http_res_set(res, "Location", "/v2/%s/blobs/uploads/%s", c->route.name, c->route.reference);
    http_res_set(res, "Docker-Upload-UUID", "%.32s", c->route.reference);
    set_range(size, res);
    return 0;
}

enum http_begin oci_upload_get(struct oci_call *c, struct http_plan *p,
                               struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    return oci_go(c, p, HTTP_BODY_NONE, 0, status_run);
}

static int cancel_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    int r = upload_acquire(c->api->o.registry, c->repo, c->req->principal.user_id,
                           c->route.reference, &c->upload, err);
    if (r == 0)
        r = upload_cancel(c->upload, err);
    if (r < 0)
        return r;
    res->status = 204;
    return 0;
}

enum http_begin oci_upload_delete(struct oci_call *c, struct http_plan *p,
                                  struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    return oci_go(c, p, HTTP_BODY_NONE, 0, cancel_run);
}
