/* SPDX-License-Identifier: Apache-2.0 */
/* auth/policy_files.c - from files to an overlay of the directory.
 * 1. A file is read into nodes that know their line and column. A document inside of it is handed on as its own text, with as many
 *    line ends and blanks in front as there are in the file, so that everything that is ever said about it names the file's lines.
 * 2. Objects go into one overlay; a problem is told and the reading goes on, so that all of them are seen at once.
 * 3. The overlay takes effect only if there was no problem. */
#include "auth/policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/directory_internal.h"
#include "auth/policy_json.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/macros.h"

#define FILES_MAX 1000
#define DEPTH_MAX 2 /* the folder and those in it */

struct origin {
    const char *file;
    char *arn, *name;
    struct policy_position at;
};

struct reading {
    const char *account;
    struct directory_overlay *overlay; /* NULL: documents only */
    policy_problem_fn *problem;
    policy_text_fn *document;
    void *ctx;
    size_t problems;
    char *files[FILES_MAX];
    size_t files_n;
    struct origin *origins;
    size_t origins_n;
    /* of the file that is read */
    const char *file;
    struct sw_str text;
    struct sw_arena arena;
};

static void reading_done(struct reading *r)
{
    directory_overlay_free(r->overlay);
    for (size_t i = 0; i < r->files_n; i++)
        free(r->files[i]);
    for (size_t i = 0; i < r->origins_n; i++) {
        free(r->origins[i].arn);
        free(r->origins[i].name);
    }
    free(r->origins);
}

