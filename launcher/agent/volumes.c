/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/volumes.c - ECS developer guide, "Storage options for tasks"; what Docker does with its volumes.
 * Invariant: what containers can write to is never asked for a path by its name alone: below an EFS volume or an allowed folder it is
 * resolved by descriptors and bound (runtime/mounts.h). */
#include "launcher/agent/volumes.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "launcher/runtime/copy_tree.h"
#include "launcher/runtime/image_user.h"
#include "launcher/runtime/mounts.h"

#define REASON       "InvalidVolumeError"
#define EFS_FILE_MAX (256 * 1024)
#define VOLUMES_MAX  64 /* of one image */

/* A volume that tasks share is filled by one of them. */
static pthread_mutex_t filling = PTHREAD_MUTEX_INITIALIZER;

bool host_path_allowed(const char *allowed, const char *path, struct sw_str *ret_root,
                       const char **ret_rest)
{
    struct sw_str rest = sw_str(allowed), one;
    while (sw_str_split(&rest, ',', &one)) {
        one = sw_str_trim(one);
        while (one.n > 1 && one.p[one.n - 1] == '/')
            one.n--;
        if (one.n == 0 || one.p[0] != '/' || strncmp(path, one.p, one.n) != 0)
            continue;
        if (one.n > 1 && path[one.n] && path[one.n] != '/')
            continue;
        *ret_root = one;
        *ret_rest = one.n == 1 ? path : path + one.n;
        return true;
    }
    return false;
}

static char *mount_name(const struct container_setup *s, const struct volume *v)
{
    return sw_asprintf("volume-%zu", (size_t)(v - s->task->volumes));
}

/* Below one of the allowed folders; links in it lead nowhere out. */
static int bind_allowed(const struct container_setup *s, const struct volume *v, const char *path,
                        bool create, char **ret, struct sw_err *err)
{
    struct sw_str root;
    const char *rest;
    const struct mounts_folder missing = {.create = create};
    if (!host_path_allowed(s->host_paths, path, &root, &rest))
        return sw_fail(err, SW_EDENIED, REASON,
                       "volume %s: this instance does not let containers have %s", v->name, path);
    sw_autofree char *name = mount_name(s, v);
    sw_autofree char *top = sw_str_dup(root);
    return mounts_bind_beneath(s->mounts_dir, name, top, *rest ? rest : "/", &missing, ret, err);
}

static int host_path(const struct container_setup *s, const struct volume *v, char **ret,
                     struct sw_err *err)
{
    if (s->host_paths)
        return bind_allowed(s, v, v->source_path, true, ret, err);
    if (!sw_path_exists(v->source_path) && sw_mkdirs(v->source_path, 0755, err) < 0)
        return sw_prefix(err, "volume %s", v->name);
    *ret = sw_strdup(v->source_path);
    return 0;
}

/* --- file systems of the operator's --- */

struct efs {
    json_t *doc;
    const json_t *file_system, *point;
};

static int efs_open(const struct container_setup *s, const struct volume *v, struct efs *e,
                    struct sw_err *err)
{
    sw_autofree char *path = sw_asprintf("%s/efs.json", s->efs_dir);
    if (sw_path_exists(path) && sw_json_load_file(path, EFS_FILE_MAX, &e->doc, err) < 0)
        return err->code;
    e->file_system = sw_json_object(sw_json_object(e->doc, "fileSystems"), v->file_system);
    if (!v->efs.access_point)
        return 0;
    e->point = sw_json_object(sw_json_object(e->doc, "accessPoints"), v->efs.access_point);
    if (!e->point || !sw_streq(sw_json_str(e->point, "fileSystemId", ""), v->file_system))
        return sw_fail(err, SW_ENOTFOUND, REASON,
                       "the access point %s of the file system %s is not in %s",
                       v->efs.access_point, v->file_system, path);
    if (json_object_get(e->point, "posixUser"))
        return sw_fail(err, SW_EUNSUPPORTED, REASON,
                       "the access point %s has a posixUser, which is not supported",
                       v->efs.access_point);
    return 0;
}

