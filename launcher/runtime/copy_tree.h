/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/copy_tree.h - the files of an image into a new volume. Threads: any.
 * Expected errors: SW_ELIMIT (too many folders in folders), SW_EIO, reason "CannotCreateContainerError". */
#include "base/err.h"

/* All of one folder into another, which is empty: owners, modes, times, links, devices and attributes, nothing followed out of it. The
 * folder itself gets owner and mode, too. What was copied before an error stays. */
int copy_tree(int from_fd, int to_fd, struct sw_err *err);
