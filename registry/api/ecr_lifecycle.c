/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_lifecycle.c - lifecycle policies and their previews. */
#include "registry/api/ecr_lifecycle.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/lifecycle_run.h"
#include "registry/core/manifest_store.h"

#define INVALID      "InvalidParameterException"
#define PREVIEW_PAGE 100

static void set_repository(json_t *out, const struct ecr_target *t)
{
    sw_json_set_str(out, "registryId", t->account);
    sw_json_set_str(out, "repositoryName", t->key.name);
}

/* The text that a call gives says what it would do before anything is stored. */
static int check_text(const char *text, struct sw_err *err)
{
    struct lifecycle_policy policy;
    int r = text ? lifecycle_policy_parse(sw_str(text), &policy, err) : 0;
    if (r == 0 && text)
        lifecycle_policy_done(&policy);
    return r;
}

int ecr_put_lifecycle_policy(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_lifecycle_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = check_text(args->text, err);
    if (r == 0)
        r = lifecycle_put(t.reg, repo, args->text, err);
    repo_unref(repo);
    if (r < 0)
        return r;
    set_repository(out, &t);
    sw_json_set_str(out, "lifecyclePolicyText", args->text);
    return 0;
}

typedef int (*policy_fn)(struct registry *reg, struct repo *repo, char **ret_text,
                         int64_t *ret_evaluated_at_us, struct sw_err *err);

static int answer_policy(struct aws_call *call, const struct ecr_lifecycle_in *args, policy_fn fn,
                         json_t *out, struct sw_err *err)
{
    struct ecr_target t;
    struct repo *repo = NULL;
    sw_autofree char *text = NULL;
    int64_t evaluated_at = 0;
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = fn(t.reg, repo, &text, &evaluated_at, err);
    repo_unref(repo);
    if (r < 0)
        return r;
    set_repository(out, &t);
    sw_json_set_str(out, "lifecyclePolicyText", text);
    if (evaluated_at)
        sw_json_set_time_us(out, "lastEvaluatedAt", evaluated_at);
    return 0;
}

int ecr_get_lifecycle_policy(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    return answer_policy(call, in, lifecycle_get, out, err);
}

int ecr_delete_lifecycle_policy(struct aws_call *call, const void *in, json_t *out,
                                struct sw_err *err)
{
    return answer_policy(call, in, lifecycle_delete, out, err);
}

int ecr_start_lifecycle_policy_preview(struct aws_call *call, const void *in, json_t *out,
                                       struct sw_err *err)
{
    const struct ecr_lifecycle_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    sw_autofree char *text = NULL;
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = check_text(args->text, err);
    if (r == 0)
        r = lifecycle_preview_start(t.reg, repo, args->text, &text, err);
    repo_unref(repo);
    if (r < 0)
        return r;
    set_repository(out, &t);
    sw_json_set_str(out, "lifecyclePolicyText", text);
    sw_json_set_str(out, "status", "IN_PROGRESS");
    return 0;
}

/* --- GetLifecyclePolicyPreview ---------------------------------------------------------------- */

struct results {
    json_t *list;
    size_t keep; /* of those before this reading of the rows */
    size_t room;
    bool more;    /* there was one for which there is no room */
    int64_t last; /* position */
};

static void add_result(void *ctx, const struct lifecycle_preview_image *image)
{
    struct results *r = ctx;
    if (!image) {
        while (json_array_size(r->list) > r->keep)
            (void)json_array_remove(r->list, r->keep);
        r->more = false;
        return;
    }
    if (json_array_size(r->list) == r->room) {
        r->more = true;
        return;
    }
    json_t *one = json_object(), *action = json_object();
    json_error_t ignored;
    json_t *tags = json_loads(image->tags, 0, &ignored);
    if (json_array_size(tags) > 0)
        sw_json_set_new(one, "imageTags", json_incref(tags));
    json_decref(tags);
    sw_json_set_str(one, "imageDigest", image->digest);
    sw_json_set_time_us(one, "imagePushedAt", image->pushed_at_us);
    sw_json_set_str(action, "type", "EXPIRE");
    sw_json_set_new(one, "action", action);
    sw_json_set_int(one, "appliedRulePriority", image->rule);
    (void)json_array_append_new(r->list, one);
    r->last = image->position;
}

