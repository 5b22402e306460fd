/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A registry for tests: a table of paths on a loopback port, one thread a connection, misbehaviour on demand.
 * And images for it: tar layers made by libarchive, in memory. */
#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define STUB_ROUTES_MAX 64
#define STUB_SEEN_MAX   256

struct stub_route {
    char path[512];
    const char *content_type;
    char *body;
    size_t n;
    int status;           /* 0: 200 */
    const char *location; /* of a redirect */
    size_t cut_after;     /* 0: whole; else the connection ends after so many bytes, `cuts` times */
    int cuts;
    bool no_ranges;
    bool slow;
    const char *needs; /* the Authorization without which the answer is 401; NULL: none */
};
struct stub_seen {
    char path[512], authorization[256], host[128], range[64], method[8];
};
struct stub {
    int fd, port;
    char host_port[32];
    pthread_t thread;
    pthread_mutex_t lock;
    struct stub_route routes[STUB_ROUTES_MAX];
    size_t routes_n;
    struct stub_seen seen[STUB_SEEN_MAX];
    size_t seen_n, running;
    _Atomic bool stopping;
};
struct stub_connection {
    struct stub *s;
    int fd;
};

static inline void stub_header(const char *request, const char *name, char *out, size_t cap)
{
    const char *at = strcasestr(request, name);
    out[0] = 0;
    if (!at)
        return;
    at += strlen(name);
    size_t n = strcspn(at, "\r\n");
    snprintf(out, cap, "%.*s", (int)n, at);
}

static inline void stub_send(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        p += sent;
        n -= (size_t)sent;
    }
}

static inline void stub_answer(struct stub *s, int fd, const struct stub_seen *seen)
{
    const char *path = seen->path, *range = seen->range;
    char head[1024];
    pthread_mutex_lock(&s->lock);
    struct stub_route r = {.status = 404, .body = NULL, .content_type = "application/json"};
    for (size_t i = 0; i < s->routes_n; i++)
        if (strcmp(s->routes[i].path, path) == 0) {
            r = s->routes[i];
            if (r.cuts > 0)
                s->routes[i].cuts--;
            else
                r.cut_after = 0;
        }
    pthread_mutex_unlock(&s->lock);
    if (r.needs && strcmp(r.needs, seen->authorization) != 0)
        r.status = 401;
    size_t from = 0;
    unsigned long long start;
    if (range[0] && !r.no_ranges && sscanf(range, "bytes=%llu-", &start) == 1 && start <= r.n)
        from = (size_t)start;
    int status = r.status ? r.status : from ? 206 : 200;
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nContent-Type: %s\r\n%s%s%s%sConnection: "
        "close\r\n\r\n",
        status, r.n - from, r.content_type ? r.content_type : "application/octet-stream",
        r.location ? "Location: " : "", r.location ? r.location : "", r.location ? "\r\n" : "",
        status == 401 ? "WWW-Authenticate: Basic realm=\"x\"\r\n" : "");
    stub_send(fd, head, (size_t)n);
    size_t end = r.cut_after && r.cut_after > from && r.cut_after < r.n ? r.cut_after : r.n;
    if (r.slow)
        usleep(200000);
    if (r.body && strcmp(seen->method, "HEAD") != 0)
        stub_send(fd, r.body + from, end - from);
}

static inline void *stub_connection_main(void *arg)
{
    struct stub_connection *c = arg;
    char request[8192];
    struct stub_seen now = {.path = ""};
    size_t n = 0;
    while (n + 1 < sizeof request) {
        ssize_t got = recv(c->fd, request + n, sizeof request - n - 1, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        request[n] = 0;
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    if (n > 0 && sscanf(request, "%7s %511s", now.method, now.path) == 2) {
        stub_header(request, "\nAuthorization: ", now.authorization, sizeof now.authorization);
        stub_header(request, "\nHost: ", now.host, sizeof now.host);
        stub_header(request, "\nRange: ", now.range, sizeof now.range);
        pthread_mutex_lock(&c->s->lock);
        c->s->seen[c->s->seen_n++ % STUB_SEEN_MAX] = now;
        pthread_mutex_unlock(&c->s->lock);
        stub_answer(c->s, c->fd, &now);
    }
    shutdown(c->fd, SHUT_RDWR);
    close(c->fd);
    pthread_mutex_lock(&c->s->lock);
    c->s->running--;
    pthread_mutex_unlock(&c->s->lock);
    free(c);
    return NULL;
}

static inline void *stub_main(void *arg)
{
    struct stub *s = arg;
    while (!s->stopping) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        struct stub_connection *c = SW_NEW(struct stub_connection);
        *c = (struct stub_connection){s, fd};
        pthread_t t;
        pthread_mutex_lock(&s->lock);
        s->running++;
        pthread_mutex_unlock(&s->lock);
        CHECK(pthread_create(&t, NULL, stub_connection_main, c) == 0);
        pthread_detach(t);
    }
    return NULL;
}

static inline void stub_start(struct stub *s)
{
    memset(s, 0, sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, sizeof a) == 0 &&
          listen(s->fd, 64) == 0);
    CHECK(getsockname(s->fd, (struct sockaddr *)&a, &n) == 0);
    s->port = ntohs(a.sin_port);
    snprintf(s->host_port, sizeof s->host_port, "127.0.0.1:%d", s->port);
    pthread_mutex_init(&s->lock, NULL);
    CHECK(pthread_create(&s->thread, NULL, stub_main, s) == 0);
}

