/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/exec_wire.h - what the monitor says on its control socket (SOCK_SEQPACKET), one packet each; exec_process.c and
 * exec_monitor.c only. */
#include <stdint.h>

#define EXEC_MONITOR_FD 3

struct exec_wire {
    char
        kind; /* 'T' terminal, with its descriptor; 'S' started; 'F' failed, 'X' exited: with the code */
    int32_t code;
    char text[2048]; /* of F; NUL-terminated */
};
