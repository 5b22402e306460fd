/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/manifest_store.c - reading, writing and deleting manifests. Invariants:
 * 1. The bytes of a row hash to its digest and never change; a second push of the same digest leaves the row alone.
 * 2. Rows of manifest_reference say what a manifest needs; they come and go with it.
 * 3. A cached manifest carries the generation from before its rows were read: REPO_TAGS for a tag, REPO_MANIFESTS for a
 *    digest. Every change raises what it can make stale after the commit and before the answer. */
#include "registry/core/manifest_store.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "registry/core/internal.h"
#include "registry/core/quota.h"

static void stored_free(struct cache_item *item)
{
    struct stored_manifest *m = SW_CONTAINER_OF(item, struct stored_manifest, item);
    free(m->media_type);
    free(m->bytes);
    free(m);
}

static struct cache_key key_of(const struct repo *repo, const struct reference *ref)
{
    return (struct cache_key){repo->serial, ref->is_digest ? 'M' : 'T', ref->text};
}

static enum repo_generation generation_of(const struct reference *ref)
{
    return ref->is_digest ? REPO_MANIFESTS : REPO_TAGS;
}

struct stored_manifest *manifest_cached(struct registry *reg, struct repo *repo,
                                        const struct reference *ref)
{
    struct cache_key key = key_of(repo, ref);
    struct cache_item *item =
        cache_get(reg->cache, &key, repo_generation(repo, generation_of(ref)));
    return item ? SW_CONTAINER_OF(item, struct stored_manifest, item) : NULL;
}

static int fail_unknown(struct sw_err *err, const char *reference)
{
    sw_fail(err, SW_ENOTFOUND, "MANIFEST_UNKNOWN", "manifest '%s' is unknown to the repository",
            reference);
    return sw_detail(err, "%s", reference);
}

struct get_args {
    const struct repo *repo;
    const struct reference *ref;
    struct stored_manifest *m;
};

#define SELECT_BY_DIGEST \
    "SELECT digest, media_type, content FROM manifest WHERE repository_id = $1 AND digest = $2"
#define SELECT_BY_TAG                                                               \
    "SELECT m.digest, m.media_type, m.content FROM tag t "                          \
    "JOIN manifest m ON m.repository_id = t.repository_id AND m.digest = t.digest " \
    "WHERE t.repository_id = $1 AND t.name = $2"

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct get_args *a = arg;
    meta_autostmt *st = NULL;
    stored_manifest_unref(a->m);
    a->m = NULL;
    int r = meta_query(tx, err, &st, a->ref->is_digest ? SELECT_BY_DIGEST : SELECT_BY_TAG, "it",
                       a->repo->id, a->ref->text);
    if (r == 0)
        r = meta_step(st, err);
    if (r < 0)
        return r;
    if (r == 0)
        return fail_unknown(err, a->ref->text);
    struct stored_manifest *m = SW_NEW(struct stored_manifest);
    cache_item_init(&m->item, stored_free);
    struct sw_str content = meta_str(st, 2);
    (void)sw_str_copy(meta_str(st, 0), m->digest, sizeof(m->digest));
    m->media_type = meta_dup(st, 1);
    m->bytes = sw_malloc(content.n + 1);
    if (content.n)
        memcpy(m->bytes, content.p, content.n);
    m->bytes[content.n] = 0;
    m->n = content.n;
    a->m = m;
    return 0;
}

/* A row may have been damaged on its way from the disk. */
static int check_bytes(const struct stored_manifest *m, struct sw_err *err)
{
    struct digest want, got;
    if (digest_parse(sw_str(m->digest), &want)) {
        digest_of(want.algorithm, m->bytes, m->n, &got);
        if (digest_equal(&got, &want))
            return 0;
    }
    return sw_fail(err, SW_EIO, NULL, "manifest %s is damaged", m->digest);
}

