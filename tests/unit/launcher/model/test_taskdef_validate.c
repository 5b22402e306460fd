/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/taskdef_validate.h"

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

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

static void check(const char *text, int code, const char *reason, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *d = doc(text);
    int r = taskdef_validate(d, &err);
    if (code == 0) {
        CHECK_OK(r);
        return;
    }
    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, code, reason);
}

/* One container with these members beside name and image. */
static void one(const char *members, int code, const char *reason, const char *part)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "{'family': 'f', 'volumes': [{'name': 'v'}],"
                   " 'containerDefinitions': [{'name': 'web', 'image': 'i'%s}]}",
                   members);
    check(text, code, reason, part);
}

/* A task with these members beside the family, and one container with memory. */
static void task(const char *members, int code, const char *reason, const char *part)
{
    char text[2048];
    (void)snprintf(text, sizeof text,
                   "{'family': 'f', 'containerDefinitions': [{'name': 'web', 'image': 'i',"
                   " 'memory': 64}]%s}",
                   members);
    check(text, code, reason, part);
}

#define CLIENT      SW_EINVALID, "ClientException"
#define UNSUPPORTED SW_EUNSUPPORTED, "UnsupportedFeatureException"
#define FINE        0, NULL, NULL

TEST(container_members)
{
    one(", 'memory': 6", FINE);
    one("", CLIENT,
        "Invalid setting for container 'web'. At least one of 'memory' or 'memoryReservation' must "
        "be "
        "specified.");
    one(", 'memory': 5", CLIENT, "'memory' must be at least 6 MiB");
    one(", 'memoryReservation': 1", CLIENT, "'memoryReservation' must be at least 6 MiB");
    one(", 'memory': 10, 'memoryReservation': 20", CLIENT,
        "must be greater than 'memoryReservation'");
    one(", 'memory': 20, 'memoryReservation': 10", FINE);
    one(", 'memory': 64, 'cpu': -1", CLIENT, "'cpu' must be between");
    one(", 'memory': 64, 'essential': false", CLIENT, "essential");
    one(", 'memory': 64, 'environment': [{'name': 'A=B', 'value': ''}]", CLIENT,
        "environment[0].name");
    one(", 'memory': 64, 'environment': [{'value': 'x'}]", CLIENT, "environment[0].name");
    one(", 'memory': 64, 'workingDirectory': 'tmp'", CLIENT, "workingDirectory");
    one(", 'memory': 64, 'workingDirectory': '/a/../b'", CLIENT, "workingDirectory");
    one(", 'memory': 64, 'stopTimeout': -1", CLIENT, "stopTimeout");
    one(", 'memory': 64, 'stopTimeout': 120", FINE);
}

TEST(ports)
{
    one(", 'memory': 64, 'portMappings': [{'containerPort': 80}]", FINE);
    one(", 'memory': 64, 'portMappings': [{'hostPort': 80}]", CLIENT, "containerPort");
    one(", 'memory': 64, 'portMappings': [{'containerPort': 65536}]", CLIENT, "containerPort");
    one(", 'memory': 64, 'portMappings': [{'containerPort': 1, 'hostPort': -1}]", CLIENT,
        "hostPort");
    one(", 'memory': 64, 'portMappings': [{'containerPort': 1, 'hostPort': 80},"
        " {'containerPort': 2, 'hostPort': 80}]",
        CLIENT, "The host port 80/tcp is mapped twice.");
    one(", 'memory': 64, 'portMappings': [{'containerPort': 1, 'hostPort': 80},"
        " {'containerPort': 2, 'hostPort': 80, 'protocol': 'udp'}]",
        FINE);
    check("{'family': 'f', 'networkMode': 'host', 'containerDefinitions': [{'name': 'w', 'image': "
          "'i',"
          " 'memory': 64, 'portMappings': [{'containerPort': 1, 'hostPort': 2}]}]}",
          CLIENT,
          "When networkMode=host, the host ports and container ports in port mappings must match.");
    check("{'family': 'f', 'networkMode': 'none', 'containerDefinitions': [{'name': 'w', 'image': "
          "'i',"
          " 'memory': 64, 'portMappings': [{'containerPort': 1}]}]}",
          CLIENT, "networkMode=none");
}

