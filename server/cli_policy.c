/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_policy.c - slipway policy check|explain|reload. check needs no server. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/policy_files.h"
#include "auth/policy_lint.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "server/cli.h"
#include "server/policy_admin.h"

struct options {
    struct cli_common common;
    char *principal, *action, *resource, *source_ip, *context, *type;
    bool strict;
};

static const char *const types[] = {"identity", "resource", "trust", NULL};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key keys[] = {
    CLI_COMMON_KEYS,
    {"principal", CONF_STRING, OFF(principal), NULL, 0, 0, NULL, "explain: a user's name, the ARN of a user or role, or anonymous"},
    {"action", CONF_STRING, OFF(action), NULL, 0, 0, NULL, "explain: such as ecr:PutImage"},
    {"resource", CONF_STRING, OFF(resource), "*", 0, 0, NULL, "explain: an ARN or *"},
    {"source_ip", CONF_STRING, OFF(source_ip), NULL, 0, 0, NULL, "explain: as if asked from this address"},
    {"context", CONF_STRING, OFF(context), NULL, 0, 0, NULL, "explain: condition keys, KEY=VALUE,KEY=VALUE"},
    {"type", CONF_ENUM, OFF(type), "identity", 0, 0, types, "check: what a bare policy document is"},
    {"strict", CONF_BOOL, OFF(strict), "false", 0, 0, NULL, "check: warnings fail too"},
};
/* clang-format on */
static const struct conf_table flags = {keys, SW_ARRAY_LEN(keys), ""};

/* ---- check ---- */

struct checking {
    const struct options *o;
    const char *file;
    size_t errors, warnings;
};

static void print_problem(void *ctx, const struct policy_problem *p)
{
    struct checking *c = ctx;
    c->errors++;
    if (p->where.line)
        printf("%s:%u:%u: error: %s\n", p->file, p->where.line, p->where.column, p->message);
    else
        printf("%s: error: %s\n", p->file, p->message);
}

static void print_finding(void *ctx, const struct policy_finding *f)
{
    struct checking *c = ctx;
    c->errors += f->severity == POLICY_ERROR;
    c->warnings += f->severity == POLICY_WARNING;
    printf("%s:%u:%u: %s: %s [%s]\n", c->file, f->where.line, f->where.column,
           policy_severity_to_string(f->severity), f->message, f->code);
}

static void lint(void *ctx, const char *file, enum policy_type type, const char *text)
{
    struct checking *c = ctx;
    struct sw_err ignored = SW_ERR_INIT; /* the check before told it */
    policy_autodoc struct policy_document *doc = NULL;
    c->file = file;
    if (policy_document_parse(sw_str(text), type, &doc, NULL, &ignored) == 0)
        (void)policy_lint(doc, print_finding, c);
}

/* A document that is no identity policy stands in a file of its own: a repository's, a role's trust policy. */
static int check_document(struct checking *c, const char *path, enum policy_type type,
                          struct sw_err *err)
{
    struct sw_buf text = SW_BUF_INIT(LIMIT_POLICY_FILE);
    struct policy_problem p = {.file = path};
    policy_autodoc struct policy_document *doc = NULL;
    int r = sw_read_file(path, &text, err);
    if (r == 0 && policy_document_parse(sw_buf_str(&text), type, &doc, &p.where, err) < 0) {
        p.message = err->msg;
        print_problem(c, &p);
        sw_err_clear(err);
    }
    if (doc) {
        c->file = path;
        (void)policy_lint(doc, print_finding, c);
    }
    sw_buf_done(&text);
    return r;
}

static int check_one(struct checking *c, const char *path, struct sw_err *err)
{
    enum policy_type type = sw_streq(c->o->type, "trust")      ? POLICY_TYPE_TRUST
                            : sw_streq(c->o->type, "resource") ? POLICY_TYPE_RESOURCE
                                                               : POLICY_TYPE_IDENTITY;
    if (type != POLICY_TYPE_IDENTITY)
        return check_document(c, path, type, err);
    int r = policy_files_check(path, "000000000000", print_problem, c, err);
    if (r < 0 && c->errors == 0)
        return r;
    sw_err_clear(err);
    return policy_files_each_document(path, lint, c, err);
}

static int check(const struct options *o, int argc, char **argv, struct sw_err *err)
{
    struct checking c = {.o = o};
    for (int i = 1; i < argc; i++) {
        int r = check_one(&c, argv[i], err);
        if (r < 0)
            return r;
    }
    if (c.errors > 0 || (o->strict && c.warnings > 0))
        return sw_fail(err, SW_EINVALID, "MalformedPolicyFile", "%zu error%s, %zu warning%s",
                       c.errors, c.errors == 1 ? "" : "s", c.warnings, c.warnings == 1 ? "" : "s");
    printf("no errors, %zu warning%s\n", c.warnings, c.warnings == 1 ? "" : "s");
    return 0;
}

/* ---- explain, reload ---- */

