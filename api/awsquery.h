/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/awsquery.h - the AWS query protocol: parameters of a form in, XML out, from the same tables as JSON.
 * In: Name=value, lists Name.member.N (or Name.N), maps Name.entry.N.key and .value, structures Name.Member; an empty list or map
 * is "Name=". Numbers, booleans and times (ISO 8601) become what the table says, everything else stays text.
 * Out: <OpResponse xmlns><OpResult>...</OpResult><ResponseMetadata><RequestId>, lists as <member>, maps as <entry><key/><value/>,
 * times ISO 8601; errors <ErrorResponse><Error><Type><Code><Message>, with the query protocol's own codes and statuses
 * (api/wire_errors.h). A request whose credential is for ec2 is told in ec2's form, <Response><Errors>.
 * Bounded: LIMIT_AWS_DEPTH levels, LIMIT_AWS_VALUES values. Pure: values in, values out. */
#include <stdbool.h>

#include "api/awscodec.h"

extern const struct aws_codec aws_query_codec;

bool aws_query_is_form(
    const struct http_req *req); /* Content-Type application/x-www-form-urlencoded */
bool aws_query_is_query(const struct http_req *req); /* a GET with an Action parameter */

/* Takes Action and Version out of a loaded tree; they stay valid as long as `tree`. UnknownOperationException without an action,
 * MissingParameter without a version. */
int aws_query_action(json_t *tree, const char **ret_action, const char **ret_version,
                     struct sw_err *err);