static inline void stub_stop(struct stub *s)
{
    s->stopping = true;
    shutdown(s->fd, SHUT_RDWR);
    close(s->fd);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&s->lock);
        bool done = s->running == 0;
        pthread_mutex_unlock(&s->lock);
        if (done)
            break;
        usleep(5000);
    }
    for (size_t i = 0; i < s->routes_n; i++)
        free(s->routes[i].body);
    pthread_mutex_destroy(&s->lock);
}

static inline struct stub_route *stub_add(struct stub *s, const char *path, const char *type,
                                          const void *body, size_t n)
{
    pthread_mutex_lock(&s->lock);
    CHECK(s->routes_n < STUB_ROUTES_MAX);
    struct stub_route *r = &s->routes[s->routes_n++];
    memset(r, 0, sizeof *r);
    snprintf(r->path, sizeof r->path, "%s", path);
    r->content_type = type;
    r->body = sw_malloc(n + 1);
    memcpy(r->body, body, n);
    r->n = n;
    pthread_mutex_unlock(&s->lock);
    return r;
}

static inline size_t stub_count(struct stub *s, const char *part)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->seen_n && i < STUB_SEEN_MAX; i++)
        n += strstr(s->seen[i].path, part) != NULL;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* --- layers --- */

struct tar {
    struct archive *a;
    struct sw_buf out;
};

static inline la_ssize_t tar_write(struct archive *a, void *ctx, const void *p, size_t n)
{
    (void)a;
    CHECK(sw_buf_add(ctx, p, n));
    return (la_ssize_t)n;
}

static inline void tar_start(struct tar *t)
{
    memset(t, 0, sizeof *t);
    t->out.max = 1u << 30;
    t->a = archive_write_new();
    archive_write_set_format_pax_restricted(t->a);
    archive_write_set_bytes_in_last_block(t->a, 1);
    CHECK(archive_write_open(t->a, &t->out, NULL, tar_write, NULL) == ARCHIVE_OK);
}

struct tar_entry {
    const char *name;
    unsigned type; /* AE_IF... */
    unsigned mode;
    const char *data; /* content, link target */
    const char *hardlink;
    int64_t size; /* with data NULL: zeros */
    int uid, gid;
    const char *xattr, *xattr_value;
    unsigned major, minor;
    int64_t mtime;
};

