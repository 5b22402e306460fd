/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/blob_link.c - invariants:
 * 1. A link row names a blob row (foreign key); a blob row goes only when no link names it.
 * 2. A cached link carries the repository's REPO_BLOBS generation from before its row was read. Removing a link raises it
 *    after the commit, so the next lookup reads the rows.
 * 3. Cached content is what a digest stands for, so it is never wrong; it is looked up after the link, so it opens nothing. */
#include "registry/core/blob_link.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "registry/core/internal.h"
#include "registry/core/quota.h"

#define MOUNT_CANDIDATES_MAX 1000

struct cached_link {
    struct cache_item item;
    struct blob_link link;
};

static void cached_link_free(struct cache_item *item)
{
    free(SW_CONTAINER_OF(item, struct cached_link, item));
}

static struct cached_link *lookup(struct registry *reg, const struct repo *repo, const char *digest)
{
    struct cache_key key = {repo->serial, 'B', digest};
    struct cache_item *item = cache_get(reg->cache, &key, repo_generation(repo, REPO_BLOBS));
    return item ? SW_CONTAINER_OF(item, struct cached_link, item) : NULL;
}

static _Atomic uint32_t *asked_slot(struct registry *reg, int64_t repo_id, const struct digest *d)
{
    uint64_t h;
    memcpy(&h, d->bytes, sizeof(h));
    h ^= (uint64_t)repo_id * 0x9e3779b97f4a7c15u;
    return &reg->asked[(h ^ h >> 32) % ASKED_SLOTS];
}

/* Before the link is looked up, so that only a collection that is in its transaction already can miss it. */
static void note_asked(struct registry *reg, const struct repo *repo, const struct digest *d)
{
    _Atomic uint32_t *slot = asked_slot(reg, repo->id, d);
    uint32_t now_s = (uint32_t)(registry_now(reg) / 1000000);
    if (atomic_load(slot) != now_s)
        atomic_store(slot, now_s);
}

bool blob_link_cached(struct registry *reg, struct repo *repo, const struct digest *d,
                      struct blob_link *ret)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    note_asked(reg, repo, d);
    struct cached_link *c = lookup(reg, repo, digest);
    if (!c)
        return false;
    *ret = c->link;
    cache_item_unref(&c->item);
    return true;
}

int64_t blob_link_used_at(struct registry *reg, int64_t repo_id, const struct digest *d)
{
    uint32_t at_s = atomic_load(asked_slot(reg, repo_id, d));
    return at_s ? ((int64_t)at_s + 1) * 1000000 : 0;
}

struct link_args {
    struct registry *reg;
    const struct repo *repo;
    const char *digest;
    struct blob_link link;
    const struct blob_info *info;
    int64_t now;
    bool changed;
    const struct repo *from;
    const char *from_name;
    blob_may_read_fn may_read;
    void *ctx;
    int64_t from_id;
};

static int fail_unknown(struct sw_err *err, const char *digest)
{
    sw_fail(err, SW_ENOTFOUND, "BLOB_UNKNOWN", "blob unknown to the repository: %s", digest);
    return sw_detail(err, "%s", digest);
}

static int find_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    sw_autofree char *key = NULL;
    int64_t size;
    int r = meta_get(
        tx, err,
        "SELECT b.size, b.blob_key FROM repository_blob l JOIN blob b ON b.digest = l.digest "
        "WHERE l.repository_id = $1 AND l.digest = $2",
        "it", a->repo->id, a->digest, "it", &size, &key);
    if (r < 0)
        return r;
    if (r == 0)
        return fail_unknown(err, a->digest);
    a->link.size = (uint64_t)size;
    if (!sw_str_copy(sw_str(key), a->link.key, sizeof(a->link.key)))
        return sw_fail(err, SW_EINTERNAL, NULL, "blob key too long");
    return 0;
}

/* A blob without its whole bytes is unknown, so that a client which asks pushes it again and so mends it. */
static int check_bytes(struct registry *reg, const char *digest, const struct blob_link *link,
                       struct sw_err *err)
{
    uint64_t size = 0;
    int r = blob_stat(reg->o.blobs, link->key, &size, err);
    if (r < 0 && r != SW_ENOTFOUND)
        return r;
    if (r == 0 && size == link->size)
        return 0;
    sw_err_clear(err);
    sw_fail(err, SW_ENOTFOUND, "LayerInaccessibleException",
            "the bytes of blob %s are not there any more", digest);
    return sw_detail(err, "%s", digest);
}

