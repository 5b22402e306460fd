/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/api/registry_host.h"

#include <stdio.h>
#include <string.h>

static bool is_account(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 12;
}

static bool is_region(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              s.p[i] == '-'))
            return false;
    return s.n >= 2 && s.n < REGISTRY_REGION_MAX;
}

bool registry_host_parse(const char *host, struct registry_host *ret)
{
    struct sw_str rest = sw_str(host), dkr, ecr;
    if (!host || !sw_str_split(&rest, '.', &ret->account) || !is_account(ret->account) ||
        !sw_str_split(&rest, '.', &dkr) || !sw_str_eq_z(dkr, "dkr") ||
        !sw_str_split(&rest, '.', &ecr) || !sw_str_eq_z(ecr, "ecr") ||
        !sw_str_split(&rest, '.', &ret->region) || !is_region(ret->region) || !rest.p ||
        rest.n == 0)
        return false;
    ret->rest = rest;
    return true;
}

/* 127.0.0.1:5000 and [::1]:5000 as localhost:5000. */
static void name_loopback(struct sw_str *host, char out[64])
{
    const char *port = NULL;
    bool is_loopback = sw_str_starts_with(*host, "127.") || sw_str_starts_with(*host, "[::1]");
    for (size_t i = 0; i < host->n; i++)
        if (host->p[i] == ':')
            port = host->p + i;
    size_t port_n = port ? (size_t)(host->p + host->n - port) : 0;
    if (!is_loopback || port_n > 6)
        return;
    int n = snprintf(out, 64, "localhost%.*s", (int)port_n, port ? port : "");
    *host = sw_str_n(out, (size_t)n);
}

void registry_host_name(const char *host, const struct registry_place *fallback,
                        const struct registry_place *wanted, char out[REGISTRY_HOST_MAX])
{
    struct registry_host style;
    struct sw_str rest = sw_str(host);
    char name[64];
    bool reaches;
    if (registry_host_parse(host, &style)) {
        reaches = sw_str_eq_z(style.account, wanted->account) &&
                  sw_str_eq_z(style.region, wanted->region);
        rest = style.rest;
    } else {
        reaches = sw_streq(fallback->account, wanted->account) &&
                  sw_streq(fallback->region, wanted->region);
    }
    if (reaches) {
        (void)snprintf(out, REGISTRY_HOST_MAX, "%s", host);
        return;
    }
    name_loopback(&rest, name);
    (void)snprintf(out, REGISTRY_HOST_MAX, "%s.dkr.ecr.%s." SW_STR_FMT, wanted->account,
                   wanted->region, SW_STR_ARG(rest));
}
