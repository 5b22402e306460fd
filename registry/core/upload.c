/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/upload.c - invariants:
 * 1. A session has at most one holder: the handle whose ticket is the session's. A holder that has been quiet (its connection may
 *    be dead without anyone having noticed) loses it to the next request of the owner; its later calls fail.
 * 2. The writer is used under the session's `io` lock only. Tickets change under the table's lock and `io` together, so either
 *    one is enough to compare them. Order: table, then io (only tried, never waited for). A ticket that was lost is lost for
 *    ever, so who lost it sees that without waiting for `io`, which a commit holds as long as the disk needs.
 * 3. A token opens only for the repository id and the principal that it was sealed for. Ids of repositories are never used again.
 * 4. A session in memory is the only user of its bytes; bytes without one in memory belong to whoever shows the token.
 * 5. Once committed, cancelled or failed (`spent`) a session leaves the table on release.
 * 6. Who has as many sessions as allowed loses the oldest one without bytes, if nobody holds it: clients abandon those that a mount
 *    that failed has begun.
 * 7. `bytes` is what the writer has, as of the last end of a call; it is read without `io`.
 * 8. A client is only told of bytes that were flushed: by its own request, when the session is released, or when it is taken from a
 *    holder that has been quiet. */
#include "registry/core/upload.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "registry/core/internal.h"
#include "registry/core/layer_upload.h"

#define BUCKETS    1024
#define SEAL_BYTES 256
#define QUIET_US   (2 * 1000000LL)
#define PARK_US \
    (5 * 60 * 1000000LL) /* idle for so long: only the bytes stay, no memory, no open file */

struct session {
    struct session *next;
    struct registry *reg;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    char token[UPLOAD_TOKEN_MAX];
    int64_t repo_id;
    char principal[64];
    pthread_mutex_t io;
    _Atomic int64_t active_at_us;
    _Atomic uint64_t bytes;
    /* under the table's lock */
    unsigned refs; /* handles, and one for the table */
    bool in_table, busy;
    uint64_t size_before; /* when its holder got it */
    /* under both */
    _Atomic uint64_t ticket;
    /* under io */
    struct blob_writer *writer;
    bool spent, keep_partial, rollback;
    uint64_t rollback_to;
};

struct upload {
    struct session *s;
    uint64_t ticket;
    bool once;
};

struct owner {
    struct owner *next;
    char principal[64];
    size_t n;
};

struct upload_table {
    pthread_mutex_t lock;
    struct session *buckets[BUCKETS];
    struct owner *owners;
};

