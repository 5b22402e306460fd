/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/wire_errors.h - from an error value to what goes over the wire: one table
 * {reason, HTTP status of the AWS form, OCI status, OCI code}. Domain code never writes a status. A reason that is not in the
 * table fails a unit test that greps the sources; at run time it is an internal error. */
#include "api/http.h"
#include "base/err.h"

struct wire_error {
    const char *reason;   /* as set by sw_fail */
    int aws_status;       /* 0: never sent by an AWS operation */
    const char *aws_type; /* NULL: the reason itself */
    int oci_status;       /* 0: never sent by /v2/ */
    const char *oci_code; /* NULL: the reason itself */
};

/* By reason; else by err->code (SW_ENOTFOUND -> 404 ...); never NULL. */
const struct wire_error *wire_error_find(const struct sw_err *err);
extern const struct wire_error wire_errors[]; /* sorted by reason */
extern const size_t wire_errors_n;

/* {"errors":[{"code","message","detail"}]}; HEAD answers carry no body. An internal error's text is not shown (it is logged). */
void wire_oci_error(struct http_res *res, const struct sw_err *err);
/* The same with one entry for each of n > 0 errors; the first one says the status. */
void wire_oci_errors(struct http_res *res, const struct sw_err *errs, size_t n);
/* {"__type","message"} with x-amzn-ErrorType. more (or NULL): members that this error's shape has besides. */
struct json_t;
void wire_aws_error(struct http_res *res, const struct sw_err *err);
void wire_aws_error_with(struct http_res *res, const struct sw_err *err, const struct json_t *more);
/* The query protocol's status and code for an error: the JSON type by another name (AccessDenied, SignatureDoesNotMatch ...), and
 * IAM's statuses (404 NoSuchEntity, 409 EntityAlreadyExists ...). */
void wire_query_form(const struct sw_err *err, int *ret_status, const char **ret_code);
/* What a caller may read of an error, valid UTF-8, cut to fit. */
void wire_public_text(const struct sw_err *err, char *out, size_t cap);
/* Logs an internal failure (SW_EIO, SW_EINTERNAL, DiskFull) once, with the request's id and route; others not. Whoever turns an
 * error into an answer calls it. */
void wire_log(const struct http_req *req, const struct sw_err *err);
