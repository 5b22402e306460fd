/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's parsers and small pure pieces: image names, manifests, redirects, log lines, arguments, registration, ports. */
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/image_manifest.h"
#include "launcher/agent/image_reference.h"
#include "launcher/agent/instance.h"
#include "launcher/agent/logs.h"
#include "launcher/agent/ports.h"
#include "launcher/agent/registry_client.h"
#include "launcher/agent/task.h"
#include "tests/lib/test.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct image_registry own = {"127.0.0.1:5000", false};

TEST(image_names)
{
    static const struct {
        const char *text, *host_port, *host_header, *repository, *tag;
        bool digest, ours, tls;
    } rows[] = {
        {"app", "127.0.0.1:5000", "", "app", "latest", false, true, false},
        {"team/app:v1", "127.0.0.1:5000", "", "team/app", "v1", false, true, false},
        {"127.0.0.1:5000/team/app:v1", "127.0.0.1:5000", "", "team/app", "v1", false, true, false},
        {"localhost/app", "localhost", "", "app", "latest", false, false, false},
        {"localhost:99/app", "localhost:99", "", "app", "latest", false, false, false},
        {"registry.example.com/a/b-c_d:T.1-x", "registry.example.com", "", "a/b-c_d", "T.1-x",
         false, false, true},
        {"127.0.0.1.example.com/a", "127.0.0.1.example.com", "", "a", "latest", false, false, true},
        {"[::1]:5/a", "[::1]:5", "", "a", "latest", false, false, false},
        {"[fe80::1]/a", "[fe80::1]", "", "a", "latest", false, false, true},
        {"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:v1", "127.0.0.1:5000",
         "123456789012.dkr.ecr.us-east-1.amazonaws.com", "team/app", "v1", false, true, false},
        {"12345678901.dkr.ecr.us-east-1.amazonaws.com/app",
         "12345678901.dkr.ecr.us-east-1.amazonaws.com", "", "app", "latest", false, false, true},
        {"docker.io/busybox:1", "registry-1.docker.io", "", "library/busybox", "1", false, false,
         true},
        {"index.docker.io/team/app", "registry-1.docker.io", "", "team/app", "latest", false, false,
         true},
        {"a@sha256:" HEX64, "127.0.0.1:5000", "", "a", "", true, true, false},
        {"h.io:1/a:t@sha256:" HEX64, "h.io:1", "", "a", "t", true, false, true},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct image_reference r;
        struct sw_err err = SW_ERR_INIT;
        CHECK_MSG(image_name_parse(sw_str(rows[i].text), &own, &r, &err) == 0, "%s: %s",
                  rows[i].text, err.msg);
        CHECK_EQ_STR(r.host_port, rows[i].host_port);
        CHECK_EQ_STR(r.host_header, rows[i].host_header);
        CHECK_EQ_STR(r.repository, rows[i].repository);
        CHECK_EQ_STR(r.tag, rows[i].tag);
        CHECK_MSG(r.has_digest == rows[i].digest && r.ours == rows[i].ours && r.tls == rows[i].tls,
                  "%s", rows[i].text);
    }
}

TEST(image_names_that_are_none)
{
    static const char *const rows[] = {"",
                                       "UPPER",
                                       "a:",
                                       "a:b c",
                                       "a@sha256:abc",
                                       "a@sha256:../../x",
                                       "a@sha512:" HEX64,
                                       "/a",
                                       "a/",
                                       "a//b",
                                       "h.io/",
                                       "h.io:0/a",
                                       "h.io:99999/a",
                                       "h.io:x/a",
                                       "user@h.io/a",
                                       "http://h.io/a",
                                       "h..io/a",
                                       "-h.io/a",
                                       "a/../b",
                                       "a/.b",
                                       "a/b..c",
                                       "a___b",
                                       "[::1/a",
                                       "[]/a.b",
                                       "h.io/a?x",
                                       "h.io/a#x",
                                       "h.io/%61",
                                       "a\n",
                                       "a:" HEX64 HEX64 "x",
                                       ".h.io/a",
                                       "h.io./a"};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct image_reference r;
        struct sw_err err = SW_ERR_INIT;
        CHECK_MSG(image_name_parse(sw_str(rows[i]), &own, &r, &err) == SW_EINVALID,
                  "'%s' was accepted", rows[i]);
        CHECK_EQ_STR(err.reason, "CannotPullContainerError");
    }
    struct image_reference r;
    struct sw_err err = SW_ERR_INIT;
    CHECK_ERR(image_name_parse(SW_STR("app"), &(struct image_registry){0}, &r, &err), SW_EINVALID,
              NULL);
    CHECK_ERR(image_name_parse(SW_STR("a\0b"), &own, &r, &err), SW_EINVALID, NULL);
}