/* What was asked for is promised by the operator or the task does not start. */
static int efs_promised(const struct volume *v, const struct efs *e, struct sw_err *err)
{
    const struct {
        bool asked;
        const char *member, *what;
    } promises[] = {{v->efs.encrypted, "encrypted", "transitEncryption"},
                    {v->efs.iam, "iam", "authorizationConfig.iam"}};
    for (size_t i = 0; i < SW_ARRAY_LEN(promises); i++)
        if (promises[i].asked && !sw_json_bool(e->file_system, promises[i].member, false))
            return sw_fail(err, SW_EUNSUPPORTED, REASON,
                           "%s of the file system %s: efs.json of this instance does not say that "
                           "it is \"%s\"",
                           promises[i].what, v->file_system, promises[i].member);
    return 0;
}

static uint32_t octal(const char *digits)
{
    uint32_t v = 0;
    for (; *digits >= '0' && *digits <= '7'; digits++)
        v = (v * 8 + (uint32_t)(*digits - '0')) & 07777;
    return v;
}

static int efs_bind(const struct container_setup *s, const struct volume *v, const struct efs *e,
                    const char *top, char **ret, struct sw_err *err)
{
    const json_t *root = sw_json_object(e->point, "rootDirectory");
    const json_t *made = sw_json_object(root, "creationInfo");
    const char *path = e->point ? sw_json_str(root, "path", "/") : v->efs.root;
    struct mounts_folder missing = {.create = made != NULL,
                                    .uid = (uint32_t)sw_json_int(made, "ownerUid", 0),
                                    .gid = (uint32_t)sw_json_int(made, "ownerGid", 0)};
    if (made)
        missing.mode = octal(sw_json_str(made, "permissions", "755"));
    sw_autofree char *name = mount_name(s, v);
    return mounts_bind_beneath(s->mounts_dir, name, top, path && *path ? path : "/", &missing, ret,
                               err);
}

/* Where the file system is: mounted for this task, at a path that efs.json says, or in the folder with its name. */
static int efs_top(const struct container_setup *s, const struct volume *v, const struct efs *e,
                   char **ret, struct sw_err *err)
{
    const char *device = sw_json_str(e->file_system, "device", NULL);
    const char *path = sw_json_str(e->file_system, "path", NULL);
    if (device) {
        sw_autofree char *name = sw_asprintf("file-system-%zu", (size_t)(v - s->task->volumes));
        return mounts_make(s->mounts_dir, name, sw_json_str(e->file_system, "type", "nfs4"), device,
                           sw_json_str(e->file_system, "options", ""), ret, err);
    }
    sw_autofree char *top =
        path ? sw_strdup(path) : sw_asprintf("%s/%s", s->efs_dir, v->file_system);
    if (!sw_path_exists(top))
        return sw_fail(err, SW_ENOTFOUND, REASON,
                       "the file system %s is not on this instance: there is no %s", v->file_system,
                       top);
    *ret = SW_TAKE(top);
    return 0;
}

static int file_system(const struct container_setup *s, const struct volume *v, char **ret,
                       struct sw_err *err)
{
    sw_autofree char *top = NULL;
    struct efs e = {.doc = NULL};
    if (efs_open(s, v, &e, err) == 0 && efs_promised(v, &e, err) == 0 &&
        efs_top(s, v, &e, &top, err) == 0)
        (void)efs_bind(s, v, &e, top, ret, err);
    json_decref(e.doc);
    return err->code;
}

/* --- volumes of the driver local --- */

static bool is_bind(const struct volume *v)
{
    char rest[4096];
    const char *options = v->mount.options ? v->mount.options : "";
    return strlen(options) < sizeof rest && (mounts_options(options, rest) & MS_BIND);
}

static int mounted(const struct container_setup *s, const struct volume *v, char **ret,
                   struct sw_err *err)
{
    sw_autofree char *name = mount_name(s, v);
    if (is_bind(v) && s->host_paths) {
        sw_autofree char *path = NULL;
        if (bind_allowed(s, v, v->mount.device, false, &path, err) < 0 ||
            mounts_set_options(path, v->mount.options, err) < 0)
            return err->code;
        *ret = SW_TAKE(path);
        return 0;
    }
    return mounts_make(s->mounts_dir, name, v->mount.type ? v->mount.type : "none",
                       v->mount.device ? v->mount.device : "none",
                       v->mount.options ? v->mount.options : "", ret, err);
}

static bool is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    size_t n = 0;
    while (d && n < 3 && readdir(d))
        n++;
    if (d)
        closedir(d);
    return d && n == 2;
}

