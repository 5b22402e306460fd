/* SPDX-License-Identifier: Apache-2.0 */
/* server/app.c - wiring. Opening order is dependency order; closing is the reverse, so every slot may be NULL in app_close. */
#include "server/app.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "api/awsjson.h"
#include "api/mhd.h"
#include "auth/api/iam.h"
#include "auth/api/sts.h"
#include "auth/authorizer.h"
#include "auth/robot.h"
#include "auth/session.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/api/ecs.h"
#include "launcher/api/exec_relay.h"
#include "launcher/api/logs.h"
#include "launcher/api/secretsmanager.h"
#include "launcher/api/ssm.h"
#include "launcher/service/launcher.h"
#include "launcher/service/launcher_services.h"
#include "registry/api/ecr.h"
#include "registry/api/oci.h"
#include "registry/core/principal_retire.h"
#include "registry/core/registry.h"
#include "server/admin_api.h"
#include "server/client.h"
#include "server/commands.h"
#include "server/health.h"
#include "server/identity_admin.h"
#include "server/image_uses.h"
#include "server/lifecycle_worker.h"
#include "server/maintenance.h"
#include "server/metrics.h"
#include "server/observe.h"
#include "server/policies.h"
#include "server/policy_admin.h"
#include "server/registry_admin.h"
#include "server/reset.h"

#define DEFAULT_ACCOUNT "000000000000"
#define TICK_MS         250
#define EXPIRE_EVERY_MS 60000
#define TLS_LOOK_MS     2000 /* for another certificate */
#define TLS_WARN_S      (14 * 86400)
#define NODE_USER       "slipway-agent"
#define HTTP_SERVICES   7

struct app {
    struct server_config config; /* strings borrowed from the caller */
    char *data_dir;              /* config.data, or the temporary folder */
    char *account;
    struct policies policies;
    int lock_fd;
    struct keyring *keyring;
    struct meta_db *db;
    struct blob_store *blobs;
    struct identity *identity;
    struct session_store *sessions;
    struct robot_store *robots;
    struct authorizer *authorizer;
    struct registry *registry;
    struct secrets *secrets;
    struct launcher *launcher;
    struct log_store *log_store;
    struct oci_api *oci;
    struct ecr_api *ecr;
    struct ecs_api *ecs;
    struct exec_relay *exec;
    struct logs_api *logs;
    struct iam_api *iam;
    struct sts_api *sts;
    struct admin_api admin;
    struct identity_admin identity_admin;
    struct rejected_log *rejected;
    struct policy_admin policy_admin;
    struct maintenance *maintenance;
    struct image_uses image_uses;
    struct lifecycle_worker *lifecycle;
    struct aws_edge *aws;
    struct rate_limiter *rate; /* NULL: no limit */
    struct health health;
    struct reset reset;
    struct observe observe;
    struct metrics metrics;
    struct http_service services[HTTP_SERVICES];
    struct http_server *http;
    char *endpoint, *node_credentials;
    pthread_t housekeeper;
    bool housekeeping;
    pthread_mutex_t lock; /* of stopping */
    pthread_cond_t wake;
    bool stopping;
};

const char *app_endpoint(const struct app *a)
{
    return a->endpoint;
}

const char *app_data_dir(const struct app *a)
{
    return a->data_dir;
}

const char *app_account(const struct app *a)
{
    return a->account;
}

struct identity *app_identity(struct app *a)
{
    return a->identity;
}

