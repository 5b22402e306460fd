/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_retire.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

static bool replace_in(json_t *principal, const char *arn, const char *id)
{
    json_t *aws = json_object_get(principal, "AWS"), *one;
    bool found = false;
    size_t i;

    if (json_is_string(aws) && sw_streq(json_string_value(aws), arn)) {
        sw_json_set_str(principal, "AWS", id);
        return true;
    }
    json_array_foreach(aws, i, one) {
        if (!sw_streq(json_string_value(one), arn))
            continue;
        (void)json_array_set_new(aws, i, json_string(id));
        found = true;
    }
    return found;
}

static bool replace(json_t *statement, const char *arn, const char *id)
{
    bool principal = replace_in(json_object_get(statement, "Principal"), arn, id);
    bool not_principal = replace_in(json_object_get(statement, "NotPrincipal"), arn, id);

    return principal || not_principal;
}

int policy_retire(const char *text, const char *arn, const char *id, char **ret, struct sw_err *err)
{
    sw_autojson json_t *doc = NULL;
    json_t *statements, *one;
    bool found = false;
    size_t i;

    *ret = NULL;
    if (!strstr(text, arn) && !strchr(text, '\\')) /* it may be written with escapes */
        return 0;
    int r = sw_json_load(sw_str(text), LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, NULL, &doc, err);
    if (r < 0)
        return r;
    statements = json_object_get(doc, "Statement");
    if (json_is_object(statements))
        found = replace(statements, arn, id);
    json_array_foreach(statements, i, one)
        found |= replace(one, arn, id);
    if (found)
        *ret = sw_json_dump(doc);
    return 0;
}
