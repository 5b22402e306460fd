/* SPDX-License-Identifier: Apache-2.0 */
/* What we and libmicrohttpd use of GnuTLS, as forwards (base/lazy.h). libmicrohttpd is linked as an archive where there is one, so a
 * server without a certificate never loads GnuTLS and the eight libraries behind it.
 * libmicrohttpd is told to use TLS only after tls_library_load() said that the library is there. */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>

#include "api/tls.h"
#include "base/lazy.h"

static struct sw_lazy lib = SW_LAZY_INIT("libgnutls.so.30");

int tls_library_load(struct sw_err *err)
{
    return sw_lazy_load(&lib, err);
}

/* libmicrohttpd calls these when it starts, with TLS or without. The library needs neither: it initialises itself when it is loaded. */
int gnutls_global_init(void)
{
    return GNUTLS_E_SUCCESS;
}

void gnutls_global_deinit(void)
{
}

/* The values that the library's own have. */
gnutls_alloc_function gnutls_malloc = malloc;
gnutls_free_function gnutls_free = free;

typedef gnutls_certificate_credentials_t credentials;
typedef const gnutls_datum_t *datum;

SW_LAZY_4(lib, int, gnutls_alpn_set_protocols, gnutls_session_t, datum, unsigned, unsigned)
SW_LAZY_2(lib, int, gnutls_bye, gnutls_session_t, gnutls_close_request_t)
SW_LAZY_1(lib, int, gnutls_certificate_allocate_credentials, credentials *)
SW_LAZY_1(lib, void, gnutls_certificate_free_credentials, credentials)
SW_LAZY_2(lib, void, gnutls_certificate_server_set_request, gnutls_session_t,
          gnutls_certificate_request_t)
SW_LAZY_2(lib, void, gnutls_certificate_set_dh_params, credentials, gnutls_dh_params_t)
SW_LAZY_2(lib, void, gnutls_certificate_set_retrieve_function2, credentials,
          gnutls_certificate_retrieve_function2 *)
SW_LAZY_2(lib, void, gnutls_certificate_set_retrieve_function3, credentials,
          gnutls_certificate_retrieve_function3 *)
SW_LAZY_4(lib, int, gnutls_certificate_set_x509_key_mem, credentials, datum, datum,
          gnutls_x509_crt_fmt_t)
SW_LAZY_6(lib, int, gnutls_certificate_set_x509_key_mem2, credentials, datum, datum,
          gnutls_x509_crt_fmt_t, const char *, unsigned)
SW_LAZY_3(lib, int, gnutls_certificate_set_x509_trust_mem, credentials, datum,
          gnutls_x509_crt_fmt_t)
SW_LAZY_1(lib, gnutls_cipher_algorithm_t, gnutls_cipher_get, gnutls_session_t)
SW_LAZY_3(lib, int, gnutls_credentials_set, gnutls_session_t, gnutls_credentials_type_t, void *)
SW_LAZY_1(lib, void, gnutls_deinit, gnutls_session_t)
SW_LAZY_1(lib, void, gnutls_dh_params_deinit, gnutls_dh_params_t)
SW_LAZY_3(lib, int, gnutls_dh_params_import_pkcs3, gnutls_dh_params_t, datum, gnutls_x509_crt_fmt_t)
SW_LAZY_1(lib, int, gnutls_dh_params_init, gnutls_dh_params_t *)
SW_LAZY_1(lib, int, gnutls_handshake, gnutls_session_t)
SW_LAZY_2(lib, int, gnutls_init, gnutls_session_t *, unsigned)
SW_LAZY_1(lib, void, gnutls_priority_deinit, gnutls_priority_t)
SW_LAZY_3(lib, int, gnutls_priority_init, gnutls_priority_t *, const char *, const char **)
SW_LAZY_2(lib, int, gnutls_priority_set, gnutls_session_t, gnutls_priority_t)
SW_LAZY_1(lib, gnutls_protocol_t, gnutls_protocol_get_version, gnutls_session_t)
SW_LAZY_1(lib, int, gnutls_psk_allocate_server_credentials, gnutls_psk_server_credentials_t *)
SW_LAZY_1(lib, void, gnutls_psk_free_server_credentials, gnutls_psk_server_credentials_t)
SW_LAZY_2(lib, void, gnutls_psk_set_server_credentials_function, gnutls_psk_server_credentials_t,
          gnutls_psk_server_credentials_function *)
SW_LAZY_1(lib, size_t, gnutls_record_check_pending, gnutls_session_t)
SW_LAZY_1(lib, int, gnutls_record_get_direction, gnutls_session_t)
SW_LAZY_3(lib, ssize_t, gnutls_record_recv, gnutls_session_t, void *, size_t)
SW_LAZY_3(lib, ssize_t, gnutls_record_send, gnutls_session_t, const void *, size_t)
SW_LAZY_1(lib, void *, gnutls_session_get_ptr, gnutls_session_t)
SW_LAZY_2(lib, void, gnutls_session_set_ptr, gnutls_session_t, void *)
SW_LAZY_1(lib, const char *, gnutls_strerror, int)
SW_LAZY_3(lib, void, gnutls_transport_set_int2, gnutls_session_t, int, int)
SW_LAZY_1(lib, void, gnutls_x509_crt_deinit, gnutls_x509_crt_t)
SW_LAZY_1(lib, time_t, gnutls_x509_crt_get_expiration_time, gnutls_x509_crt_t)
SW_LAZY_3(lib, int, gnutls_x509_crt_get_serial, gnutls_x509_crt_t, void *, size_t *)
SW_LAZY_5(lib, int, gnutls_x509_crt_list_import2, gnutls_x509_crt_t **, unsigned *, datum,
          gnutls_x509_crt_fmt_t, unsigned)
