/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: auth storage/meta base */
/* Input: a web identity token, and the same bytes as a set of keys.
 * Properties: nothing is believed without a signature by a registered key, every refusal is a modelled one, and a set of keys is
 * either refused as a whole or has some that can verify. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/oidc.h"
#include "base/macros.h"

/* RFC 7515, appendix A.3. */
#define KEYS                                                 \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","          \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const clients[] = {"me"};
    const struct oidc_expect expect = {.issuer = "joe",
                                       .jwks = KEYS,
                                       .clients = clients,
                                       .clients_n = 1,
                                       .now_us = 1300819000LL * 1000000};
    struct sw_str text = sw_str_n((const char *)data, size);
    struct oidc_token token = {0};
    struct sw_err err = SW_ERR_INIT;
    char issuer[OIDC_ISSUER_MAX];
    size_t keys = 0;

    int r = oidc_verify(text, &expect, &token, &err);
    assert(r == SW_EDENIED && sw_streq(err.reason, "InvalidIdentityToken"));
    sw_err_clear(&err);
    r = oidc_issuer(text, issuer, &err);
    assert(r == 0 ? issuer[0] != 0 : r == SW_EDENIED);
    sw_err_clear(&err);
    sw_autofree char *jwks = sw_str_dup(text);
    r = oidc_check_jwks(jwks, &keys, &err);
    assert(r == 0 ? keys > 0 : r == SW_EINVALID && sw_streq(err.reason, "ValidationError"));
    return 0;
}
