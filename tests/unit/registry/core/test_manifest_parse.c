/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/manifest_parse.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define HEX  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define D    "\"digest\":\"sha256:" HEX "\""
#define CONF "\"config\":{\"mediaType\":\"application/x.c\"," D ",\"size\":7}"
#define LAY  "\"layers\":[{\"mediaType\":\"application/x.l\"," D ",\"size\":35}]"
#define IMG  "{\"schemaVersion\":2," CONF "," LAY

static void ok(const char *text, const char *type, struct manifest *m)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(manifest_parse(sw_str(text), sw_str(type), m, &err));
}

static void bad(const char *text, const char *type)
{
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    int r = manifest_parse(sw_str(text), sw_str(type), &m, &err);
    CHECK_MSG(r < 0, "accepted: %s", text);
    CHECK_EQ_STR(err.reason, "MANIFEST_INVALID");
}

TEST(reads_an_oci_image)
{
    struct manifest m;
    ok(IMG ",\"annotations\":{\"a\":\"b\"},\"x\":[1,{}]}", MEDIA_OCI_IMAGE "; charset=utf-8", &m);
    CHECK_EQ_STR(m.media_type, MEDIA_OCI_IMAGE);
    CHECK(!m.is_index && !m.has_subject);
    CHECK_EQ_UINT(m.refs_n, 2);
    CHECK_EQ_INT(m.refs[0].role, MANIFEST_CONFIG);
    CHECK_EQ_INT(m.refs[1].role, MANIFEST_LAYER);
    CHECK_EQ_INT(manifest_image_size(&m), 42);
    CHECK_EQ_STR(m.artifact_type, "application/x.c");
    CHECK(m.annotations != NULL);
    manifest_done(&m);
}

TEST(reads_docker_schema_2_and_lists)
{
    struct manifest m;
    ok(IMG ",\"mediaType\":\"" MEDIA_DOCKER_IMAGE "\"}", MEDIA_DOCKER_IMAGE, &m);
    CHECK_EQ_STR(m.media_type, MEDIA_DOCKER_IMAGE);
    manifest_done(&m);
    ok("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_DOCKER_LIST
       "\",\"manifests\":[{\"mediaType\":\"" MEDIA_DOCKER_IMAGE "\"," D ",\"size\":1}]}",
       "", &m);
    CHECK(m.is_index);
    CHECK_EQ_INT(m.refs[0].role, MANIFEST_CHILD);
    CHECK_NULL(m.artifact_type);
    manifest_done(&m);
}

