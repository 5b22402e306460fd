/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_image.c - images and layers of one repository. Batches answer for each item, in the order given. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/blob_link.h"
#include "registry/core/manifest_store.h"
#include "registry/core/pulls.h"

json_t *ecr_image_id(const char *digest, const char *tag)
{
    json_t *id = json_object();
    sw_json_set_str(id, "imageDigest", digest);
    sw_json_set_str(id, "imageTag", tag);
    return id;
}

static void add_failure(json_t *failures, const json_t *id, const char *code, const char *reason)
{
    json_t *one = json_object();
    sw_json_set_new(one, "imageId", json_incref((json_t *)id));
    sw_json_set_str(one, "failureCode", code);
    sw_json_set_str(one, "failureReason", reason);
    (void)json_array_append_new(failures, one);
}

/* An item of a batch, checked for form. */
struct image_ref {
    const char *digest, *tag; /* either may be NULL */
    struct reference ref;     /* the tag when there is one */
};

static bool parse_image_id(const json_t *id, struct image_ref *ret, json_t *failures)
{
    struct digest d;
    *ret = (struct image_ref){.digest = sw_json_str(id, "imageDigest", NULL),
                              .tag = sw_json_str(id, "imageTag", NULL)};
    if (!ret->digest && !ret->tag) {
        add_failure(failures, id, "MissingDigestAndTag",
                    "Invalid request parameters: both tag and digest cannot be null");
        return false;
    }
    if (ret->digest && !digest_parse(sw_str(ret->digest), &d)) {
        add_failure(failures, id, "InvalidImageDigest",
                    "Invalid request parameters: image digest should satisfy the regex "
                    "'[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
        return false;
    }
    if (ret->tag && !tag_valid(sw_str(ret->tag))) {
        add_failure(failures, id, "InvalidImageTag",
                    "Invalid request parameters: image tag should satisfy the regex "
                    "'[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'");
        return false;
    }
    ret->ref.is_digest = !ret->tag;
    if (ret->ref.is_digest)
        ret->ref.digest = d;
    (void)sw_str_copy(sw_str(ret->tag ? ret->tag : ret->digest), ret->ref.text,
                      sizeof(ret->ref.text));
    return true;
}

static bool accepted(const json_t *types, const char *type)
{
    for (size_t i = 0; i < json_array_size(types); i++)
        if (sw_streq(json_string_value(json_array_get(types, i)), type))
            return true;
    return json_array_size(types) == 0;
}

static json_t *image_json(const struct ecr_target *t, const char *digest, const char *tag,
                          const char *media_type)
{
    json_t *image = json_object();
    sw_json_set_str(image, "registryId", t->account);
    sw_json_set_str(image, "repositoryName", t->key.name);
    sw_json_set_new(image, "imageId", ecr_image_id(digest, tag));
    sw_json_set_str(image, "imageManifestMediaType", media_type);
    return image;
}

static int get_image(const struct aws_call *call, const struct ecr_target *t, struct repo *repo,
                     const json_t *id, const json_t *types, json_t *out, struct sw_err *err)
{
    struct image_ref want;
    struct stored_manifest *m;
    json_t *failures = sw_json_array(out, "failures");
    if (!parse_image_id(id, &want, failures))
        return 0;
    int r = manifest_get(t->reg, repo, &want.ref, &m, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        add_failure(failures, id, "ImageNotFound", "Requested image not found");
        return 0;
    }
    if (r < 0)
        return r;
    if (want.digest && !sw_streq(want.digest, m->digest)) {
        add_failure(failures, id, "ImageTagDoesNotMatchDigest",
                    "The tag does not belong to the image with this digest");
    } else if (!accepted(types, m->media_type)) {
        add_failure(failures, id, "ImageNotFound",
                    "The image has none of the accepted media types");
    } else {
        json_t *image = image_json(t, m->digest, want.tag, m->media_type);
        sw_json_set_new(image, "imageManifest", json_stringn(m->bytes, m->n));
        pull_note(t->reg, repo, m, &call->principal);
        (void)json_array_append_new(sw_json_array(out, "images"), image);
    }
    stored_manifest_unref(m);
    return 0;
}

/* What was handed out or removed. */
static void audit_images(struct aws_call *call, const json_t *ids)
{
    const json_t *one;
    size_t i;
    json_array_foreach(ids, i, one) {
        const json_t *inner = json_object_get(one, "imageId");
        const json_t *id = inner ? inner : one;
        http_audit_reference(call->req, sw_json_str(id, "imageTag", NULL));
        http_audit_reference(call->req, sw_json_str(id, "imageDigest", NULL));
    }
}

/* The whole answer is in memory: counts the manifests that were added since. */
static int check_batch(const json_t *list, size_t *bytes, size_t *counted, struct sw_err *err)
{
    for (; *counted < json_array_size(list); (*counted)++)
        *bytes +=
            json_string_length(json_object_get(json_array_get(list, *counted), "imageManifest"));
    return *bytes <= LIMIT_BATCH_MANIFESTS
               ? 0
               : sw_fail(err, SW_ELIMIT, "InvalidParameterException",
                         "the manifests of these images have more than %d bytes: ask for fewer",
                         LIMIT_BATCH_MANIFESTS);
}

int ecr_batch_get_image(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_images_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    size_t bytes = 0, counted = 0;
    sw_json_set_new(out, "images", json_array());
    sw_json_set_new(out, "failures", json_array());
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    for (size_t i = 0; r == 0 && i < json_array_size(args->image_ids); i++) {
        r = get_image(call, &t, repo, json_array_get(args->image_ids, i), args->media_types, out,
                      err);
        if (r == 0)
            r = check_batch(sw_json_array(out, "images"), &bytes, &counted, err);
    }
    audit_images(call, sw_json_array(out, "images"));
    repo_unref(repo);
    return r;
}

static int delete_image(const struct ecr_target *t, struct repo *repo, const json_t *id,
                        json_t *out, struct sw_err *err)
{
    static const struct {
        const char *code, *reason;
    } failed[] = {
        [IMAGE_NOT_FOUND] = {"ImageNotFound", "Requested image not found"},
        [IMAGE_TAG_MISMATCH] = {"ImageTagDoesNotMatchDigest",
                                "The tag does not belong to the image with this digest"},
        [IMAGE_REFERENCED] = {"ImageReferencedByManifestList",
                              "Requested image referenced by manifest list"},
    };
    struct image_ref want;
    struct image_info info;
    enum image_delete_result result;
    json_t *failures = sw_json_array(out, "failures"), *ids = sw_json_array(out, "imageIds");
    if (!parse_image_id(id, &want, failures))
        return 0;
    int r = image_delete(t->reg, repo, want.digest, want.tag, &result, &info, err);
    if (r < 0)
        return r;
    if (result != IMAGE_DELETED) {
        add_failure(failures, id, failed[result].code, failed[result].reason);
        return 0;
    }
    for (size_t i = 0; i < info.tags_n; i++)
        (void)json_array_append_new(ids, ecr_image_id(info.digest, info.tags[i]));
    if (info.tags_n == 0)
        (void)json_array_append_new(ids, ecr_image_id(info.digest, NULL));
    image_info_done(&info);
    return 0;
}

int ecr_batch_delete_image(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_images_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    sw_json_set_new(out, "imageIds", json_array());
    sw_json_set_new(out, "failures", json_array());
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    for (size_t i = 0; r == 0 && i < json_array_size(args->image_ids); i++)
        r = delete_image(&t, repo, json_array_get(args->image_ids, i), out, err);
    audit_images(call, sw_json_array(out, "imageIds"));
    repo_unref(repo);
    return r;
}

static enum image_tag_status status_of(const json_t *filter)
{
    const char *s = sw_json_str(filter, "tagStatus", "ANY");
    return sw_streq(s, "TAGGED")     ? IMAGE_TAGGED
           : sw_streq(s, "UNTAGGED") ? IMAGE_UNTAGGED
                                     : IMAGE_ANY;
}

/* Nothing is archived here, so all images are ACTIVE. */
static bool has_status(const json_t *filter)
{
    const char *status = sw_json_str(filter, "imageStatus", "ANY");
    return sw_streq(status, "ANY") || sw_streq(status, "ACTIVE");
}

/* A page of ListImages ends anywhere inside an image. Its token is "previous digest|tag": go on behind that digest, and of the first
 * image there skip the tags up to this one. */
struct id_page {
    json_t *ids;
    int64_t n;
    char before[DIGEST_STRING_MAX], tag[TAG_MAX + 1];
    bool full;
};

static void add_image_ids(struct id_page *p, const struct image_info *image)
{
    for (size_t i = 0; i < SW_MAX(image->tags_n, (size_t)1); i++) {
        const char *tag = image->tags_n ? image->tags[i] : NULL;
        if (tag && p->tag[0] && strcmp(tag, p->tag) <= 0)
            continue;
        if ((int64_t)json_array_size(p->ids) == p->n) {
            p->full = true;
            return;
        }
        (void)json_array_append_new(p->ids, ecr_image_id(image->digest, tag));
        if (tag)
            (void)sw_str_copy(sw_str(tag), p->tag, sizeof(p->tag));
    }
    (void)sw_str_copy(sw_str(image->digest), p->before, sizeof(p->before));
    p->tag[0] = 0;
}

static int fill_ids(struct registry *reg, struct repo *repo, enum image_tag_status status,
                    struct id_page *p, struct sw_err *err)
{
    struct image_info *list = NULL;
    size_t n = 0;
    int r = image_list(reg, repo, status, p->before, p->n + 1, &list, &n, err);
    for (size_t i = 0; r == 0 && i < n && !p->full; i++)
        add_image_ids(p, &list[i]);
    image_list_free(list, n);
    return r;
}

static int parse_id_token(const struct ecr_list_in *args, struct id_page *p, struct sw_err *err)
{
    char last[ECR_PAGE_KEY_MAX];
    int r = ecr_page(args, &p->n, last, err);
    struct sw_str rest = sw_str(last), before;
    if (r < 0 || !args->next_token)
        return r;
    if (!sw_str_split(&rest, '|', &before) || !rest.p ||
        !sw_str_copy(before, p->before, sizeof(p->before)) ||
        !sw_str_copy(rest, p->tag, sizeof(p->tag)))
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "the page token is not one of ours");
    return 0;
}

