/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/cgroup.c - see Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel. */
#include "launcher/runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"

#define ROOT        "/sys/fs/cgroup"
#define OURS        "slipway"
#define REASON      "CannotStartContainerError"
#define PERIOD_US   100000
#define QUOTA_MIN   1000 /* the kernel's */
#define CPU_UNITS   1024
#define SHARES_MIN  2
#define SHARES_MAX  262144
#define WEIGHT_SPAN 9999
#define KILL_ROUNDS 300
#define KILL_DEPTH  32 /* of groups in groups */

static const char *or_default(const char *root)
{
    return root ? root : ROOT;
}

static bool is_unified(const char *root)
{
    sw_autofree char *path = sw_asprintf("%s/cgroup.controllers", root);
    return sw_path_exists(path);
}

/* One value into one file; the system takes it with the first write or not at all. */
static int set(const char *folder, const char *name, const char *value, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s", folder, name);
    sw_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return sw_fail(err, SW_EUNSUPPORTED, REASON,
                       "this instance cannot limit a task: it has no %s", path);
    if (fd < 0 || write(fd, value, strlen(value)) < 0) {
        (void)sw_fail_os(err, errno, "%s", path);
        err->reason = REASON;
        return err->code;
    }
    return 0;
}

static int set_number(const char *folder, const char *name, int64_t value, struct sw_err *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(folder, name, text, err);
}

static void set_if_there(const char *folder, const char *name, int64_t value)
{
    struct sw_err ignored = SW_ERR_INIT;
    (void)set_number(folder, name, value, &ignored);
}

static int64_t quota_us(int64_t units)
{
    return SW_MAX(units * PERIOD_US / CPU_UNITS, (int64_t)QUOTA_MIN);
}

static int64_t shares_of(const struct cgroup_limits *l)
{
    return SW_MIN(SW_MAX(l->cpu_shares, (int64_t)SHARES_MIN), (int64_t)SHARES_MAX);
}

/* Shares 2..262144 are weights 1..10000, as the runtimes count them. */
static int64_t weight_of(int64_t shares)
{
    return 1 + (shares - SHARES_MIN) * WEIGHT_SPAN / (SHARES_MAX - SHARES_MIN);
}

static int limit_memory_v1(const char *folder, int64_t bytes, int64_t swap, struct sw_err *err)
{
    /* Before Linux 5.11 a group did not count its children unless told to; since then it always does, and says so. */
    set_if_there(folder, "memory.use_hierarchy", 1);
    if (set_number(folder, "memory.limit_in_bytes", bytes, err) < 0)
        return err->code;
    set_if_there(folder, "memory.memsw.limit_in_bytes", bytes + swap);
    return 0;
}

static int make_v1(const char *root, const char *task, const struct cgroup_limits *l,
                   struct sw_err *err)
{
    sw_autofree char *cpu = sw_asprintf("%s/cpu", root);
    sw_autofree char *memory = sw_asprintf("%s/memory", root);
    sw_autofree char *cpu_task = sw_asprintf("%s/" OURS "/%s", cpu, task);
    sw_autofree char *memory_task = sw_asprintf("%s/" OURS "/%s", memory, task);
    if (sw_path_exists(cpu) && sw_mkdirs(cpu_task, 0755, err) < 0)
        return err->code;
    if (sw_path_exists(memory) && sw_mkdirs(memory_task, 0755, err) < 0)
        return err->code;
    set_if_there(cpu_task, "cpu.shares", shares_of(l));
    if (l->cpu_quota > 0 &&
        (set_number(cpu_task, "cpu.cfs_period_us", PERIOD_US, err) < 0 ||
         set_number(cpu_task, "cpu.cfs_quota_us", quota_us(l->cpu_quota), err) < 0))
        return err->code;
    return l->memory_bytes > 0 ? limit_memory_v1(memory_task, l->memory_bytes, l->swap_bytes, err)
                               : 0;
}

/* A controller is there for children only where their parent hands it on. */
static void hand_on(const char *folder)
{
    static const char *const controllers[] = {"+cpu", "+memory", "+pids"};
    for (size_t i = 0; i < SW_ARRAY_LEN(controllers); i++) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)set(folder, "cgroup.subtree_control", controllers[i], &ignored);
    }
}