TEST(redirects)
{
    struct registry_url from, to;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(registry_url_parse("https://a:1/x?y#z", &from, &err));
    CHECK_EQ_STR(from.host_port, "a:1");
    CHECK_EQ_STR(from.path, "/x?y");
    CHECK_OK(registry_redirect(&from, "/other?q", &to, &err));
    CHECK(to.tls && sw_streq(to.host_port, "a:1") && sw_streq(to.path, "/other?q"));
    CHECK_OK(registry_redirect(&from, "https://b?q", &to, &err));
    CHECK_EQ_STR(to.path, "/?q");
    static const char *const bad[] = {"http://a:1/x",
                                      "//evil/x",
                                      "/\\evil",
                                      "ftp://x/",
                                      "file:///etc/passwd",
                                      "https://user@b/",
                                      "https:///x",
                                      "https://b/\r\nX: y",
                                      "relative",
                                      ""};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(registry_redirect(&from, bad[i], &to, &err), SW_EINVALID,
                  "CannotPullContainerError");
}

static int manifest(const char *text, const char *type, struct image_manifest *m,
                    struct sw_err *err)
{
    return image_manifest_parse(sw_str(text), type, "amd64", m, err);
}

TEST(manifests)
{
    static struct image_manifest m;
    struct sw_err err = SW_ERR_INIT;
    static const char oci[] = "application/vnd.oci.image.manifest.v1+json";
    CHECK_OK(
        manifest("{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX64
                 "\",\"size\":9},\"layers\":[{\"mediaType\":"
                 "\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"digest\":\"sha256:" HEX64
                 "\",\"size\":5}]}",
                 "application/vnd.oci.image.manifest.v1+json; charset=utf-8", &m, &err));
    CHECK(!m.is_index && m.layers_n == 1 && m.layers[0].size == 5 && m.config.size == 9);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"schemaVersion\":1,\"layers\":[]}",
        "{\"schemaVersion\":2}",
        "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":2,\"layers\":[]}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX64
        "\",\"size\":-1},\"layers\":[]}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:../../../../etc/"
        "passwd\",\"size\":1},\"layers\":[]}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:" HEX64
        "\",\"size\":1},\"layers\":[{\"mediaType\":\"text/plain\","
        "\"digest\":\"sha256:" HEX64 "\",\"size\":5}]}",
        "{\"schemaVersion\":2,\"mediaType\":\"application/"
        "vnd.oci.image.index.v1+json\",\"config\":{\"digest\":\"sha256:" HEX64
        "\",\"size\":1},\"layers\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[]}",
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        int r = manifest(bad[i], i + 1 < SW_ARRAY_LEN(bad) ? oci : NULL, &m, &err);
        CHECK_MSG(r == SW_EINVALID, "row %zu: %d", i, r);
        sw_err_clear(&err);
    }
}

TEST(configurations_and_chain_ids)
{
    static struct image_config c;
    struct sw_err err = SW_ERR_INIT;
    char text[512], chain[DIGEST_STRING_MAX];
    static const char d1[] = "sha256:" HEX64;
    snprintf(text, sizeof text,
             "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_"
             "ids\":[\"%s\",\"%s\"]}}",
             d1, d1);
    CHECK_OK(image_config_parse(sw_str(text), 2, "amd64", &c, &err));
    digest_format(&c.chain[0], chain);
    CHECK_EQ_STR(chain, d1);
    struct digest want;
    digest_of(DIGEST_SHA256, "sha256:" HEX64 " sha256:" HEX64, 143, &want);
    CHECK(digest_equal(&c.chain[1], &want));
    image_config_done(&c);
    CHECK_ERR(image_config_parse(sw_str(text), 1, "amd64", &c, &err), SW_EINVALID,
              "CannotPullImageManifestError");
    CHECK_ERR(image_config_parse(sw_str(text), 2, "arm64", &c, &err), SW_EINVALID,
              "CannotPullContainerError");
    CHECK_ERR(image_config_parse(SW_STR("{"), 2, "arm64", &c, &err), SW_EINVALID, NULL);
    CHECK(strlen(image_own_architecture()) > 0);
}

