/* SPDX-License-Identifier: Apache-2.0 */
/* meta_delete_all(): the migrations say which tables there are, in an order in which each names only those before it; so the rows
 * go in the opposite order. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "storage/meta/meta.h"
#include "storage/meta/migrations.h"

#define TABLES_MAX 200

struct tables {
    char *names[TABLES_MAX];
    size_t n;
};

static void tables_done(struct tables *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->names[i]);
}

static void remove_name(struct tables *t, struct sw_str name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!sw_str_eq_z(name, t->names[i]))
            continue;
        free(t->names[i]);
        t->n--;
        memmove(&t->names[i], &t->names[i + 1], (t->n - i) * sizeof t->names[0]);
        return;
    }
}

/* What a line of a migration does to the list of tables. Statements begin a line each. */
static void read_line(struct tables *t, struct sw_str line)
{
    static const char create[] = "CREATE TABLE ", drop[] = "DROP TABLE ";
    bool makes = sw_str_starts_with(line, create);
    if (!makes && !sw_str_starts_with(line, drop))
        return;
    struct sw_str name = sw_str_slice(line, makes ? strlen(create) : strlen(drop), line.n);
    size_t n = 0;
    while (n < name.n && strchr(" (;", name.p[n]) == NULL)
        n++;
    name = sw_str_slice(name, 0, n);
    if (!makes)
        remove_name(t, name);
    else if (t->n < TABLES_MAX)
        t->names[t->n++] = sw_str_dup(name);
}

static int delete_all(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct tables *t = arg;
    int r = 0;
    for (size_t i = t->n; i > 0 && r == 0; i--) {
        sw_autofree char *sql = sw_asprintf("DELETE FROM %s", t->names[i - 1]);
        r = meta_exec(tx, err, NULL, sql, "");
    }
    return r;
}

int meta_delete_all(struct meta_db *db, struct sw_err *err)
{
    SW_CLEANUP(tables_done) struct tables t = {.n = 0};
    for (size_t i = 0; i < meta_migrations_n; i++) {
        struct sw_str rest = sw_str(meta_migrations[i].sql), line;
        while (sw_str_split(&rest, '\n', &line))
            read_line(&t, line);
    }
    return meta_tx(db, META_WRITE, delete_all, &t, err);
}
