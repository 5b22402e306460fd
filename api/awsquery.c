/* SPDX-License-Identifier: Apache-2.0 */
/* api/awsquery.c - forms to documents and documents to XML.
 * Loading makes a tree of objects whose leaves are strings, by the dots of the names alone; shaping then walks tree and table
 * together. What the table does not know stays in the document, for schema_validate to refuse by name.
 * Invariant: every node of a tree is counted, so what a body can make us allocate is bounded by LIMIT_AWS_VALUES. */
#include "api/awsquery.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/wire_errors.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

#define SEGMENT_MAX 256 /* of a dotted name */
#define XML_MAX     (64 * 1024 * 1024)
#define PATH_CAP    200

#define malformed(err, ...) sw_fail((err), SW_EINVALID, "SerializationException", __VA_ARGS__)

bool aws_query_is_form(const struct http_req *req)
{
    struct sw_str rest = sw_str(http_req_header(req, "Content-Type")), media;

    (void)sw_str_split(&rest, ';', &media);
    return sw_str_eq_nocase(sw_str_trim(media), SW_STR("application/x-www-form-urlencoded"));
}

bool aws_query_is_query(const struct http_req *req)
{
    struct sw_str rest = sw_str(req->query), part;

    while (sw_str_split(&rest, '&', &part))
        if (sw_str_starts_with(part, "Action="))
            return true;
    return false;
}

static int check_media(struct sw_str media, struct sw_err *err)
{
    if (sw_str_eq_nocase(media, SW_STR("application/x-www-form-urlencoded")))
        return 0;
    return malformed(err, "the Content-Type must be application/x-www-form-urlencoded");
}

/* ---- loading ---- */

struct loader {
    json_t *tree;
    size_t nodes;
    struct sw_err *err;
};

static int count_node(struct loader *l)
{
    if (++l->nodes <= LIMIT_AWS_VALUES)
        return 0;
    return sw_fail(l->err, SW_ELIMIT, "SerializationException",
                   "the request has more than %d values", LIMIT_AWS_VALUES);
}

/* The object below `node` for one part of a dotted name. */
static int descend(struct loader *l, json_t **node, const char *segment)
{
    json_t *next = json_object_get(*node, segment);
    int r;

    if (next && !json_is_object(next))
        return malformed(l->err, "the parameter %.100s has a value and members", segment);
    if (!next) {
        if ((r = count_node(l)) < 0)
            return r;
        next = json_object();
        sw_json_set_new(*node, segment, next);
    }
    *node = next;
    return 0;
}

static int add_parameter(struct loader *l, struct sw_str name, struct sw_str value)
{
    struct sw_str rest = name, part;
    json_t *node = l->tree;
    char segment[SEGMENT_MAX];
    size_t depth = 0;
    int r;

    for (;;) {
        (void)sw_str_split(&rest, '.', &part);
        if (part.n == 0 || !sw_str_copy(part, segment, sizeof(segment)) || !sw_utf8_valid(part))
            return malformed(l->err, "a parameter has a malformed name");
        if (!rest.p)
            break;
        if (++depth > 2 * LIMIT_AWS_DEPTH)
            return malformed(l->err, "a parameter has more than %d levels", LIMIT_AWS_DEPTH);
        if ((r = descend(l, &node, segment)) < 0)
            return r;
    }
    if (json_object_get(node, segment))
        return malformed(l->err, "the parameter %.100s occurs twice", segment);
    if (!sw_utf8_valid(value))
        return malformed(l->err, "the value of the parameter %.100s is not UTF-8", segment);
    if ((r = count_node(l)) < 0)
        return r;
    sw_json_set_new(node, segment, json_stringn(value.p, value.n));
    return 0;
}

static int load_pair(struct loader *l, struct sw_str pair, char *scratch, size_t cap)
{
    struct sw_str rest = pair, name;
    size_t name_n, value_n;

    (void)sw_str_split(&rest, '=', &name);
    if (!sw_uri_decode(name, true, scratch, cap, &name_n) ||
        !sw_uri_decode(sw_str_n(rest.p ? rest.p : "", rest.n), true, scratch + name_n + 1,
                       cap - name_n - 1, &value_n))
        return malformed(l->err, "a parameter is not percent-encoded as it must be");
    return add_parameter(l, sw_str_n(scratch, name_n), sw_str_n(scratch + name_n + 1, value_n));
}

