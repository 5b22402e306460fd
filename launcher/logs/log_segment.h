/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_segment.h - the format of one segment file: a header, then frames, one for each batch that was put.
 *   header  "SWLOG1\n\0", the stream's position before this segment, the time of its making (ms), a check sum
 *   frame   mark, bytes, check sum, number of events, time of ingestion (ms), position after it; then for each event its timestamp
 *           (ms), length and bytes
 *   footer  a frame with another mark, when nothing more is to come: what a look at the whole file would tell
 * A frame counts whole or not at all. Numbers are in the machine's byte order. Threads: no state. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define LOG_POSITION_NONE    (-1)
#define LOG_SEGMENT_BATCH    (16 * 1024 * 1024) /* one frame at most */
#define LOG_SEGMENT_FILE_MAX (64 * 1024 * 1024)

struct log_event {
    int64_t timestamp_ms, ingestion_ms;
    uint64_t sequence;     /* of the stream: number of the segment, offset in it */
    int64_t position;      /* of the source, or LOG_POSITION_NONE; only for what is put */
    struct sw_str message; /* borrowed */
};

struct log_segment_info {
    uint32_t number;
    int64_t made_ms;
    int64_t bytes;          /* of whole frames; what follows is torn */
    int64_t min_ms, max_ms; /* of events; min > max: there is none */
    int64_t last_ingestion_ms;
    int64_t position; /* of the stream after this segment */
    uint64_t events;
    bool sealed; /* nothing is appended any more */
};

/* Appends to buf. */
void log_segment_header(struct sw_buf *buf, int64_t made_ms, int64_t position);
void log_segment_frame(struct sw_buf *buf, const struct log_event *events, size_t n,
                       int64_t ingestion_ms, int64_t position);
void log_segment_footer(struct sw_buf *buf, const struct log_segment_info *info);
/* An empty segment of that number. */
void log_segment_begin(struct log_segment_info *ret, uint32_t number, int64_t made_ms,
                       int64_t position);
/* What a frame that was appended changes. */
void log_segment_note(struct log_segment_info *info, const struct log_event *events, size_t n,
                      int64_t ingestion_ms, int64_t position, size_t frame_bytes);

/* What is in the file. From the footer if it has one, else by reading all of it; a segment with a torn or damaged end is sealed
 * before it. SW_EMISMATCH: it has no header, so nothing in it was ever acknowledged. */
int log_segment_look(int dir_fd, uint32_t number, struct log_segment_info *ret, struct sw_err *err);

/* All of a file, whatever its footer says. what: "" or what is wrong with it. SW_ENOTFOUND: the file is gone. */
struct log_segment_check {
    struct log_segment_info info; /* of the frames that are whole */
    int64_t position_before;
    char what[160];
};
int log_segment_verify(int dir_fd, uint32_t number, struct log_segment_check *ret,
                       struct sw_err *err);

/* Calls fn for each event of the first info->bytes bytes, in the order of the file; it ends early when fn returns false.
 * SW_ENOTFOUND: the file is gone. */
typedef bool (*log_segment_fn)(void *ctx, const struct log_event *event);
int log_segment_read(int dir_fd, const struct log_segment_info *info, log_segment_fn fn, void *ctx,
                     struct sw_err *err);

#define LOG_SEGMENT_NAME_MAX 24
void log_segment_name(uint32_t number, char out[LOG_SEGMENT_NAME_MAX]);
bool log_segment_number(const char *name, uint32_t *ret);
