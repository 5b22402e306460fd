/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/log_config.h - a container definition's logConfiguration as a value: where the lines of the container go.
 * json-file (and none given): the agent's file alone. awslogs: also a log stream of the control plane's Logs service. journald: also
 * the journal of the machine. Pure. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_driver { LOG_DRIVER_JSON_FILE, LOG_DRIVER_AWSLOGS, LOG_DRIVER_JOURNALD };

#define LOG_FILE_BYTES      (64LL * 1024 * 1024)   /* of one file of output, if nothing is said */
#define LOG_FILE_BYTES_HELD (1024LL * 1024 * 1024) /* of one whose container is held up instead */
#define LOG_FILE_BYTES_MIN  8192
#define LOG_AWAY_BYTES \
    (256LL * 1024 * 1024) /* of one that is shipped: a file more can wait while no agent runs */
#define LOG_AWAY_BYTES_MIN   (1024 * 1024)
#define LOG_BUFFER_BYTES     LOG_FILE_BYTES /* max-buffer-size, if nothing is said */
#define LOG_BUFFER_BYTES_MIN 1024

struct log_config {
    enum log_driver driver;
    const char *group, *region, *prefix; /* awslogs; borrowed; prefix NULL: none */
    bool create_group;
    const char *multiline_pattern, *datetime_format; /* at most one; NULL: a line is an event */
    bool blocking;
    int64_t buffer_bytes; /* not blocking: what may wait; more is lost, and said */
    int64_t file_bytes;   /* of one file of output */
    const char *tag, *labels, *labels_regex, *env, *env_regex; /* journald; NULL: not given */
};
/* Of one of containerDefinitions that was checked. Returns whether the driver is awslogs. */
bool log_config_read(const json_t *container, struct log_config *ret);
/* Is it one that works here? SW_EINVALID "ClientException" for a wrong option, SW_EUNSUPPORTED "UnsupportedFeatureException" for a
 * driver or option that is not supported. */
int log_config_check(const json_t *container, struct sw_err *err);
/* PREFIX/CONTAINER/TASK-ID; without a prefix CONTAINER/TASK-ID. Owned by the caller. */
char *log_config_stream(const struct log_config *c, const char *container, const char *task_id);
/* The regular expression (base/pattern.h) that the first line of an event has; NULL: every line is an event. Owned by the caller. */
char *log_config_first_line(const struct log_config *c);

/* --- journald --- */

#define LOG_JOURNAL_FIELD_MAX 64 /* the journal's */
/* The field that a variable or label becomes, as Docker makes it: capitals, digits and _, beginning with a capital. False: it would be
 * none, too long, or one that the journal or the driver itself says. */
bool log_config_journal_field(const char *name, char out[LOG_JOURNAL_FIELD_MAX + 1]);
/* Do the options env and env-regex, labels and labels-regex ask for it? */
bool log_config_wants_env(const struct log_config *c, const char *name);
bool log_config_wants_label(const struct log_config *c, const char *key);
