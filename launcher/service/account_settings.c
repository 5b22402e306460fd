/* SPDX-License-Identifier: Apache-2.0 */
/* Account settings: what a principal set, else what the account's root set for all, else what slipway does.
 * containerInsights is the setting of clusters that are made without one. What is fixed cannot be set otherwise: ARNs are long, tags
 * are asked about when something is made with them, nothing looks for threats. The others are stored and answered and change nothing
 * here: tasks have no network interfaces to run out of (awsvpcTrunking) or IPv6 addresses (dualStackIPv6), machines are nobody's but
 * the operator's (fargateEventWindows, fargateFIPSMode, fargateTaskRetirementWaitPeriod), and no log driver blocks a container (defaultLogDriverMode). */
#include "launcher/service/account_settings.h"

#include <string.h>

#include "auth/directory.h"
#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/service.h"

#define VALUES_MAX 4

static const struct setting {
    const char *name, *built_in;
    bool fixed; /* only the built-in value */
    const char *values[VALUES_MAX];
} settings[] = {
    {"awsvpcTrunking", "disabled", false, {"enabled", "disabled"}},
    {"containerInsights", "disabled", false, {"enabled", "disabled", "enhanced"}},
    {"containerInstanceLongArnFormat", "enabled", true, {"enabled"}},
    {"defaultLogDriverMode", "non-blocking", false, {"blocking", "non-blocking"}},
    {"dualStackIPv6", "disabled", false, {"enabled", "disabled"}},
    {"fargateEventWindows", "disabled", false, {"enabled", "disabled"}},
    {"fargateFIPSMode", "disabled", false, {"enabled", "disabled"}},
    {"fargateTaskRetirementWaitPeriod", "7", false, {"0", "7", "14"}},
    {"guardDutyActivate", "off", true, {"off"}},
    {"serviceLongArnFormat", "enabled", true, {"enabled"}},
    {"tagResourceAuthorization", "on", true, {"on"}},
    {"taskLongArnFormat", "enabled", true, {"enabled"}},
};

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(settings); i++) {
        if (sw_streq(settings[i].name, name))
            return &settings[i];
    }
    return NULL;
}

/* on and off mean enabled and disabled where those are the values, and the other way round. NULL: no value of this setting. */
static const char *value_of(const struct setting *s, const char *text)
{
    static const char *const same[][2] = {{"on", "enabled"}, {"off", "disabled"}};
    for (size_t i = 0; i < VALUES_MAX && s->values[i]; i++) {
        if (sw_streq(s->values[i], text))
            return s->values[i];
        for (size_t k = 0; k < SW_ARRAY_LEN(same); k++) {
            if ((sw_streq(same[k][0], text) && sw_streq(same[k][1], s->values[i])) ||
                (sw_streq(same[k][1], text) && sw_streq(same[k][0], s->values[i])))
                return s->values[i];
        }
    }
    return NULL;
}

static void root_arn(const struct launcher_caller *c, char out[ARN_MAX])
{
    (void)snprintf(out, ARN_MAX, "arn:aws:iam::%s:root", c->account);
}

/* Sessions of a role share what is set for it; federated users have what is set for the root and nothing of their own. */
static const char *own_arn(const struct launcher_caller *c, const char *root)
{
    switch (c->principal->kind) {
    case PRINCIPAL_ROLE: return c->principal->role_arn;
    case PRINCIPAL_FEDERATED: return root;
    default: return c->principal->arn;
    }
}

/* Whose setting it is: the one that is named (of this account), else the caller. */
static int principal_of(const struct launcher_caller *c, const json_t *in, char out[ARN_MAX],
                        struct sw_err *err)
{
    char prefix[64], root[ARN_MAX];
    root_arn(c, root);
    const char *given = sw_json_str(in, "principalArn", own_arn(c, root));
    (void)snprintf(prefix, sizeof prefix, ":iam::%s:", c->account);
    if (!sw_str_copy(sw_str(given), out, ARN_MAX) || strncmp(out, "arn:aws:", 8) != 0 ||
        (sw_json_str(in, "principalArn", NULL) && !strstr(out, prefix)))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "principalArn must be the ARN of a user, a role or the root of this "
                       "account: '%.200s'.",
                       given);
    return 0;
}

static json_t *setting_json(const char *name, const char *value, const char *principal_arn)
{
    json_t *o = json_object();
    sw_json_set_str(o, "name", name);
    sw_json_set_str(o, "value", value);
    sw_json_set_str(o, "principalArn", principal_arn);
    return o;
}

