/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/health.h - ECS container health: a pure state machine over the outcomes of its command.
 * A success makes it healthy at once, also inside the start period; failures inside the start period do not count; `retries`
 * failures in a row make it unhealthy. */
#include <stdbool.h>
#include <stdint.h>

#include "launcher/agent/task_plan.h"

struct health {
    enum container_health status;
    int failures; /* in a row */
    int64_t started_at_ms;
};
/* Returns true when the status changed. */
bool health_step(struct health *h, const struct health_check *check, bool success, int64_t now_ms);
/* argv of the command, NULL-terminated: "CMD" gives the rest, "CMD-SHELL" a shell with the rest, as Docker has it. NULL for neither.
 * Free the array; its strings are borrowed. */
const char **health_argv(const struct health_check *check);
