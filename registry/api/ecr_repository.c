/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_repository.c - repositories and their resource tags. What is only kept lies in the repository's settings:
 * {"imageScanningConfiguration": {...}, "encryptionConfiguration": {...}, "tags": [{"Key", "Value"}],
 * "imageTagMutabilityExclusionFilters": [{"filterType", "filter"}]}; ecr_public.c adds "catalogData". */
#include <stdio.h>
#include <string.h>

#include "auth/policy_facts.h"
#include "base/alloc.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/api/ecr_public.h"
#include "registry/core/public.h"

#define TAGS_MAX      50
#define TAG_KEY_MAX   128
#define TAG_VALUE_MAX 256

/* For a change: settings that cannot be read are never replaced by others. */
static int load_settings(const char *text, json_t **ret, struct sw_err *err)
{
    json_t *doc = NULL;
    int r = sw_json_load(sw_str(text), 32, 10000, NULL, &doc, err);
    if (r == 0 && !json_is_object(doc))
        r = sw_fail(err, SW_EINVALID, NULL, "not an object");
    if (r == 0) {
        *ret = doc;
        return 0;
    }
    struct sw_err why = *err;
    json_decref(doc);
    sw_err_clear(err);
    return sw_fail(err, SW_EINTERNAL, NULL, "the settings of the repository are damaged: %s",
                   why.msg);
}

/* For an answer: none, if they cannot be read. */
static json_t *show_settings(const char *text)
{
    json_t *doc = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    return load_settings(text, &doc, &ignored) == 0 ? doc : json_object();
}

bool ecr_scans_on_push(const struct repo_info *info)
{
    sw_autojson json_t *settings = show_settings(info->settings);
    return sw_json_bool(sw_json_object(settings, "imageScanningConfiguration"), "scanOnPush",
                        false);
}

/* What both services tell about a repository. */
static json_t *common_json(const struct aws_call *call, const struct ecr_target *t,
                           const struct repo_info *info)
{
    char host[REGISTRY_HOST_MAX], arn[ECR_ARN_MAX], uri[REPO_NAME_MAX + REGISTRY_HOST_MAX + 2];
    ecr_host(call, t->account, host);
    ecr_arn(call, t->account, info->name, arn);
    (void)snprintf(uri, sizeof(uri), "%s/%s", host, info->name);
    json_t *out = json_object();
    sw_json_set_str(out, "repositoryArn", arn);
    sw_json_set_str(out, "registryId", t->account);
    sw_json_set_str(out, "repositoryName", info->name);
    sw_json_set_str(out, "repositoryUri", uri);
    sw_json_set_time_us(out, "createdAt", info->created_at_us);
    return out;
}

