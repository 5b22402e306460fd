/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/task.c - a task as a value and as a file. */
#include "launcher/agent/task.h"
#include "launcher/agent/container_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/fargate.h"
#include "launcher/runtime/spec.h"

#define STATE_MAX (8 * 1024 * 1024)

static const char *const level_names[] = {"NONE", "PENDING", "RUNNING", "STOPPED"};

const char *task_arn(const struct task *t)
{
    return sw_json_str(t->placed, "taskArn", "");
}

bool task_id_of_arn(const char *arn, char out[TASK_ID_MAX + 1])
{
    const char *slash = strrchr(arn, '/');
    const char *id = slash ? slash + 1 : arn;
    size_t n = strlen(id);
    if (n == 0 || n > TASK_ID_MAX ||
        strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != n)
        return false;
    memcpy(out, id, n + 1);
    return true;
}

void task_set_reason(struct task_container *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->reason, sizeof c->reason, fmt, ap);
    va_end(ap);
}

char *task_container_dir(const struct task *t, size_t container)
{
    return sw_asprintf("%s/containers/%s", t->dir, t->containers[container].def->name);
}

static bool folder_name_valid(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n <= 255 && s[0] != '.' && !strchr(s, '/');
}

int task_new(struct task_engine *e, const char *tasks_dir, const json_t *placed, struct task **ret,
             struct sw_err *err)
{
    struct task *t = SW_NEW(struct task);
    t->engine = e;
    t->placed = json_deep_copy(placed);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    int r = 0;
    if (!task_id_of_arn(task_arn(t), t->id))
        r = sw_fail(err, SW_EINVALID, "ClientException", "task ARN '%.100s' is not valid",
                    task_arn(t));
    if (sw_streq(sw_json_str(placed, "launchType", ""), FARGATE))
        fargate_complete(sw_json_object(t->placed, "taskDefinition"),
                         spec_may_raise_rlimits() ? -1 : spec_own_hard_limit(NULL, "nofile"));
    if (r == 0)
        r = taskdef_from_json(sw_json_object(t->placed, "taskDefinition"), &t->def, err);
    if (r == 0 && sw_json_object(placed, "overrides"))
        r = taskdef_apply_overrides(t->def, sw_json_object(placed, "overrides"), err);
    for (size_t i = 0; r == 0 && i < t->def->containers_n; i++) {
        t->containers[i].def = &t->def->containers[i];
        t->containers[i].stop_signal = SIGTERM;
        sw_uuid(t->containers[i].endpoint_id);
        if (!folder_name_valid(t->def->containers[i].name))
            r = sw_fail(err, SW_EINVALID, "ClientException", "container name is not valid");
        for (size_t k = 0; r == 0 && k < t->def->volumes_n; k++)
            if (!t->def->volumes[k].source_path && !t->def->volumes[k].file_system &&
                !folder_name_valid(t->def->volumes[k].name))
                r = sw_fail(err, SW_EINVALID, "ClientException", "volume name is not valid");
            else if (r == 0 && t->def->volumes[k].file_system &&
                     !folder_name_valid(t->def->volumes[k].file_system))
                r = sw_fail(err, SW_EINVALID, "ClientException", "file system id is not valid");
    }
    if (r < 0) {
        task_free(t);
        return r;
    }
    t->dir = sw_asprintf("%s/%s", tasks_dir, t->id);
    sw_uuid(t->credentials_id);
    *ret = t;
    return 0;
}

void task_free(struct task *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < TASKDEF_CONTAINERS_MAX; i++)
        image_done(&t->containers[i].image), json_decref(t->containers[i].last_cpu);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    taskdef_free(t->def);
    json_decref(t->placed);
    json_decref(t->credentials);
    json_decref(t->secrets);
    for (size_t i = 0; i < TASKDEF_CONTAINERS_MAX; i++)
        strings_free(t->env_files[i]);
    free(t->pull_authorization);
    free(t->pull_identity);
    free(t->dir);
    free(t);
}

static void set_range(json_t *b, const char *key, uint16_t first, const struct port_mapping *m)
{
    sw_autofree char *text = sw_asprintf("%u-%u", first, first + port_mapping_count(m) - 1u);
    sw_json_set_str(b, key, text);
}

