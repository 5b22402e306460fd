/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/secrets/parameter_store.h - rows of parameters and the names of them. */
#include "launcher/secrets/secrets_internal.h"

#define PARAMETER_NAME_MAX 1011 /* of the name alone */

/* "NAME", "NAME:3", "NAME:label" or an ARN with the same behind it. */
struct parameter_ref {
    char name[SECRETS_NAME_MAX + 1];
    char selector[129]; /* with its colon; "": the latest */
};
/* SW_EINVALID "ValidationException"; SW_ENOTFOUND "ParameterNotFound" for an ARN of somebody else. */
int parameter_ref_parse(const struct secrets_caller *c, const char *text, struct parameter_ref *ret,
                        struct sw_err *err);
void parameter_own_arn(const struct secrets_caller *c, const char *name, char out[SECRETS_ARN_MAX]);

struct parameter_row {
    char *name, *type, *sealed, *document;
    size_t sealed_n;
    int64_t version, modified_at;
};
void parameter_row_done(struct parameter_row *r);
#define PARAMETER_COLUMNS "p.name, p.type, v.version, v.sealed, v.document, v.modified_at"
#define PARAMETER_JOIN                                                          \
    " FROM parameter p JOIN parameter_version v ON v.account_id = p.account_id" \
    " AND v.region = p.region AND v.name = p.name"
void parameter_row_from(struct meta_stmt *st, struct parameter_row *ret);
/* version 0: the latest. 1: found. */
int parameter_row_find(struct meta_tx *tx, const struct secrets_caller *c, const char *name,
                       int64_t version, struct parameter_row *ret, struct sw_err *err);
/* The whole row of `parameter`: tags, the caller's. 1: found. */
int parameter_row_tags(struct meta_tx *tx, const struct secrets_caller *c, const char *name,
                       json_t **ret, struct sw_err *err);

/* As GetParameter answers it. Without decryption a SecureString's value is its sealed form. */
int parameter_value_json(struct secrets *s, const struct secrets_caller *c,
                         const struct parameter_row *row, bool decrypt, json_t **ret,
                         struct sw_err *err);
/* As DescribeParameters answers it. */
int parameter_meta_json(const struct parameter_row *row, json_t **ret, struct sw_err *err);

/* ---- ParameterFilters: parameter_filter.c; pure ---- */

/* by_path: those of GetParametersByPath. SW_EINVALID "InvalidFilterKey", "InvalidFilterOption", "InvalidFilterValue". */
int parameter_filters_check(const json_t *filters, bool by_path, struct sw_err *err);
/* meta: as DescribeParameters answers it. */
bool parameter_filters_match(const json_t *filters, const json_t *meta, const json_t *tags);
/* The name lies below path: at any depth, or directly. */
bool parameter_below(const char *name, const char *path, bool recursive);
