/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: registry/core base */
/* Input: a number that chooses the Content-Type, then a manifest.
 * Properties: what is accepted has one of the four types and an object; every reference has a valid digest and a size that is not
 * negative; parsing the same bytes under the type it was given accepts them again with as many references. */
#include <assert.h>

#include "base/limits.h"
#include "registry/core/manifest_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {"",
                                    MEDIA_OCI_IMAGE,
                                    MEDIA_OCI_INDEX,
                                    MEDIA_DOCKER_IMAGE,
                                    MEDIA_DOCKER_LIST,
                                    "application/json; charset=utf-8"};

static void check(const struct manifest *m)
{
    assert(json_is_object(m->doc));
    assert(m->refs_n <= LIMIT_MANIFEST_DESCRIPTORS + 1);
    assert(manifest_image_size(m) >= 0);
    for (size_t i = 0; i < m->refs_n; i++) {
        char text[DIGEST_STRING_MAX];
        struct digest again;
        digest_format(&m->refs[i].digest, text);
        assert(digest_parse(sw_str(text), &again) && digest_equal(&again, &m->refs[i].digest));
        assert(m->refs[i].size >= 0);
        assert((m->refs[i].role == MANIFEST_CHILD) == m->is_index);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_err err = SW_ERR_INIT;
    struct manifest m, again;
    if (size == 0)
        return 0;
    const char *type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
    struct sw_str text = sw_str_n((const char *)data + 1, size - 1);
    if (manifest_parse(text, sw_str(type), &m, &err) < 0) {
        assert(err.reason);
        return 0;
    }
    check(&m);
    assert(manifest_parse(text, sw_str(m.media_type), &again, &err) == 0);
    assert(again.refs_n == m.refs_n && again.media_type == m.media_type);
    manifest_done(&again);
    manifest_done(&m);
    return 0;
}
