/* SPDX-License-Identifier: Apache-2.0 */
/* The query protocol without sockets: forms as clients send them, answers as clients read them. */
#include "api/awsquery.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define NOW_US  1795270000000000LL
#define PEER_ID "11111111-2222-4333-8444-555555555555"
#define FORM    "application/x-www-form-urlencoded; charset=utf-8"

static const struct sw_field text_item = {.type = T_STRING};
static const struct sw_field number_item = {.type = T_INT};
static const struct sw_field tag_fields[] = {
    {.name = "Key", .type = T_STRING, .flags = F_READ | F_REQUIRED},
    {.name = "Value", .type = T_STRING, .flags = F_READ},
    F_END};
static const struct sw_field tag_item = {.type = T_STRUCT, .of = tag_fields};
static const struct sw_field map_of_text[] = {{.type = T_STRING}, {.type = T_STRING}};
static const struct sw_field all[] = {
    {.name = "Text", .type = T_STRING, .flags = F_READ | F_LIMITS, .min = 0, .max = 20},
    {.name = "Flag", .type = T_BOOL, .flags = F_READ},
    {.name = "Count", .type = T_INT, .flags = F_READ},
    {.name = "Ratio", .type = T_DOUBLE, .flags = F_READ},
    {.name = "When", .type = T_TIMESTAMP, .flags = F_READ},
    {.name = "Blob", .type = T_BLOB, .flags = F_READ},
    {.name = "List", .type = T_LIST, .flags = F_READ, .of = &text_item},
    {.name = "Numbers", .type = T_LIST, .flags = F_READ, .of = &number_item},
    {.name = "Tags", .type = T_LIST, .flags = F_READ, .of = &tag_item},
    {.name = "Map", .type = T_MAP, .flags = F_READ, .of = map_of_text},
    {.name = "One", .type = T_STRUCT, .flags = F_READ, .of = tag_fields},
    F_END};
static const struct sw_field nothing[] = {F_END};

static char seen_name[PRINCIPAL_NAME_MAX], seen_route[64];

/* Answers with what it was asked. */
static int echo(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)in;
    json_object_update(out, (json_t *)call->input);
    (void)snprintf(seen_name, sizeof(seen_name), "%s", call->principal.name);
    return aws_may(call, "*", err);
}

static int nobody(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)in, (void)out, (void)err;
    CHECK_EQ_INT(call->principal.kind, PRINCIPAL_ANONYMOUS);
    aws_allow(call, "*");
    return 0;
}

static int missing(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)call, (void)in, (void)out;
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The user with name <b>&\x01 is gone.");
}

static int broken(struct aws_call *call, const void *in, json_t *out, struct sw_err *err)
{
    (void)call, (void)in, (void)out;
    return sw_fail(err, SW_EIO, NULL, "secret path");
}

static const struct aws_op ops[] = {{"Broken", broken, nothing, NULL, 0, "test:Broken"},
                                    {"Echo", echo, all, all, 0, "test:Echo"},
                                    {"Missing", missing, nothing, NULL, 0, "test:Missing"},
                                    {"Unsigned", nobody, nothing, NULL, 0, "test:Unsigned"}};
static const struct aws_op later_ops[] = {{"Echo", missing, nothing, NULL, 0, "test:Echo"}};
static const char *const unimplemented[] = {"Later", NULL};
static const char *const unsigned_ops[] = {"Unsigned", NULL};
static const struct aws_service services[] = {{.signing_name = "test",
                                               .invalid_reason = "ValidationError",
                                               .ops = ops,
                                               .ops_n = SW_ARRAY_LEN(ops),
                                               .unimplemented = unimplemented,
                                               .protocol = AWS_QUERY,
                                               .api_version = "2010-05-08",
                                               .unsigned_ops = unsigned_ops,
                                               .xml_namespace = "https://test/doc/"},
                                              {.signing_name = "test",
                                               .invalid_reason = "ValidationError",
                                               .ops = later_ops,
                                               .ops_n = SW_ARRAY_LEN(later_ops),
                                               .protocol = AWS_QUERY,
                                               .api_version = "2020-01-01",
                                               .xml_namespace = "https://test/later/"},
                                              {.signing_name = "json",
                                               .target_prefix = "Json_V1",
                                               .invalid_reason = "ValidationError",
                                               .ops = later_ops,
                                               .ops_n = SW_ARRAY_LEN(later_ops)}};

static int secret(void *ctx, const struct sigv4_key *key, struct principal *ret, char out[129],
                  struct sw_err *err)
{
    const char *id = key->access_key_id;

    (void)ctx;
    if (strcmp(id, "AKIAADMINADMINADMIN") != 0)
        return sw_fail(err, SW_ENOTFOUND, "UnrecognizedClientException", "unknown");
    *ret = (struct principal){
        .kind = PRINCIPAL_ADMIN, .account = "000000000000", .user_id = "AIDA1", .name = "admin"};
    (void)snprintf(out, 129, "secret");
    return 0;
}

