/* SPDX-License-Identifier: Apache-2.0 */
/* A text is scanned once before it is parsed: jansson's own depth limit is a build constant (2048)
 * and it has no limit on values, so both are counted here, before anything is allocated. In
 * well-formed JSON the count is exact (one value, one more for each comma, one more for each
 * container that is not empty); in any other text it does not matter, since the parser refuses it.
 */
#include "base/json.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/limits.h"

#define FILE_DEPTH 64

/* Digits of a written real number: enough for any decimal fraction of 15 digits and for epoch
 * seconds with microseconds, without the noise that 17 digits show (1732197829.1229999). */
#define REAL_PRECISION 16

struct position {
    int line, column; /* from 1 */
};

static struct position position_of(struct sw_str text, size_t at)
{
    struct position p = {1, 1};

    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            p.line++;
            p.column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            p.column++;
        }
    }
    return p;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Index of the quote that ends the string which begins at `at`, or the end of the text. */
static size_t string_end(struct sw_str text, size_t at)
{
    for (at++; at < text.n && text.p[at] != '"'; at++)
        if (text.p[at] == '\\')
            at++;
    return at;
}

static bool is_empty_container(struct sw_str text, size_t open)
{
    size_t i = open + 1;

    while (i < text.n && is_space(text.p[i]))
        i++;
    return i < text.n && (text.p[i] == '}' || text.p[i] == ']');
}

static int scan_bounds(struct sw_str text, int max_depth, size_t max_values, const char *reason,
                       struct sw_err *err)
{
    size_t values = 1;
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"') {
            i = string_end(text, i);
        } else if (c == '{' || c == '[') {
            depth++;
            values += !is_empty_container(text, i);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            values++;
        }
        if (depth > max_depth || values > max_values) {
            struct position p = position_of(text, i);
            if (depth > max_depth)
                return sw_fail(err, SW_ELIMIT, reason, "line %d column %d: nested deeper than %d",
                               p.line, p.column, max_depth);
            return sw_fail(err, SW_ELIMIT, reason, "line %d column %d: more than %zu values",
                           p.line, p.column, max_values);
        }
    }
    return 0;
}

int sw_json_load(struct sw_str text, int max_depth, size_t max_values, const char *reason,
                 json_t **ret, struct sw_err *err)
{
    json_error_t e;

    int rc = scan_bounds(text, max_depth, max_values, reason, err);
    if (rc < 0)
        return rc;
    json_t *j = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        return sw_fail(err, SW_EINVALID, reason, "line %d column %d: %s", SW_MAX(e.line, 1),
                       SW_MAX(e.column, 0), e.text);
    *ret = j;
    return 0;
}

json_t *sw_json_load_lenient(struct sw_str text, int max_depth, size_t max_values)
{
    struct sw_err ignored = SW_ERR_INIT;
    json_t *j = NULL;

    if (scan_bounds(text, max_depth, max_values, NULL, &ignored) < 0 || text.n == 0)
        return NULL;
    j = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
    return j ? j : json_loadb(text.p, text.n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

int sw_json_load_file(const char *path, size_t max_bytes, json_t **ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(max_bytes);

    int rc = sw_read_file(path, &text, err);
    if (rc < 0)
        return rc;
    rc = sw_json_load(sw_buf_str(&text), FILE_DEPTH, LIMIT_MANIFEST_VALUES, NULL, ret, err);
    return rc < 0 ? sw_prefix(err, "%s", path) : 0;
}

char *sw_json_dump(const json_t *j)
{
    char *text =
        json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_PRECISION));

    if (!text)
        abort(); /* no memory: what we build or loaded is valid */
    return text;
}

const char *sw_json_str(const json_t *object, const char *key, const char *def)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : def;
}

int64_t sw_json_int(const json_t *object, const char *key, int64_t def)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : def;
}

bool sw_json_bool(const json_t *object, const char *key, bool def)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : def;
}

json_t *sw_json_array(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_array(value) ? value : NULL;
}

json_t *sw_json_object(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_object(value) ? value : NULL;
}

void sw_json_set_new(json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) < 0)
        abort();
}

/* jansson refuses a string that is not UTF-8 by returning NULL; such bytes become U+FFFD instead.
 */
static json_t *string_of(const char *value)
{
    json_t *j = json_string(value);

    if (j)
        return j;
    struct sw_str s = sw_str(value);
    SW_CLEANUP(sw_buf_done) struct sw_buf fixed = SW_BUF_INIT(s.n * 3);
    while (s.n > 0) {
        size_t len = sw_utf8_sequence(s.p, s.n);
        if (len)
            sw_buf_add(&fixed, s.p, len);
        else
            sw_buf_add_z(&fixed, "\xef\xbf\xbd");
        s = sw_str_slice(s, len ? len : 1, s.n);
    }
    return json_stringn(sw_buf_str(&fixed).p, fixed.n);
}

void sw_json_set_str(json_t *object, const char *key, const char *value)
{
    if (value)
        sw_json_set_new(object, key, string_of(value));
}

void sw_json_set_int(json_t *object, const char *key, int64_t value)
{
    sw_json_set_new(object, key, json_integer((json_int_t)value));
}

void sw_json_set_bool(json_t *object, const char *key, bool value)
{
    sw_json_set_new(object, key, json_boolean(value));
}

void sw_json_set_time_us(json_t *object, const char *key, int64_t us)
{
    int64_t ms = us / 1000 + (us % 1000 >= 500) - (us % 1000 < -500);

    sw_json_set_new(object, key, json_real((double)ms / 1000.0));
}
