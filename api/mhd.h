/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/mhd.h - the listener: libmicrohttpd with an epoll pool of network threads and a pool of workers.
 * Keep-alive, Expect: 100-continue, file ranges by sendfile, bounded headers and bodies, TLS, graceful stop.
 * A refused upload: when its announced length is at most LIMIT_REFUSED_BODY_DRAIN and no 100-continue was asked for, the rest
 * is read and dropped and the connection lives on; else the answer is sent at once and the connection closes. */
#include <stdbool.h>
#include <stdint.h>

#include "api/http.h"
#include "api/tls.h"

struct http_server_options {
    const char *host;
    uint16_t port;                            /* 0: any free one */
    unsigned network_threads;                 /* 0: one per CPU, at least 2 */
    unsigned worker_threads;                  /* 0: 16 */
    unsigned connections_max;                 /* 0: 4096 */
    unsigned connections_max_per_ip;          /* 0: no limit */
    int64_t idle_timeout_s;                   /* 0: 300 */
    int64_t header_timeout_ms;                /* 0: 30000 */
    int64_t transfer_rate_min;                /* bytes a second, see slow.h; 0: any */
    size_t header_bytes_max;                  /* 0: LIMIT_REQUEST_HEADERS */
    uint64_t body_bytes_max;                  /* of any request; 0: each route's own maximum */
    const char *tls_cert_file, *tls_key_file; /* both or none */
    const struct http_service *services;
    size_t services_n;
    const char *server_header; /* "slipway/0.1.0" */
    /* One call per finished exchange, on any thread; NULL: none. bytes_in and bytes_out are body bytes. */
    void (*finished)(void *ctx, const struct http_req *req, const struct http_res *res,
                     uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us);
    void *finished_ctx;
};

struct http_server;
int http_server_start(const struct http_server_options *o, struct http_server **ret,
                      struct sw_err *err);
/* tls_store_reload(): connections made from now on get the new certificate, the others go on. 0 without TLS. */
int http_server_reload_tls(struct http_server *s, bool only_if_changed, struct tls_info *ret,
                           struct sw_err *err);
bool http_server_tls_info(struct http_server *s, struct tls_info *ret); /* false: plain */
uint16_t http_server_port(const struct http_server *s);
/* Stops listening, lets exchanges in flight finish for up to grace_ms, completes deferred ones, joins all threads, frees. */
void http_server_stop(struct http_server *s, int64_t grace_ms);
