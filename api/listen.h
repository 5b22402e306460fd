/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/listen.h - the listening socket and the text of a peer's address. No state. */
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* host: an address or a name, NULL for every address; port 0: any free one. The descriptor does not block.
 * SW_EINVALID for a host that does not resolve, SW_EIO when the address cannot be had. */
int http_listen(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port,
                struct sw_err *err);
/* Numeric, without the port; an IPv4 address mapped into IPv6 as IPv4. */
void http_format_peer(const struct sockaddr *sa, char out[46]);
