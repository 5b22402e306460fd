/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_endpoint.h - 169.254.170.2 as the containers of this instance see it: /v2/credentials/ID, /v3/ID and /v4/ID
 * with /task, /taskWithTags, /stats and /task/stats, and /api/ID.
 * Promise: an id is good only for the task that it is of: a request that comes over the bridge has to come from an address of that
 * task's containers, one over the loopback device has to be of a task in the host's network. At most 40 requests a second of one
 * task, 60 at a time, and as many that name no id of the task from one address of the bridge; at most four of a task that wait for the
 * control plane.
 * Life: opened before the engine, which has to know the URLs; serves once the engine is there; closed before it.
 * Threads: one owner. Expected errors of opening: none that is not told in the log; what cannot be had is left out of the URLs. */
#include "launcher/agent/task_engine.h"

struct task_endpoint_options {
    const char *data_dir;    /* keeps the port */
    const char *bridge_name; /* NULL: no bridge */
    const char *bridge_subnet;
    int rate, burst; /* requests of one task: a second, at a time; 0: 40, 60 */
};
struct task_endpoint;
struct task_endpoint *endpoint_open(const struct task_endpoint_options *o);
struct task_endpoint_urls endpoint_urls(const struct task_endpoint *p);
int endpoint_serve(struct task_endpoint *p, struct task_engine *e, struct sw_err *err);
/* Makes the rules anew that lead containers here, should somebody have taken them away. */
void endpoint_mend(struct task_endpoint *p);
/* Before the engine is freed. With `for_good` nothing is left that sends containers here. NULL ok. */
void endpoint_close(struct task_endpoint *p, bool for_good);
