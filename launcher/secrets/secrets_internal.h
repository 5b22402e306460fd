/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/secrets/secrets_internal.h - what the files of this folder share; nobody else includes it. */
#include "auth/keyring.h"
#include "base/buf.h"
#include "base/json.h"
#include "launcher/secrets/secrets.h"
#include "storage/meta/meta.h"

#define SECRETS_DAY_US   86400000000LL
#define SECRETS_TAGS_MAX 50

struct secrets {
    struct meta_db *db;
    struct keyring *keyring;
    int64_t (*now_us)(void);
};

/* kind is "secret" or "parameter". Part of the context: a value opens only as this version of this ARN. */
int secrets_seal(struct secrets *s, const char *arn, const char *version, const char *value,
                 struct sw_buf *out, struct sw_err *err);
/* *ret is the caller's: secret_value_free(). */
int secrets_unseal(struct secrets *s, const char *arn, const char *version, struct sw_str sealed,
                   char **ret, struct sw_err *err);

/* Parses a list of our own rows. */
int secrets_json(const char *text, json_t **ret, struct sw_err *err);
json_t *secrets_list_member(json_t *out, const char *key); /* sets and borrows a new list */
/* Adds tags of `more` to the list, or replaces theirs; `reason` is the service's for too many, `invalid` for those of AWS itself. */
int secrets_tags_merge(json_t *tags, const json_t *more, const char *reason, const char *invalid,
                       struct sw_err *err);
void secrets_tags_remove(json_t *tags, const json_t *keys);
/* The item of `key` is on this page if there is room; false: the page is full and ends before it. */
bool secrets_page_room(struct secrets_page *page, size_t have, const char *last_key);

/* ---- rows of secrets: secret_store.c ---- */
struct secret_row {
    char *arn, *name, *description, *kms_key_id, *tags;
    int64_t created_at, changed_at, accessed_at, deleted_at, expires_at; /* 0: NULL */
};
void secret_row_done(struct secret_row *r);
#define SECRET_COLUMNS                                                                            \
    "arn, name, description, kms_key_id, tags, created_at, changed_at, coalesce(accessed_at, 0)," \
    " coalesce(deleted_at, 0), coalesce(expires_at, 0)"
void secret_row_from(struct meta_stmt *st, struct secret_row *ret);
/* 1: found. One whose recovery window is over is not there. */
int secret_row_find(struct meta_tx *tx, const struct secrets_caller *c, const char *secret_id,
                    int64_t now_us, struct secret_row *ret, struct sw_err *err);
/* The name in a SecretId; false for an ARN of something or somebody else. */
bool secret_id_name(const struct secrets_caller *c, const char *secret_id, const char **ret_name);
/* {versionId: [stages]} in the order of creation, the caller's. */
int secret_stages(struct meta_tx *tx, const char *arn, json_t **ret, struct sw_err *err);
int secret_stages_save(struct meta_tx *tx, const char *arn, const char *version,
                       const json_t *stages, struct sw_err *err);

struct secret_value {
    const char *version; /* ClientRequestToken */
    const char *text;    /* base64 when binary */
    bool binary;
    const json_t *stages; /* NULL: AWSCURRENT */
};
/* Adds a version. *ret_stages (may be NULL): its stages, the caller's. A version of this id that holds this value is left alone. */
int secret_version_add(struct secrets *s, struct meta_tx *tx, const struct secret_row *row,
                       const struct secret_value *v, json_t **ret_stages, struct sw_err *err);

/* ---- stages: secret_stages.c; pure ---- */
/* The version of that stage, borrowed; NULL: none. */
const char *secret_stage_holder(const json_t *versions, const char *stage);
/* Moves one stage to `to` (NULL: takes it away). AWSCURRENT leaves AWSPREVIOUS behind. */
void secret_stage_move(json_t *versions, const char *stage, const char *to);
