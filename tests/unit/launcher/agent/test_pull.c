/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls from a registry stub: verification, resumption, redirects, credentials, platforms, concurrency. */
#include "launcher/agent/pull.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tests/unit/launcher/agent/registry_stub.h"

static struct stub registry, other;
static struct snapshots *snapshots;
static struct puller *puller;
static char digest[DIGEST_STRING_MAX];
static enum pull_behavior behavior;
static bool (*make_room)(void *ctx);

static int authorization(void *ctx, const char *host_port, char *out, size_t cap,
                         struct sw_err *err)
{
    (void)ctx, (void)err;
    snprintf(out, cap, "%s", strcmp(host_port, registry.host_port) == 0 ? "Basic c2VjcmV0" : "");
    return 0;
}

static void open_puller(void)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(snapshots_open(test_path("snapshots"), &snapshots, &err));
    struct puller_options o = {.snapshots = snapshots,
                               .content_dir = test_path("content"),
                               .registry = {registry.host_port, false},
                               .authorization = authorization,
                               .behavior = behavior,
                               .make_room = make_room,
                               .architecture = "amd64"};
    CHECK_OK(puller_new(&o, &puller, &err));
}

static void close_puller(void)
{
    puller_free(puller);
    snapshots_close(snapshots);
}

static void setup(void)
{
    if (geteuid() != 0)
        test_skip("needs root");
    sw_log_set_level(SW_LOG_ERROR);
    stub_start(&registry);
    stub_start(&other);
    open_puller();
}

static void done(void)
{
    close_puller();
    stub_stop(&registry);
    stub_stop(&other);
}

static void image_of(const char *repo, const char *architecture, size_t layers)
{
    struct tar t[4];
    struct sw_str plain[4];
    for (size_t i = 0; i < layers; i++) {
        char name[32], text[64];
        tar_start(&t[i]);
        snprintf(name, sizeof name, "dir/file%zu", i);
        snprintf(text, sizeof text, "layer %zu", i);
        if (i == 0)
            tar_add(&t[i],
                    &(struct tar_entry){.name = "dir/", .type = AE_IFDIR, .mode = 0711, .uid = 7});
        tar_add(&t[i], &(struct tar_entry){.name = name, .data = text});
        tar_add(&t[i], &(struct tar_entry){.name = "zeros", .size = 2 << 20});
        plain[i] = tar_end(&t[i]);
    }
    stub_image(&registry, repo, "v1", plain, layers, "{\"Cmd\":[\"/x\"]}", architecture, digest);
    for (size_t i = 0; i < layers; i++)
        sw_buf_done(&t[i].out);
}

static struct stub_route *route(const char *part)
{
    for (size_t i = 0; i < registry.routes_n; i++)
        if (strstr(registry.routes[i].path, part))
            return &registry.routes[i];
    test_fail(__FILE__, __LINE__, "no route %s", part);
}

static int pull(const char *name, struct image *ret, struct sw_err *err)
{
    memset(ret, 0, sizeof *ret);
    return puller_pull(puller, name, NULL, NULL, ret, err);
}

/* Nothing half-made, and no snapshot but the n that are whole. */
static void snapshots_are(int n)
{
    DIR *d = opendir(test_path("snapshots"));
    int seen = 0;
    for (struct dirent *e; (e = readdir(d));) {
        CHECK_MSG(strncmp(e->d_name, "new.", 4) != 0, "%s was left behind", e->d_name);
        seen += e->d_name[0] != '.';
    }
    closedir(d);
    CHECK_EQ_INT(seen, n);
}

