/* SPDX-License-Identifier: Apache-2.0 */
/* Container folders from good and hostile images; mounts need root. */
#include "launcher/agent/container_setup.h"
#include "launcher/agent/volumes.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "tests/lib/test.h"

static struct container_setup s;
static struct container_def def;
static struct taskdef task;
static struct image image;
static char *layers[1];

static void setup(const char *config)
{
    struct sw_err err = SW_ERR_INIT;
    if (geteuid() != 0)
        test_skip("needs root");
    CHECK_OK(sw_mkdirs(test_path("layer/etc"), 0755, &err));
    CHECK_OK(sw_mkdirs(test_path("outside"), 0755, &err));
    memset(&def, 0, sizeof def);
    memset(&task, 0, sizeof task);
    json_decref(image.config);
    image.config = NULL;
    CHECK_OK(sw_json_load(sw_str(config), 8, 100, NULL, &image.config, &err));
    layers[0] = (char *)(uintptr_t)test_path("layer");
    image.layers = layers;
    image.layers_n = 1;
    def.name = (char *)(uintptr_t) "main";
    task.containers = &def;
    task.containers_n = 1;
    s = (struct container_setup){.folder = test_path("c"),
                                 .volumes_dir = test_path("volumes"),
                                 .id = "0123456789abcdef",
                                 .task_id = "t1",
                                 .task = &task,
                                 .def = &def,
                                 .image = &image,
                                 .netns_path = "/ns",
                                 .address = "10.0.0.9"};
}

static void refused(const char *text)
{
    struct sw_err err = SW_ERR_INIT, ignored = SW_ERR_INIT;
    int r = container_setup(&s, &err);
    CHECK_MSG(r < 0 && strstr(err.msg, text), "%d: %s", r, err.msg);
    CHECK_CONTAINS(err.reason, "Error");
    CHECK(!sw_path_exists(test_path("c/rootfs")) && !sw_path_exists(test_path("c/upper")));
    CHECK_OK_IN(sw_remove_tree(test_path("layer"), &ignored), &ignored);
    json_decref(image.config);
    image.config = NULL;
}

TEST(a_folder_is_made_and_removed)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    setup("{\"config\":{\"Cmd\":[\"/bin/x\"],\"WorkingDir\":\"/work/"
          "here\",\"User\":\"5:6\",\"Volumes\":{\"/data\":{}}}}");
    CHECK_OK(container_setup(&s, &err));
    CHECK_EQ_STR(test_read_file(test_path("c/hostname"), NULL), "0123456789ab\n");
    CHECK_CONTAINS(test_read_file(test_path("c/hosts"), NULL), "10.0.0.9\t0123456789ab\n");
    CHECK(stat(test_path("c/rootfs/work/here"), &st) == 0 && st.st_uid == 5 && st.st_gid == 6);
    CHECK(sw_path_exists(test_path("c/rootfs/data")) &&
          sw_path_exists(test_path("c/rootfs/etc/hosts")));
    const char *config = test_read_file(test_path("c/config.json"), NULL);
    CHECK_CONTAINS(config, "\"cwd\":\"/work/here\"");
    CHECK_CONTAINS(config, "\"hostname\":\"0123456789ab\"");
    test_write_file(test_path("c/log"), "kept", 4);
    CHECK_OK(container_teardown(s.folder, &err));
    CHECK_OK(container_teardown(s.folder, &err));
    CHECK(sw_path_exists(test_path("c/log")) && !sw_path_exists(test_path("c/rootfs")));
    CHECK(!sw_path_exists(test_path("layer/work")));
    json_decref(image.config);
    image.config = NULL;
}

