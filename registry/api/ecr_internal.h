/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_internal.h - what the ecr_*.c files share. Nobody else includes it. */
#include "base/json.h"
#include "registry/api/ecr.h"
#include "registry/api/ecr_schema.h"
#include "registry/api/registry_host.h"
#include "registry/core/reference.h"
#include "registry/core/registry_setting.h"
#include "registry/core/repo_store.h"

struct ecr_api {
    struct ecr_api_options o; /* strings owned */
    struct aws_service service, public_service;
};

#define ECR_ARN_MAX (REPO_NAME_MAX + 160)

/* The repository that a call is about: registry and name from the input, the region from the credential. */
struct ecr_target {
    struct registry *reg;
    const char *account; /* registryId, or the caller's */
    struct repo_key key;
    bool only_public; /* a call of ecr-public: it does not see other repositories */
    char arn[ECR_ARN_MAX];
};

static inline struct ecr_api *ecr_of(const struct aws_call *call)
{
    return call->service->ctx;
}
static inline bool ecr_is_public(const struct aws_call *call)
{
    return call->service->target_prefix != ecr_of(call)->service.target_prefix;
}
void ecr_public_init(struct ecr_api *a, struct aws_service *ret);

/* aws_may() with the policies and tags of that repository and of its registry. action NULL: the operation's own. */
int ecr_ask(struct aws_call *call, const char *action, const struct repo_key *key, const char *arn,
            struct sw_err *err);
/* The same about the caller's own registry, resource "*". */
int ecr_may_registry(struct aws_call *call, struct sw_err *err);
/* Fills *ret and asks whether the caller may do this call's action there; name "*" for all. */
int ecr_target(struct aws_call *call, const char *registry_id, const char *name,
               struct ecr_target *ret, struct sw_err *err);
/* Whether this call may see the repository at all (ecr-public: RepositoryNotFoundException); after ecr_target(). */
int ecr_check_reach(const struct ecr_target *t, struct sw_err *err);
/* ecr_target(), and the repository must exist; the caller unrefs *ret_repo. */
int ecr_open(struct aws_call *call, const char *registry_id, const char *name,
             struct ecr_target *ret, struct repo **ret_repo, struct sw_err *err);
/* The same with its row instead; the caller ends *ret_info. */
int ecr_describe(struct aws_call *call, const char *registry_id, const char *name,
                 struct ecr_target *ret, struct repo_info *ret_info, struct sw_err *err);
const char *ecr_region(const struct aws_call *call);
struct registry_key ecr_registry_key(const struct aws_call *call);
void ecr_arn(const struct aws_call *call, const char *account, const char *name,
             char out[ECR_ARN_MAX]);
/* The registry's name for docker, as the caller reaches it; and this server's URL. */
void ecr_host(const struct aws_call *call, const char *account, char out[REGISTRY_HOST_MAX]);
void ecr_base_url(const struct aws_call *call, char out[REGISTRY_HOST_MAX]);
/* authorizationToken and expiresAt. */
int ecr_issue_token(const struct aws_call *call, json_t *out, struct sw_err *err);

/* An address that works without credentials for an hour (ecr_download.c). */
#define ECR_DOWNLOAD_URL_MAX 2400
int ecr_download_url(struct aws_call *call, const struct ecr_target *t, const struct digest *d,
                     char ret[ECR_DOWNLOAD_URL_MAX], struct sw_err *err);

/* What repositories and creation templates are checked with. */
struct policy_document;
/* Grammar, and that users and roles of the caller's account which it names exist. ret: NULL ok. */
int ecr_check_policy(const struct aws_call *call, const char *text, const char *member,
                     const char *what, struct policy_document **ret, struct sw_err *err);
int ecr_check_filters(enum repo_mutability m, const json_t *filters, struct sw_err *err);
int ecr_check_encryption(const json_t *encryption, struct sw_err *err);
int ecr_check_tags(const json_t *tags, struct sw_err *err);
bool ecr_scans_on_push(const struct repo_info *info);