static void tell(struct reading *r, struct policy_position where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void tell(struct reading *r, struct policy_position where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sw_autofree char *message = sw_vasprintf(fmt, ap);
    va_end(ap);
    struct policy_problem p = {.file = r->file, .where = where, .message = message};
    r->problems++;
    if (r->problem)
        r->problem(r->ctx, &p);
}

/* ---- nodes ---- */

static const char *string_of(const struct policy_node *object, const char *key)
{
    const struct policy_node *v = policy_json_member(object, key);
    return v && v->type == POLICY_NODE_STRING ? v->text.p : NULL;
}

/* Where a position is in the file. */
static size_t offset_of(struct sw_str text, struct policy_position at)
{
    size_t i = 0;
    for (unsigned line = 1; line < at.line && i < text.n; i++)
        line += text.p[i] == '\n';
    for (unsigned column = 1; column < at.column && i < text.n; column++) {
        i++;
        while (i < text.n && ((unsigned char)text.p[i] & 0xc0) == 0x80)
            i++;
    }
    return i;
}

/* A document's text at its place: owned by the arena. NULL and a problem when the member is no object. */
static const char *document_of(struct reading *r, const struct policy_node *v)
{
    struct sw_buf out = SW_BUF_INIT(LIMIT_POLICY_FILE * 2);
    if (v->type != POLICY_NODE_OBJECT) {
        tell(r, v->at, "a policy document is an object");
        return NULL;
    }
    size_t from = offset_of(r->text, v->at), to = offset_of(r->text, v->end) + 1;
    for (unsigned i = 1; i < v->at.line; i++)
        (void)sw_buf_add_char(&out, '\n');
    for (unsigned i = 1; i < v->at.column; i++)
        (void)sw_buf_add_char(&out, ' ');
    (void)sw_buf_add_str(&out, sw_str_slice(r->text, from, to));
    const char *text = sw_arena_str(&r->arena, sw_buf_str(&out));
    sw_buf_done(&out);
    return text;
}

/* The same, checked as a document of its type. */
static const char *checked(struct reading *r, const struct policy_node *v, enum policy_type type)
{
    struct sw_err err = SW_ERR_INIT;
    struct policy_position where = {0};
    policy_autodoc struct policy_document *doc = NULL;
    const char *text = document_of(r, v);
    if (!text)
        return NULL;
    if (r->document)
        r->document(r->ctx, r->file, type, text);
    if (policy_document_parse(sw_str(text), type, &doc, &where, &err) == 0)
        return text;
    tell(r, where.line ? where : v->at, "%s", err.msg);
    return NULL;
}

/* ---- one object ---- */

/* What a member of an object is. Taken but not used: what IAM prints and nobody chooses. */
enum use { USE_READ, USE_IGNORED };

struct form {
    enum iam_kind kind;
    const char *list; /* of get-account-authorization-details */
    const char *name; /* the member that names the object, and tells a file of one object */
    const char *inlines;
    struct {
        const char *member;
        enum use use;
    } members[16];
};

static const struct form forms[] = {
    {IAM_POLICY,
     "Policies",
     "PolicyName",
     NULL,
     {{"PolicyName", USE_READ},
      {"PolicyDocument", USE_READ},
      {"PolicyVersionList", USE_READ},
      {"Path", USE_READ},
      {"Arn", USE_READ},
      {"Description", USE_READ},
      {"Tags", USE_READ},
      {"PolicyId", USE_IGNORED},
      {"DefaultVersionId", USE_IGNORED},
      {"AttachmentCount", USE_IGNORED},
      {"PermissionsBoundaryUsageCount", USE_IGNORED},
      {"IsAttachable", USE_IGNORED},
      {"CreateDate", USE_IGNORED},
      {"UpdateDate", USE_IGNORED}}},
    {IAM_GROUP,
     "GroupDetailList",
     "GroupName",
     "GroupPolicyList",
     {{"GroupName", USE_READ},
      {"GroupPolicyList", USE_READ},
      {"AttachedManagedPolicies", USE_READ},
      {"Path", USE_READ},
      {"Arn", USE_READ},
      {"GroupId", USE_IGNORED},
      {"CreateDate", USE_IGNORED}}},
    {IAM_ROLE,
     "RoleDetailList",
     "RoleName",
     "RolePolicyList",
     {{"RoleName", USE_READ},
      {"AssumeRolePolicyDocument", USE_READ},
      {"RolePolicyList", USE_READ},
      {"AttachedManagedPolicies", USE_READ},
      {"InstanceProfileList", USE_READ},
      {"PermissionsBoundary", USE_READ},
      {"MaxSessionDuration", USE_READ},
      {"Path", USE_READ},
      {"Arn", USE_READ},
      {"Description", USE_READ},
      {"Tags", USE_READ},
      {"RoleId", USE_IGNORED},
      {"CreateDate", USE_IGNORED},
      {"RoleLastUsed", USE_IGNORED}}},
    {IAM_USER,
     "UserDetailList",
     "UserName",
     "UserPolicyList",
     {{"UserName", USE_READ},
      {"UserPolicyList", USE_READ},
      {"AttachedManagedPolicies", USE_READ},
      {"GroupList", USE_READ},
      {"PermissionsBoundary", USE_READ},
      {"Path", USE_READ},
      {"Arn", USE_READ},
      {"Tags", USE_READ},
      {"UserId", USE_IGNORED},
      {"CreateDate", USE_IGNORED}}},
    {IAM_PROVIDER,
     "OpenIDConnectProviderList",
     "Url",
     NULL,
     {{"Url", USE_READ},
      {"ClientIDList", USE_READ},
      {"ThumbprintList", USE_READ},
      {"Jwks", USE_READ},
      {"Tags", USE_READ},
      {"CreateDate", USE_IGNORED}}},
};

struct object {
    struct reading *r;
    const struct form *form;
    const struct policy_node *node;
    char account[13];
    struct directory_new n;
    struct iam_entity *e;
};

static const struct policy_node *list_of(struct object *o, const struct policy_node *in,
                                         const char *key)
{
    const struct policy_node *v = policy_json_member(in, key);
    if (v && v->type != POLICY_NODE_ARRAY) {
        tell(o->r, v->at, "%s is a list", key);
        return NULL;
    }
    return v ? v->first : NULL;
}

static void check_members(struct object *o)
{
    for (const struct policy_node *m = o->node->first; m; m = m->next) {
        const char *names[SW_ARRAY_LEN(o->form->members)];
        size_t n = 0;
        bool known = false;
        for (; n < SW_ARRAY_LEN(names) && o->form->members[n].member; n++) {
            names[n] = o->form->members[n].member;
            known = known || sw_str_eq_z(m->key, names[n]);
        }
        if (known)
            continue;
        sw_autofree char *key = sw_asprintf("%.*s", (int)m->key.n, m->key.p);
        const char *near = sw_nearest_name(key, names, n);
        tell(o->r, m->key_at, "unknown member \"%s\"%s%s%s", key, near ? ", did you mean \"" : "",
             near ? near : "", near ? "\"?" : "");
    }
}

/* arn:aws:iam::ACCOUNT:... says whose it is. */
static bool account_of(struct object *o)
{
    const char *arn = string_of(o->node, "Arn");
    struct sw_str rest = sw_str(arn), part[5];
    (void)snprintf(o->account, sizeof o->account, "%s", o->r->account);
    if (!arn)
        return true;
    for (size_t i = 0; i < 5; i++) {
        if (!sw_str_split(&rest, ':', &part[i]))
            part[i] = SW_STR("");
    }
    if (sw_str_eq_z(part[2], "iam") && part[4].n == 12 && strspn(part[4].p, "0123456789") >= 12 &&
        sw_str_copy(part[4], o->account, 13))
        return true;
    tell(o->r, policy_json_member(o->node, "Arn")->at, "\"%s\" is no ARN of IAM", arn);
    return false;
}

static void read_tags(struct object *o)
{
    const struct policy_node *list = policy_json_member(o->node, "Tags");
    size_t n = 0;
    if (!list || !list_of(o, o->node, "Tags"))
        return;
    struct iam_tag *tags = SW_ARENA_NEW(&o->r->arena, struct iam_tag, list->count);
    for (const struct policy_node *t = list->first; t; t = t->next) {
        const char *key = string_of(t, "Key"), *value = string_of(t, "Value");
        if (!key || !value || t->count != 2) {
            tell(o->r, t->at, "a tag is {\"Key\": \"...\", \"Value\": \"...\"}");
            continue;
        }
        tags[n++] = (struct iam_tag){sw_arena_str(&o->r->arena, sw_str(key)),
                                     sw_arena_str(&o->r->arena, sw_str(value))};
    }
    o->n.tags = tags;
    o->n.tags_n = n;
}

static const char *const *read_words(struct object *o, const char *key)
{
    const struct policy_node *list = policy_json_member(o->node, key);
    size_t n = 0;
    if (!list || !list_of(o, o->node, key))
        return NULL;
    const char **words = SW_ARENA_NEW(&o->r->arena, const char *, list->count + 1);
    for (const struct policy_node *w = list->first; w; w = w->next) {
        if (w->type == POLICY_NODE_STRING)
            words[n++] = w->text.p;
        else
            tell(o->r, w->at, "%s is a list of strings", key);
    }
    return words;
}

/* The default version's document of what IAM prints, or the only one. */
static const struct policy_node *policy_document_node(struct object *o)
{
    const struct policy_node *own = policy_json_member(o->node, "PolicyDocument");
    for (const struct policy_node *v = list_of(o, o->node, "PolicyVersionList"); v; v = v->next) {
        const struct policy_node *chosen = policy_json_member(v, "IsDefaultVersion");
        if (!own || (chosen && sw_str_eq_z(chosen->text, "true")))
            own = policy_json_member(v, "Document");
    }
    return own;
}

static bool read_document(struct object *o)
{
    bool role = o->form->kind == IAM_ROLE;
    if (!role && o->form->kind != IAM_POLICY)
        return true;
    const struct policy_node *v =
        role ? policy_json_member(o->node, "AssumeRolePolicyDocument") : policy_document_node(o);
    if (!v) {
        tell(o->r, o->node->at,
             role ? "a role needs an AssumeRolePolicyDocument"
                  : "a policy needs a PolicyDocument or a PolicyVersionList");
        return false;
    }
    o->n.document = checked(o->r, v, role ? POLICY_TYPE_TRUST : POLICY_TYPE_IDENTITY);
    return o->n.document != NULL;
}

static void read_boundary(struct object *o)
{
    const struct policy_node *v = policy_json_member(o->node, "PermissionsBoundary");
    if (!v)
        return;
    o->n.boundary =
        v->type == POLICY_NODE_STRING ? v->text.p : string_of(v, "PermissionsBoundaryArn");
    if (!o->n.boundary)
        tell(o->r, v->at, "PermissionsBoundary needs a PermissionsBoundaryArn");
}

static void read_session(struct object *o)
{
    const struct policy_node *v = policy_json_member(o->node, "MaxSessionDuration");
    if (v && (v->type != POLICY_NODE_NUMBER || !sw_parse_i64(v->text, &o->n.max_session_s)))
        tell(o->r, v->at, "MaxSessionDuration is a number of seconds");
}

/* {"PolicyArn": ...}; {"PolicyName": ...} alone is one of the same account. */
static void read_attached(struct object *o)
{
    for (const struct policy_node *a = list_of(o, o->node, "AttachedManagedPolicies"); a;
         a = a->next) {
        const char *arn = string_of(a, "PolicyArn"), *name = string_of(a, "PolicyName");
        if (arn)
            directory_overlay_attach(o->e, arn);
        else if (name)
            directory_overlay_attach(
                o->e, sw_arena_printf(&o->r->arena, "arn:aws:iam::%s:policy/%s", o->account, name));
        else
            tell(o->r, a->at, "an attached policy has a PolicyArn or a PolicyName");
    }
}

static void read_inlines(struct object *o)
{
    if (!o->form->inlines)
        return;
    for (const struct policy_node *p = list_of(o, o->node, o->form->inlines); p; p = p->next) {
        const struct policy_node *v = policy_json_member(p, "PolicyDocument");
        const char *name = string_of(p, "PolicyName");
        struct policy_position where = {0};
        struct sw_err err = SW_ERR_INIT;
        if (!name || !v || p->count != 2) {
            tell(o->r, p->at, "an inline policy has a PolicyName and a PolicyDocument");
            continue;
        }
        const char *text = checked(o->r, v, POLICY_TYPE_IDENTITY);
        if (text && o->e && directory_overlay_inline(o->e, name, text, &where, &err) < 0)
            tell(o->r, where.line ? where : p->at, "%s", err.msg);
    }
}

static void read_groups(struct object *o)
{
    const char *const *groups = read_words(o, "GroupList");
    for (size_t i = 0; groups && groups[i]; i++)
        directory_overlay_join(o->e, groups[i]);
}

static void remember(struct object *o, const struct iam_entity *e)
{
    struct reading *r = o->r;
    r->origins = sw_realloc_array(r->origins, r->origins_n + 1, sizeof *r->origins);
    r->origins[r->origins_n++] = (struct origin){
        .file = r->file, .arn = sw_strdup(e->arn), .name = sw_strdup(e->name), .at = o->node->at};
}

static struct iam_entity *add(struct object *o, const struct directory_new *n)
{
    struct iam_entity *e = NULL;
    struct sw_err err = SW_ERR_INIT;
    if (!o->r->overlay)
        return NULL;
    if (directory_overlay_add(o->r->overlay, n, o->r->file, &e, &err) < 0)
        tell(o->r, o->node->at, "%s", err.msg);
    else
        remember(o, e);
    return e;
}

/* A role brings the instance profiles that hold it. */
static void read_profiles(struct object *o)
{
    for (const struct policy_node *p = list_of(o, o->node, "InstanceProfileList"); p; p = p->next) {
        struct directory_new n = {.kind = IAM_PROFILE,
                                  .account = o->account,
                                  .name = string_of(p, "InstanceProfileName"),
                                  .path = string_of(p, "Path")};
        if (!n.name) {
            tell(o->r, p->at, "an instance profile has an InstanceProfileName");
            continue;
        }
        struct iam_entity *e = add(o, &n);
        if (e)
            directory_overlay_hold(e, o->n.name);
    }
}

static void read_jwks(struct object *o)
{
    const struct policy_node *v = policy_json_member(o->node, "Jwks");
    const char *text = v ? document_of(o->r, v) : NULL;
    if (text && o->e)
        entity_set_str(&o->e->jwks, text);
}

static void read_object(struct reading *r, const struct form *form, const struct policy_node *node)
{
    struct object o = {.r = r, .form = form, .node = node};
    size_t before = r->problems;
    if (node->type != POLICY_NODE_OBJECT) {
        tell(r, node->at, "%s holds objects", form->list);
        return;
    }
    check_members(&o);
    o.n.kind = form->kind;
    o.n.account = o.account;
    o.n.name = string_of(node, form->name);
    o.n.path = string_of(node, "Path");
    o.n.description = string_of(node, "Description");
    o.n.clients = read_words(&o, "ClientIDList");
    o.n.thumbprints = read_words(&o, "ThumbprintList");
    if (!o.n.name)
        tell(r, node->at, "%s is missing", form->name);
    read_tags(&o);
    read_boundary(&o);
    read_session(&o);
    if (!account_of(&o) || !read_document(&o) || r->problems > before) {
        read_inlines(&o); /* for their problems */
        return;
    }
    o.e = add(&o, &o.n);
    read_inlines(&o);
    if (!o.e)
        return;
    read_attached(&o);
    read_groups(&o);
    read_profiles(&o);
    read_jwks(&o);
}

/* ---- one file ---- */

/* The name of the file without its folder and ".json". */
static char *stem_of(struct reading *r)
{
    const char *slash = strrchr(r->file, '/'), *base = slash ? slash + 1 : r->file;
    return sw_arena_str(&r->arena, sw_str_slice(sw_str(base), 0, strlen(base) - 5));
}

static void read_bare_document(struct reading *r, const struct policy_node *root)
{
    struct object o = {.r = r, .form = &forms[0], .node = root};
    (void)snprintf(o.account, sizeof o.account, "%s", r->account);
    o.n = (struct directory_new){.kind = IAM_POLICY, .account = o.account, .name = stem_of(r)};
    o.n.document = checked(r, root, POLICY_TYPE_IDENTITY);
    if (o.n.document)
        (void)add(&o, &o.n);
}

static void read_lists(struct reading *r, const struct policy_node *root)
{
    static const char *const known =
        "a policy document (Statement), a user (UserName), a group (GroupName), a role (RoleName), "
        "a policy (PolicyName), an OIDC provider (Url), or lists of them as "
        "get-account-authorization-details prints";
    if (!root->first)
        tell(r, root->at, "the file is none of: %s", known);
    for (const struct policy_node *m = root->first; m; m = m->next) {
        const struct form *form = NULL;
        for (size_t i = 0; i < SW_ARRAY_LEN(forms); i++)
            form = sw_str_eq_z(m->key, forms[i].list) ? &forms[i] : form;
        if (!form)
            tell(r, m->key_at, "unknown member \"%.*s\"; the file is none of: %s", (int)m->key.n,
                 m->key.p, known);
        else if (m->type != POLICY_NODE_ARRAY)
            tell(r, m->at, "%s is a list", form->list);
        for (const struct policy_node *v = form ? m->first : NULL; v; v = v->next)
            read_object(r, form, v);
    }
}

static void read_root(struct reading *r, const struct policy_node *root)
{
    if (root->type != POLICY_NODE_OBJECT) {
        tell(r, root->at, "the file is no JSON object");
        return;
    }
    if (policy_json_member(root, "Statement")) {
        read_bare_document(r, root);
        return;
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(forms); i++) {
        if (policy_json_member(root, forms[i].name)) {
            read_object(r, &forms[i], root);
            return;
        }
    }
    read_lists(r, root);
}

static void read_file(struct reading *r, const char *file)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf text = SW_BUF_INIT(LIMIT_POLICY_FILE);
    struct policy_position where = {0};
    const char *problem = NULL;
    r->file = file;
    if (sw_read_file(file, &text, &err) < 0) {
        tell(r, where, "%s", err.msg);
    } else {
        r->text = sw_buf_str(&text);
        const struct policy_node *root = policy_json_parse(&r->arena, r->text, &where, &problem);
        if (root)
            read_root(r, root);
        else
            tell(r, where, "%s", problem);
    }
    sw_arena_done(&r->arena);
    sw_buf_done(&text);
}

