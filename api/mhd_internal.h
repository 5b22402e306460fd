/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/mhd_internal.h - what the two halves of the listener share: api/mhd.c has the exchanges, api/mhd_server.c the server and its
 * connections. Nobody else includes it. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "api/acceptor.h"
#include "api/linger.h"
#include "api/mhd.h"
#include "api/slow.h"
#include "api/tls.h"
#include "base/pool.h"

#define SHARDS 16 /* of the count of exchanges in flight */

struct shard {
    _Alignas(64) atomic_long busy;
};

struct http_server {
    struct http_server_options o;
    struct http_service *services;
    char *server_header;
    struct MHD_Daemon *daemon;
    struct acceptor *acceptor; /* NULL: stopped */
    unsigned connections_max;
    atomic_uint connections; /* taken and not ended */
    struct sw_pool *workers;
    struct lingerer *linger;
    struct slow_watch *slow;
    struct tls_store *tls; /* NULL: plain */
    uint16_t port;
    atomic_bool stopping, closed;
    atomic_long suspended;
    struct shard shards[SHARDS];
    pthread_mutex_t tickets_lock;
    struct http_ticket *tickets;
    struct sending *sendings; /* streams that are being sent; with tickets_lock */
};

struct connection {
    struct tls_pair *pair; /* until the connection ends */
    char peer_ip[46];
    struct slow_conn slow;
    bool linger; /* the peer may still be sending what we refused */
};

/* The library's callbacks for a request; mhd.c. */
enum MHD_Result mhd_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *data_n, void **ex_cls);
void *mhd_on_target(void *cls, const char *uri, struct MHD_Connection *connection);
void mhd_on_completed(void *cls, struct MHD_Connection *connection, void **ex_cls,
                      enum MHD_RequestTerminationCode how);
/* Answers every deferred exchange with its service's 503. */
void mhd_complete_tickets(struct http_server *s);
/* Ends the bodies that come bit by bit; after `stopping` was set. */
void mhd_end_streams(struct http_server *s);
