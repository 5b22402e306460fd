/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_simulate.c - SimulatePrincipalPolicy and SimulateCustomPolicy: the same evaluator that decides requests, asked with
 * given policies and context keys; and the names of the keys that policies look at. Only what is on the page is evaluated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/api/iam_internal.h"
#include "auth/policy_eval.h"
#include "auth/strmap.h"
#include "base/alloc.h"
#include "base/macros.h"

#define POLICIES_MAX 200

/* Everything that the questions have in common. */
struct simulation {
    struct aws_call *call;
    struct directory_view *view; /* NULL: custom, or a group */
    struct policy_attached identity[POLICIES_MAX], boundary, resource;
    size_t identity_n;
    bool has_boundary, has_resource;
    bool names_only;               /* every key is wanted, also those of the principal */
    char *names[POLICIES_MAX + 2]; /* owned: of what was given or gathered here */
    size_t names_n;
    struct policy_document *docs[POLICIES_MAX + 2]; /* owned */
    size_t docs_n;
    struct policy_key *keys; /* of ContextEntries */
    size_t keys_n;
    struct policy_key own[8]; /* of the principal */
    const char *own_values[8];
    struct policy_key
        tags[IAM_TAGS_MAX]; /* aws:PrincipalTag/...; names owned, values of the view */
    const char *tag_values[IAM_TAGS_MAX];
    size_t tags_n;
    char user_id[IAM_ID_MAX];
    char caller[IAM_ARN_MAX];
    char caller_account[13];
    json_t *missing; /* the same for every action and resource */
};

static void simulation_done(struct simulation *s)
{
    for (size_t i = 0; i < s->names_n; i++)
        free(s->names[i]);
    for (size_t i = 0; i < s->docs_n; i++)
        policy_document_unref(s->docs[i]);
    for (size_t i = 0; i < s->keys_n; i++)
        free((void *)s->keys[i].values);
    free(s->keys);
    for (size_t i = 0; i < s->tags_n; i++)
        free((char *)s->tags[i].name);
    directory_view_unref(s->view);
    json_decref(s->missing);
    free(s);
}

static const char *keep_name(struct simulation *s, char *name)
{
    s->names[s->names_n++] = name;
    return name;
}

static int check_room(const struct simulation *s, struct sw_err *err)
{
    if (s->identity_n == POLICIES_MAX || s->names_n >= POLICIES_MAX || s->docs_n >= POLICIES_MAX)
        return sw_fail(err, SW_EINVALID, "InvalidInput", "A simulation takes at most %d policies.",
                       POLICIES_MAX);
    return 0;
}

static int parse(struct simulation *s, const char *text, enum policy_type type, char *name,
                 struct policy_attached *ret, struct sw_err *err)
{
    struct policy_document *doc = NULL;
    int r = policy_document_parse(sw_str(text), type, &doc, NULL, err);

    if (r < 0) {
        err->reason = "InvalidInput";
        (void)sw_prefix(err, "%s", name);
        free(name);
        return r;
    }
    s->docs[s->docs_n++] = doc;
    *ret = (struct policy_attached){.doc = doc, .name = keep_name(s, name)};
    return 0;
}

static int add_given(struct simulation *s, struct sw_err *err)
{
    const json_t *list = sw_json_array(s->call->input, "PolicyInputList"), *text;
    size_t i;

    json_array_foreach(list, i, text) {
        int r = check_room(s, err);
        if (r == 0)
            r = parse(s, json_string_value(text), POLICY_TYPE_IDENTITY,
                      sw_asprintf("PolicyInputList.%zu", i + 1), &s->identity[s->identity_n], err);
        if (r < 0)
            return r;
        s->identity[s->identity_n++].kind = POLICY_FROM_BUILTIN; /* of nobody: "none" */
    }
    return 0;
}

static int add_boundary(struct simulation *s, struct sw_err *err)
{
    const json_t *list = sw_json_array(s->call->input, "PermissionsBoundaryPolicyInputList");

    if (s->view && s->view->has_boundary && s->view->boundary.doc) {
        s->boundary = s->view->boundary;
        s->has_boundary = true;
    }
    if (json_array_size(list) == 0)
        return 0;
    if (json_array_size(list) > 1)
        return sw_fail(err, SW_EINVALID, "InvalidInput",
                       "PermissionsBoundaryPolicyInputList may hold one policy.");
    int r = parse(s, json_string_value(json_array_get(list, 0)), POLICY_TYPE_BOUNDARY,
                  sw_strdup("PermissionsBoundaryPolicyInputList.1"), &s->boundary, err);
    s->boundary.kind = POLICY_FROM_BOUNDARY;
    s->has_boundary = r == 0;
    return r;
}

