/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_check.h - reads every segment of every stream below a folder and says what is wrong: headers and frames whose sums
 * do not fit, footers that tell something else than the frames, positions that do not follow each other.
 * What a crash leaves is not wrong: the last frame of a segment that is not whole was never acknowledged.
 * May run beside a server that appends. Threads: no state. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct log_check_options {
    const char *dir; /* DATA/logs */
    /* file: "GROUP-ID/STREAM-ID/NNNNNNNNNN.log" */
    void (*found)(void *ctx, const char *file, const char *what);
    void *ctx;
    const atomic_bool *cancelled; /* may be NULL */
};
struct log_check_counts {
    uint64_t segments, bytes, events, findings;
};
/* Adds to *ret. A folder that is missing holds nothing. */
int log_check(const struct log_check_options *o, struct log_check_counts *ret, struct sw_err *err);
