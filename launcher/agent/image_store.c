/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/image_store.c
 *
 * Invariants:
 * 1. A pull holds its layers from before it looks whether they are there until a task's file names the image and its mounts are made,
 *    or it failed.
 * 2. Under the lock it is decided what goes, and records and documents are unlinked and snapshots renamed; trees are removed later.
 * 3. An image that is used and has no record (of an agent of before there were any) keeps all snapshots: which are its own is not known. */
#include "launcher/agent/image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"

#define RECORD        "image-"
#define RECORD_MAX    (256 * 1024)
#define MOUNTS_MAX    (64 * 1024 * 1024)
#define GRANTS_MAX    (64 * 1024)
#define TEMPORARY_S   86400 /* documents that were never finished */
#define DOCUMENT_PART "sha" /* sha256-..., sha512-... */

struct image_hold {
    struct image_hold *next;
    struct image_store *store;
    struct digest *layers;
    size_t n;
    char manifest[DIGEST_STRING_MAX]; /* "" until the image is whole */
};
struct image_store {
    char *dir;
    struct snapshots *snapshots;
    pthread_mutex_t lock;
    struct image_hold *holds;
    uint64_t generation;
};

struct image_store *image_store_new(const char *content_dir, struct snapshots *snapshots)
{
    struct image_store *s = SW_NEW(struct image_store);
    s->dir = sw_strdup(content_dir);
    s->snapshots = snapshots;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void image_store_free(struct image_store *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s);
}

struct image_hold *image_store_hold(struct image_store *s, const struct digest *layers, size_t n)
{
    struct image_hold *h = SW_NEW(struct image_hold);
    h->store = s;
    h->n = n;
    h->layers = sw_calloc(n + 1, sizeof *h->layers);
    if (n)
        memcpy(h->layers, layers, n * sizeof *layers);
    pthread_mutex_lock(&s->lock);
    h->next = s->holds;
    s->holds = h;
    pthread_mutex_unlock(&s->lock);
    return h;
}

void image_hold_free(struct image_hold *h)
{
    if (!h)
        return;
    struct image_store *s = h->store;
    pthread_mutex_lock(&s->lock);
    struct image_hold **at = &s->holds;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    s->generation++;
    pthread_mutex_unlock(&s->lock);
    free(h->layers);
    free(h);
}

uint64_t image_store_generation(struct image_store *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t g = s->generation;
    pthread_mutex_unlock(&s->lock);
    return g;
}

/* --- records --- */

static char *record_path(const struct image_store *s, const struct digest *manifest)
{
    char hex[129];
    digest_hex(manifest, hex);
    return sw_asprintf("%s/" RECORD "%s", s->dir, hex);
}

static json_t *digests_json(const struct digest *list, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++) {
        char text[DIGEST_STRING_MAX];
        digest_format(&list[i], text);
        json_array_append_new(a, json_string(text));
    }
    return a;
}

void image_store_record(struct image_hold *h, const struct digest *manifest,
                        const struct digest *documents, size_t n)
{
    struct image_store *s = h->store;
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *path = record_path(s, manifest);
    pthread_mutex_lock(&s->lock);
    digest_format(manifest, h->manifest);
    /* What a digest names never changes. Without a record its layers are left over as soon as no mount shows them; then the next
     * pull fetches them again. */
    sw_autojson json_t *there = NULL;
    if (sw_json_load_file(path, RECORD_MAX, &there, &ignored) == 0) {
        (void)utimensat(AT_FDCWD, path, NULL, 0);
    } else {
        sw_err_clear(&ignored);
        sw_autojson json_t *doc =
            json_pack("{s:s, s:o, s:o}", "manifest", h->manifest, "documents",
                      digests_json(documents, n), "layers", digests_json(h->layers, h->n));
        sw_autofree char *text = sw_json_dump(doc);
        (void)sw_replace_file(path, text, strlen(text), 0600, &ignored);
    }
    pthread_mutex_unlock(&s->lock);
}

