/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/runtime_oci.c - containers by an OCI runtime (runc) under conmon.
 *
 * Invariants:
 * 1. Everything known about a container is in files below state_dir, so that any process may go on with it:
 *      containers/ID/{pid,conmon.pid,oom,bundle}   exits/ID (the exit code, written by conmon)   runtime/ID (the runtime's)
 * 2. conmon is no child of ours that matters: it outlives us, and its end means that exits/ID exists.
 * 3. An exit file is read only after conmon wrote it whole; an empty one counts as not written yet.
 * 4. A process is only taken for the conmon of a container if its command line names the container.
 * 5. A container whose conmon was killed has ended, whatever it does: nobody reads what it writes, nobody would learn its exit code. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/process.h"
#include "launcher/runtime/cgroup.h"
#include "launcher/runtime/cgroup_moves.h"
#include "launcher/runtime/exec_process.h"
#include "launcher/runtime/makers.h"
#include "launcher/runtime/runtime.h"
#include "launcher/runtime/runtime_words.h"

#define CREATE_TIMEOUT_MS  60000
#define COMMAND_TIMEOUT_MS 60000
#define LOG_SIZE_MAX       (64LL * 1024 * 1024)
#define MESSAGE_MAX        (64 * 1024)
#define LOOK_EVERY_MS      1000
#define LOOKS_IN_VAIN      8 /* until a runtime that nobody sees was killed: monitors may starve */
#define CONFIG_MAX         (4 * 1024 * 1024)

extern char **environ;

struct oci {
    char *state_dir, *runtime_root, *exits_dir, *sock_dir, *containers_dir;
    char runtime[512], conmon[512];
    struct cgroup_moves *moves;
};

static bool id_valid(const char *id)
{
    size_t n = id ? strlen(id) : 0;
    if (n == 0 || n > RUNTIME_ID_MAX || id[0] == '.' || id[0] == '-')
        return false;
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

static int check_id(const char *id, struct sw_err *err)
{
    if (!id_valid(id))
        return sw_fail(err, SW_EINVALID, "CannotCreateContainerError", "container id is not valid");
    return 0;
}

static char *container_file(const struct oci *o, const char *id, const char *name)
{
    return sw_asprintf("%s/%s/%s", o->containers_dir, id, name);
}

/* First number of a small file; false when it is missing, empty or no number. */
static bool read_number(const char *path, int64_t *ret)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64);
    if (sw_read_file(path, &b, &err) < 0)
        return false;
    return sw_parse_i64(
        sw_str_trim(sw_str_slice(sw_buf_str(&b), 0, strcspn(sw_buf_str(&b).p, "\n"))), ret);
}

enum monitor { MONITOR_THERE, MONITOR_GONE, MONITOR_UNKNOWN };

/* The conmon of this container; *ret_fd is -1 unless it is there. What cannot be read says nothing. */
static enum monitor find_monitor(const struct oci *o, const char *id, int *ret_fd)
{
    sw_autofree char *path = container_file(o, id, "conmon.pid");
    int64_t pid = 0;
    *ret_fd = -1;
    if (!read_number(path, &pid) || pid <= 1 || pid > INT32_MAX)
        return MONITOR_UNKNOWN;
    sw_autoclose int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        return errno == ESRCH ? MONITOR_GONE : MONITOR_UNKNOWN;
    sw_autofree char *cmdline_path = sw_asprintf("/proc/%d/cmdline", (int)pid);
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64 * 1024);
    if (sw_read_file(cmdline_path, &b, &err) < 0)
        return MONITOR_UNKNOWN;
    size_t id_n = strlen(id);
    if (!memmem(sw_buf_str(&b).p, b.n, id, id_n + 1))
        return MONITOR_GONE; /* another's number by now, or a process that has ended */
    *ret_fd = SW_TAKE_FD(fd);
    return MONITOR_THERE;
}

static int conmon_pidfd(const struct oci *o, const char *id)
{
    int fd = -1;
    (void)find_monitor(o, id, &fd);
    return fd;
}

static struct makers makers_of(const struct oci *o, const char *id)
{
    return (struct makers){.root = o->runtime_root, .monitor = o->conmon, .id = id};
}

/* conmon and the runtime may outlive whoever asked them for a container, and each other; none may go on with it while it is taken
 * away. */
static void kill_makers(const struct oci *o, const char *id)
{
    const struct makers m = makers_of(o, id);
    makers_kill(&m);
}