TEST(log_lines)
{
    struct log_line l;
    CHECK(log_line_parse(SW_STR("2026-11-21T14:30:57.491400558+00:00 stderr P some text "), &l));
    CHECK(l.err_stream && l.partial && sw_str_eq_z(l.text, "some text "));
    CHECK(log_line_parse(SW_STR("2026-11-21T14:30:57Z stdout F "), &l) && l.text.n == 0);
    static const char *const bad[] = {"",
                                      "x",
                                      "2026-11-21T14:30:57Z stdout F",
                                      "2026-11-21T14:30:57Z stdin F x",
                                      "yesterday stdout F x",
                                      "2026-11-21T14:30:57Z stdout X x"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!log_line_parse(sw_str(bad[i]), &l), "%s", bad[i]);
}

static const char *const two[] = {"a", "b", NULL};

static void write_log(const char *name, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("containers/%s", name), 0755, &err));
    test_write_file(test_path("containers/%s/log", name), text, strlen(text));
}

static size_t read_logs(const char *cursor, int64_t max, const char *container,
                        char next[LOG_CURSOR_MAX], bool *drained, char *first)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *records = NULL;
    struct log_request r = {.task_dir = test_dir(),
                            .containers = two,
                            .container = container,
                            .cursor = cursor,
                            .max_bytes = max};
    CHECK_OK(logs_read(&r, &records, next, drained, &err));
    size_t n = json_array_size(records), got = 0;
    first[0] = 0;
    if (n > 0) {
        CHECK(sw_unbase64(sw_str(sw_json_str(json_array_get(records, 0), "message", "")), first, 63,
                          &got));
        first[got] = 0;
    }
    json_decref(records);
    return n;
}

TEST(log_cursors_go_on_and_survive_rotation)
{
    char next[LOG_CURSOR_MAX], again[LOG_CURSOR_MAX], first[64];
    bool drained;
    CHECK_EQ_INT((int)read_logs("", 1000, NULL, next, &drained, first), 0);
    CHECK(drained);
    write_log("a", "2026-01-01T00:00:02Z stdout F two\n2026-01-01T00:00:03Z stdout F "
                   "three\n2026-01-01T00:00:04Z stdout F unfinish");
    write_log("b", "2026-01-01T00:00:01Z stderr F one\n");
    CHECK_EQ_INT((int)read_logs("", 10000, NULL, next, &drained, first), 3);
    CHECK_EQ_STR(first, "one");
    CHECK(drained);
    CHECK_EQ_INT((int)read_logs(next, 10000, NULL, again, &drained, first), 0);
    CHECK_EQ_STR(again, next);
    CHECK_EQ_INT((int)read_logs("", 10000, "b", again, &drained, first), 1);
    /* A small answer takes less, and says that there is more. */
    CHECK_EQ_INT((int)read_logs("", 1, NULL, again, &drained, first), 1);
    CHECK(!drained);
    CHECK_EQ_STR(first, "two");
    CHECK_EQ_INT((int)read_logs(again, 10000, NULL, next, &drained, first), 2);
    /* conmon begins a new file when the old one is full. */
    write_log("new", "2026-01-01T00:00:09Z stdout F after\n");
    CHECK(rename(test_path("containers/new/log"), test_path("containers/a/log")) == 0);
    CHECK_EQ_INT((int)read_logs(next, 10000, NULL, again, &drained, first), 1);
    CHECK_EQ_STR(first, "after");
    static const char *const bad[] = {"x",      "a=1", "a=1.x",
                                      "a=-1.0", ";",   "a=1.99999999999999999999"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++) {
        struct sw_err err = SW_ERR_INIT;
        json_t *records = NULL;
        struct log_request r = {
            .task_dir = test_dir(), .containers = two, .cursor = bad[i], .max_bytes = 1};
        CHECK_ERR(logs_read(&r, &records, next, &drained, &err), SW_EINVALID,
                  "InvalidParameterException");
    }
}

