/* SPDX-License-Identifier: Apache-2.0 */
/* Robots in the rows and in the directory. Checking passwords is auth/robot_verify.c.
 * Order of changes: a robot's user is made before its row and removed after it, so what a crash leaves in between is a user
 * without a password, which robot_remove() takes away and robot_add() takes over. */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "auth/directory.h"
#include "auth/robot_internal.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"

#define SCOPES_N   100
#define PASSWORD_N 32 /* of 32 letters: 160 bits */

/* ---- scopes ---- */

static const char *const pull_actions[] = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
                                           "ecr:GetDownloadUrlForLayer", "ecr:ListImages",
                                           "ecr:DescribeImages"};
static const char *const push_actions[] = {"ecr:InitiateLayerUpload", "ecr:UploadLayerPart",
                                           "ecr:CompleteLayerUpload", "ecr:PutImage"};
static const char *const delete_actions[] = {"ecr:BatchDeleteImage"};

enum { PULL = 1, PUSH = 2, DELETE = 4 };
static const struct right {
    const char *name;
    unsigned bits;
    unsigned own;
    const char *const *actions;
    size_t n;
} rights[] = {
    {"pull", PULL, PULL, pull_actions, SW_ARRAY_LEN(pull_actions)},
    {"push", PULL | PUSH, PUSH, push_actions, SW_ARRAY_LEN(push_actions)},
    {"delete", DELETE, DELETE, delete_actions, SW_ARRAY_LEN(delete_actions)},
};

static int parse_rights(struct sw_str text, unsigned *ret, struct sw_err *err)
{
    struct sw_str word;

    *ret = 0;
    while (sw_str_split(&text, ',', &word)) {
        size_t i = 0;
        while (i < SW_ARRAY_LEN(rights) && !sw_str_eq_z(word, rights[i].name))
            i++;
        if (i == SW_ARRAY_LEN(rights))
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "'" SW_STR_FMT "' is no right of a scope: pull, push and delete are",
                           (int)SW_MIN(word.n, 40U), word.p);
        *ret |= rights[i].bits;
    }
    return 0;
}

/* A repository name, or the beginning of one and '*'; nothing that JSON or a policy would read as something else. */
static bool valid_pattern(struct sw_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.' || c == '/' || (c == '*' && i == s.n - 1);
        if (!ok)
            return false;
    }
    return s.n > 0 && s.n <= 256;
}

static json_t *statement_of(struct sw_str pattern, unsigned bits, const char *account)
{
    json_t *statement = json_object(), *actions = json_array();
    sw_autofree char *arn =
        sw_asprintf("arn:aws:ecr:*:%s:repository/" SW_STR_FMT, account, SW_STR_ARG(pattern));

    for (size_t i = 0; i < SW_ARRAY_LEN(rights); i++)
        for (size_t k = 0; (bits & rights[i].own) && k < rights[i].n; k++)
            json_array_append_new(actions, json_string(rights[i].actions[k]));
    sw_json_set_str(statement, "Effect", "Allow");
    sw_json_set_new(statement, "Action", actions);
    sw_json_set_str(statement, "Resource", arn);
    return statement;
}

/* Whoever has a password may turn it into a bearer token. */
static json_t *login_statement(void)
{
    json_t *statement = json_object();

    sw_json_set_str(statement, "Effect", "Allow");
    sw_json_set_str(statement, "Action", "ecr:GetAuthorizationToken");
    sw_json_set_str(statement, "Resource", "*");
    return statement;
}

int robot_scopes_policy(const char *scopes, const char *account, struct sw_buf *out,
                        struct sw_err *err)
{
    sw_autojson json_t *doc = json_object();
    json_t *statements = json_array();
    struct sw_str rest = sw_str_trim(sw_str(scopes)), scope, pattern;
    unsigned bits = 0;
    int r;

    sw_json_set_str(doc, "Version", "2012-10-17");
    sw_json_set_new(doc, "Statement", statements);
    json_array_append_new(statements, login_statement());
    while (sw_str_split(&rest, ' ', &scope)) {
        if (scope.n == 0)
            continue;
        (void)sw_str_split(&scope, ':', &pattern);
        if (!valid_pattern(pattern) || !scope.p || json_array_size(statements) > SCOPES_N)
            return sw_fail(err, SW_EINVALID, "ValidationError",
                           "a scope is NAME:RIGHT[,RIGHT...], where NAME is a repository or the "
                           "beginning of one and '*'; a robot has at most %d",
                           SCOPES_N);
        if ((r = parse_rights(scope, &bits, err)) < 0)
            return r;
        json_array_append_new(statements, statement_of(pattern, bits, account));
    }
    if (json_array_size(statements) < 2)
        return sw_fail(err, SW_EINVALID, "ValidationError", "a robot needs a scope");
    sw_autofree char *text = sw_json_dump(doc);
    sw_buf_add_z(out, text);
    return sw_buf_check(out, "ValidationError", err);
}

