/* SPDX-License-Identifier: Apache-2.0 */
/* The task engine over a runtime without processes: every path of a task's life. */
#include "launcher/agent/container_setup.h"
#include "launcher/agent/task_ended.h"
#include "tests/unit/launcher/agent/engine_case.h"

TEST(runs_and_ends)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    const json_t *r = await("RUNNING");
    CHECK_EQ_STR(sw_json_str(container(r, 0), "status", ""), "RUNNING");
    CHECK_EQ_INT((int)strlen(sw_json_str(container(r, 0), "runtimeId", "")), 64);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.expects), 1);
    fake_end(&fake, 0, 4, false);
    r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 4);
    CHECK_EQ_STR(sw_json_str(r, "reason", ""),
                 "EssentialContainerExited: Essential container in task exited");
    CHECK(json_object_get(r, "pullStartedAt") && json_object_get(r, "executionStoppedAt"));
    await_idle();
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 1);
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID "/containers/main/upper")));
    /* The same answer again changes nothing; the next one without the task lets its folder go. */
    apply("[" ONE "]", "RUNNING", "STOPPED");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 1);
    json_t *none = json_array();
    engine_apply(engine, none);
    json_decref(none);
    engine_sweep(engine);
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID)));
    done();
}

TEST(a_short_task_is_still_reported_as_running_first)
{
    setup();
    fake.exit_on_start = 0;
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("STOPPED");
    CHECK_NOT_NULL(report_of("RUNNING"));
    CHECK_EQ_STR(sw_json_str(container(report_of("RUNNING"), 0), "status", ""), "RUNNING");
    done();
}

TEST(failures_to_start_say_where)
{
    static const char *const reasons[] = {"CannotPullContainerError: no such image",
                                          "CannotCreateContainerError: as the test wants",
                                          "CannotStartContainerError: as the test wants"};
    for (int i = 0; i < 3; i++) {
        setup();
        pull_fails = i == 0;
        fake.fail_create = i == 1;
        fake.fail_start = i == 2;
        apply("[" ONE "]", "RUNNING", "PENDING");
        const json_t *r = await("STOPPED");
        char want[128];
        snprintf(want, sizeof want, "TaskFailedToStart: %s", reasons[i]);
        CHECK_EQ_STR(sw_json_str(r, "reason", ""), want);
        CHECK_EQ_STR(sw_json_str(container(r, 0), "reason", ""), reasons[i]);
        CHECK_NULL(json_object_get(container(r, 0), "exitCode"));
        CHECK_NULL(report_of("RUNNING"));
        done();
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(sw_remove_tree(test_path("data"), &err));
    }
}

/* Of a task that nobody asks for any more there stay its folder and what reading its logs takes, in the next agent too. */
TEST(little_is_kept_of_what_is_over)
{
    setup();
    cleanup_wait_s = 3600;
    engine_free(engine);
    start_engine("data");
    fake.exit_on_start = 0;
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("STOPPED");
    await_idle();
    json_t *none = json_array();
    for (int i = 0; i < 2; i++) {
        char *dir = NULL, **containers = NULL;
        engine_apply(engine, none);
        await_idle();
        engine_sweep(engine);
        CHECK_NULL(engine->tasks);
        CHECK_NOT_NULL(engine->ended);
        CHECK(engine_find(engine, TASK, &dir, &containers));
        CHECK_EQ_STR(containers[0], "main");
        CHECK_NULL(containers[1]);
        CHECK(sw_path_exists(dir) && engine_has_ended(engine, TASK, "main"));
        free(dir);
        strings_free(containers);
        /* Should the control plane have forgotten that it is over, it is not run twice. */
        apply("[" ONE "]", "RUNNING", "PENDING");
        CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 1);
        engine_free(engine);
        start_engine("data");
        CHECK_NULL(engine->tasks);
    }
    engine_free(engine);
    cleanup_wait_s = 0;
    start_engine("data");
    engine_apply(engine, none);
    await_idle();
    engine_sweep(engine);
    CHECK_NULL(engine->ended);
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID)));
    json_decref(none);
    done();
}

