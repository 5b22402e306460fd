/* SPDX-License-Identifier: Apache-2.0 */
/* server/exec_client.c - the client's end of a data channel.
 * 1. Standard output and error are never made non-blocking: others share them. They are written when poll says so, by pieces that fit.
 * 2. What is printed is acknowledged when it was written, so a reader of ours that is slow slows the command.
 * 3. The terminal is as it was when exec_client_run returns, whatever happened. */
#include "server/exec_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/exec_channel.h"
#include "server/cli.h"

#define UNSENT_MAX  (1024 * 1024)
#define UNSENT_HIGH (64 * 1024)
#define FRAME_MAX   (EXEC_MESSAGE_MAX + 64)
#define PRINT_MAX   (512 * 1024)
#define FORGET_MS   60000 /* for the command to begin */
#define STREAM_PATH "/v1/data-channel/"

struct run {
    const struct exec_client_options *o;
    struct ws_client *ws;
    struct exec_channel channel;
    struct sw_buf out[2]; /* of standard output and error */
    int signals;
    bool ready, input_over, closed, has_code, saved;
    int exit_code, killed_by;
    struct termios before;
    char why[300];
    struct sw_err err;
};

int exec_client_open(struct client *c, const char *path_or_url, struct ws_client **ret,
                     struct sw_err *err)
{
    sw_autofree char *url = *path_or_url == '/' ? sw_asprintf("%s%s", c->endpoint, path_or_url)
                                                : sw_strdup(path_or_url);
    const struct ws_client_options o = {
        .http = c->http, .url = url, .message_max = FRAME_MAX, .unsent_max = UNSENT_MAX};
    return ws_client_open(&o, ret, err);
}

static void emit(void *ctx, const void *message, size_t n)
{
    struct run *s = ctx;
    if (!s->err.code)
        (void)ws_client_send(s->ws, WS_BINARY, message, n, &s->err);
}

/* ---- the terminal ---- */

static json_t *size_now(void)
{
    struct winsize w = {0};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0 || w.ws_row == 0)
        w = (struct winsize){.ws_col = 80, .ws_row = 24};
    return json_pack("{s:i, s:i}", "cols", w.ws_col, "rows", w.ws_row);
}

static void make_raw(struct run *s)
{
    struct termios raw;
    if (!s->o->tty || tcgetattr(STDIN_FILENO, &s->before) < 0)
        return;
    raw = s->before;
    cfmakeraw(&raw);
    s->saved = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void make_cooked(struct run *s)
{
    if (s->saved)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
    s->saved = false;
}

static int open_signals(sigset_t *ret_before)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGWINCH);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, ret_before);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct run *s)
{
    struct signalfd_siginfo i;
    while (read(s->signals, &i, sizeof i) == sizeof i) {
        if (i.ssi_signo != SIGWINCH) {
            s->killed_by = (int)i.ssi_signo;
        } else if (s->o->tty && s->ready && exec_channel_ready(&s->channel)) {
            sw_autojson json_t *size = size_now();
            sw_autofree char *text = sw_json_dump(size);
            exec_channel_send(&s->channel, EXEC_PAYLOAD_SIZE, 0, sw_str(text), sw_mono_ms());
        }
    }
}

/* ---- what the agent says ---- */

static void shake_hands(struct run *s, int64_t now_ms)
{
    sw_autojson json_t *ours = s->o->tty ? size_now() : json_object();
    sw_json_set_bool(ours, "tty", s->o->tty);
    sw_autojson json_t *o =
        json_pack("{s:s, s:[{s:s, s:i, s:n, s:s}], s:[], s:O}", "ClientVersion", "1.2.0.0",
                  "ProcessedClientActions", "ActionType", "SessionType", "ActionStatus", 1,
                  "ActionResult", "Error", "", "Errors", "Slipway", ours);
    sw_autofree char *text = sw_json_dump(o);
    exec_channel_send(&s->channel, EXEC_PAYLOAD_HANDSHAKE_RESPONSE, 0, sw_str(text), now_ms);
}

