/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/fsck.c - invariants:
 * 1. Only a finding that is there on a second look, after settle_ms and in a new transaction, is reported.
 * 2. Bytes are moved to quarantine only while their class of digests is locked alone, after they were read once more under that
 *    lock: a push that has just replaced them is not undone. */
#include "registry/core/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "registry/core/blob_rows.h"
#include "registry/core/internal.h"
#include "registry/core/manifest_parse.h"
#include "registry/core/quota.h"

#define MANIFESTS_STEP 8
#define READ_CHUNK     (1024 * 1024)
#define LINKS_SHOWN    20
#define NAME_SZ        260

struct fsck {
    struct registry *reg;
    const struct fsck_options *o;
    struct fsck_counts *counts;
    unsigned char *chunk;
};

const char *fsck_kind_to_string(enum fsck_kind k)
{
    static const char *const names[FSCK_MAX_] = {
        [FSCK_DATABASE] = "database-damaged",
        [FSCK_BLOB_MISSING] = "blob-missing",
        [FSCK_BLOB_SIZE] = "blob-size",
        [FSCK_BLOB_DAMAGED] = "blob-damaged",
        [FSCK_BLOB_UNREADABLE] = "blob-unreadable",
        [FSCK_BLOB_LINKED] = "blob-linked",
        [FSCK_BLOB_ROW] = "blob-row",
        [FSCK_FILE_UNKNOWN] = "file-unknown",
        [FSCK_MANIFEST_DAMAGED] = "manifest-damaged",
        [FSCK_MANIFEST_INVALID] = "manifest-invalid",
        [FSCK_REFERENCE_MISSING] = "reference-missing",
        [FSCK_REFERENCE_ROWS] = "reference-rows",
        [FSCK_TAG_DANGLING] = "tag-dangling",
        [FSCK_QUOTA_COUNT] = "quota-count",
    };
    return names[k];
}

static int go_on(const struct fsck *f, struct sw_err *err)
{
    if (f->o->cancelled && atomic_load(f->o->cancelled))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the check was interrupted");
    return 0;
}

static void found(struct fsck *f, const struct fsck_finding *finding)
{
    f->counts->findings += finding->kind != FSCK_BLOB_LINKED;
    f->counts->quarantined += finding->quarantined;
    f->o->found(f->o->ctx, finding);
}

static void settle(const struct fsck *f)
{
    if (f->o->settle_ms > 0)
        sw_sleep_ms(f->o->settle_ms);
}

/* --- the database ----------------------------------------------------------------------------- */

static void found_in_database(void *ctx, const char *what)
{
    found(ctx, &(struct fsck_finding){
                   .kind = FSCK_DATABASE, .digest = "", .repository = "", .detail = what});
}

static int check_database(struct fsck *f, struct sw_err *err)
{
    struct sw_err e = SW_ERR_INIT;
    int r = meta_check(f->reg->o.db, found_in_database, f, &e);
    if (r < 0)
        found_in_database(f, e.msg);
    return go_on(f, err);
}

/* --- blobs ------------------------------------------------------------------------------------ */

struct verdict {
    bool bad;
    enum fsck_kind kind;
    char detail[800];
};

static void say(struct verdict *v, enum fsck_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct verdict *v, enum fsck_kind kind, const char *fmt, ...)
{
    va_list ap;
    v->bad = true;
    v->kind = kind;
    va_start(ap, fmt);
    (void)vsnprintf(v->detail, sizeof(v->detail), fmt, ap);
    va_end(ap);
}

