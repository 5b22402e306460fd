/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/plan/plan_place.h"

#include <string.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define INSTANCES_MAX 6

/* Instances a, b, c ... with the same shape. */
struct world {
    struct plan_instance instances[INSTANCES_MAX];
    struct plan_cluster view;
    struct task_resources want;
    struct plan_request req;
    struct sw_arena arena;
    struct plan_placements got;
};

static void world_done(struct world *w)
{
    sw_arena_done(&w->arena);
}

static void place(struct world *w)
{
    sw_arena_done(&w->arena);
    plan_place(&w->view, &w->req, &w->arena, &w->got);
}

static enum plan_reason why(const struct world *w, size_t i, int here)
{
    return plan_place_obstacle(&w->view, &w->req, i, here).reason;
}

static void world_init(struct world *w, size_t n, int64_t cpu, int64_t memory)
{
    static const char *const ids[INSTANCES_MAX] = {"a", "b", "c", "d", "e", "f"};
    sw_arena_done(&w->arena);
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < n; i++)
        w->instances[i] = (struct plan_instance){.id = ids[i],
                                                 .active = true,
                                                 .agent_connected = true,
                                                 .cpu = cpu,
                                                 .memory_mib = memory};
    w->view = (struct plan_cluster){.instances = w->instances, .instances_n = n};
    w->want = (struct task_resources){.cpu = 1, .memory_mib = 1};
    w->req = (struct plan_request){.resources = &w->want, .count = 1};
}

static enum plan_reason reason(struct world *w, size_t i)
{
    place(w);
    return why(w, i, w->got.here[i]);
}

TEST(names_the_first_thing_that_is_missing)
{
    static const uint16_t used[] = {80};
    const struct plan_attribute arm = {"arch", "arm64"}, x86 = {"arch", "x86_64"},
                                any = {"arch", NULL};
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 1, 10, 10);
    w.instances[0].active = false;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "INACTIVE");
    world_init(&w, 1, 10, 10);
    w.instances[0].agent_connected = false;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "AGENT");
    world_init(&w, 1, 10, 10);
    w.req.required = &arm;
    w.req.required_n = 1;
    w.instances[0].attributes = &x86;
    w.instances[0].attributes_n = 1;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "ATTRIBUTE");
    w.req.required = &any;
    CHECK_EQ_INT(why(&w, 0, 0), PLAN_FITS);
    world_init(&w, 1, 10, 10);
    w.want.cpu = 11;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "RESOURCE:CPU");
    world_init(&w, 1, 10, 10);
    w.want.memory_mib = 11;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "RESOURCE:MEMORY");
    world_init(&w, 1, 10, 10);
    w.want.tcp_ports[0] = 80;
    w.want.tcp_ports_n = 1;
    w.instances[0].tcp_ports = used;
    w.instances[0].tcp_ports_n = 1;
    CHECK_EQ_STR(plan_reason_to_string(reason(&w, 0)), "RESOURCE:PORTS");
    w.instances[0].tcp_ports_n = 0;
    w.instances[0].udp_ports = used;
    w.instances[0].udp_ports_n = 1;
    CHECK_EQ_INT(why(&w, 0, 0), PLAN_FITS);
    CHECK_NULL(plan_reason_to_string(PLAN_FITS));
    CHECK_NULL(plan_reason_to_string(PLAN_REASON_MAX_));
}

TEST(spreads_over_the_least_loaded_first)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 3, 100, 100);
    w.instances[0].tasks = 2;
    w.req.count = 4;
    place(&w);
    CHECK_EQ_INT(w.got.placed, 4);
    CHECK_EQ_INT(w.got.instance[0], 1);
    CHECK_EQ_INT(w.got.instance[1], 2);
    CHECK_EQ_INT(w.got.instance[2], 1);
    CHECK_EQ_INT(w.got.instance[3], 2);
}

TEST(breaks_ties_by_room_and_then_by_id)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 3, 100, 100);
    w.instances[2].memory_mib = 200;
    place(&w);
    CHECK_EQ_INT(w.got.instance[0], 2);
    world_init(&w, 2, 100, 100);
    w.instances[0].id = "z";
    place(&w);
    CHECK_EQ_INT(w.got.instance[0], 1);
    world_init(&w, 2, 100, 100);
    w.instances[1].cpu = 101;
    place(&w);
    CHECK_EQ_INT(w.got.instance[0], 1);
}

