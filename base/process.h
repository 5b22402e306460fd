/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/process.h - other programs, started by posix_spawn: safe in a threaded process.
 * All descriptors but those given are closed in the child (they are O_CLOEXEC); signals are reset
 * to default. */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct sw_err;

struct sw_process_fd {
    int child_fd, our_fd; /* our_fd appears as child_fd in the child */
};

struct sw_process_spec {
    const char *const *argv;         /* argv[0] is searched in PATH; NULL-terminated */
    const char *const *env;          /* NULL: inherit */
    const char *cwd;                 /* NULL: inherit */
    struct sw_str input;             /* written to standard input; empty: /dev/null */
    int64_t timeout_ms;              /* 0: 60 s. Then SIGKILL and SW_EUNAVAILABLE */
    const struct sw_process_fd *fds; /* extra descriptors */
    size_t fds_n;
    const sigset_t *blocked; /* blocked in the child from its first instant on; NULL: none */
};

struct sw_process_result {
    int exit_code; /* 128+N when killed by signal N */
};

/* Runs to its end. Output is cut at the buffers' maxima (the rest is read and dropped). out,
 * err_out may be NULL: the child inherits ours. Fails only if it could not be started or timed out;
 * look at exit_code for the rest. */
int sw_process_run(const struct sw_process_spec *spec, struct sw_buf *out, struct sw_buf *err_out,
                   struct sw_process_result *ret, struct sw_err *err);

/* Starts without waiting; standard input /dev/null, output and error as given descriptors (-1:
 * inherit). */
int sw_process_start(const struct sw_process_spec *spec, int out_fd, int err_fd, pid_t *ret_pid,
                     struct sw_err *err);
/* Waits up to timeout_ms (<0: for ever). 1: ended and *ret filled; 0: still running; <0: error. */
int sw_process_wait(pid_t pid, int64_t timeout_ms, struct sw_process_result *ret,
                    struct sw_err *err);
/* SIGTERM, then after grace_ms SIGKILL; reaps. */
void sw_process_stop(pid_t pid, int64_t grace_ms);

/* Absolute path of our own program (/proc/self/exe), borrowed, valid for ever. */
const char *sw_self_path(void);
/* True if `name` is found in PATH, or in the sbin folders, which PATH lacks for ordinary users; the
 * absolute path goes to out. */
bool sw_find_program(const char *name, char *out, size_t cap);
