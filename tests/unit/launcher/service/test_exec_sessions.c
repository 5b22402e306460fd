/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/exec_sessions.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/service/exec_agent_doc.h"
#include "tests/lib/test.h"

static struct exec_session *make(const char *id, const char *instance, int64_t now_us)
{
    struct exec_session *s = SW_NEW(struct exec_session);
    (void)snprintf(s->id, sizeof s->id, "%s", id);
    (void)snprintf(s->instance_id, sizeof s->instance_id, "%s", instance);
    (void)snprintf(s->tokens[EXEC_END_CLIENT], sizeof s->tokens[0], "client-%s", id);
    (void)snprintf(s->tokens[EXEC_END_AGENT], sizeof s->tokens[0], "agent-%s", id);
    s->request = json_pack("{s:s}", "sessionId", id);
    s->created_us = now_us;
    return s;
}

static size_t delivered(struct exec_sessions *t, const char *instance, int64_t now_us)
{
    json_t *list = json_array();
    exec_sessions_deliver(t, instance, now_us, list);
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

TEST(an_agent_is_told_until_it_joins)
{
    struct exec_sessions *t = exec_sessions_new();
    enum exec_end end;
    struct sw_err err = SW_ERR_INIT;
    CHECK(exec_sessions_add(t, make("a", "i1", 0)) && exec_sessions_add(t, make("b", "i2", 0)));
    CHECK(exec_sessions_waiting(t, "i1", 1) && !exec_sessions_waiting(t, "i3", 1));
    CHECK_EQ_UINT(delivered(t, "i1", 1), 1);
    CHECK(!exec_sessions_waiting(t, "i1", 2) && delivered(t, "i1", 2) == 0);
    CHECK(exec_sessions_waiting(t, "i1", 5000000) && delivered(t, "i1", 5000000) == 1);
    CHECK_OK(exec_sessions_join(t, "a", "agent-a", 5000001, &end, &err));
    CHECK(end == EXEC_END_AGENT && !exec_sessions_waiting(t, "i1", 50000000));
    CHECK_EQ_UINT(delivered(t, "i2", 5), 1);
    exec_sessions_free(t);
}

TEST(a_token_lets_in_once_and_in_time)
{
    struct exec_sessions *t = exec_sessions_new();
    enum exec_end end;
    static const char *const bad[] = {"", "client-b", "client-", "client-aa", "agent-b"};
    CHECK(exec_sessions_add(t, make("a", "i", 0)));
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_ERR(exec_sessions_join(t, "a", bad[i], 1, &end, &err), SW_EDENIED, NULL);
    }
    struct sw_err err = SW_ERR_INIT;
    CHECK_ERR(exec_sessions_join(t, "b", "client-a", 1, &end, &err), SW_EDENIED, NULL);
    sw_err_clear(&err);
    CHECK_ERR(exec_sessions_join(t, "a", "client-a", EXEC_JOIN_US + 1, &end, &err), SW_EDENIED,
              NULL);
    sw_err_clear(&err);
    CHECK_OK(exec_sessions_join(t, "a", "client-a", EXEC_JOIN_US, &end, &err));
    CHECK(end == EXEC_END_CLIENT);
    CHECK_ERR(exec_sessions_join(t, "a", "client-a", 2, &end, &err), SW_EDENIED, NULL);
    exec_sessions_free(t);
}

TEST(they_are_bounded_and_expire)
{
    struct exec_sessions *t = exec_sessions_new();
    char id[20];
    enum exec_end end;
    struct sw_err err = SW_ERR_INIT;
    for (int i = 0; i < EXEC_SESSIONS_PER_INSTANCE; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        CHECK(exec_sessions_add(t, make(id, "i", 0)));
    }
    struct exec_session *more = make("more", "i", 0);
    CHECK(!exec_sessions_add(t, more));
    CHECK_OK(exec_sessions_join(t, "s0", "client-s0", 1, &end, &err));
    exec_sessions_expire(t, EXEC_JOIN_US);
    CHECK(exec_sessions_open(t, "s1") && !exec_sessions_add(t, more));
    exec_sessions_expire(t, EXEC_JOIN_US + 1);
    CHECK(exec_sessions_open(t, "s0") &&
          !exec_sessions_open(t, "s1")); /* whoever joined holds it */
    CHECK(exec_sessions_add(t, more));
    struct exec_session *taken = exec_sessions_take(t, "s0");
    CHECK(taken && !exec_sessions_take(t, "s0") && !exec_sessions_open(t, "s0"));
    exec_session_free(taken);
    exec_sessions_free(t);
}

