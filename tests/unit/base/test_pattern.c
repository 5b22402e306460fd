/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pattern.h"

#include "base/macros.h"
#include "tests/lib/test.h"

static bool matches(const char *pattern, struct sw_str text)
{
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct sw_pattern *p = NULL;
    size_t at = 0;
    CHECK_OK(sw_pattern_parse(sw_str(pattern), &a, &p, &at, &err));
    return sw_pattern_matches(p, text);
}

TEST(matches_the_whole_text_or_not)
{
    static const struct {
        const char *pattern, *yes, *no;
    } table[] = {
        {"t2.*", "t2.micro", "at2.micro"},
        {"t2.*", "t2", "t"},
        {"t2\\..*", "t2.micro", "t2xmicro"},
        {"a+b?c*", "aacc", "bcc"},
        {"(t2|m[45]).*", "m4.large", "m3.large"},
        {"(?:ab|cd){2}", "abcd", "ab"},
        {"x{2,3}", "xxx", "xxxx"},
        {"x{2,}", "xxxxx", "x"},
        {"x{0}", "", "x"},
        {"", "", "a"},
        {"a||b", "", "ab"},
        {"[^a-c]+", "def", "dea"},
        {"[]a-]+", "a-]", "b"},
        {"[\\w-]+", "a_B-9", "a b"},
        {"[\\]x]", "]", "y"},
        {"\\d\\D\\s\\S\\w\\W", "1a b_.", "aaaaaa"},
        {"^ab$", "ab", "xab"},
        {"(^a|b)c", "bc", "abc"},
        {"a^b|ab", "ab", "a^b"},
        {"(a*)*b", "aaab", "aaac"},
        {"(a|b|)*?c", "abbac", "ab"},
        {"\\.\\*\\\\", ".*\\", "..\\"},
        {".", "x", ""},
        {"]", "]", "["},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        CHECK_MSG(matches(table[i].pattern, sw_str(table[i].yes)), "%s on %s", table[i].pattern,
                  table[i].yes);
        CHECK_MSG(!matches(table[i].pattern, sw_str(table[i].no)), "%s on %s", table[i].pattern,
                  table[i].no);
    }
}

TEST(points_at_what_it_does_not_understand)
{
    static const struct {
        const char *pattern;
        size_t at;
        const char *part;
    } table[] = {
        {"a*+", 2, "possessive"},   {"(?=a)", 2, "(?:"},
        {"a(b", 3, "')'"},          {"ab)", 2, "no '('"},
        {"[a", 2, "']'"},           {"[z-a]", 4, "backwards"},
        {"*a", 0, "nothing"},       {"a|+", 2, "nothing"},
        {"\\1", 1, "escape"},       {"a\\", 2, "ends after"},
        {"x{3,2}", 6, "backwards"}, {"x{,2}", 2, "number"},
        {"x{2", 3, "'}'"},          {"x{999}", 5, "too large"},
        {"[\\b]", 2, "escape"},     {"(x{200}){200}", 13, "too large"},
        {"x{256}", 5, "too large"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        sw_autoarena a = {0};
        struct sw_err err = SW_ERR_INIT;
        const struct sw_pattern *p = NULL;
        size_t at = 0;
        int r = sw_pattern_parse(sw_str(table[i].pattern), &a, &p, &at, &err);
        CHECK_MSG(r == SW_EINVALID, "%s", table[i].pattern);
        CHECK_CONTAINS(err.msg, table[i].part);
        CHECK_MSG(at == table[i].at, "%s: %zu", table[i].pattern, at);
        CHECK_NULL(p);
    }
}

TEST(nesting_is_bounded)
{
    char deep[200];
    sw_autoarena a = {0};
    struct sw_err err = SW_ERR_INIT;
    const struct sw_pattern *p = NULL;
    size_t at = 0;
    memset(deep, '(', sizeof deep);
    CHECK_ERR(sw_pattern_parse(sw_str_n(deep, sizeof deep), &a, &p, &at, &err), SW_EINVALID,
              "InvalidParameterException");
}

/* What takes a backtracking matcher 2^250 steps. */
TEST(work_is_linear_in_the_text)
{
    char text[251];
    memset(text, 'a', 250);
    text[250] = 0;
    CHECK(!matches("(a|a)*(a|aa)*(a*)*b", sw_str(text)));
    CHECK(matches("((a?){30})*", sw_str(text)));
    CHECK(matches("(a{0,255}){3}", sw_str(text)));
}

TEST(finds_a_part_of_the_text)
{
    static const struct {
        const char *pattern, *text;
        bool fold, want;
    } table[] = {
        {"b+c", "aabbcc", false, true},
        {"^b", "ab", false, false},
        {"^a", "ab", false, true},
        {"b$", "ab", false, true},
        {"a$", "ab", false, false},
        {"", "", false, true},
        {"", "x", false, true},
        {"\\d{4}-\\d\\d", "at 2026-11 x", false, true},
        {"error", "an ERROR", false, false},
        {"error", "an ERROR", true, true},
        {"[e-g]rr", "ERR", true, true},
        {"[^e]rr", "ERR", true, false},
        {"a|bc", "xxbc", false, true},
        {"\\t", "a\tb", false, true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        sw_autoarena a = {0};
        struct sw_err err = SW_ERR_INIT;
        const struct sw_pattern *p = NULL;
        size_t at = 0;
        CHECK_OK((table[i].fold ? sw_pattern_parse_fold
                                : sw_pattern_parse)(sw_str(table[i].pattern), &a, &p, &at, &err));
        CHECK_MSG(sw_pattern_found(p, sw_str(table[i].text)) == table[i].want, "%s in %s",
                  table[i].pattern, table[i].text);
    }
}
