/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/blob_fetch.h - one blob on its way: a thread downloads it into a nameless file and hashes it, while the caller
 * reads behind. Broken connections are resumed by ranges (or from the start when the server has none), a bounded number of times.
 * One reader. Expected errors: SW_EMISMATCH, SW_ELIMIT, SW_EUNAVAILABLE; reason "CannotPullContainerError". */
#include <stdbool.h>
#include <stdint.h>

#include "launcher/agent/registry_client.h"

struct blob_fetch;
/* Everything passed in is borrowed until finish. cancelled: optional. dir: where the file is made. */
int blob_fetch_start(struct registry_client *c, const struct image_reference *ref,
                     const struct digest *digest, int64_t size, const char *dir,
                     const volatile int *cancelled, struct blob_fetch **ret, struct sw_err *err);
/* A layer_read_fn; ctx is the fetch. Gives bytes before they are verified. */
int64_t blob_fetch_read(void *ctx, void *out, size_t cap, struct sw_err *err);
/* Waits for the end (or gives up at once) and frees. 0: size and digest are right. */
int blob_fetch_finish(struct blob_fetch *f, bool give_up, struct sw_err *err);
