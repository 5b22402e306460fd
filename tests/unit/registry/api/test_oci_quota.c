/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas as pushes meet them. */
#include "registry/core/blob_link.h"
#include "registry/core/manifest_store.h"
#include "registry/core/quota.h"
#include "tests/unit/registry/http.h"

#define KIB 1024

struct limited {
    struct client c;
    char kib[KIB], other[KIB];
};

static void limited_close(struct limited *l)
{
    client_close(&l->c);
}
#define autolimited SW_CLEANUP(limited_close) struct limited

static void limited_open(struct limited *l)
{
    client_open(&l->c);
    memset(l->kib, 'k', KIB);
    memset(l->other, 'o', KIB);
    world_repo(&l->c.w, "team/one");
    world_repo(&l->c.w, "team/two");
    world_repo(&l->c.w, "teams");
}

static void set_quota(struct client *c, const char *prefix, int64_t bytes, int64_t images)
{
    struct sw_err err = SW_ERR_INIT;
    struct quota q = {.prefix = prefix, .bytes_max = bytes, .images_max = images};
    CHECK_OK(quota_set(c->w.reg, ACCOUNT, REGION, &q, &err));
}

static int keep(void *ctx, const struct quota *q)
{
    struct sw_buf *b = ctx;
    if (!q)
        sw_buf_reset(b);
    else
        (void)sw_buf_addf(b, "%s %" PRId64 "/%" PRId64 " %" PRId64 "/%" PRId64 "\n", q->prefix,
                          q->bytes_used, q->bytes_max, q->images_used, q->images_max);
    return 0;
}

static void count_wrong(void *ctx, const struct quota *q)
{
    int *n = ctx;
    *n = q ? *n + 1 : 0;
}

/* The list, and the counters are those of the rows. */
static void check_list(const char *file, int line, struct client *c, const char *want)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(4096);
    int wrong = -1;
    CHECK_OK(quota_list(c->w.reg, ACCOUNT, REGION, keep, &b, &err));
    CHECK_OK(quota_verify(c->w.reg, count_wrong, &wrong, &err));
    test_check_str(file, line, "quotas", b.n ? b.p : "", want);
    if (wrong != 0)
        test_fail(file, line, "%d quotas have wrong counters", wrong);
    sw_buf_done(&b);
}
#define CHECK_LIST(c, want) check_list(__FILE__, __LINE__, (c), (want))

static const char *blob_url(const char *repo, const char *data, size_t n)
{
    return fmt("/v2/%s/blobs/%s", repo, digest_text(DIGEST_SHA256, data, n));
}

static const char *post_url(const char *repo, const char *data, size_t n)
{
    return fmt("/v2/%s/blobs/uploads/?digest=%s", repo, digest_text(DIGEST_SHA256, data, n));
}

TEST(a_shared_blob_counts_once)
{
    autolimited l = {0};
    limited_open(&l);
    push_blob(&l.c, "team/one", l.kib, KIB); /* before the quota */
    push_blob(&l.c, "teams", l.other, KIB);
    set_quota(&l.c, "team/", 2 * KIB, QUOTA_NONE);
    set_quota(&l.c, "team/two", 5 * KIB, QUOTA_NONE);
    set_quota(&l.c, "*", 100 * KIB, 3);
    CHECK_LIST(&l.c, "* 2048/102400 0/3\nteam/ 1024/2048 0/-1\nteam/two 0/5120 0/-1\n");
    push_blob(&l.c, "team/two", l.kib, KIB);
    CHECK_LIST(&l.c, "* 2048/102400 0/3\nteam/ 1024/2048 0/-1\nteam/two 1024/5120 0/-1\n");
    push_blob(&l.c, "team/two", l.kib, KIB); /* again */
    EXPECT(202, &l.c, HTTP_DELETE, blob_url("team/one", l.kib, KIB));
    CHECK_LIST(&l.c, "* 2048/102400 0/3\nteam/ 1024/2048 0/-1\nteam/two 1024/5120 0/-1\n");
    EXPECT(202, &l.c, HTTP_DELETE, blob_url("team/two", l.kib, KIB));
    CHECK_LIST(&l.c, "* 1024/102400 0/3\nteam/ 0/2048 0/-1\nteam/two 0/5120 0/-1\n");
}

