/* SPDX-License-Identifier: Apache-2.0 */
#include "server/local_image.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const struct local_image_options no_options;

static const char *layout(void)
{
    return test_path("layout");
}

static const char *blob_file(const struct digest *d)
{
    char hex[129];
    digest_hex(d, hex);
    return test_path("layout/blobs/%s/%s", digest_algorithm_to_string(d->algorithm), hex);
}

/* Stores it and returns its descriptor. */
static json_t *store_as(enum digest_algorithm a, const char *content, const char *media_type)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest d;
    char text[DIGEST_STRING_MAX];

    digest_of(a, content, strlen(content), &d);
    CHECK_OK(sw_mkdirs(test_path("layout/blobs/%s", digest_algorithm_to_string(a)), 0755, &err));
    test_write_file(blob_file(&d), content, strlen(content));
    digest_format(&d, text);
    return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", text, "size",
                     (json_int_t)strlen(content));
}

static json_t *store(const char *content, const char *media_type)
{
    return store_as(DIGEST_SHA256, content, media_type);
}

static json_t *store_json(json_t *content, const char *media_type)
{
    sw_autofree char *text = sw_json_dump(content);
    json_decref(content);
    return store(text, media_type);
}

/* An image of one layer; tells images apart by the layer's content. */
static json_t *image_of(const char *layer)
{
    return store_json(json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
                                MEDIA_OCI_MANIFEST, "config", store("{}", MEDIA_OCI_CONFIG),
                                "layers", store(layer, MEDIA_OCI_LAYER_GZIP)),
                      MEDIA_OCI_MANIFEST);
}

static json_t *index_of(json_t *children)
{
    return json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", MEDIA_OCI_INDEX,
                     "manifests", children);
}

static void finish(json_t *manifests)
{
    sw_autojson json_t *index = index_of(manifests);
    sw_autofree char *text = sw_json_dump(index);
    static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

    test_write_file(test_path("layout/index.json"), text, strlen(text));
    test_write_file(test_path("layout/oci-layout"), marker, sizeof(marker) - 1);
}

static json_t *named(json_t *descriptor, const char *name)
{
    json_object_set_new(descriptor, "annotations",
                        json_pack("{s:s}", "org.opencontainers.image.ref.name", name));
    return descriptor;
}

static void check_digest(const struct local_image_manifest *m, const json_t *descriptor)
{
    char text[DIGEST_STRING_MAX];
    digest_format(&m->digest, text);
    CHECK_EQ_STR(text, sw_json_str(descriptor, "digest", ""));
}

TEST(one_image_is_taken_whatever_its_name)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    struct local_image_options o = {.name = "v9"};
    sw_autojson json_t *only = image_of("layer");

    finish(json_pack("[O]", only));
    CHECK_OK(local_image_open(layout(), &o, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 1);
    CHECK_EQ_UINT(i.blobs_n, 2);
    check_digest(&i.manifests[0], only);
    CHECK_EQ_STR(i.manifests[0].media_type, MEDIA_OCI_MANIFEST);
    CHECK_EQ_UINT(i.blobs[1].size, 5);
    CHECK_EQ_STR(test_read_file(i.blobs[1].path, NULL), "layer");
    CHECK_NULL(i.temp_dir);
    local_image_done(&i);
    CHECK_NULL(i.blobs);
    CHECK(sw_path_exists(layout()));
}

TEST(index_of_two_platforms_comes_after_its_children)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *amd64 = image_of("amd64"), *arm64 = image_of("arm64");
    sw_autojson json_t *index =
        store_json(index_of(json_pack("[O, O]", amd64, arm64)), MEDIA_OCI_INDEX);

    finish(json_pack("[O]", index));
    CHECK_OK(local_image_open(layout(), &no_options, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 3);
    CHECK_EQ_UINT(i.blobs_n, 3); /* two layers, and the configuration that both share */
    check_digest(&i.manifests[0], amd64);
    check_digest(&i.manifests[1], arm64);
    check_digest(&i.manifests[2], index);
    CHECK_EQ_STR(i.manifests[2].media_type, MEDIA_OCI_INDEX);
    local_image_done(&i);
}

static json_t *nested(int depth)
{
    json_t *d = image_of("deep");
    for (int k = 0; k < depth; k++)
        d = store_json(index_of(json_pack("[o]", d)), MEDIA_OCI_INDEX);
    return d;
}

TEST(nested_indexes_are_followed_to_a_bound)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;

    finish(json_pack("[o]", nested(8)));
    CHECK_OK(local_image_open(layout(), &no_options, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 9);
    local_image_done(&i);
    finish(json_pack("[o]", nested(9)));
    CHECK_ERR(local_image_open(layout(), &no_options, &i, &err), SW_ELIMIT, NULL);
}

TEST(a_child_named_often_goes_over_once)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    json_t *d = image_of("x");

    for (int k = 0; k < 8; k++) { /* 4^8 visits if each were followed again */
        json_t *four = json_array();
        for (int n = 0; n < 4; n++)
            json_array_append(four, d);
        json_decref(d);
        d = store_json(index_of(four), MEDIA_OCI_INDEX);
    }
    finish(json_pack("[o]", d));
    CHECK_OK(local_image_open(layout(), &no_options, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 9);
    local_image_done(&i);
}

