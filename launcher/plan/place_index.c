/* SPDX-License-Identifier: Apache-2.0 */
/* 1. A node's `best` is the best leaf below it, NULL if there is none; nodes without one are in no heap.
 * 2. heap[at] of a parent is the child whose `at` that is; a parent comes before its two children.
 * 3. Two children of one node are compared by their best leaves, all strategies in turn. Counts of groups that both lie in are equal
 *    and cannot decide. */
#include "launcher/plan/place_index.h"

#include <assert.h>
#include <math.h>

#include "base/macros.h"

struct node {
    struct node *parent;
    struct node **heap; /* NULL: a leaf */
    size_t heap_n, at;
    struct node *best;
    struct node *sibling, *children, *older; /* while building */
    const char *value;                       /* of the attribute */
    int64_t count;                           /* tasks of the group on instances below */
    /* Of a leaf. */
    size_t instance;
    struct node
        *groups[PLAN_STRATEGIES_MAX]; /* one for each strategy; NULL where it makes no groups */
    int own;                          /* tasks of the group in the view */
    double clock;                     /* of random placement */
};

struct place_index {
    const struct plan_cluster *view;
    const struct plan_request *req;
    enum place_direction direction;
    const int *here;
    struct node root;
    struct node *leaves; /* one an instance */
    struct node *newest; /* of the inner nodes */
    struct node **table; /* of groups by parent and value */
    size_t table_n;      /* a power of two */
    struct sw_arena *arena;
};

/* Order. */

static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The time to the next event of a process that has one a unit of time on average. The instance whose event comes first is each one
 * with the same chance, whatever was drawn before. */
static double waiting_time(const struct place_index *ix, size_t i, int draw)
{
    uint64_t bits =
        mixed(mixed(ix->req->seed ^ (uint64_t)i * 0x2545f4914f6cdd1du) + (uint64_t)draw);
    return -log(((double)(bits >> 11) + 1) / 9007199254740993.0);
}

static int64_t key(const struct place_index *ix, const struct node *leaf, size_t strategy)
{
    const struct plan_instance *in = &ix->view->instances[leaf->instance];
    const struct task_resources *r = ix->req->resources;
    int here = ix->here[leaf->instance];
    switch (ix->req->strategies[strategy].type) {
    case PLAN_SPREAD_ATTRIBUTE: return leaf->groups[strategy]->count;
    case PLAN_SPREAD_INSTANCE: return leaf->own + here;
    case PLAN_BINPACK_CPU: return in->cpu - here * r->cpu;
    case PLAN_BINPACK_MEMORY: return in->memory_mib - here * r->memory_mib;
    default: return 0;
    }
}

static int compare_clocks(const struct node *a, const struct node *b)
{
    return (a->clock > b->clock) - (a->clock < b->clock);
}

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Where the strategies see no difference. */
static int compare_rest(const struct place_index *ix, const struct node *a, const struct node *b)
{
    const struct plan_instance *x = &ix->view->instances[a->instance],
                               *y = &ix->view->instances[b->instance];
    const struct task_resources *r = ix->req->resources;
    int x_here = ix->here[a->instance], y_here = ix->here[b->instance];
    bool stop = ix->direction == PLACE_STOP;
    int d = stop ? sign(b->own + y_here, a->own + x_here) : 0;
    if (d == 0)
        d = stop ? sign(y->tasks + y_here, x->tasks + x_here)
                 : sign(x->tasks + x_here, y->tasks + y_here);
    if (d == 0)
        d = sign(y->memory_mib - y_here * r->memory_mib, x->memory_mib - x_here * r->memory_mib);
    if (d == 0)
        d = sign(y->cpu - y_here * r->cpu, x->cpu - x_here * r->cpu);
    if (d == 0)
        d = strcmp(x->id, y->id);
    return d != 0 ? d : sign((int64_t)a->instance, (int64_t)b->instance);
}

