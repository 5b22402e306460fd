/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/task.h - one task on this instance: what is known, what was reported, and its file.
 * DIR/tasks/ID/state.json is rewritten at each transition; it holds the placed task as the control plane sent it, so that a
 * restarted agent needs nobody else to go on. Internal to launcher/agent: task_engine.c owns the threads and locks. */
#include <jansson.h>
#include <pthread.h>

#include "base/err.h"
#include "launcher/agent/network.h"
#include "launcher/agent/pull.h"
#include "launcher/agent/task_plan.h"
#include "launcher/model/taskdef.h"
#include "launcher/runtime/runtime.h"

#define TASK_REASON_MAX 1024
#define TASK_ID_MAX     64

enum report_level {
    REPORT_NONE,
    REPORT_PENDING,
    REPORT_RUNNING,
    REPORT_STOPPED,
    REPORT_LEVEL_MAX_
};

struct task_container {
    const struct container_def *def;
    enum container_status status;
    char id[RUNTIME_ID_MAX + 1]; /* of the runtime; "" before the first start */
    char lease[NETWORK_NAME_MAX], address[64];
    struct port_mapping bindings[NETWORK_PORTS_MAX];
    size_t bindings_n;
    bool ran, has_exit_code, cleaned;
    /* Its start was about to be asked for, or was: an end before that is not the task's. */
    bool starting;
    /* Created but never started, and being removed: an end of it is not the task's. */
    bool discarding;
    bool restarting; /* its end is followed by a new start; not in the file */
    int restarts;
    bool logs_done; /* all its lines are where its log driver puts them; not in the file */
    bool end_saved; /* the file has its end, durably; not in the file */
    int clean_tries;
    int exit_code;
    char reason[TASK_REASON_MAX];
    char image_digest[DIGEST_STRING_MAX];
    int stop_signal;
    bool stop_sent, kill_sent;
    int64_t stop_sent_at_ms; /* monotonic; an adopted container is given its time anew */
    int64_t kill_sent_at_ms;
    enum container_health health;
    char endpoint_id[37];                       /* of its metadata */
    int64_t created_us, started_us, stopped_us; /* of the clock, which may be set: to be told */
    int64_t started_ms; /* monotonic; of an adopted container as far as the clock says */
    int64_t ran_ms;     /* when it has ended */
    json_t *last_cpu;   /* of the stats that were asked for last; not in the file */
    struct image image; /* while the task starts; not in the file */
    bool watched;       /* its waiter runs */
    pthread_t waiter, health_thread;
    bool has_health_thread;
};

struct task_engine;
struct task {
    struct task *next; /* in the engine's list */
    struct task_engine *engine;
    char id[TASK_ID_MAX + 1];
    char *dir;
    json_t *placed; /* as in PollTasks' tasks[] */
    struct taskdef *def;
    struct task_container containers[TASKDEF_CONTAINERS_MAX];
    bool stop_wanted;
    char stop_code[32], stop_text[TASK_REASON_MAX];
    int64_t pull_started_us, pull_stopped_us, stopped_us;
    char holder[RUNTIME_ID_MAX + 1]; /* of the runtime, of namespaces that are shared; "": none */
    char credentials_id[37];         /* what containers of a task with a role ask for */
    bool was_running, finished, silent; /* silent: nobody wants reports of it any more */
    bool other_boot;                    /* its file is of an earlier boot of this machine */
    enum report_level reported;
    /* Below: not in the file. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread, holder_waiter;
    bool holder_watched;
    volatile int holder_let_go; /* its end is no news */
    int64_t keep_until_ms;      /* its folder, once it is over; 0: it is not */
    bool thread_started, thread_ended, report_queued, events, images_pulled;
    bool durable; /* its file would survive a loss of power, or could not be made to */
    volatile int give_up_pull;
    int64_t report_retry_at_ms, report_backoff_ms;
    json_t *credentials; /* as GetTaskCredentials answered; NULL: none yet */
    int64_t credentials_expire_us, credentials_renew_at_ms, credentials_backoff_ms;
    int64_t clock_ahead_ms; /* of the monotonic one, when they came */
    bool credentials_queued;
    json_t *secrets;                          /* task_secrets.h */
    char **env_files[TASKDEF_CONTAINERS_MAX]; /* task_env_files.h; NULL: not fetched */
    char *pull_authorization;                 /* of the execution role, NULL: the node's own */
    char *pull_identity;                      /* that role */
    int64_t requests, requests_at_ms; /* of its containers: what is left of the burst, in 1/1000 */
};

const char *task_arn(const struct task *t);
/* "0123abcd..." of ".../task/cluster/0123abcd...": what may be a folder's name; false for anything else. */
bool task_id_of_arn(const char *arn, char out[TASK_ID_MAX + 1]);

/* From PollTasks' entry. SW_EINVALID for a definition that is none. placed is copied. */
int task_new(struct task_engine *e, const char *tasks_dir, const json_t *placed, struct task **ret,
             struct sw_err *err);
void task_free(struct task *t);
/* state.json. durable: survives a loss of power; the others survive the end of this process. */
int task_save(const struct task *t, bool durable, struct sw_err *err);
/* What was saved is durable. While others save, without the lock: one of the versions is. */
int task_sync(const struct task *t, struct sw_err *err);
int task_load(struct task_engine *e, const char *tasks_dir, const char *id, struct task **ret,
              struct sw_err *err);

/* On the monotonic clock, what the other one says; not after now. */
int64_t task_mono_of_us(int64_t us);
void task_view(const struct task *t, int64_t now_ms, int64_t stop_timeout_default_s,
               struct task_view *ret);
enum report_level task_level(const struct task *t);
/* SubmitTaskStateChange's input for this level. */
json_t *task_report(const struct task *t, const char *cluster, enum report_level level);
char *task_container_dir(const struct task *t, size_t container); /* owned */
void task_set_reason(struct task_container *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
