/* SPDX-License-Identifier: Apache-2.0 */
/* api/mhd_server.c - the listener's life: connections, start, stop. See docs/internals/http-edge.md. */
#include "api/mhd_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api/listen.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/macros.h"

/* In place of the C library's, for the HTTP library: 0.9.75 waits again, and for as long as connections may be idle, before it serves
 * anybody, when it gets as many events as it asks for. It never does; the rest comes with its next call. */
int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms)
{
    return epoll_pwait(fd, events, n > 1 ? n - 1 : n, timeout_ms, NULL);
}

/* After a refusal: keeps reading from a second descriptor when the library closes its own. */
static void start_lingering(struct http_server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info)
        linger_start(s->linger, info->connect_fd);
}

/* The handshake comes later, so it uses the pair that is current now. */
static void start_tls(struct http_server *s, struct MHD_Connection *connection,
                      struct connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    c->pair = tls_store_get(s->tls);
    if (!info || tls_pair_use(c->pair, info->tls_session) < 0)
        sw_log(SW_LOG_DEBUG, "tls-session-without-certificate", NULL);
}

static void connection_started(struct http_server *s, struct MHD_Connection *connection,
                               struct connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (info)
        http_format_peer(info->client_addr, c->peer_ip);
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    slow_add(s->slow, &c->slow, info ? info->connect_fd : -1);
    if (s->tls)
        start_tls(s, connection, c);
}

/* The library has ended the TLS session by then, and closes the descriptor afterwards. */
static void connection_ended(struct http_server *s, struct MHD_Connection *connection,
                             struct connection *c)
{
    slow_remove(s->slow, &c->slow);
    atomic_fetch_sub(&s->connections, 1);
    if (c->linger)
        start_lingering(s, connection);
    tls_pair_unref(c->pair);
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = SW_NEW(struct connection);
        connection_started(cls, connection, *socket_context);
    } else if (*socket_context) {
        connection_ended(cls, connection, *socket_context);
        *socket_context = NULL;
    }
}

static size_t leave_raw(void *cls, struct MHD_Connection *connection, char *s)
{
    (void)cls, (void)connection;
    return strlen(s);
}

static void on_message(void *cls, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void on_message(void *cls, const char *fmt, va_list ap)
{
    char text[400];

    (void)cls;
    if (!sw_log_enabled(SW_LOG_DEBUG))
        return;
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n > 0 && (size_t)n < sizeof(text) && text[n - 1] == '\n')
        text[n - 1] = 0;
    sw_log(SW_LOG_DEBUG, "http", "message", text, NULL);
}

static long exchanges_in_flight(struct http_server *s)
{
    long n = 0;
    for (size_t i = 0; i < SHARDS; i++)
        n += atomic_load(&s->shards[i].busy);
    return n;
}

/* ---- start and stop ---- */

static int load_tls(struct http_server *s, struct sw_err *err)
{
    if (!s->o.tls_cert_file && !s->o.tls_key_file)
        return 0;
    if (!s->o.tls_cert_file || !s->o.tls_key_file)
        return sw_fail(err, SW_EINVALID, NULL, "TLS needs both a certificate and a key");
    if (MHD_is_feature_supported(MHD_FEATURE_HTTPS_CERT_CALLBACK2) != MHD_YES)
        return sw_fail(err, SW_EUNSUPPORTED, NULL, "libmicrohttpd was built without TLS");
    return tls_store_open(s->o.tls_cert_file, s->o.tls_key_file, &s->tls, err);
}

static unsigned default_network_threads(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return (unsigned)SW_MAX(2, SW_MIN(n, 64));
}

static unsigned idle_timeout_s(const struct http_server *s)
{
    return s->o.idle_timeout_s ? (unsigned)s->o.idle_timeout_s : 300;
}

static void start_watch(struct http_server *s)
{
    const struct slow_limits limits = {
        .header_ms = s->o.header_timeout_ms ? s->o.header_timeout_ms : 30000,
        .idle_ms = idle_timeout_s(s) * 1000LL,
        .rate_min = s->o.transfer_rate_min,
        .encrypted = s->o.tls_cert_file != NULL,
    };
    s->slow = slow_watch_new(&limits);
}

static bool has_room(void *ctx)
{
    const struct http_server *s = ctx;
    return atomic_load(&s->connections) < s->connections_max;
}

