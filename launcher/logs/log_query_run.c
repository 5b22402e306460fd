/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_query_run.c - what comes before the first command that needs all rows (stats, sort, dedup, limit) is done with each
 * event, so only rows that are still wanted are kept; the rest is done with what was kept, when a result is asked for.
 * When nothing but a limit follows the order of the rows, no more than twice the limit is kept. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/logs/log_query_internal.h"

#define JSON_DEPTH   64
#define JSON_VALUES  100000
#define VALUE_TEXT   64
#define DISTINCT_MAX 100000 /* values of all groups together */

enum value_kind { VALUE_NONE, VALUE_TEXT_, VALUE_NUMBER, VALUE_TIME };
struct value {
    enum value_kind kind;
    double number; /* VALUE_TIME: ms */
    char *text;
};

struct row {
    int64_t timestamp_ms;
    uint64_t order; /* of arrival */
    size_t bytes;
    struct value values[];
};

struct group {
    struct value *by;
    struct aggregate {
        uint64_t n;
        double sum;
        struct value best;
        int64_t at_ms;
        json_t *distinct;
    } * aggregates;
};

struct log_query_run {
    const struct log_query *q;
    int64_t limit;
    size_t barrier; /* the first command that needs all rows */
    bool prunes;
    struct row **rows;
    size_t n, cap;
    int64_t bytes;
    uint64_t matched;
    struct group *groups;
    size_t groups_n, groups_cap, distinct_n;
    json_t *group_of; /* key: index */
};

static void value_done(struct value *v)
{
    free(SW_TAKE(v->text));
    v->kind = VALUE_NONE;
}

static void value_copy(struct value *to, const struct value *from)
{
    char *text = from->text ? sw_strdup(from->text) : NULL;
    value_done(to);
    *to = *from;
    to->text = text;
}

static void set_text(struct value *v, struct sw_str text)
{
    value_done(v);
    *v = (struct value){.kind = VALUE_TEXT_, .text = sw_str_dup(text)};
}

static void set_number(struct value *v, enum value_kind kind, double number)
{
    value_done(v);
    *v = (struct value){.kind = kind, .number = number};
}

static const char *text_of(const struct value *v, char out[VALUE_TEXT])
{
    char at[SW_TIME_LEN];
    switch (v->kind) {
    case VALUE_TEXT_: return v->text;
    case VALUE_NUMBER: (void)snprintf(out, VALUE_TEXT, "%.15g", v->number); return out;
    case VALUE_TIME: /* "2026-11-21T10:00:00.123456Z" as Insights writes it */
        sw_format_iso8601((int64_t)v->number * 1000, at);
        (void)snprintf(out, VALUE_TEXT, "%.10s %.12s", at, at + 11);
        return out;
    default: return "";
    }
}

static bool number_of(const struct value *v, double *ret)
{
    if (v->kind == VALUE_TEXT_)
        return query_number(sw_str(v->text), ret);
    *ret = v->number;
    return v->kind != VALUE_NONE;
}

static int value_cmp(const struct value *a, const struct value *b)
{
    char x[VALUE_TEXT], y[VALUE_TEXT];
    double m, n;
    if (!a->kind || !b->kind)
        return (a->kind != VALUE_NONE) - (b->kind != VALUE_NONE);
    if (number_of(a, &m) && number_of(b, &n))
        return m < n ? -1 : m > n;
    return strcmp(text_of(a, x), text_of(b, y));
}

/* --- rows --- */

static const json_t *member(const json_t *doc, const char *path)
{
    struct sw_str rest = sw_str(path), part;
    const json_t *whole = json_object_get(doc, path);
    if (whole)
        return whole;
    while (doc && rest.p && sw_str_split(&rest, '.', &part)) {
        char name[256];
        uint64_t index;
        if (!sw_str_copy(part, name, sizeof name))
            return NULL;
        doc = json_is_array(doc) && sw_parse_u64(part, &index) ? json_array_get(doc, (size_t)index)
                                                               : json_object_get(doc, name);
    }
    return doc;
}

static void set_json(struct value *v, const json_t *j)
{
    if (json_is_string(j))
        set_text(v, sw_str_n(json_string_value(j), json_string_length(j)));
    else if (json_is_number(j))
        set_number(v, VALUE_NUMBER, json_number_value(j));
    else if (json_is_boolean(j))
        set_text(v, sw_str(json_is_true(j) ? "1" : "0"));
    else if (json_is_object(j) || json_is_array(j)) {
        sw_autofree char *text = sw_json_dump(j);
        set_text(v, sw_str(text));
    }
}

