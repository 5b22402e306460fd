/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_store.c
 * Invariants:
 * 1. A group's or stream's row is there before its folder and goes before it; folders without rows are removed at the start. So a
 *    name never leads to events of something that was deleted.
 * 2. Ids are random and never used again: a call that read an id before the deletion fails or writes nowhere that is seen.
 * 3. No file is touched inside a transaction. */
#include "launcher/logs/log_store.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "auth/policy_facts.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/logs/log_rows.h"

#define INVALID    "InvalidParameterException"
#define DAY_MS     86400000LL
#define TAGS_MAX   50
#define LIST_CHUNK 200

struct log_store {
    struct meta_db *db;
    struct log_files *files;
    int64_t (*now_us)(void);
    _Atomic uint64_t events, bytes, lost_lines;
};

static int64_t now_ms(const struct log_store *s)
{
    return s->now_us() / 1000;
}

bool log_group_name_valid(const char *name)
{
    size_t n = 0;
    for (; name[n]; n++)
        if (!isalnum((unsigned char)name[n]) && !strchr(".-_/#", name[n]))
            return false;
    return n >= 1 && n <= LOG_NAME_MAX;
}

bool log_stream_name_valid(const char *name)
{
    const size_t n = strlen(name);
    return n >= 1 && n <= LOG_NAME_MAX && !strpbrk(name, ":*");
}

void log_group_row_done(struct log_group_row *g)
{
    json_decref(SW_TAKE(g->tags));
}

/* --- opening --- */

static int read_ids(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    json_object_clear(arg);
    return log_rows_all_ids(tx, arg, err);
}

static bool known(void *ctx, const char *group, const char *stream)
{
    return json_object_get(ctx, stream ? stream : group) != NULL;
}

struct exists_arg {
    const char *group, *stream;
    bool found;
};

static int read_exists(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct exists_arg *a = arg;
    int r = log_rows_has_stream(tx, a->group, a->stream, err);
    a->found = r > 0;
    return r < 0 ? r : 0;
}

/* A row that cannot be read counts as there: the folder goes at the next start if it is not. */
static bool exists(void *ctx, const char *group, const char *stream)
{
    const struct log_store *s = ctx;
    struct exists_arg a = {.group = group, .stream = stream};
    struct sw_err ignored = SW_ERR_INIT;
    return meta_tx(s->db, META_READ, read_exists, &a, &ignored) < 0 || a.found;
}

