/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/task_secrets.c - whose rights count when the containers of a task get their secrets.
 * Invariant: only the principal that registered the instance asks, and only for a task that is placed there and is not STOPPED. */
#include <string.h>

#include "auth/session.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

struct read_arg {
    int64_t cluster_id;
    const char *task_id, *instance_id;
    json_t *definition;
    json_t *overrides; /* NULL: there are none */
    bool has_role;
};

static int read_task(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read_arg *a = arg;
    struct task_row row = {.id = NULL};
    json_decref(a->definition);
    a->definition = NULL;
    json_decref(SW_TAKE(a->overrides));
    int r = task_store_get(tx, a->cluster_id, a->task_id, &row, err);
    bool here = r > 0 && sw_streq(row.instance_id, a->instance_id) &&
                !sw_streq(sw_json_str(row.document, "lastStatus", ""), "STOPPED");
    if (r >= 0 && !here)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    if (r > 0)
        r = taskdef_store_document(tx, row.definition_id, &a->definition, err);
    if (r >= 0) {
        json_t *overrides = sw_json_object(row.document, "overrides");
        a->overrides = json_incref(overrides);
        a->has_role = *sw_json_str(overrides, "executionRoleArn", "") ||
                      *sw_json_str(a->definition, "executionRoleArn", "");
        r = 0;
    }
    task_row_done(&row);
    return r;
}

/* A session of the execution role, as the task's agent would get it. */
static int role_session(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct principal *ret, struct sw_err *err)
{
    char secret[129];
    sw_autojson json_t *ask = json_copy((json_t *)in);
    sw_autojson json_t *session = json_object();
    sw_json_set_str(ask, "roleType", "EXECUTION");
    int r = launcher_task_credentials(l, c, ask, session, err);
    if (r < 0)
        return r;
    r = session_open(l->sessions, sw_json_str(session, "accessKeyId", ""),
                     sw_str(sw_json_str(session, "sessionToken", "")), l->now_us(), ret, secret,
                     err);
    explicit_bzero(secret, sizeof secret);
    return r;
}

static int look(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                struct read_arg *a, struct sw_err *err)
{
    struct cluster_ref cluster;
    char instance[ARN_ID_LEN + 1], task[ARN_ID_LEN + 1];
    int r = service_own_task(l, c, in, &cluster, instance, task, err);
    if (r < 0)
        return r;
    a->cluster_id = cluster.id;
    a->task_id = task;
    a->instance_id = instance;
    r = meta_tx(l->db, META_READ, read_task, a, err);
    a->task_id = a->instance_id = NULL;
    return r;
}

int launcher_task_definition(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             struct principal *ret_role, json_t **ret_definition,
                             struct sw_err *err)
{
    struct read_arg a = {.definition = NULL};
    int r = look(l, c, in, &a, err);
    *ret_role = *c->principal;
    if (r == 0 && a.has_role)
        r = role_session(l, c, in, ret_role, err);
    json_decref(a.overrides);
    if (r < 0) {
        json_decref(a.definition);
        return r;
    }
    *ret_definition = a.definition;
    return 0;
}

static void add_files(const json_t *containers, json_t *list)
{
    const json_t *c, *f;
    size_t i, k;
    json_array_foreach(containers, i, c) {
        json_array_foreach(sw_json_array(c, "environmentFiles"), k, f)
            json_array_append(list, json_object_get(f, "value"));
    }
}

int launcher_task_files(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct principal *ret_role, json_t *list, struct sw_err *err)
{
    struct read_arg a = {.definition = NULL};
    int r = look(l, c, in, &a, err);
    if (r == 0) {
        add_files(sw_json_array(a.definition, "containerDefinitions"), list);
        add_files(sw_json_array(a.overrides, "containerOverrides"), list);
        if (json_array_size(list) > 0)
            r = role_session(l, c, in, ret_role, err);
    }
    json_decref(a.overrides);
    json_decref(a.definition);
    return r;
}
