/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite's data sets and rules about manifests, tags and referrers, and what it does not test. */
#include "base/limits.h"
#include "registry/core/manifest_store.h"
#include "tests/unit/registry/http.h"

#define REPO "repo1"
#define M    "/v2/" REPO "/manifests/"

static void open_repo(struct client *c)
{
    client_open(c);
    world_repo(&c->w, REPO);
}

static void put(struct client *c, const char *reference, const char *text, const char *type,
                int want)
{
    autoreply r = ask(c, HTTP_PUT, fmt(M "%s", reference), .body = text, .body_n = strlen(text),
                      .type = type, .chunked = true);
    CHECK_STATUS(r, want);
}

static void check_manifest(struct client *c, const char *reference, const char *digest,
                           const char *text, const char *type)
{
    for (int again = 0; again < 2; again++) {
        autoreply get = ask(c, HTTP_GET, fmt(M "%s", reference));
        CHECK_STATUS(get, 200);
        CHECK_EQ_MEM(get.body.p, get.body.n, text, strlen(text));
        CHECK_EQ_STR(header(&get, "Content-Type"), type);
        CHECK_EQ_STR(header(&get, "Docker-Content-Digest"), digest);
        autoreply head = ask(c, HTTP_HEAD, fmt(M "%s", reference));
        CHECK_STATUS(head, 200);
        CHECK_EQ_INT(head.res.head_length, strlen(text));
        CHECK_EQ_UINT(head.body.n, 0);
        CHECK_EQ_STR(header(&head, "Content-Type"), type);
        CHECK_EQ_STR(header(&head, "Docker-Content-Digest"), digest);
    }
}

TEST(image_by_digest_then_by_tag)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, SHA(m), "layer", m);
    autoreply r = ask(&c, HTTP_PUT, M "image", .body = m, .body_n = strlen(m), .type = OCI_IMAGE);
    CHECK_STATUS(r, 201);
    CHECK_EQ_STR(header(&r, "Location"), fmt(M "%s", SHA(m)));
    CHECK_EQ_STR(header(&r, "Docker-Content-Digest"), SHA(m));
    CHECK_EQ_STR(header(&r, "OCI-Subject"), "");
    check_manifest(&c, "image", SHA(m), m, OCI_IMAGE);
    check_manifest(&c, SHA(m), SHA(m), m, OCI_IMAGE);
}

TEST(bytes_are_verbatim)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m =
        fmt("  %s\n\n",
            image_of("layer", ",\"custom\": {\"b\" :1,\n\"a\": [ ]},\"unicode\":\"\xc3\xa4\""));
    push_image(&c, REPO, "v1", "layer", m);
    check_manifest(&c, "v1", SHA(m), m, OCI_IMAGE);
    client_restart(&c);
    check_manifest(&c, "v1", SHA(m), m, OCI_IMAGE);
}

TEST(large_manifest)
{
    autoclient c = {0};
    open_repo(&c);
    struct sw_buf b = SW_BUF_INIT(8u << 20);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "small", "layer", m);
    CHECK(sw_buf_add(&b, m, strlen(m) - 1));
    CHECK(sw_buf_add_z(&b, ",\"annotations\":{\"x\":\""));
    while (b.n < 3910000)
        (void)sw_buf_add_z(&b, "0123456789");
    CHECK(sw_buf_add_z(&b, "\"}}"));
    put(&c, "large", b.p, OCI_IMAGE, 201);
    check_manifest(&c, "large", SHA(b.p), b.p, OCI_IMAGE);
    while (b.n <= LIMIT_MANIFEST)
        (void)sw_buf_add_char(&b, ' ');
    put(&c, "larger", b.p, OCI_IMAGE, 413);
    autoreply r = ask(&c, HTTP_PUT, M "larger", .body = b.p, .body_n = b.n, .type = OCI_IMAGE);
    CHECK_STATUS(r, 413);
    CHECK(!r.ran);
    sw_buf_done(&b);
}

