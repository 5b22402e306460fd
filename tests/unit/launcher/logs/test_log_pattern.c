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
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_pattern *p = NULL;
        CHECK_EQ_INT(log_pattern_parse(cases[i].pattern, &p, &err), SW_EINVALID);
        CHECK_EQ_STR(err.reason, "InvalidParameterException");
        CHECK_CONTAINS(err.msg, cases[i].part);
    }
}

TEST(what_is_not_supported_is_refused_by_name)
{
    static const char *const cases[] = {"[ip, user]", "%a.b%", "{ $.a = %x% }"};
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct log_pattern *p = NULL;
        CHECK_ERR(log_pattern_parse(cases[i], &p, &err), SW_EUNSUPPORTED,
                  "UnsupportedFeatureException");
    }
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
