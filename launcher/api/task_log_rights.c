/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/task_log_rights.c */
#include "launcher/api/task_log_rights.h"

#include <jansson.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/json.h"

#define HOLDS_US  30000000LL
#define KNOWN_MAX 4096 /* then all are forgotten, and asked for again */

struct task_log_rights {
    pthread_mutex_t lock;
    json_t *until; /* "task/container": us */
};

struct task_log_rights *task_log_rights_new(void)
{
    struct task_log_rights *r = SW_NEW(struct task_log_rights);
    pthread_mutex_init(&r->lock, NULL);
    r->until = json_object();
    return r;
}

void task_log_rights_free(struct task_log_rights *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    json_decref(r->until);
    free(r);
}

bool task_log_rights_known(struct task_log_rights *r, const char *task, const char *container,
                           int64_t now_us)
{
    sw_autofree char *key = sw_asprintf("%s/%s", task, container);
    pthread_mutex_lock(&r->lock);
    const int64_t until = sw_json_int(r->until, key, 0);
    pthread_mutex_unlock(&r->lock);
    return now_us < until && until - now_us <= HOLDS_US;
}

void task_log_rights_note(struct task_log_rights *r, const char *task, const char *container,
                          int64_t now_us)
{
    sw_autofree char *key = sw_asprintf("%s/%s", task, container);
    pthread_mutex_lock(&r->lock);
    if (json_object_size(r->until) >= KNOWN_MAX)
        json_object_clear(r->until);
    sw_json_set_int(r->until, key, now_us + HOLDS_US);
    pthread_mutex_unlock(&r->lock);
}
