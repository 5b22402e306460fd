/* SPDX-License-Identifier: Apache-2.0 */
#include "server/commands.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "server/app.h"
#include "server/cli.h"
#include "tests/unit/server/environment.h"

#define ARGS_MAX 20

static const struct cli_command *const all[] = {
    &cli_up,    &cli_serve, &cli_agent, &cli_push, &cli_pull, &cli_get_login_password,
    &cli_run,   &cli_ps,    &cli_logs,  &cli_stop, &cli_repo, &cli_user,
    &cli_debug,
};

struct outcome {
    int status;
    char *out, *err;
};

static int redirect(int fd, const char *path)
{
    int saved = dup(fd);
    sw_autoclose int file = -1;
    struct sw_err err = SW_ERR_INIT;

    CHECK(saved >= 0);
    CHECK_OK(sw_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &file, &err));
    CHECK(dup2(file, fd) == fd);
    return saved;
}

static void restore(int fd, int saved)
{
    CHECK(dup2(saved, fd) == fd);
    (void)close(saved);
}

/* slipway ARGS..., with both outputs in files. */
static struct outcome slipway(const char *const *args)
{
    char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t) "slipway"};
    int argc = 1;
    struct outcome o;

    for (; *args && argc < ARGS_MAX; args++)
        argv[argc++] = (char *)(uintptr_t)*args;
    (void)fflush(NULL);
    int out = redirect(STDOUT_FILENO, test_path("stdout"));
    int err = redirect(STDERR_FILENO, test_path("stderr"));
    o.status = commands_main(argc, argv);
    (void)fflush(NULL);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    o.out = test_read_file(test_path("stdout"), NULL);
    o.err = test_read_file(test_path("stderr"), NULL);
    return o;
}
#define SLIPWAY(...) slipway((const char *const[]){__VA_ARGS__, NULL})

TEST(help_names_every_command_and_goes_to_the_right_place)
{
    struct outcome asked = SLIPWAY("--help"), bare = slipway((const char *const[]){NULL});

    CHECK_EQ_INT(asked.status, 0);
    CHECK_EQ_INT(bare.status, CLI_USAGE);
    CHECK_EQ_STR(bare.out, "");
    CHECK_EQ_STR(bare.err, asked.out);
    for (size_t i = 0; i < SW_ARRAY_LEN(all); i++) {
        CHECK_CONTAINS(asked.out, all[i]->name);
        CHECK_CONTAINS(asked.out, all[i]->summary);
    }
}

TEST(help_of_a_command_shows_its_flags_and_an_example)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(all); i++) {
        struct outcome o = SLIPWAY(all[i]->name, "--help");
        CHECK_EQ_INT(o.status, 0);
        CHECK_EQ_STR(o.err, "");
        CHECK_CONTAINS(o.out, "Example: slipway ");
        for (size_t k = 0; all[i]->flags && k < all[i]->flags->n; k++) {
            const struct conf_key *key = &all[i]->flags->keys[k];
            CHECK_MSG(key->help && *key->help, "%s: %s has no help", all[i]->name, key->name);
            CHECK_CONTAINS(o.out, key->help);
        }
    }
}

TEST(no_flag_stands_twice_or_shares_a_slot)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(all); i++) {
        const struct conf_table *t = all[i]->flags;
        for (size_t k = 0; t && k < t->n; k++)
            for (size_t j = 0; j < k; j++)
                CHECK_MSG(strcmp(t->keys[k].name, t->keys[j].name) != 0 &&
                              t->keys[k].off != t->keys[j].off,
                          "%s: %s and %s", all[i]->name, t->keys[k].name, t->keys[j].name);
    }
}

TEST(version_is_printed)
{
    struct outcome o = SLIPWAY("--version");
    CHECK_EQ_INT(o.status, 0);
    CHECK_EQ_STR(o.out, "slipway " SLIPWAY_VERSION "\n");
}

TEST(unknown_commands_get_the_nearest_name)
{
    struct outcome near = SLIPWAY("psuh"), far = SLIPWAY("frobnicate");

    CHECK_EQ_INT(near.status, CLI_USAGE);
    CHECK_CONTAINS(near.err, "no command 'psuh', did you mean 'push'?");
    CHECK_EQ_INT(far.status, CLI_USAGE);
    CHECK(!strstr(far.err, "did you mean"));
}

