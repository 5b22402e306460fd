/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/task_net.c - iptables(8) as the CNI plugins use it, and an alias of the loopback device (netdevice(7)).
 * Invariant: a chain is filled before anything leads to it, and nothing leads to it any more before it is emptied. */
#include "launcher/runtime/task_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "base/macros.h"
#include "base/process.h"
#include "base/str.h"

#define HOST_CHAIN  "SLIPWAY-HOST"
#define PORTS_CHAIN "CNI-HOSTPORT-DNAT" /* the plugin portmap's */
#define ALIAS       "lo:slipway"
#define ARGS_MAX    24
#define TIMEOUT_MS  10000
#define MESSAGE_MAX 4096
#define RULES_MAX   (8 * 1024 * 1024)

int task_net_gateway(const char *subnet, char out[64], struct sw_err *err)
{
    char text[64];
    struct in_addr a;
    const char *slash = strchr(subnet, '/');
    if (!slash || !sw_str_copy(sw_str_n(subnet, (size_t)(slash - subnet)), text, sizeof text) ||
        inet_pton(AF_INET, text, &a) != 1)
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is no subnet", subnet);
    uint64_t prefix;
    if (!sw_parse_u64(sw_str(slash + 1), &prefix) || prefix < 1 || prefix > 30)
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is no subnet", subnet);
    uint32_t mask = ~(uint32_t)0 << (32 - prefix);
    a.s_addr = htonl((ntohl(a.s_addr) & mask) + 1);
    (void)inet_ntop(AF_INET, &a, out, 64);
    return 0;
}

/* One call on the nat table; what it prints is dropped unless out is given. */
static int run_iptables(const char *const *words, size_t n, struct sw_buf *out, struct sw_err *err)
{
    char program[256];
    const char *argv[ARGS_MAX + 6] = {program, "-w", "10", "-t", "nat"};
    if (!sw_find_program("iptables", program, sizeof program))
        return sw_fail(err, SW_EUNSUPPORTED, NULL, "iptables is not there");
    for (size_t i = 0; i < n && i < ARGS_MAX; i++)
        argv[5 + i] = words[i];
    SW_CLEANUP(sw_buf_done) struct sw_buf drop = SW_BUF_INIT(MESSAGE_MAX);
    SW_CLEANUP(sw_buf_done) struct sw_buf message = SW_BUF_INIT(MESSAGE_MAX);
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = TIMEOUT_MS};
    struct sw_process_result res;
    if (sw_process_run(&spec, out ? out : &drop, &message, &res, err) < 0)
        return err->code;
    if (res.exit_code != 0)
        return sw_fail(err, SW_EIO, NULL, "iptables %s %s: %.150s", words[0], n > 1 ? words[1] : "",
                       sw_buf_str(&message).p);
    return 0;
}

/* The words of a line as iptables takes and prints them: blanks between, quotes around, a backslash before. In place. */
static size_t split_words(char *line, const char **words, size_t max)
{
    size_t n = 0;
    for (char *in = line; n < max;) {
        bool quoted = false;
        while (*in == ' ')
            in++;
        if (!*in)
            break;
        char *out = in;
        words[n++] = out;
        for (; *in && (quoted || *in != ' '); in++) {
            if (*in == '"') {
                quoted = !quoted;
                continue;
            }
            if (*in == '\\' && in[1])
                in++;
            *out++ = *in;
        }
        char *next = *in ? in + 1 : in;
        *out = 0;
        in = next;
    }
    return n;
}

static int iptables(const char *line, struct sw_err *err)
{
    char text[512];
    const char *words[ARGS_MAX];
    (void)snprintf(text, sizeof text, "%s", line);
    return run_iptables(words, split_words(text, words, ARGS_MAX), NULL, err);
}

static void iptables_quietly(const char *words)
{
    struct sw_err ignored = SW_ERR_INIT;
    (void)iptables(words, &ignored);
}

/* from: the hook and what it matches. */
static void close_chain(const char *chain, const char *from)
{
    char words[256];
    (void)snprintf(words, sizeof words, "-D %s -j %s", from, chain);
    iptables_quietly(words);
    (void)snprintf(words, sizeof words, "-F %s", chain);
    iptables_quietly(words);
    (void)snprintf(words, sizeof words, "-X %s", chain);
    iptables_quietly(words);
}

