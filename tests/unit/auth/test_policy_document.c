/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_document.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/auth/policy_util.h"

#define S(inner) "{'Version':'2012-10-17','Statement':{" inner "}}"
#define ALLOW    "'Effect':'Allow','Action':'ecr:*','Resource':'*'"
#define RALLOW   "'Effect':'Allow','Action':'ecr:*','Principal':'*'"

TEST(accepts_every_form_of_the_grammar)
{
    static const struct {
        enum policy_type type;
        const char *text;
    } rows[] = {
        {POLICY_TYPE_IDENTITY, S(ALLOW)},
        {POLICY_TYPE_IDENTITY, "{'Statement':[{" ALLOW "}]}"},
        {POLICY_TYPE_IDENTITY,
         "{'Version':'2008-10-17','Id':'x','Statement':[{" ALLOW "},{" ALLOW "}]}"},
        {POLICY_TYPE_IDENTITY,
         S("'Sid':'','Effect':'Deny','NotAction':['a:b','c-d:E*'],'NotResource':['arn:aws:s3']")},
        {POLICY_TYPE_IDENTITY, S(ALLOW ",'Condition':{}")},
        {POLICY_TYPE_IDENTITY, S(ALLOW ",'Condition':{'Bool':{'aws:SecureTransport':true},'"
                                       "NumericLessThan':{'a:b':[1,2.5,'-3']}}")},
        {POLICY_TYPE_IDENTITY,
         S(ALLOW ",'Condition':{'forallvalues:stringlikeifexists':{'aws:TagKeys':['a','b*']}}")},
        {POLICY_TYPE_IDENTITY,
         S(ALLOW ",'Condition':{'StringEquals':{'token.actions.githubusercontent.com:sub':'x'}}")},
        {POLICY_TYPE_IDENTITY, S(ALLOW ",'Condition':{'BinaryEquals':{'a:b':'QUJDRA=='},'IpAddress'"
                                       ":{'aws:SourceIp':['10.0.0.0/8','::1','2001:db8::/32']}}")},
        {POLICY_TYPE_IDENTITY,
         S(ALLOW ",'Condition':{'DateLessThan':{'aws:CurrentTime':['2020-01','2020-01-31','2020-01-"
                 "31T10:00Z','2020-01-31T10:00:00.123+02:00','1700000000',1700000000]}}")},
        {POLICY_TYPE_IDENTITY, S("'Effect':'Allow','Action':'*','Resource':'arn:aws:ecr:*:*:"
                                 "repository/${aws:username}/*'")},
        {POLICY_TYPE_SESSION, S(ALLOW)},
        {POLICY_TYPE_BOUNDARY, S(ALLOW)},
        {POLICY_TYPE_RESOURCE, S(RALLOW)},
        {POLICY_TYPE_RESOURCE, S(RALLOW ",'Sid':'new statement'")},
        {POLICY_TYPE_RESOURCE, S(RALLOW ",'Resource':'*'")},
        {POLICY_TYPE_RESOURCE,
         S("'Effect':'Allow','Action':'ecr:*','Principal':{'AWS':['*','111111111111','arn:aws:iam::"
           "111111111111:root','arn:aws:iam::111111111111:user/a/"
           "b','arn:aws-cn:iam::111111111111:role/r','arn:aws:sts::111111111111:assumed-role/r/"
           "s','arn:aws:sts::111111111111:federated-user/"
           "f','AIDAABCDEFGHIJKLMNOP'],'Service':'ecs.amazonaws.com','Federated':'accounts.google."
           "com','CanonicalUser':'79a5'}")},
        {POLICY_TYPE_RESOURCE,
         S("'Effect':'Deny','Action':'ecr:*','NotPrincipal':{'AWS':'111111111111'}")},
        {POLICY_TYPE_TRUST, S("'Effect':'Allow','Action':'sts:AssumeRole','Principal':{'Service':['"
                              "ecs-tasks.amazonaws.com']}")},
        {POLICY_TYPE_TRUST,
         S("'Effect':'Allow','Action':['sts:AssumeRoleWithWebIdentity','sts:TagSession'],'"
           "Principal':{'Federated':'arn:aws:iam::111111111111:oidc-provider/x'}")},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        policy_autodoc struct policy_document *d = parse_doc(rows[i].text, rows[i].type);
        CHECK(policy_document_type(d) == rows[i].type);
    }
}

struct refusal {
    enum policy_type type;
    const char *text, *says;
    unsigned line, column;
};

