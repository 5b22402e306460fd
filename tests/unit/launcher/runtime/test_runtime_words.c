/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/macros.h"
#include "launcher/runtime/runtime_words.h"
#include "tests/lib/test.h"

TEST(the_last_message_of_a_log_without_its_quotes)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=\"runc create failed: exec: \\\"/no\\\": "
         "stat "
         "/no: no such file or directory\"\n",
         "runc create failed: exec: \"/no\": stat /no: no such file or directory"},
        {"time=\"2026-01-02T03:04:05Z\" level=warning msg=\"something\"\n"
         "time=\"2026-01-02T03:04:05Z\" level=error msg=\"the end\"\n",
         "the end"},
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=short\n", "short"},
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=\"a\\\\b\\nc\\td \\x00\"",
         "a\\b c d \\x00"},
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=\"cut off \\", "cut off \\"},
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=\"\"", "no message"},
        {"executable file `no` not found: No such file or directory\n",
         "executable file `no` not found: No such file or directory"},
        {"two\nlines msg=\"of others\"\n", "two lines msg=\"of others\""},
        {"exec `\033[2J\a` \x7f\n", "exec ` [2J `  "},
        {"time=\"2026-01-02T03:04:05Z\" level=error msg=\"a \033]0;b\"", "a  ]0;b"},
        {"", "no message"},
        {" \n", "no message"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(cases); i++) {
        sw_autofree char *words = runtime_words(sw_str(cases[i].text));
        CHECK_EQ_STR(words, cases[i].words);
    }
}