int blob_link_find(struct registry *reg, struct repo *repo, const struct digest *d,
                   struct blob_link *ret, struct sw_err *err)
{
    if (blob_link_cached(reg, repo, d, ret))
        return 0;
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    struct link_args a = {.reg = reg, .repo = repo, .digest = digest};
    uint64_t generation = repo_generation(repo, REPO_BLOBS);
    int r = meta_tx(reg->o.db, META_READ, find_tx, &a, err);
    if (r == 0)
        r = check_bytes(reg, digest, &a.link, err);
    if (r < 0)
        return r;
    struct cached_link *c = SW_NEW(struct cached_link);
    cache_item_init(&c->item, cached_link_free);
    c->link = a.link;
    cache_put(reg->cache, &(struct cache_key){repo->serial, 'B', digest}, generation, &c->item,
              sizeof(*c));
    cache_item_unref(&c->item);
    *ret = a.link;
    return 0;
}

/* `r` says how reading failed. */
static int fail_read(int r, const struct digest *d, struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    if (r != SW_ENOTFOUND && r != SW_EMISMATCH)
        return r;
    digest_format(d, digest);
    sw_err_clear(err);
    return r == SW_ENOTFOUND ? fail_unknown(err, digest)
                             : sw_fail(err, SW_EIO, NULL, "blob %s is damaged", digest);
}

int blob_link_open(struct registry *reg, const struct digest *d, const struct blob_link *link,
                   int *ret_fd, struct sw_err *err)
{
    uint64_t size;
    int r = blob_open(reg->o.blobs, link->key, ret_fd, &size, err);
    if (r < 0)
        return fail_read(r, d, err);
    if (size != link->size) {
        (void)close(*ret_fd);
        *ret_fd = -1;
        return sw_fail(err, SW_EIO, NULL, "blob %s has %llu bytes, its row says %llu", link->key,
                       (unsigned long long)size, (unsigned long long)link->size);
    }
    return 0;
}

static void blob_bytes_free(struct cache_item *item)
{
    struct blob_bytes *b = SW_CONTAINER_OF(item, struct blob_bytes, item);
    free(b->p);
    free(b);
}

void blob_bytes_unref(struct blob_bytes *b)
{
    if (b)
        cache_item_unref(&b->item);
}

int blob_link_bytes(struct registry *reg, const struct repo *repo, const struct digest *d,
                    const struct blob_link *link, struct blob_bytes **ret, struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    *ret = NULL;
    if (link->size > BLOB_BYTES_MAX)
        return 0;
    digest_format(d, digest);
    struct cache_key key = {repo->serial, 'C', digest};
    uint64_t generation = repo_generation(repo, REPO_BLOBS);
    struct cache_item *item = cache_get(reg->cache, &key, generation);
    if (!item) {
        struct sw_buf content = SW_BUF_INIT(BLOB_BYTES_MAX);
        int r = blob_read(reg->o.blobs, link->key, d, BLOB_BYTES_MAX, &content, err);
        if (r < 0) {
            sw_buf_done(&content);
            return fail_read(r, d, err);
        }
        struct blob_bytes *b = SW_NEW(struct blob_bytes);
        cache_item_init(&b->item, blob_bytes_free);
        b->n = content.n;
        b->p = sw_buf_take(&content);
        item = &b->item;
        cache_put(reg->cache, &key, generation, item, sizeof(*b) + b->n);
    }
    *ret = SW_CONTAINER_OF(item, struct blob_bytes, item);
    return 0;
}

static int require_repo(struct meta_tx *tx, const struct repo *repo, struct sw_err *err)
{
    int64_t one;
    int r = meta_get(tx, err, "SELECT 1 FROM repository WHERE id = $1", "i", repo->id, "i", &one);
    if (r < 0)
        return r;
    return r == 0 ? registry_fail_no_repo(err, repo->account, repo->name) : 0;
}

static int add_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    struct quota_view quotas;
    int r = require_repo(tx, a->repo, err);
    if (r == 0)
        r = quota_before(tx, a->repo->id, &quotas, err);
    if (r < 0)
        return r;
    r = meta_exec(tx, err, NULL,
                  "INSERT INTO blob (digest, size, blob_key, created_at) VALUES ($1, $2, $3, $4) "
                  "ON CONFLICT (digest) DO NOTHING",
                  "titi", a->digest, (int64_t)a->info->size, a->info->key, a->now);
    if (r < 0)
        return r;
    r = meta_exec(
        tx, err, NULL,
        "INSERT INTO repository_blob (repository_id, digest, linked_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (repository_id, digest) DO UPDATE SET linked_at = excluded.linked_at",
        "iti", a->repo->id, a->digest, a->now);
    return r < 0 ? r : quota_after(tx, a->repo->id, &quotas, err);
}

