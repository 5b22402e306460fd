/* SPDX-License-Identifier: Apache-2.0 */
/* Against a tiny server of one thread per connection; the path names what it does. */
#include "base/httpc.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define CONNECTIONS_MAX 64

struct server {
    int listen_fd;
    int port;
    pthread_t acceptor, workers[CONNECTIONS_MAX];
    int fds[CONNECTIONS_MAX];
    atomic_int connections;
    atomic_int stopping;
};

static void send_z(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Reads until the text holds `end`; keeps what follows in *text. False at the end of the stream. */
static bool read_until(int fd, struct sw_buf *text, const char *end)
{
    char c[4096];

    while (!text->p || !strstr(text->p, end)) {
        ssize_t n = recv(fd, c, sizeof(c), 0);
        if (n <= 0 || !sw_buf_add(text, c, (size_t)n))
            return false;
    }
    return true;
}

/* Value of a header in the request's head, or -1. */
static int64_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length: ");
    int64_t v = -1;

    if (at) {
        at += strlen("\r\nContent-Length: ");
        (void)sw_parse_i64(sw_str_n(at, strcspn(at, "\r")), &v);
    }
    return v;
}

static void answer(int fd, const char *status, const char *headers, struct sw_str body)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(10000000);

    sw_buf_addf(&b, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, body.n);
    sw_buf_add_str(&b, body);
    (void)send(fd, b.p, b.n, MSG_NOSIGNAL);
}

static void send_big(int fd, size_t n)
{
    char chunk[10000];

    memset(chunk, 'x', sizeof(chunk));
    for (; n > 0; n -= SW_MIN(n, sizeof(chunk)))
        if (send(fd, chunk, SW_MIN(n, sizeof(chunk)), MSG_NOSIGNAL) < 0)
            return;
}