static json_t *json_of(const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *j = NULL;
    CHECK_OK(sw_json_load(sw_str(text), 8, 100, NULL, &j, &err));
    return j;
}

static void args_are(const struct container_def *def, const json_t *config, const char *want)
{
    char got[256] = "";
    char **args = container_args(def, config);
    for (size_t i = 0; args[i]; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i ? " " : "", args[i]);
    strings_free(args);
    CHECK_EQ_STR(got, want);
}

TEST(arguments_combine_as_with_docker)
{
    json_t *config = json_of("{\"config\":{\"Entrypoint\":[\"entry\"],\"Cmd\":[\"cmd\"],\"Env\":["
                             "\"PATH=/x\",\"A=image\",\"bad\"]}}");
    char *command[] = {(char[]){"mine"}, NULL}, *entry[] = {(char[]){"own"}, NULL};
    args_are(&(struct container_def){0}, config, "entry cmd");
    args_are(&(struct container_def){.command = command}, config, "entry mine");
    args_are(&(struct container_def){.entry_point = entry}, config, "own");
    args_are(&(struct container_def){.entry_point = entry, .command = command}, config, "own mine");
    struct env_var vars[] = {{(char[]){"A"}, (char[]){"task"}}, {(char[]){"B"}, (char[]){"x=y"}}};
    static const char *const files[] = {"A=file", "C=file", "PATH=/y", NULL};
    char **env = container_env(&(struct container_def){.environment = vars, .environment_n = 2},
                               config, files, "host", "/home");
    static const char *const want[] = {"PATH=/y", "HOSTNAME=host", "HOME=/home",
                                       "A=task",  "C=file",        "B=x=y"};
    for (size_t i = 0; i < SW_ARRAY_LEN(want); i++)
        CHECK_EQ_STR(env[i], want[i]);
    CHECK_NULL(env[6]);
    strings_free(env);
    json_decref(config);
}

TEST(stop_signals)
{
    static const struct {
        const char *text;
        int want;
    } rows[] = {{"SIGQUIT", SIGQUIT},  {"INT", SIGINT}, {"9", 9},          {"", SIGTERM},
                {"nonsense", SIGTERM}, {"0", SIGTERM},  {"9999", SIGTERM}, {"SIGRTMIN+3", 0}};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        json_t *config = json_pack("{s:{s:s}}", "config", "StopSignal", rows[i].text);
        CHECK_EQ_INT(image_stop_signal(config), rows[i].want ? rows[i].want : SIGRTMIN + 3);
        json_decref(config);
    }
    CHECK_EQ_INT(image_stop_signal(NULL), SIGTERM);
}

TEST(resolv_conf_without_loopback)
{
    char *text = container_resolv_conf(
        "# x\nnameserver 127.0.0.53\nnameserver 10.0.0.2\n\nsearch a\n", true);
    CHECK_EQ_STR(text, "# x\nnameserver 10.0.0.2\nsearch a\n");
    free(text);
    text = container_resolv_conf("nameserver 127.0.0.53", false);
    CHECK_EQ_STR(text, "nameserver 127.0.0.53\n");
    free(text);
    static const struct {
        const char *host, *resolved;
        bool drop;
        const char *want;
    } rows[] = {
        {"nameserver 127.0.0.53\nsearch a", "nameserver 10.0.0.1\nsearch b", true,
         "nameserver 10.0.0.1\nsearch b\n"},
        {"nameserver 127.0.0.53", "nameserver 10.0.0.1", false, "nameserver 127.0.0.53\n"},
        {"search a\nnameserver 10.0.0.2", "nameserver 10.0.0.1", true,
         "search a\nnameserver 10.0.0.2\n"},
        {"search a", "nameserver 127.0.0.1", true, "search a\n"},
        {"", "", true, ""},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        text = container_name_servers(rows[i].host, rows[i].resolved, rows[i].drop);
        CHECK_EQ_STR(text, rows[i].want);
        free(text);
    }
}

