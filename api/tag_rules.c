/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tag_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "auth/policy_facts.h"
#include "base/json.h"
#include "base/macros.h"

static bool is_plain(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && !isalnum(c) && !strchr("_.:/=+-@ ", c))
            return false;
    }
    return true;
}

/* value NULL: none is given. */
static int check_one(const char *key, const char *value, const char *reason, struct sw_err *err)
{
    if (!key || !*key)
        return sw_fail(err, SW_EINVALID, reason, "A tag has no key.");
    if (strncasecmp(key, "aws:", 4) == 0)
        return sw_fail(err, SW_EINVALID, reason,
                       "aws: prefixed tag key names are not allowed for external use: '%.128s'.",
                       key);
    if (!is_plain(key) || (value && !is_plain(value)))
        return sw_fail(err, SW_EINVALID, reason,
                       "The tag '%.128s' has characters other than letters, digits, spaces and "
                       "_.:/=+-@.",
                       key);
    return 0;
}

static int check_object(const json_t *tags, const char *reason, struct sw_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)tags, key, value) {
        int r = check_one(key, json_string_value(value), reason, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_list(const json_t *tags, const char *reason, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(tags, i, v) {
        const char *key = sw_json_str(v, "key", sw_json_str(v, "Key", NULL));
        const char *value = sw_json_str(v, "value", sw_json_str(v, "Value", NULL));
        int r = json_is_string(v) ? check_one(json_string_value(v), NULL, reason, err)
                                  : check_one(key, value, reason, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int tag_rules_check(const json_t *input, const char *reason, struct sw_err *err)
{
    static const char *const members[] = {"tags", "Tags", "resourceTags", "tagKeys", "TagKeys"};
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++) {
        const json_t *tags = json_object_get(input, members[i]);
        const char *twice = policy_facts_tag_twice(tags);
        if (twice)
            return sw_fail(err, SW_EINVALID, reason,
                           "Duplicate tag keys found: '%.128s'. Please note that tag keys are "
                           "case insensitive.",
                           twice);
        int r =
            json_is_object(tags) ? check_object(tags, reason, err) : check_list(tags, reason, err);
        if (r < 0)
            return r;
    }
    return 0;
}
