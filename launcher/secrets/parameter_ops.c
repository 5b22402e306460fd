/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/secrets/parameter_ops.c - operations on parameters by their names. Each is one transaction. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "launcher/secrets/parameter_store.h"

#define VALIDATION   "ValidationException"
#define LEVELS_MAX   15
#define VERSIONS_MAX 100
#define STANDARD_MAX 4096
#define ADVANCED_MAX 8192
#define DEFAULT_KEY  "alias/aws/ssm"
#define TAGS_OVERWRITE                                                                          \
    "Invalid request: tags and overwrite can't be used together. To create a parameter with "   \
    "tags, please remove overwrite flag. To update tags for an existing parameter, please use " \
    "AddTagsToResource or RemoveTagsFromResource."

struct op {
    struct secrets *s;
    const struct secrets_caller *c;
    const json_t *in;
    json_t *out;
    struct secrets_page *page;
};

static int not_found(const char *name, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "ParameterNotFound", "Parameter %.400s not found.", name);
}

/* ---- put ---- */

static int check_name(const char *name, struct sw_err *err)
{
    const char *first = name[0] == '/' ? name + 1 : name;
    size_t n = strlen(name), levels = 0;
    for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/'))
        levels++;
    if (levels > LEVELS_MAX)
        return sw_fail(err, SW_EINVALID, "HierarchyLevelLimitExceededException",
                       "Hierarchy depth of the parameter name is more than %d levels.", LEVELS_MAX);
    if (strncasecmp(first, "aws", 3) == 0)
        return sw_fail(err, SW_EDENIED, "AccessDeniedException",
                       "No access to reserved parameter name: %.300s.", name);
    if (strncasecmp(first, "ssm", 3) == 0 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/") != n ||
        !*first || name[n - 1] == '/' || strstr(name, "//"))
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If "
                       "formed as a path, it can consist of sub-paths divided by slash symbol; "
                       "each sub-path can be formed as a mix of letters, numbers and the following "
                       "3 symbols .-_");
    if (levels > 0 && name[0] != '/')
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "Parameter name must be a fully qualified name.");
    if (n > PARAMETER_NAME_MAX)
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "The parameter name has more than %d characters.", PARAMETER_NAME_MAX);
    return 0;
}

static int check_value(const json_t *in, const char **ret_tier, struct sw_err *err)
{
    const char *value = sw_json_str(in, "Value", ""), *tier = sw_json_str(in, "Tier", "Standard");
    size_t n = strlen(value);
    if (sw_streq(tier, "Intelligent-Tiering"))
        tier = n > STANDARD_MAX ? "Advanced" : "Standard";
    *ret_tier = tier;
    if (n == 0)
        return sw_fail(
            err, SW_EINVALID, VALIDATION,
            "1 validation error detected: Value at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1.");
    if (sw_streq(tier, "Standard") && n > STANDARD_MAX)
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "Standard tier parameters support a maximum parameter value of %d "
                       "characters. To create a larger parameter value, upgrade the parameter to "
                       "use the advanced-parameter tier.",
                       STANDARD_MAX);
    if (n > ADVANCED_MAX)
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "Advanced tier parameters support a maximum parameter value of %d "
                       "characters.",
                       ADVANCED_MAX);
    return 0;
}

static int check_put(const json_t *in, struct sw_err *err)
{
    const char *key = sw_json_str(in, "KeyId", ""), *data = sw_json_str(in, "DataType", "text"),
               *tier;
    int r = check_name(sw_json_str(in, "Name", ""), err);
    if (r < 0 || (r = check_value(in, &tier, err)) < 0)
        return r;
    if (!sw_streq(data, "text"))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "DataType: parameters are text here, not '%.128s'.", data);
    if (*key && !sw_streq(key, DEFAULT_KEY) && !sw_str_ends_with(sw_str(key), ":" DEFAULT_KEY))
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "KeyId: parameters are sealed with the server's own key, as " DEFAULT_KEY
                       ".");
    if (*key && !sw_streq(sw_json_str(in, "Type", "SecureString"), "SecureString"))
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "KeyId is required for SecureString type parameter only.");
    if (sw_json_bool(in, "Overwrite", false) && json_array_size(sw_json_array(in, "Tags")) > 0)
        return sw_fail(err, SW_EINVALID, VALIDATION, TAGS_OVERWRITE);
    return 0;
}

