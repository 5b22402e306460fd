/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/principal.h - who is calling. A plain value, copied freely. */
#include <stdbool.h>

enum principal_kind {
    PRINCIPAL_ANONYMOUS,
    PRINCIPAL_USER,  /* a user: nothing is allowed until a policy says so */
    PRINCIPAL_ADMIN, /* the administrator of its account */
    PRINCIPAL_NODE,  /* an agent: pulls images and speaks for its container instance */
    PRINCIPAL_MAX_
};

#define PRINCIPAL_NAME_MAX 65
#define PRINCIPAL_ARN_MAX  256

struct principal {
    enum principal_kind kind;
    char account[13];
    char user_id[33]; /* AIDA... */
    char name[PRINCIPAL_NAME_MAX];
    char arn[PRINCIPAL_ARN_MAX]; /* arn:aws:iam::ACCOUNT:user/NAME; "" for anonymous */
    char access_key_id[33];      /* "" when not by access key */
};

const char *principal_kind_to_string(enum principal_kind k); /* "anonymous" "user" "admin" "node" */
bool principal_kind_from_string(const char *s, enum principal_kind *ret);
struct principal principal_anonymous(void);
