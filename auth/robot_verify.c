/* SPDX-License-Identifier: Apache-2.0 */
/* Checking robots' passwords.
 * A login is known by its hash: BLAKE2b of account, name and password under a random key that lives as long as the process, so
 * the caches hold nothing that could be tried elsewhere. Each cache is an array with one place for a hash; a newcomer takes the
 * place of who was there, which costs that one an argon2.
 * Invariants: 1. nothing is put into the caches that was computed before the latest robot_forget(). 2. At most ROBOT_SLOTS
 * threads compute, at most WAITERS_MAX wait for a slot; who asks for what another thread computes waits for that.
 * 3. The lock is not held while a password is computed or a row is read. */
#include <assert.h>
#include <string.h>

#include "auth/robot_internal.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/macros.h"

#define OPS           2
#define MEMORY        (19 * 1024 * 1024) /* RFC 9106 leaves it to the place; 20 ms on a small machine */
#define WRONG_US      (60 * 1000000LL)
#define GUESS_US      (60 * 1000000LL) /* window of failures from one address */
#define GUESSES_MAX   10
#define WAITERS_MAX   6
#define PASSWORD_MAX_ 128

#define WRONG_LOGIN        "The user name or the password is wrong."
#define deny(err, ...)     sw_fail((err), SW_EDENIED, "UNAUTHORIZED", __VA_ARGS__)
#define too_many(err, ...) sw_fail((err), SW_ELIMIT, "TOOMANYREQUESTS", __VA_ARGS__)

int robot_open(struct meta_db *db, struct identity *id, struct robot_store **ret,
               struct sw_err *err)
{
    if (sodium_init() < 0)
        return sw_fail(err, SW_EINTERNAL, NULL, "libsodium does not start");
    struct robot_store *s = SW_NEW(struct robot_store);
    s->db = db;
    s->id = id;
    sw_random_bytes(s->key, sizeof(s->key));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    s->right = sw_calloc(ROBOT_CACHE_N, sizeof(*s->right));
    s->wrong = sw_calloc(ROBOT_WRONG_N, sizeof(*s->wrong));
    s->peers = sw_calloc(ROBOT_PEERS_N, sizeof(*s->peers));
    *ret = s;
    return 0;
}

void robot_free(struct robot_store *s)
{
    if (!s)
        return;
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    sodium_memzero(s->key, sizeof(s->key));
    free(s->right);
    free(s->wrong);
    free(s->peers);
    free(s);
}

int robot_hash(const char *password, char ret[crypto_pwhash_STRBYTES], struct sw_err *err)
{
    if (crypto_pwhash_str_alg(ret, password, strlen(password), OPS, MEMORY,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "no memory to compute a password");
    return 0;
}

void robot_forget(struct robot_store *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->generation++;
    memset(s->right, 0, ROBOT_CACHE_N * sizeof(*s->right));
    memset(s->wrong, 0, ROBOT_WRONG_N * sizeof(*s->wrong));
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- what is known; under the lock ---- */

static size_t place(const unsigned char hash[ROBOT_HASH_N], size_t n)
{
    return (size_t)(hash[0] | hash[1] << 8) % n;
}

static struct robot_peer *peer_of(struct robot_store *s, const char *ip)
{
    unsigned char hash[ROBOT_HASH_N];

    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)ip, strlen(ip), s->key,
                             sizeof(s->key));
    return &s->peers[place(hash, ROBOT_PEERS_N)];
}

static bool guesses(struct robot_store *s, const struct robot_login *l)
{
    const struct robot_peer *p = l->peer_ip ? peer_of(s, l->peer_ip) : NULL;

    return p && sw_streq(p->ip, l->peer_ip) && l->now_us - p->since_us < GUESS_US &&
           p->failures >= GUESSES_MAX;
}

