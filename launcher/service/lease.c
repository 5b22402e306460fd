/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants:
 * 1. The row changes hands only by "if it is as I saw it" (epoch, holder, answered), with epoch + 1: of two that want it one gets it.
 * 2. What is decided is guarded by epoch and holder in its own transaction, by a statement that writes the row: so it is before a
 *    change of hands as a whole, or fails.
 * 3. No clock of another machine is looked at. Waiting too short or a wrong proof changes who acts, never that one acts. */
#include "launcher/service/lease.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/service/lease_process.h"

#define HOLDER_LEN  32
#define STEP_MAX_US (2 * LEASE_LOOK_US) /* of waiting: longer, and this process was paused itself */

struct row {
    int64_t epoch, asked, answered;
    char *holder, *process;
};

struct lease {
    struct lease_options o;
    char holder[HOLDER_LEN + 1]; /* this one's */
    char *process;
    atomic_bool held;
    _Atomic uint64_t epoch, taken;
    /* Of whoever looks. */
    bool looked, waits, told;
    int64_t seen_epoch, seen_answered, waited_us, looked_at_us;
};

struct lease *lease_new(const struct lease_options *o)
{
    struct lease *l = SW_NEW(struct lease);
    l->o = *o;
    if (!l->o.mono_us)
        l->o.mono_us = sw_mono_us;
    if (!l->o.patience_us)
        l->o.patience_us = LEASE_PATIENCE_US;
    sw_random_hex(l->holder, HOLDER_LEN);
    l->process = lease_process_self();
    return l;
}

void lease_free(struct lease *l)
{
    if (!l)
        return;
    free(l->process);
    free(l);
}

void lease_state(const struct lease *l, struct lease_state *ret)
{
    *ret = (struct lease_state){.held = atomic_load(&l->held),
                                .epoch = atomic_load(&l->epoch),
                                .taken = atomic_load(&l->taken)};
}

static void row_done(struct row *r)
{
    free(r->holder);
    free(r->process);
    *r = (struct row){.holder = NULL};
}

/* holder NULL: there is no row. */
static int read_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct row *r = arg;
    row_done(r);
    int e = meta_get(
        tx, err, "SELECT epoch, asked, answered, holder, process FROM control_plane WHERE id = 1",
        "", "iiitt", &r->epoch, &r->asked, &r->answered, &r->holder, &r->process);
    return e < 0 ? e : 0;
}

struct change {
    struct lease *l;
    const struct row *seen;
    bool done;
};

static int write_row(struct lease *l, const struct row *seen, meta_fn fn, bool *ret_done,
                     struct sw_err *err)
{
    struct change c = {.l = l, .seen = seen};
    int e = meta_tx(l->o.db, META_WRITE, fn, &c, err);
    *ret_done = e == 0 && c.done;
    return e;
}

static int take_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change *c = arg;
    struct lease *l = c->l;
    int64_t changed = 0;
    int e;
    if (c->seen->holder)
        e = meta_exec(tx, err, &changed,
                      "UPDATE control_plane SET epoch = epoch + 1, holder = $1, process = $2,"
                      " answered = asked, since = $3"
                      " WHERE id = 1 AND epoch = $4 AND holder = $5 AND answered = $6",
                      "ttiiti", l->holder, l->process, l->o.now_us(), c->seen->epoch,
                      c->seen->holder, c->seen->answered);
    else
        e = meta_exec(tx, err, &changed,
                      "INSERT INTO control_plane (id, epoch, holder, process, asked, answered,"
                      " since) VALUES (1, 1, $1, $2, 0, 0, $3) ON CONFLICT (id) DO NOTHING",
                      "tti", l->holder, l->process, l->o.now_us());
    c->done = changed == 1;
    return e;
}

static int ask_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change *c = arg;
    int64_t changed = 0;
    int e = meta_exec(tx, err, &changed,
                      "UPDATE control_plane SET asked = asked + 1"
                      " WHERE id = 1 AND epoch = $1 AND asked = $2 AND answered = $2",
                      "ii", c->seen->epoch, c->seen->asked);
    c->done = changed == 1;
    return e;
}

static int not_held(struct lease *l, struct sw_err *err)
{
    atomic_store(&l->held, false);
    return sw_fail(err, SW_ESTALE, NULL, "another server acts on this database");
}

int lease_check(struct meta_tx *tx, struct lease *l, struct sw_err *err)
{
    int64_t one;
    int e = meta_get(tx, err,
                     "SELECT id FROM control_plane WHERE id = 1 AND epoch = $1 AND holder = $2",
                     "it", (int64_t)atomic_load(&l->epoch), l->holder, "i", &one);
    if (e < 0)
        return e;
    return e > 0 && atomic_load(&l->held) ? 0 : not_held(l, err);
}