static const char *index_of(const char *child, const char *extra)
{
    return fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX
               "\",\"manifests\":[{\"mediaType\":\"" OCI_IMAGE
               "\",\"digest\":\"%s\",\"size\":%zu}]%s}",
               SHA(child), strlen(child), extra);
}

TEST(index_nested_index_and_empty_index)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", ""), *inner = index_of(m, ""), *outer = index_of(inner, "");
    const char *empty = "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]}";
    push_image(&c, REPO, SHA(m), "layer", m);
    put(&c, "inner", inner, OCI_INDEX, 201);
    put(&c, "outer", outer, OCI_INDEX, 201);
    put(&c, "empty", empty, OCI_INDEX, 201);
    check_manifest(&c, "outer", SHA(outer), outer, OCI_INDEX);
    check_manifest(&c, "empty", SHA(empty), empty, OCI_INDEX);
}

TEST(missing_parts_are_refused_by_name)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", ""), *index = index_of(m, "");
    push_blob(&c, REPO, "{}", 2);
    autoreply r = ask(&c, HTTP_PUT, M "v1", .body = m, .body_n = strlen(m), .type = OCI_IMAGE);
    CHECK_CODE(r, 400, "MANIFEST_BLOB_UNKNOWN");
    CHECK_CONTAINS(r.body.p, SHA("layer"));
    autoreply i =
        ask(&c, HTTP_PUT, M "v1", .body = index, .body_n = strlen(index), .type = OCI_INDEX);
    CHECK_CODE(i, 400, "MANIFEST_BLOB_UNKNOWN");
    CHECK_CONTAINS(i.body.p, SHA(m));
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, M "v1");
}

/* Layers with these digests, each with its size. */
static const char *image_with_layers(const char *const *digests, const size_t *sizes, size_t n)
{
    const char *layers = "";
    for (size_t i = 0; i < n; i++)
        layers = fmt("%s%s{\"mediaType\":\"application/x\",\"digest\":\"%s\",\"size\":%zu}", layers,
                     i ? "," : "", digests[i], sizes[i]);
    return fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_IMAGE
               "\",\"config\":{\"mediaType\":\"application/x\",\"digest\":\"%s\",\"size\":2},"
               "\"layers\":[%s]}",
               SHA("{}"), layers);
}

TEST(every_missing_part_has_an_error_of_its_own)
{
    autoclient c = {0};
    open_repo(&c);
    const char *digests[] = {SHA("one"), SHA("here"), SHA("three"), SHA("one")};
    const char *m = image_with_layers(digests, (size_t[]){3, 4, 5, 3}, 4);
    push_blob(&c, REPO, "here", 4);
    autoreply r = ask(&c, HTTP_PUT, M "v1", .body = m, .body_n = strlen(m), .type = OCI_IMAGE);
    CHECK_CODE(r, 400, "MANIFEST_BLOB_UNKNOWN");
    sw_autojson json_t *doc = json_loadb(r.body.p, r.body.n, 0, NULL);
    const json_t *errors = json_object_get(doc, "errors");
    const char *want[] = {SHA("{}"), SHA("one"), SHA("three")};
    CHECK_EQ_UINT(json_array_size(errors), SW_ARRAY_LEN(want));
    for (size_t i = 0; i < SW_ARRAY_LEN(want); i++) {
        const json_t *one = json_array_get(errors, i);
        CHECK_EQ_STR(sw_json_str(one, "code", NULL), "MANIFEST_BLOB_UNKNOWN");
        CHECK_EQ_STR(sw_json_str(one, "detail", NULL), want[i]);
        CHECK_CONTAINS(sw_json_str(one, "message", ""), want[i]);
    }
    CHECK(!strstr(r.body.p, SHA("here")));
}