static int starts(void)
{
    pthread_mutex_lock(&fake.lock);
    int n = fake.s.starts;
    pthread_mutex_unlock(&fake.lock);
    return n;
}

TEST(a_restart_policy_starts_again_without_ending_the_task)
{
    setup();
    fake.exit_on_start = 3;
    apply(AGAIN("0", "0"), "RUNNING", "PROVISIONING");
    await("RUNNING");
    for (int i = 0; i < 20000 && starts() < 3; i++)
        sw_sleep_ms(5);
    CHECK(starts() >= 3);
    CHECK_NULL(report_of("STOPPED"));
    CHECK(pulls >= 3);
    /* A new agent goes on. */
    engine_free(engine);
    int before = starts();
    start_engine("data");
    for (int i = 0; i < 20000 && starts() <= before; i++)
        sw_sleep_ms(5);
    CHECK(starts() > before);
    apply(AGAIN("0", "0"), "STOPPED", "RUNNING");
    await("STOPPED");
    await_idle();
    CHECK_EQ_INT(fake.s.creates, fake.s.removes);
    done();
}

TEST(what_lost_its_monitor_is_started_again)
{
    setup();
    apply(AGAIN("0", "0"), "RUNNING", "PROVISIONING");
    await("RUNNING");
    fake_end(&fake, 0, -1, false);
    for (int i = 0; i < 20000 && starts() < 2; i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(starts(), 2);
    CHECK_NULL(report_of("STOPPED"));
    done();
}

TEST(what_ended_too_soon_is_not_started_again)
{
    setup();
    fake.exit_on_start = 3;
    apply(AGAIN("60", ""), "RUNNING", "PROVISIONING");
    CHECK_CONTAINS(sw_json_str(await("STOPPED"), "reason", ""),
                   "Essential container in task exited");
    CHECK_EQ_INT(starts(), 1);
    done();
}

TEST(an_exit_code_that_is_ignored_is_the_end)
{
    setup();
    fake.exit_on_start = 3;
    apply(AGAIN("0", "1, 3"), "RUNNING", "PROVISIONING");
    await("STOPPED");
    CHECK_EQ_INT(starts(), 1);
    done();
}

TEST(stop_is_term_then_kill)
{
    setup();
    fake.ignores_term = true;
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    int64_t t0 = sw_mono_ms();
    apply("[" ONE "]", "STOPPED", "RUNNING");
    const json_t *r = await("STOPPED");
    int64_t took = sw_mono_ms() - t0;
    CHECK_MSG(took >= 900 && took < 25000, "%lld ms", (long long)took);
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 137);
    CHECK_EQ_STR(sw_json_str(r, "reason", ""), "UserInitiated: enough");
    CHECK(fake.s.list[0].signals[0] == SIGTERM && fake.s.list[0].signals[1] == SIGKILL);
    done();
}

/* A group of version 1 as far as folders go; the limits are files that are there before. */
TEST(what_a_task_may_use_is_one_limit_of_all_its_containers)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    static const char *const files[] = {"cpu/slipway/" TASK_ID "/cpu.shares",
                                        "cpu/slipway/" TASK_ID "/cpu.cfs_period_us",
                                        "cpu/slipway/" TASK_ID "/cpu.cfs_quota_us",
                                        "memory/slipway/" TASK_ID "/memory.limit_in_bytes"};
    static const char *const want[] = {"512", "100000", "50000", "67108864"};
    CHECK_OK(sw_mkdirs(test_path("cgroup/cpu/slipway/" TASK_ID), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("cgroup/memory/slipway/" TASK_ID), 0755, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++)
        test_write_file(test_path("cgroup/%s", files[i]), "", 0);
    json_t *tasks = tasks_of("[{\"name\":\"main\",\"image\":\"app\"}]", "RUNNING", "PENDING");
    json_t *def = sw_json_object(json_array_get(tasks, 0), "taskDefinition");
    sw_json_set_str(def, "cpu", "512");
    sw_json_set_str(def, "memory", "64");
    engine_apply(engine, tasks);
    json_decref(tasks);
    await("RUNNING");
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++)
        CHECK_EQ_STR(test_read_file(test_path("cgroup/%s", files[i]), NULL), want[i]);
    const char *config =
        test_read_file(test_path("data/tasks/" TASK_ID "/containers/main/config.json"), NULL);
    CHECK_CONTAINS(config, "/slipway/" TASK_ID "/");
    CHECK_NULL(strstr(config, "67108864"));
    done();
}

