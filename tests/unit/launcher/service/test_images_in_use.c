/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "launcher/service/launcher_services.h"
#include "tests/unit/launcher/service/world.h"

struct uses {
    struct sw_buf text;
    int64_t stamp;
    int stop_after; /* 0: never */
};

/* Names of holders without what is the same in all. */
static int note(void *arg, const struct launcher_image *use)
{
    struct uses *u = arg;
    const char *name = strrchr(use->holder, '/') + 1;
    bool task = strncmp(use->holder, "task arn:", 9) == 0;
    (void)sw_buf_addf(&u->text, "%s %s%s%s;", task ? "task" : name, use->image,
                      use->digest ? "@" : "", use->digest ? use->digest : "");
    return --u->stop_after == 0;
}

static int read_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct uses *u = arg;
    int r = launcher_images_stamp(tx, &u->stamp, err);
    return r < 0 ? r : launcher_images_in_use(tx, note, u, err);
}

static int64_t check_uses(struct world *w, int stop_after, const char *want)
{
    struct sw_err err = SW_ERR_INIT;
    struct uses u = {.text = SW_BUF_INIT(2000), .stop_after = stop_after};
    (void)sw_buf_addf(&u.text, "%s", "");
    CHECK_OK(meta_tx(w->db, META_READ_LONG, read_tx, &u, &err));
    CHECK_EQ_STR(u.text.p, want);
    sw_buf_done(&u.text);
    return u.stamp;
}

static void define(struct world *w, const char *image)
{
    json_decref(call(w, &w->user, launcher_register_taskdef,
                     doc("{'family': 'app', 'containerDefinitions': [{'name': 'web', 'image': "
                         "'%s', 'memory': 64}, {'name': 'side', 'image': 'h/side:1', 'memory': "
                         "64}]}",
                         image)));
}

TEST(active_definitions_and_tasks_that_have_not_stopped_use_images)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    int64_t none = check_uses(&w, 0, "");
    world_instance(&w, 1024, 1000, instance);
    define(&w, "h/app:1");
    int64_t one = check_uses(&w, 0, "app:1 h/app:1;app:1 h/side:1;");
    CHECK(one != none);
    define(&w, "h/app:2");
    CHECK(check_uses(&w, 3, "app:1 h/app:1;app:1 h/side:1;app:2 h/app:2;") != one);
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:1'}")));
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:2'}")));
    (void)check_uses(&w, 0, "");
    define(&w, "h/app:3");
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_run_task, doc("{'taskDefinition': 'app:3'}"));
    const char *task = task_arn_of(out, 0);
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:3'}")));
    (void)check_uses(&w, 0, "task h/app:3;task h/side:1;");
    json_decref(call(&w, &w.agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': 'RUNNING', 'containers': [{'containerName': "
                         "'web', 'status': 'RUNNING', 'imageDigest': 'sha256:12'}]}",
                         task)));
    (void)check_uses(&w, 0, "task h/app:3@sha256:12;task h/side:1;");
    json_decref(call(&w, &w.agent, launcher_submit_task_state,
                     doc("{'task': '%s', 'status': 'STOPPED'}", task)));
    (void)check_uses(&w, 0, "");
    world_close(&w);
}

TEST(services_use_what_they_start_and_what_they_may_roll_back_to)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    define(&w, "h/app:1");
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'app', 'desiredCount': 0}")));
    CHECK_OK(launcher_services_settle(w.l, &err)); /* completed: nothing is wanted */
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:1'}")));
    (void)check_uses(&w, 0, "web h/app:1;web h/side:1;");
    define(&w, "h/app:2");
    json_decref(call(&w, &w.user, launcher_update_service,
                     doc("{'service': 'web', 'taskDefinition': 'app', 'desiredCount': 1}")));
    CHECK_OK(launcher_services_settle(w.l, &err));
    json_decref(call(&w, &w.user, launcher_deregister_taskdef, doc("{'taskDefinition': 'app:2'}")));
    (void)check_uses(&w, 0, "web h/app:1;web h/side:1;web h/app:2;web h/side:1;");
    json_decref(
        call(&w, &w.user, launcher_delete_service, doc("{'service': 'web', 'force': true}")));
    CHECK_OK(launcher_services_settle(w.l, &err));
    (void)check_uses(&w, 0, "");
    world_close(&w);
}
