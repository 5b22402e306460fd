/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_pattern.c - a pattern becomes a list of terms or a tree of comparisons, over the values of a JSON
 * message or over the columns of a line. */
#include "launcher/logs/log_pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/pattern.h"

#define NODES_MAX   256
#define STEPS_MAX   32
#define DEPTH_MAX   32
#define JSON_DEPTH  64
#define JSON_VALUES 100000
#define NUMBER_TEXT 48
#define COLUMNS_MAX 64
#define FIELDS_MAX  1024 /* of a message; one with more matches no columns */
#define INVALID     "InvalidParameterException"

enum node_kind {
    NODE_REQUIRED,
    NODE_OPTIONAL,
    NODE_EXCLUDED,
    NODE_AND,
    NODE_OR,
    NODE_EQ,
    NODE_NE,
    NODE_LT,
    NODE_LE,
    NODE_GT,
    NODE_GE,
    NODE_IS_NULL,
    NODE_IS_TRUE,
    NODE_IS_FALSE,
    NODE_EXISTS,
    NODE_NOT_EXISTS
};

struct step {
    char *name;    /* NULL: an index */
    int64_t index; /* -1: any */
};

struct node {
    enum node_kind kind;
    struct node *left, *right;
    char *text; /* of a term, or to compare with; NULL with a regex */
    const struct sw_pattern *regex;
    size_t column;
    bool has_number;
    double number;
    struct step steps[STEPS_MAX];
    size_t steps_n;
};

struct log_pattern {
    bool json, columns;
    size_t columns_n,
        ellipsis; /* without the ellipsis; it stands before that column, beyond them: there is none */
    struct sw_arena arena;
    struct node *nodes[NODES_MAX];
    size_t n;
    struct node *root;
    bool only_optional;
};

struct parser {
    struct log_pattern *p;
    const char *text, *at;
    int depth;
    bool columns;
    struct sw_str column; /* the name of the one whose conditions are read; n 0: not said yet */
    struct sw_err *err;
};

static int fail_at(struct parser *ps, const char *what)
{
    return sw_fail(ps->err, SW_EINVALID, INVALID, "Invalid filter pattern at column %d: %s",
                   (int)(ps->at - ps->text) + 1, what);
}

static void skip_blanks(struct parser *ps)
{
    while (isspace((unsigned char)*ps->at))
        ps->at++;
}

static int new_node(struct parser *ps, enum node_kind kind, struct node **ret)
{
    if (ps->p->n == NODES_MAX)
        return fail_at(ps, "the pattern has too many parts");
    *ret = SW_NEW(struct node);
    (*ret)->kind = kind;
    ps->p->nodes[ps->p->n++] = *ret;
    return 0;
}

/* At a quote; what is between it and the next one, without the backslashes. */
static int parse_quoted(struct parser *ps, char **ret)
{
    const char quote = *ps->at++;
    char *out = sw_malloc(strlen(ps->at) + 1);
    size_t n = 0;
    while (*ps->at && *ps->at != quote) {
        if (*ps->at == '\\' && ps->at[1])
            ps->at++;
        out[n++] = *ps->at++;
    }
    out[n] = 0;
    if (!*ps->at) {
        free(out);
        return fail_at(ps, "the closing quote is missing");
    }
    ps->at++;
    *ret = out;
    return 0;
}

/* At a %; what is between it and the next one is a regular expression, in which \\% is a percent sign. */
static int parse_regex(struct parser *ps, const struct sw_pattern **ret)
{
    const char *from = ++ps->at;
    struct sw_err e = SW_ERR_INIT;
    size_t at = 0;
    while (*ps->at && *ps->at != '%')
        ps->at += *ps->at == '\\' && ps->at[1] ? 2 : 1;
    if (!*ps->at)
        return fail_at(ps, "the closing % is missing");
    if (ps->at == from)
        return fail_at(ps, "the regular expression is empty");
    const struct sw_str text = sw_str_n(from, (size_t)(ps->at - from));
    if (sw_pattern_parse(text, &ps->p->arena, ret, &at, &e) < 0) {
        ps->at = from + at;
        return fail_at(ps, e.msg);
    }
    ps->at++;
    return 0;
}

/* --- terms --- */

