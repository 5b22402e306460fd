/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/exec_relay.c - the thread that moves the bytes of all sessions.
 * 1. Connections arrive from network threads by one list; from then on only the thread touches them.
 * 2. Bytes are read only while what came before was handed on, so a connection holds at most RELAY_READ and one message, and what waits
 *    for it is at most RELAY_OUT_HIGH and what one read brings.
 * 3. A connection is freed at the end of a round, never while others may point to it. */
#include "launcher/api/exec_relay_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/websocket.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"

#define TICK_MS         250
#define EVENTS          64
#define TOKEN_WAIT_MS   10000
#define GOODBYE_MS      5000
#define STOP_MS         1500
#define PING_MS         30000
#define SILENT_MS       90000
#define CONNECTIONS_MAX (4 * EXEC_SESSIONS_MAX)
#define WAITING_MAX     8 /* of one session, without a token yet */

size_t relay_unsent(const struct relay_conn *c)
{
    return c->out.n - c->sent;
}

void relay_send(struct relay_conn *c, enum ws_op op, struct sw_str data)
{
    if (c->closing)
        return;
    sw_buf_drop(&c->out, c->sent);
    c->sent = 0;
    if (!ws_add_frame(&c->out, false, op, data.p, data.n))
        c->broken = true;
}

void relay_close(struct relay_conn *c, int code, const char *why)
{
    if (c->closing)
        return;
    (void)ws_add_close(&c->out, false, code, why);
    c->closing = true;
    c->close_by_ms = sw_mono_ms() + GOODBYE_MS;
}

/* ---- one connection ---- */

static void take_message(struct relay_conn *c, const struct ws_message *m, int64_t now_ms)
{
    struct sw_err ignored = SW_ERR_INIT;
    switch (m->op) {
    case WS_PING: relay_send(c, WS_PONG, m->data); break;
    case WS_PONG: break;
    case WS_CLOSE:
        relay_close(c, ws_close_code(m->data, &ignored) < 0 ? WS_CLOSE_PROTOCOL : WS_CLOSE_NORMAL,
                    "");
        break;
    default:
        if (c->link)
            relay_forward(c, m, now_ms);
        else
            relay_join(c, m, now_ms);
    }
}

/* What was read, as far as it can go on. */
static void process(struct relay_conn *c, int64_t now_ms)
{
    while (!c->closing && !c->broken && c->in_at < c->in.n && relay_can_forward(c)) {
        struct sw_err err = SW_ERR_INIT;
        struct ws_message m;
        size_t used = 0;
        int r = ws_read(&c->reader, c->in.p + c->in_at, c->in.n - c->in_at, &used, &m, &err);
        c->in_at += used;
        if (r < 0) {
            sw_log_err(SW_LOG_INFO, "exec-frame-refused", &err, "session", c->session_id, NULL);
            relay_close(c, c->reader.close_code, "");
        } else if (r > 0) {
            take_message(c, &m, now_ms);
        }
    }
    if (c->in_at == c->in.n || c->closing) {
        sw_buf_reset(&c->in);
        c->in_at = 0;
    }
}

static void read_some(struct relay_conn *c, int64_t now_ms)
{
    char piece[RELAY_READ];
    ssize_t n = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        c->broken = true;
        return;
    }
    c->heard_ms = now_ms;
    if (!c->closing)
        (void)sw_buf_add(&c->in, piece, (size_t)n);
    process(c, now_ms);
}

static void write_some(struct relay_conn *c)
{
    while (relay_unsent(c) > 0) {
        ssize_t n = send(c->fd, c->out.p + c->sent, relay_unsent(c), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            c->broken = true;
            return;
        }
        c->sent += (size_t)n;
    }
    sw_buf_reset(&c->out);
    c->sent = 0;
}

/* The goodbye is out: half closed, so that the peer reads it before it sees the end. */
static void shut(struct relay_conn *c, int64_t now_ms)
{
    if (!c->closing || c->shut || relay_unsent(c) > 0)
        return;
    c->shut = true;
    (void)shutdown(c->fd, SHUT_WR);
    c->close_by_ms = SW_MIN(c->close_by_ms, now_ms + GOODBYE_MS / 5);
}

