/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include "base/macros.h"
#include "base/str.h"
#include "tests/unit/server/environment.h"

/* The config file stands in each command line, so that /etc/slipway/slipway.conf of this machine is never read. */
static const char *file_with(const char *text)
{
    return test_write_file(test_path("slipway.conf"), text, strlen(text));
}

#define ARGS_MAX 16

static int load(struct server_config *c, const char *file, const char *const *flags,
                struct sw_err *err)
{
    char *argv[ARGS_MAX] = {(char *)(uintptr_t) "serve", (char *)(uintptr_t) "--config",
                            (char *)(uintptr_t)file};
    int argc = 3;
    for (; flags && *flags; flags++)
        argv[argc++] = (char *)(uintptr_t)*flags;
    *c = (struct server_config){0};
    return server_config_load(&argc, argv, c, err);
}

static const struct conf_key *find(struct sw_str name)
{
    for (size_t i = 0; i < server_conf_table.n; i++)
        if (sw_str_eq_z(name, server_conf_table.keys[i].name))
            return &server_conf_table.keys[i];
    return NULL;
}

/* "key = value", also commented out as "#key = value"; false for prose. */
static bool setting_of(struct sw_str line, struct sw_str *ret_name, struct sw_str *ret_value,
                       bool *ret_commented)
{
    *ret_commented = line.n > 0 && line.p[0] == '#';
    if (*ret_commented)
        line = sw_str_slice(line, 1, line.n);
    if (line.n == 0 || line.p[0] < 'a' || line.p[0] > 'z')
        return false;
    *ret_value = line;
    (void)sw_str_split(ret_value, '=', ret_name);
    *ret_name = sw_str_trim(*ret_name);
    return ret_value->p != NULL;
}

TEST(shipped_file_has_every_key_with_its_default)
{
    size_t n = 0;
    struct sw_str rest = sw_str(test_read_file(test_source("conf/slipway.conf"), &n)), line;
    bool seen[64] = {false};

    CHECK(server_conf_table.n <= SW_ARRAY_LEN(seen));
    while (sw_str_split(&rest, '\n', &line)) {
        struct sw_str name, value;
        bool commented;
        if (!setting_of(line, &name, &value, &commented))
            continue;
        const struct conf_key *k = find(name);
        CHECK_MSG(k, "unknown key in slipway.conf: " SW_STR_FMT, SW_STR_ARG(name));
        CHECK_MSG(!seen[k - server_conf_table.keys], "twice in slipway.conf: %s", k->name);
        seen[k - server_conf_table.keys] = true;
        CHECK_MSG(commented == !k->def, "%s: stands in the file as if it had %s default", k->name,
                  commented ? "no" : "a");
        if (k->def)
            CHECK_MSG(sw_str_eq_z(sw_str_trim(value), k->def), "%s: file says " SW_STR_FMT, k->name,
                      SW_STR_ARG(value));
    }
    for (size_t i = 0; i < server_conf_table.n; i++)
        CHECK_MSG(seen[i] || sw_streq(server_conf_table.keys[i].name, "config"),
                  "%s is not in slipway.conf", server_conf_table.keys[i].name);
}

TEST(shipped_file_loads_and_changes_nothing)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config shipped, plain;

    clear_environment();
    CHECK_OK(load(&shipped, test_source("conf/slipway.conf"), NULL, &err));
    CHECK_OK(load(&plain, file_with(""), NULL, &err));
    CHECK_EQ_STR(shipped.listen, plain.listen);
    CHECK_EQ_STR(shipped.data, plain.data);
    CHECK_EQ_INT(shipped.idle_timeout_ms, plain.idle_timeout_ms);
    CHECK_EQ_INT(shipped.collect_grace_ms, plain.collect_grace_ms);
    CHECK_EQ_INT(plain.idle_timeout_ms, 300000);
    CHECK_EQ_INT(plain.worker_threads, 16);
    CHECK_NULL(plain.account);
    CHECK(!plain.ephemeral && !plain.create_on_push);
    CHECK_NULL(plain.access_log);
    server_config_free(&shipped);
    server_config_free(&plain);
}

