/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the members that taskdef_linux.h reads: a table of functions, walked by taskdef_validate. */
#include "launcher/model/taskdef_validate_linux.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "launcher/model/taskdef.h"

#define INVALID             "ClientException"
#define SHM_MAX_MIB         (1LL << 20)
#define TMPFS_MAX_MIB       (1LL << 20)
#define RESTART_MIN_S       60
#define RESTART_MAX_S       1800
#define HOSTNAME_MAX        63
#define SWAP_MAX_MIB        (1LL << 30)
#define START_TIMEOUT_MAX_S 86400
#define INVALID_CONTAINER(...) \
    sw_fail(err, SW_EINVALID, INVALID, "Invalid setting for container " __VA_ARGS__)

static const char *name_of(const json_t *c)
{
    return sw_json_str(c, "name", "");
}

static const char *mode_of(const json_t *doc)
{
    return sw_json_str(doc, "networkMode", "bridge");
}

static size_t count(const json_t *c, const char *key)
{
    return json_array_size(sw_json_array(c, key));
}

static bool is_container(const json_t *doc, struct sw_str name)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(doc, "containerDefinitions"), i, v)
        if (sw_str_eq_z(name, name_of(v)))
            return true;
    return false;
}

static bool path_valid(const char *path)
{
    struct sw_str rest = sw_str(path), part;
    bool below = false;
    if (*path != '/')
        return false;
    while (sw_str_split(&rest, '/', &part)) {
        if (sw_str_eq_z(part, ".."))
            return false;
        below |= part.n > 0 && !sw_str_eq_z(part, ".");
    }
    return below;
}

static int check_capabilities(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    static const char *const lists[] = {"add", "drop"};
    const json_t *caps = sw_json_object(sw_json_object(c, "linuxParameters"), "capabilities");
    for (size_t k = 0; k < SW_ARRAY_LEN(lists); k++) {
        const json_t *v;
        size_t i;
        json_array_foreach(sw_json_array(caps, lists[k]), i, v)
            if (!capability_valid(json_string_value(v)))
                return INVALID_CONTAINER("'%s'. The capability '%.64s' is unknown.", name_of(c),
                                         json_string_value(v) ? json_string_value(v) : "");
    }
    return 0;
}

static int check_devices(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(sw_json_object(c, "linuxParameters"), "devices"), i, v) {
        const char *host = sw_json_str(v, "hostPath", "");
        const char *inside = sw_json_str(v, "containerPath", "");
        if (!path_valid(host) || (*inside && !path_valid(inside)))
            return INVALID_CONTAINER(
                "'%s'. The paths of linuxParameters.devices[%zu] must be absolute.", name_of(c), i);
    }
    return 0;
}

/* ECS's list without those that are about other mounts than this one. */
static const char *const tmpfs_options[] = {
    "defaults", "ro",       "rw",       "suid",       "nosuid",      "dev",
    "nodev",    "exec",     "noexec",   "sync",       "async",       "dirsync",
    "mand",     "nomand",   "atime",    "noatime",    "diratime",    "nodiratime",
    "private",  "rprivate", "relatime", "norelatime", "strictatime", "nostrictatime"};

