/* SPDX-License-Identifier: Apache-2.0 */
/* bench/load.c - a load generator for registries: plain HTTP/1.1 with keep-alive, one thread, one epoll loop.
 *
 *   load [options] http://ADDRESS:PORT WORKLOAD [SIZE]
 *     ping              GET /v2/
 *     manifest          GET a manifest by tag
 *     manifest-put      PUT a manifest that differs each time, by tag
 *     head              HEAD a blob of the set
 *     pull SIZE         GET the blobs of the set in turn; the bytes are dropped in the kernel unless -V checks them
 *     push SIZE         a blob that nobody has seen: POST, then PUT with its digest
 *     fill SIZE         pushes the set, SIZE for each blob, and a manifest of it, so that pull, head and manifest find them
 *   load write FOLDER SIZE   the same set as files that a static server can serve
 *     -c N  connections (1)       -t SECONDS  ends after so long (2)   -n N  or after so many operations
 *     -k N  blobs in the set (8)  -r NAME     repository (bench/app)   -u USER:PASSWORD  Basic credentials
 *     -p PID[,PID]  the server's processes: their CPU and memory       -l LABEL  copied to the result
 *     -V    verify each body's digest (slow: the client then takes part in what is measured)
 *
 * Prints one line of JSON. The time of an operation runs from its first byte written to its last byte read. Operations in flight
 * when the time is over are finished and counted, and the rate is taken over the time until the last of them.
 *
 * The client is meant to cost little beside the server: bodies that are received are dropped in the kernel (MSG_TRUNC), bodies that are
 * sent come from a memory file by sendfile. A pushed blob is a prefix that all share and a tail of its own, so its digest costs
 * one block: the prefix is hashed once. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIDS_MAX        16
#define SET_MAX         64
#define TAIL            64           /* bytes of a pushed blob that are its own */
#define HEAD_MAX        (16 * 1024)  /* of a response */
#define READ_SIZE       (256 * 1024) /* of one receive */
#define ERRORS_MAX      1000
#define STALL_NS        (60 * 1000000000LL)
#define RSS_EVERY_NS    (20 * 1000000LL)
#define MANIFEST_TYPE   "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST_LAYERS 8

enum workload { W_PING, W_MANIFEST, W_MANIFEST_PUT, W_HEAD, W_PULL, W_PUSH, W_FILL, W_MAX_ };
static const char *const workload_names[W_MAX_] = {"ping", "manifest", "manifest-put", "head",
                                                   "pull", "push",     "fill"};

struct blob {
    char digest[72]; /* sha256:HEX */
};

static struct {
    struct sockaddr_in address;
    char host[64];
    char authorization[4096]; /* the header line, or nothing */
    const char *repository, *label;
    enum workload workload;
    uint64_t size, count;
    double seconds;
    int connections, set_n;
    bool verify;
    int pids[PIDS_MAX], pids_n;
} o = {.repository = "bench/app", .label = "", .connections = 1, .seconds = 2, .set_n = 8};

static struct blob set[SET_MAX];
static int set_fd[SET_MAX]; /* fill: the bytes of the set */
static int prefix_fd = -1;  /* push: what all blobs share */
static EVP_MD_CTX *prefix_hash;
static char manifest[8192];
static uint64_t run_id, next_number; /* what makes pushed bytes unique */
static char *sink;

static struct {
    uint64_t started, done, errors, bytes, rss_first, rss_peak;
    int64_t begin_ns, end_ns, rss_ns;
    float *latency_ms;
    size_t latency_cap;
} s;

enum phase { P_IDLE, P_SEND_HEAD, P_SEND_BODY, P_SEND_TAIL, P_READ_HEAD, P_READ_BODY };

