/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: (1) an easy handle belongs to one request at a time; between requests it lies in the
 * client's free list, with its open connections. libcurl's own sharing of connections is not safe
 * between threads in the versions that we support. (2) A callback that fails fills `err` once and
 * ends the transfer, and no callback runs after that. (3) Everything that the peer sends is
 * bounded: headers, a buffered body, and time without progress. */
#include "base/httpc.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/lazy.h"
#include "base/macros.h"

#define FREE_MAX                   64
#define HEADERS_MAX                (64 * 1024)
#define BODY_MAX_DEFAULT           (1024 * 1024)
#define STALL_TIMEOUT_DEFAULT_MS   30000
#define CONNECT_TIMEOUT_DEFAULT_MS 10000
#define TRANSFER_BUFFER            (128L * 1024)
#define EXPECT_THRESHOLD           (1024 * 1024) /* larger bodies ask first (RFC 9110, 10.1.1) */

struct httpc {
    char *ca_file, *user_agent;
    int64_t connect_timeout_ms;
    pthread_mutex_t lock;
    CURL *free_handles[FREE_MAX];
    size_t free_n;
};

/* One request under way. */
struct transfer {
    const struct httpc_request *req;
    struct httpc_response res;
    CURL *easy;
    struct sw_err *err;
    int rc;             /* of the callback that failed */
    bool headers_ended; /* what follows is a trailer or a new response */
    int64_t sent;       /* of the request body */
    int64_t size;       /* of the request body; -1: chunked */
    int64_t moved_at_ms, moved_bytes;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

struct httpc *httpc_new(const struct httpc_options *o)
{
    struct httpc *c = SW_NEW(struct httpc);

    (void)pthread_mutex_init(&c->lock, NULL);
    c->ca_file = sw_strdup_or_null(o->ca_file);
    c->user_agent = sw_strdup(o->user_agent ? o->user_agent : "slipway");
    c->connect_timeout_ms =
        o->connect_timeout_ms > 0 ? o->connect_timeout_ms : CONNECT_TIMEOUT_DEFAULT_MS;
    return c;
}

void httpc_free(struct httpc *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->free_n; i++)
        curl_easy_cleanup(c->free_handles[i]);
    (void)pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c->user_agent);
    free(c);
}

/* The handle that was used last: its connections are the least likely to have gone stale. */
static CURL *take_handle(struct httpc *c)
{
    CURL *easy = NULL;

    (void)pthread_mutex_lock(&c->lock);
    if (c->free_n > 0)
        easy = c->free_handles[--c->free_n];
    (void)pthread_mutex_unlock(&c->lock);
    if (!easy)
        easy = curl_easy_init();
    if (!easy)
        abort(); /* no memory */
    return easy;
}

static void give_back(struct httpc *c, CURL *easy)
{
    curl_easy_reset(easy); /* forgets pointers into the request, keeps connections */
    (void)pthread_mutex_lock(&c->lock);
    if (c->free_n < FREE_MAX)
        c->free_handles[c->free_n++] = SW_TAKE(easy);
    (void)pthread_mutex_unlock(&c->lock);
    curl_easy_cleanup(easy);
}

static void touch(struct transfer *t)
{
    t->moved_at_ms = sw_mono_ms();
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    struct sw_str line = sw_str_n(data, size * n);

    if (sw_str_starts_with(line, "HTTP/")) {
        sw_buf_reset(&t->res.headers); /* an interim response (1xx) came before */
        t->headers_ended = false;
    } else if (sw_str_eq_z(line, "\r\n") || sw_str_eq_z(line, "\n")) {
        t->headers_ended = true;
    } else if (!t->headers_ended && !sw_buf_add_str(&t->res.headers, line)) {
        t->rc =
            sw_fail(t->err, SW_ELIMIT, NULL, "the response's headers exceed %d bytes", HEADERS_MAX);
        return 0;
    }
    touch(t);
    return line.n;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t total = size * n;
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    bool wanted = t->req->sink_status ? status == t->req->sink_status : status / 100 == 2;
    if (t->req->sink && wanted) {
        t->rc = t->req->sink(t->req->sink_ctx, data, total, t->err);
    } else if (!sw_buf_add(&t->res.body, data, total)) {
        t->rc = sw_fail(t->err, SW_ELIMIT, NULL, "the response's body exceeds %zu bytes",
                        t->res.body.max);
    }
    touch(t);
    return t->rc < 0 ? total + 1 : total; /* anything but total ends the transfer */
}

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t cap = size * n;

    if (t->size >= 0)
        cap = (size_t)SW_MIN((int64_t)cap, t->size - t->sent);
    if (cap == 0)
        return 0;
    if (!t->req->source) {
        memcpy(out, t->req->body.p + t->sent, cap);
        t->sent += (int64_t)cap;
        return cap;
    }
    int64_t got = t->req->source(t->req->source_ctx, out, cap, t->err);
    if (got < 0)
        t->rc = (int)got;
    else if (got == 0 && t->size >= 0)
        t->rc =
            sw_fail(t->err, SW_EINTERNAL, NULL, "the request body ended after %lld of %lld bytes",
                    (long long)t->sent, (long long)t->size);
    touch(t);
    if (t->rc < 0)
        return CURL_READFUNC_ABORT;
    t->sent += got;
    return (size_t)got;
}