TEST(those_that_run_count_until_they_are_taken)
{
    struct exec_sessions *t = exec_sessions_new();
    char id[20];
    enum exec_end end;
    for (int i = 0; i < EXEC_SESSIONS_PER_INSTANCE; i++) {
        struct sw_err err = SW_ERR_INIT;
        char token[40];
        (void)snprintf(id, sizeof id, "s%d", i);
        CHECK(exec_sessions_add(t, make(id, "i", 0)) && exec_sessions_open(t, id));
        (void)snprintf(token, sizeof token, "client-%s", id);
        CHECK_OK(exec_sessions_join(t, id, token, 1, &end, &err));
        CHECK(exec_sessions_open(t, id));
        (void)snprintf(token, sizeof token, "agent-%s", id);
        CHECK_OK(exec_sessions_join(t, id, token, 1, &end, &err));
        CHECK(!exec_sessions_open(t, id) && exec_sessions_find(t, id));
    }
    struct exec_session *more = make("more", "i", 0);
    exec_sessions_expire(t, 10 * EXEC_JOIN_US);
    CHECK(!exec_sessions_add(t, more));
    exec_session_free(exec_sessions_take(t, "s3"));
    CHECK(!exec_sessions_find(t, "s3") && exec_sessions_add(t, more));
    exec_sessions_free(t);
}

TEST(all_of_them_are_bounded_too)
{
    struct exec_sessions *t = exec_sessions_new();
    char id[20], instance[20];
    for (int i = 0; i < EXEC_SESSIONS_MAX; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        (void)snprintf(instance, sizeof instance, "i%d", i / 8);
        CHECK(exec_sessions_add(t, make(id, instance, 0)));
    }
    struct exec_session *more = make("more", "fresh", 0);
    CHECK(!exec_sessions_add(t, more));
    exec_session_free(more);
    exec_sessions_free(t);
}

TEST(managed_agents_follow_their_containers)
{
    json_t *task = json_pack("{s:b, s:[{s:s}, {s:s}]}", "enableExecuteCommand", 1, "containers",
                             "lastStatus", "PENDING", "lastStatus", "RUNNING");
    json_t *a = json_array_get(json_object_get(task, "containers"), 0);
    exec_agent_doc_follow(task, 5000000);
    json_t *agent = json_array_get(json_object_get(a, "managedAgents"), 0);
    CHECK_EQ_STR(json_string_value(json_object_get(agent, "lastStatus")), "PENDING");
    CHECK_EQ_STR(json_string_value(json_object_get(agent, "name")), "ExecuteCommandAgent");
    json_object_set_new(a, "lastStatus", json_string("RUNNING"));
    exec_agent_doc_follow(task, 6000000);
    exec_agent_doc_follow(task, 7000000);
    CHECK(json_number_value(json_object_get(agent, "lastStartedAt")) == 6.0);
    json_object_set_new(a, "lastStatus", json_string("STOPPED"));
    exec_agent_doc_follow(task, 8000000);
    CHECK_EQ_STR(json_string_value(json_object_get(agent, "lastStatus")), "STOPPED");
    CHECK(json_array_size(json_object_get(a, "managedAgents")) == 1);
    json_object_set_new(task, "enableExecuteCommand", json_false());
    json_object_del(a, "managedAgents");
    exec_agent_doc_follow(task, 9000000);
    CHECK(!json_object_get(a, "managedAgents"));
    json_decref(task);
}