struct upload_table *upload_table_new(void)
{
    struct upload_table *t = SW_NEW(struct upload_table);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static struct session **find(struct upload_table *t, const char *id)
{
    uint64_t h = 0;
    for (const char *p = id; *p; p++)
        h = h * 31 + (unsigned char)*p;
    struct session **at = &t->buckets[h % BUCKETS];
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

static void free_session(struct session *s)
{
    blob_writer_free(s->writer);
    pthread_mutex_destroy(&s->io);
    free(s);
}

/* Under the table's lock. */
static void unref_session(struct session *s)
{
    if (--s->refs == 0)
        free_session(s);
}

static void take_out(struct upload_table *t, struct session **at)
{
    struct session *s = *at;
    *at = s->next;
    s->in_table = false;
    owner_of(t, s->principal)->n--;
    unref_session(s);
}

void upload_table_clear(struct upload_table *t)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        while (t->buckets[i])
            take_out(t, &t->buckets[i]);
    pthread_mutex_unlock(&t->lock);
}

size_t upload_table_count(struct upload_table *t)
{
    size_t n = 0;
    pthread_mutex_lock(&t->lock);
    for (const struct owner *o = t->owners; o; o = o->next)
        n += o->n;
    pthread_mutex_unlock(&t->lock);
    return n;
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

size_t upload_table_pending(struct upload_table *t, const struct upload *but,
                            struct upload_pending **ret)
{
    struct upload_pending *list = NULL;
    size_t n = 0;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct session *s = t->buckets[i]; s; s = s->next) {
            uint64_t bytes = but && but->s == s ? 0 : atomic_load(&s->bytes);
            size_t at = 0;
            if (bytes == 0)
                continue;
            while (at < n && list[at].repo_id != s->repo_id)
                at++;
            if (at == n) {
                list = sw_realloc_array(list, n + 1, sizeof(*list));
                list[n++] = (struct upload_pending){.repo_id = s->repo_id};
            }
            list[at].bytes += bytes;
        }
    pthread_mutex_unlock(&t->lock);
    *ret = list;
    return n;
}

static void seal_context(char *out, size_t cap, const char *id, int64_t repo_id,
                         const char *principal)
{
    snprintf(out, cap, "registry-upload %s %" PRId64 " %s", id, repo_id, principal);
}

static int make_token(struct session *s, enum digest_algorithm hint, struct sw_err *err)
{
    char context[256];
    unsigned char plain = (unsigned char)hint;
    struct sw_buf sealed = SW_BUF_INIT(SEAL_BYTES);
    seal_context(context, sizeof(context), s->id, s->repo_id, s->principal);
    int r = keyring_seal(s->reg->o.keyring, context, &plain, 1, &sealed, err);
    if (r == 0 && BLOB_UPLOAD_ID_LEN + SW_BASE64_LEN(sealed.n) + 1 > sizeof(s->token))
        r = sw_fail(err, SW_EINTERNAL, NULL, "an upload token of %zu sealed bytes is too long",
                    sealed.n);
    if (r == 0) {
        memcpy(s->token, s->id, BLOB_UPLOAD_ID_LEN);
        sw_base64url(sealed.p, sealed.n, s->token + BLOB_UPLOAD_ID_LEN);
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

static int fail_busy(struct sw_err *err)
{
    return sw_fail(err, SW_ECONFLICT, "ConflictException", "another request is using this upload");
}

static struct session *new_session(struct registry *reg, int64_t repo_id, const char *principal)
{
    struct session *s = SW_NEW(struct session);
    pthread_mutex_init(&s->io, NULL);
    s->reg = reg;
    s->repo_id = repo_id;
    (void)sw_str_copy(sw_str(principal), s->principal, sizeof(s->principal));
    s->refs = 1;
    s->busy = true;
    s->ticket = 1;
    atomic_init(&s->active_at_us, registry_now(reg));
    return s;
}

static struct upload *new_handle(struct session *s)
{
    struct upload *u = SW_NEW(struct upload);
    u->s = s;
    u->ticket = s->ticket;
    return u;
}

/* Under the table's lock. The caller's from now on: nobody holds it and the table does not have it. NULL: there is none. */
static struct session *take_oldest_empty(struct upload_table *t, const char *principal)
{
    struct session **oldest = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct session **at = &t->buckets[i]; *at; at = &(*at)->next) {
            struct session *s = *at;
            if (s->busy || s->refs > 1 || atomic_load(&s->bytes) > 0 ||
                strcmp(s->principal, principal) != 0)
                continue;
            if (!oldest || atomic_load(&s->active_at_us) < atomic_load(&(*oldest)->active_at_us))
                oldest = at;
        }
    if (!oldest)
        return NULL;
    struct session *s = *oldest;
    s->refs++;
    take_out(t, oldest);
    return s;
}

/* Without the lock: it removes a file. */
static void drop_empty(struct session *s)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (!s)
        return;
    (void)blob_writer_cancel(s->writer, &ignored);
    free_session(s);
}

/* Enters a new session unless its owner has too many or (resume) another request was faster. */
static int enter(struct registry *reg, struct session *s, struct sw_err *err)
{
    struct upload_table *t = reg->uploads;
    struct session *empty = NULL;
    int r = 0;
    pthread_mutex_lock(&t->lock);
    struct owner *o = owner_of(t, s->principal);
    if (o->n >= reg->o.uploads_per_principal && !*find(t, s->id))
        empty = take_oldest_empty(t, s->principal);
    struct session **at = find(t, s->id);
    if (*at) {
        r = fail_busy(err);
    } else if (o->n >= reg->o.uploads_per_principal) {
        r = sw_fail(err, SW_ELIMIT, "TOOMANYREQUESTS",
                    "you have %zu open uploads, the maximum is %zu", o->n,
                    reg->o.uploads_per_principal);
    } else {
        o->n++;
        s->refs++;
        s->in_table = true;
        *at = s;
    }
    pthread_mutex_unlock(&t->lock);
    drop_empty(empty);
    return r;
}

int upload_begin(struct registry *reg, const struct repo *repo, const char *principal_id,
                 enum digest_algorithm hint, bool once, struct upload **ret, struct sw_err *err)
{
    struct session *s = new_session(reg, repo ? repo->id : 0, principal_id);
    int r = blob_writer_begin(reg->o.blobs, hint, &s->writer, err);
    if (r < 0) {
        free_session(s);
        return r;
    }
    (void)sw_str_copy(sw_str(blob_writer_id(s->writer)), s->id, sizeof(s->id));
    if (!once) {
        r = make_token(s, hint, err);
        if (r == 0)
            r = enter(reg, s, err);
    }
    if (r < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)blob_writer_cancel(s->writer, &ignored);
        free_session(s);
        return r;
    }
    *ret = new_handle(s);
    (*ret)->once = once;
    return 0;
}

