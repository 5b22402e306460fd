/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_find.h"

#include "base/json.h"
#include "tests/lib/test.h"

TEST(the_first_that_has_the_text)
{
    sw_autojson json_t *list = json_loads(
        "[7, {\"n\": 1}, {\"n\": \"a\"}, {\"m\": \"b\"}, {\"n\": \"b\", \"x\": 1}, {\"n\": \"b\"}]",
        0, NULL);
    CHECK(sw_json_find(list, "n", "a") == json_array_get(list, 2));
    CHECK(sw_json_find(list, "n", "b") == json_array_get(list, 4));
    CHECK(sw_json_find(list, "m", "b") == json_array_get(list, 3));
    CHECK_NULL(sw_json_find(list, "n", "c"));
    CHECK_NULL(sw_json_find(list, "z", "a"));
    CHECK_NULL(sw_json_find(NULL, "n", "a"));
    CHECK_NULL(sw_json_find(json_array_get(list, 2), "n", "a"));
}
