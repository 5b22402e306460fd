/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/encode.h - hex, base64 and percent coding, strict on input. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

void sw_hex(const void *data, size_t n, char *out);    /* lower case, writes 2n+1 bytes */
int sw_hex_digit(char c);                              /* 0 to 15, either case, or -1 */
bool sw_unhex(struct sw_str hex, void *out, size_t n); /* exactly 2n digits, either case */

#define SW_BASE64_LEN(n) ((((n) + 2) / 3) * 4)
void sw_base64(const void *data, size_t n,
               char *out); /* RFC 4648 4, padded; writes SW_BASE64_LEN(n)+1 bytes */
void sw_base64url(const void *data, size_t n,
                  char *out); /* RFC 4648 5, unpadded; at most the same length */
/* Decodes either alphabet strictly (padding right or absent for url). False on a bad character,
 * length or if it needs more than cap bytes. */
bool sw_unbase64(struct sw_str s, void *out, size_t cap, size_t *ret_n);
bool sw_unbase64url(struct sw_str s, void *out, size_t cap, size_t *ret_n);

/* Percent-decodes into out (cap bytes, NUL-terminated). False on a bad escape, an encoded NUL, or
 * no room. plus_is_space: as in form bodies. */
bool sw_uri_decode(struct sw_str s, bool plus_is_space, char *out, size_t cap, size_t *ret_n);
/* All but letters, digits and the characters of `keep` as %XX, upper case; NUL-terminated. False: no room in cap bytes. */
bool sw_uri_encode(struct sw_str s, const char *keep, char *out, size_t cap);
