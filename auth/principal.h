/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/principal.h - who is calling. A plain value, copied freely. */
#include <stdbool.h>
#include <stdint.h>

enum principal_kind {
    PRINCIPAL_ANONYMOUS,
    PRINCIPAL_USER,  /* a user: nothing is allowed until a policy says so */
    PRINCIPAL_ADMIN, /* a user with the built-in AdministratorAccess */
    PRINCIPAL_NODE,  /* an agent: pulls images and speaks for its container instance */
    PRINCIPAL_ROOT,  /* the account itself */
    PRINCIPAL_ROLE,  /* a session of a role */
    PRINCIPAL_FEDERATED, /* a federated user: the user's policies and the session's, whichever is less */
    PRINCIPAL_MAX_
};

#define PRINCIPAL_NAME_MAX    65
#define PRINCIPAL_ARN_MAX     640 /* a path has up to 512 characters */
#define PRINCIPAL_SESSION_MAX 65
#define PRINCIPAL_POLICY_ID   16

struct principal {
    enum principal_kind kind;
    char account[13];
    char user_id
        [33]; /* AIDA... of a user (FEDERATED: who asked for the session), AROA... of a role, the account of ROOT */
    char name[PRINCIPAL_NAME_MAX]; /* of the user or role; FEDERATED: the federated user's */
    /* arn:aws:iam::ACCOUNT:user/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION,
     * arn:aws:sts::ACCOUNT:federated-user/NAME, arn:aws:iam::ACCOUNT:root; "" for anonymous */
    char arn[PRINCIPAL_ARN_MAX];
    char access_key_id[33];                   /* "" when not by access key */
    char session_name[PRINCIPAL_SESSION_MAX]; /* ROLE; else "" */
    char role_arn[PRINCIPAL_ARN_MAX]; /* ROLE: arn:aws:iam::ACCOUNT:role/PATH/NAME; else "" */
    int64_t expires_at_us;            /* of temporary credentials; 0: never */
    int64_t issued_at_us;             /* of a session; else 0 */
    bool has_session_policy;
    unsigned char
        session_policy_id[PRINCIPAL_POLICY_ID]; /* of auth/session, when has_session_policy */
};

/* "anonymous" "user" "admin" "node" "root" "role" "federated" */
const char *principal_kind_to_string(enum principal_kind k);
bool principal_kind_from_string(const char *s, enum principal_kind *ret);
/* USER, ADMIN, NODE: what a row of a user can be. */
bool principal_kind_is_user(enum principal_kind k);
struct principal principal_anonymous(void);
