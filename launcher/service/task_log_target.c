/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/task_log_target.c - where the lines of a container go: the log stream that the task's definition names.
 * Invariant: the stream follows from what was registered, never from what the agent says; so an agent can write only to the streams of
 * tasks that were placed on its own instance. */
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/log_config.h"
#include "launcher/service/service.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

struct target_arg {
    int64_t cluster_id;
    const char *task_id, *instance_id;
    json_t *definition;
};

static int read_definition(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct target_arg *a = arg;
    struct task_row row = {.id = NULL};
    json_decref(SW_TAKE(a->definition));
    int r = task_store_get(tx, a->cluster_id, a->task_id, &row, err);
    if (r >= 0 && (r == 0 || !sw_streq(row.instance_id, a->instance_id)))
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    if (r > 0)
        r = taskdef_store_document(tx, row.definition_id, &a->definition, err);
    task_row_done(&row);
    return r < 0 ? r : 0;
}

static int target_of(const json_t *definition, const char *container, const char *task_id,
                     struct launcher_log_target *ret, struct sw_err *err)
{
    struct log_config config;
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, v) {
        if (!sw_streq(sw_json_str(v, "name", NULL), container))
            continue;
        if (!log_config_read(v, &config))
            break;
        ret->group = sw_strdup(config.group);
        ret->region = sw_strdup(config.region);
        ret->stream = log_config_stream(&config, container, task_id);
        ret->create_group = config.create_group;
        return 0;
    }
    return sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID,
                   "The task has no container named '%s' with the log driver awslogs.", container);
}

int launcher_log_target(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct launcher_log_target *ret, struct sw_err *err)
{
    struct cluster_ref cluster;
    char instance[ARN_ID_LEN + 1], task[ARN_ID_LEN + 1];
    struct target_arg a = {.task_id = task, .instance_id = instance};
    int r = service_own_task(l, c, in, &cluster, instance, task, err);
    if (r < 0)
        return r;
    a.cluster_id = cluster.id;
    r = meta_tx(l->db, META_READ, read_definition, &a, err);
    if (r == 0)
        r = target_of(a.definition, sw_json_str(in, "containerName", ""), task, ret, err);
    json_decref(a.definition);
    return r;
}

void launcher_log_target_done(struct launcher_log_target *t)
{
    free(t->group);
    free(t->stream);
    free(t->region);
}
