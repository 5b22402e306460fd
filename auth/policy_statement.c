/* SPDX-License-Identifier: Apache-2.0 */
/* One statement of a policy document: which elements it may have, and what each may hold.
 * Spec: IAM user guide, "Grammar of the IAM JSON policy language". */
#include <assert.h>

#include "auth/policy_parse.h"
#include "auth/policy_principal.h"
#include "base/macros.h"

static const char *const elements[] = {"Sid",          "Effect",      "Principal",
                                       "NotPrincipal", "Action",      "NotAction",
                                       "Resource",     "NotResource", "Condition"};

#define NO_ACTIONS   "Policy statement must contain actions."
#define NO_RESOURCES "Policy statement must contain resources."
#define NO_VENDOR    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int parse_sid(struct policy_parse *p, const struct policy_node *n,
                     struct policy_statement *s)
{
    if (n->type != POLICY_NODE_STRING)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "Sid must be a string");
    /* Services that keep resource policies take any text here ("new statement"); IAM does not. */
    if (p->doc->type != POLICY_TYPE_RESOURCE) {
        for (size_t i = 0; i < n->text.n; i++) {
            if (!is_alnum(n->text.p[i]))
                return policy_refuse(p, n->at,
                                     "Statement IDs (SID) must be alpha-numeric. Check that your "
                                     "input satisfies the regular expression [0-9A-Za-z]*",
                                     "Sid \"%s\"", n->text.p);
        }
    }
    s->sid_at = n->at;
    if (n->text.n)
        s->sid = sw_arena_str(&p->doc->arena, n->text);
    return 0;
}

static int parse_effect(struct policy_parse *p, const struct policy_node *n,
                        struct policy_statement *s)
{
    if (n->type != POLICY_NODE_STRING ||
        !(sw_str_eq_z(n->text, "Allow") || sw_str_eq_z(n->text, "Deny")))
        return policy_refuse(p, n->at, POLICY_SYNTAX, "Effect must be \"Allow\" or \"Deny\"");
    s->deny = n->text.p[0] == 'D';
    return 0;
}

struct actions {
    struct policy_action *items;
    size_t n;
};

/* "*", or service:Name with wildcards in the name. */
static int check_action(struct policy_parse *p, const struct policy_node *n)
{
    struct sw_str rest = n->text, vendor = {0};
    if (sw_str_eq_z(rest, "*"))
        return 0;
    (void)sw_str_split(&rest, ':', &vendor);
    if (!rest.p)
        return policy_refuse(p, n->at, NO_VENDOR, "\"%s\"", n->text.p);
    if (memchr(rest.p, ':', rest.n))
        return policy_refuse(p, n->at, "Actions/Condition can contain only one colon.", "\"%s\"",
                             n->text.p);
    for (size_t i = 0; i < vendor.n; i++) {
        if (!is_alnum(vendor.p[i]) && vendor.p[i] != '-')
            return policy_refuse(p, n->at, "Vendor is not valid.",
                                 "\"%.*s\" of \"%s\": letters, digits and hyphens, no wildcard",
                                 SW_STR_ARG(vendor), n->text.p);
    }
    for (size_t i = 0; i < rest.n; i++) {
        if (!is_alnum(rest.p[i]) && !strchr("*?", rest.p[i]))
            return policy_refuse(p, n->at, POLICY_SYNTAX, "\"%s\" is no action", n->text.p);
    }
    if (vendor.n == 0 || rest.n == 0)
        return policy_refuse(p, n->at, NO_VENDOR, "\"%s\"", n->text.p);
    return 0;
}

static bool trust_action(struct sw_str action)
{
    static const char *const others[] = {"sts:TagSession", "sts:SetSourceIdentity",
                                         "sts:SetContext", "sts:*"};
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++) {
        if (sw_str_eq_nocase(action, sw_str(others[i])))
            return true;
    }
    size_t n = strlen("sts:AssumeRole");
    return sw_str_eq_nocase(sw_str_slice(action, 0, n), SW_STR("sts:AssumeRole"));
}

