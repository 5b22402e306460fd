/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/launcher.h - the control plane: clusters, container instances, task definitions and tasks.
 * Owns the rows of these and, in memory, only what a restart may forget: which agents poll, and who waits for logs.
 * Promise: an answered change is durable; an instance never holds more than it has; a task only moves forward; nothing is ever
 * seen from another account or region. Decisions are made by launcher/plan on a snapshot and applied only if it still holds.
 * Inputs are JSON documents that passed the operation's schema; outputs are filled in as the operation answers. Whether the
 * caller may do it was asked before; whether an agent speaks for its own instance is asked here.
 * Threads: shared freely; no call blocks on anything but the database. Waiting callers are called back, without any lock held, on
 * the thread that made the change or in launcher_tick.
 * Expected errors: SW_EINVALID "ClientException" or "InvalidParameterException", SW_ENOTFOUND "ClusterNotFoundException",
 * SW_EDENIED "AccessDeniedException"; ConflictException where said.
 * Spec: Amazon ECS API reference. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/principal.h"
#include "base/err.h"
#include "launcher/model/arn.h"
#include "storage/meta/meta.h"

struct launcher;
struct identity;
struct session_store;

struct launcher_options {
    struct meta_db *db;
    int64_t (*now_us)(void); /* NULL: sw_now_us */
    /* Roles of tasks and their sessions; NULL: no role can be assumed here. */
    struct identity *identity;
    struct session_store *sessions;
    int64_t agent_timeout_us; /* an agent that says nothing for so long is not connected; 0: 60 s */
    int64_t
        agent_grace_us; /* and after so long its services' tasks are replaced elsewhere; 0: 5 min */
    int64_t (*mono_us)(void); /* NULL: sw_mono_us */
    int64_t lease_us;         /* lease.h: patience with a holder that does not answer; 0: 10 s */
    int64_t healthy_after_us; /* a service's task without a health check is healthy; 0: 40 s */
};

int launcher_open(const struct launcher_options *o, struct launcher **ret, struct sw_err *err);
void launcher_free(struct launcher *l); /* whoever still waits is answered; NULL ok */
/* After the rows were emptied: answers whoever waits and forgets what is in memory. */
void launcher_reset_memory(struct launcher *l);
/* Answers those whose time is up. Called about four times a second. */
void launcher_tick(struct launcher *l);
/* Deletes tasks that stopped more than a day ago, remembered client tokens as old, and instances that were deregistered before then and
 * are named by no task any more. */
int launcher_expire(struct launcher *l, struct sw_err *err);

struct launcher_caller {
    const char *account, *region;
    const struct principal *principal;
};

/* One page of a list: after is the last key of the page before ("" first); next is "" on the last page. */
struct launcher_page {
    const char *after;
    int limit;
    char next[ARN_MAX];
};

typedef int (*launcher_fn)(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           json_t *out, struct sw_err *err);
typedef int (*launcher_list_fn)(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, struct launcher_page *page, json_t *out,
                                struct sw_err *err);

/* Names for authorization: the ARN of what the input names, whether it exists or not. An instance's own ARN says its cluster when
 * none is given. */
int launcher_cluster_arn(const struct launcher_caller *c, const char *cluster, char out[ARN_MAX],
                         struct sw_err *err);
int launcher_task_arn(const struct launcher_caller *c, const char *cluster, const char *task,
                      char out[ARN_MAX], struct sw_err *err);
int launcher_instance_arn(const struct launcher_caller *c, const char *cluster,
                          const char *instance, char out[ARN_MAX], struct sw_err *err);
/* The revision that a reference means now: FAMILY is its latest ACTIVE one, and FAMILY:* when there is none. With its document, as
 * DescribeTaskDefinition shows it, with its tags; *ret_definition is NULL when there is none, else the caller's. */
int launcher_taskdef_find(struct launcher *l, const struct launcher_caller *c,
                          const char *reference, char out[ARN_MAX], json_t **ret_definition,
                          struct sw_err *err);

/* Tags of a cluster, a service, a task, a container instance or a revision of a task definition, by its ARN. SW_ENOTFOUND
 * "ResourceNotFoundException" or "ClusterNotFoundException". *ret_tags: [{key, value}], the caller's. */
