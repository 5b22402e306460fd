/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/repo_store.h - repositories: their rows, and the object in memory that stands for each one in use.
 * A struct repo is a counted handle. It carries the generations that make cached answers stale: whoever changes rows of a
 * repository raises the right one after the commit. It also carries the compiled policy and the resource tags.
 * Threads: shared freely. Expected errors: RepositoryNotFoundException, RepositoryAlreadyExistsException,
 * RepositoryNotEmptyException. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/policy_document.h"
#include "base/err.h"
#include "registry/core/cache.h"
#include "registry/core/registry.h"
#include "registry/core/tag_rule.h"

struct repo_key {
    const char *account, *region, *name;
};

struct repo;
/* From memory, else one row is read. */
int repo_open(struct registry *reg, const struct repo_key *key, struct repo **ret,
              struct sw_err *err);
/* The same, but makes it when it is missing: as the creation template that fits says, else with default settings. */
int repo_open_or_create(struct registry *reg, const struct repo_key *key, struct repo **ret,
                        struct sw_err *err);
struct repo *repo_ref(struct repo *repo);
void repo_unref(struct repo *repo); /* NULL ok */

/* What decisions about a repository need beside its name. Immutable and counted: it stays what it is while somebody holds it, and
 * the repository gets another one when its policy or its resource tags change. */
struct repo_tag {
    char *key, *value;
};
struct repo_rules {
    struct cache_item item;
    struct policy_document *policy; /* or NULL */
    struct repo_tag *tags;
    size_t tags_n;
};
/* From memory; a new reference, never NULL. */
struct repo_rules *repo_rules(struct repo *repo);
void repo_rules_unref(struct repo_rules *rules); /* NULL ok */
/* A new reference or NULL: the compiled repository policy. */
struct policy_document *repo_policy(struct repo *repo);

struct repo_info {
    char *name; /* owned */
    int64_t created_at_us;
    enum repo_mutability mutability;
    char *settings; /* owned; JSON object */
    char *policy;   /* owned; or NULL */
};
void repo_info_done(struct repo_info *info);

/* settings: a JSON object's text, kept as given. *ret may be NULL. */
int repo_create(struct registry *reg, const struct repo_key *key, enum repo_mutability mutability,
                const char *settings, struct repo_info *ret, struct sw_err *err);
struct repo_new {
    enum repo_mutability mutability;
    const char *settings;
    const char *policy; /* or NULL; SW_EINVALID "MalformedPolicyDocument" */
};
int repo_create_with(struct registry *reg, const struct repo_key *key, const struct repo_new *what,
                     struct repo_info *ret, struct sw_err *err);
int repo_describe(struct registry *reg, const struct repo_key *key, struct repo_info *ret,
                  struct sw_err *err);
/* Takes manifests, tags and links with it; without force only if there is no manifest. */
int repo_delete(struct registry *reg, const struct repo_key *key, bool force, struct repo_info *ret,
                struct sw_err *err);
/* filters: see tag_is_fixed(); NULL for none. */
int repo_set_mutability(struct registry *reg, const struct repo_key *key,
                        enum repo_mutability mutability, const json_t *filters, struct sw_err *err);
/* text NULL removes it: RepositoryPolicyNotFoundException when there is none. *ret_old (owned, may be NULL) is what was there
 * before. SW_EINVALID "MalformedPolicyDocument". */
int repo_set_policy(struct registry *reg, const struct repo_key *key, const char *text,
                    char **ret_old, struct sw_err *err);
typedef int (*repo_settings_fn)(void *ctx, const char *settings, char **ret_new,
                                struct sw_err *err);
/* Lets fn change the policy as repo_update_settings() does the settings; a repository without one is left alone. */
int repo_update_policy(struct registry *reg, const struct repo_key *key, repo_settings_fn fn,
                       void *ctx, struct sw_err *err);
/* Reads the settings, lets fn change them (an owned new text in *ret_new, or NULL to leave them), writes them: one transaction,
 * so fn may run again. */
int repo_update_settings(struct registry *reg, const struct repo_key *key, repo_settings_fn fn,
                         void *ctx, struct sw_err *err);
/* Whether anyone may pull from it (member `public` of its settings). repo_is_public() answers from memory, false for what does not
 * exist. */
bool repo_is_public(struct registry *reg, const struct repo_key *key);
int repo_set_public(struct registry *reg, const struct repo_key *key, bool is_public,
                    struct sw_err *err);
/* Up to n repositories with names after `last` ("": from the start), in byte order. fn is called with NULL first, and again if
 * the reading has to start over: it then forgets what it got. Otherwise non-zero stops. */
int repo_list(struct registry *reg, const char *account, const char *region, const char *last,
              int64_t n, int (*fn)(void *ctx, const struct repo_info *info), void *ctx,
              struct sw_err *err);
