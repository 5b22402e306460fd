/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/api/exec_relay_link.c - sessions: who may join, what is handed on, how they end. On the relay's thread only.
 * 1. A message is handed on whole or its sender is closed; before both ends are there nothing is looked at but the first message.
 * 2. A link lives as long as one of its ends or its transcript; its session is taken out of the table when it ends. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/api/exec_relay_internal.h"

#define IDLE_MS       (20 * 60 * 1000)
#define AGENT_WAIT_MS 20000
#define FLUSH_MS      1000
#define AHEAD_MAX     1024 /* of a client, which may leave numbers out */

static const char *const end_names[] = {[EXEC_END_CLIENT] = "client", [EXEC_END_AGENT] = "agent"};

static struct relay_link *link_of(struct exec_relay *r, const char *id, int64_t now_ms)
{
    struct relay_link *l = r->links;
    while (l && strcmp(l->id, id) != 0)
        l = l->next;
    if (l)
        return l;
    l = SW_NEW(struct relay_link);
    *l = (struct relay_link){
        .next = r->links, .relay = r, .born_ms = now_ms, .used_ms = now_ms, .flushed_ms = now_ms};
    (void)sw_str_copy(sw_str(id), l->id, sizeof l->id);
    r->links = l;
    return l;
}

static void wake(void *ctx)
{
    struct exec_relay *r = ctx;
    uint64_t one = 1;
    (void)!write(r->wake_fd, &one, sizeof one);
}

/* Both are here. */
static void begin(struct relay_link *l, int64_t now_ms)
{
    struct exec_relay *r = l->relay;
    l->used_ms = now_ms;
    l->session = exec_sessions_find(r->o.sessions, l->id);
    if (!l->session)
        return;
    const struct exec_session *s = l->session;
    atomic_fetch_add(&r->begun, 1);
    sw_log(SW_LOG_INFO, "exec-session-began", "session", l->id, "task", s->task_arn, "container",
           s->container, "principal", s->principal_arn, NULL);
    if (!s->log.group || !r->o.logs)
        return;
    const struct exec_transcript_options o = {
        .logs = r->o.logs, .pool = r->writers, .target = &s->log, .wake = wake, .ctx = r};
    sw_autofree char *first = sw_asprintf("Session %s of %s: %s\n", l->id, s->principal_arn,
                                          sw_json_str(s->request, "command", ""));
    l->transcript = exec_transcript_new(&o);
    exec_transcript_add(l->transcript, sw_str(first));
}

void relay_join(struct relay_conn *c, const struct ws_message *m, int64_t now_ms)
{
    char token[EXEC_TOKEN_MAX];
    enum exec_end end = EXEC_END_CLIENT;
    struct sw_err err = SW_ERR_INIT;
    struct exec_relay *r = c->relay;
    int64_t now_us = sw_now_us();
    if (m->op != WS_TEXT || exec_open_parse(m->data, token, &err) < 0 ||
        exec_sessions_join(r->o.sessions, c->session_id, token, now_us, &end, &err) < 0) {
        sw_log_err(SW_LOG_INFO, "exec-session-refused", &err, "session", c->session_id, NULL);
        relay_close(c, WS_CLOSE_POLICY, "the token is not valid for this session");
        return;
    }
    explicit_bzero(token, sizeof token);
    struct relay_link *l = link_of(r, c->session_id, now_ms);
    c->link = l;
    c->end = end;
    l->ends[end] = c;
    if (l->ends[EXEC_END_CLIENT] && l->ends[EXEC_END_AGENT])
        begin(l, now_ms);
}

static struct relay_conn *other_end(const struct relay_conn *c)
{
    return c->link ? c->link->ends[c->end == EXEC_END_CLIENT ? EXEC_END_AGENT : EXEC_END_CLIENT]
                   : NULL;
}

bool relay_can_forward(const struct relay_conn *c)
{
    const struct relay_conn *to = other_end(c);
    if (!c->link)
        return true; /* its first message is for us */
    return to && relay_unsent(to) < RELAY_OUT_HIGH && relay_unsent(c) < RELAY_OUT_HIGH &&
           !(c->link->transcript && exec_transcript_full(c->link->transcript));
}

static bool may_send(enum exec_end end, enum exec_message_type type)
{
    if (type == EXEC_ACKNOWLEDGE)
        return true;
    return end == EXEC_END_CLIENT ? type == EXEC_INPUT : type != EXEC_INPUT;
}

/* Numbers count up. An agent leaves none out: what has one that was passed over would be printed, and in no transcript. */
static bool in_order(const struct relay_conn *c, const struct exec_message *m)
{
    int64_t ahead = c->end == EXEC_END_AGENT ? 0 : AHEAD_MAX;
    return m->type == EXEC_ACKNOWLEDGE ||
           (m->sequence >= 0 && m->sequence <= c->link->numbers[c->end] + ahead);
}

