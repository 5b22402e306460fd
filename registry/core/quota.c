/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/quota.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/id.h"
#include "registry/core/internal.h"
#include "registry/core/reference.h"

#define WARN_PERCENT 90
#define PENDING_MOST ((uint64_t)1 << 48) /* so that sums fit */

/* Columns of struct row, with the table called q. */
#define COLUMNS                                                                             \
    "q.id, q.prefix, COALESCE(q.bytes_max, -1), COALESCE(q.images_max, -1), q.bytes_used, " \
    "q.images_used"
#define OF_REPOSITORY \
    " FROM quota_repository r JOIN quota q ON q.id = r.quota_id WHERE r.repository_id = $1"

struct row {
    int64_t id;
    char prefix[REPO_NAME_MAX + 2];
    int64_t bytes_max, images_max, bytes_used, images_used;
};

static void read_row(struct meta_stmt *st, struct row *ret)
{
    ret->id = meta_int(st, 0);
    (void)sw_str_copy(meta_str(st, 1), ret->prefix, sizeof(ret->prefix));
    ret->bytes_max = meta_int(st, 2);
    ret->images_max = meta_int(st, 3);
    ret->bytes_used = meta_int(st, 4);
    ret->images_used = meta_int(st, 5);
}

static const char *human(int64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < SW_ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    (void)snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

/* `bytes` and `images` are what would be used. */
static int fail_bytes(const struct row *q, int64_t bytes, struct sw_err *err)
{
    char need[32], max[32], used[32];
    sw_fail(err, SW_EDENIED, "QuotaExceededException",
            "quota of '%s': with this push %s of %s would be used", q->prefix, human(bytes, need),
            human(q->bytes_max, max));
    return sw_detail(err, "%s: %" PRId64 " of %" PRId64 " bytes (%s)", q->prefix, bytes,
                     q->bytes_max, human(bytes - q->bytes_max, used));
}

static int fail_images(const struct row *q, int64_t images, struct sw_err *err)
{
    sw_fail(err, SW_EDENIED, "QuotaExceededException",
            "quota of '%s': with this push there would be %" PRId64 " of %" PRId64 " images",
            q->prefix, images, q->images_max);
    return sw_detail(err, "%s", q->prefix);
}

int quota_before(struct meta_tx *tx, int64_t repo_id, struct quota_view *view, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    view->n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT q.id, q.bytes_used, q.images_used" OF_REPOSITORY " ORDER BY q.id",
                       "i", repo_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (view->n == QUOTAS_OF_REPOSITORY_MAX)
            return sw_fail(err, SW_EINTERNAL, NULL, "a repository is in too many quotas");
        view->q[view->n].id = meta_int(st, 0);
        view->q[view->n].bytes = meta_int(st, 1);
        view->q[view->n++].images = meta_int(st, 2);
    }
    return r;
}

int quota_after(struct meta_tx *tx, int64_t repo_id, const struct quota_view *view,
                struct sw_err *err)
{
    meta_autostmt *st = NULL;
    if (view->n == 0)
        return 0;
    int r =
        meta_query(tx, err, &st, "SELECT " COLUMNS OF_REPOSITORY " ORDER BY q.id", "i", repo_id);
    for (size_t i = 0; r >= 0 && i < view->n && (r = meta_step(st, err)) > 0; i++) {
        struct row q;
        read_row(st, &q);
        if (q.bytes_max >= 0 && q.bytes_used > q.bytes_max && q.bytes_used > view->q[i].bytes)
            return fail_bytes(&q, q.bytes_used, err);
        if (q.images_max >= 0 && q.images_used > q.images_max && q.images_used > view->q[i].images)
            return fail_images(&q, q.images_used, err);
    }
    return r < 0 ? r : 0;
}

struct room {
    int64_t repo_id, bytes;
    const char *digest; /* or "" */
    const struct upload_pending *pending;
    size_t pending_n;
    char *warning;
    size_t cap;
};

