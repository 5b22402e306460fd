/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/usage.h - what this machine and its tasks use now: the input of SubmitMetrics (launcher/model/agent_protocol.h).
 * CPU is a mean since the sample before, so the first sample of anything has none. Threads: one. */
#include "launcher/agent/task_engine.h"

struct usage_sampler {
    json_t *before;        /* {task ARN: nanoseconds} */
    int64_t sampled_at_ms; /* monotonic; 0: never */
    int64_t busy, all;     /* of the machine, in the kernel's ticks */
    const char *proc_root; /* NULL: /proc */
};
void usage_done(struct usage_sampler *u);
/* {cpuUnits, memoryMiB, tasks}; owned by the caller. */
json_t *usage_sample(struct usage_sampler *u, struct task_engine *e, int64_t now_ms);
