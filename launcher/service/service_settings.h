/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_settings.h - what CreateService and UpdateService may ask for, checked and made the service's document.
 * Values only, but for what the cluster says of capacity providers: no clock.
 * Expected errors: SW_EINVALID "InvalidParameterException", SW_EUNSUPPORTED "UnsupportedFeatureException". */
#include <jansson.h>

#include "base/err.h"
#include "launcher/plan/plan_service.h"
#include "storage/meta/meta.h"

/* A new service. *ret_document is owned. */
int service_settings_new(const json_t *in, json_t **ret_document, struct sw_err *err);
/* By what a new service's tasks are launched, into its document (launch_settings.h). */
int service_settings_launch(struct meta_tx *tx, int64_t cluster_id, const json_t *in,
                            json_t *document, struct sw_err *err);
/* The same of an update, over what the document says; *ret_changed: tasks are launched by something else from now on. */
int service_settings_relaunch(struct meta_tx *tx, int64_t cluster_id, const json_t *in,
                              json_t *document, bool *ret_changed, struct sw_err *err);
/* An update of `document`, in place. */
int service_settings_update(const json_t *in, json_t *document, struct sw_err *err);
/* networkConfiguration (NULL: none) fits the definition's network mode and what launches its tasks (`settings`, launch_settings.h).
 * Also of RunTask. */
int service_check_network(const json_t *settings, const json_t *definition, const json_t *network,
                          struct sw_err *err);
/* The rules of the task definition and of the service together are ones that placement understands. definition NULL: only the service's. */
int service_settings_check_rules(const json_t *document, const json_t *definition,
                                 struct sw_err *err);
/* What the document says of the circuit breaker. */
struct plan_breaker service_settings_breaker(const json_t *document);
