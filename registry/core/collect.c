/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/collect.c - online collection. Passes, each in small steps, so that neither readers nor the writer's queue wait
 * for it:
 *   1. links of blobs that no manifest of their repository needs, older than the grace period and not asked for within it;
 *   2. blobs that no repository links, older than the grace period: the row first, then the bytes;
 *   3. bytes without a row (a crash between commit and link), older than the grace period: when there may be some;
 *   4. expired uploads.
 * Passes 1 and 2 read the candidates that triggers left (migration 0004), not the tables of everything.
 * Invariants:
 * 1. Bytes go only while their class of digests is locked alone (internal.h, blob_locks). A push of the same digest holds it
 *    shared from before its bytes are committed until its row is, so it sees either both row and bytes, or neither.
 * 2. Every deletion repeats its condition inside the deleting transaction; what was read before is only a hint.
 * 3. A crash after a row went leaves bytes for pass 3; never a row without bytes.
 * 4. A candidate is struck off only by a transaction that finds it settled, so no garbage is ever forgotten. */
#include "registry/core/collect.h"

#include <string.h>

#include "base/alloc.h"
#include "registry/core/internal.h"

#define STEP    200
#define BATCH   50 /* deletions in one transaction, and files removed under one lock */
#define NAME_SZ 260

enum verdict { KEEP, SETTLED, GARBAGE };

struct candidate {
    int64_t repo_id;
    char digest[DIGEST_STRING_MAX];
    char key[BLOB_KEY_MAX];
    char repository[NAME_SZ];
    int64_t size, since;
    bool last_link, removed;
    enum verdict verdict;
};

struct step {
    struct registry *reg;
    const struct collect_options *o;
    struct registry_collect_counts *counts;
    int64_t before_us, after_repo;
    char after_digest[DIGEST_STRING_MAX];
    struct candidate c[STEP];
    size_t n;
    struct candidate *part[BATCH]; /* of one transaction */
    size_t part_n;
};

const char *collect_kind_to_string(enum collect_kind k)
{
    static const char *const names[COLLECT_MAX_] = {"link", "blob", "file", "upload"};
    return names[k];
}

static int go_on(const struct step *s, struct sw_err *err)
{
    if (s->o->cancelled && atomic_load(s->o->cancelled))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the collection was interrupted");
    return 0;
}

static void note(const struct step *s, const struct collect_item *item)
{
    if (s->o->note)
        s->o->note(s->o->ctx, item);
}

/* --- links ------------------------------------------------------------------------------------ */

#define UNNEEDED                                                              \
    "NOT EXISTS (SELECT 1 FROM manifest_reference f WHERE f.repository_id = " \
    "repository_blob.repository_id AND f.child = repository_blob.digest)"

static int find_links_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st,
        "SELECT c.repository_id, c.digest, c.since, l.linked_at, b.size, r.name, "
        "EXISTS (SELECT 1 FROM manifest_reference f WHERE f.repository_id = c.repository_id "
        "AND f.child = c.digest), "
        "EXISTS (SELECT 1 FROM repository_blob o WHERE o.digest = c.digest "
        "AND o.repository_id <> c.repository_id) "
        "FROM collect_link c LEFT JOIN repository_blob l ON l.repository_id = c.repository_id AND "
        "l.digest = c.digest LEFT JOIN blob b ON b.digest = l.digest "
        "LEFT JOIN repository r ON r.id = l.repository_id "
        "WHERE (c.repository_id, c.digest) > ($1, $2) ORDER BY c.repository_id, c.digest LIMIT $3",
        "iti", s->after_repo, s->after_digest, (int64_t)STEP);
    s->n = 0;
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct candidate *c = &s->c[s->n++];
        *c = (struct candidate){.repo_id = meta_int(st, 0),
                                .since = SW_MAX(meta_int(st, 2), meta_int(st, 3)),
                                .size = meta_int(st, 4),
                                .last_link = meta_int(st, 7) == 0};
        (void)sw_str_copy(meta_str(st, 1), c->digest, sizeof(c->digest));
        (void)sw_str_copy(meta_str(st, 5), c->repository, sizeof(c->repository));
        c->verdict = meta_is_null(st, 3) || meta_int(st, 6) ? SETTLED
                     : meta_int(st, 3) < s->before_us       ? GARBAGE
                                                            : KEEP;
    }
    return r;
}

static bool wanted(const struct step *s, const struct candidate *c)
{
    struct digest d;
    return digest_parse(sw_str(c->digest), &d) &&
           blob_link_used_at(s->reg, c->repo_id, &d) >= s->before_us;
}

