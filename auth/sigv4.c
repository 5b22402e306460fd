/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying and making Signature Version 4 (AWS General Reference, "Signing AWS API requests"), header form.
 * Invariants of verification:
 * 1. Nothing from the request is believed before the signature matched, except to build what is compared.
 * 2. Every x-amz-* header present is signed, and host: what routes or means something cannot be added on the way.
 * 3. The body that was hashed is the body that was signed; no form leaves the body unsigned.
 * 4. A header that decides (Authorization, X-Amz-Date, Date, x-amz-content-sha256) occurs at most once.
 * The wording of the refusals is what AWS clients and their users know.
 * No cache of derived keys: a verification takes 3.4 us, of which deriving the key is 1.2 us, and a cache
 * would need a lock and would outlive deleted keys. */
#include "auth/sigv4.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/macros.h"

#define ALGORITHM          "AWS4-HMAC-SHA256"
#define TERMINATOR         "aws4_request"
#define CANONICAL_MAX      (1024 * 1024)
#define SIGNED_HEADERS_MAX 100
#define SCOPE_MAX          160 /* date, region, service, terminator */
#define SECRET_MAX         128
#define AMZ_DATE_N         16 /* 20261121T140709Z */

#define WRONG_SIGNATURE                                                                          \
    "The request signature we calculated does not match the signature you provided. Check your " \
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
#define UNKNOWN_KEY "The security token included in the request is invalid."

struct authorization {
    struct sw_str credential, signed_headers, signature;
    struct sw_str access_key_id, date, region, service, terminator; /* inside credential */
};

#define deny(err, reason, ...)    sw_fail((err), SW_EDENIED, (reason), __VA_ARGS__)
#define deny_incomplete(err, ...) deny((err), "IncompleteSignatureException", __VA_ARGS__)
#define deny_invalid(err, ...)    deny((err), "InvalidSignatureException", __VA_ARGS__)

/* ---- the pieces ---- */

void sigv4_string_to_sign(struct sw_str canonical_request, const char *amz_date, const char *scope,
                          struct sw_buf *out)
{
    unsigned char hash[32];
    char hex[65];

    sw_sha256(canonical_request.p, canonical_request.n, hash);
    sw_hex(hash, sizeof(hash), hex);
    sw_buf_add_z(out, ALGORITHM "\n");
    sw_buf_add_z(out, amz_date);
    sw_buf_add_char(out, '\n');
    sw_buf_add_z(out, scope);
    sw_buf_add_char(out, '\n');
    sw_buf_add(out, hex, 64);
}

void sigv4_signature(const char *secret, const char *date, const char *region, const char *service,
                     struct sw_str string_to_sign, char ret_hex[65])
{
    const char *parts[] = {date, region, service, TERMINATOR};
    unsigned char key[32], mac[32];
    char first[4 + SECRET_MAX + 1];
    size_t n = strlen(secret);

    assert(n <= SECRET_MAX);
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, secret, n);
    sw_hmac_sha256(first, 4 + n, parts[0], strlen(parts[0]), key);
    for (size_t i = 1; i < SW_ARRAY_LEN(parts); i++) {
        sw_hmac_sha256(key, sizeof(key), parts[i], strlen(parts[i]), mac);
        memcpy(key, mac, sizeof(key));
    }
    sw_hmac_sha256(key, sizeof(key), string_to_sign.p, string_to_sign.n, mac);
    sw_hex(mac, sizeof(mac), ret_hex);
    explicit_bzero(first, sizeof(first));
    explicit_bzero(key, sizeof(key));
}

/* ---- headers ---- */

/* The only header of that name in *ret; 1 found, 0 absent, negative if there are several. */
static int find_header(const struct sigv4_request *req, const char *name, struct sw_str *ret,
                       struct sw_err *err)
{
    int found = 0;

