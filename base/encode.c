/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include <string.h>

#include <stdint.h>

int sw_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void sw_hex(const void *data, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = 0;
}

bool sw_unhex(struct sw_str hex, void *out, size_t n)
{
    unsigned char *o = out;

    if (hex.n % 2 != 0 || hex.n / 2 != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = sw_hex_digit(hex.p[2 * i]), low = sw_hex_digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        o[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const void *data, size_t n, const char *alphabet, bool pad, char *out)
{
    const unsigned char *p = data;

    for (; n >= 3; n -= 3, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        *out++ = alphabet[v >> 6 & 63];
        *out++ = alphabet[v & 63];
    }
    if (n > 0) {
        uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
        *out++ = alphabet[v >> 18];
        *out++ = alphabet[v >> 12 & 63];
        if (n == 2)
            *out++ = alphabet[v >> 6 & 63];
        for (size_t i = n; pad && i < 3; i++)
            *out++ = '=';
    }
    *out = 0;
}

void sw_base64(const void *data, size_t n, char *out)
{
    encode(data, n, alphabet_std, true, out);
}

void sw_base64url(const void *data, size_t n, char *out)
{
    encode(data, n, alphabet_url, false, out);
}

static int base64_value(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

/* s has no padding any more. Bits beyond the last whole byte must be zero, so that each byte string
 * has one encoding (RFC 4648 section 3.5). */
static bool decode(struct sw_str s, const char *alphabet, void *out, size_t cap, size_t *ret_n)
{
    unsigned char *o = out;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;

    if (s.n % 4 == 1 || s.n / 4 * 3 + s.n % 4 * 3 / 4 > cap)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int v = base64_value(s.p[i], alphabet);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            o[n++] = (unsigned char)(bits >> held);
            bits &= (1U << held) - 1;
        }
    }
    if (bits != 0)
        return false;
    *ret_n = n;
    return true;
}

bool sw_unbase64(struct sw_str s, void *out, size_t cap, size_t *ret_n)
{
    if (s.n % 4 != 0)
        return false;
    for (int i = 0; i < 2 && s.n > 0 && s.p[s.n - 1] == '='; i++)
        s.n--;
    return decode(s, alphabet_std, out, cap, ret_n);
}

bool sw_unbase64url(struct sw_str s, void *out, size_t cap, size_t *ret_n)
{
    return decode(s, alphabet_url, out, cap, ret_n);
}

bool sw_uri_decode(struct sw_str s, bool plus_is_space, char *out, size_t cap, size_t *ret_n)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            unsigned char byte;
            if (!sw_unhex(sw_str_slice(s, i + 1, i + 3), &byte, 1))
                return false;
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == 0 || n + 1 >= cap)
            return false;
        out[n++] = c;
    }
    if (cap == 0)
        return false;
    out[n] = 0;
    if (ret_n)
        *ret_n = n;
    return true;
}

bool sw_uri_encode(struct sw_str s, const char *keep, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     (c && strchr(keep, c));
        if (n + (plain ? 1 : 3) >= cap)
            return false;
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    if (n >= cap)
        return false;
    out[n] = 0;
    return true;
}
