/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_condition.h"

#include "tests/unit/auth/policy_util.h"

/* One condition on the key a:k with values separated by '|', in a context; "-": the key is absent. */
struct row {
    const char *op, *values, *given;
    bool want;
};

static bool holds(const struct row *r)
{
    struct sw_arena arena = {0};
    struct policy_condition c = {.key = "A:K"};
    struct policy_value values[8] = {0};
    struct world w;
    char context[256];
    struct sw_str rest = sw_str(r->values), one;
    world_init(&w);
    snprintf(context, sizeof(context), "a:k=%s;aws:username=ann", r->given);
    world_context(&w, sw_streq(r->given, "-") ? "aws:username=ann" : context);
    const char *problem = policy_operator_parse(sw_str(r->op), &c);
    CHECK_MSG(!problem, "%s: %s", r->op, problem);
    c.values = values;
    while (sw_str_split(&rest, '|', &one)) {
        problem = policy_value_compile(&arena, c.op, one, true, &values[c.values_n++]);
        CHECK_MSG(!problem, "%s %s: %s", r->op, r->values, problem);
    }
    bool result = policy_condition_holds(&c, &(struct policy_vars){world_key, &w});
    sw_arena_done(&arena);
    return result;
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_MSG(holds(&rows[i]) == rows[i].want, "%s [%s] given [%s]", rows[i].op, rows[i].values,
                  rows[i].given);
}
#define CHECK_ROWS(rows) check_rows((rows), SW_ARRAY_LEN(rows))

TEST(strings)
{
    static const struct row rows[] = {
        {"StringEquals", "a", "a", true},
        {"StringEquals", "a", "A", false},
        {"StringEquals", "a|b", "b", true},
        {"StringEquals", "a*", "ab", false},
        {"StringEquals", "a*", "a*", true},
        {"StringEquals", "a${*}", "a*", true},
        {"StringEquals", "${aws:username}", "ann", true},
        {"StringEquals", "${aws:nobody}", "ann", false},
        {"StringEquals", "", "", true},
        {"StringNotEquals", "a", "b", true},
        {"StringNotEquals", "a|b", "b", false},
        {"StringNotEquals", "a|b", "c", true},
        {"StringNotEquals", "${aws:nobody}", "ann", true},
        {"StringEqualsIgnoreCase", "AbC", "aBc", true},
        {"StringEqualsIgnoreCase", "ä", "Ä", false},
        {"StringNotEqualsIgnoreCase", "AbC", "aBc", false},
        {"StringLike", "a*c|x?", "abbc", true},
        {"StringLike", "a*c|x?", "xy", true},
        {"StringLike", "a*c|x?", "xyz", false},
        {"StringLike", "*${aws:username}*", "xannx", true},
        {"StringNotLike", "a*", "abc", false},
        {"StringNotLike", "a*", "bc", true},
        {"stringlike", "a*", "abc", true},
    };
    CHECK_ROWS(rows);
}

TEST(numbers)
{
    static const struct row rows[] = {
        {"NumericEquals", "10", "10", true},
        {"NumericEquals", "10", "10.0", true},
        {"NumericEquals", "010", "10", true},
        {"NumericEquals", "-0", "0", true},
        {"NumericEquals", "0.1", "0.10", true},
        {"NumericEquals", "9007199254740993", "9007199254740992", false},
        {"NumericEquals", "10", "ten", false},
        {"NumericNotEquals", "10", "ten", false},
        {"NumericNotEquals", "10|11", "12", true},
        {"NumericNotEquals", "10|11", "11", false},
        {"NumericLessThan", "10", "9.99", true},
        {"NumericLessThan", "10", "10", false},
        {"NumericLessThan", "-1", "-2", true},
        {"NumericLessThan", "-1", "0", false},
        {"NumericLessThan", "1.25", "1.3", false},
        {"NumericLessThanEquals", "10", "10", true},
        {"NumericGreaterThan", "9", "10", true},
        {"NumericGreaterThan", "-10", "-9", true},
        {"NumericGreaterThanEquals", "3|100", "3", true},
        {"NumericGreaterThanEquals", "3", "2.999", false},
    };
    CHECK_ROWS(rows);
}

