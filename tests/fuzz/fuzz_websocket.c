/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: launcher/model base */
/* Input: one byte (bit 0: from a client; the rest: how many bytes at a time), then a WebSocket stream.
 * Properties: how the bytes are cut changes nothing; a message is never longer than the maximum; one written anew reads the same; a
 * binary one that is a message of the data channel, written anew, parses to the same. */
#include <assert.h>
#include <stdlib.h>

#include "base/macros.h"
#include "base/websocket.h"
#include "launcher/model/exec_channel.h"

#define MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(struct sw_str bytes)
{
    struct exec_message m, again;
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(2 * EXEC_MESSAGE_MAX);
    if (exec_message_parse(bytes, &m, &err) < 0)
        return;
    assert(exec_message_add(&b, &m));
    assert(exec_message_parse(sw_buf_str(&b), &again, &err) == 0);
    assert(again.type == m.type && again.sequence == m.sequence && again.flags == m.flags);
    assert(again.payload_type == m.payload_type && strcmp(again.id, m.id) == 0);
    assert(sw_str_eq(again.payload, m.payload));
    sw_buf_done(&b);
}

static void nothing(void *ctx, const void *message, size_t n)
{
    (void)ctx, (void)message, (void)n;
}

static void check_channel(struct exec_channel *c, struct sw_str bytes)
{
    struct exec_message m;
    struct sw_err err = SW_ERR_INIT;
    if (exec_channel_ready(c))
        exec_channel_send(c, EXEC_PAYLOAD_DATA, 0, SW_STR("x"), 0);
    if (exec_channel_take(c, bytes, 0, &m, &err) == 1)
        (void)exec_channel_accept(c, &m, m.flags & 4, 0);
    exec_channel_release(c, bytes.n / 2, 0);
    assert(c->window_n <= EXEC_WINDOW && c->held_n <= EXEC_HELD);
}

static void check_again(const struct ws_message *m)
{
    struct sw_buf b = SW_BUF_INIT(MAX + 64);
    struct ws_reader r;
    struct ws_message again;
    struct sw_err err = SW_ERR_INIT;
    size_t used = 0;
    assert(ws_add_frame(&b, true, m->op, m->data.p, m->data.n));
    ws_reader_init(&r, true, MAX);
    assert(ws_read(&r, b.p, b.n, &used, &again, &err) == 1 && used == b.n);
    assert(again.op == m->op && sw_str_eq(again.data, m->data));
    ws_reader_done(&r);
    sw_buf_done(&b);
}

/* A sum of all messages and of how it ended. */
static uint64_t read_stream(bool from_client, const uint8_t *data, size_t size, size_t step,
                            struct exec_channel *c)
{
    struct ws_reader r;
    struct sw_err err = SW_ERR_INIT;
    uint64_t sum = 0;
    ws_reader_init(&r, from_client, MAX);
    for (size_t at = 0; at < size && !err.code;) {
        size_t n = SW_MIN(step, size - at), used = 0;
        struct ws_message m;
        int got = ws_read(&r, data + at, n, &used, &m, &err);
        assert(used <= n && (got != 0 || used == n));
        at += used;
        if (got <= 0)
            continue;
        assert(m.data.n <= MAX);
        for (size_t i = 0; i < m.data.n; i++)
            sum = sum * 31 + (unsigned char)m.data.p[i];
        sum = sum * 31 + m.op;
        if (!c)
            continue;
        check_again(&m);
        check_message(m.data);
        check_channel(c, m.data);
        (void)ws_close_code(m.data, &(struct sw_err)SW_ERR_INIT);
    }
    sum = sum * 31 + (uint64_t)-err.code;
    ws_reader_done(&r);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exec_channel c;
    const struct exec_channel_options o = {.sends = EXEC_OUTPUT, .emit = nothing};
    if (size < 1)
        return 0;
    bool from_client = data[0] & 1;
    size_t step = (size_t)(data[0] >> 1) + 1;
    exec_channel_init(&c, &o);
    uint64_t whole = read_stream(from_client, data + 1, size - 1, size, &c);
    assert(whole == read_stream(from_client, data + 1, size - 1, step, NULL));
    exec_channel_done(&c);
    return 0;
}
