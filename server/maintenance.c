/* SPDX-License-Identifier: Apache-2.0 */
/* server/maintenance.c - invariants:
 * 1. Jobs and scheduled collections run on the one thread, so at most one of them at a time.
 * 2. The job's report is read and written under the lock; the thread holds it for one entry only. */
#include "server/maintenance.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/logs/log_check.h"
#include "registry/core/collect.h"
#include "registry/core/fsck.h"
#include "server/backup.h"

#define AT_ONCE_US    2000000LL /* between the bytes and the row of a push */
#define ENTRIES_KEPT  20000
#define ENTRIES_PAGE  500
#define SETTLE_MS     300
#define WALK_EVERY_MS (24LL * 3600 * 1000)

enum state { NONE, QUEUED, RUNNING, DONE, FAILED };
static const char *const state_names[] = {"NONE", "QUEUED", "RUNNING", "DONE", "FAILED"};

struct job {
    char id[MAINTENANCE_ID_LEN + 1];
    struct maintenance_request request;
    char *path;
    enum state state;
    char message[800];
    json_t *counts, *entries;
    int64_t entries_n; /* also those that are not kept */
};

struct maintenance {
    struct maintenance_options o;
    char *data_dir;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    struct job job;
    atomic_bool cancelled;
    int64_t next_walk_ms; /* the thread's */
};

/* --- reports ---------------------------------------------------------------------------------- */

static void add_entry(struct maintenance *m, json_t *entry)
{
    pthread_mutex_lock(&m->lock);
    if (m->job.entries_n++ < ENTRIES_KEPT)
        json_array_append_new(m->job.entries, entry);
    else
        json_decref(entry);
    pthread_mutex_unlock(&m->lock);
}

static void note_collected(void *ctx, const struct collect_item *item)
{
    static const char *const reasons[COLLECT_MAX_] = {
        [COLLECT_LINK] = "no manifest of the repository has needed it since",
        [COLLECT_BLOB] = "no repository has had it since",
        [COLLECT_FILE] = "no row knows these bytes, written at",
        [COLLECT_UPLOAD] = "nobody has gone on with this upload since",
    };
    char when[SW_TIME_LEN];
    sw_format_iso8601_s(item->since_us, when);
    sw_autofree char *reason = sw_asprintf("%s %s%s", reasons[item->kind], when,
                                           item->last_link ? "; its bytes go with it" : "");
    json_t *entry = json_object();
    sw_json_set_str(entry, "Kind", collect_kind_to_string(item->kind));
    sw_json_set_str(entry, "Name", item->name);
    sw_json_set_str(entry, "Repository", item->repository);
    sw_json_set_str(entry, "Reason", reason);
    sw_json_set_int(entry, "Size", (int64_t)item->size);
    sw_json_set_time_us(entry, "Since", item->since_us);
    add_entry(ctx, entry);
}

static void note_finding(void *ctx, const struct fsck_finding *f)
{
    json_t *entry = json_object();
    sw_json_set_str(entry, "Kind", fsck_kind_to_string(f->kind));
    sw_json_set_str(entry, "Name", f->digest);
    sw_json_set_str(entry, "Repository", *f->repository ? f->repository : NULL);
    sw_json_set_str(entry, "Reason", f->detail);
    sw_json_set_bool(entry, "Quarantined", f->quarantined);
    add_entry(ctx, entry);
    if (((struct maintenance *)ctx)->o.alone)
        return;
    sw_log(SW_LOG_ERROR, "storage-finding", "kind", fsck_kind_to_string(f->kind), "digest",
           f->digest, "repository", f->repository, "detail", f->detail, NULL);
}

static void note_problem(void *ctx, const char *digest, const char *what)
{
    json_t *entry = json_object();
    sw_json_set_str(entry, "Kind", "blob-left-out");
    sw_json_set_str(entry, "Name", digest);
    sw_json_set_str(entry, "Reason", what);
    add_entry(ctx, entry);
    if (((struct maintenance *)ctx)->o.alone)
        return;
    sw_log(SW_LOG_ERROR, "backup-left-out", "digest", digest, "why", what, NULL);
}

