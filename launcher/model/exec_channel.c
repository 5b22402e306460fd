/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/model/exec_channel.c
 * 1. window[0] is never acknowledged: what is acknowledged at the front leaves.
 * 2. next_in grows only when a message was accepted. */
#include "launcher/model/exec_channel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"

#define RESEND_FIRST_MS 300
#define RESEND_MAX_MS   5000

void exec_channel_init(struct exec_channel *c, const struct exec_channel_options *o)
{
    memset(c, 0, sizeof *c);
    c->o = *o;
    c->resend_ms = RESEND_FIRST_MS;
}

void exec_channel_done(struct exec_channel *c)
{
    for (size_t i = 0; i < c->window_n; i++)
        free(c->window[i].bytes);
    c->window_n = 0;
}

bool exec_channel_ready(const struct exec_channel *c)
{
    return c->window_n < EXEC_WINDOW;
}

bool exec_channel_drained(const struct exec_channel *c)
{
    return c->window_n == 0;
}

static void make(enum exec_message_type type, int64_t sequence, uint32_t payload_type,
                 uint64_t flags, struct sw_str payload, struct sw_buf *ret)
{
    struct exec_message m = {.type = type,
                             .sequence = sequence,
                             .created_ms = sw_now_us() / 1000,
                             .flags = flags,
                             .payload_type = payload_type,
                             .payload = payload};
    sw_uuid(m.id);
    (void)exec_message_add(ret, &m);
}

void exec_channel_send(struct exec_channel *c, uint32_t payload_type, uint64_t flags,
                       struct sw_str payload, int64_t now_ms)
{
    struct sw_buf b = SW_BUF_INIT(EXEC_MESSAGE_MAX);
    assert(exec_channel_ready(c) && payload.n <= EXEC_PAYLOAD_MAX);
    if (c->next_out == 0)
        flags |= EXEC_FLAG_FIRST;
    make(c->o.sends, c->next_out, payload_type, flags, payload, &b);
    struct exec_pending *p = &c->window[c->window_n++];
    *p = (struct exec_pending){.sequence = c->next_out++, .sent_ms = now_ms, .n = b.n};
    p->bytes = sw_buf_take(&b);
    c->o.emit(c->o.ctx, p->bytes, p->n);
}

void exec_channel_say(struct exec_channel *c, enum exec_message_type type, struct sw_str payload,
                      int64_t now_ms SW_UNUSED)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(EXEC_MESSAGE_MAX);
    make(type, 0, EXEC_PAYLOAD_NONE, 0, payload, &b);
    c->o.emit(c->o.ctx, b.p, b.n);
}

static void acknowledge(struct exec_channel *c, int64_t sequence, const char *id, int64_t now_ms)
{
    const char *type =
        exec_message_type_to_string(c->o.sends == EXEC_INPUT ? EXEC_OUTPUT : EXEC_INPUT);
    sw_autojson json_t *o = json_pack(
        "{s:s, s:s, s:I, s:b}", "AcknowledgedMessageType", type, "AcknowledgedMessageId", id,
        "AcknowledgedMessageSequenceNumber", (json_int_t)sequence, "IsSequentialMessage", 1);
    sw_autofree char *text = sw_json_dump(o);
    exec_channel_say(c, EXEC_ACKNOWLEDGE, sw_str(text), now_ms);
}

static void take_acknowledgement(struct exec_channel *c, const struct exec_message *m)
{
    sw_autojson json_t *o = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    size_t gone = 0;
    if (sw_json_load(m->payload, 4, 32, NULL, &o, &ignored) < 0)
        return;
    int64_t sequence = sw_json_int(o, "AcknowledgedMessageSequenceNumber", -1);
    for (size_t i = 0; i < c->window_n; i++)
        c->window[i].acknowledged |= c->window[i].sequence == sequence;
    while (gone < c->window_n && c->window[gone].acknowledged)
        free(c->window[gone++].bytes);
    if (!gone)
        return;
    c->window_n -= gone;
    memmove(c->window, c->window + gone, c->window_n * sizeof *c->window);
    c->resend_ms = RESEND_FIRST_MS;
}

int exec_channel_take(struct exec_channel *c, struct sw_str bytes, int64_t now_ms,
                      struct exec_message *ret, struct sw_err *err)
{
    struct exec_message m;
    int r = exec_message_parse(bytes, &m, err);
    if (r < 0)
        return r;
    switch (m.type) {
    case EXEC_ACKNOWLEDGE: take_acknowledgement(c, &m); return 0;
    case EXEC_CLOSED: *ret = m; return 1;
    case EXEC_INPUT:
    case EXEC_OUTPUT:
        if (m.type == c->o.sends)
            break;
        if (m.sequence == c->next_in) {
            *ret = m;
            return 1;
        }
        if (m.sequence >= 0 && m.sequence < c->next_in) {
            for (size_t i = 0; i < c->held_n; i++)
                if (c->held[i].sequence == m.sequence)
                    return 0; /* in its own time */
            acknowledge(c, m.sequence, m.id, now_ms);
        }
        return 0;
    default: return 0;
    }
    return sw_fail(err, SW_EINVALID, NULL, "data channel: %s from the wrong end",
                   exec_message_type_to_string(m.type));
}

bool exec_channel_accept(struct exec_channel *c, const struct exec_message *m, bool hold,
                         int64_t now_ms)
{
    if (hold && c->held_n == EXEC_HELD)
        return false;
    c->next_in++;
    if (hold && m->payload.n > 0) {
        struct exec_held *h = &c->held[c->held_n++];
        *h = (struct exec_held){.sequence = m->sequence, .left = m->payload.n};
        memcpy(h->id, m->id, sizeof h->id);
    } else {
        acknowledge(c, m->sequence, m->id, now_ms);
    }
    return true;
}

void exec_channel_release(struct exec_channel *c, size_t n, int64_t now_ms)
{
    size_t gone = 0;
    while (gone < c->held_n && n >= c->held[gone].left) {
        n -= c->held[gone].left;
        acknowledge(c, c->held[gone].sequence, c->held[gone].id, now_ms);
        gone++;
    }
    if (gone < c->held_n)
        c->held[gone].left -= n;
    c->held_n -= gone;
    memmove(c->held, c->held + gone, c->held_n * sizeof *c->held);
}

int64_t exec_channel_tick(struct exec_channel *c, int64_t now_ms)
{
    if (c->window_n == 0)
        return -1;
    struct exec_pending *p = &c->window[0];
    int64_t due_ms = p->sent_ms + c->resend_ms;
    if (now_ms >= due_ms) {
        c->o.emit(c->o.ctx, p->bytes, p->n);
        p->sent_ms = now_ms;
        c->resend_ms = SW_MIN(c->resend_ms * 2, (int64_t)RESEND_MAX_MS);
        due_ms = now_ms + c->resend_ms;
    }
    return due_ms - now_ms;
}
