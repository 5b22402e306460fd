/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the enums, look-ups and derived values of a task definition. taskdef_json.c makes and changes it.
 * Invariant: depends_on[].container is a valid index, and the graph has no cycle once taskdef_validate passed. */
#include "launcher/model/taskdef.h"

#include <string.h>

#include "base/macros.h"
#include "base/str.h"

static const char *const network_modes[NETWORK_MODE_MAX_] = {
    [NETWORK_BRIDGE] = "bridge",
    [NETWORK_HOST] = "host",
    [NETWORK_NONE] = "none",
    [NETWORK_AWSVPC] = "awsvpc",
};
static const char *const depends_conditions[DEPENDS_CONDITION_MAX_] = {
    [DEPENDS_START] = "START",
    [DEPENDS_COMPLETE] = "COMPLETE",
    [DEPENDS_SUCCESS] = "SUCCESS",
    [DEPENDS_HEALTHY] = "HEALTHY",
};
static const char *const port_protocols[PORT_PROTOCOL_MAX_] = {
    [PORT_TCP] = "tcp",
    [PORT_UDP] = "udp",
};

static const char *name_of(const char *const *names, int n, int value)
{
    return value >= 0 && value < n ? names[value] : NULL;
}

static bool value_of(const char *const *names, int n, const char *s, int *ret)
{
    for (int i = 0; s && i < n; i++) {
        if (sw_streq(names[i], s)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool network_mode_from_string(const char *s, enum network_mode *ret)
{
    int v;
    if (!value_of(network_modes, NETWORK_MODE_MAX_, s, &v))
        return false;
    *ret = (enum network_mode)v;
    return true;
}

const char *depends_condition_to_string(enum depends_condition c)
{
    return name_of(depends_conditions, DEPENDS_CONDITION_MAX_, (int)c);
}

bool depends_condition_from_string(const char *s, enum depends_condition *ret)
{
    int v;
    if (!value_of(depends_conditions, DEPENDS_CONDITION_MAX_, s, &v))
        return false;
    *ret = (enum depends_condition)v;
    return true;
}

const char *port_protocol_to_string(enum port_protocol p)
{
    return name_of(port_protocols, PORT_PROTOCOL_MAX_, (int)p);
}

bool port_protocol_from_string(const char *s, enum port_protocol *ret)
{
    int v;
    if (!value_of(port_protocols, PORT_PROTOCOL_MAX_, s, &v))
        return false;
    *ret = (enum port_protocol)v;
    return true;
}

bool port_range_parse(const char *text, uint16_t *ret_first, uint16_t *ret_count)
{
    struct sw_str last = sw_str(text), first;
    uint64_t a = 0, b = 0;
    if (!sw_str_split(&last, '-', &first) || !sw_parse_u64(first, &a) || !sw_parse_u64(last, &b) ||
        a < 1 || b > 65535 || a >= b)
        return false;
    *ret_first = (uint16_t)a;
    *ret_count = (uint16_t)(b - a + 1);
    return true;
}

uint16_t port_mapping_count(const struct port_mapping *m)
{
    return m->count ? m->count : 1;
}

static void strings_free(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

static void container_done(struct container_def *c)
{
    free(c->name);
    free(c->image);
    strings_free(c->command);
    strings_free(c->entry_point);
    for (size_t i = 0; i < c->environment_n; i++) {
        free(c->environment[i].name);
        free(c->environment[i].value);
    }
    free(c->environment);
    for (size_t i = 0; i < c->environment_files_n; i++) {
        free(c->environment_files[i].bucket);
        free(c->environment_files[i].key);
    }
    free(c->environment_files);
    free(c->working_directory);
    free(c->user);
    free(c->ports);
    free(c->depends_on);
    container_linux_done(&c->host);
    for (size_t i = 0; i < c->ulimits_n; i++)
        free(c->ulimits[i].name);
    free(c->ulimits);
    for (size_t i = 0; i < c->mount_points_n; i++) {
        free(c->mount_points[i].source_volume);
        free(c->mount_points[i].container_path);
    }
    free(c->mount_points);
    strings_free(c->health_check.command);
}

void taskdef_free(struct taskdef *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->containers_n; i++)
        container_done(&t->containers[i]);
    free(t->containers);
    for (size_t i = 0; i < t->volumes_n; i++) {
        free(t->volumes[i].name);
        free(t->volumes[i].source_path);
        free(t->volumes[i].file_system);
        free(t->volumes[i].mount.type);
        free(t->volumes[i].mount.options);
        free(t->volumes[i].mount.device);
        free(t->volumes[i].efs.root);
        free(t->volumes[i].efs.access_point);
    }
    free(t->volumes);
    free(t->task_role);
    free(t->execution_role);
    free(t->family);
    free(t);
}

bool taskdef_role_valid(const char *arn)
{
    struct sw_str s = sw_str(arn);
    static const char prefix[] = "arn:aws:iam::", role[] = ":role/";
    size_t at = sizeof prefix - 1;
    if (s.n > 640 || !sw_str_starts_with(s, prefix) || strspn(arn + at, "0123456789") != 12 ||
        strncmp(arn + at + 12, role, sizeof role - 1) != 0)
        return false;
    const char *name = arn + at + 12 + sizeof role - 1;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return false;
    return *name && name[strlen(name) - 1] != '/';
}

bool s3_object_parse(const char *arn, struct sw_str *ret_bucket, struct sw_str *ret_key)
{
    struct sw_str rest = sw_str(arn), part;
    for (int i = 0; i < 5; i++)
        if (!sw_str_split(&rest, ':', &part) || (i == 0 && !sw_str_eq_z(part, "arn")) ||
            (i == 1 && !sw_str_starts_with(part, "aws")) || (i == 2 && !sw_str_eq_z(part, "s3")) ||
            (i > 2 && part.n))
            return false;
    if (!rest.p || !sw_str_split(&rest, '/', ret_bucket) || ret_bucket->n < 3 ||
        ret_bucket->n > 63 || !rest.p || rest.n == 0 || rest.n > 1024)
        return false;
    for (size_t i = 0; i < ret_bucket->n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", ret_bucket->p[i]))
            return false;
    *ret_key = rest;
    while (sw_str_split(&rest, '/',
                        &part)) /* some stores would take them for folders, and leave the bucket */
        if (sw_str_eq_z(part, ".") || sw_str_eq_z(part, ".."))
            return false;
    return ret_bucket->p[0] != '.' && ret_bucket->p[0] != '-';
}

int taskdef_container_index(const struct taskdef *t, const char *name)
{
    for (size_t i = 0; i < t->containers_n; i++) {
        if (sw_streq(t->containers[i].name, name))
            return (int)i;
    }
    return -1;
}

static void add_port(uint16_t *ports, size_t *n, uint16_t port)
{
    if (*n < 100)
        ports[(*n)++] = port;
}

void taskdef_resources(const struct taskdef *t, struct task_resources *ret)
{
    *ret = (struct task_resources){.cpu = t->cpu, .memory_mib = t->memory_mib};
    for (size_t i = 0; i < t->containers_n; i++) {
        const struct container_def *c = &t->containers[i];
        if (!t->cpu)
            ret->cpu += c->cpu;
        if (!t->memory_mib)
            ret->memory_mib +=
                c->memory_reservation_mib ? c->memory_reservation_mib : c->memory_mib;
        for (size_t p = 0; p < c->ports_n; p++) {
            const struct port_mapping *m = &c->ports[p];
            if (m->host_port && m->protocol == PORT_TCP)
                add_port(ret->tcp_ports, &ret->tcp_ports_n, m->host_port);
            else if (m->host_port)
                add_port(ret->udp_ports, &ret->udp_ports_n, m->host_port);
        }
    }
}
