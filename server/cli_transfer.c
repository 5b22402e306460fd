/* SPDX-License-Identifier: Apache-2.0 */
/* server/cli_transfer.c - slipway push and pull, without docker, and what is nearly the same: import and export. A pull makes an OCI
 * layout in a folder; an export makes one in a folder or a tar archive, or a docker archive, which is that of one platform with
 * docker's manifest.json beside it. What is exported is streamed: nothing of it lies on this machine's disk but the result. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "server/cli.h"
#include "server/local_image.h"
#include "server/tar_writer.h"
#include "server/transfer_client.h"

#define PROGRESS_EVERY_MS 200
#define NESTING_MAX       8
#define MIB               (1024.0 * 1024.0)
#define READ_CHUNK        262144

struct options {
    struct cli_common common;
    char *entrypoint, *cmd, *format, *platform;
    bool create, quiet;
};
static const char *const formats[] = {"oci", "docker", NULL};

#define OFF(member) offsetof(struct options, member)
/* clang-format off */
static const struct conf_key push_keys[] = {
    CLI_COMMON_KEYS,
    {"create", CONF_BOOL, OFF(create), "false", 0, 0, NULL, "make the repository first if it does not exist"},
    {"entrypoint", CONF_STRING, OFF(entrypoint), NULL, 0, 0, NULL, "plain folder: the image's entry point, a JSON list or one word"},
    {"cmd", CONF_STRING, OFF(cmd), NULL, 0, 0, NULL, "plain folder: the image's command, a JSON list or one word"},
    {"quiet", CONF_BOOL, OFF(quiet), "false", 0, 0, NULL, "say only what failed"},
};
static const struct conf_key pull_keys[] = {
    CLI_COMMON_KEYS,
    {"quiet", CONF_BOOL, OFF(quiet), "false", 0, 0, NULL, "say only what failed"},
};
static const struct conf_key export_keys[] = {
    CLI_COMMON_KEYS,
    {"format", CONF_ENUM, OFF(format), "oci", 0, 0, formats, "oci: a layout, in a folder or .tar; docker: an archive for docker load"},
    {"platform", CONF_STRING, OFF(platform), NULL, 0, 0, NULL, "docker: which one of an index, as OS/ARCHITECTURE; linux and this machine's"},
    {"quiet", CONF_BOOL, OFF(quiet), "false", 0, 0, NULL, "say only what failed"},
};
/* clang-format on */
static const struct conf_table export_flags = {export_keys, SW_ARRAY_LEN(export_keys), ""};
static const struct conf_table push_flags = {push_keys, SW_ARRAY_LEN(push_keys), ""};
static const struct conf_table pull_flags = {pull_keys, SW_ARRAY_LEN(pull_keys), ""};

static volatile int interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

/* One line per blob; on a terminal the line of the blob that moves is drawn again. */
struct transfer {
    struct transfer_client client;
    const struct options *o;
    char label[32];
    int64_t drawn_at_ms;
    bool terminal;
};

static void say(void *ctx, const char *what)
{
    const struct transfer *t = ctx;
    if (!t->o->quiet)
        fprintf(stderr, "slipway: %s\n", what);
}

static void draw(void *ctx, uint64_t done, uint64_t total)
{
    struct transfer *t = ctx;
    if (!t->terminal || t->o->quiet || sw_mono_ms() - t->drawn_at_ms < PROGRESS_EVERY_MS)
        return;
    t->drawn_at_ms = sw_mono_ms();
    fprintf(stderr, "\r%s  %5.1f %%  %8.1f MiB ", t->label,
            total ? 100.0 * (double)done / (double)total : 100.0, (double)total / MIB);
}

static void set_label(struct transfer *t, const struct digest *d)
{
    char text[DIGEST_STRING_MAX];
    digest_format(d, text);
    (void)sw_str_copy(sw_str_n(text, SW_MIN(strlen(text), (size_t)19)), t->label, sizeof(t->label));
}

