/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: storage/blob base */
/* The power goes away at every system call of a scenario of the filesystem driver (tests/lib/power.h). After the cut a disk image is
 * made, choosing by a seed among all that may be left, and a store is opened on it. Every blob that was acknowledged is there, and no
 * blob that is there is wrong: it may have been read by anybody. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/macros.h"
#include "storage/blob/blob.h"
#include "tests/lib/power.h"
#include "tests/lib/test.h"

/* --- scenario --------------------------------------------------------------------------------- */

struct acknowledged {
    struct blob_info info[8];
    size_t n;
};

static unsigned char content[400000]; /* long enough to be written past the page cache */

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
    static const size_t sizes[] = {10000, 1, 40000, 10000, 400000};
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
    struct power_disk *disk = power_new(cut_at);
    struct blob_store *s = NULL;
    struct acknowledged ack = {.n = 0};
    const char *live = test_path("live"), *image = test_path("image");
    int r = blob_fs_open_sys(live, &power_blob_sys, disk, &s, &err);
    if (r == 0)
        r = scenario(s, &ack, &err);
    CHECK((r < 0) <= disk->dead);
    sw_err_clear(&err);
    power_cut(disk); /* what closing would still do comes too late */
    blob_store_free(s);
    for (uint32_t seed = 0; seed < 12; seed++) {
        power_image(disk, image, seed);
        check_image(image, &ack);
        CHECK_OK(sw_remove_tree(image, &err));
    }
    CHECK_OK(sw_remove_tree(live, &err));
    bool done = disk->calls < cut_at;
    power_free(disk);
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
static bool failed_once;

static int sync_dir_fails_once(void *c, int dir, const char *path)
{
    if (strlen(path) == strlen("blobs/sha256/xx") && !failed_once) {
        failed_once = true;
        errno = EIO;
        return -1;
    }
    return power_blob_sys.fsync_dir(c, dir, path);
}

TEST(who_finds_the_blob_there_syncs_its_folder)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = power_blob_sys;
    struct power_disk *disk = power_new(0);
    struct acknowledged ack = {.n = 0};
    struct blob_store *s = NULL;
    failed_once = false;
    sys.fsync_dir = sync_dir_fails_once;
    CHECK_OK(blob_fs_open_sys(test_path("live"), &sys, disk, &s, &err));
    CHECK_ERR(push(s, 10000, &ack, &err), SW_EIO, NULL);
    CHECK_OK(push(s, 10000, &ack, &err));
    blob_store_free(s);
    power_image(disk, test_path("image"), 0);
    check_image(test_path("image"), &ack);
    power_free(disk);
}

/* The disk itself must be able to lose things, or the tests above prove nothing. */
static int no_sync(void *c, int fd)
{
    (void)c, (void)fd;
    return 0;
}

static int no_sync_dir(void *c, int dir, const char *path)
{
    (void)c, (void)dir, (void)path;
    return 0;
}

static void image_without(const struct blob_fs_sys *sys, struct acknowledged *ack)
{
    struct sw_err err = SW_ERR_INIT;
    struct power_disk *disk = power_new(0);
    struct blob_store *s = NULL;
    CHECK_OK(blob_fs_open_sys(test_path("live"), sys, disk, &s, &err));
    CHECK_OK(push(s, 10000, ack, &err));
    blob_store_free(s);
    for (size_t i = 0; i < disk->names_n; i++)
        if (disk->nodes[disk->names[i].node].folder)
            disk->names[i].durable = true;
    power_image(disk, test_path("image"), 0);
    power_free(disk);
}

TEST(without_syncing_bytes_a_blob_is_damaged)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fs_sys sys = power_blob_sys;
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
    struct blob_fs_sys sys = power_blob_sys;
    struct acknowledged ack = {.n = 0};
    struct blob_store *s = NULL;
    uint64_t size = 0;
    sys.fsync_dir = no_sync_dir;
    image_without(&sys, &ack);
    CHECK_OK(blob_fs_open(test_path("image"), &s, &err));
    CHECK_ERR(blob_stat(s, ack.info[0].key, &size, &err), SW_ENOTFOUND, NULL);
    blob_store_free(s);
}