TEST(wrong_command_lines_are_status_2_with_a_usage_line)
{
    clear_environment();
    struct outcome o = SLIPWAY("push", "only-one");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    CHECK_CONTAINS(o.err, "usage: slipway push PATH HOST:PORT/REPO:TAG");
    o = SLIPWAY("push", "a", "b", "--creat");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    CHECK_CONTAINS(o.err, "did you mean \"--create\"?");
    o = SLIPWAY("run");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    o = SLIPWAY("user", "add");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    o = SLIPWAY("user", "add", "ann", "--access-key-id", "AKIAX");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    o = SLIPWAY("debug", "other");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    o = SLIPWAY("serve", "--listen", "nowhere");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    CHECK_CONTAINS(o.err, "HOST:PORT");
    o = SLIPWAY("serve", "stray");
    CHECK_EQ_INT(o.status, CLI_USAGE);
    CHECK_CONTAINS(o.err, "takes no arguments but flags");
}

TEST(failures_are_status_1_with_one_line)
{
    clear_environment();
    struct outcome o = SLIPWAY("ps", "--data", test_path("nothing"));
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "slipway: no credentials");
    CHECK(strchr(o.err, '\n')[1] == '\0');
}

TEST(tables_of_all_services_are_printed)
{
    struct outcome o = SLIPWAY("debug", "schema");
    CHECK_EQ_INT(o.status, 0);
    CHECK_CONTAINS(o.out, "\"AmazonEC2ContainerServiceV20141113\"");
    CHECK_CONTAINS(o.out, "\"PutImage\"");
}

/* A server in this process, found by its data folder. */
struct world {
    struct server_config config;
    struct app *app;
    char host_port[64];
};

static void world_open(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    char *argv[] = {(char *)(uintptr_t) "serve",
                    (char *)(uintptr_t) "--config",
                    (char *)(uintptr_t)test_write_file(test_path("conf"), "", 0),
                    (char *)(uintptr_t) "--data",
                    (char *)(uintptr_t)test_path("data"),
                    (char *)(uintptr_t) "--listen=127.0.0.1:0",
                    NULL};
    int argc = 6;

    clear_environment();
    *w = (struct world){0};
    CHECK_OK(server_config_load(&argc, argv, &w->config, &err));
    CHECK_OK(app_open(&w->config, &w->app, &err));
    CHECK_OK(app_listen(w->app, &err));
    (void)snprintf(w->host_port, sizeof(w->host_port), "%s", strstr(app_endpoint(w->app), "127."));
    setenv("SLIPWAY_DATA", test_path("data"), 1);
}

static void world_close(struct world *w)
{
    app_close(w->app);
    server_config_free(&w->config);
}

static const char *make_root(void)
{
    CHECK(mkdir(test_path("root"), 0755) == 0);
    test_write_file(test_path("root/hello"), "hello", 5);
    return test_path("root");
}

TEST(what_was_pushed_is_pulled)
{
    struct world w;
    char name[256], by_digest[512];

    world_open(&w);
    (void)snprintf(name, sizeof(name), "%s/team/app:v1", w.host_port);
    struct outcome pushed = SLIPWAY("push", make_root(), name, "--create", "--cmd=/hello");
    CHECK_MSG(pushed.status == 0, "%s", pushed.err);
    CHECK_CONTAINS(pushed.err, "pushed");
    struct outcome again = SLIPWAY("push", test_path("root"), name, "--create", "--cmd=/hello");
    CHECK_EQ_STR(again.out, pushed.out);
    CHECK_CONTAINS(again.err, "exists");
    struct outcome pulled = SLIPWAY("pull", name, test_path("layout"), "--quiet");
    CHECK_MSG(pulled.status == 0, "%s", pulled.err);
    CHECK_EQ_STR(pulled.out, pushed.out);
    CHECK_EQ_STR(pulled.err, "");
    CHECK(sw_path_exists(test_path("layout/oci-layout")));
    /* The layout goes to another repository as the same image, by its digest too. */
    (void)snprintf(by_digest, sizeof(by_digest), "%s/team/copy@%.71s", w.host_port, pushed.out);
    struct outcome copied = SLIPWAY("push", test_path("layout"), by_digest, "--create", "--quiet");
    CHECK_MSG(copied.status == 0, "%s", copied.err);
    CHECK_EQ_STR(copied.out, pushed.out);
    world_close(&w);
}