static int add_action(struct policy_parse *p, const struct policy_node *n, void *ctx)
{
    struct actions *list = ctx;
    if (n->type != POLICY_NODE_STRING)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "an action must be a string");
    int rc = check_action(p, n);
    if (rc)
        return rc;
    if (p->doc->type == POLICY_TYPE_TRUST && !trust_action(n->text))
        return policy_refuse(p, n->at, "AssumeRole policy may only specify STS AssumeRole actions.",
                             "\"%s\"", n->text.p);
    struct policy_action *a = &list->items[list->n++];
    a->text = sw_arena_str(&p->doc->arena, n->text);
    a->where = n->at;
    const char *problem = policy_glob_compile(&p->doc->arena, sw_str_n(a->text, n->text.n),
                                              POLICY_GLOB_WILDCARDS, &a->glob);
    assert(!problem);
    return 0;
}

static int parse_actions(struct policy_parse *p, const struct policy_node *n,
                         struct policy_statement *s)
{
    if (s->actions_n)
        return policy_refuse(p, n->key_at, POLICY_SYNTAX,
                             "a statement has either Action or NotAction");
    struct actions list = {0};
    list.items = sw_arena_alloc(&p->doc->arena, policy_list_length(n), sizeof(*list.items));
    int rc = policy_each(p, n, add_action, &list);
    if (rc)
        return rc;
    if (list.n == 0)
        return policy_refuse(p, n->at, NO_ACTIONS, "the list is empty");
    s->actions = list.items;
    s->actions_n = list.n;
    s->not_action = n->key.p[0] == 'N';
    return 0;
}

struct resources {
    struct policy_resource *items;
    size_t n;
};

static bool has_wildcard(struct sw_str s)
{
    return s.n && (memchr(s.p, '*', s.n) || memchr(s.p, '?', s.n));
}

static int add_resource(struct policy_parse *p, const struct policy_node *n, void *ctx)
{
    struct resources *list = ctx;
    if (n->type != POLICY_NODE_STRING)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "a resource must be a string");
    if (!sw_str_eq_z(n->text, "*") && !sw_str_starts_with(n->text, "arn:"))
        return policy_refuse(p, n->at, "Resource must be in ARN format or \"*\".", "\"%s\"",
                             n->text.p);
    struct policy_resource *r = &list->items[list->n++];
    r->text = sw_arena_str(&p->doc->arena, n->text);
    r->where = n->at;
    struct sw_str text = sw_str_n(r->text, n->text.n);
    const char *problem = policy_arn_compile(&p->doc->arena, text, p->doc->variables, &r->arn);
    if (problem)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "%s", problem);
    /* Short ARNs are completed in identity policies; in resource policies only when they hold a wildcard. */
    if (r->arn.kind == POLICY_ARN_SPLIT && r->arn.parts_written < POLICY_ARN_PARTS &&
        p->doc->type == POLICY_TYPE_RESOURCE && !has_wildcard(text))
        r->arn.kind = POLICY_ARN_NEVER;
    return 0;
}

static int parse_resources(struct policy_parse *p, const struct policy_node *n,
                           struct policy_statement *s)
{
    if (p->doc->type == POLICY_TYPE_TRUST)
        return policy_refuse(p, n->key_at, "Has prohibited field Resource.",
                             "a trust policy is about the role it belongs to");
    if (s->resources_n)
        return policy_refuse(p, n->key_at, POLICY_SYNTAX,
                             "a statement has either Resource or NotResource");
    struct resources list = {0};
    list.items = sw_arena_alloc(&p->doc->arena, policy_list_length(n), sizeof(*list.items));
    int rc = policy_each(p, n, add_resource, &list);
    if (rc)
        return rc;
    if (list.n == 0)
        return policy_refuse(p, n->at, NO_RESOURCES, "the list is empty");
    s->resources = list.items;
    s->resources_n = list.n;
    s->not_resource = n->key.p[0] == 'N';
    return 0;
}

struct principals {
    struct policy_principal *items;
    size_t n;
    struct sw_str type;
};