/* Runs the OCI runtime; its standard error becomes the message. */
static int run_runtime(const struct oci *o, const char *const *args, int64_t timeout_ms,
                       struct sw_buf *out, const char *reason, struct sw_err *err)
{
    const char *argv[16] = {o->runtime, "--root", o->runtime_root};
    size_t n = 3;
    for (size_t i = 0; args[i]; i++) {
        if (n + 1 >= SW_ARRAY_LEN(argv))
            return sw_fail(err, SW_EINTERNAL, reason, "too many arguments for the runtime");
        argv[n++] = args[i];
    }
    argv[n] = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf drop = SW_BUF_INIT(4096);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(MESSAGE_MAX);
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = timeout_ms};
    struct sw_process_result res;
    if (sw_process_run(&spec, out ? out : &drop, &text, &res, err) < 0)
        return sw_prefix(err, "%s %s", o->runtime, args[0]);
    if (res.exit_code == 0)
        return 0;
    sw_autofree char *message = runtime_words(sw_buf_str(&text));
    if (strstr(message, "does not exist"))
        return sw_fail(err, SW_ENOTFOUND, reason, "%s", message);
    return sw_fail(err, SW_EIO, reason, "%s", message);
}

/* conmon waits for the end of what the runtime writes before it says that the runtime failed. When the runtime is killed, the first
 * process of the container may live on and hold that pipe for ever. */
static bool is_in_vain(const struct oci *o, const char *id, int *looks)
{
    const struct makers m = makers_of(o, id);
    sw_autofree char *monitor = container_file(o, id, "conmon.pid");
    *looks = sw_path_exists(monitor) && makers_runtime_is_gone(&m) ? *looks + 1 : 0;
    return *looks >= LOOKS_IN_VAIN;
}

/* conmon's one line on the pipe: {"data": PID or negative, "message": TEXT}. */
static int read_create_result(const struct oci *o, const char *id, int fd, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(MESSAGE_MAX);
    int64_t deadline = sw_mono_ms() + CREATE_TIMEOUT_MS;
    int looks = 0;
    char chunk[4096];
    while (!b.overflow && !(b.n && memchr(b.p, '\n', b.n))) {
        int64_t left = deadline - sw_mono_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0)
            return sw_fail(err, SW_EIO, "CannotCreateContainerError",
                           "conmon did not answer in time");
        if (poll(&p, 1, (int)SW_MIN(left, LOOK_EVERY_MS)) == 0) {
            if (is_in_vain(o, id, &looks))
                return sw_fail(err, SW_EIO, "CannotCreateContainerError",
                               "the runtime ended without creating the container");
            continue;
        }
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sw_buf_add(&b, chunk, (size_t)n);
    }
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *j = NULL;
    if (sw_json_load(sw_str_trim(sw_buf_str(&b)), 4, 16, NULL, &j, &ignored) < 0)
        return sw_fail(err, SW_EIO, "CannotCreateContainerError",
                       "conmon ended without creating the container");
    int64_t pid = sw_json_int(j, "data", sw_json_int(j, "pid", -1));
    if (pid > 0)
        return 0;
    sw_autofree char *message = runtime_words(sw_str(sw_json_str(j, "message", "")));
    return sw_fail(err, SW_EIO, "CannotCreateContainerError", "%s", message);
}

/* In a folder of its own: conmon marks an out-of-memory kill by a file "oom" where it runs, too. */
static int start_conmon(const struct oci *o, const char *id, const char *const *argv,
                        const char *folder, struct sw_err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return sw_fail_os(err, errno, "pipe");
    sw_autoclose int read_end = fds[0];
    sw_autoclose int write_end = fds[1];
    sw_autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    size_t n = 0;
    while (environ[n])
        n++;
    sw_autofree const char **env = sw_calloc(n + 2, sizeof *env);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "_OCI_", 5) != 0)
            env[at++] = environ[i];
    env[at] = "_OCI_SYNCPIPE=3";
    const struct sw_process_fd extra = {.child_fd = 3, .our_fd = write_end};
    struct sw_process_spec spec = {
        .argv = argv, .env = env, .cwd = folder, .fds = &extra, .fds_n = 1};
    pid_t pid = 0;
    if (sw_process_start(&spec, null, null, &pid, err) < 0)
        return sw_prefix(err, "%s", o->conmon);
    close(SW_TAKE_FD(write_end));
    int r = read_create_result(o, id, read_end, err);
    struct sw_err ignored = SW_ERR_INIT;
    struct sw_process_result res;
    if (sw_process_wait(pid, 5000, &res, &ignored) == 0)
        sw_process_stop(pid, 0);
    return r;
}

