/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/sealed_program.h - runc from a copy in memory that nobody can change any more.
 * Whoever enters a container runs runc's program there, and the container must not be able to write to it. So runc makes itself a
 * read-only mount or a copy and runs that, every time it creates a container or a command in one: a mount, an unmount that waits for
 * the kernel, and a second start of the program. It does without when it sees that it already is a sealed copy.
 * Promise: only a program that says it is runc is run this way, and only where it runs so; any other is run as it is. A program that
 * was replaced on the disk is copied anew before it is next used.
 * Threads: any. */

struct sealed_program;

/* link: where a link to the copy is kept, for as long as the copy is there; in a folder of ours. */
struct sealed_program *sealed_program_new(const char *program, const char *link);
/* What to run: link or program, both valid as long as this is. */
const char *sealed_program_path(struct sealed_program *s);
void sealed_program_free(struct sealed_program *s);
