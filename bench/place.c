/* SPDX-License-Identifier: Apache-2.0 */
/* Placement on simulated instances: how long plan_place takes, and plan_service for services of many tasks.
 * place [ROUNDS]      prints one line a case, the median of ROUNDS runs (default 5)
 * Build: cc -O2 -D_GNU_SOURCE -I. -o /tmp/place bench/place.c launcher/plan/[a-z]*.c base/arena.c base/alloc.c base/err.c base/str.c -lm
 * Instances have ten zones, ten attributes and room for 12 tasks; each carries tasks of ten groups. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/plan/plan_service.h"

#define ATTRIBUTES 10
#define GROUPS     10

struct world {
    struct plan_instance *instances;
    struct plan_attribute *attributes;
    struct plan_group *groups;
    char (*ids)[33];
    size_t n;
};

static const char *const zones[] = {"z0", "z1", "z2", "z3", "z4", "z5", "z6", "z7", "z8", "z9"};
static const char *const names[ATTRIBUTES] = {"ecs.ami-id",
                                              "ecs.os-type",
                                              "ecs.cpu-architecture",
                                              "ecs.instance-type",
                                              "ecs.vpc-id",
                                              "ecs.os-family",
                                              "com.amazonaws.ecs.capability.ecr-auth",
                                              "ecs.capability.task-eni",
                                              "rack",
                                              "ecs.availability-zone"};
static const char *const group_names[GROUPS] = {"service:a", "service:b",  "service:c", "service:d",
                                                "service:e", "service:f",  "service:g", "service:h",
                                                "family:i",  "service:web"};
static const uint16_t ports[] = {22, 2375, 2376, 51678, 51679};

static void world_init(struct world *w, size_t n)
{
    w->n = n;
    w->instances = sw_calloc(n, sizeof *w->instances);
    w->attributes = sw_calloc(n * ATTRIBUTES, sizeof *w->attributes);
    w->groups = sw_calloc(n * GROUPS, sizeof *w->groups);
    w->ids = sw_calloc(n, sizeof *w->ids);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < ATTRIBUTES; k++)
            w->attributes[i * ATTRIBUTES + k] =
                (struct plan_attribute){names[k], k >= 8 ? zones[(i * 7 + k) % 10] : "same"};
        for (size_t k = 0; k < GROUPS; k++)
            w->groups[i * GROUPS + k] = (struct plan_group){group_names[k], (int)(i + k) % 3};
        (void)snprintf(w->ids[i], sizeof w->ids[i], "%032zx", i * 2654435761u);
        w->instances[i] = (struct plan_instance){.id = w->ids[i],
                                                 .active = true,
                                                 .agent_connected = true,
                                                 .cpu = 12 * 128,
                                                 .memory_mib = 12 * 256 + (int64_t)(i % 64),
                                                 .tcp_ports = ports,
                                                 .tcp_ports_n = SW_ARRAY_LEN(ports),
                                                 .attributes = &w->attributes[i * ATTRIBUTES],
                                                 .attributes_n = ATTRIBUTES,
                                                 .groups = &w->groups[i * GROUPS],
                                                 .groups_n = GROUPS,
                                                 .tasks = GROUPS};
    }
}

static void world_done(struct world *w)
{
    free(w->instances);
    free(w->attributes);
    free(w->groups);
    free(w->ids);
}

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct setting {
    const char *name;
    struct plan_strategy strategies[3];
    size_t strategies_n;
    const char *expression;
};

static const struct setting settings[] = {
    {"no strategy", {{0}}, 0, NULL},
    {"spread zone, instance",
     {{PLAN_SPREAD_ATTRIBUTE, "ecs.availability-zone"}, {PLAN_SPREAD_INSTANCE, NULL}},
     2,
     NULL},
    {"spread zone, rack, binpack memory",
     {{PLAN_SPREAD_ATTRIBUTE, "ecs.availability-zone"},
      {PLAN_SPREAD_ATTRIBUTE, "rack"},
      {PLAN_BINPACK_MEMORY, NULL}},
     3,
     NULL},
    {"binpack memory", {{PLAN_BINPACK_MEMORY, NULL}}, 1, NULL},
    {"random", {{PLAN_RANDOM, NULL}}, 1, NULL},
    {"spread zone; memberOf of 3 terms",
     {{PLAN_SPREAD_ATTRIBUTE, "ecs.availability-zone"}},
     1,
     "attribute:ecs.instance-type =~ (same|m[45]).* and runningTasksCount < 100 and "
     "task:group != service:none"},
};

static void measure(const struct setting *s, size_t instances, int count, int rounds)
{
    static const struct task_resources want = {.cpu = 128, .memory_mib = 256};
    static const struct plan_attribute required[] = {
        {"com.amazonaws.ecs.capability.ecr-auth", NULL}, {"ecs.capability.task-eni", NULL}};
    sw_autoarena fixed = {0};
    sw_autofree double *ms = sw_calloc((size_t)rounds, sizeof *ms);
    struct plan_constraint constraint;
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    int placed = 0;
    world_init(&w, instances);
    if (s->expression &&
        plan_constraint_parse("memberOf", s->expression, &fixed, &constraint, &err) < 0)
        abort();
    const struct plan_cluster view = {w.instances, w.n};
    const struct plan_request req = {.resources = &want,
                                     .required = required,
                                     .required_n = SW_ARRAY_LEN(required),
                                     .constraints = &constraint,
                                     .constraints_n = s->expression != NULL,
                                     .strategies = s->strategies,
                                     .strategies_n = s->strategies_n,
                                     .group = "service:web",
                                     .count = count};
    for (int r = 0; r < rounds; r++) {
        sw_autoarena a = {0};
        struct plan_placements got;
        double from = now_ms();
        plan_place(&view, &req, &a, &got);
        ms[r] = now_ms() - from;
        placed = got.placed;
    }
    qsort(ms, (size_t)rounds, sizeof *ms, compare);
    printf("%-34s %8zu %8d %8d %10.2f %10.2f\n", s->name, instances, count, placed, ms[rounds / 2],
           ms[rounds / 2] * 1e3 / count);
    world_done(&w);
}

/* A service of n tasks at four moments: new, steady, in the middle of a deployment, scaled to a half. */
static void measure_service(int n, int rounds)
{
    static const char *const moments[] = {"service: all missing", "service: steady",
                                          "service: half of the old to stop",
                                          "service: scaled to a half"};
    static const struct task_resources want = {.cpu = 128, .memory_mib = 256};
    static const struct plan_request req = {.resources = &want,
                                            .strategies = plan_service_strategies,
                                            .strategies_n = PLAN_SERVICE_STRATEGIES,
                                            .group = "service:web"};
    const struct plan_deployment deployments[] = {
        {.id = "ecs-svc/2", .request = &req},
        {.id = "ecs-svc/1", .request = &req, .state = {.status = PLAN_ACTIVE}}};
    sw_autofree double *ms = sw_calloc((size_t)rounds, sizeof *ms);
    sw_autofree struct plan_task *tasks = sw_calloc((size_t)n * 2, sizeof *tasks);
    struct world w;
    world_init(&w, 1000);
    for (int moment = 0; moment < 4; moment++) {
        int have = moment == 0 ? 0 : moment == 2 ? n * 3 / 2 : n;
        for (int i = 0; i < have; i++)
            tasks[i] = (struct plan_task){.id = w.ids[i % 1000],
                                          .deployment = i >= n / 2 && moment == 2,
                                          .instance = (size_t)i % 1000,
                                          .state = PLAN_TASK_RUNNING,
                                          .created_us = i,
                                          .started_us = 1};
        const struct plan_service_view v = {.name = "web",
                                            .desired = moment == 3 ? n / 2 : n,
                                            .min_healthy_percent = 100,
                                            .maximum_percent = 200,
                                            .steady = true,
                                            .deployments = deployments,
                                            .deployments_n = moment == 2 ? 2 : 1,
                                            .tasks = tasks,
                                            .tasks_n = (size_t)have,
                                            .cluster = {w.instances, w.n},
                                            .now_us = 1000000000};
        size_t actions = 0;
        for (int r = 0; r < rounds; r++) {
            sw_autoarena a = {0};
            struct plan_service_result got;
            double from = now_ms();
            plan_service(&v, &a, &got);
            ms[r] = now_ms() - from;
            actions = got.actions_n;
        }
        qsort(ms, (size_t)rounds, sizeof *ms, compare);
        printf("%-34s %8d %8d %8zu %10.2f %10.2f\n", moments[moment], 1000, n, actions,
               ms[rounds / 2], ms[rounds / 2] * 1e3 / n);
    }
    world_done(&w);
}

int main(int argc, char **argv)
{
    static const struct {
        size_t instances;
        int count;
    } sizes[] = {{1000, 1},     {10000, 1},     {1000, 1000},
                 {1000, 10000}, {10000, 10000}, {10000, 100000}};
    uint64_t rounds = 5;
    if (argc > 2 ||
        (argc == 2 && (!sw_parse_u64(sw_str(argv[1]), &rounds) || rounds < 1 || rounds > 1000))) {
        fprintf(stderr, "usage: place [ROUNDS]\n");
        return 2;
    }
    printf("%-34s %8s %8s %8s %10s %10s\n", "strategies", "machines", "tasks", "placed", "ms",
           "us/task");
    for (size_t k = 0; k < SW_ARRAY_LEN(sizes); k++) {
        for (size_t i = 0; i < SW_ARRAY_LEN(settings); i++)
            measure(&settings[i], sizes[k].instances, sizes[k].count, (int)rounds);
    }
    for (int n = 1000; n <= 10000; n *= 10)
        measure_service(n, (int)rounds);
    return 0;
}