int ecr_list_images(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct id_page p = {.ids = json_array()};
    sw_json_set_new(out, "imageIds", p.ids);
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = parse_id_token(args, &p, err);
    if (r == 0)
        r = has_status(args->filter) ? fill_ids(t.reg, repo, status_of(args->filter), &p, err) : 0;
    if (r == 0 && p.full) {
        char key[ECR_PAGE_KEY_MAX];
        snprintf(key, sizeof(key), "%s|%s", p.before, p.tag);
        ecr_set_next_token(out, key);
    }
    repo_unref(repo);
    return r;
}

static json_t *detail_json(const struct aws_call *call, const struct ecr_target *t,
                           const struct image_info *i)
{
    json_t *d = json_object();
    sw_json_set_str(d, "registryId", t->account);
    sw_json_set_str(d, "repositoryName", t->key.name);
    sw_json_set_str(d, "imageDigest", i->digest);
    if (i->tags_n > 0) {
        json_t *tags = json_array();
        for (size_t k = 0; k < i->tags_n; k++)
            (void)json_array_append_new(tags, json_string(i->tags[k]));
        sw_json_set_new(d, "imageTags", tags);
    }
    sw_json_set_int(d, "imageSizeInBytes", i->image_size);
    sw_json_set_time_us(d, "imagePushedAt", i->pushed_at_us);
    sw_json_set_str(d, "imageManifestMediaType", i->media_type);
    sw_json_set_str(d, "artifactMediaType", i->artifact_type);
    if (ecr_is_public(call))
        return d;
    if (i->pulled_at_us)
        sw_json_set_time_us(d, "lastRecordedPullTime", i->pulled_at_us);
    sw_json_set_str(d, "subjectManifestDigest", i->subject);
    sw_json_set_str(d, "imageStatus", "ACTIVE");
    return d;
}