/* The digest of all that fd gives. What was read once is dropped from the page cache: it would only push out what serves. */
static int hash_file(struct fsck *f, int fd, enum digest_algorithm a, struct digest *ret,
                     struct sw_err *err)
{
    struct digest_hasher *h = digest_hasher_new(a);
    off_t at = 0;
    int r = 0;
    for (;;) {
        r = go_on(f, err);
        ssize_t n = r < 0 ? 0 : pread(fd, f->chunk, READ_CHUNK, at);
        if (n < 0)
            r = sw_fail_os(err, errno, "read at %lld", (long long)at);
        if (n <= 0)
            break;
        digest_hasher_update(h, f->chunk, (size_t)n);
        at += n;
        f->counts->bytes += (uint64_t)n;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    digest_hasher_peek(h, ret);
    digest_hasher_free(h);
    return r;
}

static int look_at_bytes(struct fsck *f, const struct blob_row *row, const struct digest *d,
                         struct verdict *v, struct sw_err *err)
{
    struct sw_err e = SW_ERR_INIT;
    struct digest got;
    uint64_t size = 0;
    sw_autoclose int fd = -1;
    *v = (struct verdict){0};
    int r = blob_open(f->reg->o.blobs, row->key, &fd, &size, &e);
    if (r == SW_ENOTFOUND) {
        say(v, FSCK_BLOB_MISSING, "there are no bytes under the key %s", row->key);
    } else if (r < 0) {
        say(v, FSCK_BLOB_UNREADABLE, "%s", e.msg);
    } else if (size != (uint64_t)row->size) {
        say(v, FSCK_BLOB_SIZE, "%llu bytes are stored, the row says %lld", (unsigned long long)size,
            (long long)row->size);
    } else if (hash_file(f, fd, d->algorithm, &got, &e) < 0) {
        if (go_on(f, err) < 0)
            return err->code;
        say(v, FSCK_BLOB_UNREADABLE, "%s", e.msg);
    } else if (!digest_equal(&got, d)) {
        char text[DIGEST_STRING_MAX];
        digest_format(&got, text);
        say(v, FSCK_BLOB_DAMAGED, "the stored bytes are %s", text);
    }
    return 0;
}

struct links {
    struct blob_row *row;
    bool row_is_there;
    char names[LINKS_SHOWN][NAME_SZ];
    size_t n;
    int64_t all;
};

static int links_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct links *l = arg;
    meta_autostmt *st = NULL;
    sw_autofree char *key = NULL;
    l->n = 0;
    int r = meta_get(tx, err, "SELECT size, blob_key FROM blob WHERE digest = $1", "t",
                     l->row->digest, "it", &l->row->size, &key);
    l->row_is_there = r > 0;
    if (r <= 0)
        return r;
    (void)sw_str_copy(sw_str(key), l->row->key, sizeof(l->row->key));
    r = meta_get(tx, err, "SELECT COUNT(*) FROM repository_blob WHERE digest = $1", "t",
                 l->row->digest, "i", &l->all);
    if (r >= 0)
        r = meta_query(tx, err, &st,
                       "SELECT r.name FROM repository_blob l JOIN repository r ON r.id = "
                       "l.repository_id WHERE l.digest = $1 ORDER BY r.name LIMIT $2",
                       "ti", l->row->digest, (int64_t)LINKS_SHOWN);
    while (r >= 0 && (r = meta_step(st, err)) > 0)
        (void)sw_str_copy(meta_str(st, 0), l->names[l->n++], NAME_SZ);
    return r;
}

/* True: the bytes were bad once more, and are moved aside. */
static int quarantine(struct fsck *f, const struct blob_row *row, const struct digest *d,
                      struct verdict *v, bool *ret_moved, struct sw_err *err)
{
    pthread_rwlock_t *lock = registry_blob_lock(f->reg, d);
    pthread_rwlock_wrlock(lock);
    int r = look_at_bytes(f, row, d, v, err);
    if (r == 0 && v->bad && v->kind != FSCK_BLOB_MISSING) {
        r = blob_quarantine(f->reg->o.blobs, row->key, err);
        *ret_moved = r == 0;
    }
    if (*ret_moved) /* also who looked at the bytes just before */
        repo_table_changed(&f->reg->repos, REPO_BLOBS);
    pthread_rwlock_unlock(lock);
    return r;
}