int log_store_open(const struct log_store_options *o, struct log_store **ret, struct sw_err *err)
{
    sw_autojson json_t *ids = json_object();
    int r = meta_tx(o->db, META_READ_LONG, read_ids, ids, err);
    if (r < 0)
        return r;
    struct log_files_options f = {.dir = o->dir,
                                  .group_bytes_max = o->group_bytes_max,
                                  .total_bytes_max = o->total_bytes_max,
                                  .known = known,
                                  .ctx = ids,
                                  .exists = exists};
    struct log_store *s = SW_NEW(struct log_store);
    f.exists_ctx = s;
    s->db = o->db;
    s->now_us = o->now_us ? o->now_us : sw_now_us;
    if ((r = log_files_open(&f, &s->files, err)) < 0) {
        free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void log_store_free(struct log_store *s)
{
    if (!s)
        return;
    log_files_free(s->files);
    free(s);
}

static int read_retention(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    json_object_clear(arg);
    return log_rows_with_retention(tx, arg, err);
}

int log_store_expire(struct log_store *s, struct sw_err *err)
{
    sw_autojson json_t *days = json_object();
    const char *id;
    json_t *v;
    int r = meta_tx(s->db, META_READ_LONG, read_retention, days, err);
    if (r < 0)
        return r;
    json_object_foreach(days, id, v) {
        struct sw_err e = SW_ERR_INIT;
        int one = log_files_expire(s->files, id, now_ms(s) - json_integer_value(v) * DAY_MS, &e);
        if (one < 0 && r == 0)
            r = sw_err_move(err, &e);
    }
    return r;
}

int log_store_reset(struct log_store *s, struct sw_err *err)
{
    return log_files_remove_all(s->files, err);
}

/* --- groups --- */

struct group_arg {
    const struct log_scope *c;
    const char *name;
    const json_t *add, *remove;
    int64_t now_us, days;
    char id[LOG_ID_LEN + 1];
    struct log_group_row row;
};

static int create_group(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct group_arg *a = arg;
    return log_rows_add_group(tx, a->c, a->id, a->name, a->now_us, a->add, err);
}

int log_store_create_group(struct log_store *s, const struct log_scope *c, const char *name,
                           const json_t *tags, struct sw_err *err)
{
    sw_autojson json_t *none = json_object();
    struct group_arg a = {.c = c, .name = name, .add = tags ? tags : none, .now_us = s->now_us()};
    sw_random_hex(a.id, LOG_ID_LEN);
    return meta_tx(s->db, META_WRITE, create_group, &a, err);
}

static int get_group(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct group_arg *a = arg;
    log_group_row_done(&a->row);
    return log_rows_get_group(tx, a->c, a->name, &a->row, err);
}

int log_store_get_group(struct log_store *s, const struct log_scope *c, const char *name,
                        struct log_group_row *ret, struct sw_err *err)
{
    struct group_arg a = {.c = c, .name = name};
    int r = meta_tx(s->db, META_READ, get_group, &a, err);
    if (r < 0) {
        log_group_row_done(&a.row);
        return r;
    }
    a.row.stored_bytes = log_files_group_bytes(s->files, a.row.id);
    *ret = a.row;
    return 0;
}

static int delete_group(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct group_arg *a = arg;
    int r = get_group(tx, arg, err);
    return r < 0 ? r : log_rows_delete_group(tx, a->row.id, err);
}

/* The rows are gone: what is left of the files goes at the next start, so failing here fails nothing. */
static void removed(int r, struct sw_err *e)
{
    if (r < 0)
        sw_log_err(SW_LOG_WARNING, "log-files-not-removed", e, NULL);
}

int log_store_delete_group(struct log_store *s, const struct log_scope *c, const char *name,
                           struct sw_err *err)
{
    struct group_arg a = {.c = c, .name = name};
    struct sw_err e = SW_ERR_INIT;
    int r = meta_tx(s->db, META_WRITE, delete_group, &a, err);
    if (r == 0)
        removed(log_files_remove_group(s->files, a.row.id, &e), &e);
    log_group_row_done(&a.row);
    return r;
}

static int set_retention(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct group_arg *a = arg;
    int r = get_group(tx, arg, err);
    return r < 0 ? r : log_rows_set_retention(tx, a->row.id, a->days, err);
}

int log_store_set_retention(struct log_store *s, const struct log_scope *c, const char *name,
                            int64_t days, struct sw_err *err)
{
    struct group_arg a = {.c = c, .name = name, .days = days};
    struct sw_err e = SW_ERR_INIT;
    int r = meta_tx(s->db, META_WRITE, set_retention, &a, err);
    if (r == 0 && days > 0)
        removed(log_files_expire(s->files, a.row.id, now_ms(s) - days * DAY_MS, &e), &e);
    log_group_row_done(&a.row);
    return r;
}

static int set_tags(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct group_arg *a = arg;
    const json_t *key;
    size_t i;
    int r = get_group(tx, arg, err);
    if (r < 0)
        return r;
    if (a->add)
        json_object_update(a->row.tags, (json_t *)a->add);
    json_array_foreach(a->remove, i, key)
        json_object_del(a->row.tags, json_string_value(key));
    if (json_object_size(a->row.tags) > TAGS_MAX)
        return sw_fail(err, SW_ELIMIT, "TooManyTagsException",
                       "A resource can have at most 50 tags.");
    const char *twice = a->add ? policy_facts_tag_twice(a->row.tags) : NULL;
    if (twice)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "The log group has the tag key '%.128s' already, with other case.", twice);
    return log_rows_set_tags(tx, a->row.id, a->row.tags, err);
}

int log_store_set_tags(struct log_store *s, const struct log_scope *c, const char *name,
                       const json_t *add, const json_t *remove_keys, struct sw_err *err)
{
    struct group_arg a = {.c = c, .name = name, .add = add, .remove = remove_keys};
    int r = meta_tx(s->db, META_WRITE, set_tags, &a, err);
    log_group_row_done(&a.row);
    return r;
}

struct list_arg {
    const struct log_scope *c;
    const char *from, *group_id;
    bool with_from;
    struct log_group_row *groups;
    struct log_stream_row *streams;
    const char *after;
    size_t max;
    const json_t *names;
    size_t n;
};

static void drop_groups(struct list_arg *a)
{
    for (size_t i = 0; i < a->n; i++)
        log_group_row_done(&a->groups[i]);
    free(SW_TAKE(a->groups));
    a->n = 0;
}

static int list_groups(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    drop_groups(a);
    return log_rows_list_groups(tx, a->c, a->from, a->with_from, LIST_CHUNK, &a->groups, &a->n,
                                err);
}

int log_store_list_groups(struct log_store *s, const struct log_scope *c, const char *prefix,
                          const char *pattern, const char *after, size_t max,
                          int (*fn)(void *ctx, const struct log_group_row *g), void *ctx,
                          struct sw_err *err)
{
    char from[LOG_NAME_MAX + 1];
    const size_t prefix_n = prefix ? strlen(prefix) : 0;
    struct list_arg a = {.c = c, .from = from, .with_from = !after};
    bool go_on = true;
    int r = 0;
    (void)sw_str_copy(sw_str(after ? after : prefix ? prefix : ""), from, sizeof from);
    while (go_on && max > 0 && (r = meta_tx(s->db, META_READ_LONG, list_groups, &a, err)) == 0) {
        go_on = a.n == LIST_CHUNK;
        for (size_t i = 0; i < a.n && max > 0; i++) {
            struct log_group_row *g = &a.groups[i];
            (void)sw_str_copy(sw_str(g->name), from, sizeof from);
            if (prefix_n && strncmp(g->name, prefix, prefix_n) != 0) {
                go_on = false;
                break;
            }
            if (pattern && !strcasestr(g->name, pattern))
                continue;
            g->stored_bytes = log_files_group_bytes(s->files, g->id);
            max--;
            if (fn(ctx, g) != 0)
                max = 0;
        }
        a.with_from = false;
    }
    drop_groups(&a);
    return r;
}

/* --- streams --- */

struct stream_arg {
    struct group_arg g;
    const char *name;
    bool create;
    char new_id[LOG_ID_LEN + 1], id[LOG_ID_LEN + 1];
};

static int create_stream(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct stream_arg *a = arg;
    int r = get_group(tx, &a->g, err);
    return r < 0 ? r : log_rows_add_stream(tx, a->g.row.id, a->new_id, a->name, a->g.now_us, err);
}

static void stream_arg_init(struct stream_arg *a, struct log_store *s, const struct log_scope *c,
                            const char *group, const char *name)
{
    *a = (struct stream_arg){.g = {.c = c, .name = group, .now_us = s->now_us()}, .name = name};
    sw_random_hex(a->new_id, LOG_ID_LEN);
}

int log_store_create_stream(struct log_store *s, const struct log_scope *c, const char *group,
                            const char *name, struct sw_err *err)
{
    struct stream_arg a;
    stream_arg_init(&a, s, c, group, name);
    int r = meta_tx(s->db, META_WRITE, create_stream, &a, err);
    log_group_row_done(&a.g.row);
    return r;
}

static int get_stream(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct stream_arg *a = arg;
    int r = get_group(tx, &a->g, err);
    return r < 0 ? r : log_rows_get_stream(tx, a->g.row.id, a->name, a->id, err);
}

static int delete_stream(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct stream_arg *a = arg;
    int r = get_stream(tx, arg, err);
    return r < 0 ? r : log_rows_delete_stream(tx, a->id, err);
}

int log_store_delete_stream(struct log_store *s, const struct log_scope *c, const char *group,
                            const char *name, struct sw_err *err)
{
    struct stream_arg a;
    struct sw_err e = SW_ERR_INIT;
    stream_arg_init(&a, s, c, group, name);
    int r = meta_tx(s->db, META_WRITE, delete_stream, &a, err);
    if (r == 0)
        removed(log_files_remove_stream(s->files, a.g.row.id, a.id, &e), &e);
    log_group_row_done(&a.g.row);
    return r;
}

static int list_streams(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    free(SW_TAKE(a->streams));
    a->n = 0;
    return log_rows_list_streams(tx, a->group_id, a->from, a->after, a->max, &a->streams, &a->n,
                                 err);
}

static bool is_listed(const struct list_arg *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (sw_streq(a->streams[i].name, name))
            return true;
    return false;
}

/* One by one: a group may have a hundred thousand others. */
static int find_streams(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    const json_t *v;
    size_t i;
    free(a->streams);
    a->n = 0;
    a->streams = sw_calloc(json_array_size(a->names) + 1, sizeof *a->streams);
    json_array_foreach(a->names, i, v) {
        struct sw_err e = SW_ERR_INIT;
        struct log_stream_row *row = &a->streams[a->n];
        const char *name = json_string_value(v);
        if (!name || is_listed(a, name) ||
            log_rows_get_stream(tx, a->group_id, name, row->id, &e) == SW_ENOTFOUND)
            continue;
        if (e.code)
            return sw_err_move(err, &e);
        (void)sw_str_copy(sw_str(name), row->name, sizeof row->name);
        a->n++;
    }
    return 0;
}

static int take_list(int r, struct list_arg *a, struct log_stream_row **ret, size_t *ret_n)
{
    if (r < 0) {
        free(a->streams);
        return r;
    }
    *ret = a->streams;
    *ret_n = a->n;
    return 0;
}

int log_store_list_streams(struct log_store *s, const char *group_id, const char *prefix,
                           const json_t *names, struct log_stream_row **ret, size_t *ret_n,
                           struct sw_err *err)
{
    struct list_arg a = {.group_id = group_id,
                         .from = prefix ? prefix : "",
                         .after = "",
                         .max = INT32_MAX,
                         .names = names};
    return take_list(meta_tx(s->db, META_READ_LONG, names ? find_streams : list_streams, &a, err),
                     &a, ret, ret_n);
}

int log_store_page_streams(struct log_store *s, const char *group_id, const char *prefix,
                           const char *after, size_t max, struct log_stream_row **ret,
                           size_t *ret_n, struct sw_err *err)
{
    struct list_arg a = {.group_id = group_id,
                         .from = prefix ? prefix : "",
                         .after = after ? after : "",
                         .max = max};
    return take_list(meta_tx(s->db, META_READ, list_streams, &a, err), &a, ret, ret_n);
}

int log_store_stream_stat(struct log_store *s, const char *group_id, struct log_stream_row *stream,
                          struct sw_err *err)
{
    return log_files_stat(s->files, group_id, stream->id, &stream->stat, err);
}

/* --- events --- */

static int check_batch(const struct log_event *events, size_t n, struct sw_err *err)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += events[i].message.n + LOG_EVENT_OVERHEAD;
        if (i > 0 && events[i].timestamp_ms < events[i - 1].timestamp_ms)
            return sw_fail(err, SW_EINVALID, INVALID,
                           "Log events in a single PutLogEvents request must be in chronological "
                           "order.");
    }
    if (bytes > LOG_BATCH_BYTES)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "Upload too large: %llu bytes exceeds limit of %d",
                       (unsigned long long)bytes, LOG_BATCH_BYTES);
    return 0;
}

