/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/layer_upload.c - invariants:
 * 1. A row is written before its id is told and removed after the layer is linked: a crash in between leaves a row whose session is
 *    gone, which is an unknown upload and expires.
 * 2. part_state is written before the part's bytes are acknowledged; when the bytes did not follow, the upload was failing anyhow or
 *    its next part repeats the state. */
#include "registry/core/layer_upload.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/id.h"
#include "registry/core/internal.h"
#include "registry/core/quota.h"

enum part_state { PARTS_LONG, PARTS_LAST_SHORT, PARTS_SHORT };

struct layer_args {
    struct registry *reg;
    const struct repo *repo;
    const char *id, *principal, *token;
    char *found;
    int64_t state, now;
};

static int fail_unknown(const struct repo *repo, const char *id, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "UploadNotFoundException",
                   "The upload id '%s' could not be found in the repository with name '%s' in the "
                   "registry with id '%s'",
                   id, repo->name, repo->account);
}

static int insert_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct layer_args *a = arg;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO layer_upload (id, repository_id, principal, token, part_state, "
                     "touched_at) VALUES ($1, $2, $3, $4, 0, $5)",
                     "titti", a->id, a->repo->id, a->principal, a->token, a->now);
}

int layer_upload_begin(struct registry *reg, struct repo *repo, const char *principal_id,
                       char ret_id[LAYER_UUID_LEN + 1], struct sw_err *err)
{
    struct upload *u = NULL;
    char id[LAYER_UUID_LEN + 1];
    int r = upload_begin(reg, repo, principal_id, DIGEST_SHA256, false, &u, err);
    if (r < 0)
        return r;
    sw_uuid(id);
    struct layer_args a = {.repo = repo,
                           .id = id,
                           .principal = principal_id,
                           .token = upload_token(u),
                           .now = registry_now(reg)};
    r = meta_tx(reg->o.db, META_WRITE, insert_tx, &a, err);
    if (r < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)upload_cancel(u, &ignored);
    } else {
        (void)sw_str_copy(sw_str(id), ret_id, LAYER_UUID_LEN + 1);
    }
    upload_release(u);
    return r < 0 ? r : 0;
}

static int find_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct layer_args *a = arg;
    free(SW_TAKE(a->found));
    int r = meta_get(tx, err,
                     "SELECT token, part_state FROM layer_upload WHERE id = $1 AND repository_id = "
                     "$2 AND principal = $3",
                     "tit", a->id, a->repo->id, a->principal, "ti", &a->found, &a->state);
    if (r < 0)
        return r;
    return r == 0 ? fail_unknown(a->repo, a->id, err) : 0;
}

/* The upload, held. */
static int acquire(struct layer_args *a, struct upload **ret, struct sw_err *err)
{
    int r = meta_tx(a->reg->o.db, META_READ, find_tx, a, err);
    if (r == 0)
        r = upload_acquire(a->reg, a->repo, a->principal, a->found, ret, err);
    if (r == SW_ENOTFOUND && !sw_streq(err->reason, "UploadNotFoundException")) {
        sw_err_clear(err);
        r = fail_unknown(a->repo, a->id, err);
    }
    free(SW_TAKE(a->found));
    return r;
}

static int touch_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct layer_args *a = arg;
    return meta_exec(tx, err, NULL,
                     "UPDATE layer_upload SET part_state = $2, touched_at = $3 WHERE id = $1",
                     "tii", a->id, a->state, a->now);
}

static int64_t next_state(int64_t state, size_t n)
{
    if (state != PARTS_LONG)
        return PARTS_SHORT;
    return n < LAYER_PART_MIN ? PARTS_LAST_SHORT : PARTS_LONG;
}

int layer_upload_find(struct registry *reg, struct repo *repo, const char *principal_id,
                      const char *id, uint64_t *ret_size, struct sw_err *err)
{
    struct layer_args a = {.reg = reg, .repo = repo, .id = id, .principal = principal_id};
    struct upload *u = NULL;
    int r = acquire(&a, &u, err);
    if (r < 0)
        return r;
    *ret_size = upload_size(u);
    upload_release(u);
    return 0;
}

