/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants: (1) every descriptor that the child is to have is first duplicated, in this process,
 * above all of the child's numbers, so the dup2 actions of the child never overwrite a source that
 * is still needed; (2) a child is reaped exactly once, through a pidfd that was opened before
 * anybody could have reaped it; (3) a run ends when the child ends, not when its pipes close: a
 * daemon that it left behind may hold them for ever. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"

#define TIMEOUT_DEFAULT_MS 60000
#define CHUNK              (64 * 1024)
#define DRAIN_READS_MAX    64 /* of CHUNK; a pipe holds at most 1 MiB */

extern char **environ;

/* The descriptors of a child, and our high duplicates of them (invariant 1). */
struct fd_plan {
    struct sw_process_fd *fds; /* our_fd: the duplicate */
    size_t n;
    int highest; /* of the child's numbers */
};

static void plan_done(struct fd_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        (void)close(plan->fds[i].our_fd);
    free(plan->fds);
}

static int plan_add(struct fd_plan *plan, int our_fd, int child_fd, struct sw_err *err)
{
    int high = fcntl(our_fd, F_DUPFD_CLOEXEC, plan->highest + 1);

    if (high < 0)
        return sw_fail_os(err, errno, "duplicate descriptor %d", our_fd);
    plan->fds[plan->n++] = (struct sw_process_fd){.child_fd = child_fd, .our_fd = high};
    return 0;
}

/* stdio[i] < 0: inherited. */
static int plan_make(const struct sw_process_spec *spec, const int stdio[3], struct fd_plan *ret,
                     struct sw_err *err)
{
    int rc = 0;

    ret->fds = sw_calloc(spec->fds_n + 3, sizeof(*ret->fds));
    ret->highest = STDERR_FILENO;
    for (size_t i = 0; i < spec->fds_n; i++)
        ret->highest = SW_MAX(ret->highest, spec->fds[i].child_fd);
    for (int i = 0; i < 3 && rc == 0; i++)
        if (stdio[i] >= 0)
            rc = plan_add(ret, stdio[i], i, err);
    for (size_t i = 0; i < spec->fds_n && rc == 0; i++)
        rc = plan_add(ret, spec->fds[i].our_fd, spec->fds[i].child_fd, err);
    return rc;
}

static bool plan_targets(const struct fd_plan *plan, int child_fd)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->fds[i].child_fd == child_fd)
            return true;
    return false;
}

static int fill_actions(posix_spawn_file_actions_t *actions, const struct fd_plan *plan,
                        const char *cwd)
{
    int failed = 0;

    for (size_t i = 0; i < plan->n && !failed; i++)
        failed =
            posix_spawn_file_actions_adddup2(actions, plan->fds[i].our_fd, plan->fds[i].child_fd);
    /* What our own parent left open without O_CLOEXEC does not travel on. */
    for (int fd = STDERR_FILENO + 1; fd < plan->highest && !failed; fd++)
        if (!plan_targets(plan, fd))
            failed = posix_spawn_file_actions_addclose(actions, fd);
    if (!failed)
        failed = posix_spawn_file_actions_addclosefrom_np(actions, plan->highest + 1);
    if (!failed && cwd)
        failed = posix_spawn_file_actions_addchdir_np(actions, cwd);
    return failed;
}

static int spawn(const struct sw_process_spec *spec, const int stdio[3], pid_t *ret_pid,
                 struct sw_err *err)
{
    SW_CLEANUP(plan_done) struct fd_plan plan = {0};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;

    int rc = plan_make(spec, stdio, &plan, err);
    if (rc < 0)
        return rc;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, spec->blocked ? spec->blocked : &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = fill_actions(&actions, &plan, spec->cwd);
    if (!failed)
        failed = posix_spawnp(ret_pid, spec->argv[0], &actions, &attr, (char *const *)spec->argv,
                              spec->env ? (char *const *)spec->env : environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed ? sw_fail_os(err, failed, "start %s", spec->argv[0]) : 0;
}

static int open_null(int *ret_fd, struct sw_err *err)
{
    return sw_open("/dev/null", O_RDONLY, 0, ret_fd, err);
}

/* Standard input as a file in memory: the child may read it or not, and we never block on it. */
static int open_input(struct sw_str input, int *ret_fd, struct sw_err *err)
{
    if (input.n == 0)
        return open_null(ret_fd, err);
    sw_autoclose int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return sw_fail_os(err, errno, "memfd_create");
    int rc = sw_pwrite_all(fd, input.p, input.n, 0, err);
    if (rc < 0)
        return rc;
    *ret_fd = SW_TAKE_FD(fd);
    return 0;
}

int sw_process_start(const struct sw_process_spec *spec, int out_fd, int err_fd, pid_t *ret_pid,
                     struct sw_err *err)
{
    sw_autoclose int null_fd = -1;

