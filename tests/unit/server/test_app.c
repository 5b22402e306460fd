/* SPDX-License-Identifier: Apache-2.0 */
#include "server/app.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/httpc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "server/admin_api.h"
#include "server/client.h"
#include "tests/unit/server/environment.h"

/* A configuration for test_path("data"), port 0; more flags after it. */
static void configure(struct server_config *ret, const char *flag)
{
    struct sw_err err = SW_ERR_INIT;
    char *argv[] = {(char *)(uintptr_t) "serve",
                    (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t)test_write_file(test_path("conf"), "", 0),
                    (char *)(uintptr_t) "--data",
                    (char *)(uintptr_t)test_path("data"),
                    (char *)(uintptr_t) "--listen=127.0.0.1:0",
                    (char *)(uintptr_t)flag,
                    NULL};
    int argc = flag ? 7 : 6;

    clear_environment();
    *ret = (struct server_config){0};
    CHECK_OK(server_config_load(&argc, argv, ret, &err));
}

static void open_app(const char *flag, struct server_config *config, struct app **ret)
{
    struct sw_err err = SW_ERR_INIT;
    configure(config, flag);
    CHECK_OK(app_open(config, ret, &err));
}

static void close_app(struct server_config *config, struct app *app)
{
    app_close(app);
    server_config_free(config);
}

static void admin_key(char id[129])
{
    struct sw_err err = SW_ERR_INIT;
    char secret[129];
    CHECK_OK(credentials_read(test_path("data/credentials"), "default", id, secret, &err));
    CHECK(strlen(id) >= 16 && strlen(secret) >= 32);
}

static int mode_of(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0);
    return st.st_mode & 07777;
}

TEST(first_start_makes_private_files)
{
    struct server_config config;
    struct app *app = NULL;
    char id[129];

    open_app(NULL, &config, &app);
    admin_key(id);
    CHECK_EQ_INT(mode_of(test_path("data")), 0700);
    CHECK_EQ_INT(mode_of(test_path("data/credentials")), 0600);
    CHECK_EQ_INT(mode_of(test_path("data/master.key")), 0600);
    CHECK_EQ_STR(app_data_dir(app), test_path("data"));
    close_app(&config, app);
}

TEST(second_start_keeps_the_key_and_the_account)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;
    char first[129], second[129];

    open_app("--account=123456789012", &config, &app);
    admin_key(first);
    close_app(&config, app);
    open_app(NULL, &config, &app);
    admin_key(second);
    CHECK_EQ_STR(second, first);
    CHECK_EQ_STR(app_account(app), "123456789012");
    close_app(&config, app);
    configure(&config, "--account=999999999999");
    int r = app_open(&config, &app, &err);
    CHECK_CONTAINS(err.msg, "belongs to account 123456789012, not 999999999999");
    CHECK_ERR(r, SW_ECONFLICT, NULL);
    server_config_free(&config);
}

TEST(a_lost_credentials_file_gets_a_new_key)
{
    struct server_config config;
    struct app *app = NULL;
    char first[129], second[129];

    open_app(NULL, &config, &app);
    admin_key(first);
    close_app(&config, app);
    CHECK(unlink(test_path("data/credentials")) == 0);
    open_app(NULL, &config, &app);
    admin_key(second);
    CHECK(strcmp(first, second) != 0);
    close_app(&config, app);
}

TEST(one_process_holds_the_folder)
{
    struct server_config config, other;
    struct app *app = NULL, *second = NULL;
    struct sw_err err = SW_ERR_INIT;

    open_app(NULL, &config, &app);
    configure(&other, NULL);
    int r = app_open(&other, &second, &err);
    CHECK_CONTAINS(err.msg, "another slipway uses");
    CHECK_ERR(r, SW_ECONFLICT, NULL);
    CHECK_NULL(second);
    server_config_free(&other);
    close_app(&config, app);
}

TEST(a_folder_that_cannot_be_made_is_named)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;

    configure(&config, NULL);
    test_write_file(test_path("data"), "a file", 6);
    CHECK(app_open(&config, &app, &err) < 0);
    CHECK_CONTAINS(err.msg, test_path("data"));
    CHECK_NULL(app);
    server_config_free(&config);
}

static json_t *list_users(const char *credentials)
{
    struct sw_err err = SW_ERR_INIT;
    struct client c;
    json_t *out = NULL;
    struct client_options o = {.data_dir = test_path("data"), .credentials_file = credentials};

    CHECK_OK(client_open(&o, &c, &err));
    CHECK_OK(client_call(&c, TARGET_ADMIN ".ListUsers", NULL, 0, &out, &err));
    client_close(&c);
    return out;
}

