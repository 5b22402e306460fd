/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/image_reference.c - OCI distribution-spec, "Pulling manifests": the grammar of <name> and <reference>. */
#include "launcher/agent/image_reference.h"

#include <ctype.h>

#define REASON "CannotPullContainerError"

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* */
static bool component_valid(struct sw_str c)
{
    size_t i = 0;
    while (i < c.n) {
        size_t word = i;
        while (i < c.n && is_lower_alnum(c.p[i]))
            i++;
        if (i == word)
            return false;
        if (i == c.n)
            return true;
        char sep = c.p[i];
        size_t run = 0;
        while (i < c.n && c.p[i] == sep)
            i++, run++;
        if ((sep == '.' && run > 1) || (sep == '_' && run > 2) ||
            (sep != '.' && sep != '_' && sep != '-'))
            return false;
    }
    return false;
}

static bool repository_valid(struct sw_str r)
{
    struct sw_str part;
    if (r.n == 0)
        return false;
    while (sw_str_split(&r, '/', &part))
        if (!component_valid(part))
            return false;
    return true;
}

static bool tag_valid(struct sw_str t)
{
    for (size_t i = 0; i < t.n; i++)
        if (!is_alnum(t.p[i]) && t.p[i] != '_' && (i == 0 || (t.p[i] != '.' && t.p[i] != '-')))
            return false;
    return t.n > 0 && t.n <= 128;
}

static bool port_valid(struct sw_str p)
{
    uint64_t v;
    return p.n > 0 && p.n <= 5 && sw_parse_u64(p, &v) && v > 0 && v < 65536;
}

/* A domain name or IPv4 address, or [IPv6], with an optional port. */
static bool host_valid(struct sw_str h)
{
    if (h.n > 0 && h.p[0] == '[') {
        const char *end = memchr(h.p, ']', h.n);
        size_t n = end ? (size_t)(end - h.p) : 0;
        for (size_t i = 1; i < n; i++)
            if (!isxdigit((unsigned char)h.p[i]) && h.p[i] != ':' && h.p[i] != '.')
                return false;
        if (n < 3)
            return false;
        return n + 1 == h.n || (h.p[n + 1] == ':' && port_valid(sw_str_slice(h, n + 2, h.n)));
    }
    struct sw_str rest = h, name = {0};
    (void)sw_str_split(&rest, ':', &name);
    if (rest.p && !port_valid(rest))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        bool edge = i == 0 || i + 1 == name.n || name.p[i - 1] == '.' || name.p[i + 1] == '.';
        if (!is_alnum(name.p[i]) &&
            (edge || (name.p[i] != '-' && name.p[i] != '.' && name.p[i] != '_')))
            return false;
    }
    return name.n > 0 && name.n <= 253;
}

bool image_host_is_loopback(const char *host_port)
{
    if (strncmp(host_port, "[::1]", 5) == 0)
        return host_port[5] == 0 || host_port[5] == ':';
    size_t n = strcspn(host_port, ":");
    if (n == 9 && strncmp(host_port, "localhost", 9) == 0)
        return true;
    if (strncmp(host_port, "127.", 4) != 0)
        return false;
    return strspn(host_port, "0123456789.") == n;
}

/* 012345678901.dkr.ecr.us-east-1.anything */
static bool ecr_style(struct sw_str host)
{
    struct sw_str rest = host, part[5];
    for (size_t i = 0; i < 5; i++)
        if (!sw_str_split(&rest, '.', &part[i]) || part[i].n == 0)
            return false;
    for (size_t i = 0; i < part[0].n; i++)
        if (part[0].p[i] < '0' || part[0].p[i] > '9')
            return false;
    return part[0].n == 12 && (sw_str_eq_z(part[1], "dkr") || sw_str_eq_z(part[1], "dkr-ecr")) &&
           sw_str_eq_z(part[2], "ecr");
}