int launcher_resource_tags(struct launcher *l, const struct launcher_caller *c, const char *arn,
                           json_t **ret_tags, struct sw_err *err);
int launcher_list_tags(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err);
int launcher_tag_resource(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          json_t *out, struct sw_err *err);
int launcher_untag_resource(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);

/* Clusters. `default` exists in every region as soon as it is looked at. */
int launcher_create_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_describe_clusters(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_list_clusters(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err);

/* UpdateCluster and UpdateClusterSettings. */
int launcher_update_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
/* SW_ECONFLICT "ClusterContains...Exception" while something is in it. */
int launcher_delete_cluster(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_put_cluster_providers(struct launcher *l, const struct launcher_caller *c,
                                   const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_providers(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, struct launcher_page *page, json_t *out,
                                struct sw_err *err);
int launcher_delete_provider(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err);

/* Task definitions. Revisions count up for ever. */
int launcher_register_taskdef(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err);
int launcher_describe_taskdef(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err);
int launcher_deregister_taskdef(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err);
/* Marks INACTIVE revisions for deletion: they are described, and no task is started from them. */
int launcher_delete_taskdefs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err);
int launcher_list_taskdefs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err);
int launcher_list_families(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err);

/* Container instances. Registering again with the instance's ARN renews it; an ARN that is no longer known gives a new one. */
int launcher_register_instance(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
/* With force, what runs on it is marked STOPPED. */
int launcher_deregister_instance(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out, struct sw_err *err);
int launcher_describe_instances(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err);
int launcher_list_instances(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            struct launcher_page *page, json_t *out, struct sw_err *err);

/* ACTIVE or DRAINING: a draining one gets no new tasks. */
int launcher_update_instances_state(struct launcher *l, const struct launcher_caller *c,
                                    const json_t *in, json_t *out, struct sw_err *err);
/* Always refused: SW_ECONFLICT "NoUpdateAvailableException". */
int launcher_update_agent(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                          json_t *out, struct sw_err *err);
/* Attributes that people put on instances, besides those that the agent registered. SW_ENOTFOUND "TargetNotFoundException",
 * SW_ELIMIT "AttributeLimitExceededException". */
int launcher_put_attributes(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_delete_attributes(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_list_attributes(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             struct launcher_page *page, json_t *out, struct sw_err *err);

/* Tasks. The member requestedTaskDefinition says how the caller named the taskDefinition, when that was resolved before: a client
 * token is compared with it. SW_ECONFLICT "ConflictException" for a clientToken that was used with other parameters. */
int launcher_run_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                      json_t *out, struct sw_err *err);
/* The same on each of the containerInstances (at most 10), without placement rules. */
int launcher_start_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err);
/* Where RunTask with this input would place its tasks now, and why: {placed, unplaced, instances: [{containerInstanceArn, verdict
 * CHOSEN | REJECTED | PASSED_OVER, tasks, reason?, text}]} about the last task (launcher/plan/plan_explain.h). */
int launcher_explain_placement(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_stop_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err);
int launcher_describe_tasks(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_list_tasks(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct launcher_page *page, json_t *out, struct sw_err *err);

/* ExecuteCommand. The answer lacks session.streamUrl, which the edge knows. *ret: a session that has not begun, the caller's.
 * SW_EUNAVAILABLE "TargetNotConnectedException". */
struct exec_session; /* launcher/service/exec_sessions.h */
int launcher_execute_command(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct exec_session **ret, struct sw_err *err);
/* Takes e: from now on it waits for the task's agent, which is told, and for the caller's client. SW_ELIMIT. */
int launcher_exec_begin(struct launcher *l, struct exec_session *e, struct sw_err *err);
/* The name of the task's only container, owned; NULL: it has several, or it is not there. */
char *launcher_exec_container(struct launcher *l, const struct launcher_caller *c,
                              const json_t *in);
struct exec_sessions;
struct exec_sessions *launcher_exec_sessions(struct launcher *l);

/* Task protection: of tasks of services only; others are failures. */
int launcher_update_protection(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_get_protection(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);

/* Account settings. Those of a user or role end with it, so that who gets its name later does not have them: tell of its ARN. */
int launcher_retire_principal(struct launcher *l, const char *arn, struct sw_err *err);
int launcher_put_setting(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                         json_t *out, struct sw_err *err);
int launcher_put_setting_default(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out, struct sw_err *err);
int launcher_delete_setting(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err);
int launcher_list_settings(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err);

/* The agent's side: launcher/model/agent_protocol.h. A stale or repeated report changes nothing and is acknowledged. */
int launcher_submit_task_state(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err);
int launcher_submit_health(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           json_t *out, struct sw_err *err);
/* {containerInstance, task, roleType: TASK | EXECUTION} -> {roleArn, accessKeyId, secretAccessKey, sessionToken, expiration}. A role
 * that is not there or does not trust tasks is a "ClientException". */
int launcher_task_credentials(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err);
/* The definition of a task that is placed on {containerInstance} and not STOPPED, the caller's, and whose rights its secrets are read
 * with: a session of its execution role; without one the caller. Errors of launcher_task_credentials. */
int launcher_task_definition(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             struct principal *ret_role, json_t **ret_definition,
                             struct sw_err *err);
/* The environmentFiles of such a task, of its definition and of what was said when it was run, are added to the list; the role as above,
 * left alone when there are none. */
int launcher_task_files(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct principal *ret_role, json_t *list, struct sw_err *err);
/* The log stream that takes what a container of the caller's own instance prints: {cluster, containerInstance, task, containerName}. */
struct launcher_log_target {
    char *group, *stream, *region;
    bool create_group;
};
int launcher_log_target(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                        struct launcher_log_target *ret, struct sw_err *err);
void launcher_log_target_done(struct launcher_log_target *t);
int launcher_submit_logs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                         json_t *out, struct sw_err *err);

/* SubmitContainerStateChange: the same for one container. */
int launcher_submit_container_state(struct launcher *l, const struct launcher_caller *c,
                                    const json_t *in, json_t *out, struct sw_err *err);
int launcher_submit_attachments(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err);

/* Long polls, in two steps, so that the caller can set up its ticket in between:
 * the first says 1 (answered: out is filled) or 0 (would wait), the second waits and calls done once, perhaps at once. */
typedef void (*launcher_done_fn)(void *ctx, json_t *out,
                                 const struct sw_err *err); /* takes out; err->code 0: out holds */

struct launcher_poll {
    char instance_id[ARN_ID_LEN + 1];
    int64_t seen_version, wait_ms;
    uint64_t generation;
};
int launcher_poll(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  struct launcher_poll *ret_poll, json_t *out, struct sw_err *err);
void launcher_poll_wait(struct launcher *l, const struct launcher_poll *p, launcher_done_fn done,
                        void *ctx);

/* GetTaskLogs {cluster?, task, containerName?, cursor?, maxBytes?, waitSeconds?} -> {records, cursor?, finished}. */
struct launcher_logs {
    char instance_id[ARN_ID_LEN + 1];
    json_t *request; /* as the agent gets it; owned until launcher_logs_wait takes it */
    int64_t wait_ms;
};
int launcher_logs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                  struct launcher_logs *ret, struct sw_err *err);
void launcher_logs_wait(struct launcher *l, struct launcher_logs *q, launcher_done_fn done,
                        void *ctx);

/* Images that must not go, of all accounts and regions, inside a transaction of the caller: of ACTIVE task definitions and of tasks
 * that are not STOPPED. Non-zero from fn stops. The stamp is another number when there may be a new use since. */
struct launcher_image {
    const char *image;  /* as the definition names it */
    const char *digest; /* that a task's agent reported, or NULL */
    const char *holder; /* "task arn:...", "task definition arn:..." */
};
typedef int (*launcher_image_fn)(void *arg, const struct launcher_image *use);
int launcher_images_in_use(struct meta_tx *tx, launcher_image_fn fn, void *arg, struct sw_err *err);
int launcher_images_stamp(struct meta_tx *tx, int64_t *ret, struct sw_err *err);
