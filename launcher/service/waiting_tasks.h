/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/waiting_tasks.h - tasks that a capacity provider was asked for when nothing had room for them: they are rows without
 * an instance, PROVISIONING until one has. Nothing else is remembered; each look starts from the rows.
 * Promise: the oldest is asked first, none is placed twice, and a stop that comes first wins. */
#include "launcher/service/launcher.h"

#define WAITING_TASKS_MAX 500 /* of one cluster, as in ECS */

/* How many more may wait in the cluster. */
int waiting_tasks_room(struct meta_tx *tx, int64_t cluster_id, int *ret_room, struct sw_err *err);
/* Places those that find room now. 1: some did. SW_ESTALE: something moved on meanwhile, or this server does not
 * act (lease.h): ask again. */
int waiting_tasks_place(struct launcher *l, struct sw_err *err);