TEST(a_push_over_the_quota_is_refused_before_its_bytes)
{
    autolimited l = {0};
    limited_open(&l);
    set_quota(&l.c, "team/", 3 * KIB / 2, QUOTA_NONE);
    push_blob(&l.c, "team/one", l.kib, KIB);
    autoreply r =
        ask(&l.c, HTTP_POST, post_url("team/two", l.other, KIB), .body = l.other, .body_n = KIB);
    CHECK_CODE(r, 403, "DENIED");
    CHECK(!r.ran);
    CHECK_CONTAINS(r.body.p, "quota of 'team/': with this push 2.0 KiB of 1.5 KiB would be used");
    /* What the quota has already needs no room, and others are not concerned. */
    push_blob(&l.c, "team/two", l.kib, KIB);
    push_blob(&l.c, "teams", l.other, KIB);
    CHECK_LIST(&l.c, "team/ 1024/1536 0/-1\n");
}

TEST(a_push_of_unknown_length_is_refused_at_its_end)
{
    autolimited l = {0};
    limited_open(&l);
    set_quota(&l.c, "team/one", 3 * KIB / 2, QUOTA_NONE);
    push_blob(&l.c, "team/one", l.kib, KIB);
    autoreply whole = ask(&l.c, HTTP_POST, post_url("team/one", l.other, KIB), .body = l.other,
                          .body_n = KIB, .chunked = true);
    CHECK_CODE(whole, 403, "DENIED");
    EXPECT(404, &l.c, HTTP_HEAD, blob_url("team/one", l.other, KIB));
    autoreply start = ask(&l.c, HTTP_POST, "/v2/team/one/blobs/uploads/");
    CHECK_STATUS(start, 202);
    const char *location = fmt("%s", header(&start, "Location"));
    REFUSED(403, "DENIED", &l.c, HTTP_PATCH, location, .body = l.other, .body_n = KIB);
    EXPECT(202, &l.c, HTTP_PATCH, location, .body = l.other, .body_n = KIB, .chunked = true);
    REFUSED(403, "DENIED", &l.c, HTTP_PUT,
            fmt("%s?digest=%s", location, digest_text(DIGEST_SHA256, l.other, KIB)));
    CHECK_LIST(&l.c, "team/one 1024/1536 0/-1\n");
    set_quota(&l.c, "team/one", 4 * KIB, QUOTA_NONE);
    EXPECT(201, &l.c, HTTP_PUT,
           fmt("%s?digest=%s", location, digest_text(DIGEST_SHA256, l.other, KIB)));
    CHECK_LIST(&l.c, "team/one 2048/4096 0/-1\n");
}

static const char *begin_upload(struct client *c, const char *repo)
{
    autoreply r = ask(c, HTTP_POST, fmt("/v2/%s/blobs/uploads/", repo));
    CHECK_STATUS(r, 202);
    return fmt("%s", header(&r, "Location"));
}

TEST(what_open_uploads_have_received_needs_room)
{
    autolimited l = {0};
    limited_open(&l);
    set_quota(&l.c, "team/", 2 * KIB, QUOTA_NONE);
    const char *one = begin_upload(&l.c, "team/one"), *two = begin_upload(&l.c, "team/two");
    const char *three = begin_upload(&l.c, "team/two"), *other = begin_upload(&l.c, "teams");
    EXPECT(202, &l.c, HTTP_PATCH, one, .body = l.kib, .body_n = KIB);
    EXPECT(202, &l.c, HTTP_PATCH, other, .body = l.kib, .body_n = KIB);
    EXPECT(202, &l.c, HTTP_PATCH, two, .body = l.other, .body_n = KIB);
    REFUSED(403, "DENIED", &l.c, HTTP_PATCH, three, .body = "x", .body_n = 1);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, "/v2/team/one/blobs/uploads/");
    REFUSED(403, "DENIED", &l.c, HTTP_POST, post_url("team/one", "x", 1), .body = "x", .body_n = 1);
    EXPECT(202, &l.c, HTTP_PATCH, other, .body = l.kib, .body_n = KIB);
    /* What is here ends without regard to others, and an upload that is given up makes room. */
    EXPECT(201, &l.c, HTTP_PUT, fmt("%s?digest=%s", one, digest_text(DIGEST_SHA256, l.kib, KIB)));
    EXPECT(204, &l.c, HTTP_DELETE, two);
    EXPECT(202, &l.c, HTTP_PATCH, three, .body = "x", .body_n = 1);
    CHECK_LIST(&l.c, "team/ 1024/2048 0/-1\n");
}

