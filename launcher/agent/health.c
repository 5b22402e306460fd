/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/health.c - ECS API reference, HealthCheck. */
#include "launcher/agent/health.h"

#include <string.h>

#include "base/alloc.h"

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

const char **health_argv(const struct health_check *check)
{
    char **words = check->command;
    if (!words || !words[0] || !words[1])
        return NULL;
    bool shell = strcmp(words[0], "CMD-SHELL") == 0;
    if (!shell && strcmp(words[0], "CMD") != 0)
        return NULL;
    size_t count = 0, n = 0;
    while (words[count])
        count++;
    const char **argv = sw_calloc(count + 3, sizeof *argv);
    if (shell) {
        argv[n++] = "/bin/sh";
        argv[n++] = "-c";
    }
    for (size_t i = 1; i < count; i++)
        argv[n++] = words[i];
    return argv;
}
