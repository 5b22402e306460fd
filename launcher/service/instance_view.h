/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/instance_view.h - container instances with what is reserved on them, as rows, as JSON and as plan_place's view.
 * Inside a transaction of the caller while reading; values afterwards. */
#include "launcher/plan/plan_place.h"
#include "launcher/service/instance_store.h"
#include "launcher/service/task_store.h"

struct instance_view {
    struct instance_row row;
    struct task_usage usage;
    json_t *document;
    int64_t cpu, memory_mib;         /* registered */
    uint16_t *tcp_ports, *udp_ports; /* reserved by the agent and used by tasks */
    size_t tcp_ports_n, udp_ports_n;
    struct plan_attribute *attributes; /* borrow from document */
    size_t attributes_n;
    json_t *group_counts;      /* NULL until instance_view_read_groups */
    struct plan_group *groups; /* borrow from group_counts */
    size_t groups_n;
    bool agent_connected;
    unsigned serves; /* bits of plan_launch */
};
void instance_view_done(struct instance_view *v);
/* Takes row (also on failure). */
int instance_view_read(struct meta_tx *tx, struct instance_row *row, struct instance_view *ret,
                       struct sw_err *err);
/* For placement that looks at them: the groups whose tasks are on it. */
int instance_view_read_groups(struct meta_tx *tx, struct instance_view *v, struct sw_err *err);
/* Where tasks of these launch types (bits of plan_launch) can go: instances of the cluster, for Fargate those of the whole account that are
 * marked for it. In the order of ids, *ret is owned; groups: with instance_view_read_groups. */
struct instance_scope {
    int64_t cluster_id;
    const char *account, *region;
    unsigned launch;
    bool groups;
};
int instance_views_read(struct meta_tx *tx, const struct instance_scope *scope,
                        struct instance_view **ret, size_t *ret_n, struct sw_err *err);
void instance_views_free(struct instance_view *views, size_t n);
/* An instance of ECS Anywhere: it takes tasks of launch type EXTERNAL, and no others. */
bool instance_view_external(const struct instance_view *v);
/* As DescribeContainerInstances answers it. */
json_t *instance_view_json(const struct instance_view *v, const char *arn, bool with_tags);
struct plan_instance instance_view_plan(const struct instance_view *v);
