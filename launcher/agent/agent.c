/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/agent.c - registration, the poll loop and log requests around the task engine.
 *
 * Threads: agent_run's own waits to be stopped; one polls; those that answer log requests and the engine have their own.
 * 1. Containers are adopted before the first answer is applied, so an answer never starts what already runs.
 * 2. Nothing is said of a task before the instance is registered, nor after another agent registered as it: its tasks are that one's.
 * 3. instance_arn is written under the lock by whoever registers, which is the poller once it runs; others copy it under the lock. */
#include "launcher/agent/agent.h"
#include "launcher/agent/flag.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/exec_sessions.h"
#include "launcher/agent/image_cleaner.h"
#include "launcher/agent/instance.h"
#include "launcher/agent/journal.h"
#include "launcher/agent/log_followers.h"
#include "launcher/agent/log_shipper.h"
#include "launcher/agent/pull.h"
#include "launcher/agent/task_endpoint.h"
#include "launcher/agent/task_engine.h"
#include "launcher/agent/usage.h"
#include "launcher/model/agent_protocol.h"
#include "launcher/model/taskdef.h"

#define ECS_TARGET          "AmazonEC2ContainerServiceV20141113"
#define CALL_TIMEOUT_MS     15000
#define POLL_WAIT_S         20
#define POLL_WAIT_SHORT_S   3
#define BACKOFF_MIN_MS      200
#define BACKOFF_MAX_MS      10000
#define POOL_LEASES         2
#define STOP_GRACE_MS       20000
#define LOG_DRAIN_MS        3000
#define USAGE_EVERY_MS      5000 /* at most so often */
#define USAGE_TIMEOUT_MS    3000
#define SESSION_LEN         32
#define REGISTRATION_WAIT_S 2
#define DOUBT_MS            120000
#define DOUBTS_MAX          3
#define MEND_EVERY_MS       30000

struct agent {
    struct agent_options o;
    char *data_dir, *cluster;
    int lock_fd;
    struct snapshots *snapshots;
    struct puller *puller;
    struct image_store *images;
    struct image_cleaner *cleaner;
    struct network *network;
    struct task_endpoint *endpoint;
    struct task_engine *engine;
    struct log_followers *followers;
    struct agent_execs *execs;
    struct log_shipper *shipper;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    volatile int stopping;
    bool stop_tasks;
    struct usage_sampler usage; /* the poller's */
    char instance_arn[INSTANCE_ARN_MAX], machine_id[INSTANCE_IDENTITY_MAX];
    char session[SESSION_LEN + 1]; /* of this process */
    bool registered, superseded;   /* under the lock */
    int64_t began_ms;              /* the poller's: registered for the first time; 0: not yet */
    int doubts;                    /* the poller's */
    int64_t mend_at_ms;            /* the poller's */
};

static int call(struct agent *a, const char *service, const char *op, const json_t *in,
                int64_t timeout_ms, json_t **ret, struct sw_err *err)
{
    char target[128];
    snprintf(target, sizeof target, "%s.%s", service, op);
    return a->o.control.call(a->o.control.ctx, target, in, timeout_ms, ret, err);
}

/* A call about tasks of this instance. It waits a little for the registration, which is on its way when the agent starts. */
static int call_registered(struct agent *a, const char *service, const char *op, const json_t *in,
                           json_t **ret, struct sw_err *err)
{
    struct timespec until;
    int e = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += REGISTRATION_WAIT_S;
    pthread_mutex_lock(&a->lock);
    while (!a->registered && !flag_is_set(&a->stopping) && e == 0)
        e = pthread_cond_clockwait(&a->changed, &a->lock, CLOCK_MONOTONIC, &until);
    bool may = a->registered && !a->superseded;
    pthread_mutex_unlock(&a->lock);
    if (!may)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "this agent is not that of its instance");
    return call(a, service, op, in, CALL_TIMEOUT_MS, ret, err);
}

static void copy_arn(struct agent *a, char ret[INSTANCE_ARN_MAX])
{
    pthread_mutex_lock(&a->lock);
    memcpy(ret, a->instance_arn, INSTANCE_ARN_MAX);
    pthread_mutex_unlock(&a->lock);
}

