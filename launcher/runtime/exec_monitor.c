/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/exec_monitor.c - the process between the agent and a command in a container.
 * 1. It is a subreaper: when the runtime's `exec --detach` has ended, the command is a child of this process.
 * 2. The end of the control socket is the end of the command, from any moment on, also while the runtime is still at work.
 * 3. It is alone in its process and may block. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/process.h"
#include "launcher/runtime/exec_process.h"
#include "launcher/runtime/exec_wire.h"

#define START_TIMEOUT_MS 60000
#define HANGUP_MS        1000 /* between SIGHUP and SIGKILL */
#define CONSOLE          "console"
#define PID_FILE         "pid"
#define LOG_FILE         "log"
#define EXIT_NOT_FOUND   127
#define EXIT_CANNOT_RUN  126

struct monitor {
    const char *runtime, *root, *id;
    bool tty;
    char **argv;
    int console; /* listens; -1: none, or its terminal came */
    int words; /* what the runtime writes, with a terminal; else -1: it writes to the command's own */
    struct sw_buf text;
    pid_t pid;
};

static void say(char kind, int code, const char *text, int fd)
{
    struct exec_wire w = {.kind = kind, .code = code};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec io = {&w, sizeof w};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    (void)snprintf(w.text, sizeof w.text, "%s", text);
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    (void)sendmsg(EXEC_MONITOR_FD, &m, MSG_NOSIGNAL);
}

static int fail(const char *text, int code)
{
    say('F', code, text, -1);
    return 1;
}

static bool agent_gone(void)
{
    struct pollfd p = {.fd = EXEC_MONITOR_FD, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* ---- the runtime ---- */

static int listen_console(struct monitor *m)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = CONSOLE};
    m->console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->console < 0 || bind(m->console, (const struct sockaddr *)&a, sizeof a) < 0 ||
        listen(m->console, 1) < 0)
        return -1;
    return 0;
}

static int start_runtime(struct monitor *m, pid_t *ret, struct sw_err *err)
{
    size_t n = 0, at = 0;
    int words[2] = {-1, -1};
    char console[64];
    /* The runtime changes its folder; and the path of a socket must be short. */
    (void)snprintf(console, sizeof console, "/proc/%d/cwd/" CONSOLE, (int)getpid());
    while (m->argv[n])
        n++;
    sw_autofree const char **argv = sw_calloc(n + 18, sizeof *argv);
    const char *head[] = {m->runtime, "--root",     m->root,  "--log",  LOG_FILE, "exec",
                          "--detach", "--pid-file", PID_FILE, "--user", "0:0"};
    const char *tty[] = {"--tty", "--console-socket", console, "--env", "TERM=xterm"};
    for (size_t i = 0; i < SW_ARRAY_LEN(head); i++)
        argv[at++] = head[i];
    for (size_t i = 0; m->tty && i < SW_ARRAY_LEN(tty); i++)
        argv[at++] = tty[i];
    argv[at++] = m->id;
    for (size_t i = 0; i < n; i++)
        argv[at++] = m->argv[i];
    const struct sw_process_fd input = {0, 0};
    struct sw_process_spec spec = {.argv = argv, .fds = &input, .fds_n = m->tty ? 0 : 1};
    if (m->tty && pipe2(words, O_CLOEXEC) < 0)
        return sw_fail_os(err, errno, "pipe");
    int r = sw_process_start(&spec, words[1], words[1], ret, err);
    if (words[1] >= 0)
        (void)close(words[1]);
    m->words = words[0];
    return r;
}

/* The runtime connects and sends the terminal's other side, the way of SCM_RIGHTS with the name as bytes. */
static void take_console(struct monitor *m)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char name[256];
    struct iovec io = {name, sizeof name};
    struct msghdr h = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    int master = -1;
    sw_autoclose int connection = accept4(m->console, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0 || recvmsg(connection, &h, MSG_CMSG_CLOEXEC) <= 0)
        return;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(&master, CMSG_DATA(c), sizeof master);
    if (master < 0)
        return;
    say('T', 0, "", master);
    (void)close(master);
    (void)close(m->console);
    m->console = -1;
}

static void take_words(struct monitor *m)
{
    char piece[1024];
    ssize_t n = read(m->words, piece, sizeof piece);
    if (n > 0) {
        (void)sw_buf_add(&m->text, piece, (size_t)n);
        return;
    }
    (void)close(m->words);
    m->words = -1;
}

/* Until it has ended; -1: it did not in time. */
static int wait_for_runtime(struct monitor *m, pid_t pid)
{
    int64_t until_ms = sw_mono_ms() + START_TIMEOUT_MS;
    sw_autoclose int ended = (int)syscall(SYS_pidfd_open, pid, 0);
    for (;;) {
        struct pollfd p[] = {{.fd = ended, .events = POLLIN},
                             {.fd = m->console, .events = POLLIN},
                             {.fd = m->words, .events = POLLIN}};
        int64_t left_ms = until_ms - sw_mono_ms();
        if (left_ms <= 0 || (poll(p, 3, (int)left_ms) < 0 && errno != EINTR))
            return -1;
        if (p[1].revents & POLLIN)
            take_console(m);
        if (p[2].revents)
            take_words(m);
        int status = 0;
        if (p[0].revents && waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    }
}

static bool read_pid(struct monitor *m)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(64);
    int64_t pid = 0;
    if (sw_read_file(PID_FILE, &b, &ignored) < 0 ||
        !sw_parse_i64(sw_str_slice(sw_buf_str(&b), 0, strcspn(sw_buf_str(&b).p, "\n")), &pid) ||
        pid <= 1 || pid > INT32_MAX)
        return false;
    m->pid = (pid_t)pid;
    return true;
}