json_t *ecr_repository_json(const struct aws_call *call, const struct ecr_target *t,
                            const struct repo_info *info)
{
    json_t *out = common_json(call, t, info);
    if (ecr_is_public(call))
        return out;
    sw_autojson json_t *settings = show_settings(info->settings);
    json_t *scanning = json_object(), *encryption = json_object();
    json_t *filters = sw_json_array(settings, TAG_FILTER_SETTING);
    sw_json_set_str(out, "imageTagMutability", repo_mutability_to_string(info->mutability));
    if (json_array_size(filters) > 0)
        sw_json_set_new(out, TAG_FILTER_SETTING, json_incref(filters));
    sw_json_set_bool(scanning, "scanOnPush", ecr_scans_on_push(info));
    sw_json_set_str(encryption, "encryptionType", "AES256");
    sw_json_set_new(out, "imageScanningConfiguration", scanning);
    sw_json_set_new(out, "encryptionConfiguration", encryption);
    return out;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int check_tag(const json_t *tag, struct sw_err *err)
{
    const char *key = sw_json_str(tag, "Key", ""), *value = sw_json_str(tag, "Value", "");
    if (!*key || characters(key) > TAG_KEY_MAX || characters(value) > TAG_VALUE_MAX)
        return sw_fail(err, SW_EINVALID, "InvalidTagParameterException",
                       "a tag needs a Key of at most %d characters and a Value of at most %d",
                       TAG_KEY_MAX, TAG_VALUE_MAX);
    if (strncmp(key, "aws:", 4) == 0)
        return sw_fail(err, SW_EINVALID, "InvalidTagParameterException",
                       "tag keys must not begin with 'aws:'");
    return 0;
}

static size_t find_tag(const json_t *tags, const char *key)
{
    size_t i = 0;
    while (i < json_array_size(tags) &&
           !sw_streq(sw_json_str(json_array_get(tags, i), "Key", ""), key))
        i++;
    return i;
}

/* Sets or replaces in `tags`. */
static int merge_tags(json_t *tags, const json_t *given, struct sw_err *err)
{
    for (size_t i = 0; i < SW_MIN(json_array_size(given), (size_t)TAGS_MAX + 1); i++) {
        const json_t *tag = json_array_get(given, i);
        int r = check_tag(tag, err);
        if (r < 0)
            return r;
        const char *key = sw_json_str(tag, "Key", "");
        json_t *copy = json_object();
        sw_json_set_str(copy, "Key", key);
        sw_json_set_str(copy, "Value", sw_json_str(tag, "Value", ""));
        size_t at = find_tag(tags, key);
        if (at < json_array_size(tags))
            (void)json_array_set_new(tags, at, copy);
        else
            (void)json_array_append_new(tags, copy);
    }
    if (json_array_size(tags) > TAGS_MAX)
        return sw_fail(err, SW_ELIMIT, "TooManyTagsException", "a repository may have %d tags",
                       TAGS_MAX);
    const char *twice = json_array_size(given) ? policy_facts_tag_twice(tags) : NULL;
    return !twice
               ? 0
               : sw_fail(err, SW_EINVALID, "InvalidTagParameterException",
                         "the repository has the tag key '%.128s' already, with other case", twice);
}

int ecr_check_tags(const json_t *tags, struct sw_err *err)
{
    sw_autojson json_t *merged = json_array();
    return merge_tags(merged, tags, err);
}

int ecr_check_encryption(const json_t *encryption, struct sw_err *err)
{
    const char *type = sw_json_str(encryption, "encryptionType", "AES256");
    return sw_streq(type, "AES256")
               ? 0
               : sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                         "encryptionConfiguration.encryptionType %s is not implemented", type);
}

int ecr_check_filters(enum repo_mutability m, const json_t *filters, struct sw_err *err)
{
    if (repo_mutability_has_filters(m) == (json_array_size(filters) > 0))
        return 0;
    return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                   "Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy "
                   "constraint: 'imageTagMutability %s %s exclusion filters'",
                   repo_mutability_to_string(m),
                   repo_mutability_has_filters(m) ? "needs" : "has no");
}

static int create_settings(const struct aws_call *call, char **ret, struct sw_err *err)
{
    const json_t *input = call->input;
    static const char *const kept[] = {"imageScanningConfiguration", "encryptionConfiguration",
                                       TAG_FILTER_SETTING};
    int r = ecr_check_encryption(sw_json_object(input, "encryptionConfiguration"), err);
    if (r < 0)
        return r;
    sw_autojson json_t *doc = json_object();
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        json_t *value = json_object_get(input, kept[i]);
        if (value && !json_is_null(value))
            sw_json_set_new(doc, kept[i], json_incref(value));
    }
    json_t *tags = json_array();
    sw_json_set_new(doc, "tags", tags);
    r = merge_tags(tags, sw_json_array(input, "tags"), err);
    if (r < 0)
        return r;
    if (ecr_is_public(call))
        ecr_public_settings(input, doc);
    *ret = sw_json_dump(doc);
    return 0;
}

static enum repo_mutability mutability_of(const struct ecr_repository_in *args)
{
    enum repo_mutability m = REPO_MUTABLE;
    (void)repo_mutability_from_string(sw_str(args->mutability), &m);
    return m;
}

