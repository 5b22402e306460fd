/* SPDX-License-Identifier: Apache-2.0 */
/* The listener with real sockets on the loopback. One service, whose behaviour the path chooses. */
#include "api/mhd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define STREAM_MAX (64LL * 1024 * 1024 * 1024)

/* What the service saw; reset by start(). */
static struct {
    atomic_int begun, freed, freed_by_worker, finished, ran, body_calls, refused_status;
    atomic_llong streamed, finished_in, finished_out;
    _Atomic(struct http_ticket *) ticket;
    atomic_bool defer_refused;
} seen;

struct state {
    char path[64];
    uint64_t sum;
};

static int take_body(void *state, const void *data, size_t n, struct sw_err *err)
{
    struct state *s = state;
    const unsigned char *p = data;

    atomic_fetch_add(&seen.body_calls, 1);
    atomic_fetch_add(&seen.streamed, (long long)n);
    for (size_t i = 0; i < n; i++)
        s->sum += p[i];
    if (strcmp(s->path, "/sink-fails") == 0)
        return sw_fail(err, SW_ELIMIT, "DiskFull", "no room");
    return 0;
}

static void answer_file(struct http_req *req, struct http_res *res)
{
    char text[32];
    uint64_t from = 0, count = 0;
    struct sw_err err = SW_ERR_INIT;

    CHECK(http_req_query(req, "from", text, sizeof(text), &err) == 1);
    CHECK(sw_parse_u64(sw_str(text), &from));
    CHECK(http_req_query(req, "count", text, sizeof(text), &err) == 1);
    CHECK(sw_parse_u64(sw_str(text), &count));
    CHECK(http_req_query(req, "path", text, sizeof(text), &err) == 1);
    char *path = sw_asprintf("/tmp/%s", text);
    http_res_file(res, open(path, O_RDONLY | O_CLOEXEC), from, count);
    free(path);
}

static void answer_headers(struct http_req *req, struct http_res *res)
{
    struct sw_buf b = SW_BUF_INIT(65536);
    const char *accept[8];
    size_t n = http_req_headers(req, "accept", accept, 8);

    sw_buf_addf(&b, "%s|%s|%s", req->path, req->query, req->peer_ip);
    for (size_t i = 0; i < n; i++)
        sw_buf_addf(&b, "|%s", accept[i]);
    http_res_take(res, &b);
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    struct state *s = state;
    char text[64];

    atomic_fetch_add(&seen.ran, 1);
    if (err->code != 0) {
        wire_oci_error(res, err);
        return HTTP_DONE;
    }
    if (strncmp(s->path, "/defer", 6) == 0) {
        struct http_ticket *t = http_defer(req);
        atomic_store(&seen.ticket, t);
        if (t)
            return HTTP_DEFERRED;
        atomic_store(&seen.defer_refused, true);
        res->status = 503;
        return HTTP_DONE;
    }
    if (strcmp(s->path, "/slow") == 0)
        sw_sleep_ms(300);
    if (strcmp(s->path, "/file") == 0)
        answer_file(req, res);
    else if (strcmp(s->path, "/headers") == 0)
        answer_headers(req, res);
    else if (strcmp(s->path, "/head-length") == 0)
        res->head_length = 123456;
    else if (strcmp(s->path, "/echo") == 0)
        http_res_copy(res, req->body.p, req->body.n);
    else {
        (void)snprintf(text, sizeof(text), "sum %llu\n", (unsigned long long)s->sum);
        http_res_copy(res, text, strlen(text));
    }
    return HTTP_DONE;
}

static void state_free(void *state)
{
    struct state *s = state;
    char name[16] = "";
    (void)pthread_getname_np(pthread_self(), name, sizeof(name));
    if (strncmp(name, "worker", 6) == 0)
        atomic_fetch_add(&seen.freed_by_worker, 1);
    if (strcmp(s->path, "/sink-wait") == 0)
        sw_sleep_ms(200);
    atomic_fetch_add(&seen.freed, 1);
    free(state);
}

