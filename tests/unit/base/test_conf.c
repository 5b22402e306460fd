/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/macros.h"
#include "tests/lib/test.h"

struct target {
    char *data, *listen, *log_level;
    bool ephemeral;
    int64_t workers, max_body, timeout;
};

static const char *const levels[] = {"debug", "info", NULL};
#define OFF(member) offsetof(struct target, member)
static const struct conf_key keys[] = {
    {.name = "data", .type = CONF_STRING, .off = OFF(data), .help = "folder"},
    {.name = "listen", .type = CONF_HOST_PORT, .off = OFF(listen), .def = "127.0.0.1:5000"},
    {.name = "log_level",
     .type = CONF_ENUM,
     .off = OFF(log_level),
     .def = "info",
     .values = levels},
    {.name = "ephemeral", .type = CONF_BOOL, .off = OFF(ephemeral)},
    {.name = "workers", .type = CONF_INT, .off = OFF(workers), .def = "4", .min = 1, .max = 64},
    {.name = "max_body", .type = CONF_SIZE, .off = OFF(max_body), .def = "8MiB"},
    {.name = "timeout", .type = CONF_DURATION_MS, .off = OFF(timeout), .min = 10, .max = 60000},
};
static const struct conf_table table = {keys, SW_ARRAY_LEN(keys), "SLIPWAY"};

static void target_done(struct target *t)
{
    conf_free(&table, t);
}
#define AUTO_TARGET(name) SW_CLEANUP(target_done) struct target name = {0}

static int load_text(const char *text, struct target *t, struct sw_err *err)
{
    return conf_load_file(&table, test_write_file(test_path("s.conf"), text, strlen(text)), t, err);
}

TEST(defaults)
{
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_defaults(&table, &t, &err));
    CHECK_NULL(t.data);
    CHECK_EQ_STR(t.listen, "127.0.0.1:5000");
    CHECK_EQ_STR(t.log_level, "info");
    CHECK(!t.ephemeral);
    CHECK_EQ_INT(t.workers, 4);
    CHECK_EQ_INT(t.max_body, 8388608);
    CHECK_EQ_INT(t.timeout, 0);
}

TEST(a_default_that_is_wrong_is_found)
{
    static const struct conf_key bad[] = {{.name = "n", .type = CONF_INT, .def = "x"}};
    struct sw_err err = SW_ERR_INIT;
    int64_t n = 0;

    CHECK_EQ_INT(conf_defaults(&(struct conf_table){bad, 1, "X"}, &n, &err), SW_EINVALID);
    CHECK_EQ_STR(err.msg, "default: n: \"x\" is not a whole number");
}

TEST(file_sets_every_type)
{
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(load_text("# comment\n\n  data\t=  /var/lib/a b # c  \r\nlisten=[::1]:80\n"
                       "log_level = debug\nephemeral = yes\nworkers = 64\nmax_body = 1G\n"
                       "timeout = 2s",
                       &t, &err));
    CHECK_EQ_STR(t.data, "/var/lib/a b # c");
    CHECK_EQ_STR(t.listen, "[::1]:80");
    CHECK_EQ_STR(t.log_level, "debug");
    CHECK(t.ephemeral);
    CHECK_EQ_INT(t.workers, 64);
    CHECK_EQ_INT(t.max_body, 1 << 30);
    CHECK_EQ_INT(t.timeout, 2000);
    CHECK_OK(load_text("data =\n", &t, &err));
    CHECK_NULL(t.data);
}

