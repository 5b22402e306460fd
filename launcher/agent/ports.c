/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/ports.c - ECS "dynamic host port mapping": /proc/sys/net/ipv4/ip_local_port_range, else 49153-65535. */
#include "launcher/agent/ports.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/macros.h"

struct ports {
    pthread_mutex_t lock;
    unsigned char taken[PORT_PROTOCOL_MAX_][65536 / 8];
};

struct ports *ports_new(void)
{
    struct ports *p = SW_NEW(struct ports);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void ports_free(struct ports *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool is_taken(const struct ports *p, enum port_protocol proto, unsigned port)
{
    return p->taken[proto][port / 8] >> (port % 8) & 1;
}

static bool can_bind(enum port_protocol proto, unsigned port)
{
    sw_autoclose int s =
        socket(AF_INET, (proto == PORT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (s < 0)
        return false;
    /* As a server would: connections that linger after the last one do not count. */
    if (proto == PORT_TCP && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return false;
    return bind(s, (struct sockaddr *)&a, sizeof a) == 0;
}

static void dynamic_range(unsigned *first, unsigned *last)
{
    *first = 49153;
    *last = 65535;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    unsigned a, b;
    if (f && fscanf(f, "%u %u", &a, &b) == 2 && a > 0 && a <= b && b < 65536) {
        *first = a;
        *last = b;
    }
    if (f)
        fclose(f);
}

static bool all_free(const struct ports *p, enum port_protocol proto, unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (is_taken(p, proto, first + i) || !can_bind(proto, first + i))
            return false;
    return true;
}

static int pick(struct ports *p, struct port_mapping *m, struct sw_err *err)
{
    unsigned first, last, count = port_mapping_count(m);
    uint32_t start;
    dynamic_range(&first, &last);
    sw_random_bytes(&start, sizeof start);
    unsigned n = last - first + 1;
    for (unsigned i = 0; i < n; i++) {
        unsigned port = first + (start + i) % n;
        if (port + count - 1 <= last && all_free(p, m->protocol, port, count)) {
            m->host_port = (uint16_t)port;
            return 0;
        }
    }
    if (count > 1)
        return sw_fail(err, SW_ECONFLICT, "CannotStartContainerError",
                       "no %u free host ports in a row in %u-%u", count, first, last);
    return sw_fail(err, SW_ECONFLICT, "CannotStartContainerError", "no free host port in %u-%u",
                   first, last);
}

static void mark(struct ports *p, const struct port_mapping *m, bool taken)
{
    for (unsigned i = 0; i < port_mapping_count(m); i++) {
        unsigned port = m->host_port + i;
        unsigned char bit = (unsigned char)(1u << (port % 8));
        if (taken)
            p->taken[m->protocol][port / 8] |= bit;
        else
            p->taken[m->protocol][port / 8] &= (unsigned char)~bit;
    }
}

int ports_take(struct ports *p, struct port_mapping *m, bool known, struct sw_err *err)
{
    int r = 0;
    pthread_mutex_lock(&p->lock);
    if (m->host_port == 0)
        r = pick(p, m, err);
    else if (!known && !all_free(p, m->protocol, m->host_port, port_mapping_count(m)))
        r = sw_fail(err, SW_ECONFLICT, "CannotStartContainerError",
                    "Bind for 0.0.0.0:%u failed: port is already allocated", m->host_port);
    if (r == 0)
        mark(p, m, true);
    pthread_mutex_unlock(&p->lock);
    return r;
}

void ports_give_back(struct ports *p, const struct port_mapping *m)
{
    pthread_mutex_lock(&p->lock);
    mark(p, m, false);
    pthread_mutex_unlock(&p->lock);
}