/* Below 0 if leaf a comes before leaf b; *ret_strategy is the one that decided. */
static int compare(const struct place_index *ix, const struct node *a, const struct node *b,
                   size_t *ret_strategy)
{
    for (size_t s = 0; s < ix->req->strategies_n; s++) {
        bool random = ix->req->strategies[s].type == PLAN_RANDOM;
        int d = random ? compare_clocks(a, b) : sign(key(ix, a, s), key(ix, b, s));
        *ret_strategy = s;
        if (d != 0)
            return ix->direction == PLACE_STOP && !random ? -d : d;
    }
    *ret_strategy = ix->req->strategies_n;
    return compare_rest(ix, a, b);
}

static bool before(const struct place_index *ix, const struct node *a, const struct node *b)
{
    size_t strategy;
    return compare(ix, a->best, b->best, &strategy) < 0;
}

/* Heaps. */

static void put(struct node *parent, size_t at, struct node *child)
{
    parent->heap[at] = child;
    child->at = at;
}

static void sift_up(const struct place_index *ix, struct node *parent, size_t at)
{
    struct node *moving = parent->heap[at];
    for (; at > 0 && before(ix, moving, parent->heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(parent, at, parent->heap[(at - 1) / 2]);
    put(parent, at, moving);
}

static void sift_down(const struct place_index *ix, struct node *parent, size_t at)
{
    struct node *moving = parent->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= parent->heap_n)
            break;
        if (child + 1 < parent->heap_n && before(ix, parent->heap[child + 1], parent->heap[child]))
            child++;
        if (!before(ix, parent->heap[child], moving))
            break;
        put(parent, at, parent->heap[child]);
        at = child;
    }
    put(parent, at, moving);
}

static void heap_fix(const struct place_index *ix, struct node *parent, struct node *child)
{
    sift_up(ix, parent, child->at);
    sift_down(ix, parent, child->at);
}

static void heap_remove(const struct place_index *ix, struct node *parent, struct node *child)
{
    size_t at = child->at;
    struct node *last = parent->heap[--parent->heap_n];
    if (last == child)
        return;
    put(parent, at, last);
    heap_fix(ix, parent, last);
}

static void set_best(struct node *n)
{
    n->best = n->heap_n > 0 ? n->heap[0]->best : NULL;
}

/* Building. */

static uint64_t hash(const struct node *parent, const char *value)
{
    uint64_t h = mixed((uint64_t)(uintptr_t)parent);
    for (const char *p = value ? value : "\x01"; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    return mixed(h);
}

static struct node *group_of(struct place_index *ix, struct node *parent, const char *value)
{
    size_t at = hash(parent, value) & (ix->table_n - 1);
    for (; ix->table[at]; at = (at + 1) & (ix->table_n - 1)) {
        if (ix->table[at]->parent == parent && sw_streq(ix->table[at]->value, value))
            return ix->table[at];
    }
    struct node *n = SW_ARENA_NEW(ix->arena, struct node, 1);
    *n = (struct node){
        .parent = parent, .value = value, .sibling = parent->children, .older = ix->newest};
    parent->children = n;
    ix->newest = n;
    ix->table[at] = n;
    return n;
}

static const char *attribute_of(const struct plan_instance *in, const char *name)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, name))
            return in->attributes[i].value ? in->attributes[i].value : "";
    }
    return NULL;
}

static int tasks_of_group(const struct plan_instance *in, const char *group)
{
    int n = 0;
    for (size_t i = 0; group && i < in->groups_n; i++) {
        if (sw_streq(in->groups[i].name, group))
            n += in->groups[i].tasks;
    }
    return n;
}

