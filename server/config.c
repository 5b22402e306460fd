/* SPDX-License-Identifier: Apache-2.0 */
/* server/config.c - the keys; base/conf.c is the engine. */
#include "server/config.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "launcher/model/log_config.h"

#define SYSTEM_CONFIG "/etc/slipway/slipway.conf"
#define OFF(member)   offsetof(struct server_config, member)
#define CENTURY_MS    (100LL * 365 * 86400 * 1000) /* in microseconds and added to now it still fits */

static const char *const metrics_access[] = {"none", "local", "all", NULL};
static const char *const challenges[] = {"basic", "bearer", NULL};
static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};

/* clang-format off */
static const struct conf_key keys[] = {
    {"config", CONF_STRING, OFF(config), NULL, 0, 0, NULL, "configuration file"},
    {"listen", CONF_HOST_PORT, OFF(listen), "127.0.0.1:5000", 0, 0, NULL, "address and port for everything; port 0 takes a free one"},
    {"data", CONF_STRING, OFF(data), NULL, 0, 0, NULL, "data folder; /var/lib/slipway for root, else ~/.local/share/slipway"},
    {"account", CONF_STRING, OFF(account), NULL, 0, 0, NULL, "account number, 12 digits: 000000000000 at the first start, later what the data folder says"},
    {"region", CONF_STRING, OFF(region), "us-east-1", 0, 0, NULL, "region of /v2/ calls whose host name does not say one"},
    {"external_url", CONF_STRING, OFF(external_url), NULL, 0, 0, NULL, "URL under which clients reach this server, https://HOST[:PORT]; without it the name that each caller used"},
    {"backup_dir", CONF_STRING, OFF(backup_dir), NULL, 0, 0, NULL, "folder below which callers on other machines may have backups written; empty: nowhere"},
    {"log_level", CONF_ENUM, OFF(log_level), "info", 0, 0, log_levels, "debug, info, warning or error"},
    {"access_log", CONF_STRING, OFF(access_log), NULL, 0, 0, NULL, "one JSON line per request: a file, or - for standard error; empty: none"},
    {"policies", CONF_STRING, OFF(policies), NULL, 0, 0, NULL, "folder of policy files: users, groups, roles, policies; policies beside the configuration file or in the data folder"},
    {"audit_log", CONF_STRING, OFF(audit_log), NULL, 0, 0, NULL, "one JSON line per push, pull, delete, launch, change of rights and refusal: a file, - or none; audit.log in the data folder"},
    {"metrics", CONF_ENUM, OFF(metrics), "local", 0, 0, metrics_access, "who may read /metrics: none, local (peers on this machine) or all"},
    {"ephemeral", CONF_BOOL, OFF(ephemeral), "false", 0, 0, NULL, "data in a temporary folder that goes on exit"},
    {"create_on_push", CONF_BOOL, OFF(create_on_push), "false", 0, 0, NULL, "a push may create its repository"},
    {"allow_sparse_manifests", CONF_BOOL, OFF(allow_sparse_manifests), "false", 0, 0, NULL, "accept manifests whose layers or children are missing"},
    {"auth_challenge", CONF_ENUM, OFF(auth_challenge), "basic", 0, 0, challenges, "what /v2/ asks for: basic, or bearer tokens of /v2/token; both are accepted either way"},
    {"tls_cert", CONF_STRING, OFF(tls_cert), NULL, 0, 0, NULL, "certificate chain, PEM; together with tls_key turns TLS on"},
    {"tls_key", CONF_STRING, OFF(tls_key), NULL, 0, 0, NULL, "private key, PEM"},
    {"network_threads", CONF_INT, OFF(network_threads), "0", 0, 256, NULL, "0: one per CPU, at least 2"},
    {"worker_threads", CONF_INT, OFF(worker_threads), "16", 1, 1024, NULL, "threads for requests that wait for the disk"},
    {"connections_max", CONF_INT, OFF(connections_max), "4096", 8, 1000000, NULL, "open connections at once"},
    {"connections_max_per_ip", CONF_INT, OFF(connections_max_per_ip), "1024", 0, 1000000, NULL, "the same for one address; 0: no limit of its own"},
    {"header_bytes_max", CONF_SIZE, OFF(header_bytes_max), "64KiB", 16384, 1048576, NULL, "request line and headers; also what each connection in use keeps in memory"},
    {"body_bytes_max", CONF_SIZE, OFF(body_bytes_max), "0", 0, 0, NULL, "body of any one request; 0: what each kind of request allows"},
    {"header_timeout", CONF_DURATION_MS, OFF(header_timeout_ms), "30s", 1000, 3600000, NULL, "for the whole head of a request, however it drips in"},
    {"idle_timeout", CONF_DURATION_MS, OFF(idle_timeout_ms), "300s", 1000, 86400000, NULL, "a connection that says nothing for so long is closed"},
    {"transfer_rate_min", CONF_SIZE, OFF(transfer_rate_min), "1KiB", 0, 1073741824, NULL, "bytes a second that a peer must send or take over each idle_timeout; 0: any"},
    {"request_rate", CONF_INT, OFF(request_rate), "0", 0, 1000000, NULL, "requests a second of one principal, or of one address without one; more get 429; 0: no limit"},
    {"request_burst", CONF_INT, OFF(request_burst), "0", 0, 1000000, NULL, "requests that may come at once; 0: as many as request_rate"},
    {"shutdown_grace", CONF_DURATION_MS, OFF(shutdown_grace_ms), "10s", 0, 3600000, NULL, "for requests in flight when stopping"},
    {"chunk_min", CONF_SIZE, OFF(chunk_min), "0", 0, 1073741824, NULL, "size that clients are asked to give the chunks of an upload at least; 0: none is named"},
    {"upload_ttl", CONF_DURATION_MS, OFF(upload_ttl_ms), "24h", 60000, CENTURY_MS, NULL, "an upload without news for so long is removed"},
    {"collect_interval", CONF_DURATION_MS, OFF(collect_interval_ms), "10m", 1000, CENTURY_MS, NULL, "how often unused blobs are collected"},
    {"collect_grace", CONF_DURATION_MS, OFF(collect_grace_ms), "1h", 0, CENTURY_MS, NULL, "a blob that nobody uses is kept for so long"},
    {"lifecycle_interval", CONF_DURATION_MS, OFF(lifecycle_interval_ms), "1h", 1000, CENTURY_MS, NULL, "how often each lifecycle policy is run"},
    {"lifecycle_delay", CONF_DURATION_MS, OFF(lifecycle_delay_ms), "1m", 0, CENTURY_MS, NULL, "how long a lifecycle policy that was put can be taken back before it runs"},
    {"agent_timeout", CONF_DURATION_MS, OFF(agent_timeout_ms), "60s", 1000, CENTURY_MS, NULL, "an agent that says nothing for so long is not connected: its instance takes no new tasks, and its tasks run on"},
    {"agent_grace", CONF_DURATION_MS, OFF(agent_grace_ms), "5m", 1000, CENTURY_MS, NULL, "tasks of services on an instance whose agent has been away for so long are replaced elsewhere"},
    {"logs_max", CONF_SIZE, OFF(logs_max), "10GiB", 0, 0, NULL, "events of all log groups; above it the oldest of the largest stream of the largest group go; 0: no limit"},
    {"logs_group_max", CONF_SIZE, OFF(logs_group_max), "2GiB", 0, 0, NULL, "events of one log group; above it the oldest of its largest stream go; 0: no limit"},
    {"task_healthy_after", CONF_DURATION_MS, OFF(task_healthy_after_ms), "40s", 1, CENTURY_MS, NULL, "a task of a service without a health check counts as healthy when it has run for so long"},
    {"exec_idle_timeout", CONF_DURATION_MS, OFF(exec_idle_timeout_ms), "20m", 1000, CENTURY_MS, NULL, "a command that is executed in a container (ExecuteCommand) ends when nothing is typed or printed for so long"},
    {"cluster", CONF_STRING, OFF(cluster), "default", 0, 0, NULL, "cluster that the local agent of `up` joins"},
    {"bridge_name", CONF_STRING, OFF(bridge_name), "slipway0", 0, 0, NULL, "network bridge of the local agent's tasks"},
    {"bridge_subnet", CONF_STRING, OFF(bridge_subnet), "10.88.64.0/20", 0, 0, NULL, "addresses of tasks on that bridge"},
    {"runtime", CONF_STRING, OFF(runtime), "runc", 0, 0, NULL, "OCI runtime: name or path"},
    {"conmon", CONF_STRING, OFF(conmon), "conmon", 0, 0, NULL, "container monitor: name or path"},
    {"s3_endpoint", CONF_STRING, OFF(s3_endpoint), NULL, 0, 0, NULL, "S3 store of environmentFiles, https://HOST[:PORT]; default AWS's of the region"},
    {"s3_credentials", CONF_STRING, OFF(s3_credentials), NULL, 0, 0, NULL, "credentials file for it; default: sessions of the tasks' execution roles"},
    {"host_paths", CONF_STRING, OFF(host_paths), NULL, 0, 0, NULL, "folders, with commas, that host volumes of tasks may be in; default: any path"},
    {"journal_socket", CONF_STRING, OFF(journal_socket), "/run/systemd/journal/socket", 0, 0, NULL, "the journal's socket, for the log driver journald"},
    {"log_away_max", CONF_SIZE, OFF(log_away_max), "256MiB", LOG_AWAY_BYTES_MIN, LOG_FILE_BYTES_HELD, NULL, "output of one container that waits, if not shipped yet, while no agent runs"},
};
/* clang-format on */

