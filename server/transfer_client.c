/* SPDX-License-Identifier: Apache-2.0 */
/* server/transfer_client.c - requests of distribution-spec "spec.md", pull and push. */
#include "server/transfer_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "registry/core/reference.h"
#include "server/local_image.h"

#define ACCEPT                                                                      \
    MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST                                         \
                    ", application/vnd.docker.distribution.manifest.list.v2+json, " \
                    "application/vnd.docker.distribution.manifest.v2+json"
#define REQUEST_TIMEOUT_MS 60000
#define LOCATION_MAX       4096

int transfer_reference_parse(const char *text, struct transfer_reference *ret, struct sw_err *err)
{
    *ret = (struct transfer_reference){0};
    struct sw_str rest = sw_str(text), host, name;
    if (!sw_str_split(&rest, '/', &host) || !rest.p ||
        !sw_str_copy(host, ret->host_port, sizeof(ret->host_port)))
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is not HOST:PORT/REPO:TAG", text);
    struct sw_str digest = rest, tag;
    struct digest d;
    (void)sw_str_split(&digest, '@', &tag); /* REPO[:TAG] */
    (void)sw_str_split(&tag, ':', &name);
    if (digest.p && !digest_parse(digest, &d))
        return sw_fail(err, SW_EINVALID, NULL, "'%s' is not a digest", digest.p);
    if (tag.p && (!tag_valid(tag) || !sw_str_copy(tag, ret->tag, sizeof(ret->tag))))
        return sw_fail(err, SW_EINVALID, NULL, "'%s': '" SW_STR_FMT "' is not a tag", text,
                       SW_STR_ARG(tag));
    if (!repo_name_valid(name) || !sw_str_copy(name, ret->repository, sizeof(ret->repository)))
        return sw_fail(err, SW_EINVALID, NULL, "'%s': '" SW_STR_FMT "' is not a repository name",
                       text, SW_STR_ARG(name));
    if (digest.p) { /* as docker does: with a digest, the tag is only a remark */
        digest_format(&d, ret->digest);
        ret->tag[0] = '\0';
    } else if (!tag.p) {
        (void)sw_str_copy(SW_STR("latest"), ret->tag, sizeof(ret->tag));
    }
    return 0;
}

int transfer_client_open(struct client *c, const struct transfer_reference *ref,
                         struct transfer_client *ret, struct sw_err *err)
{
    char password[TOKEN_MAX], plain[TOKEN_MAX + 8], encoded[SW_BASE64_LEN(sizeof(plain)) + 1];
    *ret = (struct transfer_client){.http = c->http};
    if (!sw_streq(c->host_port, ref->host_port))
        return sw_fail(err, SW_EINVALID, NULL,
                       "%s is not the server at %s; name it with --endpoint", ref->host_port,
                       c->endpoint);
    int r = client_registry_password(c, password, NULL, err);
    if (r < 0)
        return r;
    int n = snprintf(plain, sizeof(plain), "AWS:%s", password);
    sw_base64(plain, (size_t)n, encoded);
    ret->authorization = sw_asprintf("Basic %s", encoded);
    ret->base = sw_strdup(c->endpoint);
    ret->repository = sw_strdup(ref->repository);
    return 0;
}

void transfer_client_close(struct transfer_client *r)
{
    free(r->base);
    free(r->repository);
    free(r->authorization);
    *r = (struct transfer_client){0};
}

/* The registry's own words: code and message of the first error. */
static int refused(const struct httpc_response *res, const char *what, struct sw_err *err)
{
    sw_autojson json_t *body = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    (void)sw_json_load(sw_buf_str(&res->body), LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, NULL, &body,
                       &ignored);
    const json_t *first = json_array_get(sw_json_array(body, "errors"), 0);
    int code = res->status == 404                         ? SW_ENOTFOUND
               : res->status == 401 || res->status == 403 ? SW_EDENIED
                                                          : SW_EINVALID;
    if (res->status >= 500)
        code = SW_EUNAVAILABLE;
    if (!first)
        return sw_fail(err, code, NULL, "%s: the registry answered %d", what, res->status);
    return sw_fail(err, code, NULL, "%s: %d %s: %s", what, res->status,
                   sw_json_str(first, "code", ""), sw_json_str(first, "message", ""));
}

