/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that need no rows: stages, filters, names, references, passwords. */
#include "base/macros.h"
#include "launcher/secrets/parameter_store.h"
#include "tests/lib/test.h"

static json_t *doc(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);
    CHECK_MSG(j != NULL, "%s", text);
    return j;
}

static void check_json(json_t *got, const char *want)
{
    sw_autojson json_t *w = doc(want);
    sw_autofree char *text = sw_json_dump(got);
    CHECK_MSG(json_equal(got, w), "%s, not %s", text, want);
}

TEST(stages_move_and_leave_the_previous_behind)
{
    sw_autojson json_t *v = doc("{\"a\": [], \"b\": [], \"c\": []}");
    secret_stage_move(v, "AWSCURRENT", "a");
    check_json(v, "{\"a\": [\"AWSCURRENT\"], \"b\": [], \"c\": []}");
    secret_stage_move(v, "AWSCURRENT", "b");
    check_json(v, "{\"a\": [\"AWSPREVIOUS\"], \"b\": [\"AWSCURRENT\"], \"c\": []}");
    secret_stage_move(v, "AWSPENDING", "c");
    secret_stage_move(v, "AWSCURRENT", "c");
    check_json(v, "{\"a\": [], \"b\": [\"AWSPREVIOUS\"], \"c\": [\"AWSPENDING\", \"AWSCURRENT\"]}");
    secret_stage_move(v, "AWSCURRENT", "c");
    check_json(v, "{\"a\": [], \"b\": [\"AWSPREVIOUS\"], \"c\": [\"AWSPENDING\", \"AWSCURRENT\"]}");
    secret_stage_move(v, "AWSPENDING", NULL);
    check_json(v, "{\"a\": [], \"b\": [\"AWSPREVIOUS\"], \"c\": [\"AWSCURRENT\"]}");
    secret_stage_move(v, "AWSCURRENT", "b"); /* back again: they change places */
    check_json(v, "{\"a\": [], \"b\": [\"AWSCURRENT\"], \"c\": [\"AWSPREVIOUS\"]}");
    CHECK_EQ_STR(secret_stage_holder(v, "AWSPREVIOUS"), "c");
    CHECK(secret_stage_holder(v, "AWSPENDING") == NULL);
}

#define ASM "arn:aws:secretsmanager:us-east-1:123456789012:secret:app/x-AbCdEf"

