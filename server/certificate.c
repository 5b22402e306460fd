/* SPDX-License-Identifier: Apache-2.0 */
/* server/certificate.c - RFC 5280 certificates through OpenSSL, as browsers and Go want them: names in subjectAltName only count,
 * an end certificate lives at most 398 days, an authority says so in critical extensions. */
#include "server/certificate.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/io.h"
#include "base/lazy.h"
#include "base/macros.h"
#include "base/str.h"

#define DAY_S          86400
#define LEAF_DAYS      397
#define AUTHORITY_DAYS 3650
#define EARLIER_S      3600 /* for clocks that are behind */
#define FILE_MAX       (1024 * 1024)
#define MARK           "# made by slipway cert\n"
#define NAME_MAX_      253
#define COMMON_NAME    64 /* ub-common-name */

/* A certificate and its key. */
struct signer {
    X509 *cert;
    EVP_PKEY *key;
};

static void signer_done(struct signer *s)
{
    X509_free(s->cert);
    EVP_PKEY_free(s->key);
}

static void wipe(struct sw_buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->n);
    sw_buf_done(b);
}

static int crypto_failed(struct sw_err *err, const char *what)
{
    char text[160] = "";

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    ERR_clear_error();
    return sw_fail(err, SW_EINTERNAL, NULL, "%s: %s", what, text);
}

/* ---- names ---- */

static bool is_address(const char *s)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

static bool is_label(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool inner = i > 0 && i + 1 < s.n && (c == '-' || c == '_');
        if (!letter && !inner)
            return false;
    }
    return s.n > 0 && s.n <= 63;
}

bool certificate_host_valid(const char *host)
{
    struct sw_str rest = sw_str(host), label;

    if (is_address(host))
        return true;
    if (sw_str_starts_with(rest, "*."))
        rest = sw_str_slice(rest, 2, rest.n);
    if (rest.n == 0 || rest.n > NAME_MAX_ || strspn(rest.p, "0123456789.") == rest.n)
        return false;
    while (sw_str_split(&rest, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}

static bool listed(const char *const *hosts, size_t n, const char *host)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(hosts[i], host) == 0)
            return true;
    return false;
}

static void add_name(struct sw_buf *b, const char *host)
{
    sw_buf_addf(b, "%s%s:%s", b->n ? "," : "", is_address(host) ? "IP" : "DNS", host);
}

/* The value of subjectAltName: what was asked for, and this machine to itself, which its agent needs. Hosts hold no comma. */
static void list_names(const struct certificate_request *q, struct sw_buf *ret)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "::1"};

    for (size_t i = 0; i < q->hosts_n; i++)
        if (!listed(q->hosts, i, q->hosts[i]))
            add_name(ret, q->hosts[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(own); i++)
        if (!listed(q->hosts, q->hosts_n, own[i]))
            add_name(ret, own[i]);
}

/* ---- making ---- */

static bool set_random_serial(X509 *x)
{
    unsigned char bytes[16];
    sw_random_bytes(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, always as long */
    BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

    BN_free(n);
    return good;
}

static bool set_subject(X509 *x, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x);

    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"slipway", -1,
                                      -1, 0) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                      -1, -1, 0);
}

struct extension {
    int nid;
    const char *value;
};

static bool add_extensions(X509 *x, X509 *issuer, const struct extension *list, size_t n)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        bool good = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        if (!good)
            return false;
    }
    return true;
}

static bool set_times(X509 *x, int64_t not_before_s, int64_t not_after_s)
{
    return ASN1_TIME_set(X509_getm_notBefore(x), not_before_s) &&
           ASN1_TIME_set(X509_getm_notAfter(x), not_after_s);
}

/* A certificate with a new key, all but its extensions and signature. */
static int make_unsigned(struct signer *ret, const char *common_name, int64_t not_before_s,
                         int64_t not_after_s, struct sw_err *err)
{
    ret->cert = X509_new();
    ret->key = EVP_EC_gen("P-256");
    if (!ret->cert || !ret->key || !X509_set_version(ret->cert, X509_VERSION_3) ||
        !set_random_serial(ret->cert) || !set_times(ret->cert, not_before_s, not_after_s) ||
        !set_subject(ret->cert, common_name) || !X509_set_pubkey(ret->cert, ret->key))
        return crypto_failed(err, "making a certificate");
    return 0;
}

