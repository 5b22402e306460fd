/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_facts.h"

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

struct request {
    json_t *tags;
    int calls;
};

static void cluster(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    ((struct request *)ctx)->calls++;
    policy_facts_add(values, "arn:cluster");
}

static void nothing(void *ctx SW_UNUSED, const char *rest SW_UNUSED, json_t *values)
{
    policy_facts_add(values, "");
    policy_facts_add(values, NULL);
}

static void request_tag(void *ctx, const char *rest, json_t *values)
{
    policy_facts_add_tag(((struct request *)ctx)->tags, rest, values);
}

static void tag_keys(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    policy_facts_add_tag_keys(((struct request *)ctx)->tags, values);
}

static const struct policy_fact table[] = {
    {"ecs:cluster", cluster, false},
    {"ecs:none", nothing, false},
    {"aws:RequestTag/", request_tag, false},
    {"aws:TagKeys", tag_keys, true},
};

TEST(keys_are_found_without_case_and_worked_out_once)
{
    struct request r = {.tags = NULL};
    struct policy_facts f;
    policy_facts_init(&f, table, SW_ARRAY_LEN(table), &r);
    const struct policy_key *k = policy_facts_key(&f, "ecs:Cluster");
    CHECK(k && k->values_n == 1 && !k->multi);
    CHECK_EQ_STR(k->values[0], "arn:cluster");
    CHECK(policy_facts_key(&f, "ECS:cluster") == k);
    CHECK_EQ_INT(r.calls, 1);
    CHECK(policy_facts_key(&f, "ecs:clusters") == NULL);
    CHECK(policy_facts_key(&f, "ecs:none") == NULL);
    policy_facts_done(&f);
}

TEST(tags_of_both_spellings_are_values)
{
    json_error_t e;
    sw_autojson json_t *tags = json_loads(
        "[{\"key\":\"team\",\"value\":\"a\"},{\"Key\":\"Stage\",\"Value\":\"\"}]", 0, &e);
    struct request r = {.tags = tags};
    struct policy_facts f;
    policy_facts_init(&f, table, SW_ARRAY_LEN(table), &r);
    const struct policy_key *team = policy_facts_key(&f, "aws:RequestTag/Team");
    const struct policy_key *stage = policy_facts_key(&f, "aws:RequestTag/Stage");
    const struct policy_key *keys = policy_facts_key(&f, "aws:TagKeys");
    CHECK(team && stage && keys);
    CHECK_EQ_STR(team->values[0], "a");
    CHECK_EQ_STR(stage->values[0], "");
    CHECK(keys->multi && keys->values_n == 2);
    CHECK(policy_facts_key(&f, "aws:RequestTag/") == NULL);
    CHECK(policy_facts_key(&f, "aws:RequestTag/other") == NULL);
    policy_facts_done(&f);
}

TEST(no_key_is_left_out_however_many_are_asked_for)
{
    json_error_t e;
    struct request r = {.tags = json_array()};
    struct policy_facts f;
    char names[POLICY_FACTS_HELD + 9][40];
    policy_facts_init(&f, table, SW_ARRAY_LEN(table), &r);
    for (int i = 0; i < POLICY_FACTS_HELD + 9; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "{\"key\":\"k%d\",\"value\":\"v\"}", i);
        json_array_append_new(r.tags, json_loads(text, 0, &e));
        (void)snprintf(names[i], sizeof names[i], "aws:RequestTag/k%d", i);
        CHECK(policy_facts_key(&f, names[i]) != NULL);
    }
    CHECK(policy_facts_key(&f, names[3]) == policy_facts_key(&f, names[3]));
    CHECK(policy_facts_key(&f, names[36]) == policy_facts_key(&f, names[36]));
    policy_facts_done(&f);
    json_decref(r.tags);
}

TEST(a_tag_key_is_found_twice_whatever_its_case)
{
    static const struct {
        const char *tags, *twice;
    } rows[] = {
        {"[{\"Key\":\"a\"},{\"Key\":\"b\"}]", NULL},
        {"[{\"Key\":\"a\"},{\"Key\":\"b\"},{\"Key\":\"A\"}]", "A"},
        {"[{\"key\":\"a\"},{\"key\":\"a\"}]", "a"},
        {"{\"a\":\"1\",\"b\":\"2\"}", NULL},
        {"{\"a\":\"1\",\"A\":\"2\"}", "a"},
        {"[\"a\",\"a\"]", NULL}, /* keys to remove */
        {"{}", NULL},
    };
    CHECK_NULL(policy_facts_tag_twice(NULL));
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        sw_autojson json_t *tags = json_loads(rows[i].tags, 0, NULL);
        const char *twice = policy_facts_tag_twice(tags);
        CHECK(rows[i].twice ? sw_streq(twice, rows[i].twice) : !twice);
    }
}
