/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr.c - the table of operations, what the handlers share, and the login. */
#include "registry/api/ecr.h"

#include <stdio.h>
#include <string.h>

#include "auth/token.h"
#include "base/alloc.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/api/ecr_lifecycle.h"
#include "registry/core/rights.h"

/* clang-format off */
#define OP(op, handler, in, out, size) {op, handler, in, out, size, "ecr:" op}
static const struct aws_op ops[] = { /* sorted by name */
    OP("BatchCheckLayerAvailability", ecr_batch_check_layer_availability, ecr_batch_check_layer_availability_in, ecr_batch_check_layer_availability_out, sizeof(struct ecr_images_in)),
    OP("BatchDeleteImage", ecr_batch_delete_image, ecr_batch_delete_image_in, ecr_batch_delete_image_out, sizeof(struct ecr_images_in)),
    OP("BatchGetImage", ecr_batch_get_image, ecr_batch_get_image_in, ecr_batch_get_image_out, sizeof(struct ecr_images_in)),
    OP("BatchGetRepositoryScanningConfiguration", ecr_batch_get_repository_scanning_configuration, ecr_batch_get_repository_scanning_configuration_in, ecr_batch_get_repository_scanning_configuration_out, sizeof(struct ecr_list_in)),
    OP("CompleteLayerUpload", ecr_complete_layer_upload, ecr_complete_layer_upload_in, ecr_complete_layer_upload_out, sizeof(struct ecr_layer_in)),
    OP("CreatePullThroughCacheRule", ecr_refuse, ecr_create_cache_rule_in, ecr_create_cache_rule_out, sizeof(struct ecr_cache_in)),
    OP("CreateRepository", ecr_create_repository, ecr_create_repository_in, ecr_create_repository_out, sizeof(struct ecr_repository_in)),
    OP("CreateRepositoryCreationTemplate", ecr_create_template, ecr_create_template_in, ecr_template_out, sizeof(struct ecr_template_in)),
    OP("DeleteLifecyclePolicy", ecr_delete_lifecycle_policy, ecr_get_lifecycle_policy_in, ecr_get_lifecycle_policy_out, sizeof(struct ecr_lifecycle_in)),
    OP("DeletePullThroughCacheRule", ecr_no_cache_rule, ecr_cache_rule_in, ecr_delete_cache_rule_out, sizeof(struct ecr_cache_in)),
    OP("DeleteRegistryPolicy", ecr_delete_registry_policy, ecr_no_in, ecr_registry_policy_out, 0),
    OP("DeleteRepository", ecr_delete_repository, ecr_delete_repository_in, ecr_create_repository_out, sizeof(struct ecr_repository_in)),
    OP("DeleteRepositoryCreationTemplate", ecr_delete_template, ecr_delete_template_in, ecr_template_out, sizeof(struct ecr_template_in)),
    OP("DeleteRepositoryPolicy", ecr_delete_repository_policy, ecr_repository_policy_in, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("DeleteSigningConfiguration", ecr_no_signing_configuration, ecr_no_in, ecr_signing_configuration_out, 0),
    OP("DeregisterPullTimeUpdateExclusion", ecr_deregister_pull_time_exclusion, ecr_pull_time_exclusion_in, ecr_deregister_pull_time_exclusion_out, sizeof(struct ecr_setting_in)),
    OP("DescribeImageReplicationStatus", ecr_describe_image_replication_status, ecr_one_image_in, ecr_describe_image_replication_status_out, sizeof(struct ecr_one_image_in)),
    OP("DescribeImageScanFindings", ecr_describe_image_scan_findings, ecr_describe_image_scan_findings_in, ecr_describe_image_scan_findings_out, sizeof(struct ecr_one_image_in)),
    OP("DescribeImageSigningStatus", ecr_describe_image_signing_status, ecr_one_image_in, ecr_describe_image_signing_status_out, sizeof(struct ecr_one_image_in)),
    OP("DescribeImages", ecr_describe_images, ecr_describe_images_in, ecr_describe_images_out, sizeof(struct ecr_list_in)),
    OP("DescribePullThroughCacheRules", ecr_describe_cache_rules, ecr_describe_cache_rules_in, ecr_describe_cache_rules_out, sizeof(struct ecr_list_in)),
    OP("DescribeRegistry", ecr_describe_registry, ecr_describe_registry_in, ecr_describe_registry_out, 0),
    OP("DescribeReplicationBackfillResults", ecr_no_replication_backfill, ecr_describe_replication_backfill_results_in, ecr_describe_replication_backfill_results_out, sizeof(struct ecr_backfill_in)),
    OP("DescribeRepositories", ecr_describe_repositories, ecr_describe_repositories_in, ecr_describe_repositories_out, sizeof(struct ecr_list_in)),
    OP("DescribeRepositoryCreationTemplates", ecr_describe_templates, ecr_describe_templates_in, ecr_describe_templates_out, sizeof(struct ecr_list_in)),
    OP("GetAccountSetting", ecr_get_account_setting, ecr_get_account_setting_in, ecr_account_setting_out, sizeof(struct ecr_setting_in)),
    OP("GetAuthorizationToken", ecr_get_authorization_token, ecr_get_authorization_token_in, ecr_get_authorization_token_out, sizeof(struct ecr_token_in)),
    OP("GetDownloadUrlForLayer", ecr_get_download_url_for_layer, ecr_get_download_url_for_layer_in, ecr_get_download_url_for_layer_out, sizeof(struct ecr_layer_in)),
    OP("GetLifecyclePolicy", ecr_get_lifecycle_policy, ecr_get_lifecycle_policy_in, ecr_get_lifecycle_policy_out, sizeof(struct ecr_lifecycle_in)),
    OP("GetLifecyclePolicyPreview", ecr_get_lifecycle_policy_preview, ecr_get_lifecycle_policy_preview_in, ecr_get_lifecycle_policy_preview_out, sizeof(struct ecr_lifecycle_in)),
    OP("GetRegistryPolicy", ecr_get_registry_policy, ecr_no_in, ecr_registry_policy_out, 0),
    OP("GetRegistryScanningConfiguration", ecr_get_registry_scanning_configuration, ecr_no_in, ecr_get_registry_scanning_configuration_out, 0),
    OP("GetRepositoryPolicy", ecr_get_repository_policy, ecr_repository_policy_in, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("GetSigningConfiguration", ecr_no_signing_configuration, ecr_no_in, ecr_signing_configuration_out, 0),
    OP("InitiateLayerUpload", ecr_initiate_layer_upload, ecr_initiate_layer_upload_in, ecr_initiate_layer_upload_out, sizeof(struct ecr_layer_in)),
    OP("ListImageReferrers", ecr_list_image_referrers, ecr_list_image_referrers_in, ecr_list_image_referrers_out, sizeof(struct ecr_list_in)),
    OP("ListImages", ecr_list_images, ecr_list_images_in, ecr_list_images_out, sizeof(struct ecr_list_in)),
    OP("ListPullTimeUpdateExclusions", ecr_list_pull_time_exclusions, ecr_list_pull_time_exclusions_in, ecr_list_pull_time_exclusions_out, sizeof(struct ecr_list_in)),
    OP("ListReplicationBackfills", ecr_list_replication_backfills, ecr_list_replication_backfills_in, ecr_list_replication_backfills_out, sizeof(struct ecr_backfill_in)),
    OP("ListTagsForResource", ecr_list_tags_for_resource, ecr_list_tags_for_resource_in, ecr_list_tags_for_resource_out, sizeof(struct ecr_tags_in)),
    OP("PutAccountSetting", ecr_put_account_setting, ecr_put_account_setting_in, ecr_account_setting_out, sizeof(struct ecr_setting_in)),
    OP("PutImage", ecr_put_image, ecr_put_image_in, ecr_put_image_out, sizeof(struct ecr_put_image_in)),
    OP("PutImageScanningConfiguration", ecr_put_image_scanning_configuration, ecr_put_image_scanning_configuration_in, ecr_put_image_scanning_configuration_out, sizeof(struct ecr_repository_in)),
    OP("PutImageTagMutability", ecr_put_image_tag_mutability, ecr_put_image_tag_mutability_in, ecr_put_image_tag_mutability_out, sizeof(struct ecr_repository_in)),
    OP("PutLifecyclePolicy", ecr_put_lifecycle_policy, ecr_put_lifecycle_policy_in, ecr_put_lifecycle_policy_out, sizeof(struct ecr_lifecycle_in)),
    OP("PutRegistryPolicy", ecr_put_registry_policy, ecr_put_registry_policy_in, ecr_registry_policy_out, sizeof(struct ecr_policy_in)),
    OP("PutRegistryScanningConfiguration", ecr_put_registry_scanning_configuration, ecr_put_registry_scanning_configuration_in, ecr_put_registry_scanning_configuration_out, 0),
    OP("PutReplicationConfiguration", ecr_put_replication_configuration, ecr_put_replication_configuration_in, ecr_put_replication_configuration_out, 0),
    OP("PutSigningConfiguration", ecr_refuse, ecr_put_signing_configuration_in, ecr_put_signing_configuration_out, 0),
    OP("RegisterPullTimeUpdateExclusion", ecr_register_pull_time_exclusion, ecr_pull_time_exclusion_in, ecr_register_pull_time_exclusion_out, sizeof(struct ecr_setting_in)),
    OP("SetRepositoryPolicy", ecr_set_repository_policy, ecr_set_repository_policy_in, ecr_repository_policy_out, sizeof(struct ecr_policy_in)),
    OP("StartImageScan", ecr_refuse_image, ecr_one_image_in, ecr_start_image_scan_out, sizeof(struct ecr_one_image_in)),
    OP("StartLifecyclePolicyPreview", ecr_start_lifecycle_policy_preview, ecr_start_lifecycle_policy_preview_in, ecr_start_lifecycle_policy_preview_out, sizeof(struct ecr_lifecycle_in)),
    OP("StartReplicationBackfill", ecr_refuse, ecr_start_replication_backfill_in, ecr_replication_backfill_out, sizeof(struct ecr_backfill_in)),
    OP("StopReplicationBackfill", ecr_no_replication_backfill, ecr_stop_replication_backfill_in, ecr_replication_backfill_out, sizeof(struct ecr_backfill_in)),
    OP("TagResource", ecr_tag_resource, ecr_tag_resource_in, ecr_empty_out, sizeof(struct ecr_tags_in)),
    OP("UntagResource", ecr_untag_resource, ecr_untag_resource_in, ecr_empty_out, sizeof(struct ecr_tags_in)),
    OP("UpdateImageStorageClass", ecr_refuse_image, ecr_update_image_storage_class_in, ecr_update_image_storage_class_out, sizeof(struct ecr_one_image_in)),
    OP("UpdatePullThroughCacheRule", ecr_no_cache_rule, ecr_update_cache_rule_in, ecr_update_cache_rule_out, sizeof(struct ecr_cache_in)),
    OP("UpdateRepositoryCreationTemplate", ecr_update_template, ecr_update_template_in, ecr_template_out, sizeof(struct ecr_template_in)),
    OP("UploadLayerPart", ecr_upload_layer_part, ecr_upload_layer_part_in, ecr_upload_layer_part_out, sizeof(struct ecr_layer_in)),
    OP("ValidatePullThroughCacheRule", ecr_no_cache_rule, ecr_cache_rule_in, ecr_validate_cache_rule_out, sizeof(struct ecr_cache_in)),
};

static const struct aws_op_note notes[] = {
    {"CreatePullThroughCacheRule", AWS_OP_REFUSED, "pulling through from another registry"},
    {"DeletePullThroughCacheRule", AWS_OP_EMPTY, "pull-through cache rules"},
    {"DeleteSigningConfiguration", AWS_OP_EMPTY, "signing by the registry"},
    {"DescribeImageReplicationStatus", AWS_OP_EMPTY, "replication"},
    {"DescribeImageScanFindings", AWS_OP_EMPTY, "scanning"},
    {"DescribeImageSigningStatus", AWS_OP_EMPTY, "signing by the registry"},
    {"DescribePullThroughCacheRules", AWS_OP_EMPTY, "pull-through cache rules"},
    {"DescribeReplicationBackfillResults", AWS_OP_EMPTY, "replication"},
    {"GetRegistryScanningConfiguration", AWS_OP_EMPTY, "scanning"},
    {"GetSigningConfiguration", AWS_OP_EMPTY, "signing by the registry"},
    {"ListReplicationBackfills", AWS_OP_EMPTY, "replication"},
    {"PutImageScanningConfiguration", AWS_OP_STORED, "nothing is scanned"},
    {"PutRegistryScanningConfiguration", AWS_OP_REFUSED, "scanning (but BASIC without rules, which is so anyhow)"},
    {"PutReplicationConfiguration", AWS_OP_REFUSED, "replication (but no rules, which is so anyhow)"},
    {"PutSigningConfiguration", AWS_OP_REFUSED, "signing by the registry"},
    {"StartImageScan", AWS_OP_REFUSED, "scanning"},
    {"StartReplicationBackfill", AWS_OP_REFUSED, "replication"},
    {"StopReplicationBackfill", AWS_OP_EMPTY, "replication"},
    {"UpdateImageStorageClass", AWS_OP_REFUSED, "archive storage"},
    {"UpdatePullThroughCacheRule", AWS_OP_EMPTY, "pull-through cache rules"},
    {"ValidatePullThroughCacheRule", AWS_OP_EMPTY, "pull-through cache rules"},
    {NULL, 0, NULL},
};
/* clang-format on */

struct ecr_api *ecr_api_new(const struct ecr_api_options *o)
{
    struct ecr_api *a = SW_NEW(struct ecr_api);
    a->o = *o;
    a->o.account = sw_strdup(o->account);
    a->o.region = sw_strdup(o->region ? o->region : "us-east-1");
    a->o.endpoint = sw_strdup_or_null(o->endpoint);
    if (a->o.token_ttl_s == 0)
        a->o.token_ttl_s = TOKEN_TTL_S;
    a->service = (struct aws_service){.signing_name = "ecr",
                                      .target_prefix = "AmazonEC2ContainerRegistry_V20150921",
                                      .invalid_reason = "InvalidParameterException",
                                      .tags_reason = "InvalidTagParameterException",
                                      .ops = ops,
                                      .ops_n = SW_ARRAY_LEN(ops),
                                      .notes = notes,
                                      .large_op = "UploadLayerPart",
                                      .large_body = LIMIT_LAYER_PART_BODY,
                                      .ctx = a};
    ecr_public_init(a, &a->public_service);
    return a;
}

void ecr_api_free(struct ecr_api *a)
{
    if (!a)
        return;
    free((void *)a->o.account);
    free((void *)a->o.region);
    free((void *)a->o.endpoint);
    free(a);
}

struct aws_service *ecr_aws_service(struct ecr_api *a)
{
    return &a->service;
}

struct aws_service *ecr_public_aws_service(struct ecr_api *a)
{
    return &a->public_service;
}

/* The public registry is one for all regions, as Amazon's: its repositories lie where plain host names lead. */
const char *ecr_region(const struct aws_call *call)
{
    return ecr_is_public(call) ? ecr_of(call)->o.region : call->region;
}

struct registry_key ecr_registry_key(const struct aws_call *call)
{
    return (struct registry_key){call->principal.account, ecr_region(call)};
}

void ecr_arn(const struct aws_call *call, const char *account, const char *name,
             char out[ECR_ARN_MAX])
{
    if (ecr_is_public(call))
        (void)snprintf(out, ECR_ARN_MAX, "arn:aws:ecr-public::%s:repository/%s", account, name);
    else
        (void)snprintf(out, ECR_ARN_MAX, "arn:aws:ecr:%s:%s:repository/%s", call->region, account,
                       name);
}

int ecr_ask(struct aws_call *call, const char *action, const struct repo_key *key, const char *arn,
            struct sw_err *err)
{
    struct policy_context *context = &call->context;
    struct registry_rights rights;
    context->account = key->account;
    registry_rights_begin(ecr_of(call)->o.registry, key, &call->principal, call->input, context,
                          &rights);
    int r = action ? aws_may_action(call, action, arn, err) : aws_may(call, arn, err);
    registry_rights_end(&rights, context);
    return r;
}

int ecr_may_registry(struct aws_call *call, struct sw_err *err)
{
    struct repo_key key = {call->principal.account, ecr_region(call), NULL};
    return ecr_ask(call, NULL, &key, "*", err);
}

int ecr_target(struct aws_call *call, const char *registry_id, const char *name,
               struct ecr_target *ret, struct sw_err *err)
{
    struct ecr_api *a = ecr_of(call);
    *ret = (struct ecr_target){.reg = a->o.registry,
                               .account = registry_id ? registry_id : call->principal.account,
                               .only_public = ecr_is_public(call)};
    ret->key = (struct repo_key){ret->account, ecr_region(call), name};
    ecr_arn(call, ret->account, name, ret->arn);
    return ecr_ask(call, NULL, &ret->key, ret->arn, err);
}

int ecr_check_reach(const struct ecr_target *t, struct sw_err *err)
{
    if (!t->only_public || repo_is_public(t->reg, &t->key))
        return 0;
    return sw_fail(err, SW_ENOTFOUND, "RepositoryNotFoundException",
                   "The repository with name '%s' does not exist in the registry with id '%s'",
                   t->key.name, t->account);
}

int ecr_open(struct aws_call *call, const char *registry_id, const char *name,
             struct ecr_target *ret, struct repo **ret_repo, struct sw_err *err)
{
    int r = ecr_target(call, registry_id, name, ret, err);
    if (r == 0)
        r = ecr_check_reach(ret, err);
    return r < 0 ? r : repo_open(ret->reg, &ret->key, ret_repo, err);
}

int ecr_describe(struct aws_call *call, const char *registry_id, const char *name,
                 struct ecr_target *ret, struct repo_info *ret_info, struct sw_err *err)
{
    int r = ecr_target(call, registry_id, name, ret, err);
    if (r == 0)
        r = ecr_check_reach(ret, err);
    return r < 0 ? r : repo_describe(ret->reg, &ret->key, ret_info, err);
}

static const char *used_host(const struct aws_call *call)
{
    const char *host = http_req_header(call->req, "Host");
    return host && *host && strlen(host) < REGISTRY_HOST_MAX - 160 ? host : "localhost";
}

/* Where the host of a URL begins. */
static const char *host_of(const char *url)
{
    const char *scheme = strstr(url, "://");
    return scheme ? scheme + 3 : url;
}

void ecr_host(const struct aws_call *call, const char *account, char out[REGISTRY_HOST_MAX])
{
    const struct ecr_api *a = ecr_of(call);
    struct registry_host style;
    struct registry_place fallback = {a->o.account, a->o.region};
    struct registry_place wanted = {account, ecr_region(call)};
    const char *host = used_host(call);
    if (a->o.endpoint && !registry_host_parse(host, &style))
        host = host_of(a->o.endpoint);
    registry_host_name(host, &fallback, &wanted, out);
}

static const char *scheme_of(const struct aws_call *call)
{
    const char *endpoint = ecr_of(call)->o.endpoint;
    bool secure = endpoint ? strncmp(endpoint, "https:", 6) == 0 : call->req->secure;
    return secure ? "https" : "http";
}

void ecr_base_url(const struct aws_call *call, char out[REGISTRY_HOST_MAX])
{
    const char *endpoint = ecr_of(call)->o.endpoint;
    (void)snprintf(out, REGISTRY_HOST_MAX, "%s://%s", scheme_of(call),
                   endpoint ? host_of(endpoint) : used_host(call));
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

/* base64 of AWS:password, and until when it is one. */
int ecr_issue_token(const struct aws_call *call, json_t *out, struct sw_err *err)
{
    const struct ecr_api *a = ecr_of(call);
    char token[TOKEN_MAX], pair[TOKEN_MAX + 8], encoded[SW_BASE64_LEN(TOKEN_MAX + 8) + 1];
    int64_t expires_at_us;
    const struct token_authority authority = {.keyring = a->o.keyring, .sessions = a->o.sessions};
    int r = token_issue(&authority, &call->principal, call->now_us, a->o.token_ttl_s, token,
                        &expires_at_us, err);
    if (r < 0)
        return r;
    int n = snprintf(pair, sizeof(pair), "AWS:%s", token);
    sw_base64(pair, (size_t)n, encoded);
    sw_json_set_str(out, "authorizationToken", encoded);
    sw_json_set_time_us(out, "expiresAt", expires_at_us);
    return 0;
}

static int add_authorization(const struct aws_call *call, const char *account, json_t *list,
                             struct sw_err *err)
{
    char host[REGISTRY_HOST_MAX], endpoint[REGISTRY_HOST_MAX + 10];
    json_t *one = json_object();
    (void)json_array_append_new(list, one);
    ecr_host(call, account, host);
    (void)snprintf(endpoint, sizeof(endpoint), "%s://%s", scheme_of(call), host);
    sw_json_set_str(one, "proxyEndpoint", endpoint);
    return ecr_issue_token(call, one, err);
}

/* One for each registry that was named: the password is the same, what it opens is decided when it is used. */
int ecr_get_authorization_token(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err)
{
    const struct ecr_token_in *args = in;
    json_t *list = json_array();
    sw_json_set_new(out, "authorizationData", list);
    int r = ecr_may_registry(call, err);
    if (r == 0 && !args->registry_ids)
        return add_authorization(call, call->principal.account, list, err);
    for (size_t i = 0; r == 0 && i < json_array_size(args->registry_ids); i++)
        r = add_authorization(call, json_string_value(json_array_get(args->registry_ids, i)), list,
                              err);
    return r;
}