static void fill(const struct log_query *q, struct row *row, const struct log_query_event *e)
{
    sw_autojson json_t *doc = NULL;
    bool tried = false;
    for (size_t i = 0; i < q->columns_n; i++) {
        struct value *v = &row->values[i];
        switch (q->columns[i].source) {
        case SOURCE_TIMESTAMP: set_number(v, VALUE_TIME, (double)e->timestamp_ms); break;
        case SOURCE_INGESTION: set_number(v, VALUE_TIME, (double)e->ingestion_ms); break;
        case SOURCE_MESSAGE: set_text(v, e->message); break;
        case SOURCE_STREAM: set_text(v, sw_str(e->stream)); break;
        case SOURCE_LOG: set_text(v, sw_str(e->log)); break;
        case SOURCE_PTR: set_text(v, sw_str(e->ptr)); break;
        case SOURCE_MADE: break;
        case SOURCE_JSON:
            if (!tried && sw_str_starts_with(sw_str_trim(e->message), "{"))
                doc = sw_json_load_lenient(e->message, JSON_DEPTH, JSON_VALUES);
            tried = true;
            if (doc)
                set_json(v, member(doc, q->columns[i].name));
            break;
        }
    }
}

static struct row *row_new(const struct log_query *q)
{
    return sw_calloc(1, sizeof(struct row) + q->columns_n * sizeof(struct value));
}

static void row_free(const struct log_query *q, struct row *row)
{
    for (size_t i = 0; row && i < q->columns_n; i++)
        free(row->values[i].text);
    free(row);
}

/* --- filter, fields, parse --- */

static bool compare(const struct query_test *t, const struct value *v,
                    const struct query_text *with)
{
    char space[VALUE_TEXT];
    double d;
    int c;
    if (with->has_number && number_of(v, &d))
        c = d < with->number ? -1 : d > with->number;
    else if (t->op == OP_LT || t->op == OP_LE || t->op == OP_GT || t->op == OP_GE)
        return !with->has_number &&
               (c = strcmp(text_of(v, space), with->text), t->op == OP_LT   ? c < 0
                                                           : t->op == OP_LE ? c <= 0
                                                           : t->op == OP_GT ? c > 0
                                                                            : c >= 0);
    else
        c = strcmp(text_of(v, space), with->text);
    switch (t->op) {
    case OP_NE: return c != 0;
    case OP_LT: return c < 0;
    case OP_LE: return c <= 0;
    case OP_GT: return c > 0;
    case OP_GE: return c >= 0;
    default: return c == 0;
    }
}

static bool passes(const struct query_test *t, const struct row *row)
{
    if (t->op == OP_AND)
        return passes(t->left, row) && passes(t->right, row);
    if (t->op == OP_OR)
        return passes(t->left, row) || passes(t->right, row);
    if (t->op == OP_NOT)
        return !passes(t->left, row);
    const struct value *v = &row->values[t->column];
    char space[VALUE_TEXT];
    const char *text = text_of(v, space);
    switch (t->op) {
    case OP_PRESENT: return v->kind != VALUE_NONE;
    case OP_EMPTY: return !*text;
    case OP_BLANK: return sw_str_trim(sw_str(text)).n == 0;
    case OP_CONTAINS: return v->kind && strstr(text, t->values[0].text);
    case OP_MATCHES: return v->kind && sw_pattern_found(t->pattern, sw_str(text));
    case OP_IN:
        for (size_t i = 0; v->kind && i < t->values_n; i++)
            if (compare(t, v, &t->values[i]))
                return true;
        return false;
    default: return v->kind && compare(t, v, &t->values[0]);
    }
}

static void parse_glob(const struct query_command *c, struct row *row)
{
    char space[VALUE_TEXT];
    struct sw_str found[QUERY_PARTS_MAX];
    const char *text = text_of(&row->values[c->column], space);
    const char *at = strstr(text, c->pieces[0]);
    if (!row->values[c->column].kind || !at)
        return;
    at += strlen(c->pieces[0]);
    for (size_t i = 0; i < c->n; i++) {
        const char *piece = c->pieces[i + 1];
        const char *end = *piece ? strstr(at, piece) : at + strlen(at);
        if (!end)
            return;
        found[i] = sw_str_n(at, (size_t)(end - at));
        at = end + strlen(piece);
    }
    struct value made[QUERY_PARTS_MAX] = {0};
    for (size_t i = 0; i < c->n; i++)
        set_text(&made[i], found[i]);
    for (size_t i = 0; i < c->n; i++) {
        struct value *v = &row->values[c->parts[i].column];
        value_done(v);
        *v = made[i];
    }
}

