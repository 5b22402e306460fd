/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/creation_template.h - what a repository gets that is made by a push (or, later, by a pull through or a replication).
 * A template's prefix stands for the names below it: "team" for team/app; ROOT for all that no other prefix fits. The longest
 * prefix that fits is taken. It applies when the repository is made, never later.
 * A template's document is a JSON object with the API's names: description, appliedFor, imageTagMutability,
 * imageTagMutabilityExclusionFilters, resourceTags, encryptionConfiguration, repositoryPolicy, lifecyclePolicy, customRoleArn.
 * Threads: shared freely. Expected errors: TemplateNotFoundException, TemplateAlreadyExistsException. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "registry/core/registry_setting.h"
#include "registry/core/repo_store.h"

#define TEMPLATE_ROOT           "ROOT"
#define TEMPLATE_CREATE_ON_PUSH "CREATE_ON_PUSH"

struct creation_template {
    char *prefix;     /* owned */
    json_t *document; /* owned */
    int64_t created_at_us, updated_at_us;
};
void creation_template_done(struct creation_template *t);

/* The document is kept as given. *ret as after it. */
int creation_template_create(struct registry *reg, const struct registry_key *key,
                             const char *prefix, const json_t *document,
                             struct creation_template *ret, struct sw_err *err);
int creation_template_get(struct registry *reg, const struct registry_key *key, const char *prefix,
                          struct creation_template *ret, struct sw_err *err);
/* The members of `changes` replace those of the document. */
int creation_template_update(struct registry *reg, const struct registry_key *key,
                             const char *prefix, const json_t *changes,
                             struct creation_template *ret, struct sw_err *err);
int creation_template_delete(struct registry *reg, const struct registry_key *key,
                             const char *prefix, struct creation_template *ret, struct sw_err *err);
/* In byte order of their prefixes after `last`; fn is called with NULL first (see repo_list). */
int creation_template_list(struct registry *reg, const struct registry_key *key, const char *last,
                           int64_t n, int (*fn)(void *ctx, const struct creation_template *t),
                           void *ctx, struct sw_err *err);

/* The template for a new repository of that name and reason (TEMPLATE_CREATE_ON_PUSH). 1 found, 0 none. A few rows are read. */
int creation_template_match(struct registry *reg, const struct repo_key *key, const char *reason,
                            struct creation_template *ret, struct sw_err *err);
/* Whether a push may make this repository: by configuration, or because a template says so. */
int registry_creates_on_push(struct registry *reg, const struct repo_key *key, bool *ret,
                             struct sw_err *err);
