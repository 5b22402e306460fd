/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/agent_plan.h - what an answer of PollTasks asks of this instance: a function of values.
 * The answer is the whole desired state, so the same answer again asks for nothing. Pure. */
#include <stdbool.h>
#include <stddef.h>

struct plan_desired {
    const char *task; /* ARN */
    bool stopped;     /* desiredStatus */
    bool ran; /* knownStatus is RUNNING or later: some agent of this instance had started it */
};
struct plan_known {
    const char *task;
    bool stop_wanted, finished, silent;
    bool told; /* that it is finished, or it was let go */
};
enum agent_action_kind {
    AGENT_BEGIN,  /* desired[index]: a new task */
    AGENT_REFUSE, /* desired[index]: report it STOPPED without starting it */
    AGENT_END,    /* known[other] is to stop, as desired[index] says */
    AGENT_FORGET, /* known[index]: stop what runs, report nothing */
    AGENT_AGAIN, /* desired[index]: report once more that it is STOPPED; the control plane has older rows than it had */
};
struct agent_action {
    enum agent_action_kind kind;
    size_t index, other;
};
/* actions has room for desired_n + known_n. Returns how many there are. Ends come first: they make room. */
size_t agent_plan(const struct plan_desired *desired, size_t desired_n,
                  const struct plan_known *known, size_t known_n, struct agent_action *actions);
