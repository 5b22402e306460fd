/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/registry_setting.h - what an account's registry in a region is set to: named values, and the registry policy.
 * Threads: shared freely. Expected errors: RegistryPolicyNotFoundException, MalformedPolicyDocument. */
#include <stdbool.h>
#include <stdint.h>

#include "auth/policy_document.h"
#include "base/err.h"
#include "registry/core/registry.h"

#define REGISTRY_SETTING_POLICY        "policy"
#define REGISTRY_SETTING_BLOB_MOUNTING "BLOB_MOUNTING" /* ENABLED (or not set) or DISABLED */

struct registry_key {
    const char *account, *region;
};

/* *ret (owned) is NULL when it is not set. */
int registry_setting_get(struct registry *reg, const struct registry_key *key, const char *name,
                         char **ret, struct sw_err *err);
/* *ret_new: there was none (may be NULL). */
int registry_setting_put(struct registry *reg, const struct registry_key *key, const char *name,
                         const char *value, bool *ret_new, struct sw_err *err);
int registry_setting_delete(struct registry *reg, const struct registry_key *key, const char *name,
                            bool *ret_existed, struct sw_err *err);
/* Up to n settings whose names begin with `prefix` and come after prefix + last, in byte order; fn gets what follows the prefix. fn
 * is called with NULL first (see repo_list); non-zero stops. */
int registry_setting_list(struct registry *reg, const struct registry_key *key, const char *prefix,
                          const char *last, int64_t n,
                          int (*fn)(void *ctx, const char *name, const char *value), void *ctx,
                          struct sw_err *err);

/* The registry policy, compiled, from memory: a new reference or NULL. */
struct policy_document *registry_policy(struct registry *reg, const struct registry_key *key);
/* text NULL removes it, which fails when there is none. *ret_old: owned, may be NULL. */
int registry_policy_set(struct registry *reg, const struct registry_key *key, const char *text,
                        char **ret_old, struct sw_err *err);
/* Lets fn see the registry policy and change it (an owned new text in *ret_new, or NULL); nothing happens when there is none. */
int registry_policy_update(struct registry *reg, const struct registry_key *key,
                           int (*fn)(void *ctx, const char *text, char **ret_new,
                                     struct sw_err *err),
                           void *ctx, struct sw_err *err);