struct count {
    const char *name;
    uint64_t n;
};

static void set_counts(struct maintenance *m, const struct count *counts, size_t n)
{
    json_t *doc = json_object();
    for (size_t i = 0; i < n; i++)
        sw_json_set_int(doc, counts[i].name, (int64_t)counts[i].n);
    pthread_mutex_lock(&m->lock);
    json_decref(m->job.counts);
    m->job.counts = doc;
    pthread_mutex_unlock(&m->lock);
}

/* --- the work --------------------------------------------------------------------------------- */

static int collect(struct maintenance *m, const struct collect_options *o,
                   struct registry_collect_counts *counts, struct sw_err *err)
{
    int r = registry_collect_with(m->o.registry, o, counts, err);
    int64_t took_us = sw_now_us() - o->now_us;
    if (o->dry_run || m->o.alone)
        return r;
    if (m->o.collected)
        m->o.collected(m->o.ctx, r < 0 ? NULL : counts, took_us);
    if (r < 0)
        sw_log_err(SW_LOG_ERROR, "collect-failed", err, NULL);
    else if (counts->blobs + counts->files + counts->links)
        sw_log(SW_LOG_INFO, "collected", "#links", (int64_t)counts->links, "#blobs",
               (int64_t)counts->blobs, "#files", (int64_t)counts->files, "#bytes",
               (int64_t)counts->bytes, NULL);
    return r;
}

static void collect_on_schedule(struct maintenance *m)
{
    struct sw_err err = SW_ERR_INIT;
    struct registry_collect_counts counts = {0};
    struct collect_options o = {.now_us = sw_now_us(),
                                .grace_us = m->o.collect_grace_ms * 1000,
                                .walk_files = sw_mono_ms() >= m->next_walk_ms,
                                .cancelled = &m->cancelled};
    if (collect(m, &o, &counts, &err) == 0 && o.walk_files)
        m->next_walk_ms = sw_mono_ms() + WALK_EVERY_MS;
}

static int collect_job(struct maintenance *m, struct sw_err *err)
{
    struct registry_collect_counts c = {0};
    struct collect_options o = {.now_us = sw_now_us(),
                                .grace_us = m->job.request.at_once ? AT_ONCE_US
                                                                   : m->o.collect_grace_ms * 1000,
                                .dry_run = m->job.request.dry_run,
                                .walk_files = true,
                                .note = note_collected,
                                .ctx = m,
                                .cancelled = &m->cancelled};
    int r = collect(m, &o, &c, err);
    struct count counts[] = {{"Links", c.links},
                             {"Blobs", c.blobs},
                             {"Files", c.files},
                             {"Bytes", c.bytes},
                             {"Uploads", c.uploads}};
    set_counts(m, counts, SW_ARRAY_LEN(counts));
    return r;
}

static void show_progress(void *ctx, uint64_t blobs, uint64_t bytes)
{
    struct count counts[] = {{"Blobs", blobs}, {"Bytes", bytes}};
    set_counts(ctx, counts, SW_ARRAY_LEN(counts));
}

static void note_log(void *ctx, const char *file, const char *what)
{
    json_t *entry = json_object();
    sw_json_set_str(entry, "Kind", "log-segment");
    sw_json_set_str(entry, "Name", file);
    sw_json_set_str(entry, "Reason", what);
    add_entry(ctx, entry);
    if (!((struct maintenance *)ctx)->o.alone)
        sw_log(SW_LOG_ERROR, "storage-finding", "kind", "log-segment", "file", file, "detail", what,
               NULL);
}

static int check_logs(struct maintenance *m, struct log_check_counts *c, struct sw_err *err)
{
    sw_autofree char *dir = sw_asprintf("%s/logs", m->data_dir);
    struct log_check_options o = {
        .dir = dir, .found = note_log, .ctx = m, .cancelled = &m->cancelled};
    return log_check(&o, c, err);
}

