/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/blob base */
/* The power goes away at every system call of a scenario of the filesystem driver. A shadow beside
 * the real files knows what was synced:
 *   - bytes of a file count from its last fdatasync; of later writes each 4 KiB block may be there,
 *     be zero, or the file be as short as it was;
 *   - a name counts from the last sync of its folder; a later new name, or the absence of a removed
 *     one, may be there.
 * After the cut a disk image is made from that, choosing by a seed among all that is allowed, and a
 * store is opened on it. Every blob that was acknowledged is there, and no blob that is there is
 * wrong: it may have been read by anybody. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/macros.h"
#include "storage/blob/blob.h"
#include "storage/blob/blob_fs.h"
#include "tests/lib/test.h"

#define NODES_MAX 128
#define BLOCK     4096

/* A file, and its bytes at its last sync. */
struct node {
    ino_t ino;
    unsigned char *synced, *now;
    size_t synced_n, now_n;
};

/* A name of a file, or a folder. */
struct name {
    char path[256];
    ino_t ino;
    bool folder;
    bool durable; /* in the folder as it was synced last */
    bool present; /* in the folder now */
};

struct shadow {
    uint64_t calls, cut_at;
    bool dead;
    struct node nodes[NODES_MAX];
    size_t nodes_n;
    struct name names[2 * NODES_MAX];
    size_t names_n;
};

static const struct blob_fs_sys *const real = &blob_fs_sys_default;

/* True from the cut on: nothing happens any more. */
static bool dead(struct shadow *s)
{
    if (++s->calls == s->cut_at)
        s->dead = true;
    errno = EIO;
    return s->dead;
}

static struct node *node_of(struct shadow *s, ino_t ino)
{
    for (size_t i = 0; i < s->nodes_n; i++)
        if (s->nodes[i].ino == ino)
            return &s->nodes[i];
    assert(s->nodes_n < NODES_MAX);
    struct node *n = &s->nodes[s->nodes_n++];
    n->ino = ino;
    return n;
}

static void set_name(struct shadow *s, const char *path, ino_t ino, bool folder)
{
    struct name *n = NULL;
    for (size_t i = 0; i < s->names_n && !n; i++)
        if (strcmp(s->names[i].path, path) == 0 && s->names[i].ino == ino)
            n = &s->names[i];
    if (!n) {
        assert(s->names_n < SW_ARRAY_LEN(s->names));
        n = &s->names[s->names_n++];
        snprintf(n->path, sizeof n->path, "%s", path);
    }
    n->ino = ino;
    n->folder = folder;
    n->present = true;
}

static void drop_name(struct shadow *s, const char *path)
{
    for (size_t i = 0; i < s->names_n; i++)
        if (strcmp(s->names[i].path, path) == 0)
            s->names[i].present = false;
}

