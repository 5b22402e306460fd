/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_json.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"

struct reader {
    struct sw_arena *arena;
    const char *p, *end;
    struct policy_position at;
    size_t nodes;
    struct policy_position problem_at;
    const char *problem;
};

static void *fail(struct reader *r, struct policy_position at, const char *problem)
{
    r->problem = problem;
    r->problem_at = at;
    return NULL;
}

static void step(struct reader *r)
{
    unsigned char c = (unsigned char)*r->p++;
    if (c == '\n') {
        r->at.line++;
        r->at.column = 1;
    } else if ((c & 0xC0) != 0x80) {
        r->at.column++;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && is_blank(*r->p))
        step(r);
}

static bool peek_is(const struct reader *r, char c)
{
    return r->p < r->end && *r->p == c;
}

static bool take(struct reader *r, char c)
{
    if (!peek_is(r, c))
        return false;
    step(r);
    return true;
}

static bool hex4(struct reader *r, unsigned *ret)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->p < r->end ? sw_hex_digit(*r->p) : -1;
        if (digit < 0)
            return false;
        v = v << 4 | (unsigned)digit;
        step(r);
    }
    *ret = v;
    return true;
}

static size_t put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* After "\u". Returns the bytes written, 0 when it is no character. */
static size_t read_unicode(struct reader *r, char *out)
{
    unsigned c, low;
    if (!hex4(r, &c) || c == 0 || (c >= 0xDC00 && c <= 0xDFFF))
        return 0;
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (!take(r, '\\') || !take(r, 'u') || !hex4(r, &low) || low < 0xDC00 || low > 0xDFFF)
            return 0;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    return put_utf8(out, c);
}

static size_t read_escape(struct reader *r, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->p >= r->end)
        return 0;
    char c = *r->p;
    const char *found = c ? strchr(from, c) : NULL;
    step(r);
    if (c == 'u')
        return read_unicode(r, out);
    if (!found)
        return 0;
    *out = to[found - from];
    return 1;
}

/* The closing quote's distance bounds the text: escapes only shrink. */
static size_t raw_length(const struct reader *r)
{
    const char *p = r->p;
    while (p < r->end && *p != '"')
        p += *p == '\\' && p + 1 < r->end ? 2 : 1;
    return (size_t)(p - r->p);
}

static bool read_string(struct reader *r, struct sw_str *ret)
{
    struct policy_position start = r->at;
    if (!take(r, '"'))
        return fail(r, start, "a string is expected here");
    char *out = sw_arena_alloc(r->arena, raw_length(r) + 1, 1);
    size_t n = 0;
    while (r->p < r->end && *r->p != '"') {
        struct policy_position at = r->at;
        size_t k;
        if (*r->p == '\\') {
            step(r);
            k = read_escape(r, out + n);
            if (k == 0)
                return fail(r, at,
                            "this is no JSON escape sequence, or it stands for no character");
        } else {
            k = sw_utf8_sequence(r->p, (size_t)(r->end - r->p));
            if (k == 0)
                return fail(r, at, "invalid UTF-8");
            if ((unsigned char)*r->p < 0x20)
                return fail(r, at, "a control character in a string");
            memcpy(out + n, r->p, k);
            for (size_t i = 0; i < k; i++)
                step(r);
        }
        n += k;
    }
    if (!take(r, '"'))
        return fail(r, start, "this string does not end");
    *ret = sw_str_n(out, n);
    return true;
}

static bool is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool digits(struct reader *r)
{
    bool any = is_digit(r);
    while (is_digit(r))
        step(r);
    return any;
}

static bool read_number(struct reader *r, struct sw_str *ret)
{
    struct policy_position start = r->at;
    const char *from = r->p;
    (void)take(r, '-');
    bool ok = peek_is(r, '0') ? take(r, '0') : digits(r);
    if (ok && take(r, '.'))
        ok = digits(r);
    if (ok && (take(r, 'e') || take(r, 'E'))) {
        if (!take(r, '+'))
            (void)take(r, '-');
        ok = digits(r);
    }
    if (!ok || is_digit(r))
        return fail(r, start, "this is no JSON value");
    struct sw_str raw = sw_str_n(from, (size_t)(r->p - from));
    *ret = sw_str_n(sw_arena_str(r->arena, raw), raw.n);
    return true;
}

