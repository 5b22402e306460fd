/* SPDX-License-Identifier: Apache-2.0 */
/* Two kinds of families: those read from memory at each request, and those of `cache`, which need the database. */
#include "server/metrics.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/metric.h"
#include "launcher/api/exec_relay.h"
#include "launcher/service/usage.h"
#include "server/plain_text.h"
#include "server/process_stats.h"

#define PAGE_MAX        (8 * 1024 * 1024)
#define CACHE_MS        10000
#define CACHE_PER_QUERY 20 /* times as long as the query took */
#define CONTENT_TYPE    "text/plain; version=0.0.4; charset=utf-8"

void metrics_init(struct metrics *m)
{
    pthread_mutex_init(&m->cache.lock, NULL);
    m->cache.text = (struct sw_buf)SW_BUF_INIT(PAGE_MAX / 2);
}

void metrics_done(struct metrics *m)
{
    sw_buf_done(&m->cache.text);
    pthread_mutex_destroy(&m->cache.lock);
}

void metrics_collected(struct metrics *m, const struct registry_collect_counts *counts,
                       int64_t duration_us)
{
    struct metrics_collect *c = &m->collect;

    atomic_fetch_add(&c->runs, 1);
    if (!counts) {
        atomic_fetch_add(&c->failures, 1);
        return;
    }
    atomic_fetch_add(&c->links, counts->links);
    atomic_fetch_add(&c->blobs, counts->blobs);
    atomic_fetch_add(&c->bytes, counts->bytes);
    atomic_store(&c->last_end_us, sw_now_us());
    atomic_store(&c->last_duration_us, duration_us);
}

/* ---- from memory ---- */

static void build_text(struct sw_buf *b)
{
    const struct sw_label label = {"version", SLIPWAY_VERSION};

    sw_metric_head(b, "slipway_build_info", "gauge", "Always 1; the label says the version.");
    sw_metric_value(b, "slipway_build_info", &label, 1, 1);
}

static void collect_text(const struct metrics *m, struct sw_buf *b)
{
    const struct metrics_collect *c = &m->collect;

    sw_metric_one(b, "slipway_collect_runs_total", "counter", "Collections of unused blobs.",
                  atomic_load(&c->runs));
    sw_metric_one(b, "slipway_collect_failures_total", "counter", "Collections that failed.",
                  atomic_load(&c->failures));
    sw_metric_one(b, "slipway_collected_links_total", "counter",
                  "Blobs that a repository had but none of its manifests needed.",
                  atomic_load(&c->links));
    sw_metric_one(b, "slipway_collected_blobs_total", "counter", "Blobs removed from the disk.",
                  atomic_load(&c->blobs));
    sw_metric_one(b, "slipway_collected_bytes_total", "counter", "Bytes of these.",
                  atomic_load(&c->bytes));
    sw_metric_head(b, "slipway_collect_last_success_timestamp_seconds", "gauge",
                   "End of the last good collection; 0: none since the start.");
    sw_metric_seconds(b, "slipway_collect_last_success_timestamp_seconds", NULL, 0,
                      atomic_load(&c->last_end_us));
    sw_metric_head(b, "slipway_collect_last_duration_seconds", "gauge", "How long it took.");
    sw_metric_seconds(b, "slipway_collect_last_duration_seconds", NULL, 0,
                      atomic_load(&c->last_duration_us));
}

static void logs_text(const struct metrics *m, struct sw_buf *b)
{
    struct log_store_counts c;
    log_store_counts(m->logs, &c);
    sw_metric_one(b, "slipway_log_events_total", "counter", "Log events stored.", c.events);
    sw_metric_one(b, "slipway_log_bytes_total", "counter", "Bytes of their messages.", c.bytes);
    sw_metric_one(b, "slipway_log_lines_lost_total", "counter",
                  "Lines of containers left out because max-buffer-size was reached.",
                  c.lost_lines);
}