static void note_failure(struct robot_store *s, const struct robot_login *l)
{
    struct robot_peer *p = l->peer_ip ? peer_of(s, l->peer_ip) : NULL;

    if (!p)
        return;
    if (!sw_streq(p->ip, l->peer_ip) || l->now_us - p->since_us >= GUESS_US) {
        p->failures = 0;
        p->since_us = l->now_us;
        (void)sw_str_copy(sw_str(l->peer_ip), p->ip, sizeof(p->ip));
    }
    p->failures++;
}

enum known { UNKNOWN, RIGHT, WRONG };

static enum known look_up(struct robot_store *s, const unsigned char hash[ROBOT_HASH_N],
                          int64_t now_us, struct robot_right *ret)
{
    const struct robot_right *right = &s->right[place(hash, ROBOT_CACHE_N)];
    const struct robot_wrong *wrong = &s->wrong[place(hash, ROBOT_WRONG_N)];

    if (right->user_id[0] && sodium_memcmp(right->hash, hash, ROBOT_HASH_N) == 0) {
        *ret = *right;
        return RIGHT;
    }
    if (wrong->until_us > now_us && sodium_memcmp(wrong->hash, hash, ROBOT_HASH_N) == 0)
        return WRONG;
    return UNKNOWN;
}

static bool is_running(const struct robot_store *s, const unsigned char hash[ROBOT_HASH_N])
{
    for (size_t i = 0; i < ROBOT_SLOTS; i++)
        if (sodium_memcmp(s->running[i], hash, ROBOT_HASH_N) == 0)
            return true;
    return false;
}

/* ---- computing ---- */

struct row {
    const char *account;
    char name[PRINCIPAL_NAME_MAX];
    char *user_id, *hash;
    int64_t expires_at_us;
};

static int read_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct row *r = arg;

    free(SW_TAKE(r->user_id));
    free(SW_TAKE(r->hash));
    return meta_get(
        tx, err,
        "SELECT user_id, password_hash, expires_at FROM robot WHERE account_id = $1 AND "
        "lower(name) = lower($2)",
        "tt", r->account, r->name, "tti", &r->user_id, &r->hash, &r->expires_at_us);
}

/* "robot$ci" and "ci$robot" name ci. */
static bool name_of(struct sw_str user, char ret[PRINCIPAL_NAME_MAX])
{
    if (sw_str_starts_with(user, "robot$"))
        user = sw_str_slice(user, 6, user.n);
    else if (sw_str_ends_with(user, "$robot"))
        user = sw_str_slice(user, 0, user.n - 6);
    return user.n > 0 && sw_str_copy(user, ret, PRINCIPAL_NAME_MAX);
}

/* 1 right, 0 wrong. A name that nobody has costs what a wrong password does. */
static int compute(struct robot_store *s, const struct robot_login *l, struct robot_right *ret,
                   struct sw_err *err)
{
    struct row row = {.account = l->account};
    char spent[crypto_pwhash_STRBYTES], text[PASSWORD_MAX_ + 1];
    int r = name_of(l->user, row.name) ? meta_tx(s->db, META_READ, read_row, &row, err) : 0;

    if (r > 0) {
        r = crypto_pwhash_str_verify(row.hash, l->password.p, l->password.n) == 0;
        (void)sw_str_copy(sw_str(row.user_id), ret->user_id, sizeof(ret->user_id));
        ret->expires_at_us = row.expires_at_us;
    } else if (r == 0) {
        (void)sw_str_copy(l->password, text, sizeof(text));
        r = robot_hash(text, spent, err);
        sodium_memzero(text, sizeof(text));
    }
    free(row.user_id);
    free(row.hash);
    return r;
}

static void remember(struct robot_store *s, const struct robot_login *l, struct robot_right *right,
                     bool is_right)
{
    if (is_right) {
        s->right[place(right->hash, ROBOT_CACHE_N)] = *right;
        return;
    }
    struct robot_wrong *wrong = &s->wrong[place(right->hash, ROBOT_WRONG_N)];
    memcpy(wrong->hash, right->hash, ROBOT_HASH_N);
    wrong->until_us = l->now_us + WRONG_US;
}

