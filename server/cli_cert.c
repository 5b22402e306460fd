/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_cert.c - slipway cert: a certificate for TLS where there is no authority to ask, and where clients want to see it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "server/certificate.h"
#include "server/cli.h"
#include "server/config.h"

struct options {
    char *host, *out, *data;
    int64_t port;
    bool force;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    {"host", CONF_STRING, OFF(host), NULL, 0, 0, NULL, "name or address that clients use; may be repeated; this machine's name"},
    {"out", CONF_STRING, OFF(out), NULL, 0, 0, NULL, "folder of the files; DATA/tls"},
    {"data", CONF_STRING, OFF(data), NULL, 0, 0, NULL, "data folder of the server"},
    {"port", CONF_INT, OFF(port), "5000", 1, 65535, NULL, "port of the server, for what is printed"},
    {"force", CONF_BOOL, OFF(force), "false", 0, 0, NULL, "replace a key that slipway cert did not make"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

struct hosts {
    const char *at[CERTIFICATE_HOSTS_MAX];
    size_t n;
};

/* Takes every --host out of argv, which the table of flags knows once only. False: too many, or one without a value. */
static bool take_hosts(int *argc, char **argv, struct hosts *ret)
{
    int kept = 1, i;

    for (i = 1; i < *argc && !sw_streq(argv[i], "--"); i++) {
        const char *value = NULL;
        if (sw_streq(argv[i], "--host"))
            value = i + 1 < *argc ? argv[++i] : "";
        else if (sw_str_starts_with(sw_str(argv[i]), "--host="))
            value = argv[i] + strlen("--host=");
        if (!value)
            argv[kept++] = argv[i];
        else if (!*value || ret->n == CERTIFICATE_HOSTS_MAX)
            return false;
        else
            ret->at[ret->n++] = value;
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    *argc = kept;
    return true;
}

static int make_folder(const struct options *o, char **ret, struct sw_err *err)
{
    if (o->out) {
        *ret = sw_strdup(o->out);
        return sw_mkdirs(*ret, 0755, err);
    }
    const char *env = getenv("SLIPWAY_DATA");
    sw_autofree char *data = o->data       ? sw_strdup(o->data)
                             : env && *env ? sw_strdup(env)
                                           : server_default_data_dir();
    *ret = sw_asprintf("%s/tls", data);
    int r = sw_mkdirs(data, 0700, err);
    return r < 0 ? r : sw_mkdirs(*ret, 0755, err);
}

/* What goes into a configuration must not depend on where it is read. */
static char *absolute(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : sw_strdup(path);
}

static void print_line(const char *what, const char *dir, const char *file, int64_t until_s,
                       const char *more)
{
    char when[SW_TIME_LEN];
    sw_format_iso8601_s(until_s * 1000000, when);
    printf("%-12s %s/%s until %.10s%s%s\n", what, dir, file, when, *more ? ", " : "", more);
}

static void print_result(const struct certificate_request *q, const struct certificate_result *r,
                         int64_t port)
{
    bool v6 = strchr(q->hosts[0], ':') != NULL;
    sw_autofree char *where =
        sw_asprintf("%s%s%s:%lld", v6 ? "[" : "", q->hosts[0], v6 ? "]" : "", (long long)port);

    print_line("authority", q->dir, "ca.crt", r->authority_not_after_s,
               r->new_authority ? "new; ca.key signs for it: keep it safe" : "kept");
    sw_autofree char *serial = sw_asprintf("serial %s", r->serial);
    print_line("certificate", q->dir, "tls.crt", r->not_after_s, serial);
    printf("\nThe server, in slipway.conf (one that runs with these takes up new ones by itself):\n"
           "  tls_cert = %s/tls.crt\n"
           "  tls_key = %s/tls.key\n",
           q->dir, q->dir);
    printf("\nIts clients trust the authority:\n"
           "  docker, podman, skopeo  mkdir -p /etc/docker/certs.d/%s\n"
           "                          cp %s/ca.crt /etc/docker/certs.d/%s/ca.crt\n"
           "  aws, slipway            export AWS_CA_BUNDLE=%s/ca.crt\n"
           "  curl                    curl --cacert %s/ca.crt https://%s/v2/\n",
           where, q->dir, where, q->dir, q->dir, where);
}

static int issue(const struct options *o, struct hosts *hosts, struct sw_err *err)
{
    char own_name[256] = "";
    sw_autofree char *folder = NULL;
    struct certificate_result result = {0};

    if (hosts->n == 0) {
        bool named = gethostname(own_name, sizeof(own_name) - 1) == 0;
        hosts->at[hosts->n++] = named && certificate_host_valid(own_name) ? own_name : "localhost";
    }
    int r = make_folder(o, &folder, err);
    if (r < 0)
        return r;
    sw_autofree char *dir = absolute(folder);
    struct certificate_request q = {.dir = dir,
                                    .hosts = hosts->at,
                                    .hosts_n = hosts->n,
                                    .force = o->force,
                                    .now_s = sw_now_s()};
    r = certificate_issue(&q, &result, err);
    if (r == 0)
        print_result(&q, &result, o->port);
    return r;
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct hosts hosts = {.n = 0};
    struct sw_err err = SW_ERR_INIT;

    if (!take_hosts(&argc, argv, &hosts)) {
        fprintf(stderr, "slipway cert: --host takes a name or an address, at most %d of them\n",
                CERTIFICATE_HOSTS_MAX);
        return CLI_USAGE;
    }
    int status = cli_parse(&cli_cert, &argc, argv, &o, 0, 0);
    if (status == 0 && issue(&o, &hosts, &err) < 0)
        status = cli_fail(&err);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_cert = {
    .name = "cert",
    .arguments = "[--host NAME]... [--out DIR] [--port PORT] [--force]",
    .summary = "Make or renew a certificate for TLS, signed by an authority of your own",
    .example = "slipway cert --host registry.example.com --host 192.0.2.7",
    .flags = &flags,
    .run = run,
};
