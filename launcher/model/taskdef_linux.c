/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a container definition that is about its machine: volumes of others, names, devices, capabilities, kernel settings. */
#include "launcher/model/taskdef_linux.h"

#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"

#define RESTART_PERIOD_S 300

static const char *const share_modes[SHARE_MODE_MAX_] = {
    [SHARE_OWN] = "", [SHARE_TASK] = "task", [SHARE_HOST] = "host", [SHARE_NONE] = "none"};

enum share_mode share_mode_from_string(const char *s)
{
    for (int i = 0; i < SHARE_MODE_MAX_; i++)
        if (sw_streq(share_modes[i], s))
            return (enum share_mode)i;
    return SHARE_OWN;
}

static const char *const capabilities[] = {"ALL",
                                           "AUDIT_CONTROL",
                                           "AUDIT_READ",
                                           "AUDIT_WRITE",
                                           "BLOCK_SUSPEND",
                                           "BPF",
                                           "CHECKPOINT_RESTORE",
                                           "CHOWN",
                                           "DAC_OVERRIDE",
                                           "DAC_READ_SEARCH",
                                           "FOWNER",
                                           "FSETID",
                                           "IPC_LOCK",
                                           "IPC_OWNER",
                                           "KILL",
                                           "LEASE",
                                           "LINUX_IMMUTABLE",
                                           "MAC_ADMIN",
                                           "MAC_OVERRIDE",
                                           "MKNOD",
                                           "NET_ADMIN",
                                           "NET_BIND_SERVICE",
                                           "NET_BROADCAST",
                                           "NET_RAW",
                                           "PERFMON",
                                           "SETFCAP",
                                           "SETGID",
                                           "SETPCAP",
                                           "SETUID",
                                           "SYSLOG",
                                           "SYS_ADMIN",
                                           "SYS_BOOT",
                                           "SYS_CHROOT",
                                           "SYS_MODULE",
                                           "SYS_NICE",
                                           "SYS_PACCT",
                                           "SYS_PTRACE",
                                           "SYS_RAWIO",
                                           "SYS_RESOURCE",
                                           "SYS_TIME",
                                           "SYS_TTY_CONFIG",
                                           "WAKE_ALARM"};

bool capability_valid(const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(capabilities); i++)
        if (sw_streq(capabilities[i], name))
            return true;
    return false;
}

static void texts_from(const json_t *list, struct texts *ret)
{
    size_t i;
    json_t *v;
    ret->v = sw_calloc(json_array_size(list) + 1, sizeof *ret->v);
    json_array_foreach(list, i, v)
        if (json_is_string(v))
            ret->v[ret->n++] = sw_strdup(json_string_value(v));
}

static void texts_done(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->v[i]);
    free(t->v);
}

static void pairs_from(const json_t *list, const char *name, const char *value, struct pairs *ret)
{
    size_t i;
    json_t *v;
    ret->v = sw_calloc(json_array_size(list) + 1, sizeof *ret->v);
    json_array_foreach(list, i, v)
        ret->v[ret->n++] = (struct pair){sw_strdup(sw_json_str(v, name, "")),
                                         sw_strdup(sw_json_str(v, value, ""))};
}

static void pairs_done(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].name);
        free(p->v[i].value);
    }
    free(p->v);
}

static bool has_text(const json_t *list, const char *text)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
        if (sw_streq(json_string_value(v), text))
            return true;
    return false;
}

static void devices_from(const json_t *list, struct container_linux *l)
{
    size_t i;
    json_t *v;
    l->devices = sw_calloc(json_array_size(list) + 1, sizeof *l->devices);
    json_array_foreach(list, i, v) {
        const json_t *rights = sw_json_array(v, "permissions");
        const char *host = sw_json_str(v, "hostPath", "");
        const char *inside = sw_json_str(v, "containerPath", "");
        bool all = json_array_size(rights) == 0;
        l->devices[l->devices_n++] =
            (struct device_def){.host_path = sw_strdup(host),
                                .container_path = sw_strdup(*inside ? inside : host),
                                .read = all || has_text(rights, "read"),
                                .write = all || has_text(rights, "write"),
                                .mknod = all || has_text(rights, "mknod")};
    }
}

