/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/port_guard.c - rtnetlink(7); tc-bpf(8) with classic instructions and actions of their own; bridge(8).
 * Each step may be repeated: what is there is replaced. */
#include "launcher/runtime/port_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"

#define REASON      "ContainerNetworkingError"
#define INSIDE      "eth0"
#define MESSAGE_MAX 2048
#define TIMEOUT_S   5
#define PRIORITY    1 /* of the filter */

static bool mac_parse(const char *text, uint8_t out[6])
{
    unsigned v[6];
    char rest;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
               &rest) != 6)
        return false;
    for (size_t i = 0; i < 6; i++)
        out[i] = (uint8_t)v[i];
    return true;
}

static bool name_of(const json_t *interface, char out[IFNAMSIZ])
{
    return sw_str_copy(sw_str(sw_json_str(interface, "name", "")), out, IFNAMSIZ) && *out;
}

bool port_guard_read(const json_t *result, struct port_guard *ret)
{
    struct port_guard g = {.bridge = ""};
    const json_t *all = sw_json_array(result, "interfaces"), *ip, *v;
    char address[64];
    size_t i;
    /* The plugin "bridge" names the bridge, the host's end and the container's, in this order. */
    if (json_array_size(all) != 3 || !name_of(json_array_get(all, 0), g.bridge) ||
        !name_of(json_array_get(all, 1), g.port) ||
        !*sw_json_str(json_array_get(all, 2), "sandbox", "") ||
        !mac_parse(sw_json_str(json_array_get(all, 2), "mac", ""), g.mac))
        return false;
    ip = NULL;
    json_array_foreach(sw_json_array(result, "ips"), i, v) {
        struct sw_str s = sw_str(sw_json_str(v, "address", "")), one;
        if (!ip && sw_str_split(&s, '/', &one) && sw_str_copy(one, address, sizeof address) &&
            inet_pton(AF_INET, address, &g.address) == 1 &&
            inet_pton(AF_INET, sw_json_str(v, "gateway", ""), &g.gateway) == 1)
            ip = v;
    }
    if (ip)
        *ret = g;
    return ip != NULL;
}

/* --- the filter --- */

static uint32_t high4(const uint8_t mac[6])
{
    return (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
}

/* Jumps are relative, and the two ends come last: every check that fails jumps to DROP. */
size_t port_guard_filter(const struct port_guard *g, struct sock_filter out[PORT_GUARD_FILTER_MAX])
{
    enum { DROP_MARK = 255, PASS_MARK = 254 }; /* filled in at the end */
    const uint32_t high = high4(g->mac), low = (uint32_t)g->mac[4] << 8 | g->mac[5];
    const uint32_t own = ntohl(g->address.s_addr);
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 6), /* Ethernet: source */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 10),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 26), /* IPv4: source, destination */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 30),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IN_LOOPBACKNET, DROP_MARK, PASS_MARK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 22), /* ARP: sender's hardware address, its address */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 26),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, DROP_MARK),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 28),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own, PASS_MARK, DROP_MARK),
        BPF_STMT(BPF_RET | BPF_K, (uint32_t)TC_ACT_UNSPEC), /* PASS: to filters after this */
        BPF_STMT(BPF_RET | BPF_K, TC_ACT_SHOT),             /* DROP */
    };
    const size_t n = SW_ARRAY_LEN(code), drop = n - 1, pass = n - 2;
    for (size_t i = 0; i < n; i++) {
        out[i] = code[i];
        uint8_t *const jumps[] = {&out[i].jt, &out[i].jf};
        for (size_t k = 0; k < 2 && BPF_CLASS(code[i].code) == BPF_JMP; k++) {
            if (*jumps[k] == DROP_MARK)
                *jumps[k] = (uint8_t)(drop - i - 1);
            else if (*jumps[k] == PASS_MARK)
                *jumps[k] = (uint8_t)(pass - i - 1);
        }
    }
    return n;
}

/* --- rtnetlink --- */

struct message {
    struct nlmsghdr h;
    char room[MESSAGE_MAX];
};

static void *begin(struct message *m, uint16_t type, uint16_t flags, size_t body)
{
    memset(m, 0, sizeof *m);
    m->h = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH((uint32_t)body),
                             .nlmsg_type = type,
                             .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
                             .nlmsg_seq = 1};
    return NLMSG_DATA(&m->h);
}

static struct rtattr *attribute(struct message *m, uint16_t type, const void *data, size_t n)
{
    struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->h.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(n);
    if (n)
        memcpy(RTA_DATA(a), data, n);
    m->h.nlmsg_len = NLMSG_ALIGN(m->h.nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
    return a;
}

static void close_nest(struct message *m, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)((char *)m + m->h.nlmsg_len - (char *)nest);
}

