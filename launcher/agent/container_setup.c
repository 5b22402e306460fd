/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/container_setup.c - what an image says is data: it chooses program, environment, user and working directory
 * inside its own root, and nothing else (labels, volumes' sources, ports and health checks of images change nothing here). */
#include "launcher/agent/container_setup.h"
#include "launcher/agent/container_host.h"
#include "launcher/agent/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/runtime/image_user.h"
#include "launcher/runtime/overlay.h"
#include "launcher/runtime/spec.h"

#define REASON       "CannotCreateContainerError"
#define PIDS_LIMIT   8192
#define MIB          (1024LL * 1024)
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define MOUNTS_MAX   128
/* Where systemd-resolved names the servers behind its own address, which a container cannot reach. */
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf"

void strings_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void strings_freep(char ***list)
{
    strings_free(*list);
}

static const json_t *section(const json_t *image_config)
{
    return sw_json_object(image_config, "config");
}

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL},   {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"WINCH", SIGWINCH}, {"STOP", SIGSTOP},
    {"ALRM", SIGALRM}, {"PWR", SIGPWR},   {"ABRT", SIGABRT}, {"PIPE", SIGPIPE},
};

int image_stop_signal(const json_t *image_config)
{
    const char *text = sw_json_str(section(image_config), "StopSignal", "");
    uint64_t number;
    if (sw_parse_u64(sw_str(text), &number) && number >= 1 && number <= (uint64_t)SIGRTMAX)
        return (int)number;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    uint64_t offset;
    if (strncmp(text, "RTMIN+", 6) == 0 && sw_parse_u64(sw_str(text + 6), &offset) &&
        offset <= (uint64_t)(SIGRTMAX - SIGRTMIN))
        return SIGRTMIN + (int)offset;
    for (size_t i = 0; i < SW_ARRAY_LEN(signals); i++)
        if (strcmp(text, signals[i].name) == 0)
            return signals[i].number;
    return SIGTERM;
}

static void append(char ***list, size_t *n, char *value)
{
    *list = sw_realloc_array(*list, *n + 2, sizeof **list);
    (*list)[(*n)++] = value;
    (*list)[*n] = NULL;
}

static void append_own(char ***list, size_t *n, char *const *values)
{
    for (size_t i = 0; values && values[i]; i++)
        append(list, n, sw_strdup(values[i]));
}

static void append_json(char ***list, size_t *n, const json_t *values)
{
    size_t i;
    json_t *v;
    json_array_foreach(values, i, v) {
        if (json_is_string(v))
            append(list, n, sw_strdup(json_string_value(v)));
    }
}

char **container_args(const struct container_def *def, const json_t *image_config)
{
    char **args = sw_calloc(1, sizeof *args);
    size_t n = 0;
    if (def->entry_point)
        append_own(&args, &n, def->entry_point);
    else
        append_json(&args, &n, sw_json_array(section(image_config), "Entrypoint"));
    if (def->command)
        append_own(&args, &n, def->command);
    else if (!def->entry_point)
        append_json(&args, &n, sw_json_array(section(image_config), "Cmd"));
    return args;
}

static void env_set(char ***env, size_t *n, const char *entry)
{
    size_t name = strcspn(entry, "=");
    if (name == 0 || !entry[name])
        return;
    for (size_t i = 0; i < *n; i++)
        if (strncmp((*env)[i], entry, name + 1) == 0) {
            free((*env)[i]);
            (*env)[i] = sw_strdup(entry);
            return;
        }
    append(env, n, sw_strdup(entry));
}

static void prepend_init(char ***args)
{
    char **all = sw_calloc(3, sizeof *all);
    size_t n = 2;
    all[0] = sw_strdup(HOST_INIT_TARGET);
    all[1] = sw_strdup("--");
    append_own(&all, &n, *args);
    strings_free(*args);
    *args = all;
}

