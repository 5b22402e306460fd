/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through the operation tables, as the AWS JSON edge makes them, without sockets. */
#include "launcher/api/ecs.h"

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_schema.h"
#include "storage/meta/meta.h"
#include "tests/lib/test.h"

#define ACCOUNT "123456789012"

struct world {
    struct meta_db *db;
    struct launcher *l;
    struct ecs_api *api;
    struct aws_service ecs, agent;
    struct principal admin, user, node;
};

static int add_account(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account (id, created_at) VALUES ('" ACCOUNT "', 0)", "");
}

static struct principal principal(enum principal_kind kind, const char *name)
{
    struct principal p = {.kind = kind, .account = ACCOUNT};
    (void)snprintf(p.name, sizeof p.name, "%s", name);
    (void)snprintf(p.arn, sizeof p.arn, "arn:aws:iam::" ACCOUNT ":user/%s", name);
    return p;
}

static void world_open(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options mo = {.path = test_path("meta.db")};
    *w = (struct world){.db = NULL};
    CHECK_OK(meta_sqlite_open(&mo, &w->db, &err));
    CHECK_OK(meta_tx(w->db, META_WRITE, add_account, NULL, &err));
    struct launcher_options lo = {.db = w->db};
    CHECK_OK(launcher_open(&lo, &w->l, &err));
    struct ecs_api_options ao = {.launcher = w->l};
    w->api = ecs_api_new(&ao);
    w->ecs = ecs_aws_service(w->api);
    w->agent = agent_aws_service(w->api);
    w->admin = principal(PRINCIPAL_ADMIN, "admin");
    w->user = principal(PRINCIPAL_USER, "bob");
    w->node = principal(PRINCIPAL_NODE, "node");
}

static void world_close(struct world *w)
{
    ecs_api_free(w->api);
    launcher_free(w->l);
    meta_db_free(w->db);
}

static const struct aws_op *find(const struct aws_service *s, const char *name)
{
    for (size_t i = 0; i < s->ops_n; i++) {
        if (sw_streq(s->ops[i].name, name))
            return &s->ops[i];
    }
    test_fail(__FILE__, __LINE__, "no operation %s", name);
}

/* Validates, calls and checks the reply against its schema. Quotes may be single. */
static int invoke(struct world *w, const struct aws_service *s, const struct principal *p,
                  const char *name, const char *quoted, json_t **ret, struct sw_err *err)
{
    char text[4096];
    json_error_t e;
    const struct aws_op *op = find(s, name);
    CHECK(strlen(quoted) < sizeof text);
    for (size_t i = 0; i <= strlen(quoted); i++)
        text[i] = quoted[i] == '\'' ? '"' : quoted[i];
    sw_autojson json_t *in = json_loads(text, 0, &e), *out = json_object();
    CHECK_MSG(in != NULL, "%s in %s", e.text, text);
    struct http_header host = {"Host", "127.0.0.1:5000"};
    struct http_req req = {.headers = &host, .headers_n = 1};
    struct aws_call call = {.service = s,
                            .op = op,
                            .req = &req,
                            .principal = *p,
                            .region = "us-east-1",
                            .input = in,
                            .context = {.account = ACCOUNT}};
    int r = schema_validate(op->in, in, s->invalid_reason, NULL, 0, err);
    (void)w;
    if (r == 0)
        r = op->fn(&call, NULL, out, err);
    if (r < 0)
        return r;
    CHECK_OK_IN(schema_check_output(op->out, out, err), err);
    CHECK(call.authorized);
    json_decref(*ret);
    *ret = json_incref(out);
    return 0;
}

static json_t *ok(struct world *w, const char *name, const char *in)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *out = NULL;
    CHECK_OK(invoke(w, &w->ecs, &w->admin, name, in, &out, &err));
    return out;
}

static void no(struct world *w, const struct principal *p, const char *name, const char *in,
               int code, const char *reason, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *out = NULL;
    int r = invoke(w, &w->ecs, p, name, in, &out, &err);
    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, code, reason);
}

