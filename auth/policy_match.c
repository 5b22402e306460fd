/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_match.h"

#include <assert.h>

#include "base/macros.h"

static bool special_variable(struct sw_str inner)
{
    return inner.n == 1 && (inner.p[0] == '*' || inner.p[0] == '?' || inner.p[0] == '$');
}

/* inner: what is between the braces. */
static const char *compile_variable(struct sw_arena *arena, struct sw_str inner,
                                    struct policy_piece *ret)
{
    const char *comma = inner.n ? memchr(inner.p, ',', inner.n) : NULL;
    struct sw_str name = inner;
    if (comma) {
        size_t at = (size_t)(comma - inner.p);
        struct sw_str text = sw_str_trim(sw_str_slice(inner, at + 1, inner.n));
        name = sw_str_slice(inner, 0, at);
        if (text.n < 2 || text.p[0] != '\'' || text.p[text.n - 1] != '\'')
            return "the default of a policy variable stands in single quotes: ${key, 'text'}";
        ret->fallback = sw_arena_str(arena, sw_str_slice(text, 1, text.n - 1));
    }
    name = sw_str_trim(name);
    if (name.n == 0)
        return "a policy variable without a name";
    ret->kind = POLICY_PIECE_VAR;
    ret->text = sw_str_n(sw_arena_str(arena, name), name.n);
    return NULL;
}

struct compiler {
    struct sw_arena *arena;
    struct policy_piece *pieces;
    size_t n, variables;
    char *text; /* of the literal run that is being collected */
    size_t text_n, text_used;
};

static void end_text(struct compiler *c)
{
    if (c->text_n == c->text_used)
        return;
    c->pieces[c->n++] =
        (struct policy_piece){.kind = POLICY_PIECE_TEXT,
                              .text = sw_str_n(c->text + c->text_used, c->text_n - c->text_used)};
    c->text_used = c->text_n;
}

static void add_wildcard(struct compiler *c, char ch)
{
    end_text(c);
    enum policy_piece_kind kind = ch == '*' ? POLICY_PIECE_ANY : POLICY_PIECE_ONE;
    if (kind == POLICY_PIECE_ANY && c->n && c->pieces[c->n - 1].kind == kind)
        return;
    c->pieces[c->n++] = (struct policy_piece){.kind = kind};
}

/* raw begins with "${"; *ret_n: how much of it was the variable. */
static const char *add_variable(struct compiler *c, struct sw_str raw, size_t *ret_n)
{
    const char *close = memchr(raw.p, '}', raw.n);
    if (!close)
        return "a policy variable without its closing brace";
    struct sw_str inner = sw_str_n(raw.p + 2, (size_t)(close - raw.p) - 2);
    *ret_n = inner.n + 3;
    if (special_variable(inner)) {
        c->text[c->text_n++] = inner.p[0];
        return NULL;
    }
    if (++c->variables > POLICY_GLOB_VARIABLES)
        return "too many policy variables in one value";
    end_text(c);
    return compile_variable(c->arena, inner, &c->pieces[c->n++]);
}

/* Upper bound of the pieces that raw can become. */
static size_t piece_bound(struct sw_str raw)
{
    size_t n = 1;
    for (size_t i = 0; i < raw.n; i++)
        n += raw.p[i] == '*' || raw.p[i] == '?' || raw.p[i] == '$' ? 2 : 0;
    return n;
}

static void set_shape(struct policy_glob *g)
{
    bool text = g->n && g->pieces[0].kind == POLICY_PIECE_TEXT;
    bool any = g->n && g->pieces[g->n - 1].kind == POLICY_PIECE_ANY;
    if (text)
        g->text = g->pieces[0].text;
    if (g->n == 0 || (g->n == 1 && text))
        g->shape = POLICY_GLOB_LITERAL;
    else if (g->n == 1 && any)
        g->shape = POLICY_GLOB_ALL;
    else if (g->n == 2 && text && any)
        g->shape = POLICY_GLOB_PREFIX;
}