struct record {
    char *path;
    json_t *doc; /* NULL: it cannot be read */
    int64_t used_s;
    bool kept;
};
struct cleaning {
    struct image_store *s;
    const struct image_cleanup *o;
    struct image_cleaned *done;
    int64_t now_s;
    struct record *records;
    size_t records_n;
    json_t *keep; /* {"sha256:...": true}: documents and layers */
    struct sw_buf mounts;
    char **removed; /* snapshots that were renamed */
    size_t removed_n;
};

static bool is_used(const struct cleaning *c, const char *manifest)
{
    const json_t *v;
    size_t i;
    json_array_foreach(c->o->used, i, v) {
        if (sw_streq(json_string_value(v), manifest))
            return true;
    }
    for (const struct image_hold *h = c->s->holds; h; h = h->next)
        if (sw_streq(h->manifest, manifest))
            return true;
    return false;
}

static int read_records(struct cleaning *c, struct sw_err *err)
{
    DIR *d = opendir(c->s->dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", c->s->dir);
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        struct sw_err bad = SW_ERR_INIT;
        struct record r = {.kept = false};
        if (strncmp(e->d_name, RECORD, strlen(RECORD)) != 0)
            continue;
        r.path = sw_asprintf("%s/%s", c->s->dir, e->d_name);
        if (sw_json_load_file(r.path, RECORD_MAX, &r.doc, &bad) < 0)
            r.doc = NULL;
        r.used_s = stat(r.path, &st) == 0 ? st.st_mtime : 0;
        r.kept = r.doc && is_used(c, sw_json_str(r.doc, "manifest", ""));
        if (r.kept)
            (void)utimensat(AT_FDCWD, r.path, NULL, 0);
        c->records = sw_realloc_array(c->records, c->records_n + 1, sizeof *c->records);
        c->records[c->records_n++] = r;
    }
    closedir(d);
    return 0;
}

static int by_use(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return (x->used_s > y->used_s) - (x->used_s < y->used_s);
}

/* A clock that jumped says nothing about age: what is younger than now waits. */
static bool is_old(const struct cleaning *c, int64_t since_s)
{
    return since_s <= c->now_s && c->now_s - since_s >= c->o->min_age_s;
}

static void remove_records(struct cleaning *c)
{
    if (c->records_n)
        qsort(c->records, c->records_n, sizeof *c->records, by_use);
    for (size_t i = 0; i < c->records_n; i++) {
        struct record *r = &c->records[i];
        if (!r->kept && (c->done->images == c->o->images_max || !is_old(c, r->used_s)))
            r->kept = true;
        if (!r->kept && unlink(r->path) == 0)
            c->done->images++;
    }
}

static void keep_list(struct cleaning *c, const json_t *list)
{
    const json_t *v;
    size_t i;
    json_array_foreach(list, i, v)
        json_object_set_new(c->keep, json_string_value(v), json_true());
}

/* False: what is used is not all known, so nothing may go. */
static bool all_known(const struct cleaning *c)
{
    const json_t *v;
    size_t i, k;
    json_array_foreach(c->o->used, k, v) {
        bool known = false;
        for (i = 0; i < c->records_n && !known; i++)
            known = sw_streq(sw_json_str(c->records[i].doc, "manifest", ""), json_string_value(v));
        if (!known)
            return false;
    }
    return true;
}

static void mark(struct cleaning *c)
{
    for (size_t i = 0; i < c->records_n; i++) {
        if (c->records[i].kept) {
            keep_list(c, sw_json_array(c->records[i].doc, "documents"));
            keep_list(c, sw_json_array(c->records[i].doc, "layers"));
        }
    }
    for (const struct image_hold *h = c->s->holds; h; h = h->next) {
        sw_autojson json_t *layers = digests_json(h->layers, h->n);
        keep_list(c, layers);
    }
}

/* --- what is left over --- */

/* "sha256-<hex>" is "sha256:<hex>". */
static bool document_kept(const struct cleaning *c, const char *name)
{
    char text[DIGEST_STRING_MAX];
    if (!sw_str_copy(sw_str(name), text, sizeof text))
        return false;
    char *dash = strchr(text, '-');
    if (dash)
        *dash = ':';
    return json_object_get(c->keep, text) != NULL;
}

