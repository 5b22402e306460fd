/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task_namespaces.c - pid_namespaces(7): the namespace lives as long as its first process, and that one gets the
 * children that nobody waits for. ECS's agent has its pause container for the same. */
#include "launcher/agent/task_namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/flag.h"
#include "launcher/runtime/mounts.h"
#include "launcher/runtime/spec.h"

#define HOLDER_USER   65534
#define SHM_DEFAULT   64 /* MiB */
#define WAIT_SLICE_MS 500

extern const unsigned char runtime_holder[];
extern const size_t runtime_holder_size;

static bool shares_pid(const struct task *t)
{
    return t->def->pid_mode == SHARE_TASK;
}

static bool shares_ipc(const struct task *t)
{
    return t->def->ipc_mode == SHARE_TASK;
}

static char *holder_dir(const struct task *t)
{
    return sw_asprintf("%s/holder", t->dir);
}

char *task_mounts_dir(const struct task *t)
{
    return sw_asprintf("%s/mounts/%s", t->engine->o.data_dir, t->id);
}

static int write_bundle(struct task *t, const char *folder, struct sw_err *err)
{
    sw_autofree char *rootfs = sw_asprintf("%s/rootfs", folder);
    sw_autofree char *program = sw_asprintf("%s/holder", rootfs);
    sw_autofree char *config = sw_asprintf("%s/config.json", folder);
    const char *args[] = {"/holder", NULL}, *env[] = {NULL}, *drop[] = {"ALL"};
    const struct container_spec spec = {.id = t->holder,
                                        .task = t->id,
                                        .rootfs = rootfs,
                                        .hostname = "",
                                        .args = args,
                                        .env = env,
                                        .cwd = "/",
                                        .uid = HOLDER_USER,
                                        .gid = HOLDER_USER,
                                        .read_only_root = true,
                                        .own_network = true,
                                        .capabilities_drop = drop,
                                        .capabilities_drop_n = 1,
                                        .pids_limit = 1};
    static const char *const folders[] = {"proc", "dev", "sys"};
    sw_autojson json_t *j = NULL;
    if (sw_mkdirs(rootfs, 0755, err) < 0 || spec_build(&spec, &j, err) < 0)
        return err->code;
    for (size_t i = 0; i < SW_ARRAY_LEN(folders) && err->code == 0; i++) {
        sw_autofree char *path = sw_asprintf("%s/%s", rootfs, folders[i]);
        (void)sw_mkdirs(path, 0755, err);
    }
    sw_autofree char *text = sw_json_dump(j);
    if (err->code ||
        sw_write_file_atomic(program, runtime_holder, runtime_holder_size, 0555, err) < 0)
        return err->code;
    return sw_write_file_atomic(config, text, strlen(text), 0600, err);
}

/* False: it does not run. */
static bool holder_pid(struct task *t, pid_t *ret)
{
    const struct runtime *rt = t->engine->o.runtime;
    struct runtime_state st = {.status = RUNTIME_ABSENT};
    struct sw_err err = SW_ERR_INIT;
    if (!t->holder[0] || rt->ops->state(rt->self, t->holder, &st, &err) < 0)
        return false;
    *ret = st.pid;
    return (st.status == RUNTIME_RUNNING || st.status == RUNTIME_CREATED) && st.pid > 0;
}

static int make_holder(struct task *t, pid_t *ret, struct sw_err *err)
{
    const struct runtime *rt = t->engine->o.runtime;
    sw_autofree char *folder = holder_dir(t);
    sw_autofree char *log = sw_asprintf("%s/log", folder);
    struct sw_err ignored = SW_ERR_INIT;
    if (t->holder[0])
        (void)rt->ops->remove(rt->self, t->holder, &ignored);
    pthread_mutex_lock(&t->lock);
    sw_random_hex(t->holder, 64);
    task_persist(t, false);
    pthread_mutex_unlock(&t->lock);
    if (write_bundle(t, folder, err) < 0 ||
        rt->ops->create(rt->self, t->holder, folder, log, err) < 0 ||
        rt->ops->start(rt->self, t->holder, err) < 0)
        return sw_prefix(err, "namespaces of the task");
    if (!holder_pid(t, ret))
        return sw_fail(err, SW_EIO, "CannotStartContainerError",
                       "the holder of the task's namespaces does not run");
    return 0;
}

/* --- its end --- */

static bool is_over(struct task *t)
{
    return flag_is_set(&t->engine->closing) || flag_is_set(&t->holder_let_go);
}

static void holder_ended(struct task *t)
{
    pthread_mutex_lock(&t->lock);
    if (!t->finished && !is_over(t))
        task_want_stop(t, "EssentialContainerExited",
                       "Essential container in task exited: the holder of the task's shared "
                       "namespaces",
                       false);
    pthread_mutex_unlock(&t->lock);
}

