/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/network.c
 *
 * Invariants:
 * 1. DIR/NAME.json exists before the namespace DIR/NAME does and goes last.
 * 2. What a plugin was told is in the file before the plugin runs, so that DEL can be told the same.
 * 3. Who runs plugins for a lease has `steady` for reading; who compares leases with what is there, for writing: nothing is half made or
 *    half taken away then. */
#include "launcher/agent/network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "launcher/runtime/netns.h"
#include "launcher/runtime/port_guard.h"
#include "launcher/runtime/task_net.h"

#define POOL_MAX      16
#define POOL_RETRY_MS 5000
#define RULES_MAX     (8 * 1024 * 1024)
#define MAP_TRIES     3
#define MAP_RETRY_MS  50
#define UNWRITTEN_S   60 /* a plugin makes the file of an address, then writes whose it is */

struct ready {
    char name[NETWORK_NAME_MAX], address[64];
};
struct left {
    struct left *next;
    char name[NETWORK_NAME_MAX];
};
struct network {
    char *dir, *bridge, *addresses; /* addresses: host-local's files, one an address */
    int claim;                      /* of the bridge */
    struct cni *cni;
    size_t pool_size;
    pthread_rwlock_t steady;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ready pool[POOL_MAX];
    size_t pool_n;
    pthread_t filler;
    bool filler_started, closing;
    bool warned;       /* that the kernel has no filter */
    struct left *left; /* leases whose release failed */
};

char *network_path(struct network *n, const char *name)
{
    return sw_asprintf("%s/%s", n->dir, name);
}

static char *lease_path(struct network *n, const char *name)
{
    return sw_asprintf("%s/%s.json", n->dir, name);
}

int network_new(const struct network_options *o, struct network **ret, struct sw_err *err)
{
    struct network *n = SW_NEW(struct network);
    n->dir = sw_strdup(o->dir);
    n->claim = -1;
    n->pool_size = SW_MIN(o->pool_size, (size_t)POOL_MAX);
    pthread_rwlock_init(&n->steady, NULL);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->changed, NULL);
    sw_autofree char *addresses = sw_asprintf("%s/addresses", o->dir);
    if (o->bridge_name) {
        n->bridge = sw_strdup(o->bridge_name);
        n->addresses = sw_asprintf("%s/%s", addresses, o->bridge_name);
    }
    int r = sw_mkdirs(n->dir, 0700, err);
    if (r == 0 && o->bridge_name)
        r = cni_new(&(struct cni_options){.name = o->bridge_name,
                                          .subnet = o->bridge_subnet,
                                          .data_dir = addresses},
                    &n->cni, err);
    if (r == 0 && o->bridge_name)
        r = task_net_claim_bridge(o->bridge_name, &n->claim, err);
    if (r == SW_ECONFLICT)
        r = sw_prefix(err, "this agent needs a bridge and a subnet of its own");
    if (r < 0) {
        network_free(n);
        return r;
    }
    *ret = n;
    return 0;
}

/* Renamed into place, not synced: after a loss of power the namespaces are gone too, and addresses are given back by what is left. */
static int write_lease(struct network *n, const char *name, const json_t *lease, struct sw_err *err)
{
    sw_autofree char *path = lease_path(n, name);
    sw_autofree char *temp = sw_asprintf("%s/.%s", n->dir, name);
    sw_autofree char *text = sw_json_dump(lease);
    sw_autoclose int fd = -1;
    if (sw_open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, err) < 0 ||
        sw_write_all(fd, text, strlen(text), err) < 0)
        return err->code;
    if (rename(temp, path) < 0)
        return sw_fail_os(err, errno, "%s", path);
    return 0;
}

static json_t *read_lease(struct network *n, const char *name)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = lease_path(n, name);
    json_t *j = NULL;
    return sw_json_load_file(path, 1 << 20, &j, &ignored) == 0 ? j : NULL;
}

static size_t ports_of(const json_t *lease, struct cni_port *out)
{
    size_t i, n = 0;
    json_t *p;
    json_array_foreach(sw_json_array(lease, "ports"), i, p) {
        if (n < NETWORK_PORTS_MAX)
            out[n++] = (struct cni_port){.host_port = (uint16_t)sw_json_int(p, "host", 0),
                                         .container_port = (uint16_t)sw_json_int(p, "container", 0),
                                         .udp = sw_json_bool(p, "udp", false)};
    }
    return n;
}

