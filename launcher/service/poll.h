/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/poll.h - answers to those who wait. Called without any lock held. */
#include "launcher/service/agents.h"

/* The instance's desired state changed and is committed. */
void poll_notify(struct launcher *l, const char *instance_id);
/* An instance has one agent. What still waits is of one that ended, and must not take requests for logs; or,
 * superseded, of one in whose place another has registered, and is told so. */
void poll_end_older(struct launcher *l, const char *instance_id, bool superseded);
void poll_answer_all(struct launcher *l, struct agents_waiter *list); /* takes the list */
void poll_fail_logs(struct agents_log *list);                         /* takes the list */
