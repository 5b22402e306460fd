/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_fsck.c - slipway fsck: reads everything that is stored and says what is wrong. Exit status 0: all is well, 1: there are
 * findings, or it could not be done. */
#include <stdio.h>

#include "base/json.h"
#include "server/cli_admin.h"

struct options {
    struct cli_common common;
    bool quarantine, json;
};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"quarantine", CONF_BOOL, OFF(quarantine), "false", 0, 0, NULL, "move damaged blobs to DATA/quarantine"},
    {"json", CONF_BOOL, OFF(json), "false", 0, 0, NULL, "one JSON object a line"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

static void print(void *ctx, const json_t *entry)
{
    admin_print_entry(entry, ((const struct options *)ctx)->json);
}

static void print_sum(const struct options *o, const json_t *counts)
{
    char size[32];
    if (o->json) {
        char *text = sw_json_dump(counts);
        printf("{\"Sum\":%s}\n", text);
        free(text);
        return;
    }
    int64_t findings = sw_json_int(counts, "Findings", 0);
    printf("%s: read %lld blobs, %s, %lld manifests and %lld log segments; ",
           findings ? "damaged" : "clean", (long long)sw_json_int(counts, "Blobs", 0),
           admin_size(sw_json_int(counts, "Bytes", 0), size),
           (long long)sw_json_int(counts, "Manifests", 0),
           (long long)sw_json_int(counts, "LogSegments", 0));
    printf(findings == 1 ? "%lld finding\n" : "%lld findings\n", (long long)findings);
}

static int run(int argc, char **argv)
{
    struct options o = {0};
    struct admin_session s = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autojson json_t *counts = NULL;
    int status = cli_parse(&cli_fsck, &argc, argv, &o, 0, 0);
    if (status == 0) {
        struct maintenance_request request = {.kind = MAINTENANCE_CHECK,
                                              .quarantine = o.quarantine};
        int r = admin_session_open(&o.common, &s, &err);
        if (r == 0)
            r = admin_session_run(&s, &request, print, &o, &counts, &err);
        if (r == 0)
            print_sum(&o, counts);
        status = r < 0 ? cli_fail(&err) : sw_json_int(counts, "Findings", 0) > 0 ? CLI_FAILED : 0;
    }
    admin_session_close(&s);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_fsck = {
    .name = "fsck",
    .arguments = "[--quarantine] [--json]",
    .summary = "Verify every digest and every row; exit status 1 when something is wrong",
    .example = "slipway fsck",
    .flags = &flags,
    .run = run,
};
