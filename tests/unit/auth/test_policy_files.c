/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/authorizer.h"
#include "base/buf.h"
#include "tests/unit/auth/world.h"

#define REPO "arn:aws:ecr:us-east-1:000000000000:repository/team-a/app"

/* Single quotes stand for double ones. */
static const char *put(const char *name, const char *quoted)
{
    char text[8192];
    size_t n = strlen(quoted);
    CHECK(n < sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = quoted[i] == '\'' ? '"' : quoted[i];
    (void)mkdir(test_path("policies"), 0700);
    (void)mkdir(test_path("policies/users"), 0700);
    return test_write_file(test_path("policies/%s", name), text, n);
}

struct told {
    char text[4096];
    size_t n;
};

static void note(void *ctx, const struct policy_problem *p)
{
    struct told *t = ctx;
    const char *slash = strrchr(p->file, '/');
    size_t used = strlen(t->text);
    t->n++;
    (void)snprintf(t->text + used, sizeof t->text - used, "%s:%u:%u: %s\n",
                   slash ? slash + 1 : p->file, p->where.line, p->where.column, p->message);
}

static int load(struct world *w, struct told *t)
{
    struct sw_err err = SW_ERR_INIT;
    *t = (struct told){.n = 0};
    return policy_files_load(w->id, test_path("policies"), ACCOUNT, note, t, &err);
}

static void load_or_die(struct world *w)
{
    struct told t;
    int r = load(w, &t);
    CHECK_MSG(r == 0, "%s", t.text);
}

static int ask(struct world *w, const char *name, const char *action, struct sw_buf *explain)
{
    struct authorizer_options o = {.identity = w->id};
    struct authorizer *a = authorizer_new(&o);
    struct policy_context ctx = {.account = ACCOUNT, .explain = explain};
    struct sw_err err = SW_ERR_INIT;
    struct principal p;
    CHECK_OK(identity_user_by_name(w->id, ACCOUNT, name, &p, &err));
    int r = may(a, &p, action, REPO, &ctx, &err);
    authorizer_free(a);
    return r;
}

#define PUSHER                                                          \
    "{'Version': '2012-10-17',\n"                                       \
    " 'Statement': [\n"                                                 \
    "   {'Sid': 'Push', 'Effect': 'Allow', 'Action': 'ecr:PutImage',\n" \
    "    'Resource': 'arn:aws:ecr:*:*:repository/team-a/*'},\n"         \
    "   {'Sid': 'Keep', 'Effect': 'Deny', 'Action': 'ecr:BatchDeleteImage', 'Resource': '*'}]}\n"

TEST(a_team_is_set_up_from_files)
{
    struct world w;
    world_open(&w);
    put("pusher.json", PUSHER);
    put("groups.json",
        "{'GroupDetailList': [{'GroupName': 'ci', 'AttachedManagedPolicies':"
        " [{'PolicyName': 'pusher', 'PolicyArn': 'arn:aws:iam::000000000000:policy/pusher'}]}]}");
    put("users/ann.json",
        "{'UserName': 'ann', 'Path': '/people/', 'GroupList': ['ci'], 'Tags': [{'Key': 'team',"
        " 'Value': 'a'}],\n"
        " 'UserPolicyList': [{'PolicyName': 'own', 'PolicyDocument':\n"
        "   {'Version': '2012-10-17', 'Statement': {'Effect': 'Allow', 'Action':"
        " 'ecr:ListImages', 'Resource': '*',\n"
        "    'Condition': {'StringEquals': {'aws:PrincipalTag/team': ['a']}}}}}]}");
    put("roles.json",
        "{'RoleName': 'task', 'AssumeRolePolicyDocument': {'Version': '2012-10-17', 'Statement':"
        " {'Effect': 'Allow', 'Principal': {'Service': 'ecs-tasks.amazonaws.com'}, 'Action':"
        " 'sts:AssumeRole'}}, 'AttachedManagedPolicies': [{'PolicyArn':"
        " 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly'}], 'MaxSessionDuration':"
        " 7200, 'InstanceProfileList': [{'InstanceProfileName': 'task'}]}");
    load_or_die(&w);
    CHECK_EQ_INT(ask(&w, "ann", "ecr:PutImage", NULL), 0);
    CHECK_EQ_INT(ask(&w, "ann", "ecr:ListImages", NULL), 0);
    struct sw_buf why = SW_BUF_INIT(1000);
    CHECK_EQ_INT(ask(&w, "ann", "ecr:BatchDeleteImage", &why), SW_EDENIED);
    CHECK_CONTAINS(why.p, "pusher.json:5:4");
    CHECK_CONTAINS(why.p, "Keep");
    sw_buf_done(&why);
    directory_lock(w.id);
    const struct iam_entity *role = directory_find(w.id, IAM_ROLE, ACCOUNT, "task");
    CHECK(role && role->max_session_s == 7200);
    CHECK(directory_find(w.id, IAM_PROFILE, ACCOUNT, "task") != NULL);
    CHECK_EQ_STR(directory_find(w.id, IAM_USER, ACCOUNT, "ann")->path, "/people/");
    directory_unlock(w.id);
    world_close(&w);
}

TEST(an_inline_statement_is_found_in_its_file)
{
    struct world w;
    world_open(&w);
    put("users/bob.json",
        "{'UserName': 'bob',\n"
        " 'UserPolicyList': [\n"
        "  {'PolicyName': 'own',\n"
        "   'PolicyDocument': {'Version': '2012-10-17',\n"
        "     'Statement': [{'Effect': 'Deny', 'Action': '*', 'Resource': '*'}]}}]}");
    load_or_die(&w);
    struct sw_buf why = SW_BUF_INIT(1000);
    CHECK_EQ_INT(ask(&w, "bob", "ecr:PutImage", &why), SW_EDENIED);
    CHECK_CONTAINS(why.p, "bob.json:5:20");
    sw_buf_done(&why);
    world_close(&w);
}

TEST(keys_of_a_user_of_a_file_outlive_a_reload)
{
    struct world w;
    struct identity_key key;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;
    char secret[129];
    world_open(&w);
    put("users/ann.json", "{'UserName': 'ann'}");
    load_or_die(&w);
    CHECK_OK(directory_key_add(w.id, ACCOUNT, "ann", NULL, &key, &err));
    put("users/ann.json", "{'UserName': 'ann', 'Path': '/x/'}");
    load_or_die(&w);
    CHECK_OK(identity_secret(w.id, key.access_key_id, &p, secret, &err));
    CHECK_EQ_STR(secret, key.secret_access_key);
    CHECK_EQ_STR(p.arn, "arn:aws:iam::" ACCOUNT ":user/x/ann");
    CHECK_EQ_INT(unlink(test_path("policies/users/ann.json")), 0);
    load_or_die(&w);
    CHECK(identity_secret(w.id, key.access_key_id, &p, secret, &err) < 0);
    world_close(&w);
}

TEST(every_problem_is_told_with_its_place_and_nothing_changes)
{
    static const struct {
        const char *name, *text, *expect;
    } table[] = {
        {"a.json", "{'Statement': [}", "a.json:1:16: "},
        {"a.json", "[]", "a.json:1:1: the file is no JSON object"},
        {"a.json", "{}", "a.json:1:1: the file is none of"},
        {"a.json", "{\n 'Statment': []}", "a.json:2:2: unknown member \"Statment\""},
        {"a.json", "{'UserName': 'x',\n  'Grouplist': []}",
         "a.json:2:3: unknown member \"Grouplist\", did you mean \"GroupList\"?"},
        {"a.json", "{'UserName': 'a b'}", "a.json:1:1: "},
        {"a.json", "{'UserDetailList': [{'Path': '/'}]}", "a.json:1:21: UserName is missing"},
        {"a.json", "{'UserDetailList': {}}", "a.json:1:20: UserDetailList is a list"},
        {"a.json", "{'UserName': 'x', 'GroupList': [1]}", "a.json:1:33: GroupList is a list"},
        {"a.json", "{'UserName': 'x', 'Tags': [{'Key': 'a'}]}", "a.json:1:28: a tag is"},
        {"a.json", "{'UserName': 'x', 'Arn': 'x'}", "a.json:1:26: \"x\" is no ARN"},
        {"a.json", "{'RoleName': 'x'}", "a.json:1:1: a role needs an AssumeRolePolicyDocument"},
        {"a.json", "{'RoleName': 'x', 'AssumeRolePolicyDocument': '{}'}",
         "a.json:1:47: a policy document is an object"},
        {"a.json", "{'PolicyName': 'x'}", "a.json:1:1: a policy needs a PolicyDocument"},
        {"a.json",
         "{'Statement': [\n {'Effect': 'Allow', 'Action': 'ecr:*', 'Resource': '*',\n  'Colour':"
         " 'red'}]}",
         "a.json:3:3: "},
        {"a.json",
         "{'UserName': 'x', 'UserPolicyList': [{'PolicyName': 'p',\n  'PolicyDocument':"
         " {'Statement': [{'Effect': 'Maybe'}]}}]}",
         "a.json:2:47: "},
        {"a.json", "{'UserName': 'x',\n 'AttachedManagedPolicies': [{'PolicyName': 'none'}]}",
         "a.json:1:1: "},
        {"a.json", "{'UserDetailList': [\n {'UserName': 'x', 'GroupList': ['none']}]}",
         "a.json:2:2: "},
        {"a.json", "{'UserDetailList': [{'UserName': 'x'},\n {'UserName': 'x'}]}", "a.json:2:2: "},
    };
    struct world w;
    struct told t;
    world_open(&w);
    put("good.json", PUSHER);
    load_or_die(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        put(table[i].name, table[i].text);
        put("users/also.json", "{'UserName': 'also'}");
        CHECK_EQ_INT(load(&w, &t), SW_EINVALID);
        CHECK_MSG(t.n == 1 && strncmp(t.text, table[i].expect, strlen(table[i].expect)) == 0,
                  "%zu: %s instead of %s", i, t.text, table[i].expect);
        directory_lock(w.id);
        CHECK(directory_find(w.id, IAM_USER, ACCOUNT, "also") == NULL);
        CHECK(directory_find(w.id, IAM_POLICY, ACCOUNT, "pusher") == NULL);
        CHECK(directory_find(w.id, IAM_POLICY, ACCOUNT, "good") != NULL);
        directory_unlock(w.id);
    }
    world_close(&w);
}

TEST(all_problems_are_told_at_once)
{
    struct world w;
    struct told t;
    world_open(&w);
    put("a.json", "{'Statement': 1}");
    put("b.json", "{'UserName': 'x', 'Y': 1, 'Z': 2}");
    put("c.txt", "not read");
    put(".d.json", "not read");
    CHECK_EQ_INT(load(&w, &t), SW_EINVALID);
    CHECK_EQ_INT(t.n, 3);
    world_close(&w);
}

TEST(names_of_iam_are_not_taken)
{
    struct world w;
    struct told t;
    struct principal p;
    struct identity_key key;
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    CHECK_OK(identity_user_add(w.id, ACCOUNT, "ann", PRINCIPAL_USER, NULL, &p, &key, &err));
    put("users/ann.json", "\n{'UserName': 'ann'}");
    CHECK_EQ_INT(load(&w, &t), SW_EINVALID);
    CHECK_CONTAINS(t.text, "ann.json:2:1: ");
    CHECK_CONTAINS(t.text, "already exists");
    world_close(&w);
}

static void count(void *ctx, const char *file SW_UNUSED, enum policy_type type SW_UNUSED,
                  const char *text SW_UNUSED)
{
    ++*(int *)ctx;
}

TEST(a_file_is_checked_by_itself)
{
    struct sw_err err = SW_ERR_INIT;
    struct told t = {.n = 0};
    int documents = 0;
    const char *good = put("good.json", PUSHER);
    CHECK_OK(policy_files_check(good, ACCOUNT, note, &t, &err));
    CHECK_OK(policy_files_each_document(good, count, &documents, &err));
    CHECK_EQ_INT(documents, 1);
    const char *bad = put("bad.json", "{'UserName': ''}");
    CHECK_ERR(policy_files_check(bad, ACCOUNT, note, &t, &err), SW_EINVALID, "MalformedPolicyFile");
    CHECK_EQ_INT(t.n, 1);
    sw_err_clear(&err);
    CHECK(policy_files_check(test_path("none"), ACCOUNT, note, &t, &err) < 0);
}
