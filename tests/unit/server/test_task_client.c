/* SPDX-License-Identifier: Apache-2.0 */
#include "server/task_client.h"

#include <unistd.h>

#include "base/json.h"
#include "base/macros.h"
#include "tests/unit/server/environment.h"
#include "tests/unit/server/http_stub.h"

static json_t *parse(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *j = NULL;
    CHECK_OK(sw_json_load(sw_str(text), 16, 1000, NULL, &j, &err));
    return j;
}

TEST(id_is_what_follows_the_last_slash)
{
    CHECK_EQ_STR(task_id_of("arn:aws:ecs:us-east-1:1:task/default/abc"), "abc");
    CHECK_EQ_STR(task_id_of("abc"), "abc");
    CHECK_EQ_STR(task_id_of("abc/"), "");
}

static void check_status(const char *task, const char *definition, int status)
{
    sw_autojson json_t *t = parse(task), *d = parse(definition);
    int got = task_exit_status(t, d);
    CHECK_MSG(got == status, "%s gives %d, not %d", task, got, status);
}

#define ONE                                                                              \
    "{\"containerDefinitions\":[{\"name\":\"a\",\"essential\":true},{\"name\":\"side\"," \
    "\"essential\":false}]}"
#define STOPPED(stop_code, containers) \
    "{\"stopCode\":\"" stop_code "\",\"containers\":[" containers "]}"
#define CONTAINER(name, code) "{\"name\":\"" name "\",\"exitCode\":" #code "}"

TEST(exit_status_is_the_essential_containers)
{
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 0)), ONE, 0);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 3)), ONE, 3);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 137)), ONE, 137);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("side", 7) "," CONTAINER("a", 0)),
                 ONE, 0);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("side", 7) "," CONTAINER("a", 5)),
                 ONE, 5);
    check_status(STOPPED("UserInitiated", CONTAINER("a", 143)), ONE, 143);
}

TEST(first_essential_failure_counts_and_essential_is_the_default)
{
    static const char two[] = "{\"containerDefinitions\":[{\"name\":\"a\"},{\"name\":\"b\"}]}";

    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 0) "," CONTAINER("b", 2)), two,
                 2);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 4) "," CONTAINER("b", 2)), two,
                 4);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("unknown", 9)), two, 9);
}

TEST(exit_status_is_never_zero_for_a_failure)
{
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", -1)), ONE, 255);
    check_status(STOPPED("EssentialContainerExited", CONTAINER("a", 256)), ONE, 1);
}

TEST(a_task_that_never_ran_gives_125)
{
    check_status(STOPPED("TaskFailedToStart", CONTAINER("a", 1)), ONE, 125);
    check_status(STOPPED("TaskFailedToStart", ""), ONE, 125);
    /* Stopped before it ran, or lost with its instance: nothing says that it did what it should. */
    check_status(STOPPED("UserInitiated", "{\"name\":\"a\"}"), ONE, 125);
    check_status(STOPPED("UserInitiated", ""), ONE, 125);
    check_status(STOPPED("EssentialContainerExited", "{\"name\":\"side\"}," CONTAINER("a", 0)), ONE,
                 0);
}

TEST(ports_are_listed_over_all_containers)
{
    sw_autojson json_t *task =
        parse("{\"containers\":[{\"networkBindings\":[{\"bindIP\":\"127.0.0.1\",\"hostPort\":8080,"
              "\"containerPort\":80,\"protocol\":\"tcp\"},{\"hostPort\":53,\"containerPort\":5353,"
              "\"protocol\":\"udp\"}]},{},{\"networkBindings\":[{\"hostPort\":1,\"containerPort\":"
              "2}]}]}");
    sw_autojson json_t *none = parse("{}");
    sw_autofree char *text = task_ports(task), *empty = task_ports(none);

    CHECK_EQ_STR(text, "127.0.0.1:8080->80/tcp, 0.0.0.0:53->5353/udp, 0.0.0.0:1->2/tcp");
    CHECK_EQ_STR(empty, "");
}

