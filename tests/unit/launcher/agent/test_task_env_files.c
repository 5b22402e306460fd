/* SPDX-License-Identifier: Apache-2.0 */
/* The text of environmentFiles, and which host paths an operator lets containers have. */
#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/agent/container_setup.h"
#include "launcher/agent/task_env_files.h"
#include "launcher/agent/volumes.h"
#include "tests/lib/test.h"

static void file_is(const char *text, size_t n, const char *want)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf got = SW_BUF_INIT(65536);
    SW_CLEANUP(strings_freep) char **list = sw_calloc(1, sizeof *list);
    CHECK_MSG(env_file_parse(sw_str_n(text, n), &list, &err) == 0, "%s", err.msg);
    for (char **e = list; *e; e++)
        sw_buf_addf(&got, "%s|", *e);
    CHECK_EQ_STR(got.n ? sw_buf_str(&got).p : "", want);
}

TEST(env_files)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"A=1", "A=1|"},
        {"A=1\nB=2\n", "A=1|B=2|"},
        {"# A=1\n\nB=\n", "B=|"},
        {"A=1\r\nB=2\r\n", "A=1|B=2|"},
        {"A=\"quoted value\"\nB='x'\n", "A=\"quoted value\"|B='x'|"},
        {"A=$HOME ${X} `id`\n", "A=$HOME ${X} `id`|"},
        {"A=b=c#d\n", "A=b=c#d|"},
        {"A=first\nA=second\n", "A=first|"},
        {"no equals sign\n=x\n  =y\nA=1\n", "A=1|"},
        {" A =1\n", "A=1|"},
        {"A= with spaces \n", "A= with spaces |"},
        {"AB=1\nA=2\n", "AB=1|A=2|"},
        {"  # A=1\n#\nB=1\n", "B=1|"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        file_is(rows[i].text, strlen(rows[i].text), rows[i].want);
}

TEST(env_files_that_are_none)
{
    struct sw_err err = SW_ERR_INIT;
    SW_CLEANUP(strings_freep) char **list = sw_calloc(1, sizeof *list);
    CHECK_ERR(env_file_parse(sw_str_n("A=1\0B", 5), &list, &err), SW_EINVALID,
              "ResourceInitializationError");
    SW_CLEANUP(sw_buf_done) struct sw_buf many = SW_BUF_INIT(1 << 20);
    for (int i = 0; i <= ENV_FILE_LINES_MAX; i++)
        sw_buf_addf(&many, "V%d=1\n", i);
    sw_err_clear(&err);
    CHECK_ERR(env_file_parse(sw_buf_str(&many), &list, &err), SW_ELIMIT,
              "ResourceInitializationError");
}

TEST(host_paths)
{
    static const struct {
        const char *allowed, *path, *root, *rest; /* root NULL: refused */
    } rows[] = {
        {"/data", "/data", "/data", ""},
        {"/data", "/data/x", "/data", "/x"},
        {"/data/", "/data/x/y", "/data", "/x/y"},
        {"/data", "/database", NULL, NULL},
        {"/data", "/", NULL, NULL},
        {"/data", "/etc", NULL, NULL},
        {"/a, /b", "/b/c", "/b", "/c"},
        {"/", "/etc/x", "/", "/etc/x"},
        {"", "/etc", NULL, NULL},
        {"relative", "relative/x", NULL, NULL},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_str root = {0};
        const char *rest = NULL;
        bool ok = host_path_allowed(rows[i].allowed, rows[i].path, &root, &rest);
        CHECK_MSG(ok == (rows[i].root != NULL), "%s in %s", rows[i].path, rows[i].allowed);
        if (!ok)
            continue;
        CHECK(sw_str_eq_z(root, rows[i].root));
        CHECK_EQ_STR(rest, rows[i].rest);
    }
}
