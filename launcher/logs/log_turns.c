/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_turns.c - lists are short (a few hundred), so each question walks them for each caller. */
#include "launcher/logs/log_turns.h"

#include "base/str.h"

bool log_turns_admit(size_t own, size_t total, size_t max)
{
    return total < max && own < max - total;
}

struct standing {
    size_t running;
    uint64_t last; /* turn; 0: none yet */
};

static struct standing standing_of(const struct log_turn *jobs, size_t n, const char *caller)
{
    struct standing s = {.running = 0};
    for (size_t i = 0; i < n; i++) {
        if (!sw_streq(jobs[i].caller, caller))
            continue;
        s.running += jobs[i].runs;
        if (jobs[i].began > s.last)
            s.last = jobs[i].began;
    }
    return s;
}

size_t log_turns_next(const struct log_turn *jobs, size_t n)
{
    size_t best = n;
    struct standing least = {.running = 0};
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].began > 0)
            continue;
        const struct standing s = standing_of(jobs, n, jobs[i].caller);
        if (best < n &&
            (s.running > least.running || (s.running == least.running && s.last >= least.last)))
            continue;
        best = i;
        least = s;
    }
    return best;
}

static int64_t size_of(const struct log_share *kept, size_t n, const char *caller)
{
    int64_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += sw_streq(kept[i].caller, caller) ? kept[i].size : 0;
    return size;
}

size_t log_turns_drop(const struct log_share *kept, size_t n)
{
    size_t first = 0;
    int64_t most = -1;
    for (size_t i = 0; i < n; i++) {
        const int64_t size = size_of(kept, n, kept[i].caller);
        if (size > most) {
            most = size;
            first = i;
        }
    }
    return first;
}
