/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_link.c - who belongs to what: groups of users, roles of instance profiles, permissions boundaries; and the one
 * service-linked role that there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/macros.h"

/* ---- groups ---- */

/* The resource is the group, as in IAM. */
static int join(struct aws_call *call, bool in_group, struct sw_err *err)
{
    struct iam_target t;
    int r = iam_target_named(call, IAM_GROUP, iam_in(call, "GroupName"), NULL, &t, err);

    return r < 0 ? r
                 : directory_join(iam_directory(call), t.account, iam_in(call, "UserName"), t.name,
                                  in_group, err);
}

IAM_HANDLER(join_group)
{
    (void)in;
    (void)out;
    return join(call, true, err);
}

IAM_HANDLER(leave_group)
{
    (void)in;
    (void)out;
    return join(call, false, err);
}

struct of_user {
    const struct iam_words *ids;
    struct iam_page *page;
};

static void add_group(void *ctx, const struct iam_entity *e)
{
    struct of_user *u = ctx;

    if (iam_words_has(u->ids, e->id) && iam_page_takes(u->page, e->name))
        json_array_append_new(u->page->items, iam_group_json(e));
}

IAM_HANDLER(list_groups_for_user)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    struct of_user u = {&e->groups, &page};
    directory_each(iam_directory(call), IAM_GROUP, t.account, add_group, &u);
    iam_close(call);
    iam_page_end(&page, out, "Groups");
    return 0;
}

/* ---- instance profiles ---- */

/* Putting a role on machines hands it to whoever runs things there, so it needs iam:PassRole. */
IAM_HANDLER(add_role_to_profile)
{
    const char *role = iam_in(call, "RoleName");
    struct identity *d = iam_directory(call);
    struct iam_target t;
    int r = iam_target_named(call, IAM_PROFILE, iam_in(call, "InstanceProfileName"), NULL, &t, err);

    (void)in;
    (void)out;
    if (r < 0)
        return r;
    directory_lock(d);
    const struct iam_entity *e = directory_find(d, IAM_ROLE, t.account, role);
    sw_autofree char *arn =
        e ? sw_strdup(e->arn) : sw_asprintf("arn:aws:iam::%s:role/%s", t.account, role);
    directory_unlock(d);
    r = iam_may(call, "iam:PassRole", arn, err);
    return r < 0 ? r : directory_profile_role(d, t.account, t.name, role, true, err);
}

IAM_HANDLER(remove_role_from_profile)
{
    struct iam_target t;
    int r = iam_target_named(call, IAM_PROFILE, iam_in(call, "InstanceProfileName"), NULL, &t, err);

    (void)in;
    (void)out;
    return r < 0 ? r
                 : directory_profile_role(iam_directory(call), t.account, t.name,
                                          iam_in(call, "RoleName"), false, err);
}

struct of_role {
    struct identity *d;
    const char *role_id;
    struct iam_page *page;
};

static void add_profile(void *ctx, const struct iam_entity *e)
{
    struct of_role *o = ctx;

    if (iam_words_has(&e->roles, o->role_id) && iam_page_takes(o->page, e->name))
        json_array_append_new(o->page->items, iam_profile_json(o->d, e, false));
}

IAM_HANDLER(list_profiles_for_role)
{
    const struct iam_entity *e;
    struct iam_target t;
    struct iam_page page;
    int r = iam_open_page(call, &t, &page, &e, err);

    (void)in;
    if (r < 0)
        return r;
    struct of_role o = {iam_directory(call), e->id, &page};
    directory_each(o.d, IAM_PROFILE, t.account, add_profile, &o);
    iam_close(call);
    iam_page_end(&page, out, "InstanceProfiles");
    return 0;
}

/* ---- boundaries ---- */

static int set_boundary(struct aws_call *call, const char *arn, struct sw_err *err)
{
    struct iam_target t;
    int r = iam_target(call, &t, err);

    return r < 0 ? r
                 : directory_set_boundary(iam_directory(call), t.kind, t.account, t.name, arn, err);
}

IAM_HANDLER(put_boundary)
{
    (void)in;
    (void)out;
    return set_boundary(call, iam_in(call, "PermissionsBoundary"), err);
}

IAM_HANDLER(delete_boundary)
{
    (void)in;
    (void)out;
    return set_boundary(call, NULL, err);
}

/* ---- service-linked roles ---- */

