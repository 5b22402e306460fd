/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_condition.h - one line of a Condition block: operator, context key, values.
 * Operators are a table: a kind (how one value is compared), a relation and whether it is negated. Compiling reads the values
 * once (numbers, dates, CIDR blocks, patterns), so that a decision only compares.
 *   missing key: false; true for negated operators, ...IfExists and ForAllValues; ForAnyValue is false even with IfExists
 *   several values: any may match; of a negated operator none may
 *   a key that is a set: needs ForAllValues or ForAnyValue, else false
 *   a context value that is no number, date, address, ARN: false, negated or not
 *   a variable without a value: that policy value matches nothing (so a negated string operator holds)
 * Pure, no allocation when testing. Spec: IAM user guide, "IAM JSON policy elements: Condition operators". */
#include <stdint.h>

#include "auth/policy_match.h"
#include "base/arena.h"

enum policy_operator_kind {
    POLICY_OP_STRING,
    POLICY_OP_STRING_NOCASE, /* ASCII letters */
    POLICY_OP_STRING_LIKE,
    POLICY_OP_NUMERIC,
    POLICY_OP_DATE,
    POLICY_OP_BOOL,
    POLICY_OP_BINARY,
    POLICY_OP_IP,
    POLICY_OP_ARN,
    POLICY_OP_NULL,
};
enum policy_relation {
    POLICY_EQUAL,
    POLICY_LESS,
    POLICY_LESS_EQUAL,
    POLICY_GREATER,
    POLICY_GREATER_EQUAL
};
struct policy_operator {
    const char *name;
    enum policy_operator_kind kind;
    enum policy_relation relation;
    bool negated;
};
enum policy_quantifier { POLICY_SINGLE, POLICY_FOR_ALL, POLICY_FOR_ANY };

/* A decimal number exactly as written: no rounding, any length. */
struct policy_decimal {
    bool negative;
    struct sw_str whole, fraction; /* without leading, trailing zeros */
};
bool policy_decimal_parse(struct sw_str s, struct policy_decimal *ret); /* borrows s */
int policy_decimal_cmp(const struct policy_decimal *a, const struct policy_decimal *b);

/* Epoch seconds, or W3C date-time: year, year-month, date, date with time and Z or +hh:mm. */
bool policy_date_parse(struct sw_str s, int64_t *ret_us);

struct policy_cidr {
    bool v6;
    unsigned char address[16], bits;
};
bool policy_cidr_parse(struct sw_str s,
                       struct policy_cidr *ret); /* an address alone is one with all bits */
bool policy_cidr_contains(const struct policy_cidr *block, const struct policy_cidr *address);

struct policy_value {
    const char *text; /* as written */
    union {
        struct policy_glob glob;
        struct policy_arn_glob arn;
        struct policy_decimal number;
        int64_t date_us;
        bool boolean;
        struct policy_cidr cidr;
        struct sw_str binary; /* base64 without padding */
    };
};

struct policy_condition {
    const struct policy_operator *op;
    enum policy_quantifier quantifier;
    bool if_exists;
    const char *key;
    const struct policy_value *values;
    size_t values_n;
    struct policy_position where; /* of the key */
};

/* "ForAllValues:StringLikeIfExists", in any letter case; NULL or what is wrong (static). */
const char *policy_operator_parse(struct sw_str text, struct policy_condition *ret);
/* The nearest operator's name for a message, or NULL. */
const char *policy_operator_nearest(const char *text);
/* Reads one value for the operator; NULL or what is wrong (static). */
const char *policy_value_compile(struct sw_arena *arena, const struct policy_operator *op,
                                 struct sw_str text, bool variables, struct policy_value *ret);
bool policy_condition_holds(const struct policy_condition *c, const struct policy_vars *vars);
