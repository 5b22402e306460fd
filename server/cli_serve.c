/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_serve.c - slipway serve and slipway up.
 *
 * `up` is `serve` plus a supervised child, `slipway agent`, on the same machine.
 * Signals, taken by the main thread alone (all others block them):
 *   SIGTERM  stop the server, leave tasks running: a restart adopts them
 *   SIGINT   (up) stop the tasks of this machine first, then as SIGTERM; a second one does not wait for them
 *   SIGCHLD  (up) the agent ended: start it again, after a growing pause when it ends soon each time
 *   SIGHUP   open the logs again, reload the certificate and the policy files; a server outlives its terminal
 * The agent runs in a process group of its own, so that Ctrl-C reaches only us; when we die it gets SIGTERM and leaves
 * its containers alone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "server/agent_process.h"
#include "server/app.h"
#include "server/cli.h"

#define RESTART_PAUSE_MS     1000
#define RESTART_PAUSE_MAX_MS 15000
#define STEADY_MS            5000   /* an agent that ran for so long is started again at once */
#define STOP_GRACE_MS        20000  /* for an agent that leaves its tasks alone */
#define STOP_TASKS_GRACE_MS  150000 /* longest stopTimeout is 120 s */

struct supervisor {
    struct app *app;
    const struct server_config *config;
    bool with_agent;
    pid_t agent; /* 0: none runs */
    int64_t agent_started_ms;
    int64_t restart_at_ms, restart_pause_ms;
};

static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGHUP);
    sigaddset(ret, SIGCHLD);
    (void)pthread_sigmask(SIG_BLOCK, ret, NULL);
    /* A parent may have left it ignored: then no child could be waited for. */
    (void)signal(SIGCHLD, SIG_DFL);
}

/* The pause doubles while agents end soon after their start. */
static void plan_restart(struct supervisor *s)
{
    if (sw_mono_ms() - s->agent_started_ms >= STEADY_MS)
        s->restart_pause_ms = 0;
    else if (s->restart_pause_ms == 0)
        s->restart_pause_ms = RESTART_PAUSE_MS;
    else
        s->restart_pause_ms = SW_MIN(s->restart_pause_ms * 2, RESTART_PAUSE_MAX_MS);
    s->restart_at_ms = sw_mono_ms() + s->restart_pause_ms;
}

static void start_agent(struct supervisor *s)
{
    struct sw_err err = SW_ERR_INIT;
    const char *credentials = NULL;
    int r = app_node_credentials(s->app, &credentials, &err);
    if (r == 0)
        r = agent_process_start(s->config, app_data_dir(s->app), app_endpoint(s->app), credentials,
                                &s->agent, &err);
    s->agent_started_ms = sw_mono_ms();
    if (r < 0) {
        sw_log_err(SW_LOG_ERROR, "agent-not-started", &err, NULL);
        s->agent = 0;
        plan_restart(s);
    }
}

/* True if the agent ended. */
static bool reap_agent(struct supervisor *s)
{
    int status = 0;
    if (s->agent <= 0 || waitpid(s->agent, &status, WNOHANG) == 0)
        return false;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    sw_log(code == 0 ? SW_LOG_INFO : SW_LOG_WARNING, "agent-ended", "#exit_code", (int64_t)code,
           NULL);
    s->agent = 0;
    return true;
}

static void stop_agent(struct supervisor *s, const sigset_t *signals, bool stop_tasks)
{
    if (s->agent <= 0) {
        if (stop_tasks)
            sw_log(SW_LOG_WARNING, "tasks-not-stopped", "why", "no agent runs", NULL);
        return;
    }
    (void)kill(s->agent, stop_tasks ? AGENT_SIGNAL_STOP_TASKS : SIGTERM);
    int64_t deadline = sw_mono_ms() + (stop_tasks ? STOP_TASKS_GRACE_MS : STOP_GRACE_MS);
    while (!reap_agent(s)) {
        struct timespec wait = {.tv_nsec = 100000000};
        int sig = sigtimedwait(signals, NULL, &wait);
        if ((sig == SIGINT || sig == SIGTERM) && stop_tasks) {
            (void)kill(s->agent, SIGTERM);
            stop_tasks = false;
            deadline = sw_mono_ms() + STOP_GRACE_MS;
        }
        if (sw_mono_ms() > deadline) {
            sw_log(SW_LOG_WARNING, "agent-killed", "why", "it did not end in time", NULL);
            (void)kill(s->agent, SIGKILL);
            (void)waitpid(s->agent, NULL, 0);
            s->agent = 0;
            return;
        }
    }
}

