/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/json_find.h - an object of a list by one of its members. Threads: as for the list. No errors. */
#include <jansson.h>

/* The first that has this text there, borrowed; NULL: none, or list is no array. */
json_t *sw_json_find(const json_t *list, const char *key, const char *text);