int manifest_get(struct registry *reg, struct repo *repo, const struct reference *ref,
                 struct stored_manifest **ret, struct sw_err *err)
{
    *ret = manifest_cached(reg, repo, ref);
    if (*ret)
        return 0;
    struct get_args a = {.repo = repo, .ref = ref};
    uint64_t generation = repo_generation(repo, generation_of(ref));
    int r = meta_tx(reg->o.db, META_READ, get_tx, &a, err);
    if (r == 0)
        r = check_bytes(a.m, err);
    if (r < 0) {
        stored_manifest_unref(a.m);
        return r;
    }
    struct cache_key key = key_of(repo, ref);
    cache_put(reg->cache, &key, generation, &a.m->item,
              sizeof(*a.m) + a.m->n + strlen(a.m->media_type));
    *ret = a.m;
    return 0;
}

struct put_args {
    struct registry *reg;
    const struct repo *repo;
    struct manifest_put *put;
    const char *digest;
    const char *subject;     /* or NULL */
    const char *annotations; /* or NULL */
    int64_t now, image_size;
    enum repo_mutability mutability;
    json_t *settings; /* owned */
    bool sparse;
};

static int load_settings(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    sw_autofree char *mutability = NULL;
    sw_autofree char *settings = NULL;
    int r = meta_get(tx, err, "SELECT tag_mutability, settings FROM repository WHERE id = $1", "i",
                     a->repo->id, "tt", &mutability, &settings);
    if (r < 0)
        return r;
    if (r == 0)
        return registry_fail_no_repo(err, a->repo->account, a->repo->name);
    (void)repo_mutability_from_string(sw_str(mutability), &a->mutability);
    json_decref(SW_TAKE(a->settings));
    r = sw_json_load(sw_str(settings), 32, 10000, NULL, &a->settings, err);
    if (r < 0)
        return sw_prefix(err, "settings of repository '%s'", a->repo->name);
    a->sparse = sw_json_bool(a->settings, "allowSparseManifests", a->reg->o.allow_sparse_manifests);
    return 0;
}

/* Immutable tags may be set again to what they are. */
static int check_tags(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    const json_t *filters = sw_json_array(a->settings, TAG_FILTER_SETTING);
    a->put->retagged = false;
    for (size_t i = 0; i < a->put->tags_n; i++) {
        const char *tag = a->put->tags[i];
        sw_autofree char *old = NULL;
        int r = meta_get(tx, err, "SELECT digest FROM tag WHERE repository_id = $1 AND name = $2",
                         "it", a->repo->id, tag, "t", &old);
        if (r < 0)
            return r;
        if (r > 0 && sw_streq(old, a->digest))
            continue;
        if (r > 0 && tag_is_fixed(a->mutability, filters, tag)) {
            sw_fail(err, SW_ECONFLICT, "ImageTagAlreadyExistsException",
                    "The image tag '%s' already exists in the '%s' repository and cannot be "
                    "overwritten because the %s is immutable.",
                    tag, a->repo->name,
                    a->mutability == REPO_MUTABLE_WITH_EXCLUSION ? "tag" : "repository");
            return sw_detail(err, "%s", tag);
        }
        a->put->retagged = true;
    }
    return 0;
}

#define HAS_MANIFEST     "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2"
#define SIZE_OF_MANIFEST "SELECT size FROM manifest WHERE repository_id = $1 AND digest = $2"
#define SIZE_OF_BLOB                                                           \
    "SELECT b.size FROM repository_blob l JOIN blob b ON b.digest = l.digest " \
    "WHERE l.repository_id = $1 AND l.digest = $2"

static void note_missing(struct manifest_put *put, size_t ref)
{
    const struct manifest_descriptor *refs = put->manifest->refs;
    for (size_t i = 0; i < put->missing_n; i++)
        if (digest_equal(&refs[put->missing[i]].digest, &refs[ref].digest))
            return;
    put->missing[put->missing_n++] = ref;
}

