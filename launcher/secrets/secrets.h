/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/secrets/secrets.h - Secrets Manager's secrets and SSM's parameters: rows, versions, stages, and values that are sealed.
 * Owns the rows of both. A value is in memory only while an operation needs it and in the database only sealed with the keyring,
 * bound to its ARN and version, so that it can be neither read nor moved to another name there.
 * Promise: an answered change is durable; nothing is seen from another account or region.
 * Inputs are JSON documents that passed the operation's schema; outputs are filled in as the operation answers. Whether the caller
 * may do it was asked before.
 * Threads: shared freely.
 * Expected errors: the services' own, by their names (ResourceNotFoundException, ParameterNotFound, ...).
 * Spec: AWS Secrets Manager API 2017-10-17; AWS Systems Manager API 2014-11-06 (Parameter Store); docs/internals/secrets.md. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct secrets;
struct keyring;
struct meta_db;

#define SECRETS_NAME_MAX 2048 /* of what names a secret or a parameter */
#define SECRETS_ARN_MAX  2200
#define SECRETS_PAGE_MAX 1024 /* a key between two pages */

struct secrets_options {
    struct meta_db *db;
    struct keyring *keyring;
    int64_t (*now_us)(void); /* NULL: sw_now_us */
};
struct secrets *secrets_new(const struct secrets_options *o);
void secrets_free(struct secrets *s); /* NULL ok */
/* Deletes secrets whose recovery window is over. */
int secrets_expire(struct secrets *s, struct sw_err *err);

struct secrets_caller {
    const char *account, *region;
    const char *arn; /* of the principal, for LastModifiedUser */
};
/* One page of a list: after is the last key of the page before ("" first); next is "" on the last page. */
struct secrets_page {
    const char *after;
    int limit;
    char next[SECRETS_PAGE_MAX];
};
typedef int (*secrets_fn)(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                          json_t *out, struct sw_err *err);
typedef int (*secrets_list_fn)(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                               struct secrets_page *page, json_t *out, struct sw_err *err);

/* ---- secrets ---- */

/* For authorization: the ARN of what a SecretId (a name, an ARN, an ARN without its last six characters) means, and its tags:
 * [{Key, Value}], the caller's. 1: it is there. 0: it is not, and the ARN is what the name would have without the six characters. */
int secret_arn(struct secrets *s, const struct secrets_caller *c, const char *secret_id,
               char out[SECRETS_ARN_MAX], json_t **ret_tags, struct sw_err *err);

int secret_create(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int secret_get_value(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err);
int secret_put_value(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err);
int secret_update(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int secret_update_stage(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err);
int secret_delete(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int secret_restore(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                   struct sw_err *err);
int secret_describe(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err);
/* ARN and Name alone. */
int secret_identify(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err);
int secret_tag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
               struct sw_err *err);
int secret_untag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                 struct sw_err *err);
int secret_list(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                struct secrets_page *page, json_t *out, struct sw_err *err);
int secret_list_versions(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                         struct secrets_page *page, json_t *out, struct sw_err *err);
/* GetRandomPassword; needs no rows. */
int secret_random_password(const json_t *in, json_t *out, struct sw_err *err);

/* ---- parameters ---- */

/* For authorization: the ARN of a parameter by its name or ARN, with or without ":VERSION". SW_EINVALID "ValidationException". */
int parameter_arn(const struct secrets_caller *c, const char *name, char out[SECRETS_ARN_MAX],
                  struct sw_err *err);
/* [{Key, Value}], the caller's; an empty list when there is none. */
int parameter_tags(struct secrets *s, const struct secrets_caller *c, const char *name,
                   json_t **ret_tags, struct sw_err *err);

int parameter_put(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int parameter_get(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int parameter_get_many(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                       json_t *out, struct sw_err *err);
int parameter_delete(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                     json_t *out, struct sw_err *err);
int parameter_delete_many(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                          json_t *out, struct sw_err *err);
int parameter_by_path(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                      struct secrets_page *page, json_t *out, struct sw_err *err);
int parameter_describe(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                       struct secrets_page *page, json_t *out, struct sw_err *err);
int parameter_history(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                      struct secrets_page *page, json_t *out, struct sw_err *err);
int parameter_tag(struct secrets *s, const struct secrets_caller *c, const json_t *in, json_t *out,
                  struct sw_err *err);
int parameter_untag(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                    json_t *out, struct sw_err *err);
int parameter_list_tags(struct secrets *s, const struct secrets_caller *c, const json_t *in,
                        json_t *out, struct sw_err *err);

/* ---- what a container asks for ---- */

/* secrets[].valueFrom of a container definition, taken apart. */
struct secret_reference {
    bool is_parameter;
    char id[SECRETS_NAME_MAX + 1]; /* name or ARN of the parameter, ARN or name of the secret */
    char json_key[513];            /* "": the whole value */
    char stage[257], version[65];  /* "": AWSCURRENT */
};
/* A parameter's name or ARN, or a secret's ARN with ":json-key:version-stage:version-id" behind it. SW_EINVALID "ClientException". */
int secret_reference_parse(const char *value_from, struct secret_reference *ret,
                           struct sw_err *err);
/* The value, the caller's (free it with secret_value_free). Values of secrets that are bytes cannot be asked for. */
int secret_reference_value(struct secrets *s, const struct secrets_caller *c,
                           const struct secret_reference *ref, char **ret, struct sw_err *err);
void secret_value_free(char *value); /* wipes; NULL ok */