/* What uploads into repositories of the quota have received already. */
static int add_pending(struct meta_tx *tx, const struct room *a, const struct row *q, int64_t *need,
                       struct sw_err *err)
{
    for (size_t i = 0; i < a->pending_n; i++) {
        int64_t one = 0;
        int r = meta_get(tx, err,
                         "SELECT 1 FROM quota_repository WHERE quota_id = $1 AND "
                         "repository_id = $2",
                         "ii", q->id, a->pending[i].repo_id, "i", &one);
        if (r < 0)
            return r;
        if (r > 0)
            *need += (int64_t)SW_MIN(a->pending[i].bytes, PENDING_MOST);
    }
    return 0;
}

static int room_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct room *a = arg;
    meta_autostmt *st = NULL;
    int64_t pending = 0;
    for (size_t i = 0; i < a->pending_n; i++)
        pending += (int64_t)SW_MIN(a->pending[i].bytes, PENDING_MOST);
    int r = meta_query(
        tx, err, &st,
        "SELECT " COLUMNS OF_REPOSITORY
        " AND q.bytes_max IS NOT NULL AND q.bytes_used + $2 > q.bytes_max AND NOT EXISTS "
        "(SELECT 1 FROM quota_blob b WHERE b.quota_id = q.id AND b.digest = $3)"
        " ORDER BY q.prefix",
        "iit", a->repo_id, a->bytes + pending, a->digest);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct row q;
        int64_t need = a->bytes;
        read_row(st, &q);
        r = add_pending(tx, a, &q, &need, err);
        if (r == 0 && q.bytes_used + need > q.bytes_max)
            r = fail_bytes(&q, q.bytes_used + need, err);
    }
    return r;
}

static int room(struct registry *reg, const struct repo *repo, struct room *a,
                const struct digest *d, uint64_t bytes, struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX] = "";
    if (d)
        digest_format(d, digest);
    a->repo_id = repo->id;
    a->digest = digest;
    a->bytes = (int64_t)SW_MAX((uint64_t)1, SW_MIN(bytes, (uint64_t)1 << 60));
    return meta_tx(reg->o.db, META_READ, room_tx, a, err);
}

int quota_room(struct registry *reg, const struct repo *repo, const struct digest *d,
               uint64_t bytes, struct sw_err *err)
{
    struct room a = {0};
    return !repo || !atomic_load(&reg->has_quotas) ? 0 : room(reg, repo, &a, d, bytes, err);
}

int quota_room_beside(struct registry *reg, const struct repo *repo, const struct upload *u,
                      const struct digest *d, uint64_t bytes, struct sw_err *err)
{
    if (!repo || !atomic_load(&reg->has_quotas))
        return 0;
    sw_autofree struct upload_pending *pending = NULL;
    struct room a = {.pending_n = upload_table_pending(reg->uploads, u, &pending)};
    a.pending = pending;
    return room(reg, repo, &a, d, bytes, err);
}

static double share(int64_t used, int64_t max)
{
    return max < 0 ? 0 : max == 0 ? (used > 0 ? 1 : 0) : (double)used / (double)max;
}

static int warning_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct room *a = arg;
    meta_autostmt *st = NULL;
    double worst = WARN_PERCENT / 100.0;
    a->warning[0] = 0;
    int r = meta_query(tx, err, &st, "SELECT " COLUMNS OF_REPOSITORY, "i", a->repo_id);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct row q;
        char used[32], max[32];
        read_row(st, &q);
        double bytes = share(q.bytes_used, q.bytes_max),
               images = share(q.images_used, q.images_max);
        if (SW_MAX(bytes, images) <= worst)
            continue;
        worst = SW_MAX(bytes, images);
        if (bytes >= images)
            (void)snprintf(a->warning, a->cap, "quota of '%s': %s of %s used", q.prefix,
                           human(q.bytes_used, used), human(q.bytes_max, max));
        else
            (void)snprintf(a->warning, a->cap,
                           "quota of '%s': %" PRId64 " of %" PRId64 " images used", q.prefix,
                           q.images_used, q.images_max);
    }
    return r;
}

