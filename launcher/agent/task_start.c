/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_start.c - one container from READY to RUNNING, its watchers, and what is left of it.
 *
 * Invariant: the file names the runtime id and the network lease before either is used, so that a new agent finds them. */
#include <errno.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/flag.h"
#include "launcher/agent/health.h"
#include "launcher/agent/log_sources.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/agent/task_namespaces.h"
#include "launcher/agent/task_roles.h"
#include "launcher/agent/task_secrets.h"
#include "launcher/runtime/cgroup.h"
#include "launcher/runtime/spec.h"

#define WAIT_SLICE_MS 500
#define MIB           (1024 * 1024)

struct mapping {
    struct task *t;
    struct task_container *c;
    struct sw_err err;
};

static void *map_ports(void *arg)
{
    struct mapping *m = arg;
    struct cni_port ports[NETWORK_PORTS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < m->c->bindings_n; i++) {
        const struct port_mapping *b = &m->c->bindings[i];
        for (uint16_t k = 0; k < port_mapping_count(b) && n < SW_ARRAY_LEN(ports); k++)
            ports[n++] = (struct cni_port){.host_port = (uint16_t)(b->host_port + k),
                                           .container_port = (uint16_t)(b->container_port + k),
                                           .udp = b->protocol == PORT_UDP};
    }
    (void)network_map_ports(m->t->engine->o.network, m->c->lease, ports, n, &m->err);
    return NULL;
}

static int take_ports(struct task *t, struct task_container *c, struct sw_err *err)
{
    if (t->def->network_mode == NETWORK_NONE || c->bindings_n)
        return 0; /* none, or those of the start before */
    for (size_t i = 0; i < c->def->ports_n && i < NETWORK_PORTS_MAX; i++) {
        struct port_mapping m = c->def->ports[i];
        if (t->def->network_mode != NETWORK_BRIDGE)
            m.host_port = m.container_port;
        else if (ports_take(t->engine->ports, &m, false, err) < 0)
            return err->code;
        pthread_mutex_lock(&t->lock);
        c->bindings[c->bindings_n++] = m;
        pthread_mutex_unlock(&t->lock);
    }
    return 0;
}

static void give_ports_back(struct task *t, struct task_container *c)
{
    if (t->def->network_mode == NETWORK_BRIDGE)
        for (size_t i = 0; i < c->bindings_n; i++)
            ports_give_back(t->engine->ports, &c->bindings[i]);
}

static void copy_lease(struct task_container *to, const struct task_container *from)
{
    if (to == from)
        return;
    memcpy(to->lease, from->lease, sizeof to->lease);
    memcpy(to->address, from->address, sizeof to->address);
}

/* Takes the lease that another container of the task holds. */
static bool shares_lease(struct task *t, struct task_container *c)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; !c->lease[0] && i < t->def->containers_n; i++)
        if (!t->containers[i].cleaned && t->containers[i].lease[0])
            copy_lease(c, &t->containers[i]);
    bool has = c->lease[0] != 0;
    pthread_mutex_unlock(&t->lock);
    return has;
}

/* The last one gives it back. */
static bool others_hold_lease(struct task *t, const struct task_container *c)
{
    bool held = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++) {
        const struct task_container *o = &t->containers[i];
        held |= o != c && !o->cleaned && strcmp(o->lease, c->lease) == 0;
    }
    pthread_mutex_unlock(&t->lock);
    return held;
}

