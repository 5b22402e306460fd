/* SPDX-License-Identifier: Apache-2.0 */
/* A recursive parser to a tree of comparisons whose arguments are already what they are compared with. The tables say which
 * operators each subject has and of which type its arguments are. */
#include "launcher/plan/cluster_query.h"

#include "base/macros.h"
#include "base/pattern.h"

#define DEPTH_MAX 50

enum op { OP_EQ, OP_GT, OP_GE, OP_LT, OP_LE, OP_EXISTS, OP_IN, OP_MATCHES };
enum type { TYPE_TEXT, TYPE_NUMBER, TYPE_BOOL, TYPE_VERSION, TYPE_TIME };
enum subject {
    SUBJECT_ATTRIBUTE,
    SUBJECT_CONNECTED,
    SUBJECT_VERSION,
    SUBJECT_EC2_ID,
    SUBJECT_REGISTERED,
    SUBJECT_RUNNING,
    SUBJECT_GROUP
};

#define BIT(op)    (1u << (op))
#define ORDERS     (BIT(OP_GT) | BIT(OP_GE) | BIT(OP_LT) | BIT(OP_LE))
#define TEXT_OPS   (BIT(OP_EQ) | BIT(OP_EXISTS) | BIT(OP_IN) | BIT(OP_MATCHES))
#define NUMBER_OPS (BIT(OP_EQ) | BIT(OP_IN) | ORDERS)

/* `order` is the type of arguments of > >= < <=, `type` that of all others. */
static const struct subject_row {
    const char *name;
    enum subject subject;
    enum type type, order;
    unsigned ops;
} subjects[] = {
    {"agentConnected", SUBJECT_CONNECTED, TYPE_BOOL, TYPE_BOOL, BIT(OP_EQ)},
    {"agentVersion", SUBJECT_VERSION, TYPE_TEXT, TYPE_VERSION, TEXT_OPS | ORDERS},
    {"attribute:", SUBJECT_ATTRIBUTE, TYPE_TEXT, TYPE_NUMBER, TEXT_OPS | ORDERS},
    {"ec2InstanceId", SUBJECT_EC2_ID, TYPE_TEXT, TYPE_TEXT, TEXT_OPS},
    {"registeredAt", SUBJECT_REGISTERED, TYPE_TIME, TYPE_TIME, BIT(OP_EQ) | BIT(OP_IN) | ORDERS},
    {"runningTasksCount", SUBJECT_RUNNING, TYPE_NUMBER, TYPE_NUMBER, NUMBER_OPS},
    {"task:group", SUBJECT_GROUP, TYPE_TEXT, TYPE_TEXT, TEXT_OPS},
};

/* Longer ones before their beginnings. */
static const struct op_row {
    const char *name;
    enum op op;
    bool negative;
} ops[] = {
    {"==", OP_EQ, false},
    {"!=", OP_EQ, true},
    {">=", OP_GE, false},
    {"<=", OP_LE, false},
    {"=~", OP_MATCHES, false},
    {"!~", OP_MATCHES, true},
    {">", OP_GT, false},
    {"<", OP_LT, false},
    {"!exists", OP_EXISTS, true},
    {"!in", OP_IN, true},
    {"equals", OP_EQ, false},
    {"not_equals", OP_EQ, true},
    {"greater_than_equal", OP_GE, false},
    {"greater_than", OP_GT, false},
    {"less_than_equal", OP_LE, false},
    {"less_than", OP_LT, false},
    {"not_exists", OP_EXISTS, true},
    {"exists", OP_EXISTS, false},
    {"not_in", OP_IN, true},
    {"in", OP_IN, false},
    {"not_matches", OP_MATCHES, true},
    {"matches", OP_MATCHES, false},
};

struct argument {
    struct sw_str text;
    double number;
    bool truth;
    int64_t from_us, to_us; /* an instant, or the day or second that it names */
    const struct sw_pattern *pattern;
};

enum query_kind { QUERY_COMPARE, QUERY_AND, QUERY_OR, QUERY_NOT };
struct cluster_query {
    enum query_kind kind;
    const struct cluster_query *a, *b;
    enum subject subject;
    const char *attribute;
    enum op op;
    enum type type;
    bool negative;
    struct argument *arguments;
    size_t arguments_n;
};

struct parser {
    struct sw_str text;
    size_t at;
    int depth;
    struct sw_arena *arena;
    struct sw_err *err;
};

