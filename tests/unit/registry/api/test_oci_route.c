/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/oci_route.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(names_what_a_path_means)
{
    static const struct {
        const char *path;
        enum oci_kind kind;
        const char *name, *reference;
    } rows[] = {
        {"/v2", OCI_PING, "", ""},
        {"/v2/", OCI_PING, "", ""},
        {"/v2/_catalog", OCI_CATALOG, "", ""},
        {"/v2/ab/blobs/sha256:0", OCI_BLOB, "ab", "sha256:0"},
        {"/v2/ab/blobs/sha256%3A0", OCI_BLOB, "ab", "sha256:0"},
        {"/v2/a1/b/c/manifests/v1", OCI_MANIFEST, "a1/b/c", "v1"},
        {"/v2/ab/tags/list", OCI_TAGS, "ab", ""},
        {"/v2/ab/referrers/sha256:0", OCI_REFERRERS, "ab", "sha256:0"},
        {"/v2/ab/blobs/uploads", OCI_UPLOADS, "ab", ""},
        {"/v2/ab/blobs/uploads/", OCI_UPLOADS, "ab", ""},
        {"/v2/ab/blobs/uploads/xyz", OCI_UPLOAD, "ab", "xyz"},
        {"/v2/a/blobs/uploads/b/blobs/uploads/xyz", OCI_UPLOAD, "a/blobs/uploads/b", "xyz"},
        {"/v2/a/blobs/uploads/b/blobs/uploads/", OCI_UPLOADS, "a/blobs/uploads/b", ""},
        {"/v2/a/blobs/uploads/b/manifests/v1", OCI_MANIFEST, "a/blobs/uploads/b", "v1"},
        {"/v2/x/manifests/y/tags/list", OCI_TAGS, "x/manifests/y", ""},
        {"/v2/x/tags/list/manifests/list", OCI_MANIFEST, "x/tags/list", "list"},
        {"/v2/ab/manifests/uploads", OCI_MANIFEST, "ab", "uploads"},
        {"/v2/tags/list/tags/list", OCI_TAGS, "tags/list", ""},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct oci_route r;
        CHECK_MSG(oci_route_parse(rows[i].path, &r, &err) == 0, "%s", rows[i].path);
        CHECK_EQ_INT(r.kind, rows[i].kind);
        CHECK_EQ_STR(r.name, rows[i].name);
        CHECK_EQ_STR(r.reference, rows[i].reference);
    }
}

TEST(refuses_other_paths)
{
    static const char *const nothing[] = {"/",
                                          "/v1/",
                                          "/v2x",
                                          "/v2/ab",
                                          "/v2/ab/cd",
                                          "/v2/_catalog/",
                                          "/v2/ab/tags",
                                          "/v2/ab/tags/list/",
                                          "/v2//",
                                          "//v2/ab/tags/list",
                                          "/v2/ab/blobs/",
                                          "/v2/ab/manifests/",
                                          "/v2/ab/manifests/%zz",
                                          "/v2/ab/manifests/%00"};
    static const char *const names[] = {
        "/v2/../tags/list",     "/v2/AB/tags/list",    "/v2//ab/tags/list", "/v2/a%2fb/tags/list",
        "/v2/%2e%2e/tags/list", "/v2//tags/list",      "/v2/tags/list",     "/v2/a/tags/list",
        "/v2/ab//tags/list",    "/v2/ab%00/tags/list", "/v2/blobs/uploads/"};
    struct sw_err err = SW_ERR_INIT;
    struct oci_route r;
    for (size_t i = 0; i < SW_ARRAY_LEN(nothing); i++) {
        CHECK_MSG(oci_route_parse(nothing[i], &r, &err) == SW_ENOTFOUND, "%s", nothing[i]);
        sw_err_clear(&err);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++) {
        int code = oci_route_parse(names[i], &r, &err);
        CHECK_MSG(code < 0, "%s", names[i]);
        CHECK_MSG(code == SW_ENOTFOUND || sw_streq(err.reason, "NAME_INVALID"), "%s", names[i]);
        sw_err_clear(&err);
    }
}

TEST(long_names_and_references_are_refused_not_cut)
{
    struct sw_err err = SW_ERR_INIT;
    struct oci_route r;
    char path[2000] = "/v2/";
    size_t n = strlen(path);
    memset(path + n, 'a', 257);
    (void)snprintf(path + n + 257, 100, "/tags/list");
    CHECK_ERR(oci_route_parse(path, &r, &err), SW_EINVALID, "NAME_INVALID");
    (void)snprintf(path, sizeof(path), "/v2/ab/manifests/");
    n = strlen(path);
    memset(path + n, 'a', 400);
    path[n + 400] = 0;
    CHECK_ERR(oci_route_parse(path, &r, &err), SW_ENOTFOUND, NULL);
}
