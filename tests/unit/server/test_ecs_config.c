/* SPDX-License-Identifier: Apache-2.0 */
#include "server/ecs_config.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const char *const no_env[] = {NULL};

static int load(const char *text, const char *const *env, struct ecs_config *ret,
                struct sw_err *err)
{
    return ecs_config_load(test_write_file(test_path("ecs.config"), text, strlen(text)), env, ret,
                           err);
}

TEST(reads_every_key)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;

    CHECK_OK(load("# comment\n"
                  "\n"
                  "ECS_CLUSTER=blue\n"
                  "ECS_DATADIR=/data\n"
                  "ECS_BACKEND_HOST=http://10.0.0.5:5000\n"
                  "AWS_DEFAULT_REGION=eu-west-1\n"
                  "ECS_LOGLEVEL=debug\n"
                  "ECS_RESERVED_PORTS=[22, 80]\n"
                  "ECS_RESERVED_PORTS_UDP=[53]\n"
                  "ECS_INSTANCE_ATTRIBUTES={\"rack\": \"r1\", \"ssd\": \"\"}\n"
                  "ECS_CONTAINER_INSTANCE_TAGS={\"team\": \"x\"}\n"
                  "ECS_EXTERNAL=true\n"
                  "ECS_FARGATE=shared\n"
                  "ECS_RESERVED_MEMORY=256\n"
                  "ECS_CONTAINER_STOP_TIMEOUT=2m\n"
                  "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=3h\n"
                  "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER=90s\n"
                  "ECS_DISABLE_IMAGE_CLEANUP=true\n"
                  "ECS_IMAGE_CLEANUP_INTERVAL=15m\n"
                  "ECS_IMAGE_MINIMUM_CLEANUP_AGE=2h\n"
                  "ECS_NUM_IMAGES_DELETE_PER_CYCLE=7\n"
                  "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached\n"
                  "ECS_TASK_METADATA_RPS_LIMIT=10, 20\n",
                  no_env, &c, &err));
    CHECK(c.no_image_cleanup);
    CHECK_EQ_INT(c.image_cleanup_interval_s, 900);
    CHECK_EQ_INT(c.image_min_age_s, 7200);
    CHECK_EQ_INT(c.images_per_cycle, 7);
    CHECK_EQ_INT(c.pull_behavior, PULL_CACHED);
    CHECK_EQ_INT(c.metadata_rate, 10);
    CHECK_EQ_INT(c.metadata_burst, 20);
    CHECK_EQ_STR(c.cluster, "blue");
    CHECK_EQ_STR(c.data_dir, "/data");
    CHECK_EQ_STR(c.endpoint, "http://10.0.0.5:5000");
    CHECK_EQ_STR(c.region, "eu-west-1");
    CHECK_EQ_STR(c.log_level, "debug");
    CHECK_EQ_STR(c.reserved_ports, "22,80");
    CHECK_EQ_STR(c.reserved_ports_udp, "53");
    CHECK_EQ_STR(json_string_value(json_object_get(c.attributes, "rack")), "r1");
    CHECK_EQ_STR(json_string_value(json_object_get(c.tags, "team")), "x");
    CHECK(c.external);
    CHECK_EQ_STR(c.fargate, "shared");
    CHECK_EQ_INT(c.reserved_memory_mib, 256);
    CHECK_EQ_INT(c.stop_timeout_s, 120);
    CHECK_EQ_INT(c.task_cleanup_wait_s, 10800);
    CHECK_EQ_INT(c.task_cleanup_jitter_s, 90);
    ecs_config_free(&c);
    CHECK_NULL(c.cluster);
}

TEST(too_short_a_cleanup_wait_is_not_taken)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;

    CHECK_OK(load("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=59s\n", no_env, &c, &err));
    CHECK_EQ_INT(c.task_cleanup_wait_s, 0);
    ecs_config_free(&c);
    CHECK_OK(load("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1m\n", no_env, &c, &err));
    CHECK_EQ_INT(c.task_cleanup_wait_s, 60);
    ecs_config_free(&c);
}

TEST(quotes_blanks_and_line_ends_do_not_belong_to_values)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;

    CHECK_OK(load("  ECS_CLUSTER = \"blue = green\"\r\n"
                  "ECS_DATADIR='/a b'\r\n"
                  "ECS_LOGLEVEL=\"half\n"
                  "\r\n",
                  no_env, &c, &err));
    CHECK_EQ_STR(c.cluster, "blue = green");
    CHECK_EQ_STR(c.data_dir, "/a b");
    CHECK_EQ_STR(c.log_level, "\"half");
    ecs_config_free(&c);
}

TEST(nothing_given_is_nothing_set)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;

    CHECK_OK(ecs_config_load(NULL, no_env, &c, &err));
    CHECK_NULL(c.cluster);
    CHECK_NULL(c.reserved_ports);
    CHECK_EQ_INT(c.stop_timeout_s, 0);
    ecs_config_free(&c);
    CHECK_ERR(ecs_config_load(test_path("none"), no_env, &c, &err), SW_ENOTFOUND, NULL);
}

TEST(environment_wins_unless_it_is_empty)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;
    const char *const env[] = {"ECS_CLUSTER=green",     "ECS_DATADIR=",  "PATH=/bin", "odd",
                               "ECS_RESERVED_PORTS=[]", "ECS_UNKNOWN=1", NULL};

    CHECK_OK(load("ECS_CLUSTER=blue\nECS_DATADIR=/data\nECS_RESERVED_PORTS=[1]\n", env, &c, &err));
    CHECK_EQ_STR(c.cluster, "green");
    CHECK_EQ_STR(c.data_dir, "/data");
    CHECK_EQ_STR(c.reserved_ports, "");
    ecs_config_free(&c);
}