static ino_t ino_at(int dir, const char *path)
{
    struct stat st;
    CHECK(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return st.st_ino;
}

static void read_bytes(int fd, unsigned char **p, size_t *n)
{
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    free(*p);
    *n = (size_t)st.st_size;
    *p = sw_malloc(*n + 1);
    CHECK(pread(fd, *p, *n, 0) == (ssize_t)*n);
}

static int s_openat(void *c, int dir, const char *path, int flags, mode_t mode)
{
    if (dead(c))
        return -1;
    int fd = real->openat(NULL, dir, path, flags, mode);
    if (fd >= 0 && (flags & O_CREAT)) {
        /* A freed number may come back: it is another file then, with nothing synced. */
        struct node *n = node_of(c, ino_at(dir, path));
        n->synced_n = n->now_n = 0;
        set_name(c, path, n->ino, false);
    }
    return fd;
}

static int after_change(struct shadow *s, int fd, int result)
{
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    struct node *n = node_of(s, st.st_ino);
    read_bytes(fd, &n->now, &n->now_n);
    return result;
}

static ssize_t s_pwrite(void *c, int fd, const void *data, size_t n, off_t offset)
{
    if (dead(c))
        return -1;
    return after_change(c, fd, (int)real->pwrite(NULL, fd, data, n, offset));
}

static int s_ftruncate(void *c, int fd, off_t size)
{
    return dead(c) ? -1 : after_change(c, fd, real->ftruncate(NULL, fd, size));
}

static int s_fdatasync(void *c, int fd)
{
    struct stat st;
    if (dead(c))
        return -1;
    CHECK(fstat(fd, &st) == 0);
    struct node *n = node_of(c, st.st_ino);
    read_bytes(fd, &n->synced, &n->synced_n);
    read_bytes(fd, &n->now, &n->now_n);
    return 0;
}

static int s_link(void *c, int dir, const char *from, const char *to)
{
    if (dead(c))
        return -1;
    int r = real->link(NULL, dir, from, to);
    if (r == 0)
        set_name(c, to, ino_at(dir, to), false);
    return r;
}

static int s_rename(void *c, int dir, const char *from, const char *to)
{
    if (dead(c))
        return -1;
    int r = real->rename(NULL, dir, from, to);
    if (r == 0) {
        drop_name(c, from);
        drop_name(c, to);
        set_name(c, to, ino_at(dir, to), false);
    }
    return r;
}

static int s_unlink(void *c, int dir, const char *path)
{
    if (dead(c))
        return -1;
    int r = real->unlink(NULL, dir, path);
    if (r == 0)
        drop_name(c, path);
    return r;
}

static int s_mkdir(void *c, int dir, const char *path, mode_t mode)
{
    if (dead(c))
        return -1;
    int r = real->mkdir(NULL, dir, path, mode);
    if (r == 0)
        set_name(c, path, ino_at(dir, path), true);
    return r;
}

static bool is_in(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    if (strcmp(folder, ".") == 0)
        return !slash;
    return slash && strlen(folder) == (size_t)(slash - path) &&
           strncmp(path, folder, (size_t)(slash - path)) == 0;
}

static int s_fsync_dir(void *c, int dir, const char *path)
{
    struct shadow *s = c;
    (void)dir;
    if (dead(c))
        return -1;
    for (size_t i = 0; i < s->names_n; i++)
        if (is_in(s->names[i].path, path))
            s->names[i].durable = s->names[i].present;
    return 0;
}

static const struct blob_fs_sys shadow_sys = {.openat = s_openat,
                                              .pwrite = s_pwrite,
                                              .ftruncate = s_ftruncate,
                                              .fdatasync = s_fdatasync,
                                              .link = s_link,
                                              .rename = s_rename,
                                              .unlink = s_unlink,
                                              .mkdir = s_mkdir,
                                              .fsync_dir = s_fsync_dir};

static void shadow_done(struct shadow *s)
{
    for (size_t i = 0; i < s->nodes_n; i++) {
        free(s->nodes[i].synced);
        free(s->nodes[i].now);
    }
}

/* --- the image -------------------------------------------------------------------------------- */

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* Seed 0: nothing unsynced survives. Seed 1: all of it does. Others: by chance. */
static bool survives(uint32_t *seed)
{
    if (*seed <= 1)
        return *seed == 1;
    return next(seed) & 1;
}

static bool parent_exists(const char *root, const char *path)
{
    sw_autofree char *full = sw_asprintf("%s/%s", root, path);
    *strrchr(full, '/') = 0;
    return access(full, F_OK) == 0;
}

static void make_file(const struct node *n, const char *path, uint32_t *seed)
{
    size_t size = survives(seed) ? n->now_n : n->synced_n;
    sw_autofree unsigned char *p = sw_calloc(1, size + 1);
    for (size_t at = 0; at < size; at += BLOCK) {
        bool fresh = survives(seed);
        const unsigned char *from = fresh ? n->now : n->synced;
        size_t have = fresh ? n->now_n : n->synced_n;
        if (at < have)
            memcpy(p + at, from + at, SW_MIN(have - at, SW_MIN(size - at, (size_t)BLOCK)));
    }
    test_write_file(path, p, size);
}

/* Names of one file become links again, so that all of them show the same bytes. */
static void make_name(struct shadow *s, const char *root, size_t i, uint32_t *seed)
{
    const struct name *n = &s->names[i];
    sw_autofree char *full = sw_asprintf("%s/%s", root, n->path);
    bool kept = n->durable == n->present ? n->durable : survives(seed) == n->present;
    if (!kept || !parent_exists(root, n->path))
        return;
    if (n->folder) {
        CHECK(mkdir(full, 0700) == 0);
        return;
    }
    for (size_t k = 0; k < i; k++) {
        sw_autofree char *other = sw_asprintf("%s/%s", root, s->names[k].path);
        if (s->names[k].ino == n->ino && !s->names[k].folder && access(other, F_OK) == 0) {
            CHECK(link(other, full) == 0 || errno == EEXIST);
            return;
        }
    }
    make_file(node_of(s, n->ino), full, seed);
}

static void make_image(struct shadow *s, const char *root, uint32_t seed)
{
    CHECK(mkdir(root, 0700) == 0);
    for (size_t i = 0; i < s->names_n; i++)
        make_name(s, root, i, &seed);
}

/* --- scenario --------------------------------------------------------------------------------- */

struct acknowledged {
    struct blob_info info[8];
    size_t n;
};

static unsigned char content[40000];

static int push(struct blob_store *s, size_t n, struct acknowledged *ack, struct sw_err *err)
{
    struct blob_writer *w = NULL;
    struct digest d;
    digest_of(DIGEST_SHA256, content, n, &d);
    int r = blob_writer_begin(s, DIGEST_SHA256, &w, err);
    if (r == 0)
        r = blob_writer_append(w, content, n / 2, err);
    if (r == 0)
        r = blob_writer_append(w, content, n / 4, err);
    if (r == 0)
        r = blob_writer_truncate(w, n / 2, err);
    if (r == 0)
        r = blob_writer_append(w, content + n / 2, n - n / 2, err);
    if (r == 0)
        r = blob_writer_commit(w, &d, &ack->info[ack->n], err);
    if (r == 0)
        ack->n++;
    blob_writer_free(w);
    return r;
}

static int scenario(struct blob_store *s, struct acknowledged *ack, struct sw_err *err)
{
    static const size_t sizes[] = {10000, 1, 40000, 10000};
    int r = 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes) && r == 0; i++)
        r = push(s, sizes[i], ack, err);
    return r;
}

