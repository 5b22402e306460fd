/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_condition.h"

#include <arpa/inet.h>
#include <assert.h>

#include "base/macros.h"

/* clang-format off */
static const struct policy_operator operators[] = {
    {"StringEquals",              POLICY_OP_STRING,        POLICY_EQUAL,         false},
    {"StringNotEquals",           POLICY_OP_STRING,        POLICY_EQUAL,         true},
    {"StringEqualsIgnoreCase",    POLICY_OP_STRING_NOCASE, POLICY_EQUAL,         false},
    {"StringNotEqualsIgnoreCase", POLICY_OP_STRING_NOCASE, POLICY_EQUAL,         true},
    {"StringLike",                POLICY_OP_STRING_LIKE,   POLICY_EQUAL,         false},
    {"StringNotLike",             POLICY_OP_STRING_LIKE,   POLICY_EQUAL,         true},
    {"NumericEquals",             POLICY_OP_NUMERIC,       POLICY_EQUAL,         false},
    {"NumericNotEquals",          POLICY_OP_NUMERIC,       POLICY_EQUAL,         true},
    {"NumericLessThan",           POLICY_OP_NUMERIC,       POLICY_LESS,          false},
    {"NumericLessThanEquals",     POLICY_OP_NUMERIC,       POLICY_LESS_EQUAL,    false},
    {"NumericGreaterThan",        POLICY_OP_NUMERIC,       POLICY_GREATER,       false},
    {"NumericGreaterThanEquals",  POLICY_OP_NUMERIC,       POLICY_GREATER_EQUAL, false},
    {"DateEquals",                POLICY_OP_DATE,          POLICY_EQUAL,         false},
    {"DateNotEquals",             POLICY_OP_DATE,          POLICY_EQUAL,         true},
    {"DateLessThan",              POLICY_OP_DATE,          POLICY_LESS,          false},
    {"DateLessThanEquals",        POLICY_OP_DATE,          POLICY_LESS_EQUAL,    false},
    {"DateGreaterThan",           POLICY_OP_DATE,          POLICY_GREATER,       false},
    {"DateGreaterThanEquals",     POLICY_OP_DATE,          POLICY_GREATER_EQUAL, false},
    {"Bool",                      POLICY_OP_BOOL,          POLICY_EQUAL,         false},
    {"BinaryEquals",              POLICY_OP_BINARY,        POLICY_EQUAL,         false},
    {"IpAddress",                 POLICY_OP_IP,            POLICY_EQUAL,         false},
    {"NotIpAddress",              POLICY_OP_IP,            POLICY_EQUAL,         true},
    {"ArnEquals",                 POLICY_OP_ARN,           POLICY_EQUAL,         false},
    {"ArnLike",                   POLICY_OP_ARN,           POLICY_EQUAL,         false},
    {"ArnNotEquals",              POLICY_OP_ARN,           POLICY_EQUAL,         true},
    {"ArnNotLike",                POLICY_OP_ARN,           POLICY_EQUAL,         true},
    {"Null",                      POLICY_OP_NULL,          POLICY_EQUAL,         false},
};
/* clang-format on */

static bool take_prefix_nocase(struct sw_str *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->n < n || !sw_str_eq_nocase(sw_str_n(s->p, n), sw_str_n(prefix, n)))
        return false;
    *s = sw_str_slice(*s, n, s->n);
    return true;
}

static bool take_suffix_nocase(struct sw_str *s, const char *suffix)
{
    size_t n = strlen(suffix);
    if (s->n < n || !sw_str_eq_nocase(sw_str_n(s->p + s->n - n, n), sw_str_n(suffix, n)))
        return false;
    s->n -= n;
    return true;
}

const char *policy_operator_parse(struct sw_str text, struct policy_condition *ret)
{
    ret->quantifier = POLICY_SINGLE;
    if (take_prefix_nocase(&text, "ForAllValues:"))
        ret->quantifier = POLICY_FOR_ALL;
    else if (take_prefix_nocase(&text, "ForAnyValue:"))
        ret->quantifier = POLICY_FOR_ANY;
    ret->if_exists = take_suffix_nocase(&text, "IfExists");
    ret->op = NULL;
    for (size_t i = 0; i < SW_ARRAY_LEN(operators); i++) {
        if (sw_str_eq_nocase(text, sw_str(operators[i].name)))
            ret->op = &operators[i];
    }
    if (!ret->op)
        return "no such condition operator";
    if (ret->op->kind == POLICY_OP_NULL && (ret->if_exists || ret->quantifier != POLICY_SINGLE))
        return "Null asks whether a key exists: it has neither IfExists nor ForAllValues, "
               "ForAnyValue";
    return NULL;
}