static int settle_link(struct meta_tx *tx, const struct candidate *c, struct sw_err *err)
{
    return meta_exec(
        tx, err, NULL,
        "DELETE FROM collect_link WHERE repository_id = $1 AND digest = $2 AND ("
        "NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.repository_id = $1 AND l.digest = $2) "
        "OR EXISTS (SELECT 1 FROM manifest_reference f WHERE f.repository_id = $1 "
        "AND f.child = $2))",
        "it", c->repo_id, c->digest);
}

static int unlink_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    int r = 0;
    for (size_t i = 0; i < s->part_n && r == 0; i++) {
        struct candidate *c = s->part[i];
        int64_t changed = 0;
        c->removed = false;
        if (c->verdict == GARBAGE && wanted(s, c))
            continue;
        if (c->verdict == GARBAGE)
            r = meta_exec(tx, err, &changed,
                          "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2 "
                          "AND linked_at < $3 AND " UNNEEDED,
                          "iti", c->repo_id, c->digest, s->before_us);
        c->removed = r == 0 && changed > 0;
        if (r == 0)
            r = settle_link(tx, c, err);
    }
    return r;
}

static void count_link(struct step *s, const struct candidate *c)
{
    s->counts->links++;
    if (s->o->dry_run && c->last_link) {
        s->counts->blobs++;
        s->counts->bytes += (uint64_t)c->size;
    }
    note(s, &(struct collect_item){.kind = COLLECT_LINK,
                                   .name = c->digest,
                                   .repository = c->repository,
                                   .size = (uint64_t)c->size,
                                   .since_us = c->since,
                                   .last_link = c->last_link});
}

static void link_gone(struct registry *reg, int64_t repo_id)
{
    struct repo *repo = repo_table_by_id(&reg->repos, repo_id);
    if (repo)
        repo_changed(repo, REPO_BLOBS);
    repo_unref(repo);
}

static int unlink_part(struct step *s, struct sw_err *err)
{
    int r = go_on(s, err);
    if (r == 0 && s->part_n > 0)
        r = meta_tx(s->reg->o.db, META_WRITE, unlink_tx, s, err);
    int64_t changed = 0; /* the candidates come by repository */
    for (size_t i = 0; i < s->part_n && r == 0; i++) {
        if (!s->part[i]->removed)
            continue;
        if (changed != s->part[i]->repo_id) {
            changed = s->part[i]->repo_id;
            link_gone(s->reg, changed);
        }
        count_link(s, s->part[i]);
    }
    s->part_n = 0;
    return r;
}

static int collect_links(struct step *s, struct sw_err *err)
{
    s->after_repo = INT64_MIN;
    s->after_digest[0] = 0;
    for (;;) {
        int r = meta_tx(s->reg->o.db, META_READ_LONG, find_links_tx, s, err);
        if (r < 0 || s->n == 0)
            return r;
        for (size_t i = 0; i < s->n && r == 0; i++) {
            struct candidate *c = &s->c[i];
            if (c->verdict == GARBAGE && wanted(s, c))
                c->verdict = KEEP;
            if (s->o->dry_run && c->verdict == GARBAGE)
                count_link(s, c);
            else if (!s->o->dry_run && c->verdict != KEEP)
                s->part[s->part_n++] = c;
            if (s->part_n == BATCH)
                r = unlink_part(s, err);
        }
        if (r == 0)
            r = unlink_part(s, err);
        if (r < 0)
            return r;
        s->after_repo = s->c[s->n - 1].repo_id;
        memcpy(s->after_digest, s->c[s->n - 1].digest, sizeof(s->after_digest));
    }
}

/* --- blobs ------------------------------------------------------------------------------------ */

static int find_blobs_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT c.digest, c.since, b.created_at, b.size, b.blob_key, "
                       "EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = c.digest) "
                       "FROM collect_blob c LEFT JOIN blob b ON b.digest = c.digest "
                       "WHERE c.digest > $1 ORDER BY c.digest LIMIT $2",
                       "ti", s->after_digest, (int64_t)STEP);
    s->n = 0;
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct candidate *c = &s->c[s->n++];
        *c = (struct candidate){.since = meta_int(st, 1), .size = meta_int(st, 3)};
        (void)sw_str_copy(meta_str(st, 0), c->digest, sizeof(c->digest));
        (void)sw_str_copy(meta_str(st, 4), c->key, sizeof(c->key));
        c->verdict = meta_is_null(st, 2) || meta_int(st, 5) ? SETTLED
                     : meta_int(st, 2) < s->before_us       ? GARBAGE
                                                            : KEEP;
    }
    return r;
}

