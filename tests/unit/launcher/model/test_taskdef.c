/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/taskdef.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/capabilities.h"
#include "launcher/model/task_size.h"
#include "launcher/model/task_status.h"
#include "tests/lib/test.h"

static void taskdef_freep(struct taskdef **t)
{
    taskdef_free(*t);
}
#define autotaskdef SW_CLEANUP(taskdef_freep) struct taskdef

static json_t *doc(const char *quoted)
{
    char text[4096];
    json_error_t e;
    CHECK(strlen(quoted) < sizeof text);
    for (size_t i = 0; i <= strlen(quoted); i++)
        text[i] = quoted[i] == '\'' ? '"' : quoted[i];
    json_t *j = json_loads(text, 0, &e);
    CHECK_MSG(j != NULL, "%s in %s", e.text, text);
    return j;
}

static struct taskdef *parse(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    struct taskdef *t = NULL;
    sw_autojson json_t *d = doc(text);
    CHECK_OK(taskdef_from_json(d, &t, &err));
    return t;
}

#define FULL                                                                                       \
    "{'family': 'app', 'revision': 3, 'networkMode': 'bridge', 'volumes': [{'name': 'v', 'host': " \
    "{'sourcePath': '/srv'}}, {'name': 'tmp'}], 'containerDefinitions': ["                         \
    "{'name': 'web', 'image': 'img', 'command': ['a', 'b'], 'entryPoint': ['/e'], 'cpu': 100,"     \
    " 'memory': 200, 'memoryReservation': 150, 'user': '1:2', 'workingDirectory': '/w',"           \
    " 'readonlyRootFilesystem': true, 'stopTimeout': 7, 'environment': [{'name': 'A', 'value': "   \
    "'1'}],"                                                                                       \
    " 'portMappings': [{'containerPort': 80, 'hostPort': 8080}, {'containerPort': 81},"            \
    " {'containerPort': 53, 'hostPort': 53, 'protocol': 'udp'}],"                                  \
    " 'ulimits': [{'name': 'nofile', 'softLimit': 1, 'hardLimit': 2}],"                            \
    " 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/d', 'readOnly': true}],"            \
    " 'dependsOn': [{'containerName': 'init', 'condition': 'SUCCESS'}],"                           \
    " 'healthCheck': {'command': ['CMD', 'x'], 'startPeriod': 9}},"                                \
    "{'name': 'init', 'image': 'img2', 'essential': false, 'memory': 50}]}"

TEST(reads_every_member)
{
    autotaskdef *t = parse(FULL);
    const struct container_def *c = &t->containers[0];
    CHECK_EQ_STR(t->family, "app");
    CHECK_EQ_INT(t->revision, 3);
    CHECK_EQ_INT(t->containers_n, 2);
    CHECK_EQ_STR(t->volumes[0].source_path, "/srv");
    CHECK_NULL(t->volumes[1].source_path);
    CHECK_EQ_STR(c->command[1], "b");
    CHECK_NULL(c->command[2]);
    CHECK_EQ_STR(c->entry_point[0], "/e");
    CHECK_EQ_STR(c->user, "1:2");
    CHECK_EQ_STR(c->environment[0].value, "1");
    CHECK_EQ_INT(c->stop_timeout_s, 7);
    CHECK(c->readonly_root_filesystem && c->essential && !t->containers[1].essential);
    CHECK_EQ_INT(c->ports[2].protocol, PORT_UDP);
    CHECK_EQ_INT(c->ulimits[0].hard, 2);
    CHECK(c->mount_points[0].read_only);
    CHECK_EQ_INT(c->depends_on[0].container, 1);
    CHECK_EQ_INT(c->depends_on[0].condition, DEPENDS_SUCCESS);
    CHECK_EQ_INT(c->health_check.interval_s, 30);
    CHECK_EQ_INT(c->health_check.start_period_s, 9);
    CHECK_NULL(t->containers[1].command);
    CHECK_EQ_INT(t->containers[1].stop_timeout_s, -1);
    CHECK_EQ_INT(taskdef_container_index(t, "init"), 1);
    CHECK_EQ_INT(taskdef_container_index(t, "none"), -1);
}

