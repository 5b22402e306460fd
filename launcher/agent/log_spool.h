/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_spool.h - the files of a container's output that were not read to their end yet.
 * conmon writes one file and begins it anew when it is full; the old one would be gone. The spool gives each file a second name, its
 * generation (log.0000000000, log.0000000001, ...), so that it stays until it was read, also while no agent runs.
 * Promise: a file that was seen once is there until log_spool_read_to passed it or log_spool_trim gave it up, which is counted.
 * Not seen is a file that was begun anew before anybody looked at it. That this happened is seen, though not how much it was: conmon
 * takes the name from a file in the moment in which it writes the next one's first line, so the first line of the file that has the name
 * now is not later than the last change of the one before it, unless there were others between (log_spool_is_next).
 * Threads: shared by one that reads and one that looks; another spool of the same container may look, too: they agree by the links. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct log_spool;
/* FOLDER/containers/CONTAINER/log, and what FOLDER/log-CONTAINER.json says of the place where reading goes on. */
struct log_spool *log_spool_new(const char *folder, const char *container);
void log_spool_free(struct log_spool *s); /* NULL ok */

/* Sees whether the file was begun anew. Call often. */
int log_spool_look(struct log_spool *s, struct sw_err *err);
/* The first file whose generation is at least `from`. 1: there is none. */
int log_spool_open(struct log_spool *s, int64_t from, int64_t *ret_generation, uint64_t *ret_inode,
                   int *ret_fd, struct sw_err *err);
bool log_spool_has_newer(struct log_spool *s, int64_t generation);
/* Everything before it was dealt with: older files go, and of a large one the space of its beginning. */
void log_spool_read_to(struct log_spool *s, int64_t generation, int64_t offset);
/* Bytes behind that place. */
int64_t log_spool_unread(struct log_spool *s);

/* Gives up whole files between the one that is read and the one that is written, oldest first, as long as more than max_bytes are left. */
void log_spool_trim(struct log_spool *s, int64_t max_bytes);
/* Does a file, the first line of which is of that time, follow the one that lost its name at that time? */
bool log_spool_is_next(int64_t first_line_us, int64_t renamed_us, int64_t now_us);
/* How much may wait where otherwise max_bytes may: besides, at most away_bytes, what is still left of what waited at this spool's
 * first look: it came while no agent ran. */
int64_t log_spool_room(struct log_spool *s, int64_t max_bytes, int64_t away_bytes);
struct log_lost {
    int64_t lines, bytes;
    int64_t unseen; /* how many times output was lost that nobody saw */
};
/* Was output lost right before that file? Said once: log_spool_said. */
bool log_spool_follows_a_gap(struct log_spool *s, int64_t generation);
void log_spool_said(struct log_spool *s, int64_t generation);
/* What log_spool_trim gave up since the last log_spool_forget. */
struct log_lost log_spool_lost(struct log_spool *s);
void log_spool_forget(struct log_spool *s);
/* Lines that begin in the file from there on, and where they end (until: -1 for the end of the file). */
int log_spool_count(int fd, int64_t from, int64_t until, struct log_lost *ret, int64_t *ret_end,
                    struct sw_err *err);
