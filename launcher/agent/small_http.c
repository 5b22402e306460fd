/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/small_http.c - as much of RFC 9112 as SDKs use against an instance's metadata: a request line, headers of which
 * only Content-Length counts, a body by length. Whatever else comes is answered 400 and closed. */
#include "launcher/agent/small_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

#define CONNECTIONS_MAX 512
#define PER_PEER_MAX    32
#define LOOPBACK_MAX    128 /* all processes of the host are one peer */
#define LISTENERS_MAX   2
#define DEADLINE_MS     5000
#define LATER_MS        20000
#define BACKLOG         1024
#define PER_TURN_MAX \
    16 /* accepted before those that are there are looked at again: less than one peer may have */

struct connection {
    int fd;
    int listener;
    char peer[INET_ADDRSTRLEN];
    uint32_t address; /* the same */
    int64_t deadline_ms;
    uint64_t id; /* grows: the oldest has the lowest */
    bool waits;  /* for small_http_finish */
    char in[SMALL_HTTP_REQUEST + 1];
    size_t in_n;
    char *out; /* NULL: still reading */
    size_t out_n, out_at;
};

struct finished {
    struct finished *next;
    uint64_t id;
    int status;
    struct sw_buf body;
};

struct small_http {
    pthread_mutex_t lock;
    struct finished *finished;
    bool stopping, halted;
    uint64_t last_id;
    int listeners[LISTENERS_MAX];
    size_t listeners_n;
    int wake;
    small_http_fn fn;
    void *ctx;
    struct connection *connections[CONNECTIONS_MAX];
    size_t n;
    pthread_t thread;
};

int small_http_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port,
                      struct sw_err *err)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t n = sizeof a;
    int on = 1;
    sw_autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is no IPv4 address", address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) < 0)
        return sw_fail_os(err, errno, "socket");
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, BACKLOG) < 0) {
        if (errno == EADDRINUSE)
            return sw_fail(err, SW_ECONFLICT, NULL, "%s:%u is in use", address, port);
        return sw_fail_os(err, errno, "%s:%u", address, port);
    }
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return sw_fail_os(err, errno, "socket");
    *ret_port = ntohs(a.sin_port);
    *ret_fd = SW_TAKE_FD(fd);
    return 0;
}

static void drop(struct small_http *s, size_t i)
{
    struct connection *c = s->connections[i];
    (void)close(c->fd);
    if (c->out)
        explicit_bzero(c->out, c->out_n); /* credentials, perhaps */
    free(c->out);
    free(c);
    s->connections[i] = s->connections[--s->n];
}

static size_t count_of(const struct small_http *s, uint32_t address)
{
    size_t same = 0;
    for (size_t i = 0; i < s->n; i++)
        same += s->connections[i]->address == address;
    return same;
}

static uint32_t greediest(const struct small_http *s)
{
    uint32_t address = 0;
    size_t most = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t same = count_of(s, s->connections[i]->address);
        if (same > most) {
            most = same;
            address = s->connections[i]->address;
        }
    }
    return address;
}

/* Ends the peer's oldest connection, if there is one that has not asked yet. */
static void end_oldest_of(struct small_http *s, uint32_t address)
{
    size_t oldest = s->n;
    for (size_t i = 0; i < s->n; i++) {
        const struct connection *c = s->connections[i],
                                *o = oldest < s->n ? s->connections[oldest] : NULL;
        if (c->address == address && (!o || (c->waits == o->waits ? c->id < o->id : o->waits)))
            oldest = i;
    }
    if (oldest < s->n)
        drop(s, oldest);
}

/* Who comes anew is let in: it asks at once if it is honest, and whoever only holds connections loses its oldest. */
static void make_room(struct small_http *s, uint32_t address)
{
    size_t most = address == htonl(INADDR_LOOPBACK) ? LOOPBACK_MAX : PER_PEER_MAX;
    if (count_of(s, address) >= most)
        end_oldest_of(s, address);
    else if (s->n == CONNECTIONS_MAX)
        end_oldest_of(s, greediest(s));
}