TEST(missing_parts_are_named_up_to_a_maximum)
{
    enum { N = MANIFEST_MISSING_MAX + 20 };
    autoclient c = {0};
    open_repo(&c);
    const char *digests[N];
    size_t sizes[N];
    for (size_t i = 0; i < N; i++) {
        digests[i] = SHA(fmt("%zu", i));
        sizes[i] = 1;
    }
    push_blob(&c, REPO, "{}", 2);
    const char *m = image_with_layers(digests, sizes, N);
    autoreply r = ask(&c, HTTP_PUT, M "v1", .body = m, .body_n = strlen(m), .type = OCI_IMAGE);
    CHECK_CODE(r, 400, "MANIFEST_BLOB_UNKNOWN");
    sw_autojson json_t *doc = json_loadb(r.body.p, r.body.n, 0, NULL);
    CHECK_EQ_UINT(json_array_size(json_object_get(doc, "errors")), MANIFEST_MISSING_MAX);
}

static void contradicts(struct client *c, const char *text, const char *type, const char *digest,
                        size_t said, size_t real)
{
    autoreply r = ask(c, HTTP_PUT, M "v1", .body = text, .body_n = strlen(text), .type = type);
    CHECK_CODE(r, 400, "MANIFEST_INVALID");
    CHECK_CONTAINS(r.body.p, fmt("%s has %zu bytes, it has %zu", digest, said, real));
    REFUSED(404, "MANIFEST_UNKNOWN", c, HTTP_GET, M "v1");
}

static void check_sizes(bool sparse)
{
    autoclient c = {.w.options.allow_sparse_manifests = sparse};
    open_repo(&c);
    const char *layer = SHA("layer"), *image = image_of("layer", "");
    push_image(&c, REPO, "good", "layer", image);
    contradicts(&c, image_with_layers(&layer, (size_t[]){4}, 1), OCI_IMAGE, layer, 4, 5);
    const char *index =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX
            "\",\"manifests\":[{\"mediaType\":\"" OCI_IMAGE "\",\"digest\":\"%s\",\"size\":%zu}]}",
            SHA(image), strlen(image) + 1);
    contradicts(&c, index, OCI_INDEX, SHA(image), strlen(image) + 1, strlen(image));
    put(&c, "right", image_with_layers(&layer, (size_t[]){5}, 1), OCI_IMAGE, 201);
}

TEST(a_size_that_is_not_that_of_the_content_is_refused)
{
    check_sizes(false);
}

TEST(a_size_that_is_not_that_of_the_content_is_refused_where_parts_may_be_missing)
{
    check_sizes(true);
}

TEST(a_blob_of_another_repository_is_missing_here)
{
    autoclient c = {0};
    open_repo(&c);
    world_repo(&c.w, "repo2");
    const char *m = image_of("layer", "");
    push_image(&c, "repo2", "v1", "layer", m);
    REFUSED(400, "MANIFEST_BLOB_UNKNOWN", &c, HTTP_PUT, M "v1", .body = m, .body_n = strlen(m),
            .type = OCI_IMAGE);
}

TEST(sparse_by_configuration)
{
    autoclient c = {.w.options.allow_sparse_manifests = true};
    open_repo(&c);
    const char *m = image_of("layer", ""), *index = index_of(m, "");
    put(&c, "image", m, OCI_IMAGE, 201);
    put(&c, "index", index, OCI_INDEX, 201);
    check_manifest(&c, "index", SHA(index), index, OCI_INDEX);
}

TEST(sparse_by_setting_of_the_repository)
{
    autoclient c = {0};
    struct sw_err err = SW_ERR_INIT;
    open_repo(&c);
    struct repo_key key = world_key("sparse");
    CHECK_OK(repo_create(c.w.reg, &key, false, "{\"allowSparseManifests\":true}", NULL, &err));
    const char *m = image_of("layer", "");
    EXPECT(201, &c, HTTP_PUT, "/v2/sparse/manifests/v1", .body = m, .body_n = strlen(m),
           .type = OCI_IMAGE);
    put(&c, "v1", m, OCI_IMAGE, 400);
}

