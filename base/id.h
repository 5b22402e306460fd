/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/id.h - random identifiers from getrandom(2). Thread-safe; aborts if the kernel has no
 * randomness. */
#include <stddef.h>

void sw_random_bytes(void *out, size_t n);
void sw_random_hex(char *out, size_t n_digits);   /* n_digits lower-case hex digits and NUL */
void sw_random_base32(char *out, size_t n_chars); /* A-Z2-7: access key ids */
void sw_random_base64(char *out, size_t n_chars); /* A-Za-z0-9+/: secrets */
void sw_uuid(char out[37]);                       /* version 4 */
/* Not random: which boot of this machine this is; "" if the kernel does not say. */
void sw_boot_id(char out[37]);
