/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins that were killed leave behind, releases that fail once, and what others take away of networks that live: in a network
 * namespace of the case's own, with real plugins. */
#include "launcher/agent/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/process.h"
#include "launcher/runtime/port_guard.h"
#include "launcher/runtime/task_net.h"
#include "tests/lib/test.h"

static struct network *net;
static char bridge[16]; /* of this process: cases run side by side */

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct network_options o = {
        .dir = test_path("networks"), .bridge_name = bridge, .bridge_subnet = "10.240.250.0/24"};
    (void)snprintf(bridge, sizeof bridge, "swu%d", (int)getpid());
    CHECK_OK(sw_mkdirs(test_path("networks/addresses/%s", bridge), 0700, &err));
    CHECK_OK(network_new(&o, &net, &err));
}

static void address(const char *ip, const char *text, int age_s)
{
    const char *path = test_path("networks/addresses/%s/%s", bridge, ip);
    struct timespec t[2];
    clock_gettime(CLOCK_REALTIME, &t[0]);
    t[0].tv_sec -= age_s;
    t[1] = t[0];
    test_write_file(path, text, strlen(text));
    CHECK(utimensat(AT_FDCWD, path, t, 0) == 0);
}

static bool held(const char *ip)
{
    return sw_path_exists(test_path("networks/addresses/%s/%s", bridge, ip));
}

TEST(addresses_that_no_lease_holds_come_back)
{
    setup();
    test_write_file(test_path("networks/net-held.json"), "{\"isolated\":true}", 17);
    address("10.240.250.2", "net-held\r\neth0", 1000);
    address("10.240.250.3", "net-gone\r\neth0", 0);
    address("10.240.250.4", "", 1000); /* its plugin was killed before it wrote whose it is */
    address("10.240.250.5", "", 0);    /* or is about to write it */
    address("last_reserved_ip.0", "10.240.250.5", 1000);
    network_tidy(net);
    CHECK(held("10.240.250.2"));
    CHECK(!held("10.240.250.3"));
    CHECK(!held("10.240.250.4"));
    CHECK(held("10.240.250.5"));
    CHECK(held("last_reserved_ip.0"));
    network_free(net);
}

TEST(a_release_that_failed_is_tried_again)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    test_write_file(test_path("networks/net-stuck.json"), "{\"isolated\":true}", 17);
    CHECK_OK(sw_mkdirs(test_path("networks/net-stuck"), 0700, &err)); /* cannot be unlinked */
    CHECK(network_release(net, "net-stuck", &err) < 0);
    sw_err_clear(&err);
    CHECK(network_release(net, "net-stuck", &err) < 0);
    network_tidy(net);
    CHECK(sw_path_exists(test_path("networks/net-stuck.json")));
    CHECK(rmdir(test_path("networks/net-stuck")) == 0);
    network_tidy(net);
    CHECK(!sw_path_exists(test_path("networks/net-stuck.json")));
    network_free(net);
}

static void run(const char *const *argv)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(65536), message = SW_BUF_INIT(65536);
    struct sw_process_result res;
    struct sw_err err = SW_ERR_INIT;
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = 60000};
    CHECK_OK(sw_process_run(&spec, &out, &message, &res, &err));
    CHECK_MSG(res.exit_code == 0, "%s: %s", argv[0], message.p ? message.p : "");
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static bool has_rules(const char *name)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf rules = SW_BUF_INIT(1 << 20);
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(task_net_rules(&rules, &err));
    bool masquerade = task_net_has_masquerade(sw_buf_str(&rules), bridge, name);
    CHECK_EQ_INT(masquerade, task_net_has_ports(sw_buf_str(&rules), name));
    return masquerade;
}

/* Nobody listens there, and says so. */
static bool reaches(const char *ip)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct timeval wait = {.tv_sec = 30};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(inet_pton(AF_INET, ip, &a.sin_addr) == 1);
    CHECK(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0);
    int r = connect(s, (struct sockaddr *)&a, sizeof a), e = errno;
    close(s);
    return r == 0 || e == ECONNREFUSED;
}

static void count_gone(void *ctx, const char *name)
{
    *(int *)ctx += sw_str_starts_with(sw_str(name), "net-");
}

TEST(what_others_took_away_is_put_back)
{
    char program[256], ip_program[256], name[NETWORK_NAME_MAX], ip[64];
    if (geteuid() != 0)
        test_skip("needs root");
    if (!sw_path_exists("/usr/lib/cni/bridge") ||
        !sw_find_program("iptables", program, sizeof program) ||
        !sw_find_program("ip", ip_program, sizeof ip_program))
        test_skip("needs CNI plugins, iptables and ip");
    struct sw_err err = SW_ERR_INIT;
    int gone = 0;
    CHECK(unshare(CLONE_NEWNET) == 0);
    RUN(ip_program, "link", "set", "lo", "up");
    setup();
    CHECK_OK(network_acquire(net, false, name, ip, &err));
    const struct cni_port port = {.host_port = 18080, .container_port = 80};
    CHECK_OK(network_map_ports(net, name, &port, 1, &err));
    CHECK(has_rules(name) && reaches(ip));

    RUN(program, "-w", "-t", "nat", "-F");
    RUN(program, "-w", "-t", "nat", "-X");
    CHECK(!has_rules(name));
    network_mend(net, count_gone, &gone);
    CHECK(has_rules(name));

    RUN(ip_program, "link", "del", bridge);
    network_mend(net, count_gone, &gone);
    CHECK(if_nametoindex(bridge) > 0 && reaches(ip));
    RUN(ip_program, "link", "set", bridge, "down");
    network_mend(net, count_gone, &gone);
    CHECK(reaches(ip));
    CHECK_EQ_INT(gone, 0);

    struct port_guard g;
    json_t *lease = NULL;
    CHECK_OK(sw_json_load_file(test_path("networks/%s.json", name), 1 << 20, &lease, &err));
    CHECK(port_guard_read(sw_json_object(lease, "result"), &g));
    json_decref(lease);
    RUN(ip_program, "link", "del", g.port);
    network_mend(net, count_gone, &gone);
    CHECK_EQ_INT(gone, 1);
    CHECK_OK(network_release(net, name, &err));
    CHECK(!has_rules(name));
    network_mend(net, count_gone, &gone);
    CHECK_EQ_INT(gone, 1);
    network_free(net);
}