static int add_resource(struct simulation *s, struct sw_err *err)
{
    const char *text = iam_in(s->call, "ResourcePolicy");

    if (!text)
        return 0;
    int r = parse(s, text, POLICY_TYPE_RESOURCE, sw_strdup("ResourcePolicy"), &s->resource, err);
    s->resource.kind = POLICY_FROM_RESOURCE;
    s->has_resource = r == 0;
    return r;
}

static int add_keys(struct simulation *s, struct sw_err *err)
{
    const json_t *list = sw_json_array(s->call->input, "ContextEntries"), *entry, *value;
    size_t i, j;

    s->keys = sw_calloc(json_array_size(list) + 1, sizeof(*s->keys));
    json_array_foreach(list, i, entry) {
        const json_t *values = sw_json_array(entry, "ContextKeyValues");
        const char *name = sw_json_str(entry, "ContextKeyName", NULL),
                   *type = sw_json_str(entry, "ContextKeyType", "string");
        if (!name || json_array_size(values) == 0)
            return sw_fail(err, SW_EINVALID, "InvalidInput",
                           "A context entry needs ContextKeyName and ContextKeyValues.");
        const char **v = sw_calloc(json_array_size(values) + 1, sizeof(*v));
        json_array_foreach(values, j, value)
            v[j] = json_string_value(value);
        s->keys[s->keys_n++] =
            (struct policy_key){name, v, json_array_size(values), strstr(type, "List") != NULL};
    }
    return 0;
}

/* ---- the principal ---- */

static void own_key(struct simulation *s, const char *name, const char *value)
{
    size_t i = 0;

    while (s->own[i].name)
        i++;
    s->own_values[i] = value;
    s->own[i] = (struct policy_key){name, &s->own_values[i], 1, false};
}

static void set_principal(struct simulation *s, const char *arn, const char *account,
                          const char *name, bool user)
{
    (void)snprintf(s->caller, sizeof(s->caller), "%s", arn);
    (void)snprintf(s->caller_account, sizeof(s->caller_account), "%s", account);
    own_key(s, "aws:PrincipalArn", s->caller);
    own_key(s, "aws:PrincipalAccount", s->caller_account);
    own_key(s, "aws:PrincipalType", user ? "User" : "AssumedRole");
    if (user && name) {
        own_key(s, "aws:username", name);
        own_key(s, "aws:userid", s->user_id);
    }
}

static int take_group(struct simulation *s, const struct iam_entity *g, struct sw_err *err)
{
    struct identity *d = iam_directory(s->call);

    for (size_t i = 0; i < g->inlines_n + g->policies.n; i++) {
        bool is_inline = i < g->inlines_n;
        const struct iam_entity *p =
            is_inline ? NULL : directory_by_arn(d, g->policies.v[i - g->inlines_n]);
        const struct iam_version *v = p ? iam_default_version(p) : NULL;
        if (!is_inline && !v)
            continue;
        int r = check_room(s, err);
        if (r < 0)
            return r;
        s->docs[s->docs_n] = policy_document_ref(is_inline ? g->inlines[i].doc : v->doc);
        s->identity[s->identity_n++] = (struct policy_attached){
            .doc = s->docs[s->docs_n++],
            .name = keep_name(s, sw_strdup(is_inline ? g->inlines[i].name : p->arn)),
            .kind = POLICY_FROM_GROUP};
    }
    return 0;
}

static int take_view(struct simulation *s, struct sw_err *err)
{
    const struct directory_view *v = s->view;

    if (v->identity_n > POLICIES_MAX)
        return sw_fail(err, SW_EINVALID, "InvalidInput", "A simulation takes at most %d policies.",
                       POLICIES_MAX);
    memcpy(s->identity, v->identity, v->identity_n * sizeof(*v->identity));
    s->identity_n = v->identity_n;
    set_principal(s, v->arn, v->account, v->name, v->kind == IAM_USER);
    for (; s->tags_n < v->tags_n && s->tags_n < IAM_TAGS_MAX; s->tags_n++) {
        const struct iam_tag *t = &v->tags[s->tags_n];
        s->tag_values[s->tags_n] = t->value;
        s->tags[s->tags_n] = (struct policy_key){sw_asprintf("aws:PrincipalTag/%s", t->key),
                                                 &s->tag_values[s->tags_n], 1, false};
    }
    return 0;
}

static int take_source(struct simulation *s, struct sw_err *err)
{
    const char *arn = iam_in(s->call, "PolicySourceArn");
    struct identity *d = iam_directory(s->call);
    int r = iam_may(s->call, NULL, arn, err);

    if (r < 0)
        return r;
    directory_lock(d);
    const struct iam_entity *e = directory_by_arn(d, arn);
    bool ours = e && sw_streq(e->account, s->call->principal.account);
    bool group = ours && e->kind == IAM_GROUP;
    if (ours)
        memcpy(s->user_id, e->id, sizeof(s->user_id));
    if (group)
        r = take_group(s, e, err);
    directory_unlock(d);
    if (group)
        return r;
    s->view = ours ? directory_view(d, s->user_id) : NULL;
    if (!s->view)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The policy source %s cannot be found.",
                       arn);
    return take_view(s, err);
}

