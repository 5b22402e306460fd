/* SPDX-License-Identifier: Apache-2.0 */
/* api/mhd.c - exchanges on libmicrohttpd, which only this file and api/mhd_server.c know. See docs/internals/http-edge.md.
 *
 * Invariants:
 * 1. An exchange is made when the request line was read and freed in on_completed, whatever happened; plan.free runs there, once,
 *    or on a worker if it may wait.
 * 2. The library answers and keeps the connection only when the response is queued after the whole body was read. Queueing at
 *    the headers means: answer now, close afterwards. Both are used on purpose (refuse()).
 * 3. While a worker or a ticket holds an exchange its connection is suspended, so on_completed cannot run. `suspended` counts
 *    these; it is raised before `closed` is looked at and lowered as the last touch of the server, so that stop may wait for it.
 * 4. A deferred exchange continues when both have arrived: run() has returned, and somebody has completed the ticket.
 * 5. Requests that run inline take no lock that network threads share. */
#include "api/mhd_internal.h"

#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/macros.h"

#define HEADERS_INLINE 40
#define STREAM_BLOCK   (32 * 1024)
#define SMALL_FILE \
    (64 * 1024) /* read and sent with the headers in one call; larger ones by sendfile */

enum exchange_state {
    EX_NEW,     /* request line read */
    EX_BODY,    /* the plan takes the body */
    EX_DRAIN,   /* the answer is decided or body() failed; the body is dropped */
    EX_RUNNING, /* suspended: a worker or a ticket has it */
    EX_READY,   /* res is to be queued */
    EX_SENT,
};

struct http_exchange {
    struct http_server *server;
    const struct http_service *service;
    struct MHD_Connection *connection;
    struct connection *conn;
    enum exchange_state state;
    bool begun, has_plan, expects_continue;
    bool counted;  /* in server->suspended */
    bool corked;   /* the socket waits for full packets until the answer is out */
    bool answered; /* res holds the answer; run() is not asked any more */
    struct shard *shard;
    uint64_t bytes_in, drained, bytes_out;
    atomic_int pending; /* parties that have not arrived at a deferred answer */
    struct http_plan plan;
    struct http_req req;
    struct http_res res;
    struct sw_err err;
    struct http_header *headers_heap;
    char *uri;
    size_t uri_n;
    struct http_header headers[HEADERS_INLINE]; /* from here on not zeroed */
};

struct http_ticket {
    struct http_exchange *ex;
    struct http_server *server;
    struct http_ticket *prev, *next;
    bool linked;
    atomic_bool claimed;
    atomic_int refs; /* the holder and the server's list */
};

/* ---- small things ---- */

/* Looks like a random UUID. The prefix is random per thread, the rest counts from a random start: no system call. */
static void make_request_id(char out[37])
{
    static _Thread_local char prefix[25];
    static _Thread_local uint64_t counter;
    static const char digits[] = "0123456789abcdef";

    if (!prefix[0]) {
        sw_uuid(out);
        memcpy(prefix, out, 24);
        sw_random_bytes(&counter, sizeof(counter));
    }
    uint64_t c = ++counter;
    memcpy(out, prefix, 24);
    for (int i = 35; i >= 24; i--, c >>= 4)
        out[i] = digits[c & 15];
    out[36] = 0;
}

static struct shard *my_shard(struct http_server *s)
{
    static atomic_uint next;
    static _Thread_local unsigned mine;

    if (!mine)
        mine = atomic_fetch_add(&next, 1) % SHARDS + 1;
    return &s->shards[mine - 1];
}

static void plain_error(struct http_exchange *ex, int status, const char *text)
{
    ex->res.status = status;
    http_res_set(&ex->res, "Content-Type", "text/plain; charset=utf-8");
    http_res_copy(&ex->res, text, strlen(text));
}

/* The service's form of an error becomes the answer. */
static void service_error(struct http_exchange *ex, const struct sw_err *err)
{
    http_res_done(&ex->res);
    if (ex->service && ex->service->error)
        ex->service->error(ex->service->ctx, &ex->req, err, &ex->res);
    else
        wire_oci_error(&ex->res, err);
    ex->answered = true;
}