static void remove_files(const struct oci *o, const char *id)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *dir = sw_asprintf("%s/%s", o->containers_dir, id);
    sw_autofree char *exit_file = sw_asprintf("%s/%s", o->exits_dir, id);
    sw_autofree char *sock = sw_asprintf("%s/%s", o->sock_dir, id);
    (void)sw_remove_tree(dir, &ignored);
    (void)unlink(exit_file);
    (void)unlink(sock);
}

/* What the bundle's file `monitor` asks for; argv has room and ends with NULL. */
static void add_streams(const char *bundle, const char **argv, size_t cap)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(16);
    sw_autofree char *path = sw_asprintf("%s/monitor", bundle);
    size_t n = 0;
    while (argv[n])
        n++;
    if (sw_read_file(path, &b, &ignored) < 0)
        return;
    if (n + 2 < cap && strchr(sw_buf_str(&b).p, 't'))
        argv[n++] = "-t";
    if (n + 1 < cap && strchr(sw_buf_str(&b).p, 'i'))
        argv[n++] = "-i";
    argv[n] = NULL;
}

/* What the bundle's file `log-bytes` says. */
static int64_t log_bytes_max(const char *bundle)
{
    sw_autofree char *path = sw_asprintf("%s/log-bytes", bundle);
    int64_t n = 0;
    return read_number(path, &n) && n > 0 ? n : LOG_SIZE_MAX;
}

static void oci_expect(void *self)
{
    const struct oci *o = self;
    cgroup_moves_soon(o->moves);
}

static int oci_create(void *self, const char *id, const char *bundle, const char *log_path,
                      struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    oci_expect(o);
    sw_autofree char *dir = sw_asprintf("%s/%s", o->containers_dir, id);
    if (mkdir(dir, 0700) < 0) {
        if (errno == EEXIST)
            return sw_fail(err, SW_ECONFLICT, "CannotCreateContainerError", "container %s exists",
                           id);
        return sw_fail_os(err, errno, "%s", dir);
    }
    sw_autofree char *link = container_file(o, id, "bundle");
    if (symlink(bundle, link) < 0) {
        (void)sw_fail_os(err, errno, "%s", link);
        remove_files(o, id);
        return err->code;
    }
    sw_autofree char *pid = container_file(o, id, "pid");
    sw_autofree char *conmon_pid = container_file(o, id, "conmon.pid");
    sw_autofree char *log = sw_asprintf("k8s-file:%s", log_path);
    sw_autofree char *log_max = sw_asprintf("%lld", (long long)log_bytes_max(bundle));
    const char *argv[48] = {o->conmon,
                            "--api-version",
                            "1",
                            "-c",
                            id,
                            "-u",
                            id,
                            "-n",
                            id,
                            "-r",
                            o->runtime,
                            "-b",
                            bundle,
                            "-p",
                            pid,
                            "--conmon-pidfile",
                            conmon_pid,
                            "--persist-dir",
                            dir,
                            "-l",
                            log,
                            "--log-size-max",
                            log_max,
                            "--exit-dir",
                            o->exits_dir,
                            "--socket-dir-path",
                            o->sock_dir,
                            "--log-level",
                            "error",
                            "--no-sync-log",
                            "--runtime-arg",
                            "--root",
                            "--runtime-arg",
                            o->runtime_root,
                            NULL};
    add_streams(bundle, argv, SW_ARRAY_LEN(argv));
    if (start_conmon(o, id, argv, dir, err) < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        const char *args[] = {"delete", "--force", id, NULL};
        kill_makers(o, id);
        (void)run_runtime(o, args, COMMAND_TIMEOUT_MS, NULL, NULL, &ignored);
        remove_files(o, id);
        return err->code;
    }
    return 0;
}

/* What `runc start` and `crun start` do: reading the fifo lets the waiting first process exec. Going through the file saves the start
 * of another process; any runtime without such a file is asked by its command. */
static int start_by_fifo(const struct oci *o, const char *id)
{
    sw_autofree char *path = sw_asprintf("%s/%s/exec.fifo", o->runtime_root, id);
    sw_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&p, 1, 5000) <= 0 || read(fd, &byte, 1) != 1)
        return 0;
    (void)unlink(path);
    return 1;
}