/* Of those that are not left out. */
static int check_span(const struct log_event *events, size_t n, struct sw_err *err)
{
    if (n == 0 || events[n - 1].timestamp_ms - events[0].timestamp_ms <= LOG_BATCH_SPAN_MS)
        return 0;
    return sw_fail(err, SW_EINVALID, INVALID,
                   "The batch of log events in a single PutLogEvents request cannot span more than "
                   "24 hours.");
}

static void count(struct log_store *s, const struct log_event *events, size_t n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += events[i].message.n;
    atomic_fetch_add(&s->events, n);
    atomic_fetch_add(&s->bytes, bytes);
}

int log_store_put(struct log_store *s, const struct log_scope *c, const char *group,
                  const char *stream, const struct log_event *events, size_t n,
                  struct log_rejected *ret, struct sw_err *err)
{
    struct stream_arg a;
    stream_arg_init(&a, s, c, group, stream);
    int r = check_batch(events, n, err);
    if (r == 0)
        r = meta_tx(s->db, META_READ, get_stream, &a, err);
    const int64_t days = a.g.row.retention_days, now = now_ms(s);
    log_group_row_done(&a.g.row);
    if (r < 0)
        return r;
    size_t from = 0, until = n;
    *ret = (struct log_rejected){-1, -1, -1};
    while (from < n && days > 0 && events[from].timestamp_ms < now - days * DAY_MS)
        ret->expired_end = (int64_t)++from;
    while (from < n && events[from].timestamp_ms < now - LOG_TOO_OLD_MS)
        ret->too_old_end = (int64_t)++from;
    while (until > from && events[until - 1].timestamp_ms > now + LOG_TOO_NEW_MS)
        ret->too_new_start = (int64_t)--until;
    r = check_span(events + from, until - from, err);
    if (r < 0 || from == until)
        return r;
    r = log_files_append(s->files, a.g.row.id, a.id, events + from, until - from, NULL, err);
    if (r == 0)
        count(s, events + from, until - from);
    return r;
}

