/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/log_spool.h - the files of a container's output that were not read to their end yet.
 * conmon writes one file and begins it anew when it is full; the old one would be gone. The spool gives each file a second name, its
 * generation (log.0000000000, log.0000000001, ...), so that it stays until it was read, also while no agent runs.
 * Promise: a file that was seen once is there until log_spool_read_to passed it or log_spool_trim gave it up, which is counted.
 * Not seen is what was begun anew twice between two looks: with nobody looking, that is what is lost without a count.
 * Threads: shared by one that reads and one that looks. */
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
struct log_lost {
    int64_t lines, bytes;
};
/* What log_spool_trim gave up since the last log_spool_forget. */
struct log_lost log_spool_lost(struct log_spool *s);
void log_spool_forget(struct log_spool *s);
/* Lines that begin in the file from there on, and where they end (until: -1 for the end of the file). */
int log_spool_count(int fd, int64_t from, int64_t until, struct log_lost *ret, int64_t *ret_end,
                    struct sw_err *err);
