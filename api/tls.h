/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/tls.h - the certificate and key of the listener, and their replacement while it runs.
 * Owns: the pair that new connections get. A pair is counted: connections that began with an older one keep it until they end.
 * Promise: all or nothing. Files that cannot be read, do not parse, do not belong together or (on a reload) have expired leave the
 * old pair in place.
 * Threads: shared freely.
 * Expected errors: SW_EINVALID (what is wrong with which file), SW_ENOTFOUND, SW_EIO. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* TLS 1.2 and 1.3, forward secrecy, AEAD ciphers; the server chooses. */
#define TLS_PRIORITIES                                             \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:" \
    "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_PRECEDENCE"

struct tls_info {
    char serial[65];     /* hexadecimal; cut if longer */
    int64_t not_after_s; /* since the epoch */
};

/* To be called before any other function; tls_store_open() does. SW_EUNAVAILABLE. */
int tls_library_load(struct sw_err *err);

struct tls_store;
struct tls_pair;
int tls_store_open(const char *cert_file, const char *key_file, struct tls_store **ret,
                   struct sw_err *err);
void tls_store_free(struct tls_store *s); /* NULL ok; pairs in use live on */
/* Reads both files again. Returns 1 when the pair was replaced, else 0 or the error. only_if_changed: does nothing unless a file is
 * another one than at the last attempt and has been left alone since the last call, so that two files written one after the other
 * are not read in between. */
int tls_store_reload(struct tls_store *s, bool only_if_changed, struct tls_info *ret,
                     struct sw_err *err);
void tls_store_info(struct tls_store *s, struct tls_info *ret);

struct tls_pair *tls_store_get(struct tls_store *s); /* the current one, counted */
void tls_pair_unref(struct tls_pair *p);             /* NULL ok */
/* Before the handshake of a GnuTLS session, which must end before the reference is given back. */
struct gnutls_session_int;
int tls_pair_use(const struct tls_pair *p, struct gnutls_session_int *session);
/* The last bytes of a session, and that no more will come; by the thread that owns the session, while nothing else is being sent. What
 * the socket does not take at once is lost. */
void tls_send_last(struct gnutls_session_int *session, const void *data, size_t n);
/* A gnutls_certificate_retrieve_function3 that has none: what a session gets that tls_pair_use() was not called for. */
void *tls_no_certificate(void);
