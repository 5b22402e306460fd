/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/container_host.c - see the ECS developer guide, "Linux parameters", and what Docker does with them. */
#include "launcher/agent/container_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/process.h"
#include "launcher/agent/task_namespaces.h"
#include "launcher/agent/volumes.h"
#include "launcher/runtime/image_user.h"

#define REASON          "CannotStartContainerError"
#define MIB             (1024LL * 1024)
#define OPTIONS_MAX     1024
#define RESOLV_MAX      (64 * 1024)
#define NODES_MAX       2048 /* of a privileged container */
#define NODES_DEPTH_MAX 8

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

const char *host_strong_capability(const struct container_setup *s)
{
    static const struct {
        const char *name;
        enum { ALWAYS, WITH_HOST_PID, WITH_HOST_NETWORK } when;
    } strong[] = {{"ALL", ALWAYS},
                  {"BPF", ALWAYS},
                  {"DAC_READ_SEARCH", ALWAYS},
                  {"SYS_ADMIN", ALWAYS},
                  {"SYS_BOOT", ALWAYS},
                  {"SYS_MODULE", ALWAYS},
                  {"SYS_RAWIO", ALWAYS},
                  {"SYS_PTRACE", WITH_HOST_PID},
                  {"NET_ADMIN", WITH_HOST_NETWORK}};
    const struct container_linux *l = &s->def->host;
    const bool now[] = {[ALWAYS] = true,
                        [WITH_HOST_PID] = s->task->pid_mode == SHARE_HOST,
                        [WITH_HOST_NETWORK] = s->task->network_mode == NETWORK_HOST};
    for (size_t i = 0; i < l->capabilities_add.n; i++)
        for (size_t k = 0; k < SW_ARRAY_LEN(strong); k++)
            if (now[strong[k].when] && sw_streq(l->capabilities_add.v[i], strong[k].name))
                return strong[k].name;
    return NULL;
}

struct host_spec {
    const struct taskdef *task;
    const struct task_namespaces *namespaces;
    const struct container_linux *l;
    struct spec_device *devices;
    size_t devices_n;
    char (*access)[4];
    char **nodes; /* paths of devices of a privileged container */
    size_t nodes_n;
    struct spec_tmpfs *tmpfs;
    char **options; /* of tmpfs */
    struct spec_control *controls;
};

/* A node of /dev that the operator named, or one below a folder of /dev that was. A container can make nodes in other folders, and links.
 * False, with errno. */
static bool stat_allowed(const char *allowed, const char *path, struct stat *ret)
{
    struct sw_str root;
    const char *rest;
    if (!allowed)
        return stat(path, ret) == 0;
    errno = EPERM;
    if (!host_path_allowed(allowed, path, &root, &rest))
        return false;
    if (sw_str_eq_z(root, "/") || (strncmp(path, "/dev/", 5) == 0 && !*rest))
        return stat(path, ret) == 0;
    if (strncmp(path, "/dev/", 5) != 0)
        return false;
    sw_autofree char *folder = sw_str_dup(root);
    sw_autoclose int top = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    sw_autoclose int fd = top < 0 ? -1 : image_openat(top, rest, O_PATH | O_CLOEXEC, 0);
    return fd >= 0 && fstat(fd, ret) == 0;
}

