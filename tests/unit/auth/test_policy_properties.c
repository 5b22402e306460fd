/* SPDX-License-Identifier: Apache-2.0 */
/* Laws that hold for every policy, tried on random ones from a small vocabulary, so that statements meet requests often. */
#include "auth/policy_eval.h"

#include "base/buf.h"
#include "tests/unit/auth/policy_util.h"

#define WORLDS         4000
#define MOST_STATEMENT 5

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)((seed >> 11) % n);
}

static const char *one_of(const char *const *items, size_t n)
{
    return items[below((unsigned)n)];
}
#define ONE_OF(array) one_of((array), SW_ARRAY_LEN(array))

static const char *const requests[] = {"ecr:PutImage", "ecr:BatchGetImage", "ecs:RunTask"};
static const char *const actions[] = {
    "*", "ecr:*", "ecr:PutImage", "ecr:Put*", "ecs:*", "ecr:BatchGetImage", "ecs:RunTask"};
static const char *const resources[] = {"*",
                                        REPO,
                                        "arn:aws:ecr:*:*:repository/team/*",
                                        "arn:aws:ecr:*:*:repository/${aws:username}/*",
                                        "arn:aws:ecr:*:*:repository/other",
                                        "arn:aws:ecr:*:*:repository/team*",
                                        "arn:aws:ecr:*:*:repository/te?m/app",
                                        "arn:aws:ecr:*:*:repository",
                                        "arn:aws:ecr:*:*:repository/team/app/deep",
                                        "arn:aws:ecr:*:*:*/app",
                                        "arn:aws:ecr"};
static const char *const asked[] = {REPO,
                                    REPO,
                                    REPO,
                                    "arn:aws:ecr:us-east-1:" ACCOUNT ":repository/other",
                                    "arn:aws:ecr:us-east-1:" ACCOUNT ":repository/team/app/deep",
                                    "arn:aws:ecr:us-east-1:" ACCOUNT ":repository",
                                    "arn:aws:ecr:us-east-1:" ACCOUNT ":",
                                    "*"};
static const char *const conditions[] = {
    "",
    "",
    ",'Condition':{'StringEquals':{'aws:username':'team'}}",
    ",'Condition':{'StringNotEquals':{'aws:username':'team'}}",
    ",'Condition':{'Null':{'aws:userid':'true'}}",
    ",'Condition':{'ForAllValues:StringLike':{'aws:TagKeys':['a*','b']}}",
};

/* A list of one or two, the second perhaps the first again. */
static void add_list(struct sw_buf *b, const char *name, const char *const *items, size_t n)
{
    sw_buf_addf(b, ",'%s':['%s'", name, one_of(items, n));
    if (below(2))
        sw_buf_addf(b, ",'%s'", one_of(items, n));
    sw_buf_add_char(b, ']');
}

static char *random_statement(const char *effect, bool plain)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    sw_buf_addf(&b, "{'Effect':'%s'", effect);
    add_list(&b, plain || below(5) ? "Action" : "NotAction", actions, SW_ARRAY_LEN(actions));
    add_list(&b, plain || below(5) ? "Resource" : "NotResource", resources,
             SW_ARRAY_LEN(resources));
    sw_buf_addf(&b, "%s}", ONE_OF(conditions));
    return sw_buf_take(&b);
}

struct statements {
    char *text[MOST_STATEMENT + 1];
    size_t n;
};

static void statements_done(struct statements *s)
{
    while (s->n)
        free(s->text[--s->n]);
}

static struct statements random_statements(void)
{
    struct statements s = {.n = 1 + below(MOST_STATEMENT)};
    for (size_t i = 0; i < s.n; i++)
        s.text[i] = random_statement(below(3) ? "Allow" : "Deny", false);
    return s;
}

static void random_request(struct world *w)
{
    static const char *const contexts[] = {"", "aws:username=team", "aws:username=ann;aws:userid=x",
                                           "aws:TagKeys=[ab,b]",
                                           "aws:TagKeys=[c];aws:username=team"};
    world_init(w);
    w->q.action = ONE_OF(requests);
    w->q.resource = ONE_OF(asked);
    world_context(w, ONE_OF(contexts));
}

/* The decision of one document with these statements, on the request of w. */
static enum policy_decision decide(struct world *w, const struct statements *s)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(65536);
    sw_buf_add_z(&b, "{'Version':'2012-10-17','Statement':[");
    for (size_t i = 0; i < s->n; i++)
        sw_buf_addf(&b, "%s%s", i ? "," : "", s->text[i]);
    sw_buf_add_z(&b, "]}");
    w->docs_n = 0;
    add_identity(w, b.p);
    enum policy_decision d = verdict_of(w).decision;
    world_done(w);
    return d;
}

TEST(adding_a_deny_never_allows_more)
{
    seed = 0x1234567;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        s.text[s.n++] = random_statement("Deny", false);
        enum policy_decision after = decide(&w, &s);
        CHECK_MSG(after == before || after == POLICY_EXPLICIT_DENY, "world %d", i);
    }
}

