/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/ecs_config.h - /etc/ecs/ecs.config, the ECS agent's own file of KEY=value lines (and the same names as environment
 * variables, which win). Keys that mean nothing here are named in one warning. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "launcher/agent/pull.h"

struct ecs_config {
    char *cluster;   /* ECS_CLUSTER */
    char *data_dir;  /* ECS_DATADIR */
    char *endpoint;  /* ECS_BACKEND_HOST */
    char *region;    /* AWS_DEFAULT_REGION */
    char *log_level; /* ECS_LOGLEVEL */
    char *
        reserved_ports; /* ECS_RESERVED_PORTS: a JSON array of numbers; kept as its numbers with commas */
    char *reserved_ports_udp; /* ECS_RESERVED_PORTS_UDP: the same */
    json_t *attributes;       /* ECS_INSTANCE_ATTRIBUTES: {name: value}; NULL: not given */
    json_t *tags;             /* ECS_CONTAINER_INSTANCE_TAGS: {key: value}; NULL: not given */
    bool external;            /* ECS_EXTERNAL */
    bool no_privileged;       /* ECS_DISABLE_PRIVILEGED */
    char *
        logging_drivers; /* ECS_AVAILABLE_LOGGING_DRIVERS: a JSON array; kept as names with commas */
    char *fargate;       /* ECS_FARGATE: FARGATE_ONLY or FARGATE_SHARED; NULL: not given */
    int64_t reserved_memory_mib;   /* ECS_RESERVED_MEMORY */
    int64_t stop_timeout_s;        /* ECS_CONTAINER_STOP_TIMEOUT: "30s", "2m"; 0: not given */
    int64_t task_cleanup_wait_s;   /* ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION: "3h"; 0: not given */
    int64_t task_cleanup_jitter_s; /* ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER; 0: none */
    bool no_image_cleanup;         /* ECS_DISABLE_IMAGE_CLEANUP */
    int64_t
        image_cleanup_interval_s; /* ECS_IMAGE_CLEANUP_INTERVAL; 0: not given, as the next two */
    int64_t image_min_age_s;      /* ECS_IMAGE_MINIMUM_CLEANUP_AGE */
    int64_t images_per_cycle;     /* ECS_NUM_IMAGES_DELETE_PER_CYCLE */
    enum pull_behavior pull_behavior;  /* ECS_IMAGE_PULL_BEHAVIOR */
    int metadata_rate, metadata_burst; /* ECS_TASK_METADATA_RPS_LIMIT: "40,60"; 0: not given */
};

/* path NULL: only the environment. SW_EINVALID names file and line. */
int ecs_config_load(const char *path, const char *const *env, struct ecs_config *ret,
                    struct sw_err *err);
void ecs_config_free(struct ecs_config *c);
