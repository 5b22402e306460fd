/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/usage.h"

#include "registry/core/internal.h"
#include "registry/core/reference.h"

struct query {
    int64_t max;
    registry_usage_fn fn;
    void *ctx;
    struct registry_totals totals;
};

static void give(struct query *q, struct meta_stmt *st)
{
    char account[16], region[64], name[REPO_NAME_MAX + 1];
    struct registry_repo_usage u = {account,
                                    region,
                                    name,
                                    (uint64_t)meta_int(st, 3),
                                    (uint64_t)meta_int(st, 4),
                                    (uint64_t)meta_int(st, 5),
                                    (uint64_t)meta_int(st, 6),
                                    (uint64_t)meta_int(st, 7)};
    (void)sw_str_copy(meta_str(st, 0), account, sizeof(account));
    (void)sw_str_copy(meta_str(st, 1), region, sizeof(region));
    (void)sw_str_copy(meta_str(st, 2), name, sizeof(name));
    q->fn(q->ctx, &u);
}

#define SUM_OF_LINKS                                                                            \
    "SELECT l.repository_id AS id, COUNT(*) AS n, SUM(b.size) AS bytes FROM repository_blob l " \
    "JOIN blob b ON b.digest = l.digest GROUP BY l.repository_id"
#define SUM_OF_MANIFESTS                                                                    \
    "SELECT repository_id AS id, COUNT(*) AS n, SUM(size) AS bytes FROM manifest GROUP BY " \
    "repository_id"
#define SUM_OF_TAGS "SELECT repository_id AS id, COUNT(*) AS n FROM tag GROUP BY repository_id"

static int repositories(struct query *q, struct meta_tx *tx, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    q->fn(q->ctx, NULL);
    int r = meta_query(tx, err, &st,
                       "SELECT r.account_id, r.region, r.name, COALESCE(l.n, 0), "
                       "COALESCE(l.bytes, 0), COALESCE(m.n, 0), COALESCE(m.bytes, 0), "
                       "COALESCE(t.n, 0) FROM repository r LEFT JOIN (" SUM_OF_LINKS
                       ") l ON l.id = r.id LEFT JOIN (" SUM_OF_MANIFESTS
                       ") m ON m.id = r.id LEFT JOIN (" SUM_OF_TAGS
                       ") t ON t.id = r.id ORDER BY 5 DESC, 1, 2, 3 LIMIT $1",
                       "i", q->max);
    while (r >= 0 && (r = meta_step(st, err)) > 0)
        give(q, st);
    return r;
}

static int usage_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct query *q = arg;
    int64_t repositories_n = 0, blobs = 0, bytes = 0;
    int r = repositories(q, tx, err);
    if (r >= 0)
        r = meta_get(tx, err, "SELECT COUNT(*) FROM repository", "", "i", &repositories_n);
    if (r >= 0)
        r = meta_get(tx, err, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM blob", "", "ii", &blobs,
                     &bytes);
    q->totals = (struct registry_totals){.repositories = (uint64_t)repositories_n,
                                         .blobs = (uint64_t)blobs,
                                         .blob_bytes = (uint64_t)bytes};
    return r < 0 ? r : 0;
}

int registry_usage(struct registry *reg, int64_t max, registry_usage_fn fn, void *ctx,
                   struct registry_totals *ret, struct sw_err *err)
{
    struct query q = {.max = max, .fn = fn, .ctx = ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, usage_tx, &q, err);
    if (r < 0)
        return r;
    *ret = q.totals;
    return 0;
}

uint64_t registry_uploads_open(struct registry *reg)
{
    return upload_table_count(reg->uploads);
}