static int load(struct sw_str body, json_t **ret, struct sw_err *err)
{
    struct loader l = {json_object(), 0, err};
    size_t cap = body.n + 3;
    sw_autofree char *scratch = sw_malloc(cap);
    struct sw_str rest = body, pair;
    int r = 0;

    while (r == 0 && sw_str_split(&rest, '&', &pair))
        if (pair.n > 0)
            r = load_pair(&l, pair, scratch, cap);
    if (r == 0)
        *ret = l.tree;
    else
        json_decref(l.tree);
    return r;
}

int aws_query_action(json_t *tree, const char **ret_action, const char **ret_version,
                     struct sw_err *err)
{
    const char *action = sw_json_str(tree, "Action", NULL);
    const char *version = sw_json_str(tree, "Version", NULL);

    if (!action || !*action)
        return sw_fail(err, SW_EINVALID, "UnknownOperationException",
                       "The request must contain the parameter Action");
    if (!version || !*version)
        return sw_fail(err, SW_EINVALID, "MissingParameter",
                       "The request must contain the parameter Version");
    *ret_action = action;
    *ret_version = version;
    return 0;
}

/* ---- shaping ---- */

struct shaper {
    char path[PATH_CAP];
    struct sw_err *err;
};

static int shape_value(struct shaper *w, const struct sw_field *f, json_t *node, json_t **ret);

static int wrong_type(struct shaper *w, const char *expected)
{
    return malformed(w->err, "'%s' must be %s", w->path, expected);
}

static size_t enter(struct shaper *w, const char *name)
{
    size_t before = strlen(w->path);

    (void)snprintf(w->path + before, sizeof(w->path) - before, "%s%.100s", before ? "." : "", name);
    return before;
}

static int shape_number(struct shaper *w, const char *text, bool integer, json_t **ret)
{
    int64_t i;
    char *end = NULL;

    if (sw_parse_i64(sw_str(text), &i)) {
        *ret = json_integer(i);
        return 0;
    }
    if (integer)
        return wrong_type(w, "an integer");
    double d = strtod(text, &end);
    if (end == text || *end || !isfinite(d))
        return wrong_type(w, "a number");
    *ret = json_real(d);
    return 0;
}

static int shape_text(struct shaper *w, const struct sw_field *f, json_t *node, json_t **ret)
{
    const char *text = json_string_value(node);
    int64_t us;

    if (!text)
        return wrong_type(w, "one value");
    switch (f->type) {
    case T_BOOL:
        if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
            return wrong_type(w, "true or false");
        *ret = json_boolean(strcasecmp(text, "true") == 0);
        return 0;
    case T_INT:
    case T_LONG: return shape_number(w, text, true, ret);
    case T_DOUBLE: return shape_number(w, text, false, ret);
    case T_TIMESTAMP:
        if (!sw_parse_iso8601(sw_str(text), &us))
            return wrong_type(w, "a time such as 2026-11-21T14:07:09Z");
        *ret = json_real((double)us / 1e6);
        return 0;
    default: *ret = json_incref(node); return 0;
    }
}

/* "Name=": an empty list, map or structure. */
static bool is_empty(const json_t *node)
{
    return json_is_string(node) && json_string_length(node) == 0;
}

/* The object with the keys 1 to n: below `wrapper`, or the node itself in the flattened form. */
static json_t *numbered(json_t *node, const char *wrapper)
{
    json_t *inner = json_object_get(node, wrapper);

    return json_is_object(inner) && json_object_size(node) == 1 ? inner : node;
}

static int shape_list(struct shaper *w, const struct sw_field *f, json_t *node, json_t **ret)
{
    sw_autojson json_t *list = json_array();
    json_t *items = numbered(node, "member");
    char key[24];

    for (size_t i = 1; i <= json_object_size(items); i++) {
        (void)snprintf(key, sizeof(key), "%zu", i);
        size_t before = enter(w, key);
        json_t *item = json_object_get(items, key), *shaped = NULL;
        if (!item)
            return wrong_type(w, "there: the elements of a list are numbered from 1");
        int r = shape_value(w, f->of, item, &shaped);
        if (r < 0)
            return r;
        json_array_append_new(list, shaped);
        w->path[before] = 0;
    }
    *ret = SW_TAKE(list);
    return 0;
}