static int make_data_dir(struct app *a, struct sw_err *err)
{
    if (!a->config.ephemeral) {
        a->data_dir = sw_strdup(a->config.data);
        return sw_mkdirs(a->data_dir, 0700, err);
    }
    const char *tmp = getenv("TMPDIR");
    a->data_dir = sw_asprintf("%s/slipway-ephemeral-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return sw_make_temp_dir(a->data_dir, err);
}

static int open_storage(struct app *a, struct sw_err *err)
{
    int r = make_data_dir(a, err);
    if (r < 0)
        return r;
    sw_autofree char *lock = sw_asprintf("%s/lock", a->data_dir);
    sw_autofree char *key = sw_asprintf("%s/master.key", a->data_dir);
    sw_autofree char *rows = sw_asprintf("%s/slipway.db", a->data_dir);
    r = sw_lock_file(lock, &a->lock_fd, err);
    if (r < 0)
        return r == SW_ECONFLICT ? sw_prefix(err, "another slipway uses %s", a->data_dir) : r;
    r = keyring_open(key, &a->keyring, err);
    if (r < 0)
        return r;
    struct meta_options meta = {.path = rows};
    r = meta_sqlite_open(&meta, &a->db, err);
    return r < 0 ? r : blob_fs_open(a->data_dir, &a->blobs, err);
}

/* The file comes last: when it is there, so are the rows. A crash in between leaves an admin without a file, so that
 * the next start replaces that admin by a new one. */
static int ensure_user(struct app *a, const char *name, enum principal_kind kind, const char *file,
                       struct sw_err *err)
{
    struct principal p;
    struct sw_err e = SW_ERR_INIT;
    int r = identity_user_by_name(a->identity, a->account, name, &p, &e);
    if (r == 0 && sw_path_exists(file))
        return 0;
    if (r == 0) {
        sw_log(SW_LOG_WARNING, "key-replaced", "user", name, "why",
               "its credentials file is not there", "path", file, NULL);
        r = identity_user_delete(a->identity, a->account, name, err);
        if (r == 0)
            observe_own_action(&a->observe, "iam:DeleteUser", p.arn,
                               "its credentials file is not there");
    } else {
        r = e.code == SW_ENOTFOUND ? 0 : sw_err_move(err, &e);
    }
    if (r < 0)
        return r;
    struct identity_key key;
    r = identity_user_add(a->identity, a->account, name, kind, NULL, &p, &key, err);
    if (r == 0)
        observe_own_action(&a->observe, "iam:CreateUser", p.arn, "the server needs this user");
    if (r == 0)
        r = credentials_write(file, key.access_key_id, key.secret_access_key, err);
    explicit_bzero(&key, sizeof(key));
    return r;
}

/* A data folder belongs to one account for ever: names, tokens and credentials carry it. */
static int choose_account(struct app *a, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/account", a->data_dir);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(64);
    const char *wanted = a->config.account;
    struct sw_err e = SW_ERR_INIT;
    int r = sw_read_file(path, &text, &e);
    if (r < 0 && e.code != SW_ENOTFOUND)
        return sw_err_move(err, &e);
    if (r < 0) {
        a->account = sw_strdup(wanted ? wanted : DEFAULT_ACCOUNT);
        sw_autofree char *line = sw_asprintf("%s\n", a->account);
        return sw_write_file_atomic(path, line, strlen(line), 0644, err);
    }
    struct sw_str rest = sw_buf_str(&text), line;
    (void)sw_str_split(&rest, '\n', &line);
    a->account = sw_str_dup(sw_str_trim(line));
    if (wanted && !sw_streq(wanted, a->account))
        return sw_fail(err, SW_ECONFLICT, NULL, "%s belongs to account %s, not %s", a->data_dir,
                       a->account, wanted);
    return 0;
}

static int open_identities(struct app *a, struct sw_err *err)
{
    int r = choose_account(a, err);
    if (r < 0)
        return r;
    r = identity_open(a->db, a->keyring, &a->identity, err);
    if (r == 0)
        r = identity_ensure_account(a->identity, a->account, err);
    if (r < 0)
        return r;
    struct session_options sessions = {.keyring = a->keyring, .identity = a->identity};
    a->sessions = session_store_new(&sessions);
    r = robot_open(a->db, a->identity, &a->robots, err);
    if (r < 0)
        return r;
    struct authorizer_options authorizer = {.identity = a->identity, .sessions = a->sessions};
    a->authorizer = authorizer_new(&authorizer);
    policies_init(&a->policies, &a->config, a->data_dir, a->identity, a->account);
    r = policies_load(&a->policies, NULL, NULL, err);
    if (r < 0)
        return r;
    sw_autofree char *file = sw_asprintf("%s/credentials", a->data_dir);
    return ensure_user(a, "admin", PRINCIPAL_ADMIN, file, err);
}

static int open_log_store(struct app *a, struct sw_err *err)
{
    sw_autofree char *dir = sw_asprintf("%s/logs", a->data_dir);
    struct log_store_options o = {.db = a->db,
                                  .dir = dir,
                                  .group_bytes_max = a->config.logs_group_max,
                                  .total_bytes_max = a->config.logs_max};
    return log_store_open(&o, &a->log_store, err);
}

static int retire_principal(void *ctx, const char *arn, const char *unique_id, struct sw_err *err)
{
    struct app *a = ctx;
    int r = registry_retire_principal(a->registry, arn, unique_id, err);
    return r == 0 && a->launcher ? launcher_retire_principal(a->launcher, arn, err) : r;
}

static int open_domains(struct app *a, struct sw_err *err)
{
    struct registry_options registry = {.db = a->db,
                                        .blobs = a->blobs,
                                        .keyring = a->keyring,
                                        .create_on_push = a->config.create_on_push,
                                        .allow_sparse_manifests = a->config.allow_sparse_manifests,
                                        .upload_ttl_ms = a->config.upload_ttl_ms};
    int r = registry_open(&registry, &a->registry, err);
    if (r < 0)
        return r;
    identity_on_retire(a->identity, retire_principal, a);
    struct secrets_options secrets = {.db = a->db, .keyring = a->keyring};
    a->secrets = secrets_new(&secrets);
    struct launcher_options launcher = {.db = a->db,
                                        .identity = a->identity,
                                        .sessions = a->sessions,
                                        .agent_timeout_us = a->config.agent_timeout_ms * 1000,
                                        .agent_grace_us = a->config.agent_grace_ms * 1000,
                                        .healthy_after_us = a->config.task_healthy_after_ms * 1000};
    r = open_log_store(a, err);
    if (r == 0)
        r = launcher_open(&launcher, &a->launcher, err);
    return r < 0 ? r : launcher_services_start(a->launcher, err);
}

/* Whoever read the file or has a password goes on. */
static int restore_user(struct app *a, const struct principal *before, const char *file,
                        struct sw_err *err)
{
    struct identity_key key = {0};
    char id[129];
    int r = credentials_read(file, "default", id, key.secret_access_key, err);
    (void)sw_str_copy(sw_str(r == 0 ? id : ""), key.access_key_id, sizeof(key.access_key_id));
    if (r == 0)
        r = identity_user_restore(a->identity, before, &key, err);
    explicit_bzero(&key, sizeof(key));
    return r;
}

/* Rows, then memory, then what a first start makes. The bytes follow on the maintenance thread. */
static int reset(void *ctx, struct sw_err *err)
{
    struct app *a = ctx;
    char job[MAINTENANCE_ID_LEN + 1];
    struct maintenance_request collect = {.kind = MAINTENANCE_COLLECT, .at_once = true};
    sw_autofree char *file = sw_asprintf("%s/credentials", a->data_dir);
    struct principal admin, node;
    int r = identity_user_by_name(a->identity, a->account, "admin", &admin, err);
    if (r == 0 && a->node_credentials)
        r = identity_user_by_name(a->identity, a->account, NODE_USER, &node, err);
    if (r == 0)
        r = meta_delete_all(a->db, err);
    if (r == 0)
        r = identity_reload(a->identity, err);
    if (r == 0)
        r = identity_ensure_account(a->identity, a->account, err);
    if (r == 0)
        r = policies_load(&a->policies, NULL, NULL, err);
    if (r == 0)
        r = restore_user(a, &admin, file, err);
    if (r == 0 && a->node_credentials)
        r = restore_user(a, &node, a->node_credentials, err);
    registry_reset_memory(a->registry);
    launcher_reset_memory(a->launcher);
    if (r == 0)
        r = log_store_reset(a->log_store, err);
    if (r == 0)
        logs_api_reset(a->logs);
    if (r == 0 && a->maintenance)
        r = maintenance_submit(a->maintenance, &collect, job, err);
    return r;
}

static int open_streams(struct app *a, struct sw_err *err)
{
    const struct exec_relay_options o = {.sessions = launcher_exec_sessions(a->launcher),
                                         .logs = a->log_store,
                                         .idle_ms = a->config.exec_idle_timeout_ms};
    return exec_relay_start(&o, &a->exec, err);
}

static void open_apis(struct app *a)
{
    struct rate_options rate = {.per_second = a->config.request_rate,
                                .burst = a->config.request_burst};
    if (rate.per_second > 0)
        a->rate = rate_new(&rate);
    struct oci_api_options oci = {.registry = a->registry,
                                  .keyring = a->keyring,
                                  .identity = a->identity,
                                  .sessions = a->sessions,
                                  .robots = a->robots,
                                  .authorizer = a->authorizer,
                                  .rate = a->rate,
                                  .chunk_min = (uint64_t)a->config.chunk_min,
                                  .account = a->account,
                                  .region = a->config.region,
                                  .bearer_challenge = sw_streq(a->config.auth_challenge, "bearer")};
    a->oci = oci_api_new(&oci);
    struct ecr_api_options ecr = {.registry = a->registry,
                                  .keyring = a->keyring,
                                  .identity = a->identity,
                                  .sessions = a->sessions,
                                  .account = a->account,
                                  .region = a->config.region,
                                  .endpoint = a->config.external_url};
    a->ecr = ecr_api_new(&ecr);
    struct ecs_api_options ecs = {.secrets = a->secrets,
                                  .launcher = a->launcher,
                                  .log_store = a->log_store,
                                  .endpoint = a->config.external_url};
    a->ecs = ecs_api_new(&ecs);
    struct logs_api_options logs = {.store = a->log_store};
    a->logs = logs_api_new(&logs);
    struct iam_api_options iam = {.identity = a->identity};
    a->iam = iam_api_new(&iam);
    struct sts_api_options sts = {.identity = a->identity, .sessions = a->sessions};
    a->sts = sts_api_new(&sts);
    a->admin.identity = a->identity;
    a->admin.account = a->account;
    a->rejected = rejected_new();
    a->identity_admin = (struct identity_admin){a->identity, a->robots, a->rejected};
    a->policy_admin = (struct policy_admin){.identity = a->identity,
                                            .authorizer = a->authorizer,
                                            .registry = a->registry,
                                            .policies = &a->policies};
    struct aws_service aws[] = {*ecr_aws_service(a->ecr),
                                *ecr_public_aws_service(a->ecr),
                                ecs_aws_service(a->ecs),
                                agent_aws_service(a->ecs),
                                logs_aws_service(a->logs),
                                secretsmanager_aws_service(a->ecs),
                                ssm_aws_service(a->ecs),
                                iam_aws_service(a->iam),
                                sts_aws_service(a->sts),
                                admin_aws_service(&a->admin),
                                registry_admin_aws_service(a->registry),
                                identity_admin_aws_service(&a->identity_admin),
                                policy_admin_aws_service(&a->policy_admin)};
    struct aws_edge_options edge = {.services = aws,
                                    .services_n = SW_ARRAY_LEN(aws),
                                    .authorizer = a->authorizer,
                                    .rate = a->rate,
                                    .secret = session_secret,
                                    .secret_ctx = a->sessions,
                                    .rejected = a->rejected};
    a->aws = aws_edge_new(&edge);
    a->services[0] = oci_api_service(a->oci);
    a->services[1] = aws_edge_service(a->aws);
    a->metrics.observe = &a->observe;
    a->metrics.registry = a->registry;
    a->metrics.launcher = a->launcher;
    a->metrics.exec = a->exec;
    a->metrics.logs = a->log_store;
    a->metrics.db = a->db;
    a->metrics.blobs = a->blobs;
    a->metrics.data_dir = a->data_dir;
    a->metrics.access = sw_streq(a->config.metrics, "all")     ? METRICS_ALL
                        : sw_streq(a->config.metrics, "local") ? METRICS_LOCAL
                                                               : METRICS_NONE;
    a->services[2] = metrics_service(&a->metrics);
    a->services[3] = ecr_download_service(a->ecr);
    a->reset = (struct reset){.run = a->config.ephemeral ? reset : NULL, .ctx = a};
    a->services[4] = reset_service(&a->reset);
    a->services[5] = exec_relay_service(a->exec);
    a->services[6] = health_service(&a->health); /* takes what nobody else did */
}

static int open_logs(struct app *a, struct sw_err *err)
{
    sw_autofree char *in_data = sw_asprintf("%s/audit.log", a->data_dir);
    const char *audit = a->config.audit_log ? a->config.audit_log : in_data;
    return observe_open(&a->observe, a->config.access_log, sw_streq(audit, "none") ? NULL : audit,
                        err);
}

int app_open(const struct server_config *c, struct app **ret, struct sw_err *err)
{
    struct app *a = SW_NEW(struct app);
    a->config = *c;
    a->lock_fd = -1;
    metrics_init(&a->metrics);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->wake, NULL);
    int r = open_storage(a, err);
    if (r == 0)
        r = open_logs(a, err);
    if (r == 0)
        r = open_identities(a, err);
    if (r == 0)
        r = open_domains(a, err);
    if (r == 0)
        r = open_streams(a, err);
    if (r < 0) {
        app_close(a);
        return r;
    }
    open_apis(a);
    *ret = a;
    return 0;
}

