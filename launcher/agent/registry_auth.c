/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/registry_auth.c - RFC 9110 11.6.1 (WWW-Authenticate); "Token Authentication Specification" of distribution.
 * Invariant: what is kept belongs to one registry, one repository and one set of credentials. */
#include "launcher/agent/registry_auth.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/agent/registry_client.h"

#define REASON           "CannotPullContainerError"
#define KEPT_MAX         64
#define EXPIRES_S        60 /* when the token service does not say */
#define EXPIRES_MAX_S    3600
#define EXPIRES_EARLY_S  5
#define TOKEN_TIMEOUT_MS 30000

struct kept {
    struct digest of;
    char *header; /* NULL: free */
    int64_t until_ms;
};
struct registry_auth {
    struct httpc *http;
    pthread_mutex_t lock;
    struct kept kept[KEPT_MAX];
    size_t next; /* to be replaced when all are taken */
};

struct registry_auth *registry_auth_new(struct httpc *borrowed)
{
    struct registry_auth *a = SW_NEW(struct registry_auth);
    a->http = borrowed;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void forget(struct kept *k)
{
    if (k->header)
        explicit_bzero(k->header, strlen(k->header));
    free(k->header);
    *k = (struct kept){.header = NULL};
}

void registry_auth_free(struct registry_auth *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        forget(&a->kept[i]);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* --- challenges --- */

static struct sw_str spaces_off(struct sw_str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == ','))
        s = sw_str_slice(s, 1, s.n);
    return s;
}

/* name=value or name="value" at the beginning of *s; false: it does not begin with one. */
static bool parameter(struct sw_str *s, struct sw_str *ret_name, char *value, size_t cap)
{
    size_t n = 0, out = 0;
    while (n < s->n && s->p[n] != '=' && s->p[n] != ' ' && s->p[n] != ',')
        n++;
    if (n == 0 || n >= s->n || s->p[n] != '=')
        return false;
    *ret_name = sw_str_slice(*s, 0, n++);
    bool quoted = n < s->n && s->p[n] == '"';
    for (n += quoted; n < s->n; n++) {
        if (quoted ? s->p[n] == '"' : s->p[n] == ',' || s->p[n] == ' ')
            break;
        if (quoted && s->p[n] == '\\' && n + 1 < s->n)
            n++;
        if (out + 1 < cap)
            value[out++] = s->p[n];
        else
            return false;
    }
    value[out] = 0;
    *s = spaces_off(sw_str_slice(*s, SW_MIN(n + quoted, s->n), s->n));
    return true;
}

static bool is_name(struct sw_str s, const char *name)
{
    return s.n == strlen(name) && strncasecmp(s.p, name, s.n) == 0;
}

/* One line; what begins another challenge in it ends this one. */
static void parse_line(struct sw_str line, struct registry_challenge *ret)
{
    struct registry_challenge c = {.scheme = CHALLENGE_NONE};
    struct sw_str rest = spaces_off(line), scheme, name;
    char value[sizeof c.realm];
    size_t n = 0;
    while (n < rest.n && rest.p[n] != ' ')
        n++;
    scheme = sw_str_slice(rest, 0, n);
    rest = spaces_off(sw_str_slice(rest, n, rest.n));
    if (is_name(scheme, "Basic"))
        c.scheme = CHALLENGE_BASIC;
    else if (is_name(scheme, "Bearer"))
        c.scheme = CHALLENGE_BEARER;
    while (rest.n && parameter(&rest, &name, value, sizeof value)) {
        if (is_name(name, "realm"))
            (void)sw_str_copy(sw_str(value), c.realm, sizeof c.realm);
        else if (is_name(name, "service"))
            (void)sw_str_copy(sw_str(value), c.service, sizeof c.service);
    }
    if (c.scheme == CHALLENGE_BEARER && !c.realm[0])
        return;
    if (c.scheme > ret->scheme)
        *ret = c;
}

void registry_challenge_parse(const struct sw_buf *headers, struct registry_challenge *ret)
{
    static const char name[] = "www-authenticate:";
    struct sw_str rest = sw_buf_str(headers), line;
    *ret = (struct registry_challenge){.scheme = CHALLENGE_NONE};
    while (sw_str_split(&rest, '\n', &line))
        if (line.n >= sizeof name && strncasecmp(line.p, name, sizeof name - 1) == 0)
            parse_line(sw_str_slice(line, sizeof name - 1, line.n - (line.p[line.n - 1] == '\r')),
                       ret);
}

/* --- what is kept --- */

static void key_of(const struct image_reference *ref, struct digest *ret)
{
    sw_autofree char *text = sw_asprintf("%d|%s|%s|%s", ref->tls, ref->host_port, ref->repository,
                                         ref->credentials ? ref->credentials : "");
    digest_of(DIGEST_SHA256, text, strlen(text), ret);
}

char *registry_auth_known(struct registry_auth *a, const struct image_reference *ref)
{
    struct digest key;
    char *header = NULL;
    key_of(ref, &key);
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept *k = &a->kept[i];
        if (k->header && sw_mono_ms() >= k->until_ms)
            forget(k);
        else if (k->header && digest_equal(&k->of, &key))
            header = sw_strdup(k->header);
    }
    pthread_mutex_unlock(&a->lock);
    return header;
}

