/* SPDX-License-Identifier: Apache-2.0 */
/* Thompson's construction: parse to a tree, write the tree as a program, run all threads of the program side by side.
 * 1. A thread is a position in the program; a position is in the set of threads at most once a byte: work <= bytes x program.
 * 2. The size of a tree's program is known before it is written, so a repetition cannot grow beyond the maximum. */
#include "base/pattern.h"

#include <assert.h>

#include "base/macros.h"

#define DEPTH_MAX 50

struct set {
    uint32_t bits[8];
};

enum node_kind { NODE_EMPTY, NODE_SET, NODE_THEN, NODE_EITHER, NODE_REPEAT, NODE_BEGIN, NODE_END };
struct node {
    enum node_kind kind;
    struct node *a, *b;
    struct set set;
    int min, max; /* max -1: without end */
    size_t size;  /* steps of its program */
};

enum step_op { STEP_SET, STEP_SPLIT, STEP_BEGIN, STEP_END, STEP_MATCH };
struct step {
    enum step_op op;
    uint16_t x, y; /* where to go on */
    struct set set;
};
struct sw_pattern {
    struct step *steps;
    size_t n;
};

struct parser {
    struct sw_str text;
    size_t at;
    int depth;
    bool fold; /* letters match in either case */
    struct sw_arena *arena;
    struct sw_err *err;
};

static void set_add(struct set *s, unsigned char c)
{
    s->bits[c / 32] |= 1u << (c % 32);
}

static bool set_has(const struct set *s, unsigned char c)
{
    return s->bits[c / 32] >> (c % 32) & 1;
}

static void set_add_range(struct set *s, int from, int to)
{
    for (int c = from; c <= to; c++)
        set_add(s, (unsigned char)c);
}

static void set_add_set(struct set *s, const struct set *more)
{
    for (int i = 0; i < 8; i++)
        s->bits[i] |= more->bits[i];
}

static void set_invert(struct set *s)
{
    for (int i = 0; i < 8; i++)
        s->bits[i] = ~s->bits[i];
}

/* With fold: the letters of either case, for each that is in the set. */
static void set_fold(struct set *s)
{
    for (int c = 'a'; c <= 'z'; c++) {
        const int upper = c - 'a' + 'A';
        if (set_has(s, (unsigned char)c) || set_has(s, (unsigned char)upper)) {
            set_add(s, (unsigned char)c);
            set_add(s, (unsigned char)upper);
        }
    }
}

static struct node *parse_either(struct parser *p);

static int fail(struct parser *p, const char *what)
{
    return p->err->code ? p->err->code
                        : sw_fail(p->err, SW_EINVALID, "InvalidParameterException", "%s", what);
}

static struct node *failed(struct parser *p, const char *what)
{
    (void)fail(p, what);
    return NULL;
}

static int peek(const struct parser *p)
{
    return p->at < p->text.n ? (unsigned char)p->text.p[p->at] : -1;
}

static bool accept(struct parser *p, char c)
{
    if (peek(p) != (unsigned char)c)
        return false;
    p->at++;
    return true;
}

static struct node *node_new(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = SW_ARENA_NEW(p->arena, struct node, 1);
    n->kind = kind;
    n->a = a;
    n->b = b;
    n->size = kind == NODE_EMPTY ? 0 : 1;
    if (kind == NODE_THEN)
        n->size = a->size + b->size;
    if (kind == NODE_EITHER)
        n->size = a->size + b->size + 1;
    return n->size <= SW_PATTERN_PROGRAM_MAX ? n : failed(p, "the regular expression is too large");
}

