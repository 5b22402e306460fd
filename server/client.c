/* SPDX-License-Identifier: Apache-2.0 */
/* server/client.c - finds endpoint and credentials the way the AWS tools do, then signs and sends. */
#include "server/client.h"

#include <pthread.h>
#include <stdio.h>

#include "auth/sigv4.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "server/config.h"

#define CREDENTIALS_MAX  65536
#define DEFAULT_ENDPOINT "http://127.0.0.1:5000"

/* A line of a text file, which may end as on Windows. */
static struct sw_str trim_line(struct sw_str line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return sw_str_trim(line);
}

/* ret_token: owned, or NULL. */
static int read_profile(const char *path, const char *profile, char ret_id[129],
                        char ret_secret[129], char **ret_token, struct sw_err *err)
{
    sw_autofree char *token = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(CREDENTIALS_MAX);
    int r = sw_read_file(path, &text, err);
    if (r < 0)
        return r;
    bool inside = false, have_id = false, have_secret = false;
    struct sw_str rest = sw_buf_str(&text), line;
    while (sw_str_split(&rest, '\n', &line)) {
        line = trim_line(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            struct sw_str name = sw_str_trim(sw_str_slice(line, 1, line.n - 1));
            inside = line.p[line.n - 1] == ']' && sw_str_eq_z(name, profile);
            continue;
        }
        struct sw_str key, value = line;
        if (!inside || !sw_str_split(&value, '=', &key) || !value.p)
            continue;
        key = sw_str_trim(key);
        value = sw_str_trim(value);
        if (sw_str_eq_z(key, "aws_access_key_id"))
            have_id = sw_str_copy(value, ret_id, 129);
        else if (sw_str_eq_z(key, "aws_secret_access_key"))
            have_secret = sw_str_copy(value, ret_secret, 129);
        else if (sw_str_eq_z(key, "aws_session_token") && !token && value.n > 0)
            token = sw_str_dup(value);
    }
    if (!have_id || !have_secret)
        return sw_fail(err, SW_ENOTFOUND, NULL, "%s: no key pair in profile '%s'", path, profile);
    *ret_token = SW_TAKE(token);
    return 0;
}

int credentials_read(const char *path, const char *profile, char ret_id[129], char ret_secret[129],
                     struct sw_err *err)
{
    sw_autofree char *token = NULL;
    return read_profile(path, profile, ret_id, ret_secret, &token, err);
}

int credentials_write(const char *path, const char *id, const char *secret, struct sw_err *err)
{
    sw_autofree char *text =
        sw_asprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret);
    return sw_write_file_atomic(path, text, strlen(text), 0600, err);
}

static const char *first_env(const char *a, const char *b)
{
    const char *v = getenv(a);
    if (!v || !*v)
        v = b ? getenv(b) : NULL;
    return v && *v ? v : NULL;
}

static bool env_key_pair(struct client *c)
{
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    return id && *id && secret && *secret &&
           sw_str_copy(sw_str(id), c->access_key_id, sizeof(c->access_key_id)) &&
           sw_str_copy(sw_str(secret), c->secret_access_key, sizeof(c->secret_access_key));
}

static int read_into(struct client *c, const char *path, const char *profile, struct sw_err *err)
{
    return read_profile(path, profile, c->access_key_id, c->secret_access_key, &c->session_token,
                        err);
}

static int find_credentials(const struct client_options *o, struct client *c, struct sw_err *err)
{
    const char *profile = o->profile ? o->profile : first_env("AWS_PROFILE", NULL);
    if (!profile)
        profile = "default";
    if (o->credentials_file)
        return read_into(c, o->credentials_file, profile, err);
    if (!o->data_dir && env_key_pair(c)) {
        const char *token = first_env("AWS_SESSION_TOKEN", NULL);
        c->session_token = sw_strdup_or_null(token);
        return 0;
    }
    const char *shared = o->data_dir ? NULL : first_env("AWS_SHARED_CREDENTIALS_FILE", NULL);
    if (shared)
        return read_into(c, shared, profile, err);
    const char *home = getenv("HOME");
    char *files[2] = {sw_asprintf("%s/credentials", c->data_dir),
                      sw_asprintf("%s/.aws/credentials", home ? home : "")};
    int r = SW_ENOTFOUND;
    for (size_t i = 0; i < 2 && r < 0; i++) {
        struct sw_err e = SW_ERR_INIT;
        r = read_into(c, files[i], profile, &e);
        if (r < 0 && e.code == SW_EIO && err->code == 0)
            sw_err_move(err, &e);
    }
    if (r < 0 && err->code == 0)
        (void)sw_fail(err, SW_ENOTFOUND, NULL,
                      "no credentials: set AWS_SHARED_CREDENTIALS_FILE to the server's "
                      "DATA/credentials (looked at %s and %s)",
                      files[0], files[1]);
    else if (r == 0)
        sw_err_clear(err);
    free(files[0]);
    free(files[1]);
    return err->code;
}

