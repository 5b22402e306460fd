/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/overlay.h - overlayfs mounts over any number of layers.
 * With the kernel's new mount interface (6.5 for "lowerdir+") there is no limit of text; before it the layers are named by
 * descriptor (/proc/self/fd/N), which fits some 200 of them into mount(2)'s page. redirect_dir and metacopy are off: what a
 * container writes must never make the kernel follow names it chose. */
#include <stddef.h>

#include "base/err.h"

#define OVERLAY_LAYERS_MAX 200

/* lowers[0] is the lowest layer. upper and work lie on one file system. SW_EIO, SW_EINVALID. */
int overlay_mount(const char *const *lowers, size_t n, const char *upper, const char *work,
                  const char *target, struct sw_err *err);
/* The same through mount(2) only: for older kernels and tests. */
int overlay_mount_classic(const char *const *lowers, size_t n, const char *upper, const char *work,
                          const char *target, struct sw_err *err);
/* Lazy if busy; a target that is not mounted or missing is fine. */
int overlay_umount(const char *target, struct sw_err *err);
