/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/logs/log_pattern.h - CloudWatch Logs' filter patterns. Pure.
 *   ""                        every event
 *   ERROR "two words" -DEBUG  terms that must be in the message, phrases in quotes, terms that must not be
 *   ?ERROR ?WARN              one of them; without effect beside terms of the other kinds
 *   { $.level = "err*" && ($.code >= 500 || $.user.id NOT EXISTS) }
 *                             for messages that are JSON objects: = != < <= > >=, IS NULL, IS TRUE, IS FALSE, EXISTS, NOT EXISTS,
 *                             && before ||, paths with .name ["name"] [0] [*], * in strings
 *   [ip, ..., status = 4* || status = 5*, bytes > 1000]
 *                             for lines of that many words, more with ...; what is in [] or in quotes is one word
 *   %[45]\d\d%                a regular expression (base/pattern.h), as a term, or compared with = and !=
 * Terms compare with case and match anywhere, regular expressions too.
 * Expected errors: SW_EINVALID "InvalidParameterException", which says the column.
 * Threads: a pattern is shared freely. */
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define LOG_PATTERN_MAX 1024

struct log_pattern;
int log_pattern_parse(const char *text, struct log_pattern **ret, struct sw_err *err);
bool log_pattern_matches(const struct log_pattern *p, struct sw_str message);
void log_pattern_free(struct log_pattern *p); /* NULL ok */