static int fail_image(const struct ecr_target *t, const struct image_ref *want, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "ImageNotFoundException",
                   "The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within "
                   "the repository with "
                   "name '%s' in the registry with id '%s'",
                   want->digest ? want->digest : "null", want->tag ? want->tag : "null",
                   t->key.name, t->account);
}

int ecr_find_image(const struct ecr_target *t, struct repo *repo, const json_t *id,
                   struct image_info *ret, struct sw_err *err)
{
    struct image_ref want;
    sw_autojson json_t *failures = json_array();
    if (!parse_image_id(id, &want, failures))
        return sw_fail(err, SW_EINVALID, "InvalidParameterException", "%s",
                       sw_json_str(json_array_get(failures, 0), "failureReason", ""));
    int r = image_describe(t->reg, repo, &want.ref, ret, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        return fail_image(t, &want, err);
    }
    if (r < 0)
        return r;
    return !want.digest || sw_streq(want.digest, ret->digest) ? 0 : fail_image(t, &want, err);
}

static bool has_tag_status(const struct image_info *info, const json_t *filter)
{
    switch (status_of(filter)) {
    case IMAGE_TAGGED: return info->tags_n > 0;
    case IMAGE_UNTAGGED: return info->tags_n == 0;
    case IMAGE_ANY: break;
    }
    return true;
}