static int oci_start(void *self, const char *id, struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    sw_autofree char *exit_file = sw_asprintf("%s/%s", o->exits_dir, id);
    if (!sw_path_exists(exit_file) && start_by_fifo(o, id))
        return 0;
    const char *args[] = {"start", id, NULL};
    return run_runtime(o, args, COMMAND_TIMEOUT_MS, NULL, "CannotStartContainerError", err);
}

/* Is the container's first process gone, or only waiting for conmon to see its end? */
static bool has_ended(const struct oci *o, const char *id)
{
    sw_autofree char *path = container_file(o, id, "pid");
    struct sw_err ignored = SW_ERR_INIT;
    int64_t pid = 0;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    if (!read_number(path, &pid))
        return true;
    sw_autofree char *stat_path = sw_asprintf("/proc/%lld/stat", (long long)pid);
    if (sw_read_file(stat_path, &b, &ignored) < 0)
        return true;
    const char *state = memrchr(b.p, ')', b.n);
    return !state || state + 2 >= b.p + b.n || state[2] == 'Z' || state[2] == 'X';
}

/* A monitor that is stopped reads no output, and the container's writes wait as soon as its pipe is full. */
static int oci_hold(void *self, const char *id, bool on, struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    sw_autoclose int fd = -1;
    const bool ended = on && has_ended(o, id);
    if (find_monitor(o, id, &fd) != MONITOR_THERE ||
        syscall(SYS_pidfd_send_signal, fd, on && !ended ? SIGSTOP : SIGCONT, NULL, 0) < 0 || ended)
        return sw_fail(err, SW_ENOTFOUND, NULL, "container %s has ended", id);
    return 0;
}

/* A monitor that somebody stopped (oci_hold, or a signal) must not keep the end of its container to itself. */
static void wake_monitor(const struct oci *o, const char *id, int fd)
{
    if (has_ended(o, id))
        (void)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
}

/* The group as the bundle names it; the bundle is there as long as the container. NULL: it cannot be read. */
static char *group_of(const struct oci *o, const char *id)
{
    sw_autofree char *path = container_file(o, id, "bundle/config.json");
    struct sw_err ignored = SW_ERR_INIT;
    sw_autojson json_t *j = NULL;
    if (sw_json_load_file(path, CONFIG_MAX, &j, &ignored) < 0)
        return NULL;
    const char *group = sw_json_str(sw_json_object(j, "linux"), "cgroupsPath", "");
    return group[0] == '/' ? sw_strdup(group) : NULL;
}

/* For a runtime that was killed, or knows the container no more because somebody cleaned its folder. */
static bool signal_itself(const struct oci *o, const char *id, int signo)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64 * 1024);
    sw_autofree char *file = container_file(o, id, "pid");
    sw_autofree char *group = group_of(o, id);
    int64_t pid = 0;
    if (!group || !read_number(file, &pid) || pid <= 1 || pid > INT32_MAX)
        return false;
    sw_autoclose int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    sw_autofree char *path = sw_asprintf("/proc/%lld/cgroup", (long long)pid);
    return fd >= 0 && sw_read_file(path, &b, &ignored) == 0 &&
           strstr(sw_buf_str(&b).p, group) != NULL &&
           syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) == 0;
}

static int oci_signal(void *self, const char *id, int signo, struct sw_err *err)
{
    if (check_id(id, err) < 0)
        return err->code;
    const struct oci *o = self;
    char number[16];
    snprintf(number, sizeof number, "%d", signo);
    const char *args[] = {"kill", id, number, NULL};
    if (run_runtime(self, args, COMMAND_TIMEOUT_MS, NULL, "CannotStopContainerError", err) == 0)
        return 0;
    /* It ended by itself meanwhile: nothing to signal is what was wanted. */
    if (err->code == SW_EIO &&
        (strstr(err->msg, "already finished") || strstr(err->msg, "not running"))) {
        sw_err_clear(err);
        return 0;
    }
    if (!signal_itself(o, id, signo))
        return err->code;
    sw_err_clear(err);
    return 0;
}

static bool group_oom_kills(const struct oci *o, const char *id, int64_t *ret)
{
    sw_autofree char *group = group_of(o, id);
    return group && cgroup_oom_kills(NULL, group, ret);
}