/* What shells say of a command that is not there, or is none. */
static int code_of(const char *text)
{
    return strstr(text, "not found") || strstr(text, "no such file") || strstr(text, "No such file")
               ? EXIT_NOT_FOUND
               : EXIT_CANNOT_RUN;
}

/* ---- the end ---- */

/* Of /proc/PID/stat, after the name in parentheses, which may hold anything: state, parent, process group, session. */
struct process {
    bool lives;
    pid_t group, session;
};

static bool look_at(const char *proc_name, struct process *ret)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    sw_autofree char *path = sw_asprintf("/proc/%s/stat", proc_name);
    struct sw_str field[5];
    int64_t group = 0, session = 0;
    if (sw_read_file(path, &b, &ignored) < 0)
        return false;
    const char *end = b.n ? memrchr(b.p, ')', b.n) : NULL;
    struct sw_str rest = end ? sw_str(end + 1) : sw_str("");
    for (size_t i = 0; i < SW_ARRAY_LEN(field); i++)
        if (!sw_str_split(&rest, ' ', &field[i]))
            return false;
    *ret = (struct process){.lives = !sw_str_eq_z(field[1], "Z") && !sw_str_eq_z(field[1], "X")};
    if (!sw_parse_i64(field[3], &group) || !sw_parse_i64(field[4], &session))
        return false;
    ret->group = (pid_t)group;
    ret->session = (pid_t)session;
    return true;
}

/* Everything of the command's session, which it leads; whether anything of it lives. A group is signalled as a whole: whoever
 * forks meanwhile has the signal, too, while one after the other they could get away. */
static bool signal_session(pid_t leader, int signo)
{
    bool any = false;
    struct process p;
    (void)kill(-leader, signo);
    DIR *d = opendir("/proc");
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9' || !look_at(e->d_name, &p) || !p.lives ||
            p.session != leader)
            continue;
        any = true;
        if (p.group > 1 && p.group != leader)
            (void)kill(-p.group, signo);
    }
    if (d)
        closedir(d);
    return any;
}

static void kill_session(pid_t leader)
{
    int64_t until_ms = sw_mono_ms() + HANGUP_MS;
    while (signal_session(leader, SIGKILL) && sw_mono_ms() < until_ms)
        sw_sleep_ms(1);
}

static bool wait_ended(pid_t pid, int64_t timeout_ms, int *ret_code)
{
    int64_t until_ms = sw_mono_ms() + timeout_ms;
    for (;;) {
        int status = 0;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (got == pid || (got < 0 && errno == ECHILD))
            return true;
        if (sw_mono_ms() >= until_ms)
            return false;
        sw_sleep_ms(5);
    }
}

static void end_command(struct monitor *m)
{
    int code = 0;
    bool leads = getsid(m->pid) == m->pid;
    if (!leads)
        (void)kill(m->pid, SIGHUP);
    else
        (void)signal_session(m->pid, SIGHUP);
    (void)wait_ended(m->pid, HANGUP_MS, &code);
    if (leads)
        kill_session(m->pid);
    else
        (void)kill(m->pid, SIGKILL);
    (void)wait_ended(m->pid, HANGUP_MS, &code);
}

/* The command runs and is our child. */
static int watch(struct monitor *m)
{
    int code = 255;
    sw_autoclose int ended = (int)syscall(SYS_pidfd_open, m->pid, 0);
    for (;;) {
        struct pollfd p[] = {{.fd = ended, .events = POLLIN},
                             {.fd = EXEC_MONITOR_FD, .events = POLLIN}};
        (void)poll(p, 2, ended < 0 ? 100 : -1);
        if (wait_ended(m->pid, 0, &code)) {
            say('X', code, "", -1);
            return 0;
        }
        if (p[1].revents) { /* the agent never says anything: it is gone, or wants the end */
            end_command(m);
            return 0;
        }
    }
}

int exec_monitor_main(int argc, char **argv)
{
    struct sw_err err = SW_ERR_INIT;
    struct monitor m = {.console = -1, .words = -1, .text = SW_BUF_INIT(4096)};
    SW_CLEANUP(sw_buf_done) struct sw_buf log = SW_BUF_INIT(64 * 1024);
    pid_t runtime = 0;
    if (argc < 6)
        return 2;
    m.runtime = argv[1];
    m.root = argv[2];
    m.id = argv[3];
    m.tty = sw_streq(argv[4], "tty");
    m.argv = argv + 5;
    (void)setpgid(0, 0);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)fcntl(EXEC_MONITOR_FD, F_SETFD, FD_CLOEXEC);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || (m.tty && listen_console(&m) < 0))
        return fail(strerror(errno), EXIT_CANNOT_RUN);
    if (start_runtime(&m, &runtime, &err) < 0)
        return fail(err.msg, EXIT_CANNOT_RUN);
    int code = wait_for_runtime(&m, runtime);
    while (m.words >= 0 && code > 0)
        take_words(&m);
    if (code < 0)
        (void)kill(runtime, SIGKILL);
    if (!read_pid(&m) || code != 0) {
        const char *text = m.text.n ? sw_buf_str(&m.text).p : "";
        code = fail(text, code_of(sw_read_file(LOG_FILE, &log, &err) == 0 && log.n ? log.p : text));
        if (m.pid > 0)
            end_command(&m);
        return code;
    }
    /* Only the command holds them now: their ends are its ends. */
    for (int fd = 0; fd < 3 && !m.tty; fd++)
        (void)close(fd);
    if (agent_gone()) {
        end_command(&m);
        return 0;
    }
    say('S', 0, "", -1);
    return watch(&m);
}
