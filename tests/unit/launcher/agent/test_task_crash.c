/* SPDX-License-Identifier: Apache-2.0 */
/* The agent is killed before any step of a task, alone or with its machine; the next one goes on from what that left. */
#include <sys/mount.h>

#include "tests/unit/launcher/agent/engine_case.h"

struct crash {
    const char *path;
    int at, calls;
    bool taken;
    char *file;
    size_t file_n;
    struct fake_state state;
};

/* What a SIGKILL before the Nth call of the runtime would leave: the file, and the containers. */
static void take(void *ctx)
{
    struct crash *c = ctx;
    pthread_mutex_lock(&fake.lock);
    if (++c->calls == c->at && !c->taken) {
        struct sw_err err = SW_ERR_INIT;
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(1 << 20);
        CHECK_OK(sw_read_file(c->path, &b, &err));
        c->file = sw_strndup(b.p, b.n);
        c->file_n = b.n;
        c->state = fake.s;
        c->taken = true;
    }
    pthread_mutex_unlock(&fake.lock);
}

/* Puts the captured file into a data folder of its own and starts an engine on it, with the runtime as it was. */
static void start_after(const struct crash *c, const char *dir)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("%s/tasks/" TASK_ID, dir), 0700, &err));
    test_write_file(test_path("%s/tasks/" TASK_ID "/state.json", dir), c->file, c->file_n);
    fake.s = c->state;
    start_engine(dir);
}

/* The file as it was at the Nth call of the runtime. */
static void take_at(struct crash *c)
{
    engine_free(engine);
    fake.exit_on_start = 7;
    fake.hook = take;
    fake.ctx = c;
    start_engine("data1");
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("STOPPED");
    await_idle();
    engine_free(engine);
    fake.hook = NULL;
    json_array_clear(reports);
}

