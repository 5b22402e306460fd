/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/expire.h - rows that nobody needs any more: tasks and client tokens of yesterday, services, task sets and clusters that
 * ended, old deployments, activations that expired long ago.
 * Found by an index and deleted some hundreds at a time, each batch in a transaction of its own, so that others write in between;
 * what a call leaves, the next one takes.
 * Threads: any; two at once do no harm. Expected errors: those of the database. */
#include "launcher/service/service.h"

int expire_rows(struct launcher *l, struct sw_err *err);