static void add_context(json_t *in, const char *text)
{
    struct sw_str rest = sw_str(text), one, key;
    json_t *list = json_array();
    while (sw_str_split(&rest, ',', &one)) {
        json_t *entry = json_object(), *values = json_array();
        struct sw_str value = one;
        (void)sw_str_split(&value, '=', &key);
        (void)json_array_append_new(values, json_stringn(value.p ? value.p : "", value.n));
        sw_json_set_new(entry, "ContextKeyName", json_stringn(key.p, key.n));
        sw_json_set_new(entry, "ContextKeyValues", values);
        (void)json_array_append_new(list, entry);
    }
    sw_json_set_new(in, "ContextEntries", list);
}

static void print_statement(const json_t *s)
{
    const char *file = sw_json_str(s, "File", NULL), *sid = sw_json_str(s, "Sid", NULL);
    printf("  %-5s statement %" PRId64, sw_json_str(s, "Effect", ""),
           sw_json_int(s, "Statement", 0));
    if (sid)
        printf(" \"%s\"", sid);
    printf(" of %s %s", sw_json_str(s, "Kind", ""), sw_json_str(s, "Policy", ""));
    printf(file ? " (%s:%" PRId64 ":%" PRId64 ")\n" : "%s line %" PRId64 ", column %" PRId64 "\n",
           file ? file : ",", sw_json_int(s, "Line", 0), sw_json_int(s, "Column", 0));
}

/* Fails when the answer is no, so that scripts can ask. */
static int explain(struct client *client, const struct options *o, struct sw_err *err)
{
    sw_autojson json_t *in = json_object(), *out = NULL;
    const json_t *s;
    size_t i;
    sw_json_set_str(in, "PrincipalArn", o->principal);
    sw_json_set_str(in, "ActionName", o->action);
    sw_json_set_str(in, "ResourceArn", o->resource);
    sw_json_set_str(in, "SourceIp", o->source_ip);
    if (o->context)
        add_context(in, o->context);
    int r = client_call(client, TARGET_POLICY_ADMIN ".ExplainPolicy", in, 0, &out, err);
    if (r < 0)
        return r;
    const json_t *matched = sw_json_array(out, "MatchedStatements");
    const char *decision = sw_json_str(out, "Decision", "");
    printf("%s: %s\n", decision, sw_json_str(out, "Explanation", ""));
    if (json_array_size(matched) > 0)
        printf("Statements that match:\n");
    json_array_foreach(matched, i, s)
        print_statement(s);
    if (sw_streq(decision, "allowed"))
        return 0;
    return sw_fail(err, SW_EDENIED, "AccessDeniedException", "%s",
                   sw_json_str(out, "Sentence", "denied"));
}

static int reload(struct client *client, struct sw_err *err)
{
    sw_autojson json_t *in = json_object(), *out = NULL;
    struct checking c = {.errors = 0};
    const json_t *one;
    size_t i;
    int r = client_call(client, TARGET_POLICY_ADMIN ".ReloadPolicies", in, 0, &out, err);
    if (r < 0)
        return r;
    json_array_foreach(sw_json_array(out, "Problems"), i, one) {
        struct policy_problem p = {.file = sw_json_str(one, "File", ""),
                                   .message = sw_json_str(one, "Message", ""),
                                   .where = {.line = (unsigned)sw_json_int(one, "Line", 0),
                                             .column = (unsigned)sw_json_int(one, "Column", 0)}};
        print_problem(&c, &p);
    }
    if (c.errors > 0)
        return sw_fail(err, SW_EINVALID, "MalformedPolicyFile",
                       "%zu problem%s; the server goes on with what it had", c.errors,
                       c.errors == 1 ? "" : "s");
    printf("policy files of %s loaded\n", sw_json_str(out, "Folder", ""));
    return 0;
}

static int ask_server(const struct options *o, const char *verb, struct sw_err *err)
{
    struct client client;
    int status = cli_open(&o->common, &client);
    if (status != 0)
        return status;
    int r = sw_streq(verb, "explain") ? explain(&client, o, err) : reload(&client, err);
    client_close(&client);
    return r < 0 ? cli_fail(err) : 0;
}

static bool well_formed(const struct options *o, int argc, char **argv)
{
    if (sw_streq(argv[1], "check"))
        return argc > 2;
    if (sw_streq(argv[1], "explain"))
        return argc == 2 && o->principal && o->action;
    return argc == 2 && sw_streq(argv[1], "reload");
}

static int run(int argc, char **argv)
{
    struct options o = {.strict = false};
    struct sw_err err = SW_ERR_INIT;
    int status = cli_parse(&cli_policy, &argc, argv, &o, 1, -1);
    if (status == 0 && !well_formed(&o, argc, argv)) {
        fprintf(stderr, "usage: slipway policy %s\n", cli_policy.arguments);
        status = CLI_USAGE;
    }
    if (status == 0 && !sw_streq(argv[1], "check"))
        status = ask_server(&o, argv[1], &err);
    else if (status == 0 && check(&o, argc - 1, argv + 1, &err) < 0)
        status = cli_fail(&err);
    conf_free(&flags, &o);
    return status;
}

const struct cli_command cli_policy = {
    .name = "policy",
    .arguments = "check PATH... | explain --principal P --action A [--resource R] | reload",
    .summary = "Check policy files, explain a decision, take up changed policy files",
    .example = "slipway policy explain --principal ci --action ecr:PutImage --resource "
               "arn:aws:ecr:us-east-1:000000000000:repository/team-a/app",
    .flags = &flags,
    .run = run,
};