const char *policy_operator_nearest(const char *text)
{
    const char *names[SW_ARRAY_LEN(operators)];
    const char *colon = strchr(text, ':');
    for (size_t i = 0; i < SW_ARRAY_LEN(operators); i++)
        names[i] = operators[i].name;
    return sw_nearest_name(colon ? colon + 1 : text, names, SW_ARRAY_LEN(names));
}

static bool all_digits(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

bool policy_decimal_parse(struct sw_str s, struct policy_decimal *ret)
{
    struct policy_decimal d = {0};
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        d.negative = s.p[0] == '-';
        s = sw_str_slice(s, 1, s.n);
    }
    const char *point = s.n ? memchr(s.p, '.', s.n) : NULL;
    size_t whole_n = point ? (size_t)(point - s.p) : s.n;
    d.whole = sw_str_slice(s, 0, whole_n);
    d.fraction = point ? sw_str_slice(s, whole_n + 1, s.n) : sw_str_n("", 0);
    if (d.whole.n == 0 || (point && d.fraction.n == 0) || !all_digits(d.whole) ||
        !all_digits(d.fraction))
        return false;
    while (d.whole.n && d.whole.p[0] == '0')
        d.whole = sw_str_slice(d.whole, 1, d.whole.n);
    while (d.fraction.n && d.fraction.p[d.fraction.n - 1] == '0')
        d.fraction.n--;
    if (d.whole.n == 0 && d.fraction.n == 0)
        d.negative = false;
    *ret = d;
    return true;
}

int policy_decimal_cmp(const struct policy_decimal *a, const struct policy_decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    int c = a->whole.n != b->whole.n ? (a->whole.n < b->whole.n ? -1 : 1)
                                     : sw_str_cmp(a->whole, b->whole);
    if (c == 0)
        c = sw_str_cmp(a->fraction, b->fraction);
    return a->negative ? -c : c;
}

/* Takes n digits off the front. */
static bool take_digits(struct sw_str *s, size_t n, int *ret)
{
    int v = 0;
    if (s->n < n || !all_digits(sw_str_n(s->p, n)))
        return false;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (s->p[i] - '0');
    *s = sw_str_slice(*s, n, s->n);
    *ret = v;
    return true;
}

static bool take_char(struct sw_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = sw_str_slice(*s, 1, s->n);
    return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

static bool date_exists(int year, int month, int day)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12)
        return false;
    return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

/* "Z", "+hh:mm", "-hh:mm" and nothing after. */
static bool take_zone(struct sw_str *s, int *ret_minutes)
{
    int h = 0, m = 0;
    *ret_minutes = 0;
    if (take_char(s, 'Z') || take_char(s, 'z'))
        return s->n == 0;
    bool minus = s->n && s->p[0] == '-';
    if (!(take_char(s, '+') || take_char(s, '-')) || !take_digits(s, 2, &h) || !take_char(s, ':') ||
        !take_digits(s, 2, &m) || s->n || h > 23 || m > 59)
        return false;
    *ret_minutes = minus ? -(h * 60 + m) : h * 60 + m;
    return true;
}

/* After the "T". */
static bool take_time(struct sw_str *s, int64_t *ret_us)
{
    int h = 0, m = 0, sec = 0, zone = 0;
    int64_t us = 0;
    if (!take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &m))
        return false;
    if (take_char(s, ':')) {
        if (!take_digits(s, 2, &sec))
            return false;
        if (take_char(s, '.')) {
            int64_t unit = 100000;
            if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
                return false;
            for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; unit /= 10) {
                us += unit * (s->p[0] - '0');
                *s = sw_str_slice(*s, 1, s->n);
            }
        }
    }
    if (h > 23 || m > 59 || sec > 60 || !take_zone(s, &zone))
        return false;
    *ret_us = (((int64_t)h * 60 + m - zone) * 60 + sec) * 1000000 + us;
    return true;
}

