/* SPDX-License-Identifier: Apache-2.0 */
/* Strategies and constraints of plan_place, against tables and against a slow planner that looks at everything anew each time. */
#include "base/macros.h"
#include "launcher/plan/place_index.h"
#include "launcher/plan/plan_place.h"
#include "tests/lib/test.h"

#define INSTANCES_MAX 12

struct world {
    struct plan_instance instances[INSTANCES_MAX];
    struct plan_attribute attributes[INSTANCES_MAX][2];
    struct plan_group groups[INSTANCES_MAX][2];
    char ids[INSTANCES_MAX][4];
    struct plan_cluster view;
    struct task_resources want;
    struct plan_strategy strategies[PLAN_STRATEGIES_MAX];
    struct plan_constraint constraints[3];
    struct plan_request req;
    struct sw_arena arena;
    struct plan_placements got;
};

static void world_done(struct world *w)
{
    sw_arena_done(&w->arena);
}

/* Instances 0, 1, ... of 1000 cpu and memory; zone a, b, c in turn, rack r0 and r1 in turn. */
static void world_init(struct world *w, size_t n)
{
    static const char *const zones[] = {"a", "b", "c"}, *const racks[] = {"r0", "r1"};
    sw_arena_done(&w->arena);
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(w->ids[i], sizeof w->ids[i], "%02u", (unsigned)i % 100);
        w->attributes[i][0] = (struct plan_attribute){"ecs.availability-zone", zones[i % 3]};
        w->attributes[i][1] = (struct plan_attribute){"rack", racks[i % 2]};
        w->groups[i][0] = (struct plan_group){"service:web", 0};
        w->groups[i][1] = (struct plan_group){"family:other", 0};
        w->instances[i] = (struct plan_instance){.id = w->ids[i],
                                                 .active = true,
                                                 .agent_connected = true,
                                                 .cpu = 1000,
                                                 .memory_mib = 1000,
                                                 .attributes = w->attributes[i],
                                                 .attributes_n = 2,
                                                 .groups = w->groups[i],
                                                 .groups_n = 2};
    }
    w->view = (struct plan_cluster){w->instances, n};
    w->want = (struct task_resources){.cpu = 100, .memory_mib = 100};
    w->req = (struct plan_request){.resources = &w->want,
                                   .strategies = w->strategies,
                                   .constraints = w->constraints,
                                   .group = "service:web",
                                   .count = 1};
}

/* "spread:attribute:rack, binpack:cpu" */
static void strategies(struct world *w, const char *text)
{
    static char field[PLAN_STRATEGIES_MAX][40];
    struct sw_err err = SW_ERR_INIT;
    struct sw_str rest = sw_str(text), part, type;
    w->req.strategies_n = 0;
    while (sw_str_split(&rest, ',', &part)) {
        char name[20];
        part = sw_str_trim(part);
        CHECK(sw_str_split(&part, ':', &type) && sw_str_copy(type, name, sizeof name));
        char *f = field[w->req.strategies_n];
        CHECK(sw_str_copy(part.p ? part : SW_STR(""), f, sizeof field[0]));
        CHECK_OK(plan_strategy_parse(name, f, &w->strategies[w->req.strategies_n++], &err));
    }
}

static void constraint(struct world *w, const char *type, const char *expression)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(plan_constraint_parse(type, expression, &w->arena,
                                   &w->constraints[w->req.constraints_n++], &err));
}

/* The ids of the instances chosen, in order: "00 01 01". */
static const char *placed(struct world *w, int count)
{
    static char text[INSTANCES_MAX * 40];
    size_t n = 0;
    text[0] = 0;
    w->req.count = count;
    plan_place(&w->view, &w->req, &w->arena, &w->got);
    CHECK_EQ_INT(w->got.placed + w->got.unplaced, count);
    for (int i = 0; i < w->got.placed; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "",
                              w->ids[w->got.instance[i]]);
    return text;
}

TEST(binpack_fills_the_fullest_that_still_fits)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 3);
    w.instances[1].memory_mib = 250;
    w.instances[2].cpu = 150;
    strategies(&w, "binpack:memory");
    CHECK_EQ_STR(placed(&w, 4), "01 01 00 00");
    strategies(&w, "binpack:CPU");
    CHECK_EQ_STR(placed(&w, 3), "02 00 00");
}