const char *policy_glob_compile(struct sw_arena *arena, struct sw_str raw, unsigned flags,
                                struct policy_glob *ret)
{
    struct compiler c = {.arena = arena};
    c.pieces = sw_arena_alloc(arena, piece_bound(raw), sizeof(*c.pieces));
    c.text = sw_arena_alloc(arena, raw.n, 1);
    for (size_t i = 0; i < raw.n;) {
        char ch = raw.p[i];
        size_t used = 1;
        if ((flags & POLICY_GLOB_VARS) && ch == '$' && i + 1 < raw.n && raw.p[i + 1] == '{') {
            const char *problem = add_variable(&c, sw_str_slice(raw, i, raw.n), &used);
            if (problem)
                return problem;
        } else if ((flags & POLICY_GLOB_WILDCARDS) && (ch == '*' || ch == '?')) {
            add_wildcard(&c, ch);
        } else {
            c.text[c.text_n++] = ch;
        }
        i += used;
    }
    end_text(&c);
    *ret =
        (struct policy_glob){.pieces = c.pieces, .n = (unsigned)c.n, .variables = c.variables > 0};
    set_shape(ret);
    return NULL;
}

bool policy_glob_has_wildcards(const struct policy_glob *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->pieces[i].kind == POLICY_PIECE_ANY || g->pieces[i].kind == POLICY_PIECE_ONE)
            return true;
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool starts(const char *text, struct sw_str want, bool nocase)
{
    if (!nocase)
        return want.n == 0 || memcmp(text, want.p, want.n) == 0;
    for (size_t i = 0; i < want.n; i++) {
        if (lower(text[i]) != lower(want.p[i]))
            return false;
    }
    return true;
}

static size_t character(struct sw_str text, size_t at)
{
    size_t n = sw_utf8_sequence(text.p + at, text.n - at);
    return n ? n : 1;
}

static bool variable_value(const struct policy_piece *piece, const struct policy_vars *vars,
                           struct sw_str *ret)
{
    const struct policy_key *k = vars && vars->key ? vars->key(vars->ctx, piece->text.p) : NULL;
    if (k && k->values_n == 1 && !k->multi) {
        *ret = sw_str(k->values[0]);
        return true;
    }
    if ((k && k->values_n) || !piece->fallback)
        return false;
    *ret = sw_str(piece->fallback);
    return true;
}

/* values: of the variables, in order; p NULL: any text at all. */
static bool match_pieces(const struct policy_glob *g, const struct sw_str *values,
                         struct sw_str text, bool nocase)
{
    size_t pi = 0, ti = 0, vi = 0, star_pi = 0, star_ti = 0, star_vi = 0;
    bool star = false;
    for (;;) {
        const struct policy_piece *piece = pi < g->n ? &g->pieces[pi] : NULL;
        struct sw_str want = piece ? piece->text : (struct sw_str){0};
        bool ok = false, any = piece && piece->kind == POLICY_PIECE_ANY;
        if (piece && piece->kind == POLICY_PIECE_VAR) {
            want = values[vi++];
            any = !want.p;
        }
        if (!piece) {
            if (ti == text.n)
                return true;
        } else if (any) {
            if (pi + 1 == g->n)
                return true;
            star = ok = true;
            star_pi = ++pi;
            star_ti = ti;
            star_vi = vi;
        } else if (piece->kind == POLICY_PIECE_ONE) {
            ok = ti < text.n;
            ti += ok ? character(text, ti) : 0;
            pi++;
        } else {
            ok = text.n - ti >= want.n && starts(text.p + ti, want, nocase);
            ti += ok ? want.n : 0;
            pi++;
        }
        if (ok)
            continue;
        if (!star || star_ti >= text.n)
            return false;
        star_ti += character(text, star_ti);
        pi = star_pi;
        ti = star_ti;
        vi = star_vi;
    }
}

