/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_agent.c - slipway agent: this machine as a container instance.
 * Signals: SIGTERM and SIGINT end the agent and leave containers running; AGENT_SIGNAL_STOP_TASKS stops this machine's tasks
 * first. A supervised agent ignores SIGINT, which the terminal sends to `slipway up`. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "launcher/agent/instance.h"
#include "launcher/model/capabilities.h"
#include "launcher/model/log_config.h"
#include "server/activation.h"
#include "server/agent_process.h"
#include "server/cli.h"
#include "server/control_client.h"
#include "server/ecs_config.h"
#include "server/s3_object.h"

#define ECS_CONFIG_FILE "/etc/ecs/ecs.config"

struct options {
    struct cli_common common;
    char *config, *cluster, *log_level, *bridge_name, *bridge_subnet, *runtime, *conmon,
        *journal_socket;
    char *activation_id, *activation_code, *fargate;
    char *s3_endpoint, *s3_credentials, *host_paths;
    int64_t supervised_by, log_away_max;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_SERVER_KEYS,
    {"data", CONF_STRING, OFF(common.data), NULL, 0, 0, NULL, "the agent's own folder; default ECS_DATADIR, else /var/lib/slipway/agent"},
    {"config", CONF_STRING, OFF(config), NULL, 0, 0, NULL, "ECS agent configuration; default /etc/ecs/ecs.config when it exists"},
    {"cluster", CONF_STRING, OFF(cluster), NULL, 0, 0, NULL, "cluster to join; default ECS_CLUSTER, else default"},
    {"log_level", CONF_STRING, OFF(log_level), NULL, 0, 0, NULL, "debug, info, warning or error"},
    {"bridge_name", CONF_STRING, OFF(bridge_name), "slipway0", 0, 0, NULL, "network bridge of tasks"},
    {"bridge_subnet", CONF_STRING, OFF(bridge_subnet), "10.88.64.0/20", 0, 0, NULL, "addresses of tasks on the bridge"},
    {"runtime", CONF_STRING, OFF(runtime), "runc", 0, 0, NULL, "OCI runtime: name or path"},
    {"conmon", CONF_STRING, OFF(conmon), "conmon", 0, 0, NULL, "container monitor: name or path"},
    {"journal_socket", CONF_STRING, OFF(journal_socket), "/run/systemd/journal/socket", 0, 0, NULL, "the journal's socket, for the log driver journald"},
    {"log_away_max", CONF_SIZE, OFF(log_away_max), "256MiB", LOG_AWAY_BYTES_MIN, LOG_FILE_BYTES_HELD, NULL, "output of one container that waits, if not shipped yet, while no agent runs"},
    {"fargate", CONF_STRING, OFF(fargate), NULL, 0, 0, NULL, "only: run tasks of launch type FARGATE of all clusters, and no others; shared: those of its cluster too; default ECS_FARGATE"},
    {"s3_endpoint", CONF_STRING, OFF(s3_endpoint), NULL, 0, 0, NULL, "S3 store of environmentFiles, https://HOST[:PORT]; default AWS's of the region"},
    {"s3_credentials", CONF_STRING, OFF(s3_credentials), NULL, 0, 0, NULL, "credentials file for it; default: sessions of the tasks' execution roles"},
    {"host_paths", CONF_STRING, OFF(host_paths), NULL, 0, 0, NULL, "folders, with commas, that host volumes of tasks may be in; default: any path"},
    {"activation_id", CONF_STRING, OFF(activation_id), NULL, 0, 0, NULL, "of `aws ssm create-activation`: joins as an external instance, the first time"},
    {"activation_code", CONF_STRING, OFF(activation_code), NULL, 0, 0, NULL, "the code that came with it"},
    {"supervised_by", CONF_INT, OFF(supervised_by), "0", 0, INT32_MAX, NULL, "process id of the slipway up that started it"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

struct signal_thread {
    struct agent *agent;
    sigset_t signals;
    bool supervised;
    atomic_bool ended; /* the next SIGUSR1 is ours, and the thread's end */
};

static void *wait_for_signals(void *arg)
{
    struct signal_thread *t = arg;
    for (;;) {
        int sig = sigwaitinfo(&t->signals, NULL);
        if (sig == SIGUSR1 && atomic_load(&t->ended))
            return NULL;
        if (sig == AGENT_SIGNAL_STOP_TASKS)
            agent_stop(t->agent, true);
        else if (sig == SIGTERM || (sig == SIGINT && !t->supervised))
            agent_stop(t->agent, false);
    }
}

/* Dies with its supervisor (politely: SIGTERM leaves containers alone), and is out of reach of the terminal's Ctrl-C. */
static int join_supervisor(pid_t supervisor, struct sw_err *err)
{
    if (supervisor == 0)
        return 0;
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        return sw_fail_os(err, errno, "joining the supervisor");
    if (getppid() != supervisor)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "the supervisor %ld is gone", (long)supervisor);
    return 0;
}

static const char *data_dir(const struct options *o, const struct ecs_config *ecs)
{
    return o->common.data  ? o->common.data
           : ecs->data_dir ? ecs->data_dir
                           : "/var/lib/slipway/agent";
}

/* The client of this machine's own credentials. One that came by an activation is external from then on. */
static int open_client(const struct options *o, struct ecs_config *ecs, struct client *ret,
                       struct sw_err *err)
{
    /* --data is the agent's own folder here; the client looks for its defaults beside the server's data. */
    struct client_options options = {.endpoint =
                                         o->common.endpoint ? o->common.endpoint : ecs->endpoint,
                                     .credentials_file = o->common.credentials,
                                     .region = o->common.region ? o->common.region : ecs->region,
                                     .ca_file = o->common.ca_file,
                                     .profile = o->common.profile};
    sw_autofree char *external = activation_credentials_path(data_dir(o, ecs));
    int r = 0;
    if (!o->activation_id != !o->activation_code)
        return sw_fail(err, SW_EINVALID, NULL,
                       "activation_id and activation_code go together: %s is missing",
                       o->activation_id ? "activation_code" : "activation_id");
    if (o->activation_id)
        r = activation_use(data_dir(o, ecs), o->activation_id, o->activation_code, &options, err);
    if (r == 0 && !options.credentials_file && sw_path_exists(external)) {
        options.credentials_file = external;
        ecs->external = true;
    }
    return r < 0 ? r : client_open(&options, ret, err);
}

static int check_fargate(const struct options *o, struct sw_err *err)
{
    if (!o->fargate || sw_streq(o->fargate, FARGATE_ONLY) || sw_streq(o->fargate, FARGATE_SHARED))
        return 0;
    return sw_fail(err, SW_EINVALID, NULL, "fargate: '%s' is not %s or %s", o->fargate,
                   FARGATE_ONLY, FARGATE_SHARED);
}

static int run_agent(const struct options *o, const struct ecs_config *ecs, struct client *client,
                     struct signal_thread *signals, struct sw_err *err)
{
    const char *data = data_dir(o, ecs);
    sw_autofree char *state = sw_asprintf("%s/runtime", data);
    struct s3_reader *s3 = NULL;
    int r = sw_mkdirs(state, 0700, err);
    if (r < 0)
        return r;
    struct runtime runtime = {0};
    struct runtime_oci_options oci = {
        .state_dir = state, .runtime_path = o->runtime, .conmon_path = o->conmon};
    r = runtime_oci_new(&oci, &runtime, err);
    if (r < 0)
        return r;
    const struct s3_options store = {o->s3_endpoint, client->region, o->s3_credentials};
    if (s3_reader_new(&store, &s3, err) < 0) {
        runtime_oci_free(&runtime);
        return err->code;
    }
    sw_autofree char *saved = instance_cluster(data);
    struct control_client *control = control_client_new(client);
    control_client_set_s3(control, s3);
    struct agent_options options = {
        .data_dir = data,
        .cluster = o->cluster     ? o->cluster
                   : ecs->cluster ? ecs->cluster
                   : saved        ? saved
                                  : "default",
        .registry_host_port = client->host_port,
        .registry_tls = client->tls,
        .ca_file = o->common.ca_file,
        .bridge_name = o->bridge_name,
        .region = client->region,
        .endpoint = true,
        .bridge_subnet = o->bridge_subnet,
        .reserved_ports = ecs->reserved_ports,
        .reserved_ports_udp = ecs->reserved_ports_udp,
        .attributes = ecs->attributes,
        .tags = ecs->tags,
        .external = ecs->external,
        .host_paths = o->host_paths,
        .logging_drivers = ecs->logging_drivers,
        .no_privileged = ecs->no_privileged,
        .fargate = o->fargate ? o->fargate : ecs->fargate,
        .journal_socket = o->journal_socket,
        .log_away_max = o->log_away_max,
        .reserved_memory_mib = ecs->reserved_memory_mib,
        .stop_timeout_default_s = ecs->stop_timeout_s ? ecs->stop_timeout_s : 30,
        .task_cleanup_wait_s = ecs->task_cleanup_wait_s ? ecs->task_cleanup_wait_s : 10800,
        .task_cleanup_jitter_s = ecs->task_cleanup_jitter_s,
        .no_image_cleanup = ecs->no_image_cleanup,
        .image_cleanup_interval_s = ecs->image_cleanup_interval_s,
        .image_min_age_s = ecs->image_min_age_s,
        .images_per_cycle = ecs->images_per_cycle,
        .pull_behavior = ecs->pull_behavior,
        .metadata_rate = ecs->metadata_rate,
        .metadata_burst = ecs->metadata_burst,
        .runtime = &runtime,
        .control = control_client_plane(control),
    };
    r = agent_new(&options, &signals->agent, err);
    pthread_t thread;
    if (r == 0 && pthread_create(&thread, NULL, wait_for_signals, signals) != 0)
        r = sw_fail(err, SW_EINTERNAL, NULL, "no thread for signals");
    if (r == 0) {
        r = agent_run(signals->agent, err);
        atomic_store(&signals->ended, true);
        (void)pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
    }
    agent_free(signals->agent);
    control_client_free(control);
    s3_reader_free(s3);
    runtime_oci_free(&runtime);
    return r;
}

static void block_signals(sigset_t *ret)
{
    agent_process_signals(ret);
    sigaddset(ret, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, ret, NULL);
}

/* ECS_LOGLEVEL has names of its own: debug, info, warn, error, crit. */
static int set_log_level(const struct options *o, const struct ecs_config *ecs, struct sw_err *err)
{
    enum sw_log_level level = SW_LOG_INFO;
    const char *name = o->log_level ? o->log_level : ecs->log_level;
    if (!name)
        return 0;
    if (sw_streq(name, "warn"))
        level = SW_LOG_WARNING;
    else if (sw_streq(name, "crit"))
        level = SW_LOG_ERROR;
    else if (!sw_log_level_from_string(name, &level))
        return sw_fail(err, SW_EINVALID, NULL,
                       "log level '%s' is not debug, info, warning or error", name);
    sw_log_set_level(level);
    return 0;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct ecs_config ecs = {0};
    struct client client = {0};
    struct signal_thread signals = {0};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_agent, &argc, argv, &o, 0, 0);
    if (status != 0)
        goto done;
    signals.supervised = o.supervised_by != 0;
    block_signals(&signals.signals);
    const char *config = o.config                          ? o.config
                         : sw_path_exists(ECS_CONFIG_FILE) ? ECS_CONFIG_FILE
                                                           : NULL;
    int r = geteuid() == 0 ? 0
                           : sw_fail(&err, SW_EDENIED, NULL,
                                     "the agent needs root: namespaces, mounts and cgroups");
    if (r == 0)
        r = join_supervisor((pid_t)o.supervised_by, &err);
    if (r == 0)
        r = ecs_config_load(o.supervised_by ? NULL : config, (const char *const *)environ, &ecs,
                            &err);
    if (r == 0)
        r = set_log_level(&o, &ecs, &err);
    if (r == 0)
        r = check_fargate(&o, &err);
    if (r == 0)
        r = open_client(&o, &ecs, &client, &err);
    if (r == 0)
        r = run_agent(&o, &ecs, &client, &signals, &err);
    if (r < 0)
        status = cli_fail(&err);
done:
    client_close(&client);
    ecs_config_free(&ecs);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_agent = {
    .name = "agent",
    .arguments = "[--endpoint URL] [--cluster NAME] [--config /etc/ecs/ecs.config] "
                 "[--activation-id ID --activation-code CODE]",
    .summary = "Make this machine a container instance of a server",
    .example = "slipway agent --endpoint http://10.0.0.5:5000 --credentials node-credentials",
    .flags = &flags,
    .run = run,
};