/* Handles one request whose head is in `text`. False: close the connection. */
static bool handle(struct server *s, int fd, const char *path, struct sw_str body)
{
    char headers[200];

    if (sw_streq(path, "/echo")) {
        answer(fd, "200 OK", "X-Kind: echo\r\nEmpty:\r\n", body);
    } else if (sw_streq(path, "/head")) {
        send_z(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
    } else if (sw_streq(path, "/404")) {
        answer(fd, "404 Not Found", "", SW_STR("nothing here"));
    } else if (sw_streq(path, "/redirect")) {
        (void)snprintf(headers, sizeof(headers), "Location: http://127.0.0.1:%d/echo\r\n", s->port);
        answer(fd, "307 Temporary Redirect", headers, SW_STR(""));
    } else if (sw_streq(path, "/interim")) {
        send_z(fd, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n");
        answer(fd, "200 OK", "X-Late: yes\r\n", SW_STR("ok"));
    } else if (sw_streq(path, "/trailer")) {
        send_z(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
                   "2\r\nok\r\n0\r\nX-T: late\r\n\r\n");
    } else if (sw_streq(path, "/big")) {
        send_z(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
        send_big(fd, 3000000);
    } else if (sw_streq(path, "/short")) {
        send_z(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
        return false;
    } else if (sw_streq(path, "/silent")) {
        for (int i = 0; i < 5000 && !s->stopping; i++)
            sw_sleep_ms(20);
        return false;
    } else if (sw_streq(path, "/drip")) {
        send_z(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
        for (int i = 0; i < 6; i++) {
            sw_sleep_ms(400);
            send_z(fd, "d");
        }
    } else if (sw_streq(path, "/headers")) {
        send_z(fd, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 1000; i++) {
            (void)snprintf(headers, sizeof(headers), "X-%d: %0*d\r\n", i, 90, 1);
            send_z(fd, headers);
        }
        send_z(fd, "Content-Length: 0\r\n\r\n");
    } else if (sw_streq(path, "/once")) {
        answer(fd, "200 OK", "", SW_STR("once")); /* and closes, without having said so */
        return false;
    } else {
        send_z(fd, "not http at all\r\n\r\n");
        return false;
    }
    return true;
}

/* A chunked body ends with "0\r\n\r\n" here, which the tests' data does not hold. */
static bool read_body(int fd, struct sw_buf *text, size_t head_n, struct sw_str *ret)
{
    int64_t n = content_length(text->p);

    if (strcasestr(text->p, "\r\nExpect: 100-continue"))
        send_z(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    if (strcasestr(text->p, "\r\nTransfer-Encoding: chunked")) {
        if (!read_until(fd, text, "\r\n0\r\n\r\n"))
            return false;
        n = (int64_t)(text->n - head_n);
    }
    while (n > 0 && (int64_t)(text->n - head_n) < n) {
        char c[65536];
        ssize_t got = recv(fd, c, sizeof(c), 0);
        if (got <= 0 || !sw_buf_add(text, c, (size_t)got))
            return false;
    }
    *ret = sw_str_n(text->p + head_n, n > 0 ? (size_t)n : 0);
    return true;
}

struct connection {
    struct server *server;
    int fd;
};

static bool serve_one(struct connection *c)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(10000000);
    struct sw_str rest, method, path, body = {"", 0};
    char path_z[64];

    if (!read_until(c->fd, &text, "\r\n\r\n"))
        return false;
    size_t head_n = (size_t)(strstr(text.p, "\r\n\r\n") + 4 - text.p);
    rest = sw_buf_str(&text);
    (void)sw_str_split(&rest, ' ', &method);
    (void)sw_str_split(&rest, ' ', &path);
    path.n = SW_MIN(path.n, strcspn(path.p, "? "));
    CHECK(sw_str_copy(path, path_z, sizeof(path_z)));
    if (sw_streq(path_z, "/request")) { /* the head itself comes back */
        if (!read_body(c->fd, &text, head_n, &body))
            return false;
        answer(c->fd, "200 OK", "", sw_str_n(text.p, head_n));
        return true;
    }
    if (sw_streq(path_z, "/refuse")) { /* before the body is read */
        answer(c->fd, "413 Too Large", "Connection: close\r\n", SW_STR("too large"));
        return false;
    }
    return read_body(c->fd, &text, head_n, &body) && handle(c->server, c->fd, path_z, body);
}

static void *serve(void *arg)
{
    sw_autofree struct connection *c = arg;

    while (!c->server->stopping && serve_one(c))
        ;
    (void)shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct server *s = arg;

    while (!s->stopping) {
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        int i = s->connections;
        if (fd < 0 || i == CONNECTIONS_MAX) {
            if (fd >= 0)
                close(fd);
            break;
        }
        struct connection *c = SW_NEW(struct connection);
        *c = (struct connection){s, fd};
        s->fds[i] = fd;
        CHECK_EQ_INT(pthread_create(&s->workers[i], NULL, serve, c), 0);
        s->connections++;
    }
    return NULL;
}

static struct server *server_start(void)
{
    struct server *s = SW_NEW(struct server);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);

    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ_INT(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    CHECK_EQ_INT(listen(s->listen_fd, 64), 0);
    CHECK_EQ_INT(getsockname(s->listen_fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    CHECK_EQ_INT(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
    return s;
}

static void server_stop(struct server *s)
{
    s->stopping = 1;
    (void)shutdown(s->listen_fd, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listen_fd);
    for (int i = 0; i < s->connections; i++) {
        (void)shutdown(s->fds[i], SHUT_RDWR);
        pthread_join(s->workers[i], NULL);
        close(s->fds[i]);
    }
    free(s);
}

/* What every case needs, started by setup() and ended by the cleanup. */
struct fixture {
    struct server *server;
    struct httpc *client;
    char url[128];
    struct httpc_response res;
};

static void fixture_done(struct fixture *f)
{
    httpc_response_done(&f->res);
    httpc_free(f->client);
    server_stop(f->server);
}

static struct fixture setup(void)
{
    struct fixture f = {.server = server_start()};

    f.client = httpc_new(&(struct httpc_options){0});
    return f;
}
#define FIXTURE(f) SW_CLEANUP(fixture_done) struct fixture f = setup()

static int go(struct fixture *f, const char *path, struct httpc_request *r, struct sw_err *err)
{
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d%s", f->server->port, path);
    r->url = f->url;
    if (!r->method)
        r->method = "GET";
    httpc_response_done(&f->res);
    return httpc_perform(f->client, r, &f->res, err);
}

TEST(get_head_and_headers)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request get = {0}, head = {.method = "HEAD"};
    char value[32];
    FIXTURE(f);

    CHECK_OK(go(&f, "/echo", &get, &err));
    CHECK_EQ_INT(f.res.status, 200);
    CHECK(httpc_header(&f.res, "x-kind", value, sizeof(value)));
    CHECK_EQ_STR(value, "echo");
    CHECK(httpc_header(&f.res, "empty", value, sizeof(value)));
    CHECK_EQ_STR(value, "");
    CHECK(!httpc_header(&f.res, "none", value, sizeof(value)));
    CHECK(!httpc_header(&f.res, "x-kind", value, 4));
    CHECK(strstr(f.res.headers.p, "HTTP/") == NULL);
    CHECK_OK(go(&f, "/head", &head, &err));
    CHECK(httpc_header(&f.res, "Content-Length", value, sizeof(value)));
    CHECK_EQ_STR(value, "1234");
    CHECK_EQ_INT(f.res.body.n, 0);
}

TEST(any_status_is_a_response)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    FIXTURE(f);

    CHECK_OK(go(&f, "/404", &r, &err));
    CHECK_EQ_INT(f.res.status, 404);
    CHECK_EQ_STR(f.res.body.p, "nothing here");
}

TEST(redirects_are_not_followed)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    char value[64];
    FIXTURE(f);

    CHECK_OK(go(&f, "/redirect", &r, &err));
    CHECK_EQ_INT(f.res.status, 307);
    CHECK(httpc_header(&f.res, "location", value, sizeof(value)));
    CHECK_CONTAINS(value, "/echo");
}

TEST(only_the_final_headers_are_kept)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    char value[8];
    FIXTURE(f);

    CHECK_OK(go(&f, "/interim", &r, &err));
    CHECK_EQ_INT(f.res.status, 200);
    CHECK(!httpc_header(&f.res, "X-Early", value, sizeof(value)));
    CHECK(httpc_header(&f.res, "X-Late", value, sizeof(value)));
    CHECK_OK(go(&f, "/trailer", &r, &err));
    CHECK_EQ_STR(f.res.body.p, "ok");
    CHECK(!httpc_header(&f.res, "X-T", value, sizeof(value)));
}

TEST(the_request_is_what_was_asked_for)
{
    struct sw_err err = SW_ERR_INIT;
    const struct httpc_header headers[] = {{"X-One", "1"}, {"X-Empty", ""}, {"Accept", "a/b"}};
    struct httpc_request r = {
        .method = "PATCH", .headers = headers, .headers_n = 3, .body = SW_STR("hello")};
    FIXTURE(f);

    CHECK_OK(go(&f, "/request?a=%2F&b", &r, &err));
    CHECK(sw_str_starts_with(sw_buf_str(&f.res.body), "PATCH /request?a=%2F&b HTTP/1.1\r\n"));
    CHECK_CONTAINS(f.res.body.p, "\r\nX-One: 1\r\n");
    CHECK_CONTAINS(f.res.body.p, "\r\nX-Empty:\r\n");
    CHECK_CONTAINS(f.res.body.p, "\r\nAccept: a/b\r\n");
    CHECK_CONTAINS(f.res.body.p, "\r\nContent-Length: 5\r\n");
    CHECK_CONTAINS(f.res.body.p, "\r\nUser-Agent: slipway\r\n");
    CHECK(strstr(f.res.body.p, "Expect") == NULL);
    CHECK(strstr(f.res.body.p, "*/*") == NULL);
}

TEST(a_post_without_a_body_says_so)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request post = {.method = "POST"}, delete = {.method = "DELETE"};
    FIXTURE(f);

    CHECK_OK(go(&f, "/request", &post, &err));
    CHECK_CONTAINS(f.res.body.p, "\r\nContent-Length: 0\r\n");
    CHECK_OK(go(&f, "/request", &delete, &err));
    CHECK(sw_str_starts_with(sw_buf_str(&f.res.body), "DELETE /request HTTP/1.1\r\n"));
    CHECK(strstr(f.res.body.p, "Content-Length") == NULL);
}

TEST(bodies_arrive_whole)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *big = sw_malloc(2000000);
    struct httpc_request r = {.method = "PUT", .body = {big, 2000000}, .body_max = 2000000};
    FIXTURE(f);

    for (int i = 0; i < 2000000; i++)
        big[i] = (char)('a' + i % 23);
    CHECK_OK(go(&f, "/echo", &r, &err));
    CHECK_EQ_MEM(f.res.body.p, f.res.body.n, big, 2000000);
    CHECK_OK(go(&f, "/request", &r, &err));
    CHECK_CONTAINS(f.res.body.p, "\r\nExpect: 100-continue\r\n");
}

TEST(an_early_refusal_is_seen)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *big = sw_calloc(2000000, 1);
    struct httpc_request r = {.method = "PUT", .body = {big, 2000000}};
    FIXTURE(f);

    CHECK_OK(go(&f, "/refuse", &r, &err));
    CHECK_EQ_INT(f.res.status, 413);
    CHECK_EQ_STR(f.res.body.p, "too large");
}

struct stream {
    size_t left, got;
    int fail_after; /* calls; 0: never */
    int calls;
};

static int64_t give(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    struct stream *s = ctx;
    size_t n = SW_MIN(SW_MIN(cap, s->left), (size_t)1000);

    if (s->fail_after && ++s->calls > s->fail_after)
        return sw_fail(err, SW_EIO, "Source", "the disk failed");
    memset(out, 'y', n);
    s->left -= n;
    return (int64_t)n;
}

static int swallow(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    struct stream *s = ctx;

    (void)data;
    if (s->fail_after && ++s->calls > s->fail_after)
        return sw_fail(err, SW_EMISMATCH, "Sink", "not what was promised");
    s->got += n;
    return 0;
}

TEST(sources_with_and_without_a_size)
{
    struct sw_err err = SW_ERR_INIT;
    struct stream in = {.left = 5500};
    struct httpc_request r = {
        .method = "PUT", .source = give, .source_ctx = &in, .source_size = 5500};
    FIXTURE(f);

    CHECK_OK(go(&f, "/echo", &r, &err));
    CHECK_EQ_INT(f.res.body.n, 5500);
    in = (struct stream){.left = 5500};
    r.source_size = -1;
    CHECK_OK(go(&f, "/request", &r, &err));
    CHECK_CONTAINS(f.res.body.p, "\r\nTransfer-Encoding: chunked\r\n");
    CHECK_EQ_INT(in.left, 0);
}

TEST(a_source_that_fails_or_ends_early)
{
    struct sw_err err = SW_ERR_INIT;
    struct stream in = {.left = 5500, .fail_after = 2};
    struct httpc_request r = {
        .method = "PUT", .source = give, .source_ctx = &in, .source_size = 5500};
    FIXTURE(f);

    CHECK_EQ_INT(go(&f, "/echo", &r, &err), SW_EIO);
    CHECK_CONTAINS(err.msg, "/echo: the disk failed");
    CHECK_EQ_STR(err.reason, "Source");
    sw_err_clear(&err);
    in = (struct stream){.left = 100};
    CHECK_EQ_INT(go(&f, "/echo", &r, &err), SW_EINTERNAL);
    CHECK_CONTAINS(err.msg, "ended after 100 of 5500 bytes");
    sw_err_clear(&err);
    in = (struct stream){.left = 5500};
    CHECK_OK(go(&f, "/echo", &r, &err)); /* the client is usable after failures */
}

TEST(sinks_get_only_success)
{
    struct sw_err err = SW_ERR_INIT;
    struct stream out = {0};
    struct httpc_request r = {.sink = swallow, .sink_ctx = &out};
    FIXTURE(f);

    CHECK_OK(go(&f, "/big", &r, &err));
    CHECK_EQ_INT(out.got, 3000000);
    CHECK_EQ_INT(f.res.body.n, 0);
    out.got = 0;
    CHECK_OK(go(&f, "/404", &r, &err));
    CHECK_EQ_INT(out.got, 0);
    CHECK_EQ_STR(f.res.body.p, "nothing here");
    out.fail_after = 3;
    CHECK_EQ_INT(go(&f, "/big", &r, &err), SW_EMISMATCH);
    CHECK_CONTAINS(err.msg, "GET http://127.0.0.1:");
    CHECK_CONTAINS(err.msg, "/big: not what was promised");
}

TEST(a_sink_for_one_status_gets_no_other)
{
    struct sw_err err = SW_ERR_INIT;
    struct stream out = {0};
    struct httpc_request r = {.sink = swallow, .sink_ctx = &out, .sink_status = 206};
    FIXTURE(f);

    CHECK_OK(go(&f, "/interim", &r, &err));
    CHECK_EQ_INT(out.got, 0);
    CHECK_EQ_STR(f.res.body.p, "ok");
    r.sink_status = 404;
    CHECK_OK(go(&f, "/404", &r, &err));
    CHECK_EQ_INT(out.got, strlen("nothing here"));
    CHECK_EQ_INT(f.res.body.n, 0);
}

TEST(bodies_and_headers_are_bounded)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    FIXTURE(f);

    CHECK_EQ_INT(go(&f, "/big", &r, &err), SW_ELIMIT);
    CHECK_CONTAINS(err.msg, "body exceeds 1048576 bytes");
    CHECK_NULL(f.res.body.p);
    sw_err_clear(&err);
    r.body_max = 3000000;
    CHECK_OK(go(&f, "/big", &r, &err));
    CHECK_EQ_INT(f.res.body.n, 3000000);
    CHECK_EQ_INT(go(&f, "/headers", &r, &err), SW_ELIMIT);
    CHECK_CONTAINS(err.msg, "headers exceed 65536 bytes");
}

