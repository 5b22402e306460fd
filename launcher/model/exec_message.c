/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/model/exec_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/json.h"
#include "base/macros.h"

#define TYPE_AT        4
#define TYPE_LEN       32
#define SCHEMA_AT      36
#define CREATED_AT     40
#define SEQUENCE_AT    48
#define FLAGS_AT       56
#define ID_AT          64
#define DIGEST_AT      80
#define PAYLOAD_AT     112
#define LENGTH_AT      116
#define COMMAND_WORDS  1024
#define OPEN_MAX_DEPTH 4

static const char *const type_names[] = {
    [EXEC_INPUT] = "input_stream_data", [EXEC_OUTPUT] = "output_stream_data",
    [EXEC_ACKNOWLEDGE] = "acknowledge", [EXEC_CLOSED] = "channel_closed",
    [EXEC_START] = "start_publication", [EXEC_PAUSE] = "pause_publication",
};

const char *exec_message_type_to_string(enum exec_message_type t)
{
    return (unsigned)t < EXEC_MESSAGE_TYPE_MAX_ ? type_names[t] : "?";
}

static uint64_t get(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put(char *p, uint64_t v, size_t n)
{
    while (n-- > 0) {
        p[n] = (char)v;
        v >>= 8;
    }
}

static bool read_type(const char *p, enum exec_message_type *ret)
{
    size_t at = 0, n = TYPE_LEN;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == 0))
        n--;
    while (at < n && (p[at] == ' ' || p[at] == 0))
        at++;
    for (int t = 0; t < EXEC_MESSAGE_TYPE_MAX_; t++)
        if (sw_str_eq_z(sw_str_n(p + at, n - at), type_names[t])) {
            *ret = (enum exec_message_type)t;
            return true;
        }
    return false;
}

/* "0011...": the UUID's text from its bytes, which lie there half by half in the other order. */
static void read_id(const char *p, char out[37])
{
    char hex[33], bytes[16];
    memcpy(bytes, p + 8, 8);
    memcpy(bytes + 8, p, 8);
    sw_hex(bytes, sizeof bytes, hex);
    (void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

static void write_id(char *p, const char *id)
{
    char hex[33], bytes[16] = {0};
    size_t n = 0;
    for (const char *c = id; *c && n < 32; c++)
        if (*c != '-')
            hex[n++] = *c;
    hex[n] = 0;
    (void)sw_unhex(sw_str_n(hex, n), bytes, sizeof bytes);
    memcpy(p, bytes + 8, 8);
    memcpy(p + 8, bytes, 8);
}

static int invalid(const char *what, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, NULL, "data channel: %s", what);
}

/* What clients send too has none that can be relied on: AWS's agent looks at no digest, so there are clients with another text there. */
static bool has_digest(enum exec_message_type t)
{
    return t != EXEC_INPUT && t != EXEC_ACKNOWLEDGE;
}

int exec_message_parse(struct sw_str bytes, struct exec_message *ret, struct sw_err *err)
{
    struct exec_message m = {.type = EXEC_INPUT};
    const char *p = bytes.p;
    unsigned char hash[32];
    if (bytes.n < EXEC_HEAD_LEN)
        return invalid("a message is shorter than its head", err);
    if (get(p, 4) != LENGTH_AT)
        return invalid("a head of another length", err);
    if (!read_type(p + TYPE_AT, &m.type))
        return invalid("unknown message type", err);
    if (get(p + LENGTH_AT, 4) != bytes.n - EXEC_HEAD_LEN || bytes.n > EXEC_MESSAGE_MAX)
        return invalid("the payload's length is wrong", err);
    m.payload = sw_str_n(p + EXEC_HEAD_LEN, bytes.n - EXEC_HEAD_LEN);
    m.created_ms = (int64_t)get(p + CREATED_AT, 8);
    m.sequence = (int64_t)get(p + SEQUENCE_AT, 8);
    m.flags = get(p + FLAGS_AT, 8);
    m.payload_type = (uint32_t)get(p + PAYLOAD_AT, 4);
    read_id(p + ID_AT, m.id);
    if (has_digest(m.type) && m.payload.n > 0) {
        sw_sha256(m.payload.p, m.payload.n, hash);
        if (memcmp(hash, p + DIGEST_AT, sizeof hash) != 0)
            return invalid("the payload's digest is wrong", err);
    }
    *ret = m;
    return 0;
}

bool exec_message_add(struct sw_buf *out, const struct exec_message *m)
{
    char head[EXEC_HEAD_LEN] = {0};
    const char *type = exec_message_type_to_string(m->type);
    put(head, LENGTH_AT, 4);
    memset(head + TYPE_AT, ' ', TYPE_LEN);
    memcpy(head + TYPE_AT, type, strlen(type));
    put(head + SCHEMA_AT, 1, 4);
    put(head + CREATED_AT, (uint64_t)m->created_ms, 8);
    put(head + SEQUENCE_AT, (uint64_t)m->sequence, 8);
    put(head + FLAGS_AT, m->flags, 8);
    write_id(head + ID_AT, m->id);
    sw_sha256(m->payload.p ? m->payload.p : "", m->payload.n, (unsigned char *)head + DIGEST_AT);
    put(head + PAYLOAD_AT, m->payload_type, 4);
    put(head + LENGTH_AT, m->payload.n, 4);
    return sw_buf_add(out, head, sizeof head) &&
           (m->payload.n == 0 || sw_buf_add(out, m->payload.p, m->payload.n));
}

char *exec_open_text(const char *token)
{
    char request[37], client[37];
    sw_uuid(request);
    sw_uuid(client);
    sw_autojson json_t *o =
        json_pack("{s:s, s:s, s:s, s:s}", "MessageSchemaVersion", "1.0", "RequestId", request,
                  "TokenValue", token, "ClientId", client);
    return sw_json_dump(o);
}

int exec_open_parse(struct sw_str text, char ret_token[EXEC_TOKEN_MAX], struct sw_err *err)
{
    sw_autojson json_t *o = NULL;
    struct sw_err own = SW_ERR_INIT;
    if (sw_json_load(text, OPEN_MAX_DEPTH, 64, NULL, &o, &own) < 0 || !json_is_object(o))
        return invalid("the first message is no JSON object", err);
    if (!sw_str_copy(sw_str(sw_json_str(o, "TokenValue", "")), ret_token, EXEC_TOKEN_MAX))
        return invalid("the token is too long", err);
    return 0;
}

/* ---- command lines ---- */

struct splitter {
    const char *p;
    struct sw_buf word;
    char **words;
    size_t n;
    bool has_word;
};

static int command_invalid(const char *what, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, "InvalidParameterException", "Invalid command: %s.", what);
}

