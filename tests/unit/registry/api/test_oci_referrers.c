/* SPDX-License-Identifier: Apache-2.0 */
/* Referrers beside the list itself: the fallback tag of registries without them, what a delete takes away, and chunks of any size
 * with either algorithm (distribution-spec "Referrers Tag Schema", "Enabling the Referrers API", "Pushing a blob in chunks"). */
#include "registry/core/manifest_store.h"
#include "tests/unit/registry/http.h"

#define REPO "team/app"

static void shop_open(struct client *c)
{
    client_open(c);
    world_repo(&c->w, REPO);
}

static void put(struct client *c, const char *reference, const char *manifest, const char *type)
{
    EXPECT(201, c, HTTP_PUT, fmt("/v2/" REPO "/manifests/%s", reference), .body = manifest,
           .body_n = strlen(manifest), .type = type);
}

static const char *subject_of(const char *manifest)
{
    return fmt(",\"artifactType\":\"application/x.sig\",\"subject\":{\"mediaType\":\"" OCI_IMAGE
               "\",\"digest\":\"%s\",\"size\":%zu}",
               SHA(manifest), strlen(manifest));
}

static const char *entry_of(const char *manifest)
{
    return fmt("{\"mediaType\":\"" OCI_IMAGE "\",\"digest\":\"%s\",\"size\":%zu}", SHA(manifest),
               strlen(manifest));
}

/* The digests of the list, each followed by a blank. */
static const char *referrers_of(struct client *c, const char *digest)
{
    struct sw_err err = SW_ERR_INIT;
    autoreply r = ask(c, HTTP_GET, fmt("/v2/" REPO "/referrers/%s", digest));
    CHECK_STATUS(r, 200);
    sw_autojson json_t *doc = NULL;
    CHECK_OK(sw_json_load(sw_buf_str(&r.body), 32, 10000, NULL, &doc, &err));
    struct sw_buf all = SW_BUF_INIT(10000);
    const json_t *one;
    size_t i;
    (void)sw_buf_add_z(&all, "");
    json_array_foreach(sw_json_array(doc, "manifests"), i, one)
        (void)sw_buf_addf(&all, "%s ", sw_json_str(one, "digest", "?"));
    const char *text = fmt("%s", all.n ? all.p : "");
    sw_buf_done(&all);
    return text;
}

/* What an old client or a copy from an old registry leaves: an index under the tag sha256-<hex>. Its entries that have the subject
 * are referrers since they were pushed, whichever came first; the others are not, and the index itself never is. */
TEST(entries_of_a_fallback_tag_are_referrers_by_their_subject)
{
    SW_CLEANUP(client_close) struct client c = {0};
    shop_open(&c);
    const char *subject = image_of("layer", "");
    const char *with = image_of("sig", subject_of(subject)), *without = image_of("other", "");
    push_image(&c, REPO, "v1", "layer", subject);
    push_image(&c, REPO, SHA(with), "sig", with);
    push_image(&c, REPO, SHA(without), "other", without);
    const char *index =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[%s,%s]}",
            entry_of(with), entry_of(without));
    put(&c, fmt("sha256-%s", SHA(subject) + strlen("sha256:")), index, OCI_INDEX);
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), fmt("%s ", SHA(with)));
    client_restart(&c);
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), fmt("%s ", SHA(with)));
}

/* The tag is a tag like others: removing it or its index takes no referrer away. */
TEST(a_fallback_tag_goes_without_its_entries)
{
    SW_CLEANUP(client_close) struct client c = {0};
    shop_open(&c);
    const char *subject = image_of("layer", "");
    const char *with = image_of("sig", subject_of(subject));
    const char *tag = fmt("sha256-%s", SHA(subject) + strlen("sha256:"));
    push_image(&c, REPO, SHA(with), "sig", with); /* before its subject */
    const char *index = fmt(
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX "\",\"manifests\":[%s]}", entry_of(with));
    put(&c, tag, index, OCI_INDEX);
    EXPECT(202, &c, HTTP_DELETE, fmt("/v2/" REPO "/manifests/%s", tag));
    EXPECT(202, &c, HTTP_DELETE, fmt("/v2/" REPO "/manifests/%s", SHA(index)));
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), fmt("%s ", SHA(with)));
}