/* What a version says of itself; what is not given stays as it was. */
static json_t *document_of(const struct op *o, const json_t *before, const char *type)
{
    const char *tier = "Standard";
    struct sw_err ignored = SW_ERR_INIT;
    json_t *doc = json_object();
    (void)check_value(o->in, &tier, &ignored);
    sw_json_set_str(doc, "LastModifiedUser", o->c->arn);
    sw_json_set_str(doc, "Description",
                    sw_json_str(o->in, "Description", sw_json_str(before, "Description", NULL)));
    if (sw_streq(type, "SecureString"))
        sw_json_set_str(doc, "KeyId", DEFAULT_KEY);
    sw_json_set_str(doc, "Tier", tier);
    sw_json_set_str(doc, "DataType", "text");
    return doc;
}

static int insert_version(struct meta_tx *tx, const struct op *o, const char *name, int64_t version,
                          const json_t *doc, struct sw_err *err)
{
    char arn[SECRETS_ARN_MAX], number[24];
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(0);
    sw_autofree char *text = sw_json_dump(doc);
    parameter_own_arn(o->c, name, arn);
    (void)snprintf(number, sizeof number, "%" PRId64, version);
    int r = secrets_seal(o->s, arn, number, sw_json_str(o->in, "Value", ""), &sealed, err);
    if (r < 0)
        return r;
    r = meta_exec(tx, err, NULL,
                  "INSERT INTO parameter_version (account_id, region, name, version, sealed,"
                  " document, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  "tttibti", o->c->account, o->c->region, name, version, (const void *)sealed.p,
                  sealed.n, text, o->s->now_us());
    return r < 0 ? r
                 : meta_exec(tx, err, NULL,
                             "DELETE FROM parameter_version WHERE account_id = $1 AND region = $2"
                             " AND name = $3 AND version <= $4",
                             "ttti", o->c->account, o->c->region, name, version - VERSIONS_MAX);
}

static int insert_parameter(struct meta_tx *tx, const struct op *o, const char *name,
                            const char *type, struct sw_err *err)
{
    sw_autojson json_t *tags = json_array();
    if (!type)
        return sw_fail(err, SW_EINVALID, VALIDATION,
                       "A parameter type is required when you create a parameter.");
    int r =
        secrets_tags_merge(tags, sw_json_array(o->in, "Tags"), "TooManyTagsError", VALIDATION, err);
    if (r < 0)
        return r;
    sw_autofree char *text = sw_json_dump(tags);
    return meta_exec(tx, err, NULL,
                     "INSERT INTO parameter (account_id, region, name, version, type, tags)"
                     " VALUES ($1, $2, $3, 1, $4, $5)",
                     "ttttt", o->c->account, o->c->region, name, type, text);
}

static int next_version(struct meta_tx *tx, const struct op *o, const struct parameter_row *had,
                        const char *type, struct sw_err *err)
{
    if (!sw_json_bool(o->in, "Overwrite", false))
        return sw_fail(err, SW_ECONFLICT, "ParameterAlreadyExists",
                       "The parameter already exists. To overwrite this value, set the overwrite "
                       "option in the request to true.");
    if (type && !sw_streq(type, had->type))
        return sw_fail(err, SW_ECONFLICT, "HierarchyTypeMismatchException",
                       "The parameter %.300s has the type %s, which cannot be changed.", had->name,
                       had->type);
    return meta_exec(tx, err, NULL,
                     "UPDATE parameter SET version = $4 WHERE account_id = $1 AND region = $2"
                     " AND name = $3",
                     "ttti", o->c->account, o->c->region, had->name, had->version + 1);
}

