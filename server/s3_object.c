/* SPDX-License-Identifier: Apache-2.0 */
/* server/s3_object.c - Amazon S3 API, GetObject by path; Signature Version 4 with the hash of an empty payload. */
#include "server/s3_object.h"

#include <string.h>

#include "auth/sigv4.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/httpc.h"
#include "base/json.h"
#include "base/macros.h"
#include "server/client.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define KEY_MAX      1024
#define TIMEOUT_MS   30000

struct s3_reader {
    struct httpc *http;
    char *endpoint, *region, *credentials;
};
struct keys {
    char id[129], secret[129];
    const char *token;
};

static bool endpoint_valid(const char *url)
{
    const char *host = strncmp(url, "https://", 8) == 0  ? url + 8
                       : strncmp(url, "http://", 7) == 0 ? url + 7
                                                         : "";
    return *host && !strpbrk(host, "/@?# ");
}

int s3_reader_new(const struct s3_options *o, struct s3_reader **ret, struct sw_err *err)
{
    if (o->endpoint && !endpoint_valid(o->endpoint))
        return sw_fail(err, SW_EINVALID, NULL, "s3_endpoint: '%.200s' is not http[s]://HOST[:PORT]",
                       o->endpoint);
    struct s3_reader *r = SW_NEW(struct s3_reader);
    r->http = httpc_new(&(struct httpc_options){.user_agent = "slipway-agent"});
    r->region = sw_strdup(o->region);
    r->endpoint = o->endpoint ? sw_strdup(o->endpoint)
                              : sw_asprintf("https://s3.%s.amazonaws.com", o->region);
    r->credentials = sw_strdup_or_null(o->credentials);
    *ret = r;
    return 0;
}

void s3_reader_free(struct s3_reader *r)
{
    if (!r)
        return;
    httpc_free(r->http);
    free(r->endpoint);
    free(r->region);
    free(r->credentials);
    free(r);
}

static int keys_of(const struct s3_reader *r, const json_t *credentials, struct keys *ret,
                   struct sw_err *err)
{
    if (r->credentials)
        return credentials_read(r->credentials, "default", ret->id, ret->secret, err);
    if (!sw_str_copy(sw_str(sw_json_str(credentials, "accessKeyId", "")), ret->id,
                     sizeof ret->id) ||
        !sw_str_copy(sw_str(sw_json_str(credentials, "secretAccessKey", "")), ret->secret,
                     sizeof ret->secret))
        return sw_fail(err, SW_EINVALID, NULL, "credentials of a role are too long");
    ret->token = sw_json_str(credentials, "sessionToken", NULL);
    return 0;
}

static int send_get(struct s3_reader *r, const struct keys *k, const char *path, size_t max,
                    const volatile int *cancelled, struct httpc_response *res, struct sw_err *err)
{
    const char *host = strstr(r->endpoint, "://") + 3;
    char date[SW_TIME_LEN];
    sw_format_amz_date(sw_now_us(), date);
    size_t n = 3 + (k->token != NULL);
    const struct sigv4_header signed_headers[] = {
        {SW_STR("host"), sw_str(host)},
        {SW_STR("x-amz-content-sha256"), SW_STR(EMPTY_SHA256)},
        {SW_STR("x-amz-date"), sw_str(date)},
        {SW_STR("x-amz-security-token"), sw_str(k->token ? k->token : "")},
    };
    const struct sigv4_request request = {.method = SW_STR("GET"),
                                          .path = sw_str(path),
                                          .query = SW_STR(""),
                                          .headers = signed_headers,
                                          .headers_n = n,
                                          .body = SW_STR("")};
    SW_CLEANUP(sw_buf_done) struct sw_buf authorization = SW_BUF_INIT(16384);
    if (sigv4_sign(&request, k->id, k->secret, r->region, "s3", date, &authorization, err) < 0)
        return err->code;
    const struct httpc_header headers[] = {
        {"Host", host},
        {"X-Amz-Content-Sha256", EMPTY_SHA256},
        {"X-Amz-Date", date},
        {"Authorization", authorization.p},
        {"X-Amz-Security-Token", k->token},
    };
    sw_autofree char *url = sw_asprintf("%s%s", r->endpoint, path);
    const struct httpc_request http = {.method = "GET",
                                       .url = url,
                                       .headers = headers,
                                       .headers_n = n + 1,
                                       .body_max = max,
                                       .timeout_ms = TIMEOUT_MS,
                                       .cancelled = cancelled};
    return httpc_perform(r->http, &http, res, err);
}

/* <Code>NoSuchKey</Code> of the answer's document, or "". */
static void code_of(const struct httpc_response *res, char out[64])
{
    const char *text = res->body.p ? res->body.p : "", *at = strstr(text, "<Code>");
    size_t n = at ? strcspn(at + 6, "<") : 0;
    out[0] = 0;
    if (at)
        (void)sw_str_copy(sw_str_n(at + 6, SW_MIN(n, (size_t)63)), out, 64);
}

static int status_error(const struct httpc_response *res, struct sw_err *err)
{
    char code[64];
    code_of(res, code);
    int e = res->status == 404                         ? SW_ENOTFOUND
            : res->status == 403 || res->status == 401 ? SW_EDENIED
            : res->status >= 500 || res->status == 429 ? SW_EUNAVAILABLE
                                                       : SW_EIO;
    return sw_fail(err, e, NULL, "the S3 store answers HTTP %d %s", res->status, code);
}

int s3_reader_get(struct s3_reader *r, const json_t *credentials, const char *bucket,
                  const char *key, const volatile int *cancelled, struct sw_buf *ret,
                  struct sw_err *err)
{
    char encoded[KEY_MAX * 3 + 1];
    struct keys k = {.id = ""};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    if (!sw_uri_encode(sw_str(key), "-._~/", encoded, sizeof encoded))
        return sw_fail(err, SW_ELIMIT, NULL, "the key has more than %d bytes", KEY_MAX);
    sw_autofree char *path = sw_asprintf("/%s/%s", bucket, encoded);
    int e = keys_of(r, credentials, &k, err);
    if (e == 0)
        e = send_get(r, &k, path, ret->max, cancelled, &res, err);
    explicit_bzero(k.secret, sizeof k.secret);
    if (e < 0)
        return e;
    if (res.status != 200)
        return status_error(&res, err);
    sw_buf_add_str(ret, sw_buf_str(&res.body));
    return sw_buf_check(ret, NULL, err);
}