static void watch(struct relay_conn *c)
{
    bool reads = c->closing || (c->in_at == c->in.n && relay_can_forward(c));
    uint32_t events = (reads ? EPOLLIN : 0U) | (relay_unsent(c) > 0 ? EPOLLOUT : 0U);
    if (events == c->events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = c};
    (void)epoll_ctl(c->relay->epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
    c->events = events;
}

static void conn_free(struct relay_conn *c)
{
    relay_left(c);
    (void)epoll_ctl(c->relay->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    (void)shutdown(c->fd, SHUT_RDWR);
    atomic_fetch_sub(&c->relay->open, 1);
    http_upgraded_close(c->handle);
    ws_reader_done(&c->reader);
    sw_buf_done(&c->in);
    sw_buf_done(&c->out);
    free(c);
}

static void conn_tick(struct relay_conn *c, int64_t now_ms)
{
    if (c->closing && now_ms >= c->close_by_ms)
        c->broken = true;
    if (c->closing)
        return;
    if (!c->link && now_ms - c->born_ms > TOKEN_WAIT_MS)
        relay_close(c, WS_CLOSE_POLICY, "no token came");
    if ((c->events & EPOLLIN) && now_ms - c->heard_ms > SILENT_MS)
        c->broken = true;
    if (now_ms - SW_MAX(c->heard_ms, c->pinged_ms) > PING_MS && relay_unsent(c) == 0) {
        c->pinged_ms = now_ms;
        relay_send(c, WS_PING, SW_STR(""));
    }
}

/* Whoever knows a session's id can connect. Who means it says the token at once, so those that came first make room. */
static void make_room(struct exec_relay *r, const struct relay_conn *arrived)
{
    struct relay_conn *oldest = NULL;
    size_t n = 0;
    for (struct relay_conn *c = r->conns; c; c = c->next) {
        if (c->link || c->closing || strcmp(c->session_id, arrived->session_id) != 0)
            continue;
        oldest = c;
        n++;
    }
    if (n > WAITING_MAX)
        relay_close(oldest, WS_CLOSE_POLICY, "too many connections");
}

/* ---- all of them ---- */

static void take_arrived(struct exec_relay *r, bool *ret_stopping)
{
    pthread_mutex_lock(&r->lock);
    struct relay_conn *list = NULL;
    while (r->arrived) { /* those that came first, first */
        struct relay_conn *c = r->arrived;
        r->arrived = c->next;
        c->next = list;
        list = c;
    }
    *ret_stopping = r->stopping;
    pthread_mutex_unlock(&r->lock);
    while (list) {
        struct relay_conn *c = list;
        list = c->next;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->events = EPOLLIN;
        c->broken = epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0;
        c->next = r->conns;
        r->conns = c;
        make_room(r, c);
    }
}

/* After anything may have changed: what was held back goes on, what is over goes. */
static void settle(struct exec_relay *r, int64_t now_ms)
{
    for (struct relay_conn *c = r->conns; c; c = c->next)
        if (c->in_at < c->in.n)
            process(c, now_ms);
    for (struct relay_conn *c = r->conns; c; c = c->next) {
        conn_tick(c, now_ms);
        if (c->broken)
            relay_left(c);
    }
    for (struct relay_conn **at = &r->conns; *at;) {
        struct relay_conn *c = *at;
        if (!c->broken)
            write_some(c);
        shut(c, now_ms);
        if (c->broken) {
            *at = c->next;
            conn_free(c);
            continue;
        }
        watch(c);
        at = &c->next;
    }
}

static void *relay_main(void *arg)
{
    struct exec_relay *r = arg;
    int64_t stop_by_ms = 0;
    for (;;) {
        struct epoll_event events[EVENTS];
        bool stopping;
        uint64_t count;
        int n = epoll_wait(r->epoll_fd, events, EVENTS, TICK_MS);
        int64_t now_ms = sw_mono_ms();
        for (int i = 0; i < n; i++) {
            struct relay_conn *c = events[i].data.ptr;
            if (!c)
                (void)!read(r->wake_fd, &count, sizeof count);
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                read_some(c, now_ms);
        }
        take_arrived(r, &stopping);
        if (stopping) {
            stop_by_ms = stop_by_ms ? stop_by_ms : now_ms + STOP_MS;
            relay_end_all(r, "The server is shutting down.");
            for (struct relay_conn *c = r->conns; c; c = c->next)
                relay_close(c, WS_CLOSE_GOING_AWAY, "");
            for (struct relay_conn *c = r->conns; c && now_ms >= stop_by_ms; c = c->next)
                c->broken = true;
        }
        settle(r, now_ms);
        relay_tick(r, now_ms);
        if (stopping && !r->conns && (!r->links || now_ms >= stop_by_ms))
            return NULL;
    }
}

static void wake_relay(struct exec_relay *r)
{
    uint64_t one = 1;
    (void)!write(r->wake_fd, &one, sizeof one);
}

/* ---- the service ---- */

struct upgrade {
    struct exec_relay *relay;
    char session_id[EXEC_SESSION_ID_MAX];
};

static void on_upgraded(void *ctx, struct http_upgraded *handle, int fd, const void *early,
                        size_t early_n)
{
    const struct upgrade *u = ctx;
    struct exec_relay *r = u->relay;
    struct relay_conn *c = SW_NEW(struct relay_conn);
    int flags = fcntl(fd, F_GETFL);
    *c = (struct relay_conn){.relay = r, .handle = handle, .fd = fd, .in = SW_BUF_INIT(SIZE_MAX)};
    c->born_ms = c->heard_ms = c->pinged_ms = sw_mono_ms();
    c->out.max = RELAY_OUT_MAX;
    memcpy(c->session_id, u->session_id, sizeof c->session_id);
    ws_reader_init(&c->reader, true, RELAY_FRAME_MAX);
    (void)sw_buf_add(&c->in, early, early_n);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    bool room = atomic_fetch_add(&r->open, 1) < CONNECTIONS_MAX;
    pthread_mutex_lock(&r->lock);
    bool taken = room && !r->stopping;
    if (taken) {
        c->next = r->arrived;
        r->arrived = c;
    }
    pthread_mutex_unlock(&r->lock);
    if (taken) {
        wake_relay(r);
        return;
    }
    atomic_fetch_sub(&r->open, 1);
    http_upgraded_close(handle);
    ws_reader_done(&c->reader);
    sw_buf_done(&c->in);
    free(c);
}

static bool match(void *ctx SW_UNUSED, const struct http_req *req)
{
    return strncmp(req->path, EXEC_RELAY_PATH, sizeof EXEC_RELAY_PATH - 1) == 0;
}

static void refuse(struct http_res *res, int status, const char *text)
{
    res->status = status;
    http_res_set(res, "Content-Type", "text/plain; charset=utf-8");
    http_res_copy(res, text, strlen(text));
}

static void error(void *ctx SW_UNUSED, const struct http_req *req SW_UNUSED,
                  const struct sw_err *err, struct http_res *res)
{
    refuse(res, err->code == SW_ELIMIT ? 413 : 503, "slipway: the stream cannot be opened\n");
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err SW_UNUSED)
{
    (void)websocket_accept(req, res, on_upgraded, state);
    return HTTP_DONE;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    struct exec_relay *r = ctx;
    struct upgrade *u = SW_NEW(struct upgrade);
    const char *id = req->path + sizeof EXEC_RELAY_PATH - 1;
    req->route = "data-channel";
    u->relay = r;
    if (!sw_str_copy(sw_str(id), u->session_id, sizeof u->session_id) ||
        !exec_sessions_open(r->o.sessions, u->session_id)) {
        free(u);
        refuse(res, 404, "slipway: there is no such session, or it has begun already\n");
        return HTTP_ANSWER;
    }
    *plan = (struct http_plan){
        .mode = HTTP_BODY_NONE, .run = run, .run_inline = true, .free = free, .state = u};
    return HTTP_GO;
}

struct http_service exec_relay_service(struct exec_relay *r)
{
    return (struct http_service){
        .name = "data-channel", .match = match, .begin = begin, .error = error, .ctx = r};
}

/* ---- life ---- */

int exec_relay_start(const struct exec_relay_options *o, struct exec_relay **ret,
                     struct sw_err *err)
{
    struct exec_relay *r = SW_NEW(struct exec_relay);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    r->o = *o;
    pthread_mutex_init(&r->lock, NULL);
    r->writers = sw_pool_new(2, "transcripts");
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->stopping = true; /* until there is a thread to join */
    if (r->epoll_fd < 0 || r->wake_fd < 0 ||
        epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &e) < 0) {
        (void)sw_fail_os(err, errno, "epoll");
        exec_relay_free(r);
        return err->code;
    }
    r->stopping = false;
    int code = pthread_create(&r->thread, NULL, relay_main, r);
    if (code != 0) {
        r->stopping = true;
        exec_relay_free(r);
        return sw_fail_os(err, code, "thread for streams");
    }
    *ret = r;
    return 0;
}

void exec_relay_count(struct exec_relay *r, struct exec_relay_counts *ret)
{
    ret->begun = atomic_load(&r->begun);
    ret->open = SW_MAX(ret->begun - atomic_load(&r->ended), (int64_t)0);
}

void exec_relay_stop(struct exec_relay *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    bool before = r->stopping;
    r->stopping = true;
    pthread_mutex_unlock(&r->lock);
    if (before)
        return;
    wake_relay(r);
    pthread_join(r->thread, NULL);
}

void exec_relay_free(struct exec_relay *r)
{
    if (!r)
        return;
    exec_relay_stop(r);
    sw_pool_free(r->writers);
    relay_end_all(r, "The server is shutting down.");
    while (r->links) {
        struct relay_link *l = r->links;
        r->links = l->next;
        exec_transcript_free(l->transcript);
        free(l);
    }
    if (r->epoll_fd >= 0)
        (void)close(r->epoll_fd);
    if (r->wake_fd >= 0)
        (void)close(r->wake_fd);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
