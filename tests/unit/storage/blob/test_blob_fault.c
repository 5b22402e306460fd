/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "storage/blob/blob.h"
#include "storage/blob/blob_fault.h"
#include "tests/lib/test.h"

static struct blob_store *open_store(struct blob_fault **ret)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_store *s = NULL;
    CHECK_OK(blob_fs_open(test_path("store"), &s, &err));
    return blob_fault_wrap(s, ret);
}

static int push(struct blob_store *s, struct blob_info *ret, struct sw_err *err)
{
    struct blob_writer *w = NULL;
    struct digest d;
    digest_of(DIGEST_SHA256, "abc", 3, &d);
    int r = blob_writer_begin(s, DIGEST_SHA256, &w, err);
    if (r == 0)
        r = blob_writer_append(w, "abc", 3, err);
    if (r == 0)
        r = blob_writer_commit(w, &d, ret, err);
    blob_writer_free(w);
    return r;
}

TEST(counts_points_and_passes_calls_on)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fault *f = NULL;
    struct blob_store *s = open_store(&f);
    struct blob_info info;
    blob_fault_arm(f, 0, false, 0);
    CHECK_OK(push(s, &info, &err));
    CHECK_EQ_UINT(blob_fault_points(f), 4); /* begin, append, both of commit */
    CHECK_EQ_UINT(blob_fault_hits(f), 0);
    uint64_t size = 0;
    CHECK_OK(blob_stat(s, info.key, &size, &err));
    CHECK_EQ_UINT(size, 3);
    blob_store_free(s);
}

TEST(fails_once_or_for_good)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fault *f = NULL;
    struct blob_store *s = open_store(&f);
    struct blob_info info;
    blob_fault_arm(f, 2, false, ENOSPC);
    CHECK_ERR(push(s, &info, &err), SW_ELIMIT, "DiskFull");
    CHECK_OK(push(s, &info, &err));
    CHECK_EQ_UINT(blob_fault_hits(f), 1);
    blob_fault_arm(f, 2, true, EIO);
    CHECK_ERR(push(s, &info, &err), SW_EIO, NULL);
    CHECK_ERR(push(s, &info, &err), SW_EIO, NULL);
    CHECK_EQ_UINT(blob_fault_hits(f), 2);
    blob_store_free(s);
}

TEST(the_answer_of_a_commit_can_get_lost)
{
    struct sw_err err = SW_ERR_INIT;
    struct blob_fault *f = NULL;
    struct blob_store *s = open_store(&f);
    struct blob_info info;
    struct digest d;
    char key[BLOB_KEY_MAX];
    uint64_t size = 0;
    digest_of(DIGEST_SHA256, "abc", 3, &d);
    digest_format(&d, key); /* the filesystem's key is the digest */
    blob_fault_arm(f, 3, false, EIO);
    CHECK_ERR(push(s, &info, &err), SW_EIO, NULL);
    CHECK_ERR(blob_stat(s, key, &size, &err), SW_ENOTFOUND, NULL);
    blob_fault_arm(f, 4, false, EIO);
    CHECK_ERR(push(s, &info, &err), SW_EIO, NULL);
    CHECK_OK(blob_stat(s, key, &size, &err));
    blob_store_free(s);
}
