/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled policy and the resource tags of a repository, beside its object; the registry policy; creation templates. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "registry/core/creation_template.h"
#include "registry/core/registry_setting.h"
#include "tests/unit/registry/world.h"

#define ALLOW(action)                                               \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"" action \
    "\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"ecr:" action "\"}]}"

static const char *sid_of(struct policy_document *d)
{
    return d ? policy_document_statement(d, 0).sid : "none";
}

static void check_policy(struct repo *repo, const char *want)
{
    policy_autodoc struct policy_document *d = repo_policy(repo);
    CHECK_EQ_STR(sid_of(d), want);
}

static int tag_repo(void *ctx, const char *settings, char **ret_new, struct sw_err *err)
{
    (void)settings, (void)err;
    *ret_new = sw_strdup(ctx);
    return 0;
}

TEST(an_open_repository_sees_changes)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("a/b");
    struct repo *repo = NULL;
    char *old = NULL;
    world_open(&w);
    world_repo(&w, "a/b");
    CHECK_OK(repo_open(w.reg, &key, &repo, &err));
    check_policy(repo, "none");
    CHECK_OK(repo_set_policy(w.reg, &key, ALLOW("PutImage"), &old, &err));
    CHECK_NULL(old);
    check_policy(repo, "PutImage");
    struct repo_rules *before = repo_rules(repo);
    CHECK_OK(repo_set_policy(w.reg, &key, ALLOW("ListImages"), &old, &err));
    CHECK_EQ_STR(old, ALLOW("PutImage"));
    free(old);
    check_policy(repo, "ListImages");
    CHECK_EQ_STR(sid_of(before->policy), "PutImage"); /* who holds the old one keeps it */
    repo_rules_unref(before);
    CHECK_OK(repo_update_settings(
        w.reg, &key, tag_repo, (char[]){"{\"tags\":[{\"Key\":\"team\",\"Value\":\"x\"}]}"}, &err));
    struct repo_rules *rules = repo_rules(repo);
    CHECK_EQ_UINT(rules->tags_n, 1);
    CHECK_EQ_STR(rules->tags[0].key, "team");
    CHECK_EQ_STR(rules->tags[0].value, "x");
    CHECK_EQ_STR(sid_of(rules->policy), "ListImages");
    repo_rules_unref(rules);
    CHECK_OK(repo_set_policy(w.reg, &key, NULL, &old, &err));
    free(old);
    check_policy(repo, "none");
    CHECK_ERR(repo_set_policy(w.reg, &key, NULL, &old, &err), SW_ENOTFOUND,
              "RepositoryPolicyNotFoundException");
    CHECK_ERR(repo_set_policy(w.reg, &key, "{", &old, &err), SW_EINVALID,
              "MalformedPolicyDocument");
    repo_unref(repo);
}

TEST(policies_are_compiled_after_a_restart)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("a");
    struct registry_key here = {ACCOUNT, REGION}, there = {ACCOUNT, "eu-west-1"};
    struct repo *repo = NULL;
    char *old = NULL;
    world_open(&w);
    world_repo(&w, "a");
    CHECK_OK(repo_set_policy(w.reg, &key, ALLOW("PutImage"), &old, &err));
    CHECK_OK(registry_policy_set(w.reg, &here, ALLOW("ReplicateImage"), &old, &err));
    world_stop(&w);
    world_open(&w);
    CHECK_OK(repo_open(w.reg, &key, &repo, &err));
    check_policy(repo, "PutImage");
    repo_unref(repo);
    policy_autodoc struct policy_document *mine = registry_policy(w.reg, &here);
    CHECK_EQ_STR(sid_of(mine), "ReplicateImage");
    CHECK_NULL(registry_policy(w.reg, &there));
    CHECK_OK(registry_policy_set(w.reg, &here, NULL, &old, &err));
    free(old);
    CHECK_NULL(registry_policy(w.reg, &here));
    CHECK_ERR(registry_policy_set(w.reg, &here, NULL, &old, &err), SW_ENOTFOUND,
              "RegistryPolicyNotFoundException");
}

