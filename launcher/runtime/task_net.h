/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/task_net.h - the way from a container to 169.254.170.2:80, which nobody listens on.
 * Containers of a bridge send it to their gateway, where a rule of the nat table that matches this bridge alone sends it to the
 * agent's listener; so agents with bridges of their own do not meet. Processes of the host's network get an address on the
 * loopback device and a rule on what leaves, which one agent of a network namespace can hold: whoever has the claim.
 * Rules lie in chains named after the bridge and are made anew at each start. Nothing is changed inside of containers.
 * Expected errors: SW_EUNSUPPORTED (no iptables), SW_ECONFLICT (another agent has the claim), SW_EIO. Threads: from one. */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TASK_NET_ADDRESS "169.254.170.2"

/* The first address of the subnet, which the bridge has. SW_EINVALID. */
int task_net_gateway(const char *subnet, char out[64], struct sw_err *err);

/* One agent of a network namespace has the bridge: two would give its addresses out twice, and take away each other's rules.
 * *ret_claim is to be kept open as long as the bridge is used; it ends with the process. SW_ECONFLICT. */
int task_net_claim_bridge(const char *bridge, int *ret_claim, struct sw_err *err);

/* `to`: the listener's address, which containers of this bridge reach. */
int task_net_open_bridge(const char *bridge, const char *to, uint16_t port, struct sw_err *err);
void task_net_close_bridge(const char *bridge);

/* What the bridge plugin leaves of its masquerading when it is killed while it takes a container out of the network: it finds it
 * no more, because the container's cable is gone. Nothing there is fine. SW_EIO: try again. */
int task_net_remove_masquerade(const char *network, const char *id, struct sw_err *err);

/* The rules of the nat table now, and what of ours is in them: whoever loads a firewall takes them away. */
int task_net_rules(struct sw_buf *out, struct sw_err *err);
bool task_net_has_bridge(struct sw_str rules, const char *bridge);
bool task_net_has_host(struct sw_str rules);
bool task_net_has_masquerade(struct sw_str rules, const char *network, const char *id);
bool task_net_has_ports(struct sw_str rules, const char *id); /* of the plugin portmap */
/* As the bridge plugin does it. address: with the length of the prefix, "10.88.64.5/20". */
int task_net_masquerade(const char *network, const char *id, const char *address,
                        struct sw_err *err);
int task_net_open_host_again(uint16_t port, struct sw_err *err); /* by whoever has the claim */

/* *ret_claim is to be kept open as long as the rule is meant. */
int task_net_open_host(uint16_t port, int *ret_claim, struct sw_err *err);
void task_net_close_host(int claim); /* takes it */
