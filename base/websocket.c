/* SPDX-License-Identifier: Apache-2.0 */
/* base/websocket.c - RFC 6455 sections 4 to 7. */
#include "base/websocket.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/id.h"
#include "base/macros.h"

#define FIN      0x80
#define RESERVED 0x70
#define OPCODE   0x0f
#define MASKED   0x80
#define GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void ws_reader_init(struct ws_reader *r, bool from_client, size_t message_max)
{
    memset(r, 0, sizeof *r);
    r->from_client = from_client;
    r->message.max = message_max;
    r->op = WS_CONTINUATION;
}

void ws_reader_done(struct ws_reader *r)
{
    sw_buf_done(&r->message);
}

static int broken(struct ws_reader *r, int close_code, const char *what, struct sw_err *err)
{
    r->close_code = close_code;
    return sw_fail(err, close_code == WS_CLOSE_TOO_BIG ? SW_ELIMIT : SW_EINVALID, NULL,
                   "WebSocket: %s", what);
}

static bool is_control(unsigned op)
{
    return op & 8;
}

static unsigned opcode(const struct ws_reader *r)
{
    return r->head[0] & OPCODE;
}

/* How long this head is, as far as it is known. */
static size_t head_length(const struct ws_reader *r)
{
    if (r->head_n < 2)
        return 2;
    unsigned n7 = r->head[1] & 0x7f;
    return 2 + (n7 == 126 ? 2U : n7 == 127 ? 8U : 0U) + (r->head[1] & MASKED ? 4U : 0U);
}

static int check_opcode(struct ws_reader *r, struct sw_err *err)
{
    unsigned op = opcode(r);
    bool fin = r->head[0] & FIN;
    if (r->head[0] & RESERVED)
        return broken(r, WS_CLOSE_PROTOCOL, "reserved bits are set", err);
    if (is_control(op)) {
        if (op > WS_PONG)
            return broken(r, WS_CLOSE_PROTOCOL, "unknown opcode", err);
        if (!fin || (r->head[1] & 0x7f) > WS_CONTROL_MAX)
            return broken(r, WS_CLOSE_PROTOCOL, "a control frame is fragmented or too long", err);
        return 0;
    }
    if (op > WS_BINARY)
        return broken(r, WS_CLOSE_PROTOCOL, "unknown opcode", err);
    if ((op == WS_CONTINUATION) != (r->op != WS_CONTINUATION))
        return broken(r, WS_CLOSE_PROTOCOL,
                      op ? "a message begins in another one" : "a continuation of nothing", err);
    return 0;
}

