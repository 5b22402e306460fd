/* SPDX-License-Identifier: Apache-2.0 */
/* here[i] counts down as tasks of instance i are chosen, whatever the class: the strategies see the service as it will be. */
#include "launcher/plan/plan_scale_in.h"

#include "base/macros.h"
#include "launcher/plan/place_index.h"

enum class { CLASS_AWAY, CLASS_NOT_RUNNING, CLASS_RUNNING };

struct victim {
    enum class class;
    size_t task, instance;
    int64_t created_us;
    const char *id;
};

static int compare_victims(const void *a, const void *b)
{
    const struct victim *x = a, *y = b;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->class == CLASS_RUNNING && x->instance != y->instance)
        return x->instance < y->instance ? -1 : 1;
    if (x->created_us != y->created_us)
        return x->created_us > y->created_us ? -1 : 1;
    return strcmp(y->id, x->id);
}

static enum class class_of(const struct plan_cluster *cluster, const struct plan_task *t) {
    if (t->instance >= cluster->instances_n ||
        !cluster->instances[t->instance].active) return CLASS_AWAY;
    return t->state == PLAN_TASK_RUNNING ? CLASS_RUNNING : CLASS_NOT_RUNNING;
}

/* victims[0..n) are RUNNING, those of one instance together, newest first. */
static size_t by_strategy(const struct plan_cluster *cluster, const struct plan_request *req,
                          const struct victim *victims, size_t n, size_t k, int *here,
                          struct sw_arena *a, size_t *ret)
{
    size_t *next = SW_ARENA_NEW(a, size_t, cluster->instances_n), chosen = 0, at;
    bool *candidates = SW_ARENA_NEW(a, bool, cluster->instances_n);
    for (size_t i = n; i-- > 0;) {
        next[victims[i].instance] = i;
        candidates[victims[i].instance] = true;
    }
    struct place_index *ix = place_index_new(cluster, req, PLACE_STOP, candidates, here, a);
    while (chosen < k && place_index_best(ix, &at)) {
        size_t i = next[at]++;
        ret[chosen++] = victims[i].task;
        here[at]--;
        place_index_changed(ix, at, -1, i + 1 < n && victims[i + 1].instance == at);
    }
    return chosen;
}

size_t plan_scale_in(const struct plan_cluster *cluster, const struct plan_request *req,
                     const struct plan_task *tasks, const size_t *from, size_t n, size_t k,
                     int64_t now_us, struct sw_arena *a, size_t *ret)
{
    struct victim *victims = SW_ARENA_NEW(a, struct victim, n);
    int *here = SW_ARENA_NEW(a, int, cluster->instances_n);
    size_t victims_n = 0, chosen = 0;
    for (size_t i = 0; i < n; i++) {
        const struct plan_task *t = &tasks[from[i]];
        if (t->protected_until_us <= now_us)
            victims[victims_n++] = (struct victim){.class = class_of(cluster, t),
                                                   .task = from[i],
                                                   .instance = t->instance,
                                                   .created_us = t->created_us,
                                                   .id = t->id};
    }
    qsort(victims, victims_n, sizeof *victims, compare_victims);
    for (; chosen < victims_n && chosen < k && victims[chosen].class != CLASS_RUNNING; chosen++) {
        ret[chosen] = victims[chosen].task;
        if (victims[chosen].instance < cluster->instances_n)
            here[victims[chosen].instance]--;
    }
    if (chosen == victims_n || victims[chosen].class != CLASS_RUNNING)
        return chosen;
    return chosen + by_strategy(cluster, req, victims + chosen, victims_n - chosen, k - chosen,
                                here, a, ret + chosen);
}
