/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/pull.c
 *
 * Invariants:
 * 1. A snapshot is published only after its blob's digest and size and its diff id were found right.
 * 2. Workers take layers in order, so whoever makes layer i can wait for layer i-1: somebody is making it already.
 * 3. The compressed bytes live in a file without a name; nothing is left of them, however the process ends. */
#include "launcher/agent/pull.h"
#include "launcher/agent/flag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/agent/blob_fetch.h"
#include "launcher/agent/image_grants.h"
#include "launcher/agent/image_manifest.h"
#include "launcher/agent/registry_client.h"
#include "launcher/runtime/image_user.h"

#define REASON          "CannotPullContainerError"
#define LAYERS_AT_ONCE  3
#define INDEX_DEPTH_MAX 3
#define ACCEPT_MANIFESTS                                                                    \
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " \
    "application/vnd.docker.distribution.manifest.v2+json, "                                \
    "application/vnd.docker.distribution.manifest.list.v2+json"

struct puller {
    struct puller_options o;
    char *content_dir, *empty_layer;
    struct registry_client *client;
    struct image_grants *grants;
    const char *architecture;
    const struct layer_limits *limits;
};

/* One pull: shared by its workers under the lock. */
struct pull {
    struct puller *p;
    const struct image_reference *ref;
    const struct image_manifest *manifest;
    const struct image_config *config;
    pthread_mutex_t lock;
    size_t next;
    volatile int cancelled; /* one layer failed, or the caller's flag */
    const volatile int *caller_cancelled;
    struct sw_err err; /* the first failure */
};

int puller_new(const struct puller_options *o, struct puller **ret, struct sw_err *err)
{
    struct puller *p = SW_NEW(struct puller);
    p->o = *o;
    p->content_dir = sw_strdup(o->content_dir);
    p->empty_layer = sw_asprintf("%s/empty", o->content_dir);
    p->architecture = o->architecture ? o->architecture : image_own_architecture();
    p->limits = o->limits ? o->limits : &layer_limits_default;
    p->client = registry_client_new(&(struct registry_client_options){
        .ca_file = o->ca_file, .authorization = o->authorization, .ctx = o->ctx});
    if (sw_mkdirs(p->empty_layer, 0700, err) < 0 ||
        image_grants_new(o->content_dir, &p->grants, err) < 0) {
        puller_free(p);
        return err->code;
    }
    *ret = p;
    return 0;
}

void puller_free(struct puller *p)
{
    if (!p)
        return;
    registry_client_free(p->client);
    image_grants_free(p->grants);
    free(p->content_dir);
    free(p->empty_layer);
    free(p);
}

void image_done(struct image *i)
{
    json_decref(i->config);
    image_hold_free(i->hold);
    for (size_t k = 0; k < i->layers_n; k++)
        free(i->layers[k]);
    free(i->layers);
    memset(i, 0, sizeof *i);
}

/* --- manifests and configurations kept on this machine --- */

static char *content_path(const struct puller *p, const struct digest *d)
{
    char hex[129];
    digest_hex(d, hex);
    return sw_asprintf("%s/%s-%s", p->content_dir, digest_algorithm_to_string(d->algorithm), hex);
}

static bool content_load(const struct puller *p, const struct digest *d, struct sw_buf *ret)
{
    sw_autofree char *path = content_path(p, d);
    struct sw_err ignored = SW_ERR_INIT;
    struct digest got;
    sw_buf_reset(ret);
    if (sw_read_file(path, ret, &ignored) < 0)
        return false;
    digest_of(d->algorithm, sw_buf_str(ret).p, ret->n, &got);
    return digest_equal(&got, d);
}

static bool content_same(const char *path, struct sw_str data)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(data.n);
    return sw_read_file(path, &b, &ignored) == 0 && sw_str_eq(sw_buf_str(&b), data);
}

/* Only a cache: a failure to keep a copy costs a request later. What is there already is left alone: on ext4 a rename over another
 * file waits until the new one's blocks are on their way to the disk, 5 to 10 ms of each launch. */
static void content_save(const struct puller *p, const char *path, struct sw_str data)
{
    if (content_same(path, data))
        return;
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *temp = sw_asprintf("%s/new.XXXXXX", p->content_dir);
    sw_autoclose int fd = mkostemp(temp, O_CLOEXEC);
    if (fd >= 0 && (sw_write_all(fd, data.p, data.n, &ignored) < 0 || rename(temp, path) < 0))
        (void)unlink(temp);
}