static bool is_term_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static int parse_term(struct parser *ps)
{
    enum node_kind kind = NODE_REQUIRED;
    struct node *node = NULL;
    if (*ps->at == '?' || *ps->at == '-')
        kind = *ps->at++ == '?' ? NODE_OPTIONAL : NODE_EXCLUDED;
    int r = new_node(ps, kind, &node);
    if (r < 0)
        return r;
    if (*ps->at == '"')
        return parse_quoted(ps, &node->text);
    if (*ps->at == '%')
        return parse_regex(ps, &node->regex);
    const char *from = ps->at;
    while (is_term_char(*ps->at))
        ps->at++;
    if (ps->at == from || (*ps->at && !isspace((unsigned char)*ps->at)))
        return fail_at(ps, "terms with characters other than letters, digits and _ must be in "
                           "double quotes");
    node->text = sw_strndup(from, (size_t)(ps->at - from));
    return 0;
}

static int parse_terms(struct parser *ps)
{
    int r = 0;
    for (skip_blanks(ps); r == 0 && *ps->at; skip_blanks(ps))
        r = parse_term(ps);
    ps->p->only_optional = ps->p->n > 0;
    for (size_t i = 0; i < ps->p->n; i++)
        ps->p->only_optional &= ps->p->nodes[i]->kind == NODE_OPTIONAL;
    return r;
}

static bool contains(struct sw_str message, const struct node *t)
{
    return t->regex ? sw_pattern_found(t->regex, message)
                    : memmem(message.p, message.n, t->text, strlen(t->text)) != NULL;
}

static bool terms_match(const struct log_pattern *p, struct sw_str message)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct node *t = p->nodes[i];
        if (t->kind == NODE_OPTIONAL && !p->only_optional)
            continue;
        const bool found = contains(message, t);
        if (t->kind == NODE_OPTIONAL && found)
            return true;
        if (t->kind != NODE_OPTIONAL && found == (t->kind == NODE_EXCLUDED))
            return false;
    }
    return !p->only_optional;
}

/* --- JSON: parsing --- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static int parse_brackets(struct parser *ps, struct step *ret)
{
    int r = 0;
    ps->at++;
    if (*ps->at == '"' || *ps->at == '\'') {
        r = parse_quoted(ps, &ret->name);
    } else if (*ps->at == '*') {
        ret->index = -1;
        ps->at++;
    } else {
        const char *from = ps->at;
        while (isdigit((unsigned char)*ps->at))
            ps->at++;
        if (!sw_parse_i64(sw_str_n(from, (size_t)(ps->at - from)), &ret->index))
            return fail_at(ps, "an index, * or a quoted name is expected");
    }
    if (r == 0 && *ps->at != ']')
        return fail_at(ps, "']' is expected");
    ps->at += r == 0;
    return r;
}

static int parse_path(struct parser *ps, struct node *node)
{
    int r = 0;
    if (*ps->at != '$')
        return fail_at(ps, "a property selector that begins with $ is expected");
    ps->at++;
    while (r == 0 && (*ps->at == '.' || *ps->at == '[')) {
        if (node->steps_n == STEPS_MAX)
            return fail_at(ps, "the property selector is too long");
        struct step *step = &node->steps[node->steps_n++];
        ps->at += *ps->at == '.';
        if (*ps->at == '[') {
            r = parse_brackets(ps, step);
            continue;
        }
        const char *from = ps->at;
        while (is_name_char(*ps->at))
            ps->at++;
        if (ps->at == from)
            return fail_at(ps, "the name of a property is expected");
        step->name = sw_strndup(from, (size_t)(ps->at - from));
    }
    return r;
}

static bool take_word(struct parser *ps, const char *word)
{
    const size_t n = strlen(word);
    if (strncasecmp(ps->at, word, n) != 0 || is_name_char(ps->at[n]))
        return false;
    ps->at += n;
    skip_blanks(ps);
    return true;
}

static int parse_value(struct parser *ps, struct node *node)
{
    if (*ps->at == '"' || *ps->at == '\'')
        return parse_quoted(ps, &node->text);
    if (*ps->at == '%' && node->kind != NODE_EQ && node->kind != NODE_NE)
        return fail_at(ps, "a regular expression can be compared with = and != only");
    if (*ps->at == '%')
        return parse_regex(ps, &node->regex);
    const char *from = ps->at;
    while (*ps->at && !isspace((unsigned char)*ps->at) &&
           !strchr(ps->columns ? "()&|=<>!\",]" : "(){}&|=<>!\"", *ps->at))
        ps->at++;
    if (ps->at == from)
        return fail_at(ps, "a value is expected");
    node->text = sw_strndup(from, (size_t)(ps->at - from));
    char *end;
    node->number = strtod(node->text, &end);
    node->has_number = *end == 0 && !isalpha((unsigned char)node->text[0]);
    return 0;
}

/* 1: no operator stands here. */
static int parse_operator(struct parser *ps, struct node *node)
{
    static const struct {
        const char *text;
        enum node_kind kind;
    } operators[] = {{"!=", NODE_NE}, {"<=", NODE_LE}, {">=", NODE_GE}, {"==", NODE_EQ},
                     {"=", NODE_EQ},  {"<", NODE_LT},  {">", NODE_GT}};
    for (size_t i = 0; i < SW_ARRAY_LEN(operators); i++) {
        const size_t n = strlen(operators[i].text);
        if (strncmp(ps->at, operators[i].text, n) != 0)
            continue;
        node->kind = operators[i].kind;
        ps->at += n;
        skip_blanks(ps);
        return parse_value(ps, node);
    }
    return 1;
}

