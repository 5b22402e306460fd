/* SPDX-License-Identifier: Apache-2.0 */
/* /v2/token, bearer tokens and their challenges, public repositories. */
#include "tests/unit/registry/http.h"

#define SHA_EMPTY_JSON "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static int64_t clock_us;

static int64_t now_us(void)
{
    return clock_us;
}

struct shop {
    struct client c;
    char user[TOKEN_MAX];
};

static void shop_serve(struct client *c, bool bearer)
{
    struct oci_api_options o = {.registry = c->w.reg,
                                .keyring = c->w.keyring,
                                .identity = c->w.identity,
                                .account = ACCOUNT,
                                .region = REGION,
                                .bearer_challenge = bearer,
                                .now_us = now_us};
    oci_api_free(c->api);
    c->api = oci_api_new(&o);
    c->service = oci_api_service(c->api);
}

static void shop_close(struct shop *s)
{
    client_close(&s->c);
}
#define autoshop SW_CLEANUP(shop_close) struct shop

static void set_public(struct client *c, const char *name, bool on)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    CHECK_OK(repo_set_public(c->w.reg, &key, on, &err));
}

static void shop_open(struct shop *s, bool bearer)
{
    struct principal p;
    clock_us = sw_now_us();
    client_open(&s->c);
    add_user(&s->c, "ann", PRINCIPAL_USER, &p, s->user);
    world_repo(&s->c.w, "private");
    world_repo(&s->c.w, "open");
    push_image(&s->c, "private", "v1", "layer", image_of("layer", ""));
    push_image(&s->c, "open", "v1", "layer", image_of("layer", ""));
    set_public(&s->c, "open", true);
    shop_serve(&s->c, bearer);
}

static struct reply with_header(struct client *c, enum http_method m, const char *url,
                                const char *name, const char *value)
{
    struct ask a = {.method = m, .url = url};
    struct http_header h = {name, value};
    return ask_service(&c->service, &a, &h, 1);
}

static struct reply as(struct client *c, enum http_method m, const char *url, const char *token)
{
    return with_header(c, m, url, "Authorization", fmt("Bearer %s", token));
}

static const char *member(const struct reply *r, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *doc = NULL;
    CHECK_OK(sw_json_load(sw_buf_str(&r->body), 8, 100, NULL, &doc, &err));
    const char *text = fmt("%s", sw_json_str(doc, name, ""));
    json_decref(doc);
    return text;
}

/* password: NULL the admin's, "" none. */
static const char *bearer_of(struct client *c, const char *scope, const char *password)
{
    autoreply r = ask(c, HTTP_GET, fmt("/v2/token?service=ecr.amazonaws.com&scope=%s", scope),
                      .token = password);
    CHECK_STATUS(r, 200);
    return member(&r, "token");
}

#define EXPECT_AS(want, c, m, url, token)                   \
    do {                                                    \
        autoreply expected_ = as((c), (m), (url), (token)); \
        CHECK_STATUS(expected_, want);                      \
    } while (0)

TEST(token_answer_has_its_members)
{
    autoshop s = {0};
    shop_open(&s, true);
    autoreply r = ask(&s.c, HTTP_GET,
                      "/v2/token?service=ecr.amazonaws.com&offline_token=true&client_id=x&"
                      "scope=repository:private:pull,push&scope=repository:open:pull");
    CHECK_STATUS(r, 200);
    CHECK_EQ_STR(member(&r, "token"), member(&r, "access_token"));
    CHECK_EQ_STR(member(&r, "scope"), "repository:private:pull,push repository:open:pull");
    CHECK_CONTAINS(r.body.p, "\"expires_in\":300");
    char issued[SW_TIME_LEN];
    sw_format_iso8601_s(clock_us, issued);
    CHECK_EQ_STR(member(&r, "issued_at"), issued);
    CHECK_EQ_STR(header(&r, "Cache-Control"), "no-store");
    CHECK_EQ_STR(header(&r, "Content-Type"), "application/json");
    autoreply blanks =
        ask(&s.c, HTTP_GET, "/v2/token?scope=repository:private:pull%20repository:open:pull");
    CHECK_EQ_STR(member(&blanks, "scope"), "repository:private:pull repository:open:pull");
    autoreply none = ask(&s.c, HTTP_GET, "/v2/token");
    CHECK_EQ_STR(member(&none, "scope"), "");
    EXPECT_AS(200, &s.c, HTTP_GET, "/v2/", member(&none, "token"));
}