static bool env_has(char *const *env, size_t n, const char *entry)
{
    size_t name = strcspn(entry, "=");
    for (size_t i = 0; i < n; i++)
        if (strncmp(env[i], entry, name + 1) == 0)
            return true;
    return false;
}

static void env_add_agents(char ***env, const struct container_setup *s)
{
    size_t n = 0;
    while ((*env)[n])
        n++;
    for (const char *const *e = s->env_defaults; e && *e; e++)
        if (!env_has(*env, n, *e))
            env_set(env, &n, *e);
    for (const char *const *e = s->env; e && *e; e++)
        env_set(env, &n, *e);
}

char **container_env(const struct container_def *def, const json_t *image_config,
                     const char *const *files, const char *hostname, const char *home)
{
    char **env = sw_calloc(1, sizeof *env);
    size_t n = 0, i;
    json_t *v;
    sw_autofree char *host = sw_asprintf("HOSTNAME=%s", hostname);
    sw_autofree char *at_home = sw_asprintf("HOME=%s", home);
    env_set(&env, &n, DEFAULT_PATH);
    env_set(&env, &n, host);
    env_set(&env, &n, at_home);
    json_array_foreach(sw_json_array(section(image_config), "Env"), i, v) {
        if (json_is_string(v))
            env_set(&env, &n, json_string_value(v));
    }
    for (; files && *files; files++)
        env_set(&env, &n, *files);
    for (i = 0; i < def->environment_n; i++) {
        sw_autofree char *entry =
            sw_asprintf("%s=%s", def->environment[i].name, def->environment[i].value);
        env_set(&env, &n, entry);
    }
    return env;
}

char *container_resolv_conf(const char *host_text, bool drop_loopback)
{
    struct sw_buf b = SW_BUF_INIT(64 * 1024);
    struct sw_str rest = sw_str(host_text), line;
    while (sw_str_split(&rest, '\n', &line)) {
        struct sw_str s = sw_str_trim(line);
        if (s.n == 0)
            continue;
        if (drop_loopback && sw_str_starts_with(s, "nameserver")) {
            struct sw_str address = sw_str_trim(sw_str_slice(s, 10, s.n));
            if (sw_str_starts_with(address, "127.") || sw_str_eq_z(address, "::1"))
                continue;
        }
        sw_buf_add_str(&b, s);
        sw_buf_add_char(&b, '\n');
    }
    return sw_buf_take(&b);
}

static bool names_a_server(const char *resolv_conf)
{
    return strncmp(resolv_conf, "nameserver", 10) == 0 || strstr(resolv_conf, "\nnameserver");
}

char *container_name_servers(const char *host_text, const char *resolved_text, bool drop_loopback)
{
    char *text = container_resolv_conf(host_text, drop_loopback);
    if (names_a_server(text) || !drop_loopback)
        return text;
    char *upstream = container_resolv_conf(resolved_text, true);
    bool better = names_a_server(upstream);
    free(better ? text : upstream);
    return better ? upstream : text;
}

static int write_text(const char *folder, const char *name, const char *text, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s", folder, name);
    sw_autoclose int fd = -1;
    if (sw_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, &fd, err) < 0)
        return err->code;
    if (fchmod(fd, 0644) < 0)
        return sw_fail_os(err, errno, "%s", path);
    return sw_write_all(fd, text, strlen(text), err);
}