struct connection {
    int fd;
    enum phase phase;
    unsigned events;
    int step; /* push: 0 POST, 1 PUT; fill: its requests in turn */
    char request[6144];
    size_t request_n, sent;
    int body_fd; /* -1: none */
    uint64_t body_n, body_sent;
    char tail[TAIL];
    size_t tail_n;
    int expect;
    bool head_only, close;
    char head[HEAD_MAX];
    size_t head_n;
    uint64_t left;
    int64_t begin_ns, moved_ns;
    char digest[72];
    const struct blob *blob;
    char location[2048];
    EVP_MD_CTX *hash;
};

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Digits, then perhaps K, M or G. */
static bool parse_size(const char *text, uint64_t *ret)
{
    uint64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        if (n > UINT64_MAX / 10 - 10)
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    if (p == text)
        return false;
    int shift = *p == 'K' ? 10 : *p == 'M' ? 20 : *p == 'G' ? 30 : 0;
    if (shift)
        p++;
    *ret = n << shift;
    return !*p;
}

static uint64_t number(const char *text, const char *what)
{
    uint64_t n;
    if (!parse_size(text, &n))
        die("not a number", what);
    return n;
}

/* ---- the set and what is pushed ---- */

static void digest_text(EVP_MD_CTX *ctx, char out[72])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_DigestFinal_ex(ctx, md, &n) != 1 || n != 32)
        die("sha256 failed", NULL);
    memcpy(out, "sha256:", 7);
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 7 + 2 * i, 3, "%02x", md[i]);
}

static EVP_MD_CTX *hash_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        die("sha256 is missing", NULL);
    return ctx;
}

/* Bytes that do not compress and depend on the seed alone (xorshift64*). */
static void generate(uint64_t seed, uint64_t n, EVP_MD_CTX *hash, int fd)
{
    static uint64_t buf[8192];
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

    while (n > 0) {
        size_t piece = n < sizeof(buf) ? (size_t)n : sizeof(buf);
        for (size_t i = 0; i < sizeof(buf) / sizeof(*buf); i++) {
            x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
            buf[i] = x * 0x2545f4914f6cdd1du;
        }
        if (hash && EVP_DigestUpdate(hash, buf, piece) != 1)
            die("sha256 failed", NULL);
        if (fd >= 0 && write(fd, buf, piece) != (ssize_t)piece)
            die("write", strerror(errno));
        n -= piece;
    }
}

static int memory_file(void)
{
    int fd = memfd_create("load", MFD_CLOEXEC);
    if (fd < 0)
        die("memfd_create", strerror(errno));
    return fd;
}

/* Digests of the set, and its bytes when they are to be sent. */
static void make_set(bool bytes)
{
    for (int i = 0; i < o.set_n; i++) {
        EVP_MD_CTX *hash = hash_new();
        set_fd[i] = bytes ? memory_file() : -1;
        generate(o.size * SET_MAX + (uint64_t)i + 1, o.size, hash, set_fd[i]);
        digest_text(hash, set[i].digest);
        EVP_MD_CTX_free(hash);
    }
}

/* A manifest as an image of eight layers has it, about 1.5 KiB; the first blob stands for the configuration too. */
static size_t make_manifest(char *out, size_t cap, const char *note)
{
    size_t n = (size_t)snprintf(
        out, cap,
        "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_TYPE "\",\"config\":{\"mediaType\":"
        "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%" PRIu64
        "},\"layers\":[",
        set[0].digest, o.size);
    for (int i = 0; i < MANIFEST_LAYERS && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n,
                              "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
                              "\"digest\":\"%s\",\"size\":%" PRIu64 "}",
                              i ? "," : "", set[i % o.set_n].digest, o.size);
    if (n < cap)
        n += (size_t)snprintf(out + n, cap - n, "]%s%s%s}",
                              *note ? ",\"annotations\":{\"n\":\"" : "", note, *note ? "\"}" : "");
    if (n >= cap)
        die("manifest too large", NULL);
    return n;
}

static void make_prefix(void)
{
    uint64_t n = o.size > TAIL ? o.size - TAIL : 0;

    if (o.size < TAIL)
        die("push needs blobs of 64 bytes or more", NULL);
    prefix_fd = memory_file();
    prefix_hash = hash_new();
    generate(o.size, n, prefix_hash, prefix_fd);
}

/* The next blob that nobody has seen. */
static void make_unique(struct connection *c)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    memset(c->tail, '.', sizeof(c->tail));
    snprintf(c->tail, sizeof(c->tail), "%016" PRIx64 "-%016" PRIx64, run_id, ++next_number);
    if (!hash || EVP_MD_CTX_copy_ex(hash, prefix_hash) != 1 ||
        EVP_DigestUpdate(hash, c->tail, TAIL) != 1)
        die("sha256 failed", NULL);
    digest_text(hash, c->digest);
    EVP_MD_CTX_free(hash);
}