TEST(a_full_quota_starts_no_upload)
{
    autolimited l = {0};
    limited_open(&l);
    set_quota(&l.c, "team/", KIB, QUOTA_NONE);
    EXPECT(202, &l.c, HTTP_POST, "/v2/team/one/blobs/uploads/");
    push_blob(&l.c, "team/one", l.kib, KIB);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, "/v2/team/one/blobs/uploads/");
    EXPECT(202, &l.c, HTTP_POST, "/v2/teams/blobs/uploads/");
    client_restart(&l.c);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, "/v2/team/one/blobs/uploads/");
}

TEST(mounts_count)
{
    autolimited l = {0};
    limited_open(&l);
    push_blob(&l.c, "teams", l.kib, KIB);
    set_quota(&l.c, "team/", KIB - 1, QUOTA_NONE);
    const char *url = fmt("/v2/team/one/blobs/uploads/?mount=%s&from=teams",
                          digest_text(DIGEST_SHA256, l.kib, KIB));
    REFUSED(403, "DENIED", &l.c, HTTP_POST, url);
    set_quota(&l.c, "team/", KIB, QUOTA_NONE);
    EXPECT(201, &l.c, HTTP_POST, url);
    CHECK_LIST(&l.c, "team/ 1024/1024 0/-1\n");
}

TEST(images_are_counted_and_refused)
{
    autolimited l = {0};
    struct sw_err err = SW_ERR_INIT;
    limited_open(&l);
    set_quota(&l.c, "team/", QUOTA_NONE, 2);
    const char *a = image_of("layer", ""), *b = image_of("layer", ",\"annotations\":{\"n\":\"b\"}"),
               *c = image_of("layer", ",\"annotations\":{\"n\":\"c\"}");
    push_image(&l.c, "team/one", "a", "layer", a);
    push_image(&l.c, "team/two", "b", "layer", b);
    push_blob(&l.c, "team/one", "layer", 5);
    autoreply r = ask(&l.c, HTTP_PUT, "/v2/team/one/manifests/c", .body = c, .body_n = strlen(c),
                      .type = OCI_IMAGE);
    CHECK_CODE(r, 403, "DENIED");
    CHECK_CONTAINS(r.body.p, "quota of 'team/': with this push there would be 3 of 2 images");
    EXPECT(404, &l.c, HTTP_GET, "/v2/team/one/manifests/c");
    push_image(&l.c, "team/one", "other-tag", "layer", a); /* it is there */
    EXPECT(202, &l.c, HTTP_DELETE, fmt("/v2/team/two/manifests/%s", SHA(b)));
    push_image(&l.c, "team/one", "c", "layer", c);
    struct repo_key key = world_key("team/one");
    CHECK_OK(repo_delete(l.c.w.reg, &key, true, NULL, &err));
    CHECK_LIST(&l.c, "team/ 7/-1 0/2\n");
    world_repo(&l.c.w, "team/one");
    push_image(&l.c, "team/one", "c", "layer", c);
    CHECK_LIST(&l.c, fmt("team/ %zu/-1 1/2\n", 7 + strlen(c)));
}

/* Whoever is over a quota that was lowered may still delete, retag and push what costs nothing. */
TEST(a_lowered_quota_stops_growth_only)
{
    autolimited l = {0};
    limited_open(&l);
    const char *a = image_of("layer", "");
    push_image(&l.c, "team/one", "a", "layer", a);
    set_quota(&l.c, "team/", 1, 0);
    push_image(&l.c, "team/one", "b", "layer", a);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, post_url("team/one", "x", 1), .body = "x", .body_n = 1);
    EXPECT(202, &l.c, HTTP_DELETE, fmt("/v2/team/one/manifests/%s", SHA(a)));
}

TEST(a_push_near_the_quota_is_warned)
{
    autolimited l = {0};
    limited_open(&l);
    set_quota(&l.c, "team/", KIB + KIB / 20, QUOTA_NONE);
    autoreply near =
        ask(&l.c, HTTP_POST, post_url("team/one", l.kib, KIB), .body = l.kib, .body_n = KIB);
    CHECK_STATUS(near, 201);
    CHECK_EQ_STR(header(&near, "Warning"), "299 - \"quota of 'team/': 1.0 KiB of 1.0 KiB used\"");
    autoreply far =
        ask(&l.c, HTTP_POST, post_url("teams", l.kib, KIB), .body = l.kib, .body_n = KIB);
    CHECK_STATUS(far, 201);
    CHECK_EQ_STR(header(&far, "Warning"), "");
    set_quota(&l.c, "team/", 100 * KIB, 1);
    push_blob(&l.c, "team/one", "{}", 2);
    push_blob(&l.c, "team/one", "layer", 5);
    const char *a = image_of("layer", "");
    autoreply put = ask(&l.c, HTTP_PUT, "/v2/team/one/manifests/a", .body = a, .body_n = strlen(a),
                        .type = OCI_IMAGE);
    CHECK_STATUS(put, 201);
    CHECK_EQ_STR(header(&put, "Warning"), "299 - \"quota of 'team/': 1 of 1 images used\"");
}