static char *find_endpoint(const struct client_options *o, const char *data_dir)
{
    if (o->endpoint)
        return sw_strdup(o->endpoint);
    const char *v = first_env("SLIPWAY_ENDPOINT", NULL);
    if (v)
        return sw_strdup(v);
    sw_autofree char *path = sw_asprintf("%s/endpoint", data_dir);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(1024);
    struct sw_err ignored = SW_ERR_INIT;
    struct sw_str rest, line;
    if (sw_read_file(path, &text, &ignored) == 0 && text.n > 0) {
        rest = sw_buf_str(&text);
        (void)sw_str_split(&rest, '\n', &line);
        return sw_str_dup(trim_line(line));
    }
    return sw_strdup(DEFAULT_ENDPOINT);
}

static int split_endpoint(struct client *c, struct sw_err *err)
{
    struct sw_str e = sw_str(c->endpoint);
    size_t scheme = 0;
    if (sw_str_starts_with(e, "http://"))
        scheme = 7;
    else if (sw_str_starts_with(e, "https://"))
        scheme = 8;
    else
        return sw_fail(err, SW_EINVALID, NULL, "endpoint '%s': must begin with http:// or https://",
                       c->endpoint);
    c->tls = scheme == 8;
    while (e.n > scheme && e.p[e.n - 1] == '/')
        e.n--;
    c->endpoint[e.n] = '\0';
    if (e.n == scheme || strpbrk(c->endpoint + scheme, "/?#@ \t\r\n"))
        return sw_fail(err, SW_EINVALID, NULL, "endpoint '%s': must be scheme://HOST:PORT",
                       c->endpoint);
    c->host_port = sw_strdup(c->endpoint + scheme);
    return 0;
}

int client_open(const struct client_options *o, struct client *ret, struct sw_err *err)
{
    *ret = (struct client){0};
    const char *data = o->data_dir ? o->data_dir : first_env("SLIPWAY_DATA", NULL);
    ret->data_dir = data ? sw_strdup(data) : server_default_data_dir();
    ret->endpoint = find_endpoint(o, ret->data_dir);
    const char *region = o->region ? o->region : first_env("AWS_REGION", "AWS_DEFAULT_REGION");
    int r = split_endpoint(ret, err);
    if (r == 0 &&
        !sw_str_copy(sw_str(region ? region : "us-east-1"), ret->region, sizeof(ret->region)))
        r = sw_fail(err, SW_EINVALID, NULL, "region '%s': too long", region);
    if (r == 0)
        r = find_credentials(o, ret, err);
    if (r < 0) {
        client_close(ret);
        return r;
    }
    struct httpc_options http = {.ca_file =
                                     o->ca_file ? o->ca_file : first_env("AWS_CA_BUNDLE", NULL)};
    ret->http = httpc_new(&http);
    return 0;
}

void client_close(struct client *c)
{
    httpc_free(c->http);
    free(c->endpoint);
    free(c->host_port);
    free(c->data_dir);
    free(c->session_token);
    explicit_bzero(c->secret_access_key, sizeof(c->secret_access_key));
    *c = (struct client){0};
}

/* err->reason must be static; error types are few, so each is kept once for the life of the program. */
static const char *intern(const char *s)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const char *known[64];
    static size_t n;
    const char *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n && !found; i++)
        if (sw_streq(known[i], s))
            found = known[i];
    if (!found && n < SW_ARRAY_LEN(known))
        found = known[n++] = sw_strdup(s);
    pthread_mutex_unlock(&lock);
    return found;
}

static int modelled_error(const struct httpc_response *res, struct sw_err *err)
{
    sw_autojson json_t *body = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    (void)sw_json_load(sw_buf_str(&res->body), LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, NULL, &body,
                       &ignored);
    const char *type = sw_json_str(body, "__type", NULL);
    const char *message = sw_json_str(body, "message", sw_json_str(body, "Message", ""));
    if (!type)
        return sw_fail(err, SW_EUNAVAILABLE, NULL,
                       "the server answered %d without a modelled error", res->status);
    int code = res->status >= 500 ? SW_EUNAVAILABLE : SW_EINVALID;
    if (strstr(type, "NotFound") || sw_streq(type, "NoSuchEntity"))
        code = SW_ENOTFOUND;
    else if (sw_streq(type, "TargetNotConnectedException"))
        code = SW_EUNAVAILABLE; /* until its agent is back, after a restart say */
    else if (strstr(type, "AlreadyExists") || strstr(type, "Conflict"))
        code = SW_ECONFLICT;
    else if (strstr(type, "Denied") || strstr(type, "Signature") ||
             strstr(type, "UnrecognizedClient"))
        code = SW_EDENIED;
    return sw_fail(err, code, intern(type), "%s", message);
}

