/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/container_host.c - see the ECS developer guide, "Linux parameters", and what Docker does with them. */
#include "launcher/agent/container_host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/process.h"

#define REASON      "CannotStartContainerError"
#define MIB         (1024LL * 1024)
#define OPTIONS_MAX 1024
#define RESOLV_MAX  (64 * 1024)

void host_add_names(const struct container_setup *s, struct sw_buf *hosts)
{
    const struct container_linux *l = &s->def->host;
    for (size_t i = 0; i < l->extra_hosts.n; i++)
        sw_buf_addf(hosts, "%s\t%s\n", l->extra_hosts.v[i].name, l->extra_hosts.v[i].value);
    for (size_t i = 0; s->addresses && i < l->links.n; i++) {
        struct sw_str name, alias;
        link_parse(l->links.v[i], &name, &alias);
        for (size_t k = 0; k < s->task->containers_n; k++) {
            if (!sw_str_eq_z(name, s->task->containers[k].name) || !s->addresses[k][0])
                continue;
            sw_buf_addf(hosts, "%s\t" SW_STR_FMT "%s" SW_STR_FMT "\n", s->addresses[k],
                        SW_STR_ARG(alias), sw_str_eq(alias, name) ? "" : " ",
                        sw_str_eq(alias, name) ? 0 : (int)name.n, name.p);
        }
    }
}

static void add_lines(struct sw_buf *b, const char *text, const char *keyword, bool wanted)
{
    struct sw_str rest = sw_str(text), line;
    while (sw_str_split(&rest, '\n', &line))
        if (line.n && sw_str_starts_with(line, keyword) == wanted)
            sw_buf_addf(b, SW_STR_FMT "\n", SW_STR_ARG(line));
}

char *host_resolv_conf(const struct container_linux *l, const char *text)
{
    struct sw_buf b = SW_BUF_INIT(RESOLV_MAX);
    for (size_t i = 0; i < l->dns_servers.n; i++)
        sw_buf_addf(&b, "nameserver %s\n", l->dns_servers.v[i]);
    if (l->dns_servers.n == 0)
        add_lines(&b, text, "nameserver", true);
    if (l->dns_search.n == 0)
        add_lines(&b, text, "search", true);
    else
        sw_buf_add_z(&b, "search");
    for (size_t i = 0; i < l->dns_search.n; i++)
        sw_buf_addf(&b, " %s%s", l->dns_search.v[i], i + 1 == l->dns_search.n ? "\n" : "");
    add_lines(&b, text, "options", true);
    return sw_buf_take(&b);
}

char *host_volume_source(const struct container_setup *s, const struct volume *v)
{
    if (v->source_path)
        return sw_strdup(v->source_path);
    if (v->file_system)
        return sw_asprintf("%s/%s", s->efs_dir, v->file_system);
    return sw_asprintf("%s/%s", v->shared ? s->shared_dir : s->volumes_dir, v->name);
}

int host_init_program(char *out, size_t cap, struct sw_err *err)
{
    static const char *const names[] = {"docker-init", "tini-static", "catatonit"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        if (sw_find_program(names[i], out, cap))
            return 0;
    return sw_fail(err, SW_ENOTFOUND, REASON,
                   "initProcessEnabled: none of docker-init, tini-static and catatonit is on this "
                   "instance");
}

struct host_spec {
    const struct taskdef *task;
    const struct container_linux *l;
    struct spec_device *devices;
    char (*access)[4];
    struct spec_tmpfs *tmpfs;
    char **options; /* of tmpfs */
    struct spec_control *controls;
};

static int find_device(const struct device_def *d, struct spec_device *ret, char access[4],
                       struct sw_err *err)
{
    struct stat st;
    if (stat(d->host_path, &st) < 0)
        return sw_fail(err, SW_ENOTFOUND, REASON, "device %s: %s", d->host_path, strerror(errno));
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return sw_fail(err, SW_EINVALID, REASON, "%s is no device", d->host_path);
    (void)snprintf(access, 4, "%s%s%s", d->read ? "r" : "", d->write ? "w" : "",
                   d->mknod ? "m" : "");
    *ret = (struct spec_device){.path = d->container_path,
                                .type = S_ISCHR(st.st_mode) ? 'c' : 'b',
                                .major = major(st.st_rdev),
                                .minor = minor(st.st_rdev),
                                .mode = st.st_mode & 0777,
                                .uid = st.st_uid,
                                .gid = st.st_gid,
                                .access = access};
    return 0;
}

static char *tmpfs_options(const struct tmpfs_def *t)
{
    struct sw_buf b = SW_BUF_INIT(OPTIONS_MAX);
    sw_buf_addf(&b, "nosuid,nodev,noexec,size=%lld", (long long)(t->size_mib * MIB));
    for (size_t i = 0; i < t->options.n; i++)
        if (!sw_streq(t->options.v[i], "defaults"))
            sw_buf_addf(&b, ",%s", t->options.v[i]);
    return sw_buf_take(&b);
}

int host_spec_new(const struct taskdef *task, const struct container_linux *l,
                  struct host_spec **ret, struct sw_err *err)
{
    struct host_spec *h = SW_NEW(struct host_spec);
    h->task = task;
    h->l = l;
    h->devices = sw_calloc(l->devices_n + 1, sizeof *h->devices);
    h->access = sw_calloc(l->devices_n + 1, sizeof *h->access);
    h->tmpfs = sw_calloc(l->tmpfs_n + 1, sizeof *h->tmpfs);
    h->options = sw_calloc(l->tmpfs_n + 1, sizeof *h->options);
    h->controls = sw_calloc(l->system_controls.n + 1, sizeof *h->controls);
    for (size_t i = 0; i < l->tmpfs_n; i++) {
        h->options[i] = tmpfs_options(&l->tmpfs[i]);
        h->tmpfs[i] = (struct spec_tmpfs){l->tmpfs[i].container_path, h->options[i]};
    }
    for (size_t i = 0; i < l->system_controls.n; i++)
        h->controls[i] =
            (struct spec_control){l->system_controls.v[i].name, l->system_controls.v[i].value};
    for (size_t i = 0; i < l->devices_n; i++)
        if (find_device(&l->devices[i], &h->devices[i], h->access[i], err) < 0) {
            host_spec_free(h);
            return err->code;
        }
    *ret = h;
    return 0;
}

void host_spec_fill(const struct host_spec *h, struct container_spec *spec)
{
    const struct container_linux *l = h->l;
    spec->capabilities_add = (const char *const *)l->capabilities_add.v;
    spec->capabilities_add_n = l->capabilities_add.n;
    spec->capabilities_drop = (const char *const *)l->capabilities_drop.v;
    spec->capabilities_drop_n = l->capabilities_drop.n;
    spec->devices = h->devices;
    spec->devices_n = l->devices_n;
    spec->tmpfs = h->tmpfs;
    spec->tmpfs_n = l->tmpfs_n;
    spec->controls = h->controls;
    spec->controls_n = l->system_controls.n;
    spec->shm_bytes = l->shared_memory_mib * MIB;
    spec->host_pid = h->task->pid_mode == SHARE_HOST;
    spec->host_ipc = h->task->ipc_mode == SHARE_HOST;
    spec->no_shm = h->task->ipc_mode == SHARE_NONE;
}

void host_spec_free(struct host_spec *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->l->tmpfs_n; i++)
        free(h->options[i]);
    free(h->options);
    free(h->devices);
    free(h->access);
    free(h->tmpfs);
    free(h->controls);
    free(h);
}
