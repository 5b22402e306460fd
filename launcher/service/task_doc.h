/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/task_doc.h - a task as DescribeTasks answers it, and how reports change it. Values only: no rows, no clock.
 * A task and its containers only move forward (launcher/model/task_status.h); what says less than is known changes nothing. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct task_doc_new {
    const char *task_arn, *cluster_arn, *definition_arn;
    const char *instance_arn;          /* NULL: Fargate */
    const char *group, *started_by;    /* started_by may be NULL */
    const char *launch_type;           /* NULL: EC2 */
    const char *provider;              /* capacity provider; NULL: none */
    const char *platform_version;      /* of Fargate; NULL: the latest */
    const json_t *definition;          /* stored document */
    const json_t *overrides, *tags;    /* NULL: none */
    const json_t *network;             /* networkConfiguration; NULL: none */
    const json_t *attributes;          /* of the instance; NULL: it waits for one */
    const char *const *container_arns; /* one each */
    bool execute_command;              /* ExecuteCommand may be asked for it */
    int64_t now_us;
};
json_t *task_doc_new(const struct task_doc_new *n);

/* What a task takes from its instance's attributes. */
void task_doc_place(json_t *task, const json_t *attributes);

/* Each returns whether something changed. */
bool task_doc_stop(json_t *task, const char *code, const char *reason,
                   int64_t now_us); /* shall stop */
bool task_doc_finish(json_t *task, const char *code, const char *reason,
                     int64_t now_us); /* has stopped */
/* SubmitTaskStateChange; definition says which containers are essential. */
bool task_doc_report(json_t *task, const json_t *report, const json_t *definition, int64_t now_us);
bool task_doc_health(json_t *task, const json_t *report, const json_t *definition);
