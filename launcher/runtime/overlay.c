/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/overlay.c - Documentation/filesystems/overlayfs.rst of the kernel; fsopen(2), fsconfig(2). */
#include "launcher/runtime/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"

#define CONFIG_SET_FLAG   0
#define CONFIG_SET_STRING 1
#define CONFIG_CREATE     6
#define FS_CLOEXEC        1
#define MOUNT_CLOEXEC     1
#define MOVE_F_EMPTY_PATH 4

/* The options that keep the kernel from following what a container wrote into its own upper folder. */
static const char *const fixed_options[][2] = {
    {"redirect_dir", "off"}, {"metacopy", "off"}, {"index", "off"}};

static long set(int fs, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, fs, CONFIG_SET_STRING, key, value, 0);
}

/* 1: the kernel has no such interface, nothing was done; 0: mounted. */
static int mount_new(const char *const *lowers, size_t n, const char *upper, const char *work,
                     const char *target, struct sw_err *err)
{
    sw_autoclose int fs = (int)syscall(SYS_fsopen, "overlay", FS_CLOEXEC);
    if (fs < 0)
        return 1;
    for (size_t i = n; i-- > 0;)
        if (set(fs, "lowerdir+", lowers[i]) < 0) {
            if (i == n - 1 && errno == EINVAL)
                return 1;
            return sw_fail_os(err, errno, "overlay layer %s", lowers[i]);
        }
    for (size_t i = 0; i < SW_ARRAY_LEN(fixed_options); i++)
        if (set(fs, fixed_options[i][0], fixed_options[i][1]) < 0 && errno != EINVAL)
            return sw_fail_os(err, errno, "overlay option %s", fixed_options[i][0]);
    /* A container's own layer is thrown away with it: unmounting need not wait for the disk. Older kernels refuse the flag. */
    (void)syscall(SYS_fsconfig, fs, CONFIG_SET_FLAG, "volatile", NULL, 0);
    if (set(fs, "upperdir", upper) < 0 || set(fs, "workdir", work) < 0)
        return sw_fail_os(err, errno, "overlay upper folder %s", upper);
    if (syscall(SYS_fsconfig, fs, CONFIG_CREATE, NULL, NULL, 0) < 0)
        return sw_fail_os(err, errno, "overlay of %zu layers", n);
    sw_autoclose int mnt = (int)syscall(SYS_fsmount, fs, MOUNT_CLOEXEC, 0);
    if (mnt < 0 || syscall(SYS_move_mount, mnt, "", AT_FDCWD, target, MOVE_F_EMPTY_PATH) < 0)
        return sw_fail_os(err, errno, "mounting the overlay on %s", target);
    return 0;
}

int overlay_mount_classic(const char *const *lowers, size_t n, const char *upper, const char *work,
                          const char *target, struct sw_err *err)
{
    int fds[OVERLAY_LAYERS_MAX + 2];
    size_t fds_n = 0;
    int r = 0;
    SW_CLEANUP(sw_buf_done) struct sw_buf o = SW_BUF_INIT(4095);
    sw_buf_add_z(&o, "redirect_dir=off,metacopy=off,index=off,lowerdir=");
    if (n == 0 || n > OVERLAY_LAYERS_MAX)
        return sw_fail(err, SW_EINVALID, NULL, "%zu layers: an overlay takes 1 to %d", n,
                       OVERLAY_LAYERS_MAX);
    for (size_t i = n + 2; r == 0 && i-- > 0;) {
        const char *path = i >= 2 ? lowers[i - 2] : i == 1 ? upper : work;
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            r = sw_fail_os(err, errno, "overlay folder %s", path);
            break;
        }
        fds[fds_n++] = fd;
        const char *before = i == 1 ? ",upperdir=" : i == 0 ? ",workdir=" : i == n + 1 ? "" : ":";
        sw_buf_addf(&o, "%s/proc/self/fd/%d", before, fd);
    }
    if (r == 0)
        r = sw_buf_check(&o, NULL, err);
    if (r == 0 && mount("overlay", target, "overlay", 0, sw_buf_str(&o).p) < 0)
        r = sw_fail_os(err, errno, "overlay of %zu layers on %s", n, target);
    while (fds_n)
        close(fds[--fds_n]);
    return r;
}

int overlay_mount(const char *const *lowers, size_t n, const char *upper, const char *work,
                  const char *target, struct sw_err *err)
{
    if (n == 0 || n > OVERLAY_LAYERS_MAX)
        return sw_fail(err, SW_EINVALID, NULL, "%zu layers: an overlay takes 1 to %d", n,
                       OVERLAY_LAYERS_MAX);
    int r = mount_new(lowers, n, upper, work, target, err);
    return r == 1 ? overlay_mount_classic(lowers, n, upper, work, target, err) : r;
}

int overlay_umount(const char *target, struct sw_err *err)
{
    if (umount2(target, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
        return 0;
    if (errno == EBUSY && umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
        return 0;
    return sw_fail_os(err, errno, "unmounting %s", target);
}