static void set_arn(struct agent *a, const char *arn, bool registered)
{
    pthread_mutex_lock(&a->lock);
    (void)sw_str_copy(sw_str(arn), a->instance_arn, sizeof a->instance_arn);
    a->registered |= registered;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* What calls about a task of this instance say. */
static json_t *about(struct agent *a, const char *task)
{
    char arn[INSTANCE_ARN_MAX];
    json_t *in = json_object();
    copy_arn(a, arn);
    sw_json_set_str(in, "cluster", a->cluster);
    sw_json_set_str(in, "containerInstance", arn);
    sw_json_set_str(in, "task", task);
    return in;
}

static int submit_state(void *ctx, const json_t *in, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    return call_registered(ctx, ECS_TARGET, "SubmitTaskStateChange", in, &out, err);
}

static int submit_health(void *ctx, const json_t *in, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    return call_registered(ctx, AGENT_TARGET_PREFIX, "SubmitHealth", in, &out, err);
}

static int submit_logs(void *ctx, const json_t *in, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    return call_registered(ctx, AGENT_TARGET_PREFIX, "SubmitLogs", in, &out, err);
}

static int put_task_log_events(void *ctx, const json_t *in, struct sw_err *err)
{
    sw_autojson json_t *out = NULL;
    return call_registered(ctx, AGENT_TARGET_PREFIX, "PutTaskLogEvents", in, &out, err);
}

static int pull(void *ctx, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    return puller_pull(ctx, name, as, cancelled, ret, err);
}

static int credentials(void *ctx, const char *task, bool execution, json_t **ret,
                       struct sw_err *err)
{
    struct agent *a = ctx;
    sw_autojson json_t *in = about(a, task);
    sw_json_set_str(in, "roleType", execution ? "EXECUTION" : "TASK");
    return call_registered(a, AGENT_TARGET_PREFIX, "GetTaskCredentials", in, ret, err);
}

static int secrets(void *ctx, const char *task, json_t **ret, struct sw_err *err)
{
    struct agent *a = ctx;
    sw_autojson json_t *in = about(a, task);
    return call_registered(a, AGENT_TARGET_PREFIX, "GetTaskSecrets", in, ret, err);
}

static int log_stream(void *ctx, const char *task, const char *container, struct sw_err *err)
{
    struct agent *a = ctx;
    sw_autojson json_t *in = about(a, task);
    sw_json_set_str(in, "containerName", container);
    sw_json_set_new(in, "events", json_array());
    return put_task_log_events(a, in, err);
}

static int call_as(void *ctx, const json_t *role, const char *target, const json_t *in,
                   json_t **ret, struct sw_err *err)
{
    struct agent *a = ctx;
    return a->o.control.call_as(a->o.control.ctx, role, target, in, CALL_TIMEOUT_MS, ret, err);
}

static int s3_get(void *ctx, const json_t *role, const char *bucket, const char *key,
                  struct sw_buf *ret, struct sw_err *err)
{
    struct agent *a = ctx;
    return a->o.control.s3_get(a->o.control.ctx, role, bucket, key, ret, err);
}

static char *below(const struct agent *a, const char *name)
{
    return sw_asprintf("%s/%s", a->data_dir, name);
}

static bool make_room(void *cleaner)
{
    return image_cleaner_make_room(cleaner);
}

static int open_parts(struct agent *a, struct sw_err *err)
{
    sw_autofree char *snapshots = below(a, "snapshots");
    sw_autofree char *content = below(a, "content");
    sw_autofree char *networks = below(a, "networks");
    sw_autofree char *lock = below(a, "lock");
    struct stat st;
    if (sw_mkdirs(a->data_dir, 0700, err) < 0)
        return err->code;
    /* Other users must not walk through to what containers wrote (CVE-2021-41103). */
    if (stat(a->data_dir, &st) < 0 || ((st.st_mode & 077) && chmod(a->data_dir, 0700) < 0))
        return sw_fail_os(err, errno, "%s", a->data_dir);
    if (sw_lock_file(lock, &a->lock_fd, err) < 0)
        return sw_prefix(err, "another agent uses %s", a->data_dir);
    struct network_options n = {.dir = networks,
                                .bridge_name = a->o.bridge_name,
                                .bridge_subnet = a->o.bridge_subnet,
                                .pool_size = POOL_LEASES};
    if (snapshots_open(snapshots, &a->snapshots, err) < 0 || network_new(&n, &a->network, err) < 0)
        return err->code;
    a->images = image_store_new(content, a->snapshots);
    a->cleaner = image_cleaner_new(
        &(struct image_cleaner_options){.images = a->images,
                                        .disabled = a->o.no_image_cleanup,
                                        .interval_s = a->o.image_cleanup_interval_s,
                                        .min_age_s = a->o.image_min_age_s,
                                        .images_max = a->o.images_per_cycle});
    struct puller_options p = {.behavior = a->o.pull_behavior,
                               .images = a->images,
                               .make_room = make_room,
                               .room_ctx = a->cleaner,
                               .snapshots = a->snapshots,
                               .content_dir = content,
                               .registry = {a->o.registry_host_port, a->o.registry_tls},
                               .ca_file = a->o.ca_file,
                               .authorization = a->o.control.registry_authorization,
                               .ctx = a->o.control.ctx};
    return puller_new(&p, &a->puller, err);
}

int agent_new(const struct agent_options *o, struct agent **ret, struct sw_err *err)
{
    struct agent *a = SW_NEW(struct agent);
    a->o = *o;
    a->data_dir = sw_strdup(o->data_dir);
    a->cluster = sw_strdup(o->cluster ? o->cluster : "default");
    a->lock_fd = -1;
    instance_machine_id(a->machine_id);
    sw_random_hex(a->session, SESSION_LEN);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (open_parts(a, err) < 0) {
        agent_free(a);
        return err->code;
    }
    *ret = a;
    return 0;
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    agent_stop(a, false); /* nobody waits for a registration any more */
    log_shipper_free(a->shipper);
    log_followers_free(a->followers);
    agent_execs_free(a->execs);
    endpoint_close(a->endpoint, a->engine && engine_idle(a->engine));
    image_cleaner_stop(a->cleaner);
    engine_free(a->engine);
    puller_free(a->puller);
    image_cleaner_free(a->cleaner);
    image_store_free(a->images);
    network_free(a->network);
    snapshots_close(a->snapshots);
    if (a->lock_fd >= 0)
        close(a->lock_fd);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    usage_done(&a->usage);
    free(a->data_dir);
    free(a->cluster);
    free(a);
}

void agent_stop(struct agent *a, bool stop_tasks)
{
    pthread_mutex_lock(&a->lock);
    a->stop_tasks |= stop_tasks;
    flag_set(&a->stopping);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* Sleeps unless the agent is being stopped. */
static void pause_ms(struct agent *a, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&a->lock);
    int e = 0;
    while (!flag_is_set(&a->stopping) && e != ETIMEDOUT)
        e = pthread_cond_clockwait(&a->changed, &a->lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&a->lock);
}

/* --- registration --- */

static int register_once(struct agent *a, struct sw_err *err)
{
    struct instance_facts facts;
    sw_autojson json_t *in = NULL;
    sw_autojson json_t *out = NULL;
    instance_facts_read(a->o.reserved_memory_mib, &facts);
    facts.reserved_ports = a->o.reserved_ports;
    facts.reserved_ports_udp = a->o.reserved_ports_udp;
    facts.attributes = a->o.attributes;
    facts.tags = a->o.tags;
    facts.external = a->o.external;
    facts.no_privileged = a->o.no_privileged;
    facts.logging_drivers = a->o.logging_drivers;
    facts.machine_id = a->machine_id;
    facts.session = a->session;
    facts.fargate = a->o.fargate;
    facts.journal = journal_is_there(a->o.journal_socket ? a->o.journal_socket : JOURNAL_SOCKET);
    if (instance_registration(&facts, a->cluster, a->instance_arn, &in, err) < 0 ||
        call(a, ECS_TARGET, "RegisterContainerInstance", in, CALL_TIMEOUT_MS, &out, err) < 0)
        return err->code;
    const char *arn =
        sw_json_str(sw_json_object(out, "containerInstance"), "containerInstanceArn", "");
    if (!arn[0] || strlen(arn) >= INSTANCE_ARN_MAX)
        return sw_fail(err, SW_EINTERNAL, NULL,
                       "RegisterContainerInstance answered without an ARN");
    /* Kept first: an agent that forgot its name would be a second instance when it is started again. */
    if (instance_store(a->data_dir, a->cluster, arn, a->machine_id, err) < 0)
        return err->code;
    set_arn(a, arn, true);
    sw_log(SW_LOG_INFO, "instance-registered", "instance", arn, "cluster", a->cluster, NULL);
    return 0;
}

static bool worth_retrying(const struct sw_err *err)
{
    return err->code == SW_EUNAVAILABLE || err->code == SW_EIO;
}

/* The control plane understood us and does not take that name; a refused signature says nothing about it. */
static bool is_about_the_name(const struct sw_err *err)
{
    return !worth_retrying(err) &&
           (err->code != SW_EDENIED || sw_streq(err->reason, "AccessDeniedException"));
}

/* Until it succeeds, fails for good or the agent is stopped. */
static int register_instance(struct agent *a, struct sw_err *err)
{
    int64_t wait_ms = BACKOFF_MIN_MS;
    while (!flag_is_set(&a->stopping)) {
        if (register_once(a, err) == 0)
            return 0;
        if (a->instance_arn[0] && is_about_the_name(err)) {
            /* The control plane does not know that name any more: register as a new instance. */
            sw_log_err(SW_LOG_WARNING, "instance-name-refused", err, "instance", a->instance_arn,
                       NULL);
            set_arn(a, "", false);
        } else if (!worth_retrying(err)) {
            return sw_prefix(err, "registering this container instance");
        } else {
            sw_log_err(SW_LOG_WARNING, "control-plane-unreachable", err, NULL);
        }
        sw_err_clear(err);
        pause_ms(a, wait_ms);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
    }
    return 0;
}

/* --- polling --- */

static int poll_once(struct agent *a, int64_t *version, struct sw_err *err)
{
    int64_t wait_s = a->o.control.interrupt ? POLL_WAIT_S : POLL_WAIT_SHORT_S;
    sw_autojson json_t *in = json_object();
    sw_autojson json_t *out = NULL;
    sw_json_set_str(in, "cluster", a->cluster);
    sw_json_set_str(in, "containerInstance", a->instance_arn);
    sw_json_set_str(in, "session", a->session);
    if (*version >= 0)
        sw_json_set_int(in, "seenVersion", *version);
    sw_json_set_int(in, "waitSeconds", wait_s);
    if (call(a, AGENT_TARGET_PREFIX, "PollTasks", in, (wait_s + 10) * 1000, &out, err) < 0)
        return err->code;
    const json_t *tasks = sw_json_array(out, "tasks");
    if (!tasks)
        return sw_fail(err, SW_EIO, NULL, "PollTasks answered without tasks");
    if (flag_is_set(&a->stopping))
        return 0;
    *version = sw_json_int(out, "version", -1);
    engine_apply(a->engine, tasks);
    log_shipper_set_instance(a->shipper, a->instance_arn);
    size_t i;
    json_t *q;
    json_array_foreach(sw_json_array(out, "logRequests"), i, q) {
        log_followers_add(a->followers, a->instance_arn, q);
    }
    json_array_foreach(sw_json_array(out, "execRequests"), i, q) {
        agent_execs_add(a->execs, q);
    }
    return 0;
}

/* One that is lost is no loss: the next says what is used then. */
static void submit_usage(struct agent *a)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *out = NULL;
    int64_t now_ms = sw_mono_ms();
    if (a->usage.sampled_at_ms && now_ms - a->usage.sampled_at_ms < USAGE_EVERY_MS)
        return;
    sw_autojson json_t *in = usage_sample(&a->usage, a->engine, now_ms);
    sw_json_set_str(in, "cluster", a->cluster);
    sw_json_set_str(in, "containerInstance", a->instance_arn);
    (void)call(a, AGENT_TARGET_PREFIX, "SubmitMetrics", in, USAGE_TIMEOUT_MS, &out, &ignored);
}

