/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/spec.h - from a description of a container to the OCI runtime specification's config.json (version 1.0).
 * Pure: no file is read. The defaults are those people expect of Docker: its capability set, seccomp profile, masked and
 * read-only paths, mounts and namespaces; no new privileges; inheritable and ambient capabilities empty (CVE-2022-24769).
 * Nothing that an image says can reach beyond process, environment, user and working directory. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct spec_mount {
    const char *source, *destination; /* bind mount; absolute paths */
    bool read_only;
};
struct spec_rlimit {
    const char *name;   /* ECS's: "nofile" */
    int64_t soft, hard; /* -1: unlimited */
};
struct spec_device {
    const char *path; /* in the container */
    char type;        /* 'c' or 'b' */
    uint32_t major, minor, mode, uid, gid;
    const char *access; /* of "rwm" */
};
struct spec_tmpfs {
    const char *destination;
    const char *options; /* with commas */
};
struct spec_control {
    const char *name, *value; /* sysctl */
};
struct container_spec {
    const char *id;
    const char *task;   /* its group holds this container's: /slipway/TASK/ID */
    const char *rootfs; /* absolute */
    const char *hostname;
    const char *const *args; /* NULL-terminated, at least one */
    const char *const *env;  /* NULL-terminated "NAME=value" */
    const char *cwd;         /* absolute */
    uint32_t uid, gid;
    const uint32_t *groups;
    size_t groups_n;
    bool read_only_root;
    const char *netns_path; /* NULL: the host's network */
    const struct spec_mount *mounts;
    size_t mounts_n;
    int64_t memory_limit_bytes;       /* 0: none */
    int64_t memory_reservation_bytes; /* 0: none */
    int64_t cpu_units;                /* ECS's cpu: 0 and 1 become 2 shares, 262144 is the most */
    int64_t pids_limit;               /* 0: none */
    const struct spec_rlimit *rlimits;
    size_t rlimits_n;
    /* Names without CAP_; "ALL" is every one. What is added gets the system calls that go with it. */
    const char *const *capabilities_add, *const *capabilities_drop;
    size_t capabilities_add_n, capabilities_drop_n;
    uint64_t capabilities_held; /* what ALL and privileged mean at most: spec_own_capabilities() */
    const struct spec_device *devices;
    size_t devices_n;
    const struct spec_tmpfs *tmpfs;
    size_t tmpfs_n;
    int64_t shm_bytes; /* of /dev/shm; 0: 64 MiB */
    const struct spec_control *controls;
    size_t controls_n;
    bool host_pid, host_ipc; /* the machine's own namespace */
    const char *pid_path,
        *ipc_path; /* a namespace to join, NULL: none; with ipc_path shm_path, bound at /dev/shm */
    const char *shm_path;
    /* Every capability that this process may hand on, every device, nothing masked, no filter of system calls. */
    bool privileged;
    bool terminal;          /* standard streams are one */
    int64_t max_swap_bytes; /* beside the memory limit; without such a limit it says nothing */
    bool has_swappiness;
    int swappiness;   /* 0 to 100 */
    bool own_network; /* without netns_path: a new one with nothing in it, not the host's */
    bool no_shm;      /* a namespace of its own without /dev/shm */
};

/* SW_EINVALID "CannotCreateContainerError". Caller owns *ret. */
int spec_build(const struct container_spec *s, json_t **ret, struct sw_err *err);

int64_t spec_cpu_shares(int64_t cpu_units);
/* Says what this process may hand on: the hard limit by ECS name, -1 for unlimited. */
typedef int64_t (*spec_hard_limit_fn)(void *ctx, const char *name);
int64_t spec_own_hard_limit(void *ctx, const char *name); /* of the calling process */
/* Refuses (SW_EINVALID "CannotStartContainerError", naming the ulimit) what lies above our own hard limit unless we may raise it. */
int spec_check_rlimits(const struct spec_rlimit *limits, size_t n, spec_hard_limit_fn hard_limit,
                       void *ctx, bool may_raise, struct sw_err *err);
bool spec_may_raise_rlimits(void);    /* CAP_SYS_RESOURCE is effective */
uint64_t spec_own_capabilities(void); /* of the calling process, effective: bit N is capability N */
