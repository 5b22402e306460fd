/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/registry_auth.h - what a registry asks for by WWW-Authenticate: Basic, or a token of its token service (the
 * distribution project's "token authentication"), with a user name and password or without.
 * Promise: credentials go to the registry that a definition names and to the token service that this registry names; over TLS if the
 * registry is, and without it only on this machine or to the registry's own host. A token is asked for pulling one repository,
 * whatever the registry proposes, and kept until it expires. Threads: shared freely.
 * Expected errors: SW_EDENIED, SW_EUNAVAILABLE, SW_EINVALID, reason "CannotPullContainerError". */
#include <stdbool.h>

#include "base/err.h"
#include "base/httpc.h"
#include "launcher/agent/image_reference.h"

#define REGISTRY_TOKEN_MAX (32 * 1024)

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER, CHALLENGE_SCHEME_MAX_ };
struct registry_challenge {
    enum challenge_scheme scheme;
    char realm[1024], service[256];
};
/* Pure: of all WWW-Authenticate lines the one that we can answer best; Bearer before Basic. */
void registry_challenge_parse(const struct sw_buf *headers, struct registry_challenge *ret);

struct registry_auth;
struct registry_auth *registry_auth_new(struct httpc *borrowed);
void registry_auth_free(struct registry_auth *a);

/* The Authorization header that this repository took last; NULL: none is known. Owned. */
char *registry_auth_known(struct registry_auth *a, const struct image_reference *ref);
/* After a 401 of the registry itself: another header to try (1, owned by the caller), or 0 when there is none. */
int registry_auth_answer(struct registry_auth *a, const struct image_reference *ref,
                         const struct httpc_response *refused, const volatile int *cancelled,
                         char **ret, struct sw_err *err);
