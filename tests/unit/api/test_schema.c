/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define REASON "InvalidParameterException"

static const char *const colours[] = {"RED", "GREEN", NULL};

static bool is_lower(const char *s)
{
    for (; *s; s++)
        if (*s < 'a' || *s > 'z')
            return false;
    return true;
}

struct inner {
    const char *name;
    struct schema_int memory;
};

struct outer {
    const char *name, *colour, *blob;
    enum schema_bool flag;
    struct schema_int count, big;
    struct schema_double ratio, at;
    json_t *items, *tags, *inner;
};

static const struct sw_field inner_fields[] = {
    {.name = "name",
     .type = T_STRING,
     .flags = F_BOUND | F_REQUIRED,
     .off = offsetof(struct inner, name)},
    {.name = "memory",
     .type = T_INT,
     .flags = F_BOUND | F_LIMITS,
     .min = 4,
     .max = 100,
     .off = offsetof(struct inner, memory)},
    {.name = "gpu", .type = T_STRING, .flags = F_REFUSED},
    F_END};
static const struct sw_field item = {.type = T_STRUCT, .of = inner_fields};
static const struct sw_field tag[] = {{.type = T_STRING, .flags = F_LIMITS, .min = 1, .max = 5},
                                      {.type = T_STRING}};
static const struct sw_field fields[] = {
    {.name = "name",
     .type = T_STRING,
     .flags = F_BOUND | F_REQUIRED | F_LIMITS,
     .min = 2,
     .max = 6,
     .check = is_lower,
     .pattern = "[a-z]+",
     .off = offsetof(struct outer, name)},
    {.name = "colour",
     .type = T_STRING,
     .flags = F_BOUND,
     .values = colours,
     .off = offsetof(struct outer, colour)},
    {.name = "blob",
     .type = T_BLOB,
     .flags = F_BOUND | F_LIMITS,
     .min = 0,
     .max = 4,
     .off = offsetof(struct outer, blob)},
    {.name = "flag", .type = T_BOOL, .flags = F_BOUND, .off = offsetof(struct outer, flag)},
    {.name = "count",
     .type = T_INT,
     .flags = F_BOUND | F_LIMITS,
     .min = 1,
     .max = 0,
     .off = offsetof(struct outer, count)},
    {.name = "big", .type = T_LONG, .flags = F_BOUND, .off = offsetof(struct outer, big)},
    {.name = "ratio", .type = T_DOUBLE, .flags = F_BOUND, .off = offsetof(struct outer, ratio)},
    {.name = "at", .type = T_TIMESTAMP, .flags = F_BOUND, .off = offsetof(struct outer, at)},
    {.name = "items",
     .type = T_LIST,
     .flags = F_BOUND | F_LIMITS,
     .min = 0,
     .max = 2,
     .of = &item,
     .off = offsetof(struct outer, items)},
    {.name = "tags",
     .type = T_MAP,
     .flags = F_BOUND,
     .of = tag,
     .off = offsetof(struct outer, tags)},
    {.name = "inner",
     .type = T_STRUCT,
     .flags = F_BOUND,
     .of = inner_fields,
     .off = offsetof(struct outer, inner)},
    {.name = "kept", .type = T_STRING, .flags = F_STORED},
    {.name = "read", .type = T_STRING, .flags = F_READ},
    {.name = "refused", .type = T_LIST, .flags = F_REFUSED, .of = &item},
    F_END};

static json_t *load(const char *text)
{
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    CHECK_MSG(j != NULL, "%s", text);
    return j;
}

static void rejected(const char *text, int code, const char *reason, const char *message)
{
    struct sw_err err = SW_ERR_INIT;
    struct outer o;
    sw_autojson json_t *doc = load(text);
    int r = schema_validate(fields, doc, REASON, &o, sizeof(o), &err);
    if (r != code || !err.reason || strcmp(err.reason, reason) != 0 ||
        strcmp(err.msg, message) != 0)
        test_fail(__FILE__, __LINE__, "%s gave %d %s: %s", text, r, err.reason ? err.reason : "",
                  err.msg);
}