static int write_host_files(const struct container_setup *s, const char *hostname,
                            struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf hosts = SW_BUF_INIT(64 * 1024);
    SW_CLEANUP(sw_buf_done) struct sw_buf resolv = SW_BUF_INIT(64 * 1024);
    SW_CLEANUP(sw_buf_done) struct sw_buf resolved = SW_BUF_INIT(64 * 1024);
    struct sw_err ignored = SW_ERR_INIT;
    if (!s->netns_path && sw_read_file("/etc/hosts", &hosts, &ignored) < 0)
        sw_buf_reset(&hosts);
    if (hosts.n == 0)
        sw_buf_add_z(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if (s->address && s->address[0])
        sw_buf_addf(&hosts, "%s\t%s\n", s->address, hostname);
    host_add_names(s, &hosts);
    sw_err_clear(&ignored);
    (void)sw_read_file("/etc/resolv.conf", &resolv, &ignored);
    sw_err_clear(&ignored);
    (void)sw_read_file(RESOLVED_CONF, &resolved, &ignored);
    sw_autofree char *resolv_text = container_name_servers(
        sw_buf_str(&resolv).p, sw_buf_str(&resolved).p, s->netns_path != NULL);
    if (s->def->host.dns_servers.n || s->def->host.dns_search.n) {
        char *own = host_resolv_conf(&s->def->host, resolv_text);
        free(resolv_text);
        resolv_text = own;
    }
    sw_autofree char *name_text = sw_asprintf("%s\n", hostname);
    if (write_text(s->folder, "hosts", sw_buf_str(&hosts).p, err) < 0 ||
        write_text(s->folder, "resolv.conf", resolv_text, err) < 0 ||
        write_text(s->folder, "hostname", name_text, err) < 0)
        return err->code;
    return 0;
}

/* Mounts and their texts while the specification is made. */
struct mounts {
    struct spec_mount list[MOUNTS_MAX];
    char *sources[MOUNTS_MAX], *texts[MOUNTS_MAX];
    size_t n, texts_n;
};

static void mounts_done(struct mounts *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->sources[i]);
    for (size_t i = 0; i < m->texts_n; i++)
        free(m->texts[i]);
}

/* A destination that its owner does not keep as long; as many as there can be mounts. */
static const char *keep_text(struct mounts *m, const char *text)
{
    if (m->texts_n == MOUNTS_MAX)
        return "";
    return m->texts[m->texts_n++] = sw_strdup(text);
}

static int add_mount(struct mounts *m, char *source, const char *destination, bool read_only,
                     struct sw_err *err)
{
    if (m->n == MOUNTS_MAX) {
        free(source);
        return sw_fail(err, SW_ELIMIT, REASON, "more than %d mounts", MOUNTS_MAX);
    }
    m->sources[m->n] = source;
    m->list[m->n++] =
        (struct spec_mount){.source = source, .destination = destination, .read_only = read_only};
    return 0;
}

static int add_host_files(const struct container_setup *s, int root, struct mounts *m,
                          struct sw_err *err)
{
    static const char *const files[] = {"hosts", "hostname", "resolv.conf"};
    static const char *const targets[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++)
        if (image_make_file(root, targets[i], err) < 0 ||
            add_mount(m, sw_asprintf("%s/%s", s->folder, files[i]), targets[i], false, err) < 0)
            return err->code;
    return 0;
}

static const struct volume *find_volume(const struct taskdef *t, const char *name)
{
    for (size_t i = 0; i < t->volumes_n; i++)
        if (sw_streq(t->volumes[i].name, name))
            return &t->volumes[i];
    return NULL;
}

static bool is_mounted(const struct mounts *m, const char *path)
{
    for (size_t i = 0; i < m->n; i++)
        if (sw_streq(m->list[i].destination, path))
            return true;
    return false;
}

static int make_target(int root, const char *source, const char *target, struct sw_err *err)
{
    struct stat st;
    if (stat(source, &st) < 0)
        return sw_fail_os(err, errno, "volume %s", source);
    return S_ISDIR(st.st_mode) ? image_make_folder(root, target, 0, 0, err)
                               : image_make_file(root, target, err);
}