static bool tmpfs_option_valid(const char *s)
{
    static const char *const with_value[] = {
        "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "mpol="};
    for (size_t i = 0; s && i < SW_ARRAY_LEN(tmpfs_options); i++)
        if (sw_streq(tmpfs_options[i], s))
            return true;
    for (size_t i = 0; s && i < SW_ARRAY_LEN(with_value); i++)
        if (sw_str_starts_with(sw_str(s), with_value[i]) && !strchr(s, ','))
            return true;
    return false;
}

static int check_tmpfs(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *p = sw_json_object(c, "linuxParameters"), *v, *o;
    int64_t shm = sw_json_int(p, "sharedMemorySize", 1);
    size_t i, k;
    if (shm < 0 || shm > SHM_MAX_MIB)
        return INVALID_CONTAINER("'%s'. 'sharedMemorySize' is out of range.", name_of(c));
    json_array_foreach(sw_json_array(p, "tmpfs"), i, v) {
        int64_t size = sw_json_int(v, "size", 0);
        if (!path_valid(sw_json_str(v, "containerPath", "")))
            return INVALID_CONTAINER(
                "'%s'. tmpfs[%zu].containerPath must be an absolute path below '/'.", name_of(c),
                i);
        if (size < 1 || size > TMPFS_MAX_MIB)
            return INVALID_CONTAINER("'%s'. tmpfs[%zu].size must be at least 1 MiB.", name_of(c),
                                     i);
        json_array_foreach(sw_json_array(v, "mountOptions"), k, o)
            if (!tmpfs_option_valid(json_string_value(o)))
                return INVALID_CONTAINER("'%s'. The tmpfs mount option '%.64s' is unknown.",
                                         name_of(c), json_string_value(o));
    }
    return 0;
}

static int check_names(const json_t *doc, const json_t *c, struct sw_err *err)
{
    static const char *const members[] = {"hostname", "links", "extraHosts"};
    const char *hostname = sw_json_str(c, "hostname", ""), *mode = mode_of(doc);
    const json_t *v;
    size_t i;
    for (i = 0; sw_streq(mode, "awsvpc") && i < SW_ARRAY_LEN(members); i++)
        if (*sw_json_str(c, members[i], "") || count(c, members[i]))
            return sw_fail(err, SW_EINVALID, INVALID,
                           "%s is not supported on container when "
                           "networkMode=awsvpc.",
                           members[i]);
    if (count(c, "links") && !sw_streq(mode, "bridge"))
        return sw_fail(err, SW_EINVALID, INVALID, "Links are not supported when networkMode=%s.",
                       mode);
    if (strlen(hostname) > HOSTNAME_MAX ||
        strspn(hostname, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") !=
            strlen(hostname))
        return INVALID_CONTAINER("'%s'. 'hostname' is not valid.", name_of(c));
    json_array_foreach(sw_json_array(c, "extraHosts"), i, v) {
        struct in6_addr a;
        const char *name = sw_json_str(v, "hostname", ""), *ip = sw_json_str(v, "ipAddress", "");
        if (!*name || strpbrk(name, " \t\r\n#") ||
            (inet_pton(AF_INET, ip, &a) != 1 && inet_pton(AF_INET6, ip, &a) != 1))
            return INVALID_CONTAINER("'%s'. extraHosts[%zu] is not a name and an address.",
                                     name_of(c), i);
    }
    return 0;
}

static int check_dns(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "dnsServers"), i, v) {
        struct in6_addr a;
        const char *ip = json_string_value(v);
        if (!ip || (inet_pton(AF_INET, ip, &a) != 1 && inet_pton(AF_INET6, ip, &a) != 1))
            return INVALID_CONTAINER("'%s'. dnsServers[%zu] is not an address.", name_of(c), i);
    }
    json_array_foreach(sw_json_array(c, "dnsSearchDomains"), i, v) {
        const char *name = json_string_value(v);
        if (!name || !*name || strpbrk(name, " \t\r\n#"))
            return INVALID_CONTAINER("'%s'. dnsSearchDomains[%zu] is not a domain.", name_of(c), i);
    }
    return 0;
}

static int check_others(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "links"), i, v) {
        struct sw_str to, alias;
        link_parse(json_string_value(v) ? json_string_value(v) : "", &to, &alias);
        if (!is_container(doc, to) || sw_str_eq_z(to, name_of(c)))
            return INVALID_CONTAINER("'%s'. It links to '%.64s', which is no other container.",
                                     name_of(c), json_string_value(v));
    }
    json_array_foreach(sw_json_array(c, "volumesFrom"), i, v) {
        const char *from = sw_json_str(v, "sourceContainer", "");
        if (!is_container(doc, sw_str(from)) || sw_streq(from, name_of(c)))
            return INVALID_CONTAINER(
                "'%s'. It has volumesFrom '%.64s', which is no other container.", name_of(c), from);
    }
    return 0;
}

static bool is_ipc_control(const char *name)
{
    static const char *const names[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                        "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                        "kernel.shmmni", "kernel.shm_rmid_forced"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        if (sw_streq(names[i], name))
            return true;
    return sw_str_starts_with(sw_str(name), "fs.mqueue.");
}

/* What is not of the container's own namespaces would change the machine. */
static int check_system_controls(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "systemControls"), i, v) {
        const char *name = sw_json_str(v, "namespace", "");
        bool net = sw_str_starts_with(sw_str(name), "net.");
        if ((!net && !is_ipc_control(name)) || strchr(name, '/') || strstr(name, ".."))
            return INVALID_CONTAINER("'%s'. The system control '%.64s' cannot be set.", name_of(c),
                                     name);
        if (net && sw_streq(mode_of(doc), "host"))
            return INVALID_CONTAINER(
                "'%s'. Network system controls are not supported when networkMode=host.",
                name_of(c));
        if (!net && sw_streq(sw_json_str(doc, "ipcMode", ""), "host"))
            return INVALID_CONTAINER(
                "'%s'. IPC system controls are not supported when ipcMode=host.", name_of(c));
    }
    return 0;
}

