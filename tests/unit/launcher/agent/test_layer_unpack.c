/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as they should be, and as they should not: nothing may be touched outside the folder. */
#include "launcher/agent/layer_unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <zstd.h>

#include "base/io.h"
#include "launcher/agent/layer_stream.h"
#include "tests/unit/launcher/agent/registry_stub.h"

struct source {
    struct sw_str data;
    size_t at, step;
};

static int64_t source_read(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    (void)err;
    struct source *s = ctx;
    size_t n = SW_MIN(cap, s->data.n - s->at);
    if (s->step)
        n = SW_MIN(n, s->step);
    memcpy(out, s->data.p + s->at, n);
    s->at += n;
    return (int64_t)n;
}

static struct tar tar;
static struct layer_result res;

static void start(void)
{
    if (geteuid() != 0)
        test_skip("needs root");
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("layer"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("outside"), 0755, &err));
    test_write_file(test_path("outside/file"), "untouched", 9);
    CHECK(chmod(test_path("outside/file"), 0640) == 0);
    res = (struct layer_result)LAYER_RESULT_INIT;
    tar_start(&tar);
}

static int unpack_bytes(struct sw_str data, size_t step, const struct layer_limits *limits,
                        struct sw_err *err)
{
    sw_autoclose int root = open(test_path("layer"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(root >= 0);
    struct source s = {data, 0, step};
    return layer_unpack(source_read, &s, root, limits ? limits : &layer_limits_default, &res, err);
}

static int unpack(struct sw_err *err)
{
    int r = unpack_bytes(tar_end(&tar), 0, NULL, err);
    sw_buf_done(&tar.out);
    return r;
}

static void outside_is_untouched(void)
{
    struct stat st;
    CHECK_EQ_STR(test_read_file(test_path("outside/file"), NULL), "untouched");
    CHECK(stat(test_path("outside/file"), &st) == 0 && (st.st_mode & 07777) == 0640 &&
          st.st_nlink == 1);
    DIR *d = opendir(test_path("outside"));
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    CHECK_EQ_INT(n, 3);
    layer_result_done(&res);
}

static struct stat stat_of(const char *name)
{
    struct stat st;
    CHECK_MSG(lstat(test_path("layer/%s", name), &st) == 0, "%s is missing", name);
    return st;
}

TEST(unpacks_modes_owners_times_links_and_attributes)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    tar_add(&tar, &(struct tar_entry){.name = "./", .type = AE_IFDIR, .mode = 0751});
    tar_add(
        &tar,
        &(struct tar_entry){
            .name = "dir/", .type = AE_IFDIR, .mode = 01777, .uid = 5, .gid = 6, .mtime = 1234567});
    tar_add(&tar, &(struct tar_entry){.name = "dir/file",
                                      .data = "hello",
                                      .mode = 04755,
                                      .uid = 1000,
                                      .gid = 1001,
                                      .mtime = 99,
                                      .xattr = "user.note",
                                      .xattr_value = "v"});
    tar_add(&tar, &(struct tar_entry){.name = "dir/hard", .hardlink = "dir/file"});
    tar_add(&tar, &(struct tar_entry){.name = "dir/soft", .type = AE_IFLNK, .data = "/etc/passwd"});
    tar_add(&tar, &(struct tar_entry){.name = "fifo", .type = AE_IFIFO, .mode = 0600});
    tar_add(&tar, &(struct tar_entry){
                      .name = "null", .type = AE_IFCHR, .major = 1, .minor = 3, .mode = 0666});
    tar_add(&tar, &(struct tar_entry){.name = "gr\xc3\xbc\xc3\x9f/\xe2\x82\xac", .data = "utf8"});
    tar_add(&tar, &(struct tar_entry){.name = "gr\xc3\xbc\xc3\x9f/trusted",
                                      .data = "x",
                                      .xattr = "trusted.overlay.opaque",
                                      .xattr_value = "y"});
    CHECK_OK(unpack(&err));
    CHECK_EQ_INT(stat_of("").st_mode & 07777, 0751);
    CHECK_EQ_INT(stat_of("dir").st_mode & 07777, 01777);
    CHECK_EQ_INT(stat_of("dir").st_uid, 5);
    CHECK_EQ_INT(stat_of("dir").st_mtim.tv_sec, 1234567);
    CHECK_EQ_INT(stat_of("dir/file").st_mode & 07777, 04755);
    CHECK_EQ_INT(stat_of("dir/file").st_gid, 1001);
    CHECK_EQ_INT(stat_of("dir/file").st_mtim.tv_sec, 99);
    CHECK_EQ_INT(stat_of("dir/file").st_ino, stat_of("dir/hard").st_ino);
    CHECK(S_ISLNK(stat_of("dir/soft").st_mode));
    CHECK(S_ISFIFO(stat_of("fifo").st_mode));
    CHECK(stat_of("null").st_rdev == makedev(1, 3));
    CHECK_EQ_STR(test_read_file(test_path("layer/gr\xc3\xbc\xc3\x9f/\xe2\x82\xac"), NULL), "utf8");
    char value[8];
    CHECK_EQ_INT(getxattr(test_path("layer/dir/file"), "user.note", value, sizeof value), 1);
    CHECK(getxattr(test_path("layer/gr\xc3\xbc\xc3\x9f/trusted"), "trusted.overlay.opaque", value,
                   sizeof value) < 0);
    CHECK_EQ_INT(res.entries, 9);
    CHECK_EQ_MEM(res.implicit.p, res.implicit.n, "gr\xc3\xbc\xc3\x9f", 7);
    outside_is_untouched();
}

/* Each row is one archive that must be refused. */
TEST(refuses_what_leads_out)
{
    static const struct {
        struct tar_entry entries[3];
        const char *text;
    } rows[] = {
        {{{.name = "../outside/pwn", .data = "x"}}, "leads out"},
        {{{.name = "a/../../outside/pwn", .data = "x"}}, "leads out"},
        {{{.name = "link", .type = AE_IFLNK, .data = "../outside"},
          {.name = "link/pwn", .data = "x"}},
         "through a link"},
        {{{.name = "link", .type = AE_IFLNK, .data = "/"}, {.name = "link/pwn", .data = "x"}},
         "through a link"},
        {{{.name = "a", .type = AE_IFLNK, .data = ".."}, {.name = "a/b/c", .data = "x"}},
         "through a link"},
        {{{.name = "hard", .hardlink = "../outside/file"}}, "leads out"},
        {{{.name = "hard", .hardlink = "/etc/passwd"}}, "absolute"},
        {{{.name = "link", .type = AE_IFLNK, .data = "../outside"},
          {.name = "hard", .hardlink = "link/file"}},
         "through a link"},
        {{{.name = "link", .type = AE_IFLNK, .data = "../outside"},
          {.name = "link/.wh.file", .data = ""}},
         "through a link"},
        {{{.name = "x/.wh...", .data = ""}}, "no valid name"},
        {{{.name = "x/.wh.", .data = ""}}, "no valid name"},
        {{{.name = ".", .type = AE_IFLNK, .data = "../outside"}}, "no folder"},
        {{{.name = "./", .hardlink = "x"}}, "no folder"},
        {{{.name = "hidden", .type = AE_IFCHR, .major = 0, .minor = 0}}, "disguise"},
        {{{.name = "file", .data = "x"}, {.name = "file/below", .data = "y"}}, "no folder"},
        {{{.name = "hard", .hardlink = "missing"}}, "names no file"},
        {{{.name = "hard", .hardlink = "no/such/folder"}}, "names no file"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        start();
        struct sw_err err = SW_ERR_INIT;
        for (size_t k = 0; k < 3 && rows[i].entries[k].name; k++)
            tar_add(&tar, &rows[i].entries[k]);
        int r = unpack(&err);
        CHECK_MSG(r < 0 && strstr(err.msg, rows[i].text), "row %zu: %d %s", i, r, err.msg);
        CHECK_EQ_STR(err.reason, "CannotPullContainerError");
        outside_is_untouched();
        struct sw_err ignored = SW_ERR_INIT;
        CHECK_OK_IN(sw_remove_tree(test_path("layer"), &ignored), &ignored);
    }
}

TEST(refuses_an_absolute_name)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    tar_add(&tar, &(struct tar_entry){.name = "/etc/slipway-test-absolute", .data = "x"});
    CHECK_ERR(unpack(&err), SW_EINVALID, "CannotPullContainerError");
    CHECK(!sw_path_exists("/etc/slipway-test-absolute"));
    outside_is_untouched();
}

TEST(replaces_a_link_instead_of_writing_through_it)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    tar_add(&tar, &(struct tar_entry){.name = "f", .type = AE_IFLNK, .data = "../outside/file"});
    tar_add(&tar, &(struct tar_entry){.name = "f", .data = "mine", .mode = 0777});
    tar_add(&tar, &(struct tar_entry){.name = "h", .type = AE_IFLNK, .data = "../outside/file"});
    tar_add(&tar, &(struct tar_entry){.name = "g", .hardlink = "h"});
    tar_add(&tar, &(struct tar_entry){.name = "d", .type = AE_IFLNK, .data = "../outside"});
    tar_add(&tar, &(struct tar_entry){.name = "d/", .type = AE_IFDIR, .mode = 0700});
    tar_add(&tar, &(struct tar_entry){.name = "d/in", .data = "inside"});
    tar_add(&tar, &(struct tar_entry){.name = "d", .data = "a file now"});
    CHECK_OK(unpack(&err));
    CHECK_EQ_STR(test_read_file(test_path("layer/f"), NULL), "mine");
    CHECK(S_ISLNK(stat_of("g").st_mode));
    CHECK_EQ_STR(test_read_file(test_path("layer/d"), NULL), "a file now");
    outside_is_untouched();
}

