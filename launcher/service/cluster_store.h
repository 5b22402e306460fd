/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/cluster_store.h - rows of clusters. Inside a transaction of the caller. */
#include "launcher/service/launcher.h"

struct cluster_row {
    int64_t id;
    char *name, *status, *document;
    int64_t created_at;
};
void cluster_row_done(struct cluster_row *r);

/* 1 found, 0 not. */
int cluster_store_get(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                      struct cluster_row *ret, struct sw_err *err);
/* Nothing changes when it is there. */
int cluster_store_add(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                      const char *document, int64_t now_us, struct sw_err *err);
/* The same, and one that was INACTIVE is made anew. */
int cluster_store_create(struct meta_tx *tx, const struct launcher_caller *c, const char *name,
                         const char *document, int64_t now_us, struct sw_err *err);
int cluster_store_retire(struct meta_tx *tx, int64_t id, int64_t now_us, struct sw_err *err);
int cluster_store_set_document(struct meta_tx *tx, int64_t id, const char *document,
                               struct sw_err *err);
int cluster_store_document(struct meta_tx *tx, int64_t id, json_t **ret, struct sw_err *err);
/* Names of ACTIVE ones in order after page->after, into the list. */
int cluster_store_list(struct meta_tx *tx, const struct launcher_caller *c,
                       struct launcher_page *page, json_t *names, struct sw_err *err);

struct cluster_counts {
    int64_t instances, running, pending;
    int64_t fleet;     /* machines of Fargate alone that registered through it */
    int64_t unstopped; /* tasks that are not STOPPED */
    int64_t services;  /* ACTIVE */
};
int cluster_store_counts(struct meta_tx *tx, int64_t cluster_id, struct cluster_counts *ret,
                         struct sw_err *err);

/* How many there are by launch type and status: of tasks that are not STOPPED, and of services that are not INACTIVE. Services of
 * one kind may come one by one. */
typedef void (*cluster_store_type_fn)(void *ctx, const char *launch_type, const char *status,
                                      int64_t n);
int cluster_store_task_types(struct meta_tx *tx, int64_t cluster_id, cluster_store_type_fn fn,
                             void *ctx, struct sw_err *err);
int cluster_store_service_types(struct meta_tx *tx, int64_t cluster_id, cluster_store_type_fn fn,
                                void *ctx, struct sw_err *err);
