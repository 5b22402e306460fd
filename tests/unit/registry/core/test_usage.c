/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/usage.h"

#include "registry/core/manifest_store.h"
#include "registry/core/upload.h"
#include "tests/unit/registry/world.h"

static struct repo *make_repo(struct world *w, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    struct repo *repo;
    world_repo(w, name);
    CHECK_OK(repo_open(w->reg, &key, &repo, &err));
    return repo;
}

static void push(struct world *w, struct repo *repo, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    struct digest d;
    struct blob_info info;
    digest_of(DIGEST_SHA256, text, strlen(text), &d);
    CHECK_OK(upload_begin(w->reg, repo, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, text, strlen(text), &err));
    CHECK_OK(upload_commit(u, repo, &d, &info, &err));
    upload_release(u);
}

/* Its size. */
static size_t put_manifest(struct world *w, struct repo *repo, const char *config, const char *tag)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    char text[DIGEST_STRING_MAX];
    digest_of(DIGEST_SHA256, config, strlen(config), &d);
    digest_format(&d, text);
    sw_autofree char *json = sw_asprintf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"%s\",\"size\":%zu}}",
        text, strlen(config));
    const char *const tags[] = {tag};
    struct manifest m;
    CHECK_OK(manifest_parse(sw_str(json), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    struct manifest_put put = {
        .manifest = &m, .bytes = sw_str(json), .tags = tags, .tags_n = SW_ARRAY_LEN(tags)};
    digest_of(DIGEST_SHA256, json, strlen(json), &put.digest);
    CHECK_OK(manifest_put(w->reg, repo, &put, &err));
    manifest_done(&m);
    return strlen(json);
}

struct seen {
    char names[3][20];
    struct registry_repo_usage u[3];
    size_t n;
};

static void take(void *ctx, const struct registry_repo_usage *u)
{
    struct seen *s = ctx;
    if (!u) {
        s->n = 0;
        return;
    }
    CHECK(s->n < 3);
    CHECK_EQ_STR(u->account, ACCOUNT);
    CHECK_EQ_STR(u->region, REGION);
    CHECK(sw_str_copy(sw_str(u->name), s->names[s->n], sizeof(s->names[0])));
    s->u[s->n++] = *u;
}

TEST(a_shared_blob_counts_in_each_repository_and_once_in_the_totals)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct seen seen = {.n = 2};
    struct registry_totals totals;
    world_open(&w);
    struct repo *a = make_repo(&w, "a"), *b = make_repo(&w, "b"), *c = make_repo(&w, "c");
    push(&w, a, "0123456789");
    push(&w, b, "0123456789");
    push(&w, b, "more");
    size_t n = put_manifest(&w, b, "more", "v1");
    CHECK_OK(registry_usage(w.reg, 10, take, &seen, &totals, &err));
    CHECK_EQ_UINT(totals.repositories, 3);
    CHECK_EQ_UINT(totals.blobs, 2);
    CHECK_EQ_UINT(totals.blob_bytes, 14);
    CHECK_EQ_UINT(seen.n, 3);
    CHECK_EQ_STR(seen.names[0], "b");
    CHECK_EQ_UINT(seen.u[0].blobs, 2);
    CHECK_EQ_UINT(seen.u[0].blob_bytes, 14);
    CHECK_EQ_UINT(seen.u[0].manifests, 1);
    CHECK_EQ_UINT(seen.u[0].manifest_bytes, n);
    CHECK_EQ_UINT(seen.u[0].tags, 1);
    CHECK_EQ_STR(seen.names[1], "a");
    CHECK_EQ_UINT(seen.u[1].blob_bytes, 10);
    CHECK_EQ_STR(seen.names[2], "c");
    CHECK_EQ_UINT(seen.u[2].blobs + seen.u[2].blob_bytes + seen.u[2].manifests + seen.u[2].tags, 0);
    CHECK_OK(registry_usage(w.reg, 1, take, &seen, &totals, &err));
    CHECK_EQ_UINT(seen.n, 1);
    CHECK_EQ_STR(seen.names[0], "b");
    CHECK_EQ_UINT(totals.repositories, 3);
    repo_unref(a);
    repo_unref(b);
    repo_unref(c);
}

TEST(open_uploads_are_counted)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct upload *one, *two;
    world_open(&w);
    struct repo *a = make_repo(&w, "a");
    CHECK_EQ_UINT(registry_uploads_open(w.reg), 0);
    CHECK_OK(upload_begin(w.reg, a, "AIDA", DIGEST_SHA256, false, &one, &err));
    CHECK_OK(upload_begin(w.reg, a, "AIDB", DIGEST_SHA256, false, &two, &err));
    CHECK_EQ_UINT(registry_uploads_open(w.reg), 2);
    upload_release(one);
    CHECK_EQ_UINT(registry_uploads_open(w.reg), 2);
    CHECK_OK(upload_cancel(two, &err));
    upload_release(two);
    CHECK_EQ_UINT(registry_uploads_open(w.reg), 1);
    repo_unref(a);
}
