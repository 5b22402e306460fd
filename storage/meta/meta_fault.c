/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/meta/meta_fault.h"

#include <assert.h>
#include <stdatomic.h>

static struct {
    _Atomic bool armed;
    _Atomic uint64_t left; /* calls until the fault; wraps are not reachable */
    _Atomic uint64_t hits;
    enum meta_fault_kind kind;
    bool persistent;
    int errno_value;
} plan;

void meta_fault_arm(enum meta_fault_kind kind, uint64_t nth, bool persistent, int errno_value)
{
    assert(kind < META_FAULT_MAX_ && nth > 0 && errno_value > 0);
    plan.kind = kind;
    plan.persistent = persistent;
    plan.errno_value = errno_value;
    atomic_store(&plan.left, nth);
    atomic_store(&plan.hits, 0);
    atomic_store(&plan.armed, true);
}

bool meta_fault_disarm(void)
{
    atomic_store(&plan.armed, false);
    return atomic_load(&plan.hits) > 0;
}

static int due(enum meta_fault_kind kind, struct sw_err *err)
{
    if (!atomic_load(&plan.armed) || plan.kind != kind)
        return 0;
    uint64_t left = atomic_load(&plan.left);
    while (left > 0 && !atomic_compare_exchange_weak(&plan.left, &left, left - 1))
        continue;
    if (left > 1 || (left == 0 && !plan.persistent))
        return 0;
    atomic_fetch_add(&plan.hits, 1);
    return sw_fail_os(err, plan.errno_value, "injected fault");
}

int meta_fault_due(enum meta_fault_kind kind, struct sw_err *err)
{
    if (!atomic_load_explicit(&plan.armed, memory_order_relaxed))
        return 0;
    return due(kind, err);
}
