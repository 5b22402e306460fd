/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static int load(const char *text, int depth, size_t values, struct sw_err *err)
{
    sw_autojson json_t *j = NULL;

    return sw_json_load(sw_str(text), depth, values, "Bad", &j, err);
}

TEST(loads_and_reads)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *j = NULL;

    CHECK_OK(sw_json_load(SW_STR("{\"s\":\"x\",\"i\":7,\"b\":true,\"a\":[1],\"o\":{\"k\":null}}"),
                          10, 100, NULL, &j, &err));
    CHECK_EQ_STR(sw_json_str(j, "s", "d"), "x");
    CHECK_EQ_STR(sw_json_str(j, "i", "d"), "d");
    CHECK_EQ_STR(sw_json_str(j, "none", NULL), NULL);
    CHECK_EQ_INT(sw_json_int(j, "i", -1), 7);
    CHECK_EQ_INT(sw_json_int(j, "s", -1), -1);
    CHECK(sw_json_bool(j, "b", false));
    CHECK(sw_json_bool(j, "i", true));
    CHECK_EQ_INT(json_array_size(sw_json_array(j, "a")), 1);
    CHECK_NULL(sw_json_array(j, "o"));
    CHECK_NOT_NULL(sw_json_object(j, "o"));
    CHECK_NULL(sw_json_object(j, "a"));
    CHECK_EQ_STR(sw_json_str(NULL, "s", "d"), "d");
}

TEST(errors_have_line_and_column)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_EQ_INT(load("{\n  \"a\": 1,\n  \"b\" 2\n}", 10, 100, &err), SW_EINVALID);
    CHECK_EQ_STR(err.reason, "Bad");
    CHECK_CONTAINS(err.msg, "line 3 column ");
    sw_err_clear(&err);
    CHECK_EQ_INT(load("", 10, 100, &err), SW_EINVALID);
    CHECK_CONTAINS(err.msg, "line 1 column 0: ");
}

TEST(refuses_what_is_not_clean_json)
{
    static const char *const bad[] = {"{\"a\":1,\"a\":2}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":1}x",
                                      "{\"a\":1",
                                      "[1,]",
                                      "{'a':1}",
                                      "\"x\"",
                                      "5",
                                      "{\"a\":\"\xed\xa0\x80\"}",
                                      "{\"a\":01}",
                                      "{\"a\":NaN}",
                                      "{\"a\":99999999999999999999}",
                                      "[\"\\ud800\"]",
                                      "[\"a",
                                      "[\"a\\"};
    struct sw_err err = SW_ERR_INIT;

    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(load(bad[i], 10, 100, &err), SW_EINVALID, "Bad");
    sw_autojson json_t *j = NULL;
    CHECK_ERR(sw_json_load((struct sw_str){"{\"a\":\"\0\"}", 9}, 10, 10, "Bad", &j, &err),
              SW_EINVALID, "Bad");
    CHECK_NULL(j);
    CHECK_ERR(sw_json_load((struct sw_str){NULL, 0}, 10, 10, "Bad", &j, &err), SW_EINVALID, "Bad");
}

TEST(depth_is_bounded)
{
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(load("[[[1]]]", 3, 100, &err));
    CHECK_OK(load("[[[\"[[[[\\\"[[\"]]]", 3, 100, &err));
    CHECK_EQ_INT(load("[[\n[[1]]]]", 3, 100, &err), SW_ELIMIT);
    CHECK_EQ_STR(err.msg, "line 2 column 2: nested deeper than 3");
    sw_err_clear(&err);
    CHECK_ERR(load("[{\"a\":{\"b\":{}}}]", 3, 100, &err), SW_ELIMIT, "Bad");
    sw_autofree char *deep = sw_malloc(1000001);
    memset(deep, '[', 1000000);
    deep[1000000] = 0;
    CHECK_ERR(load(deep, 32, SIZE_MAX, &err), SW_ELIMIT, "Bad");
}

