/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/instance.h - this machine as a container instance: what RegisterContainerInstance is told, and the name that the
 * control plane gave it, kept in DIR/instance.json. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define INSTANCE_ARN_MAX      1024
#define INSTANCE_IDENTITY_MAX 80

struct instance_facts {
    int64_t cpu_units, memory_mib;
    char machine[66];               /* of uname: "x86_64" */
    const char *reserved_ports;     /* "22,2375" ; NULL: ECS's */
    const char *reserved_ports_udp; /* NULL: none */
    const json_t
        *attributes;     /* {name: value} besides the machine's, or in their place; NULL: none */
    const json_t *tags;  /* {key: value}; NULL: none */
    const char *fargate; /* value of ATTRIBUTE_FARGATE; NULL: none */
    bool external;       /* of ECS Anywhere: for tasks of launch type EXTERNAL */
    bool no_privileged;  /* privileged containers are not run here */
    const char *logging_drivers; /* "awslogs,journald": only these; NULL: all that work here */
    bool journal;                /* there is a journal for the log driver journald */
    const char *version;
    const char *machine_id; /* of instance_machine_id; "" or NULL: not known */
    const char *session;    /* of this process; NULL: none */
};
/* Reads the machine. memory is what is left after the reserve. */
void instance_facts_read(int64_t reserved_memory_mib, struct instance_facts *ret);
/* RegisterContainerInstance's input. Pure. arn: "" the first time. */
int instance_registration(const struct instance_facts *f, const char *cluster, const char *arn,
                          json_t **ret, struct sw_err *err);

/* What tells this machine from others and stays when it boots anew: made of /etc/machine-id and the serial number that its hardware or its
 * hypervisor gives it (copies of a disk share the first), told to nobody as they are. "" when there is neither. */
void instance_machine_id(char ret[INSTANCE_IDENTITY_MAX]);

/* The stored name, or "" when there is none for this cluster. *ret_elsewhere: the folder is of another machine. */
void instance_load(const char *data_dir, const char *cluster, const char *machine_id,
                   char ret_arn[INSTANCE_ARN_MAX], bool *ret_elsewhere);
/* As ECS's agent: a machine is not moved to another cluster by a word in its configuration, while the one that it is registered in still
 * counts on it. SW_ECONFLICT says what to do. A folder of another machine is not asked. */
int instance_check_cluster(const char *data_dir, const char *cluster, const char *machine_id,
                           struct sw_err *err);
/* The cluster that the folder's instance is registered in, for an agent that was told none; NULL: it is in none. Owned. */
char *instance_cluster(const char *data_dir);
/* It was deregistered: the folder belongs to no cluster any more. */
int instance_forget(const char *data_dir, const char *machine_id, struct sw_err *err);
int instance_store(const char *data_dir, const char *cluster, const char *arn,
                   const char *machine_id, struct sw_err *err);