int blob_link_add(struct registry *reg, struct repo *repo, const struct blob_info *info,
                  struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(&info->digest, digest);
    struct link_args a = {
        .reg = reg, .repo = repo, .digest = digest, .info = info, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, META_WRITE, add_tx, &a, err);
    return r < 0 ? r : 0;
}

static int remove_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "DELETE FROM repository_blob WHERE repository_id = $1 AND digest = $2", "it",
                      a->repo->id, a->digest);
    if (r < 0)
        return r;
    return changed == 0 ? fail_unknown(err, a->digest) : 0;
}

int blob_link_remove(struct registry *reg, struct repo *repo, const struct digest *d,
                     struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    struct link_args a = {.reg = reg, .repo = repo, .digest = digest};
    int r = meta_tx(reg->o.db, META_WRITE, remove_tx, &a, err);
    if (r < 0)
        return r;
    repo_changed(repo, REPO_BLOBS);
    return 0;
}

/* Id of a repository that has the blob and that the caller may read; 0: none. */
static int source_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    a->from_id = 0;
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st,
        "SELECT r.id, r.name, b.blob_key, b.size FROM repository_blob l "
        "JOIN repository r ON r.id = l.repository_id JOIN blob b ON b.digest = l.digest "
        "WHERE l.digest = $1 AND r.account_id = $2 AND r.region = $3 LIMIT $4",
        "ttti", a->digest, a->repo->account, a->repo->region, (int64_t)MOUNT_CANDIDATES_MAX);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        int64_t id = meta_int(st, 0);
        sw_autofree char *name = meta_dup(st, 1);
        if (id == a->repo->id || a->may_read(a->ctx, name)) {
            a->from_id = id;
            a->link.size = (uint64_t)meta_int(st, 3);
            (void)sw_str_copy(meta_str(st, 2), a->link.key, sizeof(a->link.key));
            return 0;
        }
    }
    return r;
}

static int named_source_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    sw_autofree char *blob_key = NULL;
    int64_t size = 0;
    a->from_id = 0;
    int r =
        meta_get(tx, err,
                 "SELECT r.id, b.blob_key, b.size FROM repository_blob l "
                 "JOIN repository r ON r.id = l.repository_id JOIN blob b ON b.digest = l.digest "
                 "WHERE l.digest = $1 AND r.account_id = $2 AND r.region = $3 AND r.name = $4",
                 "tttt", a->digest, a->repo->account, a->repo->region, a->from_name, "iti",
                 &a->from_id, &blob_key, &size);
    if (r > 0) {
        a->link.size = (uint64_t)size;
        (void)sw_str_copy(sw_str(blob_key), a->link.key, sizeof(a->link.key));
    }
    return r < 0 ? r : 0;
}

static int mount_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct link_args *a = arg;
    int64_t changed = 0;
    struct quota_view quotas;
    int r = require_repo(tx, a->repo, err);
    if (r == 0)
        r = quota_before(tx, a->repo->id, &quotas, err);
    if (r == 0)
        r = meta_exec(
            tx, err, &changed,
            "INSERT INTO repository_blob (repository_id, digest, linked_at) "
            "SELECT $1, digest, $2 FROM repository_blob WHERE repository_id = $3 AND digest = $4 "
            "ON CONFLICT (repository_id, digest) DO UPDATE SET linked_at = excluded.linked_at",
            "iiit", a->repo->id, a->now, a->from_id, a->digest);
    a->changed = changed > 0;
    return r < 0 ? r : quota_after(tx, a->repo->id, &quotas, err);
}

int blob_link_mount(struct registry *reg, struct repo *repo, const char *from,
                    const struct digest *d, blob_may_read_fn may_read, void *ctx, bool *ret_mounted,
                    struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(d, digest);
    struct link_args a = {.reg = reg,
                          .repo = repo,
                          .digest = digest,
                          .from_name = from,
                          .may_read = may_read,
                          .ctx = ctx,
                          .now = registry_now(reg)};
    *ret_mounted = false;
    if (from && !may_read(ctx, from))
        return 0;
    int r = meta_tx(reg->o.db, META_READ, from ? named_source_tx : source_tx, &a, err);
    if (r < 0 || a.from_id == 0)
        return r;
    if (check_bytes(reg, digest, &a.link, err) < 0) {
        if (err->code != SW_ENOTFOUND)
            return err->code;
        sw_err_clear(err); /* nothing to mount: the client sends it, which mends it */
        return 0;
    }
    r = meta_tx(reg->o.db, META_WRITE, mount_tx, &a, err);
    if (r < 0)
        return r;
    *ret_mounted = a.changed;
    return 0;
}