TEST(ulimits_mounts_and_health)
{
    one(", 'memory': 64, 'ulimits': [{'name': 'nofile', 'softLimit': 1, 'hardLimit': 2}]", FINE);
    one(", 'memory': 64, 'ulimits': [{'name': 'x', 'softLimit': 1, 'hardLimit': 2}]", CLIENT,
        "ulimit 'x'");
    one(", 'memory': 64, 'ulimits': [{'name': 'core', 'softLimit': 3, 'hardLimit': 2}]", CLIENT,
        "soft limit");
    one(", 'memory': 64, 'ulimits': [{'name': 'core', 'softLimit': 1, 'hardLimit': 2},"
        " {'name': 'core', 'softLimit': 1, 'hardLimit': 2}]",
        CLIENT, "given twice");
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/d'}]", FINE);
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'w', 'containerPath': '/d'}]", CLIENT,
        "Unknown volume 'w'.");
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'v', 'containerPath': 'd'}]", CLIENT,
        "containerPath");
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/'}]", CLIENT,
        "containerPath");
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '//.'}]", CLIENT,
        "containerPath");
    one(", 'memory': 64, 'mountPoints': [{'sourceVolume': 'v', 'containerPath': '/d'},"
        " {'sourceVolume': 'v', 'containerPath': '/d'}]",
        CLIENT, "mounted twice");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD', 'true']}", FINE);
    one(", 'memory': 64, 'healthCheck': {'command': ['true']}", CLIENT, "'CMD' or 'CMD-SHELL'");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD']}", CLIENT, "empty");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD', 'x'], 'interval': 4}", CLIENT,
        "'interval'");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD', 'x'], 'timeout': 61}", CLIENT,
        "'timeout'");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD', 'x'], 'retries': 0}", CLIENT,
        "'retries'");
    one(", 'memory': 64, 'healthCheck': {'command': ['CMD', 'x'], 'startPeriod': 301}", CLIENT,
        "'startPeriod'");
}

TEST(what_would_change_the_run_is_refused_by_name)
{
    one(", 'memory': 64, 'logConfiguration': {'logDriver': 'json-file'}", FINE);
    one(", 'memory': 64, 'logConfiguration': {'logDriver': 'syslog'}", UNSUPPORTED, "'syslog'");
    one(", 'memory': 64, 'logConfiguration': {'logDriver': 'json-file', 'options': {'max-size': "
        "'1m'}}",
        FINE);
    one(", 'memory': 64, 'logConfiguration': {'logDriver': 'json-file', 'options': {'labels': "
        "'a'}}",
        UNSUPPORTED, "'labels'");
    task(", 'pidMode': 'task', 'ipcMode': 'task', 'networkMode': 'awsvpc'", FINE);
    task(", 'requiresCompatibilities': ['MANAGED_INSTANCES']", UNSUPPORTED,
         "requiresCompatibilities 'MANAGED_INSTANCES'");
    task(", 'requiresCompatibilities': ['EC2']", FINE);
    task(", 'requiresCompatibilities': ['EXTERNAL', 'EC2']", FINE);
    task(", 'runtimePlatform': {'operatingSystemFamily': 'WINDOWS_SERVER_2019_CORE'}", UNSUPPORTED,
         "operatingSystemFamily");
}

