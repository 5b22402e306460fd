/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter Store: Systems Manager API 2014-11-06. Each name that an operation lists is asked for. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/ecs_schema.h"
#include "launcher/api/secret_facts.h"
#include "launcher/api/ssm_internal.h"

#define PAGE_MAX      50
#define PATH_PAGE_MAX 10
#define BAD_TOKEN     "InvalidNextToken"

/* clang-format off */
#define TEXT(n, f, lo, hi) STRING(n, (f) | F_LIMITS, .min = (lo), .max = (hi))
#define PAGE(most)         INTEGER("MaxResults", F_READ | F_LIMITS, .min = 1, .max = (most)), STRING("NextToken", F_READ)
#define NAME               TEXT("Name", F_READ | F_REQUIRED, 1, 2048)

static const char *const type_values[] = {"String", "StringList", "SecureString", NULL};
static const char *const tier_values[] = {"Standard", "Advanced", "Intelligent-Tiering", NULL};
static const char *const resource_values[] = {"Document", "ManagedInstance", "MaintenanceWindow", "Parameter", "PatchBaseline",
                                              "OpsItem", "OpsMetadata", "Automation", "Association", NULL};

static const struct sw_field tag_entry[] = {
    TEXT("Key", F_STORED | F_REQUIRED, 1, 128),
    TEXT("Value", F_STORED | F_REQUIRED, 1, 256),
    F_END,
};
static const struct sw_field parameter_tag_list[] = {STRUCT("member", 0, tag_entry)};
static const struct sw_field tag_key_list[] = {TEXT("member", F_READ, 1, 128)};
static const struct sw_field name_list[] = {TEXT("member", F_READ, 1, 2048)};
static const struct sw_field filter_value_list[] = {TEXT("member", F_READ, 1, 1024)};

const struct sw_field put_parameter_in[] = {
    NAME,
    TEXT("Description", F_STORED, 0, 1024),
    STRING("Value", F_STORED | F_REQUIRED),
    ENUM("Type", F_STORED, type_values),
    TEXT("KeyId", F_READ, 1, 256),
    BOOLEAN("Overwrite", F_READ),
    TEXT("AllowedPattern", F_REFUSED, 0, 1024),
    LIST("Tags", F_STORED | F_LIMITS, parameter_tag_list, .min = 0, .max = 1000),
    ENUM("Tier", F_STORED, tier_values),
    TEXT("Policies", F_REFUSED, 1, 4096),
    TEXT("DataType", F_READ, 0, 128),
    F_END,
};
const struct sw_field put_parameter_out[] = {LONG("Version", 0), STRING("Tier", 0), F_END};

static const struct sw_field parameter[] = {
    STRING("Name", 0),
    STRING("Type", 0),
    STRING("Value", 0),
    LONG("Version", 0),
    STRING("Selector", 0),
    TIME("LastModifiedDate", 0),
    STRING("ARN", 0),
    STRING("DataType", 0),
    F_END,
};
static const struct sw_field parameter_list[] = {STRUCT("member", 0, parameter)};

const struct sw_field get_parameter_in[] = {NAME, BOOLEAN("WithDecryption", F_READ), F_END};
const struct sw_field get_parameter_out[] = {STRUCT("Parameter", 0, parameter), F_END};

const struct sw_field get_parameters_in[] = {
    LIST("Names", F_READ | F_REQUIRED | F_LIMITS, name_list, .min = 1, .max = 10),
    BOOLEAN("WithDecryption", F_READ),
    F_END,
};
const struct sw_field get_parameters_out[] = {
    LIST("Parameters", 0, parameter_list), LIST("InvalidParameters", 0, strings_list), F_END,
};

static const struct sw_field parameter_filter[] = {
    TEXT("Key", F_READ | F_REQUIRED, 1, 132),
    TEXT("Option", F_READ, 1, 10),
    LIST("Values", F_READ | F_LIMITS, filter_value_list, .min = 1, .max = 50),
    F_END,
};
static const struct sw_field parameter_filter_list[] = {STRUCT("member", 0, parameter_filter)};

