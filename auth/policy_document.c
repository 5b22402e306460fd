/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_document.h"

#include <assert.h>
#include <strings.h>

#include "auth/policy_parse.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/macros.h"

static const char *const elements[] = {"Version", "Id", "Statement"};

const char *policy_type_to_string(enum policy_type type)
{
    static const char *const names[] = {"identity", "resource", "trust", "session", "boundary"};
    return type < POLICY_TYPE_MAX_ ? names[type] : "unknown";
}

int policy_refuse(struct policy_parse *p, struct policy_position at, const char *iam,
                  const char *fmt, ...)
{
    char detail[320];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(detail))
        memcpy(detail + sizeof(detail) - 4, "...", 4);
    p->where = at;
    return sw_fail(p->err, SW_EINVALID, "MalformedPolicyDocument", "%s (line %u, column %u: %s)",
                   iam, at.line, at.column, detail);
}

int policy_refuse_unknown(struct policy_parse *p, const struct policy_node *member,
                          const char *const *names, size_t n)
{
    const char *near = sw_nearest_name(member->key.p, names, n);
    return policy_refuse(p, member->key_at, POLICY_SYNTAX, "unknown element \"%.*s\"%s%s%s",
                         SW_STR_ARG(member->key), near ? "; did you mean \"" : "", near ? near : "",
                         near ? "\"?" : "");
}

int policy_each(struct policy_parse *p, const struct policy_node *node, policy_each_fn *fn,
                void *ctx)
{
    if (node->type != POLICY_NODE_ARRAY)
        return fn(p, node, ctx);
    for (const struct policy_node *n = node->first; n; n = n->next) {
        int rc = fn(p, n, ctx);
        if (rc)
            return rc;
    }
    return 0;
}

size_t policy_list_length(const struct policy_node *node)
{
    return node->type == POLICY_NODE_ARRAY ? node->count : 1;
}

static int parse_version(struct policy_parse *p, const struct policy_node *root)
{
    const struct policy_node *n = policy_json_member(root, "Version");
    if (!n)
        return 0;
    bool is_2012 = n->type == POLICY_NODE_STRING && sw_str_eq_z(n->text, "2012-10-17");
    bool is_2008 = n->type == POLICY_NODE_STRING && sw_str_eq_z(n->text, "2008-10-17");
    if (!is_2012 && !is_2008)
        return policy_refuse(p, n->at, "Policy document must be version 2012-10-17 or greater.",
                             "Version is \"2012-10-17\", or \"2008-10-17\" without variables");
    p->doc->variables = is_2012;
    return 0;
}

static int parse_id(struct policy_parse *p, const struct policy_node *root)
{
    const struct policy_node *n = policy_json_member(root, "Id");
    if (n && n->type != POLICY_NODE_STRING)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "Id must be a string");
    if (n)
        p->doc->id = sw_arena_str(&p->doc->arena, n->text);
    return 0;
}

static int add_statement(struct policy_parse *p, const struct policy_node *node,
                         void *ctx SW_UNUSED)
{
    return policy_statement_parse(p, node, &p->doc->statements[p->doc->statements_n++]);
}

static int by_sid(const void *a, const void *b)
{
    const struct policy_statement *x = *(const struct policy_statement *const *)a;
    const struct policy_statement *y = *(const struct policy_statement *const *)b;
    int c = strcmp(x->sid, y->sid);
    return c ? c : (x > y) - (x < y);
}

static int check_sids(struct policy_parse *p)
{
    const struct policy_document *d = p->doc;
    sw_autofree const struct policy_statement **named =
        sw_realloc_array(NULL, d->statements_n + 1, sizeof(struct policy_statement *));
    size_t n = 0;
    for (size_t i = 0; i < d->statements_n; i++) {
        if (d->statements[i].sid)
            named[n++] = &d->statements[i];
    }
    qsort(named, n, sizeof(struct policy_statement *), by_sid);
    for (size_t i = 1; i < n; i++) {
        if (sw_streq(named[i - 1]->sid, named[i]->sid))
            return policy_refuse(
                p, named[i]->sid_at, "Statement IDs (SID) in a single policy must be unique.",
                "\"%s\" is the Sid of line %u too", named[i]->sid, named[i - 1]->sid_at.line);
    }
    return 0;
}

static int parse_statements(struct policy_parse *p, const struct policy_node *root)
{
    const struct policy_node *n = policy_json_member(root, "Statement");
    if (!n)
        return policy_refuse(p, root->at, POLICY_SYNTAX, "there is no Statement");
    size_t most = policy_list_length(n);
    if (most == 0)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "Statement is empty");
    if (most > LIMIT_POLICY_STATEMENTS)
        return policy_refuse(p, n->at, POLICY_SYNTAX, "more than %d statements",
                             LIMIT_POLICY_STATEMENTS);
    p->doc->statements = sw_arena_alloc(&p->doc->arena, most, sizeof(*p->doc->statements));
    int rc = policy_each(p, n, add_statement, NULL);
    return rc ? rc : check_sids(p);
}