TEST(non_distributable_layers_need_not_be_there)
{
    autoclient c = {0};
    open_repo(&c);
    push_blob(&c, REPO, "{}", 2);
    const char *m =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_IMAGE
            "\",\"config\":{\"mediaType\":\"application/x\",\"digest\":\"%s\",\"size\":2},"
            "\"layers\":[{\"mediaType\":\"application/"
            "vnd.oci.image.layer.nondistributable.v1.tar+gzip\","
            "\"digest\":\"%s\",\"size\":5,\"urls\":[\"https://127.0.0.1:1/x\"]}]}",
            SHA("{}"), SHA("far away"));
    put(&c, "v1", m, OCI_IMAGE, 201);
    check_manifest(&c, "v1", SHA(m), m, OCI_IMAGE);
}

TEST(build_cache_index_of_blobs)
{
    autoclient c = {0};
    open_repo(&c);
    push_blob(&c, REPO, "cache", 5);
    put(&c, "cache", index_of("cache", ""), OCI_INDEX, 201);
}

TEST(docker_schema_2)
{
    autoclient c = {0};
    open_repo(&c);
    push_blob(&c, REPO, "{}", 2);
    const char *type = "application/vnd.docker.distribution.manifest.v2+json";
    const char *m =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":"
            "\"application/"
            "vnd.docker.container.image.v1+json\",\"digest\":\"%s\",\"size\":2},\"layers\":[]}",
            type, SHA("{}"));
    put(&c, "v1", m, type, 201);
    check_manifest(&c, "v1", SHA(m), m, type);
}

TEST(sha512_stays_sha512)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", ""), *d = digest_text(DIGEST_SHA512, m, strlen(m));
    push_image(&c, REPO, d, "layer", m);
    check_manifest(&c, d, d, m, OCI_IMAGE);
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, fmt(M "%s", SHA(m)));
}

TEST(tag_parameters)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", ""), *d = digest_text(DIGEST_SHA512, m, strlen(m));
    push_blob(&c, REPO, "{}", 2);
    push_blob(&c, REPO, "layer", 5);
    autoreply r = ask(&c, HTTP_PUT, fmt(M "%s?tag=a&tag=b", d), .body = m, .body_n = strlen(m),
                      .type = OCI_IMAGE);
    CHECK_STATUS(r, 201);
    CHECK_EQ_STR(header(&r, "OCI-Tag"), "a,b");
    check_manifest(&c, "a", d, m, OCI_IMAGE);
    check_manifest(&c, "b", d, m, OCI_IMAGE);
    REFUSED(400, "TAG_INVALID", &c, HTTP_PUT, fmt(M "%s?tag=a/b", d), .body = m,
            .body_n = strlen(m), .type = OCI_IMAGE);
}

TEST(bad_digest_image)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "v1", "layer", m);
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_PUT, fmt(M "%s", SHA("other")), .body = m,
            .body_n = strlen(m), .type = OCI_IMAGE);
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_PUT, M "sha256:baddigeststring", .body = m,
            .body_n = strlen(m), .type = OCI_IMAGE);
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_GET, M "sha256:baddigeststring");
    REFUSED(400, "TAG_INVALID", &c, HTTP_PUT, M "-bad", .body = m, .body_n = strlen(m),
            .type = OCI_IMAGE);
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, M "-bad");
}

TEST(missing_manifest)
{
    autoclient c = {0};
    open_repo(&c);
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, M "nope");
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, fmt(M "%s", SHA("nope")));
    EXPECT(404, &c, HTTP_HEAD, M "nope");
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_DELETE, M "nope");
    REFUSED(404, "NAME_UNKNOWN", &c, HTTP_GET, "/v2/no/such/manifests/x");
}

TEST(accept_never_hides_a_manifest)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "v1", "layer", m);
    autoreply r = ask(&c, HTTP_GET, M "v1", .none_match = "\"x\"");
    CHECK_STATUS(r, 200);
    EXPECT(304, &c, HTTP_GET, M "v1", .none_match = header(&r, "ETag"));
}