static int check_registry(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *r = sw_json_object(c, "repositoryCredentials");
    const char *from = sw_json_str(r, "credentialsParameter", "");
    bool arn = strncmp(from, "arn:", 4) == 0;
    if (!r || (*from && (!arn || strncmp(from, "arn:aws:secretsmanager:", 23) == 0)))
        return 0;
    return INVALID_CONTAINER(
        "'%s'. repositoryCredentials.credentialsParameter must be the name or ARN of a secret of "
        "Secrets Manager.",
        name_of(c));
}

static int check_files(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *list = sw_json_array(c, "environmentFiles"), *v;
    size_t i;
    if (json_array_size(list) > ENVIRONMENT_FILES_MAX)
        return INVALID_CONTAINER("'%s'. It can have at most %d environmentFiles.", name_of(c),
                                 ENVIRONMENT_FILES_MAX);
    json_array_foreach(list, i, v) {
        struct sw_str bucket, key;
        if (!s3_object_parse(sw_json_str(v, "value", ""), &bucket, &key) ||
            !sw_str_ends_with(key, ".env"))
            return INVALID_CONTAINER(
                "'%s'. environmentFiles[%zu].value must be arn:aws:s3:::BUCKET/KEY.env.",
                name_of(c), i);
    }
    return 0;
}

/* Bounds are those of mount options and control files of the kernel, where ECS names none. */
static int check_numbers(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *p = sw_json_object(c, "linuxParameters");
    int64_t swap = sw_json_int(p, "maxSwap", 0), swappiness = sw_json_int(p, "swappiness", 0);
    int64_t start = sw_json_int(c, "startTimeout", 0);
    if (swap < 0 || swap > SWAP_MAX_MIB)
        return INVALID_CONTAINER("'%s'. 'maxSwap' is out of range.", name_of(c));
    if (swappiness < 0 || swappiness > 100)
        return INVALID_CONTAINER("'%s'. 'swappiness' must be between 0 and 100.", name_of(c));
    if (start < 0 || start > START_TIMEOUT_MAX_S)
        return INVALID_CONTAINER("'%s'. 'startTimeout' must be between 0 and %d.", name_of(c),
                                 START_TIMEOUT_MAX_S);
    return 0;
}

/* What is always so may be asked for. */
static int check_security(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(c, "dockerSecurityOptions"), i, v)
        if (!sw_streq(json_string_value(v), "no-new-privileges") ||
            sw_json_bool(c, "privileged", false))
            return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                           "dockerSecurityOptions '%.200s'%s is not supported.",
                           json_string_value(v) ? json_string_value(v) : "",
                           sw_json_bool(c, "privileged", false) ? " of a privileged container"
                                                                : "");
    return 0;
}

static int check_no_network(const json_t *doc, const json_t *c, struct sw_err *err)
{
    const char *mode = mode_of(doc);
    if (!sw_json_bool(c, "disableNetworking", false))
        return 0;
    if (count(c, "portMappings") || count(c, "links"))
        return INVALID_CONTAINER(
            "'%s'. With disableNetworking it can have no portMappings or links.", name_of(c));
    if (sw_streq(mode, "host") || sw_streq(mode, "awsvpc"))
        return INVALID_CONTAINER("'%s'. disableNetworking is not supported when networkMode=%s.",
                                 name_of(c), mode);
    return 0;
}

static int check_restart(const json_t *doc SW_UNUSED, const json_t *c, struct sw_err *err)
{
    const json_t *p = sw_json_object(c, "restartPolicy");
    int64_t period = sw_json_int(p, "restartAttemptPeriod", RESTART_MIN_S);
    if (period < RESTART_MIN_S || period > RESTART_MAX_S)
        return INVALID_CONTAINER("'%s'. 'restartAttemptPeriod' must be between %d and %d.",
                                 name_of(c), RESTART_MIN_S, RESTART_MAX_S);
    if (count(p, "ignoredExitCodes") > RESTART_CODES_MAX)
        return INVALID_CONTAINER("'%s'. 'ignoredExitCodes' can have at most %d items.", name_of(c),
                                 RESTART_CODES_MAX);
    return 0;
}

static int (*const rules[])(const json_t *, const json_t *, struct sw_err *) = {
    check_capabilities, check_devices,  check_tmpfs,           check_names,    check_dns,
    check_others,       check_restart,  check_system_controls, check_registry, check_files,
    check_numbers,      check_security, check_no_network};

int taskdef_validate_linux(const json_t *doc, const json_t *container, struct sw_err *err)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(rules); i++) {
        int r = rules[i](doc, container, err);
        if (r < 0)
            return r;
    }
    return 0;
}
