/* SPDX-License-Identifier: Apache-2.0 */
/* A pass: two queries tell the state of all clusters and services as a few numbers each; a service whose numbers are those of its
 * last round, and whose time has not come, is passed over. The numbers are read before the round, so a change in between makes
 * them differ at the next pass. Only the holder of the lease passes; the others look whether they are it. */
#include "launcher/service/service_loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/service/agents.h"
#include "launcher/service/lease.h"
#include "launcher/service/service_round.h"
#include "launcher/service/service_store.h"
#include "launcher/service/waiting_tasks.h"

#define LOOK_EVERY_MS 1000
#define ROUND_US      INT64_C(50000) /* of one service, on the average: see may_plan */
#define ROUNDS_BURST  50             /* at once, before that counts */
#define PASSES_MAX    1000           /* of one settle: more means that two plans undo each other */
#define FNV_START     UINT64_C(14695981039346656037)
#define FNV_PRIME     UINT64_C(1099511628211)

struct cluster_state {
    int64_t id, versions; /* sum over its instances: anything on them */
    uint64_t instances;   /* which there are, and in what state */
};

struct service_state {
    int64_t id, cluster_id, version;
    struct service_stamp stamp;
    /* Of the last round. */
    bool planned, waits_room;
    struct cluster_state cluster;
    int64_t wake_at_us;
    int64_t paid_until_us; /* by the monotonic clock: each round moves it by ROUND_US */
    bool slowed;
};

struct service_loop {
    struct launcher *l;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop, woken, forgotten; /* under the lock */
    bool running;
    _Atomic uint64_t rounds;
    /* Only of whoever passes. */
    struct cluster_state *clusters;
    size_t clusters_n;
    struct service_state *now, *last; /* in the order of ids */
    size_t now_n, last_n;
};

struct service_loop *service_loop_new(struct launcher *l)
{
    struct service_loop *s = SW_NEW(struct service_loop);
    pthread_condattr_t attr;
    s->l = l;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

static void wake(struct service_loop *s, bool forget)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->woken = true;
    s->forgotten |= forget;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void service_loop_forget(struct service_loop *s)
{
    wake(s, true);
}

void service_loop_wake(struct service_loop *s)
{
    wake(s, false);
}

/* Reading. */

static uint64_t hash(uint64_t h, const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ c[i]) * FNV_PRIME;
    return h;
}

static void add_instance(struct service_loop *s, struct meta_stmt *st, int64_t now_us)
{
    char id[ARN_ID_LEN + 1];
    int64_t cluster = meta_int(st, 0);
    struct sw_str status = meta_str(st, 2);
    (void)sw_str_copy(meta_str(st, 1), id, sizeof id);
    if (s->clusters_n == 0 || s->clusters[s->clusters_n - 1].id != cluster) {
        s->clusters = sw_realloc_array(s->clusters, s->clusters_n + 1, sizeof *s->clusters);
        s->clusters[s->clusters_n++] =
            (struct cluster_state){.id = cluster, .instances = FNV_START};
    }
    struct cluster_state *c = &s->clusters[s->clusters_n - 1];
    const unsigned char here[2] = {agents_connected(s->l->agents, id, now_us),
                                   service_instance_lost(s->l, id, now_us)};
    c->versions += meta_int(st, 3);
    c->instances = hash(hash(hash(c->instances, id, strlen(id)), status.p, status.n), here, 2);
}

static int read_clusters(struct meta_tx *tx, struct service_loop *s, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    int64_t now = s->l->now_us();
    s->clusters_n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT cluster_id, id, status, version FROM container_instance"
                       " WHERE status <> 'INACTIVE' AND capacity <> 'FARGATE' AND cluster_id IN"
                       " (SELECT cluster_id FROM service WHERE status <> 'INACTIVE')"
                       " UNION ALL SELECT 0, id, status, version FROM container_instance"
                       " WHERE status <> 'INACTIVE' AND capacity <> 'CLUSTER' ORDER BY 1, 2",
                       "");
    while (r >= 0 && (r = meta_step(st, err)) > 0)
        add_instance(s, st, now);
    return r < 0 ? r : 0;
}