TEST(task_members)
{
    task("", FINE);
    task(", 'cpu': '1 vCPU', 'memory': '2 GB'", FINE);
    task(", 'cpu': '100'", CLIENT, "Invalid 'cpu' setting for task.");
    task(", 'cpu': 'much'", CLIENT, "Invalid 'cpu' setting for task.");
    task(", 'memory': '5'", CLIENT, "Invalid 'memory' setting for task.");
    task(", 'memory': '32'", CLIENT, "'memory' must not be above the task's");
    task(", 'volumes': [{'name': 'a'}, {'name': 'a'}]", CLIENT, "defined twice");
    task(", 'volumes': [{'name': 'a/b'}]", CLIENT, "Volume name");
    task(", 'volumes': [{'name': 'a', 'host': {'sourcePath': 'rel'}}]", CLIENT, "sourcePath");
    check("{'family': 'a b', 'containerDefinitions': []}", CLIENT,
          "Family contains invalid characters.");
    check("{'family': '', 'containerDefinitions': []}", CLIENT, "Family should not be blank.");
    check("{'family': 'a', 'containerDefinitions': []}", CLIENT, "Container list cannot be empty.");
    check("{'family': 'a', 'containerDefinitions': [{'name': 'x', 'image': 'i', 'memory': 64},"
          " {'name': 'x', 'image': 'i', 'memory': 64}]}",
          CLIENT, "must be unique");
    check("{'family': 'a', 'containerDefinitions': [{'name': 'x y', 'image': 'i', 'memory': 64}]}",
          CLIENT, "Container.name contains invalid characters.");
    check("{'family': 'a', 'containerDefinitions': [{'name': 'x', 'image': 'a b', 'memory': 64}]}",
          CLIENT, "Container.image contains invalid characters.");
    check("{'family': 'a', 'containerDefinitions': [{'name': 'x', 'memory': 64}]}", CLIENT,
          "Container.image should not be null or empty.");
    check("{'family': 'a', 'cpu': '256', 'containerDefinitions': [{'name': 'x', 'image': 'i', "
          "'cpu': 257,"
          " 'memory': 64}]}",
          CLIENT, "Invalid 'cpu' setting for task.");
}

