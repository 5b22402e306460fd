/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/netns.c - namespaces(7), "the /proc/pid/ns/ directory": a bind mount of the file keeps a namespace alive. */
#include "launcher/runtime/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"

struct job {
    const char *path;
    struct sw_err *err;
    int result;
};

static int loopback_up(struct sw_err *err)
{
    sw_autoclose int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_name = "lo"};
    if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0)
        return sw_fail_os(err, errno, "loopback device");
    r.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
        return sw_fail_os(err, errno, "loopback device");
    return 0;
}

static void *make(void *arg)
{
    struct job *j = arg;
    if (unshare(CLONE_NEWNET) < 0)
        j->result = sw_fail_os(j->err, errno, "new network namespace");
    else if (loopback_up(j->err) < 0)
        j->result = j->err->code;
    else if (mount("/proc/thread-self/ns/net", j->path, "none", MS_BIND, NULL) < 0)
        j->result = sw_fail_os(j->err, errno, "network namespace %s", j->path);
    return NULL;
}

int netns_create(const char *path, struct sw_err *err)
{
    sw_autoclose int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno == EEXIST)
            return sw_fail(err, SW_ECONFLICT, NULL, "network namespace %s exists", path);
        return sw_fail_os(err, errno, "network namespace %s", path);
    }
    struct job j = {.path = path, .err = err};
    pthread_t t;
    int e = pthread_create(&t, NULL, make, &j);
    if (e != 0)
        j.result = sw_fail_os(err, e, "thread for a network namespace");
    else
        pthread_join(t, NULL);
    if (j.result < 0)
        (void)unlink(path);
    return j.result;
}

int netns_remove(const char *path, struct sw_err *err)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return sw_fail_os(err, errno, "network namespace %s", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return sw_fail_os(err, errno, "network namespace %s", path);
    return 0;
}
