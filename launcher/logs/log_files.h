/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_files.h - the events of streams, in segment files below DIR/GROUP-ID/STREAM-ID/.
 * Owns: bytes and what is known of them in memory. Knows no names, accounts or times of retention.
 * Promise: when log_files_append returned 0 its events survive a crash and a loss of power; an append that failed left either all
 * of them or none. Removing is by whole segments, oldest first; what is above the caps goes from the largest group's largest stream,
 * so that one noisy stream does not push out its neighbours.
 * Threads: shared freely; appends to one stream wait for each other, reads wait for nobody's disk.
 * Expected errors: SW_ENOTFOUND (the stream was removed), SW_ELIMIT "DiskFull". */
#include <stdbool.h>
#include <stdint.h>

#include "launcher/logs/log_segment.h"

#define LOG_ID_LEN 32 /* lower-case hex digits, of groups and of streams */

struct log_files_options {
    const char *dir;
    int64_t segment_bytes;   /* 0: 4 MiB */
    int64_t group_bytes_max; /* 0: none */
    int64_t total_bytes_max; /* 0: none */
    int64_t (*now_ms)(void); /* NULL: the clock */
    /* Is that folder's group and stream (NULL: the group alone) known? Others are removed at the start. NULL: all are. */
    bool (*known)(void *ctx, const char *group, const char *stream);
    void *ctx;
    /* Is the stream known now? Asked when the first events of one are to be stored. NULL: all are. */
    bool (*exists)(void *ctx, const char *group, const char *stream);
    void *exists_ctx;
};

struct log_files;
int log_files_open(const struct log_files_options *o, struct log_files **ret, struct sw_err *err);
void log_files_free(struct log_files *f);

/* Events in the order given. With positions: those at or before the stream's position are left out, as they are there already.
 * *ret_taken: how many were appended (may be NULL). */
int log_files_append(struct log_files *f, const char *group, const char *stream,
                     const struct log_event *events, size_t n, size_t *ret_taken,
                     struct sw_err *err);
/* LOG_POSITION_NONE for a stream that is new. */
int log_files_position(struct log_files *f, const char *group, const char *stream, int64_t *ret,
                       struct sw_err *err);

struct log_files_stat {
    int64_t bytes, first_ms, last_ms, last_ingestion_ms;
    uint64_t events; /* 0: first_ms and last_ms say nothing */
};
int log_files_stat(struct log_files *f, const char *group, const char *stream,
                   struct log_files_stat *ret, struct sw_err *err);
int64_t log_files_group_bytes(struct log_files *f, const char *group);
int64_t log_files_bytes(struct log_files *f);

/* A copy of what a stream's segments are now; the caller frees *ret. */
int log_files_segments(struct log_files *f, const char *group, const char *stream,
                       struct log_segment_info **ret, size_t *ret_n, struct sw_err *err);
/* A segment that was removed meanwhile has no events. */
int log_files_read(struct log_files *f, const char *group, const char *stream,
                   const struct log_segment_info *segment, log_segment_fn fn, void *ctx,
                   struct sw_err *err);

/* Segments whose events are all older. */
int log_files_expire(struct log_files *f, const char *group, int64_t before_ms, struct sw_err *err);
int log_files_remove_stream(struct log_files *f, const char *group, const char *stream,
                            struct sw_err *err);
int log_files_remove_group(struct log_files *f, const char *group, struct sw_err *err);
/* Everything: the folder is as when it was made. */
int log_files_remove_all(struct log_files *f, struct sw_err *err);
