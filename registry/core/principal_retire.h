/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/principal_retire.h - what the registry does before a user or role goes away or is renamed: repository policies,
 * registry policies and the policies in creation templates that name it by ARN name its unique id from then on.
 * Reads every stored policy once; rewrites those that name it, each in a transaction of its own: one that stops halfway has changed
 * no meaning. Threads: shared freely. Expected errors: those of the database. */
#include "base/err.h"
#include "registry/core/registry.h"

int registry_retire_principal(struct registry *reg, const char *arn, const char *unique_id,
                              struct sw_err *err);