static int64_t fixed_now(void)
{
    return NOW_US;
}

struct options {
    const char *body, *type, *encoding, *key, *secret, *service, *query;
    size_t body_n; /* 0: a string */
    bool anonymous;
};

struct answer {
    int status;
    char *xml;
};

static size_t sign(const struct options *o, struct http_header h[8], char date[SW_TIME_LEN],
                   struct sw_buf *authorization)
{
    struct sigv4_header sh[2];
    struct sw_err err = SW_ERR_INIT;
    size_t n = 0;

    sw_format_amz_date(NOW_US, date);
    h[n++] = (struct http_header){"Host", "127.0.0.1:5000"};
    h[n++] = (struct http_header){"X-Amz-Date", date};
    for (size_t i = 0; i < n; i++)
        sh[i] = (struct sigv4_header){sw_str(h[i].name), sw_str(h[i].value)};
    struct sigv4_request q = {o->query ? SW_STR("GET") : SW_STR("POST"),
                              SW_STR("/"),
                              sw_str(o->query),
                              sh,
                              n,
                              sw_str_n(o->body, o->body_n)};
    CHECK_OK(sigv4_sign(&q, o->key ? o->key : "AKIAADMINADMINADMIN",
                        o->secret ? o->secret : "secret", "eu-west-1",
                        o->service ? o->service : "test", date, authorization, &err));
    if (!o->anonymous)
        h[n++] = (struct http_header){"Authorization", authorization->p};
    if (!o->query)
        h[n++] = (struct http_header){"Content-Type", o->type ? o->type : FORM};
    if (o->encoding)
        h[n++] = (struct http_header){"Content-Encoding", o->encoding};
    return n;
}

static struct answer ask(struct options o)
{
    const struct aws_edge_options eo = {.services = services,
                                        .services_n = SW_ARRAY_LEN(services),
                                        .secret = secret,
                                        .now_us = fixed_now};
    struct aws_edge *e = aws_edge_new(&eo);
    struct http_service service = aws_edge_service(e);
    struct sw_buf authorization = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;
    struct http_header h[8];
    struct http_plan plan;
    struct http_res res;
    struct answer a;
    char date[SW_TIME_LEN];

    if (!o.body)
        o.body = "";
    if (!o.body_n)
        o.body_n = strlen(o.body);
    struct http_req req = {.method = o.query ? HTTP_GET : HTTP_POST,
                           .path = "/",
                           .query = o.query ? o.query : "",
                           .headers = h,
                           .headers_n = sign(&o, h, date, &authorization),
                           .content_length = (int64_t)o.body_n,
                           .id = PEER_ID,
                           .peer_ip = "127.0.0.1",
                           .body = SW_BUF_INIT(LIMIT_AWS_BODY)};
    http_res_init(&res);
    CHECK(service.match(service.ctx, &req));
    CHECK_EQ_INT(service.begin(service.ctx, &req, &plan, &res), HTTP_GO);
    CHECK(sw_buf_add(&req.body, o.body, o.body_n));
    CHECK_EQ_INT(plan.run(plan.state, &req, &res, &err), HTTP_DONE);
    plan.free(plan.state);
    (void)snprintf(seen_route, sizeof(seen_route), "%s", req.route);
    CHECK_EQ_STR(http_res_get(&res, "x-amzn-RequestId"), PEER_ID);
    CHECK_EQ_STR(http_res_get(&res, "Content-Type"), "text/xml");
    a.status = res.status;
    a.xml = sw_str_dup(sw_str_n(res.bytes, res.bytes_n));
    http_res_done(&res);
    sw_buf_done(&req.body);
    sw_buf_done(&authorization);
    aws_edge_free(e);
    return a;
}

/* status 200: the result element's content; else the code. */
static void expect(struct options o, int status, const char *part)
{
    struct answer a = ask(o);

    if (a.status != status || !strstr(a.xml, part))
        test_fail(__FILE__, __LINE__, "%s: %d %s", o.body ? o.body : o.query, a.status, a.xml);
    free(a.xml);
}

#define ECHO "Action=Echo&Version=2010-05-08"

static void echoes(const char *parameters, const char *xml)
{
    sw_autofree char *body = NULL;

    CHECK(asprintf(&body, ECHO "&%s", parameters) > 0);
    expect((struct options){.body = body}, 200, xml);
}

