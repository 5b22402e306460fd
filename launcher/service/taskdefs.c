/* SPDX-License-Identifier: Apache-2.0 */
/* Task definitions. The stored document is what DescribeTaskDefinition answers, with the tags beside it. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/taskdef.h"
#include "launcher/model/taskdef_validate.h"
#include "launcher/service/placement_rules.h"
#include "launcher/service/service.h"
#include "launcher/service/taskdef_store.h"

#define DEFINITION_MAX 65536 /* bytes, as JSON */

/* Answers {taskDefinition, tags}. */
static void answer(json_t *out, json_t *document, bool with_tags)
{
    json_t *tags = json_incref(json_object_get(document, "tags"));
    json_object_del(document, "tags");
    json_object_set(out, "taskDefinition", document);
    if (with_tags)
        sw_json_set_new(out, "tags", tags ? json_incref(tags) : json_array());
    json_decref(tags);
}

struct register_arg {
    const struct launcher_caller *c;
    json_t *document;
    int64_t now_us;
};

static int add(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct register_arg *a = arg;
    const char *family = sw_json_str(a->document, "family", "");
    int64_t revision = 0;
    char arn[ARN_MAX];
    int r = taskdef_store_next_revision(tx, a->c, family, &revision, err);
    if (r < 0)
        return r;
    arn_task_definition(arn, a->c->region, a->c->account, family, revision);
    sw_json_set_str(a->document, "taskDefinitionArn", arn);
    sw_json_set_int(a->document, "revision", revision);
    sw_autofree char *text = sw_json_dump(a->document);
    return taskdef_store_add(tx, a->c, family, revision, text, a->now_us, err);
}

/* Each task carries its definition to its machine. */
static int check_size(const json_t *in, struct sw_err *err)
{
    sw_autofree char *text = sw_json_dump(in);
    if (strlen(text) > DEFINITION_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "Actual length: '%zu'. Max allowed length is '%d' bytes.", strlen(text),
                       DEFINITION_MAX);
    return 0;
}

int launcher_register_taskdef(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err)
{
    struct taskdef *parsed = NULL;
    int r = check_size(in, err);
    if (r < 0 || (r = taskdef_validate(in, err)) < 0)
        return r;
    sw_autojson json_t *document = taskdef_normalized(in);
    if ((r = taskdef_from_json(document, &parsed, err)) < 0)
        return r;
    taskdef_free(parsed);
    sw_autoarena arena = {0};
    struct placement_rules rules;
    if ((r = placement_rules_read(document, NULL, &arena, &rules, err)) < 0)
        return r;
    struct register_arg a = {.c = c, .document = document, .now_us = l->now_us()};
    sw_json_set_str(document, "status", "ACTIVE");
    sw_json_set_time_us(document, "registeredAt", a.now_us);
    sw_json_set_str(document, "registeredBy", c->principal->arn);
    if ((r = meta_tx(l->db, META_WRITE, add, &a, err)) < 0)
        return r;
    answer(out, document, json_object_get(document, "tags") != NULL);
    return 0;
}

/* What a reference means; revision 0 when only the family was said. */
static bool parse(const struct launcher_caller *c, const char *text, struct arn *ret)
{
    return text && arn_parse(text, ARN_TASK_DEFINITION, ret) &&
           arn_is_local(ret, c->account, c->region);
}

struct get_arg {
    const struct launcher_caller *c;
    const struct arn *want;
    struct taskdef_row row;
    int64_t now_us;
    json_t *document;
};

static int get(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct get_arg *a = arg;
    taskdef_row_done(&a->row);
    int r = taskdef_store_get(tx, a->c, a->want->id, a->want->revision, &a->row, err);
    return r < 0 ? r : 0;
}

