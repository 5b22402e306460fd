/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/spec_capabilities.c - capabilities(7); the calls are those that Docker's profile opens for them. */
#include "launcher/runtime/spec_capabilities.h"

#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"

#define CALLS_MAX 24

static const char *const default_capabilities[] = {
    "CAP_CHOWN",      "CAP_DAC_OVERRIDE", "CAP_FOWNER",      "CAP_FSETID",           "CAP_KILL",
    "CAP_SETGID",     "CAP_SETUID",       "CAP_SETPCAP",     "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",
    "CAP_SYS_CHROOT", "CAP_MKNOD",        "CAP_AUDIT_WRITE", "CAP_SETFCAP"};

/* All of them, with the calls that need them. */
static const struct {
    const char *name;
    const char *calls[CALLS_MAX];
} known[] = {
    {"AUDIT_CONTROL", {NULL}},
    {"AUDIT_READ", {NULL}},
    {"AUDIT_WRITE", {NULL}},
    {"BLOCK_SUSPEND", {NULL}},
    {"BPF", {"bpf"}},
    {"CHECKPOINT_RESTORE", {NULL}},
    {"CHOWN", {NULL}},
    {"DAC_OVERRIDE", {NULL}},
    {"DAC_READ_SEARCH", {"open_by_handle_at"}},
    {"FOWNER", {NULL}},
    {"FSETID", {NULL}},
    {"IPC_LOCK", {NULL}},
    {"IPC_OWNER", {NULL}},
    {"KILL", {NULL}},
    {"LEASE", {NULL}},
    {"LINUX_IMMUTABLE", {NULL}},
    {"MAC_ADMIN", {NULL}},
    {"MAC_OVERRIDE", {NULL}},
    {"MKNOD", {NULL}},
    {"NET_ADMIN", {NULL}},
    {"NET_BIND_SERVICE", {NULL}},
    {"NET_BROADCAST", {NULL}},
    {"NET_RAW", {NULL}},
    {"PERFMON", {"perf_event_open"}},
    {"SETFCAP", {NULL}},
    {"SETGID", {NULL}},
    {"SETPCAP", {NULL}},
    {"SETUID", {NULL}},
    {"SYSLOG", {"syslog"}},
    {"SYS_ADMIN", {"bpf",       "clone",           "fanotify_init", "fsconfig",      "fsmount",
                   "fsopen",    "fspick",          "mount",         "mount_setattr", "move_mount",
                   "open_tree", "perf_event_open", "quotactl",      "setdomainname", "sethostname",
                   "setns",     "syslog",          "umount",        "umount2",       "unshare"}},
    {"SYS_BOOT", {"reboot"}},
    {"SYS_CHROOT", {"chroot"}},
    {"SYS_MODULE", {"delete_module", "finit_module", "init_module"}},
    {"SYS_NICE", {"get_mempolicy", "mbind", "set_mempolicy"}},
    {"SYS_PACCT", {"acct"}},
    {"SYS_PTRACE",
     {"kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace"}},
    {"SYS_RAWIO", {"ioperm", "iopl"}},
    {"SYS_RESOURCE", {NULL}},
    {"SYS_TIME", {"clock_settime", "settimeofday", "stime"}},
    {"SYS_TTY_CONFIG", {"vhangup"}},
    {"WAKE_ALARM", {NULL}},
};

static bool named(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0 || strcmp(list[i], "ALL") == 0)
            return true;
    return false;
}

static bool is_default(const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(default_capabilities); i++)
        if (strcmp(default_capabilities[i] + 4, name) == 0)
            return true;
    return false;
}

/* By number, as the kernel has them. */
static const char *const numbered[] = {"CHOWN",
                                       "DAC_OVERRIDE",
                                       "DAC_READ_SEARCH",
                                       "FOWNER",
                                       "FSETID",
                                       "KILL",
                                       "SETGID",
                                       "SETUID",
                                       "SETPCAP",
                                       "LINUX_IMMUTABLE",
                                       "NET_BIND_SERVICE",
                                       "NET_BROADCAST",
                                       "NET_ADMIN",
                                       "NET_RAW",
                                       "IPC_LOCK",
                                       "IPC_OWNER",
                                       "SYS_MODULE",
                                       "SYS_RAWIO",
                                       "SYS_CHROOT",
                                       "SYS_PTRACE",
                                       "SYS_PACCT",
                                       "SYS_ADMIN",
                                       "SYS_BOOT",
                                       "SYS_NICE",
                                       "SYS_RESOURCE",
                                       "SYS_TIME",
                                       "SYS_TTY_CONFIG",
                                       "MKNOD",
                                       "LEASE",
                                       "AUDIT_WRITE",
                                       "AUDIT_CONTROL",
                                       "SETFCAP",
                                       "MAC_OVERRIDE",
                                       "MAC_ADMIN",
                                       "SYSLOG",
                                       "WAKE_ALARM",
                                       "BLOCK_SUSPEND",
                                       "AUDIT_READ",
                                       "PERFMON",
                                       "BPF",
                                       "CHECKPOINT_RESTORE"};

/* One that we do not have cannot be handed on. */
static bool held(const struct container_spec *s, const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(numbered); i++)
        if (strcmp(numbered[i], name) == 0)
            return !s->capabilities_held || (s->capabilities_held >> i & 1);
    return false;
}

/* Dropping ALL and adding some is "only these"; adding ALL and dropping some is "all but these". */
static bool has(const struct container_spec *s, const char *name)
{
    bool add_all = named(s->capabilities_add, s->capabilities_add_n, "ALL");
    bool drop_all = named(s->capabilities_drop, s->capabilities_drop_n, "ALL");
    bool added = named(s->capabilities_add, s->capabilities_add_n, name);
    bool dropped = named(s->capabilities_drop, s->capabilities_drop_n, name);
    if (s->privileged)
        return held(s, name);
    if (add_all)
        return (!dropped || drop_all) && held(s, name);
    return added || (is_default(name) && !dropped);
}

json_t *spec_capabilities(const struct container_spec *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < SW_ARRAY_LEN(known); i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "CAP_%s", known[i].name);
        if (has(s, known[i].name))
            json_array_append_new(list, json_string(name));
    }
    return list;
}

void spec_allow_calls(const struct container_spec *s, json_t *syscalls)
{
    json_t *names = json_array();
    for (size_t i = 0; i < SW_ARRAY_LEN(known); i++)
        for (size_t k = 0; k < CALLS_MAX && known[i].calls[k]; k++)
            if (has(s, known[i].name) && !is_default(known[i].name))
                json_array_append_new(names, json_string(known[i].calls[k]));
    if (json_array_size(names))
        json_array_append_new(syscalls,
                              json_pack("{s:O, s:s}", "names", names, "action", "SCMP_ACT_ALLOW"));
    json_decref(names);
}
