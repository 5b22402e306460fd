/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/exec_session.c - the agent's end of a data channel.
 * 1. Nothing is executed before the client has shaken hands, so a session that nobody joins costs nothing.
 * 2. What is typed is acknowledged when the process has taken it; what is printed is read only while the client takes it.
 * 3. Whatever ends the session ends the process (exec_process_end).
 *
 *      agent                                      client
 *      HandshakeRequest  {SessionType}  ------>
 *                                       <------   HandshakeResponse {..., Slipway: {tty, cols, rows}?}
 *      HandshakeComplete                ------>
 *      data, stderr                     <----->   data, size, flag; last: end of input
 *      exit code (to a client of ours)  ------>
 *      channel_closed                   ------>
 */
#include "launcher/agent/exec_session.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/model/exec_channel.h"
#include "launcher/runtime/exec_process.h"

#define UNSENT_MAX     (1024 * 1024)
#define UNSENT_HIGH    (64 * 1024)
#define INPUT_HIGH     (1024 * 1024) /* waits for the process: no more is read, as far as that can be */
#define INPUT_MAX      (4 * 1024 * 1024)
#define INPUT_LOOSE    (64 * 1024) /* taken, and still in its buffer */
#define PAUSE_MS       20000 /* without reading; longer, and the relay would take us for dead */
#define FRAME_MAX      (EXEC_MESSAGE_MAX + 64)
#define JOIN_MS        40000 /* for the client to shake hands */
#define GOODBYE_MS     10000 /* for the client to take the last of the output */
#define END_OF_FILE    "\x04"
#define TERMINATE_FLAG 2
#define LOOK_MS        1000 /* whether the container still runs */

struct run {
    const struct exec_session_run *r;
    struct ws_client *ws;
    struct exec_channel channel;
    struct exec_process process;
    bool shaken, ours, tty, started, exited, said_code, over;
    bool completes; /* the handshake's last message is still to be sent */
    bool lost;      /* the connection is gone: nothing can be said any more */
    int exit_code, cols, rows;
    bool input_ends, input_ended;
    struct sw_buf input; /* typed; before input_at the process has taken it */
    size_t input_at;
    int64_t begun_ms, exited_ms, looked_ms, read_ms;
    char container_id[RUNTIME_ID_MAX + 1];
    char why[300]; /* for people, of an end that is no exit */
    struct sw_err ws_err;
};

static void emit(void *ctx, const void *message, size_t n)
{
    struct run *s = ctx;
    if (!s->lost && ws_client_send(s->ws, WS_BINARY, message, n, &s->ws_err) < 0)
        s->lost = true;
}

static void send_json(struct run *s, uint32_t type, json_t *o, int64_t now_ms)
{
    sw_autofree char *text = sw_json_dump(o);
    json_decref(o);
    exec_channel_send(&s->channel, type, 0, sw_str(text), now_ms);
}

static void say_closed(struct run *s, int64_t now_ms)
{
    sw_autojson json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "MessageId", "", "CreatedDate", "",
                  "DestinationId", "", "SessionId", sw_json_str(s->r->request, "sessionId", ""),
                  "MessageType", "channel_closed", "SchemaVersion", 1, "Output", s->why);
    sw_autofree char *text = sw_json_dump(o);
    exec_channel_say(&s->channel, EXEC_CLOSED, sw_str(text), now_ms);
}

/* ---- the process ---- */

static int start_process(struct run *s, struct sw_err *err)
{
    const struct agent_execs_options *o = s->r->o;
    const json_t *q = s->r->request;
    char **words = NULL;
    if (!o->runtime->ops->enter)
        return sw_fail(err, SW_EUNSUPPORTED, NULL, "this agent's runtime enters no containers");
    int r = engine_running(o->engine, sw_json_str(q, "taskArn", ""),
                           sw_json_str(q, "containerName", ""), s->container_id, err);
    if (r == 0)
        r = exec_command_split(sw_json_str(q, "command", ""), &words, err);
    if (r == 0)
        r = o->runtime->ops->enter(o->runtime->self, s->container_id, (const char *const *)words,
                                   s->tty, s->r->dir, &s->process, err);
    exec_command_free(words);
    s->started = r == 0;
    return r;
}

/* With a process namespace of its own a container takes the command with it; without one (pidMode) this does. */
static void look_at_container(struct run *s, int64_t now_ms)
{
    const json_t *q = s->r->request;
    char id[RUNTIME_ID_MAX + 1] = "";
    struct sw_err ignored = SW_ERR_INIT;
    if (!s->started || s->exited || now_ms - s->looked_ms < LOOK_MS)
        return;
    s->looked_ms = now_ms;
    if (engine_running(s->r->o->engine, sw_json_str(q, "taskArn", ""),
                       sw_json_str(q, "containerName", ""), id, &ignored) == 0 &&
        sw_streq(id, s->container_id))
        return;
    (void)snprintf(s->why, sizeof s->why, "The container has stopped.");
    s->over = true;
}