TEST(takes_empty_and_null_lists)
{
    struct manifest m;
    ok("{\"schemaVersion\":2," CONF ",\"layers\":[]}", MEDIA_OCI_IMAGE, &m);
    CHECK_EQ_UINT(m.refs_n, 1);
    manifest_done(&m);
    ok("{\"schemaVersion\":2," CONF ",\"layers\":null}", MEDIA_OCI_IMAGE, &m);
    manifest_done(&m);
    ok("{\"schemaVersion\":2," CONF "}", MEDIA_OCI_IMAGE, &m);
    manifest_done(&m);
    ok("{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_OCI_INDEX, &m);
    CHECK_EQ_UINT(m.refs_n, 0);
    manifest_done(&m);
}

TEST(reads_subject_and_artifact_type)
{
    struct manifest m;
    ok(IMG ",\"artifactType\":\"application/x.sig\",\"subject\":{\"mediaType\":\"" MEDIA_OCI_IMAGE
           "\"," D ",\"size\":1}}",
       MEDIA_OCI_IMAGE, &m);
    CHECK(m.has_subject);
    CHECK_EQ_STR(m.artifact_type, "application/x.sig");
    manifest_done(&m);
    bad(IMG ",\"subject\":{\"mediaType\":\"x\",\"digest\":\"sha256:1\",\"size\":1}}",
        MEDIA_OCI_IMAGE);
    bad(IMG ",\"subject\":7}", MEDIA_OCI_IMAGE);
}

TEST(marks_layers_that_are_elsewhere)
{
    struct manifest m;
    ok("{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"application/x\"," D
       ",\"size\":1,\"urls\":[\"http://x\"]},{\"mediaType\":\"application/"
       "vnd.oci.image.layer.nondistributable.v1.tar\"," D ",\"size\":1}]}",
       MEDIA_OCI_IMAGE, &m);
    CHECK(!m.refs[0].foreign && m.refs[1].foreign && m.refs[2].foreign);
    manifest_done(&m);
}

TEST(media_type_and_content_type_must_agree)
{
    struct manifest m;
    ok(IMG "}", MEDIA_OCI_IMAGE, &m);
    manifest_done(&m);
    bad(IMG "}", "");
    bad(IMG "}", "application/json");
    bad(IMG ",\"mediaType\":\"" MEDIA_OCI_IMAGE "\"}", MEDIA_OCI_INDEX);
    bad(IMG ",\"mediaType\":7}", MEDIA_OCI_IMAGE);
    bad(IMG "}", MEDIA_DOCKER_IMAGE);
}

TEST(advisory_cve_2021_41190_ambiguous_manifests_are_refused)
{
    bad(IMG ",\"manifests\":[]}", MEDIA_OCI_IMAGE);
    bad("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", MEDIA_OCI_INDEX);
    bad("{\"schemaVersion\":2,\"manifests\":[]," CONF "}", MEDIA_OCI_INDEX);
    bad(IMG ",\"fsLayers\":[]}", MEDIA_OCI_IMAGE);
    bad(IMG ",\"layers\":[]}", MEDIA_OCI_IMAGE); /* a duplicate key */
    bad(IMG "}", MEDIA_OCI_INDEX);
    bad("{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_OCI_IMAGE);
}

TEST(refuses_malformed_documents)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "7",
        "{}",
        "{\"schemaVersion\":1," CONF "}",
        "{\"schemaVersion\":\"2\"," CONF "}",
        "{\"schemaVersion\":2}",
        "{\"schemaVersion\":2,\"config\":{}}",
        "{\"schemaVersion\":2," CONF ",\"layers\":{}}",
        "{\"schemaVersion\":2," CONF ",\"layers\":[7]}",
        "{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\"," D "}]}",
        "{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\"," D ",\"size\":-1}]}",
        "{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\"," D ",\"size\":1.5}]}",
        "{\"schemaVersion\":2," CONF ",\"layers\":[{" D ",\"size\":1}]}",
        "{\"schemaVersion\":2," CONF
        ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"md5:00\",\"size\":1}]}",
        IMG ",\"annotations\":[]}",
        IMG ",\"annotations\":{\"a\":1}}",
        IMG ",\"artifactType\":1}",
        IMG "} x"};
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++)
        bad(texts[i], MEDIA_OCI_IMAGE);
}

TEST(bounds_size_depth_and_count)
{
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    struct sw_buf b = SW_BUF_INIT(8u << 20);
    (void)sw_buf_addf(&b, IMG ",\"x\":\"");
    while (b.n < LIMIT_MANIFEST)
        (void)sw_buf_add_char(&b, 'x');
    (void)sw_buf_add_z(&b, "\"}");
    CHECK_ERR(manifest_parse(sw_buf_str(&b), SW_STR(MEDIA_OCI_IMAGE), &m, &err), SW_ELIMIT,
              "MANIFEST_TOO_LARGE");
    sw_buf_reset(&b);
    (void)sw_buf_add_z(&b, IMG ",\"x\":");
    for (size_t i = 0; i < 1000; i++)
        (void)sw_buf_add_char(&b, '[');
    CHECK_ERR(manifest_parse(sw_buf_str(&b), SW_STR(MEDIA_OCI_IMAGE), &m, &err), SW_ELIMIT,
              "MANIFEST_INVALID");
    sw_buf_reset(&b);
    (void)sw_buf_add_z(&b, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i <= LIMIT_MANIFEST_DESCRIPTORS; i++)
        (void)sw_buf_addf(&b, "%s{\"mediaType\":\"x\"," D ",\"size\":1}", i ? "," : "");
    (void)sw_buf_add_z(&b, "]}");
    CHECK_ERR(manifest_parse(sw_buf_str(&b), SW_STR(MEDIA_OCI_INDEX), &m, &err), SW_ELIMIT,
              "MANIFEST_INVALID");
    sw_buf_done(&b);
}

