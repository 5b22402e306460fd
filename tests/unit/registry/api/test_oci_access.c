/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what on /v2/: the challenge, refusals, accounts and regions, and the registries' published advisories that apply. */
#include "registry/core/registry_setting.h"
#include "tests/unit/registry/http.h"

#define REPO "private"

struct access {
    struct client c;
    char user_token[TOKEN_MAX], node_token[TOKEN_MAX];
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
    push_image(&a->c, REPO, "v1", "layer", image_of("layer", ""));
}

TEST(ping_needs_credentials_and_challenges)
{
    autoaccess a = {0};
    access_open(&a);
    autoreply none = ask(&a.c, HTTP_GET, "/v2/", .token = "");
    CHECK_CODE(none, 401, "UNAUTHORIZED");
    CHECK_EQ_STR(header(&none, "WWW-Authenticate"),
                 "Basic realm=\"http://localhost:5000/\",service=\"ecr.amazonaws.com\"");
    autoreply ok = ask(&a.c, HTTP_GET, "/v2/");
    CHECK_STATUS(ok, 200);
    CHECK_EQ_STR(header(&ok, "Docker-Distribution-Api-Version"), "registry/2.0");
    EXPECT(200, &a.c, HTTP_GET, "/v2/", .token = a.user_token);
    EXPECT(401, &a.c, HTTP_GET, "/v2/", .token = "nonsense");
    autoreply odd = ask(&a.c, HTTP_GET, "/v2/", .token = "", .host = "a\"b");
    CHECK_EQ_STR(header(&odd, "WWW-Authenticate"),
                 "Basic realm=\"http://slipway/\",service=\"ecr.amazonaws.com\"");
    autoreply tls = ask(&a.c, HTTP_GET, "/v2/", .token = "", .https = true);
    CHECK_CONTAINS(header(&tls, "WWW-Authenticate"), "realm=\"https://");
}

