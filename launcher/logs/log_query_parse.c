/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_query_parse.c - a recursive parser over the text; a table of commands. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/logs/log_query_internal.h"

#define DEPTH_MAX  32
#define VALUES_MAX 100
#define NUMBER_MAX 64
#define MALFORMED  "MalformedQueryException"

struct parser {
    struct log_query *q;
    const char *text, *at;
    int depth;
    struct sw_err *err;
};

static int fail_at(struct parser *p, const char *what)
{
    return p->err->code ? p->err->code
                        : sw_fail(p->err, SW_EINVALID, MALFORMED, "column %d: %s",
                                  (int)(p->at - p->text) + 1, what);
}

static void skip(struct parser *p)
{
    for (;;) {
        while (isspace((unsigned char)*p->at))
            p->at++;
        if (*p->at != '#')
            return;
        while (*p->at && *p->at != '\n')
            p->at++;
    }
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '@' || c == '.' ||
           (unsigned char)c >= 0x80;
}

static bool take(struct parser *p, const char *sign)
{
    const size_t n = strlen(sign);
    skip(p);
    if (strncmp(p->at, sign, n) != 0)
        return false;
    p->at += n;
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    const size_t n = strlen(word);
    skip(p);
    if (strncasecmp(p->at, word, n) != 0 || is_name(p->at[n]))
        return false;
    p->at += n;
    return true;
}

static int expect(struct parser *p, const char *sign, const char *what)
{
    return take(p, sign) ? 0 : fail_at(p, what);
}

bool query_number(struct sw_str text, double *ret)
{
    char copy[NUMBER_MAX], *end;
    if (text.n == 0 || !(isdigit((unsigned char)text.p[0]) || strchr("+-.", text.p[0])) ||
        !sw_str_copy(text, copy, sizeof copy) || copy[strspn(copy, "+-.")] == 'i' ||
        strpbrk(copy, "xXnN"))
        return false;
    *ret = strtod(copy, &end);
    return *end == 0;
}

/* --- columns --- */

static int column_of(struct parser *p, const char *name, bool made, size_t *ret)
{
    static const struct {
        const char *name;
        enum query_source source;
    } known[] = {{"@timestamp", SOURCE_TIMESTAMP},
                 {"@message", SOURCE_MESSAGE},
                 {"@ingestionTime", SOURCE_INGESTION},
                 {"@logStream", SOURCE_STREAM},
                 {"@log", SOURCE_LOG},
                 {"@ptr", SOURCE_PTR}};
    struct log_query *q = p->q;
    for (size_t i = 0; i < q->columns_n; i++) {
        if (!sw_streq(q->columns[i].name, name))
            continue;
        *ret = i;
        return 0;
    }
    if (q->columns_n == QUERY_COLUMNS_MAX)
        return fail_at(p, "the query names too many fields");
    struct query_column *c = &q->columns[q->columns_n];
    *c = (struct query_column){.name = sw_arena_str(&q->arena, sw_str(name)),
                               .source = made ? SOURCE_MADE : SOURCE_JSON};
    for (size_t i = 0; !made && i < SW_ARRAY_LEN(known); i++)
        if (sw_streq(known[i].name, name))
            c->source = known[i].source;
    if (!made && name[0] == '@' && c->source == SOURCE_JSON)
        return fail_at(p, "there is no such @ field here");
    *ret = q->columns_n++;
    return 0;
}

/* A name, or any text in backquotes. */
static int parse_name(struct parser *p, const char **ret)
{
    skip(p);
    const bool quoted = *p->at == '`';
    const char *from = p->at + quoted;
    const char *end = from;
    while (*end && (quoted ? *end != '`' : is_name(*end)))
        end++;
    if (end == from || (quoted && *end != '`') || (!quoted && isdigit((unsigned char)*from)))
        return fail_at(p, "the name of a field is expected");
    *ret = sw_arena_str(&p->q->arena, sw_str_n(from, (size_t)(end - from)));
    p->at = end + quoted;
    return 0;
}

