/* SPDX-License-Identifier: Apache-2.0 */
/* The whole agent against a control plane in this process, a registry stub, and real containers. Not run without root. */
#include "launcher/agent/agent.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"
#include "launcher/model/agent_protocol.h"
#include "tests/unit/launcher/agent/registry_stub.h"

struct plane {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    json_t *tasks, *logs, *states; /* states: every SubmitTaskStateChange */
    json_t *log_answer, *registration;
    int64_t version;
    bool down, superseded, late; /* late: superseded until the next registration */
    int registered;
};

static struct stub registry;
static struct plane plane;
static struct runtime rt;
static struct agent *agent;
static pthread_t agent_thread;
static char bridge[16], subnet[32];

static int submit_state(const json_t *in)
{
    json_array_append(plane.states, (json_t *)(uintptr_t)in);
    const char *arn = sw_json_str(in, "task", "");
    size_t i;
    json_t *t;
    json_array_foreach(plane.tasks, i, t) {
        if (!sw_streq(sw_json_str(t, "taskArn", ""), arn))
            continue;
        if (sw_streq(sw_json_str(in, "status", ""), "STOPPED")) {
            json_array_remove(plane.tasks, i);
            plane.version++;
            break;
        }
        sw_json_set_str(t, "knownStatus", sw_json_str(in, "status", ""));
    }
    return 0;
}

static int poll_tasks(const json_t *in, json_t **out)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    while (sw_json_int(in, "seenVersion", -1) == plane.version && json_array_size(plane.logs) == 0)
        if (pthread_cond_timedwait(&plane.changed, &plane.lock, &until) != 0)
            break;
    *out = json_object();
    sw_json_set_int(*out, "version", plane.version);
    sw_json_set_new(*out, "tasks", json_deep_copy(plane.tasks));
    sw_json_set_new(*out, "logRequests", json_deep_copy(plane.logs));
    json_array_clear(plane.logs);
    return 0;
}

static int plane_call(void *ctx, const char *target, const json_t *in, int64_t timeout_ms,
                      json_t **ret, struct sw_err *err)
{
    (void)ctx, (void)timeout_ms;
    const char *op = strchr(target, '.') + 1;
    int r = 0;
    *ret = NULL;
    pthread_mutex_lock(&plane.lock);
    if (plane.down)
        r = sw_fail(err, SW_EUNAVAILABLE, NULL, "down");
    else if (plane.superseded && strcmp(op, "PollTasks") == 0)
        r = sw_fail(err, SW_ECONFLICT, AGENT_SUPERSEDED, "another agent");
    else if (strcmp(op, "PollTasks") == 0)
        r = poll_tasks(in, ret);
    else if (strcmp(op, "SubmitTaskStateChange") == 0)
        r = submit_state(in);
    else if (strcmp(op, "SubmitLogs") == 0) {
        json_decref(plane.log_answer);
        plane.log_answer = json_deep_copy(in);
    } else if (strcmp(op, "RegisterContainerInstance") == 0) {
        plane.registered++;
        plane.superseded &= !plane.late;
        json_decref(plane.registration);
        plane.registration = json_deep_copy(in);
        *ret = json_pack("{s:{s:s}}", "containerInstance", "containerInstanceArn",
                         "arn:aws:ecs:us-east-1:000000000000:container-instance/default/"
                         "0123456789abcdef0123456789abcdef");
    }
    pthread_cond_broadcast(&plane.changed);
    pthread_mutex_unlock(&plane.lock);
    if (r == 0 && !*ret)
        *ret = json_object();
    return r;
}

static int authorization(void *ctx, const char *host_port, char *out, size_t cap,
                         struct sw_err *err)
{
    (void)ctx, (void)err;
    snprintf(out, cap, "%s", strcmp(host_port, registry.host_port) == 0 ? "Basic c2VjcmV0" : "");
    return 0;
}

static void *run_agent(void *arg)
{
    (void)arg;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(agent_run(agent, &err));
    return NULL;
}

static void start_agent(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct agent_options o = {
        .data_dir = test_path("data"),
        .cluster = "default",
        .registry_host_port = registry.host_port,
        .bridge_name = bridge,
        .bridge_subnet = subnet,
        .stop_timeout_default_s = 5,
        .task_cleanup_wait_s = 3600,
        .runtime = &rt,
        .control = {.call = plane_call, .registry_authorization = authorization}};
    CHECK_OK(agent_new(&o, &agent, &err));
    CHECK(pthread_create(&agent_thread, NULL, run_agent, NULL) == 0);
}