TEST(the_end_of_a_container_that_was_being_discarded_is_not_the_tasks)
{
    setup();
    struct crash first = {.at = 2, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    struct crash second = {.at = 1, .path = test_path("data2/tasks/" TASK_ID "/state.json")};
    take_at(&first);
    CHECK_EQ_INT(first.state.list[0].status, RUNTIME_CREATED); /* killed before its start */

    fake.hook = take;
    while (second.at < 10) { /* killed again, before the removal */
        second.calls = 0;
        second.taken = false;
        fake.ctx = &second;
        start_after(&first, "data2");
        fake.hook = NULL;
        engine_free(engine);
        CHECK(second.taken);
        if (strstr(second.file, "\"discarding\":true"))
            break;
        free(second.file);
        fake.hook = take;
        second.at++;
    }
    CHECK_CONTAINS(second.file, "\"discarding\":true");
    (void)umount2(test_path("data2/tasks/" TASK_ID "/containers/main/rootfs"), MNT_DETACH);
    second.state.list[0].status =
        RUNTIME_STOPPED; /* what the monitor writes of a removed container */
    second.state.list[0].exit_code = 137;
    json_array_clear(reports);
    start_after(&second, "data3");
    CHECK_EQ_INT(sw_json_int(container(await("STOPPED"), 0), "exitCode", -1), 7);
    await_idle();
    CHECK_EQ_INT(fake.s.starts, 1);
    free(first.file);
    free(second.file);
    done();
}

TEST(a_creation_that_failed_when_nobody_looked_is_begun_again)
{
    setup();
    struct crash first = {.at = 2, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    take_at(&first);
    /* As it was before the creation ended: no start was asked for, and the monitor says 1. */
    char *mark = strstr(first.file, "\"starting\":true");
    CHECK(mark != NULL);
    memcpy(mark, "\"starting\":null", sizeof "\"starting\":null" - 1);
    first.state.list[0].status = RUNTIME_STOPPED;
    first.state.list[0].exit_code = 1;
    start_after(&first, "data2");
    CHECK_EQ_INT(sw_json_int(container(await("STOPPED"), 0), "exitCode", -1), 7);
    await_idle();
    CHECK_EQ_INT(fake.s.starts, 1);
    free(first.file);
    done();
}

TEST(a_start_of_which_nothing_is_left_is_not_repeated)
{
    setup();
    struct crash c = {.at = 2, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    take_at(&c);
    CHECK_CONTAINS(c.file, "\"starting\":true");
    c.state.list[0].status = RUNTIME_STOPPED; /* its monitor was killed, so nobody wrote its code */
    c.state.list[0].exit_code = -1;
    start_after(&c, "data2");
    const json_t *r = await("STOPPED");
    CHECK_CONTAINS(sw_json_str(container(r, 0), "reason", ""), "gone");
    CHECK_NULL(json_object_get(container(r, 0), "exitCode"));
    await_idle();
    CHECK_EQ_INT(fake.s.starts, 0);
    free(c.file);
    done();
}

/* Killed before that call of the runtime, together with the machine. */
static void restart_machine_at(int at, const char *code, const char *reason)
{
    setup();
    struct crash c = {.at = at, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    take_at(&c);
    char *boot = strstr(c.file, "\"boot\":\"");
    CHECK(boot != NULL);
    memcpy(boot + 8, "another.", 8);
    for (size_t i = 0; i < FAKE_MAX; i++)
        c.state.list[i].status = RUNTIME_ABSENT;
    pulls = 0;
    start_after(&c, "data2");
    const json_t *r = await("STOPPED");
    CHECK_CONTAINS(sw_json_str(container(r, 0), "reason", ""), reason);
    CHECK_CONTAINS(sw_json_str(r, "reason", ""), code);
    CHECK_NULL(json_object_get(container(r, 0), "exitCode"));
    await_idle();
    CHECK_EQ_INT(fake.s.starts, 0);
    CHECK_EQ_INT(pulls, 0);
    free(c.file);
    done();
}

TEST(after_a_restart_of_the_machine_no_container_is_created_again)
{
    restart_machine_at(1, "TaskFailedToStart: ",
                       "CannotStartContainerError: the container instance was restarted");
}

TEST(after_a_restart_of_the_machine_no_container_is_started_again)
{
    restart_machine_at(2, "EssentialContainerExited: ",
                       "CannotInspectContainerError: the container instance was restarted");
}

static void crash_before_any_step(int points_min)
{
    int points = 0;
    for (int at = 1;; at++) {
        setup();
        engine_free(engine);
        struct crash c = {.at = at, .path = test_path("data%d/tasks/" TASK_ID "/state.json", at)};
        struct sw_err err = SW_ERR_INIT;
        char dir[32];
        snprintf(dir, sizeof dir, "data%d", at);
        fake.exit_on_start = 7;
        start_engine(dir);
        fake.hook = take;
        fake.ctx = &c;
        apply("[" ONE "]", "RUNNING", "PENDING");
        await("STOPPED");
        await_idle();
        engine_free(engine);
        fake.hook = NULL;
        if (!c.taken) {
            json_decref(reports);
            json_decref(healths);
            break;
        }
        points++;
        snprintf(dir, sizeof dir, "crash%d", at);
        CHECK_OK(sw_mkdirs(test_path("%s/tasks/" TASK_ID, dir), 0700, &err));
        test_write_file(test_path("%s/tasks/" TASK_ID "/state.json", dir), c.file, c.file_n);
        free(c.file);
        fake.s = c.state;
        json_array_clear(reports);
        start_engine(dir);
        const json_t *r = await("STOPPED");
        CHECK_MSG(sw_json_int(container(r, 0), "exitCode", -1) == 7, "crash before call %d: %s", at,
                  sw_json_str(container(r, 0), "reason", ""));
        await_idle();
        CHECK_MSG(fake.s.starts == 1, "crash before call %d: %d starts", at, fake.s.starts);
        for (size_t i = 0; i < FAKE_MAX; i++)
            CHECK_MSG(fake.s.list[i].status == RUNTIME_ABSENT,
                      "crash before call %d leaves a container", at);
        done();
    }
    CHECK_MSG(points >= points_min, "%d points", points);
}

TEST(a_crash_before_any_step_ends_the_same)
{
    crash_before_any_step(3);
}

/* The holder of the namespaces is made once or made again, and never left. */
TEST(a_crash_before_any_step_of_a_task_with_shared_namespaces_ends_the_same)
{
    pid_mode = "task";
    crash_before_any_step(7);
}
