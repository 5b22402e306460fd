/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_rows.c - the SQL of groups and streams. */
#include "launcher/logs/log_rows.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"

#define TAGS_DEPTH  4
#define TAGS_VALUES 200

static int no_group(struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                   "The specified log group does not exist.");
}

static int take_group(struct meta_stmt *st, struct log_group_row *ret, struct sw_err *err)
{
    (void)sw_str_copy(meta_str(st, 0), ret->id, sizeof ret->id);
    (void)sw_str_copy(meta_str(st, 1), ret->name, sizeof ret->name);
    ret->created_ms = meta_int(st, 2) / 1000;
    ret->retention_days = meta_int(st, 3);
    ret->stored_bytes = 0;
    ret->tags = NULL;
    return sw_json_load(meta_str(st, 4), TAGS_DEPTH, TAGS_VALUES, NULL, &ret->tags, err);
}

int log_rows_get_group(struct meta_tx *tx, const struct log_scope *c, const char *name,
                       struct log_group_row *ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, name, created_at, retention_days, tags FROM log_group WHERE "
                       "account_id = $1 AND region = $2 AND name = $3",
                       "ttt", c->account, c->region, name);
    if (r < 0 || (r = meta_step(st, err)) < 0)
        return r;
    return r == 0 ? no_group(err) : take_group(st, ret, err);
}

int log_rows_add_group(struct meta_tx *tx, const struct log_scope *c, const char *id,
                       const char *name, int64_t now_us, const json_t *tags, struct sw_err *err)
{
    sw_autofree char *text = sw_json_dump(tags);
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "INSERT INTO log_group (id, account_id, region, name, created_at, "
                      "retention_days, tags) VALUES ($1, $2, $3, $4, $5, 0, $6) "
                      "ON CONFLICT (account_id, region, name) DO NOTHING",
                      "ttttit", id, c->account, c->region, name, now_us, text);
    if (r == 0 && changed == 0)
        r = sw_fail(err, SW_ECONFLICT, "ResourceAlreadyExistsException",
                    "The specified log group already exists");
    return r;
}

int log_rows_delete_group(struct meta_tx *tx, const char *id, struct sw_err *err)
{
    int r = meta_exec(tx, err, NULL, "DELETE FROM log_stream WHERE group_id = $1", "t", id);
    return r < 0 ? r : meta_exec(tx, err, NULL, "DELETE FROM log_group WHERE id = $1", "t", id);
}

int log_rows_set_retention(struct meta_tx *tx, const char *id, int64_t days, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE log_group SET retention_days = $2 WHERE id = $1", "ti",
                     id, days);
}

int log_rows_set_tags(struct meta_tx *tx, const char *id, const json_t *tags, struct sw_err *err)
{
    sw_autofree char *text = sw_json_dump(tags);
    return meta_exec(tx, err, NULL, "UPDATE log_group SET tags = $2 WHERE id = $1", "tt", id, text);
}

int log_rows_list_groups(struct meta_tx *tx, const struct log_scope *c, const char *from,
                         bool with_from, size_t max, struct log_group_row **ret, size_t *ret_n,
                         struct sw_err *err)
{
    meta_autostmt *st = NULL;
    size_t cap = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT id, name, created_at, retention_days, tags FROM log_group WHERE "
                       "account_id = $1 AND region = $2 AND (name > $3 OR (name = $3 AND $4 = 1)) "
                       "ORDER BY name LIMIT $5",
                       "tttii", c->account, c->region, from, (int64_t)with_from, (int64_t)max);
    while (r == 0 && (r = meta_step(st, err)) == 1) {
        if (*ret_n == cap) {
            cap = cap ? cap * 2 : 16;
            *ret = sw_realloc_array(*ret, cap, sizeof **ret);
        }
        if ((r = take_group(st, &(*ret)[*ret_n], err)) == 0)
            ++*ret_n;
    }
    return r;
}

