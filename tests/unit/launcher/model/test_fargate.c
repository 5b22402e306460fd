/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/fargate.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/task_size.h"
#include "tests/lib/test.h"

static json_t *parse(const char *text)
{
    char copy[4096];
    json_error_t e;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    json_t *j = json_loads(copy, 0, &e);
    CHECK_MSG(j != NULL, "%s in %s", e.text, copy);
    return j;
}

/* The table as it is published, written another way than the program has it. */
static bool published(int64_t cpu, int64_t memory)
{
    int64_t gib = memory / 1024;
    if (cpu == 256)
        return memory == 512 || memory == 1024 || memory == 2048;
    if (memory % 1024 != 0)
        return false;
    switch (cpu) {
    case 512: return gib >= 1 && gib <= 4;
    case 1024: return gib >= 2 && gib <= 8;
    case 2048: return gib >= 4 && gib <= 16;
    case 4096: return gib >= 8 && gib <= 30;
    case 8192: return gib >= 16 && gib <= 60 && gib % 4 == 0;
    case 16384: return gib >= 32 && gib <= 120 && gib % 8 == 0;
    default: return false;
    }
}

TEST(every_size_is_in_the_table_or_is_not)
{
    int found = 0;
    for (int64_t cpu = 0; cpu <= 17408; cpu += 128) {
        for (int64_t memory = 0; memory <= 130000; memory += 64) {
            CHECK_MSG(task_size_fargate(cpu, memory) == published(cpu, memory), "%lld with %lld",
                      (long long)cpu, (long long)memory);
            found += task_size_fargate(cpu, memory);
        }
    }
    CHECK_EQ_INT(found, 3 + 4 + 7 + 13 + 23 + 12 + 12);
    CHECK(!task_size_fargate(256, 513) && !task_size_fargate(-256, 512));
}

#define WEB                                                                                     \
    "'family': 'web', 'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'cpu': " \
    "'256', "
#define ONE "'containerDefinitions': [{'name': 'a', 'image': 'b'}]"
#define LOG(options)                                                                  \
    "'logConfiguration': {'logDriver': 'awslogs', 'options': {'awslogs-group': 'g', " \
    "'awslogs-region': 'r'" options "}}"

TEST(what_a_definition_for_fargate_may_say)
{
    static const struct {
        const char *doc, *part; /* part NULL: it is fine */
    } table[] = {
        {"{" WEB "'memory': '512', " ONE "}", NULL},
        {"{'memory': '7', " ONE "}", NULL}, /* not for Fargate */
        {"{'ephemeralStorage': {'sizeInGiB': 30}, " ONE "}", "only supported for tasks hosted on"},
        {"{" WEB "'memory': '512', 'ephemeralStorage': {'sizeInGiB': 21}, " ONE "}", NULL},
        {"{" WEB "'memory': '512', 'ephemeralStorage': {'sizeInGiB': 200}, " ONE "}", NULL},
        {"{" WEB "'memory': '512', 'ephemeralStorage': {'sizeInGiB': 20}, " ONE "}", "21 and 200"},
        {"{" WEB "'memory': '512', 'ephemeralStorage': {'sizeInGiB': 201}, " ONE "}", "21 and 200"},
        {"{'requiresCompatibilities': ['EC2', 'FARGATE'], 'cpu': '256', 'memory': '512', " ONE "}",
         "Fargate only supports network mode ‘awsvpc’."},
        {"{" WEB ONE "}", "Fargate requires that 'memory' be defined at the task level."},
        {"{'networkMode': 'awsvpc', 'requiresCompatibilities': ['FARGATE'], 'memory': '512', " ONE
         "}",
         "Fargate requires that 'cpu' be defined at the task level."},
        {"{" WEB "'memory': '4096', " ONE "}", "No Fargate configuration exists for given values."},
        {"{" WEB "'memory': '1 GB', " ONE "}", NULL},
        {"{" WEB "'memory': '512', 'placementConstraints': [{'type': 'memberOf'}], " ONE "}",
         "placementConstraints"},
        {"{" WEB "'memory': '512', 'placementConstraints': [], 'ipcMode': '', " ONE "}", NULL},
        {"{" WEB "'memory': '512', 'pidMode': 'host', " ONE "}", "pidMode"},
        {"{" WEB "'memory': '512', 'pidMode': 'task', " ONE "}", NULL},
        {"{" WEB "'memory': '512', 'ipcMode': 'task', " ONE "}", "ipcMode"},
        {"{" WEB "'memory': '512', 'volumes': [{'name': 'v', 'host': {'sourcePath': '/etc'}}], " ONE
         "}",
         "Fargate compatible task definitions do not support sourcePath"},
        {"{" WEB "'memory': '512', 'volumes': [{'name': 'v', 'host': {}}, {'name': 'w'}], " ONE "}",
         NULL},
        {"{" WEB "'memory': '512', 'volumes': [{'name': 'v', 'dockerVolumeConfiguration': "
         "{'scope': 'task'}}], " ONE "}",
         "dockerVolumeConfiguration"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'privileged': true}]}",
         "privileged"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'privileged': false, "
         "'links': []}]}",
         NULL},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'links': ['b']}]}",
         "links"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'linuxParameters': "
         "{'devices': [{'hostPath': '/dev/null'}]}}]}",
         "devices"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'linuxParameters': "
         "{'capabilities': {'add': ['SYS_PTRACE', 'SYS_ADMIN'], 'drop': ['ALL']}}}]}",
         "only SYS_PTRACE can be added"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'linuxParameters': "
         "{'capabilities': {'add': ['ALL']}}}]}",
         "capability ALL"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'linuxParameters': "
         "{'capabilities': {'add': ['SYS_PTRACE'], 'drop': ['CHOWN']}}}]}",
         NULL},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'logConfiguration': "
         "{'logDriver': 'journald'}}]}",
         "journald"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'stopTimeout': 1}]}",
         "'stopTimeout' must be between 2 and 120"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'startTimeout': 121}]}",
         "'startTimeout' must be between 2 and 120"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'startTimeout': 120, "
         "'stopTimeout': 2}]}",
         NULL},
        {"{" WEB "'memory': '512', 'executionRoleArn': 'r', 'containerDefinitions': [{'name': "
         "'a', " LOG("") "}]}",
         "Log driver awslogs requires options: awslogs-stream-prefix"},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', " LOG(
             ", 'awslogs-stream-prefix': 'p'") "}]}",
         "Fargate requires task definition to have execution role ARN to support log driver "
         "awslogs."},
        {"{" WEB "'memory': '512', 'executionRoleArn': 'r', 'containerDefinitions': [{'name': "
         "'a', " LOG(", 'awslogs-stream-prefix': 'p'") "}]}",
         NULL},
        {"{" WEB "'memory': '512', 'containerDefinitions': [{'name': 'a', 'secrets': [{'name': "
         "'S', 'valueFrom': 'p'}]}]}",
         "execution role ARN to support secrets"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *doc = parse(table[i].doc);
        int r = fargate_check_definition(doc, &err);
        CHECK_MSG((r == 0) == (table[i].part == NULL), "row %zu: %s", i, err.msg);
        if (table[i].part) {
            CHECK_CONTAINS(err.msg, table[i].part);
            CHECK_ERR(r, SW_EINVALID, "ClientException");
        }
    }
}