/* ---- the folder ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int gather(struct reading *r, const char *folder, int depth, struct sw_err *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int status = 0;
    if (!dir)
        return sw_fail_os(err, errno, "policy files: %s", folder);
    while (status == 0 && (entry = readdir(dir)) != NULL) {
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        sw_autofree char *path = sw_asprintf("%s/%s", folder, entry->d_name);
        if (stat(path, &st) < 0)
            status = sw_fail_os(err, errno, "policy files: %s", path);
        else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            status = gather(r, path, depth + 1, err);
        else if (S_ISREG(st.st_mode) && sw_str_ends_with(sw_str(path), ".json") &&
                 strlen(entry->d_name) > 5) {
            if (r->files_n == FILES_MAX)
                status = sw_fail(err, SW_ELIMIT, "MalformedPolicyFile",
                                 "more than %d policy files in %s", FILES_MAX, folder);
            else
                r->files[r->files_n++] = SW_TAKE(path);
        }
    }
    (void)closedir(dir);
    return status;
}

/* A folder or one file. */
static int read_all(struct reading *r, const char *path, struct sw_err *err)
{
    struct stat st;
    int status = 0;
    if (stat(path, &st) < 0)
        return sw_fail_os(err, errno, "policy files: %s", path);
    if (S_ISDIR(st.st_mode))
        status = gather(r, path, 1, err);
    else
        r->files[r->files_n++] = sw_strdup(path);
    if (status < 0)
        return status;
    qsort(r->files, r->files_n, sizeof r->files[0], by_name);
    for (size_t i = 0; i < r->files_n; i++)
        read_file(r, r->files[i]);
    return 0;
}