/* The image of an imageId; ImageNotFoundException. The caller ends *ret, also after a failure. */
struct image_info;
int ecr_find_image(const struct ecr_target *t, struct repo *repo, const json_t *id,
                   struct image_info *ret, struct sw_err *err);
json_t *ecr_repository_json(const struct aws_call *call, const struct ecr_target *t,
                            const struct repo_info *info);
/* maxResults with its default, and the key inside nextToken ("" without one). */
#define ECR_PAGE_KEY_MAX 512
int ecr_page(const struct ecr_list_in *in, int64_t *ret_n, char last[ECR_PAGE_KEY_MAX],
             struct sw_err *err);
void ecr_set_next_token(json_t *out, const char *last_key);
json_t *ecr_image_id(const char *digest, const char *tag);

#define ECR_HANDLER(name) \
    int name(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
ECR_HANDLER(ecr_batch_check_layer_availability);
ECR_HANDLER(ecr_batch_delete_image);
ECR_HANDLER(ecr_batch_get_image);
ECR_HANDLER(ecr_batch_get_repository_scanning_configuration);
ECR_HANDLER(ecr_complete_layer_upload);
ECR_HANDLER(ecr_create_repository);
ECR_HANDLER(ecr_create_template);
ECR_HANDLER(ecr_delete_registry_policy);
ECR_HANDLER(ecr_delete_repository);
ECR_HANDLER(ecr_delete_repository_policy);
ECR_HANDLER(ecr_delete_template);
ECR_HANDLER(ecr_deregister_pull_time_exclusion);
ECR_HANDLER(ecr_describe_cache_rules);
ECR_HANDLER(ecr_describe_image_replication_status);
ECR_HANDLER(ecr_describe_image_scan_findings);
ECR_HANDLER(ecr_describe_image_signing_status);
ECR_HANDLER(ecr_describe_images);
ECR_HANDLER(ecr_describe_registry);
ECR_HANDLER(ecr_describe_repositories);
ECR_HANDLER(ecr_describe_templates);
ECR_HANDLER(ecr_get_account_setting);
ECR_HANDLER(ecr_get_authorization_token);
ECR_HANDLER(ecr_get_download_url_for_layer);
ECR_HANDLER(ecr_get_registry_policy);
ECR_HANDLER(ecr_get_registry_scanning_configuration);
ECR_HANDLER(ecr_get_repository_policy);
ECR_HANDLER(ecr_initiate_layer_upload);
ECR_HANDLER(ecr_list_image_referrers);
ECR_HANDLER(ecr_list_images);
ECR_HANDLER(ecr_list_pull_time_exclusions);
ECR_HANDLER(ecr_list_replication_backfills);
ECR_HANDLER(ecr_list_tags_for_resource);
ECR_HANDLER(ecr_no_cache_rule);
ECR_HANDLER(ecr_no_replication_backfill);
ECR_HANDLER(ecr_no_signing_configuration);
ECR_HANDLER(ecr_put_account_setting);
ECR_HANDLER(ecr_put_image);
ECR_HANDLER(ecr_put_image_scanning_configuration);
ECR_HANDLER(ecr_put_image_tag_mutability);
ECR_HANDLER(ecr_put_registry_policy);
ECR_HANDLER(ecr_put_registry_scanning_configuration);
ECR_HANDLER(ecr_put_replication_configuration);
ECR_HANDLER(ecr_refuse);
ECR_HANDLER(ecr_refuse_image);
ECR_HANDLER(ecr_register_pull_time_exclusion);
ECR_HANDLER(ecr_set_repository_policy);
ECR_HANDLER(ecr_tag_resource);
ECR_HANDLER(ecr_untag_resource);
ECR_HANDLER(ecr_update_template);
ECR_HANDLER(ecr_upload_layer_part);
