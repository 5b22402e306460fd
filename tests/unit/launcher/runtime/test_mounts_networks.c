/* SPDX-License-Identifier: Apache-2.0 */
/* Overlay mounts, network namespaces and CNI on the real machine; not run without root. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/process.h"
#include "launcher/runtime/cni.h"
#include "launcher/runtime/netns.h"
#include "launcher/runtime/overlay.h"
#include "tests/lib/test.h"

typedef int (*mount_fn)(const char *const *, size_t, const char *, const char *, const char *,
                        struct sw_err *);

static void check_overlay(mount_fn fn, size_t n)
{
    struct sw_err err = SW_ERR_INIT;
    const char *lowers[OVERLAY_LAYERS_MAX];
    static const char *const names[] = {"upper", "work", "target"};
    for (size_t i = 0; i < n; i++) {
        char text[24];
        lowers[i] = test_path("%zu/a:b,c\\%zu", n, i);
        CHECK_OK(sw_mkdirs(lowers[i], 0755, &err));
        snprintf(text, sizeof text, "%zu", i);
        test_write_file(test_path("%zu/a:b,c\\%zu/top", n, i), text, strlen(text));
        test_write_file(test_path("%zu/a:b,c\\%zu/own%zu", n, i, i), text, strlen(text));
    }
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(sw_mkdirs(test_path("%zu/%s", n, names[i]), 0755, &err));
    const char *target = test_path("%zu/target", n);
    CHECK_OK(fn(lowers, n, test_path("%zu/upper", n), test_path("%zu/work", n), target, &err));
    char want[24];
    snprintf(want, sizeof want, "%zu", n - 1);
    CHECK_EQ_STR(test_read_file(test_path("%zu/target/top", n), NULL), want);
    CHECK_EQ_STR(test_read_file(test_path("%zu/target/own0", n), NULL), "0");
    test_write_file(test_path("%zu/target/new", n), "x", 1);
    CHECK(sw_path_exists(test_path("%zu/upper/new", n)));
    CHECK_OK(overlay_umount(target, &err));
    CHECK_OK(overlay_umount(target, &err));
    CHECK(!sw_path_exists(test_path("%zu/target/new", n)));
    CHECK_OK(overlay_umount(test_path("%zu/none", n), &err));
}

TEST(overlay_takes_one_and_many_layers)
{
    if (geteuid() != 0)
        test_skip("needs root");
    check_overlay(overlay_mount, 1);
    check_overlay(overlay_mount, 150);
    struct sw_err err = SW_ERR_INIT;
    CHECK_ERR(overlay_mount(NULL, 0, "/", "/", "/", &err), SW_EINVALID, NULL);
    CHECK_ERR(overlay_mount(NULL, OVERLAY_LAYERS_MAX + 1, "/", "/", "/", &err), SW_EINVALID, NULL);
    const char *missing[] = {"/nonexistent-lower"};
    CHECK(overlay_mount(missing, 1, "/nonexistent-upper", "/nonexistent-work", "/nonexistent",
                        &err) < 0);
}

TEST(overlay_the_classic_way)
{
    if (geteuid() != 0)
        test_skip("needs root");
    check_overlay(overlay_mount_classic, 2);
    check_overlay(overlay_mount_classic, 120);
}

static ino_t own_namespace(void)
{
    struct stat st;
    CHECK(stat("/proc/thread-self/ns/net", &st) == 0);
    return st.st_ino;
}

TEST(a_network_namespace_is_made_and_removed)
{
    if (geteuid() != 0)
        test_skip("needs root");
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    ino_t before = own_namespace();
    const char *path = test_path("ns");
    CHECK_OK(netns_create(path, &err));
    CHECK(own_namespace() == before);
    CHECK(stat(path, &st) == 0 && st.st_ino != before);
    CHECK_ERR(netns_create(path, &err), SW_ECONFLICT, NULL);
    CHECK_OK(netns_remove(path, &err));
    CHECK_OK(netns_remove(path, &err));
    CHECK(!sw_path_exists(path));
}

TEST(bridge_gives_an_address_and_takes_it_back)
{
    if (geteuid() != 0)
        test_skip("needs root");
    if (!sw_path_exists("/usr/lib/cni/bridge"))
        test_skip("needs the CNI plugins in /usr/lib/cni");
    struct sw_err err = SW_ERR_INIT;
    struct cni *c = NULL;
    unsigned char random[2];
    char name[16], subnet[32], address[64];
    sw_random_bytes(random, 2);
    snprintf(name, sizeof name, "swc%02x%02x", random[0], random[1]);
    snprintf(subnet, sizeof subnet, "10.%d.%d.0/24", 150 + random[0] % 40, random[1]);
    const char *addresses = test_path("addresses"), *ns = test_path("ns");
    CHECK_OK(cni_new(&(struct cni_options){.name = name, .subnet = subnet, .data_dir = addresses},
                     &c, &err));
    CHECK_OK(netns_create(ns, &err));
    json_t *result = NULL;
    CHECK_OK(cni_attach(c, "id1", ns, &result, address, &err));
    CHECK(strncmp(address, "10.", 3) == 0 && !strchr(address, '/'));
    CHECK(sw_path_exists(test_path("addresses/%s/%s", name, address)));
    const struct cni_port port = {.host_port = 1, .container_port = 2, .udp = true};
    CHECK_OK(cni_map_ports(c, "id1", ns, result, &port, 1, &err));
    CHECK_OK(cni_detach(c, "id1", ns, result, &port, 1, &err));
    CHECK_OK(netns_remove(ns, &err));
    CHECK_OK(cni_detach(c, "id1", ns, result, &port, 1, &err));
    CHECK(!sw_path_exists(test_path("addresses/%s/%s", name, address)));
    json_decref(result);
    /* As after a reboot: the allocation and the file are left, the namespace is gone. */
    CHECK_OK(netns_create(ns, &err));
    CHECK_OK(cni_attach(c, "id2", ns, &result, address, &err));
    CHECK(umount2(ns, MNT_DETACH) == 0);
    CHECK_OK(cni_detach(c, "id2", ns, result, &port, 1, &err));
    CHECK(!sw_path_exists(test_path("addresses/%s/%s", name, address)));
    json_decref(result);
    cni_free(c);
    const char *argv[] = {"ip", "link", "del", name, NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf drop = SW_BUF_INIT(4096);
    struct sw_process_result res;
    CHECK_OK(sw_process_run(&(struct sw_process_spec){.argv = argv}, &drop, &drop, &res, &err));
}