static void take_closed(struct run *s, struct sw_str payload)
{
    sw_autojson json_t *o = NULL;
    struct sw_err ignored = SW_ERR_INIT;
    s->closed = true;
    if (sw_json_load(payload, 8, 64, NULL, &o, &ignored) == 0) {
        sw_autofree char *text = cli_text(sw_json_str(o, "Output", ""));
        (void)snprintf(s->why, sizeof s->why, "%s", text);
    }
}

static void take_code(struct run *s, struct sw_str payload)
{
    int64_t code = 255;
    (void)sw_parse_i64(payload, &code);
    s->exit_code = (int)(code & 255);
    s->has_code = true;
}

static void take_message(struct run *s, struct sw_str bytes, int64_t now_ms)
{
    struct exec_message m;
    if (exec_channel_take(&s->channel, bytes, now_ms, &m, &s->err) <= 0)
        return;
    if (m.type == EXEC_CLOSED) {
        take_closed(s, m.payload);
        return;
    }
    bool is_err = m.payload_type == EXEC_PAYLOAD_STDERR;
    bool printed = m.payload_type == EXEC_PAYLOAD_DATA || is_err;
    struct sw_buf *to = &s->out[is_err];
    if (printed && to->n + m.payload.n > to->max)
        return; /* it comes again */
    if (!exec_channel_accept(&s->channel, &m, printed, now_ms))
        return;
    switch (m.payload_type) {
    case EXEC_PAYLOAD_HANDSHAKE_REQUEST:
        if (exec_channel_ready(&s->channel)) /* full by requests alone: they are no agent's */
            shake_hands(s, now_ms);
        break;
    case EXEC_PAYLOAD_HANDSHAKE_COMPLETE:
        s->ready = true;
        make_raw(s);
        break;
    case EXEC_PAYLOAD_DATA:
    case EXEC_PAYLOAD_STDERR: (void)sw_buf_add_str(to, m.payload); break;
    case EXEC_PAYLOAD_EXIT_CODE: take_code(s, m.payload); break;
    default: break;
    }
}

static void take_messages(struct run *s, int64_t now_ms)
{
    struct ws_message m;
    while (!s->err.code && !s->closed && ws_client_read(s->ws, &m, &s->err) > 0)
        if (m.op == WS_BINARY)
            take_message(s, m.data, now_ms);
}

/* ---- standard streams ---- */

static bool may_type(const struct run *s)
{
    return s->ready && !s->input_over && !s->has_code && exec_channel_ready(&s->channel) &&
           ws_client_unsent(s->ws) < UNSENT_HIGH;
}

static void take_input(struct run *s, int64_t now_ms)
{
    char piece[EXEC_PIECE];
    ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    s->input_over = n <= 0;
    exec_channel_send(&s->channel, EXEC_PAYLOAD_DATA, n <= 0 ? EXEC_FLAG_LAST : 0,
                      sw_str_n(piece, n > 0 ? (size_t)n : 0), now_ms);
}

static void print(struct run *s, int which, int64_t now_ms)
{
    struct sw_buf *b = &s->out[which];
    ssize_t n = write(which ? STDERR_FILENO : STDOUT_FILENO, b->p, SW_MIN(b->n, (size_t)PIPE_BUF));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0) {
        (void)sw_fail_os(&s->err, errno, "standard %s", which ? "error" : "output");
        return;
    }
    exec_channel_release(&s->channel, (size_t)n, now_ms);
    sw_buf_drop(b, (size_t)n);
}

static bool printed_all(const struct run *s)
{
    return s->out[0].n == 0 && s->out[1].n == 0;
}

