/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/meta/meta_fault.h - tests make the Nth statement or commit fail.
 * One plan for the whole process, compiled in always; while none is armed it costs one relaxed
 * load. Drivers ask meta_fault_due() before a statement's first step and before a commit; an armed
 * plan answers with the error that the statement or commit then fails with, and the driver treats
 * it like one from the database: a failed statement takes the whole transaction with it (as a full
 * disk does), a failed commit is rolled back.
 * Threads: arm and disarm while no transaction runs; due is thread-safe. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum meta_fault_kind { META_FAULT_STATEMENT, META_FAULT_COMMIT, META_FAULT_MAX_ };

/* The nth call (from 1) of the kind from now on fails as errno_value says (ENOSPC, EIO): once, or
 * it and all later ones. */
void meta_fault_arm(enum meta_fault_kind kind, uint64_t nth, bool persistent, int errno_value);
/* Ends the plan. True if it made something fail. */
bool meta_fault_disarm(void);
/* 0: go on. Negative: fail with this error. */
int meta_fault_due(enum meta_fault_kind kind, struct sw_err *err);
