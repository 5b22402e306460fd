/* SPDX-License-Identifier: Apache-2.0 */
/* Roles of tasks against a control plane of functions, and a runtime without processes. */
#include "launcher/agent/task_endpoint.h"
#include "launcher/agent/task_engine.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/agent/task_engine_internal.h"
#include "tests/unit/launcher/agent/runtime_fake.h"

#define TASK        "arn:aws:ecs:us-east-1:000000000000:task/default/00000000000000000000000000000001"
#define DIR_OF_TASK "data/tasks/00000000000000000000000000000001"
#define ROLE        "arn:aws:iam::000000000000:role/r"

static struct fake fake;
static struct runtime runtime;
static struct task_engine *engine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char stop_reason[512], pulled_as[128];
static bool stopped, running;
static _Atomic int issued, fail_first, refuse, life_ms;
static const char *layer_dir;

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

static int credentials(void *ctx, const char *task, bool execution, json_t **ret,
                       struct sw_err *err)
{
    (void)ctx;
    CHECK_EQ_STR(task, TASK);
    if (fail_first > 0 && fail_first-- > 0)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "down");
    if (refuse)
        return sw_fail(err, SW_EINVALID, "ClientException", "ECS was unable to assume the role");
    char id[32];
    snprintf(id, sizeof id, "ASIA%d", (int)issued++);
    *ret = json_pack("{s:s, s:s, s:s, s:s, s:f}", "roleArn", ROLE, "accessKeyId",
                     execution ? "EXEC" : id, "secretAccessKey", "s", "sessionToken", "t",
                     "expiration", (double)sw_now_us() / 1e6 + (double)life_ms / 1e3);
    return 0;
}