static int check_blob(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf buf SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(sizeof content);
    struct digest d;
    (void)modified_at_us, (void)size;
    CHECK(digest_parse(sw_str(key), &d));
    CHECK_OK(blob_read(ctx, key, &d, sizeof content, &buf, &err));
    return 0;
}

static int resume_all(void *ctx, const struct blob_upload_info *u)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_writer *w = NULL;
    int r = blob_writer_resume(ctx, u->id, DIGEST_SHA256, &w, &err);
    if (r == 0)
        CHECK_OK(blob_writer_append(w, "appended after the cut", 22, &err));
    else
        CHECK_EQ_INT(r, SW_ENOTFOUND);
    blob_writer_free(w);
    return 0;
}

/* Also after every upload that came back was written to. */
static void check_image(const char *root, const struct acknowledged *ack)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = NULL;
    uint64_t size = 0;
    CHECK_OK(blob_fs_open(root, &s, &err));
    for (int round = 0; round < 2; round++) {
        CHECK_OK(blob_list(s, check_blob, s, &err));
        for (size_t i = 0; i < ack->n; i++) {
            CHECK_OK(blob_stat(s, ack->info[i].key, &size, &err));
            CHECK_EQ_UINT(size, ack->info[i].size);
        }
        CHECK_OK(blob_list_uploads(s, resume_all, s, &err));
    }
    struct acknowledged again = {.n = 0};
    CHECK_OK(scenario(s, &again, &err));
    CHECK_OK(blob_list(s, check_blob, s, &err));
    blob_store_free(s);
}

