/* SPDX-License-Identifier: Apache-2.0 */
#include "base/websocket.h"

#include <stdlib.h>

#include "base/macros.h"
#include "tests/lib/test.h"

#define MAX 70000

/* All messages of the bytes, given `step` at a time, as "op:data|"; an error as "!CODE". */
static char *read_all(bool from_client, const void *bytes, size_t n, size_t step)
{
    struct ws_reader r;
    struct sw_buf text = SW_BUF_INIT(1024 * 1024);
    struct sw_err err = SW_ERR_INIT;
    ws_reader_init(&r, from_client, MAX);
    for (size_t at = 0; at < n && !err.code;) {
        size_t m = SW_MIN(step, n - at), used = 0;
        struct ws_message message;
        int got = ws_read(&r, (const char *)bytes + at, m, &used, &message, &err);
        CHECK(used <= m && (got != 0 || used == m));
        at += used;
        if (got > 0)
            sw_buf_addf(&text, "%d:%.*s|", message.op, (int)message.data.n, message.data.p);
        if (got < 0)
            sw_buf_addf(&text, "!%d", r.close_code);
    }
    ws_reader_done(&r);
    return sw_buf_take(&text);
}

static void check_read(bool from_client, const void *bytes, size_t n, const char *want)
{
    for (size_t step = 1; step <= n; step += step < 4 ? 1 : n) {
        char *got = read_all(from_client, bytes, n, step);
        CHECK_EQ_STR(got, want);
        free(got);
    }
}
#define CHECK_READ(from_client, bytes, want) \
    check_read((from_client), (bytes), sizeof(bytes) - 1, (want))

TEST(examples_of_the_rfc)
{
    /* RFC 6455 section 5.7 */
    CHECK_READ(false, "\x81\x05Hello", "1:Hello|");
    CHECK_READ(true, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "1:Hello|");
    CHECK_READ(false, "\x01\x03Hel\x80\x02lo", "1:Hello|");
    CHECK_READ(false, "\x89\x05Hello\x8a\x05Hello", "9:Hello|10:Hello|");
}

TEST(control_frames_between_fragments)
{
    CHECK_READ(false,
               "\x02\x01"
               "a\x89\x02pi\x00\x01"
               "b\x80\x01"
               "c\x82\x01"
               "d",
               "9:pi|2:abc|2:d|");
    CHECK_READ(false, "\x82\x00\x89\x00", "2:|9:|");
}

TEST(lengths)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, MAX};
    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        for (int masked = 0; masked < 2; masked++) {
            struct sw_buf b = SW_BUF_INIT(MAX + 100);
            struct ws_reader r;
            struct ws_message m;
            struct sw_err err = SW_ERR_INIT;
            size_t used = 0;
            char *data = malloc(sizes[i] + 1);
            CHECK(data);
            memset(data, 'x', sizes[i]);
            CHECK(ws_add_frame(&b, masked, WS_BINARY, data, sizes[i]));
            ws_reader_init(&r, masked, MAX);
            CHECK_EQ_INT(ws_read(&r, b.p, b.n, &used, &m, &err), 1);
            CHECK_EQ_UINT(used, b.n);
            CHECK_EQ_MEM(m.data.p, m.data.n, data, sizes[i]);
            free(data);
            sw_buf_done(&b);
            ws_reader_done(&r);
        }
    }
}

TEST(what_is_refused)
{
    static const struct {
        bool from_client;
        const char *bytes;
        size_t n;
        const char *want;
    } rows[] = {
        {true, "\x82\x01x", 3, "!1002"},     /* not masked */
        {false, "\x82\x81mask", 6, "!1002"}, /* masked */
        {false, "\xc2\x01x", 3, "!1002"},    /* reserved bit */
        {false, "\x83\x01x", 3, "!1002"},    /* opcodes */
        {false, "\x8b\x01x", 3, "!1002"},
        {false, "\x09\x01x", 3, "!1002"},          /* fragmented ping */
        {false, "\x89\x7e\x00\x7e", 4, "!1002"},   /* long ping */
        {false, "\x80\x01x", 3, "!1002"},          /* continuation of nothing */
        {false, "\x02\x01x\x82\x01y", 6, "!1002"}, /* begins in another */
        {false, "\x82\x7e\x00\x7d", 4, "!1002"},   /* not minimal */
        {false, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10, "!1002"},
        {false, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10, "!1002"}, /* top bit */
        {false, "\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x71", 10, "!1009"}, /* MAX + 1 */
        {false, "\x81\x02\xc3\x28", 4, "!1007"},                          /* no UTF-8 */
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++)
        check_read(rows[i].from_client, rows[i].bytes, rows[i].n, rows[i].want);
}

TEST(fragments_together_are_bounded)
{
    struct sw_buf b = SW_BUF_INIT(2 * MAX);
    char *half = calloc(1, MAX);
    CHECK(half && ws_add_frame(&b, false, WS_BINARY, half, MAX - 1));
    b.p[0] = 0x02; /* more follows */
    sw_buf_add(&b, "\x80\x02xx", 4);
    char *got = read_all(false, b.p, b.n, b.n);
    CHECK_EQ_STR(got, "!1009");
    free(got);
    free(half);
    sw_buf_done(&b);
}

TEST(a_frame_is_added_whole_or_not_at_all)
{
    struct sw_buf b = SW_BUF_INIT(10);
    CHECK(ws_add_frame(&b, false, WS_BINARY, "12345", 5));
    CHECK(!ws_add_frame(&b, false, WS_BINARY, "67", 2));
    CHECK_EQ_UINT(b.n, 7);
    CHECK(!b.overflow && ws_add_frame(&b, false, WS_BINARY, "6", 1));
    sw_buf_done(&b);
}

TEST(close_codes)
{
    static const struct {
        const char *payload;
        size_t n;
        int want;
    } rows[] = {
        {"", 0, 1005},
        {"\x03\xe8", 2, 1000},
        {"\x03\xe8"
         "bye",
         5, 1000},
        {"\x0f\xa0", 2, 4000},
        {"\x03", 1, SW_EINVALID},
        {"\x03\xed", 2, SW_EINVALID},
        {"\x03\xee", 2, SW_EINVALID},
        {"\x00\x01", 2, SW_EINVALID},
        {"\x07\xd0", 2, SW_EINVALID},
        {"\x03\xe8\xff", 3, SW_EINVALID},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_EQ_INT(ws_close_code(sw_str_n(rows[i].payload, rows[i].n), &err), rows[i].want);
    }
    struct sw_buf b = SW_BUF_INIT(200);
    CHECK(ws_add_close(&b, false, WS_CLOSE_POLICY, "why"));
    CHECK_EQ_MEM(b.p, b.n, "\x88\x05\x03\xf0why", 7);
    sw_buf_done(&b);
}

TEST(handshake)
{
    char accept[WS_ACCEPT_LEN + 1], key[WS_KEY_LEN + 1], other[WS_KEY_LEN + 1];
    ws_accept_of("dGhlIHNhbXBsZSBub25jZQ==", accept); /* section 1.3 */
    CHECK_EQ_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    ws_make_key(key);
    ws_make_key(other);
    CHECK(ws_key_valid(key) && strcmp(key, other) != 0);
    CHECK(!ws_key_valid("") && !ws_key_valid("AAAA") && !ws_key_valid("!!!!!!!!!!!!!!!!!!!!!!=="));
}