static bool match(void *ctx, const struct http_req *req)
{
    (void)ctx;
    return strncmp(req->path, "/nobody", 7) != 0;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    (void)ctx;
    req->route = "test";
    if (strcmp(req->path, "/refused") == 0) {
        res->status = 401;
        http_res_copy(res, "who are you", 11);
        return HTTP_ANSWER;
    }
    atomic_fetch_add(&seen.begun, 1);
    struct state *s = SW_NEW(struct state);
    (void)snprintf(s->path, sizeof(s->path), "%.60s", req->path);
    *plan = (struct http_plan){.run = run, .free = state_free, .state = s};
    if (strncmp(req->path, "/sink", 5) == 0) {
        plan->mode = HTTP_BODY_STREAM;
        plan->body = take_body;
        plan->body_max = STREAM_MAX;
    } else if (strcmp(req->path, "/echo") == 0) {
        plan->mode = HTTP_BODY_BUFFERED;
        plan->body_max = 100000;
    }
    plan->free_may_wait = strcmp(req->path, "/sink-wait") == 0;
    plan->run_inline = strcmp(req->path, "/inline") == 0 || strcmp(req->path, "/defer-inline") == 0;
    return HTTP_GO;
}

static void error(void *ctx, const struct http_req *req, const struct sw_err *err,
                  struct http_res *res)
{
    (void)ctx, (void)req;
    wire_oci_error(res, err);
}

static void finished(void *ctx, const struct http_req *req, const struct http_res *res, uint64_t in,
                     uint64_t out, int64_t duration_us)
{
    (void)ctx;
    CHECK(duration_us >= 0 && strlen(req->id) == 36);
    atomic_store(&seen.refused_status, res->status);
    atomic_store(&seen.finished_in, (long long)in);
    atomic_store(&seen.finished_out, (long long)out);
    atomic_fetch_add(&seen.finished, 1);
}

static struct http_server *start_with(struct http_server_options o)
{
    static struct http_service service;
    struct http_server *s = NULL;
    struct sw_err err = SW_ERR_INIT;

    memset(&seen, 0, sizeof(seen));
    service = (struct http_service){
        .name = "test", .match = match, .begin = begin, .error = error, .ctx = NULL};
    o.host = "127.0.0.1";
    o.network_threads = 2;
    o.worker_threads = 4;
    o.services = &service;
    o.services_n = 1;
    o.server_header = "slipway/test";
    o.finished = finished;
    CHECK_OK(http_server_start(&o, &s, &err));
    CHECK(http_server_port(s) != 0);
    return s;
}

static struct http_server *start(void)
{
    return start_with((struct http_server_options){0});
}

static void stop(struct http_server *s)
{
    http_server_stop(s, 2000);
    CHECK_EQ_INT(seen.begun, seen.freed);
}

/* ---- a client ---- */

static int dial(struct http_server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_server_port(s))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval tv = {.tv_sec = 120};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    return fd;
}

static void put_n(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        CHECK(k > 0);
        p += k;
        n -= (size_t)k;
    }
}

static void put(int fd, const char *text)
{
    put_n(fd, text, strlen(text));
}

struct reply {
    int status;
    char head[4096];
    char *body;
    size_t body_n;
    bool eof;
};

static char *header_of(struct reply *r, const char *name)
{
    static char value[512];
    char key[64];
    (void)snprintf(key, sizeof(key), "\r\n%s: ", name);
    const char *at = strcasestr(r->head, key);
    if (!at)
        return NULL;
    at += strlen(key);
    size_t n = strcspn(at, "\r");
    CHECK(n < sizeof(value));
    memcpy(value, at, n);
    value[n] = 0;
    return value;
}

/* Reads one response. Byte by byte through the head, so that pipelined ones stay apart. */
static struct reply get_reply(int fd, bool head_request)
{
    struct reply r = {0};
    size_t n = 0;
    uint64_t length = 0;

