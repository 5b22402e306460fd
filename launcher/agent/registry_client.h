/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/registry_client.h - reads from registries over the OCI distribution protocol.
 * What a registry asks for is answered by registry_auth.h.
 * Promise: credentials go only to the registry's own host and port (and its token service); redirects are followed at most five times, without
 * credentials elsewhere, and never from https to http; every body has a maximum. Threads: shared freely.
 * Expected errors: SW_ENOTFOUND, SW_EDENIED, SW_EUNAVAILABLE; reason "CannotPullContainerError" or, when our own registry refuses,
 * "CannotPullECRContainerError". */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/httpc.h"
#include "launcher/agent/image_reference.h"

#define REGISTRY_REDIRECTS_MAX 5

struct registry_client_options {
    const char *ca_file;
    int (*authorization)(void *ctx, const char *host_port, char *out, size_t cap,
                         struct sw_err *err);
    void *ctx;
};
struct registry_client;
struct registry_client *registry_client_new(const struct registry_client_options *o);
void registry_client_free(struct registry_client *c);

struct registry_get {
    const struct image_reference *ref;
    const char *kind;   /* "manifests" or "blobs" */
    const char *name;   /* tag or digest */
    const char *accept; /* NULL: anything */
    bool head;          /* ask, but do not send it */
    size_t body_max;    /* without a sink */
    httpc_sink_fn sink;
    void *sink_ctx;
    int64_t
        offset; /* > 0: only the rest of the blob; SW_EUNSUPPORTED when the server does not do that */
    const volatile int *cancelled;
};
/* 0: *ret is a 2xx response, to be released by httpc_response_done; also after an error nothing is left to release. */
int registry_get(struct registry_client *c, const struct registry_get *g,
                 struct httpc_response *ret, struct sw_err *err);

/* Pure: where a redirect leads. SW_EINVALID for what must not be followed. */
struct registry_url {
    bool tls;
    char host_port[300];
    char path[4096]; /* with the query */
};
int registry_url_parse(const char *url, struct registry_url *ret, struct sw_err *err);
int registry_redirect(const struct registry_url *from, const char *location,
                      struct registry_url *ret, struct sw_err *err);
