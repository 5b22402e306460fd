/* SPDX-License-Identifier: Apache-2.0 */
/* Two leases, and two loops, on one database; their clocks are the test's. The other process that holds the lease is this one with another
 * name, or one that was started for the case. */
#include "launcher/service/lease.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "launcher/service/counts.h"
#include "launcher/service/launcher_services.h"
#include "launcher/service/lease_process.h"
#include "launcher/service/service_round.h"
#include "tests/unit/launcher/service/world.h"

#define PATIENCE 10000000

static int64_t mono_us = 5000000;

static int64_t mono(void)
{
    return mono_us;
}

struct two {
    struct meta_db *db;
    struct lease *a, *b;
};

static struct lease *new_lease(struct meta_db *db)
{
    const struct lease_options o = {.db = db, .now_us = world_clock, .mono_us = mono};
    return lease_new(&o);
}

static void open_two(struct two *t)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options mo = {.path = test_path("meta.db")};
    CHECK_OK(meta_sqlite_open(&mo, &t->db, &err));
    t->a = new_lease(t->db);
    t->b = new_lease(t->db);
}

static void close_two(struct two *t)
{
    lease_free(t->a);
    lease_free(t->b);
    meta_db_free(t->db);
}

static int look(struct lease *l, bool *ret_taken)
{
    struct sw_err err = SW_ERR_INIT;
    int r = lease_look(l, ret_taken, &err);
    CHECK(r >= 0);
    return r;
}

static bool holds(struct lease *l)
{
    bool taken;
    return look(l, &taken) == 1;
}

static int guard_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return lease_guard(tx, arg, err);
}

static int guard(struct two *t, struct lease *l)
{
    struct sw_err err = SW_ERR_INIT;
    return meta_tx(t->db, META_WRITE, guard_tx, l, &err);
}

static int check_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return lease_check(tx, arg, err);
}

static int check(struct two *t, struct lease *l)
{
    struct sw_err err = SW_ERR_INIT;
    return meta_tx(t->db, META_READ, check_tx, l, &err);
}

static uint64_t epoch(struct lease *l)
{
    struct lease_state s;
    lease_state(l, &s);
    return s.epoch;
}

/* Once a second, as the loop does. */
static void seconds(struct lease *who, int n)
{
    for (int i = 0; i < n; i++) {
        mono_us += 1000000;
        if (who)
            (void)holds(who);
    }
}

TEST(the_first_takes_it_and_the_second_waits)
{
    struct two t;
    bool taken;
    open_two(&t);
    CHECK_EQ_INT(look(t.a, &taken), 1);
    CHECK(taken);
    CHECK_EQ_INT(look(t.a, &taken), 1);
    CHECK(!taken);
    CHECK_EQ_UINT(epoch(t.a), 1);
    CHECK_EQ_INT(look(t.b, &taken), 0);
    CHECK(!taken);
    CHECK_EQ_INT(guard(&t, t.a), 0);
    CHECK_EQ_INT(guard(&t, t.b), SW_ESTALE);
    CHECK_EQ_INT(check(&t, t.a), 0);
    CHECK_EQ_INT(check(&t, t.b), SW_ESTALE);
    close_two(&t);
}

TEST(a_holder_that_answers_keeps_it)
{
    struct two t;
    open_two(&t);
    CHECK(holds(t.a));
    for (int i = 0; i < 60; i++) {
        seconds(t.b, 1);
        if (i % 7 == 0)
            CHECK(holds(t.a));
        CHECK(!holds(t.b));
    }
    CHECK_EQ_UINT(epoch(t.b), 1);
    close_two(&t);
}

TEST(a_holder_that_only_writes_answers_too)
{
    struct two t;
    open_two(&t);
    CHECK(holds(t.a));
    for (int i = 0; i < 30; i++) {
        seconds(t.b, 1);
        CHECK_EQ_INT(guard(&t, t.a), 0);
    }
    CHECK(!holds(t.b));
    close_two(&t);
}

