/* SPDX-License-Identifier: Apache-2.0 */
/* The pure part; the rules are tested by tests/http/test_task_roles.py with real containers. */
#include "launcher/runtime/task_net.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/process.h"
#include "tests/lib/test.h"

TEST(the_gateway_is_the_first_address)
{
    static const struct {
        const char *subnet, *gateway; /* NULL: refused */
    } table[] = {{"10.88.64.0/20", "10.88.64.1"},
                 {"10.88.65.7/20", "10.88.64.1"},
                 {"192.168.1.0/30", "192.168.1.1"},
                 {"192.168.1.0/31", NULL},
                 {"192.168.1.0", NULL},
                 {"192.168.1/24", NULL},
                 {"x/24", NULL},
                 {"10.0.0.0/0", NULL},
                 {"10.0.0.0/x", NULL},
                 {"", NULL}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        char got[64] = "";
        struct sw_err err = SW_ERR_INIT;
        int r = task_net_gateway(table[i].subnet, got, &err);
        CHECK_MSG((r == 0) == (table[i].gateway != NULL), "%s", table[i].subnet);
        if (table[i].gateway)
            CHECK_EQ_STR(got, table[i].gateway);
    }
}

/* Needs no root: a name of an abstract socket. */
TEST(one_agent_has_a_bridge)
{
    struct sw_err err = SW_ERR_INIT;
    char bridge[16], other[20];
    int first = -1, second = -1;
    (void)snprintf(bridge, sizeof bridge, "swu%d", (int)getpid() % 1000000);
    (void)snprintf(other, sizeof other, "x%s", bridge);
    CHECK_OK(task_net_claim_bridge(bridge, &first, &err));
    CHECK_ERR(task_net_claim_bridge(bridge, &second, &err), SW_ECONFLICT, NULL);
    CHECK_EQ_INT(second, -1);
    sw_err_clear(&err);
    CHECK_OK(task_net_claim_bridge(other, &second, &err));
    (void)close(second);
    (void)close(first);
    CHECK_OK(task_net_claim_bridge(bridge, &first, &err));
    (void)close(first);
}

static void iptables(struct sw_buf *out, const char *const *words)
{
    char program[256];
    const char *argv[24] = {program, "-w", "10", "-t", "nat"};
    struct sw_err err = SW_ERR_INIT;
    struct sw_process_result res;
    SW_CLEANUP(sw_buf_done) struct sw_buf message = SW_BUF_INIT(65536);
    CHECK(sw_find_program("iptables", program, sizeof program));
    for (size_t i = 0; words[i]; i++)
        argv[5 + i] = words[i];
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = 20000};
    CHECK_OK(sw_process_run(&spec, out, &message, &res, &err));
    CHECK_MSG(res.exit_code == 0, "%s", sw_buf_str(&message).p);
}

/* The chain's name is one that the plugin gave. */
#define KILLED  "CNI-6d3a46abab5fa9e46df9634b"
#define COMMENT "name: \"swt0\" id: \"net-fce0a33f954be7591635cbe4\""

TEST(masquerading_that_a_plugin_left_is_removed)
{
    char program[256];
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf rules = SW_BUF_INIT(65536);
    if (geteuid() != 0 || !sw_find_program("iptables", program, sizeof program))
        test_skip("needs root and iptables");
    CHECK(unshare(CLONE_NEWNET) == 0);
    static const char *const all[][14] = {
        {"-N", KILLED},
        {"-N", "CNI-other"},
        {"-A", "POSTROUTING", "-s", "10.243.1.21/32", "-m", "comment", "--comment", COMMENT, "-j",
         KILLED},
        {"-A", "POSTROUTING", "-s", "10.243.1.22/32", "-j", "CNI-other"},
        {"-A", KILLED, "-d", "10.243.1.0/24", "-m", "comment", "--comment", COMMENT, "-j",
         "ACCEPT"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(all); i++)
        iptables(&rules, all[i]);
    for (int i = 0; i < 2; i++)
        CHECK_OK(task_net_remove_masquerade("swt0", "net-fce0a33f954be7591635cbe4", &err));
    iptables(&rules, (const char *const[]){"-S", NULL});
    CHECK(strstr(sw_buf_str(&rules).p, KILLED) == NULL);
    CHECK_CONTAINS(sw_buf_str(&rules).p, "-A POSTROUTING -s 10.243.1.22/32 -j CNI-other");
}

/* Whoever looks for a rule in half of them would make it once more. */
TEST(rules_are_all_there_or_an_error)
{
    char program[256];
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0 || !sw_find_program("iptables", program, sizeof program))
        test_skip("needs root and iptables");
    CHECK(unshare(CLONE_NEWNET) == 0);
    SW_CLEANUP(sw_buf_done) struct sw_buf all = SW_BUF_INIT(65536);
    SW_CLEANUP(sw_buf_done) struct sw_buf some = SW_BUF_INIT(24);
    CHECK_OK(task_net_rules(&all, &err));
    CHECK_CONTAINS(sw_buf_str(&all).p, "-P POSTROUTING ACCEPT");
    CHECK(task_net_rules(&some, &err) < 0);
    sw_err_clear(&err);
}
