/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/pattern.h - regular expressions in time linear in the text.
 * Byte by byte; the whole text or a part of it. Understood: literals, '.', [sets] with ranges and negation, \d \D \w \W \s \S \t \n \r and \
 * before any sign, ( ) and (?: ), |, * + ? {m} {m,} {m,n} (also lazy: whole matches do not differ), ^ and $.
 * Refused by name: look-around, back references, possessive repetition, inline flags, other letters after a backslash.
 * A compiled pattern is a program of at most SW_PATTERN_PROGRAM_MAX steps for a machine that follows all paths at once; nothing
 * backtracks. Lives in the arena; read-only, so shared freely.
 * Expected errors: SW_EINVALID. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SW_PATTERN_PROGRAM_MAX 2000
#define SW_PATTERN_REPEAT_MAX  255

struct sw_pattern;
/* On failure *ret_at is the offset in text of what was not understood. */
int sw_pattern_parse(struct sw_str text, struct sw_arena *a, const struct sw_pattern **ret,
                     size_t *ret_at, struct sw_err *err);
/* The same, letters of ASCII in either case. */
int sw_pattern_parse_fold(struct sw_str text, struct sw_arena *a, const struct sw_pattern **ret,
                          size_t *ret_at, struct sw_err *err);
bool sw_pattern_matches(const struct sw_pattern *p, struct sw_str text); /* all of it */
bool sw_pattern_found(const struct sw_pattern *p, struct sw_str text);   /* somewhere in it */