static int parse_comparison(struct parser *ps, struct node **ret)
{
    int r = new_node(ps, NODE_EQ, ret);
    if (r < 0 || (r = parse_path(ps, *ret)) < 0)
        return r;
    skip_blanks(ps);
    if (take_word(ps, "IS")) {
        (*ret)->kind = take_word(ps, "NULL")    ? NODE_IS_NULL
                       : take_word(ps, "TRUE")  ? NODE_IS_TRUE
                       : take_word(ps, "FALSE") ? NODE_IS_FALSE
                                                : NODE_AND;
        return (*ret)->kind == NODE_AND ? fail_at(ps, "NULL, TRUE or FALSE is expected") : 0;
    }
    const bool negated = take_word(ps, "NOT");
    if (take_word(ps, "EXISTS")) {
        (*ret)->kind = negated ? NODE_NOT_EXISTS : NODE_EXISTS;
        return 0;
    }
    r = negated ? 1 : parse_operator(ps, *ret);
    return r == 1 ? fail_at(ps, "a comparison is expected") : r;
}

/* The name of a column, alone or compared with a value. */
static int parse_column(struct parser *ps, struct node **ret)
{
    const char *from = ps->at;
    int r = new_node(ps, NODE_EXISTS, ret);
    if (r < 0)
        return r;
    while (is_name_char(*ps->at))
        ps->at++;
    const struct sw_str name = sw_str_n(from, (size_t)(ps->at - from));
    if (name.n == 0)
        return fail_at(ps, "the name of a column is expected");
    if (ps->column.n > 0 && !sw_str_eq(ps->column, name)) {
        ps->at = from;
        return fail_at(ps, "the conditions of one column name no other");
    }
    ps->column = name;
    (*ret)->column = ps->p->columns_n;
    skip_blanks(ps);
    r = parse_operator(ps, *ret);
    return r == 1 ? 0 : r;
}

static int parse_or(struct parser *ps, struct node **ret);

static int parse_primary(struct parser *ps, struct node **ret)
{
    skip_blanks(ps);
    if (*ps->at != '(')
        return ps->columns ? parse_column(ps, ret) : parse_comparison(ps, ret);
    if (++ps->depth > DEPTH_MAX)
        return fail_at(ps, "too many parentheses");
    ps->at++;
    int r = parse_or(ps, ret);
    if (r < 0)
        return r;
    skip_blanks(ps);
    if (*ps->at != ')')
        return fail_at(ps, "')' is expected");
    ps->at++;
    ps->depth--;
    return 0;
}

/* next (operator next)*, from the left. */
static int parse_chain(struct parser *ps, const char *operator, enum node_kind kind,
                       int (*next)(struct parser *, struct node **), struct node **ret)
{
    int r = next(ps, ret);
    for (skip_blanks(ps); r == 0 && strncmp(ps->at, operator, 2) == 0; skip_blanks(ps)) {
        struct node *both = NULL;
        ps->at += 2;
        if ((r = new_node(ps, kind, &both)) < 0)
            return r;
        both->left = *ret;
        r = next(ps, &both->right);
        *ret = both;
    }
    return r;
}

static int parse_and(struct parser *ps, struct node **ret)
{
    return parse_chain(ps, "&&", NODE_AND, parse_primary, ret);
}

static int parse_or(struct parser *ps, struct node **ret)
{
    return parse_chain(ps, "||", NODE_OR, parse_and, ret);
}

