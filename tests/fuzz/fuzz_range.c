/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: api base */
/* Input: a size as 8 bytes, then the value of a Range or Content-Range header.
 * Properties: a partial range lies within the size; a chunk range is ordered; what is printed from a result parses to it. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_download(const char *value, uint64_t total)
{
    uint64_t first = 1, last = 0, again_first, again_last;
    char text[64];

    if (http_range_parse(value, total, &first, &last) != HTTP_RANGE_PARTIAL)
        return;
    assert(first <= last && last < total);
    (void)snprintf(text, sizeof(text), "bytes=%" PRIu64 "-%" PRIu64, first, last);
    assert(http_range_parse(text, total, &again_first, &again_last) == HTTP_RANGE_PARTIAL);
    assert(again_first == first && again_last == last);
}

static void check_chunk(const char *value)
{
    uint64_t first, last, again_first, again_last;
    char text[64];

    if (!http_chunk_range_parse(value, &first, &last))
        return;
    assert(first <= last && last - first < UINT64_MAX);
    (void)snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, first, last);
    assert(http_chunk_range_parse(text, &again_first, &again_last));
    assert(again_first == first && again_last == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t total;

    if (size < sizeof(total))
        return 0;
    memcpy(&total, data, sizeof(total));
    char *value = malloc(size - sizeof(total) + 1);
    assert(value);
    memcpy(value, data + sizeof(total), size - sizeof(total));
    value[size - sizeof(total)] = 0;
    check_download(value, total);
    check_download(value, total % 4096);
    check_chunk(value);
    free(value);
    return 0;
}