static int append_part(struct layer_args *a, struct upload *u, const struct layer_part *part,
                       uint64_t size, struct sw_err *err)
{
    if (part->first != size)
        return sw_fail(err, SW_EINVALID, "InvalidLayerPartException",
                       "The part begins at byte %" PRIu64 ", but %" PRIu64 " bytes were received",
                       part->first, size);
    int r = quota_room_beside(a->reg, a->repo, u, NULL, size + part->n, err);
    if (r < 0)
        return r;
    a->state = next_state(a->state, part->n);
    r = meta_tx(a->reg->o.db, META_WRITE, touch_tx, a, err);
    return r < 0 ? r : upload_append(u, part->data, part->n, err);
}

int layer_upload_part(struct registry *reg, struct repo *repo, const char *principal_id,
                      const struct layer_part *part, uint64_t *ret_size, struct sw_err *err)
{
    struct layer_args a = {.reg = reg,
                           .repo = repo,
                           .id = part->id,
                           .principal = principal_id,
                           .now = registry_now(reg)};
    struct upload *u = NULL;
    int r = acquire(&a, &u, err);
    if (r < 0)
        return r;
    upload_keep_partial(u);
    *ret_size = upload_size(u);
    r = append_part(&a, u, part, *ret_size, err);
    if (r >= 0)
        *ret_size += part->n;
    upload_release(u);
    return r < 0 ? r : 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct layer_args *a = arg;
    return meta_exec(tx, err, NULL, "DELETE FROM layer_upload WHERE id = $1", "t", a->id);
}

static int check_parts(const struct layer_args *a, struct upload *u, struct sw_err *err)
{
    if (upload_size(u) == 0)
        return sw_fail(err, SW_EINVALID, "EmptyUploadException",
                       "The upload '%s' contains no layer parts", a->id);
    if (a->state == PARTS_SHORT)
        return sw_fail(err, SW_EINVALID, "LayerPartTooSmallException",
                       "Layer parts must be at least %d bytes in size, except for the last one",
                       LAYER_PART_MIN);
    return 0;
}

static int finish(struct layer_args *a, struct upload *u, struct repo *repo,
                  const struct digest *expect, bool *ret_over, struct sw_err *err)
{
    struct blob_link link;
    struct blob_info info;
    char digest[DIGEST_STRING_MAX];
    struct sw_err absent = SW_ERR_INIT;
    bool known = blob_link_find(a->reg, repo, expect, &link, &absent) == 0;
    int r = check_parts(a, u, err);
    if (r == 0)
        r = upload_commit(u, repo, expect, &info, err);
    *ret_over = r == 0;
    digest_format(expect, digest);
    if (r == SW_EMISMATCH) {
        sw_err_clear(err);
        return sw_fail(err, SW_EMISMATCH, "InvalidLayerException",
                       "The layer does not have the digest '%s'", digest);
    }
    if (r == 0 && known)
        r = sw_fail(err, SW_ECONFLICT, "LayerAlreadyExistsException",
                    "Layer with digest '%s' already exists in the repository with name '%s' in "
                    "registry with id '%s'",
                    digest, repo->name, repo->account);
    return r;
}

int layer_upload_complete(struct registry *reg, struct repo *repo, const char *principal_id,
                          const char *id, const struct digest *expect, struct sw_err *err)
{
    struct layer_args a = {.reg = reg, .repo = repo, .id = id, .principal = principal_id};
    struct upload *u = NULL;
    struct sw_err other = SW_ERR_INIT;
    bool over = false;
    int r = acquire(&a, &u, err);
    if (r < 0)
        return r;
    upload_keep_partial(u);
    r = finish(&a, u, repo, expect, &over, err);
    upload_release(u);
    if (over && meta_tx(reg->o.db, META_WRITE, delete_tx, &a, &other) < 0 && r == 0)
        return sw_err_move(err, &other);
    return r;
}

struct expire_args {
    int64_t before_us;
};

static int any_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct expire_args *a = arg;
    int64_t one;
    return meta_get(tx, err, "SELECT 1 FROM layer_upload WHERE touched_at < $1 LIMIT 1", "i",
                    a->before_us, "i", &one);
}

static int expire_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct expire_args *a = arg;
    return meta_exec(tx, err, NULL, "DELETE FROM layer_upload WHERE touched_at < $1", "i",
                     a->before_us);
}

int layer_upload_expire(struct registry *reg, int64_t before_us, struct sw_err *err)
{
    struct expire_args a = {before_us};
    int r = meta_tx(reg->o.db, META_READ_LONG, any_tx, &a, err);
    if (r > 0)
        r = meta_tx(reg->o.db, META_WRITE, expire_tx, &a, err);
    return r < 0 ? r : 0;
}
