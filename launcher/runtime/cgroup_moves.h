/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/cgroup_moves.h - makes the start of a container quicker. Moving a process into a control group waits for a grace period
 * of the kernel (RCU; 8 to 14 ms on small machines), but not when another was moved in the last 10 ms. So while a container is on
 * its way to the runtime, which moves its first process, a thread here moves our own process to where it is already.
 * Only time depends on it: where it cannot be done nothing happens. Threads: shared freely, but for new and free. */

struct cgroup_moves;
/* root: where control groups are mounted; NULL: /sys/fs/cgroup. */
struct cgroup_moves *cgroup_moves_new(const char *root);
/* A process will be moved within a tenth of a second. Returns at once. */
void cgroup_moves_soon(struct cgroup_moves *m);
void cgroup_moves_free(struct cgroup_moves *m); /* NULL ok */
