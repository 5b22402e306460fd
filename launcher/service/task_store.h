/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/task_store.h - rows of tasks. Inside a transaction of the caller.
 * The document is what DescribeTasks answers and the only source; the columns that repeat its members are written from it. */
#include "launcher/service/launcher.h"

struct task_row {
    char *id, *instance_id; /* instance_id NULL: it waits for capacity */
    int64_t cluster_id, definition_id, version;
    json_t *document; /* owned */
};
void task_row_done(struct task_row *r);

struct task_new {
    const char *id, *family;
    const char *instance_id; /* NULL: it waits for capacity */
    int64_t cluster_id, definition_id, cpu, memory_mib;
    int64_t service_id; /* 0: not of a service */
    const char *ports;
    const json_t *document;
};
int task_store_add(struct meta_tx *tx, const struct task_new *t, int64_t now_us,
                   struct sw_err *err);
/* The instance of one that waited; the document is written by task_store_put. */
int task_store_set_instance(struct meta_tx *tx, const char *id, const char *instance_id,
                            struct sw_err *err);
/* cluster_id 0: of any. 1 found, 0 not. */
int task_store_get(struct meta_tx *tx, int64_t cluster_id, const char *id, struct task_row *ret,
                   struct sw_err *err);
/* Writes a changed document under the next version, which is put into it; SW_ESTALE if the row moved on since it was read. */
int task_store_put(struct meta_tx *tx, struct task_row *row, int64_t now_us, struct sw_err *err);

struct task_filter {
    int64_t cluster_id;
    const char *desired_status;
    const char *family, *started_by, *instance_id; /* "": any */
    int64_t service_id;                            /* 0: any */
    const char *launch_type;                       /* NULL or "": any */
};
int task_store_list(struct meta_tx *tx, const struct task_filter *f, struct launcher_page *page,
                    json_t *ids, struct sw_err *err);

/* Until when a task is protected from being scaled in; 0: it is not. 1 found, 0 not. */
int task_store_protection(struct meta_tx *tx, const char *id, int64_t *ret_until_us,
                          struct sw_err *err);
int task_store_protect(struct meta_tx *tx, const char *id, int64_t until_us, struct sw_err *err);
/* Ids of those that are protected at now_us, in order. */
int task_store_protected(struct meta_tx *tx, int64_t cluster_id, int64_t now_us, int limit,
                         json_t *ids, struct sw_err *err);

/* What an instance has to know: tasks that are not STOPPED, with the stored task definition. */
typedef int (*task_store_fn)(void *ctx, const char *task_document, const char *definition_document,
                             struct sw_err *err);
int task_store_each_of_instance(struct meta_tx *tx, const char *instance_id, task_store_fn fn,
                                void *ctx, struct sw_err *err);
/* The same of those that wait for capacity in a cluster, oldest first. */
int task_store_each_waiting(struct meta_tx *tx, int64_t cluster_id, task_store_fn fn, void *ctx,
                            struct sw_err *err);
/* Ids of the same, for a change of all. */
int task_store_ids_of_instance(struct meta_tx *tx, const char *instance_id, json_t *ids,
                               struct sw_err *err);

/* What is reserved on an instance. */
struct task_usage {
    int64_t cpu, memory_mib;
    int running, pending;          /* by last status: RUNNING; before it */
    int tasks;                     /* all that are not STOPPED */
    json_t *tcp_ports, *udp_ports; /* lists of integers; owned */
};
void task_usage_done(struct task_usage *u);
int task_store_usage(struct meta_tx *tx, const char *instance_id, struct task_usage *ret,
                     struct sw_err *err);

/* How many tasks of each group shall run on an instance, as {"service:web": 2}; owned. Reads the documents. */
int task_store_groups(struct meta_tx *tx, const char *instance_id, json_t **ret,
                      struct sw_err *err);

/* Client tokens of RunTask. 1 found: request and tasks are owned JSON texts. */
int task_store_request(struct meta_tx *tx, int64_t cluster_id, const char *token,
                       char **ret_request, char **ret_tasks, struct sw_err *err);
int task_store_add_request(struct meta_tx *tx, int64_t cluster_id, const char *token,
                           const char *request, const char *tasks, int64_t now_us,
                           struct sw_err *err);
