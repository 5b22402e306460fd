/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/agent/container_setup.h - the folder of one container: root file system mounted over the image's snapshots, files that
 * every container gets (/etc/hosts, hostname, resolv.conf), volumes, and the runtime's config.json.
 * FOLDER holds: config.json rootfs/ upper/ work/ volumes/ hosts hostname resolv.conf log. Only `log` outlives the container.
 * Expected errors: SW_EINVALID, SW_ELIMIT, SW_EIO with reason "CannotCreateContainerError" or "CannotStartContainerError". */
#include "base/err.h"
#include "launcher/agent/pull.h"
#include "launcher/model/taskdef.h"

struct task_namespaces; /* task_namespaces.h */
struct container_setup {
    const char *folder;
    const char *volumes_dir; /* of the task: for volumes without a source */
    const char *id;
    const char *task_id;
    const struct taskdef *task;
    const struct container_def *def;
    const struct image *image;
    const char *shared_dir;                   /* of the instance: volumes with the scope shared */
    const char *mounts_dir;                   /* of the task: mount points and nothing else */
    const char *host_paths;                   /* NULL: any; agent_options.host_paths */
    const struct task_namespaces *namespaces; /* NULL: none is shared */
    bool no_privileged;
    const char *efs_dir; /* of the instance: a folder for each file system, made by the operator */
    const char *const *addresses; /* of the task's containers by index, for links; NULL: none */
    const char *netns_path;       /* NULL: the host's network */
    const char *address;          /* "" : none */
    /* NULL-terminated "NAME=value", or NULL: what image and definition cannot change, and what they can. */
    const char *const *env, *const *env_defaults;
    const char *const *env_files; /* over the image's, under the definition's */
};
int container_setup(const struct container_setup *s, struct sw_err *err);
/* Unmounts and removes all but the log; what is missing is fine. */
int container_teardown(const char *folder, struct sw_err *err);

/* Pure pieces. */
int image_stop_signal(const json_t *image_config); /* SIGTERM unless the image says otherwise */
char *container_resolv_conf(const char *host_text, bool drop_loopback); /* owned */
/* The same; when dropping leaves no server, those of the second text. */
char *container_name_servers(const char *host_text, const char *resolved_text, bool drop_loopback);
/* NULL-terminated, owned strings and array: entryPoint and command of definition and image, as Docker combines them. */
char **container_args(const struct container_def *def, const json_t *image_config);
/* PATH and HOSTNAME, then the image's variables, those of files, then the definition's; later ones replace earlier ones. */
char **container_env(const struct container_def *def, const json_t *image_config,
                     const char *const *files, const char *hostname, const char *home);
void strings_free(char **list);
void strings_freep(char ***list);
