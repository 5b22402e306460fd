/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/secret_reference.c - what a container definition's secrets[].valueFrom means, and its value.
 * Messages are those that ECS's own agent gives, so that whoever searches for them finds its documentation. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "launcher/secrets/secrets_internal.h"

#define ASM_PREFIX     "arn:aws:secretsmanager:"
#define SSM_PREFIX     "arn:aws:ssm:"
#define ASM_ARN_COLONS 7  /* in arn:aws:secretsmanager:R:A:secret:NAME and what follows it */
#define SECRET_DEPTH   32 /* of a value that is JSON */
#define SECRET_VALUES  100000

static int malformed(const char *value_from, struct sw_err *err)
{
    return sw_fail(
        err, SW_EINVALID, "ClientException",
        "invalid ARN format for secret '%.300s': it is the name or ARN of a parameter, or "
        "the ARN of a secret with at most :json-key:version-stage:version-id behind it",
        value_from);
}

static int parse_secret(const char *value_from, struct secret_reference *ret, struct sw_err *err)
{
    struct sw_str rest = sw_str(value_from), part;
    const char *end = value_from;
    for (int i = 0; i < ASM_ARN_COLONS; i++) {
        if (!sw_str_split(&rest, ':', &part) || part.n == 0)
            return malformed(value_from, err);
        end = part.p + part.n;
    }
    if (!sw_str_copy(sw_str_n(value_from, (size_t)(end - value_from)), ret->id, sizeof ret->id))
        return malformed(value_from, err);
    if (!rest.p)
        return 0;
    struct sw_str parts[3];
    for (size_t i = 0; i < 3; i++) {
        if (!sw_str_split(&rest, ':', &parts[i]))
            return malformed(value_from, err);
    }
    if (rest.p || !sw_str_copy(parts[0], ret->json_key, sizeof ret->json_key) ||
        !sw_str_copy(parts[1], ret->stage, sizeof ret->stage) ||
        !sw_str_copy(parts[2], ret->version, sizeof ret->version))
        return malformed(value_from, err);
    return 0;
}

int secret_reference_parse(const char *value_from, struct secret_reference *ret, struct sw_err *err)
{
    *ret = (struct secret_reference){.is_parameter = true};
    if (strncmp(value_from, ASM_PREFIX, strlen(ASM_PREFIX)) == 0) {
        ret->is_parameter = false;
        return parse_secret(value_from, ret, err);
    }
    bool arn = strncmp(value_from, "arn:", 4) == 0;
    if (!*value_from || (arn && strncmp(value_from, SSM_PREFIX, strlen(SSM_PREFIX)) != 0) ||
        !sw_str_copy(sw_str(value_from), ret->id, sizeof ret->id))
        return malformed(value_from, err);
    return 0;
}

static int parameter_value(struct secrets *s, const struct secrets_caller *c,
                           const struct secret_reference *ref, char **ret, struct sw_err *err)
{
    struct sw_err own = SW_ERR_INIT;
    sw_autojson json_t *out = json_object();
    sw_autojson json_t *in = json_pack("{s:s, s:b}", "Name", ref->id, "WithDecryption", 1);
    int r = parameter_get(s, c, in, out, &own);
    if (r == SW_ENOTFOUND)
        return sw_fail(err, r, "ClientException",
                       "unable to retrieve secrets from ssm: invalid ssm parameters: %.300s",
                       ref->id);
    if (r < 0)
        return sw_err_move(err, &own);
    *ret = sw_strdup(sw_json_str(sw_json_object(out, "Parameter"), "Value", ""));
    return 0;
}

static int json_member(const struct secret_reference *ref, const char *text, char **ret,
                       struct sw_err *err)
{
    struct sw_err ignored = SW_ERR_INIT; /* it may quote the value */
    sw_autojson json_t *doc = NULL;
    if (sw_json_load(sw_str(text), SECRET_DEPTH, SECRET_VALUES, NULL, &doc, &ignored) < 0 ||
        !json_is_object(doc))
        return sw_fail(err, SW_EINVALID, "ClientException",
                       "retrieved secret from Secrets Manager did not contain a JSON object, so it "
                       "has no json key %.200s: %.300s",
                       ref->json_key, ref->id);
    json_t *v = json_object_get(doc, ref->json_key);
    if (!v)
        return sw_fail(err, SW_ENOTFOUND, "ClientException",
                       "retrieved secret from Secrets Manager did not contain json key %.200s: "
                       "%.300s",
                       ref->json_key, ref->id);
    *ret = json_is_string(v) ? sw_strdup(json_string_value(v))
                             : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    return 0;
}

static int secret_text(struct secrets *s, const struct secrets_caller *c,
                       const struct secret_reference *ref, char **ret, struct sw_err *err)
{
    struct sw_err own = SW_ERR_INIT;
    sw_autojson json_t *out = json_object();
    sw_autojson json_t *in = json_pack("{s:s}", "SecretId", ref->id);
    if (ref->stage[0])
        sw_json_set_str(in, "VersionStage", ref->stage);
    if (ref->version[0])
        sw_json_set_str(in, "VersionId", ref->version);
    int r = secret_get_value(s, c, in, out, &own);
    if (r < 0 && own.reason && r != SW_EIO)
        return sw_fail(err, r, "ClientException",
                       "unable to retrieve secret from asm: failed to fetch secret %.300s from "
                       "secrets manager: %s: %.200s",
                       ref->id, own.reason, own.msg);
    if (r < 0)
        return sw_err_move(err, &own);
    const char *text = sw_json_str(out, "SecretString", NULL);
    if (!text)
        return sw_fail(err, SW_EINVALID, "ClientException",
                       "unable to retrieve secret from asm: the secret %.300s holds bytes, not "
                       "text",
                       ref->id);
    if (ref->json_key[0])
        return json_member(ref, text, ret, err);
    *ret = sw_strdup(text);
    return 0;
}

int secret_reference_value(struct secrets *s, const struct secrets_caller *c,
                           const struct secret_reference *ref, char **ret, struct sw_err *err)
{
    return ref->is_parameter ? parameter_value(s, c, ref, ret, err)
                             : secret_text(s, c, ref, ret, err);
}