TEST(a_limit_that_cannot_be_set_is_no_start)
{
    setup();
    json_t *tasks = tasks_of("[" ONE "]", "RUNNING", "PENDING");
    sw_json_set_str(sw_json_object(json_array_get(tasks, 0), "taskDefinition"), "memory", "64");
    engine_apply(engine, tasks);
    json_decref(tasks);
    const char *reason = sw_json_str(await("STOPPED"), "reason", "");
    CHECK_CONTAINS(reason, "TaskFailedToStart: CannotStartContainerError: ");
    CHECK_CONTAINS(reason, "memory.limit_in_bytes");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 0);
    done();
}

TEST(an_oom_kill_has_ecs_words)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    fake_end(&fake, 0, 137, true);
    const json_t *r = await("STOPPED");
    CHECK_EQ_STR(sw_json_str(container(r, 0), "reason", ""),
                 "OutOfMemoryError: Container killed due to memory usage");
    done();
}

TEST(an_essential_end_stops_the_others)
{
    setup();
    apply("[" ONE ",{\"name\":\"side\",\"image\":\"app\",\"memory\":64,\"essential\":false,"
          "\"dependsOn\":[{\"containerName\":\"main\","
          "\"condition\":\"START\"}]}]",
          "RUNNING", "PENDING");
    await("RUNNING");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.starts), 2);
    fake_end(&fake, 0, 0, false);
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 0);
    CHECK_EQ_INT(sw_json_int(container(r, 1), "exitCode", -1), 143);
    done();
}

TEST(nothing_is_lost_while_the_control_plane_is_away)
{
    setup();
    plane_down = true;
    apply("[" ONE "]", "RUNNING", "PENDING");
    for (int i = 0; i < 10000 && fake_count(&fake, &fake.s.starts) == 0; i++)
        sw_sleep_ms(5);
    fake_end(&fake, 0, 3, false);
    for (int i = 0; i < 10000 && fake_count(&fake, &fake.s.removes) == 0; i++)
        sw_sleep_ms(5);
    sw_sleep_ms(50);
    CHECK(!engine_idle(engine));
    /* Not even when the agent goes meanwhile. */
    engine_free(engine);
    start_engine("data");
    pthread_mutex_lock(&reports_lock);
    plane_down = false;
    pthread_mutex_unlock(&reports_lock);
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 3);
    CHECK_NOT_NULL(report_of("RUNNING"));
    await_idle();
    done();
}

TEST(adopts_what_runs)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    engine_free(engine);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 0);
    int before = pulls;
    start_engine("data");
    apply("[" ONE "]", "RUNNING", "RUNNING");
    sw_sleep_ms(50);
    CHECK(fake_count(&fake, &fake.s.creates) == 1 && pulls == before);
    fake_end(&fake, 0, 8, false);
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 8);
    done();
}

TEST(a_runtime_that_cannot_answer_costs_no_running_task)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    for (int failures = 1; failures <= 5; failures += 4) {
        engine_free(engine);
        fake.fail_states = failures;
        start_engine("data");
        CHECK_EQ_INT(fake.fail_states, 0);
    }
    apply("[" ONE "]", "RUNNING", "RUNNING");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 0);
    fake_end(&fake, 0, 8, false);
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 8);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.starts), 1);
    done();
}

