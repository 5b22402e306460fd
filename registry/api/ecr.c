/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr.c - the table of operations, what the handlers share, and the login. */
#include "registry/api/ecr.h"

#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "base/alloc.h"
#include "base/encode.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/api/ecr_lifecycle.h"

/* clang-format off */
#define OP(op, handler, in, out, size) {op, handler, in, out, size, "ecr:" op}
static const struct aws_op ops[] = { /* sorted by name */
    OP("BatchCheckLayerAvailability", ecr_batch_check_layer_availability, ecr_batch_check_layer_availability_in,
       ecr_batch_check_layer_availability_out, sizeof(struct ecr_images_in)),
    OP("BatchDeleteImage", ecr_batch_delete_image, ecr_batch_delete_image_in, ecr_batch_delete_image_out,
       sizeof(struct ecr_images_in)),
    OP("BatchGetImage", ecr_batch_get_image, ecr_batch_get_image_in, ecr_batch_get_image_out,
       sizeof(struct ecr_images_in)),
    OP("CreateRepository", ecr_create_repository, ecr_create_repository_in, ecr_create_repository_out,
       sizeof(struct ecr_repository_in)),
    OP("DeleteLifecyclePolicy", ecr_delete_lifecycle_policy, ecr_get_lifecycle_policy_in, ecr_get_lifecycle_policy_out,
       sizeof(struct ecr_lifecycle_in)),
    OP("DeleteRepository", ecr_delete_repository, ecr_delete_repository_in, ecr_create_repository_out,
       sizeof(struct ecr_repository_in)),
    OP("DescribeImages", ecr_describe_images, ecr_describe_images_in, ecr_describe_images_out,
       sizeof(struct ecr_list_in)),
    OP("DescribeRegistry", ecr_describe_registry, ecr_describe_registry_in, ecr_describe_registry_out, 0),
    OP("DescribeRepositories", ecr_describe_repositories, ecr_describe_repositories_in,
       ecr_describe_repositories_out, sizeof(struct ecr_list_in)),
    OP("GetAuthorizationToken", ecr_get_authorization_token, ecr_get_authorization_token_in,
       ecr_get_authorization_token_out, sizeof(struct ecr_token_in)),
    OP("GetLifecyclePolicy", ecr_get_lifecycle_policy, ecr_get_lifecycle_policy_in, ecr_get_lifecycle_policy_out,
       sizeof(struct ecr_lifecycle_in)),
    OP("GetLifecyclePolicyPreview", ecr_get_lifecycle_policy_preview, ecr_get_lifecycle_policy_preview_in, ecr_get_lifecycle_policy_preview_out,
       sizeof(struct ecr_lifecycle_in)),
    OP("ListImages", ecr_list_images, ecr_list_images_in, ecr_list_images_out, sizeof(struct ecr_list_in)),
    OP("ListTagsForResource", ecr_list_tags_for_resource, ecr_list_tags_for_resource_in,
       ecr_list_tags_for_resource_out, sizeof(struct ecr_tags_in)),
    OP("PutImage", ecr_put_image, ecr_put_image_in, ecr_put_image_out, sizeof(struct ecr_put_image_in)),
    OP("PutImageScanningConfiguration", ecr_put_image_scanning_configuration,
       ecr_put_image_scanning_configuration_in, ecr_put_image_scanning_configuration_out,
       sizeof(struct ecr_repository_in)),
    OP("PutImageTagMutability", ecr_put_image_tag_mutability, ecr_put_image_tag_mutability_in,
       ecr_put_image_tag_mutability_out, sizeof(struct ecr_repository_in)),
    OP("PutLifecyclePolicy", ecr_put_lifecycle_policy, ecr_put_lifecycle_policy_in, ecr_put_lifecycle_policy_out,
       sizeof(struct ecr_lifecycle_in)),
    OP("StartLifecyclePolicyPreview", ecr_start_lifecycle_policy_preview, ecr_start_lifecycle_policy_preview_in, ecr_start_lifecycle_policy_preview_out,
       sizeof(struct ecr_lifecycle_in)),
    OP("TagResource", ecr_tag_resource, ecr_tag_resource_in, ecr_empty_out, sizeof(struct ecr_tags_in)),
    OP("UntagResource", ecr_untag_resource, ecr_untag_resource_in, ecr_empty_out, sizeof(struct ecr_tags_in)),
};
/* clang-format on */

static const char *const unimplemented[] = {
    "BatchGetRepositoryScanningConfiguration",
    "CompleteLayerUpload",
    "CreatePullThroughCacheRule",
    "CreateRepositoryCreationTemplate",
    "DeletePullThroughCacheRule",
    "DeleteRegistryPolicy",
    "DeleteRepositoryCreationTemplate",
    "DeleteRepositoryPolicy",
    "DeleteSigningConfiguration",
    "DeregisterPullTimeUpdateExclusion",
    "DescribeImageReplicationStatus",
    "DescribeImageScanFindings",
    "DescribeImageSigningStatus",
    "DescribePullThroughCacheRules",
    "DescribeRepositoryCreationTemplates",
    "GetAccountSetting",
    "GetDownloadUrlForLayer",
    "GetRegistryPolicy",
    "GetRegistryScanningConfiguration",
    "GetRepositoryPolicy",
    "GetSigningConfiguration",
    "InitiateLayerUpload",
    "ListImageReferrers",
    "ListPullTimeUpdateExclusions",
    "PutAccountSetting",
    "PutRegistryPolicy",
    "PutRegistryScanningConfiguration",
    "PutReplicationConfiguration",
    "PutSigningConfiguration",
    "RegisterPullTimeUpdateExclusion",
    "SetRepositoryPolicy",
    "StartImageScan",
    "UpdateImageStorageClass",
    "UpdatePullThroughCacheRule",
    "UpdateRepositoryCreationTemplate",
    "UploadLayerPart",
    "ValidatePullThroughCacheRule",
    NULL,
};