static void end_with(struct run *s, int code, int64_t now_ms)
{
    s->exited = true;
    s->exit_code = code;
    s->exited_ms = now_ms;
}

static void take_event(struct run *s, int64_t now_ms)
{
    char text[EXEC_EVENT_TEXT] = "";
    int code = 0;
    switch (exec_process_event(&s->process, &code, text)) {
    case EXEC_EVENT_NONE: return;
    case EXEC_EVENT_TERMINAL: exec_process_resize(&s->process, s->cols, s->rows); return;
    case EXEC_EVENT_STARTED: return;
    case EXEC_EVENT_FAILED:
        if (*text && exec_channel_ready(&s->channel)) {
            sw_autofree char *line = sw_asprintf("%s\r\n", text);
            exec_channel_send(&s->channel, EXEC_PAYLOAD_DATA, 0,
                              sw_str_slice(sw_str(line), 0, EXEC_PIECE), now_ms);
        }
        end_with(s, code, now_ms);
        return;
    case EXEC_EVENT_EXITED: end_with(s, code, now_ms); return;
    case EXEC_EVENT_LOST:
        if (!s->exited)
            end_with(s, 255, now_ms);
        return;
    }
}

static bool may_read(const struct run *s)
{
    return exec_channel_ready(&s->channel) && ws_client_unsent(s->ws) < UNSENT_HIGH;
}

/* One read of what the process prints; closes what has ended. After its exit nobody waits for those it left behind. */
static void take_output(struct run *s, int *fd, uint32_t type, int64_t now_ms)
{
    char piece[EXEC_PIECE];
    if (*fd < 0 || !may_read(s))
        return;
    ssize_t n = read(*fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR)
        return;
    if (n < 0 && errno == EAGAIN && !s->exited)
        return;
    if (n > 0) {
        exec_channel_send(&s->channel, type, 0, sw_str_n(piece, (size_t)n), now_ms);
        return;
    }
    close(*fd);
    *fd = -1;
}

static size_t input_left(const struct run *s)
{
    return s->input.n - s->input_at;
}

static void input_taken(struct run *s, size_t n, int64_t now_ms)
{
    exec_channel_release(&s->channel, n, now_ms);
    s->input_at += n;
    if (s->input_at < s->input.n && s->input_at < SW_MAX((size_t)INPUT_LOOSE, s->input.n / 2))
        return;
    sw_buf_drop(&s->input, s->input_at);
    s->input_at = 0;
}

static void give_input(struct run *s, int64_t now_ms)
{
    int fd = s->tty ? s->process.out : s->process.in;
    if (input_left(s) > 0 && fd < 0 && (s->exited || !s->tty) && s->started)
        input_taken(s, input_left(s), now_ms); /* nobody will */
    while (input_left(s) > 0 && fd >= 0) {
        ssize_t n = write(fd, s->input.p + s->input_at, input_left(s));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            exec_process_close_input(&s->process);
            n = (ssize_t)input_left(s);
        }
        input_taken(s, (size_t)n, now_ms);
    }
    if (!s->input_ends || s->input_ended || !s->started || input_left(s) > 0)
        return;
    if (s->tty && fd >= 0 && write(fd, END_OF_FILE, 1) < 0 && errno == EAGAIN)
        return;
    if (!s->tty)
        exec_process_close_input(&s->process);
    s->input_ended = !s->tty || fd >= 0;
}

/* ---- what the client says ---- */

static void resize(struct run *s, const json_t *o)
{
    int64_t cols = sw_json_int(o, "cols", 0), rows = sw_json_int(o, "rows", 0);
    if (cols < 1 || cols > 10000 || rows < 1 || rows > 10000)
        return;
    s->cols = (int)cols;
    s->rows = (int)rows;
    exec_process_resize(&s->process, s->cols, s->rows);
}

/* A client that begins with anything but its answer knows no handshake: those made for sessions of machines, which have none. */
static int begin_unshaken(struct run *s, struct sw_err *err)
{
    if (s->shaken || s->started)
        return 0;
    s->tty = true;
    return start_process(s, err);
}

/* Who answers late, when the process already prints, may have left no room on the channel. */
static void complete_handshake(struct run *s, int64_t now_ms)
{
    if (!s->completes || !exec_channel_ready(&s->channel))
        return;
    s->completes = false;
    send_json(s, EXEC_PAYLOAD_HANDSHAKE_COMPLETE,
              json_pack("{s:I, s:s}", "HandshakeTimeToComplete",
                        (json_int_t)(now_ms - s->begun_ms) * 1000000, "CustomerMessage", ""),
              now_ms);
}

