/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/clock.h - time, in units that the names carry. All text forms are UTC. Thread-safe. */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t sw_now_us(void); /* microseconds since the epoch */
int64_t sw_now_s(void);
int64_t sw_mono_ms(void); /* monotonic, for timeouts */
int64_t sw_mono_us(void);
void sw_sleep_ms(int64_t ms);

#define SW_TIME_LEN 40
void sw_format_iso8601(int64_t us, char out[SW_TIME_LEN]);   /* 2026-11-21T14:07:09.123456Z */
void sw_format_iso8601_s(int64_t us, char out[SW_TIME_LEN]); /* 2026-11-21T14:07:09Z */
void sw_format_amz_date(int64_t us, char out[SW_TIME_LEN]);  /* 20261121T140709Z */
void sw_format_http_date(
    int64_t us, char out[SW_TIME_LEN]); /* Sat, 21 Nov 2026 14:07:09 GMT (RFC 9110 5.6.7) */
bool sw_parse_amz_date(struct sw_str s, int64_t *ret_us);  /* 20261121T140709Z only */
bool sw_parse_http_date(struct sw_str s, int64_t *ret_us); /* IMF-fixdate only */
bool sw_parse_iso8601(struct sw_str s, int64_t *ret_us);   /* with Z or +hh:mm; fraction optional */
