/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/exec_channel.h - one end of a data channel: what is sent in order, acknowledged, sent again, and never more than the
 * other end takes. The same for both ends; neither sockets nor clocks.
 *   sending    at most EXEC_WINDOW messages are on their way; the oldest is sent again until it is acknowledged (a client that is
 *              not ready yet drops what it gets)
 *   receiving  in order; what comes twice is acknowledged again, what comes too early is dropped. An acknowledgement may be held back
 *              until the bytes have gone where they belong: that is how a slow reader slows the sender.
 * Threads: one at a time. Expected errors: SW_EINVALID (no message, or one that this end must not get). */
#include "launcher/model/exec_message.h"

#define EXEC_WINDOW 32
#define EXEC_HELD   64

struct exec_channel_options {
    enum exec_message_type sends; /* EXEC_INPUT: the client's end; EXEC_OUTPUT: the agent's */
    /* Takes one message to be sent now. */
    void (*emit)(void *ctx, const void *message, size_t n);
    void *ctx;
};

struct exec_pending {
    int64_t sequence, sent_ms;
    bool acknowledged;
    char *bytes;
    size_t n;
};

struct exec_held {
    int64_t sequence;
    char id[37];
    size_t left;
};

struct exec_channel {
    struct exec_channel_options o;
    int64_t next_out, next_in, resend_ms;
    struct exec_pending window[EXEC_WINDOW];
    size_t window_n;
    struct exec_held held[EXEC_HELD];
    size_t held_n;
};

void exec_channel_init(struct exec_channel *c, const struct exec_channel_options *o);
void exec_channel_done(struct exec_channel *c);

bool exec_channel_ready(const struct exec_channel *c);   /* one more may be sent */
bool exec_channel_drained(const struct exec_channel *c); /* all that was sent is acknowledged */
void exec_channel_send(struct exec_channel *c, uint32_t payload_type, uint64_t flags,
                       struct sw_str payload, int64_t now_ms);
/* A message of a kind that is not counted: channel_closed. */
void exec_channel_say(struct exec_channel *c, enum exec_message_type type, struct sw_str payload,
                      int64_t now_ms);

/* 1: *ret is the next message of the stream, or a channel_closed: accept it, or do nothing and it comes again. 0: nothing for the
 * caller. */
int exec_channel_take(struct exec_channel *c, struct sw_str bytes, int64_t now_ms,
                      struct exec_message *ret, struct sw_err *err);
/* hold: acknowledged when exec_channel_release was told of as many bytes. False: too many are held, so it was not accepted. */
bool exec_channel_accept(struct exec_channel *c, const struct exec_message *m, bool hold,
                         int64_t now_ms);
void exec_channel_release(struct exec_channel *c, size_t n, int64_t now_ms);
/* Sends the oldest again if its time has come. How long until the next call is of use, ms; -1: nothing is on its way. */
int64_t exec_channel_tick(struct exec_channel *c, int64_t now_ms);
