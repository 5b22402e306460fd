/* SPDX-License-Identifier: Apache-2.0 */
#include "server/local_image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/process.h"
#include "tests/lib/test.h"

static const struct local_image_options no_options;

static void folder(const char *name)
{
    CHECK(mkdir(test_path("%s", name), 0755) == 0);
}

static void file(const char *name, const char *content)
{
    test_write_file(test_path("%s", name), content, strlen(content));
}

static void run_tool(const char *const *argv, struct sw_buf *out)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_process_spec spec = {.argv = argv};
    struct sw_process_result result;

    CHECK_OK(sw_process_run(&spec, out, out, &result, &err));
    CHECK_MSG(result.exit_code == 0, "%s: %s", argv[0], out->p ? out->p : "");
}

/* The layer's members as tar lists them, one name a line. */
static void list_members(const struct local_image *i, struct sw_buf *out)
{
    const char *const argv[] = {"tar", "-tzf", i->blobs[0].path, NULL};
    run_tool(argv, out);
}

/* Unpacks the layer with tar. */
static const char *unpack(const struct local_image *i)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(65536);
    const char *to = test_path("unpacked");
    const char *const argv[] = {
        "tar", "--xattrs", "--xattrs-include=*", "-xpzf", i->blobs[0].path, "-C", to, NULL};

    CHECK(mkdir(to, 0755) == 0);
    run_tool(argv, &out);
    return to;
}

static void open_root(const struct local_image_options *o, struct local_image *ret)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(local_image_open(test_path("root"), o, ret, &err));
    CHECK_EQ_UINT(ret->manifests_n, 1);
    CHECK_EQ_UINT(ret->blobs_n, 2);
}

static struct stat look(const char *name)
{
    struct stat st;
    CHECK_MSG(lstat(test_path("%s", name), &st) == 0, "%s: %s", name, strerror(errno));
    return st;
}

static void make_tree(void)
{
    folder("root");
    folder("root/bin");
    folder("root/empty");
    file("root/bin/tool", "#!/bin/sh\n");
    file("root/b", "bbb");
    file("root/a", "");
    CHECK(chmod(test_path("root/bin/tool"), 04755) == 0);
    CHECK(chmod(test_path("root/empty"), 01777) == 0);
    CHECK(symlink("/bin/tool", test_path("root/absolute")) == 0);
    CHECK(symlink("missing", test_path("root/dangling")) == 0);
    CHECK(link(test_path("root/b"), test_path("root/c")) == 0);
    CHECK(mkfifo(test_path("root/fifo"), 0600) == 0);
}

TEST(layer_unpacks_to_the_same_tree)
{
    struct local_image i;
    char target[64];

    make_tree();
    open_root(&no_options, &i);
    unpack(&i);
    CHECK_EQ_STR(test_read_file(test_path("unpacked/bin/tool"), NULL), "#!/bin/sh\n");
    CHECK_EQ_INT(look("unpacked/bin/tool").st_mode, S_IFREG | 04755);
    CHECK_EQ_INT(look("unpacked/empty").st_mode, S_IFDIR | 01777);
    CHECK_EQ_INT(look("unpacked/a").st_size, 0);
    CHECK_EQ_INT(look("unpacked/fifo").st_mode, S_IFIFO | 0600);
    CHECK_EQ_INT(look("unpacked/b").st_mtime, look("root/b").st_mtime);
    ssize_t n = readlink(test_path("unpacked/absolute"), target, sizeof(target));
    CHECK_EQ_MEM(target, n, "/bin/tool", 9);
    n = readlink(test_path("unpacked/dangling"), target, sizeof(target));
    CHECK_EQ_MEM(target, n, "missing", 7);
    local_image_done(&i);
}

TEST(hard_links_stay_one_file)
{
    struct local_image i;

    make_tree();
    open_root(&no_options, &i);
    unpack(&i);
    CHECK_EQ_UINT(look("unpacked/b").st_ino, look("unpacked/c").st_ino);
    CHECK_EQ_UINT(look("unpacked/b").st_nlink, 2);
    CHECK_EQ_STR(test_read_file(test_path("unpacked/c"), NULL), "bbb");
    local_image_done(&i);
}

TEST(members_are_sorted_and_relative)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf names = SW_BUF_INIT(65536);
    struct local_image i;

    make_tree();
    open_root(&no_options, &i);
    list_members(&i, &names);
    CHECK_EQ_STR(names.p, "a\nabsolute\nb\nbin/\nbin/tool\nc\ndangling\nempty/\nfifo\n");
    local_image_done(&i);
}

TEST(the_same_folder_is_the_same_image)
{
    struct local_image first, second;

    make_tree();
    open_root(&no_options, &first);
    (void)test_read_file(test_path("root/b"), NULL); /* the access time is no part of it */
    CHECK(chmod(test_path("root/b"), 0600) == 0);
    CHECK(chmod(test_path("root/b"), 0644) == 0); /* nor the change time */
    open_root(&no_options, &second);
    CHECK(digest_equal(&first.manifests[0].digest, &second.manifests[0].digest));
    local_image_done(&second);
    file("root/b", "other");
    open_root(&no_options, &second);
    CHECK(!digest_equal(&first.manifests[0].digest, &second.manifests[0].digest));
    local_image_done(&first);
    local_image_done(&second);
}