/* A kernel without the filter still keeps the gateway and the way back to each container safe; said once. */
static int guard(struct network *n, const char *path, const json_t *result, struct sw_err *err)
{
    struct port_guard g;
    if (!port_guard_read(result, &g))
        return 0;
    int r = port_guard_set(&g, path, err);
    if (r != SW_EUNSUPPORTED)
        return r;
    pthread_mutex_lock(&n->lock);
    bool first = !n->warned;
    n->warned = true;
    pthread_mutex_unlock(&n->lock);
    if (first)
        sw_log_err(SW_LOG_WARNING, "containers-can-lie-to-each-other-about-addresses", err, NULL);
    sw_err_clear(err);
    return 0;
}

static int release_steadily(struct network *n, const char *name, struct sw_err *err);

static int make_steadily(struct network *n, bool isolated, struct ready *r, struct sw_err *err)
{
    if (!isolated && !n->cni)
        return sw_fail(err, SW_EUNSUPPORTED, "ContainerNetworkingError",
                       "this instance has no bridge network");
    snprintf(r->name, sizeof r->name, "net-");
    sw_random_hex(r->name + 4, 24);
    r->address[0] = 0;
    sw_autofree char *path = network_path(n, r->name);
    sw_autojson json_t *lease = json_pack("{s:b}", "isolated", isolated ? 1 : 0);
    if (write_lease(n, r->name, lease, err) < 0)
        return err->code;
    int code = netns_create(path, err);
    if (code == 0 && !isolated) {
        json_t *result = NULL;
        code = cni_attach(n->cni, r->name, path, &result, r->address, err);
        if (code == 0) {
            sw_json_set_new(lease, "result", result);
            code = write_lease(n, r->name, lease, err);
            if (code == 0)
                code = guard(n, path, result, err);
        }
    }
    return code;
}

static int make(struct network *n, bool isolated, struct ready *r, struct sw_err *err)
{
    r->name[0] = 0;
    pthread_rwlock_rdlock(&n->steady);
    int code = make_steadily(n, isolated, r, err);
    if (code < 0 && r->name[0]) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)release_steadily(n, r->name, &ignored);
    }
    pthread_rwlock_unlock(&n->steady);
    return code;
}

static void remember_left(struct network *n, const char *name);

static bool has_cable(struct network *n, const char *name)
{
    struct port_guard g;
    sw_autojson json_t *lease = read_lease(n, name);
    return lease &&
           (!port_guard_read(sw_json_object(lease, "result"), &g) || port_guard_has_port(&g));
}

/* The next that is ready, and whole: somebody may have taken its cable away since. */
static bool take_ready(struct network *n, struct ready *ret)
{
    for (;;) {
        pthread_mutex_lock(&n->lock);
        bool any = n->pool_n > 0;
        if (any)
            *ret = n->pool[--n->pool_n];
        pthread_cond_broadcast(&n->changed);
        pthread_mutex_unlock(&n->lock);
        if (!any || has_cable(n, ret->name))
            return any;
        remember_left(n, ret->name);
    }
}

int network_acquire(struct network *n, bool isolated, char name[NETWORK_NAME_MAX], char address[64],
                    struct sw_err *err)
{
    struct ready r;
    bool from_pool = !isolated && take_ready(n, &r);
    if (!from_pool && make(n, isolated, &r, err) < 0)
        return err->code;
    snprintf(name, NETWORK_NAME_MAX, "%s", r.name);
    snprintf(address, 64, "%s", r.address);
    return 0;
}

static int map_steadily(struct network *n, const char *name, const struct cni_port *ports,
                        size_t ports_n, struct sw_err *err)
{
    sw_autojson json_t *lease = read_lease(n, name);
    if (!lease || !n->cni || ports_n > NETWORK_PORTS_MAX)
        return sw_fail(err, SW_EINTERNAL, "ContainerNetworkingError",
                       "network lease %s is not there", name);
    json_t *list = json_array();
    for (size_t i = 0; i < ports_n; i++)
        json_array_append_new(list, json_pack("{s:i, s:i, s:b}", "host", (int)ports[i].host_port,
                                              "container", (int)ports[i].container_port, "udp",
                                              ports[i].udp ? 1 : 0));
    sw_json_set_new(lease, "ports", list);
    if (write_lease(n, name, lease, err) < 0)
        return err->code;
    sw_autofree char *path = network_path(n, name);
    return cni_map_ports(n->cni, name, path, sw_json_object(lease, "result"), ports, ports_n, err);
}

