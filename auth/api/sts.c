/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/sts.c - the service's table, and what its handlers share. */
#include "auth/api/sts_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"

/* clang-format off */
static const struct aws_op ops[] = {
    {"AssumeRole", sts_assume_role, sts_role_in, sts_role_out, sizeof(struct sts_in), "sts:AssumeRole"},
    {"AssumeRoleWithWebIdentity", sts_assume_role_with_web_identity, sts_web_in, sts_web_out, sizeof(struct sts_in), "sts:AssumeRoleWithWebIdentity"},
    {"GetAccessKeyInfo", sts_get_access_key_info, sts_key_in, sts_key_out, sizeof(struct sts_in), "sts:GetAccessKeyInfo"},
    {"GetCallerIdentity", sts_get_caller_identity, sts_none, sts_identity_out, 0, "sts:GetCallerIdentity"},
    {"GetFederationToken", sts_get_federation_token, sts_federation_in, sts_federation_out, sizeof(struct sts_in), "sts:GetFederationToken"},
    {"GetSessionToken", sts_get_session_token, sts_session_in, sts_session_out, sizeof(struct sts_in), "sts:GetSessionToken"},
};
/* clang-format on */
static const char *const unimplemented[] = {"AssumeRoleWithSAML",         "AssumeRoot",
                                            "DecodeAuthorizationMessage", "GetDelegatedAccessToken",
                                            "GetWebIdentityToken",        NULL};
static const char *const unsigned_ops[] = {"AssumeRoleWithWebIdentity", NULL};

struct sts_api *sts_api_new(const struct sts_api_options *o)
{
    struct sts_api *a = SW_NEW(struct sts_api);

    a->o = *o;
    return a;
}

void sts_api_free(struct sts_api *a)
{
    free(a);
}

struct aws_service sts_aws_service(struct sts_api *a)
{
    return (struct aws_service){.signing_name = "sts",
                                .invalid_reason = "ValidationError",
                                .ops = ops,
                                .ops_n = SW_ARRAY_LEN(ops),
                                .unimplemented = unimplemented,
                                .ctx = a,
                                .protocol = AWS_QUERY,
                                .api_version = "2011-06-15",
                                .unsigned_ops = unsigned_ops,
                                .xml_namespace = "https://sts.amazonaws.com/doc/2011-06-15/"};
}

const struct sts_api *sts_of(const struct aws_call *call)
{
    return call->service->ctx;
}

int sts_denied(struct aws_call *call, const char *resource, struct sw_err *err, const char *text)
{
    (void)sw_fail(err, SW_EDENIED, "AccessDeniedException", "%s", text);
    http_audit_denied(call->req, call->op->action, resource, err);
    return err->code;
}

/* ---- grants ---- */

/* A managed policy of the session's account, or one of everybody's. */
static bool policy_exists(struct identity *id, const char *account, const char *arn)
{
    directory_lock(id);
    const struct iam_entity *e = directory_by_arn(id, arn);
    bool ok = e && e->kind == IAM_POLICY &&
              (sw_streq(e->account, account) || sw_streq(e->account, IAM_AWS_ACCOUNT));
    directory_unlock(id);
    return ok;
}

static int check_policies(const struct aws_call *call, const struct session_grant *g,
                          struct sw_err *err)
{
    for (size_t i = 0; i < g->policy_arns_n; i++)
        if (!policy_exists(sts_of(call)->o.identity, g->account, g->policy_arns[i]))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "The session policy %.300s does not exist.", g->policy_arns[i]);
    return 0;
}

static void read_policies(const struct sts_in *in, struct sts_grant *ret)
{
    size_t i;
    json_t *one;

    ret->g.policy = in->policy;
    json_array_foreach(in->policy_arns, i, one)
        ret->arns[ret->g.policy_arns_n++] = sw_json_str(one, "arn", "");
    ret->g.policy_arns = ret->arns;
}

static bool has_tag(const struct session_grant *g, const char *key)
{
    for (size_t i = 0; i < g->tags_n; i++)
        if (strcasecmp(g->tags[i].key, key) == 0)
            return true;
    return false;
}

static int read_tags(const struct sts_in *in, struct sts_grant *ret, struct sw_err *err)
{
    size_t i;
    json_t *one;

    ret->g.tags = ret->tags;
    ret->g.transitive = ret->transitive;
    json_array_foreach(in->tags, i, one) {
        const char *key = sw_json_str(one, "Key", "");
        if (has_tag(&ret->g, key))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "Duplicate tag keys found. Please note that Tag keys are case "
                           "insensitive.");
        ret->tags[ret->g.tags_n++] = (struct session_tag){key, sw_json_str(one, "Value", "")};
    }
    json_array_foreach(in->transitive, i, one) {
        const char *key = json_string_value(one);
        if (!has_tag(&ret->g, key))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "The specified transitive tag key must be included in the requested "
                           "tags: %.128s",
                           key);
        ret->transitive[ret->g.transitive_n++] = key;
    }
    return 0;
}