static void accepted(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *doc = load(text);
    CHECK_OK(schema_validate(fields, doc, REASON, NULL, 0, &err));
}

#define INVALID(text, message) rejected(text, SW_EINVALID, REASON, message)
#define CONSTRAINT(text, at, what) \
    INVALID(text, "Invalid parameter at '" at "' failed to satisfy constraint: '" what "'")
#define WRONG_TYPE(text, message) rejected(text, SW_EINVALID, "SerializationException", message)

TEST(binds_what_it_accepted)
{
    struct sw_err err = SW_ERR_INIT;
    struct outer o;
    struct inner in;
    memset(&o, 0xff, sizeof(o));
    sw_autojson json_t *doc =
        load("{\"name\":\"abc\",\"colour\":\"RED\",\"blob\":\"YWJj\",\"flag\":false,\"count\":7.0,"
             "\"big\":9007199254740993,\"ratio\":0.5,\"at\":1700000000.25,"
             "\"items\":[{\"name\":\"x\",\"memory\":4}],\"tags\":{\"a\":\"b\"},\"inner\":null,"
             "\"kept\":\"k\"}");
    CHECK_OK(schema_validate(fields, doc, REASON, &o, sizeof(o), &err));
    CHECK_EQ_STR(o.name, "abc");
    CHECK_EQ_STR(o.colour, "RED");
    CHECK_EQ_STR(o.blob, "YWJj");
    CHECK_EQ_INT(o.flag, SCHEMA_FALSE);
    CHECK(o.count.set && o.count.v == 7);
    CHECK(o.big.set && o.big.v == 9007199254740993);
    CHECK(o.ratio.set && o.ratio.v == 0.5);
    CHECK(o.at.set && o.at.v == 1700000000.25);
    CHECK_NULL(o.inner);
    CHECK_EQ_UINT(json_object_size(o.tags), 1);
    schema_bind(inner_fields, json_array_get(o.items, 0), &in, sizeof(in));
    CHECK_EQ_STR(in.name, "x");
    CHECK(in.memory.set && in.memory.v == 4);
}

TEST(absent_members_bind_to_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    struct outer o;
    memset(&o, 0xff, sizeof(o));
    sw_autojson json_t *doc = load("{\"name\":\"abc\",\"flag\":null,\"count\":null}");
    CHECK_OK(schema_validate(fields, doc, REASON, &o, sizeof(o), &err));
    CHECK(!o.colour && !o.items && !o.count.set && !o.ratio.set);
    CHECK_EQ_INT(o.flag, SCHEMA_ABSENT);
}

TEST(required_members)
{
    INVALID("{}", "Missing required field: 'name'");
    INVALID("{\"name\":null}", "Missing required field: 'name'");
    INVALID("{\"name\":\"abc\",\"items\":[{}]}", "Missing required field: 'items[0].name'");
    INVALID("{\"name\":\"abc\",\"inner\":{\"memory\":5}}", "Missing required field: 'inner.name'");
}

