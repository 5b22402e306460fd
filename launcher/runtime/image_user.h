/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/image_user.h - what an image's text means inside its root file system: user, working directory, volumes.
 * Everything is resolved beneath the root (openat2, RESOLVE_IN_ROOT), so that links of the image lead nowhere else; files of the
 * image are bounded by LIMIT_PASSWD_FILE. Expected errors: SW_EINVALID, SW_ELIMIT with reason "CannotCreateContainerError". */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define IMAGE_GROUPS_MAX 512

struct image_user {
    uint32_t uid, gid;
    uint32_t groups[IMAGE_GROUPS_MAX]; /* supplementary, without gid */
    size_t groups_n;
    char home[256];
};

/* "", "user", "uid", "user:group", "uid:gid" and mixes. Ids are 0..2^31-1 after resolution, however they were written. A number that
 * /etc/passwd does not know is that uid with group 0; an unknown name is an error. With a group given there are no others. */
int image_user_resolve(int root_fd, const char *user, struct image_user *ret, struct sw_err *err);
/* The pure part: passwd and group are the texts of the two files. */
int image_user_parse(const char *user, struct sw_str passwd, struct sw_str group,
                     struct image_user *ret, struct sw_err *err);

/* Creates the folder and its parents inside the root (0755, as `uid`:`gid` for those made). The path has to be absolute and free of
 * "..", and must lead to a folder. */
int image_make_folder(int root_fd, const char *path, uint32_t uid, uint32_t gid,
                      struct sw_err *err);
/* For a bind mount onto a file: creates the parents and an empty file if nothing is there. */
int image_make_file(int root_fd, const char *path, struct sw_err *err);
/* Refuses an image whose /proc, /dev or /sys (or their mount targets below) is anything but a folder or absent. */
int image_check_mount_targets(int root_fd, struct sw_err *err);
/* openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; -1 and errno. */
int image_openat(int root_fd, const char *path, int flags, mode_t mode);
