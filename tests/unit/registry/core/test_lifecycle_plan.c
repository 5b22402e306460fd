/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for each rule of the user guide and of the header, then random worlds against what must hold in all of them. */
#include "registry/core/lifecycle_plan.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define DAY     86400000000LL
#define NOW     (20000 * DAY)
#define TAGS    3
#define SMALL_N 14

/* --- worlds that are written down ------------------------------------------------------------- */

struct thing {
    const char *digest, *tags[TAGS];
    int64_t age_days, pulled_days; /* pulled_days 0: never */
    bool held;
};

struct world {
    struct lifecycle_image images[SMALL_N];
    struct lifecycle_edge edges[SMALL_N * 2];
    struct lifecycle_view view;
    struct lifecycle_policy policy;
    struct lifecycle_plan plan;
};

static void world_done(struct world *w)
{
    lifecycle_plan_done(&w->plan);
    lifecycle_policy_done(&w->policy);
}
#define autoworld SW_CLEANUP(world_done) struct world

static void add_things(struct world *w, const struct thing *things, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct thing *t = &things[i];
        size_t tags = 0;
        while (tags < TAGS && t->tags[tags])
            tags++;
        w->images[i] = (struct lifecycle_image){
            .digest = t->digest,
            .tags = t->tags,
            .tags_n = tags,
            .named = tags > 0,
            .held = t->held,
            .pushed_at_us = NOW - t->age_days * DAY - 1,
            .pulled_at_us = t->pulled_days ? NOW - t->pulled_days * DAY - 1 : 0};
    }
    w->view =
        (struct lifecycle_view){.images = w->images, .n = n, .edges = w->edges, .now_us = NOW};
}

static void add_edge(struct world *w, uint32_t keeper, uint32_t kept, bool child)
{
    w->edges[w->view.edges_n++] = (struct lifecycle_edge){keeper, kept, child};
}

static void plan(struct world *w, const char *rules)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *text = sw_asprintf("{\"rules\":[%s]}", rules);
    CHECK_OK(lifecycle_policy_parse(sw_str(text), &w->policy, &err));
    lifecycle_plan(&w->policy, &w->view, &w->plan);
}

/* Digests of what expires, in order, each with its rule: "a1 b2". */
static void check_expires(const struct world *w, const char *want)
{
    struct sw_buf b = SW_BUF_INIT(1000);
    (void)sw_buf_addf(&b, "%s", "");
    for (size_t i = 0; i < w->plan.order_n; i++) {
        uint32_t k = w->plan.order[i];
        (void)sw_buf_addf(&b, "%s%s%lld", i ? " " : "", w->images[k].digest,
                          (long long)w->plan.decisions[k].rule);
        CHECK(lifecycle_expires(&w->plan.decisions[k]));
    }
    CHECK_EQ_STR(b.p, want);
    sw_buf_done(&b);
}

#define RULE(priority, selection)                               \
    "{\"rulePriority\":" #priority ",\"selection\":{" selection \
    "},\"action\":{\"type\":\"expire\"}}"
#define ANY       "\"tagStatus\":\"any\","
#define NONE      "\"tagStatus\":\"untagged\","
#define PREFIX(p) "\"tagStatus\":\"tagged\",\"tagPrefixList\":[\"" p "\"],"
#define COUNT(n)  "\"countType\":\"imageCountMoreThan\",\"countNumber\":" #n
#define PUSHED(n) "\"countType\":\"sinceImagePushed\",\"countUnit\":\"days\",\"countNumber\":" #n
#define PULLED(n) "\"countType\":\"sinceImagePulled\",\"countUnit\":\"days\",\"countNumber\":" #n

