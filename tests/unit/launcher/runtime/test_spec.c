/* SPDX-License-Identifier: Apache-2.0 */
/* The specification that the runtime gets. */
#include "launcher/runtime/spec.h"

#include "base/json.h"
#include "tests/lib/test.h"

static const char *const args[] = {"/bin/true", "x", NULL};
static const char *const env[] = {"A=1", NULL};

static struct container_spec plain(void)
{
    return (struct container_spec){.id = "c1",
                                   .task = "t1",
                                   .rootfs = "/r",
                                   .hostname = "h",
                                   .args = args,
                                   .env = env,
                                   .cwd = "/"};
}

static json_t *build(const struct container_spec *s)
{
    struct sw_err err = SW_ERR_INIT;
    json_t *j = NULL;
    CHECK_OK(spec_build(s, &j, &err));
    return j;
}

static bool list_has(const json_t *list, const char *text)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) {
        if (sw_streq(json_string_value(v), text))
            return true;
    }
    return false;
}

static const json_t *find(const json_t *list, const char *key, const char *value)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) {
        if (sw_streq(sw_json_str(v, key, ""), value))
            return v;
    }
    return NULL;
}

TEST(defaults_are_safe)
{
    struct container_spec s = plain();
    json_t *j = build(&s);
    const json_t *process = sw_json_object(j, "process"),
                 *caps = sw_json_object(process, "capabilities");
    const json_t *lnx = sw_json_object(j, "linux");
    CHECK(sw_json_bool(process, "noNewPrivileges", false));
    CHECK(!sw_json_bool(process, "terminal", true));
    CHECK_EQ_INT((int)json_array_size(sw_json_array(caps, "inheritable")), 0);
    CHECK_EQ_INT((int)json_array_size(sw_json_array(caps, "ambient")), 0);
    CHECK_EQ_INT((int)json_array_size(sw_json_array(caps, "bounding")), 14);
    CHECK(!list_has(sw_json_array(caps, "effective"), "CAP_SYS_ADMIN"));
    CHECK(list_has(sw_json_array(lnx, "maskedPaths"), "/proc/kcore"));
    CHECK(list_has(sw_json_array(lnx, "readonlyPaths"), "/proc/sys"));
    CHECK_EQ_STR(sw_json_str(lnx, "cgroupsPath", ""), "/slipway/t1/c1");
    CHECK_EQ_STR(sw_json_str(sw_json_object(lnx, "seccomp"), "defaultAction", ""),
                 "SCMP_ACT_ERRNO");
    static const char *const own[] = {"pid", "ipc", "uts", "mount", "cgroup"};
    for (size_t i = 0; i < SW_ARRAY_LEN(own); i++)
        CHECK_MSG(find(sw_json_array(lnx, "namespaces"), "type", own[i]), "%s", own[i]);
    CHECK_NULL(find(sw_json_array(lnx, "namespaces"), "type", "network"));
    const json_t *mounts = sw_json_array(j, "mounts");
    CHECK(list_has(sw_json_array(find(mounts, "destination", "/sys"), "options"), "ro"));
    CHECK(list_has(sw_json_array(find(mounts, "destination", "/sys/fs/cgroup"), "options"), "ro"));
    CHECK(
        list_has(sw_json_array(find(mounts, "destination", "/dev/shm"), "options"), "size=65536k"));
    const json_t *rules = sw_json_array(sw_json_object(lnx, "resources"), "devices");
    CHECK(!sw_json_bool(json_array_get(rules, 0), "allow", true));
    json_decref(j);
}

TEST(dangerous_calls_are_not_in_the_profile)
{
    static const char *const banned[] = {"mount",
                                         "umount2",
                                         "pivot_root",
                                         "setns",
                                         "unshare",
                                         "bpf",
                                         "kexec_load",
                                         "init_module",
                                         "keyctl",
                                         "add_key",
                                         "userfaultfd",
                                         "perf_event_open",
                                         "reboot",
                                         "swapon",
                                         "io_uring_setup",
                                         "open_by_handle_at",
                                         "move_mount",
                                         "fsopen",
                                         "iopl"};
    static const char *const wanted[] = {"read",   "openat", "execve",      "futex",
                                         "ptrace", "chroot", "memfd_create"};
    struct container_spec s = plain();
    json_t *j = build(&s);
    const json_t *rules =
        sw_json_array(sw_json_object(sw_json_object(j, "linux"), "seccomp"), "syscalls");
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule) {
        bool allows = sw_streq(sw_json_str(rule, "action", ""), "SCMP_ACT_ALLOW");
        for (size_t k = 0; allows && k < SW_ARRAY_LEN(banned); k++)
            CHECK_MSG(!list_has(sw_json_array(rule, "names"), banned[k]), "%s", banned[k]);
        /* What depends on arguments is never allowed without them. */
        if (list_has(sw_json_array(rule, "names"), "clone") ||
            list_has(sw_json_array(rule, "names"), "personality"))
            CHECK(json_array_size(sw_json_array(rule, "args")) > 0);
    }
    for (size_t k = 0; k < SW_ARRAY_LEN(wanted); k++)
        CHECK_MSG(list_has(sw_json_array(json_array_get(rules, 0), "names"), wanted[k]), "%s",
                  wanted[k]);
    json_decref(j);
}