/* ---- requests ---- */

/* A request line and its headers. body_n < 0: no body and no length. */
static void set_request(struct connection *c, int expect, int64_t body_n, const char *type,
                        const char *method, const char *target)
{
    char length[64] = "";

    if (body_n >= 0)
        snprintf(length, sizeof(length), "Content-Length: %" PRId64 "\r\n", body_n);
    int n = snprintf(c->request, sizeof(c->request), "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
                     method, target, o.host, o.authorization, type, length);
    if (n < 0 || (size_t)n >= sizeof(c->request))
        die("request too long", target);
    c->request_n = (size_t)n;
    c->sent = 0;
    c->expect = expect;
    c->head_only = strcmp(method, "HEAD") == 0;
    c->body_fd = -1;
    c->body_n = c->body_sent = 0;
    c->tail_n = 0;
    c->head_n = 0;
    c->blob = NULL;
    c->phase = P_SEND_HEAD;
}

#define NO_TYPE     ""
#define ACCEPT      "Accept: " MANIFEST_TYPE "\r\n"
#define IS_MANIFEST "Content-Type: " MANIFEST_TYPE "\r\n"
#define IS_BYTES    "Content-Type: application/octet-stream\r\n"

static void request_post(struct connection *c)
{
    char target[512];
    snprintf(target, sizeof(target), "/v2/%s/blobs/uploads/", o.repository);
    set_request(c, 202, 0, NO_TYPE, "POST", target);
}

/* To where the POST sent us. */
static void request_put_blob(struct connection *c, const char *digest, int fd, uint64_t n,
                             bool tail)
{
    char target[2300];
    const char *path = c->location;

    if (strncmp(path, "http://", 7) == 0)
        path = strchr(path + 7, '/');
    if (!path || path[0] != '/')
        die("unusable Location", c->location);
    snprintf(target, sizeof(target), "%s%cdigest=%s", path, strchr(path, '?') ? '&' : '?', digest);
    set_request(c, 201, (int64_t)o.size, IS_BYTES, "PUT", target);
    c->body_fd = fd;
    c->body_n = n;
    c->tail_n = tail ? TAIL : 0;
}

/* A small body goes with the headers. */
static void request_put_manifest(struct connection *c, const char *tag, const char *body, size_t n)
{
    char target[512];
    snprintf(target, sizeof(target), "/v2/%s/manifests/%s", o.repository, tag);
    set_request(c, 201, (int64_t)n, IS_MANIFEST, "PUT", target);
    if (c->request_n + n > sizeof(c->request))
        die("request too long", target);
    memcpy(c->request + c->request_n, body, n);
    c->request_n += n;
}

static void request_blob(struct connection *c, const char *method)
{
    char target[512];
    const struct blob *b = &set[s.started % (uint64_t)o.set_n];
    snprintf(target, sizeof(target), "/v2/%s/blobs/%s", o.repository, b->digest);
    set_request(c, 200, -1, NO_TYPE, method, target);
    c->blob = b;
}

/* fill: POST and PUT of each blob of the set, then the manifest. False: nothing left. */
static bool request_fill(struct connection *c)
{
    int i = c->step / 2;

    if (i < o.set_n && c->step % 2 == 0)
        request_post(c);
    else if (i < o.set_n)
        request_put_blob(c, set[i].digest, set_fd[i], o.size, false);
    else if (c->step == 2 * o.set_n)
        request_put_manifest(c, "latest", manifest, strlen(manifest));
    else
        return false;
    return true;
}

static void request_manifest_put(struct connection *c)
{
    char note[48], body[4096], tag[32];
    snprintf(note, sizeof(note), "%016" PRIx64 "-%016" PRIx64, run_id, ++next_number);
    size_t n = make_manifest(body, sizeof(body), note);
    snprintf(tag, sizeof(tag), "t%" PRIu64, next_number % 100);
    request_put_manifest(c, tag, body, n);
}

