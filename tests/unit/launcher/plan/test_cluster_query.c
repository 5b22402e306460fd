/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/plan/cluster_query.h"

#include "base/macros.h"
#include "tests/lib/test.h"

static const struct plan_attribute attributes[] = {
    {"ecs.instance-type", "t2.micro"},
    {"ecs.availability-zone", "us-east-1a"},
    {"stack", "prod blue"},
    {"rank", "12"},
    {"flag", NULL},
    {"weird/name\\x", "v"},
};
static const struct plan_group groups[] = {{"service:production", 2}, {"family:gone", 0}};
/* Registered 2018-06-18T22:28:28Z. */
static const struct plan_instance instance = {.id = "i",
                                              .ec2_instance_id = "i-abcd1234",
                                              .agent_version = "1.79.2",
                                              .registered_at_us = 1529360908000000,
                                              .agent_connected = true,
                                              .attributes = attributes,
                                              .attributes_n = SW_ARRAY_LEN(attributes),
                                              .groups = groups,
                                              .groups_n = SW_ARRAY_LEN(groups)};

static bool query(const char *text, const struct plan_instance *in, const char *group)
{
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct cluster_query *q = NULL;
    CHECK_OK(cluster_query_parse(sw_str(text), &a, &q, &err));
    const struct cluster_query_tasks tasks = {.running = 3, .group = group};
    return cluster_query_matches(q, in, &tasks);
}

