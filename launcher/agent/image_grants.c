/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/image_grants.c - as Kubernetes does it for images that were pulled with secrets (KEP-2535), but for each document.
 * A file is the document's digest, by which image_store.h knows when it is left over, and lines of hashes, the newest last. */
#include "launcher/agent/image_grants.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/io.h"
#include "base/macros.h"

#define KEY_HEX   64
#define HASH_HEX  64
#define HOLDERS   32 /* a file; the oldest goes */
#define FILE_MAX  (DIGEST_STRING_MAX + (HOLDERS + 1) * (HASH_HEX + 1))
#define ANYBODY   "anybody"
#define KEY_FILE  "grants.key"
#define FILE_NAME "grants-"

struct image_grants {
    char *dir, key[KEY_HEX + 1];
    pthread_mutex_t lock; /* of writers */
};

/* What was written only in part, or by somebody else, is made anew: then everybody is asked again. */
int image_grants_new(const char *content_dir, struct image_grants **ret, struct sw_err *err)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(KEY_HEX);
    sw_autofree char *path = sw_asprintf("%s/" KEY_FILE, content_dir);
    struct image_grants *g = SW_NEW(struct image_grants);
    if (sw_read_file(path, &b, &ignored) == 0 && b.n == KEY_HEX) {
        memcpy(g->key, b.p, KEY_HEX);
    } else {
        sw_random_hex(g->key, KEY_HEX);
        if (sw_write_file_atomic(path, g->key, KEY_HEX, 0600, err) < 0) {
            free(g);
            return err->code;
        }
    }
    pthread_mutex_init(&g->lock, NULL);
    g->dir = sw_strdup(content_dir);
    *ret = g;
    return 0;
}

void image_grants_free(struct image_grants *g)
{
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    explicit_bzero(g->key, sizeof g->key);
    free(g->dir);
    free(g);
}

static char *file_of(const struct image_grants *g, const struct image_reference *ref,
                     const struct digest *document)
{
    char text[DIGEST_STRING_MAX], hex[129];
    struct digest d;
    digest_format(document, text);
    sw_autofree char *key = sw_asprintf("%d|%s|%s|%s|%s", ref->tls, ref->host_port,
                                        ref->host_header, ref->repository, text);
    digest_of(DIGEST_SHA256, key, strlen(key), &d);
    digest_hex(&d, hex);
    return sw_asprintf("%s/" FILE_NAME "%s", g->dir, hex);
}

static void hash_of(const struct image_grants *g, const char *who, char out[HASH_HEX + 1])
{
    unsigned char mac[32];
    sw_hmac_sha256(g->key, KEY_HEX, who, strlen(who), mac);
    sw_hex(mac, sizeof mac, out);
}

static void hash_of_puller(const struct image_grants *g, const struct image_reference *ref,
                           char out[HASH_HEX + 1])
{
    sw_autofree char *who = ref->credentials ? sw_asprintf("credentials %s", ref->credentials)
                            : ref->identity  ? sw_asprintf("identity %s", ref->identity)
                                             : sw_strdup(ANYBODY);
    hash_of(g, who, out);
    explicit_bzero(who, strlen(who));
}

/* The lines after the digest; empty when the file is none of this document. */
static struct sw_str holders_of(const char *path, const struct digest *document, struct sw_buf *b)
{
    struct sw_err ignored = SW_ERR_INIT;
    char text[DIGEST_STRING_MAX];
    struct sw_str first, rest = {.p = "", .n = 0};
    digest_format(document, text);
    if (sw_read_file(path, b, &ignored) < 0)
        return rest;
    rest = sw_buf_str(b);
    if (!sw_str_split(&rest, '\n', &first) || !sw_str_eq_z(first, text))
        rest.n = 0;
    return rest;
}

static bool is_holder(struct sw_str holders, const char *hash)
{
    struct sw_str one;
    while (sw_str_split(&holders, '\n', &one))
        if (sw_str_eq_z(one, hash))
            return true;
    return false;
}

enum image_grant image_grants_find(const struct image_grants *g, const struct image_reference *ref,
                                   const struct digest *document)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(FILE_MAX);
    sw_autofree char *path = file_of(g, ref, document);
    char own[HASH_HEX + 1], anybody[HASH_HEX + 1];
    struct sw_str holders = holders_of(path, document, &b);
    hash_of_puller(g, ref, own);
    hash_of(g, ANYBODY, anybody);
    if (holders.n < HASH_HEX)
        return GRANT_UNKNOWN;
    return is_holder(holders, own) || is_holder(holders, anybody) ? GRANT_GIVEN : GRANT_OTHERS;
}

void image_grants_give(struct image_grants *g, const struct image_reference *ref,
                       const struct digest *document)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(FILE_MAX);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(FILE_MAX);
    sw_autofree char *path = file_of(g, ref, document);
    char own[HASH_HEX + 1], digest[DIGEST_STRING_MAX];
    hash_of_puller(g, ref, own);
    digest_format(document, digest);
    pthread_mutex_lock(&g->lock);
    struct sw_str holders = holders_of(path, document, &b);
    if (!is_holder(holders, own)) {
        struct sw_str oldest;
        if (holders.n >= HOLDERS * (HASH_HEX + 1))
            (void)sw_str_split(&holders, '\n', &oldest);
        sw_buf_addf(&text, "%s\n" SW_STR_FMT "%s\n", digest, SW_STR_ARG(holders), own);
        (void)sw_replace_file(path, text.p, text.n, 0600, &ignored);
    }
    pthread_mutex_unlock(&g->lock);
}