/* The kernel counts the kills of this container. conmon's mark is second best: with version 1 it also stands when a task's limit was
 * met by another container of that task. */
static bool oom_killed(const struct oci *o, const char *id)
{
    int64_t kills = 0;
    if (group_oom_kills(o, id, &kills))
        return kills > 0;
    sw_autofree char *file = container_file(o, id, "oom");
    return sw_path_exists(file);
}

/* Its first process writes into the fifo before it becomes the program. With whoever reads there killed it ends with 1, which is no word of
 * the program's. */
static bool may_not_have_begun(const struct oci *o, const char *id, int64_t code)
{
    sw_autofree char *fifo = sw_asprintf("%s/%s/exec.fifo", o->runtime_root, id);
    return code == 1 && sw_path_exists(fifo);
}

/* True when the exit file is there and says how it ended. */
static bool read_exit(const struct oci *o, const char *id, struct runtime_state *ret)
{
    sw_autofree char *path = sw_asprintf("%s/%s", o->exits_dir, id);
    int64_t code = 0;
    struct stat st;
    if (stat(path, &st) < 0 || !read_number(path, &code))
        return false;
    if (may_not_have_begun(o, id, code))
        code = -1;
    *ret = (struct runtime_state){.status = RUNTIME_STOPPED,
                                  .exit_code = code >= 0 && code < 256 ? (int)code : -1,
                                  .oom_killed = oom_killed(o, id),
                                  .finished_at_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
                                                    st.st_mtim.tv_nsec / 1000};
    return true;
}

/* Whether the first process still holds the fifo that it waits at. Whoever starts a container removes the fifo a moment later; one who
 * dies in that moment leaves a running container that the runtime calls created. */
static bool waits_to_start(const struct oci *o, const char *id, pid_t pid)
{
    sw_autofree char *fifo = sw_asprintf("%s/%s/exec.fifo", o->runtime_root, id);
    sw_autofree char *fds = sw_asprintf("/proc/%d/fd", (int)pid);
    struct stat want, st;
    DIR *d = stat(fifo, &want) == 0 ? opendir(fds) : NULL;
    if (!d)
        return true; /* another kind of runtime, or it ends just now: its word stands */
    bool holds = false;
    for (struct dirent *e; !holds && (e = readdir(d));)
        holds = fstatat(dirfd(d), e->d_name, &st, 0) == 0 && st.st_ino == want.st_ino &&
                st.st_dev == want.st_dev;
    closedir(d);
    return holds;
}

static int oci_state(void *self, const char *id, struct runtime_state *ret, struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    if (read_exit(o, id, ret))
        return 0;
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(256 * 1024);
    const char *args[] = {"state", id, NULL};
    if (run_runtime(o, args, COMMAND_TIMEOUT_MS, &out, NULL, err) < 0) {
        if (err->code != SW_ENOTFOUND)
            return err->code;
        sw_err_clear(err);
        *ret = (struct runtime_state){.status = RUNTIME_ABSENT, .exit_code = -1};
        return 0;
    }
    sw_autojson json_t *j = NULL;
    if (sw_json_load(sw_buf_str(&out), 8, 10000, NULL, &j, err) < 0)
        return sw_prefix(err, "state of container %s", id);
    const char *status = sw_json_str(j, "status", "");
    if (sw_streq(status, "stopped")) {
        /* conmon may be about to write the file; without conmon nobody will. */
        if (!read_exit(o, id, ret))
            *ret = (struct runtime_state){.status = RUNTIME_STOPPED,
                                          .exit_code = -1,
                                          .oom_killed = oom_killed(o, id),
                                          .finished_at_us = sw_now_us()};
        return 0;
    }
    pid_t pid = (pid_t)sw_json_int(j, "pid", 0);
    bool created = sw_streq(status, "created") && waits_to_start(o, id, pid);
    *ret = (struct runtime_state){
        .status = created ? RUNTIME_CREATED : RUNTIME_RUNNING, .pid = pid, .exit_code = -1};
    return 0;
}

