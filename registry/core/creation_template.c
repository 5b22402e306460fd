/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/creation_template.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "registry/core/internal.h"
#include "registry/core/reference.h"

#define COLUMNS "prefix, document, created_at, updated_at"

void creation_template_done(struct creation_template *t)
{
    free(t->prefix);
    json_decref(t->document);
    *t = (struct creation_template){0};
}

struct template_args {
    const struct registry_key *key;
    const char *prefix;
    const json_t *document;
    int64_t now, n;
    struct creation_template t;
    int (*fn)(void *ctx, const struct creation_template *t);
    void *ctx;
};

static int from_row(struct meta_stmt *st, struct creation_template *ret, struct sw_err *err)
{
    json_t *document = NULL;
    int r = sw_json_load(meta_str(st, 1), 32, 10000, NULL, &document, err);
    if (r < 0) {
        struct sw_err why = *err;
        sw_err_clear(err);
        return sw_fail(err, SW_EINTERNAL, NULL, "a creation template is damaged: %s", why.msg);
    }
    creation_template_done(ret);
    *ret = (struct creation_template){meta_dup(st, 0), document, meta_int(st, 2), meta_int(st, 3)};
    return 0;
}

static int fail_absent(const struct template_args *a, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "TemplateNotFoundException",
                   "The Repository Creation Template with prefix '%s' does not exist in the "
                   "registry with id '%s'",
                   a->prefix, a->key->account);
}

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct template_args *a = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT " COLUMNS
                       " FROM creation_template WHERE account_id = $1 AND region = $2 AND prefix = "
                       "$3",
                       "ttt", a->key->account, a->key->region, a->prefix);
    if (r == 0)
        r = meta_step(st, err);
    if (r < 0)
        return r;
    return r == 0 ? fail_absent(a, err) : from_row(st, &a->t, err);
}

static int create_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct template_args *a = arg;
    sw_autofree char *text = sw_json_dump(a->document);
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "INSERT INTO creation_template (account_id, region, prefix, document, "
                      "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT "
                      "(account_id, region, prefix) DO NOTHING",
                      "tttti", a->key->account, a->key->region, a->prefix, text, a->now);
    if (r < 0)
        return r;
    if (changed == 0)
        return sw_fail(err, SW_ECONFLICT, "TemplateAlreadyExistsException",
                       "The Repository Creation Template with prefix '%s' already exists in the "
                       "registry with id '%s'",
                       a->prefix, a->key->account);
    return get_tx(tx, arg, err);
}

static int update_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct template_args *a = arg;
    int r = get_tx(tx, arg, err);
    if (r < 0)
        return r;
    (void)json_object_update(a->t.document, (json_t *)a->document);
    a->t.updated_at_us = a->now;
    sw_autofree char *text = sw_json_dump(a->t.document);
    return meta_exec(tx, err, NULL,
                     "UPDATE creation_template SET document = $4, updated_at = $5 WHERE account_id "
                     "= $1 AND region = $2 AND prefix = $3",
                     "tttti", a->key->account, a->key->region, a->prefix, text, a->now);
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct template_args *a = arg;
    int r = get_tx(tx, arg, err);
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "DELETE FROM creation_template WHERE account_id = $1 AND region = $2 "
                             "AND prefix = $3",
                             "ttt", a->key->account, a->key->region, a->prefix);
}

static int run(struct registry *reg, enum meta_mode mode, meta_fn fn,
               const struct registry_key *key, const char *prefix, const json_t *document,
               struct creation_template *ret, struct sw_err *err)
{
    struct template_args a = {
        .key = key, .prefix = prefix, .document = document, .now = registry_now(reg)};
    int r = meta_tx(reg->o.db, mode, fn, &a, err);
    if (r < 0)
        creation_template_done(&a.t);
    else
        *ret = a.t;
    return r < 0 ? r : 0;
}

int creation_template_create(struct registry *reg, const struct registry_key *key,
                             const char *prefix, const json_t *document,
                             struct creation_template *ret, struct sw_err *err)
{
    return run(reg, META_WRITE, create_tx, key, prefix, document, ret, err);
}