static int report_blob(struct fsck *f, struct blob_row *row, const struct digest *d,
                       struct sw_err *err)
{
    sw_autofree struct links *l = SW_NEW(struct links);
    struct verdict v;
    bool moved = false;
    uint64_t bytes = f->counts->bytes;
    settle(f);
    l->row = row;
    int r = meta_tx(f->reg->o.db, META_READ_LONG, links_tx, l, err);
    if (r < 0 || !l->row_is_there)
        return r;
    r = f->o->quarantine ? quarantine(f, row, d, &v, &moved, err)
                         : look_at_bytes(f, row, d, &v, err);
    f->counts->bytes = bytes; /* once is enough */
    if (r < 0 || !v.bad)
        return r;
    found(f, &(struct fsck_finding){.kind = v.kind,
                                    .digest = row->digest,
                                    .repository = "",
                                    .detail = v.detail,
                                    .quarantined = moved});
    for (size_t i = 0; i < l->n; i++) {
        char detail[80] = "";
        if (i + 1 == l->n && l->all > (int64_t)l->n)
            (void)snprintf(detail, sizeof(detail), "and %lld more repositories",
                           (long long)(l->all - (int64_t)l->n));
        found(f, &(struct fsck_finding){.kind = FSCK_BLOB_LINKED,
                                        .digest = row->digest,
                                        .repository = l->names[i],
                                        .detail = detail});
    }
    return 0;
}

static int check_blob(struct fsck *f, struct blob_row *row, struct sw_err *err)
{
    struct digest d;
    struct verdict v;
    f->counts->blobs++;
    if (!digest_parse(sw_str(row->digest), &d)) {
        found(f, &(struct fsck_finding){.kind = FSCK_BLOB_ROW,
                                        .digest = row->digest,
                                        .repository = "",
                                        .detail = "the row's digest is none"});
        return 0;
    }
    int r = look_at_bytes(f, row, &d, &v, err);
    if (r == 0 && v.bad)
        r = report_blob(f, row, &d, err);
    return r;
}

static int check_blobs(struct fsck *f, struct sw_err *err)
{
    sw_autofree struct blob_page *p = SW_NEW(struct blob_page);
    for (;;) {
        int r = blob_rows_next(f->reg->o.db, p, err);
        if (r <= 0)
            return r;
        for (size_t i = 0; i < p->n; i++) {
            r = go_on(f, err);
            if (r == 0)
                r = check_blob(f, &p->rows[i], err);
            if (r < 0)
                return r;
            if (f->o->progress)
                f->o->progress(f->o->ctx, f->counts->blobs, f->counts->bytes);
        }
    }
}

/* --- files ------------------------------------------------------------------------------------ */

struct unknown_files {
    struct fsck *f;
    char (*keys)[BLOB_KEY_MAX];
    size_t n;
    const char *key;
    struct sw_err err;
};

static int known_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct unknown_files *u = arg;
    int64_t one;
    return meta_get(tx, err, "SELECT 1 FROM blob WHERE blob_key = $1", "t", u->key, "i", &one);
}

static int note_file(void *ctx, const char *key, uint64_t size SW_UNUSED, int64_t modified_at_us)
{
    struct unknown_files *u = ctx;
    u->f->counts->files++;
    if (go_on(u->f, &u->err) < 0)
        return 1;
    if (u->f->o->now_us - modified_at_us < u->f->o->leaked_after_us)
        return 0;
    u->key = key;
    int r = meta_tx(u->f->reg->o.db, META_READ, known_tx, u, &u->err);
    if (r != 0)
        return r < 0;
    u->keys = sw_realloc_array(u->keys, u->n + 1, sizeof(*u->keys));
    (void)sw_str_copy(sw_str(key), u->keys[u->n++], BLOB_KEY_MAX);
    return 0;
}

static int report_files(struct unknown_files *u, struct sw_err *err)
{
    struct fsck *f = u->f;
    int r = 0;
    if (u->n > 0)
        settle(f);
    for (size_t i = 0; i < u->n && r >= 0; i++) {
        struct sw_err gone = SW_ERR_INIT;
        uint64_t size;
        char detail[120];
        u->key = u->keys[i];
        r = meta_tx(f->reg->o.db, META_READ, known_tx, u, err);
        if (r != 0 || blob_stat(f->reg->o.blobs, u->key, &size, &gone) < 0)
            continue;
        (void)snprintf(detail, sizeof(detail),
                       "%llu bytes that no row knows: slipway gc takes them",
                       (unsigned long long)size);
        found(f,
              &(struct fsck_finding){
                  .kind = FSCK_FILE_UNKNOWN, .digest = u->key, .repository = "", .detail = detail});
    }
    return r < 0 ? r : 0;
}

