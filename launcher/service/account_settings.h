/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/account_settings.h - what an account setting says for a caller: its own, else the account's, else slipway's.
 * Which settings there are, and what they change: account_settings.c. Threads: any. */
#include "launcher/service/launcher.h"

#define ACCOUNT_SETTING_VALUE 32 /* bytes */

/* name: one of the settings. */
int service_account_setting(struct launcher *l, const struct launcher_caller *c, const char *name,
                            char ret[ACCOUNT_SETTING_VALUE], struct sw_err *err);
