/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_json.h - services as operations answer them, and what the files of services share.
 * Inside a transaction of the caller. */
#include "launcher/service/service.h"
#include "launcher/service/service_store.h"

/* From a service's document: it has the EXTERNAL deployment controller, so task sets in the place of deployments. */
bool service_is_external(const json_t *document);
/* *ret is owned. */
int service_json(struct meta_tx *tx, const struct launcher_caller *c,
                 const struct cluster_ref *cluster, const struct service_row *row, bool with_tags,
                 json_t **ret, struct sw_err *err);
/* One deployment as the operations on service deployments answer it. all: every deployment of the service, newest first. */
int service_deployment_json(struct meta_tx *tx, const struct launcher_caller *c,
                            const struct cluster_ref *cluster, const struct service_row *row,
                            const struct service_deployment_row *all, size_t n, size_t which,
                            json_t **ret, struct sw_err *err);
/* PENDING, IN_PROGRESS, SUCCESSFUL, ...; *ret_reason borrows from the arena. */
const char *service_deployment_status(const struct service_deployment_row *all, size_t n,
                                      size_t which, const char **ret_reason, struct sw_arena *a);
json_t *service_revision_json(const struct launcher_caller *c, const struct cluster_ref *cluster,
                              const struct service_row *row, const struct service_deployment_row *d,
                              const json_t *definition);

/* Task sets of a service with the EXTERNAL controller, into the list. */
int service_task_sets(struct meta_tx *tx, const struct launcher_caller *c,
                      const struct cluster_ref *cluster, const struct service_row *row,
                      const struct service_deployment_row *all, size_t n, json_t *list,
                      struct sw_err *err);

/* Name of a service in a reference, checked to be of this cluster and the caller's. SW_EINVALID. */
int service_name(const struct launcher_caller *c, const char *cluster_name, const char *text,
                 char out[ARN_NAME_MAX + 1], struct sw_err *err);
/* The service that an input names, which is ACTIVE: SW_ENOTFOUND "ServiceNotFoundException", SW_ECONFLICT
 * "ServiceNotActiveException". Takes the next version of it. */
int service_change(struct meta_tx *tx, const struct cluster_ref *cluster, const char *name,
                   struct service_row *ret, struct sw_err *err);
/* The task definition that an input names, which is ACTIVE; its row. SW_ENOTFOUND "ClientException". */
struct taskdef_row;
int service_definition(struct meta_tx *tx, const struct launcher_caller *c, const char *text,
                       struct taskdef_row *ret, struct sw_err *err);
/* Cluster of an operation on services: what the input says, else what the service's ARN says. */
int service_input_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          const char *service, struct cluster_ref *ret, struct sw_err *err);
