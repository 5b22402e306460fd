/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/ecr_public.h - what the handlers of both services need of ecr-public. */
#include "registry/api/ecr_internal.h"

/* Makes the settings of a new repository those of a public one: open to all, with the catalog data of the input. */
void ecr_public_settings(const json_t *input, json_t *settings);
/* out.catalogData, if the repository has some. */
void ecr_public_catalog(const struct repo_info *info, json_t *out);
