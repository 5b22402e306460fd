/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/task_status.h"

#include "base/str.h"

static const char *const names[TASK_STATUS_MAX_] = {
    [TASK_PROVISIONING] = "PROVISIONING",     [TASK_PENDING] = "PENDING",
    [TASK_ACTIVATING] = "ACTIVATING",         [TASK_RUNNING] = "RUNNING",
    [TASK_DEACTIVATING] = "DEACTIVATING",     [TASK_STOPPING] = "STOPPING",
    [TASK_DEPROVISIONING] = "DEPROVISIONING", [TASK_STOPPED] = "STOPPED",
};

const char *task_status_to_string(enum task_status s)
{
    return (int)s >= 0 && s < TASK_STATUS_MAX_ ? names[s] : NULL;
}

bool task_status_from_string(const char *s, enum task_status *ret)
{
    for (int i = 0; s && i < TASK_STATUS_MAX_; i++) {
        if (sw_streq(names[i], s)) {
            *ret = (enum task_status)i;
            return true;
        }
    }
    return false;
}
