/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"

#define FILE_BYTES_MAX (1024 * 1024)
#define NAME_BYTES_MAX 64 /* of a key; longer is unknown */

static const struct conf_key *find(const struct conf_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (sw_streq(t->keys[i].name, name))
            return &t->keys[i];
    return NULL;
}

/* The known key that looks most like `name`, or NULL. */
static const char *nearest(const struct conf_table *t, const char *name)
{
    sw_autofree const char **names = sw_calloc(t->n, sizeof(*names));

    for (size_t i = 0; i < t->n; i++)
        names[i] = t->keys[i].name;
    return sw_nearest_name(name, names, t->n);
}

static char **text_at(const struct conf_key *k, void *target)
{
    return (char **)((char *)target + k->off);
}

static int64_t *number_at(const struct conf_key *k, void *target)
{
    return (int64_t *)((char *)target + k->off);
}

static bool *bool_at(const struct conf_key *k, void *target)
{
    return (bool *)((char *)target + k->off);
}

static int bad_value(const struct conf_key *k, const char *value, const char *origin,
                     const char *wanted, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, NULL, "%s: %s: \"%s\" is not %s", origin, k->name, value,
                   wanted);
}

static int set_bool(const struct conf_key *k, const char *value, const char *origin, void *target,
                    struct sw_err *err)
{
    bool v;

    if (!sw_parse_bool(sw_str(value), &v))
        return bad_value(k, value, origin, "a boolean (true, false, yes, no, on, off)", err);
    *bool_at(k, target) = v;
    return 0;
}

static bool parse_unsigned(bool (*parse)(struct sw_str, uint64_t *), const char *value,
                           int64_t *ret)
{
    uint64_t v;

    if (!parse(sw_str(value), &v) || v > INT64_MAX)
        return false;
    *ret = (int64_t)v;
    return true;
}

static int set_number(const struct conf_key *k, const char *value, const char *origin, void *target,
                      struct sw_err *err)
{
    int64_t v;
    bool ok;

    switch (k->type) {
    case CONF_SIZE: ok = parse_unsigned(sw_parse_size, value, &v); break;
    case CONF_DURATION_MS: ok = parse_unsigned(sw_parse_duration_ms, value, &v); break;
    default: ok = sw_parse_i64(sw_str(value), &v); break;
    }
    if (!ok)
        return bad_value(k, value, origin,
                         k->type == CONF_SIZE          ? "a size such as 512, 64K or 10MiB"
                         : k->type == CONF_DURATION_MS ? "a duration such as 500ms, 30s or 12h"
                                                       : "a whole number",
                         err);
    if ((k->min != 0 || k->max != 0) && (v < k->min || v > k->max))
        return sw_fail(err, SW_EINVALID, NULL, "%s: %s: \"%s\" is out of range: %lld to %lld%s",
                       origin, k->name, value, (long long)k->min, (long long)k->max,
                       k->type == CONF_SIZE          ? " bytes"
                       : k->type == CONF_DURATION_MS ? " ms"
                                                     : "");
    *number_at(k, target) = v;
    return 0;
}

static int check_enum(const struct conf_key *k, const char *value, const char *origin,
                      struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf all = SW_BUF_INIT(256);

    for (size_t i = 0; k->values[i]; i++) {
        if (sw_streq(value, k->values[i]))
            return 0;
        sw_buf_addf(&all, "%s%s", i ? ", " : "one of: ", k->values[i]);
    }
    return bad_value(k, value, origin, sw_buf_str(&all).p, err);
}

static int set_text(const struct conf_key *k, const char *value, const char *origin, void *target,
                    struct sw_err *err)
{
    char host[256];
    uint16_t port;
    int rc = 0;

    if (!*value) {
        free(*text_at(k, target));
        *text_at(k, target) = NULL;
        return 0;
    }
    if (k->type == CONF_ENUM)
        rc = check_enum(k, value, origin, err);
    else if (k->type == CONF_HOST_PORT &&
             !conf_split_host_port(sw_str(value), host, sizeof(host), &port))
        rc = bad_value(k, value, origin, "HOST:PORT", err);
    else if (!sw_utf8_valid(sw_str(value)))
        rc = sw_fail(err, SW_EINVALID, NULL, "%s: %s: the value is not UTF-8", origin, k->name);
    if (rc < 0)
        return rc;
    free(*text_at(k, target));
    *text_at(k, target) = sw_strdup(value);
    return 0;
}

static int set(const struct conf_key *k, const char *value, const char *origin, void *target,
               struct sw_err *err)
{
    switch (k->type) {
    case CONF_BOOL: return set_bool(k, value, origin, target, err);
    case CONF_INT:
    case CONF_SIZE:
    case CONF_DURATION_MS: return set_number(k, value, origin, target, err);
    default: return set_text(k, value, origin, target, err);
    }
}

