/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a decision ("Policy evaluation logic" in the IAM user guide):
 * 1. A matching Deny in any policy ends it.
 * 2. Resource policies grant at three strengths: to the caller itself or to everyone; to the role or user behind a session;
 *    to the caller's account, which only delegates to that account's identity policies.
 * 3. Within one account the first two suffice. The first passes boundary and session policy by, the second does not.
 * 4. Otherwise the identity side must allow: identity policies, capped by boundary and session policy; the account's root needs
 *    none. Across accounts, and where the resource must allow (trust policies), both sides are needed.
 * 5. Who is no IAM principal (a service, a federated caller, nobody) has resource policies only. */
#include "auth/policy_eval.h"

#include <assert.h>

#include "auth/policy_compiled.h"
#include "base/buf.h"
#include "base/macros.h"

/* How a resource policy's statement names the caller, from weak to strong. */
enum strength { NAMED_NOT, NAMED_ACCOUNT, NAMED_BASE, NAMED_DIRECTLY };

struct request {
    const struct policy_question *q;
    struct policy_action_hash hash;
    struct sw_str action;
    struct policy_arn_text resource;
    struct sw_str last_part; /* of the resource; p NULL: it is no ARN */
    struct policy_vars vars;
};

struct hit {
    const struct policy_attached *by;
    const struct policy_statement *statement;
};

static void request_init(struct request *r, const struct policy_question *q)
{
    assert(q->action && q->resource);
    r->q = q;
    r->hash = policy_action_hash(q->action);
    r->action = sw_str(q->action);
    r->vars = (struct policy_vars){q->key, q->key_ctx};
    policy_arn_split(sw_str(q->resource), &r->resource);
    r->last_part = r->resource.valid ? r->resource.part[POLICY_ARN_PARTS - 1] : (struct sw_str){0};
}

static bool is_iam_principal(const struct policy_question *q)
{
    return q->principal_arn && !q->anonymous;
}

static bool action_listed(const struct request *r, const struct policy_statement *s, int32_t only)
{
    size_t first = only == POLICY_ANY_ACTION ? 0 : (size_t)only;
    size_t end = only == POLICY_ANY_ACTION ? s->actions_n : first + 1;
    for (size_t i = first; i < end; i++) {
        if (policy_glob_match(&s->actions[i].glob, r->action, true, NULL) == POLICY_MATCH)
            return true;
    }
    return false;
}

/* A variable without a value: the statement is about no resource at all, inverted or not. */
static bool resource_matches(const struct request *r, const struct policy_statement *s)
{
    if (s->resources_n == 0)
        return true;
    bool unresolved = false;
    for (size_t i = 0; i < s->resources_n; i++) {
        enum policy_match m = policy_arn_match(&s->resources[i].arn, &r->resource, &r->vars);
        if (m == POLICY_MATCH)
            return !s->not_resource;
        unresolved = unresolved || m == POLICY_UNRESOLVED;
    }
    return s->not_resource && !unresolved;
}

static bool conditions_hold(const struct request *r, const struct policy_statement *s)
{
    for (size_t i = 0; i < s->conditions_n; i++) {
        if (!policy_condition_holds(&s->conditions[i], &r->vars))
            return false;
    }
    return true;
}

static enum strength principal_strength(const struct policy_question *q,
                                        const struct policy_principal *p)
{
    switch (p->kind) {
    case POLICY_PRINCIPAL_ANYONE: return NAMED_DIRECTLY;
    case POLICY_PRINCIPAL_ACCOUNT:
        return is_iam_principal(q) && sw_streq(p->value, q->principal_account) ? NAMED_ACCOUNT
                                                                               : NAMED_NOT;
    case POLICY_PRINCIPAL_ARN:
        if (!is_iam_principal(q))
            return NAMED_NOT;
        if (sw_streq(p->value, q->principal_arn))
            return NAMED_DIRECTLY;
        return q->principal_role_arn && sw_streq(p->value, q->principal_role_arn) ? NAMED_BASE
                                                                                  : NAMED_NOT;
    case POLICY_PRINCIPAL_ID:
        if (!is_iam_principal(q) || !q->principal_id || !sw_streq(p->value, q->principal_id))
            return NAMED_NOT;
        return q->principal_role_arn ? NAMED_BASE : NAMED_DIRECTLY;
    case POLICY_PRINCIPAL_SERVICE:
        return q->service_principal && sw_streq(p->value, q->service_principal) ? NAMED_DIRECTLY
                                                                                : NAMED_NOT;
    case POLICY_PRINCIPAL_FEDERATED:
        return q->federated && sw_streq(p->value, q->federated) ? NAMED_DIRECTLY : NAMED_NOT;
    case POLICY_PRINCIPAL_CANONICAL:
    case POLICY_PRINCIPAL_MAX_: break;
    }
    return NAMED_NOT;
}

