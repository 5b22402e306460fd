/* SPDX-License-Identifier: Apache-2.0 */
#include "base/websocket_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/lazy.h"
#include "base/macros.h"

#define TIMEOUT_MS 15000
#define HEAD_MAX   (16 * 1024)
#define PIECE      (16 * 1024)

struct ws_client {
    struct httpc_stream *stream;
    struct ws_reader reader;
    struct sw_buf out;
    size_t sent; /* of out */
    char in[PIECE];
    size_t in_at, in_n;
    int64_t heard_ms;
};

/* http(s) for ws(s); owned. */
static char *http_url(const char *url)
{
    if (strncmp(url, "ws", 2) == 0 && (url[2] == ':' || url[2] == 's'))
        return sw_asprintf("http%s", url + 2);
    return sw_strdup(url);
}

/* HOST:PORT and the target of a URL. */
static void split_url(const char *url, char **ret_host, const char **ret_target)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = strcspn(host, "/?#");
    *ret_host = sw_str_dup(sw_str_n(host, n));
    *ret_target = host[n] ? host + n : "/";
}

static int wait_fd(struct ws_client *c, short events, int64_t until_ms, struct sw_err *err)
{
    int64_t left = until_ms - sw_mono_ms();
    struct pollfd p = {.fd = httpc_stream_fd(c->stream), .events = events};
    int n = left > 0 ? poll(&p, 1, (int)left) : 0;
    if (n > 0 || (n < 0 && errno == EINTR))
        return 0;
    return sw_fail(err, SW_EUNAVAILABLE, NULL, "the server did not answer in time");
}

static int send_all(struct ws_client *c, struct sw_str text, int64_t until_ms, struct sw_err *err)
{
    for (size_t at = 0; at < text.n;) {
        int64_t n = httpc_stream_send(c->stream, text.p + at, text.n - at, err);
        if (n < 0 || (n == 0 && wait_fd(c, POLLOUT, until_ms, err) < 0))
            return err->code;
        at += (size_t)n;
    }
    return 0;
}

/* Up to the empty line; what came behind it stays in c->in. */
static int read_head(struct ws_client *c, struct sw_buf *head, int64_t until_ms, struct sw_err *err)
{
    for (;;) {
        int64_t n = httpc_stream_recv(c->stream, c->in, sizeof c->in, err);
        if (n < 0 || (n == 0 && wait_fd(c, POLLIN, until_ms, err) < 0))
            return err->code;
        size_t before = head->n;
        if (n > 0 && !sw_buf_add(head, c->in, (size_t)n))
            return sw_fail(err, SW_ELIMIT, NULL, "the server's answer is too long");
        const char *end = head->n ? memmem(head->p, head->n, "\r\n\r\n", 4) : NULL;
        if (!end)
            continue;
        c->in_at = (size_t)(end + 4 - head->p) - before;
        c->in_n = (size_t)n;
        sw_buf_cut(head, (size_t)(end + 2 - head->p));
        return 0;
    }
}

static bool has_line(struct sw_str head, const char *name, const char *value)
{
    struct sw_str line, field;
    while (sw_str_split(&head, '\n', &line)) {
        struct sw_str rest = line;
        if (sw_str_split(&rest, ':', &field) && sw_str_eq_nocase(field, sw_str(name)) &&
            sw_str_eq_z(sw_str_trim(sw_str_slice(rest, 0, rest.n ? rest.n - 1 : 0)), value))
            return true;
    }
    return false;
}

static int upgrade(struct ws_client *c, const char *url, int64_t until_ms, struct sw_err *err)
{
    char key[WS_KEY_LEN + 1], accept[WS_ACCEPT_LEN + 1];
    sw_autofree char *host = NULL;
    const char *target;
    SW_CLEANUP(sw_buf_done) struct sw_buf head = SW_BUF_INIT(HEAD_MAX);
    split_url(url, &host, &target);
    ws_make_key(key);
    ws_accept_of(key, accept);
    sw_autofree char *request =
        sw_asprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                    target, host, key);
    if (send_all(c, sw_str(request), until_ms, err) < 0 || read_head(c, &head, until_ms, err) < 0)
        return err->code;
    struct sw_str text = sw_buf_str(&head);
    if (!sw_str_starts_with(text, "HTTP/1.1 101 "))
        return sw_fail(err, SW_EDENIED, NULL, "the server refused the stream: %.*s",
                       (int)strcspn(text.p, "\r\n"), text.p);
    if (!has_line(text, "Sec-WebSocket-Accept", accept))
        return sw_fail(err, SW_EINVALID, NULL, "the server's WebSocket handshake is wrong");
    return 0;
}