TEST(sockets_are_left_out)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf names = SW_BUF_INIT(65536);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct local_image i;

    folder("root");
    file("root/x", "x");
    int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s", test_path("root/socket"));
    CHECK(n > 0 && (size_t)n < sizeof(a.sun_path));
    sw_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    open_root(&no_options, &i);
    list_members(&i, &names);
    CHECK_EQ_STR(names.p, "x\n");
    local_image_done(&i);
}

TEST(extended_attributes_go_along)
{
    struct local_image i;
    char value[16];

    folder("root");
    file("root/x", "x");
    const char *name = geteuid() == 0 ? "trusted.slipway" : "user.slipway";
    if (setxattr(test_path("root/x"), name, "value", 5, 0) < 0)
        test_skip("no extended attributes here: %s", strerror(errno));
    open_root(&no_options, &i);
    unpack(&i);
    ssize_t n = getxattr(test_path("unpacked/x"), name, value, sizeof(value));
    CHECK_EQ_MEM(value, n < 0 ? 0 : (size_t)n, "value", 5);
    local_image_done(&i);
}

TEST(owners_and_devices_go_along)
{
    struct local_image i;

    if (geteuid() != 0)
        test_skip("needs root");
    folder("root");
    file("root/x", "x");
    CHECK(lchown(test_path("root/x"), 1234, 4321) == 0);
    if (mknod(test_path("root/null"), S_IFCHR | 0666, (1 << 8) | 3) < 0)
        test_skip("no device nodes here: %s", strerror(errno));
    open_root(&no_options, &i);
    const char *const argv[] = {"tar", "--numeric-owner", "-tvzf", i.blobs[0].path, NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(65536);
    run_tool(argv, &out);
    CHECK_CONTAINS(out.p, "1234/4321");
    CHECK_CONTAINS(out.p, "1,3");
    local_image_done(&i);
}

TEST(names_beyond_ascii_and_long_names_survive)
{
    struct local_image i;
    char name[300];

    folder("root");
    file("root/f\xc3\xbcr", "umlaut");
    file("root/raw\xff", "raw");
    memset(name, 'n', 250);
    name[250] = '\0';
    CHECK(mkdir(test_path("root/%s", name), 0755) == 0);
    test_write_file(test_path("root/%s/%s", name, name), "long", 4);
    open_root(&no_options, &i);
    unpack(&i);
    CHECK_EQ_STR(test_read_file(test_path("unpacked/f\xc3\xbcr"), NULL), "umlaut");
    CHECK_EQ_STR(test_read_file(test_path("unpacked/raw\xff"), NULL), "raw");
    CHECK_EQ_STR(test_read_file(test_path("unpacked/%s/%s", name, name), NULL), "long");
    local_image_done(&i);
}

TEST(a_link_to_the_folder_and_slashes_at_its_end_are_the_folder)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image plain, other;

    make_tree();
    open_root(&no_options, &plain);
    CHECK(symlink("root", test_path("link")) == 0);
    CHECK_OK(local_image_open(test_path("link"), &no_options, &other, &err));
    CHECK(digest_equal(&plain.manifests[0].digest, &other.manifests[0].digest));
    local_image_done(&other);
    CHECK_OK(local_image_open(test_path("root///"), &no_options, &other, &err));
    CHECK(digest_equal(&plain.manifests[0].digest, &other.manifests[0].digest));
    local_image_done(&other);
    local_image_done(&plain);
}

TEST(an_empty_folder_is_an_image)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf names = SW_BUF_INIT(65536);
    struct local_image i;

    folder("root");
    open_root(&no_options, &i);
    list_members(&i, &names);
    CHECK_EQ_UINT(names.n, 0);
    local_image_done(&i);
}

TEST(an_unreadable_file_is_named)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;

    if (geteuid() == 0)
        test_skip("root reads everything");
    folder("root");
    file("root/secret", "x");
    CHECK(chmod(test_path("root/secret"), 0) == 0);
    CHECK(local_image_open(test_path("root"), &no_options, &i, &err) < 0);
    CHECK_CONTAINS(err.msg, "root/secret");
    CHECK_NULL(i.temp_dir);
}

static json_t *config_of(const struct local_image *i)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *config = NULL;
    CHECK_OK(sw_json_load_file(i->blobs[1].path, 65536, &config, &err));
    return config;
}

