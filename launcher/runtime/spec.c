/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/spec.c - config.json of the OCI runtime specification 1.0 (config.md, config-linux.md), from tables. */
#include "launcher/runtime/spec.h"
#include "launcher/runtime/spec_capabilities.h"

#include <sys/resource.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"

#define REASON         "CannotCreateContainerError"
#define CPU_SHARES_MAX 262144
#define SHM            "/dev/shm"
#define SHM_DEFAULT    (64LL * 1024 * 1024)

extern const unsigned char runtime_seccomp_json[];
extern const size_t runtime_seccomp_json_size;

static const char *const masked_paths[] = {
    "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};

static const char *const read_only_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                              "/proc/sysrq-trigger"};

#define PLAIN "nosuid,noexec,nodev"
#define DEV   "nosuid,strictatime,mode=755,size=65536k"
#define PTS   "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"

static const struct {
    const char *destination, *type, *source, *options, *privileged;
} default_mounts[] = {
    {"/proc", "proc", "proc", PLAIN, PLAIN},
    {"/dev", "tmpfs", "tmpfs", DEV, DEV},
    {"/dev/pts", "devpts", "devpts", PTS, PTS},
    {"/sys", "sysfs", "sysfs", PLAIN ",ro", PLAIN ",rw"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", PLAIN ",relatime,ro", PLAIN ",relatime,rw"},
    {"/dev/mqueue", "mqueue", "mqueue", PLAIN, PLAIN},
};

/* What a container may reach of devices, as Docker allows it: c with major:minor (-1 any), and the right to make nodes. */
static const struct {
    const char *type, *access;
    int major, minor;
} device_rules[] = {
    {"c", "m", -1, -1}, {"b", "m", -1, -1},    {"c", "rwm", 1, 3}, {"c", "rwm", 1, 5},
    {"c", "rwm", 1, 7}, {"c", "rwm", 5, 0},    {"c", "rwm", 1, 8}, {"c", "rwm", 1, 9},
    {"c", "rwm", 5, 2}, {"c", "rwm", 136, -1},
};

static const struct {
    const char *name, *type;
    int resource;
} rlimit_names[] = {
    {"core", "RLIMIT_CORE", RLIMIT_CORE},
    {"cpu", "RLIMIT_CPU", RLIMIT_CPU},
    {"data", "RLIMIT_DATA", RLIMIT_DATA},
    {"fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"locks", "RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"nice", "RLIMIT_NICE", RLIMIT_NICE},
    {"nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"nproc", "RLIMIT_NPROC", RLIMIT_NPROC},
    {"rss", "RLIMIT_RSS", RLIMIT_RSS},
    {"rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"stack", "RLIMIT_STACK", RLIMIT_STACK},
};

/* "nofile" -> "RLIMIT_NOFILE"; NULL for a name that is none. */
static const char *rlimit_type(const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(rlimit_names); i++)
        if (sw_streq(rlimit_names[i].name, name))
            return rlimit_names[i].type;
    return NULL;
}

int64_t spec_own_hard_limit(void *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < SW_ARRAY_LEN(rlimit_names); i++) {
        struct rlimit l;
        if (sw_streq(rlimit_names[i].name, name) && getrlimit(rlimit_names[i].resource, &l) == 0)
            return l.rlim_max == RLIM_INFINITY || l.rlim_max > INT64_MAX ? -1 : (int64_t)l.rlim_max;
    }
    return 0;
}

uint64_t spec_own_capabilities(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long effective = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "CapEff: %llx", &effective) == 1)
            break;
    if (f)
        fclose(f);
    return effective;
}

bool spec_may_raise_rlimits(void)
{
    return spec_own_capabilities() >> 24 & 1; /* CAP_SYS_RESOURCE */
}

static bool above(int64_t value, int64_t limit)
{
    return limit >= 0 && (value < 0 || value > limit);
}

int spec_check_rlimits(const struct spec_rlimit *limits, size_t n, spec_hard_limit_fn hard_limit,
                       void *ctx, bool may_raise, struct sw_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!rlimit_type(limits[i].name))
            return sw_fail(err, SW_EINVALID, REASON, "ulimit %s is not known", limits[i].name);
        int64_t most = hard_limit(ctx, limits[i].name);
        if (!may_raise && (above(limits[i].hard, most) || above(limits[i].soft, most)))
            return sw_fail(err, SW_EINVALID, "CannotStartContainerError",
                           "ulimit %s: %lld is more than the limit of this instance, %lld, which "
                           "may not be raised",
                           limits[i].name, (long long)limits[i].hard, (long long)most);
    }
    return 0;
}

