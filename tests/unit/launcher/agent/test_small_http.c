/* SPDX-License-Identifier: Apache-2.0 */
/* The server that containers talk to: what it takes, what it refuses, and what nobody can do to others. */
#include "launcher/agent/small_http.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static struct small_http *server;
static uint16_t port;
static _Atomic uint64_t later;

static int echo(void *ctx, const struct small_http_request *r, struct sw_buf *body,
                const char **ret_content_type)
{
    (void)ctx, (void)ret_content_type;
    sw_buf_addf(body, "%s %s %s %d [" SW_STR_FMT "]", r->method, r->path, r->peer, r->listener,
                SW_STR_ARG(r->body));
    if (strcmp(r->path, "/later") == 0) {
        later = r->id;
        return SMALL_HTTP_LATER;
    }
    return strcmp(r->path, "/none") == 0 ? 404 : 200;
}

static void start(void)
{
    struct sw_err err = SW_ERR_INIT;
    int fds[2] = {-1, -1};
    CHECK_OK(small_http_listen("127.0.0.1", 0, &fds[1], &port, &err));
    CHECK_OK(small_http_start(fds, 2, echo, NULL, &server, &err));
}

static int dial_from(uint32_t own)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(own)};
    struct timeval wait = {.tv_sec = 120};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&from, sizeof from) == 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    return fd;
}

static int dial(void)
{
    return dial_from(INADDR_LOOPBACK);
}

