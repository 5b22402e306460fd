/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/server/http_stub.h - a peer whose every answer the test decides.
 * One thread, one connection at a time, one request per connection. A request is kept whole; the answer is raw HTTP, so that
 * wrong ones can be given too. Read `log` and `last` through stub_log() and stub_last(), when no request is under way. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define STUB_MAX (8 * 1024 * 1024)

struct stub_request {
    char line[4096]; /* "GET /v2/" */
    struct sw_buf head, body;
};

/* Appends the whole answer to `out`; nothing: the connection is closed without one. */
typedef void (*stub_fn)(void *ctx, const struct stub_request *r, struct sw_buf *out);

struct stub {
    int fd;
    pthread_t thread;
    stub_fn fn;
    void *ctx;
    char host_port[32], endpoint[48];
    struct sw_buf log; /* request lines, each with a newline */
    struct stub_request last;
    pthread_mutex_t lock; /* held while a request is received and answered */
};

static inline bool stub_read(int fd, struct sw_buf *into)
{
    char chunk[65536];
    ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
    return n > 0 && sw_buf_add(into, chunk, (size_t)n);
}

/* Reads one request into s->last; false when the peer went away. */
static inline bool stub_receive(struct stub *s, int fd)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct stub_request *r = &s->last;
    const char *end = NULL;

    sw_buf_reset(&r->head);
    sw_buf_reset(&r->body);
    while (!end) {
        if (!stub_read(fd, &r->head))
            return false;
        end = strstr(r->head.p, "\r\n\r\n");
    }
    size_t head_n = (size_t)(end + 4 - r->head.p), wanted = 0;
    sw_buf_add(&r->body, r->head.p + head_n, r->head.n - head_n);
    r->head.n = head_n;
    r->head.p[head_n] = '\0';
    const char *length = strcasestr(r->head.p, "\r\nContent-Length:");
    if (length)
        (void)sscanf(length + 17, "%zu", &wanted);
    if (strcasestr(r->head.p, "\r\nExpect: 100-continue"))
        (void)send(fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL);
    while (r->body.n < wanted)
        if (!stub_read(fd, &r->body))
            return false;
    int line_n = (int)strcspn(r->head.p, "\r");
    const char *version = strstr(r->head.p, " HTTP/");
    if (version && version - r->head.p < line_n)
        line_n = (int)(version - r->head.p);
    (void)snprintf(r->line, sizeof(r->line), "%.*s", line_n, r->head.p);
    sw_buf_addf(&s->log, "%s\n", r->line);
    return true;
}

static inline void *stub_serve(void *arg)
{
    struct stub *s = arg;
    for (;;) {
        sw_autoclose int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            return NULL;
        SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(STUB_MAX);
        (void)pthread_mutex_lock(&s->lock);
        if (stub_receive(s, fd))
            s->fn(s->ctx, &s->last, &out);
        (void)pthread_mutex_unlock(&s->lock);
        for (size_t at = 0; at < out.n;) {
            ssize_t n = send(fd, out.p + at, out.n - at, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            at += (size_t)n;
        }
        (void)shutdown(fd, SHUT_WR);
    }
}

static inline struct stub *stub_start(stub_fn fn, void *ctx)
{
    struct stub *s = calloc(1, sizeof(*s));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);

    CHECK_NOT_NULL(s);
    s->fn = fn;
    s->ctx = ctx;
    s->log.max = s->last.head.max = s->last.body.max = STUB_MAX;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK(listen(s->fd, 16) == 0 && getsockname(s->fd, (struct sockaddr *)&a, &n) == 0);
    (void)snprintf(s->host_port, sizeof(s->host_port), "127.0.0.1:%u", ntohs(a.sin_port));
    (void)snprintf(s->endpoint, sizeof(s->endpoint), "http://%s", s->host_port);
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
    CHECK(pthread_create(&s->thread, NULL, stub_serve, s) == 0);
    return s;
}

/* No request is served after it. */
static inline void stub_stop(struct stub *s)
{
    (void)shutdown(s->fd, SHUT_RDWR); /* wakes accept() */
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    s->fd = -1;
}

static inline const struct stub_request *stub_last(struct stub *s)
{
    (void)pthread_mutex_lock(&s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    return &s->last;
}

static inline const char *stub_log(struct stub *s)
{
    (void)stub_last(s);
    return s->log.n ? s->log.p : "";
}

static inline void stub_free(struct stub *s)
{
    if (s->fd >= 0)
        stub_stop(s);
    sw_buf_done(&s->log);
    sw_buf_done(&s->last.head);
    sw_buf_done(&s->last.body);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* A plain answer with a body; headers: lines that end in \r\n, or "". */
static inline void stub_answer(struct sw_buf *out, int status, const char *headers,
                               const void *body, size_t n)
{
    sw_buf_addf(out, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status,
                n, headers);
    sw_buf_add(out, body, n);
}

static inline void stub_answer_text(struct sw_buf *out, int status, const char *headers,
                                    const char *body)
{
    stub_answer(out, status, headers, body, strlen(body));
}
