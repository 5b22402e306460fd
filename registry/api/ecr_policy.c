/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/ecr_policy.c - repository policies and the registry policy: stored and echoed as they were given, compiled once
 * (registry/core keeps the compiled form beside the repository). Amazon: "Private repository policies", "Private registry
 * permissions". */
#include <stdio.h>

#include "auth/directory.h"
#include "auth/policy_document.h"
#include "auth/policy_eval.h"
#include "base/alloc.h"
#include "base/macros.h"
#include "registry/api/ecr_internal.h"
#include "registry/core/registry_setting.h"

struct principals {
    struct identity *identity;
    const char *account;
    char missing[PRINCIPAL_ARN_MAX];
    struct policy_position where;
};

/* Of other accounts nothing is known, and a session comes and goes. */
static void check_principal(void *ctx, enum policy_principal_kind kind, const char *value,
                            struct policy_position where)
{
    struct principals *p = ctx;
    char mine[40];
    (void)snprintf(mine, sizeof(mine), "arn:aws:iam::%s:", p->account);
    if (kind != POLICY_PRINCIPAL_ARN || p->missing[0] || !sw_str_starts_with(sw_str(value), mine))
        return;
    directory_lock(p->identity);
    bool known = directory_by_arn(p->identity, value) != NULL;
    directory_unlock(p->identity);
    if (!known && sw_str_copy(sw_str(value), p->missing, sizeof(p->missing)))
        p->where = where;
}

static int check_principals(const struct aws_call *call, const struct policy_document *document,
                            const char *member, const char *what, struct sw_err *err)
{
    struct principals p = {.identity = ecr_of(call)->o.identity,
                           .account = call->principal.account};
    if (p.identity)
        policy_document_principals(document, check_principal, &p);
    if (!p.missing[0])
        return 0;
    return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                   "Invalid parameter at '%s' failed to satisfy constraint: 'Invalid %s policy "
                   "provided': line %u, column %u: Principal not found: %s",
                   member, what, p.where.line, p.where.column, p.missing);
}

int ecr_check_policy(const struct aws_call *call, const char *text, const char *member,
                     const char *what, struct policy_document **ret, struct sw_err *err)
{
    struct sw_err why = SW_ERR_INIT;
    struct policy_position where = {0};
    struct policy_document *document = NULL;
    if (policy_document_parse(sw_str(text), POLICY_TYPE_RESOURCE, &document, &where, &why) < 0)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "Invalid parameter at '%s' failed to satisfy constraint: 'Invalid %s policy "
                       "provided': line %u, column %u: %s",
                       member, what, where.line, where.column, why.msg);
    int r = check_principals(call, document, member, what, err);
    if (r == 0 && ret)
        *ret = SW_TAKE(document);
    policy_document_unref(document);
    return r;
}

/* Amazon: a policy that would keep its author from setting another one needs `force`. */
static int check_lockout(const struct aws_call *call, const struct ecr_target *t,
                         const struct policy_document *document, struct sw_err *err)
{
    struct policy_attached attached = {.doc = document, .name = "", .kind = POLICY_FROM_RESOURCE};
    struct policy_question q = {.action = "ecr:SetRepositoryPolicy",
                                .resource = t->arn,
                                .resource_account = t->account,
                                .principal_arn = call->principal.arn,
                                .principal_account = call->principal.account,
                                .principal_id = call->principal.user_id,
                                .root = call->principal.kind == PRINCIPAL_ROOT,
                                .resource_policies = &attached,
                                .resource_policies_n = 1};
    struct policy_verdict verdict;
    if (call->principal.kind == PRINCIPAL_ROLE)
        q.principal_role_arn = call->principal.role_arn;
    policy_evaluate(&q, &verdict);
    if (verdict.decision != POLICY_EXPLICIT_DENY)
        return 0;
    return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                   "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The policy "
                   "would prevent you from setting another policy in the future; force it to do so "
                   "all the same'");
}

static void set_policy_reply(const struct ecr_target *t, const char *text, json_t *out)
{
    sw_json_set_str(out, "registryId", t->account);
    sw_json_set_str(out, "repositoryName", t->key.name);
    sw_json_set_str(out, "policyText", text);
}

int ecr_set_repository_policy(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct ecr_target t;
    policy_autodoc struct policy_document *document = NULL;
    sw_autofree char *old = NULL;
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = ecr_check_policy(call, args->text, "PolicyText", "repository", &document, err);
    if (r == 0 && args->force != SCHEMA_TRUE)
        r = check_lockout(call, &t, document, err);
    if (r == 0)
        r = ecr_check_reach(&t, err);
    if (r == 0)
        r = repo_set_policy(t.reg, &t.key, args->text, &old, err);
    if (r == 0)
        set_policy_reply(&t, args->text, out);
    return r;
}

int ecr_get_repository_policy(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct ecr_target t;
    struct repo_info info;
    int r = ecr_describe(call, args->registry_id, args->repository, &t, &info, err);
    if (r < 0)
        return r;
    if (info.policy)
        set_policy_reply(&t, info.policy, out);
    else
        r = sw_fail(err, SW_ENOTFOUND, "RepositoryPolicyNotFoundException",
                    "Repository policy does not exist for the repository with name '%s' in the "
                    "registry with id '%s'",
                    t.key.name, t.account);
    repo_info_done(&info);
    return r;
}

int ecr_delete_repository_policy(struct aws_call *call, const void *in, json_t *out,
                                 struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct ecr_target t;
    sw_autofree char *old = NULL;
    int r = ecr_target(call, args->registry_id, args->repository, &t, err);
    if (r == 0)
        r = ecr_check_reach(&t, err);
    if (r == 0)
        r = repo_set_policy(t.reg, &t.key, NULL, &old, err);
    if (r == 0)
        set_policy_reply(&t, old, out);
    return r;
}

int ecr_put_registry_policy(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    const struct ecr_policy_in *args = in;
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *old = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = ecr_check_policy(call, args->text, "PolicyText", "registry", NULL, err);
    if (r == 0)
        r = registry_policy_set(ecr_of(call)->o.registry, &key, args->text, &old, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", key.account);
    sw_json_set_str(out, "policyText", args->text);
    return 0;
}

int ecr_get_registry_policy(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                            struct sw_err *err)
{
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *text = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = registry_setting_get(ecr_of(call)->o.registry, &key, REGISTRY_SETTING_POLICY, &text,
                                 err);
    if (r < 0)
        return r;
    if (!text)
        return sw_fail(err, SW_ENOTFOUND, "RegistryPolicyNotFoundException",
                       "Registry policy does not exist in the registry with id '%s'", key.account);
    sw_json_set_str(out, "registryId", key.account);
    sw_json_set_str(out, "policyText", text);
    return 0;
}

int ecr_delete_registry_policy(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    struct registry_key key = ecr_registry_key(call);
    sw_autofree char *old = NULL;
    int r = ecr_may_registry(call, err);
    if (r == 0)
        r = registry_policy_set(ecr_of(call)->o.registry, &key, NULL, &old, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "registryId", key.account);
    sw_json_set_str(out, "policyText", old);
    return 0;
}