TEST(every_key_has_help_and_a_place_of_its_own)
{
    for (size_t i = 0; i < server_conf_table.n; i++) {
        const struct conf_key *k = &server_conf_table.keys[i];
        CHECK_MSG(k->help && *k->help, "%s has no help", k->name);
        CHECK(k->off < sizeof(struct server_config));
        for (size_t j = 0; j < i; j++)
            CHECK_MSG(k->off != server_conf_table.keys[j].off, "%s and %s share a slot", k->name,
                      server_conf_table.keys[j].name);
    }
}

TEST(flags_beat_environment_beats_file)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;
    const char *const flags[] = {"--region", "from-flag", NULL};
    const char *file = file_with("region = from-file\ncluster = from-file\nbridge_name = br-file\n"
                                 "create_on_push = true\n");

    clear_environment();
    setenv("SLIPWAY_REGION", "from-env", 1);
    setenv("SLIPWAY_CLUSTER", "from-env", 1);
    CHECK_OK(load(&c, file, flags, &err));
    CHECK_EQ_STR(c.region, "from-flag");
    CHECK_EQ_STR(c.cluster, "from-env");
    CHECK_EQ_STR(c.bridge_name, "br-file");
    CHECK_EQ_STR(c.runtime, "runc");
    CHECK(c.create_on_push);
    server_config_free(&c);
}

TEST(file_is_named_by_environment_and_by_either_form_of_the_flag)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c = {0};
    const char *file = file_with("cluster = blue\n");
    char *no_flags[] = {(char *)(uintptr_t) "serve", NULL};
    int argc = 1;

    clear_environment();
    setenv("SLIPWAY_CONFIG", file, 1);
    CHECK_OK(server_config_load(&argc, no_flags, &c, &err));
    CHECK_EQ_STR(c.cluster, "blue");
    server_config_free(&c);

    unsetenv("SLIPWAY_CONFIG");
    char flag[4200];
    (void)snprintf(flag, sizeof(flag), "--config=%s", file);
    char *equals[] = {(char *)(uintptr_t) "serve", flag, (char *)(uintptr_t) "left", NULL};
    argc = 3;
    CHECK_OK(server_config_load(&argc, equals, &c, &err));
    CHECK_EQ_STR(c.cluster, "blue");
    CHECK_EQ_INT(argc, 2);
    CHECK_EQ_STR(equals[1], "left");
    server_config_free(&c);
}

TEST(empty_config_variable_counts_as_unset)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c = {0};
    char *argv[] = {(char *)(uintptr_t) "serve", NULL};
    int argc = 1;

    clear_environment();
    setenv("SLIPWAY_CONFIG", "", 1);
    CHECK_OK(server_config_load(&argc, argv, &c, &err));
    server_config_free(&c);
}

static void refused(const char *text, const char *const *flags, const char *part)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;
    int r = load(&c, file_with(text), flags, &err);

    CHECK_CONTAINS(err.msg, part);
    CHECK_ERR(r, SW_EINVALID, NULL);
    server_config_free(&c);
}

TEST(unknown_names_get_the_nearest_known_one)
{
    const char *const flags[] = {"--crate-on-push", NULL};

    clear_environment();
    refused("lisen = 127.0.0.1:5000\n", NULL,
            "slipway.conf:1: unknown key \"lisen\"; did you mean \"listen\"?");
    refused("", flags, "did you mean \"--create-on-push\"?");
    setenv("SLIPWAY_REGON", "x", 1);
    refused("", NULL, "did you mean \"SLIPWAY_REGION\"?");
}

TEST(variables_of_other_commands_are_no_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;

    clear_environment();
    setenv("SLIPWAY_ENDPOINT", "http://127.0.0.1:1", 1);
    setenv("SLIPWAY_BIN", "/x", 1);
    CHECK_OK(load(&c, file_with(""), NULL, &err));
    server_config_free(&c);
}