static void finish_line(const struct transfer *t, uint64_t size, const char *what)
{
    if (!t->o->quiet)
        fprintf(stderr, "%s%s  %-8s %8.1f MiB\n", t->terminal ? "\r" : "", t->label, what,
                (double)size / MIB);
}

static int open_transfer(struct transfer *t, const char *reference, struct transfer_reference *ref,
                         struct client *client, struct sw_err *err)
{
    int r = transfer_reference_parse(reference, ref, err);
    if (r < 0)
        return r;
    const struct cli_common *o = &t->o->common;
    struct client_options options = {.endpoint = o->endpoint,
                                     .data_dir = o->data,
                                     .credentials_file = o->credentials,
                                     .region = o->region,
                                     .ca_file = o->ca_file,
                                     .profile = o->profile};
    r = client_open(&options, client, err);
    if (r < 0)
        return r;
    t->terminal = isatty(STDERR_FILENO);
    r = transfer_client_open(client, ref, &t->client, err);
    t->client.progress = draw;
    t->client.progress_ctx = t;
    t->client.cancelled = &interrupted;
    return r;
}

static int create_repository(struct client *c, const char *name, struct sw_err *err)
{
    sw_autojson json_t *in = json_pack("{s:s}", "repositoryName", name);
    int r = client_call(c, TARGET_ECR ".CreateRepository", in, 0, NULL, err);
    if (r < 0 && sw_streq(err->reason, "RepositoryAlreadyExistsException")) {
        sw_err_clear(err);
        r = 0;
    }
    return r;
}

static int push_blob(struct transfer *t, const struct local_image_blob *b, struct sw_err *err)
{
    set_label(t, &b->digest);
    int r = transfer_client_has_blob(&t->client, &b->digest, err);
    if (r < 0)
        return r;
    if (r == 0)
        r = transfer_client_put_blob(&t->client, &b->digest, b->path, b->size, err);
    else
        r = 1;
    if (r >= 0)
        finish_line(t, b->size, r == 1 ? "exists" : "pushed");
    return r < 0 ? r : 0;
}

static int push_manifests(struct transfer *t, const struct local_image *image, const char *tag,
                          struct sw_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < image->manifests_n; i++) {
        const struct local_image_manifest *m = &image->manifests[i];
        char digest[DIGEST_STRING_MAX];
        digest_format(&m->digest, digest);
        bool last = i + 1 == image->manifests_n;
        r = transfer_client_put_manifest(&t->client, last && *tag ? tag : digest, m->media_type,
                                         sw_str_n(m->content, m->content_n), err);
        if (r == 0 && last)
            printf("%s\n", digest);
    }
    return r;
}

/* A name with a digest can only be given to the content that has it. */
static int check_digest(const struct local_image *image, const char *wanted, struct sw_err *err)
{
    char digest[DIGEST_STRING_MAX];
    digest_format(&image->manifests[image->manifests_n - 1].digest, digest);
    if (sw_streq(digest, wanted))
        return 0;
    return sw_fail(err, SW_EMISMATCH, NULL, "the image is %s, not %s; push it to a tag", digest,
                   wanted);
}

static int push(const struct options *o, const char *path, const char *reference,
                struct sw_err *err)
{
    struct transfer t = {.o = o};
    struct transfer_reference ref;
    struct client client = {0};
    struct local_image image = {0};
    int r = open_transfer(&t, reference, &ref, &client, err);
    if (r == 0) {
        struct local_image_options options = {.name = ref.tag,
                                              .entrypoint = o->entrypoint,
                                              .cmd = o->cmd,
                                              .progress = say,
                                              .progress_ctx = &t,
                                              .cancelled = &interrupted};
        r = local_image_open(path, &options, &image, err);
    }
    if (r == 0 && ref.digest[0])
        r = check_digest(&image, ref.digest, err);
    if (r == 0 && o->create)
        r = create_repository(&client, ref.repository, err);
    for (size_t i = 0; r == 0 && i < image.blobs_n; i++)
        r = push_blob(&t, &image.blobs[i], err);
    if (r == 0)
        r = push_manifests(&t, &image, ref.tag, err);
    local_image_done(&image);
    transfer_client_close(&t.client);
    client_close(&client);
    return r;
}

