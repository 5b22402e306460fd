/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/plan/pattern.h - the regular expressions of the cluster query language, in time linear in the text.
 * Matches the whole text, byte by byte. Understood: literals, '.', [sets] with ranges and negation, \d \D \w \W \s \S and \ before
 * any sign, ( ) and (?: ), |, * + ? {m} {m,} {m,n} (also lazy: whole matches do not differ), ^ and $.
 * Refused by name: look-around, back references, possessive repetition, inline flags, other letters after a backslash.
 * A compiled pattern is a program of at most PATTERN_PROGRAM_MAX steps for a machine that follows all paths at once; nothing
 * backtracks. Lives in the arena; read-only, so shared freely.
 * Expected errors: SW_EINVALID. */
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define PATTERN_PROGRAM_MAX 2000
#define PATTERN_REPEAT_MAX  255

struct pattern;
/* On failure *ret_at is the offset in text of what was not understood. */
int pattern_parse(struct sw_str text, struct sw_arena *a, const struct pattern **ret,
                  size_t *ret_at, struct sw_err *err);
bool pattern_matches(const struct pattern *p, struct sw_str text);