TEST(token_refuses_by_name)
{
    autoshop s = {0};
    shop_open(&s, true);
    REFUSED(401, "UNAUTHORIZED", &s.c, HTTP_GET, "/v2/token", .token = "wrong");
    autoreply wrong = ask(&s.c, HTTP_GET, "/v2/token", .token = "wrong");
    CHECK_CONTAINS(header(&wrong, "WWW-Authenticate"), "Basic realm=");
    REFUSED(400, "QUERY_INVALID", &s.c, HTTP_GET, "/v2/token?service=other");
    struct sw_buf many = SW_BUF_INIT(100000);
    for (int i = 0; i < 40; i++)
        (void)sw_buf_addf(&many, "%cscope=repository:a:pull", i ? '&' : '?');
    REFUSED(400, "QUERY_INVALID", &s.c, HTTP_GET, fmt("/v2/token%s", many.p));
    sw_buf_reset(&many);
    (void)sw_buf_add_z(&many, "?scope=");
    for (int i = 0; i < 80; i++)
        (void)sw_buf_addf(&many, "repository:%s%d:pull+", "long-name-of-a-repository", i);
    REFUSED(400, "QUERY_INVALID", &s.c, HTTP_GET, fmt("/v2/token%s", many.p));
    sw_buf_done(&many);
    autoreply again = as(&s.c, HTTP_GET, "/v2/token", bearer_of(&s.c, "", NULL));
    CHECK_CODE(again, 401, "UNAUTHORIZED");
    EXPECT(405, &s.c, HTTP_PUT, "/v2/token");
}

TEST(token_form)
{
    autoshop s = {0};
    shop_open(&s, true);
#define FORM "application/x-www-form-urlencoded"
#define POST_FORM(want, text)                                                          \
    do {                                                                               \
        const char *form_ = (text);                                                    \
        autoreply post_ = ask(&s.c, HTTP_POST, "/v2/token", .token = "", .type = FORM, \
                              .body = form_, .body_n = strlen(form_));                 \
        CHECK_STATUS(post_, want);                                                     \
        last = fmt("%s", post_.body.p);                                                \
        if (post_.status == 200)                                                       \
            token = member(&post_, "access_token");                                    \
    } while (0)
    const char *last = "", *token = "";
    POST_FORM(200, fmt("grant_type=password&username=AWS&password=%s&service=ecr.amazonaws.com&"
                       "client_id=c&access_type=offline&scope=repository%%3Aprivate%%3Apull+"
                       "repository%%3Aopen%%3Apull",
                       s.c.token));
    CHECK_CONTAINS(last, "\"scope\":\"repository:private:pull repository:open:pull\"");
    EXPECT_AS(200, &s.c, HTTP_GET, "/v2/private/manifests/v1", token);
    POST_FORM(400, "grant_type=refresh_token&refresh_token=x");
    CHECK_CONTAINS(last, "refresh_token");
    POST_FORM(401, "grant_type=password&username=AWS&password=wrong");
    POST_FORM(401, fmt("grant_type=password&username=bob&password=%s", s.c.token));
    POST_FORM(400, "grant_type=password&username=AWS");
    POST_FORM(400, "username=AWS&password=x");
    POST_FORM(400, "grant_type=password&username=%zz&password=x");
    POST_FORM(400, "");
    EXPECT(405, &s.c, HTTP_POST, "/v2/token", .token = "", .type = "application/json", .body = "{}",
           .body_n = 2);
}

