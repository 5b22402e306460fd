/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_ops.c - operations on one secret. Each is one transaction. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/log.h"
#include "launcher/secrets/secrets_internal.h"

#define INVALID      "InvalidParameterException"
#define REQUEST      "InvalidRequestException"
#define NOT_FOUND    "ResourceNotFoundException"
#define SUFFIX_LEN   6
#define NAME_LEN_MAX 512
#define WINDOW_MIN   7
#define WINDOW_MAX   30
#define DEFAULT_KEY  "alias/aws/secretsmanager"
#define VALUE_MAX    65536
#define ENCODED_MAX  SW_BASE64_LEN(VALUE_MAX)
#define DELETED_SECRET \
    "You can't perform this operation on the secret because it was marked for deletion."

struct op {
    struct secrets *s;
    const struct secrets_caller *c;
    const json_t *in;
    json_t *out;
    const char *token;  /* of the new version */
    const char *suffix; /* of a new ARN */
};

static const char *in_str(const struct op *o, const char *key)
{
    return sw_json_str(o->in, key, NULL);
}

static void name_it(json_t *out, const struct secret_row *row)
{
    sw_json_set_str(out, "ARN", row->arn);
    sw_json_set_str(out, "Name", row->name);
}

/* The secret that the input names; with `live` it is not marked for deletion. */
static int find(struct meta_tx *tx, const struct op *o, bool live, struct secret_row *ret,
                struct sw_err *err)
{
    int r = secret_row_find(tx, o->c, sw_json_str(o->in, "SecretId", ""), o->s->now_us(), ret, err);
    if (r < 0)
        return r;
    if (r == 0)
        return sw_fail(err, SW_ENOTFOUND, NOT_FOUND,
                       "Secrets Manager can't find the specified secret.");
    if (live && ret->deleted_at)
        return sw_fail(err, SW_ECONFLICT, REQUEST, DELETED_SECRET);
    return 0;
}

/* ---- values ---- */

static int check_value(const struct op *o, struct secret_value *ret, struct sw_err *err)
{
    const char *text = in_str(o, "SecretString"), *bytes = in_str(o, "SecretBinary");
    if (text && bytes)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "You can't specify both a binary secret value and a string secret value in "
                       "the same secret.");
    *ret = (struct secret_value){.version = o->token,
                                 .text = text ? text : bytes,
                                 .binary = !text && bytes,
                                 .stages = sw_json_array(o->in, "VersionStages")};
    if (ret->text && strlen(ret->text) > (ret->binary ? (size_t)ENCODED_MAX : (size_t)VALUE_MAX))
        return sw_fail(err, SW_EINVALID, INVALID, "The secret value has more than %d bytes.",
                       VALUE_MAX);
    return 0;
}

static int check_key(const struct op *o, struct sw_err *err)
{
    const char *key = sw_json_str(o->in, "KmsKeyId", "");
    if (!*key || sw_streq(key, DEFAULT_KEY) || sw_str_ends_with(sw_str(key), ":" DEFAULT_KEY))
        return 0;
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "KmsKeyId: secrets are sealed with the server's own key, as " DEFAULT_KEY ".");
}

static int check_name(const char *name, struct sw_err *err)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_LEN_MAX ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_+=.@!") != n)
        return sw_fail(err, SW_EINVALID, "ValidationException",
                       "Invalid name. Must be a valid name containing alphanumeric characters, or "
                       "any of the following: -/_+=.@!");
    return 0;
}

/* ---- create ---- */

static int name_is_free(struct meta_tx *tx, const struct op *o, const char *name,
                        struct secret_row *had, struct sw_err *err)
{
    int r = meta_exec(tx, err, NULL,
                      "DELETE FROM secret WHERE account_id = $1 AND region = $2 AND name = $3"
                      " AND expires_at IS NOT NULL AND expires_at <= $4",
                      "ttti", o->c->account, o->c->region, name, o->s->now_us());
    if (r < 0 || (r = secret_row_find(tx, o->c, name, o->s->now_us(), had, err)) <= 0)
        return r;
    if (had->deleted_at)
        return sw_fail(err, SW_ECONFLICT, REQUEST,
                       "You can't create this secret because a secret with this name is already "
                       "scheduled for deletion.");
    return 1;
}

static int insert(struct meta_tx *tx, const struct op *o, const char *name, json_t *tags,
                  struct secret_row *row, struct sw_err *err)
{
    int64_t now = o->s->now_us();
    sw_autofree char *text = sw_json_dump(tags);
    row->arn = sw_asprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%s", o->c->region, o->c->account,
                           name, o->suffix);
    row->name = sw_strdup(name);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO secret (arn, account_id, region, name, description, kms_key_id,"
                     " tags, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
                     "ttttttti", row->arn, o->c->account, o->c->region, name,
                     in_str(o, "Description"), in_str(o, "KmsKeyId"), text, now);
}