TEST(a_holder_that_is_silent_is_replaced_and_writes_nothing_when_it_wakes)
{
    struct two t;
    bool taken;
    open_two(&t);
    CHECK(holds(t.a));
    CHECK(!holds(t.b));
    seconds(t.b, 9);
    CHECK(!holds(t.b));
    CHECK_EQ_INT(guard(&t, t.a), 0); /* that counts as an answer */
    seconds(t.b, 11);
    CHECK(!holds(t.b) || epoch(t.b) == 2);
    seconds(t.b, 2);
    CHECK(holds(t.b));
    CHECK_EQ_UINT(epoch(t.b), 2);
    CHECK_EQ_INT(check(&t, t.a), SW_ESTALE);
    CHECK_EQ_INT(guard(&t, t.a), SW_ESTALE);
    CHECK_EQ_INT(look(t.a, &taken), 0);
    CHECK(!taken);
    CHECK_EQ_INT(guard(&t, t.b), 0);
    close_two(&t);
}

TEST(of_two_that_wait_one_takes_it)
{
    struct two t;
    open_two(&t);
    struct lease *c = new_lease(t.db);
    CHECK(holds(t.a)); /* and is silent from now on */
    for (int i = 0; i < 13; i++) {
        mono_us += 1000000;
        bool b_holds = holds(t.b), c_holds = holds(c);
        CHECK(!(b_holds && c_holds));
    }
    CHECK(holds(t.b) != holds(c));
    CHECK_EQ_UINT(epoch(t.b), 2);
    for (int i = 0; i < 30; i++) { /* both look, so one answers the other */
        mono_us += 1000000;
        (void)holds(t.b);
        (void)holds(c);
    }
    CHECK_EQ_UINT(epoch(t.b), 2);
    CHECK_EQ_UINT(epoch(c), 2);
    CHECK(!holds(t.a));
    lease_free(c);
    close_two(&t);
}

TEST(one_that_was_paused_itself_waits_anew)
{
    struct two t;
    open_two(&t);
    CHECK(holds(t.a));
    CHECK(!holds(t.b));
    mono_us += 3600 * INT64_C(1000000); /* both were: a laptop that slept */
    CHECK(!holds(t.b));
    CHECK(!holds(t.b));
    CHECK(holds(t.a));
    CHECK(!holds(t.b));
    CHECK_EQ_UINT(epoch(t.b), 1);
    close_two(&t);
}

TEST(wall_clocks_do_not_matter)
{
    struct two t;
    int64_t before = world_now_us;
    open_two(&t);
    CHECK(holds(t.a));
    world_now_us += 365 * 86400 * INT64_C(1000000);
    CHECK(!holds(t.b));
    CHECK(!holds(t.b));
    world_now_us = 1;
    CHECK(!holds(t.b));
    CHECK(holds(t.a));
    world_now_us = before;
    close_two(&t);
}

TEST(who_stops_gives_it_back)
{
    struct two t;
    struct sw_err err = SW_ERR_INIT;
    open_two(&t);
    CHECK(holds(t.a));
    CHECK(!holds(t.b));
    CHECK_OK(lease_release(t.b, &err)); /* it has none */
    CHECK(holds(t.a));
    CHECK_OK(lease_release(t.a, &err));
    CHECK_EQ_INT(guard(&t, t.a), SW_ESTALE);
    CHECK(holds(t.b));
    CHECK_EQ_UINT(epoch(t.b), 2);
    CHECK(!holds(t.a));
    close_two(&t);
}

static int delete_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    (void)arg;
    return meta_exec(tx, err, NULL, "DELETE FROM control_plane", "");
}

TEST(rows_that_were_emptied_are_made_anew)
{
    struct two t;
    struct sw_err err = SW_ERR_INIT;
    bool taken;
    open_two(&t);
    CHECK(holds(t.a));
    CHECK_OK(meta_tx(t.db, META_WRITE, delete_tx, NULL, &err));
    CHECK_EQ_INT(guard(&t, t.a), SW_ESTALE);
    CHECK_EQ_INT(look(t.a, &taken), 1);
    CHECK(taken);
    CHECK_EQ_INT(guard(&t, t.a), 0);
    close_two(&t);
}

struct process_arg {
    const char *process;
};

static int set_process_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL,
                     "UPDATE control_plane SET process = $1, holder = 'another', asked = answered",
                     "t", ((struct process_arg *)arg)->process);
}

