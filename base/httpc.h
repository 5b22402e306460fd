/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/httpc.h - HTTP client on libcurl: one request, streaming both ways, everything bounded.
 * Never follows redirects (the caller decides; credentials must not travel), never uses a proxy
 * from the environment for loopback addresses, verifies TLS. Thread-safe: a client keeps a pool of
 * connections that all threads share. */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct sw_err;

struct httpc;
struct httpc_options {
    const char *ca_file;        /* NULL: the system's */
    const char *user_agent;     /* NULL: "slipway" */
    int64_t connect_timeout_ms; /* 0: 10 s */
};
struct httpc *httpc_new(const struct httpc_options *o);
void httpc_free(struct httpc *c);

struct httpc_header {
    const char *name, *value;
};

/* Response body sink: 0 to go on, <0 (err filled) aborts the transfer with that error. */
typedef int (*httpc_sink_fn)(void *ctx, const void *data, size_t n, struct sw_err *err);
/* Request body source: bytes written to out, 0 at the end, <0 on error. */
typedef int64_t (*httpc_source_fn)(void *ctx, void *out, size_t cap, struct sw_err *err);

struct httpc_request {
    const char *method; /* "GET" ... */
    const char *url;    /* http:// or https:// */
    const struct httpc_header *headers;
    size_t headers_n;
    struct sw_str body;     /* used when source is NULL */
    httpc_source_fn source; /* with source_size; -1 = chunked */
    void *source_ctx;
    int64_t source_size;
    httpc_sink_fn sink; /* NULL: into response->body. Called only for 2xx; other bodies go to
                           response->body */
    void *sink_ctx;
    int sink_status;    /* 0: any 2xx; else the sink is called for exactly this status (206 after
                           asking for a range) */
    size_t body_max;    /* of response->body; 0: 1 MiB */
    int64_t timeout_ms; /* whole request; 0: none */
    int64_t stall_timeout_ms;      /* no byte moved for so long; 0: 30 s */
    const volatile int *cancelled; /* optional: non-zero aborts with SW_EUNAVAILABLE */
};

struct httpc_response {
    int status;
    struct sw_buf headers; /* raw "Name: value\r\n" lines of the final response */
    struct sw_buf body;
};

/* 0 with any HTTP status; <0 when no complete response came (SW_EUNAVAILABLE: connect, timeout,
 * reset; SW_ELIMIT). */
int httpc_perform(struct httpc *c, const struct httpc_request *req, struct httpc_response *ret,
                  struct sw_err *err);
/* First header of that name (any case), copied to out; false if absent or too long. */
bool httpc_header(const struct httpc_response *r, const char *name, char *out, size_t cap);
void httpc_response_done(struct httpc_response *r);

/* A raw connection to where a URL leads, TLS done and verified: for what leaves HTTP behind (WebSocket). One thread at a time. */
struct httpc_stream;
int httpc_stream_open(struct httpc *c, const char *url, int64_t timeout_ms,
                      struct httpc_stream **ret, struct sw_err *err);
int httpc_stream_fd(const struct httpc_stream *s); /* to poll; read until it would block first */
/* Bytes moved; 0: it would block; SW_EUNAVAILABLE: the peer is gone. */
int64_t httpc_stream_send(struct httpc_stream *s, const void *data, size_t n, struct sw_err *err);
int64_t httpc_stream_recv(struct httpc_stream *s, void *data, size_t cap, struct sw_err *err);
void httpc_stream_free(struct httpc_stream *s); /* NULL ok */
