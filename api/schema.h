/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/schema.h - AWS structures as tables, and the engine that validates, binds and checks with them.
 * One line per member. Every member is exactly one of: bound (an offset into the handler's structure), read by the handler
 * from the JSON (F_READ), stored and echoed (F_STORED), or refused by name (F_REFUSED): "silently ignored" has no spelling. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum sw_type {
    T_STRING,
    T_BOOL,
    T_INT,
    T_LONG,
    T_DOUBLE,
    T_TIMESTAMP,
    T_BLOB,
    T_LIST,
    T_MAP,
    T_STRUCT,
    T_MAX_
};

enum {
    F_REQUIRED = 1 << 0,
    F_BOUND = 1 << 1,
    F_READ = 1 << 2,
    F_STORED = 1 << 3,
    F_REFUSED =
        1
        << 4, /* UnsupportedFeatureException when present with anything but null, false, 0, "", [] or {} */
    F_LIMITS =
        1
        << 5, /* min and max count: characters of strings, decoded bytes of blobs, elements of lists and maps, value of
                           numbers. max below min: there is no maximum */
    F_RECURSIVE = 1 << 6 /* `of` leads back to an outer table: schema_describe stops here */
};

struct sw_field {
    const char *name; /* NULL ends an array */
    enum sw_type type;
    unsigned flags;
    size_t
        off; /* F_BOUND: const char * (STRING, BLOB as base64), enum schema_bool, struct schema_int, struct schema_double,
                   json_t * (LIST, MAP, STRUCT; borrowed) */
    int64_t min, max;
    const char *const *values;        /* STRING: allowed ones, NULL-terminated; NULL: any */
    bool (*check)(const char *value); /* STRING: pattern as a function; NULL: none */
    const char *pattern;              /* its text, for the message */
    const struct sw_field *of;        /* STRUCT: members; LIST: one element; MAP: key then value */
};

enum schema_bool { SCHEMA_ABSENT = 0, SCHEMA_FALSE, SCHEMA_TRUE };
struct schema_int {
    bool set;
    int64_t v;
};
struct schema_double {
    bool set;
    double v;
};

/* Rows of tables. */
#define F_END        \
    {                \
        .name = NULL \
    }

/* Checks the whole document against the fields: types, required, null policy (null = absent, but not for required or inside
 * lists), limits, enums, unknown members. Paths in messages: 'containerDefinitions[0].memory'.
 * SW_EINVALID with "SerializationException" for wrong types, `reason` (the service's, e.g. InvalidParameterException) for the
 * rest; SW_EUNSUPPORTED "UnsupportedFeatureException" for refused members. Zeroes and fills `bound` when not NULL. */
int schema_validate(const struct sw_field *fields, const json_t *doc, const char *reason,
                    void *bound, size_t bound_size, struct sw_err *err);
/* Binds an inner structure that was validated before (an element of a list). */
void schema_bind(const struct sw_field *fields, const json_t *doc, void *bound, size_t bound_size);
/* Replies: every member known and of its type. SW_EINTERNAL naming the path. */
int schema_check_output(const struct sw_field *fields, const json_t *doc, struct sw_err *err);
/* The table as JSON, for `slipway debug schema` and the comparison with botocore's models: {"type":"structure","members":{name:
 * {"type","required","min","max","enum","handling":"bound|read|stored|refused","of":...}}}. */
json_t *schema_describe(const struct sw_field *fields);