TEST(image_volumes_are_writable_volumes_with_what_the_image_has)
{
    struct sw_err err = SW_ERR_INIT;
    setup("{\"config\":{\"Cmd\":[\"x\"],\"Volumes\":{\"/data\":{},\"/more\":{}}}}");
    def.readonly_root_filesystem = true;
    CHECK_OK(sw_mkdirs(test_path("layer/data/sub"), 0755, &err));
    test_write_file(test_path("layer/data/sub/file"), "much", 4);
    CHECK(chmod(test_path("layer/data"), 01777) == 0);
    CHECK_OK(container_setup(&s, &err));
    const char *config = test_read_file(test_path("c/config.json"), NULL);
    CHECK_CONTAINS(config, "\"destination\":\"/data\"");
    CHECK_CONTAINS(config, test_path("volumes.image/main/1"));
    CHECK_EQ_STR(test_read_file(test_path("volumes.image/main/0/sub/file"), NULL), "much");
    struct stat st;
    CHECK(stat(test_path("volumes.image/main/0"), &st) == 0 && (st.st_mode & 07777) == 01777);
    CHECK_NULL(volumes_of_other(&s, "main")); /* nobody has volumes from it */
    CHECK_OK(container_teardown(s.folder, &err));
    json_decref(image.config);
    image.config = NULL;
}

TEST(hostile_images_are_refused)
{
    setup("{\"config\":{\"Cmd\":[\"x\"],\"WorkingDir\":\"relative\"}}");
    refused("not absolute");
    setup("{\"config\":{\"Cmd\":[\"x\"],\"WorkingDir\":\"/a/../../outside/w\"}}");
    refused("'..'");
    setup("{\"config\":{\"Cmd\":[\"x\"],\"User\":\"4294967296\"}}");
    refused("2147483647");
    setup("{\"config\":{\"Cmd\":[\"x\"],\"User\":\"ghost\"}}");
    refused("unable to find user");
    setup("{\"config\":{\"Cmd\":[\"x\"],\"Volumes\":{\"/../outside/v\":{}}}}");
    refused("VOLUME");
    setup("{\"config\":{}}");
    refused("no command");
    setup("{\"config\":{\"Cmd\":[\"x\"]}}");
    CHECK(symlink("/etc", test_path("layer/proc")) == 0);
    refused("/proc");
    setup("{\"config\":{\"Cmd\":[\"x\"]}}");
    CHECK(symlink("../../../outside", test_path("layer/w")) == 0);
    def.working_directory = (char *)(uintptr_t) "/w/new";
    struct sw_err err = SW_ERR_INIT;
    (void)container_setup(&s, &err);
    CHECK(!sw_path_exists(test_path("outside/new")) && !sw_path_exists(test_path("outside/v")));
    struct sw_err ignored = SW_ERR_INIT;
    CHECK_OK_IN(container_teardown(s.folder, &ignored), &ignored);
    json_decref(image.config);
    image.config = NULL;
}

TEST(volumes_are_mounted_where_asked)
{
    struct sw_err err = SW_ERR_INIT;
    setup("{\"config\":{\"Cmd\":[\"x\"],\"Labels\":{\"io.x\":\"binary:///bin/sh\"}}}");
    struct volume volumes[] = {{.name = (char *)(uintptr_t) "host",
                                .source_path = (char *)(uintptr_t)test_path("outside/new")},
                               {.name = (char *)(uintptr_t) "own"}};
    struct mount_point points[] = {
        {.source_volume = volumes[0].name,
         .container_path = (char *)(uintptr_t) "/in",
         .read_only = true},
        {.source_volume = volumes[1].name, .container_path = (char *)(uintptr_t) "/own"}};
    task.volumes = volumes;
    task.volumes_n = 2;
    def.mount_points = points;
    def.mount_points_n = 2;
    def.readonly_root_filesystem = true;
    CHECK_OK(container_setup(&s, &err));
    const char *config = test_read_file(test_path("c/config.json"), NULL);
    CHECK_CONTAINS(config, "\"destination\":\"/in\"");
    CHECK_CONTAINS(config, "volumes/own");
    CHECK(strstr(config, "binary:") == NULL);
    CHECK(sw_path_exists(test_path("outside/new")) && sw_path_exists(test_path("volumes/own")));
    CHECK_OK(container_teardown(s.folder, &err));
    points[0].container_path = (char *)(uintptr_t) "/../escape";
    refused("volume host");
    setup("{\"config\":{\"Cmd\":[\"x\"]}}");
    def.mount_points = points;
    def.mount_points_n = 1;
    refused("not in the task definition");
    struct ulimit u = {.name = (char *)(uintptr_t) "nofile", .soft = 1, .hard = INT64_MAX};
    setup("{\"config\":{\"Cmd\":[\"x\"]}}");
    def.ulimits = &u;
    def.ulimits_n = 1;
    refused("nofile");
}