TEST(pulls_once_and_inherits_folders)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 3);
    CHECK_OK(pull("team/app:v1", &i, &err));
    CHECK_EQ_INT((int)i.layers_n, 3);
    CHECK_EQ_STR(i.manifest_digest, digest);
    CHECK_EQ_STR(
        test_read_file(test_path("snapshots/%s/dir/file2", strstr(i.layers[2], "snapshots/") + 10),
                       NULL),
        "layer 2");
    struct stat st;
    /* Layer 2 only passes through dir/: it has to look as layer 0 made it. */
    char path[4096];
    snprintf(path, sizeof path, "%s/dir", i.layers[2]);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0711 && st.st_uid == 7);
    image_done(&i);
    size_t blobs = stub_count(&registry, "/blobs/");
    CHECK_EQ_INT((int)blobs, 4);
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    CHECK_EQ_INT((int)stub_count(&registry, "/blobs/"), 4);
    /* By digest nothing is asked at all, not even after a restart. */
    size_t before = registry.seen_n;
    close_puller();
    open_puller();
    char name[256];
    snprintf(name, sizeof name, "%s/team/app@%s", registry.host_port, digest);
    CHECK_OK(pull(name, &i, &err));
    image_done(&i);
    CHECK_EQ_INT((int)registry.seen_n, (int)before);
    CHECK_EQ_STR(registry.seen[0].authorization, "Basic c2VjcmV0");
    snapshots_are(3);
    done();
}

TEST(folders_that_somebody_removed_are_made_anew)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 2);
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    CHECK_OK(sw_remove_tree(test_path("snapshots"), &err));
    CHECK_OK(sw_remove_tree(test_path("content"), &err));
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    snapshots_are(2);
    done();
}

TEST(an_ecr_style_name_reaches_our_registry_with_its_own_host)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    CHECK_OK(pull("123456789012.dkr.ecr.eu-west-1.example.com/team/app:v1", &i, &err));
    image_done(&i);
    CHECK_EQ_STR(registry.seen[0].host, "123456789012.dkr.ecr.eu-west-1.example.com");
    CHECK_EQ_STR(registry.seen[0].authorization, "Basic c2VjcmV0");
    done();
}

TEST(a_broken_transfer_goes_on_by_range)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    struct stub_route *blob = route("/blobs/");
    blob->cut_after = blob->n / 2;
    blob->cuts = 2;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    bool ranged = false;
    for (size_t k = 0; k < registry.seen_n; k++)
        ranged |= registry.seen[k].range[0] != 0;
    CHECK(ranged);
    done();
}

TEST(a_broken_transfer_without_ranges_starts_over)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    struct stub_route *blob = route("/blobs/");
    blob->cut_after = blob->n / 2;
    blob->cuts = 1;
    blob->no_ranges = true;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    done();
}

TEST(a_wrong_layer_is_refused_and_leaves_nothing)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 2);
    struct stub_route *blob = route("/blobs/");
    blob->body[blob->n / 2] ^= 1;
    CHECK_ERR(pull("team/app:v1", &i, &err), SW_EMISMATCH, "CannotPullContainerError");
    snapshots_are(0);
    blob->body[blob->n / 2] ^= 1;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    done();
}

static void custom_image(const char *repo, const char *layer_digest, size_t layer_size,
                         const char *diff_id, const char *extra)
{
    char config[1024], manifest[2048], config_digest[DIGEST_STRING_MAX], path[256];
    snprintf(config, sizeof config,
             "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{},\"rootfs\":{\"type\":"
             "\"layers\",\"diff_ids\":[\"%s\"]}}",
             diff_id);
    stub_blob(&registry, repo, sw_str(config), config_digest);
    snprintf(manifest, sizeof manifest,
             "{\"schemaVersion\":2,%s\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
             "\"mediaType\":"
             "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]}",
             extra, config_digest, strlen(config), layer_digest, layer_size);
    snprintf(path, sizeof path, "/v2/%s/manifests/v1", repo);
    stub_add(&registry, path, "application/vnd.oci.image.manifest.v1+json", manifest,
             strlen(manifest));
}

