/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/cni.h - networks through CNI plugins (Container Network Interface specification 0.4.0, as executables).
 * A network is a list of plugins: `attach` ones give a namespace its interface and address, and those that a port mapping concerns
 * can run later (struct cni_port). Every step may be repeated; DEL of something that is gone succeeds.
 * Expected errors: SW_EIO "ContainerNetworkingError". Threads: shared freely; plugins lock among themselves. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cni_options {
    const char *
        name; /* of the network and, without a configuration file, of its bridge: at most 15 bytes */
    const char *subnet;     /* "10.88.64.0/20" */
    const char *data_dir;   /* address allocations */
    const char *plugin_dir; /* NULL: /usr/lib/cni */
    const char *conflist;   /* NULL: bridge + host-local + portmap */
};
struct cni_port {
    uint16_t host_port, container_port;
    bool udp;
};
struct cni;
int cni_new(const struct cni_options *o, struct cni **ret, struct sw_err *err);
void cni_free(struct cni *c);

/* Runs the plugins without the capability "portMappings" (all but portmap). The result goes to *ret (owned); its first
 * IPv4 address, without the prefix length, to `address`. */
int cni_attach(struct cni *c, const char *id, const char *netns_path, json_t **ret_result,
               char address[64], struct sw_err *err);
/* Runs those with that capability. `result` is cni_attach's. */
int cni_map_ports(struct cni *c, const char *id, const char *netns_path, const json_t *result,
                  const struct cni_port *ports, size_t n, struct sw_err *err);
/* Undoes both, in reverse order. netns_path may be gone. */
int cni_detach(struct cni *c, const char *id, const char *netns_path, const json_t *result,
               const struct cni_port *ports, size_t n, struct sw_err *err);
