/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/instance.h - this machine as a container instance: what RegisterContainerInstance is told, and the name that the
 * control plane gave it, kept in DIR/instance.json. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define INSTANCE_ARN_MAX 1024

struct instance_facts {
    int64_t cpu_units, memory_mib;
    char machine[66];               /* of uname: "x86_64" */
    const char *reserved_ports;     /* "22,2375" ; NULL: ECS's */
    const char *reserved_ports_udp; /* NULL: none */
    const json_t
        *attributes;    /* {name: value} besides the machine's, or in their place; NULL: none */
    const char *fargate; /* value of ATTRIBUTE_FARGATE; NULL: none */
    const json_t *tags; /* {key: value}; NULL: none */
    bool external;      /* of ECS Anywhere: for tasks of launch type EXTERNAL */
    const char *version;
};
/* Reads the machine. memory is what is left after the reserve. */
void instance_facts_read(int64_t reserved_memory_mib, struct instance_facts *ret);
/* RegisterContainerInstance's input. Pure. arn: "" the first time. */
int instance_registration(const struct instance_facts *f, const char *cluster, const char *arn,
                          json_t **ret, struct sw_err *err);

/* The stored name, or "" when there is none for this cluster. */
void instance_load(const char *data_dir, const char *cluster, char ret_arn[INSTANCE_ARN_MAX]);
int instance_store(const char *data_dir, const char *cluster, const char *arn, struct sw_err *err);
