/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/registry/world.h - a registry over a real database and a real folder, in the case's temporary folder.
 * Linked by tests of registry/core and, with http.h beside it, of registry/api. */
#include "auth/identity.h"
#include "auth/keyring.h"
#include "auth/token.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"
#include "registry/core/registry.h"
#include "registry/core/repo_store.h"
#include "storage/blob/blob_fault.h"
#include "tests/lib/test.h"

#define ACCOUNT "000000000000"
#define REGION  "us-east-1"

struct world {
    struct meta_db *db;
    struct blob_store *blobs;
    struct keyring *keyring;
    struct identity *identity;
    struct registry *reg;
    struct registry_options options; /* set before world_open */
    bool with_faults;                /* the same: then `fault` makes the blob store fail */
    struct blob_fault *fault;
};

static inline void world_stop(struct world *w)
{
    registry_free(w->reg);
    blob_store_free(w->blobs);
    identity_free(w->identity);
    meta_db_free(w->db);
    keyring_free(w->keyring);
    w->reg = NULL;
    w->blobs = NULL;
    w->identity = NULL;
    w->db = NULL;
    w->keyring = NULL;
}

/* Opens what is in the folder; the first time it makes it. After world_stop() it is a restart. */
static inline void world_open(struct world *w)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options o = {.path = test_path("meta.db")};
    CHECK_OK(keyring_open(test_path("master.key"), &w->keyring, &err));
    CHECK_OK(meta_sqlite_open(&o, &w->db, &err));
    CHECK_OK(identity_open(w->db, w->keyring, &w->identity, &err));
    CHECK_OK(identity_ensure_account(w->identity, ACCOUNT, &err));
    CHECK_OK(blob_fs_open(test_path("blobs"), &w->blobs, &err));
    if (w->with_faults)
        w->blobs = blob_fault_wrap(w->blobs, &w->fault);
    struct registry_options options = w->options;
    options.db = w->db;
    options.blobs = w->blobs;
    options.keyring = w->keyring;
    CHECK_OK(registry_open(&options, &w->reg, &err));
}

#define autoworld SW_CLEANUP(world_stop) struct world

static inline struct repo_key world_key(const char *name)
{
    return (struct repo_key){ACCOUNT, REGION, name};
}

static inline void world_repo(struct world *w, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key(name);
    CHECK_OK(repo_create(w->reg, &key, false, "{}", NULL, &err));
}