static void held_by(struct two *t, const char *process)
{
    struct sw_err err = SW_ERR_INIT;
    struct process_arg a = {process};
    CHECK_OK(meta_tx(t->db, META_WRITE, set_process_tx, &a, &err));
}

/* This process's text, with members replaced. */
static char *self_with(json_t *changes)
{
    sw_autofree char *text = lease_process_self();
    sw_autojson json_t *o = json_loads(text, 0, NULL);
    CHECK(o != NULL);
    json_object_update(o, changes);
    json_decref(changes);
    return sw_json_dump(o);
}

static int64_t started_of(pid_t pid)
{
    int64_t started = 0;
    char path[64], line[1024] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    CHECK(f != NULL);
    CHECK(fgets(line, sizeof line, f) != NULL);
    (void)fclose(f);
    char *p = strrchr(line, ')');
    CHECK(p != NULL);
    for (int i = 3; i <= 22; i++)
        p = strchr(p + 1, ' ');
    CHECK(sscanf(p, "%" SCNd64, &started) == 1);
    return started;
}

TEST(a_neighbour_that_was_killed_is_replaced_at_once)
{
    struct two t;
    open_two(&t);
    CHECK(holds(t.a));
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            (void)pause();
    }
    CHECK(child > 0);
    sw_autofree char *text = self_with(
        json_pack("{s:i, s:I}", "pid", (int)child, "started", (json_int_t)started_of(child)));
    held_by(&t, text);
    CHECK(!holds(t.b)); /* it is alive */
    CHECK_EQ_INT(kill(child, SIGKILL), 0);
    siginfo_t info;
    CHECK_EQ_INT(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    CHECK(holds(t.b)); /* ended, though nobody has waited for it */
    held_by(&t, text);
    CHECK_EQ_INT(waitpid(child, NULL, 0), child);
    CHECK(holds(t.b)); /* there is no such process */
    close_two(&t);
}

TEST(what_proves_that_a_process_is_dead)
{
    sw_autofree char *self = lease_process_self();
    sw_autofree char *later = self_with(json_pack("{s:i}", "started", 1));
    sw_autofree char *elsewhere =
        self_with(json_pack("{s:s, s:s, s:i}", "boot", "x", "machine", "y", "pid", 1 << 30));
    sw_autofree char *contained =
        self_with(json_pack("{s:s, s:i}", "pidSpace", "pid:[1]", "pid", 1 << 30));
    sw_autofree char *rebooted = self_with(json_pack("{s:s, s:s}", "boot", "x", "machine", "m"));
    sw_autofree char *here = self_with(json_pack("{s:s}", "machine", "m"));
    CHECK_EQ_INT(lease_process_proof(self, self), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof(self, later), LEASE_DEAD); /* its number is used again */
    CHECK_EQ_INT(lease_process_proof(self, elsewhere), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof(self, contained), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof(here, rebooted), LEASE_OTHER_BOOT);
    CHECK_EQ_INT(lease_process_proof(self, ""), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof(self, "{}"), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof("{}", "{}"), LEASE_ALIVE_OR_UNKNOWN);
    CHECK_EQ_INT(lease_process_proof(self, "[1"), LEASE_ALIVE_OR_UNKNOWN);
    sw_autofree char *name = lease_process_name("{\"host\": \"h\", \"pid\": 7, \"boot\": \"x\"}");
    CHECK_EQ_STR(name, "h, process 7");
    sw_autofree char *none = lease_process_name("");
    CHECK_EQ_STR(none, "?, process 0");
}

/* Launchers. */

static struct launcher *second_launcher(struct world *w, const char *instance)
{
    struct sw_err err = SW_ERR_INIT;
    struct launcher *l = NULL;
    struct launcher_poll p;
    struct launcher_options lo = {.db = w->db, .now_us = world_clock, .mono_us = mono};
    sw_autojson json_t *in = doc("{'containerInstance': '%s'}", instance), *state = json_object();
    CHECK_OK(launcher_open(&lo, &l, &err));
    CHECK_EQ_INT(launcher_poll(l, &w->agent, in, &p, state, &err), 1);
    return l;
}

static size_t tasks(struct world *w)
{
    char next[ARN_MAX];
    sw_autojson json_t *out = list(w, launcher_list_tasks, doc("{}"), "", 99, next);
    return json_array_size(sw_json_array(out, "taskArns"));
}

