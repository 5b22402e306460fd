/* SPDX-License-Identifier: Apache-2.0 */
/* The task engine over a runtime without processes: every path of a task's life, and a crash before every step. */
#include "launcher/agent/task_engine.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/task_ended.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK    "arn:aws:ecs:us-east-1:000000000000:task/default/00000000000000000000000000000001"
#define TASK_ID "00000000000000000000000000000001"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static pthread_mutex_t reports_lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *reports, *healths;
static bool plane_down, pull_fails;
static int healths_to_lose, look_every_ms, cleanup_wait_s;
static _Atomic int pulls;
static const char *fill_disk; /* a state file that the next pull takes away */
static const char *layer_dir; /* test_path is for the case's own thread */

static int submit(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx;
    pthread_mutex_lock(&reports_lock);
    bool down = plane_down;
    if (!down)
        json_array_append_new(reports, json_deep_copy(in));
    pthread_mutex_unlock(&reports_lock);
    return down ? sw_fail(err, SW_EUNAVAILABLE, NULL, "down") : 0;
}

static int submit_health(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx;
    pthread_mutex_lock(&reports_lock);
    bool lost = healths_to_lose > 0 && healths_to_lose-- > 0;
    if (!lost)
        json_array_append_new(healths, json_deep_copy(in));
    pthread_mutex_unlock(&reports_lock);
    return lost ? sw_fail(err, SW_EUNAVAILABLE, NULL, "down") : 0;
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    (void)as;
    (void)ctx, (void)name, (void)cancelled;
    pulls++;
    if (fill_disk) { /* so to say; a save of another thread may come in between */
        bool full = false;
        for (int i = 0; i < 100 && !full; i++) {
            (void)unlink(fill_disk);
            full = mkdir(fill_disk, 0700) == 0;
        }
        CHECK(full);
    }
    fill_disk = NULL;
    if (pull_fails)
        return sw_fail(err, SW_ENOTFOUND, "CannotPullContainerError", "no such image");
    *ret = (struct image){
        .layers_n = 1, .layers = sw_calloc(1, sizeof(char *)), .manifest_digest = "sha256:00"};
    ret->layers[0] = sw_strdup(layer_dir);
    ret->config = json_pack("{s:{s:[s]}}", "config", "Cmd", "/bin/true");
    return 0;
}

static void start_engine(const char *dir)
{
    struct sw_err err = SW_ERR_INIT;
    struct task_engine_options o = {.data_dir = test_path("%s", dir),
                                    .cluster = "default",
                                    .runtime = &runtime,
                                    .pull = pull,
                                    .submit_state = submit,
                                    .submit_health = submit_health,
                                    .stop_timeout_default_s = 1,
                                    .look_every_ms = look_every_ms,
                                    .cleanup_wait_s = cleanup_wait_s,
                                    .cgroup_root = test_path("cgroup")};
    CHECK_OK(engine_new(&o, &engine, &err));
}

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0)
        test_skip("needs root");
    sw_log_set_level(SW_LOG_ERROR);
    fake_init(&fake);
    runtime = (struct runtime){.ops = &fake_ops, .self = &fake};
    reports = json_array();
    healths = json_array();
    plane_down = pull_fails = false;
    healths_to_lose = cleanup_wait_s = 0;
    look_every_ms = 60000;
    pulls = 0;
    CHECK_OK(sw_mkdirs(test_path("layer/bin"), 0755, &err));
    layer_dir = test_path("layer");
    start_engine("data");
}

/* Nothing may stay mounted, so what still runs is ended first. */
static void done(void)
{
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    engine_free(engine);
    json_decref(reports);
    json_decref(healths);
}

#define ONE "{\"name\":\"main\",\"image\":\"app\",\"memory\":64}"

static const char *pid_mode; /* of the definitions; NULL: none */

static json_t *tasks_of(const char *containers, const char *desired, const char *known)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *list = NULL;
    CHECK_OK(sw_json_load(sw_str(containers), 16, 1000, NULL, &list, &err));
    json_t *def = json_pack("{s:s, s:i, s:s, s:o}", "family", "app", "revision", 1, "networkMode",
                            "host", "containerDefinitions", list);
    if (pid_mode)
        sw_json_set_str(def, "pidMode", pid_mode);
    return json_pack("[{s:s, s:s, s:s, s:s, s:o}]", "taskArn", TASK, "desiredStatus", desired,
                     "knownStatus", known, "stopReason", "enough", "taskDefinition", def);
}

static void apply(const char *containers, const char *desired, const char *known)
{
    json_t *tasks = tasks_of(containers, desired, known);
    engine_apply(engine, tasks);
    json_decref(tasks);
}

static json_t *report_of(const char *status)
{
    json_t *found = NULL, *r;
    size_t i;
    pthread_mutex_lock(&reports_lock);
    json_array_foreach(reports, i, r) {
        if (sw_streq(sw_json_str(r, "status", ""), status))
            found = r;
    }
    pthread_mutex_unlock(&reports_lock);
    return found;
}

