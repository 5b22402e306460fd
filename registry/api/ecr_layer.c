/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_layer.c - layers through the JSON API: uploads in parts, and addresses to fetch them from (ecr_download.c). */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/blob_link.h"
#include "registry/core/layer_upload.h"

int ecr_initiate_layer_upload(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err)
{
    const struct ecr_layer_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    char id[LAYER_UUID_LEN + 1];
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = layer_upload_begin(t.reg, repo, call->principal.user_id, id, err);
    if (r == 0) {
        sw_json_set_str(out, "uploadId", id);
        sw_json_set_int(out, "partSize", LAYER_PART_SIZE);
    }
    repo_unref(repo);
    return r;
}

static void set_upload(const struct ecr_target *t, const struct ecr_layer_in *args, json_t *out)
{
    sw_json_set_str(out, "registryId", t->account);
    sw_json_set_str(out, "repositoryName", t->key.name);
    sw_json_set_str(out, "uploadId", args->upload_id);
}

/* What the caller needs to go on from where the upload is. */
static void add_last_valid_byte(struct aws_call *call, const struct ecr_target *t,
                                const struct ecr_layer_in *args, uint64_t size)
{
    call->error_members = json_object();
    set_upload(t, args, call->error_members);
    sw_json_set_int(call->error_members, "lastValidByteReceived",
                    (int64_t)SW_MAX(size, (uint64_t)1) - 1);
}

static int check_part(const struct ecr_layer_in *args, size_t n, struct sw_err *err)
{
    int64_t said = args->last.v - args->first.v;
    if (n > 0 && said >= 0 && (uint64_t)said == (uint64_t)n - 1)
        return 0;
    return sw_fail(err, SW_EINVALID, "InvalidLayerPartException",
                   "The part has %zu bytes, not those from byte %" PRId64 " to byte %" PRId64, n,
                   args->first.v, args->last.v);
}

static int upload_part(struct aws_call *call, const struct ecr_target *t, struct repo *repo,
                       const struct ecr_layer_in *args, json_t *out, struct sw_err *err)
{
    size_t cap = strlen(args->blob) / 4 * 3 + 3, n = 0;
    sw_autofree unsigned char *bytes = sw_malloc(cap);
    uint64_t size = 0;
    if (!sw_unbase64(sw_str(args->blob), bytes, cap, &n))
        return sw_fail(err, SW_EINVALID, "SerializationException", "'layerPartBlob' is not base64");
    struct layer_part part = {args->upload_id, (uint64_t)args->first.v, bytes, n};
    int r = layer_upload_find(t->reg, repo, call->principal.user_id, args->upload_id, &size, err);
    if (r == 0)
        r = check_part(args, n, err);
    if (r == 0)
        r = layer_upload_part(t->reg, repo, call->principal.user_id, &part, &size, err);
    if (r < 0 && sw_streq(err->reason, "InvalidLayerPartException"))
        add_last_valid_byte(call, t, args, size);
    if (r < 0)
        return r;
    set_upload(t, args, out);
    sw_json_set_int(out, "lastByteReceived", (int64_t)size - 1);
    return 0;
}

int ecr_upload_layer_part(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_layer_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = upload_part(call, &t, repo, args, out, err);
    repo_unref(repo);
    return r;
}

static int parse_digest(const char *text, const char *member, struct digest *ret,
                        struct sw_err *err)
{
    if (digest_parse(sw_str(text), ret))
        return 0;
    return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                   "Invalid parameter at '%s' failed to satisfy constraint: 'must satisfy regular "
                   "expression [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
                   member);
}

/* A layer has one digest; naming it more than once changes nothing. */
static int one_digest(const json_t *list, struct digest *ret, struct sw_err *err)
{
    int r = parse_digest(json_string_value(json_array_get(list, 0)), "layerDigests", ret, err);
    for (size_t i = 1; r == 0 && i < json_array_size(list); i++) {
        struct digest other;
        r = parse_digest(json_string_value(json_array_get(list, i)), "layerDigests", &other, err);
        if (r == 0 && !digest_equal(ret, &other))
            r = sw_fail(err, SW_EINVALID, "InvalidParameterException",
                        "Invalid parameter at 'layerDigests' failed to satisfy constraint: 'an "
                        "upload is one layer'");
    }
    return r;
}

int ecr_complete_layer_upload(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err)
{
    const struct ecr_layer_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct digest digest;
    char text[DIGEST_STRING_MAX];
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = one_digest(args->digests, &digest, err);
    if (r == 0)
        r = layer_upload_complete(t.reg, repo, call->principal.user_id, args->upload_id, &digest,
                                  err);
    if (r == 0) {
        digest_format(&digest, text);
        set_upload(&t, args, out);
        sw_json_set_str(out, "layerDigest", text);
        http_audit_reference(call->req, text);
    }
    repo_unref(repo);
    return r;
}

int ecr_get_download_url_for_layer(struct aws_call *call, const void *in, json_t *out,
                                   struct sw_err *err)
{
    const struct ecr_layer_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct digest digest;
    struct blob_link link;
    char url[ECR_DOWNLOAD_URL_MAX], text[DIGEST_STRING_MAX];
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = parse_digest(args->digest, "layerDigest", &digest, err);
    if (r == 0)
        r = blob_link_find(t.reg, repo, &digest, &link, err);
    if (r == SW_ENOTFOUND && sw_streq(err->reason, "BLOB_UNKNOWN")) {
        sw_err_clear(err);
        r = sw_fail(err, SW_ENOTFOUND, "LayersNotFoundException",
                    "The layer with digest '%s' does not exist in the repository with name '%s' in "
                    "the registry with id '%s'",
                    args->digest, t.key.name, t.account);
    }
    if (r == 0)
        r = ecr_download_url(call, &t, &digest, url, err);
    if (r == 0) {
        digest_format(&digest, text);
        sw_json_set_str(out, "downloadUrl", url);
        sw_json_set_str(out, "layerDigest", text);
        http_audit_reference(call->req, text);
    }
    repo_unref(repo);
    return r;
}