static void step(struct run *s)
{
    int64_t wait_ms = exec_channel_tick(&s->channel, sw_mono_ms());
    short ws_events = (short)(POLLIN | (ws_client_unsent(s->ws) > 0 ? POLLOUT : 0));
    struct pollfd p[] = {{.fd = s->closed ? -1 : ws_client_fd(s->ws), .events = ws_events},
                         {.fd = s->signals, .events = POLLIN},
                         {.fd = may_type(s) ? STDIN_FILENO : -1, .events = POLLIN},
                         {.fd = s->out[0].n > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
                         {.fd = s->out[1].n > 0 ? STDERR_FILENO : -1, .events = POLLOUT}};
    (void)poll(p, SW_ARRAY_LEN(p), wait_ms < 0 || wait_ms > 1000 ? 1000 : (int)wait_ms);
    int64_t now_ms = sw_mono_ms();
    if (p[1].revents)
        take_signals(s);
    if (p[2].revents)
        take_input(s, now_ms);
    for (int which = 0; which < 2; which++)
        if (p[3 + which].revents && !s->err.code)
            print(s, which, now_ms);
    if (!s->err.code && !s->closed) {
        (void)ws_client_flush(s->ws, &s->err);
        take_messages(s, now_ms);
    }
}

static int loop(struct run *s)
{
    int64_t begun_ms = sw_mono_ms();
    while (!s->err.code && !s->killed_by && !(s->closed && printed_all(s))) {
        step(s);
        if (!s->err.code && !s->closed && ws_client_silent_ms(s->ws) > EXEC_SILENT_MS)
            return sw_fail(&s->err, SW_EUNAVAILABLE, NULL, "the server says nothing any more");
        if (!s->ready && !s->closed && !s->err.code && sw_mono_ms() - begun_ms > FORGET_MS)
            return sw_fail(&s->err, SW_EUNAVAILABLE, NULL, "the command did not begin in time");
    }
    while (s->err.code == SW_EUNAVAILABLE && s->out[0].n > 0) { /* what came before the end */
        struct sw_err lost = s->err;
        sw_err_clear(&s->err);
        print(s, 0, sw_mono_ms());
        s->err = lost;
    }
    return s->err.code;
}

static int result(struct run *s, int *ret_code, struct sw_err *err)
{
    *ret_code = s->has_code ? s->exit_code : 255;
    if (s->killed_by) {
        *ret_code = 128 + s->killed_by;
        return 0;
    }
    if (s->has_code && s->closed)
        return 0;
    if (s->err.code)
        return sw_err_move(err, &s->err);
    return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s",
                   s->why[0] ? s->why : "the session ended without an exit code");
}

int exec_client_run(struct client *c, const struct exec_client_options *o, int *ret_code,
                    struct sw_err *err)
{
    struct run s = {.o = o, .out = {SW_BUF_INIT(PRINT_MAX), SW_BUF_INIT(PRINT_MAX)}};
    const struct exec_channel_options channel = {.sends = EXEC_INPUT, .emit = emit, .ctx = &s};
    sw_autofree char *open = exec_open_text(sw_json_str(o->session, "tokenValue", ""));
    const char *url = sw_json_str(o->session, "streamUrl", "");
    const char *path = strstr(url, STREAM_PATH);
    sigset_t before;
    *ret_code = 255;
    /* Where the call was answered the stream is too, whatever name the server has for others. */
    if (exec_client_open(c, path ? path : url, &s.ws, err) < 0)
        return err->code;
    exec_channel_init(&s.channel, &channel);
    s.signals = open_signals(&before);
    if (ws_client_send(s.ws, WS_TEXT, open, strlen(open), &s.err) == 0)
        (void)loop(&s);
    make_cooked(&s);
    if (s.signals >= 0)
        (void)close(s.signals);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    int r = result(&s, ret_code, err);
    struct sw_err ignored = SW_ERR_INIT;
    (void)ws_client_close(s.ws, WS_CLOSE_NORMAL, "", &ignored);
    ws_client_free(s.ws);
    exec_channel_done(&s.channel);
    sw_buf_done(&s.out[0]);
    sw_buf_done(&s.out[1]);
    return r;
}
