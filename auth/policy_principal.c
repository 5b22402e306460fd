/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_principal.h"

#include "base/macros.h"

static const struct {
    const char *name;
    enum policy_principal_kind kind;
} types[] = {
    {"AWS", POLICY_PRINCIPAL_ARN},
    {"Service", POLICY_PRINCIPAL_SERVICE},
    {"Federated", POLICY_PRINCIPAL_FEDERATED},
    {"CanonicalUser", POLICY_PRINCIPAL_CANONICAL},
};

bool policy_principal_type_known(struct sw_str type)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(types); i++) {
        if (sw_str_eq_z(type, types[i].name))
            return true;
    }
    return false;
}

static bool is_account(struct sw_str s)
{
    if (s.n != 12)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

/* IAM's unique ids: AIDA..., AROA..., AGPA... */
static bool is_unique_id(struct sw_str s)
{
    if (s.n < 16 || s.n > 128 || s.p[0] != 'A')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9')))
            return false;
    }
    return true;
}

/* prefix, then a name that is not empty. */
static bool named(struct sw_str resource, const char *prefix)
{
    return sw_str_starts_with(resource, prefix) && resource.n > strlen(prefix);
}

static bool is_principal_arn(const struct policy_arn_text *arn)
{
    struct sw_str resource = arn->part[5];
    if (!sw_str_starts_with(arn->part[1], "aws") || arn->part[3].n || !is_account(arn->part[4]))
        return false;
    if (sw_str_eq_z(arn->part[2], "iam"))
        return sw_str_eq_z(resource, "root") || named(resource, "user/") ||
               named(resource, "role/");
    if (!sw_str_eq_z(arn->part[2], "sts"))
        return false;
    if (named(resource, "federated-user/"))
        return true;
    struct sw_str rest = sw_str_slice(resource, strlen("assumed-role/"), resource.n), role;
    return named(resource, "assumed-role/") && sw_str_split(&rest, '/', &role) && role.n &&
           rest.p && rest.n;
}

static bool parse_aws(struct sw_str value, enum policy_principal_kind *kind, struct sw_str *ret)
{
    struct policy_arn_text arn;
    *ret = value;
    policy_arn_split(value, &arn);
    if (sw_str_eq_z(value, "*")) {
        *kind = POLICY_PRINCIPAL_ANYONE;
    } else if (is_account(value)) {
        *kind = POLICY_PRINCIPAL_ACCOUNT;
    } else if (arn.valid) {
        bool root = sw_str_eq_z(arn.part[5], "root");
        *kind = root ? POLICY_PRINCIPAL_ACCOUNT : POLICY_PRINCIPAL_ARN;
        if (root)
            *ret = arn.part[4];
        return is_principal_arn(&arn);
    } else {
        *kind = POLICY_PRINCIPAL_ID;
        return is_unique_id(value);
    }
    return true;
}

bool policy_principal_parse(struct sw_arena *arena, struct sw_str type, struct sw_str value,
                            struct policy_principal *ret)
{
    struct sw_str text = value;
    bool ok = false,
         wild = value.n && (memchr(value.p, '*', value.n) || memchr(value.p, '?', value.n));
    for (size_t i = 0; i < SW_ARRAY_LEN(types); i++) {
        if (sw_str_eq_z(type, types[i].name))
            ret->kind = types[i].kind;
    }
    switch (ret->kind) {
    case POLICY_PRINCIPAL_ARN:
        ok = (!wild || sw_str_eq_z(value, "*")) && parse_aws(value, &ret->kind, &text);
        break;
    case POLICY_PRINCIPAL_SERVICE: ok = !wild && value.n && memchr(value.p, '.', value.n); break;
    case POLICY_PRINCIPAL_FEDERATED:
    case POLICY_PRINCIPAL_CANONICAL: ok = !wild && value.n; break;
    case POLICY_PRINCIPAL_ANYONE:
    case POLICY_PRINCIPAL_ACCOUNT:
    case POLICY_PRINCIPAL_ID:
    case POLICY_PRINCIPAL_MAX_: break;
    }
    ret->value = sw_arena_str(arena, text);
    return ok;
}