TEST(dates)
{
    static const struct row rows[] = {
        {"DateEquals", "2025-06-15T12:30:00Z", "2025-06-15T14:30:00+02:00", true},
        {"DateEquals", "2025-06-15T12:30Z", "1749990600", true},
        {"DateEquals", "2025-06-15", "2025-06-15T00:00:00.000Z", true},
        {"DateEquals", "2025-06", "2025-06-01", true},
        {"DateEquals", "1970-01-01T00:00:00Z", "0", true},
        {"DateNotEquals", "2025-06-15", "2025-06-16", true},
        {"DateNotEquals", "2025-06-15", "tomorrow", false},
        {"DateLessThan", "2025-06-15T00:00:00.5Z", "2025-06-15T00:00:00.4Z", true},
        {"DateLessThan", "2024-03-01", "2024-02-29", true},
        {"DateLessThanEquals", "2025-06-15", "2025-06-15", true},
        {"DateGreaterThan", "2025-06-15", "2025-06-15T00:00:00-01:00", true},
        {"DateGreaterThan", "1969-12-31", "1970-01-01", true},
        {"DateGreaterThanEquals", "2025-06-15", "2025-06-14T23:59:59Z", false},
    };
    CHECK_ROWS(rows);
    static const char *const bad[] = {"",
                                      "2025",
                                      "2025-13",
                                      "2025-02-30",
                                      "2025-06-15T",
                                      "2025-06-15T12:00:00",
                                      "2025-06-15T24:00Z",
                                      "2025-6-15",
                                      "2025-06-15T12:00:00.Z",
                                      "2025-06-15T12:00Zx",
                                      "x"};
    int64_t us;
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!policy_date_parse(sw_str(bad[i]), &us) || sw_streq(bad[i], "2025"), "%s",
                  bad[i]);
    CHECK(policy_date_parse(sw_str("2025"), &us) && us == 2025LL * 1000000);
}

TEST(addresses)
{
    static const struct row rows[] = {
        {"IpAddress", "10.0.0.0/8", "10.255.1.2", true},
        {"IpAddress", "10.0.0.0/8", "11.0.0.1", false},
        {"IpAddress", "10.0.0.1", "10.0.0.1", true},
        {"IpAddress", "10.0.0.1", "10.0.0.2", false},
        {"IpAddress", "10.0.1.64/26", "10.0.1.127", true},
        {"IpAddress", "10.0.1.64/26", "10.0.1.128", false},
        {"IpAddress", "10.0.1.77/26", "10.0.1.64", true},
        {"IpAddress", "0.0.0.0/0", "203.0.113.9", true},
        {"IpAddress", "0.0.0.0/0", "2001:db8::1", false},
        {"IpAddress", "::/0", "2001:db8::1", true},
        {"IpAddress", "::/0", "10.0.0.1", false},
        {"IpAddress", "2001:db8::/33", "2001:db8:7fff::1", true},
        {"IpAddress", "2001:db8::/33", "2001:db8:8000::1", false},
        {"IpAddress", "2001:DB8:0::1", "2001:db8::1", true},
        {"IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"IpAddress", "10.0.0.0/8|192.168.0.0/16", "192.168.3.4", true},
        {"IpAddress", "10.0.0.0/8", "10.0.0.0/8", false},
        {"NotIpAddress", "10.0.0.0/8|192.168.0.0/16", "192.168.3.4", false},
        {"NotIpAddress", "10.0.0.0/8", "2001:db8::1", true},
        {"NotIpAddress", "10.0.0.0/8", "localhost", false},
    };
    CHECK_ROWS(rows);
    static const char *const bad[] = {"",       "10.0.0",      "10.0.0.0/", "10.0.0.0/33",
                                      "::/129", "10.0.0.0/-1", "a",         "10.0.0.0/8/8"};
    struct policy_cidr c;
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!policy_cidr_parse(sw_str(bad[i]), &c), "%s", bad[i]);
}