/* The first request of an operation. False: the run is over. */
static bool begin_operation(struct connection *c)
{
    char target[512];
    int64_t now = now_ns();

    if (o.workload != W_FILL &&
        ((o.count && s.started >= o.count) || now - s.begin_ns > (int64_t)(o.seconds * 1e9)))
        return false;
    c->begin_ns = now;
    switch (o.workload) {
    case W_PING: set_request(c, 200, -1, NO_TYPE, "GET", "/v2/"); break;
    case W_MANIFEST:
        snprintf(target, sizeof(target), "/v2/%s/manifests/latest", o.repository);
        set_request(c, 200, -1, ACCEPT, "GET", target);
        break;
    case W_MANIFEST_PUT: request_manifest_put(c); break;
    case W_HEAD: request_blob(c, "HEAD"); break;
    case W_PULL: request_blob(c, "GET"); break;
    case W_PUSH:
        make_unique(c);
        c->step = 0;
        request_post(c);
        break;
    default:
        if (!request_fill(c))
            return false;
        break;
    }
    s.started++;
    return true;
}

/* ---- the server, seen from outside ---- */

static size_t read_proc(int pid, const char *name, char *buf, size_t cap)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, buf, cap - 1);
    close(fd);
    buf[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

/* User and system time of the server's processes, microseconds. */
static double server_cpu_us(void)
{
    char buf[1024];
    unsigned long user, system_time;
    double ticks = 0;

    for (int i = 0; i < o.pids_n; i++) {
        const char *p = read_proc(o.pids[i], "stat", buf, sizeof(buf)) ? strrchr(buf, ')') : NULL;
        if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system_time) == 2)
            ticks += (double)(user + system_time);
    }
    return ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t server_rss(void)
{
    char buf[256];
    unsigned long pages;
    uint64_t sum = 0;

    for (int i = 0; i < o.pids_n; i++)
        if (read_proc(o.pids[i], "statm", buf, sizeof(buf)) && sscanf(buf, "%*u %lu", &pages) == 1)
            sum += pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return sum;
}

static void sample_rss(int64_t now)
{
    if (!o.pids_n || now - s.rss_ns < RSS_EVERY_NS)
        return;
    s.rss_ns = now;
    uint64_t rss = server_rss();
    if (rss > s.rss_peak)
        s.rss_peak = rss;
}

/* ---- one connection ---- */