/* IMG, with a member of so many values behind it. */
static void image_with_values(struct sw_buf *b, size_t n)
{
    sw_buf_reset(b);
    (void)sw_buf_add_z(b, IMG ",\"x\":[");
    for (size_t i = 0; i < n; i++)
        (void)sw_buf_add_z(b, i ? ",{}" : "{}");
    (void)sw_buf_add_z(b, "]}");
}

TEST(values_beyond_the_maximum_are_refused_before_they_take_memory)
{
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    struct sw_buf b = SW_BUF_INIT(LIMIT_MANIFEST);
    image_with_values(&b, LIMIT_MANIFEST_VALUES - 100);
    CHECK_OK(manifest_parse(sw_buf_str(&b), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    manifest_done(&m);
    image_with_values(&b, LIMIT_MANIFEST_VALUES);
    CHECK(manifest_parse(sw_buf_str(&b), SW_STR(MEDIA_OCI_IMAGE), &m, &err) == SW_ELIMIT);
    CHECK_EQ_STR(err.reason, "MANIFEST_INVALID");
    CHECK_CONTAINS(err.msg, "more than 100000 values");
    sw_buf_done(&b);
}

struct parse_job {
    struct sw_str text;
    struct manifest m;
    pthread_t thread;
    _Atomic bool parsed;
};

static void *parse_main(void *arg)
{
    struct parse_job *j = arg;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(manifest_parse(j->text, SW_STR(MEDIA_OCI_IMAGE), &j->m, &err));
    atomic_store(&j->parsed, true);
    return NULL;
}

TEST(of_large_documents_a_few_are_in_memory_at_once)
{
    enum { PLACES = 4 };
    struct parse_job jobs[PLACES + 1];
    struct sw_buf large = SW_BUF_INIT(LIMIT_MANIFEST), small = SW_BUF_INIT(LIMIT_MANIFEST);
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    image_with_values(&large, LIMIT_MANIFEST_LARGE / 3 + 1);
    image_with_values(&small, 100);
    for (int i = 0; i <= PLACES; i++) {
        jobs[i] = (struct parse_job){.text = sw_buf_str(&large)};
        if (i < PLACES)
            parse_main(&jobs[i]);
    }
    CHECK(pthread_create(&jobs[PLACES].thread, NULL, parse_main, &jobs[PLACES]) == 0);
    CHECK_OK(manifest_parse(sw_buf_str(&small), SW_STR(MEDIA_OCI_IMAGE), &m, &err));
    manifest_done(&m);
    sw_sleep_ms(50);
    CHECK(!atomic_load(&jobs[PLACES].parsed));
    manifest_done(&jobs[0].m);
    CHECK(pthread_join(jobs[PLACES].thread, NULL) == 0);
    for (int i = 1; i <= PLACES; i++)
        manifest_done(&jobs[i].m);
    /* Refused ones give their place back. */
    image_with_values(&large, LIMIT_MANIFEST_VALUES);
    for (int i = 0; i < 2 * PLACES; i++)
        CHECK_ERR(manifest_parse(sw_buf_str(&large), SW_STR(MEDIA_OCI_IMAGE), &m, &err), SW_ELIMIT,
                  "MANIFEST_INVALID");
    sw_buf_done(&large);
    sw_buf_done(&small);
}

TEST(image_size_saturates)
{
    struct manifest m;
    ok("{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\"," D
       ",\"size\":9223372036854775807}]}",
       MEDIA_OCI_IMAGE, &m);
    CHECK_EQ_INT(manifest_image_size(&m), INT64_MAX);
    manifest_done(&m);
}
