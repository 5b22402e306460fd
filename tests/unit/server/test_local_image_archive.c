/* SPDX-License-Identifier: Apache-2.0 */
#include "server/local_image.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const struct local_image_options no_options;

/* Members in the order in which they are put into the archive; content NULL: a link to `link`. */
struct member {
    const char *name, *content, *link;
};

static const char *make_archive(const struct member *members, bool compressed)
{
    const char *path = test_path("image.tar");
    struct archive *a = archive_write_new();

    (void)archive_write_set_format_ustar(a);
    if (compressed)
        (void)archive_write_add_filter_gzip(a);
    CHECK(archive_write_open_filename(a, path) == ARCHIVE_OK);
    for (; members->name; members++) {
        struct archive_entry *e = archive_entry_new();
        size_t n = members->content ? strlen(members->content) : 0;
        archive_entry_set_pathname(e, members->name);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_filetype(e, members->content ? AE_IFREG : AE_IFLNK);
        if (!members->content)
            archive_entry_set_symlink(e, members->link);
        archive_entry_set_size(e, (la_int64_t)n);
        CHECK(archive_write_header(a, e) == ARCHIVE_OK);
        if (n > 0)
            CHECK(archive_write_data(a, members->content, n) == (la_ssize_t)n);
        archive_entry_free(e);
    }
    CHECK(archive_write_free(a) == ARCHIVE_OK);
    return path;
}

/* {"rootfs":{"diff_ids":[...]}} over the layers' contents, NULL-terminated. Caller frees. */
static char *config_over(const char *const *layers)
{
    json_t *ids = json_array();
    for (; *layers; layers++) {
        struct digest d;
        char text[DIGEST_STRING_MAX];
        digest_of(DIGEST_SHA256, *layers, strlen(*layers), &d);
        digest_format(&d, text);
        json_array_append_new(ids, json_string(text));
    }
    sw_autojson json_t *config =
        json_pack("{s:s, s:s, s:{s:s, s:o}}", "os", "linux", "architecture", "amd64", "rootfs",
                  "type", "layers", "diff_ids", ids);
    return sw_json_dump(config);
}

#define LAYER_A "the first layer, as a tar would be"
#define LAYER_B "the second layer"
#define MANIFEST                                                                       \
    "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:v1\"],\"Layers\":[\"a/layer.tar\",\"b/" \
    "layer.tar\"]}]"

static void check_image(const char *path, const struct local_image_options *o, const char *config,
                        size_t layers, size_t blobs)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *manifest = NULL;

    CHECK_OK(local_image_open(path, o, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 1);
    CHECK_EQ_UINT(i.blobs_n, blobs);
    CHECK_EQ_STR(i.manifests[0].media_type, MEDIA_OCI_MANIFEST);
    CHECK_EQ_STR(test_read_file(i.blobs[blobs - 1].path, NULL), config);
    CHECK_OK(sw_json_load(sw_str_n(i.manifests[0].content, i.manifests[0].content_n), 8, 1000, NULL,
                          &manifest, &err));
    CHECK_EQ_UINT(json_array_size(sw_json_array(manifest, "layers")), layers);
    for (size_t k = 0; k < layers; k++) {
        const json_t *l = json_array_get(sw_json_array(manifest, "layers"), k);
        struct digest d;
        CHECK_EQ_STR(sw_json_str(l, "mediaType", ""), MEDIA_OCI_LAYER_GZIP);
        CHECK(digest_parse(sw_str(sw_json_str(l, "digest", "")), &d));
        CHECK(local_image_has_blob(&i, &d));
    }
    for (size_t k = 0; k < blobs; k++) {
        size_t n = 0;
        struct digest d;
        const char *content = test_read_file(i.blobs[k].path, &n);
        digest_of(DIGEST_SHA256, content, n, &d);
        CHECK(digest_equal(&d, &i.blobs[k].digest));
        CHECK_EQ_UINT(n, i.blobs[k].size);
    }
    local_image_done(&i);
}

TEST(the_order_of_members_does_not_matter)
{
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    const struct member first[] = {{"manifest.json", MANIFEST, NULL},
                                   {"c.json", config, NULL},
                                   {"a/layer.tar", LAYER_A, NULL},
                                   {"b/layer.tar", LAYER_B, NULL},
                                   {0}};
    const struct member last[] = {{"b/layer.tar", LAYER_B, NULL},      {"other", "ignored", NULL},
                                  {"a/layer.tar", LAYER_A, NULL},      {"./c.json", config, NULL},
                                  {"./manifest.json", MANIFEST, NULL}, {0}};

    check_image(make_archive(first, false), &no_options, config, 2, 3);
    check_image(make_archive(last, false), &no_options, config, 2, 3);
    check_image(make_archive(last, true), &no_options, config, 2, 3);
}