/* Where an image goes: a folder, or a tar archive. */
struct layout {
    struct transfer *t;
    const char *root;
    struct tar_writer *tar; /* instead of root */
};

static char *blob_name(const struct digest *d)
{
    char hex[129];
    digest_hex(d, hex);
    return sw_asprintf("blobs/%s/%s", digest_algorithm_to_string(d->algorithm), hex);
}

static int layout_blob_path(const struct layout *l, const struct digest *d, char **ret,
                            struct sw_err *err)
{
    sw_autofree char *name = blob_name(d);
    sw_autofree char *dir =
        sw_asprintf("%s/blobs/%s", l->root, digest_algorithm_to_string(d->algorithm));
    *ret = sw_asprintf("%s/%s", l->root, name);
    return sw_mkdirs(dir, 0755, err);
}

static int put_file(const struct layout *l, const char *name, const void *content, size_t n,
                    struct sw_err *err)
{
    if (l->tar)
        return tar_writer_has(l->tar, name) ? 0 : tar_writer_member(l->tar, name, content, n, err);
    sw_autofree char *path = sw_asprintf("%s/%s", l->root, name);
    return sw_write_file_atomic(path, content, n, 0644, err);
}

static int put_in_tar(void *ctx, const void *data, size_t n, struct sw_err *err)
{
    return tar_writer_data(ctx, data, n, err);
}

static int stream_blob(const struct layout *l, const struct digest *d, uint64_t size,
                       struct sw_err *err)
{
    sw_autofree char *name = blob_name(d);
    if (tar_writer_has(l->tar, name))
        return 0;
    int r = tar_writer_begin(l->tar, name, size, err);
    if (r == 0)
        r = transfer_client_stream_blob(&l->t->client, d, size, put_in_tar, l->tar, err);
    if (r == 0)
        finish_line(l->t, size, "pulled");
    return r;
}

/* A file of an earlier pull counts only when it is whole. */
static bool file_has_digest(const char *path, int64_t size, const struct digest *d)
{
    struct stat st;
    struct digest actual;
    struct sw_err ignored = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != size ||
        sw_open(path, O_RDONLY, 0, &fd, &ignored) < 0)
        return false;
    sw_autofree char *chunk = sw_malloc(READ_CHUNK);
    struct digest_hasher *h = digest_hasher_new(d->algorithm);
    ssize_t n;
    while ((n = read(fd, chunk, READ_CHUNK)) > 0)
        digest_hasher_update(h, chunk, (size_t)n);
    digest_hasher_peek(h, &actual);
    digest_hasher_free(h);
    return n == 0 && digest_equal(&actual, d);
}

static int pull_blob(const struct layout *l, const json_t *descriptor, struct sw_err *err)
{
    struct digest d;
    int64_t size = sw_json_int(descriptor, "size", -1);
    if (!digest_parse(sw_str(sw_json_str(descriptor, "digest", "")), &d) || size < 0)
        return sw_fail(err, SW_EINVALID, NULL, "a descriptor without a valid digest and size");
    if (json_array_size(sw_json_array(descriptor, "urls")) > 0)
        return 0; /* a foreign layer lives elsewhere */
    sw_autofree char *path = NULL;
    set_label(l->t, &d);
    if (l->tar)
        return stream_blob(l, &d, (uint64_t)size, err);
    int r = layout_blob_path(l, &d, &path, err);
    if (r < 0)
        return r;
    if (file_has_digest(path, size, &d)) {
        finish_line(l->t, (uint64_t)size, "exists");
        return 0;
    }
    r = transfer_client_get_blob(&l->t->client, &d, (uint64_t)size, path, err);
    if (r == 0)
        finish_line(l->t, (uint64_t)size, "pulled");
    return r;
}