TEST(a_deleted_referrer_leaves_the_list_at_once)
{
    SW_CLEANUP(client_close) struct client c = {0};
    struct sw_err err = SW_ERR_INIT;
    shop_open(&c);
    const char *subject = image_of("layer", "");
    const char *one = image_of("sig", subject_of(subject)),
               *two = image_of("sig2", subject_of(subject));
    push_image(&c, REPO, "v1", "layer", subject);
    push_image(&c, REPO, SHA(one), "sig", one);
    push_image(&c, REPO, "signature", "sig2", two);
    CHECK_EQ_INT(strlen(referrers_of(&c, SHA(subject))), 2 * 72);
    EXPECT(202, &c, HTTP_DELETE, fmt("/v2/" REPO "/manifests/%s", SHA(one)));
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), fmt("%s ", SHA(two)));
    /* A tag alone does not take its manifest along; ECR's delete of the last tag does. */
    struct repo *repo;
    struct repo_key key = world_key(REPO);
    struct image_info info;
    enum image_delete_result result;
    CHECK_OK(repo_open(c.w.reg, &key, &repo, &err));
    CHECK_OK(image_delete(c.w.reg, repo, NULL, "signature", &result, &info, &err));
    CHECK_EQ_INT(result, IMAGE_DELETED);
    image_info_done(&info);
    repo_unref(repo);
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), "");
}

/* A signature outlives what it signed, and is there again when that is pushed again. */
TEST(referrers_outlive_their_subject)
{
    SW_CLEANUP(client_close) struct client c = {0};
    shop_open(&c);
    const char *subject = image_of("layer", ""), *one = image_of("sig", subject_of(subject));
    push_image(&c, REPO, "v1", "layer", subject);
    push_image(&c, REPO, SHA(one), "sig", one);
    EXPECT(202, &c, HTTP_DELETE, fmt("/v2/" REPO "/manifests/%s", SHA(subject)));
    CHECK_EQ_STR(referrers_of(&c, SHA(subject)), fmt("%s ", SHA(one)));
    EXPECT(200, &c, HTTP_GET, fmt("/v2/" REPO "/manifests/%s", SHA(one)));
}

/* No smallest chunk is announced unless it was configured (test_limits.py), and never asked for; what the client said about the algorithm is a hint only. */
TEST(chunks_of_one_byte_with_any_announced_algorithm)
{
    static const char *const hints[] = {"", "?digest-algorithm=sha256", "?digest-algorithm=sha512"};
    SW_CLEANUP(client_close) struct client c = {0};
    shop_open(&c);
    for (size_t i = 0; i < SW_ARRAY_LEN(hints); i++) {
        for (enum digest_algorithm a = 0; a < DIGEST_MAX_; a++) {
            const char *data = fmt("x%zu%d", i, (int)a), *name = digest_text(a, data, strlen(data));
            autoreply start = ask(&c, HTTP_POST, fmt("/v2/" REPO "/blobs/uploads/%s", hints[i]));
            CHECK_STATUS(start, 202);
            CHECK_EQ_STR(header(&start, "OCI-Chunk-Min-Length"), "");
            const char *location = fmt("%s", header(&start, "Location"));
            for (size_t n = 0; data[n]; n++)
                EXPECT(202, &c, HTTP_PATCH, location, .body = data + n, .body_n = 1,
                       .content_range = fmt("%zu-%zu", n, n));
            EXPECT(201, &c, HTTP_PUT, fmt("%s?digest=%s", location, name));
            EXPECT(200, &c, HTTP_GET, fmt("/v2/" REPO "/blobs/%s", name));
        }
    }
    REFUSED(400, "DIGEST_INVALID", &c, HTTP_POST,
            "/v2/" REPO "/blobs/uploads/?digest-algorithm=sha1");
}