TEST(what_shapes_the_machine)
{
    static const struct {
        const char *members, *part; /* NULL: fine */
    } table[] = {
        {"'hostname': 'a-1.b'", NULL},
        {"'hostname': 'a_b'", "'hostname'"},
        {"'links': ['web']", "links to 'web'"},
        {"'links': ['other:x']", "links to 'other:x'"},
        {"'volumesFrom': [{'sourceContainer': 'web'}]", "volumesFrom 'web'"},
        {"'dnsServers': ['1.1.1.1', '::1']", NULL},
        {"'dnsServers': ['one']", "dnsServers[0]"},
        {"'dnsSearchDomains': ['a b']", "dnsSearchDomains[0]"},
        {"'extraHosts': [{'hostname': 'a', 'ipAddress': '1.2.3'}]", "extraHosts[0]"},
        {"'systemControls': [{'namespace': 'net.core.somaxconn', 'value': '1'}]", NULL},
        {"'systemControls': [{'namespace': 'fs.mqueue.msg_max', 'value': '1'}]", NULL},
        {"'systemControls': [{'namespace': 'net/../kernel.panic', 'value': '1'}]", "cannot be set"},
        {"'systemControls': [{'namespace': 'vm.swappiness', 'value': '1'}]", "'vm.swappiness'"},
        {"'restartPolicy': {'enabled': true, 'restartAttemptPeriod': 1801}", "between 60 and 1800"},
        {"'linuxParameters': {'sharedMemorySize': -1}", "'sharedMemorySize'"},
        {"'linuxParameters': {'capabilities': {'add': ['ALL'], 'drop': ['CHOWN']}}", NULL},
        {"'linuxParameters': {'capabilities': {'drop': ['CAP_CHOWN']}}", "'CAP_CHOWN'"},
        {"'linuxParameters': {'devices': [{'hostPath': '/dev/../x'}]}", "devices[0]"},
        {"'linuxParameters': {'tmpfs': [{'containerPath': '/t', 'size': 0}]}", "tmpfs[0].size"},
        {"'linuxParameters': {'tmpfs': [{'containerPath': '/t', 'size': 1,"
         " 'mountOptions': ['mode=0700,bind']}]}",
         "mount option"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        char members[1024];
        (void)snprintf(members, sizeof members, ", 'memory': 64, %s", table[i].members);
        if (table[i].part)
            one(members, CLIENT, table[i].part);
        else
            one(members, FINE);
    }
}

TEST(file_systems_and_docker_volumes)
{
    task(", 'volumes': [{'name': 'a', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1',"
         " 'rootDirectory': '/', 'transitEncryption': 'DISABLED'}}]",
         FINE);
    task(", 'volumes': [{'name': 'a', 'efsVolumeConfiguration': {'fileSystemId': '../x'}}]", CLIENT,
         "fileSystemId");
#define EFS(more) \
    ", 'volumes': [{'name': 'a', 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'" more "}}]"
#define LOCAL(more) \
    ", 'volumes': [{'name': 'a', 'dockerVolumeConfiguration': {'driver': 'local'" more "}}]"
    task(EFS(", 'rootDirectory': '/a/b'"), FINE);
    task(EFS(", 'rootDirectory': '/a/../b'"), CLIENT, "rootDirectory must be an absolute path");
    task(EFS(", 'rootDirectory': 'a'"), CLIENT, "rootDirectory must be an absolute path");
    task(EFS(", 'transitEncryption': 'ENABLED', 'transitEncryptionPort': 2999,"
             " 'authorizationConfig': {'accessPointId': 'fsap-1', 'iam': 'ENABLED'}"),
         FINE);
    task(EFS(", 'authorizationConfig': {'accessPointId': 'fsap-1'}"), CLIENT,
         "transitEncryption must be ENABLED");
    task(EFS(", 'authorizationConfig': {'iam': 'ENABLED'}"), CLIENT,
         "transitEncryption must be ENABLED");
    task(EFS(", 'rootDirectory': '/a', 'transitEncryption': 'ENABLED', 'authorizationConfig':"
             " {'accessPointId': 'fsap-1'}"),
         CLIENT, "must be omitted or '/'");
    task(EFS(", 'transitEncryptionPort': 2999"), CLIENT, "transitEncryptionPort");
    task(EFS(", 'transitEncryption': 'ENABLED', 'authorizationConfig': {'accessPointId': '../x'}"),
         CLIENT, "accessPointId is not valid");
    task(LOCAL(", 'driverOpts': {'type': 'tmpfs', 'device': 'tmpfs', 'o': 'size=1m'}"), FINE);
    task(LOCAL(", 'driverOpts': {'type': 'nfs', 'device': ':/x', 'o': 'addr=10.0.0.1,ro'}"), FINE);
    task(LOCAL(", 'driverOpts': {'type': 'none', 'device': '/x', 'o': 'bind'}"), FINE);
    task(LOCAL(", 'driverOpts': {}"), FINE);
    task(LOCAL(", 'driverOpts': {'type': 'nfs', 'device': ':/x'}"), CLIENT, "addr=");
    task(LOCAL(", 'driverOpts': {'type': 'tmpfs'}"), CLIENT, "device");
    task(LOCAL(", 'driverOpts': {'type': 'none', 'device': 'x', 'o': 'bind'}"), CLIENT, "device");
    task(LOCAL(", 'driverOpts': {'type': 'ext4', 'device': '/dev/sda'}"), UNSUPPORTED, "'ext4'");
    task(LOCAL(", 'driverOpts': {'uid': '5', 'device': 'x', 'type': 'tmpfs'}"), UNSUPPORTED,
         "'uid'");
    task(", 'volumes': [{'name': 'a', 'host': {'sourcePath': '/x'},"
         " 'efsVolumeConfiguration': {'fileSystemId': 'fs-1'}}]",
         CLIENT, "more than one");
    task(", 'volumes': [{'name': 'a', 'dockerVolumeConfiguration': {'driver': 'nfs'}}]",
         UNSUPPORTED, "'nfs'");
    task(", 'ipcMode': 'host', 'pidMode': 'host'", FINE);
}

TEST(roles_are_named_in_full)
{
    task(", 'taskRoleArn': 'arn:aws:iam::000000000000:role/path/app'", FINE);
    task(", 'executionRoleArn': 'arn:aws:iam::000000000000:role/pull', 'taskRoleArn': ''", FINE);
    task(", 'taskRoleArn': 'app'", CLIENT, "Role is not valid");
    task(", 'taskRoleArn': 'arn:aws:iam::00000000000:role/app'", CLIENT, "Role is not valid");
    task(", 'taskRoleArn': 'arn:aws:iam::000000000000:user/app'", CLIENT, "Role is not valid");
    task(", 'executionRoleArn': 'arn:aws:iam::000000000000:role/'", CLIENT, "Role is not valid");
    task(", 'executionRoleArn': 'arn:aws:iam::000000000000:role/a b'", CLIENT, "Role is not valid");
}

TEST(more_than_ten_containers_are_refused)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *d = json_pack("{s:s, s:[]}", "family", "f", "containerDefinitions");
    for (int i = 0; i < 11; i++)
        json_array_append_new(sw_json_array(d, "containerDefinitions"),
                              json_pack("{s:s%, s:s, s:i}", "name", "abcdefghijk" + i, (size_t)1,
                                        "image", "i", "memory", 64));
    CHECK_ERR(taskdef_validate(d, &err), SW_EINVALID, "ClientException");
    json_array_remove(sw_json_array(d, "containerDefinitions"), 10);
    CHECK_OK(taskdef_validate(d, &err));
}

