/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/directory_builtin.h - texts of the policies that are built in. */
#define BUILTIN_ADMINISTRATOR "arn:aws:iam::aws:policy/AdministratorAccess"
#define BUILTIN_NODE          "arn:aws:iam::aws:policy/slipway/SlipwayNode"

extern const char builtin_administrator[]; /* identity policy: everything */
extern const char builtin_node[];          /* identity policy: what an agent needs */
extern const char
    builtin_public_pull[]; /* resource policy: what anyone may do with a public repository */
extern const char builtin_nothing[]; /* identity policy: no */
