/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/exec_relay.h - the streams of ExecuteCommand: WebSocket connections at /v1/data-channel/SESSION that are paired, a client's
 * with an agent's, and their messages handed from one to the other.
 * Owns: every connection that was upgraded, until it is closed.
 * Promise: what is handed on is a message of the data channel that this end may send; what waits for an end that does not read is
 * bounded, and then nothing more is read from the other; both ends are told when one is gone.
 * Threads: one of its own moves all bytes; start, stop and the service's callbacks may be called from any. See docs/internals/exec.md. */
#include "api/http.h"
#include "launcher/logs/log_store.h"
#include "launcher/service/exec_sessions.h"

#define EXEC_RELAY_PATH "/v1/data-channel/"

struct exec_relay_options {
    struct exec_sessions *sessions;
    struct log_store *logs; /* NULL: no transcripts */
    int64_t
        idle_ms; /* a session in which nothing is typed or printed for so long ends; 0: 20 min */
};
struct exec_relay;
int exec_relay_start(const struct exec_relay_options *o, struct exec_relay **ret,
                     struct sw_err *err);
struct http_service exec_relay_service(struct exec_relay *r);
struct exec_relay_counts {
    int64_t open;  /* sessions that have both ends */
    int64_t begun; /* since the start */
};
void exec_relay_count(struct exec_relay *r, struct exec_relay_counts *ret);
/* Ends all sessions and takes no more; before the listener stops. */
void exec_relay_stop(struct exec_relay *r);
void exec_relay_free(struct exec_relay *r); /* after the listener; NULL ok */