TEST(values_are_counted_exactly)
{
    static const struct {
        const char *text;
        size_t values;
    } rows[] = {
        {"[]", 1},      {"[ \n]", 1},           {"{}", 1},
        {"[1]", 2},     {"[1,2,3]", 4},         {"{\"a\":1,\"b\":[2,{}]}", 5},
        {"[[],[]]", 3}, {"[\",,,,\\\",\"]", 2}, {"{\"a\":{\"b\":{\"c\":null}}}", 4},
    };
    struct sw_err err = SW_ERR_INIT;

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        CHECK_OK(load(rows[i].text, 10, rows[i].values, &err));
        CHECK_ERR(load(rows[i].text, 10, rows[i].values - 1, &err), SW_ELIMIT, "Bad");
    }
}

TEST(loads_files)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *j = NULL;
    const char *path = test_write_file(test_path("a.json"), "{\"a\":1}", 7);

    CHECK_OK(sw_json_load_file(path, 100, &j, &err));
    CHECK_EQ_INT(sw_json_int(j, "a", 0), 1);
    CHECK_ERR(sw_json_load_file(path, 6, &j, &err), SW_ELIMIT, NULL);
    CHECK_ERR(sw_json_load_file(test_path("none"), 100, &j, &err), SW_ENOTFOUND, NULL);
    test_write_file(path, "{\n!", 3);
    CHECK_EQ_INT(sw_json_load_file(path, 100, &j, &err), SW_EINVALID);
    CHECK_CONTAINS(err.msg, "a.json: line 2 column 1: ");
}

TEST(dump_keeps_order_and_prints_numbers_well)
{
    sw_autojson json_t *j = json_object();

    sw_json_set_str(j, "z", "x");
    sw_json_set_str(j, "nothing", NULL);
    sw_json_set_int(j, "a", INT64_MIN);
    sw_json_set_bool(j, "t", true);
    sw_json_set_new(j, "l", json_array());
    sw_json_set_time_us(j, "at", 1732197829123456);
    sw_json_set_time_us(j, "up", 1732197829123500);
    sw_json_set_time_us(j, "whole", 1732197829000000);
    sw_json_set_new(j, "r", json_real(0.1));
    sw_autofree char *text = sw_json_dump(j);
    CHECK_EQ_STR(text, "{\"z\":\"x\",\"a\":-9223372036854775808,\"t\":true,\"l\":[],"
                       "\"at\":1732197829.123,\"up\":1732197829.124,\"whole\":1732197829.0,"
                       "\"r\":0.1}");
}

TEST(every_millisecond_prints_with_three_digits)
{
    for (int64_t ms = 1700000000000; ms < 1700000001000; ms++) {
        sw_autojson json_t *j = json_object();
        sw_json_set_time_us(j, "t", ms * 1000);
        sw_autofree char *text = sw_json_dump(j);
        CHECK_MSG(strlen(text) <= strlen("{\"t\":1700000000.123}"), "%s", text);
    }
}

TEST(bytes_that_are_not_utf8_become_replacement_characters)
{
    sw_autojson json_t *j = json_object();

    sw_json_set_str(j, "a", "x\xffy");
    CHECK_EQ_STR(sw_json_str(j, "a", NULL), "x\xef\xbf\xbdy");
}

TEST(text_of_others_is_read_leniently)
{
    static const struct {
        const char *text, *want; /* NULL: none */
    } cases[] = {
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}"},
        {"{\"a\":9223372036854775808,\"b\":3}", "{\"a\":9.223372036854776e18,\"b\":3.0}"},
        {"{\"a\":[[1]]}", NULL}, /* too deep */
        {"{\"a\":[1,2,3]}", NULL},
        {"{\"a\":1", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        sw_autojson json_t *j = sw_json_load_lenient(sw_str(cases[i].text), 2, 4);
        sw_autofree char *text = j ? sw_json_dump(j) : NULL;
        CHECK_MSG(sw_streq(text, cases[i].want), "%s: %s", cases[i].text, text ? text : "none");
    }
}
