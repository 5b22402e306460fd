/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/observe.h - what is written down when a request is finished: its numbers, its access line, its audit line.
 * Promise: with the access log off and nothing to audit, no system call, no lock, no allocation. Access
 * lines and those of allowed pulls wait for observe_flush; all others are written before this returns.
 * Threads: observe_finished from any thread, the rest from the main thread. */
#include <stdint.h>

#include "api/http.h"
#include "server/log_file.h"
#include "server/request_stats.h"

struct observe {
    struct request_stats *requests;
    struct log_file *access, *audit; /* NULL: off */
};

/* Paths: NULL or "" for none, "-" for standard error. */
int observe_open(struct observe *o, const char *access_path, const char *audit_path,
                 struct sw_err *err);
void observe_close(struct observe *o);
void observe_finished(struct observe *o, const struct http_req *req, const struct http_res *res,
                      uint64_t bytes_in, uint64_t bytes_out, int64_t duration_us);
/* An audit line of the server itself. */
void observe_own_action(struct observe *o, const char *action, const char *resource,
                        const char *why);
/* Writes the lines that wait; called a few times a second. Any thread. */
void observe_flush(struct observe *o);
/* After a rotation; a file that cannot be opened again is logged and the old one stays. */
void observe_reopen(struct observe *o);
