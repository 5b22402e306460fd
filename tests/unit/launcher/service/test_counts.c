/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/counts.h"

#include "tests/unit/launcher/service/world.h"

static uint64_t with_status(const struct launcher_counts *c, const char *status)
{
    for (size_t i = 0; i < c->tasks_n; i++)
        if (sw_streq(c->tasks[i].status, status))
            return c->tasks[i].n;
    return 0;
}

TEST(tasks_by_state_instances_and_agents)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    struct launcher_counts c;
    char arn[ARN_MAX];
    world_open(&w);
    CHECK_OK(launcher_counts(w.l, &c, &err));
    CHECK_EQ_UINT(c.tasks_n + c.instances + c.agents, 0);
    world_instance(&w, 4096, 4096, arn);
    world_taskdef(&w, "web", 64, 0);
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'web', 'count': 3}"));
    CHECK_OK(launcher_counts(w.l, &c, &err));
    CHECK_EQ_UINT(c.instances, 1);
    CHECK_EQ_UINT(c.agents, 1);
    CHECK_EQ_UINT(with_status(&c, "PROVISIONING") + with_status(&c, "PENDING"), 3);
    CHECK_EQ_UINT(with_status(&c, "STOPPED"), 0);
    world_now_us += 120 * 1000000LL;
    CHECK_OK(launcher_counts(w.l, &c, &err));
    CHECK_EQ_UINT(c.instances, 1);
    CHECK_EQ_UINT(c.agents, 0);
    json_decref(call(&w, &w.user, launcher_deregister_instance,
                     doc("{'containerInstance': '%s', 'force': true}", arn)));
    CHECK_OK(launcher_counts(w.l, &c, &err));
    CHECK_EQ_UINT(c.instances, 0);
    CHECK_EQ_UINT(with_status(&c, "STOPPED"), 3);
    world_close(&w);
}