TEST(diff_id_size_and_digest_are_checked)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    char layer[1024] = {0}, real[DIGEST_STRING_MAX];
    stub_blob(&registry, "a", (struct sw_str){layer, sizeof layer}, real);
    static const char other_digest[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    custom_image("a", real, sizeof layer, other_digest, "");
    CHECK_ERR(pull("a:v1", &i, &err), SW_EMISMATCH, "CannotPullContainerError");
    stub_blob(&registry, "b", (struct sw_str){layer, sizeof layer}, real);
    custom_image("b", real, sizeof layer - 1, real, "");
    CHECK_ERR(pull("b:v1", &i, &err), SW_EMISMATCH, "CannotPullContainerError");
    custom_image("c", "sha256:../../../etc/passwd", 1, real, "");
    CHECK_ERR(pull("c:v1", &i, &err), SW_EINVALID, "CannotPullImageManifestError");
    custom_image("d", real, sizeof layer, real, "\"manifests\":[],");
    CHECK_ERR(pull("d:v1", &i, &err), SW_EINVALID, "CannotPullImageManifestError");
    custom_image("e", real, sizeof layer, real,
                 "\"mediaType\":\"application/vnd.oci.image.index.v1+json\",");
    CHECK_ERR(pull("e:v1", &i, &err), SW_EINVALID, "CannotPullImageManifestError");
    custom_image("f", real, (size_t)1 << 40, real, "");
    CHECK_ERR(pull("f:v1", &i, &err), SW_ELIMIT, "CannotPullContainerError");
    CHECK_ERR(pull("none:v1", &i, &err), SW_ENOTFOUND, "CannotPullContainerError");
    snapshots_are(0);
    done();
}

TEST(another_architecture_is_named)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/arm", "arm64", 1);
    int r = pull("team/arm:v1", &i, &err);
    CHECK(r == SW_EINVALID);
    CHECK_CONTAINS(err.msg, "linux/arm64");
    sw_err_clear(&err);
    static const char index[] =
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\","
        "\"size\":5,\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}}]}";
    stub_add(&registry, "/v2/multi/manifests/v1", "application/vnd.oci.image.index.v1+json", index,
             strlen(index));
    r = pull("multi:v1", &i, &err);
    CHECK(r == SW_EINVALID);
    CHECK_CONTAINS(err.msg, "linux/s390x");
    CHECK_EQ_STR(err.reason, "CannotPullContainerError");
    sw_err_clear(&err);
    done();
}

TEST(an_index_leads_to_our_platform)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    char index[1024];
    image_of("team/app", "amd64", 1);
    snprintf(index, sizeof index,
             "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":5,\"platform\":{"
             "\"os\":\"unknown\",\"architecture\":"
             "\"unknown\"}},{\"digest\":\"%s\",\"size\":5,\"platform\":{\"os\":\"linux\","
             "\"architecture\":\"amd64\"}}]}",
             digest, digest);
    stub_add(&registry, "/v2/team/app/manifests/multi", "application/vnd.oci.image.index.v1+json",
             index, strlen(index));
    CHECK_OK(pull("team/app:multi", &i, &err));
    CHECK(strcmp(i.manifest_digest, digest) != 0);
    image_done(&i);
    done();
}

TEST(credentials_stay_with_their_registry)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    static const int codes[] = {301, 302, 307, 308};
    for (size_t k = 0; k < SW_ARRAY_LEN(codes); k++) {
        char location[1024];
        struct stub_route *blob = route("/blobs/");
        snprintf(location, sizeof location, "http://%s/elsewhere%zu", other.host_port, k);
        char at[64];
        snprintf(at, sizeof at, "/elsewhere%zu", k);
        stub_add(&other, at, "application/octet-stream", blob->body, blob->n);
        blob->status = codes[k];
        blob->location = location;
        struct sw_err ignored = SW_ERR_INIT;
        close_puller();
        CHECK_OK_IN(sw_remove_tree(test_path("snapshots"), &ignored), &ignored);
        open_puller();
        CHECK_OK(pull("team/app:v1", &i, &err));
        image_done(&i);
    }
    CHECK(other.seen_n >= 4);
    for (size_t k = 0; k < other.seen_n; k++)
        CHECK_EQ_STR(other.seen[k].authorization, "");
    done();
}