static int find_device(const char *allowed, const struct device_def *d, struct spec_device *ret,
                       char access[4], struct sw_err *err)
{
    struct stat st;
    if (!stat_allowed(allowed, d->host_path, &st))
        return errno == EPERM ? sw_fail(err, SW_EDENIED, REASON,
                                        "device %s: this instance does not let containers have it",
                                        d->host_path)
                              : sw_fail(err, SW_ENOTFOUND, REASON, "device %s: %s", d->host_path,
                                        strerror(errno));
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

static bool has_device(const struct host_spec *h, const char *path)
{
    for (size_t i = 0; i < h->devices_n; i++)
        if (sw_streq(h->devices[i].path, path))
            return true;
    return false;
}

static void add_node(struct host_spec *h, char *path, const struct stat *st)
{
    h->nodes = sw_realloc_array(h->nodes, h->nodes_n + 1, sizeof *h->nodes);
    h->nodes[h->nodes_n++] = path;
    h->devices = sw_realloc_array(h->devices, h->devices_n + 1, sizeof *h->devices);
    h->devices[h->devices_n++] = (struct spec_device){.path = path,
                                                      .type = S_ISCHR(st->st_mode) ? 'c' : 'b',
                                                      .major = major(st->st_rdev),
                                                      .minor = minor(st->st_rdev),
                                                      .mode = st->st_mode & 0777,
                                                      .uid = st->st_uid,
                                                      .gid = st->st_gid,
                                                      .access = "rwm"};
}

/* Every node below /dev but those that a container has of its own; not through links. */
static void add_nodes(struct host_spec *h, const char *folder, int depth)
{
    static const char *const own[] = {"/dev/pts",     "/dev/shm",  "/dev/fd",      "/dev/mqueue",
                                      "/dev/null",    "/dev/zero", "/dev/full",    "/dev/random",
                                      "/dev/urandom", "/dev/tty",  "/dev/console", "/dev/ptmx"};
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        sw_autofree char *path = sw_asprintf("%s/%s", folder, e->d_name);
        bool skip = e->d_name[0] == '.' || lstat(path, &st) < 0 || has_device(h, path);
        for (size_t i = 0; i < SW_ARRAY_LEN(own); i++)
            skip |= sw_streq(own[i], path);
        if (skip)
            continue;
        if (S_ISDIR(st.st_mode) && depth < NODES_DEPTH_MAX)
            add_nodes(h, path, depth + 1);
        if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && h->nodes_n < NODES_MAX)
            add_node(h, SW_TAKE(path), &st);
    }
    if (d)
        closedir(d);
}

static int add_devices(struct host_spec *h, const char *allowed, struct sw_err *err)
{
    for (size_t i = 0; i < h->l->devices_n; i++, h->devices_n++)
        if (find_device(allowed, &h->l->devices[i], &h->devices[i], h->access[i], err) < 0)
            return err->code;
    return 0;
}

int host_spec_new(const struct container_setup *s, struct host_spec **ret, struct sw_err *err)
{
    struct host_spec *h = SW_NEW(struct host_spec);
    const struct container_linux *l = &s->def->host;
    h->task = s->task;
    h->namespaces = s->namespaces;
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
    if (add_devices(h, s->host_paths, err) < 0) {
        host_spec_free(h);
        return err->code;
    }
    if (s->def->privileged)
        add_nodes(h, "/dev", 0);
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
    spec->devices_n = h->devices_n;
    spec->tmpfs = h->tmpfs;
    spec->tmpfs_n = l->tmpfs_n;
    spec->controls = h->controls;
    spec->controls_n = l->system_controls.n;
    spec->shm_bytes = l->shared_memory_mib * MIB;
    spec->host_pid = h->task->pid_mode == SHARE_HOST;
    spec->host_ipc = h->task->ipc_mode == SHARE_HOST;
    spec->no_shm = h->task->ipc_mode == SHARE_NONE;
    if (h->namespaces) {
        spec->pid_path = h->namespaces->pid_path;
        spec->ipc_path = h->namespaces->ipc_path;
        spec->shm_path = h->namespaces->shm_path;
    }
    spec->max_swap_bytes = l->max_swap_mib * MIB;
    spec->has_swappiness = l->has_swappiness;
    spec->swappiness = l->swappiness;
}

void host_spec_free(struct host_spec *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->l->tmpfs_n; i++)
        free(h->options[i]);
    free(h->options);
    for (size_t i = 0; i < h->nodes_n; i++)
        free(h->nodes[i]);
    free(h->nodes);
    free(h->devices);
    free(h->access);
    free(h->tmpfs);
    free(h->controls);
    free(h);
}
