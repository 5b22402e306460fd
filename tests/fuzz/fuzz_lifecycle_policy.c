/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: registry/core base */
/* Input: the text of a lifecycle policy. What is accepted has rules in order, each with what its status needs, and its plan over a few
 * images is safe; what is not has a reason and a message. */
#include <assert.h>

#include "registry/core/lifecycle_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rules(const struct lifecycle_policy *p)
{
    assert(p->n >= 1 && p->n <= LIFECYCLE_RULES_MAX);
    for (size_t i = 0; i < p->n; i++) {
        const struct lifecycle_rule *r = &p->rules[i];
        assert(i == 0 || p->rules[i - 1].priority < r->priority);
        assert(r->priority >= 1 && r->number >= 1);
        assert((r->status == LIFECYCLE_TAGGED) == (r->tags_n > 0));
        assert(r->status != LIFECYCLE_ANY || i + 1 == p->n);
    }
}

static void check_plan(const struct lifecycle_policy *p)
{
    static const char *const tags[] = {"prod-1", "v2", "dev"};
    static const struct lifecycle_image images[] = {
        {.digest = "a", .tags = &tags[0], .tags_n = 2, .named = true, .pushed_at_us = 3},
        {.digest = "b", .pushed_at_us = 2},
        {.digest = "c", .tags = &tags[2], .tags_n = 1, .named = true, .held = true},
        {.digest = "d", .pushed_at_us = 1},
    };
    static const struct lifecycle_edge edges[] = {{0, 1, true}, {2, 3, false}};
    struct lifecycle_view view = {images, 4, edges, 2, 1LL << 60};
    struct lifecycle_plan plan;
    lifecycle_plan(p, &view, &plan);
    assert(!lifecycle_expires(&plan.decisions[2]) && !lifecycle_expires(&plan.decisions[3]));
    assert(lifecycle_expires(&plan.decisions[0]) == lifecycle_expires(&plan.decisions[1]));
    assert(plan.order_n == (lifecycle_expires(&plan.decisions[0]) ? 2u : 0u));
    lifecycle_plan_done(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_policy p;
    if (lifecycle_policy_parse(sw_str_n((const char *)data, size), &p, &err) < 0) {
        assert(err.reason && err.msg[0]);
        return 0;
    }
    check_rules(&p);
    check_plan(&p);
    lifecycle_policy_done(&p);
    return 0;
}
