/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/logs.c - the service, names and rights. */
#include "launcher/api/logs_internal.h"
#include "launcher/api/logs_live.h"
#include "launcher/api/logs_seats.h"
#include "launcher/logs/log_queries.h"

#include <stdio.h>

#include "auth/policy_facts.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"

#define LONG_LOOKS 6 /* of the server's worker threads, at a time */

struct facts {
    struct aws_call *call;
    const char *group;
    json_t *tags; /* of the group, read when first asked for */
};

struct log_store *logs_store(const struct aws_call *call)
{
    const struct logs_api *a = call->service->ctx;
    return a->store;
}

struct log_scope logs_scope(const struct aws_call *call)
{
    return (struct log_scope){.account = call->principal.account, .region = call->region};
}

void logs_caller(const struct aws_call *call, char out[LOGS_CALLER_MAX])
{
    (void)snprintf(out, LOGS_CALLER_MAX, "%s/%s", call->principal.account, call->principal.user_id);
}

/* {"name": "value"} as the list that policy_facts knows. */
static json_t *tag_list(const json_t *map)
{
    const char *key;
    json_t *value, *list = json_array();
    json_object_foreach((json_t *)map, key, value)
        json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "value", value));
    return list;
}

static void request_tag(void *ctx, const char *rest, json_t *values)
{
    const struct facts *f = ctx;
    sw_autojson json_t *list = tag_list(sw_json_object(f->call->input, "tags"));
    policy_facts_add_tag(list, rest, values);
}

static void tag_keys(void *ctx, const char *rest SW_UNUSED, json_t *values)
{
    const struct facts *f = ctx;
    const json_t *v;
    size_t i;
    sw_autojson json_t *list = tag_list(sw_json_object(f->call->input, "tags"));
    const json_t *keys = sw_json_array(f->call->input, "tagKeys");
    policy_facts_add_tag_keys(list, values);
    json_array_foreach(keys ? keys : sw_json_array(f->call->input, "tags"), i, v)
        policy_facts_add(values, json_string_value(v));
}

static void resource_tag(void *ctx, const char *rest, json_t *values)
{
    struct facts *f = ctx;
    struct sw_err ignored = SW_ERR_INIT;
    struct log_scope c = logs_scope(f->call);
    struct log_group_row g = {.tags = NULL};
    if (!f->tags) {
        bool found =
            *f->group && log_store_get_group(logs_store(f->call), &c, f->group, &g, &ignored) == 0;
        f->tags = found ? tag_list(g.tags) : json_array();
        log_group_row_done(&g);
    }
    policy_facts_add_tag(f->tags, rest, values);
}

static const struct policy_fact table[] = {
    {"aws:RequestTag/", request_tag, false},
    {"aws:ResourceTag/", resource_tag, false},
    {"aws:TagKeys", tag_keys, true},
};

/* action NULL: the operation's own. */
static int ask(struct aws_call *call, const char *action, const char *group, const char *arn,
               struct sw_err *err)
{
    struct facts f = {.call = call, .group = group};
    struct policy_facts facts;
    policy_facts_init(&facts, table, SW_ARRAY_LEN(table), &f);
    call->context.more = policy_facts_key;
    call->context.more_ctx = &facts;
    int r = action ? aws_may_action(call, action, arn, err) : aws_may(call, arn, err);
    call->context.more = NULL;
    call->context.more_ctx = NULL;
    policy_facts_done(&facts);
    json_decref(f.tags);
    return r;
}

void logs_group_arn(const struct aws_call *call, const char *group, char out[LOGS_ARN_MAX])
{
    (void)snprintf(out, LOGS_ARN_MAX, "arn:aws:logs:%s:%s:log-group:%s", call->region,
                   call->principal.account, group);
}

static void stream_arn(const struct aws_call *call, const char *group, const char *stream,
                       char out[LOGS_ARN_MAX])
{
    logs_group_arn(call, group, out);
    const size_t n = strlen(out);
    (void)snprintf(out + n, LOGS_ARN_MAX - n, ":log-stream:%s", stream ? stream : "");
}

int logs_may(struct aws_call *call, const char *group, const char *stream, struct sw_err *err)
{
    char arn[LOGS_ARN_MAX];
    stream_arn(call, group, stream, arn);
    return ask(call, NULL, group, arn, err);
}

int logs_may_action(struct aws_call *call, const char *action, const char *group,
                    struct sw_err *err)
{
    char arn[LOGS_ARN_MAX];
    stream_arn(call, group, NULL, arn);
    return ask(call, action, group, arn, err);
}

int logs_may_tags(struct aws_call *call, const char *group, struct sw_err *err)
{
    char arn[LOGS_ARN_MAX];
    logs_group_arn(call, group, arn);
    return ask(call, NULL, group, arn, err);
}

int logs_group_of_arn(const struct aws_call *call, const char *arn, char out[LOG_NAME_MAX + 1],
                      struct sw_err *err)
{
    char own[LOGS_ARN_MAX];
    struct sw_str s = sw_str(arn);
    logs_group_arn(call, "", own);
    if (sw_str_ends_with(s, ":*"))
        s.n -= 2;
    if (!sw_str_starts_with(s, "arn:") || !memmem(s.p, s.n, ":log-group:", 11))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID, "'%.300s' is not the ARN of a log group.",
                       arn);
    if (!sw_str_starts_with(s, own))
        return sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                       "The specified resource does not exist.");
    const size_t n = strlen(own);
    if (!sw_str_copy(sw_str_slice(s, n, s.n), out, LOG_NAME_MAX + 1) || !log_group_name_valid(out))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID, "'%.300s' is not the ARN of a log group.",
                       arn);
    return 0;
}

int logs_group_name(const struct aws_call *call, char out[LOG_NAME_MAX + 1], struct sw_err *err)
{
    const char *name = sw_json_str(call->input, "logGroupName", NULL);
    const char *identifier = sw_json_str(call->input, "logGroupIdentifier", NULL);
    if (!name == !identifier)
        return sw_fail(err, SW_EINVALID, LOGS_INVALID,
                       "Exactly one of logGroupName and logGroupIdentifier must be given.");
    if (identifier && strncmp(identifier, "arn:", 4) == 0)
        return logs_group_of_arn(call, identifier, out, err);
    if (!sw_str_copy(sw_str(name ? name : identifier), out, LOG_NAME_MAX + 1) ||
        !log_group_name_valid(out))
        return sw_fail(err, SW_EINVALID, LOGS_INVALID,
                       "'logGroupIdentifier' is neither a name nor an ARN of a log group.");
    return 0;
}

struct logs_api *logs_api_new(const struct logs_api_options *o)
{
    struct logs_api *a = SW_NEW(struct logs_api);
    a->store = o->store;
    a->queries = o->store ? log_queries_new(o->store) : NULL;
    a->live = o->store ? logs_live_new(o->store) : NULL;
    a->seats = logs_seats_new(LONG_LOOKS);
    return a;
}

void logs_api_reset(struct logs_api *a)
{
    log_queries_reset(a->queries);
    logs_live_reset(a->live);
}

void logs_api_free(struct logs_api *a)
{
    if (a) {
        log_queries_free(a->queries);
        logs_live_free(a->live);
        logs_seats_free(a->seats);
    }
    free(a);
}
