/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/makers.h - the processes that make a container: the monitor and the runtime that it starts. Either may be killed
 * while the other goes on, or waits for ever for what the dead one would have done. They are told from others by their arguments: the
 * runtime's folder and the container's id are among those of both, the monitor's program only among the monitor's. (The
 * runtime may be a script that runs another program.)
 * Threads: any. */
#include <stdbool.h>

struct makers {
    const char *root, *monitor; /* the runtime's --root; the monitor's program; absolute paths */
    const char *id;             /* of the container */
};
/* Ends all of them. */
void makers_kill(const struct makers *m);
/* No runtime works on this container now. */
bool makers_runtime_is_gone(const struct makers *m);