static int put_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    const char *name = sw_json_str(o->in, "Name", ""), *type = sw_json_str(o->in, "Type", NULL);
    SW_CLEANUP(parameter_row_done) struct parameter_row had = {.name = NULL};
    sw_autojson json_t *before = NULL;
    json_object_clear(o->out);
    int r = parameter_row_find(tx, o->c, name, 0, &had, err);
    if (r < 0 || (r > 0 && (r = secrets_json(had.document, &before, err)) < 0) ||
        (r = had.name ? next_version(tx, o, &had, type, err)
                      : insert_parameter(tx, o, name, type, err)) < 0)
        return r;
    sw_autojson json_t *doc = document_of(o, before, type ? type : had.type);
    sw_json_set_int(o->out, "Version", had.version + 1);
    sw_json_set_str(o->out, "Tier", sw_json_str(doc, "Tier", ""));
    return insert_version(tx, o, name, had.version + 1, doc, err);
}

int parameter_put(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    int r = check_put(in, err);
    return r < 0 ? r : meta_tx(s->db, META_WRITE, put_tx, &o, err);
}

/* ---- get ---- */

static int get_one(struct meta_tx *tx, const struct op *o, const char *text, json_t **ret,
                   struct sw_err *err)
{
    struct parameter_ref ref;
    SW_CLEANUP(parameter_row_done) struct parameter_row row = {.name = NULL};
    int64_t version = 0;
    int r = parameter_ref_parse(o->c, text, &ref, err);
    if (r < 0 || (r = parameter_row_find(tx, o->c, ref.name, 0, &row, err)) < 0)
        return r;
    if (r == 0)
        return not_found(text, err);
    if (ref.selector[0]) {
        parameter_row_done(&row);
        r = sw_parse_i64(sw_str(ref.selector + 1), &version) && version > 0
                ? parameter_row_find(tx, o->c, ref.name, version, &row, err)
                : 0; /* there are no labels */
        if (r < 0)
            return r;
        if (r == 0)
            return sw_fail(err, SW_ENOTFOUND, "ParameterVersionNotFound",
                           "Systems Manager could not find version %.128s of %.300s. Verify the "
                           "version and try again.",
                           ref.selector + 1, ref.name);
    }
    r = parameter_value_json(o->s, o->c, &row, sw_json_bool(o->in, "WithDecryption", false), ret,
                             err);
    if (r == 0 && ref.selector[0])
        sw_json_set_str(*ret, "Selector", ref.selector);
    return r;
}

static int get_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    json_t *one = NULL;
    json_object_clear(o->out);
    int r = get_one(tx, o, sw_json_str(o->in, "Name", ""), &one, err);
    if (r == 0)
        sw_json_set_new(o->out, "Parameter", one);
    return r;
}

int parameter_get(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_READ, get_tx, &o, err);
}

static int get_many_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    const json_t *names = sw_json_array(o->in, "Names"), *v;
    size_t i;
    json_object_clear(o->out);
    json_t *found = secrets_list_member(o->out, "Parameters"),
           *missing = secrets_list_member(o->out, "InvalidParameters");
    json_array_foreach(names, i, v) {
        json_t *one = NULL;
        struct sw_err own = SW_ERR_INIT;
        int r = get_one(tx, o, json_string_value(v), &one, &own);
        if (r == 0)
            json_array_append_new(found, one);
        else if (r == SW_ENOTFOUND)
            json_array_append(missing, (json_t *)v);
        else
            return sw_err_move(err, &own);
    }
    return 0;
}

int parameter_get_many(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_READ, get_many_tx, &o, err);
}

/* ---- delete ---- */

/* 1: it was there. */
static int delete_one(struct meta_tx *tx, const struct op *o, const char *text, struct sw_err *err)
{
    struct parameter_ref ref;
    int64_t changed = 0;
    int r = parameter_ref_parse(o->c, text, &ref, err);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(err);
        return 0;
    }
    if (r < 0 || (r = meta_exec(tx, err, &changed,
                                "DELETE FROM parameter WHERE account_id = $1 AND region = $2"
                                " AND name = $3",
                                "ttt", o->c->account, o->c->region, ref.name)) < 0)
        return r;
    return changed > 0;
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    const char *name = sw_json_str(o->in, "Name", "");
    int r = delete_one(tx, o, name, err);
    return r == 0 ? not_found(name, err) : r < 0 ? r : 0;
}

