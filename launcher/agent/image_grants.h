/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/image_grants.h - to whom a registry gave a document (a manifest, a configuration) that is kept on this machine.
 * A name with a digest says nothing about rights: what is here is used again only by those whom the registry and repository that they
 * name would give it. One file a registry, repository and digest, CONTENT/grants-<hex>; in it the keyed hashes of whoever it was given
 * to, in whose place nobody can put a guess without this machine's key (CONTENT/grants.key, 0600).
 * Promise: a file that is missing or damaged means "nobody", so somebody is asked once more, never less.
 * Threads: shared freely. */
#include "base/digest.h"
#include "base/err.h"
#include "launcher/agent/image_reference.h"

enum image_grant {
    GRANT_UNKNOWN, /* that registry never sent this document from that repository */
    GRANT_OTHERS,  /* it did, to somebody else */
    GRANT_GIVEN,   /* to this one, or to a machine that showed nothing of anybody's */
    IMAGE_GRANT_MAX_
};
struct image_grants;
int image_grants_new(const char *content_dir, struct image_grants **ret, struct sw_err *err);
void image_grants_free(struct image_grants *g); /* NULL ok */

/* Whoever pulls is ref's `credentials`, `identity` or nobody in particular. */
enum image_grant image_grants_find(const struct image_grants *g, const struct image_reference *ref,
                                   const struct digest *document);
/* A failure to note it costs a request later. */
void image_grants_give(struct image_grants *g, const struct image_reference *ref,
                       const struct digest *document);