int sts_read_grant(const struct aws_call *call, const struct sts_in *in, struct sts_grant *ret,
                   struct sw_err *err)
{
    read_policies(in, ret);
    ret->g.name = in->name;
    ret->g.now_us = call->now_us;
    return read_tags(in, ret, err);
}

int sts_issue(const struct aws_call *call, const struct session_grant *g, json_t *out,
              struct sw_err *err)
{
    struct session_credentials c = {0};
    json_t *credentials;
    int r =
        check_policies(call, g, err); /* only now: whoever may not ask is not told which exist */

    if (r == 0)
        r = session_issue(sts_of(call)->o.sessions, g, &c, err);
    if (r < 0)
        return r;
    credentials = json_object();
    sw_json_set_str(credentials, "AccessKeyId", c.access_key_id);
    sw_json_set_str(credentials, "SecretAccessKey", c.secret_access_key);
    sw_json_set_str(credentials, "SessionToken", c.token);
    sw_json_set_time_us(credentials, "Expiration", g->expires_at_us);
    sw_json_set_new(out, "Credentials", credentials);
    if (c.packed_percent)
        sw_json_set_int(out, "PackedPolicySize", c.packed_percent);
    explicit_bzero(&c, sizeof(c));
    return 0;
}

/* ---- roles ---- */

static void copy_role(const struct iam_entity *e, struct sts_role *ret)
{
    ret->found = true;
    (void)sw_str_copy(sw_str(e->account), ret->account, sizeof(ret->account));
    (void)sw_str_copy(sw_str(e->id), ret->id, sizeof(ret->id));
    (void)sw_str_copy(sw_str(e->name), ret->name, sizeof(ret->name));
    (void)sw_str_copy(sw_str(e->arn), ret->arn, sizeof(ret->arn));
    ret->max_session_s = e->max_session_s;
    ret->trust = policy_document_ref(e->trust_doc);
    ret->tags = sw_calloc(e->tags_n ? e->tags_n : 1, sizeof(*ret->tags));
    for (size_t i = 0; i < e->tags_n; i++)
        ret->tags[ret->tags_n++] =
            (struct iam_tag){sw_strdup(e->tags[i].key), sw_strdup(e->tags[i].value)};
}

void sts_role_done(struct sts_role *r)
{
    for (size_t i = 0; i < r->tags_n; i++) {
        free(r->tags[i].key);
        free(r->tags[i].value);
    }
    free(r->tags);
    policy_document_unref(r->trust);
    *r = (struct sts_role){0};
}

/* arn:aws:iam::ACCOUNT:role/... */
static bool role_account(const char *arn, char ret[13])
{
    struct sw_str rest = sw_str(arn), part[6];

    for (size_t i = 0; i < SW_ARRAY_LEN(part) - 1; i++)
        if (!sw_str_split(&rest, ':', &part[i]))
            return false;
    return rest.p && sw_str_eq_z(part[0], "arn") && sw_str_eq_z(part[2], "iam") && part[3].n == 0 &&
           part[4].n == 12 && sw_str_starts_with(rest, "role/") &&
           strspn(part[4].p, "0123456789") == 12 && sw_str_copy(part[4], ret, 13);
}

int sts_find_role(const struct aws_call *call, const char *arn, struct sts_role *ret,
                  struct sw_err *err)
{
    struct identity *id = sts_of(call)->o.identity;

    if (!role_account(arn, ret->account) || !sw_str_copy(sw_str(arn), ret->arn, sizeof(ret->arn)))
        return sw_fail(err, SW_EINVALID, "ValidationError", "%.300s is invalid", arn);
    directory_lock(id);
    const struct iam_entity *e = directory_by_arn(id, arn);
    if (e && e->kind == IAM_ROLE)
        copy_role(e, ret);
    directory_unlock(id);
    return 0;
}

static int role_duration(const struct sts_role *r, const struct sts_in *in, bool chained,
                         int64_t *ret_s, struct sw_err *err)
{
    int64_t most = r->max_session_s ? r->max_session_s : IAM_SESSION_S;

    *ret_s = in->duration_s.set ? in->duration_s.v : IAM_SESSION_S;
    if (chained && *ret_s > IAM_SESSION_S)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "The requested DurationSeconds exceeds the 1 hour session limit for roles "
                       "assumed by role chaining");
    if (*ret_s > most)
        return sw_fail(err, SW_EINVALID, "ValidationError",
                       "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
                       "role.");
    return 0;
}

static void set_assumed(const struct sts_role *r, const char *session, json_t *out,
                        char arn[PRINCIPAL_ARN_MAX])
{
    json_t *user = json_object();
    char id[128];

    (void)snprintf(id, sizeof(id), "%s:%s", r->id, session);
    (void)snprintf(arn, PRINCIPAL_ARN_MAX, "arn:aws:sts::%s:assumed-role/%s/%s", r->account,
                   r->name, session);
    sw_json_set_str(user, "AssumedRoleId", id);
    sw_json_set_str(user, "Arn", arn);
    sw_json_set_new(out, "AssumedRoleUser", user);
}