void log_store_count_lost(struct log_store *s, int64_t lines)
{
    if (lines > 0)
        atomic_fetch_add(&s->lost_lines, (uint64_t)lines);
}

void log_store_counts(const struct log_store *s, struct log_store_counts *ret)
{
    *ret = (struct log_store_counts){.events = atomic_load(&s->events),
                                     .bytes = atomic_load(&s->bytes),
                                     .lost_lines = atomic_load(&s->lost_lines)};
}

static int find_or_make(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct stream_arg *a = arg;
    char group_id[LOG_ID_LEN + 1];
    sw_autojson json_t *no_tags = json_object();
    struct sw_err e = SW_ERR_INIT;
    int r = get_group(tx, &a->g, &e);
    if (r == SW_ENOTFOUND && a->create) {
        sw_random_hex(group_id, LOG_ID_LEN);
        sw_err_clear(&e);
        r = log_rows_add_group(tx, a->g.c, group_id, a->g.name, a->g.now_us, no_tags, &e);
        if (r == 0)
            r = get_group(tx, &a->g, &e);
    }
    if (r < 0)
        return sw_err_move(err, &e);
    r = log_rows_get_stream(tx, a->g.row.id, a->name, a->id, &e);
    if (r != SW_ENOTFOUND)
        return r < 0 ? sw_err_move(err, &e) : 0;
    (void)sw_str_copy(sw_str(a->new_id), a->id, sizeof a->id);
    return log_rows_add_stream(tx, a->g.row.id, a->new_id, a->name, a->g.now_us, err);
}

