/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_entity.c - creating, reading, changing, listing and deleting objects, and their tags. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "auth/robot.h"
#include "base/alloc.h"
#include "base/macros.h"

/* ---- creating ---- */

/* Members that several kinds have; `id` is of the new object. */
static int create(struct aws_call *call, struct directory_new *n, char id[IAM_ID_MAX],
                  struct sw_err *err)
{
    struct iam_target t;
    int r = iam_target_named(call, n->kind, n->name, n->path, &t, err);

    if (r < 0)
        return r;
    n->account = call->principal.account;
    n->boundary = iam_in(call, "PermissionsBoundary");
    struct iam_tag *tags = iam_tags_in(call, &n->tags_n);
    n->tags = tags;
    r = directory_create(iam_directory(call), n, id, err);
    free(tags);
    return r;
}

/* Somebody may delete it at once: then the answer tells what is known. */
static int answer_created(struct aws_call *call, const char *id, json_t *out, struct sw_err *err)
{
    struct identity *d = iam_directory(call);

    directory_lock(d);
    const struct iam_entity *e = directory_by_id(d, id);
    struct iam_counts *counts =
        e && e->kind == IAM_POLICY ? iam_counts_new(d, call->principal.account) : NULL;
    if (e && e->kind == IAM_USER)
        sw_json_set_new(out, "User", iam_user_json(e, true));
    else if (e && e->kind == IAM_GROUP)
        sw_json_set_new(out, "Group", iam_group_json(e));
    else if (e && e->kind == IAM_ROLE)
        sw_json_set_new(out, "Role", iam_role_json(e, true));
    else if (e && e->kind == IAM_PROFILE)
        sw_json_set_new(out, "InstanceProfile", iam_profile_json(d, e, true));
    else if (counts)
        sw_json_set_new(out, "Policy", iam_policy_json(counts, e, true));
    if (counts)
        iam_counts_free(counts);
    directory_unlock(d);
    return e ? 0
             : sw_fail(err, SW_ECONFLICT, "ConcurrentModification",
                       "The object was deleted while it was created.");
}

static int create_and_answer(struct aws_call *call, struct directory_new *n, json_t *out,
                             struct sw_err *err)
{
    char id[IAM_ID_MAX];
    int r = create(call, n, id, err);

    return r < 0 ? r : answer_created(call, id, out, err);
}

IAM_HANDLER(create_user)
{
    struct directory_new n = {
        .kind = IAM_USER, .name = iam_in(call, "UserName"), .path = iam_in(call, "Path")};

    (void)in;
    return create_and_answer(call, &n, out, err);
}

IAM_HANDLER(create_group)
{
    struct directory_new n = {
        .kind = IAM_GROUP, .name = iam_in(call, "GroupName"), .path = iam_in(call, "Path")};

    (void)in;
    return create_and_answer(call, &n, out, err);
}

IAM_HANDLER(create_role)
{
    struct directory_new n = {.kind = IAM_ROLE,
                              .name = iam_in(call, "RoleName"),
                              .path = iam_in(call, "Path"),
                              .description = iam_in(call, "Description"),
                              .document = iam_in(call, "AssumeRolePolicyDocument"),
                              .max_session_s = sw_json_int(call->input, "MaxSessionDuration", 0)};

    (void)in;
    return create_and_answer(call, &n, out, err);
}

IAM_HANDLER(create_policy)
{
    struct directory_new n = {.kind = IAM_POLICY,
                              .name = iam_in(call, "PolicyName"),
                              .path = iam_in(call, "Path"),
                              .description = iam_in(call, "Description"),
                              .document = iam_in(call, "PolicyDocument")};

    (void)in;
    return create_and_answer(call, &n, out, err);
}

IAM_HANDLER(create_instance_profile)
{
    struct directory_new n = {.kind = IAM_PROFILE,
                              .name = iam_in(call, "InstanceProfileName"),
                              .path = iam_in(call, "Path")};

    (void)in;
    return create_and_answer(call, &n, out, err);
}

/* ---- reading ---- */

IAM_HANDLER(get)
{
    const struct iam_entity *e;
    struct iam_target t;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    if (r < 0)
        return r;
    char id[IAM_ID_MAX];
    memcpy(id, e->id, sizeof(id));
    iam_close(call);
    return answer_created(call, id, out, err);
}

struct members {
    const char *group_id;
    struct iam_page *page;
};

static void add_member(void *ctx, const struct iam_entity *e)
{
    struct members *m = ctx;

    if (iam_words_has(&e->groups, m->group_id) && iam_page_takes(m->page, e->name))
        json_array_append_new(m->page->items, iam_user_json(e, false));
}

