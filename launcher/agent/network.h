/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/network.h - network namespaces of this instance's containers.
 * A lease is a namespace with (bridge) an address; it is described by DIR/NAME.json before anything is made, so that whatever a crash
 * leaves behind is found and given back. Bridge leases are prepared in the background, because the plugins take longer than
 * the start of a container. Threads: shared freely. Expected errors: SW_EIO "ContainerNetworkingError". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "launcher/runtime/cni.h"

#define NETWORK_PORTS_MAX 200 /* 100 mappings, and PORT_RANGE_MAX in ranges */
#define NETWORK_NAME_MAX  48

struct network_options {
    const char *dir;         /* of namespaces and leases */
    const char *bridge_name; /* NULL: no bridge network here */
    const char *bridge_subnet;
    size_t pool_size; /* leases kept ready; 0: none */
};
struct network;
int network_new(const struct network_options *o, struct network **ret, struct sw_err *err);
void network_free(struct network *n); /* gives the unused prepared ones back */
/* Starts keeping leases ready. Call after network_clean. */
void network_start_pool(struct network *n);

/* A bridge lease with its address, or (isolated) a namespace with nothing but loopback. */
int network_acquire(struct network *n, bool isolated, char name[NETWORK_NAME_MAX], char address[64],
                    struct sw_err *err);
int network_map_ports(struct network *n, const char *name, const struct cni_port *ports,
                      size_t ports_n, struct sw_err *err);
/* A missing one is fine. What fails is tried again by network_tidy, and at the next start. */
int network_release(struct network *n, const char *name, struct sw_err *err);
char *network_path(struct network *n, const char *name); /* of the namespace; owned */
/* Releases every lease for which in_use says no: at start, what earlier processes left. */
void network_tidy(
    struct network *n); /* also takes addresses back that no lease holds: their plugin was killed */
/* Puts back what somebody took away from leases that live: the bridge, its address, ports, rules of the nat table. gone(): of a lease whose
 * cable is gone, so that its containers have no network any more. */
void network_mend(struct network *n, void (*gone)(void *ctx, const char *name), void *ctx);
int network_clean(struct network *n, bool (*in_use)(void *ctx, const char *name), void *ctx,
                  struct sw_err *err);
