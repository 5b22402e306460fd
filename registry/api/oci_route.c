/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/oci_route.h"

#include <string.h>

#include "base/encode.h"
#include "base/macros.h"

const char *oci_kind_to_string(enum oci_kind k)
{
    static const char *const names[] = {
        [OCI_PING] = "oci.ping",           [OCI_CATALOG] = "oci.catalog",
        [OCI_TOKEN] = "oci.token",         [OCI_BLOB] = "oci.blob",
        [OCI_UPLOADS] = "oci.uploads",     [OCI_UPLOAD] = "oci.upload",
        [OCI_MANIFEST] = "oci.manifest",   [OCI_TAGS] = "oci.tags",
        [OCI_REFERRERS] = "oci.referrers",
    };
    return k < OCI_KIND_MAX_ ? names[k] : "oci.unknown";
}

static int fail_path(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, NULL, "the path names nothing in a registry");
}

/* Takes the segment behind the last slash off *rest; false when there is none. */
static bool pop(struct sw_str *rest, struct sw_str *ret)
{
    if (!rest->p)
        return false;
    size_t i = rest->n;
    while (i > 0 && rest->p[i - 1] != '/')
        i--;
    *ret = sw_str_n(rest->p + i, rest->n - i);
    if (i == 0)
        *rest = (struct sw_str){NULL, 0};
    else
        rest->n = i - 1;
    return true;
}

static int set_name(struct sw_str encoded, struct oci_route *route, struct sw_err *err)
{
    size_t used = 0;
    struct sw_str rest = encoded, part;
    bool ok = encoded.p && encoded.n > 0;
    while (ok && sw_str_split(&rest, '/', &part)) {
        size_t n = 0;
        if (part.p != encoded.p && used + 1 < sizeof(route->name))
            route->name[used++] = '/';
        ok = sw_uri_decode(part, false, route->name + used, sizeof(route->name) - used, &n) &&
             !memchr(route->name + used, '/', n);
        used += n;
    }
    if (!ok || !repo_name_valid(sw_str_n(route->name, used))) {
        route->name[0] = 0;
        return sw_fail(err, SW_EINVALID, "NAME_INVALID", "invalid repository name");
    }
    return 0;
}

static const struct tail {
    const char *segment; /* the last but one */
    enum oci_kind kind;
} tails[] = {
    {"blobs", OCI_BLOB},
    {"manifests", OCI_MANIFEST},
    {"referrers", OCI_REFERRERS},
};

/* The kind of .../before/last; OCI_KIND_MAX_ when these two say nothing. */
static enum oci_kind kind_of(struct sw_str before, struct sw_str last)
{
    if (sw_str_eq_z(before, "blobs") && sw_str_eq_z(last, "uploads"))
        return OCI_UPLOADS;
    if (sw_str_eq_z(before, "tags") && sw_str_eq_z(last, "list"))
        return OCI_TAGS;
    for (size_t i = 0; i < SW_ARRAY_LEN(tails); i++)
        if (sw_str_eq_z(before, tails[i].segment))
            return tails[i].kind;
    return OCI_KIND_MAX_;
}

static bool has_reference(enum oci_kind k)
{
    return k == OCI_BLOB || k == OCI_UPLOAD || k == OCI_MANIFEST || k == OCI_REFERRERS;
}

int oci_route_parse(const char *path, struct oci_route *ret, struct sw_err *err)
{
    struct oci_route route = {.kind = OCI_PING};
    struct sw_str rest = sw_str(path), last, before, third;
    if (sw_str_eq_z(rest, "/v2") || sw_str_eq_z(rest, "/v2/")) {
        *ret = route;
        return 0;
    }
    if (!sw_str_starts_with(rest, "/v2/"))
        return fail_path(err);
    rest = sw_str_slice(rest, 4, rest.n);
    if (sw_str_eq_z(rest, "_catalog") || sw_str_eq_z(rest, "token")) {
        route.kind = sw_str_eq_z(rest, "token") ? OCI_TOKEN : OCI_CATALOG;
        *ret = route;
        return 0;
    }
    if (!pop(&rest, &last) || !pop(&rest, &before))
        return fail_path(err);
    route.kind = kind_of(before, last);
    if (route.kind == OCI_KIND_MAX_) {
        if (!pop(&rest, &third) || !sw_str_eq_z(third, "blobs") || !sw_str_eq_z(before, "uploads"))
            return fail_path(err);
        route.kind = last.n == 0 ? OCI_UPLOADS : OCI_UPLOAD;
    }
    size_t n;
    if (has_reference(route.kind) &&
        (last.n == 0 || !sw_uri_decode(last, false, route.reference, sizeof(route.reference), &n)))
        return fail_path(err);
    int r = set_name(rest, &route, err);
    if (r < 0)
        return r;
    *ret = route;
    return 0;
}
