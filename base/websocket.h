/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/websocket.h - frames and messages of RFC 6455, for both ends, without sockets.
 * Owns: the message that is being put together. Knows no payload.
 * Promise: a reader never holds more than its maximum and one control frame; what a peer must not send (a wrong mask, reserved bits,
 * an unknown opcode, a fragmented or long control frame, a length that is not minimal, text that is no UTF-8) ends the stream with the
 * close code of section 7.4.1.
 * Threads: a reader belongs to one thread at a time.
 * Expected errors: SW_EINVALID (the peer broke the rules), SW_ELIMIT (the message is too long); the stream is of no use afterwards. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum ws_op {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

#define WS_CLOSE_NORMAL     1000
#define WS_CLOSE_GOING_AWAY 1001
#define WS_CLOSE_PROTOCOL   1002
#define WS_CLOSE_BAD_TEXT   1007
#define WS_CLOSE_POLICY     1008
#define WS_CLOSE_TOO_BIG    1009

#define WS_CONTROL_MAX 125
#define WS_KEY_LEN     24 /* of Sec-WebSocket-Key */
#define WS_ACCEPT_LEN  28 /* of Sec-WebSocket-Accept */

struct ws_message {
    enum ws_op op;
    struct sw_str data; /* borrowed from the reader until its next call */
};

struct ws_reader {
    bool from_client; /* frames are masked; else none is */
    struct sw_buf message;
    enum ws_op op; /* of the message under way; WS_CONTINUATION: none */
    unsigned char head[14];
    size_t head_n;
    bool in_payload, done; /* done: the message was handed out */
    uint64_t left;         /* of the frame's payload */
    uint64_t at;           /* in the frame's payload */
    unsigned char mask[4];
    unsigned char control[WS_CONTROL_MAX];
    size_t control_n;
    int close_code; /* to say after an error */
};

/* from_client: which end's frames these are. message_max: of a whole message. */
void ws_reader_init(struct ws_reader *r, bool from_client, size_t message_max);
void ws_reader_done(struct ws_reader *r);
/* Takes bytes from data[0..n) up to the end of one message: *ret_used says how many. 1: *ret is a message or a control frame; 0: all
 * bytes were taken and none is complete. */
int ws_read(struct ws_reader *r, const void *data, size_t n, size_t *ret_used,
            struct ws_message *ret, struct sw_err *err);
/* The code in a close frame's payload: 1005 when there is none, SW_EINVALID when it must not be there. */
int ws_close_code(struct sw_str payload, struct sw_err *err);

/* Appends one unfragmented frame. masked: from a client. */
bool ws_add_frame(struct sw_buf *out, bool masked, enum ws_op op, const void *data, size_t n);
bool ws_add_close(struct sw_buf *out, bool masked, int code, const char *why);

/* The opening handshake, section 4. */
void ws_make_key(char out[WS_KEY_LEN + 1]);
bool ws_key_valid(const char *key); /* 16 bytes in base64 */
void ws_accept_of(const char *key, char out[WS_ACCEPT_LEN + 1]);
