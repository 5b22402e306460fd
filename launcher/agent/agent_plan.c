/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/agent_plan.c - the level-triggered half of agent_protocol.h. */
#include "launcher/agent/agent_plan.h"

#include <string.h>

static bool find_known(const struct plan_known *known, size_t n, const char *task, size_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(known[i].task, task) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static bool is_desired(const struct plan_desired *desired, size_t n, const char *task)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(desired[i].task, task) == 0)
            return true;
    return false;
}

size_t agent_plan(const struct plan_desired *desired, size_t desired_n,
                  const struct plan_known *known, size_t known_n, struct agent_action *actions)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < known_n; i++)
        if (!known[i].silent && !is_desired(desired, desired_n, known[i].task))
            actions[n++] = (struct agent_action){.kind = AGENT_FORGET, .index = i};
    for (size_t i = 0; i < desired_n; i++)
        if (desired[i].stopped && find_known(known, known_n, desired[i].task, &at) &&
            !known[at].stop_wanted && !known[at].finished)
            actions[n++] = (struct agent_action){.kind = AGENT_END, .index = i, .other = at};
    for (size_t i = 0; i < desired_n; i++) {
        if (find_known(known, known_n, desired[i].task, &at)) {
            if (known[at].finished && known[at].told)
                actions[n++] = (struct agent_action){.kind = AGENT_AGAIN, .index = i};
            continue;
        }
        /* One that ran before and is unknown here was lost with this instance's files: it must not run twice. */
        bool refuse = desired[i].stopped || desired[i].ran;
        actions[n++] =
            (struct agent_action){.kind = refuse ? AGENT_REFUSE : AGENT_BEGIN, .index = i};
    }
    return n;
}
