/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/image_store.c - manifests as ECR sees them: images with their tags. The invariants are manifest_store.c's. */
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "registry/core/internal.h"
#include "registry/core/manifest_store.h"

void image_info_done(struct image_info *i)
{
    free(i->digest);
    free(i->media_type);
    free(i->artifact_type);
    free(i->subject);
    for (size_t t = 0; t < i->tags_n; t++)
        free(i->tags[t]);
    free(i->tags);
    *i = (struct image_info){0};
}

void image_list_free(struct image_info *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        image_info_done(&list[i]);
    free(list);
}

static int fail_unknown(struct sw_err *err, const char *reference)
{
    sw_fail(err, SW_ENOTFOUND, "MANIFEST_UNKNOWN", "image '%s' is unknown to the repository",
            reference);
    return sw_detail(err, "%s", reference);
}

static int load_tags(struct meta_tx *tx, const struct repo *repo, struct image_info *i,
                     struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st, "SELECT name FROM tag WHERE repository_id = $1 AND digest = $2 ORDER BY name",
        "it", repo->id, i->digest);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        i->tags = sw_realloc_array(i->tags, i->tags_n + 1, sizeof(*i->tags));
        i->tags[i->tags_n++] = meta_dup(st, 0);
    }
    return r;
}

#define IMAGE_COLUMNS                                                                 \
    "m.digest, m.media_type, m.artifact_type, m.subject, m.image_size, m.pushed_at, " \
    "COALESCE((SELECT p.pulled_at FROM manifest_pull p WHERE p.repository_id = "      \
    "m.repository_id AND p.digest = m.digest), 0)"

static int load_image(struct meta_tx *tx, const struct repo *repo, const char *digest,
                      struct image_info *i, struct sw_err *err)
{
    image_info_done(i);
    int r = meta_get(
        tx, err,
        "SELECT " IMAGE_COLUMNS " FROM manifest m WHERE m.repository_id = $1 AND m.digest = $2",
        "it", repo->id, digest, "ttttiii", &i->digest, &i->media_type, &i->artifact_type,
        &i->subject, &i->image_size, &i->pushed_at_us, &i->pulled_at_us);
    if (r < 0)
        return r;
    return r == 0 ? fail_unknown(err, digest) : load_tags(tx, repo, i, err);
}

struct image_args {
    const struct repo *repo;
    const struct reference *ref;
    const char *digest, *tag;
    struct image_info image;
    enum image_delete_result result;
};

static int describe_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct image_args *a = arg;
    if (a->ref->is_digest)
        return load_image(tx, a->repo, a->ref->text, &a->image, err);
    sw_autofree char *digest = NULL;
    int r = meta_get(tx, err, "SELECT digest FROM tag WHERE repository_id = $1 AND name = $2", "it",
                     a->repo->id, a->ref->text, "t", &digest);
    if (r < 0)
        return r;
    return r == 0 ? fail_unknown(err, a->ref->text)
                  : load_image(tx, a->repo, digest, &a->image, err);
}

int image_describe(struct registry *reg, struct repo *repo, const struct reference *ref,
                   struct image_info *ret, struct sw_err *err)
{
    struct image_args a = {.repo = repo, .ref = ref};
    int r = meta_tx(reg->o.db, META_READ_LONG, describe_tx, &a, err);
    if (r < 0) {
        image_info_done(&a.image);
        return r;
    }
    *ret = a.image;
    return 0;
}

struct list_args {
    const struct repo *repo;
    enum image_tag_status status;
    const char *last;
    int64_t n;
    struct image_info *list;
    size_t list_n;
};

#define LIST_HEAD \
    "SELECT " IMAGE_COLUMNS " FROM manifest m WHERE m.repository_id = $1 AND m.digest > $2 "
#define LIST_TAIL "ORDER BY m.digest LIMIT $3"
#define TAG_OF \
    "(SELECT 1 FROM tag t WHERE t.repository_id = m.repository_id AND t.digest = m.digest) "

