/* SPDX-License-Identifier: Apache-2.0 */
#include "api/slow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "api/listen.h"
#include "base/clock.h"
#include "base/macros.h"
#include "tests/lib/test.h"

/* A watched end and its peer's, over loopback TCP. */
struct pair {
    struct slow_watch *watch;
    struct slow_conn conn;
    int ours, peer;
};

static void connect_pair(int *ret_ours, int *ret_peer)
{
    struct sw_err err = SW_ERR_INIT;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port = 0;
    sw_autoclose int listener = -1;

    CHECK_OK(http_listen("127.0.0.1", 0, &listener, &port, &err));
    sa.sin_port = htons(port);
    *ret_peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(*ret_peer, (struct sockaddr *)&sa, sizeof(sa)) == 0);
    struct pollfd p = {.fd = listener, .events = POLLIN};
    CHECK(poll(&p, 1, 60000) == 1);
    *ret_ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(*ret_ours >= 0);
}

static void start(struct pair *p, const struct slow_limits *limits)
{
    connect_pair(&p->ours, &p->peer);
    p->watch = slow_watch_new(limits);
    slow_add(p->watch, &p->conn, p->ours);
}

static void stop(struct pair *p)
{
    slow_remove(p->watch, &p->conn);
    slow_watch_free(p->watch);
    (void)close(p->ours);
    (void)close(p->peer);
}

static bool ended_within(const struct pair *p, int64_t ms)
{
    int64_t until = sw_mono_ms() + ms;

    while (!atomic_load(&p->conn.ended) && sw_mono_ms() < until)
        sw_sleep_ms(20);
    return atomic_load(&p->conn.ended);
}