static int oci_wait(void *self, const char *id, int64_t timeout_ms, struct runtime_state *ret,
                    struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    if (read_exit(o, id, ret))
        return 1;
    sw_autoclose int fd = -1;
    enum monitor monitor = find_monitor(o, id, &fd);
    if (fd >= 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, 1, timeout_ms < 0 ? -1 : (int)SW_MIN(timeout_ms, INT32_MAX));
        if (r == 0)
            wake_monitor(o, id, fd);
        if (r == 0 || (r < 0 && errno == EINTR))
            return 0;
        if (read_exit(o, id, ret))
            return 1;
        monitor = MONITOR_GONE;
    }
    /* conmon is gone without a word: the runtime knows whether the container still is there. */
    if (oci_state(self, id, ret, err) < 0)
        return err->code;
    if (ret->status == RUNTIME_ABSENT)
        return sw_fail(err, SW_ENOTFOUND, NULL, "container %s does not exist", id);
    if (ret->status == RUNTIME_STOPPED)
        return 1;
    if (monitor == MONITOR_GONE) {
        *ret = (struct runtime_state){.status = RUNTIME_STOPPED,
                                      .exit_code = -1,
                                      .monitor_lost = true,
                                      .finished_at_us = sw_now_us()};
        return 1;
    }
    sw_sleep_ms(SW_MIN(SW_MAX(timeout_ms, 0), 200));
    return 0;
}

static void kill_exec(const char *pid_file)
{
    int64_t pid = 0;
    if (read_number(pid_file, &pid) && pid > 1 && pid <= INT32_MAX)
        (void)kill((pid_t)pid, SIGKILL);
}

static int oci_exec(void *self, const char *id, const struct runtime_exec *e, int *ret_exit_code,
                    struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    size_t args = 0, envs = 0;
    while (e->argv[args])
        args++;
    while (e->env && e->env[envs])
        envs++;
    char unique[40];
    snprintf(unique, sizeof unique, "exec.%lld.%p", (long long)sw_mono_us(), (const void *)&unique);
    sw_autofree char *pid_file = container_file(o, id, unique);
    sw_autofree const char **argv = sw_calloc(args + 2 * envs + 16, sizeof *argv);
    size_t n = 0;
    argv[n++] = o->runtime;
    argv[n++] = "--root";
    argv[n++] = o->runtime_root;
    argv[n++] = "exec";
    argv[n++] = "--pid-file";
    argv[n++] = pid_file;
    for (size_t i = 0; i < envs; i++) {
        argv[n++] = "--env";
        argv[n++] = e->env[i];
    }
    if (e->cwd) {
        argv[n++] = "--cwd";
        argv[n++] = e->cwd;
    }
    if (e->user) {
        argv[n++] = "--user";
        argv[n++] = e->user;
    }
    argv[n++] = id;
    for (size_t i = 0; i < args; i++)
        argv[n++] = e->argv[i];
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(4096);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(4096);
    struct sw_process_spec spec = {
        .argv = argv, .timeout_ms = e->timeout_ms > 0 ? e->timeout_ms : COMMAND_TIMEOUT_MS};
    struct sw_process_result res;
    int r = sw_process_run(&spec, &out, &text, &res, err);
    if (r < 0)
        kill_exec(pid_file);
    (void)unlink(pid_file);
    if (r < 0)
        return r;
    *ret_exit_code = res.exit_code;
    return 0;
}

static int oci_enter(void *self, const char *id, const char *const *argv, bool tty, const char *dir,
                     struct exec_process *ret, struct sw_err *err)
{
    const struct oci *o = self;
    const struct exec_process_options options = {.runtime = o->runtime,
                                                 .runtime_root = o->runtime_root,
                                                 .id = id,
                                                 .argv = argv,
                                                 .tty = tty,
                                                 .dir = dir};
    return check_id(id, err) < 0 ? err->code : exec_process_start(&options, ret, err);
}

static int oci_remove(void *self, const char *id, struct sw_err *err)
{
    struct oci *o = self;
    if (check_id(id, err) < 0)
        return err->code;
    const char *args[] = {"delete", "--force", id, NULL};
    sw_autofree char *runtime_dir = sw_asprintf("%s/%s", o->runtime_root, id);
    sw_autofree char *exit_file = sw_asprintf("%s/%s", o->exits_dir, id);
    if (!sw_path_exists(exit_file))
        kill_makers(o, id);
    if (sw_path_exists(runtime_dir) &&
        run_runtime(o, args, COMMAND_TIMEOUT_MS, NULL, NULL, err) < 0) {
        if (err->code != SW_ENOTFOUND)
            return sw_prefix(err, "removing container %s", id);
        sw_err_clear(err);
    }
    /* The runtime knows nothing of a container whose state was not written yet, or was removed; its first process would go on, and make
     * folders in a root that is being removed. */
    sw_autofree char *group = group_of(o, id);
    if (group && !cgroup_kill(NULL, group))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "processes of container %s do not end", id);
    /* With its container gone conmon ends by itself; one that lingers would write the exit file after us. */
    sw_autoclose int fd = conmon_pidfd(o, id);
    if (fd >= 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 2000) == 0)
            (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    }
    remove_files(o, id);
    return 0;
}