static int outcome(const struct reading *r, const char *path, struct sw_err *err)
{
    return r->problems == 0
               ? 0
               : sw_fail(err, SW_EINVALID, "MalformedPolicyFile",
                         "%zu problem%s in the policy files of %s; nothing was changed",
                         r->problems, r->problems == 1 ? "" : "s", path);
}

/* What the directory says of an object is told at its place. */
static void tell_of_links(struct reading *r, const struct sw_err *why)
{
    const struct origin *best = NULL;
    for (size_t i = 0; i < r->origins_n; i++) {
        const struct origin *o = &r->origins[i];
        bool same_file = !*why->detail || strncmp(o->file, why->detail, strlen(why->detail)) == 0;
        if (same_file && (strstr(why->msg, o->arn) || (!best && strstr(why->msg, o->name))))
            best = o;
    }
    r->file = best ? best->file : "";
    tell(r, best ? best->at : (struct policy_position){0}, "%s", why->msg);
}

int policy_files_load(struct identity *d, const char *folder, const char *account,
                      policy_problem_fn *fn, void *ctx, struct sw_err *err)
{
    SW_CLEANUP(reading_done)
    struct reading r = {.account = account, .problem = fn, .ctx = ctx};
    struct sw_err links = SW_ERR_INIT;
    r.overlay = directory_overlay_new();
    int status = read_all(&r, folder, err);
    if (status < 0)
        return status;
    if (r.problems == 0) {
        if (directory_overlay_set(d, r.overlay, &links) < 0)
            tell_of_links(&r, &links);
        else
            r.overlay = NULL;
    }
    return outcome(&r, folder, err);
}

int policy_files_check(const char *path, const char *account, policy_problem_fn *fn, void *ctx,
                       struct sw_err *err)
{
    SW_CLEANUP(reading_done)
    struct reading r = {.account = account, .problem = fn, .ctx = ctx};
    r.overlay = directory_overlay_new();
    int status = read_all(&r, path, err);
    return status < 0 ? status : outcome(&r, path, err);
}

int policy_files_each_document(const char *path, policy_text_fn *fn, void *ctx, struct sw_err *err)
{
    SW_CLEANUP(reading_done)
    struct reading r = {.account = "000000000000", .document = fn, .ctx = ctx};
    return read_all(&r, path, err);
}
