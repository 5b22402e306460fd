/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/collect.c - online collection. Three passes, each in small steps, so that neither readers nor the writer's queue
 * wait for it:
 *   1. links of blobs that no manifest of their repository needs, older than the grace period and not asked for within it;
 *   2. blobs that no repository links, older than the grace period: the row first, then the bytes;
 *   3. bytes without a row (a crash between commit and link), older than the grace period.
 * Invariants:
 * 1. Bytes go only while their class of digests is locked alone (internal.h, blob_locks). A push of the same digest holds it
 *    shared from before its bytes are committed until its row is, so it sees either both row and bytes, or neither.
 * 2. Every deletion repeats its condition inside the deleting transaction; what was read before is only a hint.
 * 3. A crash after a row went leaves bytes for pass 3; never a row without bytes. */
#include <string.h>

#include "base/alloc.h"
#include "registry/core/internal.h"

#define STEP 200

struct candidate {
    int64_t repo_id;
    char digest[DIGEST_STRING_MAX];
    char key[BLOB_KEY_MAX];
    int64_t size;
};

struct step {
    struct registry *reg;
    int64_t before_us, after_repo;
    const char *after_digest;
    struct candidate c[STEP];
    size_t n;
    int64_t changed;
    const struct candidate *one;
};

#define UNNEEDED                                                              \
    "NOT EXISTS (SELECT 1 FROM manifest_reference f WHERE f.repository_id = " \
    "repository_blob.repository_id "                                          \
    "AND f.child = repository_blob.digest)"

static int read_rows(struct step *s, struct meta_stmt *st, struct sw_err *err)
{
    int r;
    s->n = 0;
    while ((r = meta_step(st, err)) > 0) {
        struct candidate *c = &s->c[s->n++];
        c->repo_id = meta_int(st, 0);
        c->size = meta_int(st, 3);
        (void)sw_str_copy(meta_str(st, 1), c->digest, sizeof(c->digest));
        (void)sw_str_copy(meta_str(st, 2), c->key, sizeof(c->key));
    }
    return r;
}

static int find_links_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    meta_autostmt *st = NULL;
    int r =
        meta_query(tx, err, &st,
                   "SELECT repository_id, digest, '', 0 FROM repository_blob WHERE linked_at < $1 "
                   "AND (repository_id > $2 OR (repository_id = $2 AND digest > $3)) AND " UNNEEDED
                   " ORDER BY repository_id, digest LIMIT $4",
                   "iiti", s->before_us, s->after_repo, s->after_digest, (int64_t)STEP);
    return r < 0 ? r : read_rows(s, st, err);
}

static int unlink_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    return meta_exec(
        tx, err, &s->changed,
        "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2 AND linked_at < $3 "
        "AND " UNNEEDED,
        "iti", s->one->repo_id, s->one->digest, s->before_us);
}

static int collect_links(struct step *s, struct registry_collect_counts *counts, struct sw_err *err)
{
    char last[DIGEST_STRING_MAX] = "";
    s->after_repo = 0;
    s->after_digest = last;
    for (;;) {
        int r = meta_tx(s->reg->o.db, META_READ, find_links_tx, s, err);
        if (r < 0 || s->n == 0)
            return r;
        for (size_t i = 0; i < s->n; i++) {
            s->one = &s->c[i];
            struct repo *repo = repo_table_by_id(&s->reg->repos, s->one->repo_id);
            bool wanted = repo && blob_link_used_at(s->reg, repo, s->one->digest) >= s->before_us;
            r = wanted ? 0 : meta_tx(s->reg->o.db, META_WRITE, unlink_tx, s, err);
            if (r >= 0 && !wanted && s->changed > 0) {
                counts->links++;
                if (repo)
                    repo_changed(repo, REPO_BLOBS);
            }
            repo_unref(repo);
            if (r < 0)
                return r;
        }
        s->after_repo = s->c[s->n - 1].repo_id;
        memcpy(last, s->c[s->n - 1].digest, sizeof(last));
    }
}

static int find_blobs_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st,
        "SELECT 0, digest, blob_key, size FROM blob WHERE created_at < $1 AND digest > $2 "
        "AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest) "
        "ORDER BY digest LIMIT $3",
        "iti", s->before_us, s->after_digest, (int64_t)STEP);
    return r < 0 ? r : read_rows(s, st, err);
}