static uint64_t big_endian(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

/* The head is complete: what it says is checked before a byte of payload is taken. */
static int begin_frame(struct ws_reader *r, struct sw_err *err)
{
    unsigned n7 = r->head[1] & 0x7f;
    size_t at = 2;
    int c = check_opcode(r, err);
    if (c < 0)
        return c;
    if (!(r->head[1] & MASKED) == r->from_client)
        return broken(
            r, WS_CLOSE_PROTOCOL,
            r->from_client ? "a client's frame is not masked" : "a server's frame is masked", err);
    r->left = n7;
    if (n7 >= 126) {
        size_t wide = n7 == 126 ? 2 : 8;
        r->left = big_endian(r->head + 2, wide);
        at += wide;
        if (r->left < 126 || (wide == 8 && r->left < 65536) || r->left >> 63)
            return broken(r, WS_CLOSE_PROTOCOL, "a length is not minimal", err);
    }
    if (!is_control(opcode(r)) &&
        (r->left > r->message.max || r->message.n > r->message.max - r->left))
        return broken(r, WS_CLOSE_TOO_BIG, "the message is too long", err);
    if (r->from_client)
        memcpy(r->mask, r->head + at, 4);
    if (!is_control(opcode(r)) && opcode(r) != WS_CONTINUATION)
        r->op = (enum ws_op)opcode(r);
    r->at = 0;
    r->control_n = 0;
    r->in_payload = true;
    return 0;
}

static void take_payload(struct ws_reader *r, const unsigned char *p, size_t n)
{
    unsigned char piece[512];
    bool control = is_control(opcode(r));
    for (size_t done = 0; done < n;) {
        size_t m = SW_MIN(n - done, sizeof piece);
        for (size_t i = 0; i < m; i++)
            piece[i] = r->from_client ? p[done + i] ^ r->mask[(r->at + i) & 3] : p[done + i];
        if (control) {
            memcpy(r->control + r->control_n, piece, m);
            r->control_n += m;
        } else {
            (void)sw_buf_add(&r->message, piece, m);
        }
        done += m;
        r->at += m;
    }
    r->left -= n;
}

/* A frame is complete. 1: so is what it belongs to. */
static int end_frame(struct ws_reader *r, struct ws_message *ret, struct sw_err *err)
{
    bool fin = r->head[0] & FIN;
    unsigned op = opcode(r);
    r->head_n = 0;
    r->in_payload = false;
    if (is_control(op)) {
        *ret =
            (struct ws_message){(enum ws_op)op, sw_str_n((const char *)r->control, r->control_n)};
        return 1;
    }
    if (!fin)
        return 0;
    *ret = (struct ws_message){r->op, sw_buf_str(&r->message)};
    r->op = WS_CONTINUATION;
    r->done = true;
    if (ret->op == WS_TEXT && !sw_utf8_valid(ret->data))
        return broken(r, WS_CLOSE_BAD_TEXT, "text that is not UTF-8", err);
    return 1;
}

int ws_read(struct ws_reader *r, const void *data, size_t n, size_t *ret_used,
            struct ws_message *ret, struct sw_err *err)
{
    const unsigned char *p = data;
    size_t used = 0;
    int got = 0;
    if (r->done) {
        sw_buf_reset(&r->message);
        r->done = false;
    }
    while (got == 0 && (used < n || (r->in_payload && r->left == 0))) {
        if (!r->in_payload) {
            r->head[r->head_n++] = p[used++];
            if (r->head_n >= 2 && r->head_n == head_length(r))
                got = begin_frame(r, err);
            continue;
        }
        size_t m = (size_t)SW_MIN((uint64_t)(n - used), r->left);
        take_payload(r, p + used, m);
        used += m;
        if (r->left == 0)
            got = end_frame(r, ret, err);
    }
    *ret_used = used;
    return got;
}

int ws_close_code(struct sw_str payload, struct sw_err *err)
{
    if (payload.n == 0)
        return 1005;
    int code = payload.n >= 2 ? (int)big_endian((const unsigned char *)payload.p, 2) : 0;
    bool known = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                 (code >= 3000 && code <= 4999);
    if (!known || !sw_utf8_valid(sw_str_slice(payload, 2, payload.n)))
        return sw_fail(err, SW_EINVALID, NULL, "WebSocket: a close frame says nothing sensible");
    return code;
}

bool ws_add_frame(struct sw_buf *out, bool masked, enum ws_op op, const void *data, size_t n)
{
    unsigned char head[14], mask[4] = {0};
    size_t at = 2;
    head[0] = (unsigned char)(FIN | op);
    head[1] = (unsigned char)((masked ? MASKED : 0) | (n < 126 ? n : n < 65536 ? 126U : 127U));
    if (n >= 126)
        for (size_t wide = n < 65536 ? 2 : 8; wide-- > 0;)
            head[at++] = (unsigned char)((uint64_t)n >> (8 * wide));
    if (masked) {
        sw_random_bytes(mask, sizeof mask);
        memcpy(head + at, mask, sizeof mask);
        at += sizeof mask;
    }
    if (out->overflow || out->n + at + n > out->max)
        return false; /* whole or not at all */
    (void)sw_buf_add(out, head, at);
    size_t from = out->n;
    bool ok = n == 0 || sw_buf_add(out, data, n);
    for (size_t i = 0; masked && ok && i < n; i++)
        out->p[from + i] = (char)((unsigned char)out->p[from + i] ^ mask[i & 3]);
    return ok;
}

bool ws_add_close(struct sw_buf *out, bool masked, int code, const char *why)
{
    char payload[WS_CONTROL_MAX];
    size_t n = strnlen(why, sizeof payload - 2);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    memcpy(payload + 2, why, n);
    return ws_add_frame(out, masked, WS_CLOSE, payload, n + 2);
}

void ws_make_key(char out[WS_KEY_LEN + 1])
{
    unsigned char bytes[16];
    sw_random_bytes(bytes, sizeof bytes);
    sw_base64(bytes, sizeof bytes, out);
}

bool ws_key_valid(const char *key)
{
    unsigned char bytes[24];
    size_t n = 0;
    return strlen(key) == WS_KEY_LEN && sw_unbase64(sw_str(key), bytes, sizeof bytes, &n) &&
           n == 16;
}

void ws_accept_of(const char *key, char out[WS_ACCEPT_LEN + 1])
{
    char text[WS_KEY_LEN + sizeof GUID];
    unsigned char hash[SHA_DIGEST_LENGTH];
    int n = snprintf(text, sizeof text, "%.*s" GUID, WS_KEY_LEN, key);
    (void)SHA1((const unsigned char *)text, (size_t)n, hash);
    sw_base64(hash, sizeof hash, out);
}