const struct sw_field get_parameters_by_path_in[] = {
    TEXT("Path", F_READ | F_REQUIRED, 1, 2048),
    BOOLEAN("Recursive", F_READ),
    LIST("ParameterFilters", F_READ, parameter_filter_list),
    BOOLEAN("WithDecryption", F_READ),
    PAGE(PATH_PAGE_MAX),
    F_END,
};
const struct sw_field get_parameters_by_path_out[] = {
    LIST("Parameters", 0, parameter_list), STRING("NextToken", 0), F_END,
};

static const char *const old_keys[] = {"Name", "Type", "KeyId", NULL};
static const struct sw_field old_filter[] = {
    ENUM("Key", F_READ | F_REQUIRED, old_keys),
    LIST("Values", F_READ | F_REQUIRED | F_LIMITS, filter_value_list, .min = 1, .max = 50),
    F_END,
};
static const struct sw_field old_filter_list[] = {STRUCT("member", 0, old_filter)};

const struct sw_field describe_parameters_in[] = {
    LIST("Filters", F_READ, old_filter_list),
    LIST("ParameterFilters", F_READ, parameter_filter_list),
    PAGE(PAGE_MAX),
    BOOLEAN("Shared", F_REFUSED),
    F_END,
};
#define PARAMETER_FACTS                                                                              \
    STRING("Name", 0), STRING("Type", 0), STRING("KeyId", 0), TIME("LastModifiedDate", 0),           \
        STRING("LastModifiedUser", 0), STRING("Description", 0), LONG("Version", 0),                 \
        STRING("Tier", 0), STRING("DataType", 0)
static const struct sw_field parameter_entry[] = {PARAMETER_FACTS, F_END};
static const struct sw_field parameter_entries[] = {STRUCT("member", 0, parameter_entry)};
const struct sw_field describe_parameters_out[] = {
    LIST("Parameters", 0, parameter_entries), STRING("NextToken", 0), F_END,
};

const struct sw_field delete_parameter_in[] = {NAME, F_END};
const struct sw_field delete_parameter_out[] = {F_END};
const struct sw_field delete_parameters_in[] = {
    LIST("Names", F_READ | F_REQUIRED | F_LIMITS, name_list, .min = 1, .max = 10), F_END,
};
const struct sw_field delete_parameters_out[] = {
    LIST("DeletedParameters", 0, strings_list), LIST("InvalidParameters", 0, strings_list), F_END,
};

const struct sw_field get_parameter_history_in[] = {
    NAME, BOOLEAN("WithDecryption", F_READ), PAGE(PAGE_MAX), F_END,
};
static const struct sw_field history_entry[] = {PARAMETER_FACTS, STRING("Value", 0), F_END};
static const struct sw_field history_entries[] = {STRUCT("member", 0, history_entry)};
const struct sw_field get_parameter_history_out[] = {
    LIST("Parameters", 0, history_entries), STRING("NextToken", 0), F_END,
};

#define RESOURCE ENUM("ResourceType", F_READ | F_REQUIRED, resource_values), STRING("ResourceId", F_READ | F_REQUIRED)
const struct sw_field add_tags_to_resource_in[] = {
    RESOURCE, LIST("Tags", F_STORED | F_REQUIRED | F_LIMITS, parameter_tag_list, .min = 0, .max = 1000), F_END,
};
const struct sw_field add_tags_to_resource_out[] = {F_END};
const struct sw_field remove_tags_from_resource_in[] = {
    RESOURCE, LIST("TagKeys", F_READ | F_REQUIRED, tag_key_list), F_END,
};
const struct sw_field remove_tags_from_resource_out[] = {F_END};
const struct sw_field list_tags_for_ssm_resource_in[] = {RESOURCE, F_END};
const struct sw_field list_tags_for_ssm_resource_out[] = {LIST("TagList", 0, parameter_tag_list), F_END};
/* clang-format on */