/* ---- rows ---- */

struct change {
    const char *account, *name, *user_id, *scopes;
    char hash[crypto_pwhash_STRBYTES];
    int64_t now_us, expires_at_us;
};

static int insert_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct change *c = arg;

    return meta_exec(tx, err, NULL,
                     "INSERT INTO robot (user_id, account_id, name, password_hash, scopes, "
                     "created_at, rotated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) "
                     "ON CONFLICT (user_id) DO UPDATE SET password_hash = $4, scopes = $5, "
                     "rotated_at = $6, expires_at = $7",
                     "tttttii", c->user_id, c->account, c->name, c->hash, c->scopes, c->now_us,
                     c->expires_at_us);
}

static int update_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct change *c = arg;
    int64_t changed = 0;
    int r = meta_exec(
        tx, err, &changed,
        "UPDATE robot SET password_hash = $3, rotated_at = $4, expires_at = CASE WHEN "
        "$5 < 0 THEN expires_at ELSE $5 END WHERE account_id = $1 AND lower(name) = lower($2)",
        "tttii", c->account, c->name, c->hash, c->now_us, c->expires_at_us);

    return r < 0 ? r : (int)(changed > 0);
}

static int delete_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct change *c = arg;
    int64_t changed = 0;
    int r = meta_exec(tx, err, &changed,
                      "DELETE FROM robot WHERE account_id = $1 AND lower(name) = lower($2)", "tt",
                      c->account, c->name);

    return r < 0 ? r : (int)(changed > 0);
}

static int no_such(const char *name, struct sw_err *err)
{
    return sw_fail(err, SW_ENOTFOUND, "NoSuchEntity", "The robot with name %s cannot be found.",
                   name);
}

static int make_password(char ret[ROBOT_PASSWORD_MAX], char ret_hash[crypto_pwhash_STRBYTES],
                         struct sw_err *err)
{
    sw_random_base32(ret, PASSWORD_N);
    return robot_hash(ret, ret_hash, err);
}

/* ---- users ---- */

static void note_key(void *ctx, const struct iam_key_info *key SW_UNUSED)
{
    *(bool *)ctx = true;
}

/* Whether the user may do what the robot's scopes do not say, or somebody has its key: it is more than a crash leaves. */
static bool has_more(struct robot_store *s, const struct iam_entity *e)
{
    bool more = e->origin || e->user_kind != PRINCIPAL_USER || e->policies.n || e->groups.n ||
                e->inlines_n > (iam_inline_of(e, ROBOT_POLICY) ? 1 : 0);

    directory_each_key(s->id, e->id, note_key, &more);
    return more;
}

/* The id of the robot's user; "" when there is none, SW_ECONFLICT when the name is somebody else's. bare: it is to become a robot's. */
static int find_user(struct robot_store *s, const char *account, const char *name, bool bare,
                     char ret[33], struct sw_err *err)
{
    bool foreign = false, more = false;

    ret[0] = 0;
    directory_lock(s->id);
    const struct iam_entity *e = directory_find(s->id, IAM_USER, account, name);
    if (e) {
        foreign = !sw_streq(e->path, ROBOT_PATH);
        more = bare && has_more(s, e);
        (void)sw_str_copy(sw_str(e->id), ret, 33);
    }
    directory_unlock(s->id);
    if (foreign)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "User with name %s already exists and is no robot.", name);
    if (more)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "User with name %s already exists and has access keys, groups or policies "
                       "that a robot does not begin with.",
                       name);
    return 0;
}

static int make_user(struct robot_store *s, const char *account, const char *name,
                     const char *policy, char ret_id[33], struct sw_err *err)
{
    const struct directory_new n = {
        .kind = IAM_USER, .account = account, .name = name, .path = ROBOT_PATH};
    int r = find_user(s, account, name, true, ret_id, err);

    if (r == 0 && !ret_id[0])
        r = directory_create(s->id, &n, ret_id, err);
    if (r == 0)
        r = directory_put_inline(s->id, IAM_USER, account, name, ROBOT_POLICY, policy, err);
    return r;
}