static json_t *bindings_json(const struct task_container *c, bool aws)
{
    json_t *a = json_array();
    for (size_t i = 0; i < c->bindings_n; i++) {
        json_t *b = json_object();
        if (aws)
            sw_json_set_str(b, "bindIP", "0.0.0.0");
        if (!aws || c->bindings[i].count <= 1) {
            sw_json_set_int(b, "containerPort", c->bindings[i].container_port);
            sw_json_set_int(b, "hostPort", c->bindings[i].host_port);
        } else {
            set_range(b, "containerPortRange", c->bindings[i].container_port, &c->bindings[i]);
            set_range(b, "hostPortRange", c->bindings[i].host_port, &c->bindings[i]);
        }
        if (!aws && c->bindings[i].count > 1)
            sw_json_set_int(b, "count", c->bindings[i].count);
        sw_json_set_str(b, "protocol", port_protocol_to_string(c->bindings[i].protocol));
        json_array_append_new(a, b);
    }
    return a;
}

static json_t *container_json(const struct task_container *c)
{
    json_t *j = json_object();
    sw_json_set_str(j, "name", c->def->name);
    sw_json_set_str(j, "status", container_status_to_string(c->status));
    sw_json_set_str(j, "id", c->id);
    sw_json_set_str(j, "lease", c->lease);
    sw_json_set_str(j, "address", c->address);
    sw_json_set_str(j, "reason", c->reason);
    sw_json_set_str(j, "imageDigest", c->image_digest);
    sw_json_set_bool(j, "ran", c->ran);
    sw_json_set_bool(j, "starting", c->starting);
    sw_json_set_bool(j, "discarding", c->discarding);
    sw_json_set_bool(j, "cleaned", c->cleaned);
    sw_json_set_str(j, "endpointId", c->endpoint_id);
    sw_json_set_int(j, "restarts", c->restarts);
    sw_json_set_int(j, "createdUs", c->created_us);
    sw_json_set_int(j, "startedUs", c->started_us);
    sw_json_set_int(j, "stoppedUs", c->stopped_us);
    sw_json_set_int(j, "ranMs", c->ran_ms);
    sw_json_set_int(j, "stopSignal", c->stop_signal);
    if (c->has_exit_code)
        sw_json_set_int(j, "exitCode", c->exit_code);
    sw_json_set_new(j, "bindings", bindings_json(c, false));
    return j;
}

int task_save(const struct task *t, bool durable, struct sw_err *err)
{
    sw_autojson json_t *j = json_object();
    json_t *containers = json_array();
    char boot[37];
    sw_boot_id(boot);
    sw_json_set_int(j, "format", 1);
    sw_json_set_str(j, "boot", boot);
    json_object_set(j, "placed", t->placed);
    sw_json_set_bool(j, "stopWanted", t->stop_wanted);
    sw_json_set_str(j, "stopCode", t->stop_code);
    sw_json_set_str(j, "stopText", t->stop_text);
    sw_json_set_str(j, "credentialsId", t->credentials_id);
    if (t->holder[0])
        sw_json_set_str(j, "holder", t->holder);
    sw_json_set_int(j, "pullStartedUs", t->pull_started_us);
    sw_json_set_int(j, "pullStoppedUs", t->pull_stopped_us);
    sw_json_set_int(j, "stoppedUs", t->stopped_us);
    sw_json_set_bool(j, "wasRunning", t->was_running);
    sw_json_set_bool(j, "finished", t->finished);
    sw_json_set_bool(j, "silent", t->silent);
    sw_json_set_str(j, "reported", level_names[t->reported]);
    for (size_t i = 0; i < t->def->containers_n; i++)
        json_array_append_new(containers, container_json(&t->containers[i]));
    sw_json_set_new(j, "containers", containers);
    sw_autofree char *text = sw_json_dump(j);
    sw_autofree char *path = sw_asprintf("%s/state.json", t->dir);
    if (sw_mkdirs(t->dir, 0700, err) < 0)
        return err->code;
    if (durable)
        return sw_write_file_atomic(path, text, strlen(text), 0600, err);
    sw_autofree char *temp = sw_asprintf("%s/state.new", t->dir);
    sw_autoclose int fd = -1;
    if (sw_open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, err) < 0 ||
        sw_write_all(fd, text, strlen(text), err) < 0)
        return err->code;
    if (rename(temp, path) < 0)
        return sw_fail_os(err, errno, "%s", path);
    return 0;
}

/* Whether what is open there is what the name stands for. */
static bool is_named(int fd, const char *path)
{
    struct stat own, named;
    return fstat(fd, &own) == 0 && stat(path, &named) == 0 && own.st_ino == named.st_ino;
}

int task_sync(const struct task *t, struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/state.json", t->dir);
    for (;;) {
        sw_autoclose int fd = -1;
        if (sw_open(path, O_RDONLY, 0, &fd, err) < 0)
            return err->code;
        if (fsync(fd) < 0)
            return sw_fail_os(err, errno, "%s", path);
        if (sw_fsync_dir(t->dir, err) < 0)
            return err->code;
        if (is_named(fd, path)) /* else the folder may name a later one, whose bytes are nowhere */
            return 0;
    }
}

