/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/api/sts_internal.h - what the sts_*.c files share. */
#include "auth/api/sts.h"
#include "auth/directory.h"

struct sts_api {
    struct sts_api_options o;
};
const struct sts_api *sts_of(const struct aws_call *call);

/* Input of every operation that gives credentials; each binds what it has. */
struct sts_in {
    const char *role_arn, *name; /* of session or federated user */
    const char *policy, *external_id, *source_identity;
    const char *token, *provider; /* web identity */
    const char *access_key_id;
    json_t *policy_arns, *tags, *transitive;
    struct schema_int duration_s;
};
extern const struct sw_field sts_none[], sts_identity_out[], sts_key_in[], sts_key_out[],
    sts_session_in[], sts_session_out[], sts_federation_in[], sts_federation_out[], sts_role_in[],
    sts_role_out[], sts_web_in[], sts_web_out[];

/* A grant with the arrays that it points into. */
struct sts_grant {
    struct session_grant g;
    const char *arns[SESSION_ARNS_MAX];
    struct session_tag tags[SESSION_TAGS_MAX];
    const char *transitive[SESSION_TAGS_MAX];
};
/* Policies, tags and their transitive keys of the input; account, id, kind and times are the caller's. */
int sts_read_grant(const struct aws_call *call, const struct sts_in *in, struct sts_grant *ret,
                   struct sw_err *err);
/* Issues and writes Credentials and PackedPolicySize. */
int sts_issue(const struct aws_call *call, const struct session_grant *g, json_t *out,
              struct sw_err *err);
int sts_denied(struct aws_call *call, const char *resource, struct sw_err *err, const char *text);

/* A role as it was when it was looked up. */
struct sts_role {
    bool found;
    char arn[PRINCIPAL_ARN_MAX], account[13], id[33], name[PRINCIPAL_NAME_MAX];
    int64_t max_session_s;
    struct policy_document *trust; /* counted; NULL when there is no role */
    struct iam_tag *tags;          /* owned copies */
    size_t tags_n;
};
/* By the request's RoleArn; ValidationError when it is none. A role that does not exist is found == false. */
int sts_find_role(const struct aws_call *call, const char *arn, struct sts_role *ret,
                  struct sw_err *err);
void sts_role_done(struct sts_role *r);
/* The session of a role for a grant that was read and allowed: its duration (an hour at most when chained), its key, AssumedRoleUser. */
int sts_issue_assumed(struct aws_call *call, const struct sts_in *in, const struct sts_role *role,
                      bool chained, struct session_grant *grant, json_t *out, struct sw_err *err);

/* Context keys with room for what a request can say. */
struct sts_keys;
struct sts_keys *sts_keys_new(void);
void sts_keys_free(struct sts_keys *k); /* NULL ok */
static inline void sts_keys_freep(struct sts_keys **k)
{
    sts_keys_free(*k);
}
void sts_keys_add(struct sts_keys *k, const char *prefix, const char *name, const char *value);
void sts_keys_add_list(struct sts_keys *k, const char *name, const char *const *values, size_t n);
/* Text, a number, a boolean or a list of texts; anything else adds nothing. Borrows the texts. */
void sts_keys_add_json(struct sts_keys *k, const char *prefix, const char *name, const json_t *v);
const struct policy_key *sts_keys_array(const struct sts_keys *k, size_t *ret_n);
/* What the request and the role say of themselves: sts:*, aws:RequestTag, aws:TagKeys, aws:ResourceTag, iam:ResourceTag. */
void sts_keys_of(struct sts_keys *k, const struct sts_in *in, const struct session_grant *g,
                 const struct sts_role *role);

#define STS_HANDLER(name) \
    int sts_##name(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
STS_HANDLER(get_caller_identity);
STS_HANDLER(get_access_key_info);
STS_HANDLER(get_session_token);
STS_HANDLER(get_federation_token);
STS_HANDLER(assume_role);
STS_HANDLER(assume_role_with_web_identity);