static void tmpfs_from(const json_t *list, struct container_linux *l)
{
    size_t i;
    json_t *v;
    l->tmpfs = sw_calloc(json_array_size(list) + 1, sizeof *l->tmpfs);
    json_array_foreach(list, i, v) {
        struct tmpfs_def *t = &l->tmpfs[l->tmpfs_n++];
        t->container_path = sw_strdup(sw_json_str(v, "containerPath", ""));
        t->size_mib = sw_json_int(v, "size", 0);
        texts_from(sw_json_array(v, "mountOptions"), &t->options);
    }
}

static void restart_from(const json_t *j, struct restart_policy *p)
{
    size_t i;
    json_t *v;
    p->enabled = sw_json_bool(j, "enabled", false);
    p->period_s = sw_json_int(j, "restartAttemptPeriod", RESTART_PERIOD_S);
    json_array_foreach(sw_json_array(j, "ignoredExitCodes"), i, v)
        if (p->ignored_n < RESTART_CODES_MAX)
            p->ignored[p->ignored_n++] = (int)json_integer_value(v);
}

bool restart_due(const struct restart_policy *p, int64_t ran_us, int exit_code)
{
    for (size_t i = 0; i < p->ignored_n; i++)
        if (p->ignored[i] == exit_code)
            return false;
    return p->enabled && ran_us >= p->period_s * 1000000;
}

void container_linux_from_json(const json_t *o, struct container_linux *ret)
{
    const json_t *p = sw_json_object(o, "linuxParameters");
    const json_t *caps = sw_json_object(p, "capabilities");
    const char *hostname = sw_json_str(o, "hostname", "");
    json_t *from = sw_json_array(o, "volumesFrom"), *v;
    size_t i;
    texts_from(sw_json_array(caps, "add"), &ret->capabilities_add);
    texts_from(sw_json_array(caps, "drop"), &ret->capabilities_drop);
    devices_from(sw_json_array(p, "devices"), ret);
    tmpfs_from(sw_json_array(p, "tmpfs"), ret);
    ret->shared_memory_mib = sw_json_int(p, "sharedMemorySize", 0);
    ret->max_swap_mib = sw_json_int(p, "maxSwap", 0);
    /* As with ECS, without maxSwap it says nothing. */
    ret->has_swappiness =
        json_is_integer(json_object_get(p, "maxSwap")) && json_object_get(p, "swappiness");
    ret->swappiness = (int)sw_json_int(p, "swappiness", 0);
    ret->init_process = sw_json_bool(p, "initProcessEnabled", false);
    pairs_from(sw_json_array(o, "extraHosts"), "ipAddress", "hostname", &ret->extra_hosts);
    pairs_from(sw_json_array(o, "systemControls"), "namespace", "value", &ret->system_controls);
    texts_from(sw_json_array(o, "dnsServers"), &ret->dns_servers);
    texts_from(sw_json_array(o, "dnsSearchDomains"), &ret->dns_search);
    texts_from(sw_json_array(o, "links"), &ret->links);
    restart_from(sw_json_object(o, "restartPolicy"), &ret->restart);
    ret->hostname = *hostname ? sw_strdup(hostname) : NULL;
    ret->volumes_from = sw_calloc(json_array_size(from) + 1, sizeof *ret->volumes_from);
    json_array_foreach(from, i, v)
        ret->volumes_from[ret->volumes_from_n++] =
            (struct volume_from_def){.container = sw_strdup(sw_json_str(v, "sourceContainer", "")),
                                     .read_only = sw_json_bool(v, "readOnly", false)};
}

void container_linux_done(struct container_linux *l)
{
    texts_done(&l->capabilities_add);
    texts_done(&l->capabilities_drop);
    for (size_t i = 0; i < l->devices_n; i++) {
        free(l->devices[i].host_path);
        free(l->devices[i].container_path);
    }
    free(l->devices);
    for (size_t i = 0; i < l->tmpfs_n; i++) {
        free(l->tmpfs[i].container_path);
        texts_done(&l->tmpfs[i].options);
    }
    free(l->tmpfs);
    pairs_done(&l->extra_hosts);
    pairs_done(&l->system_controls);
    texts_done(&l->dns_servers);
    texts_done(&l->dns_search);
    texts_done(&l->links);
    free(l->hostname);
    for (size_t i = 0; i < l->volumes_from_n; i++)
        free(l->volumes_from[i].container);
    free(l->volumes_from);
}

void link_parse(const char *link, struct sw_str *ret_container, struct sw_str *ret_alias)
{
    struct sw_str rest = sw_str(link);
    (void)sw_str_split(&rest, ':', ret_container);
    *ret_alias = rest.n ? rest : *ret_container;
}