TEST(references_are_taken_apart)
{
    static const struct {
        const char *text, *id, *key, *stage, *version;
        bool parameter;
    } table[] = {
        {"name", "name", "", "", "", true},
        {"/a/b", "/a/b", "", "", "", true},
        {"arn:aws:ssm:eu-west-1:123456789012:parameter/a/b",
         "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b", "", "", "", true},
        {ASM, ASM, "", "", "", false},
        {ASM ":key::", ASM, "key", "", "", false},
        {ASM "::AWSPREVIOUS:", ASM, "", "AWSPREVIOUS", "", false},
        {ASM ":::0123", ASM, "", "", "0123", false},
        {ASM ":k:s:v", ASM, "k", "s", "v", false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct secret_reference r;
        CHECK_OK(secret_reference_parse(table[i].text, &r, &err));
        CHECK_EQ_STR(r.id, table[i].id);
        CHECK_EQ_STR(r.json_key, table[i].key);
        CHECK_EQ_STR(r.stage, table[i].stage);
        CHECK_EQ_STR(r.version, table[i].version);
        CHECK_EQ_INT(r.is_parameter, table[i].parameter);
    }
    static const char *const bad[] = {"",
                                      ASM ":key",
                                      ASM ":key:",
                                      ASM ":a:b:c:d",
                                      "arn:aws:secretsmanager:us-east-1",
                                      "arn:aws:secretsmanager:us-east-1:123456789012:secret:",
                                      "arn:aws:s3:::bucket/key",
                                      "arn:x"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct secret_reference r;
        CHECK_ERR(secret_reference_parse(bad[i], &r, &err), SW_EINVALID, "ClientException");
    }
}

static const struct secrets_caller caller = {
    .account = "123456789012", .region = "us-east-1", .arn = "arn:aws:iam::123456789012:user/u"};

TEST(parameters_have_names_and_arns)
{
    static const struct {
        const char *text, *name, *selector;
    } table[] = {
        {"a", "a", ""},
        {"/a/b:3", "/a/b", ":3"},
        {"arn:aws:ssm:us-east-1:123456789012:parameter/a", "a", ""},
        {"arn:aws:ssm:us-east-1:123456789012:parameter/a/b", "/a/b", ""},
        {"arn:aws:ssm:us-east-1:123456789012:parameter/a/b:7", "/a/b", ":7"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct parameter_ref r;
        char arn[SECRETS_ARN_MAX];
        CHECK_OK(parameter_ref_parse(&caller, table[i].text, &r, &err));
        CHECK_EQ_STR(r.name, table[i].name);
        CHECK_EQ_STR(r.selector, table[i].selector);
        CHECK_OK(parameter_arn(&caller, table[i].text, arn, &err));
        CHECK_CONTAINS(arn, ":parameter/a");
    }
    static const char *const bad[] = {"", ":3", "a:", "a:b:c"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct parameter_ref r;
        CHECK_ERR(parameter_ref_parse(&caller, bad[i], &r, &err), SW_EINVALID,
                  "ValidationException");
    }
    struct sw_err err = SW_ERR_INIT;
    struct parameter_ref r;
    CHECK_ERR(
        parameter_ref_parse(&caller, "arn:aws:ssm:us-east-1:999999999999:parameter/a", &r, &err),
        SW_ENOTFOUND, "ParameterNotFound");
}

TEST(paths_hold_what_lies_below_them)
{
    CHECK(parameter_below("/a/b", "/a", false));
    CHECK(parameter_below("/a/b", "/a/", false));
    CHECK(!parameter_below("/a/b/c", "/a", false));
    CHECK(parameter_below("/a/b/c", "/a", true));
    CHECK(!parameter_below("/ab/c", "/a", true));
    CHECK(!parameter_below("/a", "/a", true));
    CHECK(parameter_below("/a", "/", false));
    CHECK(!parameter_below("a", "/", true));
}

TEST(filters_match_by_one_of_their_values_each)
{
    static const struct {
        const char *filters;
        bool yes;
    } table[] = {
        {"[]", true},
        {"[{'Key': 'Name', 'Values': ['/x/y']}]", true},
        {"[{'Key': 'Name', 'Values': ['/x']}]", false},
        {"[{'Key': 'Name', 'Option': 'BeginsWith', 'Values': ['/q', '/x']}]", true},
        {"[{'Key': 'Name', 'Option': 'Contains', 'Values': ['y']}]", true},
        {"[{'Key': 'Path', 'Values': ['/x']}]", true},
        {"[{'Key': 'Path', 'Values': ['/']}]", false},
        {"[{'Key': 'Path', 'Option': 'Recursive', 'Values': ['/']}]", true},
        {"[{'Key': 'Type', 'Values': ['String']}, {'Key': 'Tier', 'Values': ['Standard']}]", true},
        {"[{'Key': 'Type', 'Values': ['String']}, {'Key': 'Tier', 'Values': ['Advanced']}]", false},
        {"[{'Key': 'KeyId', 'Values': ['alias/aws/ssm']}]", false},
        {"[{'Key': 'Label', 'Values': ['l']}]", false},
        {"[{'Key': 'tag:k'}]", true},
        {"[{'Key': 'tag:k', 'Values': ['v']}]", true},
        {"[{'Key': 'tag:k', 'Values': ['w']}]", false},
        {"[{'Key': 'tag:other'}]", false},
    };
    sw_autojson json_t *meta =
        doc("{\"Name\": \"/x/y\", \"Type\": \"String\", \"Tier\": \"Standard\"}");
    sw_autojson json_t *tags = doc("[{\"Key\": \"k\", \"Value\": \"v\"}]");
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        char text[256];
        struct sw_err err = SW_ERR_INIT;
        (void)snprintf(text, sizeof text, "%s", table[i].filters);
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        sw_autojson json_t *filters = doc(text);
        CHECK_OK(parameter_filters_check(filters, false, &err));
        CHECK_MSG(parameter_filters_match(filters, meta, tags) == table[i].yes, "%s", text);
    }
}

TEST(filters_are_checked)
{
    static const struct {
        const char *filters, *reason;
        bool by_path;
    } table[] = {
        {"[{\"Key\": \"Nam\", \"Values\": [\"x\"]}]", "InvalidFilterKey", false},
        {"[{\"Key\": \"tag:\", \"Values\": [\"x\"]}]", "InvalidFilterKey", false},
        {"[{\"Key\": \"Name\", \"Values\": [\"x\"]}]", "InvalidFilterKey", true},
        {"[{\"Key\": \"Type\", \"Option\": \"Contains\", \"Values\": [\"x\"]}]",
         "InvalidFilterOption", false},
        {"[{\"Key\": \"Type\"}]", "InvalidFilterValue", false},
        {"[{\"Key\": \"Path\", \"Values\": [\"x\"]}]", "ValidationException", false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *filters = doc(table[i].filters);
        CHECK_ERR(parameter_filters_check(filters, table[i].by_path, &err), SW_EINVALID,
                  table[i].reason);
    }
}

TEST(tags_are_merged_and_taken_away)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *tags = doc("[{\"Key\": \"a\", \"Value\": \"1\"}]");
    sw_autojson json_t *more =
        doc("[{\"Key\": \"a\", \"Value\": \"2\"}, {\"Key\": \"b\", \"Value\": \"3\"}]");
    sw_autojson json_t *reserved = doc("[{\"Key\": \"AWS:x\", \"Value\": \"2\"}]");
    sw_autojson json_t *keys = doc("[\"a\", \"z\"]");
    CHECK_OK(secrets_tags_merge(tags, more, "Many", "Bad", &err));
    check_json(tags, "[{\"Key\": \"a\", \"Value\": \"2\"}, {\"Key\": \"b\", \"Value\": \"3\"}]");
    CHECK_ERR(secrets_tags_merge(tags, reserved, "Many", "Bad", &err), SW_EINVALID, "Bad");
    secrets_tags_remove(tags, keys);
    check_json(tags, "[{\"Key\": \"b\", \"Value\": \"3\"}]");
}

TEST(passwords_hold_what_is_asked_for)
{
    for (int i = 0; i < 50; i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *in = doc("{\"PasswordLength\": 5, \"IncludeSpace\": true}");
        sw_autojson json_t *out = json_object();
        CHECK_OK(secret_random_password(in, out, &err));
        const char *text = sw_json_str(out, "RandomPassword", "");
        CHECK_EQ_INT((int64_t)strlen(text), 5);
        CHECK(strpbrk(text, "abcdefghijklmnopqrstuvwxyz") && strpbrk(text, "0123456789") &&
              strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strchr(text, ' '));
    }
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *in = doc("{\"PasswordLength\": 4, \"IncludeSpace\": true}");
    sw_autojson json_t *out = json_object();
    CHECK_ERR(secret_random_password(in, out, &err), SW_EINVALID, "InvalidParameterException");
}
