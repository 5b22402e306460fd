/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_password.c - GetRandomPassword: every character of the set is equally likely; with
 * RequireEachIncludedType one of each kind is drawn first, and the whole is shuffled. */
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "launcher/secrets/secrets_internal.h"

#define LENGTH_DEFAULT 32
#define LENGTH_MAX     4096
#define KINDS          5

struct kind {
    char set[64];
    size_t n;
};

static size_t below(size_t n)
{
    uint32_t v, limit = UINT32_MAX - UINT32_MAX % (uint32_t)n;
    do
        sw_random_bytes(&v, sizeof v);
    while (v >= limit);
    return v % n;
}

static void add_kind(const json_t *in, const char *flag, bool present, const char *set,
                     struct kind *ret)
{
    const char *without = sw_json_str(in, "ExcludeCharacters", "");
    ret->n = 0;
    if (sw_json_bool(in, flag, false) == present)
        return;
    for (; *set; set++) {
        if (!strchr(without, *set))
            ret->set[ret->n++] = *set;
    }
}

static void draw(const struct kind kinds[KINDS], char *out, size_t n, bool each)
{
    char all[KINDS * 64];
    size_t all_n = 0, i = 0;
    for (size_t k = 0; k < KINDS; k++) {
        memcpy(all + all_n, kinds[k].set, kinds[k].n);
        all_n += kinds[k].n;
        if (each && kinds[k].n > 0)
            out[i++] = kinds[k].set[below(kinds[k].n)];
    }
    for (; i < n; i++)
        out[i] = all[below(all_n)];
    for (i = n; i > 1; i--) {
        size_t j = below(i);
        char c = out[i - 1];
        out[i - 1] = out[j];
        out[j] = c;
    }
    out[n] = 0;
}

int secret_random_password(const json_t *in, json_t *out, struct sw_err *err)
{
    struct kind kinds[KINDS];
    char text[LENGTH_MAX + 1];
    const json_t *length = json_object_get(in, "PasswordLength");
    size_t n = json_is_number(length) ? (size_t)json_number_value(length) : LENGTH_DEFAULT,
           used = 0, chars = 0;
    bool each = sw_json_bool(in, "RequireEachIncludedType", true);
    add_kind(in, "ExcludeLowercase", true, "abcdefghijklmnopqrstuvwxyz", &kinds[0]);
    add_kind(in, "ExcludeUppercase", true, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", &kinds[1]);
    add_kind(in, "ExcludeNumbers", true, "0123456789", &kinds[2]);
    add_kind(in, "ExcludePunctuation", true, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &kinds[3]);
    add_kind(in, "IncludeSpace", false, " ", &kinds[4]);
    for (size_t k = 0; k < KINDS; k++) {
        used += kinds[k].n > 0;
        chars += kinds[k].n;
    }
    if (chars == 0)
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "The password would have no characters: everything is excluded.");
    if (n < 1 || n > LENGTH_MAX || (each && n < used))
        return sw_fail(err, SW_EINVALID, "InvalidParameterException",
                       "A password of %zu characters cannot hold one of each of the %zu included "
                       "types.",
                       n, used);
    draw(kinds, text, n, each);
    sw_json_set_str(out, "RandomPassword", text);
    explicit_bzero(text, sizeof text);
    return 0;
}
