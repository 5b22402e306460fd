/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/runtime/cni.c - CNI specification, "Section 2: Execution Protocol". */
#include "launcher/runtime/cni.h"

#include <arpa/inet.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/process.h"

#define REASON            "ContainerNetworkingError"
#define RESULT_MAX        (256 * 1024)
#define PLUGIN_TIMEOUT_MS 30000
#define INTERFACE         "eth0"

extern char **environ;

struct cni {
    char *plugin_dir;
    json_t *list;
};

static bool subnet_valid(const char *s)
{
    char address[64];
    struct in_addr a;
    const char *slash = s ? strchr(s, '/') : NULL;
    uint64_t prefix;
    return slash && sw_str_copy(sw_str_n(s, (size_t)(slash - s)), address, sizeof address) &&
           inet_pton(AF_INET, address, &a) == 1 && sw_parse_u64(sw_str(slash + 1), &prefix) &&
           prefix >= 8 && prefix <= 30;
}

static bool plugin_name_valid(const char *s)
{
    return s[0] && s[0] != '.' && !strchr(s, '/');
}

static json_t *default_list(const struct cni_options *o)
{
    json_t *ipam =
        json_pack("{s:s, s:s, s:[[{s:s}]], s:[{s:s}]}", "type", "host-local", "dataDir",
                  o->data_dir, "ranges", "subnet", o->subnet, "routes", "dst", "0.0.0.0/0");
    json_t *bridge =
        json_pack("{s:s, s:s, s:b, s:b, s:b, s:o}", "type", "bridge", "bridge", o->name,
                  "isGateway", 1, "ipMasq", 1, "hairpinMode", 1, "ipam", ipam);
    json_t *portmap =
        json_pack("{s:s, s:{s:b}}", "type", "portmap", "capabilities", "portMappings", 1);
    return json_pack("{s:s, s:s, s:[o, o]}", "cniVersion", "0.4.0", "name", o->name, "plugins",
                     bridge, portmap);
}

int cni_new(const struct cni_options *o, struct cni **ret, struct sw_err *err)
{
    json_t *list = NULL;
    if (o->conflist) {
        if (sw_json_load_file(o->conflist, RESULT_MAX, &list, err) < 0)
            return err->code;
    } else {
        if (!o->name || strlen(o->name) > 15 || !plugin_name_valid(o->name) ||
            !subnet_valid(o->subnet))
            return sw_fail(err, SW_EINVALID, REASON, "bridge '%s' or subnet '%s' is not valid",
                           o->name ? o->name : "", o->subnet ? o->subnet : "");
        list = default_list(o);
    }
    size_t i;
    json_t *p;
    json_array_foreach(sw_json_array(list, "plugins"), i, p) {
        if (!plugin_name_valid(sw_json_str(p, "type", ""))) {
            json_decref(list);
            return sw_fail(err, SW_EINVALID, REASON, "plugin %zu of the network has no valid type",
                           i);
        }
    }
    struct cni *c = SW_NEW(struct cni);
    c->plugin_dir = sw_strdup(o->plugin_dir ? o->plugin_dir : "/usr/lib/cni");
    c->list = list;
    *ret = c;
    return 0;
}

void cni_free(struct cni *c)
{
    if (!c)
        return;
    free(c->plugin_dir);
    json_decref(c->list);
    free(c);
}

static bool maps_ports(const json_t *plugin)
{
    return sw_json_bool(sw_json_object(plugin, "capabilities"), "portMappings", false);
}

static json_t *config_of(const struct cni *c, const json_t *plugin, const json_t *previous,
                         const struct cni_port *ports, size_t n)
{
    json_t *conf = json_deep_copy(plugin);
    sw_json_set_str(conf, "name", sw_json_str(c->list, "name", ""));
    sw_json_set_str(conf, "cniVersion", sw_json_str(c->list, "cniVersion", "0.4.0"));
    if (previous)
        sw_json_set_new(conf, "prevResult", json_deep_copy(previous));
    if (maps_ports(plugin)) {
        json_t *a = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(a,
                                  json_pack("{s:i, s:i, s:s}", "hostPort", (int)ports[i].host_port,
                                            "containerPort", (int)ports[i].container_port,
                                            "protocol", ports[i].udp ? "udp" : "tcp"));
        sw_json_set_new(conf, "runtimeConfig", json_pack("{s:o}", "portMappings", a));
        json_object_del(conf, "capabilities");
    }
    return conf;
}

static const char **environment_of(const struct cni *c, const char *command, const char *id,
                                   const char *netns, char *own[5])
{
    size_t n = 0, at = 0;
    while (environ[n])
        n++;
    const char **env = sw_calloc(n + 6, sizeof *env);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "CNI_", 4) != 0)
            env[at++] = environ[i];
    own[0] = sw_asprintf("CNI_COMMAND=%s", command);
    own[1] = sw_asprintf("CNI_CONTAINERID=%s", id);
    own[2] = sw_asprintf("CNI_NETNS=%s", netns ? netns : "");
    own[3] = sw_asprintf("CNI_IFNAME=%s", INTERFACE);
    own[4] = sw_asprintf("CNI_PATH=%s", c->plugin_dir);
    for (size_t i = 0; i < 5; i++)
        env[at++] = own[i];
    return env;
}

