/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/core/rights.h - what the registry adds to a question of may(): the repository's policy, the registry's, and the
 * condition keys aws:ResourceTag/, ecr:ResourceTag/, aws:RequestTag/, aws:TagKeys and ecr:AccountSetting.
 * For callers without credentials only what is public is looked at, from memory: neither the time nor the cost of an answer
 * tells them which other names exist.
 * Threads: one question. Nothing fails: a repository that cannot be read has no policy of its own, which allows nothing.
 * Spec: Amazon ECR user guide, "Private repository policies", "Private registry permissions". */
#include <jansson.h>

#include "auth/policy.h"
#include "auth/policy_facts.h"
#include "registry/core/repo_store.h"

struct registry_rights {
    struct repo_rules *rules;
    struct policy_document *registry;
    struct policy_attached attached[2];
    const json_t *input;
    struct policy_facts facts;
};

/* Fills resource_public, the resource policies and `more` of the context, whose account and region must be there. key->name NULL
 * or "*": the registry itself. input: the operation's, with tags, tagKeys, name; or NULL. All of it stays until registry_rights_end(). */
void registry_rights_begin(struct registry *reg, const struct repo_key *key,
                           const struct principal *p, const json_t *input,
                           struct policy_context *context, struct registry_rights *ret);
void registry_rights_end(struct registry_rights *r, struct policy_context *context);