static char *tag_path(const struct puller *p, const struct image_reference *ref)
{
    char key[IMAGE_REFERENCE_MAX + 600];
    struct digest d;
    char hex[129];
    int n = snprintf(key, sizeof key, "%s|%s|%s|%s", ref->host_port, ref->host_header,
                     ref->repository, ref->tag);
    digest_of(DIGEST_SHA256, key, (size_t)n, &d);
    digest_hex(&d, hex);
    return sw_asprintf("%s/tag-%s", p->content_dir, hex);
}

static void tag_save(const struct puller *p, const struct image_reference *ref,
                     const struct digest *d)
{
    char text[DIGEST_STRING_MAX];
    sw_autofree char *path = tag_path(p, ref);
    digest_format(d, text);
    content_save(p, path, sw_str(text));
}

static bool tag_load(const struct puller *p, const struct image_reference *ref, struct digest *ret)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(DIGEST_STRING_MAX);
    sw_autofree char *path = tag_path(p, ref);
    return sw_read_file(path, &b, &ignored) == 0 && digest_parse(sw_buf_str(&b), ret);
}

/* --- manifest --- */

static int fetch_document(struct puller *p, const struct image_reference *ref, const char *kind,
                          const char *name, const struct digest *want, size_t max,
                          struct sw_buf *ret, char content_type[256], struct digest *ret_digest,
                          struct sw_err *err)
{
    struct httpc_response r = {0};
    char header[DIGEST_STRING_MAX];
    struct registry_get g = {.ref = ref,
                             .kind = kind,
                             .name = name,
                             .accept = content_type ? ACCEPT_MANIFESTS : NULL,
                             .body_max = max};
    if (registry_get(p->client, &g, &r, err) < 0)
        return err->code;
    struct sw_str body = sw_buf_str(&r.body);
    digest_of(want ? want->algorithm : DIGEST_SHA256, body.p, body.n, ret_digest);
    struct digest said;
    bool wrong = want && !digest_equal(want, ret_digest);
    if (!want && httpc_header(&r, "Docker-Content-Digest", header, sizeof header) &&
        digest_parse(sw_str(header), &said)) {
        digest_of(said.algorithm, body.p, body.n, ret_digest);
        wrong = !digest_equal(&said, ret_digest);
    }
    if (content_type && !httpc_header(&r, "Content-Type", content_type, 256))
        content_type[0] = 0;
    sw_buf_reset(ret);
    sw_buf_add_str(ret, body);
    httpc_response_done(&r);
    if (wrong)
        return sw_fail(err, SW_EMISMATCH, REASON,
                       "what %s sent for %s/%s does not have the digest it should have",
                       ref->host_port, ref->repository, name);
    return sw_buf_check(ret, REASON, err);
}

/* A manifest that is here, and that this registry has sent us once: would it send it to these, too? Of others a HEAD could say so
 * without having it. Docker's registry counts no HEAD against the limits of its pulls; ours counts pulls, which this is. */
static int ask_for_manifest(struct puller *p, const struct image_reference *ref, const char *digest,
                            struct sw_err *err)
{
    struct httpc_response r = {0};
    const struct registry_get g = {.ref = ref,
                                   .kind = "manifests",
                                   .name = digest,
                                   .accept = ACCEPT_MANIFESTS,
                                   .head = !ref->ours,
                                   .body_max = LIMIT_MANIFEST};
    int r_code = registry_get(p->client, &g, &r, err);
    httpc_response_done(&r);
    return r_code;
}

/* The registry cannot be reached: what is here is for those that it was given to before. Clears the error. */
static bool may_do_without(struct puller *p, const struct image_reference *ref,
                           const struct digest *known, struct sw_err *err)
{
    if (err->code != SW_EUNAVAILABLE || p->o.behavior == PULL_ALWAYS ||
        !(ref->known || image_grants_find(p->grants, ref, known) == GRANT_GIVEN))
        return false;
    sw_log_err(SW_LOG_WARNING, "registry-unreachable-using-image-on-this-instance", err,
               "repository", ref->repository, NULL);
    sw_err_clear(err);
    return true;
}

/* The manifest that is here: 1 when it may be used, 0 when it has to be fetched. */
static int use_manifest(struct puller *p, const struct image_reference *ref,
                        const struct digest *known, struct sw_err *err)
{
    char name[DIGEST_STRING_MAX];
    enum image_grant grant = image_grants_find(p->grants, ref, known);
    if (ref->known || (grant == GRANT_GIVEN && !ref->ask))
        return 1;
    if (grant == GRANT_UNKNOWN)
        return 0;
    digest_format(known, name);
    if (ask_for_manifest(p, ref, name, err) == 0) {
        image_grants_give(p->grants, ref, known);
    } else if (err->code == SW_EIO) { /* it knows no HEAD */
        sw_err_clear(err);
        return 0;
    } else if (!may_do_without(p, ref, known, err)) {
        return err->code;
    }
    return 1;
}

