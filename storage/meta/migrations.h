/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* storage/meta/migrations.h - the numbered .sql files of migrations/ as they are part of the
 * program.
 * The build generates the array, sorted by number. A migration that was released is never edited: a
 * change of the schema is a new file. Each is applied in a transaction of its own and recorded in
 * the table schema_migration. */
#include <stddef.h>

#include "storage/meta/meta.h"

extern const struct meta_migration meta_migrations[];
extern const size_t meta_migrations_n;