int network_map_ports(struct network *n, const char *name, const struct cni_port *ports,
                      size_t ports_n, struct sw_err *err)
{
    int r = 0;
    pthread_rwlock_rdlock(&n->steady);
    /* The first two of a machine make the plugin's own chains, and one of them fails. */
    for (int i = 0; i < MAP_TRIES; i++) {
        if (i > 0) {
            sw_err_clear(err);
            sw_sleep_ms(MAP_RETRY_MS);
        }
        if ((r = map_steadily(n, name, ports, ports_n, err)) == 0)
            break;
    }
    pthread_rwlock_unlock(&n->steady);
    return r;
}

/* With the lock held. */
static bool is_left(const struct network *n, const char *name)
{
    const struct left *l = n->left;
    while (l && strcmp(l->name, name) != 0)
        l = l->next;
    return l != NULL;
}

static void remember_left(struct network *n, const char *name)
{
    pthread_mutex_lock(&n->lock);
    if (!is_left(n, name)) {
        struct left *new = SW_NEW(struct left);
        snprintf(new->name, sizeof new->name, "%s", name);
        new->next = n->left;
        n->left = new;
    }
    pthread_mutex_unlock(&n->lock);
}

static int release_steadily(struct network *n, const char *name, struct sw_err *err)
{
    sw_autofree char *path = network_path(n, name);
    sw_autofree char *file = lease_path(n, name);
    sw_autojson json_t *lease = read_lease(n, name);
    if (lease && !sw_json_bool(lease, "isolated", false) && n->cni) {
        struct cni_port ports[NETWORK_PORTS_MAX];
        size_t ports_n = ports_of(lease, ports);
        struct port_guard g;
        if (port_guard_read(sw_json_object(lease, "result"), &g))
            port_guard_clear(&g); /* before its address is given to another */
        (void)cni_detach(n->cni, name, path, sw_json_object(lease, "result"), ports, ports_n, err);
        if (err->code == 0) /* the time before may have ended in the middle of it */
            (void)task_net_remove_masquerade(n->bridge, name, err);
    }
    struct sw_err second = SW_ERR_INIT;
    if (netns_remove(path, &second) < 0 && err->code == 0)
        (void)sw_err_move(err, &second);
    /* Without an answer from the plugins the file stays, for another try. */
    if (err->code == 0)
        (void)unlink(file);
    else
        remember_left(n, name);
    return err->code;
}

int network_release(struct network *n, const char *name, struct sw_err *err)
{
    pthread_rwlock_rdlock(&n->steady);
    int r = release_steadily(n, name, err);
    pthread_rwlock_unlock(&n->steady);
    return r;
}

static bool lease_exists(struct network *n, struct sw_str name)
{
    char z[NETWORK_NAME_MAX];
    if (!sw_str_copy(name, z, sizeof z) || strchr(z, '/'))
        return false;
    sw_autofree char *path = lease_path(n, z);
    return sw_path_exists(path);
}

/* A lease's file is there before the plugin takes an address for it and until it gave it back; so an address of no lease is one of
 * which a plugin that was killed made no end. */
static void free_addresses(struct network *n)
{
    DIR *d = n->addresses ? opendir(n->addresses) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct in_addr a;
        struct stat st;
        struct sw_err ignored = SW_ERR_INIT;
        SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(4096);
        sw_autofree char *path = sw_asprintf("%s/%s", n->addresses, e->d_name);
        if (inet_pton(AF_INET, e->d_name, &a) != 1 || sw_read_file(path, &b, &ignored) < 0 ||
            stat(path, &st) < 0)
            continue;
        struct sw_str holder = sw_str_slice(sw_buf_str(&b), 0, strcspn(sw_buf_str(&b).p, "\r\n"));
        bool old = st.st_mtime + UNWRITTEN_S < sw_now_us() / 1000000;
        if (holder.n ? !lease_exists(n, holder) : old)
            (void)unlink(path);
    }
    if (d)
        closedir(d);
}

