/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/task_log_rights.h - whose execution role was found to have the right to write where its container's lines go, and when.
 * What was found holds for half a minute; so a right that is withdrawn has gone within a minute, and not every batch asks again.
 * Threads: shared freely. */
#include <stdbool.h>
#include <stdint.h>

struct task_log_rights;
struct task_log_rights *task_log_rights_new(void);
void task_log_rights_free(struct task_log_rights *r); /* NULL ok */
bool task_log_rights_known(struct task_log_rights *r, const char *task, const char *container,
                           int64_t now_us);
void task_log_rights_note(struct task_log_rights *r, const char *task, const char *container,
                          int64_t now_us);
