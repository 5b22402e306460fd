/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "storage/meta/meta_fault.h"
#include "tests/lib/test.h"

static int due(enum meta_fault_kind kind)
{
    struct sw_err err = SW_ERR_INIT;
    int r = meta_fault_due(kind, &err);
    CHECK_EQ_INT(err.code, r);
    return r;
}

TEST(nothing_fails_while_nothing_is_armed)
{
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), 0);
    CHECK_EQ_INT(due(META_FAULT_COMMIT), 0);
    CHECK(!meta_fault_disarm());
}

TEST(once_is_the_nth_call_of_the_kind_only)
{
    meta_fault_arm(META_FAULT_COMMIT, 2, false, ENOSPC);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), 0);
    CHECK_EQ_INT(due(META_FAULT_COMMIT), 0);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), 0);
    CHECK_EQ_INT(due(META_FAULT_COMMIT), SW_ELIMIT);
    CHECK_EQ_INT(due(META_FAULT_COMMIT), 0);
    CHECK(meta_fault_disarm());
    CHECK_EQ_INT(due(META_FAULT_COMMIT), 0);
}

TEST(for_good_is_the_nth_call_and_all_behind_it)
{
    meta_fault_arm(META_FAULT_STATEMENT, 2, true, EIO);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), 0);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), SW_EIO);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), SW_EIO);
    CHECK(meta_fault_disarm());
}

TEST(a_fault_beyond_the_calls_made_is_no_hit)
{
    meta_fault_arm(META_FAULT_STATEMENT, 3, false, EIO);
    CHECK_EQ_INT(due(META_FAULT_STATEMENT), 0);
    CHECK(!meta_fault_disarm());
}