/* The kernel's answer, as errno; 0: it did so. */
static int ask(int fd, struct message *m)
{
    char answer[4096];
    if (send(fd, m, m->h.nlmsg_len, 0) < 0)
        return errno;
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)answer;
    if (n < 0)
        return errno;
    if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

static int open_socket(struct sw_err *err)
{
    struct timeval wait = {.tv_sec = TIMEOUT_S};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return sw_fail_os(err, e, "netlink");
    }
    return fd;
}

static int refused(int e, const char *what, struct sw_err *err)
{
    return sw_fail(err, SW_EIO, REASON, "%s: %s", what, strerrordesc_np(e));
}

static int set_neighbour(int fd, int index, struct in_addr address, const uint8_t mac[6],
                         struct sw_err *err)
{
    struct message m;
    struct ndmsg *n = begin(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof *n);
    *n = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT};
    attribute(&m, NDA_DST, &address, sizeof address);
    attribute(&m, NDA_LLADDR, mac, 6);
    int e = ask(fd, &m);
    return e == 0 ? 0 : refused(e, "permanent neighbour", err);
}

/* Static, so that the port needs to learn nothing and nobody else's port is taken for it. */
static int set_port(int fd, int index, const uint8_t mac[6], struct sw_err *err)
{
    const uint8_t off = 0, on = 1;
    struct message m;
    struct ndmsg *n = begin(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof *n);
    *n = (struct ndmsg){.ndm_family = AF_BRIDGE,
                        .ndm_ifindex = index,
                        .ndm_state = NUD_NOARP,
                        .ndm_flags = NTF_MASTER};
    attribute(&m, NDA_LLADDR, mac, 6);
    int e = ask(fd, &m);
    if (e != 0)
        return refused(e, "hardware address of a port", err);
    struct ifinfomsg *i = begin(&m, RTM_SETLINK, 0, sizeof *i);
    *i = (struct ifinfomsg){.ifi_family = AF_BRIDGE, .ifi_index = index};
    struct rtattr *nest = attribute(&m, IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
    attribute(&m, IFLA_BRPORT_LEARNING, &off, 1);
    attribute(&m, IFLA_BRPORT_MODE, &on, 1);   /* hairpin, as the plugin has it */
    attribute(&m, IFLA_BRPORT_LOCKED, &on, 1); /* older kernels pass over it */
    close_nest(&m, nest);
    e = ask(fd, &m);
    return e == 0 ? 0 : refused(e, "port of the bridge", err);
}

static int set_filter(int fd, int index, const struct port_guard *g, struct sw_err *err)
{
    struct sock_filter code[PORT_GUARD_FILTER_MAX];
    const uint16_t count = (uint16_t)port_guard_filter(g, code);
    const uint32_t flags = TCA_BPF_FLAG_ACT_DIRECT;
    struct message m;
    struct tcmsg *t = begin(&m, RTM_NEWQDISC, NLM_F_CREATE, sizeof *t);
    *t = (struct tcmsg){
        .tcm_ifindex = index, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
    attribute(&m, TCA_KIND, "clsact", sizeof "clsact");
    int e = ask(fd, &m);
    if (e != 0 && e != EEXIST)
        return sw_fail(err, SW_EUNSUPPORTED, REASON, "clsact: %s", strerrordesc_np(e));
    t = begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, sizeof *t);
    *t = (struct tcmsg){.tcm_ifindex = index,
                        .tcm_handle = 1,
                        .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                        .tcm_info = TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_ALL))};
    attribute(&m, TCA_KIND, "bpf", sizeof "bpf");
    struct rtattr *nest = attribute(&m, TCA_OPTIONS | NLA_F_NESTED, NULL, 0);
    attribute(&m, TCA_BPF_OPS_LEN, &count, sizeof count);
    attribute(&m, TCA_BPF_OPS, code, count * sizeof *code);
    attribute(&m, TCA_BPF_FLAGS, &flags, sizeof flags);
    close_nest(&m, nest);
    e = ask(fd, &m);
    return e == 0
               ? 0
               : sw_fail(err, SW_EUNSUPPORTED, REASON, "filter of a port: %s", strerrordesc_np(e));
}

/* --- inside --- */

struct inside {
    const char *netns;
    const struct port_guard *g;
    const uint8_t *gateway_mac;
    struct sw_err *err;
    int result;
};

static void *set_inside(void *arg)
{
    struct inside *a = arg;
    sw_autoclose int ns = open(a->netns, O_RDONLY | O_CLOEXEC);
    sw_autoclose int fd = -1;
    if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) {
        a->result = sw_fail_os(a->err, errno, "network namespace %s", a->netns);
    } else if ((fd = open_socket(a->err)) < 0) {
        a->result = fd;
    } else {
        a->result =
            set_neighbour(fd, (int)if_nametoindex(INSIDE), a->g->gateway, a->gateway_mac, a->err);
    }
    return NULL;
}

