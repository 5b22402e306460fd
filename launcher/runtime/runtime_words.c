/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/runtime/runtime_words.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

#define NOTHING "no message"

/* As Go quotes; other escapes than these do not come in sentences, and stay as they are. */
static void add_unquoted(struct sw_buf *b, struct sw_str s)
{
    for (size_t i = 0; i < s.n && s.p[i] != '"'; i++) {
        if (s.p[i] != '\\' || i + 1 == s.n || !strchr("\"\\nt", s.p[i + 1])) {
            sw_buf_add_char(b, s.p[i]);
            continue;
        }
        char c = s.p[++i];
        sw_buf_add_char(b, c == 'n' || c == 't' ? ' ' : c);
    }
}

/* True: the line is one of a log, and ret its message as it stands there. */
static bool find_message(struct sw_str line, struct sw_str *ret)
{
    static const char key[] = " msg=";
    const char *at =
        sw_str_starts_with(line, "time=") ? memmem(line.p, line.n, key, sizeof key - 1) : NULL;
    if (at)
        *ret = sw_str_slice(line, (size_t)(at - line.p) + sizeof key - 1, line.n);
    return at != NULL;
}

static struct sw_str without_end(struct sw_str s)
{
    while (s.n > 0 && strchr("\r\n\t ", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Names that a message has may be an image's own choice, and the message comes to terminals. */
static void blank_controls(char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = ' ';
}

char *runtime_words(struct sw_str text)
{
    struct sw_buf b = SW_BUF_INIT(SIZE_MAX);
    struct sw_str rest = text, line, one, message = {0};
    while (rest.n > 0 && sw_str_split(&rest, '\n', &line))
        if (find_message(line, &one))
            message = one;
    if (message.n > 1 && message.p[0] == '"')
        add_unquoted(&b, sw_str_slice(message, 1, message.n));
    else
        sw_buf_add_str(&b, without_end(message.n ? message : text));
    if (b.n == 0)
        sw_buf_add_z(&b, NOTHING);
    char *words = sw_buf_take(&b);
    blank_controls(words);
    return words;
}
