/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/api/logs_seats.h - a number of places that callers share as launcher/logs/log_turns.h says. Threads: shared freely. */
#include <stddef.h>

struct logs_seats;
struct logs_seats *logs_seats_new(size_t places);
void logs_seats_free(struct logs_seats *s); /* NULL ok */

/* The place, or -1. *ret_own, *ret_total: places that the caller and that all had before; NULL ok. */
int logs_seats_take(struct logs_seats *s, const char *caller, size_t *ret_own, size_t *ret_total);
void logs_seats_leave(struct logs_seats *s, int seat);
/* How many whoever has that place has. */
size_t logs_seats_share(struct logs_seats *s, int seat);