static int fail(struct parser *p, size_t at, const char *what)
{
    return sw_fail(p->err, SW_EINVALID, "InvalidParameterException",
                   "Invalid expression: column %zu: %s.", at + 1, what);
}

static struct cluster_query *failed(struct parser *p, size_t at, const char *what)
{
    (void)fail(p, at, what);
    return NULL;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c > 0 && strchr("_-./\\:", c) != NULL);
}

static int peek_at(const struct parser *p, size_t at)
{
    return at < p->text.n ? (unsigned char)p->text.p[at] : -1;
}

static void skip_blanks(struct parser *p)
{
    while (is_blank(peek_at(p, p->at)))
        p->at++;
}

static bool starts(const struct parser *p, const char *word)
{
    return sw_str_starts_with(sw_str_slice(p->text, p->at, p->text.n), word);
}

/* A sign as it stands, a word if no further letter follows. */
static bool accept(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(p);
    if (!starts(p, word))
        return false;
    if (is_name((unsigned char)word[n - 1]) && is_name(peek_at(p, p->at + n)))
        return false;
    p->at += n;
    return true;
}

/* Arguments. */

static bool parse_number(struct sw_str s, double *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    double value = 0, unit = 1;
    size_t digits = 0;
    bool fraction = false;
    for (size_t i = negative; i < s.n; i++) {
        if (s.p[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        digits++;
        if (fraction)
            unit /= 10;
        value = fraction ? value + unit * (s.p[i] - '0') : value * 10 + (s.p[i] - '0');
    }
    *ret = negative ? -value : value;
    return digits > 0;
}

static bool digits(struct sw_str *s, size_t n, int low, int high, int *ret)
{
    int value = 0;
    if (s->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    *s = sw_str_slice(*s, n, s->n);
    *ret = value;
    return value >= low && value <= high;
}

static bool sign(struct sw_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = sw_str_slice(*s, 1, s->n);
    return true;
}

/* Days since 1970 of the Gregorian calendar, counted in years that begin in March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* "+01:00", "Z" or nothing. */
static bool parse_zone(struct sw_str *s, int64_t *ret_seconds)
{
    int hours = 0, minutes = 0;
    bool east = sign(s, '+');
    *ret_seconds = 0;
    if (s->n == 0 && !east)
        return true;
    if (!east && (sign(s, 'Z') || !sign(s, '-')))
        return s->n == 0;
    if (!digits(s, 2, 0, 23, &hours) || !sign(s, ':') || !digits(s, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = (east ? 1 : -1) * (hours * 3600 + minutes * 60);
    return s->n == 0;
}

static bool parse_time(struct sw_str s, int64_t *ret_from_us, int64_t *ret_to_us)
{
    int year, month, day, hour = 0, minute = 0, second = 0, digit = 0;
    int64_t zone = 0, micros = 0, unit = 1000000;
    if (!digits(&s, 4, 1, 9999, &year) || !sign(&s, '-') || !digits(&s, 2, 1, 12, &month) ||
        !sign(&s, '-') || !digits(&s, 2, 1, 31, &day))
        return false;
    bool whole_day = s.n == 0;
    if (!whole_day) {
        if (!sign(&s, 'T') || !digits(&s, 2, 0, 23, &hour) || !sign(&s, ':') ||
            !digits(&s, 2, 0, 59, &minute) || !sign(&s, ':') || !digits(&s, 2, 0, 60, &second))
            return false;
        if (sign(&s, '.')) {
            while (unit > 1 && digits(&s, 1, 0, 9, &digit)) {
                unit /= 10;
                micros += digit * unit;
            }
        }
        if (!parse_zone(&s, &zone))
            return false;
    }
    int64_t at = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *ret_from_us = at * 1000000 + micros;
    *ret_to_us = *ret_from_us + (whole_day ? 86400 * (int64_t)1000000 : unit) - 1;
    return true;
}

/* "1.79.2": numbers between dots; a 'v' may stand before them. Shorter is smaller: 1.2 < 1.2.0. */
static bool next_part(struct sw_str *rest, uint64_t *ret)
{
    struct sw_str part;
    return sw_str_split(rest, '.', &part) && sw_parse_u64(part, ret);
}

static struct sw_str without_v(struct sw_str s)
{
    return sw_str_starts_with(s, "v") ? sw_str_slice(s, 1, s.n) : s;
}

static bool is_version(struct sw_str s)
{
    struct sw_str rest = without_v(s), part;
    uint64_t n;
    while (sw_str_split(&rest, '.', &part)) {
        if (!sw_parse_u64(part, &n))
            return false;
    }
    return s.n > 0;
}

static int compare_versions(struct sw_str a, struct sw_str b)
{
    uint64_t x = 0, y = 0;
    a = without_v(a);
    b = without_v(b);
    for (;;) {
        bool more_a = next_part(&a, &x), more_b = next_part(&b, &y);
        if (!more_a || !more_b)
            return more_a - more_b;
        if (x != y)
            return x < y ? -1 : 1;
    }
}

/* Where an argument without quotes ends. Within a pattern's [set] no bracket counts, and after a backslash no sign. */
static size_t end_of_bare(const struct parser *p, size_t at, bool list)
{
    int depth = 0;
    bool set = false;
    for (size_t from = at; at < p->text.n; at++) {
        int c = peek_at(p, at);
        if (is_blank(c) || (list && (c == ',' || c == ']')))
            break;
        bool escaped = at > from && peek_at(p, at - 1) == '\\' &&
                       !(at > from + 1 && peek_at(p, at - 2) == '\\');
        if (escaped)
            continue;
        if (set || (c == '[' && !list)) {
            set = c != ']';
            continue;
        }
        bool doubled = (c == '&' || c == '|') && peek_at(p, at + 1) == c;
        if (depth == 0 && (c == ')' || doubled))
            break;
        depth += (c == '(') - (c == ')');
    }
    return at;
}

/* Takes one argument's text: quoted, or up to where it ends. */
static int parse_text(struct parser *p, bool list, struct sw_str *ret)
{
    skip_blanks(p);
    size_t from = p->at;
    int quote = peek_at(p, from);
    if (quote == '\'' || quote == '"') {
        const char *end = memchr(p->text.p + from + 1, quote, p->text.n - from - 1);
        if (!end)
            return fail(p, from, "the quotation mark is not closed");
        p->at = (size_t)(end - p->text.p) + 1;
        *ret = sw_str_slice(p->text, from + 1, p->at - 1);
        return 0;
    }
    p->at = end_of_bare(p, from, list);
    *ret = sw_str_slice(p->text, from, p->at);
    return p->at > from ? 0 : fail(p, from, "an argument is missing");
}

static int parse_typed(struct parser *p, const struct cluster_query *q, bool list,
                       struct argument *ret)
{
    size_t from, pattern_at = 0;
    skip_blanks(p);
    from = p->at;
    int r = parse_text(p, list, &ret->text);
    if (r < 0)
        return r;
    ret->text = sw_str(sw_arena_str(p->arena, ret->text));
    if (q->op == OP_MATCHES) {
        struct sw_err why = SW_ERR_INIT;
        if (sw_pattern_parse(ret->text, p->arena, &ret->pattern, &pattern_at, &why) < 0) {
            bool quoted = peek_at(p, from) == '\'' || peek_at(p, from) == '"';
            return fail(p, from + quoted + pattern_at, why.msg);
        }
    } else if (q->type == TYPE_NUMBER && !parse_number(ret->text, &ret->number)) {
        return fail(p, from, "a number was expected");
    } else if (q->type == TYPE_VERSION && !is_version(ret->text)) {
        return fail(p, from, "a version like 1.79.2 was expected");
    } else if (q->type == TYPE_TIME && !parse_time(ret->text, &ret->from_us, &ret->to_us)) {
        return fail(p, from, "a date like 2026-11-21 or 2026-11-21T08:30:00Z was expected");
    } else if (q->type == TYPE_BOOL) {
        ret->truth = sw_str_eq_nocase(ret->text, SW_STR("true"));
        if (!ret->truth && !sw_str_eq_nocase(ret->text, SW_STR("false")))
            return fail(p, from, "true or false was expected");
    }
    return 0;
}

static int parse_list(struct parser *p, struct cluster_query *q)
{
    if (!accept(p, "["))
        return fail(p, p->at, "a list in [ ] was expected");
    q->arguments = SW_ARENA_NEW(p->arena, struct argument, p->text.n / 2 + 1);
    do {
        int r = parse_typed(p, q, true, &q->arguments[q->arguments_n++]);
        if (r < 0)
            return r;
    } while (accept(p, ","));
    return accept(p, "]") ? 0 : fail(p, p->at, "',' or ']' was expected");
}

/* Expressions. */

static int parse_subject(struct parser *p, struct cluster_query *q,
                         const struct subject_row **ret_row)
{
    skip_blanks(p);
    size_t from = p->at;
    while (is_name(peek_at(p, p->at)))
        p->at++;
    struct sw_str name = sw_str_slice(p->text, from, p->at);
    for (size_t i = 0; i < SW_ARRAY_LEN(subjects); i++) {
        const struct subject_row *row = &subjects[i];
        bool attribute = row->subject == SUBJECT_ATTRIBUTE;
        if (!(attribute ? sw_str_starts_with(name, row->name) : sw_str_eq_z(name, row->name)))
            continue;
        if (attribute && name.n == strlen(row->name))
            return fail(p, p->at, "the attribute's name is missing");
        q->subject = row->subject;
        if (attribute)
            q->attribute = sw_arena_str(p->arena, sw_str_slice(name, strlen(row->name), name.n));
        *ret_row = row;
        return 0;
    }
    return fail(p, from,
                name.n == 0 ? "a subject was expected"
                            : "unknown subject; the subjects are agentConnected, agentVersion, "
                              "attribute:NAME, ec2InstanceId, registeredAt, runningTasksCount and "
                              "task:group");
}

static int parse_op(struct parser *p, struct cluster_query *q, const struct subject_row *row)
{
    skip_blanks(p);
    size_t from = p->at;
    for (size_t i = 0; i < SW_ARRAY_LEN(ops); i++) {
        if (!accept(p, ops[i].name))
            continue;
        q->op = ops[i].op;
        q->negative = ops[i].negative;
        q->type = ORDERS & BIT(q->op) ? row->order : row->type;
        return row->ops & BIT(q->op) ? 0 : fail(p, from, "this subject has no such operator");
    }
    return fail(p, from, "an operator was expected");
}

static struct cluster_query *query_new(struct parser *p, enum query_kind kind,
                                       const struct cluster_query *a, const struct cluster_query *b)
{
    struct cluster_query *q = SW_ARENA_NEW(p->arena, struct cluster_query, 1);
    q->kind = kind;
    q->a = a;
    q->b = b;
    return q;
}

static struct cluster_query *parse_comparison(struct parser *p)
{
    struct cluster_query *q = query_new(p, QUERY_COMPARE, NULL, NULL);
    const struct subject_row *row = NULL;
    if (parse_subject(p, q, &row) < 0 || parse_op(p, q, row) < 0)
        return NULL;
    if (q->op == OP_EXISTS)
        return q;
    if (q->op == OP_IN)
        return parse_list(p, q) < 0 ? NULL : q;
    q->arguments = SW_ARENA_NEW(p->arena, struct argument, 1);
    q->arguments_n = 1;
    return parse_typed(p, q, false, q->arguments) < 0 ? NULL : q;
}

static struct cluster_query *parse_or(struct parser *p);

static struct cluster_query *parse_unary(struct parser *p)
{
    struct cluster_query *q = NULL;
    skip_blanks(p);
    size_t from = p->at;
    if (p->depth >= DEPTH_MAX)
        return failed(p, from, "the expression is nested too deeply");
    p->depth++;
    if (accept(p, "!") || accept(p, "not")) {
        q = parse_unary(p);
        q = q ? query_new(p, QUERY_NOT, q, NULL) : NULL;
    } else if (accept(p, "(")) {
        q = parse_or(p);
        if (q && !accept(p, ")"))
            q = failed(p, p->at, "')' or a boolean operator was expected");
    } else {
        q = parse_comparison(p);
    }
    p->depth--;
    return q;
}

static struct cluster_query *parse_and(struct parser *p)
{
    struct cluster_query *q = parse_unary(p);
    while (q && (accept(p, "&&") || accept(p, "and"))) {
        struct cluster_query *next = parse_unary(p);
        q = next ? query_new(p, QUERY_AND, q, next) : NULL;
    }
    return q;
}

static struct cluster_query *parse_or(struct parser *p)
{
    struct cluster_query *q = parse_and(p);
    while (q && (accept(p, "||") || accept(p, "or"))) {
        struct cluster_query *next = parse_and(p);
        q = next ? query_new(p, QUERY_OR, q, next) : NULL;
    }
    return q;
}

int cluster_query_parse(struct sw_str text, struct sw_arena *a, const struct cluster_query **ret,
                        struct sw_err *err)
{
    struct parser p = {.text = text, .arena = a, .err = err};
    if (text.n > CLUSTER_QUERY_TEXT_MAX)
        return fail(&p, CLUSTER_QUERY_TEXT_MAX, "the expression is longer than 2000 characters");
    const struct cluster_query *q = parse_or(&p);
    if (!q)
        return err->code;
    skip_blanks(&p);
    if (p.at < text.n)
        return fail(&p, p.at, "'and', 'or' or the end was expected");
    *ret = q;
    return 0;
}

/* Evaluation. */

static bool ordered(enum op op, int order)
{
    switch (op) {
    case OP_GT: return order > 0;
    case OP_GE: return order >= 0;
    case OP_LT: return order < 0;
    default: return order <= 0;
    }
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static bool number_holds(const struct cluster_query *q, const struct argument *arg, double value)
{
    if (q->op == OP_EQ || q->op == OP_IN)
        return compare_numbers(value, arg->number) == 0;
    return ordered(q->op, compare_numbers(value, arg->number));
}

static bool text_holds(const struct cluster_query *q, const struct argument *arg, const char *value)
{
    double number;
    if (!value)
        return false;
    if (q->op == OP_MATCHES)
        return sw_pattern_matches(arg->pattern, sw_str(value));
    if (q->op == OP_EQ || q->op == OP_IN)
        return sw_str_eq_z(arg->text, value);
    if (q->type == TYPE_VERSION)
        return is_version(sw_str(value)) &&
               ordered(q->op, compare_versions(sw_str(value), arg->text));
    return parse_number(sw_str(value), &number) && number_holds(q, arg, number);
}

static bool time_holds(const struct cluster_query *q, const struct argument *arg, int64_t at)
{
    bool within = at >= arg->from_us && at <= arg->to_us;
    if (q->op == OP_EQ || q->op == OP_IN)
        return within;
    if (q->op == OP_GT || q->op == OP_LE)
        return ordered(q->op, at > arg->to_us ? 1 : -1);
    return ordered(q->op, at < arg->from_us ? -1 : 1);
}

static bool group_holds(const struct cluster_query *q, const struct argument *arg,
                        const struct plan_instance *in, const struct cluster_query_tasks *tasks)
{
    for (size_t i = 0; i < in->groups_n; i++) {
        if (in->groups[i].tasks > 0 && (!arg || text_holds(q, arg, in->groups[i].name)))
            return true;
    }
    return tasks->group && (!arg || text_holds(q, arg, tasks->group));
}

static bool attribute_holds(const struct cluster_query *q, const struct argument *arg,
                            const struct plan_instance *in)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, q->attribute) &&
            (!arg || text_holds(q, arg, in->attributes[i].value)))
            return true;
    }
    return false;
}

/* arg is NULL for `exists`. */
static bool holds(const struct cluster_query *q, const struct argument *arg,
                  const struct plan_instance *in, const struct cluster_query_tasks *tasks)
{
    switch (q->subject) {
    case SUBJECT_ATTRIBUTE: return attribute_holds(q, arg, in);
    case SUBJECT_CONNECTED: return in->agent_connected == arg->truth;
    case SUBJECT_VERSION:
        return arg ? text_holds(q, arg, in->agent_version) : in->agent_version != NULL;
    case SUBJECT_EC2_ID:
        return arg ? text_holds(q, arg, in->ec2_instance_id) : in->ec2_instance_id != NULL;
    case SUBJECT_REGISTERED: return time_holds(q, arg, in->registered_at_us);
    case SUBJECT_RUNNING: return number_holds(q, arg, tasks->running);
    case SUBJECT_GROUP: return group_holds(q, arg, in, tasks);
    }
    return false;
}

static bool compare(const struct cluster_query *q, const struct plan_instance *in,
                    const struct cluster_query_tasks *tasks)
{
    bool found = q->arguments_n == 0 && holds(q, NULL, in, tasks);
    for (size_t i = 0; i < q->arguments_n && !found; i++)
        found = holds(q, &q->arguments[i], in, tasks);
    return found != q->negative;
}

bool cluster_query_matches(const struct cluster_query *q, const struct plan_instance *in,
                           const struct cluster_query_tasks *tasks)
{
    switch (q->kind) {
    case QUERY_AND:
        return cluster_query_matches(q->a, in, tasks) && cluster_query_matches(q->b, in, tasks);
    case QUERY_OR:
        return cluster_query_matches(q->a, in, tasks) || cluster_query_matches(q->b, in, tasks);
    case QUERY_NOT: return !cluster_query_matches(q->a, in, tasks);
    case QUERY_COMPARE: break;
    }
    return compare(q, in, tasks);
}
