/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/exec_transcript.h - what a session of ExecuteCommand printed, into a log stream that is named after the session.
 * Lines are events; a line of more than EXEC_LINE_MAX bytes is several. At most EXEC_TRANSCRIPT_MAX bytes wait: who adds must stop while
 * it is full, so nothing is lost. Lines that the store refuses are left out and counted, and the first event that it takes again says how
 * many they were. Threads: one adds; the writing runs on a pool. */
#include "base/pool.h"
#include "launcher/logs/log_store.h"
#include "launcher/service/exec_sessions.h"

#define EXEC_LINE_MAX       8192
#define EXEC_TRANSCRIPT_MAX (256 * 1024)

struct exec_transcript_options {
    struct log_store *logs;
    struct sw_pool *pool;
    const struct exec_log_target *target; /* copied */
    /* Something was written, or could not be; on a thread of the pool. */
    void (*wake)(void *ctx);
    void *ctx;
};
struct exec_transcript;
struct exec_transcript *exec_transcript_new(const struct exec_transcript_options *o);
void exec_transcript_add(struct exec_transcript *t, struct sw_str text);
bool exec_transcript_full(struct exec_transcript *t);
/* Hands the lines that are complete to the pool; with last, whatever there is. Nothing while an earlier batch is being written. */
void exec_transcript_flush(struct exec_transcript *t, bool last);
/* Nothing waits and nothing is being written. */
bool exec_transcript_idle(struct exec_transcript *t);
void exec_transcript_free(struct exec_transcript *t); /* idle, or the pool is gone; NULL ok */