static void too_large(struct http_exchange *ex)
{
    struct sw_err err = SW_ERR_INIT;

    (void)sw_fail(&err, SW_ELIMIT, "RequestEntityTooLarge", "the body is larger than %llu bytes",
                  (unsigned long long)ex->plan.body_max);
    service_error(ex, &err);
}

static void unavailable(struct http_exchange *ex)
{
    struct sw_err err = SW_ERR_INIT;

    (void)sw_fail(&err, SW_EUNAVAILABLE, "UNAVAILABLE", "the server is shutting down");
    service_error(ex, &err);
    ex->res.close = true;
}

/* ---- answers ---- */

static void phase(struct http_exchange *ex, enum slow_phase phase)
{
    slow_phase(ex->server->slow, &ex->conn->slow, phase);
}

static ssize_t no_bytes(void *cls, uint64_t pos, char *buf, size_t max)
{
    (void)cls, (void)pos, (void)buf, (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *empty_response(const struct http_exchange *ex)
{
    const struct http_res *r = &ex->res;

    if (ex->req.method == HTTP_HEAD && r->head_length > 0)
        return MHD_create_response_from_callback((uint64_t)r->head_length, 1, no_bytes, NULL, NULL);
    return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
}

/* The library sends the headers in a packet of their own before a file. Corked, they travel with its first bytes: one packet, one
 * wake-up of the peer less. */
static void set_cork(struct http_exchange *ex, bool on)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int value = on;

    if (info && !ex->req.secure)
        ex->corked =
            setsockopt(info->connect_fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value)) == 0 && on;
}

static struct MHD_Response *file_response(struct http_exchange *ex)
{
    struct http_res *r = &ex->res;
    int fd = SW_TAKE_FD(r->fd);

    ex->bytes_out = r->length;
    if (ex->req.method != HTTP_HEAD && r->length > 0 && r->length <= SMALL_FILE) {
        char *copy = sw_malloc(r->length);
        ssize_t n = pread(fd, copy, r->length, (off_t)r->offset);
        if (n == (ssize_t)r->length) {
            (void)close(fd);
            return MHD_create_response_from_buffer_with_free_callback_cls((size_t)r->length, copy,
                                                                          free, copy);
        }
        free(copy);
    }
    struct MHD_Response *m = MHD_create_response_from_fd_at_offset64(r->length, fd, r->offset);
    if (!m)
        (void)close(fd);
    else
        set_cork(ex, true);
    return m;
}

static struct MHD_Response *bytes_response(struct http_exchange *ex)
{
    struct http_res *r = &ex->res;
    struct MHD_Response *m;

    ex->bytes_out = r->bytes_n;
    if (!r->bytes_free)
        return MHD_create_response_from_buffer(r->bytes_n, (void *)(uintptr_t)r->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    m = MHD_create_response_from_buffer_with_free_callback_cls(
        r->bytes_n, (void *)(uintptr_t)r->bytes, r->bytes_free, r->bytes_ctx);
    if (m)
        r->bytes_free = NULL; /* the library's now */
    return m;
}

/* ---- bodies that come bit by bit ---- */

struct sending {
    struct sending *prev, *next;
    struct http_server *server;
    struct http_exchange *ex;
    struct http_stream *stream;
};

static void stream_sleep(void *ctx)
{
    struct sending *s = ctx;

    atomic_fetch_add(&s->server->suspended, 1);
    MHD_suspend_connection(s->ex->connection);
}

static void stream_wake(void *ctx)
{
    struct sending *s = ctx;
    struct http_server *server = s->server;

    MHD_resume_connection(s->ex->connection);
    atomic_fetch_sub(&server->suspended, 1);
}

static ssize_t stream_bytes(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct sending *s = cls;
    const struct http_stream_reader reader = {stream_sleep, stream_wake, s};

    (void)pos;
    if (atomic_load(&s->server->stopping))
        return MHD_CONTENT_READER_END_OF_STREAM;
    ssize_t n = http_stream_read(s->stream, buf, max, &reader);
    if (n > 0)
        s->ex->bytes_out += (uint64_t)n;
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void stream_over(void *cls)
{
    struct sending *s = cls;
    struct http_server *server = s->server;

    pthread_mutex_lock(&server->tickets_lock);
    if (s->prev)
        s->prev->next = s->next;
    else
        server->sendings = s->next;
    if (s->next)
        s->next->prev = s->prev;
    pthread_mutex_unlock(&server->tickets_lock);
    http_stream_unref(s->stream);
    free(s);
}

static struct MHD_Response *stream_response(struct http_exchange *ex)
{
    struct http_server *server = ex->server;
    struct sending *s = SW_NEW(struct sending);

    *s = (struct sending){.server = server, .ex = ex, .stream = SW_TAKE(ex->res.stream)};
    pthread_mutex_lock(&server->tickets_lock);
    s->next = server->sendings;
    if (s->next)
        s->next->prev = s;
    server->sendings = s;
    pthread_mutex_unlock(&server->tickets_lock);
    struct MHD_Response *m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                               stream_bytes, s, stream_over);
    if (!m)
        stream_over(s);
    return m;
}

/* With `stopping` set: those that sleep wake to their end, others see it when they next read. */
void mhd_end_streams(struct http_server *s)
{
    pthread_mutex_lock(&s->tickets_lock);
    for (struct sending *x = s->sendings; x; x = x->next)
        http_stream_close(x->stream);
    pthread_mutex_unlock(&s->tickets_lock);
}

/* The connection is the service's now; the exchange ends when it gives it back. */
static void on_upgrade(void *cls, struct MHD_Connection *connection, void *ex_cls,
                       const char *early, size_t early_n, MHD_socket fd,
                       struct MHD_UpgradeResponseHandle *handle)
{
    struct http_exchange *ex = cls;

