/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/rights.h"

#include <strings.h>

#include "base/json.h"
#include "base/macros.h"
#include "registry/core/registry_setting.h"

static void resource_tag(void *ctx, const char *rest, json_t *values)
{
    const struct registry_rights *r = ctx;
    for (size_t i = 0; r->rules && i < r->rules->tags_n; i++) {
        if (strcasecmp(r->rules->tags[i].key, rest) == 0)
            json_array_append_new(values, json_string(r->rules->tags[i].value));
    }
}

static void request_tag(void *ctx, const char *rest, json_t *values)
{
    const struct registry_rights *r = ctx;
    policy_facts_add_tag(sw_json_array(r->input, "tags"), rest, values);
}

static void tag_keys(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    const struct registry_rights *r = ctx;
    const json_t *v;
    size_t i;
    policy_facts_add_tag_keys(sw_json_array(r->input, "tags"), values);
    json_array_foreach(sw_json_array(r->input, "tagKeys"), i, v)
        policy_facts_add(values, json_string_value(v));
}

static void account_setting(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    const struct registry_rights *r = ctx;
    policy_facts_add(values, sw_json_str(r->input, "name", NULL));
}

static const struct policy_fact table[] = {
    {"aws:RequestTag/", request_tag, false},   {"aws:ResourceTag/", resource_tag, false},
    {"aws:TagKeys", tag_keys, true},           {"ecr:AccountSetting", account_setting, false},
    {"ecr:ResourceTag/", resource_tag, false},
};

static struct repo_rules *rules_of(struct registry *reg, const struct repo_key *key)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct repo *repo = NULL;
    if (repo_open(reg, key, &repo, &ignored) < 0)
        return NULL;
    struct repo_rules *rules = repo_rules(repo);
    repo_unref(repo);
    return rules;
}

static void attach(struct registry_rights *r, size_t *n, const struct policy_document *document,
                   const char *name, enum policy_origin kind)
{
    if (document)
        r->attached[(*n)++] = (struct policy_attached){.doc = document, .name = name, .kind = kind};
}

void registry_rights_begin(struct registry *reg, const struct repo_key *key,
                           const struct principal *p, const json_t *input,
                           struct policy_context *context, struct registry_rights *ret)
{
    struct registry_key registry = {key->account, key->region};
    size_t n = 0;
    ret->rules = NULL;
    ret->input = input;
    context->resource_public = key->name && repo_is_public(reg, key);
    ret->registry = NULL;
    bool looks = context->resource_public || p->kind != PRINCIPAL_ANONYMOUS;
    if (looks && key->name && !sw_streq(key->name, "*"))
        ret->rules = rules_of(reg, key);
    if (looks)
        ret->registry = registry_policy(reg, &registry);
    attach(ret, &n, ret->rules ? ret->rules->policy : NULL, "repository policy",
           POLICY_FROM_RESOURCE);
    attach(ret, &n, ret->registry, "registry policy", POLICY_FROM_REGISTRY);
    context->resource_policies = n ? ret->attached : NULL;
    context->resource_policies_n = n;
    policy_facts_init(&ret->facts, table, SW_ARRAY_LEN(table), ret);
    context->more = policy_facts_key;
    context->more_ctx = &ret->facts;
}

void registry_rights_end(struct registry_rights *r, struct policy_context *context)
{
    context->resource_policies = NULL;
    context->resource_policies_n = 0;
    context->more = NULL;
    context->more_ctx = NULL;
    policy_facts_done(&r->facts);
    repo_rules_unref(r->rules);
    policy_document_unref(r->registry);
}
