/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/exec_channel.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "tests/lib/test.h"

#define WIRE_MAX 256

/* One direction: messages on their way, in order. */
struct wire {
    char *message[WIRE_MAX];
    size_t bytes[WIRE_MAX], n;
};

static void put(void *ctx, const void *message, size_t n)
{
    struct wire *w = ctx;
    CHECK(w->n < WIRE_MAX);
    w->message[w->n] = sw_malloc(n);
    memcpy(w->message[w->n], message, n);
    w->bytes[w->n++] = n;
}

static void drop_first(struct wire *w)
{
    CHECK(w->n > 0);
    free(w->message[0]);
    w->n--;
    memmove(w->message, w->message + 1, w->n * sizeof *w->message);
    memmove(w->bytes, w->bytes + 1, w->n * sizeof *w->bytes);
}

static void clear(struct wire *w)
{
    while (w->n > 0)
        drop_first(w);
}

struct pair {
    struct wire to_agent, to_client;
    struct exec_channel client, agent;
};

static void begin(struct pair *p)
{
    memset(p, 0, sizeof *p);
    exec_channel_init(&p->client, &(struct exec_channel_options){EXEC_INPUT, put, &p->to_agent});
    exec_channel_init(&p->agent, &(struct exec_channel_options){EXEC_OUTPUT, put, &p->to_client});
}

static void end(struct pair *p)
{
    clear(&p->to_agent);
    clear(&p->to_client);
    exec_channel_done(&p->client);
    exec_channel_done(&p->agent);
}

/* The first message of the wire reaches the channel; accepted with hold or not, its payload appended to text. */
static int deliver(struct wire *w, struct exec_channel *to, bool hold, struct sw_buf *text)
{
    struct exec_message m;
    struct sw_err err = SW_ERR_INIT;
    int r = exec_channel_take(to, sw_str_n(w->message[0], w->bytes[0]), 0, &m, &err);
    if (r > 0 && m.type != EXEC_CLOSED && exec_channel_accept(to, &m, hold, 0) && text)
        sw_buf_add_str(text, m.payload);
    drop_first(w);
    return r;
}

TEST(in_order_and_acknowledged)
{
    struct pair p;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(1000);
    begin(&p);
    exec_channel_send(&p.agent, EXEC_PAYLOAD_DATA, 0, SW_STR("a"), 0);
    exec_channel_send(&p.agent, EXEC_PAYLOAD_DATA, 0, SW_STR("b"), 0);
    struct exec_message first;
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(
        exec_message_parse(sw_str_n(p.to_client.message[0], p.to_client.bytes[0]), &first, &err));
    CHECK(first.sequence == 0 && first.flags == EXEC_FLAG_FIRST && first.type == EXEC_OUTPUT);
    CHECK(!exec_channel_drained(&p.agent));
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 1);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 1);
    CHECK_EQ_STR(text.p, "ab");
    CHECK_EQ_UINT(p.to_agent.n, 2);
    CHECK_EQ_INT(deliver(&p.to_agent, &p.agent, false, NULL), 0);
    CHECK_EQ_INT(deliver(&p.to_agent, &p.agent, false, NULL), 0);
    CHECK(exec_channel_drained(&p.agent));
    CHECK_EQ_INT(exec_channel_tick(&p.agent, 100000), -1);
    end(&p);
}

TEST(the_window_is_bounded)
{
    struct pair p;
    begin(&p);
    size_t n = 0;
    for (; exec_channel_ready(&p.client); n++)
        exec_channel_send(&p.client, EXEC_PAYLOAD_DATA, 0, SW_STR("x"), 0);
    CHECK_EQ_UINT(n, EXEC_WINDOW);
    (void)deliver(&p.to_agent, &p.agent, false, NULL);
    (void)deliver(&p.to_client, &p.client, false, NULL);
    CHECK(exec_channel_ready(&p.client));
    end(&p);
}

