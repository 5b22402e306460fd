/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/taskdef_validate.h - what RegisterTaskDefinition checks beyond names, types and enums (the schema's work), and
 * the document that it stores.
 * Promise: a document that passed describes a task that an agent can run as written; a member or value that would change the run
 * and is not implemented is refused by name with SW_EUNSUPPORTED "UnsupportedFeatureException".
 * Expected errors: SW_EINVALID "ClientException" in ECS's words where they are known; SW_EUNSUPPORTED. No I/O, no clock.
 * Spec: ECS developer guide, task definition parameters. */
#include <jansson.h>

#include "base/err.h"

int taskdef_validate(const json_t *doc, struct sw_err *err);
/* A validated document with task sizes as plain numbers in strings ("1 vCPU" -> "1024") and the defaults that ECS shows:
 * cpu, essential, empty lists, ports and health check periods, compatibilities, requiresAttributes. Owned by the caller. */
json_t *taskdef_normalized(const json_t *doc);
