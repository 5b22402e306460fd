/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_metadata.c - Amazon ECS developer guide, "Task metadata endpoint version 4". A member that does not apply is
 * left out, as there. */
#include "launcher/agent/task_metadata.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/runtime/cgroup_stats.h"

static void set_time(json_t *o, const char *key, int64_t us)
{
    char text[SW_TIME_LEN];
    if (us == 0)
        return;
    sw_format_iso8601(us, text);
    sw_json_set_str(o, key, text);
}

static const json_t *definition_of(const struct task *t)
{
    return sw_json_object(t->placed, "taskDefinition");
}

static const char *known_status(const struct task_container *c)
{
    switch (c->status) {
    case CONTAINER_READY: return "PULLED";
    case CONTAINER_RUNNING: return "RUNNING";
    case CONTAINER_STOPPED: return "STOPPED";
    default: return "NONE";
    }
}

static const char *desired_status(const struct task *t)
{
    return t->stop_wanted || t->finished ? "STOPPED" : "RUNNING";
}

static json_t *ports_of(const struct task_container *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->bindings_n; i++)
        for (int k = 0; k < port_mapping_count(&c->bindings[i]); k++)
            json_array_append_new(list, json_pack("{s:i, s:s, s:i, s:s}", "ContainerPort",
                                                  c->bindings[i].container_port + k, "Protocol",
                                                  port_protocol_to_string(c->bindings[i].protocol),
                                                  "HostPort", c->bindings[i].host_port + k,
                                                  "HostIp", "0.0.0.0"));
    return list;
}

static json_t *labels_of(const struct task *t, const struct task_container *c,
                         const json_t *definition)
{
    json_t *own = sw_json_object(definition, "dockerLabels");
    json_t *labels = own ? json_deep_copy(own) : json_object();
    char revision[24];
    (void)snprintf(revision, sizeof revision, "%lld", (long long)t->def->revision);
    sw_json_set_str(labels, "com.amazonaws.ecs.cluster", sw_json_str(t->placed, "clusterArn", ""));
    sw_json_set_str(labels, "com.amazonaws.ecs.container-name", c->def->name);
    sw_json_set_str(labels, "com.amazonaws.ecs.task-arn", task_arn(t));
    sw_json_set_str(labels, "com.amazonaws.ecs.task-definition-family", t->def->family);
    sw_json_set_str(labels, "com.amazonaws.ecs.task-definition-version", revision);
    return labels;
}

static json_t *networks_of(const struct task *t, const struct task_container *c)
{
    static const char *const modes[NETWORK_MODE_MAX_] = {[NETWORK_BRIDGE] = "bridge",
                                                         [NETWORK_HOST] = "host",
                                                         [NETWORK_NONE] = "none",
                                                         [NETWORK_AWSVPC] = "awsvpc"};
    json_t *addresses = json_array();
    if (c->address[0])
        json_array_append_new(addresses, json_string(c->address));
    return json_pack("[{s:s, s:o}]", "NetworkMode", modes[t->def->network_mode], "IPv4Addresses",
                     addresses);
}

static json_t *volumes_of(const struct task *t, const struct container_def *def)
{
    json_t *list = json_array();
    for (size_t i = 0; i < def->mount_points_n; i++) {
        const struct mount_point *p = &def->mount_points[i];
        json_t *v = json_pack("{s:s, s:s}", "DockerName", p->source_volume, "Destination",
                              p->container_path);
        for (size_t k = 0; k < t->def->volumes_n; k++)
            if (t->def->volumes[k].source_path &&
                sw_streq(t->def->volumes[k].name, p->source_volume))
                sw_json_set_str(v, "Source", t->def->volumes[k].source_path);
        json_array_append_new(list, v);
    }
    return list;
}

static void add_end(json_t *o, const struct task_container *c)
{
    set_time(o, "CreatedAt", c->created_us);
    set_time(o, "StartedAt", c->started_us);
    set_time(o, "FinishedAt", c->stopped_us);
    if (c->has_exit_code)
        sw_json_set_int(o, "ExitCode", c->exit_code);
    if (c->def->health_check.command)
        sw_json_set_new(o, "Health",
                        json_pack("{s:s}", "status", container_health_to_string(c->health)));
}

json_t *metadata_container(const struct task *t, size_t container)
{
    const struct task_container *c = &t->containers[container];
    const json_t *definition =
        sw_json_find(sw_json_array(definition_of(t), "containerDefinitions"), "name", c->def->name);
    const json_t *log = sw_json_object(definition, "logConfiguration");
    const json_t *known =
        sw_json_find(sw_json_array(t->placed, "containers"), "name", c->def->name);
    json_t *o = json_object(), *volumes = volumes_of(t, c->def);
    sw_autofree char *docker_name = sw_asprintf("ecs-%s-%lld-%s-%.20s", t->def->family,
                                                (long long)t->def->revision, c->def->name, t->id);
    sw_json_set_str(o, "DockerId", c->id);
    sw_json_set_str(o, "Name", c->def->name);
    sw_json_set_str(o, "DockerName", docker_name);
    sw_json_set_str(o, "Image", c->def->image);
    sw_json_set_str(o, "ImageID", c->image_digest);
    if (c->bindings_n)
        sw_json_set_new(o, "Ports", ports_of(c));
    sw_json_set_new(o, "Labels", labels_of(t, c, definition));
    sw_json_set_str(o, "DesiredStatus", desired_status(t));
    sw_json_set_str(o, "KnownStatus", known_status(c));
    sw_json_set_new(o, "Limits",
                    json_pack("{s:I, s:I}", "CPU", (json_int_t)c->def->cpu, "Memory",
                              (json_int_t)c->def->memory_mib));
    add_end(o, c);
    sw_json_set_str(o, "Type", "NORMAL");
    if (c->def->host.restart.enabled)
        sw_json_set_int(o, "RestartCount", c->restarts);
    if (json_array_size(volumes))
        sw_json_set_new(o, "Volumes", json_incref(volumes));
    json_decref(volumes);
    sw_json_set_str(o, "LogDriver", sw_json_str(log, "logDriver", "json-file"));
    if (sw_json_object(log, "options"))
        json_object_set(o, "LogOptions", sw_json_object(log, "options"));
    sw_json_set_str(o, "ContainerARN", sw_json_str(known, "containerArn", NULL));
    sw_json_set_new(o, "Networks", networks_of(t, c));
    return o;
}

