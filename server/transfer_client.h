/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/transfer_client.h - the OCI distribution protocol from the client's side, for push and pull of one repository. Credentials go
 * to the registry's own host only: a Location elsewhere is refused. One thread at a time. */
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "server/client.h"

struct transfer_reference {
    char host_port[300];
    char repository[257];
    char tag[129];                  /* "" when a digest is given */
    char digest[DIGEST_STRING_MAX]; /* "" when a tag is given */
};
/* HOST:PORT/REPO[:TAG][@DIGEST]; the tag is "latest" by default, and dropped beside a digest. */
int transfer_reference_parse(const char *text, struct transfer_reference *ret, struct sw_err *err);

struct transfer_client {
    struct httpc *http; /* borrowed */
    char *base;         /* "http://127.0.0.1:5000" */
    char *repository;
    char *authorization; /* "Basic ..." */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *progress_ctx;
    const volatile int *cancelled; /* non-zero ends the request under way; may be NULL */
};

/* c: for the registry password and the connections; its endpoint must be the reference's host. */
int transfer_client_open(struct client *c, const struct transfer_reference *ref,
                         struct transfer_client *ret, struct sw_err *err);
void transfer_client_close(struct transfer_client *r);

/* 1 it is there, 0 it is not. */
int transfer_client_has_blob(struct transfer_client *r, const struct digest *d, struct sw_err *err);
/* Reads `size` bytes of the file at path. */
int transfer_client_put_blob(struct transfer_client *r, const struct digest *d, const char *path,
                             uint64_t size, struct sw_err *err);
int transfer_client_put_manifest(struct transfer_client *r, const char *reference,
                                 const char *media_type, struct sw_str content, struct sw_err *err);
/* ret_media_type: 256 bytes. The digest is checked when `reference` is one. */
int transfer_client_get_manifest(struct transfer_client *r, const char *reference,
                                 struct sw_buf *ret, char *ret_media_type, struct sw_err *err);
/* To a sink; that all of it was right is known when 0 is returned. */
int transfer_client_stream_blob(struct transfer_client *r, const struct digest *d, uint64_t size,
                                httpc_sink_fn sink, void *ctx, struct sw_err *err);
/* Into a new file; verified, or the file is removed. */
int transfer_client_get_blob(struct transfer_client *r, const struct digest *d, uint64_t size,
                             const char *path, struct sw_err *err);
