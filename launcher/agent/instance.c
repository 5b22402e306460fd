/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/instance.c - ECS container agent's registration: resources CPU, MEMORY, PORTS, PORTS_UDP, and attributes. */
#include "launcher/agent/instance.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/model/agent_protocol.h"
#include "launcher/model/capabilities.h"

#ifndef SLIPWAY_VERSION
#define SLIPWAY_VERSION "unknown"
#endif
#define PORTS_DEFAULT "22,2375,2376,51678,51679,51680"
#define PORTS_MAX     100
#define FILE_MAX      (64 * 1024)

void instance_facts_read(int64_t reserved_memory_mib, struct instance_facts *ret)
{
    struct utsname u;
    int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (1024 * 1024) -
                     reserved_memory_mib;
    *ret = (struct instance_facts){.cpu_units = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1024,
                                   .memory_mib = SW_MAX(memory, (int64_t)0),
                                   .version = SLIPWAY_VERSION};
    if (uname(&u) == 0)
        snprintf(ret->machine, sizeof ret->machine, "%s", u.machine);
}

static json_t *integer(const char *name, int64_t value)
{
    return json_pack("{s:s, s:s, s:I}", "name", name, "type", "INTEGER", "integerValue",
                     (json_int_t)value);
}

static int ports_of(const char *text, json_t **ret, struct sw_err *err)
{
    sw_autojson json_t *list = json_array();
    struct sw_str rest = sw_str(text), part;
    while (rest.n > 0 && sw_str_split(&rest, ',', &part)) {
        uint64_t port;
        part = sw_str_trim(part);
        if (!sw_parse_u64(part, &port) || port == 0 || port > 65535 ||
            json_array_size(list) == PORTS_MAX)
            return sw_fail(err, SW_EINVALID, NULL,
                           "reserved ports '%.200s' are no list of at most %d ports", text,
                           PORTS_MAX);
        json_array_append_new(list, json_stringn(part.p, part.n));
    }
    *ret = json_incref(list);
    return 0;
}

/* The operator knows the machine better, its zone for example. */
static void add_own(json_t *attributes, const json_t *own)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)own, name, value) {
        for (size_t i = json_array_size(attributes); i-- > 0;) {
            if (sw_streq(sw_json_str(json_array_get(attributes, i), "name", ""), name))
                json_array_remove(attributes, i);
        }
        json_t *a = json_pack("{s:s}", "name", name);
        if (json_string_length(value) > 0)
            json_object_set(a, "value", value);
        json_array_append_new(attributes, a);
    }
}

static bool in_list(const char *list, const char *name)
{
    struct sw_str rest = sw_str(list), one;
    while (sw_str_split(&rest, ',', &one))
        if (sw_str_eq_z(sw_str_trim(one), name))
            return true;
    return false;
}

/* What the operator took away is not offered, so nothing that needs it is placed here. */
static bool is_offered(const struct instance_facts *f, const char *capability)
{
    static const char drivers[] = CAPABILITY_LOG_PREFIX;
    if (f->no_privileged && sw_streq(capability, CAPABILITY_PRIVILEGED))
        return false;
    return !f->logging_drivers || strncmp(capability, drivers, sizeof drivers - 1) != 0 ||
           in_list(f->logging_drivers, capability + sizeof drivers - 1);
}

static json_t *attributes_of(const struct instance_facts *f)
{
    json_t *a = json_array();
    const char *architecture = capability_cpu_architecture(f->machine);
    json_array_append_new(a, json_pack("{s:s, s:s}", "name", ATTRIBUTE_OS_TYPE, "value", "linux"));
    if (architecture)
        json_array_append_new(
            a, json_pack("{s:s, s:s}", "name", ATTRIBUTE_CPU_ARCHITECTURE, "value", architecture));
    json_array_append_new(
        a, json_pack("{s:s, s:s}", "name", "ecs.availability-zone", "value", "local"));
    for (size_t i = 0; capabilities_all[i]; i++)
        if (is_offered(f, capabilities_all[i]))
            json_array_append_new(a, json_pack("{s:s}", "name", capabilities_all[i]));
    if (f->journal && is_offered(f, CAPABILITY_LOG_JOURNALD))
        json_array_append_new(a, json_pack("{s:s}", "name", CAPABILITY_LOG_JOURNALD));
    if (f->external)
        json_array_append_new(a, json_pack("{s:s}", "name", ATTRIBUTE_EXTERNAL));
    if (f->fargate)
        json_array_append_new(
            a, json_pack("{s:s, s:s}", "name", ATTRIBUTE_FARGATE, "value", f->fargate));
    add_own(a, f->attributes);
    return a;
}

static json_t *tags_of(const struct instance_facts *f)
{
    json_t *tags = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)f->tags, key, value)
        json_array_append_new(tags, json_pack("{s:s, s:O}", "key", key, "value", value));
    return tags;
}

static void add_identity(json_t *in, const struct instance_facts *f)
{
    sw_autojson json_t *identity = json_pack("{s:{s:s}}", AGENT_IDENTITY, "session", f->session);
    if (f->machine_id && *f->machine_id)
        sw_json_set_str(sw_json_object(identity, AGENT_IDENTITY), "machine", f->machine_id);
    sw_autofree char *text = sw_json_dump(identity);
    sw_json_set_str(in, "instanceIdentityDocument", text);
}