    for (size_t i = 0; i < req->headers_n; i++) {
        if (!sw_str_eq_nocase(req->headers[i].name, sw_str(name)))
            continue;
        if (found)
            return deny_incomplete(err, "The request has more than one '%s' header.", name);
        *ret = sw_str_trim(req->headers[i].value);
        found = 1;
    }
    return found;
}

static bool list_has(struct sw_str signed_headers, struct sw_str name)
{
    struct sw_str rest = signed_headers, part;

    while (sw_str_split(&rest, ';', &part)) {
        if (sw_str_eq_nocase(part, name))
            return true;
    }
    return false;
}

/* Lower-case names, each once, in byte order. */
static int check_signed_headers(struct sw_str list, struct sw_err *err)
{
    struct sw_str rest = list, name, before = SW_STR("");
    size_t count = 0;

    while (sw_str_split(&rest, ';', &name)) {
        bool ok = name.n > 0 && ++count <= SIGNED_HEADERS_MAX && sw_str_cmp(before, name) < 0;
        for (size_t i = 0; ok && i < name.n; i++)
            ok = name.p[i] > ' ' && name.p[i] < 127 && !(name.p[i] >= 'A' && name.p[i] <= 'Z');
        if (!ok)
            return deny_incomplete(
                err,
                "'SignedHeaders' must be at most %d lower-case header names, each once, in order.",
                SIGNED_HEADERS_MAX);
        before = name;
    }
    return 0;
}

static int check_coverage(const struct sigv4_request *req, struct sw_str signed_headers,
                          struct sw_err *err)
{
    if (!list_has(signed_headers, SW_STR("host")))
        return deny_invalid(
            err, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    for (size_t i = 0; i < req->headers_n; i++) {
        struct sw_str name = req->headers[i].name;
        if (name.n >= 6 && sw_str_eq_nocase(sw_str_slice(name, 0, 6), SW_STR("x-amz-")) &&
            !list_has(signed_headers, name))
            return deny_invalid(
                err,
                "There were headers present in the request which were not signed: '" SW_STR_FMT
                "'.",
                SW_STR_ARG(name));
    }
    return 0;
}

/* ---- the Authorization header ---- */

static bool is_word(struct sw_str s, size_t max, bool upper)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            !(upper && c >= 'A' && c <= 'Z'))
            return false;
    }
    return s.n > 0 && s.n <= max;
}

static int parse_scheme(struct sw_str *rest, struct sw_err *err)
{
    struct sw_str scheme;

    sw_str_split(rest, ' ', &scheme);
    if (sw_str_eq_z(scheme, ALGORITHM))
        return 0;
    if (sw_str_starts_with(scheme, "AWS4-ECDSA-P256-SHA256"))
        return deny_incomplete(
            err, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (SigV4a). Sign with '%s'.",
            ALGORITHM);
    if (!is_word(scheme, 32, true)) /* it may be a secret in the wrong place */
        return deny_incomplete(err, "Unsupported AWS 'algorithm'. Sign with '%s'.", ALGORITHM);
    return deny_incomplete(err, "Unsupported AWS 'algorithm': '" SW_STR_FMT "'. Sign with '%s'.",
                           SW_STR_ARG(scheme), ALGORITHM);
}

static int parse_credential(struct authorization *a, struct sw_err *err)
{
    struct sw_str *parts[] = {&a->access_key_id, &a->date, &a->region, &a->service, &a->terminator};
    struct sw_str rest = a->credential;
    size_t n = 0;

    while (n < SW_ARRAY_LEN(parts) && sw_str_split(&rest, '/', parts[n]))
        n++;
    if (n != SW_ARRAY_LEN(parts) || rest.p != NULL)
        return deny_incomplete(err, "Credential must have exactly 5 slash-delimited elements, e.g. "
                                    "keyid/date/region/service/term.");
    if (!sw_str_eq_z(a->terminator, TERMINATOR))
        return deny_invalid(err, "Credential should be scoped with a valid terminator: '%s'.",
                            TERMINATOR);
    if (!is_word(a->region, 63, false))
        return deny_invalid(err, "Credential should be scoped to a valid region.");
    if (!is_word(a->service, 63, false))
        return deny_invalid(err, "Credential should be scoped to a valid service.");
    return 0;
}

