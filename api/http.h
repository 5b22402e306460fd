/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/http.h - a request, a response, and the service interface between them. No sockets: handlers are tested by
 * constructing struct http_req. Only api/mhd.c knows the HTTP library.
 *
 * Life of an exchange:
 *   begin()  headers are read; on a network thread, must not block. Routes, authenticates, authorizes. Either fills a plan
 *            (HTTP_GO) or an answer (HTTP_ANSWER): an upload that is refused here is not read.
 *   body()   for HTTP_BODY_STREAM: each piece as it arrives, on a network thread. An error is kept and becomes the answer.
 *   run()    when the body is complete: on a worker thread, which may block; on the network thread when plan.run_inline.
 *   free()   always, exactly once, whatever happened (the peer may vanish at any time); see plan.free_may_wait.
 * Threads: one exchange is handled by one thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/principal.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER,
    HTTP_METHOD_MAX_
};
const char *http_method_to_string(enum http_method m);
enum http_method http_method_from_string(const char *s);

struct http_header {
    const char *name, *value;
};

struct http_exchange; /* api/mhd.c's; NULL in unit tests */

#define HTTP_RESOURCE_MAX  480
#define HTTP_REFERENCE_MAX 800
#define HTTP_WHY_MAX       400

/* What the service asked about a request and what it was told, for the audit log. */
struct http_audit {
    const char
        *action; /* static, "ecr:PutImage": the first that was asked, or the one that was denied */
    const char *
        also; /* static: another one that was allowed too, such as creating the repository of a push */
    char resource[HTTP_RESOURCE_MAX];   /* ARN of `action` */
    char reference[HTTP_REFERENCE_MAX]; /* what of the resource: tags, digests */
    bool denied;
    char why[HTTP_WHY_MAX]; /* of a denial */
};

struct http_req {
    enum http_method method;
    const char *path;  /* as received, still percent-encoded, without the query */
    const char *query; /* as received without '?'; "" when there is none */
    const struct http_header *headers;
    size_t headers_n;
    int64_t content_length; /* -1: not announced (chunked) */
    bool has_body;
    bool secure;
    char peer_ip[46];
    char id[37]; /* request id, also sent as x-amzn-RequestId and X-Request-Id */
    int64_t started_at_us;
    struct sw_buf body; /* HTTP_BODY_BUFFERED: complete when run() is called */
    /* Filled by the service, for the access log. */
    struct principal principal;
    const char *route; /* static name; never taken from what a peer sent */
    struct http_audit audit;
    struct http_exchange *exchange;
};

/* Notes for the audit log; whoever asks may() says so here. static_action lives for ever. A denial replaces what was allowed
 * before. static_action NULL: the caller was not believed, so nothing could be asked; a failure of ours is no denial. */
void http_audit_allowed(struct http_req *r, const char *static_action, const char *resource);
void http_audit_denied(struct http_req *r, const char *static_action, const char *resource,
                       const struct sw_err *err);
/* What a denial is explained with to those who read the log: the statement instead of the caller's sentence. Nothing when there was no
 * denial. */
void http_audit_explain(struct http_req *r, const char *text);
/* Appends after a blank; from the first that does not fit on, "..." stands for the rest. NULL and "" add nothing. */
void http_audit_reference(struct http_req *r, const char *reference);

/* First header of that name (any case), or NULL. */
const char *http_req_header(const struct http_req *r, const char *name);
/* The peer is this machine and does not say that it forwards for somebody: a proxy on this machine makes everybody look local, but
 * most say for whom they ask. */
bool http_req_is_local(const struct http_req *r);
/* Calls for each header of that name, in order; for lists spread over several lines. */
size_t http_req_headers(const struct http_req *r, const char *name, const char **out, size_t cap);
/* Decoded value of the first query parameter of that name. 1 found, 0 absent, SW_EINVALID on a bad escape or no room. */
int http_req_query(const struct http_req *r, const char *name, char *out, size_t cap,
                   struct sw_err *err);
/* The same for the index-th occurrence of the name. */
int http_req_query_at(const struct http_req *r, const char *name, size_t index, char *out,
                      size_t cap, struct sw_err *err);

#define HTTP_RES_HEADERS_MAX 32

enum http_res_body {
    HTTP_RES_EMPTY,
    HTTP_RES_BYTES,
    HTTP_RES_FILE,
    HTTP_RES_UPGRADE,
    HTTP_RES_STREAM
};

/* A connection that left HTTP by a 101. fd carries bytes both ways (TLS, if any, is the library's affair) until
 * http_upgraded_close, which also closes fd; the exchange lives until then. early: what the peer sent behind its request. */
struct http_upgraded;
typedef void (*http_upgrade_fn)(void *ctx, struct http_upgraded *u, int fd, const void *early,
                                size_t early_n);
