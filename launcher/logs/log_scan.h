/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_scan.h - pages of events out of many streams, in the order of time.
 * Order: timestamp, then the stream, then where it is stored. A key says a place in it; a page begins after or before one.
 * Bounded: events, bytes of messages, bytes that are looked at, time (then the page is short, maybe empty, and not the last).
 * Threads: no state. */
#include "launcher/logs/log_files.h"

struct log_key {
    int64_t timestamp_ms;
    uint64_t stream, sequence; /* stream: the first 16 hex digits of its id */
};

struct log_scan_stream {
    const char *id, *name;
};

struct log_scan {
    struct log_files *files;
    const char *group;
    const struct log_scan_stream *streams;
    size_t streams_n;
    int64_t from_ms, until_ms;   /* until is not included */
    const struct log_key *after; /* forwards: only what follows it; NULL: from the start */
    const struct log_key
        *before; /* backwards, if not NULL or `backwards`: the last ones before it */
    bool backwards;
    int64_t ingested_from_ms, ingested_until_ms; /* of the time of ingestion; until 0: any */
    size_t events_max;
    int64_t bytes_max, look_max;                      /* look_max: 0 for no bound */
    int64_t look_until_ms;                            /* sw_mono_ms(); 0: no bound */
    bool (*wanted)(void *ctx, struct sw_str message); /* NULL: all are */
    void *ctx;
    bool costly; /* forwards: look_until_ms ends also what must be looked at, as it is asked */
};

struct log_found {
    size_t stream; /* index */
    struct log_key key;
    int64_t ingestion_ms;
    char *message;
    size_t message_n;
};

struct log_page {
    struct log_found *events; /* ascending, also backwards */
    size_t n;
    bool more;           /* something may follow (or precede) in the range */
    struct log_key next; /* forwards and more: where the next page begins */
};
int log_scan(const struct log_scan *q, struct log_page *ret, struct sw_err *err);
void log_page_done(struct log_page *p);
