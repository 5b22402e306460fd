/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/api/logs_seats.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/logs/log_turns.h"

struct logs_seats {
    pthread_mutex_t lock;
    size_t places;
    char **who; /* NULL: free */
};

struct logs_seats *logs_seats_new(size_t places)
{
    struct logs_seats *s = SW_NEW(struct logs_seats);
    pthread_mutex_init(&s->lock, NULL);
    s->places = places;
    s->who = sw_calloc(places, sizeof(char *));
    return s;
}

void logs_seats_free(struct logs_seats *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->places; i++)
        free(s->who[i]);
    free(s->who);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock held: places of one caller, of all for NULL. */
static size_t taken(const struct logs_seats *s, const char *caller)
{
    size_t n = 0;
    for (size_t i = 0; i < s->places; i++)
        n += s->who[i] && (!caller || sw_streq(s->who[i], caller));
    return n;
}

int logs_seats_take(struct logs_seats *s, const char *caller, size_t *ret_own, size_t *ret_total)
{
    int seat = -1;
    pthread_mutex_lock(&s->lock);
    const size_t own = taken(s, caller), total = taken(s, NULL);
    if (log_turns_admit(own, total, s->places)) {
        for (seat = 0; s->who[seat]; seat++)
            continue;
        s->who[seat] = sw_strdup(caller);
    }
    pthread_mutex_unlock(&s->lock);
    if (ret_own)
        *ret_own = own;
    if (ret_total)
        *ret_total = total;
    return seat;
}

void logs_seats_leave(struct logs_seats *s, int seat)
{
    pthread_mutex_lock(&s->lock);
    free(SW_TAKE(s->who[seat]));
    pthread_mutex_unlock(&s->lock);
}

size_t logs_seats_share(struct logs_seats *s, int seat)
{
    pthread_mutex_lock(&s->lock);
    const size_t n = taken(s, s->who[seat]);
    pthread_mutex_unlock(&s->lock);
    return n;
}