int64_t spec_cpu_shares(int64_t cpu_units)
{
    return cpu_units < 2 ? 2 : SW_MIN(cpu_units, CPU_SHARES_MAX);
}

static json_t *strings(const char *const *names, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_string(names[i]));
    return a;
}

static json_t *options_of(const char *commas)
{
    json_t *a = json_array();
    struct sw_str rest = sw_str(commas), part;
    while (sw_str_split(&rest, ',', &part))
        json_array_append_new(a, json_stringn(part.p, part.n));
    return a;
}

static void add_mount(json_t *mounts, const char *destination, const char *type, const char *source,
                      const char *options)
{
    json_array_append_new(mounts,
                          json_pack("{s:s, s:s, s:s, s:o}", "destination", destination, "type",
                                    type, "source", source, "options", options_of(options)));
}

static void add_shm(json_t *mounts, const struct container_spec *s)
{
    char options[96];
    if (s->ipc_path) {
        add_mount(mounts, SHM, "bind", s->shm_path, "bind,rprivate,rw,nosuid,noexec,nodev");
        return;
    }
    if (s->host_ipc) {
        add_mount(mounts, SHM, "bind", SHM, "rbind,rprivate,rw");
        return;
    }
    (void)snprintf(options, sizeof options, "nosuid,noexec,nodev,mode=1777,size=%lldk",
                   (long long)(s->shm_bytes > 0 ? s->shm_bytes : SHM_DEFAULT) / 1024);
    if (!s->no_shm)
        add_mount(mounts, SHM, "tmpfs", "shm", options);
}

static json_t *mounts_of(const struct container_spec *s)
{
    json_t *mounts = json_array();
    for (size_t i = 0; i < SW_ARRAY_LEN(default_mounts); i++)
        add_mount(mounts, default_mounts[i].destination, default_mounts[i].type,
                  default_mounts[i].source,
                  s->privileged ? default_mounts[i].privileged : default_mounts[i].options);
    add_shm(mounts, s);
    for (size_t i = 0; i < s->tmpfs_n; i++)
        add_mount(mounts, s->tmpfs[i].destination, "tmpfs", "tmpfs", s->tmpfs[i].options);
    for (size_t i = 0; i < s->mounts_n; i++)
        add_mount(mounts, s->mounts[i].destination, "bind", s->mounts[i].source,
                  s->mounts[i].read_only ? "rbind,rprivate,ro" : "rbind,rprivate,rw");
    return mounts;
}

static json_t *capabilities_of(const struct container_spec *s)
{
    json_t *c = json_object();
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    for (size_t i = 0; i < SW_ARRAY_LEN(sets); i++)
        sw_json_set_new(c, sets[i], spec_capabilities(s));
    sw_json_set_new(c, "inheritable", json_array());
    sw_json_set_new(c, "ambient", json_array());
    return c;
}

static int process_of(const struct container_spec *s, json_t **ret, struct sw_err *err)
{
    sw_autojson json_t *args = json_array();
    for (size_t i = 0; s->args && s->args[i]; i++)
        if (json_array_append_new(args, json_string(s->args[i])) < 0)
            return sw_fail(err, SW_EINVALID, REASON, "command argument %zu is not valid UTF-8", i);
    if (json_array_size(args) == 0)
        return sw_fail(err, SW_EINVALID, REASON, "no command specified");
    sw_autojson json_t *env = json_array();
    for (size_t i = 0; s->env && s->env[i]; i++)
        if (json_array_append_new(env, json_string(s->env[i])) < 0)
            return sw_fail(err, SW_EINVALID, REASON, "environment variable %zu is not valid UTF-8",
                           i);
    sw_autojson json_t *user =
        json_pack("{s:I, s:I}", "uid", (json_int_t)s->uid, "gid", (json_int_t)s->gid);
    sw_autojson json_t *groups = json_array();
    for (size_t i = 0; i < s->groups_n; i++)
        json_array_append_new(groups, json_integer(s->groups[i]));
    if (s->groups_n)
        json_object_set(user, "additionalGids", groups);
    sw_autojson json_t *rlimits = json_array();
    for (size_t i = 0; i < s->rlimits_n; i++) {
        const char *type = rlimit_type(s->rlimits[i].name);
        if (!type)
            return sw_fail(err, SW_EINVALID, REASON, "ulimit %s is not known", s->rlimits[i].name);
        /* -1 as the unsigned 64-bit number the specification wants cannot be written by every JSON library; this is as good. */
        json_int_t soft = s->rlimits[i].soft < 0 ? INT64_MAX : s->rlimits[i].soft;
        json_int_t hard = s->rlimits[i].hard < 0 ? INT64_MAX : s->rlimits[i].hard;
        json_array_append_new(
            rlimits, json_pack("{s:s, s:I, s:I}", "type", type, "hard", hard, "soft", soft));
    }
    json_t *cwd = json_string(s->cwd);
    if (!cwd)
        return sw_fail(err, SW_EINVALID, REASON, "the working directory is not valid UTF-8");
    *ret =
        json_pack("{s:b, s:O, s:O, s:O, s:o, s:o, s:b, s:O}", "terminal", s->terminal ? 1 : 0,
                  "user", user, "args", args, "env", env, "cwd", cwd, "capabilities",
                  capabilities_of(s), "noNewPrivileges", s->privileged ? 0 : 1, "rlimits", rlimits);
    return 0;
}

