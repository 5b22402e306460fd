/* SPDX-License-Identifier: Apache-2.0 */
/* api/eventstream.c - big-endian numbers; header values are of type 7, text. */
#include "api/eventstream.h"

#include <string.h>
#include <zlib.h>

#include "base/macros.h"

#define TEXT_VALUE 7

static void add_u32(struct sw_buf *b, uint32_t v)
{
    const unsigned char out[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16),
                                  (unsigned char)(v >> 8), (unsigned char)v};
    sw_buf_add(b, out, sizeof out);
}

static void add_header(struct sw_buf *b, const char *name, const char *value)
{
    const size_t n = strlen(name), v = strlen(value);
    const unsigned char name_n = (unsigned char)n,
                        head[3] = {TEXT_VALUE, (unsigned char)(v >> 8), (unsigned char)v};
    sw_buf_add(b, &name_n, 1);
    sw_buf_add(b, name, n);
    sw_buf_add(b, head, sizeof head);
    sw_buf_add(b, value, v);
}

static uint32_t sum(const char *p, size_t n)
{
    return (uint32_t)crc32(crc32(0, NULL, 0), (const Bytef *)p, (uInt)n);
}

void eventstream_event(struct sw_buf *b, const char *type, struct sw_str payload)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf headers = SW_BUF_INIT(1024);
    const size_t from = b->n;
    add_header(&headers, ":event-type", type);
    add_header(&headers, ":content-type", "application/json");
    add_header(&headers, ":message-type", "event");
    add_u32(b, (uint32_t)(12 + headers.n + payload.n + 4));
    add_u32(b, (uint32_t)headers.n);
    if (b->overflow)
        return;
    add_u32(b, sum(b->p + from, 8));
    sw_buf_add(b, headers.p, headers.n);
    sw_buf_add_str(b, payload);
    if (!b->overflow)
        add_u32(b, sum(b->p + from, b->n - from));
}