static void open_connection(struct connection *c, int epoll)
{
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket", strerror(errno));
    for (int tries = 0; connect(c->fd, (struct sockaddr *)&o.address, sizeof(o.address)) < 0;) {
        if (errno == EINTR)
            continue;
        if (++tries > 50)
            die("connect", strerror(errno));
        usleep(20000);
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    c->events = EPOLLIN;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        die("epoll_ctl", strerror(errno));
}

static void want(struct connection *c, int epoll, unsigned events)
{
    if (c->events == events)
        return;
    struct epoll_event ev = {.events = events, .data.ptr = c};
    c->events = events;
    (void)epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void record(const struct connection *c, int64_t now)
{
    if (s.done == s.latency_cap) {
        s.latency_cap = s.latency_cap ? s.latency_cap * 2 : 65536;
        s.latency_ms = realloc(s.latency_ms, s.latency_cap * sizeof(*s.latency_ms));
        if (!s.latency_ms)
            die("out of memory", NULL);
    }
    s.latency_ms[s.done++] = (float)((double)(now - c->begin_ns) / 1e6);
    s.end_ns = now;
}

/* The operation did not work out: the connection is made anew, for its state is unknown. */
static void fail(struct connection *c, int epoll, const char *why)
{
    if (s.errors++ < 3)
        fprintf(stderr, "load: %s: %s %.100s\n", workload_names[o.workload], why,
                c->head_n ? c->head : "");
    if (s.errors > ERRORS_MAX)
        die("too many errors", NULL);
    close(c->fd);
    open_connection(c, epoll);
    c->phase = P_IDLE;
    c->step = 0;
    if (o.workload == W_FILL)
        die("the set could not be pushed", NULL);
}

/* 1 all sent, 0 would block, -1 failed. */
static int send_some(struct connection *c)
{
    while (c->phase == P_SEND_HEAD) {
        bool more = c->body_n + c->tail_n > 0;
        ssize_t n = send(c->fd, c->request + c->sent, c->request_n - c->sent,
                         MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->sent += (size_t)n;
        if (c->sent == c->request_n)
            c->phase = P_SEND_BODY;
    }
    while (c->phase == P_SEND_BODY && c->body_sent < c->body_n) {
        off_t at = (off_t)c->body_sent;
        ssize_t n = sendfile(c->fd, c->body_fd, &at, c->body_n - c->body_sent);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        c->body_sent += (uint64_t)n;
    }
    c->phase = P_SEND_TAIL;
    if (c->tail_n) {
        ssize_t n = send(c->fd, c->tail + TAIL - c->tail_n, c->tail_n, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->tail_n -= (size_t)n;
        if (c->tail_n)
            return 0;
    }
    c->phase = P_READ_HEAD;
    return 1;
}

static const char *header(const struct connection *c, const char *name, size_t *ret_n)
{
    size_t name_n = strlen(name);

    for (const char *p = strstr(c->head, "\r\n"); p; p = strstr(p, "\r\n")) {
        p += 2;
        if (strncasecmp(p, name, name_n) != 0 || p[name_n] != ':')
            continue;
        p += name_n + 1;
        p += strspn(p, " ");
        *ret_n = strcspn(p, "\r");
        return p;
    }
    return NULL;
}

/* Status, length and what the next step needs. False: not what was expected. */
static bool take_head(struct connection *c)
{
    size_t n;
    int status = 0;

    if (sscanf(c->head, "HTTP/1.1 %d", &status) != 1 || status != c->expect)
        return false;
    const char *length = header(c, "Content-Length", &n);
    c->left = 0;
    for (size_t i = 0; length && i < n; i++)
        c->left = c->left * 10 + (uint64_t)(length[i] - '0');
    if (!length && !c->head_only)
        return false;
    if (c->blob && c->left != o.size)
        return false;
    const char *connection = header(c, "Connection", &n);
    c->close = connection && n == 5 && strncasecmp(connection, "close", 5) == 0;
    if (c->head_only)
        c->left = 0;
    const char *location = header(c, "Location", &n);
    c->location[0] = 0;
    if (location && n < sizeof(c->location))
        snprintf(c->location, sizeof(c->location), "%.*s", (int)n, location);
    return true;
}

/* After a whole response. True: the operation goes on with another request. */
static bool next_step(struct connection *c)
{
    if (o.workload == W_PUSH && c->step == 0) {
        c->step = 1;
        request_put_blob(c, c->digest, prefix_fd, o.size - TAIL, true);
        return true;
    }
    if (o.workload == W_FILL && c->step < 2 * o.set_n) {
        c->step++;
        return request_fill(c);
    }
    return false;
}

static bool body_verified(struct connection *c)
{
    char digest[72];

    if (!c->hash)
        return true;
    digest_text(c->hash, digest);
    EVP_MD_CTX_free(c->hash);
    c->hash = NULL;
    return strcmp(digest, c->blob->digest) == 0;
}

static void account_body(struct connection *c, const char *p, size_t n)
{
    c->left -= n;
    if (c->hash)
        (void)EVP_DigestUpdate(c->hash, p, n);
}

/* Reads the head, and what came of the body with it. 1 head complete, 0 would block, -1 failed. */
static int read_head(struct connection *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->head + c->head_n, sizeof(c->head) - 1 - c->head_n, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        c->head_n += (size_t)n;
        c->head[c->head_n] = 0;
        char *end = strstr(c->head, "\r\n\r\n");
        if (!end) {
            if (c->head_n + 1 == sizeof(c->head))
                return -1;
            continue;
        }
        size_t body = c->head_n - (size_t)(end + 4 - c->head);
        end[2] = 0;
        if (!take_head(c) || body > c->left)
            return -1;
        if (o.verify && c->blob && !c->head_only)
            c->hash = hash_new();
        account_body(c, end + 4, body);
        c->phase = P_READ_BODY;
        return 1;
    }
}

/* 1 complete, 0 would block, -1 failed. */
static int read_body(struct connection *c)
{
    while (c->left > 0) {
        size_t cap = o.verify ? READ_SIZE : 8 * 1024 * 1024;
        size_t ask = c->left < cap ? (size_t)c->left : cap;
        ssize_t n = recv(c->fd, o.verify ? sink : NULL, ask, o.verify ? 0 : MSG_TRUNC);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        account_body(c, sink, (size_t)n);
    }
    return 1;
}

static void finished(struct connection *c, int64_t now)
{
    record(c, now);
    if (o.workload == W_PULL || o.workload == W_PUSH)
        s.bytes += o.size;
    c->step++; /* fill: behind its last request; push begins at 0 again */
    c->phase = P_IDLE;
}

/* As far as it goes without waiting. False: this connection has nothing left to do. */
static bool advance(struct connection *c, int epoll)
{
    for (;;) {
        if (c->phase == P_IDLE && !begin_operation(c))
            return false;
        int r = 1;
        if (c->phase <= P_SEND_TAIL) {
            r = send_some(c);
            if (r == 0) {
                want(c, epoll, EPOLLOUT);
                return true;
            }
        }
        if (r > 0 && c->phase == P_READ_HEAD)
            r = read_head(c);
        if (r > 0 && c->phase == P_READ_BODY)
            r = read_body(c);
        if (r == 0) {
            want(c, epoll, EPOLLIN);
            return true;
        }
        if (r < 0 || !body_verified(c)) {
            fail(c, epoll, r < 0 ? "connection or answer" : "wrong bytes");
            continue;
        }
        if (c->close) {
            close(c->fd);
            open_connection(c, epoll);
        }
        if (!next_step(c))
            finished(c, now_ns());
    }
}

/* ---- the run ---- */

static void run(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc((size_t)o.connections, sizeof(*all));
    struct epoll_event events[256];
    int active = o.connections;

    if (epoll < 0 || !all)
        die("epoll_create1", strerror(errno));
    for (int i = 0; i < o.connections; i++)
        open_connection(&all[i], epoll);
    s.begin_ns = s.end_ns = now_ns();
    for (int i = 0; i < o.connections; i++)
        active -= !advance(&all[i], epoll);
    int64_t moved = now_ns();
    while (active > 0) {
        int n = epoll_wait(epoll, events, 256, 1000);
        int64_t now = now_ns();
        sample_rss(now);
        if (n > 0)
            moved = now;
        else if (now - moved > STALL_NS)
            die("nothing moves any more", NULL);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->phase != P_IDLE)
                active -= !advance(c, epoll);
        }
    }
    for (int i = 0; i < o.connections; i++)
        close(all[i].fd);
    close(epoll);
    free(all);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(double f)
{
    return s.done ? (double)s.latency_ms[(size_t)((double)(s.done - 1) * f + 0.5)] : 0;
}

static void report(double cpu_us)
{
    struct rusage u;
    double seconds = (double)(s.end_ns - s.begin_ns) / 1e9;
    double ops = s.done && seconds > 0 ? (double)s.done / seconds : 0;

    getrusage(RUSAGE_SELF, &u);
    qsort(s.latency_ms, s.done, sizeof(*s.latency_ms), by_value);
    printf("{\"label\":\"%s\",\"workload\":\"%s\",\"size\":%" PRIu64 ",\"conc\":%d,\"ops\":%" PRIu64
           ",\"seconds\":%.3f,\"ops_s\":%.1f,\"mb_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"errors\":%" PRIu64 ",\"server_cpu_us_op\":%.1f,\"rss_before_mib\":%.1f,\"rss_peak_"
           "mib\":%.1f,\"client_cpu_s\":%.2f}\n",
           o.label, workload_names[o.workload], o.size, o.connections, s.done, seconds, ops,
           seconds > 0 ? (double)s.bytes / seconds / 1e6 : 0, percentile(0.5), percentile(0.99),
           s.errors, s.done ? cpu_us / (double)s.done : 0, (double)s.rss_first / 1048576,
           (double)s.rss_peak / 1048576,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

/* ---- command line ---- */

static void set_address(const char *url)
{
    char host[64];
    const char *colon = strncmp(url, "http://", 7) == 0 ? strchr(url + 7, ':') : NULL;

    if (!colon || colon - (url + 7) >= (long)sizeof(host))
        die("not http://ADDRESS:PORT", url);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - (url + 7)), url + 7);
    snprintf(o.host, sizeof(o.host), "%.60s", url + 7);
    o.address.sin_family = AF_INET;
    o.address.sin_port = htons((uint16_t)number(colon + 1, "port"));
    if (inet_pton(AF_INET, host, &o.address.sin_addr) != 1)
        die("not an IPv4 address", host);
}

static void set_credentials(const char *user)
{
    static char base64[3900];
    size_t n = strlen(user);

    if (n > 2800)
        die("credentials too long", NULL);
    EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)user, (int)n);
    snprintf(o.authorization, sizeof(o.authorization), "Authorization: Basic %s\r\n", base64);
}