static void stop_agent(bool tasks)
{
    agent_stop(agent, tasks);
    pthread_join(agent_thread, NULL);
    agent_free(agent);
}

static void make_images(void)
{
    size_t n;
    char digest[DIGEST_STRING_MAX];
    char *busybox = test_read_file("/bin/busybox", &n);
    struct tar t;
    tar_start(&t);
    tar_add(&t, &(struct tar_entry){.name = "bin/", .type = AE_IFDIR});
    struct archive_entry *x = archive_entry_new();
    archive_entry_set_pathname(x, "bin/busybox");
    archive_entry_set_filetype(x, AE_IFREG);
    archive_entry_set_perm(x, 0755);
    archive_entry_set_size(x, (la_int64_t)n);
    CHECK(archive_write_header(t.a, x) == ARCHIVE_OK);
    CHECK(archive_write_data(t.a, busybox, n) == (la_ssize_t)n);
    archive_entry_free(x);
    static const char *const names[] = {"bin/sh",    "bin/cat", "bin/sleep", "bin/id",
                                        "bin/httpd", "bin/nc",  "bin/tail"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        tar_add(&t, &(struct tar_entry){.name = names[i], .type = AE_IFLNK, .data = "busybox"});
    struct sw_str plain = tar_end(&t);
    stub_image(&registry, "team/app", "v1", &plain, 1,
               "{\"Env\":[\"PATH=/bin\",\"FROM=image\"],\"Cmd\":[\"/bin/sh\"]}", "amd64", digest);
    sw_buf_done(&t.out);
}

static void setup(void)
{
    char program[256];
    static const char *const programs[] = {"runc", "conmon", "busybox", "iptables"};
    if (geteuid() != 0)
        test_skip("needs root");
    for (size_t i = 0; i < SW_ARRAY_LEN(programs); i++)
        if (!sw_find_program(programs[i], program, sizeof program))
            test_skip("needs %s", programs[i]);
    if (!sw_path_exists("/usr/lib/cni/bridge"))
        test_skip("needs the CNI plugins in /usr/lib/cni");
    struct sw_err err = SW_ERR_INIT;
    unsigned char random[2];
    sw_log_set_level(SW_LOG_ERROR);
    sw_random_bytes(random, sizeof random);
    snprintf(bridge, sizeof bridge, "swt%02x%02x", random[0], random[1]);
    snprintf(subnet, sizeof subnet, "10.%d.%d.0/24", 200 + random[0] % 50, random[1]);
    memset(&plane, 0, sizeof plane);
    pthread_mutex_init(&plane.lock, NULL);
    pthread_cond_init(&plane.changed, NULL);
    plane.tasks = json_array();
    plane.logs = json_array();
    plane.states = json_array();
    stub_start(&registry);
    make_images();
    CHECK_OK(
        runtime_oci_new(&(struct runtime_oci_options){.state_dir = test_path("run")}, &rt, &err));
    start_agent();
}

static void done(void)
{
    stop_agent(true);
    struct sw_err err = SW_ERR_INIT;
    const char *argv[] = {"ip", "link", "del", bridge, NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf drop = SW_BUF_INIT(4096);
    struct sw_process_result res;
    (void)sw_process_run(&(struct sw_process_spec){.argv = argv}, &drop, &drop, &res, &err);
    runtime_oci_free(&rt);
    stub_stop(&registry);
    json_decref(plane.tasks);
    json_decref(plane.logs);
    json_decref(plane.states);
    json_decref(plane.log_answer);
    json_decref(plane.registration);
    plane.log_answer = plane.registration = NULL;
}

static const char *place(const char *definition)
{
    static char arn[128];
    char id[33];
    struct sw_err err = SW_ERR_INIT;
    json_t *def = NULL;
    CHECK_OK(sw_json_load(sw_str(definition), 16, 1000, NULL, &def, &err));
    sw_random_hex(id, 32);
    snprintf(arn, sizeof arn, "arn:aws:ecs:us-east-1:000000000000:task/default/%s", id);
    pthread_mutex_lock(&plane.lock);
    json_array_append_new(plane.tasks,
                          json_pack("{s:s, s:s, s:s, s:o}", "taskArn", arn, "desiredStatus",
                                    "RUNNING", "knownStatus", "PENDING", "taskDefinition", def));
    plane.version++;
    pthread_cond_broadcast(&plane.changed);
    pthread_mutex_unlock(&plane.lock);
    return arn;
}

static void want_stopped(const char *arn)
{
    size_t i;
    json_t *t;
    pthread_mutex_lock(&plane.lock);
    json_array_foreach(plane.tasks, i, t) {
        if (sw_streq(sw_json_str(t, "taskArn", ""), arn)) {
            sw_json_set_str(t, "desiredStatus", "STOPPED");
            sw_json_set_str(t, "stopReason", "enough");
        }
    }
    plane.version++;
    pthread_cond_broadcast(&plane.changed);
    pthread_mutex_unlock(&plane.lock);
}

/* Waits for a report of that status; borrowed from plane.states. */
static const json_t *await(const char *arn, const char *status)
{
    const json_t *found = NULL;
    for (int i = 0; i < 20000 && !found; i++) {
        size_t k;
        json_t *s;
        pthread_mutex_lock(&plane.lock);
        json_array_foreach(plane.states, k, s) {
            if (sw_streq(sw_json_str(s, "task", ""), arn) &&
                sw_streq(sw_json_str(s, "status", ""), status))
                found = s;
        }
        pthread_mutex_unlock(&plane.lock);
        if (!found)
            sw_sleep_ms(5);
    }
    CHECK_MSG(found, "no report %s", status);
    return found;
}

static const json_t *container(const json_t *state, size_t i)
{
    return json_array_get(sw_json_array(state, "containers"), i);
}

static void ask_logs(const char *arn, char *out, size_t cap)
{
    pthread_mutex_lock(&plane.lock);
    json_decref(plane.log_answer);
    plane.log_answer = NULL;
    json_array_append_new(plane.logs,
                          json_pack("{s:s, s:s, s:i, s:i}", "requestId", "r1", "taskArn", arn,
                                    "maxBytes", 65536, "waitSeconds", 2));
    pthread_cond_broadcast(&plane.changed);
    pthread_mutex_unlock(&plane.lock);
    json_t *answer = NULL;
    for (int i = 0; i < 20000 && !answer; i++) {
        pthread_mutex_lock(&plane.lock);
        answer = json_incref(plane.log_answer);
        pthread_mutex_unlock(&plane.lock);
        if (!answer)
            sw_sleep_ms(5);
    }
    CHECK_NOT_NULL(answer);
    size_t i, n = 0;
    json_t *r;
    json_array_foreach(sw_json_array(answer, "records"), i, r) {
        size_t got = 0;
        CHECK(sw_unbase64(sw_str(sw_json_str(r, "message", "")), out + n, cap - n - 2, &got));
        n += got;
        out[n++] = '\n';
    }
    out[n] = 0;
    json_decref(answer);
}

#define APP(extra)                                                                               \
    "{\"family\":\"app\",\"revision\":1,\"containerDefinitions\":[{\"name\":\"main\",\"image\":" \
    "\"team/app:v1\"," extra "}]}"

TEST(a_task_runs_prints_and_exits)
{
    setup();
    int64_t t0 = sw_mono_us();
    const char *arn = place(APP("\"command\":[\"/bin/sh\",\"-c\",\"echo $FROM $MORE; exit "
                                "3\"],\"memory\":64,\"environment\":[{\"name\":"
                                "\"MORE\",\"value\":\"task\"}]"));
    const json_t *running = await(arn, "RUNNING");
    printf("  placed to RUNNING reported, cold: %lld us\n", (long long)(sw_mono_us() - t0));
    CHECK_EQ_STR(sw_json_str(container(running, 0), "status", ""), "RUNNING");
    const json_t *stopped = await(arn, "STOPPED");
    CHECK_EQ_INT(sw_json_int(container(stopped, 0), "exitCode", -1), 3);
    CHECK_EQ_STR(sw_json_str(stopped, "reason", ""),
                 "EssentialContainerExited: Essential container in task exited");
    CHECK(strlen(sw_json_str(container(stopped, 0), "imageDigest", "")) == 71);
    char text[4096];
    ask_logs(arn, text, sizeof text);
    CHECK_EQ_STR(text, "image task\n");
    CHECK_EQ_STR(registry.seen[0].authorization, "Basic c2VjcmV0");
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(plane.registration, "totalResources"), 0),
                             "name", ""),
                 "CPU");
    done();
}