/* The manifest by digest (from here if we have it) or by tag. */
static int get_manifest(struct puller *p, const struct image_reference *ref,
                        const struct digest *want, struct sw_buf *body, char content_type[256],
                        struct digest *ret_digest, struct sw_err *err)
{
    char name[DIGEST_STRING_MAX];
    content_type[0] = 0;
    struct digest known;
    bool cached = want || (!ref->ask && p->o.behavior == PULL_CACHED && tag_load(p, ref, &known));
    if (want)
        known = *want;
    if (cached && content_load(p, &known, body)) {
        int r = use_manifest(p, ref, &known, err);
        if (r == 1)
            *ret_digest = known;
        if (r != 0)
            return SW_MIN(r, 0);
    }
    if (want)
        digest_format(want, name);
    else
        snprintf(name, sizeof name, "%s", ref->tag);
    if (fetch_document(p, ref, "manifests", name, want, LIMIT_MANIFEST, body, content_type,
                       ret_digest, err) == 0) {
        sw_autofree char *path = content_path(p, ret_digest);
        content_save(p, path, sw_buf_str(body));
        image_grants_give(p->grants, ref, ret_digest);
        return 0;
    }
    if (want || !tag_load(p, ref, &known) || !content_load(p, &known, body) ||
        !may_do_without(p, ref, &known, err))
        return err->code;
    *ret_digest = known;
    return 0;
}

/* What was read of an image: from its index to its configuration. */
struct documents {
    struct digest list[INDEX_DEPTH_MAX + 1];
    size_t n;
};

/* The first document is what names the image. */
static int resolve_manifest(struct puller *p, const struct image_reference *ref,
                            struct image_manifest *ret, struct documents *docs, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf body = SW_BUF_INIT(LIMIT_MANIFEST);
    struct digest want = ref->digest, got;
    bool by_digest = ref->has_digest;
    for (int depth = 0;; depth++) {
        char content_type[256];
        if (depth == INDEX_DEPTH_MAX)
            return sw_fail(err, SW_EINVALID, "CannotPullImageManifestError",
                           "the image index is nested too deeply");
        if (get_manifest(p, ref, by_digest ? &want : NULL, &body, content_type, &got, err) < 0 ||
            image_manifest_parse(sw_buf_str(&body), content_type[0] ? content_type : NULL,
                                 p->architecture, ret, err) < 0)
            return err->code;
        docs->list[docs->n++] = got;
        if (depth == 0 && !ref->has_digest)
            tag_save(p, ref, &got);
        if (!ret->is_index)
            return 0;
        want = ret->child.digest;
        by_digest = true;
    }
}

static int get_config(struct puller *p, const struct image_reference *ref,
                      const struct image_manifest *m, struct image_config *ret, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf body = SW_BUF_INIT(LIMIT_IMAGE_CONFIG);
    char name[DIGEST_STRING_MAX];
    struct digest got;
    digest_format(&m->config.digest, name);
    if (m->config.size > LIMIT_IMAGE_CONFIG)
        return sw_fail(err, SW_ELIMIT, REASON, "the image configuration is larger than %d bytes",
                       LIMIT_IMAGE_CONFIG);
    /* Whoever may read the manifest may read this, in that repository; a manifest that names another's configuration has to show it. */
    bool shown =
        ref->known || image_grants_find(p->grants, ref, &m->config.digest) != GRANT_UNKNOWN;
    if (!shown || !content_load(p, &m->config.digest, &body)) {
        if (fetch_document(p, ref, "blobs", name, &m->config.digest, LIMIT_IMAGE_CONFIG, &body,
                           NULL, &got, err) < 0)
            return err->code;
        sw_autofree char *path = content_path(p, &m->config.digest);
        content_save(p, path, sw_buf_str(&body));
        image_grants_give(p->grants, ref, &got);
    }
    if ((int64_t)body.n != m->config.size)
        return sw_fail(err, SW_EMISMATCH, REASON,
                       "the image configuration has %zu bytes, its descriptor says %lld", body.n,
                       (long long)m->config.size);
    return image_config_parse(sw_buf_str(&body), m->layers_n, p->architecture, ret, err);
}

/* --- layers --- */

