/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_lint.h"

#include <stdarg.h>
#include <strings.h>

#include "auth/policy_actions.h"
#include "auth/policy_compiled.h"
#include "base/alloc.h"
#include "base/macros.h"

#define LONGEST_PATTERN 512

struct linter {
    const struct policy_document *doc;
    const struct policy_statement *s;
    policy_finding_fn *fn;
    void *ctx;
    size_t found;
};

const char *policy_severity_to_string(enum policy_severity s)
{
    static const char *const names[] = {"error", "warning", "note"};
    return s < POLICY_SEVERITY_MAX_ ? names[s] : "unknown";
}

__attribute__((format(printf, 5, 6))) static void report(struct linter *l,
                                                         enum policy_severity severity,
                                                         struct policy_position where,
                                                         const char *code, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->found++;
    l->fn(l->ctx, &(struct policy_finding){severity, where, code, text,
                                           (size_t)(l->s - l->doc->statements)});
}

/* Takes one element of a pattern off: a character, or 0 for any text. False at the end. */
static bool next_element(const char **p, bool *ret_any, bool *ret_one, char *ret_char)
{
    if (!**p)
        return false;
    *ret_any = **p == '*';
    *ret_one = **p == '?';
    *ret_char = *(*p)++;
    if (*ret_char == '$' && **p == '{' && strchr(*p, '}')) {
        *p = strchr(*p, '}') + 1;
        *ret_any = true;
    }
    return true;
}

/* reach[j]: the part of a that was read, and the first j elements of b, can produce the same text. */
bool policy_patterns_meet(const char *a, const char *b)
{
    bool reach[LONGEST_PATTERN + 1] = {true}, any, one, b_any, b_one;
    char c, d;
    if (strlen(a) > LONGEST_PATTERN || strlen(b) > LONGEST_PATTERN)
        return true;
    size_t n = 0;
    for (const char *p = b; next_element(&p, &b_any, &b_one, &d); n++)
        reach[n + 1] = reach[n] && b_any;
    while (next_element(&a, &any, &one, &c)) {
        bool diagonal = reach[0];
        reach[0] = reach[0] && any;
        const char *p = b;
        for (size_t j = 1; next_element(&p, &b_any, &b_one, &d); j++) {
            bool above = reach[j], left = reach[j - 1];
            bool same = one || b_one || c == d;
            reach[j] = any || b_any ? above || left || diagonal : diagonal && same;
            diagonal = above;
        }
    }
    return reach[n];
}

static void lint_action(struct linter *l, const struct policy_action *a)
{
    struct policy_action_info info;
    struct sw_str text = sw_str(a->text), rest = text, service = {0};
    char near[128];
    if (sw_str_eq_z(text, "*"))
        return;
    (void)sw_str_split(&rest, ':', &service);
    bool wild = policy_glob_has_wildcards(&a->glob);
    if (wild ? policy_actions_matching(text, NULL, NULL) > 0 : policy_action_find(text, &info))
        return;
    bool found = policy_action_nearest(text, near, sizeof(near));
    const char *hint = found ? "; did you mean " : "";
    if (!policy_service_known(service))
        report(l, POLICY_NOTE, a->where, "UNKNOWN_SERVICE",
               "no service \"%.*s\" is served here%s%s", SW_STR_ARG(service), hint,
               found ? near : "");
    else if (wild)
        report(l, POLICY_WARNING, a->where, "EMPTY_WILDCARD", "no action matches \"%s\"", a->text);
    else
        report(l, POLICY_ERROR, a->where, "UNKNOWN_ACTION", "there is no action \"%s\"%s%s",
               a->text, hint, found ? near : "");
}

/* What a question about all actions of a statement needs while it goes through them. */
struct survey {
    const char *resource, *key; /* looked for */
    size_t actions, having;     /* seen; of them with it */
    char without[128];          /* one that can be used on "*" only */
    size_t star_only;
};

static bool any_pattern(const char *list, const char *text,
                        bool (*meets)(const char *, const char *))
{
    struct sw_str rest = sw_str(list ? list : ""), one;
    char pattern[LONGEST_PATTERN];
    while (sw_str_split(&rest, ' ', &one)) {
        if (one.n && sw_str_copy(one, pattern, sizeof(pattern)) && meets(pattern, text))
            return true;
    }
    return false;
}