/* A tag leads to a manifest, a file of grants says who may have a document; without that they are of no use. The first line names it. */
static bool named_is_kept(const struct cleaning *c, const char *path)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(GRANTS_MAX);
    struct sw_err ignored = SW_ERR_INIT;
    char text[DIGEST_STRING_MAX];
    return sw_read_file(path, &b, &ignored) == 0 && b.n > 0 &&
           sw_str_copy(sw_str_slice(sw_buf_str(&b), 0, strcspn(sw_buf_str(&b).p, "\n")), text,
                       sizeof text) &&
           json_object_get(c->keep, text) != NULL;
}

static void sweep_documents(struct cleaning *c)
{
    DIR *d = opendir(c->s->dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        sw_autofree char *path = sw_asprintf("%s/%s", c->s->dir, e->d_name);
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !is_old(c, st.st_mtime))
            continue;
        bool goes;
        if (strncmp(e->d_name, DOCUMENT_PART, strlen(DOCUMENT_PART)) == 0)
            goes = !document_kept(c, e->d_name);
        else if (strncmp(e->d_name, "tag-", 4) == 0 || strncmp(e->d_name, "grants-", 7) == 0)
            goes = !named_is_kept(c, path);
        else
            goes = strncmp(e->d_name, "new.", 4) == 0 && c->now_s - st.st_mtime > TEMPORARY_S;
        if (goes && unlink(path) == 0)
            c->done->documents++;
    }
    if (d)
        closedir(d);
}

/* By hex alone: chain ids are of sha256 or sha512, whose lengths differ. */
static bool snapshot_kept(const struct cleaning *c, const char *hex)
{
    char text[DIGEST_STRING_MAX];
    (void)snprintf(text, sizeof text, "%s:%.128s", strlen(hex) == 128 ? "sha512" : "sha256", hex);
    return json_object_get(c->keep, text) != NULL ||
           memmem(c->mounts.p, c->mounts.n, hex, strlen(hex)) != NULL;
}

static void sweep_snapshots(struct cleaning *c)
{
    char **names = NULL;
    size_t n = snapshots_list(c->s->snapshots, &names);
    for (size_t i = 0; i < n; i++) {
        int64_t made_s;
        char *gone;
        if (!snapshot_kept(c, names[i]) && snapshots_made(c->s->snapshots, names[i], &made_s) &&
            is_old(c, made_s) && (gone = snapshots_take(c->s->snapshots, names[i]))) {
            c->removed = sw_realloc_array(c->removed, c->removed_n + 1, sizeof *c->removed);
            c->removed[c->removed_n++] = gone;
            c->done->snapshots++;
        }
        free(names[i]);
    }
    free(names);
}

static int clean_locked(struct cleaning *c, struct sw_err *err)
{
    if (c->s->generation != c->o->generation)
        return sw_fail(err, SW_ESTALE, NULL, "an image was taken into use meanwhile");
    if (sw_read_file("/proc/self/mountinfo", &c->mounts, err) < 0 || read_records(c, err) < 0)
        return err->code;
    if (!all_known(c))
        return sw_fail(err, SW_EUNAVAILABLE, NULL,
                       "a task uses an image whose layers are not known; nothing is removed until "
                       "it ends");
    remove_records(c);
    mark(c);
    sweep_documents(c);
    sweep_snapshots(c);
    return 0;
}

int image_store_clean(struct image_store *s, const struct image_cleanup *o,
                      struct image_cleaned *ret, struct sw_err *err)
{
    *ret = (struct image_cleaned){0};
    struct cleaning c = {.s = s,
                         .o = o,
                         .done = ret,
                         .now_s = sw_now_us() / 1000000,
                         .keep = json_object(),
                         .mounts = SW_BUF_INIT(MOUNTS_MAX)};
    pthread_mutex_lock(&s->lock);
    int r = clean_locked(&c, err);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < c.removed_n; i++) {
        struct sw_err ignored = SW_ERR_INIT; /* what is left goes at the next start */
        (void)sw_remove_tree(c.removed[i], &ignored);
        free(c.removed[i]);
    }
    for (size_t i = 0; i < c.records_n; i++) {
        free(c.records[i].path);
        json_decref(c.records[i].doc);
    }
    free(c.removed);
    free(c.records);
    json_decref(c.keep);
    sw_buf_done(&c.mounts);
    return r;
}
