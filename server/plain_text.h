/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/plain_text.h - answers of the endpoints that speak no AWS or registry protocol (/healthz, /metrics, /_slipway/reset). Any thread. */
#include "api/http.h"

/* body is copied. */
void plain_text(struct http_res *res, int status, const char *body);
/* For http_service.error: a request that the edge refused before the endpoint saw it. */
void plain_text_error(void *ctx, const struct http_req *req, const struct sw_err *err,
                      struct http_res *res);