int lease_guard(struct meta_tx *tx, struct lease *l, struct sw_err *err)
{
    int64_t changed = 0;
    int e = 0;
    if (atomic_load(&l->held))
        e = meta_exec(tx, err, &changed,
                      "UPDATE control_plane SET answered = asked"
                      " WHERE id = 1 AND epoch = $1 AND holder = $2",
                      "it", (int64_t)atomic_load(&l->epoch), l->holder);
    return e == 0 && changed != 1 ? not_held(l, err) : e;
}

static int answer_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return lease_guard(tx, ((struct change *)arg)->l, err);
}

/* Looking. */

static void lost(struct lease *l, const struct row *r)
{
    atomic_store(&l->held, false);
    if (l->told) {
        sw_autofree char *to = lease_process_name(r->process);
        sw_log(SW_LOG_WARNING, "lease-lost", "#epoch", r->epoch, "to", to, NULL);
    }
    l->told = false;
}

static int take(struct lease *l, const struct row *r, const char *why, bool *ret_taken,
                struct sw_err *err)
{
    int e = write_row(l, r, take_tx, ret_taken, err);
    if (e < 0 || !*ret_taken)
        return e;
    int64_t epoch = r->holder ? r->epoch + 1 : 1;
    atomic_store(&l->epoch, (uint64_t)epoch);
    atomic_fetch_add(&l->taken, 1);
    atomic_store(&l->held, true);
    l->waits = false;
    l->told = true;
    sw_autofree char *from = r->process && *r->process ? lease_process_name(r->process) : NULL;
    sw_log(SW_LOG_INFO, "lease-taken", "#epoch", epoch, "why", why, "from", from, NULL);
    return 1;
}

/* The row says this one: also after a commit that was reported as failed. */
static int hold(struct lease *l, const struct row *r, bool *ret_taken, struct sw_err *err)
{
    bool done;
    *ret_taken = !atomic_load(&l->held);
    atomic_store(&l->epoch, (uint64_t)r->epoch);
    atomic_store(&l->held, true);
    l->told = true;
    if (r->asked == r->answered)
        return 1;
    int e = write_row(l, r, answer_tx, &done, err);
    if (e == SW_ESTALE) { /* just taken away; the next look says by whom */
        sw_err_clear(err);
        return 0;
    }
    return e < 0 ? e : 1;
}

/* Why the lease can be taken from its holder now, or NULL. */
static const char *reason_to_take(struct lease *l, const struct row *r)
{
    int64_t now = l->o.mono_us(), step = SW_MIN(now - l->looked_at_us, STEP_MAX_US);
    bool first = !l->looked, moved = r->epoch != l->seen_epoch || r->answered != l->seen_answered;
    enum lease_proof proof = lease_process_proof(l->process, r->process);
    l->looked_at_us = now;
    if (proof == LEASE_DEAD)
        return "its holder is dead";
    if (proof == LEASE_OTHER_BOOT && first)
        return "the machine of its holder has started anew";
    l->seen_epoch = r->epoch;
    l->seen_answered = r->answered;
    l->waited_us = first || moved || r->asked == r->answered ? 0 : l->waited_us + step;
    return l->waited_us >= l->o.patience_us ? "its holder does not answer" : NULL;
}

static int wait_for_it(struct lease *l, const struct row *r, bool *ret_taken, struct sw_err *err)
{
    bool asked;
    const char *why = *r->holder ? reason_to_take(l, r) : "it was given back";
    l->looked = true;
    if (why)
        return take(l, r, why, ret_taken, err);
    if (!l->waits) {
        sw_autofree char *holder = lease_process_name(r->process);
        sw_log(SW_LOG_INFO, "lease-waits", "#epoch", r->epoch, "holder", holder, NULL);
    }
    l->waits = true;
    return r->asked == r->answered ? write_row(l, r, ask_tx, &asked, err) : 0;
}

int lease_look(struct lease *l, bool *ret_taken, struct sw_err *err)
{
    SW_CLEANUP(row_done) struct row r = {.holder = NULL};
    *ret_taken = false;
    int e = meta_tx(l->o.db, META_READ, read_tx, &r, err);
    if (e < 0)
        return e;
    if (!r.holder)
        return take(l, &r, "nobody had it", ret_taken, err);
    if (sw_streq(r.holder, l->holder))
        return hold(l, &r, ret_taken, err);
    lost(l, &r);
    atomic_store(&l->epoch, (uint64_t)r.epoch);
    return wait_for_it(l, &r, ret_taken, err);
}

static int release_tx(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    struct change *c = arg;
    return meta_exec(tx, err, NULL,
                     "UPDATE control_plane SET holder = '', process = ''"
                     " WHERE id = 1 AND epoch = $1 AND holder = $2",
                     "it", (int64_t)atomic_load(&c->l->epoch), c->l->holder);
}

int lease_release(struct lease *l, struct sw_err *err)
{
    bool done;
    if (!atomic_load(&l->held))
        return 0;
    atomic_store(&l->held, false);
    int e = write_row(l, NULL, release_tx, &done, err);
    if (e == 0)
        sw_log(SW_LOG_INFO, "lease-given-back", "#epoch", (int64_t)atomic_load(&l->epoch), NULL);
    return e;
}
