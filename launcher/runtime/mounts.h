/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/mounts.h - mounts of this machine that containers get as volumes. DIR is a folder of the agent's own whose entries are mount points and nothing else, so it is never emptied by removing files.
 * Threads: one DIR belongs to one thread at a time; a file server that does not answer holds up that one only.
 * Expected errors: SW_ENOTFOUND, SW_EINVALID, SW_EIO with the reason "InvalidVolumeError". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Binds what `path` means inside the folder `root` (links lead nowhere out of it) at DIR/NAME. create: a folder that is missing is
 * made, for uid and gid, mode. One that is bound already stays. *ret_path is DIR/NAME, owned. */
struct mounts_folder {
    bool create;
    uint32_t uid, gid, mode;
};
int mounts_bind_beneath(const char *dir, const char *name, const char *root, const char *path,
                        const struct mounts_folder *missing, char **ret_path, struct sw_err *err);
/* Mounts at DIR/NAME what docker's driver local would: type (tmpfs, nfs, nfs4; "" and none with the option bind), device, options
 * with commas. */
int mounts_make(const char *dir, const char *name, const char *type, const char *device,
                const char *options, char **ret_path, struct sw_err *err);
/* Unmounts all of DIR and removes it; nothing that is mounted is touched. False: something stayed. */
bool mounts_release(const char *dir);

/* What "ro,nosuid" says of a bind mount, for one that is there. */
int mounts_set_options(const char *path, const char *options, struct sw_err *err);

/* "ro,addr=10.0.0.1,nolock" -> flags of mount(2) and the rest, joined. Pure. ret_rest has room for options and a NUL. */
unsigned long mounts_options(const char *options, char *ret_rest);
