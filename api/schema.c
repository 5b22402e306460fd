/* SPDX-License-Identifier: Apache-2.0 */
/* api/schema.c - one walk over a document with its table.
 * Invariant: after schema_validate returned 0, every member of the document is in the table, has its type and its limits, and
 * no refused member says anything; binding therefore checks nothing again. Depth is bounded by whoever loaded the document. */
#include "api/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/macros.h"

#define PATH_MAX_ 320

static const char *const type_names[] = {
    [T_STRING] = "string", [T_BOOL] = "boolean",        [T_INT] = "integer", [T_LONG] = "long",
    [T_DOUBLE] = "double", [T_TIMESTAMP] = "timestamp", [T_BLOB] = "blob",   [T_LIST] = "list",
    [T_MAP] = "map",       [T_STRUCT] = "structure",
};

/* Where the walk is, as text: containerDefinitions[0].memory. Cut, not grown, when it is long. */
struct walk {
    char path[PATH_MAX_];
    size_t n;
    const char *reason; /* of violations; NULL when a reply is checked */
    struct sw_err *err;
};

static size_t enter(struct walk *w, const char *name)
{
    size_t before = w->n;
    int n = snprintf(w->path + w->n, sizeof(w->path) - w->n, "%s%.100s", w->n ? "." : "", name);
    w->n = SW_MIN(w->n + (size_t)SW_MAX(n, 0), sizeof(w->path) - 1);
    return before;
}

static size_t enter_index(struct walk *w, size_t index)
{
    size_t before = w->n;
    int n = snprintf(w->path + w->n, sizeof(w->path) - w->n, "[%zu]", index);
    w->n = SW_MIN(w->n + (size_t)SW_MAX(n, 0), sizeof(w->path) - 1);
    return before;
}

static void leave(struct walk *w, size_t before)
{
    w->n = before;
    w->path[before] = 0;
}

static const char *json_type_name(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "unknown";
}

static int wrong_type(struct walk *w, const struct sw_field *f, const json_t *v)
{
    const char *expected = f->type == T_LONG ? "integer" : type_names[f->type];
    const char *where = w->n ? w->path : "the request";

    if (!w->reason)
        return sw_fail(w->err, SW_EINTERNAL, NULL, "reply: '%s' is %s, not of type %s", where,
                       json_type_name(v), expected);
    return sw_fail(w->err, SW_EINVALID, "SerializationException",
                   "'%s' must be of type %s, but is %s", where, expected, json_type_name(v));
}

