/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/sts_role.c - AssumeRole. The trust policy is the role's resource policy and has to say yes, in one account too; across
 * accounts the caller's own policies as well. A role that does not exist is refused like one that trusts nobody.
 * Chains: tags that were passed as transitive and the source identity go on to the next session and cannot be changed there. */
#include <string.h>
#include <strings.h>

#include "auth/api/sts_internal.h"
#include "base/json.h"
#include "base/macros.h"

static const char *inherited_source(const struct session_extra *x)
{
    return x ? session_extra_source_identity(x) : NULL;
}

/* Adds what the caller's own session hands on. */
static int inherit(const struct session_extra *x, const struct sts_in *in, struct sts_grant *grant,
                   struct sw_err *err)
{
    struct session_grant *g = &grant->g;
    const char *source = inherited_source(x), *key;
    json_t *value;

    if (source && in->source_identity && !sw_streq(source, in->source_identity))
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "The source identity of a role chain cannot be changed.");
    g->source_identity = source ? source : in->source_identity;
    if (!x)
        return 0;
    json_object_foreach((json_t *)session_extra_tags(x), key, value) {
        if (!session_extra_is_transitive(x, key))
            continue;
        for (size_t i = 0; i < g->tags_n; i++)
            if (strcasecmp(g->tags[i].key, key) == 0)
                return sw_fail(err, SW_EINVALID, "ValidationError",
                               "The transitive tag key %.128s of the calling session cannot be "
                               "passed again.",
                               key);
        if (g->tags_n == SESSION_TAGS_MAX)
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "a session has at most %d tags, inherited ones included",
                           SESSION_TAGS_MAX);
        grant->tags[g->tags_n++] = (struct session_tag){key, json_string_value(value)};
        grant->transitive[g->transitive_n++] = key;
    }
    return 0;
}

/* sts:AssumeRole, and what else the request does to the session. */
static int ask(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
               const struct session_grant *g, struct sw_err *err)
{
    const struct policy_attached trust = {
        .doc = role->trust, .name = "trust policy", .kind = POLICY_FROM_RESOURCE};
    SW_CLEANUP(sts_keys_freep) struct sts_keys *keys = sts_keys_new();

    sts_keys_of(keys, in, g, role);
    call->context.account = role->account;
    call->context.resource_must_allow = true;
    call->context.resource_policies = &trust;
    call->context.resource_policies_n = role->trust != NULL;
    call->context.keys = sts_keys_array(keys, &call->context.keys_n);
    int r = aws_may(call, role->arn, err);
    if (r == 0 && json_array_size(in->tags) > 0)
        r = aws_may_action(call, "sts:TagSession", role->arn, err);
    if (r == 0 && in->source_identity)
        r = aws_may_action(call, "sts:SetSourceIdentity", role->arn, err);
    call->context.keys = NULL;
    call->context.keys_n = 0;
    call->context.resource_policies = NULL;
    call->context.resource_policies_n = 0;
    return r;
}

static int assume(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
                  const struct session_extra *x, json_t *out, struct sw_err *err)
{
    struct sts_grant grant = {0};
    int r = sts_read_grant(call, in, &grant, err);

    if (r == 0)
        r = inherit(x, in, &grant, err);
    if (r == 0)
        r = ask(call, in, role, &grant.g, err);
    if (r == 0)
        r = sts_issue_assumed(call, in, role, call->principal.kind == PRINCIPAL_ROLE, &grant.g, out,
                              err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "SourceIdentity", grant.g.source_identity);
    return 0;
}

STS_HANDLER(assume_role)
{
    const struct sts_in *i = in;
    const struct principal *p = &call->principal;
    SW_CLEANUP(sts_role_done) struct sts_role role = {0};
    int r = sts_find_role(call, i->role_arn, &role, err);

    if (r < 0)
        return r;
    if (p->kind == PRINCIPAL_ROOT)
        return sts_denied(call, role.arn, err, "Roles may not be assumed by root accounts.");
    if (p->kind == PRINCIPAL_FEDERATED)
        return sts_denied(call, role.arn, err,
                          "Cannot call AssumeRole with federated user credentials");
    struct session_extra *x = session_extra(sts_of(call)->o.sessions, p->session_policy_id);
    if (!x) /* its tags and its source identity would be lost on the way */
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the session's tags are not in memory");
    r = assume(call, i, &role, x, out, err);
    session_extra_unref(x);
    return r;
}
