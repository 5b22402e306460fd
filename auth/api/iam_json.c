/* SPDX-License-Identifier: Apache-2.0 */
/* auth/api/iam_json.c - objects of the directory as IAM's structures. Lists of objects leave out what AWS leaves out of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/api/iam_internal.h"
#include "auth/strmap.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/macros.h"

void iam_set_document(json_t *out, const char *member, const char *text)
{
    struct sw_buf encoded = SW_BUF_INIT(3 * strlen(text) + 1);

    (void)sw_buf_add_uri(&encoded, sw_str(text), false);
    sw_autofree char *s = sw_buf_take(&encoded);
    sw_json_set_str(out, member, s);
}

void iam_version_id(int64_t number, char ret[24])
{
    (void)snprintf(ret, 24, "v%" PRId64, number);
}

json_t *iam_tags_json(const struct iam_entity *e)
{
    json_t *tags = json_array();

    for (size_t i = 0; i < e->tags_n; i++) {
        json_t *t = json_object();
        sw_json_set_str(t, "Key", e->tags[i].key);
        sw_json_set_str(t, "Value", e->tags[i].value);
        json_array_append_new(tags, t);
    }
    return tags;
}

static json_t *boundary_json(const struct iam_entity *e)
{
    json_t *b = json_object();

    sw_json_set_str(b, "PermissionsBoundaryType", "PermissionsBoundaryPolicy");
    sw_json_set_str(b, "PermissionsBoundaryArn", e->boundary);
    return b;
}

static json_t *common(const struct iam_entity *e, const char *name_member, const char *id_member)
{
    json_t *o = json_object();

    sw_json_set_str(o, "Path", e->path);
    sw_json_set_str(o, name_member, e->name);
    sw_json_set_str(o, id_member, e->id);
    sw_json_set_str(o, "Arn", e->arn);
    sw_json_set_time_us(o, "CreateDate", e->created_at_us);
    return o;
}

static void add_rest(json_t *o, const struct iam_entity *e)
{
    if (e->boundary)
        sw_json_set_new(o, "PermissionsBoundary", boundary_json(e));
    if (e->tags_n)
        sw_json_set_new(o, "Tags", iam_tags_json(e));
}

json_t *iam_user_json(const struct iam_entity *e, bool whole)
{
    json_t *o = common(e, "UserName", "UserId");

    if (whole)
        add_rest(o, e);
    return o;
}

json_t *iam_group_json(const struct iam_entity *e)
{
    return common(e, "GroupName", "GroupId");
}

json_t *iam_role_json(const struct iam_entity *e, bool whole)
{
    json_t *o = common(e, "RoleName", "RoleId");

    iam_set_document(o, "AssumeRolePolicyDocument", e->trust);
    sw_json_set_str(o, "Description", e->description);
    sw_json_set_int(o, "MaxSessionDuration", e->max_session_s);
    if (!whole)
        return o;
    add_rest(o, e);
    json_t *used = json_object();
    if (e->last_used_us) {
        sw_json_set_time_us(used, "LastUsedDate", e->last_used_us);
        sw_json_set_str(used, "Region", e->last_used_region);
    }
    sw_json_set_new(o, "RoleLastUsed", used);
    return o;
}

json_t *iam_profile_json(struct identity *d, const struct iam_entity *e, bool whole)
{
    json_t *o = common(e, "InstanceProfileName", "InstanceProfileId"), *roles = json_array();

    for (size_t i = 0; i < e->roles.n; i++) {
        const struct iam_entity *r = directory_by_id(d, e->roles.v[i]);
        if (r)
            json_array_append_new(roles, iam_role_json(r, false));
    }
    sw_json_set_new(o, "Roles", roles);
    if (whole && e->tags_n)
        sw_json_set_new(o, "Tags", iam_tags_json(e));
    return o;
}

json_t *iam_attached_json(struct identity *d, const struct iam_entity *e)
{
    json_t *list = json_array();

    for (size_t i = 0; i < e->policies.n; i++) {
        const struct iam_entity *p = directory_by_arn(d, e->policies.v[i]);
        if (!p)
            continue;
        json_t *o = json_object();
        sw_json_set_str(o, "PolicyName", p->name);
        sw_json_set_str(o, "PolicyArn", p->arn);
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- how often policies are attached ---- */

struct count {
    int64_t attached, boundaries;
};

struct iam_counts {
    struct strmap m;
};

static struct count *count_of(struct iam_counts *c, const char *arn)
{
    struct count *n = strmap_get(&c->m, arn);

    if (!n) {
        n = SW_NEW(struct count);
        strmap_put(&c->m, arn, n);
    }
    return n;
}

static void count_entity(void *ctx, const struct iam_entity *e)
{
    for (size_t i = 0; i < e->policies.n; i++)
        count_of(ctx, e->policies.v[i])->attached++;
    if (e->boundary)
        count_of(ctx, e->boundary)->boundaries++;
}

struct iam_counts *iam_counts_new(struct identity *d, const char *account)
{
    struct iam_counts *c = SW_NEW(struct iam_counts);

    directory_each(d, IAM_USER, account, count_entity, c);
    directory_each(d, IAM_GROUP, account, count_entity, c);
    directory_each(d, IAM_ROLE, account, count_entity, c);
    return c;
}

static void free_count(void *ctx SW_UNUSED, void *value)
{
    free(value);
}

void iam_counts_free(struct iam_counts *c)
{
    strmap_each(&c->m, free_count, NULL);
    strmap_done(&c->m);
    free(c);
}

int64_t iam_count_attached(const struct iam_counts *c, const char *arn)
{
    const struct count *n = strmap_get(&c->m, arn);
    return n ? n->attached : 0;
}

int64_t iam_count_boundaries(const struct iam_counts *c, const char *arn)
{
    const struct count *n = strmap_get(&c->m, arn);
    return n ? n->boundaries : 0;
}

json_t *iam_policy_json(const struct iam_counts *c, const struct iam_entity *e, bool whole)
{
    json_t *o = common(e, "PolicyName", "PolicyId");
    char version[24];

    iam_version_id(e->default_version, version);
    sw_json_set_str(o, "DefaultVersionId", version);
    sw_json_set_int(o, "AttachmentCount", iam_count_attached(c, e->arn));
    sw_json_set_int(o, "PermissionsBoundaryUsageCount", iam_count_boundaries(c, e->arn));
    sw_json_set_bool(o, "IsAttachable", true);
    sw_json_set_time_us(o, "UpdateDate", e->changed_at_us);
    if (!whole)
        return o;
    sw_json_set_str(o, "Description", e->description);
    if (e->tags_n)
        sw_json_set_new(o, "Tags", iam_tags_json(e));
    return o;
}