/* Once more with the same token and value is the same secret. */
static int again(struct meta_tx *tx, const struct op *o, const struct secret_row *had,
                 const struct secret_value *v, struct sw_err *err)
{
    sw_autojson json_t *versions = NULL;
    int r = secret_stages(tx, had->arn, &versions, err);
    if (r < 0)
        return r;
    if (v->text && json_object_get(versions, v->version))
        return secret_version_add(o->s, tx, had, v, NULL, err);
    return sw_fail(err, SW_ECONFLICT, "ResourceExistsException",
                   "The operation failed because the secret %s already exists.", had->name);
}

static int create_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    struct secret_value v;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    sw_autojson json_t *tags = json_array();
    const char *name = sw_json_str(o->in, "Name", "");
    json_object_clear(o->out);
    int r = check_value(o, &v, err);
    if (r < 0 || (r = name_is_free(tx, o, name, &row, err)) < 0)
        return r;
    if (r > 0)
        r = again(tx, o, &row, &v, err);
    else if ((r = secrets_tags_merge(tags, sw_json_array(o->in, "Tags"), "LimitExceededException",
                                     INVALID, err)) == 0 &&
             (r = insert(tx, o, name, tags, &row, err)) == 0 && v.text)
        r = secret_version_add(o->s, tx, &row, &v, NULL, err);
    if (r < 0)
        return r;
    name_it(o->out, &row);
    if (v.text)
        sw_json_set_str(o->out, "VersionId", v.version);
    return 0;
}

static void random_suffix(char out[SUFFIX_LEN + 1])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char bytes[SUFFIX_LEN];
    sw_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < SUFFIX_LEN; i++)
        out[i] = letters[bytes[i] % (sizeof letters - 1)];
    out[SUFFIX_LEN] = 0;
}

static int run(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
               enum meta_mode mode, meta_fn fn, struct sw_err *err)
{
    char token[37], suffix[SUFFIX_LEN + 1];
    sw_uuid(token);
    random_suffix(suffix);
    struct op o = {.s = s,
                   .c = c,
                   .in = in,
                   .out = out,
                   .token = sw_json_str(in, "ClientRequestToken", token),
                   .suffix = suffix};
    return meta_tx(s->db, mode, fn, &o, err);
}

int secret_create(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    struct op o = {.in = in};
    int r = check_name(sw_json_str(in, "Name", ""), err);
    if (r < 0 || (r = check_key(&o, err)) < 0)
        return r;
    return run(s, c, in, out, META_WRITE, create_tx, err);
}

/* ---- new values ---- */

static int put_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    struct secret_value v;
    json_t *stages = NULL;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    json_object_clear(o->out);
    int r = check_value(o, &v, err);
    if (r == 0 && !v.text)
        r = sw_fail(err, SW_EINVALID, INVALID,
                    "You must provide either SecretString or SecretBinary.");
    if (r < 0 || (r = find(tx, o, true, &row, err)) < 0 ||
        (r = secret_version_add(o->s, tx, &row, &v, &stages, err)) < 0)
        return r;
    name_it(o->out, &row);
    sw_json_set_str(o->out, "VersionId", v.version);
    sw_json_set_new(o->out, "VersionStages", stages);
    return 0;
}

int secret_put_value(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, put_tx, err);
}

static int update_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    struct secret_value v;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    const char *description = in_str(o, "Description"), *key = in_str(o, "KmsKeyId");
    json_object_clear(o->out);
    int r = check_value(o, &v, err);
    if (r < 0 || (r = find(tx, o, true, &row, err)) < 0 ||
        (r = meta_exec(tx, err, NULL,
                       "UPDATE secret SET description = coalesce($2, description),"
                       " kms_key_id = coalesce($3, kms_key_id), changed_at = $4 WHERE arn = $1",
                       "ttti", row.arn, description, key, o->s->now_us())) < 0)
        return r;
    if (v.text && (r = secret_version_add(o->s, tx, &row, &v, NULL, err)) < 0)
        return r;
    name_it(o->out, &row);
    if (v.text)
        sw_json_set_str(o->out, "VersionId", v.version);
    return 0;
}

int secret_update(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    struct op o = {.in = in};
    int r = check_key(&o, err);
    return r < 0 ? r : run(s, c, in, out, META_WRITE, update_tx, err);
}

