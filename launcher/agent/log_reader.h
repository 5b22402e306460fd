/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_reader.h - a container's file of output as events with positions, across restarts of the agent and renewals of
 * the file.
 * A position is the file's generation (log_spool.h) and the offset behind the event's line, so positions grow and the same event
 * always has the same one. Pieces of a long line are put together up to LOG_EVENT_MAX; what is no UTF-8 becomes U+FFFD; empty lines
 * are left out. With first_line an event is a line that has it and the ones behind it that have not, joined by newlines: it ends with
 * the next such line, or after five seconds without one. The place where reading goes on lies in the file FOLDER/log-CONTAINER.json.
 * Promise: after log_reader_confirm() the events of the batch are never given again; without it a new reader gives them again, with
 * the same positions. What the buffer has no room for is left out, and an event in its place says how much that was; so does one where
 * output was lost while no agent ran (log_spool.h).
 * Threads: one; its spool may be looked after by another. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "launcher/agent/log_spool.h"

#define LOG_EVENT_MAX (256 * 1024 - 26)

struct log_reader_options {
    const char *folder, *container;
    int64_t buffer_bytes;   /* what may wait to be read; 0: any size */
    int64_t away_bytes;     /* and besides, of what waited when this process first looked */
    const char *first_line; /* regular expression; NULL: each line is an event */
};
struct log_reader;
int log_reader_new(const struct log_reader_options *o, struct log_reader **ret, struct sw_err *err);
void log_reader_free(struct log_reader *r); /* NULL ok */
struct log_spool *log_reader_spool(struct log_reader *r);
/* The next events, [{position, timestamp, message}] and "error": true for those of standard error, not owned; the same list until it
 * was confirmed. NULL: none at present. ended: nothing more is written, so what is left without a newline counts as a line. */
json_t *log_reader_batch(struct log_reader *r, bool ended, struct sw_err *err);
/* Of the batch: lines that are not in it because the buffer had no room. */
int64_t log_reader_lost(const struct log_reader *r);
/* Of those: whether some were written while nobody looked, so that how many is not known; they count as one. */
bool log_reader_unseen(const struct log_reader *r);
void log_reader_confirm(struct log_reader *r, struct sw_err *err);
/* The container has ended and all of it was confirmed. */
bool log_reader_finished(const struct log_reader *r);