static void settle(struct launcher *l)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(launcher_services_settle(l, &err));
}

static bool acts(struct launcher *l)
{
    struct launcher_acting a;
    launcher_acting(l, &a);
    return a.lease_held;
}

static void scale(struct world *w, int n)
{
    json_decref(call(w, &w->user, launcher_update_service,
                     doc("{'service': 'web', 'desiredCount': %d}", n)));
}

TEST(a_paused_control_plane_that_wakes_up_starts_nothing)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    char instance[ARN_MAX];
    struct service_round_result result;
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    world_taskdef(&w, "web", 20, 0);
    struct launcher *second = second_launcher(&w, instance);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 2}")));
    settle(w.l);
    CHECK(acts(w.l));
    CHECK_EQ_UINT(tasks(&w), 2);
    scale(&w, 3);
    settle(second); /* waits */
    CHECK(!acts(second));
    CHECK_EQ_UINT(tasks(&w), 2);
    for (int i = 0; i <= PATIENCE / 1000000 + 1; i++) { /* the first one is paused meanwhile */
        mono_us += 1000000;
        settle(second);
    }
    CHECK(acts(second));
    CHECK_EQ_UINT(tasks(&w), 3);
    scale(&w, 5);
    CHECK(acts(w.l)); /* so it still thinks, between its look and its round */
    int r = service_round(w.l, 1, &result, &err);
    CHECK_CONTAINS(err.msg, "another server");
    CHECK_ERR(r, SW_ESTALE, NULL);
    CHECK_EQ_UINT(tasks(&w), 3);
    settle(w.l);
    CHECK(!acts(w.l));
    CHECK_EQ_UINT(tasks(&w), 3);
    settle(second);
    CHECK_EQ_UINT(tasks(&w), 5);
    launcher_free(second); /* gives it back */
    scale(&w, 6);
    settle(w.l);
    CHECK(acts(w.l));
    CHECK_EQ_UINT(tasks(&w), 6);
    world_close(&w);
}

/* While the other one acted its agents talked to that one: they are not away since then. */
TEST(a_new_holder_does_not_take_instances_for_lost)
{
    struct world w;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    world_taskdef(&w, "web", 20, 0);
    struct launcher *second = second_launcher(&w, instance);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 2}")));
    settle(w.l);
    settle(second);
    world_now_us += 3600 * INT64_C(1000000);
    struct launcher *first = w.l;
    w.l = second;
    launcher_free(first);
    settle(second);
    CHECK(acts(second));
    sw_autojson json_t *out =
        call(&w, &w.user, launcher_describe_services, doc("{'services': ['web']}"));
    const json_t *s = json_array_get(sw_json_array(out, "services"), 0);
    CHECK_EQ_INT(sw_json_int(s, "pendingCount", -1), 2);
    CHECK_EQ_UINT(tasks(&w), 2);
    world_close(&w);
}

/* The thread, with a service whose row somebody changes all the time. */
TEST(a_service_that_changes_all_the_time_is_planned_at_a_bounded_rate)
{
    struct world w;
    struct sw_err err = SW_ERR_INIT;
    struct launcher_acting a;
    char instance[ARN_MAX];
    world_open(&w);
    world_instance(&w, 4096, 4000, instance);
    world_taskdef(&w, "web", 20, 0);
    json_decref(call(&w, &w.user, launcher_create_service,
                     doc("{'serviceName': 'web', 'taskDefinition': 'web', 'desiredCount': 1}")));
    CHECK_OK(launcher_services_start(w.l, &err));
    int64_t began = sw_mono_ms();
    while (sw_mono_ms() < began + 2000)
        scale(&w, 1);
    launcher_acting(w.l, &a);
    uint64_t most = 50 + (uint64_t)(sw_mono_ms() - began) / 50 + 2;
    CHECK_MSG(a.rounds >= 2 && a.rounds <= most, "%llu rounds, not up to %llu",
              (unsigned long long)a.rounds, (unsigned long long)most);
    scale(&w, 2);
    for (int i = 0; i < 1000 && tasks(&w) < 2; i++)
        sw_sleep_ms(50);
    CHECK_EQ_UINT(tasks(&w), 2);
    launcher_services_stop(w.l);
    world_close(&w);
}