    (void)connection, (void)ex_cls;
    phase(ex, SLOW_OURS);
    ex->res.upgrade(ex->res.upgrade_ctx, (struct http_upgraded *)handle, fd, early, early_n);
}

void http_upgraded_close(struct http_upgraded *u)
{
    (void)MHD_upgrade_action((struct MHD_UpgradeResponseHandle *)u, MHD_UPGRADE_ACTION_CLOSE);
}

static struct MHD_Response *make_response(struct http_exchange *ex)
{
    struct http_res *r = &ex->res;
    struct MHD_Response *m;

    switch (r->kind) {
    case HTTP_RES_BYTES: m = bytes_response(ex); break;
    case HTTP_RES_FILE: m = file_response(ex); break;
    case HTTP_RES_STREAM: m = stream_response(ex); break;
    case HTTP_RES_UPGRADE: m = MHD_create_response_for_upgrade(on_upgrade, ex); break;
    default: m = empty_response(ex); break;
    }
    if (!m)
        return NULL;
    for (size_t i = 0; i < r->headers_n; i++)
        (void)MHD_add_response_header(m, r->headers[i].name, r->headers[i].value);
    (void)MHD_add_response_header(m, "X-Request-Id", ex->req.id);
    if (ex->server->server_header)
        (void)MHD_add_response_header(m, "Server", ex->server->server_header);
    if (r->kind != HTTP_RES_UPGRADE &&
        (r->close || atomic_load_explicit(&ex->server->stopping, memory_order_relaxed)))
        (void)MHD_add_response_header(m, "Connection", "close");
    return m;
}

static enum MHD_Result send_answer(struct http_exchange *ex)
{
    struct MHD_Response *m = make_response(ex);