/* One plugin. ADD's result goes to *ret (may be NULL). */
static int run_plugin(struct cni *c, const char *command, const char *id, const char *netns,
                      const json_t *plugin, const json_t *config, json_t **ret, struct sw_err *err)
{
    const char *type = sw_json_str(plugin, "type", "");
    sw_autofree char *program = sw_asprintf("%s/%s", c->plugin_dir, type);
    sw_autofree char *input = sw_json_dump(config);
    char *own[5];
    sw_autofree const char **env = environment_of(c, command, id, netns, own);
    const char *argv[] = {program, NULL};
    SW_CLEANUP(sw_buf_done) struct sw_buf out = SW_BUF_INIT(RESULT_MAX);
    SW_CLEANUP(sw_buf_done) struct sw_buf text = SW_BUF_INIT(4096);
    struct sw_process_spec spec = {
        .argv = argv, .env = env, .input = sw_str(input), .timeout_ms = PLUGIN_TIMEOUT_MS};
    struct sw_process_result res;
    int r = sw_process_run(&spec, &out, &text, &res, err);
    for (size_t i = 0; i < 5; i++)
        free(own[i]);
    if (r < 0) {
        err->reason = REASON;
        return sw_prefix(err, "network plugin %s %s", type, command);
    }
    sw_autojson json_t *j = NULL;
    struct sw_err bad = SW_ERR_INIT;
    int parsed = out.n ? sw_json_load(sw_buf_str(&out), 16, 10000, NULL, &j, &bad) : -1;
    if (res.exit_code != 0 && !j && text.n == 0)
        return sw_fail(err, SW_EIO, REASON, "network plugin %s %s: ended without a word, status %d",
                       type, command, res.exit_code);
    if (res.exit_code != 0)
        return sw_fail(err, SW_EIO, REASON, "network plugin %s %s: %s %s", type, command,
                       j ? sw_json_str(j, "msg", "no message") : sw_buf_str(&text).p,
                       j ? sw_json_str(j, "details", "") : "");
    if (ret && parsed < 0)
        return sw_fail(err, SW_EIO, REASON, "network plugin %s %s: its result is not valid: %s",
                       type, command, bad.msg);
    if (ret)
        *ret = SW_TAKE(j);
    return 0;
}

static void address_of(const json_t *result, char out[64])
{
    out[0] = 0;
    size_t i;
    json_t *ip;
    json_array_foreach(sw_json_array(result, "ips"), i, ip) {
        struct sw_str s = sw_str(sw_json_str(ip, "address", "")), address;
        if (sw_str_split(&s, '/', &address) && !memchr(address.p, ':', address.n) &&
            sw_str_copy(address, out, 64) && out[0])
            return;
    }
}

int cni_attach(struct cni *c, const char *id, const char *netns_path, json_t **ret_result,
               char address[64], struct sw_err *err)
{
    sw_autojson json_t *result = NULL;
    size_t i;
    json_t *p;
    json_array_foreach(sw_json_array(c->list, "plugins"), i, p) {
        if (maps_ports(p))
            continue;
        sw_autojson json_t *config = config_of(c, p, result, NULL, 0);
        json_t *next = NULL;
        if (run_plugin(c, "ADD", id, netns_path, p, config, &next, err) < 0)
            return err->code;
        json_decref(result);
        result = next;
    }
    address_of(result, address);
    if (!result || !address[0])
        return sw_fail(err, SW_EIO, REASON, "the network gave no address");
    *ret_result = SW_TAKE(result);
    return 0;
}

int cni_map_ports(struct cni *c, const char *id, const char *netns_path, const json_t *result,
                  const struct cni_port *ports, size_t n, struct sw_err *err)
{
    size_t i;
    json_t *p;
    json_array_foreach(sw_json_array(c->list, "plugins"), i, p) {
        if (!maps_ports(p) || n == 0)
            continue;
        sw_autojson json_t *config = config_of(c, p, result, ports, n);
        sw_autojson json_t *ignored = NULL;
        if (run_plugin(c, "ADD", id, netns_path, p, config, &ignored, err) < 0)
            return err->code;
    }
    return 0;
}

/* After a reboot the file is there and the namespace is not: plugins must not be handed a plain file. */
static bool is_namespace(const char *path)
{
    struct statfs st;
    return statfs(path, &st) == 0 && st.f_type == NSFS_MAGIC;
}

int cni_detach(struct cni *c, const char *id, const char *netns_path, const json_t *result,
               const struct cni_port *ports, size_t n, struct sw_err *err)
{
    json_t *plugins = sw_json_array(c->list, "plugins");
    const char *netns = netns_path && is_namespace(netns_path) ? netns_path : NULL;
    for (size_t i = json_array_size(plugins); i-- > 0;) {
        const json_t *p = json_array_get(plugins, i);
        if (maps_ports(p) && n == 0)
            continue;
        sw_autojson json_t *config = config_of(c, p, result, ports, n);
        struct sw_err one = SW_ERR_INIT;
        /* One that fails must not keep the others from giving back what they hold. */
        if (run_plugin(c, "DEL", id, netns, p, config, NULL, &one) < 0 && err->code == 0)
            (void)sw_err_move(err, &one);
    }
    return err->code;
}