TEST(broken_answers_are_unavailable)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    FIXTURE(f);

    CHECK_ERR(go(&f, "/short", &r, &err), SW_EUNAVAILABLE, NULL);
    CHECK_ERR(go(&f, "/garbage", &r, &err), SW_EUNAVAILABLE, NULL);
    CHECK_OK(go(&f, "/echo", &r, &err));
}

TEST(timeouts)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request whole = {.timeout_ms = 200}, stall = {.stall_timeout_ms = 300};
    struct httpc_request patient = {.stall_timeout_ms = 1500};
    int64_t before = sw_mono_ms();
    FIXTURE(f);

    CHECK_ERR(go(&f, "/silent", &whole, &err), SW_EUNAVAILABLE, NULL);
    CHECK_EQ_INT(go(&f, "/silent", &stall, &err), SW_EUNAVAILABLE);
    CHECK_CONTAINS(err.msg, "nothing moved for 300 ms");
    CHECK(sw_mono_ms() - before < 60000);
    sw_err_clear(&err);
    CHECK_OK(go(&f, "/drip", &patient, &err)); /* longer in all, but never still */
    CHECK_EQ_STR(f.res.body.p, "dddddd");
}

static volatile int cancelled;

static void *cancel_soon(void *arg)
{
    sw_sleep_ms(100);
    __atomic_store_n(&cancelled, 1, __ATOMIC_RELAXED);
    return arg;
}

