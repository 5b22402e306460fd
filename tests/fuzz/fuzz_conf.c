/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: server registry/core auth storage/meta storage/blob base */
/* Input: a configuration, as a file of `slipway serve`, as its variables, as its flags, as an ecs.config, and as a credentials
 * file. Property: taken or refused with a message; what was taken keeps every bound of the table, and what an error left behind
 * can be freed. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"
#include "server/client.h"
#include "server/config.h"
#include "server/ecs_config.h"
#include "server/transfer_client.h"

#define LINES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc SW_UNUSED, char ***argv SW_UNUSED)
{
    sw_log_set_level(SW_LOG_ERROR);
    return 0;
}

/* The input as something that has a path. */
struct file {
    int fd;
    char path[64];
};

static void file_done(struct file *f)
{
    (void)close(f->fd);
}

static void file_make(struct file *f, const uint8_t *data, size_t size)
{
    struct sw_err err = SW_ERR_INIT;

    f->fd = memfd_create("conf", MFD_CLOEXEC);
    (void)snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
    if (f->fd < 0 || sw_pwrite_all(f->fd, data, size, 0, &err) < 0)
        abort();
}

static void check_result(int r, const struct sw_err *err)
{
    assert(r <= 0);
    assert(r == err->code);
    assert(r == 0 || (err->msg[0] && err->where));
}

static void check_text(const struct conf_key *k, const char *text)
{
    char host[256];
    uint16_t port;

    if (!text)
        return;
    assert(*text && sw_utf8_valid(sw_str(text)));
    if (k->type == CONF_HOST_PORT)
        assert(conf_split_host_port(sw_str(text), host, sizeof(host), &port));
    bool listed = k->type != CONF_ENUM;
    for (size_t i = 0; !listed; i++) {
        assert(k->values[i]);
        listed = sw_streq(k->values[i], text);
    }
}

static void check_bounds(const struct server_config *c)
{
    for (size_t i = 0; i < server_conf_table.n; i++) {
        const struct conf_key *k = &server_conf_table.keys[i];
        const char *slot = (const char *)c + k->off;
        if (k->type == CONF_STRING || k->type == CONF_ENUM || k->type == CONF_HOST_PORT)
            check_text(k, *(char *const *)slot);
        else if (k->type != CONF_BOOL && (k->min || k->max))
            assert(*(const int64_t *)slot >= k->min && *(const int64_t *)slot <= k->max);
    }
}

static void finish(int r, struct server_config *c, const struct sw_err *err)
{
    check_result(r, err);
    check_bounds(c);
    server_config_free(c);
}

static int start(struct server_config *c, struct sw_err *err)
{
    *c = (struct server_config){0};
    sw_err_clear(err);
    return conf_defaults(&server_conf_table, c, err);
}

static void try_server(const struct file *f, char **lines, int n)
{
    struct server_config c;
    struct sw_err err = SW_ERR_INIT;
    char *argv[LINES_MAX + 2] = {NULL};
    int argc = n + 1;

    int r = start(&c, &err);
    if (r == 0)
        r = conf_load_file(&server_conf_table, f->path, &c, &err);
    finish(r, &c, &err);
    r = start(&c, &err);
    if (r == 0)
        r = conf_load_env(&server_conf_table, (const char *const *)lines, NULL, &c, &err);
    finish(r, &c, &err);
    argv[0] = lines[n]; /* NULL: never looked at */
    for (int i = 0; i < n; i++)
        argv[i + 1] = lines[i];
    r = start(&c, &err);
    if (r == 0)
        r = conf_load_flags(&server_conf_table, &argc, argv, &c, &err);
    assert(argc >= 1 && argc <= n + 1);
    finish(r, &c, &err);
}

static void try_ecs(const struct file *f, char **lines)
{
    struct ecs_config c;
    struct sw_err err = SW_ERR_INIT;
    const char *const *env[] = {(const char *const[]){NULL}, (const char *const *)lines};

    for (size_t i = 0; i < SW_ARRAY_LEN(env); i++) {
        sw_err_clear(&err);
        int r = ecs_config_load(i == 0 ? f->path : NULL, env[i], &c, &err);
        check_result(r, &err);
        assert(c.reserved_memory_mib >= 0 && c.stop_timeout_s >= 0 && c.task_cleanup_wait_s >= 0);
        assert(!c.reserved_ports ||
               strspn(c.reserved_ports, "0123456789,") == strlen(c.reserved_ports));
        ecs_config_free(&c);
    }
}

static void try_client(const struct file *f, char **lines)
{
    char id[129] = "", secret[129] = "";
    struct transfer_reference ref;
    struct sw_err err = SW_ERR_INIT;

    check_result(credentials_read(f->path, "default", id, secret, &err), &err);
    assert(memchr(id, 0, sizeof(id)) && memchr(secret, 0, sizeof(secret)));
    for (; *lines; lines++) {
        sw_err_clear(&err);
        int r = transfer_reference_parse(*lines, &ref, &err);
        check_result(r, &err);
        assert(r < 0 || (ref.repository[0] && !ref.tag[0] != !ref.digest[0]));
        assert(!strpbrk(ref.repository, "?#%: ") && !strpbrk(ref.tag, "/?#%: "));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SW_CLEANUP(file_done) struct file f;
    struct sw_str rest = sw_str_n((const char *)data, size), line;
    char *lines[LINES_MAX + 1] = {NULL};
    int n = 0;

    file_make(&f, data, size);
    while (n < LINES_MAX && sw_str_split(&rest, '\n', &line))
        lines[n++] = sw_strndup(line.p, line.n);
    try_server(&f, lines, n);
    try_ecs(&f, lines);
    try_client(&f, lines);
    for (int i = 0; i < n; i++)
        free(lines[i]);
    return 0;
}