TEST(a_client_finds_the_listening_server_by_its_folder)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;

    open_app(NULL, &config, &app);
    CHECK_OK(app_listen(app, &err));
    CHECK_CONTAINS(test_read_file(test_path("data/endpoint"), NULL), app_endpoint(app));
    sw_autojson json_t *out = list_users(NULL);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(out, "Users"), 0), "UserName", ""),
                 "admin");
    close_app(&config, app);
}

TEST(the_node_has_credentials_of_its_own)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;
    char admin[129], node[129], again[129], secret[129];
    const char *path = NULL;

    open_app(NULL, &config, &app);
    admin_key(admin);
    CHECK_OK(app_node_credentials(app, &path, &err));
    CHECK_EQ_INT(mode_of(path), 0600);
    CHECK_OK(credentials_read(path, "default", node, secret, &err));
    CHECK(strcmp(admin, node) != 0);
    CHECK_OK(app_node_credentials(app, &path, &err));
    CHECK_OK(credentials_read(path, "default", again, secret, &err));
    CHECK_EQ_STR(again, node);
    close_app(&config, app);
}

TEST(an_ephemeral_folder_goes_at_the_end)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;
    char data[4096];

    open_app("--ephemeral", &config, &app);
    CHECK_OK(app_listen(app, &err));
    (void)snprintf(data, sizeof(data), "%s", app_data_dir(app));
    CHECK(strcmp(data, test_path("data")) != 0);
    CHECK(sw_path_exists(data));
    close_app(&config, app);
    CHECK(!sw_path_exists(data));
    CHECK(!sw_path_exists(test_path("data")));
}

TEST(a_port_in_use_is_an_error_that_closes_well)
{
    struct server_config config, other;
    struct app *app = NULL, *second = NULL;
    struct sw_err err = SW_ERR_INIT;

    open_app(NULL, &config, &app);
    CHECK_OK(app_listen(app, &err));
    configure(&other, "--ephemeral");
    free(other.listen);
    other.listen = strdup(strstr(app_endpoint(app), "127."));
    CHECK_OK(app_open(&other, &second, &err));
    CHECK(app_listen(second, &err) < 0);
    CHECK(err.msg[0] != '\0');
    close_app(&other, second);
    close_app(&config, app);
}

TEST(requests_are_logged_one_line_each)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;
    char flag[4200];

    (void)snprintf(flag, sizeof(flag), "--access-log=%s", test_path("access"));
    open_app(flag, &config, &app);
    CHECK_OK(app_listen(app, &err));
    json_decref(list_users(NULL));
    close_app(&config, app);
    char *line = test_read_file(test_path("access"), NULL);
    sw_autojson json_t *j = NULL;
    CHECK(strchr(line, '\n') && strchr(line, '\n')[1] == '\0');
    CHECK_OK(sw_json_load(sw_str_n(line, strlen(line) - 1), 4, 50, NULL, &j, &err));
    CHECK_EQ_STR(sw_json_str(j, "method", ""), "POST");
    CHECK_EQ_INT(sw_json_int(j, "status", 0), 200);
    CHECK_CONTAINS(sw_json_str(j, "principal", ""), "user/admin");
}

static int get(struct httpc *c, const char *method, const char *endpoint, const char *path,
               char *body, size_t cap)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    char url[256];

    (void)snprintf(url, sizeof(url), "%s%s", endpoint, path);
    struct httpc_request req = {.method = method, .url = url, .timeout_ms = 10000};
    CHECK_OK(httpc_perform(c, &req, &res, &err));
    CHECK(sw_str_copy(sw_buf_str(&res.body), body, cap));
    return res.status;
}

TEST(health_and_readiness_are_answered_and_nothing_else)
{
    struct server_config config;
    struct app *app = NULL;
    struct sw_err err = SW_ERR_INIT;
    char body[512];
    struct httpc_options o = {0};

    open_app(NULL, &config, &app);
    CHECK_OK(app_listen(app, &err));
    struct httpc *c = httpc_new(&o);
    const char *at = app_endpoint(app);
    CHECK_EQ_INT(get(c, "GET", at, "/healthz", body, sizeof(body)), 200);
    CHECK_EQ_STR(body, "ok\n");
    CHECK_EQ_INT(get(c, "GET", at, "/readyz", body, sizeof(body)), 200);
    CHECK_EQ_STR(body, "ready\n");
    CHECK_EQ_INT(get(c, "HEAD", at, "/healthz", body, sizeof(body)), 200);
    CHECK_EQ_STR(body, "");
    CHECK_EQ_INT(get(c, "DELETE", at, "/healthz", body, sizeof(body)), 404);
    CHECK_EQ_INT(get(c, "GET", at, "/healthz/", body, sizeof(body)), 404);
    CHECK_CONTAINS(body, "The registry is at /v2/");
    httpc_free(c);
    close_app(&config, app);
}