TEST(file_errors_name_path_and_line)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"\nlisen = x\n", "s.conf:2: unknown key \"lisen\"; did you mean \"listen\"?"},
        {"xyzzyplugh = 1", "s.conf:1: unknown key \"xyzzyplugh\""},
        {"data", "s.conf:1: \"data\" is not \"key = value\""},
        {"= 5", "s.conf:1: no key before \"=\""},
        {"data = a\n#\ndata = b", "s.conf:3: data is set already, in line 1"},
        {"workers = many", "s.conf:1: workers: \"many\" is not a whole number"},
        {"workers = 0", "s.conf:1: workers: \"0\" is out of range: 1 to 64"},
        {"workers = 65", "s.conf:1: workers: \"65\" is out of range: 1 to 64"},
        {"workers =", "s.conf:1: workers: \"\" is not a whole number"},
        {"max_body = big", "s.conf:1: max_body: \"big\" is not a size such as 512, 64K or 10MiB"},
        {"max_body = 9999999999999999999",
         "s.conf:1: max_body: \"9999999999999999999\" is not a size"},
        {"timeout = soon",
         "s.conf:1: timeout: \"soon\" is not a duration such as 500ms, 30s or 12h"},
        {"timeout = 5ms", "s.conf:1: timeout: \"5ms\" is out of range: 10 to 60000 ms"},
        {"ephemeral = maybe", "s.conf:1: ephemeral: \"maybe\" is not a boolean"},
        {"ephemeral =", "s.conf:1: ephemeral: \"\" is not a boolean"},
        {"listen = nowhere", "s.conf:1: listen: \"nowhere\" is not HOST:PORT"},
        {"log_level = loud", "s.conf:1: log_level: \"loud\" is not one of: debug, info"},
        {"data = \xff", "s.conf:1: not UTF-8 text"},
        {"a23456789012345678901234567890123456789012345678901234567890123456789 = 1",
         "s.conf:1: unknown key \"a23456789"},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        AUTO_TARGET(t);
        CHECK_EQ_INT(load_text(rows[i].text, &t, &err), SW_EINVALID);
        CHECK_CONTAINS(err.msg, rows[i].want);
        CHECK_CONTAINS(err.msg, test_dir());
    }
}

TEST(a_missing_file_is_an_error_and_no_path_is_not)
{
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_load_file(&table, NULL, &t, &err));
    CHECK_ERR(conf_load_file(&table, test_path("none"), &t, &err), SW_ENOTFOUND, NULL);
}

TEST(environment_sets_and_checks)
{
    static const char *const env[] = {
        "PATH=/bin",         "SLIPWAY_MAX_BODY=1K", "SLIPWAYX_Y=1", "SLIPWAY=1",
        "SLIPWAY_DATA=/a=b", "SLIPWAY_TEST_ONLY=1", "odd",          NULL};
    static const char *const ignore[] = {"SLIPWAY_TEST_ONLY", NULL};
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_load_env(&table, env, ignore, &t, &err));
    CHECK_EQ_INT(t.max_body, 1024);
    CHECK_EQ_STR(t.data, "/a=b");
    CHECK_EQ_INT(conf_load_env(&table, env, NULL, &t, &err), SW_EINVALID);
    CHECK_EQ_STR(err.msg, "environment: unknown variable \"SLIPWAY_TEST_ONLY\"");
}

TEST(environment_errors)
{
    static const struct {
        const char *variable, *want;
    } rows[] = {
        {"SLIPWAY_MAXBODY=1",
         "environment: unknown variable \"SLIPWAY_MAXBODY\"; did you mean \"SLIPWAY_MAX_BODY\"?"},
        {"SLIPWAY_data=1",
         "environment: unknown variable \"SLIPWAY_data\"; did you mean \"SLIPWAY_DATA\"?"},
        {"SLIPWAY_WORKERS=x", "SLIPWAY_WORKERS: workers: \"x\" is not a whole number"},
        {"SLIPWAY_=x", "environment: unknown variable \"SLIPWAY_\""},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        AUTO_TARGET(t);
        const char *env[] = {rows[i].variable, NULL};
        CHECK_EQ_INT(conf_load_env(&table, env, NULL, &t, &err), SW_EINVALID);
        CHECK_EQ_STR(err.msg, rows[i].want);
    }
}

TEST(flags_are_consumed_and_the_rest_stays)
{
    char *argv[] = {"slipway",     "--data", "/d", "one", "--max-body=2K", "--ephemeral", "two",
                    "--log_level", "debug",  "-",  "--",  "--data",        "three",       NULL};
    int argc = SW_ARRAY_LEN(argv) - 1;
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_load_flags(&table, &argc, argv, &t, &err));
    CHECK_EQ_INT(argc, 6);
    static const char *const left[] = {"slipway", "one", "two", "-", "--data", "three"};
    for (int i = 0; i < argc; i++)
        CHECK_EQ_STR(argv[i], left[i]);
    CHECK_NULL(argv[argc]);
    CHECK_EQ_STR(t.data, "/d");
    CHECK_EQ_INT(t.max_body, 2048);
    CHECK(t.ephemeral);
    CHECK_EQ_STR(t.log_level, "debug");
}

