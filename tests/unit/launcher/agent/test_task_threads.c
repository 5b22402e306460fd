/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that has no room for one more thread, for a while: what could not be begun or watched is, as soon as there is room. */
#include <pthread.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/agent/task_engine_internal.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK "arn:aws:ecs:us-east-1:000000000000:task/default/00000000000000000000000000000001"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static const char *layer_dir;
static _Atomic bool running, stopped, armed;

static int submit(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)err;
    running = running || sw_streq(sw_json_str(in, "status", ""), "RUNNING");
    stopped = stopped || sw_streq(sw_json_str(in, "status", ""), "STOPPED");
    return 0;
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    (void)ctx, (void)name, (void)as, (void)cancelled, (void)err;
    *ret = (struct image){
        .layers_n = 1, .layers = sw_calloc(1, sizeof(char *)), .manifest_digest = "sha256:00"};
    ret->layers[0] = sw_strdup(layer_dir);
    ret->config = json_pack("{s:{s:[s]}}", "config", "Cmd", "/bin/true");
    return 0;
}

/* With stacks larger than the address space no thread can be made. */
static void threads_may_be_made(bool may)
{
    static size_t usual;
    pthread_attr_t a;
    CHECK_EQ_INT(pthread_attr_init(&a), 0);
    CHECK_EQ_INT(pthread_getattr_default_np(&a), 0);
    if (!usual)
        CHECK_EQ_INT(pthread_attr_getstacksize(&a, &usual), 0);
    CHECK_EQ_INT(pthread_attr_setstacksize(&a, may ? usual : (size_t)1 << 47), 0);
    CHECK_EQ_INT(pthread_setattr_default_np(&a), 0);
    pthread_attr_destroy(&a);
}

static void no_more_threads(void *ctx)
{
    (void)ctx;
    if (armed && fake_count(&fake, &fake.s.creates) == 1) {
        armed = false;
        threads_may_be_made(false);
    }
}

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0)
        test_skip("needs root");
    sw_log_set_level(SW_LOG_ERROR);
    fake_init(&fake);
    runtime = (struct runtime){.ops = &fake_ops, .self = &fake};
    running = stopped = false;
    CHECK_OK(sw_mkdirs(test_path("layer/bin"), 0755, &err));
    layer_dir = test_path("layer");
    struct task_engine_options o = {.data_dir = test_path("data"),
                                    .runtime = &runtime,
                                    .pull = pull,
                                    .submit_state = submit,
                                    .stop_timeout_default_s = 1,
                                    .look_every_ms = 60000,
                                    .cgroup_root = test_path("cgroup")};
    CHECK_OK(engine_new(&o, &engine, &err));
}

static void begin(void)
{
    json_t *tasks =
        json_pack("[{s:s, s:s, s:s, s:{s:s, s:i, s:s, s:[{s:s, s:s, s:i}]}}]", "taskArn", TASK,
                  "desiredStatus", "RUNNING", "knownStatus", "PENDING", "taskDefinition", "family",
                  "app", "revision", 1, "networkMode", "host", "containerDefinitions", "name",
                  "main", "image", "app", "memory", 64);
    engine_apply(engine, tasks);
    json_decref(tasks);
}

static void await(const _Atomic bool *what)
{
    for (int i = 0; i < 20000 && !*what; i++)
        sw_sleep_ms(5);
    CHECK(*what);
}

static void done(void)
{
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    CHECK(engine_idle(engine));
    engine_free(engine);
}

TEST(a_task_that_got_no_thread_is_begun_later)
{
    setup();
    threads_may_be_made(false);
    begin();
    CHECK(!engine->tasks->thread_started && !engine_idle(engine));
    threads_may_be_made(true);
    await(&running);
    done();
}

TEST(a_container_that_nobody_could_watch_is_watched_later)
{
    setup();
    fake.hook = no_more_threads;
    armed = true;
    begin();
    await(&running);
    fake_end(&fake, 0, 0, false);
    sw_sleep_ms(50);
    threads_may_be_made(true);
    await(&stopped);
    done();
}
