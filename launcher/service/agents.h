/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/agents.h - what is known of agents only while they talk: who polls, who waits, which logs are asked for.
 * Nothing here survives a restart, and nothing need: an agent polls again, a reader of logs asks again.
 * Threads: shared freely. Nobody is called back from here: functions hand out what has to be answered, detached, and the
 * caller answers it without a lock. */
#include "launcher/service/launcher.h"

struct agents;
/* here_us: an agent that was heard within this time is connected. now_us: what was not heard of counts as away since then. */
struct agents *agents_new(int64_t here_us, int64_t now_us);
/* From now on the clock that now_us is of may be set: what was noted by it moves along, so that nobody is away for it and nobody waits
 * longer. mono_us: one that runs evenly. Without this the clock is taken to do so. */
void agents_follow_clock(struct agents *a, int64_t (*mono_us)(void), int64_t now_us);
void agents_free(struct agents *a); /* nothing may wait any more */
/* Another server heard of them until now: nobody counts as away since before. */
void agents_count_from(struct agents *a, int64_t now_us);

struct agents_waiter {
    struct agents_waiter *next;
    struct launcher_poll poll;
    int64_t deadline_us;
    launcher_done_fn done;
    void *ctx;
};

struct agents_log {
    struct agents_log *next;
    char request_id[37];
    char instance_id[ARN_ID_LEN + 1];
    json_t *request; /* as the agent gets it */
    bool delivered;
    int64_t deadline_us;
    launcher_done_fn done;
    void *ctx;
};
void agents_log_free(struct agents_log *q);

/* An agent asked: it is connected. Returns the generation to compare with later; *ret_logs: a log request waits for it. */
uint64_t agents_polled(struct agents *a, const char *instance_id, int64_t now_us, bool *ret_logs);
size_t agents_count(struct agents *a, int64_t now_us); /* that are connected */
bool agents_connected(struct agents *a, const char *instance_id, int64_t now_us);
/* The same, and of one that registered before this server began: until it had the time to be heard it counts as connected, as it may have
 * been heard a moment before. Who asks for a task right after a restart is not refused. */
bool agents_presumed(struct agents *a, const char *instance_id, int64_t registered_us,
                     int64_t now_us);
/* How long it has said nothing; 0 while it is connected. */
int64_t agents_away_us(struct agents *a, const char *instance_id, int64_t now_us);
/* What an instance said that it uses; usage is taken. agents_usage: a copy, the caller's, or NULL. each: those heard of since then,
 * under the lock, so fn must be short. */
void agents_set_usage(struct agents *a, const char *instance_id, json_t *usage, int64_t now_us);
json_t *agents_usage(struct agents *a, const char *instance_id, int64_t *ret_at_us);
typedef void (*agents_usage_fn)(void *ctx, const char *instance_id, const json_t *usage);
void agents_each_usage(struct agents *a, int64_t since_us, agents_usage_fn fn, void *ctx);
/* It was deregistered: what it said that it uses is dropped, and it is not connected. forget: nothing is kept of these ids. */
void agents_retired(struct agents *a, const char *instance_id);
void agents_forget(struct agents *a, const json_t *instance_ids);
/* Parks the waiter, taken; false (and still the caller's) when something changed since its generation. */
bool agents_park(struct agents *a, struct agents_waiter *w);
/* Something changed for the instance: whoever waits is handed out. NULL: for all instances, and all connections are forgotten.
 * An agent that waited was heard at now_us. */
struct agents_waiter *agents_changed(struct agents *a, const char *instance_id, int64_t now_us);
/* Whoever waits for this instance, though nothing changed. */
struct agents_waiter *agents_superseded(struct agents *a, const char *instance_id, int64_t now_us);
struct agents_waiter *agents_due(struct agents *a, int64_t now_us);

/* Queues it, taken; false (and still the caller's) when too many wait. */
bool agents_log_add(struct agents *a, struct agents_log *q);
/* Requests that this instance has not got yet; each is delivered once to an agent. */
void agents_log_deliver(struct agents *a, const char *instance_id, json_t *list);
/* Those that were delivered and not answered are delivered once more. */
void agents_log_redeliver(struct agents *a, const char *instance_id);
struct agents_log *agents_log_take(struct agents *a, const char *instance_id,
                                   const char *request_id);
struct agents_log *agents_log_due(struct agents *a, int64_t now_us); /* INT64_MAX: all */