/* The library spreads these over its threads by their descriptor, and closes one that it refuses. */
static void take_connection(void *ctx, int fd, const struct sockaddr *peer, socklen_t peer_n)
{
    struct http_server *s = ctx;

    atomic_fetch_add(&s->connections, 1);
    if (MHD_add_connection(s->daemon, fd, peer, peer_n) != MHD_YES)
        atomic_fetch_sub(&s->connections, 1);
}

static int start_daemon(struct http_server *s, struct sw_err *err)
{
    const struct http_server_options *o = &s->o;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_UPGRADE | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET;
    unsigned threads = o->network_threads ? o->network_threads : default_network_threads();
    size_t memory = o->header_bytes_max ? o->header_bytes_max : LIMIT_REQUEST_HEADERS;
    unsigned connections = o->connections_max ? o->connections_max : 4096;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, tls_no_certificate()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    if (s->tls)
        flags |= MHD_USE_TLS;
    threads = SW_MAX(
        2, SW_MIN(threads, connections)); /* a pool of one is a different mode of the library */
    /* We keep to the limit; a thread of the library that meets its own share of it while it takes a connection over never gets out of
     * that (0.9.75), so each share is more than all. */
    s->connections_max = SW_MAX(connections, threads);
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, mhd_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
        threads * (s->connections_max + 64), MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_s(s),
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_max_per_ip,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_URI_LOG_CALLBACK, mhd_on_target, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_raw, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        mhd_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, s->tls ? tls : none, MHD_OPTION_END);
    if (!s->daemon)
        return sw_fail(err, SW_EINTERNAL, NULL, "the HTTP library did not start");
    return 0;
}

static void server_free(struct http_server *s)
{
    sw_pool_free(s->workers);
    slow_watch_free(s->slow);
    linger_free(s->linger);
    pthread_mutex_destroy(&s->tickets_lock);
    tls_store_free(s->tls);
    free(s->services);
    free(s->server_header);
    free(s);
}

int http_server_start(const struct http_server_options *o, struct http_server **ret,
                      struct sw_err *err)
{
    struct http_server *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
    sw_autoclose int fd = -1;

    if (!s)
        abort();
    memset(s, 0, sizeof(*s));
    s->o = *o;
    s->services = sw_calloc(o->services_n ? o->services_n : 1, sizeof(*s->services));
    for (size_t i = 0; i < o->services_n; i++)
        s->services[i] = o->services[i];
    s->server_header = sw_strdup_or_null(o->server_header);
    pthread_mutex_init(&s->tickets_lock, NULL);
    s->workers = sw_pool_new(o->worker_threads ? o->worker_threads : 16, "worker");
    s->linger = linger_new();
    start_watch(s);
    int r = load_tls(s, err);
    if (r == 0)
        r = http_listen(o->host, o->port, &fd, &s->port, err);
    if (r == 0)
        r = start_daemon(s, err);
    if (r < 0) {
        server_free(s);
        return r;
    }
    const struct acceptor_options acceptor = {has_room, take_connection, s};
    s->acceptor = acceptor_start(SW_TAKE_FD(fd), &acceptor);
    *ret = s;
    return 0;
}

int http_server_reload_tls(struct http_server *s, bool only_if_changed, struct tls_info *ret,
                           struct sw_err *err)
{
    return s->tls ? tls_store_reload(s->tls, only_if_changed, ret, err) : 0;
}

bool http_server_tls_info(struct http_server *s, struct tls_info *ret)
{
    if (s->tls)
        tls_store_info(s->tls, ret);
    return s->tls != NULL;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

static void wait_idle(struct http_server *s, int64_t timeout_ms)
{
    int64_t end_ms = sw_mono_ms() + timeout_ms;

    while (exchanges_in_flight(s) > 0 && sw_mono_ms() < end_ms)
        sw_sleep_ms(2);
}

void http_server_stop(struct http_server *s, int64_t grace_ms)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->tickets_lock);
    atomic_store(&s->stopping, true);
    pthread_mutex_unlock(&s->tickets_lock);
    acceptor_stop(s->acceptor);
    mhd_complete_tickets(s);
    mhd_end_streams(s);
    wait_idle(s, grace_ms);
    atomic_store(&s->closed, true);
    while (atomic_load(&s->suspended) > 0)
        sw_sleep_ms(1);
    wait_idle(s, 200); /* what was resumed just now is still to be written */
    MHD_stop_daemon(s->daemon);
    server_free(s);
}