static void set_pids(char *list)
{
    for (char *p = list, *end; p && *p; p = end) {
        end = strchr(p, ',');
        if (end)
            *end++ = 0;
        if (o.pids_n == PIDS_MAX)
            die("too many processes", NULL);
        o.pids[o.pids_n++] = (int)number(p, "process");
    }
}

static void options(int argc, char **argv)
{
    for (int opt; (opt = getopt(argc, argv, "c:t:n:k:r:u:p:l:V")) != -1;) {
        switch (opt) {
        case 'c': o.connections = (int)number(optarg, "connections"); break;
        case 't': o.seconds = strtod(optarg, NULL); break;
        case 'n': o.count = number(optarg, "operations"); break;
        case 'k': o.set_n = (int)number(optarg, "blobs"); break;
        case 'r': o.repository = optarg; break;
        case 'u': set_credentials(optarg); break;
        case 'p': set_pids(optarg); break;
        case 'l': o.label = optarg; break;
        case 'V': o.verify = true; break;
        default: exit(2);
        }
    }
    if (o.set_n < 1 || o.set_n > SET_MAX || o.connections < 1 || o.connections > 4096)
        die("a set has 1 to 64 blobs, connections are 1 to 4096", NULL);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/v2/%s/%s", folder, o.repository, name);
    for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            die(path, strerror(errno));
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        die(path, strerror(errno));
    if (text && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        die(path, strerror(errno));
    for (int i = 0; !text && i < o.set_n; i++)
        if (strstr(name, set[i].digest))
            generate(o.size * SET_MAX + (uint64_t)i + 1, o.size, NULL, fd);
    close(fd);
}

static int write_set(const char *folder)
{
    make_set(false);
    for (int i = 0; i < o.set_n; i++) {
        char name[96];
        snprintf(name, sizeof(name), "blobs/%s", set[i].digest);
        write_file(folder, name, NULL);
    }
    make_manifest(manifest, sizeof(manifest), "");
    write_file(folder, "manifests/latest", manifest);
    return 0;
}

int main(int argc, char **argv)
{
    options(argc, argv);
    argv += optind, argc -= optind;
    if (argc < 2)
        die("usage: load [options] http://ADDRESS:PORT WORKLOAD [SIZE]", NULL);
    if (argc > 2)
        o.size = number(argv[2], "size");
    if (strcmp(argv[0], "write") == 0) {
        o.size = argc > 2 ? o.size : 1024;
        return write_set(argv[1]);
    }
    set_address(argv[0]);
    while (o.workload < W_MAX_ && strcmp(workload_names[o.workload], argv[1]) != 0)
        o.workload++;
    if (o.workload == W_MAX_)
        die("no such workload", argv[1]);
    if (!o.size)
        o.size = 1024;
    if (o.workload == W_FILL)
        o.connections = 1, o.seconds = 3600;
    sink = malloc(READ_SIZE);
    if (!sink || getrandom(&run_id, sizeof(run_id), 0) != sizeof(run_id))
        die("getrandom", strerror(errno));
    if (o.workload == W_PUSH)
        make_prefix();
    else if (o.workload != W_PING)
        make_set(o.workload == W_FILL);
    make_manifest(manifest, sizeof(manifest), "");
    s.rss_first = s.rss_peak = server_rss();
    double cpu_us = server_cpu_us();
    run();
    report(server_cpu_us() - cpu_us);
    return s.errors ? 1 : 0;
}
