/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/directory_internal.h - what the files of the directory share; nobody else includes it.
 * `change` is held over a change's rows and its memory, so both see changes in one order; who holds it may read memory without the
 * read lock. Memory is changed under the write lock of `lock`. */
#include <pthread.h>

#include "auth/directory.h"
#include "auth/strmap.h"

#define DIRECTORY_NAME_MAX 129
#define DIRECTORY_KEY_MAX  (24 + 13 + 256 + 3)
#define SECRET_MAX         128

struct key_entry {
    struct iam_key_info info;
    char secret[SECRET_MAX + 1];
    bool used; /* since the last flush */
};

struct directory_maps {
    struct strmap by_id; /* owns the objects */
    struct strmap by_name, by_arn;
    struct strmap keys;    /* owns struct key_entry */
    struct strmap aliases; /* account -> char *, owned */
};

struct identity {
    struct meta_db *db;
    struct keyring *keyring;
    pthread_mutex_t change;
    pthread_rwlock_t lock;
    pthread_mutex_t views; /* of building a view; inside the read lock */
    struct directory_maps maps;
    uint64_t generation;       /* of the maps */
    identity_retire_fn retire; /* under change */
    void *retire_ctx;
};

/* directory_entity.c: one object. Setters check and fill; they neither lock nor store. */
struct iam_entity *entity_new(const struct directory_new *n, int64_t now_us, struct sw_err *err);
struct iam_entity *entity_clone(const struct iam_entity *e);
void entity_free(struct iam_entity *e); /* NULL ok */
void entity_set_arn(struct iam_entity *e);
void entity_set_str(char **slot, const char *value);
const char *entity_display(
    enum iam_kind kind); /* "user", "role", "Instance Profile" as in IAM's sentences */
bool words_add(struct iam_words *w, const char *word);
bool words_remove(struct iam_words *w, const char *word);
void words_clear(struct iam_words *w);
int entity_check_name(enum iam_kind kind, const char *name, struct sw_err *err);
int entity_check_path(const char *path, struct sw_err *err);
int entity_check_description(const char *text, struct sw_err *err);
int entity_set_inline(struct iam_entity *e, const char *name, const char *text,
                      struct policy_position *ret_where, struct sw_err *err);
int entity_set_trust(struct iam_entity *e, const char *text, struct policy_position *ret_where,
                     struct sw_err *err);
int entity_add_version(struct iam_entity *e, const char *text, bool set_default, int64_t now_us,
                       struct policy_position *ret_where, struct sw_err *err);
int entity_set_session(struct iam_entity *e, int64_t max_session_s, struct sw_err *err);
int entity_set_tags(struct iam_entity *e, const struct iam_tag *tags, size_t n, struct sw_err *err);
void entity_remove_tag(struct iam_entity *e, const char *key);
/* Puts in place without checks: rows. doc is taken. */
void entity_put_tag(struct iam_entity *e, const char *key, const char *value);
void entity_put_inline(struct iam_entity *e, const char *name, const char *text,
                       struct policy_document *doc);
void entity_put_version(struct iam_entity *e, int64_t number, const char *text,
                        struct policy_document *doc, int64_t created_at_us);

/* directory_store.c: rows. */
int store_load(struct meta_db *db, struct keyring *k, struct directory_maps *ret,
               struct sw_err *err);
struct store_key {
    const struct iam_entity *user;
    const struct identity_key *pair;
    struct sw_buf sealed;
    int64_t now_us;
};
int store_key_init(struct store_key *k, struct keyring *ring, const struct iam_entity *user,
                   const struct identity_key *pair, struct sw_err *err);
int store_key_insert(struct meta_tx *tx, void *key, struct sw_err *err); /* a meta_fn */
/* In one transaction; key may be NULL. */
int store_save(struct meta_db *db, const struct iam_entity *e, const struct store_key *key,
               struct sw_err *err);
/* With the keys of a user. */
int store_delete(struct meta_db *db, const struct iam_entity *e, struct sw_err *err);

/* directory.c: memory. The caller holds `change`; these take the write lock. */
/* In place: names that become the same are the same. Without case, but for the path of a provider's URL. */
void directory_fold_name(enum iam_kind kind, char *name);
void directory_name_key(enum iam_kind kind, const char *account, const char *name,
                        char ret[DIRECTORY_KEY_MAX]);
void maps_done(struct directory_maps *m);
void maps_put(struct directory_maps *m, struct iam_entity *e);
void maps_drop(struct directory_maps *m, const char *id); /* frees the object */
struct iam_entity *maps_find(const struct directory_maps *m, enum iam_kind kind,
                             const char *account, const char *name);
void directory_publish(struct identity *d, struct iam_entity *e); /* takes e */
void directory_forget(struct identity *d, const char *id);
void directory_put_key(struct identity *d, struct key_entry *k); /* takes k */
void directory_forget_key(struct identity *d, const char *key_id);
size_t directory_count(const struct directory_maps *m, enum iam_kind kind, const char *account);
int directory_missing(struct sw_err *err, enum iam_kind kind, const char *name);

/* directory_builtin.c: AWS managed policies, put in place of those that are there. */
void builtin_add(struct directory_maps *m);

/* directory_change.c: `key`, of a user, may be NULL. */
int directory_check_new(struct identity *d, const struct iam_entity *e, struct sw_err *err);

struct iam_entity *directory_copy(struct identity *d, const struct iam_entity *e);

/* directory_retire.c: before a user or role is deleted or gets another ARN. */
int directory_retire(struct identity *d, const struct iam_entity *gone, struct sw_err *err);
/* Trust policies that name by ARN a user or role of their account that nothing has, there() says: a policy file had it. They name
 * the id that files give it. */
int directory_retire_absent(struct identity *d, bool (*there)(void *ctx, const char *arn),
                            void *ctx, struct sw_err *err);

/* directory_key.c */
void key_remember(struct identity *d, const struct store_key *k);
int key_mint(const struct identity_key *given, struct identity_key *ret, struct sw_err *err);