static int parse_column(struct parser *p, bool made, size_t *ret)
{
    const char *name = NULL, *from = p->at;
    if (parse_name(p, &name) < 0)
        return p->err->code;
    skip(p);
    if (*p->at == '(' && !made) {
        p->at = from;
        skip(p);
        return fail_at(p, "this function is not supported");
    }
    if (*p->at && strchr("+-*/%^", *p->at) && !made)
        return fail_at(p, "arithmetic is not supported");
    return column_of(p, name, made, ret);
}

static void show(struct parser *p, size_t column)
{
    struct log_query *q = p->q;
    for (size_t i = 0; i < q->shown_n; i++)
        if (q->shown[i] == column)
            return;
    q->shown[q->shown_n++] = column;
}

/* --- values --- */

static int parse_text(struct parser *p, const char **ret)
{
    const char quote = *p->at++;
    char *out = sw_arena_alloc(&p->q->arena, strlen(p->at) + 1, 1);
    size_t n = 0;
    while (*p->at && *p->at != quote) {
        if (*p->at == '\\' && p->at[1])
            p->at++;
        out[n++] = *p->at++;
    }
    if (!*p->at)
        return fail_at(p, "the closing quote is missing");
    p->at++;
    *ret = out;
    return 0;
}

static int parse_value(struct parser *p, struct query_text *ret)
{
    skip(p);
    *ret = (struct query_text){.text = ""};
    if (*p->at == '"' || *p->at == '\'')
        return parse_text(p, &ret->text) < 0
                   ? p->err->code
                   : (ret->has_number = query_number(sw_str(ret->text), &ret->number), 0);
    const char *from = p->at;
    while (is_name(*p->at) || (p->at == from && (*p->at == '-' || *p->at == '+')))
        p->at++;
    const struct sw_str word = sw_str_n(from, (size_t)(p->at - from));
    ret->has_number = query_number(word, &ret->number);
    if (!ret->has_number && !sw_str_eq_z(word, "true") && !sw_str_eq_z(word, "false")) {
        p->at = from;
        return fail_at(p, "a number or a text in quotes is expected");
    }
    ret->text = sw_arena_str(&p->q->arena, word);
    return 0;
}

/* At a slash. */
static int parse_regex(struct parser *p, const struct sw_pattern **ret)
{
    const char *from = ++p->at;
    struct sw_err e = SW_ERR_INIT;
    size_t at = 0;
    while (*p->at && *p->at != '/')
        p->at += *p->at == '\\' && p->at[1] ? 2 : 1;
    if (!*p->at)
        return fail_at(p, "the closing / is missing");
    struct sw_str text = sw_str_n(from, (size_t)(p->at - from));
    const bool fold = sw_str_starts_with(text, "(?i)");
    if (fold)
        text = sw_str_slice(text, 4, text.n);
    if ((fold ? sw_pattern_parse_fold : sw_pattern_parse)(text, &p->q->arena, ret, &at, &e) < 0) {
        p->at = text.p + at;
        return fail_at(p, e.msg);
    }
    p->at++;
    return 0;
}

/* --- filter --- */

static int parse_or(struct parser *p, const struct query_test **ret);

static struct query_test *test_new(struct parser *p, enum query_op op)
{
    struct query_test *t = SW_ARENA_NEW(&p->q->arena, struct query_test, 1);
    t->op = op;
    return t;
}

static const struct query_test *negated(struct parser *p, const struct query_test *t)
{
    struct query_test *n = test_new(p, OP_NOT);
    n->left = t;
    return n;
}

static int parse_list(struct parser *p, struct query_test *t)
{
    struct query_text *values = SW_ARENA_NEW(&p->q->arena, struct query_text, VALUES_MAX);
    if (expect(p, "[", "'[' is expected") < 0)
        return p->err->code;
    do {
        if (t->values_n == VALUES_MAX)
            return fail_at(p, "the list is too long");
        if (parse_value(p, &values[t->values_n++]) < 0)
            return p->err->code;
    } while (take(p, ","));
    t->values = values;
    return expect(p, "]", "',' or ']' is expected");
}

