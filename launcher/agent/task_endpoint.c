/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_endpoint.c - paths and errors as the ECS agent has them. */
#include "launcher/agent/task_endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/small_http.h"
#include "launcher/agent/task_metadata.h"
#include "launcher/agent/task_roles.h"
#include "launcher/runtime/task_net.h"

#define LOOPBACK     "127.0.0.1"
#define PORT         51679 /* the ECS agent's own; placement leaves it alone */
#define ID_LEN       36
#define RATE         40 /* as ECS_TASK_METADATA_RPS_LIMIT is without being set */
#define BURST        60
#define JOBS_MAX     4    /* of one task at a time, which wait for the control plane */
#define STRANGERS    1024 /* addresses of the bridge that are told apart; of more, some share */
#define TOKEN        1000 /* one request */
#define POOL_THREADS 2
#define PROTECTION   "/task-protection/v1/state"
#define ECS_TARGET   "AmazonEC2ContainerServiceV20141113"
#define RULES_MAX    (8 * 1024 * 1024)
#define FROM_HOST    0 /* index of the listener */
#define FROM_BRIDGE  1

/* Tokens that grow with time. */
struct bucket {
    int64_t tokens, at_ms;
};

struct protection_job;

struct task_endpoint {
    struct task_endpoint_options o;
    struct bucket strangers[STRANGERS]; /* of the server's thread */
    pthread_mutex_t lock;               /* of jobs */
    struct protection_job *jobs;
    struct task_engine *engine;
    struct small_http *http;
    struct sw_pool *pool; /* for what has to wait */
    int fds[2];
    int claim;
    bool bridge_open;
    uint16_t port, bridge_port;
    char host_url[64];
    struct task_endpoint_urls urls;
};

/* --- requests --- */

static void put(struct sw_buf *body, const json_t *j)
{
    char *text = sw_json_dump(j);
    sw_buf_add_z(body, text);
    explicit_bzero(text, strlen(text));
    free(text);
}

static int fail_as(struct sw_buf *body, int status, const char *code, const char *message)
{
    sw_autojson json_t *j =
        json_pack("{s:s, s:s, s:i}", "code", code, "message", message, "HTTPErrorCode", status);
    put(body, j);
    return status;
}

/* With the lock held: is it the task's own containers that ask? */
static bool comes_from(const struct task *t, const struct small_http_request *r)
{
    if (r->listener == FROM_HOST)
        return t->def->network_mode == NETWORK_HOST;
    for (size_t i = 0; i < t->def->containers_n; i++)
        if (t->containers[i].address[0] && strcmp(t->containers[i].address, r->peer) == 0)
            return true;
    return false;
}

static void refill(const struct task_endpoint *p, struct bucket *b)
{
    int64_t now = sw_mono_ms(), full = (int64_t)p->o.burst * TOKEN;
    b->tokens = b->at_ms == 0 ? full : SW_MIN(b->tokens + (now - b->at_ms) * p->o.rate, full);
    b->at_ms = now;
}

/* With the task's lock held. */
static bool may_ask(const struct task_endpoint *p, struct task *t)
{
    struct bucket b = {.tokens = t->requests, .at_ms = t->requests_at_ms};
    refill(p, &b);
    bool may = b.tokens >= TOKEN;
    t->requests = b.tokens - (may ? TOKEN : 0);
    t->requests_at_ms = b.at_ms;
    return may;
}

/* Of an address: on the bridge a container's own, by the network's last bits. The host's processes are one address, so guesses of one
 * are not held against the others. */
static struct bucket *stranger(struct task_endpoint *p, const struct small_http_request *r)
{
    struct in_addr a;
    if (r->listener == FROM_HOST || inet_pton(AF_INET, r->peer, &a) != 1)
        return NULL;
    return &p->strangers[ntohl(a.s_addr) % STRANGERS];
}

static bool guessed_too_often(struct task_endpoint *p, const struct small_http_request *r)
{
    struct bucket *b = stranger(p, r);
    if (!b)
        return false;
    refill(p, b);
    return b->tokens < TOKEN;
}

static void count_guess(struct task_endpoint *p, const struct small_http_request *r)
{
    struct bucket *b = stranger(p, r);
    if (b)
        b->tokens -= TOKEN;
}