static void read_all(int fd, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got;
    while (n + 1 < cap && (got = read(fd, out + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = 0;
    (void)close(fd);
}

static void ask(const char *request, size_t n, char *out, size_t cap)
{
    int fd = dial();
    /* In two parts, as networks do. */
    CHECK(send(fd, request, n / 2, MSG_NOSIGNAL) == (ssize_t)(n / 2));
    sw_sleep_ms(5);
    (void)send(fd, request + n / 2, n - n / 2, MSG_NOSIGNAL);
    read_all(fd, out, cap);
}

TEST(requests)
{
    static const struct {
        const char *request, *status, *body;
    } table[] = {
        {"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK", "GET /a?b=c 127.0.0.1 1 []"},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "GET / 127.0.0.1 1 []"},
        {"GET /none HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", "/none"},
        {"PUT /x HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "HTTP/1.1 200", "[abc]"},
        {"PUT /x HTTP/1.1\r\nContent-Length: 99999\r\n\r\nabc", "HTTP/1.1 413", ""},
        {"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\nabc", "HTTP/1.1 400", ""},
        {"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400", ""},
        {"GET / HTTP/1.1\r\nno header\r\n\r\n", "HTTP/1.1 400", ""},
        {"GET http://x/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400", ""},
        {"GET / SMTP\r\n\r\n", "HTTP/1.1 400", ""},
        {"\r\n\r\n", "HTTP/1.1 400", ""},
    };
    start();
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        char out[4096];
        ask(table[i].request, strlen(table[i].request), out, sizeof out);
        CHECK_MSG(strncmp(out, table[i].status, strlen(table[i].status)) == 0, "%s: %s",
                  table[i].request, out);
        CHECK_CONTAINS(out, table[i].body);
        CHECK_CONTAINS(out, "Connection: close");
    }
    small_http_stop(server);
}

TEST(what_is_too_large_or_no_text_is_refused)
{
    static char large[SMALL_HTTP_REQUEST + 1];
    char out[4096];
    start();
    memset(large, 'a', sizeof large - 1);
    ask(large, sizeof large - 1, out, sizeof out);
    CHECK_CONTAINS(out, "HTTP/1.1 413");
    ask("GET /\0 HTTP/1.1\r\n\r\n", 19, out, sizeof out);
    CHECK_CONTAINS(out, "HTTP/1.1 400");
    small_http_stop(server);
}

TEST(a_peer_that_says_nothing_is_cut_off)
{
    char out[16];
    start();
    int64_t before = sw_mono_ms();
    int fd = dial();
    read_all(fd, out, sizeof out);
    CHECK_EQ_STR(out, "");
    CHECK(sw_mono_ms() - before >= 4000);
    small_http_stop(server);
}

static bool is_answered(int fd)
{
    char answer[4096];
    (void)send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
    read_all(fd, answer, sizeof answer);
    return strstr(answer, "200 OK") != NULL;
}

TEST(a_peer_that_holds_connections_loses_its_oldest)
{
    static const struct {
        uint32_t own;
        size_t most;
    } peers[] = {{0x7f000002, 32}, {INADDR_LOOPBACK, 128}};
    char out[16];
    start();
    for (size_t p = 0; p < SW_ARRAY_LEN(peers); p++) {
        int fds[129];
        bool at_once = false;
        for (int tries = 0; tries < 10 && !at_once; tries++) { /* we may not come to run in time */
            int64_t before = sw_mono_ms();
            for (size_t i = 0; i <= peers[p].most; i++)
                fds[i] = dial_from(peers[p].own);
            read_all(fds[0], out, sizeof out);
            CHECK_EQ_STR(out, "");
            bool second = is_answered(fds[1]), last = is_answered(fds[peers[p].most]);
            at_once = second && last && sw_mono_ms() - before < 4000; /* not after the deadline */
            for (size_t i = 2; i < peers[p].most; i++)
                (void)close(fds[i]);
        }
        CHECK(at_once);
    }
    small_http_stop(server);
}

TEST(whoever_asks_is_answered_while_others_hold_all_connections)
{
    enum { PEERS = 17, EACH = 32 };
    static int fds[PEERS * EACH];
    start();
    for (size_t i = 0; i < SW_ARRAY_LEN(fds); i++)
        fds[i] = dial_from(0x7f000100 + (uint32_t)(i / EACH));
    for (uint32_t i = 0; i < 20; i++)
        CHECK(is_answered(dial_from(0x7f000200 + i)));
    for (size_t i = 0; i < SW_ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    small_http_stop(server);
}

TEST(a_port_that_is_taken_is_a_conflict)
{
    struct sw_err err = SW_ERR_INIT;
    int fd = -1, other = -1;
    uint16_t p, q;
    CHECK_OK(small_http_listen("127.0.0.1", 0, &fd, &p, &err));
    CHECK_ERR(small_http_listen("127.0.0.1", p, &other, &q, &err), SW_ECONFLICT, NULL);
    sw_err_clear(&err);
    CHECK_ERR(small_http_listen("localhost", 0, &other, &q, &err), SW_EINVALID, NULL);
    (void)close(fd);
}

TEST(an_answer_may_come_later_and_holds_nobody_up)
{
    char out[4096];
    start();
    later = 0;
    int fd = dial(), gone = dial();
    CHECK(send(gone, "GET /later HTTP/1.1\r\n\r\n", 23, MSG_NOSIGNAL) == 23);
    for (int i = 0; i < 10000 && !later; i++)
        sw_sleep_ms(2);
    uint64_t first = later;
    CHECK(send(fd, "GET /later HTTP/1.1\r\n\r\n", 23, MSG_NOSIGNAL) == 23);
    for (int i = 0; i < 10000 && later == first; i++)
        sw_sleep_ms(2);
    (void)close(gone);
    ask("GET / HTTP/1.1\r\n\r\n", 18, out, sizeof out);
    CHECK_CONTAINS(out, "200 OK");
    struct sw_buf body = SW_BUF_INIT(64), other = SW_BUF_INIT(64);
    sw_buf_add_z(&body, "at last");
    sw_buf_add_z(&other, "to nobody");
    small_http_finish(server, first, 200, &other);
    small_http_finish(server, later, 400, &body);
    read_all(fd, out, sizeof out);
    CHECK_CONTAINS(out, "HTTP/1.1 400");
    CHECK_CONTAINS(out, "at last");
    small_http_halt(server);
    struct sw_buf late = SW_BUF_INIT(64);
    sw_buf_add_z(&late, "too late");
    small_http_finish(server, later, 200, &late);
    sw_buf_done(&body);
    sw_buf_done(&late);
    small_http_stop(server);
}