static int perform(struct transfer_client *r, struct httpc_request *request, const char *header,
                   const char *value, struct httpc_response *res, struct sw_err *err)
{
    struct httpc_header headers[] = {{"Authorization", r->authorization}, {header, value}};
    request->headers = headers;
    request->headers_n = header ? 2 : 1;
    request->cancelled = r->cancelled;
    return httpc_perform(r->http, request, res, err);
}

int transfer_client_has_blob(struct transfer_client *r, const struct digest *d, struct sw_err *err)
{
    char text[DIGEST_STRING_MAX];
    digest_format(d, text);
    sw_autofree char *url = sw_asprintf("%s/v2/%s/blobs/%s", r->base, r->repository, text);
    struct httpc_request request = {.method = "HEAD", .url = url, .timeout_ms = REQUEST_TIMEOUT_MS};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int rc = perform(r, &request, NULL, NULL, &res, err);
    if (rc < 0)
        return rc;
    if (res.status == 200 || res.status == 404)
        return res.status == 200;
    return refused(&res, "looking for a blob", err);
}

/* Absolute URL of an upload with the digest added; only on our own registry. */
static int upload_url(const struct transfer_client *r, const struct httpc_response *res,
                      const char *digest, char **ret, struct sw_err *err)
{
    char location[LOCATION_MAX];
    if (!httpc_header(res, "Location", location, sizeof(location)))
        return sw_fail(err, SW_EINVALID, NULL, "the registry gave no Location for the upload");
    size_t n = strlen(r->base);
    const char *path = location;
    if (strncmp(location, r->base, n) == 0)
        path = location + n;
    if (path[0] != '/' || path[1] == '/')
        return sw_fail(err, SW_EDENIED, NULL, "the registry sends the upload elsewhere: %s",
                       location);
    SW_CLEANUP(sw_buf_done) struct sw_buf url = SW_BUF_INIT(LOCATION_MAX * 2);
    sw_buf_addf(&url, "%s%s%cdigest=", r->base, path, strchr(path, '?') ? '&' : '?');
    sw_buf_add_uri(&url, sw_str(digest), false);
    *ret = sw_buf_take(&url);
    return 0;
}

struct file_source {
    struct transfer_client *client;
    int fd;
    uint64_t done, total;
};

static int64_t read_file(void *ctx, void *out, size_t cap, struct sw_err *err)
{
    struct file_source *s = ctx;
    ssize_t n = read(s->fd, out, cap);
    if (n < 0)
        return sw_fail_os(err, errno, "reading a layer");
    s->done += (uint64_t)n;
    if (s->client->progress)
        s->client->progress(s->client->progress_ctx, s->done, s->total);
    return n;
}

static int start_upload(struct transfer_client *r, const char *digest, char **ret_url,
                        struct sw_err *err)
{
    sw_autofree char *url = sw_asprintf("%s/v2/%s/blobs/uploads/", r->base, r->repository);
    struct httpc_request request = {.method = "POST", .url = url, .timeout_ms = REQUEST_TIMEOUT_MS};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int rc = perform(r, &request, NULL, NULL, &res, err);
    if (rc < 0)
        return rc;
    return res.status == 202 ? upload_url(r, &res, digest, ret_url, err)
                             : refused(&res, "starting an upload", err);
}

int transfer_client_put_blob(struct transfer_client *r, const struct digest *d, const char *path,
                             uint64_t size, struct sw_err *err)
{
    char text[DIGEST_STRING_MAX];
    digest_format(d, text);
    sw_autofree char *url = NULL;
    sw_autoclose int fd = -1;
    int rc = sw_open(path, O_RDONLY, 0, &fd, err);
    if (rc == 0)
        rc = start_upload(r, text, &url, err);
    if (rc < 0)
        return rc;
    struct file_source source = {.client = r, .fd = fd, .total = size};
    struct httpc_request request = {.method = "PUT",
                                    .url = url,
                                    .source = read_file,
                                    .source_ctx = &source,
                                    .source_size = (int64_t)size};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    rc = perform(r, &request, "Content-Type", "application/octet-stream", &res, err);
    if (rc < 0)
        return rc;
    return res.status == 201 ? 0 : refused(&res, "uploading a blob", err);
}

