/* SPDX-License-Identifier: Apache-2.0 */
#include "server/cli_admin.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "server/admin_api.h"

#define POLL_FIRST_MS 10
#define POLL_MOST_MS  1000

static char *data_folder(const struct cli_common *o)
{
    const char *env = getenv("SLIPWAY_DATA");
    return o->data ? sw_strdup(o->data) : env && *env ? sw_strdup(env) : server_default_data_dir();
}

/* No endpoint was named and nobody holds the lock of the data folder. */
static bool server_is_down(const struct cli_common *o, const char *data)
{
    const char *endpoint = getenv("SLIPWAY_ENDPOINT");
    if (o->endpoint || (endpoint && *endpoint))
        return false;
    sw_autofree char *lock = sw_asprintf("%s/lock", data);
    sw_autoclose int fd = -1;
    struct sw_err err = SW_ERR_INIT;
    return sw_path_exists(lock) && sw_lock_file(lock, &fd, &err) == 0;
}

int admin_session_open_folder(const char *data, struct admin_session *ret, struct sw_err *err)
{
    sw_autofree char *folder = sw_strdup(data);
    char name[] = "slipway", flag[] = "--data";
    char *flags[] = {name, flag, folder, NULL};
    int n = 3;
    *ret = (struct admin_session){0};
    int r = server_config_load(&n, flags, &ret->config, err);
    ret->config.ephemeral = false; /* whatever the file says: it is about this folder */
    if (r == 0)
        r = app_open(&ret->config, &ret->app, err);
    if (r < 0)
        admin_session_close(ret);
    return r;
}

int admin_session_open(const struct cli_common *o, struct admin_session *ret, struct sw_err *err)
{
    sw_autofree char *data = data_folder(o);
    struct client_options options = {.endpoint = o->endpoint,
                                     .data_dir = o->data,
                                     .credentials_file = o->credentials,
                                     .region = o->region,
                                     .ca_file = o->ca_file,
                                     .profile = o->profile};
    *ret = (struct admin_session){0};
    if (server_is_down(o, data))
        return admin_session_open_folder(data, ret, err);
    return client_open(&options, &ret->client, err);
}

void admin_session_close(struct admin_session *s)
{
    app_close(s->app);
    client_close(&s->client);
    server_config_free(&s->config);
    *s = (struct admin_session){0};
}

/* --- jobs ------------------------------------------------------------------------------------- */

static int start_remote(struct client *c, const struct maintenance_request *request,
                        char id[MAINTENANCE_ID_LEN + 1], struct sw_err *err)
{
    static const char *const targets[] = {
        [MAINTENANCE_COLLECT] = TARGET_ADMIN ".CollectGarbage",
        [MAINTENANCE_CHECK] = TARGET_ADMIN ".CheckStorage",
        [MAINTENANCE_BACKUP] = TARGET_ADMIN ".BackupData",
    };
    sw_autojson json_t *in = json_object(), *out = NULL;
    if (request->dry_run)
        sw_json_set_bool(in, "DryRun", true);
    if (request->quarantine)
        sw_json_set_bool(in, "Quarantine", true);
    sw_json_set_str(in, "Path", request->path);
    int r = client_call(c, targets[request->kind], in, 0, &out, err);
    if (r == 0 && !sw_str_copy(sw_str(sw_json_str(out, "JobId", "")), id, MAINTENANCE_ID_LEN + 1))
        r = sw_fail(err, SW_EUNAVAILABLE, NULL, "%s: answered no job", c->endpoint);
    return r;
}

static int describe(struct admin_session *s, struct maintenance *m, const char *id, int64_t after,
                    json_t **ret, struct sw_err *err)
{
    if (m) {
        *ret = json_object();
        return maintenance_describe(m, id, after, *ret, err);
    }
    sw_autojson json_t *in = json_pack("{s:s, s:I}", "JobId", id, "After", (json_int_t)after);
    return client_call(&s->client, TARGET_ADMIN ".DescribeMaintenanceJob", in, 0, ret, err);
}

/* Everything that is new; *ret_final when there will be no more. */
static int follow(struct admin_session *s, struct maintenance *m, const char *id, int64_t *after,
                  admin_entry_fn entry, void *ctx, json_t **ret_final, struct sw_err *err)
{
    for (;;) {
        sw_autojson json_t *out = NULL;
        int r = describe(s, m, id, *after, &out, err);
        if (r < 0)
            return r;
        size_t i;
        json_t *e;
        json_array_foreach(sw_json_array(out, "Entries"), i, e)
            entry(ctx, e);
        int64_t next = sw_json_int(out, "NextEntry", *after);
        bool more = next > *after && next < sw_json_int(out, "EntriesKept", 0);
        *after = next;
        if (more)
            continue;
        const char *status = sw_json_str(out, "Status", "");
        if (sw_streq(status, "DONE") || sw_streq(status, "FAILED"))
            *ret_final = json_incref(out);
        return 0;
    }
}

int admin_session_run(struct admin_session *s, const struct maintenance_request *request,
                      admin_entry_fn entry, void *ctx, json_t **ret_counts, struct sw_err *err)
{
    char id[MAINTENANCE_ID_LEN + 1] = "";
    struct maintenance *m = NULL;
    sw_autojson json_t *final = NULL;
    int64_t after = 0, wait_ms = POLL_FIRST_MS;
    int r = s->app ? app_maintenance(s->app, &m, err) : 0;
    if (r == 0)
        r = m ? maintenance_submit(m, request, id, err)
              : start_remote(&s->client, request, id, err);
    while (r == 0 && !final) {
        r = follow(s, m, id, &after, entry, ctx, &final, err);
        if (r == 0 && !final)
            sw_sleep_ms(wait_ms);
        wait_ms = SW_MIN(wait_ms * 2, (int64_t)POLL_MOST_MS);
    }
    if (r < 0)
        return r;
    if (sw_streq(sw_json_str(final, "Status", ""), "FAILED"))
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s", sw_json_str(final, "Message", "failed"));
    json_t *counts = json_deep_copy(sw_json_object(final, "Counts"));
    *ret_counts = counts ? counts : json_object();
    sw_json_set_int(*ret_counts, "Entries", sw_json_int(final, "EntriesTotal", 0));
    sw_json_set_int(*ret_counts, "EntriesKept", sw_json_int(final, "EntriesKept", 0));
    return 0;
}

/* --- output ----------------------------------------------------------------------------------- */

const char *admin_size(int64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;
    for (; n >= 1024 && unit + 1 < SW_ARRAY_LEN(units); unit++)
        n /= 1024;
    (void)snprintf(out, 32, "%.*f %s", unit ? 1 : 0, n, units[unit]);
    return out;
}

void admin_print_entry(const json_t *entry, bool json)
{
    if (json) {
        sw_autofree char *line = sw_json_dump(entry);
        printf("%s\n", line);
        return;
    }
    char size[32] = "";
    if (json_object_get(entry, "Size"))
        (void)admin_size(sw_json_int(entry, "Size", 0), size);
    const char *repository = sw_json_str(entry, "Repository", NULL);
    const char *reason = sw_json_str(entry, "Reason", "");
    printf("%-17s %s%s%s%s%s%s%s%s\n", sw_json_str(entry, "Kind", ""),
           sw_json_str(entry, "Name", ""), repository ? "  " : "", repository ? repository : "",
           *size ? "  " : "", size, *reason ? "  " : "", reason,
           sw_json_bool(entry, "Quarantined", false) ? "; moved to quarantine" : "");
}