/* CallerArn stands in where the source is nobody who can call: a group, or policies alone. */
static int take_caller(struct simulation *s, struct sw_err *err)
{
    const char *arn = iam_in(s->call, "CallerArn");
    struct sw_str rest = sw_str(arn), part = {0};
    char account[13];

    if (!arn)
        return s->has_resource && !s->caller[0]
                   ? sw_fail(err, SW_EINVALID, "InvalidInput",
                             "A CallerArn is required with a ResourcePolicy.")
                   : 0;
    for (int i = 0; i < 5; i++)
        (void)sw_str_split(&rest, ':', &part);
    if (!rest.p || strlen(arn) >= IAM_ARN_MAX || !sw_str_copy(part, account, sizeof(account)))
        return sw_fail(err, SW_EINVALID, "InvalidInput", "CallerArn %.300s is not valid.", arn);
    if (!s->caller[0])
        set_principal(s, arn, account, NULL, true);
    return 0;
}

/* ---- asking ---- */

static const struct policy_key *key_of(void *ctx, const char *name)
{
    struct simulation *s = ctx;

    for (size_t i = 0; i < s->keys_n; i++)
        if (strcasecmp(s->keys[i].name, name) == 0)
            return &s->keys[i];
    for (size_t i = 0; i < SW_ARRAY_LEN(s->own) && s->own[i].name && !s->names_only; i++)
        if (strcasecmp(s->own[i].name, name) == 0)
            return &s->own[i];
    for (size_t i = 0; i < s->tags_n && !s->names_only; i++)
        if (strcasecmp(s->tags[i].name, name) == 0)
            return &s->tags[i];
    return NULL;
}

struct matched {
    json_t *list;
    bool deny; /* which statements decided */
    const struct simulation *s;
};

static const char *source_type(const struct policy_attached *p)
{
    if (strncmp(p->name, "arn:aws:iam::aws:", 17) == 0)
        return "aws-managed";
    if (strncmp(p->name, "arn:", 4) == 0)
        return "user-managed";
    switch (p->kind) {
    case POLICY_FROM_USER: return "user";
    case POLICY_FROM_GROUP: return "group";
    case POLICY_FROM_ROLE: return "role";
    case POLICY_FROM_RESOURCE: return "resource";
    default: return "none";
    }
}

static json_t *position_json(struct policy_position p)
{
    json_t *o = json_object();

    sw_json_set_int(o, "Line", p.line);
    sw_json_set_int(o, "Column", p.column);
    return o;
}

static void add_match(void *ctx, const struct policy_attached *p, size_t statement)
{
    struct matched *m = ctx;
    struct policy_statement_info info = policy_document_statement(p->doc, statement);

    if (info.deny != m->deny || (!m->deny && p->kind == POLICY_FROM_BOUNDARY))
        return;
    json_t *o = json_object();
    sw_json_set_str(o, "SourcePolicyId", p->name);
    sw_json_set_str(o, "SourcePolicyType", source_type(p));
    sw_json_set_new(o, "StartPosition", position_json(info.start));
    sw_json_set_new(o, "EndPosition", position_json(info.end));
    json_array_append_new(m->list, o);
}

struct missing {
    struct simulation *s;
    json_t *list;
    struct strmap seen; /* names in lower case: policies may look at very many keys */
};

static void add_missing(void *ctx, const char *name)
{
    struct missing *m = ctx;

    if (key_of(m->s, name))
        return;
    sw_autofree char *lower = sw_strdup(name);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    if (strmap_get(&m->seen, lower))
        return;
    strmap_put(&m->seen, lower, m);
    json_array_append_new(m->list, json_string(name));
}

static json_t *missing_json(struct simulation *s)
{
    struct missing m = {.s = s, .list = json_array()};

    for (size_t i = 0; i < s->identity_n; i++)
        policy_document_keys(s->identity[i].doc, add_missing, &m);
    if (s->has_boundary)
        policy_document_keys(s->boundary.doc, add_missing, &m);
    if (s->has_resource)
        policy_document_keys(s->resource.doc, add_missing, &m);
    strmap_done(&m.seen);
    return m.list;
}

static bool boundary_allows(const struct simulation *s, struct policy_question q)
{
    struct policy_verdict v;

    q.identity = &s->boundary;
    q.identity_n = 1;
    q.boundary = NULL;
    q.resource_policies_n = 0;
    q.resource_account = q.principal_account;
    policy_evaluate(&q, &v);
    return v.decision == POLICY_ALLOW;
}