static void copy_text(const json_t *j, const char *key, char *out, size_t cap)
{
    (void)sw_str_copy(sw_str(sw_json_str(j, key, "")), out, cap);
}

/* One that is not in the file stays as it was made. */
static void copy_id(const json_t *j, const char *key, char out[37])
{
    const char *id = sw_json_str(j, key, "");
    if (strlen(id) == 36)
        memcpy(out, id, 37);
}

static void load_container(struct task_container *c, const json_t *j)
{
    if (!container_status_from_string(sw_json_str(j, "status", ""), &c->status))
        c->status = CONTAINER_WAITING;
    copy_text(j, "id", c->id, sizeof c->id);
    copy_text(j, "lease", c->lease, sizeof c->lease);
    copy_text(j, "address", c->address, sizeof c->address);
    copy_text(j, "reason", c->reason, sizeof c->reason);
    copy_text(j, "imageDigest", c->image_digest, sizeof c->image_digest);
    c->ran = sw_json_bool(j, "ran", false);
    c->starting = sw_json_bool(j, "starting", false);
    c->discarding = sw_json_bool(j, "discarding", false);
    c->cleaned = sw_json_bool(j, "cleaned", false);
    copy_id(j, "endpointId", c->endpoint_id);
    c->restarts = (int)sw_json_int(j, "restarts", 0);
    c->created_us = sw_json_int(j, "createdUs", 0);
    c->started_us = sw_json_int(j, "startedUs", 0);
    c->stopped_us = sw_json_int(j, "stoppedUs", 0);
    c->started_ms = task_mono_of_us(c->started_us);
    c->ran_ms = sw_json_int(j, "ranMs", (c->stopped_us - c->started_us) / 1000);
    c->stop_signal = (int)sw_json_int(j, "stopSignal", SIGTERM);
    c->has_exit_code = json_is_integer(json_object_get(j, "exitCode"));
    c->exit_code = (int)sw_json_int(j, "exitCode", 0);
    size_t i;
    json_t *b;
    json_array_foreach(sw_json_array(j, "bindings"), i, b) {
        if (c->bindings_n == NETWORK_PORTS_MAX)
            break;
        struct port_mapping *m = &c->bindings[c->bindings_n++];
        m->container_port = (uint16_t)sw_json_int(b, "containerPort", 0);
        m->host_port = (uint16_t)sw_json_int(b, "hostPort", 0);
        m->count = (uint16_t)sw_json_int(b, "count", 0);
        if (!port_protocol_from_string(sw_json_str(b, "protocol", "tcp"), &m->protocol))
            m->protocol = PORT_TCP;
    }
}

int task_load(struct task_engine *e, const char *tasks_dir, const char *id, struct task **ret,
              struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/%s/state.json", tasks_dir, id);
    sw_autojson json_t *j = NULL;
    struct task *t = NULL;
    if (sw_json_load_file(path, STATE_MAX, &j, err) < 0 ||
        task_new(e, tasks_dir, sw_json_object(j, "placed"), &t, err) < 0)
        return err->code;
    if (strcmp(t->id, id) != 0) {
        task_free(t);
        return sw_fail(err, SW_EINTERNAL, NULL, "%s is of another task", path);
    }
    char boot[37];
    sw_boot_id(boot);
    t->durable = true;
    t->other_boot = !sw_streq(sw_json_str(j, "boot", boot), boot);
    t->stop_wanted = sw_json_bool(j, "stopWanted", false);
    copy_text(j, "stopCode", t->stop_code, sizeof t->stop_code);
    copy_text(j, "stopText", t->stop_text, sizeof t->stop_text);
    copy_id(j, "credentialsId", t->credentials_id);
    copy_text(j, "holder", t->holder, sizeof t->holder);
    t->pull_started_us = sw_json_int(j, "pullStartedUs", 0);
    t->pull_stopped_us = sw_json_int(j, "pullStoppedUs", 0);
    t->stopped_us = sw_json_int(j, "stoppedUs", 0);
    t->was_running = sw_json_bool(j, "wasRunning", false);
    t->finished = sw_json_bool(j, "finished", false);
    t->silent = sw_json_bool(j, "silent", false);
    for (size_t i = 0; i < SW_ARRAY_LEN(level_names); i++)
        if (sw_streq(sw_json_str(j, "reported", ""), level_names[i]))
            t->reported = (enum report_level)i;
    size_t i;
    json_t *c;
    json_array_foreach(sw_json_array(j, "containers"), i, c) {
        int at = taskdef_container_index(t->def, sw_json_str(c, "name", ""));
        if (at >= 0)
            load_container(&t->containers[at], c);
    }
    *ret = t;
    return 0;
}

