/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/layer_unpack.h - one image layer, from compressed bytes to a folder in overlayfs form.
 *
 * Promise: nothing outside the folder is read, written or linked, whatever the archive holds: each entry's parent is resolved
 * beneath the root by openat2 without leaving it (an entry that leads out is an error), the last component is never followed,
 * and files are made new, never opened. Decompression, entries and bytes are bounded. Whiteouts become what overlayfs expects:
 * 0/0 devices and the opaque attribute. Attributes other than security.capability and user.* are left out.
 * On an error the folder holds a partial layer: the caller removes it.
 * Expected errors: SW_EINVALID, SW_ELIMIT, SW_EIO (disk), reason "CannotPullContainerError" or "DiskFull".
 * Threads: independent calls are independent; one changes the locale of its thread while it runs. */
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

/* Compressed bytes: written to out, 0 at the end, <0 on error (err filled). */
typedef int64_t (*layer_read_fn)(void *ctx, void *out, size_t cap, struct sw_err *err);

struct layer_limits {
    int64_t unpacked_bytes;
    int64_t entries;
    int64_t ratio;      /* unpacked : compressed ... */
    int64_t ratio_free; /* ... beyond so many bytes */
};
extern const struct layer_limits layer_limits_default; /* base/limits.h */

struct layer_result {
    struct digest diff_id; /* sha256 of the uncompressed archive */
    int64_t unpacked_bytes, entries;
    struct sw_buf
        implicit; /* folders that no entry described, "path\0" each: they take what lower layers say */
};
#define LAYER_RESULT_INIT                         \
    {                                             \
        .implicit = SW_BUF_INIT(16 * 1024 * 1024) \
    }
void layer_result_done(struct layer_result *r);

int layer_unpack(layer_read_fn read, void *ctx, int root_fd, const struct layer_limits *limits,
                 struct layer_result *ret, struct sw_err *err);
