/* SPDX-License-Identifier: Apache-2.0 */
/* test-deps: auth base */
/* The policy engine against an independent evaluator, a package of npm that is installed into a folder of this run and used nowhere
 * else. tests/policy_diff/compare.mjs generates the pairs and compares; this program is also its driver:
 *   suite_policy_diff --decide    one JSON case per line in, one decision per line out
 * SLIPWAY_TEST_LONG=1: 100,000 pairs instead of 20,000. SLIPWAY_POLICY_PAIRS, SLIPWAY_POLICY_SEED: others. */
#include "auth/policy_eval.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/process.h"
#include "tests/lib/test.h"

#define EVALUATOR   "@cloud-copilot/iam-simulate@0.1.173"
#define MOST_DOCS   8
#define MOST_KEYS   64
#define MOST_VALUES 16

struct context {
    struct policy_key keys[MOST_KEYS];
    const char *values[MOST_KEYS][MOST_VALUES];
    size_t n;
};

struct decision {
    struct policy_attached docs[MOST_DOCS];
    size_t docs_n;
    struct context context;
    const char *refused;
    struct sw_err err;
};

static const struct policy_key *find_key(void *ctx, const char *name)
{
    const struct context *c = ctx;
    for (size_t i = 0; i < c->n; i++) {
        if (sw_str_eq_nocase(sw_str(c->keys[i].name), sw_str(name)))
            return &c->keys[i];
    }
    return NULL;
}

static void read_context(const json_t *from, struct context *c)
{
    const char *name;
    json_t *value, *element;
    size_t i;
    json_object_foreach((json_t *)from, name, value) {
        struct policy_key *k = &c->keys[c->n];
        const char **values = c->values[c->n++];
        k->name = name;
        k->values = values;
        k->multi = json_is_array(value);
        if (!k->multi)
            values[k->values_n++] = json_string_value(value);
        json_array_foreach(value, i, element)
            values[k->values_n++] = json_string_value(element);
    }
}

/* Returns where it stands in d->docs; NULL when there is no such document or it was refused. */
static const struct policy_attached *read_document(struct decision *d, const json_t *from,
                                                   enum policy_type type, enum policy_origin kind)
{
    struct policy_document *doc = NULL;
    if (!from || json_is_null(from) || d->refused)
        return NULL;
    sw_autofree char *text = sw_json_dump(from);
    if (policy_document_parse(sw_str(text), type, &doc, NULL, &d->err) < 0) {
        d->refused = d->err.msg;
        return NULL;
    }
    struct policy_attached *a = &d->docs[d->docs_n++];
    *a = (struct policy_attached){doc, "p", NULL, kind};
    return a;
}

static void read_question(struct decision *d, const json_t *from, struct policy_question *q)
{
    bool trust = sw_json_bool(from, "trust", false);
    size_t i;
    json_t *element;
    *q = (struct policy_question){
        .action = sw_json_str(from, "action", ""),
        .resource = sw_json_str(from, "resource", ""),
        .resource_account = sw_json_str(from, "resourceAccount", NULL),
        .principal_arn = sw_json_str(from, "principal", NULL),
        .principal_account = sw_json_str(from, "principalAccount", NULL),
        .principal_role_arn = sw_json_str(from, "roleArn", NULL),
        .service_principal = sw_json_str(from, "service", NULL),
        .anonymous = sw_json_bool(from, "anonymous", false),
        .resource_must_allow = trust,
        .key = find_key,
        .key_ctx = &d->context,
    };
    read_context(sw_json_object(from, "context"), &d->context);
    q->identity = &d->docs[d->docs_n];
    json_array_foreach(sw_json_array(from, "identity"), i, element)
        (void)read_document(d, element, POLICY_TYPE_IDENTITY, POLICY_FROM_USER);
    q->identity_n = (size_t)(&d->docs[d->docs_n] - q->identity);
    q->boundary = read_document(d, json_object_get(from, "boundary"), POLICY_TYPE_BOUNDARY,
                                POLICY_FROM_BOUNDARY);
    q->session = read_document(d, json_object_get(from, "session"), POLICY_TYPE_SESSION,
                               POLICY_FROM_SESSION);
    q->session_n = q->session != NULL;
    q->has_session_policy = q->session_n > 0;
    q->resource_policies = read_document(d, json_object_get(from, "resourcePolicy"),
                                         POLICY_TYPE_RESOURCE, POLICY_FROM_RESOURCE);
    q->resource_policies_n = q->resource_policies != NULL;
}

static int decide_lines(void)
{
    sw_autofree char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        struct decision d = {.err = SW_ERR_INIT};
        struct policy_question q;
        struct policy_verdict v;
        json_error_t error;
        sw_autojson json_t *from = json_loadb(line, (size_t)n, 0, &error);
        if (!from) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        read_question(&d, from, &q);
        if (!d.refused)
            policy_evaluate(&q, &v);
        if (d.refused)
            printf("refused: %s\n", d.refused);
        else
            printf("%s\n", policy_decision_to_string(v.decision));
        fflush(stdout);
        for (size_t i = 0; i < d.docs_n; i++)
            policy_document_unref((struct policy_document *)d.docs[i].doc);
    }
    return 0;
}

/* Runs a program to its end; its output to ours. */
static int run(const char *const *argv, int64_t timeout_ms)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_process_result result;
    struct sw_process_spec spec = {.argv = argv, .cwd = test_dir(), .timeout_ms = timeout_ms};
    if (sw_process_run(&spec, NULL, NULL, &result, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    return result.exit_code;
}

static void need_program(const char *name)
{
    char path[512];
    if (!sw_find_program(name, path, sizeof(path)))
        test_skip("needs %s", name);
}

static const char *setting(const char *name, const char *def)
{
    const char *value = getenv(name);
    return value && *value ? value : def;
}

TEST(agrees_with_an_independent_evaluator)
{
    const char *folder = test_dir();
    const char *pairs =
        setting("SLIPWAY_POLICY_PAIRS", getenv("SLIPWAY_TEST_LONG") ? "100000" : "20000");
    const char *evaluator = setting("SLIPWAY_POLICY_EVALUATOR", "");
    const char *const install[] = {
        "npm",  "install",          "--no-audit",       "--no-fund", "--no-save", "--prefix",
        folder, "--ignore-scripts", "--loglevel=error", EVALUATOR,   NULL};
    need_program("node");
    need_program("npm");
    if (!*evaluator && run(install, 120000) != 0)
        test_skip("npm could not install " EVALUATOR);
    const char *const compare[] = {"node",
                                   test_source("tests/policy_diff/compare.mjs"),
                                   *evaluator ? evaluator : folder,
                                   sw_self_path(),
                                   pairs,
                                   setting("SLIPWAY_POLICY_SEED", "1"),
                                   NULL};
    CHECK_EQ_INT(run(compare, 1500000), 0);
}

/* As the driver, this program has no test cases to run: decided before main(). */
__attribute__((constructor)) static void drive(int argc, char **argv)
{
    if (argc == 2 && sw_streq(argv[1], "--decide"))
        exit(decide_lines());
}
