/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/blob_link.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/core/upload.h"
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
