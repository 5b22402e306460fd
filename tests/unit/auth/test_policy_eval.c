/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_eval.h"

#include "base/buf.h"
#include "tests/unit/auth/policy_util.h"

#define DOC(inner)  "{'Version':'2012-10-17','Statement':[" inner "]}"
#define ALLOW_ALL   "{'Effect':'Allow','Action':'*','Resource':'*'}"
#define DENY_ALL    "{'Effect':'Deny','Action':'*','Resource':'*'}"
#define ALLOW_OTHER "{'Effect':'Allow','Action':'ecs:*','Resource':'*'}"
#define GRANT(who)  "{'Effect':'Allow','Action':'ecr:*','Principal':" who "}"
#define AWS(who)    "{'AWS':'" who "'}"

static void expect(const struct world *w, enum policy_decision decision,
                   enum policy_missing missing, const char *what)
{
    struct policy_verdict v = verdict_of(w);
    CHECK_MSG(v.decision == decision && v.missing == missing, "%s: %s, missing %d", what,
              policy_decision_to_string(v.decision), (int)v.missing);
}

/* Who asks for the row. */
enum caller { AS_USER, AS_SESSION, AS_FEDERATED_USER, AS_ROOT, AS_SERVICE, AS_PROVIDER, AS_NOBODY };

static void become(struct world *w, enum caller who)
{
    bool known = who <= AS_ROOT;
    static const char *const arns[] = {USER, SESSION, "arn:aws:sts::" ACCOUNT ":federated-user/ann",
                                       "arn:aws:iam::" ACCOUNT ":root"};
    w->q.principal_arn = known ? arns[who] : NULL;
    w->q.principal_account = known ? ACCOUNT : NULL;
    w->q.principal_role_arn = who == AS_SESSION ? ROLE : who == AS_FEDERATED_USER ? USER : NULL;
    w->q.root = who == AS_ROOT;
    w->q.service_principal = who == AS_SERVICE ? "ecs-tasks.amazonaws.com" : NULL;
    w->q.federated = who == AS_PROVIDER ? "arn:aws:iam::" ACCOUNT ":oidc-provider/x" : NULL;
    w->q.anonymous = who == AS_NOBODY;
}

struct row {
    enum caller who;
    const char *identity, *boundary, *session, *resource;
    const char *owner; /* NULL: the caller's account */
    bool must_allow;
    enum policy_decision decision;
    enum policy_missing missing;
};

static void check_row(const struct row *r, size_t index)
{
    struct world w;
    char what[32];
    world_init(&w);
    become(&w, r->who);
    snprintf(what, sizeof(what), "row %zu", index);
    if (r->identity)
        add_identity(&w, r->identity);
    if (r->boundary)
        add_boundary(&w, r->boundary);
    if (r->session)
        add_session(&w, r->session);
    if (r->resource)
        add_resource(&w, r->resource);
    w.q.resource_account = r->owner ? r->owner : ACCOUNT;
    w.q.resource_must_allow = r->must_allow;
    expect(&w, r->decision, r->missing, what);
    world_done(&w);
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_row(&rows[i], i);
}

#define ALLOWED      POLICY_ALLOW, POLICY_MISSING_NOTHING
#define DENIED       POLICY_EXPLICIT_DENY, POLICY_MISSING_NOTHING
#define LACKS(what_) POLICY_IMPLICIT_DENY, POLICY_MISSING_##what_