int quota_warning(struct registry *reg, const struct repo *repo, char *out, size_t cap,
                  struct sw_err *err)
{
    struct room a = {.repo_id = repo->id, .warning = out, .cap = cap};
    out[0] = 0;
    return !atomic_load(&reg->has_quotas) ? 0 : meta_tx(reg->o.db, META_READ, warning_tx, &a, err);
}

struct change {
    const char *account, *region;
    const struct quota *q;
    const char *prefix;
};

/* NULL when there is no maximum: bound as text, since the type of the column makes a number of it. */
static const char *maximum(int64_t v, char out[32])
{
    if (v < 0)
        return NULL;
    (void)snprintf(out, 32, "%" PRId64, v);
    return out;
}

#define MATCHES                                                        \
    "(q.prefix = '*' OR q.prefix = r.name OR (q.prefix LIKE '%/' AND " \
    "substr(r.name, 1, length(q.prefix)) = q.prefix))"

/* Fills a new quota from the rows that are there. */
static int count(struct meta_tx *tx, int64_t id, struct sw_err *err)
{
    static const char *const steps[] = {
        "INSERT INTO quota_repository (repository_id, quota_id) SELECT r.id, q.id FROM quota q "
        "JOIN repository r ON r.account_id = q.account_id AND r.region = q.region "
        "WHERE q.id = $1 AND " MATCHES,
        "INSERT INTO quota_blob (quota_id, digest, size, links) "
        "SELECT r.quota_id, l.digest, MAX(b.size), COUNT(*) FROM quota_repository r "
        "JOIN repository_blob l ON l.repository_id = r.repository_id "
        "JOIN blob b ON b.digest = l.digest WHERE r.quota_id = $1 GROUP BY r.quota_id, l.digest",
        "UPDATE quota SET bytes_used = (SELECT COALESCE(SUM(size), 0) FROM quota_blob "
        "WHERE quota_id = $1) + (SELECT COALESCE(SUM(m.size), 0) FROM quota_repository r "
        "JOIN manifest m ON m.repository_id = r.repository_id WHERE r.quota_id = $1), "
        "images_used = (SELECT COUNT(*) FROM quota_repository r "
        "JOIN manifest m ON m.repository_id = r.repository_id WHERE r.quota_id = $1) "
        "WHERE id = $1",
    };
    int r = 0;
    for (size_t i = 0; r >= 0 && i < SW_ARRAY_LEN(steps); i++)
        r = meta_exec(tx, err, NULL, steps[i], "i", id);
    return r;
}

static int set_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change *c = arg;
    char bytes[32], images[32];
    uint64_t random;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "UPDATE quota SET bytes_max = $4, images_max = $5 "
                      "WHERE account_id = $1 AND region = $2 AND prefix = $3",
                      "ttttt", c->account, c->region, c->prefix, maximum(c->q->bytes_max, bytes),
                      maximum(c->q->images_max, images));
    if (r == 0 && changed == 0) {
        sw_random_bytes(&random, sizeof(random));
        int64_t id = (int64_t)(random >> 2) + 1;
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO quota (id, account_id, region, prefix, bytes_max, images_max) "
                      "VALUES ($1, $2, $3, $4, $5, $6)",
                      "ittttt", id, c->account, c->region, c->prefix,
                      maximum(c->q->bytes_max, bytes), maximum(c->q->images_max, images));
        if (r == 0)
            r = count(tx, id, err);
    }
    return r;
}

static int check_prefix(const char *prefix, struct sw_err *err)
{
    struct sw_str name = sw_str(prefix);
    if (sw_str_ends_with(name, "/"))
        name.n--;
    if (sw_streq(prefix, "*") || repo_name_valid(name))
        return 0;
    return sw_fail(
        err, SW_EINVALID, "InvalidParameterException",
        "'%.300s' must be the name of a repository, such a name and a slash for all below "
        "it, or *",
        prefix);
}

