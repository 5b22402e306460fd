/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"

void sw_random_bytes(void *out, size_t n)
{
    unsigned char *p = out;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* an identifier that can be guessed is worse than no service */
        p += got;
        n -= (size_t)got;
    }
}

/* The alphabet's length is a power of two, so masking a byte picks every letter equally often. */
static void random_text(char *out, size_t n, const char *alphabet, unsigned mask)
{
    unsigned char bytes[64];

    for (size_t i = 0; i < n; i++) {
        if (i % sizeof(bytes) == 0)
            sw_random_bytes(bytes, SW_MIN(n - i, sizeof(bytes)));
        out[i] = alphabet[bytes[i % sizeof(bytes)] & mask];
    }
    out[n] = 0;
}

void sw_random_hex(char *out, size_t n_digits)
{
    random_text(out, n_digits, "0123456789abcdef", 15);
}

void sw_random_base32(char *out, size_t n_chars)
{
    random_text(out, n_chars, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 31);
}

void sw_random_base64(char *out, size_t n_chars)
{
    random_text(out, n_chars, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
                63);
}

void sw_uuid(char out[37])
{
    unsigned char bytes[16];
    char hex[33];
    size_t from = 0;

    sw_random_bytes(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* version 4, RFC 9562 section 5.4 */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* variant 10 */
    sw_hex(bytes, sizeof(bytes), hex);
    for (size_t i = 0; i < 36; i++)
        out[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : hex[from++];
    out[36] = 0;
}

void sw_boot_id(char out[37])
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(63);

    out[0] = 0;
    if (sw_read_file("/proc/sys/kernel/random/boot_id", &b, &ignored) == 0)
        (void)sw_str_copy(sw_str_slice(sw_buf_str(&b), 0, 36), out, 37);
}