static int make_v2(const char *root, const char *task, const struct cgroup_limits *l,
                   struct sw_err *err)
{
    sw_autofree char *ours = sw_asprintf("%s/" OURS, root);
    sw_autofree char *folder = sw_asprintf("%s/%s", ours, task);
    if (sw_mkdirs(ours, 0755, err) < 0)
        return err->code;
    hand_on(root);
    hand_on(ours);
    if (sw_mkdirs(folder, 0755, err) < 0)
        return err->code;
    set_if_there(folder, "cpu.weight", weight_of(shares_of(l)));
    char text[64];
    snprintf(text, sizeof text, "%lld %d", (long long)quota_us(l->cpu_quota), PERIOD_US);
    if (l->cpu_quota > 0 && set(folder, "cpu.max", text, err) < 0)
        return err->code;
    if (l->memory_bytes <= 0)
        return 0;
    if (set_number(folder, "memory.max", l->memory_bytes, err) < 0)
        return err->code;
    set_if_there(folder, "memory.swap.max", l->swap_bytes);
    return 0;
}

int cgroup_make(const char *root, const char *task, const struct cgroup_limits *l,
                struct sw_err *err)
{
    root = or_default(root);
    return is_unified(root) ? make_v2(root, task, l, err) : make_v1(root, task, l, err);
}

/* Its empty children, then itself; a group that holds processes stays. True: it is not there. */
static bool remove_group(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d)
        closedir(d);
    return rmdir(folder) == 0 || errno == ENOENT;
}

bool cgroup_remove(const char *root, const char *task)
{
    root = or_default(root);
    sw_autofree char *unified = sw_asprintf("%s/" OURS "/%s", root, task);
    if (is_unified(root))
        return remove_group(unified);
    /* The runtime made one in every hierarchy. */
    DIR *d = opendir(root);
    bool gone = true;
    for (struct dirent *e; d && (e = readdir(d));) {
        sw_autofree char *folder = sw_asprintf("%s/%s/" OURS "/%s", root, e->d_name, task);
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            gone &= remove_group(folder);
    }
    if (d)
        closedir(d);
    return gone;
}

/* How many it had. */
static size_t kill_in(const char *folder)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(1024 * 1024);
    sw_autofree char *path = sw_asprintf("%s/cgroup.procs", folder);
    size_t n = 0;
    if (sw_read_file(path, &b, &ignored) < 0)
        return 0;
    struct sw_str rest = sw_buf_str(&b), line;
    while (sw_str_split(&rest, '\n', &line)) {
        uint64_t pid;
        if (!sw_parse_u64(line, &pid) || pid <= 1 || pid > INT32_MAX)
            continue;
        (void)kill((pid_t)pid, SIGKILL);
        n++;
    }
    return n;
}

/* With the groups that a container made in its own, as systemd does. */
static size_t kill_below(const char *folder, int depth)
{
    size_t n = kill_in(folder);
    DIR *d = depth < KILL_DEPTH ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        sw_autofree char *below = sw_asprintf("%s/%s", folder, e->d_name);
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            n += kill_below(below, depth + 1);
    }
    if (d)
        closedir(d);
    return n;
}

static size_t kill_once(const char *root, const char *group)
{
    sw_autofree char *unified = sw_asprintf("%s%s", root, group);
    size_t n = 0;
    if (is_unified(root))
        return kill_below(unified, 0);
    DIR *d = opendir(root);
    for (struct dirent *e; d && (e = readdir(d));) {
        sw_autofree char *folder = sw_asprintf("%s/%s%s", root, e->d_name, group);
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            n += kill_below(folder, 0);
    }
    if (d)
        closedir(d);
    return n;
}

bool cgroup_kill(const char *root, const char *group)
{
    root = or_default(root);
    if (strncmp(group, "/" OURS "/", sizeof "/" OURS "/" - 1) != 0 || strstr(group, ".."))
        return false;
    for (int i = 0; i < KILL_ROUNDS; i++) {
        if (kill_once(root, group) == 0)
            return true;
        sw_sleep_ms(10);
    }
    return false;
}

bool cgroup_oom_kills(const char *root, const char *group, int64_t *ret)
{
    root = or_default(root);
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    sw_autofree char *path = is_unified(root)
                                 ? sw_asprintf("%s%s/memory.events", root, group)
                                 : sw_asprintf("%s/memory%s/memory.oom_control", root, group);
    if (sw_read_file(path, &b, &ignored) < 0)
        return false;
    struct sw_str rest = sw_buf_str(&b), line;
    while (sw_str_split(&rest, '\n', &line)) {
        struct sw_str value = line, key;
        (void)sw_str_split(&value, ' ', &key);
        if (value.p && sw_str_eq_z(key, "oom_kill") && sw_parse_i64(value, ret))
            return true;
    }
    return false;
}