/* Folders that the layer only passes through look as the layers below have them, else overlayfs would show ours. */
static int inherit_folder(struct pull *w, size_t layer, int root, const char *path,
                          struct sw_err *err)
{
    for (size_t i = layer; i-- > 0;) {
        sw_autofree char *lower = snapshots_path(w->p->o.snapshots, &w->config->chain[i]);
        sw_autoclose int lower_fd = open(lower, O_PATH | O_DIRECTORY | O_CLOEXEC);
        sw_autoclose int from =
            lower_fd < 0 ? -1
                         : image_openat(lower_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        struct stat st;
        if (from < 0 || fstat(from, &st) < 0)
            continue;
        sw_autoclose int to = image_openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        const struct timespec times[2] = {st.st_mtim, st.st_mtim};
        if (to < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0 ||
            futimens(to, times) < 0)
            return sw_fail_os(err, errno, "folder %s of the layer", path);
        return 0;
    }
    return 0;
}

static int inherit_folders(struct pull *w, size_t layer, int root, const struct layer_result *res,
                           struct sw_err *err)
{
    struct sw_str s = sw_buf_str(&res->implicit);
    while (s.n > 0) {
        if (inherit_folder(w, layer, root, s.p, err) < 0)
            return err->code;
        s = sw_str_slice(s, strlen(s.p) + 1, s.n);
    }
    return 0;
}

/* Waits until the layer below is there: another worker or another pull is making it (invariant 2). */
static int wait_for_below(struct pull *w, size_t layer, struct sw_err *err)
{
    if (layer == 0)
        return 0;
    char *dir = NULL;
    int r = snapshots_claim(w->p->o.snapshots, &w->config->chain[layer - 1], &dir, err);
    if (r == 1) {
        snapshots_abandon(w->p->o.snapshots, &w->config->chain[layer - 1], dir);
        free(dir);
        return sw_fail(err, SW_EUNAVAILABLE, REASON, "the layer below failed");
    }
    return r;
}

static int unpack_into(struct pull *w, size_t layer, const char *dir, struct sw_err *err)
{
    const struct image_descriptor *d = &w->manifest->layers[layer];
    SW_CLEANUP(layer_result_done) struct layer_result res = LAYER_RESULT_INIT;
    struct blob_fetch *f = NULL;
    /* Padding that unpacks to nothing would fill the disk before any other limit is met. */
    if (d->size / 2 > w->p->limits->unpacked_bytes)
        return sw_fail(err, SW_ELIMIT, REASON, "%lld bytes are more than a layer may unpack to",
                       (long long)d->size);
    sw_autoclose int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return sw_fail_os(err, errno, "%s", dir);
    if (blob_fetch_start(w->p->client, w->ref, &d->digest, d->size, w->p->content_dir,
                         &w->cancelled, &f, err) < 0)
        return err->code;
    int r = layer_unpack(blob_fetch_read, f, root, w->p->limits, &res, err);
    /* An archive that looks broken may be a download that was: the digest's verdict comes first. */
    struct sw_err fetched = SW_ERR_INIT;
    if (blob_fetch_finish(f, r < 0, &fetched) < 0 && (r == 0 || fetched.code == SW_EMISMATCH)) {
        sw_err_clear(err);
        r = sw_err_move(err, &fetched);
    }
    if (r == 0 && !digest_equal(&res.diff_id, &w->config->diff[layer]))
        r = sw_fail(
            err, SW_EMISMATCH, REASON,
            "layer %zu unpacks to something else than the image configuration says (diff id)",
            layer);
    if (r == 0 && res.implicit.n > 0 && wait_for_below(w, layer, err) == 0)
        (void)inherit_folders(w, layer, root, &res, err);
    return err->code;
}

static int pull_layer(struct pull *w, size_t layer, struct sw_err *err)
{
    struct snapshots *s = w->p->o.snapshots;
    sw_autofree char *dir = NULL;
    int r = snapshots_claim(s, &w->config->chain[layer], &dir, err);
    if (r <= 0)
        return r;
    if (unpack_into(w, layer, dir, err) < 0) {
        snapshots_abandon(s, &w->config->chain[layer], dir);
        return sw_prefix(err, "layer %zu", layer);
    }
    return snapshots_publish(s, &w->config->chain[layer], dir, err);
}

static void *worker(void *arg)
{
    struct pull *w = arg;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        size_t layer = w->next++;
        if (flag_is_set(w->caller_cancelled))
            flag_set(&w->cancelled);
        bool stop = layer >= w->config->layers_n || flag_is_set(&w->cancelled);
        pthread_mutex_unlock(&w->lock);
        if (stop)
            return NULL;
        struct sw_err err = SW_ERR_INIT;
        if (pull_layer(w, layer, &err) < 0) {
            pthread_mutex_lock(&w->lock);
            if (w->err.code == 0)
                (void)sw_err_move(&w->err, &err);
            flag_set(&w->cancelled);
            pthread_mutex_unlock(&w->lock);
        }
    }
}

