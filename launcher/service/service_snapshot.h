/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_snapshot.h - a service with all that its plan looks at: rows, and the view that is made of them.
 * Reading is one transaction; making the view is a function of what was read. */
#include "launcher/model/taskdef.h"
#include "launcher/service/instance_view.h"
#include "launcher/service/placement_rules.h"
#include "launcher/service/service.h"
#include "launcher/service/service_store.h"

/* What a deployment's tasks are made of. */
struct service_template {
    json_t *definition;
    char *ports;
    bool health_check; /* of an essential container */
    struct task_resources resources;
    struct placement_rules rules;
    struct plan_request request;
};

struct service_snapshot {
    struct launcher *l;
    int64_t service_id, now_us;
    struct sw_arena arena;
    /* Rows. */
    struct service_row service;
    char account[13], region[64];
    struct cluster_ref cluster;
    struct service_deployment_row *deployments;
    size_t deployments_n;
    struct service_template *templates; /* one each */
    struct service_task_row *tasks;
    size_t tasks_n;
    struct service_stamp stamp;
    struct instance_view *instances; /* of the deployments' launch types */
    size_t instances_n;
    bool all_groups; /* a constraint's expression may ask for the groups of other tasks */
    json_t *daemons; /* {"instance id": tasks of daemon services}; NULL for replicas */
    bool has_target;
    struct service_target target; /* of a rollback */
    /* The view. */
    char group[sizeof "service:" + ARN_NAME_MAX];
    struct plan_service_view view;
};
void service_snapshot_done(struct service_snapshot *s);
/* A meta_fn; the snapshot's l, service_id and now_us are set. SW_ENOTFOUND: the service is gone or INACTIVE. */
int service_snapshot_read(struct meta_tx *tx, void *snapshot, struct sw_err *err);
int service_snapshot_view(struct service_snapshot *s, struct sw_err *err);