/* The file of the manifest's first layer. */
static const char *layer_in_layout(const char *manifest_digest)
{
    char *text = test_read_file(test_path("layout/blobs/sha256/%.64s", manifest_digest + 7), NULL);
    const char *layers = strstr(text, "\"layers\"");
    CHECK_NOT_NULL(layers);
    const char *digest = strstr(layers, "sha256:");
    CHECK_NOT_NULL(digest);
    return test_path("layout/blobs/sha256/%.64s", digest + 7);
}

TEST(a_damaged_file_of_an_earlier_pull_is_fetched_again)
{
    struct world w;
    char name[256];
    size_t n = 0, after = 0;

    world_open(&w);
    (void)snprintf(name, sizeof(name), "%s/team/app:v1", w.host_port);
    CHECK_EQ_INT(SLIPWAY("push", make_root(), name, "--create").status, 0);
    struct outcome first = SLIPWAY("pull", name, test_path("layout"));
    CHECK_EQ_INT(first.status, 0);
    const char *layer = layer_in_layout(first.out);
    char *whole = test_read_file(layer, &n);
    char *damaged = malloc(n);
    CHECK_NOT_NULL(damaged);
    memset(damaged, 'x', n);
    test_write_file(layer, damaged, n);
    free(damaged);
    struct outcome second = SLIPWAY("pull", name, test_path("layout"));
    CHECK_MSG(second.status == 0, "%s", second.err);
    CHECK_CONTAINS(second.err, "pulled"); /* the layer */
    CHECK_CONTAINS(second.err, "exists"); /* the configuration */
    char *now = test_read_file(layer, &after);
    CHECK_EQ_MEM(now, after, whole, n);
    world_close(&w);
}

TEST(refusals_of_the_server_reach_the_user)
{
    struct world w;
    char name[256];

    world_open(&w);
    (void)snprintf(name, sizeof(name), "%s/team/none:v1", w.host_port);
    struct outcome o = SLIPWAY("push", make_root(), name, "--quiet");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "NAME_UNKNOWN");
    (void)snprintf(name, sizeof(name), "%s/team/none@sha256:%064d", w.host_port, 0);
    o = SLIPWAY("push", test_path("root"), name, "--quiet");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "push it to a tag");
    o = SLIPWAY("push", test_path("root"), "other.example:5000/team/none:v1");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "is not the server at http://127.0.0.1:");
    o = SLIPWAY("repo", "delete", "team/none");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "RepositoryNotFoundException");
    world_close(&w);
}

TEST(repositories_are_made_listed_and_deleted)
{
    struct world w;

    world_open(&w);
    struct outcome o = SLIPWAY("repo", "create", "team/app");
    CHECK_EQ_INT(o.status, 0);
    CHECK_CONTAINS(o.out, "/team/app\n");
    CHECK_CONTAINS(SLIPWAY("repo", "list").out, "/team/app\n");
    CHECK_EQ_INT(SLIPWAY("repo", "create", "team/app").status, CLI_FAILED);
    CHECK_EQ_INT(SLIPWAY("repo", "delete", "team/app").status, 0);
    CHECK_EQ_STR(SLIPWAY("repo", "list").out, "");
    CHECK_EQ_INT(SLIPWAY("repo", "sing").status, CLI_USAGE);
    world_close(&w);
}

TEST(repositories_are_published)
{
    struct world w;

    world_open(&w);
    CHECK_EQ_INT(SLIPWAY("repo", "create", "team/open", "--public").status, 0);
    CHECK_EQ_INT(SLIPWAY("repo", "set", "team/open", "--private").status, 0);
    CHECK_EQ_INT(SLIPWAY("repo", "set", "team/open", "--public").status, 0);
    struct outcome unclear = SLIPWAY("repo", "set", "team/open", "--private", "--public");
    CHECK_EQ_INT(unclear.status, 2);
    CHECK_CONTAINS(unclear.err, "usage: slipway repo create NAME");
    struct outcome no_maximum = SLIPWAY("quota", "set", "team/");
    CHECK_EQ_INT(no_maximum.status, 2);
    CHECK_CONTAINS(no_maximum.err, "usage: slipway quota set");
    struct outcome o = SLIPWAY("repo", "set", "team/none", "--public");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "RepositoryNotFoundException");
    CHECK_EQ_INT(SLIPWAY("repo", "set", "team/open").status, CLI_USAGE);
    CHECK_EQ_INT(SLIPWAY("repo", "set", "team/open", "--public", "--private").status, CLI_USAGE);
    world_close(&w);
}

