/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/config.h - every configuration key of `slipway serve` and `slipway up`, as one table.
 * conf/slipway.conf lists the same keys with the same defaults; a test compares the two. */
#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"

struct server_config {
    char *config;
    char *listen;
    char *data;
    char *account; /* NULL: the data folder's */
    char *region;
    char *external_url; /* "https://registry.example:5000"; NULL: as each caller names it */
    char *policies;     /* folder; NULL: see server/policies.h */
    char *backup_dir;   /* absolute; NULL: no backups for callers elsewhere */
    char *log_level;
    char *access_log;
    char *audit_log; /* NULL: in the data folder */
    char *metrics;
    bool ephemeral;
    bool create_on_push;
    bool allow_sparse_manifests;
    char *auth_challenge;
    char *tls_cert, *tls_key;
    int64_t network_threads, worker_threads, connections_max, connections_max_per_ip;
    int64_t header_bytes_max, body_bytes_max, header_timeout_ms, transfer_rate_min;
    int64_t request_rate, request_burst;
    int64_t idle_timeout_ms, shutdown_grace_ms;
    int64_t chunk_min, upload_ttl_ms, collect_interval_ms, collect_grace_ms;
    int64_t lifecycle_interval_ms, lifecycle_delay_ms;
    int64_t agent_timeout_ms, agent_grace_ms, task_healthy_after_ms, exec_idle_timeout_ms;
    int64_t logs_max, logs_group_max, log_away_max;
    /* The local agent of `slipway up`. */
    char *cluster;
    char *bridge_name, *bridge_subnet;
    char *runtime, *conmon, *journal_socket;
    char *s3_endpoint, *s3_credentials, *host_paths;
};

extern const struct conf_table server_conf_table;

/* Defaults, then file (--config, or /etc/slipway/slipway.conf when it exists), environment, flags. argv keeps positionals.
 * `data` is made absolute and never NULL afterwards. */
int server_config_load(int *argc, char **argv, struct server_config *ret, struct sw_err *err);
void server_config_free(struct server_config *c);

/* /var/lib/slipway for root, else $XDG_DATA_HOME/slipway or ~/.local/share/slipway. Caller frees. */
char *server_default_data_dir(void);
