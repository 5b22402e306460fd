/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/volumes.h - where a task's volumes lie on this machine, made ready for one container.
 * A volume is a folder of the task or of the instance, a path of the machine (agent_options.host_paths says which), something that is
 * mounted (driverOpts), or a file system of the operator's (EFS_DIR/ID, and EFS_DIR/efs.json for access points and what it may be
 * called encrypted). New folders begin with what the image has at the mount path.
 * Internal to launcher/agent. Expected errors: SW_ENOTFOUND, SW_EDENIED, SW_EINVALID, SW_EIO, reason "InvalidVolumeError". */
#include "launcher/agent/container_setup.h"

/* root: of the container, which nobody uses yet; path: where it will be mounted. *ret_source is owned. */
int volume_prepare(const struct container_setup *s, const struct volume *v, int root,
                   const char *path, char **ret_source, struct sw_err *err);

/* The VOLUMEs of the container's own image but for those that skip names: an array of {path, source}, noted for volumesFrom. */
int volumes_of_image(const struct container_setup *s, int root,
                     bool (*skip)(const void *ctx, const char *path), const void *ctx, json_t **ret,
                     struct sw_err *err);
/* Those that another container of the task noted; NULL: none. Owned. */
json_t *volumes_of_other(const struct container_setup *s, const char *container);

/* Pure: is the path one of the allowed folders or below one? allowed: "/a,/b"; *ret_root and *ret_rest point into them. */
bool host_path_allowed(const char *allowed, const char *path, struct sw_str *ret_root,
                       const char **ret_rest);
