/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/policy_files.h - a folder of JSON files that says who there is and what they may do, in AWS's own forms.
 * Each file, in the folder or in one below it, is one of:
 *   a policy document ("Statement")                     a managed policy with the name of the file
 *   one object ("UserName", "GroupName", "RoleName", "PolicyName", "Url")  with the members that IAM's
 *                                                       GetAccountAuthorizationDetails gives it
 *   "UserDetailList", "GroupDetailList", "RoleDetailList", "Policies", "OpenIDConnectProviderList"
 *                                                       what `aws iam get-account-authorization-details` prints
 * Documents are objects. Ids, dates and counts that IAM prints are taken and not used; any other member that is not known is refused.
 * Access keys are no business of files: `slipway user key NAME` and `aws iam create-access-key` make them for users of files too.
 * Promise: all or nothing; every problem is told with its file, line and column.
 * Threads: shared freely.
 * Spec: IAM API reference, GetAccountAuthorizationDetails; docs/internals/identities.md. */
#include "auth/directory.h"

struct policy_problem {
    const char *file;
    struct policy_position where; /* line 0: of the whole file */
    const char *message;
};
typedef void policy_problem_fn(void *ctx, const struct policy_problem *p);

/* Reads the folder and puts what it says in place of what the folder said before. SW_EINVALID "MalformedPolicyFile" after fn was
 * called for each problem, and then nothing changed. */
int policy_files_load(struct identity *d, const char *folder, const char *account,
                      policy_problem_fn *fn, void *ctx, struct sw_err *err);
/* Checks one file or a folder by itself: what it attaches may be elsewhere. */
int policy_files_check(const char *path, const char *account, policy_problem_fn *fn, void *ctx,
                       struct sw_err *err);
/* How many objects and policy documents there are, and the documents' texts, padded so that their positions are the file's. */
typedef void policy_text_fn(void *ctx, const char *file, enum policy_type type, const char *text);
int policy_files_each_document(const char *path, policy_text_fn *fn, void *ctx, struct sw_err *err);