/* What people call docker.io answers elsewhere, and its own images lie in a folder that nobody writes. */
static void follow_docker_hub(struct image_reference *r)
{
    char repository[sizeof r->repository];
    if (strcmp(r->host_port, "docker.io") != 0 && strcmp(r->host_port, "index.docker.io") != 0)
        return;
    snprintf(r->host_port, sizeof r->host_port, "registry-1.docker.io");
    memcpy(repository, r->repository, sizeof repository);
    if (!strchr(repository, '/') && strlen(repository) + sizeof "library/" <= sizeof repository)
        snprintf(r->repository, sizeof r->repository, "library/%.*s",
                 (int)(sizeof repository - sizeof "library/"), repository);
}

static int set_host(struct sw_str host, const struct image_registry *own, struct image_reference *r,
                    struct sw_err *err)
{
    bool named = host.n > 0;
    if (named && !host_valid(host))
        return sw_fail(err, SW_EINVALID, REASON,
                       "the registry's name in the image reference is not valid");
    if (!named || ecr_style(host)) {
        if (!own->host_port)
            return sw_fail(err, SW_EINVALID, REASON,
                           "the image names no registry and this instance has none of its own");
        r->ours = true;
        r->tls = own->tls;
        if (!sw_str_copy(sw_str(own->host_port), r->host_port, sizeof r->host_port) ||
            !sw_str_copy(host, r->host_header, sizeof r->host_header))
            return sw_fail(err, SW_EINVALID, REASON, "the registry's name is too long");
        return 0;
    }
    if (!sw_str_copy(host, r->host_port, sizeof r->host_port))
        return sw_fail(err, SW_EINVALID, REASON, "the registry's name is too long");
    r->ours = own->host_port && sw_str_eq_nocase(host, sw_str(own->host_port));
    r->tls = r->ours ? own->tls : !image_host_is_loopback(r->host_port);
    if (!r->ours)
        follow_docker_hub(r);
    return 0;
}

int image_name_parse(struct sw_str text, const struct image_registry *own,
                     struct image_reference *ret, struct sw_err *err)
{
    struct image_reference r = {0};
    if (text.n == 0 || text.n > IMAGE_REFERENCE_MAX || memchr(text.p, 0, text.n))
        return sw_fail(err, SW_EINVALID, REASON,
                       "the image reference is empty or longer than %d bytes", IMAGE_REFERENCE_MAX);
    struct sw_str name = text;
    const char *at = memchr(text.p, '@', text.n);
    if (at) {
        name = sw_str_slice(text, 0, (size_t)(at - text.p));
        if (!digest_parse(sw_str_slice(text, name.n + 1, text.n), &r.digest))
            return sw_fail(err, SW_EINVALID, REASON,
                           "the digest of the image reference is not valid");
        r.has_digest = true;
    }
    struct sw_str host = {"", 0};
    const char *slash = memchr(name.p, '/', name.n);
    if (slash) {
        struct sw_str first = sw_str_slice(name, 0, (size_t)(slash - name.p));
        if (memchr(first.p, '.', first.n) || memchr(first.p, ':', first.n) ||
            sw_str_eq_z(first, "localhost")) {
            host = first;
            name = sw_str_slice(name, first.n + 1, name.n);
        }
    }
    const char *colon = name.n ? memrchr(name.p, ':', name.n) : NULL;
    struct sw_str tag = r.has_digest ? (struct sw_str){"", 0} : SW_STR("latest");
    if (colon) {
        tag = sw_str_slice(name, (size_t)(colon - name.p) + 1, name.n);
        name = sw_str_slice(name, 0, (size_t)(colon - name.p));
        if (!tag_valid(tag))
            return sw_fail(err, SW_EINVALID, REASON, "the tag of the image reference is not valid");
    }
    if (!repository_valid(name) || !sw_str_copy(name, r.repository, sizeof r.repository) ||
        !sw_str_copy(tag, r.tag, sizeof r.tag))
        return sw_fail(err, SW_EINVALID, REASON,
                       "the repository of the image reference is not valid");
    if (set_host(host, own, &r, err) < 0)
        return err->code;
    *ret = r;
    return 0;
}