TEST(why_stopped_has_code_reason_and_containers)
{
    sw_autojson json_t *task = parse(
        "{\"stopCode\":\"TaskFailedToStart\",\"stoppedReason\":\"cannot pull\",\"containers\":["
        "{\"name\":\"a\",\"reason\":\"CannotPullContainerError: x\"},{\"name\":\"b\"}]}");
    sw_autojson json_t *none = parse("{}");
    sw_autofree char *text = task_why_stopped(task), *empty = task_why_stopped(none);

    CHECK_EQ_STR(text, "TaskFailedToStart: cannot pull\n  a: CannotPullContainerError: x");
    CHECK_CONTAINS(empty, "stopped");
}

/* Answers the n-th call with the n-th text; the last one again and again. */
struct script {
    const char *const *answers;
    size_t n;
};

static void give_next(void *ctx, const struct stub_request *r, struct sw_buf *out)
{
    struct script *s = ctx;
    bool describes = strstr(r->head.p, ".DescribeTasks\r\n") != NULL;
    if (describes) {
        stub_answer_text(out, 200, "", s->answers[0]);
        return;
    }
    s->n++;
    size_t last = 1;
    while (s->answers[last + 1])
        last++;
    stub_answer_text(out, 200, "", s->answers[SW_MIN(s->n, last)]);
}

struct world {
    struct script script;
    struct stub *stub;
    struct client client;
};

static void open_world(struct world *w, const char *const *answers)
{
    struct sw_err err = SW_ERR_INIT;
    static const char keys[] = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";

    clear_environment();
    w->script = (struct script){answers, 0};
    w->stub = stub_start(give_next, &w->script);
    struct client_options o = {.endpoint = w->stub->endpoint,
                               .credentials_file =
                                   test_write_file(test_path("c"), keys, sizeof(keys) - 1)};
    CHECK_OK(client_open(&o, &w->client, &err));
}

static void close_world(struct world *w)
{
    client_close(&w->client);
    stub_free(w->stub);
}

TEST(a_task_that_is_not_there_is_not_found)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    json_t *task = NULL;
    static const char *const answers[] = {"{\"tasks\":[],\"failures\":[{\"reason\":\"MISSING\"}]}",
                                          "{}", NULL};

    open_world(&w, answers);
    int r = task_describe(&w.client, "blue", "abc", &task, &err);
    CHECK_EQ_STR(err.msg, "no task abc in cluster blue");
    CHECK_ERR(r, SW_ENOTFOUND, NULL);
    CHECK_EQ_STR(stub_last(w.stub)->body.p, "{\"cluster\":\"blue\",\"tasks\":[\"abc\"]}");
    close_world(&w);
}

TEST(stop_says_why_only_when_told)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    static const char *const answers[] = {"{}", "{}", NULL};

    open_world(&w, answers);
    CHECK_OK(task_stop(&w.client, "c", "t", NULL, &err));
    CHECK_EQ_STR(stub_last(w.stub)->body.p, "{\"cluster\":\"c\",\"task\":\"t\"}");
    CHECK_OK(task_stop(&w.client, "c", "t", "because", &err));
    CHECK_EQ_STR(stub_last(w.stub)->body.p,
                 "{\"cluster\":\"c\",\"task\":\"t\",\"reason\":\"because\"}");
    close_world(&w);
}

/* Runs task_print_logs with standard output in a file; returns what it printed. */
static char *printed(struct world *w, const struct log_options *o, int *ret_result,
                     struct sw_err *err)
{
    const char *path = test_path("stdout");
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK(saved >= 0 && freopen(path, "we", stdout));
    *ret_result = task_print_logs(&w->client, o, err);
    (void)fflush(stdout);
    CHECK(dup2(saved, STDOUT_FILENO) == STDOUT_FILENO);
    (void)close(saved);
    return test_read_file(path, NULL);
}

