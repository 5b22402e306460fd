/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service.h - what the files of this folder share; nobody else includes it. */
#include <pthread.h>

#include "launcher/service/launcher.h"

#define SERVICE_INVALID   "InvalidParameterException"
#define SERVICE_CLIENT    "ClientException"
#define SERVICE_DEFAULT   "default"
#define SERVICE_HERE_US   60000000LL  /* default: a poll this recent, and the agent is connected */
#define SERVICE_GRACE_US  300000000LL /* default: away for so long, and the instance is lost */
#define SERVICE_KEEP_US   86400000000LL /* stopped tasks and client tokens */
#define SERVICE_LOGS_MAX  1000          /* requests that wait at one time */
#define SERVICE_NAMES_MAX 100           /* things of one Describe call */
#define SERVICE_PLANS_MAX 50            /* attempts of one RunTask against a moving cluster */

struct agents; /* agents.h */
struct meta_stmt;
struct service_loop;  /* service_loop.h */
struct exec_sessions; /* exec_sessions.h */
struct lease;         /* lease.h */

struct launcher {
    struct meta_db *db;
    int64_t (*now_us)(void);
    struct agents *agents;
    struct exec_sessions *exec;
    struct identity *identity;
    struct session_store *sessions;
    int64_t agent_grace_us, healthy_after_us;
    struct lease *lease;
    struct service_loop *services;
};

/* Cluster of the caller by name, ARN or NULL (default). SW_ENOTFOUND "ClusterNotFoundException". */
struct cluster_ref {
    int64_t id;
    char name[ARN_NAME_MAX + 1];
    char arn[ARN_MAX];
};
int service_cluster(struct launcher *l, const struct launcher_caller *c, const char *cluster,
                    struct cluster_ref *ret, struct sw_err *err);
/* Name of a cluster reference, checked to be the caller's. */
int service_cluster_name(const struct launcher_caller *c, const char *cluster,
                         char out[ARN_NAME_MAX + 1], struct sw_err *err);
/* Id in a task or instance reference, checked to be of this cluster and the caller's. */
int service_id(const struct launcher_caller *c, const char *cluster_name, enum arn_kind kind,
               const char *text, char out[ARN_ID_LEN + 1], struct sw_err *err);
/* The instance is not INACTIVE and the caller registered it; its version, if asked for. SW_ENOTFOUND, SW_EDENIED. */
int service_owner(struct launcher *l, const struct launcher_caller *c, int64_t cluster_id,
                  const char *instance_id, int64_t *ret_version, struct sw_err *err);
/* The same for a poll of an agent: SW_ECONFLICT AGENT_SUPERSEDED when another session registered as the instance since. NULL: any. */
int service_poller(struct launcher *l, const struct launcher_caller *c, int64_t cluster_id,
                   const char *instance_id, const char *session, int64_t *ret_version,
                   struct sw_err *err);
int service_superseded(const char *instance_id, struct sw_err *err); /* fails so */
/* Whether that principal registered it: by unique id, by ARN in rows of before ids were kept. */
struct instance_row;
int service_check_owner(const struct instance_row *row, const struct principal *p,
                        bool *ret_is_owner, struct sw_err *err);
/* All that this principal registered becomes INACTIVE, and its tasks STOPPED for that reason. */
int service_retire_instances(struct launcher *l, const char *principal_arn, const char *why,
                             struct sw_err *err);
/* Its agent has been away for longer than the grace: services replace their tasks on it. */
bool service_instance_lost(struct launcher *l, const char *instance_id, int64_t now_us);
/* The task that an agent speaks of, {cluster, task}. Its ARN may name another cluster: machines of Fargate serve all. */
int service_agent_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                       struct cluster_ref *ret_cluster, char ret_task[ARN_ID_LEN + 1],
                       struct sw_err *err);
/* What an agent says of a task, {cluster, containerInstance, task}: the ids, if the caller registered that instance. Whether the task was
 * placed on it is asked with the task's row. */
int service_own_task(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                     struct cluster_ref *ret_cluster, char ret_instance[ARN_ID_LEN + 1],
                     char ret_task[ARN_ID_LEN + 1], struct sw_err *err);
/* A cluster's configuration: executeCommandConfiguration makes sense. SW_EINVALID. */
int service_check_exec(const json_t *configuration, struct sw_err *err);
json_t *service_failure(const char *arn, const char *reason); /* {"arn","reason"} */
json_t *service_list(json_t *out, const char *key);           /* sets and borrows a new list */
bool service_includes(const json_t *in, const char *what);    /* "include": ["TAGS", ...] */
/* At most 100 things are described at one time. */
int service_describe_limit(const json_t *in, const char *key, struct sw_err *err);
/* What was asked, in one spelling (owned), to compare with what is asked again: the task definition as the caller named it, and not the
 * member `without`. */
char *service_request_text(const json_t *in, const char *without);
/* Parses a document of our own rows. */
int service_document(const char *text, json_t **ret, struct sw_err *err);
/* The first column of the rows becomes the page's names; the query asked for one row more than the page holds, to see whether there are. */
int service_page_rows(struct meta_stmt *st, struct launcher_page *page, json_t *names,
                      struct sw_err *err);
void service_page_end(struct launcher_page *page, const char *last_key, bool more);
