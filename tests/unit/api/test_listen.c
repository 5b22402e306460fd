/* SPDX-License-Identifier: Apache-2.0 */
#include "api/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "api/linger.h"
#include "base/clock.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static void expect_peer(int family, const char *address, const char *want)
{
    struct sockaddr_storage sa = {.ss_family = (sa_family_t)family};
    char out[46];
    void *at = family == AF_INET ? (void *)&((struct sockaddr_in *)&sa)->sin_addr
                                 : (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr;
    if (address)
        CHECK(inet_pton(family, address, at) == 1);
    http_format_peer((struct sockaddr *)&sa, out);
    CHECK_EQ_STR(out, want);
}

TEST(peers_are_numeric)
{
    expect_peer(AF_INET, "192.0.2.7", "192.0.2.7");
    expect_peer(AF_INET6, "2001:db8::1", "2001:db8::1");
    expect_peer(AF_INET6, "::ffff:192.0.2.7", "192.0.2.7");
    expect_peer(AF_UNIX, NULL, "");
}

TEST(listens_on_a_free_port_and_not_twice)
{
    struct sw_err err = SW_ERR_INIT;
    uint16_t port = 0, other = 0;
    sw_autoclose int fd = -1;
    int second = -1;
    CHECK_OK(http_listen("127.0.0.1", 0, &fd, &port, &err));
    CHECK(fd >= 0 && port > 0);
    CHECK_ERR(http_listen("127.0.0.1", port, &second, &other, &err), SW_EIO, NULL);
    CHECK_EQ_INT(second, -1);
    CHECK_ERR(http_listen("no host.invalid", 0, &second, &other, &err), SW_EINVALID, NULL);
    CHECK_OK(http_listen(NULL, 0, &second, &other, &err));
    (void)close(second);
}

/* The other side sees our end at once, may go on writing, and we end when it does. */
TEST(lingers_on_a_copy_until_the_peer_ends)
{
    struct lingerer *l = linger_new();
    int pair[2];
    char c;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    linger_start(l, pair[0]);
    (void)close(pair[0]);
    CHECK_EQ_INT(recv(pair[1], &c, 1, 0), 0);
    for (int i = 0; i < 100; i++)
        CHECK_EQ_INT(send(pair[1], "x", 1, MSG_NOSIGNAL), 1);
    (void)close(pair[1]);
    int64_t start_ms = sw_mono_ms();
    linger_free(l);
    CHECK(sw_mono_ms() - start_ms < 2000);
    linger_free(NULL);
}