/* What is done with one row alone. False: it is not wanted. */
static bool apply(const struct query_command *c, struct row *row)
{
    if (c->kind == CMD_FILTER)
        return passes(c->test, row);
    if (c->kind == CMD_PARSE)
        parse_glob(c, row);
    for (size_t i = 0; c->kind == CMD_FIELDS && i < c->n; i++)
        if (c->parts[i].column != c->parts[i].from)
            value_copy(&row->values[c->parts[i].column], &row->values[c->parts[i].from]);
    return true;
}

static bool needs_all(const struct query_command *c)
{
    return c->kind == CMD_STATS || c->kind == CMD_SORT || c->kind == CMD_DEDUP ||
           c->kind == CMD_LIMIT;
}

/* --- stats --- */

static void group_done(const struct query_command *c, struct group *g)
{
    for (size_t i = 0; i < c->by_n; i++)
        free(g->by[i].text);
    for (size_t i = 0; i < c->n; i++) {
        free(g->aggregates[i].best.text);
        json_decref(g->aggregates[i].distinct);
    }
    free(g->by);
    free(g->aggregates);
}

static int group_for(struct log_query_run *r, const struct query_command *c, struct value *by,
                     struct group **ret, struct sw_err *err)
{
    sw_autojson json_t *parts = json_array();
    char space[VALUE_TEXT];
    for (size_t i = 0; i < c->by_n; i++)
        json_array_append_new(parts,
                              by[i].kind ? json_string(text_of(&by[i], space)) : json_null());
    sw_autofree char *key = sw_json_dump(parts);
    const int64_t known = sw_json_int(r->group_of, key, -1);
    if (known >= 0) {
        *ret = &r->groups[known];
        return 0;
    }
    if (r->groups_n == QUERY_GROUPS_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceededException", "stats makes more than %d groups",
                       QUERY_GROUPS_MAX);
    if (r->groups_n == r->groups_cap) {
        r->groups_cap = r->groups_cap ? r->groups_cap * 2 : 16;
        r->groups = sw_realloc_array(r->groups, r->groups_cap, sizeof *r->groups);
    }
    struct group *g = &r->groups[r->groups_n];
    *g = (struct group){.by = sw_calloc(c->by_n + 1, sizeof *g->by),
                        .aggregates = sw_calloc(c->n + 1, sizeof *g->aggregates)};
    for (size_t i = 0; i < c->by_n; i++)
        value_copy(&g->by[i], &by[i]);
    sw_json_set_int(r->group_of, key, (int64_t)r->groups_n++);
    *ret = g;
    return 0;
}

static int add_value(struct log_query_run *r, const struct query_part *part, struct aggregate *a,
                     const struct row *row, struct sw_err *err)
{
    const struct value *v = &row->values[part->from];
    char space[VALUE_TEXT];
    double d = 0;
    if (!part->all && !v->kind)
        return 0;
    const bool number = !part->all && number_of(v, &d);
    switch (part->fn) {
    case FN_COUNT: a->n++; return 0;
    case FN_SUM:
    case FN_AVG:
        a->n += number;
        a->sum += number ? d : 0;
        return 0;
    case FN_COUNT_DISTINCT:
        if (!a->distinct)
            a->distinct = json_object();
        if (json_object_get(a->distinct, text_of(v, space)))
            return 0;
        if (r->distinct_n++ == DISTINCT_MAX)
            return sw_fail(err, SW_ELIMIT, "LimitExceededException",
                           "count_distinct meets more than %d values", DISTINCT_MAX);
        sw_json_set_bool(a->distinct, text_of(v, space), true);
        return 0;
    default: break;
    }
    const bool better = a->n == 0 || (part->fn == FN_MIN        ? value_cmp(v, &a->best) < 0
                                      : part->fn == FN_MAX      ? value_cmp(v, &a->best) > 0
                                      : part->fn == FN_EARLIEST ? row->timestamp_ms < a->at_ms
                                                                : row->timestamp_ms >= a->at_ms);
    a->n++;
    if (better) {
        value_copy(&a->best, v);
        a->at_ms = row->timestamp_ms;
    }
    return 0;
}