static void mend_endpoint(struct agent *a)
{
    if (sw_mono_ms() < a->mend_at_ms)
        return;
    endpoint_mend(a->endpoint);
    a->mend_at_ms = sw_mono_ms() + MEND_EVERY_MS;
}

/* What runs here ends, and the agent stays out until it is started again. */
static void retire(struct agent *a, const char *event, const char *why)
{
    sw_autojson json_t *none = json_array();
    sw_log(SW_LOG_WARNING, event, "instance", a->instance_arn, "why", why, NULL);
    engine_apply(a->engine, none);
    while (!flag_is_set(&a->stopping)) {
        engine_sweep(a->engine);
        pause_ms(a, BACKOFF_MAX_MS);
    }
}

/* What an agent said that was killed can reach the server after its successor registered, should the server have been busy or stopped. So
 * one that has just begun does not take it as said: it registers again. A few times only: of two that live one is the last. */
static bool doubts_it(struct agent *a)
{
    return sw_mono_ms() - a->began_ms < DOUBT_MS && a->doubts++ < DOUBTS_MAX;
}

/* Whether an answer to a poll said that this agent is out of it; then it is when this returns. */
static bool retired(struct agent *a, const struct sw_err *err)
{
    if (sw_streq(err->reason, AGENT_DEREGISTERED)) {
        struct sw_err own = SW_ERR_INIT;
        if (instance_forget(a->data_dir, a->machine_id, &own) < 0)
            sw_log_err(SW_LOG_WARNING, "instance-not-forgotten", &own, NULL);
        retire(a, "instance-deregistered",
               "it was deregistered; start the agent again to register anew");
        return true;
    }
    if (!sw_streq(err->reason, AGENT_SUPERSEDED) || doubts_it(a))
        return false;
    pthread_mutex_lock(&a->lock);
    a->superseded = true;
    pthread_mutex_unlock(&a->lock);
    retire(a, "instance-is-elsewhere",
           "another agent registered as this instance: is this folder a copy, or copied? Its tasks "
           "end here. Give each machine a folder of its own: remove instance.json and tasks from "
           "this one before the agent is started again");
    return true;
}