static int read_services(struct meta_tx *tx, struct service_loop *s, struct sw_err *err)
{
    meta_autostmt *st = NULL;
    size_t max = 0;
    free(s->now);
    s->now = NULL;
    s->now_n = 0;
    int r = meta_query(tx, err, &st,
                       "SELECT s.id, s.cluster_id, s.version, COUNT(t.version),"
                       " COALESCE(SUM(t.version), 0),"
                       " COALESCE(SUM(t.protected_until / 1000000), 0)"
                       " FROM service s LEFT JOIN task t ON t.service_id = s.id AND t.counted = 0"
                       " WHERE s.status <> 'INACTIVE'"
                       " GROUP BY s.id, s.cluster_id, s.version ORDER BY s.id",
                       "");
    while (r >= 0 && (r = meta_step(st, err)) > 0) {
        if (s->now_n == max) {
            max = max * 2 + 16;
            s->now = sw_realloc_array(s->now, max, sizeof *s->now);
        }
        s->now[s->now_n++] = (struct service_state){.id = meta_int(st, 0),
                                                    .cluster_id = meta_int(st, 1),
                                                    .version = meta_int(st, 2),
                                                    .stamp = {.tasks = meta_int(st, 3),
                                                              .versions = meta_int(st, 4),
                                                              .protections = meta_int(st, 5)}};
    }
    return r < 0 ? r : 0;
}

static int look(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    int r = read_clusters(tx, arg, err);
    return r < 0 ? r : read_services(tx, arg, err);
}

/* Deciding. */