static int sign(X509 *x, const struct signer *by, const struct extension *list, size_t n,
                struct sw_err *err)
{
    if (!X509_set_issuer_name(x, X509_get_subject_name(by->cert)) ||
        !add_extensions(x, by->cert, list, n) || !X509_sign(x, by->key, EVP_sha256()))
        return crypto_failed(err, "signing a certificate");
    return 0;
}

static int make_authority(const struct certificate_request *q, struct signer *ret,
                          struct sw_err *err)
{
    static const struct extension extensions[] = {
        {NID_subject_key_identifier, "hash"},
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
    };
    char name[COMMON_NAME], which[9];

    sw_random_hex(which, 8); /* two authorities of one machine are told apart */
    (void)snprintf(name, sizeof(name), "slipway local authority %s", which);
    int r = make_unsigned(ret, name, q->now_s - EARLIER_S, q->now_s + AUTHORITY_DAYS * DAY_S, err);
    return r < 0 ? r : sign(ret->cert, ret, extensions, SW_ARRAY_LEN(extensions), err);
}

static int64_t not_after_s(const X509 *x)
{
    struct tm tm;
    return ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) ? (int64_t)timegm(&tm) : 0;
}

static int make_leaf(const struct certificate_request *q, const struct signer *authority,
                     struct signer *ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf names = SW_BUF_INIT(CERTIFICATE_HOSTS_MAX * 260 + 100);
    const char *common_name = strlen(q->hosts[0]) <= COMMON_NAME ? q->hosts[0] : "slipway";
    int64_t end_s = SW_MIN(q->now_s + LEAF_DAYS * DAY_S, not_after_s(authority->cert));
    int r = make_unsigned(ret, common_name, q->now_s - EARLIER_S, end_s, err);

    if (r < 0)
        return r;
    list_names(q, &names);
    const struct extension extensions[] = {
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_alt_name, names.p},
    };
    return sign(ret->cert, authority, extensions, SW_ARRAY_LEN(extensions), err);
}

/* ---- files ---- */

static int write_bio(const char *path, BIO *bio, mode_t mode, struct sw_err *err)
{
    char *text = NULL;
    long n = BIO_get_mem_data(bio, &text);

    return sw_write_file_atomic(path, text, (size_t)n, mode, err);
}

static int write_key(const char *path, EVP_PKEY *key, struct sw_err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool good = bio && BIO_puts(bio, MARK) > 0 &&
                PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    int r = good ? write_bio(path, bio, 0600, err) : crypto_failed(err, "writing a key");

    BIO_free(bio);
    return r;
}

static int write_certificates(const char *path, X509 *first, X509 *second, struct sw_err *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool good =
        bio && PEM_write_bio_X509(bio, first) && (!second || PEM_write_bio_X509(bio, second));
    int r = good ? write_bio(path, bio, 0644, err) : crypto_failed(err, "writing a certificate");

    BIO_free(bio);
    return r;
}

/* Refuses to write over a key that somebody else made. */
static int check_ours(const char *path, bool force, struct sw_err *err)
{
    SW_CLEANUP(wipe) struct sw_buf text = SW_BUF_INIT(FILE_MAX);
    struct sw_err e = SW_ERR_INIT;

    if (force)
        return 0;
    int r = sw_read_file(path, &text, &e);
    if (r == SW_ENOTFOUND)
        return 0;
    if (r < 0)
        return sw_err_move(err, &e);
    if (sw_str_starts_with(sw_buf_str(&text), MARK))
        return 0;
    return sw_fail(err, SW_ECONFLICT, NULL,
                   "%s was not made by slipway cert: another --out, or --force to replace it",
                   path);
}

static int read_signer(const char *cert_path, const char *key_path, struct signer *ret,
                       struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf cert = SW_BUF_INIT(FILE_MAX);
    SW_CLEANUP(wipe) struct sw_buf key = SW_BUF_INIT(FILE_MAX);
    int r = sw_read_file(cert_path, &cert, err);

    if (r == 0)
        r = sw_read_file(key_path, &key, err);
    if (r < 0)
        return r;
    BIO *cert_bio = BIO_new_mem_buf(cert.p, (int)cert.n),
        *key_bio = BIO_new_mem_buf(key.p, (int)key.n);
    char no_password[] = "";
    ret->cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
    ret->key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, no_password);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    ERR_clear_error();
    return 0;
}

