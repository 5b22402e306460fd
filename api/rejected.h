/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/rejected.h - the latest requests whose signature was wrong, as this server read them: for `slipway debug sigv4`.
 * Owns: at most REJECTED_MAX entries, in memory only, the oldest go first; texts beyond REJECTED_TEXT_MAX are not kept. An entry
 * holds headers of the request, but no secret key and no body.
 * Threads: shared freely. */
#include <stdint.h>

#include "api/http.h"
#include "auth/sigv4.h"

#define REJECTED_MAX      64
#define REJECTED_TEXT_MAX 16384

struct rejected_log;
struct rejected_log *rejected_new(void);
void rejected_free(struct rejected_log *l); /* NULL ok */
void rejected_note(struct rejected_log *l, const struct http_req *req,
                   const struct sigv4_request *signed_request, int64_t now_us,
                   const struct sw_err *why);

struct rejected {
    char request_id[37], access_key_id[33], peer_ip[46];
    int64_t at_us;
    char *message, *canonical, *string_to_sign;
};
/* Newest first. `fn` runs under the log's lock. */
void rejected_each(struct rejected_log *l, void (*fn)(void *ctx, const struct rejected *r),
                   void *ctx);