TEST(stopped_is_said_when_the_container_is_gone)
{
    setup();
    fake.fail_removes = 2;
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    fake_end(&fake, 0, 0, false);
    await("STOPPED");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 3);
    CHECK(fake.s.list[0].status == RUNTIME_ABSENT);
    done();
}

/* The disk is full, say. */
TEST(the_runtimes_record_stays_until_ours_is_on_disk)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    sw_sleep_ms(100); /* the report is noted in the file, too */
    const char *file = test_path("data/tasks/" TASK_ID "/state.json");
    block_file(file, test_path("kept"));
    fake_end(&fake, 0, 6, false);
    sw_sleep_ms(300);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 0);
    CHECK_NULL(report_of("STOPPED"));
    /* Not even an end of the agent loses the exit code. */
    engine_free(engine);
    CHECK(rmdir(file) == 0 && rename(test_path("kept"), file) == 0);
    start_engine("data");
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 6);
    await_idle();
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 1);
    done();
}

TEST(nothing_starts_that_cannot_be_noted)
{
    setup();
    const char *file = test_path("data/tasks/" TASK_ID "/state.json");
    fill_disk = file;
    apply("[" ONE "]", "RUNNING", "PENDING");
    struct stat st;
    for (int i = 0; i < 20000 && !(stat(file, &st) == 0 && S_ISDIR(st.st_mode)); i++)
        sw_sleep_ms(5);
    sw_sleep_ms(300);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 0);
    CHECK_NULL(report_of("STOPPED"));
    CHECK(rmdir(file) == 0);
    const json_t *r = await("STOPPED");
    CHECK_CONTAINS(sw_json_str(r, "reason", ""), "TaskFailedToStart: CannotStartContainerError: ");
    CHECK_CONTAINS(sw_json_str(container(r, 0), "reason", ""), "cannot be noted on the disk");
    done();
}

TEST(an_end_that_could_not_be_saved_is_saved_later)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    sw_sleep_ms(100);
    const char *file = test_path("data/tasks/" TASK_ID "/state.json");
    block_file(file, NULL);
    fake_end(&fake, 0, 6, false);
    sw_sleep_ms(100);
    CHECK(rmdir(file) == 0);
    const json_t *r = await("STOPPED");
    CHECK_EQ_INT(sw_json_int(container(r, 0), "exitCode", -1), 6);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 1);
    done();
}

TEST(what_vanished_is_reported_and_what_is_unknown_removed)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    engine_free(engine);
    fake.s.list[0].status = RUNTIME_ABSENT; /* a reboot */
    fake.s.list[1] = (struct fake_container){.id = "orphan", .status = RUNTIME_RUNNING};
    start_engine("data");
    const json_t *r = await("STOPPED");
    CHECK_CONTAINS(sw_json_str(container(r, 0), "reason", ""), "gone");
    CHECK_NULL(json_object_get(container(r, 0), "exitCode"));
    CHECK_NULL(fake_find(&fake, "orphan"));
    CHECK_EQ_INT(fake_count(&fake, &fake.s.starts), 1);
    done();
}