TEST(redirects_are_bounded)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    struct stub_route *blob = route("/blobs/");
    char location[600];
    snprintf(location, sizeof location, "%s", blob->path);
    blob->status = 302;
    blob->location = location;
    CHECK_ERR(pull("team/app:v1", &i, &err), SW_EIO, "CannotPullContainerError");
    done();
}

TEST(an_unreachable_registry_leaves_what_is_here)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    route("/manifests/v1")->status = 503;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    CHECK_ERR(pull("team/other:v1", &i, &err), SW_ENOTFOUND, "CannotPullContainerError");
    route("/manifests/v1")->status = 403;
    CHECK_ERR(pull("team/app:v1", &i, &err), SW_EDENIED, "CannotPullECRContainerError");
    done();
}

struct one_pull {
    pthread_t thread;
    struct image image;
    struct sw_err err;
    const char *name;
};

static void *pull_main(void *arg)
{
    struct one_pull *p = arg;
    (void)puller_pull(puller, p->name, NULL, NULL, &p->image, &p->err);
    return NULL;
}

TEST(pulls_at_once_converge)
{
    setup();
    struct one_pull pulls[6] = {0};
    image_of("team/app", "amd64", 4);
    for (size_t k = 0; k < registry.routes_n; k++)
        registry.routes[k].slow = true;
    for (size_t k = 0; k < SW_ARRAY_LEN(pulls); k++) {
        pulls[k].name = "team/app:v1";
        CHECK(pthread_create(&pulls[k].thread, NULL, pull_main, &pulls[k]) == 0);
    }
    for (size_t k = 0; k < SW_ARRAY_LEN(pulls); k++) {
        pthread_join(pulls[k].thread, NULL);
        CHECK_MSG(pulls[k].err.code == 0, "%s", pulls[k].err.msg);
        CHECK_EQ_INT((int)pulls[k].image.layers_n, 4);
        image_done(&pulls[k].image);
    }
    snapshots_are(4);
    /* Layers once each; the small configuration may be asked for by several. */
    CHECK((int)stub_count(&registry, "/blobs/") <= 4 + 6);
    done();
}

TEST(two_hostile_layers_at_once_touch_nothing)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    struct tar t[2];
    struct sw_str plain[2];
    CHECK_OK(sw_mkdirs(test_path("outside"), 0700, &err));
    for (size_t k = 0; k < 2; k++) {
        tar_start(&t[k]);
        tar_add(&t[k], &(struct tar_entry){
                           .name = k ? "l" : "m", .type = AE_IFLNK, .data = "../../../outside"});
        tar_add(&t[k], &(struct tar_entry){.name = k ? "l/pwn" : "m/pwn", .data = "x"});
        plain[k] = tar_end(&t[k]);
    }
    stub_image(&registry, "evil", "v1", plain, 2, "{}", "amd64", digest);
    for (size_t k = 0; k < 2; k++)
        sw_buf_done(&t[k].out);
    CHECK_ERR(pull("evil:v1", &i, &err), SW_EINVALID, "CannotPullContainerError");
    snapshots_are(0);
    CHECK(!sw_path_exists(test_path("outside/pwn")));
    done();
}

TEST(snapshots_of_another_boot_that_were_not_synced_go)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    CHECK_OK(pull("team/app:v1", &i, &err));
    char mark[4096];
    snprintf(mark, sizeof mark, "%.*sunsynced", (int)(strlen(i.layers[0]) - 2), i.layers[0]);
    image_done(&i);
    for (int k = 0; k < 5000 && sw_path_exists(mark); k++)
        usleep(10000);
    CHECK(!sw_path_exists(mark));
    close_puller();
    test_write_file(mark, "00000000-another-boot", 21);
    CHECK_OK(sw_mkdirs(test_path("snapshots/new.half"), 0700, &err));
    open_puller();
    snapshots_are(0);
    done();
}