static int has_row(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    const struct change *c = arg;
    int64_t one = 0;

    return meta_get(tx, err,
                    "SELECT 1 FROM robot WHERE account_id = $1 AND lower(name) = lower($2)", "tt",
                    c->account, c->name, "i", &one);
}

int robot_add(struct robot_store *s, const char *account, const char *name, const char *scopes,
              int64_t now_us, int64_t expires_at_us, char ret_password[ROBOT_PASSWORD_MAX],
              struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf policy = SW_BUF_INIT(64 * 1024);
    struct change c = {.account = account,
                       .name = name,
                       .scopes = scopes,
                       .now_us = now_us,
                       .expires_at_us = expires_at_us};
    char id[33];
    int r = robot_scopes_policy(scopes, account, &policy, err);

    if (r == 0 && strlen(scopes) > ROBOT_SCOPES_MAX)
        r = sw_fail(err, SW_EINVALID, "ValidationError", "the scopes of a robot have %d bytes",
                    ROBOT_SCOPES_MAX);
    if (r == 0 && expires_at_us && expires_at_us <= now_us)
        r = sw_fail(err, SW_EINVALID, "ValidationError", "the robot would have expired already");
    if (r == 0)
        r = meta_tx(s->db, META_READ, has_row, &c, err);
    if (r > 0)
        return sw_fail(err, SW_ECONFLICT, "EntityAlreadyExists",
                       "Robot with name %s already exists.", name);
    if (r == 0)
        r = make_user(s, account, name, policy.p, id, err);
    if (r == 0)
        r = make_password(ret_password, c.hash, err);
    c.user_id = id;
    if (r == 0)
        r = meta_tx(s->db, META_WRITE, insert_row, &c, err);
    return r < 0 ? r : 0;
}

int robot_rotate(struct robot_store *s, const char *account, const char *name, int64_t now_us,
                 int64_t expires_at_us, char ret_password[ROBOT_PASSWORD_MAX], struct sw_err *err)
{
    struct change c = {
        .account = account, .name = name, .now_us = now_us, .expires_at_us = expires_at_us};
    int r = make_password(ret_password, c.hash, err);

    if (r == 0)
        r = meta_tx(s->db, META_WRITE, update_row, &c, err);
    robot_forget(s);
    return r < 0 ? r : r > 0 ? 0 : no_such(name, err);
}

int robot_remove(struct robot_store *s, const char *account, const char *name, struct sw_err *err)
{
    struct change c = {.account = account, .name = name};
    struct sw_err ignored = SW_ERR_INIT;
    char id[33];
    int had = meta_tx(s->db, META_WRITE, delete_row, &c, err);

    robot_forget(s);
    if (had < 0)
        return had;
    int r = find_user(s, account, name, false, id, err);
    if (r < 0 || (!id[0] && !had))
        return r < 0 ? r : no_such(name, err);
    if (!id[0])
        return 0;
    (void)directory_delete_inline(s->id, IAM_USER, account, name, ROBOT_POLICY, &ignored);
    return directory_delete(s->id, IAM_USER, account, name, err);
}

struct listing {
    const char *account;
    struct robot *v;
    size_t n;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].scopes);
    free(l->v);
    l->v = NULL;
    l->n = 0;
}

static int read_rows(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct listing *l = arg;
    meta_autostmt *st = NULL;
    int r = meta_query(tx, err, &st,
                       "SELECT name, scopes, created_at, rotated_at, expires_at FROM robot WHERE "
                       "account_id = $1 ORDER BY name",
                       "t", l->account);

    listing_done(l);
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        struct robot *one;
        l->v = sw_realloc_array(l->v, l->n + 1, sizeof(*l->v));
        one = &l->v[l->n++];
        (void)sw_str_copy(meta_str(st, 0), one->name, sizeof(one->name));
        one->scopes = meta_dup(st, 1);
        one->created_at_us = meta_int(st, 2);
        one->rotated_at_us = meta_int(st, 3);
        one->expires_at_us = meta_int(st, 4);
    }
    return r;
}

int robot_list(struct robot_store *s, const char *account,
               void (*fn)(void *ctx, const struct robot *r), void *ctx, struct sw_err *err)
{
    SW_CLEANUP(listing_done) struct listing l = {.account = account};
    int r = meta_tx(s->db, META_READ_LONG, read_rows, &l, err);

    for (size_t i = 0; r >= 0 && i < l.n; i++)
        fn(ctx, &l.v[i]);
    return r < 0 ? r : 0;
}
