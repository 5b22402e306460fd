/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/ports.h - host ports of this instance: which are given to containers. No other program gets them meanwhile, as
 * long as they take no more than a part of the agent's descriptors. Thread-safe.
 * Expected error: SW_ECONFLICT "CannotStartContainerError" ("port is already allocated"). */
#include <stdint.h>

#include "base/err.h"
#include "launcher/model/taskdef.h"

struct ports;
struct ports *ports_new(void);
void ports_free(struct ports *p);
/* A range is taken whole, side by side, or not at all. m->host_port 0: picks one from the kernel's range for outgoing connections that nobody listens on. Else takes that one, if
 * it is free; `known` skips the test by bind (a running container's). */
int ports_take(struct ports *p, struct port_mapping *m, bool known, struct sw_err *err);
void ports_give_back(struct ports *p, const struct port_mapping *m);