TEST(boolean_flags)
{
    static const struct {
        const char *argv[4];
        bool want;
        int left;
    } rows[] = {
        {{"s", "--ephemeral", NULL}, true, 1},
        {{"s", "--ephemeral", "false", NULL}, false, 1},
        {{"s", "--ephemeral", "on", NULL}, true, 1},
        {{"s", "--ephemeral", "1", NULL}, true, 2}, /* a positional argument */
        {{"s", "--ephemeral=0", NULL}, false, 1},
        {{"s", "--ephemeral", "--data=x", NULL}, true, 1},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        AUTO_TARGET(t);
        char *argv[4] = {0};
        int argc = 0;
        for (; rows[i].argv[argc]; argc++)
            argv[argc] = (char *)rows[i].argv[argc];
        t.ephemeral = !rows[i].want;
        CHECK_OK(conf_load_flags(&table, &argc, argv, &t, &err));
        CHECK_EQ_INT(t.ephemeral, rows[i].want);
        CHECK_EQ_INT(argc, rows[i].left);
    }
}

TEST(flag_errors)
{
    static const struct {
        const char *argv[4], *want;
    } rows[] = {
        {{"s", "--lisen=x:1"}, "unknown flag \"--lisen\"; did you mean \"--listen\"?"},
        {{"s", "--maxbody", "1"}, "unknown flag \"--maxbody\"; did you mean \"--max-body\"?"},
        {{"s", "--xyzzyplugh"}, "unknown flag \"--xyzzyplugh\""},
        {{"s", "-d", "x"}, "unknown flag \"-d\""},
        {{"s", "--data"}, "flag \"--data\" needs a value"},
        {{"s", "--data", "--listen=x:1"}, "flag \"--data\" needs a value"},
        {{"s", "--max-body=x"}, "--max-body: max_body: \"x\" is not a size"},
        {{"s", "--listen", "x"}, "--listen: listen: \"x\" is not HOST:PORT"},
        {{"s", "--=x"}, "unknown flag \"--\""},
    };

    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        AUTO_TARGET(t);
        char *argv[5] = {0};
        int argc = 0;
        for (; rows[i].argv[argc]; argc++)
            argv[argc] = (char *)rows[i].argv[argc];
        CHECK_EQ_INT(conf_load_flags(&table, &argc, argv, &t, &err), SW_EINVALID);
        CHECK_CONTAINS(err.msg, rows[i].want);
    }
}

TEST(set_overrides_and_keeps_on_failure)
{
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_defaults(&table, &t, &err));
    CHECK_OK(conf_set(&table, "listen", "a:1", "test", &t, &err));
    CHECK_ERR(conf_set(&table, "listen", "bad", "test", &t, &err), SW_EINVALID, NULL);
    CHECK_EQ_STR(t.listen, "a:1");
    CHECK_EQ_INT(conf_set(&table, "Data", "x", "test", &t, &err), SW_EINVALID);
    CHECK_EQ_STR(err.msg, "test: unknown key \"Data\"; did you mean \"data\"?");
}

TEST(later_sources_win)
{
    static const char *const env[] = {"SLIPWAY_WORKERS=7", "SLIPWAY_DATA=env", NULL};
    char *argv[] = {"s", "--data=flag", NULL};
    int argc = 2;
    struct sw_err err = SW_ERR_INIT;
    AUTO_TARGET(t);

    CHECK_OK(conf_defaults(&table, &t, &err));
    CHECK_OK(load_text("workers = 6\ndata = file\nmax_body = 5\n", &t, &err));
    CHECK_OK(conf_load_env(&table, env, NULL, &t, &err));
    CHECK_OK(conf_load_flags(&table, &argc, argv, &t, &err));
    CHECK_EQ_INT(t.max_body, 5);
    CHECK_EQ_INT(t.workers, 7);
    CHECK_EQ_STR(t.data, "flag");
    conf_free(&table, &t);
    CHECK_NULL(t.data);
}

TEST(splits_host_and_port)
{
    static const char *const bad[] = {
        "",      ":",     ":80",     "a",      "a:",     "a:x",    "a:65536", "::1:80",
        "[]:80", "[::1]", "[::1:80", "a b:80", "u@h:80", "a/b:80", "[a]b:80"};
    char host[16];
    uint16_t port;

    CHECK(conf_split_host_port(SW_STR("localhost:5000"), host, sizeof(host), &port));
    CHECK_EQ_STR(host, "localhost");
    CHECK_EQ_INT(port, 5000);
    CHECK(conf_split_host_port(SW_STR("[::1]:0"), host, sizeof(host), &port));
    CHECK_EQ_STR(host, "::1");
    CHECK_EQ_INT(port, 0);
    CHECK(!conf_split_host_port(SW_STR("0123456789abcdef:1"), host, sizeof(host), &port));
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!conf_split_host_port(sw_str(bad[i]), host, sizeof(host), &port), "%s", bad[i]);
}