int sts_issue_assumed(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
                      bool chained, struct session_grant *grant, json_t *out, struct sw_err *err)
{
    char arn[PRINCIPAL_ARN_MAX];
    int64_t duration_s = 0;
    int r = role_duration(role, in, chained, &duration_s, err);

    if (r < 0)
        return r;
    grant->kind = PRINCIPAL_ROLE;
    grant->account = role->account;
    grant->id = role->id;
    grant->expires_at_us = call->now_us + duration_s * 1000000;
    if ((r = sts_issue(call, grant, out, err)) < 0)
        return r;
    set_assumed(role, in->name, out, arn);
    http_audit_reference(call->req, arn);
    return 0;
}

/* ---- context keys ---- */

#define KEYS_MAX (4 * SESSION_TAGS_MAX + 128)

struct sts_keys {
    struct policy_key keys[KEYS_MAX];
    const char *values[KEYS_MAX];
    char *names[KEYS_MAX];
    void *owned[KEYS_MAX]; /* what values point into, where it is ours */
    const char *tag_keys[SESSION_TAGS_MAX];
    size_t n;
};

struct sts_keys *sts_keys_new(void)
{
    return SW_NEW(struct sts_keys);
}

void sts_keys_free(struct sts_keys *k)
{
    for (size_t i = 0; k && i < k->n; i++) {
        free(k->names[i]);
        free(k->owned[i]);
    }
    free(k);
}

void sts_keys_add(struct sts_keys *k, const char *prefix, const char *name, const char *value)
{
    if (!value || k->n == KEYS_MAX)
        return;
    k->names[k->n] = sw_asprintf("%s%s", prefix, name);
    k->values[k->n] = value;
    k->keys[k->n] =
        (struct policy_key){.name = k->names[k->n], .values = &k->values[k->n], .values_n = 1};
    k->n++;
}

void sts_keys_add_list(struct sts_keys *k, const char *name, const char *const *values, size_t n)
{
    if (n == 0 || k->n == KEYS_MAX)
        return;
    k->names[k->n] = sw_strdup(name);
    k->keys[k->n] =
        (struct policy_key){.name = k->names[k->n], .values = values, .values_n = n, .multi = true};
    k->n++;
}

static void add_text(struct sts_keys *k, const char *prefix, const char *name, char *text)
{
    size_t n = k->n;

    sts_keys_add(k, prefix, name, text);
    if (k->n > n)
        k->owned[n] = text;
    else
        free(text);
}

static void add_texts(struct sts_keys *k, const char *prefix, const char *name, const json_t *list)
{
    sw_autofree char *full = sw_asprintf("%s%s", prefix, name);
    const char **values = sw_calloc(json_array_size(list) + 1, sizeof(*values));
    size_t i, values_n = 0, n = k->n;
    json_t *one;

    json_array_foreach(list, i, one)
        if (json_is_string(one))
            values[values_n++] = json_string_value(one);
    sts_keys_add_list(k, full, values, values_n);
    if (k->n > n)
        k->owned[n] = values;
    else
        free(values);
}

void sts_keys_add_json(struct sts_keys *k, const char *prefix, const char *name, const json_t *v)
{
    if (json_is_string(v))
        sts_keys_add(k, prefix, name, json_string_value(v));
    else if (json_is_boolean(v))
        sts_keys_add(k, prefix, name, json_is_true(v) ? "true" : "false");
    else if (json_is_integer(v))
        add_text(k, prefix, name, sw_asprintf("%lld", (long long)json_integer_value(v)));
    else if (json_is_array(v))
        add_texts(k, prefix, name, v);
}

const struct policy_key *sts_keys_array(const struct sts_keys *k, size_t *ret_n)
{
    *ret_n = k->n;
    return k->keys;
}

void sts_keys_of(struct sts_keys *k, const struct sts_in *in, const struct session_grant *g,
                 const struct sts_role *role)
{
    sts_keys_add(k, "sts:", "RoleSessionName", in->name);
    sts_keys_add(k, "sts:", "ExternalId", in->external_id);
    sts_keys_add(k, "sts:", "SourceIdentity", g->source_identity);
    for (size_t i = 0; i < g->tags_n; i++) {
        sts_keys_add(k, "aws:RequestTag/", g->tags[i].key, g->tags[i].value);
        k->tag_keys[i] = g->tags[i].key;
    }
    sts_keys_add_list(k, "aws:TagKeys", k->tag_keys, g->tags_n);
    sts_keys_add_list(k, "sts:TransitiveTagKeys", g->transitive, g->transitive_n);
    for (size_t i = 0; i < role->tags_n; i++) {
        sts_keys_add(k, "aws:ResourceTag/", role->tags[i].key, role->tags[i].value);
        sts_keys_add(k, "iam:ResourceTag/", role->tags[i].key, role->tags[i].value);
    }
}