static int open_chain(const char *chain, const char *from, const char *to, uint16_t port,
                      struct sw_err *err)
{
    char words[256];
    close_chain(chain, from);
    (void)snprintf(words, sizeof words, "-N %s", chain);
    if (iptables(words, err) < 0)
        return err->code;
    (void)snprintf(words, sizeof words,
                   "-A %s -d " TASK_NET_ADDRESS "/32 -p tcp --dport 80 -j DNAT --to-destination "
                   "%s:%u",
                   chain, to, port);
    if (iptables(words, err) < 0)
        return err->code;
    const char *blank = strchr(from, ' ');
    (void)snprintf(words, sizeof words, "-I %.*s 1%s -j %s",
                   blank ? (int)(blank - from) : (int)strlen(from), from, blank ? blank : "",
                   chain);
    return iptables(words, err);
}

static void bridge_names(const char *bridge, char chain[64], char from[64])
{
    (void)snprintf(chain, 64, "SLIPWAY-%.15s", bridge);
    (void)snprintf(from, 64, "PREROUTING -i %.15s", bridge);
}

int task_net_open_bridge(const char *bridge, const char *to, uint16_t port, struct sw_err *err)
{
    char chain[64], from[64];
    bridge_names(bridge, chain, from);
    return open_chain(chain, from, to, port, err);
}

void task_net_close_bridge(const char *bridge)
{
    char chain[64], from[64];
    bridge_names(bridge, chain, from);
    close_chain(chain, from);
}

/* As the plugins name it. */
static void masquerade_chain(const char *network, const char *id, char out[32])
{
    struct digest d;
    char hex[129];
    sw_autofree char *text = sw_asprintf("%s%s", network, id);
    digest_of(DIGEST_SHA512, text, strlen(text), &d);
    digest_hex(&d, hex);
    (void)snprintf(out, 32, "CNI-%.24s", hex);
}

int task_net_remove_masquerade(const char *network, const char *id, struct sw_err *err)
{
    char chain[32];
    SW_CLEANUP(sw_buf_done) struct sw_buf list = SW_BUF_INIT(RULES_MAX);
    masquerade_chain(network, id, chain);
    int r = run_iptables((const char *const[]){"-S"}, 1, &list, err);
    if (r == SW_EUNSUPPORTED) { /* then the plugin had none either */
        sw_err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (!strstr(sw_buf_str(&list).p, chain))
        return 0;
    struct sw_str rest = sw_buf_str(&list), line;
    while (sw_str_split(&rest, '\n', &line)) {
        const char *words[ARGS_MAX];
        char text[512];
        if (!sw_str_starts_with(line, "-A POSTROUTING ") || !sw_str_ends_with(line, chain) ||
            !sw_str_copy(line, text, sizeof text))
            continue;
        size_t n = split_words(text, words, ARGS_MAX);
        words[0] = "-D";
        if (run_iptables(words, n, NULL, err) < 0)
            return err->code;
    }
    r = run_iptables((const char *const[]){"-F", chain}, 2, NULL, err);
    return r < 0 ? r : run_iptables((const char *const[]){"-X", chain}, 2, NULL, err);
}

int task_net_rules(struct sw_buf *out, struct sw_err *err)
{
    int r = run_iptables((const char *const[]){"-S"}, 1, out, err);
    return r < 0 ? r : sw_buf_check(out, NULL, err); /* half of them would miss the others */
}

/* A rule of that chain which has this text. */
static bool has_rule(struct sw_str rules, const char *chain, const char *text)
{
    struct sw_str line;
    sw_autofree char *start = sw_asprintf("-A %s ", chain);
    while (sw_str_split(&rules, '\n', &line))
        if (sw_str_starts_with(line, start) && memmem(line.p, line.n, text, strlen(text)))
            return true;
    return false;
}

bool task_net_has_bridge(struct sw_str rules, const char *bridge)
{
    char chain[64], from[64];
    bridge_names(bridge, chain, from);
    return has_rule(rules, "PREROUTING", chain) && has_rule(rules, chain, "DNAT");
}

bool task_net_has_host(struct sw_str rules)
{
    return has_rule(rules, "OUTPUT", HOST_CHAIN) && has_rule(rules, HOST_CHAIN, "DNAT");
}

bool task_net_has_masquerade(struct sw_str rules, const char *network, const char *id)
{
    char chain[32];
    masquerade_chain(network, id, chain);
    return has_rule(rules, "POSTROUTING", chain) && has_rule(rules, chain, "MASQUERADE");
}

bool task_net_has_ports(struct sw_str rules, const char *id)
{
    return has_rule(rules, "PREROUTING", PORTS_CHAIN) && has_rule(rules, "OUTPUT", PORTS_CHAIN) &&
           has_rule(rules, PORTS_CHAIN, id);
}

int task_net_masquerade(const char *network, const char *id, const char *address,
                        struct sw_err *err)
{
    char chain[32], comment[128];
    const char *slash = strchr(address, '/');
    masquerade_chain(network, id, chain);
    (void)snprintf(comment, sizeof comment, "name: \"%s\" id: \"%s\"", network, id);
    sw_autofree char *own =
        sw_strndup(address, slash ? (size_t)(slash - address) : strlen(address));
    const char *const steps[][12] = {
        {"-A", chain, "-d", address, "-j", "ACCEPT", "-m", "comment", "--comment", comment},
        {"-A", chain, "!", "-d", "224.0.0.0/4", "-j", "MASQUERADE", "-m", "comment", "--comment",
         comment},
        {"-A", "POSTROUTING", "-s", own, "-j", chain, "-m", "comment", "--comment", comment}};
    if (task_net_remove_masquerade(network, id, err) < 0 ||
        run_iptables((const char *const[]){"-N", chain}, 2, NULL, err) < 0)
        return err->code;
    for (size_t i = 0; i < SW_ARRAY_LEN(steps); i++) {
        size_t n = 0;
        while (n < SW_ARRAY_LEN(steps[i]) && steps[i][n])
            n++;
        if (run_iptables(steps[i], n, NULL, err) < 0)
            return err->code;
    }
    return 0;
}

/* Abstract names belong to a network namespace and end with their process. */
static int take_claim(const char *what, int *ret, struct sw_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    sw_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int text = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "slipway %s", what);
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)text;
    if (fd < 0)
        return sw_fail_os(err, errno, "socket");
    if (bind(fd, (struct sockaddr *)&a, n) < 0) {
        if (errno == EADDRINUSE)
            return sw_fail(err, SW_ECONFLICT, NULL, "another agent of this machine has %s", what);
        return sw_fail_os(err, errno, "claim of %s", what);
    }
    *ret = SW_TAKE_FD(fd);
    return 0;
}