TEST(configuration_and_manifest_agree_with_the_layer)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    struct digest d;
    char text[DIGEST_STRING_MAX];
    sw_autojson json_t *manifest = NULL;
    size_t n = 0;

    make_tree();
    open_root(&no_options, &i);
    sw_autojson json_t *config = config_of(&i);
    CHECK_OK(sw_json_load(sw_str_n(i.manifests[0].content, i.manifests[0].content_n), 8, 100, NULL,
                          &manifest, &err));
    CHECK_EQ_STR(sw_json_str(config, "os", ""), "linux");
    CHECK_EQ_STR(sw_json_str(manifest, "mediaType", ""), MEDIA_OCI_MANIFEST);
    for (size_t k = 0; k < 2; k++) { /* blobs[0] is the layer, blobs[1] the configuration */
        const json_t *descriptor = k == 0 ? json_array_get(sw_json_array(manifest, "layers"), 0)
                                          : sw_json_object(manifest, "config");
        const char *content = test_read_file(i.blobs[k].path, &n);
        digest_of(DIGEST_SHA256, content, n, &d);
        CHECK(digest_equal(&d, &i.blobs[k].digest));
        digest_format(&d, text);
        CHECK_EQ_STR(sw_json_str(descriptor, "digest", ""), text);
        CHECK_EQ_INT(sw_json_int(descriptor, "size", -1), n);
        CHECK_EQ_UINT(i.blobs[k].size, n);
    }
    SW_CLEANUP(sw_buf_done) struct sw_buf plain = SW_BUF_INIT(1 << 20);
    const char *const argv[] = {"gzip", "-dc", i.blobs[0].path, NULL};
    run_tool(argv, &plain);
    digest_of(DIGEST_SHA256, plain.p, plain.n, &d);
    digest_format(&d, text);
    const json_t *ids = sw_json_array(sw_json_object(config, "rootfs"), "diff_ids");
    CHECK_EQ_UINT(json_array_size(ids), 1);
    CHECK_EQ_STR(json_string_value(json_array_get(ids, 0)), text);
    local_image_done(&i);
}

static void check_words(const struct local_image_options *o, const char *entrypoint,
                        const char *cmd)
{
    struct local_image i;

    open_root(o, &i);
    sw_autojson json_t *config = config_of(&i);
    const json_t *inner = sw_json_object(config, "config");
    json_t *got[2] = {json_object_get(inner, "Entrypoint"), json_object_get(inner, "Cmd")};
    const char *wanted[2] = {entrypoint, cmd};
    for (size_t k = 0; k < 2; k++) {
        sw_autofree char *text = got[k] ? sw_json_dump(got[k]) : NULL;
        CHECK_EQ_STR(text, wanted[k]);
    }
    local_image_done(&i);
}

TEST(entrypoint_and_cmd_are_words_or_lists)
{
    folder("root");
    check_words(&no_options, NULL, "[\"/bin/sh\"]");
    check_words(&(struct local_image_options){.entrypoint = "/init"}, "[\"/init\"]", NULL);
    check_words(&(struct local_image_options){.cmd = "/bin/httpd -f"}, NULL, "[\"/bin/httpd -f\"]");
    check_words(&(struct local_image_options){.entrypoint = "[\"/a\", \"-b\"]", .cmd = "[]"},
                "[\"/a\",\"-b\"]", "[]");
}

TEST(malformed_lists_name_the_flag)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;

    folder("root");
    int r = local_image_open(test_path("root"),
                             &(struct local_image_options){.cmd = "[\"/bin/sh\""}, &i, &err);
    CHECK_CONTAINS(err.msg, "--cmd");
    CHECK_ERR(r, SW_EINVALID, NULL);
    r = local_image_open(test_path("root"), &(struct local_image_options){.entrypoint = "[1]"}, &i,
                         &err);
    CHECK_EQ_STR(err.msg, "--entrypoint: a list of strings, or one word");
    CHECK_ERR(r, SW_EINVALID, NULL);
    CHECK_NULL(i.temp_dir);
}

static void count(void *ctx, const char *what)
{
    CHECK(what && *what);
    ++*(int *)ctx;
}

TEST(what_was_made_goes_with_the_image)
{
    struct local_image i;
    int said = 0;

    folder("root");
    open_root(&(struct local_image_options){.progress = count, .progress_ctx = &said}, &i);
    CHECK_EQ_INT(said, 1);
    sw_autofree char *temp = sw_strdup(i.temp_dir);
    CHECK(sw_path_exists(temp));
    local_image_done(&i);
    CHECK(!sw_path_exists(temp));
}

TEST(a_cancelled_packing_leaves_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    volatile int cancelled = 1;

    make_tree();
    CHECK(mkdir(test_path("tmp"), 0700) == 0);
    const char *before = getenv("TMPDIR");
    sw_autofree char *saved = sw_strdup_or_null(before);
    setenv("TMPDIR", test_path("tmp"), 1);
    int r = local_image_open(test_path("root"),
                             &(struct local_image_options){.cancelled = &cancelled}, &i, &err);
    if (saved)
        setenv("TMPDIR", saved, 1);
    else
        unsetenv("TMPDIR");
    CHECK_EQ_STR(err.msg, "interrupted");
    CHECK_ERR(r, SW_EUNAVAILABLE, NULL);
    CHECK(rmdir(test_path("tmp")) == 0); /* empty */
}
