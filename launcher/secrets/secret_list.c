/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_list.c - what secrets there are and what is known of them, but for their values. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "launcher/secrets/secrets_internal.h"

struct read {
    struct secrets *s;
    const struct secrets_caller *c;
    const json_t *in;
    struct secrets_page *page;
    json_t *out;
};

static void set_time(json_t *o, const char *key, int64_t us)
{
    if (us)
        sw_json_set_time_us(o, key, us);
}

static int row_json(struct meta_tx *tx, const struct secret_row *row, const char *stages_key,
                    json_t *o, struct sw_err *err)
{
    json_t *tags = NULL;
    sw_autojson json_t *versions = NULL;
    const char *id;
    json_t *stages;
    void *next;
    sw_json_set_str(o, "ARN", row->arn);
    sw_json_set_str(o, "Name", row->name);
    sw_json_set_str(o, "Description", row->description);
    sw_json_set_str(o, "KmsKeyId", row->kms_key_id);
    set_time(o, "CreatedDate", row->created_at);
    set_time(o, "LastChangedDate", row->changed_at);
    set_time(o, "LastAccessedDate", row->accessed_at);
    set_time(o, "DeletedDate", row->deleted_at);
    int r = secrets_json(row->tags, &tags, err);
    if (r < 0 ||
        (sw_json_set_new(o, "Tags", tags), r = secret_stages(tx, row->arn, &versions, err)) < 0)
        return r;
    json_object_foreach_safe(versions, next, id, stages) {
        if (json_array_size(stages) == 0)
            (void)json_object_del(versions, id);
    }
    if (json_object_size(versions) > 0)
        json_object_set(o, stages_key, versions);
    return 0;
}

static int find(struct meta_tx *tx, const struct read *d, struct secret_row *ret,
                struct sw_err *err)
{
    int r = secret_row_find(tx, d->c, sw_json_str(d->in, "SecretId", ""), d->s->now_us(), ret, err);
    return r == 0 ? sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                            "Secrets Manager can't find the specified secret.")
                  : r;
}

static int describe_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read *d = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    json_object_clear(d->out);
    int r = find(tx, d, &row, err);
    return r < 0 ? r : row_json(tx, &row, "VersionIdsToStages", d->out, err);
}

int secret_describe(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err)
{
    struct read d = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_READ, describe_tx, &d, err);
}

static int identify_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read *d = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    int r = find(tx, d, &row, err);
    if (r < 0)
        return r;
    sw_json_set_str(d->out, "ARN", row.arn);
    sw_json_set_str(d->out, "Name", row.name);
    return 0;
}

int secret_identify(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err)
{
    struct read d = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_READ, identify_tx, &d, err);
}

struct arn_read {
    struct secrets *s;
    const struct secrets_caller *c;
    const char *id;
    char *out;
    json_t *tags;
};

static int arn_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct arn_read *a = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    json_decref(a->tags);
    a->tags = NULL;
    int r = secret_row_find(tx, a->c, a->id, a->s->now_us(), &row, err);
    if (r <= 0 || secrets_json(row.tags, &a->tags, err) < 0)
        return r <= 0 ? r : err->code;
    (void)snprintf(a->out, SECRETS_ARN_MAX, "%s", row.arn);
    return 1;
}

int secret_arn(struct secrets *s, const struct secrets_caller *c, const char *secret_id,
               char out[SECRETS_ARN_MAX], json_t **ret_tags, struct sw_err *err)
{
    struct arn_read a = {.s = s, .c = c, .id = secret_id, .out = out};
    int r = meta_tx(s->db, META_READ, arn_tx, &a, err);
    if (r == 0 && strncmp(secret_id, "arn:", 4) == 0)
        (void)snprintf(out, SECRETS_ARN_MAX, "%s", secret_id);
    else if (r == 0)
        (void)snprintf(out, SECRETS_ARN_MAX, "arn:aws:secretsmanager:%s:%s:secret:%s", c->region,
                       c->account, secret_id);
    *ret_tags = a.tags ? a.tags : json_array();
    return r;
}

/* ---- lists ---- */

static bool begins(const char *text, const char *prefix, bool any_case)
{
    size_t n = strlen(prefix);
    return text && (any_case ? strncasecmp(text, prefix, n) : strncmp(text, prefix, n)) == 0;
}

static bool tag_begins(const json_t *tags, const char *member, const char *prefix, bool any_case)
{
    const json_t *t;
    size_t i;
    json_array_foreach(tags, i, t) {
        if (begins(sw_json_str(t, member, ""), prefix, any_case))
            return true;
    }
    return false;
}

static bool matches_value(const struct secret_row *row, const json_t *tags, const char *key,
                          const char *value)
{
    if (sw_streq(key, "name"))
        return begins(row->name, value, false);
    if (sw_streq(key, "description"))
        return begins(row->description, value, true);
    if (sw_streq(key, "tag-key"))
        return tag_begins(tags, "Key", value, false);
    if (sw_streq(key, "tag-value"))
        return tag_begins(tags, "Value", value, false);
    if (sw_streq(key, "all"))
        return begins(row->name, value, true) || begins(row->description, value, true) ||
               tag_begins(tags, "Key", value, true) || tag_begins(tags, "Value", value, true);
    return false; /* primary-region, owning-service: nothing is replicated or owned */
}