static const struct linked {
    const char *service, *name, *policy, *description;
} linked_roles[] = {
    {"ecs.amazonaws.com", "AWSServiceRoleForECS",
     "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy",
     "Policy to enable Amazon ECS to manage your cluster."},
};

static const struct linked *find_linked(const char *service)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(linked_roles); i++)
        if (sw_streq(service, linked_roles[i].service))
            return &linked_roles[i];
    return NULL;
}

static int make_linked(struct aws_call *call, const struct linked *l, const char *path,
                       struct sw_err *err)
{
    sw_autofree char *trust = sw_asprintf(
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":"
        "{\"Service\":\"%s\"},\"Action\":\"sts:AssumeRole\"}]}",
        l->service);
    const char *description = iam_in(call, "Description");
    struct directory_new n = {.kind = IAM_ROLE,
                              .account = call->principal.account,
                              .name = l->name,
                              .path = path,
                              .description = description ? description : l->description,
                              .document = trust};
    char id[IAM_ID_MAX];
    int r = directory_create(iam_directory(call), &n, id, err);

    if (r == SW_ECONFLICT) {
        sw_err_clear(err);
        return sw_fail(err, SW_EINVALID, "InvalidInput",
                       "Service role name %s has been taken in this account, please try a "
                       "different suffix.",
                       l->name);
    }
    return r < 0 ? r
                 : directory_attach(iam_directory(call), IAM_ROLE, n.account, l->name, l->policy,
                                    err);
}

IAM_HANDLER(create_service_linked_role)
{
    const char *service = iam_in(call, "AWSServiceName");
    const struct linked *l = find_linked(service);
    const struct iam_entity *e;
    struct iam_target t;
    sw_autofree char *path = sw_asprintf("/aws-service-role/%.128s/", service);
    int r = iam_target_named(call, IAM_ROLE, l ? l->name : "AWSServiceRole", path, &t, err);

    (void)in;
    if (r < 0)
        return r;
    if (!l)
        return sw_fail(
            err, SW_EINVALID, "InvalidInput",
            "Service role for %.128s cannot be created here: of the services with such a "
            "role there is ecs.amazonaws.com.",
            service);
    if (iam_in(call, "CustomSuffix"))
        return sw_fail(err, SW_EINVALID, "InvalidInput", "Custom suffix is not allowed for %s",
                       service);
    r = make_linked(call, l, path, err);
    if (r == 0)
        r = iam_open(call, &t, &e, err);
    if (r < 0)
        return r;
    sw_json_set_new(out, "Role", iam_role_json(e, true));
    iam_close(call);
    return 0;
}

/* The task is over when the call returns; its id says so. */
IAM_HANDLER(delete_service_linked_role)
{
    struct identity *d = iam_directory(call);
    const struct iam_entity *e;
    struct iam_target t;
    char uuid[37];
    int r = iam_open_target(call, &t, &e, err);

    (void)in;
    if (r < 0)
        return r;
    sw_autofree char *path = sw_strdup(e->path);
    iam_close(call);
    const struct linked *l = NULL;
    for (size_t i = 0; i < SW_ARRAY_LEN(linked_roles); i++)
        if (sw_streq(linked_roles[i].name, t.name))
            l = &linked_roles[i];
    if (!l || strncmp(path, "/aws-service-role/", 18) != 0)
        return sw_fail(err, SW_EINVALID, "InvalidInput", "%s is not a service-linked role.",
                       t.name);
    r = directory_detach(d, IAM_ROLE, t.account, t.name, l->policy, err);
    if (r == 0)
        r = directory_delete(d, IAM_ROLE, t.account, t.name, err);
    if (r < 0)
        return r;
    sw_uuid(uuid);
    sw_autofree char *id = sw_asprintf("task%s%s/%s", path, t.name, uuid);
    sw_json_set_str(out, "DeletionTaskId", id);
    return 0;
}

IAM_HANDLER(get_service_linked_role_deletion_status)
{
    const char *task = iam_in(call, "DeletionTaskId");
    int r = iam_may(call, NULL, "*", err);

    (void)in;
    if (r < 0)
        return r;
    if (strncmp(task, "task/aws-service-role/", 22) != 0)
        return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The deletion task %s cannot be found.",
                       task);
    sw_json_set_str(out, "Status", "SUCCEEDED");
    return 0;
}