int app_node_credentials(struct app *a, const char **ret_path, struct sw_err *err)
{
    sw_autofree char *dir = sw_asprintf("%s/agent", a->data_dir);
    int r = sw_mkdirs(dir, 0700, err);
    if (r < 0)
        return r;
    if (!a->node_credentials)
        a->node_credentials = sw_asprintf("%s/credentials", dir);
    r = ensure_user(a, NODE_USER, PRINCIPAL_NODE, a->node_credentials, err);
    *ret_path = a->node_credentials;
    return r;
}

static void finished(void *ctx, const struct http_req *req, const struct http_res *res,
                     uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us)
{
    struct app *a = ctx;
    if (res->status >= 500 && !sw_streq(req->route, "readyz"))
        sw_log(SW_LOG_ERROR, "request-failed", "request_id", req->id, "method",
               http_method_to_string(req->method), "path", req->path, "route", req->route,
               "#status", (int64_t)res->status, NULL);
    observe_finished(&a->observe, req, res, bytes_in, bytes_out, duration_us);
}

static void collected(void *ctx, const struct registry_collect_counts *counts, int64_t duration_us)
{
    struct app *a = ctx;
    metrics_collected(&a->metrics, counts, duration_us);
}

static int start_maintenance(struct app *a, bool alone, struct sw_err *err)
{
    struct maintenance_options o = {.registry = a->registry,
                                    .db = a->db,
                                    .blobs = a->blobs,
                                    .data_dir = a->data_dir,
                                    .collect_interval_ms =
                                        alone ? 0 : a->config.collect_interval_ms,
                                    .collect_grace_ms = a->config.collect_grace_ms,
                                    .alone = alone,
                                    .collected = collected,
                                    .ctx = a};
    int r = maintenance_start(&o, &a->maintenance, err);
    a->admin.maintenance = a->maintenance;
    a->admin.backup_dir = a->config.backup_dir;
    return r;
}