static json_t *evaluate(struct simulation *s, const char *action, const char *resource)
{
    const char *owner = iam_in(s->call, "ResourceOwner");
    struct policy_question q = {.action = action,
                                .resource = resource,
                                .principal_arn = s->caller,
                                .principal_account = s->caller_account,
                                .identity = s->identity,
                                .identity_n = s->identity_n,
                                .boundary = s->has_boundary ? &s->boundary : NULL,
                                .resource_policies = &s->resource,
                                .resource_policies_n = s->has_resource,
                                .key = key_of,
                                .key_ctx = s};
    struct policy_verdict v;
    struct matched m = {.list = json_array(), .s = s};
    char account[13] = "";
    struct sw_str rest = sw_str(owner), part = {0};

    for (int i = 0; owner && i < 5; i++)
        (void)sw_str_split(&rest, ':', &part);
    if (owner && (sw_str_copy(part, account, sizeof(account)) && *account))
        q.resource_account = account;
    policy_evaluate(&q, &v);
    m.deny = v.decision == POLICY_EXPLICIT_DENY;
    if (v.decision != POLICY_IMPLICIT_DENY)
        policy_matches(&q, add_match, &m);
    json_t *o = json_object();
    sw_json_set_str(o, "EvalActionName", action);
    sw_json_set_str(o, "EvalResourceName", resource);
    sw_json_set_str(o, "EvalDecision", policy_decision_to_string(v.decision));
    sw_json_set_new(o, "MatchedStatements", m.list);
    sw_json_set_new(o, "MissingContextValues", json_incref(s->missing));
    if (s->has_boundary) {
        json_t *b = json_object();
        sw_json_set_bool(b, "AllowedByPermissionsBoundary", boundary_allows(s, q));
        sw_json_set_new(o, "PermissionsBoundaryDecisionDetail", b);
    }
    return o;
}

static int check_actions(const json_t *actions, struct sw_err *err)
{
    const json_t *a;
    size_t i;

    json_array_foreach(actions, i, a) {
        const char *s = json_string_value(a), *colon = strchr(s, ':');
        if (!colon || colon == s || !colon[1] || strpbrk(s, "*?"))
            return sw_fail(err, SW_EINVALID, "InvalidInput",
                           "Invalid Entity Action: %.128s is not the name of an action.", s);
    }
    return 0;
}

static int run(struct simulation *s, json_t *out, struct sw_err *err)
{
    const json_t *actions = sw_json_array(s->call->input, "ActionNames"),
                 *resources = sw_json_array(s->call->input, "ResourceArns");
    size_t resources_n = json_array_size(resources) ? json_array_size(resources) : 1;
    struct iam_page page;
    int r = check_actions(actions, err);

    if (r == 0)
        r = iam_page_begin(s->call, &page, err);
    if (r < 0)
        return r;
    s->missing = missing_json(s);
    for (size_t i = 0; i < json_array_size(actions) * resources_n && !page.truncated; i++) {
        const char *action = json_string_value(json_array_get(actions, i / resources_n)),
                   *resource = json_string_value(json_array_get(resources, i % resources_n));
        char key[24];
        (void)snprintf(key, sizeof(key), "%012zu", i);
        if (iam_page_takes(&page, key))
            json_array_append_new(page.items, evaluate(s, action, resource ? resource : "*"));
    }
    iam_page_end(&page, out, "EvaluationResults");
    return 0;
}

IAM_HANDLER(simulate)
{
    struct simulation *s = SW_NEW(struct simulation);
    int r;

    (void)in;
    s->call = call;
    if (sw_streq(call->op->name, "SimulatePrincipalPolicy"))
        r = take_source(s, err);
    else
        r = iam_may(call, NULL, "*", err);
    if (r == 0)
        r = add_given(s, err);
    if (r == 0)
        r = add_boundary(s, err);
    if (r == 0)
        r = add_resource(s, err);
    if (r == 0)
        r = take_caller(s, err);
    if (r == 0 && !s->caller[0])
        set_principal(s, call->principal.arn, call->principal.account, NULL, true);
    if (r == 0)
        r = add_keys(s, err);
    if (r == 0)
        r = run(s, out, err);
    simulation_done(s);
    return r;
}

IAM_HANDLER(context_keys)
{
    struct simulation *s = SW_NEW(struct simulation);
    int r;

    (void)in;
    s->call = call;
    if (sw_streq(call->op->name, "GetContextKeysForPrincipalPolicy"))
        r = take_source(s, err);
    else
        r = iam_may(call, NULL, "*", err);
    if (r == 0)
        r = add_given(s, err);
    s->names_only = true;
    if (r == 0)
        sw_json_set_new(out, "ContextKeyNames", missing_json(s));
    simulation_done(s);
    return r;
}
