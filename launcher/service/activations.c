/* SPDX-License-Identifier: Apache-2.0 */
/* 1. The row is there before the user and goes after it, so a key never opens more than the row allows.
 * 2. A use is counted and the machine's row made, in one transaction, before credentials are made: never more instances than the
 *    limit, and none that DescribeInstanceInformation does not show. */
#include "launcher/service/activations.h"

#include <string.h>

#include "auth/directory.h"
#include "auth/identity.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/service/managed.h"
#include "launcher/service/service.h"

#define INVALID        "ValidationException"
#define NO_ACTIVATION  "InvalidActivation"
#define CODE_CHARS     20
#define DEFAULT_US     86400000000LL
#define LONGEST_US     (30 * DEFAULT_US)
#define UUID_LEN       36
#define MANAGED_DIGITS 17

bool launcher_is_managed(const struct principal *p)
{
    return p->kind == PRINCIPAL_NODE && strncmp(p->name, MANAGED_PREFIX, 3) == 0 &&
           strlen(p->name) == 3 + MANAGED_DIGITS;
}

struct activation_arg {
    const struct launcher_caller *c;
    char id[UUID_LEN + 1];
    const char *machine; /* use: the new one's name */
    const char *document;
    int64_t limit, now_us, expires_us;
    /* List. */
    const json_t *filters;
    struct launcher_page *page;
    json_t *found;
    char last[UUID_LEN + 1];
    bool more;
};

static int add_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct activation_arg *a = arg;
    return meta_exec(tx, err, NULL,
                     "INSERT INTO ssm_activation (id, account_id, region, document, use_limit,"
                     " uses, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
                     "ttttiii", a->id, a->c->account, a->c->region, a->document, a->limit,
                     a->now_us, a->expires_us);
}

static int delete_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct activation_arg *a = arg;
    int64_t n = 0;
    int r = meta_exec(tx, err, &n,
                      "DELETE FROM ssm_activation WHERE id = $1 AND account_id = $2"
                      " AND region = $3",
                      "ttt", a->id, a->c->account, a->c->region);
    if (r == 0 && n == 0)
        r = sw_fail(err, SW_ENOTFOUND, NO_ACTIVATION, "The activation is not valid.");
    return r;
}

static void key_id(const char *id, char out[33])
{
    size_t n = 0;
    for (; *id && n < 32; id++) {
        if (*id != '-')
            out[n++] = *id;
    }
    out[n] = 0;
}

/* The role is what the operator calls such instances; that it exists is all that is asked of it. */
int activation_check_role(struct launcher *l, const struct launcher_caller *c, const char *role,
                          struct sw_err *err)
{
    const char *slash = strrchr(role, '/');
    directory_lock(l->identity);
    bool there = directory_find(l->identity, IAM_ROLE, c->account, slash ? slash + 1 : role);
    directory_unlock(l->identity);
    return there ? 0
                 : sw_fail(err, SW_ENOTFOUND, INVALID,
                           "Nonexistent role or missing ssm service principal in trust policy: "
                           "%.64s",
                           role);
}

static int add_user(struct launcher *l, const struct activation_arg *a, char code[CODE_CHARS + 1],
                    struct sw_err *err)
{
    char name[PRINCIPAL_NAME_MAX];
    struct identity_key given = {{0}, {0}}, made;
    struct principal p;
    (void)snprintf(name, sizeof name, ACTIVATION_USER "%s", a->id);
    key_id(a->id, given.access_key_id);
    sw_random_base32(code, CODE_CHARS);
    (void)sw_str_copy(sw_str(code), given.secret_access_key, sizeof given.secret_access_key);
    int r =
        identity_user_add(l->identity, a->c->account, name, PRINCIPAL_USER, &given, &p, &made, err);
    explicit_bzero(&given, sizeof given);
    explicit_bzero(&made, sizeof made);
    return r;
}

