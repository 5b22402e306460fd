/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/certificate.h - a small certificate authority for machines that have none: ca.key and ca.crt (ten years, kept), tls.key
 * and tls.crt (397 days, new at each call; tls.crt ends with the authority's certificate). ECDSA on P-256.
 * Owns: these four files in one folder. Keys are 0600 and begin with a line by which we know that we made them: a key without it
 * is not overwritten unless forced.
 * Promise: each file is replaced whole. The certificate is written after its key.
 * Expected errors: SW_EINVALID (a host that is no name and no address), SW_ECONFLICT (somebody else's file), SW_EIO. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CERTIFICATE_HOSTS_MAX 100

struct certificate_request {
    const char *dir; /* exists */
    const char *const *hosts;
    size_t hosts_n; /* 1 to CERTIFICATE_HOSTS_MAX */
    bool force;     /* replaces keys that we did not make, and an authority that cannot sign */
    int64_t now_s;
};

struct certificate_result {
    bool new_authority;
    char serial[65];
    int64_t not_after_s, authority_not_after_s;
};

/* A DNS name (a leading "*." is fine) or a numeric address. */
bool certificate_host_valid(const char *host);
int certificate_issue(const struct certificate_request *q, struct certificate_result *ret,
                      struct sw_err *err);
