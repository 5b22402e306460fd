/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/backup_folders.h - what a backup takes beside rows and blobs: FROM/logs, the events of log streams, and FROM/policies, the policy
 * files when they lie in the data folder.
 * Segments of streams are only appended to or removed, so one whose size has not changed is there already, and the end of one that
 * grows meanwhile is cut at a frame or inside one, which the store takes for the end. Streams that the rows of the backup do not know
 * are dropped by the server that opens it. Policy files are taken as a whole: one that is gone is gone.
 * Promise: after 0 what was copied is durable. Interrupted anywhere, each file of TO is the old or the new one.
 * Expected errors: SW_ELIMIT "DiskFull", SW_EUNAVAILABLE (cancelled). */
#include <stdatomic.h>

#include "base/err.h"

int backup_copy_folders(const char *from, const char *to, const atomic_bool *cancelled,
                        struct sw_err *err);