/* After a backslash: a class of signs, or the sign itself. */
static int parse_escape(struct parser *p, struct set *ret)
{
    int c = peek(p);
    bool negative = c == 'D' || c == 'W' || c == 'S';
    if (c < 0)
        return fail(p, "the regular expression ends after a backslash");
    p->at++;
    switch (c) {
    case 'd':
    case 'D': set_add_range(ret, '0', '9'); break;
    case 'w':
    case 'W':
        set_add_range(ret, '0', '9');
        set_add_range(ret, 'a', 'z');
        set_add_range(ret, 'A', 'Z');
        set_add(ret, '_');
        break;
    case 't': set_add(ret, '\t'); break;
    case 'n': set_add(ret, '\n'); break;
    case 'r': set_add(ret, '\r'); break;
    case 's':
    case 'S':
        set_add_range(ret, '\t', '\r');
        set_add(ret, ' ');
        break;
    default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            p->at--;
            return fail(p, "this escape of the regular expression is not supported");
        }
        set_add(ret, (unsigned char)c);
    }
    if (negative)
        set_invert(ret);
    return 0;
}

/* One member of [...]: a sign, or an escape; *ret_sign is -1 for a class of signs. */
static int parse_member(struct parser *p, struct set *ret, int *ret_sign)
{
    int c = peek(p);
    if (c < 0)
        return fail(p, "']' is missing in the regular expression");
    p->at++;
    *ret_sign = c;
    if (c != '\\') {
        set_add(ret, (unsigned char)c);
        return 0;
    }
    int escaped = peek(p);
    bool class = escaped >= 0 && strchr("dDwWsStnr", escaped);
    *ret_sign = class ? -1 : escaped;
    return parse_escape(p, ret);
}

static struct node *parse_set(struct parser *p)
{
    bool negative = accept(p, '^');
    struct node *n = node_new(p, NODE_SET, NULL, NULL);
    bool first = true;
    while (first || peek(p) != ']') {
        struct set member = {{0}}, last = {{0}};
        int from = 0, to = 0;
        first = false;
        if (parse_member(p, &member, &from) < 0)
            return NULL;
        if (peek(p) == '-' && p->at + 1 < p->text.n && p->text.p[p->at + 1] != ']') {
            p->at++;
            if (parse_member(p, &last, &to) < 0)
                return NULL;
            if (from < 0 || to < from)
                return failed(p, "a range of the regular expression runs backwards");
            set_add_range(&member, from, to);
        }
        set_add_set(&n->set, &member);
    }
    p->at++;
    if (p->fold)
        set_fold(&n->set);
    if (negative)
        set_invert(&n->set);
    return n;
}

static struct node *parse_group(struct parser *p)
{
    if (accept(p, '?') && !accept(p, ':'))
        return failed(p, "groups that begin with (? are not supported, except (?:");
    if (++p->depth > DEPTH_MAX)
        return failed(p, "the regular expression is nested too deeply");
    struct node *n = parse_either(p);
    p->depth--;
    if (n && !accept(p, ')'))
        return failed(p, "')' is missing in the regular expression");
    return n;
}

static struct node *parse_atom(struct parser *p)
{
    int c = peek(p);
    p->at++;
    if (c == '(')
        return parse_group(p);
    if (c == '[')
        return parse_set(p);
    if (c == '^' || c == '$')
        return node_new(p, c == '^' ? NODE_BEGIN : NODE_END, NULL, NULL);
    if (c == '*' || c == '+' || c == '?' || c == '{') {
        p->at--;
        return failed(p, "nothing to repeat in the regular expression");
    }
    struct node *n = node_new(p, NODE_SET, NULL, NULL);
    if (c == '.')
        set_add_range(&n->set, 0, 255);
    else if (c == '\\')
        return parse_escape(p, &n->set) < 0 ? NULL : n;
    else
        set_add(&n->set, (unsigned char)c);
    if (p->fold)
        set_fold(&n->set);
    return n;
}

static int parse_count(struct parser *p)
{
    int n = 0, digits = 0;
    while (peek(p) >= '0' && peek(p) <= '9' && n <= SW_PATTERN_REPEAT_MAX) {
        n = n * 10 + (peek(p) - '0');
        p->at++;
        digits++;
    }
    if (digits == 0)
        return fail(p, "a number is missing in {} of the regular expression");
    return n <= SW_PATTERN_REPEAT_MAX
               ? n
               : fail(p, "a repetition of the regular expression is too large");
}

