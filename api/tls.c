/* SPDX-License-Identifier: Apache-2.0 */
/* api/tls.c - certificate and key on GnuTLS.
 * Invariants: 1. `current` is complete and its key signs for its certificate: the library checks that before a pair is made.
 * 2. `files` says what was looked at by the last attempt, good or bad, so that a bad file is complained about once. */
#include "api/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/macros.h"

#define FILE_MAX (1024 * 1024)

struct tls_pair {
    gnutls_certificate_credentials_t credentials;
    struct tls_info info;
    atomic_int refs;
};

/* What a file looked like from outside. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct stamps {
    struct stamp cert, key;
};

struct tls_store {
    char *cert_file, *key_file;
    pthread_mutex_t loading; /* of the stamps; one reload at a time */
    struct stamps files, seen;
    pthread_mutex_t lock; /* of current */
    struct tls_pair *current;
};

static void wipe(struct sw_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->n);
    sw_buf_done(b);
}

static struct stamp stamp_of(const char *path)
{
    struct stat st;
    struct stamp s;

    memset(&s, 0, sizeof(s)); /* compared as bytes */
    if (stat(path, &st) < 0)
        return s;
    s.device = st.st_dev;
    s.inode = st.st_ino;
    s.size = st.st_size;
    s.changed.tv_sec = st.st_mtim.tv_sec;
    s.changed.tv_nsec = st.st_mtim.tv_nsec;
    return s;
}

static struct stamps look(const struct tls_store *s)
{
    struct stamps now;

    memset(&now, 0, sizeof(now));
    now.cert = stamp_of(s->cert_file);
    now.key = stamp_of(s->key_file);
    return now;
}