const struct conf_table server_conf_table = {keys, SW_ARRAY_LEN(keys), "SLIPWAY"};

/* Variables with our prefix that are not keys of this table. */
static const char *const other_variables[] = {"SLIPWAY_ENDPOINT", "SLIPWAY_BIN", NULL};

char *server_default_data_dir(void)
{
    if (geteuid() == 0)
        return sw_strdup("/var/lib/slipway");
    const char *xdg = getenv("XDG_DATA_HOME");
    if (xdg && xdg[0] == '/')
        return sw_asprintf("%s/slipway", xdg);
    const char *home = getenv("HOME");
    return sw_asprintf("%s/.local/share/slipway", home && home[0] == '/' ? home : "/tmp");
}

/* --config must be known before the other flags are applied, since the file comes first. */
static const char *config_flag(int argc, char **argv)
{
    for (int i = 1; i < argc && !sw_streq(argv[i], "--"); i++) {
        if (sw_streq(argv[i], "--config") && i + 1 < argc)
            return argv[i + 1];
        if (sw_str_starts_with(sw_str(argv[i]), "--config="))
            return argv[i] + sizeof("--config=") - 1;
    }
    return getenv("SLIPWAY_CONFIG");
}

/* A text with a default is always needed, and an empty value unsets it. */
static int check_present(const struct server_config *c, struct sw_err *err)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(keys); i++) {
        const struct conf_key *k = &keys[i];
        bool text = k->type == CONF_STRING || k->type == CONF_HOST_PORT || k->type == CONF_ENUM;
        if (text && k->def && !*(char *const *)((const char *)c + k->off))
            return sw_fail(err, SW_EINVALID, NULL, "%s: must not be empty; the default is %s",
                           k->name, k->def);
    }
    return 0;
}

