/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/s3_object.h - reads one object of an S3 store: a signed GET, bounded, without redirects. Threads: shared freely. */
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct s3_options {
    const char *endpoint; /* "https://s3.us-east-1.amazonaws.com"; NULL: that of the region */
    const char *region;   /* of the signature */
    const char *
        credentials; /* a file in the AWS shared credentials format, in place of a role's; NULL: the role's */
};
struct s3_reader;
int s3_reader_new(const struct s3_options *o, struct s3_reader **ret, struct sw_err *err);
void s3_reader_free(struct s3_reader *r); /* NULL ok */
/* credentials: {accessKeyId, secretAccessKey, sessionToken}. ret's maximum is the object's. SW_EUNAVAILABLE: trying again can help;
 * SW_ENOTFOUND, SW_EDENIED, SW_ELIMIT. */
int s3_reader_get(struct s3_reader *r, const json_t *credentials, const char *bucket,
                  const char *key, const volatile int *cancelled, struct sw_buf *ret,
                  struct sw_err *err);
