/* SPDX-License-Identifier: Apache-2.0 */
#include "server/backup_folders.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tests/lib/test.h"

static void put(const char *path, const char *text)
{
    test_write_file(test_path("%s", path), text, strlen(text));
}

static void folder(const char *path)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_mkdirs(test_path("%s", path), 0700, &err));
}

static void copy(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(backup_copy_folders(test_path("data"), test_path("copy"), NULL, &err));
}

static void expect(const char *path, const char *text)
{
    CHECK_EQ_STR(test_read_file(test_path("%s", path), NULL), text);
}

TEST(segments_are_copied_and_grow)
{
    folder("data/logs/g/s");
    folder("copy");
    put("data/logs/g/s/1", "first");
    put("data/logs/g/s/2", "sec");
    put("data/logs/g/s/3.copy", "left over");
    copy();
    expect("copy/logs/g/s/1", "first");
    expect("copy/logs/g/s/2", "sec");
    CHECK(!sw_path_exists(test_path("copy/logs/g/s/3.copy")));
    put("data/logs/g/s/2", "second");
    put("copy/logs/g/s/1", "known"); /* of the same size: not read again */
    copy();
    expect("copy/logs/g/s/1", "known");
    expect("copy/logs/g/s/2", "second");
}

TEST(policy_files_are_as_they_are_now)
{
    folder("data/policies/users");
    folder("copy");
    put("data/policies/a.json", "{1}");
    put("data/policies/users/b.json", "{2}");
    copy();
    expect("copy/policies/a.json", "{1}");
    expect("copy/policies/users/b.json", "{2}");
    put("data/policies/a.json", "{3}");
    CHECK_EQ_INT(unlink(test_path("data/policies/users/b.json")), 0);
    copy();
    expect("copy/policies/a.json", "{3}");
    CHECK(!sw_path_exists(test_path("copy/policies/users/b.json")));
    CHECK(!sw_path_exists(test_path("copy/policies.copy")));
}

TEST(nothing_is_made_of_nothing)
{
    folder("data");
    folder("copy");
    copy();
    CHECK(!sw_path_exists(test_path("copy/logs")));
    CHECK(!sw_path_exists(test_path("copy/policies")));
}

TEST(a_cancelled_copy_leaves_the_earlier_file)
{
    struct sw_err err = SW_ERR_INIT;
    atomic_bool cancelled = true;
    folder("data/logs/g/s");
    folder("copy/logs/g/s");
    put("data/logs/g/s/1", "longer");
    put("copy/logs/g/s/1", "short");
    CHECK_ERR(backup_copy_folders(test_path("data"), test_path("copy"), &cancelled, &err),
              SW_EUNAVAILABLE, NULL);
    expect("copy/logs/g/s/1", "short");
    CHECK(!sw_path_exists(test_path("copy/logs/g/s/1.copy")));
}