static bool read_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        step(r);
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct policy_node *x = *(const struct policy_node *const *)a;
    const struct policy_node *y = *(const struct policy_node *const *)b;
    int c = sw_str_cmp(x->key, y->key);
    if (c)
        return c;
    return x->key_at.line != y->key_at.line ? (x->key_at.line < y->key_at.line ? -1 : 1)
                                            : (x->key_at.column < y->key_at.column ? -1 : 1);
}

/* Sorts, so that an object of a hundred thousand members costs no square. */
static bool keys_are_unique(struct reader *r, const struct policy_node *object)
{
    if (object->count < 2)
        return true;
    sw_autofree const struct policy_node **all =
        sw_realloc_array(NULL, object->count, sizeof(struct policy_node *));
    size_t n = 0;
    for (const struct policy_node *m = object->first; m; m = m->next)
        all[n++] = m;
    qsort(all, n, sizeof(struct policy_node *), by_key);
    for (size_t i = 1; i < n; i++) {
        if (sw_str_eq(all[i - 1]->key, all[i]->key))
            return fail(r, all[i]->key_at, "this key occurs twice in its object");
    }
    return true;
}

static struct policy_node *read_value(struct reader *r, int depth);

static bool read_children(struct reader *r, struct policy_node *parent, int depth)
{
    bool object = parent->type == POLICY_NODE_OBJECT;
    char close = object ? '}' : ']';
    struct policy_node **last = &parent->first;
    step(r);
    skip_blanks(r);
    while (!take(r, close)) {
        struct sw_str key = {0};
        struct policy_position key_at = {0};
        if (parent->count && !take(r, ','))
            return fail(r, r->at, "a comma or the closing bracket is expected here");
        skip_blanks(r);
        if (object) {
            key_at = r->at;
            if (!read_string(r, &key))
                return false;
            skip_blanks(r);
            if (!take(r, ':'))
                return fail(r, r->at, "a colon is expected here");
            skip_blanks(r);
        }
        struct policy_node *child = read_value(r, depth + 1);
        if (!child)
            return false;
        child->key = key;
        child->key_at = key_at;
        *last = child;
        last = &child->next;
        parent->count++;
        skip_blanks(r);
    }
    return !object || keys_are_unique(r, parent);
}

static bool read_scalar(struct reader *r, struct policy_node *node)
{
    struct policy_position at = r->at;
    if (peek_is(r, '"')) {
        node->type = POLICY_NODE_STRING;
        return read_string(r, &node->text);
    }
    if (read_word(r, "true") || read_word(r, "false")) {
        node->type = POLICY_NODE_BOOL;
        node->text = r->at.column - at.column == 4 ? SW_STR("true") : SW_STR("false");
        return true;
    }
    if (read_word(r, "null")) {
        node->type = POLICY_NODE_NULL;
        return true;
    }
    node->type = POLICY_NODE_NUMBER;
    return read_number(r, &node->text);
}

static struct policy_node *read_value(struct reader *r, int depth)
{
    if (r->p >= r->end)
        return fail(r, r->at, "the document ends too early");
    if (depth > LIMIT_POLICY_DEPTH)
        return fail(r, r->at, "nested too deeply for a policy");
    if (++r->nodes > LIMIT_POLICY_TOKENS)
        return fail(r, r->at, "too many values for a policy");
    struct policy_node *node = sw_arena_alloc(r->arena, 1, sizeof(*node));
    node->at = r->at;
    bool ok;
    if (*r->p == '{' || *r->p == '[') {
        node->type = *r->p == '{' ? POLICY_NODE_OBJECT : POLICY_NODE_ARRAY;
        ok = read_children(r, node, depth);
    } else {
        ok = read_scalar(r, node);
    }
    node->end = r->at;
    node->end.column -= node->end.column > 1;
    return ok ? node : NULL;
}

const struct policy_node *policy_json_parse(struct sw_arena *arena, struct sw_str text,
                                            struct policy_position *ret_where,
                                            const char **ret_problem)
{
    const char *p = text.n ? text.p : "";
    struct reader r = {.arena = arena, .p = p, .end = p + text.n, .at = {1, 1}};
    skip_blanks(&r);
    const struct policy_node *root = read_value(&r, 1);
    skip_blanks(&r);
    if (root && r.p < r.end)
        root = fail(&r, r.at, "there is more after the end of the document");
    if (!root) {
        *ret_where = r.problem_at;
        *ret_problem = r.problem;
    }
    return root;
}

const struct policy_node *policy_json_member(const struct policy_node *object, const char *key)
{
    for (const struct policy_node *m = object->first; m; m = m->next) {
        if (sw_str_eq_z(m->key, key))
            return m;
    }
    return NULL;
}
