/* SPDX-License-Identifier: Apache-2.0 */
/* Published flaws of other registries, the part that bearer tokens, deleted users, tags and referrers have in them. The rest is in
 * test_oci_access.c and tests/http/test_advisories.py; docs/internals/advisories.md has them all. */
#include "tests/unit/registry/http.h"

#define REPO  "private"
#define OTHER "mine"

struct access {
    struct client c;
    char user_token[TOKEN_MAX], node_token[TOKEN_MAX];
    const char *image;
};

static void access_close(struct access *a)
{
    client_close(&a->c);
}
#define autoaccess SW_CLEANUP(access_close) struct access

static void access_open(struct access *a)
{
    struct principal p;
    client_open(&a->c);
    add_user(&a->c, "ann", PRINCIPAL_USER, &p, a->user_token);
    add_user(&a->c, "node", PRINCIPAL_NODE, &p, a->node_token);
    world_repo(&a->c.w, REPO);
    world_repo(&a->c.w, OTHER);
    a->image = image_of("layer", "");
    push_image(&a->c, REPO, "v1", "layer", a->image);
}

static struct reply with_bearer(struct client *c, enum http_method m, const char *url,
                                const char *token)
{
    struct ask a = {.method = m, .url = url};
    struct http_header h = {"Authorization", fmt("Bearer %s", token)};
    return ask_service(&c->service, &a, &h, 1);
}
#define EXPECT_BEARER(want, c, m, url, token)                        \
    do {                                                             \
        autoreply expected_ = with_bearer((c), (m), (url), (token)); \
        CHECK_STATUS(expected_, want);                               \
    } while (0)

/* token: NULL the admin's. */
static const char *bearer_of(struct client *c, const char *scope, const char *token)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *doc = NULL;
    autoreply r = ask(c, HTTP_GET, fmt("/v2/token?service=ecr.amazonaws.com&scope=%s", scope),
                      .token = token);
    CHECK_STATUS(r, 200);
    CHECK_OK(sw_json_load(sw_buf_str(&r.body), 8, 100, NULL, &doc, &err));
    const char *text = fmt("%s", sw_json_str(doc, "token", ""));
    json_decref(doc);
    return text;
}

TEST(advisory_cve_2026_41888_every_form_of_delete_needs_the_right)
{
    autoaccess a = {0};
    access_open(&a);
    const char *urls[] = {"/v2/" REPO "/manifests/v1",
                          fmt("/v2/" REPO "/manifests/%s", SHA(a.image)),
                          fmt("/v2/" REPO "/blobs/%s", SHA("layer"))};
    const char *pusher = bearer_of(&a.c, "repository:" REPO ":pull,push", NULL);
    for (size_t i = 0; i < SW_ARRAY_LEN(urls); i++) {
        EXPECT_BEARER(200, &a.c, HTTP_HEAD, urls[i], pusher);
        EXPECT_BEARER(401, &a.c, HTTP_DELETE, urls[i], pusher);
        REFUSED(403, "DENIED", &a.c, HTTP_DELETE, urls[i], .token = a.node_token);
        EXPECT(200, &a.c, HTTP_HEAD, urls[i]);
    }
}

static const char *base64url(const char *text)
{
    char out[1024];
    sw_base64url(text, strlen(text), out);
    return fmt("%s", out);
}