TEST(whiteouts_take_overlayfs_form)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    char value[4];
    tar_add(&tar, &(struct tar_entry){.name = "a/", .type = AE_IFDIR});
    tar_add(&tar, &(struct tar_entry){.name = "a/.wh.gone", .data = ""});
    tar_add(&tar, &(struct tar_entry){.name = "b/", .type = AE_IFDIR});
    tar_add(&tar, &(struct tar_entry){.name = "b/.wh..wh..opq", .data = ""});
    tar_add(&tar, &(struct tar_entry){.name = "c/", .type = AE_IFDIR});
    tar_add(&tar, &(struct tar_entry){.name = ".wh.c", .data = ""});
    tar_add(&tar, &(struct tar_entry){.name = ".wh.d", .data = ""});
    tar_add(&tar, &(struct tar_entry){.name = "d/", .type = AE_IFDIR});
    tar_add(&tar, &(struct tar_entry){.name = "e", .data = "stays"});
    tar_add(&tar, &(struct tar_entry){.name = ".wh.e", .data = ""});
    tar_add(&tar, &(struct tar_entry){.name = ".wh..wh.plnk/x", .data = ""});
    CHECK_OK(unpack(&err));
    CHECK(S_ISCHR(stat_of("a/gone").st_mode) && stat_of("a/gone").st_rdev == makedev(0, 0));
    static const char *const opaque[] = {"b", "c", "d"};
    for (size_t i = 0; i < 3; i++)
        CHECK_MSG(getxattr(test_path("layer/%s", opaque[i]), "trusted.overlay.opaque", value,
                           sizeof value) == 1,
                  "%s", opaque[i]);
    CHECK_EQ_STR(test_read_file(test_path("layer/e"), NULL), "stays");
    outside_is_untouched();
}

