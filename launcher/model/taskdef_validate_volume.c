/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a volume: at most one configuration, and each configuration's own. */
#include "launcher/model/taskdef_validate_volume.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"
#include "launcher/model/arn.h"

#define INVALID "ClientException"

static int invalid(const json_t *v, const char *what, struct sw_err *err)
{
    return sw_fail(err, SW_EINVALID, INVALID, "Volume '%s': %s", sw_json_str(v, "name", ""), what);
}

static int refuse(const char *what, const char *value, struct sw_err *err)
{
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "%s '%.200s' is not supported.", what, value);
}

static int check_one_configuration(const json_t *v, struct sw_err *err)
{
    int n = (*sw_json_str(sw_json_object(v, "host"), "sourcePath", "") != 0) +
            (sw_json_object(v, "dockerVolumeConfiguration") != NULL) +
            (sw_json_object(v, "efsVolumeConfiguration") != NULL);
    return n > 1 ? invalid(v,
                           "it has more than one of host.sourcePath, dockerVolumeConfiguration and "
                           "efsVolumeConfiguration.",
                           err)
                 : 0;
}

/* What mount(8) and docker's driver local call them. "none" and "" are for bind mounts. */
static const char *const types[] = {"tmpfs", "nfs", "nfs4", "bind", "none", ""};

static int check_driver_options(const json_t *v, const json_t *options, struct sw_err *err)
{
    static const char *const names[] = {"type", "o", "device"};
    const char *key, *type = sw_json_str(options, "type", "");
    json_t *value;
    bool known = false;
    json_object_foreach((json_t *)options, key, value) {
        known = false;
        for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
            known |= sw_streq(names[i], key);
        if (!known)
            return refuse("dockerVolumeConfiguration.driverOpts", key, err);
    }
    known = json_object_size(options) == 0;
    for (size_t i = 0; i < SW_ARRAY_LEN(types); i++)
        known |= sw_streq(types[i], type);
    if (!known)
        return refuse("dockerVolumeConfiguration.driverOpts.type", type, err);
    if (json_object_size(options) && !*sw_json_str(options, "device", ""))
        return invalid(v, "driverOpts needs the option device.", err);
    bool nfs = strncmp(type, "nfs", 3) == 0;
    if (nfs && !strstr(sw_json_str(options, "o", ""), "addr="))
        return invalid(v, "driverOpts of the type nfs needs addr= in the option o.", err);
    if (!nfs && !sw_streq(type, "tmpfs") && *type != 0 &&
        *sw_json_str(options, "device", "") != '/')
        return invalid(v, "the option device of driverOpts must be an absolute path.", err);
    return 0;
}

static int check_docker(const json_t *v, struct sw_err *err)
{
    const json_t *d = sw_json_object(v, "dockerVolumeConfiguration");
    const char *driver = sw_json_str(d, "driver", "local");
    bool shared = sw_streq(sw_json_str(d, "scope", "task"), "shared");
    if (!d)
        return 0;
    if (*driver && !sw_streq(driver, "local"))
        return refuse("dockerVolumeConfiguration.driver", driver, err);
    if (sw_json_bool(d, "autoprovision", false) && !shared)
        return invalid(v, "autoprovision is only for the scope shared.", err);
    return check_driver_options(v, sw_json_object(d, "driverOpts"), err);
}

static bool path_valid(const char *path)
{
    struct sw_str rest = sw_str(path), part;
    if (*path != '/')
        return false;
    while (sw_str_split(&rest, '/', &part))
        if (sw_str_eq_z(part, ".."))
            return false;
    return true;
}

static int check_file_system(const json_t *v, struct sw_err *err)
{
    const json_t *f = sw_json_object(v, "efsVolumeConfiguration");
    const json_t *auth = sw_json_object(f, "authorizationConfig");
    const char *root = sw_json_str(f, "rootDirectory", "");
    const char *point = sw_json_str(auth, "accessPointId", "");
    bool encrypted = sw_streq(sw_json_str(f, "transitEncryption", ""), "ENABLED");
    if (!f)
        return 0;
    if (!arn_name_valid(sw_json_str(f, "fileSystemId", "")))
        return invalid(v, "fileSystemId is not valid.", err);
    if (*root && !path_valid(root))
        return invalid(v, "rootDirectory must be an absolute path.", err);
    if (*point && !arn_name_valid(point))
        return invalid(v, "accessPointId is not valid.", err);
    if (*point && *root && !sw_streq(root, "/"))
        return invalid(v, "with an access point rootDirectory must be omitted or '/'.", err);
    if (*point && !encrypted)
        return invalid(v, "with an access point transitEncryption must be ENABLED.", err);
    if (sw_streq(sw_json_str(auth, "iam", ""), "ENABLED") && !encrypted)
        return invalid(v, "with iam authorization transitEncryption must be ENABLED.", err);
    if (json_object_get(f, "transitEncryptionPort")) {
        int64_t port = sw_json_int(f, "transitEncryptionPort", 0);
        if (port < 0 || port > 65535 || !encrypted)
            return invalid(v, "transitEncryptionPort is a port, for transitEncryption ENABLED.",
                           err);
    }
    return 0;
}

int taskdef_validate_volume(const json_t *v, struct sw_err *err)
{
    int r = check_one_configuration(v, err);
    return r < 0 || (r = check_docker(v, err)) < 0 ? r : check_file_system(v, err);
}
