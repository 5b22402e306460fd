/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/api/iam.h - IAM's operations, API version 2010-05-08, over the directory.
 * Tables in iam_schema_*.c, handlers in iam_*.c. Every handler asks aws_may() with IAM's resource (user/PATH/NAME, role/...) before
 * it tells whether anything exists. Policy documents are percent-encoded in replies (RFC 3986), as clients expect them.
 * Threads: shared freely. */
#include "api/awsedge.h"
#include "auth/directory.h"

struct iam_api_options {
    struct identity *identity;
};
struct iam_api;
struct iam_api *iam_api_new(const struct iam_api_options *o);
void iam_api_free(struct iam_api *a); /* NULL ok */
struct aws_service iam_aws_service(struct iam_api *a);