static int parse_authorization(struct sw_str value, struct authorization *ret, struct sw_err *err)
{
    const struct {
        const char *name;
        struct sw_str *into;
    } fields[] = {{"Credential", &ret->credential},
                  {"SignedHeaders", &ret->signed_headers},
                  {"Signature", &ret->signature}};
    struct sw_str rest = value, part;
    int r;

    memset(ret, 0, sizeof(*ret));
    if (value.n > LIMIT_TOKEN)
        return deny_incomplete(err, "The Authorization header is longer than %d bytes.",
                               LIMIT_TOKEN);
    r = parse_scheme(&rest, err);
    if (r < 0)
        return r;
    while (sw_str_split(&rest, ',', &part)) {
        struct sw_str text = sw_str_trim(part), name;
        size_t i = 0;
        sw_str_split(&text, '=', &name);
        while (i < SW_ARRAY_LEN(fields) && !sw_str_eq_z(name, fields[i].name))
            i++;
        if (i == SW_ARRAY_LEN(fields) || text.p == NULL || fields[i].into->p != NULL)
            return deny_incomplete(
                err,
                "The Authorization header must be '%s Credential=..., SignedHeaders=..., "
                "Signature=...', each once.",
                ALGORITHM);
        *fields[i].into = text;
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(fields); i++) {
        if (fields[i].into->n == 0)
            return deny_incomplete(err, "Authorization header requires '%s' parameter.",
                                   fields[i].name);
    }
    r = parse_credential(ret, err);
    return r < 0 ? r : check_signed_headers(ret->signed_headers, err);
}

/* ---- time ---- */

/* The request's time as 20261121T140709Z, and as a number. */
static int request_date(const struct sigv4_request *req, char ret_amz_date[SW_TIME_LEN],
                        int64_t *ret_us, struct sw_err *err)
{
    struct sw_str text = {0};
    int r = find_header(req, "x-amz-date", &text, err);

    if (r == 0) {
        r = find_header(req, "date", &text, err);
        if (r == 0)
            return deny_incomplete(
                err, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                     "header.");
        if (r > 0 && sw_parse_http_date(text, ret_us)) {
            sw_format_amz_date(*ret_us, ret_amz_date);
            return 0;
        }
    }
    if (r < 0)
        return r;
    if (!sw_parse_amz_date(text, ret_us) || !sw_str_copy(text, ret_amz_date, SW_TIME_LEN))
        return deny_incomplete(err,
                               "Date must be in ISO-8601 'basic format', e.g. 20261121T140709Z.");
    return 0;
}

static int check_date(struct sw_str scope_date, const char *amz_date, int64_t date_us,
                      int64_t now_us, struct sw_err *err)
{
    int64_t date_s = date_us / 1000000, now_s = now_us / 1000000;
    char now[SW_TIME_LEN], bound[SW_TIME_LEN];

    if (!sw_str_eq(scope_date, sw_str_n(amz_date, 8)))
        return deny_invalid(
            err,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            "HTTP: '%.8s'.",
            amz_date);
    sw_format_amz_date(now_us, now);
    if (date_s < now_s - SIGV4_MAX_SKEW_S) {
        sw_format_amz_date((now_s - SIGV4_MAX_SKEW_S) * 1000000, bound);
        return deny_invalid(err, "Signature expired: %s is now earlier than %s (%s - %d min.)",
                            amz_date, bound, now, SIGV4_MAX_SKEW_S / 60);
    }
    if (date_s > now_s + SIGV4_MAX_SKEW_S) {
        sw_format_amz_date((now_s + SIGV4_MAX_SKEW_S) * 1000000, bound);
        return deny_invalid(err,
                            "Signature not yet current: %s is still later than %s (%s + %d min.)",
                            amz_date, bound, now, SIGV4_MAX_SKEW_S / 60);
    }
    return 0;
}

