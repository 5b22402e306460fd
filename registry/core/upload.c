/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/upload.c - invariants:
 * 1. An upload that is not busy has no holder; only the table's lock changes `busy`. A busy one is never freed by others: it is
 *    marked `dropped` and goes when its holder releases it.
 * 2. A token opens only for the repository id and the principal that it was sealed for. Ids of repositories are never used again.
 * 3. An upload in memory is the only user of its bytes; bytes without one in memory belong to whoever shows the token.
 * 4. Once committed, cancelled or failed an upload leaves the table on release. */
#include "registry/core/upload.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "registry/core/internal.h"

#define BUCKETS    1024
#define SEAL_BYTES 256

struct upload {
    struct upload *next;
    struct registry *reg;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    char token[UPLOAD_TOKEN_MAX];
    int64_t repo_id;
    char principal[64];
    struct blob_writer *writer;
    bool once, busy, dropped, spent;
    bool rollback;
    uint64_t rollback_to;
    uint64_t size_before; /* when it was acquired */
    int64_t touched_us;
};

struct owner {
    struct owner *next;
    char principal[64];
    size_t n;
};

struct upload_table {
    pthread_mutex_t lock;
    struct upload *buckets[BUCKETS];
    struct owner *owners;
};

struct upload_table *upload_table_new(void)
{
    struct upload_table *t = SW_NEW(struct upload_table);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static struct upload **find(struct upload_table *t, const char *id)
{
    uint64_t h = 0;
    for (const char *p = id; *p; p++)
        h = h * 31 + (unsigned char)*p;
    struct upload **at = &t->buckets[h % BUCKETS];
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static struct owner *owner_of(struct upload_table *t, const char *principal)
{
    struct owner *o = t->owners;
    while (o && strcmp(o->principal, principal) != 0)
        o = o->next;
    if (!o) {
        o = SW_NEW(struct owner);
        (void)sw_str_copy(sw_str(principal), o->principal, sizeof(o->principal));
        o->next = t->owners;
        t->owners = o;
    }
    return o;
}

static void free_upload(struct upload *u)
{
    blob_writer_free(u->writer);
    free(u);
}

/* Out of the table, under the lock. */
static void take_out(struct upload_table *t, struct upload **at)
{
    struct upload *u = *at;
    *at = u->next;
    owner_of(t, u->principal)->n--;
}

void upload_table_clear(struct upload_table *t)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        struct upload **at = &t->buckets[i];
        while (*at) {
            struct upload *u = *at;
            take_out(t, at);
            if (u->busy)
                u->dropped = true;
            else
                free_upload(u);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

void upload_table_free(struct upload_table *t)
{
    upload_table_clear(t);
    while (t->owners) {
        struct owner *o = t->owners;
        t->owners = o->next;
        free(o);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void seal_context(char *out, size_t cap, const char *id, int64_t repo_id,
                         const char *principal)
{
    snprintf(out, cap, "registry-upload %s %" PRId64 " %s", id, repo_id, principal);
}

static int make_token(struct upload *u, enum digest_algorithm hint, struct sw_err *err)
{
    char context[256];
    unsigned char plain = (unsigned char)hint;
    struct sw_buf sealed = SW_BUF_INIT(SEAL_BYTES);
    seal_context(context, sizeof(context), u->id, u->repo_id, u->principal);
    int r = keyring_seal(u->reg->o.keyring, context, &plain, 1, &sealed, err);
    if (r == 0 && BLOB_UPLOAD_ID_LEN + SW_BASE64_LEN(sealed.n) + 1 > sizeof(u->token))
        r = sw_fail(err, SW_EINTERNAL, NULL, "an upload token of %zu sealed bytes is too long",
                    sealed.n);
    if (r == 0) {
        memcpy(u->token, u->id, BLOB_UPLOAD_ID_LEN);
        sw_base64url(sealed.p, sealed.n, u->token + BLOB_UPLOAD_ID_LEN);
    }
    sw_buf_done(&sealed);
    return r;
}

static int fail_unknown(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "BLOB_UPLOAD_UNKNOWN", "upload unknown to the registry");
}

/* The id of a token that has the form of one. */
static bool token_id(const char *token, char ret_id[BLOB_UPLOAD_ID_LEN + 1])
{
    size_t n = strlen(token);
    if (n <= BLOB_UPLOAD_ID_LEN || n >= UPLOAD_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < BLOB_UPLOAD_ID_LEN; i++)
        if (!((token[i] >= '0' && token[i] <= '9') || (token[i] >= 'a' && token[i] <= 'f')))
            return false;
    memcpy(ret_id, token, BLOB_UPLOAD_ID_LEN);
    ret_id[BLOB_UPLOAD_ID_LEN] = 0;
    return true;
}

static int open_token(struct registry *reg, const char *id, int64_t repo_id, const char *principal,
                      const char *token, enum digest_algorithm *ret, struct sw_err *err)
{
    char context[256];
    unsigned char sealed[SEAL_BYTES];
    size_t n;
    seal_context(context, sizeof(context), id, repo_id, principal);
    if (!sw_unbase64url(sw_str(token + BLOB_UPLOAD_ID_LEN), sealed, sizeof(sealed), &n))
        return fail_unknown(err);
    struct sw_buf plain = SW_BUF_INIT(16);
    int r = keyring_open_sealed(reg->o.keyring, context, sealed, n, &plain, err);
    if (r == 0 && plain.n == 1 && (unsigned char)plain.p[0] < DIGEST_MAX_) {
        *ret = (enum digest_algorithm)plain.p[0];
    } else {
        sw_err_clear(err);
        r = fail_unknown(err);
    }
    sw_buf_done(&plain);
    return r;
}

static struct upload *new_upload(struct registry *reg, int64_t repo_id, const char *principal)
{
    struct upload *u = SW_NEW(struct upload);
    u->reg = reg;
    u->repo_id = repo_id;
    (void)sw_str_copy(sw_str(principal), u->principal, sizeof(u->principal));
    u->busy = true;
    u->touched_us = registry_now(reg);
    return u;
}

/* Enters a busy upload unless its owner has too many or (resume) another request was faster. */
static int enter(struct registry *reg, struct upload *u, struct sw_err *err)
{
    struct upload_table *t = reg->uploads;
    int r = 0;
    pthread_mutex_lock(&t->lock);
    struct owner *o = owner_of(t, u->principal);
    struct upload **at = find(t, u->id);
    if (*at) {
        r = sw_fail(err, SW_ECONFLICT, "ConflictException", "another request is using this upload");
    } else if (o->n >= reg->o.uploads_per_principal) {
        r = sw_fail(err, SW_ELIMIT, "TOOMANYREQUESTS",
                    "you have %zu open uploads, the maximum is %zu", o->n,
                    reg->o.uploads_per_principal);
    } else {
        o->n++;
        *at = u;
    }
    pthread_mutex_unlock(&t->lock);
    return r;
}

int upload_begin(struct registry *reg, const struct repo *repo, const char *principal_id,
                 enum digest_algorithm hint, bool once, struct upload **ret, struct sw_err *err)
{
    struct upload *u = new_upload(reg, repo ? repo->id : 0, principal_id);
    u->once = once;
    int r = blob_writer_begin(reg->o.blobs, hint, &u->writer, err);
    if (r < 0) {
        free_upload(u);
        return r;
    }
    (void)sw_str_copy(sw_str(blob_writer_id(u->writer)), u->id, sizeof(u->id));
    if (!once) {
        r = make_token(u, hint, err);
        if (r == 0)
            r = enter(reg, u, err);
    }
    if (r < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)blob_writer_cancel(u->writer, &ignored);
        free_upload(u);
        return r;
    }
    *ret = u;
    return 0;
}

static bool owns(const struct upload *u, const struct repo *repo, const char *principal_id,
                 const char *token)
{
    size_t n = strlen(token);
    return u->repo_id == repo->id && strcmp(u->principal, principal_id) == 0 &&
           n == strlen(u->token) && sw_equal_secret(u->token, token, n);
}

static uint64_t size_of(const struct upload *u)
{
    return u->rollback ? u->rollback_to : blob_writer_size(u->writer);
}

/* 1: in memory and now ours; 0: not in memory. */
static int acquire_in_memory(struct registry *reg, const struct repo *repo,
                             const char *principal_id, const char *id, const char *token,
                             struct upload **ret, struct sw_err *err)
{
    struct upload_table *t = reg->uploads;
    int r = 0;
    pthread_mutex_lock(&t->lock);
    struct upload *u = *find(t, id);
    if (u && !owns(u, repo, principal_id, token)) {
        r = fail_unknown(err);
    } else if (u && u->busy) {
        r = sw_fail(err, SW_ECONFLICT, "ConflictException", "another request is using this upload");
    } else if (u) {
        u->busy = true;
        u->size_before = size_of(u);
        *ret = u;
        r = 1;
    }
    pthread_mutex_unlock(&t->lock);
    return r;
}

int upload_acquire(struct registry *reg, const struct repo *repo, const char *principal_id,
                   const char *token, struct upload **ret, struct sw_err *err)
{
    char id[BLOB_UPLOAD_ID_LEN + 1];
    if (!token_id(token, id))
        return fail_unknown(err);
    int r = acquire_in_memory(reg, repo, principal_id, id, token, ret, err);
    if (r != 0)
        return r < 0 ? r : 0;
    enum digest_algorithm hint;
    r = open_token(reg, id, repo->id, principal_id, token, &hint, err);
    if (r < 0)
        return r;
    struct upload *u = new_upload(reg, repo->id, principal_id);
    (void)sw_str_copy(sw_str(id), u->id, sizeof(u->id));
    (void)sw_str_copy(sw_str(token), u->token, sizeof(u->token));
    /* In the table before the bytes are touched: invariant 3. */
    r = enter(reg, u, err);
    if (r < 0) {
        free_upload(u);
        return r;
    }
    r = blob_writer_resume(reg->o.blobs, id, hint, &u->writer, err);
    if (r < 0) {
        upload_release(u);
        if (r == SW_ENOTFOUND) {
            sw_err_clear(err);
            r = fail_unknown(err);
        }
        return r;
    }
    u->size_before = blob_writer_size(u->writer);
    *ret = u;
    return 0;
}

int upload_status(struct registry *reg, const struct repo *repo, const char *principal_id,
                  const char *token, uint64_t *ret_size, struct sw_err *err)
{
    struct upload *u;
    int r = upload_acquire(reg, repo, principal_id, token, &u, err);
    if (r == 0) {
        *ret_size = size_of(u);
        upload_release(u);
        return 0;
    }
    if (r != SW_ECONFLICT)
        return r;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    sw_err_clear(err);
    r = token_id(token, id) ? 0 : fail_unknown(err);
    pthread_mutex_lock(&reg->uploads->lock);
    u = r == 0 ? *find(reg->uploads, id) : NULL;
    if (u && owns(u, repo, principal_id, token))
        *ret_size = u->size_before;
    else if (r == 0)
        r = fail_unknown(err);
    pthread_mutex_unlock(&reg->uploads->lock);
    return r;
}

void upload_release(struct upload *u)
{
    if (!u)
        return;
    struct sw_err ignored = SW_ERR_INIT;
    if (u->once) {
        if (!u->spent && u->writer)
            (void)blob_writer_cancel(u->writer, &ignored);
        free_upload(u);
        return;
    }
    struct upload_table *t = u->reg->uploads;
    bool gone = u->spent || !u->writer;
    pthread_mutex_lock(&t->lock);
    if (!u->dropped && gone)
        take_out(t, find(t, u->id));
    gone = gone || u->dropped;
    u->busy = false;
    u->touched_us = registry_now(u->reg);
    pthread_mutex_unlock(&t->lock);
    if (gone)
        free_upload(u);
}

const char *upload_token(const struct upload *u)
{
    return u->token;
}

uint64_t upload_size(const struct upload *u)
{
    return size_of(u);
}

void upload_rollback(struct upload *u, uint64_t size)
{
    if (u->spent || size >= size_of(u))
        return;
    u->rollback = true;
    u->rollback_to = size;
}

static int settle(struct upload *u, struct sw_err *err)
{
    if (!u->rollback)
        return 0;
    int r = blob_writer_truncate(u->writer, u->rollback_to, err);
    if (r == 0)
        u->rollback = false;
    return r;
}

/* A writer that failed never succeeds again: its bytes go. */
static int give_up(struct upload *u, int r)
{
    struct sw_err ignored = SW_ERR_INIT;
    (void)blob_writer_cancel(u->writer, &ignored);
    u->spent = true;
    return r;
}

int upload_append(struct upload *u, const void *data, size_t n, struct sw_err *err)
{
    if (u->spent)
        return fail_unknown(err);
    int r = settle(u, err);
    if (r < 0)
        return give_up(u, r);
    if (n > u->reg->o.blob_max || blob_writer_size(u->writer) > u->reg->o.blob_max - n)
        return give_up(u, sw_fail(err, SW_ELIMIT, "RequestEntityTooLarge",
                                  "a blob may have %" PRIu64 " bytes", u->reg->o.blob_max));
    r = blob_writer_append(u->writer, data, n, err);
    return r < 0 ? give_up(u, r) : 0;
}

int upload_commit(struct upload *u, struct repo *repo, const struct digest *expect,
                  struct blob_info *ret, struct sw_err *err)
{
    if (u->spent)
        return fail_unknown(err);
    int r = settle(u, err);
    if (r < 0)
        return give_up(u, r);
    pthread_rwlock_t *lock = registry_blob_lock(u->reg, expect);
    pthread_rwlock_rdlock(lock);
    r = blob_writer_commit(u->writer, expect, ret, err);
    if (r == 0) {
        u->spent = true;
        r = blob_link_add(u->reg, repo, ret, err);
    } else if (r != SW_EMISMATCH) {
        r = give_up(u, r);
    }
    pthread_rwlock_unlock(lock);
    return r;
}

int upload_cancel(struct upload *u, struct sw_err *err)
{
    if (u->spent)
        return fail_unknown(err);
    u->spent = true;
    return blob_writer_cancel(u->writer, err);
}

struct stale_list {
    struct registry *reg;
    int64_t before_us;
    char (*ids)[BLOB_UPLOAD_ID_LEN + 1];
    size_t n;
};

static int note_stale(void *ctx, const struct blob_upload_info *info)
{
    struct stale_list *l = ctx;
    if (info->modified_at_us >= l->before_us)
        return 0;
    l->ids = sw_realloc_array(l->ids, l->n + 1, sizeof(*l->ids));
    memcpy(l->ids[l->n++], info->id, sizeof(info->id));
    return 0;
}

/* Takes the idle old ones out of memory; what remains there is in use or young. */
static void forget_idle(struct upload_table *t, int64_t before_us)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        struct upload **at = &t->buckets[i];
        while (*at) {
            struct upload *u = *at;
            if (u->busy || u->touched_us >= before_us) {
                at = &u->next;
                continue;
            }
            take_out(t, at);
            free_upload(u);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

int registry_expire_uploads(struct registry *reg, int64_t now_us, struct sw_err *err)
{
    struct stale_list l = {.reg = reg, .before_us = now_us - reg->o.upload_ttl_ms * 1000};
    forget_idle(reg->uploads, l.before_us);
    int r = blob_list_uploads(reg->o.blobs, note_stale, &l, err);
    for (size_t i = 0; i < l.n && r == 0; i++) {
        /* Removed under the table's lock: nobody can begin to use the bytes meanwhile. */
        pthread_mutex_lock(&reg->uploads->lock);
        if (!*find(reg->uploads, l.ids[i]))
            r = blob_upload_remove(reg->o.blobs, l.ids[i], err);
        pthread_mutex_unlock(&reg->uploads->lock);
    }
    free(l.ids);
    return r;
}