#define REGISTER                                                                                   \
    "{'cluster': 'default', 'totalResources': [{'name': 'CPU', 'type': 'INTEGER', "                \
    "'integerValue': 1024},"                                                                       \
    " {'name': 'MEMORY', 'type': 'INTEGER', 'integerValue': 512, 'doubleValue': 0.0, "             \
    "'longValue': 0},"                                                                             \
    " {'name': 'PORTS', 'type': 'STRINGSET', 'stringSetValue': ['22']}],"                          \
    " 'attributes': [{'name': 'ecs.os-type', 'value': 'linux'}], 'versionInfo': {'agentVersion': " \
    "'1'}}"

/* Registers a node that polls; its ARN. */
static void join(struct world *w, char arn[ARN_MAX])
{
    struct sw_err err = SW_ERR_INIT;
    char in[ARN_MAX + 64];
    sw_autojson json_t *out = NULL, *state = NULL;
    CHECK_OK(invoke(w, &w->ecs, &w->node, "RegisterContainerInstance", REGISTER, &out, &err));
    (void)snprintf(
        arn, ARN_MAX, "%s",
        sw_json_str(sw_json_object(out, "containerInstance"), "containerInstanceArn", ""));
    (void)snprintf(in, sizeof in, "{'containerInstance': '%s'}", arn);
    CHECK_OK(invoke(w, &w->agent, &w->node, "PollTasks", in, &state, &err));
}

TEST(tables_are_sorted_and_complete)
{
    struct ecs_api_options o = {.launcher = NULL};
    struct ecs_api *api = ecs_api_new(&o);
    const struct aws_service services[] = {ecs_aws_service(api), agent_aws_service(api)};
    for (size_t k = 0; k < SW_ARRAY_LEN(services); k++) {
        const struct aws_service *s = &services[k];
        for (size_t i = 0; i < s->ops_n; i++) {
            CHECK(i == 0 || strcmp(s->ops[i - 1].name, s->ops[i].name) < 0);
            CHECK(s->ops[i].fn && s->ops[i].in && s->ops[i].out && s->ops[i].action);
            for (size_t u = 0; s->unimplemented[u]; u++)
                CHECK(!sw_streq(s->unimplemented[u], s->ops[i].name));
            sw_autojson json_t *d = schema_describe(s->ops[i].in);
            CHECK(json_is_object(d));
        }
    }
    size_t named = 0;
    while (services[0].unimplemented[named])
        named++;
    CHECK(services[0].ops_n + named >= 77); /* of Debian's model; newer ones have more */
    ecs_api_free(api);
}

/* Every input member says what becomes of it. */
static void check_handled(const struct sw_field *fields, int depth)
{
    const unsigned any = F_BOUND | F_READ | F_STORED | F_REFUSED;
    CHECK(depth < 12);
    for (const struct sw_field *f = fields; f->name; f++) {
        CHECK_MSG(f->flags & any, "%s", f->name);
        if (f->type == T_STRUCT)
            check_handled(f->of, depth + 1);
        else if (f->type == T_LIST && f->of->type == T_STRUCT)
            check_handled(f->of->of, depth + 1);
    }
}

TEST(no_input_member_is_ignored)
{
    struct ecs_api_options o = {.launcher = NULL};
    struct ecs_api *api = ecs_api_new(&o);
    const struct aws_service services[] = {ecs_aws_service(api), agent_aws_service(api)};
    for (size_t k = 0; k < SW_ARRAY_LEN(services); k++) {
        for (size_t i = 0; i < services[k].ops_n; i++)
            check_handled(services[k].ops[i].in, 0);
    }
    ecs_api_free(api);
}

