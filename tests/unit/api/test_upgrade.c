/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that leave HTTP: the listener hands them over, our client speaks to them. The service echoes messages on a thread each. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/mhd.h"
#include "api/websocket.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/websocket_client.h"
#include "tests/lib/test.h"

#define MESSAGE_MAX 100000

static atomic_int upgraded, freed, finished;

struct peer {
    struct http_upgraded *handle;
    int fd;
    char early[64];
    size_t early_n;
};

/* Sends back what comes; "close" is answered by a close, "gone" by none. */
static bool answer(struct peer *p, const struct ws_message *m)
{
    struct sw_buf out = SW_BUF_INIT(2 * MESSAGE_MAX);
    bool on = true;
    if (sw_str_eq_z(m->data, "close"))
        on = !ws_add_close(&out, false, WS_CLOSE_POLICY, "as you wish");
    else if (sw_str_eq_z(m->data, "gone"))
        on = false;
    else if (m->op == WS_TEXT || m->op == WS_BINARY)
        (void)(ws_add_frame(&out, false, WS_PING, "p", 1) &&
               ws_add_frame(&out, false, m->op, m->data.p, m->data.n));
    for (size_t at = 0; at < out.n;) {
        ssize_t n = send(p->fd, out.p + at, out.n - at, MSG_NOSIGNAL);
        struct pollfd writable = {.fd = p->fd, .events = POLLOUT};
        if (n > 0)
            at += (size_t)n;
        else if (poll(&writable, 1, 60000) <= 0)
            break;
    }
    sw_buf_done(&out);
    return on;
}

static bool take(struct peer *p, struct ws_reader *r, const char *data, size_t n)
{
    while (n > 0) {
        struct ws_message m;
        struct sw_err err = SW_ERR_INIT;
        size_t used = 0;
        int got = ws_read(r, data, n, &used, &m, &err);
        if (got < 0 || (got > 0 && !answer(p, &m)))
            return false;
        data += used;
        n -= used;
    }
    return true;
}

static void *echo(void *arg)
{
    struct peer *p = arg;
    struct ws_reader r;
    char piece[4096];
    ws_reader_init(&r, true, MESSAGE_MAX);
    bool on = take(p, &r, p->early, p->early_n);
    while (on) {
        struct pollfd readable = {.fd = p->fd, .events = POLLIN};
        ssize_t n = poll(&readable, 1, 60000) > 0 ? recv(p->fd, piece, sizeof piece, 0) : 0;
        on = n > 0 && take(p, &r, piece, (size_t)n);
    }
    ws_reader_done(&r);
    (void)shutdown(p->fd, SHUT_RDWR);
    http_upgraded_close(p->handle);
    free(p);
    return NULL;
}

static void on_upgraded(void *ctx, struct http_upgraded *handle, int fd, const void *early,
                        size_t early_n)
{
    struct peer *p = SW_NEW(struct peer);
    pthread_t thread;
    CHECK(sw_streq(ctx, "context") && early_n <= sizeof p->early);
    *p = (struct peer){.handle = handle, .fd = fd, .early_n = early_n};
    if (early_n)
        memcpy(p->early, early, early_n);
    CHECK(pthread_create(&thread, NULL, echo, p) == 0);
    CHECK(pthread_detach(thread) == 0);
    atomic_fetch_add(&upgraded, 1);
}

static bool match(void *ctx, const struct http_req *req)
{
    (void)ctx, (void)req;
    return true;
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    (void)err;
    (void)websocket_accept(req, res, on_upgraded, state);
    return HTTP_DONE;
}

static void state_free(void *state)
{
    CHECK(sw_streq(state, "context"));
    free(state);
    atomic_fetch_add(&freed, 1);
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    (void)ctx;
    if (sw_streq(req->path, "/no")) {
        res->status = 404;
        return HTTP_ANSWER;
    }
    *plan = (struct http_plan){
        .run = run, .run_inline = true, .free = state_free, .state = sw_strdup("context")};
    return HTTP_GO;
}

static void on_finished(void *ctx, const struct http_req *req, const struct http_res *res,
                        uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us)
{
    (void)ctx, (void)req, (void)bytes_in, (void)bytes_out, (void)duration_us;
    if (res->status == 101)
        atomic_fetch_add(&finished, 1);
}

struct world {
    struct http_server *server;
    struct httpc *http;
    char url[64];
};

static void start_with(struct world *w, int idle_timeout_s)
{
    static const struct http_service service = {.name = "echo", .match = match, .begin = begin};
    const struct http_server_options o = {.host = "127.0.0.1",
                                          .services = &service,
                                          .services_n = 1,
                                          .idle_timeout_s = idle_timeout_s,
                                          .finished = on_finished};
    struct sw_err err = SW_ERR_INIT;
    atomic_store(&upgraded, 0);
    atomic_store(&freed, 0);
    atomic_store(&finished, 0);
    CHECK_OK(http_server_start(&o, &w->server, &err));
    w->http = httpc_new(&(struct httpc_options){.ca_file = NULL});
    (void)snprintf(w->url, sizeof w->url, "ws://127.0.0.1:%u/echo", http_server_port(w->server));
}

static void start(struct world *w)
{
    start_with(w, 60);
}

static void end(struct world *w)
{
    http_server_stop(w->server, 3000);
    httpc_free(w->http);
    CHECK_EQ_INT(atomic_load(&freed), atomic_load(&upgraded));
    CHECK_EQ_INT(atomic_load(&finished), atomic_load(&upgraded));
}

static struct ws_client *connect_to(struct world *w, size_t message_max)
{
    const struct ws_client_options o = {
        .http = w->http, .url = w->url, .message_max = message_max, .unsent_max = 2 * MESSAGE_MAX};
    struct ws_client *c = NULL;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(ws_client_open(&o, &c, &err));
    return c;
}