static void storage_text(const struct metrics *m, struct sw_buf *b)
{
    struct blob_stats blobs;
    struct meta_stats rows;

    blob_stats(m->blobs, &blobs);
    meta_stats(m->db, &rows);
    sw_metric_one(b, "slipway_blob_received_bytes_total", "counter", "Bytes appended to uploads.",
                  blobs.bytes_received);
    sw_metric_one(b, "slipway_blob_commits_total", "counter", "Blobs acknowledged.", blobs.commits);
    sw_metric_one(b, "slipway_blob_opens_total", "counter", "Blobs opened for reading.",
                  blobs.opens);
    sw_metric_one(b, "slipway_blob_mismatches_total", "counter",
                  "Uploads refused because their bytes do not have the digest.", blobs.mismatches);
    sw_metric_one(b, "slipway_database_reads_total", "counter", "Read transactions.", rows.reads);
    sw_metric_one(b, "slipway_database_writes_total", "counter", "Write transactions.",
                  rows.writes);
    sw_metric_one(b, "slipway_database_commits_total", "counter",
                  "Synced commits; fewer than writes when writers shared them.", rows.commits);
    sw_metric_one(b, "slipway_database_checkpoints_total", "counter", "Checkpoints of the log.",
                  rows.checkpoints);
    sw_metric_one(b, "slipway_database_writes_queued", "gauge", "Write transactions that wait.",
                  rows.queued);
}

static void disk_text(const struct metrics *m, struct sw_buf *b)
{
    struct statvfs fs;

    if (statvfs(m->data_dir, &fs) < 0)
        return;
    sw_metric_one(b, "slipway_data_size_bytes", "gauge", "File system of the data folder.",
                  (uint64_t)fs.f_blocks * fs.f_frsize);
    sw_metric_one(b, "slipway_data_free_bytes", "gauge", "Of that, free for this user.",
                  (uint64_t)fs.f_bavail * fs.f_frsize);
}

static void audit_text(const struct metrics *m, struct sw_buf *b)
{
    struct log_file_counts counts;

    log_file_counts(m->observe->audit, &counts);
    sw_metric_one(b, "slipway_audit_lines_total", "counter", "Lines of the audit log.",
                  counts.lines);
    sw_metric_one(b, "slipway_audit_failures_total", "counter",
                  "Audit lines that could not be written.", counts.failures);
}

static void acting_text(const struct metrics *m, struct sw_buf *b)
{
    struct launcher_acting a;

    launcher_acting(m->launcher, &a);
    sw_metric_one(b, "slipway_lease_held", "gauge",
                  "1: this server is the one that plans services on its database.", a.lease_held);
    sw_metric_one(b, "slipway_lease_epoch", "gauge",
                  "Grows each time that another server, or this one again, takes that lease.",
                  a.lease_epoch);
    sw_metric_one(b, "slipway_lease_taken_total", "counter", "Times that this server took it.",
                  a.lease_taken);
    sw_metric_one(b, "slipway_service_plans_total", "counter", "Plans of services made.", a.rounds);
}

static void exec_text(const struct metrics *m, struct sw_buf *b)
{
    struct exec_relay_counts c = {0};
    if (m->exec)
        exec_relay_count(m->exec, &c);
    sw_metric_one(b, "slipway_exec_sessions", "gauge", "Commands that are executed in containers.",
                  c.open);
    sw_metric_one(b, "slipway_exec_sessions_total", "counter", "The same since the start.",
                  c.begun);
}

/* ---- from the database ---- */

struct repositories {
    struct repository {
        char account[16], region[64], name[260];
        uint64_t value[4];
    } * rows;
    size_t n;
};

static const struct repository_family {
    const char *name, *help;
} repository_families[] = {
    {"slipway_repository_stored_bytes",
     "Bytes of blobs and manifests that the repository holds; shared blobs count in each."},
    {"slipway_repository_blobs", "Blobs that the repository holds."},
    {"slipway_repository_manifests", "Manifests in the repository."},
    {"slipway_repository_tags", "Tags in the repository."},
};

static void take_repository(void *ctx, const struct registry_repo_usage *u)
{
    struct repositories *all = ctx;

    if (!u) {
        all->n = 0;
        return;
    }
    struct repository *r = &all->rows[all->n++];
    (void)sw_str_copy(sw_str(u->account), r->account, sizeof(r->account));
    (void)sw_str_copy(sw_str(u->region), r->region, sizeof(r->region));
    (void)sw_str_copy(sw_str(u->name), r->name, sizeof(r->name));
    r->value[0] = u->blob_bytes + u->manifest_bytes;
    r->value[1] = u->blobs;
    r->value[2] = u->manifests;
    r->value[3] = u->tags;
}

