/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/io.h - files. Every descriptor is O_CLOEXEC. Durable where the name or comment says so. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct sw_err;

int sw_open(const char *path, int flags, mode_t mode, int *ret_fd, struct sw_err *err);
int sw_openat(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd, struct sw_err *err);
int sw_write_all(int fd, const void *data, size_t n, struct sw_err *err);
int sw_pwrite_all(int fd, const void *data, size_t n, int64_t offset, struct sw_err *err);
/* Reads to the end of the file; SW_ELIMIT beyond ret's maximum. */
int sw_read_fd(int fd, struct sw_buf *ret, struct sw_err *err);
int sw_read_file(const char *path, struct sw_buf *ret, struct sw_err *err);
/* Writes a temporary file beside it, fsyncs, renames over `path`, fsyncs the folder: all or nothing
 * after a crash. */
int sw_write_file_atomic(const char *path, const void *data, size_t n, mode_t mode,
                         struct sw_err *err);
/* The same without the syncs: readers see the old or the new content, but after a power cut maybe
 * neither. For what a start writes anew. */
int sw_replace_file(const char *path, const void *data, size_t n, mode_t mode, struct sw_err *err);
int sw_fsync_dir(const char *path, struct sw_err *err);
int sw_mkdirs(const char *path, mode_t mode, struct sw_err *err); /* existing folders are fine */
/* Removes a tree without following links or crossing mounts. A missing path is fine. */
int sw_remove_tree(const char *path, struct sw_err *err);
bool sw_path_exists(const char *path);
/* Creates "prefixXXXXXX" 0700; the path is written back into `path_template`. */
int sw_make_temp_dir(char *path_template, struct sw_err *err);
/* Exclusive flock on `path` (created 0600). SW_ECONFLICT if another process holds it. Closing the
 * fd releases it. */
int sw_lock_file(const char *path, int *ret_fd, struct sw_err *err);