TEST(a_task_from_registration_to_stop)
{
    struct world w;
    char arn[ARN_MAX], in[ARN_MAX + 200];
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    join(&w, arn);
    sw_autojson json_t *definition =
        ok(&w, "RegisterTaskDefinition",
           "{'family': 'app', 'containerDefinitions': [{'name': 'web', 'image': 'i',"
           " 'memory': 64, 'portMappings': [{'containerPort': 80}]}]}");
    CHECK_EQ_STR(sw_json_str(sw_json_object(definition, "taskDefinition"), "status", ""), "ACTIVE");
    sw_autojson json_t *run = ok(&w, "RunTask", "{'taskDefinition': 'app'}");
    const char *task = sw_json_str(json_array_get(sw_json_array(run, "tasks"), 0), "taskArn", "");
    (void)snprintf(
        in, sizeof in,
        "{'cluster': 'default', 'task': '%s', 'status': 'RUNNING', 'containers': [{'containerName':"
        " 'web', 'status': 'RUNNING'}]}",
        task);
    sw_autojson json_t *ack = NULL;
    CHECK_OK(invoke(&w, &w.ecs, &w.node, "SubmitTaskStateChange", in, &ack, &err));
    (void)snprintf(in, sizeof in, "{'tasks': ['%s']}", task);
    sw_autojson json_t *seen = ok(&w, "DescribeTasks", in);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(seen, "tasks"), 0), "lastStatus", ""),
                 "RUNNING");
    (void)snprintf(in, sizeof in, "{'task': '%s', 'reason': 'done'}", task);
    sw_autojson json_t *stop = ok(&w, "StopTask", in);
    CHECK_EQ_STR(sw_json_str(sw_json_object(stop, "task"), "desiredStatus", ""), "STOPPED");
    sw_autojson json_t *listed = ok(&w, "ListTasks", "{'desiredStatus': 'STOPPED'}");
    CHECK_EQ_INT(json_array_size(sw_json_array(listed, "taskArns")), 1);
    (void)snprintf(in, sizeof in, "{'containerInstances': ['%s'], 'include': ['TAGS']}", arn);
    json_decref(ok(&w, "DescribeContainerInstances", in));
    json_decref(ok(&w, "ListContainerInstances", "{}"));
    sw_autojson json_t *health = NULL;
    (void)snprintf(
        in, sizeof in,
        "{'task': '%s', 'containers': [{'containerName': 'web', 'healthStatus': 'UNHEALTHY'}]}",
        task);
    CHECK_OK(invoke(&w, &w.agent, &w.node, "SubmitHealth", in, &health, &err));
    (void)snprintf(in, sizeof in, "{'containerInstance': '%s', 'requestId': 'late', 'records': []}",
                   arn);
    CHECK_OK(invoke(&w, &w.agent, &w.node, "SubmitLogs", in, &health, &err));
    (void)snprintf(in, sizeof in, "{'containerInstance': '%s', 'force': true}", arn);
    sw_autojson json_t *gone = NULL;
    CHECK_OK(invoke(&w, &w.ecs, &w.node, "DeregisterContainerInstance", in, &gone, &err));
    world_close(&w);
}

TEST(clusters_definitions_and_the_poll_endpoint)
{
    struct world w;
    world_open(&w);
    json_decref(
        ok(&w, "CreateCluster",
           "{'clusterName': 'c', 'tags': [{'key': 'a', 'value': 'b'}], 'settings': [{'name':"
           " 'containerInsights', 'value': 'disabled'}]}"));
    sw_autojson json_t *d =
        ok(&w, "DescribeClusters", "{'clusters': ['c'], 'include': ['TAGS', 'SETTINGS']}");
    CHECK_EQ_INT(
        json_array_size(sw_json_array(json_array_get(sw_json_array(d, "clusters"), 0), "tags")), 1);
    sw_autojson json_t *page = ok(&w, "ListClusters", "{'maxResults': 1}");
    const char *next = sw_json_str(page, "nextToken", NULL);
    CHECK_NOT_NULL(next);
    char in[2000];
    (void)snprintf(in, sizeof in, "{'maxResults': 1, 'nextToken': '%s'}", next);
    sw_autojson json_t *last = ok(&w, "ListClusters", in);
    CHECK_EQ_INT(json_array_size(sw_json_array(last, "clusterArns")), 1);
    CHECK_NULL(json_object_get(last, "nextToken"));
    sw_autojson json_t *e = ok(&w, "DiscoverPollEndpoint", "{}");
    CHECK_EQ_STR(sw_json_str(e, "endpoint", ""), "http://127.0.0.1:5000");
    json_decref(ok(&w, "RegisterTaskDefinition",
                   "{'family': 'app', 'tags': [{'key': 'a', 'value': 'b'}], "
                   "'containerDefinitions': [{'name': 'w',"
                   " 'image': 'i', 'memory': 64}]}"));
    json_decref(ok(&w, "DescribeTaskDefinition", "{'taskDefinition': 'app', 'include': ['TAGS']}"));
    json_decref(ok(&w, "ListTaskDefinitions", "{'familyPrefix': 'app', 'sort': 'DESC'}"));
    json_decref(ok(&w, "ListTaskDefinitionFamilies", "{'status': 'ALL'}"));
    json_decref(ok(&w, "DeregisterTaskDefinition", "{'taskDefinition': 'app:1'}"));
    world_close(&w);
}