TEST(stopping_is_graceful)
{
    setup();
    const char *arn = place(APP("\"command\":[\"/bin/sh\",\"-c\",\"trap 'echo bye; exit 9' TERM; "
                                "echo up; while :; do sleep 0.05; done\"],\"memory\":64"));
    await(arn, "RUNNING");
    char text[4096] = "";
    for (int i = 0; i < 100 && !strstr(text, "up"); i++)
        ask_logs(arn, text, sizeof text);
    want_stopped(arn);
    const json_t *stopped = await(arn, "STOPPED");
    CHECK_EQ_STR(sw_json_str(stopped, "reason", ""), "UserInitiated: enough");
    CHECK_EQ_INT(sw_json_int(container(stopped, 0), "exitCode", -1), 9);
    done();
}

static bool answers(const char *ip, int port)
{
    for (int i = 0; i < 3000; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        char text[512] = "";
        inet_pton(AF_INET, ip, &a.sin_addr);
        sw_autoclose int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(s, (struct sockaddr *)&a, sizeof a) == 0) {
            static const char get[] = "GET /etc/hostname HTTP/1.0\r\n\r\n";
            CHECK(send(s, get, sizeof get - 1, MSG_NOSIGNAL) > 0);
            ssize_t n = recv(s, text, sizeof text - 1, 0);
            if (n > 0 && strstr(text, "200"))
                return true;
        }
        sw_sleep_ms(20);
    }
    return false;
}