/* Finds the task whose credentials or (container not NULL) whose container has this id, and locks it. */
static struct task *find_and_lock(struct task_endpoint *p, const char *id, size_t *container,
                                  const struct small_http_request *r)
{
    struct task_engine *e = p->engine;
    struct task *found = NULL;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t && !found; t = t->next) {
        pthread_mutex_lock(&t->lock);
        if (!container && t->def->task_role && strcmp(t->credentials_id, id) == 0)
            found = t;
        for (size_t i = 0; container && i < t->def->containers_n; i++)
            if (strcmp(t->containers[i].endpoint_id, id) == 0) {
                *container = i;
                found = t;
            }
        if (found && !comes_from(t, r))
            found = NULL;
        if (!found)
            pthread_mutex_unlock(&t->lock);
    }
    pthread_mutex_unlock(&e->lock);
    if (!found)
        count_guess(p, r);
    return found;
}

static json_t *credentials_json(const struct task *t)
{
    char expiration[SW_TIME_LEN];
    sw_format_iso8601_s(t->credentials_expire_us, expiration);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "RoleArn",
                     sw_json_str(t->credentials, "roleArn", ""), "AccessKeyId",
                     sw_json_str(t->credentials, "accessKeyId", ""), "SecretAccessKey",
                     sw_json_str(t->credentials, "secretAccessKey", ""), "Token",
                     sw_json_str(t->credentials, "sessionToken", ""), "Expiration", expiration);
}