    while (n < sizeof(r.head) - 1 && (n < 4 || memcmp(r.head + n - 4, "\r\n\r\n", 4) != 0)) {
        ssize_t k = recv(fd, r.head + n, 1, 0);
        if (k <= 0) {
            r.eof = true;
            return r;
        }
        n++;
    }
    CHECK(strncmp(r.head, "HTTP/1.1 ", 9) == 0);
    uint64_t status = 0;
    CHECK(sw_parse_u64(sw_str_n(r.head + 9, 3), &status));
    r.status = (int)status;
    char *text = header_of(&r, "Content-Length");
    if (text)
        CHECK(sw_parse_u64(sw_str(text), &length));
    if (head_request || r.status == 100)
        return r;
    r.body = malloc(length + 1);
    while (r.body_n < length) {
        ssize_t k = recv(fd, r.body + r.body_n, length - r.body_n, 0);
        CHECK(k > 0);
        r.body_n += (size_t)k;
    }
    r.body[length] = 0;
    return r;
}

static void expect_reply(int fd, int status, const char *body)
{
    struct reply r = get_reply(fd, false);
    CHECK(!r.eof);
    CHECK_EQ_INT(r.status, status);
    if (body)
        CHECK_EQ_STR(r.body, body);
    CHECK_NOT_NULL(header_of(&r, "Date"));
    free(r.body);
}

static void expect_eof(int fd)
{
    char c;
    CHECK_EQ_INT(recv(fd, &c, 1, 0), 0);
    (void)close(fd);
}

static void wait_for(atomic_int *what, int value)
{
    for (int i = 0; i < 20000 && atomic_load(what) != value; i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(atomic_load(what), value);
}

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define PUT_N(path, n)  "PUT " path " HTTP/1.1\r\nHost: x\r\nContent-Length: " n "\r\n\r\n"
#define PUT_CHUNK(path) "PUT " path " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/* ---- cases ---- */

TEST(keeps_the_connection_alive)
{
    struct http_server *s = start();
    int fd = dial(s);
    for (int i = 0; i < 20; i++) {
        put(fd, i % 2 ? GET("/") : GET("/inline"));
        expect_reply(fd, 200, "sum 0\n");
    }
    put(fd, PUT_N("/echo", "5") "hello");
    expect_reply(fd, 200, "hello");
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    wait_for(&seen.finished, 22);
    stop(s);
}

TEST(answers_pipelined_requests_in_order)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, GET("/slow") PUT_N("/echo", "3") "abc" GET("/inline") PUT_N("/echo", "2") "de");
    expect_reply(fd, 200, "sum 0\n");
    expect_reply(fd, 200, "abc");
    expect_reply(fd, 200, "sum 0\n");
    expect_reply(fd, 200, "de");
    (void)close(fd);
    stop(s);
}

TEST(names_each_answer)
{
    struct http_server *s = start();
    int fd = dial(s);
    char first[64];
    put(fd, GET("/"));
    struct reply r = get_reply(fd, false);
    CHECK_EQ_STR(header_of(&r, "Server"), "slipway/test");
    CHECK_EQ_UINT(strlen(header_of(&r, "X-Request-Id")), 36);
    (void)snprintf(first, sizeof(first), "%s", header_of(&r, "X-Request-Id"));
    free(r.body);
    put(fd, GET("/"));
    r = get_reply(fd, false);
    CHECK(strcmp(first, header_of(&r, "X-Request-Id")) != 0);
    free(r.body);
    (void)close(fd);
    stop(s);
}

TEST(streams_a_chunked_upload)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *megabyte = malloc(1 << 20), want[64];
    uint64_t sum = 0;

    for (size_t i = 0; i < 1 << 20; i++)
        sum += (unsigned char)(megabyte[i] = (char)(i * 7));
    put(fd, PUT_CHUNK("/sink"));
    for (int i = 0; i < 8; i++) {
        put(fd, "100000\r\n");
        put_n(fd, megabyte, 1 << 20);
        put(fd, "\r\n");
    }
    put(fd, "0\r\n\r\n");
    (void)snprintf(want, sizeof(want), "sum %llu\n", (unsigned long long)sum * 8);
    expect_reply(fd, 200, want);
    CHECK_EQ_INT(seen.streamed, 8 << 20);
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    free(megabyte);
    stop(s);
    CHECK_EQ_INT(seen.finished, 2);
}