struct set_arg {
    const struct launcher_caller *c;
    const char *principal, *name, *value;
};

static int set(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct set_arg *a = arg;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO account_setting (account_id, region, principal_arn, name, value)"
                     " VALUES ($1, $2, $3, $4, $5)"
                     " ON CONFLICT (account_id, region, principal_arn, name)"
                     " DO UPDATE SET value = excluded.value",
                     "ttttt", a->c->account, a->c->region, a->principal, a->name, a->value);
}

static int forget(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct set_arg *a = arg;
    return meta_exec(tx, err, NULL,
                     "DELETE FROM account_setting WHERE account_id = $1 AND region = $2"
                     " AND principal_arn = $3 AND name = $4",
                     "tttt", a->c->account, a->c->region, a->principal, a->name);
}

static int put(struct launcher *l, const struct launcher_caller *c, const json_t *in,
               const char *principal, json_t *out, struct sw_err *err)
{
    const struct setting *s = find(sw_json_str(in, "name", ""));
    const char *text = sw_json_str(in, "value", ""), *value = s ? value_of(s, text) : NULL;
    if (!s)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Unknown setting '%.100s'.",
                       sw_json_str(in, "name", ""));
    if (!value && s->fixed && !sw_streq(s->built_in, "off")) /* Terraform waits for these words */
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "You can no longer disable %s: %s is always %s here.",
                       strstr(s->name, "LongArn") ? "Long Arn settings" : s->name, s->name,
                       s->built_in);
    if (!value)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       s->fixed ? "The setting %s is always %s here; it cannot be %.100s."
                                : "The setting %s (now %s unless set) cannot be %.100s.",
                       s->name, s->built_in, text);
    struct set_arg a = {.c = c, .principal = principal, .name = s->name, .value = value};
    int r = meta_tx(l->db, META_WRITE, set, &a, err);
    if (r == 0)
        sw_json_set_new(out, "setting", setting_json(s->name, value, principal));
    return r;
}

/* So that there are as many rows as principals, and no more. */
static int check_exists(struct launcher *l, const struct launcher_caller *c, const char *arn,
                        struct sw_err *err)
{
    static const enum iam_kind kinds[] = {IAM_USER, IAM_ROLE};
    char root[ARN_MAX];
    const char *slash = strrchr(arn, '/');
    bool there = false;
    root_arn(c, root);
    if (!l->identity || sw_streq(arn, root))
        return 0;
    directory_lock(l->identity);
    for (size_t i = 0; slash && i < SW_ARRAY_LEN(kinds); i++) {
        const struct iam_entity *e = directory_find(l->identity, kinds[i], c->account, slash + 1);
        there |= e && sw_streq(e->arn, arn);
    }
    directory_unlock(l->identity);
    return there ? 0
                 : sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "There is no user or role '%.300s' to set this for.", arn);
}

int launcher_put_setting(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                         json_t *out, struct sw_err *err)
{
    char principal[ARN_MAX];
    int r = principal_of(c, in, principal, err);
    if (r < 0)
        return r;
    if (c->principal->kind == PRINCIPAL_FEDERATED && !sw_json_str(in, "principalArn", NULL))
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                       "Federated users have the account settings of the root user, and none of "
                       "their own.");
    r = check_exists(l, c, principal, err);
    return r < 0 ? r : put(l, c, in, principal, out, err);
}

int launcher_put_setting_default(struct launcher *l, const struct launcher_caller *c,
                                 const json_t *in, json_t *out, struct sw_err *err)
{
    char root[ARN_MAX];
    root_arn(c, root);
    return put(l, c, in, root, out, err);
}

/* The effective setting of a principal. */
struct list_arg {
    const struct launcher_caller *c;
    const char *principal, *root;
    json_t *own, *defaults; /* {name: value} */
};

static int read_settings(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct list_arg *a = arg;
    meta_autostmt *st = NULL;
    json_object_clear(a->own);
    json_object_clear(a->defaults);
    int r = meta_query(tx, err, &st,
                       "SELECT principal_arn, name, value FROM account_setting"
                       " WHERE account_id = $1 AND region = $2 AND principal_arn IN ($3, $4)"
                       " ORDER BY name",
                       "tttt", a->c->account, a->c->region, a->principal, a->root);
    if (r < 0)
        return r;
    while ((r = meta_step(st, err)) > 0) {
        sw_autofree char *name = meta_dup(st, 1);
        sw_autofree char *value = meta_dup(st, 2);
        if (sw_str_eq_z(meta_str(st, 0), a->principal))
            sw_json_set_str(a->own, name, value);
        if (sw_str_eq_z(meta_str(st, 0), a->root))
            sw_json_set_str(a->defaults, name, value);
    }
    return r;
}

