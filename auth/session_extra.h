/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/session_extra.h - auth/session.c's other half: packing, compiling and keeping what sessions carry. */
#include "auth/session.h"

struct session_extras;
struct session_extras *session_extras_new(size_t max);
void session_extras_free(struct session_extras *t); /* NULL ok */

/* The packed form; 0 bytes when there is nothing to carry. MalformedPolicyDocument, PackedPolicyTooLarge. ret_percent counts
 * policies and tags only. */
int session_extra_pack(const struct session_grant *g, unsigned char ret[SESSION_PACKED_MAX],
                       size_t *ret_n, int *ret_percent, struct sw_err *err);
void session_extra_id(const void *packed, size_t n, unsigned char ret[PRINCIPAL_POLICY_ID]);
/* Finds or compiles. NULL: not one of ours (never for what session_extra_pack made). */
struct session_extra *session_extras_intern(struct session_extras *t, const void *packed, size_t n);
struct session_extra *session_extras_find(struct session_extras *t,
                                          const unsigned char id[PRINCIPAL_POLICY_ID]);
struct sw_str session_extra_packed(const struct session_extra *x);
const char *session_extra_parent(const struct session_extra *x); /* access key id, or NULL */
/* Calls fn with the policies. */
void session_extra_policies(const struct session_extra *x, struct identity *id,
                            void (*fn)(void *ctx, const struct policy_attached *policies, size_t n),
                            void *fn_ctx);