int log_rows_add_stream(struct meta_tx *tx, const char *group_id, const char *id, const char *name,
                        int64_t now_us, struct sw_err *err)
{
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "INSERT INTO log_stream (id, group_id, name, created_at) VALUES ($1, $2, $3, "
                      "$4) ON CONFLICT (group_id, name) DO NOTHING",
                      "ttti", id, group_id, name, now_us);
    if (r == 0 && changed == 0)
        r = sw_fail(err, SW_ECONFLICT, "ResourceAlreadyExistsException",
                    "The specified log stream already exists");
    return r;
}

int log_rows_get_stream(struct meta_tx *tx, const char *group_id, const char *name,
                        char ret_id[LOG_ID_LEN + 1], struct sw_err *err)
{
    char *id = NULL;
    int r = meta_get(tx, err, "SELECT id FROM log_stream WHERE group_id = $1 AND name = $2", "tt",
                     group_id, name, "t", &id);
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                       "The specified log stream does not exist.");
    if (r > 0)
        (void)sw_str_copy(sw_str(id), ret_id, LOG_ID_LEN + 1);
    free(id);
    return r < 0 ? r : 0;
}

int log_rows_has_stream(struct meta_tx *tx, const char *group_id, const char *id,
                        struct sw_err *err)
{
    char *found = NULL;
    int r = meta_get(tx, err, "SELECT id FROM log_stream WHERE id = $1 AND group_id = $2", "tt", id,
                     group_id, "t", &found);
    free(found);
    return r;
}

int log_rows_delete_stream(struct meta_tx *tx, const char *id, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "DELETE FROM log_stream WHERE id = $1", "t", id);
}

int log_rows_list_streams(struct meta_tx *tx, const char *group_id, const char *from,
                          const char *after, size_t max, struct log_stream_row **ret, size_t *ret_n,
                          struct sw_err *err)
{
    meta_autostmt *st = NULL;
    size_t cap = 0;
    const size_t prefix_n = strlen(from);
    int r = meta_query(tx, err, &st,
                       "SELECT id, name, created_at FROM log_stream WHERE group_id = $1 AND name "
                       ">= $2 AND name > $3 ORDER BY name LIMIT $4",
                       "ttti", group_id, from, after, (int64_t)max);
    while (r == 0 && (r = meta_step(st, err)) == 1) {
        struct sw_str name = meta_str(st, 1);
        if (name.n < prefix_n || memcmp(name.p, from, prefix_n) != 0)
            return 0;
        if (*ret_n == cap) {
            cap = cap ? cap * 2 : 16;
            *ret = sw_realloc_array(*ret, cap, sizeof **ret);
        }
        struct log_stream_row *s = &(*ret)[(*ret_n)++];
        *s = (struct log_stream_row){.created_ms = meta_int(st, 2) / 1000};
        (void)sw_str_copy(meta_str(st, 0), s->id, sizeof s->id);
        (void)sw_str_copy(name, s->name, sizeof s->name);
        r = 0;
    }
    return r;
}

int log_rows_all_ids(struct meta_tx *tx, json_t *ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT g.id, s.id FROM log_group g LEFT JOIN log_stream s ON s.group_id = "
                       "g.id",
                       "");
    while (r == 0 && (r = meta_step(st, err)) == 1) {
        char id[LOG_ID_LEN + 1];
        for (int i = 0; i < 2; i++)
            if (!meta_is_null(st, i) && sw_str_copy(meta_str(st, i), id, sizeof id))
                sw_json_set_bool(ret, id, true);
        r = 0;
    }
    return r;
}

int log_rows_with_retention(struct meta_tx *tx, json_t *ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT id, retention_days FROM log_group WHERE retention_days > 0", "");
    while (r == 0 && (r = meta_step(st, err)) == 1) {
        char id[LOG_ID_LEN + 1];
        if (sw_str_copy(meta_str(st, 0), id, sizeof id))
            sw_json_set_int(ret, id, meta_int(st, 1));
        r = 0;
    }
    return r;
}