int launcher_create_activation(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out, struct sw_err *err)
{
    static const char *const kept[] = {"Description", "DefaultInstanceName", "IamRole", "Tags"};
    char code[CODE_CHARS + 1];
    sw_autojson json_t *document = json_object();
    const json_t *expires = json_object_get(in, "ExpirationDate");
    struct activation_arg a = {
        .c = c, .limit = sw_json_int(in, "RegistrationLimit", 1), .now_us = l->now_us()};
    a.expires_us = json_is_number(expires) ? (int64_t)(json_number_value(expires) * 1e6)
                                           : a.now_us + DEFAULT_US;
    if (a.expires_us <= a.now_us || a.expires_us > a.now_us + LONGEST_US)
        return sw_fail(err, SW_EINVALID, INVALID,
                       "ExpirationDate must lie in the future, and within 30 days.");
    int r = activation_check_role(l, c, sw_json_str(in, "IamRole", ""), err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SW_ARRAY_LEN(kept); i++) {
        json_t *v = json_object_get(in, kept[i]);
        if (v && !json_is_null(v))
            json_object_set(document, kept[i], v);
    }
    sw_autofree char *text = sw_json_dump(document);
    a.document = text;
    sw_uuid(a.id);
    if ((r = meta_tx(l->db, META_WRITE, add_row, &a, err)) < 0)
        return r;
    if ((r = add_user(l, &a, code, err)) < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)meta_tx(l->db, META_WRITE, delete_row, &a, &ignored);
        return r;
    }
    sw_json_set_str(out, "ActivationId", a.id);
    sw_json_set_str(out, "ActivationCode", code);
    explicit_bzero(code, sizeof code);
    return 0;
}

int launcher_delete_activation(struct launcher *l, const struct launcher_caller *c,
                               const json_t *in, json_t *out SW_UNUSED, struct sw_err *err)
{
    char name[PRINCIPAL_NAME_MAX];
    struct activation_arg a = {.c = c};
    struct sw_err ignored = SW_ERR_INIT;
    if (!sw_str_copy(sw_str(sw_json_str(in, "ActivationId", "")), a.id, sizeof a.id))
        return sw_fail(err, SW_EINVALID, "InvalidActivationId",
                       "The activation ID is not valid. Verify that you entered the correct "
                       "ActivationId and try again.");
    int r = meta_tx(l->db, META_WRITE, delete_row, &a, err);
    if (r < 0)
        return r;
    (void)snprintf(name, sizeof name, ACTIVATION_USER "%s", a.id);
    (void)identity_user_delete(l->identity, c->account, name,
                               &ignored); /* useless without its row */
    return 0;
}

/* The end of those that nobody can use any more. */

#define EXPIRED_MAX 100 /* of one call */

static int list_expired(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct activation_arg *a = arg;
    meta_autostmt *st = NULL;
    json_array_clear(a->found);
    int r = meta_query(tx, err, &st,
                       "SELECT id, account_id, region FROM ssm_activation WHERE expires_at < $1"
                       " ORDER BY expires_at LIMIT $2",
                       "ii", a->expires_us, (int64_t)EXPIRED_MAX);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        sw_autofree char *id = meta_dup(st, 0);
        sw_autofree char *account = meta_dup(st, 1);
        sw_autofree char *region = meta_dup(st, 2);
        json_array_append_new(
            a->found, json_pack("{s:s, s:s, s:s}", "id", id, "account", account, "region", region));
    }
    return r;
}

/* The user first: one without its row would be found by nobody. */
static int expire_one(struct launcher *l, const json_t *expired, struct sw_err *err)
{
    char name[PRINCIPAL_NAME_MAX];
    const struct launcher_caller c = {.account = sw_json_str(expired, "account", ""),
                                      .region = sw_json_str(expired, "region", "")};
    struct activation_arg a = {.c = &c};
    int r = 0;
    (void)sw_str_copy(sw_str(sw_json_str(expired, "id", "")), a.id, sizeof a.id);
    (void)snprintf(name, sizeof name, ACTIVATION_USER "%s", a.id);
    if (l->identity)
        r = identity_user_delete(l->identity, c.account, name, err);
    if (r == 0 || r == SW_ENOTFOUND) {
        sw_err_clear(err);
        r = meta_tx(l->db, META_WRITE, delete_row, &a, err);
    }
    if (r == SW_ENOTFOUND) { /* somebody deleted it meanwhile */
        sw_err_clear(err);
        r = 0;
    }
    return r;
}

int activations_expire(struct launcher *l, int64_t before_us, struct sw_err *err)
{
    sw_autojson json_t *expired = json_array();
    struct activation_arg a = {.expires_us = before_us, .found = expired};
    const json_t *v;
    size_t i;
    int r = meta_tx(l->db, META_READ_LONG, list_expired, &a, err);
    json_array_foreach(expired, i, v) {
        if (r == 0)
            r = expire_one(l, v, err);
    }
    return r;
}

/* The list. */

static bool passes(const json_t *activation, const json_t *filter)
{
    const char *key = sw_json_str(filter, "FilterKey", "");
    const char *member = sw_streq(key, "ActivationIds") ? "ActivationId" : key;
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(filter, "FilterValues"), i, v) {
        if (sw_streq(json_string_value(v), sw_json_str(activation, member, "")))
            return true;
    }
    return json_array_size(sw_json_array(filter, "FilterValues")) == 0;
}

