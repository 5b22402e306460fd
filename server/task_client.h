/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/task_client.h - what run, ps, logs and stop share: one task over the wire. */
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "server/client.h"

/* What goes on outlives a server that is away for a while: after one good look it is said once, and asked again. */
struct watch {
    bool seen, away;
};
/* r: of one look. 1: look again after a pause, err is empty; < 0: r. */
int watch_on(struct watch *w, int r, struct sw_err *err);

/* The task's description (caller owns). task: id or ARN. SW_ENOTFOUND. */
int task_describe(struct client *c, const char *cluster, const char *task, json_t **ret,
                  struct sw_err *err);
const char *task_id_of(const char *arn); /* the part after the last slash */
/* "0.0.0.0:32768->80/tcp, ..." of all containers; "" if none. Caller frees. */
char *task_ports(const json_t *task);
/* Text for a stopped task: stopCode, stoppedReason and the reasons of its containers. Caller frees. */
char *task_why_stopped(const json_t *task);
/* 0..255: of the first essential container that did not exit 0; else 0 if all of them ended, 125 if one never ran.
 * definition: the taskDefinition document. */
int task_exit_status(const json_t *task, const json_t *definition);
int task_stop(struct client *c, const char *cluster, const char *task, const char *reason,
              struct sw_err *err);

struct log_options {
    const char *cluster, *task, *container; /* container NULL: all */
    bool follow; /* until the task has ended and everything was printed */
    bool timestamps;
    /* Called about once a second while nothing comes, non-zero ends with that value; NULL: never. */
    int (*idle)(void *ctx, struct sw_err *err);
    void *ctx;
};
/* Prints to standard output and standard error as the containers did; one that follows outlives restarts of the server. */
int task_print_logs(struct client *c, const struct log_options *o, struct sw_err *err);