TEST(counts_keep_the_newest_and_expire_the_oldest_first)
{
    static const struct thing things[] = {{"a", {"v1"}, 3, 0, false},
                                          {"b", {"v2"}, 9, 0, false},
                                          {"c", {NULL}, 1, 0, false},
                                          {"d", {"v3"}, 5, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 4);
    plan(&w, RULE(1, ANY COUNT(2)));
    check_expires(&w, "b1 d1");
}

TEST(ages_are_compared_in_whole_days)
{
    static const struct thing things[] = {{"a", {"v1"}, 3, 0, false}, {"b", {"v2"}, 2, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 2);
    w.images[1].pushed_at_us = NOW - 3 * DAY; /* not older than three days */
    plan(&w, RULE(1, ANY PUSHED(3)));
    check_expires(&w, "a1");
}

TEST(a_number_of_days_may_reach_before_the_epoch)
{
    static const struct thing things[] = {{"a", {"v1"}, 3, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 1);
    plan(&w, RULE(1, ANY PUSHED(2147483647)));
    check_expires(&w, "");
}

/* The user guide's example of rules of three kinds in one policy. */
TEST(an_image_is_claimed_by_the_first_rule_that_it_matches)
{
    static const struct thing things[] = {{"a", {"beta-1", "alpha-1"}, 5, 0, false},
                                          {"b", {NULL}, 4, 0, false},
                                          {"c", {"alpha-2"}, 3, 0, false},
                                          {"d", {"git-1"}, 2, 0, false},
                                          {"e", {NULL}, 0, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 5);
    plan(&w,
         RULE(3, ANY COUNT(1)) "," RULE(1, PREFIX("alpha") COUNT(1)) "," RULE(2, NONE PUSHED(1)));
    check_expires(&w, "a1 b2 d3");
}

TEST(lower_rules_count_what_higher_ones_expired)
{
    static const struct thing things[] = {{"a", {"x1"}, 1, 0, false},
                                          {"b", {"x2"}, 2, 0, false},
                                          {"c", {"y1"}, 3, 0, false},
                                          {"d", {"y2"}, 4, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 4);
    plan(&w, RULE(1, PREFIX("x") COUNT(1)) "," RULE(2, ANY COUNT(3)));
    check_expires(&w, "d2 b1");
}

TEST(a_pull_keeps_and_a_push_stands_for_a_pull_that_never_was)
{
    static const struct thing things[] = {{"a", {"v1"}, 40, 2, false},
                                          {"b", {"v2"}, 41, 20, false},
                                          {"c", {"v3"}, 40, 0, false},
                                          {"d", {"v4"}, 2, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 4);
    plan(&w, RULE(1, ANY PULLED(10)));
    check_expires(&w, "b1 c1");
}

TEST(a_pull_of_a_child_is_one_of_its_indexes)
{
    static const struct thing things[] = {{"i", {"v1"}, 40, 0, false},
                                          {"j", {"v2"}, 40, 30, false},
                                          {"c", {NULL}, 40, 3, false},
                                          {"k", {NULL}, 40, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 4);
    add_edge(&w, 0, 3, true);
    add_edge(&w, 3, 2, true); /* i -> k -> c */
    plan(&w, RULE(1, ANY PULLED(10)));
    check_expires(&w, "j1");
}

TEST(only_top_level_images_count_and_children_go_with_their_last_index)
{
    static const struct thing things[] = {{"i", {"v1"}, 5, 0, false}, {"x", {NULL}, 5, 0, false},
                                          {"s", {NULL}, 5, 0, false}, {"j", {"v2"}, 4, 0, false},
                                          {"y", {NULL}, 4, 0, false}, {"n", {"v3"}, 1, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 6);
    add_edge(&w, 0, 1, true);
    add_edge(&w, 0, 2, true); /* s is shared */
    add_edge(&w, 3, 2, true);
    add_edge(&w, 3, 4, true);
    plan(&w, RULE(1, ANY COUNT(2)));
    check_expires(&w, "i1 x1");
    CHECK_EQ_INT(w.plan.decisions[1].why, LIFECYCLE_FOLLOWS);
    CHECK_EQ_INT(w.plan.decisions[1].because, 0);
}

TEST(untagged_children_of_a_kept_index_stay)
{
    static const struct thing things[] = {
        {"i", {"v1"}, 50, 0, false}, {"x", {NULL}, 50, 0, false}, {"o", {NULL}, 50, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 3);
    add_edge(&w, 0, 1, true);
    plan(&w, RULE(1, NONE PUSHED(1)));
    check_expires(&w, "o1");
}

TEST(what_has_a_tag_is_an_image_of_its_own_but_an_index_keeps_it)
{
    static const struct thing things[] = {
        {"i", {"v9"}, 1, 0, false}, {"x", {"v9-amd64"}, 8, 0, false}, {"o", {"v1"}, 9, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 3);
    add_edge(&w, 0, 1, true);
    plan(&w, RULE(1, ANY COUNT(1)));
    check_expires(&w, "o1");
    CHECK_EQ_INT(w.plan.decisions[1].why, LIFECYCLE_NEEDED);
    CHECK_EQ_INT(w.plan.decisions[1].because, 0);
}

TEST(referrers_go_with_their_subject_and_not_before)
{
    static const struct thing things[] = {{"s", {"v1"}, 9, 0, false},
                                          {"g", {NULL}, 9, 0, false},
                                          {"h", {NULL}, 1, 0, false},
                                          {"t", {"v2"}, 2, 0, false},
                                          {"u", {NULL}, 9, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 5);
    add_edge(&w, 0, 1, false); /* s <- g <- h: a signature of an SBOM */
    add_edge(&w, 1, 2, false);
    add_edge(&w, 3, 4, false); /* t <- u */
    plan(&w, RULE(1, NONE PUSHED(1)) "," RULE(2, ANY COUNT(1)));
    check_expires(&w, "s2 g2 h2");
}

TEST(what_is_in_use_stays_with_all_that_it_belongs_to)
{
    static const struct thing things[] = {{"i", {"v1"}, 9, 0, false}, {"x", {NULL}, 9, 0, true},
                                          {"y", {NULL}, 9, 0, false}, {"g", {NULL}, 9, 0, false},
                                          {"o", {"v2"}, 8, 0, true},  {"p", {"v3"}, 7, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 6);
    add_edge(&w, 0, 1, true);
    add_edge(&w, 0, 2, true);
    add_edge(&w, 0, 3, false);
    plan(&w, RULE(1, ANY PUSHED(1)));
    check_expires(&w, "p1");
    CHECK_EQ_INT(w.plan.decisions[0].why, LIFECYCLE_HOLDS);
    CHECK_EQ_INT(w.plan.decisions[0].because, 1);
    CHECK_EQ_INT(w.plan.decisions[0].rule, 1);
    CHECK_EQ_INT(w.plan.decisions[4].why, LIFECYCLE_HELD);
}

TEST(an_index_comes_before_its_children_in_the_order)
{
    static const struct thing things[] = {{"a", {NULL}, 9, 0, false},
                                          {"b", {NULL}, 9, 0, false},
                                          {"c", {"v1"}, 9, 0, false},
                                          {"d", {"v2"}, 20, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 4);
    add_edge(&w, 2, 0, true); /* c -> a, c -> b -> a, and d, a named child of b, is the oldest */
    add_edge(&w, 2, 1, true);
    add_edge(&w, 1, 0, true);
    add_edge(&w, 1, 3, true);
    plan(&w, RULE(1, ANY PUSHED(1)));
    check_expires(&w, "c1 b1 a1 d1");
}

TEST(images_that_keep_each_other_stay)
{
    static const struct thing things[] = {
        {"a", {NULL}, 9, 0, false}, {"b", {NULL}, 9, 0, false}, {"c", {NULL}, 9, 0, false}};
    autoworld w = {0};
    add_things(&w, things, 3);
    add_edge(&w, 0, 1, false);
    add_edge(&w, 1, 0, false);
    add_edge(&w, 1, 2, false);
    plan(&w, RULE(1, ANY PUSHED(1)));
    check_expires(&w, "");
}

TEST(tags_of_signatures_point_to_their_subject)
{
    char out[LIFECYCLE_SUBJECT_MAX];
    static const char hex[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    sw_autofree char *plain = sw_asprintf("sha256-%s", hex), *sig = sw_asprintf("%s.sig", plain);
    sw_autofree char *want = sw_asprintf("sha256:%s", hex), *no = sw_asprintf("%sx", plain);
    CHECK(lifecycle_tag_subject(plain, out));
    CHECK_EQ_STR(out, want);
    CHECK(lifecycle_tag_subject(sig, out));
    CHECK(!lifecycle_tag_subject(no, out));
    CHECK(!lifecycle_tag_subject("sha256-0123", out));
    CHECK(!lifecycle_tag_subject("v1", out));
}

/* --- random worlds ---------------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

struct random_world {
    struct lifecycle_image *images;
    struct lifecycle_edge *edges;
    char (*digests)[16];
    const char *(*tags)[2];
    struct lifecycle_view view;
};

static const char *const tag_names[] = {"prod-1", "prod-2", "dev-1", "dev-x", "v1", "v2-rc", "q"};

/* Edges go from smaller to larger numbers; the digests hide that. */
static void random_world(struct random_world *w, size_t n, size_t edges)
{
    *w = (struct random_world){.images = sw_calloc(n + 1, sizeof(*w->images)),
                               .edges = sw_calloc(edges + 1, sizeof(*w->edges)),
                               .digests = sw_calloc(n + 1, sizeof(*w->digests)),
                               .tags = sw_calloc(n + 1, sizeof(*w->tags))};
    for (size_t i = 0; i < n; i++) {
        size_t tags = roll(5) < 2 ? 0 : 1 + roll(2);
        (void)snprintf(w->digests[i], sizeof(w->digests[i]), "%08x%04zx", roll(1u << 31),
                       i % 65536);
        for (size_t k = 0; k < tags; k++)
            w->tags[i][k] = tag_names[roll(SW_ARRAY_LEN(tag_names))];
        w->images[i] = (struct lifecycle_image){.digest = w->digests[i],
                                                .tags = w->tags[i],
                                                .tags_n = tags,
                                                .named = tags > 0 && roll(8) > 0,
                                                .held = roll(12) == 0,
                                                .pushed_at_us = NOW - roll(30) * DAY - roll(3),
                                                .pulled_at_us = roll(3) ? 0 : NOW - roll(30) * DAY};
    }
    w->view =
        (struct lifecycle_view){.images = w->images, .n = n, .edges = w->edges, .now_us = NOW};
    for (size_t i = 0; n > 1 && i < edges; i++) {
        uint32_t a = roll((uint32_t)n - 1), b = a + 1 + roll((uint32_t)n - a - 1);
        w->edges[w->view.edges_n++] = (struct lifecycle_edge){a, b, roll(2) == 0};
    }
}

static void random_world_done(struct random_world *w)
{
    free(w->images);
    free(w->edges);
    free(w->digests);
    free(w->tags);
}

static void random_policy(struct lifecycle_policy *ret, bool only_counts)
{
    static const char *const selections[] = {PREFIX("prod"), PREFIX("dev"), PREFIX("v"), NONE, ANY};
    static const char *const counts[] = {
        "\"countType\":\"imageCountMoreThan\"",
        "\"countType\":\"sinceImagePushed\",\"countUnit\":\"days\"",
        "\"countType\":\"sinceImagePulled\",\"countUnit\":\"days\""};
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(4000);
    bool any = false;
    (void)sw_buf_addf(&b, "{\"rules\":[");
    for (size_t i = 0; i < SW_ARRAY_LEN(selections); i++) {
        if (roll(2) && (any || i + 1 < SW_ARRAY_LEN(selections)))
            continue;
        (void)sw_buf_addf(&b,
                          "%s{\"rulePriority\":%zu,\"selection\":{%s%s,\"countNumber\":%u},"
                          "\"action\":{\"type\":\"expire\"}}",
                          any ? "," : "", i + 1, selections[i], counts[only_counts ? 0 : roll(3)],
                          1 + roll(6));
        any = true;
    }
    (void)sw_buf_addf(&b, "]}");
    CHECK_OK(lifecycle_policy_parse(sw_str(b.p), ret, &err));
    sw_buf_done(&b);
}

/* Nothing that stays lost what it keeps; nothing in use goes; keepers go first; a reason is true. */
static void check_safe(const struct lifecycle_view *v, const struct lifecycle_plan *p)
{
    size_t *place = sw_calloc(v->n + 1, sizeof(*place)), expired = 0;
    for (size_t i = 0; i < v->n; i++) {
        expired += lifecycle_expires(&p->decisions[i]);
        CHECK(!v->images[i].held || !lifecycle_expires(&p->decisions[i]));
        CHECK(p->decisions[i].why != LIFECYCLE_NEEDED ||
              !lifecycle_expires(&p->decisions[p->decisions[i].because]));
        CHECK(p->decisions[i].why != LIFECYCLE_HOLDS || v->images[p->decisions[i].because].held);
    }
    CHECK_EQ_UINT(p->order_n, expired);
    for (size_t k = 0; k < p->order_n; k++)
        place[p->order[k]] = k + 1;
    for (size_t i = 0; i < v->edges_n; i++) {
        const struct lifecycle_edge *e = &v->edges[i];
        CHECK(place[e->kept] == 0 || place[e->keeper] > 0);
        CHECK(place[e->kept] == 0 || place[e->keeper] < place[e->kept]);
        CHECK(!v->images[e->kept].held || place[e->keeper] == 0);
    }
    free(place);
}

/* What is left after the plan. */
static void apply(const struct lifecycle_view *v, const struct lifecycle_plan *p,
                  struct random_world *ret)
{
    uint32_t *to = sw_calloc(v->n + 1, sizeof(*to));
    *ret = (struct random_world){.images = sw_calloc(v->n + 1, sizeof(*ret->images)),
                                 .edges = sw_calloc(v->edges_n + 1, sizeof(*ret->edges))};
    ret->view = (struct lifecycle_view){.images = ret->images, .edges = ret->edges, .now_us = NOW};
    for (size_t i = 0; i < v->n; i++)
        if (!lifecycle_expires(&p->decisions[i])) {
            to[i] = (uint32_t)ret->view.n;
            ret->images[ret->view.n++] = v->images[i];
        }
    for (size_t i = 0; i < v->edges_n; i++) {
        const struct lifecycle_edge *e = &v->edges[i];
        if (!lifecycle_expires(&p->decisions[e->keeper]) &&
            !lifecycle_expires(&p->decisions[e->kept]))
            ret->edges[ret->view.edges_n++] =
                (struct lifecycle_edge){to[e->keeper], to[e->kept], e->child};
    }
    free(to);
}

static void check_idempotent(const struct lifecycle_policy *policy, const struct lifecycle_view *v,
                             const struct lifecycle_plan *p)
{
    struct random_world rest;
    struct lifecycle_plan again;
    apply(v, p, &rest);
    lifecycle_plan(policy, &rest.view, &again);
    CHECK_EQ_UINT(again.order_n, 0);
    lifecycle_plan_done(&again);
    random_world_done(&rest);
}

static void check_order_is_irrelevant(const struct lifecycle_policy *policy,
                                      const struct lifecycle_view *v,
                                      const struct lifecycle_plan *p)
{
    uint32_t *to = sw_calloc(v->n + 1, sizeof(*to));
    struct random_world other = {.images = sw_calloc(v->n + 1, sizeof(*other.images)),
                                 .edges = sw_calloc(v->edges_n + 1, sizeof(*other.edges))};
    struct lifecycle_plan q;
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t k = roll(i + 1);
        to[i] = to[k];
        to[k] = i;
    }
    for (size_t i = 0; i < v->n; i++)
        other.images[to[i]] = v->images[i];
    for (size_t i = 0; i < v->edges_n; i++) {
        const struct lifecycle_edge *e = &v->edges[v->edges_n - 1 - i];
        other.edges[i] = (struct lifecycle_edge){to[e->keeper], to[e->kept], e->child};
    }
    other.view = *v;
    other.view.images = other.images;
    other.view.edges = other.edges;
    lifecycle_plan(policy, &other.view, &q);
    for (size_t i = 0; i < v->n; i++) {
        CHECK_EQ_INT(q.decisions[to[i]].why, p->decisions[i].why);
        CHECK_EQ_INT(q.decisions[to[i]].rule, p->decisions[i].rule);
    }
    CHECK_EQ_UINT(q.order_n, p->order_n);
    for (size_t k = 0; k < q.order_n; k++)
        CHECK_EQ_UINT(q.order[k], to[p->order[k]]);
    lifecycle_plan_done(&q);
    random_world_done(&other);
    free(to);
}

/* One more hold: everything that stayed stays. */
static void check_holding_only_keeps(const struct lifecycle_policy *policy, struct random_world *w,
                                     const struct lifecycle_plan *p)
{
    struct lifecycle_plan q;
    uint32_t i = roll((uint32_t)w->view.n);
    bool before = w->images[i].held;
    w->images[i].held = true;
    lifecycle_plan(policy, &w->view, &q);
    for (size_t k = 0; k < w->view.n; k++)
        CHECK(!lifecycle_expires(&q.decisions[k]) || lifecycle_expires(&p->decisions[k]));
    CHECK(!lifecycle_expires(&q.decisions[i]));
    lifecycle_plan_done(&q);
    w->images[i].held = before;
}

TEST(random_worlds_are_safe)
{
    for (uint64_t round = 0; round < 3000; round++) {
        struct random_world w;
        struct lifecycle_policy policy;
        struct lifecycle_plan p;
        seed = round * 7919 + 1;
        size_t n = 1 + roll(24);
        random_world(&w, n, roll((uint32_t)n * 2));
        random_policy(&policy, round % 2 == 0);
        lifecycle_plan(&policy, &w.view, &p);
        check_safe(&w.view, &p);
        check_idempotent(&policy, &w.view, &p);
        check_order_is_irrelevant(&policy, &w.view, &p);
        check_holding_only_keeps(&policy, &w, &p);
        lifecycle_plan_done(&p);
        lifecycle_policy_done(&policy);
        random_world_done(&w);
    }
}

/* As many rules as there may be, each with a pattern of four wildcards. */
static void large_policy(struct lifecycle_policy *ret)
{
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(40000);
    (void)sw_buf_addf(&b, "{\"rules\":[");
    for (int i = 1; i < LIFECYCLE_RULES_MAX; i++)
        (void)sw_buf_addf(
            &b,
            "{\"rulePriority\":%d,\"selection\":{\"tagStatus\":\"tagged\","
            "\"tagPatternList\":[\"*p*o*%d*\"]," COUNT(2) "},"
                                                          "\"action\":{\"type\":\"expire\"}},",
            i, i);
    (void)sw_buf_addf(&b, "%s]}", RULE(99, ANY COUNT(40000)));
    CHECK_OK(lifecycle_policy_parse(sw_str(b.p), ret, &err));
    sw_buf_done(&b);
}

TEST(fifty_thousand_images_take_little_time)
{
    struct random_world w;
    struct lifecycle_policy policies[2];
    struct lifecycle_plan p;
    seed = 5;
    random_world(&w, 50000, 60000);
    random_policy(&policies[0], false);
    large_policy(&policies[1]);
    for (size_t i = 0; i < SW_ARRAY_LEN(policies); i++) {
        int64_t start = sw_mono_ms();
        lifecycle_plan(&policies[i], &w.view, &p);
        int64_t took = sw_mono_ms() - start;
        printf("# 50,000 images, 60,000 edges, %zu rules: %lld ms, %zu expire\n", policies[i].n,
               (long long)took, p.order_n);
        CHECK(took < 100000);
        check_safe(&w.view, &p);
        lifecycle_plan_done(&p);
        lifecycle_policy_done(&policies[i]);
    }
    random_world_done(&w);
}