static int add_to_group(struct log_query_run *r, const struct query_command *c,
                        const struct row *row, struct sw_err *err)
{
    struct value by[QUERY_PARTS_MAX] = {0};
    struct group *g = NULL;
    for (size_t i = 0; i < c->by_n; i++) {
        value_copy(&by[i], &row->values[c->by[i].from]);
        if (c->by[i].bin_ms)
            by[i].number = (double)((int64_t)by[i].number / c->by[i].bin_ms * c->by[i].bin_ms);
    }
    int e = group_for(r, c, by, &g, err);
    for (size_t i = 0; i < c->by_n; i++)
        free(by[i].text);
    for (size_t i = 0; e == 0 && i < c->n; i++)
        e = add_value(r, &c->parts[i], &g->aggregates[i], row, err);
    return e;
}

static void set_aggregate(struct value *v, const struct query_part *part, const struct aggregate *a)
{
    switch (part->fn) {
    case FN_COUNT: set_number(v, VALUE_NUMBER, (double)a->n); return;
    case FN_COUNT_DISTINCT:
        set_number(v, VALUE_NUMBER, (double)json_object_size(a->distinct));
        return;
    case FN_SUM: set_number(v, VALUE_NUMBER, a->sum); return;
    case FN_AVG:
        if (a->n)
            set_number(v, VALUE_NUMBER, a->sum / (double)a->n);
        return;
    default: value_copy(v, &a->best); return;
    }
}

static struct row *row_of_group(const struct log_query *q, const struct query_command *c,
                                const struct group *g)
{
    struct row *row = row_new(q);
    for (size_t i = 0; i < c->by_n; i++)
        value_copy(&row->values[c->by[i].column], &g->by[i]);
    for (size_t i = 0; i < c->n; i++)
        set_aggregate(&row->values[c->parts[i].column], &c->parts[i], &g->aggregates[i]);
    return row;
}

/* --- the order of rows --- */

struct order {
    const struct query_command *sort; /* NULL: the newest first */
};

static int row_cmp(const void *a, const void *b, void *ctx)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    const struct query_command *sort = ((const struct order *)ctx)->sort;
    for (size_t i = 0; sort && i < sort->n; i++) {
        const size_t c = sort->parts[i].column;
        const int d = value_cmp(&x->values[c], &y->values[c]);
        if (d != 0)
            return sort->parts[i].descending ? -d : d;
    }
    if (x->timestamp_ms != y->timestamp_ms)
        return x->timestamp_ms > y->timestamp_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_rows(struct row **rows, size_t n, const struct query_command *sort)
{
    struct order o = {.sort = sort};
    if (n)
        qsort_r(rows, n, sizeof(struct row *), row_cmp, &o);
}

static size_t dedup(const struct query_command *c, struct row **rows, size_t n)
{
    sw_autojson json_t *seen = json_object();
    char space[VALUE_TEXT];
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        sw_autojson json_t *parts = json_array();
        bool whole = true;
        for (size_t k = 0; k < c->n; k++) {
            const struct value *v = &rows[i]->values[c->parts[k].column];
            whole &= v->kind != VALUE_NONE;
            json_array_append_new(parts, json_string(text_of(v, space)));
        }
        sw_autofree char *key = sw_json_dump(parts);
        if (whole && json_object_get(seen, key))
            continue;
        sw_json_set_bool(seen, key, true);
        rows[kept++] = rows[i];
    }
    return kept;
}

/* --- the run --- */

struct log_query_run *log_query_run_new(const struct log_query *q, int64_t limit)
{
    struct log_query_run *r = SW_NEW(struct log_query_run);
    r->q = q;
    r->limit = q->limit ? q->limit : limit ? limit : LOG_QUERY_ROWS;
    r->group_of = json_object();
    while (r->barrier < q->n && !needs_all(q->commands[r->barrier]))
        r->barrier++;
    r->prunes = true;
    for (size_t i = r->barrier; i < q->n; i++) {
        const enum query_command_kind kind = q->commands[i]->kind;
        r->prunes &= kind == CMD_LIMIT || kind == CMD_DISPLAY || kind == CMD_FIELDS ||
                     (kind == CMD_SORT && i == r->barrier);
    }
    return r;
}

void log_query_run_free(struct log_query_run *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        row_free(r->q, r->rows[i]);
    for (size_t i = 0; i < r->groups_n; i++)
        group_done(r->q->commands[r->barrier], &r->groups[i]);
    free(r->rows);
    free(r->groups);
    json_decref(r->group_of);
    free(r);
}

static const struct query_command *barrier_of(const struct log_query_run *r)
{
    return r->barrier < r->q->n ? r->q->commands[r->barrier] : NULL;
}

