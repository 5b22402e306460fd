/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/task_arns.h"

#include "base/id.h"

void task_arns_make(const struct task_arns_of *of, struct task_arns *ret)
{
    char uuid[37];
    ret->instance[0] = 0;
    arn_task(ret->task, of->region, of->account, of->cluster, of->task_id);
    arn_task_definition(ret->definition, of->region, of->account, of->family, of->revision);
    if (of->instance_id)
        arn_container_instance(ret->instance, of->region, of->account, of->cluster,
                               of->instance_id);
    for (size_t i = 0; i < TASKDEF_CONTAINERS_MAX; i++) {
        sw_uuid(uuid);
        arn_container(ret->container[i], of->region, of->account, of->cluster, of->task_id, uuid);
        ret->containers[i] = ret->container[i];
    }
}