/* NotPrincipal excepts those that it names themselves; an account alone excepts only its root. Whoever has a permissions
 * boundary is never excepted. */
static bool is_excepted(const struct policy_question *q, const struct policy_principal *p)
{
    enum strength s = principal_strength(q, p);
    if (q->boundary && is_iam_principal(q))
        return false;
    return s >= NAMED_BASE || (s == NAMED_ACCOUNT && q->root);
}

static enum strength statement_strength(const struct policy_question *q,
                                        const struct policy_statement *s)
{
    enum strength best = NAMED_NOT;
    if (s->principals_n == 0)
        return NAMED_DIRECTLY;
    for (size_t i = 0; i < s->principals_n; i++) {
        if (s->not_principal) {
            if (is_excepted(q, &s->principals[i]))
                return NAMED_NOT;
        } else {
            best = SW_MAX(best, principal_strength(q, &s->principals[i]));
        }
    }
    return s->not_principal ? NAMED_DIRECTLY : best;
}

/* What the statement says about this request; NAMED_NOT: nothing. `only`: as in policy_index_item. */
static enum strength statement_matches(const struct request *r, const struct policy_statement *s,
                                       int32_t only)
{
    if (action_listed(r, s, only) == s->not_action)
        return NAMED_NOT;
    enum strength strength = statement_strength(r->q, s);
    if (strength == NAMED_NOT || !resource_matches(r, s) || !conditions_hold(r, s))
        return NAMED_NOT;
    return strength;
}

/* The first matching statement of one effect. */
static bool find(const struct request *r, const struct policy_attached *policies, size_t n,
                 bool deny, struct hit *ret)
{
    for (size_t i = 0; i < n; i++) {
        const struct policy_document *d = policies[i].doc;
        const struct policy_index *ix = deny ? &d->deny : &d->allow;
        struct policy_scan scan;
        struct policy_index_item item;
        if (policy_index_is_empty(ix))
            continue;
        policy_scan_begin(&scan, ix, &r->hash, r->last_part);
        while (policy_scan_next(&scan, &item)) {
            const struct policy_statement *s = &d->statements[item.statement];
            if (statement_matches(r, s, item.action) == NAMED_NOT)
                continue;
            *ret = (struct hit){&policies[i], s};
            return true;
        }
    }
    return false;
}

/* The first grant of each strength, indexed by it. */
static void find_grants(const struct request *r, struct hit grants[NAMED_DIRECTLY + 1])
{
    const struct policy_question *q = r->q;
    for (size_t i = 0; i < q->resource_policies_n; i++) {
        const struct policy_document *d = q->resource_policies[i].doc;
        struct policy_scan scan;
        struct policy_index_item item;
        policy_scan_begin(&scan, &d->allow, &r->hash, r->last_part);
        while (!grants[NAMED_DIRECTLY].by && policy_scan_next(&scan, &item)) {
            const struct policy_statement *s = &d->statements[item.statement];
            struct hit *grant = &grants[statement_matches(r, s, item.action)];
            if (grant != &grants[NAMED_NOT] && !grant->by)
                *grant = (struct hit){&q->resource_policies[i], s};
        }
    }
}

static void decide(struct policy_verdict *ret, enum policy_decision decision, struct hit hit)
{
    *ret = (struct policy_verdict){.decision = decision, .by = hit.by};
    if (!hit.by)
        return;
    ret->statement = (size_t)(hit.statement - hit.by->doc->statements);
    ret->where = hit.statement->start;
    ret->sid = hit.statement->sid;
}

