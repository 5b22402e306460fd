/* SPDX-License-Identifier: Apache-2.0 */
/* ResumeSession: Systems Manager API 2014-11-06. Session Manager's client calls it again and again when the connection of its session
 * broke, and gives up when the answer has no token. A session here is over with its connection (docs/internals/exec.md), so that is
 * always the answer, and everybody may have it. */
#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/api/ssm_internal.h"

const struct sw_field resume_session_in[] = {
    STRING("SessionId", F_READ | F_REQUIRED | F_LIMITS, .min = 1, .max = 96),
    F_END,
};
const struct sw_field resume_session_out[] = {
    STRING("SessionId", 0),
    STRING("TokenValue", 0),
    STRING("StreamUrl", 0),
    F_END,
};

int resume_session(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                   struct sw_err *err SW_UNUSED)
{
    char arn[400];
    const char *id = sw_json_str(call->input, "SessionId", "");
    (void)snprintf(arn, sizeof arn, "arn:aws:ssm:%s:%s:session/%s", call->region,
                   call->principal.account, id);
    aws_allow(call, arn);
    sw_json_set_str(out, "SessionId", id);
    return 0;
}
