/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_public.c - ecr-public (SpencerFrontendService) as a view of the same registry.
 * A public repository is an ordinary one that lets everyone pull (member `public` of its settings); this service sees only those, and
 * makes such. They lie in the configured region, whatever the credential says, so that the plain host name leads to them. Everything
 * else - images, tags, policies, layers - is shared with the private service, handlers included; only actions ("ecr-public:...") and
 * ARNs (arn:aws:ecr-public::ACCOUNT:repository/NAME) are its own. Catalog data is kept in the settings as "catalogData"; the logo's
 * bytes are refused. A registry has no aliases but its account number. */
#include "registry/api/ecr_public.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/macros.h"
#include "registry/api/ecr_public_schema.h"
#include "registry/core/manifest_store.h"
#include "registry/core/public.h"
#include "registry/core/tag_store.h"

#define CATALOG_SETTING "catalogData"
#define DISPLAY_NAME    "public-display-name"

void ecr_public_settings(const json_t *input, json_t *settings)
{
    json_t *catalog = sw_json_object(input, CATALOG_SETTING);
    sw_json_set_bool(settings, "public", true);
    if (catalog)
        sw_json_set_new(settings, CATALOG_SETTING, json_incref(catalog));
}

static json_t *load(const char *settings)
{
    json_t *doc = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    return sw_json_load(sw_str(settings), 32, 10000, NULL, &doc, &ignored) == 0 ? doc
                                                                                : json_object();
}

void ecr_public_catalog(const struct repo_info *info, json_t *out)
{
    sw_autojson json_t *settings = load(info->settings);
    json_t *catalog = sw_json_object(settings, CATALOG_SETTING);
    if (catalog)
        sw_json_set_new(out, "catalogData", json_incref(catalog));
}

static int get_repository_catalog_data(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct ecr_target t;
    struct repo_info info;
    int r = ecr_describe(call, args->registry_id, args->repository, &t, &info, err);
    if (r < 0)
        return r;
    ecr_public_catalog(&info, out);
    repo_info_done(&info);
    if (json_object_get(out, "catalogData"))
        return 0;
    return sw_fail(err, SW_ENOTFOUND, "RepositoryCatalogDataNotFoundException",
                   "The repository with name '%s' in the registry with id '%s' has no catalog data",
                   t.key.name, t.account);
}

static int set_catalog(void *ctx, const char *settings, char **ret_new,
                       struct sw_err *err SW_UNUSED)
{
    sw_autojson json_t *doc = load(settings);
    sw_json_set_new(doc, CATALOG_SETTING, json_incref(ctx));
    *ret_new = sw_json_dump(doc);
    return 0;
}

static int put_repository_catalog_data(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct ecr_target t;
    json_t *catalog = sw_json_object(call->input, CATALOG_SETTING);
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = ecr_check_reach(&t, err);
    if (r == 0)
        r = repo_update_settings(t.reg, &t.key, set_catalog, catalog, err);
    if (r == 0)
        sw_json_set_new(out, "catalogData", json_incref(catalog));
    return r;
}

static int get_authorization_token(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                   struct sw_err *err)
{
    json_t *data = json_object();
    sw_json_set_new(out, "authorizationData", data);
    int r = ecr_may_registry(call, err);
    return r < 0 ? r : ecr_issue_token(call, data, err);
}

static int describe_registries(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    const char *account = call->principal.account;
    char host[REGISTRY_HOST_MAX], arn[120];
    int r = ecr_may_registry(call, err);
    if (r < 0)
        return r;
    ecr_host(call, account, host);
    (void)snprintf(arn, sizeof(arn), "arn:aws:ecr-public::%s:registry/%s", account, account);
    json_t *alias = json_pack("{s:s, s:s, s:b, s:b}", "name", account, "status", "ACTIVE",
                              "primaryRegistryAlias", 1, "defaultRegistryAlias", 1);
    json_t *one = json_pack("{s:s, s:s, s:s, s:b, s:[o]}", "registryId", account, "registryArn",
                            arn, "registryUri", host, "verified", 0, "aliases", alias);
    sw_json_set_new(out, "registries", json_pack("[o]", one));
    return 0;
}

