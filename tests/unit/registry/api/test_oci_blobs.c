/* SPDX-License-Identifier: Apache-2.0 */
/* One case per rule of the distribution conformance suite about blobs (its groups "sha256 blobs" and "sha512 blobs"), and the
 * rules that it does not test. */
#include "tests/unit/registry/http.h"

#define BLOB  "The quick brown fox jumps over the lazy dog.\n"
#define REPO  "repo1"
#define START "/v2/" REPO "/blobs/uploads/"

static void open_repos(struct client *c)
{
    client_open(c);
    world_repo(&c->w, REPO);
    world_repo(&c->w, "repo2");
}

static const char *start(struct client *c)
{
    autoreply r = ask(c, HTTP_POST, START);
    CHECK_STATUS(r, 202);
    CHECK_EQ_STR(header(&r, "Range"), "0-0");
    CHECK(strlen(header(&r, "Docker-Upload-UUID")) == 32);
    return fmt("%s", header(&r, "Location"));
}

static const char *with_digest(const char *location, const char *digest)
{
    char escaped[300];
    (void)snprintf(escaped, sizeof(escaped), "%.6s%%3A%s", digest, digest + 7);
    return fmt("%s?digest=%s", location, escaped);
}

static void check_blob(struct client *c, const char *digest, const void *data, size_t n)
{
    const char *url = fmt("/v2/" REPO "/blobs/%s", digest);
    for (int again = 0; again < 2; again++) { /* from the rows, then from memory */
        autoreply get = ask(c, HTTP_GET, url);
        CHECK_STATUS(get, 200);
        CHECK_EQ_MEM(get.body.p, get.body.n, data, n);
        CHECK_EQ_STR(header(&get, "Docker-Content-Digest"), digest);
        CHECK_EQ_STR(header(&get, "Content-Type"), "application/octet-stream");
        CHECK_EQ_STR(header(&get, "Accept-Ranges"), "bytes");
        autoreply head = ask(c, HTTP_HEAD, url);
        CHECK_STATUS(head, 200);
        CHECK_EQ_INT(head.res.head_length, n);
        CHECK_EQ_UINT(head.body.n, 0);
        CHECK_EQ_STR(header(&head, "Docker-Content-Digest"), digest);
    }
}

static void delete_blob(struct client *c, const char *digest)
{
    const char *url = fmt("/v2/" REPO "/blobs/%s", digest);
    EXPECT(202, c, HTTP_DELETE, url);
    EXPECT(404, c, HTTP_HEAD, url);
    REFUSED(404, "BLOB_UNKNOWN", c, HTTP_GET, url);
    REFUSED(404, "BLOB_UNKNOWN", c, HTTP_DELETE, url);
}

static void check_created(struct client *c, const struct reply *r, const char *digest,
                          const void *data, size_t n)
{
    CHECK_STATUS(*r, 201);
    CHECK_EQ_STR(header(r, "Location"), fmt("/v2/" REPO "/blobs/%s", digest));
    CHECK_EQ_STR(header(r, "Docker-Content-Digest"), digest);
    check_blob(c, digest, data, n);
    delete_blob(c, digest);
}

