/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/journal.h - entries for the system's journal, by its native protocol: one datagram of fields, or, when they are too
 * many bytes for one, a sealed memory file that travels with an empty datagram (systemd, "Native Journal Protocol").
 * Promise: an entry was taken by the journal's socket when journal_send returned 0; what the journal does with it is its own affair.
 * Threads: a journal belongs to one; the rest is pure. Expected errors: SW_EUNAVAILABLE (nobody listens, or too slowly). */
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Does somebody listen? */
bool journal_is_there(const char *path);

struct journal;
struct journal *journal_new(
    const char *path);                /* connects with the first entry, and again after an error */
void journal_free(struct journal *j); /* NULL ok */
int journal_send(struct journal *j, const struct sw_buf *entry, struct sw_err *err);

/* Of a container, as Docker's driver names them: CONTAINER_ID, CONTAINER_ID_FULL, CONTAINER_NAME, CONTAINER_TAG, SYSLOG_IDENTIFIER,
 * IMAGE_NAME, the labels com.amazonaws.ecs.* and those that the options ask for, and env, which wins over labels. metadata:
 * task_metadata.h's container; definition: its containerDefinition; env: journal_env's. {name: text}, owned by the caller. */
json_t *journal_container_fields(const json_t *metadata, const json_t *definition,
                                 const json_t *env);
/* Of the container's environment, ["NAME=VALUE"], what the options env and env-regex ask for, {NAME: VALUE}, but no secrets. Owned by
 * the caller. */
json_t *journal_env(const json_t *definition, const json_t *environment);
/* MESSAGE, PRIORITY, SYSLOG_TIMESTAMP and those fields. event: one of log_reader.h's. */
void journal_entry(struct sw_buf *b, const json_t *fields, const json_t *event);
