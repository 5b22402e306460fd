/* SPDX-License-Identifier: Apache-2.0 */
#include "server/policies.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void policies_init(struct policies *p, const struct server_config *c, const char *data_dir,
                   struct identity *d, const char *account)
{
    sw_autofree char *beside = NULL;
    *p = (struct policies){.directory = d, .account = account, .required = c->policies != NULL};
    if (c->config) {
        const char *slash = strrchr(c->config, '/');
        int n = slash ? (int)(slash - c->config) + 1 : 0;
        beside = sw_asprintf("%.*spolicies", n, c->config);
    }
    if (c->policies)
        p->folder = sw_strdup(c->policies);
    else if (beside && is_folder(beside))
        p->folder = SW_TAKE(beside);
    else
        p->folder = sw_asprintf("%s/policies", data_dir);
}

void policies_done(struct policies *p)
{
    free(p->folder);
    p->folder = NULL;
}

static void log_problem(void *ctx SW_UNUSED, const struct policy_problem *p)
{
    sw_log(SW_LOG_ERROR, "policy-file-refused", "file", p->file, "#line", (int64_t)p->where.line,
           "#column", (int64_t)p->where.column, "message", p->message, NULL);
}

int policies_load(const struct policies *p, policy_problem_fn *fn, void *ctx, struct sw_err *err)
{
    if (!p->required && !is_folder(p->folder))
        return directory_overlay_set(p->directory, directory_overlay_new(), err);
    int r = policy_files_load(p->directory, p->folder, p->account, fn ? fn : log_problem, ctx, err);
    if (r == 0)
        sw_log(SW_LOG_INFO, "policy-files-loaded", "folder", p->folder, NULL);
    return r;
}