static bool same(const struct stamps *a, const struct stamps *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Serial and end of the first certificate: the server's own. */
static int read_info(const char *path, const gnutls_datum_t *pem, struct tls_info *ret,
                     struct sw_err *err)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    unsigned char serial[32];
    size_t serial_n = sizeof(serial);
    int r = gnutls_x509_crt_list_import2(&list, &n, pem, GNUTLS_X509_FMT_PEM, 0);

    if (r < 0)
        return sw_fail(err, SW_EINVALID, NULL, "%s: no certificate in PEM form: %s", path,
                       gnutls_strerror(r));
    memset(ret, 0, sizeof(*ret));
    if (gnutls_x509_crt_get_serial(list[0], serial, &serial_n) == 0)
        sw_hex(serial, SW_MIN(serial_n, sizeof(serial)), ret->serial);
    ret->not_after_s = gnutls_x509_crt_get_expiration_time(list[0]);
    for (unsigned i = 0; i < n; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    return 0;
}

static int make_pair(const struct tls_store *s, struct sw_buf *cert, struct sw_buf *key,
                     struct tls_pair **ret, struct sw_err *err)
{
    gnutls_datum_t cert_pem = {(unsigned char *)cert->p, (unsigned)cert->n};
    gnutls_datum_t key_pem = {(unsigned char *)key->p, (unsigned)key->n};
    struct tls_info info;
    gnutls_certificate_credentials_t credentials = NULL;
    int r = read_info(s->cert_file, &cert_pem, &info, err);

    if (r < 0)
        return r;
    if (gnutls_certificate_allocate_credentials(&credentials) < 0)
        abort();
    r = gnutls_certificate_set_x509_key_mem2(credentials, &cert_pem, &key_pem, GNUTLS_X509_FMT_PEM,
                                             NULL, 0);
    if (r < 0) {
        gnutls_certificate_free_credentials(credentials);
        if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
            return sw_fail(err, SW_EINVALID, NULL, "%s is not the key of the certificate %s",
                           s->key_file, s->cert_file);
        return sw_fail(err, SW_EINVALID, NULL, "%s: no usable private key: %s", s->key_file,
                       gnutls_strerror(r));
    }
    struct tls_pair *p = SW_NEW(struct tls_pair);
    p->credentials = credentials;
    p->info = info;
    atomic_init(&p->refs, 1);
    *ret = p;
    return 0;
}

static int load(const struct tls_store *s, struct tls_pair **ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf cert = SW_BUF_INIT(FILE_MAX);
    SW_CLEANUP(wipe) struct sw_buf key = SW_BUF_INIT(FILE_MAX);
    int r = sw_read_file(s->cert_file, &cert, err);

    if (r == 0)
        r = sw_read_file(s->key_file, &key, err);
    return r < 0 ? r : make_pair(s, &cert, &key, ret, err);
}

int tls_store_open(const char *cert_file, const char *key_file, struct tls_store **ret,
                   struct sw_err *err)
{
    struct tls_store *s = SW_NEW(struct tls_store);

    s->cert_file = sw_strdup(cert_file);
    s->key_file = sw_strdup(key_file);
    pthread_mutex_init(&s->loading, NULL);
    pthread_mutex_init(&s->lock, NULL);
    s->files = s->seen = look(s);
    int r = tls_library_load(err);
    if (r == 0)
        r = load(s, &s->current, err);
    if (r < 0) {
        tls_store_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void tls_store_free(struct tls_store *s)
{
    if (!s)
        return;
    tls_pair_unref(s->current);
    pthread_mutex_destroy(&s->loading);
    pthread_mutex_destroy(&s->lock);
    free(s->cert_file);
    free(s->key_file);
    free(s);
}

static int load_valid(const struct tls_store *s, struct tls_pair **ret, struct sw_err *err)
{
    struct tls_pair *p = NULL;
    int r = load(s, &p, err);

    if (r < 0)
        return r;
    if (p->info.not_after_s < sw_now_s()) {
        char when[SW_TIME_LEN];
        sw_format_iso8601_s(p->info.not_after_s * 1000000, when);
        tls_pair_unref(p);
        return sw_fail(err, SW_EINVALID, NULL, "%s: the certificate expired at %s", s->cert_file,
                       when);
    }
    *ret = p;
    return 0;
}

/* True when an attempt is due; with the loading lock held. */
static bool due(struct tls_store *s, bool only_if_changed)
{
    struct stamps now = look(s);
    bool settled = same(&now, &s->seen), tried = same(&now, &s->files);

    s->seen = now;
    if (only_if_changed && (tried || !settled))
        return false;
    s->files = now;
    return true;
}

int tls_store_reload(struct tls_store *s, bool only_if_changed, struct tls_info *ret,
                     struct sw_err *err)
{
    struct tls_pair *fresh = NULL;
    int r = 0;

    pthread_mutex_lock(&s->loading);
    if (due(s, only_if_changed)) {
        r = load_valid(s, &fresh, err);
        if (r == 0) {
            *ret = fresh->info;
            pthread_mutex_lock(&s->lock);
            struct tls_pair *old = s->current;
            s->current = fresh;
            pthread_mutex_unlock(&s->lock);
            tls_pair_unref(old);
            r = 1;
        }
    }
    pthread_mutex_unlock(&s->loading);
    return r;
}

void tls_store_info(struct tls_store *s, struct tls_info *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->current->info;
    pthread_mutex_unlock(&s->lock);
}

struct tls_pair *tls_store_get(struct tls_store *s)
{
    pthread_mutex_lock(&s->lock);
    struct tls_pair *p = s->current;
    atomic_fetch_add(&p->refs, 1);
    pthread_mutex_unlock(&s->lock);
    return p;
}

void tls_pair_unref(struct tls_pair *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    gnutls_certificate_free_credentials(p->credentials);
    free(p);
}

int tls_pair_use(const struct tls_pair *p, struct gnutls_session_int *session)
{
    return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, p->credentials) < 0
               ? SW_EINTERNAL
               : 0;
}

void tls_send_last(struct gnutls_session_int *session, const void *data, size_t n)
{
    const char *p = data;
    ssize_t sent = 1;

    for (; n > 0 && sent > 0; p += sent, n -= (size_t)sent)
        if ((sent = gnutls_record_send(session, p, n)) <= 0)
            return;
    (void)gnutls_bye(session, GNUTLS_SHUT_WR);
}

static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **ret_certs, unsigned *ret_n,
                          gnutls_ocsp_data_st **ret_ocsp, unsigned *ret_ocsp_n,
                          gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
    (void)session, (void)info, (void)ret_certs, (void)ret_n, (void)ret_ocsp, (void)ret_ocsp_n;
    (void)ret_key, (void)ret_flags;
    return -1;
}

void *tls_no_certificate(void)
{
    gnutls_certificate_retrieve_function3 *fn = no_certificate;

    return (void *)(uintptr_t)fn;
}