/* ret_descriptor: of the manifest, new reference. */
static int pull_manifest(const struct layout *l, const char *reference, int depth,
                         json_t **ret_descriptor, struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf content = SW_BUF_INIT(LIMIT_MANIFEST);
    sw_autojson json_t *manifest = NULL;
    char media_type[256];
    int r = transfer_client_get_manifest(&l->t->client, reference, &content, media_type, err);
    if (r == 0)
        r = sw_json_load(sw_buf_str(&content), LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES, NULL,
                         &manifest, err);
    if (r == 0 && depth > NESTING_MAX)
        r = sw_fail(err, SW_ELIMIT, NULL, "indexes are nested deeper than %d", NESTING_MAX);
    size_t i;
    json_t *child;
    json_array_foreach(sw_json_array(manifest, "manifests"), i, child) {
        sw_autojson json_t *unused = NULL;
        const char *digest = sw_json_str(child, "digest", "");
        struct digest valid;
        if (r == 0 && !digest_parse(sw_str(digest), &valid))
            r = sw_fail(err, SW_EINVALID, NULL, "%s: names a child without a valid digest",
                        reference);
        if (r == 0)
            r = pull_manifest(l, digest, depth + 1, &unused, err);
    }
    if (r == 0 && sw_json_object(manifest, "config"))
        r = pull_blob(l, sw_json_object(manifest, "config"), err);
    json_array_foreach(sw_json_array(manifest, "layers"), i, child) {
        if (r == 0)
            r = pull_blob(l, child, err);
    }
    if (r < 0)
        return r;
    struct digest d;
    if (!digest_parse(sw_str(reference), &d))
        digest_of(DIGEST_SHA256, content.p, content.n, &d);
    char text[DIGEST_STRING_MAX];
    digest_format(&d, text);
    sw_autofree char *name = blob_name(&d), *path = NULL;
    r = l->tar ? 0 : layout_blob_path(l, &d, &path, err);
    if (r == 0)
        r = put_file(l, name, content.p, content.n, err);
    if (r == 0)
        *ret_descriptor = json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", text,
                                    "size", (json_int_t)content.n);
    return r;
}

static int write_layout(const struct layout *l, json_t *descriptor, const char *tag,
                        struct sw_err *err)
{
    static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    if (*tag)
        sw_json_set_new(descriptor, "annotations",
                        json_pack("{s:s}", "org.opencontainers.image.ref.name", tag));
    sw_autojson json_t *index = json_pack("{s:i, s:s, s:[O]}", "schemaVersion", 2, "mediaType",
                                          MEDIA_OCI_INDEX, "manifests", descriptor);
    sw_autofree char *text = sw_json_dump(index);
    int r = put_file(l, "index.json", text, strlen(text), err);
    return r < 0 ? r : put_file(l, "oci-layout", marker, sizeof(marker) - 1, err);
}

static int pull(const struct options *o, const char *reference, const char *path,
                struct sw_err *err)
{
    struct transfer t = {.o = o};
    struct layout l = {.t = &t, .root = path};
    struct transfer_reference ref;
    struct client client = {0};
    sw_autojson json_t *descriptor = NULL;
    int r = open_transfer(&t, reference, &ref, &client, err);
    if (r == 0)
        r = sw_mkdirs(path, 0755, err);
    if (r == 0)
        r = pull_manifest(&l, ref.tag[0] ? ref.tag : ref.digest, 0, &descriptor, err);
    if (r == 0)
        r = write_layout(&l, descriptor, ref.tag, err);
    if (r == 0)
        printf("%s\n", sw_json_str(descriptor, "digest", ""));
    transfer_client_close(&t.client);
    client_close(&client);
    return r;
}

/* --- export ----------------------------------------------------------------------------------- */

static int load_manifest(struct transfer *t, const char *reference, json_t **ret,
                         struct sw_err *err)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf content = SW_BUF_INIT(LIMIT_MANIFEST);
    char media_type[256];
    int r = transfer_client_get_manifest(&t->client, reference, &content, media_type, err);
    return r < 0 ? r
                 : sw_json_load(sw_buf_str(&content), LIMIT_MANIFEST_DEPTH, LIMIT_MANIFEST_VALUES,
                                NULL, ret, err);
}

