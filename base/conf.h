/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/conf.h - configuration from a table of keys: flags beat environment beats file beats
 * default. File: `key = value` lines and # comments; value runs to the end of the line, trimmed.
 * Environment: PREFIX_KEY in upper case. Flags: --key value, --key=value, dashes for underscores; a
 * boolean key may stand alone. Unknown keys and flags are SW_EINVALID and name the nearest known
 * one. The target starts zeroed; conf_defaults() comes first, then file, environment and flags,
 * each overriding the last. An empty value unsets a string. A boolean flag takes the next argument
 * only if that is a word (true, no, off...); other flags refuse a next argument that begins with
 * "--" (use '='). A key may stand once in a file. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sw_err;

enum conf_type {
    CONF_STRING,
    CONF_BOOL,
    CONF_INT,
    CONF_SIZE,
    CONF_DURATION_MS,
    CONF_HOST_PORT,
    CONF_ENUM,
    CONF_MAX_
};

struct conf_key {
    const char *name; /* snake_case */
    enum conf_type type;
    size_t off; /* in the target structure: char * (owned) for STRING, HOST_PORT and ENUM, bool,
                   int64_t */
    const char *def;           /* text form; NULL: unset (NULL string, false, 0) */
    int64_t min, max;          /* INT, SIZE, DURATION; both 0: unchecked */
    const char *const *values; /* ENUM: NULL-terminated */
    const char *help;          /* one line */
};

struct conf_table {
    const struct conf_key *keys;
    size_t n;
    const char *env_prefix; /* "SLIPWAY" */
};

int conf_defaults(const struct conf_table *t, void *target, struct sw_err *err);
/* path NULL: nothing. `origin` in messages is path:line. */
int conf_load_file(const struct conf_table *t, const char *path, void *target, struct sw_err *err);
/* A variable with the prefix whose rest is no key is an error, except those in `ignore`
 * (NULL-terminated, may be NULL). */
int conf_load_env(const struct conf_table *t, const char *const *env, const char *const *ignore,
                  void *target, struct sw_err *err);
/* Consumes the flags it knows from argv in place (argv[0] stays); what is left: positional
 * arguments and everything after "--". An unknown flag is an error. Values are taken from the next
 * argument unless '=' is used. */
int conf_load_flags(const struct conf_table *t, int *argc, char **argv, void *target,
                    struct sw_err *err);
int conf_set(const struct conf_table *t, const char *key, const char *value, const char *origin,
             void *target, struct sw_err *err);
void conf_free(const struct conf_table *t, void *target);
/* "host:port", "[::1]:port"; host is written without brackets. */
bool conf_split_host_port(struct sw_str s, char *host, size_t cap, uint16_t *ret_port);
