/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_principal.h - the values of Principal and NotPrincipal: what they may look like.
 * "*"; {"AWS": account, ARN of root, user, role, role session, federated user, or a unique id}; {"Service": name};
 * {"Federated": provider}; {"CanonicalUser": id}. No wildcard inside a name or ARN. Pure. */
#include "auth/policy_compiled.h"

/* type: the key of the Principal object ("AWS"). False when the value has no such form. */
bool policy_principal_parse(struct sw_arena *arena, struct sw_str type, struct sw_str value,
                            struct policy_principal *ret);
bool policy_principal_type_known(struct sw_str type);
