/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/layer_upload.h"

#include "tests/unit/registry/world.h"

#define WHO "AIDAUPLOADER"

struct fixture {
    struct world w;
    struct repo *repo;
    char id[LAYER_UUID_LEN + 1];
};

static void done(struct fixture *f)
{
    repo_unref(f->repo);
    f->repo = NULL;
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(done) struct fixture

static void reopen(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("a");
    world_open(&f->w);
    CHECK_OK(repo_open(f->w.reg, &key, &f->repo, &err));
}

static void begin(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    world_open(&f->w);
    world_repo(&f->w, "a");
    done(f);
    reopen(f);
    CHECK_OK(layer_upload_begin(f->w.reg, f->repo, WHO, f->id, &err));
}

static int add(struct fixture *f, uint64_t first, size_t n, uint64_t *ret, struct sw_err *err)
{
    char *bytes = sw_calloc(1, n ? n : 1);
    struct layer_part part = {f->id, first, bytes, n};
    int r = layer_upload_part(f->w.reg, f->repo, WHO, &part, ret, err);
    free(bytes);
    return r;
}

static void zeros(size_t n, struct digest *ret)
{
    char *bytes = sw_calloc(1, n);
    digest_of(DIGEST_SHA256, bytes, n, ret);
    free(bytes);
}

TEST(parts_come_in_order)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    uint64_t size = 0;
    struct digest d;
    begin(&f);
    CHECK_OK(add(&f, 0, LAYER_PART_MIN, &size, &err));
    CHECK_EQ_UINT(size, LAYER_PART_MIN);
    CHECK_ERR(add(&f, 0, 1, &size, &err), SW_EINVALID, "InvalidLayerPartException");
    CHECK_ERR(add(&f, size + 1, 1, &size, &err), SW_EINVALID, "InvalidLayerPartException");
    CHECK_EQ_UINT(size, LAYER_PART_MIN);
    CHECK_OK(add(&f, size, 3, &size, &err));
    zeros(LAYER_PART_MIN + 3, &d);
    CHECK_OK(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err));
    CHECK_ERR(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err), SW_ENOTFOUND,
              "UploadNotFoundException");
    CHECK_OK(layer_upload_begin(f.w.reg, f.repo, WHO, f.id, &err));
    CHECK_OK(add(&f, 0, LAYER_PART_MIN + 3, &size, &err));
    CHECK_ERR(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err), SW_ECONFLICT,
              "LayerAlreadyExistsException");
}

TEST(a_short_part_must_be_the_last)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    uint64_t size = 0;
    struct digest d;
    begin(&f);
    zeros(2, &d);
    CHECK_ERR(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err), SW_EINVALID,
              "EmptyUploadException");
    CHECK_OK(add(&f, 0, 1, &size, &err));
    CHECK_OK(add(&f, 1, 1, &size, &err));
    CHECK_ERR(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err), SW_EINVALID,
              "LayerPartTooSmallException");
}

TEST(an_upload_is_its_beginners_and_outlives_a_restart)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    uint64_t size = 0;
    struct digest d;
    begin(&f);
    CHECK_OK(add(&f, 0, LAYER_PART_MIN, &size, &err));
    CHECK_ERR(layer_upload_find(f.w.reg, f.repo, "AIDAOTHER", f.id, &size, &err), SW_ENOTFOUND,
              "UploadNotFoundException");
    world_repo(&f.w, "b");
    struct repo_key key = world_key("b");
    struct repo *other = NULL;
    CHECK_OK(repo_open(f.w.reg, &key, &other, &err));
    CHECK_ERR(layer_upload_find(f.w.reg, other, WHO, f.id, &size, &err), SW_ENOTFOUND,
              "UploadNotFoundException");
    repo_unref(other);
    done(&f);
    reopen(&f);
    CHECK_OK(layer_upload_find(f.w.reg, f.repo, WHO, f.id, &size, &err));
    CHECK_EQ_UINT(size, LAYER_PART_MIN);
    CHECK_OK(add(&f, size, 1, &size, &err));
    zeros(3, &d);
    CHECK_ERR(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err), SW_EMISMATCH,
              "InvalidLayerException");
    zeros(LAYER_PART_MIN + 1, &d);
    CHECK_OK(layer_upload_complete(f.w.reg, f.repo, WHO, f.id, &d, &err));
}

TEST(forgotten_uploads_expire)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    uint64_t size;
    begin(&f);
    CHECK_OK(layer_upload_expire(f.w.reg, sw_now_us() - 3600 * 1000000LL, &err));
    CHECK_OK(layer_upload_find(f.w.reg, f.repo, WHO, f.id, &size, &err));
    CHECK_OK(layer_upload_expire(f.w.reg, sw_now_us() + 1000000, &err));
    CHECK_ERR(layer_upload_find(f.w.reg, f.repo, WHO, f.id, &size, &err), SW_ENOTFOUND,
              "UploadNotFoundException");
}