TEST(what_holds_and_what_does_not)
{
    static const struct {
        const char *text;
        bool want;
    } table[] = {
        {"attribute:ecs.instance-type == t2.micro", true},
        {"attribute:ecs.instance-type==t2.micro", true},
        {"attribute:ecs.instance-type equals t2.small", false},
        {"attribute:ecs.instance-type != t2.small", true},
        {"attribute:ecs.instance-type not_equals t2.micro", false},
        {"attribute:ecs.instance-type =~ t2.*", true},
        {"attribute:ecs.instance-type =~ t2", false},
        {"attribute:ecs.instance-type matches (t2|m[45]).*", true},
        {"(attribute:ecs.instance-type =~ (t2|m4).*)", true},
        {"(attribute:ecs.instance-type =~ t[)2].*)", true},
        {"(attribute:ecs.instance-type =~ t2[.(].*)", true},
        {"(attribute:ecs.instance-type !~ \\(.*)", true},
        {"not(attribute:rank == 12])", true},
        {"attribute:ecs.instance-type !~ t2.*", false},
        {"attribute:ecs.instance-type not_matches 'm5.*'", true},
        {"attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true},
        {"attribute:ecs.availability-zone in ['us-east-1b','us-east-1a']", true},
        {"attribute:ecs.availability-zone !in [us-east-1a]", false},
        {"attribute:ecs.availability-zone not_in [us-east-1c]", true},
        {"attribute:stack == 'prod blue'", true},
        {"attribute:stack == \"prod blue\"", true},
        {"attribute:stack exists", true},
        {"attribute:flag exists", true},
        {"attribute:flag == x", false},
        {"attribute:none exists", false},
        {"attribute:none !exists", true},
        {"attribute:none not_exists", true},
        {"attribute:none != x", true},
        {"attribute:none !in [x]", true},
        {"attribute:none == x", false},
        {"attribute:none > 1", false},
        {"attribute:weird/name\\x == v", true},
        {"attribute:rank > 9", true},
        {"attribute:rank >= 12.0", true},
        {"attribute:rank less_than 12", false},
        {"attribute:rank <= 12.5", true},
        {"attribute:rank greater_than -1", true},
        {"attribute:stack greater_than_equal 0", false},
        {"ec2InstanceId in ['i-abcd1234', 'i-wxyz7890']", true},
        {"ec2InstanceId == i-1", false},
        {"agentConnected == true", true},
        {"agentConnected==false", false},
        {"agentConnected != false", true},
        {"agentVersion == 1.79.2", true},
        {"agentVersion >= 1.9.10", true},
        {"agentVersion > 1.79.2", false},
        {"agentVersion < v1.80", true},
        {"agentVersion less_than_equal 1.79", false},
        {"agentVersion =~ '1\\.79\\..*'", true},
        {"registeredAt == 2018-06-18", true},
        {"registeredAt > 2018-06-18", false},
        {"registeredAt >= 2018-06-18", true},
        {"registeredAt <= 2018-06-18", true},
        {"registeredAt < 2018-06-19", true},
        {"registeredAt == 2018-06-18T22:28:28Z", true},
        {"registeredAt == 2018-06-18T22:28:28", true},
        {"registeredAt == 2018-06-19T00:28:28+02:00", true},
        {"registeredAt > 2018-06-18T22:28:27-00:00", true},
        {"registeredAt > 2018-06-18T22:28:28.5Z", false},
        {"registeredAt in [2018-06-17, 2018-06-18]", true},
        {"runningTasksCount == 3", true},
        {"runningTasksCount < 3", false},
        {"runningTasksCount in [1, 3]", true},
        {"task:group == service:production", true},
        {"task:group == family:gone", false},
        {"task:group != service:production", false},
        {"task:group =~ service:.*", true},
        {"task:group exists", true},
        {"not(task:group == database)", true},
        {"!(task:group == database)", true},
        {"! agentConnected == false", true},
        {"agentConnected == true and runningTasksCount == 1", false},
        {"agentConnected == true && runningTasksCount == 1 || attribute:flag exists", true},
        {"agentConnected == true or runningTasksCount == 1 and attribute:none exists", true},
        {"(agentConnected == true or runningTasksCount == 1) and attribute:none exists", false},
        {"attribute:stack==x||attribute:rank==12", true},
        {"attribute:rank==12&&attribute:none exists", false},
        {" ( ( agentConnected == true ) ) ", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++)
        CHECK_MSG(query(table[i].text, &instance, NULL) == table[i].want, "%s", table[i].text);
}

TEST(tasks_being_placed_count_as_their_group)
{
    static const struct plan_instance bare = {.id = "i"};
    CHECK(!query("task:group exists", &bare, NULL));
    CHECK(query("task:group == service:web", &bare, "service:web"));
    CHECK(!query("agentVersion exists", &bare, NULL));
    CHECK(!query("agentVersion > 1.0", &bare, NULL));
    CHECK(query("ec2InstanceId !exists", &bare, NULL));
    CHECK(query("ec2InstanceId !~ i-.*", &bare, NULL));
}

TEST(errors_point_at_the_column)
{
    static const struct {
        const char *text;
        int column;
        const char *part;
    } table[] = {
        {"", 1, "a subject was expected"},
        {"   ", 4, "a subject was expected"},
        {"colour == red", 1, "unknown subject"},
        {"attribute: == red", 11, "name is missing"},
        {"attribute:x", 12, "an operator was expected"},
        {"attribute:x = y", 13, "an operator was expected"},
        {"attribute:x ==", 15, "an argument is missing"},
        {"attribute:x == 'y", 16, "not closed"},
        {"attribute:x in a", 16, "a list in [ ]"},
        {"attribute:x in [a b]", 19, "',' or ']'"},
        {"attribute:x in [a,]", 19, "argument is missing"},
        {"attribute:x > many", 15, "a number"},
        {"attribute:x =~ a(b", 19, "')' is missing"},
        {"attribute:x =~ 'a*+'", 19, "possessive"},
        {"attribute:x == y z == w", 18, "'and', 'or' or the end"},
        {"(attribute:x == y", 18, "')' or a boolean"},
        {"attribute:x == y)", 17, "the end was expected"},
        {"attribute:x == y and", 21, "a subject was expected"},
        {"agentConnected > true", 16, "no such operator"},
        {"agentConnected == maybe", 19, "true or false"},
        {"agentVersion > latest", 16, "a version"},
        {"registeredAt > yesterday", 16, "a date"},
        {"registeredAt > 2018-13-01", 16, "a date"},
        {"registeredAt > 2018-01-01T10", 16, "a date"},
        {"registeredAt > 2018-01-01T10:00:00x", 16, "a date"},
        {"runningTasksCount =~ 1", 19, "no such operator"},
        {"task:group > 1", 12, "no such operator"},
        {"runningTasksCount == -", 22, "a number"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        sw_autoarena a = {0};
        struct sw_err err = SW_ERR_INIT;
        const struct cluster_query *q = NULL;
        char column[32];
        CHECK_MSG(cluster_query_parse(sw_str(table[i].text), &a, &q, &err) == SW_EINVALID, "%s",
                  table[i].text);
        (void)snprintf(column, sizeof column, "column %d:", table[i].column);
        CHECK_EQ_STR(err.reason, "InvalidParameterException");
        CHECK_CONTAINS(err.msg, column);
        CHECK_CONTAINS(err.msg, table[i].part);
    }
}

TEST(length_and_nesting_are_bounded)
{
    char text[2002];
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct cluster_query *q = NULL;
    memset(text, '(', sizeof text);
    CHECK_ERR(cluster_query_parse(sw_str_n(text, 2001), &a, &q, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_ERR(cluster_query_parse(sw_str_n(text, 2000), &a, &q, &err), SW_EINVALID,
              "InvalidParameterException");
}

/* Any bytes are an expression or an error, never more than that. */
TEST(random_bytes_are_refused_or_evaluated)
{
    static const char *const pieces[] = {
        "attribute:a", "task:group", "==", "in", "[",  "]", "(",      ")",   "and", "!",  ",",
        "'",           "=~",         "x",  "1",  "||", " ", "exists", "{2,", "*",   "\\", "not"};
    uint32_t seed = 1;
    const struct cluster_query_tasks tasks = {.running = 0};
    for (int round = 0; round < 20000; round++) {
        char text[200] = "";
        size_t n = 0;
        seed = seed * 1664525u + 1013904223u;
        for (uint32_t k = 0; k < (seed >> 28); k++) {
            uint32_t pick = (seed * (k + 7)) >> 9;
            n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                                  pieces[pick % SW_ARRAY_LEN(pieces)]);
        }
        sw_autoarena a = {0};
        struct sw_err err = SW_ERR_INIT;
        const struct cluster_query *q = NULL;
        if (cluster_query_parse(sw_str(text), &a, &q, &err) == 0)
            (void)cluster_query_matches(q, &instance, &tasks);
        else
            CHECK_CONTAINS(err.msg, "column ");
    }
}