/* {m} {m,} {m,n} after the brace. */
static int parse_braces(struct parser *p, int *ret_min, int *ret_max)
{
    int min = parse_count(p), max = min;
    if (min < 0)
        return min;
    if (accept(p, ',')) {
        max = peek(p) == '}' ? -1 : parse_count(p);
        if (p->err->code)
            return p->err->code;
    }
    if (!accept(p, '}'))
        return fail(p, "'}' is missing in the regular expression");
    if (max >= 0 && max < min)
        return fail(p, "a repetition of the regular expression runs backwards");
    *ret_min = min;
    *ret_max = max;
    return 0;
}

static struct node *parse_repeat(struct parser *p)
{
    struct node *n = parse_atom(p);
    while (n) {
        int min = 0, max = -1, c = peek(p);
        if (c != '*' && c != '+' && c != '?' && c != '{')
            break;
        p->at++;
        if (c == '+')
            min = 1;
        if (c == '?')
            max = 1;
        if (c == '{' && parse_braces(p, &min, &max) < 0)
            return NULL;
        (void)accept(p, '?');
        if (peek(p) == '+')
            return failed(p, "possessive repetition is not supported");
        size_t times = (size_t)(max < 0 ? min + 1 : max);
        size_t size = n->size * times + times + 1;
        struct node *r = node_new(p, NODE_REPEAT, n, NULL);
        r->min = min;
        r->max = max;
        r->size = size;
        n = size <= SW_PATTERN_PROGRAM_MAX ? r : failed(p, "the regular expression is too large");
    }
    return n;
}

static struct node *parse_then(struct parser *p)
{
    struct node *n = node_new(p, NODE_EMPTY, NULL, NULL);
    while (n && peek(p) >= 0 && peek(p) != '|' && peek(p) != ')') {
        struct node *next = parse_repeat(p);
        n = next ? node_new(p, NODE_THEN, n, next) : NULL;
    }
    return n;
}

static struct node *parse_either(struct parser *p)
{
    struct node *n = parse_then(p);
    while (n && accept(p, '|')) {
        struct node *next = parse_then(p);
        n = next ? node_new(p, NODE_EITHER, n, next) : NULL;
    }
    return n;
}

/* Writes a step and returns its place. Programs are written from their end to their beginning: each step knows what follows. */
static uint16_t emit(struct sw_pattern *p, enum step_op op, size_t x, size_t y)
{
    assert(p->n < SW_PATTERN_PROGRAM_MAX + 2);
    p->steps[p->n] = (struct step){.op = op, .x = (uint16_t)x, .y = (uint16_t)y};
    return (uint16_t)p->n++;
}

/* The place where node's program begins, which goes on at `next`. */
static uint16_t compile(struct sw_pattern *p, const struct node *n, uint16_t next)
{
    uint16_t at = next;
    switch (n->kind) {
    case NODE_EMPTY: return next;
    case NODE_THEN: return compile(p, n->a, compile(p, n->b, next));
    case NODE_EITHER:
        at = compile(p, n->a, next);
        return emit(p, STEP_SPLIT, at, compile(p, n->b, next));
    case NODE_BEGIN: return emit(p, STEP_BEGIN, next, 0);
    case NODE_END: return emit(p, STEP_END, next, 0);
    case NODE_SET:
        at = emit(p, STEP_SET, next, 0);
        p->steps[at].set = n->set;
        return at;
    case NODE_REPEAT: break;
    }
    if (n->max < 0) {
        at = emit(p, STEP_SPLIT, next, next);
        uint16_t body = compile(p, n->a, at);
        p->steps[at].x = body;
    }
    for (int i = n->min; i < n->max; i++)
        at = emit(p, STEP_SPLIT, compile(p, n->a, at), next);
    for (int i = 0; i < n->min; i++)
        at = compile(p, n->a, at);
    return at;
}

