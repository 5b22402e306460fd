/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/tar_writer.h - a tar archive written as its members come: each with its size known before its bytes. Reproducible: no
 * clock, no owner in it. The file appears under its name when it is whole. One thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct tar_writer;
/* path "-": standard output. */
int tar_writer_open(const char *path, struct tar_writer **ret, struct sw_err *err);
/* True when a member of this name was begun before. */
bool tar_writer_has(const struct tar_writer *w, const char *name);
int tar_writer_begin(struct tar_writer *w, const char *name, uint64_t size, struct sw_err *err);
int tar_writer_data(struct tar_writer *w, const void *data, size_t n, struct sw_err *err);
int tar_writer_member(struct tar_writer *w, const char *name, const void *data, size_t n,
                      struct sw_err *err);
int tar_writer_finish(struct tar_writer *w, struct sw_err *err);
void tar_writer_free(struct tar_writer *w); /* NULL ok; removes what was not finished */