/* The next message, or the error. */
static int next(struct ws_client *c, struct ws_message *ret, struct sw_err *err)
{
    int64_t until_ms = sw_mono_ms() + 60000;
    int r;
    while ((r = ws_client_read(c, ret, err)) == 0 && sw_mono_ms() < until_ms) {
        struct pollfd p = {.fd = ws_client_fd(c), .events = POLLIN};
        if (ws_client_unsent(c) > 0)
            p.events |= POLLOUT;
        (void)poll(&p, 1, 100);
        CHECK(ws_client_flush(c, err) == 0);
    }
    return r;
}

TEST(messages_of_all_sizes_come_back)
{
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, MESSAGE_MAX};
    struct world w;
    start(&w);
    struct ws_client *c = connect_to(&w, MESSAGE_MAX);
    char *data = sw_malloc(MESSAGE_MAX);
    for (size_t i = 0; i < MESSAGE_MAX; i++)
        data[i] = (char)i;
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        struct ws_message m;
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(ws_client_send(c, WS_BINARY, data, sizes[i], &err));
        CHECK_EQ_INT(next(c, &m, &err), 1);
        CHECK(m.op == WS_BINARY);
        CHECK_EQ_MEM(m.data.p, m.data.n, data, sizes[i]);
    }
    free(data);
    ws_client_free(c);
    end(&w);
}

TEST(a_silent_connection_lives_longer_than_a_request)
{
    struct world w;
    struct ws_message m;
    struct sw_err err = SW_ERR_INIT;
    start_with(&w, 1);
    struct ws_client *c = connect_to(&w, MESSAGE_MAX);
    sw_sleep_ms(2500);
    CHECK_OK(ws_client_send(c, WS_TEXT, "still here", 10, &err));
    CHECK_EQ_INT(next(c, &m, &err), 1);
    CHECK_EQ_MEM(m.data.p, m.data.n, "still here", 10);
    ws_client_free(c);
    end(&w);
}

TEST(how_it_ends)
{
    struct world w;
    struct ws_message m;
    struct sw_err err = SW_ERR_INIT;
    start(&w);
    struct ws_client *c = connect_to(&w, MESSAGE_MAX);
    CHECK_OK(ws_client_send(c, WS_TEXT, "close", 5, &err));
    CHECK_ERR(next(c, &m, &err), SW_EUNAVAILABLE, NULL);
    ws_client_free(c);
    sw_err_clear(&err);
    c = connect_to(&w, MESSAGE_MAX);
    CHECK_OK(ws_client_send(c, WS_TEXT, "gone", 4, &err));
    CHECK(next(c, &m, &err) == SW_EUNAVAILABLE);
    ws_client_free(c);
    sw_err_clear(&err);
    c = connect_to(&w, 10); /* the answer is longer than that */
    CHECK_OK(ws_client_send(c, WS_TEXT, "0123456789a", 11, &err));
    CHECK(next(c, &m, &err) == SW_ELIMIT);
    ws_client_free(c);
    end(&w);
}

TEST(what_waits_to_be_sent_is_bounded)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    start(&w);
    const struct ws_client_options o = {
        .http = w.http, .url = w.url, .message_max = 100, .unsent_max = 50};
    struct ws_client *c = NULL;
    CHECK_OK(ws_client_open(&o, &c, &err));
    char data[100] = "";
    CHECK(ws_client_send(c, WS_BINARY, data, sizeof data, &err) == SW_ELIMIT);
    ws_client_free(c);
    end(&w);
}

TEST(refusals)
{
    struct world w;
    struct ws_client *c = NULL;
    struct sw_err err = SW_ERR_INIT;
    char url[80];
    start(&w);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/no", http_server_port(w.server));
    struct ws_client_options o = {
        .http = w.http, .url = url, .message_max = 10, .unsent_max = 1000};
    CHECK(ws_client_open(&o, &c, &err) == SW_EDENIED);
    CHECK_CONTAINS(err.msg, "404");
    sw_err_clear(&err);
    end(&w);
    o.http = httpc_new(&(struct httpc_options){.ca_file = NULL});
    CHECK(ws_client_open(&o, &c, &err) == SW_EUNAVAILABLE); /* nobody listens any more */
    httpc_free((struct httpc *)o.http);
}

/* What was sent behind the request, in the same packet, is not lost. */
TEST(early_bytes)
{
    static const char request[] =
        "GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    struct world w;
    char text[2000];
    size_t n = 0;
    start(&w);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(http_server_port(w.server)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (const struct sockaddr *)&a, sizeof a) == 0);
    CHECK(send(fd, request, sizeof request - 1, 0) == (ssize_t)(sizeof request - 1));
    while (n < sizeof text && !memmem(text, n, "\x81\x05Hello", 7)) {
        ssize_t got = recv(fd, text + n, sizeof text - n, 0);
        CHECK(got > 0);
        n += (size_t)got;
    }
    CHECK(memcmp(text, "HTTP/1.1 101 ", 13) == 0);
    CHECK(!memmem(text, n, "onnection: close", 16));
    (void)close(fd);
    end(&w);
}

TEST(many_at_once)
{
    struct world w;
    struct ws_client *c[64];
    start(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(c); i++)
        c[i] = connect_to(&w, 100);
    for (size_t i = 0; i < SW_ARRAY_LEN(c); i++) {
        struct ws_message m;
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(ws_client_send(c[i], WS_TEXT, &"abcdefgh"[i % 8], 1, &err));
        CHECK_EQ_INT(next(c[i], &m, &err), 1);
        CHECK(m.data.n == 1 && m.data.p[0] == "abcdefgh"[i % 8]);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(c); i++)
        ws_client_free(c[i]);
    end(&w);
}