    int rc = open_null(&null_fd, err);
    if (rc < 0)
        return rc;
    return spawn(spec, (const int[3]){null_fd, out_fd, err_fd}, ret_pid, err);
}

static int code_of_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int reap(pid_t pid, struct sw_process_result *ret, struct sw_err *err)
{
    int status;
    pid_t got;

    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sw_fail_os(err, errno, "wait for process %d", (int)pid);
    ret->exit_code = code_of_status(status);
    return 1;
}

static int open_pidfd(pid_t pid, int *ret_fd, struct sw_err *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* always close-on-exec */

    if (fd < 0)
        return sw_fail_os(err, errno, "pidfd_open %d", (int)pid);
    *ret_fd = fd;
    return 0;
}

/* poll() until the deadline on the monotonic clock; 0 when it passed. */
static int poll_until(struct pollfd *fds, nfds_t n, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = SW_MAX(deadline_ms - sw_mono_ms(), 0);
        int ready = poll(fds, n, (int)SW_MIN(left, (int64_t)INT_MAX));
        if (ready > 0 || (ready < 0 && errno != EINTR))
            return ready;
        if (ready == 0 && sw_mono_ms() >= deadline_ms)
            return 0;
    }
}

int sw_process_wait(pid_t pid, int64_t timeout_ms, struct sw_process_result *ret,
                    struct sw_err *err)
{
    if (timeout_ms < 0)
        return reap(pid, ret, err);
    sw_autoclose int pidfd = -1;
    int rc = open_pidfd(pid, &pidfd, err);
    if (rc < 0)
        return rc;
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int ready = poll_until(&p, 1, sw_mono_ms() + timeout_ms);
    if (ready < 0)
        return sw_fail_os(err, errno, "poll");
    return ready == 0 ? 0 : reap(pid, ret, err);
}

void sw_process_stop(pid_t pid, int64_t grace_ms)
{
    struct sw_process_result ignored;
    struct sw_err err = SW_ERR_INIT;

    (void)kill(pid, SIGTERM);
    int rc = sw_process_wait(pid, SW_MAX(grace_ms, 0), &ignored, &err);
    if (rc == 0) {
        (void)kill(pid, SIGKILL);
        (void)sw_process_wait(pid, -1, &ignored, &err);
    }
}

/* One output of a run. */
struct capture {
    struct sw_buf *into; /* NULL: the child inherits ours */
    int read_fd, write_fd;
};

static void capture_done(struct capture *c)
{
    sw_closep(&c->read_fd);
    sw_closep(&c->write_fd);
}

static int capture_open(struct capture *c, struct sw_err *err)
{
    int fds[2];

    if (!c->into)
        return 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return sw_fail_os(err, errno, "pipe");
    c->read_fd = fds[0];
    c->write_fd = fds[1];
    if (fcntl(c->read_fd, F_SETFL, O_NONBLOCK) < 0)
        return sw_fail_os(err, errno, "fcntl");
    return 0;
}

static void close_write_end(struct capture *c)
{
    if (c->write_fd >= 0)
        (void)close(SW_TAKE_FD(c->write_fd));
}

/* Appends what fits; the flag `overflow` of the buffer tells that something was dropped. */
static void keep(struct sw_buf *b, const char *data, size_t n)
{
    size_t fits = b->overflow ? 0 : SW_MIN(n, b->max - b->n);

    if (fits > 0)
        sw_buf_add(b, data, fits);
    if (fits < n)
        b->overflow = true;
}

/* One read, so that a writer that never rests cannot hide the deadline. False when nothing was
 * there; closes at the end of the stream. */
