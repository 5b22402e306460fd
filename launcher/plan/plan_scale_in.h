/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/plan_scale_in.h - which tasks of a service stop when it has too many.
 * In this order: tasks on instances that are not ACTIVE (or gone), tasks that are not RUNNING yet, then by the strategies turned
 * around: spread takes from the value with the most tasks, binpack from the instance with the most room, random draws. Ties: the instance with
 * the most tasks of the service. On one instance, and within the first two classes: the newest. Protected tasks are left out.
 * Without strategies of its own a service gives plan_service_strategies: from the zone with the most tasks, then the instance. */
#include "launcher/plan/plan_service.h"

/* Chooses up to k of tasks[from[0]], ... and writes their indices to ret (room for k); returns how many. */
size_t plan_scale_in(const struct plan_cluster *cluster, const struct plan_request *req,
                     const struct plan_task *tasks, const size_t *from, size_t n, size_t k,
                     int64_t now_us, struct sw_arena *a, size_t *ret);
