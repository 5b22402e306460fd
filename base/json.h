/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/json.h - bounded JSON on top of jansson.
 * Loading refuses duplicate keys, NUL in strings, invalid UTF-8, depth beyond `max_depth`, and more
 * than `max_values` values; errors carry line and column. Getters never fail loudly: they return
 * the default on absence or wrong type. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/str.h"

struct sw_err;

static inline void sw_json_decrefp(json_t **j)
{
    json_decref(*j);
}
#define sw_autojson SW_CLEANUP(sw_json_decrefp)

/* SW_EINVALID with `reason` and "line L column C: text"; SW_ELIMIT for depth or count. Caller owns
 * *ret. */
int sw_json_load(struct sw_str text, int max_depth, size_t max_values, const char *reason,
                 json_t **ret, struct sw_err *err);
/* Of text that was not written for us, a log line say: a key may be there twice (the last counts), numbers may be too large for
 * integers (then all are reals), strings may have NUL. NULL: it is no JSON, or beyond the bounds. */
json_t *sw_json_load_lenient(struct sw_str text, int max_depth, size_t max_values);
int sw_json_load_file(const char *path, size_t max_bytes, json_t **ret, struct sw_err *err);
char *sw_json_dump(const json_t *j); /* compact, keys in insertion order; caller frees */

const char *sw_json_str(const json_t *object, const char *key,
                        const char *def); /* borrowed from object */
int64_t sw_json_int(const json_t *object, const char *key, int64_t def);
bool sw_json_bool(const json_t *object, const char *key, bool def);
json_t *sw_json_array(const json_t *object, const char *key);  /* borrowed or NULL */
json_t *sw_json_object(const json_t *object, const char *key); /* borrowed or NULL */

/* Setters abort on no memory. A NULL string sets nothing. */
void sw_json_set_str(json_t *object, const char *key, const char *value);
void sw_json_set_int(json_t *object, const char *key, int64_t value);
void sw_json_set_bool(json_t *object, const char *key, bool value);
void sw_json_set_time_us(json_t *object, const char *key,
                         int64_t us); /* epoch seconds, a JSON number with fraction */
void sw_json_set_new(json_t *object, const char *key, json_t *value); /* takes value */