TEST(sizes_of_the_overrides_come_first)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *doc = parse("{'cpu': '256', 'memory': '512'}");
    sw_autojson json_t *larger = parse("{'cpu': '1 vCPU', 'memory': '2 GB'}");
    sw_autojson json_t *wrong = parse("{'memory': '8192'}");
    CHECK_OK(fargate_check_size(doc, NULL, &err));
    CHECK_OK(fargate_check_size(doc, larger, &err));
    CHECK_ERR(fargate_check_size(doc, wrong, &err), SW_EINVALID, "ClientException");
}

TEST(platform_versions)
{
    struct sw_err err = SW_ERR_INIT;
    static const char *const latest[] = {NULL, "", "LATEST", "1.4.0"};
    const char *version = NULL;
    for (size_t i = 0; i < SW_ARRAY_LEN(latest); i++) {
        CHECK_OK(fargate_platform_version(latest[i], &version, &err));
        CHECK_EQ_STR(version, "1.4.0");
    }
    CHECK_ERR(fargate_platform_version("1.3.0", &version, &err), SW_EUNSUPPORTED,
              "UnsupportedFeatureException");
    sw_err_clear(&err);
    CHECK_ERR(fargate_platform_version("9", &version, &err), SW_ENOTFOUND,
              "PlatformUnknownException");
}

static int64_t nofile(const json_t *doc, size_t container)
{
    const json_t *c = json_array_get(sw_json_array(doc, "containerDefinitions"), container);
    const json_t *limits = sw_json_array(c, "ulimits");
    CHECK_EQ_UINT(json_array_size(limits), 1);
    return sw_json_int(json_array_get(limits, 0), "softLimit", 0);
}

TEST(containers_may_open_many_files)
{
    static const char text[] = "{'containerDefinitions': [{'name': 'a'}, {'name': 'b', 'ulimits': "
                               "[{'name': 'nofile', 'softLimit': 7, 'hardLimit': 8}]}]}";
    sw_autojson json_t *doc = parse(text), *small = parse(text);
    fargate_complete(doc, -1);
    fargate_complete(doc, -1); /* once */
    CHECK_EQ_INT(nofile(doc, 0), 65535);
    CHECK_EQ_INT(nofile(doc, 1), 7);
    fargate_complete(small, 20000);
    CHECK_EQ_INT(nofile(small, 0), 20000);
}
