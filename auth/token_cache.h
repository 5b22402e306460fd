/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/token_cache.h - what registry tokens said when they were opened. A client sends the same token with each request of a pull, and
 * opening its seal each time is a twentieth of what a small answer costs.
 * Promise: only what a token says is kept, which can never change; whether it holds now (its time, its user or role, its access key) is
 * asked by auth/token.h each time, so a credential that was revoked ends as soon as without a cache. Failures are not kept. A text
 * is known by a keyed hash of 128 bits under a random key, and is not kept itself. At most TOKEN_CACHE_SLOTS are known; a newcomer takes
 * the place of who was there.
 * Threads: shared freely. NULL is a cache that knows nothing. */
#include <stdbool.h>

#include "auth/session.h"
#include "base/str.h"

#define TOKEN_CACHE_SLOTS 256

enum token_form { TOKEN_BASIC, TOKEN_BEARER, TOKEN_FORM_MAX_ }; /* what the text is */

struct token_cache;
struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *c); /* NULL ok */

/* ret_scopes: room for TOKEN_SCOPES_MAX + 1. */
bool token_cache_find(struct token_cache *c, enum token_form form, struct sw_str text,
                      struct session_claims *ret, char *ret_scopes);
void token_cache_put(struct token_cache *c, enum token_form form, struct sw_str text,
                     const struct session_claims *claims, const char *scopes);