static int sign_and_send(struct client *c, const char *target, struct sw_str body,
                         int64_t timeout_ms, struct httpc_response *res, struct sw_err *err)
{
    const char *service = strncmp(target, TARGET_ECR, sizeof(TARGET_ECR) - 1) == 0 ? "ecr"
                          : strncmp(target, "SlipwayAdmin", 12) == 0               ? "iam"
                                                                                   : "ecs";
    char date[SW_TIME_LEN];
    sw_format_amz_date(sw_now_us(), date);
    struct sigv4_header signed_headers[] = {
        {SW_STR("content-type"), SW_STR("application/x-amz-json-1.1")},
        {SW_STR("host"), sw_str(c->host_port)},
        {SW_STR("x-amz-date"), sw_str(date)},
        {SW_STR("x-amz-target"), sw_str(target)},
        {SW_STR("x-amz-security-token"), sw_str(c->session_token)},
    };
    size_t tokens = c->session_token != NULL;
    struct sigv4_request request = {.method = SW_STR("POST"),
                                    .path = SW_STR("/"),
                                    .query = SW_STR(""),
                                    .headers = signed_headers,
                                    .headers_n = SW_ARRAY_LEN(signed_headers) - 1 + tokens,
                                    .body = body};
    SW_CLEANUP(sw_buf_done) struct sw_buf authorization = SW_BUF_INIT(4096);
    int r = sigv4_sign(&request, c->access_key_id, c->secret_access_key, c->region, service, date,
                       &authorization, err);
    if (r < 0)
        return r;
    struct httpc_header headers[] = {
        {"Content-Type", "application/x-amz-json-1.1"},
        {"Host", c->host_port},
        {"X-Amz-Date", date},
        {"X-Amz-Target", target},
        {"Authorization", authorization.p},
        {"X-Amz-Security-Token", c->session_token},
    };
    sw_autofree char *url = sw_asprintf("%s/", c->endpoint);
    struct httpc_request http = {.method = "POST",
                                 .url = url,
                                 .headers = headers,
                                 .headers_n = SW_ARRAY_LEN(headers) - 1 + tokens,
                                 .body = body,
                                 .body_max = LIMIT_AWS_BODY * 4,
                                 .timeout_ms = timeout_ms,
                                 .stall_timeout_ms = timeout_ms,
                                 .cancelled = c->cancelled};
    return httpc_perform(c->http, &http, res, err);
}

int client_call(struct client *c, const char *target, const json_t *in, int64_t timeout_ms,
                json_t **ret_out, struct sw_err *err)
{
    sw_autofree char *body = in ? sw_json_dump(in) : sw_strdup("{}");
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int r = sign_and_send(c, target, sw_str(body), timeout_ms ? timeout_ms : 30000, &res, err);
    if (r < 0)
        return sw_prefix(err, "%s", c->endpoint);
    if (res.status != 200)
        return modelled_error(&res, err);
    if (!ret_out)
        return 0;
    r = sw_json_load(sw_buf_str(&res.body), LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES * 10, NULL, ret_out,
                     err);
    return r < 0 ? sw_prefix(err, "%s answered %s with", c->endpoint, target) : 0;
}

int client_registry_password(struct client *c, char out[TOKEN_MAX], int64_t *ret_expires_at_s,
                             struct sw_err *err)
{
    sw_autojson json_t *reply = NULL;
    int r = client_call(c, TARGET_ECR ".GetAuthorizationToken", NULL, 0, &reply, err);
    if (r < 0)
        return r;
    const json_t *data = json_array_get(sw_json_array(reply, "authorizationData"), 0);
    const char *token = sw_json_str(data, "authorizationToken", "");
    char plain[TOKEN_MAX + 8];
    size_t n = 0;
    if (!sw_unbase64(sw_str(token), plain, sizeof(plain) - 1, &n) || n < 5 ||
        memcmp(plain, "AWS:", 4) != 0 || !sw_str_copy(sw_str_n(plain + 4, n - 4), out, TOKEN_MAX))
        return sw_fail(err, SW_EINVALID, NULL,
                       "%s: the authorization token is not AWS:<password> in base64", c->endpoint);
    if (ret_expires_at_s)
        *ret_expires_at_s = (int64_t)json_number_value(json_object_get(data, "expiresAt"));
    return 0;
}
