/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/public.h - which repositories anyone may pull from, by name and in memory: whoever has no credentials is answered
 * without a row being read, so neither the time nor the cost of an answer tells which other names exist.
 * The truth is the member `public` of a repository's settings document; this is a copy of the names where it is true.
 * Threads: a set is shared freely. Whoever changes rows holds `change` from before the transaction until the copy follows:
 * alone, or shared if it only makes a repository. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "auth/strmap.h"
#include "base/err.h"
#include "registry/core/repo_store.h"

struct public_set {
    pthread_rwlock_t change;
    pthread_rwlock_t lock; /* of names */
    struct strmap names;   /* account/region/name */
    atomic_size_t n;       /* of names: with none, nobody waits for the lock */
};
void public_set_init(struct public_set *s);
void public_set_done(struct public_set *s);
/* From the rows; after an error nothing is public. */
int public_set_load(struct public_set *s, struct meta_db *db, struct sw_err *err);
void public_set_put(struct public_set *s, const struct repo_key *key, bool is_public);
bool public_set_has(struct public_set *s, const struct repo_key *key);
/* What a settings document says. */
bool settings_are_public(const char *settings);
