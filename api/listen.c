/* SPDX-License-Identifier: Apache-2.0 */
/* api/listen.c - getaddrinfo, bind, listen. */
#include "api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/macros.h"

void http_format_peer(const struct sockaddr *sa, char out[46])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

    out[0] = 0;
    if (sa->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &v4->sin_addr, out, 46);
    else if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        (void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, 46);
    else if (sa->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, out, 46);
}

static int bind_first(const struct addrinfo *list, int *ret_fd)
{
    int saved = EADDRNOTAVAIL, one = 1;

    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        sw_autoclose int fd =
            socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            saved = errno;
            continue;
        }
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 4096) == 0) {
            *ret_fd = SW_TAKE_FD(fd);
            return 0;
        }
        saved = errno;
    }
    return saved;
}

int http_listen(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port,
                struct sw_err *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    struct sockaddr_storage bound = {0};
    socklen_t bound_n = sizeof(bound);
    char text[8];
    int fd = -1;

    (void)snprintf(text, sizeof(text), "%u", port);
    int r = getaddrinfo(host, text, &hints, &list);
    if (r != 0)
        return sw_fail(err, SW_EINVALID, NULL, "listen address %s: %s", host ? host : "*",
                       gai_strerror(r));
    r = bind_first(list, &fd);
    freeaddrinfo(list);
    if (r != 0)
        return sw_fail_os(err, r, "listen on %s port %u", host ? host : "*", port);
    (void)getsockname(fd, (struct sockaddr *)&bound, &bound_n);
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    *ret_fd = fd;
    return 0;
}
