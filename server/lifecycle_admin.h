/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/lifecycle_admin.h - what `slipway lifecycle` asks of a running server, as operations of registry_admin.h.
 * PreviewLifecycle says what a run would do now and, unlike ECR's preview, what stays although a rule selects it and who uses it; a
 * permission to start ECR's preview is one for this. RunLifecycle makes the next run due now; it needs that of putting a policy. */
#include "api/awsjson.h"

struct preview_lifecycle_in {
    const char *repository, *policy;
};
struct run_lifecycle_in {
    const char *repository;
};

extern const struct sw_field preview_lifecycle_in[], preview_lifecycle_out[], run_lifecycle_in[];

/* The service's context is the registry. */
int preview_lifecycle(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
int run_lifecycle(struct aws_call *call, const void *in, json_t *out, struct sw_err *err);