static void take_new(struct small_http *s, int listener)
{
    for (size_t taken = 0; taken < PER_TURN_MAX; taken++) {
        struct sockaddr_in a;
        socklen_t n = sizeof a;
        char peer[INET_ADDRSTRLEN] = "";
        int fd = accept4(s->listeners[listener], (struct sockaddr *)&a, &n,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (!inet_ntop(AF_INET, &a.sin_addr, peer, sizeof peer)) {
            (void)close(fd);
            continue;
        }
        make_room(s, a.sin_addr.s_addr);
        struct connection *c = SW_NEW(struct connection);
        c->fd = fd;
        c->id = ++s->last_id;
        c->listener = listener;
        memcpy(c->peer, peer, sizeof peer);
        c->address = a.sin_addr.s_addr;
        c->deadline_ms = sw_mono_ms() + DEADLINE_MS;
        s->connections[s->n++] = c;
    }
}

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {{200, "OK"},
                 {400, "Bad Request"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {413, "Content Too Large"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

static void answer(struct connection *c, int status, const char *type, struct sw_buf *body)
{
    struct sw_buf b = SW_BUF_INIT(SMALL_HTTP_ANSWER + 1024);
    char date[SW_TIME_LEN];
    sw_format_http_date(sw_now_us(), date);
    if (body->overflow) {
        status = 500;
        sw_buf_reset(body);
    }
    sw_buf_addf(&b,
                "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: slipway-agent\r\nContent-Type: %s\r\n"
                "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                status, status_text(status), date, type, body->n);
    sw_buf_add_str(&b, sw_buf_str(body));
    c->out_n = b.n;
    c->out = sw_buf_take(&b);
    if (body->p)
        explicit_bzero(body->p, body->n);
    sw_buf_done(body);
}

static void refuse(struct connection *c, int status)
{
    struct sw_buf body = SW_BUF_INIT(256);
    sw_buf_addf(&body, "%s\n", status_text(status));
    answer(c, status, "text/plain", &body);
}

/* False: a header is not valid. *ret_length: of the body. */
static bool content_length(struct sw_str headers, uint64_t *ret_length)
{
    struct sw_str line;
    *ret_length = 0;
    while (sw_str_split(&headers, '\n', &line)) {
        struct sw_str name,
            rest = sw_str_ends_with(line, "\r") ? sw_str_slice(line, 0, line.n - 1) : line;
        if (rest.n == 0)
            continue;
        if (!memchr(rest.p, ':', rest.n) || !sw_str_split(&rest, ':', &name))
            return false;
        if (sw_str_eq_nocase(name, SW_STR("transfer-encoding")))
            return false;
        if (sw_str_eq_nocase(name, SW_STR("content-length")) &&
            !sw_parse_u64(sw_str_trim(rest), ret_length))
            return false;
    }
    return true;
}

static void handle(struct small_http *s, struct connection *c, char *end, struct sw_str body)
{
    char *line = c->in, *eol = strchr(c->in, '\n');
    struct sw_buf out = SW_BUF_INIT(SMALL_HTTP_ANSWER);
    const char *type = "application/json";
    *end = 0;
    if (eol)
        *eol = 0;
    char *path = strchr(line, ' '), *version = path ? strchr(path + 1, ' ') : NULL;
    if (!version || strncmp(version + 1, "HTTP/1.", 7) != 0 || path[1] != '/') {
        refuse(c, 400);
        return;
    }
    *path++ = 0;
    *version = 0;
    struct small_http_request r = {.method = line,
                                   .path = path,
                                   .body = body,
                                   .peer = c->peer,
                                   .listener = c->listener,
                                   .id = c->id};
    int status = s->fn(s->ctx, &r, &out, &type);
    if (status == SMALL_HTTP_LATER) {
        sw_buf_done(&out);
        c->waits = true;
        c->deadline_ms = sw_mono_ms() + LATER_MS;
        return;
    }
    answer(c, status, type, &out);
}

/* Looks whether the request is complete. */
static void try_request(struct small_http *s, struct connection *c)
{
    c->in[c->in_n] = 0;
    if (strlen(c->in) != c->in_n) {
        refuse(c, 400);
        return;
    }
    char *end = strstr(c->in, "\r\n\r\n");
    const char *eol = strchr(c->in, '\n');
    uint64_t length;
    if (!end) {
        if (c->in_n == SMALL_HTTP_REQUEST)
            refuse(c, 413);
        return;
    }
    size_t head = (size_t)(end - c->in);
    struct sw_str headers =
        eol && eol < end ? sw_str_n(eol + 1, (size_t)(end - eol) - 1) : sw_str_n("", 0);
    if (!content_length(headers, &length)) {
        refuse(c, 400);
        return;
    }
    if (length > SMALL_HTTP_REQUEST - head - 4) {
        refuse(c, 413);
        return;
    }
    if (c->in_n >= head + 4 + length)
        handle(s, c, end, sw_str_n(end + 4, (size_t)length));
}

/* False: the connection is over. */
static bool serve(struct small_http *s, struct connection *c)
{
    while (!c->out && !c->waits) {
        ssize_t n = read(c->fd, c->in + c->in_n, SMALL_HTTP_REQUEST - c->in_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return false;
        c->in_n += (size_t)n;
        try_request(s, c);
    }
    if (c->waits && !c->out)
        return true;
    while (c->out_at < c->out_n) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        c->out_at += (size_t)n;
    }
    (void)shutdown(c->fd, SHUT_WR);
    return false;
}

static int poll_set(const struct small_http *s, struct pollfd *fds, int64_t now_ms)
{
    int wait_ms = -1;
    fds[0] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    for (size_t i = 0; i < s->listeners_n; i++)
        fds[1 + i] = (struct pollfd){.fd = s->listeners[i],
                                     .events = POLLIN}; /* one that is -1 is passed over */
    for (size_t i = 0; i < s->n; i++) {
        const struct connection *c = s->connections[i];
        int64_t left = SW_MAX(c->deadline_ms - now_ms, (int64_t)0);
        fds[1 + s->listeners_n + i] = (struct pollfd){.fd = c->fd,
                                                      .events = c->out     ? POLLOUT
                                                                : c->waits ? 0
                                                                           : POLLIN};
        if (wait_ms < 0 || left < wait_ms)
            wait_ms = (int)left;
    }
    return wait_ms;
}

void small_http_finish(struct small_http *s, uint64_t id, int status, struct sw_buf *body)
{
    struct finished *f = SW_NEW(struct finished);
    uint64_t one = 1;
    *f = (struct finished){.id = id, .status = status, .body = *body};
    *body = (struct sw_buf)SW_BUF_INIT(0);
    pthread_mutex_lock(&s->lock);
    f->next = s->finished;
    s->finished = f;
    pthread_mutex_unlock(&s->lock);
    if (write(s->wake, &one, sizeof one) < 0)
        return; /* the counter is full: it is being read */
}

/* False: the server stops. */
static bool take_finished(struct small_http *s)
{
    uint64_t count;
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    struct finished *list = s->finished;
    s->finished = NULL;
    (void)!read(s->wake, &count, sizeof count);
    pthread_mutex_unlock(&s->lock);
    while (list) {
        struct finished *f = list;
        list = f->next;
        for (size_t i = 0; i < s->n; i++)
            if (s->connections[i]->id == f->id && s->connections[i]->waits)
                answer(s->connections[i], f->status, "application/json", &f->body);
        sw_buf_done(&f->body);
        free(f);
    }
    return !stopping;
}

static void *main_loop(void *arg)
{
    struct small_http *s = arg;
    for (;;) {
        struct pollfd fds[1 + LISTENERS_MAX + CONNECTIONS_MAX];
        size_t first = 1 + s->listeners_n;
        int wait_ms = poll_set(s, fds, sw_mono_ms());
        if (poll(fds, first + s->n, wait_ms) < 0 && errno != EINTR)
            return NULL;
        if (fds[0].revents && !take_finished(s))
            return NULL;
        /* Backwards: the last one takes the place of one that ended, and new ones come after. */
        int64_t now_ms = sw_mono_ms();
        for (size_t i = s->n; i-- > 0;) {
            struct connection *c = s->connections[i];
            bool over = c->deadline_ms <= now_ms;
            if (c->waits && !c->out)
                over |= (fds[first + i].revents & (POLLHUP | POLLERR)) != 0;
            else if (!over && fds[first + i].revents)
                over = !serve(s, c);
            if (over)
                drop(s, i);
        }
        for (size_t i = 0; i < s->listeners_n; i++)
            if (fds[1 + i].revents)
                take_new(s, (int)i);
    }
}

static void release(struct small_http *s)
{
    while (s->n)
        drop(s, s->n - 1);
    for (size_t i = 0; i < s->listeners_n; i++)
        if (s->listeners[i] >= 0)
            (void)close(s->listeners[i]);
    if (s->wake >= 0)
        (void)close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int small_http_start(const int *fds, size_t n, small_http_fn fn, void *ctx, struct small_http **ret,
                     struct sw_err *err)
{
    struct small_http *s = SW_NEW(struct small_http);
    pthread_mutex_init(&s->lock, NULL);
    s->fn = fn;
    s->ctx = ctx;
    for (size_t i = 0; i < n && i < LISTENERS_MAX; i++)
        s->listeners[s->listeners_n++] = fds[i];
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int e = s->wake < 0 ? errno : pthread_create(&s->thread, NULL, main_loop, s);
    if (e != 0) {
        release(s);
        return sw_fail_os(err, e, "server for containers");
    }
    *ret = s;
    return 0;
}

void small_http_halt(struct small_http *s)
{
    uint64_t one = 1;
    if (!s || s->halted)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
    if (write(s->wake, &one, sizeof one) == sizeof one)
        pthread_join(s->thread, NULL);
    s->halted = true;
}

void small_http_stop(struct small_http *s)
{
    if (!s)
        return;
    small_http_halt(s);
    (void)take_finished(s);
    release(s);
}
