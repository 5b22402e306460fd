/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/health.c - ECS API reference, HealthCheck. */
#include "launcher/agent/health.h"

#include <string.h>

bool health_step(struct health *h, const struct health_check *check, bool success, int64_t now_ms)
{
    enum container_health before = h->status;
    if (success) {
        h->failures = 0;
        h->status = HEALTH_HEALTHY;
        return before != h->status;
    }
    bool starting = h->status == HEALTH_UNKNOWN &&
                    now_ms - h->started_at_ms < (int64_t)check->start_period_s * 1000;
    if (!starting && ++h->failures >= check->retries)
        h->status = HEALTH_UNHEALTHY;
    return before != h->status;
}

bool health_argv(const struct health_check *check, const char **argv, size_t cap)
{
    if (!check->command || !check->command[0] || !check->command[1])
        return false;
    if (strcmp(check->command[0], "CMD-SHELL") == 0) {
        if (cap < 4)
            return false;
        argv[0] = "/bin/sh";
        argv[1] = "-c";
        argv[2] = check->command[1];
        argv[3] = NULL;
        return true;
    }
    size_t n = 0;
    for (; check->command[n + 1]; n++) {
        if (n + 1 >= cap)
            return false;
        argv[n] = check->command[n + 1];
    }
    argv[n] = NULL;
    return strcmp(check->command[0], "CMD") == 0;
}