struct ecr_api *ecr_api_new(const struct ecr_api_options *o)
{
    struct ecr_api *a = SW_NEW(struct ecr_api);
    a->o = *o;
    a->o.account = sw_strdup(o->account);
    a->o.endpoint = sw_strdup_or_null(o->endpoint);
    if (a->o.token_ttl_s == 0)
        a->o.token_ttl_s = TOKEN_TTL_S;
    a->service = (struct aws_service){.signing_name = "ecr",
                                      .target_prefix = "AmazonEC2ContainerRegistry_V20150921",
                                      .invalid_reason = "InvalidParameterException",
                                      .ops = ops,
                                      .ops_n = SW_ARRAY_LEN(ops),
                                      .unimplemented = unimplemented,
                                      .ctx = a};
    return a;
}

void ecr_api_free(struct ecr_api *a)
{
    if (!a)
        return;
    free((void *)a->o.account);
    free((void *)a->o.endpoint);
    free(a);
}

struct aws_service *ecr_aws_service(struct ecr_api *a)
{
    return &a->service;
}

int ecr_target(struct aws_call *call, const char *registry_id, const char *name,
               struct ecr_target *ret, struct sw_err *err)
{
    struct ecr_api *a = ecr_of(call);
    *ret = (struct ecr_target){.reg = a->o.registry,
                               .account = registry_id ? registry_id : a->o.account};
    ret->key = (struct repo_key){ret->account, call->region, name};
    snprintf(ret->arn, sizeof(ret->arn), "arn:aws:ecr:%s:%s:repository/%s", call->region,
             ret->account, name);
    call->context.account = ret->account;
    call->context.resource_public = repo_is_public(ret->reg, &ret->key);
    return aws_may(call, ret->arn, err);
}

int ecr_open(struct aws_call *call, const char *registry_id, const char *name,
             struct ecr_target *ret, struct repo **ret_repo, struct sw_err *err)
{
    int r = ecr_target(call, registry_id, name, ret, err);
    return r < 0 ? r : repo_open(ret->reg, &ret->key, ret_repo, err);
}

void ecr_host(const struct aws_call *call, char *out, size_t cap)
{
    const char *host = http_req_header(call->req, "Host");
    (void)sw_str_copy(sw_str(host ? host : "localhost"), out, cap);
}

int ecr_page(const struct ecr_list_in *in, int64_t *ret_n, char last[ECR_PAGE_KEY_MAX],
             struct sw_err *err)
{
    *ret_n = in->max_results.set ? in->max_results.v : 100;
    last[0] = 0;
    if (!in->next_token)
        return 0;
    return aws_page_token_parse(in->next_token, last, ECR_PAGE_KEY_MAX, "InvalidParameterException",
                                err);
}

void ecr_set_next_token(json_t *out, const char *last_key)
{
    char token[AWS_PAGE_TOKEN_MAX];
    aws_page_token(last_key, token);
    sw_json_set_str(out, "nextToken", token);
}

static void add_authorization(const struct aws_call *call, const char *token, int64_t expires_at_us,
                              json_t *list)
{
    const struct ecr_api *a = ecr_of(call);
    char pair[TOKEN_MAX + 8], encoded[SW_BASE64_LEN(TOKEN_MAX + 8) + 1], host[300], endpoint[320];
    int n = snprintf(pair, sizeof(pair), "AWS:%s", token);
    sw_base64(pair, (size_t)n, encoded);
    ecr_host(call, host, sizeof(host));
    snprintf(endpoint, sizeof(endpoint), "%s://%s", call->req->secure ? "https" : "http", host);
    json_t *one = json_object();
    sw_json_set_str(one, "authorizationToken", encoded);
    sw_json_set_time_us(one, "expiresAt", expires_at_us);
    sw_json_set_str(one, "proxyEndpoint", a->o.endpoint ? a->o.endpoint : endpoint);
    json_array_append_new(list, one);
}

int ecr_get_authorization_token(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err)
{
    const struct ecr_token_in *args = in;
    const struct ecr_api *a = ecr_of(call);
    int r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_size(args->registry_ids); i++) {
        const char *id = json_string_value(json_array_get(args->registry_ids, i));
        if (!sw_streq(id, a->o.account))
            return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                           "there is no registry with id '%s' here", id);
    }
    char token[TOKEN_MAX];
    int64_t expires_at_us;
    const struct token_authority authority = {.keyring = a->o.keyring, .sessions = a->o.sessions};
    r = token_issue(&authority, &call->principal, call->now_us, a->o.token_ttl_s, token,
                    &expires_at_us, err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    add_authorization(call, token, expires_at_us, list);
    sw_json_set_new(out, "authorizationData", list);
    return 0;
}

int ecr_describe_registry(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = aws_may(call, "*", err);
    if (r < 0)
        return r;
    json_t *replication = json_object();
    sw_json_set_new(replication, "rules", json_array());
    sw_json_set_str(out, "registryId", ecr_of(call)->o.account);
    sw_json_set_new(out, "replicationConfiguration", replication);
    return 0;
}
