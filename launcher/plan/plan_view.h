/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_view.h - a cluster's container instances as the planners see them: values borrowed from the caller's snapshot.
 * No functions, no memory of its own. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_attribute {
    const char *name, *value; /* value may be NULL */
};

/* Tasks of one group ("service:web", "family:app") on an instance whose desired status is RUNNING. */
struct plan_group {
    const char *name;
    int tasks;
};

/* What kinds of tasks: bits, because a machine can serve two. */
enum plan_launch { PLAN_LAUNCH_EC2 = 1, PLAN_LAUNCH_EXTERNAL = 2, PLAN_LAUNCH_FARGATE = 4 };

struct plan_instance {
    const char *id; /* breaks ties, so that an answer does not depend on the order of rows */
    const char *ec2_instance_id, *agent_version; /* NULL: not known */
    int64_t registered_at_us;
    bool active;   /* status ACTIVE: neither draining nor deregistered */
    bool draining; /* status DRAINING */
    bool agent_connected;
    unsigned serves;                       /* bits of plan_launch */
    int64_t cpu, memory_mib;               /* remaining */
    const uint16_t *tcp_ports, *udp_ports; /* in use or reserved */
    size_t tcp_ports_n, udp_ports_n;
    const struct plan_attribute *attributes;
    size_t attributes_n;
    const struct plan_group *groups;
    size_t groups_n;
    int tasks;        /* that are not STOPPED */
    int daemon_tasks; /* those of them that belong to services of DAEMON scheduling */
};

struct plan_cluster {
    const struct plan_instance *instances;
    size_t instances_n;
};