/* Every rule holds for each algorithm. */
#define TEST_BOTH(name)                                                              \
    static void name(struct client *c, enum digest_algorithm a, const char *digest); \
    TEST(name##_sha256)                                                              \
    {                                                                                \
        autoclient c = {0};                                                          \
        open_repos(&c);                                                              \
        name(&c, DIGEST_SHA256, digest_text(DIGEST_SHA256, BLOB, strlen(BLOB)));     \
    }                                                                                \
    TEST(name##_sha512)                                                              \
    {                                                                                \
        autoclient c = {0};                                                          \
        open_repos(&c);                                                              \
        name(&c, DIGEST_SHA512, digest_text(DIGEST_SHA512, BLOB, strlen(BLOB)));     \
    }                                                                                \
    static void name(struct client *c, enum digest_algorithm a SW_UNUSED,            \
                     const char *digest SW_UNUSED)

TEST_BOTH(get_missing)
{
    REFUSED(404, "BLOB_UNKNOWN", c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", digest));
    EXPECT(404, c, HTTP_HEAD, fmt("/v2/" REPO "/blobs/%s", digest));
}

TEST_BOTH(post_only)
{
    autoreply r =
        ask(c, HTTP_POST, with_digest(START, digest), .body = BLOB, .body_n = strlen(BLOB));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
}

TEST_BOTH(post_put)
{
    autoreply r =
        ask(c, HTTP_PUT, with_digest(start(c), digest), .body = BLOB, .body_n = strlen(BLOB));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
}

TEST_BOTH(stream)
{
    const char *location = start(c);
    autoreply patch =
        ask(c, HTTP_PATCH, location, .body = BLOB, .body_n = strlen(BLOB), .chunked = true);
    CHECK_STATUS(patch, 202);
    CHECK_EQ_STR(header(&patch, "Range"), fmt("0-%zu", strlen(BLOB) - 1));
    autoreply r = ask(c, HTTP_PUT, with_digest(header(&patch, "Location"), digest));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
}

TEST_BOTH(chunked_single)
{
    const char *location = start(c);
    autoreply patch = ask(c, HTTP_PATCH, location, .body = BLOB, .body_n = strlen(BLOB),
                          .content_range = fmt("0-%zu", strlen(BLOB) - 1));
    CHECK_STATUS(patch, 202);
    autoreply r = ask(c, HTTP_PUT, with_digest(header(&patch, "Location"), digest));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
}

/* 1024, 1024 and 1019 bytes. */
static const char *three_chunks(char data[3067], enum digest_algorithm a)
{
    for (size_t i = 0; i < 3067; i++)
        data[i] = (char)(i * 31 + i / 256);
    return digest_text(a, data, 3067);
}

static void patch_chunk(struct client *c, const char *location, const char *data, size_t from,
                        size_t to)
{
    autoreply r = ask(c, HTTP_PATCH, location, .body = data + from, .body_n = to - from,
                      .content_range = fmt("%zu-%zu", from, to - 1));
    CHECK_STATUS(r, 202);
    CHECK_EQ_STR(header(&r, "Range"), fmt("0-%zu", to - 1));
}

TEST_BOTH(chunked_multi)
{
    char data[3067];
    const char *big = three_chunks(data, a), *location = start(c);
    patch_chunk(c, location, data, 0, 1024);
    patch_chunk(c, location, data, 1024, 2048);
    patch_chunk(c, location, data, 2048, 3067);
    autoreply r = ask(c, HTTP_PUT, with_digest(location, big));
    check_created(c, &r, big, data, sizeof(data));
}

TEST_BOTH(chunked_multi_and_put_chunk)
{
    char data[3067];
    const char *big = three_chunks(data, a), *location = start(c);
    patch_chunk(c, location, data, 0, 1024);
    patch_chunk(c, location, data, 1024, 2048);
    autoreply r = ask(c, HTTP_PUT, with_digest(location, big), .body = data + 2048, .body_n = 1019,
                      .content_range = "2048-3066");
    check_created(c, &r, big, data, sizeof(data));
}

static void out_of_order(struct client *c, const char *location, const char *data, size_t from,
                         size_t n, size_t held)
{
    autoreply bad = ask(c, HTTP_PATCH, location, .body = data, .body_n = n,
                        .content_range = fmt("%zu-%zu", from, from + n - 1));
    CHECK_CODE(bad, 416, "RANGE_INVALID");
    CHECK_EQ_STR(header(&bad, "Location"), location);
    autoreply status = ask(c, HTTP_GET, location);
    CHECK_STATUS(status, 204);
    CHECK_EQ_STR(header(&status, "Range"), fmt("0-%zu", held ? held - 1 : 0));
    CHECK_EQ_STR(header(&status, "Location"), location);
}

TEST_BOTH(chunked_out_of_order)
{
    char data[3067];
    const char *big = three_chunks(data, a), *location = start(c);
    out_of_order(c, location, data + 1024, 1024, 1024, 0);
    patch_chunk(c, location, data, 0, 1024);
    out_of_order(c, location, data + 2048, 2048, 1019, 1024);
    patch_chunk(c, location, data, 1024, 2048);
    out_of_order(c, location, data, 0, 1024, 2048);
    patch_chunk(c, location, data, 2048, 3067);
    autoreply r = ask(c, HTTP_PUT, with_digest(location, big));
    check_created(c, &r, big, data, sizeof(data));
}

TEST_BOTH(chunked_out_of_order_and_put_chunk)
{
    char data[3067];
    const char *big = three_chunks(data, a), *location = start(c);
    patch_chunk(c, location, data, 0, 1024);
    patch_chunk(c, location, data, 1024, 2048);
    autoreply bad = ask(c, HTTP_PUT, with_digest(location, big), .body = data, .body_n = 1019,
                        .content_range = "0-1018");
    CHECK_CODE(bad, 416, "RANGE_INVALID");
    EXPECT(204, c, HTTP_GET, location);
    autoreply r = ask(c, HTTP_PUT, with_digest(location, big), .body = data + 2048, .body_n = 1019,
                      .content_range = "2048-3066");
    check_created(c, &r, big, data, sizeof(data));
}

TEST_BOTH(mount)
{
    push_blob(c, "repo2", BLOB, strlen(BLOB));
    EXPECT(201, c, HTTP_POST, fmt("/v2/repo2/blobs/uploads/?digest=%s", digest), .body = BLOB,
           .body_n = strlen(BLOB));
    autoreply r = ask(c, HTTP_POST, fmt(START "?mount=%s&from=repo2", digest));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
    EXPECT(200, c, HTTP_GET, fmt("/v2/repo2/blobs/%s", digest));
}

TEST_BOTH(mount_anonymous)
{
    EXPECT(201, c, HTTP_POST, fmt("/v2/repo2/blobs/uploads/?digest=%s", digest), .body = BLOB,
           .body_n = strlen(BLOB));
    autoreply r = ask(c, HTTP_POST, fmt(START "?mount=%s", digest));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
}

TEST_BOTH(mount_missing)
{
    static const char *const from[] = {"", "&from=repo2", "&from=no-such-repo", "&from=NOT/valid",
                                       "&from="};
    for (size_t i = 0; i < SW_ARRAY_LEN(from); i++) {
        autoreply r = ask(c, HTTP_POST, fmt(START "?mount=%s%s", digest, from[i]));
        CHECK_STATUS(r, 202);
        autoreply put = ask(c, HTTP_PUT, with_digest(header(&r, "Location"), digest), .body = BLOB,
                            .body_n = strlen(BLOB));
        check_created(c, &put, digest, BLOB, strlen(BLOB));
    }
}

TEST_BOTH(post_cancel)
{
    const char *location = start(c);
    EXPECT(202, c, HTTP_PATCH, location, .body = BLOB, .body_n = strlen(BLOB));
    EXPECT(204, c, HTTP_DELETE, location);
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", c, HTTP_GET, location);
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", c, HTTP_DELETE, location);
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", c, HTTP_PUT, with_digest(location, digest));
}

TEST_BOTH(empty_and_empty_json)
{
    static const char *const bodies[] = {"", "{}"};
    for (size_t i = 0; i < 2; i++) {
        const char *d = digest_text(a, bodies[i], strlen(bodies[i]));
        autoreply r = ask(c, HTTP_PUT, with_digest(start(c), d), .body = bodies[i],
                          .body_n = strlen(bodies[i]));
        check_created(c, &r, d, bodies[i], strlen(bodies[i]));
        autoreply post = ask(c, HTTP_POST, with_digest(START, d), .body = bodies[i],
                             .body_n = strlen(bodies[i]));
        check_created(c, &post, d, bodies[i], strlen(bodies[i]));
    }
}

TEST_BOTH(bad_digest)
{
    const char *wrong = digest_text(a, "x", 1), *location = start(c);
    REFUSED(400, "DIGEST_INVALID", c, HTTP_POST, with_digest(START, wrong), .body = BLOB,
            .body_n = strlen(BLOB));
    REFUSED(400, "DIGEST_INVALID", c, HTTP_PUT, with_digest(location, wrong), .body = BLOB,
            .body_n = strlen(BLOB));
    /* the bytes of the refused request are gone, the session is not */
    autoreply status = ask(c, HTTP_GET, location);
    CHECK_STATUS(status, 204);
    CHECK_EQ_STR(header(&status, "Range"), "0-0");
    EXPECT(202, c, HTTP_PATCH, location, .body = BLOB, .body_n = strlen(BLOB), .chunked = true);
    REFUSED(400, "DIGEST_INVALID", c, HTTP_PUT, with_digest(location, wrong));
    autoreply r = ask(c, HTTP_PUT, with_digest(location, digest));
    check_created(c, &r, digest, BLOB, strlen(BLOB));
    REFUSED(404, "BLOB_UNKNOWN", c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", wrong));
}

TEST(range_requests)
{
    static const struct {
        const char *range;
        int status;
        size_t first, last;
    } rows[] = {{"bytes=500-1499", 206, 500, 1499}, {"bytes=500-", 206, 500, 2047},
                {"bytes=-500", 206, 1548, 2047},    {"bytes=2000-5000", 206, 2000, 2047},
                {"bytes=500-0", 416, 0, 0},         {"bytes=5000-10000", 416, 0, 0},
                {"bytes=0-0", 206, 0, 0},           {"items=0-1", 200, 0, 2047}};
    autoclient c = {0};
    char data[2048];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 + i / 100);
    open_repos(&c);
    push_blob(&c, REPO, data, sizeof(data));
    const char *url = fmt("/v2/" REPO "/blobs/%s", digest_text(DIGEST_SHA256, data, sizeof(data)));
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        autoreply r = ask(&c, HTTP_GET, url, .range = rows[i].range);
        CHECK_STATUS(r, rows[i].status);
        if (rows[i].status == 416) {
            CHECK_CODE(r, 416, "RANGE_INVALID");
            CHECK_EQ_STR(header(&r, "Content-Range"), "bytes */2048");
            continue;
        }
        CHECK_EQ_MEM(r.body.p, r.body.n, data + rows[i].first, rows[i].last - rows[i].first + 1);
        if (rows[i].status == 206)
            CHECK_EQ_STR(header(&r, "Content-Range"),
                         fmt("bytes %zu-%zu/2048", rows[i].first, rows[i].last));
    }
}

TEST(a_part_that_cannot_be_read_has_no_range)
{
    autoclient c = {0};
    char data[2048] = {0};
    open_repos(&c);
    push_blob(&c, REPO, data, sizeof(data));
    const char *digest = fmt("%s", digest_text(DIGEST_SHA256, data, sizeof(data)));
    const char *hex = digest + strlen("sha256:");
    CHECK(unlink(test_path("blobs/blobs/sha256/%.2s/%s", hex, hex)) == 0);
    registry_reset_memory(c.w.reg);
    autoreply r =
        ask(&c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", digest), .range = "bytes=500-1499");
    CHECK_MSG(r.res.status >= 400, "%d", r.res.status);
    CHECK_EQ_STR(header(&r, "Content-Range"), "");
}

TEST(entity_tags_answer_304)
{
    autoclient c = {0};
    open_repos(&c);
    push_blob(&c, REPO, BLOB, strlen(BLOB));
    const char *url = fmt("/v2/" REPO "/blobs/%s", SHA(BLOB));
    autoreply r = ask(&c, HTTP_GET, url);
    CHECK_EQ_STR(header(&r, "ETag"), fmt("\"%s\"", SHA(BLOB)));
    EXPECT(304, &c, HTTP_GET, url, .none_match = header(&r, "ETag"));
    EXPECT(304, &c, HTTP_HEAD, url, .none_match = fmt("\"x\", W/%s", header(&r, "ETag")));
    EXPECT(200, &c, HTTP_GET, url, .none_match = "\"sha256:0\"");
}

TEST(a_delete_is_of_one_repository)
{
    autoclient c = {0};
    open_repos(&c);
    push_blob(&c, REPO, BLOB, strlen(BLOB));
    push_blob(&c, "repo2", BLOB, strlen(BLOB));
    delete_blob(&c, SHA(BLOB));
    EXPECT(200, &c, HTTP_GET, fmt("/v2/repo2/blobs/%s", SHA(BLOB)));
}

TEST(malformed_requests_have_precise_codes)
{
    autoclient c = {0};
    open_repos(&c);
    const char *location = start(&c);
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_GET, "/v2/" REPO "/blobs/sha256:xyz");
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST, START "?digest=md5:00", .body = "x", .body_n = 1);
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST, START "?mount=sha256:1&from=repo2");
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST, START "?digest-algorithm=md5");
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_PUT, location);
    char digits[301];
    memset(digits, 'a', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = 0;
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_PUT, fmt("%s?digest=sha256:%s", location, digits));
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST, fmt(START "?mount=sha256:%s", digits));
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST, START "?digest=sha256:%zz");
    REFUSED(400, "BLOB_UPLOAD_INVALID", &c, HTTP_PATCH, location, .body = "x", .body_n = 1,
            .content_range = "x");
    REFUSED(400, "SIZE_INVALID", &c, HTTP_PATCH, location, .body = "x", .body_n = 1,
            .content_range = "0-5");
    REFUSED(400, "SIZE_INVALID", &c, HTTP_PATCH, location, .body = "x", .body_n = 1,
            .chunked = true, .content_range = "0-5");
    REFUSED(404, "NAME_UNKNOWN", &c, HTTP_GET, fmt("/v2/no/such/blobs/%s", SHA("x")));
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &c, HTTP_PATCH, START "0123456789abcdef0123456789abcdef",
            .body = "x", .body_n = 1);
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &c, HTTP_PATCH, START "nonsense", .body = "x", .body_n = 1);
    REFUSED(405, "UNSUPPORTED", &c, HTTP_PUT, "/v2/" REPO "/tags/list");
    autoreply status = ask(&c, HTTP_GET, location);
    CHECK_EQ_STR(header(&status, "Range"), "0-0");
    autoreply allow = ask(&c, HTTP_PATCH, "/v2/" REPO "/manifests/x");
    CHECK_EQ_STR(header(&allow, "Allow"), "GET, HEAD, PUT, DELETE");
}