int service_account_setting(struct launcher *l, const struct launcher_caller *c, const char *name,
                            char ret[ACCOUNT_SETTING_VALUE], struct sw_err *err)
{
    char root[ARN_MAX];
    const struct setting *s = find(name);
    sw_autojson json_t *own = json_object(), *defaults = json_object();
    root_arn(c, root);
    struct list_arg a = {
        .c = c, .principal = own_arn(c, root), .root = root, .own = own, .defaults = defaults};
    int r = meta_tx(l->db, META_READ, read_settings, &a, err);
    const char *value = sw_json_str(own, name, sw_json_str(defaults, name, s->built_in));
    if (r == 0)
        (void)snprintf(ret, ACCOUNT_SETTING_VALUE, "%s", value);
    return r;
}

int launcher_delete_setting(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                            json_t *out, struct sw_err *err)
{
    char principal[ARN_MAX], root[ARN_MAX];
    const struct setting *s = find(sw_json_str(in, "name", ""));
    sw_autojson json_t *own = json_object(), *defaults = json_object();
    int r = principal_of(c, in, principal, err);
    if (r < 0)
        return r;
    if (!s)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "Unknown setting '%.100s'.",
                       sw_json_str(in, "name", ""));
    root_arn(c, root);
    struct set_arg a = {.c = c, .principal = principal, .name = s->name};
    struct list_arg left = {
        .c = c, .principal = principal, .root = root, .own = own, .defaults = defaults};
    if ((r = meta_tx(l->db, META_WRITE, forget, &a, err)) < 0 ||
        (r = meta_tx(l->db, META_READ, read_settings, &left, err)) < 0)
        return r;
    sw_json_set_new(out, "setting",
                    setting_json(s->name, sw_json_str(defaults, s->name, s->built_in), principal));
    return 0;
}

int launcher_list_settings(struct launcher *l, const struct launcher_caller *c, const json_t *in,
                           struct launcher_page *page, json_t *out, struct sw_err *err)
{
    char principal[ARN_MAX], root[ARN_MAX];
    bool effective = sw_json_bool(in, "effectiveSettings", false);
    const char *name = sw_json_str(in, "name", NULL), *value = sw_json_str(in, "value", NULL);
    sw_autojson json_t *own = json_object(), *defaults = json_object();
    json_t *list = service_list(out, "settings");
    const char *last = "";
    int r = principal_of(c, in, principal, err);
    if (r < 0)
        return r;
    if (value && !name)
        return sw_fail(err, SW_EINVALID, SERVICE_INVALID, "value is for a name, which is missing.");
    root_arn(c, root);
    struct list_arg a = {
        .c = c, .principal = principal, .root = root, .own = own, .defaults = defaults};
    if ((r = meta_tx(l->db, META_READ, read_settings, &a, err)) < 0)
        return r;
    for (size_t i = 0; i < SW_ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        const char *has = sw_json_str(own, s->name, NULL);
        if (!has && effective)
            has = sw_json_str(defaults, s->name, s->built_in);
        if (!has || (name && !sw_streq(name, s->name)) ||
            (value && !sw_streq(value_of(s, value), has)) || strcmp(s->name, page->after) <= 0)
            continue;
        if ((int)json_array_size(list) == page->limit) {
            service_page_end(page, last, true);
            break;
        }
        json_array_append_new(list, setting_json(s->name, has, principal));
        last = s->name;
    }
    return 0;
}

static int retire(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct set_arg *a = arg;
    return meta_exec(tx, err, NULL,
                     "DELETE FROM account_setting WHERE account_id = $1 AND principal_arn = $2",
                     "tt", a->c->account, a->principal);
}

int launcher_retire_principal(struct launcher *l, const char *arn, struct sw_err *err)
{
    char account[13] = "";
    const char *at = strstr(arn, ":iam::");
    if (at)
        (void)snprintf(account, sizeof account, "%s", at + strlen(":iam::"));
    const struct launcher_caller c = {.account = account};
    struct set_arg a = {.c = &c, .principal = arn};
    return meta_tx(l->db, META_WRITE, retire, &a, err);
}
