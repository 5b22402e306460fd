/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_pattern.h"

#include "base/macros.h"
#include "tests/lib/test.h"

static bool matches(const char *pattern, const char *message)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_pattern *p = NULL;
    CHECK_OK(log_pattern_parse(pattern, &p, &err));
    bool yes = log_pattern_matches(p, sw_str(message));
    log_pattern_free(p);
    return yes;
}

TEST(terms)
{
    static const struct {
        const char *pattern, *message;
        bool want;
    } cases[] = {
        {"", "anything", true},
        {"  ", "", true},
        {"ERROR", "[ERROR 400] BAD REQUEST", true},
        {"ERROR", "[error 400]", false},
        {"ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true},
        {"ERROR ARGUMENTS", "[ERROR 400]", false},
        {"\"INTERNAL SERVER ERROR\"", "x INTERNAL SERVER ERROR y", true},
        {"\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR", false},
        {"\"a\\\"b\"", "say a\"b now", true},
        {"?ERROR ?WARN", "a WARN b", true},
        {"?ERROR ?WARN", "a INFO b", false},
        {"?ERROR REQUEST", "a REQUEST", true},
        {"?ERROR REQUEST", "an ERROR", false},
        {"ERROR -EXITING", "ERROR 5", true},
        {"ERROR -EXITING", "ERROR EXITING", false},
        {"-DEBUG", "INFO", true},
        {"-DEBUG", "DEBUG", false},
        {"-\"two words\"", "has two words", false},
        {"naïve", "naïve", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++)
        CHECK_MSG(matches(cases[i].pattern, cases[i].message) == cases[i].want, "%s on %s",
                  cases[i].pattern, cases[i].message);
}

TEST(json)
{
    static const char doc[] = "{\"level\": \"error\", \"code\": 503, \"ok\": false, \"n\": null, "
                              "\"user\": {\"id\": 7, \"a.b\": \"x\"}, \"list\": [1, {\"k\": 2}], "
                              "\"ip\": \"10.1.2.3\", \"pi\": 3.5}";
    static const struct {
        const char *pattern;
        bool want;
    } cases[] = {
        {"{ $.level = \"error\" }", true},
        {"{$.level=error}", true},
        {"{ $.level = \"err*\" }", true},
        {"{ $.level = \"*rr*\" }", true},
        {"{ $.level = \"err\" }", false},
        {"{ $.level != \"info\" }", true},
        {"{ $.level != \"error\" }", false},
        {"{ $.missing != \"error\" }", false},
        {"{ $.code = 503 }", true},
        {"{ $.code = 503.0 }", true},
        {"{ $.code = 5* }", true},
        {"{ $.code >= 500 && $.code < 600 }", true},
        {"{ $.code > 503 }", false},
        {"{ $.code <= 503 }", true},
        {"{ $.pi > 3 }", true},
        {"{ $.ok IS FALSE }", true},
        {"{ $.ok IS TRUE }", false},
        {"{ $.n IS NULL }", true},
        {"{ $.level IS NULL }", false},
        {"{ $.nothing NOT EXISTS }", true},
        {"{ $.level NOT EXISTS }", false},
        {"{ $.level EXISTS }", true},
        {"{ $.user.id = 7 }", true},
        {"{ $.user.[\"a.b\"] = x }", true},
        {"{ $['user']['a.b'] = x }", true},
        {"{ $.list[0] = 1 }", true},
        {"{ $.list[1].k = 2 }", true},
        {"{ $.list[*].k = 2 }", true},
        {"{ $.list[2] = 1 }", false},
        {"{ $.ip = 10.1.* }", true},
        {"{ $.code = 1 || $.code = 503 }", true},
        {"{ $.code = 1 && $.level = error || $.ok IS FALSE }", true},
        {"{ $.code = 1 && ($.level = error || $.ok IS FALSE) }", false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++)
        CHECK_MSG(matches(cases[i].pattern, doc) == cases[i].want, "%s", cases[i].pattern);
    CHECK(!matches("{ $.level NOT EXISTS }", "no json"));
    CHECK(!matches("{ $.level NOT EXISTS }", "{broken"));
    CHECK(!matches("{ $.level NOT EXISTS }", "[1]"));
}

TEST(mistakes_are_named_with_their_column)
{
    static const struct {
        const char *pattern, *part;
    } cases[] = {
        {"a.b", "column 2"},
        {"\"open", "closing quote"},
        {"?", "column 2"},
        {"{ level = 1 }", "column 3"},
        {"{ $.level }", "a comparison"},
        {"{ $.level = }", "a value"},
        {"{ $.level = 1", "'}' is expected"},
        {"{ $.level = 1 } x", "nothing may follow"},
        {"{ ($.a = 1 }", "')' is expected"},
        {"{ $. = 1 }", "the name of a property"},
        {"{ $.a[x] = 1 }", "an index"},
        {"{ $.a IS SET }", "NULL, TRUE or FALSE"},
        {"{", "$ is expected"},
        {"%open", "closing %"},
        {"%%", "is empty"},
        {"%a(b%", "column 5: ')' is missing"},
        {"{ $.a > %x% }", "with = and != only"},
        {"[a, b", "',' or ']'"},
        {"[a, b] c", "nothing may follow"},
        {"[a, , b]", "column 5: the name of a column"},
        {"[..., a, ...]", "one ... only"},
        {"[a = 1 || b = 2]", "name no other"},
        {"[a = ]", "a value"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_pattern *p = NULL;
        CHECK_EQ_INT(log_pattern_parse(cases[i].pattern, &p, &err), SW_EINVALID);
        CHECK_EQ_STR(err.reason, "InvalidParameterException");
        CHECK_CONTAINS(err.msg, cases[i].part);
    }
}

TEST(columns)
{
    static const char line[] = "127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html "
                               "HTTP/1.0\" 404 1534";
    static const struct {
        const char *pattern;
        bool want;
    } cases[] = {
        {"[ip, id, user, timestamp, request, status_code, size]", true},
        {"[ip, id, user, timestamp, request, status_code]", false},
        {"[ip, id, user, timestamp, request, status_code, size, more]", false},
        {"[ip, ...]", true},
        {"[...]", true},
        {"[..., size]", true},
        {"[..., request = *.html*, status_code = 4*, size > 1000]", true},
        {"[..., request = *.html*, status_code = 4*, size > 1534]", false},
        {"[ip = 127.0.0.*, ..., status_code = 404, size]", true},
        {"[ip != 127.0.0.*, ...]", false},
        {"[ip, id, user = frank || user = joe, ...]", true},
        {"[ip, id, (user = jane || user = joe) && user != x, ...]", false},
        {"[ip, ..., status_code != 404 && status_code != 410, size]", false},
        {"[ip = %127\\.0\\.0\\.[1-9]%, ...]", true},
        {"[ip, id, user, timestamp = %Oct/2000%, ...]", true},
        {"[ip, id, user, timestamp, request = \"GET /index.html HTTP/1.0\", ...]", true},
        {"[ip, id, user, timestamp != %Oct/2000%, ...]", false},
        {"[ip > 5, ...]", false},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++)
        CHECK_MSG(matches(cases[i].pattern, line) == cases[i].want, "%s", cases[i].pattern);
    CHECK(matches("[...]", ""));
    CHECK(!matches("[a]", ""));
    CHECK(matches("[a, b]", "[open \"quote"));
}

TEST(regular_expressions)
{
    CHECK(matches("%ERROR [0-9]+%", "an ERROR 42"));
    CHECK(!matches("%^ERROR%", "an ERROR"));
    CHECK(matches("%a\\%b%", "xa%by"));
    CHECK(matches("-%[0-9]% WARN", "a WARN"));
    CHECK(!matches("-%[0-9]% WARN", "a WARN 1"));
    CHECK(matches("?%x+y% ?z", "xxy"));
    CHECK(matches("{ $.a = %^v[12]$% }", "{\"a\": \"v2\"}"));
    CHECK(!matches("{ $.a != %^v[12]$% }", "{\"a\": \"v2\"}"));
    CHECK(matches("{ $.n = %^5..$% }", "{\"n\": 503}"));
}

/* No pattern of 1,024 bytes leads out of bounds: every prefix and many changes of one. */
TEST(garbage_is_survived)
{
    static const char seed[] =
        "{ ($.a[*].[\"b\"] = \"x*\" && $.c >= 1) || $.d NOT EXISTS } \"q\" -x ?y";
    char text[sizeof seed];
    for (size_t cut = 0; cut + 1 < sizeof seed; cut++) {
        for (int c = 1; c < 256; c += 7) {
            struct sw_err err = SW_ERR_INIT;
            struct log_pattern *p = NULL;
            memcpy(text, seed, sizeof seed);
            text[cut] = (char)c;
            if (log_pattern_parse(text, &p, &err) == 0)
                (void)log_pattern_matches(p, SW_STR("{\"a\":[{\"b\":\"xy\"}],\"c\":2}"));
            log_pattern_free(p);
        }
    }
}