TEST(a_moved_tag_shows_at_once)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m1 = image_of("one", ""), *m2 = image_of("two", "");
    push_image(&c, REPO, "v1", "one", m1);
    check_manifest(&c, "v1", SHA(m1), m1, OCI_IMAGE);
    push_image(&c, REPO, "v1", "two", m2);
    check_manifest(&c, "v1", SHA(m2), m2, OCI_IMAGE);
    check_manifest(&c, SHA(m1), SHA(m1), m1, OCI_IMAGE);
}

TEST(a_tag_delete_keeps_the_manifest)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "v1", "layer", m);
    check_manifest(&c, "v1", SHA(m), m, OCI_IMAGE);
    EXPECT(202, &c, HTTP_DELETE, M "v1");
    EXPECT(404, &c, HTTP_HEAD, M "v1");
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_DELETE, M "v1");
    check_manifest(&c, SHA(m), SHA(m), m, OCI_IMAGE);
}

TEST(a_manifest_delete_takes_its_tags_at_once)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "v1", "layer", m);
    put(&c, "v2", m, OCI_IMAGE, 201);
    check_manifest(&c, "v1", SHA(m), m, OCI_IMAGE);
    check_manifest(&c, SHA(m), SHA(m), m, OCI_IMAGE);
    EXPECT(202, &c, HTTP_DELETE, fmt(M "%s", SHA(m)));
    EXPECT(404, &c, HTTP_HEAD, fmt(M "%s", SHA(m)));
    EXPECT(404, &c, HTTP_HEAD, M "v1");
    EXPECT(404, &c, HTTP_HEAD, M "v2");
    EXPECT(200, &c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", SHA("layer")));
}

TEST(immutable_tags)
{
    autoclient c = {0};
    struct sw_err err = SW_ERR_INIT;
    open_repo(&c);
    const char *m1 = image_of("one", ""), *m2 = image_of("two", "");
    struct repo_key key = world_key(REPO);
    push_image(&c, REPO, "v1", "one", m1);
    CHECK_OK(repo_set_mutability(c.w.reg, &key, REPO_IMMUTABLE, NULL, &err));
    put(&c, "v1", m1, OCI_IMAGE, 201); /* the same again */
    push_image(&c, REPO, "v2", "two", m2);
    autoreply r = ask(&c, HTTP_PUT, M "v1", .body = m2, .body_n = strlen(m2), .type = OCI_IMAGE);
    CHECK_CODE(r, 400, "TAG_INVALID");
    CHECK_CONTAINS(r.body.p, "cannot be overwritten because the repository is immutable");
    check_manifest(&c, "v1", SHA(m1), m1, OCI_IMAGE);
    REFUSED(400, "TAG_INVALID", &c, HTTP_PUT, fmt(M "%s?tag=new&tag=v1", SHA(m2)), .body = m2,
            .body_n = strlen(m2), .type = OCI_IMAGE);
    EXPECT(404, &c, HTTP_HEAD, M "new");
}

TEST(tag_list_pages)
{
    autoclient c = {0};
    open_repo(&c);
    autoreply none = ask(&c, HTTP_GET, "/v2/" REPO "/tags/list");
    CHECK_EQ_STR(none.body.p, "{\"name\":\"" REPO "\",\"tags\":[]}");
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "b", "layer", m);
    put(&c, "a", m, OCI_IMAGE, 201);
    put(&c, "C", m, OCI_IMAGE, 201);
    put(&c, "_x", m, OCI_IMAGE, 201);
    static const struct {
        const char *query, *tags, *link;
    } rows[] = {
        {"", "\"C\",\"_x\",\"a\",\"b\"", ""},
        {"?last=_x", "\"a\",\"b\"", ""},
        {"?last=between", "", ""},
        {"?last=B", "\"C\",\"_x\",\"a\",\"b\"", ""},
        {"?n=2", "\"C\",\"_x\"", "</v2/repo1/tags/list?n=2&last=_x>; rel=\"next\""},
        {"?n=2&last=_x", "\"a\",\"b\"", ""},
        {"?n=0", "", ""},
        {"?n=99999999", "\"C\",\"_x\",\"a\",\"b\"", ""},
        {"?last='%22%25%5C--;", "\"C\",\"_x\",\"a\",\"b\"", ""},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        autoreply r = ask(&c, HTTP_GET, fmt("/v2/" REPO "/tags/list%s", rows[i].query));
        CHECK_STATUS(r, 200);
        CHECK_EQ_STR(r.body.p, fmt("{\"name\":\"" REPO "\",\"tags\":[%s]}", rows[i].tags));
        CHECK_EQ_STR(header(&r, "Link"), rows[i].link);
        CHECK_EQ_STR(header(&r, "Content-Type"), "application/json");
    }
    REFUSED(400, "PAGINATION_NUMBER_INVALID", &c, HTTP_GET, "/v2/" REPO "/tags/list?n=-1");
    REFUSED(400, "PAGINATION_NUMBER_INVALID", &c, HTTP_GET, "/v2/" REPO "/tags/list?n=x");
    REFUSED(404, "NAME_UNKNOWN", &c, HTTP_GET, "/v2/no/such/tags/list");
}

