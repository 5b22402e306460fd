/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/lifecycle_plan.c - ECR user guide, "Lifecycle policy evaluation rules"; what is ours is in the header.
 * Steps: rank the images of their own; let each rule claim and select; spread from what stays to all that it keeps; spread from what
 * goes to all that goes with it; put what goes into an order in which it can be deleted. */
#include "registry/core/lifecycle_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"

#define DAY_US 86400000000LL

/* Neighbours of every image in one array: those of i are to[from[i]] ... to[from[i + 1] - 1]. */
struct graph {
    uint32_t *from, *to;
};

struct work {
    const struct lifecycle_policy *policy;
    const struct lifecycle_view *v;
    struct lifecycle_plan *plan;
    struct graph down, up;        /* keeper -> kept, kept -> keeper */
    struct graph indexes;         /* child -> index */
    struct lifecycle_edge *edges; /* the view's, in an order that says nothing about the input's */
    int64_t *used_at;             /* the last pull of it or of a part; else the push */
    uint32_t *ranked;             /* images of their own, newest first */
    size_t ranked_n;
    bool *selected, *stays;
    uint32_t *queue;
};

enum direction { DOWN, UP, TO_INDEX };

static void graph_done(struct graph *g)
{
    free(g->from);
    free(g->to);
}

#define FOR_EACH_NEIGHBOUR(g, i, var)              \
    for (uint32_t var##_k = (g)->from[i], var = 0; \
         var##_k < (g)->from[(i) + 1] && ((var = (g)->to[var##_k]), true); var##_k++)

static bool of_its_own(const struct work *w, uint32_t i)
{
    return w->v->images[i].named || w->up.from[i] == w->up.from[i + 1];
}

/* --- order ------------------------------------------------------------------------------------ */

struct key {
    int64_t at;
    const char *digest;
    uint32_t i;
};

/* Latest first; equal times by digest, so that no order of the input matters. */
static int latest_first(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? 1 : -1;
    return strcmp(x->digest, y->digest);
}

/* *ret: the images that `want` accepts (NULL: all), latest first by `at`. */
static size_t sorted(const struct work *w, const int64_t *at,
                     bool (*want)(const struct work *, uint32_t), uint32_t *ret)
{
    struct key *keys = sw_calloc(w->v->n + 1, sizeof(*keys));
    size_t n = 0;
    for (uint32_t i = 0; i < w->v->n; i++)
        if (!want || want(w, i))
            keys[n++] =
                (struct key){at ? at[i] : w->v->images[i].pushed_at_us, w->v->images[i].digest, i};
    qsort(keys, n, sizeof(*keys), latest_first);
    for (size_t i = 0; i < n; i++)
        ret[i] = keys[i].i;
    free(keys);
    return n;
}

struct ranked_edge {
    uint32_t keeper_rank, kept_rank;
    struct lifecycle_edge edge;
};

static int by_ranks(const void *a, const void *b)
{
    const struct ranked_edge *x = a, *y = b;
    if (x->keeper_rank != y->keeper_rank)
        return x->keeper_rank < y->keeper_rank ? -1 : 1;
    return (x->kept_rank > y->kept_rank) - (x->kept_rank < y->kept_rank);
}

static void sort_edges(struct work *w)
{
    size_t n = w->v->edges_n;
    struct ranked_edge *list = sw_calloc(n + 1, sizeof(*list));
    uint32_t *rank = sw_calloc(w->v->n + 1, sizeof(*rank));
    w->edges = sw_calloc(n + 1, sizeof(*w->edges));
    (void)sorted(w, NULL, NULL, w->queue);
    for (uint32_t k = 0; k < w->v->n; k++)
        rank[w->queue[k]] = k;
    for (size_t i = 0; i < n; i++) {
        const struct lifecycle_edge *e = &w->v->edges[i];
        list[i] = (struct ranked_edge){rank[e->keeper], rank[e->kept], *e};
    }
    qsort(list, n, sizeof(*list), by_ranks);
    for (size_t i = 0; i < n; i++)
        w->edges[i] = list[i].edge;
    free(rank);
    free(list);
}

static bool edge_counts(const struct lifecycle_edge *e, enum direction d)
{
    return d != TO_INDEX || e->child;
}

static struct graph graph_new(const struct work *w, enum direction d)
{
    size_t n = w->v->n;
    struct graph g = {.from = sw_calloc(n + 2, sizeof(*g.from)),
                      .to = sw_calloc(w->v->edges_n + 1, sizeof(*g.to))};
    for (size_t i = 0; i < w->v->edges_n; i++)
        if (edge_counts(&w->edges[i], d))
            g.from[(d == DOWN ? w->edges[i].keeper : w->edges[i].kept) + 2]++;
    for (size_t i = 2; i < n + 2; i++)
        g.from[i] += g.from[i - 1];
    for (size_t i = 0; i < w->v->edges_n; i++) {
        const struct lifecycle_edge *e = &w->edges[i];
        if (edge_counts(e, d))
            g.to[g.from[(d == DOWN ? e->keeper : e->kept) + 1]++] = d == DOWN ? e->kept : e->keeper;
    }
    return g;
}

/* An index was used when a part of it was. From the latest use on, so each image is reached once. */
static void spread_use(struct work *w)
{
    size_t n = w->v->n;
    bool *seen = sw_calloc(n + 1, sizeof(*seen));
    uint32_t *by_use = sw_calloc(n + 1, sizeof(*by_use));
    for (uint32_t i = 0; i < n; i++) {
        const struct lifecycle_image *image = &w->v->images[i];
        w->used_at[i] = image->pulled_at_us ? image->pulled_at_us : image->pushed_at_us;
    }
    (void)sorted(w, w->used_at, NULL, by_use);
    for (size_t k = 0; k < n; k++) {
        uint32_t start = by_use[k];
        if (!w->v->images[start].pulled_at_us || seen[start])
            continue;
        size_t head = 0, tail = 0;
        int64_t at = w->used_at[start];
        seen[start] = true;
        w->queue[tail++] = start;
        while (head < tail) {
            FOR_EACH_NEIGHBOUR(&w->indexes, w->queue[head], index)
            {
                if (seen[index])
                    continue;
                seen[index] = true;
                w->used_at[index] = SW_MAX(at, w->used_at[index]);
                w->queue[tail++] = index;
            }
            head++;
        }
    }
    free(by_use);
    free(seen);
}

/* --- rules ------------------------------------------------------------------------------------ */

static int64_t cutoff(const struct work *w, int64_t days)
{
    return days > w->v->now_us / DAY_US ? INT64_MIN : w->v->now_us - days * DAY_US;
}

static bool too_many_or_old(const struct work *w, const struct lifecycle_rule *r, uint32_t i,
                            int64_t rank, int64_t before_us)
{
    switch (r->count) {
    case LIFECYCLE_MORE_THAN: return rank > r->number;
    case LIFECYCLE_SINCE_PUSHED: return w->v->images[i].pushed_at_us < before_us;
    case LIFECYCLE_SINCE_PULLED: return w->used_at[i] < before_us;
    }
    return false;
}

static void apply_rule(struct work *w, const struct lifecycle_rule *r, bool *claimed)
{
    int64_t rank = 0, before_us = cutoff(w, r->number);
    for (size_t k = 0; k < w->ranked_n; k++) {
        uint32_t i = w->ranked[k];
        const struct lifecycle_image *image = &w->v->images[i];
        if (!lifecycle_rule_matches(r, image->tags, image->tags_n))
            continue;
        rank++;
        if (claimed[i])
            continue;
        claimed[i] = true;
        if (!too_many_or_old(w, r, i, rank, before_us))
            continue;
        w->selected[i] = true;
        w->plan->decisions[i] = (struct lifecycle_decision){LIFECYCLE_SELECTED, r->priority, 0};
    }
}

static void apply_rules(struct work *w)
{
    bool *claimed = sw_calloc(w->v->n + 1, sizeof(*claimed));
    w->ranked_n = sorted(w, NULL, of_its_own, w->ranked);
    for (size_t i = 0; i < w->policy->n; i++)
        apply_rule(w, &w->policy->rules[i], claimed);
    free(claimed);
}

/* --- what stays ------------------------------------------------------------------------------- */

static void keep(struct work *w, uint32_t i, enum lifecycle_why why, uint32_t because)
{
    struct lifecycle_decision *d = &w->plan->decisions[i];
    w->stays[i] = true;
    d->because = because;
    d->why = d->why == LIFECYCLE_UNSELECTED ? LIFECYCLE_UNSELECTED : why;
}

/* Spreads from queue[0 .. n - 1], which stay. What is said of an image is said by the first that reaches it, and those come in the order
 * of the queue, which is by digest or rank. */
static size_t spread(struct work *w, const struct graph *g, size_t n, enum lifecycle_why why,
                     bool pass_on)
{
    for (size_t head = 0; head < n; head++) {
        uint32_t from = w->queue[head];
        FOR_EACH_NEIGHBOUR(g, from, next)
        {
            if (w->stays[next])
                continue;
            const struct lifecycle_decision *d = &w->plan->decisions[from];
            keep(w, next, why, pass_on && !w->v->images[from].held ? d->because : from);
            w->queue[n++] = next;
        }
    }
    return n;
}

static bool is_held(const struct work *w, uint32_t i)
{
    return w->v->images[i].held;
}

/* Parts that keep each other in a circle, which no image of its own keeps: nobody selects them, so they stay. */
static bool *find_circles(struct work *w)
{
    bool *circle = sw_calloc(w->v->n + 1, sizeof(*circle));
    memset(circle, true, w->v->n);
    memcpy(w->queue, w->ranked, w->ranked_n * sizeof(*w->queue));
    size_t n = w->ranked_n;
    for (size_t k = 0; k < n; k++)
        circle[w->queue[k]] = false;
    for (size_t head = 0; head < n; head++) {
        FOR_EACH_NEIGHBOUR(&w->down, w->queue[head], next)
        {
            if (circle[next])
                w->queue[n++] = next;
            circle[next] = false;
        }
    }
    return circle;
}

static void decide_what_stays(struct work *w)
{
    bool *circle = find_circles(w);
    size_t n = sorted(w, NULL, is_held, w->queue);
    for (size_t i = 0; i < n; i++)
        keep(w, w->queue[i], LIFECYCLE_HELD, w->queue[i]);
    n = spread(w, &w->up, n, LIFECYCLE_HOLDS, true);
    for (size_t k = 0; k < w->ranked_n; k++) {
        uint32_t i = w->ranked[k];
        if (w->selected[i] || w->stays[i])
            continue;
        keep(w, i, LIFECYCLE_UNSELECTED, 0);
        w->queue[n++] = i;
    }
    for (uint32_t i = 0; i < w->v->n; i++) {
        if (!circle[i] || w->stays[i])
            continue;
        keep(w, i, LIFECYCLE_UNSELECTED, 0);
        w->queue[n++] = i;
    }
    free(circle);
    (void)spread(w, &w->down, n, LIFECYCLE_NEEDED, false);
}

/* --- what goes -------------------------------------------------------------------------------- */

/* The expired images of their own, oldest first, then what goes with them. */
static size_t collect_expired(struct work *w)
{
    size_t n = 0;
    for (size_t k = w->ranked_n; k-- > 0;) {
        uint32_t i = w->ranked[k];
        if (w->selected[i] && !w->stays[i])
            w->queue[n++] = i;
    }
    for (size_t head = 0; head < n; head++) {
        uint32_t from = w->queue[head];
        FOR_EACH_NEIGHBOUR(&w->down, from, next)
        {
            struct lifecycle_decision *d = &w->plan->decisions[next];
            if (w->stays[next] || lifecycle_expires(d) || of_its_own(w, next))
                continue;
            *d =
                (struct lifecycle_decision){LIFECYCLE_FOLLOWS, w->plan->decisions[from].rule, from};
            w->queue[n++] = next;
        }
    }
    return n;
}

/* Keepers first; of a circle the rest at the end. */
static void put_in_order(struct work *w, size_t n)
{
    struct lifecycle_plan *plan = w->plan;
    uint32_t *keepers = sw_calloc(w->v->n + 1, sizeof(*keepers));
    bool *placed = sw_calloc(w->v->n + 1, sizeof(*placed));
    plan->order = sw_calloc(n + 1, sizeof(*plan->order));
    for (size_t k = 0; k < n; k++) {
        FOR_EACH_NEIGHBOUR(&w->up, w->queue[k], keeper)
        {
            keepers[w->queue[k]] += lifecycle_expires(&plan->decisions[keeper]);
        }
    }
    for (size_t k = 0; k < n; k++)
        if (keepers[w->queue[k]] == 0)
            plan->order[plan->order_n++] = w->queue[k];
    for (size_t head = 0; head < plan->order_n; head++) {
        placed[plan->order[head]] = true;
        FOR_EACH_NEIGHBOUR(&w->down, plan->order[head], next)
        {
            if (lifecycle_expires(&plan->decisions[next]) && --keepers[next] == 0)
                plan->order[plan->order_n++] = next;
        }
    }
    for (size_t k = 0; k < n; k++)
        if (!placed[w->queue[k]])
            plan->order[plan->order_n++] = w->queue[k];
    free(placed);
    free(keepers);
}

void lifecycle_plan(const struct lifecycle_policy *policy, const struct lifecycle_view *view,
                    struct lifecycle_plan *ret)
{
    size_t n = view->n;
    *ret = (struct lifecycle_plan){.decisions = sw_calloc(n + 1, sizeof(*ret->decisions))};
    struct work w = {.policy = policy,
                     .v = view,
                     .plan = ret,
                     .used_at = sw_calloc(n + 1, sizeof(*w.used_at)),
                     .ranked = sw_calloc(n + 1, sizeof(*w.ranked)),
                     .selected = sw_calloc(n + 1, sizeof(*w.selected)),
                     .stays = sw_calloc(n + 1, sizeof(*w.stays)),
                     .queue = sw_calloc(n + 1, sizeof(*w.queue))};
    sort_edges(&w);
    w.down = graph_new(&w, DOWN);
    w.up = graph_new(&w, UP);
    w.indexes = graph_new(&w, TO_INDEX);
    spread_use(&w);
    apply_rules(&w);
    decide_what_stays(&w);
    put_in_order(&w, collect_expired(&w));
    graph_done(&w.down);
    graph_done(&w.up);
    graph_done(&w.indexes);
    free(w.edges);
    free(w.used_at);
    free(w.ranked);
    free(w.selected);
    free(w.stays);
    free(w.queue);
}

void lifecycle_plan_done(struct lifecycle_plan *plan)
{
    free(plan->decisions);
    free(plan->order);
    *plan = (struct lifecycle_plan){0};
}

bool lifecycle_tag_subject(const char *tag, char out[LIFECYCLE_SUBJECT_MAX])
{
    static const char prefix[] = "sha256-";
    if (strncmp(tag, prefix, 7) != 0)
        return false;
    const char *hex = tag + 7;
    size_t n = strspn(hex, "0123456789abcdef");
    if (n != 64 || (hex[64] != 0 && hex[64] != '.'))
        return false;
    memcpy(out, "sha256:", 7);
    memcpy(out + 7, hex, 64);
    out[71] = 0;
    return true;
}