static int delete_blobs_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct step *s = arg;
    int r = 0;
    for (size_t i = 0; i < s->part_n && r == 0; i++) {
        struct candidate *c = s->part[i];
        int64_t changed = 0;
        if (c->verdict == GARBAGE)
            r = meta_exec(
                tx, err, &changed,
                "DELETE FROM blob WHERE digest = $1 AND created_at < $2 "
                "AND NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = blob.digest)",
                "ti", c->digest, s->before_us);
        c->removed = r == 0 && changed > 0;
        if (r == 0)
            r = meta_exec(tx, err, NULL,
                          "DELETE FROM collect_blob WHERE digest = $1 AND ("
                          "NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = $1) OR "
                          "EXISTS (SELECT 1 FROM repository_blob l WHERE l.digest = $1))",
                          "t", c->digest);
    }
    return r;
}

static void count_blob(struct step *s, const struct candidate *c)
{
    s->counts->blobs++;
    s->counts->bytes += (uint64_t)c->size;
    note(s, &(struct collect_item){.kind = COLLECT_BLOB,
                                   .name = c->digest,
                                   .size = (uint64_t)c->size,
                                   .since_us = c->since});
}

/* The rows of part, which all belong to one class that is locked alone, then their bytes. */
static int delete_part(struct step *s, struct sw_err *err)
{
    int r = meta_tx(s->reg->o.db, META_WRITE, delete_blobs_tx, s, err);
    for (size_t i = 0; i < s->part_n && r >= 0; i++) {
        if (!s->part[i]->removed)
            continue;
        count_blob(s, s->part[i]);
        r = blob_remove(s->reg->o.blobs, s->part[i]->key, err);
    }
    if (r < 0)
        atomic_store(&s->reg->files_may_leak, true);
    return r < 0 ? r : 0;
}

static int delete_class(struct step *s, pthread_rwlock_t *lock, struct sw_err *err)
{
    int r = 0;
    for (size_t i = 0; i < s->n && r == 0;) {
        s->part_n = 0;
        for (; i < s->n && s->part_n < BATCH; i++) {
            struct digest d;
            if (s->c[i].verdict == KEEP || !digest_parse(sw_str(s->c[i].digest), &d) ||
                registry_blob_lock(s->reg, &d) != lock)
                continue;
            s->part[s->part_n++] = &s->c[i];
        }
        if (s->part_n == 0)
            break;
        pthread_rwlock_wrlock(lock);
        r = delete_part(s, err);
        pthread_rwlock_unlock(lock);
    }
    s->part_n = 0;
    return r;
}

static int collect_blobs(struct step *s, struct sw_err *err)
{
    s->after_digest[0] = 0;
    for (;;) {
        int r = meta_tx(s->reg->o.db, META_READ_LONG, find_blobs_tx, s, err);
        if (r < 0 || s->n == 0)
            return r;
        for (size_t i = 0; s->o->dry_run && i < s->n; i++)
            if (s->c[i].verdict == GARBAGE)
                count_blob(s, &s->c[i]);
        for (size_t i = 0; !s->o->dry_run && i < BLOB_LOCKS && r == 0; i++) {
            r = go_on(s, err);
            if (r == 0)
                r = delete_class(s, &s->reg->blob_locks[i], err);
        }
        if (r < 0)
            return r;
        memcpy(s->after_digest, s->c[s->n - 1].digest, sizeof(s->after_digest));
    }
}

/* --- bytes without a row ---------------------------------------------------------------------- */

struct orphan {
    char key[BLOB_KEY_MAX];
    uint64_t size;
    int64_t modified_at_us;
};

struct orphans {
    struct step *s;
    struct orphan *list;
    size_t n;
    const char *key;
    struct sw_err err;
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
    if (go_on(o->s, &o->err) < 0)
        return 1;
    if (modified_at_us >= o->s->before_us)
        return 0;
    o->key = key;
    int r = meta_tx(o->s->reg->o.db, META_READ, has_row_tx, o, &o->err);
    if (r != 0)
        return r < 0;
    o->list = sw_realloc_array(o->list, o->n + 1, sizeof(*o->list));
    struct orphan *one = &o->list[o->n++];
    *one = (struct orphan){.size = size, .modified_at_us = modified_at_us};
    (void)sw_str_copy(sw_str(key), one->key, sizeof(one->key));
    return 0;
}