static void prune(struct log_query_run *r)
{
    const struct query_command *c = barrier_of(r);
    sort_rows(r->rows, r->n, c && c->kind == CMD_SORT ? c : NULL);
    while (r->n > (size_t)r->limit) {
        r->bytes -= (int64_t)r->rows[--r->n]->bytes;
        row_free(r->q, r->rows[r->n]);
    }
}

static int keep(struct log_query_run *r, struct row *row, struct sw_err *err)
{
    row->bytes = sizeof *row + r->q->columns_n * sizeof(struct value);
    for (size_t i = 0; i < r->q->columns_n; i++)
        row->bytes += row->values[i].text ? strlen(row->values[i].text) + 1 : 0;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->rows = sw_realloc_array(r->rows, r->cap, sizeof *r->rows);
    }
    r->rows[r->n++] = row;
    r->bytes += (int64_t)row->bytes;
    if (r->prunes && (r->n >= 2 * (size_t)r->limit || r->bytes > LOG_QUERY_BYTES_MAX))
        prune(r);
    if (r->bytes > LOG_QUERY_BYTES_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceededException",
                       "the query keeps more than %d MiB of rows", LOG_QUERY_BYTES_MAX >> 20);
    return 0;
}

int log_query_add(struct log_query_run *r, const struct log_query_event *e, struct sw_err *err)
{
    const struct query_command *c = barrier_of(r);
    struct row *row = row_new(r->q);
    bool wanted = true;
    row->timestamp_ms = e->timestamp_ms;
    fill(r->q, row, e);
    for (size_t i = 0; wanted && i < r->barrier; i++)
        wanted = apply(r->q->commands[i], row);
    if (!wanted) {
        row_free(r->q, row);
        return 0;
    }
    row->order = r->matched++;
    if (!c || c->kind != CMD_STATS)
        return keep(r, row, err) < 0 ? err->code : 1;
    int k = add_to_group(r, c, row, err);
    row_free(r->q, row);
    return k < 0 ? k : 1;
}

uint64_t log_query_matched(const struct log_query_run *r)
{
    return r->matched;
}

static json_t *result_json(const struct log_query *q, struct row *const *rows, size_t n)
{
    json_t *list = json_array();
    char space[VALUE_TEXT];
    for (size_t i = 0; i < n; i++) {
        json_t *fields = json_array();
        for (size_t k = 0; k < q->shown_n + !q->has_stats; k++) {
            const size_t c = k < q->shown_n ? q->shown[k] : 0; /* @ptr */
            const struct value *v = &rows[i]->values[c];
            if (!v->kind || (k < q->shown_n && c == 0 && !q->has_stats))
                continue;
            json_t *o = json_object();
            sw_json_set_str(o, "field", q->columns[c].name);
            sw_json_set_str(o, "value", text_of(v, space));
            json_array_append_new(fields, o);
        }
        json_array_append_new(list, fields);
    }
    return list;
}

/* A row of events is changed in place: what a command makes of it is the same each time. */
static size_t after(const struct query_command *c, struct row **rows, size_t n)
{
    size_t kept = 0;
    if (c->kind == CMD_SORT)
        sort_rows(rows, n, c);
    if (c->kind == CMD_SORT || c->kind == CMD_STATS)
        return n;
    if (c->kind == CMD_DEDUP)
        return dedup(c, rows, n);
    if (c->kind == CMD_LIMIT)
        return SW_MIN(n, (size_t)c->limit);
    for (size_t i = 0; i < n; i++)
        if (apply(c, rows[i]))
            rows[kept++] = rows[i];
    return kept;
}

json_t *log_query_result(struct log_query_run *r)
{
    const struct query_command *c = barrier_of(r);
    const bool stats = c && c->kind == CMD_STATS;
    const size_t made = stats ? r->groups_n : r->n;
    sw_autofree struct row **all = sw_calloc(made + 1, sizeof(struct row *));
    sw_autofree struct row **rows = sw_calloc(made + 1, sizeof(struct row *));
    for (size_t i = 0; i < made; i++)
        all[i] = rows[i] = stats ? row_of_group(r->q, c, &r->groups[i]) : r->rows[i];
    size_t n = made;
    if (!stats)
        sort_rows(rows, n, NULL);
    for (size_t i = 0; stats && i < n; i++)
        rows[i]->order = i;
    for (size_t i = r->barrier; i < r->q->n; i++)
        n = after(r->q->commands[i], rows, n);
    json_t *out = result_json(r->q, rows, SW_MIN(n, (size_t)r->limit));
    for (size_t i = 0; stats && i < made; i++)
        row_free(r->q, all[i]);
    return out;
}
