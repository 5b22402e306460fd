/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_store.h - log groups, log streams and their events, as CloudWatch Logs has them.
 * Owns: the rows of groups and streams, and the files of their events (log_files.h). Knows no principals: the caller asked may().
 * Promise: events that were acknowledged survive a loss of power. What carries positions (an agent's lines) is taken once, however
 * often it is sent.
 * Threads: shared freely. Times are milliseconds since the epoch, as on the wire.
 * Expected errors: SW_ENOTFOUND "ResourceNotFoundException", SW_ECONFLICT "ResourceAlreadyExistsException", SW_EINVALID
 * "InvalidParameterException". */
#include <jansson.h>

#include "launcher/logs/log_scan.h"
#include "storage/meta/meta.h"

#define LOG_NAME_MAX       512 /* characters of a name of a group or stream */
#define LOG_BATCH_BYTES    1048576
#define LOG_BATCH_EVENTS   10000
#define LOG_EVENT_OVERHEAD 26
#define LOG_BATCH_SPAN_MS  86400000LL
#define LOG_TOO_NEW_MS     7200000LL
#define LOG_TOO_OLD_MS     (14 * 86400000LL)

struct log_store_options {
    struct meta_db *db;
    const char *dir;                          /* DATA/logs */
    int64_t group_bytes_max, total_bytes_max; /* 0: none */
    int64_t (*now_us)(void);                  /* NULL: the clock */
};
struct log_store;
int log_store_open(const struct log_store_options *o, struct log_store **ret, struct sw_err *err);
void log_store_free(struct log_store *s);
/* Removes what retention says is over. Call now and then. */
int log_store_expire(struct log_store *s, struct sw_err *err);
/* After all rows were removed: the events too. */
int log_store_reset(struct log_store *s, struct sw_err *err);

struct log_scope {
    const char *account, *region;
};

struct log_group_row {
    char id[LOG_ID_LEN + 1];
    char name[LOG_NAME_MAX + 1];
    int64_t created_ms, retention_days, stored_bytes;
    json_t *tags; /* owned */
};
void log_group_row_done(struct log_group_row *g);

/* 1 to 512 of A-Z a-z 0-9 . - _ / #; 1 to 512 without : and *. */
bool log_group_name_valid(const char *name);
bool log_stream_name_valid(const char *name);

int log_store_create_group(struct log_store *s, const struct log_scope *c, const char *name,
                           const json_t *tags, struct sw_err *err);
int log_store_get_group(struct log_store *s, const struct log_scope *c, const char *name,
                        struct log_group_row *ret, struct sw_err *err);
int log_store_delete_group(struct log_store *s, const struct log_scope *c, const char *name,
                           struct sw_err *err);
/* In the order of names, those after `after` (NULL: from the first) that begin with prefix and contain pattern (NULL: any). */
int log_store_list_groups(struct log_store *s, const struct log_scope *c, const char *prefix,
                          const char *pattern, const char *after, size_t max,
                          int (*fn)(void *ctx, const struct log_group_row *g), void *ctx,
                          struct sw_err *err);
int log_store_set_retention(struct log_store *s, const struct log_scope *c, const char *name,
                            int64_t days, struct sw_err *err);
int log_store_set_tags(struct log_store *s, const struct log_scope *c, const char *name,
                       const json_t *add, const json_t *remove_keys, struct sw_err *err);

struct log_stream_row {
    char id[LOG_ID_LEN + 1];
    char name[LOG_NAME_MAX + 1];
    int64_t created_ms;
    struct log_files_stat stat;
};
int log_store_create_stream(struct log_store *s, const struct log_scope *c, const char *group,
                            const char *name, struct sw_err *err);
int log_store_delete_stream(struct log_store *s, const struct log_scope *c, const char *group,
                            const char *name, struct sw_err *err);
/* All streams whose names begin with prefix (NULL: all), by name; with names those of them that there are, in their order, without the
 * time of creation and whatever the prefix. The caller frees *ret. */
int log_store_list_streams(struct log_store *s, const char *group_id, const char *prefix,
                           const json_t *names, struct log_stream_row **ret, size_t *ret_n,
                           struct sw_err *err);
/* By name: those after `after` (NULL: from the first), at most max. */
int log_store_page_streams(struct log_store *s, const char *group_id, const char *prefix,
                           const char *after, size_t max, struct log_stream_row **ret,
                           size_t *ret_n, struct sw_err *err);
int log_store_stream_stat(struct log_store *s, const char *group_id, struct log_stream_row *stream,
                          struct sw_err *err);

struct log_rejected {
    int64_t too_new_start, too_old_end, expired_end; /* -1: none */
};
/* PutLogEvents. Events in the order of time; what is too old or too new is left out and said in *ret. */
int log_store_put(struct log_store *s, const struct log_scope *c, const char *group,
                  const char *stream, const struct log_event *events, size_t n,
                  struct log_rejected *ret, struct sw_err *err);
/* What an agent sends: any order, each event with its position; those that were taken before are left out. Makes the stream, and with
 * create_group the group, when they are missing. *ret_position: everything up to it is stored. */
int log_store_put_source(struct log_store *s, const struct log_scope *c, const char *group,
                         const char *stream, bool create_group, const struct log_event *events,
                         size_t n, int64_t *ret_position, struct sw_err *err);

/* Lines of containers that were not sent because their buffer was full: only counted. */
void log_store_count_lost(struct log_store *s, int64_t lines);
struct log_store_counts {
    uint64_t events, bytes, lost_lines; /* since the start: stored, of messages; lost */
};
void log_store_counts(const struct log_store *s, struct log_store_counts *ret);

/* A scan's files, group and range below retention are filled in; the rest is the caller's. */
int log_store_scan(struct log_store *s, const struct log_group_row *g, struct log_scan *q,
                   struct log_page *ret, struct sw_err *err);