TEST(spread_over_zones_balances_what_is_there_already)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 4); /* zones a b c a */
    w.groups[0][0].tasks = w.instances[0].tasks = 2;
    w.groups[1][1].tasks = 9; /* another group does not count */
    strategies(&w, "spread:attribute:ecs.availability-zone");
    CHECK_EQ_STR(placed(&w, 6), "01 02 01 02 03 01");
    w.instances[1].active = false; /* and its zone is gone */
    w.groups[0][0].tasks = 0;
    CHECK_EQ_STR(placed(&w, 4), "02 03 02 03");
}

TEST(tasks_on_instances_that_take_none_count_for_their_zone)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 5); /* a b c a b */
    w.groups[1][0].tasks = 3;
    w.instances[1].active = false;
    strategies(&w, "spread:attribute:ecs.availability-zone, spread:instanceId");
    CHECK_EQ_STR(placed(&w, 5), "00 02 03 02 00");
}

TEST(instances_without_the_attribute_are_one_zone)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 4);
    w.instances[2].attributes_n = 0;
    w.instances[3].attributes_n = 0;
    strategies(&w, "spread:attribute:ecs.availability-zone");
    CHECK_EQ_STR(placed(&w, 6), "00 01 02 03 00 01");
}

TEST(the_default_of_services_is_zones_then_instances)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 6);
    memcpy(w.strategies, plan_service_strategies, PLAN_SERVICE_STRATEGIES * sizeof w.strategies[0]);
    w.req.strategies_n = PLAN_SERVICE_STRATEGIES;
    CHECK_EQ_STR(placed(&w, 7), "00 01 02 03 04 05 00");
}

TEST(strategies_are_chained_as_given)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 6);
    w.instances[3].memory_mib = 300; /* zone a */
    w.instances[4].memory_mib = 200; /* zone b */
    strategies(&w, "spread:attribute:ecs.availability-zone, binpack:memory");
    CHECK_EQ_STR(placed(&w, 7), "04 03 02 04 03 02 03");
    strategies(&w, "binpack:memory, spread:attribute:ecs.availability-zone");
    CHECK_EQ_STR(placed(&w, 6), "04 04 03 03 03 02");
}

TEST(random_uses_the_seed_and_reaches_every_instance_about_equally)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    int hits[INSTANCES_MAX] = {0};
    world_init(&w, 10);
    strategies(&w, "random:x");
    for (int i = 0; i < 10; i++)
        w.instances[i].cpu = w.instances[i].memory_mib = 1000000;
    w.req.count = 10000;
    plan_place(&w.view, &w.req, &w.arena, &w.got);
    for (int i = 0; i < 10; i++)
        CHECK_MSG(w.got.here[i] > 850 && w.got.here[i] < 1150, "%d", w.got.here[i]);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        sw_arena_done(&w.arena);
        w.req.seed = seed;
        w.req.count = 1;
        plan_place(&w.view, &w.req, &w.arena, &w.got);
        hits[w.got.instance[0]]++;
    }
    for (int i = 0; i < 10; i++)
        CHECK_MSG(hits[i] > 130 && hits[i] < 270, "%d", hits[i]);
    char *first = sw_arena_str(&w.arena, sw_str(placed(&w, 20)));
    CHECK_EQ_STR(placed(&w, 20), first);
}

TEST(distinct_instance_counts_the_group_and_the_request)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 4);
    w.groups[1][0].tasks = 1;
    w.groups[2][1].tasks = 1;
    constraint(&w, "distinctInstance", NULL);
    CHECK_EQ_STR(placed(&w, 5), "00 02 03");
    CHECK_EQ_INT(w.got.unplaced, 2);
    CHECK_EQ_STR(plan_reason_to_string(plan_place_obstacle(&w.view, &w.req, 1, 0).reason),
                 "DistinctInstance placement constraint unsatisfied.");
}

