/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/exec_sessions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"

#define REDELIVER_US 3000000LL

struct exec_sessions {
    pthread_mutex_t lock;
    struct exec_session *list;
    size_t n;
};

void exec_session_free(struct exec_session *s)
{
    if (!s)
        return;
    json_decref(s->request);
    free(s->principal_arn);
    free(s->container);
    free(s->log.account);
    free(s->log.region);
    free(s->log.group);
    free(s->log.stream);
    explicit_bzero(s->tokens, sizeof s->tokens);
    free(s);
}

struct exec_sessions *exec_sessions_new(void)
{
    struct exec_sessions *t = SW_NEW(struct exec_sessions);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void exec_sessions_free(struct exec_sessions *t)
{
    if (!t)
        return;
    while (t->list) {
        struct exec_session *s = t->list;
        t->list = s->next;
        exec_session_free(s);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

bool exec_sessions_add(struct exec_sessions *t, struct exec_session *s)
{
    size_t here = 0;
    pthread_mutex_lock(&t->lock);
    for (const struct exec_session *o = t->list; o; o = o->next)
        here += strcmp(o->instance_id, s->instance_id) == 0;
    bool room = t->n < EXEC_SESSIONS_MAX && here < EXEC_SESSIONS_PER_INSTANCE;
    if (room) {
        s->next = t->list;
        t->list = s;
        t->n++;
    }
    pthread_mutex_unlock(&t->lock);
    return room;
}

static bool is_due(const struct exec_session *s, const char *instance_id, int64_t now_us)
{
    return !s->joined[EXEC_END_AGENT] && strcmp(s->instance_id, instance_id) == 0 &&
           (!s->delivered_us || now_us - s->delivered_us >= REDELIVER_US);
}

bool exec_sessions_waiting(struct exec_sessions *t, const char *instance_id, int64_t now_us)
{
    bool any = false;
    pthread_mutex_lock(&t->lock);
    for (const struct exec_session *s = t->list; s && !any; s = s->next)
        any = is_due(s, instance_id, now_us);
    pthread_mutex_unlock(&t->lock);
    return any;
}

void exec_sessions_deliver(struct exec_sessions *t, const char *instance_id, int64_t now_us,
                           json_t *list)
{
    pthread_mutex_lock(&t->lock);
    for (struct exec_session *s = t->list; s; s = s->next) {
        if (!is_due(s, instance_id, now_us))
            continue;
        s->delivered_us = now_us;
        json_array_append_new(list, json_deep_copy(s->request));
    }
    pthread_mutex_unlock(&t->lock);
}

static struct exec_session *find(struct exec_sessions *t, const char *id)
{
    struct exec_session *s = t->list;
    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

bool exec_sessions_open(struct exec_sessions *t, const char *id)
{
    pthread_mutex_lock(&t->lock);
    const struct exec_session *s = find(t, id);
    bool open = s && !(s->joined[EXEC_END_CLIENT] && s->joined[EXEC_END_AGENT]);
    pthread_mutex_unlock(&t->lock);
    return open;
}

const struct exec_session *exec_sessions_find(struct exec_sessions *t, const char *id)
{
    pthread_mutex_lock(&t->lock);
    const struct exec_session *s = find(t, id);
    pthread_mutex_unlock(&t->lock);
    return s;
}

static bool is_token(const char *want, const char *got)
{
    size_t n = strlen(want);
    return strlen(got) == n && sw_equal_secret(want, got, n);
}

int exec_sessions_join(struct exec_sessions *t, const char *id, const char *token, int64_t now_us,
                       enum exec_end *ret_end, struct sw_err *err)
{
    bool joined = false;
    pthread_mutex_lock(&t->lock);
    struct exec_session *s = find(t, id);
    for (int end = 0; s && !joined && end < EXEC_END_MAX_; end++) {
        if (s->joined[end] || now_us - s->created_us > EXEC_JOIN_US ||
            !is_token(s->tokens[end], token))
            continue;
        s->joined[end] = joined = true;
        *ret_end = (enum exec_end)end;
    }
    pthread_mutex_unlock(&t->lock);
    return joined ? 0 : sw_fail(err, SW_EDENIED, NULL, "the token is not valid for this session");
}

static struct exec_session *unlink_at(struct exec_sessions *t, struct exec_session **at)
{
    struct exec_session *s = *at;
    *at = s->next;
    s->next = NULL;
    t->n--;
    return s;
}

struct exec_session *exec_sessions_take(struct exec_sessions *t, const char *id)
{
    struct exec_session *s = NULL;
    pthread_mutex_lock(&t->lock);
    for (struct exec_session **at = &t->list; *at && !s; at = &(*at)->next) {
        if (strcmp((*at)->id, id) != 0)
            continue;
        s = unlink_at(t, at);
        break;
    }
    pthread_mutex_unlock(&t->lock);
    return s;
}

void exec_sessions_expire(struct exec_sessions *t, int64_t now_us)
{
    pthread_mutex_lock(&t->lock);
    for (struct exec_session **at = &t->list; *at;) {
        struct exec_session *s = *at;
        if (s->joined[EXEC_END_CLIENT] || s->joined[EXEC_END_AGENT] ||
            now_us - s->created_us <= EXEC_JOIN_US)
            at = &s->next;
        else
            exec_session_free(unlink_at(t, at));
    }
    pthread_mutex_unlock(&t->lock);
}
