/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/image_uses.h - tells the registry which of its images the launcher uses. The only place that knows which names of hosts mean
 * this registry.
 * Rule: <account>.dkr.ecr.<region>.<domain> is that account and region; a well-known registry of others is not ours; every other
 * host, or none, is ours, in the account and region that /v2/ has for a plain host name. A server cannot know by which names,
 * addresses and forwarded ports it is reached, and an image that is kept in vain costs less than one that is gone.
 * Threads: shared freely. */
#include "registry/core/lifecycle_run.h"

struct image_uses {
    const char *account, *region; /* of plain host names; borrowed */
};

/* The vtable over launcher/service; u is borrowed. */
struct image_holders image_uses_holders(struct image_uses *u);

struct image_name {
    char account[13], region[64], repository[257], tag[129];
    char digest[DIGEST_STRING_MAX]; /* "": by tag */
};
/* False: not an image of this registry. */
bool image_uses_resolve(const struct image_uses *u, const char *image, struct image_name *ret);