/* As many digests as a message has room for. */
static int fail_missing(const struct put_args *a, struct sw_err *err)
{
    const struct manifest *m = a->put->manifest;
    char digest[DIGEST_STRING_MAX];
    struct sw_buf list = SW_BUF_INIT(450);
    size_t i = 0;
    for (; i < a->put->missing_n; i++) {
        digest_format(&m->refs[a->put->missing[i]].digest, digest);
        if (list.n + strlen(digest) + 2 > 440)
            break;
        (void)sw_buf_addf(&list, "%s%s", i ? ", " : "", digest);
    }
    sw_fail(err, SW_ENOTFOUND,
            m->is_index ? "ReferencedImagesNotFoundException" : "LayersNotFoundException",
            "%s with digests '[%s%s]' required for pushing image into repository with name '%s' in "
            "the registry with id '%s' do not exist",
            m->is_index ? "Images" : "Layers", list.p, i < a->put->missing_n ? ", ..." : "",
            a->repo->name, a->repo->account);
    sw_buf_done(&list);
    digest_format(&m->refs[a->put->missing[0]].digest, digest);
    return sw_detail(err, "%s", digest);
}

/* 1: it is here and has the size that the manifest says; 0: it is not here. Children of an index may be blobs: build caches do
 * that. */
static int check_reference(struct meta_tx *tx, struct put_args *a,
                           const struct manifest_descriptor *d, struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    int64_t size;
    digest_format(&d->digest, digest);
    int r = 0;
    if (d->role == MANIFEST_CHILD)
        r = meta_get(tx, err, SIZE_OF_MANIFEST, "it", a->repo->id, digest, "i", &size);
    if (r == 0)
        r = meta_get(tx, err, SIZE_OF_BLOB, "it", a->repo->id, digest, "i", &size);
    if (r <= 0 || size == d->size)
        return r;
    sw_fail(err, SW_EINVALID, "MANIFEST_INVALID",
            "the manifest says that %s has %" PRId64 " bytes, it has %" PRId64, digest, d->size,
            size);
    return sw_detail(err, "%s", digest);
}

static int check_references(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    const struct manifest *m = a->put->manifest;
    for (size_t i = 0; i < m->refs_n && a->put->missing_n < MANIFEST_MISSING_MAX; i++) {
        int r = m->refs[i].foreign ? 1 : check_reference(tx, a, &m->refs[i], err);
        if (r < 0)
            return r;
        if (r == 0 && !a->sparse)
            note_missing(a->put, i);
    }
    return a->put->missing_n ? fail_missing(a, err) : 0;
}

static int insert_references(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    const struct manifest *m = a->put->manifest;
    int r = 0;
    for (size_t i = 0; i < m->refs_n && r >= 0; i++) {
        char child[DIGEST_STRING_MAX];
        digest_format(&m->refs[i].digest, child);
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO manifest_reference (repository_id, parent, child, kind) VALUES "
                      "($1, $2, $3, $4) "
                      "ON CONFLICT (repository_id, parent, child) DO NOTHING",
                      "ittt", a->repo->id, a->digest, child,
                      manifest_role_to_string(m->refs[i].role));
    }
    return r;
}

/* An index is as large as its largest child. */
static int compute_image_size(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    const struct manifest *m = a->put->manifest;
    a->image_size = manifest_image_size(m);
    for (size_t i = 0; i < m->refs_n; i++) {
        if (m->refs[i].role != MANIFEST_CHILD)
            continue;
        char digest[DIGEST_STRING_MAX];
        int64_t size;
        digest_format(&m->refs[i].digest, digest);
        int r = meta_get(tx, err,
                         "SELECT image_size FROM manifest WHERE repository_id = $1 AND digest = $2",
                         "it", a->repo->id, digest, "i", &size);
        if (r < 0)
            return r;
        if (r > 0 && size > a->image_size)
            a->image_size = size;
    }
    return 0;
}

static int insert_manifest(struct meta_tx *tx, struct put_args *a, struct sw_err *err)
{
    const struct manifest *m = a->put->manifest;
    struct quota_view quotas;
    int r = check_references(tx, a, err);
    if (r == 0)
        r = quota_before(tx, a->repo->id, &quotas, err);
    if (r == 0)
        r = compute_image_size(tx, a, err);
    if (r == 0)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO manifest (repository_id, digest, media_type, artifact_type, "
                      "subject, size, "
                      "image_size, annotations, config_media_type, content, pushed_at) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                      "ittttiittbi", a->repo->id, a->digest, m->media_type, m->artifact_type,
                      a->subject, (int64_t)a->put->bytes.n, a->image_size, a->annotations,
                      m->config_media_type, (const void *)a->put->bytes.p, a->put->bytes.n, a->now);
    if (r == 0)
        r = quota_after(tx, a->repo->id, &quotas, err);
    return r < 0 ? r : insert_references(tx, a, err);
}