static void totals_text(const struct registry_totals *t, size_t listed, struct sw_buf *b)
{
    sw_metric_one(b, "slipway_repositories", "gauge", "Repositories.", t->repositories);
    sw_metric_one(b, "slipway_repositories_not_listed", "gauge",
                  "Repositories without lines of their own: only the largest have them.",
                  t->repositories - SW_MIN(t->repositories, listed));
    sw_metric_one(b, "slipway_blobs", "gauge", "Blobs on the disk.", t->blobs);
    sw_metric_one(b, "slipway_blob_bytes", "gauge", "Bytes of these.", t->blob_bytes);
}

static int registry_text(const struct metrics *m, struct sw_buf *b, struct sw_err *err)
{
    struct registry_totals totals;
    sw_autofree struct repository *rows = sw_calloc(METRICS_REPOSITORIES_MAX, sizeof(*rows));
    struct repositories all = {.rows = rows};
    int r =
        registry_usage(m->registry, METRICS_REPOSITORIES_MAX, take_repository, &all, &totals, err);
    if (r < 0)
        return r;
    totals_text(&totals, all.n, b);
    for (size_t f = 0; f < SW_ARRAY_LEN(repository_families); f++) {
        const struct repository_family *family = &repository_families[f];
        sw_metric_head(b, family->name, "gauge", family->help);
        for (size_t i = 0; i < all.n; i++) {
            const struct sw_label labels[] = {{"account", rows[i].account},
                                              {"region", rows[i].region},
                                              {"repository", rows[i].name}};
            sw_metric_value(b, family->name, labels, SW_ARRAY_LEN(labels), rows[i].value[f]);
        }
    }
    return 0;
}

static int launcher_text(const struct metrics *m, struct sw_buf *b, struct sw_err *err)
{
    struct launcher_counts counts;
    int r = launcher_counts(m->launcher, &counts, err);
    if (r < 0)
        return r;
    sw_metric_head(b, "slipway_tasks", "gauge", "Tasks by last status; stopped ones for a day.");
    for (size_t i = 0; i < counts.tasks_n; i++) {
        const struct sw_label label = {"status", counts.tasks[i].status};
        sw_metric_value(b, "slipway_tasks", &label, 1, counts.tasks[i].n);
    }
    sw_metric_one(b, "slipway_container_instances", "gauge", "Container instances.",
                  counts.instances);
    sw_metric_one(b, "slipway_agents_connected", "gauge", "Agents that talk to this server.",
                  counts.agents);
    return 0;
}

#define TASKS_MAX 2000 /* with lines of their own */

struct usage_text {
    struct sw_buf *b;
    const char *family, *member;
    bool of_tasks;
    size_t n;
};

static void add_usage(void *ctx, const char *instance_id, const json_t *usage)
{
    struct usage_text *u = ctx;
    const json_t *tasks = u->of_tasks ? sw_json_array(usage, "tasks") : NULL, *t;
    const json_t *own = json_object_get(usage, u->member);
    size_t i;
    if (!u->of_tasks && own) {
        const struct sw_label label = {"instance_id", instance_id};
        sw_metric_value(u->b, u->family, &label, 1, (uint64_t)json_integer_value(own));
    }
    json_array_foreach(tasks, i, t) {
        const char *arn = sw_json_str(t, "task", ""), *slash = strrchr(arn, '/');
        int64_t v = sw_json_int(t, u->member, -1);
        const struct sw_label labels[] = {{"instance_id", instance_id},
                                          {"task_id", slash ? slash + 1 : arn}};
        if (v < 0 || u->n >= TASKS_MAX)
            continue;
        u->n++;
        if (sw_streq(u->member, "cpuMs"))
            sw_metric_seconds(u->b, u->family, labels, 2, v * 1000);
        else
            sw_metric_value(u->b, u->family, labels, 2, (uint64_t)v);
    }
}