/* Those of one container; what is mounted at a path already stays. */
static int add_volumes_of(const struct container_setup *s, const struct container_def *def,
                          bool read_only, int root, struct mounts *m, struct sw_err *err)
{
    for (size_t i = 0; i < def->mount_points_n; i++) {
        const struct mount_point *p = &def->mount_points[i];
        if (is_mounted(m, p->container_path))
            continue;
        const struct volume *v = find_volume(s->task, p->source_volume);
        if (!v)
            return sw_fail(err, SW_EINVALID, "InvalidVolumeError",
                           "volume %s is not in the task definition",
                           p->source_volume ? p->source_volume : "");
        char *source = NULL;
        if (volume_prepare(s, v, root, p->container_path, &source, err) < 0)
            return err->code;
        if (make_target(root, source, p->container_path, err) < 0) {
            free(source);
            return sw_prefix(err, "volume %s", v->name);
        }
        if (add_mount(m, source, p->container_path, read_only || p->read_only, err) < 0)
            return err->code;
    }
    return 0;
}

/* Depth first, as a container's volumes are also those that it has from others. */
static int add_volumes_from(const struct container_setup *s, const struct container_def *def,
                            bool read_only, int depth, int root, struct mounts *m,
                            struct sw_err *err)
{
    if (add_volumes_of(s, def, read_only, root, m, err) < 0)
        return err->code;
    for (size_t i = 0; depth > 0 && i < def->host.volumes_from_n; i++) {
        const struct volume_from_def *from = &def->host.volumes_from[i];
        int at = taskdef_container_index(s->task, from->container);
        if (at < 0)
            return sw_fail(err, SW_EINVALID, "InvalidVolumeError",
                           "volumesFrom container %s is not in the task definition",
                           from->container);
        if (add_volumes_from(s, &s->task->containers[at], read_only || from->read_only, depth - 1,
                             root, m, err) < 0)
            return err->code;
    }
    return 0;
}

static int add_init(const struct container_setup *s, int root, struct mounts *m, struct sw_err *err)
{
    char program[512];
    if (!s->def->host.init_process)
        return 0;
    if (host_init_program(program, sizeof program, err) < 0 ||
        image_make_file(root, HOST_INIT_TARGET, err) < 0)
        return err->code;
    return add_mount(m, sw_strdup(program), HOST_INIT_TARGET, true, err);
}

static int add_tmpfs_targets(const struct container_setup *s, int root, struct sw_err *err)
{
    for (size_t i = 0; i < s->def->host.tmpfs_n; i++)
        if (image_make_folder(root, s->def->host.tmpfs[i].container_path, 0, 0, err) < 0)
            return sw_prefix(err, "tmpfs");
    return 0;
}

static bool is_tmpfs(const struct container_setup *s, const char *path)
{
    for (size_t i = 0; i < s->def->host.tmpfs_n; i++)
        if (sw_streq(s->def->host.tmpfs[i].container_path, path))
            return true;
    return false;
}

struct mounted {
    const struct container_setup *s;
    const struct mounts *m;
};

static bool has_another_mount(const void *ctx, const char *path)
{
    const struct mounted *at = ctx;
    return is_mounted(at->m, path) || is_tmpfs(at->s, path);
}

/* A list of {path, source}; what is mounted at a path already stays. */
static int add_listed(const struct container_setup *s, json_t *list, bool read_only, int root,
                      struct mounts *m, struct sw_err *err)
{
    json_t *v;
    size_t i;
    json_array_foreach(list, i, v) {
        const char *path = sw_json_str(v, "path", ""), *source = sw_json_str(v, "source", "");
        if (has_another_mount(&(struct mounted){s, m}, path))
            continue;
        if (make_target(root, source, path, err) < 0)
            return sw_prefix(err, "VOLUME of an image");
        if (add_mount(m, sw_strdup(source), keep_text(m, path), read_only, err) < 0)
            return err->code;
    }
    return 0;
}

/* Volumes of their own, as with Docker: they hold what the image has there and are writable whatever the root is. */
static int add_image_volumes(const struct container_setup *s, int root, struct mounts *m,
                             struct sw_err *err)
{
    sw_autojson json_t *list = NULL;
    const struct mounted at = {s, m};
    if (volumes_of_image(s, root, has_another_mount, &at, &list, err) < 0)
        return err->code;
    return add_listed(s, list, false, root, m, err);
}

