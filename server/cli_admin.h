/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/cli_admin.h - commands that administer a data folder: a running server is asked over its API; when none holds the folder,
 * the folder itself is opened. One thread at a time. */
#include <jansson.h>

#include "server/app.h"
#include "server/cli.h"
#include "server/maintenance.h"

struct admin_session {
    struct app *app;      /* NULL: ask the client */
    struct client client; /* when app is NULL */
    struct server_config config;
};
int admin_session_open(const struct cli_common *o, struct admin_session *ret, struct sw_err *err);
/* The folder itself, whatever the environment says; SW_ECONFLICT while a server has it. */
int admin_session_open_folder(const char *data, struct admin_session *ret, struct sw_err *err);
void admin_session_close(struct admin_session *s);

/* Starts the job and waits for its end; entry() gets each entry as it is found. *ret_counts: the caller's. A job that failed is an
 * error. EntriesTotal is among the counts, as "Entries". */
typedef void (*admin_entry_fn)(void *ctx, const json_t *entry);
int admin_session_run(struct admin_session *s, const struct maintenance_request *request,
                      admin_entry_fn entry, void *ctx, json_t **ret_counts, struct sw_err *err);

/* One entry as a line: of JSON, or for people. */
void admin_print_entry(const json_t *entry, bool json);
/* "12.3 MiB" */
const char *admin_size(int64_t bytes, char out[32]);
