/* SPDX-License-Identifier: Apache-2.0 */
/* An entry is the claims without the unused end of their extra, then the scopes with their NUL. */
#include "auth/token_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/macros.h"

struct entry {
    unsigned char hash[crypto_shorthash_siphashx24_BYTES];
    size_t claims_n, scopes_n; /* with the NUL */
    unsigned char bytes[];
};

struct token_cache {
    unsigned char key[TOKEN_FORM_MAX_][crypto_shorthash_siphashx24_KEYBYTES];
    pthread_rwlock_t lock; /* of the entries */
    struct entry *entries[TOKEN_CACHE_SLOTS];
};

_Static_assert(offsetof(struct session_claims, packed) + SESSION_PACKED_MAX <=
                   sizeof(struct session_claims),
               "the extra is the last of the claims");

struct token_cache *token_cache_new(void)
{
    struct token_cache *c = SW_NEW(struct token_cache);

    sw_random_bytes(c->key, sizeof(c->key));
    (void)pthread_rwlock_init(&c->lock, NULL);
    return c;
}

void token_cache_free(struct token_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < TOKEN_CACHE_SLOTS; i++)
        free(c->entries[i]);
    (void)pthread_rwlock_destroy(&c->lock);
    sodium_memzero(c->key, sizeof(c->key));
    free(c);
}

static struct entry **place(struct token_cache *c, enum token_form form, struct sw_str text,
                            unsigned char ret_hash[crypto_shorthash_siphashx24_BYTES])
{
    (void)crypto_shorthash_siphashx24(ret_hash, (const unsigned char *)text.p, text.n,
                                      c->key[form]);
    return &c->entries[ret_hash[0] % TOKEN_CACHE_SLOTS];
}

bool token_cache_find(struct token_cache *c, enum token_form form, struct sw_str text,
                      struct session_claims *ret, char *ret_scopes)
{
    unsigned char hash[crypto_shorthash_siphashx24_BYTES];

    if (!c)
        return false;
    struct entry **at = place(c, form, text, hash);
    (void)pthread_rwlock_rdlock(&c->lock);
    const struct entry *e = *at;
    bool found = e && sodium_memcmp(e->hash, hash, sizeof(hash)) == 0;
    if (found) {
        memcpy(ret, e->bytes, e->claims_n);
        memcpy(ret_scopes, e->bytes + e->claims_n, e->scopes_n);
    }
    (void)pthread_rwlock_unlock(&c->lock);
    return found;
}

void token_cache_put(struct token_cache *c, enum token_form form, struct sw_str text,
                     const struct session_claims *claims, const char *scopes)
{
    if (!c)
        return;
    size_t claims_n = offsetof(struct session_claims, packed) + claims->packed_n;
    size_t scopes_n = strlen(scopes) + 1;
    struct entry *e = sw_calloc(1, sizeof(*e) + claims_n + scopes_n);
    struct entry **at = place(c, form, text, e->hash);

    e->claims_n = claims_n;
    e->scopes_n = scopes_n;
    memcpy(e->bytes, claims, claims_n);
    memcpy(e->bytes + claims_n, scopes, scopes_n);
    (void)pthread_rwlock_wrlock(&c->lock);
    struct entry *old = *at;
    *at = e;
    (void)pthread_rwlock_unlock(&c->lock);
    free(old);
}
