/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rejected.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/macros.h"

struct rejected_log {
    pthread_mutex_t lock;
    struct rejected v[REJECTED_MAX];
    size_t n; /* ever noted: the next one goes to n % REJECTED_MAX */
};

static void forget(struct rejected *r)
{
    free(r->message);
    free(r->canonical);
    free(r->string_to_sign);
    *r = (struct rejected){0};
}

struct rejected_log *rejected_new(void)
{
    struct rejected_log *l = SW_NEW(struct rejected_log);

    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void rejected_free(struct rejected_log *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < REJECTED_MAX; i++)
        forget(&l->v[i]);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void rejected_note(struct rejected_log *l, const struct http_req *req,
                   const struct sigv4_request *signed_request, int64_t now_us,
                   const struct sw_err *why)
{
    SW_CLEANUP(sw_buf_done)
    struct sw_buf canonical = SW_BUF_INIT(REJECTED_TEXT_MAX), text = SW_BUF_INIT(1024);
    struct rejected one = {.at_us = now_us};
    struct sw_err ignored = SW_ERR_INIT;

    if (sigv4_explain(signed_request, &canonical, &text, one.access_key_id, &ignored) < 0 ||
        canonical.overflow)
        return;
    (void)sw_str_copy(sw_str(req->id), one.request_id, sizeof(one.request_id));
    (void)sw_str_copy(sw_str(req->peer_ip), one.peer_ip, sizeof(one.peer_ip));
    one.message = sw_strdup(why->msg);
    one.canonical = sw_buf_take(&canonical);
    one.string_to_sign = sw_buf_take(&text);
    (void)pthread_mutex_lock(&l->lock);
    struct rejected *at = &l->v[l->n++ % REJECTED_MAX];
    forget(at);
    *at = one;
    (void)pthread_mutex_unlock(&l->lock);
}

void rejected_each(struct rejected_log *l, void (*fn)(void *ctx, const struct rejected *r),
                   void *ctx)
{
    (void)pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < SW_MIN(l->n, (size_t)REJECTED_MAX); i++)
        fn(ctx, &l->v[(l->n - 1 - i) % REJECTED_MAX]);
    (void)pthread_mutex_unlock(&l->lock);
}