/* ---- body ---- */

static void body_hash(struct sw_str body, char ret_hex[65])
{
    unsigned char hash[32];

    sw_sha256(body.p, body.n, hash);
    sw_hex(hash, sizeof(hash), ret_hex);
}

static int check_body(const struct sigv4_request *req, char ret_hex[65], struct sw_err *err)
{
    struct sw_str sent = {0};
    int r = find_header(req, "x-amz-content-sha256", &sent, err);

    if (r < 0)
        return r;
    if (r > 0 && (sw_str_eq_z(sent, "UNSIGNED-PAYLOAD") || sw_str_starts_with(sent, "STREAMING-")))
        return deny_invalid(err,
                            "The payload form '" SW_STR_FMT
                            "' is not supported: the body must be signed as a whole.",
                            (int)SW_MIN(sent.n, 64U), sent.p);
    body_hash(req->body, ret_hex);
    if (r > 0 && !sw_str_eq_z(sent, ret_hex))
        return deny_invalid(
            err, "The provided 'x-amz-content-sha256' header does not match what was computed.");
    return 0;
}

/* ---- verification ---- */

static int find_authorization(const struct sigv4_request *req, struct sw_str *ret,
                              struct sw_err *err)
{
    int r = find_header(req, "authorization", ret, err);

    if (r < 0)
        return r;
    if (r > 0 && ret->n > 0)
        return 0;
    if (sw_str_starts_with(req->query, "X-Amz-") &&
        memmem(req->query.p, req->query.n, "X-Amz-Signature=", 16))
        return deny_incomplete(
            err, "A signature in the query is not supported: sign in the Authorization header.");
    return deny(err, "MissingAuthenticationTokenException", "Missing Authentication Token");
}

static int find_secret(struct sw_str access_key_id, struct sw_str token, int64_t now_us,
                       sigv4_secret_fn secret, void *ctx, struct principal *ret,
                       char ret_secret[SECRET_MAX + 1], struct sw_err *err)
{
    struct sw_err why = SW_ERR_INIT;
    char id[sizeof(ret->access_key_id)];
    struct sigv4_key key = {id, token, now_us};
    int r;

    if (access_key_id.n == 0 || !sw_str_copy(access_key_id, id, sizeof(id)))
        return deny(err, "UnrecognizedClientException", UNKNOWN_KEY);
    r = secret(ctx, &key, ret, ret_secret, &why);
    if (r == SW_ENOTFOUND)
        return deny(err, "UnrecognizedClientException", UNKNOWN_KEY);
    return r < 0 ? sw_err_move(err, &why) : 0;
}

static int make_texts(const struct sigv4_request *req, const struct authorization *a,
                      const char *amz_date, const char *hash, const struct sigv4_result *scope,
                      struct sw_buf *canonical, struct sw_buf *sts, struct sw_err *err)
{
    char text[SCOPE_MAX];
    bool normalize = !sw_streq(scope->service, "s3");
    int r = sigv4_canonical_request(req, a->signed_headers, sw_str_n(hash, 64), normalize,
                                    canonical, err);

    if (r < 0)
        return r;
    (void)snprintf(text, sizeof(text), "%.8s/%s/%s/%s", amz_date, scope->region, scope->service,
                   TERMINATOR);
    sigv4_string_to_sign(sw_buf_str(canonical), amz_date, text, sts);
    return 0;
}