TEST(a_full_disk_is_named_and_leaves_nothing)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    close_puller();
    CHECK(mount("tmpfs", test_path("snapshots"), "tmpfs", 0, "size=512k") == 0);
    open_puller();
    image_of("team/app", "amd64", 1);
    int r = pull("team/app:v1", &i, &err);
    close_puller();
    struct sw_err ignored = SW_ERR_INIT;
    bool clean = true;
    DIR *d = opendir(test_path("snapshots"));
    for (struct dirent *e; (e = readdir(d));)
        clean &= e->d_name[0] == '.';
    closedir(d);
    CHECK(umount2(test_path("snapshots"), MNT_DETACH) == 0);
    CHECK_EQ_INT(r, SW_ELIMIT);
    CHECK_CONTAINS(err.msg, "No space left");
    CHECK_EQ_STR(err.reason, "CannotPullContainerError");
    CHECK(clean);
    /* With room again it works. */
    sw_err_clear(&err);
    CHECK_OK_IN(sw_remove_tree(test_path("snapshots"), &ignored), &ignored);
    open_puller();
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    done();
}

static void reopen(enum pull_behavior how)
{
    close_puller();
    behavior = how;
    open_puller();
}

TEST(behaviours_of_tags)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    image_of("team/app", "amd64", 1);
    reopen(PULL_CACHED);
    CHECK_OK(pull("team/app:v1", &i, &err)); /* nothing is here yet */
    image_done(&i);
    size_t before = registry.seen_n;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    CHECK_EQ_INT(registry.seen_n, before);
    /* In somebody's name it is asked for all the same: may they? */
    const struct pull_as as = {.authorization = "Basic eA=="};
    CHECK_OK(puller_pull(puller, "team/app:v1", &as, NULL, &i, &err));
    image_done(&i);
    CHECK(registry.seen_n > before);
    reopen(PULL_DEFAULT);
    before = registry.seen_n;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    CHECK_EQ_INT(registry.seen_n, before + 1);
    route("/manifests/v1")->status = 503;
    CHECK_OK(pull("team/app:v1", &i, &err));
    image_done(&i);
    reopen(PULL_ALWAYS);
    CHECK_ERR(pull("team/app:v1", &i, &err), SW_EUNAVAILABLE, "CannotPullContainerError");
    done();
}

/* An image of another registry that only ANN may read. */
#define ANN "Basic YW5uOngK"
#define BOB "Basic Ym9iOngK"

static void private_image(void)
{
    struct tar t;
    tar_start(&t);
    tar_add(&t, &(struct tar_entry){.name = "secret", .data = "of ann"});
    struct sw_str plain = tar_end(&t);
    stub_image(&other, "team/app", "v1", &plain, 1, "{\"Cmd\":[\"/x\"]}", "amd64", digest);
    sw_buf_done(&t.out);
    for (size_t i = 0; i < other.routes_n; i++)
        other.routes[i].needs = ANN;
}

static int pull_with(const char *separator, const char *rest, const char *credentials,
                     struct sw_err *err)
{
    struct image i = {.layers_n = 0};
    const struct pull_as as = {.credentials = credentials};
    sw_autofree char *name = sw_asprintf("%s/team/app%s%s", other.host_port, separator, rest);
    int r = puller_pull(puller, name, &as, NULL, &i, err);
    if (r == 0)
        image_done(&i);
    return r;
}

static void manifests_answer(int status)
{
    for (size_t i = 0; i < other.routes_n; i++)
        if (strstr(other.routes[i].path, "/manifests/")) {
            other.routes[i].status = status;
            other.routes[i].needs = NULL;
        }
}

/* Whoever knows the digest, or the tag where tags are not asked about. */
static void refused_without(const char *credentials)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_ERR(pull_with("@", digest, credentials, &err), SW_EDENIED, "CannotPullContainerError");
    CHECK_ERR(pull_with(":", "v1", credentials, &err), SW_EDENIED, "CannotPullContainerError");
}

