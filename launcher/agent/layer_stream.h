/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/layer_stream.h - a layer's bytes uncompressed: gzip (any number of members), zstd or none, told by their first bytes.
 * Hashes what it gives out, and refuses what unpacks to more than the limits say. One thread at a time. */
#include "launcher/agent/layer_unpack.h"

struct layer_stream;
struct layer_stream *layer_stream_new(layer_read_fn read, void *ctx,
                                      const struct layer_limits *limits);
void layer_stream_free(struct layer_stream *s);
/* Up to cap bytes; 0 at the end; <0: SW_EINVALID, SW_ELIMIT or what the source said. */
int64_t layer_stream_read(struct layer_stream *s, void *out, size_t cap, struct sw_err *err);
void layer_stream_diff_id(const struct layer_stream *s, struct digest *ret);
