/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/reference.h"

#include "base/macros.h"

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of the separator at the front of s: one '.', one or two '_', any number of '-'; 0: none. */
static size_t separator_length(struct sw_str s)
{
    if (s.n == 0)
        return 0;
    if (s.p[0] == '.')
        return 1;
    if (s.p[0] == '_')
        return s.n > 1 && s.p[1] == '_' ? 2 : 1;
    size_t n = 0;
    while (n < s.n && s.p[n] == '-')
        n++;
    return n;
}

static bool component_valid(struct sw_str s)
{
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < s.n && is_name_char(s.p[i]))
            i++;
        if (i == start)
            return false;
        if (i == s.n)
            return true;
        size_t n = separator_length(sw_str_slice(s, i, s.n));
        if (n == 0)
            return false;
        i += n;
    }
}

bool repo_name_valid(struct sw_str name)
{
    if (name.n < REPO_NAME_MIN || name.n > REPO_NAME_MAX)
        return false;
    struct sw_str rest = name, part;
    while (sw_str_split(&rest, '/', &part))
        if (!component_valid(part))
            return false;
    return true;
}

bool tag_valid(struct sw_str tag)
{
    if (tag.n == 0 || tag.n > TAG_MAX)
        return false;
    for (size_t i = 0; i < tag.n; i++) {
        char c = tag.p[i];
        bool word = is_name_char(c) || (c >= 'A' && c <= 'Z') || c == '_';
        if (!word && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

int reference_parse(struct sw_str s, struct reference *ret, struct sw_err *err)
{
    struct reference r = {0};
    if (s.n > 0 && memchr(s.p, ':', s.n)) {
        if (!digest_parse(s, &r.digest)) {
            sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest '" SW_STR_FMT "'",
                    (int)SW_MIN(s.n, (size_t)200), s.p);
            return sw_detail(err, SW_STR_FMT, (int)SW_MIN(s.n, (size_t)150), s.p);
        }
        r.is_digest = true;
        digest_format(&r.digest, r.text);
    } else {
        if (!tag_valid(s)) {
            sw_fail(err, SW_EINVALID, "TAG_INVALID", "invalid tag '" SW_STR_FMT "'",
                    (int)SW_MIN(s.n, (size_t)200), s.p);
            return sw_detail(err, SW_STR_FMT, (int)SW_MIN(s.n, (size_t)150), s.p);
        }
        (void)sw_str_copy(s, r.text, sizeof(r.text));
    }
    *ret = r;
    return 0;
}