static void did_by_itself(void *ctx, const char *action, const char *resource, const char *why)
{
    struct app *a = ctx;
    observe_own_action(&a->observe, action, resource, why);
}

static int start_lifecycle(struct app *a, struct sw_err *err)
{
    a->image_uses = (struct image_uses){.account = a->account, .region = a->config.region};
    struct lifecycle_worker_options o = {.registry = a->registry,
                                         .holders = image_uses_holders(&a->image_uses),
                                         .delay_ms = a->config.lifecycle_delay_ms,
                                         .interval_ms = a->config.lifecycle_interval_ms,
                                         .did = did_by_itself,
                                         .ctx = a};
    return lifecycle_worker_start(&o, &a->lifecycle, err);
}

int app_maintenance(struct app *a, struct maintenance **ret, struct sw_err *err)
{
    int r = a->maintenance ? 0 : start_maintenance(a, true, err);
    *ret = a->maintenance;
    return r;
}

static void expire(struct app *a)
{
    struct sw_err err = SW_ERR_INIT;
    if (registry_expire_uploads(a->registry, sw_now_us(), &err) < 0)
        sw_log_err(SW_LOG_ERROR, "expire-uploads-failed", &err, NULL);
    sw_err_clear(&err);
    if (launcher_expire(a->launcher, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "expire-tasks-failed", &err, NULL);
    sw_err_clear(&err);
    if (secrets_expire(a->secrets, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "expire-secrets-failed", &err, NULL);
    sw_err_clear(&err);
    if (log_store_expire(a->log_store, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "expire-log-events-failed", &err, NULL);
    sw_err_clear(&err);
    if (directory_flush(a->identity, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "store-last-uses-failed", &err, NULL);
}

static void log_certificate(const char *event, const struct tls_info *info)
{
    char until[SW_TIME_LEN];
    int64_t left_s = info->not_after_s - sw_now_s();
    sw_format_iso8601_s(info->not_after_s * 1000000, until);
    sw_log(left_s < TLS_WARN_S ? SW_LOG_WARNING : SW_LOG_INFO, event, "serial", info->serial,
           "valid_until", until, "?expired", (int)(left_s < 0), NULL);
}

static void reload_tls(struct app *a, bool only_if_changed)
{
    struct tls_info info;
    struct sw_err err = SW_ERR_INIT;
    int r = http_server_reload_tls(a->http, only_if_changed, &info, &err);
    if (r < 0)
        sw_log_err(SW_LOG_ERROR, "certificate-kept", &err, NULL);
    else if (r > 0)
        log_certificate("certificate-replaced", &info);
}

void app_reload(struct app *a)
{
    struct sw_err err = SW_ERR_INIT;
    observe_reopen(&a->observe);
    reload_tls(a, false);
    if (policies_load(&a->policies, NULL, NULL, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "policy-files-kept", &err, NULL);
}

/* True when stopping. */
static bool wait_for_tick(struct app *a)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&a->lock);
    if (!a->stopping)
        (void)pthread_cond_clockwait(&a->wake, &a->lock, CLOCK_MONOTONIC, &until);
    bool stopping = a->stopping;
    pthread_mutex_unlock(&a->lock);
    return stopping;
}

static void stop_housekeeping(struct app *a)
{
    if (!a->housekeeping)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->housekeeper, NULL);
}

static void *housekeep(void *arg)
{
    struct app *a = arg;
    int64_t next_expire = sw_mono_ms() + EXPIRE_EVERY_MS, next_tls = 0;
    while (!wait_for_tick(a)) {
        launcher_tick(a->launcher);
        observe_flush(&a->observe);
        int64_t now = sw_mono_ms();
        if (now >= next_expire) {
            expire(a);
            next_expire = now + EXPIRE_EVERY_MS;
        }
        if (now >= next_tls) {
            reload_tls(a, true);
            next_tls = now + TLS_LOOK_MS;
        }
    }
    return NULL;
}

static int write_endpoint(struct app *a, const char *host, struct sw_err *err)
{
    bool any = sw_streq(host, "0.0.0.0") || sw_streq(host, "::");
    bool v6 = strchr(host, ':') != NULL && !any;
    a->endpoint =
        sw_asprintf("%s://%s%s%s:%u", a->config.tls_cert ? "https" : "http", v6 ? "[" : "",
                    any ? "127.0.0.1" : host, v6 ? "]" : "", http_server_port(a->http));
    sw_autofree char *path = sw_asprintf("%s/endpoint", a->data_dir);
    sw_autofree char *line = sw_asprintf("%s\n", a->endpoint);
    return sw_replace_file(path, line, strlen(line), 0644, err);
}

int app_listen(struct app *a, struct sw_err *err)
{
    char host[256];
    uint16_t port = 0;
    if (!conf_split_host_port(sw_str(a->config.listen), host, sizeof(host), &port))
        return sw_fail(err, SW_EINVALID, NULL, "listen: '%s' is not HOST:PORT", a->config.listen);
    struct http_server_options o = {.host = host,
                                    .port = port,
                                    .network_threads = (unsigned)a->config.network_threads,
                                    .worker_threads = (unsigned)a->config.worker_threads,
                                    .connections_max = (unsigned)a->config.connections_max,
                                    .connections_max_per_ip =
                                        (unsigned)a->config.connections_max_per_ip,
                                    .header_bytes_max = (size_t)a->config.header_bytes_max,
                                    .body_bytes_max = (uint64_t)a->config.body_bytes_max,
                                    .header_timeout_ms = a->config.header_timeout_ms,
                                    .transfer_rate_min = a->config.transfer_rate_min,
                                    .idle_timeout_s = a->config.idle_timeout_ms / 1000,
                                    .tls_cert_file = a->config.tls_cert,
                                    .tls_key_file = a->config.tls_key,
                                    .services = a->services,
                                    .services_n = HTTP_SERVICES,
                                    .server_header = "slipway/" SLIPWAY_VERSION,
                                    .finished = finished,
                                    .finished_ctx = a};
    int r = start_maintenance(a, false, err);
    if (r == 0)
        r = start_lifecycle(a, err);
    if (r == 0)
        r = http_server_start(&o, &a->http, err);
    if (r == 0)
        r = write_endpoint(a, host, err);
    if (r < 0)
        return r;
    a->housekeeping = pthread_create(&a->housekeeper, NULL, housekeep, a) == 0;
    if (!a->housekeeping)
        return sw_fail(err, SW_EINTERNAL, NULL, "no thread for housekeeping");
    struct tls_info info;
    if (http_server_tls_info(a->http, &info))
        log_certificate("certificate", &info);
    a->health.ready = true;
    return 0;
}

void app_close(struct app *a)
{
    if (!a)
        return;
    a->health.ready = false;
    stop_housekeeping(a); /* it looks at the listener's certificate */
    launcher_services_stop(a->launcher);
    exec_relay_stop(a->exec);
    if (a->http)
        http_server_stop(a->http, a->config.shutdown_grace_ms);
    exec_relay_free(a->exec);
    lifecycle_worker_stop(a->lifecycle);
    maintenance_stop(a->maintenance);
    aws_edge_free(a->aws);
    rejected_free(a->rejected);
    logs_api_free(a->logs);
    ecs_api_free(a->ecs);
    sts_api_free(a->sts);
    iam_api_free(a->iam);
    ecr_api_free(a->ecr);
    oci_api_free(a->oci);
    rate_free(a->rate);
    launcher_free(a->launcher);
    secrets_free(a->secrets);
    log_store_free(a->log_store);
    registry_free(a->registry);
    authorizer_free(a->authorizer);
    robot_free(a->robots);
    session_store_free(a->sessions);
    identity_free(a->identity);
    blob_store_free(a->blobs);
    meta_db_free(a->db);
    keyring_free(a->keyring);
    metrics_done(&a->metrics);
    observe_close(&a->observe);
    if (a->lock_fd >= 0)
        (void)close(a->lock_fd);
    struct sw_err err = SW_ERR_INIT;
    if (a->config.ephemeral && a->data_dir && sw_remove_tree(a->data_dir, &err) < 0)
        sw_log_err(SW_LOG_ERROR, "ephemeral-not-removed", &err, NULL);
    free(a->data_dir);
    free(a->account);
    policies_done(&a->policies);
    free(a->endpoint);
    free(a->node_credentials);
    free(a);
}