TEST(reports_bytes_of_bodies)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, PUT_N("/echo", "4") "abcd");
    expect_reply(fd, 200, "abcd");
    (void)close(fd);
    wait_for(&seen.finished, 1);
    CHECK_EQ_INT(seen.finished_in, 4);
    CHECK_EQ_INT(seen.finished_out, 4);
    stop(s);
}

TEST(asks_for_the_body_when_it_wants_it)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, "PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct reply r = get_reply(fd, false);
    CHECK_EQ_INT(r.status, 100);
    put(fd, "ok");
    expect_reply(fd, 200, "ok");
    (void)close(fd);
    stop(s);
}

TEST(does_not_ask_for_a_refused_body)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd,
        "PUT /refused HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect_reply(fd, 401, "who are you");
    expect_eof(fd);
    stop(s);
}

TEST(refuses_a_huge_upload_without_reading_it)
{
    struct http_server *s = start();
    int fd = dial(s);
    int64_t start_ms = sw_mono_ms();
    put(fd, PUT_N("/refused", "10737418240"));
    struct reply r = get_reply(fd, false);
    CHECK_EQ_INT(r.status, 401);
    CHECK_EQ_STR(header_of(&r, "Connection"), "close");
    CHECK_EQ_STR(r.body, "who are you");
    CHECK(sw_mono_ms() - start_ms < 60000);
    free(r.body);
    (void)close(fd);
    wait_for(&seen.finished, 1);
    CHECK_EQ_INT(seen.finished_in, 0);
    stop(s);
}

/* A client that goes on sending after the refusal must still get to read it, not a reset. */
TEST(lingers_so_that_a_busy_sender_reads_the_refusal)
{
    struct http_server *s = start();
    for (int round = 0; round < 10; round++) {
        int fd = dial(s);
        char *block = calloc(1, 256 * 1024);
        put(fd, PUT_N("/refused", "10737418240"));
        for (int i = 0; i < 8; i++)
            if (send(fd, block, 256 * 1024, MSG_NOSIGNAL) < 0)
                break;
        sw_sleep_ms(2);
        struct reply r = get_reply(fd, false);
        CHECK(!r.eof);
        CHECK_EQ_INT(r.status, 401);
        free(r.body);
        free(block);
        (void)close(fd);
    }
    stop(s);
}

TEST(drains_a_small_refused_upload_and_lives_on)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *body = calloc(1, 500000);
    for (int i = 0; i < 3; i++) {
        put(fd, PUT_N("/refused", "500000"));
        put_n(fd, body, 500000);
        expect_reply(fd, 401, "who are you");
    }
    put(fd, GET("/refused"));
    expect_reply(fd, 401, "who are you");
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    free(body);
    stop(s);
}

TEST(head_has_a_length_and_no_bytes)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, "HEAD /head-length HTTP/1.1\r\nHost: x\r\n\r\n");
    struct reply r = get_reply(fd, true);
    CHECK_EQ_INT(r.status, 200);
    CHECK_EQ_STR(header_of(&r, "Content-Length"), "123456");
    put(fd, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    r = get_reply(fd, true);
    CHECK_EQ_STR(header_of(&r, "Content-Length"), "6");
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    stop(s);
}

TEST(sends_ranges_of_files)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *data = malloc(3 << 20), request[256];
    const char *path = test_path("blob");
    static const size_t cases[][2] = {
        {0, 3 << 20}, {0, 0}, {1000, 1000}, {100, 40000}, {(3 << 20) - 7, 7}};

    for (size_t i = 0; i < 3 << 20; i++)
        data[i] = (char)(i * 31 + i / 1000);
    test_write_file(path, data, 3 << 20);
    CHECK(strncmp(path, "/tmp/", 5) == 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        (void)snprintf(request, sizeof(request),
                       "GET /file?path=%s&from=%zu&count=%zu HTTP/1.1\r\nHost: x\r\n\r\n", path + 5,
                       cases[i][0], cases[i][1]);
        put(fd, request);
        struct reply r = get_reply(fd, false);
        CHECK_EQ_MEM(r.body, r.body_n, data + cases[i][0], cases[i][1]);
        free(r.body);
    }
    free(data);
    (void)close(fd);
    stop(s);
}