/* What the signature of this request must be. */
static int expected_signature(const struct sigv4_request *req, const struct authorization *a,
                              const char *amz_date, const char *hash, const char *secret,
                              const struct sigv4_result *scope, char ret_hex[65],
                              struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done)
    struct sw_buf canonical = SW_BUF_INIT(CANONICAL_MAX), sts = SW_BUF_INIT(1024);
    char date[9];
    int r = make_texts(req, a, amz_date, hash, scope, &canonical, &sts, err);

    if (r < 0)
        return r;
    memcpy(date, amz_date, 8);
    date[8] = 0;
    sigv4_signature(secret, date, scope->region, scope->service, sw_buf_str(&sts), ret_hex);
    return 0;
}

/* What the headers alone tell. */
struct head {
    struct authorization a;
    char amz_date[SW_TIME_LEN], secret[SECRET_MAX + 1];
    struct sigv4_result result;
};

static int check_head(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret_fn,
                      void *ctx, struct head *h, struct sw_err *err)
{
    struct sw_str value = {0}, token = {0};
    int64_t date_us = 0;
    int r;

    if ((r = find_authorization(req, &value, err)) < 0 ||
        (r = parse_authorization(value, &h->a, err)) < 0 ||
        (r = request_date(req, h->amz_date, &date_us, err)) < 0 ||
        (r = check_date(h->a.date, h->amz_date, date_us, now_us, err)) < 0 ||
        (r = check_coverage(req, h->a.signed_headers, err)) < 0)
        return r;
    sw_str_copy(h->a.region, h->result.region, sizeof(h->result.region));
    sw_str_copy(h->a.service, h->result.service, sizeof(h->result.service));
    if ((r = find_header(req, "x-amz-security-token", &token, err)) < 0)
        return r;
    if (r > 0 && token.n == 0)
        return deny(err, "UnrecognizedClientException", UNKNOWN_KEY);
    return find_secret(h->a.access_key_id, token, now_us, secret_fn, ctx, &h->result.principal,
                       h->secret, err);
}

bool sigv4_key_exists(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret_fn,
                      void *ctx)
{
    struct sw_str value = {0}, token = {0};
    struct sw_err err = SW_ERR_INIT;
    struct authorization a;
    struct principal owner;
    char secret[SECRET_MAX + 1] = "";

    if (find_authorization(req, &value, &err) < 0 || parse_authorization(value, &a, &err) < 0 ||
        find_header(req, "x-amz-security-token", &token, &err) < 0)
        return false;
    int r = find_secret(a.access_key_id, token, now_us, secret_fn, ctx, &owner, secret, &err);
    sodium_memzero(secret, sizeof(secret));
    return r == 0;
}

int sigv4_check_head(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret_fn,
                     void *ctx, struct sw_err *err)
{
    struct head h = {0};
    int r = check_head(req, now_us, secret_fn, ctx, &h, err);

    explicit_bzero(h.secret, sizeof(h.secret));
    return r;
}

int sigv4_verify(const struct sigv4_request *req, int64_t now_us, sigv4_secret_fn secret_fn,
                 void *ctx, struct sigv4_result *ret, struct sw_err *err)
{
    struct head h = {0};
    char hash[65], want[65];
    int r = check_head(req, now_us, secret_fn, ctx, &h, err);

    if (r == 0)
        r = check_body(req, hash, err);
    if (r == 0)
        r = expected_signature(req, &h.a, h.amz_date, hash, h.secret, &h.result, want, err);
    explicit_bzero(h.secret, sizeof(h.secret));
    if (r < 0)
        return r;
    if (h.a.signature.n != 64 || !sw_equal_secret(h.a.signature.p, want, 64))
        return deny_invalid(err, WRONG_SIGNATURE);
    *ret = h.result;
    return 0;
}

int sigv4_explain(const struct sigv4_request *req, struct sw_buf *ret_canonical,
                  struct sw_buf *ret_string_to_sign, char ret_access_key_id[33], struct sw_err *err)
{
    struct sw_str value = {0};
    struct authorization a;
    struct sigv4_result scope = {0};
    char amz_date[SW_TIME_LEN], hash[65];
    int64_t date_us = 0;
    int r;

