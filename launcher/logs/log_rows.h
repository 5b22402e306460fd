/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_rows.h - rows of log groups and log streams; inside a transaction. Internal to launcher/logs.
 * Expected errors: those of log_store.h. */
#include "launcher/logs/log_store.h"

int log_rows_get_group(struct meta_tx *tx, const struct log_scope *c, const char *name,
                       struct log_group_row *ret, struct sw_err *err);
int log_rows_add_group(struct meta_tx *tx, const struct log_scope *c, const char *id,
                       const char *name, int64_t now_us, const json_t *tags, struct sw_err *err);
int log_rows_delete_group(struct meta_tx *tx, const char *id, struct sw_err *err);
int log_rows_set_retention(struct meta_tx *tx, const char *id, int64_t days, struct sw_err *err);
int log_rows_set_tags(struct meta_tx *tx, const char *id, const json_t *tags, struct sw_err *err);
/* By name, those after `from` (with_from: it too); the list is appended to, the caller frees it also after an error. */
int log_rows_list_groups(struct meta_tx *tx, const struct log_scope *c, const char *from,
                         bool with_from, size_t max, struct log_group_row **ret, size_t *ret_n,
                         struct sw_err *err);
int log_rows_add_stream(struct meta_tx *tx, const char *group_id, const char *id, const char *name,
                        int64_t now_us, struct sw_err *err);
int log_rows_get_stream(struct meta_tx *tx, const char *group_id, const char *name,
                        char ret_id[LOG_ID_LEN + 1], struct sw_err *err);
/* 1 or 0. */
int log_rows_has_stream(struct meta_tx *tx, const char *group_id, const char *id,
                        struct sw_err *err);
int log_rows_delete_stream(struct meta_tx *tx, const char *id, struct sw_err *err);
/* By name, those that begin with `from`. */
int log_rows_list_streams(struct meta_tx *tx, const char *group_id, const char *from,
                          const char *after, size_t max, struct log_stream_row **ret, size_t *ret_n,
                          struct sw_err *err);
/* {"ID": true} of every group and stream; {"ID": days} of groups with a retention. */
int log_rows_all_ids(struct meta_tx *tx, json_t *ret, struct sw_err *err);
int log_rows_with_retention(struct meta_tx *tx, json_t *ret, struct sw_err *err);
