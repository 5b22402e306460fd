/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: registry/api registry/core base */
/* Input: scopes as a client asks for them.
 * Properties: a scope that parsed names a valid repository or the catalog; its own text parses to the same; it allows exactly the rights
 * that it has, for its own repository. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "registry/api/oci_scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scope(struct sw_str text)
{
    struct oci_scope scope, again;
    if (!oci_scope_parse(text, &scope))
        return;
    bool catalog = scope.name[0] == 0;
    assert(catalog || repo_name_valid(sw_str(scope.name)));
    assert(!(scope.rights & OCI_CATALOG_LIST) || catalog);
    struct sw_buf b = SW_BUF_INIT(1024);
    oci_scope_add(&b, &scope);
    if (scope.rights) {
        assert(oci_scope_parse(sw_buf_str(&b), &again));
        assert(again.rights == scope.rights && strcmp(again.name, scope.name) == 0);
        for (unsigned right = OCI_PULL; right <= OCI_CATALOG_LIST; right <<= 1)
            assert(oci_scopes_allow(b.p, scope.name, right) == ((scope.rights & right) != 0));
        assert(!oci_scopes_allow(b.p, "an/other", OCI_PULL) || strcmp(scope.name, "an/other") == 0);
    } else {
        assert(b.n == 0);
    }
    sw_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_str rest = sw_str_n((const char *)data, size), one;
    check_scope(rest);
    while (sw_str_split(&rest, ' ', &one))
        check_scope(one);
    return 0;
}