TEST(registration_names_resources_and_attributes)
{
    struct sw_err err = SW_ERR_INIT;
    struct instance_facts f;
    json_t *j = NULL;
    instance_facts_read(64, &f);
    CHECK(f.cpu_units >= 1024 && f.memory_mib > 0);
    f.reserved_ports = "22, 80";
    CHECK_OK(instance_registration(&f, "default", "arn:x", &j, &err));
    CHECK_EQ_STR(sw_json_str(j, "containerInstanceArn", ""), "arn:x");
    const json_t *ports =
        sw_json_array(json_array_get(sw_json_array(j, "totalResources"), 2), "stringSetValue");
    CHECK_EQ_INT((int)json_array_size(ports), 2);
    CHECK_EQ_STR(json_string_value(json_array_get(ports, 1)), "80");
    json_decref(j);
    f.reserved_ports = "22,x";
    CHECK_ERR(instance_registration(&f, "default", "", &j, &err), SW_EINVALID, NULL);
    char arn[INSTANCE_ARN_MAX];
    bool elsewhere = true;
    instance_load(test_dir(), "default", "m", arn, &elsewhere);
    CHECK_EQ_STR(arn, "");
    CHECK(!elsewhere);
    CHECK_OK(instance_store(test_dir(), "default", "arn:mine", "m", &err));
    instance_load(test_dir(), "default", "m", arn, &elsewhere);
    CHECK_EQ_STR(arn, "arn:mine");
    CHECK(!elsewhere);
    instance_load(test_dir(), "other", "m", arn, &elsewhere);
    CHECK_EQ_STR(arn, "");
    CHECK(!elsewhere);
    /* A copy of the folder on another machine; one that cannot say which it is, is taken for this one. */
    instance_load(test_dir(), "default", "n", arn, &elsewhere);
    CHECK_EQ_STR(arn, "");
    CHECK(elsewhere);
    instance_load(test_dir(), "default", "", arn, &elsewhere);
    CHECK_EQ_STR(arn, "arn:mine");
    CHECK(!elsewhere);
}

TEST(a_folder_stays_in_its_cluster)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(instance_check_cluster(test_dir(), "any", "m", &err));
    CHECK_NULL(instance_cluster(test_dir()));
    CHECK_OK(instance_store(test_dir(), "blue", "arn:mine", "m", &err));
    sw_autofree char *saved = instance_cluster(test_dir());
    CHECK_EQ_STR(saved, "blue");
    CHECK_OK(instance_check_cluster(test_dir(), "blue", "m", &err));
    CHECK_OK(instance_check_cluster(test_dir(), "arn:aws:ecs:us-east-1:000000000000:cluster/blue",
                                    "m", &err));
    CHECK_ERR(instance_check_cluster(test_dir(), "green", "m", &err), SW_ECONFLICT, NULL);
    CHECK_OK(instance_check_cluster(test_dir(), "green", "another machine", &err));
    CHECK_OK(instance_forget(test_dir(), "m", &err));
    CHECK_OK(instance_check_cluster(test_dir(), "green", "m", &err));
    CHECK_NULL(instance_cluster(test_dir()));
}

TEST(a_machine_is_the_same_when_asked_again)
{
    char first[INSTANCE_IDENTITY_MAX], second[INSTANCE_IDENTITY_MAX];
    instance_machine_id(first);
    instance_machine_id(second);
    CHECK_EQ_STR(first, second);
    CHECK(strlen(first) == 32 || (!sw_path_exists("/etc/machine-id") && strlen(first) == 0));
}

/* Where nobody else has ports: after a load test, connections that linger have most of them for a minute. */
static struct ports *ports_of_own_network(void)
{
    (void)unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET);
    return ports_new();
}

