/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admin_api.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(a_path_below_a_folder_steps_nowhere_back)
{
    static const char *const below[] = {"/a/b/c", "/a/b/c/d", "/a/b/..c", "/a/b/c..", "/a/b/.c"};
    static const char *const not_below[] = {
        "/a/b",    "/a/b/", "/a/bc",  "/a/b/../c", "/a/b/c/..", "/a/b/./c", "/a/b//c",
        "/a/b/..", "a/b/c", "/x/b/c", "/",         "",          "/a",       "/a/b/c/../../../etc"};
    for (size_t i = 0; i < SW_ARRAY_LEN(below); i++) {
        CHECK_MSG(admin_path_is_below(below[i], "/a/b"), "%s", below[i]);
        CHECK_MSG(admin_path_is_below(below[i], "/a/b/"), "%s", below[i]);
        CHECK_MSG(admin_path_is_below(below[i], "/"), "%s", below[i]);
    }
    for (size_t i = 0; i < SW_ARRAY_LEN(not_below); i++)
        CHECK_MSG(!admin_path_is_below(not_below[i], "/a/b"), "%s", not_below[i]);
}