TEST(catalog_pages)
{
    autoclient c = {0};
    open_repo(&c);
    world_repo(&c.w, "aa/bb");
    world_repo(&c.w, "zz");
    autoreply all = ask(&c, HTTP_GET, "/v2/_catalog");
    CHECK_EQ_STR(all.body.p, "{\"repositories\":[\"aa/bb\",\"repo1\",\"zz\"]}");
    autoreply one = ask(&c, HTTP_GET, "/v2/_catalog?n=1");
    CHECK_EQ_STR(one.body.p, "{\"repositories\":[\"aa/bb\"]}");
    CHECK_EQ_STR(header(&one, "Link"), "</v2/_catalog?n=1&last=aa%2Fbb>; rel=\"next\"");
    autoreply rest = ask(&c, HTTP_GET, "/v2/_catalog?last=aa%2Fbb");
    CHECK_EQ_STR(rest.body.p, "{\"repositories\":[\"repo1\",\"zz\"]}");
}

static void check_referrers(struct client *c, const char *query, size_t want, const char *filters)
{
    autoreply r = ask(c, HTTP_GET, query);
    CHECK_STATUS(r, 200);
    CHECK_EQ_STR(header(&r, "Content-Type"), OCI_INDEX);
    CHECK_EQ_STR(header(&r, "OCI-Filters-Applied"), filters);
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *doc = NULL;
    CHECK_OK(sw_json_load(sw_buf_str(&r.body), 32, 10000, NULL, &doc, &err));
    CHECK_EQ_INT(sw_json_int(doc, "schemaVersion", 0), 2);
    CHECK_EQ_STR(sw_json_str(doc, "mediaType", ""), OCI_INDEX);
    CHECK_EQ_UINT(json_array_size(sw_json_array(doc, "manifests")), want);
}