void network_tidy(struct network *n)
{
    pthread_mutex_lock(&n->lock);
    struct left *left = n->left;
    n->left = NULL;
    pthread_mutex_unlock(&n->lock);
    while (left) {
        struct left *one = left;
        struct sw_err err = SW_ERR_INIT;
        left = one->next;
        if (network_release(n, one->name, &err) < 0)
            sw_log_err(SW_LOG_WARNING, "network-not-released", &err, "lease", one->name, NULL);
        free(one);
    }
    free_addresses(n);
}

/* Of an agent before this one, which may not have known how. */
static void guard_again(struct network *n, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *path = network_path(n, name);
    sw_autojson json_t *lease = read_lease(n, name);
    if (lease && sw_json_object(lease, "result") &&
        guard(n, path, sw_json_object(lease, "result"), &err) < 0)
        sw_log_err(SW_LOG_WARNING, "network-not-guarded", &err, "lease", name, NULL);
}

/* ---- what others took away ---- */

struct mending {
    struct network *n;
    struct sw_buf rules; /* empty: there are none to look at */
    void (*gone)(void *ctx, const char *name);
    void *ctx;
    bool needs_bridge;
};

static bool was_left(struct network *n, const char *name)
{
    pthread_mutex_lock(&n->lock);
    bool left = is_left(n, name);
    pthread_mutex_unlock(&n->lock);
    return left;
}

/* One that is only ready goes; the next tidying releases it. */
static bool drop_ready(struct network *n, const char *name)
{
    bool found = false;
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < n->pool_n && !found; i++) {
        found = strcmp(n->pool[i].name, name) == 0;
        if (found)
            n->pool[i] = n->pool[--n->pool_n];
    }
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    if (found)
        remember_left(n, name);
    return found;
}

static void mend_port(struct mending *m, const char *name, const struct port_guard *g)
{
    struct sw_err err = SW_ERR_INIT;
    enum port_state state = PORT_WELL;
    if (port_guard_mend(g, &state, &err) < 0) {
        sw_log_err(SW_LOG_WARNING, "network-not-mended", &err, "lease", name, NULL);
    } else if (state == PORT_GONE) {
        sw_log(SW_LOG_WARNING, "network-is-gone", "lease", name, "port", g->port, NULL);
        if (!drop_ready(m->n, name))
            m->gone(m->ctx, name);
    } else if (state == PORT_MENDED) {
        sw_log(SW_LOG_WARNING, "network-mended", "lease", name, "what", "port of the bridge", NULL);
        guard_again(m->n, name);
    }
}

static void mend_rules(struct mending *m, const char *name, const json_t *lease)
{
    struct sw_err err = SW_ERR_INIT;
    struct cni_port ports[NETWORK_PORTS_MAX];
    size_t ports_n = ports_of(lease, ports);
    const json_t *result = sw_json_object(lease, "result");
    const json_t *ip = json_array_get(sw_json_array(result, "ips"), 0);
    const char *address = sw_json_str(ip, "address", "");
    struct sw_str rules = sw_buf_str(&m->rules);
    sw_autofree char *path = network_path(m->n, name);
    bool masquerade = *address && !task_net_has_masquerade(rules, m->n->bridge, name);
    bool map = ports_n > 0 && !task_net_has_ports(rules, name);
    if (masquerade)
        (void)task_net_masquerade(m->n->bridge, name, address, &err);
    if (map && err.code == 0)
        (void)cni_map_ports(m->n->cni, name, path, result, ports, ports_n, &err);
    if (err.code)
        sw_log_err(SW_LOG_WARNING, "network-not-mended", &err, "lease", name, NULL);
    else if (masquerade || map)
        sw_log(SW_LOG_WARNING, "network-mended", "lease", name, "what", "rules of the nat table",
               NULL);
}

static void mend_lease(struct mending *m, const char *name)
{
    struct port_guard g;
    sw_autojson json_t *lease = read_lease(m->n, name);
    if (!lease || was_left(m->n, name) || !port_guard_read(sw_json_object(lease, "result"), &g))
        return;
    if (!port_guard_has_bridge(&g)) {
        m->needs_bridge = true;
        return;
    }
    mend_port(m, name, &g);
    if (m->rules.n > 0)
        mend_rules(m, name, lease);
}