TEST(decides_within_one_account)
{
    static const struct row rows[] = {
        {AS_USER, NULL, NULL, NULL, NULL, NULL, false, LACKS(IDENTITY)},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, NULL, NULL, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL "," DENY_ALL), NULL, NULL, NULL, NULL, false, DENIED},
        {AS_USER, DOC(DENY_ALL "," ALLOW_ALL), NULL, NULL, NULL, NULL, false, DENIED},
        {AS_USER, DOC(ALLOW_OTHER), NULL, NULL, NULL, NULL, false, LACKS(IDENTITY)},
        {AS_USER, DOC(ALLOW_ALL), DOC(ALLOW_OTHER), NULL, NULL, NULL, false, LACKS(BOUNDARY)},
        {AS_USER, DOC(ALLOW_ALL), DOC(ALLOW_ALL), NULL, NULL, NULL, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), DOC(DENY_ALL), NULL, NULL, NULL, false, DENIED},
        {AS_USER, DOC(ALLOW_OTHER), DOC(ALLOW_ALL), NULL, NULL, NULL, false, LACKS(IDENTITY)},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, DOC(ALLOW_OTHER), NULL, NULL, false, LACKS(SESSION)},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, DOC(ALLOW_ALL), NULL, NULL, false, ALLOWED},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, DOC(DENY_ALL), NULL, NULL, false, DENIED},
        {AS_SESSION, NULL, NULL, DOC(ALLOW_ALL), NULL, NULL, false, LACKS(IDENTITY)},
        {AS_ROOT, NULL, NULL, NULL, NULL, NULL, false, ALLOWED},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(resource_policies_grant_by_how_they_name_the_caller)
{
    static const struct row rows[] = {
        {AS_USER, NULL, NULL, NULL, DOC(GRANT("'*'")), NULL, false, ALLOWED},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS(USER))), NULL, false, ALLOWED},
        {AS_USER, NULL, DOC(ALLOW_OTHER), NULL, DOC(GRANT(AWS(USER))), NULL, false, ALLOWED},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, false, LACKS(IDENTITY)},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, false, ALLOWED},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS("arn:aws:iam::" ACCOUNT ":user/bob"))), NULL,
         false, LACKS(IDENTITY)},
        {AS_SESSION, NULL, DOC(ALLOW_OTHER), DOC(ALLOW_OTHER), DOC(GRANT(AWS(SESSION))), NULL,
         false, ALLOWED},
        {AS_SESSION, NULL, NULL, NULL, DOC(GRANT(AWS(ROLE))), NULL, false, ALLOWED},
        {AS_SESSION, NULL, DOC(ALLOW_OTHER), NULL, DOC(GRANT(AWS(ROLE))), NULL, false,
         LACKS(BOUNDARY)},
        {AS_SESSION, NULL, NULL, DOC(ALLOW_OTHER), DOC(GRANT(AWS(ROLE))), NULL, false,
         LACKS(SESSION)},
        {AS_SESSION, NULL, NULL, DOC(DENY_ALL), DOC(GRANT(AWS(SESSION))), NULL, false, DENIED},
        {AS_FEDERATED_USER, NULL, NULL, DOC(ALLOW_OTHER), DOC(GRANT(AWS(USER))), NULL, false,
         LACKS(SESSION)},
        {AS_FEDERATED_USER, NULL, NULL, DOC(ALLOW_ALL), DOC(GRANT(AWS(USER))), NULL, false,
         ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL,
         DOC("{'Effect':'Deny','Action':'ecr:*','Principal':" AWS(ACCOUNT) "}"), NULL, false,
         DENIED},
        {AS_ROOT, NULL, NULL, NULL, DOC("{'Effect':'Deny','Action':'ecr:*','Principal':'*'}"), NULL,
         false, DENIED},
        {AS_USER, NULL, NULL, NULL,
         DOC("{'Effect':'Allow','Action':'ecr:*','Principal':'*','Resource':'arn:aws:ecr:*:*:"
             "repository/else'}"),
         NULL, false, LACKS(IDENTITY)},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(across_accounts_both_sides_must_allow)
{
    static const struct row rows[] = {
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, NULL, OTHER, false, LACKS(RESOURCE)},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT("'*'")), OTHER, false, LACKS(IDENTITY)},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS(USER))), OTHER, false, LACKS(IDENTITY)},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DOC(GRANT(AWS(USER))), OTHER, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), OTHER, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DOC(GRANT(AWS(OTHER))), OTHER, false,
         LACKS(RESOURCE)},
        {AS_USER, DOC(ALLOW_ALL), DOC(ALLOW_OTHER), NULL, DOC(GRANT(AWS(USER))), OTHER, false,
         LACKS(BOUNDARY)},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, DOC(ALLOW_OTHER), DOC(GRANT(AWS(SESSION))), OTHER, false,
         LACKS(SESSION)},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, DOC(ALLOW_ALL), DOC(GRANT(AWS(ROLE))), OTHER, false,
         ALLOWED},
        {AS_ROOT, NULL, NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), OTHER, false, ALLOWED},
        {AS_ROOT, NULL, NULL, NULL, NULL, OTHER, false, LACKS(RESOURCE)},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(trust_policies_must_allow_within_the_account_too)
{
    static const struct row rows[] = {
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, NULL, NULL, true, LACKS(RESOURCE)},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS(USER))), NULL, true, ALLOWED},
        {AS_USER, NULL, NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, true, LACKS(IDENTITY)},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, true, ALLOWED},
        {AS_ROOT, NULL, NULL, NULL, NULL, NULL, true, LACKS(RESOURCE)},
        {AS_ROOT, NULL, NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, true, ALLOWED},
        {AS_SERVICE, NULL, NULL, NULL, DOC(GRANT("{'Service':'ecs-tasks.amazonaws.com'}")), NULL,
         true, ALLOWED},
        {AS_SERVICE, NULL, NULL, NULL, DOC(GRANT("{'Service':'ec2.amazonaws.com'}")), NULL, true,
         LACKS(RESOURCE)},
        {AS_PROVIDER, NULL, NULL, NULL,
         DOC(GRANT("{'Federated':'arn:aws:iam::" ACCOUNT ":oidc-provider/x'}")), NULL, true,
         ALLOWED},
        {AS_PROVIDER, NULL, NULL, NULL, DOC(GRANT("{'Federated':'accounts.google.com'}")), NULL,
         true, LACKS(RESOURCE)},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(nobody_has_resource_policies_for_everyone_only)
{
    static const struct row rows[] = {
        {AS_NOBODY, DOC(ALLOW_ALL), NULL, NULL, NULL, NULL, false, LACKS(RESOURCE)},
        {AS_NOBODY, NULL, NULL, NULL, DOC(GRANT("'*'")), NULL, false, ALLOWED},
        {AS_NOBODY, NULL, NULL, NULL, DOC(GRANT(AWS("*"))), NULL, false, ALLOWED},
        {AS_NOBODY, NULL, NULL, NULL, DOC(GRANT(AWS(ACCOUNT))), NULL, false, LACKS(RESOURCE)},
        {AS_NOBODY, NULL, NULL, NULL,
         DOC(GRANT("'*'") ",{'Effect':'Deny','Action':'*','Principal':'*'}"), NULL, false, DENIED},
        {AS_NOBODY, NULL, NULL, NULL,
         DOC(GRANT("'*'") ",{'Effect':'Deny','Action':'*','NotPrincipal':" AWS(USER) "}"), NULL,
         false, DENIED},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

#define DENY_BUT(who) DOC("{'Effect':'Deny','Action':'ecr:*','NotPrincipal':" who "}")

TEST(not_principal_excepts_those_that_it_names_themselves)
{
    static const struct row rows[] = {
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(USER)), NULL, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT("{'AWS':['" USER "','" ACCOUNT "']}"), NULL,
         false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(ACCOUNT)), NULL, false, DENIED},
        {AS_ROOT, NULL, NULL, NULL, DENY_BUT(AWS(ACCOUNT)), NULL, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(ROLE)), NULL, false, DENIED},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(ROLE)), NULL, false, ALLOWED},
        {AS_SESSION, DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(SESSION)), NULL, false, ALLOWED},
        {AS_USER, DOC(ALLOW_ALL), DOC(ALLOW_ALL), NULL, DENY_BUT(AWS(USER)), NULL, false, DENIED},
        {AS_SERVICE, NULL, NULL, NULL, DENY_BUT("{'Service':'ecs-tasks.amazonaws.com'}"), NULL,
         false, LACKS(RESOURCE)},
    };
    check_rows(rows, SW_ARRAY_LEN(rows));
}