TEST(types)
{
    WRONG_TYPE("[]", "'the request' must be of type structure, but is a list");
    WRONG_TYPE("{\"name\":5}", "'name' must be of type string, but is a number");
    WRONG_TYPE("{\"name\":\"abc\",\"flag\":\"true\"}",
               "'flag' must be of type boolean, but is a string");
    WRONG_TYPE("{\"name\":\"abc\",\"count\":1.5}",
               "'count' must be of type integer, but is a number");
    WRONG_TYPE("{\"name\":\"abc\",\"count\":2147483648}",
               "'count' must be of type integer, but is a number");
    WRONG_TYPE("{\"name\":\"abc\",\"count\":\"1\"}",
               "'count' must be of type integer, but is a string");
    WRONG_TYPE("{\"name\":\"abc\",\"big\":1e300}",
               "'big' must be of type integer, but is a number");
    WRONG_TYPE("{\"name\":\"abc\",\"ratio\":true}",
               "'ratio' must be of type double, but is a boolean");
    WRONG_TYPE("{\"name\":\"abc\",\"at\":\"2026-01-01\"}",
               "'at' must be of type timestamp, but is a string");
    WRONG_TYPE("{\"name\":\"abc\",\"items\":{}}", "'items' must be of type list, but is an object");
    WRONG_TYPE("{\"name\":\"abc\",\"items\":[null]}",
               "'items[0]' must be of type structure, but is null");
    WRONG_TYPE("{\"name\":\"abc\",\"tags\":{\"a\":null}}",
               "'tags.a' must be of type string, but is null");
    WRONG_TYPE("{\"name\":\"abc\",\"tags\":[]}", "'tags' must be of type map, but is a list");
    WRONG_TYPE("{\"name\":\"abc\",\"inner\":[]}",
               "'inner' must be of type structure, but is a list");
    WRONG_TYPE("{\"name\":\"abc\",\"blob\":\"a\"}", "'blob' is not base64");
    WRONG_TYPE("{\"name\":\"abc\",\"blob\":\"a=bc\"}", "'blob' is not base64");
    WRONG_TYPE("{\"name\":\"abc\",\"kept\":1}", "'kept' must be of type string, but is a number");
    WRONG_TYPE("{\"name\":\"abc\",\"read\":{}}", "'read' must be of type string, but is an object");
}

TEST(limits)
{
    CONSTRAINT("{\"name\":\"a\"}", "name", "must have length greater than or equal to 2");
    CONSTRAINT("{\"name\":\"abcdefg\"}", "name", "must have length less than or equal to 6");
    CONSTRAINT("{\"name\":\"aB\"}", "name", "must satisfy regular expression '[a-z]+'");
    CONSTRAINT("{\"name\":\"\\u00e4\\u00e4\"}", "name", "must satisfy regular expression '[a-z]+'");
    CONSTRAINT("{\"name\":\"\\u00e4\"}", "name", "must have length greater than or equal to 2");
    CONSTRAINT("{\"name\":\"abc\",\"colour\":\"BLUE\"}", "colour",
               "must satisfy enum value set: [RED, GREEN]");
    CONSTRAINT("{\"name\":\"abc\",\"count\":0}", "count",
               "must have value greater than or equal to 1");
    CONSTRAINT("{\"name\":\"abc\",\"blob\":\"YWFhYWE=\"}", "blob",
               "must have length less than or equal to 4");
    CONSTRAINT("{\"name\":\"abc\",\"items\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
               "items", "must have length less than or equal to 2");
    CONSTRAINT("{\"name\":\"abc\",\"items\":[{\"name\":\"a\"},{\"name\":\"b\",\"memory\":3}]}",
               "items[1].memory", "must have value greater than or equal to 4");
    CONSTRAINT("{\"name\":\"abc\",\"tags\":{\"toolong\":\"x\"}}", "tags.toolong",
               "must have length less than or equal to 5");
    accepted("{\"name\":\"abc\",\"count\":2147483647,\"blob\":\"YWFhYQ==\"}");
}

TEST(unknown_members)
{
    INVALID("{\"name\":\"abc\",\"foo\":1}", "Unknown parameter: 'foo'");
    INVALID("{\"name\":\"abc\",\"foo\":null}", "Unknown parameter: 'foo'");
    INVALID("{\"name\":\"abc\",\"items\":[{\"name\":\"a\",\"x\":1}]}",
            "Unknown parameter: 'items[0].x'");
}

