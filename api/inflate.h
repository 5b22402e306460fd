/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/inflate.h - request bodies with a Content-Encoding. Pure. */
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* encoding: "gzip". SW_EUNSUPPORTED "UnsupportedFeatureException" for others, SW_EINVALID "SerializationException" for bytes that
 * are no whole gzip member, SW_ELIMIT "RequestEntityTooLarge" beyond ret's maximum. Nothing is allocated beyond that. */
int api_inflate(const char *encoding, struct sw_str data, struct sw_buf *ret, struct sw_err *err);