static void set_display_name(json_t *out, const char *name)
{
    json_t *data = json_object();
    sw_json_set_str(data, "displayName", name);
    sw_json_set_new(out, "registryCatalogData", data);
}

static int get_registry_catalog_data(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                                     struct sw_err *err)
{
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *name = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = registry_setting_get(ecr_of(call)->o.registry, &key, DISPLAY_NAME, &name, err);
    if (r == 0)
        set_display_name(out, name);
    return r;
}

static int put_registry_catalog_data(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err)
{
    const struct ecr_setting_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *old = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0 && args->name)
        r = registry_setting_put(ecr_of(call)->o.registry, &key, DISPLAY_NAME, args->name, NULL,
                                 err);
    if (r == 0 && !args->name)
        r = registry_setting_get(ecr_of(call)->o.registry, &key, DISPLAY_NAME, &old, err);
    if (r == 0)
        set_display_name(out, args->name ? args->name : old);
    return r;
}

struct tag_page {
    char (*tags)[TAG_MAX + 1];
    int64_t n, cap;
};

static int on_tag(void *ctx, const char *tag)
{
    struct tag_page *p = ctx;
    if (!tag) {
        p->n = 0;
        return 0;
    }
    (void)sw_str_copy(sw_str(tag), p->tags[p->n], sizeof(p->tags[0]));
    return ++p->n == p->cap;
}

static int add_tag_detail(const struct ecr_target *t, struct repo *repo, const char *tag,
                          json_t *list, struct sw_err *err)
{
    struct image_info info = {0};
    sw_autojson json_t *id = json_pack("{s:s}", "imageTag", tag);
    int r = ecr_find_image(t, repo, id, &info, err);
    if (r == 0) {
        json_t *detail = json_object(), *one = json_object();
        sw_json_set_str(detail, "imageDigest", info.digest);
        sw_json_set_int(detail, "imageSizeInBytes", info.image_size);
        sw_json_set_time_us(detail, "imagePushedAt", info.pushed_at_us);
        sw_json_set_str(detail, "imageManifestMediaType", info.media_type);
        sw_json_set_str(detail, "artifactMediaType", info.artifact_type);
        sw_json_set_str(one, "imageTag", tag);
        sw_json_set_time_us(one, "createdAt", info.pushed_at_us);
        sw_json_set_new(one, "imageDetail", detail);
        (void)json_array_append_new(list, one);
    }
    image_info_done(&info);
    if (r != SW_ENOTFOUND)
        return r;
    sw_err_clear(err); /* it went meanwhile */
    return 0;
}

static int describe_image_tags(struct aws_call *call, const void *in, json_t *out,
                               struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct tag_page p = {0};
    char last[ECR_PAGE_KEY_MAX];
    int64_t n = 0;
    json_t *list = json_array();
    sw_json_set_new(out, "imageTagDetails", list);
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = ecr_page(args, &n, last, err);
    p.cap = n + 1;
    p.tags = sw_calloc((size_t)p.cap, sizeof(p.tags[0]));
    if (r == 0)
        r = tag_list(t.reg, repo, last, p.cap, on_tag, &p, err);
    for (int64_t i = 0; r == 0 && i < p.n && i < n; i++)
        r = add_tag_detail(&t, repo, p.tags[i], list, err);
    if (r == 0 && p.n > n)
        ecr_set_next_token(out, p.tags[n - 1]);
    free(p.tags);
    repo_unref(repo);
    return r;
}