/* One of the values, each of which a "!" turns around. */
static bool matches_filter(const struct secret_row *row, const json_t *tags, const json_t *filter)
{
    const char *key = sw_json_str(filter, "Key", "all");
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(filter, "Values"), i, v) {
        const char *value = json_string_value(v);
        bool turned = value[0] == '!';
        if (matches_value(row, tags, key, value + turned) != turned)
            return true;
    }
    return json_array_size(sw_json_array(filter, "Values")) == 0;
}

static bool matches(const struct secret_row *row, const json_t *tags, const json_t *filters)
{
    const json_t *f;
    size_t i;
    json_array_foreach(filters, i, f) {
        if (!matches_filter(row, tags, f))
            return false;
    }
    return true;
}

#define LIST_FROM                                                                 \
    "SELECT " SECRET_COLUMNS " FROM secret WHERE account_id = $1 AND region = $2" \
    " AND (deleted_at IS NULL OR $3 = 1) AND (expires_at IS NULL OR expires_at > $6)"

/* "CREATED ARN", both as they are ordered. */
static bool page_key(const char *after, int64_t *ret_created, const char **ret_arn)
{
    const char *blank = strchr(after, ' ');
    *ret_arn = blank ? blank + 1 : "";
    return blank && sw_parse_i64(sw_str_n(after, (size_t)(blank - after)), ret_created);
}

static int list_rows(struct meta_tx *tx, struct read *d, struct meta_stmt *st, json_t *list,
                     struct sw_err *err)
{
    char last[SECRETS_PAGE_MAX] = "";
    int r;
    while ((r = meta_step(st, err)) > 0) {
        SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
        sw_autojson json_t *tags = NULL;
        secret_row_from(st, &row);
        if ((r = secrets_json(row.tags, &tags, err)) < 0)
            return r;
        if (!matches(&row, tags, sw_json_array(d->in, "Filters")))
            continue;
        if (!secrets_page_room(d->page, json_array_size(list), last))
            return 0;
        json_t *o = json_object();
        json_array_append_new(list, o);
        if ((r = row_json(tx, &row, "SecretVersionsToStages", o, err)) < 0)
            return r;
        (void)snprintf(last, sizeof last, "%" PRId64 " %s", row.created_at, row.arn);
    }
    return r;
}

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read *d = arg;
    meta_autostmt *st = NULL;
    const char *arn;
    bool down = sw_streq(sw_json_str(d->in, "SortOrder", "asc"), "desc");
    int64_t created = down ? INT64_MAX : INT64_MIN,
            all = sw_json_bool(d->in, "IncludePlannedDeletion", false);
    json_object_clear(d->out);
    if (!page_key(d->page->after, &created, &arn) && d->page->after[0])
        return sw_fail(err, SW_EINVALID, "InvalidNextTokenException",
                       "The NextToken value is invalid.");
    int r = meta_query(
        tx, err, &st,
        down ? LIST_FROM " AND (created_at, arn) < ($4, $5) ORDER BY created_at DESC, arn DESC"
             : LIST_FROM " AND (created_at, arn) > ($4, $5) ORDER BY created_at, arn",
        "ttiiti", d->c->account, d->c->region, all, created, arn, d->s->now_us());
    return r < 0 ? r : list_rows(tx, d, st, secrets_list_member(d->out, "SecretList"), err);
}

int secret_list(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                struct secrets_page *page, json_t *out, struct sw_err *err)
{
    struct read d = {.s = s, .c = c, .in = in, .page = page, .out = out};
    return meta_tx(s->db, META_READ_LONG, list_tx, &d, err);
}

static int version_json(struct meta_stmt *st, bool all, json_t *list, struct sw_err *err)
{
    sw_autofree char *text = meta_dup(st, 1);
    sw_autofree char *id = meta_dup(st, 0);
    sw_autojson json_t *stages = NULL;
    int r = secrets_json(text, &stages, err);
    if (r < 0 || (json_array_size(stages) == 0 && !all))
        return r;
    json_t *o = json_object();
    sw_json_set_str(o, "VersionId", id);
    if (json_array_size(stages) > 0)
        json_object_set(o, "VersionStages", stages);
    set_time(o, "CreatedDate", meta_int(st, 2));
    set_time(o, "LastAccessedDate", meta_int(st, 3));
    json_array_append_new(list, o);
    return 0;
}

static int versions_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct read *d = arg;
    meta_autostmt *st = NULL;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    bool all = sw_json_bool(d->in, "IncludeDeprecated", false);
    char last[SECRETS_PAGE_MAX] = "";
    json_object_clear(d->out);
    json_t *list = secrets_list_member(d->out, "Versions");
    int r = find(tx, d, &row, err);
    if (r < 0 || (r = meta_query(tx, err, &st,
                                 "SELECT version_id, stages, created_at, coalesce(accessed_at, 0)"
                                 " FROM secret_version WHERE secret_arn = $1 AND version_id > $2"
                                 " ORDER BY version_id",
                                 "tt", row.arn, d->page->after)) < 0)
        return r;
    while ((r = meta_step(st, err)) > 0 &&
           secrets_page_room(d->page, json_array_size(list), last)) {
        sw_autofree char *id = meta_dup(st, 0);
        (void)snprintf(last, sizeof last, "%s", id);
        if ((r = version_json(st, all, list, err)) < 0)
            return r;
    }
    sw_json_set_str(d->out, "ARN", row.arn);
    sw_json_set_str(d->out, "Name", row.name);
    return r < 0 ? r : 0;
}

int secret_list_versions(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                         struct secrets_page *page, json_t *out, struct sw_err *err)
{
    struct read d = {.s = s, .c = c, .in = in, .page = page, .out = out};
    return meta_tx(s->db, META_READ, versions_tx, &d, err);
}