TEST(layers_keep_their_order)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *manifest = NULL;
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    const struct member members[] = {{"b/layer.tar", LAYER_B, NULL},
                                     {"a/layer.tar", LAYER_A, NULL},
                                     {"c.json", config, NULL},
                                     {"manifest.json", MANIFEST, NULL},
                                     {0}};

    CHECK_OK(local_image_open(make_archive(members, false), &no_options, &i, &err));
    CHECK_OK(sw_json_load(sw_str_n(i.manifests[0].content, i.manifests[0].content_n), 8, 1000, NULL,
                          &manifest, &err));
    for (size_t k = 0; k < 2; k++) { /* blobs come in the archive's order, b first */
        char text[DIGEST_STRING_MAX];
        digest_format(&i.blobs[1 - k].digest, text);
        CHECK_EQ_STR(
            sw_json_str(json_array_get(sw_json_array(manifest, "layers"), k), "digest", ""), text);
    }
    local_image_done(&i);
}

TEST(a_repeated_layer_is_one_blob)
{
    sw_autofree char *config =
        config_over((const char *const[]){LAYER_A, "empty", "empty", LAYER_B, "empty", NULL});
    /* The same file named three times, as newer versions do, or copies of it, as older ones do. */
    const struct member shared[] = {
        {"manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"a\",\"e\",\"e\",\"b\",\"e\"]}]", NULL},
        {"c", config, NULL},
        {"e", "empty", NULL},
        {"a", LAYER_A, NULL},
        {"b", LAYER_B, NULL},
        {0}};
    const struct member copies[] = {
        {"manifest.json", "[{\"Config\":\"c\",\"Layers\":[\"a\",\"e1\",\"e2\",\"b\",\"e3\"]}]",
         NULL},
        {"c", config, NULL},
        {"e1", "empty", NULL},
        {"e2", "empty", NULL},
        {"e3", "empty", NULL},
        {"a", LAYER_A, NULL},
        {"b", LAYER_B, NULL},
        {0}};

    check_image(make_archive(shared, false), &no_options, config, 5, 4);
    check_image(make_archive(copies, false), &no_options, config, 5, 4);
}

static void refused_with(const struct member *members, const struct local_image_options *o,
                         int code, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    int r = local_image_open(make_archive(members, false), o, &i, &err);

    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, code, NULL);
    CHECK_NULL(i.temp_dir);
    CHECK_NULL(i.blobs);
}

TEST(layers_that_the_configuration_does_not_name_are_refused)
{
    sw_autofree char *two = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    sw_autofree char *three = config_over((const char *const[]){LAYER_A, LAYER_B, "c", NULL});
    struct member members[] = {{"manifest.json", MANIFEST, NULL},
                               {"c.json", two, NULL},
                               {"a/layer.tar", LAYER_A, NULL},
                               {"b/layer.tar", "something else", NULL},
                               {0}};

    refused_with(members, &no_options, SW_EMISMATCH, "layer 1 is missing or not the one");
    members[3].name = "b/other.tar";
    members[3].content = LAYER_B;
    refused_with(members, &no_options, SW_EMISMATCH, "layer 1 is missing or not the one");
    members[3].name = "b/layer.tar";
    members[1].content = three;
    refused_with(members, &no_options, SW_EMISMATCH,
                 "manifest.json lists 2 layers, the configuration 3");
}

TEST(what_is_no_docker_archive_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    const struct member nothing[] = {{"a", "b", NULL}, {0}};
    const struct member not_json[] = {{"manifest.json", "x", NULL}, {0}};
    const struct member no_images[] = {{"manifest.json", "[]", NULL}, {0}};
    const struct member no_config[] = {{"manifest.json", "[{\"Layers\":[]}]", NULL}, {0}};
    const struct member bad_layer[] = {
        {"manifest.json", "[{\"Config\":\"c\",\"Layers\":[7]}]", NULL}, {0}};
    const struct member lost_config[] = {
        {"manifest.json", "[{\"Config\":\"c\",\"Layers\":[]}]", NULL}, {0}};

    refused_with(nothing, &no_options, SW_EINVALID, "not a docker archive: no manifest.json");
    refused_with(not_json, &no_options, SW_EINVALID, "line 1");
    refused_with(no_images, &no_options, SW_ENOTFOUND, "the archive holds 0 images");
    refused_with(no_config, &no_options, SW_EINVALID, "names no configuration");
    refused_with(bad_layer, &no_options, SW_ELIMIT, "layer");
    refused_with(lost_config, &no_options, SW_EINVALID, "image configuration");
    const char *text = test_write_file(test_path("text"), "no archive at all", 17);
    CHECK_ERR(local_image_open(text, &no_options, &i, &err), SW_EINVALID, NULL);
}