/* They are in the order of ids. */
static struct cluster_state cluster_row(const struct service_loop *s, int64_t id)
{
    size_t low = 0, high = s->clusters_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->clusters[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->clusters_n && s->clusters[low].id == id
               ? s->clusters[low]
               : (struct cluster_state){.id = id, .instances = FNV_START};
}

/* With the fleet of Fargate, which is row 0 and serves all of them. */
static struct cluster_state cluster_of(const struct service_loop *s, int64_t id)
{
    struct cluster_state c = cluster_row(s, id), fleet = cluster_row(s, 0);
    c.versions += fleet.versions;
    c.instances = hash(c.instances, &fleet.instances, sizeof fleet.instances);
    return c;
}

static const struct service_state *find_last(const struct service_loop *s, int64_t id)
{
    size_t low = 0, high = s->last_n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->last[mid].id == id)
            return &s->last[mid];
        if (s->last[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool is_due(const struct service_state *now, const struct service_state *last,
                   int64_t now_us)
{
    return !last || !last->planned || last->wake_at_us <= now_us || last->version != now->version ||
           last->stamp.tasks != now->stamp.tasks || last->stamp.versions != now->stamp.versions ||
           last->stamp.protections != now->stamp.protections ||
           last->cluster.instances != now->cluster.instances ||
           (last->waits_room && last->cluster.versions != now->cluster.versions);
}

/* A service that cannot be planned does not keep the others waiting; it is asked again at the next look. */
static bool plan_one(struct service_loop *s, struct service_state *state)
{
    struct service_round_result result = {.changed = false};
    struct sw_err err = SW_ERR_INIT;
    atomic_fetch_add(&s->rounds, 1);
    int r = service_round(s->l, state->id, &result, &err);
    state->planned = r == 0;
    state->waits_room = result.waits_room;
    state->wake_at_us = r == 0 ? result.wake_at_us : s->l->now_us() + LOOK_EVERY_MS * 1000;
    if (r < 0 && r != SW_ESTALE && r != SW_ENOTFOUND)
        sw_log_err(SW_LOG_ERROR, "service-not-planned", &err, "#service", state->id, NULL);
    return result.changed || r == SW_ESTALE;
}

/* False: its rounds follow each other too fast, as when two plans undo each other; it is due when *ret_wait_us have passed. */
static bool may_plan(struct service_state *state, int64_t *ret_wait_us)
{
    int64_t now = sw_mono_us();
    *ret_wait_us = state->paid_until_us - now - (ROUNDS_BURST - 1) * ROUND_US;
    if (state->paid_until_us <= now)
        state->slowed = false;
    if (*ret_wait_us > 0) {
        if (!state->slowed)
            sw_log(SW_LOG_INFO, "service-slowed", "#service", state->id, "why",
                   "it changes with each plan, or its tasks very often", NULL);
        state->slowed = true;
        return false;
    }
    state->paid_until_us = SW_MAX(state->paid_until_us, now) + ROUND_US;
    return true;
}

/* True: there may be more to do for it. */
static bool pass_one(struct service_loop *s, struct service_state *state, bool bounded)
{
    const struct service_state *last = find_last(s, state->id);
    int64_t wait_us;
    state->cluster = cluster_of(s, state->cluster_id);
    state->paid_until_us = last ? last->paid_until_us : 0;
    state->slowed = last && last->slowed;
    if (!is_due(state, last, s->l->now_us())) {
        state->planned = true;
        state->waits_room = last->waits_room;
        state->wake_at_us = last->wake_at_us;
        return false;
    }
    if (!bounded || may_plan(state, &wait_us))
        return plan_one(s, state);
    state->wake_at_us = s->l->now_us() + wait_us;
    return false;
}

/* 1: this server acts; 0: another one does. A new holder knows nothing of what was planned, nor which agents were heard where. */
static int hold_lease(struct service_loop *s, struct sw_err *err)
{
    bool taken;
    int r = lease_look(s->l->lease, &taken, err);
    pthread_mutex_lock(&s->lock);
    if (s->forgotten || taken)
        s->last_n = 0;
    s->forgotten = false;
    pthread_mutex_unlock(&s->lock);
    if (r > 0 && taken)
        agents_count_from(s->l->agents, s->l->now_us());
    return r;
}

/* What moved on meanwhile is no failure: the next pass sees it. */
static int place_waiting(struct service_loop *s, bool *ret_more, struct sw_err *err)
{
    int r = waiting_tasks_place(s->l, err);
    if (r == SW_ESTALE)
        sw_err_clear(err);
    *ret_more = r > 0 || r == SW_ESTALE;
    return r == SW_ESTALE ? 0 : r;
}

/* 1: something was done, so there may be more. *ret_wake_us: when something is due by time alone. bounded: no service takes more than
 * its share of rounds. */
static int pass(struct service_loop *s, bool bounded, int64_t *ret_wake_us, struct sw_err *err)
{
    bool more = false;
    int64_t wake_us = INT64_MAX;
    *ret_wake_us = wake_us;
    int r = hold_lease(s, err);
    if (r <= 0 || (r = place_waiting(s, &more, err)) < 0 ||
        (r = meta_tx(s->l->db, META_READ_LONG, look, s, err)) < 0)
        return r;
    for (size_t i = 0; i < s->now_n; i++) {
        more |= pass_one(s, &s->now[i], bounded);
        wake_us = SW_MIN(wake_us, s->now[i].wake_at_us);
    }
    free(s->last);
    s->last = s->now;
    s->last_n = s->now_n;
    s->now = NULL;
    s->now_n = 0;
    *ret_wake_us = wake_us;
    return more;
}

int service_loop_settle(struct service_loop *s, struct sw_err *err)
{
    int64_t wake_us;
    int r = 1;
    for (int i = 0; i < PASSES_MAX && r > 0; i++)
        r = pass(s, false, &wake_us, err);
    return r < 0 ? r : 0;
}

/* Running. */

/* False: stop. */
static bool wait_for_news(struct service_loop *s, int64_t wait_ms)
{
    struct timespec until;
    pthread_mutex_lock(&s->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!s->stop && !s->woken &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
        ;
    bool go_on = !s->stop;
    s->woken = false;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct service_loop *s = arg;
    int64_t wait_ms = 0;
    while (wait_for_news(s, wait_ms)) {
        struct sw_err err = SW_ERR_INIT;
        int64_t wake_us = INT64_MAX;
        int r = pass(s, true, &wake_us, &err);
        if (r < 0)
            sw_log_err(SW_LOG_ERROR, "services-not-read", &err, NULL);
        int64_t left_ms = (wake_us - s->l->now_us()) / 1000 + 1;
        wait_ms = r > 0 ? 0 : SW_MAX(SW_MIN(left_ms, LOOK_EVERY_MS), 10);
    }
    return NULL;
}

int service_loop_start(struct service_loop *s, struct sw_err *err)
{
    int e = pthread_create(&s->thread, NULL, run, s);
    if (e != 0)
        return sw_fail(err, SW_EINTERNAL, NULL, "the thread of the services does not start: %d", e);
    s->running = true;
    return 0;
}

void service_loop_stop(struct service_loop *s)
{
    struct sw_err err = SW_ERR_INIT;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->running)
        pthread_join(s->thread, NULL);
    s->running = false;
    if (lease_release(s->l->lease, &err) < 0)
        sw_log_err(SW_LOG_WARNING, "lease-not-given-back", &err, NULL);
}

uint64_t service_loop_rounds(const struct service_loop *s)
{
    return atomic_load(&s->rounds);
}

void service_loop_free(struct service_loop *s)
{
    if (!s)
        return;
    service_loop_stop(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s->clusters);
    free(s->now);
    free(s->last);
    free(s);
}