static struct sw_str small_tar(void)
{
    tar_add(&tar, &(struct tar_entry){.name = "zeros", .size = 3 << 20});
    tar_add(&tar, &(struct tar_entry){.name = "text", .data = "abc"});
    return tar_end(&tar);
}

TEST(every_compression_gives_the_same_diff_id)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    struct sw_str plain = small_tar();
    struct digest want;
    digest_of(DIGEST_SHA256, plain.p, plain.n, &want);
    struct sw_buf gz = SW_BUF_INIT(1 << 24), both = SW_BUF_INIT(1 << 24);
    gzip_buf(plain, &gz);
    /* Two gzip members, as some builders write, and padding. */
    gzip_buf(sw_str_slice(plain, 0, 1000), &both);
    gzip_buf(sw_str_slice(plain, 1000, plain.n), &both);
    sw_buf_add(&both, "\0\0\0\0", 4);
    size_t cap = ZSTD_compressBound(plain.n);
    sw_autofree char *zst = sw_malloc(cap);
    size_t zst_n = ZSTD_compress(zst, cap, plain.p, plain.n, 3);
    const struct sw_str forms[] = {plain, sw_buf_str(&gz), sw_buf_str(&both), {zst, zst_n}};
    for (size_t i = 0; i < SW_ARRAY_LEN(forms); i++)
        for (size_t step = 0; step < 2; step++) {
            CHECK_OK(unpack_bytes(forms[i], step ? 7 : 0, NULL, &err));
            CHECK_MSG(digest_equal(&res.diff_id, &want), "form %zu", i);
            CHECK_EQ_INT(stat_of("zeros").st_size, 3 << 20);
        }
    /* Cut anywhere, it is an error, never a short layer. */
    for (size_t i = 1; i < SW_ARRAY_LEN(forms); i++) {
        CHECK_ERR(unpack_bytes(sw_str_slice(forms[i], 0, forms[i].n / 2), 0, NULL, &err),
                  SW_EINVALID, NULL);
        if (i != 2)
            CHECK_ERR(unpack_bytes(sw_str_slice(forms[i], 0, forms[i].n - 1), 0, NULL, &err),
                      SW_EINVALID, NULL);
    }
    sw_buf_done(&gz);
    sw_buf_done(&both);
    sw_buf_done(&tar.out);
    outside_is_untouched();
}

