/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/service_loop.h - keeps every service as it shall be.
 * Level-triggered: a pass compares what the rows say now with what they said when each service was last planned, and goes round
 * (service_round.h) for those where something differs or whose time has come. What is remembered is only a shortcut: after a
 * restart every service is planned once. So whoever changes rows need not say what changed, only that something did; and
 * without any word the loop looks once a second.
 * It acts only while this server has the lease (lease.h), and gives it back when it stops. A service whose rows change with each plan
 * is planned 20 times a second at most.
 * Threads: one of its own. service_loop_wake may be called by any, also under locks. */
#include "launcher/service/service.h"

struct service_loop;
struct service_loop *service_loop_new(struct launcher *l); /* no thread yet */
int service_loop_start(struct service_loop *s, struct sw_err *err);
void service_loop_stop(struct service_loop *s); /* ends the thread; waking it is still allowed */
void service_loop_free(struct service_loop *s); /* NULL ok */
void service_loop_wake(struct service_loop *s); /* something changed and is committed; NULL ok */
uint64_t service_loop_rounds(const struct service_loop *s); /* plans made so far; any thread */
/* What the thread does, until nothing is left to do at this time. Not beside the thread. */
int service_loop_settle(struct service_loop *s, struct sw_err *err);
/* The rows were emptied: ids mean other services now. */
void service_loop_forget(struct service_loop *s); /* NULL ok */
