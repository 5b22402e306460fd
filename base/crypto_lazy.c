/* SPDX-License-Identifier: Apache-2.0 */
/* What we use of libcrypto, as forwards (base/lazy.h). Relocating that library is a fifth of a start, and its pages are as much of
 * what an idle server holds. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdarg.h>

#include "base/lazy.h"

static struct sw_lazy lib = SW_LAZY_INIT("libcrypto.so.3");

int sw_crypto_load(struct sw_err *err)
{
    return sw_lazy_load(&lib, err);
}

bool sw_crypto_loaded(void)
{
    return atomic_load_explicit(&lib.handle, memory_order_acquire) != NULL;
}

SW_LAZY_1(lib, int, SHA256_Init, SHA256_CTX *)
SW_LAZY_3(lib, int, SHA256_Update, SHA256_CTX *, const void *, size_t)
SW_LAZY_2(lib, int, SHA256_Final, unsigned char *, SHA256_CTX *)
SW_LAZY_1(lib, int, SHA512_Init, SHA512_CTX *)
SW_LAZY_3(lib, int, SHA512_Update, SHA512_CTX *, const void *, size_t)
SW_LAZY_2(lib, int, SHA512_Final, unsigned char *, SHA512_CTX *)
SW_LAZY_3(lib, unsigned char *, SHA1, const unsigned char *, size_t, unsigned char *)

SW_LAZY_3(lib, void, CRYPTO_free, void *, const char *, int)
SW_LAZY_0(lib, void, ERR_clear_error)
SW_LAZY_0(lib, unsigned long, ERR_get_error)
SW_LAZY_3(lib, void, ERR_error_string_n, unsigned long, char *, size_t)

SW_LAZY_1(lib, BIO *, BIO_new, const BIO_METHOD *)
SW_LAZY_2(lib, BIO *, BIO_new_mem_buf, const void *, int)
SW_LAZY_0(lib, const BIO_METHOD *, BIO_s_mem)
SW_LAZY_0(lib, const BIO_METHOD *, BIO_s_secmem)
SW_LAZY_4(lib, long, BIO_ctrl, BIO *, int, long, void *)
SW_LAZY_2(lib, int, BIO_puts, BIO *, const char *)
SW_LAZY_1(lib, int, BIO_free, BIO *)

SW_LAZY_3(lib, BIGNUM *, BN_bin2bn, const unsigned char *, int, BIGNUM *)
SW_LAZY_1(lib, char *, BN_bn2hex, const BIGNUM *)
SW_LAZY_1(lib, int, BN_num_bits, const BIGNUM *)
SW_LAZY_1(lib, void, BN_free, BIGNUM *)
SW_LAZY_2(lib, ASN1_INTEGER *, BN_to_ASN1_INTEGER, const BIGNUM *, ASN1_INTEGER *)
SW_LAZY_2(lib, BIGNUM *, ASN1_INTEGER_to_BN, const ASN1_INTEGER *, BIGNUM *)
SW_LAZY_2(lib, ASN1_TIME *, ASN1_TIME_set, ASN1_TIME *, time_t)
SW_LAZY_2(lib, int, ASN1_TIME_to_tm, const ASN1_TIME *, struct tm *)

SW_LAZY_0(lib, ECDSA_SIG *, ECDSA_SIG_new)
SW_LAZY_3(lib, int, ECDSA_SIG_set0, ECDSA_SIG *, BIGNUM *, BIGNUM *)
SW_LAZY_1(lib, void, ECDSA_SIG_free, ECDSA_SIG *)
SW_LAZY_2(lib, int, i2d_ECDSA_SIG, const ECDSA_SIG *, unsigned char **)

SW_LAZY_0(lib, const EVP_MD *, EVP_sha256)
SW_LAZY_0(lib, EVP_MD_CTX *, EVP_MD_CTX_new)
SW_LAZY_1(lib, void, EVP_MD_CTX_free, EVP_MD_CTX *)
SW_LAZY_7(lib, int, EVP_DigestVerifyInit_ex, EVP_MD_CTX *, EVP_PKEY_CTX **, const char *,
          OSSL_LIB_CTX *, const char *, EVP_PKEY *, const OSSL_PARAM *)
SW_LAZY_5(lib, int, EVP_DigestVerify, EVP_MD_CTX *, const unsigned char *, size_t,
          const unsigned char *, size_t)
SW_LAZY_3(lib, EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, OSSL_LIB_CTX *, const char *,
          const char *)
SW_LAZY_1(lib, void, EVP_PKEY_CTX_free, EVP_PKEY_CTX *)
SW_LAZY_1(lib, int, EVP_PKEY_fromdata_init, EVP_PKEY_CTX *)
SW_LAZY_4(lib, int, EVP_PKEY_fromdata, EVP_PKEY_CTX *, EVP_PKEY **, int, OSSL_PARAM *)
SW_LAZY_1(lib, void, EVP_PKEY_free, EVP_PKEY *)

SW_LAZY_0(lib, OSSL_PARAM_BLD *, OSSL_PARAM_BLD_new)
SW_LAZY_3(lib, int, OSSL_PARAM_BLD_push_BN, OSSL_PARAM_BLD *, const char *, const BIGNUM *)
SW_LAZY_4(lib, int, OSSL_PARAM_BLD_push_octet_string, OSSL_PARAM_BLD *, const char *, const void *,
          size_t)
SW_LAZY_4(lib, int, OSSL_PARAM_BLD_push_utf8_string, OSSL_PARAM_BLD *, const char *, const char *,
          size_t)
SW_LAZY_1(lib, OSSL_PARAM *, OSSL_PARAM_BLD_to_param, OSSL_PARAM_BLD *)
SW_LAZY_1(lib, void, OSSL_PARAM_BLD_free, OSSL_PARAM_BLD *)
SW_LAZY_1(lib, void, OSSL_PARAM_free, OSSL_PARAM *)

SW_LAZY_4(lib, X509 *, PEM_read_bio_X509, BIO *, X509 **, pem_password_cb *, void *)
SW_LAZY_4(lib, EVP_PKEY *, PEM_read_bio_PrivateKey, BIO *, EVP_PKEY **, pem_password_cb *, void *)
SW_LAZY_2(lib, int, PEM_write_bio_X509, BIO *, const X509 *)
SW_LAZY_7(lib, int, PEM_write_bio_PKCS8PrivateKey, BIO *, const EVP_PKEY *, const EVP_CIPHER *,
          const char *, int, pem_password_cb *, void *)

SW_LAZY_0(lib, X509 *, X509_new)
SW_LAZY_1(lib, void, X509_free, X509 *)
SW_LAZY_2(lib, int, X509_set_version, X509 *, long)
SW_LAZY_2(lib, int, X509_set_pubkey, X509 *, EVP_PKEY *)
SW_LAZY_2(lib, int, X509_set_issuer_name, X509 *, const X509_NAME *)
SW_LAZY_1(lib, X509_NAME *, X509_get_subject_name, const X509 *)
SW_LAZY_7(lib, int, X509_NAME_add_entry_by_txt, X509_NAME *, const char *, int,
          const unsigned char *, int, int, int)
SW_LAZY_1(lib, ASN1_INTEGER *, X509_get_serialNumber, X509 *)
SW_LAZY_1(lib, const ASN1_INTEGER *, X509_get0_serialNumber, const X509 *)
SW_LAZY_1(lib, ASN1_TIME *, X509_getm_notBefore, const X509 *)
SW_LAZY_1(lib, ASN1_TIME *, X509_getm_notAfter, const X509 *)
SW_LAZY_1(lib, const ASN1_TIME *, X509_get0_notAfter, const X509 *)
SW_LAZY_6(lib, void, X509V3_set_ctx, X509V3_CTX *, X509 *, X509 *, X509_REQ *, X509_CRL *, int)
SW_LAZY_4(lib, X509_EXTENSION *, X509V3_EXT_conf_nid, LHASH_OF(CONF_VALUE) *, X509V3_CTX *, int,
          const char *)
SW_LAZY_3(lib, int, X509_add_ext, X509 *, X509_EXTENSION *, int)
SW_LAZY_1(lib, void, X509_EXTENSION_free, X509_EXTENSION *)
SW_LAZY_1(lib, int, X509_check_ca, X509 *)
SW_LAZY_2(lib, int, X509_check_private_key, const X509 *, const EVP_PKEY *)
SW_LAZY_3(lib, int, X509_sign, X509 *, EVP_PKEY *, const EVP_MD *)

/* The fourth argument is the name of a curve or the bits of an RSA key: eight bytes both. */
_Static_assert(sizeof(size_t) == 8 && sizeof(void *) == 8,
               "EVP_PKEY_Q_keygen() is forwarded with one argument of eight bytes");

EVP_PKEY *EVP_PKEY_Q_keygen(OSSL_LIB_CTX *ctx, const char *properties, const char *type, ...)
{
    static _Atomic(void *) slot;
    va_list ap;
    va_start(ap, type);
    void *value = va_arg(ap, void *);
    va_end(ap);
    return ((__typeof__(&EVP_PKEY_Q_keygen))sw_lazy_symbol(&lib, &slot, "EVP_PKEY_Q_keygen"))(
        ctx, properties, type, value);
}
