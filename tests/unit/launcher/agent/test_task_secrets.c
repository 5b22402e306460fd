/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of tasks against a control plane of functions, and a runtime without processes. */
#include "launcher/agent/task_engine.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK        "arn:aws:ecs:us-east-1:000000000000:task/default/00000000000000000000000000000001"
#define DIR_OF_TASK "data/tasks/00000000000000000000000000000001"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char stop_reason[512];
static bool stopped, running;
static _Atomic int asked, fail_first, refuse, pulled;
static const char *layer_dir;
static char pulled_as[128];
static bool pulled_known;

static int submit(void *ctx, const json_t *in, struct sw_err *err)
{
    (void)ctx, (void)err;
    pthread_mutex_lock(&lock);
    running |= sw_streq(sw_json_str(in, "status", ""), "RUNNING");
    stopped |= sw_streq(sw_json_str(in, "status", ""), "STOPPED");
    snprintf(stop_reason, sizeof stop_reason, "%s", sw_json_str(in, "reason", ""));
    pthread_mutex_unlock(&lock);
    return 0;
}

static int secrets(void *ctx, const char *task, json_t **ret, struct sw_err *err)
{
    (void)ctx;
    CHECK_EQ_STR(task, TASK);
    asked++;
    if (fail_first > 0 && fail_first-- > 0)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "down");
    if (refuse)
        return sw_fail(err, SW_EINVALID, "ClientException", "unable to pull secrets");
    *ret = json_pack("{s:[{s:s, s:[{s:s, s:s}], s:{s:s, s:s}}, {s:s, s:[{s:s, s:s}]}]}",
                     "containers", "containerName", "main", "secrets", "name", "PASSWORD", "value",
                     "first=line\nsecond", "repositoryCredentials", "username", "ann", "password",
                     "a:b", "containerName", "other", "secrets", "name", "OTHER", "value",
                     "not-for-main");
    return 0;
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    snprintf(pulled_as, sizeof pulled_as, "%s", as->credentials ? as->credentials : "");
    pulled_known = as->known;
    (void)ctx, (void)name, (void)cancelled, (void)err;
    pulled++;
    *ret = (struct image){
        .layers_n = 1, .layers = sw_calloc(1, sizeof(char *)), .manifest_digest = "sha256:00"};
    ret->layers[0] = sw_strdup(layer_dir);
    ret->config = json_pack("{s:{s:[s]}}", "config", "Cmd", "/bin/true");
    return 0;
}

static void start_engine(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct task_engine_options o = {.data_dir = test_path("data"),
                                    .cluster = "default",
                                    .runtime = &runtime,
                                    .pull = pull,
                                    .submit_state = submit,
                                    .secrets = secrets,
                                    .stop_timeout_default_s = 1,
                                    .look_every_ms = 60000,
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
    stopped = running = false;
    asked = fail_first = refuse = pulled = 0;
    CHECK_OK(sw_mkdirs(test_path("layer/bin"), 0755, &err));
    layer_dir = test_path("layer");
    start_engine();
}

static void done(void)
{
    engine_stop_all(engine, "the case is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    engine_free(engine);
}

static void begin(const char *more)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *tasks = NULL;
    sw_autofree char *text =
        sw_asprintf("[{\"taskArn\": \"" TASK "\", \"desiredStatus\": \"RUNNING\", \"knownStatus\": "
                    "\"PROVISIONING\", \"taskDefinition\": {\"family\": \"app\", \"revision\": 1, "
                    "\"networkMode\": \"host\", \"containerDefinitions\": [{\"name\": \"main\", "
                    "\"image\": \"app\", \"memory\": 64%s}]}}]",
                    more);
    CHECK_OK(sw_json_load(sw_str(text), 16, 1000, NULL, &tasks, &err));
    engine_apply(engine, tasks);
}

static void await(const bool *what)
{
    bool is = false;
    for (int i = 0; i < 20000 && !is; i++) {
        pthread_mutex_lock(&lock);
        is = *what;
        pthread_mutex_unlock(&lock);
        sw_sleep_ms(5);
    }
    CHECK(is);
}

#define WANTED ", \"secrets\": [{\"name\": \"PASSWORD\", \"valueFrom\": \"p\"}]"

TEST(values_are_in_the_environment_and_nowhere_else)
{
    setup();
    fail_first = 2; /* a control plane that is away is waited for */
    begin(WANTED);
    await(&running);
    CHECK_EQ_INT(asked, 3);
    const char *config =
        test_read_file(test_path(DIR_OF_TASK "/containers/main/config.json"), NULL);
    const char *state = test_read_file(test_path(DIR_OF_TASK "/state.json"), NULL);
    CHECK_CONTAINS(config, "PASSWORD=first=line\\nsecond");
    CHECK(!strstr(config, "not-for-main"));
    CHECK(!strstr(state, "first=line"));
    done();
}

TEST(a_container_that_a_new_agent_starts_again_has_them_too)
{
    setup();
    begin(WANTED ", \"restartPolicy\": {\"enabled\": true, \"restartAttemptPeriod\": 0}");
    await(&running);
    CHECK_EQ_INT(asked, 1);
    engine_free(engine);
    start_engine();
    sw_sleep_ms(50);
    CHECK_EQ_INT(asked, 1); /* what runs has its own */
    fake_end(&fake, 0, 3, false);
    for (int i = 0; i < 20000 && fake_count(&fake, &fake.s.starts) < 2; i++)
        sw_sleep_ms(5);
    CHECK_EQ_INT(asked, 2);
    const char *config =
        test_read_file(test_path(DIR_OF_TASK "/containers/main/config.json"), NULL);
    CHECK_CONTAINS(config, "PASSWORD=first=line");
    CHECK(pulled_known); /* the image is here: its registry need not be */
    done();
}

TEST(credentials_of_a_registry_go_with_the_pull)
{
    setup();
    begin(", \"repositoryCredentials\": {\"credentialsParameter\": \"s\"}");
    await(&running);
    CHECK_EQ_INT(asked, 1);
    CHECK_EQ_STR(pulled_as, "Basic YW5uOmE6Yg==");
    CHECK(!pulled_known);
    CHECK(!strstr(test_read_file(test_path(DIR_OF_TASK "/state.json"), NULL), "ann"));
    done();
}

TEST(nobody_is_asked_for_tasks_without_secrets)
{
    setup();
    begin("");
    await(&running);
    CHECK_EQ_INT(asked, 0);
    done();
}

TEST(a_refusal_is_no_start)
{
    setup();
    refuse = 1;
    begin(WANTED);
    await(&stopped);
    CHECK(!running);
    CHECK_EQ_INT(pulled, 0);
    CHECK_EQ_STR(stop_reason,
                 "TaskFailedToStart: ResourceInitializationError: unable to pull secrets");
    done();
}
