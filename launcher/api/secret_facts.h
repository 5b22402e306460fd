/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/secret_facts.h - may() for operations on secrets and parameters: what a policy's conditions may ask about the call
 * (secretsmanager:VersionStage, ssm:Overwrite, aws:RequestTag/..., aws:ResourceTag/...), and the right to tag what is made.
 * Threads: within one call.
 * Spec: Service Authorization Reference, AWS Secrets Manager and AWS Systems Manager. */
#include "launcher/api/ecs_internal.h"
#include "launcher/secrets/secrets.h"

/* Of the call; borrows from it. */
struct secrets_caller secrets_caller_of(const struct aws_call *call);
struct secrets *secrets_of(const struct aws_call *call);

/* aws_may() on `arn` with the facts of the call. tags: of what is there, [{Key, Value}], or NULL. tag_action: what tags in the
 * input of an operation that makes something also need, or NULL. */
int secrets_may(struct aws_call *call, const char *arn, const json_t *tags, const char *tag_action,
                struct sw_err *err);
/* The same for another action, without marking the call as allowed. */
int secrets_may_action(struct aws_call *call, const char *action, const char *arn,
                       const json_t *tags, struct sw_err *err);

/* Runs it for the caller on the call's input. */
int secrets_run(struct aws_call *call, secrets_fn fn, json_t *out, struct sw_err *err);
/* The same for one page: NextToken and MaxResults (1..page_max). `reason`: the service's for a token that is none. */
int secrets_run_page(struct aws_call *call, secrets_list_fn fn, int page_max, const char *reason,
                     json_t *out, struct sw_err *err);
