/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/logs.h - containers' output from the files that conmon writes ("TIME stdout|stderr F|P TEXT" lines).
 * A cursor is where a reader is: for each container the file's inode and a byte offset; a file that was rotated meanwhile is read
 * from its start. Cursors come from peers and are parsed strictly. Threads: no state. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define LOG_CURSOR_MAX 8192

struct log_line {
    int64_t timestamp_us;
    bool err_stream, partial;
    struct sw_str text; /* borrowed from the line */
};
/* One line without its newline. Pure. */
bool log_line_parse(struct sw_str line, struct log_line *ret);

struct log_request {
    const char *task_dir;
    const char *const *containers; /* NULL-terminated: all that the task has */
    const char *container;         /* NULL: all */
    const char *cursor;            /* NULL or "": from the start */
    int64_t max_bytes;
};
/* Records as in SubmitLogs, ordered by time, and the next cursor. *ret_drained: nothing more is in the files now.
 * SW_EINVALID "InvalidParameterException" for a cursor that is none. */
int logs_read(const struct log_request *r, json_t **ret_records, char ret_cursor[LOG_CURSOR_MAX],
              bool *ret_drained, struct sw_err *err);