static int parse_like(struct parser *p, struct query_test *t)
{
    struct query_text *v = SW_ARENA_NEW(&p->q->arena, struct query_text, 1);
    skip(p);
    t->op = *p->at == '/' ? OP_MATCHES : OP_CONTAINS;
    t->values = v;
    t->values_n = 1;
    if (*p->at == '/')
        return parse_regex(p, &t->pattern);
    if (*p->at != '"' && *p->at != '\'')
        return fail_at(p, "a text in quotes or a /regular expression/ is expected");
    return parse_value(p, v);
}

static int parse_comparison(struct parser *p, const struct query_test **ret)
{
    static const struct {
        const char *sign;
        enum query_op op;
    } signs[] = {{"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},
                 {"=", OP_EQ},  {"<", OP_LT},  {">", OP_GT}};
    struct query_test *t = test_new(p, OP_EQ);
    struct query_text *v = SW_ARENA_NEW(&p->q->arena, struct query_text, 1);
    *ret = t;
    if (parse_column(p, false, &t->column) < 0)
        return p->err->code;
    if (take(p, "=~"))
        return parse_like(p, t);
    const bool no = take_word(p, "not");
    if (take_word(p, "like") || take_word(p, "in")) {
        const bool in = tolower((unsigned char)p->at[-1]) == 'n';
        if (no)
            *ret = negated(p, t);
        t->op = OP_IN;
        return in ? parse_list(p, t) : parse_like(p, t);
    }
    for (size_t i = 0; !no && i < SW_ARRAY_LEN(signs); i++) {
        if (!take(p, signs[i].sign))
            continue;
        t->op = signs[i].op;
        t->values = v;
        t->values_n = 1;
        return parse_value(p, v);
    }
    return fail_at(p, "a comparison is expected");
}

static int parse_primary(struct parser *p, const struct query_test **ret)
{
    static const struct {
        const char *name;
        enum query_op op;
    } functions[] = {{"ispresent", OP_PRESENT}, {"isempty", OP_EMPTY}, {"isblank", OP_BLANK}};
    if (++p->depth > DEPTH_MAX)
        return fail_at(p, "the expression is nested too deeply");
    int r = 1;
    if (take_word(p, "not")) {
        const struct query_test *inner = NULL;
        r = parse_primary(p, &inner);
        *ret = negated(p, inner);
    }
    for (size_t i = 0; r == 1 && i < SW_ARRAY_LEN(functions); i++) {
        if (!take_word(p, functions[i].name))
            continue;
        struct query_test *t = test_new(p, functions[i].op);
        *ret = t;
        r = expect(p, "(", "'(' is expected");
        if (r == 0 && (r = parse_column(p, false, &t->column)) == 0)
            r = expect(p, ")", "')' is expected");
    }
    if (r == 1 && take(p, "(")) {
        r = parse_or(p, ret);
        if (r == 0)
            r = expect(p, ")", "')' is expected");
    }
    p->depth--;
    return r == 1 ? parse_comparison(p, ret) : r;
}

static int parse_chain(struct parser *p, const char *word, enum query_op op,
                       int (*next)(struct parser *, const struct query_test **),
                       const struct query_test **ret)
{
    int r = next(p, ret);
    while (r == 0 && take_word(p, word)) {
        struct query_test *both = test_new(p, op);
        both->left = *ret;
        *ret = both;
        r = next(p, &both->right);
    }
    return r;
}

static int parse_and(struct parser *p, const struct query_test **ret)
{
    return parse_chain(p, "and", OP_AND, parse_primary, ret);
}

static int parse_or(struct parser *p, const struct query_test **ret)
{
    return parse_chain(p, "or", OP_OR, parse_and, ret);
}

/* --- commands --- */

static int next_part(struct parser *p, struct query_part *parts, size_t *n, struct query_part **ret)
{
    if (*n == QUERY_PARTS_MAX)
        return fail_at(p, "the list is too long");
    *ret = &parts[(*n)++];
    return 0;
}

static int cmd_fields(struct parser *p, struct query_command *c)
{
    struct query_part *f = NULL;
    do {
        if (next_part(p, c->parts, &c->n, &f) < 0 || parse_column(p, false, &f->from) < 0)
            return p->err->code;
        f->column = f->from;
        if (take_word(p, "as") && parse_column(p, true, &f->column) < 0)
            return p->err->code;
        show(p, f->column);
    } while (take(p, ","));
    return 0;
}

static int cmd_display(struct parser *p, struct query_command *c)
{
    p->q->shown_n = 0;
    struct query_part *f = NULL;
    do {
        if (next_part(p, c->parts, &c->n, &f) < 0 || parse_column(p, false, &f->column) < 0)
            return p->err->code;
        show(p, f->column);
    } while (take(p, ","));
    return 0;
}

static int cmd_filter(struct parser *p, struct query_command *c)
{
    return parse_or(p, &c->test);
}

/* "a * b * c": the three texts, and room for two values. */
static int split_glob(struct parser *p, struct query_command *c, const char *glob)
{
    const char **pieces = SW_ARENA_NEW(&p->q->arena, const char *, QUERY_PARTS_MAX + 1);
    size_t n = 0;
    struct sw_str rest = sw_str(glob), piece;
    if (!strchr(glob, '*'))
        return fail_at(p, "the text of parse has no *");
    while (rest.p && sw_str_split(&rest, '*', &piece)) {
        if (n > QUERY_PARTS_MAX)
            return fail_at(p, "the text of parse has too many *");
        pieces[n++] = sw_arena_str(&p->q->arena, piece);
    }
    if (glob[strlen(glob) - 1] == '*' && n <= QUERY_PARTS_MAX && pieces[n - 1][0])
        pieces[n++] = "";
    c->pieces = pieces;
    c->n = n - 1;
    return 0;
}

static int cmd_parse(struct parser *p, struct query_command *c)
{
    const char *glob = NULL, *from = p->at;
    skip(p);
    if (*p->at != '"' && *p->at != '\'') {
        const char *name = NULL;
        if (parse_name(p, &name) < 0 || column_of(p, name, false, &c->column) < 0)
            return p->err->code;
    } else if (column_of(p, "@message", false, &c->column) < 0) {
        return p->err->code;
    }
    skip(p);
    from = p->at;
    if (*p->at == '/')
        return fail_at(p, "parse with a regular expression is not supported");
    if (*p->at != '"' && *p->at != '\'')
        return fail_at(p, "a text in quotes is expected");
    if (parse_text(p, &glob) < 0 || split_glob(p, c, glob) < 0)
        return p->err->code;
    if (!take_word(p, "as"))
        return fail_at(p, "'as' is expected");
    size_t n = 0;
    do {
        if (n == c->n)
            return fail_at(p, "there are more names than *");
        if (parse_column(p, true, &c->parts[n].column) < 0)
            return p->err->code;
        show(p, c->parts[n++].column);
    } while (take(p, ","));
    if (n == c->n)
        return 0;
    p->at = from;
    return fail_at(p, "there are more * than names");
}

/* The text from there to here without blanks, as the name of a column. */
static int name_after_text(struct parser *p, const char *from, size_t *ret)
{
    char *name = sw_arena_alloc(&p->q->arena, (size_t)(p->at - from) + 1, 1);
    size_t n = 0;
    for (const char *c = from; c < p->at; c++)
        if (!isspace((unsigned char)*c))
            name[n++] = *c;
    return column_of(p, name, true, ret);
}

static int named_or(struct parser *p, const char *from, size_t *ret)
{
    const char *end = p->at;
    if (take_word(p, "as"))
        return parse_column(p, true, ret);
    p->at = end;
    return name_after_text(p, from, ret);
}

static int parse_aggregate(struct parser *p, struct query_part *a)
{
    static const char *const names[FN_MAX_] = {
        [FN_COUNT] = "count",       [FN_COUNT_DISTINCT] = "count_distinct",
        [FN_SUM] = "sum",           [FN_AVG] = "avg",
        [FN_MIN] = "min",           [FN_MAX] = "max",
        [FN_EARLIEST] = "earliest", [FN_LATEST] = "latest"};
    skip(p);
    const char *from = p->at;
    size_t i = 0;
    while (i < FN_MAX_ && !take_word(p, names[i]))
        i++;
    if (i == FN_MAX_)
        return fail_at(p, "count, count_distinct, sum, avg, min, max, earliest or latest is "
                          "expected");
    a->fn = (enum query_function)i;
    if (expect(p, "(", "'(' is expected") < 0)
        return p->err->code;
    skip(p);
    a->all = a->fn == FN_COUNT && (take(p, "*") || *p->at == ')');
    if ((!a->all && parse_column(p, false, &a->from) < 0) || expect(p, ")", "')' is expected") < 0)
        return p->err->code;
    return named_or(p, from, &a->column);
}

static int parse_bin(struct parser *p, struct query_part *b)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    uint64_t n = 0;
    if (expect(p, "(", "'(' is expected") < 0)
        return p->err->code;
    skip(p);
    const size_t digits = strspn(p->at, "0123456789");
    if (!sw_parse_u64(sw_str_n(p->at, digits), &n) || n == 0 || n > 100000)
        return fail_at(p, "a length of time such as 5m is expected");
    p->at += digits;
    size_t i = 0;
    while (i < SW_ARRAY_LEN(units) && !take_word(p, units[i].unit))
        i++;
    if (i == SW_ARRAY_LEN(units))
        return fail_at(p, "ms, s, m, h, d or w is expected");
    b->bin_ms = (int64_t)n * units[i].ms;
    return expect(p, ")", "')' is expected");
}