static int get_credentials(struct task_endpoint *p, const struct small_http_request *r,
                           const char *id, struct sw_buf *body)
{
    int status = 200;
    if (!*id)
        return fail_as(body, 400, "NoIdInRequest", "CredentialsV2Request: No ID in the request");
    struct task *t = find_and_lock(p, id, NULL, r);
    if (!t)
        return fail_as(body, 400, "InvalidIdInRequest",
                       "CredentialsV2Request: Credentials not found");
    if (!may_ask(p, t)) {
        status = fail_as(body, 429, "TooManyRequests", "CredentialsV2Request: Rate exceeded");
    } else if (!t->credentials) {
        status = fail_as(body, 500, "CredentialsUninitialized",
                         "CredentialsV2Request: Credentials uninitialized for ID");
    } else {
        sw_autojson json_t *j = credentials_json(t);
        put(body, j);
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

static json_t *one_container(struct task *t, size_t container)
{
    return metadata_container(t, container);
}

static json_t *the_task(struct task *t, size_t container SW_UNUSED)
{
    return metadata_task(t, false);
}

static json_t *task_with_tags(struct task *t, size_t container SW_UNUSED)
{
    return metadata_task(t, true);
}

static json_t *all_stats(struct task *t, size_t container SW_UNUSED)
{
    return metadata_task_stats(t);
}

static const struct {
    const char *path;
    json_t *(*fn)(struct task *t, size_t container);
} metadata_paths[] = {{"", one_container},
                      {"/task", the_task},
                      {"/taskWithTags", task_with_tags},
                      {"/stats", metadata_stats},
                      {"/task/stats", all_stats}};

static int text_answer(struct sw_buf *body, int status, const char *text)
{
    sw_autojson json_t *j = json_string(text);
    sw_autofree char *dump = json_dumps(j, JSON_ENCODE_ANY);
    sw_buf_add_z(body, dump ? dump : "\"\"");
    return status;
}

static int get_metadata(struct task_endpoint *p, const struct small_http_request *r, const char *id,
                        const char *rest, struct sw_buf *body)
{
    size_t container = 0, n = strlen(rest);
    if (n && rest[n - 1] == '/')
        n--;
    for (size_t i = 0; i < SW_ARRAY_LEN(metadata_paths); i++) {
        if (strlen(metadata_paths[i].path) != n || strncmp(metadata_paths[i].path, rest, n) != 0)
            continue;
        struct task *t = find_and_lock(p, id, &container, r);
        if (!t)
            return text_answer(body, 404, "V4 metadata handler: unable to find the container");
        bool allowed = may_ask(p, t);
        sw_autojson json_t *j = allowed ? metadata_paths[i].fn(t, container) : NULL;
        pthread_mutex_unlock(&t->lock);
        if (!allowed)
            return text_answer(body, 429, "Too many requests");
        sw_autofree char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
        sw_buf_add_z(body, text ? text : "null");
        return 200;
    }
    return text_answer(body, 404, "404 page not found");
}

/* --- task protection: the task asks with its own role, on a thread that may wait --- */

struct protection_job {
    struct protection_job *next; /* of those that are not finished */
    struct task_endpoint *p;
    uint64_t request;
    char *task;
    json_t *credentials, *in;
    bool update;
};

static json_t *protection_error(const char *task, const char *code, const char *message)
{
    return json_pack("{s:{s:s, s:s, s:s}}", "error", "Arn", task, "Code", code, "Message", message);
}

/* The first of protectedTasks or of failures, as the ECS agent shows them. */
static json_t *protection_answer(const json_t *out)
{
    const json_t *task = json_array_get(sw_json_array(out, "protectedTasks"), 0);
    const json_t *failure = json_array_get(sw_json_array(out, "failures"), 0);
    char text[SW_TIME_LEN];
    if (failure)
        return json_pack("{s:{s:s, s:s}}", "failure", "Arn", sw_json_str(failure, "arn", ""),
                         "Reason", sw_json_str(failure, "reason", ""));
    json_t *o = json_pack("{s:b, s:s}", "ProtectionEnabled",
                          sw_json_bool(task, "protectionEnabled", false) ? 1 : 0, "TaskArn",
                          sw_json_str(task, "taskArn", ""));
    const json_t *until = json_object_get(task, "expirationDate");
    if (json_is_number(until)) {
        sw_format_iso8601_s((int64_t)(json_number_value(until) * 1e6), text);
        sw_json_set_str(o, "ExpirationDate", text);
    }
    return json_pack("{s:o}", "protection", o);
}

/* False: as many of the task wait already. */
static bool add_job(struct task_endpoint *p, struct protection_job *j)
{
    size_t same = 0;
    pthread_mutex_lock(&p->lock);
    for (const struct protection_job *o = p->jobs; o; o = o->next)
        same += strcmp(o->task, j->task) == 0;
    if (same < JOBS_MAX) {
        j->next = p->jobs;
        p->jobs = j;
    }
    pthread_mutex_unlock(&p->lock);
    return same < JOBS_MAX;
}

static void remove_job(struct task_endpoint *p, const struct protection_job *j)
{
    pthread_mutex_lock(&p->lock);
    struct protection_job **at = &p->jobs;
    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    pthread_mutex_unlock(&p->lock);
}

static void free_job(struct protection_job *j)
{
    json_decref(j->credentials);
    json_decref(j->in);
    free(j->task);
    free(j);
}

static void protection_job(void *arg)
{
    struct protection_job *j = arg;
    const struct task_engine_options *o = &j->p->engine->o;
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf body = SW_BUF_INIT(SMALL_HTTP_ANSWER);
    sw_autojson json_t *out = NULL;
    int r =
        o->call_as(o->submit_ctx, j->credentials,
                   j->update ? ECS_TARGET ".UpdateTaskProtection" : ECS_TARGET ".GetTaskProtection",
                   j->in, &out, &err);
    sw_autojson json_t *answer =
        r == 0 ? protection_answer(out)
               : protection_error(j->task, err.reason ? err.reason : "ServerException", err.msg);
    put(&body, answer);
    small_http_finish(j->p->http, j->request,
                      r == 0                      ? 200
                      : report_is_temporary(&err) ? 500
                                                  : 400,
                      &body);
    sw_buf_done(&body);
    remove_job(j->p, j);
    free_job(j);
}

/* Of a PUT; NULL: it is none. */
static json_t *protection_input(const struct task *t, const struct small_http_request *r)
{
    struct sw_err ignored = SW_ERR_INIT;
    json_t *in = json_object();
    sw_json_set_str(in, "cluster", sw_json_str(t->placed, "clusterArn", ""));
    sw_json_set_new(in, "tasks", json_pack("[s]", task_arn(t)));
    if (strcmp(r->method, "GET") == 0)
        return in;
    sw_autojson json_t *given = NULL;
    if (sw_json_load(r->body, 4, 20, NULL, &given, &ignored) < 0 ||
        !json_is_boolean(json_object_get(given, "ProtectionEnabled"))) {
        json_decref(in);
        return NULL;
    }
    json_object_set(in, "protectionEnabled", json_object_get(given, "ProtectionEnabled"));
    if (json_is_integer(json_object_get(given, "ExpiresInMinutes")))
        json_object_set(in, "expiresInMinutes", json_object_get(given, "ExpiresInMinutes"));
    return in;
}

static int protection(struct task_endpoint *p, const struct small_http_request *r, const char *id,
                      struct sw_buf *body)
{
    size_t container = 0;
    bool update = strcmp(r->method, "PUT") == 0;
    if (!update && strcmp(r->method, "GET") != 0)
        return text_answer(body, 405, "Method not allowed");
    struct task *t = find_and_lock(p, id, &container, r);
    if (!t)
        return text_answer(body, 404, "unable to find the task");
    bool allowed = may_ask(p, t);
    json_t *in = allowed ? protection_input(t, r) : NULL;
    json_t *credentials = t->credentials ? json_deep_copy(t->credentials) : NULL;
    char *task = sw_strdup(task_arn(t));
    pthread_mutex_unlock(&t->lock);
    int status = SMALL_HTTP_LATER;
    sw_autojson json_t *error = NULL;
    if (!allowed) {
        status = text_answer(body, 429, "Too many requests");
    } else if (!in) {
        status = 400;
        error = protection_error(task, "InvalidParameterException",
                                 "ProtectionEnabled is needed and is true or false");
    } else if (!credentials || !p->engine->o.call_as) {
        status = 403;
        error = protection_error(task, "AccessDeniedException", "The task has no task role");
    }
    if (error)
        put(body, error);
    if (status != SMALL_HTTP_LATER) {
        json_decref(in);
        json_decref(credentials);
        free(task);
        return status;
    }
    struct protection_job *j = SW_NEW(struct protection_job);
    *j = (struct protection_job){NULL, p, r->id, task, credentials, in, update};
    if (!add_job(p, j)) {
        free_job(j);
        return text_answer(body, 429, "Too many requests");
    }
    sw_pool_submit(p->pool, protection_job, j);
    return SMALL_HTTP_LATER;
}

/* The id of PREFIX/ID[/...]; what follows it goes to *ret_rest. */
static bool split_id(const char *path, const char *prefix, char id[ID_LEN + 1],
                     const char **ret_rest)
{
    size_t n = strlen(prefix);
    if (strncmp(path, prefix, n) != 0)
        return false;
    size_t len = strcspn(path + n, "/");
    *ret_rest = path + n + len;
    return sw_str_copy(sw_str_n(path + n, len), id, ID_LEN + 1);
}

static int handle(void *ctx, const struct small_http_request *r, struct sw_buf *body,
                  const char **ret_content_type SW_UNUSED)
{
    struct task_endpoint *p = ctx;
    char id[ID_LEN + 1] = "", path[SMALL_HTTP_REQUEST];
    const char *rest = "";
    size_t n = strcspn(r->path, "?");
    (void)sw_str_copy(sw_str_n(r->path, n), path, sizeof path);
    if (guessed_too_often(p, r))
        return text_answer(body, 429, "Too many requests");
    if (split_id(path, "/api/", id, &rest))
        return strcmp(rest, PROTECTION) == 0 ? protection(p, r, id, body)
                                             : text_answer(body, 404, "404 page not found");
    if (strcmp(r->method, "GET") != 0)
        return text_answer(body, 405, "Method not allowed");
    if (strcmp(path, "/v1/credentials") == 0) {
        const char *query = r->path[n] ? r->path + n + 1 : "";
        return get_credentials(p, r, strncmp(query, "id=", 3) == 0 ? query + 3 : "", body);
    }
    if (split_id(path, "/v2/credentials/", id, &rest) || strcmp(path, "/v2/credentials") == 0)
        return get_credentials(p, r, id, body);
    if (split_id(path, "/v4/", id, &rest) || split_id(path, "/v3/", id, &rest))
        return get_metadata(p, r, id, rest, body);
    return text_answer(body, 404, "404 page not found");
}

/* --- listening --- */

static char *port_path(const struct task_endpoint *p)
{
    return sw_asprintf("%s/endpoint-port", p->o.data_dir);
}

/* Of the last time: containers in the host's network may know it. */
static uint16_t last_port(const struct task_endpoint *p)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(16);
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = port_path(p);
    uint64_t port;
    if (sw_read_file(path, &b, &ignored) < 0 || !sw_parse_u64(sw_buf_str(&b), &port) ||
        port > 65535)
        return PORT;
    return (uint16_t)port;
}

static int listen_on(struct task_endpoint *p, const char *address, int i, struct sw_err *err)
{
    uint16_t wanted = i == FROM_HOST ? last_port(p) : p->port;
    if (small_http_listen(address, wanted, &p->fds[i], &wanted, err) < 0) {
        if (err->code != SW_ECONFLICT)
            return err->code;
        sw_err_clear(err);
        if (small_http_listen(address, 0, &p->fds[i], &wanted, err) < 0)
            return err->code;
    }
    if (i == FROM_HOST) {
        char text[16];
        sw_autofree char *path = port_path(p);
        (void)snprintf(text, sizeof text, "%u", wanted);
        p->port = wanted;
        return sw_replace_file(path, text, strlen(text), 0600, err);
    }
    p->bridge_port = wanted;
    return task_net_open_bridge(p->o.bridge_name, address, wanted, err);
}

void endpoint_mend(struct task_endpoint *p)
{
    struct sw_err err = SW_ERR_INIT;
    char gateway[64];
    SW_CLEANUP(sw_buf_done) struct sw_buf rules = SW_BUF_INIT(RULES_MAX);
    if (!p || task_net_rules(&rules, &err) < 0)
        return;
    bool bridge = p->bridge_open && !task_net_has_bridge(sw_buf_str(&rules), p->o.bridge_name);
    bool host = p->claim >= 0 && !task_net_has_host(sw_buf_str(&rules));
    if (bridge && task_net_gateway(p->o.bridge_subnet, gateway, &err) == 0)
        (void)task_net_open_bridge(p->o.bridge_name, gateway, p->bridge_port, &err);
    if (host && err.code == 0)
        (void)task_net_open_host_again(p->port, &err);
    if (err.code)
        sw_log_err(SW_LOG_WARNING, "endpoint-not-mended", &err, NULL);
    else if (bridge || host)
        sw_log(SW_LOG_WARNING, "endpoint-mended", "address", TASK_NET_ADDRESS, NULL);
}

static void open_host(struct task_endpoint *p)
{
    struct sw_err err = SW_ERR_INIT;
    if (listen_on(p, LOOPBACK, FROM_HOST, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "no-endpoint-in-host-network", &err, NULL);
        return;
    }
    p->urls.host = TASK_ENDPOINT;
    if (task_net_open_host(p->port, &p->claim, &err) == 0)
        return;
    /* SDKs take any address of the loopback device from a variable of its own. */
    sw_log_err(SW_LOG_WARNING, "endpoint-of-host-network-elsewhere", &err, NULL);
    (void)snprintf(p->host_url, sizeof p->host_url, "http://" LOOPBACK ":%u", p->port);
    p->urls.host = p->host_url;
}

static void open_bridge(struct task_endpoint *p)
{
    struct sw_err err = SW_ERR_INIT;
    char gateway[64];
    if (!p->o.bridge_name || !p->o.bridge_subnet)
        return;
    if (task_net_gateway(p->o.bridge_subnet, gateway, &err) < 0 ||
        listen_on(p, gateway, FROM_BRIDGE, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "no-endpoint-on-bridge", &err, "bridge", p->o.bridge_name, NULL);
        return;
    }
    p->bridge_open = true;
    p->urls.bridge = TASK_ENDPOINT;
}

struct task_endpoint *endpoint_open(const struct task_endpoint_options *o)
{
    struct task_endpoint *p = SW_NEW(struct task_endpoint);
    p->o = *o;
    p->o.rate = o->rate > 0 ? o->rate : RATE;
    p->o.burst = o->burst > 0 ? o->burst : BURST;
    pthread_mutex_init(&p->lock, NULL);
    p->fds[0] = p->fds[1] = p->claim = -1;
    open_host(p);
    open_bridge(p);
    return p;
}

struct task_endpoint_urls endpoint_urls(const struct task_endpoint *p)
{
    return p->urls;
}

int endpoint_serve(struct task_endpoint *p, struct task_engine *e, struct sw_err *err)
{
    p->engine = e;
    p->pool = sw_pool_new(POOL_THREADS, "endpoint");
    int fds[2] = {p->fds[0], p->fds[1]};
    p->fds[0] = p->fds[1] = -1;
    return small_http_start(fds, SW_ARRAY_LEN(fds), handle, p, &p->http, err);
}

void endpoint_close(struct task_endpoint *p, bool for_good)
{
    if (!p)
        return;
    small_http_halt(p->http);
    sw_pool_free(p->pool);
    small_http_stop(p->http);
    for (size_t i = 0; i < SW_ARRAY_LEN(p->fds); i++)
        if (p->fds[i] >= 0)
            (void)close(p->fds[i]);
    if (for_good && p->bridge_open)
        task_net_close_bridge(p->o.bridge_name);
    if (for_good)
        task_net_close_host(p->claim);
    else if (p->claim >= 0)
        (void)close(p->claim);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