static bool owns(const struct session *s, const struct repo *repo, const char *principal_id,
                 const char *token)
{
    size_t n = strlen(token);
    return s->repo_id == repo->id && strcmp(s->principal, principal_id) == 0 &&
           n == strlen(s->token) && sw_equal_secret(s->token, token, n);
}

/* Under io. */
static uint64_t size_of(const struct session *s)
{
    return s->rollback ? s->rollback_to : blob_writer_size(s->writer);
}

static void rollback(struct session *s, uint64_t size)
{
    if (s->spent || size >= size_of(s))
        return;
    s->rollback = true;
    s->rollback_to = size;
    atomic_store(&s->bytes, size);
}

/* Under the table's lock: makes the caller the holder. */
static int take_over(struct session *s, struct sw_err *err)
{
    int64_t now = registry_now(s->reg);
    if (s->busy && now - atomic_load(&s->active_at_us) < QUIET_US)
        return fail_busy(err);
    if (pthread_mutex_trylock(&s->io) != 0)
        return fail_busy(err);
    int r = s->spent || !s->writer ? fail_busy(err) : 0;
    if (r == 0) {
        if (s->busy && !s->keep_partial)
            rollback(s, s->size_before);
        s->busy = true;
        s->keep_partial = false;
        s->ticket++;
        s->refs++;
        s->size_before = size_of(s);
        atomic_store(&s->active_at_us, now);
    }
    pthread_mutex_unlock(&s->io);
    return r;
}

