/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/exec_sessions.h - sessions of ExecuteCommand from the call to their end: which agent is to open one, who may join, and
 * how many there are. In memory only: a session is two open connections to this process, so it does not outlive it.
 * Promise: each of the two tokens lets one connection in, once, and only before the session's time to begin is over.
 * Threads: shared freely. */
#include <jansson.h>

#include "launcher/service/launcher.h"

#define EXEC_SESSIONS_MAX          512
#define EXEC_SESSIONS_PER_INSTANCE 32
#define EXEC_SESSION_ID_MAX        48
#define EXEC_SESSION_TOKEN_MAX     48
#define EXEC_JOIN_US               30000000LL /* from the call until both have joined */

enum exec_end { EXEC_END_CLIENT, EXEC_END_AGENT, EXEC_END_MAX_ };

/* Where the transcript goes; group NULL: nowhere. */
struct exec_log_target {
    char *account, *region, *group, *stream;
};

struct exec_session {
    struct exec_session *next;
    char id[EXEC_SESSION_ID_MAX];
    char tokens[EXEC_END_MAX_][EXEC_SESSION_TOKEN_MAX];
    bool joined[EXEC_END_MAX_];
    char instance_id[ARN_ID_LEN + 1];
    char task_arn[ARN_MAX];
    char *principal_arn, *container;
    json_t *request; /* as the agent gets it */
    int64_t created_us, delivered_us;
    struct exec_log_target log;
};
void exec_session_free(struct exec_session *s); /* NULL ok */

struct exec_sessions;
struct exec_sessions *exec_sessions_new(void);
void exec_sessions_free(struct exec_sessions *t); /* NULL ok */

/* Takes s. False, and still the caller's: there are too many, of this instance or at all. */
bool exec_sessions_add(struct exec_sessions *t, struct exec_session *s);
/* Whether the agent of this instance should be told of one. */
bool exec_sessions_waiting(struct exec_sessions *t, const char *instance_id, int64_t now_us);
/* Those it has not joined, into the list; one that it does not join is told of again after a moment. */
void exec_sessions_deliver(struct exec_sessions *t, const char *instance_id, int64_t now_us,
                           json_t *list);
/* One that somebody may still join. */
bool exec_sessions_open(struct exec_sessions *t, const char *id);
/* Uses up the token. SW_EDENIED. */
int exec_sessions_join(struct exec_sessions *t, const char *id, const char *token, int64_t now_us,
                       enum exec_end *ret_end, struct sw_err *err);
/* Borrowed, until it is taken: whoever joined last has it. NULL: there is none. */
const struct exec_session *exec_sessions_find(struct exec_sessions *t, const char *id);
/* Takes a session out, the caller's then; NULL: there is none. */
struct exec_session *exec_sessions_take(struct exec_sessions *t, const char *id);
/* Takes out those that somebody did not join in time, and that nobody joined: nobody holds them. */
void exec_sessions_expire(struct exec_sessions *t, int64_t now_us);