TEST(objects_of_s3)
{
    static const struct {
        const char *arn, *bucket, *key; /* bucket NULL: none */
    } rows[] = {
        {"arn:aws:s3:::bucket/x.env", "bucket", "x.env"},
        {"arn:aws-cn:s3:::my.bucket-1/deep/x y.env", "my.bucket-1", "deep/x y.env"},
        {"arn:aws:s3:::bucket", NULL, NULL},
        {"arn:aws:s3:::bucket/", NULL, NULL},
        {"arn:aws:s3:::b/x", NULL, NULL},
        {"arn:aws:s3:::Bucket/x", NULL, NULL},
        {"arn:aws:s3:::../x/y", NULL, NULL},
        {"arn:aws:s3:::bucket/../other/x.env", NULL, NULL},
        {"arn:aws:s3:::bucket/a/./x.env", NULL, NULL},
        {"arn:aws:s3:::bucket/..a/x..env", "bucket", "..a/x..env"},
        {"arn:aws:s3:us-east-1::bucket/x", NULL, NULL},
        {"arn:aws:s4:::bucket/x", NULL, NULL},
        {"s3://bucket/x", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_str bucket, key;
        bool ok = s3_object_parse(rows[i].arn, &bucket, &key);
        CHECK_MSG(ok == (rows[i].bucket != NULL), "%s", rows[i].arn);
        if (ok)
            CHECK(sw_str_eq_z(bucket, rows[i].bucket) && sw_str_eq_z(key, rows[i].key));
    }
}

TEST(reads_what_shapes_a_machine)
{
    autotaskdef *t = parse(
        "{'family': 'f', 'pidMode': 'task', 'volumes': [{'name': 'd', 'dockerVolumeConfiguration': "
        "{'driverOpts': {'type': 'tmpfs', 'device': 't', 'o': 'size=1m'}}}, {'name': 'e', "
        "'efsVolumeConfiguration': {'fileSystemId': 'fs', 'rootDirectory': '/s', "
        "'transitEncryption': 'ENABLED', 'authorizationConfig': {'accessPointId': 'ap', 'iam': "
        "'ENABLED'}}}], 'containerDefinitions': [{'name': 'a', 'image': 'i', 'memory': 64,"
        " 'privileged': true, 'interactive': true, 'pseudoTerminal': true, 'startTimeout': 9,"
        " 'disableNetworking': true, 'environmentFiles': [{'type': 's3', 'value': "
        "'arn:aws:s3:::bucket/k.env'}], 'linuxParameters': {'maxSwap': 5, 'swappiness': 0}},"
        " {'name': 'b', 'image': 'i', 'memory': 64, 'linuxParameters': {'swappiness': 9}}]}");
    const struct container_def *c = &t->containers[0];
    CHECK(c->privileged && c->interactive && c->pseudo_terminal && c->disable_networking);
    CHECK_EQ_INT(c->start_timeout_s, 9);
    CHECK_EQ_INT(c->environment_files_n, 1);
    CHECK_EQ_STR(c->environment_files[0].bucket, "bucket");
    CHECK_EQ_STR(c->environment_files[0].key, "k.env");
    CHECK(c->host.max_swap_mib == 5 && c->host.has_swappiness && c->host.swappiness == 0);
    CHECK(!t->containers[1].host.has_swappiness); /* not without maxSwap */
    CHECK_EQ_INT(t->pid_mode, SHARE_TASK);
    CHECK_EQ_STR(t->volumes[0].mount.options, "size=1m");
    CHECK_EQ_STR(t->volumes[1].efs.root, "/s");
    CHECK_EQ_STR(t->volumes[1].efs.access_point, "ap");
    CHECK(t->volumes[1].efs.encrypted && t->volumes[1].efs.iam);
}

TEST(resources_are_the_reservations_or_the_tasks)
{
    struct task_resources r;
    autotaskdef *t = parse(FULL);
    taskdef_resources(t, &r);
    CHECK_EQ_INT(r.cpu, 100);
    CHECK_EQ_INT(r.memory_mib, 200);
    CHECK_EQ_INT(r.tcp_ports_n, 1);
    CHECK_EQ_INT(r.tcp_ports[0], 8080);
    CHECK_EQ_INT(r.udp_ports[0], 53);
    autotaskdef *sized =
        parse("{'cpu': '256', 'memory': '1 GB', 'networkMode': 'host', 'containerDefinitions':"
              " [{'name': 'a', 'image': 'i', 'cpu': 9, 'portMappings': [{'containerPort': 80}]}]}");
    taskdef_resources(sized, &r);
    CHECK_EQ_INT(r.cpu, 256);
    CHECK_EQ_INT(r.memory_mib, 1024);
    CHECK_EQ_INT(r.tcp_ports[0], 80);
}

TEST(links_and_volumes_of_others_are_dependencies)
{
    autotaskdef *t = parse(
        "{'family': 'f', 'pidMode': 'host', 'containerDefinitions': ["
        "{'name': 'a', 'image': 'i', 'links': ['b:db'], 'volumesFrom': [{'sourceContainer': 'c', "
        "'readOnly': true}], 'dependsOn': [{'containerName': 'b', 'condition': 'HEALTHY'}]},"
        "{'name': 'b', 'image': 'i'}, {'name': 'c', 'image': 'i'}]}");
    const struct container_def *a = &t->containers[0];
    struct sw_str name, alias;
    CHECK_EQ_INT(a->depends_on_n, 2);
    CHECK_EQ_INT(a->depends_on[0].container, 1);
    CHECK_EQ_INT(a->depends_on[0].condition, DEPENDS_HEALTHY);
    CHECK_EQ_INT(a->depends_on[1].container, 2);
    CHECK_EQ_INT(a->depends_on[1].condition, DEPENDS_START);
    CHECK(a->host.volumes_from[0].read_only);
    CHECK_EQ_INT(t->pid_mode, SHARE_HOST);
    CHECK_EQ_INT(t->ipc_mode, SHARE_OWN);
    link_parse("b:db", &name, &alias);
    CHECK(sw_str_eq_z(name, "b") && sw_str_eq_z(alias, "db"));
    link_parse("b", &name, &alias);
    CHECK(sw_str_eq_z(name, "b") && sw_str_eq_z(alias, "b"));
}

TEST(overrides_replace_and_add)
{
    struct sw_err err = SW_ERR_INIT;
    autotaskdef *t = parse(FULL);
    sw_autojson json_t *o = doc("{'cpu': '512', 'containerOverrides': [{'name': 'web', 'command': "
                                "['z'], 'cpu': 5, 'memory': 300,"
                                " 'memoryReservation': 100, 'environment': [{'name': 'A', 'value': "
                                "'2'}, {'name': 'B', 'value': '3'}]},"
                                " {'name': 'init'}]}");
    CHECK_OK(taskdef_apply_overrides(t, o, &err));
    const struct container_def *c = &t->containers[0];
    CHECK_EQ_INT(t->cpu, 512);
    CHECK_EQ_STR(c->command[0], "z");
    CHECK_NULL(c->command[1]);
    CHECK_EQ_INT(c->environment_n, 2);
    CHECK_EQ_STR(c->environment[0].value, "2");
    CHECK_EQ_INT(c->memory_mib, 300);
    sw_autojson json_t *unknown = doc("{'containerOverrides': [{'name': 'x'}]}");
    CHECK_ERR(taskdef_apply_overrides(t, unknown, &err), SW_EINVALID, "InvalidParameterException");
    sw_autojson json_t *negative = doc("{'containerOverrides': [{'name': 'web', 'cpu': -1}]}");
    CHECK_ERR(taskdef_apply_overrides(t, negative, &err), SW_EINVALID, "InvalidParameterException");
    sw_autojson json_t *below = doc("{'containerOverrides': [{'name': 'web', 'memory': 50}]}");
    CHECK_ERR(taskdef_apply_overrides(t, below, &err), SW_EINVALID, "ClientException");
    sw_autojson json_t *name =
        doc("{'containerOverrides': [{'name': 'web', 'environment': [{'name': '='}]}]}");
    CHECK_ERR(taskdef_apply_overrides(t, name, &err), SW_EINVALID, "InvalidParameterException");
}

TEST(overrides_replace_roles)
{
    struct sw_err err = SW_ERR_INIT;
    autotaskdef *t = parse("{'family': 'f', 'taskRoleArn': 'arn:aws:iam::000000000000:role/a',"
                           " 'containerDefinitions': [{'name': 'a', 'image': 'i', 'memory': 64}]}");
    CHECK_EQ_STR(t->task_role, "arn:aws:iam::000000000000:role/a");
    CHECK_NULL(t->execution_role);
    sw_autojson json_t *o = doc("{'taskRoleArn': 'arn:aws:iam::000000000000:role/b',"
                                " 'executionRoleArn': 'arn:aws:iam::000000000000:role/c'}");
    CHECK_OK(taskdef_apply_overrides(t, o, &err));
    CHECK_EQ_STR(t->task_role, "arn:aws:iam::000000000000:role/b");
    CHECK_EQ_STR(t->execution_role, "arn:aws:iam::000000000000:role/c");
    sw_autojson json_t *wrong = doc("{'taskRoleArn': 'b'}");
    CHECK_ERR(taskdef_apply_overrides(t, wrong, &err), SW_EINVALID, "ClientException");
}

TEST(no_override_takes_a_task_out_of_its_limits)
{
    static const char *const table[] = {
        "{'memory': '0'}",
        "{'memory': '5'}",
        "{'cpu': '0'}",
        "{'cpu': '1'}",
        "{'cpu': '999999999'}",
        "{'memory': '200', 'containerOverrides': [{'name': 'web', 'memory': 201}]}",
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        autotaskdef *t = parse(FULL);
        sw_autojson json_t *o = doc(table[i]);
        CHECK_ERR(taskdef_apply_overrides(t, o, &err), SW_EINVALID, "ClientException");
    }
    struct sw_err err = SW_ERR_INIT;
    autotaskdef *t = parse(FULL);
    sw_autojson json_t *o = doc("{'cpu': null, 'memory': '1 GB'}");
    CHECK_OK(taskdef_apply_overrides(t, o, &err));
    CHECK_EQ_INT(t->memory_mib, 1024);
}

TEST(refuses_documents_that_are_no_task_definition)
{
    static const char *const table[] = {
        "[]",
        "{}",
        "{'containerDefinitions': []}",
        "{'networkMode': 'x', 'containerDefinitions': [{'name': 'a', 'image': 'i'}]}",
        "{'containerDefinitions': [{'name': 'a'}]}",
        "{'containerDefinitions': [{'name': 'a', 'image': 'i', 'command': [1]}]}",
        "{'containerDefinitions': [{'name': 'a', 'image': 'i', 'portMappings': [{'containerPort': "
        "0}]}]}",
        "{'containerDefinitions': [{'name': 'a', 'image': 'i', 'dependsOn': [{'containerName': 'b',"
        " 'condition': 'START'}]}]}",
        "{'containerDefinitions': [{'name': 'a', 'image': 'i', 'dependsOn': [{'containerName': 'a',"
        " 'condition': 'SOON'}]}]}",
        "{'cpu': 'x', 'containerDefinitions': [{'name': 'a', 'image': 'i'}]}",
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct taskdef *t = NULL;
        sw_autojson json_t *d = doc(table[i]);
        CHECK_ERR(taskdef_from_json(d, &t, &err), SW_EINVALID, "ClientException");
        CHECK_NULL(t);
    }
}

TEST(names_go_both_ways)
{
    enum network_mode m;
    enum depends_condition d;
    enum port_protocol p;
    enum task_status s;
    static const char *const modes[] = {"bridge", "host", "none", "awsvpc"};
    static const enum network_mode want[] = {NETWORK_BRIDGE, NETWORK_HOST, NETWORK_NONE,
                                             NETWORK_AWSVPC};
    for (size_t i = 0; i < 4; i++)
        CHECK(network_mode_from_string(modes[i], &m) && m == want[i]);
    for (int i = 0; i < DEPENDS_CONDITION_MAX_; i++)
        CHECK(depends_condition_from_string(depends_condition_to_string((enum depends_condition)i),
                                            &d) &&
              (int)d == i);
    for (int i = 0; i < PORT_PROTOCOL_MAX_; i++)
        CHECK(port_protocol_from_string(port_protocol_to_string((enum port_protocol)i), &p) &&
              (int)p == i);
    for (int i = 0; i < TASK_STATUS_MAX_; i++)
        CHECK(task_status_from_string(task_status_to_string((enum task_status)i), &s) &&
              (int)s == i);
    CHECK(!network_mode_from_string("x", &m) && !task_status_from_string(NULL, &s));
    CHECK_NULL(task_status_to_string(TASK_STATUS_MAX_));
    CHECK(TASK_PROVISIONING < TASK_RUNNING && TASK_RUNNING < TASK_STOPPED);
}

TEST(sizes_in_words_and_numbers)
{
    static const struct {
        const char *text;
        int64_t cpu, memory; /* -1: refused */
    } table[] = {{"256", 256, 256},     {"1 vCPU", 1024, -1},   {".5 vcpu", 512, -1},
                 {"0.25vCPU", 256, -1}, {"2 GB", -1, 2048},     {"0.5gb", -1, 512},
                 {"", -1, -1},          {"1.5", -1, -1},        {"1.0001 vCPU", -1, -1},
                 {"-1", -1, -1},        {"GB", -1, -1},         {". GB", -1, -1},
                 {"1.2.3 GB", -1, -1},  {"99999999999", -1, -1}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        int64_t v = -1;
        CHECK_MSG(task_cpu_parse(table[i].text, &v) == (table[i].cpu >= 0), "%s", table[i].text);
        CHECK_EQ_INT(v, table[i].cpu);
        v = -1;
        CHECK_MSG(task_memory_parse(table[i].text, &v) == (table[i].memory >= 0), "%s",
                  table[i].text);
        CHECK_EQ_INT(v, table[i].memory);
    }
}

TEST(architectures_have_one_name)
{
    CHECK_EQ_STR(capability_cpu_architecture("X86_64"), "x86_64");
    CHECK_EQ_STR(capability_cpu_architecture("aarch64"), "arm64");
    CHECK_NULL(capability_cpu_architecture("vax"));
    CHECK_EQ_STR(capabilities_all[0], CAPABILITY_LOG_JSON_FILE);
}
