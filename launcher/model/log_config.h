/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/log_config.h - a container definition's logConfiguration as a value: where the lines of the container go.
 * json-file (and none given): the agent's file alone. awslogs: also a log stream of the control plane's Logs service. Pure. */
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct log_config {
    bool awslogs;
    const char *group, *region, *prefix; /* borrowed; prefix NULL: none */
    bool create_group;
};
/* Of one of containerDefinitions. False, and nothing set, for other drivers than awslogs. */
bool log_config_read(const json_t *container, struct log_config *ret);
/* Is it one that works here? SW_EINVALID "ClientException" for a wrong option, SW_EUNSUPPORTED "UnsupportedFeatureException" for a
 * driver or option that is not supported. */
int log_config_check(const json_t *container, struct sw_err *err);
/* PREFIX/CONTAINER/TASK-ID; without a prefix CONTAINER/TASK-ID. Owned by the caller. */
char *log_config_stream(const struct log_config *c, const char *container, const char *task_id);
