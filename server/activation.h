/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/activation.h - `slipway agent --activation-id --activation-code`: an activation is exchanged, once, for the credentials of
 * this machine, which lie in DIR/external-credentials from then on. */
#include <stdbool.h>

#include "server/client.h"

/* Where the credentials are or would be; owned by the caller. */
char *activation_credentials_path(const char *dir);
/* Makes them, unless they are there. `how` says endpoint, region and certificate authority. */
int activation_use(const char *dir, const char *id, const char *code,
                   const struct client_options *how, struct sw_err *err);