static json_t *devices_of(const struct container_spec *s)
{
    json_t *devices = json_array();
    json_array_append_new(devices,
                          json_pack("{s:b, s:s}", "allow", s->privileged ? 1 : 0, "access", "rwm"));
    if (s->privileged)
        return devices;
    for (size_t i = 0; i < SW_ARRAY_LEN(device_rules); i++) {
        json_t *d = json_pack("{s:b, s:s, s:s}", "allow", 1, "type", device_rules[i].type, "access",
                              device_rules[i].access);
        if (device_rules[i].major >= 0)
            sw_json_set_int(d, "major", device_rules[i].major);
        if (device_rules[i].minor >= 0)
            sw_json_set_int(d, "minor", device_rules[i].minor);
        json_array_append_new(devices, d);
    }
    for (size_t i = 0; i < s->devices_n; i++) {
        const char type[2] = {s->devices[i].type};
        json_array_append_new(devices, json_pack("{s:b, s:s, s:I, s:I, s:s}", "allow", 1, "type",
                                                 type, "major", (json_int_t)s->devices[i].major,
                                                 "minor", (json_int_t)s->devices[i].minor, "access",
                                                 s->devices[i].access));
    }
    return devices;
}

static json_t *resources_of(const struct container_spec *s)
{
    json_t *r = json_pack("{s:o, s:{s:I}}", "devices", devices_of(s), "cpu", "shares",
                          (json_int_t)spec_cpu_shares(s->cpu_units));
    json_t *memory = json_object();
    if (s->memory_limit_bytes > 0) {
        sw_json_set_int(memory, "limit", s->memory_limit_bytes);
        sw_json_set_int(memory, "swap", s->memory_limit_bytes + s->max_swap_bytes);
    }
    if (s->has_swappiness)
        sw_json_set_int(memory, "swappiness", s->swappiness);
    if (s->memory_reservation_bytes > 0)
        sw_json_set_int(memory, "reservation", s->memory_reservation_bytes);
    sw_json_set_new(r, "memory", memory);
    if (s->pids_limit > 0)
        sw_json_set_new(r, "pids", json_pack("{s:I}", "limit", (json_int_t)s->pids_limit));
    return r;
}

/* The nodes in /dev. */
static json_t *nodes_of(const struct container_spec *s)
{
    json_t *nodes = json_array();
    for (size_t i = 0; i < s->devices_n; i++) {
        const struct spec_device *d = &s->devices[i];
        const char type[2] = {d->type};
        json_array_append_new(nodes,
                              json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "path", d->path,
                                        "type", type, "major", (json_int_t)d->major, "minor",
                                        (json_int_t)d->minor, "fileMode", (json_int_t)d->mode,
                                        "uid", (json_int_t)d->uid, "gid", (json_int_t)d->gid));
    }
    return nodes;
}

static json_t *controls_of(const struct container_spec *s)
{
    json_t *o = json_object();
    for (size_t i = 0; i < s->controls_n; i++)
        sw_json_set_str(o, s->controls[i].name, s->controls[i].value);
    return o;
}