void http_upgraded_close(struct http_upgraded *u);

/* A body that comes bit by bit, for as long as both sides like, in chunks. Whoever makes it writes from any thread; the connection
 * waits in between without a thread. */
struct http_stream;
struct http_stream *http_stream_new(size_t waiting_max);
/* All of it or nothing. SW_EUNAVAILABLE: the peer or the server has gone. SW_ELIMIT: more than waiting_max would wait for the peer. */
int http_stream_write(struct http_stream *s, const void *data, size_t n, struct sw_err *err);
void http_stream_end(
    struct http_stream *s); /* what was written is sent; s is not the caller's any more */

/* For api/mhd.c, and tests in its place. */
struct http_stream_reader {
    void (*sleep)(
        void *
            ctx); /* with the stream's lock held: nothing to send, until wake; both must not block */
    void (*wake)(void *ctx);
    void *ctx;
};
void http_stream_ref(struct http_stream *s);
/* 0: the reader sleeps; -1: the end. */
ssize_t http_stream_read(struct http_stream *s, void *out, size_t max,
                         const struct http_stream_reader *reader);
void http_stream_close(struct http_stream *s); /* nothing more is sent; wakes */
void http_stream_unref(struct http_stream *s); /* of a reader, which has gone */

struct http_res {
    int status;
    struct http_res_header {
        const char *name; /* static */
        char *value;      /* owned */
    } headers[HTTP_RES_HEADERS_MAX];
    size_t headers_n;
    enum http_res_body kind;
    const void *bytes;
    size_t bytes_n;
    void (*bytes_free)(void *ctx);
    void *bytes_ctx;
    int fd; /* owned when kind is HTTP_RES_FILE */
    uint64_t offset, length;
    int64_t head_length; /* >= 0: Content-Length of the answer to a HEAD that carries no bytes */
    bool close;          /* close the connection afterwards */
    http_upgrade_fn
        upgrade; /* HTTP_RES_UPGRADE: called once on a network thread, or never; must not block */
    void *upgrade_ctx;
    struct http_stream *stream; /* HTTP_RES_STREAM: a reference */
};

void http_res_init(struct http_res *r); /* 200, empty */
void http_res_done(struct http_res *r);
void http_res_set(struct http_res *r, const char *static_name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *http_res_get(const struct http_res *r, const char *name); /* borrowed or NULL */
void http_res_copy(struct http_res *r, const void *data, size_t n);   /* body: a copy */
void http_res_take(struct http_res *r, struct sw_buf *b);             /* body: takes the content */
void http_res_borrow(struct http_res *r, const void *data, size_t n, void (*release)(void *ctx),
                     void *ctx);
void http_res_file(struct http_res *r, int fd, uint64_t offset, uint64_t length); /* takes fd */

void http_res_stream(struct http_res *r,
                     struct http_stream *s); /* takes a reference, by http_stream_ref */
void http_res_upgrade(struct http_res *r, http_upgrade_fn fn, void *ctx); /* 101 */

enum http_body_mode { HTTP_BODY_NONE, HTTP_BODY_BUFFERED, HTTP_BODY_STREAM };
enum http_begin { HTTP_GO, HTTP_ANSWER };
enum http_run { HTTP_DONE, HTTP_DEFERRED };

struct http_plan {
    enum http_body_mode mode;
    uint64_t body_max; /* beyond it: `too_large` is asked for the answer, 413 by default */
    int (*body)(void *state, const void *data, size_t n, struct sw_err *err);
    /* err->code != 0 when body() failed before: the handler then only writes the answer. */
    enum http_run (*run)(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err);
    bool run_inline; /* run() never blocks: keep it on the network thread */
    void (*free)(void *state);
    /* free() waits for the disk when the request was cut off: then it runs on a worker, some time after the request is gone. */
    bool free_may_wait;
    void *state;
};

struct http_service {
    const char *name;
    /* True if this service takes the request; asked in order, the first wins. Cheap. */
    bool (*match)(void *ctx, const struct http_req *req);
    enum http_begin (*begin)(void *ctx, struct http_req *req, struct http_plan *ret_plan,
                             struct http_res *res);
    /* Writes the service's own form of an error (413, 404, 431 ...). */
    void (*error)(void *ctx, const struct http_req *req, const struct sw_err *err,
                  struct http_res *res);
    void *ctx;
};

/* Deferred answers (long polls). run() calls http_defer and returns HTTP_DEFERRED; whoever holds the ticket calls
 * http_complete once, from any thread. After shutdown began http_defer returns NULL: answer at once instead. */
struct http_ticket;
struct http_ticket *http_defer(struct http_req *req);
void http_complete(struct http_ticket *t,
                   struct http_res *res); /* takes res's content; frees the ticket */