TEST(hands_over_target_and_headers_as_received)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, "GET /headers?a=%2Fb&c=d+e HTTP/1.1\r\nHost: x\r\nAccept: one\r\naccept: two, "
            "three\r\n\r\n");
    expect_reply(fd, 200, "/headers|a=%2Fb&c=d+e|127.0.0.1|one|two, three");
    put(fd, "GET http://x:1/headers HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_reply(fd, 200, "/headers||127.0.0.1");
    put(fd, GET("/heade%72s"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    stop(s);
}

TEST(takes_more_headers_than_usual)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, "GET /headers HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 200; i++)
        put(fd, "X-Filler: abc\r\n");
    put(fd, "Accept: last\r\n\r\n");
    expect_reply(fd, 200, "/headers||127.0.0.1|last");
    (void)close(fd);
    stop(s);
}

static void *complete_later(void *arg)
{
    struct http_res res;
    (void)arg;
    sw_sleep_ms(50);
    http_res_init(&res);
    http_res_copy(&res, "later", 5);
    http_complete(atomic_load(&seen.ticket), &res);
    return NULL;
}

static void defer_once(struct http_server *s, int fd, const char *request)
{
    pthread_t t;
    (void)s;
    atomic_store(&seen.ticket, NULL);
    put(fd, request);
    for (int i = 0; i < 10000 && !atomic_load(&seen.ticket); i++)
        sw_sleep_ms(2);
    CHECK_NOT_NULL(atomic_load(&seen.ticket));
    CHECK(pthread_create(&t, NULL, complete_later, NULL) == 0);
    expect_reply(fd, 200, "later");
    CHECK(pthread_join(t, NULL) == 0);
}

TEST(answers_a_deferred_request_from_another_thread)
{
    struct http_server *s = start();
    int fd = dial(s);
    for (int i = 0; i < 3; i++) {
        defer_once(s, fd, GET("/defer"));
        defer_once(s, fd, GET("/defer-inline"));
    }
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    stop(s);
}

TEST(stop_completes_deferred_requests_and_late_holders_are_safe)
{
    struct http_server *s = start();
    int fd = dial(s);
    struct http_res res;
    put(fd, GET("/defer"));
    for (int i = 0; i < 10000 && !atomic_load(&seen.ticket); i++)
        sw_sleep_ms(2);
    struct http_ticket *t = atomic_load(&seen.ticket);
    CHECK_NOT_NULL(t);
    stop(s);
    expect_reply(fd, 503, NULL);
    expect_eof(fd);
    http_res_init(&res);
    http_res_copy(&res, "too late", 8);
    http_complete(t, &res);
}

static void *stop_in_thread(void *arg)
{
    http_server_stop(arg, 5000);
    return NULL;
}

TEST(stop_lets_a_slow_request_finish)
{
    struct http_server *s = start();
    int fd = dial(s), idle = dial(s);
    pthread_t t;
    put(fd, GET("/slow"));
    wait_for(&seen.ran, 1);
    CHECK(pthread_create(&t, NULL, stop_in_thread, s) == 0);
    expect_reply(fd, 200, "sum 0\n");
    CHECK(pthread_join(t, NULL) == 0);
    expect_eof(idle);
    (void)close(fd);
    CHECK_EQ_INT(seen.begun, seen.freed);
}

TEST(stop_is_bounded_when_a_client_stalls)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, PUT_N("/sink", "1000000") "abc");
    wait_for(&seen.body_calls, 1);
    int64_t start_ms = sw_mono_ms();
    http_server_stop(s, 100);
    CHECK(sw_mono_ms() - start_ms < 30000);
    CHECK_EQ_INT(seen.freed, 1);
    (void)close(fd);
}

