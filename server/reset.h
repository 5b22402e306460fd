/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/reset.h - POST /_slipway/reset: an ephemeral server as it was at its first start, for people who test against it.
 * Rows and memory are emptied before the answer; the keys of admin and of the local agent stay what they were, so clients go on;
 * bytes go soon after. What runs is stopped by the agent, which finds that it is not wanted any more.
 * Anybody who reaches the server may ask, as for its data there is no loss; a page in a browser may not (Origin). Other servers do
 * not have the path. */
#include "api/http.h"

struct reset {
    int (*run)(void *ctx, struct sw_err *err);
    void *ctx;
};
struct http_service reset_service(struct reset *r);