/* What stands behind an opening quote, and the closing one. */
static int take_quoted(struct splitter *s, char quote, struct sw_err *err)
{
    for (; *s->p && *s->p != quote; s->p++) {
        if (quote == '"' && *s->p == '\\' && s->p[1] && strchr("\"\\$`\n", s->p[1]))
            s->p++;
        (void)sw_buf_add_char(&s->word, *s->p);
    }
    if (!*s->p)
        return command_invalid("a quote is not closed", err);
    s->p++;
    return 0;
}

static int end_word(struct splitter *s, struct sw_err *err)
{
    if (!s->has_word)
        return 0;
    if (s->n == COMMAND_WORDS)
        return command_invalid("it has too many words", err);
    s->words[s->n++] = sw_buf_take(&s->word);
    s->has_word = false;
    return 0;
}

static int take_one(struct splitter *s, struct sw_err *err)
{
    char c = *s->p++;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return end_word(s, err);
    s->has_word = true;
    if (c == '\'' || c == '"')
        return take_quoted(s, c, err);
    if (c == '\\') {
        if (!*s->p)
            return command_invalid("a backslash stands at its end", err);
        c = *s->p++;
    }
    (void)sw_buf_add_char(&s->word, c);
    return 0;
}

int exec_command_split(const char *command, char ***ret, struct sw_err *err)
{
    struct splitter s = {.p = command, .word = SW_BUF_INIT(strlen(command) + 1)};
    int r = 0;
    s.words = sw_calloc(COMMAND_WORDS + 1, sizeof *s.words);
    while (r == 0 && *s.p)
        r = take_one(&s, err);
    if (r == 0)
        r = end_word(&s, err);
    if (r == 0 && s.n == 0)
        r = command_invalid("it is empty", err);
    sw_buf_done(&s.word);
    if (r < 0) {
        exec_command_free(s.words);
        return r;
    }
    *ret = s.words;
    return 0;
}

static bool is_plain(const char *word)
{
    return *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "_-./:=,@%+") == strlen(word);
}

char *exec_command_join(const char *const *words)
{
    struct sw_buf b = SW_BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; words[i]; i++) {
        if (i)
            (void)sw_buf_add_char(&b, ' ');
        if (is_plain(words[i])) {
            (void)sw_buf_add_z(&b, words[i]);
            continue;
        }
        (void)sw_buf_add_char(&b, '\'');
        for (const char *c = words[i]; *c; c++)
            (void)(*c == '\'' ? sw_buf_add_z(&b, "'\\''") : sw_buf_add_char(&b, *c));
        (void)sw_buf_add_char(&b, '\'');
    }
    return sw_buf_take(&b);
}

void exec_command_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}