/* Every request of the protocol about a repository. */
static const struct {
    enum http_method method;
    const char *url;
    bool node_may;
} requests[] = {
    {HTTP_GET, "/v2/%s/tags/list", false},
    {HTTP_GET, "/v2/%s/manifests/v1", true},
    {HTTP_HEAD, "/v2/%s/manifests/v1", true},
    {HTTP_PUT, "/v2/%s/manifests/v1", false},
    {HTTP_DELETE, "/v2/%s/manifests/v1", false},
    {HTTP_GET,
     "/v2/%s/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", true},
    {HTTP_HEAD,
     "/v2/%s/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", true},
    {HTTP_DELETE,
     "/v2/%s/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", false},
    {HTTP_GET,
     "/v2/%s/referrers/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     true},
    {HTTP_POST, "/v2/%s/blobs/uploads/", false},
    {HTTP_POST,
     "/v2/%s/blobs/uploads/"
     "?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     false},
    {HTTP_PATCH, "/v2/%s/blobs/uploads/x", false},
    {HTTP_PUT,
     "/v2/%s/blobs/uploads/"
     "x?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     false},
    {HTTP_GET, "/v2/%s/blobs/uploads/x", false},
    {HTTP_DELETE, "/v2/%s/blobs/uploads/x", false},
};

static const char *url_of(size_t i, const char *repo)
{
    const char *at = strstr(requests[i].url, "%s");
    return at ? fmt("%.*s%s%s", (int)(at - requests[i].url), requests[i].url, repo, at + 2)
              : requests[i].url;
}

TEST(advisory_cve_2019_19030_unknown_and_forbidden_look_the_same)
{
    autoaccess a = {0};
    access_open(&a);
    for (size_t i = 0; i < SW_ARRAY_LEN(requests); i++) {
        autoreply anonymous = ask(&a.c, requests[i].method, url_of(i, REPO), .token = "");
        autoreply anonymous2 = ask(&a.c, requests[i].method, url_of(i, "no/such"), .token = "");
        CHECK_STATUS(anonymous, 401);
        CHECK_EQ_MEM(anonymous.body.p, anonymous.body.n, anonymous2.body.p, anonymous2.body.n);
        autoreply here = ask(&a.c, requests[i].method, url_of(i, REPO), .token = a.user_token,
                             .body = "x", .body_n = 1);
        autoreply nowhere = ask(&a.c, requests[i].method, url_of(i, "no/such"),
                                .token = a.user_token, .body = "x", .body_n = 1);
        CHECK_STATUS(here, 403);
        CHECK_STATUS(nowhere, 403);
        CHECK(!here.ran && !nowhere.ran); /* refused before the body */
    }
}

TEST(advisory_cve_2019_19023_every_write_is_checked)
{
    autoaccess a = {0};
    access_open(&a);
    for (size_t i = 0; i < SW_ARRAY_LEN(requests); i++) {
        autoreply r = ask(&a.c, requests[i].method, url_of(i, REPO), .token = a.node_token);
        CHECK_MSG((r.status == 403) == !requests[i].node_may, "%d %s: %d", requests[i].method,
                  requests[i].url, r.status);
    }
}

static void allow(struct access *a, const char *repo, const char *policy)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(repo);
    sw_autofree char *before = NULL;
    CHECK_OK(repo_set_policy(a->c.w.reg, &key, policy, &before, &err));
}

#define POLICY(effect, actions, condition)                                                  \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"" effect                       \
    "\",\"Principal\":{\"AWS\":\"arn:aws:iam::" ACCOUNT ":user/ann\"},\"Action\":[" actions \
    "]" condition "}}"

TEST(repository_policies_allow_and_deny)
{
    autoaccess a = {0};
    access_open(&a);
    autoreply before = ask(&a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", .token = a.user_token);
    CHECK_STATUS(before, 403);
    allow(&a, REPO, POLICY("Allow", "\"ecr:BatchGetImage\"", ""));
    autoreply after = ask(&a.c, HTTP_GET, "/v2/" REPO "/manifests/v1", .token = a.user_token);
    CHECK_STATUS(after, 200);
    autoreply other = ask(&a.c, HTTP_GET, "/v2/" REPO "/tags/list", .token = a.user_token);
    CHECK_STATUS(other, 403);
    allow(&a, REPO,
          "{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"Closed\",\"Effect\":\"Deny\","
          "\"Principal\":\"*\",\"Action\":\"ecr:*\"}}");
    autoreply admin = ask(&a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
    CHECK_CODE(admin, 403, "DENIED");
    CHECK_CONTAINS(admin.body.p, "explicit deny in a resource-based policy");
}

/* "*" means everyone with a name. Nobody else gets more than a public repository gives. */
TEST(policies_for_everyone_give_the_nameless_nothing_but_public_pulls)
{
    static const char everyone[] =
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
        "\"Principal\":\"*\",\"Action\":\"ecr:*\"}}";
    autoaccess a = {0};
    access_open(&a);
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("open");
    struct registry_key registry = {key.account, key.region};
    sw_autofree char *old = NULL;
    CHECK_OK(repo_create(a.c.w.reg, &key, REPO_MUTABLE, "{\"public\":true}", NULL, &err));
    push_image(&a.c, "open", "v1", "layer", image_of("layer", ""));
    allow(&a, "open", everyone);
    CHECK_OK(registry_policy_set(a.c.w.reg, &registry, everyone, &old, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(requests); i++) {
        if (!strstr(requests[i].url, "%s"))
            continue;
        autoreply closed = ask(&a.c, requests[i].method, url_of(i, REPO), .token = "");
        CHECK_MSG(closed.status == 401, "%d %s: %d", requests[i].method, requests[i].url,
                  closed.status);
        autoreply open = ask(&a.c, requests[i].method, url_of(i, "open"), .token = "");
        bool reads = requests[i].method == HTTP_GET || requests[i].method == HTTP_HEAD;
        bool pull = reads && !strstr(requests[i].url, "/uploads/");
        CHECK_MSG((open.status != 401) == pull, "%d %s: %d", requests[i].method, requests[i].url,
                  open.status);
        autoreply named = ask(&a.c, requests[i].method, url_of(i, "open"), .token = a.user_token);
        CHECK_MSG(named.status != 401 && named.status != 403, "%d %s: %d", requests[i].method,
                  requests[i].url, named.status);
    }
}

TEST(repository_tags_are_condition_keys)
{
    autoaccess a = {0};
    access_open(&a);
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("tagged");
    CHECK_OK(repo_create(a.c.w.reg, &key, REPO_MUTABLE,
                         "{\"tags\":[{\"Key\":\"team\",\"Value\":\"a\"}]}", NULL, &err));
    push_image(&a.c, "tagged", "v1", "layer", image_of("layer", ""));
    static const char *const keys[] = {"aws:ResourceTag/team", "ecr:ResourceTag/team"};
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++) {
        for (int right = 0; right < 2; right++) {
            allow(&a, "tagged",
                  fmt("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                      "\"Principal\":\"*\",\"Action\":\"ecr:BatchGetImage\",\"Condition\":"
                      "{\"StringEquals\":{\"%s\":\"%s\"}}}}",
                      keys[i], right ? "a" : "b"));
            autoreply r = ask(&a.c, HTTP_GET, "/v2/tagged/manifests/v1", .token = a.user_token);
            CHECK_STATUS(r, right ? 200 : 403);
        }
    }
}

TEST(catalog_shows_what_the_caller_may_see)
{
    autoaccess a = {0};
    access_open(&a);
    for (int i = 0; i < 450; i++)
        world_repo(&a.c.w, fmt("many/r%03d", i));
    autoreply anonymous = ask(&a.c, HTTP_GET, "/v2/_catalog", .token = "");
    CHECK_CODE(anonymous, 401, "UNAUTHORIZED");
    autoreply none = ask(&a.c, HTTP_GET, "/v2/_catalog", .token = a.user_token);
    CHECK_EQ_STR(none.body.p, "{\"repositories\":[]}");
    autoreply node = ask(&a.c, HTTP_GET, "/v2/_catalog?n=1", .token = a.node_token);
    CHECK_EQ_STR(node.body.p, "{\"repositories\":[\"many/r000\"]}"); /* it may pull them all */
    allow(&a, "many/r007", POLICY("Allow", "\"ecr:BatchGetImage\"", ""));
    allow(&a, "many/r449", POLICY("Allow", "\"ecr:DescribeRepositories\"", ""));
    allow(&a, REPO, POLICY("Allow", "\"ecr:ListImages\"", ""));
    autoreply some = ask(&a.c, HTTP_GET, "/v2/_catalog", .token = a.user_token);
    CHECK_EQ_STR(some.body.p, "{\"repositories\":[\"many/r007\",\"many/r449\"]}");
    autoreply first = ask(&a.c, HTTP_GET, "/v2/_catalog?n=1", .token = a.user_token);
    CHECK_EQ_STR(first.body.p, "{\"repositories\":[\"many/r007\"]}");
    CHECK_EQ_STR(header(&first, "Link"), "</v2/_catalog?n=1&last=many%2Fr007>; rel=\"next\"");
    autoreply rest = ask(&a.c, HTTP_GET, "/v2/_catalog?last=many%2Fr007", .token = a.user_token);
    CHECK_EQ_STR(rest.body.p, "{\"repositories\":[\"many/r449\"]}");
    CHECK_EQ_STR(header(&rest, "Link"), "");
}

TEST(refusals_name_action_and_resource)
{
    autoaccess a = {0};
    access_open(&a);
    autoreply r = ask(&a.c, HTTP_PUT, "/v2/" REPO "/manifests/v2", .token = a.user_token);
    CHECK_CODE(r, 403, "DENIED");
    CHECK_CONTAINS(r.body.p, "ecr:PutImage");
    CHECK_CONTAINS(r.body.p, "arn:aws:ecr:us-east-1:000000000000:repository/" REPO);
}

TEST(advisory_cve_2020_29662_no_spelling_of_a_path_passes_without_credentials)
{
    static const char *const paths[] = {"/v2/_catalog",
                                        "/v2//_catalog",
                                        "/v2/./_catalog",
                                        "/v2/../v2/_catalog",
                                        "/v2/%5fcatalog",
                                        "/v2/_catalog/",
                                        "/v2/x/../_catalog",
                                        "/v2/%2e%2e/_catalog",
                                        "/v2",
                                        "/v2/",
                                        "/v2//",
                                        "/v2/%zz",
                                        "/v2/private%2ftags/list",
                                        "/v2/private/tags/list?x",
                                        "/v2/;/_catalog"};
    autoaccess a = {0};
    access_open(&a);
    for (size_t i = 0; i < SW_ARRAY_LEN(paths); i++) {
        autoreply r = ask(&a.c, HTTP_GET, paths[i], .token = "");
        CHECK_CODE(r, 401, "UNAUTHORIZED");
    }
    struct http_req other = {.method = HTTP_GET, .path = "//v2/_catalog", .query = ""};
    CHECK(!a.c.service.match(a.c.service.ctx, &other));
}

TEST(advisory_cve_2026_32589_an_upload_is_its_owners)
{
    autoaccess a = {0};
    access_open(&a);
    world_repo(&a.c.w, "second");
    autoreply start = ask(&a.c, HTTP_POST, "/v2/" REPO "/blobs/uploads/");
    const char *location = fmt("%s", header(&start, "Location"));
    const char *token = strrchr(location, '/') + 1;
    const char *elsewhere = fmt("/v2/second/blobs/uploads/%s", token);
    for (int restarted = 0; restarted < 2; restarted++) {
        static const enum http_method methods[] = {HTTP_GET, HTTP_PATCH, HTTP_DELETE};
        for (size_t i = 0; i < SW_ARRAY_LEN(methods); i++) {
            REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &a.c, methods[i], location,
                    .token = a.c.other_token);
            REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &a.c, methods[i], elsewhere);
        }
        REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &a.c, HTTP_PUT, fmt("%s?digest=%s", location, SHA("")),
                .token = a.c.other_token);
        REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &a.c, HTTP_GET,
                fmt("/v2/" REPO "/blobs/uploads/%.32s", token));
        client_restart(&a.c);
    }
    EXPECT(204, &a.c, HTTP_GET, location);
}