bool policy_date_parse(struct sw_str s, int64_t *ret_us)
{
    int year = 0, month = 1, day = 1;
    int64_t time_us = 0, epoch;
    if (sw_parse_i64(s, &epoch)) {
        if (epoch > INT64_MAX / 1000000 || epoch < INT64_MIN / 1000000)
            return false;
        *ret_us = epoch * 1000000;
        return true;
    }
    if (!take_digits(&s, 4, &year) || !take_char(&s, '-') || !take_digits(&s, 2, &month))
        return false;
    if (take_char(&s, '-')) {
        if (!take_digits(&s, 2, &day))
            return false;
        if (s.n && ((!take_char(&s, 'T') && !take_char(&s, 't')) || !take_time(&s, &time_us)))
            return false;
    }
    if (s.n || !date_exists(year, month, day))
        return false;
    *ret_us = days_of(year, month, day) * 86400 * 1000000 + time_us;
    return true;
}

/* ::ffff:a.b.c.d is the IPv4 address that a dual-stack socket saw. */
static void unmap(struct policy_cidr *c)
{
    static const unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (!c->v6 || c->bits < 96 || memcmp(c->address, prefix, sizeof(prefix)) != 0)
        return;
    memmove(c->address, c->address + 12, 4);
    memset(c->address + 4, 0, 12);
    c->v6 = false;
    c->bits = (unsigned char)(c->bits - 96);
}

bool policy_cidr_parse(struct sw_str s, struct policy_cidr *ret)
{
    char text[64];
    struct policy_cidr c = {0};
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct sw_str address = slash ? sw_str_slice(s, 0, (size_t)(slash - s.p)) : s;
    if (!sw_str_copy(address, text, sizeof(text)))
        return false;
    c.v6 = strchr(text, ':') != NULL;
    if (inet_pton(c.v6 ? AF_INET6 : AF_INET, text, c.address) != 1)
        return false;
    uint64_t bits = c.v6 ? 128 : 32, most = bits;
    if (slash && (!sw_parse_u64(sw_str_slice(s, address.n + 1, s.n), &bits) || bits > most))
        return false;
    c.bits = (unsigned char)bits;
    unmap(&c);
    *ret = c;
    return true;
}

bool policy_cidr_contains(const struct policy_cidr *block, const struct policy_cidr *address)
{
    size_t bytes = block->bits / 8, rest = block->bits % 8;
    if (block->v6 != address->v6 || memcmp(block->address, address->address, bytes) != 0)
        return false;
    if (rest == 0)
        return true;
    unsigned mask = 0xFFU << (8 - rest) & 0xFFU;
    return (block->address[bytes] & mask) == (address->address[bytes] & mask);
}

static struct sw_str without_padding(struct sw_str s)
{
    for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
        s.n--;
    return s;
}

