/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the tests of the policy engine share: documents from text, questions with a context in one line. JSON is written with ' for ",
 * so that rows stay readable. */
#include <ctype.h>
#include <stdarg.h>

#include "auth/policy_eval.h"
#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define ACCOUNT  "111111111111"
#define OTHER    "222222222222"
#define USER     "arn:aws:iam::" ACCOUNT ":user/ann"
#define ROLE     "arn:aws:iam::" ACCOUNT ":role/path/deploy"
#define SESSION  "arn:aws:sts::" ACCOUNT ":assumed-role/deploy/one"
#define REPO     "arn:aws:ecr:us-east-1:" ACCOUNT ":repository/team/app"
#define MAX_DOCS 8

/* ' becomes ". The caller frees. */
static inline char *quoted(const char *text)
{
    char *s = sw_strdup(text);
    for (char *p = s; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    return s;
}

static inline struct policy_document *parse_doc(const char *text, enum policy_type type)
{
    struct sw_err err = SW_ERR_INIT;
    struct policy_document *d = NULL;
    sw_autofree char *json = quoted(text);
    int rc = policy_document_parse(sw_str(json), type, &d, NULL, &err);
    CHECK_MSG(rc == 0, "%s: %s", text, err.msg);
    return d;
}

/* The context of a request: "aws:username=ann;aws:TagKeys=[a,b]". */
struct world {
    char text[512];
    struct policy_key keys[16];
    const char *values[16][8];
    size_t keys_n, asked;
    struct policy_attached docs[MAX_DOCS];
    size_t docs_n;
    struct policy_question q;
};

static inline const struct policy_key *world_key(void *ctx, const char *name)
{
    struct world *w = ctx;
    w->asked++;
    for (size_t i = 0; i < w->keys_n; i++) {
        if (sw_str_eq_nocase(sw_str(w->keys[i].name), sw_str(name)))
            return &w->keys[i];
    }
    return NULL;
}

static inline void world_context(struct world *w, const char *text)
{
    w->keys_n = 0;
    snprintf(w->text, sizeof(w->text), "%s", text);
    char *p = w->text;
    while (*p) {
        struct policy_key *k = &w->keys[w->keys_n];
        const char **values = w->values[w->keys_n++];
        char *end = p + strcspn(p, ";"), *equals = strchr(p, '=');
        char *next = *end ? end + 1 : end;
        *end = *equals = 0;
        *k = (struct policy_key){.name = p, .values = values};
        char *v = equals + 1;
        k->multi = *v == '[';
        if (k->multi) {
            v++;
            v[strlen(v) - 1] = 0;
        }
        while (k->multi && *v) {
            char *comma = v + strcspn(v, ",");
            values[k->values_n++] = v;
            v = *comma ? comma + 1 : comma;
            *comma = 0;
        }
        if (!k->multi)
            values[k->values_n++] = v;
        p = next;
    }
}

static inline void world_init(struct world *w)
{
    *w = (struct world){.q = {.action = "ecr:PutImage",
                              .resource = REPO,
                              .resource_account = ACCOUNT,
                              .principal_arn = USER,
                              .principal_account = ACCOUNT,
                              .key = world_key}};
    w->q.key_ctx = w;
    w->q.identity = w->docs;
}

static inline void world_done(struct world *w)
{
    for (size_t i = 0; i < w->docs_n; i++)
        policy_document_unref((struct policy_document *)w->docs[i].doc);
}

static inline const struct policy_attached *world_add(struct world *w, const char *text,
                                                      enum policy_type type,
                                                      enum policy_origin kind)
{
    struct policy_attached *a = &w->docs[w->docs_n++];
    *a = (struct policy_attached){parse_doc(text, type), "p", NULL, kind};
    return a;
}

/* Identity policies must be added before the others: they are one array. */
static inline void add_identity(struct world *w, const char *text)
{
    (void)world_add(w, text, POLICY_TYPE_IDENTITY, POLICY_FROM_USER);
    w->q.identity_n = w->docs_n;
}

static inline void add_boundary(struct world *w, const char *text)
{
    w->q.boundary = world_add(w, text, POLICY_TYPE_BOUNDARY, POLICY_FROM_BOUNDARY);
}

static inline void add_session(struct world *w, const char *text)
{
    w->q.session = world_add(w, text, POLICY_TYPE_SESSION, POLICY_FROM_SESSION);
    w->q.session_n = 1;
    w->q.has_session_policy = true;
}

static inline void add_resource(struct world *w, const char *text)
{
    const struct policy_attached *a =
        world_add(w, text, POLICY_TYPE_RESOURCE, POLICY_FROM_RESOURCE);
    if (!w->q.resource_policies_n++)
        w->q.resource_policies = a;
}

static inline struct policy_verdict verdict_of(const struct world *w)
{
    struct policy_verdict v;
    policy_evaluate(&w->q, &v);
    return v;
}

static inline const char *decision_of(const struct world *w)
{
    return policy_decision_to_string(verdict_of(w).decision);
}