TEST(advisory_cve_2024_39897_a_digest_alone_opens_nothing)
{
    autoaccess a = {0};
    access_open(&a);
    world_repo(&a.c.w, "mine");
    const char *d = SHA("layer");
    REFUSED(404, "BLOB_UNKNOWN", &a.c, HTTP_GET, fmt("/v2/mine/blobs/%s", d));
    EXPECT(404, &a.c, HTTP_HEAD, fmt("/v2/mine/blobs/%s", d));
    REFUSED(404, "MANIFEST_UNKNOWN", &a.c, HTTP_GET,
            fmt("/v2/mine/manifests/%s", SHA(image_of("layer", ""))));
}

TEST(advisory_cve_2026_35172_a_delete_outlives_caches_and_other_repositories)
{
    autoaccess a = {0};
    access_open(&a);
    world_repo(&a.c.w, "second");
    push_blob(&a.c, "second", "layer", 5);
    const char *here = fmt("/v2/" REPO "/blobs/%s", SHA("layer")),
               *there = fmt("/v2/second/blobs/%s", SHA("layer"));
    EXPECT(200, &a.c, HTTP_GET, here);
    EXPECT(202, &a.c, HTTP_DELETE, here);
    EXPECT(200, &a.c, HTTP_HEAD, there);
    EXPECT(200, &a.c, HTTP_GET, there);
    REFUSED(404, "BLOB_UNKNOWN", &a.c, HTTP_GET, here);
    EXPECT(404, &a.c, HTTP_HEAD, here);
}