TEST(among_several_the_name_decides)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    struct local_image_options o = {.name = "v2"};
    sw_autojson json_t *one = named(image_of("1"), "v1"), *two = named(image_of("2"), "v2");

    finish(json_pack("[O, O]", one, two));
    CHECK_OK(local_image_open(layout(), &o, &i, &err));
    check_digest(&i.manifests[0], two);
    local_image_done(&i);
    o.name = "v3";
    int r = local_image_open(layout(), &o, &i, &err);
    CHECK_CONTAINS(err.msg, "holds 2 images, none of them named 'v3'");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK_ERR(local_image_open(layout(), &no_options, &i, &err), SW_ENOTFOUND, NULL);
    finish(json_array());
    r = local_image_open(layout(), &o, &i, &err);
    CHECK_CONTAINS(err.msg, "holds 0 images");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
}

TEST(wrong_size_of_a_blob_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    json_t *config = store("{}", MEDIA_OCI_CONFIG);

    json_object_set_new(config, "size", json_integer(3));
    finish(json_pack("[o]", store_json(json_pack("{s:i, s:o, s:[]}", "schemaVersion", 2, "config",
                                                 config, "layers"),
                                       MEDIA_OCI_MANIFEST)));
    int r = local_image_open(layout(), &no_options, &i, &err);
    CHECK_CONTAINS(err.msg, "its size is not the descriptor's");
    CHECK_ERR(r, SW_EMISMATCH, NULL);
}

static struct digest digest_in(const json_t *descriptor)
{
    struct digest d;
    CHECK(digest_parse(sw_str(sw_json_str(descriptor, "digest", "")), &d));
    return d;
}

TEST(manifest_with_another_content_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *only = image_of("layer");
    struct digest d = digest_in(only);

    finish(json_pack("[O]", only));
    test_write_file(blob_file(&d), "{}", 2);
    int r = local_image_open(layout(), &no_options, &i, &err);
    CHECK_CONTAINS(err.msg, "its content has another digest");
    CHECK_ERR(r, SW_EMISMATCH, NULL);
}

TEST(missing_files_are_named)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *only = image_of("layer");
    struct digest layer, manifest = digest_in(only);

    digest_of(DIGEST_SHA256, "layer", 5, &layer);
    finish(json_pack("[O]", only));
    CHECK(unlink(blob_file(&layer)) == 0);
    int r = local_image_open(layout(), &no_options, &i, &err);
    CHECK_CONTAINS(err.msg, blob_file(&layer));
    CHECK_CONTAINS(err.msg, "the layout lacks this blob");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK(unlink(blob_file(&manifest)) == 0);
    r = local_image_open(layout(), &no_options, &i, &err);
    CHECK_CONTAINS(err.msg, blob_file(&manifest));
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK(unlink(test_path("layout/index.json")) == 0);
    CHECK_ERR(local_image_open(layout(), &no_options, &i, &err), SW_ENOTFOUND, NULL);
}

TEST(a_foreign_layer_stays_where_it_is)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *layer = store("foreign", MEDIA_OCI_LAYER_GZIP);
    struct digest d = digest_in(layer);

    json_object_set_new(layer, "urls", json_pack("[s]", "https://elsewhere/layer"));
    CHECK(unlink(blob_file(&d)) == 0);
    finish(json_pack("[o]", store_json(json_pack("{s:i, s:o, s:[O]}", "schemaVersion", 2, "config",
                                                 store("{}", MEDIA_OCI_CONFIG), "layers", layer),
                                       MEDIA_OCI_MANIFEST)));
    CHECK_OK(local_image_open(layout(), &no_options, &i, &err));
    CHECK_EQ_UINT(i.blobs_n, 1);
    local_image_done(&i);
}

TEST(a_child_keeps_the_algorithm_it_is_named_by)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;
    sw_autojson json_t *child = store_as(
        DIGEST_SHA512, "{\"schemaVersion\":2,\"config\":null,\"layers\":[]}", MEDIA_OCI_MANIFEST);

    finish(json_pack("[o]", store_json(index_of(json_pack("[O]", child)), MEDIA_OCI_INDEX)));
    CHECK_OK(local_image_open(layout(), &no_options, &i, &err));
    CHECK_EQ_UINT(i.manifests_n, 2);
    check_digest(&i.manifests[0], child);
    local_image_done(&i);
}

static void refused(const char *index, int code)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;

    finish(json_array());
    test_write_file(test_path("layout/index.json"), index, strlen(index));
    CHECK_ERR(local_image_open(layout(), &no_options, &i, &err), code, NULL);
    CHECK_NULL(i.manifests);
}

TEST(hostile_index_is_refused)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(sw_mkdirs(layout(), 0755, &err));
    refused("not json", SW_EINVALID);
    refused("[]", SW_ENOTFOUND);
    refused("{\"manifests\":{}}", SW_ENOTFOUND);
    refused("{\"manifests\":[null]}", SW_EINVALID);
    refused("{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\"}]}", SW_EINVALID);
    refused("{\"manifests\":[{\"digest\":7}]}", SW_EINVALID);
}

TEST(neither_file_nor_folder_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct local_image i;

    CHECK_ERR(local_image_open(test_path("none"), &no_options, &i, &err), SW_ENOTFOUND, NULL);
    int r = local_image_open("/dev/null", &no_options, &i, &err);
    CHECK_CONTAINS(err.msg, "neither a folder nor a file");
    CHECK_ERR(r, SW_EINVALID, NULL);
}
