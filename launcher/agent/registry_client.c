/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/registry_client.c - OCI distribution-spec "Pull"; RFC 9110 15.4 (redirects), 14 (ranges). */
#include "launcher/agent/registry_client.h"

#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"
#include "launcher/agent/registry_auth.h"

#define REASON            "CannotPullContainerError"
#define AUTHORIZATION_MAX (REGISTRY_TOKEN_MAX + 16)

struct registry_client {
    struct httpc *http;
    struct registry_auth *auth;
    struct registry_client_options o;
};

struct registry_client *registry_client_new(const struct registry_client_options *o)
{
    struct registry_client *c = SW_NEW(struct registry_client);
    c->o = *o;
    c->http =
        httpc_new(&(struct httpc_options){.ca_file = o->ca_file, .user_agent = "slipway-agent"});
    c->auth = registry_auth_new(c->http);
    return c;
}

void registry_client_free(struct registry_client *c)
{
    if (!c)
        return;
    registry_auth_free(c->auth);
    httpc_free(c->http);
    free(c);
}

int registry_url_parse(const char *url, struct registry_url *ret, struct sw_err *err)
{
    struct registry_url u = {0};
    struct sw_str s = sw_str(url);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '\\')
            return sw_fail(err, SW_EINVALID, REASON,
                           "the registry redirects to an address that is not valid");
    if (sw_str_starts_with(s, "https://"))
        u.tls = true;
    else if (!sw_str_starts_with(s, "http://"))
        return sw_fail(err, SW_EINVALID, REASON,
                       "the registry redirects to something that is not HTTP");
    s = sw_str_slice(s, u.tls ? 8 : 7, s.n);
    size_t n = 0;
    while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
        n++;
    struct sw_str host = sw_str_slice(s, 0, n), path = sw_str_slice(s, n, s.n);
    const char *fragment = memchr(path.p, '#', path.n);
    if (fragment)
        path.n = (size_t)(fragment - path.p);
    if (host.n == 0 || memchr(host.p, '@', host.n) ||
        !sw_str_copy(host, u.host_port, sizeof u.host_port))
        return sw_fail(err, SW_EINVALID, REASON,
                       "the registry redirects to an address that is not valid");
    const char *slash = path.n == 0 || path.p[0] != '/' ? "/" : "";
    if (path.n + 2 > sizeof u.path)
        return sw_fail(err, SW_ELIMIT, REASON,
                       "the registry redirects to an address that is too long");
    snprintf(u.path, sizeof u.path, "%s" SW_STR_FMT, slash, SW_STR_ARG(path));
    *ret = u;
    return 0;
}

int registry_redirect(const struct registry_url *from, const char *location,
                      struct registry_url *ret, struct sw_err *err)
{
    char full[sizeof from->path + 400];
    if (location[0] == '/' && location[1] != '/') {
        if (strlen(location) >= sizeof from->path)
            return sw_fail(err, SW_ELIMIT, REASON,
                           "the registry redirects to an address that is too long");
        snprintf(full, sizeof full, "http%s://%s%s", from->tls ? "s" : "", from->host_port,
                 location);
        location = full;
    }
    struct registry_url to;
    if (registry_url_parse(location, &to, err) < 0)
        return err->code;
    if (from->tls && !to.tls)
        return sw_fail(err, SW_EINVALID, REASON, "the registry redirects from https to http, to %s",
                       to.host_port);
    *ret = to;
    return 0;
}

static bool same_host(const struct registry_url *u, const struct image_reference *ref)
{
    return u->tls == ref->tls && strcasecmp(u->host_port, ref->host_port) == 0;
}

/* The first error's text of an OCI error body, or "". */
static void message_of(const struct httpc_response *r, char *out, size_t cap)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *j = NULL;
    out[0] = 0;
    if (sw_json_load(sw_buf_str(&r->body), 16, 1000, NULL, &j, &ignored) < 0)
        return;
    const json_t *first = json_array_get(sw_json_array(j, "errors"), 0);
    snprintf(out, cap, "%.60s: %.200s", sw_json_str(first, "code", ""),
             sw_json_str(first, "message", ""));
}

static int status_error(const struct registry_get *g, const struct httpc_response *r,
                        struct sw_err *err)
{
    char text[300];
    message_of(r, text, sizeof text);
    const char *repo = g->ref->repository;
    switch (r->status) {
    case 401:
    case 403:
        return sw_fail(err, SW_EDENIED, g->ref->ours ? "CannotPullECRContainerError" : REASON,
                       "pull access denied for %s/%s (HTTP %d) %s", g->ref->host_port, repo,
                       r->status, text);
    case 404:
        return sw_fail(err, SW_ENOTFOUND, REASON, "%s/%s:%s not found %s", g->ref->host_port, repo,
                       g->name, text);
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return sw_fail(err, SW_EUNAVAILABLE, REASON, "%s answers HTTP %d %s", g->ref->host_port,
                       r->status, text);
    default:
        return sw_fail(err, SW_EIO, REASON, "%s answers HTTP %d %s", g->ref->host_port, r->status,
                       text);
    }
}

