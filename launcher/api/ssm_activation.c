/* SPDX-License-Identifier: Apache-2.0 */
/* CreateActivation, DescribeActivations, DeleteActivation: Systems Manager API 2014-11-06. */
#include <stdio.h>
#include <strings.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_internal.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/api/ssm_internal.h"
#include "launcher/service/activations.h"

#define PAGE_MAX 50

/* clang-format off */
static const struct sw_field ssm_tag[] = {
    STRING("Key", F_STORED | F_REQUIRED | F_LIMITS, .min = 1, .max = 128),
    STRING("Value", F_STORED | F_REQUIRED | F_LIMITS, .min = 1, .max = 256),
    F_END,
};
static const struct sw_field ssm_tags_list[] = {STRUCT("member", 0, ssm_tag)};

static const struct sw_field metadata_item[] = {
    STRING("Key", F_REFUSED | F_REQUIRED | F_LIMITS, .min = 1, .max = 128),
    STRING("Value", F_REFUSED | F_REQUIRED | F_LIMITS, .min = 1, .max = 256),
    F_END,
};
static const struct sw_field metadata_list[] = {STRUCT("member", 0, metadata_item)};

const struct sw_field create_activation_in[] = {
    STRING("Description", F_STORED | F_LIMITS, .min = 0, .max = 256),
    STRING("DefaultInstanceName", F_STORED | F_LIMITS, .min = 0, .max = 256),
    STRING("IamRole", F_READ | F_REQUIRED | F_LIMITS, .min = 0, .max = 64),
    INTEGER("RegistrationLimit", F_READ | F_LIMITS, .min = 1, .max = 1000),
    TIME("ExpirationDate", F_READ),
    LIST("Tags", F_STORED | F_LIMITS, ssm_tags_list, .min = 0, .max = 1000),
    LIST("RegistrationMetadata", F_REFUSED, metadata_list),
    F_END,
};
const struct sw_field create_activation_out[] = {
    STRING("ActivationId", 0),
    STRING("ActivationCode", 0),
    F_END,
};

const struct sw_field delete_activation_in[] = {STRING("ActivationId", F_READ | F_REQUIRED), F_END};
const struct sw_field delete_activation_out[] = {F_END};

static const char *const filter_keys[] = {"ActivationIds", "DefaultInstanceName", "IamRole", NULL};
static const struct sw_field filter[] = {
    ENUM("FilterKey", F_READ, filter_keys),
    LIST("FilterValues", F_READ, strings_list),
    F_END,
};
static const struct sw_field filters_list[] = {STRUCT("member", 0, filter)};

const struct sw_field describe_activations_in[] = {
    LIST("Filters", F_READ, filters_list),
    INTEGER("MaxResults", F_READ | F_LIMITS, .min = 1, .max = PAGE_MAX),
    STRING("NextToken", F_READ),
    F_END,
};

static const struct sw_field activation[] = {
    STRING("ActivationId", 0),
    STRING("Description", 0),
    STRING("DefaultInstanceName", 0),
    STRING("IamRole", 0),
    INTEGER("RegistrationLimit", 0),
    INTEGER("RegistrationsCount", 0),
    TIME("ExpirationDate", 0),
    BOOLEAN("Expired", 0),
    TIME("CreatedDate", 0),
    LIST("Tags", 0, ssm_tags_list),
    F_END,
};
static const struct sw_field activation_list[] = {STRUCT("member", 0, activation)};
const struct sw_field describe_activations_out[] = {
    LIST("ActivationList", 0, activation_list),
    STRING("NextToken", 0),
    F_END,
};
/* clang-format on */

static const struct policy_key *passed_to(void *ctx SW_UNUSED, const char *name)
{
    static const char *const services[] = {"ssm.amazonaws.com"};
    static const struct policy_key key = {
        .name = "iam:PassedToService", .values = services, .values_n = 1};
    return strcasecmp(name, key.name) == 0 ? &key : NULL;
}

int ssm_may_pass(struct aws_call *call, const char *role, struct sw_err *err)
{
    char arn[ARN_MAX];
    struct policy_context *context = &call->context, before = *context;
    (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:role/%.64s", call->principal.account, role);
    context->more = passed_to;
    int r = aws_may_action(call, "iam:PassRole", arn, err);
    *context = before;
    return r;
}

int create_activation(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *input = ecs_input(call);
    int r = aws_may(call, "*", err);
    if (r < 0 || (r = ssm_may_pass(call, sw_json_str(input, "IamRole", ""), err)) < 0)
        return r;
    return launcher_create_activation(ecs_launcher(call), &c, input, out, err);
}

int delete_activation(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = aws_may(call, "*", err);
    return r < 0 ? r : launcher_delete_activation(ecs_launcher(call), &c, call->input, out, err);
}

int describe_activations(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    return ssm_page(call, launcher_describe_activations, PAGE_MAX, out, err);
}

int ssm_page(struct aws_call *call, launcher_list_fn fn, int most, json_t *out, struct sw_err *err)
{
    char after[ARN_MAX] = "", token[AWS_PAGE_TOKEN_MAX];
    struct launcher_caller c = ecs_caller(call);
    sw_autojson json_t *input = ecs_input(call);
    const char *next = sw_json_str(input, "NextToken", NULL);
    struct launcher_page page = {.after = after,
                                 .limit = (int)sw_json_int(input, "MaxResults", most)};
    int r = aws_may(call, "*", err);
    if (r == 0 && next)
        r = aws_page_token_parse(next, after, sizeof after, "ValidationException", err);
    if (r < 0 || (r = fn(ecs_launcher(call), &c, input, &page, out, err)) < 0)
        return r;
    if (*page.next) {
        aws_page_token(page.next, token);
        sw_json_set_str(out, "NextToken", token);
    }
    return 0;
}