int task_net_claim_bridge(const char *bridge, int *ret_claim, struct sw_err *err)
{
    char what[64];
    (void)snprintf(what, sizeof what, "bridge %.15s", bridge);
    return take_claim(what, ret_claim, err);
}

static int set_alias(bool up, struct sw_err *err)
{
    sw_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = ALIAS};
    struct sockaddr_in a = {.sin_family = AF_INET};
    if (s < 0)
        return sw_fail_os(err, errno, "loopback device");
    if (!up) {
        if (ioctl(s, SIOCGIFFLAGS, &r) == 0) {
            r.ifr_flags &= (short)~IFF_UP;
            (void)ioctl(s, SIOCSIFFLAGS, &r);
        }
        return 0;
    }
    (void)inet_pton(AF_INET, TASK_NET_ADDRESS, &a.sin_addr);
    memcpy(&r.ifr_addr, &a, sizeof a);
    if (ioctl(s, SIOCSIFADDR, &r) < 0)
        return sw_fail_os(err, errno, "address " TASK_NET_ADDRESS);
    a.sin_addr.s_addr = ~(uint32_t)0;
    memcpy(&r.ifr_netmask, &a, sizeof a);
    if (ioctl(s, SIOCSIFNETMASK, &r) < 0)
        return sw_fail_os(err, errno, "address " TASK_NET_ADDRESS);
    return 0;
}

int task_net_open_host(uint16_t port, int *ret_claim, struct sw_err *err)
{
    sw_autoclose int claim = -1;
    if (take_claim(TASK_NET_ADDRESS, &claim, err) < 0)
        return err->code;
    if (set_alias(true, err) < 0 || open_chain(HOST_CHAIN, "OUTPUT", "127.0.0.1", port, err) < 0)
        return err->code;
    *ret_claim = SW_TAKE_FD(claim);
    return 0;
}

int task_net_open_host_again(uint16_t port, struct sw_err *err)
{
    return set_alias(true, err) < 0 ? err->code
                                    : open_chain(HOST_CHAIN, "OUTPUT", "127.0.0.1", port, err);
}

void task_net_close_host(int claim)
{
    struct sw_err ignored = SW_ERR_INIT;
    if (claim < 0)
        return;
    close_chain(HOST_CHAIN, "OUTPUT");
    (void)set_alias(false, &ignored);
    (void)close(claim);
}