#define ONE_CONTAINER(more) \
    "{'family': 'f', 'containerDefinitions': [{'name': 'w', 'image': 'i', 'memory': 64" more "}]}"

TEST(what_is_not_implemented_is_refused_by_name)
{
    static const char *const members[][2] = {
        {ONE_CONTAINER(", 'credentialSpecs': ['credentialspec:x']"),
         "containerDefinitions[0].credentialSpecs"},
        {ONE_CONTAINER(", 'firelensConfiguration': {'type': 'fluentd'}"), "firelensConfiguration"},
        {ONE_CONTAINER(", 'resourceRequirements': [{'type': 'GPU', 'value': '1'}]"),
         "resourceRequirements"},
        {"{'family': 'f', 'enableFaultInjection': true, 'containerDefinitions': []}",
         "enableFaultInjection"},
        {"{'family': 'f', 'containerDefinitions': [], 'volumes': [{'name': 'v', "
         "'configuredAtLaunch': true}]}",
         "volumes[0].configuredAtLaunch"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(members); i++)
        no(&w, &w.admin, "RegisterTaskDefinition", members[i][0], SW_EUNSUPPORTED,
           "UnsupportedFeatureException", members[i][1]);
    json_decref(
        ok(&w, "RegisterTaskDefinition",
           ONE_CONTAINER(
               ", 'privileged': false, 'links': [], 'linuxParameters': {'initProcessEnabled':"
               " false}, 'secrets': null, 'restartPolicy': {'enabled': false}")));
    no(&w, &w.admin, "RunTask", "{'taskDefinition': 'f', 'referenceId': 'r'}", SW_EUNSUPPORTED,
       "UnsupportedFeatureException", "referenceId");
    world_close(&w);
}

TEST(whole_numbers_may_be_written_as_reals)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *d =
        ok(&w, "RegisterTaskDefinition",
           "{'family': 'f', 'containerDefinitions': [{'name': 'w', 'image': 'i', 'memory': 64.0,"
           " 'cpu': 1e2}]}");
    json_t *c = json_array_get(
        sw_json_array(sw_json_object(d, "taskDefinition"), "containerDefinitions"), 0);
    CHECK_EQ_INT(sw_json_int(c, "memory", 0), 64);
    CHECK_EQ_INT(sw_json_int(c, "cpu", 0), 100);
    no(&w, &w.admin, "ListTasks", "{'maxResults': 200.0}", SW_EINVALID, "InvalidParameterException",
       "maxResults");
    world_close(&w);
}

TEST(bad_input_is_named)
{
    struct world w;
    world_open(&w);
    no(&w, &w.admin, "RegisterTaskDefinition", "{'family': 'f'}", SW_EINVALID,
       "InvalidParameterException", "containerDefinitions");
    no(&w, &w.admin, "RegisterTaskDefinition", "{'family': 1, 'containerDefinitions': []}",
       SW_EINVALID, "SerializationException", "family");
    no(&w, &w.admin, "RunTask", "{'taskDefinition': 'f', 'colour': 'red'}", SW_EINVALID,
       "InvalidParameterException", "colour");
    no(&w, &w.admin, "ListTasks", "{'maxResults': 101}", SW_EINVALID, "InvalidParameterException",
       "maxResults");
    no(&w, &w.admin, "ListTasks", "{'nextToken': 'x'}", SW_EINVALID, "InvalidParameterException",
       "oken");
    no(&w, &w.admin, "StopTask", "{'task': 'a b'}", SW_EINVALID, "InvalidParameterException",
       "task identifier");
    world_close(&w);
}