static const char *const list_sql[] = {
    [IMAGE_ANY] = LIST_HEAD LIST_TAIL,
    [IMAGE_TAGGED] = LIST_HEAD "AND EXISTS " TAG_OF LIST_TAIL,
    [IMAGE_UNTAGGED] = LIST_HEAD "AND NOT EXISTS " TAG_OF LIST_TAIL,
};

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_args *a = arg;
    image_list_free(SW_TAKE(a->list), a->list_n);
    a->list_n = 0;
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, list_sql[a->status], "iti", a->repo->id, a->last, a->n);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        a->list = sw_realloc_array(a->list, a->list_n + 1, sizeof(*a->list));
        a->list[a->list_n++] = (struct image_info){.digest = meta_dup(st, 0),
                                                   .media_type = meta_dup(st, 1),
                                                   .artifact_type = meta_dup(st, 2),
                                                   .subject = meta_dup(st, 3),
                                                   .image_size = meta_int(st, 4),
                                                   .pushed_at_us = meta_int(st, 5),
                                                   .pulled_at_us = meta_int(st, 6)};
    }
    for (size_t i = 0; i < a->list_n && r == 0; i++)
        r = load_tags(tx, a->repo, &a->list[i], err);
    return r;
}

int image_list(struct registry *reg, struct repo *repo, enum image_tag_status status,
               const char *last, int64_t n, struct image_info **ret, size_t *ret_n,
               struct sw_err *err)
{
    struct list_args a = {.repo = repo, .status = status, .last = last, .n = n};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    if (r < 0) {
        image_list_free(a.list, a.list_n);
        return r;
    }
    *ret = a.list;
    *ret_n = a.list_n;
    return 0;
}

/* The digest that the identifier means, or a result that ends the matter (returns 1). */
static int resolve(struct meta_tx *tx, struct image_args *a, char **ret_digest, struct sw_err *err)
{
    if (!a->tag) {
        *ret_digest = sw_strdup(a->digest);
        return 0;
    }
    int r = meta_get(tx, err, "SELECT digest FROM tag WHERE repository_id = $1 AND name = $2", "it",
                     a->repo->id, a->tag, "t", ret_digest);
    if (r < 0)
        return r;
    if (r == 0) {
        a->result = IMAGE_NOT_FOUND;
        return 1;
    }
    if (a->digest && !sw_streq(a->digest, *ret_digest)) {
        a->result = IMAGE_TAG_MISMATCH;
        return 1;
    }
    return 0;
}

static void keep_only_tag(struct image_info *i, const char *tag)
{
    for (size_t t = 0; t < i->tags_n; t++)
        free(i->tags[t]);
    i->tags_n = 1;
    i->tags[0] = sw_strdup(tag);
}

int image_delete_row(struct meta_tx *tx, const struct repo *repo, const char *digest,
                     bool *ret_referenced, struct sw_err *err)
{
    int64_t one;
    int r = meta_get(tx, err,
                     "SELECT 1 FROM manifest_reference WHERE repository_id = $1 AND child = $2 "
                     "AND kind = 'manifest' LIMIT 1",
                     "it", repo->id, digest, "i", &one);
    *ret_referenced = r > 0;
    if (r != 0)
        return r < 0 ? r : 0;
    return meta_exec(tx, err, NULL, "DELETE FROM manifest WHERE repository_id = $1 AND digest = $2",
                     "it", repo->id, digest);
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct image_args *a = arg;
    sw_autofree char *digest = NULL;
    a->result = IMAGE_DELETED;
    int r = resolve(tx, a, &digest, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = load_image(tx, a->repo, digest, &a->image, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        a->result = IMAGE_NOT_FOUND;
        return 0;
    }
    if (r < 0)
        return r;
    if (a->tag && a->image.tags_n > 1) {
        keep_only_tag(&a->image, a->tag);
        return meta_exec(tx, err, NULL, "DELETE FROM tag WHERE repository_id = $1 AND name = $2",
                         "it", a->repo->id, a->tag);
    }
    bool referenced;
    r = image_delete_row(tx, a->repo, digest, &referenced, err);
    if (r == 0 && referenced)
        a->result = IMAGE_REFERENCED;
    return r;
}

int image_delete(struct registry *reg, struct repo *repo, const char *digest, const char *tag,
                 enum image_delete_result *ret_result, struct image_info *ret, struct sw_err *err)
{
    struct image_args a = {.repo = repo, .digest = digest, .tag = tag};
    int r = meta_tx(reg->o.db, META_WRITE, delete_tx, &a, err);
    if (r < 0 || a.result != IMAGE_DELETED)
        image_info_done(&a.image);
    if (r < 0)
        return r;
    repo_changed(repo, REPO_TAGS);
    repo_changed(repo, REPO_MANIFESTS);
    *ret_result = a.result;
    *ret = a.image;
    return 0;
}
