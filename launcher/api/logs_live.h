/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/logs_live.h - sessions of StartLiveTail: once a second each is sent what was stored since, at most 500 events.
 * There are SESSIONS_MAX places, which callers share (launcher/logs/log_turns.h).
 * One thread for all of them; a session ends when its peer goes, takes too slowly, after three hours, or with the server.
 * Threads: shared freely. */
#include "api/http.h"
#include "launcher/logs/log_pattern.h"
#include "launcher/logs/log_store.h"

#define LOGS_LIVE_GROUPS_MAX 10

struct logs_live;
struct logs_live *logs_live_new(struct log_store *store);
void logs_live_free(struct logs_live *l);  /* NULL ok */
void logs_live_reset(struct logs_live *l); /* ends all */

struct logs_live_request {
    struct log_scope scope;
    const char *caller; /* launcher/logs/log_turns.h's */
    const char *request_id;
    const char *groups[LOGS_LIVE_GROUPS_MAX]; /* names */
    size_t groups_n;
    const json_t *stream_names, *stream_prefixes; /* NULL: all; borrowed */
    const char *filter;                           /* NULL or "": all */
    int64_t now_us;
};
/* *ret: the answer's body, a reference for the answer.
 * SW_ELIMIT "LimitExceededException", SW_EINVALID "InvalidParameterException" (the pattern). */
int logs_live_start(struct logs_live *l, const struct logs_live_request *r,
                    struct http_stream **ret, struct sw_err *err);