TEST(member_of_chooses_among_instances_and_sees_the_tasks_of_the_request)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 6);
    constraint(&w, "memberOf", "attribute:rack == r1");
    CHECK_EQ_STR(placed(&w, 4), "01 03 05 01");
    constraint(&w, "memberOf", "task:group != service:web");
    CHECK_EQ_STR(placed(&w, 4), "01 03 05");
    CHECK_EQ_INT(w.got.unplaced, 1);
    struct plan_obstacle o = plan_place_obstacle(&w.view, &w.req, 0, 0);
    CHECK_EQ_STR(plan_reason_to_string(o.reason), "MemberOf placement constraint unsatisfied.");
    CHECK_EQ_STR(o.what, "attribute:rack == r1");
    CHECK_EQ_STR(plan_place_obstacle(&w.view, &w.req, 1, 1).what, "task:group != service:web");
    world_init(&w, 2);
    w.instances[0].tasks = 1;
    constraint(&w, "memberOf", "runningTasksCount < 2");
    CHECK_EQ_STR(placed(&w, 9), "01 00 01");
    world_init(&w, 3);
    w.groups[2][1].tasks = 1;
    constraint(&w, "memberOf", "task:group == family:other");
    CHECK_EQ_STR(placed(&w, 2), "02 02");
}

