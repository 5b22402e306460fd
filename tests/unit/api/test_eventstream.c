/* SPDX-License-Identifier: Apache-2.0 */
#include "api/eventstream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

static uint32_t u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The sums are those of Python's zlib.crc32 over the same bytes. */
TEST(a_message_is_length_headers_payload_and_sums)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
    eventstream_event(&b, "x", SW_STR("{}"));
    CHECK_EQ_INT(u32(b.p), b.n);
    CHECK_EQ_INT(b.n, 12 + 71 + 2 + 4);
    CHECK_EQ_INT(u32(b.p + 4), 71);
    CHECK_EQ_INT(u32(b.p + 8), 0xb899a6e0);
    CHECK(memcmp(b.p + 12, "\x0b:event-type\x07\0\x01x", 16) == 0);
    CHECK(memcmp(b.p + b.n - 6, "{}", 2) == 0);
    const size_t one = b.n;
    eventstream_event(&b, "x", SW_STR("{}"));
    CHECK_EQ_INT(b.n, 2 * one);
    CHECK(memcmp(b.p, b.p + one, one) == 0);
}

TEST(what_does_not_fit_is_no_message)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(20);
    eventstream_event(&b, "x", SW_STR("{}"));
    CHECK(b.overflow);
}
