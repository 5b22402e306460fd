/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tag_rules.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static const struct {
    const char *input, *part; /* part NULL: nothing is wrong */
} rows[] = {
    {"{}", NULL},
    {"{'tags': []}", NULL},
    {"{'tags': {}}", NULL},
    {"{'tags': null}", NULL},
    {"{'tags': [{'key': 'a', 'value': 'b'}, {'key': 'c'}]}", NULL},
    {"{'Tags': [{'Key': 'a_.:/=+-@ 9', 'Value': ''}]}", NULL},
    {"{'tags': {'a': 'b', 'c': ''}}", NULL},
    {"{'tagKeys': ['a', 'a']}", NULL}, /* keys to remove may repeat */
    {"{'tags': [{'key': '\\u540d\\u00e9', 'value': '\\ud83d\\udea2'}]}", NULL},
    {"{'tags': [{'key': 'awsome', 'value': 'aws:x'}]}", NULL},
    {"{'name': 'aws:x', 'filters': [{'key': '<'}]}", NULL}, /* no tags */
    {"{'tags': [{'key': 'aws:a', 'value': 'b'}]}", "aws: prefixed"},
    {"{'Tags': [{'Key': 'Aws:a', 'Value': 'b'}]}", "aws: prefixed"},
    {"{'resourceTags': [{'key': 'AWS:', 'value': 'b'}]}", "aws: prefixed"},
    {"{'tags': {'a': 'b', 'aws:c': 'd'}}", "aws: prefixed"},
    {"{'TagKeys': ['a', 'aws:b']}", "aws: prefixed"},
    {"{'tags': [{'value': 'b'}]}", "no key"},
    {"{'tags': [{'key': '', 'value': 'b'}]}", "no key"},
    {"{'tags': [{}]}", "no key"},
    {"{'tags': {'': 'b'}}", "no key"},
    {"{'tags': [{'key': 'a<', 'value': 'b'}]}", "characters"},
    {"{'tags': [{'key': 'a', 'value': 'b;'}]}", "characters"},
    {"{'tags': [{'key': 'a', 'value': 'b\\n'}]}", "characters"},
    {"{'tags': {'a': 'b\\u007f'}}", "characters"},
    {"{'tags': [{'key': 'a'}, {'key': 'A'}]}", "Duplicate tag keys found: 'A'"},
    {"{'tags': {'a': '1', 'A': '2'}}", "Duplicate"},
};

TEST(what_tags_may_be)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        char text[200];
        (void)snprintf(text, sizeof text, "%s", rows[i].input);
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        sw_autojson json_t *input = json_loads(text, 0, NULL);
        CHECK_NOT_NULL(input);
        int r = tag_rules_check(input, "BadTag", &err);
        CHECK_MSG(r == (rows[i].part ? SW_EINVALID : 0), "%s: %d", rows[i].input, r);
        if (r < 0) {
            CHECK_EQ_STR(err.reason, "BadTag");
            CHECK_MSG(strstr(err.msg, rows[i].part) != NULL, "%s: %s", rows[i].input, err.msg);
        }
        sw_err_clear(&err);
    }
}