/* Why this pair cannot sign certificates, or NULL. */
static const char *unfit(const struct signer *s, int64_t now_s)
{
    if (!s->cert)
        return "ca.crt is no certificate";
    if (!s->key)
        return "ca.key is no key, or has a password";
    if (X509_check_private_key(s->cert, s->key) != 1)
        return "ca.key is not the key of ca.crt";
    if (X509_check_ca(s->cert) != 1)
        return "ca.crt is not that of an authority";
    if (not_after_s(s->cert) <= now_s)
        return "ca.crt has expired";
    return NULL;
}

static int use_authority(const struct certificate_request *q, const char *cert_path,
                         const char *key_path, struct signer *ret, struct sw_err *err)
{
    int r = read_signer(cert_path, key_path, ret, err);

    if (r < 0)
        return sw_prefix(err, "half of the authority is there; --force makes a new one");
    const char *why = unfit(ret, q->now_s);
    ERR_clear_error();
    if (why)
        return sw_fail(err, SW_ECONFLICT, NULL, "%s: %s; --force makes a new authority", q->dir,
                       why);
    return 0;
}

static int new_authority(const struct certificate_request *q, const char *cert_path,
                         const char *key_path, struct signer *ret, struct sw_err *err)
{
    int r = make_authority(q, ret, err);

    if (r == 0)
        r = write_key(key_path, ret->key, err);
    return r < 0 ? r : write_certificates(cert_path, ret->cert, NULL, err);
}

/* The one that is there; a new one when there is none, or when it is unfit and that is to be forced. */
static int open_authority(const struct certificate_request *q, struct signer *ret, bool *ret_new,
                          struct sw_err *err)
{
    sw_autofree char *cert_path = sw_asprintf("%s/ca.crt", q->dir);
    sw_autofree char *key_path = sw_asprintf("%s/ca.key", q->dir);
    struct sw_err e = SW_ERR_INIT;

    *ret_new = false;
    if (sw_path_exists(cert_path) || sw_path_exists(key_path)) {
        int r = use_authority(q, cert_path, key_path, ret, &e);
        if (r == 0 || !q->force)
            return r == 0 ? 0 : sw_err_move(err, &e);
        signer_done(ret);
        *ret = (struct signer){NULL, NULL};
    }
    *ret_new = true;
    return new_authority(q, cert_path, key_path, ret, err);
}

static void describe(const struct signer *leaf, const struct signer *authority,
                     struct certificate_result *ret)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf->cert), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;

    (void)snprintf(ret->serial, sizeof(ret->serial), "%s", hex ? hex : "");
    for (char *c = ret->serial; *c; c++)
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    OPENSSL_free(hex);
    BN_free(n);
    ret->not_after_s = not_after_s(leaf->cert);
    ret->authority_not_after_s = not_after_s(authority->cert);
}

int certificate_issue(const struct certificate_request *q, struct certificate_result *ret,
                      struct sw_err *err)
{
    SW_CLEANUP(signer_done) struct signer authority = {NULL, NULL};
    SW_CLEANUP(signer_done) struct signer leaf = {NULL, NULL};
    sw_autofree char *cert_path = sw_asprintf("%s/tls.crt", q->dir);
    sw_autofree char *key_path = sw_asprintf("%s/tls.key", q->dir);

    for (size_t i = 0; i < q->hosts_n; i++)
        if (!certificate_host_valid(q->hosts[i]))
            return sw_fail(err, SW_EINVALID, NULL,
                           "'%s' is neither a host name nor an address (and has no port)",
                           q->hosts[i]);
    int r = sw_crypto_load(err);
    if (r == 0)
        r = check_ours(key_path, q->force, err);
    if (r == 0)
        r = open_authority(q, &authority, &ret->new_authority, err);
    if (r == 0)
        r = make_leaf(q, &authority, &leaf, err);
    if (r == 0)
        r = write_key(key_path, leaf.key, err);
    if (r == 0)
        r = write_certificates(cert_path, leaf.cert, authority.cert, err);
    if (r == 0)
        describe(&leaf, &authority, ret);
    return r;
}
