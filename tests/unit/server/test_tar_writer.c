/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/io.h"
#include "tests/lib/test.h"

static void check_next(struct archive *a, const char *name, const char *content)
{
    struct archive_entry *e;
    char text[64] = "";
    CHECK(archive_read_next_header(a, &e) == ARCHIVE_OK);
    CHECK_EQ_STR(archive_entry_pathname(e), name);
    CHECK_EQ_INT(archive_entry_mtime(e), 0);
    CHECK(archive_read_data(a, text, sizeof(text)) == (la_ssize_t)strlen(content));
    CHECK_EQ_STR(text, content);
}

TEST(members_come_back_and_the_file_appears_when_it_is_whole)
{
    struct sw_err err = SW_ERR_INIT;
    struct tar_writer *w = NULL;
    struct archive_entry *e;
    CHECK_OK(tar_writer_open(test_path("x.tar"), &w, &err));
    CHECK_OK(tar_writer_begin(w, "blobs/one", 10, &err));
    CHECK_OK(tar_writer_data(w, "01234", 5, &err));
    CHECK_OK(tar_writer_data(w, "56789", 5, &err));
    CHECK_OK(tar_writer_member(w, "empty", "", 0, &err));
    CHECK_OK(tar_writer_member(w, "two", "2", 1, &err));
    CHECK(tar_writer_has(w, "two") && !tar_writer_has(w, "three"));
    CHECK(!sw_path_exists(test_path("x.tar")));
    CHECK_OK(tar_writer_finish(w, &err));
    tar_writer_free(w);
    CHECK(!sw_path_exists(test_path("x.tar.partial")));
    struct archive *a = archive_read_new();
    (void)archive_read_support_format_tar(a);
    CHECK(archive_read_open_filename(a, test_path("x.tar"), 512) == ARCHIVE_OK);
    check_next(a, "blobs/one", "0123456789");
    check_next(a, "empty", "");
    check_next(a, "two", "2");
    CHECK(archive_read_next_header(a, &e) == ARCHIVE_EOF);
    CHECK(archive_read_free(a) == ARCHIVE_OK);
}

TEST(what_was_not_finished_is_removed)
{
    struct sw_err err = SW_ERR_INIT;
    struct tar_writer *w = NULL;
    CHECK_OK(tar_writer_open(test_path("x.tar"), &w, &err));
    CHECK_OK(tar_writer_member(w, "two", "2", 1, &err));
    tar_writer_free(w);
    CHECK(!sw_path_exists(test_path("x.tar")));
    CHECK(!sw_path_exists(test_path("x.tar.partial")));
    tar_writer_free(NULL);
}

TEST(a_member_is_not_longer_than_announced)
{
    struct sw_err err = SW_ERR_INIT;
    struct tar_writer *w = NULL;
    CHECK_OK(tar_writer_open(test_path("x.tar"), &w, &err));
    CHECK_OK(tar_writer_begin(w, "one", 2, &err));
    CHECK_OK(tar_writer_data(w, "12", 2, &err));
    CHECK_ERR(tar_writer_data(w, "3", 1, &err), SW_EINTERNAL, NULL);
    tar_writer_free(w);
}

TEST(a_folder_that_is_not_there)
{
    struct sw_err err = SW_ERR_INIT;
    struct tar_writer *w = NULL;
    CHECK_ERR(tar_writer_open(test_path("no/x.tar"), &w, &err), SW_ENOTFOUND, NULL);
}

TEST(a_full_disk_is_named)
{
    struct sw_err err = SW_ERR_INIT;
    struct tar_writer *w = NULL;
    char block[4096] = {0};
    CHECK(symlink("/dev/full", test_path("x.tar.partial")) == 0);
    CHECK_OK(tar_writer_open(test_path("x.tar"), &w, &err));
    CHECK_OK(tar_writer_begin(w, "one", 1 << 20, &err));
    int r = 0;
    for (int i = 0; i < 256 && r == 0; i++)
        r = tar_writer_data(w, block, sizeof(block), &err);
    CHECK_EQ_INT(r, SW_ELIMIT);
    CHECK_EQ_STR(err.reason, "DiskFull");
    tar_writer_free(w);
}