static int parse_json(struct parser *ps)
{
    ps->p->json = true;
    ps->at++;
    int r = parse_or(ps, &ps->p->root);
    if (r < 0)
        return r;
    skip_blanks(ps);
    if (*ps->at != '}')
        return fail_at(ps, "&&, || or '}' is expected");
    ps->at++;
    skip_blanks(ps);
    return *ps->at ? fail_at(ps, "nothing may follow the '}'") : 0;
}

/* --- columns --- */

static int add_column(struct parser *ps)
{
    struct node *node = NULL, *both = NULL;
    if (ps->p->columns_n == COLUMNS_MAX)
        return fail_at(ps, "there are too many columns");
    ps->column = sw_str_n(NULL, 0);
    int r = parse_or(ps, &node);
    if (r == 0 && ps->p->root && (r = new_node(ps, NODE_AND, &both)) == 0) {
        both->left = ps->p->root;
        both->right = node;
    }
    if (r == 0)
        ps->p->root = both ? both : node;
    ps->p->columns_n++;
    return r;
}

static int parse_columns(struct parser *ps)
{
    int r = 0;
    ps->p->columns = ps->columns = true;
    ps->p->ellipsis = COLUMNS_MAX + 1;
    do {
        ps->at++;
        skip_blanks(ps);
        if (strncmp(ps->at, "...", 3) == 0) {
            if (ps->p->ellipsis <= COLUMNS_MAX)
                return fail_at(ps, "there can be one ... only");
            ps->p->ellipsis = ps->p->columns_n;
            ps->at += 3;
        } else {
            r = add_column(ps);
        }
        if (r < 0)
            return r;
        skip_blanks(ps);
    } while (*ps->at == ',');
    if (*ps->at != ']')
        return fail_at(ps, "',' or ']' is expected");
    ps->at++;
    skip_blanks(ps);
    return *ps->at ? fail_at(ps, "nothing may follow the ']'") : 0;
}

int log_pattern_parse(const char *text, struct log_pattern **ret, struct sw_err *err)
{
    struct log_pattern *p = SW_NEW(struct log_pattern);
    struct parser ps = {.p = p, .text = text, .at = text, .err = err};
    skip_blanks(&ps);
    int r = *ps.at == '{' ? parse_json(&ps) : *ps.at == '[' ? parse_columns(&ps) : parse_terms(&ps);
    if (r < 0)
        log_pattern_free(p);
    else
        *ret = p;
    return r;
}

void log_pattern_free(struct log_pattern *p)
{
    for (size_t i = 0; p && i < p->n; i++) {
        for (size_t k = 0; k < p->nodes[i]->steps_n; k++)
            free(p->nodes[i]->steps[k].name);
        free(p->nodes[i]->text);
        free(p->nodes[i]);
    }
    if (p)
        sw_arena_done(&p->arena);
    free(p);
}

/* --- JSON: matching --- */

