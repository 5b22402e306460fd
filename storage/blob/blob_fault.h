/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/blob/blob_fault.h - a store that fails on purpose, in front of a real one; for tests.
 * Every call of a driver's slot is one point, a commit is two: before anything happened, and after
 * all of it did while the answer is lost. Threads: arm and look at the counts while no call runs;
 * the rest as the store in front of which it stands. */
#include "storage/blob/blob.h"

struct blob_fault;

/* Takes `inner`. *ret is valid as long as the store returned. */
struct blob_store *blob_fault_wrap(struct blob_store *inner, struct blob_fault **ret);
/* The nth point (from 1) from now on fails as errno_value says: once, or it and all later ones.
 * nth 0: none. */
void blob_fault_arm(struct blob_fault *f, uint64_t nth, bool persistent, int errno_value);
uint64_t blob_fault_points(const struct blob_fault *f); /* passed since it was armed */
uint64_t blob_fault_hits(const struct blob_fault *f);   /* of them failed */
