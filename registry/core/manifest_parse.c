/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/manifest_parse.h"

#include "base/alloc.h"
#include "base/gate.h"
#include "base/json.h"
#include "base/limits.h"

#define REASON "MANIFEST_INVALID"

static struct sw_gate large_places = SW_GATE_INIT(4);

static const struct media_kind {
    const char *type;
    bool is_index;
    bool needs_media_type; /* in the body */
} media_kinds[] = {
    {MEDIA_OCI_IMAGE, false, false},
    {MEDIA_OCI_INDEX, true, false},
    {MEDIA_DOCKER_IMAGE, false, true},
    {MEDIA_DOCKER_LIST, true, true},
};

const char *manifest_role_to_string(enum manifest_role r)
{
    static const char *const names[] = {"config", "layer", "manifest"};
    return r < MANIFEST_ROLE_MAX_ ? names[r] : "unknown";
}

static const struct media_kind *find_kind(struct sw_str type)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(media_kinds); i++)
        if (sw_str_eq_nocase(type, sw_str(media_kinds[i].type)))
            return &media_kinds[i];
    return NULL;
}

static bool present(const json_t *doc, const char *key)
{
    const json_t *v = json_object_get(doc, key);
    return v && !json_is_null(v);
}

/* The one type that header and body agree on. */
static int choose_kind(const json_t *doc, struct sw_str content_type, const struct media_kind **ret,
                       struct sw_err *err)
{
    struct sw_str header = content_type;
    const void *semicolon = header.n ? memchr(header.p, ';', header.n) : NULL;
    if (semicolon)
        header.n = (size_t)((const char *)semicolon - header.p);
    header = sw_str_trim(header);
    const json_t *member = json_object_get(doc, "mediaType");
    if (member && !json_is_string(member))
        return sw_fail(err, SW_EINVALID, REASON, "mediaType must be a string");
    struct sw_str body =
        member ? sw_str_n(json_string_value(member), json_string_length(member)) : sw_str("");
    if (header.n == 0 && body.n == 0)
        return sw_fail(err, SW_EINVALID, REASON,
                       "neither a Content-Type nor a mediaType says what this manifest is");
    if (header.n && body.n && !sw_str_eq_nocase(header, body))
        return sw_fail(err, SW_EINVALID, REASON,
                       "mediaType '" SW_STR_FMT "' contradicts the Content-Type '" SW_STR_FMT "'",
                       (int)SW_MIN(body.n, (size_t)150), body.p, (int)SW_MIN(header.n, (size_t)150),
                       header.p);
    struct sw_str type = header.n ? header : body;
    const struct media_kind *kind = find_kind(type);
    if (!kind)
        return sw_fail(err, SW_EINVALID, REASON,
                       "manifest media type '" SW_STR_FMT "' is not supported",
                       (int)SW_MIN(type.n, (size_t)200), type.p);
    if (kind->needs_media_type && body.n == 0)
        return sw_fail(err, SW_EINVALID, REASON, "a %s must name its mediaType", kind->type);
    *ret = kind;
    return 0;
}

/* Members that would let another reader see another kind of manifest (CVE-2021-41190). */
static int refuse_ambiguous(const json_t *doc, bool is_index, struct sw_err *err)
{
    static const char *const not_in_index[] = {"layers", "config", "fsLayers"};
    static const char *const not_in_image[] = {"manifests", "fsLayers"};
    const char *const *names = is_index ? not_in_index : not_in_image;
    size_t n = is_index ? SW_ARRAY_LEN(not_in_index) : SW_ARRAY_LEN(not_in_image);
    for (size_t i = 0; i < n; i++)
        if (present(doc, names[i]))
            return sw_fail(err, SW_EINVALID, REASON, "an %s must not have '%s'",
                           is_index ? "index" : "image manifest", names[i]);
    return 0;
}

static bool is_foreign(const json_t *descriptor, const char *media_type)
{
    if (json_array_size(json_object_get(descriptor, "urls")) > 0)
        return true;
    struct sw_str type = sw_str(media_type);
    return sw_str_starts_with(type, "application/vnd.oci.image.layer.nondistributable.") ||
           sw_str_starts_with(type, "application/vnd.docker.image.rootfs.foreign.");
}

static int parse_descriptor(const json_t *d, enum manifest_role role, const char *path,
                            size_t index, struct manifest_descriptor *ret, struct sw_err *err)
{
    if (!json_is_object(d))
        return sw_fail(err, SW_EINVALID, REASON, "%s[%zu] must be an object", path, index);
    const char *media_type = sw_json_str(d, "mediaType", NULL);
    if (!media_type || !*media_type)
        return sw_fail(err, SW_EINVALID, REASON, "%s[%zu] has no mediaType", path, index);
    const char *digest = sw_json_str(d, "digest", NULL);
    if (!digest || !digest_parse(sw_str(digest), &ret->digest))
        return sw_fail(err, SW_EINVALID, REASON, "%s[%zu] has no valid digest", path, index);
    const json_t *size = json_object_get(d, "size");
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return sw_fail(err, SW_EINVALID, REASON, "%s[%zu] has no valid size", path, index);
    ret->role = role;
    ret->size = json_integer_value(size);
    ret->foreign = is_foreign(d, media_type);
    return 0;
}

