/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_manifest.c - HEAD, GET, PUT and DELETE of manifests. What is in memory is answered on the network thread.
 * The stored form is always what is answered, whatever Accept says: no client of today is served better by a 404. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"
#include "registry/core/pulls.h"
#include "registry/core/tag_store.h"

#define TAG_PARAMETERS_MAX 100

static void release(void *ctx)
{
    stored_manifest_unref(ctx);
}

/* Takes the reference. */
static void answer(const struct oci_call *call, struct stored_manifest *m, struct http_res *res)
{
    char etag[DIGEST_STRING_MAX + 2];
    snprintf(etag, sizeof(etag), "\"%s\"", m->digest);
    http_res_set(res, "Docker-Content-Digest", "%s", m->digest);
    http_res_set(res, "ETag", "%s", etag);
    if (oci_not_modified(call->req, etag)) {
        res->status = 304;
        stored_manifest_unref(m);
        return;
    }
    http_res_set(res, "Content-Type", "%s", m->media_type);
    if (call->req->method == HTTP_HEAD) {
        res->head_length = (int64_t)m->n;
        stored_manifest_unref(m);
    } else {
        pull_note(call->api->o.registry, call->repo, m, &call->req->principal);
        http_res_borrow(res, m->bytes, m->n, release, m);
    }
}

static int get_run(struct oci_call *call, struct http_res *res, struct sw_err *err)
{
    struct stored_manifest *m;
    int r = manifest_get(call->api->o.registry, call->repo, &call->ref, &m, err);
    if (r < 0)
        return r;
    answer(call, m, res);
    return 0;
}

/* What cannot be a tag is no tag of the repository. */
static int parse_existing(struct oci_call *c, struct sw_err *err)
{
    int r = reference_parse(sw_str(c->route.reference), &c->ref, err);
    if (r == 0 || !sw_streq(err->reason, "TAG_INVALID"))
        return r;
    sw_err_clear(err);
    sw_fail(err, SW_ENOTFOUND, "MANIFEST_UNKNOWN", "manifest unknown");
    return sw_detail(err, "%.150s", c->route.reference);
}

enum http_begin oci_manifest_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                 struct sw_err *err)
{
    if (oci_open_repo(c, false, err) < 0 || parse_existing(c, err) < 0)
        return HTTP_ANSWER;
    struct stored_manifest *m = manifest_cached(c->api->o.registry, c->repo, &c->ref);
    if (!m)
        return oci_go(c, p, HTTP_BODY_NONE, 0, get_run);
    answer(c, m, res);
    return HTTP_ANSWER;
}

static int delete_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    int r = c->ref.is_digest ? manifest_delete(c->api->o.registry, c->repo, &c->ref.digest, err)
                             : tag_delete(c->api->o.registry, c->repo, c->ref.text, err);
    if (r < 0)
        return r;
    res->status = 202;
    return 0;
}

enum http_begin oci_manifest_delete(struct oci_call *c, struct http_plan *p,
                                    struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, false, err) < 0 || parse_existing(c, err) < 0)
        return HTTP_ANSWER;
    return oci_go(c, p, HTTP_BODY_NONE, 0, delete_run);
}

struct tags {
    char text[TAG_PARAMETERS_MAX][TAG_MAX + 1];
    const char *list[TAG_PARAMETERS_MAX];
    size_t n;
};

static int add_tag(struct tags *tags, struct sw_str tag, struct sw_err *err)
{
    if (!tag_valid(tag)) {
        sw_fail(err, SW_EINVALID, "TAG_INVALID", "invalid tag");
        return sw_detail(err, SW_STR_FMT, (int)SW_MIN(tag.n, (size_t)150), tag.p);
    }
    if (tags->n == TAG_PARAMETERS_MAX)
        return sw_fail(err, SW_ELIMIT, "QUERY_INVALID", "at most %d tags in one request",
                       TAG_PARAMETERS_MAX);
    (void)sw_str_copy(tag, tags->text[tags->n], sizeof(tags->text[0]));
    tags->list[tags->n] = tags->text[tags->n];
    tags->n++;
    return 0;
}

/* The tag of the path, or those of ?tag= beside a digest. */
static int collect_tags(const struct oci_call *c, struct tags *tags, struct sw_err *err)
{
    if (!c->ref.is_digest)
        return add_tag(tags, sw_str(c->ref.text), err);
    for (size_t i = 0;; i++) {
        char text[512];
        int r = http_req_query_at(c->req, "tag", i, text, sizeof(text), err);
        if (r <= 0)
            return r;
        r = add_tag(tags, sw_str(text), err);
        if (r < 0)
            return r;
    }
}

