/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_store.c - rows of secrets and their versions.
 * Invariants, kept inside one transaction: a stage is on one version at most; a secret with versions has one that is AWSCURRENT;
 * there are at most VERSIONS_MAX versions, of which those without stages go first, the oldest before. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "launcher/secrets/secrets_internal.h"

#define VERSIONS_MAX 100
#define STAGES_MAX   20 /* of all versions of a secret */

void secret_row_done(struct secret_row *r)
{
    free(r->arn);
    free(r->name);
    free(r->description);
    free(r->kms_key_id);
    free(r->tags);
    *r = (struct secret_row){.arn = NULL};
}

void secret_row_from(struct meta_stmt *st, struct secret_row *ret)
{
    *ret = (struct secret_row){.arn = meta_dup(st, 0),
                               .name = meta_dup(st, 1),
                               .description = meta_dup(st, 2),
                               .kms_key_id = meta_dup(st, 3),
                               .tags = meta_dup(st, 4),
                               .created_at = meta_int(st, 5),
                               .changed_at = meta_int(st, 6),
                               .accessed_at = meta_int(st, 7),
                               .deleted_at = meta_int(st, 8),
                               .expires_at = meta_int(st, 9)};
}

bool secret_id_name(const struct secrets_caller *c, const char *secret_id, const char **ret_name)
{
    char prefix[160];
    if (strncmp(secret_id, "arn:", 4) != 0) {
        *ret_name = secret_id;
        return true;
    }
    int n = snprintf(prefix, sizeof prefix, "arn:aws:secretsmanager:%.64s:%.12s:secret:", c->region,
                     c->account);
    if (strncmp(secret_id, prefix, (size_t)n) != 0)
        return false;
    *ret_name = secret_id + n;
    return true;
}

static int find_one(struct meta_tx *tx, const struct secrets_caller *c, const char *sql,
                    const char *key, int64_t now_us, struct secret_row *ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st, sql, "ttti", c->account, c->region, key, now_us);
    if (r < 0 || (r = meta_step(st, err)) <= 0)
        return r;
    secret_row_from(st, ret);
    return 1;
}

int secret_row_find(struct meta_tx *tx, const struct secrets_caller *c, const char *secret_id,
                    int64_t now_us, struct secret_row *ret, struct sw_err *err)
{
    const char *name;
    int r = 0;
    if (!secret_id_name(c, secret_id, &name))
        return 0;
    if (name != secret_id)
        r = find_one(tx, c,
                     "SELECT " SECRET_COLUMNS " FROM secret WHERE account_id = $1 AND region = $2"
                     " AND arn = $3 AND (expires_at IS NULL OR expires_at > $4)",
                     secret_id, now_us, ret, err);
    if (r == 0)
        r = find_one(tx, c,
                     "SELECT " SECRET_COLUMNS " FROM secret WHERE account_id = $1 AND region = $2"
                     " AND name = $3 AND (expires_at IS NULL OR expires_at > $4)",
                     name, now_us, ret, err);
    return r;
}

int secret_stages(struct meta_tx *tx, const char *arn, json_t **ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    sw_autojson json_t *all = json_object();
    int r = meta_query(tx, err, &st,
                       "SELECT version_id, stages FROM secret_version WHERE secret_arn = $1"
                       " ORDER BY created_at, version_id",
                       "t", arn);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *id = meta_dup(st, 0);
        sw_autofree char *text = meta_dup(st, 1);
        json_t *stages = NULL;
        if ((r = secrets_json(text, &stages, err)) < 0)
            return r;
        sw_json_set_new(all, id, stages);
    }
    if (r == 0)
        *ret = json_incref(all);
    return r;
}

int secret_stages_save(struct meta_tx *tx, const char *arn, const char *version,
                       const json_t *stages, struct sw_err *err)
{
    sw_autofree char *text = sw_json_dump(stages);
    return meta_exec(tx, err, NULL,
                     "UPDATE secret_version SET stages = $3 WHERE secret_arn = $1"
                     " AND version_id = $2 AND stages <> $3",
                     "ttt", arn, version, text);
}

