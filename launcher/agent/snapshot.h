/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/snapshot.h - unpacked layers on this machine: DIR/<chain id>/fs, each made once and shared by all containers.
 *
 * Promise: a snapshot that is visible is whole, after a crash of the process and of the machine alike: it is made in a temporary
 * folder and renamed; until its bytes are known to be on the disk it carries a mark with the boot it was made in, and one
 * with the mark of another boot is removed at the next start. So nothing that starts a container waits for the disk.
 * Two that want the same layer converge: the second waits for the first.
 * Threads: shared freely. Expected errors: SW_ELIMIT "DiskFull", SW_EIO. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

struct snapshots;
/* Removes what earlier processes left half-made. */
int snapshots_open(const char *dir, struct snapshots **ret, struct sw_err *err);
void snapshots_close(struct snapshots *s); /* waits for the sync that runs */

/* 0: the snapshot exists (if another was making it, waits for that to end). 1: the caller makes it, and has to end
 * with snapshots_publish or snapshots_abandon; *ret_dir (owned) is an empty folder for its files. */
int snapshots_claim(struct snapshots *s, const struct digest *chain, char **ret_dir,
                    struct sw_err *err);
int snapshots_publish(struct snapshots *s, const struct digest *chain, const char *dir,
                      struct sw_err *err);
void snapshots_abandon(struct snapshots *s, const struct digest *chain, const char *dir);

bool snapshots_have(struct snapshots *s, const struct digest *chain);
char *snapshots_path(struct snapshots *s, const struct digest *chain); /* of its files; owned */
/* For cleaning: names of all that are whole (owned, each too); when one was made; takes one out of sight, unless it is being made: the
 * folder to be removed (owned; at the next start if not before), or NULL. */
size_t snapshots_list(struct snapshots *s, char ***ret);
bool snapshots_made(struct snapshots *s, const char *name, int64_t *ret_s);
char *snapshots_take(struct snapshots *s, const char *name);