    if ((r = find_authorization(req, &value, err)) < 0 ||
        (r = parse_authorization(value, &a, err)) < 0 ||
        (r = request_date(req, amz_date, &date_us, err)) < 0)
        return r;
    sw_str_copy(a.region, scope.region, sizeof(scope.region));
    sw_str_copy(a.service, scope.service, sizeof(scope.service));
    sw_str_copy(a.access_key_id, ret_access_key_id, 33);
    body_hash(req->body, hash);
    return make_texts(req, &a, amz_date, hash, &scope, ret_canonical, ret_string_to_sign, err);
}

/* ---- signing ---- */

/* What proxies and HTTP libraries add or change on the way. */
static bool is_signable(struct sw_str name)
{
    static const char *const not_signed[] = {
        "authorization", "connection",        "expect",
        "user-agent",    "transfer-encoding", "x-amzn-trace-id"};

    for (size_t i = 0; i < SW_ARRAY_LEN(not_signed); i++) {
        if (sw_str_eq_nocase(name, sw_str(not_signed[i])))
            return false;
    }
    return true;
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sorted lower-case names of the request's headers, each once, with ';' between. */
static void add_signed_headers(const struct sigv4_request *req, struct sw_buf *out)
{
    char **names = sw_calloc(req->headers_n, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; i < req->headers_n; i++) {
        if (!is_signable(req->headers[i].name))
            continue;
        names[n] = sw_str_dup(req->headers[i].name);
        for (char *c = names[n]; *c; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
        n++;
    }
    qsort(names, n, sizeof(*names), name_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && sw_streq(names[i], names[i - 1]))
            continue;
        if (i > 0)
            sw_buf_add_char(out, ';');
        sw_buf_add_z(out, names[i]);
    }
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

int sigv4_sign(const struct sigv4_request *req, const char *access_key_id, const char *secret,
               const char *region, const char *service, const char *amz_date,
               struct sw_buf *ret_authorization, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf names = SW_BUF_INIT(LIMIT_REQUEST_HEADERS);
    struct sw_str sent = {0};
    struct sigv4_result scope = {0};
    struct authorization a = {0};
    char hash[65], signature[65];
    int r;

    if (strlen(amz_date) != AMZ_DATE_N || strlen(secret) > SECRET_MAX ||
        !is_word(sw_str(region), 63, false) || !is_word(sw_str(service), 63, false))
        return sw_fail(err, SW_EINVALID, NULL, "bad date, secret, region or service to sign with");
    sw_str_copy(sw_str(region), scope.region, sizeof(scope.region));
    sw_str_copy(sw_str(service), scope.service, sizeof(scope.service));
    if (req->headers_n > 0)
        add_signed_headers(req, &names);
    a.signed_headers = sw_buf_str(&names);
    if (!list_has(a.signed_headers, SW_STR("host")) ||
        !list_has(a.signed_headers, SW_STR("x-amz-date")))
        return sw_fail(err, SW_EINVALID, NULL,
                       "a request to sign needs the headers host and x-amz-date");
    if ((r = find_header(req, "x-amz-content-sha256", &sent, err)) < 0)
        return r;
    body_hash(req->body, hash);
    if (r > 0 && !sw_str_eq_z(sent, hash))
        return sw_fail(err, SW_EINVALID, NULL, "x-amz-content-sha256 is not the body's hash");
    if ((r = expected_signature(req, &a, amz_date, hash, secret, &scope, signature, err)) < 0)
        return r;
    sw_buf_addf(ret_authorization, "%s Credential=%s/%.8s/%s/%s/%s, SignedHeaders=%s, Signature=%s",
                ALGORITHM, access_key_id, amz_date, region, service, TERMINATOR,
                sw_buf_str(&names).p, signature);
    return sw_buf_check(ret_authorization, NULL, err);
}