TEST(a_truncated_archive_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    size_t n = 0;
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    const struct member members[] = {{"manifest.json", MANIFEST, NULL},
                                     {"c.json", config, NULL},
                                     {"a/layer.tar", LAYER_A, NULL},
                                     {"b/layer.tar", LAYER_B, NULL},
                                     {0}};
    const char *whole = test_read_file(make_archive(members, false), &n);

    for (size_t cut = 0; cut < 8 * 512; cut += 100) { /* each member: a header and one block */
        const char *path = test_write_file(test_path("cut.tar"), whole, cut);
        int r = local_image_open(path, &no_options, &i, &err);
        CHECK_MSG(r < 0 || cut >= 7 * 512 + sizeof(LAYER_B) - 1, "cut at %zu was taken", cut);
        if (r == 0)
            local_image_done(&i);
        sw_err_clear(&err);
    }
}

TEST(linked_layers_of_old_archives_are_named)
{
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    const struct member members[] = {{"manifest.json", MANIFEST, NULL},
                                     {"c.json", config, NULL},
                                     {"a/layer.tar", LAYER_A, NULL},
                                     {"b/layer.tar", NULL, "../a/layer.tar"},
                                     {0}};

    refused_with(members, &no_options, SW_EUNSUPPORTED, "b/layer.tar is a link");
}

TEST(links_that_no_layer_is_are_no_harm)
{
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, LAYER_B, NULL});
    const struct member members[] = {{"manifest.json", MANIFEST, NULL},
                                     {"c.json", config, NULL},
                                     {"a/layer.tar", LAYER_A, NULL},
                                     {"b/layer.tar", LAYER_B, NULL},
                                     {"old/layer.tar", NULL, "../a/layer.tar"},
                                     {0}};

    check_image(make_archive(members, false), &no_options, config, 2, 3);
}

/* Compressed as another program would: stored blocks, a header of its own. */
static const char *gzip_of(const char *text, size_t *ret_n)
{
    const char *path = test_path("layer.gz");
    gzFile f = gzopen(path, "wb0");
    CHECK(f && gzwrite(f, text, (unsigned)strlen(text)) == (int)strlen(text));
    CHECK(gzclose(f) == Z_OK);
    return test_read_file(path, ret_n);
}

static const char *one_layer_archive(const char *config, const void *layer, size_t n)
{
    const char *path = test_path("image.tar");
    struct archive *a = archive_write_new();
    static const char manifest[] = "[{\"Config\":\"c\",\"Layers\":[\"l\"]}]";
    const struct {
        const char *name;
        const void *content;
        size_t n;
    } members[] = {{"manifest.json", manifest, sizeof(manifest) - 1},
                   {"c", config, strlen(config)},
                   {"l", layer, n}};

    (void)archive_write_set_format_ustar(a);
    CHECK(archive_write_open_filename(a, path) == ARCHIVE_OK);
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, members[i].name);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_size(e, (la_int64_t)members[i].n);
        CHECK(archive_write_header(a, e) == ARCHIVE_OK);
        CHECK(archive_write_data(a, members[i].content, members[i].n) == (la_ssize_t)members[i].n);
        archive_entry_free(e);
    }
    CHECK(archive_write_free(a) == ARCHIVE_OK);
    return path;
}

TEST(a_compressed_layer_goes_over_as_it_is)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    size_t n = 0, copied_n = 0;
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, NULL});
    const char *layer = gzip_of(LAYER_A, &n);
    sw_autofree char *trailed = sw_calloc(1, n + 7); /* zeros behind it, as some tools pad */
    memcpy(trailed, layer, n);

    CHECK_OK(local_image_open(one_layer_archive(config, layer, n), &no_options, &i, &err));
    const char *copied = test_read_file(i.blobs[0].path, &copied_n);
    CHECK(copied_n == n && memcmp(copied, layer, n) == 0);
    CHECK(strstr(i.manifests[0].content, MEDIA_OCI_LAYER_GZIP) != NULL);
    local_image_done(&i);
    CHECK_OK(local_image_open(one_layer_archive(config, trailed, n + 7), &no_options, &i, &err));
    copied = test_read_file(i.blobs[0].path, &copied_n);
    CHECK(copied_n == n + 7 && memcmp(copied, trailed, n + 7) == 0);
    local_image_done(&i);
    CHECK(local_image_open(one_layer_archive(config, layer, n - 9), &no_options, &i, &err) < 0);
    sw_err_clear(&err);
    sw_autofree char *other = config_over((const char *const[]){LAYER_B, NULL});
    CHECK_ERR(local_image_open(one_layer_archive(other, layer, n), &no_options, &i, &err),
              SW_EMISMATCH, NULL);
}