/* What the peer gets until the end of the connection. */
static const char *received(const struct pair *p)
{
    static char text[512];
    size_t n = 0;

    for (;;) {
        struct pollfd f = {.fd = p->peer, .events = POLLIN};
        CHECK(poll(&f, 1, 60000) == 1);
        ssize_t got = recv(p->peer, text + n, sizeof(text) - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    text[n] = 0;
    return text;
}

static void send_and_read(const struct pair *p, size_t n)
{
    char text[65536] = {0};

    CHECK(n <= sizeof(text));
    CHECK_EQ_INT(send(p->peer, text, n, MSG_NOSIGNAL), (int64_t)n);
    CHECK_EQ_INT(recv(p->ours, text, n, MSG_WAITALL), (int64_t)n);
}

#define ENOUGH_MS 60000 /* on a machine that has much else to do */

static const struct slow_limits quick = {.header_ms = 700, .idle_ms = 700, .rate_min = 1000};
/* A test's thread may not come to run for a while. */
static const struct slow_limits steady = {.header_ms = 700, .idle_ms = 2000, .rate_min = 1000};

TEST(half_a_head_gets_408)
{
    struct pair p = {0};
    int64_t began = sw_mono_ms();

    start(&p, &quick);
    send_and_read(&p, 1);
    CHECK(ended_within(&p, ENOUGH_MS));
    CHECK(sw_mono_ms() - began >= quick.header_ms);
    CHECK_CONTAINS(received(&p), "HTTP/1.1 408 Request Timeout\r\nDate: ");
    stop(&p);
}

TEST(dripping_does_not_help)
{
    struct pair p = {0};

    start(&p, &quick);
    for (int i = 0; i < 400 && !atomic_load(&p.conn.ended); i++) {
        send_and_read(&p, 1);
        sw_sleep_ms(100);
    }
    CHECK(atomic_load(&p.conn.ended));
    stop(&p);
}

TEST(silence_and_encryption_get_no_text)
{
    struct pair silent = {0}, encrypted = {0};
    struct slow_limits limits = quick;

    limits.encrypted = true;
    start(&silent, &quick);
    start(&encrypted, &limits);
    send_and_read(&encrypted, 10);
    CHECK(ended_within(&silent, ENOUGH_MS));
    CHECK(ended_within(&encrypted, ENOUGH_MS));
    CHECK_EQ_STR(received(&silent), "");
    CHECK_EQ_STR(received(&encrypted), "");
    stop(&silent);
    stop(&encrypted);
}

TEST(our_own_time_is_not_counted)
{
    struct pair working = {0}, behind = {0};

    start(&working, &quick);
    start(&behind, &quick);
    slow_phase(working.watch, &working.conn, SLOW_OURS);
    CHECK_EQ_INT(send(behind.peer, "GET", 3, MSG_NOSIGNAL), 3); /* nobody reads it */
    CHECK(!ended_within(&working, 2500));
    CHECK(!ended_within(&behind, 1));
    slow_phase(working.watch, &working.conn, SLOW_HEAD);
    CHECK(ended_within(&working, ENOUGH_MS));
    stop(&working);
    stop(&behind);
}

TEST(idle_is_both_times_together)
{
    struct pair p = {0};
    int64_t began = sw_mono_ms();

    start(&p, &quick);
    send_and_read(&p, 100);
    slow_phase(p.watch, &p.conn, SLOW_IDLE);
    CHECK(ended_within(&p, ENOUGH_MS));
    CHECK(sw_mono_ms() - began >= quick.header_ms + quick.idle_ms);
    CHECK_EQ_STR(received(&p), "");
    stop(&p);
}

TEST(bodies_have_a_least_rate)
{
    struct pair slow = {0}, fast = {0}, unlimited = {0};
    struct slow_limits limits = steady;

    limits.rate_min = 0;
    start(&slow, &steady);
    start(&fast, &steady);
    start(&unlimited, &limits);
    slow_phase(slow.watch, &slow.conn, SLOW_BODY);
    slow_phase(fast.watch, &fast.conn, SLOW_BODY);
    slow_phase(unlimited.watch, &unlimited.conn, SLOW_BODY);
    for (int i = 0, after = 0; i < 600 && after < 10; i++) {
        send_and_read(&fast, 30000); /* 300,000 a second, were nobody else on the machine */
        if (!atomic_load(&slow.conn.ended))
            send_and_read(&slow, 10); /* at most 100 a second */
        else
            after++;
        sw_sleep_ms(100);
    }
    CHECK(!atomic_load(&fast.conn.ended));
    CHECK(!atomic_load(&unlimited.conn.ended));
    CHECK(atomic_load(&slow.conn.ended));
    CHECK_CONTAINS(received(&slow), "408");
    stop(&slow);
    stop(&fast);
    stop(&unlimited);
}

static void fill(int fd)
{
    static char zeroes[65536];

    while (send(fd, zeroes, sizeof(zeroes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
    CHECK(errno == EAGAIN || errno == EPIPE);
}

TEST(whoever_does_not_take_an_answer_loses_it)
{
    struct pair stuck = {0}, reader = {0}, taken = {0};
    static char drop[1 << 20];

    start(&stuck, &steady);
    start(&reader, &steady);
    start(&taken, &steady);
    slow_phase(stuck.watch, &stuck.conn, SLOW_ANSWER);
    slow_phase(reader.watch, &reader.conn, SLOW_ANSWER);
    slow_phase(taken.watch, &taken.conn, SLOW_ANSWER); /* nothing waits: we are behind */
    fill(stuck.ours);
    for (int i = 0, after = 0; i < 600 && after < 10; i++) {
        fill(reader.ours);
        (void)recv(reader.peer, drop, sizeof(drop), MSG_DONTWAIT);
        after += atomic_load(&stuck.conn.ended);
        sw_sleep_ms(100);
    }
    CHECK(atomic_load(&stuck.conn.ended));
    CHECK(!atomic_load(&reader.conn.ended));
    CHECK(!atomic_load(&taken.conn.ended));
    struct linger linger = {0};
    socklen_t n = sizeof(linger);
    CHECK(getsockopt(stuck.ours, SOL_SOCKET, SO_LINGER, &linger, &n) == 0);
    CHECK(linger.l_onoff && linger.l_linger == 0); /* closing drops what was not taken */
    stop(&stuck);
    stop(&reader);
    stop(&taken);
}

TEST(many_come_and_go)
{
    struct slow_watch *w = slow_watch_new(&quick);
    struct pair p[40];

    memset(p, 0, sizeof(p));
    for (size_t i = 0; i < SW_ARRAY_LEN(p); i++) {
        connect_pair(&p[i].ours, &p[i].peer);
        slow_add(w, &p[i].conn, p[i].ours);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(p); i += 2)
        slow_remove(w, &p[i].conn);
    for (size_t i = 1; i < SW_ARRAY_LEN(p); i += 2)
        CHECK(ended_within(&p[i], 3000));
    for (size_t i = 0; i < SW_ARRAY_LEN(p); i += 2)
        CHECK(!atomic_load(&p[i].conn.ended));
    for (size_t i = 1; i < SW_ARRAY_LEN(p); i += 2)
        slow_remove(w, &p[i].conn);
    slow_watch_free(w);
    slow_watch_free(NULL);
    for (size_t i = 0; i < SW_ARRAY_LEN(p); i++) {
        (void)close(p[i].ours);
        (void)close(p[i].peer);
    }
}
