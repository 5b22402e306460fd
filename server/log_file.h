/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/log_file.h - a file of lines that grows only at its end, and can be rotated under a running server.
 * Promise: a line is one write(2) to an O_APPEND descriptor, so lines of many threads do not mix, and one that was written
 * survives the end of this process. It is not synced: a power cut may take the last seconds (see
 * docs/internals/observability.md). A line that was cut by a full disk is ended by the next one.
 * Lines that may wait are gathered and written together, at the latest by the next log_file_flush(): the end of the process by
 * SIGKILL loses those since then. They may follow later lines in the file; a line says its time.
 * Threads: shared freely; log_file_write takes no lock, also while the file is reopened, log_file_write_later one that few
 * threads share.
 * Expected errors: none beyond SW_EIO and those of sw_open. */
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct log_file;

/* path "-" is standard error. Made with `mode` when missing, never truncated. */
int log_file_open(const char *path, mode_t mode, struct log_file **ret, struct sw_err *err);
void log_file_free(struct log_file *f); /* NULL ok; flushes */
/* `line` ends with a newline. A failure is counted, and logged once until a write succeeds again. NULL: does nothing. */
void log_file_write(struct log_file *f, const char *line, size_t n);
void log_file_write_later(struct log_file *f, const char *line, size_t n);
void log_file_flush(struct log_file *f); /* NULL: does nothing */
/* Opens the path again, for after a rotation by rename. On failure the old file stays in use. NULL: does nothing. */
int log_file_reopen(struct log_file *f, struct sw_err *err);

struct log_file_counts {
    uint64_t lines, failures;
};
void log_file_counts(const struct log_file *f, struct log_file_counts *ret); /* NULL: zeros */
