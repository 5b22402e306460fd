/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/taskdef.h - a task definition as values: what both sides compute with.
 * Made from the JSON document that RegisterTaskDefinition stored (already validated by the schema and taskdef_validate), with the
 * overrides of RunTask applied. Owns all its memory. No I/O, no clock. Names and units are ECS's (memory in MiB, cpu in units of
 * 1/1024 vCPU). */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "launcher/model/taskdef_linux.h"

#define TASKDEF_CONTAINERS_MAX         10
#define TASKDEF_STOP_TIMEOUT_DEFAULT_S 30
#define ENVIRONMENT_FILES_MAX          10

enum network_mode { NETWORK_BRIDGE, NETWORK_HOST, NETWORK_NONE, NETWORK_AWSVPC, NETWORK_MODE_MAX_ };
bool network_mode_from_string(const char *s, enum network_mode *ret);

enum depends_condition {
    DEPENDS_START,
    DEPENDS_COMPLETE,
    DEPENDS_SUCCESS,
    DEPENDS_HEALTHY,
    DEPENDS_CONDITION_MAX_
};
const char *depends_condition_to_string(enum depends_condition c); /* "START" ... */
bool depends_condition_from_string(const char *s, enum depends_condition *ret);

enum port_protocol { PORT_TCP, PORT_UDP, PORT_PROTOCOL_MAX_ };
const char *port_protocol_to_string(enum port_protocol p); /* "tcp" "udp" */
bool port_protocol_from_string(const char *s, enum port_protocol *ret);

/* With `count` above 1 a range (containerPortRange): so many ports from each of the two on. */
struct port_mapping {
    uint16_t container_port;
    uint16_t host_port; /* 0: dynamic */
    uint16_t count;     /* 0 and 1: one port */
    enum port_protocol protocol;
};
#define PORT_RANGE_MAX 100 /* ports of a container's ranges together */
/* "8000-8010", first below last. */
bool port_range_parse(const char *text, uint16_t *ret_first, uint16_t *ret_count);
uint16_t port_mapping_count(const struct port_mapping *m); /* at least 1 */
struct env_var {
    char *name, *value;
};
struct depends_on {
    int container; /* index */
    enum depends_condition condition;
};
struct ulimit {
    char *name;         /* "nofile" */
    int64_t soft, hard; /* -1: unlimited */
};
struct mount_point {
    char *source_volume, *container_path;
    bool read_only;
};
struct health_check {
    char **command; /* NULL-terminated, first "CMD" or "CMD-SHELL"; NULL: no health check */
    int interval_s, timeout_s, retries, start_period_s;
};
/* arn:aws:s3:::BUCKET/KEY, taken apart. */
struct s3_object {
    char *bucket, *key;
};
bool s3_object_parse(const char *arn, struct sw_str *ret_bucket, struct sw_str *ret_key);
struct container_def {
    char *name, *image;
    char **command, **entry_point; /* NULL-terminated; NULL: the image's */
    struct env_var *environment;
    size_t environment_n;
    struct s3_object *environment_files; /* what they say is under what the definition says */
    size_t environment_files_n;
    char *working_directory, *user; /* NULL: the image's */
    int64_t cpu;                    /* units; 0: none asked */
    int64_t memory_mib;             /* hard limit; 0: none */
    int64_t memory_reservation_mib; /* soft limit; 0: none */
    bool essential;
    struct port_mapping *ports;
    size_t ports_n;
    struct depends_on *depends_on;
    size_t depends_on_n;
    bool readonly_root_filesystem;
    struct ulimit *ulimits;
    size_t ulimits_n;
    int stop_timeout_s;  /* -1: the agent's default */
    int start_timeout_s; /* for what depends on it to be met; 0: any time */
    bool privileged;
    bool interactive, pseudo_terminal;
    bool disable_networking;
    struct mount_point *mount_points;
    size_t mount_points_n;
    struct health_check health_check;
    struct container_linux host; /* its view of the machine */
};
struct volume {
    char *name;
    char *source_path;  /* NULL: an empty one that lives as long as the task */
    bool shared;        /* with other tasks of the instance, by its name */
    bool autoprovision; /* shared: made when it is not there */
    struct {            /* dockerVolumeConfiguration.driverOpts; NULL: not given */
        char *type, *options, *device;
    } mount;
    char *file_system; /* id of an EFS file system; NULL: none */
    struct {
        char *root, *access_point; /* "/" without; NULL: none */
        bool encrypted, iam;       /* asked for */
    } efs;
};
struct taskdef {
    char *family;
    int64_t revision;
    enum network_mode network_mode;
    enum share_mode pid_mode, ipc_mode;
    int64_t cpu, memory_mib;          /* task level; 0: not given */
    char *task_role, *execution_role; /* ARNs; NULL: none */
    struct container_def *containers;
    size_t containers_n;
    struct volume *volumes;
    size_t volumes_n;
};

/* From the stored document (member names as in DescribeTaskDefinition's taskDefinition); SW_EINVALID "ClientException". */
int taskdef_from_json(const json_t *doc, struct taskdef **ret, struct sw_err *err);
/* Applies RunTask's overrides (containerOverrides: name, command, environment, cpu, memory, memoryReservation; cpu, memory,
 * taskRoleArn, executionRoleArn). */
int taskdef_apply_overrides(struct taskdef *t, const json_t *overrides, struct sw_err *err);
void taskdef_free(struct taskdef *t);
/* "arn:aws:iam::123456789012:role/path/name" */
bool taskdef_role_valid(const char *arn);
int taskdef_container_index(const struct taskdef *t, const char *name); /* -1: none */

/* What placement reserves: task level when given, else the sum over containers (memoryReservation before memory). */
struct task_resources {
    int64_t cpu, memory_mib;
    uint16_t tcp_ports[100], udp_ports[100]; /* fixed host ports */
    size_t tcp_ports_n, udp_ports_n;
};
void taskdef_resources(const struct taskdef *t, struct task_resources *ret);