int transfer_client_put_manifest(struct transfer_client *r, const char *reference,
                                 const char *media_type, struct sw_str content, struct sw_err *err)
{
    sw_autofree char *url = sw_asprintf("%s/v2/%s/manifests/%s", r->base, r->repository, reference);
    struct httpc_request request = {
        .method = "PUT", .url = url, .body = content, .timeout_ms = REQUEST_TIMEOUT_MS};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int rc = perform(r, &request, "Content-Type", media_type, &res, err);
    if (rc < 0)
        return rc;
    return res.status == 201 ? 0 : refused(&res, "pushing a manifest", err);
}

int transfer_client_get_manifest(struct transfer_client *r, const char *reference,
                                 struct sw_buf *ret, char *ret_media_type, struct sw_err *err)
{
    sw_autofree char *url = sw_asprintf("%s/v2/%s/manifests/%s", r->base, r->repository, reference);
    struct httpc_request request = {
        .method = "GET", .url = url, .body_max = LIMIT_MANIFEST, .timeout_ms = REQUEST_TIMEOUT_MS};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int rc = perform(r, &request, "Accept", ACCEPT, &res, err);
    if (rc < 0)
        return rc;
    if (res.status != 200)
        return refused(&res, "reading a manifest", err);
    struct digest expect, actual;
    if (digest_parse(sw_str(reference), &expect)) {
        digest_of(expect.algorithm, res.body.p, res.body.n, &actual);
        if (!digest_equal(&expect, &actual))
            return sw_fail(err, SW_EMISMATCH, NULL, "%s: the registry sent something else",
                           reference);
    }
    if (!httpc_header(&res, "Content-Type", ret_media_type, 256))
        return sw_fail(err, SW_EINVALID, NULL, "%s: the registry names no media type", reference);
    return sw_buf_add_str(ret, sw_buf_str(&res.body))
               ? 0
               : sw_fail(err, SW_ELIMIT, NULL, "manifest too large");
}

struct blob_sink {
    struct transfer_client *client;
    struct digest_hasher *hasher;
    uint64_t done, total;
    httpc_sink_fn sink;
    void *ctx;
};

static int take_bytes(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    struct blob_sink *s = ctx;
    digest_hasher_update(s->hasher, data, n);
    s->done += n;
    if (s->done > s->total)
        return sw_fail(err, SW_EMISMATCH, NULL, "the registry sends more than the descriptor says");
    if (s->client->progress)
        s->client->progress(s->client->progress_ctx, s->done, s->total);
    return s->sink(s->ctx, data, n, err);
}

static int download(struct transfer_client *r, const struct digest *d, struct blob_sink *sink,
                    struct sw_err *err)
{
    char text[DIGEST_STRING_MAX];
    digest_format(d, text);
    sw_autofree char *url = sw_asprintf("%s/v2/%s/blobs/%s", r->base, r->repository, text);
    struct httpc_request request = {
        .method = "GET", .url = url, .sink = take_bytes, .sink_ctx = sink};
    SW_CLEANUP(httpc_response_done) struct httpc_response res = {0};
    int rc = perform(r, &request, NULL, NULL, &res, err);
    if (rc < 0)
        return rc;
    if (res.status != 200)
        return refused(&res, "reading a blob", err);
    struct digest actual;
    digest_hasher_peek(sink->hasher, &actual);
    if (!digest_equal(&actual, d) || sink->done != sink->total)
        return sw_fail(err, SW_EMISMATCH, NULL, "%s: the registry sent something else", text);
    return 0;
}

int transfer_client_stream_blob(struct transfer_client *r, const struct digest *d, uint64_t size,
                                httpc_sink_fn sink, void *ctx, struct sw_err *err)
{
    struct blob_sink s = {.client = r,
                          .hasher = digest_hasher_new(d->algorithm),
                          .total = size,
                          .sink = sink,
                          .ctx = ctx};
    int rc = download(r, d, &s, err);
    digest_hasher_free(s.hasher);
    return rc;
}

static int write_file(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    return sw_write_all(*(const int *)ctx, data, n, err);
}

int transfer_client_get_blob(struct transfer_client *r, const struct digest *d, uint64_t size,
                             const char *path, struct sw_err *err)
{
    sw_autoclose int fd = -1;
    int rc = sw_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd, err);
    if (rc < 0)
        return rc;
    rc = transfer_client_stream_blob(r, d, size, write_file, &fd, err);
    if (rc < 0)
        (void)unlink(path);
    return rc;
}