int log_store_put_source(struct log_store *s, const struct log_scope *c, const char *group,
                         const char *stream, bool create_group, const struct log_event *events,
                         size_t n, int64_t *ret_position, struct sw_err *err)
{
    struct stream_arg a;
    struct sw_err e = SW_ERR_INIT;
    stream_arg_init(&a, s, c, group, stream);
    a.create = create_group;
    int r = meta_tx(s->db, META_READ, get_stream, &a, &e);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(&e);
        r = meta_tx(s->db, META_WRITE, find_or_make, &a, &e);
    }
    log_group_row_done(&a.g.row);
    if (r < 0)
        return sw_err_move(err, &e);
    size_t taken = 0;
    if (n > 0)
        r = log_files_append(s->files, a.g.row.id, a.id, events, n, &taken, err);
    if (r == 0)
        count(s, events + (n - taken), taken);
    return r < 0 ? r : log_files_position(s->files, a.g.row.id, a.id, ret_position, err);
}

int log_store_scan(struct log_store *s, const struct log_group_row *g, struct log_scan *q,
                   struct log_page *ret, struct sw_err *err)
{
    q->files = s->files;
    q->group = g->id;
    if (g->retention_days > 0)
        q->from_ms = SW_MAX(q->from_ms, now_ms(s) - g->retention_days * DAY_MS);
    return log_scan(q, ret, err);
}