TEST(actions_and_resources_match_as_written)
{
    static const struct {
        const char *statement;
        bool want;
    } rows[] = {
        {"'Action':'ECR:putimage','Resource':'*'", true},
        {"'Action':['ecr:Get*','ecr:P?tImage'],'Resource':'*'", true},
        {"'Action':'ecr:PutImage*','Resource':'*'", true},
        {"'Action':'ecr:PutImageX','Resource':'*'", false},
        {"'Action':'ecr-public:*','Resource':'*'", false},
        {"'NotAction':'ecr:Delete*','Resource':'*'", true},
        {"'NotAction':['iam:*','ecr:Put*'],'Resource':'*'", false},
        {"'NotAction':'*','Resource':'*'", false},
        {"'Action':'*','Resource':['arn:aws:ecr:*:*:repository/a','" REPO "']", true},
        {"'Action':'*','NotResource':'" REPO "'", false},
        {"'Action':'*','NotResource':'arn:aws:ecr:*:*:repository/prod/*'", true},
        {"'Action':'*','NotResource':'arn:aws:ecr:*:*:repository/${aws:nobody}/app'", false},
        {"'Action':'*','Resource':'arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*'", true},
        {"'Action':'*','Resource':'arn:aws:ecr:*:*:repository/${aws:nobody}/*'", false},
        {"'Action':'*','Resource':'arn:aws:ecr:*:*:repository/${aws:nobody, \\u0027team\\u0027}/*'",
         true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct world w;
        char text[512];
        world_init(&w);
        world_context(&w, "aws:PrincipalTag/team=team");
        snprintf(text, sizeof(text), DOC("{'Effect':'Allow',%s}"), rows[i].statement);
        add_identity(&w, text);
        CHECK_MSG((verdict_of(&w).decision == POLICY_ALLOW) == rows[i].want, "%s",
                  rows[i].statement);
        world_done(&w);
    }
}

TEST(version_2008_has_no_variables)
{
    struct world w;
    world_init(&w);
    world_context(&w, "aws:username=team");
    add_identity(&w, "{'Statement':{'Effect':'Allow','Action':'*','Resource':'arn:aws:ecr:*:*:"
                     "repository/${aws:username}/app'}}");
    CHECK(verdict_of(&w).decision == POLICY_IMPLICIT_DENY);
    w.q.resource = "arn:aws:ecr:us-east-1:" ACCOUNT ":repository/${aws:username}/app";
    CHECK(verdict_of(&w).decision == POLICY_ALLOW);
    world_done(&w);
}

TEST(asks_for_keys_only_when_it_needs_them)
{
    struct world w;
    world_init(&w);
    add_identity(
        &w,
        DOC("{'Effect':'Deny','Action':'ecs:*','Resource':'*','Condition':{'Bool':{'a:b':'true'}}},"
            "{'Effect':'Deny','Action':'*','Resource':'arn:aws:ecr:*:*:repository/"
            "x','Condition':{'Bool':{'a:b':'true'}}}," ALLOW_ALL));
    CHECK(verdict_of(&w).decision == POLICY_ALLOW);
    CHECK_EQ_UINT(w.asked, 0);
    w.q.key = NULL;
    CHECK(verdict_of(&w).decision == POLICY_ALLOW);
    world_done(&w);
}

TEST(names_the_deciding_statement)
{
    struct world w;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    world_init(&w);
    add_identity(&w, "{'Version':'2012-10-17','Statement':[\n" ALLOW_OTHER
                     ",\n  {'Sid':'Pull','Effect':'Allow','Action':'ecr:*','Resource':'*'}]}");
    w.docs[0].name = "team";
    struct policy_verdict v = verdict_of(&w);
    CHECK(v.by == &w.docs[0] && v.statement == 1);
    CHECK_EQ_STR(v.sid, "Pull");
    CHECK_EQ_UINT(v.where.line, 3);
    CHECK_EQ_UINT(v.where.column, 3);
    policy_verdict_explain(&w.q, &v, &b);
    CHECK_EQ_STR(b.p, "allowed by statement 2 \"Pull\" of user policy team (line 3, column 3)");
    w.docs[0].origin = "policies/team.json";
    sw_buf_reset(&b);
    policy_verdict_explain(&w.q, &v, &b);
    CHECK_CONTAINS(b.p, "(policies/team.json:3:3)");
    world_done(&w);
}

static void check_sentence(const char *identity, const char *boundary, const char *session,
                           const char *resource, const char *owner, const char *want)
{
    struct world w;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    world_init(&w);
    if (identity)
        add_identity(&w, identity);
    if (boundary)
        add_boundary(&w, boundary);
    if (session)
        add_session(&w, session);
    if (resource)
        add_resource(&w, resource);
    w.q.resource_account = owner;
    struct policy_verdict v = verdict_of(&w);
    policy_verdict_sentence(&w.q, &v, &b);
    CHECK_CONTAINS(b.p,
                   "User: " USER " is not authorized to perform: ecr:PutImage on resource: " REPO);
    CHECK_CONTAINS(b.p, want);
    world_done(&w);
}

TEST(refuses_in_the_words_of_aws)
{
    check_sentence(NULL, NULL, NULL, NULL, ACCOUNT,
                   " because no identity-based policy allows the ecr:PutImage action");
    check_sentence(DOC(DENY_ALL), NULL, NULL, NULL, ACCOUNT,
                   " with an explicit deny in an identity-based policy");
    check_sentence(DOC(ALLOW_ALL), DOC(ALLOW_OTHER), NULL, NULL, ACCOUNT,
                   " because no permissions boundary allows the ecr:PutImage action");
    check_sentence(DOC(ALLOW_ALL), DOC(DENY_ALL), NULL, NULL, ACCOUNT,
                   " with an explicit deny in a permissions boundary");
    check_sentence(DOC(ALLOW_ALL), NULL, DOC(ALLOW_OTHER), NULL, ACCOUNT,
                   " because no session policy allows the ecr:PutImage action");
    check_sentence(DOC(ALLOW_ALL), NULL, DOC(DENY_ALL), NULL, ACCOUNT,
                   " with an explicit deny in a session policy");
    check_sentence(DOC(ALLOW_ALL), NULL, NULL, NULL, OTHER,
                   " because no resource-based policy allows the ecr:PutImage action");
    check_sentence(DOC(ALLOW_ALL), NULL, NULL, DENY_BUT(AWS(ROLE)), ACCOUNT,
                   " with an explicit deny in a resource-based policy");
}

static void count_match(void *ctx, const struct policy_attached *policy, size_t statement)
{
    struct sw_buf *b = ctx;
    sw_buf_addf(b, "%s %zu;", policy_origin_to_string(policy->kind), statement);
}

TEST(lists_every_matching_statement)
{
    struct world w;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    world_init(&w);
    add_identity(&w, DOC(ALLOW_OTHER "," ALLOW_ALL "," DENY_ALL));
    add_boundary(&w, DOC(ALLOW_ALL));
    add_resource(&w, DOC(GRANT(AWS(USER)) "," GRANT(AWS(ROLE))));
    policy_matches(&w.q, count_match, &b);
    CHECK_EQ_STR(b.p, "user policy 1;user policy 2;boundary 0;resource policy 0;");
    world_done(&w);
}

TEST(an_empty_session_intersection_allows_nothing)
{
    struct world w;
    world_init(&w);
    add_identity(&w, DOC(ALLOW_ALL));
    w.q.has_session_policy = true;
    expect(&w, LACKS(SESSION), "no session policies");
    world_done(&w);
}

/* The index passes statements over by the last eight bytes that their resource must begin with. */
TEST(statements_about_other_resources_are_passed_over)
{
    static const struct {
        const char *pattern, *asked;
        bool matches;
    } rows[] = {
        {"repository/team/*", "repository/team/app", true},
        {"repository/team/*", "repository/team/", true},
        {"repository/team/*", "repository/team", false},
        {"repository/team/*", "repository/teal/app", false},
        {"repository/team/*", "repository/x/repository/team/app", false},
        {"repository/team*", "repository/team", true},
        {"repository/team", "repository/team", true},
        {"repository/team", "repository/team2", false},
        {"repository/team", "repositorx/team", false},
        {"repositorx/long/team/*", "repository/long/team/a", false},
        {"repository/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9*",
         "repository/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9x", true},
        {"repository/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9*",
         "repository/\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa8x", false},
        {"12345678", "12345678", true},
        {"12345678*", "1234567", false},
        {"1234567*", "1234567", true},
        {"1234567*", "1234568", false},
        {"", "", true},
        {"", "12345678", false},
        {"*", "", true},
        {"?epository/team/*", "repository/team/app", true},
        {"repository/?eam/*", "repository/team/app", true},
        {"repository/?eam/*", "repository/tear/app", false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct world w;
        char asked[128];
        sw_autofree char *doc = sw_asprintf(
            DOC("{'Effect':'Allow','Action':'ecr:X','Resource':'arn:aws:ecr:*:*:other-thing/*'},"
                "{'Effect':'Allow','Action':'ecr:*','Resource':'arn:aws:ecr:*:*:%s'}"),
            rows[i].pattern);
        world_init(&w);
        add_identity(&w, doc);
        snprintf(asked, sizeof(asked), "arn:aws:ecr:us-east-1:" ACCOUNT ":%s", rows[i].asked);
        w.q.action = "ecr:X";
        w.q.resource = asked;
        CHECK_MSG((verdict_of(&w).decision == POLICY_ALLOW) == rows[i].matches, "%s on %s",
                  rows[i].pattern, rows[i].asked);
        world_done(&w);
    }
}
