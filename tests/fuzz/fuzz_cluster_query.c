/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/plan launcher/model base */
/* Input: an expression of the cluster query language.
 * Properties: an error names a column within the text or right after it; the negation of what parses parses, and holds exactly where
 * the expression does not; blanks around it change nothing. */
#include <assert.h>
#include <stdio.h>

#include "base/macros.h"
#include "launcher/plan/cluster_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct plan_attribute attributes[] = {{"ecs.instance-type", "t2.micro"},
                                                   {"a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
                                                   {"n", "12"},
                                                   {"e", NULL}};
static const struct plan_group groups[] = {{"service:web", 2}};
static const struct plan_instance instances[] = {
    {.id = "x",
     .ec2_instance_id = "i-1",
     .agent_version = "1.79.2",
     .registered_at_us = 1529360908000000,
     .agent_connected = true,
     .attributes = attributes,
     .attributes_n = SW_ARRAY_LEN(attributes),
     .groups = groups,
     .groups_n = SW_ARRAY_LEN(groups)},
    {.id = "y"},
};

static void check_error(const struct sw_err *err, size_t size)
{
    unsigned long column = 0;
    assert(err->code == SW_EINVALID);
    assert(sscanf(err->msg, "Invalid expression: column %lu:", &column) == 1);
    assert(column >= 1 && (column <= size + 1 || size > CLUSTER_QUERY_TEXT_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cluster_query_tasks tasks = {.running = 3, .group = "family:app"};
    char text[CLUSTER_QUERY_TEXT_MAX + 8];
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct cluster_query *q = NULL, *negated = NULL;
    if (cluster_query_parse(sw_str_n((const char *)data, size), &a, &q, &err) < 0) {
        check_error(&err, size);
        return 0;
    }
    int n = snprintf(text, sizeof text, " !(%.*s ) ", (int)size, (const char *)data);
    if ((size_t)n != size + 6) /* a NUL byte, which only a quoted argument can hold */
        return 0;
    if (cluster_query_parse(sw_str_n(text, (size_t)n), &a, &negated, &err) < 0) {
        assert(size + 6 > CLUSTER_QUERY_TEXT_MAX || strstr(err.msg, "too deeply"));
        return 0;
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(instances); i++)
        assert(cluster_query_matches(q, &instances[i], &tasks) !=
               cluster_query_matches(negated, &instances[i], &tasks));
    return 0;
}