/* Containers a and b (not essential), a depending on b. */
static void pair(const char *condition, const char *b_members, int code, const char *reason,
                 const char *part)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        "{'family': 'f', 'containerDefinitions': [{'name': 'a', 'image': 'i', 'memory': 64,"
        " 'dependsOn': [{'containerName': 'b', 'condition': '%s'}]},"
        " {'name': 'b', 'image': 'i', 'memory': 64%s}]}",
        condition, b_members);
    check(text, code, reason, part);
}

TEST(dependencies)
{
    pair("START", "", FINE);
    pair("COMPLETE", "", CLIENT,
         "The condition COMPLETE cannot be set on the essential container 'b'.");
    pair("SUCCESS", ", 'essential': false", FINE);
    pair("HEALTHY", "", CLIENT, "HEALTHY needs a health check");
    pair("HEALTHY", ", 'healthCheck': {'command': ['CMD', 'x']}", FINE);
    pair("START", ", 'dependsOn': [{'containerName': 'a', 'condition': 'START'}]", CLIENT,
         "form a cycle");
    pair("START", ", 'dependsOn': [{'containerName': 'b', 'condition': 'START'}]", CLIENT,
         "itself");
    pair("START", ", 'dependsOn': [{'containerName': 'c', 'condition': 'START'}]", CLIENT,
         "not defined");
}

TEST(normalized_document_keeps_all_and_adds_the_defaults)
{
    sw_autojson json_t *in =
        doc("{'family': 'f', 'cpu': '.5 vcpu', 'memory': '1GB', 'executionRoleArn': 'r',"
            " 'pidMode': null, 'runtimePlatform': {'cpuArchitecture': 'X86_64'},"
            " 'containerDefinitions': [{'name': 'w', 'image': 'i',"
            " 'portMappings': [{'containerPort': 80}], 'dockerLabels': {'a': 'b'},"
            " 'healthCheck': {'command': ['CMD', 'x']}}]}");
    sw_autojson json_t *out = taskdef_normalized(in);
    sw_autojson json_t *want = doc(
        "{'family': 'f', 'cpu': '512', 'memory': '1024', 'executionRoleArn': 'r',"
        " 'runtimePlatform': {'cpuArchitecture': 'X86_64'}, 'volumes': [], 'placementConstraints': "
        "[],"
        " 'compatibilities': ['EXTERNAL', 'EC2'], 'requiresAttributes': ["
        "{'name': 'ecs.capability.container-health-check'},"
        "{'name': 'ecs.cpu-architecture', 'value': 'x86_64'}],"
        " 'containerDefinitions': [{'name': 'w', 'image': 'i', 'cpu': 0, 'essential': true,"
        " 'environment': [], 'mountPoints': [], 'volumesFrom': [], 'dockerLabels': {'a': 'b'},"
        " 'portMappings': [{'containerPort': 80, 'hostPort': 0, 'protocol': 'tcp'}],"
        " 'healthCheck': {'command': ['CMD', 'x'], 'interval': 30, 'timeout': 5, 'retries': 3}}]}");
    sw_autofree char *text = sw_json_dump(out);
    CHECK_MSG(json_equal(out, want), "%s", text);
    sw_autojson json_t *efs =
        doc("{'containerDefinitions': [], 'volumes': [{'name': 'a', 'efsVolumeConfiguration': "
            "{'fileSystemId': 'fs-1'}}, {'name': 'b'}]}");
    sw_autojson json_t *shown = taskdef_normalized(efs);
    const json_t *v = json_array_get(sw_json_array(shown, "volumes"), 0);
    CHECK_EQ_STR(sw_json_str(sw_json_object(v, "efsVolumeConfiguration"), "rootDirectory", ""),
                 "/");
}