static void note(struct relay_conn *c, const struct exec_message *m, int64_t now_ms)
{
    struct relay_link *l = c->link;
    bool is_new = m->type != EXEC_ACKNOWLEDGE && m->sequence >= l->numbers[c->end];
    bool data = m->payload_type == EXEC_PAYLOAD_DATA || m->payload_type == EXEC_PAYLOAD_STDERR;
    if (is_new)
        l->numbers[c->end] = m->sequence + 1;
    if ((m->type != EXEC_INPUT && m->type != EXEC_OUTPUT) || !data)
        return;
    l->used_ms = now_ms;
    l->bytes[c->end] += (int64_t)m->payload.n;
    if (l->transcript && m->type == EXEC_OUTPUT && is_new)
        exec_transcript_add(l->transcript, m->payload);
}

/* {"MessageType": "channel_closed", ...}: what clients take for the end, with words for people. */
static void say_closed(struct relay_conn *c, const char *id, const char *why)
{
    char message_id[37];
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(EXEC_MESSAGE_MAX);
    sw_uuid(message_id);
    sw_autojson json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "MessageId", message_id, "CreatedDate", "",
                  "DestinationId", "", "SessionId", id, "MessageType", "channel_closed",
                  "SchemaVersion", 1, "Output", why);
    sw_autofree char *text = sw_json_dump(o);
    struct exec_message m = {
        .type = EXEC_CLOSED, .created_ms = sw_now_us() / 1000, .payload = sw_str(text)};
    memcpy(m.id, message_id, sizeof m.id);
    if (exec_message_add(&b, &m))
        relay_send(c, WS_BINARY, sw_buf_str(&b));
}

/* why NULL: the agent has said the end itself. */
static void end_link(struct relay_link *l, const char *why)
{
    struct relay_conn *client = l->ends[EXEC_END_CLIENT], *agent = l->ends[EXEC_END_AGENT];
    if (l->ended)
        return;
    l->ended = true;
    if (l->session)
        atomic_fetch_add(&l->relay->ended, 1);
    sw_log(SW_LOG_INFO, "exec-session-ended", "session", l->id, "why", why ? why : "finished",
           "#typed", l->bytes[EXEC_END_CLIENT], "#printed", l->bytes[EXEC_END_AGENT], NULL);
    if (client && why)
        say_closed(client, l->id, why);
    if (client)
        relay_close(client, WS_CLOSE_NORMAL, "");
    if (agent)
        relay_close(agent, why ? WS_CLOSE_GOING_AWAY : WS_CLOSE_NORMAL, "");
    l->session = NULL;
    exec_session_free(exec_sessions_take(l->relay->o.sessions, l->id));
}

void relay_forward(struct relay_conn *c, const struct ws_message *m, int64_t now_ms)
{
    struct exec_message message;
    struct sw_err err = SW_ERR_INIT;
    if (m->op != WS_BINARY || exec_message_parse(m->data, &message, &err) < 0 ||
        !may_send(c->end, message.type) || !in_order(c, &message)) {
        sw_log(SW_LOG_WARNING, "exec-message-refused", "session", c->session_id, "from",
               end_names[c->end], "why", err.code ? err.msg : "it is not for this end to send",
               NULL);
        relay_close(c, WS_CLOSE_PROTOCOL, "not a message of the data channel");
        return;
    }
    note(c, &message, now_ms);
    relay_send(other_end(c), WS_BINARY, m->data);
    if (message.type == EXEC_CLOSED)
        end_link(c->link, NULL);
}

void relay_left(struct relay_conn *c)
{
    struct relay_link *l = c->link;
    if (!l)
        return;
    l->ends[c->end] = NULL;
    c->link = NULL;
    end_link(l, c->end == EXEC_END_CLIENT ? "the client left"
                                          : "The agent of the container instance went away.");
}

static void link_tick(struct relay_link *l, int64_t now_ms)
{
    const struct exec_relay *r = l->relay;
    int64_t idle_ms = r->o.idle_ms ? r->o.idle_ms : IDLE_MS;
    if (!l->ended) {
        if (!l->ends[EXEC_END_AGENT] && now_ms - l->born_ms > AGENT_WAIT_MS)
            end_link(l, "The agent of the container instance did not answer.");
        else if (!l->ends[EXEC_END_CLIENT] && now_ms - l->born_ms > EXEC_JOIN_US / 1000)
            end_link(l, "the client did not come");
        else if (now_ms - l->used_ms > idle_ms)
            end_link(l, "Session timed out due to inactivity.");
    }
    if (l->transcript &&
        (l->ended || now_ms - l->flushed_ms >= FLUSH_MS || exec_transcript_full(l->transcript))) {
        l->flushed_ms = now_ms;
        exec_transcript_flush(l->transcript, l->ended);
    }
}

static bool is_over(const struct relay_link *l)
{
    return l->ended && !l->ends[EXEC_END_CLIENT] && !l->ends[EXEC_END_AGENT] &&
           (!l->transcript || exec_transcript_idle(l->transcript));
}

void relay_tick(struct exec_relay *r, int64_t now_ms)
{
    for (struct relay_link **at = &r->links; *at;) {
        struct relay_link *l = *at;
        link_tick(l, now_ms);
        if (!is_over(l)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        exec_transcript_free(l->transcript);
        free(l);
    }
}

void relay_end_all(struct exec_relay *r, const char *why)
{
    for (struct relay_link *l = r->links; l; l = l->next)
        end_link(l, why);
}