static int take_network(struct task *t, struct task_container *c, struct sw_err *err)
{
    if (t->def->network_mode == NETWORK_HOST || !t->engine->o.network)
        return 0;
    if (t->def->network_mode == NETWORK_AWSVPC && shares_lease(t, c))
        return 0;
    bool isolated = t->def->network_mode == NETWORK_NONE || c->def->disable_networking;
    char lease[NETWORK_NAME_MAX], address[64];
    if (network_acquire(t->engine->o.network, isolated, lease, address, err) < 0)
        return err->code;
    pthread_mutex_lock(&t->lock);
    snprintf(c->lease, sizeof c->lease, "%s", lease);
    snprintf(c->address, sizeof c->address, "%s", address);
    /* One network for all of the task, whichever starts first and whichever ends last. */
    for (size_t i = 0; t->def->network_mode == NETWORK_AWSVPC && i < t->def->containers_n; i++)
        if (!t->containers[i].cleaned)
            copy_lease(&t->containers[i], c);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

/* The plugins for ports take as long as the runtime: side by side. */
static int create_and_map(struct task *t, struct task_container *c, const char *folder,
                          struct sw_err *err)
{
    const struct runtime *rt = t->engine->o.runtime;
    struct mapping m = {.t = t, .c = c};
    pthread_t mapper;
    bool mapping = t->def->network_mode == NETWORK_BRIDGE && c->lease[0] && c->bindings_n > 0;
    int e = mapping ? pthread_create(&mapper, NULL, map_ports, &m) : 0;
    if (e != 0)
        return sw_fail_os(err, e, "thread for port mappings");
    sw_autofree char *log = sw_asprintf("%s/log", folder);
    if (log_sources_prepare(t, c->def->name, folder, err) == 0 &&
        rt->ops->create(rt->self, c->id, folder, log, err) == 0)
        log_sources_begin(t, c->def->name);
    if (mapping)
        pthread_join(mapper, NULL);
    if (err->code == 0 && m.err.code)
        (void)sw_err_move(err, &m.err);
    return err->code;
}

/* As ECS does it: the task's cpu and memory are what all its containers together may use; without cpu the task weighs as much as its
 * containers. Given anew before each container, because a task whose containers have all ended has no group. */
static int make_group(const struct task *t, struct sw_err *err)
{
    struct cgroup_limits l = {.memory_bytes = t->def->memory_mib * MIB,
                              .cpu_quota = t->def->cpu,
                              .cpu_shares = t->def->cpu};
    for (size_t i = 0; t->def->cpu == 0 && i < t->def->containers_n; i++)
        l.cpu_shares += spec_cpu_shares(t->def->containers[i].cpu);
    for (size_t i = 0; i < t->def->containers_n; i++)
        l.swap_bytes += t->def->containers[i].host.max_swap_mib * MIB;
    return cgroup_make(t->engine->o.cgroup_root, t->id, &l, err);
}

/* With the lock held. What runs without a note of it on the disk would be nobody's after an end of the agent, or run twice. */
static int note_start(struct task *t, struct sw_err *err)
{
    if (task_persist(t, false))
        return 0;
    return sw_fail(err, SW_EIO, "CannotStartContainerError",
                   "its start cannot be noted on the disk");
}

static int bring_up(struct task *t, size_t container, struct sw_err *err)
{
    struct task_container *c = &t->containers[container];
    const struct runtime *rt = t->engine->o.runtime;
    sw_autofree char *folder = task_container_dir(t, container);
    sw_autofree char *volumes = sw_asprintf("%s/volumes", t->dir);
    if (take_ports(t, c, err) < 0 || take_network(t, c, err) < 0)
        return err->code;
    pthread_mutex_lock(&t->lock);
    sw_random_hex(c->id, 64);
    c->stop_signal = image_stop_signal(c->image.config);
    int noted = note_start(t, err);
    pthread_mutex_unlock(&t->lock);
    if (noted < 0)
        return noted;
    sw_autofree char *netns = c->lease[0] ? network_path(t->engine->o.network, c->lease) : NULL;
    sw_autofree char *efs = sw_asprintf("%s/efs", t->engine->o.data_dir);
    sw_autofree char *shared = sw_asprintf("%s/volumes", t->engine->o.data_dir);
    sw_autofree char *mounts = task_mounts_dir(t);
    SW_CLEANUP(task_namespaces_done) struct task_namespaces namespaces = {.pid_path = NULL};
    const char *addresses[TASKDEF_CONTAINERS_MAX];
    for (size_t i = 0; i < t->def->containers_n; i++)
        addresses[i] = t->containers[i].address;
    SW_CLEANUP(strings_freep) char **env = task_container_environment(t, container);
    SW_CLEANUP(strings_freep) char **defaults = task_container_defaults(t);
    task_add_secrets(t, container, &env);
    struct container_setup s = {.folder = folder,
                                .volumes_dir = volumes,
                                .id = c->id,
                                .task_id = t->id,
                                .task = t->def,
                                .def = c->def,
                                .image = &c->image,
                                .shared_dir = shared,
                                .efs_dir = efs,
                                .mounts_dir = mounts,
                                .host_paths = t->engine->o.host_paths,
                                .namespaces = &namespaces,
                                .no_privileged = t->engine->o.no_privileged,
                                .env_files = (const char *const *)t->env_files[container],
                                .addresses = addresses,
                                .netns_path = netns,
                                .env = (const char *const *)env,
                                .env_defaults = (const char *const *)defaults,
                                .address = c->address};
    if (make_group(t, err) < 0 || task_namespaces_get(t, &namespaces, err) < 0 ||
        container_setup(&s, err) < 0 || create_and_map(t, c, folder, err) < 0)
        return err->code;
    pthread_mutex_lock(&t->lock);
    while (!t->durable) /* else a machine that fails now would run it again */
        pthread_cond_wait(&t->changed, &t->lock);
    c->starting = true;
    c->created_us = sw_now_us();
    noted = note_start(t, err);
    pthread_mutex_unlock(&t->lock);
    return noted < 0 ? noted : rt->ops->start(rt->self, c->id, err);
}

int task_start_container(struct task *t, size_t container, struct sw_err *err)
{
    struct task_container *c = &t->containers[container];
    if (bring_up(t, container, err) < 0) {
        pthread_mutex_lock(&t->lock);
        c->status = CONTAINER_STOPPED;
        task_set_reason(c, "%s: %s", err->reason ? err->reason : "CannotStartContainerError",
                        err->msg);
        pthread_mutex_unlock(&t->lock);
        return err->code;
    }
    pthread_mutex_lock(&t->lock);
    c->status = CONTAINER_RUNNING;
    c->ran = true;
    c->started_us = sw_now_us();
    c->started_ms = sw_mono_ms();
    image_done(&c->image);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

bool task_clean_container(struct task *t, size_t container, bool anyway)
{
    struct task_container *c = &t->containers[container];
    const struct runtime *rt = t->engine->o.runtime;
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *folder = task_container_dir(t, container);
    if (c->id[0] && rt->ops->remove(rt->self, c->id, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "container-not-removed", &err, "task", t->id, "container",
                   c->def->name, NULL);
        if (!anyway)
            return false;
        sw_err_clear(&err);
    }
    if (sw_path_exists(folder) && container_teardown(folder, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "container-folder-not-removed", &err, "task", t->id, "container",
                   c->def->name, NULL);
        sw_err_clear(&err);
    }
    bool keeps = c->restarting && t->def->network_mode == NETWORK_AWSVPC;
    if (c->lease[0] && t->engine->o.network && !keeps && !others_hold_lease(t, c) &&
        network_release(t->engine->o.network, c->lease, &err) < 0)
        sw_log_err(SW_LOG_WARNING, "network-not-released", &err, "task", t->id, "container",
                   c->def->name, NULL);
    give_ports_back(t, c);
    image_done(&c->image);
    return true;
}

/* What the runtime says of its end becomes the container's last state. */
static void container_ended(struct task *t, struct task_container *c,
                            const struct runtime_state *st)
{
    pthread_mutex_lock(&t->lock);
    c->status = CONTAINER_STOPPED;
    c->stopped_us = sw_now_us();
    c->ran_ms = sw_mono_ms() - c->started_ms;
    c->has_exit_code = st->exit_code >= 0;
    c->exit_code = st->exit_code;
    if (st->oom_killed)
        task_set_reason(c, "OutOfMemoryError: Container killed due to memory usage");
    else if (st->monitor_lost)
        task_set_reason(c, "CannotInspectContainerError: the monitor of the container ended, so "
                           "the container was stopped");
    else if (st->exit_code < 0)
        task_set_reason(c, "CannotInspectContainerError: the container ended without an exit code");
    task_wake(t);
    pthread_mutex_unlock(&t->lock);
}

struct watch {
    struct task *t;
    size_t container;
};

static void *waiter_main(void *arg)
{
    struct watch *w = arg;
    struct task_container *c = &w->t->containers[w->container];
    const struct runtime *rt = w->t->engine->o.runtime;
    while (!flag_is_set(&w->t->engine->closing)) {
        struct runtime_state st;
        struct sw_err err = SW_ERR_INIT;
        int r = rt->ops->wait(rt->self, c->id, WAIT_SLICE_MS, &st, &err);
        if (r < 0 && err.code != SW_ENOTFOUND) {
            sw_log_err(SW_LOG_WARNING, "container-wait-failed", &err, "task", w->t->id, NULL);
            sw_sleep_ms(WAIT_SLICE_MS);
            continue;
        }
        if (r < 0)
            st = (struct runtime_state){.status = RUNTIME_STOPPED, .exit_code = -1};
        if (r != 0) {
            container_ended(w->t, c, &st);
            break;
        }
    }
    free(w);
    return NULL;
}

static void join_watchers_of(struct task_container *c)
{
    if (c->watched)
        pthread_join(c->waiter, NULL);
    if (c->has_health_thread)
        pthread_join(c->health_thread, NULL);
    c->watched = c->has_health_thread = false;
}

static bool is_running(struct task *t, struct task_container *c)
{
    pthread_mutex_lock(&t->lock);
    bool running =
        c->status == CONTAINER_RUNNING && !c->stop_sent && !flag_is_set(&t->engine->closing);
    pthread_mutex_unlock(&t->lock);
    return running;
}

static bool sleep_while_running(struct task *t, struct task_container *c, int64_t ms)
{
    for (int64_t until = sw_mono_ms() + ms; is_running(t, c);
         sw_sleep_ms(SW_MIN(until - sw_mono_ms(), (int64_t)100)))
        if (sw_mono_ms() >= until)
            return true;
    return false;
}

static void *health_main(void *arg)
{
    struct watch *w = arg;
    struct task *t = w->t;
    struct task_container *c = &t->containers[w->container];
    const struct health_check *check = &c->def->health_check;
    const struct runtime *rt = t->engine->o.runtime;
    sw_autofree const char **argv = health_argv(check);
    struct health h = {.started_at_ms = sw_mono_ms()};
    bool told = true; /* the control plane knows h.status */
    while (argv && sleep_while_running(t, c, (int64_t)check->interval_s * 1000)) {
        struct runtime_exec exec = {.argv = argv, .timeout_ms = (int64_t)check->timeout_s * 1000};
        struct sw_err err = SW_ERR_INIT;
        int code = -1;
        bool success = rt->ops->exec(rt->self, c->id, &exec, &code, &err) == 0 && code == 0;
        if (!is_running(t, c))
            break;
        if (health_step(&h, check, success, sw_mono_ms())) {
            pthread_mutex_lock(&t->lock);
            c->health = h.status;
            task_wake(t);
            pthread_mutex_unlock(&t->lock);
            told = false;
        }
        if (!told)
            told = task_submit_health(t);
    }
    free(w);
    return NULL;
}

static bool start_watcher(struct task *t, size_t container, void *(*run)(void *), pthread_t *ret)
{
    struct watch *w = SW_NEW(struct watch);
    *w = (struct watch){t, container};
    if (pthread_create(ret, NULL, run, w) == 0)
        return true;
    free(w);
    return false;
}

void task_watch(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    if (!c->watched)
        c->watched = start_watcher(t, container, waiter_main, &c->waiter);
    if (c->def->health_check.command && !c->has_health_thread)
        c->has_health_thread = start_watcher(t, container, health_main, &c->health_thread);
}

/* As new, but for the host ports, which people know, and the network of an awsvpc task. */
void task_restart_container(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    bool own_network =
        t->def->network_mode == NETWORK_AWSVPC && c->lease[0] && t->engine->o.network;
    sw_autofree char *netns = own_network ? network_path(t->engine->o.network, c->lease) : NULL;
    join_watchers_of(c);
    pthread_mutex_lock(&t->lock);
    if (!own_network || !sw_path_exists(netns))
        c->lease[0] = c->address[0] = 0;
    c->id[0] = c->reason[0] = 0;
    c->status = CONTAINER_WAITING;
    c->starting = c->has_exit_code = c->cleaned = c->end_saved = c->restarting = false;
    c->clean_tries = 0;
    c->health = HEALTH_UNKNOWN;
    c->started_us = c->stopped_us = 0;
    c->restarts++;
    for (size_t i = 0; t->def->network_mode == NETWORK_BRIDGE && i < c->bindings_n; i++) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)ports_take(t->engine->ports, &c->bindings[i], true, &ignored);
    }
    task_persist(t, true);
    pthread_mutex_unlock(&t->lock);
}

void task_give_up_restarts(struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++) {
        struct task_container *c = &t->containers[i];
        struct sw_err err = SW_ERR_INIT;
        if (c->restarting && c->cleaned && c->lease[0] && t->engine->o.network &&
            !others_hold_lease(t, c) && network_release(t->engine->o.network, c->lease, &err) < 0)
            sw_log_err(SW_LOG_WARNING, "network-not-released", &err, "task", t->id, NULL);
        c->restarting = false;
    }
}

void task_join_watchers(struct task *t)
{
    for (size_t i = 0; i < t->def->containers_n; i++) {
        join_watchers_of(&t->containers[i]);
    }
}
