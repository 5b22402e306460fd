/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/awsjson.h - the AWS JSON 1.1 (and 1.0) protocol: bodies are JSON documents, errors {"__type","message"}.
 * Pure: values in, values out. Handlers need api/awsedge.h only. */
#include "api/awscodec.h"
#include "api/awsedge.h"

extern const struct aws_codec aws_json_codec;

/* "AmazonEC2ContainerRegistry_V20150921.PutImage" to its two parts; UnknownOperationException when it names none. */
int aws_json_target(const char *target, struct sw_str *ret_prefix, struct sw_str *ret_operation,
                    struct sw_err *err);
