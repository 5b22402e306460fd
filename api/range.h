/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/range.h - byte ranges: the Range header of a download (RFC 9110 14.1.2) and the chunk form of the registry's uploads.
 * Pure functions of values. */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum http_range { HTTP_RANGE_FULL, HTTP_RANGE_PARTIAL, HTTP_RANGE_UNSATISFIABLE };

/* What to send of a representation of `size` bytes. PARTIAL fills first and last, both inclusive and below size.
 * FULL: no header (NULL), another unit, several ranges or a malformed value: the whole representation with 200.
 * UNSATISFIABLE: 416; also for `last < first`, which the distribution specification's suite wants refused.
 * An end past the size is cut. */
enum http_range http_range_parse(const char *value, uint64_t size, uint64_t *ret_first,
                                 uint64_t *ret_last);

/* Content-Range of an upload chunk: `first-last`, no unit, no total; `bytes ` before and `/total` behind are taken too.
 * False when malformed or last < first. */
bool http_chunk_range_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last);