TEST(advisory_cve_2025_24976_a_token_that_brings_its_own_key_is_none)
{
    static const char *const heads[] = {
        "{\"typ\":\"JWT\",\"alg\":\"none\"}",
        "{\"typ\":\"JWT\",\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
        "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\","
        "\"y\":\"AA\"}}",
        "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5c\":[\"AAAA\"]}",
        "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"jku\":\"http://127.0.0.1:1/keys\"}"};
    const char *claims =
        base64url("{\"iss\":\"slipway\",\"sub\":\"admin\",\"exp\":99999999999,\"access\":"
                  "[{\"type\":\"repository\",\"name\":\"" REPO "\",\"actions\":[\"pull\"]}]}");
    autoaccess a = {0};
    access_open(&a);
    for (size_t i = 0; i < SW_ARRAY_LEN(heads); i++) {
        const char *token = fmt("%s.%s.%s", base64url(heads[i]), claims, i ? "AAAA" : "");
        EXPECT_BEARER(401, &a.c, HTTP_GET, "/v2/", token);
        EXPECT_BEARER(401, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", token);
        EXPECT(401, &a.c, HTTP_GET, "/v2/", .token = token);
    }
}

TEST(advisory_cve_2024_39897_a_mount_needs_the_right_to_read_its_source)
{
    autoaccess a = {0};
    access_open(&a);
    const char *token = bearer_of(&a.c, "repository:" OTHER ":pull,push", NULL);
    const char *mount = fmt("/v2/" OTHER "/blobs/uploads/?mount=%s", SHA("layer"));
    EXPECT_BEARER(202, &a.c, HTTP_POST, mount, token);
    EXPECT_BEARER(401, &a.c, HTTP_POST, fmt("%s&from=" REPO, mount), token);
    REFUSED(403, "DENIED", &a.c, HTTP_POST, fmt("%s&from=" REPO, mount), .token = a.user_token);
    EXPECT(404, &a.c, HTTP_HEAD, fmt("/v2/" OTHER "/blobs/%s", SHA("layer")));
}

TEST(advisory_cve_2026_31801_no_way_of_setting_a_tag_passes_its_immutability)
{
    autoaccess a = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(REPO);
    access_open(&a);
    const char *m = image_of("changed", "");
    push_image(&a.c, REPO, "v2", "changed", m);
    CHECK_OK(repo_set_mutability(a.c.w.reg, &key, REPO_IMMUTABLE, NULL, &err));
    const char *urls[] = {"/v2/" REPO "/manifests/v1",
                          fmt("/v2/" REPO "/manifests/%s?tag=v1", SHA(m)),
                          fmt("/v2/" REPO "/manifests/%s?tag=new&tag=v1", SHA(m))};
    for (size_t i = 0; i < SW_ARRAY_LEN(urls); i++) {
        REFUSED(400, "TAG_INVALID", &a.c, HTTP_PUT, urls[i], .body = m, .body_n = strlen(m),
                .type = OCI_IMAGE);
        REFUSED(403, "DENIED", &a.c, HTTP_PUT, urls[i], .body = m, .body_n = strlen(m),
                .type = OCI_IMAGE, .token = a.node_token);
    }
    autoreply r = ask(&a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
    CHECK_EQ_STR(header(&r, "Docker-Content-Digest"), SHA(a.image));
}

TEST(advisory_cve_2025_23208_a_deleted_user_is_out_at_the_next_request)
{
    autoaccess a = {0};
    struct sw_err err = SW_ERR_INIT;
    access_open(&a);
    const char *token = bearer_of(&a.c, "repository:" REPO ":pull", a.node_token);
    EXPECT(200, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", .token = a.node_token);
    EXPECT_BEARER(200, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", token);
    CHECK_OK(identity_user_delete(a.c.w.identity, ACCOUNT, "node", &err));
    EXPECT(401, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", .token = a.node_token);
    EXPECT_BEARER(401, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", token);
}

static bool is_referrer(struct client *c, const char *subject, const char *digest)
{
    autoreply r = ask(c, HTTP_GET, fmt("/v2/" REPO "/referrers/%s", subject));
    CHECK_STATUS(r, 200);
    return strstr(r.body.p, digest) != NULL;
}

TEST(advisory_quay_6511_referrers_follow_every_push_and_delete)
{
    autoaccess a = {0};
    access_open(&a);
    const char *subject = SHA(a.image);
    const char *m = image_of("signature", fmt(",\"subject\":{\"mediaType\":\"" OCI_IMAGE
                                              "\",\"digest\":\"%s\",\"size\":%zu}",
                                              subject, strlen(a.image)));
    for (int i = 0; i < 3; i++) {
        CHECK(!is_referrer(&a.c, subject, SHA(m)));
        push_image(&a.c, REPO, SHA(m), "signature", m);
        CHECK(is_referrer(&a.c, subject, SHA(m)));
        EXPECT(202, &a.c, HTTP_DELETE, fmt("/v2/" REPO "/manifests/%s", SHA(m)));
    }
    CHECK(!is_referrer(&a.c, subject, SHA(m)));
}

TEST(advisory_zot_4204_a_malformed_fallback_tag_is_a_tag_like_others)
{
    autoaccess a = {0};
    access_open(&a);
    const char *hex = strchr(SHA(a.image), ':') + 1;
    const char *tags[] = {"sha256-",
                          "sha256-zz",
                          fmt("sha256-%.63s", hex),
                          fmt("sha256-%sf", hex),
                          fmt("sha256-%s.sig", hex),
                          fmt("sha256-%s.sig.sig", hex),
                          fmt("sha512-%s", hex),
                          fmt("sha256-%s", hex),
                          "sha256-.sig"};
    for (size_t i = 0; i < SW_ARRAY_LEN(tags); i++) {
        const char *url = fmt("/v2/" REPO "/manifests/%s", tags[i]);
        EXPECT(201, &a.c, HTTP_PUT, url, .body = a.image, .body_n = strlen(a.image),
               .type = OCI_IMAGE);
        EXPECT(200, &a.c, HTTP_GET, url);
        CHECK(!is_referrer(&a.c, SHA(a.image), SHA(a.image)));
        EXPECT(202, &a.c, HTTP_DELETE, url);
    }
}
