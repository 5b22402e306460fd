/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/small_http.h - the HTTP server behind 169.254.170.2: one thread, small requests, answers from memory.
 * A request has at most SMALL_HTTP_REQUEST bytes, an answer ends its connection, and a connection ends after five seconds
 * whatever it does. One peer holds at most 32 connections (128 over the loopback device, where all processes of the host are one peer),
 * all together 512; one more ends the oldest that has not asked, of its own peer or of the peer that holds most. So holding
 * connections keeps nobody out.
 * Threads: start and stop from one thread; the handler is called on the server's own. */
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SMALL_HTTP_REQUEST 8192
#define SMALL_HTTP_ANSWER  (1024 * 1024)

struct small_http_request {
    const char *method, *path; /* with the query, as it came; at most SMALL_HTTP_REQUEST bytes */
    struct sw_str body;
    const char *peer; /* IPv4 address */
    int listener;     /* index in the listeners */
    uint64_t id;      /* for small_http_finish */
};
#define SMALL_HTTP_LATER 0 /* instead of a status: small_http_finish will say, within 20 seconds */
/* Fills in the body; returns the status. */
typedef int (*small_http_fn)(void *ctx, const struct small_http_request *r, struct sw_buf *body,
                             const char **ret_content_type);

/* A listening socket. The address need not be there yet. port 0: any. SW_ECONFLICT: it is taken. */
int small_http_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                      struct sw_err *err);

struct small_http;
/* Takes the descriptors, also after a failure; at most two, of which any may be -1: nothing. */
int small_http_start(const int *fds, size_t n, small_http_fn fn, void *ctx, struct small_http **ret,
                     struct sw_err *err);
/* From any thread, before small_http_stop; takes the body's content. A request whose peer went away is passed over. */
void small_http_finish(struct small_http *s, uint64_t id, int status, struct sw_buf *body);
/* No handler runs any more afterwards; what is waited for may still be finished. NULL ok. */
void small_http_halt(struct small_http *s);
void small_http_stop(struct small_http *s); /* NULL ok; no handler runs any more afterwards */