TEST(limits_and_mounts_arrive)
{
    struct container_spec s = plain();
    const struct spec_mount m = {.source = "/host", .destination = "/in", .read_only = true};
    const struct spec_rlimit r = {"nofile", 10, -1};
    const uint32_t groups[] = {5, 6};
    s.mounts = &m;
    s.mounts_n = 1;
    s.rlimits = &r;
    s.rlimits_n = 1;
    s.groups = groups;
    s.groups_n = 2;
    s.uid = 7;
    s.gid = 8;
    s.memory_limit_bytes = 100;
    s.memory_reservation_bytes = 50;
    s.cpu_units = 512;
    s.pids_limit = 9;
    s.read_only_root = true;
    s.netns_path = "/ns";
    json_t *j = build(&s);
    const json_t *res = sw_json_object(sw_json_object(j, "linux"), "resources"),
                 *process = sw_json_object(j, "process");
    CHECK_EQ_INT(sw_json_int(sw_json_object(res, "memory"), "limit", 0), 100);
    CHECK_EQ_INT(sw_json_int(sw_json_object(res, "memory"), "reservation", 0), 50);
    CHECK_EQ_INT(sw_json_int(sw_json_object(res, "cpu"), "shares", 0), 512);
    CHECK_EQ_INT(sw_json_int(sw_json_object(res, "pids"), "limit", 0), 9);
    CHECK(sw_json_bool(sw_json_object(j, "root"), "readonly", false));
    CHECK_EQ_STR(sw_json_str(find(sw_json_array(sw_json_object(j, "linux"), "namespaces"), "type",
                                  "network"),
                             "path", ""),
                 "/ns");
    CHECK(list_has(sw_json_array(find(sw_json_array(j, "mounts"), "destination", "/in"), "options"),
                   "ro"));
    CHECK_EQ_INT(sw_json_int(sw_json_object(process, "user"), "uid", 0), 7);
    CHECK_EQ_INT(
        (int)json_array_size(sw_json_array(sw_json_object(process, "user"), "additionalGids")), 2);
    CHECK_EQ_STR(sw_json_str(json_array_get(sw_json_array(process, "rlimits"), 0), "type", ""),
                 "RLIMIT_NOFILE");
    json_decref(j);
}

TEST(refuses_what_makes_no_sense)
{
    static const char *const none[] = {NULL};
    static const char *const bad[] = {"\xff", NULL};
    const struct spec_rlimit r = {"nothing", 1, 1};
    const struct spec_mount m = {.source = "/a", .destination = "b"};
    struct container_spec rows[7];
    for (size_t i = 0; i < 7; i++)
        rows[i] = plain();
    rows[0].cwd = "relative";
    rows[1].args = none;
    rows[2].args = bad;
    rows[3].env = bad;
    rows[4].uid = 0x80000000u;
    rows[5].rlimits = &r;
    rows[5].rlimits_n = 1;
    rows[6].mounts = &m;
    rows[6].mounts_n = 1;
    for (size_t i = 0; i < 7; i++) {
        struct sw_err err = SW_ERR_INIT;
        json_t *j = NULL;
        CHECK_ERR(spec_build(&rows[i], &j, &err), SW_EINVALID, "CannotCreateContainerError");
    }
}

TEST(cpu_units_become_shares)
{
    CHECK_EQ_INT(spec_cpu_shares(0), 2);
    CHECK_EQ_INT(spec_cpu_shares(1), 2);
    CHECK_EQ_INT(spec_cpu_shares(2), 2);
    CHECK_EQ_INT(spec_cpu_shares(1024), 1024);
    CHECK_EQ_INT(spec_cpu_shares(1LL << 40), 262144);
}

static int64_t limit_of(void *ctx, const char *name)
{
    (void)name;
    return *(int64_t *)ctx;
}