TEST(deprecated_layers_are_warned)
{
    autolimited l = {0};
    limited_open(&l);
    push_blob(&l.c, "teams", "{}", 2);
    const char *m =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_IMAGE
            "\",\"config\":{\"mediaType\":\"application/x\",\"digest\":\"%s\",\"size\":2},"
            "\"layers\":[{\"mediaType\":\"application/"
            "vnd.oci.image.layer.nondistributable.v1.tar\",\"digest\":\"%s\",\"size\":1}]}",
            SHA("{}"), SHA("elsewhere"));
    autoreply r = ask(&l.c, HTTP_PUT, "/v2/teams/manifests/a", .body = m, .body_n = strlen(m),
                      .type = OCI_IMAGE);
    CHECK_STATUS(r, 201);
    CHECK_CONTAINS(header(&r, "Warning"), "299 - \"layers that are not distributed");
}

TEST(set_refuses_nonsense)
{
    static const char *const bad[] = {"", "/", "A", "a//", "//", "a b", "**", "team/*", "../x"};
    autolimited l = {0};
    limited_open(&l);
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct quota q = {.prefix = bad[i], .bytes_max = 1, .images_max = QUOTA_NONE};
        CHECK_MSG(quota_set(l.c.w.reg, ACCOUNT, REGION, &q, &err) == SW_EINVALID, "%s", bad[i]);
    }
    struct sw_err err = SW_ERR_INIT;
    struct quota none = {.prefix = "team/", .bytes_max = QUOTA_NONE, .images_max = QUOTA_NONE};
    CHECK_EQ_INT(quota_set(l.c.w.reg, ACCOUNT, REGION, &none, &err), SW_EINVALID);
    sw_err_clear(&err);
    CHECK_EQ_INT(quota_delete(l.c.w.reg, ACCOUNT, REGION, "team/", &err), SW_ENOTFOUND);
    CHECK_LIST(&l.c, "");
}

TEST(a_deleted_quota_is_gone)
{
    autolimited l = {0};
    struct sw_err err = SW_ERR_INIT;
    limited_open(&l);
    set_quota(&l.c, "team/", 1, QUOTA_NONE);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, post_url("team/one", l.kib, KIB), .body = l.kib,
            .body_n = KIB);
    CHECK_OK(quota_delete(l.c.w.reg, ACCOUNT, REGION, "team/", &err));
    push_blob(&l.c, "team/one", l.kib, KIB);
    CHECK_LIST(&l.c, "");
}

/* Repositories of other accounts, regions and names that only look alike are not in it. */
TEST(a_quota_reaches_what_it_names)
{
    autolimited l = {0};
    struct sw_err err = SW_ERR_INIT;
    limited_open(&l);
    struct repo_key elsewhere = {ACCOUNT, "eu-west-1", "team/one"};
    CHECK_OK(repo_create(l.c.w.reg, &elsewhere, false, "{}", NULL, &err));
    set_quota(&l.c, "team/", 10, QUOTA_NONE);
    set_quota(&l.c, "te_m/", 1, QUOTA_NONE);
    world_repo(&l.c.w, "team/later");
    world_repo(&l.c.w, "team-b/x");
    EXPECT(201, &l.c, HTTP_POST, post_url("team/one", l.kib, KIB), .body = l.kib, .body_n = KIB,
           .host = "000000000000.dkr.ecr.eu-west-1.localhost");
    push_blob(&l.c, "team-b/x", l.kib, KIB);
    push_blob(&l.c, "team/later", "12345678", 8);
    REFUSED(403, "DENIED", &l.c, HTTP_POST, post_url("team/one", "abc", 3), .body = "abc",
            .body_n = 3);
    CHECK_LIST(&l.c, "te_m/ 0/1 0/-1\nteam/ 8/10 0/-1\n");
}