int64_t task_mono_of_us(int64_t us)
{
    return sw_mono_ms() - SW_MAX(sw_now_us() - us, (int64_t)0) / 1000;
}

static bool wants_restart(const struct task *t, const struct task_container *c)
{
    /* One without an exit code lost its monitor: nobody wanted that. */
    return c->status == CONTAINER_STOPPED && c->ran && c->started_us && !t->stop_wanted &&
           !t->other_boot &&
           restart_due(&c->def->host.restart, c->ran_ms * 1000,
                       c->has_exit_code ? c->exit_code : -1);
}

void task_view(const struct task *t, int64_t now_ms, int64_t stop_timeout_default_s,
               struct task_view *ret)
{
    *ret = (struct task_view){
        .n = t->def->containers_n, .stop_wanted = t->stop_wanted, .now_ms = now_ms};
    for (size_t i = 0; i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        int64_t timeout_s =
            c->def->stop_timeout_s >= 0 ? c->def->stop_timeout_s : stop_timeout_default_s;
        ret->containers[i] = (struct container_view){.status = c->status,
                                                     .restart = wants_restart(t, c),
                                                     .ran = c->ran,
                                                     .has_exit_code = c->has_exit_code,
                                                     .exit_code = c->exit_code,
                                                     .health = c->health,
                                                     .essential = c->def->essential,
                                                     .depends_on = c->def->depends_on,
                                                     .depends_on_n = c->def->depends_on_n,
                                                     .stop_sent = c->stop_sent,
                                                     .kill_sent = c->kill_sent,
                                                     .stop_sent_at_ms = c->stop_sent_at_ms,
                                                     .kill_sent_at_ms = c->kill_sent_at_ms,
                                                     .stop_timeout_ms = timeout_s * 1000};
        if (c->def->start_timeout_s > 0 && c->started_us)
            ret->containers[i].give_up_at_ms = c->started_ms + c->def->start_timeout_s * 1000LL;
    }
}

enum report_level task_level(const struct task *t)
{
    if (t->finished)
        return t->was_running && t->reported < REPORT_RUNNING ? REPORT_RUNNING : REPORT_STOPPED;
    return t->was_running ? REPORT_RUNNING : REPORT_PENDING;
}

static const char *reported_status(const struct task_container *c, enum report_level level)
{
    if (level == REPORT_STOPPED)
        return "STOPPED";
    if (c->status == CONTAINER_STOPPED && level != REPORT_RUNNING)
        return "STOPPED";
    return c->status == CONTAINER_RUNNING || c->ran ? "RUNNING" : "PENDING";
}

json_t *task_report(const struct task *t, const char *cluster, enum report_level level)
{
    json_t *j = json_object(), *containers = json_array();
    sw_json_set_str(j, "cluster", cluster);
    sw_json_set_str(j, "task", task_arn(t));
    sw_json_set_str(j, "status", level_names[level]);
    for (size_t i = 0; i < t->def->containers_n; i++) {
        const struct task_container *c = &t->containers[i];
        const char *status = reported_status(c, level);
        bool stopped = strcmp(status, "STOPPED") == 0;
        json_t *o = json_object();
        sw_json_set_str(o, "containerName", c->def->name);
        sw_json_set_str(o, "status", status);
        sw_json_set_str(o, "runtimeId", c->id[0] ? c->id : NULL);
        sw_json_set_str(o, "imageDigest", c->image_digest[0] ? c->image_digest : NULL);
        if (stopped && c->has_exit_code)
            sw_json_set_int(o, "exitCode", c->exit_code);
        if (stopped && c->reason[0])
            sw_json_set_str(o, "reason", c->reason);
        if (t->def->network_mode == NETWORK_AWSVPC && c->address[0])
            sw_json_set_new(o, "networkBindings", json_pack("[{s:s}]", "bindIP", c->address));
        else if (c->bindings_n)
            sw_json_set_new(o, "networkBindings", bindings_json(c, true));
        json_array_append_new(containers, o);
    }
    sw_json_set_new(j, "containers", containers);
    if (level == REPORT_STOPPED && t->stop_code[0]) {
        sw_autofree char *reason = sw_asprintf("%s: %.900s", t->stop_code, t->stop_text);
        sw_json_set_str(j, "reason", reason);
    }
    if (t->pull_started_us)
        sw_json_set_time_us(j, "pullStartedAt", t->pull_started_us);
    if (t->pull_stopped_us)
        sw_json_set_time_us(j, "pullStoppedAt", t->pull_stopped_us);
    if (level == REPORT_STOPPED && t->stopped_us)
        sw_json_set_time_us(j, "executionStoppedAt", t->stopped_us);
    return j;
}