TEST(account_is_twelve_digits)
{
    clear_environment();
    refused("account = 12345678901\n", NULL, "account: '12345678901' is not a number of 12 digits");
    refused("account = 1234567890123\n", NULL, "12 digits");
    refused("account = 12345678901x\n", NULL, "12 digits");
    refused("account = -12345678901\n", NULL, "12 digits");
}

TEST(region_is_one_label)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;
    static const char *const bad[] = {"us_east_1", "US-EAST-1", "a.b", "a/b", "us east"};
    char text[128] = "region = ", longest[72];

    clear_environment();
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "region = %s\n", bad[i]);
        refused(text, NULL, "1 to 63 lower-case letters");
    }
    memset(longest, 'r', sizeof(longest));
    (void)snprintf(text, sizeof(text), "region = %.64s\n", longest);
    refused(text, NULL, "1 to 63 lower-case letters");
    (void)snprintf(text, sizeof(text), "region = %.63s\n", longest);
    CHECK_OK(load(&c, file_with(text), NULL, &err));
    CHECK_EQ_UINT(strlen(c.region), 63);
    server_config_free(&c);
}

TEST(certificate_and_key_go_together)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;

    clear_environment();
    refused("tls_cert = a.pem\n", NULL, "tls_key is missing");
    refused("tls_key = a.pem\n", NULL, "tls_cert is missing");
    CHECK_OK(load(&c, file_with("tls_cert = a.pem\ntls_key = b.pem\n"), NULL, &err));
    CHECK_EQ_STR(c.tls_cert, "a.pem");
    server_config_free(&c);
}

TEST(a_needed_value_cannot_be_empty)
{
    clear_environment();
    refused("region =\n", NULL, "region: must not be empty; the default is us-east-1");
    const char *const flags[] = {"--listen=", NULL};
    refused("", flags, "listen: must not be empty");
}

TEST(a_file_cannot_name_another)
{
    clear_environment();
    refused("config = /tmp/other.conf\n", NULL, "a file cannot name another one");
}

TEST(bad_values_name_key_and_place)
{
    clear_environment();
    refused("\nworker_threads = 0\n", NULL,
            "slipway.conf:2: worker_threads: \"0\" is out of range");
    refused("idle_timeout = soon\n", NULL, "is not a duration");
    refused("log_level = loud\n", NULL, "one of: debug, info, warning, error");
    refused("listen = 5000\n", NULL, "HOST:PORT");
}

TEST(missing_file_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;

    clear_environment();
    CHECK_ERR(load(&c, test_path("none.conf"), NULL, &err), SW_ENOTFOUND, NULL);
    server_config_free(&c);
}

TEST(data_folder_is_absolute)
{
    struct sw_err err = SW_ERR_INIT;
    struct server_config c;
    char cwd[4096];

    clear_environment();
    CHECK_NOT_NULL(getcwd(cwd, sizeof(cwd)));
    CHECK_OK(load(&c, file_with("data = some/where\n"), NULL, &err));
    CHECK(c.data[0] == '/');
    CHECK_CONTAINS(c.data, cwd);
    CHECK_CONTAINS(c.data, "/some/where");
    server_config_free(&c);
}

TEST(default_data_folder_follows_the_user)
{
    clear_environment();
    sw_autofree char *plain = server_default_data_dir();
    setenv("XDG_DATA_HOME", "/xdg", 1);
    sw_autofree char *xdg = server_default_data_dir();
    if (geteuid() == 0) {
        CHECK_EQ_STR(plain, "/var/lib/slipway");
        CHECK_EQ_STR(xdg, "/var/lib/slipway");
    } else {
        CHECK_EQ_STR(plain, test_path(".local/share/slipway"));
        CHECK_EQ_STR(xdg, "/xdg/slipway");
    }
}
