/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/ports.c - ECS "dynamic host port mapping": /proc/sys/net/ipv4/ip_local_port_range, else 49153-65535.
 * Nobody listens on the port of a container, its packets are redirected: without a socket that is bound to it the kernel would give the
 * port to the next program that asks for any, and that program's visitors would come to the container. */
#include "launcher/agent/ports.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/macros.h"

#define HELD_MAX  64 /* ports of one mapping: each is a descriptor */
#define HELD_PART 4 /* of the agent's descriptors: tasks with many ports must leave it the others */

struct held {
    struct held *next;
    enum port_protocol protocol;
    unsigned port;
    int fd;
};

struct ports {
    pthread_mutex_t lock;
    struct held *held;
    size_t held_n;
    unsigned char taken[PORT_PROTOCOL_MAX_][65536 / 8];
};

struct ports *ports_new(void)
{
    struct ports *p = SW_NEW(struct ports);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void drop_held(struct ports *p, struct held **at)
{
    struct held *h = *at;
    *at = h->next;
    p->held_n--;
    (void)close(h->fd);
    free(h);
}

void ports_free(struct ports *p)
{
    if (!p)
        return;
    while (p->held)
        drop_held(p, &p->held);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool is_taken(const struct ports *p, enum port_protocol proto, unsigned port)
{
    return p->taken[proto][port / 8] >> (port % 8) & 1;
}

/* -1: somebody has it. */
static int bound_socket(enum port_protocol proto, unsigned port)
{
    sw_autoclose int s =
        socket(AF_INET, (proto == PORT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (s < 0)
        return -1;
    if (bind(s, (struct sockaddr *)&a, sizeof a) == 0)
        return SW_TAKE_FD(s);
    /* As a server would: connections that linger after the last one do not count. */
    if (proto != PORT_TCP || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(s, (struct sockaddr *)&a, sizeof a) < 0)
        return -1;
    (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
    return SW_TAKE_FD(s);
}

static bool can_bind(enum port_protocol proto, unsigned port)
{
    sw_autoclose int s = bound_socket(proto, port);
    return s >= 0;
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

static bool may_hold(const struct ports *p, unsigned n)
{
    struct rlimit limit;
    return n <= HELD_MAX && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           p->held_n + n <= limit.rlim_cur / HELD_PART;
}

static void hold(struct ports *p, const struct port_mapping *m)
{
    const unsigned n = may_hold(p, port_mapping_count(m)) ? port_mapping_count(m) : 0;
    for (unsigned i = 0; i < n; i++) {
        int fd = bound_socket(m->protocol, m->host_port + i);
        if (fd < 0)
            continue;
        struct held *h = SW_NEW(struct held);
        *h = (struct held){p->held, m->protocol, m->host_port + i, fd};
        p->held = h;
        p->held_n++;
    }
}

static void let_go(struct ports *p, const struct port_mapping *m)
{
    for (struct held **at = &p->held; *at;) {
        unsigned past_first = (*at)->port - m->host_port; /* huge when before */
        if ((*at)->protocol == m->protocol && past_first < port_mapping_count(m))
            drop_held(p, at);
        else
            at = &(*at)->next;
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
    if (r == 0) {
        mark(p, m, true);
        hold(p, m);
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

void ports_give_back(struct ports *p, const struct port_mapping *m)
{
    pthread_mutex_lock(&p->lock);
    mark(p, m, false);
    let_go(p, m);
    pthread_mutex_unlock(&p->lock);
}