TEST(ulimits_above_our_own_are_named)
{
    struct sw_err err = SW_ERR_INIT;
    int64_t hard = 100;
    struct spec_rlimit r = {"nofile", 50, 100};
    CHECK_OK(spec_check_rlimits(&r, 1, limit_of, &hard, false, &err));
    r.hard = 101;
    CHECK(spec_check_rlimits(&r, 1, limit_of, &hard, false, &err) == SW_EINVALID);
    CHECK_CONTAINS(err.msg, "nofile");
    CHECK_EQ_STR(err.reason, "CannotStartContainerError");
    sw_err_clear(&err);
    CHECK_OK(spec_check_rlimits(&r, 1, limit_of, &hard, true, &err));
    r.hard = -1;
    CHECK_ERR(spec_check_rlimits(&r, 1, limit_of, &hard, false, &err), SW_EINVALID,
              "CannotStartContainerError");
    hard = -1;
    CHECK_OK(spec_check_rlimits(&r, 1, limit_of, &hard, false, &err));
    r.name = "bogus";
    CHECK_ERR(spec_check_rlimits(&r, 1, limit_of, &hard, true, &err), SW_EINVALID,
              "CannotCreateContainerError");
    CHECK(spec_own_hard_limit(NULL, "nofile") != 0);
    CHECK_EQ_INT(spec_own_hard_limit(NULL, "bogus"), 0);
    (void)spec_may_raise_rlimits();
}

TEST(the_machine_as_the_definition_wants_it)
{
    static const char *const add[] = {"SYS_ADMIN"}, *const drop[] = {"MKNOD"};
    const struct spec_device device = {
        .path = "/dev/x", .type = 'c', .major = 1, .minor = 3, .mode = 0600, .access = "rw"};
    const struct spec_tmpfs tmpfs = {"/t", "size=1k,mode=0700"};
    const struct spec_control control = {"net.core.somaxconn", "9"};
    struct container_spec s = plain();
    s.capabilities_add = add;
    s.capabilities_add_n = 1;
    s.capabilities_drop = drop;
    s.capabilities_drop_n = 1;
    s.devices = &device;
    s.devices_n = 1;
    s.tmpfs = &tmpfs;
    s.tmpfs_n = 1;
    s.controls = &control;
    s.controls_n = 1;
    s.shm_bytes = 1 << 20;
    s.host_pid = true;
    sw_autojson json_t *j = build(&s);
    const json_t *lnx = sw_json_object(j, "linux"), *mounts = sw_json_array(j, "mounts");
    const json_t *caps =
        sw_json_array(sw_json_object(sw_json_object(j, "process"), "capabilities"), "bounding");
    CHECK(list_has(caps, "CAP_SYS_ADMIN") && list_has(caps, "CAP_CHOWN"));
    CHECK(!list_has(caps, "CAP_MKNOD") && !list_has(caps, "CAP_NET_ADMIN"));
    CHECK_EQ_STR(sw_json_str(sw_json_object(lnx, "sysctl"), "net.core.somaxconn", ""), "9");
    CHECK_NOT_NULL(find(sw_json_array(lnx, "devices"), "path", "/dev/x"));
    CHECK(
        list_has(sw_json_array(find(mounts, "destination", "/dev/shm"), "options"), "size=1024k"));
    CHECK(list_has(sw_json_array(find(mounts, "destination", "/t"), "options"), "mode=0700"));
    CHECK_NULL(find(sw_json_array(lnx, "namespaces"), "type", "pid"));
    CHECK_NOT_NULL(find(sw_json_array(lnx, "namespaces"), "type", "ipc"));
    const json_t *calls = sw_json_array(sw_json_object(lnx, "seccomp"), "syscalls");
    const json_t *last = json_array_get(calls, json_array_size(calls) - 1);
    CHECK(list_has(sw_json_array(last, "names"), "mount"));
}

TEST(shared_memory_follows_the_ipc_namespace)
{
    struct container_spec s = plain();
    s.no_shm = true;
    sw_autojson json_t *none = build(&s);
    CHECK_NULL(find(sw_json_array(none, "mounts"), "destination", "/dev/shm"));
    s.no_shm = false;
    s.host_ipc = true;
    sw_autojson json_t *host = build(&s);
    CHECK_EQ_STR(
        sw_json_str(find(sw_json_array(host, "mounts"), "destination", "/dev/shm"), "type", ""),
        "bind");
    CHECK_NULL(find(sw_json_array(sw_json_object(host, "linux"), "namespaces"), "type", "ipc"));
}