/* A key of the table, perhaps with '*' at its end. */
static bool key_is(const char *pattern, const char *key)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] == '*')
        return strncasecmp(pattern, key, n - 1) == 0;
    return strcasecmp(pattern, key) == 0;
}

static void survey_action(void *ctx, const struct policy_action_info *a)
{
    struct survey *s = ctx;
    s->actions++;
    if (s->key) {
        s->having += any_pattern(a->keys, s->key, key_is);
        return;
    }
    if (!a->resources && !s->star_only++)
        snprintf(s->without, sizeof(s->without), "%.*s:%.*s", SW_STR_ARG(a->service),
                 SW_STR_ARG(a->name));
    if (!s->having)
        s->having = any_pattern(a->resources, s->resource, policy_patterns_meet);
}

/* The known actions that the statement lists; NotAction lists the others: no survey. False when nothing can be said. */
static bool survey_statement(const struct policy_statement *st, struct survey *s)
{
    for (size_t i = 0; i < st->actions_n; i++) {
        if (policy_actions_matching(sw_str(st->actions[i].text), survey_action, s) == 0)
            return false;
    }
    return !st->not_action;
}

static void lint_resource(struct linter *l, const struct policy_resource *r)
{
    struct survey s = {.resource = r->text};
    struct policy_arn_text arn;
    policy_arn_split(sw_str(r->text), &arn);
    if (!l->doc->variables && strstr(r->text, "${"))
        report(l, POLICY_WARNING, r->where, "VARIABLE_IS_TEXT",
               "\"%s\": without \"Version\": \"2012-10-17\" this is text, not a variable", r->text);
    if (l->doc->variables && arn.valid) {
        const char *variable = strstr(r->text, "${");
        if (variable && variable < arn.part[POLICY_ARN_PARTS - 1].p)
            report(l, POLICY_NOTE, r->where, "VARIABLE_BEFORE_RESOURCE",
                   "\"%s\": AWS replaces variables after the fifth colon only", r->text);
    }
    if (r->arn.kind == POLICY_ARN_NEVER)
        report(l, POLICY_WARNING, r->where, "RESOURCE_NEVER_MATCHES",
               "\"%s\" can never match: a short ARN without wildcards", r->text);
    else if (r->arn.kind == POLICY_ARN_SPLIT && r->arn.parts_written < POLICY_ARN_PARTS)
        report(l, POLICY_NOTE, r->where, "SHORT_ARN",
               "\"%s\" has %u of six parts; the missing ones are taken as *", r->text,
               r->arn.parts_written);
    if (r->arn.parts_written < POLICY_ARN_PARTS || l->s->not_resource ||
        !survey_statement(l->s, &s))
        return;
    if (s.having == 0)
        report(l, POLICY_WARNING, r->where, "RESOURCE_NEVER_MATCHES",
               "\"%s\" can never match: no action of this statement has such a resource", r->text);
}

/* "*"-only actions in a statement that names resources, but not "*". */
static void lint_star_only(struct linter *l)
{
    struct survey s = {.resource = "*"};
    if (l->s->resources_n == 0 || l->s->not_resource)
        return;
    for (size_t i = 0; i < l->s->resources_n; i++) {
        if (sw_streq(l->s->resources[i].text, "*"))
            return;
    }
    for (size_t i = 0; i < l->s->actions_n && !l->s->not_action; i++) {
        if (policy_glob_has_wildcards(&l->s->actions[i].glob))
            continue;
        s.star_only = 0;
        (void)policy_actions_matching(sw_str(l->s->actions[i].text), survey_action, &s);
        if (s.star_only)
            report(l, POLICY_WARNING, l->s->actions[i].where, "ACTION_NEEDS_STAR",
                   "%s is about no single resource: it needs \"Resource\": \"*\"", s.without);
    }
}

static bool is_global(const char *key)
{
    return strncasecmp(key, "aws:", strlen("aws:")) == 0;
}

