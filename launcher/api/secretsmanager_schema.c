/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/secretsmanager_schema.h"

#include "launcher/api/ecs_schema.h"

#define TEXT(n, f, lo, hi) STRING(n, (f) | F_LIMITS, .min = (lo), .max = (hi))

/* clang-format off */
#define SECRET_ID      TEXT("SecretId", F_READ | F_REQUIRED, 1, 2048)
#define TOKEN          TEXT("ClientRequestToken", F_STORED, 32, 64)
#define SECRET_STRING  TEXT("SecretString", F_STORED, 0, 65536)
#define SECRET_BINARY  {.name = "SecretBinary", .type = T_BLOB, .flags = F_STORED | F_LIMITS, .min = 0, .max = 65536}
#define PAGE           INTEGER("MaxResults", F_READ | F_LIMITS, .min = 1, .max = 100), TEXT("NextToken", F_READ, 1, 4096)
#define ARN_AND_NAME   STRING("ARN", 0), STRING("Name", 0)

static const struct sw_field tag[] = {
    TEXT("Key", F_STORED, 1, 128),
    TEXT("Value", F_STORED, 0, 256),
    F_END,
};
static const struct sw_field tags[] = {STRUCT("member", 0, tag)};
static const struct sw_field tag_keys[] = {TEXT("member", F_READ, 1, 128)};
static const struct sw_field stages[] = {TEXT("member", F_STORED, 1, 256)};
static const struct sw_field stages_out[] = {STRING("member", 0)};
static const struct sw_field versions_to_stages[] = {STRING("key", 0), LIST("value", 0, stages_out)};

static const struct sw_field replica[] = {
    TEXT("Region", F_REFUSED, 1, 128),
    TEXT("KmsKeyId", F_REFUSED, 0, 2048),
    F_END,
};
static const struct sw_field replicas[] = {STRUCT("member", 0, replica)};

const struct sw_field create_secret_in[] = {
    TEXT("Name", F_READ | F_REQUIRED, 1, 512),
    TOKEN,
    TEXT("Description", F_STORED, 0, 2048),
    TEXT("KmsKeyId", F_READ, 0, 2048),
    SECRET_BINARY,
    SECRET_STRING,
    LIST("Tags", F_STORED, tags),
    LIST("AddReplicaRegions", F_REFUSED, replicas),
    BOOLEAN("ForceOverwriteReplicaSecret", F_REFUSED),
    F_END,
};
const struct sw_field create_secret_out[] = {ARN_AND_NAME, STRING("VersionId", 0), F_END};

const struct sw_field put_secret_value_in[] = {
    SECRET_ID,
    TOKEN,
    SECRET_BINARY,
    SECRET_STRING,
    LIST("VersionStages", F_STORED | F_LIMITS, stages, .min = 1, .max = 20),
    TEXT("RotationToken", F_REFUSED, 36, 256),
    F_END,
};
const struct sw_field put_secret_value_out[] = {
    ARN_AND_NAME, STRING("VersionId", 0), LIST("VersionStages", 0, stages_out), F_END,
};

const struct sw_field update_secret_in[] = {
    SECRET_ID,
    TOKEN,
    TEXT("Description", F_STORED, 0, 2048),
    TEXT("KmsKeyId", F_READ, 0, 2048),
    SECRET_BINARY,
    SECRET_STRING,
    F_END,
};
const struct sw_field update_secret_out[] = {ARN_AND_NAME, STRING("VersionId", 0), F_END};

const struct sw_field update_secret_version_stage_in[] = {
    SECRET_ID,
    TEXT("VersionStage", F_READ | F_REQUIRED, 1, 256),
    TEXT("RemoveFromVersionId", F_READ, 32, 64),
    TEXT("MoveToVersionId", F_READ, 32, 64),
    F_END,
};
const struct sw_field update_secret_version_stage_out[] = {ARN_AND_NAME, F_END};

const struct sw_field get_secret_value_in[] = {
    SECRET_ID,
    TEXT("VersionId", F_READ, 32, 64),
    TEXT("VersionStage", F_READ, 1, 256),
    F_END,
};
#define SECRET_VALUE                                                                                 \
    ARN_AND_NAME, STRING("VersionId", 0), BLOB("SecretBinary", 0), STRING("SecretString", 0),        \
        LIST("VersionStages", 0, stages_out), TIME("CreatedDate", 0), F_END
const struct sw_field get_secret_value_out[] = {SECRET_VALUE};

static const struct sw_field ids[] = {TEXT("member", F_READ, 1, 2048)};
static const char *const filter_keys[] = {"description", "name", "tag-key", "tag-value", "primary-region", "owning-service",
                                          "all", NULL};
static const struct sw_field filter_values[] = {TEXT("member", F_READ, 0, 512)};
static const struct sw_field filter[] = {
    ENUM("Key", F_READ, filter_keys),
    LIST("Values", F_READ | F_LIMITS, filter_values, .min = 1, .max = 10),
    F_END,
};
static const struct sw_field filters[] = {STRUCT("member", 0, filter)};

