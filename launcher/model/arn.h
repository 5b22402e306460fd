/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/arn.h - names of ECS resources: long ARNs out; short names, bare ids and both ARN forms in.
 *   arn:aws:ecs:REGION:ACCOUNT:cluster/C            task/C/ID            container-instance/C/ID
 *                              task-definition/FAMILY:REVISION      service/C/NAME
 *                              service-deployment/C/SERVICE/ID      service-revision/C/SERVICE/ID
 *                              task-set/C/SERVICE/ecs-svc/DIGITS
 * Parsing only splits; whether account, region and cluster are the caller's own is asked with arn_is_local. No I/O. */
#include <stdbool.h>
#include <stdint.h>

#define ARN_MAX      640
#define ARN_ID_LEN   32
#define ARN_NAME_MAX 255

enum arn_kind {
    ARN_CLUSTER,
    ARN_TASK,
    ARN_CONTAINER_INSTANCE,
    ARN_TASK_DEFINITION,
    ARN_SERVICE,
    ARN_SERVICE_DEPLOYMENT,
    ARN_SERVICE_REVISION,
    ARN_TASK_SET,
    ARN_KIND_MAX_
};

struct arn {
    enum arn_kind kind;
    char region[64], account[13];   /* "" when a short form was given */
    char cluster[ARN_NAME_MAX + 1]; /* the name for ARN_CLUSTER; "" when not said */
    char service[ARN_NAME_MAX + 1]; /* of what belongs to a service; "" when not said */
    char id[ARN_NAME_MAX + 1];      /* task or instance id; family; service name */
    int64_t revision;               /* 0: not said */
};

/* What the last part may be called without "arn:": NAME, CLUSTER/ID or ID, FAMILY or FAMILY:REVISION, ecs-svc/DIGITS.
 * False when the text cannot name a thing of that kind. */
bool arn_parse(const char *text, enum arn_kind kind, struct arn *ret);
bool arn_is_local(const struct arn *a, const char *account, const char *region);

void arn_cluster(char out[ARN_MAX], const char *region, const char *account, const char *cluster);
void arn_task(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
              const char *id);
void arn_container_instance(char out[ARN_MAX], const char *region, const char *account,
                            const char *cluster, const char *id);
void arn_task_definition(char out[ARN_MAX], const char *region, const char *account,
                         const char *family, int64_t revision);
void arn_service(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
                 const char *name);
/* Of ARN_SERVICE_DEPLOYMENT, ARN_SERVICE_REVISION or ARN_TASK_SET. */
void arn_of_service(char out[ARN_MAX], enum arn_kind kind, const char *region, const char *account,
                    const char *cluster, const char *service, const char *id);
void arn_container(char out[ARN_MAX], const char *region, const char *account, const char *cluster,
                   const char *task_id, const char *uuid);

/* 1 to 255 of A-Z a-z 0-9 - _: clusters, families, containers. */
bool arn_name_valid(const char *s);