/* With the lock, which is given back meanwhile, and a free slot. */
static int compute_in_slot(struct robot_store *s, const struct robot_login *l,
                           struct robot_right *right, struct sw_err *err)
{
    uint64_t generation = s->generation;
    size_t slot = 0;

    while (!sodium_is_zero(s->running[slot], ROBOT_HASH_N))
        slot++;
    assert(slot < ROBOT_SLOTS);
    memcpy(s->running[slot], right->hash, ROBOT_HASH_N);
    s->busy++;
    (void)pthread_mutex_unlock(&s->lock);
    int r = compute(s, l, right, err);
    (void)pthread_mutex_lock(&s->lock);
    s->busy--;
    memset(s->running[slot], 0, ROBOT_HASH_N);
    if (r >= 0 && generation == s->generation)
        remember(s, l, right, r > 0);
    if (r == 0)
        note_failure(s, l);
    (void)pthread_cond_broadcast(&s->idle);
    return r;
}

/* 1 right, 0 wrong; with the lock. */
static int find_out(struct robot_store *s, const struct robot_login *l, struct robot_right *right,
                    struct sw_err *err)
{
    unsigned char hash[ROBOT_HASH_N];

    memcpy(hash, right->hash, sizeof(hash));
    for (;;) {
        enum known known = look_up(s, hash, l->now_us, right);
        if (known != UNKNOWN)
            return known == RIGHT;
        if (guesses(s, l))
            return too_many(err, "Too many wrong passwords from %s. Wait a minute.", l->peer_ip);
        if (l->must_not_block)
            return sw_fail(err, SW_EUNAVAILABLE, "RobotUnverified",
                           "the password has to be computed");
        bool same = is_running(s, hash);
        if (!same && s->busy < ROBOT_SLOTS)
            return compute_in_slot(s, l, right, err);
        if (!same && s->waiting >= WAITERS_MAX)
            return too_many(err, "Too many logins at this moment. Try again.");
        s->waiting += !same;
        (void)pthread_cond_wait(&s->idle, &s->lock);
        s->waiting -= !same;
    }
}

static void hash_login(const struct robot_store *s, const struct robot_login *l,
                       unsigned char ret[ROBOT_HASH_N])
{
    crypto_generichash_state h;
    const struct sw_str parts[] = {sw_str(l->account), l->user, l->password};

    (void)crypto_generichash_init(&h, s->key, sizeof(s->key), ROBOT_HASH_N);
    for (size_t i = 0; i < SW_ARRAY_LEN(parts); i++) {
        uint64_t n = parts[i].n;
        (void)crypto_generichash_update(&h, (const unsigned char *)&n, sizeof(n));
        (void)crypto_generichash_update(&h, (const unsigned char *)parts[i].p, parts[i].n);
    }
    (void)crypto_generichash_final(&h, ret, ROBOT_HASH_N);
}

int robot_verify(struct robot_store *s, const struct robot_login *l, struct principal *ret,
                 struct sw_err *err)
{
    struct robot_right right = {0};
    struct sw_err ignored = SW_ERR_INIT;
    struct principal p;

    if (l->password.n == 0 || l->password.n > PASSWORD_MAX_ || l->user.n > 2 * PRINCIPAL_NAME_MAX)
        return deny(err, WRONG_LOGIN);
    hash_login(s, l, right.hash);
    (void)pthread_mutex_lock(&s->lock);
    int r = find_out(s, l, &right, err);
    (void)pthread_mutex_unlock(&s->lock);
    if (r < 0)
        return r;
    if (r == 0)
        return deny(err, WRONG_LOGIN);
    if (right.expires_at_us && l->now_us >= right.expires_at_us)
        return deny(err, "The robot's password has expired: slipway robot rotate makes a new one.");
    if (identity_user_by_id(s->id, right.user_id, &p, &ignored) < 0)
        return deny(err, "The robot no longer exists.");
    p.expires_at_us = right.expires_at_us;
    *ret = p;
    return 0;
}
