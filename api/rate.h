/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/rate.h - how many requests a caller may make: a token bucket for each principal, for each peer address while there is no
 * principal (an IPv6 peer counts by its /64, which is what one customer gets).
 * Memory is fixed: RATE_BUCKETS callers. When more come at once, the bucket that is nearest to full is given away, which errs on
 * the side of its owner.
 * Threads: shared freely; callers with different buckets rarely meet on a lock.
 * Expected errors: SW_ELIMIT with the reason ThrottlingException (429 TOOMANYREQUESTS at /v2/). */
#include <stdint.h>

#include "api/http.h"

#define RATE_BUCKETS 16384

struct rate_options {
    int64_t per_second;      /* > 0 */
    int64_t burst;           /* requests that may come at once; 0: as many as per_second */
    int64_t (*now_us)(void); /* monotonic; NULL: sw_mono_us */
};

struct rate_limiter;
struct rate_limiter *rate_new(const struct rate_options *o);
void rate_free(struct rate_limiter *l);
/* Takes one token of req->principal, of req->peer_ip when that is anonymous. When none is left: SW_ELIMIT, and Retry-After on
 * `res`. A NULL limiter lets everything pass. */
int rate_take(struct rate_limiter *l, const struct http_req *req, struct http_res *res,
              struct sw_err *err);
/* The same for a request whose authentication may have failed with *err: refusals count too, by address, and being too fast
 * replaces what failed before. Returns err->code. */
int rate_take_any(struct rate_limiter *l, const struct http_req *req, struct http_res *res,
                  struct sw_err *err);
