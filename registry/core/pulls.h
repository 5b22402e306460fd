/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/pulls.h - when images were last pulled. A pull costs a look at a number in the cached manifest; only the first one in
 * PULLS_EVERY_US goes into a table in memory, and pulls_flush() writes that table's rows together.
 * Principals with an exclusion are in memory, so asking about one reads no row.
 * Promise: a recorded pull is at most PULLS_EVERY_US behind; those not flushed are lost in a crash.
 * Threads: shared freely. */
#include "auth/principal.h"
#include "registry/core/manifest_store.h"

#define PULLS_EVERY_US 600000000LL
#define PULLS_MAX      100000 /* that wait in memory; more are recorded at a later pull */

/* who: the pull of a principal with an exclusion (or of a session of a role with one) leaves no time: a scanner keeps no image. */
void pull_note(struct registry *reg, const struct repo *repo, struct stored_manifest *m,
               const struct principal *who);

/* Settings of a registry whose names are this and an ARN. Read again after each change of one. */
#define PULL_EXCLUSION_PREFIX "pull-time-exclusion:"
int pulls_load_exclusions(struct registry *reg, struct sw_err *err);

/* Writes what waits; nothing to write costs a lock. */
int pulls_flush(struct registry *reg, struct sw_err *err);
