/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/blob_rows.h"

#include "tests/unit/registry/world.h"

#define MANY (2 * BLOB_ROWS_MAX + 1)

static int add_rows(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    int r = 0;
    for (int i = 0; i < *(const int *)arg && r == 0; i++) {
        sw_autofree char *digest = sw_asprintf("sha256:%064d", i);
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO blob (digest, size, created_at, blob_key) "
                      "VALUES ($1, $2, 1, $3)",
                      "tit", digest, (int64_t)i * 1000000000, digest);
    }
    return r;
}

static void check_all(int n)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree struct blob_page *p = SW_NEW(struct blob_page);
    int seen = 0, r;
    world_open(&w);
    CHECK_OK(meta_tx(w.db, META_WRITE, add_rows, &n, &err));
    while ((r = blob_rows_next(w.db, p, &err)) > 0)
        for (size_t i = 0; i < p->n; i++, seen++) {
            sw_autofree char *digest = sw_asprintf("sha256:%064d", seen);
            CHECK_EQ_STR(p->rows[i].digest, digest);
            CHECK_EQ_STR(p->rows[i].key, digest);
            CHECK_EQ_INT(p->rows[i].size, (int64_t)seen * 1000000000);
        }
    CHECK_OK_IN(r, &err);
    CHECK_EQ_INT(seen, n);
    CHECK_EQ_INT(blob_rows_next(w.db, p, &err), 0);
}

TEST(every_row_is_seen_once_in_order)
{
    check_all(MANY);
}

TEST(full_pages_end_too)
{
    check_all(BLOB_ROWS_MAX);
}

TEST(no_rows_are_no_page)
{
    check_all(0);
}
