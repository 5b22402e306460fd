/* SPDX-License-Identifier: Apache-2.0 */
/* bench/launch.c - how long a program takes until it is of use.
 *
 *   launch ready N PORT AUTHORIZATION CMD ARGS...   N starts of a server, each until GET /v2/ answers 200; then SIGTERM
 *   launch first N CMD ARGS...                      N runs of a command, each until its first output and until its end
 *
 * Prints one line of JSON with medians in milliseconds. AUTHORIZATION is the value of that header, or empty. The command's standard
 * error is dropped. A start that does not answer within 20 s, and a run without output or with another status than 0, count as errors. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000
#define LIMIT_MS 20000

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "launch: %s\n", what);
    exit(2);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int number(const char *text)
{
    int n = 0;
    for (; *text >= '0' && *text <= '9' && n < 1000000; text++)
        n = n * 10 + (*text - '0');
    return *text ? -1 : n;
}

/* Standard output goes to out_fd, or nowhere. */
static pid_t start(char **argv, int out_fd)
{
    posix_spawn_file_actions_t fds;
    pid_t pid;

    posix_spawn_file_actions_init(&fds);
    posix_spawn_file_actions_addopen(&fds, 0, "/dev/null", O_RDONLY, 0);
    if (out_fd >= 0)
        posix_spawn_file_actions_adddup2(&fds, out_fd, 1);
    else
        posix_spawn_file_actions_addopen(&fds, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&fds, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &fds, NULL, argv, environ) != 0)
        die("the command cannot be started");
    posix_spawn_file_actions_destroy(&fds);
    return pid;
}

static bool answers(int port, const char *authorization)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 2};
    char buf[8192];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    int n = snprintf(buf, sizeof(buf), "GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s\r\n",
                     port, *authorization ? "Authorization: " : "", authorization,
                     *authorization ? "\r\n" : "");
    ok = ok && n > 0 && (size_t)n < sizeof(buf) && send(fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
    ok = ok && recv(fd, buf, sizeof(buf), 0) > 12 && memcmp(buf, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return ok;
}

/* Milliseconds until the server answered; negative: it did not. */
static double time_ready(int port, const char *authorization, char **argv)
{
    double began = now_ms(), ms = -1;
    pid_t pid = start(argv, -1);

    while (now_ms() - began < LIMIT_MS) {
        if (answers(port, authorization)) {
            ms = now_ms() - began;
            break;
        }
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return -1;
        usleep(100);
    }
    (void)kill(pid, ms < 0 ? SIGKILL : SIGTERM);
    (void)waitpid(pid, NULL, 0);
    return ms;
}

/* Milliseconds until the first output; *ret_end until the end. */
static double time_first(char **argv, double *ret_end)
{
    int p[2], status = 0;
    char buf[4096];
    double began = now_ms(), ms = -1;

    if (pipe2(p, O_CLOEXEC) < 0)
        die("pipe failed");
    pid_t pid = start(argv, p[1]);
    close(p[1]);
    for (ssize_t n; (n = read(p[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR);)
        if (ms < 0 && n > 0)
            ms = now_ms() - began;
    close(p[0]);
    (void)waitpid(pid, &status, 0);
    *ret_end = now_ms() - began;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ms : -1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at(double *v, int n, double f)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return n ? v[(int)((n - 1) * f + 0.5)] : 0;
}

int main(int argc, char **argv)
{
    static double ms[RUNS_MAX], end_ms[RUNS_MAX];
    bool ready = argc > 5 && strcmp(argv[1], "ready") == 0;
    int n = 0, errors = 0;

    if (!ready && (argc < 4 || strcmp(argv[1], "first") != 0))
        die("usage: launch ready N PORT AUTHORIZATION CMD... | launch first N CMD...");
    int runs = number(argv[2]), port = ready ? number(argv[3]) : 0;
    if (runs < 1 || runs > RUNS_MAX || port < 0 || port > 65535)
        die("not a number that can be used");
    for (int i = 0; i < runs; i++) {
        double end = 0;
        double t = ready ? time_ready(port, argv[4], argv + 5) : time_first(argv + 3, &end);
        if (t < 0) {
            errors++;
            continue;
        }
        ms[n] = t;
        end_ms[n++] = end;
    }
    printf("{\"runs\":%d,\"errors\":%d,\"ms\":%.2f,\"p99_ms\":%.2f,\"end_ms\":%.2f}\n", n, errors,
           at(ms, n, 0.5), at(ms, n, 0.99), at(end_ms, n, 0.5));
    return errors ? 1 : 0;
}