/* 1: in memory and now ours; 0: not in memory. */
static int acquire_in_memory(struct registry *reg, const struct repo *repo,
                             const char *principal_id, const char *id, const char *token,
                             struct upload **ret, struct sw_err *err)
{
    struct upload_table *t = reg->uploads;
    int r = 0;
    pthread_mutex_lock(&t->lock);
    struct session *s = *find(t, id);
    if (s) {
        r = owns(s, repo, principal_id, token) ? take_over(s, err) : fail_unknown(err);
        if (r == 0) {
            *ret = new_handle(s);
            r = 1;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return r;
}

/* In the table before the bytes are touched, and locked until they are read: invariant 4. */
static int resume(struct session *s, enum digest_algorithm hint, struct sw_err *err)
{
    pthread_mutex_lock(&s->io);
    int r = enter(s->reg, s, err);
    if (r == 0) {
        r = blob_writer_resume(s->reg->o.blobs, s->id, hint, &s->writer, err);
        if (r == SW_ENOTFOUND) {
            sw_err_clear(err);
            r = fail_unknown(err);
        }
        s->spent = r < 0;
        atomic_store(&s->bytes, r < 0 ? 0 : size_of(s));
    }
    atomic_store(&s->active_at_us, registry_now(s->reg));
    pthread_mutex_unlock(&s->io);
    return r;
}

int upload_acquire(struct registry *reg, const struct repo *repo, const char *principal_id,
                   const char *token, struct upload **ret, struct sw_err *err)
{
    char id[BLOB_UPLOAD_ID_LEN + 1];
    if (!token_id(token, id))
        return fail_unknown(err);
    int r = acquire_in_memory(reg, repo, principal_id, id, token, ret, err);
    if (r > 0) {
        r = upload_flush(*ret, err);
        if (r < 0)
            upload_release(*ret);
        return r;
    }
    if (r < 0)
        return r;
    enum digest_algorithm hint;
    r = open_token(reg, id, repo->id, principal_id, token, &hint, err);
    if (r < 0)
        return r;
    struct session *s = new_session(reg, repo->id, principal_id);
    (void)sw_str_copy(sw_str(id), s->id, sizeof(s->id));
    (void)sw_str_copy(sw_str(token), s->token, sizeof(s->token));
    r = resume(s, hint, err);
    struct upload *u = new_handle(s);
    if (r < 0) {
        upload_release(u);
        return r;
    }
    pthread_mutex_lock(&reg->uploads->lock);
    s->size_before = blob_writer_size(s->writer);
    pthread_mutex_unlock(&reg->uploads->lock);
    *ret = u;
    return 0;
}

int upload_status(struct registry *reg, const struct repo *repo, const char *principal_id,
                  const char *token, uint64_t *ret_size, struct sw_err *err)
{
    struct upload *u;
    int r = upload_acquire(reg, repo, principal_id, token, &u, err);
    if (r == 0) {
        *ret_size = upload_size(u);
        upload_release(u);
        return 0;
    }
    if (r != SW_ECONFLICT)
        return r;
    char id[BLOB_UPLOAD_ID_LEN + 1];
    sw_err_clear(err);
    r = token_id(token, id) ? 0 : fail_unknown(err);
    pthread_mutex_lock(&reg->uploads->lock);
    struct session *s = r == 0 ? *find(reg->uploads, id) : NULL;
    if (s && owns(s, repo, principal_id, token))
        *ret_size = s->size_before;
    else if (r == 0)
        r = fail_unknown(err);
    pthread_mutex_unlock(&reg->uploads->lock);
    return r;
}

/* A session whose bytes are removed or published cannot be found again. It ends without the lock: closing the last descriptor of a
 * large file that was removed takes its time. Others end under it, so that whoever resumes them finds no second writer. */
void upload_release(struct upload *u)
{
    if (!u)
        return;
    struct session *s = u->s;
    struct upload_table *t = s->reg->uploads;
    struct session *ended = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    if (u->once && !s->spent)
        (void)blob_writer_cancel(s->writer, &ignored);
    else
        (void)upload_flush(u, &ignored);
    pthread_mutex_lock(&t->lock);
    if (u->ticket == s->ticket) {
        s->busy = false;
        atomic_store(&s->active_at_us, registry_now(s->reg));
        if (s->in_table && s->spent)
            take_out(t, find(t, s->id));
    }
    if (s->refs == 1 && (s->spent || u->once))
        ended = s;
    else
        unref_session(s);
    pthread_mutex_unlock(&t->lock);
    if (ended)
        free_session(ended);
    free(u);
}

const char *upload_token(const struct upload *u)
{
    return u->s->token;
}

uint64_t upload_size(const struct upload *u)
{
    pthread_mutex_lock(&u->s->io);
    uint64_t size = size_of(u->s);
    pthread_mutex_unlock(&u->s->io);
    return size;
}

/* Locks io; the caller unlocks with end(). Fails, unlocked, when the session is another's by now. */
static int begin(struct upload *u, struct sw_err *err)
{
    if (u->ticket != atomic_load(&u->s->ticket))
        return fail_busy(err);
    pthread_mutex_lock(&u->s->io);
    int r = u->ticket != u->s->ticket ? fail_busy(err) : u->s->spent ? fail_unknown(err) : 0;
    if (r < 0)
        pthread_mutex_unlock(&u->s->io);
    return r;
}

static int end(struct upload *u, int r)
{
    atomic_store(&u->s->bytes, u->s->spent ? 0 : size_of(u->s));
    atomic_store(&u->s->active_at_us, registry_now(u->s->reg));
    pthread_mutex_unlock(&u->s->io);
    return r;
}

void upload_keep_partial(struct upload *u)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (begin(u, &ignored) == 0) {
        u->s->keep_partial = true;
        (void)end(u, 0);
    }
}

void upload_rollback(struct upload *u, uint64_t size)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (begin(u, &ignored) == 0) {
        rollback(u->s, size);
        (void)end(u, 0);
    }
}

