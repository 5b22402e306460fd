/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/blob_link.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/core/upload.h"
#include "storage/meta/meta.h"
#include "tests/unit/registry/world.h"

static void push(struct world *w, struct repo *repo, const char *data, size_t n, struct digest *d,
                 struct blob_link *link)
{
    struct sw_err err = SW_ERR_INIT;
    struct upload *u;
    struct blob_info info;
    digest_of(DIGEST_SHA256, data, n, d);
    CHECK_OK(upload_begin(w->reg, repo, "u", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, data, n, &err));
    CHECK_OK(upload_commit(u, repo, d, &info, &err));
    upload_release(u);
    CHECK_OK(blob_link_find(w->reg, repo, d, link, &err));
}

static struct repo *make_repo(struct world *w, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    struct repo *repo;
    world_repo(w, name);
    CHECK_OK(repo_open(w->reg, &key, &repo, &err));
    return repo;
}

/* Of the blob's file, whatever the driver calls it. */
static const char *file_of(const struct digest *d)
{
    static char path[300];
    char hex[129];
    digest_hex(d, hex);
    snprintf(path, sizeof(path), "%s/sha256/%.2s/%s", test_path("blobs/blobs"), hex, hex);
    return path;
}

TEST(small_content_is_read_once_and_shared)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    struct blob_link link;
    struct blob_bytes *a, *b;
    world_open(&w);
    struct repo *repo = make_repo(&w, "app");
    push(&w, repo, "content", 7, &d, &link);
    CHECK_OK(blob_link_bytes(w.reg, repo, &d, &link, &a, &err));
    CHECK(a && a->n == 7 && memcmp(a->p, "content", 7) == 0);
    CHECK(unlink(file_of(&d)) == 0);
    CHECK_OK(blob_link_bytes(w.reg, repo, &d, &link, &b, &err));
    CHECK(a == b);
    blob_bytes_unref(a);
    blob_bytes_unref(b);
    repo_unref(repo);
}

TEST(large_content_stays_in_its_file)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    struct blob_link link;
    struct blob_bytes *a;
    int fd = -1;
    world_open(&w);
    struct repo *repo = make_repo(&w, "app");
    char *data = sw_calloc(1, BLOB_BYTES_MAX + 1);
    push(&w, repo, data, BLOB_BYTES_MAX + 1, &d, &link);
    CHECK_OK(blob_link_bytes(w.reg, repo, &d, &link, &a, &err));
    CHECK(a == NULL);
    CHECK_OK(blob_link_open(w.reg, &d, &link, &fd, &err));
    (void)close(fd);
    push(&w, repo, data, BLOB_BYTES_MAX, &d, &link);
    CHECK_OK(blob_link_bytes(w.reg, repo, &d, &link, &a, &err));
    CHECK(a && a->n == BLOB_BYTES_MAX);
    blob_bytes_unref(a);
    free(data);
    repo_unref(repo);
}

TEST(damaged_and_vanished_content_is_not_served)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    struct blob_link link;
    struct blob_bytes *a;
    world_open(&w);
    struct repo *repo = make_repo(&w, "app");
    push(&w, repo, "content", 7, &d, &link);
    CHECK(chmod(file_of(&d), 0600) == 0);
    int fd = open(file_of(&d), O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, "C", 1) == 1);
    (void)close(fd);
    CHECK_ERR(blob_link_bytes(w.reg, repo, &d, &link, &a, &err), SW_EIO, NULL);
    CHECK(unlink(file_of(&d)) == 0);
    CHECK_ERR(blob_link_bytes(w.reg, repo, &d, &link, &a, &err), SW_ENOTFOUND, "BLOB_UNKNOWN");
    repo_unref(repo);
}

struct fixture {
    struct world w;
    struct repo *one, *two;
    struct digest d;
};

static void fixture_close(struct fixture *f)
{
    repo_unref(f->one);
    repo_unref(f->two);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

/* "one" has the blob "x". */
static void fixture_open(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key one = world_key("one"), two = world_key("two");
    struct upload *u;
    struct blob_info info;
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &one, &f->one, &err));
    CHECK_OK(repo_open_or_create(f->w.reg, &two, &f->two, &err));
    digest_of(DIGEST_SHA256, "x", 1, &f->d);
    CHECK_OK(upload_begin(f->w.reg, NULL, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, "x", 1, &err));
    CHECK_OK(upload_commit(u, f->one, &f->d, &info, &err));
    upload_release(u);
}

static bool yes(void *ctx, const char *repository SW_UNUSED)
{
    ++*(int *)ctx;
    return true;
}

static bool no(void *ctx, const char *repository SW_UNUSED)
{
    ++*(int *)ctx;
    return false;
}

static bool mount(struct fixture *f, struct repo *to, const char *from, blob_may_read_fn may_read,
                  int *asked)
{
    struct sw_err err = SW_ERR_INIT;
    bool mounted = false;
    CHECK_OK(blob_link_mount(f->w.reg, to, from, &f->d, may_read, asked, &mounted, &err));
    return mounted;
}