/* libcurl goes back to the start when a kept connection turns out to be dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct transfer *t = ctx;

    if (origin != SEEK_SET || offset < 0 || offset > t->size)
        return CURL_SEEKFUNC_CANTSEEK;
    if (t->req->source && offset != t->sent)
        return CURL_SEEKFUNC_CANTSEEK;
    t->sent = offset;
    return CURL_SEEKFUNC_OK;
}

/* Called at least once a second, whatever the connection does. */
static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct transfer *t = ctx;
    int64_t limit =
        t->req->stall_timeout_ms > 0 ? t->req->stall_timeout_ms : STALL_TIMEOUT_DEFAULT_MS;

    (void)down_total;
    (void)up_total;
    if (t->rc < 0) /* once more, after a callback has failed: that stays the cause */
        return 1;
    if (t->req->cancelled && __atomic_load_n(t->req->cancelled, __ATOMIC_RELAXED)) {
        t->rc = sw_fail(t->err, SW_EUNAVAILABLE, NULL, "cancelled");
        return 1;
    }
    if (down + up != t->moved_bytes) {
        t->moved_bytes = down + up;
        touch(t);
    } else if (sw_mono_ms() - t->moved_at_ms > limit) {
        t->rc =
            sw_fail(t->err, SW_EUNAVAILABLE, NULL, "nothing moved for %lld ms", (long long)limit);
        return 1;
    }
    return 0;
}

static bool is_loopback(const char *url)
{
    static const char v4[] = "127.";
    char *host = NULL;
    bool ret = false;

    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        struct sw_str h = sw_str(host);
        ret = sw_str_eq_nocase(h, SW_STR("localhost")) || sw_str_ends_with(h, ".localhost") ||
              sw_str_eq_z(h, "[::1]") || sw_str_starts_with(h, v4);
    }
    curl_free(host);
    curl_url_cleanup(u);
    return ret;
}

static bool has_body(const struct httpc_request *r)
{
    return r->source || r->body.n > 0 || sw_streq(r->method, "POST") ||
           sw_streq(r->method, "PUT") || sw_streq(r->method, "PATCH");
}

static bool is_clean(const char *s)
{
    return strpbrk(s, "\r\n") == NULL;
}

static bool is_method(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return n > 0 && s[n] == 0;
}

static int add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer)
        abort(); /* no memory */
    *list = longer;
    return 0;
}

static int make_headers(const struct transfer *t, struct curl_slist **ret, struct sw_err *err)
{
    for (size_t i = 0; i < t->req->headers_n; i++) {
        const struct httpc_header *h = &t->req->headers[i];
        if (!*h->name || !is_clean(h->name) || strchr(h->name, ':') || !is_clean(h->value))
            return sw_fail(err, SW_EINVALID, NULL, "request header %zu is malformed", i + 1);
        /* libcurl's notation for a header without a value is a semicolon. */
        sw_autofree char *line =
            *h->value ? sw_asprintf("%s: %s", h->name, h->value) : sw_asprintf("%s;", h->name);
        add_line(ret, line);
    }
    if (t->size >= 0 && t->size <= EXPECT_THRESHOLD)
        add_line(ret, "Expect:");
    return 0;
}

static void set_body_options(struct transfer *t)
{
    const struct httpc_request *r = t->req;

    if (sw_streq(r->method, "HEAD")) {
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (has_body(r)) {
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->size);
        curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
    }
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_options(const struct httpc *c, struct transfer *t, struct curl_slist *headers,
                        char *error_text)
{
    CURL *e = t->easy;

    curl_easy_setopt(e, CURLOPT_URL, t->req->url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* a signed path arrives as it was signed */
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (is_loopback(t->req->url))
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (c->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->req->timeout_ms);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, TRANSFER_BUFFER);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, TRANSFER_BUFFER);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
    set_body_options(t);
}

/* Scheme, host and path: a query may hold a signature, and what precedes '@' a password. */
static struct sw_str url_for_people(const char *url)
{
    struct sw_str s = sw_str_slice(sw_str(url), 0, strcspn(url, "?#"));
    const char *authority = strstr(url, "://");

    if (!authority)
        return s;
    authority += 3;
    size_t n = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', n);
    return at ? sw_str_slice(s, (size_t)(at + 1 - url), s.n) : s;
}

static int translate(struct transfer *t, CURLcode code, const char *error_text)
{
    const char *text = error_text[0] ? error_text : curl_easy_strerror(code);

    if (t->rc < 0)
        return t->rc;
    switch (code) {
    case CURLE_OK: return 0;
    case CURLE_URL_MALFORMAT: return sw_fail(t->err, SW_EINVALID, NULL, "%s", text);
    default: return sw_fail(t->err, SW_EUNAVAILABLE, NULL, "%s", text);
    }
}