TEST(frees_once_when_a_client_vanishes)
{
    struct http_server *s = start();
    for (int i = 0; i < 20; i++) {
        int fd = dial(s);
        struct linger reset = {.l_onoff = 1};
        put(fd, i % 2 ? PUT_N("/sink", "1000000") "some bytes" : PUT_CHUNK("/sink") "5\r\nhel");
        wait_for(&seen.body_calls, i + 1);
        if (i % 3 == 0)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)close(fd);
    }
    wait_for(&seen.freed, 20);
    int fd = dial(s);
    put(fd, GET("/slow"));
    wait_for(&seen.ran, 1);
    (void)close(fd);
    wait_for(&seen.freed, 21);
    stop(s);
    CHECK_EQ_INT(seen.finished, 21);
}

TEST(a_slow_free_of_a_cut_off_request_is_a_workers)
{
    struct http_server *s = start();
    for (int i = 0; i < 8; i++) {
        int fd = dial(s);
        put(fd, PUT_N("/sink-wait", "1000000") "some bytes");
        wait_for(&seen.body_calls, i + 1);
        (void)close(fd);
    }
    stop(s); /* waits for those that are under way */
    CHECK_EQ_INT(seen.freed, 8);
    CHECK_EQ_INT(seen.freed_by_worker, 8);
    s = start();
    int fd = dial(s);
    put(fd, PUT_N("/sink", "1000000") "some bytes");
    wait_for(&seen.body_calls, 1);
    (void)close(fd);
    wait_for(&seen.freed, 1);
    stop(s);
    CHECK_EQ_INT(seen.freed_by_worker, 0);
}

TEST(refuses_headers_over_the_limit)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *long_line = malloc(200 * 1024);
    memset(long_line, 'a', 200 * 1024);
    put(fd, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
    (void)send(fd, long_line, 200 * 1024, MSG_NOSIGNAL);
    (void)send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL);
    struct reply r = get_reply(fd, false);
    CHECK(r.eof || r.status == 431);
    free(r.body);
    (void)close(fd);
    fd = dial(s);
    put(fd, "GET /");
    (void)send(fd, long_line, 200 * 1024, MSG_NOSIGNAL);
    (void)send(fd, " HTTP/1.1\r\nHost: x\r\n\r\n", 23, MSG_NOSIGNAL);
    r = get_reply(fd, false);
    CHECK(r.eof || r.status == 414 || r.status == 431);
    free(r.body);
    (void)close(fd);
    free(long_line);
    CHECK_EQ_INT(seen.begun, 0);
    stop(s);
}

TEST(refuses_an_announced_body_over_the_limit)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *body = calloc(1, 200000);
    put(fd, PUT_N("/echo", "200000"));
    put_n(fd, body, 200000);
    struct reply r = get_reply(fd, false);
    CHECK_EQ_INT(r.status, 413);
    CHECK_CONTAINS(r.body, "SIZE_INVALID");
    free(r.body);
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    put(fd, PUT_N("/echo", "9000000000"));
    expect_reply(fd, 413, NULL);
    expect_eof(fd);
    free(body);
    stop(s);
    CHECK_EQ_INT(seen.ran, 1);
}

/* Sends chunks until `total` bytes or the first failure. */
static void put_chunks(int fd, size_t total)
{
    char *block = calloc(1, 64 * 1024 + 9);
    memcpy(block, "10000\r\n", 7);
    memcpy(block + 7 + 65536, "\r\n", 2);
    for (size_t n = 0; n < total; n += 65536)
        if (send(fd, block, 65536 + 9, MSG_NOSIGNAL) < 0)
            break;
    free(block);
}

