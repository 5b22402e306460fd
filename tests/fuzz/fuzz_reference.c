/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: registry/api registry/core base */
/* Input: a path, and at the same time a reference and a name.
 * Properties: what is accepted fits its grammar and its buffer; no accepted name or tag can leave a folder; a reference that parsed
 * parses again from its own text; a route's name is a valid one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "registry/api/oci_route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reference(struct sw_str s)
{
    struct sw_err err = SW_ERR_INIT;
    struct reference ref, again;
    if (reference_parse(s, &ref, &err) < 0)
        return;
    assert(strlen(ref.text) == s.n && memcmp(ref.text, s.p, s.n) == 0);
    assert(!strchr(ref.text, '/') && ref.text[0] != '.');
    assert(reference_parse(sw_str(ref.text), &again, &err) == 0 &&
           again.is_digest == ref.is_digest);
}

static void check_name(struct sw_str s)
{
    if (!repo_name_valid(s))
        return;
    assert(s.n >= REPO_NAME_MIN && s.n <= REPO_NAME_MAX);
    assert(s.p[0] != '/' && s.p[0] != '.' && s.p[s.n - 1] != '/');
    for (size_t i = 0; i + 1 < s.n; i++)
        assert(!(s.p[i] == '.' && s.p[i + 1] == '.') && !(s.p[i] == '/' && s.p[i + 1] == '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_str s = sw_str_n((const char *)data, size);
    struct sw_err err = SW_ERR_INIT;
    struct oci_route route;
    check_reference(s);
    check_name(s);
    char *path = malloc(size + 1);
    if (size)
        memcpy(path, data, size);
    path[size] = 0;
    if (oci_route_parse(path, &route, &err) == 0) {
        assert(memcmp(path, "/v2", 3) == 0);
        bool named = route.kind != OCI_PING && route.kind != OCI_CATALOG && route.kind != OCI_TOKEN;
        assert(named == repo_name_valid(sw_str(route.name)));
    }
    free(path);
    return 0;
}
