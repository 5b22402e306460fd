/* SPDX-License-Identifier: Apache-2.0 */
/* The part of meta.h that every driver shares: format strings, row loops, and the assertion that
 * transactions are not nested. */
#include "storage/meta/meta.h"

#include <assert.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "storage/meta/meta_driver.h"

void meta_db_free(struct meta_db *db)
{
    if (db)
        db->ops->free(db);
}

void meta_stats(struct meta_db *db, struct meta_stats *ret)
{
    db->ops->stats(db, ret);
}

int meta_backup(struct meta_db *db, const char *path, struct sw_err *err)
{
    return db->ops->backup(db, path, err);
}

int meta_check(struct meta_db *db, void (*fn)(void *ctx, const char *what), void *ctx,
               struct sw_err *err)
{
    return db->ops->check(db, fn, ctx, err);
}

int meta_tx(struct meta_db *db, enum meta_mode mode, meta_fn fn, void *arg, struct sw_err *err)
{
    return db->ops->tx(db, mode, fn, arg, err);
}

static struct meta_value value_of(enum meta_value_kind kind, const void *p, size_t n)
{
    return (struct meta_value){.kind = p ? kind : META_VALUE_NULL, .p = p, .n = n};
}

/* va_list is passed by address so that the caller goes on behind the values. */
static size_t read_values(const char *fmt, va_list *ap, struct meta_value *out)
{
    size_t n = 0;
    for (; fmt[n]; n++) {
        assert(n < META_PARAMETERS_MAX);
        switch (fmt[n]) {
        case 't': {
            const char *z = va_arg(*ap, const char *);
            out[n] = value_of(META_VALUE_TEXT, z, z ? strlen(z) : 0);
            break;
        }
        case 's': {
            struct sw_str s = va_arg(*ap, struct sw_str);
            out[n] = value_of(META_VALUE_TEXT, s.p, s.n);
            break;
        }
        case 'b': {
            const void *p = va_arg(*ap, const void *);
            out[n] = value_of(META_VALUE_BLOB, p, va_arg(*ap, size_t));
            break;
        }
        case 'i':
            out[n] = (struct meta_value){.kind = META_VALUE_INT, .i = va_arg(*ap, int64_t)};
            break;
        default:
            assert(fmt[n] == 'n');
            out[n] = (struct meta_value){.kind = META_VALUE_NULL};
            break;
        }
    }
    return n;
}

int meta_query(struct meta_tx *tx, struct sw_err *err, struct meta_stmt **ret, const char *sql,
               const char *fmt, ...)
{
    struct meta_value values[META_PARAMETERS_MAX];
    va_list ap;
    va_start(ap, fmt);
    size_t n = read_values(fmt, &ap, values);
    va_end(ap);
    return tx->ops->query(tx, sql, values, n, true, ret, err);
}

int meta_step(struct meta_stmt *st, struct sw_err *err)
{
    return st->ops->step(st, err);
}

static int run_to_end(struct meta_stmt *st, struct sw_err *err)
{
    int r;
    do
        r = st->ops->step(st, err);
    while (r > 0);
    return r;
}

int meta_exec(struct meta_tx *tx, struct sw_err *err, int64_t *ret_changed, const char *sql,
              const char *fmt, ...)
{
    struct meta_value values[META_PARAMETERS_MAX];
    va_list ap;
    va_start(ap, fmt);
    size_t n = read_values(fmt, &ap, values);
    va_end(ap);
    meta_autostmt *st = NULL;
    int r = tx->ops->query(tx, sql, values, n, false, &st, err);
    if (r < 0)
        return r;
    r = run_to_end(st, err);
    if (r < 0)
        return r;
    if (ret_changed)
        *ret_changed = st->ops->changed(st);
    return 0;
}

static void store_columns(struct meta_stmt *st, const char *fmt, va_list *ap)
{
    for (int i = 0; fmt[i]; i++) {
        if (fmt[i] == 'i') {
            *va_arg(*ap, int64_t *) = meta_int(st, i);
        } else {
            assert(fmt[i] == 't');
            *va_arg(*ap, char **) = meta_dup(st, i);
        }
    }
}

/* Takes back what store_columns gave, when the statement fails behind its first row. */
static void free_columns(const char *fmt, va_list *ap)
{
    for (int i = 0; fmt[i]; i++) {
        if (fmt[i] == 'i') {
            (void)va_arg(*ap, int64_t *);
        } else {
            char **z = va_arg(*ap, char **);
            free(*z);
            *z = NULL;
        }
    }
}

int meta_get(struct meta_tx *tx, struct sw_err *err, const char *sql, const char *fmt, ...)
{
    struct meta_value values[META_PARAMETERS_MAX];
    va_list ap, again;
    va_start(ap, fmt);
    size_t n = read_values(fmt, &ap, values);
    const char *out = va_arg(ap, const char *);
    va_copy(again, ap);
    meta_autostmt *st = NULL;
    int r = tx->ops->query(tx, sql, values, n, false, &st, err);
    if (r == 0)
        r = st->ops->step(st, err);
    if (r == 1) {
        store_columns(st, out, &ap);
        if (st->ops->is_write(st) && run_to_end(st, err) < 0) {
            free_columns(out, &again);
            r = err->code;
        }
    }
    va_end(again);
    va_end(ap);
    return r;
}

int64_t meta_int(struct meta_stmt *st, int column)
{
    return st->ops->column_int(st, column);
}

struct sw_str meta_str(struct meta_stmt *st, int column)
{
    return st->ops->column_str(st, column);
}

bool meta_is_null(struct meta_stmt *st, int column)
{
    return st->ops->column_is_null(st, column);
}

char *meta_dup(struct meta_stmt *st, int column)
{
    struct sw_str s = st->ops->column_str(st, column);
    return s.p ? sw_str_dup(s) : NULL;
}

void meta_stmt_free(struct meta_stmt *st)
{
    if (st)
        st->ops->stmt_free(st);
}