static void lint_text_variables(struct linter *l, const struct policy_condition *c)
{
    for (size_t i = 0; i < c->values_n && !l->doc->variables; i++) {
        if (strstr(c->values[i].text, "${"))
            report(l, POLICY_WARNING, c->where, "VARIABLE_IS_TEXT",
                   "\"%s\": without \"Version\": \"2012-10-17\" this is text, not a variable",
                   c->values[i].text);
    }
}

static void lint_condition(struct linter *l, const struct policy_condition *c)
{
    struct survey s = {.key = c->key};
    struct sw_str rest = sw_str(c->key), service = {0};
    (void)sw_str_split(&rest, ':', &service);
    lint_text_variables(l, c);
    if (is_global(c->key)) {
        const char *near = policy_global_key_nearest(c->key);
        if (!policy_global_key_known(c->key))
            report(l, POLICY_WARNING, c->where, "UNKNOWN_KEY", "there is no key \"%s\"%s%s", c->key,
                   near ? "; did you mean " : "", near ? near : "");
        return;
    }
    /* Keys of token issuers: accounts.google.com:sub. */
    if (memchr(service.p, '.', service.n) || !policy_service_known(service))
        return;
    if (survey_statement(l->s, &s) && s.having == 0)
        report(l, POLICY_WARNING, c->where, "KEY_NEVER_PRESENT",
               "no action of this statement has the key \"%s\"", c->key);
}

static bool lists_resource_star(const struct policy_statement *s)
{
    for (size_t i = 0; i < s->resources_n; i++) {
        if (sw_streq(s->resources[i].text, "*"))
            return !s->not_resource;
    }
    return false;
}

static bool lists_everyone(const struct policy_statement *s)
{
    for (size_t i = 0; i < s->principals_n; i++) {
        if (s->principals[i].kind == POLICY_PRINCIPAL_ANYONE)
            return true;
    }
    return false;
}

static bool allows_pass_role(const struct policy_statement *s)
{
    for (size_t i = 0; i < s->actions_n && !s->not_action; i++) {
        if (policy_glob_match(&s->actions[i].glob, SW_STR("iam:PassRole"), true, NULL) ==
            POLICY_MATCH)
            return true;
    }
    return false;
}

static void lint_grant(struct linter *l)
{
    const struct policy_statement *s = l->s;
    struct survey resources = {.resource = "*"};
    bool all_actions = false;
    if (s->deny)
        return;
    for (size_t i = 0; i < s->actions_n; i++)
        all_actions = all_actions || (!s->not_action && sw_streq(s->actions[i].text, "*"));
    if (all_actions)
        report(l, POLICY_WARNING, s->start, "ALLOWS_ALL_ACTIONS", "allows every action");
    if (s->not_action)
        report(l, POLICY_WARNING, s->start, "ALLOWS_ALL_BUT",
               "allows every action but those listed, also those of services to come");
    if (s->conditions_n)
        return;
    if (lists_everyone(s))
        report(l, POLICY_WARNING, s->start, "ALLOWS_EVERYONE",
               "allows everyone, without credentials too");
    if (!lists_resource_star(s))
        return;
    if (allows_pass_role(s))
        report(l, POLICY_WARNING, s->start, "PASSES_ANY_ROLE",
               "lets any role be passed to any service: whoever has it has all of them");
    else if (survey_statement(s, &resources) && resources.having)
        report(l, POLICY_NOTE, s->start, "ALLOWS_ALL_RESOURCES",
               "allows its actions on every resource");
}

size_t policy_lint(const struct policy_document *d, policy_finding_fn *fn, void *ctx)
{
    struct linter l = {.doc = d, .fn = fn, .ctx = ctx};
    for (size_t i = 0; i < d->statements_n; i++) {
        l.s = &d->statements[i];
        lint_grant(&l);
        for (size_t j = 0; j < l.s->actions_n; j++)
            lint_action(&l, &l.s->actions[j]);
        for (size_t j = 0; j < l.s->resources_n; j++)
            lint_resource(&l, &l.s->resources[j]);
        lint_star_only(&l);
        for (size_t j = 0; j < l.s->conditions_n; j++)
            lint_condition(&l, &l.s->conditions[j]);
    }
    return l.found;
}
