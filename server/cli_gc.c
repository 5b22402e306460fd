/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_gc.c - slipway gc: the collection that also runs by itself, now and with its reasons. */
#include <stdio.h>

#include "base/json.h"
#include "server/cli_admin.h"

struct options {
    struct cli_common common;
    bool dry_run, json, quiet;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"dry_run", CONF_BOOL, OFF(dry_run), "false", 0, 0, NULL, "only say what would go, and why"},
    {"json", CONF_BOOL, OFF(json), "false", 0, 0, NULL, "one JSON object a line"},
    {"quiet", CONF_BOOL, OFF(quiet), "false", 0, 0, NULL, "only the sum"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static void print(void *ctx, const json_t *entry)
{
    const struct options *o = ctx;
    if (!o->quiet)
        admin_print_entry(entry, o->json);
}

static void print_sum(const struct options *o, const json_t *counts)
{
    char size[32];
    int64_t left = sw_json_int(counts, "Entries", 0) - sw_json_int(counts, "EntriesKept", 0);
    if (o->json) {
        char *text = sw_json_dump(counts);
        printf("{\"Sum\":%s}\n", text);
        free(text);
        return;
    }
    if (left > 0)
        printf("... and %lld more\n", (long long)left);
    printf("%s %s: %lld blobs, %lld files without a row, %lld links, %lld uploads\n",
           o->dry_run ? "would free" : "freed", admin_size(sw_json_int(counts, "Bytes", 0), size),
           (long long)sw_json_int(counts, "Blobs", 0), (long long)sw_json_int(counts, "Files", 0),
           (long long)sw_json_int(counts, "Links", 0),
           (long long)sw_json_int(counts, "Uploads", 0));
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct admin_session s = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *counts = NULL;
    int status = cli_parse(&cli_gc, &argc, argv, &o, 0, 0);
    if (status == 0) {
        struct maintenance_request request = {.kind = MAINTENANCE_COLLECT, .dry_run = o.dry_run};
        int r = admin_session_open(&o.common, &s, &err);
        if (r == 0)
            r = admin_session_run(&s, &request, print, &o, &counts, &err);
        if (r == 0)
            print_sum(&o, counts);
        else
            status = cli_fail(&err);
    }
    admin_session_close(&s);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_gc = {
    .name = "gc",
    .arguments = "[--dry-run] [--json] [--quiet]",
    .summary = "Remove blobs that nothing needs, now; it also happens by itself",
    .example = "slipway gc --dry-run",
    .flags = &flags,
    .run = run,
};
