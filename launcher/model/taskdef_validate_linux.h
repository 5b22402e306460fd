/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/taskdef_validate_linux.h - the part of taskdef_validate.h that is about taskdef_linux.h's members of one container.
 * SW_EINVALID "ClientException". */
#include <jansson.h>

#include "base/err.h"

int taskdef_validate_linux(const json_t *doc, const json_t *container, struct sw_err *err);
