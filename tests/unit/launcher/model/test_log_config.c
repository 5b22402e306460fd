/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/log_config.h"

#include "base/json.h"
#include "base/macros.h"
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
        {"{'logDriver':'json-file','options':{'max-size':'1m'}}", "'max-size' is not supported"},
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
         "'awslogs-datetime-format':'%Y'}}",
         "'awslogs-datetime-format' is not supported"},
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

TEST(names_of_streams)
{
    struct log_config c;
    sw_autojson json_t *with =
        container("{'logDriver':'awslogs','options':{'awslogs-group':'g','awslogs-region':'r',"
                  "'awslogs-stream-prefix':'p'}}");
    sw_autojson json_t *file = container("{'logDriver':'json-file'}");
    CHECK(!log_config_read(file, &c));
    CHECK(log_config_read(with, &c));
    CHECK(!c.create_group);
    sw_autofree char *a = log_config_stream(&c, "web", "0123");
    CHECK_EQ_STR(a, "p/web/0123");
    c.prefix = NULL;
    sw_autofree char *b = log_config_stream(&c, "web", "0123");
    CHECK_EQ_STR(b, "web/0123");
}