static const char *machine(void)
{
    struct utsname u;
    if (uname(&u) < 0)
        return "amd64";
    return sw_streq(u.machine, "x86_64") ? "amd64" : sw_streq(u.machine, "aarch64") ? "arm64" : "";
}

/* The child of an index for one platform; borrowed from it. */
static int choose_platform(const struct options *o, const json_t *index, const char **ret,
                           struct sw_err *err)
{
    sw_autofree char *wanted =
        o->platform ? sw_strdup(o->platform) : sw_asprintf("linux/%s", machine());
    size_t i;
    json_t *child;
    json_array_foreach(sw_json_array(index, "manifests"), i, child) {
        const json_t *p = sw_json_object(child, "platform");
        sw_autofree char *has =
            sw_asprintf("%s/%s", sw_json_str(p, "os", ""), sw_json_str(p, "architecture", ""));
        struct digest valid;
        *ret = sw_json_str(child, "digest", "");
        if (sw_streq(has, wanted) && digest_parse(sw_str(*ret), &valid))
            return 0;
    }
    return sw_fail(err, SW_ENOTFOUND, NULL, "the index has no image for %s; say --platform",
                   wanted);
}

static int member_name(const json_t *descriptor, char **ret, struct sw_err *err)
{
    struct digest d;
    if (json_array_size(sw_json_array(descriptor, "urls")) > 0)
        return sw_fail(err, SW_EUNSUPPORTED, NULL,
                       "an image with foreign layers cannot be a docker archive");
    if (!digest_parse(sw_str(sw_json_str(descriptor, "digest", "")), &d))
        return sw_fail(err, SW_EINVALID, NULL, "a descriptor without a valid digest");
    *ret = blob_name(&d);
    return 0;
}

/* What docker load reads; the members are those of the layout. */
static int write_docker_manifest(const struct layout *l, const json_t *manifest,
                                 const struct transfer_reference *ref, struct sw_err *err)
{
    sw_autojson json_t *layers = json_array(), *tags = json_array();
    sw_autofree char *config = NULL;
    size_t i;
    json_t *layer;
    int r = member_name(sw_json_object(manifest, "config"), &config, err);
    json_array_foreach(sw_json_array(manifest, "layers"), i, layer) {
        sw_autofree char *name = NULL;
        if (r == 0)
            r = member_name(layer, &name, err);
        if (r == 0)
            json_array_append_new(layers, json_string(name));
    }
    if (r < 0)
        return r;
    if (ref->tag[0]) {
        sw_autofree char *tag = sw_asprintf("%s/%s:%s", ref->host_port, ref->repository, ref->tag);
        json_array_append_new(tags, json_string(tag));
    }
    sw_autojson json_t *doc =
        json_pack("[{s:s, s:O, s:O}]", "Config", config, "RepoTags", tags, "Layers", layers);
    sw_autofree char *text = sw_json_dump(doc);
    return put_file(l, "manifest.json", text, strlen(text), err);
}

static int export_docker(const struct layout *l, const struct options *o,
                         const struct transfer_reference *ref, json_t **ret_descriptor,
                         struct sw_err *err)
{
    const char *reference = ref->tag[0] ? ref->tag : ref->digest;
    sw_autojson json_t *top = NULL, *manifest = NULL;
    int r = load_manifest(l->t, reference, &top, err);
    if (r == 0 && sw_json_array(top, "manifests")) {
        r = choose_platform(o, top, &reference, err);
        if (r == 0)
            r = load_manifest(l->t, reference, &manifest, err);
    } else {
        manifest = json_incref(top);
    }
    if (r == 0)
        r = pull_manifest(l, reference, 0, ret_descriptor, err);
    return r < 0 ? r : write_docker_manifest(l, manifest, ref, err);
}