static void check_refusal(const struct refusal *r)
{
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *d = NULL;
    struct policy_position where = {0, 0};
    sw_autofree char *json = quoted(r->text);
    int rc = policy_document_parse(sw_str(json), r->type, &d, &where, &err);
    CHECK_MSG(rc == SW_EINVALID, "accepted: %s", r->text);
    CHECK_NULL(d);
    CHECK_EQ_STR(err.reason, "MalformedPolicyDocument");
    CHECK_CONTAINS(err.msg, r->says);
    if (r->line) {
        CHECK_MSG(where.line == r->line && where.column == r->column, "%s: at %u:%u", r->text,
                  where.line, where.column);
    }
}

TEST(refuses_what_the_grammar_does_not_have)
{
    static const struct refusal rows[] = {
        {0, "", "ends too early", 1, 1},
        {0, "[]", "a policy is a JSON object", 1, 1},
        {0, "{}", "there is no Statement", 1, 1},
        {0, "{'Statement':[]}", "Statement is empty", 1, 14},
        {0, "{'Version':'2012-10-18','Statement':{" ALLOW "}}",
         "must be version 2012-10-17 or greater", 1, 12},
        {0, "{\n 'Statment':{" ALLOW "}}", "did you mean \"Statement\"?", 2, 2},
        {0, "{'Id':1,'Statement':{" ALLOW "}}", "Id must be a string", 1, 7},
        {0, S("'Effect':'Allow','Resource':'*'"), "Policy statement must contain actions.", 1, 37},
        {0, S("'Effect':'Allow','Action':[],'Resource':'*'"),
         "Policy statement must contain actions.", 0, 0},
        {0, S("'Effect':'Allow','Action':'ecr:*'"), "Policy statement must contain resources.", 0,
         0},
        {0, S("'Effect':'allow','Action':'ecr:*','Resource':'*'"), "Effect must be", 1, 47},
        {0, S("'Action':'ecr:*','Resource':'*'"), "no Effect", 0, 0},
        {0, S(ALLOW ",'NotAction':'a:b'"), "either Action or NotAction", 0, 0},
        {0, S(ALLOW ",'NotResource':'*'"), "either Resource or NotResource", 0, 0},
        {0, S(ALLOW ",'Principal':'*'"), "Policy document should not specify a principal.", 0, 0},
        {0, S(ALLOW ",'Sid':'a b'"), "(SID) must be alpha-numeric", 0, 0},
        {0, S(ALLOW ",'Resorce':'*'"), "did you mean \"Resource\"?", 0, 0},
        {0, S(ALLOW ",'Effect':'Deny'"), "occurs twice", 1, 87},
        {0, S("'Effect':'Allow','Action':'PutImage','Resource':'*'"),
         "must be prefaced by a vendor", 0, 0},
        {0, S("'Effect':'Allow','Action':'a:b:c','Resource':'*'"), "only one colon", 0, 0},
        {0, S("'Effect':'Allow','Action':'*:Put','Resource':'*'"), "Vendor is not valid", 0, 0},
        {0, S("'Effect':'Allow','Action':'a:b c','Resource':'*'"), "is no action", 0, 0},
        {0, S("'Effect':'Allow','Action':5,'Resource':'*'"), "an action must be a string", 0, 0},
        {0, S("'Effect':'Allow','Action':'a:b','Resource':'repo'"),
         "Resource must be in ARN format or \"*\"", 0, 0},
        {0, S("'Effect':'Allow','Action':'a:b','Resource':'arn:aws:ecr:::${aws:username'"),
         "without its closing brace", 0, 0},
        {0, S("'Effect':'Allow','Action':'a:b','Resource':'arn:aws:ecr:::${aws:username, x}'"),
         "in single quotes", 0, 0},
        {0, S(ALLOW ",'Condition':{'StringLik':{'a:b':'x'}}"), "did you mean \"StringLike\"?", 0,
         0},
        {0, S(ALLOW ",'Condition':{'NullIfExists':{'a:b':'true'}}"), "Null asks whether", 0, 0},
        {0, S(ALLOW ",'Condition':{'ForAnyValue:Null':{'a:b':'true'}}"), "Null asks whether", 0, 0},
        {0, S(ALLOW ",'Condition':{'StringLike':'x'}"), "holds an object", 0, 0},
        {0, S(ALLOW ",'Condition':{'StringLike':{'ab':'x'}}"), "is no context key", 0, 0},
        {0, S(ALLOW ",'Condition':{'StringLike':{'a:b':null}}"), "a string, a number or a boolean",
         0, 0},
        {0, S(ALLOW ",'Condition':{'StringLike':{'a:b':[]}}"), "at least one value", 0, 0},
        {0, S(ALLOW ",'Condition':{'NumericEquals':{'a:b':'1e3'}}"), "no decimal number", 0, 0},
        {0, S(ALLOW ",'Condition':{'DateEquals':{'a:b':'2023-02-29'}}"), "this is no date", 0, 0},
        {0, S(ALLOW ",'Condition':{'Bool':{'a:b':'yes'}}"), "neither true nor false", 0, 0},
        {0, S(ALLOW ",'Condition':{'IpAddress':{'a:b':'10.0.0.0/33'}}"), "CIDR", 0, 0},
        {0, S(ALLOW ",'Condition':{'BinaryEquals':{'a:b':'*'}}"), "not base64", 0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*'"), "Missing required field Principal", 0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','Principal':{}"), "Invalid principal in policy.",
         0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','Principal':'111111111111'"),
         "Invalid principal in policy.", 0, 0},
        {1,
         S("'Effect':'Allow','Action':'ecr:*','Principal':{'AWS':'arn:aws:iam::111111111111:user/"
           "*'}"),
         "Invalid principal in policy.", 0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','Principal':{'AWS':'ann'}"), "\"AWS\":\"ann\"", 0,
         0},
        {1,
         S("'Effect':'Allow','Action':'ecr:*','Principal':{'AWS':'arn:aws:sts::111111111111:"
           "assumed-role/r'}"),
         "Invalid principal", 0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','Principal':{'Service':'*'}"), "Invalid principal",
         0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','Principal':{'Aws':'*'}"), "did you mean \"AWS\"?",
         0, 0},
        {1, S("'Effect':'Allow','Action':'ecr:*','NotPrincipal':{'AWS':'111111111111'}"),
         "NotPrincipal goes with", 0, 0},
        {2, S("'Effect':'Allow','Action':'sts:AssumeRole','Principal':'*','Resource':'*'"),
         "prohibited field Resource", 0, 0},
        {2, S("'Effect':'Allow','Action':'ecr:PutImage','Principal':'*'"),
         "may only specify STS AssumeRole actions", 0, 0},
        {2, S("'Effect':'Deny','Action':'sts:AssumeRole','NotPrincipal':{'AWS':'111111111111'}"),
         "prohibited field NotPrincipal", 0, 0},
        {0, "{'Version':'2012-10-17','Statement':[{'Sid':'A'," ALLOW "},\n{'Sid':'A'," ALLOW "}]}",
         "(SID) in a single policy must be unique", 2, 8},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        check_refusal(&rows[i]);
}

TEST(refuses_broken_json_at_its_place)
{
    static const struct refusal rows[] = {
        {0, "{'a':1,}", "a string is expected", 1, 8},
        {0, "{'a' 1}", "a colon is expected", 1, 6},
        {0, "{'a':1 'b':2}", "a comma or the closing bracket", 1, 8},
        {0, "{'a':01}", "no JSON value", 1, 6},
        {0, "{'a':truth}", "no JSON value", 1, 6},
        {0, "{'a':'x", "does not end", 1, 6},
        {0, "{'a':'\\x'}", "no JSON escape", 1, 7},
        {0, "{'a':'\\ud800'}", "no JSON escape", 1, 7},
        {0, "{'a':'\\u0000'}", "no JSON escape", 1, 7},
        {0, "{'a':'\xff'}", "invalid UTF-8", 1, 7},
        {0, "{'\xc3\xa4\xc3\xb6':'\n'}", "a control character", 1, 8},
        {0, "{} x", "more after the end", 1, 4},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        check_refusal(&rows[i]);
}

TEST(refuses_endless_nesting)
{
    char text[2 * LIMIT_POLICY_DEPTH + 8] = "{'a':";
    memset(text + 5, '[', LIMIT_POLICY_DEPTH);
    check_refusal(&(struct refusal){0, text, "nested too deeply", 1, LIMIT_POLICY_DEPTH + 5});
    memset(text + 5, '[', LIMIT_POLICY_DEPTH - 1);
    text[LIMIT_POLICY_DEPTH + 4] = 0;
    check_refusal(&(struct refusal){0, text, "ends too early", 0, 0});
}

TEST(refuses_nothing_at_all)
{
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *d = NULL;
    CHECK_ERR(policy_document_parse((struct sw_str){0}, POLICY_TYPE_IDENTITY, &d, NULL, &err),
              SW_EINVALID, "MalformedPolicyDocument");
}

TEST(knows_where_its_statements_stand)
{
    policy_autodoc struct policy_document *d = parse_doc(
        "{'Version': '2012-10-17',\n 'Id': 'böse',\n 'Statement': [\n  {'Sid': 'One'," ALLOW
        "},\n  {'Effect': 'Deny', 'Action': '*',\n   'Resource': '*'}]}",
        POLICY_TYPE_IDENTITY);
    CHECK_EQ_UINT(policy_document_statement_count(d), 2);
    CHECK_EQ_STR(policy_document_id(d), "böse");
    CHECK(policy_document_has_variables(d));
    struct policy_statement_info one = policy_document_statement(d, 0);
    struct policy_statement_info two = policy_document_statement(d, 1);
    CHECK_EQ_STR(one.sid, "One");
    CHECK(!one.deny && two.deny && !two.sid);
    CHECK_EQ_UINT(one.start.line, 4);
    CHECK_EQ_UINT(one.start.column, 3);
    CHECK_EQ_UINT(two.start.line, 5);
    CHECK_EQ_UINT(two.end.line, 6);
    CHECK_EQ_UINT(two.end.column, 19);
}

static void note_key(void *ctx, const char *name)
{
    struct sw_buf *b = ctx;
    sw_buf_addf(b, "%s,", name);
}

static void note_principal(void *ctx, enum policy_principal_kind kind, const char *value,
                           struct policy_position where)
{
    struct sw_buf *b = ctx;
    CHECK(where.line == 1);
    sw_buf_addf(b, "%d %s,", (int)kind, value);
}

TEST(lists_keys_and_principals)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(1024);
    policy_autodoc struct policy_document *d = parse_doc(
        S("'Effect':'Allow','Action':'ecr:*','Principal':{'AWS':['arn:aws:iam::111111111111:root','"
          "*']},"
          "'Resource':'arn:aws:ecr:*:*:repository/${aws:username}','Condition':{"
          "'StringLike':{'aws:PrincipalTag/team':'${AWS:UserName}-${aws:userid, \\u0027x\\u0027}'},"
          "'ArnLike':{'aws:SourceArn':'arn:aws:iam::${aws:PrincipalAccount}:*'}}"),
        POLICY_TYPE_RESOURCE);
    policy_document_keys(d, note_key, &b);
    CHECK_EQ_STR(
        b.p, "aws:username,aws:PrincipalTag/team,aws:userid,aws:SourceArn,aws:PrincipalAccount,");
    sw_buf_reset(&b);
    policy_document_principals(d, note_principal, &b);
    CHECK_EQ_STR(b.p, "1 111111111111,0 *,");
}

TEST(counts_what_quotas_count)
{
    CHECK_EQ_UINT(policy_text_size(sw_str(" { \"a\" :\t1,\r\n\"ä\": 2 } ")), 13);
    CHECK_EQ_UINT(policy_text_size(sw_str("")), 0);
}

TEST(lives_as_long_as_somebody_holds_it)
{
    struct policy_document *d = parse_doc(S(ALLOW), POLICY_TYPE_IDENTITY);
    CHECK(policy_document_ref(d) == d);
    policy_document_unref(d);
    CHECK_EQ_UINT(policy_document_statement_count(d), 1);
    policy_document_unref(d);
    policy_document_unref(NULL);
    CHECK_NULL(policy_document_ref(NULL));
    CHECK_EQ_STR(policy_type_to_string(POLICY_TYPE_TRUST), "trust");
}

TEST(reads_ten_thousand_statements_in_bounded_time)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(8 << 20);
    struct sw_err err = SW_ERR_INIT;
    policy_autodoc struct policy_document *d = NULL;
    sw_buf_add_z(&b, "{\"Version\":\"2012-10-17\",\"Statement\":[");
    for (int i = 0; i < 10000; i++)
        sw_buf_addf(
            &b,
            "%s{\"Sid\":\"S%d\",\"Effect\":\"Allow\",\"Action\":[\"ecr:PutImage\",\"ecr:Get*\"],"
            "\"Resource\":\"arn:aws:ecr:us-east-1:111111111111:repository/team-%d/*\"}",
            i ? "," : "", i, i);
    sw_buf_add_z(&b, "]}");
    int64_t start = sw_mono_ms();
    CHECK_OK(policy_document_parse(sw_buf_str(&b), POLICY_TYPE_IDENTITY, &d, NULL, &err));
    CHECK_EQ_UINT(policy_document_statement_count(d), 10000);
    CHECK(sw_mono_ms() - start < 60000);
}

TEST(refuses_more_than_its_maxima)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(LIMIT_POLICY_TEXT + 100);
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *d = NULL;
    sw_buf_add_z(&b, "{\"Statement\":[");
    for (int i = 0; i <= LIMIT_POLICY_STATEMENTS; i++)
        sw_buf_add_z(&b, i ? ",{}" : "{}");
    sw_buf_add_z(&b, "]}");
    CHECK_ERR(policy_document_parse(sw_buf_str(&b), POLICY_TYPE_IDENTITY, &d, NULL, &err),
              SW_EINVALID, "MalformedPolicyDocument");
    while (b.n <= LIMIT_POLICY_TEXT)
        sw_buf_add_z(&b, "          ");
    CHECK_ERR(policy_document_parse(sw_buf_str(&b), POLICY_TYPE_IDENTITY, &d, NULL, &err),
              SW_EINVALID, "MalformedPolicyDocument");
}
