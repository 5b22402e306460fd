/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/fargate.h - what is special about tasks of launch type FARGATE, as far as values go: which definitions can run so, the
 * platform versions, what is added to a definition before it runs. Sizes: launcher/model/task_size.h.
 * Expected errors: SW_EINVALID "ClientException" for definitions, "InvalidParameterException" for requests, SW_ENOTFOUND
 * "PlatformUnknownException", SW_EUNSUPPORTED "UnsupportedFeatureException". */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FARGATE                 "FARGATE"
#define FARGATE_PLATFORM_FAMILY "Linux"
#define FARGATE_PLATFORM_LATEST "LATEST"
#define FARGATE_STORAGE_GIB     20 /* what a task has without asking */
#define FARGATE_STORAGE_MIN_GIB 21 /* what it may ask for */
#define FARGATE_STORAGE_MAX_GIB 200
#define FARGATE_ULIMIT_NOFILE   65535

/* requiresCompatibilities names it. */
bool fargate_compatible(const json_t *definition);
/* The rules of registration; nothing for a definition that is not compatible. */
int fargate_check_definition(const json_t *definition, struct sw_err *err);
/* Task-level cpu and memory as they are written, those of the overrides before those of the definition. */
int fargate_check_size(const json_t *definition, const json_t *overrides, struct sw_err *err);
/* {"sizeInGiB"} of a definition or of overrides; NULL: none. */
int fargate_check_storage(const json_t *storage, struct sw_err *err);
/* "LATEST" (or NULL) to the version that it is; *ret lives for ever. */
int fargate_platform_version(const char *text, const char **ret, struct sw_err *err);
/* In place: what a container gets on Fargate without asking, the limit of open files, or less where the machine may not give so much
 * (-1: it may). */
void fargate_complete(json_t *definition, int64_t nofile_max);