static int mac_of_bridge(const char *name, uint8_t out[6], struct sw_err *err)
{
    struct ifreq r = {.ifr_flags = 0};
    sw_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)sw_str_copy(sw_str(name), r.ifr_name, sizeof r.ifr_name);
    if (s < 0 || ioctl(s, SIOCGIFHWADDR, &r) < 0)
        return sw_fail_os(err, errno, "bridge %s", name);
    memcpy(out, r.ifr_hwaddr.sa_data, 6);
    return 0;
}

/* What comes by the bridge has an address of the bridge; without it a container could speak for the host's other networks. */
static void check_reverse_path(const char *bridge)
{
    char path[128];
    struct sw_err ignored = SW_ERR_INIT;
    (void)snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/rp_filter", bridge);
    sw_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)sw_write_all(fd, "1", 1, &ignored);
}

int port_guard_set(const struct port_guard *g, const char *netns_path, struct sw_err *err)
{
    uint8_t gateway_mac[6];
    pthread_t thread;
    struct inside in = {.netns = netns_path, .g = g, .gateway_mac = gateway_mac, .err = err};
    int bridge = (int)if_nametoindex(g->bridge), port = (int)if_nametoindex(g->port);
    if (!bridge || !port)
        return sw_fail(err, SW_EIO, REASON, "%s or %s is not there", g->bridge, g->port);
    if (mac_of_bridge(g->bridge, gateway_mac, err) < 0)
        return err->code;
    int e = pthread_create(&thread, NULL, set_inside, &in);
    if (e != 0)
        return sw_fail_os(err, e, "thread for a network namespace");
    pthread_join(thread, NULL);
    if (in.result < 0)
        return in.result;
    sw_autoclose int fd = open_socket(err);
    if (fd < 0)
        return fd;
    check_reverse_path(g->bridge);
    int r = set_neighbour(fd, bridge, g->address, g->mac, err);
    if (r == 0)
        r = set_port(fd, port, g->mac, err);
    return r < 0 ? r : set_filter(fd, port, g, err);
}

/* --- what others did to it --- */

/* False, with errno: it is not up, and cannot be set up. */
static bool is_up(int s, const char *name, bool *ret_was_down)
{
    struct ifreq r = {.ifr_flags = 0};
    (void)sw_str_copy(sw_str(name), r.ifr_name, sizeof r.ifr_name);
    if (ioctl(s, SIOCGIFFLAGS, &r) < 0)
        return false;
    *ret_was_down = !(r.ifr_flags & IFF_UP);
    if (!*ret_was_down)
        return true;
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ioctl(s, SIOCSIFFLAGS, &r) == 0;
}

bool port_guard_has_port(const struct port_guard *g)
{
    return if_nametoindex(g->port) != 0 || errno != ENODEV;
}

bool port_guard_has_bridge(const struct port_guard *g)
{
    struct ifreq r = {.ifr_flags = 0};
    struct sockaddr_in a;
    bool was_down;
    sw_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)sw_str_copy(sw_str(g->bridge), r.ifr_name, sizeof r.ifr_name);
    if (s < 0 || ioctl(s, SIOCGIFADDR, &r) < 0)
        return false;
    memcpy(&a, &r.ifr_addr, sizeof a);
    return a.sin_addr.s_addr == g->gateway.s_addr && is_up(s, g->bridge, &was_down);
}

int port_guard_mend(const struct port_guard *g, enum port_state *ret, struct sw_err *err)
{
    struct ifreq r = {.ifr_ifindex = (int)if_nametoindex(g->port)};
    bool was_down = false;
    *ret = PORT_GONE;
    if (r.ifr_ifindex == 0)
        return errno == ENODEV ? 0 : sw_fail_os(err, errno, "port %s", g->port);
    sw_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return sw_fail_os(err, errno, "socket");
    if (!is_up(s, g->port, &was_down))
        return errno == ENODEV ? 0 : sw_fail_os(err, errno, "port %s", g->port);
    (void)sw_str_copy(sw_str(g->bridge), r.ifr_name, sizeof r.ifr_name);
    bool joined = ioctl(s, SIOCBRADDIF, &r) == 0;
    if (!joined && errno != EBUSY) /* which it is while it has a bridge */
        return sw_fail_os(err, errno, "port %s of bridge %s", g->port, g->bridge);
    *ret = joined || was_down ? PORT_MENDED : PORT_WELL;
    return 0;
}

void port_guard_clear(const struct port_guard *g)
{
    struct message m;
    struct sw_err ignored = SW_ERR_INIT;
    int bridge = (int)if_nametoindex(g->bridge);
    sw_autoclose int fd = bridge ? open_socket(&ignored) : -1;
    if (fd < 0)
        return;
    struct ndmsg *n = begin(&m, RTM_DELNEIGH, 0, sizeof *n);
    *n = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = bridge};
    attribute(&m, NDA_DST, &g->address, sizeof g->address);
    (void)ask(fd, &m);
}