static const json_t *await(const char *status)
{
    const json_t *r = NULL;
    for (int i = 0; i < 20000 && !(r = report_of(status)); i++)
        sw_sleep_ms(5);
    CHECK_MSG(r, "no report %s", status);
    return r;
}

static const json_t *container(const json_t *report, size_t i)
{
    return json_array_get(sw_json_array(report, "containers"), i);
}

static void await_idle(void)
{
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    CHECK(engine_idle(engine));
}

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

#define AGAIN(period, codes)                                                                   \
    "[{\"name\":\"main\",\"image\":\"app\",\"memory\":64,\"restartPolicy\":{\"enabled\":true," \
    "\"restartAttemptPeriod\":" period ",\"ignoredExitCodes\":[" codes "]}}]"

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
    CHECK(rename(file, test_path("kept")) == 0 && mkdir(file, 0700) == 0);
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
    CHECK(unlink(file) == 0 && mkdir(file, 0700) == 0);
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

/* --- crashes --- */

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

TEST(the_end_of_a_container_that_was_being_discarded_is_not_the_tasks)
{
    setup();
    engine_free(engine);
    fake.exit_on_start = 7;
    struct crash first = {.at = 2, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    struct crash second = {.at = 1, .path = test_path("data2/tasks/" TASK_ID "/state.json")};
    fake.hook = take;
    fake.ctx = &first;
    start_engine("data1");
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("STOPPED");
    await_idle();
    engine_free(engine);
    CHECK_EQ_INT(first.state.list[0].status, RUNTIME_CREATED); /* killed before its start */

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
    engine_free(engine);
    fake.exit_on_start = 7;
    struct crash first = {.at = 2, .path = test_path("data1/tasks/" TASK_ID "/state.json")};
    fake.hook = take;
    fake.ctx = &first;
    start_engine("data1");
    apply("[" ONE "]", "RUNNING", "PENDING");
    await("STOPPED");
    await_idle();
    engine_free(engine);
    fake.hook = NULL;
    /* As it was before the creation ended: no start was asked for, and the monitor says 1. */
    char *mark = strstr(first.file, "\"starting\":true");
    CHECK(mark != NULL);
    memcpy(mark, "\"starting\":null", sizeof "\"starting\":null" - 1);
    first.state.list[0].status = RUNTIME_STOPPED;
    first.state.list[0].exit_code = 1;
    json_array_clear(reports);
    start_after(&first, "data2");
    CHECK_EQ_INT(sw_json_int(container(await("STOPPED"), 0), "exitCode", -1), 7);
    await_idle();
    CHECK_EQ_INT(fake.s.starts, 1);
    free(first.file);
    done();
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

#define TWO "[" ONE ",{\"name\":\"side\",\"image\":\"app\",\"memory\":64,\"essential\":false}]"

static void end_holder(void)
{
    pthread_mutex_lock(&fake.lock);
    for (size_t i = 0; i < FAKE_MAX; i++)
        if (fake.s.list[i].status == RUNTIME_RUNNING && fake.s.list[i].holder)
            fake.s.list[i].status = RUNTIME_STOPPED;
    pthread_mutex_unlock(&fake.lock);
}

/* Under this agent and under the next; and what would be started again does not get other namespaces than the rest. */
TEST(the_end_of_the_holder_is_the_end_of_the_task)
{
    for (int i = 0; i < 3; i++) {
        pid_mode = "task";
        setup();
        apply(i == 2 ? AGAIN("0", "0") : TWO, "RUNNING", "PENDING");
        await("RUNNING");
        if (i == 1)
            engine_free(engine);
        end_holder();
        if (i == 1)
            start_engine("data");
        if (i == 2)
            fake_end(&fake, 0, 137, false);
        CHECK_CONTAINS(sw_json_str(await("STOPPED"), "reason", ""),
                       "EssentialContainerExited: Essential container in task exited");
        await_idle();
        CHECK_EQ_INT(fake.s.starts, i == 2 ? 1 : 2);
        CHECK_EQ_INT(fake.s.creates, fake.s.removes);
        done();
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(sw_remove_tree(test_path("data"), &err));
    }
}

TEST(the_holder_goes_with_the_last_container)
{
    pid_mode = "task";
    setup();
    fake.exit_on_start = -1;
    apply(TWO, "RUNNING", "PENDING");
    await("RUNNING");
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 3);
    CHECK(sw_path_exists(test_path("data/tasks/" TASK_ID "/holder/rootfs/holder")));
    engine_free(engine); /* another agent takes both and the holder */
    start_engine("data");
    sw_sleep_ms(100);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.creates), 3);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 0);
    apply("[" ONE ",{\"name\":\"side\",\"image\":\"app\",\"memory\":64,\"essential\":false}]",
          "STOPPED", "RUNNING");
    await("STOPPED");
    await_idle();
    CHECK_EQ_INT(fake_count(&fake, &fake.s.removes), 3);
    CHECK(!sw_path_exists(test_path("data/tasks/" TASK_ID "/holder")));
    done();
}
