/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/authorizer.h"

#include <stdlib.h>

#include "base/alloc.h"

struct authorizer {
    struct authorizer_options o;
};

struct authorizer *authorizer_new(const struct authorizer_options *o)
{
    struct authorizer *a = SW_NEW(struct authorizer);

    a->o = *o;
    return a;
}

void authorizer_free(struct authorizer *a)
{
    free(a);
}
