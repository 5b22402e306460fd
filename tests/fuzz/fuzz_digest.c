/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: base */
/* Input: a digest's text.
 * Properties: what parses prints to the same text; a parsed digest never holds a slash, a dot or an upper-case letter; the digest of
 * the input itself prints to what parses. */
#include <assert.h>
#include <string.h>

#include "base/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct digest d, again;
    char text[DIGEST_STRING_MAX];
    if (digest_parse(sw_str_n((const char *)data, size), &d)) {
        digest_format(&d, text);
        assert(strlen(text) == size && memcmp(text, data, size) == 0);
        assert(strspn(text, "sha256512:0123456789abcdef") == size);
    }
    for (int a = 0; a < DIGEST_MAX_; a++) {
        digest_of((enum digest_algorithm)a, data, size, &d);
        digest_format(&d, text);
        assert(digest_parse(sw_str(text), &again) && digest_equal(&again, &d));
    }
    return 0;
}
