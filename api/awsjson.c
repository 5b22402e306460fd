/* SPDX-License-Identifier: Apache-2.0 */
/* api/awsjson.c - AWS JSON 1.1 and 1.0: documents in, documents out. */
#include "api/awsjson.h"

#include <stdlib.h>
#include <string.h>

#include "api/wire_errors.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/macros.h"

#define CONTENT_TYPE "application/x-amz-json-1.1"

int aws_json_target(const char *target, struct sw_str *ret_prefix, struct sw_str *ret_operation,
                    struct sw_err *err)
{
    const char *dot = target ? strrchr(target, '.') : NULL;

    if (!dot)
        return sw_fail(err, SW_EINVALID, "UnknownOperationException",
                       "the header X-Amz-Target names no operation");
    *ret_prefix = sw_str_n(target, (size_t)(dot - target));
    *ret_operation = sw_str(dot + 1);
    return 0;
}

static int check_media(struct sw_str media, struct sw_err *err)
{
    if (sw_str_eq_nocase(media, SW_STR("application/x-amz-json-1.1")) ||
        sw_str_eq_nocase(media, SW_STR("application/x-amz-json-1.0")))
        return 0;
    return sw_fail(err, SW_EINVALID, "SerializationException",
                   "the Content-Type must be application/x-amz-json-1.1, not " SW_STR_FMT,
                   (int)SW_MIN(media.n, 60U), media.p);
}

static int load(struct sw_str body, json_t **ret, struct sw_err *err)
{
    if (body.n == 0)
        body = SW_STR("{}");
    return sw_json_load(body, LIMIT_AWS_DEPTH, LIMIT_AWS_VALUES, "SerializationException", ret,
                        err);
}

static int answer(const struct aws_service *s, const struct aws_op *op, const char *request_id,
                  const json_t *out, struct http_res *res, struct sw_err *err)
{
    char *text = sw_json_dump(out);

    (void)s, (void)op, (void)request_id, (void)err;
    http_res_borrow(res, text, strlen(text), free, text);
    http_res_set(res, "Content-Type", CONTENT_TYPE);
    return 0;
}

static void error(const struct aws_service *s, const struct http_req *req, const struct sw_err *e,
                  const json_t *more, struct http_res *res)
{
    (void)s, (void)req;
    wire_aws_error_with(res, e, more);
}

const struct aws_codec aws_json_codec = {check_media, load, NULL, answer, error};