static int check_job(struct maintenance *m, struct sw_err *err)
{
    struct fsck_counts c = {0};
    int64_t collected_ms = m->o.collect_grace_ms + 2 * m->o.collect_interval_ms;
    struct fsck_options o = {.now_us = sw_now_us(),
                             .leaked_after_us = collected_ms * 1000,
                             .settle_ms = m->o.alone ? 0 : SETTLE_MS,
                             .quarantine = m->job.request.quarantine,
                             .found = note_finding,
                             .progress = show_progress,
                             .ctx = m,
                             .cancelled = &m->cancelled};
    struct log_check_counts logs = {0};
    int r = registry_fsck(m->o.registry, &o, &c, err);
    if (r == 0)
        r = check_logs(m, &logs, err);
    struct count counts[] = {{"Blobs", c.blobs},
                             {"Bytes", c.bytes},
                             {"Manifests", c.manifests},
                             {"Files", c.files},
                             {"LogSegments", logs.segments},
                             {"LogBytes", logs.bytes},
                             {"Findings", c.findings + logs.findings},
                             {"Quarantined", c.quarantined}};
    set_counts(m, counts, SW_ARRAY_LEN(counts));
    return r;
}

static int backup_job(struct maintenance *m, struct sw_err *err)
{
    struct backup_counts c = {0};
    struct backup_options o = {.db = m->o.db,
                               .blobs = m->o.blobs,
                               .data_dir = m->data_dir,
                               .to = m->job.path,
                               .problem = note_problem,
                               .ctx = m,
                               .cancelled = &m->cancelled};
    int r = backup_run(&o, &c, err);
    struct count counts[] = {{"Blobs", c.blobs},     {"Bytes", c.bytes},
                             {"Copied", c.copied},   {"CopiedBytes", c.copied_bytes},
                             {"Removed", c.removed}, {"Problems", c.problems}};
    set_counts(m, counts, SW_ARRAY_LEN(counts));
    return r;
}

static void run_job(struct maintenance *m)
{
    static int (*const work[])(struct maintenance * m, struct sw_err * err) = {
        [MAINTENANCE_COLLECT] = collect_job,
        [MAINTENANCE_CHECK] = check_job,
        [MAINTENANCE_BACKUP] = backup_job,
    };
    static const char *const names[] = {"collect", "check", "backup"};
    struct sw_err err = SW_ERR_INIT;
    enum maintenance_kind kind = m->job.request.kind;
    int64_t started_ms = sw_mono_ms();
    int r = work[kind](m, &err);
    if (r < 0 && kind != MAINTENANCE_COLLECT && !m->o.alone)
        sw_log_err(SW_LOG_ERROR, "maintenance-failed", &err, "job", names[kind], NULL);
    else if (r == 0 && !m->o.alone)
        sw_log(SW_LOG_INFO, "maintenance-done", "job", names[kind], "#duration_ms",
               sw_mono_ms() - started_ms, NULL);
    pthread_mutex_lock(&m->lock);
    m->job.state = r < 0 ? FAILED : DONE;
    (void)snprintf(m->job.message, sizeof(m->job.message), "%s", err.msg);
    pthread_mutex_unlock(&m->lock);
}

/* --- the thread ------------------------------------------------------------------------------- */

enum what_next { STOP, JOB, SCHEDULE };