TEST(a_failing_plugin_is_quoted)
{
    struct sw_err err = SW_ERR_INIT;
    struct cni *c = NULL;
    char address[64];
    json_t *result = NULL;
    static const char good[] =
        "#!/bin/sh\ncat >/dev/null; echo "
        "'{\"ips\":[{\"address\":\"fd00::1/64\"},{\"address\":\"10.1.2.3/24\"}]}'\n";
    static const char bad[] =
        "#!/bin/sh\ncat >/dev/null; echo '{\"code\":7,\"msg\":\"no more addresses\"}'; exit 1\n";
    static const char garbage[] = "#!/bin/sh\ncat >/dev/null; echo nonsense\n";
    static const char killed[] = "#!/bin/sh\nkill -9 $$\n";
    static const char *const programs[] = {good, bad, garbage, killed};
    static const char *const words[] = {NULL, "no more addresses", "not valid",
                                        "bridge ADD: ended without a word, status 137"};
    for (int i = 0; i < 4; i++) {
        test_write_file(test_path("bridge"), programs[i], strlen(programs[i]));
        CHECK(chmod(test_path("bridge"), 0755) == 0);
        CHECK_OK(cni_new(
            &(struct cni_options){
                .name = "x", .subnet = "10.1.0.0/16", .data_dir = "/d", .plugin_dir = test_dir()},
            &c, &err));
        int r = cni_attach(c, "id", "/ns", &result, address, &err);
        if (i == 0) {
            CHECK_OK(r);
            CHECK_EQ_STR(address, "10.1.2.3");
            json_decref(result);
        } else {
            CHECK(r == SW_EIO);
            CHECK_EQ_STR(err.reason, "ContainerNetworkingError");
            CHECK_CONTAINS(err.msg, words[i]);
            sw_err_clear(&err);
        }
        cni_free(c);
    }
}

TEST(bad_networks_are_refused)
{
    static const struct cni_options rows[] = {
        {.name = "waytoolongforabridge", .subnet = "10.0.0.0/8"},
        {.name = "a/b", .subnet = "10.0.0.0/8"},
        {.name = "b", .subnet = "10.0.0.0"},
        {.name = "b", .subnet = "10.0.0.0/31"},
        {.name = "b", .subnet = "300.0.0.0/8"},
        {.name = "b"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        struct cni *c = NULL;
        CHECK_ERR(cni_new(&rows[i], &c, &err), SW_EINVALID, "ContainerNetworkingError");
    }
    struct sw_err err = SW_ERR_INIT;
    struct cni *c = NULL;
    static const char list[] = "{\"name\":\"n\",\"plugins\":[{\"type\":\"../../bin/sh\"}]}";
    const char *path = test_write_file(test_path("list"), list, strlen(list));
    CHECK_ERR(cni_new(&(struct cni_options){.conflist = path}, &c, &err), SW_EINVALID,
              "ContainerNetworkingError");
}
