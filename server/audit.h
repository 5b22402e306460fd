/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/audit.h - who pushed, pulled, deleted, launched or changed rights, and who was refused: one JSON object a line.
 * Members: time, request_id, principal (ARN, "anonymous", or "slipway" for what the server does by itself), access_key_id,
 * source_ip, action ("ecr:PutImage"; null when the caller was not believed), also (a second allowed action), resource (ARN),
 * reference (tags and digests that the request names), digest (that the answer names), outcome, why (of a denial), route, method,
 * status.
 * outcome: "allowed" (and done), "denied" (by may(), or the caller's proof of identity was refused), "failed" (allowed, but the
 * answer is an error: nothing was changed, or the peer went away).
 * Rule: every denial, and every action that does not only read; of the reading ones those that hand out images or credentials.
 * What is left out is a table in audit.c, so an action that nobody thought of is audited.
 * Threads: pure. */
#include <stdbool.h>

#include "api/http.h"
#include "base/buf.h"

#define AUDIT_LINE_MAX (16 * 1024) /* every text of it as \u00xx still fits */

bool audit_wanted(const struct http_req *req, const struct http_res *res);
/* A pull that was allowed: there are many of them, so its line may wait a moment to be written with others. */
bool audit_may_wait(const struct http_req *req);
/* One line with its newline, into a buffer of at least AUDIT_LINE_MAX. */
void audit_line(struct sw_buf *b, const struct http_req *req, const struct http_res *res);
/* What the server does by itself, such as making the first admin. */
void audit_own_line(struct sw_buf *b, int64_t now_us, const char *action, const char *resource,
                    const char *why);