static void lack(struct policy_verdict *ret, enum policy_missing missing)
{
    *ret = (struct policy_verdict){.decision = POLICY_IMPLICIT_DENY, .missing = missing};
}

static bool find_deny(const struct request *r, struct hit *ret)
{
    const struct policy_question *q = r->q;
    if (is_iam_principal(q)) {
        if (find(r, q->identity, q->identity_n, true, ret) ||
            (q->boundary && find(r, q->boundary, 1, true, ret)) ||
            find(r, q->session, q->session_n, true, ret))
            return true;
    }
    return find(r, q->resource_policies, q->resource_policies_n, true, ret);
}

/* What caps the identity side. */
static enum policy_missing capped_by(const struct request *r)
{
    const struct policy_question *q = r->q;
    struct hit ignored;
    if (q->boundary && !find(r, q->boundary, 1, false, &ignored))
        return POLICY_MISSING_BOUNDARY;
    if ((q->has_session_policy || q->session_n) &&
        !find(r, q->session, q->session_n, false, &ignored))
        return POLICY_MISSING_SESSION;
    return POLICY_MISSING_NOTHING;
}

/* The account's root needs no policy. */
static enum policy_missing identity_side(const struct request *r, struct hit *ret)
{
    const struct policy_question *q = r->q;
    if (!q->root && !find(r, q->identity, q->identity_n, false, ret))
        return POLICY_MISSING_IDENTITY;
    return capped_by(r);
}

static void evaluate_same_account(const struct request *r, const struct hit grants[],
                                  struct policy_verdict *ret)
{
    enum policy_missing missing = POLICY_MISSING_RESOURCE;
    struct hit by = {0};
    if (grants[NAMED_DIRECTLY].by) {
        decide(ret, POLICY_ALLOW, grants[NAMED_DIRECTLY]);
        return;
    }
    if (grants[NAMED_BASE].by) {
        by = grants[NAMED_BASE];
        missing = capped_by(r);
    } else if (!r->q->resource_must_allow || grants[NAMED_ACCOUNT].by) {
        missing = identity_side(r, &by);
    }
    if (missing == POLICY_MISSING_NOTHING)
        decide(ret, POLICY_ALLOW, by);
    else
        lack(ret, missing);
}

static void evaluate_cross_account(const struct request *r, const struct hit grants[],
                                   struct policy_verdict *ret)
{
    struct hit granted = grants[NAMED_DIRECTLY];
    struct hit by = {0};
    if (!granted.by)
        granted = grants[NAMED_BASE].by ? grants[NAMED_BASE] : grants[NAMED_ACCOUNT];
    if (!granted.by) {
        lack(ret, POLICY_MISSING_RESOURCE);
        return;
    }
    enum policy_missing missing = identity_side(r, &by);
    if (missing == POLICY_MISSING_NOTHING)
        decide(ret, POLICY_ALLOW, by.by ? by : granted);
    else
        lack(ret, missing);
}

void policy_evaluate(const struct policy_question *q, struct policy_verdict *ret)
{
    struct request r;
    struct hit deny, grants[NAMED_DIRECTLY + 1] = {{0}};
    request_init(&r, q);
    if (find_deny(&r, &deny)) {
        decide(ret, POLICY_EXPLICIT_DENY, deny);
        return;
    }
    find_grants(&r, grants);
    if (!is_iam_principal(q)) {
        if (grants[NAMED_DIRECTLY].by)
            decide(ret, POLICY_ALLOW, grants[NAMED_DIRECTLY]);
        else
            lack(ret, POLICY_MISSING_RESOURCE);
        return;
    }
    if (!q->resource_account || sw_streq(q->resource_account, q->principal_account))
        evaluate_same_account(&r, grants, ret);
    else
        evaluate_cross_account(&r, grants, ret);
}

static void match_list(const struct request *r, const struct policy_attached *policies, size_t n,
                       policy_match_fn *fn, void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        const struct policy_document *d = policies[i].doc;
        for (size_t j = 0; j < d->statements_n; j++) {
            if (statement_matches(r, &d->statements[j], POLICY_ANY_ACTION) != NAMED_NOT)
                fn(ctx, &policies[i], j);
        }
    }
}

