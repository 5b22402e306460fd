/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/robot.h - named passwords with scopes and an expiry, for tools that cannot sign: `docker login -u ci`.
 * A robot is a user of the directory with the path /robot/, whose inline policy is made of the scopes; so it is decided about,
 * listed, audited and given more policies like any user. What is added is the password.
 * Owns: the rows of table robot. Passwords are made here (160 random bits), shown once, and stored as argon2id.
 * Promise: argon2 runs once for a password, then a bounded cache knows it by a keyed hash; wrong passwords are remembered too, an
 * address that guesses is refused for a while without argon2, and at most ROBOT_SLOTS passwords are computed at a time, so
 * guessing takes neither memory nor workers. A password that was rotated or removed is void at once.
 * Threads: shared freely. robot_verify() may block for a moment unless it is told not to.
 * Expected errors: SW_EDENIED "UNAUTHORIZED", SW_ELIMIT "TOOMANYREQUESTS", IAM's of auth/directory.h, "ValidationError".
 * docs/internals/tokens.md. */
#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "base/str.h"

#define ROBOT_PASSWORD_MAX 48
#define ROBOT_SCOPES_MAX   2048
#define ROBOT_SLOTS        2
#define ROBOT_PATH         "/robot/"
#define ROBOT_POLICY       "robot-scopes" /* name of the inline policy */

struct robot_store;
int robot_open(struct meta_db *db, struct identity *id, struct robot_store **ret,
               struct sw_err *err);
void robot_free(struct robot_store *s); /* NULL ok */

/* Scopes as text: "NAME:RIGHT[,RIGHT...]", blanks between several; NAME is a repository name or a prefix that ends in '*', RIGHT
 * pull, push or delete. Push includes pull. Appends an IAM policy document. SW_EINVALID "ValidationError". */
int robot_scopes_policy(const char *scopes, const char *account, struct sw_buf *out,
                        struct sw_err *err);

struct robot {
    char name[PRINCIPAL_NAME_MAX];
    char *scopes;
    int64_t created_at_us, rotated_at_us, expires_at_us; /* expires 0: never */
};
int robot_add(struct robot_store *s, const char *account, const char *name, const char *scopes,
              int64_t now_us, int64_t expires_at_us, char ret_password[ROBOT_PASSWORD_MAX],
              struct sw_err *err);
/* A new password; the old one is void. expires_at_us < 0: as it was. */
int robot_rotate(struct robot_store *s, const char *account, const char *name, int64_t now_us,
                 int64_t expires_at_us, char ret_password[ROBOT_PASSWORD_MAX], struct sw_err *err);
int robot_remove(struct robot_store *s, const char *account, const char *name, struct sw_err *err);
/* By name. */
int robot_list(struct robot_store *s, const char *account,
               void (*fn)(void *ctx, const struct robot *r), void *ctx, struct sw_err *err);

struct robot_login {
    const char *account;
    struct sw_str user; /* "ci", "robot$ci" or "ci$robot" */
    struct sw_str password;
    const char *peer_ip; /* NULL: unknown */
    int64_t now_us;
    bool
        must_not_block; /* SW_EUNAVAILABLE "RobotUnverified" where argon2 would have to run: ask again from a worker */
};
int robot_verify(struct robot_store *s, const struct robot_login *l, struct principal *ret,
                 struct sw_err *err);