static bool is_base64(struct sw_str s)
{
    struct sw_str body = without_padding(s);
    for (size_t i = 0; i < body.n; i++) {
        char c = body.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return s.n % 4 == 0;
}

static bool parse_boolean(struct sw_str s, bool *ret)
{
    *ret = sw_str_eq_nocase(s, SW_STR("true"));
    return *ret || sw_str_eq_nocase(s, SW_STR("false"));
}

const char *policy_value_compile(struct sw_arena *arena, const struct policy_operator *op,
                                 struct sw_str text, bool variables, struct policy_value *ret)
{
    unsigned flags = variables ? POLICY_GLOB_VARS : 0;
    ret->text = sw_arena_str(arena, text);
    text.p = ret->text;
    switch (op->kind) {
    case POLICY_OP_STRING:
    case POLICY_OP_STRING_NOCASE: return policy_glob_compile(arena, text, flags, &ret->glob);
    case POLICY_OP_STRING_LIKE:
        return policy_glob_compile(arena, text, flags | POLICY_GLOB_WILDCARDS, &ret->glob);
    case POLICY_OP_ARN: return policy_arn_compile(arena, text, variables, &ret->arn);
    case POLICY_OP_NUMERIC:
        return policy_decimal_parse(text, &ret->number) ? NULL : "this is no decimal number";
    case POLICY_OP_DATE:
        return policy_date_parse(text, &ret->date_us)
                   ? NULL
                   : "this is no date: ISO 8601 or seconds since 1970";
    case POLICY_OP_BOOL:
    case POLICY_OP_NULL:
        return parse_boolean(text, &ret->boolean) ? NULL : "this is neither true nor false";
    case POLICY_OP_IP:
        return policy_cidr_parse(text, &ret->cidr)
                   ? NULL
                   : "this is no IPv4 or IPv6 address or CIDR block";
    case POLICY_OP_BINARY:
        ret->binary = without_padding(text);
        return is_base64(text) ? NULL : "this is not base64";
    }
    return "no such condition operator";
}

/* A value of the request, read once for all values of the policy. */
struct given {
    struct sw_str text;
    struct policy_arn_text arn;
    struct policy_decimal number;
    int64_t date_us;
    bool boolean;
    struct policy_cidr cidr;
};

static bool read_given(const struct policy_operator *op, const char *value, struct given *ret)
{
    ret->text = sw_str(value);
    switch (op->kind) {
    case POLICY_OP_ARN: policy_arn_split(ret->text, &ret->arn); return ret->arn.valid;
    case POLICY_OP_NUMERIC: return policy_decimal_parse(ret->text, &ret->number);
    case POLICY_OP_DATE: return policy_date_parse(ret->text, &ret->date_us);
    case POLICY_OP_BOOL: return parse_boolean(ret->text, &ret->boolean);
    case POLICY_OP_IP:
        return policy_cidr_parse(ret->text, &ret->cidr) &&
               ret->cidr.bits == (ret->cidr.v6 ? 128 : 32);
    case POLICY_OP_BINARY: ret->text = without_padding(ret->text); return true;
    case POLICY_OP_STRING:
    case POLICY_OP_STRING_NOCASE:
    case POLICY_OP_STRING_LIKE:
    case POLICY_OP_NULL: break;
    }
    return true;
}

static bool relates(enum policy_relation relation, int c)
{
    switch (relation) {
    case POLICY_EQUAL: return c == 0;
    case POLICY_LESS: return c < 0;
    case POLICY_LESS_EQUAL: return c <= 0;
    case POLICY_GREATER: return c > 0;
    case POLICY_GREATER_EQUAL: return c >= 0;
    }
    return false;
}

static bool one_matches(const struct policy_operator *op, const struct policy_value *want,
                        const struct given *got, const struct policy_vars *vars)
{
    switch (op->kind) {
    case POLICY_OP_STRING:
    case POLICY_OP_STRING_LIKE:
        return policy_glob_match(&want->glob, got->text, false, vars) == POLICY_MATCH;
    case POLICY_OP_STRING_NOCASE:
        return policy_glob_match(&want->glob, got->text, true, vars) == POLICY_MATCH;
    case POLICY_OP_ARN: return policy_arn_match(&want->arn, &got->arn, vars) == POLICY_MATCH;
    case POLICY_OP_NUMERIC:
        return relates(op->relation, policy_decimal_cmp(&got->number, &want->number));
    case POLICY_OP_DATE:
        return relates(op->relation,
                       (got->date_us > want->date_us) - (got->date_us < want->date_us));
    case POLICY_OP_BOOL: return got->boolean == want->boolean;
    case POLICY_OP_BINARY: return sw_str_eq(got->text, want->binary);
    case POLICY_OP_IP: return policy_cidr_contains(&want->cidr, &got->cidr);
    case POLICY_OP_NULL: break;
    }
    return false;
}

/* One value of the request against all values of the policy. */
static bool value_holds(const struct policy_condition *c, const char *value,
                        const struct policy_vars *vars)
{
    struct given got;
    if (!read_given(c->op, value, &got))
        return false;
    for (size_t i = 0; i < c->values_n; i++) {
        if (one_matches(c->op, &c->values[i], &got, vars))
            return !c->op->negated;
    }
    return c->op->negated;
}

static bool null_holds(const struct policy_condition *c, bool exists)
{
    for (size_t i = 0; i < c->values_n; i++) {
        if (c->values[i].boolean == !exists)
            return true;
    }
    return false;
}

bool policy_condition_holds(const struct policy_condition *c, const struct policy_vars *vars)
{
    const struct policy_key *k = vars->key ? vars->key(vars->ctx, c->key) : NULL;
    size_t n = k ? k->values_n : 0;
    if (c->op->kind == POLICY_OP_NULL)
        return null_holds(c, n > 0);
    switch (c->quantifier) {
    case POLICY_SINGLE:
        if (n == 0)
            return c->if_exists || c->op->negated;
        return n == 1 && !k->multi && value_holds(c, k->values[0], vars);
    case POLICY_FOR_ALL:
        for (size_t i = 0; i < n; i++) {
            if (!value_holds(c, k->values[i], vars))
                return false;
        }
        return true;
    case POLICY_FOR_ANY:
        for (size_t i = 0; i < n; i++) {
            if (value_holds(c, k->values[i], vars))
                return true;
        }
        return false;
    }
    return false;
}
