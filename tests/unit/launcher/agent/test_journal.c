/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a container; the socket itself is tested by tests/http/test_task_log_streams.py. */
#include "launcher/agent/journal.h"

#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static json_t *load(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *doc = NULL;
    CHECK_OK(sw_json_load(sw_str(text), 8, 1000, NULL, &doc, &err));
    return doc;
}

static json_t *fields_of(const char *options, const char *environment)
{
    sw_autojson json_t *metadata = load("{\"DockerId\": \"0123456789abcdef\", \"DockerName\": "
                                        "\"ecs-t-1-c-0\", \"Image\": \"nginx:1\", "
                                        "\"ImageID\": \"sha256:aaaabbbbccccdddd\", \"Labels\": "
                                        "{\"com.amazonaws.ecs.cluster\": \"k\", "
                                        "\"team.name\": \"blue\", \"stage\": \"of the label\", "
                                        "\"other\": \"x\", \"unit\": \"ssh\"}}");
    sw_autojson json_t *definition = json_object();
    sw_autojson json_t *env = load(environment);
    json_t *log = json_object();
    sw_json_set_str(log, "logDriver", "journald");
    sw_json_set_new(log, "options", load(options));
    sw_json_set_new(definition, "logConfiguration", log);
    sw_json_set_new(definition, "secrets", load("[{\"name\": \"TOKEN\"}]"));
    sw_autojson json_t *wanted = journal_env(definition, env);
    return journal_container_fields(metadata, definition, wanted);
}

TEST(fields_that_options_ask_for)
{
    static const char environment[] =
        "[\"PATH=/bin\", \"STAGE=a=b\", \"EMPTY=\", \"none\", \"TOKEN=hidden\", "
        "\"MESSAGE=forged\", "
        "\"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x\"]";
    static const struct {
        const char *options, *field, *want; /* NULL: it is not there */
    } cases[] = {
        {"{}", "CONTAINER_ID", "0123456789ab"},
        {"{}", "CONTAINER_ID_FULL", "0123456789abcdef"},
        {"{}", "CONTAINER_TAG", "0123456789ab"},
        {"{}", "SYSLOG_IDENTIFIER", "0123456789ab"},
        {"{}", "COM_AMAZONAWS_ECS_CLUSTER", "k"},
        {"{}", "STAGE", NULL},
        {"{}", "TEAM_NAME", NULL},
        {"{\"tag\": \"{{.ImageName}}/{{.Name}}/{{.ImageID}} x\"}", "CONTAINER_TAG",
         "nginx:1/ecs-t-1-c-0/aaaabbbbcccc x"},
        {"{\"tag\": \"{{.FullID}}{{.ImageFullID}}{{.DaemonName}}\"}", "SYSLOG_IDENTIFIER",
         "0123456789abcdefsha256:aaaabbbbccccddddslipway"},
        {"{\"env\": \"STAGE\"}", "STAGE", "a=b"},
        {"{\"env\": \"EMPTY , none\"}", "EMPTY", ""},
        {"{\"env\": \"none\"}", "NONE", NULL},
        {"{\"env\": \"PATH\"}", "PATH", "/bin"}, /* of the image */
        {"{\"env-regex\": \"^(ST|PA)\"}", "PATH", "/bin"},
        {"{\"env-regex\": \"^(ST|PA)\"}", "EMPTY", NULL},
        {"{\"env-regex\": \".\"}", "TOKEN", NULL},
        {"{\"env-regex\": \".\"}", "MESSAGE", NULL},
        {"{\"env-regex\": \".\"}", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", NULL},
        {"{\"labels\": \"team.name\"}", "TEAM_NAME", "blue"},
        {"{\"labels\": \"team.name\"}", "OTHER", NULL},
        {"{\"labels-regex\": \"t\"}", "OTHER", "x"},
        {"{\"labels-regex\": \"t\"}", "UNIT", NULL},
        {"{\"labels\": \"stage\"}", "STAGE", "of the label"},
        {"{\"labels\": \"stage\", \"env\": \"STAGE\"}", "STAGE", "a=b"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        sw_autojson json_t *fields = fields_of(cases[i].options, environment);
        const char *got = sw_json_str(fields, cases[i].field, NULL);
        CHECK_MSG(sw_streq(got, cases[i].want), "%s %s: %s", cases[i].options, cases[i].field,
                  got ? got : "none");
    }
}
