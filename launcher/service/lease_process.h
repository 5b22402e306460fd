/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/lease_process.h - where a process runs, as text, and whether the one of a text is dead for certain.
 * Certain is only what this machine can see: the same boot and the same space of process ids, and there is no such process, it ended,
 * or its number has another one now. That the machine was started anew proves it as well, unless two machines have one id; so
 * ask for that only where a wrong answer costs little.
 * Threads: any. No errors: what cannot be read proves nothing. */
#include <stdbool.h>

char *lease_process_self(void); /* JSON, owned */
/* For people: "HOST, process PID"; owned. */
char *lease_process_name(const char *process);
enum lease_proof { LEASE_ALIVE_OR_UNKNOWN, LEASE_DEAD, LEASE_OTHER_BOOT };
/* self: lease_process_self(). */
enum lease_proof lease_process_proof(const char *self, const char *other);