TEST(cancellation)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {.cancelled = &cancelled};
    int64_t before = sw_mono_ms();
    pthread_t thread;
    FIXTURE(f);

    cancelled = 0;
    CHECK_EQ_INT(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    int rc = go(&f, "/silent", &r, &err);
    pthread_join(thread, NULL);
    CHECK_EQ_INT(rc, SW_EUNAVAILABLE);
    CHECK_CONTAINS(err.msg, "cancelled");
    CHECK(sw_mono_ms() - before < 60000);
}

static int cancels_and_fails(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    (void)ctx, (void)data, (void)n;
    __atomic_store_n(&cancelled, 1, __ATOMIC_RELAXED);
    return sw_fail(err, SW_ELIMIT, NULL, "the disk is full");
}

/* As one part of several that are fetched at once does. */
TEST(a_sink_that_failed_and_cancelled_stays_the_cause)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {.sink = cancels_and_fails, .cancelled = &cancelled};
    FIXTURE(f);

    cancelled = 0;
    CHECK_EQ_INT(go(&f, "/drip", &r, &err), SW_ELIMIT);
    CHECK_CONTAINS(err.msg, "the disk is full");
    cancelled = 0;
}

TEST(connections_are_used_again)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    FIXTURE(f);

    for (int i = 0; i < 20; i++)
        CHECK_OK(go(&f, "/echo", &r, &err));
    CHECK_EQ_INT(f.server->connections, 1);
}