const struct sw_field batch_get_secret_value_in[] = {
    LIST("SecretIdList", F_READ | F_LIMITS, ids, .min = 1, .max = 20),
    LIST("Filters", F_REFUSED | F_LIMITS, filters, .min = 0, .max = 10),
    INTEGER("MaxResults", F_REFUSED | F_LIMITS, .min = 1, .max = 20),
    TEXT("NextToken", F_REFUSED, 1, 4096),
    F_END,
};
static const struct sw_field value_entry[] = {SECRET_VALUE};
static const struct sw_field value_entries[] = {STRUCT("member", 0, value_entry)};
static const struct sw_field value_error[] = {
    STRING("SecretId", 0), STRING("ErrorCode", 0), STRING("Message", 0), F_END,
};
static const struct sw_field value_errors[] = {STRUCT("member", 0, value_error)};
const struct sw_field batch_get_secret_value_out[] = {
    LIST("SecretValues", 0, value_entries), STRING("NextToken", 0), LIST("Errors", 0, value_errors), F_END,
};

const struct sw_field delete_secret_in[] = {
    SECRET_ID,
    LONG("RecoveryWindowInDays", F_READ),
    BOOLEAN("ForceDeleteWithoutRecovery", F_READ),
    F_END,
};
const struct sw_field delete_secret_out[] = {ARN_AND_NAME, TIME("DeletionDate", 0), F_END};

const struct sw_field restore_secret_in[] = {SECRET_ID, F_END};
const struct sw_field restore_secret_out[] = {ARN_AND_NAME, F_END};

#define SECRET_FACTS                                                                                 \
    ARN_AND_NAME, STRING("Description", 0), STRING("KmsKeyId", 0), TIME("LastChangedDate", 0),       \
        TIME("LastAccessedDate", 0), TIME("DeletedDate", 0), LIST("Tags", 0, tags), TIME("CreatedDate", 0)

const struct sw_field describe_secret_in[] = {SECRET_ID, F_END};
const struct sw_field describe_secret_out[] = {
    SECRET_FACTS, MAP("VersionIdsToStages", 0, versions_to_stages), F_END,
};

static const char *const sort_values[] = {"asc", "desc", NULL};
static const char *const sort_by_values[] = {"created-date", "last-accessed-date", "last-changed-date", "name", NULL};
const struct sw_field list_secrets_in[] = {
    BOOLEAN("IncludePlannedDeletion", F_READ),
    PAGE,
    LIST("Filters", F_READ | F_LIMITS, filters, .min = 0, .max = 10),
    ENUM("SortOrder", F_READ, sort_values),
    ENUM("SortBy", F_REFUSED, sort_by_values),
    F_END,
};
static const struct sw_field secret_entry[] = {
    SECRET_FACTS, MAP("SecretVersionsToStages", 0, versions_to_stages), F_END,
};
static const struct sw_field secret_entries[] = {STRUCT("member", 0, secret_entry)};
const struct sw_field list_secrets_out[] = {
    LIST("SecretList", 0, secret_entries), STRING("NextToken", 0), F_END,
};

const struct sw_field list_secret_version_ids_in[] = {
    SECRET_ID, PAGE, BOOLEAN("IncludeDeprecated", F_READ), F_END,
};
static const struct sw_field version_entry[] = {
    STRING("VersionId", 0),
    LIST("VersionStages", 0, stages_out),
    TIME("LastAccessedDate", 0),
    TIME("CreatedDate", 0),
    F_END,
};
static const struct sw_field version_entries[] = {STRUCT("member", 0, version_entry)};
const struct sw_field list_secret_version_ids_out[] = {
    LIST("Versions", 0, version_entries), STRING("NextToken", 0), ARN_AND_NAME, F_END,
};

const struct sw_field get_resource_policy_in[] = {SECRET_ID, F_END};
const struct sw_field get_resource_policy_out[] = {ARN_AND_NAME, F_END};

const struct sw_field tag_secret_in[] = {SECRET_ID, LIST("Tags", F_STORED | F_REQUIRED, tags), F_END};
const struct sw_field tag_secret_out[] = {F_END};
const struct sw_field untag_secret_in[] = {SECRET_ID, LIST("TagKeys", F_READ | F_REQUIRED, tag_keys), F_END};
const struct sw_field untag_secret_out[] = {F_END};

const struct sw_field get_random_password_in[] = {
    LONG("PasswordLength", F_READ | F_LIMITS, .min = 1, .max = 4096),
    TEXT("ExcludeCharacters", F_READ, 0, 4096),
    BOOLEAN("ExcludeNumbers", F_READ),
    BOOLEAN("ExcludePunctuation", F_READ),
    BOOLEAN("ExcludeUppercase", F_READ),
    BOOLEAN("ExcludeLowercase", F_READ),
    BOOLEAN("IncludeSpace", F_READ),
    BOOLEAN("RequireEachIncludedType", F_READ),
    F_END,
};
const struct sw_field get_random_password_out[] = {STRING("RandomPassword", 0), F_END};
/* clang-format on */