TEST(strategies_and_constraints_that_mean_nothing_are_refused)
{
    static const struct {
        const char *type, *field, *part;
    } table[] = {
        {"spread", NULL, "instanceId, host or attribute:NAME"},
        {"spread", "attribute:", "instanceId, host or attribute:NAME"},
        {"spread", "memory", "instanceId, host or attribute:NAME"},
        {"binpack", "disk", "cpu or memory"},
        {"binpack", NULL, "cpu or memory"},
        {"pack", "cpu", "'pack'"},
        {NULL, NULL, "''"},
    };
    sw_autoarena a = {0};
    struct plan_strategy st;
    struct plan_constraint c;
    struct sw_err err = SW_ERR_INIT;
    for (size_t i = 0; i < SW_ARRAY_LEN(table); i++) {
        CHECK_EQ_INT(plan_strategy_parse(table[i].type, table[i].field, &st, &err), SW_EINVALID);
        CHECK_CONTAINS(err.msg, table[i].part);
        sw_err_clear(&err);
    }
    CHECK_OK(plan_strategy_parse("spread", "HOST", &st, &err));
    CHECK_EQ_INT(st.type, PLAN_SPREAD_INSTANCE);
    CHECK_ERR(plan_constraint_parse("distinctInstance", "x", &a, &c, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_ERR(plan_constraint_parse("near", NULL, &a, &c, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_ERR(plan_constraint_parse("memberOf", NULL, &a, &c, &err), SW_EINVALID,
              "InvalidParameterException");
    CHECK_OK(plan_constraint_parse("distinctInstance", "", &a, &c, &err));
}

TEST(obstacles_carry_numbers)
{
    static const uint16_t used[] = {22, 80};
    static const struct plan_attribute gpu = {"gpu", NULL};
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 1);
    struct plan_obstacle o = plan_place_obstacle(&w.view, &w.req, 0, 10);
    CHECK_EQ_INT(o.reason, PLAN_CPU);
    CHECK_EQ_INT(o.needed, 100);
    CHECK_EQ_INT(o.available, 0);
    w.instances[0].memory_mib = 70;
    o = plan_place_obstacle(&w.view, &w.req, 0, 0);
    CHECK_EQ_INT(o.reason, PLAN_MEMORY);
    CHECK_EQ_INT(o.available, 70);
    w.want = (struct task_resources){.tcp_ports = {81, 80}, .tcp_ports_n = 2};
    w.instances[0].tcp_ports = used;
    w.instances[0].tcp_ports_n = 2;
    o = plan_place_obstacle(&w.view, &w.req, 0, 0);
    CHECK_EQ_INT(o.reason, PLAN_PORTS);
    CHECK_EQ_INT(o.needed, 80);
    w.req.required = &gpu;
    w.req.required_n = 1;
    CHECK_EQ_STR(plan_place_obstacle(&w.view, &w.req, 0, 0).what, "gpu");
}

/* The slow planner. */

static const char *value(const struct plan_instance *in, const char *name)
{
    for (size_t i = 0; i < in->attributes_n; i++) {
        if (sw_streq(in->attributes[i].name, name))
            return in->attributes[i].value;
    }
    return NULL;
}

static bool same_groups(const struct world *w, size_t a, size_t b, size_t strategy)
{
    for (size_t s = 0; s <= strategy; s++) {
        const struct plan_strategy *st = &w->strategies[s];
        if (st->type == PLAN_SPREAD_ATTRIBUTE && !sw_streq(value(&w->instances[a], st->attribute),
                                                           value(&w->instances[b], st->attribute)))
            return false;
    }
    return true;
}

static int64_t slow_key(const struct world *w, const int *here, size_t i, size_t strategy)
{
    int64_t n = 0;
    switch (w->strategies[strategy].type) {
    case PLAN_SPREAD_INSTANCE: return w->groups[i][0].tasks + here[i];
    case PLAN_BINPACK_CPU: return w->instances[i].cpu - here[i] * w->want.cpu;
    case PLAN_BINPACK_MEMORY: return w->instances[i].memory_mib - here[i] * w->want.memory_mib;
    default:
        for (size_t k = 0; k < w->view.instances_n; k++)
            n += same_groups(w, i, k, strategy) ? w->groups[k][0].tasks + here[k] : 0;
        return n;
    }
}

/* Is a at least as good a choice as b, as far as the strategies tell? */
static bool no_worse(const struct world *w, const int *here, size_t a, size_t b)
{
    for (size_t s = 0; s < w->req.strategies_n; s++) {
        int64_t x = slow_key(w, here, a, s), y = slow_key(w, here, b, s);
        if (x != y)
            return x < y;
    }
    return true;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void random_world(struct world *w, uint32_t *seed)
{
    static const char *const constraints[] = {
        "attribute:rack == r1 or runningTasksCount < 3", "task:group != family:other",
        "not (task:group == service:web) or attribute:rack == r0"};
    world_init(w, next_random(seed) % (INSTANCES_MAX + 1));
    for (size_t i = 0; i < w->view.instances_n; i++) {
        struct plan_instance *in = &w->instances[i];
        in->cpu = 100 * (next_random(seed) % 8);
        in->memory_mib = 100 * (next_random(seed) % 8);
        in->active = next_random(seed) % 8 != 0;
        in->attributes_n = next_random(seed) % 3;
        w->groups[i][0].tasks = (int)(next_random(seed) % 3);
        w->groups[i][1].tasks = (int)(next_random(seed) % 2);
        in->tasks = w->groups[i][0].tasks + w->groups[i][1].tasks;
    }
    for (uint32_t n = next_random(seed) % 4; w->req.strategies_n < n;) {
        static const struct plan_strategy all[] = {
            {PLAN_SPREAD_ATTRIBUTE, "ecs.availability-zone"},
            {PLAN_SPREAD_ATTRIBUTE, "rack"},
            {PLAN_SPREAD_INSTANCE, NULL},
            {PLAN_BINPACK_CPU, NULL},
            {PLAN_BINPACK_MEMORY, NULL},
        };
        w->strategies[w->req.strategies_n++] = all[next_random(seed) % SW_ARRAY_LEN(all)];
    }
    if (next_random(seed) % 4 == 0)
        constraint(w, "distinctInstance", NULL);
    if (next_random(seed) % 4 == 0)
        constraint(w, "memberOf", constraints[next_random(seed) % 3]);
    w->req.count = (int)(next_random(seed) % 25);
}

TEST(each_choice_is_the_best_of_all_and_breaks_no_rule)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    uint32_t seed = 11;
    for (int round = 0; round < 5000; round++) {
        int here[INSTANCES_MAX] = {0};
        random_world(&w, &seed);
        plan_place(&w.view, &w.req, &w.arena, &w.got);
        for (int t = 0; t < w.got.placed; t++) {
            size_t at = w.got.instance[t];
            CHECK_EQ_INT(plan_place_obstacle(&w.view, &w.req, at, here[at]).reason, PLAN_FITS);
            for (size_t i = 0; i < w.view.instances_n; i++)
                CHECK_MSG(plan_place_obstacle(&w.view, &w.req, i, here[i]).reason != PLAN_FITS ||
                              no_worse(&w, here, at, i),
                          "round %d, task %d: %zu before %zu", round, t, i, at);
            here[at]++;
        }
        for (size_t i = 0; i < w.view.instances_n && w.got.unplaced > 0; i++)
            CHECK(plan_place_obstacle(&w.view, &w.req, i, here[i]).reason != PLAN_FITS);
    }
}