static void add_template(struct world *w, const char *prefix, const char *reason)
{
    struct sw_err err = SW_ERR_INIT;
    struct registry_key key = {ACCOUNT, REGION};
    struct creation_template t = {0};
    sw_autojson json_t *doc =
        json_pack("{s:[s], s:s}", "appliedFor", reason, "imageTagMutability", "IMMUTABLE");
    CHECK_OK(creation_template_create(w->reg, &key, prefix, doc, &t, &err));
    creation_template_done(&t);
}

static const char *matched(struct world *w, const char *name, char out[80])
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    struct creation_template t = {0};
    int r = creation_template_match(w->reg, &key, TEMPLATE_CREATE_ON_PUSH, &t, &err);
    CHECK(r >= 0);
    (void)sw_str_copy(sw_str(r > 0 ? t.prefix : "none"), out, 80);
    creation_template_done(&t);
    return out;
}

TEST(the_longest_prefix_with_the_reason_is_taken)
{
    autoworld w = {0};
    char out[80];
    struct sw_err err = SW_ERR_INIT;
    world_open(&w);
    CHECK_EQ_STR(matched(&w, "a/b", out), "none");
    add_template(&w, "a", TEMPLATE_CREATE_ON_PUSH);
    add_template(&w, "a/b/", TEMPLATE_CREATE_ON_PUSH);
    add_template(&w, "a/b/c", "REPLICATION");
    CHECK_EQ_STR(matched(&w, "a", out), "none");
    CHECK_EQ_STR(matched(&w, "ab/c", out), "none");
    CHECK_EQ_STR(matched(&w, "a/b", out), "a");
    CHECK_EQ_STR(matched(&w, "a/b/c/d", out), "a/b/");
    add_template(&w, TEMPLATE_ROOT, TEMPLATE_CREATE_ON_PUSH);
    CHECK_EQ_STR(matched(&w, "ab/c", out), "ROOT");
    struct repo_key key = world_key("a/b/new");
    struct repo *repo = NULL;
    struct repo_info info;
    CHECK_OK(repo_open_or_create(w.reg, &key, &repo, &err));
    repo_unref(repo);
    CHECK_OK(repo_describe(w.reg, &key, &info, &err));
    CHECK_EQ_INT(info.mutability, REPO_IMMUTABLE);
    repo_info_done(&info);
}

struct race {
    struct world *w;
    atomic_bool over;
    atomic_bool torn;
};

/* Opens and closes the repository all the time: its object comes and goes. */
static void *look(void *ctx)
{
    struct race *race = ctx;
    struct repo_key key = world_key("raced");
    while (!atomic_load(&race->over)) {
        struct sw_err err = SW_ERR_INIT;
        struct repo *repo = NULL;
        if (repo_open(race->w->reg, &key, &repo, &err) == 0) {
            policy_autodoc struct policy_document *d = repo_policy(repo);
            const char *sid = sid_of(d);
            if (!sw_streq(sid, "none") && !sw_streq(sid, "PutImage") &&
                !sw_streq(sid, "ListImages"))
                atomic_store(&race->torn, true);
        }
        repo_unref(repo);
        registry_reset_memory(race->w->reg);
    }
    return NULL;
}

/* After a change was acknowledged nobody opens the repository with older rules. */
TEST(no_open_meets_older_rules_than_were_acknowledged)
{
    autoworld w = {0};
    struct race race = {.w = &w};
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("raced");
    pthread_t threads[2];
    world_open(&w);
    world_repo(&w, "raced");
    for (int i = 0; i < 2; i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, look, &race), 0);
    for (int i = 0; i < 60; i++) {
        char *old = NULL;
        struct repo *repo = NULL;
        CHECK_OK(repo_set_policy(w.reg, &key, i % 2 ? ALLOW("PutImage") : ALLOW("ListImages"), &old,
                                 &err));
        free(old);
        for (int k = 0; k < 5; k++) {
            CHECK_OK(repo_open(w.reg, &key, &repo, &err));
            check_policy(repo, i % 2 ? "PutImage" : "ListImages");
            repo_unref(repo);
        }
    }
    atomic_store(&race.over, true);
    for (int i = 0; i < 2; i++)
        CHECK_EQ_INT(pthread_join(threads[i], NULL), 0);
    CHECK(!race.torn);
}
