/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/manifest_store.h"

#include <pthread.h>
#include <stdatomic.h>

#include "registry/core/blob_link.h"
#include "registry/core/tag_store.h"
#include "registry/core/upload.h"
#include "tests/unit/registry/world.h"

struct fixture {
    struct world w;
    struct repo *repo;
};

static void fixture_close(struct fixture *f)
{
    repo_unref(f->repo);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

static void fixture_open(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("app");
    f->w.options.allow_sparse_manifests = true;
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &key, &f->repo, &err));
}

/* A manifest that differs by its note. */
static char *text_of(const char *note)
{
    return sw_asprintf("{\"schemaVersion\":2,\"manifests\":[],\"note\":\"%s\"}", note);
}

static int put(struct fixture *f, const char *text, const char *tag, struct manifest_put *put,
               struct sw_err *err)
{
    struct manifest m;
    int r = manifest_parse(sw_str(text), SW_STR(MEDIA_OCI_INDEX), &m, err);
    if (r < 0)
        return r;
    *put = (struct manifest_put){
        .manifest = &m, .bytes = sw_str(text), .tags = &tag, .tags_n = tag != NULL};
    digest_of(DIGEST_SHA256, text, strlen(text), &put->digest);
    r = manifest_put(f->w.reg, f->repo, put, err);
    manifest_done(&m);
    return r;
}

static struct reference ref(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct reference r;
    CHECK_OK(reference_parse(sw_str(text), &r, &err));
    return r;
}

TEST(tells_what_a_put_changed)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct manifest_put p;
    fixture_open(&f);
    sw_autofree char *a = text_of("a"), *b = text_of("b");
    CHECK_OK(put(&f, a, "v1", &p, &err));
    CHECK(p.created && p.retagged);
    CHECK_OK(put(&f, a, "v1", &p, &err));
    CHECK(!p.created && !p.retagged);
    CHECK_OK(put(&f, a, "v2", &p, &err));
    CHECK(!p.created && p.retagged);
    CHECK_OK(put(&f, b, NULL, &p, &err));
    CHECK(p.created && !p.retagged);
}

TEST(memory_answers_until_a_change)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct manifest_put p;
    struct stored_manifest *m;
    fixture_open(&f);
    sw_autofree char *a = text_of("a"), *b = text_of("b");
    struct reference v1 = ref("v1");
    CHECK_OK(put(&f, a, "v1", &p, &err));
    CHECK_NULL(manifest_cached(f.w.reg, f.repo, &v1));
    CHECK_OK(manifest_get(f.w.reg, f.repo, &v1, &m, &err));
    CHECK_EQ_MEM(m->bytes, m->n, a, strlen(a));
    struct stored_manifest *again = manifest_cached(f.w.reg, f.repo, &v1);
    CHECK(again == m);
    stored_manifest_unref(again);
    CHECK_OK(put(&f, b, "v1", &p, &err));
    CHECK_NULL(manifest_cached(f.w.reg, f.repo, &v1));
    CHECK_EQ_MEM(m->bytes, m->n, a, strlen(a)); /* who holds it keeps it */
    stored_manifest_unref(m);
    CHECK_OK(manifest_get(f.w.reg, f.repo, &v1, &m, &err));
    CHECK_EQ_MEM(m->bytes, m->n, b, strlen(b));
    stored_manifest_unref(m);
    CHECK_OK(tag_delete(f.w.reg, f.repo, "v1", &err));
    CHECK_ERR(manifest_get(f.w.reg, f.repo, &v1, &m, &err), SW_ENOTFOUND, "MANIFEST_UNKNOWN");
}

static int damage(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE manifest SET content = $1", "b", "\xff", (size_t)1);
}

TEST(a_damaged_row_is_not_served)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct manifest_put p;
    struct stored_manifest *m;
    fixture_open(&f);
    sw_autofree char *a = text_of("a");
    struct reference v1 = ref("v1");
    CHECK_OK(put(&f, a, "v1", &p, &err));
    CHECK_OK(meta_tx(f.w.db, META_WRITE, damage, NULL, &err));
    CHECK_ERR(manifest_get(f.w.reg, f.repo, &v1, &m, &err), SW_EIO, NULL);
    CHECK_NULL(manifest_cached(f.w.reg, f.repo, &v1));
}