int quota_set(struct registry *reg, const char *account, const char *region, const struct quota *q,
              struct sw_err *err)
{
    struct change c = {.account = account, .region = region, .q = q, .prefix = q->prefix};
    int r = check_prefix(q->prefix, err);
    if (r == 0 && q->bytes_max < 0 && q->images_max < 0)
        r = sw_fail(err, SW_EINVALID, "InvalidParameterException",
                    "a quota needs a maximum of bytes or of images");
    if (r == 0)
        r = meta_tx(reg->o.db, META_WRITE, set_tx, &c, err);
    if (r < 0)
        return r;
    atomic_store(&reg->has_quotas, true);
    return 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change *c = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "DELETE FROM quota WHERE account_id = $1 AND region = $2 AND prefix = $3",
                      "ttt", c->account, c->region, c->prefix);
    if (r == 0 && changed == 0)
        r = sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "there is no quota of '%.300s'", c->prefix);
    return r;
}

int quota_delete(struct registry *reg, const char *account, const char *region, const char *prefix,
                 struct sw_err *err)
{
    struct change c = {.account = account, .region = region, .prefix = prefix};
    return meta_tx(reg->o.db, META_WRITE, delete_tx, &c, err);
}

struct list {
    const char *account, *region;
    int (*fn)(void *ctx, const struct quota *q);
    void *ctx;
};

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list *a = arg;
    meta_autostmt *st = NULL;
    (void)a->fn(a->ctx, NULL);
    int r = meta_query(tx, err, &st,
                       "SELECT " COLUMNS
                       " FROM quota q WHERE q.account_id = $1 AND q.region = $2 ORDER BY q.prefix",
                       "tt", a->account, a->region);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct row row;
        read_row(st, &row);
        struct quota q = {row.prefix, row.bytes_max, row.images_max, row.bytes_used,
                          row.images_used};
        if (a->fn(a->ctx, &q))
            return 0;
    }
    return r;
}

int quota_list(struct registry *reg, const char *account, const char *region,
               int (*fn)(void *ctx, const struct quota *q), void *ctx, struct sw_err *err)
{
    struct list a = {account, region, fn, ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    return r < 0 ? r : 0;
}

#define IN_QUOTA                                                                                \
    "(SELECT r.id FROM repository r WHERE r.account_id = q.account_id AND r.region = q.region " \
    "AND " MATCHES ")"

struct verify {
    void (*fn)(void *ctx, const struct quota *q);
    void *ctx;
};

static int verify_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct verify *v = arg;
    meta_autostmt *st = NULL;
    v->fn(v->ctx, NULL);
    int r = meta_query(
        tx, err, &st,
        "SELECT " COLUMNS " FROM quota q WHERE q.bytes_used != "
        "(SELECT COALESCE(SUM(b.size), 0) FROM blob b WHERE b.digest IN "
        "(SELECT l.digest FROM repository_blob l WHERE l.repository_id IN " IN_QUOTA ")) + "
        "(SELECT COALESCE(SUM(m.size), 0) FROM manifest m WHERE m.repository_id IN " IN_QUOTA ") "
        "OR q.images_used != (SELECT COUNT(*) FROM manifest m WHERE m.repository_id IN " IN_QUOTA
        ") ORDER BY q.prefix",
        "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct row row;
        read_row(st, &row);
        v->fn(v->ctx, &(struct quota){row.prefix, row.bytes_max, row.images_max, row.bytes_used,
                                      row.images_used});
    }
    return r;
}

int quota_verify(struct registry *reg, void (*fn)(void *ctx, const struct quota *q), void *ctx,
                 struct sw_err *err)
{
    struct verify v = {fn, ctx};
    return meta_tx(reg->o.db, META_READ_LONG, verify_tx, &v, err);
}

static int load_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT 1 FROM quota LIMIT 1", "", "i", (int64_t *)arg);
}

int quota_load(struct registry *reg, struct sw_err *err)
{
    int64_t one;
    int r = meta_tx(reg->o.db, META_READ, load_tx, &one, err);
    atomic_store(&reg->has_quotas, r != 0); /* when in doubt, ask */
    return r < 0 ? r : 0;
}
