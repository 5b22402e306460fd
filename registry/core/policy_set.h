/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/policy_set.h - the registry policies, one for an account in a region, compiled and in memory.
 * The truth is the registry setting "policy"; there are few, so all of them are read when the registry is opened.
 * Threads: a set is shared freely; whoever changes a row holds `change` from before the transaction until the copy follows. */
#include <pthread.h>

#include "auth/policy_document.h"
#include "auth/strmap.h"
#include "base/err.h"
#include "storage/meta/meta.h"

struct policy_set {
    pthread_mutex_t change;
    pthread_rwlock_t lock;   /* of documents */
    struct strmap documents; /* account/region */
};
void policy_set_init(struct policy_set *s);
void policy_set_done(struct policy_set *s);
int policy_set_load(struct policy_set *s, struct meta_db *db, struct sw_err *err);
/* Takes the reference; NULL removes. */
void policy_set_put(struct policy_set *s, const char *account, const char *region,
                    struct policy_document *document);
/* A new reference or NULL. */
struct policy_document *policy_set_get(struct policy_set *s, const char *account,
                                       const char *region);
