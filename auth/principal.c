/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/principal.h"

#include <assert.h>

#include "base/macros.h"
#include "base/str.h"

static const char *const kind_names[PRINCIPAL_MAX_] = {
    [PRINCIPAL_ANONYMOUS] = "anonymous", [PRINCIPAL_USER] = "user", [PRINCIPAL_ADMIN] = "admin",
    [PRINCIPAL_NODE] = "node",           [PRINCIPAL_ROOT] = "root", [PRINCIPAL_ROLE] = "role",
    [PRINCIPAL_FEDERATED] = "federated",
};

const char *principal_kind_to_string(enum principal_kind k)
{
    assert((unsigned)k < PRINCIPAL_MAX_);
    return kind_names[k];
}

bool principal_kind_from_string(const char *s, enum principal_kind *ret)
{
    for (unsigned i = 0; i < PRINCIPAL_MAX_; i++) {
        if (sw_streq(s, kind_names[i])) {
            *ret = (enum principal_kind)i;
            return true;
        }
    }
    return false;
}

bool principal_kind_is_user(enum principal_kind k)
{
    return k == PRINCIPAL_USER || k == PRINCIPAL_ADMIN || k == PRINCIPAL_NODE;
}

struct principal principal_anonymous(void)
{
    return (struct principal){.kind = PRINCIPAL_ANONYMOUS};
}