/* A client of ours says with its answer whether it has a terminal; any other has one. */
static int take_handshake(struct run *s, const json_t *o, int64_t now_ms, struct sw_err *err)
{
    const json_t *ours = s->started ? NULL : sw_json_object(o, "Slipway");
    if (s->shaken)
        return 0;
    s->shaken = true;
    s->ours = ours != NULL;
    s->tty = sw_json_bool(ours, "tty", true);
    resize(s, ours);
    s->completes = true;
    complete_handshake(s, now_ms);
    return s->started ? 0 : start_process(s, err);
}

static int take_payload(struct run *s, const struct exec_message *m, int64_t now_ms,
                        struct sw_err *err)
{
    sw_autojson json_t *o = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    if (m->payload_type == EXEC_PAYLOAD_FLAG) {
        const unsigned char *p = (const unsigned char *)m->payload.p;
        if (m->payload.n == 4 && (p[0] | p[1] | p[2]) == 0 && p[3] == TERMINATE_FLAG)
            s->over = true;
        return 0;
    }
    if (m->payload_type != EXEC_PAYLOAD_HANDSHAKE_RESPONSE && m->payload_type != EXEC_PAYLOAD_SIZE)
        return 0;
    if (sw_json_load(m->payload, 8, 256, NULL, &o, &ignored) < 0)
        return 0;
    if (m->payload_type == EXEC_PAYLOAD_HANDSHAKE_RESPONSE)
        return take_handshake(s, o, now_ms, err);
    resize(s, o);
    return begin_unshaken(s, err);
}

static int take_message(struct run *s, struct sw_str bytes, int64_t now_ms, struct sw_err *err)
{
    struct exec_message m;
    int r = exec_channel_take(&s->channel, bytes, now_ms, &m, err);
    if (r <= 0)
        return r;
    if (m.type == EXEC_CLOSED) {
        s->over = true;
        return 0;
    }
    bool data = m.payload_type == EXEC_PAYLOAD_DATA;
    if (data && input_left(s) + m.payload.n > INPUT_MAX)
        return 0; /* it comes again */
    if (!exec_channel_accept(&s->channel, &m, data && s->ours, now_ms))
        return 0;
    s->input_ends |= (m.flags & EXEC_FLAG_LAST) != 0;
    if (data) {
        (void)sw_buf_add_str(&s->input, m.payload);
        return begin_unshaken(s, err);
    }
    return take_payload(s, &m, now_ms, err);
}

/* A client that is not ours sends without end, and may send nothing twice; so it is slowed by not reading from it. What acknowledges
 * output comes the same way: without it the process could wait for us, and we for the process. */
static bool takes_messages(const struct run *s, int64_t now_ms)
{
    return input_left(s) < INPUT_HIGH || !exec_channel_ready(&s->channel) ||
           now_ms - s->read_ms > PAUSE_MS;
}

static int take_messages(struct run *s, int64_t now_ms, struct sw_err *err)
{
    struct ws_message m;
    int r = 0;
    while (takes_messages(s, now_ms) && (r = ws_client_read(s->ws, &m, &s->ws_err)) > 0)
        if (m.op == WS_BINARY && (r = take_message(s, m.data, now_ms, err)) < 0)
            return r;
    s->lost |= r < 0;
    if (input_left(s) < INPUT_HIGH)
        s->read_ms = now_ms;
    return 0;
}

/* ---- the loop ---- */

static void add(struct pollfd *p, int fd, bool in, bool out)
{
    short events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
    *p = (struct pollfd){.fd = events ? fd : -1, .events = events};
}

static void wait_for_any(struct run *s)
{
    struct pollfd p[6];
    bool reads = may_read(s);
    int64_t wait_ms = exec_channel_tick(&s->channel, sw_mono_ms());
    add(&p[0], ws_client_fd(s->ws), takes_messages(s, sw_mono_ms()), ws_client_unsent(s->ws) > 0);
    add(&p[1], s->r->stop_fd, true, false);
    add(&p[2], s->process.control, true, false);
    add(&p[3], s->process.out, reads, s->tty && input_left(s) > 0);
    add(&p[4], s->process.err, reads, false);
    add(&p[5], s->process.in, false, input_left(s) > 0);
    if (wait_ms < 0 || wait_ms > 1000)
        wait_ms = 1000;
    if (s->exited && reads && (s->process.out >= 0 || s->process.err >= 0))
        wait_ms = 0; /* drain */
    (void)poll(p, 6, (int)wait_ms);
    if (p[1].revents) {
        (void)snprintf(s->why, sizeof s->why, "The agent of the container instance is stopping.");
        s->over = true;
    }
}

