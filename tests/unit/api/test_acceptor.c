/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api/acceptor.h"
#include "api/listen.h"
#include "base/clock.h"
#include "tests/lib/test.h"

struct seen {
    atomic_int taken, room;
};

static bool has_room(void *ctx)
{
    struct seen *s = ctx;
    return atomic_load(&s->taken) < atomic_load(&s->room);
}

static void take(void *ctx, int fd, const struct sockaddr *peer, socklen_t peer_n)
{
    struct seen *s = ctx;
    CHECK(peer->sa_family == AF_INET && peer_n >= sizeof(struct sockaddr_in));
    CHECK(fd >= 0);
    (void)close(fd);
    atomic_fetch_add(&s->taken, 1);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

static bool reaches(struct seen *s, int n)
{
    for (int i = 0; i < 5000 && atomic_load(&s->taken) < n; i++)
        sw_sleep_ms(10);
    return atomic_load(&s->taken) == n;
}

TEST(connections_are_taken_while_there_is_room)
{
    struct sw_err err = SW_ERR_INIT;
    struct seen s = {.room = 3};
    const struct acceptor_options o = {has_room, take, &s};
    uint16_t port = 0;
    int listen_fd = -1, fds[5];

    CHECK_OK(http_listen("127.0.0.1", 0, &listen_fd, &port, &err));
    struct acceptor *a = acceptor_start(listen_fd, &o);
    for (int i = 0; i < 5; i++)
        fds[i] = connect_to(port);
    CHECK(reaches(&s, 3));
    sw_sleep_ms(50);
    CHECK_EQ_INT(s.taken, 3);
    atomic_store(&s.room, 5);
    CHECK(reaches(&s, 5));
    acceptor_stop(a);
    for (int i = 0; i < 5; i++)
        (void)close(fds[i]);
}

TEST(stopping_closes_the_listening_socket)
{
    struct sw_err err = SW_ERR_INIT;
    struct seen s = {.room = 1};
    const struct acceptor_options o = {has_room, take, &s};
    uint16_t port = 0, same = 0;
    int listen_fd = -1;

    CHECK_OK(http_listen("127.0.0.1", 0, &listen_fd, &port, &err));
    acceptor_stop(acceptor_start(listen_fd, &o));
    CHECK_OK(http_listen("127.0.0.1", port, &listen_fd, &same, &err));
    CHECK_EQ_INT(same, port);
    (void)close(listen_fd);
    acceptor_stop(NULL);
}