TEST(an_oci_archive_keeps_its_digests)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    char config_hex[129], manifest_hex[129];
    struct digest config, manifest;
    digest_of(DIGEST_SHA256, "{}", 2, &config);
    digest_hex(&config, config_hex);
    sw_autofree char *doc = sw_asprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:%s\",\"size\":2},\"layers\":[]}",
        config_hex);
    digest_of(DIGEST_SHA256, doc, strlen(doc), &manifest);
    digest_hex(&manifest, manifest_hex);
    sw_autofree char *index =
        sw_asprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
                    "\",\"digest\":\"sha256:%s\",\"size\":%zu}]}",
                    manifest_hex, strlen(doc));
    sw_autofree char *config_name = sw_asprintf("blobs/sha256/%s", config_hex);
    sw_autofree char *manifest_name = sw_asprintf("./blobs/sha256/%s", manifest_hex);
    const struct member members[] = {{"oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}", NULL},
                                     {"index.json", index, NULL},
                                     {config_name, "{}", NULL},
                                     {manifest_name, doc, NULL},
                                     {"blobs/sha256/../../../../../../tmp/swt-escape", "x", NULL},
                                     {"blobs/sha256/short", "x", NULL},
                                     {"manifest.json", "not looked at", NULL},
                                     {0}};

    CHECK_OK(local_image_open(make_archive(members, false), &no_options, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 1);
    CHECK(digest_equal(&i.manifests[0].digest, &manifest));
    CHECK_EQ_UINT(i.blobs_n, 1);
    CHECK_EQ_STR(test_read_file(i.blobs[0].path, NULL), "{}");
    CHECK(!sw_path_exists("/tmp/swt-escape"));
    local_image_done(&i);
}

TEST(names_in_the_archive_are_never_paths)
{
    sw_autofree char *config = config_over((const char *const[]){LAYER_A, NULL});
    const struct member members[] = {
        {"manifest.json",
         "[{\"Config\":\"../../c.json\",\"Layers\":[\"/etc/../escape/layer.tar\"]}]", NULL},
        {"../../c.json", config, NULL},
        {"/etc/../escape/layer.tar", LAYER_A, NULL},
        {0}};

    check_image(make_archive(members, false), &no_options, config, 1, 2);
    CHECK(!sw_path_exists("/escape/layer.tar"));
}

TEST(among_several_images_the_tag_decides)
{
    sw_autofree char *one = config_over((const char *const[]){LAYER_A, NULL});
    sw_autofree char *two = config_over((const char *const[]){LAYER_B, NULL});
    const struct member members[] = {
        {"manifest.json",
         "[{\"Config\":\"1\",\"RepoTags\":[\"host:5000/x\",\"host:5000/x:v1\"],\"Layers\":[\"a\"]},"
         "{\"Config\":\"2\",\"RepoTags\":[\"x:v2\"],\"Layers\":[\"b\"]},"
         "{\"Config\":\"2\",\"RepoTags\":null,\"Layers\":[\"b\"]}]",
         NULL},
        {"1", one, NULL},
        {"2", two, NULL},
        {"a", LAYER_A, NULL},
        {"b", LAYER_B, NULL},
        {0}};

    check_image(make_archive(members, false), &(struct local_image_options){.name = "v1"}, one, 1,
                2);
    check_image(make_archive(members, false), &(struct local_image_options){.name = "v2"}, two, 1,
                2);
    refused_with(members, &(struct local_image_options){.name = "v3"}, SW_ENOTFOUND,
                 "holds 3 images, none tagged 'v3'");
    refused_with(members, &no_options, SW_ENOTFOUND, "none tagged ''");
}

TEST(too_many_layers_are_refused)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(65536);
    sw_buf_add_z(&text, "[{\"Config\":\"c\",\"Layers\":[\"l\"");
    for (int i = 0; i < 512; i++)
        sw_buf_add_z(&text, ",\"l\"");
    sw_buf_add_z(&text, "]}]");
    const struct member members[] = {{"manifest.json", text.p, NULL}, {0}};

    refused_with(members, &no_options, SW_ELIMIT, "512 layers");
}