IAM_HANDLER(get_group)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    struct members m = {e->id, &page};
    sw_json_set_new(out, "Group", iam_group_json(e));
    directory_each(iam_directory(call), IAM_USER, t.account, add_member, &m);
    iam_close(call);
    iam_page_end(&page, out, "Users");
    return 0;
}

/* ---- deleting ---- */

IAM_HANDLER(delete)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    if (r < 0)
        return r;
    if (t.kind == IAM_POLICY || t.kind == IAM_PROVIDER) {
        const struct iam_entity *e; /* the ARN's path has to be right */
        r = iam_open(call, &t, &e, err);
        if (r < 0)
            return r == SW_ENOTFOUND && t.kind == IAM_PROVIDER ? (sw_err_clear(err), 0) : r;
        iam_close(call);
    }
    return directory_delete(iam_directory(call), t.kind, t.account, t.name, err);
}

/* ---- lists ---- */

struct listing {
    struct identity *d;
    struct iam_page page;
    const char *prefix;
    enum iam_kind kind;
    const char *account;
    struct iam_counts *counts; /* policies */
    const char *scope, *usage;
    bool only_attached;
};

static bool policy_wanted(const struct listing *l, const struct iam_entity *e)
{
    bool aws = sw_streq(e->account, IAM_AWS_ACCOUNT);
    int64_t attached = iam_count_attached(l->counts, e->arn),
            boundaries = iam_count_boundaries(l->counts, e->arn);

    if (!aws && !sw_streq(e->account, l->account))
        return false;
    if ((sw_streq(l->scope, "Local") && aws) || (sw_streq(l->scope, "AWS") && !aws))
        return false;
    if (sw_streq(l->usage, "PermissionsPolicy") && attached == 0)
        return false;
    if (sw_streq(l->usage, "PermissionsBoundary") && boundaries == 0)
        return false;
    return !l->only_attached || attached > 0;
}

static void add_listed(void *ctx, const struct iam_entity *e)
{
    struct listing *l = ctx;
    char key[256];

    if (l->prefix && strncmp(e->path, l->prefix, strlen(l->prefix)) != 0)
        return;
    if (l->counts && !policy_wanted(l, e))
        return;
    (void)snprintf(key, sizeof(key), "%s %s", e->name, e->id);
    if (!iam_page_takes(&l->page, key))
        return;
    json_array_append_new(l->page.items, e->kind == IAM_USER    ? iam_user_json(e, false)
                                         : e->kind == IAM_GROUP ? iam_group_json(e)
                                         : e->kind == IAM_ROLE  ? iam_role_json(e, false)
                                         : e->kind == IAM_PROFILE
                                             ? iam_profile_json(l->d, e, false)
                                             : iam_policy_json(l->counts, e, false));
}

static int list(struct aws_call *call, enum iam_kind kind, json_t *out, const char *member,
                struct sw_err *err)
{
    struct listing l = {.d = iam_directory(call),
                        .prefix = iam_in(call, "PathPrefix"),
                        .kind = kind,
                        .account = call->principal.account,
                        .scope = iam_in(call, "Scope"),
                        .usage = iam_in(call, "PolicyUsageFilter"),
                        .only_attached = sw_json_bool(call->input, "OnlyAttached", false)};
    int r = iam_may_list(call, kind, err);

    if (r == 0)
        r = iam_page_begin(call, &l.page, err);
    if (r < 0)
        return r;
    directory_lock(l.d);
    if (kind == IAM_POLICY)
        l.counts = iam_counts_new(l.d, l.account);
    directory_each(l.d, kind, kind == IAM_POLICY ? NULL : l.account, add_listed, &l);
    directory_unlock(l.d);
    if (l.counts)
        iam_counts_free(l.counts);
    iam_page_end(&l.page, out, member);
    return 0;
}

IAM_HANDLER(list_users)
{
    (void)in;
    return list(call, IAM_USER, out, "Users", err);
}

IAM_HANDLER(list_groups)
{
    (void)in;
    return list(call, IAM_GROUP, out, "Groups", err);
}

IAM_HANDLER(list_roles)
{
    (void)in;
    return list(call, IAM_ROLE, out, "Roles", err);
}

IAM_HANDLER(list_policies)
{
    (void)in;
    return list(call, IAM_POLICY, out, "Policies", err);
}

IAM_HANDLER(list_instance_profiles)
{
    (void)in;
    return list(call, IAM_PROFILE, out, "InstanceProfiles", err);
}

