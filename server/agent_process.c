/* SPDX-License-Identifier: Apache-2.0 */
/* server/agent_process.c - command line of the supervised agent. What the user gave to `up` is handed on as flags. */
#include "server/agent_process.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/process.h"
#include "launcher/agent/instance.h"
#include "launcher/model/capabilities.h"

void agent_process_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, AGENT_SIGNAL_STOP_TASKS);
}

int agent_process_check(const struct server_config *c, const char *data_dir, struct sw_err *err)
{
    char machine[INSTANCE_IDENTITY_MAX];
    sw_autofree char *agent_data = sw_asprintf("%s/agent", data_dir);
    instance_machine_id(machine);
    return instance_check_cluster(agent_data, c->cluster, machine, err);
}

int agent_process_start(const struct server_config *c, const char *data_dir, const char *endpoint,
                        const char *credentials, pid_t *ret, struct sw_err *err)
{
    char parent[32], log_away_max[32];
    (void)snprintf(parent, sizeof(parent), "%ld", (long)getpid());
    (void)snprintf(log_away_max, sizeof(log_away_max), "%lld", (long long)c->log_away_max);
    sw_autofree char *agent_data = sw_asprintf("%s/agent", data_dir);
    const char *argv[48] = {sw_self_path(),
                            "agent",
                            "--endpoint",
                            endpoint,
                            "--cluster",
                            c->cluster,
                            "--data",
                            agent_data,
                            "--credentials",
                            credentials,
                            "--region",
                            c->region,
                            "--log-level",
                            c->log_level,
                            "--bridge-name",
                            c->bridge_name,
                            "--bridge-subnet",
                            c->bridge_subnet,
                            "--runtime",
                            c->runtime,
                            "--conmon",
                            c->conmon,
                            "--journal-socket",
                            c->journal_socket,
                            "--log-away-max",
                            log_away_max,
                            "--supervised-by",
                            parent,
                            "--fargate",
                            FARGATE_SHARED,
                            NULL};
    const char *const optional[][2] = {{"--ca-file", c->tls_cert},
                                       {"--s3-endpoint", c->s3_endpoint},
                                       {"--s3-credentials", c->s3_credentials},
                                       {"--host-paths", c->host_paths}};
    size_t n = 0;
    while (argv[n])
        n++;
    for (size_t i = 0; i < SW_ARRAY_LEN(optional); i++)
        if (optional[i][1]) {
            argv[n++] = optional[i][0];
            argv[n++] = optional[i][1];
        }
    sigset_t blocked;
    agent_process_signals(&blocked);
    struct sw_process_spec spec = {.argv = argv, .blocked = &blocked};
    int r = sw_process_start(&spec, -1, -1, ret, err);
    return r < 0 ? sw_prefix(err, "starting the agent") : 0;
}