/* clang-format off */
#define OP(op, handler, in, out, size) {op, handler, ecr_public_##in##_in, out, size, "ecr-public:" op}
static const struct aws_op ops[] = { /* sorted by name */
    OP("BatchCheckLayerAvailability", ecr_batch_check_layer_availability, layers, ecr_batch_check_layer_availability_out, sizeof(struct ecr_images_in)),
    OP("BatchDeleteImage", ecr_batch_delete_image, images, ecr_batch_delete_image_out, sizeof(struct ecr_images_in)),
    OP("CompleteLayerUpload", ecr_complete_layer_upload, complete_layer_upload, ecr_complete_layer_upload_out, sizeof(struct ecr_layer_in)),
    OP("CreateRepository", ecr_create_repository, create_repository, ecr_public_create_repository_out, sizeof(struct ecr_repository_in)),
    OP("DeleteRepository", ecr_delete_repository, delete_repository, ecr_public_delete_repository_out, sizeof(struct ecr_repository_in)),
    OP("DeleteRepositoryPolicy", ecr_delete_repository_policy, repository, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("DescribeImageTags", describe_image_tags, describe_image_tags, ecr_public_describe_image_tags_out, sizeof(struct ecr_list_in)),
    OP("DescribeImages", ecr_describe_images, describe_images, ecr_public_describe_images_out, sizeof(struct ecr_list_in)),
    OP("DescribeRegistries", describe_registries, page, ecr_public_describe_registries_out, sizeof(struct ecr_list_in)),
    OP("DescribeRepositories", ecr_describe_repositories, describe_repositories, ecr_public_describe_repositories_out, sizeof(struct ecr_list_in)),
    OP("GetAuthorizationToken", get_authorization_token, no, ecr_public_get_authorization_token_out, 0),
    OP("GetRegistryCatalogData", get_registry_catalog_data, no, ecr_public_registry_catalog_out, 0),
    OP("GetRepositoryCatalogData", get_repository_catalog_data, repository, ecr_public_catalog_out, sizeof(struct ecr_policy_in)),
    OP("GetRepositoryPolicy", ecr_get_repository_policy, repository, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("InitiateLayerUpload", ecr_initiate_layer_upload, initiate_layer_upload, ecr_initiate_layer_upload_out, sizeof(struct ecr_layer_in)),
    OP("ListTagsForResource", ecr_list_tags_for_resource, list_tags, ecr_list_tags_for_resource_out, sizeof(struct ecr_tags_in)),
    OP("PutImage", ecr_put_image, put_image, ecr_put_image_out, sizeof(struct ecr_put_image_in)),
    OP("PutRegistryCatalogData", put_registry_catalog_data, put_registry_catalog, ecr_public_registry_catalog_out, sizeof(struct ecr_setting_in)),
    OP("PutRepositoryCatalogData", put_repository_catalog_data, put_catalog, ecr_public_catalog_out, sizeof(struct ecr_policy_in)),
    OP("SetRepositoryPolicy", ecr_set_repository_policy, set_policy, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("TagResource", ecr_tag_resource, tag, ecr_empty_out, sizeof(struct ecr_tags_in)),
    OP("UntagResource", ecr_untag_resource, untag, ecr_empty_out, sizeof(struct ecr_tags_in)),
    OP("UploadLayerPart", ecr_upload_layer_part, upload_layer_part, ecr_upload_layer_part_out, sizeof(struct ecr_layer_in)),
};

static const struct aws_op_note notes[] = {
    {"PutRegistryCatalogData", AWS_OP_STORED, "nothing shows it"},
    {"PutRepositoryCatalogData", AWS_OP_STORED, "nothing shows it; logoImageBlob is refused"},
    {NULL, 0, NULL},
};
/* clang-format on */

void ecr_public_init(struct ecr_api *a, struct aws_service *ret)
{
    *ret = (struct aws_service){.signing_name = "ecr-public",
                                .target_prefix = "SpencerFrontendService",
                                .invalid_reason = "InvalidParameterException",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .notes = notes,
                                .large_op = "UploadLayerPart",
                                .large_body = LIMIT_LAYER_PART_BODY,
                                .ctx = a};
}
