/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_engine.h - makes the tasks of this instance happen: one thread a task, driven by task_plan.
 * Promise: every transition is in the task's file before anybody is told; a new engine on the same folder goes on where a killed one
 * was; every final state is reported until the control plane took it.
 * Threads: engine_apply and engine_sweep from one thread; the rest from any. */
#include <jansson.h>

#include "base/buf.h"
#include "launcher/agent/network.h"
#include "launcher/agent/pull.h"
#include "launcher/runtime/runtime.h"

/* Where containers find the agent, "http://169.254.170.2" or an address of the loopback device; NULL: nowhere. */
struct task_endpoint_urls {
    const char *bridge, *host;
};
struct task_engine_options {
    const char *data_dir;
    const char *cluster;
    const struct runtime *runtime;
    struct network *network;
    /* Pulls; puller_pull with a puller as ctx. A table, so that tests need no registry. */
    int (*pull)(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err);
    void *pull_ctx;
    /* Sends one report: input of SubmitTaskStateChange, or of SubmitHealth. */
    int (*submit_state)(void *ctx, const json_t *in, struct sw_err *err);
    int (*submit_health)(void *ctx, const json_t *in, struct sw_err *err);
    void *submit_ctx;
    /* Credentials of a task's role, as GetTaskCredentials answers them. A temporary error is tried again. May be NULL. */
    int (*credentials)(void *ctx, const char *task_arn, bool execution, json_t **ret,
                       struct sw_err *err);
    /* What GetTaskSecrets answers. A temporary error is tried again. May be NULL. */
    int (*secrets)(void *ctx, const char *task_arn, json_t **ret, struct sw_err *err);
    /* An object of S3, with such credentials, into ret, whose maximum holds. SW_EUNAVAILABLE is tried again. May be NULL. */
    int (*s3_get)(void *ctx, const json_t *credentials, const char *bucket, const char *key,
                  struct sw_buf *ret, struct sw_err *err);
    /* Makes a container's log stream (driver awslogs). May be NULL. */
    int (*log_stream)(void *ctx, const char *task_arn, const char *container, struct sw_err *err);
    /* A call signed with such credentials. May be NULL. */
    int (*call_as)(void *ctx, const json_t *credentials, const char *target, const json_t *in,
                   json_t **ret, struct sw_err *err);
    struct task_endpoint_urls urls;
    const char *region;
    int64_t stop_timeout_default_s;
    int64_t cleanup_wait_s;   /* folders of ended tasks stay at least so long */
    int64_t cleanup_jitter_s; /* and up to so much longer */
    int64_t look_every_ms;    /* for leftovers, after the start's look; 0: 10 s, then 30 s */
    const char *cgroup_root;  /* NULL: the system's */
    const char *host_paths;   /* "/a,/b": all of the machine that volumes may be; NULL: any path */
    bool no_privileged;       /* refuses privileged containers */
    const char *journal_socket; /* NULL: the system's */
    int64_t log_away_max;       /* of a shipped container's output, one file; 0: LOG_AWAY_BYTES */
};
struct task_engine;
/* Loads and adopts what is in data_dir; removes containers, mounts and networks that belong to no task. */
int engine_new(const struct task_engine_options *o, struct task_engine **ret, struct sw_err *err);
/* The `tasks` of an answer of PollTasks. */
void engine_apply(struct task_engine *e, const json_t *tasks);
void engine_stop_all(struct task_engine *e, const char *reason);
bool engine_idle(struct task_engine *e); /* every task is finished and reported */
/* Lets go of tasks that are over, but for what reading their logs takes, and of that and their folders when their time has come. */
void engine_sweep(struct task_engine *e);
/* Leaves containers running. */
void engine_free(struct task_engine *e);

/* For logs: the folder of a task, and whether a container (NULL: all of them) has ended. False: no such task or container. */
bool engine_find(struct task_engine *e, const char *task_arn, char **ret_dir,
                 char ***ret_containers);
bool engine_has_ended(struct task_engine *e, const char *task_arn, const char *container);
/* The runtime id of a container that runs. SW_ENOTFOUND, SW_ECONFLICT: it does not. */
int engine_running(struct task_engine *e, const char *task_arn, const char *container,
                   char ret_id[RUNTIME_ID_MAX + 1], struct sw_err *err);