static inline void tar_add(struct tar *t, const struct tar_entry *e)
{
    struct archive_entry *x = archive_entry_new();
    archive_entry_set_pathname(x, e->name);
    unsigned type = e->type ? e->type : AE_IFREG;
    size_t n = e->data && type == AE_IFREG ? strlen(e->data) : (size_t)e->size;
    archive_entry_set_filetype(x, type);
    archive_entry_set_perm(x, e->mode ? e->mode : type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_size(x, type == AE_IFREG && !e->hardlink ? (la_int64_t)n : 0);
    archive_entry_set_uid(x, e->uid);
    archive_entry_set_gid(x, e->gid);
    archive_entry_set_mtime(x, e->mtime ? e->mtime : 1600000000, 0);
    if (type == AE_IFLNK)
        archive_entry_set_symlink(x, e->data);
    if (e->hardlink)
        archive_entry_set_hardlink(x, e->hardlink);
    if (type == AE_IFCHR || type == AE_IFBLK) {
        archive_entry_set_rdevmajor(x, e->major);
        archive_entry_set_rdevminor(x, e->minor);
    }
    if (e->xattr)
        archive_entry_xattr_add_entry(x, e->xattr, e->xattr_value, strlen(e->xattr_value));
    CHECK_MSG(archive_write_header(t->a, x) >= ARCHIVE_WARN, "%s: %s", e->name,
              archive_error_string(t->a));
    if (type == AE_IFREG && !e->hardlink && n > 0) {
        char *zeros = e->data ? NULL : sw_calloc(1, n);
        CHECK(archive_write_data(t->a, e->data ? e->data : zeros, n) >= 0);
        free(zeros);
    }
    archive_entry_free(x);
}

static inline struct sw_str tar_end(struct tar *t)
{
    CHECK(archive_write_close(t->a) == ARCHIVE_OK);
    archive_write_free(t->a);
    t->a = NULL;
    return sw_buf_str(&t->out);
}

static inline void gzip_buf(struct sw_str plain, struct sw_buf *out)
{
    z_stream z = {0};
    unsigned char chunk[65536];
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)plain.p;
    z.avail_in = (uInt)plain.n;
    int r;
    do {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        r = deflate(&z, Z_FINISH);
        CHECK(r == Z_OK || r == Z_STREAM_END);
        CHECK(sw_buf_add(out, chunk, sizeof chunk - z.avail_out));
    } while (r != Z_STREAM_END);
    deflateEnd(&z);
}

/* --- images: layers (plain tars) become repo:tag; `config` is the body of the config's "config" member. */

static inline void stub_blob(struct stub *s, const char *repo, struct sw_str body,
                             char digest[DIGEST_STRING_MAX])
{
    struct digest d;
    char path[512];
    digest_of(DIGEST_SHA256, body.p, body.n, &d);
    digest_format(&d, digest);
    snprintf(path, sizeof path, "/v2/%s/blobs/%s", repo, digest);
    stub_add(s, path, "application/octet-stream", body.p, body.n);
}

static inline void stub_image(struct stub *s, const char *repo, const char *tag,
                              const struct sw_str *layers, size_t n, const char *config,
                              const char *architecture, char ret_digest[DIGEST_STRING_MAX])
{
    struct sw_buf diffs = SW_BUF_INIT(65536), list = SW_BUF_INIT(65536), doc = SW_BUF_INIT(65536);
    char digest[DIGEST_STRING_MAX], path[512];
    for (size_t i = 0; i < n; i++) {
        struct sw_buf gz = SW_BUF_INIT(1u << 30);
        struct digest d;
        digest_of(DIGEST_SHA256, layers[i].p, layers[i].n, &d);
        digest_format(&d, digest);
        sw_buf_addf(&diffs, "%s\"%s\"", i ? "," : "", digest);
        gzip_buf(layers[i], &gz);
        stub_blob(s, repo, sw_buf_str(&gz), digest);
        sw_buf_addf(&list,
                    "%s{\"mediaType\":\"application/"
                    "vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%s\",\"size\":%zu}",
                    i ? "," : "", digest, gz.n);
        sw_buf_done(&gz);
    }
    sw_buf_addf(&doc,
                "{\"os\":\"linux\",\"architecture\":\"%s\",\"config\":%s,\"rootfs\":{\"type\":"
                "\"layers\",\"diff_ids\":[%s]}}",
                architecture, config, sw_buf_str(&diffs).p);
    stub_blob(s, repo, sw_buf_str(&doc), digest);
    struct sw_buf manifest = SW_BUF_INIT(65536);
    sw_buf_addf(&manifest,
                "{\"schemaVersion\":2,\"mediaType\":\"application/"
                "vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
                "\"application/"
                "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
                digest, doc.n, sw_buf_str(&list).p);
    struct digest d;
    digest_of(DIGEST_SHA256, manifest.p, manifest.n, &d);
    digest_format(&d, ret_digest);
    snprintf(path, sizeof path, "/v2/%s/manifests/%s", repo, tag);
    stub_add(s, path, "application/vnd.oci.image.manifest.v1+json", manifest.p, manifest.n);
    snprintf(path, sizeof path, "/v2/%s/manifests/%s", repo, ret_digest);
    stub_add(s, path, "application/vnd.oci.image.manifest.v1+json", manifest.p, manifest.n);
    sw_buf_done(&manifest);
    sw_buf_done(&diffs);
    sw_buf_done(&list);
    sw_buf_done(&doc);
}