static int delete_blob_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    return meta_exec(
        tx, err, &s->changed,
        "DELETE FROM blob WHERE digest = $1 AND created_at < $2 "
        "AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest)",
        "ti", s->one->digest, s->before_us);
}

static int collect_blob(struct step *s, const struct candidate *c,
                        struct registry_collect_counts *counts, struct sw_err *err)
{
    struct digest d;
    if (!digest_parse(sw_str(c->digest), &d))
        return sw_fail(err, SW_EINTERNAL, NULL, "a blob's row has the digest '%s'", c->digest);
    pthread_rwlock_t *lock = registry_blob_lock(s->reg, &d);
    pthread_rwlock_wrlock(lock);
    s->one = c;
    int r = meta_tx(s->reg->o.db, META_WRITE, delete_blob_tx, s, err);
    if (r >= 0 && s->changed > 0) {
        counts->blobs++;
        counts->bytes += (uint64_t)c->size;
        r = blob_remove(s->reg->o.blobs, c->key, err);
    }
    pthread_rwlock_unlock(lock);
    return r < 0 ? r : 0;
}

static int collect_blobs(struct step *s, struct registry_collect_counts *counts, struct sw_err *err)
{
    char last[DIGEST_STRING_MAX] = "";
    s->after_digest = last;
    for (;;) {
        int r = meta_tx(s->reg->o.db, META_READ, find_blobs_tx, s, err);
        if (r < 0 || s->n == 0)
            return r;
        for (size_t i = 0; i < s->n; i++) {
            r = collect_blob(s, &s->c[i], counts, err);
            if (r < 0)
                return r;
        }
        memcpy(last, s->c[s->n - 1].digest, sizeof(last));
    }
}

struct orphans {
    struct registry *reg;
    int64_t before_us;
    struct candidate *list;
    size_t n;
    const char *key;
};

static int has_row_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct orphans *o = arg;
    int64_t one;
    return meta_get(tx, err, "SELECT 1 FROM blob WHERE blob_key = $1", "t", o->key, "i", &one);
}

static int note_orphan(void *ctx, const char *key, uint64_t size, int64_t modified_at_us)
{
    struct orphans *o = ctx;
    struct sw_err err = SW_ERR_INIT;
    if (modified_at_us >= o->before_us)
        return 0;
    o->key = key;
    if (meta_tx(o->reg->o.db, META_READ, has_row_tx, o, &err) != 0)
        return 0;
    o->list = sw_realloc_array(o->list, o->n + 1, sizeof(*o->list));
    struct candidate *c = &o->list[o->n++];
    *c = (struct candidate){.size = (int64_t)size};
    (void)sw_str_copy(sw_str(key), c->key, sizeof(c->key));
    return 0;
}

/* A key does not tell its digest, so all classes are locked: orphans come from crashes only. */
static int collect_orphans(struct step *s, struct registry_collect_counts *counts,
                           struct sw_err *err)
{
    struct orphans o = {.reg = s->reg, .before_us = s->before_us};
    int r = blob_list(s->reg->o.blobs, note_orphan, &o, err);
    if (r == 0 && o.n > 0) {
        for (size_t i = 0; i < BLOB_LOCKS; i++)
            pthread_rwlock_wrlock(&s->reg->blob_locks[i]);
        for (size_t i = 0; i < o.n && r == 0; i++) {
            o.key = o.list[i].key;
            r = meta_tx(s->reg->o.db, META_READ, has_row_tx, &o, err);
            if (r != 0) {
                r = r < 0 ? r : 0;
                continue;
            }
            r = blob_remove(s->reg->o.blobs, o.key, err);
            counts->blobs += r == 0;
            counts->bytes += r == 0 ? (uint64_t)o.list[i].size : 0;
        }
        for (size_t i = 0; i < BLOB_LOCKS; i++)
            pthread_rwlock_unlock(&s->reg->blob_locks[i]);
    }
    free(o.list);
    return r;
}

int registry_collect(struct registry *reg, int64_t now_us, int64_t grace_us,
                     struct registry_collect_counts *ret, struct sw_err *err)
{
    struct step *s = SW_NEW(struct step);
    s->reg = reg;
    s->before_us = now_us - grace_us;
    *ret = (struct registry_collect_counts){0};
    int r = collect_links(s, ret, err);
    if (r == 0)
        r = collect_blobs(s, ret, err);
    if (r == 0)
        r = collect_orphans(s, ret, err);
    free(s);
    return r;
}
