/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/container_host.h - a container's names, devices, capabilities and kernel settings: from taskdef_linux.h's values to
 * /etc files and the runtime's description. Internal to launcher/agent. Devices of this machine are looked up; nothing is changed.
 * Expected errors: SW_ENOTFOUND, SW_EINVALID, SW_EDENIED (host_paths) "CannotStartContainerError". */
#include "base/buf.h"
#include "launcher/agent/container_setup.h"
#include "launcher/runtime/spec.h"

/* Lines of /etc/hosts: extraHosts and links. */
void host_add_names(const struct container_setup *s, struct sw_buf *hosts);
/* The definition's servers and domains; what it does not say is as in `text`. Owned. */
char *host_resolv_conf(const struct container_linux *l, const char *text);
/* A static init of this machine, which runs in any image: reaps children and passes signals on. */
#define HOST_INIT_TARGET "/sbin/docker-init"
int host_init_program(char *out, size_t cap, struct sw_err *err);

/* One that is asked for and is as good as being privileged: it reaches the machine, whatever else holds the container. NULL: none. */
const char *host_strong_capability(const struct container_setup *s);

struct host_spec; /* owns what the description borrows */
int host_spec_new(const struct container_setup *s, struct host_spec **ret, struct sw_err *err);
void host_spec_fill(const struct host_spec *h, struct container_spec *spec);
void host_spec_free(struct host_spec *h); /* NULL ok */