    if (!m)
        return MHD_NO;
    ex->state = EX_SENT;
    phase(ex, SLOW_ANSWER);
    if (ex->req.method == HTTP_HEAD)
        ex->bytes_out = 0;
    enum MHD_Result r = MHD_queue_response(ex->connection, (unsigned)ex->res.status, m);
    MHD_destroy_response(m);
    return r;
}

/* Past the library, from the thread that it serves this connection by. */
static void send_past_library(struct http_exchange *ex, const char *p, size_t n)
{
    const union MHD_ConnectionInfo *info;

    if (ex->server->tls) {
        info = MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (info)
            tls_send_last(info->tls_session, p, n);
        return;
    }
    info = MHD_get_connection_info(ex->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        (void)send(info->connect_fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The peer still sends and the library will not answer before the end: write the answer ourselves, then close. Nothing else is being
 * written on this connection, since its request is still being read. */
static enum MHD_Result answer_over_body(struct http_exchange *ex)
{
    struct http_res *r = &ex->res;
    struct sw_buf text = SW_BUF_INIT(64 * 1024);
    char date[SW_TIME_LEN];

    ex->state = EX_SENT;
    sw_format_http_date(sw_now_us(), date);
    sw_buf_addf(&text, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nX-Request-Id: %s\r\n",
                r->status, MHD_get_reason_phrase_for((unsigned)r->status), date, ex->req.id);
    for (size_t i = 0; i < r->headers_n; i++)
        sw_buf_addf(&text, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    size_t body_n = r->kind == HTTP_RES_BYTES ? r->bytes_n : 0;
    sw_buf_addf(&text, "Content-Length: %zu\r\n\r\n", body_n);
    if (body_n)
        sw_buf_add(&text, r->bytes, body_n);
    if (!text.overflow)
        send_past_library(ex, text.p, text.n);
    ex->bytes_out = body_n;
    ex->conn->linger = true;
    sw_buf_done(&text);
    return MHD_NO;
}

/* ---- running ---- */

/* Last touch of an exchange that was suspended. */
static void resume(struct http_exchange *ex)
{
    struct http_server *s = ex->server;

    ex->state = EX_READY;
    MHD_resume_connection(ex->connection);
    atomic_fetch_sub(&s->suspended, 1);
}

static void arrive(struct http_exchange *ex)
{
    if (atomic_fetch_sub(&ex->pending, 1) == 1)
        resume(ex);
}

static enum http_run call_run(struct http_exchange *ex)
{
    enum http_run r = ex->plan.run(ex->plan.state, &ex->req, &ex->res, &ex->err);

    if (r == HTTP_DONE)
        ex->answered = true;
    return r;
}

static void worker_job(void *arg)
{
    struct http_exchange *ex = arg;

    if (call_run(ex) == HTTP_DONE)
        resume(ex);
    else
        arrive(ex);
}

/* False when the server no longer takes work. */
static bool suspend(struct http_exchange *ex)
{
    atomic_fetch_add(&ex->server->suspended, 1);
    if (atomic_load(&ex->server->closed)) {
        atomic_fetch_sub(&ex->server->suspended, 1);
        return false;
    }
    ex->counted = true;
    ex->state = EX_RUNNING;
    MHD_suspend_connection(ex->connection);
    return true;
}

static enum MHD_Result run_inline(struct http_exchange *ex)
{
    if (call_run(ex) == HTTP_DONE)
        return send_answer(ex);
    ex->state = EX_RUNNING; /* counted by http_defer */
    MHD_suspend_connection(ex->connection);
    arrive(ex);
    return MHD_YES;
}

static enum MHD_Result start_run(struct http_exchange *ex)
{
    if (ex->plan.run_inline)
        return run_inline(ex);
    if (!suspend(ex)) {
        unavailable(ex);
        return send_answer(ex);
    }
    sw_pool_submit(ex->server->workers, worker_job, ex);
    return MHD_YES;
}

static enum MHD_Result body_complete(struct http_exchange *ex)
{
    phase(ex, SLOW_OURS);
    return ex->answered ? send_answer(ex) : start_run(ex);
}

/* ---- bodies ---- */

static uint64_t body_left(const struct http_exchange *ex)
{
    uint64_t seen = ex->bytes_in + ex->drained;

    if (ex->req.content_length < 0)
        return UINT64_MAX;
    return (uint64_t)ex->req.content_length > seen ? (uint64_t)ex->req.content_length - seen : 0;
}

/* Something went wrong in the middle of a body: drop the rest if it is small, else answer and close. */
static enum MHD_Result fail_in_body(struct http_exchange *ex)
{
    ex->state = EX_DRAIN;
    if (ex->req.content_length < 0 || body_left(ex) <= LIMIT_REFUSED_BODY_DRAIN)
        return MHD_YES;
    if (!ex->answered)
        service_error(ex, &ex->err);
    return answer_over_body(ex);
}

static enum MHD_Result drain_piece(struct http_exchange *ex, size_t n)
{
    ex->drained += n;
    if (ex->drained <= LIMIT_REFUSED_BODY_DRAIN)
        return MHD_YES;
    if (!ex->answered)
        service_error(ex, &ex->err);
    return answer_over_body(ex);
}

static enum MHD_Result body_piece(struct http_exchange *ex, const char *data, size_t n)
{
    struct http_plan *p = &ex->plan;

    ex->bytes_in += n;
    if (ex->bytes_in > p->body_max) {
        too_large(ex);
        return fail_in_body(ex);
    }
    if (p->mode == HTTP_BODY_STREAM) {
        if (p->body(p->state, data, n, &ex->err) < 0)
            return fail_in_body(ex);
    } else if (p->mode == HTTP_BODY_BUFFERED) {
        (void)sw_buf_add(&ex->req.body, data, n);
    }
    return MHD_YES;
}

/* The answer is known before the body: see mhd.h for the rule. */
static enum MHD_Result refuse(struct http_exchange *ex)
{
    struct http_req *q = &ex->req;
    bool small = q->content_length >= 0 && q->content_length <= LIMIT_REFUSED_BODY_DRAIN;

    ex->answered = true;
    if (!q->has_body || (small && !ex->expects_continue && !ex->res.close)) {
        ex->state = q->has_body ? EX_DRAIN : EX_READY;
        return MHD_YES;
    }
    ex->conn->linger = !ex->expects_continue;
    return send_answer(ex);
}

/* ---- the headers ---- */

struct header_walk {
    struct http_exchange *ex;
    size_t n, cap;
    bool bad;
};

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_n, const char *value, size_t value_n)
{
    struct header_walk *w = cls;
    struct http_exchange *ex = w->ex;
    struct http_header *at = ex->headers_heap ? ex->headers_heap : ex->headers;

    (void)kind;
    if (strlen(name) != name_n || (value && strlen(value) != value_n))
        w->bad = true;
    if (w->n == w->cap) {
        w->cap *= 2;
        struct http_header *bigger =
            sw_realloc_array(ex->headers_heap, w->cap, sizeof(*ex->headers_heap));
        if (!ex->headers_heap)
            memcpy(bigger, ex->headers, sizeof(ex->headers));
        ex->headers_heap = at = bigger;
    }
    at[w->n++] = (struct http_header){name, value ? value : ""};
    return MHD_YES;
}

static bool take_headers(struct http_exchange *ex)
{
    struct header_walk w = {.ex = ex, .cap = HEADERS_INLINE};

    (void)MHD_get_connection_values_n(ex->connection, MHD_HEADER_KIND, take_header, &w);
    ex->req.headers = ex->headers_heap ? ex->headers_heap : ex->headers;
    ex->req.headers_n = w.n;
    return !w.bad;
}

/* How the body is framed. Anything that two readers could understand differently is refused. 0, or a status. */
static int take_framing(struct http_exchange *ex)
{
    struct http_req *q = &ex->req;
    const char *length[2] = {NULL, NULL}, *coding[2] = {NULL, NULL};
    size_t lengths = http_req_headers(q, "Content-Length", length, 2);
    size_t codings = http_req_headers(q, "Transfer-Encoding", coding, 2);
    const char *expect = http_req_header(q, "Expect");
    uint64_t n = 0;

    ex->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    if (lengths + codings > 1)
        return 400;
    if (codings) {
        q->content_length = -1;
        q->has_body = true;
        return strcasecmp(coding[0], "chunked") == 0 ? 0 : 501;
    }
    if (lengths && (!sw_parse_u64(sw_str(length[0]), &n) || n > INT64_MAX))
        return 400;
    q->content_length = (int64_t)n;
    q->has_body = n > 0;
    return 0;
}

/* Splits the request target as received; the absolute form loses its scheme and authority. */
static bool take_target(struct http_exchange *ex)
{
    char *path = ex->uri;

    for (size_t i = 0; i < ex->uri_n; i++)
        if ((unsigned char)path[i] <= 0x20 || path[i] == 0x7f)
            return false;
    if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0) {
        path = strchr(strstr(path, "//") + 2, '/');
        if (!path)
            return false;
    }
    if (path[0] != '/' && strcmp(path, "*") != 0)
        return false;
    char *mark = strchr(path, '?');
    ex->req.path = path;
    ex->req.query = mark ? mark + 1 : "";
    if (mark)
        *mark = 0;
    return true;
}

static const struct http_service *find_service(const struct http_server *s,
                                               const struct http_req *q)
{
    for (size_t i = 0; i < s->o.services_n; i++)
        if (s->services[i].match(s->services[i].ctx, q))
            return &s->services[i];
    return NULL;
}

/* What is wrong with a request before any service sees it: 0 or a status; framing errors close the connection. */
static int read_head(struct http_exchange *ex, const char *method)
{
    struct http_req *q = &ex->req;

    q->method = http_method_from_string(method);
    bool good = take_headers(ex);
    int status = take_framing(ex);
    if (status || !good)
        ex->res.close = true;
    if (status)
        return status;
    return good && take_target(ex) ? 0 : 400;
}

static enum MHD_Result begin(struct http_exchange *ex)
{
    struct http_plan *p = &ex->plan;

    ex->service = find_service(ex->server, &ex->req);
    if (!ex->service) {
        plain_error(ex, 404, "not found\n");
        return refuse(ex);
    }
    if (ex->service->begin(ex->service->ctx, &ex->req, p, &ex->res) == HTTP_ANSWER)
        return refuse(ex);
    ex->has_plan = true;
    if (p->mode == HTTP_BODY_NONE)
        p->body_max = LIMIT_REFUSED_BODY_DRAIN;
    if (ex->server->o.body_bytes_max)
        p->body_max = SW_MIN(p->body_max, ex->server->o.body_bytes_max);
    ex->req.body.max = (size_t)SW_MIN(p->body_max, SIZE_MAX / 2);
    if (ex->req.content_length > 0 && (uint64_t)ex->req.content_length > p->body_max) {
        too_large(ex);
        return refuse(ex);
    }
    ex->state = EX_BODY;
    return MHD_YES;
}

static enum MHD_Result first_call(struct http_exchange *ex, const char *url, const char *method,
                                  const char *version)
{
    struct http_req *q = &ex->req;

    ex->begun = true;
    ex->shard = my_shard(ex->server);
    atomic_fetch_add(&ex->shard->busy, 1);
    q->exchange = ex;
    q->principal = principal_anonymous();
    q->started_at_us = sw_now_us();
    q->secure = ex->server->tls != NULL;
    q->path = q->query = "";
    memcpy(q->peer_ip, ex->conn->peer_ip, sizeof(q->peer_ip));
    make_request_id(q->id);
    http_res_init(&ex->res);

    int status = read_head(ex, method);
    phase(ex, q->has_body ? SLOW_BODY : SLOW_OURS);
    /* The version follows the target in the library's buffer: a NUL inside the target shows as a gap. */
    if (!status && version != url + ex->uri_n + 1)
        status = 400;
    if (!status && q->method == HTTP_OTHER) {
        status = 405;
        http_res_set(&ex->res, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    if (status) {
        q->route = "refused";
        plain_error(ex, status, status == 405 ? "method not allowed\n" : "bad request\n");
        ex->conn->linger = ex->res.close;
        if (ex->res.close)
            return send_answer(ex);
        return refuse(ex);
    }
    return begin(ex);
}

/* ---- the library's callbacks ---- */

enum MHD_Result mhd_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_n, void **ex_cls)
{
    struct http_exchange *ex = *ex_cls;
    size_t n = *data_n;

    (void)cls, (void)connection;
    *data_n = 0;
    if (!ex)
        return MHD_NO;
    switch (ex->state) {
    case EX_NEW: *data_n = n; return first_call(ex, url, method, version);
    case EX_BODY: return n ? body_piece(ex, data, n) : body_complete(ex);
    case EX_DRAIN: return n ? drain_piece(ex, n) : body_complete(ex);
    case EX_READY: return send_answer(ex);
    default: return MHD_YES;
    }
}

/* The raw target, before the library takes it apart. */
void *mhd_on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    size_t n = uri ? strlen(uri) : 0;
    struct http_exchange *ex = sw_malloc(sizeof(*ex) + n + 1);

    memset(ex, 0, offsetof(struct http_exchange, headers));
    ex->server = cls;
    ex->connection = connection;
    ex->conn = info->socket_context;
    phase(ex, SLOW_HEAD);
    ex->uri = (char *)(ex + 1);
    ex->uri_n = n;
    if (n)
        memcpy(ex->uri, uri, n);
    ex->uri[n] = 0;
    return ex;
}

static void free_plan(struct http_exchange *ex, bool cut_off)
{
    if (!ex->has_plan || !ex->plan.free)
        return;
    if (cut_off && ex->plan.free_may_wait)
        sw_pool_submit(ex->server->workers, ex->plan.free, ex->plan.state);
    else
        ex->plan.free(ex->plan.state);
}

void mhd_on_completed(void *cls, struct MHD_Connection *connection, void **ex_cls,
                      enum MHD_RequestTerminationCode how)
{
    struct http_server *s = cls;
    struct http_exchange *ex = *ex_cls;

    (void)connection;
    if (!ex)
        return;
    *ex_cls = NULL;
    phase(ex, SLOW_IDLE);
    if (ex->corked && how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        set_cork(ex, false);
    if (ex->begun) {
        if (how == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED && ex->state == EX_SENT)
            slow_drop_unsent(ex->conn->slow.fd);
        if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK && ex->state != EX_SENT)
            ex->res.status = atomic_load(&ex->conn->slow.ended)
                                 ? 408
                                 : 499; /* only the log sees it: too slow, or gone */
        if (s->o.finished)
            s->o.finished(s->o.finished_ctx, &ex->req, &ex->res, ex->bytes_in + ex->drained,
                          ex->bytes_out, sw_now_us() - ex->req.started_at_us);
        free_plan(ex, how != MHD_REQUEST_TERMINATED_COMPLETED_OK);
        http_res_done(&ex->res);
        sw_buf_done(&ex->req.body);
        atomic_fetch_sub(&ex->shard->busy, 1);
    }
    free(ex->headers_heap);
    free(ex);
}

/* ---- deferred answers ---- */

static void ticket_unref(struct http_ticket *t)
{
    if (atomic_fetch_sub(&t->refs, 1) == 1)
        free(t);
}

/* With the lock held. */
static void ticket_unlink(struct http_ticket *t)
{
    struct http_server *s = t->server;

    if (t->prev)
        t->prev->next = t->next;
    else
        s->tickets = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->linked = false;
}

struct http_ticket *http_defer(struct http_req *req)
{
    struct http_exchange *ex = req->exchange;

    if (!ex)
        return NULL;
    struct http_server *s = ex->server;
    struct http_ticket *t = SW_NEW(struct http_ticket);
    t->ex = ex;
    t->server = s;
    atomic_init(&t->refs, 2);
    pthread_mutex_lock(&s->tickets_lock);
    if (atomic_load(&s->stopping)) {
        pthread_mutex_unlock(&s->tickets_lock);
        free(t);
        return NULL;
    }
    if (!ex->counted)
        atomic_fetch_add(&s->suspended, 1);
    ex->counted = true;
    atomic_store(&ex->pending, 2);
    t->linked = true;
    t->next = s->tickets;
    if (t->next)
        t->next->prev = t;
    s->tickets = t;
    pthread_mutex_unlock(&s->tickets_lock);
    return t;
}

void http_complete(struct http_ticket *t, struct http_res *res)
{
    if (!atomic_exchange(&t->claimed, true)) {
        struct http_exchange *ex = t->ex;
        struct http_server *s = t->server;
        pthread_mutex_lock(&s->tickets_lock);
        if (t->linked) {
            ticket_unlink(t);
            atomic_fetch_sub(&t->refs, 1); /* the list's; ours is still held */
        }
        pthread_mutex_unlock(&s->tickets_lock);
        http_res_done(&ex->res);
        ex->res = *res;
        http_res_init(res);
        ex->answered = true;
        arrive(ex);
    } else {
        http_res_done(res);
    }
    ticket_unref(t);
}

/* Answers every deferred exchange with the service's 503. */
void mhd_complete_tickets(struct http_server *s)
{
    for (;;) {
        pthread_mutex_lock(&s->tickets_lock);
        struct http_ticket *t = s->tickets;
        if (t)
            ticket_unlink(t);
        pthread_mutex_unlock(&s->tickets_lock);
        if (!t)
            return;
        if (!atomic_exchange(&t->claimed, true)) {
            unavailable(t->ex);
            arrive(t->ex);
        }
        ticket_unref(t);
    }
}
