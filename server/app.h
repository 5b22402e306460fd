/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/app.h - one server: the data folder with everything opened on it, and the listener. The only place where the modules
 * meet. Life: app_open -> app_listen -> (signals) -> app_close. Threads: driven by the main thread. */
#include <stdbool.h>

#include "auth/identity.h"
#include "server/config.h"

struct app;

/* Locks and opens the data folder, applies migrations, and on the first start makes the account, `admin` and DATA/credentials.
 * SW_ECONFLICT when another process holds the folder. */
int app_open(const struct server_config *c, struct app **ret, struct sw_err *err);
/* Starts answering; writes DATA/endpoint, which the command line reads. */
int app_listen(struct app *a, struct sw_err *err);
const char *app_endpoint(const struct app *a); /* "http://127.0.0.1:5000" */
const char *app_data_dir(const struct app *a);
const char *app_account(const struct app *a);
struct identity *app_identity(struct app *a);
/* Credentials of this machine's agent, made when missing: the path of their file. */
int app_node_credentials(struct app *a, const char **ret_path, struct sw_err *err);
/* For a command line that works on the folder itself: starts the maintenance thread, without its schedule. */
struct maintenance;
int app_maintenance(struct app *a, struct maintenance **ret, struct sw_err *err);
/* Takes up what may change while it runs: opens the log files again, reads the certificate and the policy files. What cannot be used is logged, and the
 * old one stays. */
void app_reload(struct app *a);
/* Stops listening, finishes what is in flight, closes everything. */
void app_close(struct app *a);
