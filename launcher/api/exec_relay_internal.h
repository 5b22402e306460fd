/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/exec_relay_internal.h - shared by exec_relay.c (thread, connections) and exec_relay_link.c (sessions). */
#include <pthread.h>
#include <stdatomic.h>

#include "base/websocket.h"
#include "launcher/api/exec_relay.h"
#include "launcher/api/exec_transcript.h"
#include "launcher/model/exec_message.h"

#define RELAY_FRAME_MAX (EXEC_MESSAGE_MAX + 64)
#define RELAY_OUT_HIGH  (64 * 1024) /* more waits for an end: nothing is read for it */
#define RELAY_OUT_MAX   (256 * 1024)
#define RELAY_READ      (16 * 1024)

struct relay_link;
struct relay_conn {
    struct relay_conn *next;
    struct exec_relay *relay;
    struct http_upgraded *handle;
    int fd;
    struct ws_reader reader;
    struct sw_buf in, out; /* read and not looked at; not sent */
    size_t in_at, sent;
    char session_id[EXEC_SESSION_ID_MAX];
    struct relay_link *link; /* NULL: not joined yet, or no more */
    enum exec_end end;
    int64_t born_ms, heard_ms, pinged_ms, close_by_ms;
    uint32_t events; /* that epoll looks for */
    bool closing, shut,
        broken; /* closing: only what waits is sent; shut: and was; broken: to be freed */
};

/* A session, from the first end that joined to the last that left. */
struct relay_link {
    struct relay_link *next;
    struct exec_relay *relay;
    const struct exec_session
        *session; /* from when both have joined; the table's until the link ends */
    char id[EXEC_SESSION_ID_MAX];
    struct relay_conn *ends[EXEC_END_MAX_];
    struct exec_transcript *transcript;
    int64_t
        numbers[EXEC_END_MAX_]; /* sequence numbers below this came, and are in the transcript */
    int64_t born_ms, used_ms, flushed_ms, bytes[EXEC_END_MAX_];
    bool ended;
};

struct exec_relay {
    struct exec_relay_options o;
    struct sw_pool *writers;
    int epoll_fd, wake_fd;
    atomic_int open;          /* connections */
    atomic_long begun, ended; /* sessions */
    pthread_t thread;
    struct relay_conn *conns; /* the thread's */
    struct relay_link *links; /* the thread's */
    pthread_mutex_t lock;     /* of what follows */
    struct relay_conn *arrived;
    bool stopping;
};

/* exec_relay.c */
size_t relay_unsent(const struct relay_conn *c);
void relay_send(struct relay_conn *c, enum ws_op op, struct sw_str data);
/* Says goodbye; the connection goes when that is sent, or soon. */
void relay_close(struct relay_conn *c, int code, const char *why);

/* exec_relay_link.c */
/* The first message of a connection, the one with its token. */
void relay_join(struct relay_conn *c, const struct ws_message *m, int64_t now_ms);
/* Whether what c sends can go on now. */
bool relay_can_forward(const struct relay_conn *c);
void relay_forward(struct relay_conn *c, const struct ws_message *m, int64_t now_ms);
/* c is gone or about to be. */
void relay_left(struct relay_conn *c);
/* Time-outs, transcripts; forgets links that are over. */
void relay_tick(struct exec_relay *r, int64_t now_ms);
void relay_end_all(struct exec_relay *r, const char *why);