static int shape_map(struct shaper *w, const struct sw_field *f, json_t *node, json_t **ret)
{
    sw_autojson json_t *map = json_object();
    json_t *entries = numbered(node, "entry");
    char index[24];

    for (size_t i = 1; i <= json_object_size(entries); i++) {
        (void)snprintf(index, sizeof(index), "%zu", i);
        size_t before = enter(w, index);
        json_t *entry = json_object_get(entries, index), *value = json_object_get(entry, "value");
        const char *key = sw_json_str(entry, "key", NULL);
        json_t *shaped = NULL;
        if (!key || !value || json_object_size(entry) != 2)
            return wrong_type(w, "an entry with key and value");
        if (json_object_get(map, key))
            return wrong_type(w, "an entry with a key of its own");
        int r = shape_value(w, &f->of[1], value, &shaped);
        if (r < 0)
            return r;
        sw_json_set_new(map, key, shaped);
        w->path[before] = 0;
    }
    *ret = SW_TAKE(map);
    return 0;
}

static int shape_struct(struct shaper *w, const struct sw_field *fields, json_t *node, json_t **ret)
{
    sw_autojson json_t *out = json_object();
    const char *name;
    json_t *v;

    json_object_foreach(node, name, v) {
        const struct sw_field *f = fields;
        json_t *shaped = NULL;
        while (f->name && !sw_streq(f->name, name))
            f++;
        size_t before = enter(w, name);
        int r = 0;
        if (f->name)
            r = shape_value(w, f, v, &shaped);
        else
            shaped = json_incref(v);
        if (r < 0)
            return r;
        sw_json_set_new(out, name, shaped);
        w->path[before] = 0;
    }
    *ret = SW_TAKE(out);
    return 0;
}

static int shape_value(struct shaper *w, const struct sw_field *f, json_t *node, json_t **ret)
{
    bool empty = is_empty(node);

    switch (f->type) {
    case T_LIST:
    case T_MAP:
    case T_STRUCT: break;
    default: return shape_text(w, f, node, ret);
    }
    if (empty) {
        *ret = f->type == T_LIST ? json_array() : json_object();
        return 0;
    }
    if (!json_is_object(node))
        return wrong_type(w, f->type == T_STRUCT ? "a structure" : "a list");
    if (f->type == T_LIST)
        return shape_list(w, f, node, ret);
    return f->type == T_MAP ? shape_map(w, f, node, ret) : shape_struct(w, f->of, node, ret);
}

static int shape(const struct aws_op *op, json_t **doc, struct sw_err *err)
{
    struct shaper w = {.err = err};
    json_t *shaped = NULL;

    (void)json_object_del(*doc, "Action");
    (void)json_object_del(*doc, "Version");
    int r = shape_struct(&w, op->in, *doc, &shaped);
    if (r < 0)
        return r;
    json_decref(*doc);
    *doc = shaped;
    return 0;
}

/* ---- XML ---- */

/* Characters that XML 1.0 cannot carry become U+FFFD. */
static void add_text(struct sw_buf *b, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '<')
            sw_buf_add_z(b, "&lt;");
        else if (c == '>')
            sw_buf_add_z(b, "&gt;");
        else if (c == '&')
            sw_buf_add_z(b, "&amp;");
        else if (c == '"')
            sw_buf_add_z(b, "&quot;");
        else if (c == '\r')
            sw_buf_add_z(b, "&#xD;");
        else if (c < 0x20 && c != '\t' && c != '\n')
            sw_buf_add_z(b, "\xef\xbf\xbd");
        else
            sw_buf_add_char(b, *s);
    }
}

static void add_element(struct sw_buf *b, const char *name, const char *text)
{
    sw_buf_addf(b, "<%s>", name);
    add_text(b, text);
    sw_buf_addf(b, "</%s>", name);
}

static void add_struct(struct sw_buf *b, const struct sw_field *fields, const json_t *v);
static void add_value(struct sw_buf *b, const char *name, const struct sw_field *f,
                      const json_t *v);

