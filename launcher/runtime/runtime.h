/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/runtime.h - containers on this machine, behind a vtable: runtime_oci.c (runc or another OCI runtime under conmon) and
 * runtime_fake.c (tests). The bundle (root filesystem, config.json) is made by the caller's description; this interface makes
 * processes. Expected errors: SW_ENOTFOUND, SW_ECONFLICT, SW_EIO with reason "CannotStartContainerError" or
 * "CannotCreateContainerError". Threads: shared freely; one container is driven by one thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define RUNTIME_ID_MAX 80

enum runtime_status {
    RUNTIME_CREATED,
    RUNTIME_RUNNING,
    RUNTIME_STOPPED,
    RUNTIME_ABSENT,
    RUNTIME_STATUS_MAX_
};

struct runtime_state {
    enum runtime_status status;
    pid_t pid;     /* of the container's first process; 0 if not running */
    int exit_code; /* when STOPPED; 128+N for signal N; -1 unknown */
    bool oom_killed;
    bool
        monitor_lost; /* nothing watches it any more: what may still run of it ends with remove() */
    int64_t finished_at_us;
};

struct runtime_exec {
    const char *const *argv;
    const char *const *env; /* added to the container's; may be NULL */
    const char *cwd, *user; /* NULL: the container's */
    int64_t timeout_ms;
};

struct exec_process; /* exec_process.h */

struct runtime_ops {
    /* Containers will be created within a tenth of a second: what takes the system a while for the first one is begun. Returns at once.
     * Optional. */
    void (*expect)(void *self);
    /* bundle: folder with config.json and rootfs; log_path: where stdout and stderr go (k8s-file lines). Created, not started.
     * A file `monitor` in the bundle says how its standard streams are held: "t" a terminal, "i" an open input, or both;
     * a file `log-bytes` after how many bytes log_path is begun anew. */
    int (*create)(void *self, const char *id, const char *bundle, const char *log_path,
                  struct sw_err *err);
    int (*start)(void *self, const char *id, struct sw_err *err);
    int (*signal)(void *self, const char *id, int signo, struct sw_err *err);
    int (*state)(void *self, const char *id, struct runtime_state *ret, struct sw_err *err);
    /* Waits until it stopped or timeout_ms passed (1 stopped, 0 not yet). Works for containers of an earlier agent process. */
    int (*wait)(void *self, const char *id, int64_t timeout_ms, struct runtime_state *ret,
                struct sw_err *err);
    int (*exec)(void *self, const char *id, const struct runtime_exec *e, int *ret_exit_code,
                struct sw_err *err);
    /* A process beside the container's first one, with a terminal or pipes, for a while. dir: exec_process_options'. Optional. */
    int (*enter)(void *self, const char *id, const char *const *argv, bool tty, const char *dir,
                 struct exec_process *ret, struct sw_err *err);
    int (*remove)(void *self, const char *id,
                  struct sw_err *err); /* kills what is left; a missing one is fine */
    /* Takes no more output of the container, so that it waits when it writes; or goes on. Works for containers of an earlier agent
     * process. SW_ENOTFOUND: it has ended, or its output was taken already. Optional. */
    int (*hold)(void *self, const char *id, bool on, struct sw_err *err);
    int (*list)(void *self, int (*fn)(void *ctx, const char *id), void *ctx, struct sw_err *err);
};

struct runtime {
    const struct runtime_ops *ops;
    void *self;
};

struct runtime_oci_options {
    const char *state_dir;    /* exit files, sockets, pid files */
    const char *runtime_path; /* "runc" */
    const char *conmon_path;  /* "conmon" */
};
/* Checks that both programs exist and run. */
int runtime_oci_new(const struct runtime_oci_options *o, struct runtime *ret, struct sw_err *err);
void runtime_oci_free(struct runtime *r);
