/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_repo.c - slipway repo create|set|list|delete, through the ECR operations and, for what ECR does not have, our own. */
#include <stdio.h>

#include "base/json.h"
#include "server/cli.h"
#include "server/registry_admin.h"

struct options {
    struct cli_common common;
    bool force, is_public, is_private;
    char *immutable_tags;
};

static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"force", CONF_BOOL, offsetof(struct options, force), "false", 0, 0, NULL,
     "delete: also when it holds images"},
    {"public", CONF_BOOL, offsetof(struct options, is_public), "false", 0, 0, NULL,
     "create, set: anyone may pull, without credentials too"},
    {"private", CONF_BOOL, offsetof(struct options, is_private), "false", 0, 0, NULL,
     "set: no longer"},
    {"immutable_tags", CONF_STRING, offsetof(struct options, immutable_tags), NULL, 0, 0, NULL,
     "create, set: tags that cannot be moved, as PATTERN,PATTERN with *; none: all can"},
};
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static int set_public(struct client *c, const char *name, bool is_public, struct sw_err *err)
{
    sw_autojson json_t *in =
        json_pack("{s:s, s:b}", "RepositoryName", name, "Public", (int)is_public);
    return client_call(c, TARGET_REGISTRY_ADMIN ".SetRepositoryPublic", in, 0, NULL, err);
}

/* Tags may be moved, with the exclusion of those. */
static void add_mutability(json_t *in, const char *patterns)
{
    struct sw_str rest = sw_str(patterns), one;
    json_t *filters = json_array();
    bool none = sw_streq(patterns, "none");
    sw_json_set_str(in, "imageTagMutability", none ? "MUTABLE" : "MUTABLE_WITH_EXCLUSION");
    while (!none && sw_str_split(&rest, ',', &one)) {
        json_t *filter = json_object();
        sw_json_set_str(filter, "filterType", "WILDCARD");
        sw_json_set_new(filter, "filter", json_stringn(one.p, one.n));
        (void)json_array_append_new(filters, filter);
    }
    if (json_array_size(filters) > 0)
        sw_json_set_new(in, "imageTagMutabilityExclusionFilters", filters);
    else
        json_decref(filters);
}

static int set(struct client *c, const char *name, const struct options *o, struct sw_err *err)
{
    int r = o->is_public != o->is_private ? set_public(c, name, o->is_public, err) : 0;
    if (r < 0 || !o->immutable_tags)
        return r;
    sw_autojson json_t *in = json_pack("{s:s}", "repositoryName", name);
    add_mutability(in, o->immutable_tags);
    return client_call(c, TARGET_ECR ".PutImageTagMutability", in, 0, NULL, err);
}

static int create(struct client *c, const char *name, const struct options *o, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "repositoryName", name), *out = NULL;
    if (o->immutable_tags)
        add_mutability(in, o->immutable_tags);
    int r = client_call(c, TARGET_ECR ".CreateRepository", in, 0, &out, err);
    if (r == 0 && o->is_public)
        r = set_public(c, name, true, err);
    if (r == 0)
        printf("%s\n", sw_json_str(sw_json_object(out, "repository"), "repositoryUri", name));
    return r;
}

static int delete (struct client *c, const char *name, bool force, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s, s:b}", "repositoryName", name, "force", (int)force);
    return client_call(c, TARGET_ECR ".DeleteRepository", in, 0, NULL, err);
}

static int list(struct client *c, struct sw_err *err)
{
    sw_autojson json_t *in = json_object();
    for (;;) {
        sw_autojson json_t *out = NULL;
        int r = client_call(c, TARGET_ECR ".DescribeRepositories", in, 0, &out, err);
        if (r < 0)
            return r;
        size_t i;
        json_t *repository;
        json_array_foreach(sw_json_array(out, "repositories"), i, repository)
            printf("%s\n", sw_json_str(repository, "repositoryUri", ""));
        const char *next = sw_json_str(out, "nextToken", NULL);
        if (!next)
            return 0;
        sw_json_set_str(in, "nextToken", next);
    }
}

static int run_verb(struct client *c, const void *target, int argc, char **argv, struct sw_err *err)
{
    const struct options *o = target;
    if (sw_streq(argv[1], "create") && argc == 3)
        return create(c, argv[2], o, err);
    if (sw_streq(argv[1], "set") && argc == 3 && !(o->is_public && o->is_private) &&
        (o->is_public || o->is_private || o->immutable_tags))
        return set(c, argv[2], o, err);
    if (sw_streq(argv[1], "delete") && argc == 3)
        return delete (c, argv[2], o->force, err);
    return sw_streq(argv[1], "list") && argc == 2 ? list(c, err) : CLI_USAGE;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    return cli_run_verb(&cli_repo, argc, argv, &o, run_verb);
}

const struct cli_command cli_repo = {
    .name = "repo",
    .arguments = "create NAME [--public] [--immutable-tags 'v*'] | set NAME [--public|--private] "
                 "[--immutable-tags 'v*'] | list | delete NAME [--force]",
    .summary = "Make, list, publish and delete repositories",
    .example = "slipway repo create team/app",
    .flags = &flags,
    .run = run,
};
