/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/health.h - GET /healthz and /readyz, and 404 for every path that no other service takes. */
#include <stdatomic.h>

#include "api/http.h"

struct health {
    atomic_bool ready;
};
/* Takes every request: must come last. `h` is borrowed. */
struct http_service health_service(struct health *h);
