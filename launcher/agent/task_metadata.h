/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task_metadata.h - what a container may ask about its task: ECS task metadata, version 4.
 * Internal to launcher/agent; called with the task's lock held. Answers are owned by the caller. */
#include "launcher/agent/task_engine_internal.h"

json_t *metadata_container(const struct task *t, size_t container);
json_t *metadata_task(const struct task *t, bool with_tags);
/* As Docker's stats, of one container; JSON null while there is none. */
json_t *metadata_stats(struct task *t, size_t container);
json_t *metadata_task_stats(struct task *t);