/* The move that the caller asks for has to start where the stage is. */
static int check_move(const json_t *versions, const char *stage, const char *from, const char *to,
                      struct sw_err *err)
{
    const char *holder = secret_stage_holder(versions, stage);
    if (!from && !to)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "You must specify RemoveFromVersionId, MoveToVersionId or both.");
    if ((to && !json_object_get(versions, to)) || (from && !json_object_get(versions, from)))
        return sw_fail(err, SW_ENOTFOUND, NOT_FOUND,
                       "Secrets Manager can't find the specified secret value for VersionId: %s",
                       to && !json_object_get(versions, to) ? to : from);
    if (from && !sw_streq(from, holder))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The staging label %.256s isn't attached to the version %s.", stage, from);
    if (to && holder && !from && !sw_streq(holder, to))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The parameter RemoveFromVersionId can't be empty. Staging label %.256s is "
                       "currently attached to version %s, so you must explicitly reference that "
                       "version in RemoveFromVersionId.",
                       stage, holder);
    if (!to && sw_streq(stage, "AWSCURRENT"))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "You can only move staging label AWSCURRENT to a different secret version. "
                       "It can't be completely removed.");
    return 0;
}

static int stage_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    sw_autojson json_t *versions = NULL;
    const char *stage = sw_json_str(o->in, "VersionStage", ""), *id,
               *to = in_str(o, "MoveToVersionId");
    json_t *stages;
    json_object_clear(o->out);
    int r = find(tx, o, true, &row, err);
    if (r < 0 || (r = secret_stages(tx, row.arn, &versions, err)) < 0 ||
        (r = check_move(versions, stage, in_str(o, "RemoveFromVersionId"), to, err)) < 0)
        return r;
    secret_stage_move(versions, stage, to);
    json_object_foreach(versions, id, stages) {
        if ((r = secret_stages_save(tx, row.arn, id, stages, err)) < 0)
            return r;
    }
    name_it(o->out, &row);
    return meta_exec(tx, err, NULL, "UPDATE secret SET changed_at = $2 WHERE arn = $1", "ti",
                     row.arn, o->s->now_us());
}

int secret_update_stage(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, stage_tx, err);
}

/* ---- the value ---- */

static int choose(const struct op *o, const json_t *versions, const char **ret, struct sw_err *err)
{
    const char *id = in_str(o, "VersionId"), *stage = in_str(o, "VersionStage");
    const char *holder = secret_stage_holder(versions, stage ? stage : "AWSCURRENT");
    if (id && !json_object_get(versions, id))
        return sw_fail(err, SW_ENOTFOUND, NOT_FOUND,
                       "Secrets Manager can't find the specified secret value for VersionId: %s",
                       id);
    if (id && stage && !sw_streq(id, holder))
        return sw_fail(err, SW_EINVALID, REQUEST,
                       "You provided a VersionStage that is not associated to the provided "
                       "VersionId.");
    if (!id && !holder)
        return sw_fail(err, SW_ENOTFOUND, NOT_FOUND,
                       "Secrets Manager can't find the specified secret value for staging label: "
                       "%.256s",
                       stage ? stage : "AWSCURRENT");
    *ret = id ? id : holder;
    return 0;
}

static int read_value(struct meta_tx *tx, const struct op *o, const struct secret_row *row,
                      const char *version, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    char *value = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT sealed, is_binary, created_at FROM secret_version"
                       " WHERE secret_arn = $1 AND version_id = $2",
                       "tt", row->arn, version);
    if (r < 0 || (r = meta_step(st, err)) < 0)
        return r;
    if ((r = secrets_unseal(o->s, row->arn, version, meta_str(st, 0), &value, err)) < 0)
        return r;
    sw_json_set_str(o->out, meta_int(st, 1) ? "SecretBinary" : "SecretString", value);
    secret_value_free(value);
    sw_json_set_time_us(o->out, "CreatedDate", meta_int(st, 2));
    return 0;
}

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    sw_autojson json_t *versions = NULL;
    const char *version = NULL;
    json_object_clear(o->out);
    int r = find(tx, o, true, &row, err);
    if (r < 0 || (r = secret_stages(tx, row.arn, &versions, err)) < 0 ||
        (r = choose(o, versions, &version, err)) < 0 ||
        (r = read_value(tx, o, &row, version, err)) < 0)
        return r;
    name_it(o->out, &row);
    sw_json_set_str(o->out, "VersionId", version);
    json_t *stages = json_object_get(versions, version);
    if (json_array_size(stages) > 0)
        json_object_set(o->out, "VersionStages", stages);
    int64_t today = o->s->now_us() / SECRETS_DAY_US * SECRETS_DAY_US;
    return row.accessed_at == today ? 0 : 1;
}

static int touch_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    int64_t today = o->s->now_us() / SECRETS_DAY_US * SECRETS_DAY_US;
    const char *arn = sw_json_str(o->out, "ARN", "");
    int r = meta_exec(tx, err, NULL, "UPDATE secret SET accessed_at = $2 WHERE arn = $1", "ti", arn,
                      today);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "UPDATE secret_version SET accessed_at = $3 WHERE secret_arn = $1"
                             " AND version_id = $2",
                             "tti", arn, sw_json_str(o->out, "VersionId", ""), today);
}