static int add_principal(struct policy_parse *p, const struct policy_node *n, void *ctx)
{
    struct principals *list = ctx;
    struct policy_principal *item = &list->items[list->n];
    bool ok = n->type == POLICY_NODE_STRING &&
              policy_principal_parse(&p->doc->arena, list->type, n->text, item);
    if (!ok)
        return policy_refuse(p, n->at, "Invalid principal in policy.", "\"%.*s\":\"%s\"",
                             SW_STR_ARG(list->type), n->text.p ? n->text.p : "");
    item->where = n->at;
    list->n++;
    return 0;
}

static int parse_principal_object(struct policy_parse *p, const struct policy_node *n,
                                  struct principals *list)
{
    static const char *const types[] = {"AWS", "Service", "Federated", "CanonicalUser"};
    size_t most = 0;
    for (const struct policy_node *m = n->first; m; m = m->next)
        most += policy_list_length(m);
    list->items = sw_arena_alloc(&p->doc->arena, most, sizeof(*list->items));
    for (const struct policy_node *m = n->first; m; m = m->next) {
        if (!policy_principal_type_known(m->key))
            return policy_refuse_unknown(p, m, types, SW_ARRAY_LEN(types));
        list->type = m->key;
        int rc = policy_each(p, m, add_principal, list);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_principals(struct policy_parse *p, const struct policy_node *n,
                            struct policy_statement *s)
{
    struct principals list = {0};
    bool inverted = n->key.p[0] == 'N';
    if (p->doc->type != POLICY_TYPE_RESOURCE && p->doc->type != POLICY_TYPE_TRUST)
        return policy_refuse(p, n->key_at, "Policy document should not specify a principal.",
                             "the principal is whom the policy is attached to");
    if (p->doc->type == POLICY_TYPE_TRUST && inverted)
        return policy_refuse(p, n->key_at, "Has prohibited field NotPrincipal.",
                             "a trust policy names those that it trusts");
    if (s->principals_n)
        return policy_refuse(p, n->key_at, POLICY_SYNTAX,
                             "a statement has either Principal or NotPrincipal");
    if (n->type == POLICY_NODE_STRING && sw_str_eq_z(n->text, "*")) {
        list.items = sw_arena_alloc(&p->doc->arena, 1, sizeof(*list.items));
        list.items[list.n++] = (struct policy_principal){POLICY_PRINCIPAL_ANYONE, "*", n->at};
    } else if (n->type == POLICY_NODE_OBJECT) {
        int rc = parse_principal_object(p, n, &list);
        if (rc)
            return rc;
    }
    if (list.n == 0)
        return policy_refuse(p, n->at, "Invalid principal in policy.",
                             "a principal is \"*\" or an object such as {\"AWS\": \"...\"}");
    s->principals = list.items;
    s->principals_n = list.n;
    s->not_principal = inverted;
    return 0;
}

struct values {
    struct policy_condition *condition;
    struct policy_value *items;
    size_t n;
};

static int add_value(struct policy_parse *p, const struct policy_node *n, void *ctx)
{
    struct values *list = ctx;
    if (n->type != POLICY_NODE_STRING && n->type != POLICY_NODE_NUMBER &&
        n->type != POLICY_NODE_BOOL)
        return policy_refuse(p, n->at, POLICY_SYNTAX,
                             "a condition's value is a string, a number or a boolean");
    const char *problem = policy_value_compile(&p->doc->arena, list->condition->op, n->text,
                                               p->doc->variables, &list->items[list->n++]);
    if (problem)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "\"%s\": %s", n->text.p, problem);
    return 0;
}

/* `c` has its operator; `n` is one key with its values. */
static int parse_condition(struct policy_parse *p, const struct policy_node *n,
                           struct policy_condition *c)
{
    const char *colon = n->key.n ? memchr(n->key.p, ':', n->key.n) : NULL;
    if (!colon || colon == n->key.p || colon == n->key.p + n->key.n - 1)
        return policy_refuse(p, n->key_at, NO_VENDOR, "\"%.*s\" is no context key",
                             SW_STR_ARG(n->key));
    c->key = sw_arena_str(&p->doc->arena, n->key);
    c->where = n->key_at;
    struct values list = {.condition = c};
    list.items = sw_arena_alloc(&p->doc->arena, policy_list_length(n), sizeof(*list.items));
    int rc = policy_each(p, n, add_value, &list);
    if (rc)
        return rc;
    if (list.n == 0)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "a condition needs at least one value");
    c->values = list.items;
    c->values_n = list.n;
    return 0;
}

