/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_internal.h - what the ecr_*.c files share. Nobody else includes it. */
#include "base/json.h"
#include "registry/api/ecr.h"
#include "registry/api/ecr_schema.h"
#include "registry/core/reference.h"
#include "registry/core/repo_store.h"

struct ecr_api {
    struct ecr_api_options o; /* strings owned */
    struct aws_service service;
};

/* The repository that a call is about: registry and name from the input, the region from the credential. */
struct ecr_target {
    struct registry *reg;
    const char *account; /* registryId, or ours */
    struct repo_key key;
    char arn[REPO_NAME_MAX + 160];
};

static inline struct ecr_api *ecr_of(const struct aws_call *call)
{
    return call->service->ctx;
}
/* Fills *ret and asks whether the caller may do this call's action there; name "*" for all. */
int ecr_target(struct aws_call *call, const char *registry_id, const char *name,
               struct ecr_target *ret, struct sw_err *err);
/* The same, and the repository must exist; the caller unrefs *ret_repo. */
int ecr_open(struct aws_call *call, const char *registry_id, const char *name,
             struct ecr_target *ret, struct repo **ret_repo, struct sw_err *err);
/* Scheme and host that the caller used, "" when there was none; and the endpoint for docker. */
void ecr_host(const struct aws_call *call, char *out, size_t cap);
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
ECR_HANDLER(ecr_create_repository);
ECR_HANDLER(ecr_delete_repository);
ECR_HANDLER(ecr_describe_images);
ECR_HANDLER(ecr_describe_registry);
ECR_HANDLER(ecr_describe_repositories);
ECR_HANDLER(ecr_get_authorization_token);
ECR_HANDLER(ecr_list_images);
ECR_HANDLER(ecr_list_tags_for_resource);
ECR_HANDLER(ecr_put_image);
ECR_HANDLER(ecr_put_image_scanning_configuration);
ECR_HANDLER(ecr_put_image_tag_mutability);
ECR_HANDLER(ecr_tag_resource);
ECR_HANDLER(ecr_untag_resource);