TEST(refuses_a_chunked_body_over_the_limit)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, PUT_CHUNK("/echo"));
    put_chunks(fd, 4 * 65536);
    put(fd, "0\r\n\r\n");
    expect_reply(fd, 413, NULL);
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    fd = dial(s); /* one that does not end: answered in the middle */
    put(fd, PUT_CHUNK("/echo"));
    put_chunks(fd, 3 << 20);
    struct reply r = get_reply(fd, false);
    CHECK_EQ_INT(r.status, 413);
    CHECK_EQ_STR(header_of(&r, "Connection"), "close");
    CHECK_CONTAINS(r.body, "SIZE_INVALID");
    free(r.body);
    (void)close(fd);
    stop(s);
}

TEST(a_failing_sink_answers_with_its_error)
{
    struct http_server *s = start();
    int fd = dial(s);
    char *body = calloc(1, 100000);
    put(fd, PUT_N("/sink-fails", "100000"));
    put_n(fd, body, 100000);
    struct reply r = get_reply(fd, false);
    CHECK_EQ_INT(r.status, 507);
    free(r.body);
    CHECK_EQ_INT(seen.body_calls, 1); /* nothing more after the error */
    put(fd, GET("/"));
    expect_reply(fd, 200, "sum 0\n");
    put(fd, PUT_N("/sink-fails", "9000000000") "abc");
    expect_reply(fd, 507, NULL);
    (void)close(fd);
    free(body);
    stop(s);
}

TEST(drops_the_body_of_a_request_that_takes_none)
{
    struct http_server *s = start();
    int fd = dial(s);
    put(fd, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" GET("/inline"));
    expect_reply(fd, 200, "sum 0\n");
    expect_reply(fd, 200, "sum 0\n");
    (void)close(fd);
    stop(s);
}

static void expect_refusal(struct http_server *s, const void *request, size_t n, int status)
{
    int fd = dial(s);
    put_n(fd, request, n);
    struct reply r = get_reply(fd, false);
    CHECK(!r.eof);
    if (r.status != status)
        test_fail(__FILE__, __LINE__, "status %d, not %d, for: %.200s", r.status, status,
                  (const char *)request);
    free(r.body);
    (void)close(fd);
}

TEST(refuses_malformed_requests)
{
    struct http_server *s = start();
#define REFUSED(text, status) expect_refusal(s, text, sizeof(text) - 1, status)
    REFUSED("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405);
    REFUSED("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 405);
    REFUSED("get / HTTP/1.1\r\nHost: x\r\n\r\n", 405);
    REFUSED("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("GET /a\x7f HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400);
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n", 400);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400);
    REFUSED(
        "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501);
    REFUSED("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400);
    REFUSED("GET /nobody HTTP/1.1\r\nHost: x\r\n\r\n", 404);
#undef REFUSED
    stop(s);
    CHECK_EQ_INT(seen.ran, 0);
}

TEST(serves_many_connections_at_once)
{
    struct http_server *s = start();
    int fds[256];
    for (size_t i = 0; i < 256; i++)
        fds[i] = dial(s);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 256; i++)
            put(fds[i], i % 4 == 0   ? PUT_N("/echo", "1") "z"
                        : i % 4 == 1 ? GET("/")
                                     : GET("/inline"));
        for (size_t i = 0; i < 256; i++)
            expect_reply(fds[i], 200, i % 4 == 0 ? "z" : "sum 0\n");
    }
    for (size_t i = 0; i < 256; i++)
        (void)close(fds[i]);
    wait_for(&seen.finished, 768);
    stop(s);
}

TEST(says_why_it_cannot_listen)
{
    struct http_server *s = start(), *second = NULL;
    struct sw_err err = SW_ERR_INIT;
    struct http_server_options o = {.host = "127.0.0.1", .port = http_server_port(s)};
    CHECK_ERR(http_server_start(&o, &second, &err), SW_EIO, NULL);
    o.host = "no such host.invalid";
    CHECK_ERR(http_server_start(&o, &second, &err), SW_EINVALID, NULL);
    o = (struct http_server_options){.host = "127.0.0.1", .tls_cert_file = "/nonexistent"};
    CHECK_ERR(http_server_start(&o, &second, &err), SW_EINVALID, NULL);
    CHECK_NULL(second);
    stop(s);
}