#define REGION_MAX 63

static bool region_valid(const char *region)
{
    size_t n = strlen(region);
    return n > 0 && n <= REGION_MAX && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool external_url_valid(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t n = strlen(url + scheme);
    return scheme > 0 && n > 0 && n < 200 &&
           strspn(url + scheme,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == n;
}

static int check(const struct server_config *c, struct sw_err *err)
{
    uint64_t number = 0;
    int r = check_present(c, err);
    if (r < 0)
        return r;
    if (c->account && (strlen(c->account) != 12 || !sw_parse_u64(sw_str(c->account), &number)))
        return sw_fail(err, SW_EINVALID, NULL, "account: '%s' is not a number of 12 digits",
                       c->account);
    if (!region_valid(c->region))
        return sw_fail(err, SW_EINVALID, NULL,
                       "region: '%.80s' is not 1 to %d lower-case letters, digits and hyphens",
                       c->region, REGION_MAX);
    if (c->external_url && !external_url_valid(c->external_url))
        return sw_fail(err, SW_EINVALID, NULL,
                       "external_url: '%.100s' is not http://HOST[:PORT] or https://HOST[:PORT]",
                       c->external_url);
    if (!c->tls_cert != !c->tls_key)
        return sw_fail(err, SW_EINVALID, NULL, "tls_cert and tls_key go together: %s is missing",
                       c->tls_cert ? "tls_key" : "tls_cert");
    return 0;
}

static int make_absolute(char **path, struct sw_err *err)
{
    if ((*path)[0] == '/')
        return 0;
    char cwd[PATH_MAX];
    if (!getcwd(cwd, sizeof(cwd)))
        return sw_fail_os(err, errno, "current folder");
    char *absolute = sw_asprintf("%s/%s", cwd, *path);
    free(*path);
    *path = absolute;
    return 0;
}

int server_config_load(int *argc, char **argv, struct server_config *ret, struct sw_err *err)
{
    int r = conf_defaults(&server_conf_table, ret, err);
    if (r < 0)
        return r;
    const char *file = config_flag(*argc, argv);
    if (!file || !*file)
        file = sw_path_exists(SYSTEM_CONFIG) ? SYSTEM_CONFIG : NULL;
    r = conf_load_file(&server_conf_table, file, ret, err);
    if (r == 0 && ret->config)
        r = sw_fail(err, SW_EINVALID, NULL, "%s: config: a file cannot name another one", file);
    if (r < 0)
        return r;
    r = conf_load_env(&server_conf_table, (const char *const *)environ, other_variables, ret, err);
    if (r < 0)
        return r;
    r = conf_load_flags(&server_conf_table, argc, argv, ret, err);
    if (r < 0)
        return r;
    if (!ret->data)
        ret->data = server_default_data_dir();
    r = make_absolute(&ret->data, err);
    if (r == 0 && ret->backup_dir)
        r = make_absolute(&ret->backup_dir, err);
    return r < 0 ? r : check(ret, err);
}

void server_config_free(struct server_config *c)
{
    conf_free(&server_conf_table, c);
}
