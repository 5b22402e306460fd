/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/usage.h - what agents say that their machines and tasks use. In memory only: a sample older than a minute counts
 * as none, and after a restart the agents say it again. Expected errors as in launcher.h. */
#include "launcher/service/launcher.h"

int launcher_submit_metrics(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
/* GetUsage of launcher/model/agent_protocol.h. */
int launcher_usage(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                   json_t *out, struct sw_err *err);
/* The samples of all instances: {cpuUnits?, memoryMiB?, tasks: [{task, cpuMs, cpuUnits?, memoryBytes}]}. fn must be short. */
void launcher_each_usage(struct launcher *l,
                         void (*fn)(void *ctx, const char *instance_id, const json_t *usage),
                         void *ctx);