TEST(quotas_are_set_listed_and_deleted)
{
    struct world w;

    world_open(&w);
    struct outcome o = SLIPWAY("quota", "set", "team/", "--bytes", "20M", "--images", "5");
    CHECK_MSG(o.status == 0, "%s", o.err);
    CHECK_EQ_INT(SLIPWAY("quota", "set", "*", "--images", "0").status, 0);
    o = SLIPWAY("quota", "list");
    CHECK_CONTAINS(o.out, "0 of 20971520 ");
    CHECK_CONTAINS(o.out, "0 of 5 ");
    CHECK_CONTAINS(o.out, "*   ");
    CHECK_EQ_INT(SLIPWAY("quota", "set", "team/").status, CLI_USAGE);
    CHECK_EQ_INT(SLIPWAY("quota", "set", "team/", "--bytes", "x").status, CLI_FAILED);
    CHECK_EQ_INT(SLIPWAY("quota", "set", "Team/", "--bytes", "1").status, CLI_FAILED);
    CHECK_EQ_INT(SLIPWAY("quota", "delete", "team/").status, 0);
    o = SLIPWAY("quota", "delete", "team/");
    CHECK_EQ_INT(o.status, CLI_FAILED);
    CHECK_CONTAINS(o.err, "there is no quota of 'team/'");
    CHECK_EQ_INT(SLIPWAY("quota", "sing").status, CLI_USAGE);
    world_close(&w);
}

TEST(users_are_administered_with_and_without_a_server)
{
    struct world w;

    world_open(&w);
    struct outcome o = SLIPWAY("user", "add", "ann");
    CHECK_EQ_INT(o.status, 0);
    CHECK_CONTAINS(o.out, "aws_secret_access_key = ");
    CHECK_EQ_INT(SLIPWAY("user", "add", "ann").status, CLI_FAILED);
    CHECK_EQ_INT(SLIPWAY("user", "delete", "nobody").status, CLI_FAILED);
    world_close(&w);
    o = SLIPWAY("user", "add", "bob", "--access-key-id", "AKIABOBBOBBOBBOB", "--secret-access-key",
                "bobs-own-secret");
    CHECK_MSG(o.status == 0, "%s", o.err);
    CHECK_CONTAINS(o.out, "aws_access_key_id = AKIABOBBOBBOBBOB\n");
    o = SLIPWAY("user", "list");
    CHECK_CONTAINS(o.out, "admin");
    CHECK_CONTAINS(o.out, "ann");
    CHECK_CONTAINS(o.out, "user/bob");
    CHECK_EQ_INT(SLIPWAY("user", "delete", "ann").status, 0);
    CHECK(!strstr(SLIPWAY("user", "list").out, "ann"));
}

TEST(password_is_one_line)
{
    struct world w;

    world_open(&w);
    struct outcome o = SLIPWAY("get-login-password");
    CHECK_EQ_INT(o.status, 0);
    CHECK(strlen(o.out) > 40 && strchr(o.out, '\n') == o.out + strlen(o.out) - 1);
    world_close(&w);
}

/* Groups and events are text that users of the cluster chose. */
TEST(text_of_others_moves_no_cursor)
{
    static const struct {
        const char *text, *shown;
    } table[] = {{"", ""},
                 {"family:web", "family:web"},
                 {"\033]0;x\007\r\n", "?]0;x???"},
                 {"a\177b", "a?b"},
                 {"\302\2331m", "??1m"},
                 {"\302\240\303\244\342\202\254", "\302\240\303\244\342\202\254"},
                 {"\302", "\302"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        sw_autofree char *shown = cli_text(table[i].text);
        CHECK_EQ_STR(shown, table[i].shown);
    }
}
