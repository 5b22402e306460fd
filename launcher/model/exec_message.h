/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/model/exec_message.h - one message of the data channel that AWS Session Manager's clients and agents speak: a fixed head of
 * 120 bytes, big endian, and a payload. Facts: the public sources of session-manager-plugin and amazon-ssm-agent. Pure.
 *
 *      0  u32  length of the head up to the payload's length: 116
 *      4  32   message type, padded with blanks (NULs are taken too, at either side)
 *     36  u32  schema version: 1
 *     40  u64  created at, ms
 *     48  i64  sequence number
 *     56  u64  flags: 1 first, 2 last of the stream
 *     64  16   message id: a UUID, its second eight bytes first
 *     80  32   SHA-256 of the payload; clients may have something else there
 *    112  u32  payload type
 *    116  u32  payload length
 *    120       payload
 *
 * Expected errors: SW_EINVALID for bytes that are no message. */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum exec_message_type {
    EXEC_INPUT,  /* input_stream_data: of the client */
    EXEC_OUTPUT, /* output_stream_data: of the agent */
    EXEC_ACKNOWLEDGE,
    EXEC_CLOSED, /* channel_closed */
    EXEC_START,  /* start_publication */
    EXEC_PAUSE,  /* pause_publication */
    EXEC_MESSAGE_TYPE_MAX_
};
const char *exec_message_type_to_string(enum exec_message_type t);

enum exec_payload {
    EXEC_PAYLOAD_NONE = 0,
    EXEC_PAYLOAD_DATA = 1, /* what is typed, what is printed */
    EXEC_PAYLOAD_ERROR = 2,
    EXEC_PAYLOAD_SIZE = 3, /* {"cols", "rows"} */
    EXEC_PAYLOAD_PARAMETER = 4,
    EXEC_PAYLOAD_HANDSHAKE_REQUEST = 5,
    EXEC_PAYLOAD_HANDSHAKE_RESPONSE = 6,
    EXEC_PAYLOAD_HANDSHAKE_COMPLETE = 7,
    EXEC_PAYLOAD_FLAG = 10,
    EXEC_PAYLOAD_STDERR = 11,
    EXEC_PAYLOAD_EXIT_CODE = 12, /* decimal digits */
};

/* The relay pings an end that says nothing after 30 s; an end that heard nothing for so long has lost it. */
#define EXEC_SILENT_MS 100000

#define EXEC_FLAG_FIRST 1U
#define EXEC_FLAG_LAST  2U

#define EXEC_HEAD_LEN    120
#define EXEC_PAYLOAD_MAX 65536 /* of a message that is taken; ours have EXEC_PIECE */
#define EXEC_PIECE       4096
#define EXEC_MESSAGE_MAX (EXEC_HEAD_LEN + EXEC_PAYLOAD_MAX)

struct exec_message {
    enum exec_message_type type;
    int64_t sequence, created_ms;
    uint64_t flags;
    char id[37];
    uint32_t payload_type;
    struct sw_str payload; /* borrowed */
};

/* That the lengths agree is checked, and the digest where it is the agent's. */
int exec_message_parse(struct sw_str bytes, struct exec_message *ret, struct sw_err *err);
/* Appends. */
bool exec_message_add(struct sw_buf *out, const struct exec_message *m);

/* What a client and an agent say first, as text: {"MessageSchemaVersion": "1.0", "RequestId", "TokenValue", "ClientId"}. */
char *exec_open_text(const char *token); /* owned */
/* SW_EINVALID. ret_token is empty when the text has none. */
#define EXEC_TOKEN_MAX 256
int exec_open_parse(struct sw_str text, char ret_token[EXEC_TOKEN_MAX], struct sw_err *err);

/* A command line as ECS takes it, into words: blanks part them, quotes ('...', "...") and backslashes as in a shell, nothing else is
 * special. *ret: owned, ends with NULL. SW_EINVALID "InvalidParameterException": no word, an open quote. */
int exec_command_split(const char *command, char ***ret, struct sw_err *err);
/* The way back: words quoted so that splitting gives them again. Owned. */
char *exec_command_join(const char *const *words);
void exec_command_free(char **words);
