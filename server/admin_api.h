/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/admin_api.h - SlipwayAdmin_V20261121: what `slipway user`, gc, fsck and backup ask of a running server. AWS JSON 1.1, signed
 * for "iam". CreateAccessKey, CreateUser, DeleteUser and ListUsers have IAM's action names; BackupData, CheckStorage, CollectGarbage and
 * DescribeMaintenanceJob are actions of their own, slipway:*, of which only administrators have any. */
#include "api/awsjson.h"
#include "auth/identity.h"
#include "server/maintenance.h"

#define TARGET_ADMIN "SlipwayAdmin_V20261121"

struct admin_api {
    const char *account; /* the server's own: its administrators make other accounts */
    struct identity *identity;
    struct maintenance *maintenance; /* NULL until it listens */
    const char *backup_dir;          /* backups of callers elsewhere go below it; NULL: none */
};
/* `path` is absolute, below the folder `dir`, and steps nowhere back. */
bool admin_path_is_below(const char *path, const char *dir);
struct aws_service admin_aws_service(struct admin_api *a);