/* The signal, or -1 when it is time to start the agent again. */
static int wait_for_signal(const struct supervisor *s, const sigset_t *signals)
{
    if (!s->with_agent || s->agent > 0)
        return sigwaitinfo(signals, NULL);
    int64_t left_ms = SW_MAX(s->restart_at_ms - sw_mono_ms(), 0);
    struct timespec wait = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
    return sigtimedwait(signals, NULL, &wait);
}

static void serve_until_told(struct supervisor *s, const sigset_t *signals)
{
    if (s->with_agent)
        start_agent(s);
    for (;;) {
        int sig = wait_for_signal(s, signals);
        if (s->with_agent && reap_agent(s))
            plan_restart(s);
        if (sig == SIGHUP)
            app_reload(s->app);
        if (sig == SIGINT || sig == SIGTERM) {
            /* Tasks of an ephemeral server cannot be adopted: their folder goes with it. */
            bool stop_tasks = s->with_agent && (sig == SIGINT || s->config->ephemeral);
            sw_log(SW_LOG_INFO, "stopping", "?with_tasks", (int)stop_tasks, NULL);
            stop_agent(s, signals, stop_tasks);
            return;
        }
        if (s->with_agent && s->agent == 0 && sw_mono_ms() >= s->restart_at_ms)
            start_agent(s);
    }
}

static int announce(const struct supervisor *s)
{
    const char *data = app_data_dir(s->app);
    printf("slipway: serving %s, data in %s\n", app_endpoint(s->app), data);
    printf("slipway: export AWS_SHARED_CREDENTIALS_FILE=%s/credentials AWS_DEFAULT_REGION=%s\n",
           data, s->config->region);
    return fflush(stdout) == 0 ? 0 : CLI_FAILED;
}

/* Each connection is a descriptor, and each file answer another one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run_server(const struct server_config *config, bool with_agent)
{
    struct supervisor s = {.config = config, .with_agent = with_agent};
    struct sw_err err = SW_ERR_INIT;
    sigset_t signals;
    block_signals(&signals);
    raise_descriptor_limit();
    int r = app_open(config, &s.app, &err);
    if (r == 0) {
        if (!with_agent || agent_process_check(config, app_data_dir(s.app), &err) == 0)
            (void)app_listen(s.app, &err);
        r = err.code;
        if (r < 0)
            app_close(s.app);
    }
    if (r < 0)
        return cli_fail(&err);
    (void)announce(&s);
    serve_until_told(&s, &signals);
    app_close(s.app);
    return 0;
}

static int run(const struct cli_command *c, int argc, char **argv, bool with_agent)
{
    struct server_config config = {0};
    struct sw_err err = SW_ERR_INIT;
    if (server_config_load(&argc, argv, &config, &err) < 0) {
        fprintf(stderr, "slipway %s: %s\n", c->name, err.msg);
        server_config_free(&config);
        return CLI_USAGE;
    }
    if (argc > 1) {
        fprintf(stderr, "slipway %s: '%s': takes no arguments but flags\n", c->name, argv[1]);
        server_config_free(&config);
        return CLI_USAGE;
    }
    enum sw_log_level level = SW_LOG_INFO;
    if (sw_log_level_from_string(config.log_level, &level))
        sw_log_set_level(level);
    if (with_agent && geteuid() != 0) {
        fprintf(stderr, "slipway: not root: the registry and the APIs work, tasks do not "
                        "(namespaces, mounts and cgroups need root)\n");
        with_agent = false;
    }
    int status = run_server(&config, with_agent);
    server_config_free(&config);
    return status;
}

static int run_serve(int argc, char **argv)
{
    return run(&cli_serve, argc, argv, false);
}

static int run_up(int argc, char **argv)
{
    return run(&cli_up, argc, argv, true);
}

const struct cli_command cli_serve = {
    .name = "serve",
    .arguments = "[--data DIR] [--listen HOST:PORT] [--config FILE]",
    .summary = "Run the registry and the control plane",
    .example = "slipway serve --listen 127.0.0.1:5000",
    .flags = &server_conf_table,
    .run = run_serve,
};

const struct cli_command cli_up = {
    .name = "up",
    .arguments = "[--data DIR] [--listen HOST:PORT] [--config FILE]",
    .summary = "Run everything on this machine: serve plus a local agent",
    .example = "slipway up",
    .flags = &server_conf_table,
    .run = run_up,
};