/* A folder that is empty gets what the image has at the path, and that folder's owner and mode. */
static int fill(const char *source, int root, const char *path, bool shared, struct sw_err *err)
{
    sw_autoclose int from = image_openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    sw_autoclose int to = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0)
        return 0;
    if (shared)
        pthread_mutex_lock(&filling);
    if (is_empty(to) && copy_tree(from, to, err) < 0) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)sw_remove_tree(source, &ignored);
    }
    if (shared)
        pthread_mutex_unlock(&filling);
    return err->code;
}

static int local(const struct container_setup *s, const struct volume *v, int root,
                 const char *path, char **ret, struct sw_err *err)
{
    sw_autofree char *source =
        sw_asprintf("%s/%s", v->shared ? s->shared_dir : s->volumes_dir, v->name);
    if (v->shared && !v->autoprovision && !sw_path_exists(source))
        return sw_fail(err, SW_ENOTFOUND, REASON, "the shared volume %s is not on this instance",
                       v->name);
    if (sw_mkdirs(source, 0755, err) < 0 || fill(source, root, path, v->shared, err) < 0)
        return sw_prefix(err, "volume %s", v->name);
    *ret = SW_TAKE(source);
    return 0;
}

int volume_prepare(const struct container_setup *s, const struct volume *v, int root,
                   const char *path, char **ret_source, struct sw_err *err)
{
    if (v->source_path)
        return host_path(s, v, ret_source, err);
    if (v->file_system)
        return file_system(s, v, ret_source, err);
    if ((v->mount.type || v->mount.device || v->mount.options) && (!v->shared || v->autoprovision))
        return mounted(s, v, ret_source, err);
    return local(s, v, root, path, ret_source, err);
}

/* --- VOLUMEs of images --- */

static char *note_path(const struct container_setup *s, const char *container)
{
    return sw_asprintf("%s.image/%s.json", s->volumes_dir, container);
}

static bool is_root(const char *path)
{
    struct sw_str rest = sw_str(path), part;
    while (sw_str_split(&rest, '/', &part))
        if (part.n && !sw_str_eq_z(part, "."))
            return false;
    return true;
}

static bool is_lender(const struct container_setup *s)
{
    for (size_t i = 0; i < s->task->containers_n; i++)
        for (size_t k = 0; k < s->task->containers[i].host.volumes_from_n; k++)
            if (sw_streq(s->task->containers[i].host.volumes_from[k].container, s->def->name))
                return true;
    return false;
}

static int note(const struct container_setup *s, const json_t *list, struct sw_err *err)
{
    sw_autofree char *path = note_path(s, s->def->name);
    sw_autofree char *text = sw_json_dump(list);
    sw_autoclose int fd = -1;
    if (sw_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, &fd, err) < 0)
        return err->code;
    return sw_write_all(fd, text, strlen(text), err);
}

int volumes_of_image(const struct container_setup *s, int root,
                     bool (*skip)(const void *ctx, const char *path), const void *ctx, json_t **ret,
                     struct sw_err *err)
{
    json_t *volumes = sw_json_object(sw_json_object(s->image->config, "config"), "Volumes"), *v;
    sw_autojson json_t *list = json_array();
    const char *path;
    json_object_foreach(volumes, path, v) {
        if (skip(ctx, path))
            continue;
        sw_autofree char *source =
            sw_asprintf("%s.image/%s/%zu", s->volumes_dir, s->def->name, json_array_size(list));
        if (is_root(path) || json_array_size(list) == VOLUMES_MAX)
            return sw_fail(err, SW_EINVALID, "CannotCreateContainerError",
                           "VOLUME of the image: '%.100s' is the root or one of more than %d", path,
                           VOLUMES_MAX);
        if (image_make_folder(root, path, 0, 0, err) < 0 || sw_mkdirs(source, 0755, err) < 0 ||
            fill(source, root, path, false, err) < 0)
            return sw_prefix(err, "VOLUME of the image");
        json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "source", source));
    }
    if (json_array_size(list) && is_lender(s) && note(s, list, err) < 0)
        return err->code;
    *ret = json_incref(list);
    return 0;
}

json_t *volumes_of_other(const struct container_setup *s, const char *container)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = note_path(s, container);
    json_t *list = NULL;
    if (sw_json_load_file(path, EFS_FILE_MAX, &list, &ignored) < 0)
        return NULL;
    return list;
}
