/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server/credential_helper.h - docker-credential-slipway: the program under another name speaks the protocol of docker's credential
 * helpers (github.com/docker/docker-credential-helpers: get, store, erase, list on standard input and output), so that docker,
 * podman, skopeo and buildah get a registry password by the caller's AWS credentials, and nobody types one. */
#include <stdbool.h>

#define CREDENTIAL_HELPER_NAME "docker-credential-slipway"

bool credential_helper_is_name(const char *argv0);
/* Exit status: 0, 1 (the reason on standard output, as the protocol wants), 2 for an unknown action. */
int credential_helper_main(int argc, char **argv);

/* Addresses to ask for what docker calls a server ("127.0.0.1:5000", "https://host/v2/"): with the scheme that it names, else https,
 * and before that http for this machine; http elsewhere only when SLIPWAY_CREDENTIAL_HTTP is set. Returns how many; *ret_region is
 * that of an ECR-style name, or "". */
int credential_helper_endpoints(const char *server, bool http_elsewhere, char ret[2][300],
                                char ret_region[64]);
