/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/service/task_roles.c - GetTaskCredentials: sessions of the roles that a task has.
 * Invariants:
 * 1. Only the principal that registered the instance gets them, and only for a task that is placed there and is not STOPPED.
 * 2. Each session is issued after the role's trust policy, as it is now, let ecs-tasks.amazonaws.com assume the role. The right to
 *    pass the role was asked when the definition was registered and when the task was run. */
#include <strings.h>

#include "auth/directory.h"
#include "auth/session.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/taskdef.h"
#include "launcher/service/service.h"
#include "launcher/service/task_store.h"
#include "launcher/service/taskdef_store.h"

#define SESSION_US 21600000000LL /* six hours, as in ECS: agents fetch others long before */
#define PRINCIPAL  "ecs-tasks.amazonaws.com"

struct role_arg {
    int64_t cluster_id;
    const char *task_id, *instance_id, *member;
    char role[ARN_MAX];
};

static int read_role(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct role_arg *a = arg;
    struct task_row row = {.id = NULL};
    sw_autojson json_t *definition = NULL;
    a->role[0] = 0;
    int r = task_store_get(tx, a->cluster_id, a->task_id, &row, err);
    bool here = r > 0 && sw_streq(row.instance_id, a->instance_id) &&
                !sw_streq(sw_json_str(row.document, "lastStatus", ""), "STOPPED");
    if (r >= 0 && !here)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_INVALID, "The referenced task was not found.");
    if (r > 0)
        r = taskdef_store_document(tx, row.definition_id, &definition, err);
    if (r >= 0) {
        const char *own = sw_json_str(definition, a->member, "");
        const char *role = sw_json_str(sw_json_object(row.document, "overrides"), a->member, own);
        (void)sw_str_copy(sw_str(*role ? role : own), a->role, sizeof a->role);
        r = 0;
    }
    task_row_done(&row);
    return r;
}

/* What ECS tells the trust policy of the task that the role is for. */
struct trust_keys {
    const char *account, *task_arn;
    struct policy_key key;
};

static const struct policy_key *trust_key(void *ctx, const char *name)
{
    struct trust_keys *k = ctx;
    bool account = strcasecmp(name, "aws:SourceAccount") == 0;
    if (!account && strcasecmp(name, "aws:SourceArn") != 0)
        return NULL;
    k->key = (struct policy_key){
        .name = name, .values = account ? &k->account : &k->task_arn, .values_n = 1};
    return &k->key;
}

/* Copies the role's id if the role is of this account and trusts tasks. */
static bool trusted(struct launcher *l, const struct launcher_caller *c, const char *role,
                    const char *task_arn, char ret_id[IAM_ID_MAX])
{
    bool yes = false;
    struct trust_keys keys = {.account = c->account, .task_arn = task_arn};
    directory_lock(l->identity);
    const struct iam_entity *e = directory_by_arn(l->identity, role);
    if (e && e->kind == IAM_ROLE && sw_streq(e->account, c->account) && e->trust_doc) {
        const struct policy_attached trust = {
            .doc = e->trust_doc, .name = "trust policy", .kind = POLICY_FROM_RESOURCE};
        const struct policy_question q = {.action = "sts:AssumeRole",
                                          .resource = e->arn,
                                          .resource_account = e->account,
                                          .service_principal = PRINCIPAL,
                                          .resource_policies = &trust,
                                          .resource_policies_n = 1,
                                          .resource_must_allow = true,
                                          .key = trust_key,
                                          .key_ctx = &keys};
        struct policy_verdict v;
        policy_evaluate(&q, &v);
        yes = v.decision == POLICY_ALLOW;
        (void)snprintf(ret_id, IAM_ID_MAX, "%s", e->id);
    }
    directory_unlock(l->identity);
    return yes;
}

static int issue(struct launcher *l, const struct launcher_caller *c, const char *role,
                 const char *task_id, const char *task_arn, json_t *out, struct sw_err *err)
{
    char id[IAM_ID_MAX];
    struct session_credentials s;
    if (!l->identity || !l->sessions || !trusted(l, c, role, task_arn, id))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "ECS was unable to assume the role '%s' that was provided for this task. "
                       "Please verify that the role being passed has the proper trust relationship "
                       "and permissions and that your IAM user has permissions to pass this role.",
                       role);
    struct session_grant g = {.kind = PRINCIPAL_ROLE,
                              .account = c->account,
                              .id = id,
                              .name = task_id,
                              .now_us = l->now_us(),
                              .expires_at_us = l->now_us() + SESSION_US};
    int r = session_issue(l->sessions, &g, &s, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "roleArn", role);
    sw_json_set_str(out, "accessKeyId", s.access_key_id);
    sw_json_set_str(out, "secretAccessKey", s.secret_access_key);
    sw_json_set_str(out, "sessionToken", s.token);
    sw_json_set_time_us(out, "expiration", g.expires_at_us);
    explicit_bzero(&s, sizeof s);
    return 0;
}

int launcher_task_credentials(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err)
{
    struct cluster_ref cluster;
    char instance[ARN_ID_LEN + 1], task[ARN_ID_LEN + 1], arn[ARN_MAX];
    bool execution = sw_streq(sw_json_str(in, "roleType", "TASK"), "EXECUTION");
    struct role_arg a = {.task_id = task,
                         .instance_id = instance,
                         .member = execution ? "executionRoleArn" : "taskRoleArn"};
    int r = service_own_task(l, c, in, &cluster, instance, task, err);
    if (r < 0)
        return r;
    a.cluster_id = cluster.id;
    if ((r = meta_tx(l->db, META_READ, read_role, &a, err)) < 0)
        return r;
    if (!a.role[0])
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "The task has no %s.", a.member);
    arn_task(arn, c->region, c->account, cluster.name, task);
    return issue(l, c, a.role, task, arn, out, err);
}
