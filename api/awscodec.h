/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/awscodec.h - what a wire protocol of the AWS edge has to be able to do. An edge calls it with values; a codec keeps nothing.
 * Threads: shared freely. */
#include <jansson.h>

#include "api/awsedge.h"

struct aws_codec {
    /* Content-Type of the request, never NULL; SW_EINVALID. */
    int (*check_media)(struct sw_str media, struct sw_err *err);
    /* A body whose signature was verified to a document: for JSON the input, for a query a tree of its parameters (Action and
     * Version among them). */
    int (*load)(struct sw_str body, json_t **ret, struct sw_err *err);
    /* The loaded document to the operation's input, in place; NULL: it is that already. */
    int (*shape)(const struct aws_op *op, json_t **doc, struct sw_err *err);
    /* Writes the answer but for the headers that every answer has. SW_ELIMIT. */
    int (*answer)(const struct aws_service *s, const struct aws_op *op, const char *request_id,
                  const json_t *out, struct http_res *res, struct sw_err *err);
    /* s: NULL when the request got no further than that. more: see aws_call.error_members, or NULL. */
    void (*error)(const struct aws_service *s, const struct http_req *req, const struct sw_err *e,
                  const json_t *more, struct http_res *res);
};
