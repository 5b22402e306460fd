/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/exec_message.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tests/lib/test.h"

static struct sw_buf make(struct exec_message m)
{
    struct sw_buf b = SW_BUF_INIT(2 * EXEC_MESSAGE_MAX);
    if (!m.id[0])
        memcpy(m.id, "00112233-4455-6677-8899-aabbccddeeff", 37);
    CHECK(exec_message_add(&b, &m));
    return b;
}

TEST(both_ways)
{
    for (int t = 0; t < EXEC_MESSAGE_TYPE_MAX_; t++) {
        struct exec_message in = {.type = (enum exec_message_type)t,
                                  .sequence = INT64_MAX - t,
                                  .created_ms = 1700000000123,
                                  .flags = 3,
                                  .payload_type = 12,
                                  .payload = SW_STR("pay\0load")},
                            out;
        struct sw_buf b = make(in);
        struct sw_err err = SW_ERR_INIT;
        CHECK_OK(exec_message_parse(sw_buf_str(&b), &out, &err));
        CHECK(out.type == in.type && out.sequence == in.sequence && out.flags == 3);
        CHECK(out.created_ms == in.created_ms && out.payload_type == 12);
        CHECK_EQ_STR(out.id, "00112233-4455-6677-8899-aabbccddeeff");
        CHECK_EQ_MEM(out.payload.p, out.payload.n, "pay\0load", 8);
        sw_buf_done(&b);
    }
}

TEST(bytes_lie_where_the_protocol_has_them)
{
    struct sw_buf b = make((struct exec_message){
        .type = EXEC_ACKNOWLEDGE, .sequence = 7, .payload_type = 1, .payload = SW_STR("x")});
    CHECK_EQ_UINT(b.n, EXEC_HEAD_LEN + 1);
    CHECK_EQ_MEM(b.p, 4, "\0\0\0\x74", 4);
    CHECK_EQ_MEM(b.p + 4, 32, "acknowledge                     ", 32);
    CHECK_EQ_MEM(b.p + 48, 8, "\0\0\0\0\0\0\0\7", 8);
    CHECK_EQ_MEM(b.p + 64, 4, "\x88\x99\xaa\xbb", 4); /* the second half first */
    CHECK_EQ_MEM(b.p + 72, 4, "\x00\x11\x22\x33", 4);
    CHECK_EQ_MEM(b.p + 112, 8, "\0\0\0\1\0\0\0\1", 8);
    sw_buf_done(&b);
}

TEST(what_is_no_message)
{
    static const struct {
        size_t at;
        char byte;
    } rows[] = {{0, 1}, {3, 0}, {4, 'X'}, {12, ' '}, {80, 0}, {119, 9}, {120, 'z'}};
    struct exec_message out;
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_buf b =
            make((struct exec_message){.type = EXEC_OUTPUT, .payload = SW_STR("abc")});
        struct sw_err err = SW_ERR_INIT;
        b.p[rows[i].at] = rows[i].byte;
        CHECK_ERR(exec_message_parse(sw_buf_str(&b), &out, &err), SW_EINVALID, NULL);
        sw_buf_done(&b);
    }
    struct sw_buf b = make((struct exec_message){.type = EXEC_INPUT, .payload = SW_STR("abc")});
    for (size_t n = 0; n < b.n; n++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK(exec_message_parse(sw_str_n(b.p, n), &out, &err) < 0);
    }
    sw_buf_done(&b);
    char *large = calloc(1, EXEC_PAYLOAD_MAX + 1);
    CHECK(large);
    b = make((struct exec_message){.type = EXEC_INPUT,
                                   .payload = sw_str_n(large, EXEC_PAYLOAD_MAX + 1)});
    struct sw_err err = SW_ERR_INIT;
    CHECK_ERR(exec_message_parse(sw_buf_str(&b), &out, &err), SW_EINVALID, NULL);
    sw_buf_done(&b);
    free(large);
}