TEST(refused_members)
{
    rejected("{\"name\":\"abc\",\"refused\":[{}]}", SW_EUNSUPPORTED, "UnsupportedFeatureException",
             "The parameter 'refused' is not supported");
    rejected("{\"name\":\"abc\",\"inner\":{\"name\":\"a\",\"gpu\":\"1\"}}", SW_EUNSUPPORTED,
             "UnsupportedFeatureException", "The parameter 'inner.gpu' is not supported");
    accepted("{\"name\":\"abc\",\"refused\":[]}");
    accepted("{\"name\":\"abc\",\"refused\":null}");
    accepted("{\"name\":\"abc\",\"refused\":false}");
    accepted("{\"name\":\"abc\",\"refused\":0}");
    accepted("{\"name\":\"abc\",\"refused\":\"\"}");
    accepted("{\"name\":\"abc\",\"refused\":{}}");
}

TEST(long_names_of_peers_are_cut)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *doc = load("{\"name\":\"abc\"}");
    char *name = malloc(100001);
    memset(name, 'x', 100000);
    name[100000] = 0;
    json_object_set_new(doc, name, json_null());
    CHECK_EQ_INT(schema_validate(fields, doc, REASON, NULL, 0, &err), SW_EINVALID);
    CHECK(strlen(err.msg) < 200);
    free(name);
}

TEST(replies_are_checked)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *good = load("{\"items\":[{\"memory\":1}],\"colour\":\"RED\"}");
    CHECK_OK(schema_check_output(fields, good, &err)); /* neither required nor limits */
    static const char *const bad[][2] = {{"{\"foo\":1}", "'foo'"},
                                         {"{\"items\":[{\"x\":1}]}", "'items[0].x'"},
                                         {"{\"name\":null}", "'name'"},
                                         {"{\"colour\":\"BLUE\"}", "'colour'"},
                                         {"{\"at\":\"2026\"}", "'at'"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        sw_autojson json_t *doc = load(bad[i][0]);
        CHECK_EQ_INT(schema_check_output(fields, doc, &err), SW_EINTERNAL);
        CHECK_CONTAINS(err.msg, bad[i][1]);
        sw_err_clear(&err);
    }
}

TEST(describes_its_tables)
{
    sw_autojson json_t *d = schema_describe(fields);
    json_t *m = json_object_get(d, "members"), *name = json_object_get(m, "name");
    CHECK_EQ_STR(sw_json_str(d, "type", NULL), "structure");
    CHECK_EQ_UINT(json_object_size(m), SW_ARRAY_LEN(fields) - 1);
    CHECK_EQ_STR(sw_json_str(name, "type", NULL), "string");
    CHECK_EQ_STR(sw_json_str(name, "handling", NULL), "bound");
    CHECK(sw_json_bool(name, "required", false));
    CHECK_EQ_INT(sw_json_int(name, "min", -1), 2);
    CHECK_EQ_INT(sw_json_int(name, "max", -1), 6);
    CHECK_EQ_STR(sw_json_str(json_object_get(m, "refused"), "handling", NULL), "refused");
    CHECK_EQ_UINT(json_array_size(json_object_get(json_object_get(m, "colour"), "enum")), 2);
    CHECK_NULL(json_object_get(json_object_get(m, "count"), "max"));
    json_t *element = json_object_get(json_object_get(m, "items"), "of");
    CHECK_EQ_STR(sw_json_str(element, "type", NULL), "structure");
    CHECK_NOT_NULL(
        json_object_get(json_object_get(json_object_get(element, "of"), "members"), "gpu"));
    CHECK_NOT_NULL(json_object_get(json_object_get(json_object_get(m, "tags"), "of"), "value"));
}

static const struct sw_field tree[];
static const struct sw_field tree_item = {.type = T_STRUCT, .flags = F_RECURSIVE, .of = tree};
static const struct sw_field tree[] = {
    {.name = "children", .type = T_LIST, .flags = F_READ, .of = &tree_item}, F_END};

TEST(recursive_tables_end)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *d = schema_describe(tree);
    CHECK_NOT_NULL(d);
    sw_autojson json_t *doc = load("{\"children\":[{\"children\":[{}, {\"x\":1}]}]}");
    CHECK_ERR(schema_validate(tree, doc, REASON, NULL, 0, &err), SW_EINVALID, REASON);
}