TEST(answers_have_the_form_that_clients_read)
{
    struct answer a = ask((struct options){.body = ECHO "&Text=hi"});

    CHECK_EQ_INT(a.status, 200);
    CHECK_EQ_STR(a.xml, "<EchoResponse xmlns=\"https://test/doc/\"><EchoResult><Text>hi</Text>"
                        "</EchoResult><ResponseMetadata><RequestId>" PEER_ID
                        "</RequestId></ResponseMetadata></EchoResponse>\n");
    CHECK_EQ_STR(seen_route, "test:Echo");
    CHECK_EQ_STR(seen_name, "admin");
    free(a.xml);
}

TEST(scalars_take_the_tables_types)
{
    echoes("Flag=true&Count=-7", "<Flag>true</Flag><Count>-7</Count>");
    echoes("Ratio=0.5", "<Ratio>0.5</Ratio>");
    echoes("When=2026-11-21T14:07:09Z", "<When>2026-11-21T14:07:09Z</When>");
    echoes("Blob=aGk%3D", "<Blob>aGk=</Blob>");
    echoes("Text=", "<Text></Text>");
    echoes("Text=a+b%26%3C%E2%82%AC", "<Text>a b&amp;&lt;\xe2\x82\xac</Text>");
    echoes("Text=%01%0D", "<Text>\xef\xbf\xbd&#xD;</Text>");
}

TEST(lists_maps_and_structures)
{
    echoes("List.member.1=a&List.member.2=b", "<List><member>a</member><member>b</member></List>");
    echoes("List.2=b&List.1=a", "<List><member>a</member><member>b</member></List>");
    echoes("List=", "<List></List>");
    echoes("Numbers.member.1=5", "<Numbers><member>5</member></Numbers>");
    echoes("Tags.member.1.Key=k&Tags.member.1.Value=v",
           "<Tags><member><Key>k</Key><Value>v</Value></member></Tags>");
    echoes("Map.entry.1.key=k&Map.entry.1.value=v",
           "<Map><entry><key>k</key><value>v</value></entry></Map>");
    echoes("One.Key=k", "<One><Key>k</Key></One>");
}

static void refused(const char *parameters, const char *part)
{
    sw_autofree char *body = NULL;

    CHECK(asprintf(&body, ECHO "&%s", parameters) > 0);
    expect((struct options){.body = body}, 400, part);
}

TEST(malformed_parameters_are_refused)
{
    refused("Count=x", "<Code>MalformedInput</Code><Message>'Count' must be an integer");
    refused("Flag=1", "'Flag' must be true or false");
    refused("When=yesterday", "'When' must be a time");
    refused("Ratio=nan", "'Ratio' must be a number");
    refused("List.member.2=b", "'List.1'");
    refused("List.member.x=b", "'List.1'");
    refused("List.member.1=b&List.x=c", "numbered from 1");
    refused("Map.entry.1.key=k", "'Map.1'");
    refused("Map.entry.1.key=k&Map.entry.1.value=v&Map.entry.2.key=k&Map.entry.2.value=w",
            "'Map.2'");
    refused("Text.member.1=b", "'Text' must be one value");
    refused("Tags=x", "'Tags' must be a list");
    refused("Text=a&Text=b", "occurs twice");
    refused("Text=a&Text.b=b", "has a value and members");
    refused("Text=%zz", "percent-encoded");
    refused("Text=%00", "percent-encoded");
    refused("Text=%ff", "not UTF-8");
    refused("Text..x=1", "malformed name");
    refused("=1", "malformed name");
    refused("Text=123456789012345678901", "<Code>ValidationError</Code>");
    refused("Other=1", "<Code>ValidationError</Code><Message>Unknown parameter: 'Other'");
    refused("Tags.member.1.Value=v", "Missing required field: 'Tags[0].Key'");
}

TEST(what_a_body_makes_is_bounded)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(LIMIT_AWS_BODY);

    sw_buf_add_z(&b, ECHO "&Text");
    for (size_t i = 0; i < 100; i++)
        sw_buf_add_z(&b, ".a");
    expect((struct options){.body = b.p}, 400, "levels");
    sw_buf_reset(&b);
    sw_buf_add_z(&b, ECHO);
    for (unsigned i = 1; i <= LIMIT_AWS_VALUES + 1; i++)
        sw_buf_addf(&b, "&List.member.%u=", i);
    CHECK(!b.overflow);
    struct answer a = ask((struct options){.body = b.p});
    CHECK_EQ_INT(a.status, 400);
    CHECK_CONTAINS(a.xml, "values");
    free(a.xml);
}

