/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/runtime/exec_process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/process.h"
#include "launcher/runtime/exec_wire.h"

#define END_TIMEOUT_MS 10000

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Ends for the child in theirs[], ours in p. */
static int make_pipes(struct exec_process *p, int theirs[3], struct sw_err *err)
{
    int *ours[3] = {&p->in, &p->out, &p->err};
    for (int i = 0; i < 3; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return sw_fail_os(err, errno, "pipe");
        theirs[i] = fds[i == 0 ? 0 : 1];
        *ours[i] = fds[i == 0 ? 1 : 0];
        set_nonblocking(*ours[i]);
    }
    return 0;
}

static int start_monitor(const struct exec_process_options *o, struct exec_process *p,
                         const int theirs[3], int control, struct sw_err *err)
{
    size_t n = 0, at = 0;
    while (o->argv[n])
        n++;
    sw_autofree const char **argv = sw_calloc(n + 8, sizeof *argv);
    const char *head[] = {sw_self_path(), EXEC_MONITOR_COMMAND,    o->runtime, o->runtime_root,
                          o->id,          o->tty ? "tty" : "pipes"};
    for (size_t i = 0; i < SW_ARRAY_LEN(head); i++)
        argv[at++] = head[i];
    for (size_t i = 0; i < n; i++)
        argv[at++] = o->argv[i];
    sw_autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct sw_process_fd fds[] = {{EXEC_MONITOR_FD, control}, {0, theirs[0]}};
    const struct sw_process_spec spec = {
        .argv = argv, .cwd = o->dir, .fds = fds, .fds_n = o->tty ? 1 : 2};
    return sw_process_start(&spec, o->tty ? null : theirs[1], o->tty ? null : theirs[2],
                            &p->monitor, err);
}

int exec_process_start(const struct exec_process_options *o, struct exec_process *ret,
                       struct sw_err *err)
{
    struct exec_process p = {.control = -1, .in = -1, .out = -1, .err = -1, .tty = o->tty};
    int theirs[3] = {-1, -1, -1}, control[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return sw_fail_os(err, errno, "socketpair");
    p.control = control[0];
    set_nonblocking(p.control);
    int r = o->tty ? 0 : make_pipes(&p, theirs, err);
    if (r == 0)
        r = start_monitor(o, &p, theirs, control[1], err);
    (void)close(control[1]);
    for (int i = 0; i < 3; i++)
        close_fd(&theirs[i]);
    if (r < 0) {
        exec_process_end(&p);
        return r;
    }
    *ret = p;
    return 0;
}

/* One packet and the descriptor that came along, or -1. 1, 0 when there is none, <0 at the end. */
static int receive(int socket, struct exec_wire *w, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec io = {w, sizeof *w};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    *ret_fd = -1;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
    return n == sizeof *w ? 1 : -1;
}

enum exec_event exec_process_event(struct exec_process *p, int *ret_exit_code,
                                   char text[EXEC_EVENT_TEXT])
{
    struct exec_wire w;
    int fd = -1;
    int r = p->control < 0 ? -1 : receive(p->control, &w, &fd);
    if (r <= 0) {
        close_fd(&fd);
        if (r < 0)
            close_fd(&p->control);
        return r < 0 ? EXEC_EVENT_LOST : EXEC_EVENT_NONE;
    }
    *ret_exit_code = w.code;
    w.text[sizeof w.text - 1] = 0;
    memcpy(text, w.text, SW_MIN((size_t)EXEC_EVENT_TEXT, sizeof w.text));
    if (w.kind == 'T' && fd >= 0) {
        close_fd(&p->out);
        p->out = fd;
        set_nonblocking(fd);
        return EXEC_EVENT_TERMINAL;
    }
    close_fd(&fd);
    return w.kind == 'S'   ? EXEC_EVENT_STARTED
           : w.kind == 'F' ? EXEC_EVENT_FAILED
                           : EXEC_EVENT_EXITED;
}

void exec_process_resize(struct exec_process *p, int cols, int rows)
{
    const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (p->tty && p->out >= 0)
        (void)ioctl(p->out, TIOCSWINSZ, &size);
}

void exec_process_close_input(struct exec_process *p)
{
    close_fd(&p->in);
}

void exec_process_end(struct exec_process *p)
{
    struct sw_process_result ignored;
    struct sw_err err = SW_ERR_INIT;
    close_fd(&p->in);
    close_fd(&p->out);
    close_fd(&p->err);
    close_fd(&p->control);
    if (p->monitor > 0 && sw_process_wait(p->monitor, END_TIMEOUT_MS, &ignored, &err) == 0)
        sw_process_stop(p->monitor, 0);
    p->monitor = 0;
}