TEST(a_stream_that_breaks_off_can_be_resumed)
{
    autoclient c = {0};
    open_repos(&c);
    const char *location = start(&c);
    autoreply gone = ask(&c, HTTP_PATCH, location, .body = BLOB, .body_n = strlen(BLOB),
                         .chunked = true, .vanish = true);
    CHECK(gone.ran);
    size_t held = strlen(BLOB) / 2;
    autoreply status = ask(&c, HTTP_GET, location);
    CHECK_EQ_STR(header(&status, "Range"), fmt("0-%zu", held - 1));
    EXPECT(202, &c, HTTP_PATCH, location, .body = &BLOB[held], .body_n = strlen(BLOB) - held,
           .content_range = fmt("%zu-%zu", held, strlen(BLOB) - 1));
    EXPECT(201, &c, HTTP_PUT, with_digest(location, SHA(BLOB)));
}

TEST(a_chunk_or_closing_put_that_breaks_off_leaves_nothing)
{
    autoclient c = {0};
    open_repos(&c);
    const char *location = start(&c);
    EXPECT(202, &c, HTTP_PATCH, location, .body = BLOB, .body_n = 10, .content_range = "0-9");
    autoreply chunk = ask(&c, HTTP_PATCH, location, .body = &BLOB[10], .body_n = 10,
                          .content_range = "10-19", .vanish = true);
    autoreply put = ask(&c, HTTP_PUT, with_digest(location, SHA(BLOB)), .body = &BLOB[10],
                        .body_n = 20, .vanish = true);
    CHECK(chunk.ran && put.ran);
    autoreply status = ask(&c, HTTP_GET, location);
    CHECK_EQ_STR(header(&status, "Range"), "0-9");
    EXPECT(201, &c, HTTP_PUT, with_digest(location, SHA(BLOB)), .body = &BLOB[10],
           .body_n = strlen(BLOB) - 10);
}