static void *poll_main(void *arg)
{
    struct agent *a = arg;
    int64_t version = -1, wait_ms = BACKOFF_MIN_MS;
    a->began_ms = sw_mono_ms();
    while (!flag_is_set(&a->stopping)) {
        struct sw_err err = SW_ERR_INIT;
        mend_endpoint(a);
        if (poll_once(a, &version, &err) == 0) {
            wait_ms = BACKOFF_MIN_MS;
            engine_sweep(a->engine);
            submit_usage(a);
            continue;
        }
        if (flag_is_set(&a->stopping))
            break;
        if (retired(a, &err))
            break;
        version = -1;
        sw_log_err(SW_LOG_WARNING, "poll-failed", &err, NULL);
        pause_ms(a, wait_ms);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)BACKOFF_MAX_MS);
        if (!worth_retrying(&err)) {
            sw_err_clear(&err);
            if (register_instance(a, &err) < 0)
                sw_log_err(SW_LOG_ERROR, "instance-not-registered", &err, NULL);
        }
    }
    return NULL;
}

/* Bounded: a container with a longer stop timeout goes on, and the next start adopts it. */
static void stop_tasks(struct agent *a)
{
    int64_t until =
        sw_mono_ms() + SW_MAX(a->o.stop_timeout_default_s, (int64_t)120) * 1000 + STOP_GRACE_MS;
    engine_stop_all(a->engine, "The container instance is shutting down");
    while (!engine_idle(a->engine) && sw_mono_ms() < until)
        sw_sleep_ms(20);
}

