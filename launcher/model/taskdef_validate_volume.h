/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/taskdef_validate_volume.h - the part of taskdef_validate.h that is about one volume. Expected errors: SW_EINVALID
 * "ClientException", SW_EUNSUPPORTED "UnsupportedFeatureException". */
#include <jansson.h>

#include "base/err.h"

int taskdef_validate_volume(const json_t *volume, struct sw_err *err);