static int unknown(const char *origin, const char *what, const char *name, const char *prefix,
                   const char *suggestion, struct sw_err *err)
{
    if (suggestion)
        return sw_fail(err, SW_EINVALID, NULL, "%s: unknown %s \"%s\"; did you mean \"%s%s\"?",
                       origin, what, name, prefix, suggestion);
    return sw_fail(err, SW_EINVALID, NULL, "%s: unknown %s \"%s\"", origin, what, name);
}

int conf_set(const struct conf_table *t, const char *key, const char *value, const char *origin,
             void *target, struct sw_err *err)
{
    const struct conf_key *k = find(t, key);

    if (!k)
        return unknown(origin, "key", key, "", nearest(t, key), err);
    return set(k, value, origin, target, err);
}

int conf_defaults(const struct conf_table *t, void *target, struct sw_err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!t->keys[i].def)
            continue;
        int rc = set(&t->keys[i], t->keys[i].def, "default", target, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void conf_free(const struct conf_table *t, void *target)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_key *k = &t->keys[i];
        if (k->type == CONF_STRING || k->type == CONF_HOST_PORT || k->type == CONF_ENUM) {
            free(*text_at(k, target));
            *text_at(k, target) = NULL;
        }
    }
}

/* One line of a file; set_at holds for each key the line that set it, 0 for none. */
static int load_line(const struct conf_table *t, struct sw_str line, int number, const char *origin,
                     int *set_at, void *target, struct sw_err *err)
{
    struct sw_str value = line, key;
    char name[NAME_BYTES_MAX];

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    line = sw_str_trim(line);
    if (line.n == 0 || line.p[0] == '#')
        return 0;
    if (!sw_utf8_valid(line))
        return sw_fail(err, SW_EINVALID, NULL, "%s: not UTF-8 text", origin);
    value = line;
    (void)sw_str_split(&value, '=', &key);
    if (!value.p)
        return sw_fail(err, SW_EINVALID, NULL, "%s: \"" SW_STR_FMT "\" is not \"key = value\"",
                       origin, (int)SW_MIN(line.n, 200U), line.p);
    key = sw_str_trim(key);
    if (key.n == 0)
        return sw_fail(err, SW_EINVALID, NULL, "%s: no key before \"=\"", origin);
    if (!sw_str_copy(key, name, sizeof(name)))
        return sw_fail(err, SW_EINVALID, NULL, "%s: unknown key \"" SW_STR_FMT "...\"", origin,
                       NAME_BYTES_MAX, key.p);
    sw_autofree char *text = sw_str_dup(sw_str_trim(value));
    const struct conf_key *k = find(t, name);
    if (!k)
        return unknown(origin, "key", name, "", nearest(t, name), err);
    int *seen = &set_at[k - t->keys];
    if (*seen)
        return sw_fail(err, SW_EINVALID, NULL, "%s: %s is set already, in line %d", origin, k->name,
                       *seen);
    *seen = number;
    return set(k, text, origin, target, err);
}

int conf_load_file(const struct conf_table *t, const char *path, void *target, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(FILE_BYTES_MAX);

    if (!path)
        return 0;
    int rc = sw_read_file(path, &text, err);
    if (rc < 0)
        return rc;
    sw_autofree int *set_at = sw_calloc(t->n, sizeof(*set_at));
    struct sw_str rest = sw_buf_str(&text), line;
    for (int number = 1; rc == 0 && sw_str_split(&rest, '\n', &line); number++) {
        sw_autofree char *origin = sw_asprintf("%s:%d", path, number);
        rc = load_line(t, line, number, origin, set_at, target, err);
    }
    return rc;
}

/* True if `upper` is `name` in upper case. */
static bool is_upper_of(struct sw_str upper, const char *name)
{
    if (upper.n != strlen(name))
        return false;
    for (size_t i = 0; i < upper.n; i++) {
        char c = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
        if (upper.p[i] != c)
            return false;
    }
    return true;
}

static bool is_listed(struct sw_str s, const char *const *list)
{
    for (; list && *list; list++)
        if (sw_str_eq_z(s, *list))
            return true;
    return false;
}

static int unknown_variable(const struct conf_table *t, const char *variable, struct sw_str rest,
                            struct sw_err *err)
{
    char lower[NAME_BYTES_MAX] = "";
    const char *like = NULL;

