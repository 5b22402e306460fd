/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/registry.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "registry/core/internal.h"
#include "registry/core/pulls.h"
#include "registry/core/quota.h"

#define UPLOAD_TTL_MS (24LL * 3600 * 1000)
#define BLOB_MAX      (1ULL << 40)
#define CACHE_BYTES   (32u * 1024 * 1024)

int registry_open(const struct registry_options *o, struct registry **ret, struct sw_err *err)
{
    if (!o->db || !o->blobs || !o->keyring)
        return sw_fail(err, SW_EINTERNAL, NULL,
                       "a registry needs a database, a blob store and a keyring");
    struct registry *reg = SW_NEW(struct registry);
    reg->o = *o;
    if (reg->o.upload_ttl_ms == 0)
        reg->o.upload_ttl_ms = UPLOAD_TTL_MS;
    if (reg->o.blob_max == 0)
        reg->o.blob_max = BLOB_MAX;
    if (reg->o.uploads_per_principal == 0)
        reg->o.uploads_per_principal = LIMIT_UPLOADS_PER_PRINCIPAL;
    if (!reg->o.now_us)
        reg->o.now_us = sw_now_us;
    reg->cache = cache_new(o->cache_bytes ? o->cache_bytes : CACHE_BYTES);
    repo_table_init(&reg->repos);
    reg->uploads = upload_table_new();
    reg->asked = sw_calloc(ASKED_SLOTS, sizeof(*reg->asked));
    reg->pulls = pull_table_new();
    atomic_init(&reg->files_may_leak, true);
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    /* The collector must get its turn under a steady stream of pushes. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (size_t i = 0; i < BLOB_LOCKS; i++)
        pthread_rwlock_init(&reg->blob_locks[i], &attr);
    pthread_rwlockattr_destroy(&attr);
    public_set_init(&reg->publics);
    policy_set_init(&reg->policies);
    int r = public_set_load(&reg->publics, reg->o.db, err);
    if (r == 0)
        r = policy_set_load(&reg->policies, reg->o.db, err);
    if (r == 0)
        r = pulls_load_exclusions(reg, err);
    if (r == 0)
        r = quota_load(reg, err);
    if (r < 0) {
        registry_free(reg);
        return r;
    }
    *ret = reg;
    return 0;
}

void registry_free(struct registry *reg)
{
    if (!reg)
        return;
    upload_table_free(reg->uploads);
    repo_table_done(&reg->repos);
    public_set_done(&reg->publics);
    policy_set_done(&reg->policies);
    cache_free(reg->cache);
    free((void *)reg->asked);
    pull_table_free(reg->pulls);
    for (size_t i = 0; i < BLOB_LOCKS; i++)
        pthread_rwlock_destroy(&reg->blob_locks[i]);
    free(reg);
}

uint64_t registry_blob_max(const struct registry *reg)
{
    return reg->o.blob_max;
}

void registry_reset_memory(struct registry *reg)
{
    upload_table_clear(reg->uploads);
    repo_table_clear(&reg->repos);
    cache_clear(reg->cache);
    struct sw_err ignored = SW_ERR_INIT; /* then nothing is public */
    (void)public_set_load(&reg->publics, reg->o.db, &ignored);
    sw_err_clear(&ignored);
    (void)policy_set_load(&reg->policies, reg->o.db, &ignored);
    sw_err_clear(&ignored);
    (void)pulls_load_exclusions(reg, &ignored);
    sw_err_clear(&ignored);
    (void)quota_load(reg, &ignored);
}

pthread_rwlock_t *registry_blob_lock(struct registry *reg, const struct digest *d)
{
    return &reg->blob_locks[d->bytes[0] % BLOB_LOCKS];
}

int registry_fail_no_repo(struct sw_err *err, const char *account, const char *name)
{
    sw_fail(err, SW_ENOTFOUND, "RepositoryNotFoundException",
            "The repository with name '%s' does not exist in the registry with id '%s'", name,
            account);
    return sw_detail(err, "%s", name);
}
