/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/blob_answer.h - the answer to a GET or HEAD of a blob that its repository has: ranges, entity tags, and the bytes
 * from memory or by sendfile. Threads: any; may open a file. Expected errors: RANGE_INVALID, BLOB_UNKNOWN. */
#include "api/http.h"
#include "registry/core/blob_link.h"

int blob_answer(struct registry *reg, const struct http_req *req, struct repo *repo,
                const struct digest *d, const struct blob_link *link, struct http_res *res,
                struct sw_err *err);