    if (sw_str_copy(rest, lower, sizeof(lower))) {
        for (char *p = lower; *p; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        like = nearest(t, lower);
    }
    if (!like)
        return unknown("environment", "variable", variable, "", NULL, err);
    sw_autofree char *upper = sw_asprintf("%s_%s", t->env_prefix, like);
    for (char *p = upper; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    return unknown("environment", "variable", variable, "", upper, err);
}

int conf_load_env(const struct conf_table *t, const char *const *env, const char *const *ignore,
                  void *target, struct sw_err *err)
{
    size_t prefix_n = strlen(t->env_prefix);

    for (; *env; env++) {
        struct sw_str value = sw_str(*env), name;
        (void)sw_str_split(&value, '=', &name);
        if (!value.p || !sw_str_starts_with(name, t->env_prefix) || name.n == prefix_n ||
            name.p[prefix_n] != '_' || is_listed(name, ignore))
            continue;
        sw_autofree char *variable = sw_str_dup(name);
        struct sw_str rest = sw_str_slice(name, prefix_n + 1, name.n);
        const struct conf_key *k = NULL;
        for (size_t i = 0; i < t->n && !k; i++)
            if (is_upper_of(rest, t->keys[i].name))
                k = &t->keys[i];
        int rc =
            k ? set(k, value.p, variable, target, err) : unknown_variable(t, variable, rest, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* "--max-body=5" -> key "max_body", value "5" (NULL without '='). False: longer than any key. */
static bool split_flag(const char *argument, char name[NAME_BYTES_MAX], const char **ret_value)
{
    struct sw_str value = sw_str(argument + 2), key;

    (void)sw_str_split(&value, '=', &key);
    *ret_value = value.p;
    if (!sw_str_copy(key, name, NAME_BYTES_MAX))
        return false;
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '_';
    return true;
}

static int unknown_flag(const struct conf_table *t, const char *argument, const char *name,
                        struct sw_err *err)
{
    const char *like = nearest(t, name);
    sw_autofree char *dashed = sw_strdup(like ? like : "");
    int shown = (int)strcspn(argument, "=");

    for (char *p = dashed; *p; p++)
        if (*p == '_')
            *p = '-';
    if (like)
        return sw_fail(err, SW_EINVALID, NULL, "unknown flag \"%.*s\"; did you mean \"--%s\"?",
                       shown, argument, dashed);
    return sw_fail(err, SW_EINVALID, NULL, "unknown flag \"%.*s\"", shown, argument);
}

/* A boolean flag takes the next argument only if that is unmistakably its value. */
static bool is_bool_word(const char *s)
{
    bool ignored;

    return s && sw_parse_bool(sw_str(s), &ignored) && !sw_streq(s, "0") && !sw_streq(s, "1");
}

/* Handles argv[*i], which begins with "--"; moves *i on when the next argument was its value. */
static int load_flag(const struct conf_table *t, int argc, char **argv, int *i, void *target,
                     struct sw_err *err)
{
    const char *argument = argv[*i], *next = *i + 1 < argc ? argv[*i + 1] : NULL, *value;
    char name[NAME_BYTES_MAX] = "";

    bool fits = split_flag(argument, name, &value);
    const struct conf_key *k = fits ? find(t, name) : NULL;
    if (!k)
        return unknown_flag(t, argument, name, err);
    if (!value && k->type == CONF_BOOL && !is_bool_word(next)) {
        value = "true";
    } else if (!value) {
        if (!next || strncmp(next, "--", 2) == 0)
            return sw_fail(err, SW_EINVALID, NULL, "flag \"%s\" needs a value", argument);
        value = next;
        (*i)++;
    }
    sw_autofree char *origin = sw_strndup(argument, strcspn(argument, "="));
    return set(k, value, origin, target, err);
}

int conf_load_flags(const struct conf_table *t, int *argc, char **argv, void *target,
                    struct sw_err *err)
{
    int kept = *argc > 0 ? 1 : 0, i = kept;

    for (; i < *argc; i++) {
        if (sw_streq(argv[i], "--")) {
            i++;
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (argv[i][1] != '-')
            return sw_fail(err, SW_EINVALID, NULL, "unknown flag \"%s\"", argv[i]);
        int rc = load_flag(t, *argc, argv, &i, target, err);
        if (rc < 0)
            return rc;
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    argv[kept] = NULL; /* argv[argc] is NULL already; kept never exceeds it */
    *argc = kept;
    return 0;
}

bool conf_split_host_port(struct sw_str s, char *host, size_t cap, uint16_t *ret_port)
{
    size_t colon = s.n;
    uint64_t port;

    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon < 2 || !sw_parse_u64(sw_str_slice(s, colon, s.n), &port) || port > UINT16_MAX)
        return false;
    struct sw_str name = sw_str_slice(s, 0, colon - 1);
    bool bracketed = name.p[0] == '[';
    if (bracketed) {
        if (name.n < 4 || name.p[name.n - 1] != ']')
            return false;
        name = sw_str_slice(name, 1, name.n - 1);
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool wrong = c <= ' ' || c == '[' || c == ']' || c == '/' || c == '@' || c == 0x7f;
        if (wrong || (c == ':' && !bracketed))
            return false;
    }
    if (!sw_str_copy(name, host, cap))
        return false;
    *ret_port = (uint16_t)port;
    return true;
}
