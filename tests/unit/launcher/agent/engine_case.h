/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A task engine over runtime_fake.h. Its control plane keeps what it is told, and each image is there. One a case, which begins with
 * setup() and ends with done(). */
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/agent/task_engine.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK    "arn:aws:ecs:us-east-1:000000000000:task/default/00000000000000000000000000000001"
#define TASK_ID "00000000000000000000000000000001"

#define ONE "{\"name\":\"main\",\"image\":\"app\",\"memory\":64}"
#define AGAIN(period, codes)                                                                   \
    "[{\"name\":\"main\",\"image\":\"app\",\"memory\":64,\"restartPolicy\":{\"enabled\":true," \
    "\"restartAttemptPeriod\":" period ",\"ignoredExitCodes\":[" codes "]}}]"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static pthread_mutex_t reports_lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *reports, *healths;
static bool plane_down, pull_fails;
static int healths_to_lose, look_every_ms, cleanup_wait_s;
static _Atomic int pulls;
static const char *fill_disk; /* a state file that the next pull blocks */
static const char *layer_dir; /* test_path is for the case's own thread */
static const char *pid_mode;  /* of the definitions; NULL: none */

static inline int submit(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx;
    pthread_mutex_lock(&reports_lock);
    bool down = plane_down;
    if (!down)
        json_array_append_new(reports, json_deep_copy(in));
    pthread_mutex_unlock(&reports_lock);
    return down ? sw_fail(err, SW_EUNAVAILABLE, NULL, "down") : 0;
}

static inline int submit_health(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx;
    pthread_mutex_lock(&reports_lock);
    bool lost = healths_to_lose > 0 && healths_to_lose-- > 0;
    if (!lost)
        json_array_append_new(healths, json_deep_copy(in));
    pthread_mutex_unlock(&reports_lock);
    return lost ? sw_fail(err, SW_EUNAVAILABLE, NULL, "down") : 0;
}

/* As a disk that is full: nothing can be saved there. A save of another thread may come in between. */
static inline void block_file(const char *file, const char *kept)
{
    bool blocked = false;
    for (int i = 0; i < 100 && !blocked; i++) {
        (void)(kept ? rename(file, kept) : unlink(file));
        blocked = mkdir(file, 0700) == 0;
    }
    CHECK(blocked);
}

static inline int pull(void *ctx, const char *name, const struct pull_as *as,
                       const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    (void)as;
    (void)ctx, (void)name, (void)cancelled;
    pulls++;
    if (fill_disk)
        block_file(fill_disk, NULL);
    fill_disk = NULL;
    if (pull_fails)
        return sw_fail(err, SW_ENOTFOUND, "CannotPullContainerError", "no such image");
    *ret = (struct image){
        .layers_n = 1, .layers = sw_calloc(1, sizeof(char *)), .manifest_digest = "sha256:00"};
    ret->layers[0] = sw_strdup(layer_dir);
    ret->config = json_pack("{s:{s:[s]}}", "config", "Cmd", "/bin/true");
    return 0;
}

static inline void start_engine(const char *dir)
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

static inline void setup(void)
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
static inline void done(void)
{
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    engine_free(engine);
    json_decref(reports);
    json_decref(healths);
}

static inline json_t *tasks_of(const char *containers, const char *desired, const char *known)
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

static inline void apply(const char *containers, const char *desired, const char *known)
{
    json_t *tasks = tasks_of(containers, desired, known);
    engine_apply(engine, tasks);
    json_decref(tasks);
}

static inline json_t *report_of(const char *status)
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

static inline const json_t *await(const char *status)
{
    const json_t *r = NULL;
    for (int i = 0; i < 20000 && !(r = report_of(status)); i++)
        sw_sleep_ms(5);
    CHECK_MSG(r, "no report %s", status);
    return r;
}

static inline const json_t *container(const json_t *report, size_t i)
{
    return json_array_get(sw_json_array(report, "containers"), i);
}

static inline void await_idle(void)
{
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    CHECK(engine_idle(engine));
}
