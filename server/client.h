/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/client.h - calls from our own command line and agent to a slipway server: signed AWS JSON, and /v2/.
 * Threads: shared freely once opened. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/token.h"
#include "base/err.h"
#include "base/httpc.h"

#define TARGET_ECR "AmazonEC2ContainerRegistry_V20150921"
#define TARGET_ECS "AmazonEC2ContainerServiceV20141113"

struct client {
    char *endpoint;  /* "http://127.0.0.1:5000", no slash at the end */
    char *host_port; /* "127.0.0.1:5000" */
    bool tls;
    char region[64];
    char access_key_id[129];
    char secret_access_key[129];
    char *session_token; /* NULL: none */
    char *data_dir;      /* where credentials and the endpoint were looked for */
    struct httpc *http;
    const volatile int *cancelled; /* NULL, or: calls end soon (SW_EUNAVAILABLE) once it is not 0 */
};

struct client_options {
    const char *endpoint; /* NULL: SLIPWAY_ENDPOINT, DATA/endpoint, http://127.0.0.1:5000 */
    const char *data_dir; /* NULL: SLIPWAY_DATA, the default folder */
    const char *
        credentials_file; /* NULL: the AWS environment variables, AWS_SHARED_CREDENTIALS_FILE, DATA/credentials,
                                     ~/.aws/credentials */
    const char *region;  /* NULL: AWS_REGION, AWS_DEFAULT_REGION, us-east-1 */
    const char *ca_file; /* NULL: AWS_CA_BUNDLE, the system's */
    const char *profile; /* NULL: AWS_PROFILE, "default" */
};

int client_open(const struct client_options *o, struct client *ret, struct sw_err *err);
void client_close(struct client *c);

/* target: "PREFIX.Operation". A modelled error becomes err with its type as reason (valid for the life of the program) and its
 * message. *ret_out may be NULL. SW_EUNAVAILABLE when the server cannot be reached. */
int client_call(struct client *c, const char *target, const json_t *in, int64_t timeout_ms,
                json_t **ret_out, struct sw_err *err);
/* A registry password from GetAuthorizationToken; kept and renewed by the caller. */
int client_registry_password(struct client *c, char out[TOKEN_MAX], int64_t *ret_expires_at_s,
                             struct sw_err *err);

/* Reads one profile of a file in the AWS shared credentials format. SW_ENOTFOUND if the profile is not there. */
int credentials_read(const char *path, const char *profile, char ret_id[129], char ret_secret[129],
                     struct sw_err *err);
int credentials_write(const char *path, const char *id, const char *secret, struct sw_err *err);
