/* SPDX-License-Identifier: Apache-2.0 */
/* The shipper over an engine whose runtime has no processes; the test writes the logs. Shipping itself is tested with real
 * containers by tests/http/test_task_log_streams.py. */
#include "launcher/agent/log_shipper.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/agent/log_sources.h"
#include "launcher/agent/task_engine_internal.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK_ID  "00000000000000000000000000000001"
#define TASK     "arn:aws:ecs:us-east-1:000000000000:task/default/" TASK_ID
#define INSTANCE "arn:aws:ecs:us-east-1:000000000000:container-instance/default/1"
#define LINE     "2026-01-02T03:04:05.000000006+00:00 stdout F hello\n"
#define HANGS_MS 1000

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static const char *layer_dir;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int puts_n;
static bool ending;

static int submit_state(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)in, (void)err;
    return 0;
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    (void)as;
    (void)ctx, (void)name, (void)cancelled, (void)err;
    *ret = (struct image){
        .layers_n = 1, .layers = sw_calloc(1, sizeof(char *)), .manifest_digest = "sha256:00"};
    ret->layers[0] = sw_strdup(layer_dir);
    ret->config = json_pack("{s:{s:[s]}}", "config", "Cmd", "/bin/true");
    return 0;
}

/* A control plane that takes connections and says nothing, until the test ends the shipper and some time longer. */
static int put_hangs(void *ctx, const json_t *in, struct sw_err *err)
{
    bool over = false;
    (void)ctx, (void)in;
    pthread_mutex_lock(&lock);
    puts_n++;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 20000 && !over; i++) {
        sw_sleep_ms(5);
        pthread_mutex_lock(&lock);
        over = ending;
        pthread_mutex_unlock(&lock);
    }
    sw_sleep_ms(HANGS_MS);
    return sw_fail(err, SW_EUNAVAILABLE, NULL, "no answer");
}

static int count_puts(void)
{
    pthread_mutex_lock(&lock);
    int n = puts_n;
    pthread_mutex_unlock(&lock);
    return n;
}

static json_t *container(const char *name)
{
    return json_pack("{s:s, s:s, s:i, s:{s:s, s:{s:s, s:s}}}", "name", name, "image", "app",
                     "memory", 64, "logConfiguration", "logDriver", "awslogs", "options",
                     "awslogs-group", "g", "awslogs-region", "us-east-1");
}

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0)
        test_skip("needs root");
    sw_log_set_level(SW_LOG_ERROR);
    puts_n = 0;
    ending = false;
    fake_init(&fake);
    runtime = (struct runtime){.ops = &fake_ops, .self = &fake};
    CHECK_OK(sw_mkdirs(test_path("layer/bin"), 0755, &err));
    layer_dir = test_path("layer");
    struct task_engine_options o = {.data_dir = test_path("data"),
                                    .runtime = &runtime,
                                    .pull = pull,
                                    .submit_state = submit_state,
                                    .stop_timeout_default_s = 1,
                                    .cgroup_root = test_path("cgroup")};
    CHECK_OK(engine_new(&o, &engine, &err));
    json_t *tasks =
        json_pack("[{s:s, s:s, s:s, s:{s:s, s:i, s:s, s:[o, o, o]}}]", "taskArn", TASK,
                  "desiredStatus", "RUNNING", "knownStatus", "PENDING", "taskDefinition", "family",
                  "app", "revision", 1, "networkMode", "host", "containerDefinitions",
                  container("a"), container("b"), container("c"));
    engine_apply(engine, tasks);
    json_decref(tasks);
    for (int i = 0; i < 20000 && fake_count(&fake, &fake.s.starts) < 3; i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(fake_count(&fake, &fake.s.starts), 3);
    test_write_file(test_path("data/tasks/" TASK_ID "/containers/a/log"), LINE, sizeof LINE - 1);
    test_write_file(test_path("data/tasks/" TASK_ID "/containers/b/log"), LINE, sizeof LINE - 1);
    test_write_file(test_path("data/tasks/" TASK_ID "/containers/c/log"), LINE, sizeof LINE - 1);
}

static void done(void)
{
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    engine_free(engine);
}

static int put_takes(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)in, (void)err;
    pthread_mutex_lock(&lock);
    puts_n++;
    pthread_mutex_unlock(&lock);
    return 0;
}

static size_t sources(void)
{
    struct log_source *list;
    size_t n;
    log_sources_list(engine, &list, &n);
    log_sources_free(list, n);
    return n;
}

/* Looked at no more, so that the engine lets go of its task; not before its task is over, for it may be started again. */
TEST(what_was_sent_of_a_task_that_is_over_is_done)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_shipper *s = NULL;
    setup();
    const struct log_shipper_options o = {
        .engine = engine, .cluster = "default", .put = put_takes, .look_ms = 10};
    CHECK_OK(log_shipper_new(&o, &s, &err));
    log_shipper_set_instance(s, INSTANCE);
    for (int i = 0; i < 20000 && count_puts() < 3; i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(count_puts(), 3);
    log_sources_done(engine, TASK, "a");
    CHECK_EQ_INT(sources(), 3);
    json_t *none = json_array();
    engine_apply(engine, none);
    json_decref(none);
    for (int i = 0; i < 20000 && (sources() > 0 || !engine_idle(engine)); i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(sources(), 0);
    engine_sweep(engine);
    CHECK_NULL(engine->tasks);
    log_shipper_free(s);
    done();
}

TEST(the_end_waits_for_one_call_and_not_for_each_container)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_shipper *s = NULL;
    setup();
    const struct log_shipper_options o = {
        .engine = engine, .cluster = "default", .put = put_hangs, .look_ms = 10};
    CHECK_OK(log_shipper_new(&o, &s, &err));
    log_shipper_set_instance(s, INSTANCE);
    for (int i = 0; i < 20000 && count_puts() == 0; i++)
        sw_sleep_ms(5);
    pthread_mutex_lock(&lock);
    ending = true;
    pthread_mutex_unlock(&lock);
    log_shipper_free(s);
    CHECK_EQ_INT(count_puts(), 1);
    done();
}