/* Names in `dir` that are not in `seen` as well. */
static int list_dir(const char *dir, const char *seen, int (*fn)(void *ctx, const char *id),
                    void *ctx, struct sw_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", dir);
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        sw_autofree char *elsewhere = seen ? sw_asprintf("%s/%s", seen, e->d_name) : NULL;
        if (id_valid(e->d_name) && !(elsewhere && sw_path_exists(elsewhere)))
            r = fn(ctx, e->d_name);
    }
    closedir(d);
    return r;
}

/* Ours, then what only the runtime knows: one whose creation went on after we had given it up and removed its files. */
static int oci_list(void *self, int (*fn)(void *ctx, const char *id), void *ctx, struct sw_err *err)
{
    struct oci *o = self;
    int r = list_dir(o->containers_dir, NULL, fn, ctx, err);
    if (r == 0)
        r = list_dir(o->runtime_root, o->containers_dir, fn, ctx, err);
    return r < 0 ? r : 0;
}

static const struct runtime_ops oci_ops = {
    .expect = oci_expect,
    .create = oci_create,
    .hold = oci_hold,
    .start = oci_start,
    .signal = oci_signal,
    .state = oci_state,
    .wait = oci_wait,
    .exec = oci_exec,
    .enter = oci_enter,
    .remove = oci_remove,
    .list = oci_list,
};

static int find_checked(const char *name, char *out, size_t cap, struct sw_err *err)
{
    if (!sw_find_program(name, out, cap))
        return sw_fail(err, SW_ENOTFOUND, NULL, "program %s was not found in PATH", name);
    const char *argv[] = {out, "--version", NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(4096);
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = 10000};
    struct sw_process_result res;
    if (sw_process_run(&spec, &text, &text, &res, err) < 0)
        return err->code;
    if (res.exit_code != 0)
        return sw_fail(err, SW_EIO, NULL, "%s --version exits with %d", out, res.exit_code);
    return 0;
}

static void oci_free(struct oci *o)
{
    cgroup_moves_free(o->moves);
    free(o->state_dir);
    free(o->runtime_root);
    free(o->exits_dir);
    free(o->sock_dir);
    free(o->containers_dir);
    free(o);
}

int runtime_oci_new(const struct runtime_oci_options *opt, struct runtime *ret, struct sw_err *err)
{
    struct oci *o = SW_NEW(struct oci);
    o->state_dir = sw_strdup(opt->state_dir);
    o->runtime_root = sw_asprintf("%s/runtime", opt->state_dir);
    o->exits_dir = sw_asprintf("%s/exits", opt->state_dir);
    o->sock_dir = sw_asprintf("%s/sock", opt->state_dir);
    o->containers_dir = sw_asprintf("%s/containers", opt->state_dir);
    const char *dirs[] = {o->state_dir, o->runtime_root, o->exits_dir, o->sock_dir,
                          o->containers_dir};
    int r = find_checked(opt->runtime_path ? opt->runtime_path : "runc", o->runtime,
                         sizeof o->runtime, err);
    if (r == 0)
        r = find_checked(opt->conmon_path ? opt->conmon_path : "conmon", o->conmon,
                         sizeof o->conmon, err);
    for (size_t i = 0; r == 0 && i < SW_ARRAY_LEN(dirs); i++)
        r = sw_mkdirs(dirs[i], 0700, err);
    if (r == 0 && chmod(o->state_dir, 0700) < 0)
        r = sw_fail_os(err, errno, "%s", o->state_dir);
    if (r < 0) {
        oci_free(o);
        return r;
    }
    o->moves = cgroup_moves_new(NULL);
    *ret = (struct runtime){.ops = &oci_ops, .self = o};
    return 0;
}

void runtime_oci_free(struct runtime *r)
{
    if (r && r->ops == &oci_ops)
        oci_free(r->self);
    if (r)
        *r = (struct runtime){0};
}