/* VOLUMEs of the images of those that this container has volumes from. */
static int add_others_image_volumes(const struct container_setup *s, int root, struct mounts *m,
                                    struct sw_err *err)
{
    for (size_t i = 0; i < s->def->host.volumes_from_n; i++) {
        const struct volume_from_def *from = &s->def->host.volumes_from[i];
        sw_autojson json_t *list = volumes_of_other(s, from->container);
        if (add_listed(s, list, from->read_only, root, m, err) < 0)
            return err->code;
    }
    return 0;
}

static int mount_root(const struct container_setup *s, char **ret_rootfs, struct sw_err *err)
{
    static const char *const names[] = {"rootfs", "upper", "work"};
    char *paths[3];
    for (size_t i = 0; i < 3; i++)
        paths[i] = sw_asprintf("%s/%s", s->folder, names[i]);
    for (size_t i = 0; i < 3 && err->code == 0; i++)
        if (mkdir(paths[i], 0755) < 0 && errno != EEXIST)
            (void)sw_fail_os(err, errno, "%s", paths[i]);
    if (err->code == 0)
        (void)overlay_mount((const char *const *)s->image->layers, s->image->layers_n, paths[1],
                            paths[2], paths[0], err);
    *ret_rootfs = paths[0];
    free(paths[1]);
    free(paths[2]);
    return err->code;
}

/* runtime.h: how its standard streams are held. */
static int write_streams(const struct container_setup *s, struct sw_err *err)
{
    const struct container_def *d = s->def;
    if (!d->interactive && !d->pseudo_terminal)
        return 0;
    return write_text(s->folder, "monitor",
                      !d->interactive       ? "t"
                      : !d->pseudo_terminal ? "i"
                                            : "ti",
                      err);
}

static int write_spec(const struct container_setup *s, const char *rootfs,
                      const struct image_user *user, const struct mounts *m, const char *hostname,
                      const char *cwd, struct sw_err *err)
{
    SW_CLEANUP(strings_freep) char **args = container_args(s->def, s->image->config);
    SW_CLEANUP(strings_freep)
    char **env = container_env(s->def, s->image->config, s->env_files, hostname, user->home);
    env_add_agents(&env, s);
    if (s->def->host.init_process && args[0])
        prepend_init(&args);
    struct spec_rlimit rlimits[16];
    size_t rlimits_n = SW_MIN(s->def->ulimits_n, SW_ARRAY_LEN(rlimits));
    for (size_t i = 0; i < rlimits_n; i++)
        rlimits[i] = (struct spec_rlimit){s->def->ulimits[i].name, s->def->ulimits[i].soft,
                                          s->def->ulimits[i].hard};
    if (spec_check_rlimits(rlimits, rlimits_n, spec_own_hard_limit, NULL, spec_may_raise_rlimits(),
                           err) < 0)
        return err->code;
    struct container_spec spec = {.id = s->id,
                                  .task = s->task_id,
                                  .rootfs = rootfs,
                                  .hostname =
                                      s->netns_path || s->def->host.hostname ? hostname : "",
                                  .args = (const char *const *)args,
                                  .env = (const char *const *)env,
                                  .cwd = cwd,
                                  .uid = user->uid,
                                  .gid = user->gid,
                                  .groups = user->groups,
                                  .groups_n = user->groups_n,
                                  .read_only_root = s->def->readonly_root_filesystem,
                                  .netns_path = s->netns_path,
                                  .mounts = m->list,
                                  .mounts_n = m->n,
                                  .memory_limit_bytes = s->def->memory_mib * MIB,
                                  .memory_reservation_bytes = s->def->memory_reservation_mib * MIB,
                                  .cpu_units = s->def->cpu,
                                  .pids_limit = PIDS_LIMIT,
                                  .rlimits = rlimits,
                                  .rlimits_n = rlimits_n,
                                  .privileged = s->def->privileged,
                                  .capabilities_held = spec_own_capabilities(),
                                  .terminal = s->def->pseudo_terminal};
    sw_autojson json_t *j = NULL;
    struct host_spec *host = NULL;
    if (host_spec_new(s, &host, err) < 0)
        return err->code;
    host_spec_fill(host, &spec);
    int r = spec_build(&spec, &j, err);
    host_spec_free(host);
    if (r < 0)
        return r;
    sw_autofree char *text = sw_json_dump(j);
    return write_text(s->folder, "config.json", text, err) < 0 ? err->code : write_streams(s, err);
}