/* The service's part of "service:web". */
static const char *service_name(const struct task *t)
{
    const char *group = sw_json_str(t->placed, "group", "");
    return strncmp(group, "service:", 8) == 0 ? group + 8 : NULL;
}

/* The pairs as they are: this document is no map. */
static void add_tags(json_t *o, const struct task *t)
{
    const json_t *tags = sw_json_array(t->placed, "tags"), *v;
    json_t *map = json_object();
    size_t i;
    json_array_foreach(tags, i, v)
        sw_json_set_str(map, sw_json_str(v, "key", ""), sw_json_str(v, "value", ""));
    if (json_object_size(map))
        sw_json_set_new(o, "TaskTags", json_incref(map));
    json_decref(map);
}

json_t *metadata_task(const struct task *t, bool with_tags)
{
    json_t *o = json_object(), *containers = json_array(), *limits = json_object();
    char revision[24];
    (void)snprintf(revision, sizeof revision, "%lld", (long long)t->def->revision);
    sw_json_set_str(o, "Cluster", sw_json_str(t->placed, "clusterArn", ""));
    sw_json_set_str(o, "TaskARN", task_arn(t));
    sw_json_set_str(o, "Family", t->def->family);
    sw_json_set_str(o, "Revision", revision);
    sw_json_set_str(o, "ServiceName", service_name(t));
    sw_json_set_str(o, "DesiredStatus", desired_status(t));
    sw_json_set_str(o, "KnownStatus",
                    t->finished      ? "STOPPED"
                    : t->was_running ? "RUNNING"
                                     : "NONE");
    for (size_t i = 0; i < t->def->containers_n; i++)
        json_array_append_new(containers, metadata_container(t, i));
    sw_json_set_new(o, "Containers", containers);
    if (t->def->cpu)
        sw_json_set_new(limits, "CPU", json_real((double)t->def->cpu / 1024));
    if (t->def->memory_mib)
        sw_json_set_int(limits, "Memory", t->def->memory_mib);
    if (json_object_size(limits))
        sw_json_set_new(o, "Limits", json_incref(limits));
    json_decref(limits);
    set_time(o, "PullStartedAt", t->pull_started_us);
    set_time(o, "PullStoppedAt", t->pull_stopped_us);
    set_time(o, "ExecutionStoppedAt", t->stopped_us);
    sw_json_set_str(o, "LaunchType", sw_json_str(t->placed, "launchType", "EC2"));
    if (with_tags)
        add_tags(o, t);
    return o;
}

static json_t *cpu_json(const struct cgroup_stats *s)
{
    return json_pack("{s:{s:I, s:I, s:I}, s:I, s:I, s:{s:I, s:I, s:I}}", "cpu_usage", "total_usage",
                     (json_int_t)s->cpu_ns, "usage_in_usermode", (json_int_t)s->cpu_user_ns,
                     "usage_in_kernelmode", (json_int_t)s->cpu_system_ns, "system_cpu_usage",
                     (json_int_t)cgroup_system_cpu_ns(), "online_cpus",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "throttling_data", "periods",
                     (json_int_t)s->periods, "throttled_periods", (json_int_t)s->throttled_periods,
                     "throttled_time", (json_int_t)s->throttled_ns);
}

json_t *metadata_stats(struct task *t, size_t container)
{
    struct task_container *c = &t->containers[container];
    struct cgroup_stats s;
    char read_at[SW_TIME_LEN];
    sw_autofree char *group = sw_asprintf("/slipway/%s/%s", t->id, c->id);
    if (c->status != CONTAINER_RUNNING || !cgroup_stats_read(t->engine->o.cgroup_root, group, &s))
        return json_null();
    sw_format_iso8601(sw_now_us(), read_at);
    json_t *cpu = cpu_json(&s);
    json_t *before = c->last_cpu ? c->last_cpu : json_object();
    c->last_cpu = json_incref(cpu);
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:{s:I, s:I}, s:o, s:o, s:{s:I, s:I, s:I, s:{s:I, s:I}}}", "read", read_at,
        "name", c->def->name, "id", c->id, "pids_stats", "current", (json_int_t)s.pids, "limit",
        (json_int_t)s.pids_limit, "cpu_stats", cpu, "precpu_stats", before, "memory_stats", "usage",
        (json_int_t)s.memory_bytes, "max_usage", (json_int_t)s.memory_max_bytes, "limit",
        (json_int_t)s.memory_limit_bytes, "stats", "cache", (json_int_t)s.cache_bytes, "rss",
        (json_int_t)s.rss_bytes);
    return o;
}

json_t *metadata_task_stats(struct task *t)
{
    json_t *o = json_object();
    for (size_t i = 0; i < t->def->containers_n; i++)
        if (t->containers[i].id[0])
            sw_json_set_new(o, t->containers[i].id, metadata_stats(t, i));
    return o;
}