int ecr_create_repository(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_repository_in *args = in;
    struct ecr_target t;
    struct repo_info info;
    sw_autofree char *settings = NULL;
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0 && json_array_size(json_object_get(call->input, "tags")) > 0)
        r = ecr_ask(call, ecr_is_public(call) ? "ecr-public:TagResource" : "ecr:TagResource",
                    &t.key, t.arn, err);
    if (r == 0)
        r = ecr_check_filters(mutability_of(args), args->filters, err);
    if (r == 0)
        r = create_settings(call, &settings, err);
    if (r == 0)
        r = repo_create(t.reg, &t.key, mutability_of(args), settings, &info, err);
    if (r < 0)
        return r;
    sw_json_set_new(out, "repository", ecr_repository_json(call, &t, &info));
    if (ecr_is_public(call))
        ecr_public_catalog(&info, out);
    repo_info_done(&info);
    return 0;
}

int ecr_delete_repository(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_repository_in *args = in;
    struct ecr_target t;
    struct repo_info info;
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = ecr_check_reach(&t, err);
    if (r == 0)
        r = repo_delete(t.reg, &t.key, args->force == SCHEMA_TRUE, &info, err);
    if (r < 0)
        return r;
    sw_json_set_new(out, "repository", ecr_repository_json(call, &t, &info));
    repo_info_done(&info);
    return 0;
}

struct page {
    const struct aws_call *call;
    const struct ecr_target *target;
    json_t *list;
    int64_t n;
    char last[REPO_NAME_MAX + 1];
    bool more;
};

static int on_repository(void *ctx, const struct repo_info *info)
{
    struct page *p = ctx;
    if (!info) {
        (void)json_array_clear(p->list);
        p->more = false;
        return 0;
    }
    if (p->target->only_public && !settings_are_public(info->settings))
        return 0;
    if ((int64_t)json_array_size(p->list) == p->n) {
        p->more = true;
        return 1;
    }
    (void)sw_str_copy(sw_str(info->name), p->last, sizeof(p->last));
    (void)json_array_append_new(p->list, ecr_repository_json(p->call, p->target, info));
    return 0;
}

static int describe_named(struct aws_call *call, const struct ecr_list_in *args, json_t *list,
                          struct sw_err *err)
{
    if (args->next_token || args->max_results.set)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "nextToken and maxResults do not go with repositoryNames");
    for (size_t i = 0; i < json_array_size(args->names); i++) {
        struct ecr_target t;
        struct repo_info info;
        int r = ecr_describe(call, args->registry_id,
                             json_string_value(json_array_get(args->names, i)), &t, &info, err);
        if (r < 0)
            return r;
        (void)json_array_append_new(list, ecr_repository_json(call, &t, &info));
        repo_info_done(&info);
    }
    return 0;
}

int ecr_describe_repositories(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct ecr_target t;
    char last[ECR_PAGE_KEY_MAX];
    json_t *list = json_array();
    sw_json_set_new(out, "repositories", list);
    if (args->names)
        return describe_named(call, args, list, err);
    int r = ecr_target(call, args->registry_id, "*", &t, err);
    struct page p = {.call = call, .target = &t, .list = list};
    if (r == 0)
        r = ecr_page(args, &p.n, last, err);
    if (r == 0)
        r = repo_list(t.reg, t.account, t.key.region, last, t.only_public ? INT64_MAX : p.n + 1,
                      on_repository, &p, err);
    if (r == 0 && p.more)
        ecr_set_next_token(out, p.last);
    return r;
}

int ecr_put_image_tag_mutability(struct aws_call *call, const void *in, json_t *out,
                                 struct sw_err *err)
{
    const struct ecr_repository_in *args = in;
    struct ecr_target t;
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = ecr_check_filters(mutability_of(args), args->filters, err);
    if (r == 0)
        r = repo_set_mutability(t.reg, &t.key, mutability_of(args), args->filters, err);
    if (r < 0)
        return r;
    if (json_array_size(args->filters) > 0)
        sw_json_set_new(out, TAG_FILTER_SETTING, json_incref(args->filters));
    sw_json_set_str(out, "registryId", t.account);
    sw_json_set_str(out, "repositoryName", args->repository);
    sw_json_set_str(out, "imageTagMutability", args->mutability);
    return 0;
}

static int set_scanning(void *ctx, const char *settings, char **ret_new, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    if (load_settings(settings, &doc, err) < 0)
        return err->code;
    sw_json_set_new(doc, "imageScanningConfiguration", json_incref(ctx));
    *ret_new = sw_json_dump(doc);
    return 0;
}