TEST(what_is_lost_comes_again_later_and_later)
{
    struct pair p;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(1000);
    begin(&p);
    exec_channel_send(&p.agent, EXEC_PAYLOAD_DATA, 0, SW_STR("a"), 0);
    exec_channel_send(&p.agent, EXEC_PAYLOAD_DATA, 0, SW_STR("b"), 0);
    drop_first(&p.to_client);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 0); /* too early */
    CHECK_EQ_UINT(p.to_agent.n, 0);
    int64_t wait = exec_channel_tick(&p.agent, 0);
    CHECK(wait > 0 && p.to_client.n == 0);
    int64_t second = exec_channel_tick(&p.agent, wait);
    CHECK(p.to_client.n == 1 && second > wait);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 1);
    (void)deliver(&p.to_agent, &p.agent, false, NULL);
    (void)exec_channel_tick(&p.agent, wait + second + 1000);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 1);
    CHECK_EQ_STR(text.p, "ab");
    end(&p);
}

TEST(what_comes_twice_is_acknowledged_again_and_not_given_again)
{
    struct pair p;
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(1000);
    begin(&p);
    exec_channel_send(&p.agent, EXEC_PAYLOAD_DATA, 0, SW_STR("a"), 0);
    (void)exec_channel_tick(&p.agent, 100000);
    CHECK_EQ_UINT(p.to_client.n, 2);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 1);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, &text), 0);
    CHECK_EQ_STR(text.p, "a");
    CHECK_EQ_UINT(p.to_agent.n, 2);
    end(&p);
}

TEST(acknowledgements_are_held_until_the_bytes_are_gone)
{
    struct pair p;
    begin(&p);
    exec_channel_send(&p.client, EXEC_PAYLOAD_DATA, 0, SW_STR("abcd"), 0);
    exec_channel_send(&p.client, EXEC_PAYLOAD_DATA, 0, SW_STR("ef"), 0);
    (void)deliver(&p.to_agent, &p.agent, true, NULL);
    (void)deliver(&p.to_agent, &p.agent, true, NULL);
    CHECK_EQ_UINT(p.to_client.n, 0);
    (void)exec_channel_tick(&p.client, 100000); /* impatient: not acknowledged for that */
    CHECK_EQ_INT(deliver(&p.to_agent, &p.agent, true, NULL), 0);
    CHECK_EQ_UINT(p.to_client.n, 0);
    exec_channel_release(&p.agent, 3, 0);
    CHECK_EQ_UINT(p.to_client.n, 0);
    exec_channel_release(&p.agent, 2, 0);
    CHECK_EQ_UINT(p.to_client.n, 1);
    exec_channel_release(&p.agent, 1, 0);
    CHECK_EQ_UINT(p.to_client.n, 2);
    end(&p);
}

TEST(held_ones_are_bounded)
{
    struct pair p;
    begin(&p);
    for (int i = 0; i < EXEC_HELD + 1; i++) {
        struct sw_buf b = SW_BUF_INIT(1000);
        struct exec_message m = {.type = EXEC_INPUT, .sequence = i, .payload = SW_STR("x")}, got;
        struct sw_err err = SW_ERR_INIT;
        CHECK(exec_message_add(&b, &m));
        CHECK_EQ_INT(exec_channel_take(&p.agent, sw_buf_str(&b), 0, &got, &err), 1);
        CHECK(exec_channel_accept(&p.agent, &got, true, 0) == (i < EXEC_HELD));
        sw_buf_done(&b);
    }
    exec_channel_release(&p.agent, EXEC_HELD, 0);
    CHECK_EQ_UINT(p.to_client.n, EXEC_HELD);
    end(&p);
}

TEST(an_end_does_not_take_its_own_kind)
{
    struct pair p;
    struct exec_message got;
    begin(&p);
    for (int end_of = 0; end_of < 2; end_of++) {
        struct sw_buf b = SW_BUF_INIT(1000);
        struct exec_message m = {.type = end_of ? EXEC_OUTPUT : EXEC_INPUT};
        struct sw_err err = SW_ERR_INIT;
        CHECK(exec_message_add(&b, &m));
        CHECK_ERR(exec_channel_take(end_of ? &p.agent : &p.client, sw_buf_str(&b), 0, &got, &err),
                  SW_EINVALID, NULL);
        sw_buf_done(&b);
    }
    end(&p);
}

TEST(closing_is_handed_on)
{
    struct pair p;
    begin(&p);
    exec_channel_say(&p.agent, EXEC_CLOSED, SW_STR("{}"), 0);
    CHECK_EQ_INT(deliver(&p.to_client, &p.client, false, NULL), 1);
    CHECK(exec_channel_drained(&p.agent) && p.to_agent.n == 0);
    end(&p);
}