TEST(a_privileged_container_has_what_this_process_may_hand_on)
{
    struct container_spec s = plain();
    s.privileged = true;
    s.capabilities_held = 1ULL << 21 | 1ULL << 40; /* SYS_ADMIN, CHECKPOINT_RESTORE */
    sw_autojson json_t *j = build(&s);
    const json_t *lnx = sw_json_object(j, "linux"), *mounts = sw_json_array(j, "mounts");
    const json_t *process = sw_json_object(j, "process");
    const json_t *caps = sw_json_array(sw_json_object(process, "capabilities"), "effective");
    CHECK(json_array_size(caps) == 2 && list_has(caps, "CAP_SYS_ADMIN") &&
          list_has(caps, "CAP_CHECKPOINT_RESTORE"));
    CHECK_EQ_INT(json_array_size(sw_json_array(sw_json_object(process, "capabilities"), "ambient")),
                 0);
    CHECK(!sw_json_bool(process, "noNewPrivileges", true));
    CHECK_NULL(json_object_get(lnx, "seccomp"));
    CHECK_NULL(json_object_get(lnx, "maskedPaths"));
    CHECK_NULL(json_object_get(lnx, "readonlyPaths"));
    CHECK(list_has(sw_json_array(find(mounts, "destination", "/sys"), "options"), "rw"));
    const json_t *rules = sw_json_array(sw_json_object(lnx, "resources"), "devices");
    CHECK_EQ_INT(json_array_size(rules), 1);
    CHECK(sw_json_bool(json_array_get(rules, 0), "allow", false));
}

TEST(all_capabilities_are_those_that_there_are)
{
    static const char *const all[] = {"ALL"};
    struct container_spec s = plain();
    s.capabilities_add = all;
    s.capabilities_add_n = 1;
    sw_autojson json_t *unknown = build(&s);
    s.capabilities_held = ~(1ULL << 24); /* without SYS_RESOURCE */
    sw_autojson json_t *known = build(&s);
    const json_t *a = sw_json_array(
        sw_json_object(sw_json_object(unknown, "process"), "capabilities"), "bounding");
    const json_t *b =
        sw_json_array(sw_json_object(sw_json_object(known, "process"), "capabilities"), "bounding");
    CHECK_EQ_INT(json_array_size(a), 41);
    CHECK_EQ_INT(json_array_size(b), 40);
    CHECK(!list_has(b, "CAP_SYS_RESOURCE"));
}

TEST(namespaces_that_others_have_are_joined)
{
    struct container_spec s = plain();
    s.pid_path = "/proc/7/ns/pid";
    s.ipc_path = "/proc/7/ns/ipc";
    s.shm_path = "/mounts/shm";
    sw_autojson json_t *j = build(&s);
    const json_t *ns = sw_json_array(sw_json_object(j, "linux"), "namespaces");
    CHECK_EQ_STR(sw_json_str(find(ns, "type", "pid"), "path", ""), "/proc/7/ns/pid");
    CHECK_EQ_STR(sw_json_str(find(ns, "type", "ipc"), "path", ""), "/proc/7/ns/ipc");
    const json_t *shm = find(sw_json_array(j, "mounts"), "destination", "/dev/shm");
    CHECK_EQ_STR(sw_json_str(shm, "source", ""), "/mounts/shm");
    CHECK_EQ_STR(sw_json_str(shm, "type", ""), "bind");
    struct container_spec alone = plain();
    alone.netns_path = NULL;
    alone.own_network = true;
    sw_autojson json_t *k = build(&alone);
    const json_t *net =
        find(sw_json_array(sw_json_object(k, "linux"), "namespaces"), "type", "network");
    CHECK(net && !json_object_get(net, "path"));
}

TEST(swap_is_beside_the_memory)
{
    struct container_spec s = plain();
    s.memory_limit_bytes = 100;
    s.max_swap_bytes = 20;
    s.has_swappiness = true;
    s.swappiness = 60;
    s.terminal = true;
    sw_autojson json_t *j = build(&s);
    const json_t *m =
        sw_json_object(sw_json_object(sw_json_object(j, "linux"), "resources"), "memory");
    CHECK_EQ_INT(sw_json_int(m, "swap", 0), 120);
    CHECK_EQ_INT(sw_json_int(m, "swappiness", 0), 60);
    CHECK(sw_json_bool(sw_json_object(j, "process"), "terminal", false));
    struct container_spec without = plain();
    without.memory_limit_bytes = 100;
    sw_autojson json_t *k = build(&without);
    m = sw_json_object(sw_json_object(sw_json_object(k, "linux"), "resources"), "memory");
    CHECK_EQ_INT(sw_json_int(m, "swap", 0), 100);
    CHECK_NULL(json_object_get(m, "swappiness"));
}
