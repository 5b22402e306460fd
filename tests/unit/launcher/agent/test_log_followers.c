/* SPDX-License-Identifier: Apache-2.0 */
/* Followers of logs over an engine whose runtime has no processes; the test writes the log. */
#include "launcher/agent/log_followers.h"

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK_ID "00000000000000000000000000000001"
#define TASK    "arn:aws:ecs:us-east-1:000000000000:task/default/" TASK_ID
#define LINE    "2026-01-02T03:04:05.000000006+00:00 stdout F hello\n"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static struct log_followers *followers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *answers;
static const char *layer_dir;

static int submit_state(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)in, (void)err;
    return 0;
}

static int submit_logs(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)err;
    pthread_mutex_lock(&lock);
    json_array_append_new(answers, json_deep_copy(in));
    pthread_mutex_unlock(&lock);
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

static void setup(void)
{
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0)
        test_skip("needs root");
    sw_log_set_level(SW_LOG_ERROR);
    fake_init(&fake);
    runtime = (struct runtime){.ops = &fake_ops, .self = &fake};
    answers = json_array();
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
        json_pack("[{s:s, s:s, s:s, s:{s:s, s:i, s:s, s:[{s:s, s:s, s:i}]}}]", "taskArn", TASK,
                  "desiredStatus", "RUNNING", "knownStatus", "PENDING", "taskDefinition", "family",
                  "app", "revision", 1, "networkMode", "host", "containerDefinitions", "name",
                  "main", "image", "app", "memory", 64);
    engine_apply(engine, tasks);
    json_decref(tasks);
    for (int i = 0; i < 20000 && fake_count(&fake, &fake.s.starts) == 0; i++)
        sw_sleep_ms(5);
    struct log_followers_options l = {
        .engine = engine, .cluster = "default", .submit = submit_logs};
    CHECK_OK(log_followers_new(&l, &followers, &err));
}

static void done(void)
{
    log_followers_free(followers);
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    engine_free(engine);
    json_decref(answers);
}

static void follow(const char *task, int n, int wait_s)
{
    char id[16];
    snprintf(id, sizeof id, "r%d", n);
    json_t *q = json_pack("{s:s, s:s, s:i, s:i}", "requestId", id, "taskArn", task, "maxBytes",
                          65536, "waitSeconds", wait_s);
    log_followers_add(followers, "instance-arn", q);
    json_decref(q);
}

static size_t answered(void)
{
    pthread_mutex_lock(&lock);
    size_t n = json_array_size(answers);
    pthread_mutex_unlock(&lock);
    return n;
}

static void await_answers(size_t n)
{
    for (int i = 0; i < 20000 && answered() < n; i++)
        sw_sleep_ms(5);
    CHECK_EQ_UINT(answered(), n);
}

static void write_log(void)
{
    test_write_file(test_path("data/tasks/" TASK_ID "/containers/main/log"), LINE, sizeof LINE - 1);
}

TEST(many_followers_hear_at_once)
{
    setup();
    for (int i = 0; i < 50; i++)
        follow(TASK, i, 20);
    sw_sleep_ms(100);
    CHECK_EQ_UINT(answered(), 0);
    int64_t t0 = sw_mono_ms();
    write_log();
    await_answers(50);
    CHECK(sw_mono_ms() - t0 < 15000);
    for (size_t i = 0; i < 50; i++) {
        const json_t *a = json_array_get(answers, i);
        CHECK_EQ_UINT(json_array_size(sw_json_array(a, "records")), 1);
        CHECK_EQ_STR(sw_json_str(a, "containerInstance", ""), "instance-arn");
        CHECK(sw_json_str(a, "cursor", "")[0] && !sw_json_bool(a, "finished", true));
    }
    done();
}

TEST(one_that_waits_keeps_no_other_waiting)
{
    setup();
    follow(TASK, 1, 3);
    follow("arn:aws:ecs:us-east-1:000000000000:task/default/unknown", 2, 20);
    await_answers(1);
    CHECK_EQ_STR(sw_json_str(json_array_get(answers, 0), "requestId", ""), "r2");
    CHECK(sw_json_bool(json_array_get(answers, 0), "finished", false));
    await_answers(2); /* its time is up: nothing, and not finished */
    CHECK_EQ_STR(sw_json_str(json_array_get(answers, 1), "requestId", ""), "r1");
    CHECK(!sw_json_bool(json_array_get(answers, 1), "finished", true));
    done();
}

TEST(the_end_of_a_container_is_an_answer)
{
    setup();
    follow(TASK, 1, 20);
    fake_end(&fake, 0, 0, false);
    await_answers(1);
    CHECK(sw_json_bool(json_array_get(answers, 0), "finished", false));
    done();
}

TEST(our_end_is_an_answer)
{
    setup();
    follow(TASK, 1, 20);
    log_followers_free(followers);
    followers = NULL;
    CHECK_EQ_UINT(answered(), 1);
    CHECK(!sw_json_bool(json_array_get(answers, 0), "finished", true));
    done();
}
