/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth statement or commit fails: an operation that was refused has changed nothing, and works when it is asked again. */
#include <errno.h>

#include "storage/meta/meta_fault.h"
#include "tests/unit/launcher/service/world.h"

#define ATTEMPTS_MAX 200

static size_t count_tasks(struct world *w)
{
    char next[ARN_MAX];
    sw_autojson json_t *out = list(w, launcher_list_tasks, doc("{}"), "", 99, next);
    return json_array_size(sw_json_array(out, "taskArns"));
}

/* What is left of the instance's memory. */
static int64_t memory_left(struct world *w, const char *arn)
{
    sw_autojson json_t *out =
        call(w, &w->user, launcher_describe_instances, doc("{'containerInstances': ['%s']}", arn));
    json_t *left = sw_json_array(json_array_get(sw_json_array(out, "containerInstances"), 0),
                                 "remainingResources");
    return sw_json_int(json_array_get(left, 1), "integerValue", -1);
}

/* Calls fn with the Nth failure armed, for N = 1, 2, ... until nothing failed any more; check is asked after each failure. */
static void until_it_works(struct world *w, enum meta_fault_kind kind,
                           const struct launcher_caller *c, launcher_fn fn, const json_t *in,
                           void (*unchanged)(struct world *w, void *ctx), void *ctx)
{
    for (uint64_t n = 1; n < ATTEMPTS_MAX; n++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *out = json_object();
        meta_fault_arm(kind, n, false, EIO);
        int r = fn(w->l, c, in, out, &err);
        bool failed = meta_fault_disarm();
        if (!failed) {
            CHECK_OK(r);
            return;
        }
        CHECK_MSG(r < 0, "attempt %llu swallowed its failure", (unsigned long long)n);
        unchanged(w, ctx);
    }
    test_fail(__FILE__, __LINE__, "never worked");
}

static void no_task_and_all_memory(struct world *w, void *ctx)
{
    CHECK_EQ_INT(count_tasks(w), 0);
    CHECK_EQ_INT(memory_left(w, ctx), 1000);
}

static void run_with(enum meta_fault_kind kind)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 100, 0);
    sw_autojson json_t *in = doc("{'taskDefinition': 'app', 'count': 3, 'clientToken': 't'}");
    until_it_works(&w, kind, &w.user, launcher_run_task, in, no_task_and_all_memory, instance);
    CHECK_EQ_INT(count_tasks(&w), 3);
    CHECK_EQ_INT(memory_left(&w, instance), 700);
    json_decref(call(&w, &w.user, launcher_run_task, json_incref(in)));
    CHECK_EQ_INT(count_tasks(&w), 3);
    world_close(&w);
}

TEST(run_task_happens_whole_or_not_at_all_when_statements_fail)
{
    run_with(META_FAULT_STATEMENT);
}

TEST(run_task_happens_whole_or_not_at_all_when_commits_fail)
{
    run_with(META_FAULT_COMMIT);
}

static void no_revision(struct world *w, void *ctx SW_UNUSED)
{
    char next[ARN_MAX];
    sw_autojson json_t *out = list(w, launcher_list_taskdefs, doc("{}"), "", 9, next);
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "taskDefinitionArns")), 0);
}

TEST(a_failed_registration_uses_no_revision)
{
    for (int kind = 0; kind < META_FAULT_MAX_; kind++) {
        struct world w;
        world_open(&w);
        sw_autojson json_t *in = doc("{'family': 'app', 'containerDefinitions': [{'name': 'w', "
                                     "'image': 'i', 'memory': 64}]}");
        until_it_works(&w, (enum meta_fault_kind)kind, &w.user, launcher_register_taskdef, in,
                       no_revision, NULL);
        sw_autojson json_t *one =
            call(&w, &w.user, launcher_describe_taskdef, doc("{'taskDefinition': 'app'}"));
        CHECK_EQ_INT(sw_json_int(sw_json_object(one, "taskDefinition"), "revision", 0), 1);
        world_close(&w);
        (void)remove(test_path("meta.db"));
        (void)remove(test_path("meta.db-wal"));
        (void)remove(test_path("meta.db-shm"));
    }
}

static void still_running(struct world *w, void *ctx)
{
    sw_autojson json_t *out =
        call(w, &w->user, launcher_describe_tasks, doc("{'tasks': ['%s']}", (const char *)ctx));
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(out, "tasks"), 0), "desiredStatus", ""),
                 "RUNNING");
}

TEST(a_failed_report_changes_nothing_and_can_be_sent_again)
{
    struct world w;
    char instance[ARN_MAX], task[ARN_MAX];
    world_open(&w);
    world_instance(&w, 1024, 1000, instance);
    world_taskdef(&w, "app", 100, 0);
    sw_autojson json_t *run =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app'}"));
    (void)snprintf(task, sizeof task, "%s", task_arn_of(run, 0));
    sw_autojson json_t *in = doc("{'task': '%s', 'status': 'STOPPED'}", task);
    until_it_works(&w, META_FAULT_STATEMENT, &w.agent, launcher_submit_task_state, in,
                   still_running, task);
    CHECK_EQ_INT(memory_left(&w, instance), 1000);
    world_close(&w);
}