static void refused(const char *text, const char *const *env, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;
    int r = load(text, env, &c, &err);

    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, SW_EINVALID, NULL);
    CHECK_NULL(c.cluster);
}

TEST(errors_name_file_line_and_key)
{
    const char *const env[] = {"ECS_RESERVED_MEMORY=lots", NULL};

    refused("ECS_CLUSTER=a\nnonsense\n", no_env, "ecs.config:2: not KEY=value");
    refused("\n\nECS_RESERVED_MEMORY=1GB\n", no_env,
            "ecs.config:3: ECS_RESERVED_MEMORY: '1GB' is not a value for it");
    refused("ECS_CLUSTER=a\nECS_CLUSTER=\n", no_env, "ecs.config:2: ECS_CLUSTER");
    refused("ECS_CLUSTER=a\n", env, "ECS_RESERVED_MEMORY: 'lots'");
}

TEST(ports_are_a_list_of_numbers_in_range)
{
    static const char *const bad[] = {"22",       "[22",       "[a]",       "[0]",  "[65536]",
                                      "[22,,80]", "[22, 80,]", "[1 2]",     "[-1]", "{}",
                                      "[",        "]",         "[[22],80]", NULL};

    for (size_t i = 0; bad[i]; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "ECS_RESERVED_PORTS=%s\n", bad[i]);
        refused(text, no_env, "ECS_RESERVED_PORTS");
    }
}

TEST(attributes_and_tags_are_objects_of_texts)
{
    static const char *const bad[] = {"x", "[]", "{\"a\": 1}", "{\"a\": {}}", "{\"a\"", NULL};

    for (size_t i = 0; bad[i]; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "ECS_INSTANCE_ATTRIBUTES=%s\n", bad[i]);
        refused(text, no_env, "ECS_INSTANCE_ATTRIBUTES");
        (void)snprintf(text, sizeof(text), "ECS_CONTAINER_INSTANCE_TAGS=%s\n", bad[i]);
        refused(text, no_env, "ECS_CONTAINER_INSTANCE_TAGS");
    }
    refused("ECS_EXTERNAL=yes\n", no_env, "ECS_EXTERNAL");
    refused("ECS_FARGATE=true\n", no_env, "ECS_FARGATE");
}

TEST(counts_rates_and_behaviours)
{
    static const char *const bad[] = {
        "ECS_NUM_IMAGES_DELETE_PER_CYCLE=0",    "ECS_NUM_IMAGES_DELETE_PER_CYCLE=x",
        "ECS_TASK_METADATA_RPS_LIMIT=40",       "ECS_TASK_METADATA_RPS_LIMIT=40,0",
        "ECS_TASK_METADATA_RPS_LIMIT=40,60,80", "ECS_TASK_METADATA_RPS_LIMIT=-1,60",
        "ECS_IMAGE_PULL_BEHAVIOR=never",        "ECS_IMAGE_CLEANUP_INTERVAL=0s",
        "ECS_DISABLE_IMAGE_CLEANUP=1",          NULL};
    for (size_t i = 0; bad[i]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s\n", bad[i]);
        refused(text, no_env, "ECS_");
    }
}

TEST(durations_are_at_least_a_second)
{
    refused("ECS_CONTAINER_STOP_TIMEOUT=0s\n", no_env, "ECS_CONTAINER_STOP_TIMEOUT");
    refused("ECS_CONTAINER_STOP_TIMEOUT=500ms\n", no_env, "ECS_CONTAINER_STOP_TIMEOUT");
    refused("ECS_CONTAINER_STOP_TIMEOUT=soon\n", no_env, "ECS_CONTAINER_STOP_TIMEOUT");
}

TEST(keys_without_a_meaning_here_are_named_in_one_warning)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;
    const char *path = test_path("log");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    sw_log_set_fd(fd);
    /* What is so anyway is not ignored. */
    int r = load("ECS_ENABLE_TASK_IAM_ROLE=true\nECS_ENABLE_TASK_ENI=false\nECS_CLUSTER=a\n"
                 "DOCKER_HOST=x\nECS_SELINUX_CAPABLE=\"false\"\nECS_TASK_PIDS_LIMIT=5\n",
                 no_env, &c, &err);
    sw_log_set_fd(STDERR_FILENO);
    (void)close(fd);
    CHECK_OK(r);
    char *text = test_read_file(path, NULL);
    CHECK_CONTAINS(text, "\"level\":\"warning\"");
    CHECK_CONTAINS(text, "\"ECS_ENABLE_TASK_ENI DOCKER_HOST ECS_TASK_PIDS_LIMIT\"");
    CHECK(strchr(text, '\n') == strrchr(text, '\n'));
    ecs_config_free(&c);
}

TEST(a_file_too_large_is_refused)
{
    struct sw_err err = SW_ERR_INIT;
    struct ecs_config c;
    size_t n = 300 * 1024;
    sw_autofree char *text = malloc(n + 1);

    CHECK_NOT_NULL(text);
    memset(text, '#', n);
    text[n] = '\0';
    CHECK_ERR(load(text, no_env, &c, &err), SW_ELIMIT, NULL);
}
