/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/launcher_services.h - services: long-lived tasks that are kept at a number, deployments and task sets.
 * Operations change rows and return; the loop (service_loop.h) makes tasks follow. As launcher.h says for the rest.
 * Expected errors: those of launcher.h; SW_ENOTFOUND "ServiceNotFoundException", "TaskSetNotFoundException",
 * "ServiceDeploymentNotFoundException"; SW_ECONFLICT "ServiceNotActiveException", "ConflictException".
 * Spec: Amazon ECS API reference. */
#include "launcher/service/launcher.h"

/* The thread that keeps services. It answers agents that poll: stop it before what carries those answers goes. */
int launcher_services_start(struct launcher *l, struct sw_err *err);
void launcher_services_stop(struct launcher *l); /* NULL ok; launcher_free does it too */
/* Instead of the thread, for tests: plans until nothing is left to do at this time. */
int launcher_services_settle(struct launcher *l, struct sw_err *err);

/* For authorization, as launcher_task_arn: a service's own ARN says its cluster when none is given. */
int launcher_service_arn(const struct launcher_caller *c, const char *cluster, const char *service,
                         char out[ARN_MAX], struct sw_err *err);

/* The member requestedTaskDefinition says how the caller named the taskDefinition, when that was resolved before. */
int launcher_create_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_update_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_delete_service(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_describe_services(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_list_services(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err);
/* Of a Cloud Map namespace: none, because no service here has one. */
int launcher_list_services_by_namespace(struct launcher *l, const struct launcher_caller *c,
                                        const json_t *in, struct launcher_page *page, json_t *out,
                                        struct sw_err *err);

int launcher_list_service_deployments(struct launcher *l, const struct launcher_caller *c,
                                      const json_t *in, struct launcher_page *page, json_t *out,
                                      struct sw_err *err);
int launcher_describe_service_deployments(struct launcher *l, const struct launcher_caller *c,
                                          const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_service_revisions(struct launcher *l, const struct launcher_caller *c,
                                        const json_t *in, json_t *out, struct sw_err *err);
/* Always refused: no deployment here pauses at a hook. */
int launcher_continue_service_deployment(struct launcher *l, const struct launcher_caller *c,
                                         const json_t *in, json_t *out, struct sw_err *err);
int launcher_stop_service_deployment(struct launcher *l, const struct launcher_caller *c,
                                     const json_t *in, json_t *out, struct sw_err *err);

/* Task sets, of services with the EXTERNAL deployment controller. */
int launcher_create_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err);
int launcher_update_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err);
int launcher_delete_task_set(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err);
int launcher_update_primary_task_set(struct launcher *l, const struct launcher_caller *c,
                                     const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_task_sets(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err);