static int violation(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int violation(struct walk *w, const char *fmt, ...)
{
    char text[560];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return sw_fail(w->err, SW_EINVALID, w->reason,
                   "Invalid parameter at '%s' failed to satisfy constraint: '%s'", w->path, text);
}

/* A JSON integer, or a real that is one. */
static bool integral(const json_t *v, int64_t *ret)
{
    if (json_is_integer(v)) {
        *ret = json_integer_value(v);
        return true;
    }
    if (!json_is_real(v))
        return false;
    double d = json_real_value(v);
    if (!isfinite(d) || d != trunc(d) || fabs(d) > 9007199254740992.0)
        return false;
    *ret = (int64_t)d;
    return true;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static int check_length(struct walk *w, const struct sw_field *f, size_t n)
{
    bool has_max = f->max >= f->min;

    if (!(f->flags & F_LIMITS))
        return 0;
    if ((int64_t)n < f->min)
        return violation(w, "must have length greater than or equal to %lld", (long long)f->min);
    if (has_max && (int64_t)n > f->max)
        return violation(w, "must have length less than or equal to %lld", (long long)f->max);
    return 0;
}

static bool in_values(const char *const *values, const char *s)
{
    for (; *values; values++)
        if (strcmp(*values, s) == 0)
            return true;
    return false;
}

static void join_values(const char *const *values, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; values[i] && n < cap - 1; i++) {
        int k = snprintf(out + n, cap - n, "%s%s", i ? ", " : "", values[i]);
        n = SW_MIN(n + (size_t)SW_MAX(k, 0), cap - 1);
    }
}

static int check_string(struct walk *w, const struct sw_field *f, const json_t *v)
{
    const char *s = json_string_value(v);
    char allowed[400];
    int r = check_length(w, f, characters(s));

    if (r < 0)
        return r;
    if (f->values && !in_values(f->values, s)) {
        join_values(f->values, allowed, sizeof(allowed));
        return violation(w, "must satisfy enum value set: [%s]", allowed);
    }
    if (f->check && !f->check(s))
        return violation(w, "must satisfy regular expression '%s'", f->pattern ? f->pattern : "");
    return 0;
}

/* Base64 with padding; the limits count decoded bytes. */
static int check_blob(struct walk *w, const struct sw_field *f, const json_t *v)
{
    const char *s = json_string_value(v);
    size_t n = json_string_length(v), pad = 0, i;

    while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
        pad++;
    for (i = 0; i < n - pad; i++) {
        char c = s[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            break;
    }
    if (n % 4 != 0 || i != n - pad)
        return sw_fail(w->err, SW_EINVALID, "SerializationException", "'%s' is not base64",
                       w->path);
    return check_length(w, f, n / 4 * 3 - pad);
}

static int check_number(struct walk *w, const struct sw_field *f, double v)
{
    if (!(f->flags & F_LIMITS))
        return 0;
    if (v < (double)f->min)
        return violation(w, "must have value greater than or equal to %lld", (long long)f->min);
    if (f->max >= f->min && v > (double)f->max)
        return violation(w, "must have value less than or equal to %lld", (long long)f->max);
    return 0;
}

static bool has_type(const struct sw_field *f, const json_t *v)
{
    int64_t i;

    switch (f->type) {
    case T_STRING:
    case T_BLOB: return json_is_string(v);
    case T_BOOL: return json_is_boolean(v);
    case T_INT: return integral(v, &i) && i >= INT32_MIN && i <= INT32_MAX;
    case T_LONG: return integral(v, &i);
    case T_DOUBLE:
    case T_TIMESTAMP: return json_is_number(v);
    case T_LIST: return json_is_array(v);
    case T_MAP:
    case T_STRUCT: return json_is_object(v);
    case T_MAX_: break;
    }
    return false;
}

static int walk_struct(struct walk *w, const struct sw_field *fields, const json_t *doc);
static int walk_value(struct walk *w, const struct sw_field *f, const json_t *v);

static int walk_list(struct walk *w, const struct sw_field *f, const json_t *v)
{
    size_t i;
    json_t *item;

    json_array_foreach(v, i, item) {
        size_t before = enter_index(w, i);
        int r = walk_value(w, f->of, item);
        if (r < 0)
            return r;
        leave(w, before);
    }
    return 0;
}

static int walk_map(struct walk *w, const struct sw_field *f, const json_t *v)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)v, key, item) {
        size_t before = enter(w, key);
        sw_autojson json_t *k = json_string(key);
        int r = k ? walk_value(w, &f->of[0], k) : 0;
        if (r == 0)
            r = walk_value(w, &f->of[1], item);
        if (r < 0)
            return r;
        leave(w, before);
    }
    return 0;
}

/* Limits of a request's value; a reply is only asked for its enumerations. */
static int check_value(struct walk *w, const struct sw_field *f, const json_t *v)
{
    if (!w->reason) {
        if (f->type == T_STRING && f->values && !in_values(f->values, json_string_value(v)))
            return sw_fail(w->err, SW_EINTERNAL, NULL, "reply: '%s' has an unlisted value: %s",
                           w->path, json_string_value(v));
        return 0;
    }
    switch (f->type) {
    case T_STRING: return check_string(w, f, v);
    case T_BLOB: return check_blob(w, f, v);
    case T_INT:
    case T_LONG:
    case T_DOUBLE:
    case T_TIMESTAMP: return check_number(w, f, json_number_value(v));
    case T_LIST: return check_length(w, f, json_array_size(v));
    case T_MAP: return check_length(w, f, json_object_size(v));
    default: return 0;
    }
}