static int may_parameter(struct aws_call *call, const char *name, const char *tag_action,
                         struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    struct sw_err own = SW_ERR_INIT;
    sw_autojson json_t *tags = NULL;
    struct secrets_caller c = secrets_caller_of(call);
    int r = parameter_arn(&c, name, arn, &own);
    if (r == SW_ENOTFOUND) /* somebody else's ARN is asked for as it is */
        (void)snprintf(arn, sizeof arn, "%s", name);
    else if (r < 0)
        return sw_err_move(err, &own);
    if ((r = parameter_tags(secrets_of(call), &c, name, &tags, err)) < 0)
        return r;
    return secrets_may(call, arn, tags, tag_action, err);
}

static int on_parameter(struct aws_call *call, const char *key, secrets_fn fn, json_t *out,
                        struct sw_err *err)
{
    int r = may_parameter(call, sw_json_str(call->input, key, ""), NULL, err);
    return r < 0 ? r : secrets_run(call, fn, out, err);
}

static int on_names(struct aws_call *call, secrets_fn fn, json_t *out, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(call->input, "Names"), i, v) {
        int r = may_parameter(call, json_string_value(v), NULL, err);
        if (r < 0)
            return r;
    }
    return secrets_run(call, fn, out, err);
}

int put_parameter(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    int r = may_parameter(call, sw_json_str(call->input, "Name", ""), "ssm:AddTagsToResource", err);
    return r < 0 ? r : secrets_run(call, parameter_put, out, err);
}

int get_parameter(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    return on_parameter(call, "Name", parameter_get, out, err);
}

int get_parameters(struct aws_call *call, const void *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    return on_names(call, parameter_get_many, out, err);
}

int delete_parameter(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    return on_parameter(call, "Name", parameter_delete, out, err);
}

int delete_parameters(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                      struct sw_err *err)
{
    return on_names(call, parameter_delete_many, out, err);
}

int get_parameter_history(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                          struct sw_err *err)
{
    int r = may_parameter(call, sw_json_str(call->input, "Name", ""), NULL, err);
    return r < 0 ? r : secrets_run_page(call, parameter_history, PAGE_MAX, BAD_TOKEN, out, err);
}

/* Who may read a path may read all below it. */
int get_parameters_by_path(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                           struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    const char *path = sw_json_str(call->input, "Path", "");
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    (void)snprintf(arn, sizeof arn, "arn:aws:ssm:%s:%s:parameter%s%.*s", call->region,
                   call->principal.account, path[0] == '/' ? "" : "/", (int)n, path);
    int r = secrets_may(call, arn, NULL, NULL, err);
    return r < 0 ? r
                 : secrets_run_page(call, parameter_by_path, PATH_PAGE_MAX, BAD_TOKEN, out, err);
}

int describe_parameters(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                        struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX];
    (void)snprintf(arn, sizeof arn, "arn:aws:ssm:%s:%s:*", call->region, call->principal.account);
    int r = secrets_may(call, arn, NULL, NULL, err);
    return r < 0 ? r : secrets_run_page(call, parameter_describe, PAGE_MAX, BAD_TOKEN, out, err);
}

/* Of parameters; other kinds are refused by the operation, after it was asked for them. */
static int on_tags(struct aws_call *call, secrets_fn fn, json_t *out, struct sw_err *err)
{
    if (sw_streq(sw_json_str(call->input, "ResourceType", ""), "Parameter"))
        return on_parameter(call, "ResourceId", fn, out, err);
    int r = secrets_may(call, "*", NULL, NULL, err);
    return r < 0 ? r : secrets_run(call, fn, out, err);
}

int add_tags_to_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    return on_tags(call, parameter_tag, out, err);
}

int remove_tags_from_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                              struct sw_err *err)
{
    return on_tags(call, parameter_untag, out, err);
}

int list_tags_for_ssm_resource(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                               struct sw_err *err)
{
    return on_tags(call, parameter_list_tags, out, err);
}
