/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/parameter_filter.c - ParameterFilters: every filter must match, by one of its values. */
#include <string.h>

#include "base/macros.h"
#include "launcher/secrets/parameter_store.h"

static const struct {
    const char *key, *first; /* the option when none is given */
    const char *options[4];
    bool by_path, valueless;
} keys[] = {
    {"Name", "Equals", {"Equals", "BeginsWith", "Contains"}, false, false},
    {"Type", "Equals", {"Equals", "BeginsWith"}, true, false},
    {"KeyId", "Equals", {"Equals", "BeginsWith"}, true, false},
    {"Path", "OneLevel", {"Recursive", "OneLevel"}, false, false},
    {"Label", "Equals", {"Equals"}, true, false},
    {"Tier", "Equals", {"Equals"}, false, false},
    {"DataType", "Equals", {"Equals"}, true, false},
    {"tag:", "Equals", {"Equals"}, false, true},
};

static size_t find(const char *key)
{
    size_t i = 0;
    while (i < SW_ARRAY_LEN(keys) &&
           (sw_streq(keys[i].key, "tag:") ? strncmp(key, "tag:", 4) != 0 || !key[4]
                                          : !sw_streq(keys[i].key, key)))
        i++;
    return i;
}

bool parameter_below(const char *name, const char *path, bool recursive)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    return strncmp(name, path, n) == 0 && name[n] == '/' &&
           (recursive || !strchr(name + n + 1, '/'));
}

static int check_one(const json_t *f, bool by_path, struct sw_err *err)
{
    const char *key = sw_json_str(f, "Key", ""), *option = sw_json_str(f, "Option", NULL);
    const json_t *values = sw_json_array(f, "Values"), *v;
    size_t i = find(key), k;
    if (i == SW_ARRAY_LEN(keys) || (by_path && !keys[i].by_path))
        return sw_fail(err, SW_EINVALID, "InvalidFilterKey",
                       "The following filter key is not valid: %.132s.", key);
    bool known = !option;
    for (k = 0; k < 4 && keys[i].options[k]; k++)
        known = known || sw_streq(option, keys[i].options[k]);
    if (!known)
        return sw_fail(err, SW_EINVALID, "InvalidFilterOption",
                       "The following filter option is not valid: %.10s. Valid options include: "
                       "[%s%s%s].",
                       option, keys[i].options[0], keys[i].options[1] ? ", " : "",
                       keys[i].options[1] ? keys[i].options[1] : "");
    if (json_array_size(values) == 0 && !keys[i].valueless)
        return sw_fail(err, SW_EINVALID, "InvalidFilterValue",
                       "The following filter values are missing : null for filter key %.132s", key);
    json_array_foreach(values, k, v) {
        if (sw_streq(key, "Path") && json_string_value(v)[0] != '/')
            return sw_fail(err, SW_EINVALID, "ValidationException",
                           "The parameter path must begin with a forward slash \"/\": '%.200s'.",
                           json_string_value(v));
    }
    return 0;
}

int parameter_filters_check(const json_t *filters, bool by_path, struct sw_err *err)
{
    const json_t *f;
    size_t i;
    json_array_foreach(filters, i, f) {
        int r = check_one(f, by_path, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool compare(const char *has, const char *option, const char *value)
{
    if (sw_streq(option, "BeginsWith"))
        return strncmp(has, value, strlen(value)) == 0;
    if (sw_streq(option, "Contains"))
        return strstr(has, value) != NULL;
    if (sw_streq(option, "Recursive") || sw_streq(option, "OneLevel"))
        return parameter_below(has, value, sw_streq(option, "Recursive"));
    return sw_streq(has, value);
}

static const char *tag_value(const json_t *tags, const char *key)
{
    const json_t *t;
    size_t i;
    json_array_foreach(tags, i, t) {
        if (sw_streq(sw_json_str(t, "Key", ""), key))
            return sw_json_str(t, "Value", "");
    }
    return NULL;
}

/* "x" and "/x" name the same parameter at the top. */
static const char *plain(const char *key, const char *option, const char *text)
{
    bool top = sw_streq(key, "Name") && sw_streq(option, "Equals") && text[0] == '/' &&
               !strchr(text + 1, '/');
    return top ? text + 1 : text;
}

static bool match_one(const json_t *f, const json_t *meta, const json_t *tags)
{
    const char *key = sw_json_str(f, "Key", "");
    size_t row = find(key), i;
    const char *option = sw_json_str(f, "Option", keys[row].first);
    const char *has = keys[row].valueless
                          ? tag_value(tags, key + 4)
                          : sw_json_str(meta, sw_streq(key, "Path") ? "Name" : key, NULL);
    const json_t *values = sw_json_array(f, "Values"), *v;
    json_array_foreach(values, i, v) {
        if (has &&
            compare(plain(key, option, has), option, plain(key, option, json_string_value(v))))
            return true;
    }
    return has && json_array_size(values) == 0;
}

bool parameter_filters_match(const json_t *filters, const json_t *meta, const json_t *tags)
{
    const json_t *f;
    size_t i;
    json_array_foreach(filters, i, f) {
        if (!match_one(f, meta, tags))
            return false;
    }
    return true;
}
