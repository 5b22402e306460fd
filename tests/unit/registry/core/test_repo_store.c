/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/repo_store.h"

#include <pthread.h>

#include "tests/unit/registry/world.h"

struct names {
    char text[256];
    int restarts, stop_after;
};

static int note(void *ctx, const struct repo_info *info)
{
    struct names *n = ctx;
    if (!info) {
        n->text[0] = 0;
        n->restarts++;
        return 0;
    }
    (void)snprintf(n->text + strlen(n->text), sizeof(n->text) - strlen(n->text), "%s ", info->name);
    return n->stop_after && --n->stop_after == 0;
}

TEST(creates_describes_and_refuses_a_second_one)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_info info;
    world_open(&w);
    struct repo_key key = world_key("team/app");
    CHECK_OK(repo_create(w.reg, &key, true, "{\"a\":1}", &info, &err));
    CHECK_EQ_STR(info.name, "team/app");
    CHECK(info.mutability == REPO_IMMUTABLE && info.created_at_us > 0);
    repo_info_done(&info);
    CHECK_ERR(repo_create(w.reg, &key, true, "{}", &info, &err), SW_ECONFLICT,
              "RepositoryAlreadyExistsException");
    CHECK_OK(repo_describe(w.reg, &key, &info, &err));
    CHECK_EQ_STR(info.settings, "{\"a\":1}");
    repo_info_done(&info);
    struct repo_key other = {ACCOUNT, "eu-west-1", "team/app"};
    CHECK_ERR(repo_describe(w.reg, &other, &info, &err), SW_ENOTFOUND,
              "RepositoryNotFoundException");
}

TEST(one_object_per_repository_until_it_is_deleted)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo *a, *b, *c;
    world_open(&w);
    struct repo_key key = world_key("app");
    CHECK_ERR(repo_open(w.reg, &key, &a, &err), SW_ENOTFOUND, "RepositoryNotFoundException");
    CHECK_OK(repo_open_or_create(w.reg, &key, &a, &err));
    CHECK_OK(repo_open(w.reg, &key, &b, &err));
    CHECK(a == b);
    CHECK_OK(repo_delete(w.reg, &key, false, NULL, &err));
    CHECK_ERR(repo_open(w.reg, &key, &c, &err), SW_ENOTFOUND, "RepositoryNotFoundException");
    CHECK_OK(repo_open_or_create(w.reg, &key, &c, &err));
    CHECK(c != a);
    repo_unref(a);
    repo_unref(b);
    repo_unref(c);
}

TEST(settings_change_as_a_whole_or_not)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_info info;
    world_open(&w);
    world_repo(&w, "app");
    struct repo_key key = world_key("app"), none = world_key("none");
    CHECK_OK(repo_set_mutability(w.reg, &key, REPO_IMMUTABLE, NULL, &err));
    CHECK_OK(repo_describe(w.reg, &key, &info, &err));
    CHECK(info.mutability == REPO_IMMUTABLE);
    repo_info_done(&info);
    CHECK_ERR(repo_set_mutability(w.reg, &none, REPO_IMMUTABLE, NULL, &err), SW_ENOTFOUND,
              "RepositoryNotFoundException");
}

static int refuse_change(void *ctx SW_UNUSED, const char *settings SW_UNUSED, char **ret_new,
                         struct sw_err *err)
{
    *ret_new = sw_strdup("{\"never\":1}");
    return sw_fail(err, SW_EINVALID, "InvalidParameterException", "no");
}

static int make_change(void *ctx SW_UNUSED, const char *settings, char **ret_new,
                       struct sw_err *err SW_UNUSED)
{
    CHECK_EQ_STR(settings, "{}");
    *ret_new = sw_strdup("{\"x\":1}");
    return 0;
}

TEST(update_settings_keeps_what_its_function_refuses)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_info info;
    world_open(&w);
    world_repo(&w, "app");
    struct repo_key key = world_key("app");
    CHECK_ERR(repo_update_settings(w.reg, &key, refuse_change, NULL, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_OK(repo_update_settings(w.reg, &key, make_change, NULL, &err));
    CHECK_OK(repo_describe(w.reg, &key, &info, &err));
    CHECK_EQ_STR(info.settings, "{\"x\":1}");
    repo_info_done(&info);
}

TEST(lists_in_byte_order_within_account_and_region)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct names n = {0};
    world_open(&w);
    world_repo(&w, "b-b");
    world_repo(&w, "aa");
    world_repo(&w, "b/b");
    struct repo_key other = {ACCOUNT, "eu-west-1", "elsewhere"};
    CHECK_OK(repo_create(w.reg, &other, false, "{}", NULL, &err));
    CHECK_OK(repo_list(w.reg, ACCOUNT, REGION, "", 10, note, &n, &err));
    CHECK_EQ_STR(n.text, "aa b-b b/b ");
    CHECK_EQ_INT(n.restarts, 1);
    CHECK_OK(repo_list(w.reg, ACCOUNT, REGION, "aa", 1, note, &n, &err));
    CHECK_EQ_STR(n.text, "b-b ");
    n.stop_after = 2;
    CHECK_OK(repo_list(w.reg, ACCOUNT, REGION, "", 10, note, &n, &err));
    CHECK_EQ_STR(n.text, "aa b-b ");
}

TEST(many_repositories_stay_findable)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    char name[32];
    struct repo *first[150];
    world_open(&w);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof(name), "repo-%d", i);
        struct repo_key key = world_key(name);
        CHECK_OK(repo_open_or_create(w.reg, &key, &first[i], &err));
    }
    for (int i = 0; i < 150; i++) {
        struct repo *again;
        (void)snprintf(name, sizeof(name), "repo-%d", i);
        struct repo_key key = world_key(name);
        CHECK_OK(repo_open(w.reg, &key, &again, &err));
        CHECK(again == first[i]);
        repo_unref(again);
        repo_unref(first[i]);
    }
    registry_reset_memory(w.reg);
    struct repo_key key = world_key("repo-7");
    CHECK_OK(repo_open(w.reg, &key, &first[0], &err));
    repo_unref(first[0]);
}

static void *create_and_delete(void *arg)
{
    struct world *w = arg;
    struct repo_key key = world_key("contended");
    for (int i = 0; i < 40; i++) {
        struct sw_err err = SW_ERR_INIT;
        struct repo *repo = NULL;
        if (repo_open_or_create(w->reg, &key, &repo, &err) == 0)
            repo_unref(repo);
        sw_err_clear(&err);
        (void)repo_delete(w->reg, &key, true, NULL, &err);
    }
    return NULL;
}

TEST(concurrent_creation_and_deletion_end_consistent)
{
    autoworld w = {0};
    pthread_t threads[4];
    world_open(&w);
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, create_and_delete, &w), 0);
    for (size_t i = 0; i < SW_ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("contended");
    struct repo *repo;
    struct repo_info info;
    bool row = repo_describe(w.reg, &key, &info, &err) == 0;
    if (row)
        repo_info_done(&info);
    sw_err_clear(&err);
    bool object = repo_open(w.reg, &key, &repo, &err) == 0;
    if (object)
        repo_unref(repo);
    CHECK_EQ_INT(row, object);
}