static int parse_by(struct parser *p, struct query_command *c)
{
    struct query_part *b = NULL;
    do {
        skip(p);
        const char *from = p->at;
        if (next_part(p, c->by, &c->by_n, &b) < 0)
            return p->err->code;
        if (take_word(p, "bin")) {
            if (parse_bin(p, b) < 0 || column_of(p, "@timestamp", false, &b->from) < 0 ||
                named_or(p, from, &b->column) < 0)
                return p->err->code;
            continue;
        }
        if (parse_column(p, false, &b->from) < 0)
            return p->err->code;
        b->column = b->from;
        if (take_word(p, "as") && parse_column(p, true, &b->column) < 0)
            return p->err->code;
    } while (take(p, ","));
    return 0;
}

static int cmd_stats(struct parser *p, struct query_command *c)
{
    struct query_part *a = NULL;
    if (p->q->has_stats)
        return fail_at(p, "a second stats is not supported");
    do {
        if (next_part(p, c->parts, &c->n, &a) < 0 || parse_aggregate(p, a) < 0)
            return p->err->code;
    } while (take(p, ","));
    if (take_word(p, "by") && parse_by(p, c) < 0)
        return p->err->code;
    p->q->has_stats = true;
    p->q->shown_n = 0;
    for (size_t i = 0; i < c->by_n; i++)
        show(p, c->by[i].column);
    for (size_t i = 0; i < c->n; i++)
        show(p, c->parts[i].column);
    return 0;
}