int secret_get_value(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err)
{
    int r = run(s, c, in, out, META_READ, get_tx, err);
    if (r <= 0)
        return r;
    struct op o = {.s = s, .c = c, .in = in, .out = out}; /* the first time today */
    struct sw_err untouched = SW_ERR_INIT;
    if (meta_tx(s->db, META_WRITE, touch_tx, &o, &untouched) < 0) /* a full disk can be read */
        sw_log_err(SW_LOG_WARNING, "secret-use-not-noted", &untouched, NULL);
    return 0;
}

/* ---- delete and restore ---- */

static int check_window(const json_t *in, int64_t *ret_days, struct sw_err *err)
{
    const json_t *given = json_object_get(in, "RecoveryWindowInDays");
    bool has = given && !json_is_null(given);
    *ret_days = has ? (int64_t)json_number_value(given) : WINDOW_MAX;
    if (has && sw_json_bool(in, "ForceDeleteWithoutRecovery", false))
        return sw_fail(err, SW_EINVALID, INVALID,
                       "You can't use ForceDeleteWithoutRecovery in conjunction with "
                       "RecoveryWindowInDays.");
    if (*ret_days < WINDOW_MIN || *ret_days > WINDOW_MAX)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "The RecoveryWindowInDays value must be between %d and %d days (inclusive).",
                       WINDOW_MIN, WINDOW_MAX);
    return 0;
}

/* What is not there is deleted, too. */
static int delete_by_force(struct meta_tx *tx, const struct op *o, int64_t now, struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    const char *name;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    const char *id = sw_json_str(o->in, "SecretId", "");
    int r = secret_row_find(tx, o->c, id, now, &row, err);
    if (r < 0 || (r == 0 && !secret_id_name(o->c, id, &name)))
        return r < 0 ? r
                     : sw_fail(err, SW_ENOTFOUND, NOT_FOUND,
                               "Secrets Manager can't find the specified secret.");
    sw_json_set_time_us(o->out, "DeletionDate", now);
    if (r > 0) {
        name_it(o->out, &row);
        return meta_exec(tx, err, NULL, "DELETE FROM secret WHERE arn = $1", "t", row.arn);
    }
    (void)snprintf(arn, sizeof arn, "arn:aws:secretsmanager:%s:%s:secret:%s", o->c->region,
                   o->c->account, name);
    sw_json_set_str(o->out, "ARN", arn);
    sw_json_set_str(o->out, "Name", name);
    return 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    int64_t days, now = o->s->now_us();
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    json_object_clear(o->out);
    int r = check_window(o->in, &days, err);
    if (r < 0)
        return r;
    if (sw_json_bool(o->in, "ForceDeleteWithoutRecovery", false))
        return delete_by_force(tx, o, now, err);
    if ((r = find(tx, o, true, &row, err)) < 0)
        return r;
    name_it(o->out, &row);
    sw_json_set_time_us(o->out, "DeletionDate", now + days * SECRETS_DAY_US);
    return meta_exec(tx, err, NULL,
                     "UPDATE secret SET deleted_at = $2, expires_at = $3 WHERE arn = $1", "tii",
                     row.arn, now, now + days * SECRETS_DAY_US);
}

int secret_delete(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, delete_tx, err);
}

static int restore_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    json_object_clear(o->out);
    int r = find(tx, o, false, &row, err);
    if (r < 0)
        return r;
    name_it(o->out, &row);
    return meta_exec(tx, err, NULL,
                     "UPDATE secret SET deleted_at = NULL, expires_at = NULL WHERE arn = $1", "t",
                     row.arn);
}

int secret_restore(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                   struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, restore_tx, err);
}

/* ---- tags ---- */

static int tags_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    SW_CLEANUP(secret_row_done) struct secret_row row = {.arn = NULL};
    sw_autojson json_t *tags = NULL;
    int r = find(tx, o, true, &row, err);
    if (r < 0 || (r = secrets_json(row.tags, &tags, err)) < 0)
        return r;
    secrets_tags_remove(tags, sw_json_array(o->in, "TagKeys"));
    if ((r = secrets_tags_merge(tags, sw_json_array(o->in, "Tags"), INVALID, INVALID, err)) < 0)
        return r;
    sw_autofree char *text = sw_json_dump(tags);
    return meta_exec(tx, err, NULL, "UPDATE secret SET tags = $2 WHERE arn = $1", "tt", row.arn,
                     text);
}

int secret_tag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
               struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, tags_tx, err);
}

int secret_untag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                 struct sw_err *err)
{
    return run(s, c, in, out, META_WRITE, tags_tx, err);
}