TEST(a_creation_that_outlived_the_agent_is_found_later)
{
    setup();
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("RUNNING");
    engine_free(engine);
    /* It holds the group of a task that ends before the second look. */
    struct sw_err err = SW_ERR_INIT;
    const char *held = test_path("cgroup/memory/slipway/" TASK_ID "/orphan/processes");
    CHECK_OK(sw_mkdirs(held, 0755, &err));
    fake_end(&fake, 0, 0, false);
    look_every_ms = 300;
    start_engine("data");
    await("STOPPED");
    CHECK(sw_path_exists(held) && rmdir(held) == 0);
    pthread_mutex_lock(&fake.lock);
    fake.s.list[1] = (struct fake_container){.id = "orphan", .status = RUNTIME_CREATED};
    pthread_mutex_unlock(&fake.lock);
    for (int i = 0; i < 10000 && fake_count(&fake, &fake.s.removes) < 2; i++)
        sw_sleep_ms(5);
    CHECK_NULL(fake_find(&fake, "orphan"));
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 2);
    for (int i = 0; i < 2000 && sw_path_exists(test_path("cgroup/memory/slipway/" TASK_ID)); i++)
        sw_sleep_ms(5);
    CHECK(!sw_path_exists(test_path("cgroup/memory/slipway/" TASK_ID)));
    /* And again, as long as the agent runs. */
    pthread_mutex_lock(&fake.lock);
    fake.s.list[1] = (struct fake_container){.id = "later", .status = RUNTIME_CREATED};
    pthread_mutex_unlock(&fake.lock);
    for (int i = 0; i < 10000 && fake_count(&fake, &fake.s.removes) < 3; i++)
        sw_sleep_ms(5);
    CHECK_NULL(fake_find(&fake, "later"));
    done();
}

TEST(a_task_that_cannot_be_understood_is_reported_until_it_is_taken)
{
    setup();
    pthread_mutex_lock(&reports_lock);
    plane_down = true;
    pthread_mutex_unlock(&reports_lock);
    for (int i = 0; i < 3; i++)
        apply("[{\"name\":\"../x\",\"image\":\"app\",\"memory\":64}]", "RUNNING", "PENDING");
    sw_sleep_ms(300);
    pthread_mutex_lock(&reports_lock);
    plane_down = false;
    pthread_mutex_unlock(&reports_lock);
    const json_t *r = await("STOPPED");
    CHECK_EQ_STR(sw_json_str(r, "task", ""), TASK);
    CHECK_EQ_STR(sw_json_str(r, "reason", ""), "TaskFailedToStart: container name is not valid");
    sw_sleep_ms(50);
    CHECK_EQ_INT((int)json_array_size(reports), 1);
    /* Who is never answered is no obstacle to the end. */
    pthread_mutex_lock(&reports_lock);
    plane_down = true;
    pthread_mutex_unlock(&reports_lock);
    apply("[{\"name\":\"../x\",\"image\":\"app\",\"memory\":64}]", "RUNNING", "PENDING");
    done();
}

TEST(a_task_that_ran_is_never_run_twice)
{
    setup();
    apply("[" ONE "]", "RUNNING", "RUNNING");
    const json_t *r = await("STOPPED");
    CHECK_CONTAINS(sw_json_str(r, "reason", ""), "TaskFailedToStart: ");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 0);
    done();
}

TEST(an_unreadable_state_file_is_cleared_away)
{
    setup();
    engine_free(engine);
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("data/tasks/" TASK_ID "/containers/main"), 0700, &err));
    test_write_file(test_path("data/tasks/" TASK_ID "/state.json"), "{", 1);
    start_engine("data");
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID)));
    done();
}

TEST(health_is_reported)
{
    setup();
    fake.exec_code = 1;
    healths_to_lose = 1; /* said again at the next check */
    apply("[{\"name\":\"main\",\"image\":\"app\",\"memory\":64,\"healthCheck\":{\"command\":[\"CMD-"
          "SHELL\",\"x\"],\"interval\":5,"
          "\"retries\":1,\"timeout\":2}}]",
          "RUNNING", "PENDING");
    await("RUNNING");
    for (int i = 0; i < 30000 && json_array_size(healths) == 0; i++)
        sw_sleep_ms(5);
    pthread_mutex_lock(&reports_lock);
    const json_t *h = json_array_get(healths, 0);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(h, "containers"), 0), "healthStatus", ""),
                 "UNHEALTHY");
    pthread_mutex_unlock(&reports_lock);
    done();
}