static int start_engine(struct agent *a, struct sw_err *err)
{
    if (a->o.endpoint)
        a->endpoint =
            endpoint_open(&(struct task_endpoint_options){.data_dir = a->data_dir,
                                                          .bridge_name = a->o.bridge_name,
                                                          .bridge_subnet = a->o.bridge_subnet,
                                                          .rate = a->o.metadata_rate,
                                                          .burst = a->o.metadata_burst});
    struct task_engine_options o = {.data_dir = a->data_dir,
                                    .cluster = a->cluster,
                                    .runtime = a->o.runtime,
                                    .network = a->network,
                                    .pull = pull,
                                    .pull_ctx = a->puller,
                                    .submit_state = submit_state,
                                    .submit_health = submit_health,
                                    .submit_ctx = a,
                                    .credentials = credentials,
                                    .secrets = secrets,
                                    .log_stream = log_stream,
                                    .call_as = a->o.control.call_as ? call_as : NULL,
                                    .s3_get = a->o.control.s3_get ? s3_get : NULL,
                                    .host_paths = a->o.host_paths,
                                    .no_privileged = a->o.no_privileged,
                                    .region = a->o.region,
                                    .stop_timeout_default_s = a->o.stop_timeout_default_s > 0
                                                                  ? a->o.stop_timeout_default_s
                                                                  : TASKDEF_STOP_TIMEOUT_DEFAULT_S,
                                    .cleanup_wait_s = a->o.task_cleanup_wait_s,
                                    .cleanup_jitter_s = a->o.task_cleanup_jitter_s,
                                    .journal_socket = a->o.journal_socket,
                                    .log_away_max = a->o.log_away_max};
    if (a->endpoint)
        o.urls = endpoint_urls(a->endpoint);
    if (engine_new(&o, &a->engine, err) < 0)
        return sw_prefix(err, "taking over the containers of this instance");
    if (a->endpoint && endpoint_serve(a->endpoint, a->engine, err) < 0)
        return err->code;
    if (image_cleaner_start(a->cleaner, a->engine, err) < 0)
        return err->code;
    network_start_pool(a->network);
    struct log_followers_options l = {
        .engine = a->engine, .cluster = a->cluster, .submit = submit_logs, .ctx = a};
    struct log_shipper_options s = {.engine = a->engine,
                                    .cluster = a->cluster,
                                    .put = put_task_log_events,
                                    .ctx = a,
                                    .journal_socket = a->o.journal_socket};
    struct agent_execs_options x = {.engine = a->engine,
                                    .runtime = a->o.runtime,
                                    .data_dir = a->data_dir,
                                    .open_stream = a->o.control.open_stream,
                                    .ctx = a->o.control.ctx};
    int r = agent_execs_new(&x, &a->execs, err);
    if (r == 0)
        r = log_followers_new(&l, &a->followers, err);
    return r < 0 ? r : log_shipper_new(&s, &a->shipper, err);
}

