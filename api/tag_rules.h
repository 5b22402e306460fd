/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/tag_rules.h - what every service asks of the tags in its requests.
 * Looked at are the members that name tags ("tags", "Tags", "resourceTags") and keys to remove ("tagKeys", "TagKeys"), in every form
 * that they have: [{key, value}], [{Key, Value}], {key: value}, [key]. A tag has a key; a key is given once, whatever its case;
 * keys do not begin with aws:, whatever its case (those are the services' own); keys and values have letters, digits, spaces and
 * _.:/=+-@ and anything that is not ASCII. Lengths and counts are the tables' (api/schema.h).
 * Threads: any. */
#include <jansson.h>

#include "base/err.h"

/* SW_EINVALID with this reason. */
int tag_rules_check(const json_t *input, const char *reason, struct sw_err *err);