static void count_orphan(struct step *s, const struct orphan *one)
{
    s->counts->files++;
    s->counts->bytes += one->size;
    note(s, &(struct collect_item){.kind = COLLECT_FILE,
                                   .name = one->key,
                                   .size = one->size,
                                   .since_us = one->modified_at_us});
}

static int remove_orphans(struct orphans *o, size_t first, size_t end, struct sw_err *err)
{
    int r = 0;
    for (size_t i = first; i < end && r == 0; i++) {
        o->key = o->list[i].key;
        r = meta_tx(o->s->reg->o.db, META_READ, has_row_tx, o, err);
        if (r != 0) {
            r = r < 0 ? r : 0;
            continue;
        }
        r = blob_remove(o->s->reg->o.blobs, o->key, err);
        if (r == 0)
            count_orphan(o->s, &o->list[i]);
    }
    return r;
}

/* A key does not tell its digest, so all classes are locked, for a few files at a time. */
static int remove_all_orphans(struct orphans *o, struct sw_err *err)
{
    struct registry *reg = o->s->reg;
    int r = 0;
    for (size_t at = 0; at < o->n && r == 0; at += BATCH) {
        r = go_on(o->s, err);
        if (r < 0)
            return r;
        for (size_t i = 0; i < BLOB_LOCKS; i++)
            pthread_rwlock_wrlock(&reg->blob_locks[i]);
        r = remove_orphans(o, at, SW_MIN(o->n, at + BATCH), err);
        for (size_t i = 0; i < BLOB_LOCKS; i++)
            pthread_rwlock_unlock(&reg->blob_locks[i]);
    }
    return r;
}

static int collect_files(struct step *s, struct sw_err *err)
{
    struct orphans o = {.s = s};
    bool due = atomic_load(&s->reg->files_may_leak);
    if (!due && !s->o->walk_files)
        return 0;
    if (!s->o->dry_run)
        atomic_store(&s->reg->files_may_leak, false);
    int r = blob_list(s->reg->o.blobs, note_orphan, &o, err);
    if (o.err.code != 0)
        r = sw_err_move(err, &o.err);
    for (size_t i = 0; r == 0 && s->o->dry_run && i < o.n; i++)
        count_orphan(s, &o.list[i]);
    if (r == 0 && !s->o->dry_run)
        r = remove_all_orphans(&o, err);
    if (r < 0 && due)
        atomic_store(&s->reg->files_may_leak, true);
    free(o.list);
    return r;
}

/* --- uploads ---------------------------------------------------------------------------------- */

struct stale {
    const struct step *s;
    int64_t before_us;
    bool count_only;
    uint64_t n;
};

static int note_stale(void *ctx, const struct blob_upload_info *u)
{
    struct stale *st = ctx;
    if (u->modified_at_us >= st->before_us)
        return 0;
    st->n++;
    if (!st->count_only)
        note(st->s, &(struct collect_item){.kind = COLLECT_UPLOAD,
                                           .name = u->id,
                                           .size = u->size,
                                           .since_us = u->modified_at_us});
    return 0;
}

static int collect_uploads(struct step *s, struct sw_err *err)
{
    struct registry *reg = s->reg;
    struct stale before = {.s = s, .before_us = s->o->now_us - reg->o.upload_ttl_ms * 1000};
    struct stale after = before;
    after.count_only = true;
    int r = blob_list_uploads(reg->o.blobs, note_stale, &before, err);
    if (r == 0 && before.n > 0 && !s->o->dry_run)
        r = registry_expire_uploads(reg, s->o->now_us, err);
    if (r == 0 && before.n > 0 && !s->o->dry_run)
        r = blob_list_uploads(reg->o.blobs, note_stale, &after, err);
    s->counts->uploads = before.n - SW_MIN(before.n, after.n);
    return r;
}

int registry_collect_with(struct registry *reg, const struct collect_options *o,
                          struct registry_collect_counts *ret, struct sw_err *err)
{
    struct step *s = SW_NEW(struct step);
    s->reg = reg;
    s->o = o;
    s->counts = ret;
    s->before_us = o->now_us - o->grace_us;
    *ret = (struct registry_collect_counts){0};
    int r = collect_links(s, err);
    if (r == 0)
        r = collect_blobs(s, err);
    if (r == 0)
        r = collect_files(s, err);
    if (r == 0)
        r = collect_uploads(s, err);
    free(s);
    return r;
}

int registry_collect(struct registry *reg, int64_t now_us, int64_t grace_us,
                     struct registry_collect_counts *ret, struct sw_err *err)
{
    struct collect_options o = {.now_us = now_us, .grace_us = grace_us, .walk_files = true};
    return registry_collect_with(reg, &o, ret, err);
}
