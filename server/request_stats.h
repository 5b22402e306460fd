/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/request_stats.h - how many requests, how long, how many bytes: by route, method and status.
 * Owns: one series for each combination that was seen, at most REQUEST_SERIES_MAX; whatever comes beyond that is counted as the
 * route "other". Labels never come from a peer: routes are our own names, an unknown method is OTHER.
 * Promise: counting takes no lock and allocates only when a combination is seen for the first time.
 * Threads: shared freely. */
#include <stdint.h>

#include "api/http.h"
#include "base/buf.h"

#define REQUEST_SERIES_MAX 1024

struct request_stats;
struct request_stats *request_stats_new(void);
void request_stats_free(struct request_stats *s); /* NULL ok; nobody may count any more */

void request_stats_count(struct request_stats *s, const char *route, enum http_method method,
                         int status, uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us);
/* The families slipway_http_*, sorted by route. */
void request_stats_text(const struct request_stats *s, struct sw_buf *b);