static bool capture_read(struct capture *c)
{
    char chunk[CHUNK];
    ssize_t n;

    if (c->read_fd < 0)
        return false;
    do
        n = read(c->read_fd, chunk, sizeof(chunk));
    while (n < 0 && errno == EINTR);
    if (n > 0)
        keep(c->into, chunk, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        (void)close(SW_TAKE_FD(c->read_fd));
    return n > 0;
}

/* Pumps both outputs until the child ended (invariant 3). */
static int pump(int pidfd, struct capture *out, struct capture *err_out, int64_t deadline_ms,
                struct sw_err *err)
{
    for (;;) {
        struct pollfd p[3] = {{.fd = pidfd, .events = POLLIN},
                              {.fd = out->read_fd, .events = POLLIN},
                              {.fd = err_out->read_fd, .events = POLLIN}};
        int ready = poll_until(p, 3, deadline_ms);
        if (ready < 0)
            return sw_fail_os(err, errno, "poll");
        if (ready == 0 || sw_mono_ms() > deadline_ms)
            return sw_fail(err, SW_EUNAVAILABLE, NULL, "timed out");
        (void)capture_read(out);
        (void)capture_read(err_out);
        if (p[0].revents)
            return 0;
    }
}

/* After the end: what is left in the pipe. The bound is for a daemon that goes on writing into it.
 */
static void drain(struct capture *c)
{
    for (int i = 0; i < DRAIN_READS_MAX && capture_read(c); i++)
        ;
}

static int run_to_end(pid_t pid, const struct sw_process_spec *spec, struct capture *out,
                      struct capture *err_out, struct sw_process_result *ret, struct sw_err *err)
{
    sw_autoclose int pidfd = -1;
    struct sw_err ignored = SW_ERR_INIT;
    int64_t timeout_ms = spec->timeout_ms > 0 ? spec->timeout_ms : TIMEOUT_DEFAULT_MS;

    int rc = open_pidfd(pid, &pidfd, err);
    if (rc == 0)
        rc = pump(pidfd, out, err_out, sw_mono_ms() + timeout_ms, err);
    if (rc < 0) {
        (void)kill(pid, SIGKILL);
        (void)reap(pid, ret, &ignored);
        return sw_prefix(err, "%s", spec->argv[0]);
    }
    drain(out);
    drain(err_out);
    rc = reap(pid, ret, err);
    return rc < 0 ? rc : 0;
}

int sw_process_run(const struct sw_process_spec *spec, struct sw_buf *out, struct sw_buf *err_out,
                   struct sw_process_result *ret, struct sw_err *err)
{
    sw_autoclose int in_fd = -1;
    SW_CLEANUP(capture_done) struct capture o = {out, -1, -1};
    SW_CLEANUP(capture_done) struct capture e = {err_out == out ? NULL : err_out, -1, -1};
    struct sw_process_result result = {0};
    pid_t pid;

    int rc = open_input(spec->input, &in_fd, err);
    if (rc == 0)
        rc = capture_open(&o, err);
    if (rc == 0)
        rc = capture_open(&e, err);
    if (rc < 0)
        return rc;
    /* The same buffer for both: one pipe, so that the lines keep their order. */
    int err_fd = out && err_out == out ? o.write_fd : e.write_fd;
    rc = spawn(spec, (const int[3]){in_fd, o.write_fd, err_fd}, &pid, err);
    if (rc < 0)
        return rc;
    close_write_end(&o);
    close_write_end(&e);
    rc = run_to_end(pid, spec, &o, &e, &result, err);
    if (rc == 0)
        *ret = result;
    return rc;
}

static char self_path[PATH_MAX];
static pthread_once_t self_once = PTHREAD_ONCE_INIT;

/* When the file was replaced while we run, the kernel adds " (deleted)"; its successor has the
 * plain name. */
static void find_self(void)
{
    static const char gone[] = " (deleted)";

    ssize_t n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
    if (n <= 0) {
        (void)snprintf(self_path, sizeof(self_path), "/proc/self/exe");
        return;
    }
    self_path[n] = 0;
    if (sw_str_ends_with(sw_str(self_path), gone))
        self_path[(size_t)n - (sizeof(gone) - 1)] = 0;
}

const char *sw_self_path(void)
{
    (void)pthread_once(&self_once, find_self);
    return self_path;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool find_in(const char *folders, const char *name, char *out, size_t cap)
{
    struct sw_str rest = sw_str(folders), folder;

    while (sw_str_split(&rest, ':', &folder)) {
        if (folder.n == 0 || folder.p[0] != '/')
            continue; /* a relative folder could be anybody's */
        int n = snprintf(out, cap, SW_STR_FMT "/%s", SW_STR_ARG(folder), name);
        if (n > 0 && (size_t)n < cap && is_program(out))
            return true;
    }
    return false;
}

bool sw_find_program(const char *name, char *out, size_t cap)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/')) {
        sw_autofree char *absolute = realpath(name, NULL);
        return absolute && is_program(absolute) && sw_str_copy(sw_str(absolute), out, cap);
    }
    if (*name && (find_in(path ? path : "/usr/local/bin:/usr/bin:/bin", name, out, cap) ||
                  find_in("/usr/local/sbin:/usr/sbin:/sbin", name, out, cap)))
        return true;
    if (cap > 0)
        out[0] = 0;
    return false;
}
