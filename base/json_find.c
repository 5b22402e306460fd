/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_find.h"

#include "base/json.h"
#include "base/str.h"

json_t *sw_json_find(const json_t *list, const char *key, const char *text)
{
    json_t *v;
    size_t i;
    json_array_foreach(list, i, v) {
        if (sw_streq(sw_json_str(v, key, NULL), text))
            return v;
    }
    return NULL;
}