static int parse(struct sw_str text, bool fold, struct sw_arena *a, const struct sw_pattern **ret,
                 size_t *ret_at, struct sw_err *err)
{
    struct parser p = {.text = text, .fold = fold, .arena = a, .err = err};
    struct node *n = parse_either(&p);
    if (n && p.at < text.n)
        n = failed(&p, "')' has no '(' in the regular expression");
    if (!n) {
        *ret_at = p.at;
        return err->code;
    }
    struct sw_pattern *made = SW_ARENA_NEW(a, struct sw_pattern, 1);
    made->steps = SW_ARENA_NEW(a, struct step, n->size + 2);
    uint16_t match = emit(made, STEP_MATCH, 0, 0);
    uint16_t start = compile(made, n, match);
    assert(made->n <= n->size + 1);
    emit(made, STEP_SPLIT, start, start); /* the last step is where to begin */
    *ret = made;
    return 0;
}

int sw_pattern_parse(struct sw_str text, struct sw_arena *a, const struct sw_pattern **ret,
                     size_t *ret_at, struct sw_err *err)
{
    return parse(text, false, a, ret, ret_at, err);
}

int sw_pattern_parse_fold(struct sw_str text, struct sw_arena *a, const struct sw_pattern **ret,
                          size_t *ret_at, struct sw_err *err)
{
    return parse(text, true, a, ret, ret_at, err);
}

/* A set of places that is emptied in one assignment. */
struct threads {
    size_t n;
    uint16_t dense[SW_PATTERN_PROGRAM_MAX + 2], sparse[SW_PATTERN_PROGRAM_MAX + 2];
};

static bool threads_add(struct threads *t, uint16_t at)
{
    if (t->sparse[at] < t->n && t->dense[t->sparse[at]] == at)
        return false;
    t->sparse[at] = (uint16_t)t->n;
    t->dense[t->n++] = at;
    return true;
}

/* Follows the steps that read nothing, beginning at the threads there are; new ones join at the end. */
static void threads_follow(struct threads *t, const struct sw_pattern *p, bool begin, bool end)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct step *s = &p->steps[t->dense[i]];
        if (s->op == STEP_SPLIT || (s->op == STEP_BEGIN && begin) || (s->op == STEP_END && end))
            (void)threads_add(t, s->x);
        if (s->op == STEP_SPLIT)
            (void)threads_add(t, s->y);
    }
}

static bool has_match(const struct threads *t, const struct sw_pattern *p)
{
    for (size_t k = 0; k < t->n; k++) {
        if (p->steps[t->dense[k]].op == STEP_MATCH)
            return true;
    }
    return false;
}

/* anywhere: a thread begins at each byte, and the first that is through decides. */
static bool run(const struct sw_pattern *p, struct sw_str text, bool anywhere)
{
    struct threads a, b, *now = &a, *next = &b;
    const uint16_t start = (uint16_t)(p->n - 1);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    (void)threads_add(now, start);
    threads_follow(now, p, true, text.n == 0);
    for (size_t i = 0; i < text.n && now->n > 0; i++) {
        if (anywhere && has_match(now, p))
            return true;
        next->n = 0;
        for (size_t k = 0; k < now->n; k++) {
            const struct step *s = &p->steps[now->dense[k]];
            if (s->op == STEP_SET && set_has(&s->set, (unsigned char)text.p[i]))
                (void)threads_add(next, s->x);
        }
        if (anywhere)
            (void)threads_add(next, start);
        threads_follow(next, p, false, i + 1 == text.n);
        struct threads *spare = now;
        now = next;
        next = spare;
    }
    return has_match(now, p);
}

bool sw_pattern_matches(const struct sw_pattern *p, struct sw_str text)
{
    return run(p, text, false);
}

bool sw_pattern_found(const struct sw_pattern *p, struct sw_str text)
{
    return run(p, text, true);
}
