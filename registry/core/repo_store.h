/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/repo_store.h - repositories: their rows, and the object in memory that stands for each one in use.
 * A struct repo is a counted handle. It carries the generations that make cached answers stale: whoever changes rows of a
 * repository raises the right one after the commit.
 * Threads: shared freely. Expected errors: RepositoryNotFoundException, RepositoryAlreadyExistsException,
 * RepositoryNotEmptyException. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "registry/core/registry.h"

struct repo_key {
    const char *account, *region, *name;
};

struct repo;
/* From memory, else one row is read. */
int repo_open(struct registry *reg, const struct repo_key *key, struct repo **ret,
              struct sw_err *err);
/* The same, but makes it with default settings when it is missing. */
int repo_open_or_create(struct registry *reg, const struct repo_key *key, struct repo **ret,
                        struct sw_err *err);
struct repo *repo_ref(struct repo *repo);
void repo_unref(struct repo *repo); /* NULL ok */

struct repo_info {
    char *name; /* owned */
    int64_t created_at_us;
    bool immutable_tags;
    char *settings; /* owned; JSON object */
};
void repo_info_done(struct repo_info *info);

/* settings: a JSON object's text, kept as given. *ret may be NULL. */
int repo_create(struct registry *reg, const struct repo_key *key, bool immutable_tags,
                const char *settings, struct repo_info *ret, struct sw_err *err);
int repo_describe(struct registry *reg, const struct repo_key *key, struct repo_info *ret,
                  struct sw_err *err);
/* Takes manifests, tags and links with it; without force only if there is no manifest. */
int repo_delete(struct registry *reg, const struct repo_key *key, bool force, struct repo_info *ret,
                struct sw_err *err);
int repo_set_immutable_tags(struct registry *reg, const struct repo_key *key, bool immutable_tags,
                            struct sw_err *err);
/* Reads the settings, lets fn change them (an owned new text in *ret_new, or NULL to leave them), writes them: one transaction,
 * so fn may run again. */
typedef int (*repo_settings_fn)(void *ctx, const char *settings, char **ret_new,
                                struct sw_err *err);
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
