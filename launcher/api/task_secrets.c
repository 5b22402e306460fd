/* SPDX-License-Identifier: Apache-2.0 */
/* GetTaskSecrets: launcher/model/agent_protocol.h. The agent may ask for its own tasks; each secret is then asked for in the name of
 * the task's execution role, and without one in the name of the agent, which no policy allows it unless an operator says so. */
#include <stdio.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/api/agent_handlers.h"
#include "launcher/api/secret_facts.h"

#define PREFIX "unable to pull secrets or registry auth: execution resource retrieval failed"

struct asker {
    struct aws_call *call;
    struct principal role;
};

/* An ARN says its region. */
static void region_of(const struct secret_reference *ref, const char *def, char out[64])
{
    struct sw_str rest = sw_str(ref->id), part;
    for (int i = 0; strncmp(ref->id, "arn:", 4) == 0 && i < 4; i++) {
        if (sw_str_split(&rest, ':', &part) && i == 3 && part.n > 0 && sw_str_copy(part, out, 64))
            return;
    }
    (void)sw_str_copy(sw_str(def), out, 64);
}

static int arn_of(struct asker *a, const struct secrets_caller *c,
                  const struct secret_reference *ref, char out[SECRETS_ARN_MAX], json_t **ret_tags,
                  struct sw_err *err)
{
    struct secrets *s = secrets_of(a->call);
    int r = ref->is_parameter ? parameter_arn(c, ref->id, out, err)
                              : secret_arn(s, c, ref->id, out, ret_tags, err);
    if (r == SW_ENOTFOUND) { /* a parameter of somebody else */
        sw_err_clear(err);
        (void)snprintf(out, SECRETS_ARN_MAX, "%s", ref->id);
        r = 0;
    }
    return r >= 0 && ref->is_parameter ? parameter_tags(s, c, ref->id, ret_tags, err) : r;
}

/* As the role: its policies, the facts of this request. */
static int may_read(struct asker *a, const struct secret_reference *ref, const char *arn,
                    const char *region, const json_t *tags, struct sw_err *err)
{
    struct aws_call as = *a->call;
    struct sw_err own = SW_ERR_INIT;
    as.principal = a->role;
    as.context.region = region;
    http_audit_reference(a->call->req, arn);
    int r = secrets_may_action(
        &as, ref->is_parameter ? "ssm:GetParameters" : "secretsmanager:GetSecretValue", arn, tags,
        &own);
    if (r < 0)
        return sw_fail(err, SW_EINVALID, "ClientException", "%s: %s: %s", PREFIX,
                       ref->is_parameter ? "unable to retrieve secrets from ssm"
                                         : "unable to retrieve secret from asm",
                       own.msg);
    return 0;
}

static int resolve(struct asker *a, const struct secret_reference *ref, char **ret,
                   struct sw_err *err)
{
    char region[64], arn[SECRETS_ARN_MAX];
    sw_autojson json_t *tags = NULL;
    struct secrets_caller c = secrets_caller_of(a->call);
    region_of(ref, c.region, region);
    c.region = region;
    int r = arn_of(a, &c, ref, arn, &tags, err);
    if (r < 0 || (r = may_read(a, ref, arn, region, tags, err)) < 0)
        return r;
    r = secret_reference_value(secrets_of(a->call), &c, ref, ret, err);
    return r < 0 ? sw_prefix(err, PREFIX) : r;
}

/* {"username", "password"}. credentialsParameter is a secret's name or ARN. */
static int add_registry_credentials(struct asker *a, const char *parameter, json_t *one,
                                    struct sw_err *err)
{
    struct secret_reference ref = {.is_parameter = false};
    struct sw_err own = SW_ERR_INIT; /* it may quote the value */
    char *value = NULL;
    sw_autojson json_t *doc = NULL;
    int r = 0;
    if (strncmp(parameter, "arn:", 4) == 0)
        r = secret_reference_parse(parameter, &ref, err);
    else
        (void)sw_str_copy(sw_str(parameter), ref.id, sizeof ref.id);
    if (r < 0)
        return sw_prefix(err, PREFIX);
    if ((r = resolve(a, &ref, &value, err)) < 0)
        return r;
    const char *username = NULL, *password = NULL;
    if (sw_json_load(sw_str(value), 4, 100, NULL, &doc, &own) == 0) {
        username = sw_json_str(doc, "username", NULL);
        password = sw_json_str(doc, "password", NULL);
    }
    secret_value_free(value);
    if (!username || !password || !*username || strchr(username, ':'))
        return sw_fail(err, SW_EINVALID, "ClientException",
                       "%s: the secret of repositoryCredentials is no JSON object with username "
                       "and password: %.300s",
                       PREFIX, parameter);
    sw_json_set_new(one, "repositoryCredentials",
                    json_pack("{s:s, s:s}", "username", username, "password", password));
    return 0;
}

static int add_container(struct asker *a, const json_t *container, json_t *list, struct sw_err *err)
{
    const json_t *wanted = sw_json_array(container, "secrets"), *v;
    const json_t *registry = sw_json_object(container, "repositoryCredentials");
    json_t *one = json_object(), *values = json_array();
    size_t i;
    int r = 0;
    json_array_append_new(list, one);
    sw_json_set_str(one, "containerName", sw_json_str(container, "name", ""));
    sw_json_set_new(one, "secrets", values);
    if (registry && (r = add_registry_credentials(
                         a, sw_json_str(registry, "credentialsParameter", ""), one, err)) < 0)
        return r;
    json_array_foreach(wanted, i, v) {
        struct secret_reference ref;
        char *value = NULL;
        if (secret_reference_parse(sw_json_str(v, "valueFrom", ""), &ref, err) < 0)
            return sw_prefix(err, PREFIX);
        if ((r = resolve(a, &ref, &value, err)) < 0)
            return r;
        json_array_append_new(
            values, json_pack("{s:s, s:s}", "name", sw_json_str(v, "name", ""), "value", value));
        secret_value_free(value);
    }
    return 0;
}

int get_task_secrets(struct aws_call *call, const void *in SW_UNUSED, json_t *out,
                     struct sw_err *err)
{
    struct asker a = {.call = call};
    sw_autojson json_t *definition = NULL;
    struct launcher_caller c = ecs_caller(call);
    int r = ecs_may_instance(call, sw_json_str(call->input, "containerInstance", ""), err);
    if (r < 0 || (r = launcher_task_definition(ecs_launcher(call), &c, call->input, &a.role,
                                               &definition, err)) < 0)
        return r;
    const json_t *v;
    size_t i;
    json_t *list = json_array();
    sw_json_set_new(out, "containers", list);
    json_array_foreach(sw_json_array(definition, "containerDefinitions"), i, v) {
        if ((json_array_size(sw_json_array(v, "secrets")) > 0 ||
             sw_json_object(v, "repositoryCredentials")) &&
            (r = add_container(&a, v, list, err)) < 0) {
            json_object_clear(out);
            return r;
        }
    }
    return 0;
}
