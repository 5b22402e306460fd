/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/task_credentials.c - GetTaskCredentials: launcher/model/agent_protocol.h. An agent may have keys of its own for the S3
 * store, which know nothing of roles; so whether the execution role may read the task's environmentFiles is asked here. */
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/agent_handlers.h"
#include "launcher/model/taskdef.h"

static void ask_for_file(struct aws_call *as, const char *value, json_t *denied)
{
    struct sw_str bucket, key;
    struct sw_err own = SW_ERR_INIT;
    if (!s3_object_parse(value, &bucket, &key))
        return;
    sw_autofree char *arn =
        sw_asprintf("arn:aws:s3:::" SW_STR_FMT "/" SW_STR_FMT, SW_STR_ARG(bucket), SW_STR_ARG(key));
    if (aws_may_action(as, "s3:GetObject", arn, &own) < 0)
        json_array_append_new(denied, json_pack("{s:s, s:s}", "file", arn, "message", own.msg));
}

static int add_denied_files(struct aws_call *call, const struct launcher_caller *c, json_t *out,
                            struct sw_err *err)
{
    sw_autojson json_t *files = json_array();
    json_t *denied = json_array();
    struct aws_call as = *call;
    const json_t *v;
    size_t i;
    sw_json_set_new(out, "deniedFiles", denied);
    int r = launcher_task_files(ecs_launcher(call), c, call->input, &as.principal, files, err);
    json_array_foreach(files, i, v) {
        if (r == 0)
            ask_for_file(&as, json_string_value(v), denied);
    }
    if (json_array_size(denied) == 0)
        json_object_del(out, "deniedFiles");
    return r;
}

int get_task_credentials(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                         struct sw_err *err)
{
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_instance(call, sw_json_str(call->input, "containerInstance", ""), err);
    if (r < 0 || (r = launcher_task_credentials(ecs_launcher(call), &c, call->input, out, err)) < 0)
        return r;
    if (sw_streq(sw_json_str(call->input, "roleType", "TASK"), "EXECUTION") &&
        (r = add_denied_files(call, &c, out, err)) < 0)
        json_object_clear(out);
    return r;
}