static int walk_value(struct walk *w, const struct sw_field *f, const json_t *v)
{
    if (!has_type(f, v))
        return wrong_type(w, f, v);
    int r = check_value(w, f, v);
    if (r < 0 || !f->of)
        return r;
    switch (f->type) {
    case T_LIST: return walk_list(w, f, v);
    case T_MAP: return walk_map(w, f, v);
    case T_STRUCT: return walk_struct(w, f->of, v);
    default: return 0;
    }
}

/* Says nothing: such a value of a refused member is taken as its absence. */
static bool is_trivial(const json_t *v)
{
    const char *key;
    json_t *member;

    switch (json_typeof(v)) {
    case JSON_NULL:
    case JSON_FALSE: return true;
    case JSON_TRUE: return false;
    case JSON_INTEGER:
    case JSON_REAL: return json_number_value(v) == 0;
    case JSON_STRING: return json_string_length(v) == 0;
    case JSON_ARRAY: return json_array_size(v) == 0;
    case JSON_OBJECT: break;
    }
    json_object_foreach((json_t *)v, key, member) {
        if (!is_trivial(member))
            return false;
    }
    return true;
}

static int unknown_member(struct walk *w, const struct sw_field *fields, const json_t *doc)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)doc, key, v) {
        const struct sw_field *f = fields;
        while (f->name && strcmp(f->name, key) != 0)
            f++;
        if (f->name)
            continue;
        (void)enter(w, key);
        if (!w->reason)
            return sw_fail(w->err, SW_EINTERNAL, NULL, "reply: unknown member '%s'", w->path);
        return sw_fail(w->err, SW_EINVALID, w->reason, "Unknown parameter: '%s'", w->path);
    }
    return 0;
}

static int walk_member(struct walk *w, const struct sw_field *f, const json_t *v)
{
    if (!v || (json_is_null(v) && w->reason)) {
        if ((f->flags & F_REQUIRED) && w->reason)
            return sw_fail(w->err, SW_EINVALID, w->reason, "Missing required field: '%s'", w->path);
        return 0;
    }
    if ((f->flags & F_REFUSED) && w->reason) {
        if (is_trivial(v))
            return 0;
        return sw_fail(w->err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "The parameter '%s' is not supported", w->path);
    }
    return walk_value(w, f, v);
}

static int walk_struct(struct walk *w, const struct sw_field *fields, const json_t *doc)
{
    size_t known = 0;

    for (const struct sw_field *f = fields; f->name; f++) {
        const json_t *v = json_object_get(doc, f->name);
        size_t before = enter(w, f->name);
        known += v != NULL;
        int r = walk_member(w, f, v);
        if (r < 0)
            return r;
        leave(w, before);
    }
    return known == json_object_size(doc) ? 0 : unknown_member(w, fields, doc);
}

static int walk_document(struct walk *w, const struct sw_field *fields, const json_t *doc)
{
    const struct sw_field top = {.type = T_STRUCT, .of = fields};

    if (!doc || !json_is_object(doc))
        return doc ? wrong_type(w, &top, doc)
                   : sw_fail(w->err, SW_EINTERNAL, NULL, "there is no document");
    return walk_struct(w, fields, doc);
}

