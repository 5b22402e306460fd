/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/linger.h - closing a connection whose peer still sends. Closing with unread bytes resets the connection, and the reset
 * takes the answer with it; so what still comes is read and dropped for a bounded time on a few threads of their own.
 * Threads: shared freely. */

struct lingerer;
struct lingerer *linger_new(void);
/* Ends what lingers, joins. */
void linger_free(struct lingerer *l);
/* Ends our direction of the connection and drops what comes until the peer closes, for at most some seconds. Works on a copy of
 * fd: the caller closes its own. Does nothing when too many linger already. */
void linger_start(struct lingerer *l, int fd);