int instance_registration(const struct instance_facts *f, const char *cluster, const char *arn,
                          json_t **ret, struct sw_err *err)
{
    json_t *tcp = NULL, *udp = NULL;
    if (ports_of(f->reserved_ports ? f->reserved_ports : PORTS_DEFAULT, &tcp, err) < 0)
        return err->code;
    if (ports_of(f->reserved_ports_udp ? f->reserved_ports_udp : "", &udp, err) < 0) {
        json_decref(tcp);
        return err->code;
    }
    json_t *resources = json_pack("[o, o, {s:s, s:s, s:o}, {s:s, s:s, s:o}]",
                                  integer("CPU", f->cpu_units), integer("MEMORY", f->memory_mib),
                                  "name", "PORTS", "type", "STRINGSET", "stringSetValue", tcp,
                                  "name", "PORTS_UDP", "type", "STRINGSET", "stringSetValue", udp);
    json_t *j = json_pack("{s:s, s:o, s:o, s:{s:s, s:s}}", "cluster", cluster, "totalResources",
                          resources, "attributes", attributes_of(f), "versionInfo", "agentVersion",
                          f->version, "dockerVersion", "slipway runtime");
    if (json_object_size(f->tags) > 0)
        sw_json_set_new(j, "tags", tags_of(f));
    if (arn[0])
        sw_json_set_str(j, "containerInstanceArn", arn);
    if (f->session)
        add_identity(j, f);
    *ret = j;
    return 0;
}

static char *file_path(const char *data_dir)
{
    return sw_asprintf("%s/instance.json", data_dir);
}

void instance_machine_id(char ret[INSTANCE_IDENTITY_MAX])
{
    static const char *const files[] = {"/etc/machine-id", "/sys/class/dmi/id/product_uuid"};
    SW_CLEANUP(sw_buf_done) struct sw_buf all = SW_BUF_INIT(4096);
    unsigned char hash[32];
    bool known = false;
    sw_buf_add_z(&all, "slipway machine");
    for (size_t i = 0; i < SW_ARRAY_LEN(files); i++) {
        SW_CLEANUP(sw_buf_done) struct sw_buf one = SW_BUF_INIT(1024);
        struct sw_err ignored = SW_ERR_INIT;
        bool there = sw_read_file(files[i], &one, &ignored) == 0 && one.n > 0;
        known |= there;
        sw_buf_addf(&all, "\n" SW_STR_FMT,
                    SW_STR_ARG(there ? sw_str_trim(sw_buf_str(&one)) : sw_str("")));
    }
    sw_sha256(all.p, all.n, hash);
    ret[0] = 0;
    if (known)
        sw_hex(hash, 16, ret);
}

/* "arn:...:cluster/blue" is "blue". */
static bool same_cluster(const char *a, const char *b)
{
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    return sw_streq(slash_a ? slash_a + 1 : a, slash_b ? slash_b + 1 : b);
}

static json_t *load_file(const char *data_dir)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = file_path(data_dir);
    json_t *j = NULL;
    return sw_json_load_file(path, FILE_MAX, &j, &ignored) == 0 ? j : NULL;
}

static bool is_registered(const json_t *j)
{
    return *sw_json_str(j, "cluster", "") && *sw_json_str(j, "containerInstanceArn", "");
}

char *instance_cluster(const char *data_dir)
{
    sw_autojson json_t *j = load_file(data_dir);
    return is_registered(j) ? sw_strdup(sw_json_str(j, "cluster", "")) : NULL;
}

int instance_check_cluster(const char *data_dir, const char *cluster, const char *machine_id,
                           struct sw_err *err)
{
    sw_autojson json_t *j = load_file(data_dir);
    const char *before = sw_json_str(j, "machine", ""), *saved = sw_json_str(j, "cluster", "");
    if (!is_registered(j) || same_cluster(saved, cluster) ||
        (*before && *machine_id && !sw_streq(before, machine_id)))
        return 0;
    return sw_fail(
        err, SW_ECONFLICT, NULL,
        "%s is registered in cluster '%s', not in '%s': keep that cluster, or deregister "
        "the container instance while its agent runs, or remove %s/instance.json",
        data_dir, saved, cluster, data_dir);
}

int instance_forget(const char *data_dir, const char *machine_id, struct sw_err *err)
{
    return instance_store(data_dir, "", "", machine_id, err);
}

void instance_load(const char *data_dir, const char *cluster, const char *machine_id,
                   char ret_arn[INSTANCE_ARN_MAX], bool *ret_elsewhere)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *path = file_path(data_dir);
    sw_autojson json_t *j = NULL;
    ret_arn[0] = 0;
    *ret_elsewhere = false;
    if (sw_json_load_file(path, FILE_MAX, &j, &err) < 0) {
        if (err.code != SW_ENOTFOUND)
            sw_log_err(SW_LOG_ERROR, "instance-file-damaged", &err, "what-happens",
                       "this machine registers as a new instance, and the tasks that it had end",
                       NULL);
        return;
    }
    const char *before = sw_json_str(j, "machine", "");
    *ret_elsewhere = *before && *machine_id && !sw_streq(before, machine_id);
    if (!*ret_elsewhere && same_cluster(sw_json_str(j, "cluster", ""), cluster))
        (void)sw_str_copy(sw_str(sw_json_str(j, "containerInstanceArn", "")), ret_arn,
                          INSTANCE_ARN_MAX);
}

int instance_store(const char *data_dir, const char *cluster, const char *arn,
                   const char *machine_id, struct sw_err *err)
{
    sw_autofree char *path = file_path(data_dir);
    sw_autojson json_t *j = json_pack("{s:s, s:s, s:s}", "cluster", cluster, "containerInstanceArn",
                                      arn, "machine", machine_id);
    sw_autofree char *text = sw_json_dump(j);
    return sw_write_file_atomic(path, text, strlen(text), 0600, err);
}
