/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/robot_internal.h - what auth/robot.c and auth/robot_verify.c share. */
#include <pthread.h>
#include <sodium.h>

#include "auth/robot.h"
#include "storage/meta/meta.h"

#define ROBOT_HASH_N  32   /* of a login */
#define ROBOT_CACHE_N 1024 /* passwords that are known to be right */
#define ROBOT_WRONG_N 512  /* and wrong */
#define ROBOT_PEERS_N 256  /* addresses that guessed */

struct robot_right { /* user_id "" : empty */
    unsigned char hash[ROBOT_HASH_N];
    char user_id[33];
    int64_t expires_at_us;
};
struct robot_wrong {
    unsigned char hash[ROBOT_HASH_N];
    int64_t until_us;
};
struct robot_peer {
    char ip[46];
    int64_t since_us;
    unsigned failures;
};

struct robot_store {
    struct meta_db *db;
    struct identity *id;
    unsigned char key[crypto_generichash_KEYBYTES]; /* of the hashes; made anew at each start */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned busy, waiting;
    unsigned char running[ROBOT_SLOTS]
                         [ROBOT_HASH_N]; /* hashes of what is computed now; zero: free */
    uint64_t generation;                 /* of what is known: raised by robot_forget() */
    struct robot_right *right;
    struct robot_wrong *wrong;
    struct robot_peer *peers;
};

/* Argon2id of a password, with its parameters. */
int robot_hash(const char *password, char ret[crypto_pwhash_STRBYTES], struct sw_err *err);
/* Forgets what is known of all passwords. */
void robot_forget(struct robot_store *s);
