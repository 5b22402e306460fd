/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/agent/usage.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/agent/task_engine_internal.h"
#include "launcher/runtime/cgroup_stats.h"

#define CPU_UNITS 1024
#define MIB       (1024 * 1024)
#define PROC_MAX  (256 * 1024)

void usage_done(struct usage_sampler *u)
{
    json_decref(u->before);
    u->before = NULL;
}

static bool read_proc(const struct usage_sampler *u, const char *name, struct sw_buf *b)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = sw_asprintf("%s/%s", u->proc_root ? u->proc_root : "/proc", name);
    return sw_read_file(path, b, &ignored) == 0;
}

/* "cpu  user nice system idle iowait irq softirq steal ..." */
static void machine_cpu(struct usage_sampler *u, json_t *out)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(PROC_MAX);
    struct sw_str rest, line, word;
    int64_t all = 0, idle = 0;
    if (!read_proc(u, "stat", &b))
        return;
    rest = sw_buf_str(&b);
    (void)sw_str_split(&rest, '\n', &line);
    for (int column = 0; column <= 9 && sw_str_split(&line, ' ', &word);) {
        int64_t v = 0;
        if (word.n == 0)
            continue;
        (void)sw_parse_i64(word, &v);
        all += column >= 1 && column <= 8 ? v : 0;
        idle += column == 4 || column == 5 ? v : 0;
        column++;
    }
    int64_t spent = all - u->all, busy = all - idle - u->busy;
    if (u->all > 0 && spent > 0)
        sw_json_set_int(out, "cpuUnits",
                        SW_MAX(busy, (int64_t)0) * CPU_UNITS * sysconf(_SC_NPROCESSORS_ONLN) /
                            spent);
    u->all = all;
    u->busy = all - idle;
}

/* "Name:   123 kB" */
static int64_t meminfo(struct sw_str text, const char *name)
{
    struct sw_str line, key;
    int64_t v = 0;
    while (sw_str_split(&text, '\n', &line)) {
        struct sw_str value = line, number;
        if (!sw_str_split(&value, ':', &key) || !sw_str_eq_z(key, name))
            continue;
        value = sw_str_trim(value);
        (void)sw_str_split(&value, ' ', &number);
        (void)sw_parse_i64(number, &v);
    }
    return v;
}

static void machine_memory(struct usage_sampler *u, json_t *out)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(PROC_MAX);
    if (read_proc(u, "meminfo", &b))
        sw_json_set_int(
            out, "memoryMiB",
            (meminfo(sw_buf_str(&b), "MemTotal") - meminfo(sw_buf_str(&b), "MemAvailable")) / 1024);
}

/* The sums over its running containers; false: none runs. */
static bool task_sums(struct task *t, int64_t *ret_cpu_ns, int64_t *ret_bytes)
{
    bool any = false;
    *ret_cpu_ns = *ret_bytes = 0;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->def->containers_n && !t->finished; i++) {
        struct cgroup_stats s;
        const struct task_container *c = &t->containers[i];
        if (c->status != CONTAINER_RUNNING)
            continue;
        sw_autofree char *group = sw_asprintf("/slipway/%s/%s", t->id, c->id);
        if (!cgroup_stats_read(t->engine->o.cgroup_root, group, &s))
            continue;
        any = true;
        *ret_cpu_ns += s.cpu_ns;
        *ret_bytes += s.memory_bytes - s.cache_bytes;
    }
    pthread_mutex_unlock(&t->lock);
    return any;
}

static void add_task(struct usage_sampler *u, struct task *t, int64_t elapsed_ms, json_t *seen,
                     json_t *tasks)
{
    int64_t cpu_ns, bytes;
    if (!task_sums(t, &cpu_ns, &bytes))
        return;
    json_t *o = json_object();
    int64_t before_ns = sw_json_int(u->before, task_arn(t), -1);
    sw_json_set_str(o, "task", task_arn(t));
    sw_json_set_int(o, "cpuMs", cpu_ns / 1000000);
    if (before_ns >= 0 && elapsed_ms > 0 && cpu_ns >= before_ns)
        sw_json_set_int(o, "cpuUnits", (cpu_ns - before_ns) * CPU_UNITS / (elapsed_ms * 1000000));
    sw_json_set_int(o, "memoryBytes", SW_MAX(bytes, (int64_t)0));
    json_array_append_new(tasks, o);
    sw_json_set_int(seen, task_arn(t), cpu_ns);
}

json_t *usage_sample(struct usage_sampler *u, struct task_engine *e, int64_t now_ms)
{
    json_t *out = json_object(), *tasks = json_array(), *seen = json_object();
    int64_t elapsed_ms = u->sampled_at_ms ? now_ms - u->sampled_at_ms : 0;
    machine_cpu(u, out);
    machine_memory(u, out);
    pthread_mutex_lock(&e->lock);
    for (struct task *t = e->tasks; t; t = t->next)
        add_task(u, t, elapsed_ms, seen, tasks);
    pthread_mutex_unlock(&e->lock);
    sw_json_set_new(out, "tasks", tasks);
    json_decref(u->before);
    u->before = seen;
    u->sampled_at_ms = now_ms;
    return out;
}