TEST(actions_are_found_by_service_and_version)
{
    expect((struct options){.body = "Action=Echo&Version=2020-01-01"}, 404, "https://test/later/");
    expect((struct options){.body = "Action=Nothing&Version=2010-05-08"}, 400,
           "<Code>InvalidAction</Code><Message>Could not find operation Nothing for version "
           "2010-05-08");
    expect((struct options){.body = "Action=Echo&Version=1999-01-01"}, 400, "InvalidAction");
    expect((struct options){.body = "Action=Later&Version=2010-05-08"}, 400,
           "<Code>UnsupportedOperation</Code><Message>test: the operation Later is not "
           "implemented");
    expect((struct options){.body = "Version=2010-05-08"}, 400, "InvalidAction");
    expect((struct options){.body = "Action=Echo"}, 400, "MissingParameter");
    expect((struct options){.body = ECHO, .service = "sqs"}, 400, "InvalidAction");
    expect((struct options){.body = ECHO, .service = "json"}, 400, "InvalidAction");
    expect((struct options){.body = "Action=DescribeVpcs&Version=2016-11-15", .service = "ec2"},
           400, "<Response><Errors><Error><Code>InvalidAction</Code>");
}

TEST(errors_have_the_codes_and_statuses_of_the_protocol)
{
    expect((struct options){.body = "Action=Missing&Version=2010-05-08"}, 404,
           "<ErrorResponse xmlns=\"https://test/doc/\"><Error><Type>Sender</Type>"
           "<Code>NoSuchEntity</Code><Message>The user with name "
           "&lt;b&gt;&amp;\xef\xbf\xbd is gone.</Message></Error><RequestId>" PEER_ID
           "</RequestId></ErrorResponse>");
    expect((struct options){.body = "Action=Broken&Version=2010-05-08"}, 500,
           "<Type>Receiver</Type><Code>InternalFailure</Code><Message>internal failure");
}

TEST(callers_are_who_they_say)
{
    expect((struct options){.body = ECHO, .key = "AKIANOBODY"}, 403, "InvalidClientTokenId");
    expect((struct options){.body = ECHO, .secret = "wrong"}, 403, "SignatureDoesNotMatch");
    expect((struct options){.body = ECHO, .anonymous = true}, 403, "MissingAuthenticationToken");
    expect((struct options){.body = "Action=Unsigned&Version=2010-05-08", .anonymous = true}, 200,
           "<UnsignedResponse xmlns=\"https://test/doc/\"><ResponseMetadata>");
    expect((struct options){.body = "Action=Nothing&Version=2010-05-08", .anonymous = true}, 400,
           "InvalidAction");
}

TEST(a_get_carries_its_parameters_in_the_query)
{
    expect((struct options){.query = ECHO "&Text=hi"}, 200, "<Text>hi</Text>");
    expect((struct options){.query = ECHO "&Text=hi", .secret = "wrong"}, 403,
           "SignatureDoesNotMatch");
}

static size_t gzip(const char *data, size_t n, char *out, size_t cap)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data,
                  .avail_in = (unsigned)n,
                  .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)cap};

    CHECK_EQ_INT(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_EQ_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    CHECK_EQ_INT(deflateEnd(&z), Z_OK);
    return z.total_out;
}

TEST(compressed_bodies_are_inflated_up_to_a_maximum)
{
    const char *body = ECHO "&Text=hi";
    char packed[64 * 1024];
    size_t n = gzip(body, strlen(body), packed, sizeof(packed));

    expect((struct options){.body = packed, .body_n = n, .encoding = "gzip"}, 200, "hi</Text>");
    expect((struct options){.body = packed, .body_n = n - 3, .encoding = "gzip"}, 400,
           "MalformedInput");
    expect((struct options){.body = packed, .body_n = n, .encoding = "br"}, 400,
           "UnsupportedOperation");
    expect((struct options){.body = packed, .body_n = n, .encoding = "gzip", .secret = "wrong"},
           403, "SignatureDoesNotMatch");

    sw_autofree char *zeros = calloc(1, LIMIT_AWS_BODY + 1);
    n = gzip(zeros, LIMIT_AWS_BODY + 1, packed, sizeof(packed));
    expect((struct options){.body = packed, .body_n = n, .encoding = "gzip"}, 413,
           "RequestEntityTooLarge");
}

TEST(only_forms_and_queries_are_taken)
{
    const struct aws_edge_options eo = {.services = services, .services_n = 1, .secret = secret};
    struct aws_edge *e = aws_edge_new(&eo);
    struct http_service service = aws_edge_service(e);
    struct http_header form = {"Content-Type", FORM};
    struct http_req get = {.method = HTTP_GET, .path = "/", .query = "x=1"};
    struct http_req post = {
        .method = HTTP_POST, .path = "/", .query = "", .headers = &form, .headers_n = 1};

    CHECK(!service.match(service.ctx, &get));
    get.query = "Version=1&Action=Echo";
    CHECK(service.match(service.ctx, &get));
    get.path = "/v2/";
    CHECK(!service.match(service.ctx, &get));
    CHECK(service.match(service.ctx, &post));
    post.headers_n = 0;
    CHECK(!service.match(service.ctx, &post));
    aws_edge_free(e);
}
