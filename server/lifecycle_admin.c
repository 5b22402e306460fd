/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lifecycle_admin.h"

#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"
#include "registry/core/lifecycle_run.h"
#include "registry/core/reference.h"
#include "registry/core/rights.h"

#define LISTED_MAX 5000

/* clang-format off */
#define REPOSITORY(st) {.name = "RepositoryName", .type = T_STRING, .flags = F_REQUIRED | F_BOUND | F_LIMITS, .off = offsetof(struct st, repository), .min = REPO_NAME_MIN, .max = REPO_NAME_MAX}
const struct sw_field preview_lifecycle_in[] = {
    REPOSITORY(preview_lifecycle_in),
    {.name = "Policy", .type = T_STRING, .flags = F_BOUND | F_LIMITS, .off = offsetof(struct preview_lifecycle_in, policy), .min = 1, .max = LIFECYCLE_TEXT_MAX},
    F_END};
const struct sw_field run_lifecycle_in[] = {REPOSITORY(run_lifecycle_in), F_END};

static const struct sw_field string_element[] = {{.name = "element", .type = T_STRING}, F_END};
static const struct sw_field image[] = {
    {.name = "Action", .type = T_STRING}, {.name = "Rule", .type = T_LONG}, {.name = "Digest", .type = T_STRING},
    {.name = "Tags", .type = T_LIST, .of = string_element}, {.name = "PushedAt", .type = T_TIMESTAMP},
    {.name = "Why", .type = T_STRING}, {.name = "Because", .type = T_STRING},
    {.name = "UsedBy", .type = T_LIST, .of = string_element}, F_END};
static const struct sw_field image_element[] = {{.name = "image", .type = T_STRUCT, .of = image}, F_END};
const struct sw_field preview_lifecycle_out[] = {
    {.name = "Images", .type = T_LIST, .of = image_element}, {.name = "Total", .type = T_LONG},
    {.name = "Expiring", .type = T_LONG}, {.name = "InUse", .type = T_LONG}, F_END};
/* clang-format on */

static int open_repository(struct aws_call *call, const char *name, struct repo **ret,
                           struct sw_err *err)
{
    char arn[REPO_NAME_MAX + 160];
    struct repo_key key = {call->principal.account, call->region, name};
    struct registry_rights rights;
    (void)snprintf(arn, sizeof(arn), "arn:aws:ecr:%s:%s:repository/%s", key.region, key.account,
                   key.name);
    registry_rights_begin(call->service->ctx, &key, &call->principal, NULL, &call->context,
                          &rights);
    int r = aws_may(call, arn, err);
    registry_rights_end(&rights, &call->context);
    return r < 0 ? r : repo_open(call->service->ctx, &key, ret, err);
}

static json_t *strings(const char *const *list, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(out, json_string(list[i]));
    return out;
}

static int add_image(void *ctx, const struct lifecycle_item *item)
{
    static const struct {
        const char *action, *why;
    } words[LIFECYCLE_WHY_MAX_] = {
        [LIFECYCLE_SELECTED] = {"EXPIRE", "selected"}, [LIFECYCLE_FOLLOWS] = {"EXPIRE", "part-of"},
        [LIFECYCLE_HELD] = {"KEEP", "in-use"},         [LIFECYCLE_HOLDS] = {"KEEP", "part-in-use"},
        [LIFECYCLE_NEEDED] = {"KEEP", "needed-by"},
    };
    json_t *one = json_object();
    sw_json_set_str(one, "Action", words[item->why].action);
    sw_json_set_int(one, "Rule", item->rule);
    sw_json_set_str(one, "Digest", item->digest);
    sw_json_set_new(one, "Tags", strings(item->tags, item->tags_n));
    sw_json_set_time_us(one, "PushedAt", item->pushed_at_us);
    sw_json_set_str(one, "Why", words[item->why].why);
    sw_json_set_str(one, "Because", item->because);
    sw_json_set_new(one, "UsedBy", strings(item->holders, item->holders_n));
    (void)json_array_append_new(ctx, one);
    return json_array_size(ctx) == LISTED_MAX;
}

int preview_lifecycle(struct aws_call *call, const void *input, json_t *out, struct sw_err *err)
{
    const struct preview_lifecycle_in *in = input;
    struct lifecycle_counts counts = {0};
    struct repo *repo = NULL;
    json_t *images = json_array();
    sw_json_set_new(out, "Images", images);
    int r = open_repository(call, in->repository, &repo, err);
    if (r == 0)
        r = lifecycle_evaluate(call->service->ctx, repo, in->policy, add_image, images, &counts,
                               err);
    repo_unref(repo);
    sw_json_set_int(out, "Total", (int64_t)counts.images);
    sw_json_set_int(out, "Expiring", (int64_t)counts.expiring);
    sw_json_set_int(out, "InUse", (int64_t)counts.held);
    return r;
}

int run_lifecycle(struct aws_call *call, const void *input, json_t *out SW_UNUSED,
                  struct sw_err *err)
{
    const struct run_lifecycle_in *in = input;
    struct repo *repo = NULL;
    int r = open_repository(call, in->repository, &repo, err);
    if (r == 0)
        r = lifecycle_run_soon(call->service->ctx, repo, err);
    repo_unref(repo);
    return r;
}