/* Each * stands for any number of characters. */
static bool wildcard(const char *pattern, struct sw_str text)
{
    const char *star = NULL;
    for (size_t at = 0, again = 0; at < text.n;) {
        if (*pattern == '*') {
            star = pattern++;
            again = at;
        } else if (*pattern == text.p[at] && *pattern) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star + 1;
            at = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

static bool text_is(const struct node *n, struct sw_str text)
{
    return n->regex ? sw_pattern_found(n->regex, text) : wildcard(n->text, text);
}

static bool text_equals(const struct node *n, const json_t *v)
{
    char number[NUMBER_TEXT];
    if (json_is_string(v))
        return text_is(n, sw_str_n(json_string_value(v), json_string_length(v)));
    if (json_is_boolean(v))
        return text_is(n, sw_str(json_is_true(v) ? "true" : "false"));
    if (json_is_integer(v))
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(number, sizeof number, "%.17g", json_real_value(v));
    else
        return false;
    return text_is(n, sw_str(number));
}

static bool value_matches(const struct node *n, const json_t *v)
{
    const bool numbers = n->has_number && json_is_number(v);
    const double d = numbers ? json_number_value(v) : 0;
    const bool scalar = !json_is_object(v) && !json_is_array(v) && !json_is_null(v);
    switch (n->kind) {
    case NODE_EQ: return numbers ? d == n->number : text_equals(n, v);
    case NODE_NE: return scalar && !(numbers ? d == n->number : text_equals(n, v));
    case NODE_LT: return numbers && d < n->number;
    case NODE_LE: return numbers && d <= n->number;
    case NODE_GT: return numbers && d > n->number;
    case NODE_GE: return numbers && d >= n->number;
    case NODE_IS_NULL: return json_is_null(v);
    case NODE_IS_TRUE: return json_is_true(v);
    case NODE_IS_FALSE: return json_is_false(v);
    case NODE_EXISTS: return true;
    default: return false;
    }
}

/* Does a value at the end of the path match? */
static bool path_matches(const struct node *n, size_t step, const json_t *v)
{
    if (!v)
        return false;
    if (step == n->steps_n)
        return value_matches(n, v);
    const struct step *s = &n->steps[step];
    if (s->name)
        return path_matches(n, step + 1, json_object_get(v, s->name));
    if (s->index >= 0)
        return path_matches(n, step + 1, json_array_get(v, (size_t)s->index));
    const json_t *member;
    size_t i;
    json_array_foreach(v, i, member) {
        if (path_matches(n, step + 1, member))
            return true;
    }
    return false;
}

static bool node_matches(const struct node *n, const json_t *doc)
{
    if (n->kind == NODE_AND)
        return node_matches(n->left, doc) && node_matches(n->right, doc);
    if (n->kind == NODE_OR)
        return node_matches(n->left, doc) || node_matches(n->right, doc);
    if (n->kind == NODE_NOT_EXISTS) {
        struct node positive = *n;
        positive.kind = NODE_EXISTS;
        return !path_matches(&positive, 0, doc);
    }
    return path_matches(n, 0, doc);
}

/* --- columns: matching --- */

/* The parts of a line: words, and what is in [] or in quotes, which belongs together. False: there are too many. */
static bool split(struct sw_str line, struct sw_str *ret, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < line.n;) {
        if (isspace((unsigned char)line.p[i])) {
            i++;
            continue;
        }
        if (n == FIELDS_MAX)
            return false;
        const char close = line.p[i] == '[' ? ']' : line.p[i] == '"' ? '"' : 0;
        const char *end = close ? memchr(line.p + i + 1, close, line.n - i - 1) : NULL;
        size_t until = i;
        if (end) {
            ret[n++] = sw_str_n(line.p + i + 1, (size_t)(end - line.p) - i - 1);
            i = (size_t)(end - line.p) + 1;
            continue;
        }
        while (until < line.n && !isspace((unsigned char)line.p[until]))
            until++;
        ret[n++] = sw_str_n(line.p + i, until - i);
        i = until;
    }
    *ret_n = n;
    return true;
}

static bool number_of(struct sw_str text, double *ret)
{
    char number[NUMBER_TEXT], *end;
    if (text.n == 0 || isalpha((unsigned char)text.p[0]) ||
        !sw_str_copy(text, number, sizeof number))
        return false;
    *ret = strtod(number, &end);
    return *end == 0;
}

static bool column_matches(const struct log_pattern *p, const struct node *n,
                           const struct sw_str *fields, size_t fields_n)
{
    double d = 0;
    if (n->kind == NODE_AND)
        return column_matches(p, n->left, fields, fields_n) &&
               column_matches(p, n->right, fields, fields_n);
    if (n->kind == NODE_OR)
        return column_matches(p, n->left, fields, fields_n) ||
               column_matches(p, n->right, fields, fields_n);
    const struct sw_str text =
        fields[n->column < p->ellipsis ? n->column : fields_n - (p->columns_n - n->column)];
    const bool numbers = n->has_number && number_of(text, &d);
    switch (n->kind) {
    case NODE_EQ: return numbers ? d == n->number : text_is(n, text);
    case NODE_NE: return !(numbers ? d == n->number : text_is(n, text));
    case NODE_LT: return numbers && d < n->number;
    case NODE_LE: return numbers && d <= n->number;
    case NODE_GT: return numbers && d > n->number;
    case NODE_GE: return numbers && d >= n->number;
    default: return true;
    }
}

static bool columns_match(const struct log_pattern *p, struct sw_str message)
{
    struct sw_str fields[FIELDS_MAX];
    size_t n = 0;
    const bool any = p->ellipsis <= COLUMNS_MAX;
    if (!split(message, fields, &n) || n < p->columns_n || (!any && n > p->columns_n))
        return false;
    return !p->root || column_matches(p, p->root, fields, n);
}

bool log_pattern_matches(const struct log_pattern *p, struct sw_str message)
{
    if (p->columns)
        return columns_match(p, message);
    if (!p->json)
        return terms_match(p, message);
    if (!sw_str_starts_with(sw_str_trim(message), "{"))
        return false;
    sw_autojson json_t *doc = sw_json_load_lenient(message, JSON_DEPTH, JSON_VALUES);
    return doc && node_matches(p->root, doc);
}