int ws_client_open(const struct ws_client_options *o, struct ws_client **ret, struct sw_err *err)
{
    int64_t timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
    if (sw_crypto_load(err) < 0) /* for ws_accept_of */
        return err->code;
    sw_autofree char *url = http_url(o->url);
    struct ws_client *c = SW_NEW(struct ws_client);
    ws_reader_init(&c->reader, false, o->message_max);
    c->out.max = o->unsent_max;
    if (httpc_stream_open(o->http, url, timeout_ms, &c->stream, err) < 0 ||
        upgrade(c, url, sw_mono_ms() + timeout_ms, err) < 0) {
        ws_client_free(c);
        return err->code;
    }
    c->heard_ms = sw_mono_ms();
    *ret = c;
    return 0;
}

void ws_client_free(struct ws_client *c)
{
    if (!c)
        return;
    httpc_stream_free(c->stream);
    ws_reader_done(&c->reader);
    sw_buf_done(&c->out);
    free(c);
}

int ws_client_fd(const struct ws_client *c)
{
    return httpc_stream_fd(c->stream);
}

int64_t ws_client_silent_ms(const struct ws_client *c)
{
    return sw_mono_ms() - c->heard_ms;
}

size_t ws_client_unsent(const struct ws_client *c)
{
    return c->out.n - c->sent;
}

int ws_client_flush(struct ws_client *c, struct sw_err *err)
{
    while (c->sent < c->out.n) {
        int64_t n = httpc_stream_send(c->stream, c->out.p + c->sent, c->out.n - c->sent, err);
        if (n <= 0)
            return (int)n;
        c->sent += (size_t)n;
    }
    sw_buf_reset(&c->out);
    c->sent = 0;
    return 0;
}

/* Room first: what was sent leaves. */
static int queued(struct ws_client *c, bool ok, struct sw_err *err)
{
    if (!ok)
        return sw_fail(err, SW_ELIMIT, NULL, "the server does not take what it is sent");
    return ws_client_flush(c, err);
}

static void make_room(struct ws_client *c)
{
    sw_buf_drop(&c->out, c->sent);
    c->sent = 0;
}

int ws_client_send(struct ws_client *c, enum ws_op op, const void *data, size_t n,
                   struct sw_err *err)
{
    make_room(c);
    return queued(c, ws_add_frame(&c->out, true, op, data, n), err);
}

int ws_client_close(struct ws_client *c, int code, const char *why, struct sw_err *err)
{
    make_room(c);
    return queued(c, ws_add_close(&c->out, true, code, why), err);
}

/* A control frame was read: 0 to go on. */
static int take_control(struct ws_client *c, const struct ws_message *m, struct sw_err *err)
{
    if (m->op == WS_PING)
        return ws_client_send(c, WS_PONG, m->data.p, m->data.n, err);
    if (m->op == WS_PONG)
        return 0;
    int code = ws_close_code(m->data, err);
    if (code < 0)
        return code;
    struct sw_str why = sw_str_slice(m->data, 2, m->data.n);
    return sw_fail(err, SW_EUNAVAILABLE, NULL, "the server closed the stream (%d%s%.*s)", code,
                   why.n ? ": " : "", (int)why.n, why.p);
}

int ws_client_read(struct ws_client *c, struct ws_message *ret, struct sw_err *err)
{
    for (;;) {
        size_t used = 0;
        int r = ws_read(&c->reader, c->in + c->in_at, c->in_n - c->in_at, &used, ret, err);
        c->in_at += used;
        if (r < 0 || (r > 0 && ret->op < WS_CLOSE))
            return r;
        if (r > 0 && take_control(c, ret, err) < 0)
            return err->code;
        if (r > 0)
            continue;
        int64_t n = httpc_stream_recv(c->stream, c->in, sizeof c->in, err);
        if (n <= 0)
            return (int)n;
        c->in_at = 0;
        c->in_n = (size_t)n;
        c->heard_ms = sw_mono_ms();
    }
}
