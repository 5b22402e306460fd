/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/launch_settings.h - by what tasks are launched: a launch type, or a capacity provider strategy. Requests, services,
 * deployments and task sets say it with the same members, {launchType} or {capacityProviderStrategy}, and for Fargate {platformVersion};
 * here they are settled once, when they are asked for, and read from then on.
 * Expected errors: SW_EINVALID "InvalidParameterException", "ClientException", SW_ENOTFOUND "PlatformUnknownException", SW_EUNSUPPORTED
 * "UnsupportedFeatureException". */
#include "launcher/plan/plan_capacity.h"
#include "launcher/plan/plan_view.h"
#include "launcher/service/launcher.h"

/* What `in` asks for, into `to`: checked against the cluster's providers; without a word the cluster's default strategy, else EC2.
 * no_default: as if the cluster had none. */
int launch_settle(struct meta_tx *tx, int64_t cluster_id, const json_t *in, bool no_default,
                  json_t *to, struct sw_err *err);
/* What UpdateService asks for, over what `document` says. *ret_changed: tasks that are launched from now on differ. */
int launch_update(struct meta_tx *tx, int64_t cluster_id, const json_t *in, json_t *document,
                  bool *ret_changed, struct sw_err *err);

/* Can tasks of this definition be launched so? rules: what may hold placementConstraints and placementStrategy; rules and overrides may
 * be NULL. */
int launch_check(const json_t *settings, const json_t *definition, const json_t *rules,
                 const json_t *overrides, struct sw_err *err);

const char *launch_type_of(const json_t *settings); /* EC2 | EXTERNAL | FARGATE */
bool launch_is_fargate(const json_t *settings);
bool launch_by_provider(const json_t *settings);
enum plan_launch launch_mask(const json_t *settings);
/* Of the strategy; the names borrow from it. */
size_t launch_providers(const json_t *settings, struct plan_provider ret[PLAN_PROVIDERS_MAX]);
/* The members as the descriptions of deployments, task sets, revisions and services have them. resolve: a platform version instead of
 * LATEST. */
void launch_describe(const json_t *settings, bool resolve, json_t *o);
/* Copies the members that say it. */
void launch_copy(const json_t *settings, json_t *to);
