/* SPDX-License-Identifier: Apache-2.0 */
/* The loop while storage fails, and with a new launcher after every step, as after kill -9: a service ends as it shall be, and
 * never has more tasks than it may. */
#include <errno.h>

#include "launcher/service/launcher_services.h"
#include "storage/meta/meta_fault.h"
#include "tests/unit/launcher/service/world.h"

#define DESIRED 2
#define UPPER   4 /* 200 % */

static size_t tasks_with(struct world *w, const char *desired)
{
    char next[ARN_MAX];
    sw_autojson json_t *out =
        list(w, launcher_list_tasks, doc("{'serviceName': 'web', 'desiredStatus': '%s'}", desired),
             "", 99, next);
    return json_array_size(sw_json_array(out, "taskArns"));
}

/* The agent does everything that it is told once; returns whether there was something. */
static bool agent_works(struct world *w, const char *instance)
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_poll p;
    const json_t *task;
    size_t i;
    bool any = false;
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", instance), *state = json_object();
    CHECK_EQ_INT(launcher_poll(w->l, &w->agent, in, &p, state, &err), 1);
    json_array_foreach(sw_json_array(state, "tasks"), i, task) {
        bool stop = sw_streq(sw_json_str(task, "desiredStatus", ""), "STOPPED");
        if (!stop && sw_streq(sw_json_str(task, "knownStatus", ""), "RUNNING"))
            continue;
        any = true;
        json_decref(call(w, &w->agent, launcher_submit_task_state,
                         doc("{'task': '%s', 'status': '%s'}", sw_json_str(task, "taskArn", ""),
                             stop ? "STOPPED" : "RUNNING")));
    }
    return any;
}

static void restart(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher_options lo = {.db = w->db, .now_us = world_clock};
    launcher_free(w->l);
    CHECK_OK(launcher_open(&lo, &w->l, &err));
}

static void settle(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_services_settle(w->l, &err));
    CHECK(tasks_with(w, "RUNNING") <= UPPER);
}

/* The Nth statement or commit fails while the loop works; *ret_failed: it came to that. */
static void settle_with_failure(struct world *w, enum meta_fault_kind kind, uint64_t n,
                                bool *ret_failed)
{
    struct sw_err err = SW_ERR_INIT;
    meta_fault_arm(kind, n, false, EIO);
    (void)launcher_services_settle(w->l, &err);
    *ret_failed = meta_fault_disarm();
    CHECK(tasks_with(w, "RUNNING") <= UPPER);
}

static void check_end(struct world *w, const char *definition)
{
    sw_autojson json_t *out =
        call(w, &w->user, launcher_describe_services, doc("{'services': ['web']}"));
    const json_t *s = json_array_get(sw_json_array(out, "services"), 0);
    CHECK_EQ_INT(sw_json_int(s, "runningCount", -1), DESIRED);
    CHECK_EQ_INT(sw_json_int(s, "pendingCount", -1), 0);
    CHECK_EQ_INT(json_array_size(sw_json_array(s, "deployments")), 1);
    CHECK_CONTAINS(sw_json_str(s, "taskDefinition", ""), definition);
    CHECK_EQ_INT(tasks_with(w, "RUNNING"), DESIRED);
}

static void finish(struct world *w, const char *instance)
{
    for (int i = 0; i < 6; i++) {
        do
            settle(w);
        while (agent_works(w, instance));
        world_now_us += 41000000;
    }
    settle(w);
}

static void set_up(struct world *w, char instance[ARN_MAX])
{
    world_open(w);
    world_instance(w, 4096, 4000, instance);
    world_taskdef(w, "web", 100, 0);
    world_taskdef(w, "web", 110, 0);
    json_decref(call(
        w, &w->user, launcher_create_service,
        doc("{'serviceName': 'web', 'taskDefinition': 'web:1', 'desiredCount': %d}", DESIRED)));
}

static void run_with(enum meta_fault_kind kind)
{
    struct world w;
    char instance[ARN_MAX];
    bool failed = true;
    set_up(&w, instance);
    for (uint64_t n = 1; failed; n++) {
        CHECK(n < 200);
        settle_with_failure(&w, kind, n, &failed);
    }
    finish(&w, instance);
    check_end(&w, "web:1");
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'web:2'}")));
    failed = true;
    for (uint64_t n = 1; failed; n++) {
        CHECK(n < 200);
        settle_with_failure(&w, kind, n, &failed);
        (void)agent_works(&w, instance);
        world_now_us += 5000000;
    }
    finish(&w, instance);
    check_end(&w, "web:2");
    world_close(&w);
}

TEST(statements_that_fail_delay_a_service_and_nothing_else)
{
    run_with(META_FAULT_STATEMENT);
}

TEST(commits_that_fail_delay_a_service_and_nothing_else)
{
    run_with(META_FAULT_COMMIT);
}

TEST(a_new_launcher_after_every_step_ends_as_it_shall_be)
{
    struct world w;
    char instance[ARN_MAX];
    set_up(&w, instance);
    for (int i = 0; i < 40; i++) {
        if (i == 10)
            json_decref(call(&w, &w.user, launcher_update_service,
                             doc("{'service': 'web', 'taskDefinition': 'web:2'}")));
        restart(&w);
        (void)agent_works(&w, instance);
        settle(&w);
        restart(&w);
        (void)agent_works(&w, instance);
        world_now_us += 7000000;
    }
    finish(&w, instance);
    check_end(&w, "web:2");
    world_close(&w);
}
