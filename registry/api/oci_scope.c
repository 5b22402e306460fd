/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/oci_scope.h"

#include "base/macros.h"

static const struct right {
    const char *name;
    unsigned rights;
} rights[] = {
    {"pull", OCI_PULL},
    {"push", OCI_PUSH},
    {"delete", OCI_DELETE},
    {"*", OCI_PULL | OCI_PUSH | OCI_DELETE},
};

static unsigned parse_rights(struct sw_str list)
{
    unsigned found = 0;
    struct sw_str one;
    while (sw_str_split(&list, ',', &one))
        for (size_t i = 0; i < SW_ARRAY_LEN(rights); i++)
            if (sw_str_eq_z(one, rights[i].name))
                found |= rights[i].rights;
    return found;
}

bool oci_scope_parse(struct sw_str text, struct oci_scope *ret)
{
    struct sw_str rest = text, type;
    *ret = (struct oci_scope){0};
    if (!sw_str_split(&rest, ':', &type) || !rest.p)
        return false;
    size_t colon = rest.n;
    while (colon > 0 && rest.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    struct sw_str name = sw_str_slice(rest, 0, colon - 1), list = sw_str_slice(rest, colon, rest.n);
    if (sw_str_eq_z(type, "registry")) {
        if (!sw_str_eq_z(name, "catalog"))
            return false;
        ret->rights = sw_str_eq_z(list, "*") ? OCI_CATALOG_LIST : 0;
        return true;
    }
    if (!sw_str_eq_z(type, "repository") || !repo_name_valid(name) ||
        !sw_str_copy(name, ret->name, sizeof(ret->name)))
        return false;
    ret->rights = parse_rights(list);
    return true;
}

void oci_scope_add(struct sw_buf *b, const struct oci_scope *scope)
{
    if (!scope->rights)
        return;
    const char *blank = b->n ? " " : "";
    if (scope->rights & OCI_CATALOG_LIST) {
        (void)sw_buf_addf(b, "%sregistry:catalog:*", blank);
        return;
    }
    (void)sw_buf_addf(b, "%srepository:%s:", blank, scope->name);
    const char *comma = "";
    for (size_t i = 0; i < SW_ARRAY_LEN(rights) - 1; i++) {
        if (!(scope->rights & rights[i].rights))
            continue;
        (void)sw_buf_addf(b, "%s%s", comma, rights[i].name);
        comma = ",";
    }
}

bool oci_scopes_allow(const char *scopes, const char *repository, enum oci_right right)
{
    struct sw_str rest = sw_str(scopes), one;
    while (sw_str_split(&rest, ' ', &one)) {
        struct oci_scope s;
        if (oci_scope_parse(one, &s) && (s.rights & right) &&
            (right == OCI_CATALOG_LIST || sw_streq(s.name, repository)))
            return true;
    }
    return false;
}

static const struct {
    const char *action;
    enum oci_right right;
} actions[] = {
    {"ecr:BatchGetImage", OCI_PULL},          {"ecr:BatchCheckLayerAvailability", OCI_PULL},
    {"ecr:GetDownloadUrlForLayer", OCI_PULL}, {"ecr:ListImages", OCI_PULL},
    {"ecr:BatchDeleteImage", OCI_DELETE},     {"ecr:DescribeRepositories", OCI_CATALOG_LIST},
};

enum oci_right oci_right_of(const char *action)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(actions); i++)
        if (sw_streq(actions[i].action, action))
            return actions[i].right;
    return OCI_PUSH;
}