static int call_as(void *ctx, const json_t *who, const char *target, const json_t *in, json_t **ret,
                   struct sw_err *err)
{
    (void)ctx, (void)in;
    CHECK_EQ_STR(sw_json_str(who, "accessKeyId", ""), "EXEC");
    CHECK_CONTAINS(target, ".GetAuthorizationToken");
    if (refuse)
        return sw_fail(err, SW_EDENIED, "AccessDeniedException", "not authorized");
    *ret = json_pack("{s:[{s:s}]}", "authorizationData", "authorizationToken", "QVdTOng=");
    return 0;
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    (void)ctx, (void)name, (void)cancelled, (void)err;
    snprintf(pulled_as, sizeof pulled_as, "%s", as->authorization ? as->authorization : "");
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
                                    .credentials = credentials,
                                    .call_as = call_as,
                                    .urls = {.host = "http://169.254.170.2"},
                                    .region = "eu-north-1",
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
    issued = fail_first = refuse = 0;
    life_ms = 3600000;
    pulled_as[0] = 0;
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

static void begin(const char *roles)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *tasks = NULL;
    sw_autofree char *text = sw_asprintf(
        "[{\"taskArn\": \"" TASK "\", \"desiredStatus\": \"RUNNING\", \"knownStatus\": "
        "\"PROVISIONING\", \"taskDefinition\": {\"family\": \"app\", \"revision\": 1, "
        "\"networkMode\": \"host\", %s, \"containerDefinitions\": [{\"name\": \"main\", "
        "\"image\": \"app\", \"memory\": 64}]}}]",
        roles);
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

static char *config(void)
{
    return test_read_file(test_path(DIR_OF_TASK "/containers/main/config.json"), NULL);
}

TEST(a_container_is_told_where_to_ask)
{
    setup();
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    const char *text = config();
    CHECK_CONTAINS(text, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/");
    CHECK_CONTAINS(text, "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/");
    CHECK_CONTAINS(text, "AWS_DEFAULT_REGION=eu-north-1");
    CHECK_CONTAINS(text, "AWS_EXECUTION_ENV=AWS_ECS_EC2");
    CHECK_EQ_STR(pulled_as, "");
    const char *state = test_read_file(test_path(DIR_OF_TASK "/state.json"), NULL);
    CHECK_CONTAINS(state, "credentialsId");
    CHECK(!strstr(state, "ASIA0"));
    done();
}

TEST(waits_for_a_control_plane_that_is_away)
{
    setup();
    fail_first = 2;
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    CHECK_EQ_INT(issued, 1);
    done();
}

TEST(a_refused_role_is_no_start)
{
    setup();
    refuse = 1;
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&stopped);
    CHECK(!running);
    CHECK_EQ_STR(stop_reason, "TaskFailedToStart: ECS was unable to assume the role");
    done();
}

TEST(credentials_are_renewed_at_half_of_their_life)
{
    setup();
    life_ms = 3000;
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    for (int i = 0; i < 10000 && issued < 2; i++)
        sw_sleep_ms(5);
    CHECK(issued >= 2);
    done();
}

/* The control plane's clock may have been set with ours: then theirs have expired, or seem to be of another day. */
TEST(credentials_are_renewed_when_the_clock_was_set)
{
    setup();
    life_ms = 6 * 3600 * 1000;
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    CHECK_EQ_INT(issued, 1);
    for (int day = -1; day <= 1; day += 2) {
        int before = issued;
        pthread_mutex_lock(&engine->tasks->lock);
        engine->tasks->clock_ahead_ms += day * 86400000LL;
        pthread_mutex_unlock(&engine->tasks->lock);
        for (int i = 0; i < 10000 && issued == before; i++)
            sw_sleep_ms(5);
        CHECK_EQ_INT(issued, before + 1);
    }
    done();
}

TEST(credentials_that_seem_expired_at_once_are_not_asked_for_again_and_again)
{
    setup();
    life_ms = -86400000;
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    pthread_mutex_lock(&engine->tasks->lock);
    CHECK(engine->tasks->credentials_renew_at_ms > sw_mono_ms() + 60000);
    pthread_mutex_unlock(&engine->tasks->lock);
    CHECK_EQ_INT(issued, 1);
    done();
}

TEST(a_new_agent_asks_again_under_the_same_id)
{
    setup();
    begin("\"taskRoleArn\": \"" ROLE "\"");
    await(&running);
    sw_autojson json_t *before = NULL, *after = NULL;
    struct sw_err err = SW_ERR_INIT;
    const char *path = test_path(DIR_OF_TASK "/state.json");
    CHECK_OK(sw_json_load_file(path, 1 << 20, &before, &err));
    engine_free(engine);
    start_engine();
    for (int i = 0; i < 10000 && issued < 2; i++)
        sw_sleep_ms(5);
    CHECK(issued >= 2);
    CHECK_OK(sw_json_load_file(path, 1 << 20, &after, &err));
    CHECK_EQ_STR(sw_json_str(after, "credentialsId", ""),
                 sw_json_str(before, "credentialsId", "-"));
    done();
}

TEST(the_execution_role_pulls)
{
    setup();
    begin("\"executionRoleArn\": \"" ROLE "\"");
    await(&running);
    CHECK_EQ_STR(pulled_as, "Basic QVdTOng=");
    CHECK(!strstr(config(), "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
    done();
}

/* Tasks are known for hours after their end, and addresses of containers are given to others. */
TEST(a_task_that_ended_has_no_credentials_any_more)
{
    setup();
    begin("\"taskRoleArn\": \"" ROLE "\", \"executionRoleArn\": \"" ROLE "\"");
    await(&running);
    struct task *t = engine->tasks;
    pthread_mutex_lock(&t->lock);
    CHECK_NOT_NULL(t->credentials);
    CHECK_NOT_NULL(t->pull_authorization);
    pthread_mutex_unlock(&t->lock);
    engine_stop_all(engine, "its time is over");
    for (int i = 0; i < 20000 && !engine_idle(engine); i++)
        sw_sleep_ms(5);
    CHECK(engine_idle(engine) && engine->tasks == t);
    pthread_mutex_lock(&t->lock);
    CHECK_NULL(t->credentials);
    CHECK_NULL(t->pull_authorization);
    pthread_mutex_unlock(&t->lock);
    done();
}
