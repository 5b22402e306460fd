/* SPDX-License-Identifier: Apache-2.0 */
#include "server/policies.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *policies_folder(const struct server_config *c, const char *data_dir)
{
    sw_autofree char *beside = NULL;
    if (c->policies)
        return sw_strdup(c->policies);
    if (c->config) {
        const char *slash = strrchr(c->config, '/');
        int n = slash ? (int)(slash - c->config) + 1 : 0;
        beside = sw_asprintf("%.*spolicies", n, c->config);
        if (is_folder(beside))
            return SW_TAKE(beside);
    }
    sw_autofree char *inside = sw_asprintf("%s/policies", data_dir);
    return is_folder(inside) ? SW_TAKE(inside) : NULL;
}

static void log_problem(void *ctx SW_UNUSED, const struct policy_problem *p)
{
    sw_log(SW_LOG_ERROR, "policy-file-refused", "file", p->file, "#line", (int64_t)p->where.line,
           "#column", (int64_t)p->where.column, "message", p->message, NULL);
}

int policies_load(struct identity *d, const char *folder, const char *account,
                  policy_problem_fn *fn, void *ctx, struct sw_err *err)
{
    if (!folder)
        return directory_overlay_set(d, directory_overlay_new(), err);
    int r = policy_files_load(d, folder, account, fn ? fn : log_problem, ctx, err);
    if (r == 0)
        sw_log(SW_LOG_INFO, "policy-files-loaded", "folder", folder, NULL);
    return r;
}
