/* SPDX-License-Identifier: Apache-2.0 */
/* The structures of STS's operations, as its service model has them. */
#include <ctype.h>
#include <string.h>

#include "auth/api/sts_internal.h"
#include "auth/oidc.h"

static bool only(const char *s, const char *more)
{
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr(more, *s))
            return false;
    return true;
}

static bool is_name(const char *s)
{
    return only(s, "_+=,.@-");
}

static bool is_external_id(const char *s)
{
    return only(s, "_+=,.@:/-");
}

static bool is_word(const char *s)
{
    return only(s, "_");
}

#define NAME_PATTERN  "[\\w+=,.@-]*"
#define BOUND(member) .off = offsetof(struct sts_in, member)
/* clang-format off */
#define TEXT(name_, extra, member, lo, hi) {.name = name_, .type = T_STRING, .flags = F_BOUND | F_LIMITS | (extra), BOUND(member), .min = lo, .max = hi}
#define NAME(name_, extra, member, lo, hi) {.name = name_, .type = T_STRING, .flags = F_BOUND | F_LIMITS | (extra), BOUND(member), .min = lo, .max = hi, .check = is_name, .pattern = NAME_PATTERN}
#define DURATION(hi) {.name = "DurationSeconds", .type = T_INT, .flags = F_BOUND | F_LIMITS, BOUND(duration_s), .min = 900, .max = hi}
#define MFA {.name = "SerialNumber", .type = T_STRING, .flags = F_REFUSED}, {.name = "TokenCode", .type = T_STRING, .flags = F_REFUSED}
#define POLICIES \
    {.name = "PolicyArns", .type = T_LIST, .flags = F_BOUND | F_LIMITS, BOUND(policy_arns), .min = 0, .max = SESSION_ARNS_MAX, .of = &policy_arn_item}, \
    TEXT("Policy", 0, policy, 1, 2048)
#define TAGS {.name = "Tags", .type = T_LIST, .flags = F_BOUND | F_LIMITS, BOUND(tags), .min = 0, .max = SESSION_TAGS_MAX, .of = &tag_item}

static const struct sw_field policy_arn[] = {
    {.name = "arn", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 20, .max = 2048}, F_END};
static const struct sw_field policy_arn_item = {.type = T_STRUCT, .of = policy_arn};
static const struct sw_field tag[] = {
    {.name = "Key", .type = T_STRING, .flags = F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = 128},
    {.name = "Value", .type = T_STRING, .flags = F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = 256}, F_END};
static const struct sw_field tag_item = {.type = T_STRUCT, .of = tag};
static const struct sw_field tag_key = {.type = T_STRING, .flags = F_LIMITS, .min = 1, .max = 128};
static const struct sw_field provided_context_item = {.type = T_STRUCT, .of = sts_none};

const struct sw_field sts_none[] = {F_END};
const struct sw_field sts_identity_out[] = {
    {.name = "UserId", .type = T_STRING}, {.name = "Account", .type = T_STRING}, {.name = "Arn", .type = T_STRING}, F_END};
const struct sw_field sts_key_in[] = {
    {.name = "AccessKeyId", .type = T_STRING, .flags = F_BOUND | F_REQUIRED | F_LIMITS, BOUND(access_key_id), .min = 16, .max = 128, .check = is_word, .pattern = "[\\w]*"}, F_END};
const struct sw_field sts_key_out[] = {{.name = "Account", .type = T_STRING}, F_END};

static const struct sw_field credentials[] = {
    {.name = "AccessKeyId", .type = T_STRING}, {.name = "SecretAccessKey", .type = T_STRING},
    {.name = "SessionToken", .type = T_STRING}, {.name = "Expiration", .type = T_TIMESTAMP}, F_END};
static const struct sw_field assumed[] = {
    {.name = "AssumedRoleId", .type = T_STRING}, {.name = "Arn", .type = T_STRING}, F_END};
static const struct sw_field federated[] = {
    {.name = "FederatedUserId", .type = T_STRING}, {.name = "Arn", .type = T_STRING}, F_END};
#define CREDENTIALS {.name = "Credentials", .type = T_STRUCT, .of = credentials}

const struct sw_field sts_session_in[] = {DURATION(129600), MFA, F_END};
const struct sw_field sts_session_out[] = {CREDENTIALS, F_END};

const struct sw_field sts_federation_in[] = {
    NAME("Name", F_REQUIRED, name, 2, 32), POLICIES, DURATION(129600), TAGS, F_END};
const struct sw_field sts_federation_out[] = {
    CREDENTIALS, {.name = "FederatedUser", .type = T_STRUCT, .of = federated},
    {.name = "PackedPolicySize", .type = T_INT}, F_END};

const struct sw_field sts_role_in[] = {
    TEXT("RoleArn", F_REQUIRED, role_arn, 20, 2048), NAME("RoleSessionName", F_REQUIRED, name, 2, 64), POLICIES, DURATION(43200), TAGS,
    {.name = "TransitiveTagKeys", .type = T_LIST, .flags = F_BOUND | F_LIMITS, BOUND(transitive), .min = 0, .max = SESSION_TAGS_MAX, .of = &tag_key},
    {.name = "ExternalId", .type = T_STRING, .flags = F_BOUND | F_LIMITS, BOUND(external_id), .min = 2, .max = 1224, .check = is_external_id, .pattern = "[\\w+=,.@:\\/-]*"},
    MFA, NAME("SourceIdentity", 0, source_identity, 2, 64),
    {.name = "ProvidedContexts", .type = T_LIST, .flags = F_REFUSED, .of = &provided_context_item}, F_END};
const struct sw_field sts_role_out[] = {
    CREDENTIALS, {.name = "AssumedRoleUser", .type = T_STRUCT, .of = assumed},
    {.name = "PackedPolicySize", .type = T_INT}, {.name = "SourceIdentity", .type = T_STRING}, F_END};

const struct sw_field sts_web_in[] = {
    TEXT("RoleArn", F_REQUIRED, role_arn, 20, 2048), NAME("RoleSessionName", F_REQUIRED, name, 2, 64),
    TEXT("WebIdentityToken", F_REQUIRED, token, 4, OIDC_TOKEN_MAX), {.name = "ProviderId", .type = T_STRING, .flags = F_REFUSED},
    POLICIES, DURATION(43200), F_END};
const struct sw_field sts_web_out[] = {
    CREDENTIALS, {.name = "SubjectFromWebIdentityToken", .type = T_STRING},
    {.name = "AssumedRoleUser", .type = T_STRUCT, .of = assumed}, {.name = "PackedPolicySize", .type = T_INT},
    {.name = "Provider", .type = T_STRING}, {.name = "Audience", .type = T_STRING}, {.name = "SourceIdentity", .type = T_STRING}, F_END};
/* clang-format on */