static int check_files(struct fsck *f, struct sw_err *err)
{
    struct unknown_files u = {.f = f};
    int r = blob_list(f->reg->o.blobs, note_file, &u, err);
    if (u.err.code != 0)
        r = sw_err_move(err, &u.err);
    if (r == 0)
        r = report_files(&u, err);
    free(u.keys);
    return r;
}

/* --- manifests -------------------------------------------------------------------------------- */

struct manifest_row {
    int64_t repo_id, size;
    char digest[DIGEST_STRING_MAX], repository[NAME_SZ];
    char *media_type, *content;
    size_t content_n;
    bool sparse;
};

struct manifest_page {
    struct fsck *f;
    struct manifest_row rows[MANIFESTS_STEP];
    size_t n;
    int64_t after_repo;
    char after_digest[DIGEST_STRING_MAX];
};

static void free_rows(struct manifest_page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->rows[i].media_type);
        free(p->rows[i].content);
    }
    p->n = 0;
}

static bool allows_sparse(const struct fsck *f, struct sw_str settings)
{
    sw_autojson json_t *doc = NULL;
    struct sw_err e = SW_ERR_INIT;
    (void)sw_json_load(settings, 32, 10000, NULL, &doc, &e);
    return sw_json_bool(doc, "allowSparseManifests", f->reg->o.allow_sparse_manifests);
}

static int manifests_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct manifest_page *p = arg;
    meta_autostmt *st = NULL;
    free_rows(p);
    int r = meta_query(
        tx, err, &st,
        "SELECT m.repository_id, m.digest, m.media_type, m.size, m.content, r.name, r.settings "
        "FROM manifest m JOIN repository r ON r.id = m.repository_id "
        "WHERE (m.repository_id, m.digest) > ($1, $2) ORDER BY m.repository_id, m.digest LIMIT $3",
        "iti", p->after_repo, p->after_digest, (int64_t)MANIFESTS_STEP);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct manifest_row *row = &p->rows[p->n++];
        struct sw_str content = meta_str(st, 4);
        *row = (struct manifest_row){.repo_id = meta_int(st, 0),
                                     .size = meta_int(st, 3),
                                     .media_type = meta_dup(st, 2),
                                     .content = sw_str_dup(content),
                                     .content_n = content.n,
                                     .sparse = allows_sparse(p->f, meta_str(st, 6))};
        (void)sw_str_copy(meta_str(st, 1), row->digest, sizeof(row->digest));
        (void)sw_str_copy(meta_str(st, 5), row->repository, sizeof(row->repository));
    }
    return r;
}

struct reference_check {
    const struct manifest_row *row;
    const struct manifest *m;
    bool row_is_there;
    struct verdict v;
};

static int has(struct meta_tx *tx, const char *sql, int64_t repo_id, const char *digest,
               struct sw_err *err)
{
    int64_t one;
    return meta_get(tx, err, sql, "it", repo_id, digest, "i", &one);
}

static int check_reference(struct meta_tx *tx, struct reference_check *c,
                           const struct manifest_descriptor *ref, struct sw_err *err)
{
    char child[DIGEST_STRING_MAX];
    int64_t one;
    digest_format(&ref->digest, child);
    int r = meta_get(tx, err,
                     "SELECT 1 FROM manifest_reference WHERE repository_id = $1 AND parent = $2 "
                     "AND child = $3",
                     "itt", c->row->repo_id, c->row->digest, child, "i", &one);
    if (r == 0)
        say(&c->v, FSCK_REFERENCE_ROWS, "no row says that it needs the %s %s",
            manifest_role_to_string(ref->role), child);
    if (r <= 0 || ref->foreign || c->row->sparse)
        return r;
    r = has(tx, "SELECT 1 FROM repository_blob WHERE repository_id = $1 AND digest = $2",
            c->row->repo_id, child, err);
    if (r == 0 && ref->role == MANIFEST_CHILD)
        r = has(tx, "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2",
                c->row->repo_id, child, err);
    if (r == 0)
        say(&c->v, FSCK_REFERENCE_MISSING, "the repository does not have its %s %s",
            manifest_role_to_string(ref->role), child);
    return r;
}

