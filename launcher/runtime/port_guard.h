/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/port_guard.h - a container on a bridge speaks for itself only.
 * Containers may send raw frames (CAP_NET_RAW, as with Docker), so addresses prove nothing unless the bridge checks them. Guarding
 *   1. tells the host for good which hardware address the container's address has, and the container which the gateway's is, so no
 *      answer to a question of somebody else counts (permanent neighbours);
 *   2. gives the bridge's port the container's hardware address for good, without learning, and refuses others (a locked port, where
 *      the kernel knows that: Linux 5.18);
 *   3. drops what comes from the container with another hardware address, another IPv4 source, another sender in ARP, for 127.0.0.0/8, or
 *      with any protocol but IPv4 and ARP (a classic BPF filter on the host's end of the cable).
 * So the source address of a connection over the bridge names the container, and neither the gateway nor another container can be played.
 * Expected errors: SW_EIO "ContainerNetworkingError"; SW_EUNSUPPORTED when only (3) is missing in this kernel. Threads: free. */
#include <jansson.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct port_guard {
    char bridge[IFNAMSIZ], port[IFNAMSIZ]; /* of the host */
    uint8_t mac[6];                        /* the container's */
    struct in_addr address, gateway;
};
/* From a result of cni_attach. False: it is no bridge's, so there is nothing to guard. Pure. */
bool port_guard_read(const json_t *result, struct port_guard *ret);
int port_guard_set(const struct port_guard *g, const char *netns_path, struct sw_err *err);
/* What somebody may have done to a bridge since: taken it away, its address or its being up, or taken the port out of it. */
enum port_state {
    PORT_WELL,
    PORT_GONE,   /* with the container's end of the cable, so nothing brings it back */
    PORT_MENDED, /* it was put back: guard it again */
};
/* The bridge is there, with its address; it is set up if it was down. */
bool port_guard_has_bridge(const struct port_guard *g);
/* False when it surely is gone: who cannot look it up does not know. */
bool port_guard_has_port(const struct port_guard *g);
int port_guard_mend(const struct port_guard *g, enum port_state *ret, struct sw_err *err);
/* What outlives the port: the host's neighbour. */
void port_guard_clear(const struct port_guard *g);

/* The filter as the kernel gets it: its length. Pure. */
#define PORT_GUARD_FILTER_MAX 40
size_t port_guard_filter(const struct port_guard *g, struct sock_filter out[PORT_GUARD_FILTER_MAX]);
