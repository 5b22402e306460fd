/* SPDX-License-Identifier: Apache-2.0 */
/* The pure part; the rules are tested by tests/http/test_task_roles.py with real containers. */
#include "launcher/runtime/task_net.h"

#include <stdio.h>
#include <unistd.h>

#include "base/macros.h"
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
