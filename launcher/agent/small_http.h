/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/small_http.h - the HTTP server behind 169.254.170.2: one thread, small requests, answers from memory.
 * A request has at most SMALL_HTTP_REQUEST bytes, an answer ends its connection, and a connection ends after five seconds
 * whatever it does; one peer holds at most 32 connections. So a container can slow down nobody but itself.
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
};
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
void small_http_stop(struct small_http *s); /* NULL ok; no handler runs any more afterwards */