static void *waiter_main(void *arg)
{
    struct task *t = arg;
    const struct runtime *rt = t->engine->o.runtime;
    while (!is_over(t)) {
        struct runtime_state st;
        struct sw_err err = SW_ERR_INIT;
        int r = rt->ops->wait(rt->self, t->holder, WAIT_SLICE_MS, &st, &err);
        if (r < 0 && err.code != SW_ENOTFOUND) {
            sw_log_err(SW_LOG_WARNING, "holder-wait-failed", &err, "task", t->id, NULL);
            sw_sleep_ms(WAIT_SLICE_MS);
        } else if (r != 0) {
            holder_ended(t);
            break;
        }
    }
    return NULL;
}

static void watch(struct task *t)
{
    if (!t->holder_watched)
        t->holder_watched = pthread_create(&t->holder_waiter, NULL, waiter_main, t) == 0;
}

static bool any_runs(struct task *t)
{
    bool any = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n; i++)
        any |= t->containers[i].status == CONTAINER_RUNNING;
    pthread_mutex_unlock(&t->lock);
    return any;
}

void task_namespaces_watch_again(struct task *t)
{
    if (t->holder[0] && any_runs(t))
        watch(t);
}

void task_namespaces_unwatch(struct task *t)
{
    flag_set(&t->holder_let_go);
    if (t->holder_watched)
        pthread_join(t->holder_waiter, NULL);
    t->holder_watched = false;
}

/* As large as the largest that a container asks for. */
static int make_shm(const struct task *t, char **ret, struct sw_err *err)
{
    sw_autofree char *mounts = task_mounts_dir(t);
    int64_t mib = 0;
    char options[64];
    for (size_t i = 0; i < t->def->containers_n; i++)
        mib = SW_MAX(mib, t->def->containers[i].host.shared_memory_mib);
    (void)snprintf(options, sizeof options, "nosuid,nodev,noexec,mode=1777,size=%lldm",
                   (long long)(mib ? mib : SHM_DEFAULT));
    return mounts_make(mounts, "shm", "tmpfs", "shm", options, ret, err);
}

int task_namespaces_get(struct task *t, struct task_namespaces *ret, struct sw_err *err)
{
    struct task_namespaces n = {.pid_path = NULL};
    pid_t pid = 0;
    if (!shares_pid(t) && !shares_ipc(t))
        return 0;
    if (!holder_pid(t, &pid)) {
        if (t->holder_watched || any_runs(t))
            return sw_fail(err, SW_EIO, "CannotStartContainerError",
                           "the holder of the task's shared namespaces has ended");
        if (make_holder(t, &pid, err) < 0)
            return err->code;
    }
    watch(t);
    if (shares_ipc(t) && make_shm(t, &n.shm_path, err) < 0)
        return err->code;
    if (shares_pid(t))
        n.pid_path = sw_asprintf("/proc/%d/ns/pid", (int)pid);
    if (shares_ipc(t))
        n.ipc_path = sw_asprintf("/proc/%d/ns/ipc", (int)pid);
    *ret = n;
    return 0;
}

void task_namespaces_done(struct task_namespaces *n)
{
    free(n->pid_path);
    free(n->ipc_path);
    free(n->shm_path);
}

bool task_release(struct task *t)
{
    const struct runtime *rt = t->engine->o.runtime;
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *mounts = task_mounts_dir(t);
    flag_set(&t->holder_let_go);
    if (t->holder[0] && rt->ops->remove(rt->self, t->holder, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "holder-not-removed", &err, "task", t->id, NULL);
        return false;
    }
    sw_autofree char *folder = holder_dir(t);
    sw_autofree char *of_images = sw_asprintf("%s/volumes.image", t->dir);
    if (t->holder[0])
        (void)sw_remove_tree(folder, &err);
    sw_err_clear(&err);
    (void)sw_remove_tree(of_images, &err);
    if (!mounts_release(mounts))
        sw_log(SW_LOG_WARNING, "mounts-not-released", "task", t->id, NULL);
    return true;
}

static bool in_use(struct task_engine *e, const char *id)
{
    bool used = false;
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next)
        used |= !t->finished && strcmp(t->id, id) == 0;
    pthread_mutex_unlock(&e->lock);
    return used;
}

void task_mounts_clean(struct task_engine *e)
{
    sw_autofree char *dir = sw_asprintf("%s/mounts", e->o.data_dir);
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        sw_autofree char *path = sw_asprintf("%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.' && !in_use(e, entry->d_name))
            (void)mounts_release(path);
    }
    if (d)
        closedir(d);
}
