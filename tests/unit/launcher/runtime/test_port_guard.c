/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter of a container's port says of frames, asked of the kernel: a socket takes the same program. */
#include "launcher/runtime/port_guard.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define OWN_MAC   "\x02\x00\x00\x00\x00\x05"
#define OTHER_MAC "\x02\x00\x00\x00\x00\x06"
#define FRAME     60

static json_t *result_of(const char *address)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s, s:s}], s:[{s:s, s:s, s:s}]}",
                     "interfaces", "name", "br0", "mac", "02:00:00:00:00:01", "name", "veth1",
                     "mac", "02:00:00:00:00:02", "name", "eth0", "mac", "02:00:00:00:00:05",
                     "sandbox", "/ns", "ips", "version", "4", "address", address, "gateway",
                     "10.0.0.1");
}

TEST(reads_what_the_plugin_answered)
{
    struct port_guard g;
    sw_autojson json_t *good = result_of("10.0.0.5/24");
    CHECK(port_guard_read(good, &g));
    CHECK_EQ_STR(g.bridge, "br0");
    CHECK_EQ_STR(g.port, "veth1");
    CHECK(memcmp(g.mac, OWN_MAC, 6) == 0);
    CHECK_EQ_INT(ntohl(g.address.s_addr), 0x0a000005);
    CHECK_EQ_INT(ntohl(g.gateway.s_addr), 0x0a000001);
    sw_autojson json_t *six = result_of("fd00::5/64");
    CHECK(!port_guard_read(six, &g));
    sw_autojson json_t *bad = result_of("10.0.0.5/24");
    sw_json_set_str(json_array_get(sw_json_array(bad, "interfaces"), 2), "mac", "02:00:00:00:00");
    CHECK(!port_guard_read(bad, &g));
    json_array_remove(sw_json_array(good, "interfaces"), 0);
    CHECK(!port_guard_read(good, &g)); /* of another plugin */
    CHECK(!port_guard_read(NULL, &g));
}

static bool passes(int fds[2], const unsigned char frame[FRAME])
{
    unsigned char got[FRAME];
    CHECK_EQ_INT(send(fds[0], frame, FRAME, 0), FRAME);
    ssize_t n = recv(fds[1], got, sizeof got, MSG_DONTWAIT);
    CHECK(n == FRAME || n == 2); /* cut down to the number that says to drop it */
    return n == FRAME;
}

static void ip_frame(unsigned char f[FRAME], const char *mac, const char *from, const char *to)
{
    memset(f, 0, FRAME);
    memcpy(f + 6, mac, 6);
    f[12] = 0x08;
    f[14] = 0x45;
    CHECK(inet_pton(AF_INET, from, f + 26) == 1 && inet_pton(AF_INET, to, f + 30) == 1);
}

static void arp_frame(unsigned char f[FRAME], const char *mac, const char *sender_mac,
                      const char *sender)
{
    memset(f, 0, FRAME);
    memcpy(f + 6, mac, 6);
    f[12] = 0x08;
    f[13] = 0x06;
    memcpy(f + 22, sender_mac, 6);
    CHECK(inet_pton(AF_INET, sender, f + 28) == 1);
}

TEST(a_container_sends_only_as_itself)
{
    struct port_guard g;
    struct sock_filter code[PORT_GUARD_FILTER_MAX];
    unsigned char f[FRAME];
    int fds[2];
    sw_autojson json_t *result = result_of("10.0.0.5/24");
    CHECK(port_guard_read(result, &g));
    struct sock_fprog program = {.len = (unsigned short)port_guard_filter(&g, code),
                                 .filter = code};
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
    static const struct {
        const char *mac, *from, *to;
        bool passes;
    } packets[] = {{OWN_MAC, "10.0.0.5", "10.0.0.1", true},
                   {OWN_MAC, "10.0.0.5", "169.254.170.2", true},
                   {OWN_MAC, "10.0.0.5", "127.0.0.1", false},
                   {OWN_MAC, "10.0.0.6", "10.0.0.1", false},
                   {OWN_MAC, "0.0.0.0", "255.255.255.255", false},
                   {OTHER_MAC, "10.0.0.5", "10.0.0.1", false},
                   {OTHER_MAC, "10.0.0.6", "10.0.0.1", false}};
    for (size_t i = 0; i < SW_ARRAY_LEN(packets); i++) {
        ip_frame(f, packets[i].mac, packets[i].from, packets[i].to);
        CHECK_MSG(passes(fds, f) == packets[i].passes, "packet %zu", i);
    }
    static const struct {
        const char *mac, *sender_mac, *sender;
        bool passes;
    } questions[] = {{OWN_MAC, OWN_MAC, "10.0.0.5", true},
                     {OWN_MAC, OWN_MAC, "10.0.0.1", false},
                     {OWN_MAC, OTHER_MAC, "10.0.0.5", false},
                     {OTHER_MAC, OWN_MAC, "10.0.0.5", false}};
    for (size_t i = 0; i < SW_ARRAY_LEN(questions); i++) {
        arp_frame(f, questions[i].mac, questions[i].sender_mac, questions[i].sender);
        CHECK_MSG(passes(fds, f) == questions[i].passes, "question %zu", i);
    }
    ip_frame(f, OWN_MAC, "10.0.0.5", "10.0.0.1");
    static const unsigned char others[][2] = {{0x86, 0xdd}, {0x81, 0x00}, {0x88, 0x8e}, {0, 38}};
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++) {
        memcpy(f + 12, others[i], 2);
        CHECK_MSG(!passes(fds, f), "protocol %zu", i);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* A task ends with the cable of its container, so that must not be said of one which could only not be looked at. */
TEST(a_port_that_cannot_be_set_up_is_not_gone)
{
    struct sw_err err = SW_ERR_INIT;
    struct port_guard g = {.bridge = "none0", .port = "lo"};
    enum port_state state = PORT_WELL;
    if (geteuid() != 0)
        test_skip("needs root");
    CHECK(unshare(CLONE_NEWNET) == 0); /* where lo is down */
    CHECK(port_guard_has_port(&g));
    CHECK(seteuid(65534) == 0);
    CHECK(port_guard_mend(&g, &state, &err) < 0);
    CHECK(seteuid(0) == 0);
    sw_err_clear(&err);

    (void)snprintf(g.port, sizeof g.port, "none1");
    CHECK(!port_guard_has_port(&g));
    CHECK_OK(port_guard_mend(&g, &state, &err));
    CHECK_EQ_INT(state, PORT_GONE);
}
