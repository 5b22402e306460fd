/* SPDX-License-Identifier: Apache-2.0 */
/* The table, what leaves the house, and that no source sets a reason that the table does not know. */
#include "api/wire_errors.h"

#include <ctype.h>
#include <ftw.h>
#include <jansson.h>
#include <regex.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static struct http_res oci(const struct sw_err *err)
{
    struct http_res r;
    http_res_init(&r);
    wire_oci_error(&r, err);
    return r;
}

static struct http_res aws(const struct sw_err *err)
{
    struct http_res r;
    http_res_init(&r);
    wire_aws_error(&r, err);
    return r;
}

TEST(is_sorted_and_well_formed)
{
    for (size_t i = 0; i < wire_errors_n; i++) {
        const struct wire_error *w = &wire_errors[i];
        if (i)
            CHECK_MSG(strcmp(wire_errors[i - 1].reason, w->reason) < 0, "%s", w->reason);
        CHECK_MSG(w->aws_status == 0 || (w->aws_status >= 400 && w->aws_status < 600), "%s",
                  w->reason);
        CHECK_MSG(w->oci_status == 0 || (w->oci_status >= 400 && w->oci_status < 600), "%s",
                  w->reason);
        CHECK_MSG(w->aws_status || w->oci_status, "%s", w->reason);
        const char *code = w->oci_code ? w->oci_code : w->reason;
        for (; w->oci_status && *code; code++)
            CHECK_MSG(isupper((unsigned char)*code) || *code == '_', "%s: %s", w->reason, code);
    }
}