void policy_matches(const struct policy_question *q, policy_match_fn *fn, void *ctx)
{
    struct request r;
    request_init(&r, q);
    if (is_iam_principal(q)) {
        match_list(&r, q->identity, q->identity_n, fn, ctx);
        match_list(&r, q->boundary, q->boundary ? 1 : 0, fn, ctx);
        match_list(&r, q->session, q->session_n, fn, ctx);
    }
    match_list(&r, q->resource_policies, q->resource_policies_n, fn, ctx);
}

const char *policy_decision_to_string(enum policy_decision d)
{
    static const char *const names[] = {"implicitDeny", "explicitDeny", "allowed"};
    return d < POLICY_MAX_ ? names[d] : "unknown";
}

const char *policy_origin_to_string(enum policy_origin kind)
{
    static const char *const names[] = {"user policy",     "group policy",   "role policy",
                                        "boundary",        "session policy", "resource policy",
                                        "registry policy", "built-in policy"};
    return kind < POLICY_ORIGIN_MAX_ ? names[kind] : "policy";
}

/* AWS's name for the family of policies that the sentence blames. */
static const char *family_of(enum policy_origin kind)
{
    switch (kind) {
    case POLICY_FROM_BOUNDARY: return "a permissions boundary";
    case POLICY_FROM_SESSION: return "a session policy";
    case POLICY_FROM_RESOURCE:
    case POLICY_FROM_REGISTRY: return "a resource-based policy";
    case POLICY_FROM_USER:
    case POLICY_FROM_GROUP:
    case POLICY_FROM_ROLE:
    case POLICY_FROM_BUILTIN:
    case POLICY_ORIGIN_MAX_: break;
    }
    return "an identity-based policy";
}

static const char *missing_policy(enum policy_missing missing)
{
    static const char *const names[] = {"policy", "identity-based policy", "permissions boundary",
                                        "session policy", "resource-based policy"};
    return missing < POLICY_MISSING_MAX_ ? names[missing] : names[0];
}

static const char *caller_of(const struct policy_question *q)
{
    if (q->principal_arn)
        return q->principal_arn;
    if (q->service_principal)
        return q->service_principal;
    return q->federated ? q->federated : "anonymous";
}

void policy_verdict_sentence(const struct policy_question *q, const struct policy_verdict *v,
                             struct sw_buf *out)
{
    if (v->decision == POLICY_ALLOW) {
        sw_buf_addf(out, "User: %s is authorized to perform: %s on resource: %s", caller_of(q),
                    q->action, q->resource);
        return;
    }
    sw_buf_addf(out, "User: %s is not authorized to perform: %s on resource: %s ", caller_of(q),
                q->action, q->resource);
    if (v->decision == POLICY_EXPLICIT_DENY)
        sw_buf_addf(out, "with an explicit deny in %s", family_of(v->by->kind));
    else
        sw_buf_addf(out, "because no %s allows the %s action", missing_policy(v->missing),
                    q->action);
}

void policy_verdict_explain(const struct policy_question *q, const struct policy_verdict *v,
                            struct sw_buf *out)
{
    if (v->decision == POLICY_IMPLICIT_DENY) {
        sw_buf_addf(out, "implicitly denied: no %s allows %s on %s", missing_policy(v->missing),
                    q->action, q->resource);
        return;
    }
    if (!v->by) {
        sw_buf_addf(out, "allowed: %s is the root of its account", caller_of(q));
        return;
    }
    sw_buf_addf(out, "%s by statement %zu", v->decision == POLICY_ALLOW ? "allowed" : "denied",
                v->statement + 1);
    if (v->sid)
        sw_buf_addf(out, " \"%s\"", v->sid);
    sw_buf_addf(out, " of %s %s", policy_origin_to_string(v->by->kind),
                v->by->name ? v->by->name : "without a name");
    if (v->by->origin)
        sw_buf_addf(out, " (%s:%u:%u)", v->by->origin, v->where.line, v->where.column);
    else
        sw_buf_addf(out, " (line %u, column %u)", v->where.line, v->where.column);
}