TEST(advisory_cve_2023_2253_a_huge_page_size_costs_nothing)
{
    autoaccess a = {0};
    access_open(&a);
    EXPECT(200, &a.c, HTTP_GET, "/v2/_catalog?n=2147483648");
    EXPECT(200, &a.c, HTTP_GET, "/v2/_catalog?n=9223372036854775807");
    EXPECT(200, &a.c, HTTP_GET, "/v2/_catalog?n=99999999999999999999");
    EXPECT(200, &a.c, HTTP_GET, "/v2/_catalog?n=9999999999999999999999999999999999999999");
    REFUSED(400, "PAGINATION_NUMBER_INVALID", &a.c, HTTP_GET,
            "/v2/_catalog?n=-99999999999999999999");
    REFUSED(400, "PAGINATION_NUMBER_INVALID", &a.c, HTTP_GET, "/v2/_catalog?n=");
}

TEST(advisory_cve_2019_19026_queries_are_data)
{
    static const char *const evil[] = {
        "'%20OR%201=1--", "%22;DROP%20TABLE%20tag;--", "%25", "%5C", "/*", "a'||'b"};
    autoaccess a = {0};
    access_open(&a);
    for (size_t i = 0; i < SW_ARRAY_LEN(evil); i++) {
        EXPECT(200, &a.c, HTTP_GET, fmt("/v2/" REPO "/tags/list?last=%s", evil[i]));
        EXPECT(200, &a.c, HTTP_GET, fmt("/v2/_catalog?last=%s", evil[i]));
        EXPECT(
            200, &a.c, HTTP_GET,
            fmt("/v2/" REPO "/referrers/%s?artifactType=%s&last=%s", SHA("x"), evil[i], evil[i]));
        EXPECT(202, &a.c, HTTP_POST,
               fmt("/v2/" REPO "/blobs/uploads/?mount=%s&from=%s", SHA("x"), evil[i]));
    }
    EXPECT(200, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
}

TEST(advisory_cve_2017_11468_bodies_end_at_their_limits)
{
    autoaccess a = {0};
    access_open(&a);
    size_t n = 5u << 20;
    sw_autofree char *big = sw_malloc(n);
    memset(big, ' ', n);
    autoreply r = ask(&a.c, HTTP_PUT, "/v2/" REPO "/manifests/big", .body = big, .body_n = n,
                      .type = OCI_IMAGE);
    CHECK_STATUS(r, 413);
    CHECK(!r.ran);
    EXPECT(401, &a.c, HTTP_GET, "/v2/", .token = fmt("%01000d", 0));
}

TEST(accounts_and_regions_are_apart)
{
    autoaccess a = {0};
    access_open(&a);
    EXPECT(200, &a.c, HTTP_GET, "/v2/" REPO "/tags/list",
           .host = "000000000000.dkr.ecr.us-east-1.localhost:5000");
    REFUSED(404, "NAME_UNKNOWN", &a.c, HTTP_GET, "/v2/" REPO "/tags/list",
            .host = "000000000000.dkr.ecr.eu-west-1.localhost");
    REFUSED(403, "DENIED", &a.c, HTTP_GET, "/v2/" REPO "/tags/list",
            .host = "111111111111.dkr.ecr.us-east-1.localhost");
    EXPECT(200, &a.c, HTTP_GET, "/v2/" REPO "/tags/list", .host = "11.dkr.ecr.us-east-1.localhost");
    autoreply list =
        ask(&a.c, HTTP_GET, "/v2/_catalog", .host = "000000000000.dkr.ecr.eu-west-1.localhost");
    CHECK_EQ_STR(list.body.p, "{\"repositories\":[]}");
}

TEST(push_to_a_missing_repository)
{
    autoaccess a = {0};
    access_open(&a);
    const char *m = image_of("layer", "");
    autoreply r = ask(&a.c, HTTP_POST, "/v2/new/app/blobs/uploads/");
    CHECK_CODE(r, 404, "NAME_UNKNOWN");
    CHECK_CONTAINS(
        r.body.p,
        "The repository with name 'new/app' does not exist in the registry with id '000000000000'");
    REFUSED(404, "NAME_UNKNOWN", &a.c, HTTP_PUT, "/v2/new/app/manifests/v1", .body = m,
            .body_n = strlen(m));
}

TEST(create_on_push)
{
    autoaccess a = {.c.w.options.create_on_push = true};
    access_open(&a);
    REFUSED(403, "DENIED", &a.c, HTTP_POST, "/v2/new/app/blobs/uploads/", .token = a.user_token);
    REFUSED(404, "NAME_UNKNOWN", &a.c, HTTP_GET, "/v2/new/app/tags/list");
    REFUSED(400, "DIGEST_INVALID", &a.c, HTTP_POST,
            fmt("/v2/bad/app/blobs/uploads/?digest=%s", SHA("x")), .body = "y", .body_n = 1);
    push_image(&a.c, "new/app", "v1", "layer", image_of("layer", ""));
    EXPECT(202, &a.c, HTTP_POST, "/v2/newer/app/blobs/uploads/");
    EXPECT(200, &a.c, HTTP_GET, "/v2/newer/app/tags/list");
    EXPECT(200, &a.c, HTTP_GET, "/v2/new/app/manifests/v1");
}

TEST(a_deleted_repository_is_gone_and_a_new_one_is_empty)
{
    autoaccess a = {0};
    struct sw_err err = SW_ERR_INIT;
    access_open(&a);
    struct repo_key key = world_key(REPO);
    autoreply start = ask(&a.c, HTTP_POST, "/v2/" REPO "/blobs/uploads/");
    EXPECT(200, &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
    CHECK_ERR(repo_delete(a.c.w.reg, &key, false, NULL, &err), SW_ECONFLICT,
              "RepositoryNotEmptyException");
    CHECK_OK(repo_delete(a.c.w.reg, &key, true, NULL, &err));
    REFUSED(404, "NAME_UNKNOWN", &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
    world_repo(&a.c.w, REPO);
    REFUSED(404, "MANIFEST_UNKNOWN", &a.c, HTTP_GET, "/v2/" REPO "/manifests/v1");
    REFUSED(404, "BLOB_UNKNOWN", &a.c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", SHA("layer")));
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &a.c, HTTP_GET, header(&start, "Location"));
}

TEST(an_expired_or_deleted_users_token_is_401)
{
    autoaccess a = {0};
    struct sw_err err = SW_ERR_INIT;
    access_open(&a);
    char token[TOKEN_MAX];
    int64_t expires;
    CHECK_OK(token_issue(&(struct token_authority){.keyring = a.c.w.keyring}, &a.c.admin,
                         sw_now_us() - 13LL * 3600 * 1000000, TOKEN_TTL_S, token, &expires, &err));
    REFUSED(401, "UNAUTHORIZED", &a.c, HTTP_GET, "/v2/", .token = token);
    CHECK_OK(identity_user_delete(a.c.w.identity, ACCOUNT, "other", &err));
    REFUSED(401, "UNAUTHORIZED", &a.c, HTTP_GET, "/v2/", .token = a.c.other_token);
}