static bool drained(const struct run *s)
{
    return s->exited && s->process.out < 0 && s->process.err < 0;
}

/* The end of the output is said once, then the end of the channel when the client has taken it all. */
static bool finish(struct run *s, int64_t now_ms)
{
    char code[16];
    if (!drained(s))
        return false;
    if (!s->said_code && exec_channel_ready(&s->channel)) {
        s->said_code = true;
        (void)snprintf(code, sizeof code, "%d", s->exit_code);
        if (s->ours)
            exec_channel_send(&s->channel, EXEC_PAYLOAD_EXIT_CODE, EXEC_FLAG_LAST, sw_str(code),
                              now_ms);
    }
    return (s->said_code && exec_channel_drained(&s->channel)) ||
           now_ms - s->exited_ms > GOODBYE_MS * 6;
}

static int loop(struct run *s, struct sw_err *err)
{
    while (!s->over && !s->lost) {
        int64_t now_ms = sw_mono_ms();
        if (take_messages(s, now_ms, err) < 0)
            return err->code;
        complete_handshake(s, now_ms);
        if (s->process.control >= 0)
            take_event(s, now_ms);
        look_at_container(s, now_ms);
        give_input(s, now_ms);
        take_output(s, &s->process.out, EXEC_PAYLOAD_DATA, now_ms);
        take_output(s, &s->process.err, s->ours ? EXEC_PAYLOAD_STDERR : EXEC_PAYLOAD_DATA, now_ms);
        if (!s->lost && ws_client_flush(s->ws, &s->ws_err) < 0)
            s->lost = true;
        if (finish(s, now_ms))
            return 0;
        s->lost |= ws_client_silent_ms(s->ws) > EXEC_SILENT_MS;
        if (!s->shaken && !s->started && now_ms - s->begun_ms > JOIN_MS)
            return sw_fail(err, SW_EUNAVAILABLE, NULL, "no client came");
        wait_for_any(s);
    }
    return 0;
}

static int shake_hands(struct run *s, struct sw_err *err)
{
    sw_autofree char *open = exec_open_text(sw_json_str(s->r->request, "tokenValue", ""));
    if (ws_client_send(s->ws, WS_TEXT, open, strlen(open), err) < 0)
        return err->code;
    send_json(s, EXEC_PAYLOAD_HANDSHAKE_REQUEST,
              json_pack("{s:s, s:[{s:s, s:{s:s, s:{}}}]}", "AgentVersion", "3.3.0.0",
                        "RequestedClientActions", "ActionType", "SessionType", "ActionParameters",
                        "SessionType", "InteractiveCommands", "Properties"),
              s->begun_ms);
    return 0;
}

/* The last words, for as long as the server takes them. */
static void say_goodbye(struct run *s)
{
    struct sw_err ignored = SW_ERR_INIT;
    int64_t until_ms = sw_mono_ms() + GOODBYE_MS;
    if (s->lost)
        return;
    say_closed(s, sw_mono_ms());
    while (!s->lost && ws_client_unsent(s->ws) > 0 && sw_mono_ms() < until_ms) {
        struct pollfd p = {.fd = ws_client_fd(s->ws), .events = POLLOUT};
        (void)poll(&p, 1, 100);
        s->lost = ws_client_flush(s->ws, &ignored) < 0;
    }
}

int exec_session_run(const struct exec_session_run *run, struct sw_err *err)
{
    struct run s = {.r = run,
                    .process = {.control = -1, .in = -1, .out = -1, .err = -1},
                    .cols = 80,
                    .rows = 24,
                    .input = SW_BUF_INIT(2 * INPUT_MAX + INPUT_LOOSE),
                    .begun_ms = sw_mono_ms()};
    const struct exec_channel_options o = {.sends = EXEC_OUTPUT, .emit = emit, .ctx = &s};
    sw_autofree char *path =
        sw_asprintf("/v1/data-channel/%s", sw_json_str(run->request, "sessionId", ""));
    exec_channel_init(&s.channel, &o);
    int r = run->o->open_stream(run->o->ctx, path, &s.ws, err);
    if (r == 0)
        r = shake_hands(&s, err);
    if (r == 0)
        r = loop(&s, err);
    if (r < 0 && !s.why[0])
        (void)snprintf(s.why, sizeof s.why, "%.290s", err->msg);
    exec_process_end(&s.process);
    if (s.ws)
        say_goodbye(&s);
    ws_client_free(s.ws);
    exec_channel_done(&s.channel);
    sw_buf_done(&s.input);
    return r;
}