TEST(referrers)
{
    autoclient c = {0};
    open_repo(&c);
    const char *subject = image_of("layer", "");
    const char *url = fmt("/v2/" REPO "/referrers/%s", SHA(subject));
    check_referrers(&c, url, 0, "");
    const char *extra =
        fmt(",\"subject\":{\"mediaType\":\"" OCI_IMAGE "\",\"digest\":\"%s\",\"size\":1}",
            SHA(subject));
    const char *plain = image_of("layer", extra);
    const char *typed = image_of(
        "layer",
        fmt("%s,\"artifactType\":\"application/x.sig\",\"annotations\":{\"k\":\"\xc3\xa4\\\"\"}",
            extra));
    push_image(&c, REPO, SHA(plain), "layer", plain); /* the subject is still missing */
    autoreply r =
        ask(&c, HTTP_PUT, M "sig", .body = typed, .body_n = strlen(typed), .type = OCI_IMAGE);
    CHECK_STATUS(r, 201);
    CHECK_EQ_STR(header(&r, "OCI-Subject"), SHA(subject));
    const char *index =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[]%s}", extra);
    put(&c, SHA(index), index, OCI_INDEX, 201);
    check_referrers(&c, url, 3, "");
    check_referrers(&c, fmt("%s?artifactType=application%%2Fx.sig", url), 1, "artifactType");
    check_referrers(&c, fmt("%s?artifactType=application/x.config", url), 1, "artifactType");
    check_referrers(&c, fmt("%s?artifactType=none", url), 0, "artifactType");
    check_referrers(&c,
                    fmt("%s?artifactType=application/x.sig&artifactType=application/x.config", url),
                    2, "artifactType");
    autoreply list = ask(&c, HTTP_GET, fmt("%s?artifactType=application/x.sig", url));
    CHECK_CONTAINS(list.body.p,
                   fmt("{\"mediaType\":\"" OCI_IMAGE
                       "\",\"digest\":\"%s\",\"size\":%zu,\"artifactType\":"
                       "\"application/x.sig\",\"annotations\":{\"k\":\"\xc3\xa4\\\"\"}}",
                       SHA(typed), strlen(typed)));
    EXPECT(202, &c, HTTP_DELETE, fmt(M "%s", SHA(typed)));
    check_referrers(&c, url, 2, "");
    check_referrers(&c, fmt("/v2/no/such/referrers/%s", SHA(subject)), 0, "");
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_GET, "/v2/" REPO "/referrers/sha256:1");
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_GET, "/v2/" REPO "/referrers/latest");
}

/* Two fit no page together, whatever makes them large. */
TEST(large_referrers_come_one_by_one)
{
    autoclient c = {0};
    open_repo(&c);
    const char *subject = image_of("layer", "");
    char *large[2];
    push_image(&c, REPO, "subject", "layer", subject);
    for (size_t i = 0; i < 2; i++) {
        struct sw_buf b = SW_BUF_INIT(8u << 20);
        (void)sw_buf_addf(&b,
                          "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX
                          "\",\"manifests\":[],\"subject\":{\"mediaType\":\"" OCI_IMAGE
                          "\",\"digest\":\"%s\",\"size\":1},\"artifactType\":\"%zu",
                          SHA(subject), i);
        while (b.n < 1600000)
            (void)sw_buf_add_z(&b, "0123456789");
        CHECK(sw_buf_add_z(&b, "\"}"));
        large[i] = sw_buf_take(&b);
        put(&c, fmt("large%zu", i), large[i], OCI_INDEX, 201);
    }
    const char *url = fmt("/v2/" REPO "/referrers/%s", SHA(subject));
    check_referrers(&c, url, 1, "");
    autoreply first = ask(&c, HTTP_GET, url);
    struct sw_str rest = sw_str(header(&first, "Link")), next;
    CHECK(sw_str_split(&rest, '>', &next) && next.n > 1);
    sw_autofree char *second = sw_str_dup(sw_str_slice(next, 1, next.n));
    check_referrers(&c, second, 1, "");
    autoreply last = ask(&c, HTTP_GET, second);
    CHECK_EQ_STR(header(&last, "Link"), "");
    CHECK(!sw_str_eq(sw_buf_str(&first.body), sw_buf_str(&last.body)));
    free(large[0]);
    free(large[1]);
}

TEST(contradicting_types_are_refused)
{
    autoclient c = {0};
    open_repo(&c);
    const char *m = image_of("layer", "");
    push_image(&c, REPO, "v1", "layer", m);
    REFUSED(400, "MANIFEST_INVALID", &c, HTTP_PUT, M "v2", .body = m, .body_n = strlen(m),
            .type = OCI_INDEX);
    REFUSED(400, "MANIFEST_INVALID", &c, HTTP_PUT, M "v2", .body = "{", .body_n = 1,
            .type = OCI_IMAGE);
    REFUSED(400, "MANIFEST_INVALID", &c, HTTP_PUT, M "v2", .type = OCI_IMAGE);
    REFUSED(404, "MANIFEST_UNKNOWN", &c, HTTP_GET, M "v2");
}