static void bind_member(const struct sw_field *f, const json_t *v, void *bound, size_t bound_size)
{
    char *at = (char *)bound + f->off;
    int64_t i = 0;

    switch (f->type) {
    case T_STRING:
    case T_BLOB:
        assert(f->off + sizeof(const char *) <= bound_size);
        *(const char **)at = json_string_value(v);
        break;
    case T_BOOL:
        assert(f->off + sizeof(enum schema_bool) <= bound_size);
        *(enum schema_bool *)at = json_is_true(v) ? SCHEMA_TRUE : SCHEMA_FALSE;
        break;
    case T_INT:
    case T_LONG:
        assert(f->off + sizeof(struct schema_int) <= bound_size);
        (void)integral(v, &i);
        *(struct schema_int *)at = (struct schema_int){true, i};
        break;
    case T_DOUBLE:
    case T_TIMESTAMP:
        assert(f->off + sizeof(struct schema_double) <= bound_size);
        *(struct schema_double *)at = (struct schema_double){true, json_number_value(v)};
        break;
    default:
        assert(f->off + sizeof(json_t *) <= bound_size);
        *(json_t **)at = (json_t *)v;
        break;
    }
}

void schema_bind(const struct sw_field *fields, const json_t *doc, void *bound, size_t bound_size)
{
    memset(bound, 0, bound_size);
    for (const struct sw_field *f = fields; f->name; f++) {
        const json_t *v = f->flags & F_BOUND ? json_object_get(doc, f->name) : NULL;
        if (v && !json_is_null(v))
            bind_member(f, v, bound, bound_size);
    }
}

int schema_validate(const struct sw_field *fields, const json_t *doc, const char *reason,
                    void *bound, size_t bound_size, struct sw_err *err)
{
    struct walk w = {.reason = reason, .err = err};

    assert(reason);
    int r = walk_document(&w, fields, doc);
    if (r < 0)
        return r;
    if (bound)
        schema_bind(fields, doc, bound, bound_size);
    return 0;
}

int schema_check_output(const struct sw_field *fields, const json_t *doc, struct sw_err *err)
{
    struct walk w = {.reason = NULL, .err = err};

    return walk_document(&w, fields, doc);
}

static const char *handling_of(const struct sw_field *f)
{
    if (f->flags & F_BOUND)
        return "bound";
    if (f->flags & F_READ)
        return "read";
    if (f->flags & F_STORED)
        return "stored";
    return f->flags & F_REFUSED ? "refused" : NULL;
}

static json_t *describe_field(const struct sw_field *f);

static json_t *describe_members(const struct sw_field *fields)
{
    json_t *members = json_object();
    for (const struct sw_field *f = fields; f->name; f++)
        sw_json_set_new(members, f->name, describe_field(f));
    return members;
}

static void describe_inner(const struct sw_field *f, json_t *out)
{
    if (f->flags & F_RECURSIVE) {
        sw_json_set_bool(out, "recursive", true);
        return;
    }
    switch (f->type) {
    case T_LIST: sw_json_set_new(out, "of", describe_field(f->of)); break;
    case T_STRUCT: sw_json_set_new(out, "of", schema_describe(f->of)); break;
    case T_MAP: {
        json_t *of = json_object();
        sw_json_set_new(of, "key", describe_field(&f->of[0]));
        sw_json_set_new(of, "value", describe_field(&f->of[1]));
        sw_json_set_new(out, "of", of);
        break;
    }
    default: break;
    }
}

static json_t *describe_field(const struct sw_field *f)
{
    json_t *out = json_object();

    sw_json_set_str(out, "type", type_names[f->type]);
    sw_json_set_bool(out, "required", f->flags & F_REQUIRED);
    if (f->flags & F_LIMITS) {
        sw_json_set_int(out, "min", f->min);
        if (f->max >= f->min)
            sw_json_set_int(out, "max", f->max);
    }
    if (f->values) {
        json_t *list = json_array();
        for (size_t i = 0; f->values[i]; i++)
            json_array_append_new(list, json_string(f->values[i]));
        sw_json_set_new(out, "enum", list);
    }
    sw_json_set_str(out, "pattern", f->pattern);
    sw_json_set_str(out, "handling", handling_of(f));
    if (f->of)
        describe_inner(f, out);
    return out;
}

json_t *schema_describe(const struct sw_field *fields)
{
    json_t *out = json_object();

    sw_json_set_str(out, "type", "structure");
    sw_json_set_new(out, "members", describe_members(fields));
    return out;
}
