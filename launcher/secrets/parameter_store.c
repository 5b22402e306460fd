/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/parameter_store.c - a parameter's row holds its latest version's number, type and tags; each version has a row
 * of its own with the sealed value. All types are sealed: what is secret is not always called SecureString. */
#include "launcher/secrets/parameter_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"

static int bad_name(const char *text, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, "ValidationException",
                   "Invalid parameter name: '%.200s'. It is a name or an ARN, with at most one "
                   "':' and a version or label behind it.",
                   text);
}

int parameter_ref_parse(const struct secrets_caller *c, const char *text, struct parameter_ref *ret,
                        struct sw_err *err)
{
    char prefix[160];
    const char *name = text;
    *ret = (struct parameter_ref){.name = ""};
    if (strncmp(text, "arn:", 4) == 0) {
        int n = snprintf(prefix, sizeof prefix, "arn:aws:ssm:%.64s:%.12s:parameter", c->region,
                         c->account);
        if (strncmp(text, prefix, (size_t)n) != 0 || text[n] != '/')
            return sw_fail(err, SW_ENOTFOUND, "ParameterNotFound", "Parameter %.300s not found.",
                           text);
        /* Of parameter/a/b the name is /a/b, of parameter/a it is a. */
        name = strcspn(text + n + 1, "/:") == strcspn(text + n + 1, ":") ? text + n + 1 : text + n;
    }
    size_t n = strcspn(name, ":");
    if (n == 0 || !sw_str_copy(sw_str_n(name, n), ret->name, sizeof ret->name) ||
        !sw_str_copy(sw_str(name + n), ret->selector, sizeof ret->selector) ||
        sw_streq(ret->selector, ":") || (name[n] && strchr(name + n + 1, ':')))
        return bad_name(text, err);
    return 0;
}

void parameter_own_arn(const struct secrets_caller *c, const char *name, char out[SECRETS_ARN_MAX])
{
    (void)snprintf(out, SECRETS_ARN_MAX, "arn:aws:ssm:%s:%s:parameter%s%s", c->region, c->account,
                   name[0] == '/' ? "" : "/", name);
}

int parameter_arn(const struct secrets_caller *c, const char *name, char out[SECRETS_ARN_MAX],
                  struct sw_err *err)
{
    struct parameter_ref ref;
    int r = parameter_ref_parse(c, name, &ref, err);
    if (r == 0)
        parameter_own_arn(c, ref.name, out);
    return r;
}

void parameter_row_done(struct parameter_row *r)
{
    free(r->name);
    free(r->type);
    free(r->sealed);
    free(r->document);
    *r = (struct parameter_row){.name = NULL};
}

void parameter_row_from(struct meta_stmt *st, struct parameter_row *ret)
{
    struct sw_str sealed = meta_str(st, 3);
    *ret = (struct parameter_row){.name = meta_dup(st, 0),
                                  .type = meta_dup(st, 1),
                                  .version = meta_int(st, 2),
                                  .sealed = sw_malloc(sealed.n + 1),
                                  .sealed_n = sealed.n,
                                  .document = meta_dup(st, 4),
                                  .modified_at = meta_int(st, 5)};
    memcpy(ret->sealed, sealed.p ? sealed.p : "", sealed.n);
}

int parameter_row_find(struct meta_tx *tx, const struct secrets_caller *c, const char *name,
                       int64_t version, struct parameter_row *ret, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT " PARAMETER_COLUMNS PARAMETER_JOIN
                       " WHERE p.account_id = $1 AND p.region = $2 AND p.name = $3"
                       " AND v.version = CASE WHEN $4 = 0 THEN p.version ELSE $4 END",
                       "ttti", c->account, c->region, name, version);
    if (r < 0 || (r = meta_step(st, err)) <= 0)
        return r;
    parameter_row_from(st, ret);
    return 1;
}

int parameter_row_tags(struct meta_tx *tx, const struct secrets_caller *c, const char *name,
                       json_t **ret, struct sw_err *err)
{
    sw_autofree char *text = NULL;
    int r = meta_get(tx, err,
                     "SELECT tags FROM parameter WHERE account_id = $1 AND region = $2"
                     " AND name = $3",
                     "ttt", c->account, c->region, name, "t", &text);
    if (r <= 0)
        return r;
    return (r = secrets_json(text, ret, err)) < 0 ? r : 1;
}

int parameter_value_json(struct secrets *s, const struct secrets_caller *c,
                         const struct parameter_row *row, bool decrypt, json_t **ret,
                         struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX], version[24];
    char *value = NULL;
    sw_autojson json_t *doc = NULL;
    bool secure = sw_streq(row->type, "SecureString");
    int r = secrets_json(row->document, &doc, err);
    if (r < 0)
        return r;
    parameter_own_arn(c, row->name, arn);
    (void)snprintf(version, sizeof version, "%" PRId64, row->version);
    if (secure && !decrypt) {
        value = sw_malloc(SW_BASE64_LEN(row->sealed_n) + 1);
        sw_base64(row->sealed, row->sealed_n, value);
    } else if ((r = secrets_unseal(s, arn, version, sw_str_n(row->sealed, row->sealed_n), &value,
                                   err)) < 0) {
        return r;
    }
    json_t *o = json_object();
    sw_json_set_str(o, "Name", row->name);
    sw_json_set_str(o, "Type", row->type);
    sw_json_set_str(o, "Value", value);
    sw_json_set_int(o, "Version", row->version);
    sw_json_set_time_us(o, "LastModifiedDate", row->modified_at);
    sw_json_set_str(o, "ARN", arn);
    sw_json_set_str(o, "DataType", sw_json_str(doc, "DataType", "text"));
    secret_value_free(value);
    *ret = o;
    return 0;
}

int parameter_meta_json(const struct parameter_row *row, json_t **ret, struct sw_err *err)
{
    int r = secrets_json(row->document, ret, err);
    if (r < 0)
        return r;
    sw_json_set_str(*ret, "Name", row->name);
    sw_json_set_str(*ret, "Type", row->type);
    sw_json_set_int(*ret, "Version", row->version);
    sw_json_set_time_us(*ret, "LastModifiedDate", row->modified_at);
    return 0;
}
