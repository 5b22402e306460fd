/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_template.c - repository creation templates. What a template says is checked when it is stored, as if a repository
 * were made with it: a push that uses it cannot fail for it. */
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/creation_template.h"
#include "registry/core/lifecycle_policy.h"

static json_t *template_json(const struct creation_template *t)
{
    json_t *one = json_object();
    sw_json_set_str(one, "prefix", t->prefix);
    (void)json_object_update(one, t->document);
    sw_json_set_time_us(one, "createdAt", t->created_at_us);
    sw_json_set_time_us(one, "updatedAt", t->updated_at_us);
    return one;
}

static void set_reply(const struct aws_call *call, const struct creation_template *t, json_t *out)
{
    sw_json_set_str(out, "registryId", call->principal.account);
    sw_json_set_new(out, "repositoryCreationTemplate", template_json(t));
}

static int check_lifecycle(const char *text, struct sw_err *err)
{
    struct lifecycle_policy policy = {0};
    int r = lifecycle_policy_parse(sw_str(text), &policy, err);
    lifecycle_policy_done(&policy);
    return r;
}

/* The whole document, as it would be stored. */
static int check_document(const struct aws_call *call, const json_t *doc, struct sw_err *err)
{
    const char *policy = sw_json_str(doc, "repositoryPolicy", NULL);
    const char *lifecycle = sw_json_str(doc, "lifecyclePolicy", NULL);
    enum repo_mutability m = REPO_MUTABLE;
    (void)repo_mutability_from_string(sw_str(sw_json_str(doc, "imageTagMutability", "MUTABLE")),
                                      &m);
    int r = ecr_check_filters(m, sw_json_array(doc, TAG_FILTER_SETTING), err);
    if (r == 0)
        r = ecr_check_encryption(sw_json_object(doc, "encryptionConfiguration"), err);
    if (r == 0)
        r = ecr_check_tags(sw_json_array(doc, "resourceTags"), err);
    if (r == 0 && policy && *policy)
        r = ecr_check_policy(call, policy, "repositoryPolicy", "repository", NULL, err);
    if (r == 0 && lifecycle && *lifecycle)
        r = check_lifecycle(lifecycle, err);
    return r;
}

/* The input's members but the prefix; an empty text means none. */
static json_t *members_of(const json_t *input)
{
    json_t *doc = json_copy((json_t *)input);
    (void)json_object_del(doc, "prefix");
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(doc, next, key, value) {
        if (json_is_null(value))
            (void)json_object_del(doc, key);
    }
    return doc;
}

static void drop_empty_texts(json_t *doc)
{
    static const char *const texts[] = {"repositoryPolicy", "lifecyclePolicy", "customRoleArn"};
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++)
        if (sw_streq(sw_json_str(doc, texts[i], NULL), ""))
            (void)json_object_del(doc, texts[i]);
}

static void set_defaults(json_t *doc)
{
    if (!json_object_get(doc, "imageTagMutability"))
        sw_json_set_str(doc, "imageTagMutability", "MUTABLE");
    if (!json_object_get(doc, "encryptionConfiguration"))
        sw_json_set_new(doc, "encryptionConfiguration",
                        json_pack("{s:s}", "encryptionType", "AES256"));
}

int ecr_create_template(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_template_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    struct creation_template t = {0};
    sw_autojson json_t *doc = members_of(call->input);
    drop_empty_texts(doc);
    set_defaults(doc);
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = check_document(call, doc, err);
    if (r == 0)
        r = creation_template_create(ecr_of(call)->o.registry, &key, args->prefix, doc, &t, err);
    if (r == 0)
        set_reply(call, &t, out);
    creation_template_done(&t);
    return r;
}

/* Checked as a whole before it is written; somebody else's change in between is checked by itself. */
int ecr_update_template(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_template_in *args = in;
    struct registry *reg = ecr_of(call)->o.registry;
    struct registry_key key = ecr_registry_key(call);
    struct creation_template t = {0};
    sw_autojson json_t *changes = members_of(call->input);
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = creation_template_get(reg, &key, args->prefix, &t, err);
    if (r < 0)
        return r;
    /* A kind of mutability without filters takes those of the one before away. */
    if (json_object_get(changes, "imageTagMutability") &&
        !json_object_get(changes, TAG_FILTER_SETTING)) {
        (void)json_object_del(t.document, TAG_FILTER_SETTING);
        sw_json_set_new(changes, TAG_FILTER_SETTING, json_array());
    }
    (void)json_object_update(t.document, changes);
    r = check_document(call, t.document, err);
    creation_template_done(&t);
    if (r == 0)
        r = creation_template_update(reg, &key, args->prefix, changes, &t, err);
    if (r == 0)
        set_reply(call, &t, out);
    creation_template_done(&t);
    return r;
}

int ecr_delete_template(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_template_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    struct creation_template t = {0};
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = creation_template_delete(ecr_of(call)->o.registry, &key, args->prefix, &t, err);
    if (r == 0)
        set_reply(call, &t, out);
    creation_template_done(&t);
    return r;
}

struct template_page {
    json_t *list;
    int64_t n;
    char last[ECR_PAGE_KEY_MAX];
    bool more;
};

static int on_template(void *ctx, const struct creation_template *t)
{
    struct template_page *p = ctx;
    if (!t) {
        (void)json_array_clear(p->list);
        p->more = false;
        return 0;
    }
    p->more = (int64_t)json_array_size(p->list) == p->n;
    if (p->more)
        return 1;
    (void)json_array_append_new(p->list, template_json(t));
    (void)sw_str_copy(sw_str(t->prefix), p->last, sizeof(p->last));
    return 0;
}

/* Amazon answers with those that exist. */
static int describe_named(struct registry *reg, const struct registry_key *key,
                          const json_t *prefixes, json_t *list, struct sw_err *err)
{
    for (size_t i = 0; i < json_array_size(prefixes); i++) {
        struct creation_template t = {0};
        int r = creation_template_get(reg, key, json_string_value(json_array_get(prefixes, i)), &t,
                                      err);
        if (r == 0)
            (void)json_array_append_new(list, template_json(&t));
        creation_template_done(&t);
        if (r < 0 && r != SW_ENOTFOUND)
            return r;
        sw_err_clear(err);
    }
    return 0;
}

int ecr_describe_templates(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_list_in *args = in;
    struct registry *reg = ecr_of(call)->o.registry;
    struct registry_key key = ecr_registry_key(call);
    struct template_page p = {.list = json_array()};
    char last[ECR_PAGE_KEY_MAX];
    sw_json_set_str(out, "registryId", call->principal.account);
    sw_json_set_new(out, "repositoryCreationTemplates", p.list);
    int r = ecr_may_registry(call, err);
    if (r == 0 && args->names)
        return describe_named(reg, &key, args->names, p.list, err);
    if (r == 0)
        r = ecr_page(args, &p.n, last, err);
    if (r == 0)
        r = creation_template_list(reg, &key, last, p.n + 1, on_template, &p, err);
    if (r == 0 && p.more)
        ecr_set_next_token(out, p.last);
    return r;
}