TEST(memory_follows_rows)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    fixture_open(&f);
    CHECK(!blob_link_cached(f.w.reg, f.one, &f.d, &link));
    CHECK_OK(blob_link_find(f.w.reg, f.one, &f.d, &link, &err));
    CHECK_EQ_UINT(link.size, 1);
    CHECK(blob_link_cached(f.w.reg, f.one, &f.d, &link));
    CHECK(!blob_link_cached(f.w.reg, f.two, &f.d, &link));
    CHECK_ERR(blob_link_find(f.w.reg, f.two, &f.d, &link, &err), SW_ENOTFOUND, "BLOB_UNKNOWN");
    CHECK_OK(blob_link_remove(f.w.reg, f.one, &f.d, &err));
    CHECK(!blob_link_cached(f.w.reg, f.one, &f.d, &link));
    CHECK_ERR(blob_link_remove(f.w.reg, f.one, &f.d, &err), SW_ENOTFOUND, "BLOB_UNKNOWN");
}

TEST(a_mount_needs_the_right_to_read_the_source)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    int asked = 0;
    fixture_open(&f);
    CHECK(!mount(&f, f.two, "one", no, &asked));
    CHECK(!mount(&f, f.two, NULL, no, &asked));
    CHECK_EQ_INT(asked, 2);
    CHECK_ERR(blob_link_find(f.w.reg, f.two, &f.d, &link, &err), SW_ENOTFOUND, "BLOB_UNKNOWN");
    CHECK(!mount(&f, f.two, "absent", yes, &asked));
    CHECK(mount(&f, f.two, "one", yes, &asked));
    CHECK_OK(blob_link_find(f.w.reg, f.two, &f.d, &link, &err));
    CHECK_OK(blob_link_remove(f.w.reg, f.two, &f.d, &err));
    CHECK(mount(&f, f.two, NULL, yes, &asked));
    asked = 0;
    CHECK(mount(&f, f.one, NULL, no, &asked)); /* its own blob, without asking about others */
}

TEST(a_mount_does_not_cross_regions)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo *far;
    int asked = 0;
    fixture_open(&f);
    struct repo_key key = {ACCOUNT, "eu-west-1", "far"};
    CHECK_OK(repo_open_or_create(f.w.reg, &key, &far, &err));
    CHECK(!mount(&f, far, NULL, yes, &asked));
    CHECK(!mount(&f, far, "one", yes, &asked));
    CHECK_EQ_INT(asked, 1);
    repo_unref(far);
}

TEST(bytes_that_vanished_are_an_unknown_blob)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    int fd = -1;
    fixture_open(&f);
    CHECK_OK(blob_link_find(f.w.reg, f.one, &f.d, &link, &err));
    CHECK_OK(blob_remove(f.w.blobs, link.key, &err));
    CHECK_ERR(blob_link_open(f.w.reg, &f.d, &link, &fd, &err), SW_ENOTFOUND, "BLOB_UNKNOWN");
}

static int shorten(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE blob SET size = $1", "i", (int64_t)7);
}

TEST(a_blob_of_another_length_is_not_served)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    int fd = -1;
    fixture_open(&f);
    CHECK_OK(blob_link_find(f.w.reg, f.one, &f.d, &link, &err));
    link.size++;
    CHECK_ERR(blob_link_open(f.w.reg, &f.d, &link, &fd, &err), SW_EIO, NULL);
    CHECK_EQ_INT(fd, -1);
    registry_reset_memory(f.w.reg);
    CHECK_OK(meta_tx(f.w.db, META_WRITE, shorten, NULL, &err));
    CHECK_ERR(blob_link_find(f.w.reg, f.one, &f.d, &link, &err), SW_ENOTFOUND,
              "LayerInaccessibleException");
}

TEST(bytes_that_are_gone_are_mended_by_the_next_push)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct blob_link link;
    struct upload *u;
    struct blob_info info;
    int fd = -1;
    fixture_open(&f);
    CHECK(unlink(file_of(&f.d)) == 0);
    CHECK_ERR(blob_link_find(f.w.reg, f.one, &f.d, &link, &err), SW_ENOTFOUND,
              "LayerInaccessibleException");
    CHECK_OK(upload_begin(f.w.reg, f.one, "AIDA", DIGEST_SHA256, true, &u, &err));
    CHECK_OK(upload_append(u, "x", 1, &err));
    CHECK_OK(upload_commit(u, f.one, &f.d, &info, &err));
    upload_release(u);
    CHECK_OK(blob_link_find(f.w.reg, f.one, &f.d, &link, &err));
    CHECK_OK(blob_link_open(f.w.reg, &f.d, &link, &fd, &err));
    (void)close(fd);
}

TEST(what_has_no_bytes_is_not_mounted)
{
    autofixture f = {0};
    int asked = 0;
    fixture_open(&f);
    CHECK(unlink(file_of(&f.d)) == 0);
    CHECK(!mount(&f, f.two, "one", yes, &asked));
    CHECK(!mount(&f, f.two, NULL, yes, &asked));
}

TEST(a_push_into_a_deleted_repository_fails)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("two");
    struct blob_info info = {.digest = f.d, .size = 1, .key = "k"};
    fixture_open(&f);
    CHECK_OK(repo_delete(f.w.reg, &key, false, NULL, &err));
    CHECK_ERR(blob_link_add(f.w.reg, f.two, &info, &err), SW_ENOTFOUND,
              "RepositoryNotFoundException");
}