static enum lifecycle_preview_tags tags_of(const json_t *filter)
{
    const char *s = sw_json_str(filter, "tagStatus", "ANY");
    return sw_streq(s, "TAGGED")     ? LIFECYCLE_PREVIEW_TAGGED
           : sw_streq(s, "UNTAGGED") ? LIFECYCLE_PREVIEW_UNTAGGED
                                     : LIFECYCLE_PREVIEW_ANY;
}

static int read_page(const struct ecr_target *t, struct repo *repo,
                     const struct ecr_lifecycle_in *args, struct results *results,
                     struct lifecycle_preview *preview, json_t *out, struct sw_err *err)
{
    char last[ECR_PAGE_KEY_MAX], key[24];
    int64_t n = args->max_results.set ? args->max_results.v : PREVIEW_PAGE;
    struct lifecycle_preview_query q = {
        .tags = tags_of(args->filter), .after = -1, .n = n + 1, .fn = add_result, .ctx = results};
    int r = args->next_token
                ? aws_page_token_parse(args->next_token, last, sizeof(last), INVALID, err)
                : 0;
    if (r < 0)
        return r;
    if (args->next_token && !sw_parse_i64(sw_str(last), &q.after))
        return sw_fail(err, SW_EINVALID, INVALID, "the page token is not one of ours");
    results->room = (size_t)n;
    r = lifecycle_preview_read(t->reg, repo, &q, preview, err);
    if (r < 0 || !results->more)
        return r;
    (void)snprintf(key, sizeof(key), "%lld", (long long)results->last);
    ecr_set_next_token(out, key);
    return 0;
}

/* The digest that one of imageIds means, or "" when there is no such image. */
static int digest_of_id(const struct ecr_target *t, struct repo *repo, const json_t *id,
                        char out[DIGEST_STRING_MAX], struct sw_err *err)
{
    const char *digest = sw_json_str(id, "imageDigest", NULL);
    const char *tag = sw_json_str(id, "imageTag", NULL);
    struct reference ref;
    struct image_info info;
    out[0] = 0;
    if (!digest && !tag)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Invalid request parameters: both tag and digest cannot be null");
    int r = reference_parse(sw_str(tag ? tag : digest), &ref, err);
    if (r == 0)
        r = image_describe(t->reg, repo, &ref, &info, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (!digest || sw_streq(digest, info.digest))
        (void)sw_str_copy(sw_str(info.digest), out, DIGEST_STRING_MAX);
    image_info_done(&info);
    return 0;
}

static int read_listed(const struct ecr_target *t, struct repo *repo,
                       const struct ecr_lifecycle_in *args, struct results *results,
                       struct lifecycle_preview *preview, struct sw_err *err)
{
    if (args->next_token || args->max_results.set)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "nextToken and maxResults do not go with imageIds");
    int r = 0;
    for (size_t i = 0; i < json_array_size(args->image_ids) && r == 0; i++) {
        char digest[DIGEST_STRING_MAX];
        struct lifecycle_preview_query q = {.tags = tags_of(args->filter),
                                            .digest = digest,
                                            .after = -1,
                                            .n = 1,
                                            .fn = add_result,
                                            .ctx = results};
        results->keep = json_array_size(results->list);
        results->room = results->keep + 1;
        r = digest_of_id(t, repo, json_array_get(args->image_ids, i), digest, err);
        lifecycle_preview_done(preview);
        if (r == 0)
            r = lifecycle_preview_read(t->reg, repo, &q, preview, err);
    }
    return r;
}

int ecr_get_lifecycle_policy_preview(struct aws_call *call, const void *in, json_t *out,
                                     struct sw_err *err)
{
    const struct ecr_lifecycle_in *args = in;
    struct ecr_target t;
    struct repo *repo = NULL;
    struct lifecycle_preview preview = {0};
    struct results results = {.list = json_array()};
    sw_json_set_new(out, "previewResults", results.list);
    int r = ecr_open(call, args->registry_id, args->repository, &t, &repo, err);
    if (r == 0)
        r = args->image_ids ? read_listed(&t, repo, args, &results, &preview, err)
                            : read_page(&t, repo, args, &results, &preview, out, err);
    repo_unref(repo);
    if (r == 0) {
        json_t *summary = json_object();
        set_repository(out, &t);
        sw_json_set_str(out, "lifecyclePolicyText", preview.policy);
        sw_json_set_str(out, "status", preview.status);
        if (sw_streq(preview.status, "COMPLETE"))
            sw_json_set_int(summary, "expiringImageTotalCount", preview.expiring);
        sw_json_set_new(out, "summary", summary);
    }
    lifecycle_preview_done(&preview);
    return r;
}
