/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/pulls.c - invariants:
 * 1. pulled_at_us of a cached manifest is set only when its pull is in the table: what found no room is tried again.
 * 2. A flush takes the whole table and puts back what it could not write. */
#include "registry/core/pulls.h"

#include "base/alloc.h"
#include "registry/core/internal.h"

#define BUCKETS 4096
#define BATCH   500

struct pull {
    int64_t repo_id, at_us;
    char digest[DIGEST_STRING_MAX];
    struct pull *next;
};

struct exclusion {
    char *account, *region, *arn; /* owned */
};

struct pull_table {
    pthread_mutex_t lock;
    struct pull *buckets[BUCKETS];
    size_t n;
    struct exclusion *exclusions; /* at most 100 a registry */
    size_t exclusions_n;
};

struct pull_table *pull_table_new(void)
{
    struct pull_table *t = SW_NEW(struct pull_table);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static void free_list(struct pull *list)
{
    while (list) {
        struct pull *next = list->next;
        free(list);
        list = next;
    }
}

static void free_exclusions(struct exclusion *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].account);
        free(list[i].region);
        free(list[i].arn);
    }
    free(list);
}

void pull_table_free(struct pull_table *t)
{
    if (!t)
        return;
    free_exclusions(t->exclusions, t->exclusions_n);
    for (size_t i = 0; i < BUCKETS; i++)
        free_list(t->buckets[i]);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct pull **bucket_of(struct pull_table *t, int64_t repo_id, const char *digest)
{
    uint64_t h = (uint64_t)repo_id * 0x9e3779b97f4a7c15ULL;
    for (; *digest; digest++)
        h = (h ^ (unsigned char)*digest) * 0x100000001b3ULL;
    return &t->buckets[(h >> 32) % BUCKETS];
}

/* Under the lock. False: no room. */
static bool put(struct pull_table *t, int64_t repo_id, const char *digest, int64_t at_us)
{
    struct pull **bucket = bucket_of(t, repo_id, digest);
    for (struct pull *p = *bucket; p; p = p->next) {
        if (p->repo_id != repo_id || !sw_streq(p->digest, digest))
            continue;
        p->at_us = SW_MAX(p->at_us, at_us);
        return true;
    }
    if (t->n >= PULLS_MAX)
        return false;
    struct pull *p = SW_NEW(struct pull);
    *p = (struct pull){.repo_id = repo_id, .at_us = at_us, .next = *bucket};
    (void)sw_str_copy(sw_str(digest), p->digest, sizeof(p->digest));
    *bucket = p;
    t->n++;
    return true;
}

/* Under the lock. */
static bool excluded(const struct pull_table *t, const struct repo *repo,
                     const struct principal *who)
{
    for (size_t i = 0; i < t->exclusions_n; i++) {
        const struct exclusion *e = &t->exclusions[i];
        if ((sw_streq(e->arn, who->arn) || sw_streq(e->arn, who->role_arn)) &&
            sw_streq(e->account, repo->account) && sw_streq(e->region, repo->region))
            return true;
    }
    return false;
}

void pull_note(struct registry *reg, const struct repo *repo, struct stored_manifest *m,
               const struct principal *who)
{
    int64_t now = registry_now(reg), last = atomic_load(&m->pulled_at_us);
    if (now - last < PULLS_EVERY_US)
        return;
    pthread_mutex_lock(&reg->pulls->lock);
    if (!excluded(reg->pulls, repo, who) && put(reg->pulls, repo->id, m->digest, now))
        atomic_store(&m->pulled_at_us, now);
    pthread_mutex_unlock(&reg->pulls->lock);
}

struct loading {
    struct exclusion *list;
    size_t n;
};

static int load_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct loading *l = arg;
    meta_autostmt *st = NULL;
    free_exclusions(SW_TAKE(l->list), l->n);
    l->n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT account_id, region, substr(name, $1) FROM registry_setting "
                       "WHERE substr(name, 1, $2) = $3",
                       "iit", (int64_t)sizeof(PULL_EXCLUSION_PREFIX),
                       (int64_t)sizeof(PULL_EXCLUSION_PREFIX) - 1, PULL_EXCLUSION_PREFIX);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        l->list = sw_realloc_array(l->list, l->n + 1, sizeof(*l->list));
        l->list[l->n++] = (struct exclusion){meta_dup(st, 0), meta_dup(st, 1), meta_dup(st, 2)};
    }
    return r;
}

int pulls_load_exclusions(struct registry *reg, struct sw_err *err)
{
    struct loading l = {0};
    int r = meta_tx(reg->o.db, META_READ_LONG, load_tx, &l, err);
    if (r == 0) {
        pthread_mutex_lock(&reg->pulls->lock);
        struct loading old = {reg->pulls->exclusions, reg->pulls->exclusions_n};
        reg->pulls->exclusions = l.list;
        reg->pulls->exclusions_n = l.n;
        pthread_mutex_unlock(&reg->pulls->lock);
        l = old;
    }
    free_exclusions(l.list, l.n);
    return r;
}

struct flush {
    struct pull *list[BATCH];
    size_t n;
};

/* An image that is gone has no row any more. */
static int flush_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct flush *f = arg;
    int r = 0;
    for (size_t i = 0; i < f->n && r == 0; i++)
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO manifest_pull (repository_id, digest, pulled_at) "
                      "SELECT repository_id, digest, $3 FROM manifest "
                      "WHERE repository_id = $1 AND digest = $2 "
                      "ON CONFLICT (repository_id, digest) DO UPDATE SET pulled_at = "
                      "CASE WHEN excluded.pulled_at > manifest_pull.pulled_at "
                      "THEN excluded.pulled_at ELSE manifest_pull.pulled_at END",
                      "iti", f->list[i]->repo_id, f->list[i]->digest, f->list[i]->at_us);
    return r;
}

static struct pull *take_all(struct pull_table *t)
{
    struct pull *all = NULL;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; t->n > 0 && i < BUCKETS; i++) {
        while (t->buckets[i]) {
            struct pull *p = t->buckets[i];
            t->buckets[i] = p->next;
            p->next = all;
            all = p;
        }
    }
    t->n = 0;
    pthread_mutex_unlock(&t->lock);
    return all;
}

static void put_back(struct pull_table *t, const struct pull *list)
{
    pthread_mutex_lock(&t->lock);
    for (; list; list = list->next)
        (void)put(t, list->repo_id, list->digest, list->at_us);
    pthread_mutex_unlock(&t->lock);
}

int pulls_flush(struct registry *reg, struct sw_err *err)
{
    struct pull *all = take_all(reg->pulls), *rest = all;
    int r = 0;
    while (rest && r == 0) {
        struct flush f = {.n = 0};
        struct pull *p = rest;
        for (; p && f.n < BATCH; p = p->next)
            f.list[f.n++] = p;
        r = meta_tx(reg->o.db, META_WRITE, flush_tx, &f, err);
        if (r == 0)
            rest = p;
    }
    if (r < 0)
        put_back(reg->pulls, rest);
    free_list(all);
    return r;
}