/* Go programs write a nil list as null: taken as empty. */
static int parse_list(const json_t *doc, const char *key, enum manifest_role role,
                      struct manifest *m, struct sw_err *err)
{
    const json_t *list = json_object_get(doc, key);
    if (!list || json_is_null(list))
        return 0;
    if (!json_is_array(list))
        return sw_fail(err, SW_EINVALID, REASON, "%s must be a list", key);
    size_t n = json_array_size(list);
    if (n > LIMIT_MANIFEST_DESCRIPTORS)
        return sw_fail(err, SW_ELIMIT, REASON, "%s has %zu entries, the maximum is %d", key, n,
                       LIMIT_MANIFEST_DESCRIPTORS);
    m->refs = sw_realloc_array(m->refs, m->refs_n + n + 1, sizeof(*m->refs));
    for (size_t i = 0; i < n; i++) {
        int r = parse_descriptor(json_array_get(list, i), role, key, i, &m->refs[m->refs_n], err);
        if (r < 0)
            return r;
        m->refs_n++;
    }
    return 0;
}

static int parse_config(struct manifest *m, struct sw_err *err)
{
    const json_t *config = json_object_get(m->doc, "config");
    if (!config)
        return sw_fail(err, SW_EINVALID, REASON, "an image manifest needs a config");
    m->refs = sw_realloc_array(NULL, 1, sizeof(*m->refs));
    int r = parse_descriptor(config, MANIFEST_CONFIG, "config", 0, &m->refs[0], err);
    if (r < 0)
        return r;
    m->refs_n = 1;
    m->config_media_type = sw_json_str(config, "mediaType", NULL);
    return 0;
}

static int parse_annotations(struct manifest *m, struct sw_err *err)
{
    const json_t *a = json_object_get(m->doc, "annotations");
    if (!a || json_is_null(a))
        return 0;
    if (!json_is_object(a))
        return sw_fail(err, SW_EINVALID, REASON, "annotations must be an object");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)a, key, value) {
        if (!json_is_string(value))
            return sw_fail(err, SW_EINVALID, REASON, "annotation '%.100s' must be a string", key);
    }
    m->annotations = a;
    return 0;
}

static int parse_subject_and_type(struct manifest *m, struct sw_err *err)
{
    const json_t *type = json_object_get(m->doc, "artifactType");
    if (type && !json_is_null(type) && !json_is_string(type))
        return sw_fail(err, SW_EINVALID, REASON, "artifactType must be a string");
    const char *own = json_string_value(type);
    m->artifact_type = own && *own ? own : m->config_media_type;
    const json_t *subject = json_object_get(m->doc, "subject");
    if (!subject || json_is_null(subject))
        return 0;
    struct manifest_descriptor d;
    int r = parse_descriptor(subject, MANIFEST_CHILD, "subject", 0, &d, err);
    if (r < 0)
        return r;
    m->has_subject = true;
    m->subject = d.digest;
    return 0;
}

static int parse_document(struct manifest *m, struct sw_str content_type, struct sw_err *err)
{
    if (!json_is_object(m->doc))
        return sw_fail(err, SW_EINVALID, REASON, "a manifest must be a JSON object");
    const struct media_kind *kind = NULL;
    int r = choose_kind(m->doc, content_type, &kind, err);
    if (r < 0)
        return r;
    m->media_type = kind->type;
    m->is_index = kind->is_index;
    const json_t *version = json_object_get(m->doc, "schemaVersion");
    if (!json_is_integer(version) || json_integer_value(version) != 2)
        return sw_fail(err, SW_EINVALID, REASON, "schemaVersion must be 2");
    r = refuse_ambiguous(m->doc, m->is_index, err);
    if (r < 0)
        return r;
    if (m->is_index) {
        if (!json_object_get(m->doc, "manifests"))
            return sw_fail(err, SW_EINVALID, REASON, "an index needs manifests");
        r = parse_list(m->doc, "manifests", MANIFEST_CHILD, m, err);
    } else {
        r = parse_config(m, err);
        if (r == 0)
            r = parse_list(m->doc, "layers", MANIFEST_LAYER, m, err);
    }
    if (r == 0)
        r = parse_annotations(m, err);
    return r < 0 ? r : parse_subject_and_type(m, err);
}

int manifest_parse(struct sw_str text, struct sw_str content_type, struct manifest *ret,
                   struct sw_err *err)
{
    if (text.n > LIMIT_MANIFEST)
        return sw_fail(err, SW_ELIMIT, "MANIFEST_TOO_LARGE",
                       "the manifest has %zu bytes, the maximum is %d", text.n, LIMIT_MANIFEST);
    struct manifest m = {0};
    if (text.n > LIMIT_MANIFEST_LARGE) {
        sw_gate_enter(&large_places);
        m.large = true;
    }
    int r = sw_json_load(text, LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, REASON, &m.doc, err);
    if (r == 0)
        r = parse_document(&m, content_type, err);
    if (r < 0) {
        manifest_done(&m);
        return r;
    }
    *ret = m;
    return 0;
}

void manifest_done(struct manifest *m)
{
    json_decref(m->doc);
    free(m->refs);
    if (m->large)
        sw_gate_leave(&large_places);
    *m = (struct manifest){0};
}

int64_t manifest_image_size(const struct manifest *m)
{
    int64_t sum = 0;
    for (size_t i = 0; i < m->refs_n; i++) {
        if (m->refs[i].role == MANIFEST_CHILD)
            continue;
        if (m->refs[i].size > INT64_MAX - sum)
            return INT64_MAX;
        sum += m->refs[i].size;
    }
    return sum;
}
