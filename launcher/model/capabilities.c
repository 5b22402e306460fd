/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/capabilities.h"

#include "base/macros.h"
#include "base/str.h"

const char *const capabilities_all[] = {
    CAPABILITY_LOG_JSON_FILE, CAPABILITY_LOG_AWSLOGS,  CAPABILITY_HEALTH_CHECK,
    CAPABILITY_ORDERING,      CAPABILITY_SECRETS_ASM,  CAPABILITY_SECRETS_SSM,
    CAPABILITY_REGISTRY_AUTH, CAPABILITY_PRIVILEGED,   CAPABILITY_NAMESPACES,
    CAPABILITY_ENV_FILES,     CAPABILITY_VOLUME_LOCAL, CAPABILITY_EFS,
    CAPABILITY_EFS_AUTH,      CAPABILITY_TASK_ROLE,    CAPABILITY_TASK_ROLE_HOST,
    CAPABILITY_ROLE_ECR,      CAPABILITY_ROLE_AWSLOGS, CAPABILITY_ECR_AUTH,
    CAPABILITY_TASK_ENI,      CAPABILITY_RESTARTS,     NULL};

static const struct {
    const char *name, *value;
} architectures[] = {
    {"X86_64", "x86_64"}, {"x86_64", "x86_64"}, {"ARM64", "arm64"},
    {"aarch64", "arm64"}, {"arm64", "arm64"},
};

const char *capability_cpu_architecture(const char *name)
{
    for (size_t i = 0; name && i < SW_ARRAY_LEN(architectures); i++) {
        if (sw_streq(architectures[i].name, name))
            return architectures[i].value;
    }
    return NULL;
}