TEST(a_put_into_a_deleted_repository_fails)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct manifest_put p;
    fixture_open(&f);
    sw_autofree char *a = text_of("a");
    struct repo_key key = world_key("app");
    CHECK_OK(repo_delete(f.w.reg, &key, true, NULL, &err));
    CHECK_ERR(put(&f, a, "v1", &p, &err), SW_ENOTFOUND, "RepositoryNotFoundException");
    CHECK_OK(repo_create(f.w.reg, &key, false, "{}", NULL, &err));
    CHECK_ERR(put(&f, a, "v1", &p, &err), SW_ENOTFOUND,
              "RepositoryNotFoundException"); /* this handle means the old one */
}

struct race {
    struct fixture *f;
    atomic_bool stop;
    atomic_int reads;
};

/* Once a delete has returned, no reader may see the tag: the writer checks that, this thread keeps filling the cache. */
static void *reader(void *arg)
{
    struct race *r = arg;
    struct reference v1 = ref("v1");
    while (!atomic_load(&r->stop)) {
        struct sw_err err = SW_ERR_INIT;
        struct stored_manifest *m;
        if (manifest_get(r->f->w.reg, r->f->repo, &v1, &m, &err) == 0) {
            stored_manifest_unref(m);
            atomic_fetch_add(&r->reads, 1);
        }
    }
    return NULL;
}

TEST(a_change_shows_at_once_beside_busy_readers)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    pthread_t threads[2];
    fixture_open(&f);
    struct race race = {.f = &f};
    struct reference v1 = ref("v1");
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, reader, &race), 0);
    for (int i = 0; i < 60; i++) {
        struct manifest_put p;
        struct stored_manifest *m;
        char note[16];
        (void)snprintf(note, sizeof(note), "%d", i);
        sw_autofree char *text = text_of(note);
        CHECK_OK(put(&f, text, "v1", &p, &err));
        CHECK_OK(manifest_get(f.w.reg, f.repo, &v1, &m, &err));
        CHECK_EQ_MEM(m->bytes, m->n, text, strlen(text));
        stored_manifest_unref(m);
        if (i % 2) {
            CHECK_OK(manifest_delete(f.w.reg, f.repo, &p.digest, &err));
            CHECK_ERR(manifest_get(f.w.reg, f.repo, &v1, &m, &err), SW_ENOTFOUND,
                      "MANIFEST_UNKNOWN");
        }
    }
    atomic_store(&race.stop, true);
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&race.reads) > 0);
}

static int count_tag(void *ctx, const char *tag)
{
    int *n = ctx;
    *n = tag ? *n + 1 : 0;
    return 0;
}

TEST(tags_are_listed_and_deleted)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct manifest_put p;
    int n = 0;
    fixture_open(&f);
    sw_autofree char *a = text_of("a");
    CHECK_OK(put(&f, a, "a", &p, &err));
    CHECK_OK(put(&f, a, "b", &p, &err));
    CHECK_OK(tag_list(f.w.reg, f.repo, "", 10, count_tag, &n, &err));
    CHECK_EQ_INT(n, 2);
    CHECK_OK(tag_list(f.w.reg, f.repo, "a", 10, count_tag, &n, &err));
    CHECK_EQ_INT(n, 1);
    CHECK_OK(tag_delete(f.w.reg, f.repo, "a", &err));
    CHECK_ERR(tag_delete(f.w.reg, f.repo, "a", &err), SW_ENOTFOUND, "MANIFEST_UNKNOWN");
}

TEST(images_have_the_size_of_their_largest_child)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct image_info info;
    fixture_open(&f);
    const char *image =
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"size\":40,\"digest\":\"sha256:"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}";
    struct manifest m;
    CHECK_OK(manifest_parse(sw_str(image), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    struct manifest_put p = {.manifest = &m, .bytes = sw_str(image)};
    char digest[DIGEST_STRING_MAX];
    digest_of(DIGEST_SHA256, image, strlen(image), &p.digest);
    digest_format(&p.digest, digest);
    CHECK_OK(manifest_put(f.w.reg, f.repo, &p, &err));
    manifest_done(&m);
    sw_autofree char *index = sw_asprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
                                          "\"x\",\"size\":%zu,\"digest\":\"%s\"}]}",
                                          strlen(image), digest);
    CHECK_OK(put(&f, index, "multi", &p, &err));
    struct reference r = ref("multi");
    CHECK_OK(image_describe(f.w.reg, f.repo, &r, &info, &err));
    CHECK_EQ_INT(info.image_size, 40);
    CHECK_EQ_UINT(info.tags_n, 1);
    image_info_done(&info);
}