static int check_digest(const struct oci_call *c, struct sw_str bytes, struct digest *ret,
                        struct sw_err *err)
{
    enum digest_algorithm algorithm = c->ref.is_digest ? c->ref.digest.algorithm : DIGEST_SHA256;
    digest_of(algorithm, bytes.p, bytes.n, ret);
    if (!c->ref.is_digest || digest_equal(ret, &c->ref.digest))
        return 0;
    sw_fail(err, SW_EMISMATCH, "DIGEST_INVALID",
            "the manifest does not have the digest of its URL");
    return sw_detail(err, "%s", c->ref.text);
}

static void answer_put(const struct oci_call *c, const struct manifest *m, const struct digest *d,
                       const struct tags *tags, struct http_res *res)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    res->status = 201;
    http_res_set(res, "Location", "/v2/%s/manifests/%s", c->route.name, digest);
    http_res_set(res, "Docker-Content-Digest", "%s", digest);
    if (m->has_subject) {
        char subject[DIGEST_STRING_MAX];
        digest_format(&m->subject, subject);
        http_res_set(res, "OCI-Subject", "%s", subject);
    }
    if (!c->ref.is_digest || tags->n == 0)
        return;
    struct sw_buf list = SW_BUF_INIT(TAG_PARAMETERS_MAX * (TAG_MAX + 2));
    for (size_t i = 0; i < tags->n; i++)
        (void)sw_buf_addf(&list, "%s%s", i ? "," : "", tags->list[i]);
    http_res_set(res, "OCI-Tag", "%s", list.p);
    sw_buf_done(&list);
}

/* Image specification: layers that may not be distributed are deprecated. */
static void warn_deprecated(const struct manifest *m, struct http_res *res)
{
    size_t i = 0;
    while (i < m->refs_n && !m->refs[i].foreign)
        i++;
    if (i < m->refs_n && !http_res_get(res, "Warning"))
        http_res_set(
            res, "Warning",
            "299 - \"layers that are not distributed are deprecated: their media types will "
            "go\"");
}

/* One error for each part that is missing. */
static void answer_missing(const struct oci_call *c, const struct manifest_put *put,
                           const struct sw_err *err, struct http_res *res)
{
    struct sw_err *list = sw_calloc(put->missing_n, sizeof(*list));
    for (size_t i = 0; i < put->missing_n; i++) {
        char digest[DIGEST_STRING_MAX];
        digest_format(&put->manifest->refs[put->missing[i]].digest, digest);
        sw_fail(&list[i], SW_ENOTFOUND, err->reason,
                "The %s with digest '%s' that the manifest needs is not in the repository '%s'",
                put->manifest->is_index ? "image" : "layer", digest, c->route.name);
        (void)sw_detail(&list[i], "%s", digest);
    }
    wire_oci_errors(res, list, put->missing_n);
    free(list);
}

static int put_parsed(struct oci_call *c, const struct manifest *m, struct sw_str bytes,
                      struct tags *tags, struct http_res *res, struct sw_err *err)
{
    struct manifest_put put = {.manifest = m, .bytes = bytes, .tags = tags->list};
    int r = check_digest(c, bytes, &put.digest, err);
    if (r == 0)
        r = collect_tags(c, tags, err);
    if (r == 0)
        r = oci_need_repo(c, err);
    put.tags_n = tags->n;
    if (r == 0)
        r = manifest_put(c->api->o.registry, c->repo, &put, err);
    if (r < 0 && put.missing_n) {
        answer_missing(c, &put, err, res);
        sw_err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    answer_put(c, m, &put.digest, tags, res);
    oci_warn(c, res);
    warn_deprecated(m, res);
    return 0;
}

static int put_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    struct sw_str bytes = sw_buf_str(&c->req->body);
    struct manifest m;
    int r = manifest_parse(bytes, sw_str(http_req_header(c->req, "Content-Type")), &m, err);
    if (r < 0)
        return r;
    struct tags *tags = SW_NEW(struct tags);
    r = put_parsed(c, &m, bytes, tags, res, err);
    free(tags);
    manifest_done(&m);
    return r;
}

enum http_begin oci_manifest_put(struct oci_call *c, struct http_plan *p,
                                 struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, true, err) < 0 ||
        reference_parse(sw_str(c->route.reference), &c->ref, err) < 0)
        return HTTP_ANSWER;
    if (c->req->content_length > LIMIT_MANIFEST) {
        sw_fail(err, SW_ELIMIT, "MANIFEST_TOO_LARGE", "a manifest may have %d bytes",
                LIMIT_MANIFEST);
        return HTTP_ANSWER;
    }
    return oci_go(c, p, HTTP_BODY_BUFFERED, LIMIT_MANIFEST, put_run);
}