TEST(a_fixed_port_fits_once_on_an_instance)
{
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    world_init(&w, 2, 100, 100);
    w.want.udp_ports[0] = 53;
    w.want.udp_ports_n = 1;
    w.req.count = 3;
    place(&w);
    CHECK_EQ_INT(w.got.placed, 2);
    CHECK_EQ_INT(w.got.unplaced, 1);
    CHECK_EQ_INT(why(&w, 0, w.got.here[0]), PLAN_PORTS);
}

/* What must hold of any answer. */
static void check_world(struct world *w)
{
    int64_t cpu[INSTANCES_MAX] = {0}, memory[INSTANCES_MAX] = {0};
    int here[INSTANCES_MAX] = {0};
    place(w);
    CHECK_EQ_INT(w->got.placed + w->got.unplaced, w->req.count);
    for (int i = 0; i < w->got.placed; i++) {
        size_t at = w->got.instance[i];
        CHECK(at < w->view.instances_n);
        cpu[at] += w->want.cpu;
        memory[at] += w->want.memory_mib;
        here[at]++;
    }
    for (size_t i = 0; i < w->view.instances_n; i++) {
        const struct plan_instance *in = &w->instances[i];
        enum plan_reason more = why(w, i, w->got.here[i]);
        CHECK_EQ_INT(here[i], w->got.here[i]);
        CHECK(here[i] == 0 || (in->active && in->agent_connected));
        CHECK(here[i] == 0 || (cpu[i] <= in->cpu && memory[i] <= in->memory_mib));
        CHECK(here[i] <= 1 || w->want.tcp_ports_n == 0);
        CHECK(here[i] == 0 || in->tcp_ports_n == 0 || w->want.tcp_ports_n == 0 ||
              in->tcp_ports[0] != w->want.tcp_ports[0]);
        CHECK(w->got.unplaced == 0 || more != PLAN_FITS); /* none is left out while there is room */
    }
}

TEST(every_small_world_is_placed_safely_and_fully)
{
    static const uint16_t port = 80;
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    /* Two instances, each: cpu 0..2, memory 0..2, port taken or not, active or not; a task of cpu 0..2, memory 0..2, with or
     * without the port; 1 to 3 of them. */
    for (unsigned x = 0; x < 36 * 36; x++) {
        for (unsigned t = 0; t < 18 * 3; t++) {
            world_init(&w, 2, 0, 0);
            for (unsigned i = 0, v = x; i < 2; i++, v /= 36) {
                struct plan_instance *in = &w.instances[i];
                in->cpu = v % 3;
                in->memory_mib = v / 3 % 3;
                in->tcp_ports = &port;
                in->tcp_ports_n = v / 9 % 2;
                in->active = v / 18 % 2;
            }
            w.want = (struct task_resources){.cpu = t % 3,
                                             .memory_mib = t / 3 % 3,
                                             .tcp_ports = {port},
                                             .tcp_ports_n = t / 9 % 2};
            w.req.count = (int)(t / 18) + 1;
            check_world(&w);
        }
    }
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

TEST(random_worlds_are_placed_safely_and_fully)
{
    static const uint16_t ports[] = {80, 81, 82};
    SW_CLEANUP(world_done) struct world w = {.arena = {0}};
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        world_init(&w, next_random(&seed) % (INSTANCES_MAX + 1), 0, 0);
        for (size_t i = 0; i < w.view.instances_n; i++) {
            struct plan_instance *in = &w.instances[i];
            in->cpu = next_random(&seed) % 4096;
            in->memory_mib = next_random(&seed) % 8192;
            in->tcp_ports = &ports[next_random(&seed) % 3];
            in->tcp_ports_n = next_random(&seed) % 2;
            in->active = next_random(&seed) % 8 != 0;
            in->agent_connected = next_random(&seed) % 8 != 0;
            in->tasks = (int)(next_random(&seed) % 20);
        }
        w.want = (struct task_resources){.cpu = next_random(&seed) % 1024,
                                         .memory_mib = next_random(&seed) % 2048,
                                         .tcp_ports = {ports[next_random(&seed) % 3]},
                                         .tcp_ports_n = next_random(&seed) % 2};
        w.req.count = (int)(next_random(&seed) % 10) + 1;
        check_world(&w);
    }
}
