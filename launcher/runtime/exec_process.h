/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/exec_process.h - a process in a container that runs, beside its first one: with a terminal or with pipes.
 * The OCI runtime makes it (`exec --detach`); between it and us stands one small process of our own program, the monitor, which is its
 * parent and so learns its exit code, and which ends it when our end of the control socket closes: whoever dies, no command is left
 * behind in a container.
 * Owns: the monitor and the descriptors. Threads: one at a time.
 * Expected errors: SW_EIO. That the runtime cannot start the command is an event, not an error. */
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct exec_process_options {
    const char *runtime, *runtime_root; /* program, its --root */
    const char *id;                     /* of the container */
    const char *const *argv;
    bool tty;
    const char *dir; /* an empty folder of ours, for this one */
};

struct exec_process {
    pid_t monitor;
    int control;
    int in, out,
        err; /* ours, non-blocking; with a terminal in is -1 and out is both; -1: closed, or not here yet */
    bool tty;
};

enum exec_event {
    EXEC_EVENT_NONE,
    EXEC_EVENT_TERMINAL, /* out is there */
    EXEC_EVENT_STARTED,
    EXEC_EVENT_FAILED, /* the runtime's words in text; exit_code as shells have it: 126, 127 */
    EXEC_EVENT_EXITED, /* exit_code: 128+N for signal N */
    EXEC_EVENT_LOST,   /* the monitor is gone */
};
#define EXEC_EVENT_TEXT 2048

int exec_process_start(const struct exec_process_options *o, struct exec_process *ret,
                       struct sw_err *err);
/* When control is readable. */
enum exec_event exec_process_event(struct exec_process *p, int *ret_exit_code,
                                   char text[EXEC_EVENT_TEXT]);
void exec_process_resize(struct exec_process *p, int cols, int rows);
void exec_process_close_input(struct exec_process *p);
/* Ends what still runs of it and waits for the monitor. */
void exec_process_end(struct exec_process *p);

/* The monitor: `slipway exec-monitor RUNTIME ROOT ID tty|pipes COMMAND...` with its control socket as descriptor 3. */
#define EXEC_MONITOR_COMMAND "exec-monitor"
int exec_monitor_main(int argc, char **argv);