int launcher_taskdef_find(struct launcher *l, const struct launcher_caller *c,
                          const char *reference, char out[ARN_MAX], json_t **ret_definition,
                          struct sw_err *err)
{
    struct arn want;
    if (!reference || !arn_parse(reference, ARN_TASK_DEFINITION, &want))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT, "TaskDefinition not found.");
    struct get_arg a = {.c = c, .want = &want};
    const char *region = *want.region ? want.region : c->region;
    const char *account = *want.account ? want.account : c->account;
    int64_t revision = want.revision;
    int r = 0;
    *ret_definition = NULL;
    if (arn_is_local(&want, c->account, c->region) &&
        (r = meta_tx(l->db, META_READ, get, &a, err)) == 0 && a.row.document) {
        revision = a.row.revision;
        r = service_document(a.row.document, ret_definition, err);
    }
    taskdef_row_done(&a.row);
    if (r < 0)
        return r;
    if (revision)
        arn_task_definition(out, region, account, want.id, revision);
    else
        (void)snprintf(out, ARN_MAX, "arn:aws:ecs:%s:%s:task-definition/%s:*", region, account,
                       want.id);
    return 0;
}

int launcher_describe_taskdef(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                              json_t *out, struct sw_err *err)
{
    struct arn want;
    if (!parse(c, sw_json_str(in, "taskDefinition", NULL), &want))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT, "Unable to describe task definition.");
    struct get_arg a = {.c = c, .want = &want};
    sw_autojson json_t *document = NULL;
    int r = meta_tx(l->db, META_READ, get, &a, err);
    if (r == 0 && !a.row.document)
        r = sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT, "Unable to describe task definition.");
    if (r == 0)
        r = service_document(a.row.document, &document, err);
    taskdef_row_done(&a.row);
    if (r < 0)
        return r;
    answer(out, document, service_includes(in, "TAGS"));
    return 0;
}

static int retire(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct get_arg *a = arg;
    int r = get(tx, arg, err);
    if (r < 0)
        return r;
    if (!a->row.document)
        return sw_fail(err, SW_ENOTFOUND, SERVICE_CLIENT,
                       "The specified task definition does not "
                       "exist.");
    json_decref(a->document);
    a->document = NULL;
    if ((r = service_document(a->row.document, &a->document, err)) < 0 || !a->row.active)
        return r;
    sw_json_set_str(a->document, "status", "INACTIVE");
    sw_json_set_time_us(a->document, "deregisteredAt", a->now_us);
    sw_autofree char *text = sw_json_dump(a->document);
    return taskdef_store_retire(tx, a->row.id, text, a->now_us, err);
}

int launcher_deregister_taskdef(struct launcher *l, const struct launcher_caller *c,
                                const json_t *in, json_t *out, struct sw_err *err)
{
    struct arn want;
    const char *text = sw_json_str(in, "taskDefinition", "");
    if (!parse(c, text, &want))
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT,
                       "The specified task definition does not exist.");
    if (!want.revision)
        return sw_fail(err, SW_EINVALID, SERVICE_CLIENT, "Invalid revision number. Number: %.300s",
                       want.id);
    struct get_arg a = {.c = c, .want = &want, .now_us = l->now_us()};
    int r = meta_tx(l->db, META_WRITE, retire, &a, err);
    taskdef_row_done(&a.row);
    sw_autojson json_t *document = a.document;
    if (r == 0)
        answer(out, document, false);
    return r;
}

#define DELETE_MAX 10 /* task definitions of one DeleteTaskDefinitions */

struct delete_arg {
    struct get_arg g; /* first: get() */
    const char *failure;
};

static int mark_deleted(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct delete_arg *a = arg;
    a->failure = NULL;
    int r = get(tx, &a->g, err);
    if (r < 0)
        return r;
    if (!a->g.row.document || a->g.row.active) {
        a->failure = a->g.row.active
                         ? "The specified task definition is still in ACTIVE status. Please "
                           "deregister the target and try again."
                         : "The specified task definition does not exist. Specify a valid account, "
                           "family, revision and try again.";
        return 0;
    }
    json_decref(a->g.document);
    a->g.document = NULL;
    if ((r = service_document(a->g.row.document, &a->g.document, err)) < 0)
        return r;
    if (sw_streq(sw_json_str(a->g.document, "status", ""), "DELETE_IN_PROGRESS"))
        return 0;
    sw_json_set_str(a->g.document, "status", "DELETE_IN_PROGRESS");
    sw_json_set_time_us(a->g.document, "deleteRequestedAt", a->g.now_us);
    sw_autofree char *text = sw_json_dump(a->g.document);
    return taskdef_store_mark_deleted(tx, a->g.row.id, text, err);
}

