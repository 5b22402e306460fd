/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/identity.h - the directory of accounts, users and access keys: rows in the database, a whole copy in memory, so that
 * authenticating a request reads no rows. Changes go to the rows first, then to the copy.
 * Threads: shared freely. Expected errors carry IAM's names: NoSuchEntity, EntityAlreadyExists, ValidationError. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keyring.h"
#include "auth/principal.h"
#include "base/err.h"
#include "storage/meta/meta.h"

struct identity;
int identity_open(struct meta_db *db, struct keyring *k, struct identity **ret, struct sw_err *err);
void identity_free(struct identity *id);

struct identity_key {
    char access_key_id[33];
    char secret_access_key[129];
};

/* Makes the account if it is missing. */
int identity_ensure_account(struct identity *id, const char *account, struct sw_err *err);
/* Adds a user with one access key. `given` may be NULL: a pair is minted. Name: [A-Za-z0-9+=,.@_-]{1,64}; a given id:
 * 16 to 32 of [A-Z0-9] (also lower-case test ids such as "test" are taken: 3 to 128 word characters, stored as given, at most
 * 32), a given secret: 1 to 128 printable characters. EntityAlreadyExists for a name or key id in use. */
int identity_user_add(struct identity *id, const char *account, const char *name,
                      enum principal_kind kind, const struct identity_key *given,
                      struct principal *ret, struct identity_key *ret_key, struct sw_err *err);
/* After the rows were emptied and read again: a user as it was, with its id, so that what was sealed for it is good, and one key. */
int identity_user_restore(struct identity *id, const struct principal *before,
                          const struct identity_key *key, struct sw_err *err);
int identity_user_delete(struct identity *id, const char *account, const char *name,
                         struct sw_err *err);
/* By name, in name order. fn non-zero stops. */
int identity_user_list(struct identity *id, const char *account,
                       int (*fn)(void *ctx, const struct principal *p, int64_t created_at_us),
                       void *ctx, struct sw_err *err);
/* From memory. SW_ENOTFOUND (NoSuchEntity). */
int identity_user_by_name(struct identity *id, const char *account, const char *name,
                          struct principal *ret, struct sw_err *err);
int identity_user_by_id(struct identity *id, const char *user_id, struct principal *ret,
                        struct sw_err *err);
/* The secret of an access key and whose it is. SW_ENOTFOUND, reason "UnrecognizedClientException". */
int identity_secret(struct identity *id, const char *access_key_id, struct principal *ret,
                    char ret_secret[129], struct sw_err *err);
/* From memory: whether that access key exists, is active and belongs to that user. */
bool identity_key_is_of(struct identity *id, const char *access_key_id, const char *user_id);
/* Before a user or role is deleted, leaves the policy files or gets another ARN, fn is told the ARN that ends and the unique id that
 * stays its own: policies that are kept elsewhere then name the id (auth/policy_retire.h). A failure stops the change. fn must not
 * change the directory. */
typedef int (*identity_retire_fn)(void *ctx, const char *arn, const char *unique_id,
                                  struct sw_err *err);
void identity_on_retire(struct identity *id, identity_retire_fn fn, void *ctx);
/* Forgets everything in memory and reads the rows again (after a reset). */
int identity_reload(struct identity *id, struct sw_err *err);