static void add_scalar(struct sw_buf *b, const struct sw_field *f, const json_t *v)
{
    char time[SW_TIME_LEN];

    if (f->type == T_TIMESTAMP && json_is_number(v)) {
        sw_format_iso8601_s((int64_t)llround(json_number_value(v) * 1e6), time);
        sw_buf_add_z(b, time);
    } else if (json_is_string(v)) {
        add_text(b, json_string_value(v));
    } else if (json_is_boolean(v)) {
        sw_buf_add_z(b, json_is_true(v) ? "true" : "false");
    } else if (json_is_integer(v)) {
        sw_buf_addf(b, "%lld", (long long)json_integer_value(v));
    } else {
        sw_buf_addf(b, "%.17g", json_number_value(v));
    }
}

static void add_map(struct sw_buf *b, const struct sw_field *f, const json_t *v)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)v, key, value) {
        sw_buf_add_z(b, "<entry>");
        add_element(b, "key", key);
        add_value(b, "value", &f->of[1], value);
        sw_buf_add_z(b, "</entry>");
    }
}

static void add_value(struct sw_buf *b, const char *name, const struct sw_field *f, const json_t *v)
{
    size_t i;
    json_t *item;

    sw_buf_addf(b, "<%s>", name);
    if (f->type == T_STRUCT)
        add_struct(b, f->of, v);
    else if (f->type == T_MAP)
        add_map(b, f, v);
    else if (f->type == T_LIST)
        json_array_foreach(v, i, item)
            add_value(b, "member", f->of, item);
    else
        add_scalar(b, f, v);
    sw_buf_addf(b, "</%s>", name);
}

static void add_struct(struct sw_buf *b, const struct sw_field *fields, const json_t *v)
{
    for (const struct sw_field *f = fields; f && f->name; f++) {
        const json_t *member = json_object_get(v, f->name);
        if (member && !json_is_null(member))
            add_value(b, f->name, f, member);
    }
}

static void set_xml(struct http_res *res, struct sw_buf *b)
{
    http_res_take(res, b);
    http_res_set(res, "Content-Type", "text/xml");
}

static int answer(const struct aws_service *s, const struct aws_op *op, const char *request_id,
                  const json_t *out, struct http_res *res, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(XML_MAX);

    sw_buf_addf(&b, "<%sResponse xmlns=\"%s\">", op->name, s->xml_namespace);
    if (op->out) {
        sw_buf_addf(&b, "<%sResult>", op->name);
        add_struct(&b, op->out, out);
        sw_buf_addf(&b, "</%sResult>", op->name);
    }
    sw_buf_addf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>\n",
                request_id, op->name);
    if (b.overflow)
        return sw_fail(err, SW_EINTERNAL, NULL, "%s: the answer has more than %d bytes", op->name,
                       XML_MAX);
    set_xml(res, &b);
    return 0;
}

static bool is_ec2(const struct http_req *req)
{
    const char *authorization = http_req_header(req, "Authorization");

    return authorization && strstr(authorization, "/ec2/aws4_request");
}

static void error(const struct aws_service *s, const struct http_req *req, const struct sw_err *e,
                  const json_t *more, struct http_res *res)
{
    (void)more;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64 * 1024);
    char message[sizeof(e->msg) + 1];
    const char *code;

    wire_query_form(e, &res->status, &code);
    wire_public_text(e, message, sizeof(message));
    if (is_ec2(req)) {
        sw_buf_add_z(&b, "<Response><Errors><Error>");
    } else {
        sw_buf_add_z(&b, "<ErrorResponse");
        if (s && s->xml_namespace)
            sw_buf_addf(&b, " xmlns=\"%s\"", s->xml_namespace);
        sw_buf_addf(&b, "><Error><Type>%s</Type>", res->status < 500 ? "Sender" : "Receiver");
    }
    add_element(&b, "Code", code);
    add_element(&b, "Message", message);
    sw_buf_add_z(&b, "</Error>");
    if (is_ec2(req))
        sw_buf_addf(&b, "</Errors><RequestID>%s</RequestID></Response>\n", req->id);
    else
        sw_buf_addf(&b, "<RequestId>%s</RequestId></ErrorResponse>\n", req->id);
    set_xml(res, &b);
}

const struct aws_codec aws_query_codec = {check_media, load, shape, answer, error};
