/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as AWS's guide ("Filter pattern syntax for metric filters, subscription filters, and filter log events"), its metric filter
 * tutorials and the CIS benchmark's alarms write them. */
#include "launcher/logs/log_pattern.h"

#include "base/macros.h"
#include "tests/lib/test.h"

struct example {
    const char *pattern, *message;
    bool want;
};

static void check(const struct example *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_pattern *p = NULL;
        const bool parsed = log_pattern_parse(e[i].pattern, &p, &err) == 0;
        CHECK_MSG(parsed, "%s: %s", e[i].pattern, err.msg);
        CHECK_MSG(log_pattern_matches(p, sw_str(e[i].message)) == e[i].want, "%s on %s",
                  e[i].pattern, e[i].message);
        log_pattern_free(p);
    }
}

TEST(terms_of_unstructured_events)
{
    static const struct example table[] = {
        {"ERROR", "[ERROR 400] BAD REQUEST", true},
        {"ERROR", "[ERROR 420] INVALID ARGUMENTS", true},
        {"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true},
        {"ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false},
        {"?ERROR ?ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", true},
        {"?ERROR ?ARGUMENTS", "INVALID ARGUMENTS", true},
        {"?ERROR ?ARGUMENTS REQUEST", "[INFO] REQUEST FAILED", true},
        {"?ERROR ?ARGUMENTS REQUEST", "[WARN] UNAUTHORIZED REQUEST", true},
        {"?ERROR ?ARGUMENTS REQUEST", "[ERROR] 400 BAD", false},
        {"\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR", true},
        {"ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", true},
        {"ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", false},
        {"%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true},
        {"%AUTHORIZED%", "[SUCCESS 200] AUTHORIZED REQUEST", true},
        {"%AUTHORIZED%", "[ERROR 400] BAD REQUEST", false},
        {"Exception", "java.lang.NullPointerException: x", true},
        {"\"[ERROR\"", "[ERROR 400]", true},
        {"failed to connect", "connect failed: to x", true},
        {"\" \"", "a b", true},
        {"ERROR -\"retry later\"", "ERROR retry later", false},
        {"\"{\"", "a { b", true},
        {"error404", "x error404 y", true},
    };
    check(table, SW_ARRAY_LEN(table));
}

static const char cloudtrail[] =
    "{\"eventType\": \"UpdateTrail\", \"sourceIPAddress\": \"111.111.111.111\", "
    "\"arrayKey\": [\"value\", \"another value\"], \"objectList\": [{\"name\": \"a\", \"id\": 1}, "
    "{\"name\": \"b\", \"id\": 2}], \"SomeObject\": null, \"cluster.name\": \"c\", "
    "\"ThisFlag\": true, \"ThatFlag\": false, \"bandwidth\": 80, \"latency\": 49.5, "
    "\"refreshRate\": 60, \"responseTime\": 5, \"errorCode\": 400, \"number\": [0.001, 12], "
    "\"text\": \"75\", \"big\": 12345678901234567890}";

TEST(fields_of_json_events)
{
    static const struct example table[] = {
        {"{ $.eventType = \"UpdateTrail\" }", cloudtrail, true},
        {"{ $.eventType = UpdateTrail }", cloudtrail, true},
        {"{$.eventType=\"Update*\"}", cloudtrail, true},
        {"{ $.eventType = *Trail }", cloudtrail, true},
        {"{ $.eventType = \"*\" }", cloudtrail, true},
        {"{ $.eventType = \"Trail\" }", cloudtrail, false},
        {"{ $.sourceIPAddress != 123.123.* }", cloudtrail, true},
        {"{ $.sourceIPAddress != 111.111.* }", cloudtrail, false},
        {"{ $.sourceIPAddress = 111.111.* }", cloudtrail, true},
        {"{ $.arrayKey[0] = \"value\" }", cloudtrail, true},
        {"{ $.arrayKey[1] = \"value\" }", cloudtrail, false},
        {"{ $.arrayKey[7] = \"value\" }", cloudtrail, false},
        {"{ $.objectList[1].id = 2 }", cloudtrail, true},
        {"{ $.objectList[0].id = 2 }", cloudtrail, false},
        {"{ $.SomeObject IS NULL }", cloudtrail, true},
        {"{ $.eventType IS NULL }", cloudtrail, false},
        {"{ $.SomeOtherObject IS NULL }", cloudtrail, false},
        {"{ $.SomeOtherObject NOT EXISTS }", cloudtrail, true},
        {"{ $.SomeObject NOT EXISTS }", cloudtrail, false},
        {"{ $.ThisFlag IS TRUE }", cloudtrail, true},
        {"{ $.ThatFlag IS FALSE }", cloudtrail, true},
        {"{ $.ThatFlag IS TRUE }", cloudtrail, false},
        {"{ $.['cluster.name'] = \"c\" }", cloudtrail, true},
        {"{ $.eventType = %Trail% }", cloudtrail, true},
        {"{ $.arrayKey[0] = %val.{2}% }", cloudtrail, true},
        {"{ $.sourceIPAddress = %111\\.111\\.1[0-9]{2}.1[0-9]{2}% }", cloudtrail, true},
        {"{ $.eventType != %Trail% }", cloudtrail, false},
        {"{ $.bandwidth > 75 }", cloudtrail, true},
        {"{ $.latency < 50 }", cloudtrail, true},
        {"{ $.refreshRate >= 60 }", cloudtrail, true},
        {"{ $.responseTime <= 5 }", cloudtrail, true},
        {"{ $.responseTime < 5 }", cloudtrail, false},
        {"{ $.errorCode = 400}", cloudtrail, true},
        {"{ $.errorCode != 500 }", cloudtrail, true},
        {"{ $.number[0] = 1e-3 }", cloudtrail, true},
        {"{ $.number[0] != 1e+3 }", cloudtrail, true},
        {"{ $.number[1] = 12.0 }", cloudtrail, true},
        {"{ $.missing > 1 }", cloudtrail, false},
        {"{ $.eventType = \"UpdateTrail\" }", "UpdateTrail", false},
        {"{ $.eventType = \"UpdateTrail\" }", "text {\"eventType\": \"UpdateTrail\"}", false},
    };
    check(table, SW_ARRAY_LEN(table));
}

/* Lines are whatever programs print. */
TEST(json_that_is_not_strict)
{
    static const struct example table[] = {
        {"{ $.a = 1 }", "{\"a\": 1, \"id\": 18446744073709551615}", true},
        {"{ $.id > 1e19 }", "{\"a\": 1, \"id\": 18446744073709551615}", true},
        {"{ $.a = 2 }", "{\"a\": 1, \"a\": 2}", true}, /* the last of a key */
        {"{ $.a = 1 }", "{\"a\": 1, \"b\": \"x\\u0000y\"}", true},
        {"{ $.a = 1 }", "  {\"a\": 1} ", true},
        {"{ $.a = 1 }", "{\"a\": 1", false},
        {"{ $.a = 1 }", "{\"a\": 1} {\"a\": 1}", false},
        {"{ $.a = 1 }", "[{\"a\": 1}]", false},
        {"{ $.a = 1 }", "", false},
    };
    check(table, SW_ARRAY_LEN(table));
}

static const char people[] =
    "{\"user\": {\"id\": 1, \"email\": \"John.Stiles@example.com\"}, \"users\": [{\"id\": 2, "
    "\"email\": \"John.Doe@example.com\"}, {\"id\": 3, \"email\": \"Jane.Doe@example.com\"}], "
    "\"actions\": [\"GET\", \"PUT\", \"DELETE\"], \"coordinates\": [[0, 1, 2], [4, 5, 6], [7, 8, "
    "9]]}";

TEST(compound_expressions)
{
    static const struct example table[] = {
        {"{ $.user.id = 1 && $.users[0].email = \"John.Doe@example.com\" }", people, true},
        {"{ $.user.id = 2 && $.users[0].email = \"nonmatch\" }", people, false},
        {"{ ($.user.id = 1) && ($.users[0].email = \"John.Doe@example.com\") }", people, true},
        {"{ $.user.email = \"John.Stiles@example.com\" || $.coordinates[0][1] = \"nonmatch\" && "
         "$.actions[2] = \"nonmatch\" }",
         people, true},
        {"{ ($.user.email = \"John.Stiles@example.com\" || $.coordinates[0][1] = \"nonmatch\") && "
         "$.actions[2] = \"nonmatch\" }",
         people, false},
        {"{ $.coordinates[1][2] = 6 }", people, true},
        {"{ $.actions[2] = \"DELETE\" }", people, true},
        {"{ ($.user.id = 1 && $.users[0].email = \"nonmatch\") || $.actions[2] = \"DELETE\" }",
         people, true},
    };
    check(table, SW_ARRAY_LEN(table));
}

TEST(alarms_of_the_cis_benchmark)
{
    static const char denied[] =
        "{\"errorCode\": \"AccessDenied\", \"sourceIPAddress\": \"10.0.0.1\", "
        "\"eventName\": \"ListBuckets\"}";
    static const char root[] =
        "{\"userIdentity\": {\"type\": \"Root\"}, \"eventType\": \"AwsApiCall\"}";
    static const char service[] = "{\"userIdentity\": {\"type\": \"Root\", \"invokedBy\": \"x\"}, "
                                  "\"eventType\": \"AwsApiCall\"}";
    static const char login[] =
        "{\"eventName\": \"ConsoleLogin\", \"errorMessage\": "
        "\"Failed authentication\", \"additionalEventData\": {\"MFAUsed\": \"No\"}}";
    static const char bucket[] =
        "{\"eventSource\": \"s3.amazonaws.com\", \"eventName\": \"PutBucketPolicy\"}";
    static const struct example table[] = {
        {"{ ($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\") }",
         denied, true},
        {"{($.errorCode=\"*UnauthorizedOperation\") || ($.errorCode=\"AccessDenied*\") && "
         "($.sourceIPAddress!=\"delivery.logs.amazonaws.com\") && ($.eventName!=\"HeadBucket\")}",
         denied, true},
        {"{$.userIdentity.type=\"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType "
         "!=\"AwsServiceEvent\"}",
         root, true},
        {"{$.userIdentity.type=\"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType "
         "!=\"AwsServiceEvent\"}",
         service, false},
        {"{ ($.eventName = \"ConsoleLogin\") && ($.additionalEventData.MFAUsed != \"Yes\") }",
         login, true},
        {"{($.eventName=ConsoleLogin) && ($.errorMessage=\"Failed authentication\")}", login, true},
        {"{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || "
         "($.eventName=PutBucketPolicy) || ($.eventName=DeleteBucketPolicy))}",
         bucket, true},
        {"{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || "
         "($.eventName=ScheduleKeyDeletion))}",
         bucket, false},
    };
    check(table, SW_ARRAY_LEN(table));
}

static const char access_line[] =
    "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";

TEST(columns_of_space_delimited_events)
{
    static const struct example table[] = {
        {"[ip, user, username, timestamp, request, status_code, bytes]", access_line, true},
        {"[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", access_line,
         true},
        {"[ip, user, username, timestamp, request, status_code = 5*, bytes]", access_line, false},
        {"[ip, user, username, timestamp, request, status_code, bytes > 1000]", access_line, true},
        {"[ip, user, username, timestamp, request, status_code, bytes > 2000]", access_line, false},
        {"[ip, user, username, timestamp, request, status_code=4*, bytes>=1534]", access_line,
         true},
        {"[..., request =*.html*, status_code = 4*, bytes]", access_line, true},
        {"[..., status_code = 404, bytes]", access_line, true},
        {"[..., size=1534]", access_line, true},
        {"[ip, user, ...]", access_line, true},
        {"[ip=127.0.0.1, ...]", access_line, true},
        {"[ip=%127\\.0\\.0\\.[1-9]%, user, username, timestamp, request =*.html*, status_code = "
         "4*, "
         "bytes]",
         access_line, true},
        {"[ip=%10\\.0\\.0\\.[1-9]%, ...]", access_line, false},
        {"[ip, user, username != frank, ...]", access_line, false},
        {"[ip, id, user, timestamp, request, status_code = 404 || status_code = 410, size]",
         access_line, true},
        {"[ip, id, user, timestamp, request, status_code != 404 && status_code != 410, size]",
         access_line, false},
        {"[ip, id, user=frank, timestamp, request=\"*/index.html*\", status_code, size]",
         access_line, true},
        {"[w1=ERROR, w2]", "ERROR 400", true},
        {"[w1=ERROR, w2]", "ERROR 400 x", false},
        {"[w1!=ERROR&&w1!=WARN, w2]", "INFO x", true},
        {"[w1!=ERROR&&w1!=WARN, w2]", "WARN x", false},
        {"[w1=ERROR||w1=%WARN%, w2]", "xWARNx y", true},
        {"[version, account, eni, source, destination, srcport, destport=\"22\", protocol=\"6\", "
         "packets, "
         "bytes, windowstart, windowend, action=\"REJECT\", flowlogstatus]",
         "2 123456789010 eni-1 10.0.0.1 10.0.0.2 49152 22 6 20 4249 1418530010 1418530070 REJECT "
         "OK",
         true},
        {"[report_label=\"REPORT\", request_id_label=\"RequestId:\", request_id_value, ...]",
         "REPORT RequestId: 1 Duration: 2 ms", true},
    };
    check(table, SW_ARRAY_LEN(table));
}