TEST(arns_booleans_and_bytes)
{
    static const struct row rows[] = {
        {"ArnEquals", "arn:aws:ecs:*:1:cluster/m*", "arn:aws:ecs:us-east-1:1:cluster/main", true},
        {"ArnLike", "arn:aws:ecs:*:1:cluster/m*", "arn:aws:ecs:us-east-1:2:cluster/main", false},
        {"ArnLike", "arn:aws:iam::1:role/${aws:username}", "arn:aws:iam::1:role/ann", true},
        {"ArnLike", "arn:aws:iam::1:role/x", "role/x", false},
        {"ArnLike", "*", "arn:aws:iam::1:role/x", true},
        {"ArnNotEquals", "arn:aws:iam::1:role/x", "arn:aws:iam::1:role/y", true},
        {"ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/y", false},
        {"ArnNotLike", "arn:aws:iam::1:role/*", "no arn", false},
        {"Bool", "true", "true", true},
        {"Bool", "True", "true", true},
        {"Bool", "false", "true", false},
        {"Bool", "true|false", "false", true},
        {"Bool", "true", "yes", false},
        {"BinaryEquals", "QUJDRA==", "QUJDRA==", true},
        {"BinaryEquals", "QUJDRA==", "QUJDRA", true},
        {"BinaryEquals", "QUJD", "QUJE", false},
    };
    CHECK_ROWS(rows);
}

TEST(absent_keys)
{
    static const struct row rows[] = {
        {"StringEquals", "a", "-", false},
        {"StringNotEquals", "a", "-", true},
        {"StringEqualsIfExists", "a", "-", true},
        {"StringEqualsIfExists", "a", "b", false},
        {"StringNotEqualsIfExists", "a", "-", true},
        {"NumericLessThan", "1", "-", false},
        {"NumericLessThanIfExists", "1", "-", true},
        {"NotIpAddress", "10.0.0.0/8", "-", true},
        {"ArnNotLike", "arn:aws:iam::1:role/*", "-", true},
        {"Bool", "false", "-", false},
        {"BoolIfExists", "true", "-", true},
        {"Null", "true", "-", true},
        {"Null", "false", "-", false},
        {"Null", "true", "x", false},
        {"Null", "false", "x", true},
        {"Null", "true|false", "x", true},
        {"Null", "true", "[]", true},
    };
    CHECK_ROWS(rows);
}

TEST(sets)
{
    static const struct row rows[] = {
        {"ForAllValues:StringEquals", "a|b", "[a,b]", true},
        {"ForAllValues:StringEquals", "a|b", "[a,c]", false},
        {"ForAllValues:StringEquals", "a", "-", true},
        {"ForAllValues:StringEquals", "a", "[]", true},
        {"ForAllValues:StringNotEquals", "a|b", "[c,d]", true},
        {"ForAllValues:StringNotEquals", "a|b", "[c,b]", false},
        {"ForAllValues:StringLike", "a*", "ab", true},
        {"ForAnyValue:StringEquals", "a|b", "[x,b]", true},
        {"ForAnyValue:StringEquals", "a|b", "[x,y]", false},
        {"ForAnyValue:StringEquals", "a", "-", false},
        {"ForAnyValue:StringEqualsIfExists", "a", "-", false},
        {"ForAnyValue:StringNotEquals", "a|b", "[a,c]", true},
        {"ForAnyValue:StringNotEquals", "a|b", "[a,b]", false},
        {"ForAnyValue:StringNotEquals", "a", "-", false},
        {"StringEquals", "a", "[a]", false},
        {"StringEquals", "a", "[a,a]", false},
        {"StringNotEquals", "a", "[b]", false},
        {"ForAnyValue:IpAddress", "10.0.0.0/8", "[192.168.0.1,10.0.0.1]", true},
    };
    CHECK_ROWS(rows);
}

TEST(operators_are_known_by_name)
{
    struct policy_condition c = {0};
    CHECK_NOT_NULL(policy_operator_parse(sw_str("StringFoo"), &c));
    CHECK_NULL(c.op);
    CHECK_NOT_NULL(policy_operator_parse(sw_str("ForSome:StringLike"), &c));
    CHECK_NULL(policy_operator_parse(sw_str("foranyvalue:ARNLIKEIFEXISTS"), &c));
    CHECK_EQ_STR(c.op->name, "ArnLike");
    CHECK(c.if_exists && c.quantifier == POLICY_FOR_ANY);
    CHECK_EQ_STR(policy_operator_nearest("ForAllValues:StringLik"), "StringLike");
    CHECK_NULL(policy_operator_nearest("zzzzzzzzzzz"));
}