static int describe_one(const struct aws_call *call, const struct ecr_target *t, struct repo *repo,
                        const json_t *id, const json_t *filter, json_t *list, struct sw_err *err)
{
    struct image_info info = {0};
    int r = ecr_find_image(t, repo, id, &info, err);
    if (r == 0 && has_status(filter) && has_tag_status(&info, filter))
        (void)json_array_append_new(list, detail_json(call, t, &info));
    image_info_done(&info);
    return r;
}

static int describe_listed(const struct aws_call *call, const struct ecr_target *t,
                           struct repo *repo, const struct ecr_list_in *args, json_t *list,
                           struct sw_err *err)
{
    if (args->next_token || args->max_results.set)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "nextToken and maxResults do not go with imageIds");
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(args->image_ids); i++)
        r = describe_one(call, t, repo, json_array_get(args->image_ids, i), args->filter, list,
                         err);
    return r;
}

static int describe_page(const struct aws_call *call, const struct ecr_target *t, struct repo *repo,
                         const struct ecr_list_in *args, json_t *list, json_t *out,
                         struct sw_err *err)
{
    char last[ECR_PAGE_KEY_MAX];
    struct image_info *images = NULL;
    size_t images_n = 0;
    int64_t n;
    int r = ecr_page(args, &n, last, err);
    if (r == 0 && !has_status(args->filter))
        return 0;
    if (r == 0)
        r = image_list(t->reg, repo, status_of(args->filter), last, n + 1, &images, &images_n, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < images_n && (int64_t)i < n; i++)
        (void)json_array_append_new(list, detail_json(call, t, &images[i]));
    if ((int64_t)images_n > n)
        ecr_set_next_token(out, images[n - 1].digest);
    image_list_free(images, images_n);
    return 0;
}

int ecr_describe_images(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    json_t *list = json_array();
    sw_json_set_new(out, "imageDetails", list);
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = args->image_ids ? describe_listed(call, &t, repo, args, list, err)
                            : describe_page(call, &t, repo, args, list, out, err);
    repo_unref(repo);
    return r;
}