TEST(adding_an_allow_never_denies_more)
{
    seed = 0x7654321;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        s.text[s.n++] = random_statement("Allow", false);
        enum policy_decision after = decide(&w, &s);
        CHECK_MSG(after == before || (before == POLICY_IMPLICIT_DENY && after == POLICY_ALLOW),
                  "world %d", i);
    }
}

TEST(the_order_of_statements_never_matters)
{
    seed = 0xabcdef;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        for (size_t j = s.n; j > 1; j--) {
            size_t k = below((unsigned)j);
            char *t = s.text[j - 1];
            s.text[j - 1] = s.text[k];
            s.text[k] = t;
        }
        CHECK_MSG(decide(&w, &s) == before, "world %d", i);
    }
}

TEST(a_statement_said_twice_is_said_once)
{
    seed = 0xfedcba;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        s.text[s.n] = sw_strdup(s.text[below((unsigned)s.n)]);
        s.n++;
        CHECK_MSG(decide(&w, &s) == before, "world %d", i);
    }
}

TEST(one_document_or_one_per_statement_is_the_same)
{
    seed = 0x55aa55;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        w.docs_n = 0;
        for (size_t j = 0; j < s.n; j++) {
            char text[2048];
            snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':%s}", s.text[j]);
            add_identity(&w, text);
        }
        CHECK_MSG(verdict_of(&w).decision == before, "world %d", i);
        world_done(&w);
    }
}

TEST(a_list_of_actions_and_resources_is_as_many_statements)
{
    seed = 0x99aa99;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        const char *effect = below(2) ? "Allow" : "Deny", *condition = ONE_OF(conditions);
        const char *a[2] = {ONE_OF(actions), ONE_OF(actions)};
        const char *r[2] = {ONE_OF(resources), ONE_OF(resources)};
        SW_CLEANUP(statements_done) struct statements whole = {.n = 2}, split = {.n = 5};
        whole.text[0] = sw_asprintf("{'Effect':'%s','Action':['%s','%s'],'Resource':['%s','%s']%s}",
                                    effect, a[0], a[1], r[0], r[1], condition);
        for (size_t j = 0; j < 4; j++)
            split.text[j] = sw_asprintf("{'Effect':'%s','Action':'%s','Resource':'%s'%s}", effect,
                                        a[j / 2], r[j % 2], condition);
        whole.text[1] = random_statement("Allow", true);
        split.text[4] = sw_strdup(whole.text[1]);
        random_request(&w);
        CHECK_MSG(decide(&w, &whole) == decide(&w, &split), "world %d", i);
    }
}

TEST(a_boundary_or_session_policy_never_allows_more)
{
    seed = 0x31415926;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        sw_autofree char *cap = random_statement(below(4) ? "Allow" : "Deny", false);
        sw_autofree char *doc = sw_asprintf("{'Version':'2012-10-17','Statement':%s}", cap);
        random_request(&w);
        enum policy_decision before = decide(&w, &s);
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(65536);
        for (size_t j = 0; j < s.n; j++)
            sw_buf_addf(&b, "%s%s", j ? "," : "", s.text[j]);
        sw_autofree char *all = sw_asprintf("{'Version':'2012-10-17','Statement':[%s]}", b.p);
        w.docs_n = 0;
        add_identity(&w, all);
        if (below(2))
            add_boundary(&w, doc);
        else
            add_session(&w, doc);
        enum policy_decision after = verdict_of(&w).decision;
        CHECK_MSG(after != POLICY_ALLOW || before == POLICY_ALLOW, "world %d", i);
        CHECK_MSG(before != POLICY_EXPLICIT_DENY || after == POLICY_EXPLICIT_DENY, "world %d", i);
        world_done(&w);
    }
}

static void note_match(void *ctx, const struct policy_attached *policy, size_t statement)
{
    bool *found = ctx;
    if (policy_document_statement(policy->doc, statement).deny)
        found[0] = true;
    else
        found[1] = true;
}

/* The index offers candidates; looking at every statement must come to the same. */
TEST(the_index_misses_nothing)
{
    seed = 0x27182818;
    for (int i = 0; i < WORLDS; i++) {
        struct world w;
        bool found[2] = {false, false};
        SW_CLEANUP(statements_done) struct statements s = random_statements();
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(65536);
        random_request(&w);
        for (size_t j = 0; j < s.n; j++)
            sw_buf_addf(&b, "%s%s", j ? "," : "", s.text[j]);
        sw_autofree char *all = sw_asprintf("{'Version':'2012-10-17','Statement':[%s]}", b.p);
        add_identity(&w, all);
        policy_matches(&w.q, note_match, found);
        CHECK_MSG(verdict_of(&w).decision == (found[0]   ? POLICY_EXPLICIT_DENY
                                              : found[1] ? POLICY_ALLOW
                                                         : POLICY_IMPLICIT_DENY),
                  "world %d", i);
        world_done(&w);
    }
}
