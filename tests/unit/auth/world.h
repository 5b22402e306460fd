/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/unit/auth/world.h - a database, a keyring and a directory in the case's folder. */
#include "auth/identity.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define ACCOUNT "000000000000"

struct world {
    struct meta_db *db;
    struct keyring *keyring;
    struct identity *id;
};

static inline void world_close(struct world *w)
{
    identity_free(w->id);
    meta_db_free(w->db);
    keyring_free(w->keyring);
    *w = (struct world){0};
}

/* Opens what is in the folder; the first time it makes it. */
static inline void world_open(struct world *w)
{
    struct meta_options o = {.path = test_path("meta.db")};
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(keyring_open(test_path("master.key"), &w->keyring, &err));
    CHECK_OK(meta_sqlite_open(&o, &w->db, &err));
    CHECK_OK(identity_open(w->db, w->keyring, &w->id, &err));
    CHECK_OK(identity_ensure_account(w->id, ACCOUNT, &err));
}

#define autoworld SW_CLEANUP(world_close) struct world

static inline struct identity_key world_add(struct world *w, const char *name,
                                            enum principal_kind kind, struct principal *ret)
{
    struct sw_err err = SW_ERR_INIT;
    struct identity_key key;

    CHECK_OK(identity_user_add(w->id, ACCOUNT, name, kind, NULL, ret, &key, &err));
    return key;
}
