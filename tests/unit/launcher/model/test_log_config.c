/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/log_config.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/pattern.h"
#include "tests/lib/test.h"

static json_t *container(const char *log)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *doc = NULL;
    char buffer[1024];
    (void)snprintf(buffer, sizeof buffer, "{'name':'c','logConfiguration':%s}", log);
    for (char *p = buffer; *p; p++)
        if (*p == '\'')
            *p = '"';
    CHECK_OK(sw_json_load(sw_str(buffer), 8, 100, NULL, &doc, &err));
    return doc;
}

TEST(options_are_checked)
{
    static const struct {
        const char *log, *message; /* NULL: fine */
    } cases[] = {
        {"{'logDriver':'json-file'}", NULL},
        {"{'logDriver':'json-file','options':{'max-size':'1m','max-file':'1','compress':'false'}}",
         NULL},
        {"{'logDriver':'json-file','options':{'max-size':'1k'}}", "from 8k to 1g"},
        {"{'logDriver':'json-file','options':{'max-file':'3'}}", "must be 1"},
        {"{'logDriver':'json-file','options':{'compress':'true'}}", "must be false"},
        {"{'logDriver':'json-file','options':{'labels':'a'}}", "'labels' is not supported"},
        {"{'logDriver':'json-file','options':{'env':'a'}}", "'env' is not supported"},
        {"{'logDriver':'journald','options':{'tag':'{{.Name}}/{{.ID}}','labels':'a,b'}}", NULL},
        {"{'logDriver':'journald','options':{'tag':'{{.Env}}'}}", "must be text with"},
        {"{'logDriver':'journald','options':{'awslogs-group':'g'}}",
         "the journald option 'awslogs-group' is not supported"},
        {"{'logDriver':'syslog'}", "'syslog' is not supported"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r'}}", NULL},
        {"{'logDriver':'awslogs'}",
         "Log driver awslogs requires options: awslogs-group, awslogs-region"},
        {"{'logDriver':'awslogs','options':{'awslogs-region':'r'}}",
         "Log driver awslogs requires options: awslogs-group"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-create-group':'true','awslogs-stream-prefix':'p','mode':'non-blocking',"
         "'max-buffer-size':'25m'}}",
         NULL},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r','mode':'x'}}",
         "must be blocking or non-blocking"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'max-buffer-size':'much'}}",
         "must be a size"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-datetime-format':'[%b %d, %Y %H:%M:%S]'}}",
         NULL},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-datetime-format':'%Q'}}",
         "must be a format"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-multiline-pattern':'(?=x)'}}",
         "must be a regular expression"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-multiline-pattern':'^x','awslogs-datetime-format':'%Y'}}",
         "cannot be given together"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-endpoint':'http://x'}}",
         "'awslogs-endpoint' is not supported"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'mode':'blocking','max-buffer-size':'1m'}}",
         "only be given with the mode non-blocking"},
        {"{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
         "'awslogs-stream-prefix':'a:b'}}",
         "must be text without"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *c = container(cases[i].log);
        int r = log_config_check(c, &err);
        CHECK_EQ_INT(r < 0, cases[i].message != NULL);
        if (cases[i].message)
            CHECK_CONTAINS(err.msg, cases[i].message);
    }
}

TEST(fields_of_the_journal)
{
    static const struct {
        const char *name, *field; /* NULL: none */
    } cases[] = {
        {"stage", "STAGE"},
        {"team.name", "TEAM_NAME"},
        {"_1a-\xc3\xa9z9", "A___Z9"},
        {"UNITS", "UNITS"},
        {"CONTAINER_IDS", "CONTAINER_IDS"},
        {"a23456789012345678901234567890123456789012345678901234567890abcd",
         "A23456789012345678901234567890123456789012345678901234567890ABCD"},
        {"a23456789012345678901234567890123456789012345678901234567890abcde", NULL},
        {"", NULL},
        {"_", NULL},
        {"123", NULL},
        {"message", NULL},
        {"Message.Id", NULL},
        {"_PRIORITY", NULL},
        {"unit", NULL},
        {"syslog.facility", NULL},
        {"COREDUMP_X", NULL},
        {"object-pid", NULL},
        {"code_file", NULL},
        {"container.id", NULL},
        {"CONTAINER_NAME", NULL},
        {"image.name", NULL},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        char field[LOG_JOURNAL_FIELD_MAX + 1];
        const bool is = log_config_journal_field(cases[i].name, field);
        CHECK_MSG(is == (cases[i].field != NULL), "%s", cases[i].name);
        if (is)
            CHECK_EQ_STR(field, cases[i].field);
    }
}