/* A folder that was copied here says what another machine runs: that is no business of this one, which registers as itself. */
static void take_folder(struct agent *a)
{
    bool elsewhere;
    instance_load(a->data_dir, a->cluster, a->machine_id, a->instance_arn, &elsewhere);
    if (!elsewhere)
        return;
    sw_autofree char *tasks = below(a, "tasks");
    sw_autofree char *aside =
        sw_asprintf("%s/tasks.of-another-machine-%lld", a->data_dir, (long long)sw_now_us());
    int e = rename(tasks, aside) == 0 ? 0 : errno;
    sw_log(SW_LOG_WARNING, "folder-of-another-machine", "folder", a->data_dir, "tasks",
           e == 0 ? aside : strerrordesc_np(e), NULL);
}

int agent_run(struct agent *a, struct sw_err *err)
{
    pthread_t poller;
    if (instance_check_cluster(a->data_dir, a->cluster, a->machine_id, err) < 0)
        return err->code;
    take_folder(a);
    if (start_engine(a, err) < 0 || register_instance(a, err) < 0)
        return err->code;
    int e = pthread_create(&poller, NULL, poll_main, a);
    if (e != 0)
        return sw_fail_os(err, e, "thread for polling");
    pthread_mutex_lock(&a->lock);
    while (!flag_is_set(&a->stopping))
        pthread_cond_wait(&a->changed, &a->lock);
    bool with_tasks = a->stop_tasks;
    pthread_mutex_unlock(&a->lock);
    if (with_tasks) {
        stop_tasks(a);
        log_shipper_drain(a->shipper, LOG_DRAIN_MS);
    }
    if (a->o.control.interrupt)
        a->o.control.interrupt(a->o.control.ctx);
    pthread_join(poller, NULL);
    return 0;
}