/* There are clients that write the type at the end of its field, and half of the digest's text in the digest's. */
TEST(what_clients_write_their_own_way)
{
    static const enum exec_message_type types[] = {EXEC_INPUT, EXEC_ACKNOWLEDGE};
    for (size_t i = 0; i < SW_ARRAY_LEN(types); i++) {
        struct sw_buf b = make((struct exec_message){.type = types[i], .payload = SW_STR("abc")});
        const char *name = exec_message_type_to_string(types[i]);
        struct exec_message out;
        struct sw_err err = SW_ERR_INIT;
        memset(b.p + 4, 0, 32);
        memcpy(b.p + 4 + 32 - strlen(name), name, strlen(name));
        memcpy(b.p + 80, "ba7816bf8f01cfea414140de5dae2223", 32);
        CHECK_OK(exec_message_parse(sw_buf_str(&b), &out, &err));
        CHECK_EQ_INT(out.type, types[i]);
        CHECK(sw_str_eq_z(out.payload, "abc"));
        sw_buf_done(&b);
    }
}

TEST(opening)
{
    char token[EXEC_TOKEN_MAX];
    char *text = exec_open_text("abc\"d");
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(exec_open_parse(sw_str(text), token, &err));
    CHECK_EQ_STR(token, "abc\"d");
    CHECK_CONTAINS(text, "\"MessageSchemaVersion\":\"1.0\"");
    free(text);
    CHECK_OK(exec_open_parse(SW_STR("{}"), token, &err));
    CHECK_EQ_STR(token, "");
    CHECK_ERR(exec_open_parse(SW_STR("[]"), token, &err), SW_EINVALID, NULL);
    sw_err_clear(&err);
    CHECK_ERR(exec_open_parse(SW_STR("{"), token, &err), SW_EINVALID, NULL);
}

/* Words joined by '|', or the error's message. */
static char *split(const char *command)
{
    char **words = NULL;
    struct sw_err err = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(10000);
    if (exec_command_split(command, &words, &err) < 0) {
        sw_buf_add_z(&b, err.msg);
        return sw_buf_take(&b);
    }
    for (size_t i = 0; words[i]; i++)
        sw_buf_addf(&b, "%s|", words[i]);
    exec_command_free(words);
    return sw_buf_take(&b);
}

TEST(command_lines)
{
    static const struct {
        const char *command, *want;
    } rows[] = {
        {"ls", "ls|"},
        {"  ls\t-l\n /x  ", "ls|-l|/x|"},
        {"sh -c 'echo \"$A\" b'", "sh|-c|echo \"$A\" b|"},
        {"a\"b c\"d'e f'", "ab cde f|"},
        {"'' \"\"", "||"},
        {"a\\ b \"x\\\"y\\z\"", "a b|x\"y\\z|"},
        {"echo $HOME; ls | wc && x > y", "echo|$HOME;|ls|||wc|&&|x|>|y|"},
        {"", "Invalid command: it is empty."},
        {" \n", "Invalid command: it is empty."},
        {"'x", "Invalid command: a quote is not closed."},
        {"\"x", "Invalid command: a quote is not closed."},
        {"x\\", "Invalid command: a backslash stands at its end."},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        char *got = split(rows[i].command);
        CHECK_EQ_STR(got, rows[i].want);
        free(got);
    }
}

TEST(joining_is_the_way_back)
{
    const char *const words[] = {"a", "", "b c", "it's", "$x", "\\", "\"", "new\nline", "-", NULL};
    char *joined = exec_command_join(words), **again = NULL;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(exec_command_split(joined, &again, &err));
    for (size_t i = 0; i < SW_ARRAY_LEN(words); i++)
        CHECK(sw_streq(words[i], again[i]));
    exec_command_free(again);
    free(joined);
}

TEST(too_many_words)
{
    struct sw_buf b = SW_BUF_INIT(10000);
    for (int i = 0; i < 1025; i++)
        sw_buf_add_z(&b, "x ");
    char *got = split(sw_buf_str(&b).p);
    CHECK_CONTAINS(got, "too many words");
    free(got);
    sw_buf_done(&b);
}