TEST(nobody_without_the_right_gets_through)
{
    static const char *const calls[][2] = {
        {"RegisterTaskDefinition", ONE_CONTAINER("")},
        {"DescribeTaskDefinition", "{'taskDefinition': 'f'}"},
        {"DeregisterTaskDefinition", "{'taskDefinition': 'f:1'}"},
        {"ListTaskDefinitions", "{}"},
        {"ListTaskDefinitionFamilies", "{}"},
        {"RunTask", "{'taskDefinition': 'f'}"},
        {"StopTask", "{'task': '00000000000000000000000000000000'}"},
        {"DescribeTasks", "{'tasks': ['00000000000000000000000000000000']}"},
        {"DescribeTasks", "{'tasks': []}"},
        {"ListTasks", "{}"},
        {"ListTasks", "{'containerInstance': '00000000000000000000000000000000'}"},
        {"DescribeClusters", "{}"},
        {"ListClusters", "{}"},
        {"CreateCluster", "{}"},
        {"ListContainerInstances", "{}"},
        {"DescribeContainerInstances",
         "{'containerInstances': ['00000000000000000000000000000000']}"},
        {"RegisterContainerInstance", REGISTER},
        {"DeregisterContainerInstance",
         "{'containerInstance': '00000000000000000000000000000000'}"},
        {"SubmitTaskStateChange",
         "{'task': '00000000000000000000000000000000', 'status': 'RUNNING'}"},
        {"DiscoverPollEndpoint", "{}"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(calls); i++)
        no(&w, &w.user, calls[i][0], calls[i][1], SW_EDENIED, "AccessDeniedException", calls[i][0]);
    no(&w, &w.user, "RunTask", "{'taskDefinition': 'f'}", SW_EDENIED, "AccessDeniedException",
       "arn:aws:ecs:us-east-1:" ACCOUNT ":task-definition/f:*");
    world_close(&w);
}

TEST(logs_of_a_task_whose_agent_is_away_are_refused)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *out = NULL;
    world_open(&w);
    CHECK_ERR(invoke(&w, &w.agent, &w.admin, "GetTaskLogs",
                     "{'task': '00000000000000000000000000000000'}", &out, &err),
              SW_ENOTFOUND, "InvalidParameterException");
    world_close(&w);
}

TEST(a_page_is_continued_by_the_request_that_began_it)
{
    struct world w;
    char in[1600];
    world_open(&w);
    json_decref(ok(&w, "RegisterTaskDefinition", ONE_CONTAINER("")));
    json_decref(ok(&w, "RegisterTaskDefinition", ONE_CONTAINER("")));
    sw_autojson json_t *first = ok(&w, "ListTaskDefinitions", "{'maxResults': 1}");
    const char *token = sw_json_str(first, "nextToken", "");
    (void)snprintf(in, sizeof in, "{'maxResults': 2, 'nextToken': '%s'}", token);
    sw_autojson json_t *second = ok(&w, "ListTaskDefinitions", in);
    CHECK_EQ_INT(json_array_size(sw_json_array(second, "taskDefinitionArns")), 1);
    CHECK(!json_object_get(second, "nextToken"));
    no(&w, &w.admin, "ListClusters", in, SW_EINVALID, "InvalidParameterException", "Invalid token");
    (void)snprintf(in, sizeof in, "{'sort': 'DESC', 'nextToken': '%s'}", token);
    no(&w, &w.admin, "ListTaskDefinitions", in, SW_EINVALID, "InvalidParameterException",
       "Invalid token");
    world_close(&w);
}

TEST(clusters_of_others_are_missing)
{
    struct world w;
    world_open(&w);
    sw_autojson json_t *out =
        ok(&w, "DescribeClusters",
           "{'clusters': ['arn:aws:ecs:eu-west-1:" ACCOUNT ":cluster/default',"
           " 'arn:aws:ecs:us-east-1:111111111111:cluster/default']}");
    CHECK_EQ_INT(json_array_size(sw_json_array(out, "clusters")), 0);
    const json_t *failures = sw_json_array(out, "failures");
    CHECK_EQ_INT(json_array_size(failures), 2);
    CHECK_EQ_STR(sw_json_str(json_array_get(failures, 1), "arn", ""),
                 "arn:aws:ecs:us-east-1:111111111111:cluster/default");
    CHECK_EQ_STR(sw_json_str(json_array_get(failures, 1), "reason", ""), "MISSING");
    no(&w, &w.user, "DescribeClusters",
       "{'clusters': ['arn:aws:ecs:us-east-1:111111111111:cluster/default']}", SW_EDENIED,
       "AccessDeniedException", "DescribeClusters");
    world_close(&w);
}