TEST(a_single_post_that_breaks_off_leaves_nothing)
{
    autoclient c = {0};
    open_repos(&c);
    autoreply r = ask(&c, HTTP_POST, with_digest(START, SHA(BLOB)), .body = BLOB,
                      .body_n = strlen(BLOB), .vanish = true);
    CHECK(r.ran);
    REFUSED(404, "BLOB_UNKNOWN", &c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", SHA(BLOB)));
}

TEST(an_upload_survives_a_restart)
{
    autoclient c = {0};
    open_repos(&c);
    const char *location = start(&c);
    EXPECT(202, &c, HTTP_PATCH, location, .body = BLOB, .body_n = 10);
    client_restart(&c);
    autoreply status = ask(&c, HTTP_GET, location);
    CHECK_STATUS(status, 204);
    CHECK_EQ_STR(header(&status, "Range"), "0-9");
    EXPECT(202, &c, HTTP_PATCH, location, .body = &BLOB[10], .body_n = strlen(BLOB) - 10);
    client_restart(&c);
    EXPECT(201, &c, HTTP_PUT, with_digest(location, SHA(BLOB)));
    client_restart(&c);
    check_blob(&c, SHA(BLOB), BLOB, strlen(BLOB));
}

TEST(a_blob_over_the_limit_is_refused_before_and_while_it_comes)
{
    autoclient c = {.w.options.blob_max = 2000};
    static char data[3000];
    open_repos(&c);
    const char *location = start(&c);
    autoreply early = ask(&c, HTTP_PATCH, location, .body = data, .body_n = sizeof(data));
    CHECK_STATUS(early, 413);
    CHECK(!early.ran);
    EXPECT(413, &c, HTTP_PATCH, location, .body = data, .body_n = sizeof(data), .chunked = true);
    REFUSED(404, "BLOB_UPLOAD_UNKNOWN", &c, HTTP_GET, location);
}

TEST(too_many_open_uploads_are_429)
{
    autoclient c = {.w.options.uploads_per_principal = 3};
    open_repos(&c);
    const char *first = fmt("%s", start(&c)), *location = first;
    for (int i = 0; i < 3; i++) {
        EXPECT(202, &c, HTTP_PATCH, location, .body = "x", .body_n = 1);
        if (i < 2)
            location = start(&c);
    }
    autoreply many = ask(&c, HTTP_POST, START);
    CHECK_CODE(many, 429, "TOOMANYREQUESTS");
    CHECK_EQ_STR(header(&many, "Retry-After"), "5");
    EXPECT(202, &c, HTTP_POST, START, .token = c.other_token);
    EXPECT(204, &c, HTTP_DELETE, first);
    EXPECT(202, &c, HTTP_POST, START);
}

TEST(pushing_what_is_there_is_fine)
{
    autoclient c = {0};
    open_repos(&c);
    for (int i = 0; i < 3; i++)
        push_blob(&c, REPO, BLOB, strlen(BLOB));
    check_blob(&c, SHA(BLOB), BLOB, strlen(BLOB));
}