TEST(each_protocol_gets_its_own_form)
{
    static const struct {
        const char *reason;
        int oci_status;
        const char *oci_code;
        int aws_status;
        const char *aws_type;
    } rows[] = {
        {"BLOB_UNKNOWN", 404, "BLOB_UNKNOWN", 400, "LayersNotFoundException"},
        {"RepositoryNotFoundException", 404, "NAME_UNKNOWN", 400, "RepositoryNotFoundException"},
        {"AccessDeniedException", 403, "DENIED", 400, "AccessDeniedException"},
        {"ImageTagAlreadyExistsException", 400, "TAG_INVALID", 400,
         "ImageTagAlreadyExistsException"},
        {"ImageNotFoundException", 404, "MANIFEST_UNKNOWN", 400, "ImageNotFoundException"},
        {"InvalidParameterException", 400, "NAME_INVALID", 400, "InvalidParameterException"},
        {"MANIFEST_TOO_LARGE", 413, "MANIFEST_INVALID", 400, "InvalidParameterException"},
        {"RANGE_INVALID", 416, "RANGE_INVALID", 400, "InvalidLayerPartException"},
        {"UNAUTHORIZED", 401, "UNAUTHORIZED", 400, "UnrecognizedClientException"},
        {"MissingAuthenticationTokenException", 401, "UNAUTHORIZED", 403,
         "MissingAuthenticationTokenException"},
        {"RequestEntityTooLarge", 413, "SIZE_INVALID", 413, "RequestEntityTooLarge"},
        {"DiskFull", 507, "UNKNOWN", 500, "ServerException"},
        {"DiskReadOnly", 507, "UNKNOWN", 500, "ServerException"},
        {"UNSUPPORTED", 405, "UNSUPPORTED", 400, "UnsupportedFeatureException"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        (void)sw_fail(&err, SW_EINVALID, rows[i].reason, "text \xff %d", 7);
        (void)sw_detail(&err, "sha256:abc");
        struct http_res r = oci(&err);
        sw_autojson json_t *j = json_loadb(r.bytes, r.bytes_n, 0, NULL);
        const json_t *one = json_array_get(json_object_get(j, "errors"), 0);
        CHECK_EQ_INT(r.status, rows[i].oci_status);
        CHECK_EQ_STR(sw_json_str(one, "code", NULL), rows[i].oci_code);
        CHECK_EQ_STR(sw_json_str(one, "detail", NULL), "sha256:abc");
        CHECK_EQ_STR(http_res_get(&r, "Content-Type"), "application/json");
        if (strncmp(rows[i].reason, "Disk", 4) != 0)
            CHECK_EQ_STR(sw_json_str(one, "message", NULL), "text ? 7");
        http_res_done(&r);
        r = aws(&err);
        sw_autojson json_t *a = json_loadb(r.bytes, r.bytes_n, 0, NULL);
        CHECK_EQ_INT(r.status, rows[i].aws_status);
        CHECK_EQ_STR(sw_json_str(a, "__type", NULL), rows[i].aws_type);
        CHECK_EQ_STR(http_res_get(&r, "x-amzn-ErrorType"), rows[i].aws_type);
        http_res_done(&r);
    }
}

TEST(the_query_protocol_has_its_own_codes)
{
    static const struct {
        int code;
        const char *reason;
        int status;
        const char *wire;
    } rows[] = {
        {SW_EDENIED, "AccessDeniedException", 403, "AccessDenied"},
        {SW_EDENIED, "UnrecognizedClientException", 403, "InvalidClientTokenId"},
        {SW_EDENIED, "InvalidSignatureException", 403, "SignatureDoesNotMatch"},
        {SW_EINVALID, "UnknownOperationException", 400, "InvalidAction"},
        {SW_ENOTFOUND, "NoSuchEntity", 404, "NoSuchEntity"},
        {SW_ECONFLICT, "EntityAlreadyExists", 409, "EntityAlreadyExists"},
        {SW_EINVALID, "MalformedPolicyDocument", 400, "MalformedPolicyDocument"},
        {SW_EINTERNAL, NULL, 500, "InternalFailure"},
        {SW_ELIMIT, NULL, 409, "LimitExceeded"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        int status;
        const char *code;
        (void)sw_fail(&err, rows[i].code, rows[i].reason, "text");
        wire_query_form(&err, &status, &code);
        CHECK_EQ_INT(status, rows[i].status);
        CHECK_EQ_STR(code, rows[i].wire);
    }
}

TEST(several_errors_have_an_entry_each_and_the_status_of_the_first)
{
    struct sw_err errs[2] = {SW_ERR_INIT, SW_ERR_INIT};
    struct http_res r = {0};
    (void)sw_fail(&errs[0], SW_ENOTFOUND, "LayersNotFoundException", "one");
    (void)sw_detail(&errs[0], "d1");
    (void)sw_fail(&errs[1], SW_EDENIED, "AccessDeniedException", "two");
    wire_oci_errors(&r, errs, 2);
    CHECK_EQ_INT(r.status, 400);
    CHECK_EQ_STR(
        (const char *)r.bytes,
        "{\"errors\":[{\"code\":\"MANIFEST_BLOB_UNKNOWN\",\"message\":\"one\",\"detail\":\"d1\"},"
        "{\"code\":\"DENIED\",\"message\":\"two\"}]}");
    http_res_done(&r);
}

TEST(an_error_of_the_other_protocol_falls_back_to_its_code)
{
    struct sw_err err = SW_ERR_INIT;
    (void)sw_fail(&err, SW_ENOTFOUND, "ClusterNotFoundException", "no cluster");
    struct http_res r = oci(&err);
    CHECK_EQ_INT(r.status, 404);
    CHECK_CONTAINS((const char *)r.bytes, "NAME_UNKNOWN");
    http_res_done(&r);
}

TEST(internal_errors_keep_their_text)
{
    static const int codes[] = {SW_EIO, SW_EINTERNAL};
    for (size_t i = 0; i < SW_ARRAY_LEN(codes); i++) {
        struct sw_err err = SW_ERR_INIT;
        (void)sw_fail(&err, codes[i], NULL, "/var/lib/secret");
        struct http_res r = oci(&err);
        CHECK_EQ_INT(r.status, 500);
        CHECK(!strstr(r.bytes, "secret"));
        http_res_done(&r);
        r = aws(&err);
        CHECK_EQ_INT(r.status, 500);
        CHECK(!strstr(r.bytes, "secret"));
        CHECK_CONTAINS((const char *)r.bytes, "ServerException");
        http_res_done(&r);
    }
    struct sw_err err = SW_ERR_INIT;
    (void)sw_fail_os(&err, 28 /* ENOSPC */, "write /var/lib/secret");
    struct http_res r = oci(&err);
    CHECK_EQ_INT(r.status, 507);
    CHECK_CONTAINS((const char *)r.bytes, "no space left");
    CHECK(!strstr(r.bytes, "secret"));
    http_res_done(&r);
}

TEST(every_code_has_a_form)
{
    for (int code = SW_EUNSUPPORTED; code < 0; code++) {
        struct sw_err err = SW_ERR_INIT;
        (void)sw_fail(&err, code, NULL, "x");
        const struct wire_error *w = wire_error_find(&err);
        CHECK(w->aws_status >= 400 && w->oci_status >= 400 && w->aws_type && w->oci_code);
    }
}

/* ---- sources ---- */

static char unknown[4000];
static size_t unknown_n;
static regex_t set_reason;

static bool listed(const char *reason)
{
    struct sw_err err = {.code = SW_EINVALID, .reason = reason};
    return wire_error_find(&err)->reason[0] != 0;
}

static int scan(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    size_t n = strlen(path);
    regmatch_t m[3];
    (void)st, (void)ftw;
    if (kind != FTW_F || n < 2 || strcmp(path + n - 2, ".c") != 0)
        return 0;
    for (const char *at = test_read_file(path, NULL); regexec(&set_reason, at, 3, m, 0) == 0;
         at += m[0].rm_eo) {
        char reason[100];
        int len = (int)(m[2].rm_eo - m[2].rm_so);
        (void)snprintf(reason, sizeof(reason), "%.*s", len, at + m[2].rm_so);
        if (!listed(reason) && unknown_n < sizeof(unknown) - 300)
            unknown_n += (size_t)snprintf(unknown + unknown_n, sizeof(unknown) - unknown_n,
                                          "\n    %s: %s", path, reason);
    }
    return 0;
}

/* Reasons of the server's own modules; base and the launcher's node side never reach a peer of this table. */
TEST(every_reason_in_the_sources_is_listed)
{
    static const char *const dirs[] = {
        "storage",      "auth",           "api",   "registry", "launcher/service",
        "launcher/api", "launcher/model", "server"};
    CHECK(regcomp(&set_reason,
                  "sw_fail\\([^;\"(]*,[ \n]*(SW_E[A-Z]+),[ \n]*\"([A-Z][A-Za-z_]+)\"[ \n]*,",
                  REG_EXTENDED) == 0);
    unknown_n = 0;
    unknown[0] = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(dirs); i++)
        (void)nftw(test_source("%s", dirs[i]), scan, 16, FTW_PHYS);
    regfree(&set_reason);
    CHECK_MSG(unknown_n == 0, "reasons without a row in api/wire_errors.c:%s", unknown);
}
