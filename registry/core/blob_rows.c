/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/blob_rows.h"

#include <string.h>

static int page_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct blob_page *p = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(
        tx, err, &st,
        "SELECT digest, blob_key, size FROM blob WHERE digest > $1 ORDER BY digest LIMIT $2", "ti",
        p->after, (int64_t)BLOB_ROWS_MAX);
    p->n = 0;
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct blob_row *row = &p->rows[p->n++];
        *row = (struct blob_row){.size = meta_int(st, 2)};
        (void)sw_str_copy(meta_str(st, 0), row->digest, sizeof(row->digest));
        (void)sw_str_copy(meta_str(st, 1), row->key, sizeof(row->key));
    }
    return r;
}

int blob_rows_next(struct meta_db *db, struct blob_page *page, struct sw_err *err)
{
    int r = meta_tx(db, META_READ_LONG, page_tx, page, err);
    if (r < 0 || page->n == 0)
        return r < 0 ? r : 0;
    memcpy(page->after, page->rows[page->n - 1].digest, sizeof(page->after));
    return 1;
}
