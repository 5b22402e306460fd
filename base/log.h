/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/log.h - one JSON object a line, to standard error by default. Thread-safe; a line is one
 * write(2). Members: time, level, event, then the pairs. Library modules log at debug only;
 * server/, launcher/service, launcher/agent and the request finisher log above it, once per event.
 * Never pass a secret. */
#include <stdbool.h>
#include <stdint.h>

enum sw_log_level { SW_LOG_DEBUG, SW_LOG_INFO, SW_LOG_WARNING, SW_LOG_ERROR, SW_LOG_MAX_ };

bool sw_log_level_from_string(const char *s, enum sw_log_level *ret);
void sw_log_set_level(enum sw_log_level l);
void sw_log_set_fd(int fd); /* borrowed */
bool sw_log_enabled(enum sw_log_level l);

/* Pairs: a key, then a value by the key's prefix: "name" takes const char * (NULL -> null), "#name"
 * takes int64_t (cast it), "?name" takes int (bool). End with NULL. Example:
 *   sw_log(SW_LOG_INFO, "request", "method", m, "#status", (int64_t)200, NULL); */
void sw_log(enum sw_log_level l, const char *event, ...) __attribute__((sentinel));

struct sw_err;
/* The same with the error's code, reason, message and place added. */
void sw_log_err(enum sw_log_level l, const char *event, const struct sw_err *e, ...)
    __attribute__((sentinel));