static int references_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct reference_check *c = arg;
    c->v = (struct verdict){0};
    int r = has(tx, "SELECT 1 FROM manifest WHERE repository_id = $1 AND digest = $2",
                c->row->repo_id, c->row->digest, err);
    c->row_is_there = r > 0;
    if (r <= 0)
        return r;
    for (size_t i = 0; i < c->m->refs_n && r >= 0 && !c->v.bad; i++)
        r = check_reference(tx, c, &c->m->refs[i], err);
    int64_t rows = 0;
    if (r >= 0 && !c->v.bad)
        r = meta_get(tx, err,
                     "SELECT COUNT(*) FROM manifest_reference WHERE repository_id = $1 AND parent "
                     "= $2",
                     "it", c->row->repo_id, c->row->digest, "i", &rows);
    if (r >= 0 && !c->v.bad && rows > (int64_t)c->m->refs_n)
        say(&c->v, FSCK_REFERENCE_ROWS, "%lld rows say what it needs, its content names %zu",
            (long long)rows, c->m->refs_n);
    return r < 0 ? r : 0;
}

static void found_manifest(struct fsck *f, const struct manifest_row *row, enum fsck_kind kind,
                           const char *detail)
{
    found(f, &(struct fsck_finding){.kind = kind,
                                    .digest = row->digest,
                                    .repository = row->repository,
                                    .detail = detail});
}

static int check_references(struct fsck *f, const struct manifest_row *row,
                            const struct manifest *m, struct sw_err *err)
{
    struct reference_check c = {.row = row, .m = m};
    int r = meta_tx(f->reg->o.db, META_READ_LONG, references_tx, &c, err);
    if (r == 0 && c.row_is_there && c.v.bad) {
        settle(f);
        r = meta_tx(f->reg->o.db, META_READ_LONG, references_tx, &c, err);
        if (r == 0 && c.row_is_there && c.v.bad)
            found_manifest(f, row, c.v.kind, c.v.detail);
    }
    return r;
}

/* A manifest's row never changes, so one look is enough for what it says of itself. */
static int check_manifest(struct fsck *f, const struct manifest_row *row, struct sw_err *err)
{
    struct digest d, got;
    struct manifest m;
    struct sw_err e = SW_ERR_INIT;
    f->counts->manifests++;
    if (!digest_parse(sw_str(row->digest), &d)) {
        found_manifest(f, row, FSCK_MANIFEST_DAMAGED, "the row's digest is none");
        return 0;
    }
    digest_of(d.algorithm, row->content, row->content_n, &got);
    if (!digest_equal(&d, &got) || row->size != (int64_t)row->content_n) {
        char text[DIGEST_STRING_MAX], detail[200];
        digest_format(&got, text);
        (void)snprintf(detail, sizeof(detail), "its content is %s, %zu bytes; the row says %lld",
                       text, row->content_n, (long long)row->size);
        found_manifest(f, row, FSCK_MANIFEST_DAMAGED, detail);
        return 0;
    }
    if (manifest_parse(sw_str_n(row->content, row->content_n), sw_str(row->media_type), &m, &e) <
        0) {
        found_manifest(f, row, FSCK_MANIFEST_INVALID, e.msg);
        return 0;
    }
    int r = check_references(f, row, &m, err);
    manifest_done(&m);
    return r;
}