static int settle(struct session *s, struct sw_err *err)
{
    if (!s->rollback)
        return 0;
    int r = blob_writer_truncate(s->writer, s->rollback_to, err);
    if (r == 0)
        s->rollback = false;
    return r;
}

/* A writer that failed never succeeds again: its bytes go. */
static int give_up(struct session *s, int r)
{
    struct sw_err ignored = SW_ERR_INIT;
    (void)blob_writer_cancel(s->writer, &ignored);
    s->spent = true;
    return r;
}

static int append(struct session *s, const void *data, size_t n, struct sw_err *err)
{
    uint64_t max = s->reg->o.blob_max;
    int r = settle(s, err);
    if (r == 0 && (n > max || blob_writer_size(s->writer) > max - n))
        r = sw_fail(err, SW_ELIMIT, "RequestEntityTooLarge", "a blob may have %" PRIu64 " bytes",
                    max);
    if (r == 0)
        r = blob_writer_append(s->writer, data, n, err);
    return r < 0 ? give_up(s, r) : 0;
}

int upload_append(struct upload *u, const void *data, size_t n, struct sw_err *err)
{
    int r = begin(u, err);
    return r < 0 ? r : end(u, append(u->s, data, n, err));
}

int upload_flush(struct upload *u, struct sw_err *err)
{
    int r = begin(u, err);
    if (r < 0)
        return r;
    r = blob_writer_flush(u->s->writer, err);
    return end(u, r < 0 ? give_up(u->s, r) : 0);
}

static int commit(struct session *s, struct repo *repo, const struct digest *expect,
                  struct blob_info *ret, struct sw_err *err)
{
    int r = settle(s, err);
    if (r < 0)
        return give_up(s, r);
    pthread_rwlock_t *lock = registry_blob_lock(s->reg, expect);
    pthread_rwlock_rdlock(lock);
    r = blob_writer_commit(s->writer, expect, ret, err);
    if (r == 0) {
        s->spent = true;
        r = blob_link_add(s->reg, repo, ret, err);
        if (r < 0)
            atomic_store(&s->reg->files_may_leak, true);
    } else if (r != SW_EMISMATCH) {
        r = give_up(s, r);
    }
    pthread_rwlock_unlock(lock);
    return r;
}

int upload_commit(struct upload *u, struct repo *repo, const struct digest *expect,
                  struct blob_info *ret, struct sw_err *err)
{
    int r = begin(u, err);
    return r < 0 ? r : end(u, commit(u->s, repo, expect, ret, err));
}

int upload_cancel(struct upload *u, struct sw_err *err)
{
    int r = begin(u, err);
    if (r < 0)
        return r;
    u->s->spent = true;
    return end(u, blob_writer_cancel(u->s->writer, err));
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

/* Takes the idle ones out of memory; what remains there is in use or young. The token brings one back. */
static void forget_idle(struct upload_table *t, int64_t before_us)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
        struct session **at = &t->buckets[i];
        while (*at) {
            struct session *s = *at;
            if (s->busy || atomic_load(&s->active_at_us) >= before_us)
                at = &s->next;
            else
                take_out(t, at);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

int registry_expire_uploads(struct registry *reg, int64_t now_us, struct sw_err *err)
{
    struct stale_list l = {.reg = reg, .before_us = now_us - reg->o.upload_ttl_ms * 1000};
    int64_t park_before_us = now_us - PARK_US;
    forget_idle(reg->uploads, SW_MAX(l.before_us, park_before_us));
    blob_trim();
    int r = blob_list_uploads(reg->o.blobs, note_stale, &l, err);
    for (size_t i = 0; i < l.n && r == 0; i++) {
        /* Removed under the table's lock: nobody can begin to use the bytes meanwhile. */
        pthread_mutex_lock(&reg->uploads->lock);
        if (!*find(reg->uploads, l.ids[i]))
            r = blob_upload_remove(reg->o.blobs, l.ids[i], err);
        if (r == SW_ECONFLICT) { /* a single request's, which is in no table: still written */
            sw_err_clear(err);
            r = 0;
        }
        pthread_mutex_unlock(&reg->uploads->lock);
    }
    free(l.ids);
    return r < 0 ? r : layer_upload_expire(reg, l.before_us, err);
}