TEST(what_is_here_is_only_for_those_to_whom_its_registry_gives_it)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    private_image();
    reopen(PULL_CACHED);
    CHECK_OK(pull_with(":", "v1", ANN, &err));
    refused_without(NULL);
    refused_without(BOB);
    /* Hers is asked about, but not sent again. */
    reopen(PULL_CACHED);
    size_t before = other.seen_n;
    CHECK_OK(pull_with("@", digest, ANN, &err));
    CHECK(other.seen_n > before);
    for (size_t i = before; i < other.seen_n; i++)
        CHECK_EQ_STR(other.seen[i].method, "HEAD");
    /* While nobody can be asked, those who had it have it. */
    manifests_answer(503);
    for (int how = PULL_DEFAULT; how < PULL_BEHAVIOR_MAX_; how++) {
        reopen((enum pull_behavior)how);
        if (how == PULL_ALWAYS) {
            CHECK_ERR(pull_with(":", "v1", ANN, &err), SW_EUNAVAILABLE, "CannotPullContainerError");
        } else {
            CHECK_OK(pull_with(":", "v1", ANN, &err));
            CHECK_OK(pull_with("@", digest, ANN, &err));
        }
        CHECK_ERR(pull_with("@", digest, BOB, &err), SW_EUNAVAILABLE, "CannotPullContainerError");
        CHECK_ERR(pull_with(":", "v1", NULL, &err), SW_EUNAVAILABLE, "CannotPullContainerError");
    }
    manifests_answer(0);
    for (size_t i = 0; i < other.routes_n; i++)
        other.routes[i].needs = BOB; /* hers was taken away */
    CHECK_ERR(pull_with("@", digest, ANN, &err), SW_EDENIED, "CannotPullContainerError");
    CHECK_OK(pull_with("@", digest, BOB, &err));
    done();
}

/* A registry of the asker's own would say of anything that it may be had. */
TEST(what_is_here_is_not_had_by_the_name_of_another_registry)
{
    setup();
    struct sw_err err = SW_ERR_INIT;
    struct image i;
    char path[512], name[512];
    private_image();
    CHECK_OK(pull_with("@", digest, ANN, &err));
    (void)snprintf(path, sizeof path, "/v2/my/app/manifests/%s", digest);
    (void)snprintf(name, sizeof name, "my/app@%s", digest);
    stub_add(&registry, path, "application/vnd.oci.image.manifest.v1+json", "{}", 2);
    CHECK_ERR(pull(name, &i, &err), SW_EMISMATCH, "CannotPullContainerError");
    done();
}

static int rooms;

/* What nobody used, gone. */
static bool give_room(void *ctx)
{
    (void)ctx;
    rooms++;
    return unlink(test_path("snapshots/unused")) == 0;
}

TEST(a_full_disk_is_cleaned_and_tried_once_more)
{
    setup();
    struct sw_err err = SW_ERR_INIT, ignored = SW_ERR_INIT;
    struct image i;
    static char filler[400 * 1024];
    close_puller();
    make_room = give_room;
    CHECK(mount("tmpfs", test_path("snapshots"), "tmpfs", 0, "size=512k") == 0);
    open_puller();
    image_of("team/small", "amd64", 1);
    int full = pull("team/small:v1", &i, &err); /* more than all there is */
    sw_err_clear(&err);
    CHECK_EQ_INT(rooms, 1);
    CHECK(mount("tmpfs", test_path("snapshots"), "tmpfs", MS_REMOUNT, "size=2600k") == 0);
    memset(filler, 'x', sizeof filler);
    for (size_t at = 0; at < 3; at++) { /* nearly everything */
        sw_autoclose int fd =
            open(test_path("snapshots/unused"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        CHECK(fd >= 0 && sw_write_all(fd, filler, sizeof filler, &ignored) == 0);
    }
    int tried = pull("team/small:v1", &i, &err);
    close_puller();
    CHECK(umount2(test_path("snapshots"), MNT_DETACH) == 0);
    CHECK_EQ_INT(full, SW_ELIMIT);
    CHECK_OK_IN(tried, &err);
    CHECK_EQ_INT(rooms, 2);
    image_done(&i);
    open_puller();
    done();
}