/* 1: there is one of that id with that value; SW_ECONFLICT: with another. */
static int same_version(struct secrets *s, struct meta_tx *tx, const struct secret_row *row,
                        const struct secret_value *v, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    char *has = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT sealed, is_binary FROM secret_version WHERE secret_arn = $1"
                       " AND version_id = $2",
                       "tt", row->arn, v->version);
    if (r < 0 || (r = meta_step(st, err)) <= 0)
        return r;
    bool binary = meta_int(st, 1) != 0;
    if ((r = secrets_unseal(s, row->arn, v->version, meta_str(st, 0), &has, err)) < 0)
        return r;
    size_t n = strlen(has);
    bool same = binary == v->binary && n == strlen(v->text) && sw_equal_secret(has, v->text, n);
    secret_value_free(has);
    if (!same)
        return sw_fail(err, SW_ECONFLICT, "ResourceExistsException",
                       "You can't use ClientRequestToken %s because that value is already in use "
                       "for a version of secret %s.",
                       v->version, row->arn);
    return 1;
}

static int make_room(struct meta_tx *tx, const char *arn, json_t *versions, struct sw_err *err)
{
    const char *id;
    json_t *stages;
    void *next;
    size_t n = json_object_size(versions), labels = 0;
    json_object_foreach(versions, id, stages)
        labels += json_array_size(stages);
    if (labels > STAGES_MAX)
        return sw_fail(err, SW_ELIMIT, "LimitExceededException",
                       "A secret has at most %d staging labels.", STAGES_MAX);
    json_object_foreach_safe(versions, next, id, stages) {
        if (n <= VERSIONS_MAX)
            break;
        if (json_array_size(stages) > 0)
            continue;
        int r = meta_exec(tx, err, NULL,
                          "DELETE FROM secret_version WHERE secret_arn = $1 AND version_id = $2",
                          "tt", arn, id);
        if (r < 0)
            return r;
        n--;
    }
    return 0;
}

static int insert_version(struct secrets *s, struct meta_tx *tx, const struct secret_row *row,
                          const struct secret_value *v, int64_t now, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(0);
    int r = secrets_seal(s, row->arn, v->version, v->text, &sealed, err);
    if (r < 0)
        return r;
    return meta_exec(
        tx, err, NULL,
        "INSERT INTO secret_version (secret_arn, version_id, sealed, is_binary, stages,"
        " created_at) VALUES ($1, $2, $3, $4, '[]', $5)",
        "ttbii", row->arn, v->version, (const void *)sealed.p, sealed.n, (int64_t)v->binary, now);
}

int secret_version_add(struct secrets *s, struct meta_tx *tx, const struct secret_row *row,
                       const struct secret_value *v, json_t **ret_stages, struct sw_err *err)
{
    sw_autojson json_t *versions = NULL;
    const json_t *stage;
    const char *id;
    json_t *stages;
    size_t i;
    int64_t now = s->now_us();
    int r = secret_stages(tx, row->arn, &versions, err), same;
    if (r < 0 || (same = same_version(s, tx, row, v, err)) < 0)
        return r < 0 ? r : err->code;
    if (!same) {
        bool first = json_object_size(versions) == 0;
        sw_json_set_new(versions, v->version, json_array());
        json_array_foreach(v->stages, i, stage)
            secret_stage_move(versions, json_string_value(stage), v->version);
        if (!v->stages || first)
            secret_stage_move(versions, "AWSCURRENT", v->version);
        if ((r = insert_version(s, tx, row, v, now, err)) < 0 ||
            (r = make_room(tx, row->arn, versions, err)) < 0)
            return r;
        json_object_foreach(versions, id, stages) {
            if ((r = secret_stages_save(tx, row->arn, id, stages, err)) < 0)
                return r;
        }
        r = meta_exec(tx, err, NULL, "UPDATE secret SET changed_at = $2 WHERE arn = $1", "ti",
                      row->arn, now);
    }
    if (r == 0 && ret_stages)
        *ret_stages = json_incref(json_object_get(versions, v->version));
    return r;
}