/* What is sent at first, "" for nothing. *ret_ours: credentials of ours, which a refusal does not make better. */
static int authorization_of(struct registry_client *c, const struct registry_get *g, char *out,
                            size_t cap, bool *ret_ours, struct sw_err *err)
{
    const struct image_reference *ref = g->ref;
    out[0] = 0;
    *ret_ours = true;
    if (!ref->credentials && ref->ours && ref->authorization)
        snprintf(out, cap, "%s", ref->authorization);
    else if (!ref->credentials && c->o.authorization &&
             c->o.authorization(c->o.ctx, ref->host_port, out, cap, err) < 0)
        return sw_prefix(err, "credentials for %s", ref->host_port);
    *ret_ours = out[0] != 0;
    sw_autofree char *known = *ret_ours ? NULL : registry_auth_known(c->auth, ref);
    if (known)
        snprintf(out, cap, "%s", known);
    return 0;
}

static int send_request(struct registry_client *c, const struct registry_get *g,
                        const struct registry_url *u, const char *authorization,
                        struct httpc_response *ret, struct sw_err *err)
{
    char range[64];
    struct httpc_header headers[4];
    size_t n = 0;
    if (authorization[0])
        headers[n++] = (struct httpc_header){"Authorization", authorization};
    if (same_host(u, g->ref) && g->ref->host_header[0])
        headers[n++] = (struct httpc_header){"Host", g->ref->host_header};
    if (g->accept)
        headers[n++] = (struct httpc_header){"Accept", g->accept};
    if (g->offset > 0) {
        snprintf(range, sizeof range, "bytes=%lld-", (long long)g->offset);
        headers[n++] = (struct httpc_header){"Range", range};
    }
    sw_autofree char *url = sw_asprintf("http%s://%s%s", u->tls ? "s" : "", u->host_port, u->path);
    struct httpc_request req = {.method = g->head ? "HEAD" : "GET",
                                .url = url,
                                .headers = headers,
                                .headers_n = n,
                                .sink = g->sink,
                                .sink_ctx = g->sink_ctx,
                                .sink_status = g->offset > 0 ? 206 : 0,
                                .body_max = g->sink ? 64 * 1024 : g->body_max,
                                .cancelled = g->cancelled};
    if (httpc_perform(c->http, &req, ret, err) < 0) {
        if (!err->reason)
            err->reason = REASON;
        return err->code;
    }
    return 0;
}

static int one_request(struct registry_client *c, const struct registry_get *g,
                       const struct registry_url *u, struct httpc_response *ret, struct sw_err *err)
{
    sw_autofree char *authorization = sw_calloc(1, AUTHORIZATION_MAX);
    sw_autofree char *other = NULL;
    bool own = same_host(u, g->ref), ours = true;
    if ((own && authorization_of(c, g, authorization, AUTHORIZATION_MAX, &ours, err) < 0) ||
        send_request(c, g, u, authorization, ret, err) < 0)
        return err->code;
    if (ret->status != 401 || ours)
        return 0;
    int r = registry_auth_answer(c->auth, g->ref, ret, g->cancelled, &other, err);
    if (r <= 0)
        return r;
    httpc_response_done(ret);
    *ret = (struct httpc_response){0};
    return send_request(c, g, u, other, ret, err);
}

int registry_get(struct registry_client *c, const struct registry_get *g,
                 struct httpc_response *ret, struct sw_err *err)
{
    struct registry_url u = {.tls = g->ref->tls};
    snprintf(u.host_port, sizeof u.host_port, "%s", g->ref->host_port);
    snprintf(u.path, sizeof u.path, "/v2/%s/%s/%s", g->ref->repository, g->kind, g->name);
    for (int hops = 0;; hops++) {
        struct httpc_response r = {0};
        char location[4096];
        if (one_request(c, g, &u, &r, err) < 0) {
            httpc_response_done(&r);
            return err->code;
        }
        bool redirect = r.status == 301 || r.status == 302 || r.status == 303 || r.status == 307 ||
                        r.status == 308;
        if (redirect && httpc_header(&r, "Location", location, sizeof location)) {
            httpc_response_done(&r);
            if (hops == REGISTRY_REDIRECTS_MAX)
                return sw_fail(err, SW_EIO, REASON, "%s redirects more than %d times",
                               g->ref->host_port, REGISTRY_REDIRECTS_MAX);
            struct registry_url next;
            if (registry_redirect(&u, location, &next, err) < 0)
                return err->code;
            u = next;
            continue;
        }
        if (r.status / 100 == 2 && (g->offset <= 0 || r.status == 206)) {
            *ret = r;
            return 0;
        }
        if (r.status / 100 == 2)
            (void)sw_fail(err, SW_EUNSUPPORTED, REASON, "%s does not serve ranges", u.host_port);
        else
            (void)status_error(g, &r, err);
        httpc_response_done(&r);
        return err->code;
    }
}