/* Puts the leaf of instance i into its groups; counts in them also where it is no candidate. */
static void add_leaf(struct place_index *ix, size_t i, bool candidate)
{
    const struct plan_instance *in = &ix->view->instances[i];
    struct node *leaf = &ix->leaves[i], *parent = &ix->root;
    leaf->instance = i;
    leaf->own = tasks_of_group(in, ix->req->group);
    for (size_t s = 0; s < ix->req->strategies_n; s++) {
        const struct plan_strategy *st = &ix->req->strategies[s];
        if (st->type == PLAN_RANDOM)
            leaf->clock = waiting_time(ix, i, 0);
        if (st->type != PLAN_SPREAD_ATTRIBUTE)
            continue;
        parent = group_of(ix, parent, attribute_of(in, st->attribute));
        parent->count += leaf->own + ix->here[i];
        leaf->groups[s] = parent;
    }
    for (int draw = 1; leaf->clock > 0 && draw <= ix->here[i]; draw++)
        leaf->clock += waiting_time(ix, i, draw);
    leaf->parent = parent;
    if (!candidate)
        return;
    leaf->best = leaf;
    leaf->sibling = parent->children;
    parent->children = leaf;
}

static void make_heap(struct place_index *ix, struct node *n)
{
    size_t count = 0;
    for (const struct node *c = n->children; c; c = c->sibling)
        count += c->best != NULL;
    n->heap = SW_ARENA_NEW(ix->arena, struct node *, count);
    for (struct node *c = n->children; c; c = c->sibling) {
        if (c->best)
            put(n, n->heap_n++, c);
    }
    for (size_t at = n->heap_n / 2; at-- > 0;)
        sift_down(ix, n, at);
    set_best(n);
}

struct place_index *place_index_new(const struct plan_cluster *view, const struct plan_request *req,
                                    enum place_direction direction, const bool *candidates,
                                    const int *here, struct sw_arena *a)
{
    struct place_index *ix = SW_ARENA_NEW(a, struct place_index, 1);
    size_t n = view->instances_n, levels = 1;
    assert(req->strategies_n <= PLAN_STRATEGIES_MAX);
    *ix = (struct place_index){
        .view = view, .req = req, .direction = direction, .here = here, .arena = a};
    for (size_t s = 0; s < req->strategies_n; s++)
        levels += req->strategies[s].type == PLAN_SPREAD_ATTRIBUTE;
    for (ix->table_n = 16; ix->table_n < 2 * n * levels; ix->table_n *= 2) {}
    ix->table = SW_ARENA_NEW(a, struct node *, ix->table_n);
    ix->leaves = SW_ARENA_NEW(a, struct node, n);
    for (size_t i = 0; i < n; i++)
        add_leaf(ix, i, candidates[i]);
    for (struct node *g = ix->newest; g; g = g->older) /* inner groups are newer than outer ones */
        make_heap(ix, g);
    make_heap(ix, &ix->root);
    return ix;
}

/* Use. */

bool place_index_best(const struct place_index *ix, size_t *ret)
{
    if (!ix->root.best)
        return false;
    *ret = ix->root.best->instance;
    return true;
}

void place_index_changed(struct place_index *ix, size_t i, int by, bool keep)
{
    struct node *leaf = &ix->leaves[i];
    for (struct node *g = leaf->parent; g != &ix->root; g = g->parent)
        g->count += by;
    if (leaf->clock > 0)
        leaf->clock += waiting_time(ix, i, ix->here[i]);
    if (!leaf->best)
        return;
    if (!keep)
        leaf->best = NULL;
    for (struct node *n = leaf; n != &ix->root; n = n->parent) {
        if (n->best)
            heap_fix(ix, n->parent, n);
        else
            heap_remove(ix, n->parent, n);
        set_best(n->parent);
    }
}

size_t place_index_difference(const struct place_index *ix, size_t i, size_t best, int64_t *ret_own,
                              int64_t *ret_best)
{
    size_t strategy;
    (void)compare(ix, &ix->leaves[i], &ix->leaves[best], &strategy);
    bool valued = strategy < ix->req->strategies_n;
    *ret_own = valued ? key(ix, &ix->leaves[i], strategy) : 0;
    *ret_best = valued ? key(ix, &ix->leaves[best], strategy) : 0;
    return strategy;
}