TEST(bombs_are_bounded)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    struct sw_str plain = small_tar();
    struct sw_buf gz = SW_BUF_INIT(1 << 24);
    gzip_buf(plain, &gz);
    struct layer_limits l = layer_limits_default;
    l.ratio = 10;
    l.ratio_free = 1 << 20;
    CHECK_ERR(unpack_bytes(sw_buf_str(&gz), 0, &l, &err), SW_ELIMIT, "CannotPullContainerError");
    l = layer_limits_default;
    l.unpacked_bytes = 1 << 20;
    CHECK_ERR(unpack_bytes(plain, 0, &l, &err), SW_ELIMIT, NULL);
    l = layer_limits_default;
    l.entries = 1;
    CHECK_ERR(unpack_bytes(plain, 0, &l, &err), SW_ELIMIT, NULL);
    sw_buf_done(&gz);
    sw_buf_done(&tar.out);
    /* A header that declares 1 TiB: refused before anything is written. */
    char header[1024] = "huge";
    memcpy(header + 100, "0000644\0000000000\0000000000\000", 24);
    memcpy(header + 124, "\x80\0\0\0\0\0\x01\0\0\0\0\0", 12);
    memcpy(header + 136, "00000000000", 11);
    memcpy(header + 257, "ustar\00000", 8);
    header[156] = '0';
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    CHECK_ERR(unpack_bytes((struct sw_str){header, sizeof header}, 0, NULL, &err), SW_ELIMIT, NULL);
    CHECK(!sw_path_exists(test_path("layer/huge")));
    outside_is_untouched();
}

TEST(garbage_and_nothing)
{
    start();
    struct sw_err err = SW_ERR_INIT;
    sw_buf_done(&tar.out);
    archive_write_free(tar.a);
    CHECK_OK(unpack_bytes((struct sw_str){"", 0}, 0, NULL, &err));
    CHECK_EQ_INT(res.entries, 0);
    char zeros[1024] = {0};
    CHECK_OK(unpack_bytes((struct sw_str){zeros, sizeof zeros}, 0, NULL, &err));
    CHECK_ERR(
        unpack_bytes(SW_STR("this is no archive at all, only text that somebody pushed as one"), 0,
                     NULL, &err),
        SW_EINVALID, "CannotPullContainerError");
    CHECK_ERR(unpack_bytes(SW_STR("\x1f\x8b\x08 broken"), 0, NULL, &err), SW_EINVALID, NULL);
    CHECK_ERR(unpack_bytes(SW_STR("\x28\xb5\x2f\xfd broken"), 0, NULL, &err), SW_EINVALID, NULL);
    /* A layer of which only the compression's header came. */
    struct sw_buf gz = SW_BUF_INIT(1 << 16);
    gzip_buf((struct sw_str){zeros, sizeof zeros}, &gz);
    CHECK_ERR(unpack_bytes(sw_str_slice(sw_buf_str(&gz), 0, gz.n / 2), 0, NULL, &err), SW_EINVALID,
              "CannotPullContainerError");
    sw_buf_done(&gz);
    outside_is_untouched();
}
