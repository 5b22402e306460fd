/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_backup.c - slipway backup and slipway restore. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "server/backup.h"
#include "server/cli_admin.h"

struct backup_cli {
    struct cli_common common;
};
struct restore_cli {
    char *data;
    bool partial;
};

/* clang-format off */
static const struct conf_key backup_keys[] = {
    CLI_COMMON_KEYS,
};
static const struct conf_key restore_keys[] = {
    {"data", CONF_STRING, offsetof(struct restore_cli, data), NULL, 0, 0, NULL, "the new data folder: empty, or not there yet"},
    {"partial", CONF_BOOL, offsetof(struct restore_cli, partial), "false", 0, 0, NULL, "go on without blobs that the backup has not whole"},
};
/* clang-format on */
static const struct conf_table backup_flags = {backup_keys, SW_ARRAY_LEN(backup_keys), ""};
static const struct conf_table restore_flags = {restore_keys, SW_ARRAY_LEN(restore_keys), ""};

static int absolute(const char *path, char **ret, struct sw_err *err)
{
    char cwd[PATH_MAX];
    if (path[0] == '/') {
        *ret = sw_strdup(path);
        return 0;
    }
    if (!getcwd(cwd, sizeof(cwd)))
        return sw_fail_os(err, errno, "current folder");
    *ret = sw_asprintf("%s/%s", cwd, path);
    return 0;
}

static void print_problem(void *ctx, const json_t *entry)
{
    (void)ctx;
    admin_print_entry(entry, false);
}

static int print_backup(const char *dir, const json_t *counts)
{
    char all[32], copied[32];
    int64_t problems = sw_json_int(counts, "Problems", 0);
    printf("%s: %lld blobs, %s; copied %lld, %s; removed %lld that are not needed any more\n", dir,
           (long long)sw_json_int(counts, "Blobs", 0),
           admin_size(sw_json_int(counts, "Bytes", 0), all),
           (long long)sw_json_int(counts, "Copied", 0),
           admin_size(sw_json_int(counts, "CopiedBytes", 0), copied),
           (long long)sw_json_int(counts, "Removed", 0));
    fprintf(stderr,
            "slipway: %s holds master.key and credentials: whoever can read it can be this "
            "server's administrator\n",
            dir);
    if (problems > 0)
        fprintf(stderr,
                "slipway: %lld blobs are damaged or missing and NOT in the backup; slipway fsck "
                "says more\n",
                (long long)problems);
    return problems > 0 ? CLI_FAILED : 0;
}

static int run_backup(int argc, char **argv)
{
    struct backup_cli o = {0};
    struct admin_session s = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *counts = NULL;
    sw_autofree char *path = NULL;
    int status = cli_parse(&cli_backup, &argc, argv, &o, 1, 1);
    if (status == 0) {
        int r = absolute(argv[1], &path, &err);
        struct maintenance_request request = {.kind = MAINTENANCE_BACKUP, .path = path};
        if (r == 0)
            r = admin_session_open(&o.common, &s, &err);
        if (r == 0)
            r = admin_session_run(&s, &request, print_problem, NULL, &counts, &err);
        status = r < 0 ? cli_fail(&err) : print_backup(path, counts);
    }
    admin_session_close(&s);
    conf_free(&backup_flags, &o);
    return status;
}

/* --- restore ---------------------------------------------------------------------------------- */

static void print_missing(void *ctx, const char *digest, const char *what)
{
    (void)ctx;
    printf("%-17s %s  %s\n", "blob-left-out", digest, what);
}

static void count_finding(void *ctx, const json_t *entry)
{
    (void)ctx;
    admin_print_entry(entry, false);
}

/* As a server would open it, so that what is wrong shows now and not at its first start. */
static int check_restored(const char *data, int64_t *ret_findings, struct sw_err *err)
{
    struct admin_session s = {0};
    sw_autojson json_t *counts = NULL;
    struct maintenance_request request = {.kind = MAINTENANCE_CHECK};
    int r = admin_session_open_folder(data, &s, err);
    if (r == 0)
        r = admin_session_run(&s, &request, count_finding, NULL, &counts, err);
    *ret_findings = sw_json_int(counts, "Findings", 0);
    admin_session_close(&s);
    return r;
}

static int restore(const struct restore_cli *o, const char *from, const char *to,
                   struct sw_err *err)
{
    struct backup_counts counts;
    int64_t findings = 0;
    char size[32];
    struct restore_options options = {
        .from = from, .to = to, .partial = o->partial, .problem = print_missing};
    int r = restore_run(&options, &counts, err);
    if (r == 0)
        r = check_restored(to, &findings, err);
    if (r < 0)
        return r;
    printf("%s: %llu blobs, %s, all verified; start it with: slipway serve --data %s\n", to,
           (unsigned long long)counts.blobs, admin_size((int64_t)counts.bytes, size), to);
    if (findings > 0)
        return sw_fail(err, SW_EMISMATCH, NULL, "%lld findings in the restored data, see above",
                       (long long)findings);
    return 0;
}

static int run_restore(int argc, char **argv)
{
    struct restore_cli o = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *from = NULL, *to = NULL;
    int status = cli_parse(&cli_restore, &argc, argv, &o, 1, 1);
    if (status == 0 && !o.data) {
        fprintf(stderr, "usage: slipway restore %s\n", cli_restore.arguments);
        status = CLI_USAGE;
    }
    if (status == 0) {
        int r = absolute(argv[1], &from, &err);
        if (r == 0)
            r = absolute(o.data, &to, &err);
        if (r == 0)
            r = restore(&o, from, to, &err);
        if (r < 0)
            status = cli_fail(&err);
    }
    conf_free(&restore_flags, &o);
    return status;
}

const struct cli_command cli_backup = {
    .name = "backup",
    .arguments = "DIR",
    .summary =
        "Back up a server, running or not, into a folder on its machine; again: only what is new",
    .example = "slipway backup /mnt/backup/slipway",
    .flags = &backup_flags,
    .run = run_backup,
};
const struct cli_command cli_restore = {
    .name = "restore",
    .arguments = "DIR --data NEW [--partial]",
    .summary = "Make a new data folder from a backup, verifying all of it",
    .example = "slipway restore /mnt/backup/slipway --data /var/lib/slipway",
    .flags = &restore_flags,
    .run = run_restore,
};
