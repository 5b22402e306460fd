/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/taskdef_linux.h - the members of a container definition that shape its view of the machine. Part of struct
 * container_def, which owns it. Lists are empty when they are absent. No I/O, no clock. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum share_mode { SHARE_OWN, SHARE_TASK, SHARE_HOST, SHARE_NONE, SHARE_MODE_MAX_ };
enum share_mode share_mode_from_string(const char *s); /* pidMode, ipcMode; "" is SHARE_OWN */

struct texts {
    char **v;
    size_t n;
};
struct pair {
    char *name, *value;
};
struct pairs {
    struct pair *v;
    size_t n;
};
struct device_def {
    char *host_path, *container_path;
    bool read, write, mknod;
};
struct tmpfs_def {
    char *container_path;
    int64_t size_mib;
    struct texts options;
};
struct volume_from_def {
    char *container;
    bool read_only;
};
#define RESTART_CODES_MAX 50
struct restart_policy {
    bool enabled;
    int64_t period_s;               /* it has to have run for so long */
    int ignored[RESTART_CODES_MAX]; /* exit codes after which it stays ended */
    size_t ignored_n;
};
struct container_linux {
    struct texts capabilities_add, capabilities_drop; /* "SYS_PTRACE", "ALL" */
    struct device_def *devices;
    size_t devices_n;
    struct tmpfs_def *tmpfs;
    size_t tmpfs_n;
    int64_t shared_memory_mib; /* 0: 64 */
    int64_t max_swap_mib;      /* beside its memory; 0: none */
    bool has_swappiness;
    int swappiness; /* 0 to 100 */
    bool init_process;
    struct pairs extra_hosts;     /* address, name */
    struct pairs system_controls; /* "net.core.somaxconn", value */
    struct texts dns_servers, dns_search;
    struct texts links; /* "container" or "container:alias" */
    char *hostname;     /* NULL: from its id */
    struct volume_from_def *volumes_from;
    size_t volumes_from_n;
    struct restart_policy restart;
};
/* o: one of containerDefinitions. */
void container_linux_from_json(const json_t *o, struct container_linux *ret);
void container_linux_done(struct container_linux *l);

/* Is a container to be started again that ran for so long and ended with this code? */
bool restart_due(const struct restart_policy *p, int64_t ran_us, int exit_code);

bool capability_valid(const char *name);
void link_parse(const char *link, struct sw_str *ret_container, struct sw_str *ret_alias);