static int put_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct put_args *a = arg;
    a->put->missing_n = 0;
    int r = load_settings(tx, a, err);
    if (r == 0)
        r = check_tags(tx, a, err);
    if (r < 0)
        return r;
    int64_t one;
    r = meta_get(tx, err, HAS_MANIFEST, "it", a->repo->id, a->digest, "i", &one);
    if (r < 0)
        return r;
    a->put->created = r == 0;
    r = a->put->created ? insert_manifest(tx, a, err) : 0;
    for (size_t i = 0; i < a->put->tags_n && r >= 0; i++)
        r = meta_exec(
            tx, err, NULL,
            "INSERT INTO tag (repository_id, name, digest, updated_at) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, "
            "updated_at = excluded.updated_at",
            "itti", a->repo->id, a->put->tags[i], a->digest, a->now);
    return r;
}

int manifest_put(struct registry *reg, struct repo *repo, struct manifest_put *put,
                 struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX], subject[DIGEST_STRING_MAX];
    digest_format(&put->digest, digest);
    struct put_args a = {
        .reg = reg, .repo = repo, .put = put, .digest = digest, .now = registry_now(reg)};
    sw_autofree char *annotations = NULL;
    if (put->manifest->has_subject) {
        digest_format(&put->manifest->subject, subject);
        a.subject = subject;
        if (put->manifest->annotations)
            a.annotations = annotations = sw_json_dump(put->manifest->annotations);
    }
    int r = meta_tx(reg->o.db, META_WRITE, put_tx, &a, err);
    json_decref(a.settings);
    if (r < 0)
        return r;
    if (put->tags_n)
        repo_changed(repo, REPO_TAGS);
    return 0;
}

struct delete_args {
    const struct repo *repo;
    const char *digest;
};

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct delete_args *a = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "DELETE FROM manifest WHERE repository_id = $1 AND digest = $2", "it",
                      a->repo->id, a->digest);
    if (r < 0)
        return r;
    return changed == 0 ? fail_unknown(err, a->digest) : 0;
}

int manifest_delete(struct registry *reg, struct repo *repo, const struct digest *d,
                    struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    struct delete_args a = {repo, digest};
    int r = meta_tx(reg->o.db, META_WRITE, delete_tx, &a, err);
    if (r < 0)
        return r;
    repo_changed(repo, REPO_TAGS);
    repo_changed(repo, REPO_MANIFESTS);
    return 0;
}

struct referrer_args {
    const struct repo *repo;
    const char *subject, *last;
    int64_t n;
    int (*fn)(void *ctx, const struct referrer *r);
    void *ctx;
};

static int referrers_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct referrer_args *a = arg;
    meta_autostmt *st = NULL;
    (void)a->fn(a->ctx, NULL);
    int r = meta_query(
        tx, err, &st,
        "SELECT digest, media_type, artifact_type, annotations, size FROM manifest "
        "WHERE repository_id = $1 AND subject = $2 AND digest > $3 ORDER BY digest LIMIT $4",
        "itti", a->repo->id, a->subject, a->last, a->n);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *digest = meta_dup(st, 0), *media_type = meta_dup(st, 1);
        sw_autofree char *artifact_type = meta_dup(st, 2), *annotations = meta_dup(st, 3);
        struct referrer one = {digest, media_type, artifact_type, annotations, meta_int(st, 4)};
        if (a->fn(a->ctx, &one))
            return 0;
    }
    return r;
}

int manifest_referrers(struct registry *reg, struct repo *repo, const struct digest *subject,
                       const char *last, int64_t n, int (*fn)(void *ctx, const struct referrer *r),
                       void *ctx, struct sw_err *err)
{
    char text[DIGEST_STRING_MAX];
    digest_format(subject, text);
    struct referrer_args a = {repo, text, last, n, fn, ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, referrers_tx, &a, err);
    return r < 0 ? r : 0;
}