int parameter_delete(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_WRITE, delete_tx, &o, err);
}

static int delete_many_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    const json_t *names = sw_json_array(o->in, "Names"), *v;
    size_t i;
    json_object_clear(o->out);
    json_t *deleted = secrets_list_member(o->out, "DeletedParameters"),
           *missing = secrets_list_member(o->out, "InvalidParameters");
    json_array_foreach(names, i, v) {
        int r = delete_one(tx, o, json_string_value(v), err);
        if (r < 0)
            return r;
        json_array_append(r > 0 ? deleted : missing, (json_t *)v);
    }
    return 0;
}

int parameter_delete_many(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                          json_t *out, struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    return meta_tx(s->db, META_WRITE, delete_many_tx, &o, err);
}

/* ---- tags ---- */

static int tags_of(struct meta_tx *tx, const struct op *o, const char *id, json_t **ret,
                   struct sw_err *err)
{
    struct parameter_ref ref;
    struct sw_err own = SW_ERR_INIT;
    int r = parameter_ref_parse(o->c, id, &ref, &own);
    r = r < 0 ? 0 : parameter_row_tags(tx, o->c, ref.name, ret, err);
    return r == 0 ? sw_fail(err, SW_ENOTFOUND, "InvalidResourceId",
                            "The resource ID %.300s isn't valid. Verify that you entered the "
                            "correct ID and try again.",
                            id)
                  : r;
}

static int check_kind(const json_t *in, struct sw_err *err)
{
    const char *kind = sw_json_str(in, "ResourceType", "");
    return sw_streq(kind, "Parameter")
               ? 0
               : sw_fail(err, SW_EINVALID, "InvalidResourceType",
                         "The resource type %.40s isn't valid here: only Parameter has tags.",
                         kind);
}

static int change_tags_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    struct parameter_ref ref;
    sw_autojson json_t *tags = NULL;
    const char *id = sw_json_str(o->in, "ResourceId", "");
    int r = tags_of(tx, o, id, &tags, err);
    if (r < 0 || (r = parameter_ref_parse(o->c, id, &ref, err)) < 0)
        return r;
    secrets_tags_remove(tags, sw_json_array(o->in, "TagKeys"));
    if ((r = secrets_tags_merge(tags, sw_json_array(o->in, "Tags"), "TooManyTagsError", VALIDATION,
                                err)) < 0)
        return r;
    sw_autofree char *text = sw_json_dump(tags);
    return meta_exec(tx, err, NULL,
                     "UPDATE parameter SET tags = $4 WHERE account_id = $1 AND region = $2"
                     " AND name = $3",
                     "tttt", o->c->account, o->c->region, ref.name, text);
}

int parameter_tag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    int r = check_kind(in, err);
    return r < 0 ? r : meta_tx(s->db, META_WRITE, change_tags_tx, &o, err);
}

int parameter_untag(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err)
{
    return parameter_tag(s, c, in, out, err);
}

static int list_tags_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct op *o = arg;
    json_t *tags = NULL;
    int r = tags_of(tx, o, sw_json_str(o->in, "ResourceId", ""), &tags, err);
    if (r < 0)
        return r;
    sw_json_set_new(o->out, "TagList", tags);
    return 0;
}

int parameter_list_tags(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err)
{
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    int r = check_kind(in, err);
    return r < 0 ? r : meta_tx(s->db, META_READ, list_tags_tx, &o, err);
}

int parameter_tags(struct secrets *s, const struct secrets_caller *c, const char *name,
                   json_t **ret_tags, struct sw_err *err)
{
    struct sw_err own = SW_ERR_INIT;
    sw_autojson json_t *out = json_object();
    sw_autojson json_t *in = json_pack("{s:s}", "ResourceId", name);
    struct op o = {.s = s, .c = c, .in = in, .out = out};
    int r = meta_tx(s->db, META_READ, list_tags_tx, &o, &own);
    if (r < 0 && r != SW_ENOTFOUND)
        return sw_err_move(err, &own);
    json_t *tags = sw_json_array(out, "TagList");
    *ret_tags = tags ? json_incref(tags) : json_array();
    return 0;
}