/* What could only be left out in silence is refused by name. */
TEST(journald_asks_for_fields_that_can_be)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"'env':'STAGE, _x,,other','labels':'a.b'", NULL},
        {"'env':'STAGE,MESSAGE_ID'", "'env' asks for 'MESSAGE_ID'"},
        {"'env':'1'", "'env' asks for '1'"},
        {"'labels':'object.pid'", "'labels' asks for 'object.pid'"},
        {"'labels':'team.name,unit'", "'labels' asks for 'unit'"},
        {"'env-regex':'^ST'", NULL},
        {"'env-regex':'^ERR'", "'env-regex' asks for 'ERRNO'"},
        {"'labels-regex':'unit'", "'labels-regex' asks for '.unit'"},
        {"'labels-regex':'team'", NULL},
        {"'env':'TOKEN'", "'env' asks for 'TOKEN', which is a secret"},
        {"'env-regex':'TO'", "'env-regex' asks for 'TOKEN', which is a secret"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autofree char *log =
            sw_asprintf("{'logDriver':'journald','options':{%s}}", cases[i].options);
        sw_autojson json_t *c = container(log);
        sw_json_set_new(c, "environment",
                        json_pack("[{s:s,s:s}, {s:s,s:s}]", "name", "STAGE", "value", "1", "name",
                                  "ERRNO", "value", "2"));
        sw_json_set_new(c, "secrets", json_pack("[{s:s}]", "name", "TOKEN"));
        sw_json_set_new(c, "dockerLabels", json_pack("{s:s, s:s}", "team.name", "x", ".unit", "y"));
        int r = log_config_check(c, &err);
        CHECK_EQ_INT(r < 0, cases[i].message != NULL);
        if (cases[i].message)
            CHECK_CONTAINS(err.msg, cases[i].message);
    }
}

TEST(names_of_streams)
{
    struct log_config c;
    sw_autojson json_t *with =
        container("{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
                  "'awslogs-stream-prefix':'p'}}");
    sw_autojson json_t *file = container("{'logDriver':'json-file'}");
    (void)log_config_read(file, &c);
    CHECK_EQ_INT(c.driver, LOG_DRIVER_JSON_FILE);
    CHECK(!log_config_first_line(&c));
    (void)log_config_read(with, &c);
    CHECK_EQ_INT(c.driver, LOG_DRIVER_AWSLOGS);
    CHECK_EQ_INT(c.buffer_bytes, LOG_BUFFER_BYTES);
    CHECK(!c.create_group);
    sw_autofree char *a = log_config_stream(&c, "web", "0123");
    CHECK_EQ_STR(a, "p/web/0123");
    c.prefix = NULL;
    sw_autofree char *b = log_config_stream(&c, "web", "0123");
    CHECK_EQ_STR(b, "web/0123");
}

TEST(what_an_option_means)
{
    struct log_config c;
    sw_autojson json_t *json = container(
        "{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
        "'max-buffer-size':'25m','awslogs-datetime-format':'[%Y-%m-%d %H:%M:%S%L] 100%%'}}");
    sw_autojson json_t *held = container("{'logDriver':'journald','options':{'mode':'blocking'}}");
    sw_autojson json_t *file = container("{'logDriver':'json-file','options':{'max-size':'2m'}}");
    (void)log_config_read(json, &c);
    CHECK_EQ_INT(c.buffer_bytes, 25 << 20);
    sw_autofree char *regex = log_config_first_line(&c);
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct sw_pattern *p;
    size_t at;
    CHECK_OK(sw_pattern_parse(sw_str(regex), &a, &p, &at, &err));
    CHECK(sw_pattern_found(p, sw_str("x [2026-11-21 10:11:12.345] 100% y")));
    CHECK(!sw_pattern_found(p, sw_str("[2026-13-21 10:11:12.345] 100%")));
    (void)log_config_read(held, &c);
    CHECK(c.blocking && c.driver == LOG_DRIVER_JOURNALD && c.file_bytes == LOG_FILE_BYTES_HELD);
    (void)log_config_read(file, &c);
    CHECK_EQ_INT(c.file_bytes, 2 << 20);
}