static int export_to(struct layout *l, const struct options *o,
                     const struct transfer_reference *ref, const char *path, struct sw_err *err)
{
    sw_autojson json_t *descriptor = NULL;
    bool docker = sw_streq(o->format, "docker"), standard_output = sw_streq(path, "-");
    int r = 0;
    if (docker || standard_output || sw_str_ends_with(sw_str(path), ".tar"))
        r = tar_writer_open(path, &l->tar, err);
    else
        r = sw_mkdirs(path, 0755, err);
    if (r == 0)
        r = docker ? export_docker(l, o, ref, &descriptor, err)
                   : pull_manifest(l, ref->tag[0] ? ref->tag : ref->digest, 0, &descriptor, err);
    if (r == 0)
        r = write_layout(l, descriptor, ref->tag, err);
    if (r == 0 && l->tar)
        r = tar_writer_finish(l->tar, err);
    if (r == 0)
        fprintf(standard_output ? stderr : stdout, "%s\n", sw_json_str(descriptor, "digest", ""));
    tar_writer_free(l->tar);
    return r;
}

static int export(const struct options *o, const char *reference, const char *path,
                  struct sw_err *err)
{
    struct transfer t = {.o = o};
    struct layout l = {.t = &t, .root = path};
    struct transfer_reference ref;
    struct client client = {0};
    int r = open_transfer(&t, reference, &ref, &client, err);
    if (r == 0)
        r = export_to(&l, o, &ref, path, err);
    transfer_client_close(&t.client);
    client_close(&client);
    return r;
}

typedef int (*transfer_fn)(const struct options *o, const char *from, const char *to,
                           struct sw_err *err);

static int run(const struct cli_command *command, int argc, char **argv, transfer_fn fn)
{
    struct options o = {0};
    struct sw_err err = SW_ERR_INIT;
    /* The first Ctrl-C ends it in order: temporary files go. A second one ends it at once. */
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    int status = cli_parse(command, &argc, argv, &o, 2, 2);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (status == 0 && fn(&o, argv[1], argv[2], &err) < 0)
        status = cli_fail(&err);
    conf_free(command->flags, &o);
    return status;
}

static int run_push(int argc, char **argv)
{
    return run(&cli_push, argc, argv, push);
}

static int run_pull(int argc, char **argv)
{
    return run(&cli_pull, argc, argv, pull);
}

static int run_import(int argc, char **argv)
{
    return run(&cli_import, argc, argv, push);
}

static int run_export(int argc, char **argv)
{
    return run(&cli_export, argc, argv, export);
}

const struct cli_command cli_import = {
    .name = "import",
    .arguments = "PATH HOST:PORT/REPO:TAG [--create]",
    .summary = "Push an OCI or docker archive, or whatever push takes; prints the digest",
    .example = "slipway import app.tar 127.0.0.1:5000/team/app:v1 --create",
    .flags = &push_flags,
    .run = run_import,
};
const struct cli_command cli_export = {
    .name = "export",
    .arguments = "HOST:PORT/REPO:TAG PATH[.tar]|- [--format oci|docker]",
    .summary = "Write an image as an OCI layout or archive, or for docker load; prints the digest",
    .example = "slipway export 127.0.0.1:5000/team/app:v1 - --format docker | docker load",
    .flags = &export_flags,
    .run = run_export,
};
const struct cli_command cli_push = {
    .name = "push",
    .arguments = "PATH HOST:PORT/REPO:TAG [--create]",
    .summary = "Push an OCI layout, a docker archive or a plain root folder; prints the digest",
    .example = "slipway push ./rootfs 127.0.0.1:5000/team/app:v1 --create --cmd '[\"/bin/sh\"]'",
    .flags = &push_flags,
    .run = run_push,
};
const struct cli_command cli_pull = {
    .name = "pull",
    .arguments = "HOST:PORT/REPO:TAG PATH",
    .summary = "Pull an image into an OCI layout; prints the digest",
    .example = "slipway pull 127.0.0.1:5000/team/app:v1 ./layout",
    .flags = &pull_flags,
    .run = run_pull,
};