TEST(a_published_port_answers_and_adoption_keeps_it)
{
    setup();
    const char *arn = place(APP("\"command\":[\"/bin/httpd\",\"-f\",\"-p\",\"8080\",\"-h\",\"/"
                                "\"],\"memory\":64,\"portMappings\":[{"
                                "\"containerPort\":8080}]"));
    const json_t *running = await(arn, "RUNNING");
    const json_t *binding =
        json_array_get(sw_json_array(container(running, 0), "networkBindings"), 0);
    int port = (int)sw_json_int(binding, "hostPort", 0);
    CHECK(port > 1024);
    CHECK_EQ_INT(sw_json_int(binding, "containerPort", 0), 8080);
    CHECK(answers("127.0.0.1", port));
    /* The agent goes, the container stays; a new agent goes on with it. */
    stop_agent(false);
    CHECK(answers("127.0.0.1", port));
    start_agent();
    sw_sleep_ms(300);
    CHECK(answers("127.0.0.1", port));
    CHECK_EQ_INT((int)json_array_size(plane.tasks), 1);
    want_stopped(arn);
    await(arn, "STOPPED");
    done();
}

TEST(what_cannot_start_says_why)
{
    setup();
    const char *arn = place(APP("\"command\":[\"/bin/nothing\"],\"memory\":64"));
    const json_t *stopped = await(arn, "STOPPED");
    CHECK_CONTAINS(sw_json_str(container(stopped, 0), "reason", ""), "CannotCreateContainerError");
    CHECK_CONTAINS(sw_json_str(stopped, "reason", ""), "TaskFailedToStart: ");
    arn = place("{\"family\":\"app\",\"revision\":1,\"containerDefinitions\":[{\"name\":\"main\","
                "\"image\":\"team/none:v1\",\"memory\":64}]}");
    stopped = await(arn, "STOPPED");
    CHECK_CONTAINS(sw_json_str(container(stopped, 0), "reason", ""), "CannotPullContainerError: ");
    arn = place(APP("\"command\":[\"/bin/tail\",\"/dev/zero\"],\"memory\":8"));
    stopped = await(arn, "STOPPED");
    CHECK_EQ_STR(sw_json_str(container(stopped, 0), "reason", ""),
                 "OutOfMemoryError: Container killed due to memory usage");
    CHECK_EQ_INT(sw_json_int(container(stopped, 0), "exitCode", -1), 137);
    done();
}

TEST(an_exit_while_no_agent_runs_is_not_lost)
{
    setup();
    const char *arn = place(
        APP("\"command\":[\"/bin/sh\",\"-c\",\"sleep 0.5; echo late; exit 6\"],\"memory\":64"));
    await(arn, "RUNNING");
    stop_agent(false);
    sw_sleep_ms(800);
    start_agent();
    const json_t *stopped = await(arn, "STOPPED");
    CHECK_EQ_INT(sw_json_int(container(stopped, 0), "exitCode", -1), 6);
    char text[4096];
    ask_logs(arn, text, sizeof text);
    CHECK_EQ_STR(text, "late\n");
    done();
}