static bool passes_all(const json_t *activation, const json_t *filters)
{
    const json_t *f;
    size_t i;
    json_array_foreach(filters, i, f) {
        if (!passes(activation, f))
            return false;
    }
    return true;
}

static int add_found(struct activation_arg *a, struct meta_stmt *st, struct sw_err *err)
{
    sw_autojson json_t *o = NULL;
    sw_autofree char *id = meta_dup(st, 0);
    sw_autofree char *text = meta_dup(st, 1);
    int r = service_document(text, &o, err);
    if (r < 0)
        return r;
    sw_json_set_str(o, "ActivationId", id);
    sw_json_set_int(o, "RegistrationLimit", meta_int(st, 2));
    sw_json_set_int(o, "RegistrationsCount", meta_int(st, 3));
    sw_json_set_time_us(o, "CreatedDate", meta_int(st, 4));
    sw_json_set_time_us(o, "ExpirationDate", meta_int(st, 5));
    sw_json_set_bool(o, "Expired", meta_int(st, 5) <= a->now_us);
    if (!passes_all(o, a->filters))
        return 0;
    a->more = (int)json_array_size(a->found) == a->page->limit;
    if (!a->more) {
        json_array_append(a->found, o);
        (void)sw_str_copy(sw_str(id), a->last, sizeof a->last);
    }
    return 0;
}

static int list(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct activation_arg *a = arg;
    meta_autostmt *st = NULL;
    json_array_clear(a->found);
    a->more = false;
    int r = meta_query(tx, err, &st,
                       "SELECT id, document, use_limit, uses, created_at, expires_at"
                       " FROM ssm_activation WHERE account_id = $1 AND region = $2 AND id > $3"
                       " ORDER BY id",
                       "ttt", a->c->account, a->c->region, a->page->after);
    while (r >= 0 && !a->more && (r = meta_step(st, err)) > 0)
        r = add_found(a, st, err);
    return r < 0 ? r : 0;
}

int launcher_describe_activations(struct launcher *l, const struct launcher_caller *c,
                                  const json_t *in, struct launcher_page *page, json_t *out,
                                  struct sw_err *err)
{
    struct activation_arg a = {.c = c,
                               .filters = sw_json_array(in, "Filters"),
                               .page = page,
                               .found = service_list(out, "ActivationList"),
                               .now_us = l->now_us()};
    int r = meta_tx(l->db, META_READ_LONG, list, &a, err);
    if (r == 0)
        service_page_end(page, a.last, a.more);
    return r;
}

/* Use. */

static int use(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct activation_arg *a = arg;
    int64_t n = 0;
    int r = meta_exec(tx, err, &n,
                      "UPDATE ssm_activation SET uses = uses + 1 WHERE id = $1 AND account_id = $2"
                      " AND region = $3 AND uses < use_limit AND expires_at > $4",
                      "ttti", a->id, a->c->account, a->c->region, a->now_us);
    if (r == 0 && n == 0)
        r = sw_fail(err, SW_EDENIED, NO_ACTIVATION,
                    "The activation is not valid: it was deleted, has expired, is of another "
                    "region, or as many instances as it allows have used it.");
    return r < 0 ? r : managed_add(tx, a->c, a->machine, a->id, a->now_us, err);
}

int launcher_register_managed(struct launcher *l, const struct launcher_caller *c,
                              const json_t *in SW_UNUSED, json_t *out, struct sw_err *err)
{
    char name[PRINCIPAL_NAME_MAX] = MANAGED_PREFIX;
    struct activation_arg a = {.c = c, .now_us = l->now_us(), .machine = name};
    const char *user = c->principal->name;
    if (c->principal->kind != PRINCIPAL_USER ||
        strncmp(user, ACTIVATION_USER, sizeof ACTIVATION_USER - 1) != 0 ||
        !sw_str_copy(sw_str(user + sizeof ACTIVATION_USER - 1), a.id, sizeof a.id))
        return sw_fail(err, SW_EDENIED, NO_ACTIVATION, "The caller is not an activation.");
    sw_random_hex(name + 3, MANAGED_DIGITS);
    int r = meta_tx(l->db, META_WRITE, use, &a, err);
    if (r < 0)
        return r;
    struct principal p;
    struct identity_key key;
    r = identity_user_add(l->identity, c->account, name, PRINCIPAL_NODE, NULL, &p, &key, err);
    if (r < 0)
        return r;
    sw_json_set_str(out, "managedInstanceId", name);
    sw_json_set_str(out, "accessKeyId", key.access_key_id);
    sw_json_set_str(out, "secretAccessKey", key.secret_access_key);
    explicit_bzero(&key, sizeof key);
    return 0;
}
