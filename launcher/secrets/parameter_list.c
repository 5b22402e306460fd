/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/parameter_list.c - parameters below a path, all of them, and the versions of one; in the order of their names. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "launcher/secrets/parameter_store.h"

struct list {
    struct secrets *s;
    const struct secrets_caller *c;
    const json_t *in;
    struct secrets_page *page;
    json_t *out, *filters;
    const char *path; /* NULL: all */
};

/* 1: it is shown. */
static int wanted(const struct list *l, const struct parameter_row *row, const char *tags_text,
                  json_t **ret_meta, struct sw_err *err)
{
    sw_autojson json_t *tags = NULL;
    int r = parameter_meta_json(row, ret_meta, err);
    if (r < 0 || (r = secrets_json(tags_text, &tags, err)) < 0)
        return r;
    return parameter_filters_match(l->filters, *ret_meta, tags) &&
           (!l->path ||
            parameter_below(row->name, l->path, sw_json_bool(l->in, "Recursive", false)));
}

static int add_row(const struct list *l, const struct parameter_row *row, json_t *meta,
                   json_t *list, struct sw_err *err)
{
    json_t *one = NULL;
    if (!l->path) {
        json_array_append(list, meta);
        return 0;
    }
    int r = parameter_value_json(l->s, l->c, row, sw_json_bool(l->in, "WithDecryption", false),
                                 &one, err);
    if (r == 0)
        json_array_append_new(list, one);
    return r;
}

/* The names between which all lie that are below a path, so that others are not read. */
static void range(const char *path, char from[SECRETS_NAME_MAX + 2], char to[SECRETS_NAME_MAX + 2])
{
    int n = (int)strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    (void)snprintf(from, SECRETS_NAME_MAX + 2, "%.*s%s", n, path, *path ? "/" : "");
    (void)snprintf(to, SECRETS_NAME_MAX + 2, "%.*s%s", n, path, *path ? "0" : "~");
}

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list *l = arg;
    meta_autostmt *st = NULL;
    char last[SECRETS_PAGE_MAX] = "", from[SECRETS_NAME_MAX + 2], to[SECRETS_NAME_MAX + 2];
    range(l->path ? l->path : "", from, to);
    json_object_clear(l->out);
    json_t *list = secrets_list_member(l->out, "Parameters");
    int r = meta_query(tx, err, &st,
                       "SELECT " PARAMETER_COLUMNS ", p.tags" PARAMETER_JOIN
                       " AND v.version = p.version WHERE p.account_id = $1 AND p.region = $2"
                       " AND p.name > $3 AND p.name >= $4 AND p.name < $5 ORDER BY p.name",
                       "ttttt", l->c->account, l->c->region, l->page->after, from, to);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        SW_CLEANUP(parameter_row_done) struct parameter_row row = {.name = NULL};
        sw_autojson json_t *meta = NULL;
        sw_autofree char *tags = meta_dup(st, 6);
        parameter_row_from(st, &row);
        if ((r = wanted(l, &row, tags, &meta, err)) < 0)
            return r;
        if (r == 0)
            continue;
        if (!secrets_page_room(l->page, json_array_size(list), last))
            return 0;
        if ((r = add_row(l, &row, meta, list, err)) < 0)
            return r;
        (void)snprintf(last, sizeof last, "%s", row.name);
    }
    return r;
}

static int run_list(struct list *l, struct sw_err *err)
{
    int r = parameter_filters_check(l->filters, l->path != NULL, err);
    return r < 0 ? r : meta_tx(l->s->db, META_READ_LONG, list_tx, l, err);
}

int parameter_by_path(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                      struct secrets_page *page, json_t *out, struct sw_err *err)
{
    struct list l = {.s = s,
                     .c = c,
                     .in = in,
                     .page = page,
                     .out = out,
                     .filters = sw_json_array(in, "ParameterFilters"),
                     .path = sw_json_str(in, "Path", "")};
    if (l.path[0] != '/')
        return sw_fail(err, SW_EINVALID, "ValidationException",
                       "The parameter doesn't meet the parameter name requirements. The parameter "
                       "name must begin with a forward slash \"/\". It can't be prefixed with "
                       "\"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, "
                       "or the following symbols: . (period), - (hyphen), _ (underscore). Special "
                       "characters are not allowed. All sub-paths, if specified, must use the "
                       "forward slash symbol \"/\".");
    return run_list(&l, err);
}

int parameter_describe(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                       struct secrets_page *page, json_t *out, struct sw_err *err)
{
    json_t *filters = sw_json_array(in, "ParameterFilters"), *old = sw_json_array(in, "Filters");
    struct list l = {.s = s, .c = c, .in = in, .page = page, .out = out};
    if (json_array_size(filters) > 0 && json_array_size(old) > 0)
        return sw_fail(err, SW_EINVALID, "ValidationException",
                       "You can use either Filters or ParameterFilters in a single request.");
    l.filters = json_array_size(old) > 0 ? old : filters;
    return run_list(&l, err);
}

static int version_json(const struct list *l, const struct parameter_row *row, json_t *list,
                        struct sw_err *err)
{
    json_t *meta = NULL;
    sw_autojson json_t *value = NULL;
    int r = parameter_meta_json(row, &meta, err);
    if (r < 0)
        return r;
    json_array_append_new(list, meta);
    if ((r = parameter_value_json(l->s, l->c, row, sw_json_bool(l->in, "WithDecryption", false),
                                  &value, err)) == 0)
        sw_json_set_str(meta, "Value", sw_json_str(value, "Value", ""));
    return r;
}

static int history_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list *l = arg;
    struct parameter_ref ref;
    meta_autostmt *st = NULL;
    char last[24] = "";
    int64_t after = 0, any = 0;
    json_object_clear(l->out);
    json_t *list = secrets_list_member(l->out, "Parameters");
    const char *name = sw_json_str(l->in, "Name", "");
    int r = parameter_ref_parse(l->c, name, &ref, err);
    if (l->page->after[0] && !sw_parse_i64(sw_str(l->page->after), &after))
        return sw_fail(err, SW_EINVALID, "InvalidNextToken", "The specified token isn't valid.");
    if (r < 0 || (r = meta_get(tx, err,
                               "SELECT version FROM parameter WHERE account_id = $1"
                               " AND region = $2 AND name = $3",
                               "ttt", l->c->account, l->c->region, ref.name, "i", &any)) < 0)
        return r;
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ParameterNotFound", "Parameter %.400s not found.", name);
    r = meta_query(tx, err, &st,
                   "SELECT " PARAMETER_COLUMNS PARAMETER_JOIN
                   " WHERE p.account_id = $1 AND p.region = $2 AND p.name = $3 AND v.version > $4"
                   " ORDER BY v.version",
                   "ttti", l->c->account, l->c->region, ref.name, after);
    while (r >= 0 && (r = meta_step(st, err)) > 0 &&
           secrets_page_room(l->page, json_array_size(list), last)) {
        SW_CLEANUP(parameter_row_done) struct parameter_row row = {.name = NULL};
        parameter_row_from(st, &row);
        (void)snprintf(last, sizeof last, "%" PRId64, row.version);
        r = version_json(l, &row, list, err);
    }
    return r < 0 ? r : 0;
}

int parameter_history(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                      struct secrets_page *page, json_t *out, struct sw_err *err)
{
    struct list l = {.s = s, .c = c, .in = in, .page = page, .out = out};
    return meta_tx(s->db, META_READ, history_tx, &l, err);
}
