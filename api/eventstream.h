/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/eventstream.h - messages of AWS's event stream encoding (application/vnd.amazon.eventstream): lengths, headers, payload and two
 * CRC-32. Pure. */
#include "base/buf.h"
#include "base/str.h"

#define EVENTSTREAM_TYPE "application/vnd.amazon.eventstream"

/* Appends one message with :message-type event, the :event-type and a JSON payload. */
void eventstream_event(struct sw_buf *b, const char *type, struct sw_str payload);