static int delete_one(struct launcher *l, const struct launcher_caller *c, const char *text,
                      json_t *list, json_t *failures, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct arn want;
    if (!parse(c, text, &want) || !want.revision)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Invalid task definition: '%.300s'. It must be named with its revision.",
                       text);
    struct delete_arg a = {.g = {.c = c, .want = &want, .now_us = l->now_us()}};
    int r = meta_tx(l->db, META_WRITE, mark_deleted, &a, err);
    taskdef_row_done(&a.g.row);
    sw_autojson json_t *document = a.g.document, *one = json_object();
    if (r < 0)
        return r;
    arn_task_definition(arn, c->region, c->account, want.id, want.revision);
    if (a.failure) {
        json_array_append_new(failures, service_failure(arn, a.failure));
        return 0;
    }
    answer(one, document, false);
    json_array_append(list, sw_json_object(one, "taskDefinition"));
    return 0;
}

int launcher_delete_taskdefs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                             json_t *out, struct sw_err *err)
{
    json_t *list = service_list(out, "taskDefinitions"), *failures = service_list(out, "failures");
    const json_t *names = sw_json_array(in, "taskDefinitions"), *v;
    size_t i;
    if (json_array_size(names) < 1 || json_array_size(names) > DELETE_MAX)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Between 1 and %d task definitions must be named.", DELETE_MAX);
    json_array_foreach(names, i, v) {
        int r = delete_one(l, c, json_string_value(v), list, failures, err);
        if (r < 0)
            return r;
    }
    return 0;
}

struct list_arg {
    const struct launcher_caller *c;
    struct taskdef_filter filter;
    struct launcher_page *page;
    const char *prefix, *status;
    json_t *list;
    char last[ARN_MAX];
    bool more;
};

static int list_one(void *ctx, const char *family, int64_t revision)
{
    struct list_arg *a = ctx;
    char arn[ARN_MAX];
    if ((int)json_array_size(a->list) == a->page->limit) {
        a->more = true;
        return 1;
    }
    arn_task_definition(arn, a->c->region, a->c->account, family, revision);
    json_array_append_new(a->list, json_string(arn));
    (void)snprintf(a->last, sizeof a->last, "%s:%" PRId64, family, revision);
    return 0;
}

static int list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->list);
    a->more = false;
    return taskdef_store_list(tx, a->c, &a->filter, a->page->limit + 1, list_one, a, err);
}

int launcher_list_taskdefs(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct arn after = {.id = ""};
    if (*page->after && (!arn_parse(page->after, ARN_TASK_DEFINITION, &after) || !after.revision))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Invalid token.");
    struct list_arg a = {.c = c,
                         .page = page,
                         .list = service_list(out, "taskDefinitionArns"),
                         .filter = {.family = sw_json_str(in, "familyPrefix", ""),
                                    .status = sw_json_str(in, "status", "ACTIVE"),
                                    .descending = sw_streq(sw_json_str(in, "sort", "ASC"), "DESC"),
                                    .after_family = after.id,
                                    .after_revision = after.revision}};
    int r = meta_tx(l->db, META_READ_LONG, list, &a, err);
    if (r == 0)
        service_page_end(page, a.last, a.more);
    return r;
}

static int families(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    json_array_clear(a->list);
    return taskdef_store_families(tx, a->c, a->prefix, a->status, a->page, a->list, err);
}

int launcher_list_families(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err)
{
    struct list_arg a = {.c = c,
                         .page = page,
                         .prefix = sw_json_str(in, "familyPrefix", ""),
                         .status = sw_json_str(in, "status", "ACTIVE"),
                         .list = service_list(out, "families")};
    return meta_tx(l->db, META_READ_LONG, families, &a, err);
}
