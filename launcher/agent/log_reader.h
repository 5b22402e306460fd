/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_reader.h - a container's file of output as events with positions, across restarts of the agent and renewals of
 * the file.
 * A position is the file's generation (how often it was begun anew) and the offset behind the event's line, so positions grow and the
 * same line always has the same one. Pieces of a long line are put together up to LOG_EVENT_MAX; what is no UTF-8 becomes U+FFFD;
 * empty lines are left out. The place where reading goes on lies in the file FOLDER/log-CONTAINER.json.
 * Promise: after log_reader_confirm() the events of the batch are never given again; without it a new reader gives them again, with
 * the same positions.
 * Threads: one. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LOG_EVENT_MAX (256 * 1024 - 26)

struct log_reader;
struct log_reader *log_reader_new(const char *folder, const char *container);
void log_reader_free(struct log_reader *r); /* NULL ok */
/* The next events, [{position, timestamp, message}], not owned; the same list until it was confirmed. NULL: none at present. ended:
 * nothing more is written, so what is left without a newline counts as a line. */
json_t *log_reader_batch(struct log_reader *r, bool ended, struct sw_err *err);
void log_reader_confirm(struct log_reader *r, struct sw_err *err);
/* The container has ended and all of it was confirmed. */
bool log_reader_finished(const struct log_reader *r);