static int check_manifests(struct fsck *f, struct sw_err *err)
{
    struct manifest_page *p = SW_NEW(struct manifest_page);
    p->f = f;
    p->after_repo = INT64_MIN;
    int r;
    while ((r = meta_tx(f->reg->o.db, META_READ_LONG, manifests_tx, p, err)) == 0 && p->n > 0) {
        p->after_repo = p->rows[p->n - 1].repo_id;
        memcpy(p->after_digest, p->rows[p->n - 1].digest, sizeof(p->after_digest));
        for (size_t i = 0; i < p->n && r == 0; i++) {
            r = go_on(f, err);
            if (r == 0)
                r = check_manifest(f, &p->rows[i], err);
        }
        if (r < 0)
            break;
    }
    free_rows(p);
    free(p);
    return r;
}

/* --- tags ------------------------------------------------------------------------------------- */

struct dangling {
    char digest[DIGEST_STRING_MAX], repository[NAME_SZ], tag[NAME_SZ];
};

struct tags {
    struct dangling *list;
    size_t n;
};

static int tags_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct tags *t = arg;
    meta_autostmt *st = NULL;
    t->n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT t.name, t.digest, r.name FROM tag t LEFT JOIN repository r ON r.id "
                       "= t.repository_id WHERE NOT EXISTS (SELECT 1 FROM manifest m WHERE "
                       "m.repository_id = t.repository_id AND m.digest = t.digest)",
                       "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        t->list = sw_realloc_array(t->list, t->n + 1, sizeof(*t->list));
        struct dangling *d = &t->list[t->n++];
        (void)sw_str_copy(meta_str(st, 0), d->tag, sizeof(d->tag));
        (void)sw_str_copy(meta_str(st, 1), d->digest, sizeof(d->digest));
        (void)sw_str_copy(meta_str(st, 2), d->repository, sizeof(d->repository));
    }
    return r;
}

static int check_tags(struct fsck *f, struct sw_err *err)
{
    struct tags t = {0};
    int r = meta_tx(f->reg->o.db, META_READ_LONG, tags_tx, &t, err);
    for (size_t i = 0; r == 0 && i < t.n; i++) {
        sw_autofree char *detail = sw_asprintf("the tag '%s' names no manifest", t.list[i].tag);
        found(f, &(struct fsck_finding){.kind = FSCK_TAG_DANGLING,
                                        .digest = t.list[i].digest,
                                        .repository = t.list[i].repository,
                                        .detail = detail});
    }
    free(t.list);
    return r;
}

struct quotas {
    char **details; /* owned */
    size_t n;
};

static void forget_quotas(struct quotas *q)
{
    while (q->n > 0)
        free(q->details[--q->n]);
}

static void note_quota(void *ctx, const struct quota *quota)
{
    struct quotas *q = ctx;
    if (!quota) {
        forget_quotas(q);
        return;
    }
    q->details = sw_realloc_array(q->details, q->n + 1, sizeof(*q->details));
    q->details[q->n++] = sw_asprintf("the quota of '%s' counts %" PRId64 " bytes and %" PRId64
                                     " images, which the rows do not have",
                                     quota->prefix, quota->bytes_used, quota->images_used);
}

static int check_quotas(struct fsck *f, struct sw_err *err)
{
    struct quotas q = {0};
    int r = quota_verify(f->reg, note_quota, &q, err);
    for (size_t i = 0; r == 0 && i < q.n; i++)
        found(f, &(struct fsck_finding){.kind = FSCK_QUOTA_COUNT,
                                        .digest = "",
                                        .repository = "",
                                        .detail = q.details[i]});
    forget_quotas(&q);
    free(q.details);
    return r;
}

int registry_fsck(struct registry *reg, const struct fsck_options *o, struct fsck_counts *ret,
                  struct sw_err *err)
{
    struct fsck f = {.reg = reg, .o = o, .counts = ret, .chunk = sw_malloc(READ_CHUNK)};
    *ret = (struct fsck_counts){0};
    int r = check_database(&f, err);
    if (r == 0)
        r = check_manifests(&f, err);
    if (r == 0)
        r = check_tags(&f, err);
    if (r == 0)
        r = check_quotas(&f, err);
    if (r == 0)
        r = check_blobs(&f, err);
    if (r == 0)
        r = check_files(&f, err);
    free(f.chunk);
    return r;
}
