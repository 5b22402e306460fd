/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/websocket_client.h - the client's end of a WebSocket connection, over TCP or TLS. Never blocks once it is open.
 * Threads: one at a time. Expected errors: SW_EUNAVAILABLE (not reached, or the peer is gone), SW_EDENIED (no upgrade: the server
 * answered otherwise), SW_EINVALID, SW_ELIMIT (websocket.h). */
#include "base/httpc.h"
#include "base/websocket.h"

struct ws_client;
struct ws_client_options {
    struct httpc *http; /* borrowed for the call: certificate authority, time to connect */
    const char *url;    /* ws://, wss://, http:// or https:// */
    size_t message_max; /* of what the server sends */
    size_t unsent_max;  /* of what waits to be sent */
    int64_t timeout_ms; /* to be open; 0: 15 s */
};
int ws_client_open(const struct ws_client_options *o, struct ws_client **ret, struct sw_err *err);
void ws_client_free(struct ws_client *c); /* NULL ok; says nothing to the server */

int ws_client_fd(const struct ws_client *c);
int64_t ws_client_silent_ms(const struct ws_client *c); /* since something was read */
size_t ws_client_unsent(const struct ws_client *c);     /* poll for writing while it is not 0 */
/* Queues, and sends what can be sent. SW_ELIMIT: too much waits. */
int ws_client_send(struct ws_client *c, enum ws_op op, const void *data, size_t n,
                   struct sw_err *err);
int ws_client_close(struct ws_client *c, int code, const char *why, struct sw_err *err);
int ws_client_flush(struct ws_client *c, struct sw_err *err);
/* 1: *ret is a text or binary message, valid until the next call; 0: none is here. Pings are answered. A close of the server's is
 * SW_EUNAVAILABLE with its words. */
int ws_client_read(struct ws_client *c, struct ws_message *ret, struct sw_err *err);