static int check_put(const struct ecr_put_image_in *args, struct manifest_put *put,
                     struct sw_err *err)
{
    struct digest want;
    put->bytes = sw_str(args->manifest);
    if (args->tag && !tag_valid(sw_str(args->tag)))
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "Invalid parameter at 'imageTag' failed to satisfy constraint: "
                       "'must satisfy regular expression [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'");
    if (args->digest && !digest_parse(sw_str(args->digest), &want))
        return sw_fail(
            err, SW_EINVALID, "InvalidParameterException",
            "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must be a digest'");
    digest_of(args->digest ? want.algorithm : DIGEST_SHA256, put->bytes.p, put->bytes.n,
              &put->digest);
    if (args->digest && !digest_equal(&want, &put->digest))
        return sw_fail(err, SW_EMISMATCH, "ImageDigestDoesNotMatchException",
                       "The image manifest does not have the digest '%s'", args->digest);
    put->tags = &args->tag;
    put->tags_n = args->tag != NULL;
    return 0;
}

static int put_image(const struct ecr_target *t, struct repo *repo,
                     const struct ecr_put_image_in *args, json_t *out, struct sw_err *err)
{
    struct manifest m;
    struct manifest_put put = {.manifest = &m};
    char digest[DIGEST_STRING_MAX];
    int r = manifest_parse(sw_str(args->manifest), sw_str(args->media_type), &m, err);
    if (r < 0)
        return r;
    r = check_put(args, &put, err);
    if (r == 0)
        r = manifest_put(t->reg, repo, &put, err);
    digest_format(&put.digest, digest);
    if (r == 0 && !put.created && !put.retagged)
        r = sw_fail(err, SW_ECONFLICT, "ImageAlreadyExistsException",
                    "Image with digest '%s' and tag '%s' already exists in the repository with "
                    "name '%s' in registry with "
                    "id '%s'",
                    digest, args->tag ? args->tag : "null", t->key.name, t->account);
    if (r == 0) {
        json_t *image = image_json(t, digest, args->tag, m.media_type);
        sw_json_set_str(image, "imageManifest", args->manifest);
        sw_json_set_new(out, "image", image);
    }
    manifest_done(&m);
    return r;
}

int ecr_put_image(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_put_image_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = put_image(&t, repo, args, out, err);
    const json_t *id = sw_json_object(sw_json_object(out, "image"), "imageId");
    http_audit_reference(call->req, sw_json_str(id, "imageTag", NULL));
    http_audit_reference(call->req, sw_json_str(id, "imageDigest", NULL));
    repo_unref(repo);
    return r;
}

static int check_layer(const struct ecr_target *t, struct repo *repo, const char *digest,
                       json_t *out, struct sw_err *err)
{
    struct digest d;
    struct blob_link link;
    json_t *one = json_object();
    sw_json_set_str(one, "layerDigest", digest);
    if (!digest_parse(sw_str(digest), &d)) {
        sw_json_set_str(one, "failureCode", *digest ? "InvalidLayerDigest" : "MissingLayerDigest");
        sw_json_set_str(one, "failureReason",
                        *digest ? "Invalid layer digest" : "A layer digest is missing");
        (void)json_array_append_new(sw_json_array(out, "failures"), one);
        return 0;
    }
    int r = blob_link_find(t->reg, repo, &d, &link, err);
    sw_json_set_str(one, "layerAvailability", r == 0 ? "AVAILABLE" : "UNAVAILABLE");
    if (r == 0)
        sw_json_set_int(one, "layerSize", (int64_t)link.size);
    (void)json_array_append_new(sw_json_array(out, "layers"), one);
    if (r != SW_ENOTFOUND)
        return r;
    sw_err_clear(err);
    return 0;
}

int ecr_batch_check_layer_availability(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err)
{
    const struct ecr_images_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    sw_json_set_new(out, "layers", json_array());
    sw_json_set_new(out, "failures", json_array());
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    for (size_t i = 0; r == 0 && i < json_array_size(args->digests); i++)
        r = check_layer(&t, repo, json_string_value(json_array_get(args->digests, i)), out, err);
    repo_unref(repo);
    return r;
}
