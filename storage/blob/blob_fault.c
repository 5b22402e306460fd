/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/blob/blob_fault.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/macros.h"

struct blob_fault {
    struct blob_store *inner;
    const struct blob_ops *ops;
    void *drv;
    _Atomic uint64_t points, hits;
    uint64_t nth;
    bool persistent;
    int errno_value;
};

struct upload {
    struct blob_fault *fault;
    void *state;
};

static int point(struct blob_fault *f, const char *what, struct sw_err *err)
{
    uint64_t n = atomic_fetch_add(&f->points, 1) + 1;
    if (f->nth == 0 || n < f->nth || (n > f->nth && !f->persistent))
        return 0;
    atomic_fetch_add(&f->hits, 1);
    return sw_fail_os(err, f->errno_value, "injected fault: %s", what);
}

static int fault_stat(void *drv, const char *key, uint64_t *ret_size, struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "stat", err);
    return r < 0 ? r : f->ops->stat(f->drv, key, ret_size, err);
}

static int fault_open(void *drv, const char *key, int *ret_fd, uint64_t *ret_size,
                      struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "open", err);
    return r < 0 ? r : f->ops->open(f->drv, key, ret_fd, ret_size, err);
}

static int fault_upload_open(void *drv, const char *id, bool create, void **ret_state,
                             uint64_t *ret_size, struct sw_err *err)
{
    struct blob_fault *f = drv;
    void *state = NULL;
    int r = point(f, "upload_open", err);
    if (r == 0)
        r = f->ops->upload_open(f->drv, id, create, &state, ret_size, err);
    if (r < 0)
        return r;
    struct upload *u = SW_NEW(struct upload);
    u->fault = f;
    u->state = state;
    *ret_state = u;
    return 0;
}

static int fault_upload_append(void *state, const void *data, size_t n, struct sw_err *err)
{
    struct upload *u = state;
    int r = point(u->fault, "append", err);
    return r < 0 ? r : u->fault->ops->upload_append(u->state, data, n, err);
}

static int fault_upload_read(void *state, uint64_t offset, void *out, size_t cap, size_t *ret_n,
                             struct sw_err *err)
{
    struct upload *u = state;
    int r = point(u->fault, "read", err);
    return r < 0 ? r : u->fault->ops->upload_read(u->state, offset, out, cap, ret_n, err);
}

static int fault_upload_truncate(void *state, uint64_t size, struct sw_err *err)
{
    struct upload *u = state;
    int r = point(u->fault, "truncate", err);
    return r < 0 ? r : u->fault->ops->upload_truncate(u->state, size, err);
}

static int fault_upload_commit(void *state, const struct digest *d, char ret_key[BLOB_KEY_MAX],
                               struct sw_err *err)
{
    struct upload *u = state;
    int r = point(u->fault, "commit", err);
    if (r == 0)
        r = u->fault->ops->upload_commit(u->state, d, ret_key, err);
    return r < 0 ? r : point(u->fault, "the answer of commit", err);
}

static void fault_upload_close(void *state)
{
    struct upload *u = state;
    u->fault->ops->upload_close(u->state);
    free(u);
}

static int fault_upload_cancel(void *state, struct sw_err *err)
{
    struct upload *u = state;
    int r = point(u->fault, "cancel", err);
    return r < 0 ? r : u->fault->ops->upload_cancel(u->state, err);
}

static int fault_remove(void *drv, const char *key, struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "remove", err);
    return r < 0 ? r : f->ops->remove(f->drv, key, err);
}

static int fault_quarantine(void *drv, const char *key, struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "quarantine", err);
    return r < 0 ? r : f->ops->quarantine(f->drv, key, err);
}

static int fault_list(void *drv,
                      int (*fn)(void *ctx, const char *key, uint64_t size, int64_t modified_at_us),
                      void *ctx, struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "list", err);
    return r < 0 ? r : f->ops->list(f->drv, fn, ctx, err);
}

static int fault_list_uploads(void *drv, int (*fn)(void *ctx, const struct blob_upload_info *u),
                              void *ctx, struct sw_err *err)
{
    struct blob_fault *f = drv;
    int r = point(f, "list_uploads", err);
    return r < 0 ? r : f->ops->list_uploads(f->drv, fn, ctx, err);
}

static void fault_free(void *drv)
{
    struct blob_fault *f = drv;
    blob_store_free(f->inner);
    free(f);
}

static const struct blob_ops fault_ops = {.name = "fault",
                                          .stat = fault_stat,
                                          .open = fault_open,
                                          .upload_open = fault_upload_open,
                                          .upload_append = fault_upload_append,
                                          .upload_read = fault_upload_read,
                                          .upload_truncate = fault_upload_truncate,
                                          .upload_commit = fault_upload_commit,
                                          .upload_close = fault_upload_close,
                                          .upload_cancel = fault_upload_cancel,
                                          .remove = fault_remove,
                                          .quarantine = fault_quarantine,
                                          .list = fault_list,
                                          .list_uploads = fault_list_uploads,
                                          .free = fault_free};

struct blob_store *blob_fault_wrap(struct blob_store *inner, struct blob_fault **ret)
{
    struct blob_fault *f = SW_NEW(struct blob_fault);
    f->inner = inner;
    f->ops = blob_store_ops(inner);
    f->drv = blob_store_driver(inner);
    *ret = f;
    return blob_store_new(&fault_ops, f);
}

void blob_fault_arm(struct blob_fault *f, uint64_t nth, bool persistent, int errno_value)
{
    atomic_store(&f->points, 0);
    atomic_store(&f->hits, 0);
    f->nth = nth;
    f->persistent = persistent;
    f->errno_value = errno_value;
}

uint64_t blob_fault_points(const struct blob_fault *f)
{
    return atomic_load(&f->points);
}

uint64_t blob_fault_hits(const struct blob_fault *f)
{
    return atomic_load(&f->hits);
}
