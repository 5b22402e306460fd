/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/task_status.h - the states of tasks and containers, in the order in which they are passed through.
 * A task only ever moves forward; comparing two values tells which is later. */
#include <stdbool.h>

enum task_status {
    TASK_PROVISIONING,
    TASK_PENDING,
    TASK_ACTIVATING,
    TASK_RUNNING,
    TASK_DEACTIVATING,
    TASK_STOPPING,
    TASK_DEPROVISIONING,
    TASK_STOPPED,
    TASK_STATUS_MAX_
};

const char *task_status_to_string(
    enum task_status s); /* "PROVISIONING" ...; NULL for no such value */
bool task_status_from_string(const char *s, enum task_status *ret);
