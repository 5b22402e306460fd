/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/process_stats.h - this process as the kernel sees it, under the names that Prometheus clients agree on (process_*).
 * Reads /proc/self; what cannot be read is left out. Threads: pure. */
#include "base/buf.h"

void process_stats_text(struct sw_buf *b);