static int transfer_run(struct httpc *c, struct transfer *t)
{
    char error_text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    long status = 0;

    int rc = sw_curl_load(t->err);
    if (rc < 0)
        return rc;
    (void)pthread_once(&global_once, global_init);
    rc = make_headers(t, &headers, t->err);
    if (rc == 0) {
        t->easy = take_handle(c);
        set_options(c, t, headers, error_text);
        touch(t);
        rc = translate(t, curl_easy_perform(t->easy), error_text);
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        give_back(c, t->easy);
    }
    curl_slist_free_all(headers);
    t->res.status = (int)status;
    return rc;
}

int httpc_perform(struct httpc *c, const struct httpc_request *req, struct httpc_response *ret,
                  struct sw_err *err)
{
    struct sw_str url = url_for_people(req->url);
    struct transfer t = {
        .req = req, .err = err, .size = req->source ? req->source_size : (int64_t)req->body.n};

    *ret = (struct httpc_response){0};
    if (!is_method(req->method))
        return sw_fail(err, SW_EINVALID, NULL, "malformed method");
    if (!sw_str_eq_nocase(sw_str_slice(sw_str(req->url), 0, 7), SW_STR("http://")) &&
        !sw_str_eq_nocase(sw_str_slice(sw_str(req->url), 0, 8), SW_STR("https://")))
        return sw_fail(err, SW_EINVALID, NULL, "not a URL of http or https");
    t.res.headers.max = HEADERS_MAX;
    t.res.body.max = req->body_max ? req->body_max : BODY_MAX_DEFAULT;
    int rc = transfer_run(c, &t);
    if (rc < 0) {
        httpc_response_done(&t.res);
        return sw_prefix(err, "%s " SW_STR_FMT, req->method, SW_STR_ARG(url));
    }
    *ret = t.res;
    return 0;
}

bool httpc_header(const struct httpc_response *r, const char *name, char *out, size_t cap)
{
    struct sw_str rest = sw_buf_str(&r->headers), line;

    if (cap > 0)
        out[0] = 0;
    while (sw_str_split(&rest, '\n', &line)) {
        struct sw_str value = line, key;
        if (value.n > 0 && value.p[value.n - 1] == '\r')
            value.n--;
        (void)sw_str_split(&value, ':', &key);
        if (value.p && sw_str_eq_nocase(key, sw_str(name)))
            return sw_str_copy(sw_str_trim(value), out, cap);
    }
    return false;
}

void httpc_response_done(struct httpc_response *r)
{
    sw_buf_done(&r->headers);
    sw_buf_done(&r->body);
}

/* ---- raw connections ---- */

struct httpc_stream {
    CURL *easy;
    int fd;
};

int httpc_stream_open(struct httpc *c, const char *url, int64_t timeout_ms,
                      struct httpc_stream **ret, struct sw_err *err)
{
    char error_text[CURL_ERROR_SIZE] = "";
    curl_socket_t fd = CURL_SOCKET_BAD;
    int rc = sw_curl_load(err);

    if (rc < 0)
        return rc;
    (void)pthread_once(&global_once, global_init);
    CURL *e = curl_easy_init();
    if (!e)
        abort();
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (is_loopback(url))
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    if (c->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error_text);
    CURLcode code = curl_easy_perform(e);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(e, CURLINFO_ACTIVESOCKET, &fd);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK) {
        struct sw_str shown = url_for_people(url);
        curl_easy_cleanup(e);
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "%.*s: %s", (int)shown.n, shown.p,
                       error_text[0] ? error_text : curl_easy_strerror(code));
    }
    *ret = SW_NEW(struct httpc_stream);
    **ret = (struct httpc_stream){.easy = e, .fd = (int)fd};
    return 0;
}

int httpc_stream_fd(const struct httpc_stream *s)
{
    return s->fd;
}

static int64_t stream_result(CURLcode code, size_t n, struct sw_err *err)
{
    if (code == CURLE_AGAIN)
        return 0;
    if (code != CURLE_OK || n == 0)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s",
                       code == CURLE_OK ? "the peer closed the connection"
                                        : curl_easy_strerror(code));
    return (int64_t)n;
}

int64_t httpc_stream_send(struct httpc_stream *s, const void *data, size_t n, struct sw_err *err)
{
    size_t moved = 0;
    CURLcode code = curl_easy_send(s->easy, data, n, &moved);
    return stream_result(code, moved, err);
}

int64_t httpc_stream_recv(struct httpc_stream *s, void *data, size_t cap, struct sw_err *err)
{
    size_t moved = 0;
    CURLcode code = curl_easy_recv(s->easy, data, cap, &moved);
    return stream_result(code, moved, err);
}

void httpc_stream_free(struct httpc_stream *s)
{
    if (!s)
        return;
    curl_easy_cleanup(s->easy);
    free(s);
}