TEST(host_ports)
{
    struct sw_err err = SW_ERR_INIT;
    struct ports *p = ports_of_own_network();
    struct port_mapping m = {.container_port = 80}, again, n = {.container_port = 80};
    CHECK_OK(ports_take(p, &m, false, &err));
    CHECK(m.host_port > 0);
    again = m;
    int r = ports_take(p, &again, false, &err);
    CHECK(r == SW_ECONFLICT);
    CHECK_CONTAINS(err.msg, "port is already allocated");
    sw_err_clear(&err);
    again.protocol = PORT_UDP;
    CHECK_OK(ports_take(p, &again, false, &err));
    CHECK_OK(ports_take(p, &n, false, &err));
    CHECK(n.host_port != m.host_port);
    ports_give_back(p, &m);
    CHECK_OK(ports_take(p, &m, false, &err));
    /* One that somebody else listens on. */
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    sw_autoclose int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 1) == 0 &&
          getsockname(s, (struct sockaddr *)&a, &size) == 0);
    struct port_mapping taken = {.host_port = ntohs(a.sin_port)};
    CHECK_ERR(ports_take(p, &taken, false, &err), SW_ECONFLICT, "CannotStartContainerError");
    CHECK_OK(ports_take(p, &taken, true, &err));
    ports_free(p);
}

TEST(ranges_of_host_ports)
{
    struct sw_err err = SW_ERR_INIT;
    struct ports *p = ports_of_own_network();
    struct port_mapping a = {.container_port = 80, .count = 4}, b = a, one = {.container_port = 1};
    CHECK_OK(ports_take(p, &a, false, &err));
    CHECK_OK(ports_take(p, &b, false, &err));
    CHECK(a.host_port + 4 <= b.host_port || b.host_port + 4 <= a.host_port);
    one.host_port = (uint16_t)(a.host_port + 3);
    CHECK_ERR(ports_take(p, &one, false, &err), SW_ECONFLICT, "CannotStartContainerError");
    ports_give_back(p, &a);
    sw_err_clear(&err);
    CHECK_OK(ports_take(p, &one, true, &err)); /* another process may have it by now */
    CHECK_ERR(ports_take(p, &a, false, &err), SW_ECONFLICT, "CannotStartContainerError");
    struct port_mapping all = {.container_port = 1, .count = 65535};
    sw_err_clear(&err);
    CHECK(ports_take(p, &all, false, &err) == SW_ECONFLICT);
    CHECK_CONTAINS(err.msg, "in a row");
    ports_free(p);
}

TEST(many_host_ports_leave_descriptors_for_others)
{
    enum { PORTS = 120 };
    struct rlimit before, few;
    struct port_mapping m[PORTS] = {{.container_port = 80}};
    struct sw_err err = SW_ERR_INIT;
    struct ports *p = ports_of_own_network();
    CHECK_EQ_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){100, before.rlim_max};
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (size_t i = 0; i < PORTS; i++)
        CHECK_OK(ports_take(p, &m[i], false, &err));
    CHECK_EQ_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    ports_free(p);
}

static int listens(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    sw_autoclose int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    return bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 1) == 0;
}

TEST(nobody_else_gets_the_port_of_a_container)
{
    struct sw_err err = SW_ERR_INIT;
    struct ports *p = ports_of_own_network(), *other = ports_new();
    /* None that the kernel gives to anybody. */
    uint16_t first = (uint16_t)(26000 + getpid() % 3000 * 2);
    struct port_mapping m = {.container_port = 80, .host_port = first, .count = 2};
    CHECK_OK(ports_take(p, &m, false, &err));
    for (int again = 0; again < 2; again++) {
        CHECK(!listens(m.host_port) && !listens((uint16_t)(m.host_port + 1)));
        CHECK_ERR(ports_take(other, &m, false, &err), SW_ECONFLICT, "CannotStartContainerError");
        ports_give_back(p, &m);
        CHECK(listens(m.host_port) && listens((uint16_t)(m.host_port + 1)));
        CHECK_OK(ports_take(p, &m, true, &err)); /* as an agent that comes back does */
    }
    ports_free(p);
    CHECK(listens(m.host_port));
    ports_free(other);
}

TEST(task_ids)
{
    char id[TASK_ID_MAX + 1];
    CHECK(task_id_of_arn("arn:aws:ecs:r:a:task/c/0abc", id));
    CHECK_EQ_STR(id, "0abc");
    static const char *const bad[] = {"", "a/", "a/..", "a/b c", "a/." HEX64, "x/" HEX64 "0"};
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_MSG(!task_id_of_arn(bad[i], id), "%s", bad[i]);
}
