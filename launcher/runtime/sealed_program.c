/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/sealed_program.c - memfd_create(2), fcntl(2) F_ADD_SEALS; which seals runc looks for: is_self_cloned() in its
 * cloned_binary.c.
 *
 * Invariant: the link names our descriptor by its number, which stays the same when the copy is replaced, so a monitor that was told
 * the link may use it at any time while we live. */
#include "launcher/runtime/sealed_program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/process.h"

#define EXECUTABLE       0x10 /* MFD_EXEC: since Linux 6.3, which may want to be told */
#define SEALS            (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define CHECK_TIMEOUT_MS 10000

struct sealed_program {
    char *program, *link;
    pthread_mutex_t lock;
    struct stat of; /* the file that was copied, or found unfit */
    int fd;         /* the copy; -1 */
    bool linked, fit;
};

/* A script would look for what lies beside it. */
static bool is_binary(int fd)
{
    char head[4];
    return pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, "\177ELF", 4) == 0;
}

static bool copy_all(int from, int to, off_t n)
{
    for (off_t at = 0; at < n;)
        if (sendfile(to, from, &at, (size_t)(n - at)) <= 0)
            return false;
    return true;
}

static int make_copy(int from, off_t n)
{
    sw_autoclose int fd = memfd_create("runc", MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("runc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || !copy_all(from, fd, n) || fchmod(fd, 0555) < 0 ||
        fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -1;
    return SW_TAKE_FD(fd);
}

/* The new copy under the number of the old one. */
static bool keep(struct sealed_program *s, int fd)
{
    if (s->fd >= 0)
        return dup3(fd, s->fd, O_CLOEXEC) >= 0;
    s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return s->fd >= 0;
}

static bool make_link(struct sealed_program *s)
{
    sw_autofree char *target = sw_asprintf("/proc/%d/fd/%d", (int)getpid(), s->fd);
    (void)unlink(s->link); /* another process's */
    s->linked = symlink(target, s->link) == 0;
    return s->linked;
}

static bool says_it_is_runc(const char *program)
{
    struct sw_err ignored = SW_ERR_INIT;
    const char *argv[] = {program, "--version", NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(4096);
    struct sw_process_spec spec = {.argv = argv, .timeout_ms = CHECK_TIMEOUT_MS};
    struct sw_process_result res;
    return sw_process_run(&spec, &text, NULL, &res, &ignored) == 0 && res.exit_code == 0 &&
           sw_str_starts_with(sw_buf_str(&text), "runc version");
}

static bool take(struct sealed_program *s)
{
    sw_autoclose int from = open(s->program, O_RDONLY | O_CLOEXEC);
    if (from < 0 || !is_binary(from))
        return false;
    sw_autoclose int fd = make_copy(from, s->of.st_size);
    return fd >= 0 && keep(s, fd) && (s->linked || make_link(s)) && says_it_is_runc(s->link);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* With the lock held. */
static void look(struct sealed_program *s)
{
    struct stat now;
    if (stat(s->program, &now) < 0) {
        s->fit = false;
        return;
    }
    if (same_file(&now, &s->of))
        return;
    s->of = now;
    s->fit = take(s);
}

struct sealed_program *sealed_program_new(const char *program, const char *link)
{
    struct sealed_program *s = SW_NEW(struct sealed_program);
    s->program = sw_strdup(program);
    s->link = sw_strdup(link);
    s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    look(s);
    return s;
}

const char *sealed_program_path(struct sealed_program *s)
{
    pthread_mutex_lock(&s->lock);
    look(s);
    const char *path = s->fit ? s->link : s->program;
    pthread_mutex_unlock(&s->lock);
    return path;
}

void sealed_program_free(struct sealed_program *s)
{
    if (!s)
        return;
    if (s->linked)
        (void)unlink(s->link);
    if (s->fd >= 0)
        (void)close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->program);
    free(s->link);
    free(s);
}