/* What agents said last; instances that are silent for a minute have no lines. */
static void usage_text(const struct metrics *m, struct sw_buf *b)
{
    static const struct {
        const char *family, *type, *help, *member;
        bool of_tasks;
    } families[] = {
        {"slipway_instance_cpu_units", "gauge", "CPU that a whole machine uses, 1024 a processor.",
         "cpuUnits", false},
        {"slipway_instance_memory_mib", "gauge", "Memory that a whole machine uses.", "memoryMiB",
         false},
        {"slipway_task_cpu_seconds_total", "counter", "CPU time of a task's running containers.",
         "cpuMs", true},
        {"slipway_task_memory_bytes", "gauge", "Memory of a task without the page cache.",
         "memoryBytes", true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(families); i++) {
        struct usage_text u = {.b = b,
                               .family = families[i].family,
                               .member = families[i].member,
                               .of_tasks = families[i].of_tasks};
        sw_metric_head(b, families[i].family, families[i].type, families[i].help);
        launcher_each_usage(m->launcher, add_usage, &u);
    }
}

/* With the lock held. The old text stays when a query fails. */
static void renew(struct metrics *m)
{
    struct metrics_cache *c = &m->cache;
    struct sw_buf fresh = SW_BUF_INIT(PAGE_MAX / 2);
    struct sw_err err = SW_ERR_INIT;
    int64_t started_ms = sw_mono_ms();
    int r = registry_text(m, &fresh, &err);
    if (r == 0)
        r = launcher_text(m, &fresh, &err);
    if (r == 0)
        r = sw_buf_check(&fresh, NULL, &err);
    int64_t now_ms = sw_mono_ms();
    c->until_ms = now_ms + SW_MAX((int64_t)CACHE_MS, (now_ms - started_ms) * CACHE_PER_QUERY);
    if (r < 0) {
        c->query_failures++;
        sw_log_err(SW_LOG_WARNING, "metrics-query-failed", &err, NULL);
        sw_buf_done(&fresh);
        return;
    }
    sw_buf_done(&c->text);
    c->text = fresh;
}

static void cached_text(struct metrics *m, struct sw_buf *b)
{
    struct metrics_cache *c = &m->cache;

    pthread_mutex_lock(&c->lock);
    if (sw_mono_ms() >= c->until_ms)
        renew(m);
    sw_buf_add_str(b, sw_buf_str(&c->text));
    uint64_t failures = c->query_failures;
    pthread_mutex_unlock(&c->lock);
    sw_metric_one(b, "slipway_metrics_query_failures_total", "counter",
                  "Times that these numbers could not be read from the database.", failures);
}

/* The whole page. */
static int whole_page(struct metrics *m, struct sw_buf *b, struct sw_err *err)
{
    build_text(b);
    request_stats_text(m->observe->requests, b);
    sw_metric_one(b, "slipway_uploads_open", "gauge", "Uploads in progress.",
                  registry_uploads_open(m->registry));
    collect_text(m, b);
    storage_text(m, b);
    logs_text(m, b);
    disk_text(m, b);
    audit_text(m, b);
    acting_text(m, b);
    exec_text(m, b);
    cached_text(m, b);
    usage_text(m, b);
    process_stats_text(b);
    return sw_buf_check(b, NULL, err);
}

/* ---- the service ---- */

static bool match(void *ctx, const struct http_req *req)
{
    const struct metrics *m = ctx;

    return m->access != METRICS_NONE && strcmp(req->path, "/metrics") == 0;
}

static enum http_run run(void *state, struct http_req *req, struct http_res *res,
                         struct sw_err *err)
{
    struct sw_buf page = SW_BUF_INIT(PAGE_MAX);

    if (err->code == 0 && whole_page(state, &page, err) == 0) {
        http_res_set(res, "Content-Type", "%s", CONTENT_TYPE);
        if (req->method == HTTP_HEAD)
            res->head_length = (int64_t)page.n;
        else
            http_res_take(res, &page);
    } else {
        plain_text(res, 500, "slipway: no metrics\n");
    }
    sw_buf_done(&page);
    return HTTP_DONE;
}

static enum http_begin begin(void *ctx, struct http_req *req, struct http_plan *plan,
                             struct http_res *res)
{
    struct metrics *m = ctx;

    req->route = "metrics";
    if (req->method != HTTP_GET && req->method != HTTP_HEAD) {
        http_res_set(res, "Allow", "GET, HEAD");
        plain_text(res, 405, "slipway: method not allowed\n");
        return HTTP_ANSWER;
    }
    if (m->access == METRICS_LOCAL && !http_req_is_local(req)) {
        struct sw_err err = SW_ERR_INIT;
        (void)sw_fail(&err, SW_EDENIED, NULL,
                      "metrics = local, and the request does not come from this machine");
        http_audit_denied(req, "slipway:GetMetrics", "*", &err);
        plain_text(res, 403, "slipway: metrics are for this machine only; see the key metrics\n");
        return HTTP_ANSWER;
    }
    *plan = (struct http_plan){.mode = HTTP_BODY_NONE, .run = run, .state = m};
    return HTTP_GO;
}

struct http_service metrics_service(struct metrics *m)
{
    return (struct http_service){
        .name = "metrics", .match = match, .begin = begin, .error = plain_text_error, .ctx = m};
}