#define ONE_CONTAINER  "{\"tasks\":[{\"containers\":[{\"name\":\"a\"}]}]}"
#define TWO_CONTAINERS "{\"tasks\":[{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}]}"
#define RECORD(container, base64, more) \
    "{\"containerName\":\"" container   \
    "\",\"stream\":\"stdout\",\"timestamp\":0,\"message\":\"" base64 "\"" more "}"

TEST(logs_are_printed_as_they_were_written)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    int r;
    static const char *const answers[] = {
        ONE_CONTAINER,
        "{\"cursor\":\"1\",\"records\":[" RECORD("a", "b25l", "") "," RECORD(
            "a", "dHdv", ",\"partial\":true") "," RECORD("a", "LTI=", "") "," RECORD("a", "",
                                                                                     "") "]}",
        "{\"cursor\":\"2\",\"records\":[],\"finished\":true}", NULL};
    struct log_options o = {.cluster = "c", .task = "t"};

    open_world(&w, answers);
    char *text = printed(&w, &o, &r, &err);
    CHECK_OK(r);
    CHECK_EQ_STR(text, "one\ntwo-2\n\n");
    CHECK_CONTAINS(stub_last(w.stub)->body.p, "\"cursor\":\"1\"");
    close_world(&w);
}

TEST(several_containers_get_their_names_in_front)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    int r;
    static const char *const answers[] = {
        TWO_CONTAINERS,
        "{\"finished\":true,\"records\":[" RECORD("a", "b25l", "") "," RECORD("b", "dHdv", "") "]}",
        NULL};
    struct log_options o = {.cluster = "c", .task = "t", .timestamps = true};

    open_world(&w, answers);
    char *text = printed(&w, &o, &r, &err);
    CHECK_OK(r);
    CHECK_CONTAINS(text, "1970-01-01T00:00:00");
    CHECK_CONTAINS(text, " a | one\n");
    CHECK_CONTAINS(text, " b | two\n");
    close_world(&w);
}

TEST(a_record_that_is_not_base64_is_an_error)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    int r;
    static const char *const answers[] = {ONE_CONTAINER,
                                          "{\"records\":[" RECORD("a", "!!", "") "]}", NULL};
    struct log_options o = {.cluster = "c", .task = "t"};

    open_world(&w, answers);
    (void)printed(&w, &o, &r, &err);
    CHECK_ERR(r, SW_EINVALID, NULL);
    close_world(&w);
}

TEST(a_reader_that_went_away_ends_the_printing)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    static const char *const answers[] = {
        ONE_CONTAINER, "{\"cursor\":\"1\",\"records\":[" RECORD("a", "b25l", "") "]}", NULL};
    struct log_options o = {.cluster = "c", .task = "t", .follow = true};

    open_world(&w, answers); /* which never says that it has finished */
    (void)fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    CHECK(saved >= 0 && freopen("/dev/full", "we", stdout));
    int r = task_print_logs(&w.client, &o, &err);
    (void)fflush(stdout);
    CHECK(dup2(saved, STDOUT_FILENO) == STDOUT_FILENO);
    (void)close(saved);
    clearerr(stdout);
    CHECK_CONTAINS(err.msg, "standard output");
    CHECK(r < 0);
    close_world(&w);
}

static int third_time(void *ctx, struct sw_err *err)
{
    return ++*(int *)ctx < 3 ? 0 : sw_fail(err, SW_EUNAVAILABLE, NULL, "interrupted");
}

TEST(following_goes_on_until_idle_says_stop)
{
    struct sw_err err = SW_ERR_INIT;
    struct world w;
    int r, calls = 0;
    static const char *const answers[] = {ONE_CONTAINER, "{\"records\":[]}", NULL};
    struct log_options o = {
        .cluster = "c", .task = "t", .follow = true, .idle = third_time, .ctx = &calls};

    open_world(&w, answers);
    char *text = printed(&w, &o, &r, &err);
    CHECK_EQ_STR(text, "");
    CHECK_EQ_STR(err.msg, "interrupted");
    CHECK_ERR(r, SW_EUNAVAILABLE, NULL);
    CHECK_EQ_INT(calls, 3);
    close_world(&w);
}
