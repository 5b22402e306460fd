/* SPDX-License-Identifier: Apache-2.0 */
/* In folders that look like the kernel's: what it writes, where and when. */
#include "launcher/runtime/cgroup_moves.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "tests/lib/test.h"

static const char *make_group(const char *controllers, const char *group)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("g/%s/%s", controllers, group), 0755, &err));
    const char *path = test_path("g/%s/%s/cgroup.procs", controllers, group);
    test_write_file(path, "", 0);
    return path;
}

/* The group that this process is in, of the first line of /proc/self/cgroup. */
static const char *own_group(void)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf table = SW_BUF_INIT(65536);
    struct sw_err err = SW_ERR_INIT;
    struct sw_str line, number, controllers;
    char folder[256], group[512];
    CHECK_OK(sw_read_file("/proc/self/cgroup", &table, &err));
    struct sw_str rest = sw_buf_str(&table);
    CHECK(sw_str_split(&rest, '\n', &line) && sw_str_split(&line, ':', &number) &&
          sw_str_split(&line, ':', &controllers));
    if (sw_str_starts_with(controllers, "name="))
        controllers = sw_str_slice(controllers, 5, controllers.n);
    CHECK(sw_str_copy(controllers, folder, sizeof folder) &&
          sw_str_copy(line, group, sizeof group));
    return make_group(folder, group);
}

TEST(our_own_process_moves_to_where_it_is)
{
    const char *procs = own_group();
    struct cgroup_moves *m = cgroup_moves_new(test_path("g"));
    sw_sleep_ms(30);
    CHECK_EQ_STR(test_read_file(procs, NULL), ""); /* nobody asked */
    cgroup_moves_soon(m);
    int64_t until_ms = sw_mono_ms() + 60000;
    while (strlen(test_read_file(procs, NULL)) < 2 && sw_mono_ms() < until_ms)
        sw_sleep_ms(1);
    cgroup_moves_free(m);
    const char *text = test_read_file(procs, NULL);
    CHECK(strlen(text) >= 2 && strspn(text, "0") == strlen(text));
}

TEST(where_it_cannot_be_done_nothing_happens)
{
    (void)make_group("elsewhere", "not-ours");
    struct cgroup_moves *m = cgroup_moves_new(test_path("g"));
    cgroup_moves_soon(m);
    cgroup_moves_free(m);
    CHECK_EQ_STR(test_read_file(test_path("g/elsewhere/not-ours/cgroup.procs"), NULL), "");
    cgroup_moves_free(NULL);
}