static void mend_leases(struct mending *m)
{
    DIR *d = opendir(m->n->dir);
    struct sw_err err = SW_ERR_INIT;
    if (task_net_rules(&m->rules, &err) < 0)
        sw_buf_reset(&m->rules);
    for (struct dirent *e; d && (e = readdir(d));) {
        char name[NETWORK_NAME_MAX];
        struct sw_str s = sw_str(e->d_name);
        if (!sw_str_starts_with(s, "net-") || !sw_str_ends_with(s, ".json"))
            continue;
        s.n -= 5;
        if (sw_str_copy(s, name, sizeof name))
            mend_lease(m, name);
    }
    if (d)
        closedir(d);
}

void network_mend(struct network *n, void (*gone)(void *ctx, const char *name), void *ctx)
{
    struct mending m = {.n = n, .rules = SW_BUF_INIT(RULES_MAX), .gone = gone, .ctx = ctx};
    for (int i = 0; n->cni && i < 2; i++) {
        struct ready r;
        struct sw_err err = SW_ERR_INIT;
        m.needs_bridge = false;
        sw_buf_reset(&m.rules);
        pthread_rwlock_wrlock(&n->steady);
        mend_leases(&m);
        pthread_rwlock_unlock(&n->steady);
        if (!m.needs_bridge || i > 0)
            break;
        /* The plugin makes it, for whoever comes. */
        if (make(n, false, &r, &err) < 0) {
            sw_log_err(SW_LOG_WARNING, "network-not-mended", &err, "bridge", n->bridge, NULL);
            break;
        }
        sw_log(SW_LOG_WARNING, "network-mended", "bridge", n->bridge, NULL);
        (void)network_release(n, r.name, &err);
    }
    sw_buf_done(&m.rules);
}

int network_clean(struct network *n, bool (*in_use)(void *ctx, const char *name), void *ctx,
                  struct sw_err *err)
{
    DIR *d = opendir(n->dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", n->dir);
    for (struct dirent *e; (e = readdir(d));) {
        char name[NETWORK_NAME_MAX];
        struct sw_str s = sw_str(e->d_name);
        if (!sw_str_starts_with(s, "net-"))
            continue;
        if (sw_str_ends_with(s, ".json"))
            s.n -= 5;
        if (!sw_str_copy(s, name, sizeof name))
            continue;
        struct sw_err one = SW_ERR_INIT;
        if (in_use(ctx, name)) {
            guard_again(n, name);
            continue;
        }
        if (network_release(n, name, &one) < 0)
            sw_log_err(SW_LOG_WARNING, "network-not-released", &one, "lease", name, NULL);
    }
    closedir(d);
    free_addresses(n);
    return 0;
}

static void wait_changed(struct network *n, int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    (void)pthread_cond_clockwait(&n->changed, &n->lock, CLOCK_MONOTONIC, &t);
}

static void *filler_main(void *arg)
{
    struct network *n = arg;
    pthread_mutex_lock(&n->lock);
    while (!n->closing) {
        if (n->pool_n >= n->pool_size) {
            pthread_cond_wait(&n->changed, &n->lock);
            continue;
        }
        pthread_mutex_unlock(&n->lock);
        struct ready r;
        struct sw_err err = SW_ERR_INIT;
        int made = make(n, false, &r, &err);
        if (made < 0)
            sw_log_err(SW_LOG_WARNING, "network-not-prepared", &err, NULL);
        pthread_mutex_lock(&n->lock);
        if (made == 0)
            n->pool[n->pool_n++] = r;
        else if (!n->closing)
            wait_changed(n, POOL_RETRY_MS);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

void network_start_pool(struct network *n)
{
    if (n->cni && n->pool_size > 0 && !n->filler_started)
        n->filler_started = pthread_create(&n->filler, NULL, filler_main, n) == 0;
}

void network_free(struct network *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->closing = true;
    pthread_cond_broadcast(&n->changed);
    pthread_mutex_unlock(&n->lock);
    if (n->filler_started)
        pthread_join(n->filler, NULL);
    for (size_t i = 0; i < n->pool_n; i++) {
        struct sw_err ignored = SW_ERR_INIT;
        (void)network_release(n, n->pool[i].name, &ignored);
    }
    while (n->left) {
        struct left *one = n->left;
        n->left = one->next;
        free(one);
    }
    pthread_mutex_destroy(&n->lock);
    pthread_rwlock_destroy(&n->steady);
    pthread_cond_destroy(&n->changed);
    cni_free(n->cni);
    if (n->claim >= 0)
        (void)close(n->claim);
    free(n->addresses);
    free(n->bridge);
    free(n->dir);
    free(n);
}