/* Returns whether the scenario ended before the cut. */
static bool run_until(uint64_t cut_at)
{
    struct sw_err err = SW_ERR_INIT;
    struct shadow shadow = {.cut_at = cut_at};
    struct blob_store *s = NULL;
    struct acknowledged ack = {.n = 0};
    const char *live = test_path("live"), *image = test_path("image");
    int r = blob_fs_open_sys(live, &shadow_sys, &shadow, &s, &err);
    if (r == 0)
        r = scenario(s, &ack, &err);
    CHECK((r < 0) <= shadow.dead);
    sw_err_clear(&err);
    shadow.dead = true; /* what closing would still do comes too late */
    blob_store_free(s);
    for (uint32_t seed = 0; seed < 12; seed++) {
        make_image(&shadow, image, seed);
        check_image(image, &ack);
        CHECK_OK(sw_remove_tree(image, &err));
    }
    CHECK_OK(sw_remove_tree(live, &err));
    bool done = shadow.calls < cut_at;
    shadow_done(&shadow);
    return done;
}

TEST(no_cut_loses_or_damages_a_blob)
{
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 24 | 1); /* no zero: holes differ from it */
    uint64_t cut_at = 1;
    while (!run_until(cut_at))
        CHECK(++cut_at < 300);
    CHECK(cut_at > 40);
}

/* Whoever made the name never synced its folder: the next one to commit the same bytes has to. */
static int sync_dir_fails_once(void *c, int dir, const char *path)
{
    struct shadow *s = c;
    if (strlen(path) == strlen("blobs/sha256/xx") && s->cut_at == 0) {
        s->cut_at = UINT64_MAX;
        errno = EIO;
        return -1;
    }
    return s_fsync_dir(c, dir, path);
}

TEST(who_finds_the_blob_there_syncs_its_folder)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = shadow_sys;
    struct shadow shadow = {.cut_at = 0};
    struct acknowledged ack = {.n = 0};
    struct blob_store *s = NULL;
    sys.fsync_dir = sync_dir_fails_once;
    CHECK_OK(blob_fs_open_sys(test_path("live"), &sys, &shadow, &s, &err));
    CHECK_ERR(push(s, 10000, &ack, &err), SW_EIO, NULL);
    CHECK_OK(push(s, 10000, &ack, &err));
    blob_store_free(s);
    make_image(&shadow, test_path("image"), 0);
    check_image(test_path("image"), &ack);
    shadow_done(&shadow);
}

/* The shadow itself must be able to lose things, or the test above proves nothing. */
static int no_sync(void *c, int fd)
{
    (void)fd;
    return dead(c) ? -1 : 0;
}

static int no_sync_dir(void *c, int dir, const char *path)
{
    (void)dir, (void)path;
    return dead(c) ? -1 : 0;
}

static void image_without(const struct blob_fs_sys *sys, struct acknowledged *ack)
{
    struct sw_err err = SW_ERR_INIT;
    struct shadow shadow = {.cut_at = 0};
    struct blob_store *s = NULL;
    CHECK_OK(blob_fs_open_sys(test_path("live"), sys, &shadow, &s, &err));
    CHECK_OK(push(s, 10000, ack, &err));
    blob_store_free(s);
    for (size_t i = 0; i < shadow.names_n; i++)
        if (shadow.names[i].folder)
            shadow.names[i].durable = true;
    make_image(&shadow, test_path("image"), 0);
    shadow_done(&shadow);
}

TEST(without_syncing_bytes_a_blob_is_damaged)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = shadow_sys;
    struct acknowledged ack = {.n = 0};
    struct blob_store *s = NULL;
    struct sw_buf buf SW_CLEANUP(sw_buf_done) = SW_BUF_INIT(sizeof content);
    sys.fdatasync = no_sync;
    image_without(&sys, &ack);
    CHECK_OK(blob_fs_open(test_path("image"), &s, &err));
    CHECK_ERR(blob_read(s, ack.info[0].key, &ack.info[0].digest, sizeof content, &buf, &err),
              SW_EMISMATCH, NULL);
    blob_store_free(s);
}

TEST(without_syncing_folders_a_blob_is_lost)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = shadow_sys;
    struct acknowledged ack = {.n = 0};
    struct blob_store *s = NULL;
    uint64_t size = 0;
    sys.fsync_dir = no_sync_dir;
    image_without(&sys, &ack);
    CHECK_OK(blob_fs_open(test_path("image"), &s, &err));
    CHECK_ERR(blob_stat(s, ack.info[0].key, &size, &err), SW_ENOTFOUND, NULL);
    blob_store_free(s);
}
