/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/principal_retire.h"

#include <string.h>

#include "base/json.h"
#include "registry/core/creation_template.h"
#include "registry/core/registry_setting.h"
#include "tests/unit/registry/world.h"

#define ANN "arn:aws:iam::" ACCOUNT ":user/ann"
#define BOB "arn:aws:iam::" ACCOUNT ":user/bob"
#define ID  "AIDAAAAAAAAAAAAAAAAAA"
#define ALLOWS(who)                                                                    \
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{" \
    "\"AWS\":\"" who "\"},\"Action\":\"ecr:BatchGetImage\"}]}"

static void first(void *ctx, enum policy_principal_kind kind, const char *value,
                  struct policy_position where)
{
    char **ret = ctx;
    (void)kind, (void)where;
    if (!*ret)
        *ret = sw_strdup(value);
}

static void check_names(struct policy_document *d, const char *who)
{
    sw_autofree char *value = NULL;
    CHECK_NOT_NULL(d);
    policy_document_principals(d, first, &value);
    CHECK_EQ_STR(value, who);
}

static void put(struct world *w, const char *name, const char *policy)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    char *old = NULL;
    world_repo(w, name);
    CHECK_OK(repo_set_policy(w->reg, &key, policy, &old, &err));
}

static void check_repository(struct world *w, const char *name, const char *who)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    struct repo *repo = NULL;
    CHECK_OK(repo_open(w->reg, &key, &repo, &err));
    policy_autodoc struct policy_document *d = repo_policy(repo);
    check_names(d, who);
    repo_unref(repo);
}

TEST(every_kept_policy_names_the_id)
{
    autoworld w = {0};
    struct sw_err err = SW_ERR_INIT;
    struct registry_key key = {ACCOUNT, REGION};
    struct creation_template t = {0};
    sw_autojson json_t *document = json_object();
    char *old = NULL;
    world_open(&w);
    world_repo(&w, "none");
    put(&w, "of-ann", ALLOWS(ANN));
    put(&w, "of-bob", ALLOWS(BOB));
    CHECK_OK(registry_policy_set(w.reg, &key, ALLOWS(ANN), &old, &err));
    sw_json_set_str(document, "repositoryPolicy", ALLOWS(ANN));
    sw_json_set_str(document, "description", "stays");
    CHECK_OK(creation_template_create(w.reg, &key, "team", document, &t, &err));
    creation_template_done(&t);
    check_repository(&w, "of-ann", ANN);
    CHECK_OK(registry_retire_principal(w.reg, ANN, ID, &err));
    for (int round = 0; round < 2; round++) {
        check_repository(&w, "of-ann", ID);
        check_repository(&w, "of-bob", BOB);
        policy_autodoc struct policy_document *d = registry_policy(w.reg, &key);
        check_names(d, ID);
        CHECK_OK(creation_template_get(w.reg, &key, "team", &t, &err));
        CHECK_CONTAINS(sw_json_str(t.document, "repositoryPolicy", ""), ID);
        CHECK_NULL(strstr(sw_json_str(t.document, "repositoryPolicy", ""), ANN));
        CHECK_EQ_STR(sw_json_str(t.document, "description", ""), "stays");
        creation_template_done(&t);
        world_stop(&w);
        world_open(&w);
    }
}