TEST(a_warm_start_is_quick)
{
    setup();
    static const char *const modes[] = {"host", "bridge"};
    for (size_t m = 0; m < 2; m++)
        for (int i = 0; i < 5; i++) {
            char definition[1024];
            snprintf(
                definition, sizeof definition,
                "{\"family\":\"app\",\"revision\":1,\"networkMode\":\"%s\","
                "\"containerDefinitions\":[{\"name\":\"main\",\"image\":"
                "\"team/app:v1\",\"command\":[\"/bin/sh\",\"-c\",\"echo hi\"],\"memory\":64%s}]}",
                modes[m], m ? ",\"portMappings\":[{\"containerPort\":80}]" : "");
            int64_t placed = sw_now_us();
            const char *arn = place(definition);
            await(arn, "STOPPED");
            const char *log = test_read_file(
                test_path("data/tasks/%s/containers/main/log", strrchr(arn, '/') + 1), NULL);
            int64_t first = 0;
            CHECK(sw_parse_iso8601(sw_str_n(log, strcspn(log, " ")), &first));
            printf("  %s: placed to first output %lld us\n", modes[m], (long long)(first - placed));
            sw_sleep_ms(150);
        }
    done();
}

/* Of what the agent said of itself when it registered; owned. */
static json_t *identity(void)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *j = NULL;
    pthread_mutex_lock(&plane.lock);
    CHECK_OK(sw_json_load(sw_str(sw_json_str(plane.registration, "instanceIdentityDocument", "")),
                          4, 10, NULL, &j, &err));
    pthread_mutex_unlock(&plane.lock);
    json_t *own = json_incref(sw_json_object(j, AGENT_IDENTITY));
    json_decref(j);
    return own;
}

static int reports_of(const char *arn)
{
    int n = 0;
    size_t i;
    const json_t *s;
    pthread_mutex_lock(&plane.lock);
    json_array_foreach(plane.states, i, s)
        n += sw_streq(sw_json_str(s, "task", ""), arn);
    pthread_mutex_unlock(&plane.lock);
    return n;
}

/* What a predecessor said before it was killed may be heard after it: no reason to end anything. */
TEST(a_registration_that_comes_late_is_answered_by_another)
{
    setup();
    const char *arn =
        place(APP("\"command\":[\"/bin/sleep\",\"600\"],\"memory\":64,\"stopTimeout\":2"));
    await(arn, "RUNNING");
    sw_autofree char *first = sw_strdup(arn);
    pthread_mutex_lock(&plane.lock);
    plane.superseded = plane.late = true;
    plane.version++;
    pthread_cond_broadcast(&plane.changed);
    while (plane.superseded)
        pthread_cond_wait(&plane.changed, &plane.lock);
    CHECK_EQ_INT(plane.registered, 2);
    plane.late = false;
    pthread_mutex_unlock(&plane.lock);
    int before = reports_of(first);
    await(place(APP("\"command\":[\"/bin/sh\",\"-c\",\"exit 0\"],\"memory\":64")), "STOPPED");
    CHECK_EQ_INT(reports_of(first), before);
    done();
}

TEST(whoever_is_superseded_ends_its_containers_and_says_nothing)
{
    setup();
    const char *arn =
        place(APP("\"command\":[\"/bin/sleep\",\"600\"],\"memory\":64,\"stopTimeout\":2"));
    await(arn, "RUNNING");
    int before = reports_of(arn);
    sw_autojson json_t *first = identity();
    CHECK_EQ_INT(strlen(sw_json_str(first, "session", "")), 32);
    sw_autofree char *file =
        sw_asprintf("%s/tasks/%s/state.json", test_path("data"), strrchr(arn, '/') + 1);
    pthread_mutex_lock(&plane.lock);
    plane.superseded = true;
    plane.version++;
    pthread_cond_broadcast(&plane.changed);
    pthread_mutex_unlock(&plane.lock);
    bool ended = false;
    for (int i = 0; i < 5000 && !ended; i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autojson json_t *j = NULL;
        CHECK_OK(sw_json_load_file(file, 1 << 20, &j, &err));
        ended = sw_json_bool(j, "finished", false);
        sw_sleep_ms(20);
    }
    CHECK(ended);
    CHECK_EQ_INT(reports_of(arn), before);
    /* Somebody looked, and starts it again: another session, and the instance is this one's again. */
    stop_agent(false);
    plane.superseded = false;
    start_agent();
    await(place(APP("\"command\":[\"/bin/sh\",\"-c\",\"exit 0\"],\"memory\":64")), "STOPPED");
    sw_autojson json_t *second = identity();
    CHECK(!sw_streq(sw_json_str(first, "session", ""), sw_json_str(second, "session", "")));
    CHECK_EQ_STR(sw_json_str(first, "machine", "-"), sw_json_str(second, "machine", "-"));
    done();
}