int ecr_put_image_scanning_configuration(struct aws_call *call, const void *in, json_t *out,
                                         struct sw_err *err)
{
    const struct ecr_repository_in *args = in;
    struct ecr_target t;
    json_t *scanning = sw_json_object(call->input, "imageScanningConfiguration");
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = repo_update_settings(t.reg, &t.key, set_scanning, scanning, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", t.account);
    sw_json_set_str(out, "repositoryName", args->repository);
    sw_json_set_new(out, "imageScanningConfiguration", json_incref(scanning));
    return 0;
}

/* arn:aws:ecr:REGION:ACCOUNT:repository/NAME of this call's region; ecr-public has none. */
static int parse_arn(struct aws_call *call, const char *arn, char account[13],
                     char name[REPO_NAME_MAX + 1], struct sw_err *err)
{
    const char *const fixed[] = {"arn", "aws", ecr_is_public(call) ? "ecr-public" : "ecr",
                                 ecr_is_public(call) ? "" : call->region};
    struct sw_str rest = sw_str(arn), part;
    bool ok = true;
    for (size_t i = 0; i < SW_ARRAY_LEN(fixed); i++)
        ok = ok && sw_str_split(&rest, ':', &part) && sw_str_eq_z(part, fixed[i]);
    ok = ok && sw_str_split(&rest, ':', &part) && part.n == 12 && sw_str_copy(part, account, 13);
    ok = ok && rest.p && sw_str_starts_with(rest, "repository/");
    ok = ok &&
         sw_str_copy(sw_str_slice(rest, strlen("repository/"), rest.n), name, REPO_NAME_MAX + 1) &&
         repo_name_valid(sw_str(name));
    if (!ok)
        return sw_fail(
            err, SW_EINVALID, "InvalidParameterException",
            "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'");
    return 0;
}

struct tag_change {
    json_t *set, *remove;
};

static int change_tags(void *ctx, const char *settings, char **ret_new, struct sw_err *err)
{
    const struct tag_change *change = ctx;
    sw_autojson json_t *doc = NULL;
    if (load_settings(settings, &doc, err) < 0)
        return err->code;
    json_t *tags = sw_json_array(doc, "tags");
    if (!tags) {
        tags = json_array();
        sw_json_set_new(doc, "tags", tags);
    }
    int r = merge_tags(tags, change->set, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_size(change->remove); i++) {
        size_t at = find_tag(tags, json_string_value(json_array_get(change->remove, i)));
        if (at < json_array_size(tags))
            (void)json_array_remove(tags, at);
    }
    *ret_new = sw_json_dump(doc);
    return 0;
}

static int change_resource(struct aws_call *call, const struct ecr_tags_in *args,
                           struct sw_err *err)
{
    char account[13], name[REPO_NAME_MAX + 1];
    struct ecr_target t;
    struct tag_change change = {args->tags, args->keys};
    int r = parse_arn(call, args->arn, account, name, err);
    if (r == 0)
        r = ecr_target(call, account, name, &t, err);
    if (r == 0)
        r = ecr_check_reach(&t, err);
    return r < 0 ? r : repo_update_settings(t.reg, &t.key, change_tags, &change, err);
}

int ecr_tag_resource(struct aws_call *call, const void *in, json_t *out SW_UNUSED,
                     struct sw_err *err)
{
    return change_resource(call, in, err);
}

int ecr_untag_resource(struct aws_call *call, const void *in, json_t *out SW_UNUSED,
                       struct sw_err *err)
{
    return change_resource(call, in, err);
}

int ecr_list_tags_for_resource(struct aws_call *call, const void *in, json_t *out,
                               struct sw_err *err)
{
    const struct ecr_tags_in *args = in;
    char account[13], name[REPO_NAME_MAX + 1];
    struct ecr_target t;
    struct repo_info info;
    int r = parse_arn(call, args->arn, account, name, err);
    if (r == 0)
        r = ecr_describe(call, account, name, &t, &info, err);
    if (r < 0)
        return r;
    sw_autojson json_t *settings = show_settings(info.settings);
    json_t *tags = sw_json_array(settings, "tags");
    sw_json_set_new(out, "tags", tags ? json_incref(tags) : json_array());
    repo_info_done(&info);
    return 0;
}