static int pull_layers(struct pull *w, struct sw_err *err)
{
    pthread_t threads[LAYERS_AT_ONCE - 1];
    size_t n = 0, missing = 0;
    for (size_t i = 0; i < w->config->layers_n; i++)
        missing += !snapshots_have(w->p->o.snapshots, &w->config->chain[i]);
    if (missing == 0)
        return 0;
    while (n < SW_ARRAY_LEN(threads) && n + 1 < missing &&
           pthread_create(&threads[n], NULL, worker, w) == 0)
        n++;
    (void)worker(w);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    if (w->err.code)
        return sw_err_move(err, &w->err);
    if (flag_is_set(&w->cancelled))
        return sw_fail(err, SW_EUNAVAILABLE, REASON, "the pull was given up");
    return 0;
}

static void fill_image(struct puller *p, struct image_config *config, const struct digest *top,
                       struct image *ret)
{
    size_t n = config->layers_n;
    digest_format(top, ret->manifest_digest);
    ret->config = SW_TAKE(config->doc);
    ret->layers_n = SW_MAX(n, (size_t)1);
    ret->layers = sw_calloc(ret->layers_n, sizeof *ret->layers);
    ret->layers[0] = n ? NULL : sw_strdup(p->empty_layer);
    for (size_t i = 0; i < n; i++)
        ret->layers[i] = snapshots_path(p->o.snapshots, &config->chain[i]);
}

static int pull_image(struct puller *p, const struct image_reference *ref,
                      struct image_manifest *manifest, struct image_config *config,
                      const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    struct documents docs = {.n = 0};
    if (resolve_manifest(p, ref, manifest, &docs, err) < 0 ||
        get_config(p, ref, manifest, config, err) < 0)
        return err->code;
    docs.list[docs.n++] = manifest->config.digest;
    struct image_hold *hold =
        p->o.images ? image_store_hold(p->o.images, config->chain, config->layers_n) : NULL;
    struct pull w = {
        .p = p, .ref = ref, .manifest = manifest, .config = config, .caller_cancelled = cancelled};
    pthread_mutex_init(&w.lock, NULL);
    int r = pull_layers(&w, err);
    pthread_mutex_destroy(&w.lock);
    if (r == 0) {
        fill_image(p, config, &docs.list[0], ret);
        if (hold)
            image_store_record(hold, &docs.list[0], docs.list, docs.n);
        ret->hold = hold;
    } else {
        image_hold_free(hold);
    }
    image_config_done(config);
    return r;
}

static bool is_full(const struct sw_err *err)
{
    return err->os_errno == ENOSPC || err->os_errno == EDQUOT ||
           (err->reason && strcmp(err->reason, "DiskFull") == 0);
}

int puller_pull(struct puller *p, const char *name, const struct pull_as *as,
                const volatile int *cancelled, struct image *ret, struct sw_err *err)
{
    struct image_reference ref;
    if (image_name_parse(sw_str(name), &p->o.registry, &ref, err) < 0 ||
        sw_mkdirs(p->empty_layer, 0700, err) < 0)
        return err->code;
    if (as) {
        ref.authorization = as->authorization;
        ref.identity = as->authorization && ref.ours ? as->identity : NULL;
        ref.known = as->known;
        ref.credentials = as->credentials;
        ref.ask = !as->known && ((as->authorization && ref.ours) || as->credentials);
    }
    /* Large, so not on the stack. */
    sw_autofree struct image_manifest *manifest = SW_NEW(struct image_manifest);
    sw_autofree struct image_config *config = SW_NEW(struct image_config);
    if (pull_image(p, &ref, manifest, config, cancelled, ret, err) < 0 && is_full(err) &&
        p->o.make_room && p->o.make_room(p->o.room_ctx)) {
        sw_log_err(SW_LOG_WARNING, "disk-full-images-removed", err, "image", name, NULL);
        sw_err_clear(err);
        memset(manifest, 0, sizeof *manifest);
        memset(config, 0, sizeof *config);
        (void)pull_image(p, &ref, manifest, config, cancelled, ret, err);
    }
    if (err->code && (!err->reason || strncmp(err->reason, "CannotPull", 10) != 0))
        err->reason = REASON;
    return err->code;
}