/* What stats made is called by its text, too: sort count(*) desc. */
static int sort_column(struct parser *p, size_t *ret)
{
    skip(p);
    const char *from = p->at, *end = p->at;
    while (is_name(*end))
        end++;
    if (*end != '(')
        return parse_column(p, false, ret);
    end = strchr(end, ')');
    if (!end)
        return fail_at(p, "')' is expected");
    p->at = end + 1;
    return name_after_text(p, from, ret);
}

static int cmd_sort(struct parser *p, struct query_command *c)
{
    struct query_part *s = NULL;
    do {
        if (next_part(p, c->parts, &c->n, &s) < 0 || sort_column(p, &s->column) < 0)
            return p->err->code;
        s->descending = take_word(p, "desc");
        if (!s->descending)
            (void)take_word(p, "asc");
    } while (take(p, ","));
    return 0;
}

static int cmd_dedup(struct parser *p, struct query_command *c)
{
    struct query_part *d = NULL;
    do {
        if (next_part(p, c->parts, &c->n, &d) < 0 || parse_column(p, false, &d->column) < 0)
            return p->err->code;
    } while (take(p, ","));
    return 0;
}

static int cmd_limit(struct parser *p, struct query_command *c)
{
    skip(p);
    const size_t digits = strspn(p->at, "0123456789");
    if (!sw_parse_i64(sw_str_n(p->at, digits), &c->limit) || c->limit < 1 ||
        c->limit > LOG_QUERY_ROWS_MAX)
        return fail_at(p, "a number from 1 to 10000 is expected");
    p->at += digits;
    p->q->limit = c->limit;
    return 0;
}

