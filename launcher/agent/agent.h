/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/agent.h - one container instance: makes this machine's containers what the control plane wants.
 * Owns: DIR (state of tasks, snapshots, logs), the containers under cgroup /slipway. Never decides placement.
 * Promise: killing the agent at any instant disturbs no container; a restarted one adopts what runs, with its logs and exit codes.
 * The outside comes in through two vtables, so that tests need no server. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/websocket_client.h"
#include "launcher/agent/pull.h"
#include "launcher/runtime/runtime.h"

/* Signed calls to the control plane; server/ implements it. Thread-safe. */
struct control_plane {
    /* target: "AmazonEC2ContainerServiceV20141113.RegisterContainerInstance" ...; in borrowed; *ret_out owned by the caller.
     * A modelled error comes back as err with reason = its __type (static or interned); SW_EUNAVAILABLE when it cannot be reached. */
    int (*call)(void *ctx, const char *target, const json_t *in, int64_t timeout_ms,
                json_t **ret_out, struct sw_err *err);
    /* Value of the Authorization header for /v2/ of this registry host, "" when we have no credentials for it. */
    int (*registry_authorization)(void *ctx, const char *host_port, char *out, size_t cap,
                                  struct sw_err *err);
    /* Optional: makes calls, those that run now and later ones, return soon (SW_EUNAVAILABLE). Called when nothing is to be said any
     * more. Without it polls are kept short, so that stopping is quick. */
    void (*interrupt)(void *ctx);
    /* Optional: a call as `call`, signed with credentials of a role ({accessKeyId, secretAccessKey, sessionToken}). */
    int (*call_as)(void *ctx, const json_t *credentials, const char *target, const json_t *in,
                   int64_t timeout_ms, json_t **ret_out, struct sw_err *err);
    /* Optional: an object of S3, with credentials of a role, into ret, whose maximum holds. */
    int (*s3_get)(void *ctx, const json_t *credentials, const char *bucket, const char *key,
                  struct sw_buf *ret, struct sw_err *err);
    /* Optional: a WebSocket connection to a path of the control plane. Without it no command is executed in a container. */
    int (*open_stream)(void *ctx, const char *path, struct ws_client **ret, struct sw_err *err);
    void *ctx;
};

struct agent_options {
    const char *data_dir;
    const char *cluster;
    const char *
        registry_host_port; /* where "ECR-style" and bare repository names are pulled from; may be NULL */
    bool registry_tls;
    const char *ca_file;       /* for pulls over TLS; NULL: the system's */
    const char *bridge_name;   /* "slipway0" */
    const char *bridge_subnet; /* "10.88.64.0/20" */
    const char *region;        /* that containers are told; NULL: none */
    bool endpoint; /* answer containers at 169.254.170.2: changes rules of the system's nat table */
    const char *reserved_ports; /* "22,2375,..." or NULL: ECS's defaults */
    const char *reserved_ports_udp;
    const json_t *attributes, *tags; /* of the instance, {name: value}; NULL: none; borrowed */
    bool external;                   /* an instance of ECS Anywhere */
    const char *fargate;             /* FARGATE_ONLY, FARGATE_SHARED; NULL: only of its cluster */
    const char *journal_socket;      /* of the system's journal; NULL: where systemd has it */
    int64_t log_away_max;            /* bytes; 0: LOG_AWAY_BYTES (launcher/model/log_config.h) */
    const char *host_paths;          /* "/a,/b": what host.sourcePath may name; NULL: any path */
    const char *logging_drivers;     /* "awslogs,json-file"; NULL: all that work here */
    bool no_privileged;              /* ECS_DISABLE_PRIVILEGED */
    int64_t reserved_memory_mib;
    int64_t stop_timeout_default_s;   /* 30 */
    int64_t task_cleanup_wait_s;      /* 10800: logs and folders of stopped tasks */
    int64_t task_cleanup_jitter_s;    /* of each as much longer, at random */
    bool no_image_cleanup;            /* images go only when the disk is full */
    int64_t image_cleanup_interval_s; /* 0: 30 minutes */
    int64_t image_min_age_s;          /* since an image was used last; 0: an hour */
    int64_t images_per_cycle;         /* 0: 5 */
    enum pull_behavior pull_behavior;
    int metadata_rate, metadata_burst; /* requests of a task to the endpoint; 0: 40 a second, 60 */
    const struct runtime *runtime;     /* vtable and state */
    struct control_plane control;
};

struct agent;
int agent_new(const struct agent_options *o, struct agent **ret, struct sw_err *err);
/* Registers, adopts, then reconciles until agent_stop is called (from a signal thread). With stop_tasks, stops every task of
 * this instance gracefully first and reports it (slipway up's Ctrl-C); without, containers go on running. */
int agent_run(struct agent *a, struct sw_err *err);
void agent_stop(struct agent *a, bool stop_tasks);
void agent_free(struct agent *a);