static int parse_root(struct policy_parse *p, const struct policy_node *root)
{
    if (root->type != POLICY_NODE_OBJECT)
        return policy_refuse(p, root->at, POLICY_SYNTAX, "a policy is a JSON object");
    for (const struct policy_node *m = root->first; m; m = m->next) {
        bool known = false;
        for (size_t i = 0; i < SW_ARRAY_LEN(elements); i++)
            known = known || sw_str_eq_z(m->key, elements[i]);
        if (!known)
            return policy_refuse_unknown(p, m, elements, SW_ARRAY_LEN(elements));
    }
    int rc = parse_version(p, root);
    if (rc == 0)
        rc = parse_id(p, root);
    if (rc == 0)
        rc = parse_statements(p, root);
    return rc;
}

static int parse_text(struct policy_parse *p, struct sw_str text)
{
    struct sw_arena tree = {0};
    const char *problem = NULL;
    struct policy_position at = {1, 1};
    int rc;
    if (text.n > LIMIT_POLICY_TEXT)
        return policy_refuse(p, at, POLICY_SYNTAX, "longer than %d bytes", LIMIT_POLICY_TEXT);
    const struct policy_node *root = policy_json_parse(&tree, text, &at, &problem);
    rc = root ? parse_root(p, root) : policy_refuse(p, at, POLICY_SYNTAX, "%s", problem);
    sw_arena_done(&tree);
    return rc;
}

static void build_indexes(struct policy_document *d)
{
    policy_index_build(&d->allow, &d->arena, d->statements, d->statements_n, false);
    policy_index_build(&d->deny, &d->arena, d->statements, d->statements_n, true);
}

int policy_document_parse(struct sw_str text, enum policy_type type, struct policy_document **ret,
                          struct policy_position *ret_where, struct sw_err *err)
{
    policy_autodoc struct policy_document *d = SW_NEW(struct policy_document);
    atomic_init(&d->refs, 1);
    d->type = type;
    struct policy_parse p = {.doc = d, .err = err};
    int rc = parse_text(&p, text);
    if (rc) {
        if (ret_where)
            *ret_where = p.where;
        return rc;
    }
    build_indexes(d);
    *ret = SW_TAKE(d);
    return 0;
}

struct policy_document *policy_document_ref(struct policy_document *d)
{
    if (d)
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void policy_document_unref(struct policy_document *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1)
        return;
    sw_arena_done(&d->arena);
    free(d);
}

enum policy_type policy_document_type(const struct policy_document *d)
{
    return d->type;
}

const char *policy_document_id(const struct policy_document *d)
{
    return d->id;
}

bool policy_document_has_variables(const struct policy_document *d)
{
    return d->variables;
}

size_t policy_document_statement_count(const struct policy_document *d)
{
    return d->statements_n;
}

struct policy_statement_info policy_document_statement(const struct policy_document *d,
                                                       size_t index)
{
    assert(index < d->statements_n);
    const struct policy_statement *s = &d->statements[index];
    return (struct policy_statement_info){
        .sid = s->sid, .deny = s->deny, .start = s->start, .end = s->end};
}

void policy_document_principals(const struct policy_document *d, policy_principal_fn *fn, void *ctx)
{
    for (size_t i = 0; i < d->statements_n; i++) {
        const struct policy_statement *s = &d->statements[i];
        for (size_t j = 0; j < s->principals_n; j++)
            fn(ctx, s->principals[j].kind, s->principals[j].value, s->principals[j].where);
    }
}

/* Names already reported; a document has few different keys. */
struct key_names {
    const char **names;
    size_t n, cap;
    policy_key_name_fn *fn;
    void *ctx;
};

static void report_key(struct key_names *k, const char *name)
{
    for (size_t i = 0; i < k->n; i++) {
        if (strcasecmp(k->names[i], name) == 0)
            return;
    }
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 16;
        k->names = sw_realloc_array(k->names, k->cap, sizeof(*k->names));
    }
    k->names[k->n++] = name;
    k->fn(k->ctx, name);
}

static void report_variables(struct key_names *k, const struct policy_glob *g)
{
    for (size_t i = 0; i < g->n && g->variables; i++) {
        if (g->pieces[i].kind == POLICY_PIECE_VAR)
            report_key(k, g->pieces[i].text.p);
    }
}

static void report_arn(struct key_names *k, const struct policy_arn_glob *g)
{
    if (g->kind == POLICY_ARN_WHOLE)
        report_variables(k, &g->whole);
    for (int i = 0; i < POLICY_ARN_PARTS && g->kind == POLICY_ARN_SPLIT; i++)
        report_variables(k, &g->part[i]);
}

static void report_condition(struct key_names *k, const struct policy_condition *c)
{
    report_key(k, c->key);
    for (size_t i = 0; i < c->values_n; i++) {
        if (c->op->kind == POLICY_OP_ARN)
            report_arn(k, &c->values[i].arn);
        else if (c->op->kind <= POLICY_OP_STRING_LIKE)
            report_variables(k, &c->values[i].glob);
    }
}

void policy_document_keys(const struct policy_document *d, policy_key_name_fn *fn, void *ctx)
{
    struct key_names k = {.fn = fn, .ctx = ctx};
    for (size_t i = 0; i < d->statements_n; i++) {
        const struct policy_statement *s = &d->statements[i];
        for (size_t j = 0; j < s->resources_n; j++)
            report_arn(&k, &s->resources[j].arn);
        for (size_t j = 0; j < s->conditions_n; j++)
            report_condition(&k, &s->conditions[j]);
    }
    free(k.names);
}

size_t policy_text_size(struct sw_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        n += !blank && (c & 0xC0) != 0x80;
    }
    return n;
}