/* ---- changing ---- */

static int change(struct aws_call *call, const struct directory_update *u, struct iam_target *t,
                  struct sw_err *err)
{
    int r = iam_target(call, t, err);

    return r < 0 ? r : directory_change(iam_directory(call), t->kind, t->account, t->name, u, err);
}

/* What the object is called afterwards. */
static int may_become(struct aws_call *call, const struct iam_target *t,
                      const struct directory_update *u, struct sw_err *err)
{
    const char *first = strchr(t->arn, '/'), *last = strrchr(t->arn, '/');
    sw_autofree char *arn =
        sw_asprintf("arn:aws:iam::%s:%s%.*s%s", t->account, iam_kind_to_string(t->kind),
                    u->path ? (int)strlen(u->path) : (int)(last - first) + 1,
                    u->path ? u->path : first, u->name ? u->name : t->name);

    return iam_may(call, NULL, arn, err);
}

/* A robot's password is kept under its name: who is renamed would no longer be told from who has the name next. */
static int check_no_robot(struct aws_call *call, const struct iam_target *t, struct sw_err *err)
{
    const struct iam_entity *e;
    int r = iam_open(call, t, &e, err);

    if (r < 0)
        return r;
    bool robot = e->kind == IAM_USER && sw_streq(e->path, ROBOT_PATH);
    iam_close(call);
    return !robot ? 0
                  : sw_fail(err, SW_ECONFLICT, "UnmodifiableEntity",
                            "The user %s is a robot, which keeps its name and path.", t->name);
}

/* Who renames or moves needs the permission for both ARNs. */
IAM_HANDLER(update_entity)
{
    struct directory_update u = {.path = iam_in(call, "NewPath")};
    struct iam_target t;
    int r = iam_target(call, &t, err);

    (void)in;
    (void)out;
    u.name = iam_in(call, t.kind == IAM_USER ? "NewUserName" : "NewGroupName");
    if (r == 0 && (u.name || u.path))
        r = may_become(call, &t, &u, err);
    if (r == 0 && (u.name || u.path))
        r = check_no_robot(call, &t, err);
    return r < 0 ? r : directory_change(iam_directory(call), t.kind, t.account, t.name, &u, err);
}

IAM_HANDLER(update_role)
{
    struct directory_update u = {.description = iam_in(call, "Description"),
                                 .max_session_s =
                                     sw_json_int(call->input, "MaxSessionDuration", 0)};
    struct iam_target t;

    (void)in;
    (void)out;
    return change(call, &u, &t, err);
}

IAM_HANDLER(update_role_description)
{
    struct directory_update u = {.description = iam_in(call, "Description")};
    const struct iam_entity *e;
    struct iam_target t;
    int r = change(call, &u, &t, err);

    (void)in;
    if (r == 0)
        r = iam_open(call, &t, &e, err);
    if (r < 0)
        return r;
    sw_json_set_new(out, "Role", iam_role_json(e, true));
    iam_close(call);
    return 0;
}

IAM_HANDLER(update_assume_role_policy)
{
    struct directory_update u = {.trust = iam_in(call, "PolicyDocument")};
    struct iam_target t;

    (void)in;
    (void)out;
    return change(call, &u, &t, err);
}

/* ---- tags ---- */

IAM_HANDLER(tag)
{
    const struct iam_entity *e;
    struct iam_target t;
    size_t n = 0;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    (void)out;
    if (r < 0)
        return r;
    iam_close(call);
    struct iam_tag *tags = iam_tags_in(call, &n);
    r = directory_tag(iam_directory(call), t.kind, t.account, t.name, tags, n, err);
    free(tags);
    return r;
}

IAM_HANDLER(untag)
{
    const struct iam_entity *e;
    struct iam_target t;
    size_t n = 0;
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    (void)out;
    if (r < 0)
        return r;
    iam_close(call);
    const char **keys = iam_words_in(call, "TagKeys", &n);
    r = directory_untag(iam_directory(call), t.kind, t.account, t.name, keys, n, err);
    free(keys);
    return r;
}

IAM_HANDLER(list_tags)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    for (size_t i = 0; i < e->tags_n; i++) {
        if (!iam_page_takes(&page, e->tags[i].key))
            continue;
        json_t *tag = json_object();
        sw_json_set_str(tag, "Key", e->tags[i].key);
        sw_json_set_str(tag, "Value", e->tags[i].value);
        json_array_append_new(page.items, tag);
    }
    iam_close(call);
    iam_page_end(&page, out, "Tags");
    return 0;
}
