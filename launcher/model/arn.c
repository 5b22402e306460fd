/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/arn.h"

#include <stdio.h>

#include "base/str.h"

static const char *const prefixes[ARN_KIND_MAX_] = {
    [ARN_CLUSTER] = "cluster/",
    [ARN_TASK] = "task/",
    [ARN_CONTAINER_INSTANCE] = "container-instance/",
    [ARN_TASK_DEFINITION] = "task-definition/",
    [ARN_SERVICE] = "service/",
    [ARN_SERVICE_DEPLOYMENT] = "service-deployment/",
    [ARN_SERVICE_REVISION] = "service-revision/",
    [ARN_TASK_SET] = "task-set/",
};

static bool name_valid(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.n >= 1 && s.n <= ARN_NAME_MAX;
}

bool arn_name_valid(const char *s)
{
    return s && name_valid(sw_str(s));
}

static bool copy_name(struct sw_str s, char out[ARN_NAME_MAX + 1])
{
    return name_valid(s) && sw_str_copy(s, out, ARN_NAME_MAX + 1);
}

static bool parse_family(struct sw_str s, struct arn *ret)
{
    struct sw_str rest = s, family;
    if (!sw_str_split(&rest, ':', &family) || !copy_name(family, ret->id))
        return false;
    return !rest.p || (!sw_str_starts_with(rest, "0") && sw_parse_i64(rest, &ret->revision) &&
                       ret->revision > 0);
}

/* ecs-svc/DIGITS, as a task set is called beside its ARN too. */
static bool copy_task_set(struct sw_str s, char out[ARN_NAME_MAX + 1])
{
    static const char prefix[] = "ecs-svc/";
    return sw_str_starts_with(s, prefix) && name_valid(sw_str_slice(s, strlen(prefix), s.n)) &&
           sw_str_copy(s, out, ARN_NAME_MAX + 1);
}

/* CLUSTER/SERVICE/ID, with ARNs only; a task set is known by its id alone too. */
static bool parse_of_service(struct sw_str s, struct arn *ret)
{
    struct sw_str rest = s, cluster, service;
    if (ret->kind == ARN_TASK_SET && copy_task_set(s, ret->id))
        return true;
    return sw_str_split(&rest, '/', &cluster) && rest.p && sw_str_split(&rest, '/', &service) &&
           rest.p && copy_name(cluster, ret->cluster) && copy_name(service, ret->service) &&
           (ret->kind == ARN_TASK_SET ? copy_task_set(rest, ret->id) : copy_name(rest, ret->id));
}

static bool parse_resource(struct sw_str s, struct arn *ret)
{
    struct sw_str rest = s, first;
    if (ret->kind == ARN_CLUSTER)
        return copy_name(s, ret->cluster);
    if (ret->kind == ARN_TASK_DEFINITION)
        return parse_family(s, ret);
    if (ret->kind == ARN_SERVICE_DEPLOYMENT || ret->kind == ARN_SERVICE_REVISION ||
        ret->kind == ARN_TASK_SET)
        return parse_of_service(s, ret);
    if (!sw_str_split(&rest, '/', &first))
        return false;
    if (!rest.p)
        return copy_name(first, ret->id);
    return copy_name(first, ret->cluster) && copy_name(rest, ret->id);
}

/* arn:aws:ecs:REGION:ACCOUNT:RESOURCE, and no other spelling of it: whoever may act is asked about the text as it was given. */
static bool parse_long(struct sw_str rest, struct arn *ret)
{
    struct sw_str part[5];
    for (size_t i = 0; i < 5; i++) {
        if (!sw_str_split(&rest, ':', &part[i]))
            return false;
    }
    if (!rest.p || !sw_str_eq_z(part[0], "arn") || !sw_str_eq_z(part[1], "aws") ||
        !sw_str_eq_z(part[2], "ecs") || part[3].n == 0 || part[4].n == 0 ||
        !sw_str_starts_with(rest, prefixes[ret->kind]))
        return false;
    if (!sw_str_copy(part[3], ret->region, sizeof ret->region) ||
        !sw_str_copy(part[4], ret->account, sizeof ret->account))
        return false;
    return parse_resource(sw_str_slice(rest, strlen(prefixes[ret->kind]), rest.n), ret) &&
           (ret->kind != ARN_TASK_SET || *ret->cluster);
}

bool arn_parse(const char *text, enum arn_kind kind, struct arn *ret)
{
    struct arn a = {.kind = kind};
    struct sw_str s = sw_str(text);
    if (!(sw_str_starts_with(s, "arn:") ? parse_long(s, &a) : parse_resource(s, &a)))
        return false;
    *ret = a;
    return true;
}

bool arn_is_local(const struct arn *a, const char *account, const char *region)
{
    return (!*a->account || sw_streq(a->account, account)) &&
           (!*a->region || sw_streq(a->region, region));
}

void arn_cluster(char out[ARN_MAX], const char *region, const char *account, const char *cluster)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:cluster/%s", region, account, cluster);
}

void arn_task(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
              const char *id)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:task/%s/%s", region, account, cluster, id);
}

void arn_container_instance(char out[ARN_MAX], const char *region, const char *account,
                            const char *cluster, const char *id)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:container-instance/%s/%s", region, account,
                   cluster, id);
}

void arn_task_definition(char out[ARN_MAX], const char *region, const char *account,
                         const char *family, int64_t revision)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:task-definition/%s:%lld", region, account,
                   family, (long long)revision);
}

void arn_service(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
                 const char *name)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:service/%s/%s", region, account, cluster, name);
}

void arn_of_service(char out[ARN_MAX], enum arn_kind kind, const char *region, const char *account,
                    const char *cluster, const char *service, const char *id)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:%s%s/%s/%s", region, account, prefixes[kind],
                   cluster, service, id);
}

void arn_container(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
                   const char *task_id, const char *uuid)
{
    (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:container/%s/%s/%s", region, account, cluster,
                   task_id, uuid);
}
