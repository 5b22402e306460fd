/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/runtime/netns.h - network namespaces that outlive their maker: a file onto which the namespace is mounted.
 * Threads: free; each call uses a helper thread, so that the caller never changes its own namespace. */
#include "base/err.h"

/* Creates the file and an empty namespace with its loopback device up. SW_ECONFLICT if the file exists. */
int netns_create(const char *path, struct sw_err *err);
/* Unmounts and removes; a missing one is fine. Processes inside keep the namespace alive until they end. */
int netns_remove(const char *path, struct sw_err *err);