int creation_template_get(struct registry *reg, const struct registry_key *key, const char *prefix,
                          struct creation_template *ret, struct sw_err *err)
{
    return run(reg, META_READ, get_tx, key, prefix, NULL, ret, err);
}

int creation_template_update(struct registry *reg, const struct registry_key *key,
                             const char *prefix, const json_t *changes,
                             struct creation_template *ret, struct sw_err *err)
{
    return run(reg, META_WRITE, update_tx, key, prefix, changes, ret, err);
}

int creation_template_delete(struct registry *reg, const struct registry_key *key,
                             const char *prefix, struct creation_template *ret, struct sw_err *err)
{
    return run(reg, META_WRITE, delete_tx, key, prefix, NULL, ret, err);
}

static int list_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct template_args *a = arg;
    meta_autostmt *st = NULL;
    (void)a->fn(a->ctx, NULL);
    int r = meta_query(tx, err, &st,
                       "SELECT " COLUMNS
                       " FROM creation_template WHERE account_id = $1 AND region = $2 AND prefix > "
                       "$3 ORDER BY prefix LIMIT $4",
                       "ttti", a->key->account, a->key->region, a->prefix, a->n);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        r = from_row(st, &a->t, err);
        if (r == 0 && a->fn(a->ctx, &a->t))
            return 0;
    }
    return r;
}

int creation_template_list(struct registry *reg, const struct registry_key *key, const char *last,
                           int64_t n, int (*fn)(void *ctx, const struct creation_template *t),
                           void *ctx, struct sw_err *err)
{
    struct template_args a = {.key = key, .prefix = last, .n = n, .fn = fn, .ctx = ctx};
    int r = meta_tx(reg->o.db, META_READ_LONG, list_tx, &a, err);
    creation_template_done(&a.t);
    return r < 0 ? r : 0;
}

static bool applies(const struct creation_template *t, const char *reason)
{
    const json_t *list = sw_json_array(t->document, "appliedFor");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (sw_streq(json_string_value(json_array_get(list, i)), reason))
            return true;
    return false;
}

struct match_args {
    const struct repo_key *key;
    const char *reason;
    struct creation_template t;
    bool found;
};

/* 1: the template of this prefix fits. */
static int try_prefix(struct meta_tx *tx, struct match_args *a, const char *prefix,
                      struct sw_err *err)
{
    struct registry_key key = {a->key->account, a->key->region};
    struct template_args one = {.key = &key, .prefix = prefix};
    int r = get_tx(tx, &one, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (!applies(&one.t, a->reason)) {
        creation_template_done(&one.t);
        return 0;
    }
    a->t = one.t;
    return 1;
}

/* From the longest prefix of the name, cut at its slashes, to ROOT. */
static int match_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct match_args *a = arg;
    char prefix[REPO_NAME_MAX + 1];
    int r = 0;
    creation_template_done(&a->t);
    (void)sw_str_copy(sw_str(a->key->name), prefix, sizeof(prefix));
    for (char *slash; r == 0 && (slash = strrchr(prefix, '/'));) {
        slash[1] = 0; /* a prefix may be written with its slash or without */
        r = try_prefix(tx, a, prefix, err);
        *slash = 0;
        if (r == 0)
            r = try_prefix(tx, a, prefix, err);
    }
    if (r == 0)
        r = try_prefix(tx, a, TEMPLATE_ROOT, err);
    a->found = r > 0;
    return r < 0 ? r : 0;
}

int creation_template_match(struct registry *reg, const struct repo_key *key, const char *reason,
                            struct creation_template *ret, struct sw_err *err)
{
    struct match_args a = {.key = key, .reason = reason};
    int r = meta_tx(reg->o.db, META_READ, match_tx, &a, err);
    if (r < 0) {
        creation_template_done(&a.t);
        return r;
    }
    *ret = a.t;
    return a.found;
}

int registry_creates_on_push(struct registry *reg, const struct repo_key *key, bool *ret,
                             struct sw_err *err)
{
    struct creation_template t = {0};
    int r = reg->o.create_on_push
                ? 1
                : creation_template_match(reg, key, TEMPLATE_CREATE_ON_PUSH, &t, err);
    creation_template_done(&t);
    *ret = r > 0;
    return r < 0 ? r : 0;
}