static void keep(struct registry_auth *a, const struct image_reference *ref, const char *header,
                 int64_t life_s)
{
    struct digest key;
    key_of(ref, &key);
    pthread_mutex_lock(&a->lock);
    struct kept *place = NULL;
    for (size_t i = 0; i < KEPT_MAX && !place; i++)
        if (a->kept[i].header && digest_equal(&a->kept[i].of, &key))
            place = &a->kept[i];
    for (size_t i = 0; i < KEPT_MAX && !place; i++)
        if (!a->kept[i].header)
            place = &a->kept[i];
    if (!place)
        place = &a->kept[a->next++ % KEPT_MAX];
    forget(place);
    *place = (struct kept){key, sw_strdup(header), sw_mono_ms() + life_s * 1000};
    pthread_mutex_unlock(&a->lock);
}

/* --- the token service --- */

static int check_realm(const struct image_reference *ref, const char *realm, struct sw_err *err)
{
    struct registry_url u;
    if (registry_url_parse(realm, &u, err) < 0) {
        sw_err_clear(err);
        return sw_fail(err, SW_EINVALID, REASON, "%s names a token service that is no address",
                       ref->host_port);
    }
    bool near = strcasecmp(u.host_port, ref->host_port) == 0 || image_host_is_loopback(u.host_port);
    if (!u.tls && (ref->tls || !near))
        return sw_fail(err, SW_EINVALID, REASON, "%s names a token service without https, %s",
                       ref->host_port, u.host_port);
    return 0;
}

static char *token_url(const struct image_reference *ref, const struct registry_challenge *c)
{
    char service[sizeof c->service * 3 + 1], repository[sizeof ref->repository * 3 + 1];
    (void)sw_uri_encode(sw_str(c->service), "-._~", service, sizeof service);
    (void)sw_uri_encode(sw_str(ref->repository), "-._~", repository, sizeof repository);
    return sw_asprintf("%s%s%s%s%sscope=repository%%3A%s%%3Apull", c->realm,
                       strchr(c->realm, '?') ? "&" : "?", service[0] ? "service=" : "", service,
                       service[0] ? "&" : "", repository);
}

static int read_token(struct registry_auth *a, const struct image_reference *ref,
                      const struct httpc_response *r, char **ret, struct sw_err *err)
{
    sw_autojson json_t *j = NULL;
    struct sw_err own = SW_ERR_INIT;
    if (r->status / 100 != 2)
        return sw_fail(err, r->status >= 500 || r->status == 429 ? SW_EUNAVAILABLE : SW_EDENIED,
                       REASON, "pull access denied for %s/%s: its token service answers HTTP %d",
                       ref->host_port, ref->repository, r->status);
    if (sw_json_load(sw_buf_str(&r->body), 8, 1000, NULL, &j, &own) < 0)
        return sw_fail(err, SW_EINVALID, REASON, "the token service of %s answers no JSON",
                       ref->host_port);
    const char *token = sw_json_str(j, "token", "");
    if (!*token)
        token = sw_json_str(j, "access_token", "");
    for (const char *p = token; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            token = "";
    if (!*token)
        return sw_fail(err, SW_EINVALID, REASON, "the token service of %s gives no token",
                       ref->host_port);
    int64_t life_s = sw_json_int(j, "expires_in", EXPIRES_S);
    *ret = sw_asprintf("Bearer %s", token);
    if (life_s > EXPIRES_EARLY_S)
        keep(a, ref, *ret, SW_MIN(life_s, (int64_t)EXPIRES_MAX_S) - EXPIRES_EARLY_S);
    return 1;
}

static int get_token(struct registry_auth *a, const struct image_reference *ref,
                     const struct registry_challenge *c, const volatile int *cancelled, char **ret,
                     struct sw_err *err)
{
    if (check_realm(ref, c->realm, err) < 0)
        return err->code;
    sw_autofree char *url = token_url(ref, c);
    const struct httpc_header header = {"Authorization", ref->credentials};
    struct httpc_response r = {0};
    struct httpc_request req = {.method = "GET",
                                .url = url,
                                .headers = &header,
                                .headers_n = ref->credentials ? 1 : 0,
                                .body_max = REGISTRY_TOKEN_MAX,
                                .timeout_ms = TOKEN_TIMEOUT_MS,
                                .cancelled = cancelled};
    int got = httpc_perform(a->http, &req, &r, err);
    if (got < 0) {
        err->reason = REASON;
        (void)sw_prefix(err, "token service of %s", ref->host_port);
    } else {
        got = read_token(a, ref, &r, ret, err);
    }
    explicit_bzero(r.body.p, r.body.p ? r.body.n : 0);
    httpc_response_done(&r);
    return got;
}

int registry_auth_answer(struct registry_auth *a, const struct image_reference *ref,
                         const struct httpc_response *refused, const volatile int *cancelled,
                         char **ret, struct sw_err *err)
{
    struct registry_challenge c;
    registry_challenge_parse(&refused->headers, &c);
    if (c.scheme == CHALLENGE_BEARER)
        return get_token(a, ref, &c, cancelled, ret, err);
    if (c.scheme != CHALLENGE_BASIC || !ref->credentials)
        return 0;
    *ret = sw_strdup(ref->credentials);
    keep(a, ref, *ret, EXPIRES_S);
    return 1;
}