TEST(a_connection_that_died_meanwhile_is_replaced)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request get = {0}, put = {.method = "PUT", .body = SW_STR("again")};
    FIXTURE(f);

    for (int i = 0; i < 5; i++) {
        CHECK_OK(go(&f, "/once", &get, &err));
        CHECK_OK(go(&f, "/echo", &put, &err));
        CHECK_EQ_STR(f.res.body.p, "again");
    }
}

struct job {
    struct fixture *f;
    int failures;
};

static void *many_requests(void *arg)
{
    struct job *j = arg;

    for (int i = 0; i < 50; i++) {
        struct fixture mine = *j->f;
        struct sw_err err = SW_ERR_INIT;
        struct httpc_request r = {.method = "PUT", .body = SW_STR("x")};
        mine.res = (struct httpc_response){0};
        if (go(&mine, "/echo", &r, &err) < 0 || mine.res.status != 200 || mine.res.body.n != 1)
            j->failures++;
        httpc_response_done(&mine.res);
    }
    return NULL;
}

TEST(threads_share_a_client)
{
    pthread_t threads[8];
    struct job jobs[8];
    FIXTURE(f);

    for (int i = 0; i < 8; i++) {
        jobs[i] = (struct job){&f, 0};
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, many_requests, &jobs[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CHECK_EQ_INT(jobs[i].failures, 0);
    }
    CHECK(f.server->connections <= 8);
}

TEST(malformed_requests_are_refused)
{
    static const char *const urls[] = {"ftp://127.0.0.1/x", "file:///etc/passwd", "nonsense://",
                                       ""};
    struct sw_err err = SW_ERR_INIT;
    const struct httpc_header bad[] = {{"X", "a\r\nY: b"}, {"X\nY", "b"}, {"", "b"}, {"X: y", "b"}};
    struct httpc_request r = {.method = "GET", .headers_n = 1};
    FIXTURE(f);

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        r.headers = &bad[i];
        CHECK_ERR(go(&f, "/echo", &r, &err), SW_EINVALID, NULL);
    }
    r.headers_n = 0;
    r.method = "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET";
    CHECK_ERR(go(&f, "/echo", &r, &err), SW_EINVALID, NULL);
    r.method = "";
    CHECK_ERR(go(&f, "/echo", &r, &err), SW_EINVALID, NULL);
    r.method = "GET";
    for (size_t i = 0; i < SW_ARRAY_LEN(urls); i++) {
        r.url = urls[i];
        CHECK_ERR(httpc_perform(f.client, &r, &f.res, &err), SW_EINVALID, NULL);
    }
}

TEST(nobody_listens_and_secrets_stay_out_of_messages)
{
    struct sw_err err = SW_ERR_INIT;
    FIXTURE(f);
    char url[128];

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    CHECK_EQ_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0); /* taken, but not listening */
    CHECK_EQ_INT(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(url, sizeof(url), "http://user:hunter2@127.0.0.1:%d/p?X-Signature=s3cret",
                   ntohs(a.sin_port));
    struct httpc_request r = {.method = "GET", .url = url};
    CHECK_EQ_INT(httpc_perform(f.client, &r, &f.res, &err), SW_EUNAVAILABLE);
    CHECK(strstr(err.msg, "hunter2") == NULL);
    CHECK(strstr(err.msg, "s3cret") == NULL);
    CHECK_CONTAINS(err.msg, "/p: ");
    close(fd);
}

TEST(loopback_ignores_the_proxy_of_the_environment)
{
    struct sw_err err = SW_ERR_INIT;
    struct httpc_request r = {0};
    FIXTURE(f);

    CHECK_EQ_INT(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    int rc = go(&f, "/echo", &r, &err);
    CHECK_EQ_INT(unsetenv("http_proxy"), 0);
    CHECK_OK(rc);
}