static enum what_next wait_for_work(struct maintenance *m, int64_t schedule_ms)
{
    struct timespec until = {.tv_sec = schedule_ms / 1000,
                             .tv_nsec = schedule_ms % 1000 * 1000000L};
    enum what_next next = SCHEDULE;
    bool late = false;
    pthread_mutex_lock(&m->lock);
    while (!m->stopping && m->job.state != QUEUED && !late) {
        if (m->o.collect_interval_ms > 0)
            late = pthread_cond_clockwait(&m->wake, &m->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT;
        else
            pthread_cond_wait(&m->wake, &m->lock);
    }
    if (m->stopping) {
        next = STOP;
    } else if (m->job.state == QUEUED) {
        m->job.state = RUNNING;
        next = JOB;
    }
    pthread_mutex_unlock(&m->lock);
    return next;
}

static void *run(void *arg)
{
    struct maintenance *m = arg;
    int64_t schedule_ms = sw_mono_ms() + m->o.collect_interval_ms;
    for (;;) {
        switch (wait_for_work(m, schedule_ms)) {
        case STOP: return NULL;
        case JOB: run_job(m); break;
        case SCHEDULE:
            collect_on_schedule(m);
            schedule_ms = sw_mono_ms() + m->o.collect_interval_ms;
            break;
        }
    }
}

static void job_done(struct job *j)
{
    free(j->path);
    json_decref(j->counts);
    json_decref(j->entries);
    *j = (struct job){0};
}

static void release(struct maintenance *m)
{
    job_done(&m->job);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m->data_dir);
    free(m);
}

int maintenance_start(const struct maintenance_options *o, struct maintenance **ret,
                      struct sw_err *err)
{
    struct maintenance *m = SW_NEW(struct maintenance);
    m->o = *o;
    m->data_dir = sw_strdup(o->data_dir);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->wake, NULL);
    int failed = pthread_create(&m->thread, NULL, run, m);
    if (failed) {
        release(m);
        return sw_fail_os(err, failed, "no thread for maintenance");
    }
    *ret = m;
    return 0;
}

void maintenance_stop(struct maintenance *m)
{
    if (!m)
        return;
    atomic_store(&m->cancelled, true);
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    release(m);
}

/* --- operations ------------------------------------------------------------------------------- */

int maintenance_submit(struct maintenance *m, const struct maintenance_request *request,
                       char ret_id[MAINTENANCE_ID_LEN + 1], struct sw_err *err)
{
    int r = 0;
    pthread_mutex_lock(&m->lock);
    if (m->job.state == QUEUED || m->job.state == RUNNING) {
        r = sw_fail(err, SW_ECONFLICT, "ConflictException",
                    "another maintenance job is not finished: %s", m->job.id);
    } else {
        job_done(&m->job);
        m->job.request = *request;
        m->job.path = request->path ? sw_strdup(request->path) : NULL;
        m->job.request.path = m->job.path;
        m->job.counts = json_object();
        m->job.entries = json_array();
        sw_random_hex(m->job.id, MAINTENANCE_ID_LEN);
        memcpy(ret_id, m->job.id, sizeof(m->job.id));
        m->job.state = QUEUED;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->lock);
    return r;
}

static void describe(const struct job *j, int64_t after, json_t *out)
{
    json_t *entries = json_array();
    size_t kept = json_array_size(j->entries), first = SW_MIN((size_t)SW_MAX(after, 0), kept);
    size_t end = SW_MIN(kept, first + ENTRIES_PAGE);
    for (size_t i = first; i < end; i++)
        json_array_append_new(entries, json_deep_copy(json_array_get(j->entries, i)));
    sw_json_set_str(out, "JobId", j->id);
    sw_json_set_str(out, "Status", state_names[j->state]);
    sw_json_set_str(out, "Message", j->message);
    sw_json_set_new(out, "Counts", json_deep_copy(j->counts));
    sw_json_set_new(out, "Entries", entries);
    sw_json_set_int(out, "NextEntry", (int64_t)end);
    sw_json_set_int(out, "EntriesKept", (int64_t)kept);
    sw_json_set_int(out, "EntriesTotal", j->entries_n);
}

int maintenance_describe(struct maintenance *m, const char *id, int64_t after, json_t *out,
                         struct sw_err *err)
{
    int r = 0;
    pthread_mutex_lock(&m->lock);
    if (m->job.state == NONE || !sw_streq(m->job.id, id))
        r = sw_fail(err, SW_ENOTFOUND, "ResourceNotFoundException",
                    "there is no report of the job %.40s", id);
    else
        describe(&m->job, after, out);
    pthread_mutex_unlock(&m->lock);
    return r;
}
