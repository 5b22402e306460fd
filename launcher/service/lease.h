/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/lease.h - one of the servers on a database acts by itself, the others wait.
 * Owns the row of control_plane. The holder has an epoch; whoever takes the lease raises it. Whatever acts asks lease_guard inside its
 * own transaction, so a holder that was paused, replaced and wakes again writes nothing.
 * The holder renews only when it is asked: a server alone on its database writes nothing while it has nothing to do. One that waits
 * asks, and takes the lease when its question stayed without an answer for `patience`, counted on its own monotonic clock in steps that
 * leave out the time in which it was paused itself. A holder on the same machine that is seen to be dead is replaced at once, and
 * one that stops gives the lease back.
 * Threads: look and release belong to the one that acts; lease_guard to its transactions; lease_state to any.
 * Expected errors: SW_ESTALE from lease_guard, another one has the lease. */
#include <stdbool.h>

#include "storage/meta/meta.h"

#define LEASE_PATIENCE_US INT64_C(10000000)
#define LEASE_LOOK_US     INT64_C(1000000) /* how often lease_look is called at least */

struct lease;
struct lease_options {
    struct meta_db *db;
    int64_t (*now_us)(void);  /* only written, for people */
    int64_t (*mono_us)(void); /* NULL: sw_mono_us */
    int64_t patience_us;      /* 0: LEASE_PATIENCE_US */
};
struct lease *lease_new(const struct lease_options *o); /* nothing is read yet */
void lease_free(struct lease *l);                       /* gives nothing back; NULL ok */

/* Reads the row; answers who asks, or asks, or takes it. 1 held, 0 another one has it. *ret_taken: since the look before. */
int lease_look(struct lease *l, bool *ret_taken, struct sw_err *err);
/* In the transaction of whatever the holder decided. An answer to who asks, too. */
int lease_guard(struct meta_tx *tx, struct lease *l, struct sw_err *err);
/* The same for what does no harm when it comes too late, a text for people: it only reads, so that what changes nothing writes nothing. */
int lease_check(struct meta_tx *tx, struct lease *l, struct sw_err *err);
/* The next one need not wait. Fine when it is not held. */
int lease_release(struct lease *l, struct sw_err *err);

struct lease_state {
    bool held;      /* as far as this process knows */
    uint64_t epoch; /* of the holder that was seen last */
    uint64_t taken; /* times that this process took it */
};
void lease_state(const struct lease *l, struct lease_state *ret);