enum policy_match policy_glob_match(const struct policy_glob *g, struct sw_str text, bool nocase,
                                    const struct policy_vars *vars)
{
    struct sw_str values[POLICY_GLOB_VARIABLES];
    size_t n = 0;
    bool unresolved = false, same;
    switch (g->shape) {
    case POLICY_GLOB_ALL: return POLICY_MATCH;
    case POLICY_GLOB_LITERAL:
        same = text.n == g->text.n && starts(text.p, g->text, nocase);
        return same ? POLICY_MATCH : POLICY_NO_MATCH;
    case POLICY_GLOB_PREFIX:
        same = text.n >= g->text.n && starts(text.p, g->text, nocase);
        return same ? POLICY_MATCH : POLICY_NO_MATCH;
    case POLICY_GLOB_GENERAL: break;
    }
    for (size_t i = 0; i < g->n && g->variables; i++) {
        if (g->pieces[i].kind != POLICY_PIECE_VAR)
            continue;
        values[n] = (struct sw_str){0};
        if (!variable_value(&g->pieces[i], vars, &values[n++]))
            unresolved = true;
    }
    if (!match_pieces(g, values, text, nocase))
        return POLICY_NO_MATCH;
    return unresolved ? POLICY_UNRESOLVED : POLICY_MATCH;
}

void policy_arn_split(struct sw_str arn, struct policy_arn_text *ret)
{
    struct sw_str rest = arn;
    *ret = (struct policy_arn_text){.whole = arn};
    if (!sw_str_starts_with(arn, "arn:"))
        return;
    for (int i = 0; i < POLICY_ARN_PARTS - 1; i++) {
        if (!rest.p || !memchr(rest.p, ':', rest.n))
            return;
        (void)sw_str_split(&rest, ':', &ret->part[i]);
    }
    ret->part[POLICY_ARN_PARTS - 1] = rest;
    ret->valid = true;
}

/* The end of the part that begins at `from`: its colon outside of ${...}, or the text's end. */
static size_t part_end(struct sw_str raw, size_t from, bool variables)
{
    size_t i = from;
    while (i < raw.n && raw.p[i] != ':') {
        const char *close = NULL;
        if (variables && raw.p[i] == '$' && i + 1 < raw.n && raw.p[i + 1] == '{')
            close = memchr(raw.p + i, '}', raw.n - i);
        i = close ? (size_t)(close - raw.p) + 1 : i + 1;
    }
    return i;
}

const char *policy_arn_compile(struct sw_arena *arena, struct sw_str raw, bool variables,
                               struct policy_arn_glob *ret)
{
    unsigned flags = POLICY_GLOB_WILDCARDS | (variables ? POLICY_GLOB_VARS : 0);
    *ret = (struct policy_arn_glob){.kind = POLICY_ARN_ALL};
    if (sw_str_eq_z(raw, "*"))
        return NULL;
    if (!sw_str_starts_with(raw, "arn:")) {
        ret->kind = POLICY_ARN_WHOLE;
        return policy_glob_compile(arena, raw, flags, &ret->whole);
    }
    ret->kind = POLICY_ARN_SPLIT;
    size_t from = 0;
    for (int i = 0; i < POLICY_ARN_PARTS; i++) {
        bool last = i == POLICY_ARN_PARTS - 1;
        size_t end = last || from > raw.n ? raw.n : part_end(raw, from, variables);
        bool written = from <= raw.n;
        struct sw_str part = written ? sw_str_slice(raw, from, end) : SW_STR("*");
        const char *problem = policy_glob_compile(arena, part, flags, &ret->part[i]);
        if (problem)
            return problem;
        ret->parts_written += written;
        from = written ? end + 1 : from;
    }
    return NULL;
}

enum policy_match policy_arn_match(const struct policy_arn_glob *g,
                                   const struct policy_arn_text *arn,
                                   const struct policy_vars *vars)
{
    /* The resource part first: it tells most patterns apart. */
    static const unsigned char order[] = {5, 2, 3, 4, 1};
    switch (g->kind) {
    case POLICY_ARN_ALL: return POLICY_MATCH;
    case POLICY_ARN_NEVER: return POLICY_NO_MATCH;
    case POLICY_ARN_WHOLE: return policy_glob_match(&g->whole, arn->whole, false, vars);
    case POLICY_ARN_SPLIT: break;
    }
    if (!arn->valid)
        return POLICY_NO_MATCH;
    /* A part that cannot match decides, whatever a variable of another part would have been. */
    enum policy_match all = POLICY_MATCH;
    for (size_t i = 0; i < SW_ARRAY_LEN(order); i++) {
        enum policy_match m =
            policy_glob_match(&g->part[order[i]], arn->part[order[i]], false, vars);
        if (m == POLICY_NO_MATCH)
            return m;
        if (m == POLICY_UNRESOLVED)
            all = m;
    }
    return all;
}
