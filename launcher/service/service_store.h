/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_store.h - rows of services, their deployments (or task sets) and events, and the columns of tasks that
 * only services look at. Inside a transaction of the caller.
 * Every change of a service or its deployments goes with service_store_claim, so that the row's version proves that a plan
 * still holds. */
#include "launcher/plan/plan_service.h"
#include "launcher/service/launcher.h"

#define SERVICE_DEPLOYMENT_ID (sizeof "ecs-svc/" + 19) /* with the NUL */
#define SERVICE_REVISION_ID   20
#define SERVICE_PUBLIC_ID     22

struct service_row {
    int64_t id, cluster_id, desired, version, created_at;
    bool steady;
    char *name, *status, *scheduling;
    json_t *document; /* owned */
};
void service_row_done(struct service_row *r);

struct service_new {
    int64_t cluster_id, desired;
    const char *name, *scheduling, *request;
    const json_t *document;
};
/* SW_ECONFLICT when one of this name is not INACTIVE. */
int service_store_add(struct meta_tx *tx, const struct service_new *n, int64_t now_us,
                      int64_t *ret_id, struct sw_err *err);
/* The newest of this name, also an INACTIVE one. 1 found, 0 not. */
int service_store_get(struct meta_tx *tx, int64_t cluster_id, const char *name,
                      struct service_row *ret, struct sw_err *err);
int service_store_by_id(struct meta_tx *tx, int64_t id, struct service_row *ret,
                        struct sw_err *err);
int service_store_request(struct meta_tx *tx, int64_t id, char **ret_request, struct sw_err *err);
/* The next version, if it is still at this one; else SW_ESTALE. */
int service_store_claim(struct meta_tx *tx, int64_t id, int64_t version, struct sw_err *err);
int service_store_set(struct meta_tx *tx, const struct service_row *row, struct sw_err *err);
int service_store_end(struct meta_tx *tx, int64_t id, int64_t now_us, struct sw_err *err);

struct service_filter {
    int64_t cluster_id;
    const char *scheduling, *launch_type; /* "": any */
};
/* Names of ACTIVE ones, in order after page->after. */
int service_store_list(struct meta_tx *tx, const struct service_filter *f,
                       struct launcher_page *page, json_t *names, struct sw_err *err);

struct service_deployment_row {
    char id[SERVICE_DEPLOYMENT_ID];
    int64_t number, definition_id, desired, created_at, updated_at, finished_at;
    char *public_id, *revision, *rollback_of; /* rollback_of: NULL, none */
    char *family;
    int64_t definition_revision;
    struct plan_deployment_state state;
    json_t *document; /* owned */
};
void service_deployment_rows_free(struct service_deployment_row *rows, size_t n);

struct service_deployment_new {
    int64_t service_id, definition_id, desired;
    const char *revision;    /* NULL: a new one, with the number of the deployment */
    const char *rollback_of; /* NULL: none */
    const char *status;      /* PRIMARY | ACTIVE */
    const json_t *document;
};
/* A PRIMARY one makes those before it ACTIVE, and what was IN_PROGRESS is finished. */
int service_store_add_deployment(struct meta_tx *tx, const struct service_deployment_new *n,
                                 int64_t now_us, char ret_id[SERVICE_DEPLOYMENT_ID],
                                 struct sw_err *err);
/* Newest first; all of them, or those that are not INACTIVE. *ret is owned. */
int service_store_deployments(struct meta_tx *tx, int64_t service_id, bool all,
                              struct service_deployment_row **ret, size_t *ret_n,
                              struct sw_err *err);
/* Its state, desired count and document. */
int service_store_set_deployment(struct meta_tx *tx, const struct service_deployment_row *d,
                                 int64_t now_us, struct sw_err *err);
/* The newest that completed, other than the one of this id: what a rollback goes back to. 1 found, 0 not. */
struct service_target {
    char id[SERVICE_DEPLOYMENT_ID], revision[SERVICE_REVISION_ID];
    int64_t definition_id;
};
/* What a deployment was asked for, without why it ended; *ret is owned. */
int service_store_deployment_document(struct meta_tx *tx, const char *id, json_t **ret,
                                      struct sw_err *err);
int service_store_last_completed(struct meta_tx *tx, int64_t service_id, const char *but,
                                 struct service_target *ret, struct sw_err *err);

/* Nothing when it repeats what was said: ten times the same is one event. Keeps the newest 100. */
int service_store_event(struct meta_tx *tx, int64_t service_id, const char *message, int64_t now_us,
                        struct sw_err *err);
/* Newest first, as DescribeServices answers them. */
int service_store_events(struct meta_tx *tx, int64_t service_id, json_t *list, struct sw_err *err);

/* Tasks that were not counted yet. */
struct service_task_row {
    char *id, *instance_id, *deployment, *last_status, *provider;
    bool stopping, wanted;
    char *health;
    int64_t version, created_at, started_at, stopped_at, health_at, protected_until;
};
void service_task_rows_free(struct service_task_row *rows, size_t n);
int service_store_tasks(struct meta_tx *tx, int64_t service_id, struct service_task_row **ret,
                        size_t *ret_n, struct sw_err *err);
/* Another number whenever one of them changed, came or went. */
struct service_stamp {
    int64_t tasks, versions, protections;
};
int service_store_stamp(struct meta_tx *tx, int64_t service_id, struct service_stamp *ret,
                        struct sw_err *err);
int service_store_counted(struct meta_tx *tx, const char *task_id, struct sw_err *err);

struct service_task_counts {
    int64_t running, pending;
};
/* Of one deployment; NULL: of all. */
int service_store_task_counts(struct meta_tx *tx, int64_t service_id, const char *deployment,
                              struct service_task_counts *ret, struct sw_err *err);
/* Adds those that a daemon service has on each instance, {"id": n}. */
int service_store_daemons(struct meta_tx *tx, int64_t cluster_id, json_t *counts,
                          struct sw_err *err);