static const struct {
    const char *word;
    enum query_command_kind kind;
    int (*parse)(struct parser *p, struct query_command *c);
} commands[] = {
    {"fields", CMD_FIELDS, cmd_fields}, {"display", CMD_DISPLAY, cmd_display},
    {"filter", CMD_FILTER, cmd_filter}, {"parse", CMD_PARSE, cmd_parse},
    {"stats", CMD_STATS, cmd_stats},    {"sort", CMD_SORT, cmd_sort},
    {"dedup", CMD_DEDUP, cmd_dedup},    {"limit", CMD_LIMIT, cmd_limit},
    {"head", CMD_LIMIT, cmd_limit},
};

static int parse_command(struct parser *p)
{
    static const char *const others[] = {"pattern", "diff",        "unmask", "unnest", "lookup",
                                         "anomaly", "filterIndex", "SOURCE", "join"};
    for (size_t i = 0; i < SW_ARRAY_LEN(commands); i++) {
        if (!take_word(p, commands[i].word))
            continue;
        if (p->q->n == QUERY_COMMANDS_MAX)
            return fail_at(p, "the query has too many commands");
        struct query_command *c = SW_ARENA_NEW(&p->q->arena, struct query_command, 1);
        c->kind = commands[i].kind;
        p->q->commands[p->q->n++] = c;
        return commands[i].parse(p, c);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(others); i++) {
        char text[80];
        if (!take_word(p, others[i]))
            continue;
        p->at -= strlen(others[i]);
        (void)snprintf(text, sizeof text, "the command %s is not supported", others[i]);
        return fail_at(p, text);
    }
    return fail_at(p, "fields, display, filter, parse, stats, sort, dedup or limit is expected");
}

int log_query_parse(const char *text, struct log_query **ret, struct sw_err *err)
{
    struct log_query *q = SW_NEW(struct log_query);
    struct parser p = {.q = q, .text = text, .at = text, .err = err};
    size_t ignored;
    int r = strlen(text) > LOG_QUERY_TEXT_MAX ? fail_at(&p, "the query is too long") : 0;
    if (r == 0)
        r = column_of(&p, "@ptr", false, &ignored);
    do {
        skip(&p);
        if (r == 0 && *p.at)
            r = parse_command(&p);
    } while (r == 0 && take(&p, "|"));
    if (r == 0 && *p.at)
        r = fail_at(&p, "'|' is expected");
    if (r == 0 && q->shown_n == 0 && (r = column_of(&p, "@timestamp", false, &ignored)) == 0) {
        show(&p, ignored);
        r = column_of(&p, "@message", false, &ignored);
        show(&p, ignored);
    }
    if (r < 0)
        log_query_free(q);
    else
        *ret = q;
    return r;
}

void log_query_free(struct log_query *q)
{
    if (q)
        sw_arena_done(&q->arena);
    free(q);
}