TEST(bearer_does_what_its_scopes_say)
{
    autoshop s = {0};
    shop_open(&s, true);
    const char *pull = bearer_of(&s.c, "repository:private:pull", NULL);
    const char *push = bearer_of(&s.c, "repository:private:push", NULL);
    const char *del = bearer_of(&s.c, "repository:private:delete", NULL);
    const char *list = bearer_of(&s.c, "registry:catalog:*", NULL);
    static const struct {
        enum http_method method;
        const char *url, *needs;
    } rows[] = {
        {HTTP_GET, "/v2/private/manifests/v1", "repository:private:pull"},
        {HTTP_HEAD, "/v2/private/manifests/v1", "repository:private:pull"},
        {HTTP_GET, "/v2/private/tags/list", "repository:private:pull"},
        {HTTP_GET, "/v2/private/blobs/" SHA_EMPTY_JSON, "repository:private:pull"},
        {HTTP_HEAD, "/v2/private/blobs/" SHA_EMPTY_JSON, "repository:private:pull"},
        {HTTP_GET, "/v2/private/referrers/" SHA_EMPTY_JSON, "repository:private:pull"},
        {HTTP_POST, "/v2/private/blobs/uploads/", "repository:private:pull,push"},
        {HTTP_PUT, "/v2/private/manifests/v2", "repository:private:pull,push"},
        {HTTP_GET, "/v2/private/blobs/uploads/x", "repository:private:pull,push"},
        {HTTP_DELETE, "/v2/private/manifests/none", "repository:private:delete"},
        {HTTP_GET, "/v2/_catalog", "registry:catalog:*"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        const char *tokens[] = {pull, push, del, list};
        for (size_t t = 0; t < SW_ARRAY_LEN(tokens); t++) {
            static const char *const last[] = {"pull", "push", "delete", ":*"};
            bool fits = sw_str_ends_with(sw_str(rows[i].needs), last[t]);
            autoreply r = as(&s.c, rows[i].method, rows[i].url, tokens[t]);
            CHECK_MSG((r.status == 401) == !fits, "%s with %s: %d", rows[i].url, last[t], r.status);
            CHECK(r.status != 403);
            if (fits)
                continue;
            CHECK_EQ_STR(header(&r, "WWW-Authenticate"),
                         fmt("Bearer realm=\"http://localhost:5000/v2/token\","
                             "service=\"ecr.amazonaws.com\",scope=\"%s\","
                             "error=\"insufficient_scope\"",
                             rows[i].needs));
        }
    }
    EXPECT_AS(401, &s.c, HTTP_GET, "/v2/other/manifests/v1", pull);
}

TEST(bearer_expires_and_is_no_password)
{
    autoshop s = {0};
    shop_open(&s, true);
    const char *token = bearer_of(&s.c, "repository:private:pull", NULL);
    EXPECT(401, &s.c, HTTP_GET, "/v2/", .token = token);
    EXPECT_AS(401, &s.c, HTTP_GET, "/v2/", s.c.token); /* a password is no bearer token */
    clock_us += 299 * 1000000LL;
    EXPECT_AS(200, &s.c, HTTP_GET, "/v2/private/manifests/v1", token);
    clock_us += 1000000LL;
    autoreply r = as(&s.c, HTTP_GET, "/v2/private/manifests/v1", token);
    CHECK_CODE(r, 401, "UNAUTHORIZED");
    CHECK_CONTAINS(header(&r, "WWW-Authenticate"), "scope=\"repository:private:pull\"");
    CHECK_CONTAINS(header(&r, "WWW-Authenticate"), "error=\"invalid_token\"");
    autoreply junk = as(&s.c, HTTP_GET, "/v2/", "junk");
    CHECK_CONTAINS(header(&junk, "WWW-Authenticate"), "error=\"invalid_token\"");
    autoreply empty = with_header(&s.c, HTTP_GET, "/v2/", "Authorization", "Bearer");
    CHECK_CODE(empty, 401, "UNAUTHORIZED");
}

TEST(bearer_dies_with_its_user)
{
    autoshop s = {0};
    struct sw_err err = SW_ERR_INIT;
    shop_open(&s, true);
    const char *token = bearer_of(&s.c, "repository:open:pull", s.user);
    EXPECT_AS(200, &s.c, HTTP_GET, "/v2/open/manifests/v1", token);
    CHECK_OK(identity_user_delete(s.c.w.identity, ACCOUNT, "ann", &err));
    EXPECT_AS(401, &s.c, HTTP_GET, "/v2/open/manifests/v1", token);
}

TEST(a_user_gets_the_scopes_that_it_may)
{
    autoshop s = {0};
    shop_open(&s, true);
    autoreply r = ask(&s.c, HTTP_GET,
                      "/v2/token?scope=repository:private:pull&scope=repository:open:pull,push&"
                      "scope=registry:catalog:*",
                      .token = s.user);
    CHECK_EQ_STR(member(&r, "scope"), "repository:open:pull registry:catalog:*");
}

/* Rights that were lost after the token was given. */
TEST(may_decides_behind_the_scope)
{
    autoshop s = {0};
    shop_open(&s, true);
    const char *token = bearer_of(&s.c, "repository:open:pull", s.user);
    set_public(&s.c, "open", false);
    autoreply r = as(&s.c, HTTP_GET, "/v2/open/manifests/v1", token);
    CHECK_CODE(r, 403, "DENIED");
}

TEST(challenge_is_as_configured_and_names_one_scheme)
{
    autoshop s = {0};
    shop_open(&s, true);
    autoreply ping = ask(&s.c, HTTP_GET, "/v2/", .token = "");
    CHECK_EQ_STR(header(&ping, "WWW-Authenticate"),
                 "Bearer realm=\"http://localhost:5000/v2/token\",service=\"ecr.amazonaws.com\"");
    autoreply mount =
        ask(&s.c, HTTP_POST, "/v2/private/blobs/uploads/?mount=" SHA_EMPTY_JSON "&from=open",
            .token = "");
    CHECK_CONTAINS(header(&mount, "WWW-Authenticate"),
                   "scope=\"repository:private:pull,push repository:open:pull\"");
    autoreply basic = ask(&s.c, HTTP_GET, "/v2/visual-BASIC/tags/list", .token = "");
    CHECK_STATUS(basic, 401);
    autoreply basic2 = ask(&s.c, HTTP_GET, "/v2/visual-basic/tags/list", .token = "");
    CHECK_EQ_STR(header(&basic2, "WWW-Authenticate"), header(&ping, "WWW-Authenticate"));
    autoreply wrong = ask(&s.c, HTTP_GET, "/v2/", .token = "wrong");
    CHECK_EQ_STR(header(&wrong, "WWW-Authenticate"), header(&ping, "WWW-Authenticate"));
    EXPECT(200, &s.c, HTTP_GET, "/v2/private/manifests/v1");
    shop_serve(&s.c, false);
    autoreply other = ask(&s.c, HTTP_GET, "/v2/", .token = "");
    CHECK_CONTAINS(header(&other, "WWW-Authenticate"), "Basic realm=");
    EXPECT_AS(200, &s.c, HTTP_GET, "/v2/", bearer_of(&s.c, "", NULL));
}

static void check_anonymous(struct client *c, const char *bearer)
{
    static const char *const pulls[] = {"manifests/v1", "tags/list", "blobs/" SHA_EMPTY_JSON,
                                        "referrers/" SHA_EMPTY_JSON};
    for (size_t i = 0; i < SW_ARRAY_LEN(pulls); i++) {
        static const char *const names[] = {"private", "unknown", "open"};
        struct reply r[3];
        for (size_t n = 0; n < 3; n++) {
            const char *url = fmt("/v2/%s/%s", names[n], pulls[i]);
            r[n] = bearer ? as(c, HTTP_GET, url, bearer) : ask(c, HTTP_GET, url, .token = "");
        }
        CHECK_STATUS(r[0], 401);
        CHECK_STATUS(r[1], 401);
        CHECK_EQ_MEM(r[0].body.p, r[0].body.n, r[1].body.p, r[1].body.n);
        CHECK_STATUS(r[2], 200);
        for (size_t n = 0; n < 3; n++)
            reply_done(&r[n]);
    }
    static const struct {
        enum http_method method;
        const char *url;
    } writes[] = {
        {HTTP_PUT, "/v2/open/manifests/v2"},
        {HTTP_POST, "/v2/open/blobs/uploads/"},
        {HTTP_DELETE, "/v2/open/manifests/v1"},
        {HTTP_DELETE, "/v2/open/blobs/" SHA_EMPTY_JSON},
        {HTTP_GET, "/v2/"},
        {HTTP_GET, "/v2/_catalog"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(writes); i++) {
        autoreply w = bearer ? as(c, writes[i].method, writes[i].url, bearer)
                             : ask(c, writes[i].method, writes[i].url, .token = "");
        CHECK_CODE(w, 401, "UNAUTHORIZED");
    }
}

TEST(anonymous_pulls_public_repositories_only)
{
    autoshop s = {0};
    shop_open(&s, true);
    autoreply t = ask(&s.c, HTTP_GET,
                      "/v2/token?scope=repository:private:pull&scope=repository:unknown:pull&"
                      "scope=repository:open:pull,push,delete",
                      .token = "");
    CHECK_STATUS(t, 200);
    CHECK_EQ_STR(member(&t, "scope"), "repository:open:pull");
    const char *bearer = member(&t, "token");
    check_anonymous(&s.c, NULL);
    check_anonymous(&s.c, bearer);
    set_public(&s.c, "open", false);
    EXPECT(401, &s.c, HTTP_GET, "/v2/open/manifests/v1", .token = "");
    EXPECT_AS(401, &s.c, HTTP_GET, "/v2/open/manifests/v1", bearer);
    clock_us += 300 * 1000000LL;
    EXPECT_AS(401, &s.c, HTTP_GET, "/v2/open/manifests/v1", bearer);
}

TEST(public_follows_restarts_and_deletes)
{
    autoshop s = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("open");
    shop_open(&s, false);
    EXPECT(200, &s.c, HTTP_GET, "/v2/open/manifests/v1", .token = s.user);
    EXPECT(403, &s.c, HTTP_GET, "/v2/private/manifests/v1", .token = s.user);
    client_restart(&s.c);
    EXPECT(200, &s.c, HTTP_GET, "/v2/open/manifests/v1", .token = "");
    EXPECT(401, &s.c, HTTP_GET, "/v2/private/manifests/v1", .token = "");
    registry_reset_memory(s.c.w.reg);
    EXPECT(200, &s.c, HTTP_GET, "/v2/open/manifests/v1", .token = "");
    CHECK_OK(repo_delete(s.c.w.reg, &key, true, NULL, &err));
    world_repo(&s.c.w, "open");
    EXPECT(401, &s.c, HTTP_GET, "/v2/open/tags/list", .token = "");
    struct repo_key made = world_key("made");
    CHECK_OK(repo_create(s.c.w.reg, &made, false, "{\"public\":true}", NULL, &err));
    EXPECT(200, &s.c, HTTP_GET, "/v2/made/tags/list", .token = "");
}

TEST(empty_credentials_are_none)
{
    autoshop s = {0};
    shop_open(&s, false);
    static const struct {
        const char *url;
        int want;
    } rows[] = {{"/v2/", 401},
                {"/v2/open/manifests/v1", 200},
                {"/v2/private/manifests/v1", 401},
                {"/v2/token", 200}};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        autoreply r = with_header(&s.c, HTTP_GET, rows[i].url, "Authorization", "Basic Og==");
        CHECK_STATUS(r, rows[i].want);
    }
    autoreply user = with_header(&s.c, HTTP_GET, "/v2/open/manifests/v1", "Authorization",
                                 "Basic QVdTOg=="); /* AWS and no password */
    CHECK_STATUS(user, 401);
}

/* A token for one repository is no way to another one's blobs. */
TEST(mount_needs_the_source_in_scope)
{
    autoshop s = {0};
    shop_open(&s, true);
    world_repo(&s.c.w, "third");
    const char *url = "/v2/third/blobs/uploads/?mount=" SHA_EMPTY_JSON "&from=private";
    const char *narrow = bearer_of(&s.c, "repository:third:pull,push", NULL);
    const char *wide =
        bearer_of(&s.c, "repository:third:pull,push&scope=repository:private:pull", NULL);
    autoreply r = as(&s.c, HTTP_POST, url, narrow);
    CHECK_CODE(r, 401, "UNAUTHORIZED");
    CHECK_CONTAINS(header(&r, "WWW-Authenticate"),
                   "scope=\"repository:third:pull,push repository:private:pull\","
                   "error=\"insufficient_scope\"");
    EXPECT_AS(401, &s.c, HTTP_POST,
              "/v2/third/blobs/uploads/?mount=" SHA_EMPTY_JSON "&from=unknown", narrow);
    EXPECT_AS(202, &s.c, HTTP_POST, "/v2/third/blobs/uploads/?mount=" SHA_EMPTY_JSON, narrow);
    EXPECT_AS(202, &s.c, HTTP_POST,
              "/v2/third/blobs/uploads/?mount=" SHA_EMPTY_JSON "&from=Not/A/Name", narrow);
    EXPECT_AS(201, &s.c, HTTP_POST, url, wide);
}