static int fill_root(const struct container_setup *s, const char *rootfs, const char *hostname,
                     struct sw_err *err)
{
    SW_CLEANUP(mounts_done) struct mounts m = {0};
    struct image_user user;
    const json_t *config = section(s->image->config);
    sw_autoclose int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return sw_fail_os(err, errno, "%s", rootfs);
    const char *cwd = s->def->working_directory ? s->def->working_directory
                                                : sw_json_str(config, "WorkingDir", "/");
    const char *who = s->def->user ? s->def->user : sw_json_str(config, "User", "");
    if (!cwd[0])
        cwd = "/";
    if (image_check_mount_targets(root, err) < 0 || image_user_resolve(root, who, &user, err) < 0 ||
        image_make_folder(root, cwd, user.uid, user.gid, err) < 0 ||
        add_host_files(s, root, &m, err) < 0 ||
        add_volumes_from(s, s->def, false, TASKDEF_CONTAINERS_MAX, root, &m, err) < 0 ||
        add_others_image_volumes(s, root, &m, err) < 0 || add_init(s, root, &m, err) < 0 ||
        add_tmpfs_targets(s, root, err) < 0 || add_image_volumes(s, root, &m, err) < 0)
        return err->code;
    return write_spec(s, rootfs, &user, &m, hostname, cwd, err);
}

int container_setup(const struct container_setup *s, struct sw_err *err)
{
    sw_autofree char *rootfs = NULL;
    char hostname[256];
    if (s->def->host.hostname)
        snprintf(hostname, sizeof hostname, "%s", s->def->host.hostname);
    else
        snprintf(hostname, sizeof hostname, "%.12s", s->id);
    if (s->def->privileged && s->no_privileged)
        return sw_fail(err, SW_EDENIED, REASON,
                       "this instance does not run privileged containers (ECS_DISABLE_PRIVILEGED)");
    const char *strong = s->no_privileged ? host_strong_capability(s) : NULL;
    if (strong)
        return sw_fail(err, SW_EDENIED, REASON,
                       "this instance does not run containers with the capability %s "
                       "(ECS_DISABLE_PRIVILEGED)",
                       strong);
    if (sw_mkdirs(s->folder, 0700, err) < 0 || mount_root(s, &rootfs, err) < 0 ||
        write_host_files(s, hostname, err) < 0 || fill_root(s, rootfs, hostname, err) < 0) {
        if (!err->reason || strcmp(err->reason, "DiskFull") == 0)
            err->reason = REASON;
        struct sw_err ignored = SW_ERR_INIT;
        (void)container_teardown(s->folder, &ignored);
        return err->code;
    }
    return 0;
}

int container_teardown(const char *folder, struct sw_err *err)
{
    static const char *const names[] = {"rootfs",   "upper",       "work",        "hosts",
                                        "hostname", "resolv.conf", "config.json", "volumes",
                                        "attach",   "ctl",         "winsz",       "monitor"};
    sw_autofree char *rootfs = sw_asprintf("%s/rootfs", folder);
    if (overlay_umount(rootfs, err) < 0)
        return err->code;
    for (size_t i = 0; i < SW_ARRAY_LEN(names) && err->code == 0; i++) {
        sw_autofree char *path = sw_asprintf("%s/%s", folder, names[i]);
        (void)sw_remove_tree(path, err);
    }
    return err->code;
}