static int seccomp_of(const struct container_spec *s, json_t **ret, struct sw_err *err)
{
    json_t *j = NULL;
    struct sw_str text = sw_str_n((const char *)runtime_seccomp_json, runtime_seccomp_json_size);
    if (sw_json_load(text, 8, 10000, NULL, &j, err) < 0)
        return sw_prefix(err, "built-in seccomp profile");
#if defined(__x86_64__)
    /* Without x32: nobody has such programs, and each architecture adds milliseconds to every start. */
    static const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
#elif defined(__aarch64__)
    static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#else
#error "this processor has no seccomp architecture here"
#endif
    sw_json_set_new(j, "architectures", strings(architectures, SW_ARRAY_LEN(architectures)));
    spec_allow_calls(s, sw_json_array(j, "syscalls"));
    *ret = j;
    return 0;
}

/* Without a path a new one. */
static void add_namespace(json_t *list, const char *type, const char *path)
{
    json_t *n = json_pack("{s:s}", "type", type);
    if (path)
        sw_json_set_str(n, "path", path);
    json_array_append_new(list, n);
}

static json_t *namespaces_of(const struct container_spec *s)
{
    json_t *a = json_array();
    static const char *const own[] = {"uts", "mount", "cgroup"};
    for (size_t i = 0; i < SW_ARRAY_LEN(own); i++)
        json_array_append_new(a, json_pack("{s:s}", "type", own[i]));
    if (!s->host_pid)
        add_namespace(a, "pid", s->pid_path);
    if (!s->host_ipc)
        add_namespace(a, "ipc", s->ipc_path);
    if (s->netns_path)
        add_namespace(a, "network", s->netns_path);
    else if (s->own_network)
        add_namespace(a, "network", NULL);
    return a;
}

static int check(const struct container_spec *s, struct sw_err *err)
{
    if (!s->cwd || s->cwd[0] != '/')
        return sw_fail(err, SW_EINVALID, REASON,
                       "the working directory '%s' is not an absolute path", s->cwd ? s->cwd : "");
    if (!s->rootfs || s->rootfs[0] != '/')
        return sw_fail(err, SW_EINTERNAL, REASON, "the root file system is not an absolute path");
    if (!s->task || !s->task[0] || strchr(s->task, '/'))
        return sw_fail(err, SW_EINTERNAL, REASON, "the container belongs to no task");
    if (s->uid > INT32_MAX || s->gid > INT32_MAX)
        return sw_fail(err, SW_EINVALID, REASON, "user or group id is out of range");
    for (size_t i = 0; i < s->mounts_n; i++)
        if (!s->mounts[i].destination || s->mounts[i].destination[0] != '/' ||
            s->mounts[i].source[0] != '/')
            return sw_fail(err, SW_EINVALID, REASON, "mount %zu: both paths have to be absolute",
                           i);
    return 0;
}

int spec_build(const struct container_spec *s, json_t **ret, struct sw_err *err)
{
    if (check(s, err) < 0)
        return err->code;
    sw_autojson json_t *process = NULL;
    sw_autojson json_t *seccomp = NULL;
    if (process_of(s, &process, err) < 0 || seccomp_of(s, &seccomp, err) < 0)
        return err->code;
    sw_autofree char *cgroup = sw_asprintf("/slipway/%s/%s", s->task, s->id);
    json_t *lnx = json_pack("{s:s, s:o, s:o}", "cgroupsPath", cgroup, "namespaces",
                            namespaces_of(s), "resources", resources_of(s));
    if (!s->privileged) {
        json_object_set(lnx, "seccomp", seccomp);
        sw_json_set_new(lnx, "maskedPaths", strings(masked_paths, SW_ARRAY_LEN(masked_paths)));
        sw_json_set_new(lnx, "readonlyPaths",
                        strings(read_only_paths, SW_ARRAY_LEN(read_only_paths)));
    }
    if (s->devices_n)
        sw_json_set_new(lnx, "devices", nodes_of(s));
    if (s->controls_n)
        sw_json_set_new(lnx, "sysctl", controls_of(s));
    json_t *j =
        json_pack("{s:s, s:O, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process",
                  process, "root", "path", s->rootfs, "readonly", s->read_only_root ? 1 : 0,
                  "hostname", s->hostname ? s->hostname : "", "mounts", mounts_of(s), "linux", lnx);
    if (!j)
        return sw_fail(err, SW_EINVALID, REASON,
                       "the description holds text that is not valid UTF-8");
    *ret = j;
    return 0;
}
