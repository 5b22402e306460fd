/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/exec_sessions.c
 * Invariant: a session is in the list from its request until its thread was joined; nobody waits for a thread with the lock held. */
#include "launcher/agent/exec_sessions.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/exec_session.h"

struct session {
    struct session *next;
    struct agent_execs *owner;
    json_t *request;
    pthread_t thread;
    bool ended; /* with the lock held */
};

struct agent_execs {
    struct agent_execs_options o;
    char *dir;
    int stop_fd;
    pthread_mutex_t lock;
    struct session *list;
    size_t n;
};

static const char *id_of(const json_t *request)
{
    return sw_json_str(request, "sessionId", "");
}

static bool is_name(const char *id)
{
    return *id && strlen(id) < 64 &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id);
}

static void *session_main(void *arg)
{
    struct session *s = arg;
    struct agent_execs *t = s->owner;
    struct sw_err err = SW_ERR_INIT, ignored = SW_ERR_INIT;
    sw_autofree char *dir = sw_asprintf("%s/%s", t->dir, id_of(s->request));
    const struct exec_session_run run = {
        .o = &t->o, .request = s->request, .dir = dir, .stop_fd = t->stop_fd};
    int r = sw_mkdirs(dir, 0700, &err);
    if (r == 0)
        r = exec_session_run(&run, &err);
    if (r < 0)
        sw_log_err(SW_LOG_INFO, "exec-session-failed", &err, "session", id_of(s->request), "task",
                   sw_json_str(s->request, "taskArn", ""), NULL);
    (void)sw_remove_tree(dir, &ignored);
    pthread_mutex_lock(&t->lock);
    s->ended = true;
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void session_free(struct session *s)
{
    json_decref(s->request);
    free(s);
}

/* Those that are over, or all. */
static void join(struct agent_execs *t, bool all)
{
    struct session *gone = NULL;
    pthread_mutex_lock(&t->lock);
    for (struct session **at = &t->list; *at;) {
        struct session *s = *at;
        if (!s->ended && !all) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        s->next = gone;
        gone = s;
        t->n--;
    }
    pthread_mutex_unlock(&t->lock);
    while (gone) {
        struct session *s = gone;
        gone = s->next;
        pthread_join(s->thread, NULL);
        session_free(s);
    }
}

int agent_execs_new(const struct agent_execs_options *o, struct agent_execs **ret,
                    struct sw_err *err)
{
    struct agent_execs *t = SW_NEW(struct agent_execs);
    t->o = *o;
    t->dir = sw_asprintf("%s/exec", o->data_dir);
    pthread_mutex_init(&t->lock, NULL);
    t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = t->stop_fd < 0 ? sw_fail_os(err, errno, "eventfd") : 0;
    if (r == 0 && (r = sw_remove_tree(t->dir, err)) == 0) /* an earlier agent's */
        r = sw_mkdirs(t->dir, 0700, err);
    if (r < 0) {
        agent_execs_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

void agent_execs_add(struct agent_execs *t, const json_t *request)
{
    const char *id = id_of(request);
    join(t, false);
    bool known = !is_name(id) || t->n >= AGENT_EXECS_MAX || !t->o.open_stream;
    for (const struct session *s = t->list; s && !known; s = s->next)
        known = sw_streq(id_of(s->request), id);
    if (known)
        return;
    struct session *s = SW_NEW(struct session);
    *s = (struct session){.owner = t, .request = json_deep_copy(request)};
    if (pthread_create(&s->thread, NULL, session_main, s) != 0) {
        session_free(s);
        return;
    }
    pthread_mutex_lock(&t->lock);
    s->next = t->list;
    t->list = s;
    t->n++;
    pthread_mutex_unlock(&t->lock);
}

void agent_execs_free(struct agent_execs *t)
{
    if (!t)
        return;
    uint64_t one = 1;
    (void)!write(t->stop_fd, &one, sizeof one);
    join(t, true);
    if (t->stop_fd >= 0)
        close(t->stop_fd);
    pthread_mutex_destroy(&t->lock);
    free(t->dir);
    free(t);
}
