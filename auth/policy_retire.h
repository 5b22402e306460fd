/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_retire.h - a policy document's text after a user or role that it names by ARN went away or was renamed: it names the
 * unique id instead, as in IAM, so that who gets the name later gets nothing by it. Pure.
 * Expected errors: text that is no JSON. */
#include "base/err.h"

/* *ret: the new text (owned), or NULL when no Principal or NotPrincipal is that ARN. */
int policy_retire(const char *text, const char *arn, const char *id, char **ret,
                  struct sw_err *err);