static int parse_operator(struct policy_parse *p, const struct policy_node *n,
                          struct policy_condition *template)
{
    const char *problem = policy_operator_parse(n->key, template);
    if (problem && template->op)
        return policy_refuse(p, n->key_at, POLICY_SYNTAX, "%s", problem);
    if (problem) {
        const char *near = policy_operator_nearest(n->key.p);
        return policy_refuse(p, n->key_at, POLICY_SYNTAX, "no condition operator \"%.*s\"%s%s%s",
                             SW_STR_ARG(n->key), near ? "; did you mean \"" : "", near ? near : "",
                             near ? "\"?" : "");
    }
    if (n->type != POLICY_NODE_OBJECT)
        return policy_refuse(p, n->at, POLICY_SYNTAX,
                             "a condition operator holds an object of keys and values");
    return 0;
}

static int parse_conditions(struct policy_parse *p, const struct policy_node *n,
                            struct policy_statement *s)
{
    if (n->type != POLICY_NODE_OBJECT)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "Condition must be an object");
    size_t most = 0;
    for (const struct policy_node *m = n->first; m; m = m->next)
        most += m->count;
    struct policy_condition *items = sw_arena_alloc(&p->doc->arena, most, sizeof(*items));
    for (const struct policy_node *m = n->first; m; m = m->next) {
        struct policy_condition template = {0};
        int rc = parse_operator(p, m, &template);
        for (const struct policy_node *k = m->first; k && rc == 0; k = k->next) {
            items[s->conditions_n] = template;
            rc = parse_condition(p, k, &items[s->conditions_n++]);
        }
        if (rc)
            return rc;
    }
    s->conditions = items;
    return 0;
}

static int parse_element(struct policy_parse *p, const struct policy_node *n,
                         struct policy_statement *s)
{
    static int (*const parsers[SW_ARRAY_LEN(elements)])(
        struct policy_parse *, const struct policy_node *, struct policy_statement *) = {
        parse_sid,     parse_effect,    parse_principals, parse_principals, parse_actions,
        parse_actions, parse_resources, parse_resources,  parse_conditions};
    for (size_t i = 0; i < SW_ARRAY_LEN(elements); i++) {
        if (sw_str_eq_z(n->key, elements[i]))
            return parsers[i](p, n, s);
    }
    return policy_refuse_unknown(p, n, elements, SW_ARRAY_LEN(elements));
}

/* What must be there, and what goes together only with something else. */
static int check_whole(struct policy_parse *p, const struct policy_node *n,
                       const struct policy_statement *s)
{
    bool names_principals =
        p->doc->type == POLICY_TYPE_RESOURCE || p->doc->type == POLICY_TYPE_TRUST;
    if (!policy_json_member(n, "Effect"))
        return policy_refuse(p, n->at, POLICY_SYNTAX, "this statement has no Effect");
    if (s->actions_n == 0)
        return policy_refuse(p, n->at, NO_ACTIONS,
                             "this statement has neither Action nor NotAction");
    if (s->resources_n == 0 && !names_principals)
        return policy_refuse(p, n->at, NO_RESOURCES,
                             "this statement has neither Resource nor NotResource");
    if (s->principals_n == 0 && names_principals)
        return policy_refuse(p, n->at, "Missing required field Principal.",
                             "this statement names no principal");
    if (s->not_principal && !s->deny)
        return policy_refuse(p, n->at, POLICY_SYNTAX,
                             "NotPrincipal goes with \"Effect\": \"Deny\" only");
    return 0;
}

int policy_statement_parse(struct policy_parse *p, const struct policy_node *node,
                           struct policy_statement *ret)
{
    if (node->type != POLICY_NODE_OBJECT)
        return policy_refuse(p, node->at, POLICY_SYNTAX, "a statement must be an object");
    ret->start = node->at;
    ret->end = node->end;
    for (const struct policy_node *m = node->first; m; m = m->next) {
        int rc = parse_element(p, m, ret);
        if (rc)
            return rc;
    }
    return check_whole(p, node, ret);
}
